"""Every answer of tests/strict, by a backend behind a real agent: what passes reaches the visitor once, as it was; of
what does not, he gets a 502 or an answer that he sees to be cut; and his connection is good for the next one."""
import itertools
import json

import pytest

from strict import grammar, place, table, wire

DOORS = ("front", "ee-proxy", "json")
HOP = {b"connection", b"proxy-connection", b"keep-alive", b"te", b"transfer-encoding", b"trailer", b"upgrade",
       b"proxy-authenticate", b"proxy-authentication-info"}
OURS = {b"date", b"via", b"content-length", b"x-request-id", b"cache-control", b"x-content-type-options",
        b"referrer-policy", b"content-security-policy"}
numbers = itertools.count()


class Place:
    def __init__(self, w):
        self.backend = wire.Backend()
        self.control = place.serve(w, {"myapp": self.backend}, agent={"EE_BACKEND_TIMEOUT_SEC": "2"}, EE_PROXY_TIMEOUT_SEC="1")
        self.ports = {"front": self.control.proxy_port, "json": self.control.port,
                      "ee-proxy": place.proxy(w, self.control, EE_PROXY_TIMEOUT_SEC="1")}

    def ask(self, door, v, target, method="GET"):
        if door == "json":
            body = json.dumps({"method": method, "path": target, "headers": {}, "body_b64": ""})
            v.send(f"POST /v1/proxy/myapp HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        else:
            v.send(f"{method} {target} HTTP/1.1\r\nHost: myapp.x\r\nTE: trailers\r\n\r\n".encode())
        return v.answer(method.encode())

    def canary(self, door, v):
        target = f"/canary-{next(numbers)}"
        a = self.ask(door, v, target)
        assert a and a.status == 200 and a.body == f"asked GET {target} HTTP/1.1".encode(), (a, v.left)


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    with place.world(tmp_path_factory.mktemp("strict")) as w:
        t = Place(w)
        yield t
        t.backend.stop()


def final(case):
    """The answer that the bytes hold."""
    at = 0
    while True:
        m, at = grammar.read_response(case.raw, at, case.more.get("to", "GET").encode(), True)
        if m.status >= 200:
            return m


def lines(m):
    text = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in m.fields + m.trailers]
    return {n for n, _ in text} | {f"{n}: {v}" for n, v in text}


def check_passed(case, door, a):
    sent = final(case)
    assert (a.status, a.body, a.cut) == (sent.status, sent.body, False)
    named = {item.strip(b" \t").lower() for v in sent.get(b"connection") for item in v.split(b",")}
    kept = lambda m: [(n, v) for n, v in m.fields if n not in HOP | OURS | named
                      and not n.replace(b"_", b"-").startswith(b"x-ee-")]
    # Lines of one name stay in their order.
    want, got = (sorted(kept(m), key=lambda f: f[0]) for m in (sent, a))
    if case.more.get("lossy") and door == "json":
        want, got = [n for n, _ in want], [n for n, _ in got]
    assert got == want
    assert a.trailers == ([] if door == "json" else sent.may_follow())
    has = [x for x in case.more.get("has", ()) if door == "front" or not x.startswith("via")]
    assert not set(has) - lines(a)
    assert not lines(a) & set(case.more.get("hasnt", ())), lines(a)


@pytest.mark.parametrize("case,door", [
    pytest.param(c, d, id=f"{c.id}-{d}") for c in table.responses() for d in DOORS
    if not (d == "json" and ("to" in c.more or not c.more.get("json", True))) and not (d != "front" and c.more.get("slow"))])
def test_response(there, case, door):
    there.backend.clear()
    asked = f"/case/{case.id}"
    there.backend.play = lambda line: (case.raw, case.more.get("end", "close")) if asked.encode() in line else None
    v = wire.Visitor(there.ports[door])
    a = there.ask(door, v, asked, case.more.get("to", "GET"))
    if case.verdicts == ("pass",):
        check_passed(case, door, a)
    elif a and a.status in (502, 504):
        said = json.loads(a.body) if case.more.get("to") != "HEAD" else {"allowed": False}
        assert said["allowed"] is False and a.get(b"proxy-status")
    else:
        assert case.verdicts == ("cut",) and (a is None or a.cut)
    assert b"evil" not in v.all and b"x-ee-" not in v.all.lower().replace(b"_", b"-")
    if a and a.keep and not a.cut:
        there.canary(door, v)
    else:
        assert v.ends()
    v.close()
    there.canary(door, wire.Visitor(there.ports[door]))
