/* attest.h - judging an agent's answer, step by step: what can be checked offline, then
 * collateral, allowlist, verification, policy, registry, disk; only then is the session told. A
 * refused attempt changes no app's state. Never blocks the loop: signatures are checked on the
 * worker pool, fetches and commits call back. An attempt outlives its tunnel where a worker or
 * the store still holds it, and then ends without a word. */
#ifndef CONTROL_ATTEST_H
#define CONTROL_ATTEST_H

#include "control/tunnel_endpoint.h"

/* Begin to judge an attest_response (copied) that came for the challenge with this nonce. The
 * verdict comes later as SESSION_EV_VERIFIED or SESSION_EV_REFUSED with `number`; t->attempt is
 * set meanwhile. NULL without memory. */
struct attempt *attest_start(struct tunnel *t, struct span message,
    const uint8_t nonce[static ATTEST_NONCE], uint32_t number);

/* The end of fresh evidence: its row, valid until this returns, or why there is none. */
typedef void attest_evidence_fn(void *ctx, const struct evidence_row *row, const struct err *e);

/* Judge an evidence_response (copied) as an attestation is judged, but for this nonce of a visitor's
 * and in its own domain: it admits nobody and changes nothing. done comes once, unless it is
 * cancelled first. NULL without memory. */
struct attempt *attest_start_evidence(struct tunnel *t, struct span message,
    const uint8_t nonce[static ATTEST_NONCE], attest_evidence_fn *done, void *ctx);

/* The session has waited long enough: note the attempt as refused, if its quote was genuine. It
 * still is the tunnel's to cancel. NULL is taken. */
void attest_late(const struct attempt *a, const struct err *why);

/* The tunnel lets go of its attempt: no event comes any more. NULL is taken. */
void attest_cancel(struct attempt *a);

#endif
