"""Two readers of HTTP/1.1, src/wire and tests/strict/grammar.py, over the cases of tests/strict and over thousands of
changed ones: each must say the same of all. What one of them misreads, a neighbour may, too."""
import random

import pytest

from strict import grammar, table, wire

CHANGES = 60
SPECIAL = [bytes([c]) for c in b"\0\t\n\x0b\x0c\r\x1b !\"#%&'()*+,-./0159:;<=>?@AZ[\\]^_`az{|}~\x7f\x80\xa0\xff"]
PARTS = [b"\r\n", b"\r\n\r\n", b" ", b"\t", b"\r\n ", b"Host: a\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n",
         b"HTTP/1.1", b"HTTP/1.0", b"0\r\n\r\n", b"5\r\nhello\r\n", b"Connection: close\r\n", b"%2e%2e/", b"../", b"[::1]", b"GET / ",
         b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"]


@pytest.fixture(scope="module")
def reader():
    r = wire.Reader()
    yield r
    r.stop()


def change(rng, data):
    """Bytes with one or a few things changed."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        i, j = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        j = min(j, i + rng.choice((1, 1, 2, 8, 40)))
        new = rng.choice((b"", rng.choice(SPECIAL), rng.choice(SPECIAL), rng.choice(PARTS), data[i:j] * 2))
        data = data[:i] + new + data[j if rng.random() < 0.6 else i:]
        if rng.random() < 0.1:
            lines = data.split(b"\r\n")
            rng.shuffle(lines)
            data = b"\r\n".join(lines)
    return data


def changed(case):
    if len(case.raw) < 100000:
        yield case.raw
    if len(case.raw) < 2000:
        rng = random.Random(case.id)
        for _ in range(CHANGES):
            yield change(rng, case.raw)


def read_answers(data, to):
    """As grammar.read_requests, of what a server answered to one request and then closed."""
    out, at = [], 0
    try:
        while True:
            m, at = grammar.read_response(data, at, to)
            out.append(m)
            if m.status >= 200 or m.status == 101:
                return out, "more" if m.cut else "end"
            if at == len(data):
                return out, "end"
    except grammar.More:
        return out, "more"
    except grammar.Bad as e:
        return out, "bad" if e.head else "bad body"


def check(ours, our_end, theirs, end, data):
    # Ours refuses a bad byte when it sees it, the other one when the line is whole.
    assert our_end == end or (our_end, end) == ("bad", "more"), (data, our_end, end)
    assert len(ours) == len(theirs) and all(map(wire.alike, ours, theirs)), (data, ours, theirs)


@pytest.mark.parametrize("group", sorted({c.group for c in table.requests()}))
def test_requests(reader, group):
    for case in (c for c in table.requests() if c.group == group):
        for data in changed(case):
            ours, our_end, _ = reader.read("Q", data)
            theirs, end, _ = grammar.read_requests(data)
            check(ours, our_end, theirs, end if data else "more", data)


@pytest.mark.parametrize("group", sorted({c.group for c in table.responses()}))
def test_responses(reader, group):
    for case in (c for c in table.responses() if c.group == group):
        for data in changed(case):
            for kind, to in (("R", b"GET"), ("H", b"HEAD")):
                ours, our_end, _ = reader.read(kind, data)
                theirs, end = read_answers(data, to)
                if end in ("bad body", "more") and ours and ours[-1].cut:
                    ours, theirs = [m for m in ours if not m.cut], [m for m in theirs if not m.cut]
                    our_end = end if our_end in ("bad", "more") else our_end
                check(ours, our_end, theirs, end if data else "more", data)
