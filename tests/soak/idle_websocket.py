#!/usr/bin/python3
"""A WebSocket through the tunnel that says nothing for two hours still stands.
usage: tests/soak/idle_websocket.py [MINUTES]      120 where none are given"""
import base64
import hashlib
import pathlib
import re
import select
import socket
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.dont_write_bytecode = True
import harness  # noqa: E402

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class App:
    """Switches protocols and sends back what comes."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            threading.Thread(target=self.serve, args=(self.sock.accept()[0],), daemon=True).start()

    @staticmethod
    def serve(s):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = s.recv(4096)
            if not piece:
                return
            head += piece
        key = re.search(rb"sec-websocket-key: *(\S+)", head, re.I)
        if not key:
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        accept = base64.b64encode(hashlib.sha1(key[1] + GUID).digest())
        s.sendall(b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        while piece := s.recv(4096):
            s.sendall(piece)


def main():
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 120
    with tempfile.TemporaryDirectory(prefix="soak-") as where:
        w = harness.World(where)
        try:
            w.vm("vm1")
            w.publish(w.allowlist("vm1"))
            control = w.control()
            w.agent(control, backend=App())
            control.wait_allowed()
            s = socket.create_connection(("127.0.0.1", control.proxy_port))
            s.sendall(b"GET / HTTP/1.1\r\nHost: myapp.x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + base64.b64encode(bytes(16)) + b"\r\n\r\n")
            assert s.recv(4096).startswith(b"HTTP/1.1 101 ")
            came, _, _ = select.select([s], [], [], minutes * 60)
            assert not came, f"it said {s.recv(100)!r}"
            s.settimeout(5)
            s.sendall(b"still there")
            assert s.recv(100) == b"still there"
            s.close()
            print(f"a WebSocket that was idle for {minutes:g} minutes stands")
        finally:
            w.close()


main()
