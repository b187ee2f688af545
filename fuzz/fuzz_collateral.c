/* Any bytes as a part of collateral, past the signature that would stop them: the first byte says
 * which part. */
#include <stdlib.h>

#include "dcap/crl.h"
#include "dcap/pck.h"
#include "dcap/qe_identity.h"
#include "dcap/sgx_extension.h"
#include "dcap/tcb_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
read_tcb_info(struct span text, struct span signature)
{
	struct tcb_info ti = {0};
	struct err e = {0};

	if (document_load(&ti.doc, &tcb_info_kind, text, signature, &e)) {
		if (tcb_info_read(&ti, &e) && ti.n_levels == 0)
			abort();
		tcb_info_fini(&ti);
	}
}

static void
read_qe_identity(struct span text, struct span signature)
{
	struct qe_identity qi = {0};
	struct err e = {0};

	if (document_load(&qi.doc, &qe_identity_kind, text, signature, &e)) {
		if (qe_identity_read(&qi, &e) && qi.levels.n == 0)
			abort();
		qe_identity_fini(&qi);
	}
}

static void
read_crl(struct span bytes)
{
	struct err e = {0};
	struct crl crl;

	if (!crl_parse(&crl, bytes, "fuzzed CRL", &e))
		return;
	if (crl.revoked.n == 0 && crl_holds(&crl, span_of("\x01", 1)))
		abort();
	crl_fini(&crl);
}

static void
read_chain(struct span text)
{
	struct err e = {0};
	struct chain ch;
	struct pck pck;

	if (!pck_chain_parse(&ch, text, &e))
		return;
	if (pck_read(&pck, &ch, &e) && ch.n != 3)
		abort();
	chain_fini(&ch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char signature[] =
	    "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
	    "000000000000000000000000000000000000000000";
	struct span rest = span_from(span_of(data, n), 1);
	struct eedcap_platform platform = {0};
	struct err e = {0};

	switch (n ? data[0] : 0) {
	case 't':
		read_tcb_info(rest, span_str(signature));
		break;
	case 'T':
		read_tcb_info(rest, span_of(NULL, 0));
		break;
	case 'q':
		read_qe_identity(rest, span_str(signature));
		break;
	case 'l':
		read_crl(rest);
		break;
	case 'c':
		read_chain(rest);
		break;
	case 'x':
		if (sgx_extension_parse(&platform, rest, &e) && platform.sgx_type > 2)
			abort();
		break;
	default:
		break;
	}
	return 0;
}
