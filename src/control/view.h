/* view.h - what is told of an app: to nginx and the proxy (resolve), to admins (API). Turns the
 * registry's answer into JSON; decides nothing and keeps nothing. */
#ifndef CONTROL_VIEW_H
#define CONTROL_VIEW_H

#include "base/jcs.h"
#include "core/registry.h"

/* Append the members of the resolve body (docs/protocol.md) to an object that is open. */
void view_write_members(struct jw *w, const struct resolve *a);

/* Append the whole resolve body; that of a name that is unknown, or no name at all. */
void view_write_resolve(struct buf *out, const struct resolve *a, bool custom_root);
void view_write_unknown(struct buf *out, struct span name, enum reason reason, bool custom_root);

/* Write a time as RFC 3339 in UTC, or null for 0. */
void view_write_time(struct jw *w, const char *name, int64_t at_s);

#endif
