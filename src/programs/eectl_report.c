#include "programs/eectl_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "base/reason.h"
#include "base/rfc3339.h"
#include "programs/eectl_io.h"

#define DAY_S 86400

static const char *const part_names[EEDCAP_PARTS] = {
    [EEDCAP_PLATFORM] = "platform",
    [EEDCAP_QE] = "qe",
    [EEDCAP_MODULE] = "module",
    [EEDCAP_CURRENT_PLATFORM] = "current_platform",
    [EEDCAP_CURRENT_MODULE] = "current_module",
};

static const char *const result_names[] = {
    [EEDCAP_NOT_REACHED] = "not reached",
    [EEDCAP_PASSED] = "passed",
    [EEDCAP_TOLERATED] = "tolerated",
    [EEDCAP_FAILED] = "failed",
    [EEDCAP_NOT_APPLICABLE] = "not applicable",
};

struct span
report_expect_name(const char *expect)
{
	return span_of(expect, strcspn(expect, "="));
}

/* What came of the expectations of one register: the worst, where there are several. */
static enum expectation
compared(const struct report *r, const char *name)
{
	enum expectation got = EXPECT_NOT_COMPARED;

	for (size_t i = 0; i < r->n_expect; i++)
		if (span_is(report_expect_name(r->expect[i]), name) && r->compared[i] > got)
			got = r->compared[i];
	return got;
}

/* -- for programs -- */

static void
write_time(struct jw *w, const char *name, int64_t t)
{
	char text[RFC3339_SIZE];

	jw_str(w, name, t ? rfc3339_write(t, text) : NULL);
}

static void
write_quote(struct jw *w, const struct report *r)
{
	static const char *const none[] = {
	    "fmspc", "tee", "quote_version", "registers", "report_data"};
	const struct eedcap_quote *q = eedcap_verdict_quote(r->verdict);

	if (!q) { /* claims that are not authentic are not shown */
		for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
			jw_null(w, none[i]);
		return;
	}
	eectl_write_platform(w, eedcap_verdict_platform(r->verdict), r->show_ppid);
	jw_str(w, "tee", eectl_tee_name(eedcap_quote_tee(q)));
	jw_int(w, "quote_version", eedcap_quote_version(q));
	jw_int(w, "body_type", eedcap_quote_body_type(q));
	jw_hex(w, "digest", span_of(eedcap_quote_digest(q), 32));
	jw_int(w, "trailing_bytes", (int64_t)eedcap_quote_trailing(q));
	eectl_write_registers(w, "registers", q);
	jw_hex(w, "report_data", span_of(eedcap_quote_report_data(q), 64));
}

static void
write_parts(struct jw *w, const struct eedcap_verdict *v)
{
	enum eedcap_status status;
	const char *id;
	int64_t date;

	jw_object(w, "levels");
	for (unsigned p = 0; p < EEDCAP_PARTS; p++) {
		if (!eedcap_verdict_level(v, (enum eedcap_part)p, &status, &date)) {
			jw_null(w, part_names[p]);
			continue;
		}
		jw_object(w, part_names[p]);
		jw_str(w, "status", eedcap_status_name(status));
		write_time(w, "tcb_date", date);
		jw_array(w, "advisory_ids");
		for (size_t i = 0; (id = eedcap_verdict_level_advisory(v, (enum eedcap_part)p, i));
		     i++)
			jw_str(w, NULL, id);
		jw_end_array(w);
		jw_end_object(w);
	}
	jw_end_object(w);
}

static void
write_part_status(
    struct jw *w, const char *name, const struct eedcap_verdict *v, enum eedcap_part part)
{
	enum eedcap_status status;
	int64_t date;

	jw_str(w, name,
	    eedcap_verdict_level(v, part, &status, &date) ? eedcap_status_name(status) : NULL);
}

