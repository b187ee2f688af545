#include "sim/fault.h"

#include "base/base64.h"
#include "base/json.h"

#define DAY_S    86400
#define BODY_MAX (4u * 1024 * 1024) /* above our own ceiling for an allowlist */

static const char *const item_names[SIM_ITEMS] = {"rootcrl", "pckcrl", "tcb", "qe"};

static const char *const bend_names[SIM_BENDS] = {[SIM_STRAIGHT] = "none",
    [SIM_CUT] = "cut",
    [SIM_CHUNKED] = "chunked",
    [SIM_OVERSIZED] = "oversized",
    [SIM_HEX] = "hex",
    [SIM_OLD_NAMES] = "old-names",
    [SIM_LOWER_NAMES] = "lower-names",
    [SIM_OTHER_CA] = "other-ca",
    [SIM_OLDER] = "older",
    [SIM_EXPIRED] = "expired",
    [SIM_FUTURE] = "future",
    [SIM_FORGED] = "forged",
    [SIM_REDIRECT] = "redirect",
    [SIM_REDIRECT_LOOP] = "redirect-loop",
    [SIM_GZIP_BOMB] = "gzip-bomb"};

/* -- which -- */

static bool
ends(struct span path, const char *tail)
{
	size_t n = strlen(tail);

	return path.n >= n && span_is(span_from(path, path.n - n), tail);
}

enum sim_item
sim_item_of(struct span path)
{
	if (ends(path, "/rootcacrl") || ends(path, "/IntelSGXRootCA.der"))
		return SIM_ITEM_ROOT_CRL;
	if (ends(path, "/pckcrl"))
		return SIM_ITEM_PCK_CRL;
	if (ends(path, "/v4/tcb"))
		return SIM_ITEM_TCB;
	return ends(path, "/qe/identity") ? SIM_ITEM_QE : SIM_ITEM_NONE;
}

const char *
sim_item_name(enum sim_item i)
{
	return i < SIM_ITEM_NONE ? item_names[i] : NULL;
}

bool
sim_fault_is_for(const struct sim_fault *f, enum sim_item i)
{
	return !f->some || f->item == i;
}

void
sim_fault_clear(struct sim_fault *f)
{
	buf_fini(&f->body);
	*f = (struct sim_fault){.retry_after = -1, .remaining = -1, .reset_s = -1};
	buf_init(&f->body, BODY_MAX);
}

/* -- reading -- */

static bool
bad(const char *name, const char *want, struct err *e)
{
	err_set_arg(e, ERR_MALFORMED, REASON_INVALID_FIELD, name, "fault");
	return err_show(e, "%s: %s", name, want);
}

static bool
take_number(const struct json_doc *doc, const char *name, int64_t min, int64_t max, int64_t *out,
    struct err *e)
{
	const struct json_node *v = json_get(doc, json_top(doc), name);

	return !v || json_int(v, min, max, out) || bad(name, "a number in its range", e);
}

static bool
take_names(const struct json_doc *doc, struct sim_fault *f, struct err *e)
{
	const struct json_node *item = json_get(doc, json_top(doc), "item");
	const struct json_node *bend = json_get(doc, json_top(doc), "bend");
	int i = 0, b = 0;

	while (item && i < SIM_ITEMS && !json_is(item, item_names[i]))
		i++;
	if (i == SIM_ITEMS)
		return bad("item", "rootcrl, pckcrl, tcb or qe", e);
	while (bend && b < SIM_BENDS && !json_is(bend, bend_names[b]))
		b++;
	if (b == SIM_BENDS)
		return bad("bend", "cut, chunked, ... (docs/simulation.md)", e);
	f->some = item != NULL;
	f->item = (enum sim_item)i;
	f->bend = (enum sim_bend)b;
	return true;
}

static bool
take_flag(const struct json_doc *doc, const char *name, bool *out, struct err *e)
{
	int64_t n = 0;

	if (!take_number(doc, name, 0, 1, &n, e))
		return false;
	*out = n != 0;
	return true;
}

static bool
take_text(const struct json_doc *doc, const char *name, char *out, size_t size, struct err *e)
{
	const struct json_node *v = json_get(doc, json_top(doc), name);

	return !v || json_cstr(v, out, size) || bad(name, "a text, and not as long", e);
}

static bool
take_body(const struct json_doc *doc, struct buf *out, struct err *e)
{
	const struct json_node *v = json_get(doc, json_top(doc), "body_b64");

	return !v || (v->type == JSON_STRING && !v->escaped && base64_decode(v->text, out))
	       || bad("body_b64", "base64", e);
}

