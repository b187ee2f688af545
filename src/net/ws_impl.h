/* ws_impl.h - how an HTTP connection becomes a WebSocket one; for http_upgrade.c and
 * http_client_send.c only. */
#ifndef NET_WS_IMPL_H
#define NET_WS_IMPL_H

#include "net/ws_conn.h"
#include "wire/ws.h"

/* Take over an open stream as a server. On success the stream has a new owner. */
MUST_CHECK struct ws_conn *ws_conn_adopt(struct stream *s, const struct ws_conn_opts *o,
    const struct ws_conn_ops *ops, void *ctx, struct err *e);

/* Make a Sec-WebSocket-Key (RFC 6455 section 4.1). */
#define WS_KEY_SIZE 25 /* base64 of 16 bytes, and a NUL */
MUST_CHECK bool ws_make_key(char key[static WS_KEY_SIZE], struct err *e);

/* Begin to read: first what had come already. */
void ws_conn_begin(struct ws_conn *w, struct span came);

#endif
