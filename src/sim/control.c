#include "base/base64.h"
#include "base/hex.h"
#include "base/jcs.h"
#include "sim/service.h"

#include <inttypes.h>

#define JSON_TYPE "application/json"
#define TEXT_TYPE "text/plain; charset=utf-8"

static bool
get_about(struct sim_call *c, struct err *e)
{
	(void)e;
	c->a->content_type = TEXT_TYPE;
	buf_add_str(&c->a->body,
	    "ee-sim: a SIMULATION of a TDX platform, of Intel's provisioning service and of\n"
	    "GitHub's releases. Nothing here is protected by hardware. Its quotes verify only\n"
	    "where EE_DCAP_ROOT_CA names its root, /sim/root.pem. See docs/simulation.md.\n");
	return true;
}

static bool
get_root(struct sim_call *c, struct err *e)
{
	c->a->content_type = "application/x-pem-file";
	return sim_pki_chain_pem(&c->sim->platform.pki, SIM_ROOT, &c->a->body, e);
}

static bool
get_collateral(struct sim_call *c, struct err *e)
{
	c->a->content_type = JSON_TYPE;
	return sim_platform_bundle(&c->sim->platform, c->now_s, &c->a->body, e);
}

static bool
answer_done(struct sim_call *c)
{
	c->a->status = 204;
	c->a->content_type = NULL;
	return true;
}

static bool
answer_vm(struct sim_call *c, const struct sim_vm *vm)
{
	struct jw w = jw_of(&c->a->body);

	c->a->content_type = JSON_TYPE;
	jw_object(&w, NULL);
	sim_vm_write(vm, &w);
	jw_end_object(&w);
	return true;
}

static bool
no_vm(struct err *e)
{
	err_set(e, ERR_NOTFOUND, REASON_NOT_FOUND, "no such machine");
	return err_show(e, "No such machine; PUT /sim/vm/NAME makes one.");
}

/* -- machines -- */

static bool
put_vm(struct sim_call *c, struct err *e)
{
	if (!sim_platform_put_vm(&c->sim->platform, c->arg[0], c->rq->body, c->now_s, e))
		return false;
	c->a->keep = true;
	return answer_vm(c, sim_platform_find_vm(&c->sim->platform, c->arg[0]));
}

static bool
get_vm(struct sim_call *c, struct err *e)
{
	const struct sim_vm *vm = sim_platform_find_vm(&c->sim->platform, c->arg[0]);

	return vm ? answer_vm(c, vm) : no_vm(e);
}

static bool
delete_vm(struct sim_call *c, struct err *e)
{
	if (!sim_platform_drop_vm(&c->sim->platform, c->arg[0]))
		return no_vm(e);
	c->a->drop = true;
	return answer_done(c);
}

static bool
get_vms(struct sim_call *c, struct err *e)
{
	const struct sim_platform *p = &c->sim->platform;
	struct jw w = jw_of(&c->a->body);

	(void)e;
	c->a->content_type = JSON_TYPE;
	jw_object(&w, NULL);
	jw_array(&w, "vms");
	for (size_t i = 0; i < p->n_vms; i++)
		jw_str(&w, NULL, p->vms[i]->name);
	jw_end_array(&w);
	jw_end_object(&w);
	return true;
}

/* Read {"report_data":"<128 hex>"}. */
static bool
read_report_data(struct span body, uint8_t *out, struct err *e)
{
	static const struct json_limits lim = {2, 16};
	struct json_doc doc;
	const struct json_node *v;
	char text[2 * SIM_REPORT_DATA_SIZE + 1];
	bool ok;

	if (!json_parse(&doc, body, lim, e))
		return false;
	v = json_get(&doc, json_top(&doc), "report_data");
	ok = v && json_cstr(v, text, sizeof text)
	     && hex_decode(span_str(text), out, SIM_REPORT_DATA_SIZE);
	json_free(&doc);
	if (ok)
		return true;
	err_set_arg(e, ERR_MALFORMED, REASON_INVALID_FIELD, "report_data", "report data");
	return err_show(e, "report_data: 128 hex digits");
}

