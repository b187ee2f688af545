/* The entrances that verify no signature of a quote: reading one, and reading a root certificate. */
#include <openssl/sha.h>

#include "dcap/error.h"
#include "dcap/pck.h"
#include "dcap/quote.h"

struct eedcap_quote *
eedcap_quote_inspect(const void *quote, size_t n, struct eedcap_error *err)
{
	struct err e = {0};
	struct eedcap_quote *q = quote_new(span_of(quote, n), &e);

	if (q && !SHA256(q->q.signed_part.p, q->q.signed_part.n, q->digest)) {
		(void)err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "digest");
		eedcap_quote_free(q);
		q = NULL;
	}
	error_export(err, &e);
	return q;
}

bool
eedcap_quote_platform(
    const struct eedcap_quote *q, struct eedcap_platform *out, struct eedcap_error *err)
{
	struct err e = {0};
	bool ok = true;

	if (q->authentic)
		*out = q->pck.platform;
	else if (q->q.cert_type != CERT_CHAIN && q->q.cert_type != CERT_LEAF)
		ok = err_set(&e, ERR_UNTRUSTED, REASON_NO_PCK_CERTIFICATE,
		    "certification data type %u holds no certificate", q->q.cert_type);
	else
		ok = pck_read_leaf(out, q->q.cert, &e);
	error_export(err, &e);
	return ok;
}

/* A root of the caller's own: its key is the one that it must be signed with. */
static MUST_CHECK bool
check_own_root(const struct chain *ch, struct err *e)
{
	struct verifier vf;
	bool ok;

	if (ch->n != 1)
		return err_set(
		    e, ERR_MALFORMED, REASON_CERT_CHAIN, "root CA: %zu certificates, not 1", ch->n);
	if (!verifier_begin(&vf, NULL, e))
		return false;
	vf.root_key = ch->cert[0].key;
	ok = cert_check_root(&vf, &ch->cert[0], e);
	verifier_end(&vf, e);
	return ok;
}

bool
eedcap_root_key(
    const void *cert, size_t n, uint8_t key[EEDCAP_ROOT_KEY_SIZE], struct eedcap_error *err)
{
	struct err e = {0};
	struct chain chain;
	bool ok = false;

	if (chain_parse(&chain, span_of(cert, n), "root CA", &e)) {
		ok = check_own_root(&chain, &e);
		if (ok)
			memcpy(key, chain.cert[0].key, EEDCAP_ROOT_KEY_SIZE);
		chain_fini(&chain);
	}
	error_export(err, &e);
	return ok;
}
