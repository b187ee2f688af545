#include "core/allowlist_make.h"

#include "base/hex.h"
#include "base/jcs.h"
#include "base/limits.h"

static const struct {
	enum quote_reg reg;
	bool pin;
	const char *why;
} rules[] = {
    {REG_MRTD, true, "the firmware that the VM starts with"},
    {REG_RTMR0, false, "the virtual hardware: it differs by the VM's size and the host's software"},
    {REG_RTMR1, true, "the boot loader and the kernel"},
    {REG_RTMR2, true, "the kernel's command line and the initial ramdisk"},
    {REG_RTMR3, false, "extended while the VM runs: it has no value to expect"},
};

#define RULES (sizeof rules / sizeof rules[0])

static bool
refused(struct err *e, const char *key, const char *why)
{
	err_set_arg(e, ERR_POLICY, REASON_ALLOWLIST_INVALID, key, "%s: %s", key, why);
	return err_show(e, "%s: %s", key, why);
}

static bool
is_zero(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != 0)
			return false;
	return true;
}

static bool
is_pinned(const struct make_options *o, enum quote_reg r)
{
	for (size_t i = 0; i < RULES; i++)
		if (rules[i].reg == r && rules[i].pin)
			return true;
	return o->pin[r];
}

/* mrowner and its like are zero where nobody set them, and that is a value to pin. */
static bool
must_differ_from_zero(enum quote_reg r)
{
	return r <= REG_RTMR2;
}

static MUST_CHECK bool
check_vm(const struct make_options *o, const struct make_vm *vm, struct err *e)
{
	if (vm->quote.tee != TEE_TDX)
		return refused(e, "quote", "not of a TDX VM");
	if (vm->quote.debug)
		return refused(
		    e, "quote", "of a debug TD, whose host can read and change its memory");
	if (vm->claims->type != JSON_OBJECT || json_has_dup(vm->claims))
		return refused(e, "claims", "not one object with each member once");
	for (unsigned r = 0; r < REG_COUNT; r++) {
		const char *name = quote_reg_name((enum quote_reg)r);
		struct span value = vm->quote.reg[r];

		if (!is_pinned(o, (enum quote_reg)r))
			continue;
		if (value.n == 0)
			return refused(e, name, "not in the quote");
		if (must_differ_from_zero((enum quote_reg)r) && is_zero(value))
			return refused(e, name, "all zero: the VM did not measure what it boots");
	}
	return true;
}

/* -- an alternative -- */

static void
write_registers(struct jw *w, const struct make_options *o, const struct quote_view *q)
{
	for (unsigned r = 0; r < REG_COUNT; r++)
		if (is_pinned(o, (enum quote_reg)r))
			jw_hex(w, quote_reg_name((enum quote_reg)r), q->reg[r]);
}

/* What differs between two VMs of one image that are both right. */
static const char *
why_left_out(const struct json_node *v, const char *key)
{
	if (strcmp(key, "agent_config") == 0)
		return "names the control plane: the list is to serve with any";
	if (v->type == JSON_NULL || (v->type == JSON_STRING && v->text.n == 0)
	    || ((v->type == JSON_OBJECT || v->type == JSON_ARRAY) && v->count == 0))
		return "empty: there is nothing to pin";
	if (quote_reg_find(span_str(key)) != REG_COUNT || strcmp(key, "report_data") == 0)
		return "a claim with a register's name: the register is what counts";
	return NULL;
}

static MUST_CHECK bool
write_claim(struct jw *w, const struct make_vm *vm, const struct json_node *v, const char *key,
    struct err *e)
{
	struct buf text;
	bool ok;

	buf_init(&text, LIMIT_CLAIMS);
	ok = jcs_canonical(vm->doc, v, &text, e);
	if (ok)
		jw_raw(w, key, buf_span(&text));
	buf_fini(&text);
	return ok;
}

