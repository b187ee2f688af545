#include "base/test.h"

#include <stdio.h>

#include "agent/backend.h"
#include "agent/world_test.h"
#include "base/limits.h"

static void
serve_all(struct world *w, const struct msg *m)
{
	if (m->type == MSG_REGISTER) {
		assert_string_equal(m->u.reg.app_name, "app");
		assert_string_equal(m->u.reg.agent_id, "00000000-0000-4000-8000-000000000000");
		world_challenge(w);
	} else if (m->type == MSG_ATTEST_RESPONSE && w->answers == 1) {
		world_admit(w);
	} else if (m->type == MSG_HEALTH) {
		world_say(w,
		    "{\"type\":\"proxy_request\",\"request_id\":\"1\",\"method\":\"POST\","
		    "\"path\":\"/"
		    "x?y\",\"headers\":{\"Host\":\"app.example\"},\"body_b64\":\"aGVsbG8=\"}");
	} else if (m->type == MSG_PROXY_RESPONSE && w->responses == 1) {
		assert_int_equal(w->last_status, 200);
		assert_string_equal(w->last_body, "5 bytes for app.example");
		world_say(w, "{\"type\":\"proxy_request\",\"request_id\":\"2\",\"method\":\"GET\","
			     "\"path\":\"/elsewhere\",\"headers\":{},\"body_b64\":\"\"}");
	} else if (m->type == MSG_PROXY_RESPONSE && w->responses == 2) {
		assert_int_equal(w->last_status, 302); /* told, not followed */
		world_finish(w);
	}
}

static void
test_attest_serve_stop(void **state)
{
	static struct world w;

	world_init(&w, serve_all, NULL, NULL);
	world_run(&w);
	assert_int_equal(w.registers, 1);
	assert_int_equal(w.healths, 1);
	assert_true(w.last_pass);
	assert_int_equal(w.probes, 1);
	assert_int_equal(w.close_code, 1001);
	assert_non_null(strstr(w.log, "event=attested"));
}

/* 0.14 of the threat model: the seed's agent answered a challenge only between two requests. */
static void
challenge_beside_slow(struct world *w, const struct msg *m)
{
	if (m->type == MSG_REGISTER) {
		world_challenge(w);
	} else if (m->type == MSG_ATTEST_RESPONSE && w->answers == 1) {
		world_admit(w);
	} else if (m->type == MSG_HEALTH) {
		for (int i = 0; i < 8; i++) {
			char text[160];

			snprintf(text, sizeof text,
			    "{\"type\":\"proxy_request\",\"request_id\":\"s%d\",\"method\":\"GET\","
			    "\"path\":\"/slow\",\"headers\":{},\"body_b64\":\"\"}",
			    i);
			world_say(w, text);
		}
		world_challenge(w);
	} else if (m->type == MSG_ATTEST_RESPONSE) {
		assert_int_equal(w->responses, 0);
		world_finish(w);
	}
}

static void
test_slow_backend_delays_no_answer(void **state)
{
	static struct world w;

	world_init(&w, challenge_beside_slow, NULL, NULL);
	world_run(&w);
	assert_int_equal(w.answers, 2);
}

/* 0.15 of the threat model: nothing in a path chooses another address. */
static void
hostile_paths(struct world *w, const struct msg *m)
{
	static const char *const requests[] = {
	    "\"method\":\"GET\",\"path\":\"http://192.0.2.1/\"",
	    "\"method\":\"GET\",\"path\":\"192.0.2.1/\"",
	    "\"method\":\"GET\",\"path\":\"@192.0.2.1/\"",
	    "\"method\":\"GET\",\"path\":\"\"",
	    "\"method\":\"GET\",\"path\":\"/a b\"",
	    "\"method\":\"GET\",\"path\":\"/a\\r\\nX: y\"",
	    "\"method\":\"GET\\r\\nX: y\",\"path\":\"/\"",
	    "\"method\":\"CONNECT\",\"path\":\"/\"",
	    "\"method\":\"TRACE\",\"path\":\"/\"",
	};
	char text[256];

	if (m->type == MSG_REGISTER)
		world_challenge(w);
	else if (m->type == MSG_ATTEST_RESPONSE)
		world_admit(w);
	if (m->type != MSG_HEALTH && m->type != MSG_PROXY_RESPONSE)
		return;
	if (m->type == MSG_PROXY_RESPONSE)
		assert_string_equal(w->last_error, "invalid_proxy_payload");
	if ((size_t)w->responses == sizeof requests / sizeof *requests) {
		world_finish(w);
		return;
	}
	snprintf(text, sizeof text,
	    "{\"type\":\"proxy_request\",\"request_id\":\"r\",%s,\"headers\":{},\"body_b64\":\"\"}",
	    requests[w->responses]);
	world_say(w, text);
}

