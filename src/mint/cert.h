/* cert.h - certificates in the shape of Intel's, and chains of them as PEM; each field may be bent.
 * Writes only; owns nothing, a chain borrows its certificates. */
#ifndef MINT_CERT_H
#define MINT_CERT_H

#include "mint/key.h"
#include "mint/sgx.h"

/* The extensions that every certificate of the profile has, as bits. */
enum mint_extension {
	MINT_EXT_AKI = 1 << 0,
	MINT_EXT_CDP = 1 << 1,
	MINT_EXT_SKI = 1 << 2,
	MINT_EXT_KU = 1 << 3,
	MINT_EXT_BC = 1 << 4,
	MINT_EXT_SGX = 1 << 5, /* PCK certificates only */
};

/* RFC 5280 section 4.2.1.3, the bits as they lie in the first byte. */
enum mint_usage {
	MINT_DIGITAL_SIGNATURE = 0x80,
	MINT_NON_REPUDIATION = 0x40,
	MINT_CERT_SIGN = 0x04,
	MINT_CRL_SIGN = 0x02,
};

enum mint_cert_quirk {
	MINT_CERT_UNKNOWN_CRITICAL = 1 << 0,
	MINT_CERT_UNKNOWN = 1 << 1, /* an unknown extension that is not critical: no fault */
	MINT_CERT_SHA384 = 1 << 2, /* signed with ecdsa-with-SHA384 */
	MINT_CERT_OUTSIDE = 1 << 3, /* SHA-384 named outside the signed part, not inside */
	MINT_CERT_EXPLICIT_CURVE = 1
				   << 4, /* the curve in parameters, not by name (CVE-2020-0601) */
	MINT_CERT_TRAILING = 1 << 5, /* a byte behind the DER */
	MINT_CERT_BC_TWICE = 1 << 6,
	MINT_CERT_TIME_OFFSET = 1 << 7, /* times with a zone of +0000 */
	MINT_CERT_ISSUER_SPELLING = 1 << 8, /* the issuer's name as PrintableString */
	MINT_CERT_FLIPPED = 1 << 9, /* a bit of the serial number flipped after signing */
	MINT_CERT_COMPRESSED = 1 << 10, /* the key as a compressed point */
	MINT_CERT_INSIDE = 1 << 11, /* SHA-384 named inside the signed part, not outside */
	MINT_CERT_LONG_LENGTH = 1 << 12, /* a length with a needless octet: BER, not DER */
};

struct mint_cert {
	const char *subject, *issuer; /* common names */
	const struct mint_key *key, *by; /* whose it is, and who is said to sign */
	const struct mint_key *forger; /* who signs in truth; NULL: who is said to */
	uint8_t serial[21]; /* big-endian; zeros in front are not written */
	int64_t from_s, to_s;
	bool is_ca;
	uint8_t usage;
	const struct mint_sgx *sgx; /* NULL but in PCK certificates */
	unsigned without; /* extensions left out */
	unsigned quirks;
};

/* How a chain is spelled. */
enum mint_chain_form {
	MINT_CHAIN_NUL, /* one NUL at the end, as in most quotes */
	MINT_CHAIN_PLAIN,
	MINT_CHAIN_TWO_NULS,
	MINT_CHAIN_NUL_INSIDE, /* behind the first certificate */
	MINT_CHAIN_CRLF,
	MINT_CHAIN_TEXT, /* words before, between and behind the blocks */
	MINT_CHAIN_ONE_LINE, /* base64 without line breaks */
	MINT_CHAIN_BLANKS, /* and with blanks and tabs in it */
	MINT_CHAIN_BAD_BASE64,
	MINT_CHAIN_NO_END, /* the last block is not closed */
	MINT_CHAIN_EMPTY,
	MINT_CHAIN_PADDED, /* 40 000 bytes of text behind it */
};

#define MINT_CHAIN_MAX 10

struct mint_chain {
	const struct mint_cert *cert[MINT_CHAIN_MAX];
	size_t n;
	enum mint_chain_form form;
};

/* The one name that a common name stands for: CN, O, L, ST, C as in Intel's. */
void mint_name_write(const char *cn, bool printable, struct buf *out);

/* SHA-1 of the public key's bits (RFC 5280 section 4.2.1.2): it names a key, it proves nothing. */
void mint_key_id(const struct mint_key *key, struct buf *out);

/* Append one Extension. */
void mint_extension_write(struct buf *out, const char *oid, bool critical, struct span value);

/* What of an algorithm or a signature differs between honest and bent: the same for CRLs. */
struct mint_signing {
	const struct mint_key *by;
	enum mint_hash hash;
	enum mint_hash outside; /* as the algorithm outside the signed part names it */
	bool long_length;
	size_t flip; /* where a bit is flipped behind the signer's back; 0: nowhere */
};

/* Append the AlgorithmIdentifier of ecdsa-with-SHA256 or SHA384. */
void mint_algorithm_write(enum mint_hash hash, struct buf *out);

/* Make the fields from offset `from` on a TBS, and that a signed Certificate or CertificateList. */
void mint_tbs_sign(struct buf *out, size_t from, struct mint_signing s);

/* Append a certificate's DER. */
void mint_cert_write(const struct mint_cert *c, struct buf *out);

/* Append DER as one PEM block. */
void mint_pem_write(struct span der, const char *label, enum mint_chain_form form, struct buf *out);

/* Append a chain as text. */
void mint_chain_write(const struct mint_chain *c, struct buf *out);

#endif
