/* collateral.h - everything that Intel says beside a quote, parsed and checked once. Owns copies
 * of all that it was made of; never changes afterwards. Made and freed through eedcap.h. */
#ifndef DCAP_COLLATERAL_H
#define DCAP_COLLATERAL_H

#include "dcap/crl.h"
#include "dcap/pck.h"
#include "dcap/qe_identity.h"
#include "dcap/tcb_info.h"
#include "eedcap.h"

struct eedcap_collateral {
	uint8_t root_key[EC_POINT_SIZE];
	struct buf crl_chain_pem, tcb_chain_pem, qe_chain_pem, pck_chain_pem; /* as they came */
	struct chain crl_chain, tcb_chain, qe_chain;
	bool has_crl_chain, has_pck_chain;
	struct known_certs known; /* PCK CA and root of crl_chain, where they were checked */
	bool pck_crl_checked; /* the PCK CRL is signed by the known CA */
	struct crl root_crl, pck_crl;
	struct tcb_info tcb_info;
	struct qe_identity qe_identity;
	struct window valid; /* of all of it */
};

/* Intel's root key where key is NULL. */
const uint8_t *root_key_or_intel(const uint8_t *key);

/* Check that now lies in the windows of documents, signers and CRLs. */
MUST_CHECK bool collateral_check_time(
    const struct eedcap_collateral *c, int64_t now, struct err *e);

#endif
