/* The quoting enclave and its identity: what is compared, under which mask, at which level. */
#include "mint/row.h"

#include <stdio.h>

/* -- the enclave -- */

/* Flip the bits b of the byte at offset a of the QE's report. */
static void
report(struct mint_world *w, const struct mint_row *row)
{
	w->quote.qe_report[row->a] ^= (uint8_t)row->b;
}

static void
qe_svn(struct mint_world *w, const struct mint_row *row)
{
	w->quote.qe_report[MINT_SGX_ISVSVN] = (uint8_t)row->a;
	w->quote.qe_report[MINT_SGX_ISVSVN + 1] = (uint8_t)(row->a >> 8);
}

#define DIFFERS(name, what, kind, at, bits)                                                        \
	{                                                                                          \
		name, what, kind, REASON_QE_IDENTITY_MISMATCH, .bend = report, .a = at, .b = bits  \
	}
#define SAME(name, what, at, bits)                                                                 \
	{                                                                                          \
		name, what, MINT_SGX3, .bend = report, .a = at, .b = bits                          \
	}

static const struct mint_row enclave[] = {
    DIFFERS("qe-mrsigner", "another MRSIGNER", MINT_SGX3, MINT_SGX_MRSIGNER, 1),
    DIFFERS("qe-mrsigner-last", "another MRSIGNER in its last byte", MINT_TDX4,
	MINT_SGX_MRSIGNER + 31, 1),
    DIFFERS("qe-prodid", "another ISVPRODID", MINT_SGX3, MINT_SGX_ISVPRODID, 2),
    DIFFERS("qe-prodid-high", "another ISVPRODID in its high byte", MINT_TDX4,
	MINT_SGX_ISVPRODID + 1, 1),
    DIFFERS("qe-debug", "a debug QE", MINT_SGX3, MINT_SGX_ATTRIBUTES, 2),
    DIFFERS("qe-debug-tdx", "a debug TD QE", MINT_TDX5_TD15, MINT_SGX_ATTRIBUTES, 2),
    DIFFERS("qe-attr-init", "INIT is not set", MINT_SGX3, MINT_SGX_ATTRIBUTES, 1),
    DIFFERS("qe-attr-provision", "PROVISION_KEY is not set", MINT_SGX3, MINT_SGX_ATTRIBUTES, 0x10),
    DIFFERS(
	"qe-attr-high", "a high attribute bit is set", MINT_SGX3, MINT_SGX_ATTRIBUTES + 7, 0x80),
    SAME("qe-attr-mode64", "MODE64 is not set, which the mask leaves open", MINT_SGX_ATTRIBUTES, 4),
    SAME("qe-attr-xfrm", "another XFRM, which the mask leaves open", MINT_SGX_ATTRIBUTES + 8, 0x18),
    DIFFERS("qe-misc", "another MISCSELECT", MINT_SGX3, MINT_SGX_MISCSELECT, 1),
    {"qe-svn-256", "ISVSVN 256: its low byte is 0", MINT_SGX3, .bend = qe_svn, .a = 256},
    {"qe-svn-65535", "ISVSVN 65535", MINT_TDX4, .bend = qe_svn, .a = 65535},
    {"qe-svn-7", "ISVSVN between two levels", MINT_SGX3, .status = "OutOfDate",
	.advisories = "INTEL-SA-92001", .tcb_date = "2025-02-12T00:00:00Z", .bend = qe_svn, .a = 7},
    {"qe-svn-low", "ISVSVN below every level", MINT_SGX3, REASON_TCB_NOT_SUPPORTED, .bend = qe_svn,
	.a = 0},
    {"qe-svn-low-tdx", "the same of a TD QE", MINT_TDX5_TD15, REASON_TCB_NOT_SUPPORTED,
	.bend = qe_svn, .a = 0},
    {"qe-svn-revoked", "ISVSVN of the revoked level", MINT_TDX4, REASON_TCB_REVOKED, .bend = qe_svn,
	.a = 1},
};

/* -- masks -- */

/* MISCSELECT 0x00000100, little-endian in the report; the document spells the bytes as they lie. */
static void
misc_order(struct mint_world *w, const struct mint_row *row)
{
	w->quote.qe_report[MINT_SGX_MISCSELECT + 1] = 1;
	w->qe_identity.miscselect[row->a] = 1;
}

static void
misc_masked(struct mint_world *w, const struct mint_row *row)
{
	w->quote.qe_report[MINT_SGX_MISCSELECT] = 0xff;
	w->qe_identity.miscselect_mask[0] = 0;
}

