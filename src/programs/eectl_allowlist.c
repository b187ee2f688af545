/* eectl_allowlist.c - `eectl allowlist`: makes the asset that a release publishes, says what it admits,
 * compares two, and accepts another one under a tag that is pinned. */
#include "programs/eectl_allowlist.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "core/allowlist_review.h"
#include "programs/eectl.h"
#include "programs/eectl_io.h"

#define EXIT_MALFORMED 2
#define EXIT_FOUND     3

const char usage_allowlist[] =
    "Usage: eectl allowlist generate SOURCE [OPTION]...\n"
    "       eectl allowlist check FILE [--tag TAG]\n"
    "       eectl allowlist diff OLD NEW\n"
    "       eectl allowlist accept URL REPO TAG SHA256\n"
    "\n"
    "Make, read and compare the asset of a release that lists which VMs may serve\n"
    "(docs/allowlist.md). - is standard input.\n"
    "\n"
    "generate: an allowlist of VMs that you started yourself, to stdout; what is\n"
    "pinned, what is left out and why, to stderr. SOURCE is one of\n"
    "\n"
    "  --evidence FILE        a document of a control plane's /v1/evidence/APP: an\n"
    "                         alternative for each replica that differs\n"
    "  --quote FILE --claims FILE\n"
    "                         a quote, and the JSON claims that the image holds\n"
    "\n"
    "  --tag TAG              the release's tag; with evidence, the one that it names\n"
    "  --pin NAME[,NAME]      pin these registers, too: rtmr0, rtmr3, mrowner, ...\n"
    "                         mrtd, rtmr1 and rtmr2 always are\n"
    "  --created-at TIME      seconds since 1970 or RFC 3339; default is now\n"
    "\n"
    "Nothing is verified: `eectl evidence verify` and `eectl verify` do that.\n"
    "\n"
    "check: name every weakness: registers that are not pinned or all zero, claims\n"
    "that nobody measures, keys that are not read, alternatives without effect.\n"
    "--tag demands that the list is that release's.\n"
    "\n"
    "diff: what NEW admits that OLD refused, and refuses that OLD admitted.\n"
    "\n"
    "accept: have the ee-control at URL take the bytes of that digest under a tag\n"
    "whose allowlist it has pinned (allowlist_changed). The admin token is read\n"
    "from $EE_ADMIN_TOKEN, or from the file that $EE_ADMIN_TOKEN_FILE names.\n"
    "\n"
    "Exit status: 0 made, without weakness, the same, accepted; 1 wrong call, or a\n"
    "file cannot be read; 2 malformed: an ee-control would refuse the list, or what\n"
    "it is to be made of cannot be read; 3 there are weaknesses, or differences;\n"
    "4 ee-control could not be asked, or refused; 6 the VM proves too little to make\n"
    "a list of it.\n";

bool
allowlist_complain(const char *what, const char *value)
{
	fprintf(stderr, "eectl allowlist: %s%s%s\n", what, value ? ": " : "", value ? value : "");
	return false;
}

static int
refused(const char *path, const struct err *e)
{
	char token[ERR_TOKEN_MAX];

	fprintf(stderr, "eectl allowlist: %s: %s: %s\n", path, err_token(e, token),
	    e->shown[0] ? e->shown : e->detail);
	return e->code == ERR_NOMEM ? EECTL_USAGE : EXIT_MALFORMED;
}

struct count {
	size_t grave;
};

/* What a file says may hold anything; a terminal gets what it can show. */
static void
print_line(const char *word, const struct review_line *l)
{
	char text[sizeof l->key + sizeof l->text + 40];
	int n = 0;

	if (l->entry != REVIEW_NO_ENTRY)
		n = snprintf(text, sizeof text, "alternative %zu: ", l->entry + 1);
	(void)snprintf(
	    text + n, sizeof text - (size_t)n, "%s%s%s", l->key, l->key[0] ? ": " : "", l->text);
	for (char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	printf("%s %s\n", word, text);
}

static void
print_review(void *ctx, const struct review_line *l)
{
	static const char *const words[] = {"weak:   ", "note:   ", "admits: ", "refuses:"};
	struct count *c = ctx;

	c->grave += l->kind != REVIEW_NOTE;
	print_line(words[l->kind], l);
}

static int
check(int argc, char **argv)
{
	const char *path = NULL, *tag = NULL, *odd = NULL;
	struct count found = {0};
	struct err e = {0};
	struct buf text;
	int code;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--tag") == 0 && i + 1 < argc)
			tag = argv[++i];
		else if ((argv[i][0] != '-' || !argv[i][1]) && !path)
			path = argv[i];
		else
			odd = argv[i];
	}
	if (odd || !path)
		(void)allowlist_complain("check takes a file, and --tag TAG", odd);
	if (odd || !path || !eectl_read_file(path, LIMIT_ALLOWLIST + 1, &text))
		return EECTL_USAGE;
	if (!allowlist_check(buf_span(&text), tag, print_review, &found, &e))
		code = refused(path, &e);
	else
		code = found.grave ? EXIT_FOUND : 0;
	if (code == 0)
		printf("no weakness found\n");
	buf_fini(&text);
	return fflush(stdout) == 0 ? code : EECTL_USAGE;
}

static int
diff(int argc, char **argv)
{
	struct count found = {0};
	struct err e = {0};
	struct buf old, new;
	int code;

	if (argc != 2) {
		(void)allowlist_complain("diff takes two files", NULL);
		return EECTL_USAGE;
	}
	if (!eectl_read_file(argv[0], LIMIT_ALLOWLIST + 1, &old))
		return EECTL_USAGE;
	if (!eectl_read_file(argv[1], LIMIT_ALLOWLIST + 1, &new)) {
		buf_fini(&old);
		return EECTL_USAGE;
	}
	if (!allowlist_diff(buf_span(&old), buf_span(&new), print_review, &found, &e))
		code = refused(argv[strncmp(e.detail, "new", 3) == 0], &e);
	else
		code = found.grave ? EXIT_FOUND : 0;
	if (code == 0)
		printf("the same VMs are admitted\n");
	buf_fini(&old);
	buf_fini(&new);
	return fflush(stdout) == 0 ? code : EECTL_USAGE;
}

int
cmd_allowlist(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} acts[] = {{"generate", allowlist_generate_cmd}, {"check", check}, {"diff", diff},
	    {"accept", allowlist_accept_cmd}};

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0) {
			fputs(usage_allowlist, stdout);
			return 0;
		}
	for (size_t i = 0; argc > 1 && i < sizeof acts / sizeof acts[0]; i++)
		if (strcmp(argv[1], acts[i].name) == 0) {
			int code = acts[i].run(argc - 2, argv + 2);

			if (code == EECTL_USAGE)
				fputs("Try 'eectl allowlist --help'.\n", stderr);
			return code;
		}
	(void)allowlist_complain("generate, check, diff or accept", argc > 1 ? argv[1] : NULL);
	fputs("Try 'eectl allowlist --help'.\n", stderr);
	return EECTL_USAGE;
}
