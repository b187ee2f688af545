/* sgx.h - the SGX extension of a PCK certificate (OID 1.2.840.113741.1.13.1): what it says of a
 * platform, and every way in which it may be malformed. Writes only; owns nothing. */
#ifndef MINT_SGX_H
#define MINT_SGX_H

#include "base/buf.h"

#define MINT_SGX_OID "1.2.840.113741.1.13.1"

/* What is wrong with the extension. */
enum mint_sgx_quirk {
	MINT_SGX_TCB_17 = 1 << 0, /* component 16 left out */
	MINT_SGX_TCB_19 = 1 << 1, /* and one element more than there are */
	MINT_SGX_TCB_REPEATED = 1 << 2, /* component 2 stands under the number of component 1 */
	MINT_SGX_FMSPC_TWICE = 1 << 3,
	MINT_SGX_FMSPC_SHORT = 1 << 4,
	MINT_SGX_FMSPC_INTEGER = 1 << 5, /* of another type */
	MINT_SGX_NESTED = 1 << 6, /* an element more, of sequences inside one another */
	MINT_SGX_TRAILING = 1 << 7, /* a byte behind the extension */
	MINT_SGX_REVERSED = 1 << 8, /* the elements in the opposite order, which is no fault */
	MINT_SGX_LONG_INTEGER = 1 << 9, /* component 1 with a needless zero in front */
	MINT_SGX_PAIR_TRAILING = 1 << 10, /* a value behind the value of FMSPC's pair */
	MINT_SGX_CPUSVN_SHORT = 1 << 11,
	MINT_SGX_FMSPC_LONG = 1 << 12,
};

struct mint_sgx {
	uint8_t ppid[16];
	int32_t component[16]; /* 0 to 255, unless a test says otherwise */
	int32_t pcesvn;
	bool other_cpusvn; /* else CPUSVN is the components' bytes */
	uint8_t cpusvn[16];
	uint8_t pceid[2];
	uint8_t fmspc[6];
	int32_t type;
	bool platform; /* a Platform CA's certificate: seven elements, else five */
	uint8_t instance_id[16];
	unsigned without; /* bit n: the element of that number is left out */
	unsigned quirks;
};

/* Set cpusvn from the components, unless it has bytes of its own. */
void mint_sgx_settle(struct mint_sgx *x);

/* Append the extension's value. */
void mint_sgx_write(const struct mint_sgx *x, struct buf *out);

#endif
