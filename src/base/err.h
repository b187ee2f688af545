/* err.h - the one error type. A fallible function returns false and has recorded why in the
 * struct err that was passed last; the first record wins, so clean-up cannot mask a cause.
 * `reason` is a row of the table of reasons (reason.h) and part of the protocol. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"
#include "base/reason.h"
#include <stdbool.h>

/* What the caller can do about it. */
enum err_code {
	ERR_NONE = 0,
	ERR_USAGE, /* the call or the settings are wrong: a person must change them */
	ERR_MALFORMED, /* the bytes break their grammar */
	ERR_UNSUPPORTED, /* well-formed, but a version or kind that is not taken */
	ERR_UNTRUSTED, /* a signature, chain, binding or revocation check failed */
	ERR_EXPIRED, /* outside a validity window, or too late */
	ERR_TCB, /* the TCB status is not accepted, or no level matches */
	ERR_POLICY, /* authentic, but policy says no */
	ERR_NOT_NOW, /* the state does not allow it (OpenSSL has taken ERR_STATE) */
	ERR_LIMIT, /* a ceiling was reached */
	ERR_NOTFOUND, /* no such thing */
	ERR_IO, /* the outside failed: try again later */
	ERR_NOMEM /* no memory */
};

struct err {
	enum err_code code;
	enum reason reason;
	unsigned retry_s; /* another try is of no use before; 0: not known */
	char arg[64]; /* completes the token (`measurement_mismatch:mrtd`), or empty */
	char shown[160]; /* for the peer: what helps a person there */
	char detail[160]; /* for our log only, never sent */
};

/* Record a failure with a printf-style detail for the log; return false. */
PRINTF(4, 5) bool err_set(struct err *e, enum err_code c, enum reason r, const char *fmt, ...);

/* As err_set, with the argument that completes the reason's token (cut at 63 bytes). */
PRINTF(5, 6)
bool err_set_arg(
    struct err *e, enum err_code c, enum reason r, const char *arg, const char *fmt, ...);

/* Add the sentence that the peer may see. The first one wins. Returns false. */
PRINTF(2, 3) bool err_show(struct err *e, const char *fmt, ...);

/* Forget what was recorded. */
void err_clear(struct err *e);

/* Write the reason with its argument, `token` or `token:arg`, into dst; returns dst. This is the
 * fine token: see err_wire for what a peer is sent. */
#define ERR_TOKEN_MAX 128
const char *err_token(const struct err *e, char dst[static ERR_TOKEN_MAX]);

/* Write the reason that the wire carries: the row's parent where it has one, else as err_token. */
const char *err_wire(const struct err *e, char dst[static ERR_TOKEN_MAX]);

/* The fine token that goes beside the wire reason as `cause`, or NULL where they are the same. */
const char *err_cause(const struct err *e);

#endif
