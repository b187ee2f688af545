#include "mint/vectors.h"
#include "base/jcs.h"
#include "mint/row.h"

#define QUOTE_MAX      ((size_t)256 * 1024)
#define COLLATERAL_MAX ((size_t)8 * 1024 * 1024)

struct mint_run {
	struct mint_keys keys;
	bool (*take)(void *ctx, const struct mint_vector *v, struct err *e);
	void *ctx;
	struct mint_world world;
	struct buf quote, collateral, meta;
};

/* The exit codes of `eectl verify`. */
enum { EXIT_ACCEPTED, EXIT_MALFORMED = 2, EXIT_UNTRUSTED, EXIT_TIME, EXIT_TCB, EXIT_POLICY };

/* What kind of refusal a reason is. */
static int
exit_of(enum reason r)
{
	switch (r) {
	case REASON_OK:
		return EXIT_ACCEPTED;
	case REASON_CERT_EXPIRED:
	case REASON_CRL_EXPIRED:
	case REASON_NOT_YET_VALID:
	case REASON_QE_IDENTITY_EXPIRED:
	case REASON_TCB_INFO_EXPIRED:
		return EXIT_TIME;
	case REASON_TCB_NOT_SUPPORTED:
	case REASON_TCB_REVOKED:
		return EXIT_TCB;
	case REASON_TD_ATTRIBUTES:
		return EXIT_POLICY;
	case REASON_CERT_CHAIN:
	case REASON_CERT_SIGNATURE:
	case REASON_CRL_ISSUER:
	case REASON_CRL_SIGNATURE:
	case REASON_NO_PCK_CERTIFICATE:
	case REASON_PCK_CA_REVOKED:
	case REASON_PCK_REVOKED:
	case REASON_QE_IDENTITY_MISMATCH:
	case REASON_QE_IDENTITY_SIGNATURE:
	case REASON_QE_REPORT_DATA:
	case REASON_QE_REPORT_SIGNATURE:
	case REASON_QUOTE_SIGNATURE:
	case REASON_ROOT_UNTRUSTED:
	case REASON_TCB_INFO_MISMATCH:
	case REASON_TCB_INFO_SIGNATURE:
	case REASON_TCB_SIGNER_REVOKED:
	case REASON_TDX_MODULE_MISMATCH:
		return EXIT_UNTRUSTED;
	default:
		return EXIT_MALFORMED;
	}
}

static void
put_advisories(struct jw *j, const char *list)
{
	jw_array(j, "advisory_ids_sorted_unique");
	while (*list) {
		size_t n = strcspn(list, ",");

		jw_span(j, NULL, span_of(list, n));
		list += n + (list[n] == ',');
	}
	jw_end_array(j);
}

static void
put_meta(const struct mint_row *row, const struct mint_vector *v, struct buf *out)
{
	const struct mint_kind_info *kind = mint_kind_info(row->kind);
	struct jw j = jw_of(out);

	jw_object(&j, NULL);
	jw_str(&j, "name", row->name);
	jw_str(&j, "description", row->what);
	jw_object(&j, "kind");
	jw_str(&j, "tee", kind->tdx ? "tdx" : "sgx");
	jw_int(&j, "quote_version", kind->version);
	jw_int(&j, "body_type", kind->body_type);
	jw_end_object(&j);
	jw_bool(&j, "genuine", false);
	jw_str(&j, "trusted_root", "../root_ca.der");
	jw_int(&j, "verification_time", v->at_s);
	jw_object(&j, "recommended");
	jw_str(&j, "verdict", v->accepted ? "accept" : "reject");
	jw_str(&j, "status", v->status);
	if (v->accepted)
		put_advisories(&j, v->advisories);
	else
		jw_null(&j, "advisory_ids_sorted_unique");
	jw_str(&j, "tcb_date", v->tcb_date);
	jw_str(&j, "reason", reason_token(v->reason));
	jw_array(&j, "exit_codes");
	jw_int(&j, NULL, v->exit);
	if (v->also)
		jw_int(&j, NULL, v->also);
	jw_end_array(&j);
	jw_str(&j, "needs_policy_opt_in", row->opt_in);
	jw_end_object(&j);
	jw_end_object(&j);
	buf_add_u8(out, '\n');
}