/* The identity demands a bit that its own mask clears: no enclave can have it. */
static void
outside_mask(struct mint_world *w, const struct mint_row *row)
{
	w->qe_identity.attributes[0] |= 4;
	w->quote.qe_report[MINT_SGX_ATTRIBUTES] |= 4;
}

static void
misc_outside_mask(struct mint_world *w, const struct mint_row *row)
{
	misc_masked(w, row);
	w->qe_identity.miscselect[0] = 0xff;
}

static const struct mint_row masks[] = {
    {"qe-misc-byteorder", "MISCSELECT 0x00000100 spelled 00010000", MINT_SGX3, .bend = misc_order,
	.a = 1},
    {"qe-misc-byteorder-bad", "the same spelled 00000100", MINT_SGX3, REASON_QE_IDENTITY_MISMATCH,
	.bend = misc_order, .a = 2},
    {"qe-misc-masked", "MISCSELECT bits that the mask leaves open", MINT_SGX3, .bend = misc_masked},
    {"qi-attr-outside-mask", "an attribute demanded that the mask clears", MINT_SGX3,
	REASON_QE_IDENTITY_MISMATCH, .bend = outside_mask},
    {"qi-misc-outside-mask", "MISCSELECT bits demanded that the mask clears", MINT_SGX3,
	REASON_QE_IDENTITY_MISMATCH, .bend = misc_outside_mask},
};

/* -- levels -- */

static void
ascending(struct mint_world *w, const struct mint_row *row)
{
	w->qe_identity.levels.ascending = true;
}

static void
ascending_old(struct mint_world *w, const struct mint_row *row)
{
	ascending(w, row);
	w->quote.qe_report[MINT_SGX_ISVSVN] = 7;
}

static void
same_advisories(struct mint_world *w, const struct mint_row *row)
{
	w->tcb_info.level[0].is.status = "OutOfDate";
	w->tcb_info.level[0].is.advisories = "INTEL-SA-94002,INTEL-SA-94001,INTEL-SA-94002";
	w->qe_identity.levels.v[0].is.status = "OutOfDate";
	w->qe_identity.levels.v[0].is.advisories = "INTEL-SA-94001,INTEL-SA-90000";
}

#define TEXT(name, what, kind, why, from, to)                                                      \
	{                                                                                          \
		name, what, kind, REASON_##why, .bend = mint_bend_qe_identity, .edit = {           \
			{from, to}                                                                 \
		}                                                                                  \
	}
#define BAD(name, what, from, to) TEXT(name, what, MINT_SGX3, QE_IDENTITY_MALFORMED, from, to)
#define BAD_STATUS(s)             BAD("qe-status-" s, "level with status '" s "'", "UpToDate", s)

static const struct mint_row levels[] = {
    {"qe-levels-unsorted", "levels published lowest first", MINT_SGX3, .bend = ascending},
    {"qe-levels-unsorted-old", "the same, an older QE", MINT_SGX3, .status = "OutOfDate",
	.advisories = "INTEL-SA-92001", .bend = ascending_old},
    {"ti-adv-dup", "the same advisories of platform and QE, out of order", MINT_SGX3,
	.status = "OutOfDate", .advisories = "INTEL-SA-90000,INTEL-SA-94001,INTEL-SA-94002",
	.bend = same_advisories},
    BAD("qe-levels-empty", "no levels", "\"tcbLevels\":[", "\"tcbLevels\":[],\"x\":["),
    BAD("qe-levels-duplicate", "two levels of one isvsvn", "\"isvsvn\":6", "\"isvsvn\":8"),
    BAD("qe-isvsvn-65536", "a level's isvsvn is 65536", "\"isvsvn\":8", "\"isvsvn\":65536"),
    BAD("qe-isvsvn-neg", "a level's isvsvn is -1", "\"isvsvn\":1}", "\"isvsvn\":-1}"),
    BAD("qe-isvsvn-string", "a level's isvsvn is a string", "\"isvsvn\":8", "\"isvsvn\":\"8\""),
    BAD_STATUS("Bogus"),
    BAD_STATUS("SWHardeningNeeded"),
    BAD_STATUS("ConfigurationNeeded"),
    BAD_STATUS("ConfigurationAndSWHardeningNeeded"),
    BAD_STATUS("OutOfDateConfigurationNeeded"),
    BAD_STATUS("TDRelaunchAdvised"),
    BAD("qe-status-Bogus-unmatched", "level that is not reached with status 'Bogus'", "Revoked",
	"Bogus"),
};

/* -- the document -- */

