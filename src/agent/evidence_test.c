/* The agent asked for evidence: what it binds, when it is silent, what it refuses. */
#include "base/test.h"

#include <stdio.h>

#include "agent/world_test.h"
#include "base/hex.h"
#include "base/limits.h"

#define THEIRS "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* What came, in its order: `id` for a proof that is right, `id!error`. */
static char told[256];
static bool challenged; /* since the question */

static void
ask(struct world *w, const char *id, const char *nonce)
{
	char text[256];

	snprintf(text, sizeof text,
	    "{\"type\":\"evidence_request\",\"request_id\":\"%s\",\"nonce\":\"%s\","
	    "\"deadline_s\":30}",
	    id, nonce);
	world_say(w, text);
}

static void
check_proof(struct world *w, const struct msg *m)
{
	const struct msg_proof *p = &m->u.evidence_response.proof;
	struct attest_binding b = {.purpose = ATTEST_FOR_EVIDENCE,
	    .id = &w->config.id,
	    .audience = w->config.controls[0].origin,
	    .channel = ""};
	uint8_t want[ATTEST_REPORT_DATA], said[ATTEST_REPORT_DATA];
	struct err e = {0};

	assert_true(hex_decode(span_str(THEIRS), b.nonce, sizeof b.nonce));
	assert_true(attest_report_data(&m->doc, p->measurements, &b, want, &e));
	assert_true(hex_decode(p->report_data, said, sizeof said));
	assert_memory_equal(said, want, sizeof want);
	if (!challenged) /* else the platform may have been asked again by now */
		assert_memory_equal(w->quoted, want, sizeof want);
	assert_true(span_is(p->quote, "UVVPVEU="));
}

static void
note(struct world *w, const struct msg *m)
{
	size_t n = strlen(told);

	if (!m->u.evidence_response.error[0])
		check_proof(w, m);
	snprintf(told + n, sizeof told - n, "%s%s%s ", m->u.evidence_response.request_id,
	    m->u.evidence_response.error[0] ? "!" : "", m->u.evidence_response.error);
}

static void
admit_2(struct world *w, const struct msg *m)
{
	if (m->type == MSG_REGISTER)
		world_challenge(w);
	else if (m->type == MSG_ATTEST_RESPONSE && w->answers == 1)
		world_admit_2(w);
	if (m->type == MSG_EVIDENCE_RESPONSE)
		note(w, m);
}

static void
run(void (*on)(struct world *w, const struct msg *m), const char *want)
{
	static struct world w;

	told[0] = '\0';
	challenged = false;
	world_init(&w, on, NULL, NULL);
	world_run(&w);
	assert_string_equal(told, want);
}

/* One at a time, and a challenge in between is answered, too. */
static void
one_after_another(struct world *w, const struct msg *m)
{
	admit_2(w, m);
	if (m->type == MSG_HEALTH) {
		ask(w, "1", THEIRS);
		ask(w, "2", THEIRS);
		world_challenge(w);
		challenged = true;
	} else if (m->type == MSG_ATTEST_RESPONSE && w->answers == 2) {
		challenged = false;
		ask(w, "3", THEIRS);
	} else if (m->type == MSG_EVIDENCE_RESPONSE && strstr(told, "3")) {
		world_finish(w);
	}
}

static void
test_one_at_a_time(void **state)
{
	run(one_after_another, "2!agent_busy 1 3 ");
}

static void
odd_nonces(struct world *w, const struct msg *m)
{
	admit_2(w, m);
	if (m->type == MSG_HEALTH) {
		ask(w, "1", "00");
		ask(w, "2", THEIRS "00");
		ask(w, "3", "zz");
		ask(w, "4", THEIRS);
	} else if (m->type == MSG_EVIDENCE_RESPONSE && strstr(told, "4")) {
		world_finish(w);
	}
}

static void
test_odd_nonces(void **state)
{
	run(odd_nonces, "1!invalid_field 2!invalid_field 3!invalid_field 4 ");
}

static void
no_quotes(struct world *w, const struct msg *m)
{
	admit_2(w, m);
	if (m->type == MSG_HEALTH) {
		w->fail_quotes = true;
		ask(w, "1", THEIRS);
	} else if (m->type == MSG_EVIDENCE_RESPONSE && w->fail_quotes) {
		w->fail_quotes = false;
		ask(w, "2", THEIRS);
	} else if (m->type == MSG_EVIDENCE_RESPONSE) {
		world_finish(w);
	}
}

static void
test_no_quotes(void **state)
{
	run(no_quotes, "1!evidence_failed 2 ");
}

/* Who is not attested has nothing to show; version 1 knows no such message. What is said behind the
 * question is answered, so that it was heard. */
static void
silent(struct world *w, const struct msg *m)
{
	if (m->type == MSG_REGISTER) {
		ask(w, "1", THEIRS);
		world_challenge(w);
	} else if (m->type == MSG_ATTEST_RESPONSE) {
		assert_int_equal(w->quotes, 1);
		world_admit(w);
	} else if (m->type == MSG_HEALTH) {
		ask(w, "2", THEIRS);
		world_say(w, "{\"type\":\"proxy_request\",\"request_id\":\"r\",\"method\":\"GET\","
			     "\"path\":\"/\",\"headers\":{},\"body_b64\":\"\"}");
	} else if (m->type == MSG_PROXY_RESPONSE) {
		assert_int_equal(w->quotes, 1);
		world_finish(w);
	} else if (m->type == MSG_EVIDENCE_RESPONSE) {
		note(w, m);
	}
}

static void
test_silent_where_nobody_is_served(void **state)
{
	run(silent, "");
}

/* The tunnel ends while a quote is made: it is nobody's, and the next tunnel's challenge and
 * question are answered. */
static void
cut(struct world *w, const struct msg *m)
{
	if (m->type == MSG_REGISTER)
		world_challenge(w);
	else if (m->type == MSG_ATTEST_RESPONSE)
		world_admit_2(w);
	if (m->type == MSG_EVIDENCE_RESPONSE) {
		note(w, m);
		world_finish(w);
	} else if (m->type == MSG_HEALTH && w->tunnels == 1) {
		ask(w, "1", THEIRS);
		ws_conn_close(w->ws, 1012, span_str("draining"));
	} else if (m->type == MSG_HEALTH) {
		ask(w, "2", THEIRS);
	}
}

static void
test_a_tunnel_that_ends(void **state)
{
	run(cut, "2 ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_at_a_time),
	    cmocka_unit_test(test_odd_nonces),
	    cmocka_unit_test(test_no_quotes),
	    cmocka_unit_test(test_silent_where_nobody_is_served),
	    cmocka_unit_test(test_a_tunnel_that_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
