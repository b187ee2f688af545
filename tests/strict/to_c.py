#!/usr/bin/python3
"""Writes the tables as a C header, for the unit test that cuts every case at every byte.
usage: to_c.py OUTPUT"""
import sys

import table

VERDICTS = {"accept": "A", "deny": "A", "either": "E", "reject": "R", "wait": "W", "pass": "P", "refuse": "R", "cut": "C"}


def literal(data):
    plain = lambda c: chr(c) if 32 <= c < 127 and chr(c) not in '"\\?' else f"\\{c:03o}"
    return '"' + "".join(map(plain, data)) + '"'


def rows(name, cases):
    yield f"static const struct strict_case {name}[] = {{"
    for c in cases:
        pieces = ", ".join(f"{{{literal(t)}, {len(t)}, {n}}}" for t, n in c.pieces)
        verdict = "P" if c.more.get("parses") else "".join(VERDICTS[v] for v in c.verdicts)
        to_head = "true" if c.more.get("to") == "HEAD" else "false"
        yield f'    {{"{c.id}", "{verdict}", {to_head}, {{{pieces}}}}},'
    yield "};"


def main():
    cases = table.requests() + table.responses()
    out = ["#define STRICT_PIECES %d" % max(len(c.pieces) or 1 for c in cases),
           "struct strict_case {", "\tconst char *id, *verdict;", "\tbool to_head;",
           "\tstruct {", "\t\tconst char *text;", "\t\tsize_t n, times;", "\t} pieces[STRICT_PIECES];", "};"]
    out += list(rows("strict_requests", table.requests())) + list(rows("strict_responses", table.responses()))
    with open(sys.argv[1], "w") as f:
        f.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
