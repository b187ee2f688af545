#include "base/test.h"

#include "core/session.h"

static const struct session_settings SET = {.interval_s = 3600, .deadline_s = 30, .verify_s = 60};
static const struct attest_identity ID = {"org/repo", "v1", "app", "forge-1", "a-1"};
static const uint8_t NONCE[2][32] = {{1}, {2}};

static struct session s;
static struct session_actions out;

static void
step(struct session_input in)
{
	session_step(&s, &in, &out);
}

static void
ev(enum session_event e, uint64_t now_ms)
{
	step((struct session_input){
	    .ev = e, .now_ms = now_ms, .id = &ID, .nonce = NONCE[0], .attempt = s.attempt});
}

/* Expect exactly these actions; kinds end with -1. */
static void
expect(enum session_state st, const int *kinds)
{
	size_t n = 0;

	assert_string_equal(session_state_name(s.state), session_state_name(st));
	for (; kinds[n] >= 0; n++) {
		assert_true(n < out.n);
		assert_int_equal(out.v[n].kind, kinds[n]);
	}
	assert_int_equal(out.n, n);
}
#define EXPECT(st, ...) expect(st, (const int[]){__VA_ARGS__, -1})

static void
expect_closed(enum reason r, int code)
{
	const struct session_action *a = &out.v[out.n - 1];

	assert_int_equal(s.state, SESSION_CLOSED);
	assert_int_equal(a->kind, SESSION_DO_CLOSE);
	assert_string_equal(reason_token(a->err.reason), reason_token(r));
	assert_int_equal(a->ws_code, code);
	assert_int_equal(s.due_ms, UINT64_MAX);
	assert_false(session_may_carry(&s, 0));
}

static void
reach(enum session_state st)
{
	session_init(&s, &SET, 0);
	if (st >= SESSION_CHALLENGED)
		ev(SESSION_EV_REGISTER, 1000);
	if (st >= SESSION_VERIFYING)
		ev(SESSION_EV_ANSWER, 2000);
	if (st >= SESSION_ATTESTED)
		ev(SESSION_EV_VERIFIED, 3000);
	if (st >= SESSION_RECHALLENGED)
		ev(SESSION_EV_TIMER, 3603000);
	if (st >= SESSION_REVERIFYING)
		ev(SESSION_EV_ANSWER, 3604000);
	assert_int_equal(s.state, st);
}

static void
the_plain_way(void **state)
{
	session_init(&s, &SET, 0);
	assert_int_equal(session_due_ms(&s), 10000);
	ev(SESSION_EV_REGISTER, 1000);
	EXPECT(SESSION_CHALLENGED, SESSION_DO_CHALLENGE);
	assert_int_equal(out.v[0].why, WHY_REGISTER);
	assert_int_equal(out.v[0].deadline_s, 30);
	assert_memory_equal(out.v[0].nonce, NONCE[0], 32);
	assert_int_equal(session_due_ms(&s), 31000);
	ev(SESSION_EV_ANSWER, 30999);
	EXPECT(SESSION_VERIFYING, SESSION_DO_VERIFY);
	assert_memory_equal(out.v[0].nonce, NONCE[0], 32);
	assert_false(s.nonce_live);
	assert_false(session_may_carry(&s, 31000));
	/* The deadline was met: verification has its own time. */
	ev(SESSION_EV_TIMER, 40000);
	assert_int_equal(out.n, 0);
	ev(SESSION_EV_VERIFIED, 50000);
	EXPECT(SESSION_ATTESTED, SESSION_DO_ADMIT);
	assert_true(out.v[0].renew);
	assert_true(session_may_carry(&s, 50000));
	assert_true(session_may_carry(&s, 50000 + 3690 * 1000 - 1));
	assert_false(session_may_carry(&s, 50000 + 3690 * 1000));
	ev(SESSION_EV_TIMER, 50000 + 3600 * 1000);
	EXPECT(SESSION_RECHALLENGED, SESSION_DO_CHALLENGE);
	assert_int_equal(out.v[0].why, WHY_PERIODIC);
	ev(SESSION_EV_ANSWER, 50000 + 3601 * 1000);
	EXPECT(SESSION_REVERIFYING, SESSION_DO_VERIFY);
	assert_true(session_may_carry(&s, 50000 + 3602 * 1000));
	ev(SESSION_EV_VERIFIED, 50000 + 3602 * 1000);
	EXPECT(SESSION_ATTESTED, SESSION_DO_ADMIT);
	assert_false(out.v[0].renew); /* a periodic attestation renews no TTL */
}

