/* listing.h - an answer that is one page of a list by names: its query (?limit=&after=), and the JSON
 * around the members. `next` of the answer is the `after` of the next page. */
#ifndef CONTROL_LISTING_H
#define CONTROL_LISTING_H

#include "base/jcs.h"
#include "control/api.h"

struct listing {
	struct http_req *r;
	struct buf b;
	struct jw w; /* into b */
	size_t n, limit;
	char after[ATTEST_APP_MAX + 1], last[ATTEST_APP_MAX + 1];
};

/* Begin the array `name`. False: the query was refused, and answered. Then hand what follows
 * `after`, one more than `limit`, to listing_add, and call listing_end. */
MUST_CHECK bool listing_begin(
    struct listing *l, struct http_req *r, const char *name, size_t max_bytes);

/* Open the next member's object, which the caller fills and closes. False: the page is full. */
MUST_CHECK bool listing_add(struct listing *l, const char *name);

/* Answer. `total`: how many there are on all pages. */
void listing_end(struct listing *l, size_t total);

#endif
