/* eectl.c - the admin and offline tool: finds the command and runs it. */
#include "programs/eectl.h"

#include <stdio.h>
#include <string.h>

#include "base/usage.h"
#include "programs/eectl_io.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *args, *what, *usage;
};

static const struct command commands[] = {
    {"allowlist", cmd_allowlist, "generate ... | check FILE | diff OLD NEW | accept ...",
	"make, check and compare the asset that lists which VMs may serve", usage_allowlist},
    {"audit", cmd_audit, "verify FILE [--head HEAD] | show FILE [OPTION]...",
	"check or show the audit trail of a registry", usage_audit},
    {"backup", cmd_backup, "URL OUT", "copy the registry of a running control plane", usage_backup},
    {"collateral", cmd_collateral, "fetch|show|export|import ...",
	"fetch, show and move collateral", usage_collateral},
    {"evidence", cmd_evidence, "verify FILE|URL [OPTION]...",
	"repeat an app's verification from its evidence", usage_evidence},
    {"explain", cmd_explain, "REASON | --all [--markdown]", "say what a reason means",
	usage_explain},
    {"policy", cmd_policy, "diff FILE --against URL [--json]",
	"judge a live fleet by a networks file before it is in force", usage_policy},
    {"quote", cmd_quote, "[-o json] FILE", "show what stands in a quote", usage_quote},
    {"tcb", cmd_tcb, "QUOTE --collateral FILE [--early FILE] [OPTION]... | URL APP",
	"say what a platform's TCB lacks, now and soon", usage_tcb},
    {"verify", cmd_verify, "--quote FILE --collateral FILE [OPTION]...", "verify a quote offline",
	usage_verify},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static void
print_help(FILE *f)
{
	fputs("eectl - admin and offline tool of Easy Enclave\n\n"
	      "Examples:\n"
	      "  eectl explain measurement_mismatch:mrtd\n"
	      "  eectl quote quote.bin\n"
	      "  eectl verify --quote quote.bin --collateral collateral.json\n"
	      "  eectl collateral fetch --quote quote.bin --out collateral.json\n"
	      "  eectl allowlist generate --quote quote.bin --claims claims.json --tag v1\n"
	      "  eectl evidence verify https://control.example.com/v1/evidence/myapp\n"
	      "  eectl backup https://control.example.com registry.db\n"
	      "  eectl policy diff networks.json --against https://control.example.com\n"
	      "  eectl audit verify registry.db\n\n"
	      "Usage: eectl COMMAND [ARGUMENTS]; eectl COMMAND --help; eectl --man\n\n"
	      "Commands:\n",
	    f);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(
		    f, "  %s %s\n      %s\n", commands[i].name, commands[i].args, commands[i].what);
}

/* Each command's own help, as it is. */
static int
print_man(void)
{
	struct buf out;
	bool ok;

	buf_init(&out, 65536);
	buf_add_str(&out, ".TH EECTL 1 2026-01-01 \"Easy Enclave\"\n.SH NAME\neectl \\- admin and "
			  "offline tool of Easy Enclave\n.SH SYNOPSIS\n.B eectl\n\\fICOMMAND\\fR "
			  "[\\fIARGUMENT\\fR]...\n.SH COMMANDS\n");
	for (size_t i = 0; i < COMMANDS; i++) {
		buf_printf(&out, ".SS %s\n.nf\n", commands[i].name);
		usage_roff(&out, commands[i].usage);
		buf_add_str(&out, ".fi\n");
	}
	ok = eectl_print_buf(&out);
	buf_fini(&out);
	return ok ? 0 : EECTL_USAGE;
}

int
main(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return EECTL_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--man") == 0)
		return print_man();
	if (strcmp(argv[1], "--version") == 0) {
		printf("eectl %s\n", EE_VERSION);
		return 0;
	}
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "eectl: no such command: %s (eectl --help lists them)\n", argv[1]);
	return EECTL_USAGE;
}
