#include "core/allowlist.h"

#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/jcs.h"
#include "base/limits.h"

#define REPORT_DATA_KEY "report_data"
#define KEY_MAX         63 /* as much as an err's arg carries */

struct allowlist {
	uint8_t *text;
	struct json_doc doc;
	const struct json_node *measurements; /* object, or array of objects */
	const struct json_node *registers; /* quote_measurements, or NULL */
	uint8_t report_data[64];
	size_t report_data_n; /* 0: not pinned; 32 or 64 */
	uint32_t tcb_accept;
};

/* --- parsing --- */

static bool
invalid(struct err *e, const char *what, const char *key)
{
	err_set(e, ERR_MALFORMED, REASON_ALLOWLIST_INVALID, "%s: %s", key, what);
	return err_show(e, "%s: %s", key, what);
}

static bool
missing(struct err *e, const char *what)
{
	err_set(e, ERR_POLICY, REASON_ALLOWLIST_MISSING, "%s", what);
	return err_show(e, "%s", what);
}

/* A register's name in other letters would silently be read as a claim. */
static bool
is_misspelt_register(const char *key)
{
	for (unsigned r = 0; r < REG_COUNT; r++) {
		const char *name = quote_reg_name((enum quote_reg)r);

		if (span_iis(span_str(key), name) && strcmp(key, name) != 0)
			return true;
	}
	return span_iis(span_str(key), REPORT_DATA_KEY) && strcmp(key, REPORT_DATA_KEY) != 0;
}

static bool
is_number_register(enum quote_reg r)
{
	return r == REG_ISVPRODID || r == REG_ISVSVN || r == REG_CONFIGSVN;
}

static bool
is_hex(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = ascii_lower(s.p[i]);

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return false;
	}
	return s.n > 0 && s.n % 2 == 0;
}

static bool
is_hex_string(const struct json_node *v)
{
	return v->type == JSON_STRING && !v->escaped && is_hex(v->text);
}

/* Nothing that could stand for "whatever comes". */
static bool
is_empty(const struct json_node *v)
{
	return v->type == JSON_NULL || (v->type == JSON_STRING && v->text.n == 0)
	       || ((v->type == JSON_OBJECT || v->type == JSON_ARRAY) && v->count == 0);
}

static MUST_CHECK bool
key_text(const struct json_node *v, char dst[static KEY_MAX + 1], struct err *e)
{
	struct buf b;
	bool ok;

	if (!v->key_escaped)
		ok = span_cstr(v->key, dst, KEY_MAX + 1);
	else {
		buf_init(&b, KEY_MAX);
		ok = json_key(v, &b) && span_cstr(buf_span(&b), dst, KEY_MAX + 1);
		buf_fini(&b);
	}
	return (ok && dst[0] != '\0')
	       || invalid(e, "a key is empty, too long or holds a NUL", "measurements");
}

static MUST_CHECK bool
check_entry(
    const struct allowlist *al, const struct json_node *obj, bool registers_only, struct err *e)
{
	const char *where = registers_only ? "quote_measurements" : "measurements";
	char key[KEY_MAX + 1];

	if (obj->type != JSON_OBJECT)
		return invalid(e, "not an object", where);
	if (obj->count == 0)
		return missing(e, "an alternative is empty");
	if (json_has_dup(obj))
		return invalid(e, "a key occurs twice", where);
	for (const struct json_node *v = json_first(&al->doc, obj); v;
	     v = json_next(&al->doc, obj, v)) {
		if (!key_text(v, key, e))
			return false;
		enum quote_reg r = quote_reg_find(span_str(key));
		int64_t number;

		if (is_empty(v))
			return invalid(e, "an empty value pins nothing", key);
		if (is_misspelt_register(key))
			return invalid(e, "a register's name is lower case", key);
		if (r == REG_COUNT && registers_only)
			return invalid(e, "not a register", key);
		if (strcmp(key, REPORT_DATA_KEY) == 0)
			return invalid(e, "stands beside measurements, not in them", key);
		if (r != REG_COUNT && !is_hex_string(v)
		    && !(is_number_register(r) && json_int(v, 0, UINT16_MAX, &number)))
			return invalid(e, "a register is written in hex", key);
	}
	return true;
}

