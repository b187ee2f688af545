/* eectl.c - the admin and offline tool: finds the command and runs it. */
#include "programs/eectl.h"

#include <stdio.h>
#include <string.h>

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *args, *what;
};

static const struct command commands[] = {
    {"explain", cmd_explain, "REASON | --all [--markdown]", "say what a reason means"},
    {"quote", cmd_quote, "[-o json] FILE", "show what stands in a quote"},
    {"verify", cmd_verify, "--quote FILE --collateral FILE [OPTION]...", "verify a quote offline"},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static void
print_help(FILE *f)
{
	fputs("eectl - admin and offline tool of Easy Enclave\n\n"
	      "Examples:\n"
	      "  eectl explain measurement_mismatch:mrtd\n"
	      "  eectl quote quote.bin\n"
	      "  eectl verify --quote quote.bin --collateral collateral.json\n\n"
	      "Usage: eectl COMMAND [ARGUMENTS]; eectl COMMAND --help\n\n"
	      "Commands:\n",
	    f);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(
		    f, "  %s %s\n      %s\n", commands[i].name, commands[i].args, commands[i].what);
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
