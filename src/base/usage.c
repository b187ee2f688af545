#include "base/usage.h"

#include <assert.h>
#include <inttypes.h>

#define COLUMNS 80
/* In a man page, where escapes make lines longer. */
#define MAN_COLUMNS 64
#define EXAMPLES    4

struct page {
	enum program program;
	const char *name;
	int section;
	const char *line; /* what it is, in a few words */
	const char *about;
	const char *examples[EXAMPLES];
};

static const struct page pages[] = {
    {PROGRAM_CONTROL, "ee-control", 8, "control plane of Easy Enclave",
	"Accepts tunnels from agents in confidential VMs, verifies their Intel DCAP quotes against "
	"the allowlist of their release, keeps the registry, answers GET /v1/resolve/NAME and "
	"carries requests to the agents.",
	{"ee-control",
	    "EE_PUBLIC_URL=https://control.example.com ee-control --db-path=/var/lib/ee.db",
	    "ee-control --check-config", "curl http://127.0.0.1:8088/v1/resolve/myapp"}},
    {PROGRAM_AGENT, "ee-agent", 8, "tunnel client inside a confidential VM",
	"Dials the control plane, proves by quotes what runs in this VM, probes the app's health "
	"and carries requests to it.",
	{"ee-agent --control-ws=wss://control.example.com/v1/tunnel --repo=owner/repo "
	 "--release-tag=v1 --app-name=myapp --network=forge-1",
	    "ee-agent --backend-url=unix:/run/app.sock ...", "ee-agent --print-config"}},
    {PROGRAM_PROXY, "ee-proxy", 8, "raw proxy of Easy Enclave, apart from the control plane",
	"Takes requests for app.DOMAIN and forwards them to the control plane, which carries them "
	"to the app's agent.",
	{"ee-proxy --control-url=https://control.example.com --proxy-domain=apps.example.com",
	    "curl -H 'Host: myapp.apps.example.com' http://127.0.0.1:9090/"}},
    {PROGRAM_SIM, "ee-sim", 1, "a simulated TDX platform, for machines without TDX",
	"Serves a root CA, quotes, the collateral service and GitHub releases of its own making. "
	"Nothing that it signs is trusted by anyone who was not told to with EE_DCAP_ROOT_CA. "
	"`export` writes one machine's quote and its collateral, `vectors` a tree of quotes and "
	"collateral with one thing wrong each, to test verifiers with; `attack` plays a hostile "
	"agent and a hostile visitor against a control plane that you operate.",
	{"ee-sim --sim-state=/tmp/sim",
	    "ee-sim export DIR --vm web-1 && eectl verify --root-ca DIR/root_ca.pem "
	    "--collateral DIR/collateral.json --quote DIR/quote.bin",
	    "ee-sim attack --run all --target http://127.0.0.1:8088 --sim-state DIR",
	    "EE_PCCS_URL=http://127.0.0.1:8099 EE_GITHUB_API_URL=http://127.0.0.1:8099 "
	    "EE_DCAP_ROOT_CA=/tmp/sim/root_ca.pem ee-control"}},
};

static const struct {
	const char *flag, *help;
} common[] = {
    {"--help", "Print this and exit."},
    {"--version", "Print the version and exit."},
    {"--man", "Print the man page and exit."},
    {"--check-config", "Check the settings and exit."},
    {"--print-config", "Print the settings as they stand, secrets masked, and exit."},
};

static const struct page *
page_of(enum program p)
{
	for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
		if (pages[i].program == p)
			return &pages[i];
	assert(false && "a program without a page");
	return NULL;
}

const char *
program_name(enum program p)
{
	return page_of(p)->name;
}

/* Append text in lines of at most `columns`, each behind `indent` blanks; `tail` ends a line that
 * goes on. A word longer than a line stands alone. */
static void
wrap(struct buf *out, const char *text, unsigned columns, unsigned indent, const char *tail)
{
	size_t width = columns - indent - strlen(tail), at = 0;

	buf_printf(out, "%*s", (int)indent, "");
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, " ");

		if (at > 0 && at + 1 + n > width) {
			buf_printf(out, "%s\n%*s", tail, (int)indent, "");
			at = 0;
		}
		if (at > 0)
			buf_add_u8(out, ' ');
		buf_add(out, span_of(p, n));
		at += n + (at > 0);
		p += n;
		p += strspn(p, " ");
	}
	buf_add_u8(out, '\n');
}

/* The word behind the flag's `=`. */
static const char *
placeholder(const struct setting *row)
{
	switch (row->kind) {
	case SETTING_URL:
		return "URL";
	case SETTING_URLS:
		return "URL,...";
	case SETTING_SECRET:
		return "FILE";
	default:
		return row->form;
	}
}

/* Help, default and bounds as one text. */
static void
describe(const struct setting *row, struct buf *out)
{
	buf_add_str(out, row->help);
	if (row->kind == SETTING_SECRET)
		buf_printf(out, " Also %s_FILE, or a systemd credential.", row->name);
	if (row->required)
		buf_add_str(out, " Needed.");
	else if (row->def && row->def[0] != '\0')
		buf_printf(out, " Default: %s.", row->def);
	if (row->kind == SETTING_INT)
		buf_printf(out, " %" PRId64 " to %" PRId64 ".", row->lo, row->hi);
}

