#include "collateral/verifier_fake.h"

#include "collateral/marks.h"

static const struct collateral_key A = {
    .fmspc = {1, 2, 3, 4, 5, 6}, .ca = EEDCAP_CA_PLATFORM, .tee = EEDCAP_TDX};

static struct eedcap_collateral
made(long long root, long long pck, long long tcb, unsigned number)
{
	struct eedcap_collateral c = {.tee = EEDCAP_TDX};

	c.says[EEDCAP_ROOT_CA_CRL].issued = root;
	c.says[EEDCAP_PCK_CRL].issued = pck;
	c.says[EEDCAP_TCB_INFO].issued = c.says[EEDCAP_QE_IDENTITY].issued = tcb;
	c.says[EEDCAP_TCB_INFO].number = c.says[EEDCAP_QE_IDENTITY].number = number;
	return c;
}

static void
names_are_read_as_written(void **state)
{
	static const char *const bad[] = {"", "tdx-platform-", "tdx-platform-01020304050",
	    "tdx-platform-0102030405060", "tdx-platform-01020304050G", "TDX-platform-010203040506",
	    "tdx-Platform-010203040506", "tdx-processor010203040506", "xtdx-platform-010203040506",
	    "tdx-platform-010203040506 ", "tdx-platform-0102030405AB", "010203040506"};
	char name[KEY_NAME_MAX];
	struct collateral_key k;

	assert_string_equal(key_name(&A, name), "tdx-platform-010203040506");
	for (int i = 0; i < 4; i++) {
		struct collateral_key want = A;

		want.tee = i & 1 ? EEDCAP_SGX : EEDCAP_TDX;
		want.ca = i & 2 ? EEDCAP_CA_PROCESSOR : EEDCAP_CA_PLATFORM;
		assert_true(key_read(span_str(key_name(&want, name)), &k));
		assert_true(key_same(&k, &want));
		assert_int_equal(key_same(&k, &A), i == 0);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(key_read(span_str(bad[i]), &k));
}

static void
marks_only_rise(void **state)
{
	struct marks *m = calloc(1, sizeof *m);
	struct eedcap_collateral c = made(100, 200, 300, 17);
	struct collateral_key other = A;
	struct eedcap_item_facts f = {.issued = 300, .evaluation_number = 17};
	struct mark at;

	assert_non_null(m);
	assert_true(marks_raise(m, &A, &c, 1000));
	assert_false(marks_raise(m, &A, &c, 1000));
	c = made(50, 250, 100, 16);
	assert_true(marks_raise(m, &A, &c, 1000));
	at = marks_of_platform(m, &A, EEDCAP_ROOT_CA_CRL);
	assert_int_equal(at.issued, 100);
	assert_int_equal(marks_of_platform(m, &A, EEDCAP_PCK_CRL).issued, 250);
	at = marks_of_platform(m, &A, EEDCAP_TCB_INFO);
	assert_true(at.issued == 300 && at.number == 17);
	assert_false(mark_is_above(&at, &f));
	f.issued = 299;
	assert_true(mark_is_above(&at, &f));
	f = (struct eedcap_item_facts){.issued = 400, .evaluation_number = 16};
	assert_true(mark_is_above(&at, &f));

	/* Nothing is taken from the future. */
	c = made(50, 1001, 100, 16);
	assert_false(marks_raise(m, &A, &c, 1000));

	/* What is shared, and with whom. */
	other.fmspc[0] = 9;
	assert_int_equal(marks_of_platform(m, &other, EEDCAP_ROOT_CA_CRL).issued, 0);
	assert_int_equal(marks_of_item(m, &other, EEDCAP_ROOT_CA_CRL).issued, 100);
	assert_int_equal(marks_of_item(m, &other, EEDCAP_PCK_CRL).issued, 250);
	assert_int_equal(marks_of_item(m, &other, EEDCAP_QE_IDENTITY).issued, 300);
	assert_int_equal(marks_of_item(m, &other, EEDCAP_TCB_INFO).issued, 0);
	other = A;
	other.ca = EEDCAP_CA_PROCESSOR;
	assert_int_equal(marks_of_item(m, &other, EEDCAP_PCK_CRL).issued, 0);
	assert_int_equal(marks_of_item(m, &other, EEDCAP_TCB_INFO).issued, 300);
	other.tee = EEDCAP_SGX;
	assert_int_equal(marks_of_item(m, &other, EEDCAP_TCB_INFO).issued, 0);
	assert_int_equal(marks_of_item(m, &other, EEDCAP_QE_IDENTITY).issued, 0);
	free(m);
}

static void
the_row_raised_longest_ago_goes(void **state)
{
	struct marks *m = calloc(1, sizeof *m);
	struct eedcap_collateral c = made(1, 1, 1, 1);
	struct collateral_key k = A;

	assert_non_null(m);
	for (unsigned i = 0; i < MARKS_MAX; i++) {
		k.fmspc[0] = (uint8_t)(i >> 8);
		k.fmspc[1] = (uint8_t)i;
		assert_true(marks_raise(m, &k, &c, 1000));
	}
	k.fmspc[0] = k.fmspc[1] = 0;
	c = made(2, 2, 2, 2);
	assert_true(marks_raise(m, &k, &c, 1000));
	k.fmspc[0] = 77;
	assert_true(marks_raise(m, &k, &c, 1000));
	assert_int_equal(m->n, MARKS_MAX);
	k.fmspc[0] = 0;
	assert_int_equal(marks_of_platform(m, &k, EEDCAP_TCB_INFO).issued, 2);
	k.fmspc[1] = 1;
	assert_int_equal(marks_of_platform(m, &k, EEDCAP_TCB_INFO).issued, 0);
	free(m);
}

static void
what_is_written_is_read(void **state)
{
	struct marks *m = calloc(2, sizeof *m);
	struct eedcap_collateral c = made(100, 200, 300, 4294967295u);
	struct collateral_key k = A;
	struct err e = {0};
	struct buf b;

	assert_non_null(m);
	for (unsigned i = 0; i < MARKS_MAX; i++) {
		k.fmspc[0] = (uint8_t)i;
		assert_true(marks_raise(&m[0], &k, &c, 1000));
	}
	buf_init(&b, MARKS_FILE_MAX);
	marks_write(&m[0], "intel", &b);
	assert_true(buf_ok(&b));
	assert_true(marks_read(&m[1], buf_span(&b), "intel", &e));
	assert_memory_equal(&m[0], &m[1], sizeof *m);
	assert_false(marks_read(&m[1], buf_span(&b), "other", &e));
	assert_int_equal(e.reason, REASON_COLLATERAL_MARKS);
	assert_int_equal(m[1].n, MARKS_MAX);
	buf_fini(&b);
	free(m);
}

#define ITEM "{\"issued\":1,\"number\":2}"
#define ROW(name)                                                                                  \
	"{\"platform\":\"" name "\",\"rootcrl\":" ITEM ",\"pckcrl\":" ITEM ",\"tcb\":" ITEM        \
	",\"qe\":" ITEM "}"
#define FILE_OF(rows) "{\"version\":1,\"root\":\"intel\",\"marks\":[" rows "]}"

static void
other_forms_are_refused(void **state)
{
	static const char *const bad[] = {"", "[]", "{}", "{\"version\":1}",
	    "{\"version\":2,\"root\":\"intel\",\"marks\":[]}",
	    "{\"version\":1,\"root\":\"intel\",\"marks\":{}}",
	    "{\"version\":1,\"version\":1,\"root\":\"intel\",\"marks\":[]}",
	    "{\"version\":1,\"root\":7,\"marks\":[]}", FILE_OF("7"), FILE_OF("{}"),
	    FILE_OF(ROW("tdx-platform-01020304050")),
	    FILE_OF(ROW("tdx-platform-010203040506") "," ROW("tdx-platform-010203040506")),
	    FILE_OF("{\"platform\":\"tdx-platform-010203040506\",\"rootcrl\":{\"issued\":-1,"
		    "\"number\":2},\"pckcrl\":" ITEM ",\"tcb\":" ITEM ",\"qe\":" ITEM "}"),
	    FILE_OF("{\"platform\":\"tdx-platform-010203040506\",\"rootcrl\":{\"issued\":1,"
		    "\"number\":4294967296},\"pckcrl\":" ITEM ",\"tcb\":" ITEM ",\"qe\":" ITEM "}"),
	    FILE_OF("{\"platform\":\"tdx-platform-010203040506\",\"rootcrl\":" ITEM "}")};
	struct marks *m = calloc(1, sizeof *m);

	assert_non_null(m);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct err e = {0};

		assert_false(marks_read(m, span_str(bad[i]), "intel", &e));
		assert_int_equal(e.reason, REASON_COLLATERAL_MARKS);
		assert_int_equal(m->n, 0);
	}
	struct err e = {0};
	assert_true(
	    marks_read(m, span_str(FILE_OF(ROW("tdx-platform-010203040506"))), "intel", &e));
	assert_int_equal(marks_of_platform(m, &A, EEDCAP_PCK_CRL).number, 2);
	free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_read_as_written),
	    cmocka_unit_test(marks_only_rise),
	    cmocka_unit_test(the_row_raised_longest_ago_goes),
	    cmocka_unit_test(what_is_written_is_read),
	    cmocka_unit_test(other_forms_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
