/* key.h - the name of a platform's collateral, `tdx-platform-00a0b0c0d0e0`: of its file, in marks,
 * in log lines. And the short names of the four items, as reasons have them. Owns nothing. */
#ifndef COLLATERAL_KEY_H
#define COLLATERAL_KEY_H

#include "collateral/collateral.h"

#define KEY_NAME_MAX 32

/* Write the name; returns dst. */
const char *key_name(const struct collateral_key *k, char dst[static KEY_NAME_MAX]);

/* Read exactly what key_name writes; out has no distribution point then. */
MUST_CHECK bool key_read(struct span name, struct collateral_key *out);

/* Say whether both are for one platform; where its root's CRL lies does not count. */
bool key_same(const struct collateral_key *a, const struct collateral_key *b);

/* `rootcrl`, `pckcrl`, `tcb`, `qe`. */
const char *item_name(enum eedcap_item i);

#endif
