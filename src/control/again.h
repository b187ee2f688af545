/* again.h - a request that may be asked a second time, of another replica: which requests may, and
 * a copy that outlives the call which brought it. Owns the copy; knows nothing of tunnels. */
#ifndef CONTROL_AGAIN_H
#define CONTROL_AGAIN_H

#include "tunnel/exchange.h"

struct again;

/* Copy what a second attempt needs: NULL where there is none, since the request has a body (its
 * bytes are not kept), or memory is short. */
struct again *again_of(const struct exchange_request *rq, uint64_t now_ms);
void again_free(struct again *a);

/* Say whether the request may be repeated after `why`: whoever had it did nothing of it, or its
 * tunnel ended (`lost`) and its method is idempotent (RFC 9110 section 9.2.2); and some of its
 * time is left. */
bool again_may(const struct again *a, const struct err *why, bool lost, uint64_t now_ms);

/* The request as it is sent again, with the time that is left. Points into a. */
struct exchange_request again_request(const struct again *a, uint64_t now_ms);

#endif
