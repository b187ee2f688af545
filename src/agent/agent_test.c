#include "base/test.h"

#include <stdio.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/base64.h"
#include "base/hex.h"
#include "base/limits.h"
#include "net/http_server.h"

/* One server plays all that an agent meets: its control plane (/v1/tunnel), the simulated platform
 * (/sim/vm/...) and its backend (everything else). */
struct world {
	struct net_loop *loop;
	struct http_server *server;
	struct settings s;
	struct agent_config config;
	struct env env;
	struct agent *agent;
	struct ws_conn *ws; /* the control plane's end */
	struct net_timer guard, later;
	char state_dir[32];
	/* What came. */
	int registers, answers, healths, responses, tunnels, quotes, slow, probes;
	bool last_pass, stopped;
	int last_status;
	char last_error[64], last_body[64];
	uint8_t quoted[64]; /* report data of the last quote */
	uint16_t close_code;
	char log[32768];
	size_t log_n;
	/* What the control plane does when a message of the type came; may be NULL. */
	void (*on)(struct world *w, const struct msg *m);
	void (*on_tunnel)(struct world *w);
	bool fail_quotes;
	struct http_req *endless;
	int served, sick;
};

#define NONCE "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* -- the world's clock, randomness and log -- */

static int64_t
fake_wall_ms(void *ctx)
{
	return 1700000000000;
}

static uint64_t
fake_mono_ms(void *ctx)
{
	return 0;
}

static void
fake_random(void *ctx, void *dst, size_t n)
{
	memset(dst, 0, n);
}

static void
fake_write(void *ctx, enum log_level level, struct span line)
{
	struct world *w = ctx;
	size_t room = sizeof w->log - w->log_n - 2;
	size_t n = line.n < room ? line.n : room;

	memcpy(&w->log[w->log_n], line.p, n);
	w->log_n += n;
	w->log[w->log_n++] = '\n';
	w->log[w->log_n] = '\0';
}

/* -- the control plane -- */

static void
say(struct world *w, const char *text)
{
	assert_true(ws_conn_send_text(w->ws, span_str(text)));
}

static void
challenge(struct world *w)
{
	say(w, "{\"type\":\"attest_request\",\"nonce\":\"" NONCE
	       "\",\"deadline_s\":30,\"reason\":\"register\",\"channel\":\"none\"}");
}

static void
admit(struct world *w)
{
	say(w, "{\"type\":\"status\",\"state\":\"ok\",\"reason\":\"attested\"}");
}

static void
note_response(struct world *w, const struct msg *m)
{
	struct buf body;

	w->responses++;
	w->last_status = (int)m->u.proxy_response.status;
	snprintf(w->last_error, sizeof w->last_error, "%s", m->u.proxy_response.error);
	buf_init(&body, LIMIT_V1_BODY);
	assert_true(msg_body(m->u.proxy_response.body, &body));
	(void)span_cstr(span_first(buf_span(&body), 63), w->last_body, sizeof w->last_body);
	buf_fini(&body);
}

/* The answer must bind these claims, this nonce and this identity, and carry the quote that the
 * platform made for exactly that. */
static void
check_answer(struct world *w, const struct msg *m)
{
	const struct msg_attest_response *r = &m->u.attest_response;
	struct attest_binding b = {
	    .id = &w->config.id, .audience = w->config.origin, .channel = ""};
	uint8_t want[ATTEST_REPORT_DATA], told[ATTEST_REPORT_DATA];
	struct err e = {0};
	struct buf quote;

	w->answers++;
	assert_string_equal(r->nonce, NONCE);
	assert_true(hex_decode(span_str(NONCE), b.nonce, sizeof b.nonce));
	assert_true(attest_report_data(&m->doc, r->measurements, &b, want, &e));
	assert_true(hex_decode(r->report_data, told, sizeof told));
	assert_memory_equal(told, want, sizeof want);
	assert_memory_equal(w->quoted, want, sizeof want);
	buf_init(&quote, LIMIT_QUOTE);
	assert_true(base64_decode(r->quote, &quote));
	assert_true(span_is(buf_span(&quote), "QUOTE"));
	buf_fini(&quote);
	assert_true(json_get(&m->doc, r->measurements, "agent_sha256") != NULL);
	assert_true(json_is(
	    json_get(&m->doc, json_get(&m->doc, r->measurements, "agent_config"), "backend"),
	    backend_address_claim(&w->config.backend)));
}

