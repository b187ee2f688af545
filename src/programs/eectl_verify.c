/* eectl verify: one quote, its collateral, one moment, one policy; a verdict and its exit code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "base/limits.h"
#include "base/reason.h"
#include "programs/eectl.h"
#include "programs/eectl_io.h"
#include "programs/eectl_report.h"

const char usage_verify[] =
    "Usage: eectl verify --quote FILE --collateral FILE [OPTION]...\n"
    "\n"
    "Verify a DCAP quote away from its platform, without network.\n"
    "\n"
    "  --quote FILE           quote in binary, hex or base64; - is standard input\n"
    "  --collateral FILE      collateral, one JSON object\n"
    "  --at TIME              judge as of this time: seconds since 1970, or RFC 3339\n"
    "                         in UTC; default now\n"
    "  --root-ca FILE         trust this root instead of Intel's (PEM or DER)\n"
    "\n"
    "Policy:\n"
    "  --accept STATUS,...    accepted TCB statuses, or any; UpToDate\n"
    "  --allow-debug          accept debug enclaves and debug TDs\n"
    "  --allow-expired        judge although something is out of its time\n"
    "  --allow-attributes     accept undefined and untrusted TD attribute bits\n"
    "  --deny-migratable      refuse TDs that may be migrated\n"
    "  --deny-service-td      refuse TDs that a service TD is bound to\n"
    "  --deny-trailing        refuse bytes behind the quote\n"
    "  --require-sept-ve-disable\n"
    "                         refuse TDs without SEPT_VE_DISABLE\n"
    "  --min-evaluation N     refuse collateral below this evaluation number\n"
    "  --min-tcb-date TIME    refuse a TCB from before this time\n"
    "  --expect NAME=HEX ...  demand the value of registers or of report_data\n"
    "\n"
    "Output:\n"
    "  --json                 one JSON object\n"
    "  --explain              every check and every value, for people\n"
    "  --show-ppid            show the PPID too: it names one machine\n"
    "\n"
    "Exit status: 0 accepted, 1 wrong call, 2 malformed input, 3 not authentic,\n"
    "4 expired or not yet valid, 5 TCB status not accepted, 6 refused by policy.\n";

enum output { OUT_TEXT, OUT_JSON, OUT_EXPLAIN };

struct options {
	const char *quote, *collateral, *root_ca, *accept, *at, *min_evaluation, *min_tcb_date;
	enum output output;
	uint8_t root_key[EEDCAP_ROOT_KEY_SIZE];
	struct eedcap_policy policy;
	struct report report;
};

static bool
complain(const char *what, const char *value)
{
	fprintf(stderr, "eectl verify: %s%s%s\n", what, value ? ": " : "", value ? value : "");
	return false;
}

/* -- the command line -- */

static bool
take_switch(struct options *o, const char *arg)
{
	static const struct {
		const char *name;
		uint32_t flag;
	} flags[] = {
	    {"--allow-debug", EEDCAP_ALLOW_DEBUG},
	    {"--allow-expired", EEDCAP_ALLOW_EXPIRED},
	    {"--allow-attributes", EEDCAP_ALLOW_OTHER_ATTRIBUTES},
	    {"--deny-migratable", EEDCAP_DENY_MIGRATABLE},
	    {"--deny-service-td", EEDCAP_DENY_SERVICE_TD},
	    {"--deny-trailing", EEDCAP_DENY_TRAILING},
	    {"--require-sept-ve-disable", EEDCAP_REQUIRE_SEPT_VE_DISABLE},
	};

	for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
		if (strcmp(arg, flags[i].name) == 0) {
			o->policy.flags |= flags[i].flag;
			return true;
		}
	if (strcmp(arg, "--json") == 0)
		o->output = OUT_JSON;
	else if (strcmp(arg, "--explain") == 0)
		o->output = OUT_EXPLAIN;
	else if (strcmp(arg, "--show-ppid") == 0)
		o->report.show_ppid = true;
	else
		return false;
	return true;
}