static MUST_CHECK bool
run_missing(struct mint_run *r, struct err *e)
{
	static const char *const names[] = {"id", "version", "issueDate", "nextUpdate",
	    "tcbEvaluationDataNumber", "miscselect", "miscselectMask", "attributes",
	    "attributesMask", "mrsigner", "isvprodid", "tcbLevels", "tcb", "isvsvn", "tcbDate",
	    "tcbStatus"};
	char name[64], what[128], from[64];

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct mint_row row = {name, what, MINT_SGX3, REASON_QE_IDENTITY_MALFORMED,
		    .bend = mint_bend_qe_identity, .edit = {{from, "\"x\":"}}};

		snprintf(name, sizeof name, "qi-no-%s", names[i]);
		snprintf(what, sizeof what, "QE identity without %s", names[i]);
		snprintf(from, sizeof from, "\"%s\":", names[i]);
		if (!mint_run_row(r, &row, e))
			return false;
	}
	return true;
}

static void
id(struct mint_world *w, const struct mint_row *row)
{
	w->qe_identity.id = row->edit[0].to;
}

#define ID(name, what, kind, text)                                                                 \
	{                                                                                          \
		name, what, kind, REASON_QE_IDENTITY_MISMATCH, .bend = id, .edit = {               \
			{NULL, text}                                                               \
		}                                                                                  \
	}

static const struct mint_row document[] = {
    ID("qe-id-qe-for-tdx", "identity QE for a TD", MINT_TDX4, "QE"),
    ID("qe-id-qe-for-tdx-v5", "identity QE for a TD, format 5", MINT_TDX5_TD15, "QE"),
    ID("qe-id-tdqe-for-sgx", "identity TD_QE for an enclave", MINT_SGX3, "TD_QE"),
    ID("qe-id-qve", "identity QVE", MINT_SGX3, "QVE"),
    ID("qe-id-case", "identity 'qe'", MINT_SGX3, "qe"),
    BAD("qi-version-1", "version 1", "\"version\":2", "\"version\":1"),
    BAD("qi-version-3", "version 3", "\"version\":2", "\"version\":3"),
    BAD("qi-version-real", "version 2.0", "\"version\":2", "\"version\":2.0"),
    BAD("qi-date", "nextUpdate is no day", "2027-02-09T", "2027-02-30T"),
    BAD("qi-mrsigner-short", "mrsigner of 31 bytes", "\"mrsigner\":\"C1", "\"mrsigner\":\""),
    BAD("qi-mrsigner-nonhex", "mrsigner with a digit that is none", "\"mrsigner\":\"C1",
	"\"mrsigner\":\"G1"),
    BAD("qi-misc-short", "miscselect of three bytes", "\"miscselect\":\"00", "\"miscselect\":\""),
    BAD("qi-attributes-long", "attributes of 17 bytes", "\"attributes\":\"11",
	"\"attributes\":\"1111"),
    BAD("qi-prodid-65536", "isvprodid 65536", "\"isvprodid\":1", "\"isvprodid\":65536"),
    BAD("qi-prodid-string", "isvprodid is a string", "\"isvprodid\":1", "\"isvprodid\":\"1\""),
    BAD("qi-dup-mrsigner", "mrsigner twice", "\"mrsigner\":", "\"mrsigner\":\"00\",\"mrsigner\":"),
    BAD("qi-dup-levels", "tcbLevels twice", "\"tcbLevels\":", "\"tcbLevels\":[],\"tcbLevels\":"),
    BAD("qi-dup-status", "tcbStatus twice in a level",
	"\"tcbStatus\":", "\"tcbStatus\":\"OutOfDate\",\"tcbStatus\":"),
    BAD("qi-comment", "a comment, signed", "\"isvprodid\"", "/*x*/\"isvprodid\""),
    TEXT("qi-whitespace-signed", "white space between members, signed so", MINT_SGX3, OK,
	"\"version\":2", " \n\"version\" : 2 "),
    TEXT("qi-lower-case", "mrsigner in lower case", MINT_SGX3, OK, "\"mrsigner\":\"C1C1",
	"\"mrsigner\":\"c1c1"),
    TEXT("qi-extra-members", "an unknown member", MINT_TDX4, OK, "\"id\"",
	"\"more\":[{\"a\":null}],\"id\""),
};

bool
mint_cases_qe(struct mint_run *r, struct err *e)
{
	return MINT_RUN_TABLE(r, enclave, e) && MINT_RUN_TABLE(r, masks, e)
	       && MINT_RUN_TABLE(r, levels, e) && run_missing(r, e)
	       && MINT_RUN_TABLE(r, document, e);
}