static void
test_hostile_paths(void **state)
{
	static struct world w;

	world_init(&w, hostile_paths, NULL, NULL);
	world_run(&w);
	assert_int_equal(w.responses, 9);
}

/* What a backend can do wrong, each with the word that the visitor's side is told. */
static void
bad_answers(struct world *w, const struct msg *m)
{
	static const char *const rows[][2] = {
	    {"/big", "body_too_big"},
	    {"/endless", "body_too_big"},
	    {"/cut", "invalid_proxy_response"},
	    {"/slow", "proxy_timeout"},
	};
	const size_t n = sizeof rows / sizeof *rows;
	char text[256];

	if (m->type == MSG_REGISTER)
		world_challenge(w);
	else if (m->type == MSG_ATTEST_RESPONSE)
		world_admit(w);
	if (m->type != MSG_HEALTH && m->type != MSG_PROXY_RESPONSE)
		return;
	if (m->type == MSG_PROXY_RESPONSE)
		assert_string_equal(w->last_error, rows[w->responses - 1][1]);
	if ((size_t)w->responses == n) {
		world_finish(w);
		return;
	}
	snprintf(text, sizeof text,
	    "{\"type\":\"proxy_request\",\"request_id\":\"r\",\"method\":\"GET\","
	    "\"path\":\"%s\",\"headers\":{},\"body_b64\":\"\"}",
	    rows[w->responses][0]);
	world_say(w, text);
}

static void
test_bad_answers(void **state)
{
	static struct world w;

	world_init(&w, bad_answers, "EE_BACKEND_TIMEOUT_SEC", "1");
	world_run(&w);
	assert_int_equal(w.responses, 4);
	assert_null(w.endless);
	/* What was wrong is said here and nowhere else: the tunnel carries the word only. */
	assert_non_null(
	    strstr(w.log, "event=request_failed reason=body_too_big detail=\"the answer is "
			  "too large for version 1\" request_id=r\n"));
	assert_non_null(strstr(w.log, "event=request_failed reason=peer_lost detail="));
	assert_non_null(strstr(w.log, "event=request_failed reason=proxy_timeout "
				      "detail=\"no first byte\" request_id=r\n"));
}

/* Nobody listens: health says so at once, and a request is told. */
static void
no_backend(struct world *w, const struct msg *m)
{
	if (m->type == MSG_REGISTER)
		world_challenge(w);
	else if (m->type == MSG_ATTEST_RESPONSE)
		world_admit(w);
	else if (m->type == MSG_HEALTH)
		world_say(w, "{\"type\":\"proxy_request\",\"request_id\":\"r\",\"method\":\"GET\","
			     "\"path\":\"/\",\"headers\":{},\"body_b64\":\"\"}");
	else
		world_finish(w);
}

static void
test_no_backend(void **state)
{
	static struct world w;

	world_init(&w, no_backend, "EE_BACKEND_URL", "unix:/nonexistent/app.sock");
	world_run(&w);
	assert_int_equal(w.healths, 1);
	assert_false(w.last_pass);
	assert_string_equal(w.last_error, "backend_unreachable");
	assert_non_null(strstr(w.log, "event=backend_unhealthy"));
}

