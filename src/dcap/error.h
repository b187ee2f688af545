/* error.h - from the house's error type to the one of eedcap.h. */
#ifndef DCAP_ERROR_H
#define DCAP_ERROR_H

#include "base/err.h"
#include "eedcap.h"

/* Write e, or "ok" where it records nothing, to *out, which may be NULL. */
void error_export(struct eedcap_error *out, const struct err *e);

#endif
