#include "dcap/certs.h"

#include "dcap/der.h"
#include "dcap/pem.h"

/* id-ecPublicKey on the named curve P-256: explicit parameters are refused (CVE-2020-0601). */
static const uint8_t p256_key[] = {0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

/* The extensions of the profile; `bit` notes that one was there. */
enum { EXT_AKI = 1, EXT_SKI = 2, EXT_KU = 4, EXT_BC = 8, EXT_CDP = 16, EXT_SGX = 32 };
#define EXT_REQUIRED (EXT_AKI | EXT_SKI | EXT_KU | EXT_BC | EXT_CDP)

static const struct {
	uint8_t oid[9];
	uint8_t n;
	uint8_t bit;
} extensions[] = {
    {{0x55, 0x1d, 0x23}, 3, EXT_AKI},
    {{0x55, 0x1d, 0x0e}, 3, EXT_SKI},
    {{0x55, 0x1d, 0x0f}, 3, EXT_KU},
    {{0x55, 0x1d, 0x13}, 3, EXT_BC},
    {{0x55, 0x1d, 0x1f}, 3, EXT_CDP},
    {{0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01}, 9, EXT_SGX},
};

static bool
malformed(struct err *e, const char *what)
{
	return err_set(e, ERR_MALFORMED, REASON_CERT_MALFORMED, "certificate: %s", what);
}

static bool
read_basic_constraints(struct span value, struct cert *c)
{
	struct rd outer = rd_of(value);
	struct rd r = der_enter(&outer, DER_SEQUENCE);

	if (der_next_is(&r, DER_BOOLEAN))
		c->is_ca = der_take_bool(&r);
	if (der_next_is(&r, DER_INTEGER)) /* the profile's chains have a fixed length anyway */
		(void)der_take_uint(&r, DER_INTEGER, UINT16_MAX);
	return rd_end(&r) && rd_end(&outer);
}

static bool
read_key_usage(struct span value, struct cert *c)
{
	struct rd r = rd_of(value);
	struct span bits = der_take(&r, DER_BIT_STRING);

	if (!rd_end(&r) || bits.n < 2 || bits.p[0] > 7)
		return false;
	c->key_usage = bits.p[1];
	return true;
}

/* Keep the first distribution point's URI; whatever else stands there is of no use here. */
static void
read_crl_url(struct span value, struct cert *c)
{
	struct rd r = rd_of(value);
	struct span uri;

	r = der_enter(&r, DER_SEQUENCE);
	r = der_enter(&r, DER_SEQUENCE);
	r = der_enter(&r, DER_CONTEXT + 0); /* distributionPoint */
	r = der_enter(&r, DER_CONTEXT + 0); /* fullName */
	uri = der_take(&r, 0x86); /* uniformResourceIdentifier */
	if (!r.bad)
		c->crl_url = uri;
}

static bool
read_extension(uint8_t bit, struct span value, struct cert *c)
{
	switch (bit) {
	case EXT_BC:
		return read_basic_constraints(value, c);
	case EXT_KU:
		return read_key_usage(value, c);
	case EXT_CDP:
		read_crl_url(value, c);
		return true;
	case EXT_SGX:
		c->sgx = value;
		return true;
	default: /* key identifiers: their presence is asked for, the keys themselves decide */
		return true;
	}
}

static uint8_t
extension_bit(struct span oid)
{
	for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++)
		if (span_eq(oid, span_of(extensions[i].oid, extensions[i].n)))
			return extensions[i].bit;
	return 0;
}

static MUST_CHECK bool
read_extensions(struct rd *tbs, struct cert *c, struct err *e)
{
	struct rd outer = der_enter(tbs, DER_CONTEXT + 3);
	struct rd r = der_enter(&outer, DER_SEQUENCE);
	unsigned seen = 0;

	while (rd_left(&r) > 0) {
		struct rd ext = der_enter(&r, DER_SEQUENCE);
		struct span oid = der_take_oid(&ext), value;
		bool critical = der_next_is(&ext, DER_BOOLEAN) && der_take_bool(&ext);
		uint8_t bit = extension_bit(oid);

		value = der_take(&ext, DER_OCTET_STRING);
		if (!rd_end(&ext))
			return malformed(e, "broken extension");
		if (!bit && critical) /* RFC 5280 section 4.2 */
			return malformed(e, "unknown critical extension");
		if (!bit)
			continue;
		if (seen & bit)
			return malformed(e, "repeated extension");
		if (!read_extension(bit, value, c))
			return malformed(e, "broken basic constraints or key usage");
		seen |= bit;
	}
	if (!rd_end(&r) || !rd_end(&outer))
		return malformed(e, "broken extensions");
	if ((seen & EXT_REQUIRED) != EXT_REQUIRED)
		return malformed(e, "lacks an extension of Intel's profile");
	return true;
}

static MUST_CHECK bool
read_key(struct rd *tbs, struct cert *c, struct err *e)
{
	struct rd spki = der_enter(tbs, DER_SEQUENCE);
	struct span alg = der_take_whole(&spki, DER_SEQUENCE);
	struct span bits = der_take(&spki, DER_BIT_STRING);

	if (!rd_end(&spki) || !span_eq(alg, span_of(p256_key, sizeof p256_key))
	    || bits.n != 1 + EC_POINT_SIZE || bits.p[0] != 0 || bits.p[1] != 4)
		return malformed(e, "key is not an uncompressed point of P-256");
	c->key = span_from(bits, 1).p;
	return true;
}

