"""Every request of tests/strict at every door: the API's listener, the raw proxy's, and ee-proxy's. What must be
refused is, with the connection, and nothing of it reaches the backend; what must pass reaches it once, as one
request that two readers read alike; and whatever came before, the next visitor gets his own answer."""
import itertools
import socket
import struct
import time

import pytest

from strict import grammar, place, table, wire

DOORS = ("api", "front", "ee-proxy")
PARSE_STATUS = (400, 408, 414, 417, 431, 501, 505)
HOP = {b"connection", b"proxy-connection", b"keep-alive", b"te", b"transfer-encoding", b"trailer", b"upgrade",
       b"proxy-authenticate", b"proxy-authorization", b"proxy-authentication-info", b"http2-settings"}
OURS = {b"host", b"content-length", b"expect", b"x-request-id", b"via", b"forwarded", b"x-real-ip", b"traceparent", b"tracestate"}
EVIL = b"GET /evil HTTP/1.1\r\nHost: myapp.x\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
numbers = itertools.count()


class Place:
    """Control plane, agent, ee-proxy, and the backend behind them."""

    def __init__(self, w):
        self.backend, self.reader = wire.Backend(), wire.Reader()
        self.control = place.serve(w, {"myapp": self.backend})
        self.doors = {"api": self.control.port, "front": self.control.proxy_port, "ee-proxy": place.proxy(w, self.control)}

    def visitor(self, door):
        return wire.Visitor(self.doors[door])

    def canary(self, door, v):
        """A fresh request on this connection gets its own answer."""
        line = b"GET /health HTTP/1.1" if door == "api" else b"GET /canary-%d HTTP/1.1" % next(numbers)
        a = v.send(line + b"\r\nHost: myapp.x\r\n\r\n").answer()
        assert a and a.status == 200, a
        assert (b'"status":"ok"' if door == "api" else b"asked " + line) in a.body, a.body
        return True


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    with place.world(tmp_path_factory.mktemp("strict")) as w:
        t = Place(w)
        yield t
        t.backend.stop()
        t.reader.stop()


def end_to_end(m):
    """The fields that belong to the message, not to this hop or to us."""
    named = {item.strip(b" \t").lower() for v in m.get(b"connection") for item in v.split(b",")}
    plain = lambda n: n.replace(b"_", b"-")
    kept = [(n, v) for n, v in m.fields if n not in HOP | OURS and n not in named
            and not plain(n).startswith((b"x-ee-", b"x-forwarded-"))]
    return sorted(kept, key=lambda f: f[0])  # lines of one name stay in their order


def check_passed(case, sent, got):
    """What the backend got says what the visitor said."""
    assert (got.method, got.target, got.body) == (sent.method, sent.target, sent.body)
    assert got.host.lower() == sent.host.lower() and got.minor == 1
    a, b = end_to_end(sent), end_to_end(got)
    assert a == b
    lines = {n.decode("latin-1") for n, _ in got.fields + got.trailers}
    lines |= {f"{n.decode('latin-1')}: {v.decode('latin-1')}" for n, v in got.fields + got.trailers}
    assert not lines & set(case.more.get("hasnt", ()))
    assert got.trailers == sent.may_follow()


def check_backend(there, case, sent, whole):
    """Whatever reached the backend: `sent` and canaries; each read alike by both readers."""
    got = []
    for data, _ in there.backend.seen():
        messages, end, why = grammar.read_requests(data)
        ours, our_end, our_why = there.reader.read("Q", data)
        assert end in ("end", "closed") or end == "more" and not whole, (data[:300], end, why)
        assert end == our_end and len(messages) == len(ours) and all(map(wire.alike, ours, messages)), (data[:300], our_why)
        got += [m for m in messages if not m.target.startswith(b"/canary-")]
    assert len(got) == len(sent), [(m.method, m.target) for m in got]
    order = lambda m: (m.method, m.target, m.body)
    for a, b in zip(sorted(sent, key=order), sorted(got, key=order)):
        check_passed(case, a, b)


