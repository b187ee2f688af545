/* eectl_allowlist_accept.c - `eectl allowlist accept`: an admin's word to a running ee-control. */
#include "programs/eectl_allowlist.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "base/jcs.h"
#include "programs/eectl.h"
#include "programs/eectl_admin.h"
#include "programs/eectl_io.h"
#include "wire/message.h"

#define EXIT_REFUSED 4
#define SAID_MAX     4096

static size_t
on_bytes(char *p, size_t one, size_t n, void *ctx)
{
	struct buf *said = ctx;
	size_t room = SAID_MAX - said->n;

	buf_add(said, span_of(p, n < room ? n : room));
	return n;
}

static void
set_options(CURL *c, const char *url, const char *body, struct curl_slist *fields, struct buf *said)
{
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, fields);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, said);
	curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, 60L);
}

/* Said by whoever is at that address: only what a terminal can show. */
static void
print_said(FILE *to, const struct buf *said)
{
	for (size_t i = 0; i < said->n; i++)
		fputc(said->p[i] < ' ' || said->p[i] > '~' ? ' ' : said->p[i], to);
	fputc('\n', to);
}

static int
post(const char *url, const char *token, const char *body)
{
	char field[ADMIN_TOKEN_MAX + 64];
	struct curl_slist *fields = curl_slist_append(NULL, "Content-Type: application/json"),
			  *more;
	CURLcode rc = CURLE_OUT_OF_MEMORY;
	CURL *c = curl_easy_init();
	struct buf said;
	long status = 0;

	buf_init(&said, SAID_MAX);
	(void)snprintf(field, sizeof field, "Authorization: Bearer %s", token);
	more = token[0] ? curl_slist_append(fields, field) : fields;
	if (c && fields && more) {
		set_options(c, url, body, fields, &said);
		rc = curl_easy_perform(c);
		curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	}
	if (rc != CURLE_OK) {
		(void)allowlist_complain(url, curl_easy_strerror(rc));
	} else if (status != 200) {
		fprintf(stderr, "eectl allowlist: refused: %ld ", status);
		print_said(stderr, &said);
	} else {
		print_said(stdout, &said);
	}
	curl_slist_free_all(fields);
	curl_easy_cleanup(c);
	buf_fini(&said);
	return rc == CURLE_OK && status == 200 ? 0 : EXIT_REFUSED;
}

static MUST_CHECK bool
write_body(struct buf *out, char **argv)
{
	uint8_t sha256[32];
	struct jw w = jw_of(out);

	if (!msg_repo_ok(span_str(argv[1])))
		return allowlist_complain("no repository's name", argv[1]);
	if (!msg_tag_ok(span_str(argv[2])))
		return allowlist_complain("no release's tag", argv[2]);
	if (!hex_decode(span_str(argv[3]), sha256, sizeof sha256))
		return allowlist_complain("not the hex of 32 bytes", argv[3]);
	jw_object(&w, NULL);
	jw_str(&w, "repo", argv[1]);
	jw_str(&w, "release_tag", argv[2]);
	jw_hex(&w, "sha256", span_of(sha256, sizeof sha256));
	jw_end_object(&w);
	return buf_ok(out) || allowlist_complain("no memory", NULL);
}

int
allowlist_accept_cmd(int argc, char **argv)
{
	char url[ADMIN_URL_MAX], token[ADMIN_TOKEN_MAX + 2];
	int code = EECTL_USAGE;
	struct buf body;

	if (argc != 4) {
		(void)allowlist_complain("accept takes URL, REPO, TAG and SHA256", NULL);
		return EECTL_USAGE;
	}
	if (!admin_url("allowlist", argv[0], "/v1/pins", url) || !admin_token("allowlist", token))
		return EECTL_USAGE;
	buf_init(&body, 4096);
	if (write_body(&body, argv)) {
		curl_global_init(CURL_GLOBAL_DEFAULT);
		code = post(url, token, buf_cstr(&body));
		curl_global_cleanup();
	}
	buf_fini(&body);
	return code;
}
