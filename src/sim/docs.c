#include "sim/docs.h"
#include "base/jcs.h"

#include <stdio.h>

#include <openssl/sha.h>
#include <time.h>

/* The ladder: the higher the SVN, the better the status. What stands between two statuses is
 * arbitrary; that they differ in one component is all that the evaluation needs. */
static const struct level {
	const char *status;
	uint8_t svn;
	const char *date;
	const char *advisory;
} ladder[] = {
    {"UpToDate", 9, "2025-05-14T00:00:00Z", NULL},
    {"SWHardeningNeeded", 8, "2025-05-14T00:00:00Z", "INTEL-SA-00615"},
    {"ConfigurationNeeded", 7, "2025-05-14T00:00:00Z", "INTEL-SA-00289"},
    {"ConfigurationAndSWHardeningNeeded", 6, "2025-05-14T00:00:00Z", "INTEL-SA-00657"},
    {"OutOfDate", 5, "2023-08-09T00:00:00Z", "INTEL-SA-00960"},
    {"OutOfDateConfigurationNeeded", 4, "2023-02-15T00:00:00Z", "INTEL-SA-00982"},
    {"Revoked", 3, "2021-11-10T00:00:00Z", "INTEL-SA-00477"},
};
#define LADDER_N      (sizeof ladder / sizeof ladder[0])
#define RECOVERIES_OK 200u /* SVNs are bytes */

#define NO_MEASURE                                                                                 \
	"00000000000000000000000000000000"                                                         \
	"00000000000000000000000000000000"                                                         \
	"00000000000000000000000000000000"

void
sim_qe_measure(uint8_t mrenclave[static 32], uint8_t mrsigner[static 32])
{
	SHA256((const uint8_t *)"ee-sim TD quoting enclave", 25, mrenclave);
	SHA256((const uint8_t *)"ee-sim enclave signer", 21, mrsigner);
}

bool
sim_tcb_svn(struct span status, unsigned recoveries, uint8_t *svn)
{
	if (span_is(status, "NotSupported")) {
		*svn = 1;
		return true;
	}
	for (size_t i = 0; i < LADDER_N; i++)
		if (span_is(status, ladder[i].status)) {
			*svn = (uint8_t)(ladder[i].svn + (i == 0 ? recoveries % RECOVERIES_OK : 0));
			return true;
		}
	return false;
}

void
sim_tcb_components(uint8_t svn, uint8_t components[static 16])
{
	static const uint8_t rest[16] = {0, 9, 2, 2, 3, 1, 0, 3};

	memcpy(components, rest, sizeof rest);
	components[0] = svn;
}

unsigned
sim_evaluation_number(unsigned recoveries)
{
	return 18 + recoveries % RECOVERIES_OK;
}

