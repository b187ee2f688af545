"""An attested agent that lies: whatever it puts into version 1's proxy_response, the visitor gets a right answer of
his own, or a 502. See tests/strict for what a backend may try."""
import base64
import contextlib
import itertools
import json
import socket
import threading

import pytest

import harness
from strict import place, wire

b64 = lambda data: base64.b64encode(data).decode()
numbers = itertools.count()
GONE = object()  # the member is left out


class Liar(threading.Thread):
    """Answers each request with what `script` makes of it: a list of messages."""

    def __init__(self, world, control, app):
        super().__init__(daemon=True)
        self.hand = harness.HandAgent(world, control, app=app, agent_id=f"liar-{app}-{next(numbers)}")
        self.hand.admitted()
        self.hand.health()
        self.script, self.end = lambda m: [right(m)], None
        self.start()

    def run(self):
        try:
            while True:
                m = self.hand.ws.recv()
                if m["type"] == "attest_request":
                    self.hand.answer(m)
                elif m["type"] == "proxy_request":
                    canary = m["path"].startswith("/canary-")
                    for out in [right(m)] if canary else self.script(m):
                        self.hand.ws.send(out)
        except (harness.wsclient.Closed, OSError) as e:
            self.end = e
            self.hand.ws.close()


def right(m, body=None, **changes):
    """The answer to a proxy_request, with members changed."""
    out = {"type": "proxy_response", "request_id": m["request_id"], "status": 200, "headers": {},
           "body_b64": b64(body or m["path"].encode()), **changes}
    return {k: v for k, v in out.items() if v is not GONE}


class Place:
    def __init__(self, world):
        self.world = world
        self.control = place.serve(world, {}, EE_PROXY_TIMEOUT_SEC="1")
        self.liars = {}

    def liar(self, app="myapp"):
        if app not in self.liars or self.liars[app].end or self.control.resolve(app)[0] != 200:
            self.liars[app] = Liar(self.world, self.control, app)
            self.control.wait_allowed(app)
        return self.liars[app]

    def ask(self, v, target, app="myapp", method="GET"):
        return v.send(f"{method} {target} HTTP/1.1\r\nHost: {app}.x\r\n\r\n".encode()).answer(method.encode())

    def canary(self, v, app="myapp"):
        target = f"/canary-{next(numbers)}"
        a = self.ask(v, target, app)
        assert a and (a.status, a.body) == (200, target.encode()), a

    def visitor(self):
        return wire.Visitor(self.control.proxy_port)


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    with place.world(tmp_path_factory.mktemp("strict")) as w:
        t = Place(w)
        yield t
        for liar in t.liars.values():
            with contextlib.suppress(OSError):
                liar.hand.ws.sock.shutdown(socket.SHUT_RDWR)  # its thread reads it


