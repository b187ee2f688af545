/* sgx_ext.h - the DER of the SGX extension of a PCK certificate (OID 1.2.840.113741.1.13.1), the
 * seven elements that a Platform CA's certificate carries. Writes only; owns nothing. */
#ifndef SIM_SGX_EXT_H
#define SIM_SGX_EXT_H

#include "sim/pki.h"

#define SIM_SGX_OID "1.2.840.113741.1.13.1"

/* Append the extension's value. */
MUST_CHECK bool sim_sgx_ext_write(const struct sim_pck *pck, struct buf *out, struct err *e);

#endif
