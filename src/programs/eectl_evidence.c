/* eectl_evidence.c - `eectl evidence verify`: an evidence document from a file or a control plane,
 * each of its replicas verified again without anybody's word. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "base/limits.h"
#include "core/quote_eedcap.h"
#include "programs/eectl.h"
#include "programs/eectl_evidence.h"
#include "programs/eectl_io.h"

#define EXIT_MALFORMED 2
#define STALL_S        60L

const char usage_evidence[] =
    "Usage: eectl evidence verify FILE|URL [OPTION]...\n"
    "\n"
    "Repeat the verification that an evidence document tells of: quote, collateral,\n"
    "claims, binding, allowlist and the network's rules. A file is checked without\n"
    "network; - is standard input. A URL, as of a control plane's\n"
    "/v1/evidence/APP, is fetched first.\n"
    "\n"
    "  --nonce HEX            demand that every quote is bound to these 32 bytes.\n"
    "                         With a URL the control plane is asked for such a\n"
    "                         quote\n"
    "  --app NAME             demand that it is this app's\n"
    "  --allowlist FILE       the allowlist, where its repository is private and\n"
    "                         the document has its digest alone\n"
    "  --root-ca FILE         trust this root instead of Intel's (PEM or DER)\n"
    "  --at TIME              judge as of this time: seconds since 1970, or RFC 3339\n"
    "                         in UTC; default is when it was verified, but now\n"
    "                         where a URL is asked with a nonce\n"
    "  --now                  judge as of now\n"
    "  --json                 one JSON object\n"
    "\n"
    "Exit status: 0 all of it holds, 1 wrong call, or nothing could be fetched,\n"
    "2 malformed input, 3 not authentic or not what it says, 4 expired or not yet\n"
    "valid, 5 TCB status not accepted, 6 refused by policy, or something is missing.\n";

struct options {
	const char *from, *nonce_text, *app, *allowlist_path, *root_ca, *at;
	bool now, json;
	uint8_t nonce[ATTEST_NONCE], root_key[EEDCAP_ROOT_KEY_SIZE];
	int64_t at_s; /* 0: as each was verified */
	struct buf allowlist;
};

static bool
complain(const char *what, const char *value)
{
	fprintf(stderr, "eectl evidence: %s%s%s\n", what, value ? ": " : "", value ? value : "");
	return false;
}

/* -- the command line -- */

static const char **
value_of(struct options *o, const char *arg)
{
	const struct eectl_value values[] = {
	    {"--nonce", &o->nonce_text},
	    {"--app", &o->app},
	    {"--allowlist", &o->allowlist_path},
	    {"--root-ca", &o->root_ca},
	    {"--at", &o->at},
	};

	return eectl_value_of(values, sizeof values / sizeof values[0], arg);
}

static MUST_CHECK bool
parse_flags(struct options *o, int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		const char *arg = argv[i], **value = value_of(o, arg);

		if (strcmp(arg, "--json") == 0)
			o->json = true;
		else if (strcmp(arg, "--now") == 0)
			o->now = true;
		else if (value && i + 1 == argc)
			return complain("value missing for", arg);
		else if (value)
			*value = argv[++i];
		else if (arg[0] == '-' && arg[1])
			return complain("unknown option", arg);
		else if (o->from)
			return complain("more than one file or URL", arg);
		else
			o->from = arg;
	}
	return o->from || complain("a file or a URL is needed", NULL);
}

static bool
is_url(const char *from)
{
	return span_starts(span_str(from), "http://") || span_starts(span_str(from), "https://");
}

/* What was made for this call has no other time than now, whatever it says of itself. */
static bool
is_judged_now(const struct options *o)
{
	return o->now || (!o->at && o->nonce_text && is_url(o->from));
}

