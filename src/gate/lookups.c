#include "gate/lookups.h"

#include "gate/gate.h"

#include <stdlib.h>

/* A gate's rate is of a second: its clock goes at a sixtieth. */
#define MINUTE 60

struct lookups {
	struct gate *clients, *repos, *all;
};

struct lookups *
lookups_new(uint32_t rate, const uint8_t key[static 16])
{
	struct lookups *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->clients = gate_new(rate, rate, key);
	l->repos = gate_new(rate, rate, key);
	l->all = gate_new(10 * rate, 10 * rate, key);
	if (l->clients && l->repos && l->all)
		return l;
	lookups_free(l);
	return NULL;
}

void
lookups_free(struct lookups *l)
{
	if (!l)
		return;
	gate_free(l->clients);
	gate_free(l->repos);
	gate_free(l->all);
	free(l);
}

/* The address first: who is above his own budget takes nothing of the others'. */
bool
lookups_take(struct lookups *l, const char *client, struct span repo, uint64_t now_ms)
{
	uint64_t now = now_ms / MINUTE;

	return gate_take(l->clients, client, now) && gate_take_name(l->repos, repo, now)
	       && gate_take_name(l->all, span_str("all"), now);
}
