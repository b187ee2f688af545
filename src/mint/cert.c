#include "mint/cert.h"
#include "mint/der.h"

#include <openssl/sha.h>

#define CRL_URL "https://certificates.example/IntelSGXRootCA.der"

/* id-ecPublicKey, and prime256v1 by name or in full (SEC 1 appendix C.2), without seed. */
#define NAMED_CURVE "301306072a8648ce3d020106082a8648ce3d030107"
#define EXPLICIT_CURVE                                                                             \
	"3081ec06072a8648ce3d02013081e0020101302c06072a8648ce3d0101022100"                         \
	"ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"                         \
	"30440420ffffffff00000001000000000000000000000000fffffffffffffffffffffffc"                 \
	"04205ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b"                     \
	"0441046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"                   \
	"4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"                         \
	"022100ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551020101"

void
mint_name_write(const char *cn, bool printable, struct buf *out)
{
	const char *const parts[][2] = {{"2.5.4.3", cn}, {"2.5.4.10", "Intel Corporation"},
	    {"2.5.4.7", "Santa Clara"}, {"2.5.4.8", "CA"}, {"2.5.4.6", "US"}};
	size_t name = out->n;

	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		size_t from = out->n;
		bool country = i == 4; /* X.520: always a PrintableString */

		mint_der_oid(out, parts[i][0]);
		mint_der_put(
		    out, printable || country ? MINT_PRINTABLE : MINT_UTF8, span_str(parts[i][1]));
		mint_der_wrap(out, from, MINT_SEQUENCE);
		mint_der_wrap(out, from, MINT_SET);
	}
	mint_der_wrap(out, name, MINT_SEQUENCE);
}

void
mint_key_id(const struct mint_key *key, struct buf *out)
{
	uint8_t point[65] = {4}, id[SHA_DIGEST_LENGTH];

	memcpy(point + 1, key->xy, 64);
	if (SHA1(point, sizeof point, id))
		buf_add(out, span_of(id, sizeof id));
	else
		out->failed = true;
}

void
mint_extension_write(struct buf *out, const char *oid, bool critical, struct span value)
{
	size_t from = out->n;

	mint_der_oid(out, oid);
	if (critical)
		mint_der_hex(out, "0101ff");
	mint_der_put(out, MINT_OCTETS, value);
	mint_der_wrap(out, from, MINT_SEQUENCE);
}

void
mint_algorithm_write(enum mint_hash hash, struct buf *out)
{
	size_t from = out->n;

	mint_der_oid(out, hash == MINT_SHA384 ? "1.2.840.10045.4.3.3" : "1.2.840.10045.4.3.2");
	mint_der_wrap(out, from, MINT_SEQUENCE);
}

void
mint_tbs_sign(struct buf *out, size_t from, struct mint_signing s)
{
	size_t content = out->n;
	struct buf sig;

	mint_der_wrap(out, from, MINT_SEQUENCE);
	buf_init(&sig, 256);
	buf_add_u8(&sig, 0);
	mint_sign_der(&sig, s.by, s.hash, span_from(buf_span(out), from));
	if (s.flip && buf_ok(out))
		out->p[s.flip + (out->n - content)] ^= 1;
	mint_algorithm_write(s.outside, out);
	mint_der_put(out, MINT_BITS, buf_span(&sig));
	out->failed |= !buf_ok(&sig);
	buf_fini(&sig);
	if (s.long_length)
		mint_der_wrap_long(out, from, MINT_SEQUENCE);
	else
		mint_der_wrap(out, from, MINT_SEQUENCE);
}

/* -- the fields of a certificate -- */

static void
put_key(const struct mint_cert *c, struct buf *out)
{
	bool compressed = c->quirks & MINT_CERT_COMPRESSED;
	size_t from = out->n, bits;

	mint_der_hex(out, c->quirks & MINT_CERT_EXPLICIT_CURVE ? EXPLICIT_CURVE : NAMED_CURVE);
	bits = out->n;
	buf_add_u8(out, 0);
	buf_add_u8(out, compressed ? (uint8_t)(2 + (c->key->xy[63] & 1)) : 4);
	buf_add(out, span_of(c->key->xy, compressed ? 32 : 64));
	mint_der_wrap(out, bits, MINT_BITS);
	mint_der_wrap(out, from, MINT_SEQUENCE);
}

/* The value of the authority key identifier: [0] keyIdentifier. */
static void
put_aki(const struct mint_cert *c, struct buf *value)
{
	mint_key_id(c->by, value);
	mint_der_wrap(value, 0, 0x80);
	mint_der_wrap(value, 0, MINT_SEQUENCE);
}

