#include "tunnel/h2_conn.h"

#include <stdlib.h>

static void *
mem_malloc(size_t n, void *user)
{
	return malloc(n);
}

static void
mem_free(void *p, void *user)
{
	free(p);
}

static void *
mem_calloc(size_t n, size_t size, void *user)
{
	return calloc(n, size);
}

static void *
mem_realloc(void *p, size_t n, void *user)
{
	return realloc(p, n);
}

static nghttp2_session_callbacks *
callbacks_new(void)
{
	nghttp2_session_callbacks *k;

	if (nghttp2_session_callbacks_new(&k) != 0)
		return NULL;
	h2_conn_set_recv(k);
	h2_conn_set_send(k);
	return k;
}

static nghttp2_option *
option_new(const struct h2_conn *c)
{
	nghttp2_option *o;

	if (nghttp2_option_new(&o) != 0)
		return NULL;
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_peer_max_concurrent_streams(o, (uint32_t)c->o.max_streams);
	nghttp2_option_set_max_reserved_remote_streams(o, 0);
	nghttp2_option_set_max_send_header_block_length(o, 4 * c->o.head_max);
	nghttp2_option_set_max_outbound_ack(o, LIMIT_H2_ACKS);
	nghttp2_option_set_max_settings(o, LIMIT_H2_SETTINGS);
	nghttp2_option_set_max_continuations(o, LIMIT_H2_CONTINUATIONS);
	/* Ours is measured by the caller's clock and against what was done (on_reset_recv). */
	nghttp2_option_set_stream_reset_rate_limit(o, UINT32_MAX, UINT32_MAX);
	return o;
}

static int
session_new(struct h2_conn *c)
{
	nghttp2_mem mem = {NULL, mem_malloc, mem_free, mem_calloc, mem_realloc};
	nghttp2_session_callbacks *k = callbacks_new();
	nghttp2_option *o = option_new(c);
	int rv = NGHTTP2_ERR_NOMEM;

	if (k && o && c->role->server)
		rv = nghttp2_session_server_new3(&c->ng, k, c, o, &mem);
	else if (k && o)
		rv = nghttp2_session_client_new3(&c->ng, k, c, o, &mem);
	nghttp2_session_callbacks_del(k);
	nghttp2_option_del(o);
	return rv;
}

static int
submit_settings(struct h2_conn *c)
{
	/* HTTP/2 counts 32 bytes more for each field (RFC 9113 section 6.5.2). */
	uint32_t list = (uint32_t)(c->o.head_max + 32 * (LIMIT_HEAD_FIELDS + 6));
	const nghttp2_settings_entry server[] = {
	    {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)c->o.max_streams},
	    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)h2_window_first(&c->o)},
	    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, list},
	    {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
	};
	/* An answer's window is what its asker grants. */
	const nghttp2_settings_entry client[] = {
	    {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
	    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0},
	    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, list},
	};

	if (c->role->server)
		return nghttp2_submit_settings(
		    c->ng, NGHTTP2_FLAG_NONE, server, sizeof server / sizeof *server);
	return nghttp2_submit_settings(
	    c->ng, NGHTTP2_FLAG_NONE, client, sizeof client / sizeof *client);
}

void
h2_conn_init(struct h2_conn *c, const struct h2_role *role, void *owner, const struct h2_opts *o)
{
	memset(c, 0, sizeof *c);
	c->role = role;
	c->owner = owner;
	c->o = h2_opts_of(o);
	c->last = &c->first;
	c->due_last = &c->due;
}

bool
h2_conn_begin(struct h2_conn *c, struct err *e)
{
	int rv = NGHTTP2_ERR_NOMEM;

	c->live = calloc(1, sizeof *c->live);
	if (c->live) {
		h2_head_init(&c->live->head, c->role->server, c->o.head_max);
		rv = session_new(c);
	}
	if (rv == 0)
		rv = submit_settings(c);
	if (rv == 0)
		rv = nghttp2_session_set_local_window_size(
		    c->ng, NGHTTP2_FLAG_NONE, 0, (int32_t)(c->o.tunnel_window / 2));
	if (rv != 0) {
		h2_conn_end(c);
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "HTTP/2 session");
	}
	h2_conn_wake(c);
	return true;
}

void
h2_conn_end(struct h2_conn *c)
{
	for (struct h2_stream *s = c->first; s; s = s->next) {
		s->id = 0;
		s->open = s->deferred = false;
	}
	nghttp2_session_del(c->ng);
	c->ng = NULL;
	if (c->live)
		h2_head_fini(&c->live->head);
	free(c->live);
	c->live = NULL;
	c->withheld = c->noise = c->resets = 0;
	c->settled = false;
}
