/* memory.h - a store that forgets everything at close: for tests and throw-away runs. */
#ifndef STORE_MEMORY_H
#define STORE_MEMORY_H

#include "core/store.h"

MUST_CHECK bool store_memory_open(
    struct store **out, store_wake_fn *wake, void *wake_ctx, struct err *e);

#endif
