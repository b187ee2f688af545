/* TCB info as a document: its members, their types and ranges, its text. */
#include "mint/row.h"

#include <stdio.h>

#define TEXT(name, what, kind, why, from, to)                                                      \
	{                                                                                          \
		name, what, kind, REASON_##why, .bend = mint_bend_tcb_info, .edit = { {from, to} } \
	}
#define BAD(name, what, from, to)  TEXT(name, what, MINT_SGX3, TCB_INFO_MALFORMED, from, to)
#define GOOD(name, what, from, to) TEXT(name, what, MINT_SGX3, OK, from, to)
#define TDX(name, what, from, to)  TEXT(name, what, MINT_TDX4, TCB_INFO_MALFORMED, from, to)

/* A member is taken away by giving it a name that nobody knows. */
static const struct mint_row missing[] = {
    BAD("ti-no-id", "without id", "\"id\":\"SGX\"", "\"x\":1"),
    BAD("ti-no-version", "without version", "\"version\":3", "\"x\":1"),
    BAD("ti-no-issueDate", "without issueDate", "\"issueDate\"", "\"x\""),
    BAD("ti-no-nextUpdate", "without nextUpdate", "\"nextUpdate\"", "\"x\""),
    BAD("ti-no-fmspc", "without fmspc", "\"fmspc\"", "\"x\""),
    BAD("ti-no-pceId", "without pceId", "\"pceId\"", "\"x\""),
    BAD("ti-no-tcbType", "without tcbType", "\"tcbType\"", "\"x\""),
    BAD("ti-no-tcbEvaluationDataNumber", "without tcbEvaluationDataNumber",
	"\"tcbEvaluationDataNumber\"", "\"x\""),
    BAD("ti-no-levels", "without tcbLevels", "\"tcbLevels\"", "\"x\""),
    BAD("ti-levels-empty", "tcbLevels empty", "\"tcbLevels\":[", "\"tcbLevels\":[],\"x\":["),
    BAD("ti-no-tcb", "level without tcb", "\"tcb\":", "\"x\":"),
    BAD("ti-no-comps", "level without sgxtcbcomponents", "\"sgxtcbcomponents\"", "\"x\""),
    BAD("ti-no-pcesvn", "level without pcesvn", "\"pcesvn\"", "\"x\""),
    BAD("ti-no-svn", "component without svn", "{\"svn\":19}", "{\"x\":19}"),
    BAD("ti-no-date", "level without tcbDate", "\"tcbDate\"", "\"x\""),
    BAD("ti-no-status", "level without tcbStatus", "\"tcbStatus\"", "\"x\""),
    TDX("ti-no-tdxcomps", "TDX level without tdxtcbcomponents", "\"tdxtcbcomponents\"", "\"x\""),
    TDX("ti-no-tdxmodule", "TDX document without tdxModule", "\"tdxModule\"", "\"x\""),
    TDX("ti-no-module-mrsigner", "tdxModule without mrsigner", "\"mrsigner\"", "\"x\""),
    TDX("ti-no-module-attributes", "tdxModule without attributes", "\"attributes\"", "\"x\""),
    TDX("ti-no-module-mask", "tdxModule without attributesMask", "\"attributesMask\"", "\"x\""),
    TDX("ti-no-identity-id", "module identity without id", "\"id\":\"TDX_01\"", "\"x\":1"),
    TDX("ti-no-identity-levels", "module identity without levels",
	"\"attributesMask\":\"FFFFFFFFFFFFFFFF\",\"tcbLevels\"",
	"\"attributesMask\":\"FFFFFFFFFFFFFFFF\",\"x\""),
    BAD("ti-sgx-with-module", "SGX document with tdxModule", "\"tcbType\":0",
	"\"tcbType\":0,\"tdxModule\":{}"),
};

#define NUMBER(name, what, from, to) BAD("ti-" name, what, from, to)

