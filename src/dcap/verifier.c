#include "dcap/verifier.h"

#include "dcap/context.h"

bool
verifier_begin(struct verifier *vf, struct eedcap_context *ctx, struct err *e)
{
	*vf = (struct verifier){.ctx = ctx, .root_key = context_root_key(ctx)};
	vf->ec = ctx ? context_take_engine(ctx) : ecdsa_new();
	return vf->ec || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "signature engine");
}

void
verifier_end(struct verifier *vf, struct err *e)
{
	if (vf->no_memory) {
		*e = (struct err){0};
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "verification");
	}
	if (vf->ctx)
		context_return(vf->ctx, vf->ec, &vf->stats);
	else
		ecdsa_free(vf->ec);
	vf->ec = NULL;
}

void
verifier_digest(struct verifier *vf, struct span a, struct span b, uint8_t out[static SHA256_SIZE])
{
	if (ecdsa_digest(vf->ec, a, b, out))
		return;
	vf->no_memory = true;
	memset(out, 0, SHA256_SIZE);
}

bool
verifier_holds_once(struct verifier *vf, const uint8_t key[static EC_POINT_SIZE],
    const uint8_t digest[static SHA256_SIZE], const uint8_t sig[static 64])
{
	enum ecdsa_answer answer = ECDSA_NO_MEMORY;

	vf->stats.signatures_verified++;
	if (!vf->no_memory) /* else the digest is not the message's */
		answer = ecdsa_verify(vf->ec, key, digest, sig);
	vf->no_memory |= answer == ECDSA_NO_MEMORY;
	return answer == ECDSA_HOLDS;
}

bool
verifier_knows(struct verifier *vf, struct span a, struct span b, uint8_t name[static SHA256_SIZE])
{
	if (!vf->ctx || !context_remembers(vf->ctx))
		return false;
	verifier_digest(vf, a, b, name);
	return !vf->no_memory && context_knows_fact(vf->ctx, name);
}

void
verifier_remember(struct verifier *vf, const uint8_t name[static SHA256_SIZE])
{
	if (vf->ctx && context_remembers(vf->ctx) && !vf->no_memory)
		context_add_fact(vf->ctx, name);
}

bool
verifier_holds(struct verifier *vf, const uint8_t key[static EC_POINT_SIZE],
    const uint8_t digest[static SHA256_SIZE], const uint8_t sig[static 64])
{
	uint8_t fact[EC_POINT_SIZE + SHA256_SIZE], name[SHA256_SIZE];

	memcpy(fact, key, EC_POINT_SIZE);
	memcpy(fact + EC_POINT_SIZE, digest, SHA256_SIZE);
	if (verifier_knows(vf, span_of(fact, sizeof fact), span_of(sig, 64), name)) {
		vf->stats.signatures_known++;
		return true;
	}
	if (!verifier_holds_once(vf, key, digest, sig))
		return false;
	verifier_remember(vf, name);
	return true;
}

bool
verifier_holds_der(
    struct verifier *vf, const uint8_t key[static EC_POINT_SIZE], struct span msg, struct span sig)
{
	uint8_t digest[SHA256_SIZE], raw[64];

	verifier_digest(vf, msg, span_of("", 0), digest);
	return ecdsa_read_der(sig, raw) && verifier_holds(vf, key, digest, raw);
}
