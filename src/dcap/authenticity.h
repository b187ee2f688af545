/* authenticity.h - whose quote it is: the PCK chain up to the root, the quoting enclave's report under
 * the PCK key, the attestation key bound by that report, the quote under the attestation key. Needs
 * neither collateral (but for quotes that hold no chain) nor the time. For ever true once it holds. */
#ifndef DCAP_AUTHENTICITY_H
#define DCAP_AUTHENTICITY_H

#include "dcap/collateral.h"
#include "dcap/quote.h"
#include "dcap/verifier.h"

/* Check all of it; *pck is the platform. q's digest is there already. c may be NULL: then only the
 * quote's own chain counts. */
MUST_CHECK bool authenticity_check(struct pck *pck, struct verifier *vf,
    const struct eedcap_quote *q, const struct eedcap_collateral *c, struct checks *checks,
    struct err *e);

/* The same without a signature, for a quote that was authenticated under this root; false for any
 * other. */
bool authenticity_known(struct pck *pck, const struct verifier *vf, const struct eedcap_quote *q,
    struct checks *checks);

#endif
