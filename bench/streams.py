"""Long answers: how soon an event is there, and whether a visitor who does not read slows the others."""
import contextlib
import pathlib
import re
import socket
import statistics
import tempfile
import threading
import time

import harness
from peer import nginx, try_get, version

PIECE = 64 * 1024
STALLED, ROUNDS = 200, 5


class App:
    """/events: an event each 20 ms that says when it was written; else /N: N MiB."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=(self.sock.accept()[0],), daemon=True).start()

    def serve(self, s):
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):
            while True:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += s.recv(4096) or exit_thread()
                path = head.split()[1]
                if path == b"/events":
                    s.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
                    for _ in range(200):
                        time.sleep(0.02)
                        line = b"data: %.6f\n\n" % time.monotonic()
                        s.sendall(b"%x\r\n%s\r\n" % (len(line), line))
                    s.sendall(b"0\r\n\r\n")
                    continue
                mib = int(path[1:] or 0)
                s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (mib << 20))
                for _ in range(mib * 16):
                    s.sendall(b"x" * PIECE)

    def stop(self):
        self.sock.close()


def exit_thread():
    raise OSError


def ask(port, host, path):
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return s


def events(port, host):
    """Microseconds from the app's write to the visitor's read."""
    s, took = ask(port, host, "/events"), []
    while True:
        got = s.recv(65536)
        now = time.monotonic()
        took += [(now - float(t)) * 1e6 for t in re.findall(rb"data: ([\d.]+)", got)]
        if not got or b"\r\n0\r\n" in b"\r\n" + got:
            return took


def fetch(port, host, mib):
    """Seconds for a body."""
    begun, s, got = time.monotonic(), ask(port, host, f"/{mib}"), 0
    while got < mib << 20:
        piece = s.recv(1 << 20)
        assert piece
        got += len(piece)
    s.close()
    return time.monotonic() - begun


def measure():
    print(f"\n{version()}; long answers", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as where:
        w, app = harness.World(pathlib.Path(where)), App()
        direct, peer = harness.free_port(), None
        try:
            w.vm("vm1")
            w.publish(w.allowlist("vm1"))
            control = w.control(EE_LOG_LEVEL="warn", EE_ACCESS_LOG="off")
            w.agent(control, backend=app, EE_LOG_LEVEL="warn")
            control.wait_allowed()
            peer = nginx(w.dir / "peer", f"server {{ listen 127.0.0.1:{direct}; location / {{ proxy_pass http://127.0.0.1:{app.port};"
                         " proxy_http_version 1.1; proxy_buffering off; } }")
            harness.wait_for("nginx", lambda: try_get(direct))
            ours = (control.proxy_port, "myapp.x")
            rows = [sorted(events(*way)) for way in ((app.port, "x"), ours, (direct, "x"))]
            print("events     " + "   ".join(f"{n} p50 {r[len(r) // 2]:.0f} us p99 {r[len(r) * 99 // 100]:.0f} us"
                                             for n, r in zip(("direct", "ours", "nginx"), rows)), flush=True)
            before = statistics.median(fetch(*ours, 64) for _ in range(ROUNDS))
            one = ask(*ours, "/64")  # and reads none of it
            time.sleep(0.5)
            after = statistics.median(fetch(*ours, 64) for _ in range(ROUNDS))
            print(f"stalled    64 MiB beside one visitor who does not read: {after / before:.3f} of the time without him", flush=True)
            many = [ask(*ours, "/64") for _ in range(STALLED - 1)]
            time.sleep(1)
            crowd = statistics.median(fetch(*ours, 64) for _ in range(ROUNDS))
            print(f"stalled    beside {STALLED} of them: {crowd / before:.3f}", flush=True)
            for s in (one, *many):
                s.close()
        finally:
            if peer:
                peer.terminate()
                peer.wait()
            app.stop()
            w.close()
