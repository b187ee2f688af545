#include "dcap/crl.h"

#include <stdlib.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/limits.h"
#include "dcap/der.h"
#include "dcap/pem.h"

static const uint8_t oid_crl_number[] = {0x55, 0x1d, 0x14};
static const uint8_t oid_aki[] = {0x55, 0x1d, 0x23};
static const uint8_t oid_reason[] = {0x55, 0x1d, 0x15};

static bool
malformed(struct err *e, const char *what, const char *why)
{
	return err_set(e, ERR_MALFORMED, REASON_CRL_MALFORMED, "%s: %s", what, why);
}

static bool
is_hex(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!memchr("0123456789abcdefABCDEF", s.p[i], 22))
			return false;
	return s.n > 0;
}

/* One block; a second list would say something that nobody reads. */
static MUST_CHECK bool
decode_pem(struct span text, struct buf *der)
{
	return pem_next(&text, "X509 CRL", der) == PEM_FOUND
	       && span_find(text, "-----BEGIN") == text.n;
}

/* Bring whichever of the spellings that services use down to DER: itself, PEM, hex or base64. */
static MUST_CHECK bool
decode(struct span text, struct buf *der)
{
	struct buf squeezed;
	struct span digits;
	bool ok;

	if (der_begins(text)) {
		buf_add(der, text);
		return buf_ok(der);
	}
	if (span_find(text, "-----BEGIN") < text.n)
		return decode_pem(text, der);
	while (text.n > 0 && text.p[text.n - 1] == 0)
		text.n--;
	buf_init(&squeezed, text.n ? text.n : 1);
	pem_squeeze(text, &squeezed);
	digits = buf_span(&squeezed);
	ok = digits.n > 0 && buf_ok(&squeezed)
	     && (is_hex(digits) ? hex_decode_buf(digits, der) : base64_decode(digits, der));
	if (squeezed.starved)
		der->failed = der->starved = true;
	buf_fini(&squeezed);
	return ok;
}

/* Take one Extension, noting in *seen which of the three above it was. False where it is broken,
 * repeated, or critical and none of them. */
static bool
take_extension(struct rd *r, unsigned *seen)
{
	struct rd ext = der_enter(r, DER_SEQUENCE);
	struct span oid = der_take_oid(&ext);
	bool critical = der_next_is(&ext, DER_BOOLEAN) && der_take_bool(&ext);
	unsigned bit = span_eq(oid, span_of(oid_crl_number, 3)) ? 1
		       : span_eq(oid, span_of(oid_aki, 3))      ? 2
		       : span_eq(oid, span_of(oid_reason, 3))   ? 4
								: 0;

	(void)der_take(&ext, DER_OCTET_STRING);
	if (!rd_end(&ext) || (critical && !bit) || (bit & *seen))
		return false;
	*seen |= bit;
	return true;
}

/* Take one entry and give its serial number; the reader is bad where it is broken. */
static struct span
take_entry(struct rd *r)
{
	struct rd entry = der_enter(r, DER_SEQUENCE);
	struct span serial = der_take_magnitude(&entry);
	unsigned seen = 0;

	(void)der_take_time(&entry);
	if (rd_left(&entry) > 0) {
		struct rd exts = der_enter(&entry, DER_SEQUENCE);

		while (rd_left(&exts) > 0)
			if (!take_extension(&exts, &seen))
				exts.bad = true;
		if (!rd_end(&exts))
			entry.bad = true;
	}
	if (!rd_end(&entry))
		r->bad = true;
	if (serial.n > SERIAL_MAX) /* RFC 5280 section 5.1.2.6: as a certificate's */
		r->bad = true;
	return serial;
}

static int
compare_entries(const void *pa, const void *pb)
{
	const struct crl_entry *a = pa, *b = pb;
	int by = (a->n > b->n) - (a->n < b->n);

	return by ? by : memcmp(a->serial, b->serial, a->n);
}

static struct crl_entry
entry_of(struct span serial)
{
	struct crl_entry entry = {.n = (uint8_t)serial.n};

	if (serial.n)
		memcpy(entry.serial, serial.p, serial.n);
	return entry;
}

/* Count, then keep sorted: what is asked of a list is asked at every verification. */
static MUST_CHECK bool
read_entries(struct crl *crl, struct span revoked, struct err *e)
{
	struct rd r = rd_of(revoked);
	size_t n = 0;

	for (; rd_left(&r) > 0; n++)
		(void)take_entry(&r);
	if (!rd_end(&r))
		return malformed(e, crl->what, "broken or unknown critical entry");
	crl->entries = calloc(n ? n : 1, sizeof *crl->entries);
	if (!crl->entries)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "%s", crl->what);
	r = rd_of(revoked);
	while (crl->n_entries < n)
		crl->entries[crl->n_entries++] = entry_of(take_entry(&r));
	qsort(crl->entries, n, sizeof *crl->entries, compare_entries);
	return true;
}

