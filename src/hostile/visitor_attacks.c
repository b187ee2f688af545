/* Attacks of visitors: whose app one reaches, what the agent is made to see, and where one gets. */
#include "base/base64.h"
#include "base/jcs.h"
#include "hostile/conn.h"
#include "hostile/hand.h"
#include "hostile/scenario.h"

#include <stdio.h>

/* Two apps that are served, and what a visitor may name them by. */
struct stage {
	struct hand *agents[2];
	char host[2][160];
};

static bool
set(struct kit *k, struct stage *s, size_t n)
{
	if (!scenario_has_proxy(k))
		return false;
	memset(s, 0, sizeof *s);
	for (size_t i = 0; i < n; i++) {
		s->agents[i] = hand_serve(k, i ? "b" : "a", 1);
		if (!s->agents[i])
			return false;
		(void)snprintf(s->host[i], sizeof s->host[i], "%s.%s", s->agents[i]->id.app_name,
		    k->o->domain);
		if (!scenario_is_allowed(k, s->agents[i]))
			return kit_cannot(
			    k, "%s is attested and not allowed", s->agents[i]->id.app_name);
	}
	return true;
}

/* Write a text; %H in it stands for the first app's host, %O for the second's, %N for the first's
 * name. */
static void
spell(struct buf *out, const struct stage *s, const char *text)
{
	for (; *text; text++) {
		char what = text[0] == '%' ? text[1] : '\0';

		if (what == 'H' || what == 'O')
			buf_add_str(out, s->host[what == 'O']);
		else if (what == 'N')
			buf_add_str(out, s->agents[0]->id.app_name);
		else
			buf_add_u8(out, (uint8_t)*text);
		if (what == 'H' || what == 'O' || what == 'N')
			text++;
	}
}

/* Visit the first app. NULL when the listener cannot be reached; else free seen->text. */
static struct conn *
visit(struct kit *k, const struct stage *s, const char *text, struct seen *seen)
{
	struct buf b;
	struct conn *c;

	buf_init(&b, 1u << 20);
	spell(&b, s, text);
	c = scenario_visit(k, &k->proxy, buf_span(&b), s->agents, s->agents[1] ? 2 : 1, seen);
	buf_fini(&b);
	return c;
}

/* An ordinary request goes through, so that what does not is refused for what it is. */
static bool
works(struct kit *k, const struct stage *s)
{
	struct seen seen;
	struct conn *c = visit(k, s, "GET /plain HTTP/1.1\r\nHost: %H\r\n\r\n", &seen);
	bool ok = c && seen.n == 1;
	char line[100];

	buf_fini(&seen.text);
	return ok
	       || (c
		   && kit_cannot(k, "an ordinary request does not reach its app: %s",
		       conn_first_line(c, line)));
}

/* -- who is named -- */

static void
header_routing(struct kit *k)
{
	static const char *const fields[] = {"X-EE-App: ", "x-ee-app: ", "X_EE_App: ",
	    "X-Forwarded-Host: ", "X-Original-Host: ", "X-EE-Host: ", "Forwarded: for=1;host="};
	struct stage s;
	size_t i = 0;

	if (!set(k, &s, 2) || !works(k, &s))
		return;
	for (; i < sizeof fields / sizeof *fields; i++) {
		struct seen seen;
		char text[400], path[16];
		struct conn *c;
		bool other;

		kit_case(k);
		(void)snprintf(path, sizeof path, "/mine-%zu", i);
		(void)snprintf(text, sizeof text,
		    "GET /mine-%zu HTTP/1.1\r\nHost: %%H\r\n%s%.60s\r\n\r\n", i, fields[i],
		    i > 2 ? s.host[1] : s.agents[1]->id.app_name);
		c = visit(k, &s, text, &seen);
		other = s.agents[1]->taken && seen.n
			&& span_has(buf_span(&s.agents[1]->taken->text), path);
		buf_fini(&seen.text);
		if (!c || !scenario_was_answered(k, c))
			return;
		if (other)
			(void)kit_broken(k, "%schose another app", fields[i]);
	}
	(void)kit_held(k, "%zu fields chose nothing", i);
}

