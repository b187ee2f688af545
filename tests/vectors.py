"""The quotes and collateral that tests verify. Recorded ones: where they lie, how many there are, and how
a recipe changes one; they are outside the repository (their licences differ), EE_VECTORS says where. And
those that ee-sim mints."""
import atexit
import functools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = pathlib.Path(os.environ.get("EE_BUILD", TOP / "build")) / "src" / "programs"
EECTL = PROGRAMS / "eectl"
VECTORS = pathlib.Path(os.environ.get("EE_VECTORS", TOP.parent / "shared" / "vectors"))
ENV = {"LANG": "C.UTF-8", "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99", "ASAN_OPTIONS": "exitcode=99"}
EXPECTED = {"genuine": 117, "mutated": 171, "synthetic": 235, "parse": 14}


MINTED = pathlib.Path(tempfile.mkdtemp(prefix="ee-vectors-"))
MINTED_ROOT = MINTED / "root_ca.der"
REFUSALS = (2, 3, 4, 5, 6)
atexit.register(shutil.rmtree, MINTED, ignore_errors=True)


@functools.cache
def mint():
    """The folders of the minted cases."""
    subprocess.run([PROGRAMS / "ee-sim", "vectors", MINTED], env=ENV, stdout=subprocess.DEVNULL, check=True, timeout=120)
    folders = sorted(d for d in MINTED.iterdir() if d.is_dir())
    assert len(folders) > 950
    return folders


def verify(quote, collateral, at, *flags):
    """Run eectl verify; give its exit code and its answer, which must agree with one another."""
    done = subprocess.run(
        [EECTL, "verify", "--quote", quote, "--collateral", collateral, "--at", str(at), "--json", *flags],
        env=ENV, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, *REFUSALS), done.stderr
    answer = json.loads(done.stdout)
    assert answer["accepted"] == (done.returncode == 0)
    assert (answer["reason"] == "ok") == answer["accepted"]
    if not answer["authentic"]:
        assert not answer.get("registers") and not answer.get("status"), "an unproven claim is shown"
    return done.returncode, answer


def recorded(kind):
    """The folders of a kind, in order; for mutated, the recipes."""
    if kind == "mutated":
        return json.loads((VECTORS / "mutated" / "mutations.json").read_text())["cases"]
    return [d for d in sorted((VECTORS / kind).iterdir()) if d.is_dir()]


def read_meta(folder):
    return json.loads((folder / "meta.json").read_text())


def mutate(case, folder):
    """Carry out a recipe; the changed quote and collateral go into folder as q and c."""
    base = VECTORS / "genuine" / case["base"]
    quote = bytearray((base / "quote.bin").read_bytes())
    collateral = json.loads((base / "collateral.json").read_text())
    for op in case["ops"]:
        where, what = op["target"], op["op"]
        if where == "quote" and what == "xor":
            quote[op["offset"]] ^= op["value"]
        elif where == "quote" and what == "set":
            new = bytes.fromhex(op["hex"])
            quote[op["offset"]:op["offset"] + len(new)] = new
        elif where == "quote" and what == "append":
            quote.extend(bytes.fromhex(op["hex"]))
        elif where == "quote" and what == "truncate":
            del quote[op["len"]:]
        elif what == "set":
            collateral[op["field"]] = op["value"]
        else:
            assert what == "xorhex", op
            part = bytearray.fromhex(collateral[op["field"]])
            part[op["offset"]] ^= op["value"]
            collateral[op["field"]] = part.hex()
    (folder / "q").write_bytes(quote)
    (folder / "c").write_text(json.dumps(collateral))
