"""eectl verify and eectl quote against quotes and collateral of two sources: those that ee-sim mints
here and now, and recorded ones (vectors.py). Where the latter are absent each of them counts as skipped."""
import base64
import json
import random
import subprocess

import pytest

from vectors import EECTL, ENV, EXPECTED, MINTED, MINTED_ROOT, VECTORS, mint, mutate, read_meta, recorded, verify


def cases(kind):
    """The cases of a kind; as many skipped ones where the vectors are absent."""
    if not VECTORS.is_dir():
        skip = pytest.mark.skip(reason="no vectors: set EE_VECTORS")
        return [pytest.param(None, id=f"{kind}-{i}", marks=skip) for i in range(EXPECTED[kind])]
    return [pytest.param(c, id=c["id"] if kind == "mutated" else c.name) for c in recorded(kind)]


@pytest.mark.parametrize("folder", [pytest.param(d, id=d.name) for d in mint()])
def test_minted(folder):
    meta = read_meta(folder)
    want = meta["recommended"]
    run = folder / "quote.bin", folder / "collateral.json", meta["verification_time"], "--root-ca", MINTED_ROOT
    code, answer = verify(*run, "--accept", "any", "--allow-debug")
    assert (code in want["exit_codes"], answer["reason"]) == (True, want["reason"]), (meta["description"], answer)
    if want["verdict"] == "reject":
        return
    # What only a policy refuses is authentic, and its TCB known.
    assert answer["authentic"] and answer["status"] == want["status"]
    assert answer["advisory_ids"] == want["advisory_ids_sorted_unique"]
    assert want["tcb_date"] in (None, answer["tcb_date"])
    if want["needs_policy_opt_in"] == "debug":
        refused, answer = verify(*run, "--accept", "any")
        assert refused == 6 and answer["authentic"]
        assert answer["reason"] == ("debug_td" if meta["kind"]["tee"] == "tdx" else "debug_enclave")
    if code == 0:
        default, _ = verify(*run, "--allow-debug")
        assert default == (0 if want["status"] == "UpToDate" else 5)


@pytest.mark.parametrize("folder", cases("genuine"))
def test_genuine(folder):
    meta = read_meta(folder)
    want, window = meta["expected"], meta["valid_window"]
    files = folder / "quote.bin", folder / "collateral.json"
    debug = ["--allow-debug"] if want["debug"] else []
    code, answer = verify(*files, meta["verification_time"], "--accept", "any", *debug)
    if want["status"] is None or want.get("error"):
        assert code in (3, 5)
        return
    assert code == 0, answer
    assert answer["status"] == want["status"]
    assert answer["advisory_ids"] == want["advisory_ids_sorted_unique"]
    assert answer["tcb_date"] == want["tcb_date"]
    assert answer["platform_status"] == want["platform_status"]
    assert answer["qe_status"] == want["qe_status"]
    assert answer["module_status"] == want["tdx_module_status"]
    default, _ = verify(*files, meta["verification_time"], *debug)
    assert default == (0 if want["status"] == "UpToDate" else 5)
    if want["debug"]:
        assert verify(*files, meta["verification_time"], "--accept", "any")[0] == 6
    for at, edge in ((window["from_"], 0), (window["until"], 0), (window["from_"] - 1, 4), (window["until"] + 1, 4)):
        assert verify(*files, at, "--accept", "any", *debug)[0] == edge, at


@pytest.mark.parametrize("folder", cases("synthetic"))
def test_synthetic(folder):
    meta = read_meta(folder)
    want = meta["recommended"]
    code, answer = verify(folder / "quote.bin", folder / "collateral.json", meta["verification_time"],
                          "--root-ca", VECTORS / "synthetic" / "root_ca.der", "--accept", "any", "--allow-debug")
    if want["verdict"] == "either" or want["needs_policy_opt_in"] not in (None, "debug"):
        return
    assert (code == 0) == (want["verdict"] == "accept"), answer
    if code == 0 and want["status"]:
        assert answer["status"] == want["status"]
    if code == 0 and want["advisory_ids_sorted_unique"] is not None:
        assert answer["advisory_ids"] == want["advisory_ids_sorted_unique"]


