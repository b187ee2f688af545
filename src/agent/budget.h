/* budget.h - what the requests of all tunnels together may hold: so many at once, so many bytes of
 * bodies. Half of either is promised to the control planes in equal parts, the other half is for
 * whoever comes first. So a single one has all of it, and one that floods takes nothing that was
 * promised to another. Pure: counts, and owns nothing. */
#ifndef AGENT_BUDGET_H
#define AGENT_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

/* One kind of thing that is counted. */
struct budget_pot {
	size_t max, promised; /* of all; to each */
	size_t common_max, common; /* beyond the promises: there are, are taken */
};

struct budget {
	struct budget_pot requests, bytes;
};

/* What one control plane's requests hold. */
struct budget_share {
	struct budget *budget; /* must outlive the share */
	size_t requests, bytes;
};

/* Divide so many requests and bytes among that many shares (at least 1). */
void budget_init(struct budget *b, size_t requests, size_t bytes, size_t shares);

/* Begin a share that holds nothing. */
void budget_join(struct budget *b, struct budget_share *s);

/* Take one request, or n bytes; false, and nothing taken, where there are not that many. */
bool budget_take_request(struct budget_share *s);
bool budget_take_bytes(struct budget_share *s, size_t n);

/* Give back what was taken. */
void budget_give_request(struct budget_share *s);
void budget_give_bytes(struct budget_share *s, size_t n);

#endif
