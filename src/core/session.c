#include "core/session.h"

#include <assert.h>
#include <string.h>

/* What a handler of the table may do: look at the input, add actions. The state is moved by
 * session_step alone, to what the handler returns. */
typedef enum session_state handler_fn(
    struct session *s, const struct session_input *in, struct session_actions *out);

static bool
is_leased(enum session_state st)
{
	return st == SESSION_ATTESTED || st == SESSION_RECHALLENGED || st == SESSION_REVERIFYING;
}

static bool
is_challenged(enum session_state st)
{
	return st == SESSION_CHALLENGED || st == SESSION_RECHALLENGED;
}

/* --- actions --- */

static struct session_action *
add(struct session_actions *out, enum session_do kind)
{
	struct session_action *a = &out->v[out->n];

	assert(out->n < SESSION_ACTIONS_MAX);
	out->n++;
	memset(a, 0, sizeof *a);
	a->kind = kind;
	return a;
}

static void
forget_nonce(struct session *s)
{
	memset(s->nonce, 0, sizeof s->nonce);
	s->nonce_live = false;
}

/* End: no byte after this, the nonce and the lease are gone. */
static enum session_state
close_with(struct session *s, const struct err *e, int ws_code, struct session_actions *out)
{
	if (is_leased(s->state))
		add(out, SESSION_DO_UNROUTE)->err = *e;
	struct session_action *a = add(out, SESSION_DO_CLOSE);

	a->err = *e;
	a->ws_code = ws_code;
	forget_nonce(s);
	lease_end(&s->lease);
	s->due_ms = UINT64_MAX;
	return SESSION_CLOSED;
}

static enum session_state
close_err(struct session *s, const struct err *e, struct session_actions *out)
{
	int code = reason_ws(e->reason);

	return close_with(s, e, code ? code : 1008, out); /* RFC 6455 section 7.4.1: policy */
}

static enum session_state
close_for(
    struct session *s, enum err_code c, enum reason r, const char *why, struct session_actions *out)
{
	struct err e = {0};

	err_set(&e, c, r, "%s", why);
	return close_err(s, &e, out);
}

/* Refuse without moving; the ninth time ends it. */
static enum session_state
soft(struct session *s, const struct err *e, struct session_actions *out)
{
	if (++s->soft_errors > SESSION_SOFT_ERRORS_MAX)
		return close_err(s, e, out);
	add(out, SESSION_DO_STATUS)->err = *e;
	return s->state;
}

static enum session_state
soft_for(struct session *s, enum reason r, const char *why, struct session_actions *out)
{
	struct err e = {0};

	err_set(&e, ERR_NOT_NOW, r, "%s", why);
	return soft(s, &e, out);
}

/* The earlier deadline stands where a challenge is out already: asking again buys no time. */
static enum session_state
challenge(struct session *s, const struct session_input *in, enum session_why why,
    struct session_actions *out)
{
	uint64_t due = in->now_ms + 1000 * (uint64_t)s->set->deadline_s;
	struct session_action *a = add(out, SESSION_DO_CHALLENGE);

	assert(in->nonce);
	memcpy(s->nonce, in->nonce, sizeof s->nonce);
	s->nonce_live = true;
	if (!is_challenged(s->state) || s->due_ms > due)
		s->due_ms = due;
	s->why = why;
	if (why == WHY_REGISTER)
		s->renew = true;
	memcpy(a->nonce, s->nonce, sizeof a->nonce);
	a->why = why;
	a->deadline_s = (uint32_t)((s->due_ms - in->now_ms) / 1000);
	return is_leased(s->state) ? SESSION_RECHALLENGED : SESSION_CHALLENGED;
}

/* --- handlers --- */

static enum session_state
on_register(struct session *s, const struct session_input *in, struct session_actions *out)
{
	s->id = *in->id;
	return challenge(s, in, WHY_REGISTER, out);
}

static enum session_state
identity_changed(struct session *s, struct session_actions *out)
{
	return close_for(s, ERR_NOT_NOW, REASON_IDENTITY_CHANGED,
	    "a second register names another identity", out);
}

static enum session_state
on_register_again(struct session *s, const struct session_input *in, struct session_actions *out)
{
	if (!attest_identity_eq(&s->id, in->id))
		return identity_changed(s, out);
	return challenge(s, in, WHY_REGISTER, out);
}

/* A verdict is pending: its end brings the challenge. */
static enum session_state
on_register_late(struct session *s, const struct session_input *in, struct session_actions *out)
{
	if (!attest_identity_eq(&s->id, in->id))
		return identity_changed(s, out);
	s->register_again = true;
	return s->state;
}

static enum session_state
attestation_timeout(struct session *s, struct session_actions *out)
{
	return close_for(s, ERR_EXPIRED, REASON_ATTESTATION_TIMEOUT,
	    "the challenge was not answered in time", out);
}

