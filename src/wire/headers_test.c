#include "base/test.h"

#include "wire/headers.h"

#define F(n, v)                                                                                    \
	{                                                                                          \
		{(const uint8_t *)n, sizeof(n) - 1},                                               \
		{                                                                                  \
			(const uint8_t *)v, sizeof(v) - 1                                          \
		}                                                                                  \
	}
#define N(a) (sizeof(a) / sizeof *(a))

static void
knows_fields(void **state)
{
	(void)state;
	assert_true(http_token_ok(span_str("X-A_b!#$%&'*+.^`|~9")));
	assert_false(http_token_ok(span_str("")));
	assert_false(http_token_ok(span_str("a b")));
	assert_false(http_token_ok(span_str("a:")));
	assert_false(http_token_ok(span_of("a\0", 2)));
	assert_true(http_value_ok(span_str("")));
	assert_true(http_value_ok(span_str("a \t b\xff")));
	assert_false(http_value_ok(span_str(" a")));
	assert_false(http_value_ok(span_str("a\t")));
	assert_false(http_value_ok(span_str("a\r\nb")));
	assert_false(http_value_ok(span_of("a\0b", 3)));
	assert_true(http_list_has(span_str("a ,\tB,,c"), "b"));
	assert_false(http_list_has(span_str("ab"), "a"));
}

/* Both read eight bytes at once: each byte at each place of texts of many lengths is judged as the RFC
 * judges it alone. */
static void
judges_every_byte_at_every_place(void **state)
{
	char text[27];

	(void)state;
	for (size_t n = 1; n <= sizeof text; n++)
		for (size_t at = 0; at < n; at++)
			for (unsigned c = 0; c < 256; c++) {
				bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
					     || (c >= 'a' && c <= 'z');
				bool token = alnum
					     || (c && c < 128 && strchr("!#$%&'*+-.^_`|~", (int)c));
				bool edge = at == 0 || at == n - 1;
				bool value = c == '\t' || c == ' ' ? !edge : c > ' ' && c != 0x7f;

				memset(text, 'z', n);
				text[at] = (char)c;
				assert_int_equal(http_token_ok(span_of(text, n)), token);
				assert_int_equal(http_value_ok(span_of(text, n)), value);
			}
}

static struct headers_hop
hop(bool trusted)
{
	return (struct headers_hop){span_str("192.0.2.1"), trusted, "http", span_str("a.example"),
	    span_str("made-1"), "ee-control", (const uint8_t *)"0123456789abcdefghijklmn"};
}

static void
cleans_requests(void **state)
{
	static const struct http_field in[] = {F("Host", "a.example"),
	    F("Connection", "X-Hop, close"), F("X-Hop", "1"), F("Keep-Alive", "5"),
	    F("TE", "trailers"), F("Upgrade", "h2c"), F("Transfer-Encoding", "chunked"),
	    F("Content-Length", "4"), F("Expect", "100-continue"), F("X-EE-App", "b"),
	    F("x-ee-proxy-token", "t"), F("X-Forwarded-For", "10.0.0.9"),
	    F("Forwarded", "for=10.0.0.9"), F("X-Real-IP", "10.0.0.9"),
	    F("X_Forwarded_For", "10.0.0.9"), F("x_ee-app", "b"), F("Proxy-Authorization", "x"),
	    F("Accept", "a"), F("Accept", "b"), F("X-Request-Id", "id-7"), F("Via", "1.0 old")};
	struct headers_hop h = hop(false);
	struct fields out;

	(void)state;
	fields_init(&out);
	headers_forward_request(&out, in, N(in), &h);
	assert_true(fields_ok(&out));
	static const char *const gone[] = {"connection", "x-hop", "keep-alive", "te", "upgrade",
	    "transfer-encoding", "content-length", "expect", "x-ee-app", "x-ee-proxy-token",
	    "forwarded", "x-real-ip", "x_forwarded_for", "x_ee-app", "proxy-authorization"};
	for (size_t i = 0; i < N(gone); i++)
		assert_true(fields_get(&out, gone[i]).p == NULL);
	assert_true(span_is(fields_get(&out, "host"), "a.example"));
	assert_true(span_is(fields_get(&out, "x-forwarded-for"), "192.0.2.1"));
	assert_true(span_is(fields_get(&out, "x-forwarded-host"), "a.example"));
	assert_true(span_is(fields_get(&out, "x-forwarded-proto"), "http"));
	assert_true(span_is(fields_get(&out, "via"), "1.0 old, 1.1 ee-control"));
	assert_true(span_is(fields_get(&out, "x-request-id"), "id-7"));
	assert_true(span_is(fields_at(&out, 0).name, "Host"));
	fields_fini(&out);
}

