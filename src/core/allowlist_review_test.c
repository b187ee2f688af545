#include "base/test.h"

#include "core/allowlist_review.h"

#include <stdio.h>

#define A96                                                                                        \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaa"
#define B96                                                                                        \
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" \
	"bbbbbbbb"
#define Z96                                                                                        \
	"0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000" \
	"00000000"
#define PINS    "\"mrtd\":\"" A96 "\",\"rtmr1\":\"" A96 "\",\"rtmr2\":\"" A96 "\",\"sealed\":true"
#define LIST(m) "{\"release_tag\":\"v1\",\"measurements\":" m "}"

static char seen[2048];

static void
note(void *ctx, const struct review_line *l)
{
	static const char *const kinds[] = {"weak", "note", "admits", "refuses"};
	size_t n = strlen(seen);

	assert_true(l->text[0] != '\0');
	if (l->entry == REVIEW_NO_ENTRY)
		(void)snprintf(seen + n, sizeof seen - n, "%s:%s ", kinds[l->kind], l->key);
	else
		(void)snprintf(
		    seen + n, sizeof seen - n, "%s:%zu:%s ", kinds[l->kind], l->entry, l->key);
}

static const char *
check(const char *text)
{
	struct err e = {0};

	seen[0] = '\0';
	if (!allowlist_check(span_str(text), "v1", note, NULL, &e))
		err_token(&e, seen);
	return seen;
}

static void
weaknesses_are_named(void **state)
{
	static const struct {
		const char *list, *want;
	} cases[] = {
	    {LIST("{" PINS "}"), ""},
	    {LIST("{" PINS ",\"vm_image_id\":\"x\"}"), ""},
	    {LIST("{\"vm_image_id\":\"x\",\"sealed\":true}"),
		"weak:0:mrtd weak:0:rtmr1 weak:0:rtmr2 weak:0: "},
	    {LIST("{\"mrtd\":\"" A96 "\",\"rtmr1\":\"" Z96 "\",\"rtmr2\":\"" A96 "\"}"),
		"weak:0:rtmr1 note:0:sealed "},
	    {LIST("{" PINS ",\"rtmr0\":\"" A96 "\",\"rtmr3\":\"" A96 "\"}"),
		"note:0:rtmr0 note:0:rtmr3 "},
	    {LIST("{" PINS ",\"xfam\":\"" A96 "\"}"), "weak:0:xfam "},
	    {LIST("{" PINS ",\"tdattributes\":\"0000001000000000\"}"), ""},
	    {LIST("{" PINS ",\"mrenclave\":\"aa\"}"), "weak:0:mrenclave "},
	    {LIST("{" PINS ",\"rtmr_1\":\"aa\",\"mr-td\":\"aa\",\"rtmr4\":\"aa\"}"),
		"weak:0:rtmr_1 weak:0:mr-td weak:0:rtmr4 "},
	    {LIST("{" PINS ",\"build\":\"aa\"}"), "note:0:build "},
	    {LIST("{\"mrtd\":\"" A96 "\",\"rtmr1\":\"" A96 "\",\"rtmr2\":\"" A96
		  "\",\"sealed\":\"true\"}"),
		"weak:0:sealed "},
	    {"{\"measurements\":{" PINS "}}", "note:release_tag "},
	    {"{\"release_tag\":\"v1\",\"tcb_accept\":[],\"measurements\":{" PINS "}}",
		"weak:tcb_accept "},
	    {LIST("[{" PINS "},{" PINS "}]"), "note:1: "},
	    {LIST("[{" PINS ",\"vm_image_id\":\"x\"},{" PINS "}]"), "weak:0: "},
	    {"{\"release_tag\":\"v1\",\"measurements\":{\"sealed\":true},\"quote_measurements\":"
	     "{\"mrtd\":\"" A96 "\",\"rtmr1\":\"" A96 "\",\"rtmr2\":\"" A96 "\"}}",
		""},
	    {"{\"release_tag\":\"v1\",\"measurements\":{" PINS "},\"quote_measurements\":"
	     "{\"mrtd\":\"" B96 "\"}}",
		"weak:0:mrtd "},
	    /* What the control plane itself would refuse. */
	    {LIST("{}"), "allowlist_missing_measurements"},
	    {LIST("[{" PINS "},{}]"), "allowlist_missing_measurements"},
	    {LIST("{\"MRTD\":\"" A96 "\"}"), "allowlist_invalid"},
	    {"{\"release_tag\":\"v2\",\"measurements\":{" PINS "}}", "allowlist_release_mismatch"},
	    {"x", "allowlist_invalid"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(check(cases[i].list), cases[i].want);
}

static const char *
diff(const char *old, const char *new)
{
	struct err e = {0};

	seen[0] = '\0';
	if (!allowlist_diff(span_str(old), span_str(new), note, NULL, &e))
		(void)snprintf(seen, sizeof seen, "%.8s", e.detail);
	return seen;
}

static void
differences_say_what_they_do(void **state)
{
	static const struct {
		const char *old, *new, *want;
	} cases[] = {
	    {LIST("{" PINS "}"), LIST("{" PINS "}"), ""},
	    /* The same said otherwise. */
	    {LIST("{\"sealed\":true,\"mrtd\":\"" A96 "\"}"),
		LIST("[{\"mrtd\":"
		     "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		     "AAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"sealed\":true}]"),
		""},
	    {LIST("{" PINS "}"), LIST("{" PINS ",\"a\":1}"), "refuses:0:a "},
	    {LIST("{" PINS ",\"a\":1}"), LIST("{" PINS "}"), "admits:0:a "},
	    {LIST("{" PINS ",\"a\":1}"), LIST("{" PINS ",\"a\":2}"), "admits:0:a refuses:0:a "},
	    {LIST("{" PINS "}"), LIST("[{" PINS "},{\"mrtd\":\"" B96 "\"}]"), "admits:1: "},
	    {LIST("[{" PINS "},{\"mrtd\":\"" B96 "\"}]"), LIST("{" PINS "}"), "refuses:1: "},
	    /* Another alternative that asks for more changes nothing. */
	    {LIST("{" PINS "}"), LIST("[{" PINS ",\"a\":1},{" PINS "}]"), ""},
	    {LIST("{" PINS "}"), "{\"measurements\":{" PINS "}}", "admits:release_tag "},
	    {LIST("{" PINS "}"),
		"{\"release_tag\":\"v1\",\"tcb\":{\"accept\":[\"UpToDate\"]},\"measurements\":"
		"{" PINS "}}",
		"refuses:tcb refuses:tcb refuses:tcb refuses:tcb refuses:tcb refuses:tcb "
		"refuses:tcb "},
	    {LIST("{" PINS ",\"a\":\"x\"}"), LIST("{" PINS ",\"a\":\"X\"}"),
		"admits:0:a refuses:0:a "},
	    {LIST("{" PINS ",\"a\":1.5}"), LIST("{" PINS ",\"a\":1.5}"), ""},
	    {LIST("{" PINS "}"), "{\"release_tag\":\"V1\",\"measurements\":{" PINS "}}",
		"refuses:release_tag admits:release_tag "},
	    {LIST("{}"), LIST("{" PINS "}"), "old list"},
	    {LIST("{" PINS "}"), LIST("{}"), "new list"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(diff(cases[i].old, cases[i].new), cases[i].want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(weaknesses_are_named),
	    cmocka_unit_test(differences_say_what_they_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