static bool
post_quote(struct sim_call *c, struct err *e)
{
	const struct sim_vm *vm = sim_platform_find_vm(&c->sim->platform, c->arg[0]);
	uint8_t report_data[SIM_REPORT_DATA_SIZE];
	struct buf quote, text;
	struct jw w = jw_of(&c->a->body);
	bool ok;

	if (!vm)
		return no_vm(e);
	if (!read_report_data(c->rq->body, report_data, e))
		return false;
	buf_init(&quote, 64u * 1024);
	buf_init(&text, 128u * 1024);
	ok = sim_platform_quote(&c->sim->platform, vm, report_data, &quote, e);
	if (ok) {
		base64_encode(buf_span(&quote), &text);
		c->a->content_type = JSON_TYPE;
		jw_object(&w, NULL);
		jw_span(&w, "quote", buf_span(&text));
		jw_end_object(&w);
		ok = buf_ok(&text) || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "quote");
	}
	buf_fini(&quote);
	buf_fini(&text);
	return ok;
}

/* -- releases -- */

static bool
put_release(struct sim_call *c, struct err *e)
{
	char flag[8];
	bool immutable = !sim_query(c, "immutable", flag, sizeof flag)
			 || strcmp(flag, "false") != 0;
	bool secret = sim_query(c, "private", flag, sizeof flag) && strcmp(flag, "true") == 0;

	if (!sim_github_put(&c->sim->github, c->arg, c->rq->body, immutable, secret, c->now_s, e))
		return false;
	c->a->keep = true;
	return answer_done(c);
}

static bool
delete_release(struct sim_call *c, struct err *e)
{
	if (!sim_github_drop(&c->sim->github, c->arg, 4))
		return err_set(e, ERR_NOTFOUND, REASON_NOT_FOUND, "no such asset");
	c->a->drop = true;
	return answer_done(c);
}

static bool
delete_repo(struct sim_call *c, struct err *e)
{
	if (!sim_github_drop(&c->sim->github, c->arg, 2))
		return err_set(e, ERR_NOTFOUND, REASON_NOT_FOUND, "no such repository");
	c->a->drop = true;
	return answer_done(c);
}

/* -- what is bent -- */

static bool
set_revoked(struct sim_call *c, bool revoked, struct err *e)
{
	static const struct {
		const char *name;
		enum sim_authority who;
	} names[] = {{"platform-ca", SIM_PLATFORM_CA}, {"processor-ca", SIM_PROCESSOR_CA},
	    {"tcb-signing", SIM_TCB_SIGNING}};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (span_is(c->arg[0], names[i].name)) {
			sim_platform_revoke(&c->sim->platform, names[i].who, revoked);
			return answer_done(c);
		}
	err_set(e, ERR_NOTFOUND, REASON_NOT_FOUND, "no such authority");
	return err_show(e, "platform-ca, processor-ca or tcb-signing");
}

static bool
put_revoked(struct sim_call *c, struct err *e)
{
	return set_revoked(c, true, e);
}

static bool
delete_revoked(struct sim_call *c, struct err *e)
{
	return set_revoked(c, false, e);
}

static struct sim_fault *
find_fault(struct sim_call *c, struct err *e)
{
	if (span_is(c->arg[0], "pcs"))
		return &c->sim->fault[SIM_PCS];
	if (span_is(c->arg[0], "github"))
		return &c->sim->fault[SIM_GITHUB];
	err_set(e, ERR_NOTFOUND, REASON_NOT_FOUND, "no such service");
	err_show(e, "pcs or github");
	return NULL;
}

/* Read the integer member of that name; where there is none, *out stays. */
static bool
read_number(
    struct span body, const char *name, int64_t min, int64_t max, int64_t *out, struct err *e)
{
	static const struct json_limits lim = {2, 32};
	struct json_doc doc;
	const struct json_node *v;
	bool ok;

	if (!json_parse(&doc, body, lim, e))
		return false;
	v = json_get(&doc, json_top(&doc), name);
	ok = !v || json_int(v, min, max, out);
	json_free(&doc);
	if (ok)
		return true;
	err_set_arg(e, ERR_MALFORMED, REASON_INVALID_FIELD, name, "number");
	return err_show(e, "%s: a number from %" PRId64 " to %" PRId64, name, min, max);
}