static const char **
value_of(struct options *o, const char *arg)
{
	const struct eectl_value values[] = {
	    {"--quote", &o->quote},
	    {"--collateral", &o->collateral},
	    {"--at", &o->at},
	    {"--root-ca", &o->root_ca},
	    {"--accept", &o->accept},
	    {"--min-evaluation", &o->min_evaluation},
	    {"--min-tcb-date", &o->min_tcb_date},
	};

	return eectl_value_of(values, sizeof values / sizeof values[0], arg);
}

/* A value is NAME=HEX: its form is checked now, whether there is such a register when the quote is
 * there. */
static MUST_CHECK bool
take_expect(struct options *o, const char *arg)
{
	struct span name = report_expect_name(arg), hex = span_from(span_str(arg), name.n + 1);
	uint8_t value[64];

	if (name.n == 0 || arg[name.n] != '=')
		return complain("--expect takes NAME=HEX", arg);
	if (hex.n == 0 || hex.n > 2 * sizeof value || !hex_decode(hex, value, hex.n / 2))
		return complain("--expect takes hex of at most 64 bytes", arg);
	if (o->report.n_expect == EXPECT_MAX)
		return complain("too many expectations", arg);
	o->report.expect[o->report.n_expect++] = arg;
	return true;
}

static MUST_CHECK bool
parse_flags(struct options *o, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i], **value;

		if (take_switch(o, arg))
			continue;
		if (i + 1 == argc)
			return complain(value_of(o, arg) || strcmp(arg, "--expect") == 0
					    ? "value missing for"
					    : "unknown option",
			    arg);
		if (strcmp(arg, "--expect") == 0) {
			do
				if (!take_expect(o, argv[++i]))
					return false;
			while (i + 1 < argc && argv[i + 1][0] != '-');
			continue;
		}
		value = value_of(o, arg);
		if (!value)
			return complain("unknown option", arg);
		*value = argv[++i];
	}
	if (!o->quote || !o->collateral)
		return complain("--quote and --collateral are needed", NULL);
	return true;
}

static MUST_CHECK bool
parse_accept(const char *list, uint32_t *out)
{
	char name[64];

	*out = 0;
	if (strcmp(list, "any") == 0) {
		*out = EEDCAP_ACCEPT_ANY;
		return true;
	}
	while (*list) {
		size_t n = strcspn(list, ",");
		enum eedcap_status s;

		if (!span_cstr(span_of(list, n), name, sizeof name))
			return complain("unknown status", list);
		s = eedcap_status_find(name);
		if (s == EEDCAP_STATUS_NONE || s == EEDCAP_REVOKED)
			return complain("no status that can be accepted", name);
		*out |= EEDCAP_ACCEPT(s);
		list += n + (list[n] == ',');
	}
	return *out != 0 || complain("no status in --accept", NULL);
}

static MUST_CHECK bool
parse_time(const char *text, const char *flag, int64_t *out)
{
	return eectl_read_time(text, out)
	       || complain(flag, "takes seconds since 1970, or YYYY-MM-DDThh:mm:ssZ");
}

static MUST_CHECK bool
check_options(struct options *o)
{
	int64_t number = 0;

	o->report.now_s = (int64_t)time(NULL);
	o->report.custom_root = o->root_ca != NULL;
	if (o->at && !parse_time(o->at, "--at", &o->report.now_s))
		return false;
	if (o->min_tcb_date
	    && !parse_time(o->min_tcb_date, "--min-tcb-date", &o->policy.min_tcb_date))
		return false;
	if (o->min_evaluation && !eectl_read_number(o->min_evaluation, UINT32_MAX, &number))
		return complain("--min-evaluation takes a number", o->min_evaluation);
	o->policy.min_evaluation_number = (uint32_t)number;
	if (o->accept && !parse_accept(o->accept, &o->policy.accept))
		return false;
	return !o->root_ca || eectl_read_root(o->root_ca, o->root_key);
}

/* -- the verification -- */

