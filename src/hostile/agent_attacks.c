/* Attacks of an agent that is attested: what it answers, to whom, and how much. Version 1. */
#include "base/jcs.h"
#include "hostile/conn.h"
#include "hostile/hand.h"
#include "hostile/scenario.h"

#include <stdio.h>

/* A visitor asks the agent and waits; gives the connection and the request's id. */
static struct conn *
asked(struct kit *k, struct hand *h, const char *target, char id[static MSG_REQUEST_ID_MAX])
{
	char text[300];
	struct conn *c = conn_open(k, &k->proxy);
	struct msg m;

	(void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s.%s\r\n\r\n", target,
	    h->id.app_name, k->o->domain);
	if (!c || !conn_send(c, span_str(text)))
		return NULL;
	if (!hand_hear(h, MSG_PROXY_REQUEST, &m, k->o->patience_ms)) {
		(void)kit_cannot(k, "an ordinary request does not reach its app");
		return NULL;
	}
	memcpy(id, m.u.proxy_request.request_id, MSG_REQUEST_ID_MAX);
	msg_fini(&m);
	return c;
}

static struct hand *
serve(struct kit *k, const char *app)
{
	struct hand *h = scenario_has_proxy(k) ? hand_serve(k, app, 1) : NULL;

	if (h && !scenario_is_allowed(k, h)) {
		(void)kit_cannot(k, "attested and not allowed");
		return NULL;
	}
	return h;
}

/* Answer with those members (of proxy_response, behind the request's id). */
static void
answer(struct hand *h, const char *id, const char *members)
{
	struct buf b;

	buf_init(&b, CONN_IN_MAX);
	buf_printf(&b, "{\"type\":\"proxy_response\",\"request_id\":\"%s\",", id);
	buf_add_str(&b, members);
	buf_add_str(&b, "}");
	(void)hand_say(h, buf_cstr(&b));
	buf_fini(&b);
}

/* Play each answer to a visitor of its own, who must not see the mark anywhere. */
static void
unseen(struct kit *k, const char *const *members, size_t n, const char *mark)
{
	struct hand *h = serve(k, "a");
	char line[100] = "";

	for (size_t i = 0; h && i < n; i++) {
		char id[MSG_REQUEST_ID_MAX];
		struct conn_answer a;
		struct conn *c;

		if (!h->ws && !(h = serve(k, "a"))) /* the last answer has cost the tunnel */
			return;
		kit_case(k);
		c = asked(k, h, "/a", id);
		if (!c)
			return;
		answer(h, id, members[i]);
		(void)conn_answer(c, &a);
		(void)conn_first_line(c, line);
		if (conn_has(c, mark))
			(void)kit_broken(k, "the visitor gets what case %zu put there", i + 1);
		conn_close(c);
	}
	if (h && k->result == RESULT_NONE)
		(void)kit_held(
		    k, "%zu answers, none reached the visitor; the last was %s", n, line);
}

#define UNSEEN(k, list, mark) unseen(k, list, sizeof(list) / sizeof *(list), mark)
#define OK(headers)           "\"status\":200,\"headers\":" headers ",\"body_b64\":\"\""

static void
splitting(struct kit *k)
{
	static const char *const members[] = {OK("{\"X-A\":\"b\\r\\nX-Evil: 1\"}"),
	    OK("{\"X-A\":\"b\\nX-Evil: 1\"}"), OK("{\"X-A\":\"b\\rX-Evil: 1\"}"),
	    OK("{\"X-A\\r\\nX-Evil\":\"1\"}"), OK("{\"X-Evil:\":\"1\"}"),
	    OK("{\"X-A\":[\"b\",\"c\\r\\nX-Evil: 1\"]}"), OK("{\"X-Evil \":\"1\"}"),
	    OK("{\"X-A\":\"\\u0000X-Evil\"}"),
	    OK("{\"X-A\":\"b\\r\\n\\r\\nHTTP/1.1 200 OK\\r\\nX-Evil: 1\"}")};

	UNSEEN(k, members, "x-evil");
}

