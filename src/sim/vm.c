#include "sim/vm.h"
#include "base/hex.h"

#include <assert.h>
#include <openssl/sha.h>
#include <stdio.h>

#define TD_DEBUG           0x01u
#define TD_SEPT_VE_DISABLE 0x10u /* bit 28: what current guests set */

static const struct hex_field {
	const char *name;
	size_t offset, size;
} hex_fields[] = {
#define F(name, member)                                                                            \
	{                                                                                          \
		name, offsetof(struct sim_td, member), sizeof((struct sim_td *)0)->member          \
	}
    F("mrtd", mrtd),
    F("rtmr0", rtmr[0]),
    F("rtmr1", rtmr[1]),
    F("rtmr2", rtmr[2]),
    F("rtmr3", rtmr[3]),
    F("mrseam", mrseam),
    F("mrsignerseam", mrsignerseam),
    F("mrconfigid", mrconfigid),
    F("mrowner", mrowner),
    F("mrownerconfig", mrownerconfig),
    F("tdattributes", tdattributes),
    F("seamattributes", seamattributes),
    F("xfam", xfam),
    F("tee_tcb_svn", tee_tcb_svn),
#undef F
};
#define HEX_FIELDS_N (sizeof hex_fields / sizeof hex_fields[0])

static const char *const forge_names[] = {"none", "throwaway-key", "self-made-chain"};

bool
sim_name_ok(struct span name)
{
	if (name.n == 0 || name.n > SIM_NAME_MAX || name.p[0] == '.')
		return false;
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = ascii_lower(name.p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_'
			|| c == '-'))
			return false;
	}
	return true;
}

/* Bytes that follow from a machine's name and what they are for. */
static void
digest_of(const char *name, const char *what, uint8_t *dst, size_t n)
{
	uint8_t hash[SHA384_DIGEST_LENGTH];
	char text[128];
	int len = snprintf(text, sizeof text, "ee-sim %s %s", what, name);

	SHA384((const uint8_t *)text, (size_t)len, hash);
	memcpy(dst, hash, n);
}

/* The platform's own numbers: what makes two machines stand on one or on two. */
static void
set_platform(struct sim_vm *vm)
{
	digest_of(vm->platform, "ppid", vm->pck.ppid, sizeof vm->pck.ppid);
	digest_of(vm->platform, "instance", vm->pck.instance_id, sizeof vm->pck.instance_id);
}

static void
set_tcb(struct sim_vm *vm, const char *tcb, uint8_t svn)
{
	snprintf(vm->tcb, sizeof vm->tcb, "%s", tcb);
	sim_tcb_components(svn, vm->pck.svn);
}

void
sim_vm_default(struct sim_vm *vm, struct span name, unsigned recoveries)
{
	static const uint8_t xfam[8] = {0xe7, 0x42, 0x06};
	static const char *const registers[] = {"mrtd", "rtmr0", "rtmr1", "rtmr2"};
	uint8_t svn = 0;
	bool ok;

	span_cstr(name, vm->name, sizeof vm->name);
	span_cstr(name, vm->platform, sizeof vm->platform);
	digest_of(vm->name, registers[0], vm->td.mrtd, SIM_REGISTER_SIZE);
	for (size_t i = 0; i < 3; i++) /* rtmr3 stays zero: nothing was measured at run time */
		digest_of(vm->name, registers[i + 1], vm->td.rtmr[i], SIM_REGISTER_SIZE);
	digest_of("1", "module", vm->td.mrseam, SIM_REGISTER_SIZE);
	vm->td.tdattributes[3] = TD_SEPT_VE_DISABLE;
	memcpy(vm->td.xfam, xfam, sizeof xfam);
	vm->td.tee_tcb_svn[0] = SIM_MODULE_SVN;
	vm->td.tee_tcb_svn[1] = 1; /* TDX_01 */
	vm->td.tee_tcb_svn[2] = 9;
	vm->version = 4;
	vm->qe_svn = SIM_QE_SVN;
	vm->pck.pcesvn = SIM_PCESVN;
	/* The constants of docs.h are well-formed. */
	ok = hex_decode(span_str(SIM_FMSPC), vm->pck.fmspc, sizeof vm->pck.fmspc)
	     && sim_tcb_svn(span_str("UpToDate"), recoveries, &svn);
	assert(ok);
	set_tcb(vm, "UpToDate", svn);
	set_platform(vm);
}

static bool
bad_member(struct err *e, const char *name, const char *want)
{
	err_set_arg(e, ERR_MALFORMED, REASON_INVALID_FIELD, name, "machine setting: want %s", want);
	return err_show(e, "%s: %s", name, want);
}

static bool
take_hex(struct sim_vm *vm, const struct hex_field *f, const struct json_node *v, struct err *e)
{
	char text[2 * SIM_REGISTER_SIZE + 1], want[64];

	if (json_cstr(v, text, sizeof text)
	    && hex_decode(span_str(text), (uint8_t *)&vm->td + f->offset, f->size))
		return true;
	snprintf(want, sizeof want, "%zu bytes in hex", f->size);
	return bad_member(e, f->name, want);
}

static bool
take_number(const struct json_node *v, const char *name, int64_t min, int64_t max, uint16_t *out,
    struct err *e)
{
	int64_t n;

	if (!json_int(v, min, max, &n))
		return bad_member(e, name, "a number in its range");
	*out = (uint16_t)n;
	return true;
}