@pytest.mark.parametrize("case", cases("mutated"))
def test_mutated(case, tmp_path):
    mutate(case, tmp_path)
    code, answer = verify(tmp_path / "q", tmp_path / "c", case["verification_time"], "--accept", "any", "--allow-debug")
    if case["recommended"] != "either":
        assert (code == 0) == (case["recommended"] == "accept"), (case["description"], answer)


@pytest.mark.parametrize("folder", cases("parse"))
def test_parse(folder):
    want = json.loads((folder / "expected.json").read_text())
    done = subprocess.run([EECTL, "quote", "-o", "json", folder / "quote.bin"], env=ENV, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == (0 if want["parse_ok"] else 2), done.stderr
    if not want["parse_ok"]:
        return
    shown, fields = json.loads(done.stdout), want["fields"]
    assert shown["quote_version"] == fields["version"]
    assert shown["body_type"] == fields["body_type"]
    assert shown["trailing_bytes"] == fields["trailing_bytes"]
    assert shown["qe_vendor_id"] == fields["qe_vendor_id"]
    assert shown["user_data"] == fields["user_data"]
    for value in fields["report"].values():
        if isinstance(value, str) and len(value) >= 64 and value.strip("0"):
            assert value.lower() in done.stdout


def test_spellings_of_a_quote(tmp_path):
    """Binary, hex and base64 of one quote give one answer."""
    raw = (MINTED / "ok-tdx4" / "quote.bin").read_bytes()
    answers = set()
    for text in (raw, raw.hex().encode() + b"\n", raw.hex().upper().encode(), base64.encodebytes(raw)):
        (tmp_path / "q").write_bytes(text)
        answers.add(subprocess.run([EECTL, "quote", tmp_path / "q"], env=ENV, capture_output=True, check=True).stdout)
    assert len(answers) == 1


def flip_bits(folder, tmp_path, *flags):
    """A flipped bit is refused, or lies where nothing is read (white space and text of the PEM
    chain, padding) and changes nothing."""
    at = read_meta(folder)["verification_time"]
    raw = (folder / "quote.bin").read_bytes()
    flags = "--accept", "any", "--allow-debug", *flags
    code, honest = verify(folder / "quote.bin", folder / "collateral.json", at, *flags)
    assert code == 0
    honest.pop("trailing_bytes")
    chance = random.Random(1)
    for offset in [*range(0, 48, 7), *chance.sample(range(len(raw)), 120)]:
        quote = bytearray(raw)
        quote[offset] ^= 1 << chance.randrange(8)
        (tmp_path / "q").write_bytes(quote)
        code, answer = verify(tmp_path / "q", folder / "collateral.json", at, *flags)
        if code == 0:
            answer.pop("trailing_bytes")
            assert answer == honest, offset
            assert offset > 1000, "a signed byte was flipped"


@pytest.mark.parametrize("kind", ["sgx3", "tdx4", "tdx5"])
def test_no_flipped_bit_changes_a_verdict(kind, tmp_path):
    if not VECTORS.is_dir():
        pytest.skip("no vectors: set EE_VECTORS")
    flip_bits(next(d for d in sorted((VECTORS / "genuine").iterdir())
                   if d.name.startswith(kind) and "-UpToDate-" in d.name), tmp_path)


@pytest.mark.parametrize("name", ["ok-sgx3", "ok-sgx5", "ok-tdx4", "ok-tdx5td15ex"])
def test_no_flipped_bit_of_a_minted_quote_changes_a_verdict(name, tmp_path):
    flip_bits(MINTED / name, tmp_path, "--root-ca", MINTED_ROOT)


def test_usage():
    for args in ([], ["--quote", "x"], ["--quote", "x", "--collateral", "/nonexistent"], ["--bogus"],
                 ["--quote", "x", "--collateral", "y", "--at", "soon"],
                 ["--quote", "x", "--collateral", "y", "--accept", "Revoked"]):
        done = subprocess.run([EECTL, "verify", *args], env=ENV, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and done.stderr and not done.stdout
    done = subprocess.run([EECTL, "verify", "--help"], env=ENV, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and all(len(line) <= 80 for line in done.stdout.splitlines())
