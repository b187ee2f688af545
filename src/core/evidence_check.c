#include "core/evidence_check.h"

#include <string.h>

#include "core/allowlist.h"
#include "core/policy.h"

static const struct {
	const char *name, *what;
} steps[] = {
    [EVIDENCE_COLLATERAL] = {"collateral_digest",
	"the collateral is the one that the record names"},
    [EVIDENCE_QUOTE] = {"quote", "quote and collateral verify up to the trusted root"},
    [EVIDENCE_CLAIMS] = {"claims", "the quote binds the claims"},
    [EVIDENCE_BINDING] = {"binding", "the quote binds nonce, audience, connection and app"},
    [EVIDENCE_NONCE] = {"nonce", "it is bound to the nonce that was demanded"},
    [EVIDENCE_IDENTITY] = {"identity", "binding, record and document speak of one replica"},
    [EVIDENCE_LIST_BYTES] = {"allowlist_digest", "the allowlist is the one that the record names"},
    [EVIDENCE_LIST] = {"allowlist", "an entry of the allowlist matches registers and claims"},
    [EVIDENCE_NETWORK] = {"network", "the network's rules take it"},
    [EVIDENCE_RESULT] = {"record", "what the record says of the result is what comes out"},
};

const char *
evidence_step_name(enum evidence_step s)
{
	return steps[s].name;
}

const char *
evidence_step_what(enum evidence_step s)
{
	return steps[s].what;
}

const char *
evidence_result_name(enum evidence_result r)
{
	static const char *const names[] = {[EVIDENCE_NOT_CHECKED] = "not checked",
	    [EVIDENCE_HOLDS] = "ok",
	    [EVIDENCE_NOT_ASKED] = "not asked",
	    [EVIDENCE_FAILED] = "failed"};

	return names[r];
}

/* One run through a document. */
struct checking {
	const struct evidence_file *f;
	const struct evidence_item *it;
	const struct evidence_demands *d;
	struct quote_view view;
	struct span list;
	struct allowlist_match match;
	struct admission earned;
};

static bool
differs(struct err *e, const char *what)
{
	return err_set(e, ERR_UNTRUSTED, REASON_EVIDENCE_DIFFERS, "%s", what);
}

static bool
missing(struct err *e, const char *what)
{
	return err_set(e, ERR_POLICY, REASON_EVIDENCE_INCOMPLETE, "%s", what);
}

static MUST_CHECK bool
has_digest(
    struct span bytes, const uint8_t want[static ATTEST_DIGEST], const char *what, struct err *e)
{
	uint8_t got[ATTEST_DIGEST];

	return attest_sha256(bytes, got, e)
	       && (memcmp(got, want, sizeof got) == 0 || differs(e, what));
}

/* --- the steps --- */

static bool
check_collateral(struct checking *c, struct err *e)
{
	if (!c->it->collateral.n)
		return missing(e, "the document holds no collateral of that digest");
	return has_digest(
	    c->it->collateral, c->it->v.collateral_sha256, "the collateral has another digest", e);
}

static bool
check_quote(struct checking *c, struct err *e)
{
	if (c->d->quote)
		return true;
	*e = *c->d->refused;
	return false;
}

static bool
check_claims(struct checking *c, struct err *e)
{
	uint8_t digest[ATTEST_DIGEST];
	bool ok = c->it->v.bound ? attest_claims_digest(&c->f->doc, c->it->claims, digest, e)
				 : attest_legacy_digest(&c->f->doc, c->it->claims, digest, e);

	return ok
	       && (memcmp(digest, c->view.report_data.p, sizeof digest) == 0
		   || err_set(
		       e, ERR_UNTRUSTED, REASON_CLAIMS_MISMATCH, "the quote binds other claims"));
}

static bool
check_binding(struct checking *c, struct err *e)
{
	const struct evidence *v = &c->it->v;
	struct attest_binding b = {
	    .purpose = v->purpose, .id = &v->id, .audience = v->audience, .channel = v->channel};
	uint8_t digest[ATTEST_DIGEST] = {0};

	memcpy(b.nonce, v->nonce, sizeof b.nonce);
	if (v->bound && !attest_binding_digest(&b, digest, e))
		return false;
	if (memcmp(digest, c->view.report_data.p + ATTEST_DIGEST, sizeof digest) == 0)
		return true;
	return err_set(e, ERR_UNTRUSTED, REASON_BINDING_MISMATCH,
	    v->bound ? "the quote binds another nonce, audience, connection or app"
		     : "the quote binds something that the document does not give");
}

static bool
check_nonce(struct checking *c, struct err *e)
{
	const struct evidence *v = &c->it->v;

	if (!v->bound)
		return err_set(
		    e, ERR_UNTRUSTED, REASON_FRESHNESS_MISSING, "the quote binds no nonce");
	if (v->purpose != ATTEST_FOR_EVIDENCE)
		return err_set(e, ERR_UNTRUSTED, REASON_NONCE_MISMATCH,
		    "the quote answers the control plane's challenge, not yours");
	return memcmp(v->nonce, c->d->nonce, sizeof v->nonce) == 0
	       || err_set(e, ERR_UNTRUSTED, REASON_NONCE_MISMATCH, "it is bound to another nonce");
}

static bool
check_identity(struct checking *c, struct err *e)
{
	const struct evidence *v = &c->it->v;
	const char *app = c->d->app_name ? c->d->app_name : c->f->app_name;

	if (c->it->odd)
		return err_set(e, ERR_UNTRUSTED, REASON_EVIDENCE_DIFFERS,
		    "%s of the binding is not the record's", c->it->odd);
	if (strcmp(v->id.network, v->net.name) != 0)
		return differs(e, "the policy is another network's");
	if (strcmp(v->id.app_name, app) != 0)
		return differs(e, "app_name is not the one that was asked for");
	return strcmp(c->f->app_name, app) == 0
	       || differs(e, "the document is of another app than was asked for");
}

