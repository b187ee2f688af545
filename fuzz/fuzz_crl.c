/* Any bytes as a CRL. OpenSSL's parser is the oracle: a list that ours takes, OpenSSL's takes too,
 * and every serial number that it finds there ours finds, and no other number of them. */
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "dcap/crl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
compare(const struct crl *crl)
{
	const uint8_t *p = crl->der.p;
	X509_CRL *x = d2i_X509_CRL(NULL, &p, (long)crl->der.n);
	STACK_OF(X509_REVOKED) * list;
	int n;

	if (!x || p != crl->der.p + crl->der.n)
		abort();
	list = X509_CRL_get_REVOKED(x);
	n = list ? sk_X509_REVOKED_num(list) : 0;
	if ((size_t)n != crl->n_entries)
		abort();
	for (int i = 0; i < n; i++) {
		const ASN1_INTEGER *serial = X509_REVOKED_get0_serialNumber(
		    sk_X509_REVOKED_value(list, i));
		BIGNUM *v = ASN1_INTEGER_to_BN(serial, NULL);
		uint8_t bytes[64];

		if (!v || BN_num_bytes(v) > (int)sizeof bytes)
			abort();
		if (!crl_holds(crl, span_of(bytes, (size_t)BN_bn2bin(v, bytes))))
			abort();
		BN_free(v);
	}
	X509_CRL_free(x);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const uint8_t long_serial[SERIAL_MAX + 1] = {1};
	struct err e = {0};
	struct crl crl;

	if (!crl_parse(&crl, span_of(data, n), "fuzzed CRL", &e)) {
		if (e.code == ERR_NONE)
			abort();
		return 0;
	}
	compare(&crl);
	if (crl_holds(&crl, span_of(long_serial, sizeof long_serial)))
		abort();
	crl_fini(&crl);
	ERR_clear_error();
	return 0;
}