# What is refused: the members that are changed.
REFUSED = {
    "status-0": {"status": 0}, "status-minus": {"status": -200}, "status-99": {"status": 99},
    "status-100": {"status": 100}, "status-101": {"status": 101}, "status-199": {"status": 199},
    "status-600": {"status": 600}, "status-2000": {"status": 2000},
    "value-crlf": {"headers": {"X-A": "b\r\nSet-Cookie: evil=1"}},
    "value-crlf-crlf": {"headers": {"X-A": "b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"}},
    "value-lf": {"headers": {"X-A": "b\nSet-Cookie: evil=1"}}, "value-cr": {"headers": {"X-A": "b\rSet-Cookie: evil=1"}},
    "value-nul": {"headers": {"X-A": "b\0evil"}}, "value-del": {"headers": {"X-A": "b\x7fevil"}},
    "value-vertical-tab": {"headers": {"X-A": "b\x0bevil"}}, "value-escape": {"headers": {"X-A": "\x1b[31mevil"}},
    "value-leading-space": {"headers": {"X-A": " evil"}}, "value-trailing-tab": {"headers": {"X-A": "evil\t"}},
    "value-fold": {"headers": {"X-A": "b\r\n evil"}},
    "value-in-a-list": {"headers": {"X-A": ["b", "c\r\nEvil: evil"]}},
    "value-object": {"headers": {"X-A": {"b": "evil"}}}, "value-number": {"headers": {"X-A": 1}},
    "value-null": {"headers": {"X-A": None}}, "value-nested-list": {"headers": {"X-A": [["evil"]]}},
    "value-number-in-a-list": {"headers": {"X-A": ["b", 1]}}, "value-too-big": {"headers": {"X-A": "b" * 40000}},
    "name-crlf": {"headers": {"X-A\r\nSet-Cookie": "evil=1"}}, "name-whole-line": {"headers": {"X-A: b\r\nEvil": "1"}},
    "name-colon": {"headers": {"X-A:": "evil"}}, "name-space": {"headers": {"X A": "evil"}},
    "name-trailing-space": {"headers": {"X-A ": "evil"}}, "name-leading-space": {"headers": {" X-A": "evil"}},
    "name-empty": {"headers": {"": "evil"}}, "name-not-ascii": {"headers": {"X-é": "evil"}},
    "name-nul": {"headers": {"X\0A": "evil"}}, "name-status-line": {"headers": {"HTTP/1.1 200 OK\r\n": "evil"}},
    "name-too-big": {"headers": {"b" * 40000: "evil"}},
    "fields-too-many": {"headers": {f"X-{i}": "evil" for i in range(200)}},
    "fields-too-many-in-a-list": {"headers": {"Set-Cookie": ["evil=1"] * 200}},
    "fields-no-room-for-ours": {"headers": {f"X-{i}": "evil" for i in range(127)}},
    "body-not-base64": {"body_b64": "%%%%"}, "body-space": {"body_b64": "ZXZp bA=="},
    "body-line-break": {"body_b64": "ZXZpbA==\n"}, "body-url-alphabet": {"body_b64": "_-_-"},
    "body-padding-inside": {"body_b64": "ZXZpbA==ZXZpbA=="}, "body-cut": {"body_b64": "ZXZpb"},
    "error-known": {"error": "backend_unreachable", "status": GONE, "headers": GONE, "body_b64": GONE},
    "error-unknown": {"error": "evil", "status": GONE, "headers": GONE, "body_b64": GONE},
    "error-crlf": {"error": "x\r\nSet-Cookie: evil=1", "status": GONE, "headers": GONE, "body_b64": GONE},
    "error-quoted": {"error": "\"; evil=\"", "status": GONE, "headers": GONE, "body_b64": GONE},
    "error-beside-an-answer": {"error": "backend_unreachable"},
}

# What is no message at all: it is passed over, and the right answer behind it counts.
PASSED_OVER = {
    "status-text": {"status": "200"}, "status-real": {"status": 200.5}, "status-null": {"status": None},
    "status-list": {"status": [200]}, "status-bool": {"status": True}, "status-huge": {"status": 10**30},
    "status-wraps-32-bits": {"status": 2**32 + 200},
    "headers-list": {"headers": [["X-A", "evil"]]}, "headers-text": {"headers": "X-A: evil\r\n"},
    "body-number": {"body_b64": 1}, "body-list": {"body_b64": ["ZXZpbA=="]}, "body-object": {"body_b64": {"a": "b"}},
    "error-number": {"error": 1}, "error-object": {"error": {"evil": 1}},
    "id-other": {"request_id": "0" * 32}, "id-empty": {"request_id": ""}, "id-none": {"request_id": GONE},
    "id-number": {"request_id": 1}, "id-list": {"request_id": ["a"]}, "id-long": {"request_id": "a" * 5000},
    "type-none": {"type": GONE}, "type-other": {"type": "proxy_answer"}, "type-request": {"type": "proxy_request"},
    "type-status": {"type": "status", "state": "ok"}, "type-attest-request": {"type": "attest_request"},
}

