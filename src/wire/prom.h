/* prom.h - figures in Prometheus' text format (version 0.0.4, "Exposition formats" of its documentation).
 * A family is said once, with all of its samples behind it; the caller sees to that. Writes into a
 * buffer, which fails as buffers do. */
#ifndef WIRE_PROM_H
#define WIRE_PROM_H

#include "base/buf.h"

#define PROM_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum prom_type { PROM_COUNTER, PROM_GAUGE, PROM_HISTOGRAM };

/* Begin a family: what it is (a sentence), and its type. Names of counters end in `_total`; units are
 * base units, and in the name. */
void prom_family(struct buf *out, const char *name, enum prom_type type, const char *help);

/* A sample. label and value come in pairs, a NULL behind the last; values may hold any text. */
void prom_sample(struct buf *out, const char *name, int64_t v, ...);

/* How long something took, in milliseconds, by buckets of the same bounds for all. */
#define PROM_BUCKETS 12
struct prom_times {
	uint64_t in[PROM_BUCKETS + 1]; /* the last: longer than all bounds */
	uint64_t sum_ms;
};

void prom_times_add(struct prom_times *t, uint64_t ms);
/* The family whole. */
void prom_histogram(
    struct buf *out, const char *name, const struct prom_times *t, const char *help);

#endif