static MUST_CHECK bool
write_claims(struct jw *w, const struct make_vm *vm, make_fn *fn, void *ctx, struct err *e)
{
	for (const struct json_node *v = json_first(vm->doc, vm->claims); v;
	     v = json_next(vm->doc, vm->claims, v)) {
		char key[64];
		struct buf name;
		const char *why;
		bool fits;

		buf_init(&name, sizeof key - 1);
		fits = json_key(v, &name) && span_cstr(buf_span(&name), key, sizeof key);
		buf_fini(&name);
		if (!fits)
			return refused(e, "claims", "a name is longer than 63 bytes");
		why = why_left_out(v, key);
		if (fn)
			fn(ctx, key, !why, why ? why : "a claim that the quote binds");
		if (!why && !write_claim(w, vm, v, key, e))
			return false;
	}
	return true;
}

static MUST_CHECK bool
write_vm(struct buf *out, const struct make_options *o, const struct make_vm *vm, make_fn *fn,
    void *ctx, struct err *e)
{
	struct jw w = jw_of(out);

	jw_object(&w, NULL);
	write_registers(&w, o, &vm->quote);
	if (!write_claims(&w, vm, fn, ctx, e))
		return false;
	jw_end_object(&w);
	return buf_ok(out) || err_set(e, ERR_LIMIT, REASON_LIMIT, "allowlist");
}

static void
tell_registers(const struct make_options *o, const struct quote_view *q, make_fn *fn, void *ctx)
{
	for (unsigned r = 0; r < REG_COUNT && fn; r++) {
		const char *why = o->pin[r] ? "asked for" : NULL;

		for (size_t i = 0; i < RULES; i++)
			if (rules[i].reg == r && (!why || rules[i].pin))
				why = rules[i].why;
		if (why && q->reg[r].n)
			fn(ctx, quote_reg_name((enum quote_reg)r), is_pinned(o, (enum quote_reg)r),
			    why);
	}
}

/* -- the list -- */

/* Whether an alternative stands in the array so far. They are canonical in themselves: made in one
 * order, of canonical values. */
static bool
is_there(struct span array, struct span one)
{
	for (size_t i = 0; i + one.n <= array.n; i++)
		if (memcmp(array.p + i, one.p, one.n) == 0)
			return true;
	return false;
}

static MUST_CHECK bool
write_entries(struct buf *entries, size_t *count, const struct make_options *o,
    const struct make_vm *vms, size_t n, make_fn *fn, void *ctx, struct err *e)
{
	bool ok = true;

	*count = 0;
	for (size_t i = 0; ok && i < n; i++) {
		struct buf one;

		buf_init(&one, LIMIT_ALLOWLIST);
		ok = check_vm(o, &vms[i], e)
		     && write_vm(&one, o, &vms[i], i == 0 ? fn : NULL, ctx, e);
		if (ok && !is_there(buf_span(entries), buf_span(&one))) {
			buf_add_str(entries, *count ? ",\n    " : "");
			buf_add(entries, buf_span(&one));
			++*count;
		}
		buf_fini(&one);
	}
	return ok;
}

bool
allowlist_make(struct buf *out, const struct make_options *o, const struct make_vm *vms, size_t n,
    make_fn *fn, void *ctx, struct err *e)
{
	struct buf entries;
	size_t count;
	bool ok;

	if (n == 0)
		return refused(e, "measurements", "no VM to make them of");
	tell_registers(o, &vms[0].quote, fn, ctx);
	buf_init(&entries, LIMIT_ALLOWLIST);
	ok = write_entries(&entries, &count, o, vms, n, fn, ctx, e);
	if (ok) {
		buf_add_str(out, "{\n  \"version\": \"1.0\",\n  ");
		if (o->release_tag) {
			buf_add_str(out, "\"release_tag\": ");
			json_write_string(out, span_str(o->release_tag));
			buf_add_str(out, ",\n  ");
		}
		buf_add_str(out, "\"created_at\": ");
		json_write_string(out, span_str(o->created_at));
		buf_add_str(
		    out, count > 1 ? ",\n  \"measurements\": [\n    " : ",\n  \"measurements\": ");
		buf_add(out, buf_span(&entries));
		buf_add_str(out, count > 1 ? "\n  ]\n}\n" : "\n}\n");
		ok = (buf_ok(out) && buf_ok(&entries))
		     || err_set(e, ERR_LIMIT, REASON_LIMIT, "allowlist");
	}
	buf_fini(&entries);
	return ok;
}
