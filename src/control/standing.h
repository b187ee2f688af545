/* standing.h - until when the last verdict on an admitted agent stands by itself: collateral, certificates
 * and a network's grace end at times of their own, which may come before the next challenge. A new
 * verdict on the same quote, by newer collateral, moves that time; without one the lease ends there. */
#ifndef CONTROL_STANDING_H
#define CONTROL_STANDING_H

#include "core/quote_view.h"
#include "eedcap.h"

#include <stdbool.h>
#include <stdint.h>

struct control;
struct network;
struct tunnel;

struct standing {
	int64_t until_s; /* the last second of it, by the wall clock */
	bool by_grace; /* it is the network's grace that ends then */
};

/* That of a verdict that was accepted. */
struct standing standing_of(
    const struct network *net, const struct quote_view *v, const struct eedcap_verdict *verdict);

/* A live replica was judged again, and stays. */
void standing_renew(struct tunnel *t, struct standing s);

/* End the leases of those whose time is over. */
void standing_look(struct control *c);

/* When the first of the others will be; INT64_MAX: nobody is connected. */
int64_t standing_next_end(const struct control *c);

#endif