static void
silence_is_named(void **state)
{
	reach(SESSION_NEW);
	ev(SESSION_EV_TIMER, 9999);
	assert_int_equal(out.n, 0);
	ev(SESSION_EV_TIMER, 10000);
	expect_closed(REASON_REGISTER_TIMEOUT, 1008);
	reach(SESSION_CHALLENGED);
	ev(SESSION_EV_TIMER, 31000);
	expect_closed(REASON_ATTESTATION_TIMEOUT, 1008);
	reach(SESSION_CHALLENGED);
	ev(SESSION_EV_ANSWER, 31000); /* late, although no timer has run yet */
	expect_closed(REASON_ATTESTATION_TIMEOUT, 1008);
	reach(SESSION_VERIFYING);
	ev(SESSION_EV_TIMER, 62000);
	expect_closed(REASON_VERIFY_TIMEOUT, 1008);
	reach(SESSION_RECHALLENGED);
	ev(SESSION_EV_TIMER, 3633000);
	EXPECT(SESSION_CLOSED, SESSION_DO_UNROUTE, SESSION_DO_CLOSE);
	expect_closed(REASON_ATTESTATION_TIMEOUT, 1008);
	/* An outage of the verifier's sources: the lease runs to its own end. */
	reach(SESSION_REVERIFYING);
	assert_int_equal(session_due_ms(&s), 3000 + 3690 * 1000);
	ev(SESSION_EV_TIMER, 3000 + 3690 * 1000);
	EXPECT(SESSION_CLOSED, SESSION_DO_UNROUTE, SESSION_DO_CLOSE);
	expect_closed(REASON_VERIFY_TIMEOUT, 1008);
}

static void
a_second_register_renews_or_ends(void **state)
{
	struct attest_identity other = ID;

	reach(SESSION_ATTESTED);
	step((struct session_input){
	    .ev = SESSION_EV_REGISTER, .now_ms = 5000, .id = &ID, .nonce = NONCE[1]});
	EXPECT(SESSION_RECHALLENGED, SESSION_DO_CHALLENGE);
	ev(SESSION_EV_ANSWER, 6000);
	assert_memory_equal(out.v[0].nonce, NONCE[1], 32);
	ev(SESSION_EV_VERIFIED, 7000);
	assert_true(out.v[0].renew);
	/* While a challenge is out it buys no time. */
	reach(SESSION_CHALLENGED);
	step((struct session_input){
	    .ev = SESSION_EV_REGISTER, .now_ms = 30000, .id = &ID, .nonce = NONCE[1]});
	EXPECT(SESSION_CHALLENGED, SESSION_DO_CHALLENGE);
	assert_int_equal(session_due_ms(&s), 31000);
	assert_int_equal(out.v[0].deadline_s, 1);
	/* While a verdict is pending it waits for it. */
	reach(SESSION_VERIFYING);
	ev(SESSION_EV_REGISTER, 2500);
	assert_int_equal(out.n, 0);
	ev(SESSION_EV_VERIFIED, 3000);
	EXPECT(SESSION_ATTESTED, SESSION_DO_ADMIT);
	assert_int_equal(session_due_ms(&s), 3000);
	ev(SESSION_EV_TIMER, 3000);
	EXPECT(SESSION_RECHALLENGED, SESSION_DO_CHALLENGE);
	assert_int_equal(out.v[0].why, WHY_REGISTER);
	ev(SESSION_EV_ANSWER, 3500);
	ev(SESSION_EV_VERIFIED, 3600);
	assert_int_equal(session_due_ms(&s), 3600 + 3600 * 1000);

	other.app_name = "victim";
	for (int st = SESSION_CHALLENGED; st < SESSION_CLOSED; st++) {
		reach((enum session_state)st);
		step((struct session_input){
		    .ev = SESSION_EV_REGISTER, .now_ms = 3604000, .id = &other, .nonce = NONCE[1]});
		if (st != SESSION_ATTESTED) /* there the lease ends later */
			assert_int_equal(s.state, SESSION_CLOSED);
		expect_closed(REASON_IDENTITY_CHANGED, 1008);
		assert_string_equal(s.id->app_name, "app");
	}
}

