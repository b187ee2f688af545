#include "dcap/context.h"

#include <stdlib.h>

#include <openssl/crypto.h>

#include "base/lru.h"
#include "dcap/error.h"
#include "dcap/verifier.h"

/* Engines kept for the next call: more threads than that make theirs anew. */
#define ENGINES_KEPT 16
/* Signatures of one platform that may come again: PCK CA, PCK certificate, QE report, and one more
 * for a new edition of any. Those of CRLs, documents and root are few. */
#define FACTS_EACH    4
#define FACTS_MORE    64
#define PLATFORMS_MAX ((size_t)1 << 24)
/* Upper parts of chains: Intel has two PCK CAs and two editions of each and of the root; some callers
 * break lines otherwise. */
#define ISSUERS     8
#define ISSUER_TEXT 4096

struct known_issuer {
	size_t n; /* 0: none */
	uint64_t used;
	uint8_t digest[SHA256_SIZE];
	struct pck_issuer issuer;
	uint8_t text[ISSUER_TEXT];
};

struct eedcap_context {
	uint8_t root_key[EC_POINT_SIZE];
	CRYPTO_RWLOCK *lock; /* around everything below */
	struct lru facts, chains;
	struct known_issuer *issuers; /* ISSUERS of them; NULL where nothing is remembered */
	uint64_t uses;
	struct ecdsa *idle[ENGINES_KEPT];
	size_t n_idle;
	struct eedcap_stats stats;
};

/* Intel SGX Root CA's public key: pinned instead of a certificate, of which there are several. */
static const uint8_t intel_root_key[EC_POINT_SIZE] = {0x04, 0x0b, 0xa9, 0xc4, 0xc0, 0xc0, 0xc8,
    0x61, 0x93, 0xa3, 0xfe, 0x23, 0xd6, 0xb0, 0x2c, 0xda, 0x10, 0xa8, 0xbb, 0xd4, 0xe8, 0x8e, 0x48,
    0xb4, 0x45, 0x85, 0x61, 0xa3, 0x6e, 0x70, 0x55, 0x25, 0xf5, 0x67, 0x91, 0x8e, 0x2e, 0xdc, 0x88,
    0xe4, 0x0d, 0x86, 0x0b, 0xd0, 0xcc, 0x4e, 0xe2, 0x6a, 0xac, 0xc9, 0x88, 0xe5, 0x05, 0xa9, 0x53,
    0x55, 0x8c, 0x45, 0x3f, 0x6b, 0x09, 0x04, 0xae, 0x73, 0x94};

const uint8_t *
context_root_key(const struct eedcap_context *ctx)
{
	return ctx ? ctx->root_key : intel_root_key;
}

static MUST_CHECK bool
init(struct eedcap_context *ctx, size_t platforms, struct err *e)
{
	uint32_t n = (uint32_t)platforms;
	struct ecdsa *ec;

	if (platforms > PLATFORMS_MAX)
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING, "%zu platforms", platforms);
	ctx->lock = CRYPTO_THREAD_lock_new();
	if (n > 0)
		ctx->issuers = calloc(ISSUERS, sizeof *ctx->issuers);
	if (!ctx->lock || (n > 0 && !ctx->issuers) || !lru_init(&ctx->chains, n, sizeof(struct pck))
	    || !lru_init(&ctx->facts, n ? n * FACTS_EACH + FACTS_MORE : 0, 0)
	    || !(ec = ecdsa_new()))
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "context");
	ctx->idle[ctx->n_idle++] = ec;
	switch (ecdsa_is_point(ec, ctx->root_key)) {
	case ECDSA_HOLDS:
		return true;
	case ECDSA_NO_MEMORY:
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "context");
	default:
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING, "root key is no point of P-256");
	}
}

struct eedcap_context *
eedcap_context_new(const uint8_t *root_key, size_t platforms, struct eedcap_error *err)
{
	struct eedcap_context *ctx = calloc(1, sizeof *ctx);
	struct err e = {0};

	if (!ctx) {
		(void)err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "context");
	} else {
		memcpy(ctx->root_key, root_key ? root_key : intel_root_key, EC_POINT_SIZE);
		if (!init(ctx, platforms, &e)) {
			eedcap_context_free(ctx);
			ctx = NULL;
		}
	}
	error_export(err, &e);
	return ctx;
}

