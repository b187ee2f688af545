/* What version 2 carries, both ends together. */
#include "tunnel/h2_pair.h"

#define BIG (1u << 20)

/* Asker's text: what came; backend's text: what was asked. */
static void
carries_a_request(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct asker a;
	struct backend *b;

	asker_init(&a, p);
	ask(&a, "GET", "/x?y", false);
	asker_grant(&a, 100);
	assert_int_equal(h2_client_in_flight(p->client), 1);
	pair_run(p);
	assert_int_equal(h2_server_in_flight(p->server), 1);
	b = pair_back(p, 0);
	expect_told(&b->told, "GET /x?y Host=a -");
	back_head(b, 200, "Content-Length=5 A=b Connection=C C=d X-EE-Y=z");
	pair_run(p);
	expect_told(&a.told, "<200 content-length=5 a=b c=d");
	back_send(b, span_str("he"));
	pair_run(p);
	back_send(b, span_str("llo"));
	back_finish(b);
	pair_run(p);
	expect_told(&a.told, "<200 content-length=5 a=b c=d|he|llo.");
	pair_expect_quiet(p);
	asker_fini(&a);
	pair_free(p);
}

static void
carries_bodies_and_trailers(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct fields t;
	struct asker a;
	struct backend *b;

	asker_init(&a, p);
	ask(&a, "POST", "/", true);
	asker_grant(&a, 100);
	assert_true(a.credit > 0);
	asker_send(&a, span_str("one"));
	pair_run(p);
	asker_send(&a, span_str("two"));
	fields_init(&t);
	fields_add_str(&t, "Checksum", "1");
	fields_add_str(&t, "Content-Length", "7");
	fields_add_str(&t, "X-EE-Y", "7");
	exchange_end(a.x, &t);
	pair_run(p);
	b = pair_back(p, 0);
	expect_told(&b->told, "POST / Host=a|one|two checksum=1.");
	back_head(b, 201, NULL);
	back_send(b, span_str("x"));
	b->over = true;
	b->x.events->end(b->x.ctx, &t);
	pair_run(p);
	expect_told(&a.told, "<201|x checksum=1.");
	fields_fini(&t);
	pair_expect_quiet(p);
	asker_fini(&a);
	pair_free(p);
}

/* Trailers behind no body at all. */
static void
carries_trailers_alone(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct fields t;
	struct asker a;
	struct backend *b;

	asker_init(&a, p);
	fields_init(&t);
	fields_add_str(&t, "T", "1");
	ask(&a, "POST", "/", true);
	exchange_end(a.x, &t);
	pair_run(p);
	b = pair_back(p, 0);
	expect_told(&b->told, "POST / Host=a t=1.");
	back_head(b, 200, NULL);
	b->over = true;
	b->x.events->end(b->x.ctx, &t);
	pair_run(p);
	expect_told(&a.told, "<200 t=1.");
	fields_fini(&t);
	pair_expect_quiet(p);
	asker_fini(&a);
	pair_free(p);
}

static void
open_with(struct asker *a, struct exchange_request rq, const char *names_values)
{
	struct fields f;
	struct err e = {0};
	char text[4096], *save = NULL;

	fields_init(&f);
	assert_true(span_cstr(span_str(names_values), text, sizeof text));
	for (char *w = strtok_r(text, "&", &save); w; w = strtok_r(NULL, "&", &save)) {
		char *eq = strchr(w, '=');

		fields_add(&f, span_of(w, (size_t)(eq - w)), span_str(eq + 1));
	}
	assert_true(fields_ok(&f));
	rq.request_id = "r";
	rq.fields = &f;
	rq.timeout_ms = 15000;
	if (!asker_open(a, &rq, &e))
		a->why = e.reason;
	fields_fini(&f);
}

