#include "base/hex.h"
#include "sim/service.h"
#include "wire/url.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <stdlib.h>

#define CRL_MAX (4u * 1024 * 1024)

/* Say no with a bare status, as Intel's service does. */
static bool
answer_bare(struct sim_call *c, int status)
{
	c->a->status = status;
	buf_clear(&c->a->body);
	c->a->content_type = NULL;
	return true;
}

static void
add_request_id(struct sim_call *c)
{
	buf_printf(sim_answer_field(c->a, "Request-ID"), "%032llx",
	    (unsigned long long)c->sim->requests[SIM_PCS]);
}

/* The chain of the signer, percent-encoded PEM. */
static bool
add_chain(struct sim_call *c, const char *field, enum sim_authority who, struct err *e)
{
	struct buf pem;
	bool ok;

	buf_init(&pem, 16u * 1024);
	ok = sim_pki_chain_pem(&c->sim->platform.pki, who, &pem, e);
	url_encode(sim_answer_field(c->a, field), buf_span(&pem));
	buf_fini(&pem);
	add_request_id(c);
	return ok;
}

static bool
answer_doc(
    struct sim_call *c, enum sim_doc doc, unsigned family, const char *chain_field, struct err *e)
{
	struct sim_platform *p = &c->sim->platform;
	struct span body;
	char update[16];

	if (!add_chain(c, chain_field, SIM_TCB_SIGNING, e))
		return false;
	c->a->content_type = "application/json";
	if (c->bend == SIM_FORGED)
		return sim_doc_write(
		    &p->impostor, doc, family, p->recoveries, c->now_s, &c->a->body, e);
	if (p->early > p->recoveries && sim_query(c, "update", update, sizeof update)
	    && strcmp(update, "early") == 0)
		return sim_doc_write(&p->pki, doc, family, p->early, c->now_s, &c->a->body, e);
	if (!sim_platform_doc(p, doc, family, c->now_s, &body, e))
		return false;
	buf_add(&c->a->body, body);
	return true;
}

/* A CRL as the service has it, or in the impostor's hand. */
static bool
add_crl(struct sim_call *c, enum sim_crl which, struct buf *out, struct err *e)
{
	static const enum sim_authority issuers[] = {SIM_ROOT, SIM_PLATFORM_CA, SIM_PROCESSOR_CA};
	struct sim_platform *p = &c->sim->platform;
	struct span der;

	if (c->bend == SIM_FORGED)
		return sim_pki_crl(
		    &p->impostor, issuers[which], NULL, 0, p->crl_number++, c->now_s, out, e);
	if (!sim_platform_crl(p, which, c->now_s, &der, e))
		return false;
	buf_add(out, der);
	return true;
}

/* Judge `update` and `tcbEvaluationDataNumber`, which exclude one another: the status to refuse
 * with, or 200. A number below ours is retired, one above it not published. */
static int
edition_status(const struct sim_call *c)
{
	char update[16], number[16], *end;
	bool has_update = sim_query(c, "update", update, sizeof update);
	unsigned long have = sim_evaluation_number(c->sim->platform.recoveries), want;

	if (has_update && strcmp(update, "standard") != 0 && strcmp(update, "early") != 0)
		return 400;
	if (!sim_query(c, "tcbEvaluationDataNumber", number, sizeof number))
		return 200;
	want = strtoul(number, &end, 10);
	if (has_update || number[0] < '0' || number[0] > '9' || *end)
		return 400;
	return want == have ? 200 : want < have ? 410 : 404;
}

static bool
answer_tcb(struct sim_call *c, enum sim_doc doc, struct err *e)
{
	char text[32];
	uint8_t fmspc[6], ours[6];
	unsigned family;
	int status = edition_status(c);

	if (!sim_query(c, "fmspc", text, sizeof text)
	    || !hex_decode(span_str(text), fmspc, sizeof fmspc))
		return answer_bare(c, 400);
	family = fmspc[5];
	if (!hex_decode(span_str(SIM_FMSPC), ours, sizeof ours) || family >= SIM_FAMILIES
	    || memcmp(ours, fmspc, sizeof ours - 1) != 0)
		return answer_bare(c, 404);
	if (status != 200)
		return answer_bare(c, status);
	return answer_doc(c, doc, family, "TCB-Info-Issuer-Chain", e);
}

static bool
get_sgx_tcb(struct sim_call *c, struct err *e)
{
	return answer_tcb(c, SIM_TCB_SGX, e);
}

static bool
get_tdx_tcb(struct sim_call *c, struct err *e)
{
	return answer_tcb(c, SIM_TCB_TDX, e);
}

static bool
answer_identity(struct sim_call *c, enum sim_doc doc, struct err *e)
{
	int status = edition_status(c);

	if (status != 200)
		return answer_bare(c, status);
	return answer_doc(c, doc, 0, "SGX-Enclave-Identity-Issuer-Chain", e);
}