static void
knows_what_ends_at_a_hop(void **state)
{
	static const char *const hop[] = {"Connection", "Proxy-Connection", "Keep-Alive", "TE",
	    "Transfer-Encoding", "Trailer", "Upgrade", "Proxy-Authenticate", "Proxy-Authorization",
	    "Proxy-Authentication-Info", "HTTP2-Settings", "x-named", "named-too"};
	static const char *const end[] = {
	    "Content-Length", "Host", "Via", "X-Names", "T", "Tea", "Trailers", "Keep-Aliv"};
	static const struct http_field f[] = {F("Connection", "close, X-Named"), F("A", "b"),
	    F("connection", "Named-Too ,,"), F("Connections", "Via")};

	(void)state;
	for (size_t i = 0; i < N(hop); i++)
		if (!headers_is_hop(span_str(hop[i]), f, N(f)))
			fail_msg("%s passes", hop[i]);
	for (size_t i = 0; i < N(end); i++)
		if (headers_is_hop(span_str(end[i]), f, N(f)))
			fail_msg("%s does not pass", end[i]);
}

static void
believes_trusted_peers_only(void **state)
{
	static const struct http_field in[] = {F("X-Forwarded-For", "10.0.0.9"),
	    F("X-Forwarded-Proto", "https"), F("X-Forwarded-Host", "b.example"),
	    F("X-Request-Id", "a b")};
	struct headers_hop h = hop(true);
	struct fields out;

	(void)state;
	fields_init(&out);
	headers_forward_request(&out, in, N(in), &h);
	assert_true(span_is(fields_get(&out, "x-forwarded-for"), "10.0.0.9, 192.0.2.1"));
	assert_true(span_is(fields_get(&out, "x-forwarded-proto"), "https"));
	assert_true(span_is(fields_get(&out, "x-forwarded-host"), "b.example"));
	assert_true(span_is(fields_get(&out, "x-request-id"), "made-1"));
	fields_fini(&out);
}

/* Forward, and say what of one field went on; NULL: nothing. */
static const char *
forwarded(const struct http_field *in, size_t n, bool trusted, const char *name)
{
	static char text[512];
	struct headers_hop h = hop(trusted);
	struct fields out;
	struct span v;
	bool there;

	fields_init(&out);
	headers_forward_request(&out, in, n, &h);
	assert_true(fields_ok(&out));
	v = fields_get(&out, name);
	there = v.p != NULL;
	assert_true(span_cstr(v, text, sizeof text) || !v.n);
	if (!v.n)
		text[0] = 0;
	fields_fini(&out);
	return there ? text : NULL;
}

static void
joins_what_trusted_peers_sent(void **state)
{
	static const struct http_field in[] = {F("X-Forwarded-For", "10.0.0.8"),
	    F("x-forwarded-for", "10.0.0.9"), F("X-Forwarded-For", ""),
	    F("X_Forwarded_For", "6.6.6.6"), F("X-Forwarded_For", "6.6.6.6"),
	    F("X_Real_IP", "6.6.6.6"), F("X-Real-IP", "10.0.0.9"), F("X-Forwarded-Port", "443"),
	    F("Forwarded", "for=10.0.0.8"), F("forwarded", "for=\"10.0.0.9\";proto=https")};
	static const struct http_field open_quote[] = {
	    F("Forwarded", "for=10.0.0.8"), F("Forwarded", "for=\"10.0.0.9")};
	static const struct http_field one_of_two[] = {F("X-Forwarded-For", "10.0.0.8")};

	(void)state;
	assert_string_equal(
	    forwarded(in, N(in), true, "x-forwarded-for"), "10.0.0.8, 10.0.0.9, 192.0.2.1");
	assert_string_equal(forwarded(in, N(in), true, "forwarded"),
	    "for=10.0.0.8, for=\"10.0.0.9\";proto=https, for=192.0.2.1;host=a.example;proto=http");
	assert_string_equal(forwarded(in, N(in), true, "x-real-ip"), "10.0.0.9");
	assert_string_equal(forwarded(in, N(in), true, "x-forwarded-port"), "443");
	assert_null(forwarded(in, N(in), true, "x_forwarded_for"));
	assert_null(forwarded(in, N(in), true, "x-forwarded_for"));
	assert_null(forwarded(in, N(in), true, "x_real_ip"));
	assert_string_equal(forwarded(in, N(in), false, "x-forwarded-for"), "192.0.2.1");
	assert_null(forwarded(in, N(in), false, "forwarded"));
	assert_null(forwarded(in, N(in), false, "x-real-ip"));
	assert_null(forwarded(in, N(in), false, "x-forwarded-port"));
	/* Behind an open quote nobody would read what we add. */
	assert_null(forwarded(open_quote, N(open_quote), true, "forwarded"));
	assert_null(forwarded(one_of_two, N(one_of_two), true, "forwarded"));
}

#define TRACE "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
#define MADE  "00-30313233343536373839616263646567-6768696a6b6c6d6f-01"

static void
keeps_ours_out_of_trailers(void **state)
{
	static const char *const never[] = {"X-Request-Id", "TraceParent", "tracestate",
	    "X-Forwarded-For", "X_Forwarded_For", "Forwarded", "X-EE-App", "Via", "TE"};

	(void)state;
	for (size_t i = 0; i < N(never); i++)
		if (headers_is_trailer(span_str(never[i])))
			fail_msg("%s passes", never[i]);
	assert_true(headers_is_trailer(span_str("Server-Timing")));
	assert_true(headers_is_trailer(span_str("grpc-status")));
}