static const struct mint_row numbers[] = {
    NUMBER("svn-256", "component svn 256", "{\"svn\":20}", "{\"svn\":256}"),
    NUMBER("svn-neg", "component svn -1", "{\"svn\":20}", "{\"svn\":-1}"),
    NUMBER("svn-minus-zero", "component svn -0", "{\"svn\":20}", "{\"svn\":-0}"),
    NUMBER("svn-null", "component svn null", "{\"svn\":20}", "{\"svn\":null}"),
    NUMBER("svn-string", "component svn \"20\"", "{\"svn\":20}", "{\"svn\":\"20\"}"),
    NUMBER("svn-bool", "component svn true", "{\"svn\":20}", "{\"svn\":true}"),
    NUMBER("svn-real", "component svn 20.0", "{\"svn\":20}", "{\"svn\":20.0}"),
    NUMBER("svn-array", "a component that is an array", "{\"svn\":20}", "[20]"),
    NUMBER("big-number", "pcesvn 1e1", "\"pcesvn\":13", "\"pcesvn\":1e1"),
    NUMBER("leading-zero", "pcesvn 013, which is no JSON", "\"pcesvn\":13", "\"pcesvn\":013"),
    NUMBER("pcesvn-65536", "pcesvn 65536", "\"pcesvn\":13", "\"pcesvn\":65536"),
    NUMBER("pcesvn-neg", "pcesvn -1", "\"pcesvn\":13", "\"pcesvn\":-1"),
    NUMBER("version-1", "version 1", "\"version\":3", "\"version\":1"),
    NUMBER("version-4", "version 4", "\"version\":3", "\"version\":4"),
    NUMBER("version-3.5", "version 3.5", "\"version\":3", "\"version\":3.5"),
    NUMBER("version-string", "version \"3\"", "\"version\":3", "\"version\":\"3\""),
    NUMBER("tcbtype-1", "tcbType 1", "\"tcbType\":0", "\"tcbType\":1"),
    NUMBER("tcbtype-string", "tcbType \"0\"", "\"tcbType\":0", "\"tcbType\":\"0\""),
    NUMBER("huge-int", "tcbEvaluationDataNumber 2^64", "DataNumber\":18",
	"DataNumber\":18446744073709551616"),
    NUMBER("number-neg", "tcbEvaluationDataNumber -1", "DataNumber\":18", "DataNumber\":-1"),
    NUMBER("15-comps", "15 SGX components", "[{\"svn\":20},", "["),
    NUMBER("17-comps", "17 SGX components", "[{\"svn\":20},", "[{\"svn\":20},{\"svn\":20},"),
    NUMBER("comps-object", "components in an object",
	"\"sgxtcbcomponents\":", "\"sgxtcbcomponents\":{},\"x\":"),
    TDX("ti-15-tdxcomps", "15 TDX components", "\"tdxtcbcomponents\":[{\"svn\":5},",
	"\"tdxtcbcomponents\":["),
    TDX("ti-tdx-svn-256", "TDX component svn 256", "\"tdxtcbcomponents\":[{\"svn\":5}",
	"\"tdxtcbcomponents\":[{\"svn\":256}"),
    TDX("ti-module-svn-256", "module isvsvn 256", "\"isvsvn\":5", "\"isvsvn\":256"),
    TDX("ti-module-svn-neg", "module isvsvn -1", "\"isvsvn\":5", "\"isvsvn\":-1"),
    BAD("ti-fmspc-nonhex", "fmspc with a digit that is none", "EE52AB", "EE52AG"),
    BAD("ti-fmspc-short", "fmspc of ten digits", "EE52AB0000", "EE52AB00"),
    BAD("ti-fmspc-long", "fmspc of fourteen digits", "EE52AB0000", "EE52AB000000"),
    BAD("ti-fmspc-prefix", "fmspc with 0x in front", "EE52AB", "0xEE52"),
    BAD("ti-pceid-short", "pceId of three digits", "\"pceId\":\"0000\"", "\"pceId\":\"000\""),
    TDX("ti-mrsigner-short", "tdxModule's mrsigner of 47 bytes", "\"mrsigner\":\"00",
	"\"mrsigner\":\""),
    TDX("ti-mask-short", "tdxModule's attributesMask of 7 bytes", "\"attributesMask\":\"FF",
	"\"attributesMask\":\""),
};

