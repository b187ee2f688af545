/* parts.h - the four items as bytes, each with its issuer chain, before anybody has judged them: as
 * a service sent them, or as a bundle (docs/verification.md) holds them. Owns the bytes. */
#ifndef COLLATERAL_PARTS_H
#define COLLATERAL_PARTS_H

#include "base/buf.h"
#include "base/err.h"
#include "eedcap.h"

struct part {
	struct buf body; /* a document: the answer's body, or with a signature the inner object */
	struct buf signature, chain;
	bool there;
};

struct parts {
	struct part item[EEDCAP_ITEMS];
};

/* The most that an item's body may have. */
size_t parts_max(enum eedcap_item i);

void parts_init(struct parts *p);
void parts_fini(struct parts *p);

/* Take a bundle's items; what else it holds is left. The caller calls parts_fini in any case.
 * Refusal: COLLATERAL_MALFORMED. */
MUST_CHECK bool parts_of_bundle(struct parts *p, struct span json, struct err *e);

/* Lend items, each from the set that `from` names for it, as the verifier takes them. */
void parts_lend(
    const struct parts *const from[static EEDCAP_ITEMS], struct eedcap_collateral_parts *out);

#endif
