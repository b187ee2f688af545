/* Quotes: the simulator is asked by its own requests, over HTTP or in this process. */
#include "base/base64.h"
#include "base/hex.h"
#include "base/jcs.h"
#include "hostile/conn.h"
#include "hostile/kit.h"
#include "sim/state.h"

#include <stdio.h>

/* A machine of our own making, which no other test has. */
#define BENT_VM "ee-attack-bent"

bool
kit_has_quotes(struct kit *k)
{
	struct err e = {0};
	uint8_t seed[SIM_SEED_SIZE];
	char token[ERR_TOKEN_MAX];

	if (k->o->sim || k->has_sim)
		return true;
	if (!k->o->state_dir)
		return kit_cannot(k, "nobody to sign quotes: --sim or --sim-state says who");
	k->has_sim = true; /* to be freed, also after a failure */
	if (!sim_state_open(k->o->state_dir, k->env, seed, &e)
	    || !sim_init(&k->sim, seed, "http://127.0.0.1:8099", env_now_s(k->env), &e)) {
		sim_fini(&k->sim);
		k->has_sim = false;
		return kit_cannot(k, "%s: %s", k->o->state_dir, err_token(&e, token));
	}
	sim_state_replay(k->o->state_dir, &k->sim, env_now_s(k->env), &k->env->log);
	return true;
}

static bool
ask_here(struct kit *k, const char *method, const char *path, struct span body, struct buf *out)
{
	struct sim_request rq = {.method = span_str(method), .path = span_str(path), .body = body};
	struct sim_answer a;
	bool ok;

	sim_serve(&k->sim, &rq, env_now_s(k->env), &a);
	ok = a.status >= 200 && a.status < 300;
	buf_clear(out);
	buf_add(out, buf_span(&a.body));
	sim_answer_fini(&a);
	return ok && buf_ok(out);
}

static bool
ask_there(struct kit *k, const char *method, const char *path, struct span body, struct buf *out)
{
	struct conn_answer a;
	struct url u;
	struct err e = {0};
	struct buf rq;
	struct conn *c;
	bool ok;

	if (!kit_target(&u, "--sim", k->o->sim, &e))
		return kit_cannot(k, "%s", e.shown);
	buf_init(&rq, 256u * 1024);
	buf_printf(&rq, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n\r\n", method, path,
	    u.host.name, body.n);
	buf_add(&rq, body);
	c = conn_ask(k, &u, buf_span(&rq), &a);
	buf_fini(&rq);
	buf_clear(out);
	if (c)
		buf_add(out, a.body);
	ok = c && a.whole && a.status >= 200 && a.status < 300 && buf_ok(out);
	if (c)
		conn_close(c);
	return ok;
}

static bool
ask(struct kit *k, const char *method, const char *path, struct span body, struct buf *out)
{
	return k->o->sim ? ask_there(k, method, path, body, out)
			 : ask_here(k, method, path, body, out);
}

/* Make a machine with the listed one's registers, but for what the settings say. */
static bool
make_bent(struct kit *k, const char *settings, struct buf *answer)
{
	static const struct json_limits lim = {2, 200};
	static const char *const same[] = {"mrtd", "rtmr0", "rtmr1", "rtmr2"};
	struct json_doc doc;
	struct err e = {0};
	struct buf body;
	bool ok;

	if (!json_parse(&doc, buf_span(answer), lim, &e))
		return false;
	buf_init(&body, 4096);
	buf_printf(&body, "{%s", settings);
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		const struct json_node *v = json_get(&doc, json_top(&doc), same[i]);
		char key[16];

		(void)snprintf(key, sizeof key, "\"%s\"", same[i]);
		if (v && !strstr(settings, key))
			buf_printf(
			    &body, ",%s:\"%.*s\"", key, (int)v->text.n, (const char *)v->text.p);
	}
	buf_add_str(&body, "}");
	json_free(&doc);
	ok = buf_ok(&body) && ask(k, "PUT", "/sim/vm/" BENT_VM, buf_span(&body), answer);
	buf_fini(&body);
	return ok;
}

static bool
sign(struct kit *k, const char *path, const uint8_t *report_data, struct buf *answer,
    struct buf *out)
{
	static const struct json_limits lim = {2, 16};
	char where[160], hex[2 * ATTEST_REPORT_DATA + 1], body[200];
	const struct json_node *q;
	struct json_doc doc;
	struct err e = {0};
	bool ok;

	hex_encode(span_of(report_data, ATTEST_REPORT_DATA), hex);
	(void)snprintf(where, sizeof where, "%s/quote", path);
	(void)snprintf(body, sizeof body, "{\"report_data\":\"%s\"}", hex);
	if (!ask(k, "POST", where, span_str(body), answer)
	    || !json_parse(&doc, buf_span(answer), lim, &e))
		return false;
	q = json_get(&doc, json_top(&doc), "quote");
	ok = q && q->type == JSON_STRING && base64_decode(q->text, out);
	json_free(&doc);
	return ok;
}

bool
kit_quote(struct kit *k, const char *settings, const uint8_t report_data[static ATTEST_REPORT_DATA],
    struct buf *out)
{
	struct buf answer;
	char path[128];
	bool ok;

	if (!kit_has_quotes(k))
		return false;
	buf_init(&answer, 256u * 1024);
	(void)snprintf(path, sizeof path, "/sim/vm/%s", k->o->vm);
	ok = ask(k, "GET", path, span_str(""), &answer)
	     || ask(k, "PUT", path, span_str(""), &answer);
	if (ok && settings)
		ok = make_bent(k, settings, &answer);
	ok = ok && sign(k, settings ? "/sim/vm/" BENT_VM : path, report_data, &answer, out);
	if (settings && k->o->sim) /* the machine is forgotten again; a failure leaves it there */
		(void)ask(k, "DELETE", "/sim/vm/" BENT_VM, span_str(""), &answer);
	buf_fini(&answer);
	return ok || kit_cannot(k, "the simulator signs no quote for %s", k->o->vm);
}
