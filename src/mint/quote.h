/* quote.h - the bytes of a quote, formats 3, 4 and 5, SGX and TDX, with every field, length and
 * signature bendable. Writes only; borrows keys. */
#ifndef MINT_QUOTE_H
#define MINT_QUOTE_H

#include "mint/key.h"

#define MINT_BODY_MAX 885
#define MINT_AUTH_MAX 1000

/* A length as it is, or as the quote claims it to be. */
#define MINT_TRUE_LENGTH (-1)

/* What the QE's report data binds. */
enum mint_binding {
	MINT_BINDS_KEY_AND_AUTH,
	MINT_BINDS_KEY_ALONE,
	MINT_BINDS_NOTHING,
};

struct mint_quote {
	uint16_t version, key_type;
	uint32_t tee;
	uint8_t reserved[4]; /* format 3: SVNs of QE and PCE */
	uint8_t vendor[16], user_data[20];
	bool descriptor; /* format 5: body type and size stand before the body */
	uint16_t body_type;
	int64_t body_size; /* as the descriptor claims */
	uint8_t body[MINT_BODY_MAX];
	size_t body_n;

	struct mint_key key; /* the attestation key */
	const struct mint_key *signed_by; /* NULL: by the attestation key */
	enum mint_sig signature;
	bool descriptor_unsigned; /* the signature leaves the descriptor out */
	bool key_off_curve, key_zero;

	uint8_t qe_report[384];
	const struct mint_key *qe_signed_by;
	enum mint_sig qe_signature;
	enum mint_binding binding;
	uint8_t binding_tail; /* the last byte of the QE's report data */
	uint8_t auth[MINT_AUTH_MAX];
	size_t auth_n;

	bool nested; /* formats 4 and 5: all of the QE's stands inside type 6 */
	uint16_t outer_type, cert_type;
	int64_t signature_length, outer_length, auth_length, cert_length;
	unsigned slack_inside, slack_behind; /* spare bytes in type 6, in the signature data */
	unsigned trailing; /* zero bytes behind the quote */
	size_t flip; /* flip a bit at this offset of the finished quote; 0: nowhere */
	int64_t cut; /* the quote ends here; MINT_TRUE_LENGTH: where it ends */
};

/* Append the quote around its certification data. False where a signature cannot be made. */
MUST_CHECK bool mint_quote_write(const struct mint_quote *q, struct span cert, struct buf *out);

#endif