static void
write_checks(struct jw *w, const struct eedcap_verdict *v)
{
	struct eedcap_check c;

	jw_array(w, "checks");
	for (size_t i = 0; eedcap_verdict_check_at(v, i, &c); i++) {
		jw_object(w, NULL);
		jw_str(w, "name", c.name);
		jw_str(w, "on", c.on);
		jw_str(w, "what", c.what);
		jw_str(w, "result", result_names[c.result]);
		jw_str(w, "source", c.source);
		jw_end_object(w);
	}
	jw_end_array(w);
}

static void
write_verdict(struct jw *w, const struct report *r)
{
	const struct eedcap_verdict *v = r->verdict;
	const char *text;

	jw_bool(w, "authentic", eedcap_verdict_authentic(v));
	jw_bool(w, "in_time", eedcap_verdict_in_time(v));
	jw_str(w, "status", eedcap_status_name(eedcap_verdict_status(v)));
	jw_array(w, "advisory_ids");
	for (size_t i = 0; (text = eedcap_verdict_advisory(v, i)); i++)
		jw_str(w, NULL, text);
	jw_end_array(w);
	write_time(w, "tcb_date", eedcap_verdict_tcb_date(v));
	write_part_status(w, "platform_status", v, EEDCAP_PLATFORM);
	write_part_status(w, "qe_status", v, EEDCAP_QE);
	write_part_status(w, "module_status", v, EEDCAP_MODULE);
	jw_str(w, "current_status", eedcap_status_name(eedcap_verdict_current_status(v)));
	write_parts(w, v);
	jw_int(w, "tcb_evaluation_data_number", eedcap_verdict_evaluation_number(v));
	write_time(w, "earliest_expiry", eedcap_verdict_earliest_expiry(v));
	write_time(w, "latest_start", eedcap_verdict_latest_start(v));
	write_quote(w, r);
	jw_array(w, "warnings");
	for (size_t i = 0; (text = eedcap_verdict_warning(v, i)); i++)
		jw_str(w, NULL, text);
	jw_end_array(w);
	write_checks(w, v);
}

static int64_t
count_compared(const struct report *r)
{
	int64_t n = 0;

	for (size_t i = 0; i < r->n_expect; i++)
		n += r->compared[i] != EXPECT_NOT_COMPARED;
	return n;
}

/* Which values of the quote were compared with what was expected, and which with nothing. */
static void
write_compared(struct jw *w, const struct report *r)
{
	const struct eedcap_quote *q = r->verdict ? eedcap_verdict_quote(r->verdict) : NULL;
	const char *reg;
	const uint8_t *p;
	size_t n;

	jw_array(w, "not_compared");
	for (size_t i = 0; q && eedcap_quote_register_at(q, i, &reg, &p, &n); i++)
		if (compared(r, reg) == EXPECT_NOT_COMPARED)
			jw_str(w, NULL, reg);
	if (q && compared(r, "report_data") == EXPECT_NOT_COMPARED)
		jw_str(w, NULL, "report_data");
	jw_end_array(w);
}

bool
report_json(const struct report *r)
{
	struct buf b;
	struct jw w;
	bool ok;

	buf_init(&b, 1 << 20);
	w = jw_of(&b);
	jw_object(&w, NULL);
	jw_bool(&w, "accepted", r->accepted);
	if (r->verdict)
		write_verdict(&w, r);
	else
		jw_bool(&w, "authentic", false);
	jw_str(&w, "reason", r->error.reason);
	jw_str(&w, "detail", r->error.detail);
	write_time(&w, "at", r->now_s);
	jw_str(&w, "trust_root", r->custom_root ? "custom" : "intel");
	jw_int(&w, "expectations_checked", count_compared(r));
	write_compared(&w, r);
	jw_end_object(&w);
	ok = eectl_print_buf(&b);
	buf_fini(&b);
	return ok;
}

/* -- for people -- */

static void
print_time(const char *label, int64_t t, int64_t now_s)
{
	char text[RFC3339_SIZE];
	int64_t days = (t - now_s) / DAY_S;

	printf("  %-18s %s", label, rfc3339_write(t, text));
	if (days > 0)
		printf(" (in %" PRId64 " days)", days);
	else if (days < 0)
		printf(" (%" PRId64 " days ago)", -days);
	printf("\n");
}

