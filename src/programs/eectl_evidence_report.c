#include "programs/eectl_evidence.h"

#include <stdio.h>

#include "base/hex.h"
#include "base/rfc3339.h"
#include "programs/eectl_io.h"

static const struct err *
fault_of(const struct evidence_found *found)
{
	enum evidence_step s = evidence_fault(&found->report);

	return s < EVIDENCE_STEPS ? &found->report.why[s] : NULL;
}

const struct err *
evidence_first_fault(const struct evidence_findings *f)
{
	for (size_t i = 0; i < f->file->n; i++)
		if (fault_of(&f->found[i]))
			return fault_of(&f->found[i]);
	return NULL;
}

/* What the verdict's handle holds, where the quote is authentic. */
static const struct eedcap_quote *
quote_of(const struct evidence_found *found)
{
	return found->verdict ? eedcap_verdict_quote(found->verdict) : NULL;
}

/* -- for programs -- */

static void
write_time(struct jw *w, const char *name, int64_t t)
{
	char text[RFC3339_SIZE];

	jw_str(w, name, rfc3339_write(t, text));
}

static void
write_fault(struct jw *w, const struct err *e)
{
	char token[ERR_TOKEN_MAX];

	jw_str(w, "reason", e ? err_token(e, token) : "ok");
	jw_str(w, "detail", e ? e->detail : "");
}

static void
write_checks(struct jw *w, const struct evidence_report *r)
{
	jw_array(w, "checks");
	for (unsigned s = 0; s < EVIDENCE_STEPS; s++) {
		jw_object(w, NULL);
		jw_str(w, "name", evidence_step_name((enum evidence_step)s));
		jw_str(w, "what", evidence_step_what((enum evidence_step)s));
		jw_str(w, "result", evidence_result_name(r->step[s]));
		write_fault(w, r->why[s].code == ERR_NONE ? NULL : &r->why[s]);
		jw_end_object(w);
	}
	jw_end_array(w);
}

static void
write_replica(struct jw *w, const struct evidence_item *it, const struct evidence_found *found)
{
	const struct evidence *v = &it->v;
	const struct eedcap_quote *q = quote_of(found);

	jw_object(w, NULL);
	jw_bool(w, "accepted", fault_of(found) == NULL);
	write_fault(w, fault_of(found));
	jw_str(w, "repo", v->id.repo);
	jw_str(w, "release_tag", v->id.release_tag);
	jw_str(w, "app_name", v->id.app_name);
	jw_str(w, "network", v->id.network);
	jw_str(w, "agent_id", v->id.agent_id);
	jw_str(w, "freshness", v->bound ? "bound" : "none");
	jw_str(w, "audience", v->bound ? v->audience : NULL);
	if (v->bound)
		jw_hex(w, "nonce", span_of(v->nonce, sizeof v->nonce));
	else
		jw_null(w, "nonce");
	write_time(w, "verified_at", v->verified_at);
	write_time(w, "at", found->at_s);
	jw_str(
	    w, "tcb_status", q ? eedcap_status_name(eedcap_verdict_status(found->verdict)) : NULL);
	write_checks(w, &found->report);
	if (q)
		eectl_write_registers(w, "registers", q);
	jw_end_object(w);
}

bool
evidence_report_json(const struct evidence_findings *f)
{
	const struct err *fault = evidence_first_fault(f);
	struct buf b;
	struct jw w;
	bool ok;

	buf_init(&b, 4 << 20);
	w = jw_of(&b);
	jw_object(&w, NULL);
	jw_bool(&w, "accepted", fault == NULL);
	write_fault(&w, fault);
	jw_str(&w, "app_name", f->file->app_name);
	jw_str(&w, "trust_root", f->custom_root ? "custom" : "intel");
	jw_bool(&w, "more_replicas", f->file->more);
	jw_array(&w, "replicas");
	for (size_t i = 0; i < f->file->n; i++)
		write_replica(&w, &f->file->items[i], &f->found[i]);
	jw_end_array(&w);
	jw_end_object(&w);
	ok = eectl_print_buf(&b);
	buf_fini(&b);
	return ok;
}