/* -- dates: the one form that there is, and a day that there is -- */

static MUST_CHECK bool
run_dates(struct mint_run *r, struct err *e)
{
	static const char *const bad[] = {"2027-02-30T08:00:00Z", "2027-13-01T08:00:00Z",
	    "2027-02-09T25:00:00Z", "2027-02-09 08:00:00Z", "2027-02-09T08:00:00",
	    "2027-02-09T08:00:00+00:00", "2027-02-09T08:00:00.000Z", "2027-02-09t08:00:00z",
	    "92027-02-09T08:00:00Z", "2027-02-09T08:00:60Z", "2027-02-29T08:00:00Z",
	    "2027-02-09T08:60:00Z", "2027-00-09T08:00:00Z", "2027-02-00T08:00:00Z",
	    "20270209T080000Z", "2027-2-9T08:00:00Z", " 2027-02-09T08:00:00Z", "2027-02-09", ""};
	char name[64], what[128], to[64];

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct mint_row row = {name, what, MINT_SGX3, REASON_TCB_INFO_MALFORMED,
		    .bend = mint_bend_tcb_info, .edit = {{"2027-02-09T08:00:00Z", to}}};

		snprintf(name, sizeof name, "ti-date-%02zu", i);
		snprintf(what, sizeof what, "nextUpdate spelled '%s'", bad[i]);
		snprintf(to, sizeof to, "%s", bad[i]);
		if (!mint_run_row(r, &row, e))
			return false;
	}
	return true;
}

static const struct mint_row dates[] = {
    BAD("ti-date-number", "nextUpdate is a number", "\"nextUpdate\":", "\"nextUpdate\":1,\"x\":"),
    BAD("ti-tcbdate-bad", "a level's tcbDate is no day", "2025-08-13T", "2025-06-31T"),
    BAD("ti-issue-bad", "issueDate without zone", "2027-01-10T08:00:00Z", "2027-01-10T08:00:00"),
    GOOD("ti-tcbdate-future", "a level's tcbDate lies ahead, which is no expiry",
	"2026-11-11T00:00:00Z", "2030-02-28T00:00:00Z"),
    GOOD(
	"ti-date-leap", "nextUpdate on a leap day", "2027-02-09T08:00:00Z", "2028-02-29T08:00:00Z"),
};

/* -- statuses -- */

static const struct mint_row statuses[] = {
    BAD("platform-status-Bogus", "matched level with status 'Bogus'", "\"UpToDate\"", "\"Bogus\""),
    BAD("platform-status-Bogus-unmatched", "level that is not reached with status 'Bogus'",
	"\"OutOfDateConfigurationNeeded\"", "\"Bogus\""),
    BAD("platform-status-empty", "matched level with status ''", "\"UpToDate\"", "\"\""),
    BAD("platform-status-case", "matched level with status 'uptodate'", "\"UpToDate\"",
	"\"uptodate\""),
    BAD("platform-status-null", "matched level with status null", "\"UpToDate\"", "null"),
    BAD("platform-status-TDRelaunchAdvised", "matched level with a status that is only computed",
	"\"UpToDate\"", "\"TDRelaunchAdvised\""),
    BAD("platform-status-TDRelaunchAdvisedConfigurationNeeded", "the same, the other one",
	"\"UpToDate\"", "\"TDRelaunchAdvisedConfigurationNeeded\""),
    TDX("module-status-Bogus", "module level with status 'Bogus'", "\"UpToDate\"", "\"Bogus\""),
};

/* -- text: JSON's freedoms and what is no JSON; repeated members; depth and size -- */

#define MORE "\"more\":[{\"\\u00e9t\xc3\xa9\":-1.5e-3},null,\"\",{\"a\":1,\"a\":2}],"