static bool
put_fault(struct sim_call *c, struct err *e)
{
	struct sim_fault *f = find_fault(c, e);

	if (!f || !sim_fault_read(c->rq->body, f, e))
		return false;
	/* What was made as of another time goes with the fault. */
	sim_platform_renew(&c->sim->platform);
	return answer_done(c);
}

static bool
delete_fault(struct sim_call *c, struct err *e)
{
	struct sim_fault *f = find_fault(c, e);

	if (!f)
		return false;
	sim_fault_clear(f);
	sim_platform_renew(&c->sim->platform);
	return answer_done(c);
}

/* How often each item of collateral was asked for, since the start or since it was put back. */
static bool
get_requests(struct sim_call *c, struct err *e)
{
	struct jw w = jw_of(&c->a->body);
	uint64_t all = 0;

	(void)e;
	c->a->content_type = JSON_TYPE;
	jw_object(&w, NULL);
	for (int i = 0; i < SIM_ITEMS; i++) {
		jw_int(&w, sim_item_name((enum sim_item)i), (int64_t)c->sim->asked[i]);
		all += c->sim->asked[i];
	}
	jw_int(&w, "collateral", (int64_t)all);
	jw_end_object(&w);
	return true;
}

static bool
delete_requests(struct sim_call *c, struct err *e)
{
	(void)e;
	memset(c->sim->asked, 0, sizeof c->sim->asked);
	return answer_done(c);
}

/* How often each service was asked since the start. */
static bool
get_counts(struct sim_call *c, struct err *e)
{
	struct jw w = jw_of(&c->a->body);

	(void)e;
	c->a->content_type = JSON_TYPE;
	jw_object(&w, NULL);
	jw_int(&w, "pcs", (int64_t)c->sim->requests[SIM_PCS]);
	jw_int(&w, "github", (int64_t)c->sim->requests[SIM_GITHUB]);
	jw_end_object(&w);
	return true;
}

/* Ten years either way: certificates live for seven. */
#define OFFSET_MAX ((int64_t)10 * 365 * 86400)

static bool
put_clock(struct sim_call *c, struct err *e)
{
	int64_t offset = 0;

	if (!read_number(c->rq->body, "offset_s", -OFFSET_MAX, OFFSET_MAX, &offset, e))
		return false;
	c->sim->offset_s = offset;
	return answer_done(c);
}

static bool
put_tcb(struct sim_call *c, struct err *e)
{
	int64_t n = 0, early = 0;

	if (!read_number(c->rq->body, "recoveries", 0, 100, &n, e)
	    || !read_number(c->rq->body, "early", 0, 100, &early, e))
		return false;
	sim_platform_recover(&c->sim->platform, (unsigned)n);
	c->sim->platform.early = (unsigned)early;
	return answer_done(c);
}

const struct sim_route sim_control_routes[] = {
    {"GET", "sim", get_about},
    {"GET", "", get_about},
    {"GET", "sim/root.pem", get_root},
    {"GET", "sim/collateral.json", get_collateral},
    {"GET", "sim/vm", get_vms},
    {"PUT", "sim/vm/*", put_vm},
    {"GET", "sim/vm/*", get_vm},
    {"DELETE", "sim/vm/*", delete_vm},
    {"POST", "sim/vm/*/quote", post_quote},
    {"PUT", "sim/releases/*/*/*/*", put_release},
    {"DELETE", "sim/releases/*/*/*/*", delete_release},
    {"DELETE", "sim/releases/*/*", delete_repo},
    {"PUT", "sim/revoked/*", put_revoked},
    {"DELETE", "sim/revoked/*", delete_revoked},
    {"PUT", "sim/fault/*", put_fault},
    {"DELETE", "sim/fault/*", delete_fault},
    {"GET", "sim/requests", get_requests},
    {"DELETE", "sim/requests", delete_requests},
    {"GET", "sim/counts", get_counts},
    {"PUT", "sim/clock", put_clock},
    {"PUT", "sim/tcb", put_tcb},
    {NULL, NULL, NULL},
};
