/* Attacks by number and size: what strangers may cost. */
#include "hostile/conn.h"
#include "hostile/hand.h"
#include "hostile/scenario.h"

#include <stdio.h>

/* Enough to fill the descriptors and threads of a server that spends one on each. */
#define SILENT    300
#define REGISTERS 40

/* After the flood: the process answers, the app that was there is there, another can come. */
static void
serves_on(struct kit *k, const struct hand *honest, const char *what)
{
	int status = scenario_get(k, "/health");
	enum result before = k->result;

	if (status != 200) {
		(void)kit_broken(k, "%s: /health says %d", what, status);
		return;
	}
	if (!scenario_is_allowed(k, honest)) {
		(void)kit_broken(k, "%s: the app that was served is not any more", what);
		return;
	}
	k->result = before;
	if (!hand_serve(k, "b", 1)) {
		char why[480];

		memcpy(why, k->evidence, sizeof why);
		(void)kit_broken(k, "%s: no other agent is admitted: %.300s", what, why);
		return;
	}
	(void)kit_held(k, "%s: health, the app and a new agent are served", what);
}

static void
silent_connections(struct kit *k)
{
	static const char *const words[] = {"", "GET /v1/tunnel HTT",
	    "GET /v1/tunnel HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"};
	struct hand *honest = hand_serve(k, "a", 1);
	struct conn *c;

	if (!honest || !scenario_is_allowed(k, honest))
		return;
	for (size_t i = 0; i < SILENT; i++) {
		c = conn_dial(k, &k->target);
		if (c)
			(void)conn_send(c, span_str(words[i % 3]));
	}
	kit_pace(k, 300);
	serves_on(k, honest, "300 silent connections");
}

static void
half_registered(struct kit *k)
{
	struct hand *honest = hand_serve(k, "a", 1);
	unsigned n = 0;

	if (!honest || !scenario_is_allowed(k, honest))
		return;
	for (; n < REGISTERS; n++) {
		struct hand *h = hand_open(k, "half");

		if (!h)
			break; /* it takes no more: that is for serves_on to judge */
		(void)hand_register(h);
	}
	k->result = RESULT_NONE;
	serves_on(k, honest, "40 agents that registered and fell silent");
}

static void
garbage_quotes(struct kit *k)
{
	struct hand *honest = hand_serve(k, "a", 1);
	static char big[100000];
	struct buf b;
	char word[200] = "";

	if (!honest || !scenario_is_allowed(k, honest))
		return;
	memset(big, 'A', sizeof big - 1);
	buf_init(&b, 1u << 20);
	for (int i = 0; i < 20; i++) {
		struct hand *h = hand_open(k, "a");

		if (!h || !hand_register(h) || !hand_challenge(h))
			break;
		buf_clear(&b);
		msg_write_attest_response(&b, h->nonce,
		    span_first(span_str(big), i % 2 ? 8 : sizeof big - 4), span_str("00"),
		    span_str("{}"));
		(void)hand_say(h, buf_cstr(&b));
		if (hand_verdict(h, word) == VERDICT_ADMITTED) {
			(void)kit_broken(k, "admitted with garbage");
			break;
		}
	}
	buf_fini(&b);
	if (k->result != RESULT_BROKEN)
		serves_on(k, honest, "20 quotes that are none");
}

static void
oversize_unattested(struct kit *k)
{
	struct hand *h = hand_open(k, "a");
	struct buf b;

	if (!h)
		return;
	buf_init(&b, CONN_IN_MAX);
	buf_add_str(&b, "{\"type\":\"register\",\"repo\":\"");
	for (int i = 0; i < 2048; i++)
		buf_printf(&b, "%0512d", 0);
	buf_add_str(&b, "\"}");
	(void)hand_say(h, buf_cstr(&b));
	buf_fini(&b);
	if (hand_ended(h, k->o->patience_ms))
		(void)kit_held(k, "closed %u %s", (unsigned)h->code, h->why);
	else
		(void)kit_broken(k, "a stranger's message of a megabyte is taken");
}

