"""Both ends of a proxy, byte by byte: a visitor who sends anything, a backend that keeps everything it gets and
answers as it is told, and the program that says how src/wire reads."""
import json
import re
import socket
import struct
import subprocess
import threading
import weakref

import harness
from strict import grammar

class Reader:
    """tests/tools/http1_read, running."""

    def __init__(self):
        env = {"ASAN_OPTIONS": "exitcode=99", "UBSAN_OPTIONS": "halt_on_error=1"}
        self.proc = subprocess.Popen([harness.BUILD / "tests" / "tools" / "http1_read"], env=env,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def read(self, kind, data):
        """As grammar.read_requests (kind "Q") reads: ([messages], end, why)."""
        self.proc.stdin.write(kind.encode() + struct.pack(">I", len(data)) + data)
        self.proc.stdin.flush()
        got, out = json.loads(self.proc.stdout.readline()), []
        for m in got["messages"]:
            if not m["whole"] and kind == "Q":
                continue
            out.append(grammar.Message(
                minor=m["minor"], fields=pairs(m["fields"]), trailers=pairs(m["trailers"]), body=bytes.fromhex(m["body"]), keep=m["keep"],
                method=bytes.fromhex(m["method"]), target=bytes.fromhex(m["target"]),
                host=bytes.fromhex(m["host"]), status=m["status"], cut=not m["whole"]))
        end = "closed" if kind == "Q" and got["end"] == "end" and out and not out[-1].keep else got["end"]
        return out, end, got["why"]

    def stop(self):
        self.proc.stdin.close()
        assert self.proc.wait(20) == 0


def pairs(text):
    """Fields from names and values in hex."""
    text = [bytes.fromhex(x) for x in text]
    return [(n.lower(), v) for n, v in zip(text[::2], text[1::2])]


def alike(ours, other):
    """Two readings of one message; ours has dropped the trailers that must not go on."""
    same = ("minor", "fields", "body", "keep", "method", "target", "host", "status")
    return ours.trailers == other.may_follow() and all(getattr(ours, k) == getattr(other, k) for k in same)


def skip_chunks(data, at):
    """Where a chunked body ends, taken as loosely as can be; None where more is due."""
    while True:
        end = data.find(b"\n", at)
        if end < 0:
            return None
        size = re.match(rb"[0-9a-fA-F]*", data[at:end].strip())[0]
        at = end + 1
        if not size or not int(size, 16):
            break
        at += int(size, 16) + 2
    last = re.compile(rb"(?:[^\n]*[^\r\n][^\n]*\n)*\r?\n").match(data, at)
    return last and last.end()


def read_loosely(data):
    """The first request as a careless server would take it: (request line, its end), or None where more is due."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head, at = data[:end], end + 4
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
    if re.search(rb"\r\ntransfer-encoding:[^\r]*chunked", head, re.I):
        at = skip_chunks(data, at)
    elif length:
        at += int(length[1])
    return (head.split(b"\r\n")[0], at) if at and at <= len(data) else None


class Backend:
    """Keeps the bytes of every connection. Its answer says what was asked, or is what `play` says: a function
    from the request line to (bytes, "close" | "reset" | "keep"), or None for the answer as always."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port, self.lock, self.conns, self.play = self.sock.getsockname()[1], threading.Lock(), [], None
        self.open = True
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while self.open:
            try:
                s, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        got, answered, left = bytearray(), [], b""
        with self.lock:
            self.conns.append((got, answered, s))
        try:
            while True:
                piece = s.recv(65536)
                if not piece:
                    break
                with self.lock:
                    got += piece
                left += piece
                while (r := read_loosely(left)):
                    line, left = r[0], left[r[1]:]
                    with self.lock:
                        answered.append(line)
                    if not self.answer(s, line):
                        return
        except OSError:
            pass
        finally:
            s.close()

    def answer(self, s, line):
        """False: this connection is over."""
        data, end = self.play and self.play(line) or (self.echo(line), "keep")
        try:
            s.sendall(data)
        except OSError:
            return False
        if end == "reset":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if end == "close":  # in good order, so that no reset overtakes what was sent
            s.shutdown(socket.SHUT_WR)
            s.settimeout(2)
            while s.recv(65536):
                pass
        return end in ("keep", "hold")

    @staticmethod
    def echo(line):
        body = b"asked " + line[:200]
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), b"" if line.startswith(b"HEAD ") else body)

    def clear(self):
        with self.lock:
            self.conns = [c for c in self.conns if c[2].fileno() >= 0]
            for got, answered, _ in self.conns:
                got.clear()
                answered.clear()

    def seen(self):
        """What came on each connection since clear, in the order in which they were made: [(bytes, answered)]."""
        with self.lock:
            return [(bytes(got), list(answered)) for got, answered, _ in self.conns if got]

    def stop(self):
        self.open = False
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


class Visitor:
    """One connection to a server."""
    there = weakref.WeakSet()

    def __init__(self, port, patience=10):
        self.patience = patience
        self.there.add(self)
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=patience)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.left, self.ended, self.interim, self.all = b"", False, [], b""

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it refused before it had read everything
        return self

    def recv(self):
        try:
            piece = self.sock.recv(65536)
        except ConnectionResetError:
            piece = b""
        self.ended = self.ended or not piece
        self.left += piece
        self.all += piece

    def answer(self, to=b"GET"):
        """The next answer, interim ones passed over; None where the connection ended without one."""
        while True:
            try:
                m, at = grammar.read_response(self.left, 0, to, self.ended)
            except grammar.More:
                if self.ended and not self.left:
                    return None
                assert not self.ended, f"cut in its head: {self.left[:200]!r}"
                self.recv()
                continue
            self.left = self.left[at:]
            if m.status >= 200 or m.status == 101:
                return m
            self.interim.append(m)

    def ends(self):
        """The connection ends, and without another byte."""
        while not self.ended:
            self.recv()
        return not self.left

    def is_silent(self, seconds):
        """Nothing comes for so long."""
        self.sock.settimeout(seconds)
        try:
            self.recv()
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(self.patience)
        return not self.left

    def close(self):
        self.sock.close()


def hang_up():
    """Close the connections of all visitors, so that no server waits for them when it stops."""
    for v in list(Visitor.there):
        v.close()
