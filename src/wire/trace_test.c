#include "base/test.h"

#include "wire/trace.h"

/* The example of the recommendation, section 3.2.4. */
#define GOOD "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static void
takes_what_the_recommendation_takes(void **state)
{
	static const char *const good[] = {GOOD,
	    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
	    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff",
	    "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	    "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes",
	    "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-"};
	static const char *const bad[] = {"", "00", (GOOD "-"), (GOOD "0"), (GOOD "-extra"),
	    (" " GOOD), "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	    "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
	    "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what",
	    "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
	    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
	    "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
	    "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067aa0ba902b7-01",
	    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0A",
	    "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
	    "00.4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	    "00-4bf92f3577b34da6a3ce929d0e0e4736.00f067aa0ba902b7-01",
	    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7.01"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!trace_parent_ok(span_str(good[i])))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (trace_parent_ok(span_str(bad[i])))
			fail_msg("taken: %s", bad[i]);
}

static void
refuses_every_prefix_and_odd_byte(void **state)
{
	char text[] = GOOD;

	(void)state;
	for (size_t n = 0; n < strlen(GOOD); n++) {
		/* The bytes alone, so that a sanitizer sees a look past them. */
		char *copy = malloc(n + 1);

		assert_non_null(copy);
		memcpy(copy, GOOD, n);
		assert_false(trace_parent_ok(span_of(copy, n)));
		free(copy);
		text[n] = '?';
		assert_false(trace_parent_ok(span_str(text)));
		text[n] = GOOD[n];
	}
}

static void
begins_traces(void **state)
{
	uint8_t random[TRACE_RANDOM] = {0};
	char text[TRACE_PARENT_MAX];

	(void)state;
	trace_parent_write(random, text);
	assert_string_equal(text, "00-00000000000000000000000000000001-0000000000000001-01");
	assert_true(trace_parent_ok(span_str(text)));
	for (size_t i = 0; i < sizeof random; i++)
		random[i] = (uint8_t)(0xa0 + i);
	trace_parent_write(random, text);
	assert_string_equal(text, "00-a0a1a2a3a4a5a6a7a8a9aaabacadaeaf-b0b1b2b3b4b5b6b7-01");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_what_the_recommendation_takes),
	    cmocka_unit_test(refuses_every_prefix_and_odd_byte),
	    cmocka_unit_test(begins_traces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
