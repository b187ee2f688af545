/* tls.h - what a TLS end trusts and shows: a context that any number of streams share. Streams
 * hold references of their own, so the owner may free the context while they live. TLS 1.2 at
 * least, 1.3 where the peer can; a client always verifies chain and host name. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/err.h"
#include <stdint.h>

struct tls_ctx;

/* Trust the system's store, or only the certificates in the PEM file ca_file when not NULL. */
MUST_CHECK struct tls_ctx *tls_ctx_client(const char *ca_file, struct err *e);

/* Serve with a PEM chain and its key. */
MUST_CHECK struct tls_ctx *tls_ctx_server(
    const char *cert_file, const char *key_file, struct err *e);

/* Drop the owner's reference. Takes NULL. */
void tls_ctx_free(struct tls_ctx *c);

/* Size of the channel binding of RFC 9266 section 4.2. */
#define TLS_EXPORTER_SIZE 32

#endif
