/* test_cert.h - for the tests of net/: a certificate for localhost and 127.0.0.1, its own CA, made
 * afresh in two files for each test program. Group set-up and tear-down of cmocka. */
#ifndef NET_TEST_CERT_H
#define NET_TEST_CERT_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

#include "base/test.h"

static char cert_path[64], key_path[64];

static inline void
add_ext(X509 *x, int nid, const char *value)
{
	X509V3_CTX c;
	X509_EXTENSION *ext;

	X509V3_set_ctx_nodb(&c);
	X509V3_set_ctx(&c, x, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &c, nid, value);
	assert_non_null(ext);
	X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
}

static inline int
make_cert(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	FILE *f;

	snprintf(cert_path, sizeof cert_path, "/tmp/net-test-%d.crt", (int)getpid());
	snprintf(key_path, sizeof key_path, "/tmp/net-test-%d.key", (int)getpid());
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(
	    X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	add_ext(x, NID_basic_constraints, "critical,CA:TRUE");
	add_ext(x, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
	X509_sign(x, key, EVP_sha256());
	f = fopen(cert_path, "w");
	PEM_write_X509(f, x);
	fclose(f);
	f = fopen(key_path, "w");
	PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(key);
	return 0;
}

static inline int
drop_cert(void **state)
{
	unlink(cert_path);
	unlink(key_path);
	return 0;
}

#endif