static void
statuses(struct kit *k)
{
	static const char *const members[] = {
	    "\"status\":101,\"headers\":{\"X-Evil\":\"1\"},\"body_b64\":\"\"",
	    "\"status\":100,\"headers\":{\"X-Evil\":\"1\"},\"body_b64\":\"\"",
	    "\"status\":99,\"headers\":{\"X-Evil\":\"1\"},\"body_b64\":\"\"",
	    "\"status\":1000,\"headers\":{\"X-Evil\":\"1\"},\"body_b64\":\"\"",
	    "\"status\":-200,\"headers\":{\"X-Evil\":\"1\"},\"body_b64\":\"\""};

	UNSEEN(k, members, "x-evil");
}

static void
hop_fields(struct kit *k)
{
	static const char *const members[] = {OK("{\"Transfer-Encoding\":\"chunked, x-evil\"}"),
	    OK("{\"Connection\":\"x-evil\",\"X-Evil\":\"1\"}"), OK("{\"Upgrade\":\"x-evil\"}"),
	    OK("{\"X-EE-Attested\":\"x-evil\"}"), OK("{\"Keep-Alive\":\"x-evil\"}")};

	UNSEEN(k, members, "x-evil");
}

/* A cookie for the domain that all apps share would be sent to the others', too. */
static void
parent_cookie(struct kit *k)
{
	static const char *const ways[] = {"Domain=%", "Domain=.%", "Secure; domain = %",
	    "Domain=x; DOMAIN=%; Path=/", "HttpOnly;Domain=%;"};
	char text[5][200];
	const char *members[5];

	for (size_t i = 0; i < 5; i++) {
		size_t at = strcspn(ways[i], "%");

		(void)snprintf(text[i], sizeof text[i],
		    OK("{\"Set-Cookie\":[\"mine=1\",\"x-evil=1; %.*s%.60s%s\"]}"), (int)at, ways[i],
		    k->o->domain, ways[i] + at + 1);
		members[i] = text[i];
	}
	UNSEEN(k, members, "x-evil");
}

static void
lengths(struct kit *k)
{
	/* "evil" stands behind the end that the length names; or the length reaches beyond. */
	static const char *const lens[] = {
	    "\"0\"", "\"1\"", "\"999\"", "[\"0\",\"4\"]", "\"-1\"", "\"4x\""};
	struct hand *h = serve(k, "a");
	size_t n = sizeof lens / sizeof *lens;

	for (size_t i = 0; h && i < n; i++) {
		char id[MSG_REQUEST_ID_MAX], members[200];
		struct conn_answer a;
		struct conn *c = asked(k, h, "/a", id);

		kit_case(k);
		if (!c)
			return;
		(void)snprintf(members, sizeof members,
		    "\"status\":200,\"headers\":{\"Content-Length\":%s},\"body_b64\":\"ZXZpbA==\"",
		    lens[i]);
		answer(h, id, members);
		if (conn_answer(c, &a) && a.status == 200
		    && (!a.whole || (a.length != -1 && a.length != 4)))
			(void)kit_broken(k, "Content-Length %s goes on as it is", lens[i]);
		conn_close(c);
	}
	if (h && k->result == RESULT_NONE)
		(void)kit_held(k, "%zu lengths are the control plane's own, or refused", n);
}

/* Two apps: one's agent answers for the other's visitor. */
static void
others_request(struct kit *k)
{
	struct hand *mine = serve(k, "a"), *other = mine ? serve(k, "b") : NULL;
	char id[MSG_REQUEST_ID_MAX];
	struct conn_answer a;
	struct conn *c = other ? asked(k, mine, "/mine", id) : NULL;

	if (!c)
		return;
	answer(other, id, "\"status\":200,\"headers\":{\"X-Evil\":\"1\"},\"body_b64\":\"\"");
	answer(other, id, "\"error\":\"backend_unreachable\"");
	kit_pace(k, 200);
	answer(mine, id, "\"status\":200,\"headers\":{\"X-Mine\":\"1\"},\"body_b64\":\"\"");
	(void)conn_answer(c, &a);
	if (conn_has(c, "x-evil") || !conn_has(c, "x-mine"))
		(void)kit_broken(k, "the visitor gets another agent's answer");
	else
		(void)kit_held(k, "the visitor gets his own agent's answer");
}

