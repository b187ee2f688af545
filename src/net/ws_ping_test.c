/* ws_ping_test.c - dead peers of a WebSocket: how soon they are found, and that living ones are
 * left alone. The peer is a bare socket, so that it can be slow, frozen or deaf. */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "net/http_server.h"
#include "net/ws_conn_impl.h"

#define EVERY_MS    100u
#define DEADLINE_MS 100u
/* What a busy machine may add; one more deadline would still show. */
#define SLACK_MS 95u

struct world {
	struct net_loop *l;
	struct http_server *http;
	struct ws_conn *server;
	struct net_timer tick, stop, act;
	int fd;
	bool reads, answers, paused_once;
	size_t read_at_once, flood;
	uint64_t frozen_ms, closed_ms;
	uint16_t code;
	struct err why, e;
};

static void
on_text(struct ws_conn *c, struct span text, void *ctx)
{
}

static void
flood_more(struct ws_conn *c, void *ctx)
{
	static const uint8_t block[16384];
	struct world *w = ctx;

	while (w->flood > 0 && !ws_conn_is_full(c)) {
		w->flood--;
		assert_true(ws_conn_send_binary(c, span_of(block, sizeof block)));
	}
}

static void
on_close(struct ws_conn *c, uint16_t code, struct span reason, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->closed_ms = net_loop_now_ms(w->l);
	w->code = code;
	w->why = *why;
	w->server = NULL;
	net_loop_stop(w->l);
}

static const struct ws_conn_ops server_ops = {
    .on_text = on_text, .on_binary = on_text, .on_drain = flood_more, .on_close = on_close};

static void
on_request(struct http_server *s, struct http_req *r, void *ctx)
{
	struct ws_conn_opts o = {.ping_every_ms = EVERY_MS, .ping_deadline_ms = DEADLINE_MS};
	struct world *w = ctx;

	w->server = http_upgrade_ws(r, &o, &server_ops, w, &w->e);
	assert_non_null(w->server);
	if (w->flood)
		flood_more(w->server, w);
}

static const struct http_server_ops http_ops = {.on_request = on_request};

static void
stop_loop(void *ctx)
{
	net_loop_stop(ctx);
}

/* The peer's life: read some, answer a ping with a pong, every two milliseconds. */
static void
on_tick(void *ctx)
{
	static const uint8_t pong[6] = {0x8a, 0x80};
	static uint8_t in[1 << 20];
	struct world *w = ctx;
	ssize_t n = 0;

	if (w->reads)
		n = read(w->fd, in, w->read_at_once);
	/* In a flood any byte is as good as a pong. */
	if (w->answers && n > 1 && (in[n - 2] == 0x89 || w->flood))
		assert_int_equal(write(w->fd, pong, sizeof pong), sizeof pong);
}

static void
begin(struct world *w, size_t flood, int rcvbuf)
{
	static const char upgrade[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
				      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
				      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
	struct http_server_opts o = {.listen = {.address = "127.0.0.1"}};
	struct sockaddr_in a = {.sin_family = AF_INET};

	memset(w, 0, sizeof *w);
	w->flood = flood;
	w->reads = w->answers = true;
	w->read_at_once = 1 << 20;
	w->l = net_loop_new(&w->e);
	w->http = http_server_open(w->l, &o, &http_ops, w, &w->e);
	w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (rcvbuf)
		setsockopt(w->fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons(http_server_port(w->http));
	assert_int_equal(connect(w->fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(write(w->fd, upgrade, sizeof upgrade - 1), sizeof upgrade - 1);
	assert_int_equal(fcntl(w->fd, F_SETFL, O_NONBLOCK), 0);
	net_timer_repeat(w->l, &w->tick, 2, on_tick, w);
}

static void
run_for(struct world *w, uint64_t ms)
{
	net_timer_start(w->l, &w->stop, ms, stop_loop, w->l);
	net_loop_run(w->l);
	net_timer_stop(&w->stop);
}

static void
fini(struct world *w)
{
	close(w->fd);
	net_loop_free(w->l);
}

/* Freeze the peer after `ms`; it must be found within an interval and a deadline. */
static void
freeze_after(uint64_t ms, bool reads_on, size_t flood)
{
	struct world w;

	begin(&w, flood, 0);
	run_for(&w, ms);
	assert_non_null(w.server);
	w.frozen_ms = net_loop_now_ms(w.l);
	w.reads = reads_on;
	w.answers = false;
	run_for(&w, 2000);
	assert_null(w.server);
	assert_int_equal(w.code, 1006);
	assert_int_equal(w.why.reason, REASON_PEER_IDLE);
	assert_in_range(
	    w.closed_ms - w.frozen_ms, 0, EVERY_MS + EVERY_MS / 20 + DEADLINE_MS + SLACK_MS);
	fini(&w);
}

static void
frozen_peers_are_found_in_time(void **state)
{
	for (uint64_t ms = 120; ms < 330; ms += 67) {
		freeze_after(ms, false, 0); /* reads nothing, writes nothing */
		freeze_after(ms, true, 0); /* reads, but writes nothing */
	}
	/* in the middle of a stream: its buffers fill, then nothing moves */
	freeze_after(120, false, 100000);
}

static void
living_peers_are_left_alone(void **state)
{
	struct world w;

	begin(&w, 0, 0);
	run_for(&w, 1000);
	assert_non_null(w.server);
	fini(&w);
}

/* Megabytes lie before the ping: as long as they go, the deadline does not run. */
static void
slow_links_are_given_time(void **state)
{
	struct world w;

	begin(&w, 1000000, 4096);
	w.answers = false;
	w.read_at_once = 2048;
	run_for(&w, 10 * DEADLINE_MS);
	assert_non_null(w.server);
	w.reads = false;
	w.frozen_ms = net_loop_now_ms(w.l);
	run_for(&w, 2000);
	assert_null(w.server);
	assert_in_range(w.closed_ms - w.frozen_ms, 0, DEADLINE_MS + DEADLINE_MS / 5 + SLACK_MS);
	fini(&w);
}

static void
write_much(struct world *w)
{
	static const uint8_t frame[4096] = {0x82, 0xfe, 0x0f, 0xf8}; /* 4088 bytes, mask 0 */

	assert_int_equal(write(w->fd, frame, sizeof frame), sizeof frame);
}

static void
paused_connections_find_dead_peers(void **state)
{
	struct world w;

	/* a peer that lives: its pongs wait unread */
	begin(&w, 0, 0);
	run_for(&w, 20);
	ws_conn_pause(w.server);
	run_for(&w, 1000);
	assert_non_null(w.server);
	/* it freezes: nothing comes, though there was room */
	w.reads = w.answers = false;
	run_for(&w, EVERY_MS * 2 + DEADLINE_MS + SLACK_MS);
	assert_null(w.server);
	assert_int_equal(w.why.reason, REASON_PEER_IDLE);
	fini(&w);
	/* much waits unread: that the peer says no more proves nothing */
	begin(&w, 0, 0);
	run_for(&w, 20);
	ws_conn_pause(w.server);
	write_much(&w);
	w.reads = w.answers = false;
	run_for(&w, 1000);
	assert_non_null(w.server);
	/* read again, it is held dead by its silence */
	ws_conn_resume(w.server);
	run_for(&w, EVERY_MS * 2 + DEADLINE_MS + SLACK_MS);
	assert_null(w.server);
	fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(frozen_peers_are_found_in_time),
	    cmocka_unit_test(living_peers_are_left_alone),
	    cmocka_unit_test(slow_links_are_given_time),
	    cmocka_unit_test(paused_connections_find_dead_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
