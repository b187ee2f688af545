/* Each allocation of core fails once, then all from it on: nothing crashes, leaks or is accepted
 * that would not be, and a registry that was told no goes on as before. Linked with --wrap. */
#include "base/test.h"

#include <stdio.h>

#include "core/appraisal.h"
#include "core/registry.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static long countdown = -1; /* -1: all succeed */
static bool persistent;

static bool
fails(void)
{
	if (countdown < 0)
		return false;
	if (countdown > 0) {
		countdown--;
		return false;
	}
	if (!persistent)
		countdown = -1;
	return true;
}

void *
__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

/* Run f with the k-th allocation failing, for each k until it needs no more. */
static void
each_allocation(bool (*f)(struct err *e))
{
	for (int mode = 0; mode < 2; mode++)
		for (long k = 0;; k++) {
			struct err e = {0};
			bool ok;

			assert_true(k < 1000);
			persistent = mode == 1;
			countdown = k;
			ok = f(&e);
			countdown = -1;
			if (ok)
				break; /* nothing was left to fail */
			assert_int_not_equal(e.code, ERR_NONE);
		}
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
	     && registry_pin_put(r, "org/repo", "v1", a.platform, 1, &pin, e)
	     && registry_attach(r, &a, now, &p, &replaced, e);
	if (ok) {
		a.replica = p; /* again: a failure leaves what stands */
		ok = registry_claim(r, &a, now, &c, e)
		     && registry_attach(r, &a, now, &p, &replaced, e);
		registry_health(r, p, true, now);
		struct err pe = {0};

		assert_true(registry_pick(r, span_str("app"), now, &p, &pe));
	}
	registry_detach(r, p, false);
	registry_free(r);
	return ok;
}

static void
the_allowlist(void **state)
{
	each_allocation(parse_and_compare);
}

static void
the_digests(void **state)
{
	each_allocation(digest);
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
