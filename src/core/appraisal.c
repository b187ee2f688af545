#include "core/appraisal.h"

#include <string.h>

#include "base/hex.h"
#include "core/policy.h"

static MUST_CHECK bool
nonce_ok(const struct appraisal_challenge *c, const struct appraisal_answer *a, struct err *e)
{
	uint8_t got[ATTEST_NONCE];

	if (!hex_decode(a->nonce, got, sizeof got) || memcmp(got, c->nonce, sizeof got) != 0)
		return err_set(
		    e, ERR_UNTRUSTED, REASON_NONCE_MISMATCH, "the answer names another nonce");
	return true;
}

static MUST_CHECK bool
report_data_ok(const struct appraisal_answer *a, const struct quote_view *q, struct err *e)
{
	uint8_t said[ATTEST_REPORT_DATA];

	if (q->report_data.n == sizeof said && hex_decode(a->report_data, said, sizeof said)
	    && memcmp(said, q->report_data.p, sizeof said) == 0)
		return true;
	return err_set(e, ERR_UNTRUSTED, REASON_REPORT_DATA_MISMATCH,
	    "the member report_data is not the quote's");
}

/* The quote binds one audience; which of the accepted ones is found by trying each. */
static MUST_CHECK bool
binding_ok(const struct appraisal_challenge *c, const struct quote_view *q,
    struct appraisal_offline *out, struct err *e)
{
	struct attest_binding b = {.purpose = c->purpose, .id = c->id, .channel = c->channel};
	uint8_t digest[ATTEST_DIGEST];

	memcpy(b.nonce, c->nonce, sizeof b.nonce);
	for (size_t i = 0; i < c->audience_n; i++) {
		b.audience = c->audiences[i];
		if (!attest_binding_digest(&b, digest, e))
			return false;
		if (memcmp(digest, q->report_data.p + ATTEST_DIGEST, sizeof digest) == 0) {
			out->audience = c->audiences[i];
			return true;
		}
	}
	return err_set(e, ERR_UNTRUSTED, REASON_BINDING_MISMATCH,
	    "no accepted audience (%zu tried) gives the quote's binding digest", c->audience_n);
}

/* The second half is the binding's digest; the first agents, who knew none, left it zero. */
static bool
is_without_binding(const struct quote_view *q)
{
	static const uint8_t zero[ATTEST_DIGEST];

	return memcmp(q->report_data.p + ATTEST_DIGEST, zero, sizeof zero) == 0;
}

static MUST_CHECK bool
legacy_ok(const struct appraisal_answer *a, const struct quote_view *q,
    struct appraisal_offline *off, struct err *e)
{
	if (!attest_legacy_digest(a->doc, a->measurements, off->claims_digest, e))
		return false;
	if (memcmp(off->claims_digest, q->report_data.p, ATTEST_DIGEST) != 0)
		return err_set(
		    e, ERR_UNTRUSTED, REASON_CLAIMS_MISMATCH, "the quote binds other measurements");
	off->unbound = true;
	off->audience = "";
	return true;
}

static MUST_CHECK bool
bound_ok(const struct appraisal_challenge *c, const struct appraisal_answer *a,
    const struct quote_view *q, struct appraisal_offline *off, struct err *e)
{
	if (!attest_claims_digest(a->doc, a->measurements, off->claims_digest, e))
		return false;
	if (is_without_binding(q))
		return err_set(e, ERR_UNTRUSTED, REASON_FRESHNESS_MISSING,
		    "the second half of the report data is zero");
	if (memcmp(off->claims_digest, q->report_data.p, ATTEST_DIGEST) != 0)
		return err_set(
		    e, ERR_UNTRUSTED, REASON_CLAIMS_MISMATCH, "the quote binds other measurements");
	return binding_ok(c, q, off, e);
}

bool
appraise_offline(const struct appraisal_challenge *c, const struct appraisal_answer *a,
    const struct quote_view *q, struct appraisal_offline *out, struct err *e)
{
	struct appraisal_offline off = {0};

	if (!nonce_ok(c, a, e))
		return false;
	if (!a->measurements || a->measurements->type != JSON_OBJECT)
		return err_set(e, ERR_MALFORMED, REASON_MISSING_QUOTE, "measurements is no object");
	if (!report_data_ok(a, q, e))
		return false;
	if (c->legacy && is_without_binding(q) ? !legacy_ok(a, q, &off, e)
					       : !bound_ok(c, a, q, &off, e))
		return false;
	*out = off;
	return true;
}

bool
appraise_full(const struct network *net, const struct appraisal_challenge *c,
    const struct appraisal_answer *a, const struct appraisal_offline *off,
    const struct quote_view *q, const struct allowlist *al, bool secret, struct admission *out,
    struct err *e)
{
	struct allowlist_match m;
	struct quote_view view = *q;

	view.bound_claims = off->unbound ? attest_legacy_claims : NULL;
	return policy_judge_quote(net, q, e)
	       && allowlist_compare(al, &view, a->doc, a->measurements, secret, &m, e)
	       && policy_judge(net, &view, a->doc, a->measurements, &m, off->audience,
		   c->channel[0] != '\0', out, e);
}