static void
cp_text(struct ws_conn *c, struct span text, void *ctx)
{
	struct world *w = ctx;
	struct err e = {0};
	struct msg m;

	assert_true(msg_parse(&m, text, MSG_FROM_AGENT, &e));
	if (m.type == MSG_REGISTER)
		w->registers++;
	else if (m.type == MSG_ATTEST_RESPONSE)
		check_answer(w, &m);
	else if (m.type == MSG_PROXY_RESPONSE)
		note_response(w, &m);
	else if (m.type == MSG_HEALTH) {
		w->healths++;
		w->last_pass = m.u.health.pass;
	}
	w->on(w, &m);
	msg_fini(&m);
}

static void
cp_binary(struct ws_conn *c, struct span bytes, void *ctx)
{
	fail_msg("a binary message");
}

static void
cp_close(struct ws_conn *c, uint16_t code, struct span reason, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->close_code = code;
	w->ws = NULL;
}

static const struct ws_conn_ops cp_ops = {
    .on_text = cp_text, .on_binary = cp_binary, .on_close = cp_close};

/* -- platform and backend -- */

static void
on_quote_body(struct http_req *r, const struct err *e, struct span body, void *ctx)
{
	static const char prefix[] = "{\"report_data\":\"";
	struct world *w = ctx;

	assert_null(e);
	w->quotes++;
	assert_true(body.n == sizeof prefix - 1 + 128 + 2);
	assert_true(hex_decode(
	    span_first(span_from(body, sizeof prefix - 1), 128), w->quoted, sizeof w->quoted));
	if (w->fail_quotes)
		http_respond_full(r, 500, NULL, NULL, 0, span_str("no"));
	else
		http_respond_full(
		    r, 200, "application/json", NULL, 0, span_str("{\"quote\":\"UVVPVEU=\"}"));
}

static void
on_echo_body(struct http_req *r, const struct err *e, struct span body, void *ctx)
{
	char text[64];

	assert_null(e);
	snprintf(text, sizeof text, "%zu bytes for %.*s", body.n, (int)http_req_host(r).n,
	    (const char *)http_req_host(r).p);
	http_respond_full(r, 200, "text/plain", NULL, 0, span_str(text));
}

/* A body without end or length: what version 1 cannot carry must not be gathered for ever. */
static void
on_endless(struct http_req *r, void *ctx)
{
	static const uint8_t piece[65536];

	while (!http_respond_is_full(r))
		if (!http_respond_body(r, span_of(piece, sizeof piece)))
			return;
}

static void
on_endless_close(struct http_req *r, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->endless = NULL;
}

static const struct http_req_ops endless_ops = {
    .on_drain = on_endless, .on_close = on_endless_close};

