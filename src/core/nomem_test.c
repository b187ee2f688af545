/* Each allocation of core fails once, then all from it on: nothing crashes, leaks or is accepted
 * that would not be, and a registry that was told no goes on as before. Linked with --wrap. */
#include "base/nomem.h"

#include <stdio.h>

#include "core/appraisal.h"
#include "core/audit.h"
#include "core/evidence_check.h"
#include "core/registry.h"

/* A job, and that it knows why not where it was not done. */
static bool
run(void *ctx)
{
	bool (*job)(struct err * e) = *(bool (**)(struct err *))ctx;
	struct err e = {0};
	bool ok = job(&e);

	assert_true(ok || e.code != ERR_NONE);
	return ok;
}

static void
each_allocation(bool (*job)(struct err *e))
{
	assert_true(nomem_each(run, &job, 1000) > 0);
}

static const struct attest_identity ID = {"org/repo", "v1", "app", "sandbox-1", "a-1"};

static bool
parse_and_compare(struct err *e)
{
	static const char asset[] = "{\"measurements\":[{\"a\":\"x-y\",\"b\":{\"c\":1}}]}";
	struct allowlist *al;
	struct allowlist_match m;
	struct json_doc d = {0};
	struct quote_view q = {0};
	bool ok;

	if (!allowlist_parse(&al, span_str(asset), "v1", e))
		return false;
	ok = json_parse(&d, span_str("{\"a\":\"x-y\",\"b\":{\"c\":1}}"),
		 (struct json_limits){.depth = 4, .nodes = 9}, e)
	     && allowlist_compare(al, &q, &d, json_top(&d), false, &m, e);
	json_free(&d);
	allowlist_free(al);
	return ok;
}

/* A document is written and read whole, or not. */
static bool
evidence(struct err *e)
{
	static const char list[] = "{\"measurements\":{\"a\":1}}";
	static const uint8_t data[64];
	struct quote_view q = {.report_data = span_of(data, sizeof data)};
	struct evidence_demands d = {.quote = &q, .advisories = ""};
	struct evidence v = {.id = ID, .bound = true, .claims = span_str("{\"a\":1}")};
	struct evidence_row row = {
	    .quote = span_str("q"), .collateral = span_str("{}"), .allowlist = span_str(list)};
	struct evidence_report report;
	struct evidence_file f;
	struct buf record, text;
	bool ok;

	buf_init(&record, 65536);
	buf_init(&text, 65536);
	evidence_write_record(&record, &v);
	row.record = buf_span(&record);
	evidence_write(&text, "app", false, &row, 1, NULL);
	ok = (buf_ok(&record) && buf_ok(&text))
	     || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "writing");
	ok = ok && evidence_read(&f, buf_span(&text), e);
	if (ok) {
		evidence_check(&f, &f.items[0], &d, &report);
		assert_int_not_equal(evidence_fault(&report), EVIDENCE_STEPS);
		evidence_file_free(&f);
	}
	buf_fini(&record);
	buf_fini(&text);
	return ok;
}

/* A row that was not put in leaves the chain where it stood. */
static bool
chain(struct err *e)
{
	struct audit_chain c = {.seq = 7}, before = c, at = c;
	struct audit_row row;

	memset(&row, 0, sizeof row);
	if (!audit_chain_add(&c, &row, e)) {
		assert_memory_equal(&c, &before, sizeof c);
		return false;
	}
	return audit_chain_check(&at, &row, e);
}

static bool
digest(struct err *e)
{
	struct attest_binding b = {.id = &ID, .audience = "https://cp.example", .channel = ""};
	uint8_t out[ATTEST_REPORT_DATA];
	struct json_doc d;
	bool ok;

	if (!json_parse(&d, span_str("{\"a\":1}"), (struct json_limits){.depth = 4, .nodes = 9}, e))
		return false;
	ok = attest_report_data(&d, json_top(&d), &b, out, e);
	json_free(&d);
	return ok;
}

static bool
register_two(struct err *e)
{
	static const struct registry_settings set = {
	    .ttl_s = 100, .warn_s = 10, .health_timeout_s = 120};
	struct registry_now now = {.s = 1000, .ms = 1};
	struct registry_admission a = {
	    .id = &ID, .renew = true, .tcb_status = "UpToDate", .advisories = ""};
	struct app_row row = {.name = "other"};
	struct pin_row pin;
	struct pin_new new = {.repo = "org/repo", .release_tag = "v1", .sha256 = a.platform};
	struct registry_claim c;
	struct registry *r;
	struct replica *p = NULL;
	struct networks nets;
	void *replaced;
	bool ok;

	networks_default(&nets);
	lease_grant(&a.lease, now.ms, 10, 10, 10);
	if (!registry_new(&r, &set, &nets, e))
		return false;
	ok = registry_load_app(r, &row, e) && registry_claim(r, &a, now, &c, e)
	     && registry_pin_put(r, &new, 1, &pin, e)
	     && registry_attach(r, &a, now, &p, &replaced, e);
	if (ok) {
		a.replica = p; /* again: a failure leaves what stands */
		ok = registry_claim(r, &a, now, &c, e)
		     && registry_attach(r, &a, now, &p, &replaced, e);
		registry_health(r, p, true, now);
		struct err pe = {0};

		assert_true(registry_pick(r, span_str("app"), now, NULL, &p, &pe));
	}
	registry_detach(r, p, false);
	registry_free(r);
	return ok;
}

static void
the_allowlist(void **state)
{
	each_allocation(parse_and_compare);
	each_allocation(evidence);
}

static void
the_digests(void **state)
{
	each_allocation(digest);
	each_allocation(chain);
}

static void
the_registry(void **state)
{
	each_allocation(register_two);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_allowlist),
	    cmocka_unit_test(the_digests),
	    cmocka_unit_test(the_registry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
