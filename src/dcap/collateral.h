/* collateral.h - everything that Intel says beside a quote, parsed and checked once. Owns copies
 * of all that it was made of; never changes afterwards. Made and freed through eedcap.h. */
#ifndef DCAP_COLLATERAL_H
#define DCAP_COLLATERAL_H

#include "dcap/checks.h"
#include "dcap/crl.h"
#include "dcap/pck.h"
#include "dcap/qe_identity.h"
#include "dcap/tcb_info.h"
#include "eedcap.h"

struct eedcap_collateral {
	uint8_t root_key[EC_POINT_SIZE];
	struct buf crl_chain_pem, tcb_chain_pem, qe_chain_pem, pck_chain_pem; /* as they came */
	bool has_crl_chain, has_pck_chain;
	struct pck pck; /* with a PCK chain: what it says */
	uint8_t pck_crl_key[EC_POINT_SIZE]; /* with the CRL's issuer chain: signed by this key */
	struct crl root_crl, pck_crl;
	struct tcb_info tcb_info;
	struct qe_identity qe_identity;
	struct window valid; /* of all of it */
	struct checks checks; /* what was checked here */
};

#endif
