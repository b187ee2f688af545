/* Time: each item that has a window, one second outside it at either end, and at its very ends. */
#include "mint/row.h"

#include <stdio.h>

/* The ends of an item's window. Certificates of which another chain holds a copy are copied first,
 * so that one alone is outside. */
struct window {
	int64_t *from, *to;
};

enum item { LEAF, CA, ROOT, TCB_SIGNER, QI_SIGNER, TCB_ROOT, CRL, ROOT_CRL, TI, QI, ITEMS };

static struct window
of_cert(struct mint_cert *c)
{
	return (struct window){&c->from_s, &c->to_s};
}

/* Put a copy of its own in the place of a chain's certificate. */
static struct window
own_copy(struct mint_world *w, struct mint_chain *c, size_t i)
{
	w->spare[0] = *c->cert[i];
	c->cert[i] = &w->spare[0];
	return of_cert(&w->spare[0]);
}

static struct window
window_of(struct mint_world *w, enum item i)
{
	switch (i) {
	case LEAF:
		return of_cert(&w->leaf);
	case CA:
		return own_copy(w, &w->pck_chain, 1);
	case ROOT:
		return own_copy(w, &w->pck_chain, 2);
	case TCB_SIGNER:
		return own_copy(w, &w->tcb_chain, 0);
	case QI_SIGNER:
		return own_copy(w, &w->qe_chain, 0);
	case TCB_ROOT:
		return own_copy(w, &w->tcb_chain, 1);
	case CRL:
		return (struct window){&w->pck_crl.from_s, &w->pck_crl.to_s};
	case ROOT_CRL:
		return (struct window){&w->root_crl.from_s, &w->root_crl.to_s};
	case TI:
		return (struct window){&w->tcb_info.issued_s, &w->tcb_info.next_s};
	default:
		return (struct window){&w->qe_identity.issued_s, &w->qe_identity.next_s};
	}
}

enum end { EXPIRED, NOT_YET, EDGE, EDGE_START, ENDS };

static void
shift(struct mint_world *w, const struct mint_row *row)
{
	struct window v = window_of(w, (enum item)row->a);

	switch ((enum end)row->b) {
	case EXPIRED:
		*v.to = MINT_AT - 1;
		break;
	case NOT_YET:
		*v.from = MINT_AT + 1;
		break;
	case EDGE:
		*v.to = MINT_AT;
		break;
	default:
		*v.from = MINT_AT;
		break;
	}
}

static MUST_CHECK bool
run_windows(struct mint_run *r, struct err *e)
{
	/* Documents are issued and become due; the rest expires. */
	static const struct {
		const char *name, *not_yet, *edge_start;
		enum reason expired;
	} items[ITEMS] = {
	    [LEAF] = {"leaf", "not-yet", "edge-start", REASON_CERT_EXPIRED},
	    [CA] = {"ca", "not-yet", "edge-start", REASON_CERT_EXPIRED},
	    [ROOT] = {"root", "not-yet", "edge-start", REASON_CERT_EXPIRED},
	    [TCB_SIGNER] = {"tcb-signer", "not-yet", "edge-start", REASON_CERT_EXPIRED},
	    [QI_SIGNER] = {"qi-signer", "not-yet", "edge-start", REASON_CERT_EXPIRED},
	    [TCB_ROOT] = {"tcb-root", "not-yet", "edge-start", REASON_CERT_EXPIRED},
	    [CRL] = {"crl", "future", "edge-start", REASON_CRL_EXPIRED},
	    [ROOT_CRL] = {"rootcrl", "future", "edge-start", REASON_CRL_EXPIRED},
	    [TI] = {"ti", "future", "edge-start", REASON_TCB_INFO_EXPIRED},
	    [QI] = {"qi", "future", "edge-start", REASON_QE_IDENTITY_EXPIRED},
	};
	static const char *const whats[ENDS] = {"ended a second ago", "begins in a second",
	    "ends at this very second", "begins at this very second"};
	char name[64], what[128];

	for (int i = 0; i < ITEMS; i++)
		for (int k = 0; k < ENDS; k++) {
			const char *const names[ENDS] = {
			    "expired", items[i].not_yet, "edge", items[i].edge_start};
			const enum reason reasons[ENDS] = {
			    items[i].expired, REASON_NOT_YET_VALID, REASON_OK, REASON_OK};
			struct mint_row row = {name, what, i % 2 ? MINT_TDX4 : MINT_SGX3,
			    reasons[k], .bend = shift, .a = i, .b = k};

			snprintf(name, sizeof name, "%s-%s", items[i].name, names[k]);
			snprintf(what, sizeof what, "%s: its window %s", items[i].name, whats[k]);
			if (!mint_run_row(r, &row, e))
				return false;
		}
	return true;
}

/* 2050 and later are GeneralizedTime (RFC 5280 section 4.1.2.5). */
static void
generalized(struct mint_world *w, const struct mint_row *row)
{
	*window_of(w, (enum item)row->a).to = INT64_C(2600000000);
}

static const struct mint_row spelling[] = {
    {"leaf-2052", "leaf until 2052, a GeneralizedTime", MINT_SGX3, .bend = generalized, .a = LEAF},
    {"root-2052", "root until 2052", MINT_TDX4, .bend = generalized, .a = ROOT},
    {"crl-2052", "PCK CRL until 2052", MINT_SGX3, .bend = generalized, .a = CRL},
};

bool
mint_cases_time(struct mint_run *r, struct err *e)
{
	return run_windows(r, e) && MINT_RUN_TABLE(r, spelling, e);
}
