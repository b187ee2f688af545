"""Requests and answers while they happen, over the real daemons: what one end says reaches the other at once, in both
directions, at the control plane's raw proxy and by way of ee-proxy; and whoever leaves is missed by the other."""
import hashlib
import json
import queue
import re
import socket
import struct
import threading
import time

import pytest

import wsclient
from scripted import Backend, Conn, echoes, frame, shake_hands
from strict import place, wire

DOORS = ("front", "ee-proxy")
both = pytest.mark.parametrize("door", DOORS)
MIB = 1 << 20


class Visitor(wire.Visitor):
    def until(self, part):
        """Reads until `part` has come, in whatever case."""
        while part.lower() not in self.all.lower():
            assert not self.ended, f"ended without {part!r}: {self.all[-500:]!r}"
            self.recv()
        return self


class Place:
    def __init__(self, w):
        self.backend = Backend()
        w.backends.append(self.backend)
        self.control = place.serve(w, {"myapp": self.backend})
        self.ports = {"front": self.control.proxy_port, "ee-proxy": place.proxy(w, self.control)}
        self.paths = 0

    def play(self, fn):
        """A path that fn answers."""
        self.paths += 1
        path = f"/{fn.__name__}/{self.paths}"
        self.backend.results = queue.Queue()
        self.backend.plays[path] = fn, self.backend.results
        return path

    def visitor(self, door):
        return Visitor(self.ports[door], patience=20)

    def ask(self, door, fn, method="GET", lines=(), version="1.1"):
        """A visitor who has sent a head for what fn answers."""
        head = [f"{method} {self.play(fn)} HTTP/{version}", "Host: myapp.x", *lines]
        return self.visitor(door).send(("\r\n".join(head) + "\r\n\r\n").encode())


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    with place.world(tmp_path_factory.mktemp("streaming")) as w:
        yield Place(w)


CHUNKED = "Transfer-Encoding: chunked"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
OPEN = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


# -- around the body --
@both
def test_trailers_cross_both_ways(there, door):
    def trailers(c, head):
        assert b"\r\nte: trailers\r\n" in head
        assert b"".join(c.chunks()) == b"hello" and c.until(b"\r\n\r\n").lower() == b"x-sum: 7\r\n\r\n"
        c.send(OPEN + b"5\r\nworld\r\n0\r\nX-Check: 8\r\nX-Other: 9\r\n\r\n")
    for te in (["TE: trailers"], []):
        v = there.ask(door, trailers, "POST", [CHUNKED, "Trailer: X-Sum", *te])
        v.send(b"5\r\nhello\r\n0\r\nX-Sum: 7\r\nContent-Type: evil\r\n\r\n")
        a = v.answer()
        assert (a.status, a.body) == (200, b"world")
        assert a.trailers == ([(b"x-check", b"8"), (b"x-other", b"9")] if te else [])
        there.backend.result()