/* What was answered is over: a second answer is for nobody, least of all the next visitor. */
static void
second_answer(struct kit *k)
{
	struct hand *h = serve(k, "a");
	char id[MSG_REQUEST_ID_MAX], id2[MSG_REQUEST_ID_MAX];
	struct conn *c = h ? asked(k, h, "/1", id) : NULL, *next;
	struct conn_answer a;

	if (!c)
		return;
	answer(h, id, OK("{}"));
	answer(h, id, OK("{\"X-Evil\":\"1\"}"));
	(void)conn_answer(c, &a);
	next = asked(k, h, "/2", id2);
	if (!next)
		return;
	answer(h, id, OK("{\"X-Evil\":\"2\"}"));
	answer(h, id2, OK("{\"X-Right\":\"1\"}"));
	(void)conn_answer(next, &a);
	if (strcmp(id, id2) == 0 || conn_has(c, "x-evil") || conn_has(next, "x-evil"))
		(void)kit_broken(k, "an answer that nobody waits for reaches a visitor");
	else
		(void)kit_held(k, "the first answer counts, the others are nobody's");
}

static void
header_bomb(struct kit *k)
{
	struct hand *h = serve(k, "a");
	char id[MSG_REQUEST_ID_MAX];
	struct conn *c = h ? asked(k, h, "/a", id) : NULL;
	struct conn_answer a;
	struct buf b;

	if (!c)
		return;
	buf_init(&b, CONN_IN_MAX);
	buf_add_str(&b, "\"status\":200,\"headers\":{\"X-Evil\":\"1\"");
	for (int i = 0; i < 5000; i++)
		buf_printf(&b, ",\"X-%d\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", i);
	buf_add_str(&b, "},\"body_b64\":\"\"");
	answer(h, id, buf_cstr(&b));
	buf_fini(&b);
	(void)conn_answer(c, &a);
	if (conn_has(c, "x-evil"))
		(void)kit_broken(k, "a head of 5000 fields reaches the visitor");
	else if (scenario_was_answered(k, c))
		(void)kit_held(k, "the visitor gets %d", a.status);
}

static void
oversize_message(struct kit *k)
{
	struct hand *h = serve(k, "a");
	struct buf b;

	if (!h)
		return;
	buf_init(&b, CONN_IN_MAX);
	buf_add_str(&b, "{\"type\":\"health\",\"status\":\"");
	for (int i = 0; i < 17 * 16; i++) {
		uint8_t *p = buf_grow(&b, 65536);

		if (p) {
			memset(p, 'a', 65536);
			buf_grow_commit(&b, 65536);
		}
	}
	buf_add_str(&b, "\"}");
	(void)hand_say(h, buf_cstr(&b));
	buf_fini(&b);
	if (hand_ended(h, 2 * k->o->patience_ms))
		(void)kit_held(k, "closed %u %s", (unsigned)h->code, h->why);
	else
		(void)kit_broken(k, "a message of 17 MiB is taken");
}

static void
garbage_messages(struct kit *k)
{
	struct hand *h = serve(k, "a");

	for (int i = 0; h && i < 64; i++)
		(void)hand_say(h, i % 2 ? "{\"type\":\"evil\"}" : "[[[[");
	if (h && hand_ended(h, k->o->patience_ms))
		(void)kit_held(k, "closed %u %s", (unsigned)h->code, h->why);
	else if (h)
		(void)kit_broken(k, "64 messages that are none, and the tunnel goes on");
}

const struct scenario scenario_agents[] = {
    {"agent-splitting", "8", "put lines into an answer's fields", splitting},
    {"agent-status", "0.18", "answer with a status that ends no request or is none", statuses},
    {"agent-hop-fields", "0.18", "rule the visitor's connection by fields", hop_fields},
    {"agent-parent-cookie", "17", "set a cookie that the other apps get", parent_cookie},
    {"agent-length", "8", "lie about the length of a body", lengths},
    {"agent-other-request", "17", "answer for another app's visitor", others_request},
    {"agent-second-answer", "17", "answer again what was answered", second_answer},
    {"agent-header-bomb", "17", "answer with thousands of fields", header_bomb},
    {"agent-oversize-message", "16", "send a message larger than any", oversize_message},
    {"agent-garbage", "16", "send messages that are none, without end", garbage_messages},
    {NULL, NULL, NULL, NULL}};
