#include "base/test.h"

#include "base/json.h"
#include "control/routes.h"

static enum route_found
find(const char *method, const char *path, struct route_match *m)
{
	return routes_find(span_str(method), span_str(path), m);
}

static void
finds_what_the_table_says(void **state)
{
	static const struct {
		const char *method, *path;
		enum route_id id;
		const char *app, *rest;
	} rows[] = {
	    {"GET", "/health", ROUTE_HEALTH, "", ""},
	    {"HEAD", "/health", ROUTE_HEALTH, "", ""},
	    {"GET", "/v1/tunnel", ROUTE_TUNNEL, "", ""},
	    {"GET", "/v1/resolve/a", ROUTE_RESOLVE, "a", ""},
	    {"DELETE", "/v1/resolve/a%20b", ROUTE_RESOLVE, "a%20b", ""},
	    {"POST", "/v1/proxy/myapp", ROUTE_PROXY_JSON, "myapp", ""},
	    {"GET", "/v1/apps", ROUTE_APPS, "", ""},
	    {"GET", "/v1/apps/x", ROUTE_APP, "x", ""},
	    {"DELETE", "/v1/apps/x", ROUTE_APP_DELETE, "x", ""},
	    {"POST", "/v1/apps/x/attest", ROUTE_APP_ATTEST, "x", ""},
	    {"POST", "/v1/apps/x/ban", ROUTE_APP_BAN, "x", ""},
	    {"DELETE", "/v1/apps/x/ban", ROUTE_APP_UNBAN, "x", ""},
	    {"POST", "/v1/pins", ROUTE_PIN_ACCEPT, "", ""},
	    {"GET", "/v1/audit", ROUTE_AUDIT, "", ""},
	    {"GET", "/v1/events", ROUTE_EVENTS, "", ""},
	    {"POST", "/v1/backup", ROUTE_BACKUP, "", ""},
	    {"PATCH", "/v1/forward/x/", ROUTE_FORWARD, "x", "/"},
	    {"GET", "/v1/forward/x/a/../b", ROUTE_FORWARD, "x", "/a/../b"},
	    {"GET", "/v1/forward/x//", ROUTE_FORWARD, "x", "//"},
	    {"GET", "/dashboard", ROUTE_DASHBOARD, "", ""},
	    {"GET", "/", ROUTE_DASHBOARD_ROOT, "", ""},
	    {"GET", "/openapi.json", ROUTE_OPENAPI, "", ""},
	};
	struct route_match m;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(find(rows[i].method, rows[i].path, &m), ROUTE_FOUND);
		assert_int_equal(m.route->id, rows[i].id);
		assert_true(span_is(m.app, rows[i].app));
		assert_true(span_is(m.rest, rows[i].rest));
	}
}

static void
refuses_every_other_path(void **state)
{
	static const char *const paths[] = {"", "/healthz", "/health/", "//health", "/v1/apps/",
	    "/v1/apps/a/b", "/v1/proxy/../apps", "/v1/resolve/", "/v1/forward/x", "/v1/forward//y",
	    "/v1/apps/x/attest/", "/V1/apps", "/v1/tunnel/x", "*"};
	struct route_match m;

	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		assert_int_equal(find("GET", paths[i], &m), ROUTE_NO_PATH);
}

static void
names_the_methods_that_a_path_takes(void **state)
{
	struct route_match m;

	assert_int_equal(find("PUT", "/v1/apps/x", &m), ROUTE_NO_METHOD);
	assert_string_equal(m.allow, "GET, HEAD, DELETE");
	assert_int_equal(find("GET", "/v1/proxy/x", &m), ROUTE_NO_METHOD);
	assert_string_equal(m.allow, "POST");
	assert_int_equal(find("TRACE", "/v1/resolve/x", &m), ROUTE_NO_METHOD);
	assert_int_equal(find("get", "/health", &m), ROUTE_NO_METHOD);
}

static void
the_document_holds_every_row(void **state)
{
	struct json_limits lim = {32, 65536};
	struct json_doc doc;
	struct err e = {0};
	struct buf out;

	buf_init(&out, 1 << 20);
	routes_write_openapi(&out, "1.2.3");
	assert_true(buf_ok(&out));
	assert_true(json_parse(&doc, buf_span(&out), lim, &e));
	assert_true(json_is(json_get(&doc, json_top(&doc), "openapi"), "3.1.0"));
	for (size_t i = 0; routes_at(i); i++) {
		const struct json_node *paths = json_get(&doc, json_top(&doc), "paths");
		const struct json_node *path = json_get(&doc, paths, routes_at(i)->pattern);
		const char *method = routes_at(i)->method;
		char name[16] = "get";

		assert_non_null(path);
		assert_false(json_has_dup(path));
		for (size_t k = 0; method && k <= strlen(method); k++)
			name[k] = (char)ascii_lower((uint8_t)method[k]);
		assert_true(json_is(json_get(&doc, json_get(&doc, path, name), "operationId"),
		    routes_at(i)->operation));
	}
	json_free(&doc);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_what_the_table_says),
	    cmocka_unit_test(refuses_every_other_path),
	    cmocka_unit_test(names_the_methods_that_a_path_takes),
	    cmocka_unit_test(the_document_holds_every_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