static void
keeps_heads_clean(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct asker a;

	asker_init(&a, p);
	/* What ends at a hop does not pass even where the asker left it in. */
	open_with(&a,
	    (struct exchange_request){
		.method = span_str("PUT"),
		.target = span_str("/a%20b?c=d"),
		.has_body = true,
		.body_length = 3,
	    },
	    "Host=App.Example:8080&Connection=close&Transfer-Encoding=chunked&TE=trailers&"
	    "Upgrade=h2c&Content-Length=9&Expect=100-continue&Cookie=a=b&Cookie=c=d&X-Request-Id="
	    "r7");
	asker_send(&a, span_str("abc"));
	exchange_end(a.x, NULL);
	pair_run(p);
	expect_told(&pair_back(p, 0)->told,
	    "PUT /a%20b?c=d Host=App.Example:8080 x-request-id=r7 cookie=a=b; c=d #3|abc.");
	back_head(pair_back(p, 0), 204, "Content-Length=5");
	back_finish(pair_back(p, 0));
	pair_run(p);
	expect_told(&a.told, "<204.");
	/* Without a Host there is none at the backend, which fills in its own. */
	buf_clear(&a.told);
	open_with(&a,
	    (struct exchange_request){.method = span_str("OPTIONS"), .target = span_str("*")},
	    "A=b");
	pair_run(p);
	expect_told(&pair_back(p, 1)->told, "OPTIONS * a=b -");
	asker_leave(&a);
	pair_run(p);
	pair_expect_quiet(p);
	asker_fini(&a);
	pair_free(p);
}

static void
passes_interim_heads(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct asker a;
	struct backend *b;

	asker_init(&a, p);
	ask(&a, "GET", "/", false);
	pair_run(p);
	b = pair_back(p, 0);
	back_head(b, 103, "Link=x Content-Length=3");
	back_head(b, 103, NULL);
	back_head(b, 101, NULL);
	pair_run(p);
	expect_told(&a.told, "~103 link=x~103");
	back_head(b, 200, NULL);
	back_finish(b);
	pair_run(p);
	expect_told(&a.told, "~103 link=x~103<200.");
	/* The carrier sends no more of them than the other end takes. */
	buf_clear(&a.told);
	ask(&a, "GET", "/", false);
	pair_run(p);
	b = pair_back(p, 1);
	for (int i = 0; i < 40; i++)
		back_head(b, 100, NULL);
	back_head(b, 200, NULL);
	back_finish(b);
	pair_run(p);
	assert_true(a.ended);
	assert_int_equal(span_find(buf_span(&a.told), "<200."), 16 * 4);
	pair_expect_quiet(p);
	asker_fini(&a);
	pair_free(p);
}

static void
passes_the_expectation_on(void **state)
{
	for (int waits = 0; waits < 2; waits++) {
		struct pair *p = pair_new(NULL, NULL);
		struct asker a;
		struct backend *b;

		asker_init(&a, p);
		p->waits = waits;
		open_with(&a,
		    (struct exchange_request){.method = span_str("POST"),
			.target = span_str("/"),
			.has_body = true,
			.expect_continue = true},
		    "Host=a");
		assert_true(a.x->waits);
		pair_run(p);
		b = pair_back(p, 0);
		expect_told(&b->told, "POST / Host=a EXPECT");
		/* A backend's carrier that wants the body at once has it asked for by us. */
		expect_told(&a.told, waits ? "" : "~100");
		if (waits) {
			/* A visitor who does not wait is held back for the backend's sake. */
			asker_send(&a, span_str("a"));
			pair_run(p);
			expect_told(&b->told, "POST / Host=a EXPECT");
			back_head(b, 100, NULL);
			pair_run(p);
			expect_told(&a.told, "~100");
			expect_told(&b->told, "POST / Host=a EXPECT|a");
		}
		asker_send(&a, span_str("b"));
		exchange_end(a.x, NULL);
		pair_run(p);
		back_head(b, 200, NULL);
		back_finish(b);
		pair_run(p);
		assert_true(a.ended);
		pair_expect_quiet(p);
		asker_fini(&a);
		pair_free(p);
	}
}

