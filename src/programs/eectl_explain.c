/* eectl_explain.c - `eectl explain`: what a reason means and what to do about it. With --all
 * --markdown it writes docs/reasons.md. */
#include "base/reason.h"
#include "programs/eectl.h"

#include <stdio.h>
#include <string.h>

static void
print_one(enum reason r)
{
	printf("%s\n  %s\n  What to do: %s\n", reason_token(r), reason_what(r), reason_todo(r));
	if (reason_parent(r) != r)
		printf(
		    "  On the wire: %s, with this as its cause\n", reason_token(reason_parent(r)));
	printf("  HTTP status: %d\n", reason_http(r));
	if (reason_ws(r) != 0)
		printf("  Ends a tunnel with close code: %d\n", reason_ws(r));
	if (reason_proxy_status(r)[0] != '\0')
		printf("  Proxy-Status: %s\n", reason_proxy_status(r));
}

static void
print_row(enum reason r)
{
	printf("| `%s` | ", reason_token(r));
	if (reason_parent(r) != r)
		printf("`%s` ", reason_token(reason_parent(r)));
	printf("| %d | ", reason_http(r));
	if (reason_ws(r) != 0)
		printf("%d ", reason_ws(r));
	printf("| %s%s| %s | %s |\n", reason_proxy_status(r),
	    reason_proxy_status(r)[0] != '\0' ? " " : "", reason_what(r), reason_todo(r));
}

static void
print_markdown(void)
{
	fputs(
	    "# Reasons\n\n"
	    "Why something was refused, in one word that is the same in the answer, in the log\n"
	    "and on the dashboard. `eectl explain REASON` prints one row. An argument may follow\n"
	    "after a colon: `measurement_mismatch:mrtd`.\n\n"
	    "*sent as*: the tunnel carries that reason, and this one as its `cause`. *close*: the\n"
	    "WebSocket close code, where the reason ends a tunnel. *Proxy-Status*: the error type\n"
	    "of RFC 9209 on answers that the proxy makes itself.\n\n"
	    "This file is made by `eectl explain --all --markdown`.\n\n"
	    "| reason | sent as | HTTP | close | Proxy-Status | what happened | what to do |\n"
	    "|---|---|---|---|---|---|---|\n",
	    stdout);
	for (unsigned i = 0; i < REASON_COUNT; i++)
		print_row((enum reason)i);
}

const char usage_explain[] =
    "Usage: eectl explain REASON\n"
    "       eectl explain --all [--markdown]\n"
    "\n"
    "Say what a reason means and what to do about it. REASON may have its\n"
    "argument behind it: measurement_mismatch:mrtd.\n"
    "\n"
    "  --all         every reason\n"
    "  --markdown    as docs/reasons.md\n"
    "\n"
    "Exit status: 0 explained, 1 wrong call or no such reason.\n";

static int
usage(FILE *f, int rc)
{
	fputs(usage_explain, f);
	return rc;
}

static int
explain_all(void)
{
	for (unsigned i = 0; i < REASON_COUNT; i++) {
		if (i > 0)
			putchar('\n');
		print_one((enum reason)i);
	}
	return 0;
}

int
cmd_explain(int argc, char **argv)
{
	enum reason r;

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout, 0);
	if (argc == 2 && strcmp(argv[1], "--all") == 0)
		return explain_all();
	if (argc == 3 && strcmp(argv[1], "--all") == 0 && strcmp(argv[2], "--markdown") == 0) {
		print_markdown();
		return 0;
	}
	if (argc != 2 || argv[1][0] == '-')
		return usage(stderr, EECTL_USAGE);
	r = reason_find(argv[1], strlen(argv[1]));
	if (r == REASON_COUNT) {
		fprintf(stderr, "eectl: no such reason: %s (eectl explain --all lists them)\n",
		    argv[1]);
		return EECTL_USAGE;
	}
	print_one(r);
	return 0;
}
