#include "hostile/hand.h"
#include "base/hex.h"
#include "base/jcs.h"
#include "hostile/conn.h"

#include <stdio.h>
#include <stdlib.h>

/* The largest message is more than any control plane should take. */
#define SAY_MAX (64u * 1024 * 1024)
/* A control plane that counts dials by address is to see the attack, not the count. */
#define DIALS    20
#define AGAIN_MS 500

static void
on_open(struct ws_conn *w, void *ctx)
{
	struct hand *h = ctx;

	(void)w;
	h->open = true;
	kit_wake(h->k);
}

static void
on_text(struct ws_conn *w, struct span text, void *ctx)
{
	struct hand *h = ctx;
	struct note *n = calloc(1, sizeof *n);

	(void)w;
	if (n) {
		buf_init(&n->text, SAY_MAX);
		buf_add(&n->text, text);
		*h->last = n;
		h->last = &n->next;
	}
	kit_wake(h->k);
}

static void
on_binary(struct ws_conn *w, struct span bytes, void *ctx)
{
	struct hand *h = ctx;

	(void)w;
	buf_add(&h->binary, bytes);
	kit_wake(h->k);
}

static void
on_close(struct ws_conn *w, uint16_t code, struct span reason, const struct err *why, void *ctx)
{
	struct hand *h = ctx;

	(void)w;
	h->ws = NULL;
	h->code = code;
	h->turned_away = why && why->reason == REASON_UPGRADE_REFUSED;
	if (reason.n)
		(void)span_cstr(span_first(reason, sizeof h->why - 1), h->why, sizeof h->why);
	else if (why)
		(void)snprintf(h->why, sizeof h->why, "%.100s", why->detail);
	kit_wake(h->k);
}

static const struct ws_conn_ops ops = {
    .on_open = on_open, .on_text = on_text, .on_binary = on_binary, .on_close = on_close};

static bool
is_settled(void *ctx)
{
	const struct hand *h = ctx;

	return h->open || !h->ws;
}

static struct hand *
make(struct kit *k, const char *app)
{
	struct hand *h = calloc(1, sizeof *h);

	if (!h)
		return NULL;
	h->k = k;
	h->last = &h->first;
	h->version = 1;
	buf_init(&h->binary, SAY_MAX);
	buf_init(&h->quote, 128u * 1024);
	(void)snprintf(
	    h->app, sizeof h->app, "%.40s%s%.20s", k->o->app, app ? "-" : "", app ? app : "");
	(void)snprintf(h->agent, sizeof h->agent, "ee-attack-%u", ++k->serial);
	h->id = (struct attest_identity){k->o->repo, k->o->tag, h->app, k->o->network, h->agent};
	h->next = k->hands;
	k->hands = h;
	return h;
}

struct hand *
hand_open(struct kit *k, const char *app)
{
	static const struct ws_conn_opts o = {.max_message = SAY_MAX};
	struct hand *h = make(k, app);
	struct err e = {0};
	char url[URL_ORIGIN_MAX + 32];
	struct ws_dial d = {.url = url, .tls = k->tls, .user_agent = "ee-sim attack"};

	/* http://… becomes ws://…, https://… wss://… */
	(void)snprintf(url, sizeof url, "ws%s/v1/tunnel", k->audience + 4);
	for (int i = 0; h && i < DIALS && !h->open && (i == 0 || h->turned_away); i++) {
		if (i)
			kit_pace(k, AGAIN_MS);
		h->ws = ws_conn_dial(k->loop, &d, &o, &ops, h, &e);
		if (!h->ws)
			break;
		ws_conn_set_queue(h->ws, SAY_MAX, SAY_MAX);
		(void)kit_wait(k, is_settled, h, k->o->patience_ms);
	}
	if (h && h->ws && h->open)
		return h;
	(void)kit_cannot(k, "no tunnel at %s: %.150s", url, h && h->why[0] ? h->why : e.detail);
	return NULL;
}

bool
hand_say(struct hand *h, const char *text)
{
	return h->ws && ws_conn_send_text(h->ws, span_str(text));
}

