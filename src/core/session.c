#include "core/session.h"

#include <assert.h>
#include <string.h>

/* What an action of the table may do: look at the input, say what is to be done, set deadlines.
 * The state it sees is the one that is left; session_step alone moves it, where the row says. */
struct act;
typedef void act_fn(struct session *s, const struct session_input *in, const struct act *act,
    struct session_actions *out);

/* An action with the words that it ends or refuses with, where they do not come with the event. */
struct act {
	const char *name;
	act_fn *run;
	enum err_code code;
	enum reason reason;
	const char *why;
};

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

/* --- what actions are made of --- */

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

/* The row's own words, or where it has none, those that came with the event. */
static struct err
words(const struct session_input *in, const struct act *act)
{
	struct err e = {0};

	if (!act->why)
		return *in->err;
	(void)err_set(&e, act->code, act->reason, "%s", act->why);
	return e;
}

/* The earlier deadline stands where a challenge is out already: asking again buys no time. */
static void
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
}

/* When to ask again: up to a tenth of the interval before its end, so that agents that came in one
 * second do not answer in one second for ever; and one time in four at some moment long before, so
 * that nobody knows an hour in which he will not be asked. */
static uint64_t
next_challenge_ms(const struct session *s, const struct session_input *in)
{
	uint64_t interval = 1000 * (uint64_t)s->set->interval_s, part = in->random & 0xffff;

	if ((in->random >> 16 & 3) == 3)
		return in->now_ms + interval / 10 + (interval / 10 * 8 * part >> 16);
	return in->now_ms + interval - (interval / 10 * part >> 16);
}

/* --- actions --- */

static void
do_take(struct session *s, const struct session_input *in, const struct act *act,
    struct session_actions *out)
{
	s->id = in->id;
	challenge(s, in, WHY_REGISTER, out);
}

static void
do_take_again(struct session *s, const struct session_input *in, const struct act *act,
    struct session_actions *out)
{
	challenge(s, in, WHY_REGISTER, out);
}

/* A verdict is pending: its end brings the challenge. */
static void
do_take_later(struct session *s, const struct session_input *in, const struct act *act,
    struct session_actions *out)
{
	s->register_again = true;
}

static void
do_ask(struct session *s, const struct session_input *in, const struct act *act,
    struct session_actions *out)
{
	challenge(s, in, in->why, out);
}

static void
do_ask_when_due(struct session *s, const struct session_input *in, const struct act *act,
    struct session_actions *out)
{
	enum session_why why = s->register_again ? WHY_REGISTER : WHY_PERIODIC;

	s->register_again = false;
	challenge(s, in, why, out);
}

/* Under a lease that stands an outage ends nothing before the lease's end. */
static void
do_verify(struct session *s, const struct session_input *in, const struct act *act,
    struct session_actions *out)
{
	struct session_action *a = add(out, SESSION_DO_VERIFY);

	assert(s->nonce_live);
	memcpy(a->nonce, s->nonce, sizeof a->nonce);
	a->attempt = ++s->attempt;
	a->renew = s->renew;
	forget_nonce(s);
	s->due_ms = is_leased(s->state) ? s->lease.until_ms
					: in->now_ms + 1000 * (uint64_t)s->set->verify_s;
}

static void
do_admit(struct session *s, const struct session_input *in, const struct act *act,
    struct session_actions *out)
{
	add(out, SESSION_DO_ADMIT)->renew = s->renew;
	s->renew = false;
	s->admitted_ms = in->now_ms;
	lease_grant(
	    &s->lease, in->now_ms, s->set->interval_s, s->set->deadline_s, s->set->verify_s);
	s->due_ms = next_challenge_ms(s, in);
	if (s->register_again)
		s->due_ms = in->now_ms; /* the timer brings the nonce that the challenge needs */
}

static void
do_health(struct session *s, const struct session_input *in, const struct act *act,
    struct session_actions *out)
{
	add(out, SESSION_DO_HEALTH)->pass = in->pass;
}

static void
do_refuse(struct session *s, const struct session_input *in, const struct act *act,
    struct session_actions *out)
{
	add(out, SESSION_DO_STATUS)->err = words(in, act);
}