static void
forged_fields(struct kit *k)
{
	static const char *const gone[] = {
	    "x-ee-attested", "evil-proto", "10.66.66.66", "x-ee-host", "x-ee-proxy-token"};
	struct stage s;
	struct seen seen;
	struct conn *c;

	if (!set(k, &s, 1) || !works(k, &s))
		return;
	c = visit(k, &s,
	    "GET /mine HTTP/1.1\r\nHost: %H\r\nX-EE-Attested: yes\r\nX-Forwarded-For: "
	    "10.66.66.66\r\n"
	    "X-Forwarded-Proto: evil-proto\r\nForwarded: for=10.66.66.66\r\nX-Real-IP: "
	    "10.66.66.66\r\n"
	    "X-EE-Host: evil\r\nX-EE-Proxy-Token: x\r\n\r\n",
	    &seen);
	if (c && !seen.n && scenario_was_answered(k, c))
		(void)kit_held(k, "refused");
	for (size_t i = 0; c && seen.n && i < sizeof gone / sizeof *gone; i++) {
		kit_case(k);
		if (span_has(buf_span(&seen.text), gone[i]))
			(void)kit_broken(k, "the app sees %s", gone[i]);
	}
	if (c && seen.n)
		(void)kit_held(k, "the app sees none of them");
	buf_fini(&seen.text);
}

/* Ask with a head that must reach nobody. False: what came of it could not be seen. */
static bool
reaches(struct kit *k, struct stage *s, const char *text, char line[static 100], unsigned *n,
    bool *served)
{
	struct seen seen;
	struct conn *c;

	kit_case(k);
	c = visit(k, s, text, &seen);
	*n = seen.n;
	buf_fini(&seen.text);
	if (!c || !scenario_was_answered(k, c))
		return false;
	(void)conn_first_line(c, line);
	*served = conn_has(c, "HTTP/1.1 200");
	return true;
}

static void
host_tricks(struct kit *k)
{
	static const char *const heads[] = {"Host: %H\r\nHost: %O", "Host: u@%O", "Host: %O@%H",
	    "Host: %H, %O", "Host: %H/../%O", "Host: %H %O", "Host:", "X-A: b",
	    "Host: %H\r\n\tHost: %O", "Host: %H:0x50"};
	struct stage s;
	char line[100] = "";

	if (!set(k, &s, 2) || !works(k, &s))
		return;
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		char text[200];
		unsigned n;
		bool served;

		(void)snprintf(text, sizeof text, "GET /who HTTP/1.1\r\n%s\r\n\r\n", heads[i]);
		if (!reaches(k, &s, text, line, &n, &served))
			return;
		if (n)
			(void)kit_broken(k, "%s reaches an app", heads[i]);
	}
	(void)kit_held(
	    k, "%zu spellings refused, the last with %s", sizeof heads / sizeof *heads, line);
}

/* -- what is seen -- */

#define HIDDEN "GET /smuggled HTTP/1.1\r\nHost: %H\r\n\r\n"
#define POST   "POST /front HTTP/1.1\r\nHost: %H\r\n"