static bool
get_qe(struct sim_call *c, struct err *e)
{
	return answer_identity(c, SIM_QE, e);
}

static bool
get_td_qe(struct sim_call *c, struct err *e)
{
	return answer_identity(c, SIM_TD_QE, e);
}

static bool
get_qve(struct sim_call *c, struct err *e)
{
	return answer_identity(c, SIM_QVE, e);
}

static bool
get_sgx_numbers(struct sim_call *c, struct err *e)
{
	return answer_doc(c, SIM_NUMBERS_SGX, 0, "TCB-Evaluation-Data-Numbers-Issuer-Chain", e);
}

static bool
get_tdx_numbers(struct sim_call *c, struct err *e)
{
	return answer_doc(c, SIM_NUMBERS_TDX, 0, "TCB-Evaluation-Data-Numbers-Issuer-Chain", e);
}

static bool
get_fmspcs(struct sim_call *c, struct err *e)
{
	(void)e;
	add_request_id(c);
	c->a->content_type = "application/json";
	buf_add_str(&c->a->body, "[{\"fmspc\":\"" SIM_FMSPC "\",\"platform\":\"E5\"}]");
	return true;
}

static bool
crl_as_pem(struct span der, struct buf *out, struct err *e)
{
	const uint8_t *p = der.p;
	X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)der.n);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long n = 0;

	if (crl && bio && PEM_write_bio_X509_CRL(bio, crl) == 1)
		n = BIO_get_mem_data(bio, &text);
	if (n > 0)
		buf_add(out, span_of(text, (size_t)n));
	BIO_free(bio);
	X509_CRL_free(crl);
	return n > 0 || err_set(e, ERR_NOMEM, REASON_INTERNAL, "CRL as PEM");
}

static bool
get_pck_crl(struct sim_call *c, struct err *e)
{
	char ca[16], encoding[8] = "pem";
	struct buf der;
	bool platform, ok;

	if (!sim_query(c, "ca", ca, sizeof ca))
		return answer_bare(c, 400);
	platform = strcmp(ca, "platform") == 0;
	if (!platform && strcmp(ca, "processor") != 0)
		return answer_bare(c, 400);
	if (sim_query(c, "encoding", encoding, sizeof encoding) && strcmp(encoding, "pem") != 0
	    && strcmp(encoding, "der") != 0)
		return answer_bare(c, 400);
	if (c->bend == SIM_OTHER_CA)
		platform = !platform;
	buf_init(&der, CRL_MAX);
	ok = add_crl(c, platform ? SIM_CRL_PLATFORM : SIM_CRL_PROCESSOR, &der, e)
	     && add_chain(
		 c, "SGX-PCK-CRL-Issuer-Chain", platform ? SIM_PLATFORM_CA : SIM_PROCESSOR_CA, e);
	c->a->content_type = "application/x-pem-file";
	if (ok && c->bend == SIM_HEX) {
		hex_encode_buf(buf_span(&der), &c->a->body);
	} else if (ok && strcmp(encoding, "pem") == 0) {
		ok = crl_as_pem(buf_span(&der), &c->a->body, e);
	} else {
		c->a->content_type = "application/pkix-crl";
		buf_add(&c->a->body, buf_span(&der));
	}
	buf_fini(&der);
	return ok;
}

/* A caching service's own: hex text of the DER. */
static bool
get_root_crl_hex(struct sim_call *c, struct err *e)
{
	struct buf der;
	bool ok;

	buf_init(&der, CRL_MAX);
	ok = add_crl(c, SIM_CRL_ROOT, &der, e);
	add_request_id(c);
	c->a->content_type = "application/x-pem-file";
	hex_encode_buf(buf_span(&der), &c->a->body);
	buf_fini(&der);
	return ok;
}

/* Where the distribution point of the root leads. */
static bool
get_root_crl_der(struct sim_call *c, struct err *e)
{
	c->a->content_type = "application/pkix-crl";
	return add_crl(c, SIM_CRL_ROOT, &c->a->body, e);
}

const struct sim_route sim_pcs_routes[] = {
    {"GET", "sgx/certification/v4/tcb", get_sgx_tcb},
    {"GET", "tdx/certification/v4/tcb", get_tdx_tcb},
    {"GET", "sgx/certification/v4/qe/identity", get_qe},
    {"GET", "tdx/certification/v4/qe/identity", get_td_qe},
    {"GET", "sgx/certification/v4/qve/identity", get_qve},
    {"GET", "sgx/certification/v4/pckcrl", get_pck_crl},
    {"GET", "sgx/certification/v4/rootcacrl", get_root_crl_hex},
    {"GET", "sgx/certification/v4/fmspcs", get_fmspcs},
    {"GET", "sgx/certification/v4/tcbevaluationdatanumbers", get_sgx_numbers},
    {"GET", "tdx/certification/v4/tcbevaluationdatanumbers", get_tdx_numbers},
    {"GET", "IntelSGXRootCA.der", get_root_crl_der},
    {NULL, NULL, NULL},
};