static void
print_advisories(const struct eedcap_verdict *v, unsigned part)
{
	const char *id;

	for (size_t i = 0; (id = eedcap_verdict_level_advisory(v, (enum eedcap_part)part, i)); i++)
		printf("%s%s", i ? ", " : "  ", id);
}

static void
print_tcb(const struct report *r)
{
	static const char *const labels[EEDCAP_PARTS] = {
	    "platform", "QE", "TDX module", "platform now", "TDX module now"};
	const struct eedcap_verdict *v = r->verdict;
	enum eedcap_status status;
	char text[RFC3339_SIZE];
	int64_t date;

	if (eedcap_verdict_status(v) == EEDCAP_STATUS_NONE)
		return;
	printf("TCB status: %s\n", eedcap_status_name(eedcap_verdict_status(v)));
	for (unsigned p = 0; p < EEDCAP_PARTS; p++) {
		if (!eedcap_verdict_level(v, (enum eedcap_part)p, &status, &date))
			continue;
		printf("  %-18s %s, level of %.10s", labels[p], eedcap_status_name(status),
		    rfc3339_write(date, text));
		print_advisories(v, p);
		printf("\n");
	}
	printf("  %-18s %" PRIu32 "\n", "evaluation number", eedcap_verdict_evaluation_number(v));
	print_time("valid from", eedcap_verdict_latest_start(v), r->now_s);
	print_time("valid until", eedcap_verdict_earliest_expiry(v), r->now_s);
}

static void
print_register(const struct report *r, const char *name, struct span value)
{
	static const char *const words[] = {[EXPECT_NOT_COMPARED] = "",
	    [EXPECT_EQUAL] = "  as expected",
	    [EXPECT_DIFFERS] = "  differs from what was expected"};
	char hex[2 * 64 + 1];

	if (value.n <= 64)
		printf("  %-18s %s%s\n", name, hex_encode(value, hex), words[compared(r, name)]);
}

static void
print_registers(const struct report *r, const struct eedcap_quote *q)
{
	const char *reg;
	const uint8_t *p;
	size_t n;

	printf("Registers:\n");
	for (size_t i = 0; eedcap_quote_register_at(q, i, &reg, &p, &n); i++)
		print_register(r, reg, span_of(p, n));
	print_register(r, "report_data", span_of(eedcap_quote_report_data(q), 64));
}

static void
print_unchecked(const struct report *r, const struct eedcap_quote *q)
{
	const char *reg;
	const uint8_t *p;
	size_t n;

	printf("Not compared with anything (--expect):");
	for (size_t i = 0; eedcap_quote_register_at(q, i, &reg, &p, &n); i++)
		if (compared(r, reg) == EXPECT_NOT_COMPARED)
			printf(" %s", reg);
	printf("%s\n", compared(r, "report_data") ? "" : " report_data");
}

static void
print_warnings(const struct eedcap_verdict *v)
{
	const char *text;

	for (size_t i = 0; (text = eedcap_verdict_warning(v, i)); i++)
		printf("Note: %s\n", text);
}

static void
print_outcome(const struct report *r)
{
	char text[RFC3339_SIZE];

	if (r->accepted)
		printf("ACCEPTED as of %s%s\n", rfc3339_write(r->now_s, text),
		    r->custom_root ? ", under a root of your own, not Intel's" : "");
	else
		printf("REFUSED: %s: %s\n", r->error.reason, r->error.detail);
}

void
report_text(const struct report *r)
{
	const struct eedcap_quote *q = r->verdict ? eedcap_verdict_quote(r->verdict) : NULL;

	print_outcome(r);
	if (!q) {
		printf(
		    "Not proven authentic at that time: nothing that the quote says is shown.\n");
		return;
	}
	print_tcb(r);
	print_warnings(r->verdict);
	printf("Quote: version %u, %s\n", eedcap_quote_version(q),
	    eedcap_quote_tee(q) == EEDCAP_TDX ? "TDX" : "SGX");
	print_registers(r, q);
	print_unchecked(r, q);
}

