/* The TD and its module; debug and other attributes of TDs and enclaves. */
#include "mint/row.h"

/* -- attributes -- */

/* Set bit a of the TD attributes, clear bit b where it is not -1. */
static void
attribute(struct mint_world *w, const struct mint_row *row)
{
	uint8_t *p = w->quote.body + MINT_TD_ATTRIBUTES;

	if (row->a >= 0)
		p[row->a / 8] |= (uint8_t)(1 << row->a % 8);
	if (row->b >= 0)
		p[row->b / 8] &= (uint8_t) ~(1 << row->b % 8);
}

/* PKS, KL and PERFMON. */
static void
pks_kl_perfmon(struct mint_world *w, const struct mint_row *row)
{
	w->quote.body[MINT_TD_ATTRIBUTES + 3] |= 0xc0;
	w->quote.body[MINT_TD_ATTRIBUTES + 7] |= 0x80;
}

static void
service_td(struct mint_world *w, const struct mint_row *row)
{
	w->quote.body[MINT_TD_MRSERVICETD + 47] = 1;
}

static void
debug_enclave(struct mint_world *w, const struct mint_row *row)
{
	w->quote.body[MINT_SGX_ATTRIBUTES] |= 2;
}

#define SET(name, what, kind, bit)                                                                 \
	{                                                                                          \
		name, what, kind, .bend = attribute, .a = bit, .b = -1                             \
	}
#define DEBUG(name, what, kind)                                                                    \
	{                                                                                          \
		name, what, kind, .opt_in = "debug", .bend = attribute, .a = 0, .b = -1            \
	}
#define REFUSED(name, what, kind, bit)                                                             \
	{                                                                                          \
		name, what, kind, REASON_TD_ATTRIBUTES, .opt_in = "reserved td attribute",         \
							.bend = attribute, .a = bit, .b = -1       \
	}

static const struct mint_row attributes[] = {
    {"debug-sgx", "debug enclave", MINT_SGX3, .opt_in = "debug", .bend = debug_enclave},
    {"debug-sgx4", "debug enclave, format 4", MINT_SGX4, .opt_in = "debug", .bend = debug_enclave},
    DEBUG("debug-td", "debug TD", MINT_TDX4),
    DEBUG("debug-td10-v5", "debug TD, format 5", MINT_TDX5_TD10),
    DEBUG("debug-td15", "debug TD 1.5", MINT_TDX5_TD15),
    DEBUG("debug-td15ex", "debug TD 1.5 extended", MINT_TDX5_TD15EX),
    REFUSED("td-reserved-tud", "reserved bit 1, of those that open a TD", MINT_TDX4, 1),
    REFUSED("td-tud-hgs", "HGS+, bit 4", MINT_TDX4, 4),
    REFUSED("td-tud-perf-profiling", "PERF_PROFILING, bit 5", MINT_TDX4, 5),
    REFUSED("td-tud-pmt-profiling", "PMT_PROFILING, bit 6", MINT_TDX5_TD15, 6),
    REFUSED("td-reserved-tud-7", "reserved bit 7", MINT_TDX5_TD15, 7),
    REFUSED("td-reserved-sec", "reserved bit 12", MINT_TDX4, 12),
    REFUSED("td-reserved-17", "reserved bit 17", MINT_TDX4, 17),
    REFUSED("td-reserved-40", "reserved bit 40", MINT_TDX5_TD15, 40),
    SET("td-icssd", "ICSSD, bit 16", MINT_TDX4, 16),
    SET("td-lass", "LASS, bit 27", MINT_TDX4, 27),
    SET("td-migratable", "MIGRATABLE, bit 29", MINT_TDX4, 29),
    SET("td-tpa", "TPA, bit 62", MINT_TDX5_TD15, 62),
    {"td-pks-kl-perfmon", "PKS, KL and PERFMON", MINT_TDX4, .bend = pks_kl_perfmon},
    {"td-no-septve", "SEPT_VE_DISABLE clear", MINT_TDX4, .bend = attribute, .a = -1, .b = 28},
    {"td-servicetd", "a service TD is bound", MINT_TDX5_TD15, .bend = service_td},
};

/* -- which module -- */

