/* eectl_tcb.c - `eectl tcb`: what a platform's TCB lacks now, and what it will lack when Intel's early
 * edition is in force; of a quote, or of a live app. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "programs/eectl.h"
#include "programs/eectl_admin.h"
#include "programs/eectl_io.h"
#include "wire/message.h"

#define EXIT_REFUSED 2
#define EXIT_SHORT   5
#define ANSWER_MAX   (8u * 1024 * 1024)

const char usage_tcb[] =
    "Usage: eectl tcb QUOTE --collateral FILE [--early FILE] [--root-ca FILE] [--at TIME]\n"
    "       eectl tcb URL APP\n"
    "\n"
    "Say which security versions of a platform are below what Intel asks for: now,\n"
    "under --collateral, and soon, under the early edition (collateral that was\n"
    "fetched with update=early). The second form asks a running ee-control for the\n"
    "forecast that it made for a live app; URL is its origin, and the admin token is\n"
    "read from $EE_ADMIN_TOKEN or $EE_ADMIN_TOKEN_FILE.\n"
    "\n"
    "  --root-ca FILE    the root to trust, PEM or DER (default: Intel's)\n"
    "  --at TIME         judge as of then: seconds since 1970 or RFC 3339\n"
    "\n"
    "Exit status: 0 nothing falls short; 1 wrong call; 2 nothing could be judged, or\n"
    "the control plane could not be asked; 5 something falls short.\n";

struct options {
	const char *quote, *now, *early, *root, *url, *app;
	int64_t at_s;
};

static void
print_shortfall(const struct eedcap_shortfall *s)
{
	bool numbered = strcmp(s->what, "sgx_component") == 0
			|| strcmp(s->what, "tdx_component") == 0;

	if (numbered)
		printf("  %s component %u", s->what[0] == 't' ? "TDX" : "SGX", s->index);
	else if (strcmp(s->what, "pcesvn") == 0)
		printf("  PCESVN");
	else
		printf("  %s ISV SVN", s->of);
	printf(" is %u, needs %u (%s%s%s)\n", s->have, s->need,
	    s->part == EEDCAP_MODULE ? "TDX module"
	    : s->part == EEDCAP_QE   ? "quoting enclave"
				     : "platform firmware",
	    numbered && s->of[0] ? ", " : "", numbered ? s->of : "");
}

/* One verdict's lines. */
static int
print_verdict(const char *when, const struct eedcap_verdict *v)
{
	const char *status = eedcap_status_name(eedcap_verdict_status(v));
	struct eedcap_shortfall s;
	size_t i = 0;

	if (!status) {
		const struct eedcap_error *e = eedcap_verdict_error(v);

		fprintf(stderr, "eectl tcb: %s: %s: %s\n", when, e->reason, e->detail);
		return EXIT_REFUSED;
	}
	printf("%s, evaluation %u: %s\n", when, eedcap_verdict_evaluation_number(v), status);
	while (eedcap_verdict_shortfall(v, i, &s)) {
		print_shortfall(&s);
		i++;
	}
	return i || eedcap_verdict_status(v) != EEDCAP_UP_TO_DATE ? EXIT_SHORT : 0;
}

static int
judge(struct eedcap_context *ctx, const struct options *o, const struct buf *quote,
    const char *when, const char *path)
{
	static const struct eedcap_policy policy = {
	    .accept = EEDCAP_ACCEPT_ANY, .flags = EEDCAP_ALLOW_DEBUG};
	struct eedcap_collateral *c;
	struct eedcap_verdict *v;
	struct eedcap_error e;
	struct buf text;
	int rc = EXIT_REFUSED;

	if (!eectl_read_file(path, EEDCAP_COLLATERAL_MAX + 1, &text))
		return EECTL_USAGE;
	c = eedcap_collateral_parse(ctx, text.p, text.n, &e);
	buf_fini(&text);
	if (!c) {
		fprintf(stderr, "eectl tcb: %s: %s: %s\n", path, e.reason, e.detail);
		return EXIT_REFUSED;
	}
	v = eedcap_verify(ctx, quote->p, quote->n, c, o->at_s, &policy);
	if (v)
		rc = print_verdict(when, v);
	else
		fprintf(stderr, "eectl tcb: no memory\n");
	eedcap_verdict_free(v);
	eedcap_collateral_free(c);
	return rc;
}

static int
report_quote(const struct options *o)
{
	uint8_t key[EEDCAP_ROOT_KEY_SIZE];
	struct eedcap_context *ctx;
	struct eedcap_error e;
	struct buf quote;
	int rc, later = 0;

	if (o->root && !eectl_read_root(o->root, key))
		return EECTL_USAGE;
	if (!eectl_read_quote(o->quote, &quote))
		return EECTL_USAGE;
	ctx = eedcap_context_new(o->root ? key : NULL, 4, &e);
	if (!ctx) {
		fprintf(stderr, "eectl tcb: %s\n", e.detail);
		buf_fini(&quote);
		return EXIT_REFUSED;
	}
	rc = judge(ctx, o, &quote, "now", o->now);
	if (o->early && (rc == 0 || rc == EXIT_SHORT))
		later = judge(ctx, o, &quote, "soon", o->early);
	eedcap_context_free(ctx);
	buf_fini(&quote);
	return later ? later : rc;
}

