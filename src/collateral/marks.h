/* marks.h - how new the newest items were that were ever taken, for each platform: a service, or
 * who stands between, cannot go back behind them although what it sends is signed and in its time.
 * Values only: who keeps them, and where, is disk.h's business. */
#ifndef COLLATERAL_MARKS_H
#define COLLATERAL_MARKS_H

#include "base/buf.h"
#include "collateral/key.h"

/* More than there are families of processors; where it is full the row raised longest ago goes. */
#define MARKS_MAX      256
#define MARKS_FILE_MAX (256u * 1024)

struct mark {
	int64_t issued; /* 0: none seen */
	uint32_t number; /* evaluation number; of CRLs 0 */
};

struct marks_row {
	struct collateral_key key;
	struct mark item[EEDCAP_ITEMS];
};

struct marks {
	struct marks_row row[MARKS_MAX]; /* the most lately raised last */
	size_t n;
};

/* The mark of what this platform's collateral had. */
struct mark marks_of_platform(
    const struct marks *m, const struct collateral_key *k, enum eedcap_item i);

/* The mark of an item wherever it was seen: a root CRL is all platforms', a PCK CRL all those of
 * its CA, a QE identity all those of its TEE. */
struct mark marks_of_item(
    const struct marks *m, const struct collateral_key *k, enum eedcap_item i);

/* Say whether what has these facts lies behind the mark. */
bool mark_is_above(const struct mark *m, const struct eedcap_item_facts *f);

/* Note what collateral has; never lowers, and takes no mark from the future. Says whether something
 * changed. */
bool marks_raise(struct marks *m, const struct collateral_key *k, const struct eedcap_collateral *c,
    int64_t now_s);

/* Write as a JSON object that says which root it holds for. */
void marks_write(const struct marks *m, const char *root, struct buf *out);

/* Read that. Refusal: COLLATERAL_MARKS (another form, or of another root); *m stays then. */
MUST_CHECK bool marks_read(struct marks *m, struct span text, const char *root, struct err *e);

#endif
