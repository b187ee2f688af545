#include "collateral/world.h"
#include "os/test_folder.h"

#include <sys/stat.h>
#include <unistd.h>

/* -- never back -- */

static void
nothing_older_is_taken(void **state)
{
	static const struct {
		int answer;
		enum eedcap_item item;
		const char *body, *word;
	} cases[] = {
	    {TCB, EEDCAP_TCB_INFO, "tcb 998000 9000000 17", "older"},
	    {TCB, EEDCAP_TCB_INFO, "tcb 1000001 9000000 16", "older"},
	    {QE, EEDCAP_QE_IDENTITY, "tdx 1000001 9000000 16", "older"},
	    {PCK, EEDCAP_PCK_CRL, "platform 998000 9000000", "older"},
	    {ROOT, EEDCAP_ROOT_CA_CRL, "root 998000 9000000", "older"},
	    {PCK, EEDCAP_PCK_CRL, "processor 1000001 9000000", "other_ca"},
	    {QE, EEDCAP_QE_IDENTITY, "sgx 1000001 9000000 18", "other_platform"},
	    {TCB, EEDCAP_TCB_INFO, "tcb 1000001 1000002 18", "expired"},
	    {TCB, EEDCAP_TCB_INFO, "tcb 2000000 9000000 18", "not_yet_valid"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct collateral_client *c = client(BASE);
		struct collateral *first;

		fake.now_s = T0;
		memcpy(now_good, good, sizeof good);
		fake_begin(now_good, 4);
		first = get(c, &KEY).col;
		now_good[cases[i].answer].body = cases[i].body;
		fake_pass(5 * 3600 * 1000);
		assert_string_equal(state_of(c).item[cases[i].item].refused, cases[i].word);
		assert_ptr_equal(get(c, &KEY).col, first);
		collateral_client_free(c);
	}
}

/* A platform that is new knows what others have seen. */
static void
marks_are_shared_where_items_are(void **state)
{
	struct fake_answer a[5];
	struct collateral_client *c = client(BASE);
	struct collateral_key other = KEY;

	assert_non_null(get(c, &KEY).col);
	other.fmspc[0] = cap.fmspc[0] = 7;
	memcpy(a, good, sizeof good);
	a[4] = good[TCB];
	a[4].url = TDX "/tcb?fmspc=07a0b0c0d0e0";
	a[4].body = "tcb 500000 9000000 3"; /* its own, and nothing older of it was seen */
	a[QE].body = "tdx 999000 9000000 16";
	fake_begin(a, 5);
	assert_string_equal(get(c, &other).reason, "dcap_error:qe_older");
	fake_pass(10000);
	a[QE].body = good[QE].body;
	assert_non_null(get(c, &other).col);
	collateral_client_free(c);
}

/* The verifier names what came out of its time, when nothing else is there; it leaves no mark. */
static void
expired_is_given_for_a_moment(void **state)
{
	struct collateral_client *c = client(BASE);

	now_good[TCB].body = "tcb 999500 999900 17";
	assert_non_null(get(c, &KEY).col);
	fake_pass(9000);
	assert_non_null(get(c, &KEY).col);
	assert_int_equal(fake.asked, 4);
	now_good[TCB].body = "tcb 999400 9000000 17";
	fake_pass(2000);
	assert_int_equal(get(c, &KEY).col->handle->says[EEDCAP_TCB_INFO].expiry, 9000000);
	collateral_client_free(c);
}

/* -- the folder -- */

static const char *
folder(void)
{
	static char dir[64];

	snprintf(dir, sizeof dir, "/tmp/collateral_test.%ld", (long)getpid());
	wipe_folder(dir);
	return dir;
}

static void
a_restart_is_bridged_by_the_folder(void **state)
{
	const char *dir = folder();
	struct collateral_client *c = client_at(BASE, dir);
	unsigned asked;

	assert_non_null(get(c, &KEY).col);
	assert_int_equal(figures(c).saved, 1);
	collateral_client_free(c);
	now_good[PCK].status = now_good[TCB].status = now_good[QE].status = 500;
	now_good[ROOT].status = 500;
	c = client_at(BASE, dir);
	assert_non_null(get(c, &KEY).col);
	assert_int_equal(figures(c).loaded, 1);
	asked = fake.asked;
	/* It was asked for anew at once, and is given meanwhile. */
	assert_true(asked > 4);
	assert_non_null(get(c, &KEY).col);
	assert_int_equal(fake.asked, asked);
	collateral_client_free(c);
	wipe_folder(dir);
}

/* Also where the folder's bundle is gone: its marks stay. */
static void
marks_outlive_a_restart(void **state)
{
	const char *dir = folder();
	struct collateral_client *c = client_at(BASE, dir);
	char path[128];

	assert_non_null(get(c, &KEY).col);
	collateral_client_free(c);
	snprintf(path, sizeof path, "%s/tdx-platform-00a0b0c0d0e0.json", dir);
	assert_int_equal(unlink(path), 0);
	now_good[TCB].body = "tcb 999000 9000000 16";
	c = client_at(BASE, dir);
	assert_string_equal(get(c, &KEY).reason, "dcap_error:tcb_older");
	now_good[TCB].body = good[TCB].body;
	fake_pass(10000);
	assert_non_null(get(c, &KEY).col);
	collateral_client_free(c);
	wipe_folder(dir);
}

static void
put_file(const char *dir, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

#define BUNDLE(pck, tcb)                                                                           \
	"{\"root_ca_crl\":\"root 999000 9000000\",\"pck_crl\":\"" pck                              \
	"\",\"pck_crl_issuer_chain\":\"a\",\"tcb_info\":\"" tcb                                    \
	"\",\"tcb_info_signature\":\"\",\"tcb_info_issuer_chain\":\"b\",\"qe_identity\":\"tdx "    \
	"999000 9000000 17\",\"qe_identity_signature\":\"\",\"qe_identity_issuer_chain\":\"c\"}"
#define PCK_TEXT "platform 999000 9000000"

static void
a_file_is_trusted_no_more_than_the_network(void **state)
{
	static const struct {
		const char *name, *text;
		bool ignored; /* no file of ours at all */
	} cases[] = {
	    {"tdx-platform-00a0b0c0d0e0.json", "", false},
	    {"tdx-platform-00a0b0c0d0e0.json", "{\"root_ca_crl\":1}", false},
	    {"tdx-platform-00a0b0c0d0e0.json", BUNDLE(PCK_TEXT, "forged 1 2 3"), false},
	    {"tdx-platform-00a0b0c0d0e0.json", BUNDLE(PCK_TEXT, "tcb 999000 999500 17"), false},
	    {"tdx-platform-00a0b0c0d0e0.json", BUNDLE(PCK_TEXT, "tcb 2000000 9000000 17"), false},
	    {"tdx-platform-00a0b0c0d0e0.json",
		BUNDLE("processor 999000 9000000", "tcb 999000 9000000 17"), false},
	    {"tdx-platform-00a0b0c0d0e1.json", BUNDLE(PCK_TEXT, "tcb 999000 9000000 17"), false},
	    {"tdx-platform-00A0B0C0D0E0.json", BUNDLE(PCK_TEXT, "tcb 999000 9000000 17"), true},
	    {"tdx-platform-00a0b0c0d0e0.json.1.tmp", BUNDLE(PCK_TEXT, "tcb 999000 9000000 17"),
		true},
	    {"notes.json", "{}", true},
	};
	const char *dir = folder();
	struct collateral_client *c;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		wipe_folder(dir);
		assert_int_equal(mkdir(dir, 0700), 0);
		put_file(dir, cases[i].name, cases[i].text);
		c = client_at(BASE, dir);
		fake_run();
		assert_int_equal(figures(c).loaded, 0);
		assert_int_equal(figures(c).load_refused, !cases[i].ignored);
		assert_int_equal(figures(c).entries, 0);
		collateral_client_free(c);
	}
	wipe_folder(dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	put_file(dir, cases[0].name, BUNDLE(PCK_TEXT, "tcb 999000 9000000 17"));
	c = client_at(BASE, dir);
	fake_run();
	assert_int_equal(figures(c).loaded, 1);
	/* A newer one that is put there meanwhile is taken when asked to, an older one is not. */
	put_file(dir, cases[0].name, BUNDLE(PCK_TEXT, "tcb 999500 9000000 18"));
	collateral_client_reload(c);
	collateral_client_reload(c);
	fake_run();
	assert_int_equal(state_of(c).item[EEDCAP_TCB_INFO].number, 18);
	put_file(dir, cases[0].name, BUNDLE(PCK_TEXT, "tcb 999000 9000000 17"));
	collateral_client_reload(c);
	fake_run();
	assert_int_equal(state_of(c).item[EEDCAP_TCB_INFO].number, 18);
	collateral_client_free(c);
	wipe_folder(dir);
}

/* A file that was rolled back under its marks is refused; so are marks that are none. */
static void
an_older_file_is_refused_by_its_marks(void **state)
{
	const char *dir = folder();
	struct collateral_client *c = client_at(BASE, dir);

	assert_non_null(get(c, &KEY).col);
	collateral_client_free(c);
	put_file(dir, "tdx-platform-00a0b0c0d0e0.json", BUNDLE(PCK_TEXT, "tcb 999000 9000000 16"));
	c = client_at(BASE, dir);
	fake_run();
	assert_int_equal(figures(c).load_refused, 1);
	collateral_client_free(c);
	put_file(dir, "marks.json", "{\"version\":1,\"root\":\"other\",\"marks\":[]}");
	c = client_at(BASE, dir);
	fake_run();
	assert_int_equal(figures(c).loaded, 1);
	collateral_client_free(c);
	wipe_folder(dir);
}

static void
a_folder_that_cannot_be_written_is_in_nobodys_way(void **state)
{
	struct collateral_client *c = client_at(BASE, "/proc/nowhere");

	assert_non_null(get(c, &KEY).col);
	assert_int_equal(figures(c).save_failed, 1);
	/* Tried again later, not at once. */
	fake_pass(30000);
	assert_int_equal(figures(c).save_failed, 1);
	fake_pass(60000);
	assert_int_equal(figures(c).save_failed, 2);
	collateral_client_free(c);
}

/* What was not confirmed for long is waited for, but not for ever. */
static void
a_hanging_service_costs_two_seconds_after_a_restart(void **state)
{
	const char *dir = folder();
	struct collateral_client *c = client_at(BASE, dir);
	struct got g = {0}, h = {0};
	struct err e = {0};

	assert_non_null(get(c, &KEY).col);
	collateral_client_free(c);
	c = client_at(BASE, dir);
	assert_non_null(collateral_get(c, &KEY, on_done, &g, &e));
	while (fake.jobs || fake.defers)
		fake_step();
	/* Four requests are out, and nobody answers. */
	assert_int_equal(g.calls, 0);
	fake_pass_silent(1999);
	assert_int_equal(g.calls, 0);
	fake_pass_silent(1);
	assert_int_equal(g.calls, 1);
	assert_non_null(g.col);
	assert_non_null(collateral_get(c, &KEY, on_done, &h, &e));
	/* Once for all who come. */
	while (fake.defers)
		fake_step();
	assert_int_equal(h.calls, 1);
	collateral_client_free(c);
	wipe_folder(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(nothing_older_is_taken),
	    TEST(marks_are_shared_where_items_are),
	    TEST(expired_is_given_for_a_moment),
	    TEST(a_restart_is_bridged_by_the_folder),
	    TEST(marks_outlive_a_restart),
	    TEST(a_file_is_trusted_no_more_than_the_network),
	    TEST(an_older_file_is_refused_by_its_marks),
	    TEST(a_folder_that_cannot_be_written_is_in_nobodys_way),
	    TEST(a_hanging_service_costs_two_seconds_after_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