/* The TD ran under major version a and SVN b; where there is a text, the document names it so. */
static void
module(struct mint_world *w, const struct mint_row *row)
{
	w->quote.body[MINT_TD_SVN] = (uint8_t)row->b;
	w->quote.body[MINT_TD_SVN + 1] = (uint8_t)row->a;
	if (row->edit[0].to)
		w->tcb_info.identity[0].id = row->edit[0].to;
}

static void
no_identities(struct mint_world *w, const struct mint_row *row)
{
	module(w, row);
	w->tcb_info.no_identities = true;
}

static void
empty_identities(struct mint_world *w, const struct mint_row *row)
{
	module(w, row);
	w->tcb_info.n_identities = 0;
}

#define NAMED(name, what, why, major, text)                                                        \
	{                                                                                          \
		name, what, MINT_TDX4, REASON_##why, .bend = module, .a = major, .b = 5, .edit = { \
			{NULL, text}                                                               \
		}                                                                                  \
	}

static const struct mint_row identities[] = {
    NAMED("tdx-module-hex-id", "major version 10, identity TDX_0A", OK, 10, "TDX_0A"),
    NAMED("tdx-module-hex-id-lower", "major version 10, identity tdx_0a", OK, 10, "tdx_0a"),
    NAMED("tdx-module-decimal-id", "major version 10, identity TDX_10", TDX_MODULE_MISMATCH, 10,
	"TDX_10"),
    NAMED("tdx-module-16", "major version 16, identity TDX_10", OK, 16, "TDX_10"),
    NAMED("tdx-module-255", "major version 255, identity TDX_FF", OK, 255, "TDX_FF"),
    NAMED("tdx-module-one-digit", "identity TDX_1", TDX_MODULE_MISMATCH, 1, "TDX_1"),
    NAMED("tdx-module-three-digits", "identity TDX_001", TDX_MODULE_MISMATCH, 1, "TDX_001"),
    NAMED("tdx-module-other-prefix", "identity TDX-01", TDX_MODULE_MISMATCH, 1, "TDX-01"),
    NAMED("tdx-module-unknown", "major version 9, which no identity has", TDX_MODULE_MISMATCH, 9,
	NULL),
    NAMED("tdx-module-second", "major version 3, the second identity", OK, 3, NULL),
    {"tdx-module-no-identities", "no tdxModuleIdentities", MINT_TDX4, REASON_TDX_MODULE_MISMATCH,
	.bend = no_identities, .a = 1, .b = 5},
    {"tdx-module-empty-identities", "tdxModuleIdentities empty", MINT_TDX4,
	REASON_TDX_MODULE_MISMATCH, .bend = empty_identities, .a = 1, .b = 5},
    {"tdx-module-0", "major version 0: tdxModule, no level of its own", MINT_TDX4, .bend = module,
	.a = 0, .b = 5},
    {"tdx-module-0-no-identities", "major version 0, no tdxModuleIdentities", MINT_TDX4,
	.bend = no_identities, .a = 0, .b = 5},
    {"tdx-module-0-old", "major version 0: its SVN is compared as TDX component 0", MINT_TDX4,
	.status = "OutOfDate", .advisories = "INTEL-SA-91001,INTEL-SA-91002", .bend = module,
	.a = 0, .b = 4},
    {"tdx-module-0-low", "major version 0: TDX component 0 below all levels", MINT_TDX4,
	REASON_TCB_NOT_SUPPORTED, .bend = module, .a = 0, .b = 1},
    {"tdx-module-svn-4", "module SVN between two levels: the platform's level is not asked",
	MINT_TDX4, .status = "OutOfDate", .advisories = "INTEL-SA-93001",
	.tcb_date = "2025-02-12T00:00:00Z", .bend = module, .a = 1, .b = 4},
    {"tdx-module-svn-revoked", "module SVN of the revoked level", MINT_TDX4, REASON_TCB_REVOKED,
	.bend = module, .a = 1, .b = 1},
    {"tdx-module-svn-low", "module SVN below every level", MINT_TDX4, REASON_TCB_NOT_SUPPORTED,
	.bend = module, .a = 1, .b = 0},
    {"tdx-module-svn-255", "module SVN 255", MINT_TDX4, .bend = module, .a = 1, .b = 255},
};

/* -- whether it is the one -- */

enum { TD = 1, TDX_MODULE = 2, IDENTITY = 4 };

