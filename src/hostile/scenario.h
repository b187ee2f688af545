/* scenario.h - the attacks, by name. Each tries one thing that a control plane must not let happen,
 * beside an agent that tells the truth wherever a refusal alone would prove nothing, and says what
 * came of it with what it saw. The names are what docs/threat-model.md and tests/hostile use. */
#ifndef HOSTILE_SCENARIO_H
#define HOSTILE_SCENARIO_H

#include "hostile/kit.h"

struct scenario {
	const char *name;
	const char *row; /* of docs/threat-model.md */
	const char *tries; /* one sentence */
	void (*play)(struct kit *k);
};

/* Each table ends in a row without a name. */
extern const struct scenario scenario_quotes[], scenario_names[], scenario_visitors[],
    scenario_admins[], scenario_agents[], scenario_streams[], scenario_floods[];

/* The i-th of all, or NULL past the end; the one of a name, or NULL. */
const struct scenario *scenario_at(size_t i);
const struct scenario *scenario_find(const char *name);

/* What came of one: of `played` cases `through` succeeded. */
struct scenario_report {
	enum result result; /* RESULT_NONE never */
	unsigned played, through;
	char evidence[480];
};

/* Play one against a target. False when not even that was possible (e says why): a wrong option, no
 * memory. What came of it stands in the report. */
MUST_CHECK bool scenario_play(const struct scenario *s, const struct kit_opts *o, struct env *env,
    struct scenario_report *report, struct err *e);

/* held, broken, not-applicable. */
const char *scenario_word(enum result r);

/* -- for the scenarios -- */

/* Ask with a GET on the control plane's port; 0 where no answer came. */
int scenario_get(struct kit *k, const char *target);

/* Say whether an app is allowed, by what resolve says. */
bool scenario_is_allowed(struct kit *k, const struct hand *h);

/* Say whether a connection was answered or closed; silence proves nothing: kit_cannot is told. */
bool scenario_was_answered(struct kit *k, const struct conn *c);

/* Where the raw listener is; false, and kit_cannot told, when no option says. */
bool scenario_has_proxy(struct kit *k);

/* What agents saw of a visitor's bytes: every proxied request as the text that came. */
struct seen {
	unsigned n;
	struct buf text;
};

/* Send bytes to the raw listener (or `to`), answer what reaches the agents with a 200, and wait
 * for the visitor's answer or end, and a little for what may come behind it. The caller calls
 * buf_fini(&seen->text). NULL: it cannot be reached. */
struct conn *scenario_visit(struct kit *k, const struct url *to, struct span bytes,
    struct hand *const *agents, size_t n_agents, struct seen *seen);

#endif