/* No byte after this; the nonce and the lease are gone. */
static void
end(struct session *s, const struct err *e, int ws_code, struct session_actions *out)
{
	struct session_action *a;

	if (is_leased(s->state))
		add(out, SESSION_DO_UNROUTE)->err = *e;
	a = add(out, SESSION_DO_CLOSE);
	a->err = *e;
	a->ws_code = ws_code;
	forget_nonce(s);
	lease_end(&s->lease);
	s->due_ms = UINT64_MAX;
}

static void
do_end(struct session *s, const struct session_input *in, const struct act *act,
    struct session_actions *out)
{
	struct err e = words(in, act);
	int code = reason_ws(e.reason);

	end(s, &e, code ? code : 1008, out); /* RFC 6455 section 7.4.1: policy */
}

/* There is nobody to tell. */
static void
do_end_silently(struct session *s, const struct session_input *in, const struct act *act,
    struct session_actions *out)
{
	struct err e = words(in, act);

	end(s, &e, 0, out);
}

/* --- the table --- */

/* clang-format off */
#define ACTS(X) \
	X(take,             do_take,         ERR_NONE, REASON_OK, NULL) \
	X(take_again,       do_take_again,   ERR_NONE, REASON_OK, NULL) \
	X(take_later,       do_take_later,   ERR_NONE, REASON_OK, NULL) \
	X(ask,              do_ask,          ERR_NONE, REASON_OK, NULL) \
	X(ask_when_due,     do_ask_when_due, ERR_NONE, REASON_OK, NULL) \
	X(verify,           do_verify,       ERR_NONE, REASON_OK, NULL) \
	X(admit,            do_admit,        ERR_NONE, REASON_OK, NULL) \
	X(health,           do_health,       ERR_NONE, REASON_OK, NULL) \
	X(refuse,           do_refuse,       ERR_NONE, REASON_OK, NULL) \
	X(refuse_unknown,   do_refuse,       ERR_NOT_NOW, REASON_NOT_REGISTERED, "a register comes first") \
	X(refuse_early,     do_refuse,       ERR_NOT_NOW, REASON_NOT_REGISTERED, "health before attestation") \
	X(refuse_unasked,   do_refuse,       ERR_NOT_NOW, REASON_UNEXPECTED_ATTESTATION, \
	    "an attestation that no challenge asked for") \
	X(end,              do_end,          ERR_NONE, REASON_OK, NULL) \
	X(end_unregistered, do_end,          ERR_EXPIRED, REASON_REGISTER_TIMEOUT, "no register in time") \
	X(end_identity,     do_end,          ERR_NOT_NOW, REASON_IDENTITY_CHANGED, \
	    "a second register names another identity") \
	X(end_missed,       do_end,          ERR_EXPIRED, REASON_ATTESTATION_TIMEOUT, \
	    "the challenge was not answered in time") \
	X(end_unverified,   do_end,          ERR_EXPIRED, REASON_VERIFY_TIMEOUT, "no verdict in time") \
	X(end_replaced,     do_end,          ERR_NOT_NOW, REASON_REPLACED, "a newer tunnel took over") \
	X(end_expired,      do_end,          ERR_EXPIRED, REASON_REGISTRATION_EXPIRED, "the registration ended") \
	X(end_removed,      do_end,          ERR_POLICY, REASON_ADMIN_REMOVED, "an admin removed the app") \
	X(end_banned,       do_end,          ERR_POLICY, REASON_APP_BANNED, "an admin banned the name") \
	X(end_drain,        do_end,          ERR_NOT_NOW, REASON_DRAINING, "the control plane stops") \
	X(end_gone,         do_end_silently, ERR_IO, REASON_TUNNEL_LOST, "the connection is lost")

#define X(name, run, code, reason, why) ACT_##name,
enum { ACTS(X) ACT_COUNT };
#undef X
#define X(name, run, code, reason, why) {#name, run, code, reason, why},
static const struct act acts[ACT_COUNT] = {ACTS(X)};
#undef X

struct row {
	enum session_state from;
	enum session_event on;
	enum session_state to;
	int act;
};

#define ROW(from, on, to, act) {SESSION_##from, SESSION_EV_##on, SESSION_##to, ACT_##act}
#define STAY(in, on, act)      ROW(in, on, in, act)
#define FROM_ALL(on, to, act) \
	ROW(NEW, on, to, act), ROW(CHALLENGED, on, to, act), ROW(VERIFYING, on, to, act), \
	ROW(ATTESTED, on, to, act), ROW(RECHALLENGED, on, to, act), ROW(REVERIFYING, on, to, act)

