/* Stands in for dcap/ecdsa.c in a fuzz target: every signature holds, every well-formed point is on
 * the curve. So what lies behind the signatures can be reached by bytes that nobody signed. */
#include "dcap/ecdsa.h"

#include <stdlib.h>

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

struct ecdsa {
	char unused;
};

struct ecdsa *
ecdsa_new(void)
{
	return malloc(sizeof(struct ecdsa));
}

void
ecdsa_free(struct ecdsa *ec)
{
	free(ec);
}

bool
ecdsa_digest(struct ecdsa *ec, struct span a, struct span b, uint8_t out[static SHA256_SIZE])
{
	SHA256_CTX ctx;

	(void)ec;
	return SHA256_Init(&ctx) == 1 && SHA256_Update(&ctx, a.p, a.n) == 1
	       && SHA256_Update(&ctx, b.p, b.n) == 1 && SHA256_Final(out, &ctx) == 1;
}

enum ecdsa_answer
ecdsa_verify(struct ecdsa *ec, const uint8_t key[static EC_POINT_SIZE],
    const uint8_t digest[static SHA256_SIZE], const uint8_t sig[static 64])
{
	(void)ec;
	(void)key;
	(void)digest;
	(void)sig;
	return ECDSA_HOLDS;
}

enum ecdsa_answer
ecdsa_is_point(struct ecdsa *ec, const uint8_t key[static EC_POINT_SIZE])
{
	(void)ec;
	return key[0] == 4 ? ECDSA_HOLDS : ECDSA_FAILS;
}

bool
ecdsa_is_algorithm(struct span der)
{
	return der.n > 0;
}

bool
ecdsa_read_der(struct span der, uint8_t sig[static 64])
{
	memset(sig, 1, 64);
	return der.n > 0;
}