/* A body longer than any queue on its way arrives whole. */
static void
upload(struct world *w, const struct msg *m)
{
	static uint8_t body[5 * 1024 * 1024 + 1];
	struct fields none;
	struct buf text;

	if (m->type == MSG_REGISTER)
		world_challenge(w);
	else if (m->type == MSG_ATTEST_RESPONSE)
		world_admit(w);
	if (m->type == MSG_PROXY_RESPONSE)
		world_finish(w);
	if (m->type != MSG_HEALTH)
		return;
	fields_init(&none);
	fields_add_str(&none, "Host", "a");
	buf_init(&text, LIMIT_TEXT_ATTESTED);
	msg_write_proxy_request(
	    &text, "r", span_str("PUT"), span_str("/x"), &none, span_of(body, sizeof body));
	assert_true(buf_ok(&text));
	ws_conn_set_queue(w->ws, LIMIT_TEXT_ATTESTED, 2 * LIMIT_TEXT_ATTESTED);
	assert_true(ws_conn_send_text(w->ws, buf_span(&text)));
	buf_fini(&text);
	fields_fini(&none);
}

static void
test_long_upload(void **state)
{
	static struct world w;

	world_init(&w, upload, NULL, NULL);
	world_run(&w);
	assert_string_equal(w.last_body, "5242881 bytes for a");
}

/* A backend that starts after its agent is not kept waiting for the whole interval. */
static void
starting(struct world *w, const struct msg *m)
{
	if (m->type == MSG_REGISTER)
		world_challenge(w);
	else if (m->type == MSG_ATTEST_RESPONSE)
		world_admit(w);
	else if (m->type == MSG_HEALTH && w->last_pass)
		world_finish(w);
}

static void
test_backend_that_starts(void **state)
{
	static struct world w;

	world_init(&w, starting, NULL, NULL);
	w.sick = 3;
	world_run(&w);
	assert_int_equal(w.healths, 2);
}

/* A hundred at once, each with a long answer: every one is answered, none of them breaks the
 * tunnel's queue, and those above the ceiling are told that it is one. */
static void
many_requests(struct world *w, const struct msg *m)
{
	if (m->type == MSG_REGISTER) {
		world_challenge(w);
	} else if (m->type == MSG_ATTEST_RESPONSE) {
		world_admit(w);
	} else if (m->type == MSG_HEALTH) {
		for (int i = 0; i < 100; i++)
			world_say(w, "{\"type\":\"proxy_request\",\"request_id\":\"r\","
				     "\"method\":\"GET\",\"path\":\"/long\",\"headers\":{}}");
	} else if (m->type == MSG_PROXY_RESPONSE) {
		if (m->u.proxy_response.error[0])
			assert_string_equal(w->last_error, "agent_busy");
		else
			w->served++;
		if (w->responses == 100)
			world_finish(w);
	}
}

static void
test_many_requests(void **state)
{
	static struct world w;

	world_init(&w, many_requests, NULL, NULL);
	world_run(&w);
	assert_int_equal(w.tunnels, 1);
	assert_int_equal(w.served, BACKEND_REQUESTS_MAX);
}

static void
renew(struct world *w, const struct msg *m)
{
	if (m->type == MSG_REGISTER && w->registers == 1)
		world_challenge(w);
	else if (m->type == MSG_ATTEST_RESPONSE)
		world_admit(w);
	else if (m->type == MSG_HEALTH)
		world_say(w, "{\"type\":\"status\",\"state\":\"warning\","
			     "\"reason\":\"registration_expiring\"}");
	else if (m->type == MSG_REGISTER)
		world_finish(w);
}

static void
test_renews_by_itself(void **state)
{
	static struct world w;

	world_init(&w, renew, NULL, NULL);
	world_run(&w);
	assert_int_equal(w.registers, 2);
	assert_int_equal(w.tunnels, 1);
}

static void
stop_agent(void *ctx)
{
	agent_stop(((struct world *)ctx)->agent);
}

/* Version 1 has no GOAWAY: that the backend is unwell keeps new requests away, and what runs is
 * finished. */
static void
stop_while_asked(struct world *w, const struct msg *m)
{
	if (m->type == MSG_REGISTER) {
		world_challenge(w);
	} else if (m->type == MSG_ATTEST_RESPONSE) {
		world_admit(w);
	} else if (m->type == MSG_HEALTH && w->healths == 1) {
		world_say(w, "{\"type\":\"proxy_request\",\"request_id\":\"r\",\"method\":\"GET\","
			     "\"path\":\"/later\",\"headers\":{}}");
		net_timer_start(w->loop, &w->later, 100, stop_agent, w);
	}
}

