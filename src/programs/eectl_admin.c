#include "programs/eectl_admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOO_LONG "is longer than 1024 bytes" /* ADMIN_TOKEN_MAX */

/* Read a file's first line, as much of it as a token may have and a byte more. NULL, or what is
 * wrong. */
static const char *
read_line(const char *path, char line[static ADMIN_TOKEN_MAX + 2])
{
	FILE *f = fopen(path, "r");
	const char *why = NULL;

	if (!f)
		return strerror(errno);
	if (!fgets(line, ADMIN_TOKEN_MAX + 2, f) && ferror(f))
		why = strerror(errno);
	fclose(f);
	return why;
}

bool
admin_token(const char *command, char token[static ADMIN_TOKEN_MAX + 2])
{
	const char *value = getenv("EE_ADMIN_TOKEN"), *path = getenv("EE_ADMIN_TOKEN_FILE");
	const char *why = NULL;

	token[0] = '\0';
	if (value)
		(void)snprintf(token, ADMIN_TOKEN_MAX + 2, "%s", value);
	else if (path)
		why = read_line(path, token);
	token[strcspn(token, "\r\n")] = '\0';
	if (!why && !value && path && token[0] == '\0')
		why = "is empty";
	if (!why && strlen(token) > ADMIN_TOKEN_MAX)
		why = TOO_LONG;
	if (why)
		fprintf(
		    stderr, "eectl %s: %s: %s\n", command, value ? "EE_ADMIN_TOKEN" : path, why);
	return !why;
}

bool
admin_url(const char *command, const char *text, const char *path, char url[static ADMIN_URL_MAX])
{
	char origin[URL_ORIGIN_MAX];
	struct err e = {0};
	struct url u;
	const char *why = NULL;

	if (!url_parse(&u, span_str(text), &e))
		why = e.detail;
	else if (u.scheme != URL_HTTP && u.scheme != URL_HTTPS)
		why = "URL is neither http:// nor https://";
	else if (!span_is(u.target, "/"))
		why = "URL has more than an origin: a path or a query";
	if (why) {
		fprintf(stderr, "eectl %s: %s\n", command, why);
		return false;
	}
	url_origin(&u, origin);
	(void)snprintf(url, ADMIN_URL_MAX, "%s%s", origin, path);
	return true;
}