static void
a_nonce_serves_once(void **state)
{
	reach(SESSION_VERIFYING);
	ev(SESSION_EV_ANSWER, 2001);
	EXPECT(SESSION_VERIFYING, SESSION_DO_STATUS);
	assert_int_equal(out.v[0].err.reason, REASON_UNEXPECTED_ATTESTATION);
	ev(SESSION_EV_VERIFIED, 3000);
	ev(SESSION_EV_ANSWER, 3001);
	assert_int_equal(out.v[0].err.reason, REASON_UNEXPECTED_ATTESTATION);
	reach(SESSION_NEW);
	ev(SESSION_EV_ANSWER, 1);
	assert_int_equal(out.v[0].err.reason, REASON_NOT_REGISTERED);
}

static void
a_stale_verdict_counts_for_nothing(void **state)
{
	struct err e = {0};

	err_set(&e, ERR_POLICY, REASON_SEALED_REQUIRED, "x");
	reach(SESSION_REVERIFYING);
	for (int k = 0; k < 2; k++) {
		step((struct session_input){.ev = k ? SESSION_EV_VERIFIED : SESSION_EV_REFUSED,
		    .now_ms = 3604500,
		    .attempt = 1,
		    .err = &e});
		assert_int_equal(out.n, 0);
		assert_int_equal(s.state, SESSION_REVERIFYING);
	}
	step((struct session_input){
	    .ev = SESSION_EV_REFUSED, .now_ms = 3604500, .attempt = 2, .err = &e});
	EXPECT(SESSION_CLOSED, SESSION_DO_UNROUTE, SESSION_DO_CLOSE);
	expect_closed(REASON_SEALED_REQUIRED, 1008);
}

static void
the_ninth_error_closes(void **state)
{
	struct err e = {0};

	err_set(&e, ERR_MALFORMED, REASON_INVALID_JSON, "x");
	reach(SESSION_ATTESTED);
	for (int i = 0; i < 8; i++) {
		step((struct session_input){.ev = SESSION_EV_SOFT, .now_ms = 4000, .err = &e});
		EXPECT(SESSION_ATTESTED, SESSION_DO_STATUS);
	}
	step((struct session_input){.ev = SESSION_EV_SOFT, .now_ms = 4000, .err = &e});
	EXPECT(SESSION_CLOSED, SESSION_DO_UNROUTE, SESSION_DO_CLOSE);
	expect_closed(REASON_INVALID_JSON, 1008);
}

static void
health_counts_after_attestation(void **state)
{
	for (int st = SESSION_NEW; st < SESSION_ATTESTED; st++) {
		reach((enum session_state)st);
		ev(SESSION_EV_HEALTH, 2000);
		assert_int_equal(out.v[0].err.reason, REASON_NOT_REGISTERED);
		assert_int_equal(out.v[0].kind, SESSION_DO_STATUS);
	}
	reach(SESSION_ATTESTED);
	step((struct session_input){.ev = SESSION_EV_HEALTH, .now_ms = 4000, .pass = true});
	EXPECT(SESSION_ATTESTED, SESSION_DO_HEALTH);
	assert_true(out.v[0].pass);
}

static void
every_end_has_its_reason(void **state)
{
	static const struct {
		enum session_event ev;
		enum reason r;
		int code;
	} ends[] = {
	    {SESSION_EV_REPLACED, REASON_REPLACED, 1008},
	    {SESSION_EV_EXPIRED, REASON_REGISTRATION_EXPIRED, 1008},
	    {SESSION_EV_REMOVED, REASON_ADMIN_REMOVED, 1008},
	    {SESSION_EV_BANNED, REASON_APP_BANNED, 1008},
	    {SESSION_EV_DRAIN, REASON_DRAINING, 1012},
	    {SESSION_EV_GONE, REASON_TUNNEL_LOST, 0},
	    {SESSION_EV_FATAL, REASON_MESSAGE_TOO_BIG, 1009},
	};
	struct err e = {0};

	err_set(&e, ERR_LIMIT, REASON_MESSAGE_TOO_BIG, "x");
	for (int st = SESSION_NEW; st < SESSION_CLOSED; st++)
		for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
			reach((enum session_state)st);
			step((struct session_input){
			    .ev = ends[i].ev, .now_ms = s.due_ms - 1, .err = &e});
			expect_closed(ends[i].r, ends[i].code);
			assert_int_equal(out.n, st >= SESSION_ATTESTED ? 2 : 1);
			ev(SESSION_EV_REGISTER, 4000000); /* closed is closed */
			assert_int_equal(out.n, 0);
			assert_int_equal(s.state, SESSION_CLOSED);
		}
}