static void
deep_json(struct kit *k)
{
	struct hand *h = hand_open(k, "a");
	enum verdict v;
	char word[200];
	struct buf b;

	if (!h)
		return;
	buf_init(&b, 1u << 20);
	buf_add_str(&b, "{\"type\":\"register\",\"x\":");
	for (int i = 0; i < 50000; i++)
		buf_add_u8(&b, '[');
	for (int i = 0; i < 50000; i++)
		buf_add_u8(&b, ']');
	buf_printf(&b,
	    ",\"repo\":\"%s\",\"release_tag\":\"%s\",\"app_name\":\"%s\",\"network\":\"%s\","
	    "\"agent_id\":\"x\"}",
	    k->o->repo, k->o->tag, h->id.app_name, k->o->network);
	(void)hand_say(h, buf_cstr(&b));
	buf_fini(&b);
	v = hand_reply(h, word);
	if (v == VERDICT_CHALLENGED || v == VERDICT_ADMITTED)
		(void)kit_broken(k, "50000 arrays inside one another are taken");
	else if (v == VERDICT_NONE || scenario_get(k, "/health") != 200)
		(void)kit_broken(k, "%s, and health is gone", word);
	else
		(void)kit_held(k, "%s", word);
}

static void
upgrade_headers(struct kit *k)
{
	struct buf b;
	struct conn_answer a;
	struct conn *c;
	char line[100];

	buf_init(&b, 1u << 20);
	buf_add_str(&b,
	    "GET /v1/tunnel HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n");
	for (int i = 0; i < 10000; i++)
		buf_printf(&b, "X-%d: a\r\n", i);
	buf_add_str(&b, "\r\n");
	c = conn_ask(k, &k->target, buf_span(&b), &a);
	buf_fini(&b);
	if (!c)
		return;
	if (a.status == 101)
		(void)kit_broken(k, "an upgrade with 10000 fields is taken");
	else if (scenario_get(k, "/health") != 200)
		(void)kit_broken(k, "%s, and health is gone", conn_first_line(c, line));
	else if (scenario_was_answered(k, c))
		(void)kit_held(k, "%s", conn_first_line(c, line));
}

/* A page of another site opens the tunnel, or a route, from a person's browser: it can send no quote,
 * and what it sends as a simple request changes nothing. */
static void
cross_site(struct kit *k)
{
	static const char *const bodies[] = {
	    "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"};
	struct conn_answer a;
	char text[1024], host[URL_ORIGIN_MAX];

	url_authority(&k->target, host);
	for (size_t i = 0; i < 3; i++) {
		struct conn *c;

		(void)snprintf(text, sizeof text,
		    "POST /v1/apps/ee-attack-nobody/ban HTTP/1.1\r\nHost: %s\r\nOrigin: "
		    "https://evil.example\r\n"
		    "Sec-Fetch-Site: cross-site\r\nContent-Type: %s\r\nContent-Length: 0\r\n\r\n",
		    host, bodies[i]);
		c = conn_ask(k, &k->target, span_str(text), &a);
		if (!c)
			return;
		if (a.status != 401 && a.status != 403) {
			(void)kit_broken(k, "a page of another site is answered with %d", a.status);
			return;
		}
	}
	(void)kit_held(k, "%d", a.status);
}

const struct scenario scenario_floods[] = {
    {"silent-connections", "19.2", "hold connections open that say nothing, or half a word",
	silent_connections},
    {"half-registered", "16", "register and fall silent, many times", half_registered},
    {"garbage-quotes", "16", "have quotes verified that are none, of every size", garbage_quotes},
    {"oversize-unattested", "16", "send a megabyte without having attested", oversize_unattested},
    {"deep-json", "16", "nest a message beyond any stack", deep_json},
    {"upgrade-headers", "19.10", "open a tunnel with ten thousand fields", upgrade_headers},
    {"cross-site", "19.11", "drive the admin API from a page of another site", cross_site},
    {NULL, NULL, NULL, NULL}};
