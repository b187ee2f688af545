/* verifier_fake.h - for unit tests of what keeps collateral: the verifier's calls on texts that say
 * what they are. A body is `WORD ISSUED EXPIRY NUMBER`: the WORD of a PCK CRL names its CA, that of a
 * QE identity its TEE, and `forged` is refused. Include it in one test file, in place of dcap/. */
#ifndef COLLATERAL_VERIFIER_FAKE_H
#define COLLATERAL_VERIFIER_FAKE_H

#include "base/jcs.h"
#include "base/test.h"
#include "collateral/key.h"
#include "collateral/parts.h"

#include <stdio.h>
#include <stdlib.h>

struct eedcap_collateral {
	char body[EEDCAP_ITEMS][64], chain[EEDCAP_ITEMS][64];
	struct {
		char word[16];
		long long issued, expiry;
		unsigned number;
	} says[EEDCAP_ITEMS];
	uint8_t fmspc[6];
	enum eedcap_tee tee;
};

static struct {
	int parsed, alive;
	uint8_t fmspc[6]; /* that all documents are of */
	enum eedcap_tee tee;
	struct eedcap_collateral last;
} cap;

static void
cap_text(char dst[static 64], struct eedcap_bytes b)
{
	assert_true(span_cstr(span_of(b.p, b.n), dst, 64));
}

static bool
cap_read(struct eedcap_collateral *c, enum eedcap_item i)
{
	const char *text = c->body[i];
	size_t n = strcspn(text, " ");
	char *end;

	if (text[n] == '\0' || !span_cstr(span_of(text, n), c->says[i].word, 16)
	    || strcmp(c->says[i].word, "forged") == 0)
		return false;
	c->says[i].issued = strtoll(text + n, &end, 10);
	c->says[i].expiry = strtoll(end, &end, 10);
	c->says[i].number = (unsigned)strtoul(end, &end, 10);
	return *end == '\0' && c->says[i].expiry > 0;
}

struct eedcap_collateral *
eedcap_collateral_from_parts(
    struct eedcap_context *ctx, const struct eedcap_collateral_parts *p, struct eedcap_error *e)
{
	struct eedcap_collateral *c = calloc(1, sizeof *c);

	assert_non_null(c);
	cap.parsed++;
	cap_text(c->body[EEDCAP_ROOT_CA_CRL], p->root_ca_crl);
	cap_text(c->body[EEDCAP_PCK_CRL], p->pck_crl);
	cap_text(c->body[EEDCAP_TCB_INFO], p->tcb_info);
	cap_text(c->body[EEDCAP_QE_IDENTITY], p->qe_identity);
	cap_text(c->chain[EEDCAP_PCK_CRL], p->pck_crl_issuer_chain);
	cap_text(c->chain[EEDCAP_TCB_INFO], p->tcb_info_issuer_chain);
	cap_text(c->chain[EEDCAP_QE_IDENTITY], p->qe_identity_issuer_chain);
	memcpy(c->fmspc, cap.fmspc, 6);
	c->tee = cap.tee;
	for (int i = 0; i < EEDCAP_ITEMS; i++) {
		if (cap_read(c, (enum eedcap_item)i))
			continue;
		snprintf(
		    e->reason, sizeof e->reason, "%s_signature", item_name((enum eedcap_item)i));
		free(c);
		return NULL;
	}
	cap.last = *c;
	cap.alive++;
	return c;
}

struct eedcap_collateral *
eedcap_collateral_parse(
    struct eedcap_context *ctx, const void *json, size_t n, struct eedcap_error *e)
{
	const struct parts *from[EEDCAP_ITEMS];
	struct eedcap_collateral_parts lent;
	struct eedcap_collateral *c = NULL;
	struct parts p;
	struct err why = {0};

	if (parts_of_bundle(&p, span_of(json, n), &why)) {
		for (int i = 0; i < EEDCAP_ITEMS; i++)
			from[i] = &p;
		parts_lend(from, &lent);
		c = eedcap_collateral_from_parts(ctx, &lent, e);
	} else {
		snprintf(e->reason, sizeof e->reason, "collateral_malformed");
	}
	parts_fini(&p);
	return c;
}

void
eedcap_collateral_free(struct eedcap_collateral *c)
{
	cap.alive -= c != NULL;
	free(c);
}

size_t
eedcap_collateral_write(const struct eedcap_collateral *c, char *dst, size_t size)
{
	struct buf b;
	struct jw w;
	size_t n;

	buf_init(&b, 8192);
	w = jw_of(&b);
	jw_object(&w, NULL);
	jw_str(&w, "root_ca_crl", c->body[EEDCAP_ROOT_CA_CRL]);
	jw_str(&w, "pck_crl", c->body[EEDCAP_PCK_CRL]);
	jw_str(&w, "pck_crl_issuer_chain", c->chain[EEDCAP_PCK_CRL]);
	jw_str(&w, "tcb_info", c->body[EEDCAP_TCB_INFO]);
	jw_str(&w, "tcb_info_signature", "");
	jw_str(&w, "tcb_info_issuer_chain", c->chain[EEDCAP_TCB_INFO]);
	jw_str(&w, "qe_identity", c->body[EEDCAP_QE_IDENTITY]);
	jw_str(&w, "qe_identity_signature", "");
	jw_str(&w, "qe_identity_issuer_chain", c->chain[EEDCAP_QE_IDENTITY]);
	jw_end_object(&w);
	n = buf_ok(&b) ? b.n : 0;
	if (n > 0 && n < size)
		memcpy(dst, buf_cstr(&b), n + 1);
	buf_fini(&b);
	return n;
}

const uint8_t *
eedcap_collateral_fmspc(const struct eedcap_collateral *c)
{
	return c->fmspc;
}

enum eedcap_tee
eedcap_collateral_tee(const struct eedcap_collateral *c)
{
	return c->tee;
}

void
eedcap_collateral_item(
    const struct eedcap_collateral *c, enum eedcap_item item, struct eedcap_item_facts *out)
{
	memset(out, 0, sizeof *out);
	out->issued = c->says[item].issued;
	out->expiry = c->says[item].expiry;
	out->evaluation_number = c->says[item].number;
	out->tee = item == EEDCAP_QE_IDENTITY && strcmp(c->says[item].word, "sgx") == 0 ? EEDCAP_SGX
											: c->tee;
	out->tee_known = true;
	if (item == EEDCAP_PCK_CRL)
		out->ca = strcmp(c->says[item].word, "processor") == 0 ? EEDCAP_CA_PROCESSOR
								       : EEDCAP_CA_PLATFORM;
}

int64_t
eedcap_collateral_expiry(const struct eedcap_collateral *c)
{
	int64_t first = c->says[0].expiry;

	for (int i = 1; i < EEDCAP_ITEMS; i++)
		if (c->says[i].expiry < first)
			first = c->says[i].expiry;
	return first;
}

int64_t
eedcap_collateral_start(const struct eedcap_collateral *c)
{
	int64_t last = c->says[0].issued;

	for (int i = 1; i < EEDCAP_ITEMS; i++)
		if (c->says[i].issued > last)
			last = c->says[i].issued;
	return last;
}

#endif