static void
an_admin_may_ask(void **state)
{
	reach(SESSION_ATTESTED);
	step((struct session_input){
	    .ev = SESSION_EV_CHALLENGE, .now_ms = 9000, .nonce = NONCE[1], .why = WHY_ADMIN});
	EXPECT(SESSION_RECHALLENGED, SESSION_DO_CHALLENGE);
	assert_string_equal(session_why_name(out.v[0].why), "admin");
	ev(SESSION_EV_TIMER, 39000);
	expect_closed(REASON_ATTESTATION_TIMEOUT, 1008);
}

static uint32_t
next(uint32_t *x)
{
	*x = *x * 1664525u + 1013904223u;
	return *x >> 8;
}

/* What a sequence of events has led to, told from the actions alone. */
struct seen {
	uint32_t asked, verified, admitted;
	uint64_t deadline_ms; /* of the first challenge since the last answer */
	uint8_t last[ATTEST_NONCE]; /* the last challenge's */
	bool open; /* it was not answered */
	bool judging; /* an answer to the last challenge, in time, waits for its verdict */
	uint32_t attempt; /* that answer's */
	bool routed, closed;
};

static void
see_action(struct seen *w, const struct session_action *a, const struct session_input *in)
{
	switch (a->kind) {
	case SESSION_DO_CHALLENGE:
		assert_true(w->asked == 0 || memcmp(w->last, a->nonce, ATTEST_NONCE) != 0);
		memcpy(w->last, a->nonce, ATTEST_NONCE);
		if (!w->open)
			w->deadline_ms = in->now_ms + 1000 * (uint64_t)SET.deadline_s;
		w->asked++;
		w->open = true;
		w->judging = false;
		break;
	case SESSION_DO_VERIFY:
		assert_true(w->open && in->now_ms < w->deadline_ms); /* once, and in time */
		assert_memory_equal(a->nonce, w->last, ATTEST_NONCE);
		assert_int_equal(a->attempt, ++w->verified);
		w->attempt = a->attempt;
		w->open = false;
		w->judging = true;
		break;
	case SESSION_DO_ADMIT:
		assert_true(in->ev == SESSION_EV_VERIFIED && w->judging);
		assert_int_equal(in->attempt, w->attempt);
		w->admitted++;
		w->judging = false;
		w->routed = true;
		break;
	case SESSION_DO_UNROUTE:
		assert_true(w->routed);
		w->routed = false;
		break;
	case SESSION_DO_CLOSE:
		assert_false(w->routed || w->closed);
		w->closed = true;
		break;
	default:
		break;
	}
}

static void
see(struct seen *w, struct session_input in)
{
	bool was_closed = w->closed;

	step(in);
	assert_true(!was_closed || out.n == 0);
	for (size_t i = 0; i < out.n; i++)
		see_action(w, &out.v[i], &in);
	assert_int_equal(w->closed, s.state == SESSION_CLOSED);
	assert_int_equal(w->closed, session_due_ms(&s) == UINT64_MAX);
	assert_int_equal(w->routed, s.state >= SESSION_ATTESTED && s.state < SESSION_CLOSED);
	assert_int_equal(s.nonce_live, w->open && !w->closed);
	if (session_may_carry(&s, in.now_ms))
		assert_true(w->routed && w->admitted > 0 && in.now_ms < s.lease.until_ms);
	assert_true(s.lease.until_ms == 0 || w->routed);
}

/* Random events: no traffic without a lease; no lease without a verified answer to the last
 * challenge, given before its deadline; no nonce twice; nothing after the close; and whoever falls
 * silent is closed, by timers alone. */