static void
put_date(struct jw *w, const char *name, int64_t s)
{
	time_t t = (time_t)s;
	struct tm tm;
	char text[32];

	if (!gmtime_r(&t, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
		text[0] = '\0';
	jw_str(w, name, text);
}

static void
put_window(struct jw *w, int64_t now_s)
{
	put_date(w, "issueDate", now_s);
	put_date(w, "nextUpdate", now_s + SIM_DOC_LIFE_S);
}

static void
put_status(struct jw *w, const char *date, const char *status, const char *advisory)
{
	jw_str(w, "tcbDate", date);
	jw_str(w, "tcbStatus", status);
	if (!advisory)
		return;
	jw_array(w, "advisoryIDs");
	jw_str(w, NULL, advisory);
	jw_end_array(w);
}

/* The levels of an enclave or module, which have one SVN: the newest is UpToDate, the one below
 * it OutOfDate, the first one revoked. */
static void
put_svn_levels(struct jw *w, unsigned newest)
{
	const struct {
		unsigned svn;
		const char *date, *status, *advisory;
	} levels[] = {
	    {newest, "2025-05-14T00:00:00Z", "UpToDate", NULL},
	    {newest - 2, "2023-08-09T00:00:00Z", "OutOfDate", "INTEL-SA-01036"},
	    {1, "2021-11-10T00:00:00Z", "Revoked", NULL},
	};

	jw_array(w, "tcbLevels");
	for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
		jw_object(w, NULL);
		jw_object(w, "tcb");
		jw_int(w, "isvsvn", levels[i].svn);
		jw_end_object(w);
		put_status(w, levels[i].date, levels[i].status, levels[i].advisory);
		jw_end_object(w);
	}
	jw_end_array(w);
}

static void
put_components(struct jw *w, const char *name, const uint8_t *svn, const char *const (*words)[2])
{
	jw_array(w, name);
	for (size_t i = 0; i < 16; i++) {
		jw_object(w, NULL);
		jw_int(w, "svn", svn[i]);
		if (words[i][0])
			jw_str(w, "category", words[i][0]);
		if (words[i][1])
			jw_str(w, "type", words[i][1]);
		jw_end_object(w);
	}
	jw_end_array(w);
}

static void
put_level(struct jw *w, bool tdx, uint8_t svn, const struct level *l)
{
	static const char *const sgx_words[16][2] = {{"BIOS", "Early Microcode Update"},
	    {"OS/VMM", "SGX Late Microcode Update"}, {"OS/VMM", "TXT SINIT"}, {"BIOS", NULL},
	    {"BIOS", NULL}, {"BIOS", NULL}, {NULL, NULL}, {"OS/VMM", "SEAMLDR ACM"}};
	static const char *const tdx_words[16][2] = {{"OS/VMM", "TDX Module"},
	    {"OS/VMM", "TDX Module"}, {"OS/VMM", "TDX Late Microcode Update"}};
	static const uint8_t tdx_svn[16] = {SIM_MODULE_SVN, 0, 9};
	uint8_t components[16];

	sim_tcb_components(svn, components);
	jw_object(w, NULL);
	jw_object(w, "tcb");
	put_components(w, "sgxtcbcomponents", components, sgx_words);
	jw_int(w, "pcesvn", SIM_PCESVN);
	if (tdx)
		put_components(w, "tdxtcbcomponents", tdx_svn, tdx_words);
	jw_end_object(w);
	put_status(w, l->date, l->status, l->advisory);
	jw_end_object(w);
}

static void
put_levels(struct jw *w, bool tdx, unsigned recoveries)
{
	static const struct level outdated = {
	    "OutOfDate", 0, "2025-02-12T00:00:00Z", "INTEL-SA-01245"};
	unsigned n = recoveries % RECOVERIES_OK;

	jw_array(w, "tcbLevels");
	put_level(w, tdx, (uint8_t)(ladder[0].svn + n), &ladder[0]);
	for (unsigned i = n; i > 0; i--)
		put_level(w, tdx, (uint8_t)(ladder[0].svn + i - 1), &outdated);
	for (size_t i = 1; i < LADDER_N; i++)
		put_level(w, tdx, ladder[i].svn, &ladder[i]);
	jw_end_array(w);
}

static void
put_module(struct jw *w)
{
	jw_str(w, "mrsigner", NO_MEASURE);
	jw_str(w, "attributes", "0000000000000000");
	jw_str(w, "attributesMask", "FFFFFFFFFFFFFFFF");
}

const char *
sim_fmspc(unsigned family, char dst[static 13])
{
	/* The base ends with two zeros. */
	snprintf(dst, 13, "%.10s%02X", SIM_FMSPC, family % SIM_FAMILIES);
	return dst;
}

static void
put_tcb_info(struct jw *w, bool tdx, unsigned family, unsigned recoveries, int64_t now_s)
{
	char fmspc[13];

	jw_object(w, NULL);
	jw_str(w, "id", tdx ? "TDX" : "SGX");
	jw_int(w, "version", 3);
	put_window(w, now_s);
	jw_str(w, "fmspc", sim_fmspc(family, fmspc));
	jw_str(w, "pceId", "0000");
	jw_int(w, "tcbType", 0);
	jw_int(w, "tcbEvaluationDataNumber", sim_evaluation_number(recoveries));
	if (tdx) {
		jw_object(w, "tdxModule");
		put_module(w);
		jw_end_object(w);
		jw_array(w, "tdxModuleIdentities");
		jw_object(w, NULL);
		jw_str(w, "id", "TDX_01");
		put_module(w);
		put_svn_levels(w, SIM_MODULE_SVN);
		jw_end_object(w);
		jw_end_array(w);
	}
	put_levels(w, tdx, recoveries);
	jw_end_object(w);
}

static void
put_identity(struct jw *w, const char *id, unsigned prodid, unsigned recoveries, int64_t now_s)
{
	uint8_t mrenclave[32], mrsigner[32];

	sim_qe_measure(mrenclave, mrsigner);
	jw_object(w, NULL);
	jw_str(w, "id", id);
	jw_int(w, "version", 2);
	put_window(w, now_s);
	jw_int(w, "tcbEvaluationDataNumber", sim_evaluation_number(recoveries));
	jw_str(w, "miscselect", "00000000");
	jw_str(w, "miscselectMask", "FFFFFFFF");
	jw_str(w, "attributes", "11000000000000000000000000000000");
	jw_str(w, "attributesMask", "FBFFFFFFFFFFFFFF0000000000000000");
	jw_hex(w, "mrsigner", span_of(mrsigner, sizeof mrsigner));
	jw_int(w, "isvprodid", prodid);
	put_svn_levels(w, SIM_QE_SVN);
	jw_end_object(w);
}

static void
put_numbers(struct jw *w, const char *id, unsigned recoveries, int64_t now_s)
{
	jw_object(w, NULL);
	jw_str(w, "id", id);
	jw_int(w, "version", 1);
	put_window(w, now_s);
	jw_array(w, "tcbEvalNumbers");
	jw_object(w, NULL);
	jw_int(w, "tcbEvaluationDataNumber", sim_evaluation_number(recoveries));
	jw_str(w, "tcbRecoveryEventDate", "2025-05-13T00:00:00Z");
	jw_str(w, "tcbDate", "2025-05-14T00:00:00Z");
	jw_end_object(w);
	jw_end_array(w);
	jw_end_object(w);
}

/* Append the inner object; return the name of the member that it stands under. */
static const char *
put_inner(struct jw *w, enum sim_doc doc, unsigned family, unsigned recoveries, int64_t now_s)
{
	switch (doc) {
	case SIM_TCB_SGX:
	case SIM_TCB_TDX:
		put_tcb_info(w, doc == SIM_TCB_TDX, family, recoveries, now_s);
		return "tcbInfo";
	case SIM_QE:
		put_identity(w, "QE", 1, recoveries, now_s);
		return "enclaveIdentity";
	case SIM_TD_QE:
		put_identity(w, "TD_QE", 2, recoveries, now_s);
		return "enclaveIdentity";
	case SIM_QVE:
		put_identity(w, "QVE", 2, recoveries, now_s);
		return "enclaveIdentity";
	case SIM_NUMBERS_SGX:
	case SIM_NUMBERS_TDX:
	case SIM_DOC_COUNT:
		break;
	}
	put_numbers(w, doc == SIM_NUMBERS_TDX ? "TDX" : "SGX", recoveries, now_s);
	return "tcbEvaluationDataNumbers";
}

bool
sim_doc_write(const struct sim_pki *pki, enum sim_doc doc, unsigned family, unsigned recoveries,
    int64_t now_s, struct buf *out, struct err *e)
{
	struct buf inner;
	struct jw w = jw_of(&inner);
	const char *name;
	uint8_t sig[64];
	bool ok;

	buf_init(&inner, 1024u * 1024);
	name = put_inner(&w, doc, family, recoveries, now_s);
	ok = (buf_ok(&inner) || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "document"))
	     && sim_key_sign(pki->key[SIM_TCB_SIGNING], buf_span(&inner), sig, e);
	if (ok) {
		w = jw_of(out);
		jw_object(&w, NULL);
		jw_raw(&w, name, buf_span(&inner));
		jw_hex(&w, "signature", span_of(sig, sizeof sig));
		jw_end_object(&w);
		ok = buf_ok(out) || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "document");
	}
	buf_fini(&inner);
	return ok;
}
