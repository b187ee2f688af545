#include "dcap/qe_identity.h"

#include <stdlib.h>

const struct document_kind qe_identity_kind = {
    "QE identity", "enclaveIdentity", REASON_QE_IDENTITY_MALFORMED, REASON_QE_IDENTITY_SIGNATURE};

bool
qe_identity_read(struct qe_identity *qi, struct err *e)
{
	struct document *d = &qi->doc;
	const struct json_node *top, *id;
	int64_t prodid;

	if (!document_read(d, e))
		return false;
	top = json_top(&d->json);
	if (d->version != 2)
		return document_bad(d, e, "version %lld", (long long)d->version);
	if (!document_get(d, top, "id", JSON_STRING, &id, e))
		return false;
	qi->kind = json_is(id, "QE") ? QE_SGX : json_is(id, "TD_QE") ? QE_TDX : QE_OTHER;
	if (!document_hex(d, top, "miscselect", qi->miscselect, 4, e)
	    || !document_hex(d, top, "miscselectMask", qi->miscselect_mask, 4, e)
	    || !document_hex(d, top, "attributes", qi->attributes, 16, e)
	    || !document_hex(d, top, "attributesMask", qi->attributes_mask, 16, e)
	    || !document_hex(d, top, "mrsigner", qi->mrsigner, 32, e)
	    || !document_int(d, top, "isvprodid", 0, UINT16_MAX, &prodid, e))
		return false;
	qi->isvprodid = (uint16_t)prodid;
	return isv_levels_read(d, top, STATUSES_OF_ENCLAVE, UINT16_MAX, &qi->levels, e);
}

void
qe_identity_fini(struct qe_identity *qi)
{
	free(qi->levels.v);
	document_fini(&qi->doc);
}

static bool
fits(const uint8_t *value, const uint8_t *mask, const uint8_t *wanted, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((value[i] & mask[i]) != wanted[i])
			return false;
	return true;
}

bool
qe_identity_check(const struct qe_identity *qi, const struct sgx_report *report,
    enum eedcap_tee tee, struct err *e)
{
	const char *differs = NULL;

	if (qi->kind != (tee == EEDCAP_TDX ? QE_TDX : QE_SGX))
		differs = "id";
	else if (!fits(report->miscselect, qi->miscselect_mask, qi->miscselect, 4))
		differs = "miscselect";
	else if (!fits(report->attributes, qi->attributes_mask, qi->attributes, 16))
		differs = "attributes";
	else if (memcmp(report->mrsigner, qi->mrsigner, sizeof qi->mrsigner) != 0)
		differs = "mrsigner";
	else if (report->isvprodid != qi->isvprodid)
		differs = "isvprodid";
	if (differs)
		return err_set(e, ERR_UNTRUSTED, REASON_QE_IDENTITY_MISMATCH, "%s", differs);
	return true;
}
