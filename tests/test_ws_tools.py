"""The programs that WebSocket conformance suites are pointed at speak as those suites expect: an echo
server, and a client that plays the cases of a fuzzing server (here a small one of our own)."""
import base64
import contextlib
import hashlib
import os
import random
import socket
import struct
import subprocess
import threading

import pytest

import harness
import wsclient

TOOLS = harness.BUILD / "tests" / "tools"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


@pytest.fixture
def server():
    p = subprocess.Popen([TOOLS / "ws_echo_server", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield int(p.stdout.readline())
    p.terminate()
    _, trouble = p.communicate(timeout=20)
    assert p.returncode == 0 and not harness.TROUBLE.search(trouble), trouble


def echo(ws, opcode, payload, pieces):
    """Send a message in pieces, a ping between any two; give what comes back."""
    size = max(1, -(-len(payload) // pieces))
    parts = [payload[i:i + size] for i in range(0, len(payload), size)] or [b""]
    for i, part in enumerate(parts):
        ws.send_frame(opcode if i == 0 else 0, part, fin=i == len(parts) - 1)
        if i < len(parts) - 1:
            ws.send_frame(PING, b"%d" % i)
    got, kind = b"", None
    while True:
        op, fin, data = ws.recv_frame()
        if op == PONG:
            continue
        kind = kind or op
        got += data
        if fin:
            return kind, got


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size,pieces", [(0, 1), (1, 1), (125, 1), (126, 2), (65535, 3), (65536, 1), (1 << 20, 17)])
def test_echo(server, opcode, size, pieces):
    payload = bytes(random.Random(size).choices(b"abcdefgh", k=size))
    with contextlib.closing(wsclient.WebSocket(server, "/")) as ws:
        for _ in range(3):
            assert echo(ws, opcode, payload, pieces) == (opcode, payload)


@pytest.mark.parametrize("frames,code", [
    ([(TEXT, b"\xff", True)], 1007), ([(0, b"x", True)], 1002), ([(3, b"", True)], 1002), ([(PING, b"x" * 126, True)], 1002),
    ([(TEXT, b"a", False), (TEXT, b"b", True)], 1002), ([(CLOSE, b"\x03", True)], 1002), ([(CLOSE, b"", True)], 1005),
    ([(CLOSE, struct.pack(">H", 1000) + b"bye", True)], 1000)])
def test_breaches_are_answered_by_their_code(server, frames, code):
    with contextlib.closing(wsclient.WebSocket(server, "/")) as ws:
        for opcode, payload, fin in frames:
            ws.send_frame(opcode, payload, fin=fin)
        with pytest.raises(wsclient.Closed) as closed:
            ws.recv()
        assert closed.value.code == code


class FuzzingServer:
    """Three cases, in the manner of public fuzzing servers."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port, self.paths, self.results = self.sock.getsockname()[1], [], []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not (self.paths and self.paths[-1].startswith("/updateReports")):
            c, _ = self.sock.accept()
            with c:
                self.serve(c)
        self.sock.close()

    def serve(self, c):
        head = b""
        while b"\r\n\r\n" not in head:
            head += c.recv(4096)
        path = head.split()[1].decode()
        key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")).split()[1]
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        c.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        self.paths.append(path)
        if path == "/getCaseCount":
            c.sendall(b"\x81\x013")
        elif path.startswith("/runCase?case=1&"):
            c.sendall(b"\x81\x05hello")
            self.results.append(self.frame(c))
        elif path.startswith("/runCase?case=2&"):
            payload = os.urandom(70000)
            c.sendall(b"\x02\x01" + payload[:1] + b"\x89\x01p" + b"\x80\x7f" + struct.pack(">Q", len(payload) - 1) + payload[1:])
            pong, whole = self.frame(c), self.frame(c)
            self.results.append((pong, whole == (BINARY, payload)))
        elif path.startswith("/runCase?case=3&"):
            c.sendall(b"\x83\x00")  # a reserved opcode
            op, data = self.frame(c)
            self.results.append((op, struct.unpack(">H", data[:2])[0]))
            return
        c.sendall(b"\x88\x02\x03\xe8")
        self.frame(c)

    def frame(self, c):
        def read(n):
            out = b""
            while len(out) < n:
                got = c.recv(n - len(out))
                assert got
                out += got
            return out
        a, b = read(2)
        n = b & 127
        n = struct.unpack(">H", read(2))[0] if n == 126 else struct.unpack(">Q", read(8))[0] if n == 127 else n
        mask = read(4)
        data = read(n)
        pad = (mask * (n // 4 + 1))[:n]
        return a & 15, (int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")).to_bytes(n, "big")


def test_client_plays_every_case():
    fuzzer = FuzzingServer()
    done = subprocess.run([TOOLS / "ws_echo_client", f"ws://127.0.0.1:{fuzzer.port}", "ours"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "3 cases\n", "")
    fuzzer.thread.join(20)
    assert fuzzer.paths == ["/getCaseCount", *(f"/runCase?case={i}&agent=ours" for i in (1, 2, 3)), "/updateReports?agent=ours"]
    assert fuzzer.results == [(TEXT, b"hello"), ((PONG, b"p"), True), (CLOSE, 1002)]


def test_client_says_when_there_is_no_server():
    done = subprocess.run([TOOLS / "ws_echo_client", f"ws://127.0.0.1:{harness.free_port()}"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "no cases" in done.stderr


def test_the_echo_chain_answers_with_what_it_got():
    p = subprocess.Popen([harness.TOP / "tests" / "tools" / "echo_chain.py"], stdout=subprocess.PIPE, text=True,
                         env={**os.environ, "EE_BUILD": str(harness.BUILD)})
    try:
        url, _, host = p.stdout.readline().split()
        for method, body in (("GET", None), ("POST", b"hello"), ("POST", iter([b"in ", b"pieces"]))):
            want = b"in pieces" if hasattr(body, "__next__") else body or b""
            status, _, got = harness.http(method, url, body, {"Host": host})
            assert (status, got) == (200, want)
    finally:
        p.terminate()
        assert p.wait(30) == 0
