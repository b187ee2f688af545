#include "hostile/scenario.h"
#include "hostile/conn.h"
#include "hostile/hand.h"

#include <stdio.h>

static const struct scenario *const groups[] = {scenario_quotes, scenario_names, scenario_visitors,
    scenario_admins, scenario_agents, scenario_streams, scenario_floods};

/* What may come behind an answer comes at once, on loopback. */
#define BEHIND_MS 60

const struct scenario *
scenario_at(size_t i)
{
	for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
		for (const struct scenario *s = groups[g]; s->name; s++)
			if (i-- == 0)
				return s;
	return NULL;
}

const struct scenario *
scenario_find(const char *name)
{
	const struct scenario *s;

	for (size_t i = 0; (s = scenario_at(i)) != NULL; i++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

const char *
scenario_word(enum result r)
{
	static const char *const words[] = {"none", "held", "broken", "not-applicable"};

	return words[r];
}

bool
scenario_play(const struct scenario *s, const struct kit_opts *o, struct env *env,
    struct scenario_report *report, struct err *e)
{
	struct kit k;
	bool ok = kit_init(&k, o, env, e);

	if (ok) {
		s->play(&k);
		if (k.result == RESULT_NONE)
			(void)kit_cannot(&k, "no verdict was reached");
		report->result = k.result;
		report->played = k.played ? k.played : 1;
		report->through = k.through;
		memcpy(report->evidence, k.evidence, sizeof k.evidence);
	}
	kit_fini(&k);
	return ok;
}

int
scenario_get(struct kit *k, const char *target)
{
	char text[512];
	struct conn_answer a;
	struct conn *c;

	(void)snprintf(
	    text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, k->target.host.name);
	c = conn_ask(k, &k->target, span_str(text), &a);
	if (c)
		conn_close(c);
	return c ? a.status : 0;
}

bool
scenario_is_allowed(struct kit *k, const struct hand *h)
{
	char target[128];

	(void)snprintf(target, sizeof target, "/v1/resolve/%s", h->id.app_name);
	for (unsigned waited = 0; waited < k->o->patience_ms; waited += 50) {
		if (scenario_get(k, target) == 200)
			return true;
		kit_pace(k, 50);
	}
	return false;
}

bool
scenario_was_answered(struct kit *k, const struct conn *c)
{
	struct conn_answer a;

	conn_look(c, &a);
	return a.status || !c->s || kit_cannot(k, "neither an answer nor an end came");
}

bool
scenario_has_proxy(struct kit *k)
{
	return k->o->proxy || kit_cannot(k, "--proxy does not say where the raw listener is");
}

/* -- a visit -- */

struct visit {
	struct conn *c;
	struct hand *const *agents;
	size_t n;
};

static bool
is_due(void *ctx)
{
	const struct visit *v = ctx;
	struct conn_answer a;

	for (size_t i = 0; i < v->n; i++)
		if (v->agents[i]->first)
			return true;
	conn_look(v->c, &a);
	return a.whole || !v->c->s;
}

static void
answer_one(struct hand *h, struct seen *seen)
{
	struct msg m;
	char text[300];

	if (!hand_hear(h, MSG_PROXY_REQUEST, &m, 1))
		return;
	seen->n++;
	buf_add(&seen->text, buf_span(&h->taken->text));
	buf_add_str(&seen->text, "\n");
	(void)snprintf(text, sizeof text,
	    "{\"type\":\"proxy_response\",\"request_id\":\"%s\",\"status\":200,\"headers\":{},"
	    "\"body_b64\":\"c2VydmVk\"}",
	    m.u.proxy_request.request_id);
	(void)hand_say(h, text);
	msg_fini(&m);
}

struct conn *
scenario_visit(struct kit *k, const struct url *to, struct span bytes, struct hand *const *agents,
    size_t n_agents, struct seen *seen)
{
	struct visit v = {.agents = agents, .n = n_agents};
	bool behind = false;

	memset(seen, 0, sizeof *seen);
	buf_init(&seen->text, CONN_IN_MAX);
	v.c = conn_open(k, to);
	if (!v.c || !conn_send(v.c, bytes))
		return v.c;
	for (;;) {
		bool due = kit_wait(k, is_due, &v, behind ? BEHIND_MS : k->o->patience_ms);
		bool any = false;

		for (size_t i = 0; i < n_agents; i++)
			while (agents[i]->first) {
				answer_one(agents[i], seen);
				any = true;
			}
		if (!any && (behind || !due))
			return v.c;
		if (!any) {
			kit_pace(k, BEHIND_MS);
			behind = true;
		}
	}
}