/* What has no row does nothing: a closed session takes no event at all. */
static const struct row table[] = {
	ROW (NEW,          REGISTER,   CHALLENGED,   take),
	ROW (CHALLENGED,   REGISTER,   CHALLENGED,   take_again),
	STAY(VERIFYING,    REGISTER,                 take_later),
	ROW (ATTESTED,     REGISTER,   RECHALLENGED, take_again),
	ROW (RECHALLENGED, REGISTER,   RECHALLENGED, take_again),
	STAY(REVERIFYING,  REGISTER,                 take_later),

	STAY(NEW,          ANSWER,                   refuse_unknown),
	ROW (CHALLENGED,   ANSWER,     VERIFYING,    verify),
	STAY(VERIFYING,    ANSWER,                   refuse_unasked),
	STAY(ATTESTED,     ANSWER,                   refuse_unasked),
	ROW (RECHALLENGED, ANSWER,     REVERIFYING,  verify),
	STAY(REVERIFYING,  ANSWER,                   refuse_unasked),

	ROW (VERIFYING,    VERIFIED,   ATTESTED,     admit),
	ROW (REVERIFYING,  VERIFIED,   ATTESTED,     admit),
	ROW (VERIFYING,    REFUSED,    CLOSED,       end),
	ROW (REVERIFYING,  REFUSED,    CLOSED,       end),

	ROW (ATTESTED,     CHALLENGE,  RECHALLENGED, ask),

	ROW (NEW,          TIMER,      CLOSED,       end_unregistered),
	ROW (CHALLENGED,   TIMER,      CLOSED,       end_missed),
	ROW (VERIFYING,    TIMER,      CLOSED,       end_unverified),
	ROW (ATTESTED,     TIMER,      RECHALLENGED, ask_when_due),
	ROW (RECHALLENGED, TIMER,      CLOSED,       end_missed),
	ROW (REVERIFYING,  TIMER,      CLOSED,       end_unverified),

	STAY(NEW,          HEALTH,                   refuse_early),
	STAY(CHALLENGED,   HEALTH,                   refuse_early),
	STAY(VERIFYING,    HEALTH,                   refuse_early),
	STAY(ATTESTED,     HEALTH,                   health),
	STAY(RECHALLENGED, HEALTH,                   health),
	STAY(REVERIFYING,  HEALTH,                   health),

	STAY(NEW,          SOFT,                     refuse),
	STAY(CHALLENGED,   SOFT,                     refuse),
	STAY(VERIFYING,    SOFT,                     refuse),
	STAY(ATTESTED,     SOFT,                     refuse),
	STAY(RECHALLENGED, SOFT,                     refuse),
	STAY(REVERIFYING,  SOFT,                     refuse),

	ROW (ATTESTED,     LEASE_OVER, CLOSED,       end_unverified),
	ROW (RECHALLENGED, LEASE_OVER, CLOSED,       end_missed),
	ROW (REVERIFYING,  LEASE_OVER, CLOSED,       end_unverified),

	ROW (CHALLENGED,   OTHER_IDENTITY, CLOSED,   end_identity),
	ROW (VERIFYING,    OTHER_IDENTITY, CLOSED,   end_identity),
	ROW (ATTESTED,     OTHER_IDENTITY, CLOSED,   end_identity),
	ROW (RECHALLENGED, OTHER_IDENTITY, CLOSED,   end_identity),
	ROW (REVERIFYING,  OTHER_IDENTITY, CLOSED,   end_identity),

	FROM_ALL(TOO_MANY, CLOSED, end),
	FROM_ALL(FATAL,    CLOSED, end),
	FROM_ALL(REPLACED, CLOSED, end_replaced),
	FROM_ALL(EXPIRED,  CLOSED, end_expired),
	FROM_ALL(REMOVED,  CLOSED, end_removed),
	FROM_ALL(BANNED,   CLOSED, end_banned),
	FROM_ALL(DRAIN,    CLOSED, end_drain),
	FROM_ALL(GONE,     CLOSED, end_gone),
};
/* clang-format on */

#define ROWS (sizeof table / sizeof table[0])

static const struct row *
row_find(enum session_state from, enum session_event on)
{
	for (size_t i = 0; i < ROWS; i++)
		if (table[i].from == from && table[i].on == on)
			return &table[i];
	return NULL;
}

static bool
row_is_fault(const struct row *r)
{
	return acts[r->act].run == do_refuse;
}

