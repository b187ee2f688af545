#include "core/evidence.h"

#include <string.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/jcs.h"
#include "base/limits.h"
#include "base/rfc3339.h"

/* --- a record --- */

static void
write_advisories(struct jw *w, const char *name, const char *list)
{
	jw_array(w, name);
	while (*list) {
		size_t n = strcspn(list, ",");

		jw_span(w, NULL, span_of(list, n));
		list += n + (list[n] == ',');
	}
	jw_end_array(w);
}

/* Only where a network has such rules. */
static void
write_tcb_rules(struct jw *w, const struct tcb_rules *t)
{
	char date[RFC3339_SIZE];

	if (!t->advisories_accept[0] && !t->advisories_deny[0] && !t->min_evaluation_number
	    && !t->min_date && !t->grace_days)
		return;
	jw_object(w, "tcb");
	write_advisories(w, "advisories_accept", t->advisories_accept);
	write_advisories(w, "advisories_deny", t->advisories_deny);
	jw_int(w, "min_evaluation_number", t->min_evaluation_number);
	jw_str(w, "min_date", t->min_date ? rfc3339_write(t->min_date, date) : NULL);
	jw_int(w, "grace_days", t->grace_days);
	jw_end_object(w);
}

/* The lists of platforms and repositories stay with the operator: they tell of others. */
static void
write_policy(struct jw *w, const struct network *net)
{
	jw_object(w, "policy");
	jw_str(w, "network", net->name);
	jw_bool(w, "sealed_only", net->sealed_only);
	jw_bool(w, "allow_unmeasured", !net->needs_pins && !net->sealed_only);
	jw_bool(w, "debug", net->allow_debug);
	jw_bool(w, "sgx", net->allow_sgx);
	jw_bool(w, "legacy_agents", net->legacy_agents);
	jw_array(w, "tcb_accept");
	for (unsigned s = 0; s < TCB_REVOKED; s++)
		if (net->tcb_accept & TCB_BIT(s))
			jw_str(w, NULL, tcb_status_name((enum tcb_status)s));
	jw_end_array(w);
	write_tcb_rules(w, &net->tcb);
	jw_end_object(w);
}

static void
write_binding(struct jw *w, const struct evidence *v)
{
	struct attest_binding b = {
	    .purpose = v->purpose, .id = &v->id, .audience = v->audience, .channel = v->channel};

	if (!v->bound) {
		jw_null(w, "binding");
		return;
	}
	memcpy(b.nonce, v->nonce, sizeof b.nonce);
	jw_object(w, "binding");
	attest_binding_write(w, &b);
	jw_end_object(w);
}

void
evidence_write_record(struct buf *out, const struct evidence *v)
{
	struct jw w = jw_of(out);
	char time[RFC3339_SIZE];

	jw_object(&w, NULL);
	jw_str(&w, "verified_at", rfc3339_write(v->verified_at, time));
	jw_str(&w, "verdict", "accepted");
	jw_str(&w, "tcb_status", tcb_status_name(v->tcb));
	write_advisories(&w, "advisory_ids", v->advisories);
	jw_str(&w, "trust_root", v->custom_root ? "custom" : "intel");
	jw_str(&w, "freshness", v->bound ? "bound" : "none");
	jw_bool(&w, "sealed", v->sealed);
	jw_str(&w, "repo", v->id.repo);
	jw_str(&w, "release_tag", v->id.release_tag);
	jw_str(&w, "app_name", v->id.app_name);
	jw_str(&w, "network", v->id.network);
	jw_str(&w, "agent_id", v->id.agent_id);
	jw_raw(&w, "claims", v->claims);
	write_binding(&w, v);
	write_policy(&w, &v->net);
	jw_hex(&w, "collateral_sha256", span_of(v->collateral_sha256, ATTEST_DIGEST));
	jw_hex(&w, "allowlist_sha256", span_of(v->allowlist_sha256, ATTEST_DIGEST));
	jw_bool(&w, "allowlist_private", v->secret);
	jw_end_object(&w);
}

/* --- a document --- */

static void
write_base64(struct jw *w, const char *name, struct span bytes)
{
	struct buf text;

	buf_init(&text, bytes.n / 3 * 4 + 8);
	base64_encode(bytes, &text);
	if (buf_ok(&text))
		jw_span(w, name, buf_span(&text));
	else
		w->out->failed = true;
	buf_fini(&text);
}

static bool
was_written(const struct evidence_row *rows, size_t i, bool collateral)
{
	for (size_t k = 0; k < i; k++)
		if (collateral ? memcmp(rows[k].collateral_sha256, rows[i].collateral_sha256,
				     ATTEST_DIGEST)
				     == 0
			       : rows[k].allowlist.n
				     && memcmp(rows[k].allowlist_sha256, rows[i].allowlist_sha256,
					    ATTEST_DIGEST)
					    == 0)
			return true;
	return false;
}

static void
write_shared(struct jw *w, const struct evidence_row *rows, size_t n)
{
	char hex[2 * ATTEST_DIGEST + 1];

	jw_object(w, "collateral");
	for (size_t i = 0; i < n; i++)
		if (!was_written(rows, i, true))
			jw_raw(w,
			    hex_encode(span_of(rows[i].collateral_sha256, ATTEST_DIGEST), hex),
			    rows[i].collateral);
	jw_end_object(w);
	jw_object(w, "allowlists");
	for (size_t i = 0; i < n; i++)
		if (rows[i].allowlist.n && !was_written(rows, i, false))
			write_base64(w,
			    hex_encode(span_of(rows[i].allowlist_sha256, ATTEST_DIGEST), hex),
			    rows[i].allowlist);
	jw_end_object(w);
}

void
evidence_write(struct buf *out, const char *app_name, bool custom_root,
    const struct evidence_row *rows, size_t n, const char *next)
{
	struct jw w = jw_of(out);

	jw_object(&w, NULL);
	jw_str(&w, "v", EVIDENCE_FORMAT);
	jw_str(&w, "app_name", app_name);
	jw_str(&w, "trust_root", custom_root ? "custom" : "intel");
	jw_array(&w, "replicas");
	for (size_t i = 0; i < n; i++) {
		jw_object(&w, NULL);
		jw_raw(&w, "verification", rows[i].record);
		write_base64(&w, "quote", rows[i].quote);
		jw_end_object(&w);
	}
	jw_end_array(&w);
	write_shared(&w, rows, n);
	jw_str(&w, "next", next);
	jw_end_object(&w);
}
