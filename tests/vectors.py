"""The recorded quotes and collateral that tests replay: where they lie, how many there are, and how a
recipe changes one. They lie outside the repository (their licences differ); EE_VECTORS says where."""
import json
import os
import pathlib

TOP = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = pathlib.Path(os.environ.get("EE_BUILD", TOP / "build")) / "src" / "programs"
EECTL = PROGRAMS / "eectl"
VECTORS = pathlib.Path(os.environ.get("EE_VECTORS", TOP.parent / "shared" / "vectors"))
ENV = {"LANG": "C.UTF-8", "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99", "ASAN_OPTIONS": "exitcode=99"}
EXPECTED = {"genuine": 117, "mutated": 171, "synthetic": 235, "parse": 14}


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