static void
no_traffic_without_a_verdict(void **state)
{
	struct attest_identity other = ID;
	uint32_t most = 0;

	other.app_name = "victim";
	for (uint32_t seed = 1; seed <= 10000; seed++) {
		uint32_t x = seed;
		uint64_t now = 0;
		uint8_t nonce[32] = {0};
		struct seen w = {0};
		struct err e = {0};

		err_set(&e, ERR_MALFORMED, REASON_INVALID_JSON, "x");
		session_init(&s, &SET, 0);
		for (uint32_t i = 0; i < 80; i++) {
			enum session_event k = (enum session_event)(next(&x) % SESSION_EVENT_COUNT);
			uint32_t attempt = s.attempt - (next(&x) % 4 == 0);
			bool impostor = next(&x) % 64 == 0;

			if (k >= SESSION_EV_SOFT && next(&x) % 32)
				k = (enum session_event)(next(&x) % SESSION_EV_SOFT);
			attempt -= k == SESSION_EV_REFUSED && next(&x) % 8;
			now += next(&x) % 32 ? next(&x) % 3000 : next(&x) % 3000000;
			if (next(&x) % 16 == 0 && session_due_ms(&s) != UINT64_MAX)
				now = session_due_ms(&s); /* on the very edge */
			memcpy(nonce, &(uint32_t[]){seed, i}, 8);
			see(&w, (struct session_input){.ev = k,
				    .now_ms = now,
				    .id = impostor ? &other : &ID,
				    .nonce = nonce,
				    .random = next(&x) << 8 ^ next(&x),
				    .why = (enum session_why)(next(&x) % 4),
				    .attempt = attempt,
				    .err = &e});
		}
		most = w.admitted > most ? w.admitted : most;
		for (uint32_t i = 0; !w.closed; i++) {
			assert_true(i < 3);
			nonce[4] = (uint8_t)(100 + i);
			see(&w, (struct session_input){.ev = SESSION_EV_TIMER,
				    .now_ms = session_due_ms(&s),
				    .id = &ID,
				    .nonce = nonce});
		}
	}
	assert_true(most >= 5); /* the sequences do reach what they are about */
}

static void
a_fleet_is_not_asked_at_once(void **state)
{
	uint32_t x = 7, extra = 0;
	uint64_t least = UINT64_MAX, most = 0, last = 0, same = 0;

	for (int i = 0; i < 1000; i++) {
		uint64_t due;

		reach(SESSION_VERIFYING);
		step((struct session_input){.ev = SESSION_EV_VERIFIED,
		    .now_ms = 3000,
		    .attempt = 1,
		    .random = next(&x) << 16 ^ next(&x)});
		due = session_due_ms(&s) - 3000;
		assert_true(due >= 360 * 1000 && due <= 3600 * 1000);
		extra += due < 3240 * 1000;
		least = due < least ? due : least;
		most = due > most ? due : most;
		same += due == last;
		last = due;
	}
	/* One in four at any moment of the interval, the others over its last tenth. */
	assert_true(extra > 180 && extra < 320);
	assert_true(least < 500 * 1000 && most > 3500 * 1000 && same < 10);
}

static void
the_table_names_each_cell_once(void **state)
{
	struct session_row_view r, q;
	size_t n = 0;

	for (; session_row(n, &r); n++) {
		assert_int_not_equal(r.from, SESSION_CLOSED);
		assert_true(r.on < SESSION_EVENTS_ALL && r.on != SESSION_EV_NOTHING);
		assert_true(!r.fault || r.from == r.to);
		for (size_t i = 0; i < n; i++)
			if (session_row(i, &q))
				assert_false(q.from == r.from && q.on == r.on);
	}
	assert_true(n > 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_plain_way),
	    cmocka_unit_test(silence_is_named),
	    cmocka_unit_test(a_second_register_renews_or_ends),
	    cmocka_unit_test(a_nonce_serves_once),
	    cmocka_unit_test(a_stale_verdict_counts_for_nothing),
	    cmocka_unit_test(the_ninth_error_closes),
	    cmocka_unit_test(health_counts_after_attestation),
	    cmocka_unit_test(every_end_has_its_reason),
	    cmocka_unit_test(an_admin_may_ask),
	    cmocka_unit_test(no_traffic_without_a_verdict),
	    cmocka_unit_test(a_fleet_is_not_asked_at_once),
	    cmocka_unit_test(the_table_names_each_cell_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
