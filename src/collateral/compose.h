/* compose.h - what came and what is held become the collateral to go on with. Each item that came
 * is taken only when the verifier reads it, it is for this platform, in its time, and no older than
 * what was seen before; one that is not leaves the held one in its place, and the others come in
 * all the same. Runs on a worker: touches its own struct and the verifier's context alone. */
#ifndef COLLATERAL_COMPOSE_H
#define COLLATERAL_COMPOSE_H

#include "collateral/marks.h"
#include "collateral/parts.h"

#define COMPOSE_WORD 40

struct compose {
	/* given */
	struct eedcap_context *dcap;
	struct collateral_key key;
	int64_t now_s;
	struct mark floor[EEDCAP_ITEMS];
	struct span held; /* the bundle of what is held; empty: nothing is */
	struct parts fresh; /* what came */
	/* made */
	struct eedcap_collateral *handle; /* new, the receiver's; NULL: what is held stays */
	struct buf bundle; /* of the handle */
	bool in_time; /* the handle is */
	/* Why an item was not renewed, in the words of reasons (`http_503`, `older`); "" where it
	 * was. Those that did not come are filled in by the caller. */
	char refused[EEDCAP_ITEMS][COMPOSE_WORD];
	char why[64],
	    detail[160]; /* the whole, where there is neither a handle nor anything held */
};

void compose_init(struct compose *c);
void compose_fini(struct compose *c);

void compose_run(struct compose *c);

/* Say that an item was not renewed; the first word wins. */
void compose_refuse(struct compose *c, enum eedcap_item i, const char *word);

/* Say whether an item was refused. */
bool compose_is_partial(const struct compose *c);

#endif
