#include "net/ws_conn.h"

#include <stdio.h>

#include "base/test.h"
#include "net/http_server.h"
#include "net/test_cert.h"
#include "wire/ws.h"

struct world {
	struct net_loop *l;
	struct http_server *http;
	struct ws_conn *server, *client;
	struct stream *raw;
	struct buf got_server, got_client, sent, raw_got;
	struct ws_conn_opts server_opts, client_opts;
	struct net_timer timer, stop;
	int opened, texts, binaries, server_closed, client_closed, raw_closed, drains, raw_reads;
	int requests_closed;
	uint16_t server_code, client_code;
	char server_reason[124], client_reason[124];
	struct err server_why, client_why, upgrade_err, e;
	size_t flood;
	bool echo, close_on_text, pause_on_text, timed_out;
};

static void
flood_more(struct ws_conn *c, struct world *w)
{
	static const uint8_t block[100000];

	while (w->flood > 0 && !ws_conn_is_full(c)) {
		w->flood--;
		assert_true(ws_conn_send_binary(c, span_of(block, sizeof block)));
	}
	if (w->flood == 0)
		ws_conn_close(c, 1000, span_str("flooded"));
}

static void
resume(void *ctx)
{
	struct world *w = ctx;

	if (w->server)
		ws_conn_resume(w->server);
}

static void
server_text(struct ws_conn *c, struct span text, void *ctx)
{
	struct world *w = ctx;

	w->texts++;
	buf_add(&w->got_server, text);
	if (w->echo)
		ws_conn_send_text(c, text);
	if (w->close_on_text)
		ws_conn_close(c, 1008, span_str("policy"));
	if (w->pause_on_text) {
		w->pause_on_text = false;
		ws_conn_pause(c);
		net_timer_start(w->l, &w->timer, 20, resume, w);
	}
	if (w->flood)
		flood_more(c, w);
}

static void
server_binary(struct ws_conn *c, struct span bytes, void *ctx)
{
	struct world *w = ctx;

	w->binaries++;
	buf_add(&w->got_server, bytes);
}

static void
server_drain(struct ws_conn *c, void *ctx)
{
	struct world *w = ctx;

	w->drains++;
	flood_more(c, w);
}

static void
server_close(struct ws_conn *c, uint16_t code, struct span reason, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->server_closed++;
	w->server_code = code;
	w->server_why = *why;
	(void)span_cstr(reason, w->server_reason, sizeof w->server_reason);
	w->server = NULL;
}

static const struct ws_conn_ops server_ops = {.on_text = server_text,
    .on_binary = server_binary,
    .on_drain = server_drain,
    .on_close = server_close};

static void
req_close(struct http_req *r, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->requests_closed++;
}

static const struct http_req_ops req_ops = {.on_close = req_close};

static void
on_request(struct http_server *s, struct http_req *r, void *ctx)
{
	struct world *w = ctx;

	http_req_set_ops(r, &req_ops, w);
	if (span_is(http_req_path(r), "/tunnel")) {
		w->server = http_upgrade_ws(r, &w->server_opts, &server_ops, w, &w->upgrade_err);
		if (w->server)
			return;
		http_respond_full(
		    r, reason_http(w->upgrade_err.reason), NULL, NULL, 0, span_of(NULL, 0));
		return;
	}
	http_respond_full(r, 404, NULL, NULL, 0, span_of(NULL, 0));
}

static const struct http_server_ops http_ops = {.on_request = on_request};

static void
client_open(struct ws_conn *c, void *ctx)
{
	struct world *w = ctx;

	w->opened++;
	assert_true(ws_conn_send_text(c, buf_span(&w->sent)));
}

static void
client_text(struct ws_conn *c, struct span text, void *ctx)
{
	struct world *w = ctx;

	buf_add(&w->got_client, text);
	ws_conn_close(c, 1000, span_str("done"));
	ws_conn_close(c, 1001, span_str("not this"));
}

static void
client_binary(struct ws_conn *c, struct span bytes, void *ctx)
{
	struct world *w = ctx;

	buf_add(&w->got_client, bytes);
}

static void
client_close(struct ws_conn *c, uint16_t code, struct span reason, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->client_closed++;
	w->client_code = code;
	w->client_why = *why;
	(void)span_cstr(reason, w->client_reason, sizeof w->client_reason);
	if (w->http)
		http_server_drain(w->http);
	net_timer_stop(&w->stop);
}

