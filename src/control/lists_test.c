#include "control/lists.h"

#include "attest/attest.h"
#include "base/test.h"

#define LIST(tag) "{\"release_tag\":\"" tag "\",\"measurements\":{\"hostname\":\"a\"}}"

static struct release_asset
asset(const char *text)
{
	struct release_asset r = {.bytes = span_str(text)};
	struct err e = {0};

	assert_true(attest_sha256(r.bytes, r.sha256, &e));
	return r;
}

static struct list *
reads(struct lists *k, const char *text, const char *tag)
{
	struct release_asset r = asset(text);
	struct err e = {0};
	struct list *l = lists_read(k, &r, tag, &e);

	assert_non_null(l);
	assert_true(span_is(buf_span(&l->bytes), text));
	assert_int_equal(allowlist_count(l->said), 1);
	return l;
}

static void
reads_a_list_once(void **state)
{
	struct err e = {0};
	struct lists *k = lists_new(&e);
	struct list *a, *b, *other;

	(void)state;
	assert_non_null(k);
	a = reads(k, LIST("v1"), "v1");
	b = reads(k, LIST("v1"), "v1");
	assert_ptr_equal(a, b);
	other = reads(k, LIST("v2"), "v2");
	assert_ptr_not_equal(a, other);
	lists_free(k);
	/* Whoever holds one goes on with it. */
	assert_int_equal(allowlist_count(a->said), 1);
	list_unref(a);
	list_unref(b);
	list_unref(other);
	list_unref(NULL);
}

/* The same bytes are another release's list only where they name none. */
static void
keeps_releases_apart(void **state)
{
	struct err e = {0};
	struct lists *k = lists_new(&e);
	struct release_asset r = asset(LIST("v1"));

	(void)state;
	assert_non_null(k);
	list_unref(reads(k, LIST("v1"), "v1"));
	assert_null(lists_read(k, &r, "v2", &e));
	assert_int_equal(e.reason, REASON_ALLOWLIST_RELEASE_MISMATCH);
	list_unref(reads(k, LIST("v1"), "v1"));
	lists_free(k);
}

static void
forgets_what_is_no_list(void **state)
{
	struct err e = {0};
	struct lists *k = lists_new(&e);
	struct release_asset r = asset("{}");

	(void)state;
	assert_non_null(k);
	for (int i = 0; i < 2; i++) {
		e = (struct err){0};
		assert_null(lists_read(k, &r, "v1", &e));
		assert_int_equal(e.reason, REASON_ALLOWLIST_MISSING);
	}
	lists_free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_a_list_once),
	    cmocka_unit_test(keeps_releases_apart),
	    cmocka_unit_test(forgets_what_is_no_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