static enum session_state
on_answer(struct session *s, const struct session_input *in, struct session_actions *out)
{
	if (in->now_ms >= s->due_ms)
		return attestation_timeout(s, out);
	assert(s->nonce_live);
	struct session_action *a = add(out, SESSION_DO_VERIFY);

	memcpy(a->nonce, s->nonce, sizeof a->nonce);
	a->attempt = ++s->attempt;
	a->renew = s->renew;
	forget_nonce(s);
	if (s->state == SESSION_RECHALLENGED) {
		/* Under the lease that stands: an outage ends nothing before its end. */
		s->due_ms = s->lease.until_ms;
		return SESSION_REVERIFYING;
	}
	s->due_ms = in->now_ms + 1000 * (uint64_t)s->set->verify_s;
	return SESSION_VERIFYING;
}

static enum session_state
on_answer_unasked(struct session *s, const struct session_input *in, struct session_actions *out)
{
	return soft_for(s,
	    s->state == SESSION_NEW ? REASON_NOT_REGISTERED : REASON_UNEXPECTED_ATTESTATION,
	    "an attestation that no challenge asked for", out);
}

static enum session_state
on_verified(struct session *s, const struct session_input *in, struct session_actions *out)
{
	if (in->attempt != s->attempt)
		return s->state;
	add(out, SESSION_DO_ADMIT)->renew = s->renew;
	s->renew = false;
	s->admitted_ms = in->now_ms;
	lease_grant(
	    &s->lease, in->now_ms, s->set->interval_s, s->set->deadline_s, s->set->verify_s);
	s->due_ms = in->now_ms + 1000 * (uint64_t)s->set->interval_s;
	if (s->register_again)
		s->due_ms = in->now_ms; /* the timer brings the nonce that the challenge needs */
	return SESSION_ATTESTED;
}

static enum session_state
on_refused(struct session *s, const struct session_input *in, struct session_actions *out)
{
	if (in->attempt != s->attempt)
		return s->state;
	return close_err(s, in->err, out);
}

static enum session_state
on_challenge(struct session *s, const struct session_input *in, struct session_actions *out)
{
	return challenge(s, in, in->why, out);
}

static enum session_state
on_health(struct session *s, const struct session_input *in, struct session_actions *out)
{
	add(out, SESSION_DO_HEALTH)->pass = in->pass;
	return s->state;
}

static enum session_state
on_health_early(struct session *s, const struct session_input *in, struct session_actions *out)
{
	return soft_for(s, REASON_NOT_REGISTERED, "health before attestation", out);
}

static enum session_state
on_timer_new(struct session *s, const struct session_input *in, struct session_actions *out)
{
	return close_for(s, ERR_EXPIRED, REASON_REGISTER_TIMEOUT, "no register in time", out);
}

static enum session_state
on_timer_challenged(struct session *s, const struct session_input *in, struct session_actions *out)
{
	return attestation_timeout(s, out);
}

static enum session_state
on_timer_verifying(struct session *s, const struct session_input *in, struct session_actions *out)
{
	return close_for(s, ERR_EXPIRED, REASON_VERIFY_TIMEOUT, "no verdict in time", out);
}

static enum session_state
on_timer_attested(struct session *s, const struct session_input *in, struct session_actions *out)
{
	bool registered = s->register_again;

	s->register_again = false;
	return challenge(s, in, registered ? WHY_REGISTER : WHY_PERIODIC, out);
}

static enum session_state
on_soft(struct session *s, const struct session_input *in, struct session_actions *out)
{
	return soft(s, in->err, out);
}

static enum session_state
on_fatal(struct session *s, const struct session_input *in, struct session_actions *out)
{
	return close_err(s, in->err, out);
}

static enum session_state
on_replaced(struct session *s, const struct session_input *in, struct session_actions *out)
{
	return close_for(s, ERR_NOT_NOW, REASON_REPLACED, "a newer tunnel took over", out);
}

static enum session_state
on_expired(struct session *s, const struct session_input *in, struct session_actions *out)
{
	return close_for(
	    s, ERR_EXPIRED, REASON_REGISTRATION_EXPIRED, "the registration ended", out);
}

static enum session_state
on_removed(struct session *s, const struct session_input *in, struct session_actions *out)
{
	return close_for(s, ERR_POLICY, REASON_ADMIN_REMOVED, "an admin removed the app", out);
}

static enum session_state
on_drain(struct session *s, const struct session_input *in, struct session_actions *out)
{
	return close_for(s, ERR_NOT_NOW, REASON_DRAINING, "the control plane stops", out);
}