# What passes, cleaned: members changed, then (status, body, fields that are there, fields that are not).
CLEANED = {
    "cookies": ({"headers": {"Set-Cookie": ["a=1", "b=2"]}}, (200, None, ["set-cookie: a=1", "set-cookie: b=2"], [])),
    "utf8": ({"headers": {"X-A": "é\u2028"}}, (200, None, ["x-a: Ã©â\x80¨"], [])),
    "coding": ({"headers": {"Transfer-Encoding": "chunked", "Trailer": "X-A"}}, (200, None, [], ["transfer-encoding", "trailer"])),
    "coding-list": ({"headers": {"transfer-encoding": ["chunked", "gzip"]}}, (200, None, [], ["transfer-encoding"])),
    "length-more": ({"headers": {"Content-Length": "999"}}, (200, None, [], ["content-length: 999"])),
    "length-less": ({"headers": {"Content-Length": "1"}}, (200, None, [], ["content-length: 1"])),
    "length-twice": ({"headers": {"Content-Length": ["1", "2"]}}, (200, None, [], ["content-length: 1", "content-length: 2"])),
    "length-spelled-twice": ({"headers": {"Content-Length": "1", "content-length": "2"}}, (200, None, [], ["content-length: 1"])),
    "length-minus": ({"headers": {"Content-Length": "-1"}}, (200, None, [], ["content-length: -1"])),
    "connection": ({"headers": {"Connection": "close, X-A", "X-A": "evil", "X-B": "b"}}, (200, None, ["x-b: b"], ["x-a"])),
    "upgrade": ({"headers": {"Connection": "Upgrade", "Upgrade": "websocket"}}, (200, None, [], ["upgrade"])),
    "keep-alive": ({"headers": {"Keep-Alive": "timeout=9999", "Proxy-Authenticate": "Basic"}},
                   (200, None, [], ["keep-alive", "proxy-authenticate"])),
    "ours": ({"headers": {"X-EE-App": "evil", "x-ee-attested": "evil", "X_EE_App": "evil"}},
             (200, None, [], ["x-ee-app", "x-ee-attested", "x_ee_app"])),
    "request-id": ({"headers": {"X-Request-Id": "evil"}}, (200, None, [], ["x-request-id: evil"])),
    "body-of-204": ({"status": 204, "body_b64": b64(b"evil")}, (204, b"", [], ["content-length"])),
    "body-of-304": ({"status": 304, "body_b64": b64(b"evil")}, (304, b"", [], [])),
    "body-is-an-answer": ({"body_b64": b64(b"HTTP/1.1 200 OK\r\n\r\n")}, (200, b"HTTP/1.1 200 OK\r\n\r\n", [], [])),
    "body-none": ({"body_b64": GONE}, (200, b"", [], [])),
    "more-members": ({"evil": "evil", "method": "GET", "path": "/evil"}, (200, None, [], [])),
}


def lines(m):
    text = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in m.fields]
    return {n for n, _ in text} | {f"{n}: {v}" for n, v in text}


def finish(there, v, a):
    """Nothing evil came, and connection and tunnel serve the next one."""
    assert b"evil" not in v.all.lower(), v.all
    there.liar()
    if a.keep:
        there.canary(v)
    else:
        assert v.ends()
    v.close()
    there.canary(there.visitor())


@pytest.mark.parametrize("name", REFUSED)
def test_refused(there, name):
    there.liar().script = lambda m: [right(m, **REFUSED[name])]
    v = there.visitor()
    a = there.ask(v, f"/{name}")
    assert a.status == 502 and json.loads(a.body)["allowed"] is False and a.get(b"proxy-status"), a
    finish(there, v, a)


@pytest.mark.parametrize("name", PASSED_OVER)
def test_passed_over(there, name):
    liar, v = there.liar(), there.visitor()
    liar.script = lambda m: [right(m, b"evil", **PASSED_OVER[name]), right(m)]
    a = there.ask(v, f"/{name}")
    if liar.end or a.status != 200:
        # The ninth such message, or one that breaks the protocol, ends the tunnel.
        assert a.status >= 400, a
    else:
        assert a.body == f"/{name}".encode()
    finish(there, v, a)