bool
hand_register(struct hand *h)
{
	struct msg_register m = {.tunnel_version = h->version};
	struct buf out;
	bool ok;

	(void)snprintf(m.repo, sizeof m.repo, "%s", h->id.repo);
	(void)snprintf(m.release_tag, sizeof m.release_tag, "%s", h->id.release_tag);
	(void)snprintf(m.app_name, sizeof m.app_name, "%s", h->id.app_name);
	(void)snprintf(m.network, sizeof m.network, "%s", h->id.network);
	(void)snprintf(m.agent_id, sizeof m.agent_id, "%s", h->id.agent_id);
	buf_init(&out, 8192);
	msg_write_register(&out, &m);
	ok = buf_ok(&out) && hand_say(h, buf_cstr(&out));
	buf_fini(&out);
	return ok;
}

/* -- what comes -- */

static bool
has_note(void *ctx)
{
	const struct hand *h = ctx;

	return h->first || !h->ws;
}

static void
free_notes(struct note *n)
{
	while (n) {
		struct note *next = n->next;

		buf_fini(&n->text);
		free(n);
		n = next;
	}
}

/* Wait for a note that parses; false when the time or the tunnel is over. */
static bool
take_note(struct hand *h, struct msg *m, uint64_t end)
{
	for (;;) {
		uint64_t now = net_loop_now_ms(h->k->loop);
		struct err e = {0};
		struct note *n;

		if (!kit_wait(h->k, has_note, h, now < end ? end - now : 1) || !h->first)
			return false;
		n = h->first;
		h->first = n->next;
		if (!h->first)
			h->last = &h->first;
		n->next = h->taken;
		h->taken = n; /* what a message points into lives as long as we do */
		if (msg_parse(m, buf_span(&n->text), MSG_FROM_CONTROL, &e))
			return true;
	}
}

bool
hand_hear(struct hand *h, enum msg_type type, struct msg *m, uint64_t ms)
{
	uint64_t end = net_loop_now_ms(h->k->loop) + ms;

	while (take_note(h, m, end)) {
		if (m->type == type)
			return true;
		msg_fini(m);
	}
	return false;
}

static void
keep_challenge(struct hand *h, const struct msg *m)
{
	uint8_t exported[TLS_EXPORTER_SIZE];

	memcpy(h->nonce, m->u.attest_request.nonce, sizeof h->nonce);
	h->channel[0] = '\0';
	if (m->u.attest_request.channel && h->ws && ws_conn_tls_exporter(h->ws, exported))
		hex_encode(span_of(exported, sizeof exported), h->channel);
}

bool
hand_challenge(struct hand *h)
{
	struct msg m;

	if (!hand_hear(h, MSG_ATTEST_REQUEST, &m, h->k->o->patience_ms))
		return false;
	keep_challenge(h, &m);
	msg_fini(&m);
	return true;
}

/* What a status says, or the end, or nothing. */
static enum verdict
word_of(struct hand *h, const struct msg *m, char word[static 200])
{
	if (!m && h->ws)
		(void)snprintf(word, 200, "silence");
	else if (!m)
		(void)snprintf(word, 200, "closed %u %s", (unsigned)h->code, h->why);
	else
		(void)snprintf(word, 200, "%s%s%.60s", m->u.status.reason,
		    m->u.status.cause[0] ? ", " : "", m->u.status.cause);
	if (m && strcmp(m->u.status.state, "invalid") != 0)
		return VERDICT_ADMITTED;
	return m || !h->ws ? VERDICT_REFUSED : VERDICT_NONE;
}

enum verdict
hand_verdict(struct hand *h, char word[static 200])
{
	enum verdict v;
	struct msg m;

	if (!hand_hear(h, MSG_STATUS, &m, h->k->o->patience_ms))
		return word_of(h, NULL, word);
	v = word_of(h, &m, word);
	msg_fini(&m);
	return v;
}

enum verdict
hand_reply(struct hand *h, char word[static 200])
{
	uint64_t end = net_loop_now_ms(h->k->loop) + h->k->o->patience_ms;
	enum verdict v = VERDICT_NONE;
	struct msg m;

	while (v == VERDICT_NONE) {
		if (!take_note(h, &m, end))
			return word_of(h, NULL, word);
		if (m.type == MSG_ATTEST_REQUEST) {
			keep_challenge(h, &m);
			v = VERDICT_CHALLENGED;
		} else if (m.type == MSG_STATUS) {
			v = word_of(h, &m, word);
		}
		msg_fini(&m);
	}
	return v;
}

static bool
is_over(void *ctx)
{
	const struct hand *h = ctx;

	return !h->ws;
}

bool
hand_ended(struct hand *h, uint64_t ms)
{
	return kit_wait(h->k, is_over, h, ms);
}