static void
help_row(const struct setting *row, struct buf *out)
{
	char flag[SETTING_FLAG_MAX];
	struct buf text;
	size_t at = out->n;

	setting_flag(row, flag);
	buf_printf(out, "  --%s=%s", flag, placeholder(row));
	at = out->n - at;
	if (at > 44)
		buf_printf(out, "\n%*s", 46, "");
	else
		buf_printf(out, "%*s", (int)(46 - at), "");
	buf_printf(out, "%s\n", row->name);
	buf_init(&text, 1024);
	describe(row, &text);
	wrap(out, buf_cstr(&text), COLUMNS, 6, "");
	buf_fini(&text);
}

void
usage_help(enum program p, struct buf *out)
{
	const struct page *page = page_of(p);
	const struct setting *row;

	buf_printf(out, "%s - %s\n\nExamples:\n", page->name, page->line);
	for (size_t i = 0; i < EXAMPLES && page->examples[i]; i++)
		wrap(out, page->examples[i], COLUMNS, 2, " \\");
	buf_add_u8(out, '\n');
	wrap(out, page->about, COLUMNS, 0, "");
	buf_printf(out, "\nUsage: %s [--FLAG=VALUE]...\n\n", page->name);
	for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
		buf_printf(out, "  %-16s %s\n", common[i].flag, common[i].help);
	buf_add_str(out, "\nSettings. A flag goes before the environment, which goes before the "
			 "default.\n\n");
	for (size_t i = 0; (row = setting_at(i)) != NULL; i++)
		if (row->programs & p)
			help_row(row, out);
}

void
usage_roff(struct buf *out, const char *text)
{
	bool begins = true;

	for (; *text; text++) {
		if (begins && (*text == '.' || *text == '\''))
			buf_add_str(out, "\\&");
		begins = *text == '\n';
		if (*text == '\\')
			buf_add_str(out, "\\e");
		else if (*text == '-')
			buf_add_str(out, "\\-");
		else
			buf_add_u8(out, (uint8_t)*text);
	}
}

/* A paragraph, in short lines. */
static void
roff_text(struct buf *out, const char *text)
{
	struct buf b;

	buf_init(&b, 4096);
	wrap(&b, text, MAN_COLUMNS, 0, "");
	usage_roff(out, buf_cstr(&b));
	buf_fini(&b);
}

static void
man_row(const struct setting *row, struct buf *out)
{
	char flag[SETTING_FLAG_MAX];
	struct buf text;

	setting_flag(row, flag);
	buf_add_str(out, ".TP\n\\fB");
	usage_roff(out, "--");
	usage_roff(out, flag);
	buf_add_str(out, "\\fR=\\fI");
	usage_roff(out, placeholder(row));
	buf_printf(out, "\\fR, \\fB%s\\fR\n", row->name);
	buf_init(&text, 1024);
	describe(row, &text);
	roff_text(out, buf_cstr(&text));
	buf_fini(&text);
}

static void
man_examples(const struct page *page, struct buf *out)
{
	buf_add_str(out, ".SH EXAMPLES\n.nf\n");
	for (size_t i = 0; i < EXAMPLES && page->examples[i]; i++) {
		struct buf text;

		buf_init(&text, 1024);
		wrap(&text, page->examples[i], MAN_COLUMNS, 0, " \\");
		usage_roff(out, buf_cstr(&text));
		buf_fini(&text);
	}
	buf_add_str(out, ".fi\n");
}

void
usage_man(enum program p, struct buf *out)
{
	const struct page *page = page_of(p);
	const struct setting *row;

	buf_add_str(out, ".TH ");
	for (const char *c = page->name; *c; c++)
		buf_add_u8(out, *c >= 'a' && *c <= 'z' ? (uint8_t)(*c - ('a' - 'A')) : (uint8_t)*c);
	buf_printf(out, " %d 2026-01-01 \"Easy Enclave\"\n.SH NAME\n", page->section);
	usage_roff(out, page->name);
	buf_add_str(out, " \\- ");
	usage_roff(out, page->line);
	buf_add_str(out, "\n.SH SYNOPSIS\n.B ");
	usage_roff(out, page->name);
	buf_add_str(out, "\n[\\fB\\-\\-\\fIFLAG\\fR=\\fIVALUE\\fR]...\n");
	man_examples(page, out);
	buf_add_str(out, ".SH DESCRIPTION\n");
	roff_text(out, page->about);
	buf_add_str(out, ".SH OPTIONS\n");
	for (size_t i = 0; i < sizeof common / sizeof common[0]; i++) {
		buf_add_str(out, ".TP\n\\fB");
		usage_roff(out, common[i].flag);
		buf_add_str(out, "\\fR\n");
		usage_roff(out, common[i].help);
		buf_add_u8(out, '\n');
	}
	buf_add_str(out, ".SH SETTINGS\nA flag goes before the environment, which goes before the "
			 "default.\n");
	for (size_t i = 0; (row = setting_at(i)) != NULL; i++)
		if (row->programs & p)
			man_row(row, out);
	buf_add_str(out, ".SH EXIT STATUS\n0 after an orderly stop, 1 when the program could not\n"
			 "do its work, 2 when a flag or setting is wrong.\n");
}