/* One distribution point: [0] { [0] fullName { [6] URI } }. */
static void
put_cdp(struct buf *value)
{
	mint_der_put(value, 0x86, span_str(CRL_URL));
	mint_der_wrap(value, 0, MINT_CONTEXT + 0);
	mint_der_wrap(value, 0, MINT_CONTEXT + 0);
	mint_der_wrap(value, 0, MINT_SEQUENCE);
	mint_der_wrap(value, 0, MINT_SEQUENCE);
}

/* A BIT STRING whose last bit is set: DER counts the unused ones behind it. */
static void
put_usage(uint8_t usage, struct buf *value)
{
	uint8_t unused = 0;

	while (unused < 7 && !(usage >> unused & 1))
		unused++;
	buf_add_u8(value, unused);
	buf_add_u8(value, usage);
	mint_der_wrap(value, 0, MINT_BITS);
}

static void
put_constraints(bool is_ca, struct buf *value)
{
	if (is_ca)
		mint_der_hex(value, "0101ff");
	mint_der_wrap(value, 0, MINT_SEQUENCE);
}

static void
put_value(const struct mint_cert *c, enum mint_extension which, struct buf *value)
{
	switch (which) {
	case MINT_EXT_AKI:
		put_aki(c, value);
		break;
	case MINT_EXT_CDP:
		put_cdp(value);
		break;
	case MINT_EXT_SKI:
		mint_key_id(c->key, value);
		mint_der_wrap(value, 0, MINT_OCTETS);
		break;
	case MINT_EXT_KU:
		put_usage(c->usage, value);
		break;
	case MINT_EXT_BC:
		put_constraints(c->is_ca, value);
		break;
	case MINT_EXT_SGX:
		mint_sgx_write(c->sgx, value);
		break;
	}
}

static void
put_extensions(const struct mint_cert *c, struct buf *out)
{
	static const struct {
		enum mint_extension which;
		const char *oid;
		bool critical;
	} all[] = {
	    {MINT_EXT_AKI, "2.5.29.35", false},
	    {MINT_EXT_CDP, "2.5.29.31", false},
	    {MINT_EXT_SKI, "2.5.29.14", false},
	    {MINT_EXT_KU, "2.5.29.15", true},
	    {MINT_EXT_BC, "2.5.29.19", true},
	    {MINT_EXT_SGX, MINT_SGX_OID, false},
	};
	size_t from = out->n;
	struct buf value;

	buf_init(&value, out->max);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		bool twice = all[i].which == MINT_EXT_BC && c->quirks & MINT_CERT_BC_TWICE;

		if (c->without & all[i].which || (all[i].which == MINT_EXT_SGX && !c->sgx))
			continue;
		buf_clear(&value);
		put_value(c, all[i].which, &value);
		out->failed |= !buf_ok(&value);
		for (unsigned k = 0; k < (twice ? 2u : 1u); k++)
			mint_extension_write(out, all[i].oid, all[i].critical, buf_span(&value));
	}
	buf_fini(&value);
	if (c->quirks & (MINT_CERT_UNKNOWN_CRITICAL | MINT_CERT_UNKNOWN))
		mint_extension_write(out, "1.3.6.1.4.1.55555.1",
		    c->quirks & MINT_CERT_UNKNOWN_CRITICAL, span_str("\x05"));
	mint_der_wrap(out, from, MINT_SEQUENCE);
	mint_der_wrap(out, from, MINT_CONTEXT + 3);
}

void
mint_cert_write(const struct mint_cert *c, struct buf *out)
{
	enum mint_hash hash = c->quirks & MINT_CERT_SHA384 ? MINT_SHA384 : MINT_SHA256;
	struct mint_signing s = {.by = c->forger ? c->forger : c->by,
	    .hash = hash,
	    .outside = c->quirks & MINT_CERT_OUTSIDE ? MINT_SHA384 : hash,
	    .long_length = c->quirks & MINT_CERT_LONG_LENGTH};
	bool offset = c->quirks & MINT_CERT_TIME_OFFSET;
	size_t from = out->n, validity;

	mint_der_hex(out, "a003020102"); /* version 3 */
	mint_der_number(out, span_of(c->serial, sizeof c->serial));
	if (c->quirks & MINT_CERT_FLIPPED)
		s.flip = out->n - 1;
	mint_algorithm_write(c->quirks & MINT_CERT_INSIDE ? MINT_SHA384 : hash, out);
	mint_name_write(c->issuer, c->quirks & MINT_CERT_ISSUER_SPELLING, out);
	validity = out->n;
	mint_der_time(out, c->from_s, offset);
	mint_der_time(out, c->to_s, offset);
	mint_der_wrap(out, validity, MINT_SEQUENCE);
	mint_name_write(c->subject, false, out);
	put_key(c, out);
	put_extensions(c, out);
	mint_tbs_sign(out, from, s);
	if (c->quirks & MINT_CERT_TRAILING)
		buf_add_u8(out, 0);
}