static void
carries_an_upgrade(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	const struct exchange_request rq = {.method = span_str("GET"),
	    .target = span_str("/ws"),
	    .has_body = true,
	    .upgrade = true};
	struct asker a;
	struct backend *b;

	asker_init(&a, p);
	a.tell_credit = true;
	open_with(&a, rq, "Host=a&Sec-WebSocket-Version=13");
	/* The agent's settings say whether it can: until then the request waits, without credit. */
	assert_int_equal(a.credit, 0);
	assert_int_equal(h2_client_stats(p->client).waiting, 1);
	asker_grant(&a, 100);
	pair_run(p);
	expect_told(&a.told, "+98304");
	b = pair_back(p, 0);
	expect_told(&b->told, "GET /ws Host=a sec-websocket-version=13 UPGRADE");
	back_head(b, 200, "Content-Length=3");
	pair_run(p);
	expect_told(&a.told, "+98304<200");
	a.tell_credit = false;
	back_send(b, span_str("down"));
	asker_send(&a, span_str("up"));
	pair_run(p);
	expect_told(&a.told, "+98304<200|down");
	expect_told(&b->told, "GET /ws Host=a sec-websocket-version=13 UPGRADE|up");
	back_finish(b);
	pair_run(p);
	assert_true(a.ended);
	/* The settings are known now. */
	open_with(&a, rq, "Host=a");
	assert_true(a.credit > 0);
	assert_int_equal(h2_client_stats(p->client).waiting, 0);
	pair_run(p);
	buf_clear(&a.told);
	back_head(pair_back(p, 1), 403, "Content-Length=2");
	back_send(pair_back(p, 1), span_str("no"));
	back_finish(pair_back(p, 1));
	asker_grant(&a, 2);
	pair_run(p);
	expect_told(&a.told, "<403|no.");
	pair_expect_quiet(p);
	asker_fini(&a);
	pair_free(p);
}

static void
cancels_both_ways(void **state)
{
	static const struct {
		enum reason said, heard;
	} cases[] = {
	    {REASON_BACKEND_UNREACHABLE, REASON_BACKEND_UNREACHABLE},
	    {REASON_CONNECT_FAILED, REASON_BACKEND_UNREACHABLE},
	    {REASON_CONNECT_TIMEOUT, REASON_BACKEND_UNREACHABLE},
	    {REASON_TLS_FAILED, REASON_BACKEND_UNREACHABLE},
	    {REASON_PROXY_TIMEOUT, REASON_PROXY_TIMEOUT},
	    {REASON_PEER_IDLE, REASON_PROXY_TIMEOUT},
	    {REASON_INVALID_PROXY_RESPONSE, REASON_INVALID_PROXY_RESPONSE},
	    {REASON_PEER_LOST, REASON_INVALID_PROXY_RESPONSE},
	    {REASON_AGENT_BUSY, REASON_AGENT_BUSY},
	};
	struct pair *p = pair_new(NULL, NULL);
	struct asker a;
	struct backend *b;

	asker_init(&a, p);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int after_head = 0; after_head < 2; after_head++) {
			ask(&a, "POST", "/", true);
			pair_run(p);
			b = pair_back(p, p->n_backs - 1);
			if (after_head)
				back_head(b, 200, NULL);
			pair_run(p);
			back_fail(b, cases[i].said);
			pair_run(p);
			assert_null(a.x);
			assert_int_equal(a.why, cases[i].heard);
			pair_expect_quiet(p);
		}
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		p->refuse = cases[i].said;
		ask(&a, "GET", "/", false);
		pair_run(p);
		assert_int_equal(a.why, cases[i].heard);
	}
	p->refuse = REASON_NO_MEMORY;
	ask(&a, "GET", "/", false);
	pair_run(p);
	assert_int_equal(a.why, REASON_AGENT_BUSY);
	p->refuse = REASON_OK;
	/* The visitor goes: before its request went, and after. */
	ask(&a, "GET", "/", false);
	asker_leave(&a);
	pair_run(p);
	ask(&a, "POST", "/", true);
	asker_send(&a, span_str("abc"));
	pair_run(p);
	asker_leave(&a);
	pair_run(p);
	assert_true(pair_back(p, p->n_backs - 1)->reset);
	pair_expect_quiet(p);
	asker_fini(&a);
	pair_free(p);
}

