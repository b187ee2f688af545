#include "mint/sgx.h"
#include "sim/pki.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#define DAY_S ((int64_t)86400)

/* What differs between the certificates; the rest is the same in all of Intel's. */
struct profile {
	const char *cn;
	const char *key_usage, *constraints;
	const char *crl_path;
	int64_t life_s;
};

static const struct profile profiles[SIM_AUTHORITY_COUNT] = {
    [SIM_ROOT] = {"Intel SGX Root CA", "critical,keyCertSign,cRLSign", "critical,CA:TRUE,pathlen:1",
	"/IntelSGXRootCA.der", 20 * 365 * DAY_S},
    [SIM_PLATFORM_CA] = {"Intel SGX PCK Platform CA", "critical,keyCertSign,cRLSign",
	"critical,CA:TRUE,pathlen:0", "/IntelSGXRootCA.der", 15 * 365 * DAY_S},
    [SIM_PROCESSOR_CA] = {"Intel SGX PCK Processor CA", "critical,keyCertSign,cRLSign",
	"critical,CA:TRUE,pathlen:0", "/IntelSGXRootCA.der", 15 * 365 * DAY_S},
    [SIM_TCB_SIGNING] = {"Intel SGX TCB Signing", "critical,digitalSignature,nonRepudiation",
	"critical,CA:FALSE", "/IntelSGXRootCA.der", 7 * 365 * DAY_S},
};

static const struct profile pck_profile = {"Intel SGX PCK Certificate",
    "critical,digitalSignature,nonRepudiation", "critical,CA:FALSE",
    "/sgx/certification/v4/pckcrl?ca=platform&encoding=der", 7 * 365 * DAY_S};

static bool
crypto_failed(struct err *e, const char *what)
{
	return err_set(e, ERR_NOMEM, REASON_INTERNAL, "OpenSSL refused: %s", what);
}

/* The order of the parts is Intel's: CN, O, L, ST, C. */
static bool
fill_name(X509_NAME *name, const char *cn)
{
	const char *const parts[][2] = {{"CN", cn}, {"O", "Intel Corporation"},
	    {"L", "Santa Clara"}, {"ST", "CA"}, {"C", "US"}};

	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (!X509_NAME_add_entry_by_txt(
			name, parts[i][0], MBSTRING_ASC, (const uint8_t *)parts[i][1], -1, -1, 0))
			return false;
	return true;
}

/* RFC 5280 section 4.2.1.2, method 1: SHA-1 of the public key's bits. Names a key, proves nothing. */
static bool
key_id(const EVP_PKEY *key, uint8_t id[static SHA_DIGEST_LENGTH], struct err *e)
{
	uint8_t point[65] = {4};

	return sim_key_point(key, point + 1, e)
	       && (SHA1(point, sizeof point, id) || crypto_failed(e, "SHA-1"));
}

static ASN1_OCTET_STRING *
octets_of(const uint8_t *p, int n)
{
	ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();

	if (s && !ASN1_OCTET_STRING_set(s, p, n)) {
		ASN1_OCTET_STRING_free(s);
		return NULL;
	}
	return s;
}

static AUTHORITY_KEYID *
authority_of(const EVP_PKEY *issuer, struct err *e)
{
	uint8_t id[SHA_DIGEST_LENGTH];
	AUTHORITY_KEYID *aki;

	if (!key_id(issuer, id, e))
		return NULL;
	aki = AUTHORITY_KEYID_new();
	if (aki)
		aki->keyid = octets_of(id, sizeof id);
	return aki;
}

static bool
add_by_text(X509 *cert, int nid, const char *text)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, text);
	bool ok = ext && X509_add_ext(cert, ext, -1);

	X509_EXTENSION_free(ext);
	return ok;
}

static bool
add_extensions(X509 *cert, const EVP_PKEY *key, const EVP_PKEY *issuer, const struct profile *p,
    const char *base_url, struct err *e)
{
	uint8_t id[SHA_DIGEST_LENGTH];
	char cdp[400];
	AUTHORITY_KEYID *aki = authority_of(issuer, e);
	ASN1_OCTET_STRING *ski = key_id(key, id, e) ? octets_of(id, sizeof id) : NULL;
	bool ok;

	snprintf(cdp, sizeof cdp, "URI:%s%s", base_url, p->crl_path);
	ok = aki && ski && X509_add1_ext_i2d(cert, NID_authority_key_identifier, aki, 0, 0) == 1
	     && add_by_text(cert, NID_crl_distribution_points, cdp)
	     && X509_add1_ext_i2d(cert, NID_subject_key_identifier, ski, 0, 0) == 1
	     && add_by_text(cert, NID_key_usage, p->key_usage)
	     && add_by_text(cert, NID_basic_constraints, p->constraints);
	AUTHORITY_KEYID_free(aki);
	ASN1_OCTET_STRING_free(ski);
	return ok || crypto_failed(e, "certificate extensions");
}

/* A serial number that follows from the subject's key, so that a revocation outlives a restart. */
static bool
set_serial(X509 *cert, const EVP_PKEY *key, struct err *e)
{
	uint8_t xy[64], hash[SHA256_DIGEST_LENGTH];
	BIGNUM *n;
	bool ok;

	if (!sim_key_point(key, xy, e) || !SHA256(xy, sizeof xy, hash))
		return crypto_failed(e, "serial number");
	hash[0] = (uint8_t)((hash[0] & 0x7f) | 0x40); /* RFC 5280 4.1.2.2: positive, <= 20 octets */
	n = BN_bin2bn(hash, SIM_SERIAL_SIZE, NULL);
	ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
	BN_free(n);
	return ok || crypto_failed(e, "serial number");
}

