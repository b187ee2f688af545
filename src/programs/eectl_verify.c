/* eectl verify: one quote, its collateral, one moment, one policy; a verdict and its exit code. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "base/limits.h"
#include "base/rfc3339.h"
#include "programs/eectl.h"
#include "programs/eectl_io.h"

static const char usage[] =
    "Usage: eectl verify --quote FILE --collateral FILE [OPTION]...\n"
    "\n"
    "Verify a DCAP quote away from its platform, without network.\n"
    "\n"
    "  --quote FILE           quote in binary, hex or base64; - is standard input\n"
    "  --collateral FILE      collateral, one JSON object\n"
    "  --at SECONDS           judge as of this time (seconds since 1970); now\n"
    "  --root-ca FILE         trust this root instead of Intel's (PEM or DER)\n"
    "  --accept STATUS,...    accepted TCB statuses, or any; UpToDate\n"
    "  --allow-debug          accept debug enclaves and debug TDs\n"
    "  --expect NAME=HEX      demand a register's or report_data's value; repeat\n"
    "  --json                 print one JSON object\n"
    "\n"
    "Exit status: 0 accepted, 1 wrong call, 2 malformed input, 3 not authentic,\n"
    "4 expired or not yet valid, 5 TCB status not accepted, 6 refused by policy.\n";

#define EXPECT_MAX 24

struct options {
	const char *quote, *collateral, *root_ca, *accept, *at;
	const char *expect[EXPECT_MAX];
	size_t n_expect;
	bool allow_debug, json;
	int64_t now_s;
	uint8_t root_key[EEDCAP_ROOT_KEY_SIZE];
	struct eedcap_policy policy;
};

/* What is printed: the verdict, or why there is none. */
struct outcome {
	struct eedcap_error error;
	struct eedcap_verdict *verdict; /* NULL: the collateral was refused */
	bool accepted;
};

static bool
complain(const char *what, const char *value)
{
	fprintf(stderr, "eectl verify: %s%s%s\n", what, value ? ": " : "", value ? value : "");
	return false;
}

static const char **
value_of(struct options *o, const char *flag)
{
	if (strcmp(flag, "--quote") == 0)
		return &o->quote;
	if (strcmp(flag, "--collateral") == 0)
		return &o->collateral;
	if (strcmp(flag, "--at") == 0)
		return &o->at;
	if (strcmp(flag, "--root-ca") == 0)
		return &o->root_ca;
	if (strcmp(flag, "--accept") == 0)
		return &o->accept;
	if (strcmp(flag, "--expect") == 0 && o->n_expect < EXPECT_MAX)
		return &o->expect[o->n_expect++];
	return NULL;
}

static MUST_CHECK bool
parse_flags(struct options *o, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char **value;

		if (strcmp(argv[i], "--allow-debug") == 0) {
			o->allow_debug = true;
			continue;
		}
		if (strcmp(argv[i], "--json") == 0) {
			o->json = true;
			continue;
		}
		value = value_of(o, argv[i]);
		if (!value)
			return complain("unknown option", argv[i]);
		if (++i == argc)
			return complain("value missing for", argv[i - 1]);
		*value = argv[i];
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
parse_at(const char *text, int64_t *out)
{
	int64_t v = 0;

	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9' || v > INT64_MAX / 100)
			return complain("--at is no number of seconds", text);
		v = v * 10 + (*c - '0');
	}
	*out = v;
	return *text != '\0' || complain("--at is empty", NULL);
}

static MUST_CHECK bool
check_options(struct options *o)
{
	struct eedcap_error e;
	struct buf pem;
	bool ok;

	o->now_s = (int64_t)time(NULL);
	if (o->at && !parse_at(o->at, &o->now_s))
		return false;
	if (o->accept && !parse_accept(o->accept, &o->policy.accept))
		return false;
	if (o->allow_debug)
		o->policy.flags |= EEDCAP_ALLOW_DEBUG;
	for (size_t i = 0; i < o->n_expect; i++)
		if (!strchr(o->expect[i], '='))
			return complain("--expect takes NAME=HEX", o->expect[i]);
	if (!o->root_ca)
		return true;
	if (!eectl_read_file(o->root_ca, LIMIT_COLLATERAL, &pem))
		return false;
	ok = eedcap_root_key(pem.p, pem.n, o->root_key, &e);
	buf_fini(&pem);
	return ok || complain(o->root_ca, e.detail);
}

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
static MUST_CHECK bool
check_expected(const struct options *o, const struct eedcap_quote *q, struct eedcap_error *e)
{
	for (size_t i = 0; i < o->n_expect; i++) {
		size_t cut = strcspn(o->expect[i], "="), n;
		struct span want = span_str(o->expect[i] + cut + 1);
		uint8_t value[64];
		const uint8_t *p;

		if (find(q, span_of(o->expect[i], cut), &p, &n) && n <= sizeof value
		    && hex_decode(want, value, n) && memcmp(value, p, n) == 0)
			continue;
		e->kind = EEDCAP_POLICY;
		snprintf(
		    e->reason, sizeof e->reason, "%s", reason_token(REASON_MEASUREMENT_MISMATCH));
		snprintf(e->detail, sizeof e->detail, "%.*s is not what was expected", (int)cut,
		    o->expect[i]);
		return false;
	}
	return true;
}