/* -- for people -- */

/* A file is a stranger's: nothing of it reaches a terminal but what a terminal can show. */
static void
put_plain(const char *text)
{
	for (; *text; text++)
		putchar(*text >= ' ' && *text <= '~' ? *text : '?');
	printf("\n");
}

static void
print_plain(const char *label, const char *text)
{
	printf("  %-12s ", label);
	put_plain(text);
}

static void
print_checks(const struct evidence_report *r)
{
	static const char *const marks[] = {[EVIDENCE_NOT_CHECKED] = "not checked",
	    [EVIDENCE_HOLDS] = "ok",
	    [EVIDENCE_NOT_ASKED] = "not asked",
	    [EVIDENCE_FAILED] = "FAILED"};
	char token[ERR_TOKEN_MAX];

	for (unsigned s = 0; s < EVIDENCE_STEPS; s++) {
		const struct err *e = &r->why[s];

		printf(
		    "  %-12s %s\n", marks[r->step[s]], evidence_step_what((enum evidence_step)s));
		if (r->step[s] == EVIDENCE_FAILED)
			printf("  %-12s %s\n", "", err_token(e, token));
		if (e->code != ERR_NONE)
			print_plain("", e->detail);
	}
}

static void
print_registers(const struct eedcap_quote *q)
{
	static const char *const shown[] = {"mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3"};
	char hex[2 * 64 + 1];
	const uint8_t *p;
	size_t n;

	for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
		if (eedcap_quote_register(q, shown[i], &p, &n) && n <= 64)
			printf("  %-12s %s\n", shown[i], hex_encode(span_of(p, n), hex));
}

static void
print_replica(const struct evidence_item *it, const struct evidence_found *found)
{
	const struct evidence *v = &it->v;
	const struct eedcap_quote *q = quote_of(found);
	char hex[2 * ATTEST_NONCE + 1], verified[RFC3339_SIZE], at[RFC3339_SIZE];

	printf("Replica %s of %s on %s:\n", v->id.agent_id, v->id.app_name, v->id.network);
	print_plain("repository", v->id.repo);
	print_plain("release", v->id.release_tag);
	if (v->bound) {
		print_plain("audience", v->audience);
		print_plain("nonce", hex_encode(span_of(v->nonce, sizeof v->nonce), hex));
		print_plain("made for", v->purpose == ATTEST_FOR_EVIDENCE
					    ? "whoever chose the nonce"
					    : "the control plane, which chose the nonce");
	} else {
		print_plain("nonce", "none: the quote may be a copy of another VM's");
	}
	printf("  %-12s %s, judged as of %s\n", "verified", rfc3339_write(v->verified_at, verified),
	    rfc3339_write(found->at_s, at));
	if (q) {
		printf("  %-12s %s\n", "TCB status",
		    eedcap_status_name(eedcap_verdict_status(found->verdict)));
		print_registers(q);
	}
	print_checks(&found->report);
}

void
evidence_report_text(const struct evidence_findings *f)
{
	const struct err *e = evidence_first_fault(f);
	char token[ERR_TOKEN_MAX];

	for (size_t i = 0; i < f->file->n; i++)
		print_replica(&f->file->items[i], &f->found[i]);
	if (f->file->more)
		printf("More replicas stand on other pages of the document.\n");
	if (e) {
		printf("REFUSED: %s: ", err_token(e, token));
		put_plain(e->detail);
	} else {
		printf("ACCEPTED%s: all of it holds\n",
		    f->custom_root ? " under a root of your own, not Intel's" : "");
	}
	printf("The network's rules are those that the control plane says it applied.\n"
	       "See docs/evidence.md.\n");
}
