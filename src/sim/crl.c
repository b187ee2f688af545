#include "sim/pki.h"

#include <openssl/x509v3.h>
#include <time.h>

/* As long as Intel's PCK CRLs live. */
#define CRL_LIFE_S ((int64_t)30 * 86400)

static bool
add_revoked(X509_CRL *crl, const uint8_t *serial, ASN1_TIME *when)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	BIGNUM *n = BN_bin2bn(serial, SIM_SERIAL_SIZE, NULL);
	ASN1_INTEGER *number = n ? BN_to_ASN1_INTEGER(n, NULL) : NULL;
	ASN1_ENUMERATED *why = ASN1_ENUMERATED_new();
	bool ok = entry && number && why && X509_REVOKED_set_serialNumber(entry, number)
		  && X509_REVOKED_set_revocationDate(entry, when)
		  && ASN1_ENUMERATED_set(why, CRL_REASON_KEY_COMPROMISE)
		  && X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, why, 0, 0) == 1
		  && X509_CRL_add0_revoked(crl, entry);

	if (!ok)
		X509_REVOKED_free(entry);
	ASN1_ENUMERATED_free(why);
	ASN1_INTEGER_free(number);
	BN_free(n);
	return ok;
}

/* RFC 5280 section 5.2: a CRL carries its number and the identifier of its issuer's key, which
 * is read from the issuer's own subject key identifier. */
static bool
add_crl_extensions(X509_CRL *crl, X509 *issuer, int64_t number)
{
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	AUTHORITY_KEYID *aki = AUTHORITY_KEYID_new();
	const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(issuer);
	bool ok = n && aki && ski && (aki->keyid = ASN1_OCTET_STRING_dup(ski))
		  && ASN1_INTEGER_set_int64(n, number)
		  && X509_CRL_add1_ext_i2d(crl, NID_crl_number, n, 0, 0) == 1
		  && X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, aki, 0, 0) == 1;

	AUTHORITY_KEYID_free(aki);
	ASN1_INTEGER_free(n);
	return ok;
}

static bool
append_der(X509_CRL *crl, struct buf *out)
{
	uint8_t *der = NULL;
	int n = i2d_X509_CRL(crl, &der);

	if (n > 0)
		buf_add(out, span_of(der, (size_t)n));
	OPENSSL_free(der);
	return n > 0 && buf_ok(out);
}

bool
sim_pki_crl(const struct sim_pki *pki, enum sim_authority issuer,
    const uint8_t (*revoked)[SIM_SERIAL_SIZE], size_t n, int64_t number, int64_t now_s,
    struct buf *out, struct err *e)
{
	X509_CRL *crl = X509_CRL_new();
	X509 *cert = pki->cert[issuer];
	ASN1_TIME *start = ASN1_TIME_set(NULL, (time_t)now_s);
	ASN1_TIME *end = ASN1_TIME_set(NULL, (time_t)(now_s + CRL_LIFE_S));
	bool ok = crl && start && end && X509_CRL_set_version(crl, 1)
		  && X509_CRL_set_issuer_name(crl, X509_get_subject_name(cert))
		  && X509_CRL_set1_lastUpdate(crl, start) && X509_CRL_set1_nextUpdate(crl, end)
		  && add_crl_extensions(crl, cert, number);

	for (size_t i = 0; ok && i < n; i++)
		ok = add_revoked(crl, revoked[i], start);
	ok = ok && X509_CRL_sort(crl) && X509_CRL_sign(crl, pki->key[issuer], EVP_sha256()) > 0
	     && append_der(crl, out);
	ASN1_TIME_free(start);
	ASN1_TIME_free(end);
	X509_CRL_free(crl);
	return ok || err_set(e, ERR_NOMEM, REASON_INTERNAL, "OpenSSL refused: CRL");
}