/* -- what is said -- */

void
hand_claims(const struct kit *k, struct buf *out)
{
	struct span given = span_str(k->o->claims);
	size_t end = given.n;

	while (end && given.p[end - 1] != '}')
		end--;
	buf_add(out, span_first(given, end ? end - 1 : 0));
	buf_printf(out,
	    "%s\"agent_config\":{\"control\":\"%s\",\"ca\":\"system\",\"backend\":\"loopback\"}}",
	    span_find(given, ":") < given.n ? "," : "", k->audience);
}

static bool
report_data(struct hand *h, const struct lie *lie, struct span claims,
    uint8_t out[static ATTEST_REPORT_DATA])
{
	static const struct json_limits lim = {16, 4096};
	struct attest_binding b = {.id = lie->bound ? lie->bound : &h->id,
	    .audience = lie->audience ? lie->audience : h->k->audience,
	    .channel = lie->channel ? lie->channel : h->channel};
	struct err e = {0};
	struct json_doc doc;
	bool ok;

	(void)!hex_decode(
	    span_str(lie->nonce_bound ? lie->nonce_bound : h->nonce), b.nonce, sizeof b.nonce);
	if (!json_parse(&doc, claims, lim, &e))
		return kit_cannot(h->k, "--claims is no JSON object");
	ok = attest_report_data(&doc, json_top(&doc), &b, out, &e);
	json_free(&doc);
	if (lie->no_freshness)
		memset(out + ATTEST_DIGEST, 0, ATTEST_REPORT_DATA - ATTEST_DIGEST);
	return ok || kit_cannot(h->k, "--claims: %s", e.shown[0] ? e.shown : e.detail);
}

bool
hand_answer(struct hand *h, const struct lie *lie)
{
	static const struct lie truth;
	uint8_t rd[ATTEST_REPORT_DATA];
	struct buf claims, text;
	bool ok;

	lie = lie ? lie : &truth;
	buf_init(&claims, 64u * 1024);
	buf_init(&text, SAY_MAX);
	hand_claims(h->k, &claims);
	buf_clear(&h->quote);
	ok = report_data(h, lie, buf_span(&claims), rd);
	if (ok && lie->quote)
		buf_add(&h->quote, buf_span(lie->quote));
	else if (ok)
		ok = kit_quote(h->k, lie->settings, rd, &h->quote);
	if (ok && lie->bend)
		lie->bend(&h->quote);
	if (ok) {
		msg_write_attest_response(&text, lie->nonce_said ? lie->nonce_said : h->nonce,
		    buf_span(&h->quote), span_of(rd, sizeof rd),
		    lie->claims_said ? span_str(lie->claims_said) : buf_span(&claims));
		ok = hand_say(h, buf_cstr(&text));
	}
	buf_fini(&claims);
	buf_fini(&text);
	return ok;
}

struct hand *
hand_serve(struct kit *k, const char *app, unsigned version)
{
	char word[200] = "no challenge";
	struct hand *h;

	if (!kit_has_quotes(k))
		return NULL;
	h = hand_open(k, app);
	if (!h)
		return NULL;
	h->version = version;
	if (hand_register(h) && hand_challenge(h) && hand_answer(h, NULL)
	    && hand_verdict(h, word) == VERDICT_ADMITTED
	    && hand_say(h, "{\"type\":\"health\",\"status\":\"pass\"}"))
		return h;
	if (k->result != RESULT_NOT_APPLICABLE)
		(void)kit_cannot(k,
		    "an agent that tells the truth is not admitted (%s), so a refusal "
		    "would prove nothing",
		    word);
	return NULL;
}

static bool
all_over(void *ctx)
{
	const struct kit *k = ctx;

	for (const struct hand *h = k->hands; h; h = h->next)
		if (h->ws)
			return false;
	return true;
}

void
hand_close_all(struct kit *k)
{
	for (struct hand *h = k->hands; h; h = h->next)
		if (h->ws)
			ws_conn_close(h->ws, 1000, span_str(""));
	(void)kit_wait(k, all_over, k, 3000);
}

void
hand_free_all(struct kit *k)
{
	while (k->hands) {
		struct hand *h = k->hands;

		k->hands = h->next;
		free_notes(h->first);
		free_notes(h->taken);
		buf_fini(&h->binary);
		buf_fini(&h->quote);
		free(h);
	}
}
