/* context.h - the trusted root, and what need not be computed twice: signatures that hold, by the
 * digest of key, message and signature; PCK chains, by the digest of their bytes; and the few upper
 * parts of chains, by the bytes themselves. All of it is true for ever, so nothing here expires:
 * time, revocation, TCB and policy are judged outside. Owns the tables, the engines that no thread
 * uses, and the lock around them. Made and freed through eedcap.h. */
#ifndef DCAP_CONTEXT_H
#define DCAP_CONTEXT_H

#include "dcap/ecdsa.h"
#include "dcap/pck.h"
#include "eedcap.h"

/* The root key of ctx; Intel's where ctx is NULL. */
const uint8_t *context_root_key(const struct eedcap_context *ctx);

/* Say whether ctx has room to remember anything. */
bool context_remembers(const struct eedcap_context *ctx);

/* Take an engine that no thread uses, or a new one; NULL where there is no memory. */
struct ecdsa *context_take_engine(struct eedcap_context *ctx);
/* Give it back, and add what was done with it. */
void context_return(struct eedcap_context *ctx, struct ecdsa *ec, const struct eedcap_stats *done);

bool context_knows_fact(struct eedcap_context *ctx, const uint8_t name[static SHA256_SIZE]);
void context_add_fact(struct eedcap_context *ctx, const uint8_t name[static SHA256_SIZE]);

/* Say whether the upper part of a chain is these very bytes, and copy out what it says and the digest
 * of its bytes. Only what was checked up to the root key is put in. */
bool context_knows_issuer(struct eedcap_context *ctx, struct span text, struct pck_issuer *out,
    uint8_t digest[static SHA256_SIZE]);
void context_add_issuer(struct eedcap_context *ctx, struct span text,
    const uint8_t digest[static SHA256_SIZE], const struct pck_issuer *issuer);

/* Copy out what a chain of that digest says. Only chains whose signatures hold up to the root key
 * are put in. */
bool context_knows_chain(
    struct eedcap_context *ctx, const uint8_t digest[static SHA256_SIZE], struct pck *out);
void context_add_chain(
    struct eedcap_context *ctx, const uint8_t digest[static SHA256_SIZE], const struct pck *p);

#endif
