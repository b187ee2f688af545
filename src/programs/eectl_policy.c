/* eectl_policy.c - `eectl policy diff`: who of the live fleet a networks file would refuse. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "programs/eectl.h"
#include "programs/eectl_admin.h"
#include "programs/eectl_io.h"

#define EXIT_REFUSED 2
#define EXIT_LOSSES  5
#define ANSWER_MAX   (17u * 1024 * 1024)

const char usage_policy[] =
    "Usage: eectl policy diff FILE --against URL [--json]\n"
    "\n"
    "Ask a running ee-control who of its live agents would lose the lease, and why,\n"
    "if FILE were its networks file. Nothing changes by it. URL is the control\n"
    "plane's origin, such as https://control.example.com.\n"
    "\n"
    "  --against URL    the control plane\n"
    "  --json           its answer as it came\n"
    "\n"
    "The admin token is read from $EE_ADMIN_TOKEN, or from the file that\n"
    "$EE_ADMIN_TOKEN_FILE names. It is sent in clear where URL is http.\n"
    "\n"
    "Exit status: 0 nobody would be refused; 1 wrong call; 2 the control plane could\n"
    "not be asked, or refused the file; 5 somebody would be refused, or could not be\n"
    "judged.\n";

/* A member as text; what a terminal might take for more is left out. */
static void
print_text(const struct json_doc *doc, const struct json_node *row, const char *name)
{
	const struct json_node *n = json_get(doc, row, name);
	struct span s = n ? n->text : span_of(NULL, 0);

	for (size_t i = 0; i < s.n; i++)
		putchar(s.p[i] >= ' ' && s.p[i] <= '~' ? s.p[i] : '?');
}

static int64_t
number(const struct json_doc *doc, const char *name)
{
	const struct json_node *n = json_get(doc, json_top(doc), name);
	int64_t v = 0;

	return n && json_int(n, 0, INT64_MAX, &v) ? v : -1;
}

static void
print_rows(const struct json_doc *doc)
{
	const struct json_node *list = json_get(doc, json_top(doc), "list"), *row;

	if (!list || list->type != JSON_ARRAY)
		return;
	for (row = json_first(doc, list); row; row = json_next(doc, list, row)) {
		const struct json_node *judged = json_get(doc, row, "judged");

		fputs(judged && judged->type == JSON_TRUE ? "refused   " : "unjudged  ", stdout);
		print_text(doc, row, "app_name");
		putchar(' ');
		print_text(doc, row, "agent_id");
		putchar(' ');
		print_text(doc, row, "network");
		fputs(": ", stdout);
		print_text(doc, row, "reason");
		fputs(" (", stdout);
		print_text(doc, row, "detail");
		fputs(")\n", stdout);
	}
}

static int
report(const struct buf *answer, bool json)
{
	struct json_doc doc;
	struct err e = {0};
	int64_t refused, unjudged, judged, kept;

	if (!json_parse(&doc, buf_span(answer),
		(struct json_limits){LIMIT_JSON_DEPTH, LIMIT_DOCUMENT_NODES}, &e)) {
		fprintf(stderr, "eectl policy: the answer is no JSON: %s\n", e.detail);
		return EXIT_REFUSED;
	}
	judged = number(&doc, "judged");
	kept = number(&doc, "kept");
	refused = number(&doc, "refused");
	unjudged = number(&doc, "unjudged");
	if (json && !eectl_print_buf(answer))
		refused = -1;
	if (!json && judged >= 0) {
		print_rows(&doc);
		printf("%lld judged, %lld kept, %lld refused, %lld could not be judged\n",
		    (long long)judged, (long long)kept, (long long)refused, (long long)unjudged);
	}
	json_free(&doc);
	if (judged < 0 || refused < 0 || unjudged < 0) {
		fprintf(stderr, "eectl policy: that is no answer of ee-control\n");
		return EXIT_REFUSED;
	}
	return refused || unjudged ? EXIT_LOSSES : 0;
}

static int
diff(const char *file, const char *origin, bool json)
{
	char url[EECTL_URL_MAX], token[EECTL_TOKEN_MAX + 2];
	struct buf text, answer;
	int rc = EXIT_REFUSED;

	if (!eectl_admin_url("policy", origin, "/v1/policy/diff", url)
	    || !eectl_admin_token("policy", token)
	    || !eectl_read_file(file, LIMIT_NETWORKS_FILE + 1, &text))
		return EECTL_USAGE;
	buf_init(&answer, ANSWER_MAX);
	if (eectl_admin_call(
		"policy", url, token, text.n ? buf_span(&text) : span_str(" "), &answer))
		rc = report(&answer, json);
	buf_fini(&answer);
	buf_fini(&text);
	return rc;
}

int
cmd_policy(int argc, char **argv)
{
	const char *file = NULL, *origin = NULL;
	bool json = false, ok = argc > 2 && strcmp(argv[1], "diff") == 0;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage_policy, stdout);
		return 0;
	}
	for (int i = 2; ok && i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (strcmp(argv[i], "--against") == 0 && i + 1 < argc && !origin)
			origin = argv[++i];
		else if (argv[i][0] != '-' && !file)
			file = argv[i];
		else
			ok = false;
	}
	if (!ok || !file || !origin) {
		fputs(usage_policy, stderr);
		return EECTL_USAGE;
	}
	return diff(file, origin, json);
}