static const struct mint_row text[] = {
    {"ti-whitespace-signed", "white space between members, signed so", MINT_SGX3,
	.bend = mint_bend_tcb_info,
	.edit = {{"\"version\":3", " \n\t\"version\" : 3 "}, {"[{\"svn\":20}", "[ {\"svn\":20} "},
	    {"{\"id\"", "{\r\n\"id\""}}},
    {"ti-extra-members", "unknown members at every level", MINT_SGX3, .bend = mint_bend_tcb_info,
	.edit = {{"\"id\"", MORE "\"id\""}, {"{\"svn\":20}", "{" MORE "\"svn\":20}"},
	    {"\"tcbDate\"", MORE "\"tcbDate\""}}},
    {"ti-key-order", "members in another order", MINT_SGX3, .bend = mint_bend_tcb_info,
	.edit = {{"\"id\":\"SGX\",\"version\":3,", ""},
	    {"\"tcbType\":0,", "\"version\":3,\"id\":\"SGX\",\"tcbType\":0,"}}},
    GOOD(
	"ti-unicode-escape", "status spelled with an escape", "\"UpToDate\"", "\"Up\\u0054oDate\""),
    GOOD(
	"ti-adv-empty", "empty advisory list", "\"UpToDate\"}", "\"UpToDate\",\"advisoryIDs\":[]}"),
    BAD("ti-adv-string", "advisories as a string", "\"UpToDate\"}",
	"\"UpToDate\",\"advisoryIDs\":\"INTEL-SA-1\"}"),
    BAD("ti-adv-number", "an advisory that is a number", "\"UpToDate\"}",
	"\"UpToDate\",\"advisoryIDs\":[1]}"),
    BAD("ti-comment", "a comment, signed", "\"tcbType\"", "/*x*/\"tcbType\""),
    BAD("ti-trailing-comma", "a comma behind the last member", "91003\"]}]}", "91003\"]}],}"),
    BAD("ti-single-quotes", "single quotes", "\"tcbType\"", "'tcbType'"),
    BAD("ti-control", "a raw line feed in a string", "\"fmspc\"", "\"note\":\"a\nb\",\"fmspc\""),
    BAD("ti-behind", "a second value behind the object", "\"id\":\"SGX\"",
	"\"id\":\"SGX\"}{\"id\":\"SGX\""),
    BAD("ti-dup-key", "tcbLevels twice, signed",
	"\"tcbLevels\":", "\"tcbLevels\":[],\"tcbLevels\":"),
    BAD("ti-dup-key-escaped", "tcbLevels twice, once spelled with an escape",
	"\"tcbLevels\":", "\"\\u0074cbLevels\":[],\"tcbLevels\":"),
    BAD("ti-dup-fmspc", "fmspc twice", "\"fmspc\":", "\"fmspc\":\"00906ED50000\",\"fmspc\":"),
    BAD("ti-dup-same", "version twice, the same", "\"version\":3", "\"version\":3,\"version\":3"),
    BAD("ti-dup-status", "tcbStatus twice in a level",
	"\"tcbStatus\":", "\"tcbStatus\":\"OutOfDate\",\"tcbStatus\":"),
    BAD("ti-dup-pcesvn", "pcesvn twice in a tcb", "\"pcesvn\":", "\"pcesvn\":1,\"pcesvn\":"),
    BAD("ti-dup-svn", "svn twice in a component", "{\"svn\":20}", "{\"svn\":1,\"svn\":20}"),
    TDX("ti-dup-module", "mrsigner twice in tdxModule",
	"\"mrsigner\":", "\"mrsigner\":\"00\",\"mrsigner\":"),
    TDX("ti-dup-identity-member", "id twice in a module identity", "\"id\":\"TDX_01\"",
	"\"id\":\"TDX_01\",\"id\":\"TDX_01\""),
    TDX("ti-dup-identity", "two module identities of one id", "\"id\":\"TDX_03\"",
	"\"id\":\"TDX_01\""),
    TDX("ti-dup-identity-case", "the same, spelled in two cases", "\"id\":\"TDX_03\"",
	"\"id\":\"tdx_01\""),
    TDX("ti-dup-module-level", "two module levels of one isvsvn", "\"isvsvn\":3", "\"isvsvn\":5"),
};

static void
deep(struct mint_world *w, const struct mint_row *row)
{
	w->tcb_info.depth = (unsigned)row->a;
}

static void
many_levels(struct mint_world *w, const struct mint_row *row)
{
	w->tcb_info.fillers = (unsigned)row->a;
}

