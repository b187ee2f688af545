"""Bugs that verifiers of such quotes have had, each under its own name, on minted vectors: the honest
neighbour is taken, the bug's case is not, or is for what it is. Header spellings of the collateral
service and `+` in its percent-encoding, two more, stand in src/collateral/collateral_test.c."""
import pytest

from vectors import MINTED, MINTED_ROOT, mint, read_meta, verify

REFUSED, ACCEPTED = "refused", "accepted"

# name: {case: what must come of it, with any status accepted} (a status, a reason, or one of the two above)
BUGS = {
    "qe_identity_never_compared": {"ok-tdx4": "UpToDate", "qe-mrsigner": "qe_identity_mismatch", "qe-prodid": "qe_identity_mismatch",
                                   "qi-forged": "qe_identity_signature", "qe-self-made": "qe_report_signature"},
    "tdx_module_level_not_evaluated": {"status-tdx-UTD-modOOD-qeUTD": "OutOfDate", "tdx-module-svn-low": "tcb_not_supported"},
    "vendor_id_unchecked": {"vendor-id": "quote_kind", "vendor-id-tdx": "quote_kind"},
    "allocation_from_untrusted_length": {"len-auth-huge": REFUSED, "len-cert-huge": REFUSED, "len-outer-huge": REFUSED,
                                         "len-sig-huge": REFUSED},
    "recursion_on_nested_input": {"ti-depth-40": REFUSED, "ti-depth-100000": REFUSED, "ext-nested": "sgx_extension"},
    "panic_without_pck_chain": {"type1-no-chain-sgx3": "no_pck_certificate", "type3-no-chain-tdx4": "no_pck_certificate"},
    "crl_failures_ignored": {"crl-garbage": "crl_malformed", "crl-empty": REFUSED, "crl-wrong-ca": "crl_issuer",
                             "crl-forged": "crl_signature", "crl-expired": "crl_expired", "crl-truncated": "crl_malformed",
                             "rootcrl-garbage": "crl_malformed", "rootcrl-forged": "crl_signature", "rootcrl-expired": "crl_expired"},
    "tdx_components_0_and_1_compared": {"tdxcomp00-skipped": "UpToDate", "tdxcomp01-skipped": "UpToDate", "tdxcomp02-minus1": "OutOfDate",
                                        "tdx-module-0-low": REFUSED},
    "platform_status_dropped_once_the_module_matched": {"status-tdx-OOD-modUTD-qeUTD": "OutOfDate", "status-tdx-CFG-modUTD-qeUTD": "ConfigurationNeeded"},
    "module_id_formatting": {"tdx-module-hex-id": "UpToDate", "tdx-module-hex-id-lower": "UpToDate", "tdx-module-16": "UpToDate",
                             "tdx-module-decimal-id": "tdx_module_mismatch"},
    "pcesvn_comparison_inverted": {"pcesvn-minus1": "OutOfDate", "pcesvn-65535": "UpToDate", "pcesvn-256": "UpToDate",
                                   "pcesvn-below-all": "tcb_not_supported"},
    "revoked_returned_as_success": {"status-sgx-REV-qeUTD": "tcb_revoked", "status-tdx-UTD-modUTD-qeREV": "tcb_revoked",
                                    "status-tdx-UTD-modREV-qeUTD": "tcb_revoked"},
    "relaunch_overwritten_by_qe_convergence": {"relaunch-OOD-UTD": "TDRelaunchAdvised", "relaunch-qe-outofdate": "OutOfDate",
                                               "relaunch-OODC-CFG": "TDRelaunchAdvisedConfigurationNeeded"},
    "crl_not_tied_to_its_issuer": {"crl-wrong-ca": "crl_issuer", "crl-indirect": REFUSED, "crl-signed-by-root": REFUSED, "crl-swapped": REFUSED},
    "pem_and_der_mixed_up": {"crl-pem": ACCEPTED, "crl-hex-upper": ACCEPTED, "crl-base64": ACCEPTED, "rootcrl-pem": ACCEPTED},
    "json_written_anew_before_the_check": {"ti-whitespace-signed": ACCEPTED, "ti-key-order": ACCEPTED, "qi-whitespace-signed": ACCEPTED},
    "absent_components_match": {"ti-no-tdxcomps": "tcb_info_malformed", "ti-15-comps": "tcb_info_malformed"},
    "identity_of_the_other_qe": {"qe-id-qe-for-tdx": "qe_identity_mismatch", "qe-id-tdqe-for-sgx": "qe_identity_mismatch"},
    "absent_issuer_chain_skips_the_signature": {"collateral-no-tcb_info_issuer_chain": "collateral_malformed", "tcb-chain-leaf-missing": "cert_chain",
                                                "qi-chain-root-missing": "cert_chain"},
    "types_of_json_not_checked": {"ti-svn-string": "tcb_info_malformed", "ti-svn-null": "tcb_info_malformed", "ti-svn-array": "tcb_info_malformed",
                                  "qi-prodid-string": "qe_identity_malformed"},
    "integer_traps": {"comps-all-255": "UpToDate", "comps-128": "UpToDate", "ext-comp-256": "sgx_extension", "ext-comp-negative": "sgx_extension",
                      "ti-svn-256": "tcb_info_malformed", "ti-pcesvn-65536": "tcb_info_malformed"},
    "ecdsa_numbers_of_odd_width": {"high-s-twin": ACCEPTED, "sig-low-s": ACCEPTED, "sig-small-r": ACCEPTED, "sig-small-s": ACCEPTED,
                                   "sig-x-above-n": ACCEPTED, "sig-r-plus-n": "quote_signature", "sig-zero-s": "quote_signature"},
    "root_edition_compared_not_its_key": {"chain-root-other-edition": "UpToDate", "tcb-chain-root-edition": "UpToDate"},
    "advisories_do_not_fit": {"ti-adv-40": ACCEPTED},
    "verify_one_member_read_the_other": {"ti-dup-key": "tcb_info_malformed", "ti-dup-fmspc": "tcb_info_malformed", "ti-dup-key-escaped": "tcb_info_malformed",
                                         "collateral-twice": "collateral_malformed"},
    "tcb_info_of_another_platform": {"fmspc-mismatch": "tcb_info_mismatch", "pceid-mismatch": "tcb_info_mismatch"},
    "tcb_info_of_another_tee": {"tcb-id-sgx-for-tdx": "tcb_info_mismatch", "tcb-id-tdx-for-sgx": "tcb_info_mismatch"},
    "levels_not_sorted": {"levels-unsorted": "UpToDate", "levels-unsorted-old": "OutOfDate", "levels-sort-tie-pcesvn": ACCEPTED, "qe-levels-unsorted": ACCEPTED},
    "elements_of_the_certificate_not_counted": {"ext-tcb-17": "sgx_extension", "ext-fmspc-twice": "sgx_extension", "ext-tcb-dup": "sgx_extension"},
    "document_signed_by_another_role": {"tcb-signed-by-pckca": "cert_chain", "tcb-signed-by-leaf": REFUSED, "qi-signed-by-pckca": "cert_chain"},
}