def check_answer(there, case, door, verdict, v, m):
    """Gives whether it passed, and whether the connection goes on."""
    to = m.method if m else b"GET"
    a = v.answer(to)
    statuses = case.more.get("status", [400])
    if door == "api" and "reject" in case.verdicts and not bad_in_head(case) and (not a or verdict == "reject"):
        # Who asked for what is not served here was told so before his body went wrong; then he is cut off.
        assert not a or a.status >= 400
        return False, False
    assert a, "closed without an answer"
    if door == "api":
        # All it has to say of these is whether they are requests.
        assert verdict == "either" or (a.status in PARSE_STATUS) == (verdict == "reject"), a.status
        return False, a.keep
    if verdict == "accept" or verdict == "either" and a.status not in statuses:
        assert a.status == 200 and (to == b"HEAD" or b"asked " + m.method + b" " in a.body), (a.status, a.body)
        return True, a.keep
    assert a.status in statuses, (a.status, a.body)
    return False, a.keep


def bad_in_head(case):
    _, _, why = grammar.read_requests(case.raw)
    return why is None or why.head


def check_visit(there, case, door, v):
    """Take the answers to a case that was sent; gives the requests that should have reached the backend."""
    messages, end, _ = grammar.read_requests(case.raw)
    passed, verdicts, goes_on = [], case.at_door(door), True
    for i, verdict in enumerate(verdicts):
        m = messages[i] if i < len(messages) else None
        if verdict == "wait":
            assert v.is_silent(0.02) or v.left == CONTINUE or v.answer().status >= 400
            goes_on = None
            break
        did_pass, goes_on = check_answer(there, case, door, verdict, v, m)
        if did_pass:
            passed.append(m)
        if door == "api" and goes_on is False:
            break
    if "reject" in verdicts or end == "closed":
        assert not goes_on
    if goes_on:
        there.canary(door, v)
    elif goes_on is False:
        assert v.ends(), v.left[:200]
    v.close()
    return passed


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("case", table.requests(), ids=lambda c: c.id)
def test_request(there, case, door):
    rejected = "reject" in case.verdicts
    for behind in (b"", EVIL) if rejected else (b"",):
        there.backend.clear()
        passed = check_visit(there, case, door, there.visitor(door).send(case.raw + behind))
        there.canary(door, there.visitor(door))
        check_backend(there, case, passed, not rejected and "wait" not in case.verdicts)


# -- in two pieces: the unit test cuts every case at every byte; here are some by way of sockets --
SAMPLE = {c.id: c for c in table.requests() if c.id in (
    "line-query", "target-absolute", "length-5", "coding-chunked", "chunk-extension-quoted", "trailer-plain", "expect-continue",
    "connection-names-a-field", "pipeline-three", "connection-close-behind", "host-twice", "length-twice", "line-lf", "field-fold-space",
    "coding-and-length-cl-te", "coding-xchunked", "chunk-lf-behind-size", "chunk-data-too-long", "trailer-is-a-request",
    "pipeline-second-bad")}
AT_ONCE = 40  # fewer than an agent serves at once


def in_turns(cuts):
    cuts = list(cuts)
    return [cuts[i:i + AT_ONCE] for i in range(0, len(cuts), AT_ONCE)]


@pytest.mark.parametrize("door", ["front", "ee-proxy"])
@pytest.mark.parametrize("name", SAMPLE)
def test_request_in_two_pieces(there, name, door):
    case = SAMPLE[name]
    for cuts in in_turns(range(1, len(case.raw))):
        there.backend.clear()
        visitors = [there.visitor(door).send(case.raw[:cut]) for cut in cuts]
        time.sleep(0.01)
        for cut, v in zip(cuts, visitors):
            v.send(case.raw[cut:])
        passed = [m for v in visitors for m in check_visit(there, case, door, v)]
        there.canary(door, there.visitor(door))
        check_backend(there, case, passed, "reject" not in case.verdicts)


@pytest.mark.parametrize("door", ["front", "ee-proxy"])
@pytest.mark.parametrize("name", [n for n, c in SAMPLE.items() if c.verdicts == ("accept",) and c.raw.startswith(b"POST")])
def test_visitor_leaves_early(there, name, door):
    """Nothing of a request that was not sent whole is a request to the backend."""
    case = SAMPLE[name]
    for cuts in in_turns(range(1, len(case.raw))):
        there.backend.clear()
        for cut in cuts:
            v = there.visitor(door).send(case.raw[:cut])
            if cut % 2:
                v.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
            v.close()
        there.canary(door, there.visitor(door))
        check_backend(there, case, [], False)