static MUST_CHECK bool
check_options(struct options *o)
{
	if (o->now && o->at)
		return complain("--now and --at exclude each other", NULL);
	if (is_judged_now(o))
		o->at_s = (int64_t)time(NULL);
	if (o->at && !eectl_read_time(o->at, &o->at_s))
		return complain("--at takes seconds since 1970, or YYYY-MM-DDThh:mm:ssZ", o->at);
	if (o->nonce_text && !hex_decode(span_str(o->nonce_text), o->nonce, sizeof o->nonce))
		return complain("--nonce takes the hex of 32 bytes", o->nonce_text);
	if (o->root_ca && !eectl_read_root(o->root_ca, o->root_key))
		return false;
	return !o->allowlist_path
	       || eectl_read_file(o->allowlist_path, LIMIT_ALLOWLIST + 1, &o->allowlist);
}

/* -- fetching -- */

static size_t
on_bytes(char *p, size_t one, size_t n, void *ctx)
{
	struct buf *out = ctx;

	buf_add(out, span_of(p, n));
	return buf_ok(out) ? n : 0;
}

/* Said by whoever is at that address: only what a terminal can show. */
static bool
refused(long status, struct buf *said)
{
	for (size_t i = 0; i < said->n; i++)
		if (said->p[i] < ' ' || said->p[i] > '~')
			said->p[i] = ' ';
	fprintf(stderr, "eectl evidence: refused: %ld %.*s\n", status,
	    (int)(said->n < 500 ? said->n : 500), said->n ? (const char *)said->p : "");
	return false;
}

static MUST_CHECK bool
perform(CURL *c, const struct options *o, struct buf *out)
{
	struct curl_slist *fields = curl_slist_append(NULL, "Content-Type: application/json");
	char body[2 * ATTEST_NONCE + 32];
	long status = 0;
	CURLcode rc;

	(void)snprintf(body, sizeof body, "{\"nonce\":\"%s\"}", o->nonce_text ? o->nonce_text : "");
	curl_easy_setopt(c, CURLOPT_URL, o->from);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	if (o->nonce_text) {
		curl_easy_setopt(c, CURLOPT_HTTPHEADER, fields);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
	}
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, out);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 20L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, STALL_S);
	rc = fields ? curl_easy_perform(c) : CURLE_OUT_OF_MEMORY;
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(fields);
	if (rc != CURLE_OK)
		return complain(o->from, buf_ok(out) ? curl_easy_strerror(rc) : "is too large");
	return status == 200 || refused(status, out);
}

static MUST_CHECK bool
fetch(const struct options *o, struct buf *out)
{
	CURL *c;
	bool ok;

	curl_global_init(CURL_GLOBAL_DEFAULT);
	c = curl_easy_init();
	buf_init(out, LIMIT_EVIDENCE);
	ok = c ? perform(c, o, out) : complain("no memory", NULL);
	curl_easy_cleanup(c);
	curl_global_cleanup();
	if (!ok)
		buf_fini(out);
	return ok;
}

static MUST_CHECK bool
read_document(const struct options *o, struct buf *out)
{
	if (is_url(o->from))
		return fetch(o, out);
	return eectl_read_file(o->from, LIMIT_EVIDENCE + 1, out);
}

/* -- verifying -- */

static void
join_advisories(const struct eedcap_verdict *v, char dst[static ROW_ADVISORIES_MAX])
{
	const char *one;
	size_t n = 0;

	dst[0] = '\0';
	for (size_t i = 0; (one = eedcap_verdict_advisory(v, i)); i++) {
		if (n + 1 + strlen(one) >= ROW_ADVISORIES_MAX)
			break; /* as ee-control records them */
		n += (size_t)snprintf(dst + n, ROW_ADVISORIES_MAX - n, "%s%s", i ? "," : "", one);
	}
}

/* Quote and collateral; false with why. */
static MUST_CHECK bool
verify_quote(struct eedcap_context *ctx, const struct evidence_item *it,
    struct evidence_found *found, struct err *e)
{
	static const struct eedcap_policy policy = QUOTE_POLICY;
	struct eedcap_error why = {0};
	struct eedcap_collateral *c;