/* --- a live app --- */

static void
print_text(const struct json_node *n)
{
	struct span s = n ? n->text : span_of(NULL, 0);

	for (size_t i = 0; i < s.n; i++)
		putchar(s.p[i] >= ' ' && s.p[i] <= '~' ? s.p[i] : '?');
}

static void
print_replica(const struct json_doc *doc, const struct json_node *r)
{
	const struct json_node *list = json_get(doc, r, "shortfalls"), *s;
	const struct json_node *status = json_get(doc, r, "tcb_status");
	const struct json_node *reason = json_get(doc, r, "reason");

	print_text(json_get(doc, r, "agent_id"));
	fputs(": soon, evaluation ", stdout);
	print_text(json_get(doc, r, "evaluation_number"));
	fputs(": ", stdout);
	print_text(status && status->type == JSON_STRING ? status : reason);
	if (reason && reason->type == JSON_STRING) {
		fputs(", refused: ", stdout);
		print_text(reason);
	}
	putchar('\n');
	if (!list || list->type != JSON_ARRAY)
		return;
	for (s = json_first(doc, list); s; s = json_next(doc, list, s)) {
		fputs("  ", stdout);
		print_text(json_get(doc, s, "text"));
		putchar('\n');
	}
}

static int
report_answer(const struct buf *answer)
{
	const struct json_node *list, *r;
	struct json_doc doc;
	struct err e = {0};
	int rc = EXIT_REFUSED;

	if (!json_parse(&doc, buf_span(answer),
		(struct json_limits){LIMIT_JSON_DEPTH, LIMIT_DOCUMENT_NODES}, &e)) {
		fprintf(stderr, "eectl tcb: the answer is no JSON: %s\n", e.detail);
		return EXIT_REFUSED;
	}
	list = json_get(&doc, json_top(&doc), "tcb_forecast");
	if (!list || list->type != JSON_ARRAY) {
		fprintf(stderr, "eectl tcb: no forecast has been made\n");
	} else {
		for (r = json_first(&doc, list); r; r = json_next(&doc, list, r))
			print_replica(&doc, r);
		if (list->count == 0)
			puts("nothing is to come");
		rc = list->count ? EXIT_SHORT : 0;
	}
	json_free(&doc);
	return rc;
}

static int
report_app(const struct options *o)
{
	char url[EECTL_URL_MAX], token[EECTL_TOKEN_MAX + 2], path[96];
	struct buf answer;
	int rc = EXIT_REFUSED;

	if (!msg_app_name_ok(span_str(o->app))) {
		fprintf(stderr, "eectl tcb: %s is no app's name\n", o->app);
		return EECTL_USAGE;
	}
	(void)snprintf(path, sizeof path, "/v1/apps/%s", o->app);
	if (!eectl_admin_url("tcb", o->url, path, url) || !eectl_admin_token("tcb", token))
		return EECTL_USAGE;
	buf_init(&answer, ANSWER_MAX);
	if (eectl_admin_call("tcb", url, token, span_of(NULL, 0), &answer))
		rc = report_answer(&answer);
	buf_fini(&answer);
	return rc;
}

/* --- the call --- */

static const char **
option_of(struct options *o, const char *name)
{
	if (strcmp(name, "--collateral") == 0)
		return &o->now;
	if (strcmp(name, "--early") == 0)
		return &o->early;
	return strcmp(name, "--root-ca") == 0 ? &o->root : NULL;
}

static bool
read_options(int argc, char **argv, struct options *o)
{
	const char **value;

	for (int i = 1; i < argc; i++) {
		value = option_of(o, argv[i]);
		if (value && i + 1 < argc && !*value)
			*value = argv[++i];
		else if (strcmp(argv[i], "--at") == 0 && i + 1 < argc && !o->at_s) {
			if (!eectl_read_time(argv[++i], &o->at_s))
				return false;
		} else if (argv[i][0] == '-' && argv[i][1])
			return false;
		else if (!o->quote)
			o->quote = argv[i];
		else if (!o->app)
			o->app = argv[i];
		else
			return false;
	}
	if (!o->quote)
		return false;
	o->url = o->app ? o->quote : NULL;
	return o->url ? !o->now && !o->early && !o->root && !o->at_s : o->now != NULL;
}

int
cmd_tcb(int argc, char **argv)
{
	struct options o = {.at_s = 0};

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage_tcb, stdout);
		return 0;
	}
	if (!read_options(argc, argv, &o)) {
		fputs(usage_tcb, stderr);
		return EECTL_USAGE;
	}
	if (!o.at_s)
		o.at_s = (int64_t)time(NULL);
	return o.url ? report_app(&o) : report_quote(&o);
}
