/* eectl_allowlist_accept.c - `eectl allowlist accept`: an admin's word to a running ee-control. */
#include "programs/eectl_allowlist.h"

#include <stdio.h>

#include "base/hex.h"
#include "base/jcs.h"
#include "programs/eectl.h"
#include "programs/eectl_admin.h"
#include "programs/eectl_io.h"
#include "wire/message.h"

#define EXIT_REFUSED 4
#define SAID_MAX     4096

/* Said by whoever is at that address: only what a terminal can show. */
static void
print_said(const struct buf *said)
{
	for (size_t i = 0; i < said->n; i++)
		fputc(said->p[i] < ' ' || said->p[i] > '~' ? ' ' : said->p[i], stdout);
	fputc('\n', stdout);
}

static int
post(const char *url, const char *token, const struct buf *body)
{
	struct buf said;
	bool ok;

	buf_init(&said, SAID_MAX);
	ok = eectl_admin_call("allowlist", url, token, buf_span(body), &said);
	if (ok)
		print_said(&said);
	buf_fini(&said);
	return ok ? 0 : EXIT_REFUSED;
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
	char url[EECTL_URL_MAX], token[EECTL_TOKEN_MAX + 2];
	int code = EECTL_USAGE;
	struct buf body;

	if (argc != 4) {
		(void)allowlist_complain("accept takes URL, REPO, TAG and SHA256", NULL);
		return EECTL_USAGE;
	}
	if (!eectl_admin_url("allowlist", argv[0], "/v1/pins", url)
	    || !eectl_admin_token("allowlist", token))
		return EECTL_USAGE;
	buf_init(&body, 4096);
	if (write_body(&body, argv))
		code = post(url, token, &body);
	buf_fini(&body);
	return code;
}