bool
mint_run_row(struct mint_run *r, const struct mint_row *row, struct err *e)
{
	struct mint_vector v = {.name = row->name,
	    .at_s = MINT_AT,
	    .reason = row->reason,
	    .exit = exit_of(row->reason),
	    .also = row->also,
	    .accepted = row->reason == REASON_OK || row->opt_in,
	    .opt_in = row->opt_in,
	    .advisories = row->advisories ? row->advisories : "",
	    .tcb_date = row->tcb_date};

	if (v.accepted)
		v.status = row->status ? row->status : "UpToDate";
	buf_clear(&r->quote);
	buf_clear(&r->collateral);
	buf_clear(&r->meta);
	mint_world_init(&r->world, row->kind, &r->keys);
	if (row->bend)
		row->bend(&r->world, row);
	if (!mint_world_build(&r->world, &r->quote, &r->collateral, e)) {
		err_show(e, "cannot make %s: %s", row->name, e->detail);
		return false;
	}
	put_meta(row, &v, &r->meta);
	if (!buf_ok(&r->meta))
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "%s", row->name);
	v.quote = buf_span(&r->quote);
	v.collateral = buf_span(&r->collateral);
	v.meta = buf_span(&r->meta);
	return r->take(r->ctx, &v, e);
}

bool
mint_run_rows(struct mint_run *r, const struct mint_row *rows, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (!mint_run_row(r, &rows[i], e))
			return false;
	return true;
}

bool
mint_vectors(const uint8_t seed[static MINT_SEED_SIZE],
    bool (*take)(void *ctx, const struct mint_vector *v, struct err *e), void *ctx, struct err *e)
{
	struct mint_run r = {.take = take, .ctx = ctx};
	bool ok;

	buf_init(&r.quote, QUOTE_MAX);
	buf_init(&r.collateral, COLLATERAL_MAX);
	buf_init(&r.meta, 65536);
	ok = mint_keys_derive(&r.keys, seed, e) && mint_cases_quote(&r, e)
	     && mint_cases_signature(&r, e) && mint_cases_data(&r, e) && mint_cases_chain(&r, e)
	     && mint_cases_cert(&r, e) && mint_cases_crl(&r, e) && mint_cases_time(&r, e)
	     && mint_cases_tcb_info(&r, e) && mint_cases_qe(&r, e) && mint_cases_td(&r, e)
	     && mint_cases_level(&r, e) && mint_cases_matrix(&r, e);
	buf_fini(&r.quote);
	buf_fini(&r.collateral);
	buf_fini(&r.meta);
	return ok;
}

bool
mint_vectors_root(
    const uint8_t seed[static MINT_SEED_SIZE], bool pem, struct buf *out, struct err *e)
{
	struct mint_keys keys;
	struct mint_world w;

	if (!mint_keys_derive(&keys, seed, e))
		return false;
	mint_world_init(&w, MINT_SGX3, &keys);
	if (pem) {
		struct mint_chain alone = {.cert = {&w.root}, .n = 1, .form = MINT_CHAIN_PLAIN};

		mint_chain_write(&alone, out);
	} else {
		mint_cert_write(&w.root, out);
	}
	return buf_ok(out) || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "root certificate");
}

void
mint_bend_tcb_info(struct mint_world *w, const struct mint_row *row)
{
	memcpy(w->tcb_info.edit, row->edit, sizeof row->edit);
}

void
mint_bend_qe_identity(struct mint_world *w, const struct mint_row *row)
{
	memcpy(w->qe_identity.edit, row->edit, sizeof row->edit);
}

void
mint_bend_collateral(struct mint_world *w, const struct mint_row *row)
{
	memcpy(w->edit, row->edit, sizeof row->edit);
}
