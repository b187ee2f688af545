/* sqlite.h - the store on one machine: a SQLite file in WAL mode with synchronous=FULL. Owns the
 * database and one writer thread, which commits all that is queued as one transaction. Refuses a
 * file that another process has open, that a newer version wrote or that is damaged, naming it;
 * never recreates one. */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include "core/store.h"

/* Open the file, making it (mode 0600) where there is none. REASON_STORE_FAILED. */
MUST_CHECK bool store_sqlite_open(
    struct store **out, const char *path, store_wake_fn *wake, void *wake_ctx, struct err *e);

#endif
