/* network_file.h - what the readers of a networks file share: network_file.c (the file, its networks,
 * their plain members) and network_lists.c (TCB rules, repositories, platforms). Internal. */
#ifndef CORE_NETWORK_FILE_H
#define CORE_NETWORK_FILE_H

#include "base/json.h"
#include "core/network.h"

struct reading {
	struct span text;
	struct json_doc doc;
	struct err *e;
	char where[128]; /* the object that is read: `networks`, `networks.forge-1` */
};

/* Record a refusal with the line of `at`, the place and the name; false. */
bool reading_refuse(struct reading *r, struct span at, struct span name, const char *what);

/* Go into a member and come back: its name stands in `where` meanwhile. */
size_t reading_enter(struct reading *r, struct span name);
void reading_leave(struct reading *r, size_t mark);

/* No member of an object occurs twice, or is written with escapes. */
MUST_CHECK bool reading_no_twins(struct reading *r, const struct json_node *obj);

/* One member each; *n keeps what was allocated also where false is returned. */
MUST_CHECK bool reading_accept(struct reading *r, const struct json_node *v, struct network *n);
MUST_CHECK bool reading_tcb(struct reading *r, const struct json_node *v, struct network *n);
MUST_CHECK bool reading_owners(struct reading *r, const struct json_node *v, struct network *n);
MUST_CHECK bool reading_repos(struct reading *r, const struct json_node *v, struct network *n);
MUST_CHECK bool reading_platforms(struct reading *r, const struct json_node *v, struct network *n);

#endif