/* -- the whole story -- */

static void
explain_reason(const struct report *r)
{
	enum reason reason = reason_find(r->error.reason, strlen(r->error.reason));

	if (r->accepted || reason == REASON_COUNT)
		return;
	printf("  %s\n  What to do: %s\n", reason_what(reason), reason_todo(reason));
}

static void
explain_platform(const struct report *r)
{
	const struct eedcap_platform *p = eedcap_verdict_platform(r->verdict);
	char hex[33];

	printf("Platform:\n");
	printf("  %-18s %s\n", "FMSPC", hex_encode(span_of(p->fmspc, sizeof p->fmspc), hex));
	printf("  %-18s %s\n", "PCE-ID", hex_encode(span_of(p->pceid, sizeof p->pceid), hex));
	printf("  %-18s %u\n", "PCE SVN", p->pcesvn);
	printf("  %-18s %s\n", "TCB components",
	    hex_encode(span_of(p->components, sizeof p->components), hex));
	printf("  %-18s %s\n", "SGX type", eectl_sgx_type_name(p->sgx_type));
	printf("  %-18s %s\n", "PCK CA", eectl_ca_name(p->ca));
	if (p->has_instance_id)
		printf("  %-18s %s\n", "platform instance",
		    hex_encode(span_of(p->instance_id, sizeof p->instance_id), hex));
	if (r->show_ppid)
		printf("  %-18s %s\n", "PPID", hex_encode(span_of(p->ppid, sizeof p->ppid), hex));
}

static void
explain_quote(const struct eedcap_quote *q)
{
	char hex[65];

	printf("Quote:\n");
	printf("  %-18s %u, %s, body type %u\n", "version", eedcap_quote_version(q),
	    eedcap_quote_tee(q) == EEDCAP_TDX ? "TDX" : "SGX", eedcap_quote_body_type(q));
	printf(
	    "  %-18s %s\n", "signed digest", hex_encode(span_of(eedcap_quote_digest(q), 32), hex));
	if (eedcap_quote_trailing(q) > 0)
		printf("  %-18s %zu, outside every signature\n", "trailing bytes",
		    eedcap_quote_trailing(q));
}

static void
explain_checks(const struct eedcap_verdict *v)
{
	static const char *const marks[] = {
	    [EEDCAP_NOT_REACHED] = "not reached",
	    [EEDCAP_PASSED] = "ok",
	    [EEDCAP_TOLERATED] = "tolerated",
	    [EEDCAP_FAILED] = "FAILED",
	    [EEDCAP_NOT_APPLICABLE] = "n/a",
	};
	struct eedcap_check c;

	printf("Checks, in their order:\n");
	for (size_t i = 0; eedcap_verdict_check_at(v, i, &c); i++)
		printf("  %-11s %s: %s\n              [%s] %s\n", marks[c.result], c.on, c.what,
		    c.name, c.source);
}

void
report_explain(const struct report *r)
{
	const struct eedcap_quote *q = r->verdict ? eedcap_verdict_quote(r->verdict) : NULL;

	print_outcome(r);
	explain_reason(r);
	if (!r->verdict) {
		printf("The collateral was refused, so the quote was not looked at.\n");
		return;
	}
	if (q) {
		explain_quote(q);
		explain_platform(r);
		print_tcb(r);
		print_warnings(r->verdict);
	} else {
		printf(
		    "Not proven authentic at that time: nothing that the quote says is shown.\n");
	}
	explain_checks(r->verdict);
	if (q) {
		print_registers(r, q);
		print_unchecked(r, q);
	}
	printf(
	    "Not shown by any quote: when it was made, where the machine stands, and that nobody\n"
	    "holds back newer collateral. See docs/verification.md.\n");
}