static const struct ws_conn_ops client_ops = {.on_open = client_open,
    .on_text = client_text,
    .on_binary = client_binary,
    .on_close = client_close};

static void
time_out(void *ctx)
{
	struct world *w = ctx;

	w->timed_out = true;
	net_loop_stop(w->l);
}

static void
world_init_tls(struct world *w, struct tls_ctx *tls)
{
	struct http_server_opts o = {.listen = {.address = "127.0.0.1", .tls = tls}};

	memset(w, 0, sizeof *w);
	buf_init(&w->got_client, 64u << 20);
	buf_init(&w->got_server, 64u << 20);
	buf_init(&w->sent, 64u << 20);
	buf_init(&w->raw_got, 64u << 20);
	w->l = net_loop_new(&w->e);
	w->http = http_server_open(w->l, &o, &http_ops, w, &w->e);
	assert_non_null(w->http);
	net_timer_start(w->l, &w->stop, 5000, time_out, w);
}

static void
world_init(struct world *w)
{
	world_init_tls(w, NULL);
}

static void
dial(struct world *w, const char *path)
{
	struct ws_dial d = {.user_agent = "test/1", .timeout_ms = 300};
	char url[64];

	snprintf(url, sizeof url, "ws://127.0.0.1:%u%s", http_server_port(w->http), path);
	d.url = url;
	w->client = ws_conn_dial(w->l, &d, &w->client_opts, &client_ops, w, &w->e);
	assert_non_null(w->client);
}

static void
world_fini(struct world *w)
{
	assert_false(w->timed_out);
	net_loop_free(w->l);
	buf_fini(&w->got_client);
	buf_fini(&w->got_server);
	buf_fini(&w->sent);
	buf_fini(&w->raw_got);
}

static void
test_echo(void **state)
{
	static const size_t sizes[] = {0, 1, 125, 126, 65535, 65536, 250000};
	struct world w;

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		world_init(&w);
		w.echo = true;
		for (size_t k = 0; k < sizes[i]; k++)
			buf_add_u8(&w.sent, (uint8_t)('a' + k % 26));
		dial(&w, "/tunnel");
		net_loop_run(w.l);
		assert_int_equal(w.opened, 1);
		assert_int_equal(w.requests_closed, 1);
		assert_true(span_eq(buf_span(&w.got_client), buf_span(&w.sent)));
		assert_int_equal(w.client_code, 1000);
		assert_int_equal(w.server_code, 1000);
		assert_string_equal(w.server_reason, "done");
		assert_int_equal(w.server_closed, 1);
		assert_int_equal(w.client_closed, 1);
		world_fini(&w);
	}
}

static void
test_echo_over_tls(void **state)
{
	struct err e = {0};
	struct tls_ctx *server = tls_ctx_server(cert_path, key_path, &e);
	struct ws_dial d = {.tls = tls_ctx_client(cert_path, &e), .timeout_ms = 2000};
	struct world w;
	char url[64];

	world_init_tls(&w, server);
	w.echo = true;
	for (int i = 0; i < 200000; i++)
		buf_add_u8(&w.sent, (uint8_t)('a' + i % 26));
	snprintf(url, sizeof url, "wss://localhost:%u/tunnel", http_server_port(w.http));
	d.url = url;
	w.client = ws_conn_dial(w.l, &d, &w.client_opts, &client_ops, &w, &w.e);
	assert_non_null(w.client);
	net_loop_run(w.l);
	assert_true(span_eq(buf_span(&w.got_client), buf_span(&w.sent)));
	assert_int_equal(w.client_code, 1000);
	assert_int_equal(w.server_code, 1000);
	world_fini(&w);
	tls_ctx_free(server);
	tls_ctx_free(d.tls);
}

static void
test_server_closes(void **state)
{
	struct world w;

	world_init(&w);
	w.close_on_text = true;
	dial(&w, "/tunnel");
	net_loop_run(w.l);
	assert_int_equal(w.client_code, 1008);
	assert_string_equal(w.client_reason, "policy");
	assert_int_equal(w.server_code, 1008);
	world_fini(&w);
	/* the largest message: refused by its length, named on both sides */
	world_init(&w);
	w.server_opts.max_message = 1000;
	for (int i = 0; i < 1001; i++)
		buf_add_u8(&w.sent, 'x');
	dial(&w, "/tunnel");
	net_loop_run(w.l);
	assert_int_equal(w.server_code, 1009);
	assert_int_equal(w.server_why.reason, REASON_MESSAGE_TOO_BIG);
	assert_int_equal(w.client_code, 1009);
	assert_int_equal(w.texts, 0);
	world_fini(&w);
}

