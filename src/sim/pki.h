/* pki.h - the certificate authority of a simulated platform: a root, PCK CAs and a TCB signer
 * with the names and extensions of Intel's (docs/simulation.md), so that the very code that judges
 * genuine quotes judges these, but under a root of its own that nobody trusts unless told to.
 * Every key is derived from one 32-byte seed: the same seed is the same root. Owns its keys and
 * certificates. Reads no clock and no file. */
#ifndef SIM_PKI_H
#define SIM_PKI_H

#include "base/buf.h"
#include "base/err.h"
#include "mint/key.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

enum sim_authority {
	SIM_ROOT,
	SIM_PLATFORM_CA,
	SIM_PROCESSOR_CA,
	SIM_TCB_SIGNING,
	SIM_AUTHORITY_COUNT
};

#define SIM_SEED_SIZE   MINT_SEED_SIZE
#define SIM_SERIAL_SIZE 20

/* What stands in a PCK certificate's SGX extension. */
struct sim_pck {
	uint8_t ppid[16];
	uint8_t svn[16]; /* the TCB components; CPUSVN is the same bytes */
	uint16_t pcesvn;
	uint8_t fmspc[6];
	uint8_t instance_id[16];
};

struct sim_pki {
	uint8_t seed[SIM_SEED_SIZE];
	char base_url[200]; /* where the distribution points lead */
	EVP_PKEY *key[SIM_AUTHORITY_COUNT];
	X509 *cert[SIM_AUTHORITY_COUNT];
};

/* Make the authorities, valid from a day before now_s. The caller calls sim_pki_fini. */
MUST_CHECK bool sim_pki_init(struct sim_pki *pki, const uint8_t seed[static SIM_SEED_SIZE],
    const char *base_url, int64_t now_s, struct err *e);
void sim_pki_fini(struct sim_pki *pki);

/* Derive the P-256 key that a seed and a label name. The caller frees it. */
MUST_CHECK bool sim_key_derive(
    const uint8_t seed[static SIM_SEED_SIZE], const char *label, EVP_PKEY **out, struct err *e);

/* Write the public point as x and y, 32 bytes each. */
MUST_CHECK bool sim_key_point(const EVP_PKEY *key, uint8_t xy[static 64], struct err *e);

/* Sign with ECDSA over SHA-256; the signature is r and s, 32 bytes each. */
MUST_CHECK bool sim_key_sign(
    EVP_PKEY *key, struct span bytes, uint8_t sig[static 64], struct err *e);

/* Issue the PCK certificate of a key from the Platform CA. The caller frees it. */
MUST_CHECK bool sim_pki_issue_pck(const struct sim_pki *pki, EVP_PKEY *key,
    const struct sim_pck *pck, int64_t now_s, X509 **out, struct err *e);

/* Append certificates as PEM: an authority and, below the root, the root behind it. */
MUST_CHECK bool sim_cert_pem(X509 *cert, struct buf *out, struct err *e);
MUST_CHECK bool sim_pki_chain_pem(
    const struct sim_pki *pki, enum sim_authority who, struct buf *out, struct err *e);

/* Write the serial number, big-endian, zeros in front. */
MUST_CHECK bool sim_cert_serial(
    const X509 *cert, uint8_t serial[static SIM_SERIAL_SIZE], struct err *e);

/* Append the DER of an issuer's CRL over `n` revoked serial numbers, valid for 30 days. */
MUST_CHECK bool sim_pki_crl(const struct sim_pki *pki, enum sim_authority issuer,
    const uint8_t (*revoked)[SIM_SERIAL_SIZE], size_t n, int64_t number, int64_t now_s,
    struct buf *out, struct err *e);

#endif