static MUST_CHECK bool
run(const struct options *o, struct outcome *out)
{
	const uint8_t *root = o->root_ca ? o->root_key : NULL;
	struct eedcap_collateral *c;
	struct buf quote, json;

	if (!eectl_read_quote(o->quote, &quote))
		return false;
	if (!eectl_read_file(o->collateral, LIMIT_COLLATERAL, &json)) {
		buf_fini(&quote);
		return false;
	}
	c = eedcap_collateral_parse(json.p, json.n, root, &out->error);
	if (c) {
		out->verdict = eedcap_verify(quote.p, quote.n, c, o->now_s, &o->policy);
		eedcap_collateral_free(c);
	}
	buf_fini(&quote);
	buf_fini(&json);
	if (!c)
		return true;
	if (!out->verdict)
		return complain("no memory", NULL);
	out->error = *eedcap_verdict_error(out->verdict);
	out->accepted = eedcap_verdict_accepted(out->verdict)
			&& check_expected(o, eedcap_verdict_quote(out->verdict), &out->error);
	return true;
}

/* -- output -- */

static void
write_time(struct jw *w, const char *name, int64_t t)
{
	char text[RFC3339_SIZE];

	jw_str(w, name, t ? rfc3339_write(t, text) : NULL);
}

static void
write_quote(struct jw *w, const struct eedcap_verdict *v)
{
	const struct eedcap_quote *q = eedcap_verdict_quote(v);
	const struct eedcap_platform *p = eedcap_verdict_platform(v);

	if (!q) { /* claims that are not authentic are not shown */
		jw_null(w, "fmspc");
		jw_null(w, "tee");
		jw_null(w, "quote_version");
		jw_null(w, "registers");
		jw_null(w, "report_data");
		return;
	}
	jw_hex(w, "fmspc", span_of(p->fmspc, sizeof p->fmspc));
	jw_hex(w, "pceid", span_of(p->pceid, sizeof p->pceid));
	jw_int(w, "pcesvn", p->pcesvn);
	jw_hex(w, "sgx_tcb_components", span_of(p->components, sizeof p->components));
	jw_str(w, "pck_ca", p->ca == EEDCAP_CA_PLATFORM ? "platform" : "processor");
	jw_str(w, "tee", eectl_tee_name(eedcap_quote_tee(q)));
	jw_int(w, "quote_version", eedcap_quote_version(q));
	jw_int(w, "trailing_bytes", (int64_t)eedcap_quote_trailing(q));
	eectl_write_registers(w, "registers", q);
	jw_hex(w, "report_data", span_of(eedcap_quote_report_data(q), 64));
}

static void
write_verdict(struct jw *w, const struct eedcap_verdict *v)
{
	const char *text;

	jw_bool(w, "authentic", eedcap_verdict_authentic(v));
	jw_str(w, "status", eedcap_status_name(eedcap_verdict_status(v)));
	jw_array(w, "advisory_ids");
	for (size_t i = 0; (text = eedcap_verdict_advisory(v, i)); i++)
		jw_str(w, NULL, text);
	jw_end_array(w);
	write_time(w, "tcb_date", eedcap_verdict_tcb_date(v));
	jw_str(w, "platform_status", eedcap_status_name(eedcap_verdict_platform_status(v)));
	jw_str(w, "qe_status", eedcap_status_name(eedcap_verdict_qe_status(v)));
	jw_str(w, "module_status", eedcap_status_name(eedcap_verdict_module_status(v)));
	jw_str(w, "current_status", eedcap_status_name(eedcap_verdict_current_status(v)));
	jw_int(w, "tcb_evaluation_data_number", eedcap_verdict_evaluation_number(v));
	write_time(w, "earliest_expiry", eedcap_verdict_earliest_expiry(v));
	write_time(w, "latest_start", eedcap_verdict_latest_start(v));
	write_quote(w, v);
	jw_array(w, "warnings");
	for (size_t i = 0; (text = eedcap_verdict_warning(v, i)); i++)
		jw_str(w, NULL, text);
	jw_end_array(w);
}