static void
on_request(struct http_server *s, struct http_req *r, void *ctx)
{
	static const struct ws_conn_opts o = {.max_message = LIMIT_TEXT_ATTESTED};
	static const uint8_t long_body[1024 * 1024];
	static const struct http_field elsewhere = {
	    {(const uint8_t *)"Location", 8}, {(const uint8_t *)"http://192.0.2.1/", 17}};
	struct world *w = ctx;
	struct span path = http_req_path(r);
	struct err e = {0};

	if (span_is(path, "/v1/tunnel")) {
		w->ws = http_upgrade_ws(r, &o, &cp_ops, w, &e);
		assert_non_null(w->ws);
		w->tunnels++;
		if (w->on_tunnel)
			w->on_tunnel(w);
	} else if (span_is(path, "/sim/vm/one/quote")) {
		http_req_collect(r, 4096, on_quote_body, w);
	} else if (span_is(path, "/well")) {
		w->probes++;
		http_respond_full(r, w->probes > w->sick ? 204 : 503, NULL, NULL, 0, span_str(""));
	} else if (span_is(path, "/elsewhere")) {
		http_respond_full(r, 302, NULL, &elsewhere, 1, span_str(""));
	} else if (span_is(path, "/long")) {
		http_respond_full(r, 200, NULL, NULL, 0, span_of(long_body, sizeof long_body));
	} else if (span_is(path, "/big")) {
		(void)http_respond_head(r, 200, NULL, 0, LIMIT_V1_BODY + 1);
	} else if (span_is(path, "/endless")) {
		w->endless = r;
		http_req_set_ops(r, &endless_ops, w);
		(void)http_respond_head(r, 200, NULL, 0, HTTP_LENGTH_UNKNOWN);
		on_endless(r, w);
	} else if (span_is(path, "/cut")) {
		(void)http_respond_head(r, 200, NULL, 0, 10);
		http_respond_end(r);
	} else if (span_is(path, "/slow")) {
		w->slow++; /* and no answer, ever */
	} else {
		http_req_collect(r, LIMIT_V1_BODY, on_echo_body, w);
	}
}

/* -- the world as a whole -- */

static void
on_guard(void *ctx)
{
	struct world *w = ctx;

	print_message("%s", w->log);
	fail_msg("it took too long");
}

static void
on_stopped(void *ctx)
{
	struct world *w = ctx;

	w->stopped = true;
	net_loop_stop(w->loop);
}

static void
on_later(void *ctx)
{
	struct world *w = ctx;

	agent_stop(w->agent);
}

/* Stop from the loop, so that no callback of a test ends its own agent. */
static void
finish(struct world *w)
{
	net_timer_start(w->loop, &w->later, 0, on_later, w);
}

static void
set(struct world *w, const char *name, const char *value)
{
	struct err e = {0};

	if (!settings_set(&w->s, setting_find(span_str(name)), value, &e))
		fail_msg("%s: %s %s", name, e.shown, e.detail);
}

static void
world_settings(struct world *w, uint16_t port)
{
	char url[96];

	set(w, "EE_REPO", "o/r");
	set(w, "EE_RELEASE_TAG", "v1");
	set(w, "EE_APP_NAME", "app");
	set(w, "EE_NETWORK", "sandbox-1");
	set(w, "EE_STATE_DIR", w->state_dir);
	set(w, "EE_HEALTH_PATH", "/well");
	snprintf(url, sizeof url, "ws://127.0.0.1:%u/v1/tunnel", port);
	set(w, "EE_CONTROL_WS", url);
	snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
	set(w, "EE_BACKEND_URL", url);
	snprintf(url, sizeof url, "sim:http://127.0.0.1:%u/sim/vm/one", port);
	set(w, "EE_QUOTE_PROVIDER", url);
}

static void
world_init(struct world *w, void (*on)(struct world *w, const struct msg *m), const char *name,
    const char *value)
{
	static const struct http_server_ops ops = {.on_request = on_request};
	struct http_server_opts o = {.listen = {.address = "127.0.0.1"}};
	struct err e = {0};

	memset(w, 0, sizeof *w);
	w->on = on;
	w->env = (struct env){
	    fake_wall_ms, fake_mono_ms, fake_random, w, {LOG_DEBUG, fake_wall_ms, fake_write, w}};
	snprintf(w->state_dir, sizeof w->state_dir, "/tmp/ee-agent-XXXXXX");
	assert_non_null(mkdtemp(w->state_dir));
	w->loop = net_loop_new(&e);
	assert_non_null(w->loop);
	w->server = http_server_open(w->loop, &o, &ops, w, &e);
	assert_non_null(w->server);
	assert_true(settings_init(&w->s, &e));
	world_settings(w, http_server_port(w->server));
	if (name)
		set(w, name, value);
	if (!agent_config_load(&w->config, &w->s, &w->env, &e))
		fail_msg("%s %s", e.detail, e.shown);
	w->agent = agent_new(w->loop, &w->config, &w->env, on_stopped, w, &e);
	assert_non_null(w->agent);
	net_timer_start(w->loop, &w->guard, 20000, on_guard, w);
}