/* A signer other than zero for the parts in a. */
static void
mrsigner(struct mint_world *w, const struct mint_row *row)
{
	if (row->a & TD)
		w->quote.body[MINT_TD_MRSIGNERSEAM + 47] = 1;
	if (row->a & TDX_MODULE)
		w->tcb_info.module.mrsigner[47] = 1;
	if (row->a & IDENTITY)
		w->tcb_info.identity[0].mrsigner[47] = 1;
	if (row->b)
		w->quote.body[MINT_TD_SVN + 1] = 0;
}

/* Attributes for the parts in a; the mask b where it is not 0xff. */
static void
seam_attributes(struct mint_world *w, const struct mint_row *row)
{
	if (row->a & TD)
		w->quote.body[MINT_TD_SEAMATTRIBUTES] = 1;
	if (row->a & IDENTITY)
		w->tcb_info.identity[0].attributes[0] = 1;
	w->tcb_info.identity[0].mask[0] = (uint8_t)row->b;
}

static void
ascending(struct mint_world *w, const struct mint_row *row)
{
	w->tcb_info.identity[0].levels.ascending = true;
}

/* A status that only platforms have, in the level that matches. */
static void
module_status(struct mint_world *w, const struct mint_row *row)
{
	w->tcb_info.identity[0].levels.v[0].is.status = row->edit[0].to;
}

#define MISMATCH(name, what, fn, ...)                                                              \
	{                                                                                          \
		name, what, MINT_TDX4, REASON_TDX_MODULE_MISMATCH, .bend = fn, __VA_ARGS__         \
	}
#define STATUS(s)                                                                                  \
	{                                                                                          \
		"module-status-" s, "module level with status '" s "'", MINT_TDX4,                 \
		    REASON_TCB_NOT_SUPPORTED, .bend = module_status, .edit = {                     \
			    {NULL, s}                                                              \
		    }                                                                              \
	}

static const struct mint_row modules[] = {
    MISMATCH("tdx-mrsignerseam", "MRSIGNERSEAM not zero", mrsigner, .a = TD),
    MISMATCH("tdx-mrsignerseam-0", "the same under major version 0", mrsigner, .a = TD, .b = 1),
    MISMATCH("tdx-mrsignerseam-tdxmodule-only", "tdxModule fits, the identity does not", mrsigner,
	.a = IDENTITY),
    MISMATCH("tdx-mrsignerseam-both-other", "TD and tdxModule fit, the identity does not", mrsigner,
	.a = TD | TDX_MODULE),
    {"tdx-mrsignerseam-identity", "the identity fits, tdxModule does not", MINT_TDX4,
	.bend = mrsigner, .a = TDX_MODULE},
    {"tdx-mrsignerseam-named", "a signer that TD and identity agree on", MINT_TDX4,
	.bend = mrsigner, .a = TD | IDENTITY},
    {"tdx-mrsignerseam-0-named", "the same for tdxModule under major version 0", MINT_TDX4,
	.bend = mrsigner, .a = TD | TDX_MODULE, .b = 1},
    MISMATCH("tdx-seamattr", "SEAMATTRIBUTES not zero", seam_attributes, .a = TD, .b = 0xff),
    MISMATCH("tdx-seamattr-masked", "SEAMATTRIBUTES not zero where the mask leaves it open",
	seam_attributes, .a = TD, .b = 0),
    MISMATCH("tdx-seamattr-matching", "SEAMATTRIBUTES as the identity has them, but not zero",
	seam_attributes, .a = TD | IDENTITY, .b = 0xff),
    MISMATCH("tdx-seamattr-identity", "the identity demands an attribute", seam_attributes,
	.a = IDENTITY, .b = 0xff),
    {"tdx-module-levels-unsorted", "module levels published lowest first", MINT_TDX4,
	.bend = ascending},
    STATUS("SWHardeningNeeded"),
    STATUS("ConfigurationNeeded"),
    STATUS("ConfigurationAndSWHardeningNeeded"),
    STATUS("OutOfDateConfigurationNeeded"),
};

bool
mint_cases_td(struct mint_run *r, struct err *e)
{
	return MINT_RUN_TABLE(r, attributes, e) && MINT_RUN_TABLE(r, identities, e)
	       && MINT_RUN_TABLE(r, modules, e);
}