static MUST_CHECK bool
print_json(const struct options *o, const struct outcome *out)
{
	struct buf b;
	struct jw w;
	bool ok;

	buf_init(&b, 1 << 20);
	w = jw_of(&b);
	jw_object(&w, NULL);
	jw_bool(&w, "accepted", out->accepted);
	if (out->verdict)
		write_verdict(&w, out->verdict);
	else
		jw_bool(&w, "authentic", false);
	jw_str(&w, "reason", out->error.reason);
	jw_str(&w, "detail", out->error.detail);
	jw_str(&w, "trust_root", o->root_ca ? "custom" : "intel");
	jw_int(&w, "expectations_checked", out->accepted ? (int64_t)o->n_expect : 0);
	jw_end_object(&w);
	ok = eectl_print_buf(&b);
	buf_fini(&b);
	return ok;
}

static void
print_tcb(const struct eedcap_verdict *v)
{
	const struct {
		const char *name;
		enum eedcap_status s;
	} rows[] = {
	    {"TCB status", eedcap_verdict_status(v)},
	    {"  platform", eedcap_verdict_platform_status(v)},
	    {"  QE", eedcap_verdict_qe_status(v)},
	    {"  TDX module", eedcap_verdict_module_status(v)},
	    {"  if relaunched", eedcap_verdict_current_status(v)},
	};
	char text[RFC3339_SIZE];
	const char *id;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].s)
			printf("%-16s %s\n", rows[i].name, eedcap_status_name(rows[i].s));
	if (eedcap_verdict_advisory(v, 0)) {
		printf("%-16s", "Advisories");
		for (size_t i = 0; (id = eedcap_verdict_advisory(v, i)); i++)
			printf(" %s", id);
		printf("\n");
	}
	if (eedcap_verdict_tcb_date(v))
		printf("%-16s %s\n", "TCB date", rfc3339_write(eedcap_verdict_tcb_date(v), text));
	printf("%-16s %s\n", "Valid until", rfc3339_write(eedcap_verdict_earliest_expiry(v), text));
	printf("%-16s %" PRIu32 "\n", "Evaluation", eedcap_verdict_evaluation_number(v));
}

static void
print_unchecked(const struct options *o, const struct eedcap_quote *q)
{
	const char *reg;
	const uint8_t *p;
	size_t n;
	bool checked, data = false;

	printf("Not compared with anything (--expect):");
	for (size_t i = 0; eedcap_quote_register_at(q, i, &reg, &p, &n); i++) {
		checked = false;
		for (size_t k = 0; k < o->n_expect; k++) {
			size_t cut = strcspn(o->expect[k], "=");

			checked |= span_is(span_of(o->expect[k], cut), reg);
			data |= span_is(span_of(o->expect[k], cut), "report_data");
		}
		if (!checked)
			printf(" %s", reg);
	}
	printf("%s\n", data ? "" : " report_data");
}

static void
print_text(const struct options *o, const struct outcome *out)
{
	const struct eedcap_verdict *v = out->verdict;
	const struct eedcap_quote *q = v ? eedcap_verdict_quote(v) : NULL;
	const char *text;

	if (out->accepted)
		printf("ACCEPTED%s\n", o->root_ca ? " under a root of your own, not Intel's" : "");
	else
		printf("REFUSED: %s: %s\n", out->error.reason, out->error.detail);
	if (!q) {
		printf(
		    "Not proven authentic at that time: nothing that the quote says is shown.\n");
		return;
	}
	print_tcb(v);
	for (size_t i = 0; (text = eedcap_verdict_warning(v, i)); i++)
		printf("%-16s %s\n", "Note", text);
	printf("Quote version %u, %s, registers:\n", eedcap_quote_version(q),
	    eectl_tee_name(eedcap_quote_tee(q)));
	eectl_print_registers(q);
	print_unchecked(o, q);
}

int
cmd_verify(int argc, char **argv)
{
	struct options o = {0};
	struct outcome out = {0};
	int code = EECTL_USAGE;

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0) {
			fputs(usage, stdout);
			return 0;
		}
	if (!parse_flags(&o, argc, argv) || !check_options(&o)) {
		fputs("Try 'eectl verify --help'.\n", stderr);
		return EECTL_USAGE;
	}
	if (run(&o, &out)) {
		code = out.accepted ? 0 : (int)out.error.kind;
		if (out.error.kind == EEDCAP_NO_MEMORY)
			code = EECTL_USAGE;
		if (!o.json)
			print_text(&o, &out);
		else if (!print_json(&o, &out))
			code = EECTL_USAGE;
	}
	eedcap_verdict_free(out.verdict);
	return code;
}
