/* One thing wrong at a time, everything else rightly signed: each check must be the one that
 * speaks. */
#include "base/test.h"
#include "dcap/testkit.h"

#define BREAK(fn, statement)                                                                       \
	static void fn(struct kit *k)                                                              \
	{                                                                                          \
		statement;                                                                         \
	}

BREAK(root_stranger, k->root.by = k->stranger)
BREAK(root_other, k->root.key = k->root.by = k->ca.by = k->signer.by = k->root_crl.by = k->stranger)
BREAK(ca_stranger, k->ca.by = k->stranger)
BREAK(ca_no_ca, k->ca.ca = false)
BREAK(ca_no_sign, k->ca.usage = 0x02)
BREAK(ca_no_crl, k->ca.usage = 0x04)
BREAK(leaf_stranger, k->leaf.by = k->stranger)
BREAK(leaf_root, k->leaf.by = k->root_key)
BREAK(leaf_ca, k->leaf.ca = true)
BREAK(leaf_critical, k->leaf.critical = true)
BREAK(leaf_no_aki, k->leaf.skip_extension = 1)
BREAK(leaf_no_bc, k->leaf.skip_extension = 5)
BREAK(leaf_name, k->leaf.subject = "Test Certificate")
BREAK(leaf_issuer, k->leaf.issuer = "Test SGX PCK Processor CA")
BREAK(leaf_expired, k->leaf.to = "260920000000Z")
BREAK(leaf_future, k->leaf.from = "260923000000Z")
BREAK(ca_expired, k->ca.to = "260920000000Z")
BREAK(root_expired, k->root.to = "260920000000Z")
BREAK(leaf_revoked, k->pck_crl.revoked = 3)
BREAK(ca_revoked, k->root_crl.revoked = 2)
BREAK(signer_revoked, k->root_crl.revoked = 4)
BREAK(crl_stranger, k->pck_crl.by = k->stranger)
BREAK(crl_of_root, k->pck_crl.by = k->root_key; k->pck_crl.issuer = k->root.subject)
BREAK(crl_expired, k->pck_crl.to = "260920000000Z")
BREAK(crl_future, k->pck_crl.from = "260923000000Z")
BREAK(crl_critical, k->pck_crl.critical = true)
BREAK(crl_trailing, k->pck_crl.trailing = true)
BREAK(root_crl_stranger, k->root_crl.by = k->stranger)
BREAK(root_crl_expired, k->root_crl.to = "260920000000Z")
BREAK(signer_stranger, k->signer.by = k->stranger)
BREAK(signer_ca, k->signer.ca = true)
BREAK(signer_name, k->signer.subject = "Test SGX Signing")
BREAK(signer_usage, k->signer.usage = 0x40)
BREAK(signer_expired, k->signer.to = "260920000000Z")
BREAK(ext_trailing, k->extension_trailing = true)
BREAK(ext_no_fmspc, k->no_fmspc = true)
BREAK(ext_256, k->component_3 = 256)
BREAK(ext_negative, k->component_3 = -2)
BREAK(qe_stranger, k->qe_by = k->stranger)
BREAK(qe_self_made, k->qe_by = k->ak)
BREAK(qe_unbound, k->qe_data_xor = 1)
BREAK(qe_tail, k->qe_report[383] = 1)
BREAK(qe_mrsigner, k->qe_report[130] ^= 1)
BREAK(qe_prodid, k->qe_report[257] = 1)
BREAK(qe_debug, k->qe_report[48] |= 2)
BREAK(qe_misc, k->qe_report[16] = 1)
BREAK(qe_low, k->qe_report[258] = 1)
BREAK(quote_stranger, k->quote_by = k->stranger)
BREAK(version_6, k->version = 6)
BREAK(cert_type_7, k->cert_type = 7)
BREAK(cert_type_6, k->cert_type = 6)
BREAK(tcb_low, k->components[0] = 4)
BREAK(ti_stranger, k->tcb_info_by = k->stranger)
BREAK(qi_stranger, k->qe_identity_by = k->stranger)
BREAK(module_low, k->body[0] = 1)
BREAK(module_unknown, k->body[1] = 2)
BREAK(module_signer, k->body[64] = 1)
BREAK(module_attributes, k->body[112] = 1)
BREAK(td_debug, k->body[120] = 1)
BREAK(td_perf, k->body[120] = 0x20)
BREAK(td_undefined, k->body[121] = 1)