/* RFC 9113 section 8.1: an answer that is whole before its request. */
static void
answers_early(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct asker a;
	struct backend *b;

	asker_init(&a, p);
	ask(&a, "POST", "/", true);
	asker_send(&a, span_str("abc"));
	pair_run(p);
	b = pair_back(p, 0);
	back_head(b, 413, NULL);
	back_finish(b);
	/* More comes, that nobody needs. */
	asker_send(&a, span_str("def"));
	pair_run(p);
	expect_told(&a.told, "<413.");
	expect_told(&b->told, "POST / Host=a|abc");
	pair_expect_quiet(p);
	/* The tunnel is as good as before. */
	buf_clear(&a.told);
	ask(&a, "GET", "/", false);
	pair_run(p);
	back_head(pair_back(p, 1), 200, NULL);
	back_finish(pair_back(p, 1));
	pair_run(p);
	expect_told(&a.told, "<200.");
	asker_fini(&a);
	pair_free(p);
}

static void
knows_answers_without_body(void **state)
{
	static const struct {
		const char *method;
		int status;
		const char *fields, *told;
	} cases[] = {
	    {"HEAD", 200, "Content-Length=7", "<200 content-length=7."},
	    {"GET", 304, "Content-Length=7", "<304 content-length=7."},
	    {"GET", 204, NULL, "<204."},
	    {"GET", 200, "Content-Length=0", "<200 content-length=0."},
	    {"GET", 599, NULL, "<599."},
	    {"GET", 600, NULL, "!invalid_proxy_response"},
	};
	struct pair *p = pair_new(NULL, NULL);
	struct asker a;

	asker_init(&a, p);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_clear(&a.told);
		ask(&a, cases[i].method, "/", false);
		pair_run(p);
		back_head(pair_back(p, i), cases[i].status, cases[i].fields);
		if (!pair_back(p, i)->over)
			back_finish(pair_back(p, i));
		pair_run(p);
		expect_told(&a.told, cases[i].told);
	}
	pair_expect_quiet(p);
	asker_fini(&a);
	pair_free(p);
}

static void
refuses_wrong_lengths(void **state)
{
	static const char *const bodies[] = {"abcd", "ab", ""};
	struct pair *p = pair_new(NULL, NULL);
	struct asker a;

	asker_init(&a, p);
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		ask(&a, "GET", "/", false);
		asker_grant(&a, 10);
		pair_run(p);
		back_head(pair_back(p, i), 200, "Content-Length=3");
		if (*bodies[i])
			back_send(pair_back(p, i), span_str(bodies[i]));
		back_finish(pair_back(p, i));
		pair_run(p);
		assert_null(a.x);
		assert_int_equal(a.why, REASON_INVALID_PROXY_RESPONSE);
	}
	/* A request that is longer or shorter than it said is the agent's to refuse. */
	for (size_t i = 0; i < 2; i++) {
		open_with(&a,
		    (struct exchange_request){.method = span_str("PUT"),
			.target = span_str("/"),
			.has_body = true,
			.body_length = 3},
		    "Host=a");
		asker_send(&a, span_str(bodies[i]));
		exchange_end(a.x, NULL);
		pair_run(p);
		assert_null(a.x);
		assert_int_equal(a.why, REASON_INVALID_PROXY_RESPONSE);
		assert_true(pair_back(p, 3 + i)->reset);
	}
	pair_expect_quiet(p);
	asker_fini(&a);
	pair_free(p);
}

