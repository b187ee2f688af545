"""A small blocking WebSocket client (RFC 6455) for tests: it can be as rude as a test needs."""
import base64
import json
import os
import socket
import struct
import time


class Closed(Exception):
    """The server closed; .code and .reason say how (code None: no close frame came)."""

    def __init__(self, code, reason):
        super().__init__(f"closed {code} {reason!r}")
        self.code, self.reason = code, reason


class WebSocket:
    def __init__(self, port, path="/v1/tunnel", host="127.0.0.1", timeout=20, headers=(), named=None, context=None):
        self.sock = socket.create_connection((host, port), timeout=timeout)
        if context:
            self.sock = context.wrap_socket(self.sock, server_hostname=host)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {named or f'{host}:{port}'}", "Upgrade: websocket",
                 "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
        lines += [f"{k}: {v}" for k, v in headers]
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            got = self.sock.recv(4096)
            if not got:
                raise Closed(None, f"no upgrade: {head!r}")
            head += got
        self.head, self.left = head.split(b"\r\n\r\n", 1)
        self.status = int(self.head.split()[1])
        if self.status != 101:
            raise Closed(self.status, self.head.decode("latin-1"))

    def _read(self, n):
        while len(self.left) < n:
            got = self.sock.recv(65536)
            if not got:
                raise Closed(None, "end of stream")
            self.left += got
        out, self.left = self.left[:n], self.left[n:]
        return out

    def send_frame(self, opcode, payload, fin=True, mask=True):
        head = bytes([(0x80 if fin else 0) | opcode])
        bit = 0x80 if mask else 0
        if len(payload) < 126:
            head += bytes([bit | len(payload)])
        elif len(payload) < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", len(payload))
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
        if mask:
            key = os.urandom(4)
            pad = (key * (len(payload) // 4 + 1))[:len(payload)]
            payload = (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(
                len(payload), "big") if payload else b""
            head += key
        self.sock.sendall(head + payload)

    def send(self, message):
        text = message if isinstance(message, (str, bytes)) else json.dumps(message)
        self.send_frame(1, text if isinstance(text, bytes) else text.encode())

    def recv_frame(self):
        a, b = self._read(2)
        n = b & 127
        if n == 126:
            n = struct.unpack(">H", self._read(2))[0]
        elif n == 127:
            n = struct.unpack(">Q", self._read(8))[0]
        assert not b & 0x80, "a server must not mask"
        return a & 15, bool(a & 0x80), self._read(n)

    def recv(self):
        """The next text message as JSON. Answers pings; raises Closed at the end."""
        whole, end = b"", time.monotonic() + 90  # pings keep no test waiting for ever
        while True:
            assert time.monotonic() < end, "nothing but pings"
            op, fin, data = self.recv_frame()
            if op == 8:
                code = struct.unpack(">H", data[:2])[0] if len(data) >= 2 else 1005
                raise Closed(code, data[2:].decode())
            if op == 9:
                self.send_frame(10, data)
            elif op in (0, 1, 2):
                whole += data
                if fin:
                    return json.loads(whole)

    def recv_type(self, kind, **want):
        """The next message of that type (and members), passing over others."""
        while True:
            m = self.recv()
            if m["type"] == kind and all(m.get(k) == v for k, v in want.items()):
                return m

    def close(self):
        self.sock.close()
