#!/usr/bin/python3
"""Plays every request of this folder at ee-control's raw proxy listener, at nginx and at HAProxy, in front of one
backend, and says what each let through.
usage: compare.py [--write]; --write puts the tables into docs/strictness.md"""
import contextlib
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import harness  # noqa: E402
from strict import peers, place, table, wire  # noqa: E402

DOC = harness.TOP / "docs" / "strictness.md"
MARKS = "<!-- measured -->\n", "<!-- /measured -->\n"
GROUPS = {"line": "request line", "version": "version", "method": "method", "target": "target", "host": "Host", "field": "fields",
          "length": "Content-Length", "coding": "Transfer-Encoding", "chunk": "chunks", "trailer": "trailers",
          "connection": "Connection", "expect": "Expect", "upgrade": "Upgrade", "pipeline": "pipelining", "cut": "cut short"}


@contextlib.contextmanager
def three(where):
    """The backend, and the ports of ours, nginx and HAProxy in front of it."""
    backend, others = wire.Backend(), []
    with place.world(where) as w:
        ports = {"ours": place.serve(w, {"myapp": backend}).proxy_port}
        try:
            others = [peers.Peer(name, pathlib.Path(where), backend) for name in ("nginx", "haproxy")]
            yield backend, {**ports, **{p.name: p.port for p in others}}
        finally:
            for p in others:
                p.stop()
            backend.stop()


def right(case):
    """How many of its requests are to pass."""
    return case.verdicts.count("accept")


def measure():
    with tempfile.TemporaryDirectory() as where, three(where) as (backend, ports):
        return {c.id: {who: peers.passes(port, backend, c) for who, port in ports.items()} for c in table.requests()}


def by_group(seen):
    yield "| | to be held back | ours | nginx | HAProxy | to pass | ours | nginx | HAProxy |"
    yield "|---|---|---|---|---|---|---|---|---|"
    total = [0] * 8
    for group, title in GROUPS.items():
        row = []
        for held in (True, False):
            cases = [c for c in table.requests() if c.group == group and (
                {"reject", "wait"} & set(c.verdicts) if held else set(c.verdicts) == {"accept"})]
            did = lambda who: sum((seen[c.id][who] <= right(c)) if held else (seen[c.id][who] == right(c)) for c in cases)
            row += [len(cases), *map(did, ("ours", "nginx", "haproxy"))]
        total = [a + b for a, b in zip(total, row)]
        yield f"| {title} | " + " | ".join(map(str, row)) + " |"
    yield "| **all** | " + " | ".join(f"**{n}**" for n in total) + " |"


def let_through(seen):
    yield "| | let through by both | by nginx alone | by HAProxy alone |"
    yield "|---|---|---|---|"
    for group, title in GROUPS.items():
        cells = {True: {True: [], False: []}, False: {True: [], False: []}}
        for c in table.requests():
            if c.group == group and {"reject", "wait"} & set(c.verdicts):
                cells[seen[c.id]["nginx"] > right(c)][seen[c.id]["haproxy"] > right(c)].append(c.id[len(group) + 1:])
        row = cells[True][True], cells[True][False], cells[False][True]
        if any(row):
            yield f"| {title} | " + " | ".join(", ".join(x) for x in row) + " |"


def refused(seen):
    yield "| case | refused by | what it says | and why ours lets it through |"
    yield "|---|---|---|---|"
    for c in table.requests():
        for who in ("nginx", "haproxy"):
            if seen[c.id][who] < seen[c.id]["ours"]:
                says, _, why = c.more["stricter"][who].partition("; ")
                yield f"| {c.id} | {who} | {says} | {why} |"


def report(seen):
    yield f"nginx {peers.version('nginx')}, HAProxy {peers.version('haproxy')}, {len(table.requests())} cases."
    yield ""
    yield from by_group(seen)
    yield ""
    yield "What ours holds back and they do not:"
    yield ""
    yield from let_through(seen)
    yield ""
    yield "What ours lets through and one of them refuses:"
    yield ""
    yield from refused(seen)


def main():
    text = "\n".join(report(measure())) + "\n"
    print(text, end="")
    if "--write" in sys.argv:
        before, rest = DOC.read_text().split(MARKS[0])
        DOC.write_text(before + MARKS[0] + text + MARKS[1] + rest.split(MARKS[1])[1])


if __name__ == "__main__":
    main()