static MUST_CHECK bool
check_measurements(struct allowlist *al, struct err *e)
{
	const struct json_node *m = json_get(&al->doc, json_top(&al->doc), "measurements");
	const struct json_node *q = json_get(&al->doc, json_top(&al->doc), "quote_measurements");

	if (!m || m->type == JSON_NULL)
		return missing(e, "no measurements");
	if ((m->type == JSON_ARRAY || m->type == JSON_OBJECT) && m->count == 0)
		return missing(e, "measurements is empty");
	al->measurements = m;
	al->registers = q;
	if (q && !check_entry(al, q, true, e))
		return false;
	if (m->type != JSON_ARRAY)
		return check_entry(al, m, false, e);
	for (const struct json_node *v = json_first(&al->doc, m); v; v = json_next(&al->doc, m, v))
		if (!check_entry(al, v, false, e))
			return false;
	return true;
}

/* Present, it must pin: an empty or odd value is an error, never "not asked for". */
static MUST_CHECK bool
check_report_data(struct allowlist *al, struct err *e)
{
	const struct json_node *v = json_get(&al->doc, json_top(&al->doc), REPORT_DATA_KEY);

	if (!v)
		return true;
	if (!is_hex_string(v) || (v->text.n != 64 && v->text.n != 128))
		return invalid(e, "not 32 or 64 bytes in hex", REPORT_DATA_KEY);
	al->report_data_n = v->text.n / 2;
	return hex_decode(v->text, al->report_data, al->report_data_n)
	       || invalid(e, "not hex", REPORT_DATA_KEY);
}

static MUST_CHECK bool
check_tcb(struct allowlist *al, struct err *e)
{
	const struct json_node *tcb = json_get(&al->doc, json_top(&al->doc), "tcb");
	const struct json_node *accept = json_get(&al->doc, tcb, "accept");

	al->tcb_accept = TCB_BIT(TCB_UNKNOWN) - 1;
	if (!tcb)
		return true;
	if (tcb->type != JSON_OBJECT || json_has_dup(tcb) || !accept || accept->type != JSON_ARRAY
	    || accept->count == 0)
		return invalid(e, "holds no list of statuses", "tcb.accept");
	al->tcb_accept = 0;
	for (const struct json_node *v = json_first(&al->doc, accept); v;
	     v = json_next(&al->doc, accept, v)) {
		char name[ERR_TOKEN_MAX];
		enum tcb_status s = TCB_UNKNOWN;

		if (json_cstr(v, name, sizeof name))
			s = tcb_status_find(span_str(name));
		if (s == TCB_UNKNOWN || s == TCB_REVOKED)
			return invalid(e, "a status is unknown or never accepted", "tcb.accept");
		al->tcb_accept |= TCB_BIT(s);
	}
	return true;
}

static MUST_CHECK bool
check_head(const struct allowlist *al, const char *release_tag, struct err *e)
{
	const struct json_node *top = json_top(&al->doc);
	const struct json_node *version = json_get(&al->doc, top, "version");
	const struct json_node *tag = json_get(&al->doc, top, "release_tag");
	char v[16];

	if (top->type != JSON_OBJECT || json_has_dup(top))
		return invalid(e, "not one object with each member once", "allowlist");
	if (version
	    && (!json_cstr(version, v, sizeof v)
		|| (strcmp(v, "1") != 0 && strncmp(v, "1.", 2) != 0)))
		return invalid(e, "not 1.x", "version");
	if (tag && release_tag && !json_is(tag, release_tag)) {
		err_set(e, ERR_POLICY, REASON_ALLOWLIST_RELEASE_MISMATCH,
		    "registered %s, list says %.*s", release_tag,
		    (int)(tag->text.n < 80 ? tag->text.n : 80), (const char *)tag->text.p);
		return err_show(e, "the list is not that of release %.100s", release_tag);
	}
	return true;
}

