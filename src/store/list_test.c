/* The bytes behind pins, in every backend; and what only files show. */
#include "store/store_test.h"

#include <stdlib.h>

#include "base/limits.h"

static struct store_change
pin_of(const char *tag, uint8_t byte, int64_t used_at)
{
	struct store_change c = put_pin(tag, byte);

	c.u.pin.repo_id = 1000 + byte;
	c.u.pin.secret = byte % 2;
	c.u.pin.immutable = byte == 3;
	c.u.pin.used_at = used_at;
	return c;
}

static struct store_change
list_of(uint8_t byte, struct span bytes)
{
	struct store_change c = {.op = STORE_PUT_LIST, .u.list.bytes = bytes};

	memset(c.u.list.sha256, byte, sizeof c.u.list.sha256);
	return c;
}

struct got {
	bool came, failed, there;
	char text[64];
	size_t n;
};

static void
take(void *ctx, struct span bytes, const struct err *e)
{
	struct got *g = ctx;

	g->came = true;
	g->failed = e != NULL;
	g->there = bytes.p != NULL;
	g->n = bytes.n;
	(void)!span_cstr(span_first(bytes, bytes.n < 60 ? bytes.n : 60), g->text, sizeof g->text);
}

static struct got
ask(struct store *st, uint8_t byte)
{
	struct pollfd p = {.fd = bell[0], .events = POLLIN};
	uint8_t sha256[32];
	struct got g = {0};
	struct err e = {0};
	char c[64];

	memset(sha256, byte, sizeof sha256);
	assert_true(store_read_list(st, sha256, take, &g, &e));
	while (!g.came) {
		assert_int_equal(poll(&p, 1, 20000), 1);
		assert_true(read(bell[0], c, sizeof c) > 0);
		store_poll(st);
	}
	assert_false(g.failed);
	return g;
}

static void
a_list_lives_as_long_as_a_pin_names_it(void **state)
{
	for (size_t b = 0; b < 2; b++) {
		struct store *st = open_or_fail(backends[b]);
		struct store_change c[] = {pin_of("v1", 1, 5), list_of(1, span_str("one")),
		    pin_of("v2", 1, 6), list_of(1, span_str("another text")),
		    list_of(7, span_str("of no pin"))};

		assert_false(ask(st, 1).there);
		write_now(st, c, 5);
		assert_string_equal(ask(st, 1).text, "one");
		assert_false(ask(st, 7).there);
		/* Written again, as every admission does. */
		write_now(st, c, 4);
		assert_string_equal(ask(st, 1).text, "one");
		/* One of the two pins goes, then the other moves. */
		c[0].op = STORE_DELETE_PIN;
		write_now(st, c, 1);
		assert_string_equal(ask(st, 1).text, "one");
		c[0] = pin_of("v2", 2, 7);
		c[1] = list_of(2, span_str("two"));
		write_now(st, c, 2);
		assert_false(ask(st, 1).there);
		assert_string_equal(ask(st, 2).text, "two");
		c[0].op = STORE_DELETE_PIN;
		write_now(st, c, 1);
		assert_false(ask(st, 2).there);
		store_close(st);
	}
}

static void
all_of_a_pin_outlives_a_restart(void **state)
{
	struct store *st = open_or_fail(open_sqlite);
	struct store_change c[] = {pin_of("v1", 3, 8), list_of(3, span_of("a\0b", 3))};
	struct loaded l;

	write_now(st, c, 2);
	store_close(st);
	st = open_or_fail(open_sqlite);
	load(st, &l);
	assert_int_equal(l.pins, 1);
	assert_int_equal(l.pin[0].repo_id, 1003);
	assert_true(l.pin[0].secret && l.pin[0].immutable);
	assert_int_equal(l.pin[0].used_at, 8);
	assert_int_equal(ask(st, 3).n, 3);
	store_close(st);
}

/* What was used longest ago makes room. */
static void
lists_have_a_ceiling(void **state)
{
	uint8_t *big = calloc(1, LIMIT_ALLOWLIST);
	const uint8_t full = LIMIT_PINNED_LISTS / LIMIT_ALLOWLIST;

	assert_non_null(big);
	for (size_t b = 0; b < 2; b++) {
		struct store *st;

		clean();
		st = open_or_fail(backends[b]);
		for (uint8_t i = 0; i <= full; i++) {
			char tag[8];

			snprintf(tag, sizeof tag, "v%d", i);
			/* The second is the one that was used longest ago. */
			struct store_change c[] = {pin_of(tag, i, i == 1 ? 1 : 100 + i),
			    list_of(i, span_of(big, LIMIT_ALLOWLIST))};

			write_now(st, c, 2);
		}
		for (uint8_t i = 0; i <= full; i++)
			assert_int_equal(ask(st, i).there, i != 1);
		store_close(st);
	}
	free(big);
}

static const char schema_3[] =
    "PRAGMA user_version=3; DROP TRIGGER pin_changed; DROP TRIGGER pin_gone; DROP INDEX pin_list;"
    "DROP TABLE list; ALTER TABLE pin DROP COLUMN repo_id; ALTER TABLE pin DROP COLUMN secret;"
    "ALTER TABLE pin DROP COLUMN used_at; ALTER TABLE pin DROP COLUMN immutable;";

static void
schema_3_is_carried_over(void **state)
{
	struct store_change c[] = {pin_of("v1", 4, 9), list_of(4, span_str("four"))};
	struct loaded l;
	struct store *st;

	clean();
	store_close(open_or_fail(open_sqlite));
	sql(schema_3);
	sql("INSERT INTO pin VALUES ('org/repo', 'v0', zeroblob(32), 5)");
	st = open_or_fail(open_sqlite);
	load(st, &l);
	assert_int_equal(l.pins, 1);
	assert_int_equal(l.pin[0].pinned_at, 5);
	assert_int_equal(l.pin[0].repo_id, 0);
	assert_true(l.pin[0].secret);
	write_now(st, c, 2);
	assert_string_equal(ask(st, 4).text, "four");
	store_close(st);
	/* Another's table in its place is no reason to begin. */
	sql(schema_3);
	sql("CREATE TABLE list (x)");
	expect_refused("cannot run");
	sql("DROP TABLE list");
	store_close(open_or_fail(open_sqlite));
}

static void
schema_4_is_carried_over(void **state)
{
	struct store_change c[] = {pin_of("v1", 4, 9), list_of(4, span_str("four"))};
	struct loaded l;
	struct store *st;

	clean();
	st = open_or_fail(open_sqlite);
	write_now(st, c, 2);
	store_close(st);
	sql("PRAGMA user_version=4; ALTER TABLE pin DROP COLUMN immutable");
	st = open_or_fail(open_sqlite);
	load(st, &l);
	assert_int_equal(l.pins, 1);
	assert_int_equal(l.pin[0].used_at, 9);
	assert_false(l.pin[0].immutable);
	assert_string_equal(ask(st, 4).text, "four");
	c[0].u.pin.immutable = true;
	write_now(st, c, 1);
	store_close(st);
	st = open_or_fail(open_sqlite);
	load(st, &l);
	assert_true(l.pin[0].immutable);
	store_close(st);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup(f, clean_folder)
	const struct CMUnitTest tests[] = {
	    T(a_list_lives_as_long_as_a_pin_names_it),
	    T(all_of_a_pin_outlives_a_restart),
	    T(lists_have_a_ceiling),
	    T(schema_3_is_carried_over),
	    T(schema_4_is_carried_over),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