static bool
take_github(const struct json_doc *doc, struct sim_fault *f, struct err *e)
{
	return take_flag(doc, "redirect", &f->redirect, e)
	       && take_flag(doc, "chunked", &f->chunked, e) && take_flag(doc, "cut", &f->cut, e)
	       && take_flag(doc, "lower_case", &f->lower_case, e)
	       && take_number(doc, "remaining", 0, 100000, &f->remaining, e)
	       && take_number(doc, "reset_s", 0, 86400, &f->reset_s, e)
	       && take_number(doc, "pad", 0, BODY_MAX, &f->pad, e)
	       && take_text(doc, "location", f->location, sizeof f->location, e)
	       && take_text(doc, "encoding", f->encoding, sizeof f->encoding, e)
	       && take_body(doc, &f->body, e);
}

static bool
take(const struct json_doc *doc, struct sim_fault *f, struct err *e)
{
	int64_t status = 0, delay_ms = 0;

	if (!take_number(doc, "status", 400, 599, &status, e)
	    || !take_number(doc, "delay_ms", 0, 60000, &delay_ms, e)
	    || !take_number(doc, "retry_after", 0, 86400, &f->retry_after, e)
	    || !take_names(doc, f, e) || !take_github(doc, f, e))
		return false;
	f->status = (uint16_t)status;
	f->delay_ms = (uint16_t)delay_ms;
	return true;
}

bool
sim_fault_read(struct span json, struct sim_fault *out, struct err *e)
{
	static const struct json_limits lim = {2, 32};
	struct sim_fault f = {.status = 0};
	struct json_doc doc;
	bool ok;

	if (!json_parse(&doc, json, lim, e))
		return false;
	sim_fault_clear(&f);
	ok = take(&doc, &f, e);
	json_free(&doc);
	if (!ok) {
		buf_fini(&f.body);
		return false;
	}
	buf_fini(&out->body);
	*out = f;
	return true;
}

/* -- doing -- */

int64_t
sim_fault_offset(const struct sim_fault *f)
{
	switch (f->bend) {
	case SIM_OLDER:
		return -DAY_S;
	case SIM_EXPIRED:
		return (int64_t)-31 * DAY_S;
	case SIM_FUTURE:
		return DAY_S;
	default:
		return 0;
	}
}

const char *
sim_fault_field_name(enum sim_bend bend, const char *name)
{
	static const struct {
		const char *name, *old, *lower;
	} names[] = {
	    {"TCB-Info-Issuer-Chain", "SGX-TCB-Info-Issuer-Chain", "tcb-info-issuer-chain"},
	    {"SGX-Enclave-Identity-Issuer-Chain", "SGX-QE-Identity-Issuer-Chain",
		"sgx-enclave-identity-issuer-chain"},
	    {"SGX-PCK-CRL-Issuer-Chain", "SGX-PCK-CRL-Issuer-Chain", "sgx-pck-crl-issuer-chain"},
	};

	if (bend != SIM_OLD_NAMES && bend != SIM_LOWER_NAMES)
		return name;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(name, names[i].name) == 0)
			return bend == SIM_OLD_NAMES ? names[i].old : names[i].lower;
	return name;
}

/* Bits are packed from the lowest on (RFC 1951 section 3.1.1). */
struct bits {
	struct buf *out;
	uint32_t held;
	unsigned n;
};

static void
put_bits(struct bits *b, uint32_t value, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		b->held |= (value >> i & 1) << b->n;
		if (++b->n == 8) {
			buf_add_u8(b->out, (uint8_t)b->held);
			b->held = b->n = 0;
		}
	}
}

static uint32_t
crc_of_zeros(size_t n)
{
	uint32_t crc = 0xffffffff;

	while (n-- > 0)
		for (int k = 0; k < 8; k++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
	return ~crc;
}

void
sim_fault_gzip_zeros(size_t n, struct buf *out)
{
	static const uint8_t head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
	struct bits b = {.out = out};

	buf_add(out, span_of(head, sizeof head));
	put_bits(&b, 1 | 1 << 1, 3); /* the last block, fixed codes */
	/* A zero is the code 00110000, from its highest bit on; then copies of 258 bytes at distance
	 * 1, 11000101 and 00000; more zeros; the end, 0000000. */
	for (size_t i = 0; i < 1 + (n - 1) % 258; i++)
		put_bits(&b, 0x0c, 8);
	for (size_t i = 0; i < (n - 1) / 258; i++)
		put_bits(&b, 0xa3, 13);
	put_bits(&b, 0, 7);
	if (b.n)
		put_bits(&b, 0, 8 - b.n);
	buf_add_le(out, crc_of_zeros(n), 4);
	buf_add_le(out, n & 0xffffffff, 4);
}