static void
smuggling(struct kit *k)
{
	static const char *const texts[] = {POST
	    "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN,
	    POST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" HIDDEN,
	    POST "Content-Length: 0\r\nContent-Length: 44\r\n\r\n" HIDDEN,
	    POST "Content-Length: 0, 44\r\n\r\n" HIDDEN, POST "Content-Length: +0\r\n\r\n" HIDDEN,
	    POST "Content-Length: 0x0\r\n\r\n" HIDDEN, POST "Content-Length: -1\r\n\r\n" HIDDEN,
	    POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" HIDDEN,
	    POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" HIDDEN,
	    POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" HIDDEN,
	    POST "X-A: b\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN,
	    POST "X-A: b\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN,
	    POST "X-A: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN,
	    POST "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" HIDDEN,
	    POST "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n" HIDDEN,
	    POST "Transfer-Encoding: chunked\r\n\r\n0\n\n" HIDDEN,
	    "GET /front HTTP/1.1\nHost: %H\n\n" HIDDEN,
	    "POST /front HTTP/1.0\r\nHost: %H\r\nTransfer-Encoding: "
	    "chunked\r\n\r\n0\r\n\r\n" HIDDEN};
	size_t n = sizeof texts / sizeof *texts;
	struct stage s;
	char line[100] = "";

	if (!set(k, &s, 1) || !works(k, &s))
		return;
	for (size_t i = 0; i < n; i++) {
		struct seen seen;
		struct conn *c = visit(k, &s, texts[i], &seen);
		bool through = span_has(buf_span(&seen.text), "/smuggled");

		kit_case(k);
		buf_fini(&seen.text);
		if (!c || !scenario_was_answered(k, c))
			return;
		(void)conn_first_line(c, line);
		conn_close(c);
		if (through)
			(void)kit_broken(
			    k, "the hidden request of case %zu reaches the app", i + 1);
	}
	if (!works(k, &s))
		return;
	(void)kit_held(
	    k, "%zu ambiguous messages hid nothing, the last was answered with %s", n, line);
}

/* -- where one gets -- */

