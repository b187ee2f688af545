/* http_upgrade.c - requests that make their connection another protocol's: a WebSocket of our own,
 * or bytes that a proxy passes through. */
#include "net/http_impl.h"
#include "net/ws_impl.h"

bool
http_upgrade_check(const struct http_req *r, struct err *e)
{
	const struct http_head *h = &r->head;

	if (!h->upgrade)
		return err_set(e, ERR_UNSUPPORTED, REASON_UPGRADE_REQUIRED, "no upgrade asked for");
	if (http_field_count(h->fields, h->n, "sec-websocket-version") > 1)
		return err_set(e, ERR_MALFORMED, REASON_BAD_REQUEST, "more than one version");
	if (!span_is(http_head_get(h, "sec-websocket-version"), "13"))
		return err_set(e, ERR_UNSUPPORTED, REASON_UPGRADE_REQUIRED, "version is not 13");
	if (http_field_count(h->fields, h->n, "sec-websocket-key") != 1
	    || !ws_key_ok(http_head_get(h, "sec-websocket-key")))
		return err_set(e, ERR_MALFORMED, REASON_BAD_REQUEST, "bad Sec-WebSocket-Key");
	return true;
}

static bool
can_switch(const struct http_req *r, struct err *e)
{
	if (r->answered || !http_req_can_answer(r))
		return err_set(e, ERR_NOT_NOW, REASON_PEER_LOST, "the connection is closing");
	return true;
}

static void
write_switch(struct buf *head)
{
	http1_write_status_line(head, 101);
	http1_write_field(head, "Upgrade", span_str("websocket"));
	http1_write_field(head, "Connection", span_str("Upgrade"));
}

struct ws_conn *
http_upgrade_ws(struct http_req *r, const struct ws_conn_opts *o, const struct ws_conn_ops *ops,
    void *ctx, struct err *e)
{
	struct http_conn *c = r->conn;
	char accept[WS_ACCEPT_MAX];
	struct ws_conn *w;
	struct buf head;

	if (!http_upgrade_check(r, e))
		return NULL;
	if (!can_switch(r, e))
		return NULL;
	if (!ws_accept(http_req_field(r, "sec-websocket-key"), accept)) {
		err_set(e, ERR_IO, REASON_INTERNAL, "SHA-1");
		return NULL;
	}
	w = ws_conn_adopt(c->stream, o, ops, ctx, e);
	if (!w)
		return NULL;
	buf_init(&head, 512);
	write_switch(&head);
	http1_write_field(&head, "Sec-WebSocket-Accept", span_str(accept));
	http1_write_end(&head);
	stream_write(c->stream, buf_span(&head));
	buf_fini(&head);
	/* A client may not send before it has seen 101, but bytes may have come with a stall. */
	ws_conn_begin(w, buf_span(&c->in));
	c->stream = NULL;
	c->stopped = r->answered = r->answer_done = true;
	net_timer_stop(&c->timer);
	http_conn_kick(c);
	return w;
}

/* Write the head of a raw upgrade: the backend's fields, and an Accept. */
static bool
write_raw_head(
    struct http_req *r, struct buf *b, const struct http_field *fields, size_t n, struct err *e)
{
	char accept[WS_ACCEPT_MAX];

	write_switch(b);
	for (size_t i = 0; i < n; i++)
		if (!span_iis(fields[i].name, "upgrade"))
			http_respond_fields(r->conn->server, b, &fields[i], 1);
	if (!http_field_find(fields, n, "sec-websocket-accept")) {
		if (!http_upgrade_check(r, e))
			return false;
		if (!ws_accept(http_req_field(r, "sec-websocket-key"), accept))
			return err_set(e, ERR_IO, REASON_INTERNAL, "SHA-1");
		http1_write_field(b, "Sec-WebSocket-Accept", span_str(accept));
	}
	http1_write_end(b);
	return buf_ok(b)
	       || err_set(e, ERR_MALFORMED, REASON_INTERNAL, "a field breaks the grammar");
}

bool
http_upgrade_raw(struct http_req *r, const struct http_field *fields, size_t n, struct err *e)
{
	struct http_conn *c = r->conn;
	struct buf head;
	bool ok;

	if (!r->head.upgrade)
		return err_set(e, ERR_UNSUPPORTED, REASON_UPGRADE_REQUIRED, "no upgrade asked for");
	if (!can_switch(r, e))
		return false;
	buf_init(&head, 2 * LIMIT_HEAD);
	ok = write_raw_head(r, &head, fields, n, e);
	if (ok && !stream_write(c->stream, buf_span(&head)))
		ok = err_set(e, ERR_NOT_NOW, REASON_PEER_LOST, "the connection is closing");
	buf_fini(&head);
	if (!ok)
		return false;
	r->answered = r->piped = true;
	http_req_note_answer(r, 101);
	r->keep = r->body_done = r->end_told = false;
	r->left = -1;
	http1_body_fini(&r->body);
	http1_body_init(&r->body, HTTP_UNTIL_CLOSE, 0);
	http_conn_kick(c);
	return true;
}
