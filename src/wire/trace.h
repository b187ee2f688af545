/* trace.h - the field by which a request is found again in every program that it passed: W3C Trace
 * Context, `traceparent`. Pure; borrows and owns nothing. A proxy that records no spans passes a
 * valid field on as it is, so that the visitor's span stays the parent of the backend's. */
#ifndef WIRE_TRACE_H
#define WIRE_TRACE_H

#include "base/span.h"

/* Random bytes that a new field takes: 16 of the trace, 8 of the parent. */
#define TRACE_RANDOM 24
/* Room for a field of version 00 and a NUL. */
#define TRACE_PARENT_MAX 56

/* Say whether a value is a traceparent (section 3.2): version 00 exactly; a later one by its first
 * four parts, whatever follows them behind a dash. */
bool trace_parent_ok(struct span value);

/* Write the traceparent of a trace that begins here. Sampled: a backend's tracer that follows its
 * parent would record nothing of a request that says otherwise. */
void trace_parent_write(
    const uint8_t random[static TRACE_RANDOM], char dst[static TRACE_PARENT_MAX]);

#endif