static void
keeps_or_begins_traces(void **state)
{
	static const struct http_field good[] = {
	    F("TraceParent", TRACE), F("Tracestate", "a=1"), F("tracestate", "b=2")};
	static const struct http_field bad[] = {
	    F("traceparent", TRACE "-x"), F("Tracestate", "a=1")};
	static const struct http_field two[] = {
	    F("traceparent", TRACE), F("traceparent", TRACE), F("Tracestate", "a=1")};
	static const struct http_field none[] = {F("Tracestate", "a=1")};
	static const struct http_field named[] = {
	    F("traceparent", TRACE), F("Connection", "traceparent"), F("Tracestate", "a=1")};
	struct headers_hop h = hop(false);
	struct fields out;

	(void)state;
	for (int trusted = 0; trusted < 2; trusted++) {
		assert_string_equal(forwarded(good, N(good), trusted, "traceparent"), TRACE);
		assert_string_equal(forwarded(good, N(good), trusted, "tracestate"), "a=1");
		assert_string_equal(forwarded(bad, N(bad), trusted, "traceparent"), MADE);
		assert_null(forwarded(bad, N(bad), trusted, "tracestate"));
		assert_string_equal(forwarded(two, N(two), trusted, "traceparent"), MADE);
		assert_null(forwarded(two, N(two), trusted, "tracestate"));
		assert_string_equal(forwarded(none, N(none), trusted, "traceparent"), MADE);
		assert_null(forwarded(none, N(none), trusted, "tracestate"));
		assert_string_equal(forwarded(named, N(named), trusted, "traceparent"), MADE);
		assert_null(forwarded(named, N(named), trusted, "tracestate"));
	}
	h.trace = NULL;
	fields_init(&out);
	headers_forward_request(&out, bad, N(bad), &h);
	assert_true(fields_ok(&out));
	assert_null(fields_get(&out, "traceparent").p);
	assert_null(fields_get(&out, "tracestate").p);
	fields_fini(&out);
}

static void
cleans_responses(void **state)
{
	static const struct http_field in[] = {F("Content-Length", "9"), F("Connection", "x-a"),
	    F("X-A", "1"), F("X-EE-Attested", "yes"), F("Set-Cookie", "a=1"),
	    F("Set-Cookie", "b=2"), F("Trailer", "x")};
	struct fields out;

	(void)state;
	for (int keep = 0; keep < 2; keep++) {
		fields_init(&out);
		headers_forward_response(&out, in, N(in), keep, "ee");
		assert_int_equal(out.n, keep ? 4 : 3);
		assert_true(span_is(fields_get(&out, "via"), "1.1 ee"));
		fields_fini(&out);
	}
}

static void
lists_stay_within_bounds(void **state)
{
	struct fields f;

	(void)state;
	fields_init(&f);
	for (int i = 0; i < LIMIT_HEAD_FIELDS; i++)
		fields_add_str(&f, "A", "b");
	assert_true(fields_ok(&f));
	fields_add_str(&f, "A", "b");
	assert_false(fields_ok(&f));
	fields_fini(&f);
	fields_init(&f);
	fields_add_str(&f, "A", "b\r\nEvil: c");
	assert_false(fields_ok(&f));
	assert_int_equal(f.n, 0);
	fields_fini(&f);
}

static void
reads_lengths(void **state)
{
	static const struct {
		const char *text;
		uint64_t n;
	} good[] = {{"0", 0}, {"7", 7}, {"007", 7}, {"999999999999999999", 999999999999999999}};
	static const char *const bad[] = {"", " 7", "7 ", "+7", "-7", "0x7", "7,7", "7.", "1e3",
	    "a", "1000000000000000000", "18446744073709551616", "0000000000000000007"};
	uint64_t n = 42;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (http_length_parse(span_str(bad[i]), &n))
			fail_msg("taken: %s", bad[i]);
	assert_false(http_length_parse(span_of(NULL, 0), &n));
	assert_false(http_length_parse(span_of("7\0", 2), &n));
	assert_int_equal(n, 42);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(http_length_parse(span_str(good[i].text), &n));
		assert_true(n == good[i].n);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_fields),
	    cmocka_unit_test(judges_every_byte_at_every_place),
	    cmocka_unit_test(cleans_requests),
	    cmocka_unit_test(knows_what_ends_at_a_hop),
	    cmocka_unit_test(believes_trusted_peers_only),
	    cmocka_unit_test(joins_what_trusted_peers_sent),
	    cmocka_unit_test(keeps_or_begins_traces),
	    cmocka_unit_test(keeps_ours_out_of_trailers),
	    cmocka_unit_test(cleans_responses),
	    cmocka_unit_test(lists_stay_within_bounds),
	    cmocka_unit_test(reads_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
