/* allowlist_make.h - an allowlist made of what a VM shows: which registers are pinned, which are left
 * out, and why. Verifies nothing: whoever calls knows where the quote came from. Keeps nothing. */
#ifndef CORE_ALLOWLIST_MAKE_H
#define CORE_ALLOWLIST_MAKE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "core/quote_view.h"

/* One VM: an alternative of the list. */
struct make_vm {
	struct quote_view quote;
	const struct json_doc *doc; /* of the claims */
	const struct json_node *claims; /* an object */
};

struct make_options {
	const char *release_tag; /* or NULL: left out */
	const char *created_at;
	bool pin[REG_COUNT]; /* registers besides mrtd, rtmr1 and rtmr2 */
};

/* Told of each register and claim: `pinned`, and why or why not. */
typedef void make_fn(void *ctx, const char *key, bool pinned, const char *why);

/* Append the list. Alternatives that are alike stand once. POLICY (with what and why in `shown`)
 * where a VM is a debug TD, no TD, or a register that is to be pinned is all zero or not in its quote. fn may
 * be NULL; it is told of the first VM. */
MUST_CHECK bool allowlist_make(struct buf *out, const struct make_options *o,
    const struct make_vm *vms, size_t n, make_fn *fn, void *ctx, struct err *e);

#endif
