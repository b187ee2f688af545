#include "programs/eectl_admin.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/url.h"

#define TOO_LONG "is longer than 1024 bytes" /* EECTL_TOKEN_MAX */
/* A control plane that judges its whole fleet is silent for as long as that takes. */
#define STALL_S  600L
#define SAID_MAX 1024

_Static_assert(EECTL_URL_MAX >= URL_ORIGIN_MAX + 100, "an origin and a path fit");

/* Read a file's first line, as much of it as a token may have and a byte more. NULL, or what is
 * wrong. */
static const char *
read_line(const char *path, char line[static EECTL_TOKEN_MAX + 2])
{
	FILE *f = fopen(path, "r");
	const char *why = NULL;

	if (!f)
		return strerror(errno);
	if (!fgets(line, EECTL_TOKEN_MAX + 2, f) && ferror(f))
		why = strerror(errno);
	fclose(f);
	return why;
}

bool
eectl_admin_token(const char *command, char token[static EECTL_TOKEN_MAX + 2])
{
	const char *value = getenv("EE_ADMIN_TOKEN"), *path = getenv("EE_ADMIN_TOKEN_FILE");
	const char *why = NULL;

	token[0] = '\0';
	if (value)
		(void)snprintf(token, EECTL_TOKEN_MAX + 2, "%s", value);
	else if (path)
		why = read_line(path, token);
	token[strcspn(token, "\r\n")] = '\0';
	if (!why && !value && path && token[0] == '\0')
		why = "is empty";
	if (!why && strlen(token) > EECTL_TOKEN_MAX)
		why = TOO_LONG;
	if (why)
		fprintf(
		    stderr, "eectl %s: %s: %s\n", command, value ? "EE_ADMIN_TOKEN" : path, why);
	return !why;
}

/* Spelled out: whoever reads a scheme into it may send the token in clear. */
bool
eectl_admin_url(
    const char *command, const char *text, const char *path, char url[static EECTL_URL_MAX])
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
	(void)snprintf(url, EECTL_URL_MAX, "%s%s", origin, path);
	return true;
}

static size_t
on_bytes(char *p, size_t one, size_t n, void *ctx)
{
	struct buf *out = ctx;

	buf_add(out, span_of(p, n));
	return buf_ok(out) ? n : 0;
}

static void
set_options(CURL *c, const char *url, struct curl_slist *fields, struct span body, struct buf *out)
{
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	if (body.p) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)body.n);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.p);
	}
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, fields);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, out);
	curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 20L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, STALL_S);
}

static void
print_refusal(const char *command, long status, const struct buf *out)
{
	char said[SAID_MAX];
	size_t n = out->n < sizeof said - 1 ? out->n : sizeof said - 1;

	for (size_t i = 0; i < n; i++)
		said[i] = (char)(out->p[i] < ' ' || out->p[i] > '~' ? ' ' : out->p[i]);
	said[n] = '\0';
	fprintf(stderr, "eectl %s: refused: %ld %s\n", command, status, said);
}

static bool
call(CURL *c, const char *command, const char *url, const char *token, struct span body,
    struct buf *out)
{
	char field[EECTL_TOKEN_MAX + 64];
	struct curl_slist *fields = curl_slist_append(NULL, "Content-Type: application/json"),
			  *more;
	CURLcode rc = CURLE_OUT_OF_MEMORY;
	long status = 0;

	(void)snprintf(field, sizeof field, "Authorization: Bearer %s", token);
	more = fields && token[0] ? curl_slist_append(fields, field) : fields;
	if (more) {
		set_options(c, url, more, body, out);
		rc = curl_easy_perform(c);
		curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	}
	curl_slist_free_all(fields);
	if (rc != CURLE_OK) {
		fprintf(stderr, "eectl %s: %s: %s\n", command, url,
		    buf_ok(out) ? curl_easy_strerror(rc) : "the answer is too large");
		return false;
	}
	if (status != 200)
		print_refusal(command, status, out);
	return status == 200;
}

bool
eectl_admin_call(
    const char *command, const char *url, const char *token, struct span body, struct buf *out)
{
	bool ok = false;
	CURL *c;

	curl_global_init(CURL_GLOBAL_DEFAULT);
	c = curl_easy_init();
	if (c)
		ok = call(c, command, url, token, body, out);
	else
		fprintf(stderr, "eectl %s: no memory\n", command);
	curl_easy_cleanup(c);
	curl_global_cleanup();
	return ok;
}
