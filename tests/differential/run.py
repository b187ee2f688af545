#!/usr/bin/python3
"""Holds eectl verify against another verifier, case by case. They agree where both accept or both refuse,
and TCB status and advisories are the same, though policy may have refused them, or both came to none.
Every disagreement must be explained by one cause of known.toml, every row of which must explain one.
usage: run.py     (./dev differential brings what it needs; EE_VECTORS and EE_BUILD as in the other tests)"""
import collections
import fnmatch
import json
import pathlib
import subprocess
import sys
import tempfile
import tomllib
from typing import NamedTuple

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True
from vectors import EXPECTED, MINTED, MINTED_ROOT, VECTORS, mint, mutate, read_meta, recorded, verify  # noqa: E402

GROUPS = ("genuine", "mutated", "synthetic", "generated")


class Case(NamedTuple):
    name: str
    quote: pathlib.Path
    collateral: pathlib.Path
    at: int
    root: pathlib.Path | None


class Verdict(NamedTuple):
    accepted: bool
    status: str | None  # what the TCB came to, though policy may have refused it
    advisories: frozenset
    reason: str

    def __str__(self):
        if self.accepted:
            return self.status
        return f"refused: {self.reason}" + (f" ({self.status})" if self.status else "")


def folders(group, top, root):
    """A case for each folder of quote.bin, collateral.json and meta.json."""
    return [Case(f"{group}/{d.name}", d / "quote.bin", d / "collateral.json", read_meta(d)["verification_time"], root)
            for d in sorted(top.iterdir()) if d.is_dir()]


def mutated(where):
    for m in recorded("mutated"):
        folder = where / m["id"]
        folder.mkdir()
        mutate(m, folder)
        yield Case(f"mutated/{m['id']}", folder / "q", folder / "c", m["verification_time"], None)


def gather(where):
    """All cases; says what is skipped."""
    cases = []
    if VECTORS.is_dir():
        (where / "mutated").mkdir()
        cases += folders("genuine", VECTORS / "genuine", None)
        cases += mutated(where / "mutated")
        cases += folders("synthetic", VECTORS / "synthetic", VECTORS / "synthetic" / "root_ca.der")
    else:
        print("no vectors: set EE_VECTORS;", ", ".join(f"{EXPECTED[g]} {g}" for g in GROUPS[:3]), "cases skipped")
    mint()
    return cases + folders("generated", MINTED, MINTED_ROOT)


def judge_ours(c):
    root = ["--root-ca", c.root] if c.root else []
    _, a = verify(c.quote, c.collateral, c.at, "--accept", "any", *root)
    return Verdict(a["accepted"], a.get("status"), frozenset(a.get("advisory_ids", ())), a["reason"])


def judge_peer(cases):
    lines = "".join(json.dumps({"quote": str(c.quote), "collateral": str(c.collateral), "at": c.at,
                                "root": c.root and str(c.root)}) + "\n" for c in cases)
    done = subprocess.run(["node", HERE / "peer.mjs", "cases"], input=lines, capture_output=True, text=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode != 0 or len(answers) != len(cases):
        sys.exit(f"peer.mjs answered {len(answers)} of {len(cases)} cases: {done.stderr}")
    return [Verdict(a["ok"], a["status"], frozenset(a["advisories"]), a.get("error", "ok")) for a in answers]


def agree(a, b):
    return a[:3] == b[:3]


def spell(ours, peer):
    """Both verdicts as text; of one status, with the advisories that the peer lacks and adds."""
    lacks = [f" -{i}" for i in sorted(ours.advisories - peer.advisories)]
    adds = [f" +{i}" for i in sorted(peer.advisories - ours.advisories)]
    return str(ours), str(peer) + ("".join(lacks + adds) if ours.status == peer.status else "")


def read_known():
    """The rows of known.toml: (cause, [case, ours, peer]), all three patterns."""
    causes = tomllib.loads((HERE / "known.toml").read_text())["cause"]
    for c in causes:
        if sorted(c) != ["cases", "name", "ours", "peer", "why"] or not c["cases"]:
            sys.exit(f"known.toml: {c.get('name')}: members {', '.join(c)}, some are missing or empty")
    return [(c["name"], row) for c in causes for row in c["cases"]]


def explains(row, *texts):
    return all(fnmatch.fnmatchcase(t, pattern) for t, pattern in zip(texts, row, strict=True))


def main():
    with tempfile.TemporaryDirectory(prefix="differential-") as where:
        cases = gather(pathlib.Path(where))
        peer = judge_peer(cases)
        ours = [judge_ours(c) for c in cases]
    known = read_known()
    used, counts, unexplained, agreed = set(), collections.Counter(), 0, 0
    for c, a, b in zip(cases, ours, peer):
        if agree(a, b):
            agreed += 1
            continue
        texts = spell(a, b)
        rows = [i for i, (_, row) in enumerate(known) if explains(row, c.name, *texts)]
        used.update(rows)
        causes = {known[i][0] for i in rows}
        if len(causes) == 1:
            counts.update(causes)
        else:
            unexplained += 1
            print(f"UNEXPLAINED {c.name}: ours {texts[0]}, peer {texts[1]}" + (f"; causes {causes}" if causes else ""))

    ran = {c.name.split("/")[0] for c in cases}
    for group in (g for g in GROUPS if g in ran):
        of = [(a, b) for c, a, b in zip(cases, ours, peer) if c.name.startswith(group + "/")]
        same = [a.accepted for a, b in of if agree(a, b)]
        print(f"{group:<10}{len(of):>4} cases: both accept {same.count(True)}, both refuse {same.count(False)}, "
              f"disagree {len(of) - len(same)}")
    print()
    for cause in dict.fromkeys(name for name, _ in known if counts[name]):
        print(f"{counts[cause]:>4}  {cause}")
    stale = [(cause, row) for i, (cause, row) in enumerate(known) if i not in used and row[0].split("/")[0] in ran]
    for cause, row in stale:
        print(f"EXPLAINS NOTHING {cause}: {', '.join(row)}")
    print(f"{len(cases)} cases, {agreed} agree, {sum(counts.values())} known disagreements, {unexplained} unexplained")
    sys.exit(1 if unexplained or stale or not cases else 0)


main()
