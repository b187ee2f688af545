#include "base/reason.h"

#include <string.h>

struct row {
	const char *token;
	enum reason parent;
	int http, ws;
	const char *proxy_status, *what, *todo;
};

static const struct row rows[REASON_COUNT] = {
#define REASON(id, token, parent, http, ws, proxy_status, what, todo)                              \
	{token, REASON_##parent, http, ws, proxy_status, what, todo},
#include "base/reason.def"
#undef REASON
};

const char *
reason_token(enum reason r)
{
	return rows[r].token;
}

enum reason
reason_parent(enum reason r)
{
	return rows[r].parent;
}

int
reason_http(enum reason r)
{
	return rows[r].http;
}

int
reason_ws(enum reason r)
{
	return rows[r].ws;
}

const char *
reason_proxy_status(enum reason r)
{
	return rows[r].proxy_status;
}

const char *
reason_what(enum reason r)
{
	return rows[r].what;
}

const char *
reason_todo(enum reason r)
{
	return rows[r].todo;
}

enum reason
reason_find(const char *token, size_t n)
{
	const char *colon = memchr(token, ':', n);

	if (colon)
		n = (size_t)(colon - token);
	for (unsigned i = 0; i < REASON_COUNT; i++)
		if (strlen(rows[i].token) == n && memcmp(rows[i].token, token, n) == 0)
			return (enum reason)i;
	return REASON_COUNT;
}
