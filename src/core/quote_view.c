#include "core/quote_view.h"

/* Intel's spelling, as TCB info has it (PCS API v4). */
static const char *const tcb_names[] = {
    [TCB_UP_TO_DATE] = "UpToDate",
    [TCB_SW_HARDENING_NEEDED] = "SWHardeningNeeded",
    [TCB_CONFIGURATION_NEEDED] = "ConfigurationNeeded",
    [TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED] = "ConfigurationAndSWHardeningNeeded",
    [TCB_OUT_OF_DATE] = "OutOfDate",
    [TCB_OUT_OF_DATE_CONFIGURATION_NEEDED] = "OutOfDateConfigurationNeeded",
    [TCB_TD_RELAUNCH_ADVISED] = "TDRelaunchAdvised",
    [TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED] = "TDRelaunchAdvisedConfigurationNeeded",
    [TCB_REVOKED] = "Revoked",
    [TCB_UNKNOWN] = "Unknown",
};

static const char *const reg_names[REG_COUNT] = {
    [REG_MRTD] = "mrtd",
    [REG_RTMR0] = "rtmr0",
    [REG_RTMR1] = "rtmr1",
    [REG_RTMR2] = "rtmr2",
    [REG_RTMR3] = "rtmr3",
    [REG_MRSEAM] = "mrseam",
    [REG_MRSIGNERSEAM] = "mrsignerseam",
    [REG_SEAMATTRIBUTES] = "seamattributes",
    [REG_TDATTRIBUTES] = "tdattributes",
    [REG_XFAM] = "xfam",
    [REG_MRCONFIGID] = "mrconfigid",
    [REG_MROWNER] = "mrowner",
    [REG_MROWNERCONFIG] = "mrownerconfig",
    [REG_MRSERVICETD] = "mrservicetd",
    [REG_TEE_TCB_SVN] = "tee_tcb_svn",
    [REG_TEE_TCB_SVN2] = "tee_tcb_svn2",
    [REG_MRENCLAVE] = "mrenclave",
    [REG_MRSIGNER] = "mrsigner",
    [REG_ISVPRODID] = "isvprodid",
    [REG_ISVSVN] = "isvsvn",
    [REG_ATTRIBUTES] = "attributes",
    [REG_MISCSELECT] = "miscselect",
    [REG_CPUSVN] = "cpusvn",
    [REG_CONFIGID] = "configid",
    [REG_CONFIGSVN] = "configsvn",
    [REG_ISVEXTPRODID] = "isvextprodid",
    [REG_ISVFAMILYID] = "isvfamilyid",
};

const char *
tcb_status_name(enum tcb_status s)
{
	return tcb_names[s <= TCB_UNKNOWN ? s : TCB_UNKNOWN];
}

enum tcb_status
tcb_status_find(struct span name)
{
	for (unsigned i = 0; i < TCB_UNKNOWN; i++)
		if (span_is(name, tcb_names[i]))
			return (enum tcb_status)i;
	return TCB_UNKNOWN;
}

const char *
quote_reg_name(enum quote_reg r)
{
	return reg_names[r];
}

enum quote_reg
quote_reg_find(struct span name)
{
	for (unsigned i = 0; i < REG_COUNT; i++)
		if (span_is(name, reg_names[i]))
			return (enum quote_reg)i;
	return REG_COUNT;
}