static bool
set_time(ASN1_TIME *at, int64_t s)
{
	return ASN1_TIME_set(at, (time_t)s) != NULL;
}

/* Everything but the signature. `issuer` is NULL for the root, which is its own. */
static X509 *
cert_prepare(EVP_PKEY *key, const struct profile *p, X509 *issuer, EVP_PKEY *issuer_key,
    const char *base_url, int64_t now_s, struct err *e)
{
	X509 *cert = X509_new();

	if (cert && X509_set_version(cert, 2) && set_serial(cert, key, e)
	    && fill_name(X509_get_subject_name(cert), p->cn)
	    && X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer : cert))
	    && set_time(X509_getm_notBefore(cert), now_s - DAY_S)
	    && set_time(X509_getm_notAfter(cert), now_s + p->life_s) && X509_set_pubkey(cert, key)
	    && add_extensions(cert, key, issuer_key, p, base_url, e))
		return cert;
	X509_free(cert);
	crypto_failed(e, "certificate");
	return NULL;
}

static bool
authority_make(struct sim_pki *pki, enum sim_authority who, int64_t now_s, struct err *e)
{
	const struct profile *p = &profiles[who];

	if (!sim_key_derive(pki->seed, p->cn, &pki->key[who], e))
		return false;
	pki->cert[who] = cert_prepare(
	    pki->key[who], p, pki->cert[SIM_ROOT], pki->key[SIM_ROOT], pki->base_url, now_s, e);
	if (!pki->cert[who])
		return false;
	return X509_sign(pki->cert[who], pki->key[SIM_ROOT], EVP_sha256()) > 0
	       || crypto_failed(e, "signing a certificate");
}

bool
sim_pki_init(struct sim_pki *pki, const uint8_t seed[static SIM_SEED_SIZE], const char *base_url,
    int64_t now_s, struct err *e)
{
	memset(pki, 0, sizeof *pki);
	memcpy(pki->seed, seed, SIM_SEED_SIZE);
	snprintf(pki->base_url, sizeof pki->base_url, "%s", base_url);
	for (int who = SIM_ROOT; who < SIM_AUTHORITY_COUNT; who++)
		if (!authority_make(pki, (enum sim_authority)who, now_s, e)) {
			sim_pki_fini(pki);
			return false;
		}
	return true;
}

void
sim_pki_fini(struct sim_pki *pki)
{
	for (int who = SIM_ROOT; who < SIM_AUTHORITY_COUNT; who++) {
		EVP_PKEY_free(pki->key[who]);
		X509_free(pki->cert[who]);
	}
	memset(pki, 0, sizeof *pki);
}

static void
write_sgx_ext(const struct sim_pck *pck, struct buf *der)
{
	struct mint_sgx x = {.pcesvn = pck->pcesvn, .type = 1, .platform = true};

	memcpy(x.ppid, pck->ppid, sizeof x.ppid);
	memcpy(x.fmspc, pck->fmspc, sizeof x.fmspc);
	memcpy(x.instance_id, pck->instance_id, sizeof x.instance_id);
	for (size_t i = 0; i < 16; i++)
		x.component[i] = pck->svn[i];
	mint_sgx_settle(&x);
	mint_sgx_write(&x, der);
}

static bool
add_sgx_ext(X509 *cert, const struct sim_pck *pck, struct err *e)
{
	struct buf der;
	ASN1_OBJECT *oid = OBJ_txt2obj(MINT_SGX_OID, 1);
	ASN1_OCTET_STRING *value = NULL;
	X509_EXTENSION *ext = NULL;
	bool ok = false;

	buf_init(&der, 8192);
	write_sgx_ext(pck, &der);
	if (buf_ok(&der) && oid && (value = octets_of(der.p, (int)der.n)))
		ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, value);
	ok = ext && X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(oid);
	buf_fini(&der);
	return ok || crypto_failed(e, "SGX extension");
}

bool
sim_pki_issue_pck(const struct sim_pki *pki, EVP_PKEY *key, const struct sim_pck *pck,
    int64_t now_s, X509 **out, struct err *e)
{
	X509 *cert = cert_prepare(key, &pck_profile, pki->cert[SIM_PLATFORM_CA],
	    pki->key[SIM_PLATFORM_CA], pki->base_url, now_s, e);

	if (!cert || !add_sgx_ext(cert, pck, e)
	    || X509_sign(cert, pki->key[SIM_PLATFORM_CA], EVP_sha256()) <= 0) {
		X509_free(cert);
		return crypto_failed(e, "PCK certificate");
	}
	*out = cert;
	return true;
}

bool
sim_cert_pem(X509 *cert, struct buf *out, struct err *e)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p = NULL;
	long n = 0;

	if (bio && PEM_write_bio_X509(bio, cert) == 1)
		n = BIO_get_mem_data(bio, &p);
	if (n > 0)
		buf_add(out, span_of(p, (size_t)n));
	BIO_free(bio);
	return (n > 0 && buf_ok(out)) || crypto_failed(e, "PEM");
}

bool
sim_pki_chain_pem(const struct sim_pki *pki, enum sim_authority who, struct buf *out, struct err *e)
{
	return sim_cert_pem(pki->cert[who], out, e)
	       && (who == SIM_ROOT || sim_cert_pem(pki->cert[SIM_ROOT], out, e));
}

bool
sim_cert_serial(const X509 *cert, uint8_t serial[static SIM_SERIAL_SIZE], struct err *e)
{
	BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	bool ok = n && BN_bn2binpad(n, serial, SIM_SERIAL_SIZE) == SIM_SERIAL_SIZE;

	BN_free(n);
	return ok || crypto_failed(e, "serial number");
}
