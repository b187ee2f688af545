/* tls.h - what a TLS end trusts and shows: a context that any number of streams share. Streams
 * hold references of their own, so the owner may free the context while they live. A server
 * speaks TLS 1.3, a client 1.2 too, and it always verifies chain and host name. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/err.h"
#include <stdint.h>

struct tls_ctx;

/* Trust the system's store, or only the certificates in the PEM file ca_file when not NULL. */
MUST_CHECK struct tls_ctx *tls_ctx_client(const char *ca_file, struct err *e);

/* Serve with a PEM chain and its key: TLS 1.3 alone, without resumption or early data, so that the
 * exporter names one connection. */
MUST_CHECK struct tls_ctx *tls_ctx_server(
    const char *cert_file, const char *key_file, struct err *e);

/* Serve new connections with another chain and key; those that are open go on. What was there stays
 * where the new pair cannot be used. */
MUST_CHECK bool tls_ctx_reload(
    struct tls_ctx *c, const char *cert_file, const char *key_file, struct err *e);

/* When the first certificate of its chain to end does so, in seconds since 1970; 0: it shows none. */
int64_t tls_ctx_expiry(const struct tls_ctx *c);

/* Drop the owner's reference. Takes NULL. */
void tls_ctx_free(struct tls_ctx *c);

/* Size of the channel binding of RFC 9266 section 4.2. */
#define TLS_EXPORTER_SIZE 32

#endif