@pytest.mark.parametrize("name", CLEANED)
def test_cleaned(there, name):
    changes, (status, body, has, hasnt) = CLEANED[name]
    there.liar().script = lambda m: [right(m, **changes)]
    v = there.visitor()
    a = there.ask(v, f"/{name}")
    assert (a.status, a.body) == (status, f"/{name}".encode() if body is None else body), a
    assert set(has) <= lines(a) and not set(hasnt) & lines(a), lines(a)
    finish(there, v, a)


@pytest.mark.parametrize("headers,length", [
    ({"Content-Length": "5"}, b"5"), ({}, None), ({"Content-Length": "5x"}, None), ({"Content-Length": "-5"}, None),
    ({"Content-Length": ["5", "6"]}, 502), ({"Content-Length": "5", "content-length": "6"}, 502),
    ({"Transfer-Encoding": "chunked"}, None)])
def test_head(there, headers, length):
    there.liar().script = lambda m: [right(m, b"evil", headers=headers)]
    v = there.visitor()
    a = there.ask(v, "/head", method="HEAD")
    if length == 502:
        assert a.status == 502
    else:
        assert a.status == 200 and a.get(b"content-length") in ([length] if length else [], [b"0"])
    finish(there, v, a)


def test_the_first_answer_counts(there):
    there.liar().script = lambda m: [right(m), right(m, b"evil"), right(m, status=500)]
    v = there.visitor()
    a = there.ask(v, "/twice")
    assert (a.status, a.body) == (200, b"/twice")
    finish(there, v, a)


def test_answers_in_any_order_reach_their_own(there):
    held = []

    def script(m):
        held.append(m)
        return [right(x) for x in reversed(held)] if len(held) == 5 else []
    there.liar().script = script
    visitors = [there.visitor().send(b"GET /%d HTTP/1.1\r\nHost: myapp.x\r\n\r\n" % i) for i in range(5)]
    for i, v in enumerate(visitors):
        assert v.answer().body == b"/%d" % i


def test_no_agent_answers_for_another(there):
    """Request ids are looked up on the tunnel that they were sent to."""
    other, mine = there.liar("other"), there.liar()
    asked, go = [], threading.Event()

    def script(m):
        asked.append(m)
        other.hand.ws.send(right(m, b"evil"))
        other.hand.ws.send(right(m, status=GONE, headers=GONE, body_b64=GONE, error="backend_unreachable"))
        with contextlib.suppress(TimeoutError):
            there.canary(there.visitor(), "other")  # behind those two on the other tunnel
        return [right(m)]
    mine.script = script
    v = there.visitor()
    a = there.ask(v, "/mine")
    assert asked and (a.status, a.body) == (200, b"/mine")
    assert not other.end
    finish(there, v, a)


@pytest.mark.parametrize("messages", [
    [{"type": "proxy_response", "status": "x"}] * 20, [{"type": "evil"}] * 20, [{"type": "health"}] * 20,
    [{"type": "proxy_response", "request_id": "a", "body_b64": "A" * (17 << 20)}]])
def test_a_tunnel_that_breaks_the_protocol_is_not_the_visitors_fault(there, messages):
    there.liar().script = lambda m: messages
    v = there.visitor()
    a = there.ask(v, "/flood")
    assert a.status == 502 and json.loads(a.body)["reason"] == "tunnel_lost", a
    finish(there, v, a)


def test_a_visitor_who_left_gets_nothing_more(there):
    """The answer that comes late is for nobody, least of all for the next one on the tunnel."""
    late = []
    there.liar().script = lambda m: late.append(m) or []
    v = there.visitor().send(b"GET /late HTTP/1.1\r\nHost: myapp.x\r\n\r\n")
    harness.wait_for("the request", lambda: late)
    v.close()
    there.liar().script = lambda m: [right(late[0], b"evil"), right(m)]
    v = there.visitor()
    a = there.ask(v, "/next")
    assert a.body == b"/next"
    finish(there, v, a)
