/* resolve.h - GET /v1/resolve/{app}: what every proxy asks before every request. The answer is
 * written anew only when something in it has changed. Owns the texts of the last answers. */
#ifndef CONTROL_RESOLVE_H
#define CONTROL_RESOLVE_H

#include "control/control.h"

struct resolve_cache;

MUST_CHECK struct resolve_cache *resolve_cache_new(struct err *e);
void resolve_cache_free(struct resolve_cache *k);

/* Answer. nginx's auth_request takes 2xx, 401 and 403 for an answer and everything else for a
 * fault, so whatever is not allowed is a 403, a name that is none too. */
void resolve_answer(struct control *c, struct http_req *r, struct span app);

#endif