void
eedcap_context_free(struct eedcap_context *ctx)
{
	if (!ctx)
		return;
	while (ctx->n_idle > 0)
		ecdsa_free(ctx->idle[--ctx->n_idle]);
	free(ctx->issuers);
	lru_fini(&ctx->facts);
	lru_fini(&ctx->chains);
	CRYPTO_THREAD_lock_free(ctx->lock);
	free(ctx);
}

/* Locking does not fail: the lock was made, and no thread takes it twice. */
static void
lock(struct eedcap_context *ctx)
{
	(void)CRYPTO_THREAD_write_lock(ctx->lock);
}

static void
unlock(struct eedcap_context *ctx)
{
	(void)CRYPTO_THREAD_unlock(ctx->lock);
}

void
eedcap_context_stats(struct eedcap_context *ctx, struct eedcap_stats *out)
{
	*out = (struct eedcap_stats){0};
	if (!ctx)
		return;
	lock(ctx);
	*out = ctx->stats;
	unlock(ctx);
}

bool
context_remembers(const struct eedcap_context *ctx)
{
	return ctx->facts.capacity > 0;
}

struct ecdsa *
context_take_engine(struct eedcap_context *ctx)
{
	struct ecdsa *ec = NULL;

	lock(ctx);
	if (ctx->n_idle > 0)
		ec = ctx->idle[--ctx->n_idle];
	unlock(ctx);
	return ec ? ec : ecdsa_new();
}

void
context_return(struct eedcap_context *ctx, struct ecdsa *ec, const struct eedcap_stats *done)
{
	lock(ctx);
	ctx->stats.signatures_verified += done->signatures_verified;
	ctx->stats.signatures_known += done->signatures_known;
	ctx->stats.chains_read += done->chains_read;
	ctx->stats.chains_known += done->chains_known;
	if (ctx->n_idle < ENGINES_KEPT) {
		ctx->idle[ctx->n_idle++] = ec;
		ec = NULL;
	}
	unlock(ctx);
	ecdsa_free(ec);
}

bool
context_knows_fact(struct eedcap_context *ctx, const uint8_t name[static SHA256_SIZE])
{
	bool known;

	lock(ctx);
	known = lru_find(&ctx->facts, name) != NULL;
	unlock(ctx);
	return known;
}

void
context_add_fact(struct eedcap_context *ctx, const uint8_t name[static SHA256_SIZE])
{
	lock(ctx);
	(void)lru_put(&ctx->facts, name);
	unlock(ctx);
}

bool
context_knows_issuer(struct eedcap_context *ctx, struct span text, struct pck_issuer *out,
    uint8_t digest[static SHA256_SIZE])
{
	struct known_issuer *k = ctx->issuers, *end = k + ISSUERS;

	if (text.n == 0)
		return false;
	lock(ctx);
	while (k < end && !span_eq(text, span_of(k->text, k->n)))
		k++;
	if (k < end) {
		k->used = ++ctx->uses;
		*out = k->issuer;
		memcpy(digest, k->digest, SHA256_SIZE);
	}
	unlock(ctx);
	return k < end;
}

void
context_add_issuer(struct eedcap_context *ctx, struct span text,
    const uint8_t digest[static SHA256_SIZE], const struct pck_issuer *issuer)
{
	struct known_issuer *k = ctx->issuers;

	if (text.n == 0 || text.n > ISSUER_TEXT)
		return;
	lock(ctx);
	for (size_t i = 1; i < ISSUERS; i++)
		if (ctx->issuers[i].used < k->used)
			k = &ctx->issuers[i];
	k->n = text.n;
	k->used = ++ctx->uses;
	k->issuer = *issuer;
	memcpy(k->digest, digest, SHA256_SIZE);
	memcpy(k->text, text.p, text.n);
	unlock(ctx);
}

bool
context_knows_chain(
    struct eedcap_context *ctx, const uint8_t digest[static SHA256_SIZE], struct pck *out)
{
	const struct pck *p;

	lock(ctx);
	p = lru_find(&ctx->chains, digest);
	if (p)
		*out = *p;
	unlock(ctx);
	return p != NULL;
}

void
context_add_chain(
    struct eedcap_context *ctx, const uint8_t digest[static SHA256_SIZE], const struct pck *p)
{
	struct pck *slot;

	lock(ctx);
	slot = lru_put(&ctx->chains, digest);
	if (slot)
		*slot = *p;
	unlock(ctx);
}
