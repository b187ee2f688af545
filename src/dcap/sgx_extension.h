/* sgx_extension.h - Intel's extension of the PCK certificate (1.2.840.113741.1.13.1): which
 * platform this is and at which TCB. Pure reading, no trust. */
#ifndef DCAP_SGX_EXTENSION_H
#define DCAP_SGX_EXTENSION_H

#include "base/err.h"
#include "base/span.h"
#include "eedcap.h"

/* Read the extension's content into out; what is not in it (ca, root_crl_url) stays. Elements may
 * stand in any order, unknown ones are passed over, repeated or missing ones refused. */
MUST_CHECK bool sgx_extension_parse(struct eedcap_platform *out, struct span der, struct err *e);

#endif
