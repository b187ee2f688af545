/* tls_session.h - one TLS end over memory: ciphertext in, plaintext out, and back. Owns OpenSSL's
 * state, never a descriptor. For stream.c only. */
#ifndef NET_TLS_SESSION_H
#define NET_TLS_SESSION_H

#include "base/buf.h"
#include "net/tls.h"

struct tls_session;

enum tls_step {
	TLS_MORE, /* needs bytes from the peer */
	TLS_DONE, /* handshake done, or bytes were read */
	TLS_END, /* the peer said that it will send no more */
	TLS_BAD /* see the err */
};

/* Start as a client of `host` (verified), or as a server when host is NULL. */
MUST_CHECK struct tls_session *tls_session_new(struct tls_ctx *c, const char *host, struct err *e);
void tls_session_free(struct tls_session *t);

/* Take ciphertext. */
MUST_CHECK bool tls_session_feed(struct tls_session *t, struct span in, struct err *e);

MUST_CHECK enum tls_step tls_session_handshake(struct tls_session *t, struct err *e);

/* Read plaintext, at most n bytes; TLS_DONE sets *used. */
MUST_CHECK enum tls_step tls_session_read(
    struct tls_session *t, uint8_t *dst, size_t n, size_t *used, struct err *e);

/* Encrypt all of s; only after the handshake. */
MUST_CHECK bool tls_session_write(struct tls_session *t, struct span s, struct err *e);

/* Say goodbye (close_notify). */
void tls_session_end(struct tls_session *t);

/* Move the ciphertext that is to be sent to the end of its queue. */
MUST_CHECK bool tls_session_output(struct tls_session *t, struct err *e);

/* The session's own: records not yet handed on. */
struct buf *tls_session_queue(struct tls_session *t);

MUST_CHECK bool tls_session_exporter(struct tls_session *t, uint8_t out[static TLS_EXPORTER_SIZE]);

#endif
