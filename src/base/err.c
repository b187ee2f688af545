#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void
record(struct err *e, enum err_code c, enum reason r, const char *arg)
{
	e->code = c;
	e->reason = r;
	snprintf(e->arg, sizeof e->arg, "%s", arg);
	e->detail[0] = '\0';
	e->retry_s = 0;
}

bool
err_set(struct err *e, enum err_code c, enum reason r, const char *fmt, ...)
{
	va_list ap;

	if (e->code != ERR_NONE)
		return false;
	record(e, c, r, "");
	va_start(ap, fmt);
	vsnprintf(e->detail, sizeof e->detail, fmt, ap);
	va_end(ap);
	return false;
}

bool
err_set_arg(struct err *e, enum err_code c, enum reason r, const char *arg, const char *fmt, ...)
{
	va_list ap;

	if (e->code != ERR_NONE)
		return false;
	record(e, c, r, arg);
	va_start(ap, fmt);
	vsnprintf(e->detail, sizeof e->detail, fmt, ap);
	va_end(ap);
	return false;
}

bool
err_show(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (e->shown[0] != '\0')
		return false;
	va_start(ap, fmt);
	vsnprintf(e->shown, sizeof e->shown, fmt, ap);
	va_end(ap);
	return false;
}

void
err_clear(struct err *e)
{
	memset(e, 0, sizeof *e);
}

static const char *
token(enum reason r, const char *arg, char dst[static ERR_TOKEN_MAX])
{
	if (arg[0] != '\0')
		snprintf(dst, ERR_TOKEN_MAX, "%s:%s", reason_token(r), arg);
	else
		snprintf(dst, ERR_TOKEN_MAX, "%s", reason_token(r));
	return dst;
}

const char *
err_token(const struct err *e, char dst[static ERR_TOKEN_MAX])
{
	return token(e->reason, e->arg, dst);
}

const char *
err_wire(const struct err *e, char dst[static ERR_TOKEN_MAX])
{
	enum reason parent = reason_parent(e->reason);

	return parent == e->reason ? err_token(e, dst) : token(parent, "", dst);
}

const char *
err_cause(const struct err *e)
{
	return reason_parent(e->reason) == e->reason ? NULL : reason_token(e->reason);
}