#define TI(fn, from, to) BREAK(fn, kit_replace(&k->tcb_info, from, to))
#define QI(fn, from, to) BREAK(fn, kit_replace(&k->qe_identity, from, to))

TI(ti_expired, "2026-10-01T", "2026-09-20T")
TI(ti_future, "2026-09-01T", "2026-09-23T")
TI(ti_fmspc, "00806F05", "00806F06")
TI(ti_fmspc_short, "00806F050000", "00806F0500")
TI(ti_pceid, "\"pceId\":\"0000\"", "\"pceId\":\"0001\"")
TI(ti_version, "\"version\":3", "\"version\":1")
TI(ti_version_real, "\"version\":3", "\"version\":3.0")
TI(ti_type, "\"tcbType\":0", "\"tcbType\":1")
TI(ti_date, "2026-10-01T00", "2026-02-30T00")
TI(ti_status, "\"OutOfDate\"", "\"Bogus\"")
TI(ti_svn, "{\"svn\":5}", "{\"svn\":256}")
TI(ti_svn_string, "{\"svn\":5}", "{\"svn\":\"5\"}")
TI(ti_pcesvn, "\"pcesvn\":5", "\"pcesvn\":65536")
TI(ti_fifteen, "[{\"svn\":9},", "[")
TI(ti_repeated, "\"tcbType\":0", "\"tcbType\":0,\"fmspc\":\"00806F050000\"")
TI(ti_repeated_status, "\"tcbStatus\":\"OutOfDate\"",
    "\"tcbStatus\":\"Revoked\",\"tcbStatus\":\"OutOfDate\"")
TI(ti_comment, "\"tcbType\"", "/**/\"tcbType\"")
TI(ti_revoked, "\"tcbStatus\":\"UpToDate\"},{\"tcb\":{\"sgx",
    "\"tcbStatus\":\"Revoked\"},{\"tcb\":{\"sgx")
TI(ti_sgx, "\"id\":\"TDX\"", "\"id\":\"SGX\"")
TI(ti_no_module, "\"tdxModule\":", "\"other\":")
TI(ti_module_revoked,
    "\"isvsvn\":5},\"tcbDate\":\"2025-06-01T00:00:00Z\",\"tcbStatus\":\"UpToDate\"",
    "\"isvsvn\":5},\"tcbDate\":\"2025-06-01T00:00:00Z\",\"tcbStatus\":\"Revoked\"")
TI(ti_module_twice, "\"tdxModuleIdentities\":[",
    "\"tdxModuleIdentities\":[{\"id\":\"tdx_01\",\"mrsigner\":\"\"},")
QI(qi_expired, "2026-10-01T", "2026-09-20T")
QI(qi_kind, "\"id\":\"TD_QE\"", "\"id\":\"QE\"")
QI(qi_status, "\"OutOfDate\"", "\"SWHardeningNeeded\"")
QI(qi_no_levels, "\"tcbLevels\"", "\"tcbLevels\":[],\"was\"")
QI(qi_same, "\"isvsvn\":2", "\"isvsvn\":4")
QI(qi_missing, "\"miscselect\"", "\"other\"")

