/* vectors.h - verification vectors: quotes and collateral, each with one thing bent and everything
 * else rightly signed, and what a verifier must say of each. Made anew from a seed, byte for byte.
 * What is handed out is borrowed for the call. Does no I/O. */
#ifndef MINT_VECTORS_H
#define MINT_VECTORS_H

#include "mint/key.h"

/* One case. The texts mean what docs/simulation.md says of meta.json. */
struct mint_vector {
	const char *name;
	int64_t at_s;
	struct span quote, collateral, meta;
	enum reason reason;
	int exit, also; /* exit codes of `eectl verify`; also is 0 where one alone is right */
	bool accepted; /* by a policy that takes every status, debug, and what opt_in names */
	const char *status, *opt_in; /* NULL where there is none */
	const char *advisories; /* with commas between */
	const char *tcb_date; /* NULL: not looked at */
};

/* Append the root that all of them hang from, as DER or PEM. */
MUST_CHECK bool mint_vectors_root(
    const uint8_t seed[static MINT_SEED_SIZE], bool pem, struct buf *out, struct err *e);

/* Make them all, in order of their groups, and hand each to `take`; stop where it returns false. */
MUST_CHECK bool mint_vectors(const uint8_t seed[static MINT_SEED_SIZE],
    bool (*take)(void *ctx, const struct mint_vector *v, struct err *e), void *ctx, struct err *e);

#endif
