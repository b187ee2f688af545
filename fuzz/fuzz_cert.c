/* Any bytes as a certificate chain. OpenSSL's parser is the oracle: a certificate that ours takes,
 * OpenSSL's takes too, whole, and both read the same in it. */
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "dcap/certs.h"
#include "dcap/pck.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
same_bytes(struct span ours, const uint8_t *theirs, int n)
{
	if (n < 0 || !span_eq(ours, span_of(theirs, (size_t)n)))
		abort();
}

static void
same_time(int64_t ours, const ASN1_TIME *theirs)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days, seconds;

	if (!epoch || ASN1_TIME_diff(&days, &seconds, epoch, theirs) != 1
	    || (int64_t)days * 86400 + seconds != ours)
		abort();
	ASN1_TIME_free(epoch);
}

static void
same_serial(struct span ours, const ASN1_INTEGER *theirs)
{
	BIGNUM *n = ASN1_INTEGER_to_BN(theirs, NULL);
	uint8_t bytes[64];

	if (!n || BN_num_bytes(n) > (int)sizeof bytes)
		abort();
	same_bytes(ours, bytes, BN_bn2bin(n, bytes));
	BN_free(n);
}

static void
same_name(struct span ours, const X509_NAME *theirs)
{
	const uint8_t *der = NULL;
	size_t n = 0;

	if (X509_NAME_get0_der(theirs, &der, &n) != 1 || !span_eq(ours, span_of(der, n)))
		abort();
}

static void
compare(const struct cert *c)
{
	const uint8_t *p = c->der.p;
	X509 *x = d2i_X509(NULL, &p, (long)c->der.n);
	const ASN1_BIT_STRING *sig, *key;

	if (!x || p != c->der.p + c->der.n)
		abort();
	X509_get0_signature(&sig, NULL, x);
	key = X509_get0_pubkey_bitstr(x);
	same_bytes(c->signature, ASN1_STRING_get0_data(sig), ASN1_STRING_length(sig));
	same_bytes(
	    span_of(c->key, EC_POINT_SIZE), ASN1_STRING_get0_data(key), ASN1_STRING_length(key));
	same_serial(c->serial, X509_get0_serialNumber(x));
	same_name(c->issuer, X509_get_issuer_name(x));
	same_name(c->subject, X509_get_subject_name(x));
	same_time(c->valid.start, X509_get0_notBefore(x));
	same_time(c->valid.end, X509_get0_notAfter(x));
	X509_free(x);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct eedcap_platform platform;
	struct err e = {0};
	struct chain ch;

	if (chain_parse(&ch, span_of(data, n), "fuzzed chain", &e)) {
		for (size_t i = 0; i < ch.n; i++)
			compare(&ch.cert[i]);
		chain_fini(&ch);
	} else if (e.code == ERR_NONE) {
		abort();
	}
	(void)!pck_read_leaf(&platform, span_of(data, n), &e);
	ERR_clear_error();
	return 0;
}