static void
test_finishes_before_it_stops(void **state)
{
	static struct world w;

	world_init(&w, stop_while_asked, "EE_GRACE_SEC", "30");
	world_run(&w);
	assert_int_equal(w.healths, 2);
	assert_false(w.last_pass);
	assert_string_equal(w.last_body, "at last");
	assert_int_equal(w.close_code, 1001);
}

/* A control plane that stops says so; its agents are back within a second, however often. */
static void
drain_thrice(struct world *w, const struct msg *m)
{
	if (m->type != MSG_REGISTER)
		return;
	if (w->tunnels == 4)
		world_finish(w);
	else
		ws_conn_close(w->ws, 1012, span_str("draining"));
}

static void
test_dials_again_after_drain(void **state)
{
	static struct world w;

	world_init(&w, drain_thrice, NULL, NULL);
	w.random = 1001; /* the wait, where the range is two seconds; 0 where it is one */
	world_run(&w);
	assert_null(strstr(w.log, "in_ms=1001"));
}

/* This control plane does not close what it refused: the agent does, after a while. */
static void
refuse_once(struct world *w, const struct msg *m)
{
	if (m->type == MSG_REGISTER && w->tunnels == 1)
		world_say(w, "{\"type\":\"status\",\"state\":\"invalid\","
			     "\"reason\":\"sealed_required\",\"detail\":\"x\"}");
	else if (m->type == MSG_REGISTER)
		world_finish(w);
}

static void
test_refused_tells_and_dials_again(void **state)
{
	static struct world w;

	world_init(&w, refuse_once, NULL, NULL);
	world_run(&w);
	assert_int_equal(w.tunnels, 2);
	assert_non_null(strstr(w.log, "event=refused reason=sealed_required"));
	assert_non_null(strstr(w.log, "hint="));
}

static void
on_replaced_wait(void *ctx)
{
	agent_stop(((struct world *)ctx)->agent);
}

static void
replace(struct world *w, const struct msg *m)
{
	if (m->type != MSG_REGISTER)
		return;
	world_say(w, "{\"type\":\"status\",\"state\":\"invalid\",\"reason\":\"replaced\"}");
	ws_conn_close(w->ws, 1008, span_str("replaced"));
	net_timer_start(w->loop, &w->later, 300, on_replaced_wait, w);
}

static void
test_replaced_waits(void **state)
{
	static struct world w;

	world_init(&w, replace, NULL, NULL);
	world_run(&w);
	assert_int_equal(w.tunnels, 1);
	assert_non_null(strstr(w.log, "event=reconnecting in_ms=60000"));
}

static void
no_quote_at_first(struct world *w, const struct msg *m)
{
	if (m->type == MSG_REGISTER)
		world_challenge(w);
	else if (m->type == MSG_ATTEST_RESPONSE)
		world_finish(w);
}

static void
heal(void *ctx)
{
	((struct world *)ctx)->fail_quotes = false;
}

static void
test_asks_platform_again(void **state)
{
	static struct world w;

	world_init(&w, no_quote_at_first, NULL, NULL);
	w.fail_quotes = true;
	net_timer_start(w.loop, &w.later, 1000, heal, &w);
	world_run(&w);
	assert_int_equal(w.answers, 1);
	assert_true(w.quotes >= 2);
	assert_non_null(strstr(w.log, "event=quote_failed"));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_attest_serve_stop),
	    cmocka_unit_test(test_slow_backend_delays_no_answer),
	    cmocka_unit_test(test_hostile_paths),
	    cmocka_unit_test(test_bad_answers),
	    cmocka_unit_test(test_no_backend),
	    cmocka_unit_test(test_long_upload),
	    cmocka_unit_test(test_backend_that_starts),
	    cmocka_unit_test(test_many_requests),
	    cmocka_unit_test(test_renews_by_itself),
	    cmocka_unit_test(test_finishes_before_it_stops),
	    cmocka_unit_test(test_dials_again_after_drain),
	    cmocka_unit_test(test_refused_tells_and_dials_again),
	    cmocka_unit_test(test_replaced_waits),
	    cmocka_unit_test(test_asks_platform_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