static MUST_CHECK bool
read_extensions(struct rd *tbs, const char *what, struct err *e)
{
	struct rd outer = der_enter(tbs, DER_CONTEXT + 0);
	struct rd r = der_enter(&outer, DER_SEQUENCE);
	unsigned seen = 0;

	while (rd_left(&r) > 0)
		if (!take_extension(&r, &seen))
			return malformed(e, what, "broken, repeated or unknown critical extension");
	if (!rd_end(&r) || !rd_end(&outer))
		return malformed(e, what, "broken extensions");
	if ((seen & 3) != 3)
		return malformed(e, what, "lacks its number or its authority key identifier");
	return true;
}

static MUST_CHECK bool
read_tbs(struct crl *crl, struct err *e)
{
	struct rd whole = rd_of(crl->tbs);
	struct rd r = der_enter(&whole, DER_SEQUENCE);
	struct span revoked = span_of(NULL, 0);
	char cn[NAME_CN_MAX];
	uint32_t version = der_take_uint(&r, DER_INTEGER, 255);
	struct span alg = der_take_whole(&r, DER_SEQUENCE);

	crl->issuer = der_take_whole(&r, DER_SEQUENCE);
	crl->valid.start = der_take_time(&r);
	crl->valid.end = der_take_time(&r); /* nextUpdate: optional in the RFC, not here */
	if (!name_read(crl->issuer, cn))
		return malformed(e, crl->what, "broken issuer");
	if (r.bad || version != 1)
		return malformed(e, crl->what, "not a version 2 list with nextUpdate");
	if (!ecdsa_is_algorithm(alg))
		return malformed(e, crl->what, "not signed with ecdsa-with-SHA256");
	if (der_next_is(&r, DER_SEQUENCE))
		revoked = der_take(&r, DER_SEQUENCE);
	if (!read_entries(crl, revoked, e) || !read_extensions(&r, crl->what, e))
		return false;
	return rd_end(&r) || malformed(e, crl->what, "bytes behind the extensions");
}

static MUST_CHECK bool
read_crl(struct crl *crl, struct err *e)
{
	struct rd whole = rd_of(buf_span(&crl->der));
	struct rd r = der_enter(&whole, DER_SEQUENCE);
	struct span alg, bits;

	crl->tbs = der_take_whole(&r, DER_SEQUENCE);
	alg = der_take_whole(&r, DER_SEQUENCE);
	bits = der_take(&r, DER_BIT_STRING);
	if (!rd_end(&r) || !rd_end(&whole) || bits.n < 1 || bits.p[0] != 0)
		return malformed(e, crl->what, "not DER");
	if (!ecdsa_is_algorithm(alg))
		return malformed(e, crl->what, "not signed with ecdsa-with-SHA256");
	crl->signature = span_from(bits, 1);
	return read_tbs(crl, e);
}

bool
crl_parse(struct crl *crl, struct span bytes, const char *what, struct err *e)
{
	memset(crl, 0, sizeof *crl);
	crl->what = what;
	buf_init(&crl->der, LIMIT_CRL);
	if (bytes.n > 2 * LIMIT_CRL)
		return err_set(e, ERR_LIMIT, REASON_CRL_MALFORMED, "%s: too big", what);
	if (!decode(bytes, &crl->der)) {
		bool starved = crl->der.starved;

		crl_fini(crl);
		return starved ? err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "%s", what)
			       : malformed(e, what, "neither DER, PEM, hex nor base64");
	}
	if (!read_crl(crl, e)) {
		crl_fini(crl);
		return false;
	}
	return true;
}

void
crl_fini(struct crl *crl)
{
	buf_fini(&crl->der);
	free(crl->entries);
	crl->entries = NULL;
	crl->n_entries = 0;
}

void
crl_digest(struct crl *crl, struct verifier *vf)
{
	verifier_digest(vf, crl->tbs, span_of("", 0), crl->digest);
	if (!ecdsa_read_der(crl->signature, crl->raw_signature))
		memset(crl->raw_signature, 0, sizeof crl->raw_signature);
}

bool
crl_check_issuer(const struct crl *crl, struct verifier *vf, struct span issuer,
    const uint8_t key[static EC_POINT_SIZE], struct err *e)
{
	/* Another CA's list is genuine, signed and fresh, and says nothing about this leaf. */
	if (!span_eq(crl->issuer, issuer))
		return err_set(
		    e, ERR_UNTRUSTED, REASON_CRL_ISSUER, "%s is of another CA", crl->what);
	if (!verifier_holds(vf, key, crl->digest, crl->raw_signature))
		return err_set(e, ERR_UNTRUSTED, REASON_CRL_SIGNATURE, "%s is not signed by its CA",
		    crl->what);
	return true;
}

bool
crl_holds(const struct crl *crl, struct span serial)
{
	struct crl_entry wanted;

	if (serial.n > SERIAL_MAX)
		return false;
	wanted = entry_of(serial);
	return bsearch(&wanted, crl->entries, crl->n_entries, sizeof wanted, compare_entries)
	       != NULL;
}