static MUST_CHECK bool
read_tbs(struct cert *c, struct err *e)
{
	struct rd whole = rd_of(c->tbs);
	struct rd r = der_enter(&whole, DER_SEQUENCE);
	struct rd version = der_enter(&r, DER_CONTEXT + 0), validity;
	uint32_t v = der_take_uint(&version, DER_INTEGER, 255);
	struct span alg;

	if (!rd_end(&version) || v != 2)
		return malformed(e, "not version 3");
	c->serial = der_take_magnitude(&r);
	alg = der_take_whole(&r, DER_SEQUENCE);
	c->issuer = der_take_whole(&r, DER_SEQUENCE);
	validity = der_enter(&r, DER_SEQUENCE);
	c->valid.start = der_take_time(&validity);
	c->valid.end = der_take_time(&validity);
	c->subject = der_take_whole(&r, DER_SEQUENCE);
	if (r.bad || !rd_end(&validity))
		return malformed(e, "broken");
	if (!ecdsa_is_algorithm(alg))
		return malformed(e, "not signed with ecdsa-with-SHA256");
	if (c->serial.n > SERIAL_MAX)
		return malformed(e, "serial number of more than 20 bytes");
	if (!name_read(c->issuer, c->issuer_cn) || !name_read(c->subject, c->subject_cn))
		return malformed(e, "broken name");
	if (!read_key(&r, c, e) || !read_extensions(&r, c, e))
		return false;
	return rd_end(&r) || malformed(e, "bytes behind the extensions");
}

bool
cert_parse(struct cert *c, struct span der, struct err *e)
{
	struct cert out = {.der = der};
	struct rd whole = rd_of(der);
	struct rd r = der_enter(&whole, DER_SEQUENCE);
	struct span alg, bits;

	out.tbs = der_take_whole(&r, DER_SEQUENCE);
	alg = der_take_whole(&r, DER_SEQUENCE);
	bits = der_take(&r, DER_BIT_STRING);
	if (!rd_end(&r) || !rd_end(&whole) || bits.n < 1 || bits.p[0] != 0)
		return malformed(e, "not DER");
	/* RFC 5280 section 4.1.1.2: the same algorithm inside and outside what is signed. */
	if (!ecdsa_is_algorithm(alg))
		return malformed(e, "not signed with ecdsa-with-SHA256");
	out.signature = span_from(bits, 1);
	if (!read_tbs(&out, e))
		return false;
	*c = out;
	return true;
}

/* Decode the PEM blocks; ends[i] is where the i-th certificate ends in ch->bytes. */
static MUST_CHECK bool
decode(struct chain *ch, struct span text, size_t ends[static CHAIN_MAX], const char *what,
    struct err *e)
{
	enum pem_step step;

	while ((step = pem_next(&text, "CERTIFICATE", &ch->bytes)) == PEM_FOUND) {
		if (ch->n == CHAIN_MAX)
			return err_set(e, ERR_MALFORMED, REASON_CERT_CHAIN,
			    "%s: more than %d certificates", what, CHAIN_MAX);
		ends[ch->n++] = ch->bytes.n;
	}
	if (ch->bytes.starved)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "%s", what);
	if (step == PEM_BAD)
		return err_set(e, ERR_MALFORMED, REASON_CERT_MALFORMED, "%s: broken PEM", what);
	if (ch->n == 0)
		return err_set(e, ERR_MALFORMED, REASON_CERT_CHAIN, "%s: no certificate", what);
	return true;
}

bool
chain_parse(struct chain *ch, struct span text, const char *what, struct err *e)
{
	size_t ends[CHAIN_MAX], from = 0;

	memset(ch, 0, sizeof *ch);
	buf_init(&ch->bytes, text.n ? text.n : 1);
	if (der_begins(text)) {
		buf_add(&ch->bytes, text);
		ends[ch->n++] = ch->bytes.n;
	} else if (!decode(ch, text, ends, what, e)) {
		goto fail;
	}
	if (!buf_ok(&ch->bytes)) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "%s", what);
		goto fail;
	}
	for (size_t i = 0; i < ch->n; i++) {
		struct span der = span_from(span_first(buf_span(&ch->bytes), ends[i]), from);

		if (!cert_parse(&ch->cert[i], der, e))
			goto fail;
		from = ends[i];
	}
	return true;
fail:
	chain_fini(ch);
	return false;
}

void
chain_fini(struct chain *ch)
{
	buf_fini(&ch->bytes);
	ch->n = 0;
}

bool
cert_is_self_issued(const struct cert *c)
{
	return span_eq(c->issuer, c->subject);
}

bool
cert_check_root(struct verifier *vf, const struct cert *c, struct err *e)
{
	/* The key is pinned, not the certificate: Intel has issued more than one for it. */
	if (!cert_is_self_issued(c) || memcmp(c->key, vf->root_key, EC_POINT_SIZE) != 0)
		return err_set(
		    e, ERR_UNTRUSTED, REASON_ROOT_UNTRUSTED, "root is \"%s\"", c->subject_cn);
	return cert_check_issued(vf, c, c, e);
}

bool
cert_check_issued(struct verifier *vf, const struct cert *c, const struct cert *by, struct err *e)
{
	if (!span_eq(c->issuer, by->subject))
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN,
		    "\"%s\" was issued by \"%s\", not \"%s\"", c->subject_cn, c->issuer_cn,
		    by->subject_cn);
	if (!by->is_ca || !(by->key_usage & KU_CERT_SIGN))
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN,
		    "\"%s\" may not issue certificates", by->subject_cn);
	if (!verifier_holds_der(vf, by->key, c->tbs, c->signature))
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_SIGNATURE,
		    "\"%s\" is not signed by \"%s\"", c->subject_cn, by->subject_cn);
	return true;
}
