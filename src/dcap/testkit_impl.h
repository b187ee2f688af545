/* testkit_impl.h - between the kit's certificates and CRLs with what signs them (testkit_cert.c) and its
 * documents and quote (testkit.c). Tests only. */
#ifndef DCAP_TESTKIT_IMPL_H
#define DCAP_TESTKIT_IMPL_H

#include "dcap/testkit.h"

#define KIT_MAX ((size_t)1 << 24)

/* Append b, and empty it. */
void kit_move(struct buf *out, struct buf *b);

void kit_point_of(EVP_PKEY *key, uint8_t out[static 65]);
/* Append the signature as r and s, 32 bytes each. */
void kit_sign_raw(EVP_PKEY *key, struct span msg, struct buf *out);

/* A certificate as PEM; a CRL as hex of its DER. */
void kit_put_cert(struct kit *k, const struct kit_cert *c, struct buf *pem);
void kit_put_crl(const struct kit_crl *c, struct buf *out);

#endif