@both
def test_interim_answers_come_before_the_answer(there, door):
    seen = threading.Event()

    def early_hints(c, head):
        c.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x-a\r\nX-A: hop\r\n\r\n")
        assert seen.wait(20)
        c.send(b"HTTP/1.1 103 Early Hints\r\nLink: </b.css>\r\n\r\n" + OK)
    v = there.ask(door, early_hints).until(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
    assert b"200" not in v.all
    seen.set()
    assert v.answer().status == 200
    assert [(m.status, m.get(b"link")) for m in v.interim] == [
        (103, [b"</a.css>; rel=preload"]), (103, [b"</b.css>"])] and b"x-a" not in v.all.lower()
    there.backend.result()
    seen.set()
    v = there.ask(door, early_hints, version="1.0")
    assert v.answer().status == 200 and not v.interim
    there.backend.result()


# -- Expect --
@both
def test_100_continue_is_the_backends_to_say(there, door):
    say = threading.Event()

    def expects(c, head):
        assert b"\r\nexpect: 100-continue\r\n" in head and say.wait(20) and c.is_silent(0.01)
        c.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert c.take(5) == b"hello"
        c.send(OK)
    v = there.ask(door, expects, "PUT", ["Content-Length: 5", "Expect: 100-continue"])
    assert v.is_silent(0.3)
    say.set()
    v.until(b"HTTP/1.1 100 Continue\r\n\r\n").send(b"hello")
    assert v.answer().status == 200 and v.all.count(b" 100 ") == 1
    there.backend.result()


@both
@pytest.mark.parametrize("status", [417, 200, 401])
def test_an_answer_instead_of_100_and_no_body_sent(there, door, status):
    def refuses(c, head):
        c.send(b"HTTP/1.1 %d x\r\nContent-Length: 2\r\n\r\nno" % status)
        c.sock.settimeout(1)
        try:
            rest = c.left or c.more()
        except (TimeoutError, ConnectionResetError):
            rest = b""
        return rest == b"" or rest
    v = there.ask(door, refuses, "PUT", ["Content-Length: 5", "Expect: 100-continue"])
    a = v.answer()
    assert (a.status, a.body, a.keep) == (status, b"no", False) and not v.interim
    assert there.backend.result() is True


@both
def test_a_backend_that_knows_nothing_of_expect(there, door):
    def waits_for_the_body(c, head):
        assert c.take(5) == b"hello"
        c.send(OK)
    v = there.ask(door, waits_for_the_body, "PUT", ["Content-Length: 5", "Expect: 100-continue"])
    v.until(b" 100 Continue\r\n\r\n").send(b"hello")
    assert v.answer().status == 200 and v.all.count(b" 100 ") == 1
    there.backend.result()


# -- bodies as they come --
@both
def test_an_answer_before_the_request_is_over(there, door):
    def answers_early(c, head):
        assert next(c.chunks()) == b"first"
        c.send(OK)
        return c.ends()
    v = there.ask(door, answers_early, "POST", [CHUNKED]).send(b"5\r\nfirst\r\n")
    a = v.answer()
    assert (a.status, a.body) == (200, b"ok")
    v.send(b"6\r\nsecond\r\n0\r\n\r\n")
    assert there.backend.result()


@both
def test_server_sent_events_reach_the_visitor_one_by_one(there, door):
    turns = queue.Queue()
    events = [b"data: %d\n\n" % i for i in range(20)] + [bytes([b]) for b in b"data: by bytes\n\n"]

    def events_one_by_one(c, head):
        c.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for e in events:
            turns.get(timeout=20)
            c.send(b"%x\r\n%s\r\n" % (len(e), e))
        turns.get(timeout=20)
        c.send(b"0\r\n\r\n")
    v = there.ask(door, events_one_by_one).until(b"Content-Type: text/event-stream\r\n").until(b"\r\n\r\n")
    for e in events:
        before = len(v.all)
        turns.put(True)
        v.until(v.all + b"%x\r\n%s\r\n" % (len(e), e))
        assert len(v.all) == before + len(e) + len(b"%x" % len(e)) + 4  # this one, and none of the next
    assert v.is_silent(0.05)
    turns.put(True)
    a = v.answer()
    assert a.body == b"".join(events) and not a.cut
    there.backend.result()


@both
def test_an_upload_reaches_the_backend_while_it_is_sent(there, door):
    seen = queue.Queue()

    def takes_chunks(c, head):
        for piece in c.chunks():
            seen.put(piece)
        c.until(b"\r\n")
        c.send(OK)
    v = there.ask(door, takes_chunks, "POST", [CHUNKED])
    for i in range(10):
        v.send(b"5\r\nno %02d\r\n" % i)
        assert seen.get(timeout=20) == b"no %02d" % i
    assert v.is_silent(0.02)
    v.send(b"0\r\n\r\n")
    assert v.answer().status == 200
    there.backend.result()


@both
def test_twenty_mebibytes_each_way(there, door):
    data = (hashlib.sha256(b"seed").digest() * 32768)[:MIB]

    def takes_and_gives(c, head):
        length = re.search(rb"\r\ncontent-length: (\d+)\r\n", head)
        got = hashlib.sha256()
        if length:
            for _ in range(int(length[1]) // MIB):
                got.update(c.take(MIB))
        else:
            for piece in c.chunks():
                got.update(piece)
            c.until(b"\r\n")
        c.send(b"HTTP/1.1 200 OK\r\nX-Digest: %s\r\n" % got.hexdigest().encode()
               + (b"Content-Length: %d\r\n\r\n" % (20 * MIB) if length else b"Transfer-Encoding: chunked\r\n\r\n"))
        for _ in range(20):
            c.send(data if length else b"%x\r\n%s\r\n" % (MIB, data))
        if not length:
            c.send(b"0\r\n\r\n")
    want = hashlib.sha256(data * 20).hexdigest()
    for framing in (f"Content-Length: {20 * MIB}", CHUNKED):
        v = there.ask(door, takes_and_gives, "POST", [framing])
        for _ in range(20):
            v.send(data if framing != CHUNKED else b"%x\r\n%s\r\n" % (MIB, data))
        if framing == CHUNKED:
            v.send(b"0\r\n\r\n")
        c, got = Conn(v.sock), hashlib.sha256()
        head = c.until(b"\r\n\r\n").lower()
        for piece in (c.take(MIB) for _ in range(20)) if framing != CHUNKED else c.chunks():
            got.update(piece)
        assert f"x-digest: {want}".encode() in head and got.hexdigest() == want
        v.close()
        there.backend.result()


def pour(sock, n):
    """Send n bytes; gives how many went out before the other end's slowness was felt."""
    data, sent, felt = bytes(1 << 16), 0, None
    sock.settimeout(0.5)
    while sent < n:
        try:
            sent += sock.send(data[:n - sent])
        except TimeoutError:
            felt = sent if felt is None else felt
            sock.settimeout(20)
            yield felt
    yield None if felt is None else sent


@both
def test_a_slow_reader_slows_whoever_sends(there, door):
    """What the reader does not take stays with the sender, but for what the system's own buffers hold."""
    n, stalled, whole = 128 * MIB, queue.Queue(), threading.Event()

    def pours(c, head):
        c.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % n)
        for felt in pour(c.sock, n):
            stalled.put(felt)
    v = there.ask(door, pours)
    assert 0 < stalled.get(timeout=20) < n
    c = Conn(v.sock)
    c.until(b"\r\n\r\n")
    for _ in range(128):
        c.take(MIB)
    assert stalled.get(timeout=20) == n
    there.backend.result()
    v.close()

    def sips(c, head):
        shake_hands(c, head)
        assert whole.wait(20)
        for _ in range(128):
            c.take(MIB)
        c.send(frame(1, b"done"))
        return c.ends()
    ws = socket_to(there, door, sips)
    for felt in pour(ws.sock, n):
        if not whole.is_set():
            assert 0 < felt < n
        whole.set()
    assert ws.recv_frame() == (1, True, b"done")
    ws.close()
    assert there.backend.result()

    def gushes(c, head):
        shake_hands(c, head)
        for felt in pour(c.sock, n):
            stalled.put(felt)
        return c.ends()
    ws = socket_to(there, door, gushes)
    assert 0 < stalled.get(timeout=20) < n
    for _ in range(128):
        ws._read(MIB)
    assert stalled.get(timeout=20) == n
    ws.close()
    assert there.backend.result()


@both
def test_a_visitor_of_http_10(there, door):
    def answers_in_chunks(c, head):
        assert head.split(b"\r\n")[0].endswith(b" http/1.1")
        c.send(b"HTTP/1.1 103 x\r\nLink: </a>\r\n\r\n" + OPEN + b"5\r\nhello\r\n6\r\n world\r\n0\r\nX-T: t\r\n\r\n")
    v = there.ask(door, answers_in_chunks, version="1.0", lines=["TE: trailers", "Connection: keep-alive"])
    while not v.ended:
        v.recv()
    head, body = v.all.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200 ") and b"chunked" not in head and body == b"hello world"
    there.backend.result()


# -- who leaves --
@both
def test_a_visitor_who_leaves_ends_the_backends_work(there, door):
    began_work = threading.Event()

    def gives(data):
        def works(c, head):
            began_work.set()
            c.send(data)
            c.more() if head.startswith(b"post") and not c.left else None
            return c.ends()
        return works
    for method, data, lines in (("GET", b"", ()), ("GET", OPEN + b"5\r\nhello\r\n", ()), ("POST", b"", [CHUNKED]),
                                ("POST", OPEN + b"5\r\nhello\r\n", [CHUNKED])):
        for rude in (False, True):
            began_work.clear()
            v = there.ask(door, gives(data), method, lines)
            if lines:
                v.send(b"5\r\nhello\r\n")
            assert began_work.wait(20)
            if data:
                v.until(b"hello")
            if rude:
                v.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            began = time.monotonic()
            v.close()
            assert there.backend.result() and time.monotonic() - began < 5, (method, data, rude)


@both
@pytest.mark.parametrize("rude", [False, True], ids=["closes", "resets"])
def test_a_backend_that_dies_cuts_the_answer(there, door, rude):
    for begun in (OPEN + b"5\r\nhello\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"):
        die = threading.Event()

        def dies(c, head):
            c.send(begun)
            assert die.wait(20)
            if rude:
                c.reset()
            return True
        v = there.ask(door, dies).until(b"hello")
        die.set()
        while not v.ended:
            v.recv()
        assert v.all.split(b"\r\n\r\n", 1)[1] in (b"hello", b"5\r\nhello\r\n")
        there.backend.result()


# -- WebSockets --
def socket_to(there, door, fn, **more):
    return wsclient.WebSocket(there.ports[door], there.play(fn), named="myapp.x", **more)


@both
def test_a_websocket_goes_through(there, door):
    ws = socket_to(there, door, echoes, headers=[("Sec-WebSocket-Protocol", "chat, other"), ("Cookie", "a=b")])
    head = ws.head.decode().lower() + "\r\n"
    assert "\r\nsec-websocket-protocol: chat\r\n" in head and "\r\nsec-websocket-extensions: x-none\r\n" in head
    assert head.count("sec-websocket-accept") == 1
    for op, data in ((1, b"hello"), (1, b""), (2, bytes(range(256))), (9, b"ping"), (2, b"x" * 70000),
                     (2, hashlib.sha256(b"a").digest() * 32768)):
        ws.send_frame(op, data)
        assert ws.recv_frame() == (op, True, data)
    ws.send_frame(8, b"\x03\xe8bye")
    assert ws.recv_frame() == (8, True, b"\x03\xe8bye")
    ws.sock.shutdown(socket.SHUT_WR)
    assert ws.sock.recv(1) == b"" and there.backend.result()
    ws.close()


@both
def test_the_key_is_answered_as_the_rfc_says(there, door):
    v = there.ask(door, echoes, lines=["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="])
    v.until(b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n").until(b"\r\n\r\n")
    v.close()
    assert isinstance(there.backend.results.get(timeout=20), EOFError)


@both
def test_a_websockets_end_is_both_ends_end(there, door):
    def closes(c, head):
        shake_hands(c, head)
        c.send(frame(1, b"last words"))
        return True
    ws = socket_to(there, door, closes)
    assert ws.recv_frame() == (1, True, b"last words") and ws.sock.recv(1) == b""
    ws.close()
    there.backend.result()

    def listens(c, head):
        shake_hands(c, head)
        return c.ends()
    for rude in (False, True):
        ws = socket_to(there, door, listens)
        if rude:
            ws.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        ws.close()
        assert there.backend.result()

    crash = threading.Event()

    def crashes(c, head):
        shake_hands(c, head)
        assert crash.wait(20)
        c.reset()
        return True
    ws = socket_to(there, door, crashes)
    crash.set()
    with pytest.raises(ConnectionResetError):
        assert ws.sock.recv(1) != b""
    there.backend.result()


@both
def test_an_upgrade_that_the_backend_refuses(there, door):
    def refuses_upgrade(c, head):
        c.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        assert c.is_silent(0.2)
        return True

    def plain(c, head):
        assert b"pgrade" not in head
        c.send(OK)
    v = there.ask(door, refuses_upgrade, lines=["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="])
    a = v.answer()
    assert (a.status, a.body, a.keep) == (403, b"no", True)
    assert there.backend.result()
    v.send(f"GET {there.play(plain)} HTTP/1.1\r\nHost: myapp.x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n".encode())
    assert v.answer().status == 200
    there.backend.result()


@both
def test_a_handshake_that_is_not_well_made(there, door):
    for lines, status in ((["Sec-WebSocket-Version: 8", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="], 426),
                          (["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: x"], 400), (["Sec-WebSocket-Version: 13"], 400)):
        a = there.ask(door, echoes, lines=["Connection: Upgrade", "Upgrade: websocket", *lines]).answer()
        assert a.status == status and json.loads(a.body)["allowed"] is False
        if status == 426:
            assert a.get(b"upgrade") == [b"websocket"] and a.get(b"sec-websocket-version") == [b"13"]


# -- version 1 of the tunnel --
def test_version_1_carries_no_upgrade_and_says_so(world):
    control = world.control()
    world.agent(control, EE_TUNNEL_VERSION="1")
    control.wait_allowed()
    for port in (control.proxy_port, place.proxy(world, control)):
        v = wire.Visitor(port).send(
            b"GET / HTTP/1.1\r\nHost: myapp.x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        a = v.answer()
        assert a.status == 501 and json.loads(a.body) == {"allowed": False, "reason": "upgrade_not_carried"}
        # Version 1 cannot ask the backend: the front says 100 by itself.
        v.send(b"POST /p HTTP/1.1\r\nHost: myapp.x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        while b" 100 Continue\r\n\r\n" not in v.all:
            v.recv()
        a = v.send(b"hello").answer()
        assert a.status == 200 and json.loads(a.body)["body"] == "hello"
        v.close()


def test_a_stop_ends_websockets_once_its_grace_is_over(world):
    backend = Backend()
    world.backends.append(backend)
    control = place.serve(world, {"myapp": backend}, EE_GRACE_SEC="1")
    backend.plays["/ws"] = echoes, queue.Queue()
    ws = wsclient.WebSocket(control.proxy_port, "/ws", named="myapp.x")
    ws.send_frame(1, b"there?")
    assert ws.recv_frame() == (1, True, b"there?")
    began = time.monotonic()
    control.stop()
    assert time.monotonic() - began < 10
    try:
        assert ws.sock.recv(1) == b""
    except ConnectionResetError:
        pass
    ws.close()
    assert isinstance(backend.plays["/ws"][1].get(timeout=20), (EOFError, OSError))


# -- crowds --
@both
def test_a_crowd_of_uploads_that_nobody_reads_stops_nobody(there, door):
    done = threading.Event()

    def reads_nothing(c, head):
        c.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        assert done.wait(60)
        return True

    def reads(c, head):
        assert c.take(10) == b"0123456789"
        c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return True
    path, crowd = there.play(reads_nothing), []
    try:
        for _ in range(200):
            v = there.visitor(door).send(f"POST {path} HTTP/1.1\r\nHost: myapp.x\r\nContent-Length: 1000000000\r\n\r\n".encode())
            crowd.append(v)
        for v in crowd:
            v.until(b"first")
            v.sock.setblocking(False)
            for _ in range(64):  # as much as is taken
                try:
                    v.sock.send(b"x" * (1 << 16))
                except BlockingIOError:
                    break
        late = there.ask(door, reads, "POST", ["Content-Length: 10"]).send(b"0123456789")
        a = late.answer(b"POST")
        assert a.status == 200 and a.body == b"ok"
    finally:
        done.set()
        for v in crowd:
            v.close()


@both
def test_a_body_that_breaks_the_grammar_ends_the_backends_work(there, door):
    """At once, not when the visitor hangs up; and the log says what was wrong."""
    begun = threading.Event()

    def works(c, head):
        begun.set()
        return c.ends()
    v = there.ask(door, works, "POST", [CHUNKED])
    v.send(b"5\r\nhello\r\n")
    assert begun.wait(20)
    v.send(b"zz\r\n")
    a = v.answer(b"POST")
    began = time.monotonic()
    assert a.status == 400 and there.backend.result() and time.monotonic() - began < 5
    v.close()