def judge(case, *flags):
    mint()
    folder = MINTED / case
    return verify(folder / "quote.bin", folder / "collateral.json", read_meta(folder)["verification_time"], "--root-ca", MINTED_ROOT, *flags)


@pytest.mark.parametrize("bug", BUGS)
def test_bug(bug):
    for case, want in BUGS[bug].items():
        code, answer = judge(case, "--accept", "any")
        got = answer["status"] if code == 0 else answer["reason"]
        assert want in (got, ACCEPTED if code == 0 else REFUSED), (case, got)


@pytest.mark.parametrize("status", ["OOD", "OODC", "CFG", "SWH", "CSW"])
def test_bug_any_status_counts_as_valid(status):
    """A status is no verdict: only UpToDate is accepted unless the caller says otherwise, and exit codes say so."""
    case = f"status-tdx-{status}-modUTD-qeUTD"
    code, answer = judge(case)
    assert (code, answer["reason"], answer["accepted"], answer["authentic"]) == (5, "tcb_status_rejected", False, True)
    assert judge(case, "--accept", answer["status"])[0] == 0


def test_bug_old_collateral_served_on_purpose():
    """What is within its window may still be old: a floor of the evaluation number refuses it."""
    number = judge("ok-tdx4")[1]["tcb_evaluation_data_number"]
    assert judge("ok-tdx4", "--min-evaluation", str(number))[0] == 0
    code, answer = judge("ok-tdx4", "--min-evaluation", str(number + 1))
    assert (code, answer["reason"]) == (6, "collateral_outdated")
    assert judge("ti-expired")[0] == 4
