/* crl.h - revocation lists in the shape of Intel's, each field bendable, in the spellings that
 * services deliver. Writes only; borrows keys and serial numbers. */
#ifndef MINT_CRL_H
#define MINT_CRL_H

#include "mint/cert.h"

enum mint_crl_quirk {
	MINT_CRL_NO_NUMBER = 1 << 0,
	MINT_CRL_NO_AKI = 1 << 1,
	MINT_CRL_NO_NEXT_UPDATE = 1 << 2,
	MINT_CRL_UNKNOWN_CRITICAL = 1 << 3,
	MINT_CRL_DELTA = 1 << 4, /* RFC 5280 section 5.2.4: changes since another list */
	MINT_CRL_ONLY_CA = 1 << 5, /* section 5.2.5: covers CA certificates alone */
	MINT_CRL_INDIRECT = 1 << 6, /* covers other issuers' certificates */
	MINT_CRL_ENTRY_CRITICAL = 1 << 7, /* an unknown critical extension in each entry */
	MINT_CRL_TRAILING = 1 << 8,
	MINT_CRL_TRUNCATED = 1 << 9,
	MINT_CRL_SHA384 = 1 << 10,
	MINT_CRL_OUTSIDE = 1 << 11, /* SHA-384 named outside the signed part, not inside */
	MINT_CRL_TIME_OFFSET = 1 << 12,
	MINT_CRL_HOLD = 1 << 13, /* entries say certificateHold: revoked all the same */
	MINT_CRL_UNKNOWN = 1 << 14, /* an unknown extension that is not critical: no fault */
	MINT_CRL_INSIDE = 1 << 15, /* SHA-384 named inside the signed part, not outside */
	MINT_CRL_LONG_LENGTH = 1 << 16, /* a length with a needless octet: BER, not DER */
	MINT_CRL_NUMBER_TWICE = 1 << 17,
};

enum mint_crl_form {
	MINT_CRL_HEX,
	MINT_CRL_HEX_UPPER,
	MINT_CRL_HEX_NUL, /* a NUL behind it */
	MINT_CRL_PEM,
	MINT_CRL_BASE64,
	MINT_CRL_EMPTY,
	MINT_CRL_GARBAGE,
};

struct mint_crl {
	const char *issuer;
	const struct mint_key *by, *forger; /* as in struct mint_cert */
	int64_t from_s, to_s;
	const uint8_t *revoked[2]; /* serial numbers as in struct mint_cert; NULL: none */
	unsigned fillers; /* as many other serial numbers before them */
	enum mint_crl_form form;
	unsigned quirks;
};

/* Append the list as it stands in the collateral. */
void mint_crl_write(const struct mint_crl *c, struct buf *out);

#endif
