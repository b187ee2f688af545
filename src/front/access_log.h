/* access_log.h - one line a request of the front, when it has ended: who asked whom for what, and
 * what came of it. Never a query, a field's value, a cookie or a body. Allocates nothing. For
 * front.c and visit.c only. */
#ifndef FRONT_ACCESS_LOG_H
#define FRONT_ACCESS_LOG_H

#include "front/visit.h"

/* Of a path's bytes that are logged, and of a method's: a line has its ceiling. */
#define ACCESS_PATH_MAX   300
#define ACCESS_METHOD_MAX 32

/* Log a request that the front has answered by a refusal. app, id NULL: not known. believed: what
 * the peer says of who asked it counts, whatever the rules say of the peer. */
void access_log_refused(struct front *f, struct http_req *r, bool believed, const char *app,
    const char *id, const struct err *why);

/* Log a request that has ended; why->code is not ERR_NONE where that was before its time. */
void access_log_ended(struct front *f, struct http_req *r, bool believed, const char *app,
    const char *id, const struct err *why);

/* Log a request that broke the grammar, so that nothing of it is known but who sent it. */
void access_log_unread(struct front *f, const char *peer, const struct err *why);

#endif