static void
world_run(struct world *w)
{
	char path[64];

	net_loop_run(w->loop);
	assert_true(w->stopped);
	net_timer_stop(&w->guard);
	http_server_close(w->server);
	agent_free(w->agent);
	net_loop_free(w->loop);
	agent_config_fini(&w->config);
	settings_fini(&w->s);
	snprintf(path, sizeof path, "%s/agent_id", w->state_dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(w->state_dir), 0);
}

/* -- tests -- */

static void
serve_all(struct world *w, const struct msg *m)
{
	if (m->type == MSG_REGISTER) {
		assert_string_equal(m->u.reg.app_name, "app");
		assert_string_equal(m->u.reg.agent_id, "00000000-0000-4000-8000-000000000000");
		challenge(w);
	} else if (m->type == MSG_ATTEST_RESPONSE && w->answers == 1) {
		admit(w);
	} else if (m->type == MSG_HEALTH) {
		say(w, "{\"type\":\"proxy_request\",\"request_id\":\"1\",\"method\":\"POST\","
		       "\"path\":\"/"
		       "x?y\",\"headers\":{\"Host\":\"app.example\"},\"body_b64\":\"aGVsbG8=\"}");
	} else if (m->type == MSG_PROXY_RESPONSE && w->responses == 1) {
		assert_int_equal(w->last_status, 200);
		assert_string_equal(w->last_body, "5 bytes for app.example");
		say(w, "{\"type\":\"proxy_request\",\"request_id\":\"2\",\"method\":\"GET\","
		       "\"path\":\"/elsewhere\",\"headers\":{},\"body_b64\":\"\"}");
	} else if (m->type == MSG_PROXY_RESPONSE && w->responses == 2) {
		assert_int_equal(w->last_status, 302); /* told, not followed */
		finish(w);
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
		challenge(w);
	} else if (m->type == MSG_ATTEST_RESPONSE && w->answers == 1) {
		admit(w);
	} else if (m->type == MSG_HEALTH) {
		for (int i = 0; i < 8; i++) {
			char text[160];

			snprintf(text, sizeof text,
			    "{\"type\":\"proxy_request\",\"request_id\":\"s%d\",\"method\":\"GET\","
			    "\"path\":\"/slow\",\"headers\":{},\"body_b64\":\"\"}",
			    i);
			say(w, text);
		}
		challenge(w);
	} else if (m->type == MSG_ATTEST_RESPONSE) {
		assert_int_equal(w->responses, 0);
		finish(w);
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
		challenge(w);
	else if (m->type == MSG_ATTEST_RESPONSE)
		admit(w);
	if (m->type != MSG_HEALTH && m->type != MSG_PROXY_RESPONSE)
		return;
	if (m->type == MSG_PROXY_RESPONSE)
		assert_string_equal(w->last_error, "invalid_proxy_payload");
	if ((size_t)w->responses == sizeof requests / sizeof *requests) {
		finish(w);
		return;
	}
	snprintf(text, sizeof text,
	    "{\"type\":\"proxy_request\",\"request_id\":\"r\",%s,\"headers\":{},\"body_b64\":\"\"}",
	    requests[w->responses]);
	say(w, text);
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
		challenge(w);
	else if (m->type == MSG_ATTEST_RESPONSE)
		admit(w);
	if (m->type != MSG_HEALTH && m->type != MSG_PROXY_RESPONSE)
		return;
	if (m->type == MSG_PROXY_RESPONSE)
		assert_string_equal(w->last_error, rows[w->responses - 1][1]);
	if ((size_t)w->responses == n) {
		finish(w);
		return;
	}
	snprintf(text, sizeof text,
	    "{\"type\":\"proxy_request\",\"request_id\":\"r\",\"method\":\"GET\","
	    "\"path\":\"%s\",\"headers\":{},\"body_b64\":\"\"}",
	    rows[w->responses][0]);
	say(w, text);
}

static void
test_bad_answers(void **state)
{
	static struct world w;

	world_init(&w, bad_answers, "EE_BACKEND_TIMEOUT_SEC", "1");
	world_run(&w);
	assert_int_equal(w.responses, 4);
	assert_null(w.endless);
}

/* Nobody listens: health says so at once, and a request is told. */
static void
no_backend(struct world *w, const struct msg *m)
{
	if (m->type == MSG_REGISTER)
		challenge(w);
	else if (m->type == MSG_ATTEST_RESPONSE)
		admit(w);
	else if (m->type == MSG_HEALTH)
		say(w, "{\"type\":\"proxy_request\",\"request_id\":\"r\",\"method\":\"GET\","
		       "\"path\":\"/\",\"headers\":{},\"body_b64\":\"\"}");
	else
		finish(w);
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
		challenge(w);
	else if (m->type == MSG_ATTEST_RESPONSE)
		admit(w);
	if (m->type == MSG_PROXY_RESPONSE)
		finish(w);
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
		challenge(w);
	else if (m->type == MSG_ATTEST_RESPONSE)
		admit(w);
	else if (m->type == MSG_HEALTH && w->last_pass)
		finish(w);
}

static void
test_backend_that_starts(void **state)
{
	static struct world w;

	world_init(&w, starting, NULL, NULL);
	w.sick = 1;
	world_run(&w);
	assert_int_equal(w.healths, 2);
}

/* A hundred at once, each with a long answer: every one is answered, none of them breaks the
 * tunnel's queue, and those above the ceiling are told that it is one. */
static void
many_requests(struct world *w, const struct msg *m)
{
	if (m->type == MSG_REGISTER) {
		challenge(w);
	} else if (m->type == MSG_ATTEST_RESPONSE) {
		admit(w);
	} else if (m->type == MSG_HEALTH) {
		for (int i = 0; i < 100; i++)
			say(w, "{\"type\":\"proxy_request\",\"request_id\":\"r\","
			       "\"method\":\"GET\",\"path\":\"/long\",\"headers\":{}}");
	} else if (m->type == MSG_PROXY_RESPONSE) {
		if (m->u.proxy_response.error[0])
			assert_string_equal(w->last_error, "agent_busy");
		else
			w->served++;
		if (w->responses == 100)
			finish(w);
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
		challenge(w);
	else if (m->type == MSG_ATTEST_RESPONSE)
		admit(w);
	else if (m->type == MSG_HEALTH)
		say(w, "{\"type\":\"status\",\"state\":\"warning\","
		       "\"reason\":\"registration_expiring\"}");
	else if (m->type == MSG_REGISTER)
		finish(w);
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

/* This control plane does not close what it refused: the agent does, after a while. */
static void
refuse_once(struct world *w, const struct msg *m)
{
	if (m->type == MSG_REGISTER && w->tunnels == 1)
		say(w, "{\"type\":\"status\",\"state\":\"invalid\","
		       "\"reason\":\"sealed_required\",\"detail\":\"x\"}");
	else if (m->type == MSG_REGISTER)
		finish(w);
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
	say(w, "{\"type\":\"status\",\"state\":\"invalid\",\"reason\":\"replaced\"}");
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
		challenge(w);
	else if (m->type == MSG_ATTEST_RESPONSE)
		finish(w);
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
	    cmocka_unit_test(test_refused_tells_and_dials_again),
	    cmocka_unit_test(test_replaced_waits),
	    cmocka_unit_test(test_asks_platform_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