static MUST_CHECK bool
parse_text(struct allowlist *al, struct span asset, struct err *e)
{
	struct err je = {0};

	if (asset.n > LIMIT_ALLOWLIST)
		return invalid(e, "above 1 MiB", "allowlist");
	al->text = malloc(asset.n ? asset.n : 1);
	if (!al->text)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "allowlist");
	if (asset.n)
		memcpy(al->text, asset.p, asset.n);
	if (json_parse(&al->doc, span_of(al->text, asset.n),
		(struct json_limits){.depth = 16, .nodes = LIMIT_JSON_NODES}, &je))
		return true;
	if (je.code == ERR_NOMEM)
		return err_set(e, je.code, je.reason, "allowlist");
	return invalid(e, "not JSON", "allowlist");
}

bool
allowlist_parse(struct allowlist **out, struct span asset, const char *release_tag, struct err *e)
{
	struct allowlist *al = calloc(1, sizeof *al);

	*out = NULL;
	if (!al)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "allowlist");
	if (parse_text(al, asset, e) && check_head(al, release_tag, e) && check_tcb(al, e)
	    && check_report_data(al, e) && check_measurements(al, e)) {
		*out = al; /* ownership leaves here, and only here */
		return true;
	}
	allowlist_free(al);
	return false;
}

void
allowlist_free(struct allowlist *al)
{
	if (!al)
		return;
	json_free(&al->doc);
	free(al->text);
	free(al);
}

size_t
allowlist_count(const struct allowlist *al)
{
	return al->measurements->type == JSON_ARRAY ? al->measurements->count : 1;
}

/* --- comparing --- */

/* What did not fit, of the alternative that came closest. */
struct mismatch {
	size_t fits; /* keys that did */
	char key[KEY_MAX + 1];
	char want[40], got[40]; /* for people: the first bytes */
};

struct subject {
	const struct allowlist *al;
	const struct quote_view *q;
	const struct json_doc *doc;
	const struct json_node *claims;
};

static void
excerpt(struct span s, char dst[static 40])
{
	size_t n = s.n < 36 ? s.n : 36;

	for (size_t i = 0; i < n; i++)
		dst[i] = s.p[i] >= 0x20 && s.p[i] < 0x7f ? (char)s.p[i] : '?';
	memcpy(dst + n, s.n > 36 ? "..." : "", s.n > 36 ? 4 : 1);
}

static bool
register_fits(const struct json_node *want, struct span got, struct mismatch *m)
{
	uint8_t bytes[64];
	char hex[2 * sizeof bytes + 1];
	int64_t number;

	excerpt(want->text, m->want);
	excerpt(span_str("nothing"), m->got);
	if (got.n == 0 || got.n > sizeof bytes)
		return false;
	excerpt(span_str(hex_encode(got, hex)), m->got);
	if (want->type == JSON_NUMBER)
		return got.n == 2 && json_int(want, 0, UINT16_MAX, &number)
		       && number == (got.p[0] | got.p[1] << 8);
	return hex_decode(want->text, bytes, got.n) && memcmp(bytes, got.p, got.n) == 0;
}

/* Equal as RFC 8785 values; two hex strings whatever their letters' case. */
static bool
claim_fits(const struct subject *s, const struct json_node *want, const struct json_node *got,
    struct mismatch *m)
{
	struct buf a, b;
	struct err ignored = {0};
	bool fits;

	excerpt(want->text, m->want);
	excerpt(got ? got->text : span_str("nothing"), m->got);
	if (!got)
		return false;
	if (is_hex_string(want) && is_hex_string(got))
		return span_ieq(want->text, got->text);
	buf_init(&a, LIMIT_CLAIMS);
	buf_init(&b, LIMIT_CLAIMS);
	fits = jcs_canonical(&s->al->doc, want, &a, &ignored)
	       && jcs_canonical(s->doc, got, &b, &ignored) && buf_ok(&a) && buf_ok(&b)
	       && span_eq(buf_span(&a), buf_span(&b));
	buf_fini(&a);
	buf_fini(&b);
	return fits;
}

/* A claim that the quote does not bind is a word of anybody's: as good as not there. */
static const struct json_node *
claim_get(const struct subject *s, const char *key)
{
	const char *const *bound = s->q->bound_claims;

	while (bound && *bound && strcmp(*bound, key) != 0)
		bound++;
	return bound && !*bound ? NULL : json_get(s->doc, s->claims, key);
}

