#include "dcap/error.h"

#include <stdio.h>
#include <string.h>

static enum eedcap_class
class_of(enum err_code c)
{
	switch (c) {
	case ERR_NONE:
		return EEDCAP_OK;
	case ERR_MALFORMED:
	case ERR_UNSUPPORTED:
	case ERR_LIMIT:
		return EEDCAP_MALFORMED;
	case ERR_UNTRUSTED:
		return EEDCAP_UNTRUSTED;
	case ERR_EXPIRED:
		return EEDCAP_EXPIRED;
	case ERR_TCB:
		return EEDCAP_TCB;
	case ERR_POLICY:
		return EEDCAP_POLICY;
	case ERR_NOMEM:
		return EEDCAP_NO_MEMORY;
	default:
		return EEDCAP_USAGE;
	}
}

void
error_export(struct eedcap_error *out, const struct err *e)
{
	if (!out)
		return;
	out->kind = class_of(e->code);
	if (e->code == ERR_NONE) {
		memcpy(out->reason, "ok", sizeof "ok");
		out->detail[0] = '\0';
		return;
	}
	snprintf(out->reason, sizeof out->reason, "%s", reason_token(e->reason));
	snprintf(out->detail, sizeof out->detail, "%s", e->detail);
}
