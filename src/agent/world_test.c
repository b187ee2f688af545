#include "agent/world_test.h"

#include "base/test.h"

#include <stdio.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/limits.h"

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
	struct world *w = ctx;

	memset(dst, 0, n);
	if (n == sizeof w->random)
		memcpy(dst, &w->random, n);
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

void
world_say(struct world *w, const char *text)
{
	assert_true(ws_conn_send_text(w->ws, span_str(text)));
}

void
world_challenge(struct world *w)
{
	world_say(w, "{\"type\":\"attest_request\",\"nonce\":\"" NONCE
		     "\",\"deadline_s\":30,\"reason\":\"register\",\"channel\":\"none\"}");
}

void
world_admit(struct world *w)
{
	world_say(w, "{\"type\":\"status\",\"state\":\"ok\",\"reason\":\"attested\"}");
}

/* -- its end of version 2 -- */

static bool
h2_send(void *ctx, struct span message)
{
	struct world *w = ctx;

	if (w->ws)
		(void)ws_conn_send_binary(w->ws, message);
	return true;
}

static void
h2_send_end(void *ctx)
{
	world_say(ctx, "{\"type\":\"h2_end\"}");
}

static void
h2_flush(void *ctx)
{
	struct world *w = ctx;
	struct err e = {0};

	assert_true(h2_client_flush(w->h2, &e));
}

static void
h2_wake(void *ctx)
{
	struct world *w = ctx;

	net_defer_call(w->loop, &w->flush, h2_flush, w);
}

static void
h2_draining(void *ctx)
{
	((struct world *)ctx)->draining = true;
}

static void
h2_tick(void *ctx)
{
	struct world *w = ctx;
	struct err e = {0};

	if (h2_client_wants_tick(w->h2))
		assert_true(h2_client_tick(w->h2, net_loop_now_ms(w->loop), &e));
}

static void
h2_close(struct world *w)
{
	struct err gone = {0};

	err_set(&gone, ERR_IO, REASON_TUNNEL_LOST, "test");
	h2_client_free(w->h2, &gone);
	w->h2 = NULL;
	net_timer_stop(&w->tick);
	net_defer_stop(&w->flush);
}

void
world_admit_2(struct world *w)
{
	static const struct h2_client_ops ops = {h2_send, h2_send_end, h2_wake, h2_draining};
	struct h2_opts o = {.idle_ms = 50};

	world_say(w, "{\"type\":\"status\",\"state\":\"ok\",\"reason\":\"attested\","
		     "\"tunnel_version\":\"2\"}");
	w->h2 = h2_client_new(&o, &ops, w);
	assert_non_null(w->h2);
	net_timer_repeat(w->loop, &w->tick, 20, h2_tick, w);
}

/* -- what comes -- */

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
	    .id = &w->config.id, .audience = w->config.controls[0].origin, .channel = ""};
	uint8_t want[ATTEST_REPORT_DATA], told[ATTEST_REPORT_DATA];
	struct err e = {0};
	struct buf quote;

	w->answers++;
	assert_string_equal(r->nonce, NONCE);
	assert_true(hex_decode(span_str(NONCE), b.nonce, sizeof b.nonce));
	assert_true(attest_report_data(&m->doc, r->proof.measurements, &b, want, &e));
	assert_true(hex_decode(r->proof.report_data, told, sizeof told));
	assert_memory_equal(told, want, sizeof want);
	assert_memory_equal(w->quoted, want, sizeof want);
	buf_init(&quote, LIMIT_QUOTE);
	assert_true(base64_decode(r->proof.quote, &quote));
	assert_true(span_is(buf_span(&quote), "QUOTE"));
	buf_fini(&quote);
	assert_true(json_get(&m->doc, r->proof.measurements, "agent_sha256") != NULL);
	assert_true(json_is(
	    json_get(&m->doc, json_get(&m->doc, r->proof.measurements, "agent_config"), "backend"),
	    backend_address_claim(&w->config.backend)));
}