static const struct mint_row size[] = {
    {"ti-depth-20", "an unknown member 20 arrays deep", MINT_SGX3, .bend = deep, .a = 20},
    {"ti-depth-40", "an unknown member 40 arrays deep", MINT_SGX3, REASON_TCB_INFO_MALFORMED,
	.bend = deep, .a = 40},
    {"ti-depth-100000", "an unknown member 100 000 arrays deep", MINT_SGX3,
	REASON_TCB_INFO_MALFORMED, .bend = deep, .a = 100000},
    {"ti-levels-2000", "2000 levels above the one that matches", MINT_SGX3, .bend = many_levels,
	.a = 2000},
};

/* -- which platform and TEE it is for -- */

static void
fmspc(struct mint_world *w, const struct mint_row *row)
{
	w->tcb_info.fmspc = row->edit[0].to;
}

static void
pceid(struct mint_world *w, const struct mint_row *row)
{
	w->tcb_info.pceid = row->edit[0].to;
}

static void
other_tee(struct mint_world *w, const struct mint_row *row)
{
	w->tcb_info.tdx = !w->tcb_info.tdx;
	w->tcb_info.id = w->tcb_info.tdx ? "TDX" : "SGX";
}

static void
v2(struct mint_world *w, const struct mint_row *row)
{
	w->tcb_info.version = 2;
	w->tcb_info.id = NULL;
	w->tcb_info.tdx = row->a;
}

#define FOR(name, what, why, fn, text)                                                             \
	{                                                                                          \
		name, what, MINT_SGX3, REASON_##why, .bend = fn, .edit = { {NULL, text} }          \
	}

static const struct mint_row fit[] = {
    FOR("fmspc-upper", "FMSPC in upper case", OK, fmspc, "EE52AB000000"),
    FOR("fmspc-lower", "FMSPC in lower case", OK, fmspc, "ee52ab000000"),
    FOR("fmspc-mismatch", "another FMSPC", TCB_INFO_MISMATCH, fmspc, "EE52AB000001"),
    FOR("pceid-mismatch", "another PCEID", TCB_INFO_MISMATCH, pceid, "0001"),
    {"tcb-id-sgx-for-tdx", "SGX document for a TD", MINT_TDX4, REASON_TCB_INFO_MISMATCH,
	.bend = other_tee},
    {"tcb-id-sgx-for-tdx-v5", "SGX document for a TD, format 5", MINT_TDX5_TD15,
	REASON_TCB_INFO_MISMATCH, .bend = other_tee},
    {"tcb-id-tdx-for-sgx", "TDX document for an enclave", MINT_SGX3, REASON_TCB_INFO_MISMATCH,
	.bend = other_tee},
    {"tcb-id-tdx-for-sgx-v4", "TDX document for an enclave, format 4", MINT_SGX4,
	REASON_TCB_INFO_MISMATCH, .bend = other_tee},
    BAD("tcb-id-unknown", "id 'QE'", "\"id\":\"SGX\"", "\"id\":\"QE\""),
    BAD("tcb-id-case", "id 'sgx'", "\"id\":\"SGX\"", "\"id\":\"sgx\""),
    {"tdx4-tcbinfo-v2", "version 2 with TDX members, for a TD", MINT_TDX4,
	REASON_TCB_INFO_MALFORMED, .bend = v2, .a = 1},
    {"tdx4-tcbinfo-v2-sgx", "version 2 as it is, for a TD", MINT_TDX4, REASON_TCB_INFO_MISMATCH,
	.bend = v2},
};

bool
mint_cases_tcb_info(struct mint_run *r, struct err *e)
{
	return MINT_RUN_TABLE(r, missing, e) && MINT_RUN_TABLE(r, numbers, e) && run_dates(r, e)
	       && MINT_RUN_TABLE(r, dates, e) && MINT_RUN_TABLE(r, statuses, e)
	       && MINT_RUN_TABLE(r, text, e) && MINT_RUN_TABLE(r, size, e)
	       && MINT_RUN_TABLE(r, fit, e);
}