static void
path_tricks(struct kit *k)
{
	/* What must not get through as it stands. */
	static const char *const paths[] = {"http://169.254.169.254/latest", "ftp://%H/",
	    "//../v1/apps", "/../v1/apps", "/%2e%2e/v1/apps", "/..%2f..%2fv1/apps",
	    "/a/../../v1/apps", "../v1/apps", "?a", "%H:80", "/%", "/%00", "/a b", "/a\tb"};
	size_t n = sizeof paths / sizeof *paths;
	struct stage s;
	char line[100] = "";

	if (!set(k, &s, 1) || !works(k, &s))
		return;
	for (size_t i = 0; i < n; i++) {
		char text[200];
		struct seen seen;
		struct conn *c;
		unsigned reached;

		kit_case(k);
		(void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %%H\r\n\r\n", paths[i]);
		c = visit(k, &s, text, &seen);
		reached = seen.n;
		buf_fini(&seen.text);
		if (!c || !scenario_was_answered(k, c))
			return;
		(void)conn_first_line(c, line);
		if (reached)
			(void)kit_broken(k, "%s reaches the app", paths[i]);
	}
	(void)kit_held(k, "%zu targets refused, the last with %s", n, line);
}

/* A path that looks like another place's is the app's own, whole. */
static void
path_is_data(struct kit *k)
{
	static const char *const paths[] = {"/http://169.254.169.254/latest", "/@evil.example/",
	    "/:80/", "/v1/apps", "/dashboard", "/?x=http://169.254.169.254/"};
	size_t n = sizeof paths / sizeof *paths;
	struct stage s;

	if (!set(k, &s, 1) || !works(k, &s))
		return;
	for (size_t i = 0; i < n; i++) {
		char text[200], want[200];
		struct seen seen;
		struct conn *c;
		bool whole;

		kit_case(k);
		(void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %%H\r\n\r\n", paths[i]);
		(void)snprintf(want, sizeof want, "\"path\":\"%s\"", paths[i]);
		c = visit(k, &s, text, &seen);
		whole = !seen.n || span_has(buf_span(&seen.text), want);
		buf_fini(&seen.text);
		if (!c || !scenario_was_answered(k, c))
			return;
		if (!whole || (!seen.n && conn_has(c, "HTTP/1.1 200")))
			(void)kit_broken(k, "%s does not reach the app as it stands", paths[i]);
	}
	(void)kit_held(k, "%zu paths reach the app as they stand, or nobody", n);
}

static void
methods(struct kit *k)
{
	static const char *const heads[] = {
	    "CONNECT 169.254.169.254:80", "CONNECT %H:80", "TRACE /", "G\tET /", "GET/ /"};
	struct stage s;
	char line[100] = "";

	if (!set(k, &s, 1) || !works(k, &s))
		return;
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		char text[200];
		unsigned n;
		bool served;

		(void)snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: %%H\r\n\r\n", heads[i]);
		if (!reaches(k, &s, text, line, &n, &served))
			return;
		if (n || served)
			(void)kit_broken(k, "%s is served", heads[i]);
	}
	(void)kit_held(k, "refused, the last with %s", line);
}

/* -- the JSON route -- */

static struct conn *
post(struct kit *k, const struct stage *s, const char *target, struct span body, struct seen *seen)
{
	struct buf b;
	struct conn *c;
	char host[URL_ORIGIN_MAX];

	url_authority(&k->target, host);
	buf_init(&b, CONN_IN_MAX);
	buf_add_str(&b, "POST ");
	spell(&b, s, target);
	buf_printf(&b, " HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n\r\n", host, body.n);
	buf_add(&b, body);
	c = scenario_visit(k, &k->target, buf_span(&b), s->agents, 1, seen);
	buf_fini(&b);
	return c;
}

/* Post each body; what makes the agent see any request is broken. */
#define ROUTE   "/v1/proxy/%N"
#define PAYLOAD "{\"method\":\"GET\",\"path\":\"/a\",\"headers\":{},\"body_b64\":\"\"}"

/* A post that is in order gets through, so that what does not is refused for what it is. */
static bool
posts_work(struct kit *k, struct stage *s)
{
	struct seen seen;
	struct conn *c;
	char line[100];

	s->agents[0] = hand_serve(k, "a", 1);
	if (!s->agents[0] || !scenario_is_allowed(k, s->agents[0]))
		return false;
	c = post(k, s, ROUTE, span_str(PAYLOAD), &seen);
	buf_fini(&seen.text);
	return c
	       && (seen.n == 1
		   || kit_cannot(
		       k, "an ordinary request is not carried: %s", conn_first_line(c, line)));
}

/* Post each; what reaches the agent, or is answered with success, is broken. */
static void
posts(struct kit *k, const char *const *targets, const char *const *bodies, size_t n)
{
	struct stage s = {0};
	char line[100] = "";

	if (!posts_work(k, &s))
		return;
	for (size_t i = 0; i < n; i++) {
		const char *target = targets ? targets[i] : ROUTE,
			   *body = bodies ? bodies[i] : PAYLOAD;
		struct seen seen;
		struct conn *c = post(k, &s, target, span_str(body), &seen);

		kit_case(k);
		buf_fini(&seen.text);
		if (!c || !scenario_was_answered(k, c))
			return;
		(void)conn_first_line(c, line);
		if (seen.n || conn_has(c, "HTTP/1.1 2"))
			(void)kit_broken(k, "%.120s is carried", bodies ? body : target);
	}
	(void)kit_held(k, "%zu refused, the last with %s", n, line);
}

static void
payload_injection(struct kit *k)
{
#define P(method, path, headers)                                                                   \
	"{\"method\":\"" method "\",\"path\":\"" path "\",\"headers\":" headers                    \
	",\"body_b64\":\"\"}"
	static const char *const bodies[] = {P("GET", "/a", "{\"X-A\":\"b\\r\\nX-Evil: c\"}"),
	    P("GET", "/a", "{\"X-A\\r\\nX-Evil\":\"c\"}"), P("GET", "/a", "{\"X A\":\"c\"}"),
	    P("GET", "/a", "{\"X-A\":1}"), P("GET", "/a HTTP/1.1\\r\\nX: y\\r\\n\\r\\n", "{}"),
	    P("GET / HTTP/1.1\\r\\nX: y\\r\\n\\r\\nGET", "/a", "{}"), P("CONNECT", "/a", "{}"),
	    P("TRACE", "/a", "{}"), P("GET", "http://169.254.169.254/", "{}"),
	    P("GET", "/../v1/apps", "{}"), P("GET", "a", "{}"),
	    P("GET", "/a", "{\"Host\":[\"a\",\"b\"]}"),
	    "{\"method\":\"GET\",\"method\":\"PUT\",\"path\":\"/\",\"headers\":{}}",
	    "{\"method\":\"GET\",\"path\":\"/a\",\"headers\":{},\"body_b64\":\"%%%\"}", "[]", "{"};
#undef P

	posts(k, NULL, bodies, sizeof bodies / sizeof *bodies);
}

static void
proxy_route(struct kit *k)
{
	static const char *const targets[] = {"/v1/proxy/../apps", "/v1/proxy/%2e%2e/apps",
	    "/v1/proxy/%N/../other", "/v1/proxy//%N", "/v1/proxy/%N%2f", "/v1/proxy/a.%N",
	    "/v1/proxy/", "/v1/proxy/../../v1/apps"};

	posts(k, targets, NULL, sizeof targets / sizeof *targets);
}

static void
oversize_body(struct kit *k)
{
	struct stage s = {0};
	struct seen seen;
	struct buf body;
	char line[100];
	struct conn *c;

	if (!posts_work(k, &s))
		return;
	buf_init(&body, CONN_IN_MAX);
	buf_add_str(&body, "{\"method\":\"POST\",\"path\":\"/a\",\"headers\":{},\"body_b64\":\"");
	for (int i = 0; i < 20 * 16; i++) {
		uint8_t *p = buf_grow(&body, 65536);

		if (p) {
			memset(p, 'A', 65536);
			buf_grow_commit(&body, 65536);
		}
	}
	buf_add_str(&body, "\"}");
	c = post(k, &s, ROUTE, buf_span(&body), &seen);
	buf_fini(&body);
	buf_fini(&seen.text);
	if (c && (seen.n || conn_has(c, "HTTP/1.1 2")))
		(void)kit_broken(k, "20 MiB are carried in one message");
	else if (c && scenario_was_answered(k, c))
		(void)kit_held(k, "%s", conn_first_line(c, line));
}

static void
resolve_unknown(struct kit *k)
{
	static const char *const names[] = {"ee-attack-nobody", "..", "%2e%2e", "EE-ATTACK", "a.b"};
	char target[80];
	int status = 0;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		(void)snprintf(target, sizeof target, "/v1/resolve/%s", names[i]);
		status = scenario_get(k, target);
		if (status == 0) {
			(void)kit_cannot(k, "no answer");
			return;
		}
		if (status < 400 || status >= 500)
			(void)kit_broken(k, "%s: %d", target, status);
		/* A proxy that asks takes 401 and 403 for "no", and anything else for a failure. */
		if (i == 0 && status != 401 && status != 403)
			(void)kit_broken(
			    k, "%s: %d is a failure to nginx's auth_request", target, status);
	}
	(void)kit_held(k, "refused, the last with %d", status);
}

const struct scenario scenario_visitors[] = {
    {"header-routing", "7", "reach another app by fields that name one", header_routing},
    {"forged-fields", "7", "make the app believe who one is and that one is attested",
	forged_fields},
    {"host-tricks", "0.16", "name two apps, or none, in Host", host_tricks},
    {"smuggling", "8", "hide a request in one whose end two readers see in two places", smuggling},
    {"path-tricks", "0.15", "leave the app by the request's target", path_tricks},
    {"path-is-data", "9", "have a path taken for a place to connect to", path_is_data},
    {"method-tricks", "9", "use the app as a proxy, or have it echo secrets", methods},
    {"payload-injection", "0.18", "inject lines, methods and targets by the JSON route",
	payload_injection},
    {"proxy-route-tricks", "0.16", "reach the admin API by way of the JSON route", proxy_route},
    {"oversize-body", "0.18", "send a body that no message can hold", oversize_body},
    {"resolve-unknown", "0.21", "confuse a proxy with a status that means neither yes nor no",
	resolve_unknown},
    {NULL, NULL, NULL, NULL}};