/* Compare every key of one object; count those that fit, note the first that does not. */
static bool
object_fits(const struct subject *s, const struct json_node *obj, struct mismatch *m)
{
	bool all = true;

	for (const struct json_node *v = json_first(&s->al->doc, obj); v;
	     v = json_next(&s->al->doc, obj, v)) {
		struct mismatch here = {0};
		struct err ignored = {0};

		if (!key_text(v, here.key, &ignored))
			return false;
		enum quote_reg r = quote_reg_find(span_str(here.key));
		bool fits = r != REG_COUNT ? register_fits(v, s->q->reg[r], &here)
					   : claim_fits(s, v, claim_get(s, here.key), &here);

		if (fits) {
			m->fits++;
			continue;
		}
		if (all) {
			here.fits = m->fits;
			*m = here;
		}
		all = false;
	}
	return all;
}

static bool
entry_fits(const struct subject *s, const struct json_node *entry, struct mismatch *m)
{
	struct mismatch first = {0}, second = {0};
	bool a = object_fits(s, entry, &first);
	bool b = !s->al->registers || object_fits(s, s->al->registers, &second);

	*m = a ? second : first;
	m->fits = first.fits + second.fits;
	return a && b;
}

static bool
pins_register(const struct subject *s, const struct json_node *entry, enum quote_reg r)
{
	const char *name = quote_reg_name(r);
	const struct json_node *v = json_get(&s->al->doc, entry, name);

	if (!v && s->al->registers)
		v = json_get(&s->al->doc, s->al->registers, name);
	if (!v)
		return false;
	for (size_t i = 0; i < v->text.n; i++)
		if (v->text.p[i] != '0')
			return true;
	return false;
}

static void
describe(
    const struct subject *s, const struct json_node *entry, size_t i, struct allowlist_match *out)
{
	*out = (struct allowlist_match){
	    .entry = i,
	    .pins_boot = pins_register(s, entry, REG_MRTD) && pins_register(s, entry, REG_RTMR1)
			 && pins_register(s, entry, REG_RTMR2),
	    .pins_agent_config = json_get(&s->al->doc, entry, "agent_config") != NULL,
	    .tcb_accept = s->al->tcb_accept,
	};
}

/* Bytes 0..31 hold the claims' digest and can be known beforehand; the rest is made of a nonce, so
 * of 64 given bytes the second half can only be zero (the form that older tools write). */
static bool
report_data_fits(const struct allowlist *al, struct span got)
{
	static const uint8_t zero[32];

	if (al->report_data_n == 0)
		return true;
	return got.n == 64 && memcmp(al->report_data, got.p, 32) == 0
	       && (al->report_data_n == 32 || memcmp(al->report_data + 32, zero, 32) == 0);
}

bool
allowlist_compare(const struct allowlist *al, const struct quote_view *q,
    const struct json_doc *doc, const struct json_node *claims, bool secret,
    struct allowlist_match *out, struct err *e)
{
	const struct subject s = {.al = al, .q = q, .doc = doc, .claims = claims};
	bool many = al->measurements->type == JSON_ARRAY;
	const struct json_node *v = many ? json_first(&al->doc, al->measurements)
					 : al->measurements;
	struct mismatch closest = {0};

	if (!report_data_fits(al, q->report_data))
		return err_set(e, ERR_POLICY, REASON_REPORT_DATA_MISMATCH,
		    "the allowlist pins another report_data");
	for (size_t i = 0; v; i++) {
		struct mismatch m;

		if (entry_fits(&s, v, &m)) {
			describe(&s, v, i, out);
			return true;
		}
		if (i == 0 || m.fits > closest.fits)
			closest = m;
		v = many ? json_next(&al->doc, al->measurements, v) : NULL;
	}
	err_set_arg(e, ERR_POLICY, REASON_MEASUREMENT_MISMATCH, closest.key, "expected %s, got %s",
	    closest.want, closest.got);
	if (secret)
		return err_show(e, "%s: got %s", closest.key, closest.got);
	return err_show(e, "%s: expected %s, got %s", closest.key, closest.want, closest.got);
}
