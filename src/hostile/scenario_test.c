#include "base/test.h"
#include "hostile/conn.h"
#include "hostile/hand.h"
#include "hostile/scenario.h"

static const struct kit_opts opts = {.target = "http://127.0.0.1:1",
    .repo = "a/b",
    .tag = "v1",
    .network = "forge-1",
    .app = "attack",
    .vm = "vm1",
    .claims = "{\"sealed\":true}",
    .domain = "x",
    .patience_ms = 500};

/* Names are what documents and tests say, so each is one, and has a row and a sentence. */
static void
names_are_names(void **state)
{
	const struct scenario *s;
	size_t n = 0;

	(void)state;
	for (; (s = scenario_at(n)) != NULL; n++) {
		assert_true(strlen(s->name) <= 22 && s->name[0]);
		for (const char *c = s->name; *c; c++)
			assert_true((*c >= 'a' && *c <= 'z') || *c == '-');
		assert_true(s->row[0] && s->tries[0] && s->play);
		assert_ptr_equal(scenario_find(s->name), s);
	}
	assert_true(n > 50);
	assert_null(scenario_find("no-such-attack"));
}

static void
targets(void **state)
{
	struct url u;
	struct err e = {0};

	(void)state;
	assert_true(kit_target(&u, "--target", "http://127.0.0.1:8088", &e));
	assert_true(kit_target(&u, "--target", "https://control.example.com/", &e));
	assert_false(kit_target(&u, "--target", "http://127.0.0.1:8088/v1", &e));
	err_clear(&e);
	assert_false(kit_target(&u, "--target", "ws://127.0.0.1:8088", &e));
	err_clear(&e);
	assert_false(kit_target(&u, "--target", "127.0.0.1:8088", &e));
	assert_int_equal(e.code, ERR_USAGE);
}

/* What is broken stays broken, whatever is found afterwards. */
static void
broken_stays(void **state)
{
	struct kit k = {0};

	(void)state;
	(void)kit_held(&k, "first");
	(void)kit_cannot(&k, "second");
	assert_int_equal(k.result, RESULT_NOT_APPLICABLE);
	(void)kit_held(&k, "third %d", 3);
	assert_int_equal(k.result, RESULT_HELD);
	assert_string_equal(k.evidence, "third 3");
	(void)kit_broken(&k, "fourth");
	(void)kit_held(&k, "fifth");
	assert_int_equal(k.result, RESULT_BROKEN);
	assert_string_equal(k.evidence, "fourth");
}

/* Where nobody listens nothing is held. */
static void
nobody_there(void **state)
{
	const struct scenario *s;
	struct env env;

	(void)state;
	env_init(&env, LOG_ERROR);
	for (size_t i = 0; (s = scenario_at(i)) != NULL; i++) {
		struct scenario_report r = {0};
		struct err e = {0};

		assert_true(scenario_play(s, &opts, &env, &r, &e));
		if (r.result != RESULT_NOT_APPLICABLE || !r.evidence[0])
			fail_msg("%s: %s, %s", s->name, scenario_word(r.result), r.evidence);
	}
}

static void
look(const char *text, bool ended, struct conn_answer *a)
{
	static struct stream *const open = (struct stream *)(void *)-1;
	struct conn c = {.s = ended ? NULL : open};

	c.in = (struct buf){.p = (uint8_t *)(uintptr_t)text, .n = strlen(text)};
	conn_look(&c, a);
}

static void
answers_are_whole(void **state)
{
	struct conn_answer a;

	(void)state;
	look("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", false, &a);
	assert_int_equal(a.status, 200);
	assert_false(a.whole);
	look("HTTP/1.1 200 OK\r\ncontent-length:3\r\n\r\nabc", false, &a);
	assert_true(a.whole);
	look("HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 404 Not\r\nTransfer-Encoding: "
	     "chunked\r\n\r\n"
	     "3\r\nabc\r\n0\r\n\r\n",
	    false, &a);
	assert_int_equal(a.status, 404);
	assert_true(a.whole);
	look("HTTP/1.1 101 Switching\r\nA: b\r\n\r\n", false, &a);
	assert_int_equal(a.status, 101);
	look("HTTP/1.1 200 OK\r\nA: b\r\n\r\nabc", false, &a);
	assert_false(a.whole);
	look("HTTP/1.1 200 OK\r\nA: b\r\n\r\nabc", true, &a);
	assert_true(a.whole);
	look("garbage", true, &a);
	assert_int_equal(a.status, 0);
}

static void
claims_are_put_together(void **state)
{
	struct kit_opts o = opts;
	struct kit k = {.o = &o, .audience = "http://127.0.0.1:1"};
	static const char *const given[] = {"{}", "{\"sealed\":true}"};
	struct json_doc doc;
	struct err e = {0};
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	for (size_t i = 0; i < 2; i++) {
		static const struct json_limits lim = {4, 20};

		o.claims = given[i];
		buf_clear(&b);
		hand_claims(&k, &b);
		assert_true(json_parse(&doc, buf_span(&b), lim, &e));
		assert_non_null(json_get(&doc, json_top(&doc), "agent_config"));
		assert_true((json_get(&doc, json_top(&doc), "sealed") != NULL) == (i == 1));
		json_free(&doc);
	}
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_names),
	    cmocka_unit_test(targets),
	    cmocka_unit_test(broken_stays),
	    cmocka_unit_test(nobody_there),
	    cmocka_unit_test(answers_are_whole),
	    cmocka_unit_test(claims_are_put_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