/* --- the rules in front of it --- */

typedef bool rule_fn(const struct session *s, const struct session_input *in);

static bool
lease_over(const struct session *s, const struct session_input *in)
{
	return is_leased(s->state) && !lease_holds(&s->lease, in->now_ms);
}

static bool
early(const struct session *s, const struct session_input *in)
{
	return in->now_ms < s->due_ms;
}

static bool
late(const struct session *s, const struct session_input *in)
{
	return is_challenged(s->state) && in->now_ms >= s->due_ms;
}

static bool
other_identity(const struct session *s, const struct session_input *in)
{
	return s->state != SESSION_NEW && !attest_identity_eq(s->id, in->id);
}

static bool
other_attempt(const struct session *s, const struct session_input *in)
{
	return in->attempt != s->attempt;
}

#define RULE(on, when, becomes)                                                                    \
	{                                                                                          \
		SESSION_EV_##on, when, #when, SESSION_EV_##becomes                                 \
	}
#define SESSION_EV_ANY SESSION_EVENTS_ALL

/* clang-format off */
static const struct rule {
	enum session_event on;
	rule_fn *holds;
	const char *when;
	enum session_event becomes;
} rules[] = {
	/* Trust ends by the clock, whatever else came; but the loss of the peer needs no word. */
	RULE(ANY,      lease_over,     LEASE_OVER),
	RULE(TIMER,    early,          NOTHING),
	RULE(ANSWER,   late,           TIMER),
	RULE(REGISTER, other_identity, OTHER_IDENTITY),
	RULE(VERIFIED, other_attempt,  NOTHING),
	RULE(REFUSED,  other_attempt,  NOTHING),
};
/* clang-format on */

#define RULES (sizeof rules / sizeof rules[0])

static enum session_event
judge(const struct session *s, const struct session_input *in)
{
	for (size_t i = 0; i < RULES; i++) {
		bool concerns = rules[i].on == SESSION_EV_ANY ? in->ev != SESSION_EV_GONE
							      : rules[i].on == in->ev;

		if (concerns && rules[i].holds(s, in))
			return rules[i].becomes;
	}
	return in->ev;
}

bool
session_row(size_t i, struct session_row_view *out)
{
	if (i >= ROWS)
		return false;
	*out = (struct session_row_view){table[i].from, table[i].on, table[i].to,
	    acts[table[i].act].name, row_is_fault(&table[i])};
	return true;
}

bool
session_rule(size_t i, struct session_rule_view *out)
{
	if (i >= RULES)
		return false;
	*out = (struct session_rule_view){rules[i].on, rules[i].when, rules[i].becomes};
	return true;
}

void
session_init(struct session *s, const struct session_settings *set, uint64_t now_ms)
{
	static const struct attest_identity nobody = {"", "", "", "", ""};

	memset(s, 0, sizeof *s);
	s->id = &nobody;
	s->set = set;
	s->due_ms = now_ms + 1000 * SESSION_REGISTER_TIMEOUT_S;
}

/* An error of the peer's is answered; one too many ends the tunnel with the same words. */
static const struct row *
count_fault(struct session *s, const struct row *r, struct session_input *in, struct err *e)
{
	if (++s->soft_errors <= SESSION_SOFT_ERRORS_MAX)
		return r;
	*e = words(in, &acts[r->act]);
	in->err = e;
	return row_find(s->state, SESSION_EV_TOO_MANY);
}

/* The one mover. */
void
session_step(struct session *s, const struct session_input *in, struct session_actions *out)
{
	struct session_input meant = *in;
	const struct row *r = row_find(s->state, judge(s, in));
	struct err e = {0};

	out->n = 0;
	if (r && row_is_fault(r))
		r = count_fault(s, r, &meant, &e);
	if (!r)
		return;
	acts[r->act].run(s, &meant, &acts[r->act], out);
	s->state = r->to;
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
	static const char *const names[SESSION_EVENTS_ALL] = {"register", "answer", "verified",
	    "refused", "challenge", "timer", "health", "soft_error", "fatal_error", "replaced",
	    "expired", "removed", "banned", "drain", "gone", "lease_over", "other_identity",
	    "too_many", "nothing"};

	return names[ev];
}

const char *
session_why_name(enum session_why why)
{
	static const char *const names[] = {"register", "periodic", "admin", "policy"};

	return names[why];
}