static enum session_state
on_gone(struct session *s, const struct session_input *in, struct session_actions *out)
{
	struct err e = {0};

	err_set(&e, ERR_IO, REASON_TUNNEL_LOST, "the connection is lost");
	return close_with(s, &e, 0, out);
}

/* --- the table --- */

#define NEW         [SESSION_NEW]
#define CHAL        [SESSION_CHALLENGED]
#define VERI        [SESSION_VERIFYING]
#define ATTE        [SESSION_ATTESTED]
#define RECH        [SESSION_RECHALLENGED]
#define REVE        [SESSION_REVERIFYING]
#define ALL_OPEN(f) NEW = f, CHAL = f, VERI = f, ATTE = f, RECH = f, REVE = f

/* An absent cell does nothing: a closed session takes no event at all. */
/* clang-format off */
static handler_fn *const table[SESSION_EVENT_COUNT][SESSION_STATE_COUNT] = {
	[SESSION_EV_REGISTER] = {
		NEW  = on_register,
		CHAL = on_register_again,
		VERI = on_register_late,
		ATTE = on_register_again,
		RECH = on_register_again,
		REVE = on_register_late,
	},
	[SESSION_EV_ANSWER] = {
		NEW  = on_answer_unasked,
		CHAL = on_answer,
		VERI = on_answer_unasked,
		ATTE = on_answer_unasked,
		RECH = on_answer,
		REVE = on_answer_unasked,
	},
	[SESSION_EV_VERIFIED]  = { VERI = on_verified, REVE = on_verified },
	[SESSION_EV_REFUSED]   = { VERI = on_refused, REVE = on_refused },
	[SESSION_EV_CHALLENGE] = { ATTE = on_challenge },
	[SESSION_EV_TIMER] = {
		NEW  = on_timer_new,
		CHAL = on_timer_challenged,
		VERI = on_timer_verifying,
		ATTE = on_timer_attested,
		RECH = on_timer_challenged,
		REVE = on_timer_verifying,
	},
	[SESSION_EV_HEALTH] = {
		NEW  = on_health_early,
		CHAL = on_health_early,
		VERI = on_health_early,
		ATTE = on_health,
		RECH = on_health,
		REVE = on_health,
	},
	[SESSION_EV_SOFT]     = { ALL_OPEN(on_soft) },
	[SESSION_EV_FATAL]    = { ALL_OPEN(on_fatal) },
	[SESSION_EV_REPLACED] = { ALL_OPEN(on_replaced) },
	[SESSION_EV_EXPIRED]  = { ALL_OPEN(on_expired) },
	[SESSION_EV_REMOVED]  = { ALL_OPEN(on_removed) },
	[SESSION_EV_DRAIN]    = { ALL_OPEN(on_drain) },
	[SESSION_EV_GONE]     = { ALL_OPEN(on_gone) },
};
/* clang-format on */

void
session_init(struct session *s, const struct session_settings *set, uint64_t now_ms)
{
	memset(s, 0, sizeof *s);
	s->set = set;
	s->due_ms = now_ms + 1000 * SESSION_REGISTER_TIMEOUT_S;
}

/* The one mover. */
void
session_step(struct session *s, const struct session_input *in, struct session_actions *out)
{
	handler_fn *handle = table[in->ev][s->state];

	out->n = 0;
	if (!handle)
		return;
	/* Trust ends by the clock, whatever else came; but the loss of the peer needs no word. */
	if (is_leased(s->state) && !lease_holds(&s->lease, in->now_ms)
	    && in->ev != SESSION_EV_GONE) {
		bool missed = s->state == SESSION_RECHALLENGED;

		s->state = missed ? attestation_timeout(s, out) : on_timer_verifying(s, in, out);
		return;
	}
	if (in->ev == SESSION_EV_TIMER && in->now_ms < s->due_ms)
		return;
	s->state = handle(s, in, out);
}

uint64_t
session_due_ms(const struct session *s)
{
	return s->due_ms;
}

bool
session_may_carry(const struct session *s, uint64_t now_ms)
{
	return is_leased(s->state) && lease_holds(&s->lease, now_ms);
}

const char *
session_state_name(enum session_state st)
{
	static const char *const names[SESSION_STATE_COUNT] = {"connected", "challenged",
	    "verifying", "attested", "rechallenged", "reverifying", "closed"};

	return names[st];
}

const char *
session_event_name(enum session_event ev)
{
	static const char *const names[SESSION_EVENT_COUNT] = {"register", "answer", "verified",
	    "refused", "challenge", "timer", "health", "soft_error", "fatal_error", "replaced",
	    "expired", "removed", "drain", "gone"};

	return names[ev];
}

const char *
session_why_name(enum session_why why)
{
	static const char *const names[] = {"register", "periodic", "admin", "policy"};

	return names[why];
}