static void
test_flood_and_drain(void **state)
{
	struct world w;

	world_init(&w);
	w.flood = 200;
	dial(&w, "/tunnel");
	net_loop_run(w.l);
	assert_int_equal(w.got_client.n, 20000000);
	assert_true(w.drains > 0);
	assert_int_equal(w.client_code, 1000);
	world_fini(&w);
}

static void
test_refused_upgrades(void **state)
{
	struct world w;
	struct ws_dial d = {.url = "wss://localhost/"};

	world_init(&w);
	dial(&w, "/elsewhere");
	net_loop_run(w.l);
	assert_int_equal(w.opened, 0);
	assert_int_equal(w.client_code, 1006);
	assert_int_equal(w.client_why.reason, REASON_UPGRADE_REFUSED);
	assert_null(ws_conn_dial(w.l, &d, &w.client_opts, &client_ops, &w, &w.e));
	d.url = "http://localhost/";
	assert_null(ws_conn_dial(w.l, &d, &w.client_opts, &client_ops, &w, &w.e));
	world_fini(&w);
}

/* -- a raw peer, for what our client would never send -- */

static void
raw_open(struct stream *s, void *ctx)
{
	struct world *w = ctx;

	stream_write(s, buf_span(&w->sent));
}

static void
raw_read(struct stream *s, struct span bytes, void *ctx)
{
	struct world *w = ctx;

	buf_add(&w->raw_got, bytes);
}

static void
raw_close(struct stream *s, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->raw_closed++;
	if (w->http)
		http_server_drain(w->http);
	net_timer_stop(&w->stop);
}

static const struct stream_ops raw_ops = {
    .on_open = raw_open, .on_read = raw_read, .on_close = raw_close};

static const char upgrade[] =
    "GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

static void
raw_dial(struct world *w)
{
	struct stream_dial d = {.host = "127.0.0.1", .port = http_server_port(w->http)};

	w->raw = stream_connect(w->l, &d, &raw_ops, w, &w->e);
	assert_non_null(w->raw);
	net_loop_run(w->l);
}

static void
add_frame(struct buf *b, enum ws_opcode op, bool fin, const char *s)
{
	static const uint8_t mask[4] = {1, 2, 3, 4};

	ws_encode(b, op, fin, span_str(s), mask);
}

static void
test_fragments_with_the_upgrade(void **state)
{
	struct world w;

	world_init(&w);
	w.echo = true;
	w.pause_on_text = true;
	buf_add_str(&w.sent, upgrade);
	add_frame(&w.sent, WS_TEXT, false, "frag");
	add_frame(&w.sent, WS_PING, true, "p");
	add_frame(&w.sent, WS_CONTINUATION, false, "");
	add_frame(&w.sent, WS_CONTINUATION, true, "ments");
	add_frame(&w.sent, WS_TEXT, true, " after the pause");
	ws_encode_close(&w.sent, 1000, span_str("bye"), (const uint8_t *)"\1\2\3\4");
	raw_dial(&w);
	assert_int_equal(w.texts, 2);
	assert_true(span_is(buf_span(&w.got_server), "fragments after the pause"));
	assert_int_equal(w.server_code, 1000);
	assert_string_equal(w.server_reason, "bye");
	/* RFC 6455 section 1.3's own example */
	assert_non_null(strstr(buf_cstr(&w.raw_got), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
	world_fini(&w);
}

static void
test_breaches(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		uint16_t code;
	} rows[] = {
	    {"\x81\x05hello", 7, 1002}, /* not masked */
	    {"\x82\xff\x00\x00\x00\x00\x40\x00\x00\x00mask", 14, 1009}, /* 1 GiB announced */
	    {"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xffmask", 14, 1002}, /* 2^64 - 1 */
	    {"\xc1\x85", 2, 1002}, /* a reserved bit */
	    {"\x83\x80", 2, 1002}, /* an unknown opcode */
	    {"\x81\x82\x00\x00\x00\x00\xc3\x28", 8, 1007}, /* not UTF-8 */
	    {"\x80\x80\x00\x00\x00\x00", 6, 1002}, /* continues nothing */
	};
	struct world w;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		world_init(&w);
		buf_add_str(&w.sent, upgrade);
		buf_add(&w.sent, span_of(rows[i].bytes, rows[i].n));
		raw_dial(&w);
		if (!w.server_closed)
			fail_msg("row %zu", i);
		assert_int_equal(w.server_code, rows[i].code);
		assert_int_not_equal(w.server_why.code, ERR_NONE);
		assert_int_equal(w.texts, 0);
		world_fini(&w);
	}
}

