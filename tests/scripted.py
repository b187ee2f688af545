"""A backend that plays one part a path, byte by byte; the server's side of WebSockets for such parts."""
import base64
import hashlib
import queue
import re
import socket
import struct
import threading


class Conn:
    """A connection of the backend's."""

    def __init__(self, sock):
        self.sock, self.left = sock, b""
        sock.settimeout(20)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def more(self):
        piece = self.sock.recv(1 << 16)
        self.left += piece
        return piece

    def until(self, end):
        """Everything up to `end` and with it; what there is where the connection ends before."""
        while end not in self.left and self.more():
            pass
        at = self.left.find(end) + len(end) if end in self.left else len(self.left)
        out, self.left = self.left[:at], self.left[at:]
        return out

    def take(self, n):
        while len(self.left) < n:
            if not self.more():
                raise EOFError
        out, self.left = self.left[:n], self.left[n:]
        return out

    def chunks(self):
        """The pieces of a chunked body, as they come; ends behind the last chunk's line."""
        while (n := int(self.until(b"\r\n").split(b";")[0], 16)):
            yield self.take(n)
            assert self.take(2) == b"\r\n"

    def send(self, data):
        self.sock.sendall(data)

    def is_silent(self, seconds):
        """Nothing comes for so long, and it stays open."""
        self.sock.settimeout(seconds)
        try:
            return not self.left and self.more() and False
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(20)

    def ends(self):
        """Reads on until the other end is gone, in order or not."""
        try:
            while self.more():
                self.left = b""
        except ConnectionResetError:
            pass
        return True

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Backend:
    """Each path has a function that plays its answer: it gets the connection and the request's head, and what it gives
    (or raises) is waited for by `result`, for the last path. A connection is kept while it says so by giving None."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port, self.plays, self.results = self.sock.getsockname()[1], {}, None
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(Conn(s),), daemon=True).start()

    def serve(self, c):
        try:
            while (head := c.until(b"\r\n\r\n")):
                fn, results = self.plays[head.split()[1].decode()]
                try:
                    c.head = head
                    got = fn(c, head.lower())  # names of fields come in lower case, from some hops
                except Exception as e:  # the test's thread is to hear of it
                    got = e
                results.put(got)
                if got is not None:
                    return
        except OSError:
            pass
        finally:
            c.sock.close()

    def result(self):
        got = self.results.get(timeout=20)
        if isinstance(got, Exception):
            raise got
        return got

    def stop(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


# -- WebSockets --
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def shake_hands(c, head, more=b""):
    assert b"\r\nupgrade: websocket\r\n" in head and b"\r\nsec-websocket-version: 13\r\n" in head
    keys = re.findall(rb"(?i)\r\nSec-WebSocket-Key: ([^\r]+)\r\n", c.head)
    assert len(keys) == 1 and len(base64.b64decode(keys[0])) == 16
    accept = base64.b64encode(hashlib.sha1(keys[0] + GUID).digest())
    c.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Accept: %s\r\n%s\r\n" % (accept, more))


def read_frame(c):
    a, b = c.take(2)
    n = b & 127
    n = struct.unpack(">H", c.take(2))[0] if n == 126 else struct.unpack(">Q", c.take(8))[0] if n == 127 else n
    assert b & 128, "a client must mask"
    key, data = c.take(4), c.take(n)
    pad = (key * (n // 4 + 1))[:n]
    return a & 15, (int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")).to_bytes(n, "big") if n else b""


def frame(op, data):
    n = len(data)
    return bytes([128 | op]) + (bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n) if n < 65536
                                else b"\x7f" + struct.pack(">Q", n)) + data


def echoes(c, head):
    shake_hands(c, head, b"Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: x-none\r\n")
    while True:
        op, data = read_frame(c)
        c.send(frame(op, data))
        if op == 8:
            return c.ends()