static void
bounds_heads(void **state)
{
	struct h2_opts small = {.head_max = 2000};
	struct pair *p = pair_new(&small, NULL);
	struct asker a;
	char long_value[2100], method[64];

	asker_init(&a, p);
	memset(long_value, 'x', sizeof long_value);
	memcpy(long_value, "A=", 2);
	long_value[1900] = '\0';
	open_with(&a, (struct exchange_request){.method = span_str("GET"), .target = span_str("/")},
	    long_value);
	assert_non_null(a.x);
	pair_run(p);
	/* The answer's head is held to the same. */
	long_value[1900] = 'x';
	long_value[2090] = '\0';
	struct fields f;
	fields_init(&f);
	fields_add(&f, span_str("A"), span_str(long_value + 2));
	pair_back(p, 0)->x.events->head(pair_back(p, 0)->x.ctx, 200, &f);
	fields_fini(&f);
	pair_run(p);
	assert_int_equal(a.why, REASON_INVALID_PROXY_RESPONSE);
	open_with(&a, (struct exchange_request){.method = span_str("GET"), .target = span_str("/")},
	    long_value);
	assert_null(a.x);
	assert_int_equal(a.why, REASON_HEADER_TOO_BIG);
	memset(method, 'M', sizeof method);
	open_with(&a,
	    (struct exchange_request){
		.method = span_of(method, sizeof method), .target = span_str("/")},
	    "A=b");
	assert_null(a.x);
	assert_int_equal(a.why, REASON_BAD_REQUEST);
	pair_expect_quiet(p);
	asker_fini(&a);
	pair_free(p);
}

/* The largest head that any front takes passes, in frames of any number. */
static void
carries_large_heads(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct fields f;
	struct asker a;
	struct exchange_request rq = {.request_id = "r",
	    .method = span_str("GET"),
	    .target = span_str("/"),
	    .fields = &f,
	    .timeout_ms = 1000};
	struct err e = {0};
	char value[1001];

	asker_init(&a, p);
	fields_init(&f);
	fields_add_str(&f, "Host", "a");
	/* Bytes that Huffman's code makes longer, not shorter. */
	for (int i = 0; i < 31; i++) {
		for (size_t k = 0; k < 1000; k++)
			value[k] = (char)(0x80 + pair_random(p, 0x7f));
		value[1000] = '\0';
		fields_add_str(&f, "X", value);
	}
	assert_true(asker_open(&a, &rq, &e));
	pair_run(p);
	assert_true(p->up.messages >= 2);
	pair_back(p, 0)->x.events->head(pair_back(p, 0)->x.ctx, 200, &f);
	back_finish(pair_back(p, 0));
	pair_run(p);
	assert_true(a.ended);
	assert_true(a.told.n > 31 * 1000);
	fields_fini(&f);
	pair_expect_quiet(p);
	asker_fini(&a);
	pair_free(p);
}

/* Messages of any size are any run of the bytes. */
static void
does_not_see_where_messages_end(void **state)
{
	for (size_t size = 1; size < 60; size += size < 12 ? 1 : 7) {
		struct pair *p = pair_new(NULL, NULL);
		struct asker a;

		asker_init(&a, p);
		ask(&a, "POST", "/", true);
		asker_grant(&a, 100);
		asker_send(&a, span_str("question"));
		exchange_end(a.x, NULL);
		pair_flush(p);
		while (deliver_up(p, size))
			pair_flush(p);
		assert_true(pair_back(p, 0)->ended);
		assert_int_equal(pair_back(p, 0)->got, 8);
		back_head(pair_back(p, 0), 200, "A=b");
		back_send(pair_back(p, 0), span_str("answer"));
		back_finish(pair_back(p, 0));
		pair_flush(p);
		while (deliver_down(p, size))
			pair_flush(p);
		assert_true(a.ended);
		assert_int_equal(a.got, 6);
		pair_run(p);
		pair_expect_quiet(p);
		asker_fini(&a);
		pair_free(p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(carries_a_request),
	    cmocka_unit_test(carries_bodies_and_trailers),
	    cmocka_unit_test(carries_trailers_alone),
	    cmocka_unit_test(keeps_heads_clean),
	    cmocka_unit_test(passes_interim_heads),
	    cmocka_unit_test(passes_the_expectation_on),
	    cmocka_unit_test(carries_an_upgrade),
	    cmocka_unit_test(cancels_both_ways),
	    cmocka_unit_test(answers_early),
	    cmocka_unit_test(knows_answers_without_body),
	    cmocka_unit_test(refuses_wrong_lengths),
	    cmocka_unit_test(bounds_heads),
	    cmocka_unit_test(carries_large_heads),
	    cmocka_unit_test(does_not_see_where_messages_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