static void
test_bad_upgrades(void **state)
{
	static const struct {
		const char *head;
		const char *status;
	} rows[] = {
	    {"GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 426 "},
	    {"GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: close, Upgrade\r\nUpgrade: "
	     "websocket\r\n"
	     "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		"HTTP/1.1 426 "},
	    {"GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: close, Upgrade\r\nUpgrade: "
	     "websocket\r\n"
	     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n",
		"HTTP/1.1 400 "},
	};
	struct world w;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		world_init(&w);
		buf_add_str(&w.sent, rows[i].head);
		raw_dial(&w);
		assert_null(w.server);
		assert_ptr_equal(strstr(buf_cstr(&w.raw_got), rows[i].status), w.raw_got.p);
		world_fini(&w);
	}
}

static void
test_dead_peers(void **state)
{
	struct world w;

	/* answers no ping */
	world_init(&w);
	w.server_opts.ping_every_ms = 30;
	w.server_opts.ping_deadline_ms = 40;
	buf_add_str(&w.sent, upgrade);
	raw_dial(&w);
	assert_int_equal(w.server_code, 1006);
	assert_int_equal(w.server_why.reason, REASON_PEER_IDLE);
	world_fini(&w);
	/* answers no close frame */
	world_init(&w);
	w.close_on_text = true;
	w.server_opts.close_deadline_ms = 40;
	buf_add_str(&w.sent, upgrade);
	add_frame(&w.sent, WS_TEXT, true, "x");
	raw_dial(&w);
	assert_int_equal(w.server_code, 1006);
	assert_int_equal(w.server_why.reason, REASON_PEER_IDLE);
	world_fini(&w);
}

static void
abort_client(void *ctx)
{
	struct world *w = ctx;

	ws_conn_abort(w->client, NULL);
	ws_conn_abort(w->client, NULL);
}

static void
test_pings_keep_alive_then_abort(void **state)
{
	struct world w;

	world_init(&w);
	w.server_opts.ping_every_ms = 10;
	w.server_opts.ping_deadline_ms = 20;
	dial(&w, "/tunnel");
	net_timer_start(w.l, &w.timer, 150, abort_client, &w);
	net_loop_run(w.l);
	assert_int_equal(w.client_code, 1006);
	assert_int_equal(w.client_why.code, ERR_NONE);
	assert_int_equal(w.server_code, 1006);
	assert_int_equal(w.server_why.reason, REASON_PEER_LOST);
	world_fini(&w);
	/* a server that never answers the upgrade, a loop that ends with both open */
	world_init(&w);
	dial(&w, "/tunnel");
	net_timer_start(w.l, &w.stop, 40, time_out, &w);
	net_loop_run(w.l);
	assert_true(w.timed_out);
	w.timed_out = false;
	assert_int_equal(w.client_closed, 0);
	world_fini(&w);
	assert_int_equal(w.client_closed, 1);
	assert_int_equal(w.server_closed, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_echo),
	    cmocka_unit_test(test_echo_over_tls),
	    cmocka_unit_test(test_server_closes),
	    cmocka_unit_test(test_flood_and_drain),
	    cmocka_unit_test(test_refused_upgrades),
	    cmocka_unit_test(test_fragments_with_the_upgrade),
	    cmocka_unit_test(test_breaches),
	    cmocka_unit_test(test_bad_upgrades),
	    cmocka_unit_test(test_dead_peers),
	    cmocka_unit_test(test_pings_keep_alive_then_abort),
	};

	return cmocka_run_group_tests(tests, make_cert, drop_cert);
}