static void
cp_text(struct ws_conn *c, struct span text, void *ctx)
{
	struct world *w = ctx;
	struct err e = {0};
	struct msg m;

	assert_true(msg_parse(&m, text, MSG_FROM_AGENT, &e));
	if (m.type == MSG_REGISTER) {
		w->registers++;
	} else if (m.type == MSG_H2_END) {
		w->ends++;
		assert_true(h2_client_end(w->h2, net_loop_now_ms(w->loop), &e));
	}
	if (m.type == MSG_ATTEST_RESPONSE)
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
	struct world *w = ctx;
	struct err e = {0};

	if (!w->h2)
		fail_msg("a binary message");
	assert_true(h2_client_recv(w->h2, bytes, net_loop_now_ms(w->loop), &e));
}

static void
cp_close(struct ws_conn *c, uint16_t code, struct span reason, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->close_code = code;
	w->ws = NULL;
	if (w->h2)
		h2_close(w);
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
	struct world *w = ctx;

	while (!http_respond_is_full(r)) {
		if (!http_respond_body(r, span_of(piece, sizeof piece)))
			return;
		w->endless_n += sizeof piece;
	}
}

static void
on_endless_close(struct http_req *r, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->endless = NULL;
	w->left++;
}

static const struct http_req_ops endless_ops = {
    .on_drain = on_endless, .on_close = on_endless_close};

/* Give every piece back as it comes, with what was behind it. */
static void
on_mirror_body(struct http_req *r, struct span piece, void *ctx)
{
	(void)http_respond_body(r, piece);
	if (http_respond_is_full(r))
		http_req_pause(r);
}

static void
on_mirror_close(struct http_req *r, const struct err *why, void *ctx)
{
}

static void
on_mirror_drain(struct http_req *r, void *ctx)
{
	http_req_resume(r);
}

static void
on_mirror_end(struct http_req *r, void *ctx)
{
	http_respond_end_with(r, http_req_trailers(r));
}

static const struct http_req_ops mirror_ops = {.on_body = on_mirror_body,
    .on_end = on_mirror_end,
    .on_drain = on_mirror_drain,
    .on_close = on_mirror_close};

static void
on_mirror(struct http_req *r, struct world *w)
{
	struct http_field again = {
	    span_str("X-Forwarded-For"), http_req_field(r, "X-Forwarded-For")};

	http_req_set_ops(r, &mirror_ops, w);
	(void)http_respond_head(r, 200, &again, again.value.n ? 1 : 0, HTTP_LENGTH_UNKNOWN);
}

static void
on_socket(struct http_req *r, struct world *w)
{
	struct err e = {0};

	http_req_set_ops(r, &mirror_ops, w);
	assert_true(http_upgrade_raw(r, NULL, 0, &e));
}

static void
on_later_request(void *ctx)
{
	struct world *w = ctx;

	http_respond_full(w->later_req, 200, NULL, NULL, 0, span_str("at last"));
}

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
	} else if (span_is(path, "/mirror")) {
		on_mirror(r, w);
	} else if (span_is(path, "/socket")) {
		on_socket(r, w);
	} else if (span_is(path, "/later")) {
		w->later_req = r;
		net_timer_start(w->loop, &w->later_timer, WORLD_LATER_MS, on_later_request, w);
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

void
world_finish(struct world *w)
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
	set(w, "EE_GRACE_SEC", "0");
	snprintf(url, sizeof url, "ws://127.0.0.1:%u/v1/tunnel", port);
	set(w, "EE_CONTROL_WS", url);
	snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
	set(w, "EE_BACKEND_URL", url);
	snprintf(url, sizeof url, "sim:http://127.0.0.1:%u/sim/vm/one", port);
	set(w, "EE_QUOTE_PROVIDER", url);
}

void
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

void
world_run(struct world *w)
{
	char path[64];

	net_loop_run(w->loop);
	assert_true(w->stopped);
	net_timer_stop(&w->guard);
	net_timer_stop(&w->later_timer);
	http_server_close(w->server);
	agent_free(w->agent);
	net_loop_free(w->loop);
	agent_config_fini(&w->config);
	settings_fini(&w->s);
	snprintf(path, sizeof path, "%s/agent_id", w->state_dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(w->state_dir), 0);
}