	if (!it->collateral.n)
		return err_set(e, ERR_POLICY, REASON_EVIDENCE_INCOMPLETE, "there is no collateral");
	c = eedcap_collateral_parse(ctx, it->collateral.p, it->collateral.n, &why);
	if (!c)
		return quote_refused(&why, e);
	found->verdict = eedcap_verify(ctx, it->quote.p, it->quote.n, c, found->at_s, &policy);
	eedcap_collateral_free(c);
	if (!found->verdict)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "verdict");
	return eedcap_verdict_accepted(found->verdict)
	       || quote_refused(eedcap_verdict_error(found->verdict), e);
}

static void
verify_one(const struct options *o, struct eedcap_context *ctx, const struct evidence_file *f,
    const struct evidence_item *it, struct evidence_found *found)
{
	char advisories[ROW_ADVISORIES_MAX] = "";
	struct quote_view view;
	struct err e = {0};
	struct evidence_demands d = {.nonce = o->nonce_text ? o->nonce : NULL,
	    .app_name = o->app,
	    .allowlist = buf_span(&o->allowlist),
	    .advisories = advisories,
	    .refused = &e};

	found->at_s = o->at_s ? o->at_s : it->v.verified_at;
	if (verify_quote(ctx, it, found, &e)) {
		join_advisories(found->verdict, advisories);
		quote_view_of_verdict(&view, found->verdict, found->at_s, advisories, NULL);
		d.quote = &view;
	}
	evidence_check(f, it, &d, &found->report);
}

static int
exit_code(const struct err *e)
{
	switch (e ? e->code : ERR_NONE) {
	case ERR_NONE:
		return 0;
	case ERR_MALFORMED:
	case ERR_UNSUPPORTED:
		return EEDCAP_MALFORMED;
	case ERR_UNTRUSTED:
		return EEDCAP_UNTRUSTED;
	case ERR_EXPIRED:
		return EEDCAP_EXPIRED;
	case ERR_TCB:
		return EEDCAP_TCB;
	case ERR_POLICY:
		return EEDCAP_POLICY;
	default:
		return EECTL_USAGE;
	}
}

static int
verify_all(const struct options *o, const struct evidence_file *f)
{
	struct eedcap_error why;
	struct eedcap_context *ctx = eedcap_context_new(o->root_ca ? o->root_key : NULL, 16, &why);
	struct evidence_findings all = {.file = f, .custom_root = o->root_ca != NULL};
	int code = EECTL_USAGE;

	all.found = calloc(f->n, sizeof *all.found);
	if (!ctx || !all.found) {
		(void)complain("no memory", NULL);
	} else {
		for (size_t i = 0; i < f->n; i++)
			verify_one(o, ctx, f, &f->items[i], &all.found[i]);
		code = exit_code(evidence_first_fault(&all));
		if (!o->json)
			evidence_report_text(&all);
		if (o->json ? !evidence_report_json(&all) : fflush(stdout) != 0)
			code = EECTL_USAGE;
	}
	for (size_t i = 0; all.found && i < f->n; i++)
		eedcap_verdict_free(all.found[i].verdict);
	free(all.found);
	eedcap_context_free(ctx);
	return code;
}

static int
verify(const struct options *o)
{
	struct evidence_file f;
	struct buf text;
	struct err e = {0};
	int code;

	if (!read_document(o, &text))
		return EECTL_USAGE;
	if (evidence_read(&f, buf_span(&text), &e)) {
		code = verify_all(o, &f);
		evidence_file_free(&f);
	} else {
		fprintf(stderr, "eectl evidence: %s: %s\n", reason_token(e.reason), e.detail);
		code = e.code == ERR_NOMEM ? EECTL_USAGE : EXIT_MALFORMED;
	}
	buf_fini(&text);
	return code;
}

int
cmd_evidence(int argc, char **argv)
{
	struct options o = {0};
	int code = EECTL_USAGE;

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0) {
			fputs(usage_evidence, stdout);
			return 0;
		}
	buf_init(&o.allowlist, LIMIT_ALLOWLIST + 1);
	if (argc > 1 && strcmp(argv[1], "verify") == 0 && parse_flags(&o, argc, argv)
	    && check_options(&o))
		code = verify(&o);
	else
		fputs("Try 'eectl evidence --help'.\n", stderr);
	buf_fini(&o.allowlist);
	return code;
}