static bool
check_list_bytes(struct checking *c, struct err *e)
{
	if (!c->list.n)
		return missing(e, c->it->v.secret
				      ? "the repository is private: give its allowlist"
				      : "the document holds no allowlist of that digest");
	return has_digest(
	    c->list, c->it->v.allowlist_sha256, "the allowlist has another digest", e);
}

static bool
check_list(struct checking *c, struct err *e)
{
	struct allowlist *al;
	bool ok = allowlist_parse(&al, c->list, c->it->v.id.release_tag, e);

	if (!ok)
		return false;
	ok = allowlist_compare(al, &c->view, &c->f->doc, c->it->claims, false, &c->match, e);
	allowlist_free(al);
	return ok;
}

static bool
check_network(struct checking *c, struct err *e)
{
	const struct evidence *v = &c->it->v;

	return policy_judge(&v->net, &c->view, &c->f->doc, c->it->claims, &c->match, v->audience,
	    v->channel[0] != '\0', &c->earned, e);
}

static bool
check_result(struct checking *c, struct err *e)
{
	const struct evidence *v = &c->it->v;

	if (c->view.tcb != v->tcb)
		return err_set(e, ERR_UNTRUSTED, REASON_EVIDENCE_DIFFERS, "the TCB status is %s",
		    tcb_status_name(c->view.tcb));
	if (strcmp(c->d->advisories, v->advisories) != 0)
		return differs(e, "the advisories are others");
	return v->sealed == c->earned.sealed
	       || differs(e, v->sealed ? "it is not sealed" : "it is sealed");
}

/* --- all of them --- */

static void
note(struct evidence_report *out, enum evidence_step s,
    bool (*check)(struct checking *, struct err *), struct checking *c)
{
	bool ok = check(c, &out->why[s]);

	out->step[s] = ok                                                 ? EVIDENCE_HOLDS
		       : out->why[s].reason == REASON_EVIDENCE_INCOMPLETE ? EVIDENCE_NOT_CHECKED
									  : EVIDENCE_FAILED;
}

static void
leave(struct evidence_report *out, enum evidence_step s, const char *what)
{
	out->step[s] = EVIDENCE_NOT_CHECKED;
	(void)missing(&out->why[s], what);
}

static void
check_by_list(struct checking *c, struct evidence_report *out)
{
	static const char what[] = "it needs the step before";

	if (out->step[EVIDENCE_LIST_BYTES] != EVIDENCE_NOT_CHECKED)
		note(out, EVIDENCE_LIST, check_list, c);
	else
		leave(out, EVIDENCE_LIST, what);
	if (out->step[EVIDENCE_LIST] == EVIDENCE_HOLDS)
		note(out, EVIDENCE_NETWORK, check_network, c);
	else
		leave(out, EVIDENCE_NETWORK, what);
	if (out->step[EVIDENCE_NETWORK] == EVIDENCE_HOLDS)
		note(out, EVIDENCE_RESULT, check_result, c);
	else
		leave(out, EVIDENCE_RESULT, what);
}

void
evidence_check(const struct evidence_file *f, const struct evidence_item *it,
    const struct evidence_demands *d, struct evidence_report *out)
{
	static const char what[] = "the quote did not verify";
	struct checking c = {.f = f, .it = it, .d = d};

	memset(out, 0, sizeof *out);
	c.list = d->allowlist.n ? d->allowlist : buf_span(&it->allowlist);
	note(out, EVIDENCE_COLLATERAL, check_collateral, &c);
	note(out, EVIDENCE_QUOTE, check_quote, &c);
	if (d->nonce)
		note(out, EVIDENCE_NONCE, check_nonce, &c);
	else
		out->step[EVIDENCE_NONCE] = EVIDENCE_NOT_ASKED;
	note(out, EVIDENCE_IDENTITY, check_identity, &c);
	note(out, EVIDENCE_LIST_BYTES, check_list_bytes, &c);
	if (!d->quote) {
		leave(out, EVIDENCE_CLAIMS, what);
		leave(out, EVIDENCE_BINDING, what);
		leave(out, EVIDENCE_LIST, what);
		leave(out, EVIDENCE_NETWORK, what);
		leave(out, EVIDENCE_RESULT, what);
		return;
	}
	c.view = *d->quote;
	c.view.bound_claims = it->v.bound ? NULL : attest_legacy_claims;
	note(out, EVIDENCE_CLAIMS, check_claims, &c);
	note(out, EVIDENCE_BINDING, check_binding, &c);
	/* Nothing contradicts it, and nothing is proven by it. */
	if (!it->v.bound && out->step[EVIDENCE_BINDING] == EVIDENCE_HOLDS)
		out->step[EVIDENCE_BINDING] = EVIDENCE_NOT_ASKED;
	check_by_list(&c, out);
}

/* What failed says more than what was not reached. */
enum evidence_step
evidence_fault(const struct evidence_report *r)
{
	enum evidence_step first = EVIDENCE_STEPS;

	for (unsigned s = EVIDENCE_STEPS; s-- > 0;)
		if (r->step[s] == EVIDENCE_NOT_CHECKED)
			first = (enum evidence_step)s;
	for (unsigned s = EVIDENCE_STEPS; s-- > 0;)
		if (r->step[s] == EVIDENCE_FAILED)
			first = (enum evidence_step)s;
	return first;
}