static const struct refusal {
	void (*break_it)(struct kit *k);
	const char *reason;
	enum eedcap_class kind;
} refusals[] = {
    {root_stranger, "cert_signature", EEDCAP_UNTRUSTED},
    {root_other, "root_untrusted", EEDCAP_UNTRUSTED},
    {ca_stranger, "cert_signature", EEDCAP_UNTRUSTED},
    {ca_no_ca, "cert_chain", EEDCAP_UNTRUSTED},
    {ca_no_sign, "cert_chain", EEDCAP_UNTRUSTED},
    {ca_no_crl, "crl_issuer", EEDCAP_UNTRUSTED},
    {leaf_stranger, "cert_signature", EEDCAP_UNTRUSTED},
    {leaf_root, "cert_signature", EEDCAP_UNTRUSTED},
    {leaf_ca, "cert_chain", EEDCAP_UNTRUSTED},
    {leaf_critical, "cert_malformed", EEDCAP_MALFORMED},
    {leaf_no_aki, "cert_malformed", EEDCAP_MALFORMED},
    {leaf_no_bc, "cert_malformed", EEDCAP_MALFORMED},
    {leaf_name, "cert_chain", EEDCAP_UNTRUSTED},
    {leaf_issuer, "cert_chain", EEDCAP_UNTRUSTED},
    {leaf_expired, "cert_expired", EEDCAP_EXPIRED},
    {leaf_future, "not_yet_valid", EEDCAP_EXPIRED},
    {ca_expired, "cert_expired", EEDCAP_EXPIRED},
    {root_expired, "cert_expired", EEDCAP_EXPIRED},
    {leaf_revoked, "pck_revoked", EEDCAP_UNTRUSTED},
    {ca_revoked, "pck_ca_revoked", EEDCAP_UNTRUSTED},
    {signer_revoked, "tcb_signer_revoked", EEDCAP_UNTRUSTED},
    {crl_stranger, "crl_signature", EEDCAP_UNTRUSTED},
    {crl_of_root, "crl_issuer", EEDCAP_UNTRUSTED},
    {crl_expired, "crl_expired", EEDCAP_EXPIRED},
    {crl_future, "not_yet_valid", EEDCAP_EXPIRED},
    {crl_critical, "crl_malformed", EEDCAP_MALFORMED},
    {crl_trailing, "crl_malformed", EEDCAP_MALFORMED},
    {root_crl_stranger, "crl_signature", EEDCAP_UNTRUSTED},
    {root_crl_expired, "crl_expired", EEDCAP_EXPIRED},
    {signer_stranger, "cert_signature", EEDCAP_UNTRUSTED},
    {signer_ca, "cert_chain", EEDCAP_UNTRUSTED},
    {signer_name, "cert_chain", EEDCAP_UNTRUSTED},
    {signer_usage, "cert_chain", EEDCAP_UNTRUSTED},
    {signer_expired, "cert_expired", EEDCAP_EXPIRED},
    {ext_trailing, "sgx_extension", EEDCAP_MALFORMED},
    {ext_no_fmspc, "sgx_extension", EEDCAP_MALFORMED},
    {ext_256, "sgx_extension", EEDCAP_MALFORMED},
    {ext_negative, "sgx_extension", EEDCAP_MALFORMED},
    {qe_stranger, "qe_report_signature", EEDCAP_UNTRUSTED},
    {qe_self_made, "qe_report_signature", EEDCAP_UNTRUSTED},
    {qe_unbound, "qe_report_data", EEDCAP_UNTRUSTED},
    {qe_tail, "qe_report_data", EEDCAP_UNTRUSTED},
    {qe_mrsigner, "qe_identity_mismatch", EEDCAP_UNTRUSTED},
    {qe_prodid, "qe_identity_mismatch", EEDCAP_UNTRUSTED},
    {qe_debug, "qe_identity_mismatch", EEDCAP_UNTRUSTED},
    {qe_misc, "qe_identity_mismatch", EEDCAP_UNTRUSTED},
    {qe_low, "tcb_not_supported", EEDCAP_TCB},
    {quote_stranger, "quote_signature", EEDCAP_UNTRUSTED},
    {version_6, "quote_version", EEDCAP_MALFORMED},
    {cert_type_7, "quote_kind", EEDCAP_MALFORMED},
    {cert_type_6, "quote_kind", EEDCAP_MALFORMED},
    {tcb_low, "tcb_not_supported", EEDCAP_TCB},
    {ti_stranger, "tcb_info_signature", EEDCAP_UNTRUSTED},
    {qi_stranger, "qe_identity_signature", EEDCAP_UNTRUSTED},
    {module_low, "tcb_not_supported", EEDCAP_TCB},
    {module_unknown, "tdx_module_mismatch", EEDCAP_UNTRUSTED},
    {module_signer, "tdx_module_mismatch", EEDCAP_UNTRUSTED},
    {module_attributes, "tdx_module_mismatch", EEDCAP_UNTRUSTED},
    {td_debug, "debug_td", EEDCAP_POLICY},
    {td_perf, "td_attributes", EEDCAP_POLICY},
    {td_undefined, "td_attributes", EEDCAP_POLICY},
    {ti_expired, "tcb_info_expired", EEDCAP_EXPIRED},
    {ti_future, "not_yet_valid", EEDCAP_EXPIRED},
    {ti_fmspc, "tcb_info_mismatch", EEDCAP_UNTRUSTED},
    {ti_fmspc_short, "tcb_info_malformed", EEDCAP_MALFORMED},
    {ti_pceid, "tcb_info_mismatch", EEDCAP_UNTRUSTED},
    {ti_version, "tcb_info_malformed", EEDCAP_MALFORMED},
    {ti_version_real, "tcb_info_malformed", EEDCAP_MALFORMED},
    {ti_type, "tcb_info_malformed", EEDCAP_MALFORMED},
    {ti_date, "tcb_info_malformed", EEDCAP_MALFORMED},
    {ti_status, "tcb_info_malformed", EEDCAP_MALFORMED},
    {ti_svn, "tcb_info_malformed", EEDCAP_MALFORMED},
    {ti_svn_string, "tcb_info_malformed", EEDCAP_MALFORMED},
    {ti_pcesvn, "tcb_info_malformed", EEDCAP_MALFORMED},
    {ti_fifteen, "tcb_info_malformed", EEDCAP_MALFORMED},
    {ti_repeated, "tcb_info_malformed", EEDCAP_MALFORMED},
    {ti_repeated_status, "tcb_info_malformed", EEDCAP_MALFORMED},
    {ti_comment, "tcb_info_malformed", EEDCAP_MALFORMED},
    {ti_revoked, "tcb_revoked", EEDCAP_TCB},
    {ti_sgx, "tcb_info_malformed", EEDCAP_MALFORMED},
    {ti_no_module, "tcb_info_malformed", EEDCAP_MALFORMED},
    {ti_module_revoked, "tcb_revoked", EEDCAP_TCB},
    {ti_module_twice, "tcb_info_malformed", EEDCAP_MALFORMED},
    {qi_expired, "qe_identity_expired", EEDCAP_EXPIRED},
    {qi_kind, "qe_identity_mismatch", EEDCAP_UNTRUSTED},
    {qi_status, "qe_identity_malformed", EEDCAP_MALFORMED},
    {qi_no_levels, "qe_identity_malformed", EEDCAP_MALFORMED},
    {qi_same, "qe_identity_malformed", EEDCAP_MALFORMED},
    {qi_missing, "qe_identity_malformed", EEDCAP_MALFORMED},
};

static void
test_refuses_each(void **state)
{
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		struct kit k;
		struct kit_result r;

		kit_init(&k, true, 4);
		refusals[i].break_it(&k);
		kit_build(&k);
		r = kit_verify(&k);
		if (strcmp(r.reason, refusals[i].reason) != 0)
			print_error("row %zu\n", i);
		assert_string_equal(r.reason, refusals[i].reason);
		assert_int_equal(r.kind, refusals[i].kind);
		kit_fini(&k);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refuses_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
