"""eectl's own promises, on minted quotes: expectations, policies, reports, exit codes."""
import json
import socket
import subprocess

import pytest

from vectors import EECTL, ENV, MINTED, MINTED_ROOT, mint, read_meta, verify


def run(case, *flags, at=None):
    """One minted quote; (exit code, what was printed, what was complained)."""
    mint()
    folder = MINTED / case
    done = subprocess.run(
        [EECTL, "verify", "--quote", folder / "quote.bin", "--collateral", folder / "collateral.json",
         "--at", str(at or read_meta(folder)["verification_time"]), "--root-ca", MINTED_ROOT, *flags],
        env=ENV, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def answer(case, *flags, at=None):
    mint()
    folder = MINTED / case
    return verify(folder / "quote.bin", folder / "collateral.json", at or read_meta(folder)["verification_time"],
                  "--root-ca", MINTED_ROOT, *flags)


# -- expectations --

def test_expectations_are_compared():
    _, honest = answer("ok-tdx4")
    registers = {**honest["registers"], "report_data": honest["report_data"]}
    assert "mrtd" in honest["not_compared"] and "report_data" in honest["not_compared"]
    all_of_them = [f"{name}={value}" for name, value in registers.items()]
    code, got = answer("ok-tdx4", "--expect", *all_of_them)
    assert code == 0 and got["not_compared"] == [] and got["expectations_checked"] == len(registers)
    for name, value in registers.items():
        wrong = f"{'1' if value[0] == '0' else '0'}{value[1:]}"
        code, got = answer("ok-tdx4", "--expect", f"{name}={wrong}")
        assert code == 6 and got["reason"] == "measurement_mismatch" and name in got["detail"]
        assert answer("ok-tdx4", "--expect", f"{name}={value.upper()}")[0] == 0
        assert run("ok-tdx4", "--expect", f"{name}={value}00")[0] in (1, 6)  # longer than any register, or than this one
        assert answer("ok-tdx4", "--expect", f"{name}={value[:-2]}")[0] != 0


def test_an_expectation_that_this_quote_cannot_meet():
    code, got = answer("ok-tdx4", "--expect", "mrenclave=" + "00" * 32)
    assert code == 6 and got["detail"] == "mrenclave is not in this quote"


@pytest.mark.parametrize("flags", [["--expect", "mrtd"], ["--expect", "=00"], ["--expect", "mrtd="], ["--expect", "mrtd=0"],
                                   ["--expect", "mrtd=zz"], ["--expect", "mrtd=" + "00" * 65], ["--expect"],
                                   ["--min-evaluation", "-1"], ["--min-evaluation", "4294967296"], ["--min-tcb-date", "yesterday"],
                                   ["--at", "2026-02-30T00:00:00Z"], ["--accept", ""], ["--accept", "UpToDate,Nonsense"], ["--nonsense"]])
def test_wrong_calls(flags):
    code, out, complaint = run("ok-tdx4", *flags)
    assert code == 1 and not out and complaint


def test_what_was_not_compared_is_said():
    _, out, _ = run("ok-tdx4")
    assert "Not compared with anything (--expect): tee_tcb_svn mrseam" in out
    register = answer("ok-tdx4")[1]["registers"]["mrseam"]
    _, out, _ = run("ok-tdx4", "--expect", f"mrseam={register}")
    assert "Not compared with anything (--expect): tee_tcb_svn mrsignerseam" in out and "as expected" in out


def test_nothing_is_called_expected_that_was_not_found_so():
    register = answer("ok-tdx4")[1]["registers"]["mrseam"]
    wrong = ("1" if register[0] == "0" else "0") + register[1:]
    for flags in (["--explain"], []):
        code, out, _ = run("ok-tdx4", *flags, "--expect", f"mrseam={wrong}", f"mrtd={register}")
        assert code == 6 and "  as expected" not in out and out.count("  differs from what was expected") == 1
    # Refused before anything was compared.
    code, got = answer("status-tdx-OOD-modUTD-qeUTD", "--expect", f"mrseam={register}")
    assert code == 5 and "mrseam" in got["not_compared"] and got["expectations_checked"] == 0
    _, out, _ = run("status-tdx-OOD-modUTD-qeUTD", "--expect", f"mrseam={register}")
    assert "  as expected" not in out and "Not compared with anything (--expect): tee_tcb_svn mrseam" in out


# -- policies --

@pytest.mark.parametrize("case,flags,code,reason", [
    ("trailing-70", [], 0, "ok"), ("trailing-70", ["--deny-trailing"], 6, "trailing_bytes"),
    ("debug-td", [], 6, "debug_td"), ("debug-td", ["--allow-debug"], 0, "ok"),
    ("debug-sgx", [], 6, "debug_enclave"), ("debug-sgx", ["--allow-debug"], 0, "ok"),
    ("td-migratable", [], 0, "ok"), ("td-migratable", ["--deny-migratable"], 6, "td_attributes"),
    ("td-servicetd", [], 0, "ok"), ("td-servicetd", ["--deny-service-td"], 6, "td_attributes"),
    ("td-no-septve", [], 0, "ok"), ("td-no-septve", ["--require-sept-ve-disable"], 6, "td_attributes"),
    ("td-reserved-sec", [], 6, "td_attributes"), ("td-reserved-sec", ["--allow-attributes"], 0, "ok"),
    ("ok-tdx4", ["--min-tcb-date", "1"], 0, "ok"), ("ok-tdx4", ["--min-tcb-date", "2100-01-01T00:00:00Z"], 5, "tcb_date_rejected"),
    ("ok-tdx4", ["--at", "2027-01-15T08:00:00Z"], 0, "ok"),
])
def test_policy(case, flags, code, reason):
    got = answer(case, *flags)
    assert (got[0], got[1]["reason"]) == (code, reason)
    if code == 6:
        assert got[1]["authentic"]


@pytest.mark.parametrize("case,reason", [("ti-expired", "tcb_info_expired"), ("qi-future", "not_yet_valid"), ("crl-expired", "crl_expired"),
                                         ("leaf-expired", "cert_expired"), ("tcb-signer-expired", "cert_expired")])
def test_expired_is_judged_where_it_is_allowed(case, reason):
    code, got = answer(case)
    assert (code, got["reason"], got["authentic"]) == (4, reason, False)
    code, got = answer(case, "--allow-expired")
    assert (code, got["authentic"], got["in_time"], got["status"]) == (0, True, False, "UpToDate")
    assert "tolerated" in {c["result"] for c in got["checks"]} and got["warnings"]
    # It tolerates dates, and nothing else.
    assert answer("sig-flipped", "--allow-expired")[0] == 3
    assert answer("revoked-pck", "--allow-expired")[0] == 3


# -- reports --

def test_every_check_is_listed():
    _, got = answer("ok-tdx5td15")
    names = [c["name"] for c in got["checks"]]
    assert len(names) == len(set(names)) > 40
    assert {c["result"] for c in got["checks"]} <= {"passed", "tolerated", "not applicable"}
    assert all(c["on"] and c["what"] and c["source"] for c in got["checks"])
    code, text, _ = run("ok-tdx5td15", "--explain")
    assert code == 0 and all(f"[{name}]" in text for name in names)


@pytest.mark.parametrize("case,failed", [
    ("sig-flipped", "quote_signature"), ("qe-rd-wrong", "qe_report_data"), ("qe-self-made", "qe_report_signature"),
    ("leaf-signed-by-evil", "pck_signature"), ("revoked-pck", "pck_revocation"), ("crl-other-key", "pck_crl_signature"),
    ("fmspc-mismatch", "tcb_info_match"), ("qe-mrsigner", "qe_identity_match"), ("tdx-mrsignerseam", "tdx_module_match"),
    ("leaf-expired", "pck_time"), ("comps-below-all", "tcb_platform"), ("status-sgx-REV-qeUTD", "tcb_not_revoked"),
    ("tdx-module-svn-low", "tcb_module"), ("qe-svn-low", "tcb_qe"), ("relaunch-current-too-low", "tcb_current"),
    ("version-6", "quote_format"), ("chain-no-ca", "pck_chain")])
def test_the_check_that_failed_is_named(case, failed):
    _, got = answer(case, "--accept", "any")
    results = {c["name"]: c["result"] for c in got.get("checks", [])}
    if not results:  # the collateral's fault: there was no verification
        assert case == "crl-other-key" and got["reason"] == "crl_signature"
        return
    assert [n for n, r in results.items() if r == "failed"] == [failed]
    _, text, _ = run(case, "--accept", "any", "--explain")
    assert "REFUSED" in text and "What to do:" in text and "FAILED" in text


def test_collateral_that_is_refused_is_explained():
    code, text, _ = run("ti-forged", "--explain")
    assert code == 3 and "The collateral was refused, so the quote was not looked at." in text and "What to do:" in text


def test_levels_by_part():
    _, got = answer("relaunch-OOD-UTD", "--accept", "any")
    levels = got["levels"]
    assert levels["platform"]["status"] == "OutOfDate" and levels["current_platform"]["status"] == "UpToDate"
    assert levels["qe"]["status"] == "UpToDate" and got["current_status"] == "UpToDate"
    assert set(got["advisory_ids"]) == {a for part in ("platform", "qe", "module") for a in (levels[part] or {"advisory_ids": []})["advisory_ids"]}


def test_ppid_is_shown_on_request_alone():
    assert "ppid" not in answer("ok-tdx4")[1]
    assert len(answer("ok-tdx4", "--show-ppid")[1]["ppid"]) == 32
    assert "PPID" not in run("ok-tdx4", "--explain")[1]
    assert "PPID" in run("ok-tdx4", "--explain", "--show-ppid")[1]


# -- quotes --

@pytest.mark.parametrize("case", ["ok-sgx3", "ok-sgx4", "ok-tdx4", "ok-tdx5td15ex"])
def test_every_field_of_a_quote(case):
    mint()
    shown = {}
    for flags in ([], ["-o", "json"]):
        done = subprocess.run([EECTL, "quote", *flags, MINTED / case / "quote.bin"], env=ENV, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0
        shown[bool(flags)] = done.stdout
    fields = json.loads(shown[True])
    assert not fields["verified"] and len(fields["certificates"]) == 3 and fields["platform"]["fmspc"]
    for name, value in {**fields["registers"], **{k: v for k, v in fields.items() if isinstance(v, str) and k.startswith(("qe_", "header"))}}.items():
        assert name in shown[False] and (len(value) > 128 or value in shown[False]), name
    for c in fields["certificates"]:
        assert c["subject"] in shown[False] and c["serial"] in shown[False]


def test_manual_and_help():
    for args in (["--man"], ["--help"], ["verify", "--help"], ["quote", "--help"], ["explain", "--help"], ["--version"]):
        done = subprocess.run([EECTL, *args], env=ENV, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and done.stdout and not done.stderr
    for args in ([], ["nonsense"], ["quote"], ["quote", "-x"], ["quote", "/nonexistent"], ["explain"], ["explain", "nonsense"]):
        done = subprocess.run([EECTL, *args], env=ENV, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and done.stderr and not done.stdout


@pytest.mark.parametrize("size", [65537, 262144, 262145, 3000000])
@pytest.mark.parametrize("fill", [b"\0", b"A", b"00"])
def test_a_quote_that_is_too_big_is_malformed_whatever_its_size(tmp_path, size, fill):
    mint()
    quote, collateral = tmp_path / "quote", MINTED / "ok-tdx4" / "collateral.json"
    quote.write_bytes((fill * size)[:size])
    for command in (["quote", quote], ["verify", "--quote", quote, "--collateral", collateral, "--root-ca", MINTED_ROOT]):
        p = subprocess.run([EECTL, *command], capture_output=True, text=True, timeout=60)
        assert p.returncode == 2 and p.stderr.count("\n") <= 2, p


def test_collateral_that_is_too_big_is_malformed(tmp_path):
    big = tmp_path / "collateral"
    big.write_bytes(b" " * 9000000)
    mint()
    p = subprocess.run([EECTL, "verify", "--quote", MINTED / "ok-tdx4" / "quote.bin", "--collateral", big],
                       capture_output=True, text=True, timeout=60)
    assert p.returncode == 2 and "collateral_malformed" in p.stdout + p.stderr


# -- backup --

def backup(url, out, **env):
    done = subprocess.run([EECTL, "backup", url, out], env={**ENV, **env}, capture_output=True, text=True, timeout=60)
    assert not done.stdout and not out.exists() and not out.with_name(out.name + ".part").exists()
    return done.returncode, done.stderr


def test_a_token_goes_to_an_origin_that_was_spelled_out(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        at = f"127.0.0.1:{listener.getsockname()[1]}"
        for url in (at, f"{at}/", f"//{at}", f"ftp://{at}", f"ws://{at}", f"http:{at}", f"http://{at}?x", f"http://{at}/?x", f"http://{at}#x",
                    f"http://{at}/v1", f"http://{at}/v1/backup", f"http://u:p@{at}", f"http://{at} ", f"http://{at}\\x", "http://", "http://:1",
                    f"http://{at}/" + "x" * 3000, "https://" + "h" * 3000, ""):
            code, said = backup(url, tmp_path / "o.db", EE_ADMIN_TOKEN="t0ken")
            assert code == 1 and said.startswith("eectl backup: URL ") and said.count("\n") == 1, (url, said)
        with pytest.raises(TimeoutError):
            listener.accept()
    for url in (f"http://{at}", f"http://{at}/", f"HTTP://{at}"):  # nobody listens any more
        code, said = backup(url, tmp_path / "o.db")
        assert code == 2 and f"http://{at}/v1/backup: " in said, (url, said)


@pytest.mark.parametrize("text,complaint", [("", "is empty"), ("\n", "is empty"), ("\r\nt0ken\n", "is empty"),
                                            ("t" * 1025, "is longer than 1024 bytes"), ("t" * 1025 + "\n", "is longer than 1024 bytes"),
                                            ("t" * 5000, "is longer than 1024 bytes"), ("t" * 1024, None), ("t" * 1024 + "\r\n", None)], ids=range(8))
def test_a_token_is_whole_or_refused(tmp_path, text, complaint):
    token = tmp_path / "token"
    token.write_bytes(text.encode())
    code, said = backup("http://127.0.0.1:1", tmp_path / "o.db", EE_ADMIN_TOKEN_FILE=str(token))
    assert (code, said) == (1, f"eectl backup: {token}: {complaint}\n") if complaint else code == 2, said
    if "\n" not in text and text:
        code, said = backup("http://127.0.0.1:1", tmp_path / "o.db", EE_ADMIN_TOKEN=text)
        assert (code, said) == (1, f"eectl backup: EE_ADMIN_TOKEN: {complaint}\n") if complaint else code == 2, said


def test_a_token_file_that_cannot_be_read(tmp_path):
    for path, why in ((tmp_path / "none", "No such file or directory"), (tmp_path, "Is a directory")):
        assert backup("http://127.0.0.1:1", tmp_path / "o.db", EE_ADMIN_TOKEN_FILE=str(path)) == (1, f"eectl backup: {path}: {why}\n")