static bool
take_flag(const struct json_node *v, const char *name, bool *out, struct err *e)
{
	if (v->type != JSON_TRUE && v->type != JSON_FALSE)
		return bad_member(e, name, "true or false");
	*out = v->type == JSON_TRUE;
	return true;
}

static bool
take_tcb(struct sim_vm *vm, const struct json_node *v, unsigned recoveries, struct err *e)
{
	char text[sizeof vm->tcb];
	uint8_t svn;

	if (!json_cstr(v, text, sizeof text) || !sim_tcb_svn(span_str(text), recoveries, &svn))
		return bad_member(e, "tcb", "UpToDate, SWHardeningNeeded, ... or NotSupported");
	set_tcb(vm, text, svn);
	return true;
}

static bool
take_forge(struct sim_vm *vm, const struct json_node *v, struct err *e)
{
	for (size_t i = 0; i < sizeof forge_names / sizeof forge_names[0]; i++)
		if (json_is(v, forge_names[i])) {
			vm->forge = (enum sim_forge)i;
			return true;
		}
	return bad_member(e, "forge", "none, throwaway-key or self-made-chain");
}

static bool
take_platform(struct sim_vm *vm, const struct json_node *v, struct err *e)
{
	if (!json_cstr(v, vm->platform, sizeof vm->platform)
	    || !sim_name_ok(span_str(vm->platform)))
		return bad_member(e, "platform", "a name");
	set_platform(vm);
	return true;
}

static bool
take_debug(struct sim_vm *vm, const struct json_node *v, struct err *e)
{
	bool on = false;

	if (!take_flag(v, "debug", &on, e))
		return false;
	vm->td.tdattributes[0] = (uint8_t)((vm->td.tdattributes[0] & ~TD_DEBUG)
					   | (on ? TD_DEBUG : 0));
	return true;
}

static bool
take_family(struct sim_vm *vm, const struct json_node *v, struct err *e)
{
	if (!take_number(v, "family", 0, SIM_FAMILIES - 1, &vm->family, e))
		return false;
	vm->pck.fmspc[sizeof vm->pck.fmspc - 1] = (uint8_t)vm->family;
	return true;
}

static bool
take_member(struct sim_vm *vm, const char *name, const struct json_node *v, unsigned recoveries,
    struct err *e)
{
	struct span key = span_str(name);
	uint16_t n = 0;

	for (size_t i = 0; i < HEX_FIELDS_N; i++)
		if (span_is(key, hex_fields[i].name))
			return take_hex(vm, &hex_fields[i], v, e);
	if (span_is(key, "tcb"))
		return take_tcb(vm, v, recoveries, e);
	if (span_is(key, "platform"))
		return take_platform(vm, v, e);
	if (span_is(key, "forge"))
		return take_forge(vm, v, e);
	if (span_is(key, "debug"))
		return take_debug(vm, v, e);
	if (span_is(key, "revoked"))
		return take_flag(v, "revoked", &vm->revoked, e);
	if (span_is(key, "version"))
		return take_number(v, "version", 4, 5, &vm->version, e);
	if (span_is(key, "qe_svn"))
		return take_number(v, "qe_svn", 0, UINT16_MAX, &vm->qe_svn, e);
	if (span_is(key, "family"))
		return take_family(vm, v, e);
	if (!span_is(key, "tdx_module_svn"))
		return bad_member(e, name, "no such setting");
	if (!take_number(v, "tdx_module_svn", 0, UINT8_MAX, &n, e))
		return false;
	vm->td.tee_tcb_svn[0] = (uint8_t)n;
	return true;
}

bool
sim_vm_configure(struct sim_vm *vm, struct span json, unsigned recoveries, struct err *e)
{
	static const struct json_limits lim = {2, 100};
	struct json_doc doc;
	const struct json_node *top;
	char name[64];
	bool ok;

	if (json.n == 0)
		return true;
	if (!json_parse(&doc, json, lim, e))
		return false;
	top = json_top(&doc);
	ok = (top->type == JSON_OBJECT && !json_has_dup(top))
	     || err_set(e, ERR_MALFORMED, REASON_INVALID_JSON, "want one object");
	for (const struct json_node *c = ok ? json_first(&doc, top) : NULL; ok && c;
	     c = json_next(&doc, top, c))
		ok = (span_cstr(c->key, name, sizeof name)
			 || bad_member(e, "name", "no such setting"))
		     && take_member(vm, name, c, recoveries, e);
	json_free(&doc);
	return ok;
}

void
sim_vm_write(const struct sim_vm *vm, struct jw *w)
{
	jw_str(w, "name", vm->name);
	jw_str(w, "platform", vm->platform);
	jw_hex(w, "ppid", span_of(vm->pck.ppid, sizeof vm->pck.ppid));
	jw_str(w, "tcb", vm->tcb);
	for (size_t i = 0; i < HEX_FIELDS_N; i++)
		jw_hex(w, hex_fields[i].name,
		    span_of((const uint8_t *)&vm->td + hex_fields[i].offset, hex_fields[i].size));
	jw_int(w, "version", vm->version);
	jw_int(w, "qe_svn", vm->qe_svn);
	jw_int(w, "family", vm->family);
	jw_bool(w, "debug", vm->td.tdattributes[0] & TD_DEBUG);
	jw_bool(w, "revoked", vm->revoked);
	jw_str(w, "forge", forge_names[vm->forge]);
}