/* Find a register, or report_data, by name. */
static bool
find(const struct eedcap_quote *q, struct span name, const uint8_t **p, size_t *n)
{
	char reg[64];

	if (!span_cstr(name, reg, sizeof reg))
		return false;
	if (strcmp(reg, "report_data") == 0) {
		*p = eedcap_quote_report_data(q);
		*n = 64;
		return true;
	}
	return eedcap_quote_register(q, reg, p, n);
}

/* Compare what the caller demands with what the quote says. */
static bool
meets_expectations(struct report *r, const struct eedcap_quote *q)
{
	for (size_t i = 0; i < r->n_expect; i++) {
		struct span name = report_expect_name(r->expect[i]);
		struct span want = span_from(span_str(r->expect[i]), name.n + 1);
		uint8_t value[64];
		const uint8_t *p = NULL;
		size_t n = 0;
		bool there = find(q, name, &p, &n);

		if (there && n <= sizeof value && hex_decode(want, value, n)
		    && memcmp(value, p, n) == 0) {
			r->compared[i] = EXPECT_EQUAL;
			continue;
		}
		r->compared[i] = EXPECT_DIFFERS;
		r->error.kind = EEDCAP_POLICY;
		snprintf(r->error.reason, sizeof r->error.reason, "%s",
		    reason_token(REASON_MEASUREMENT_MISMATCH));
		snprintf(r->error.detail, sizeof r->error.detail, "%.*s %s", (int)name.n,
		    r->expect[i], there ? "is not what was expected" : "is not in this quote");
		return false;
	}
	return true;
}

static MUST_CHECK bool
judge(struct options *o, struct span quote, struct span json, struct eedcap_verdict **out)
{
	struct report *r = &o->report;
	struct eedcap_context *ctx = eedcap_context_new(
	    o->root_ca ? o->root_key : NULL, 1, &r->error);
	struct eedcap_collateral *c;

	*out = NULL;
	if (!ctx)
		return complain(r->error.reason, r->error.detail);
	c = eedcap_collateral_parse(ctx, json.p, json.n, &r->error);
	if (c) {
		*out = eedcap_verify(ctx, quote.p, quote.n, c, r->now_s, &o->policy);
		eedcap_collateral_free(c);
	}
	eedcap_context_free(ctx);
	if (!c)
		return true;
	if (!*out)
		return complain("no memory", NULL);
	r->verdict = *out;
	r->error = *eedcap_verdict_error(*out);
	r->accepted = eedcap_verdict_accepted(*out)
		      && meets_expectations(r, eedcap_verdict_quote(*out));
	return true;
}

static MUST_CHECK bool
run(struct options *o, struct eedcap_verdict **verdict)
{
	struct buf quote, json;
	bool ok;

	if (!eectl_read_quote(o->quote, &quote))
		return false;
	if (!eectl_read_file(o->collateral, LIMIT_COLLATERAL + 1, &json)) {
		buf_fini(&quote);
		return false;
	}
	ok = judge(o, buf_span(&quote), buf_span(&json), verdict);
	buf_fini(&quote);
	buf_fini(&json);
	return ok;
}

static MUST_CHECK bool
print(const struct options *o)
{
	if (o->output == OUT_JSON)
		return report_json(&o->report);
	if (o->output == OUT_EXPLAIN)
		report_explain(&o->report);
	else
		report_text(&o->report);
	return fflush(stdout) == 0 || complain("stdout", "cannot be written");
}

int
cmd_verify(int argc, char **argv)
{
	struct options o = {0};
	struct eedcap_verdict *verdict = NULL;
	int code = EECTL_USAGE;

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0) {
			fputs(usage_verify, stdout);
			return 0;
		}
	if (!parse_flags(&o, argc, argv) || !check_options(&o)) {
		fputs("Try 'eectl verify --help'.\n", stderr);
		return EECTL_USAGE;
	}
	if (run(&o, &verdict) && print(&o)) {
		code = o.report.accepted ? 0 : (int)o.report.error.kind;
		if (o.report.error.kind == EEDCAP_NO_MEMORY)
			code = EECTL_USAGE;
	}
	eedcap_verdict_free(verdict);
	return code;
}
