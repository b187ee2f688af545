"""One app behind the tunnel, and nginx in front of the same backend: what every measurement of the data plane holds
beside each other."""
import contextlib
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading

import harness

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
BIG = 1 << 30


def nginx(where, config):
    """One worker with that http block's content; gives the process."""
    where.mkdir()
    (where / "nginx.conf").write_text(
        f"daemon off; master_process on; worker_processes 1; user root; pid {where}/pid; error_log {where}/error.log;\n"
        f"events {{ worker_connections 4096; }}\nhttp {{ access_log off; keepalive_requests 1000000; client_max_body_size 0;\n"
        + "".join(f"{k}_temp_path {where}/{k};" for k in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        + config + "}\n")
    return subprocess.Popen([NGINX, "-c", str(where / "nginx.conf"), "-p", str(where)])


def workers(master):
    return [int(pid) for pid in pathlib.Path(f"/proc/{master.pid}/task/{master.pid}/children").read_text().split()]


def version():
    return subprocess.run([NGINX, "-v"], capture_output=True, text=True).stderr.strip()


def try_get(port):
    try:
        return harness.http("GET", f"http://127.0.0.1:{port}/")
    except OSError:
        return None


class Sink(threading.Thread):
    """Takes bodies of any length and answers each with 200."""

    def __init__(self):
        super().__init__(daemon=True)
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.sock.getsockname()[1]
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=(self.sock.accept()[0],), daemon=True).start()

    @staticmethod
    def serve(s):
        room = memoryview(bytearray(1 << 20))
        while True:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = s.recv(65536)
                if not piece:
                    return
                head += piece
            head, _, rest = head.partition(b"\r\n\r\n")
            length = re.search(rb"content-length: *(\d+)", head, re.I)
            assert length or b"GET" in head[:4], head
            left = int(length[1]) - len(rest) if length else 0
            while left:
                n = s.recv_into(room, min(left, len(room)))
                if not n:
                    return
                left -= n
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


class Setup:
    """ours and peer: (port, Host) of the two ways to the backend; resolve: the two of /v1/resolve."""

    def __init__(self, w, big):
        self.servers, static, direct = [], harness.free_port(), harness.free_port()
        self.world = w
        w.vm("vm1")
        w.publish(w.allowlist("vm1"))
        backend = f"server {{ listen 127.0.0.1:{static}; location / {{ return 200 'hello'; }} location /big {{ root {w.dir}; }}"
        self.servers.append(nginx(w.dir / "backend", backend + " }"))
        if big:
            self.sink = Sink()
            with open(w.dir / "big", "wb") as f:
                f.truncate(big * BIG)

        class Port:
            port = static
        self.backend = static
        self.control = w.control(EE_LOG_LEVEL="warn", EE_ACCESS_LOG="off")  # as nginx beside it
        self.agent = w.agent(self.control, backend=Port, EE_LOG_LEVEL="warn")
        self.control.wait_allowed()
        body = harness.http("GET", self.control.url + "/v1/resolve/myapp")[2].decode()
        self.servers.append(nginx(w.dir / "peer", f"upstream b {{ server 127.0.0.1:{static}; keepalive 64; }}\n"
                                  f"server {{ listen 127.0.0.1:{direct};\n"
                                  f"location /resolve {{ default_type application/json; return 200 '{body}'; }}\n"
                                  f"location /up {{ proxy_pass http://127.0.0.1:{self.sink.port if big else static}; proxy_http_version 1.1;"
                                  " proxy_request_buffering off; }\n"
                                  "location / { proxy_pass http://b; proxy_http_version 1.1; proxy_set_header Connection '';\n"
                                  "proxy_request_buffering off; proxy_max_temp_file_size 0; } }"))
        if big:
            Port.port = self.sink.port
            w.agent(self.control, app="sink", backend=Port, EE_LOG_LEVEL="warn")
            self.sink_agent = w.daemons[-1]
            self.control.wait_allowed("sink")
        for port in (static, direct):
            harness.wait_for("nginx", lambda: try_get(port))
        self.peer_pids = workers(self.servers[-1])
        self.ours, self.peer = (self.control.proxy_port, "myapp.x"), (direct, "x")

    def stop(self):
        for s in self.servers:
            s.terminate()
            s.wait()


@contextlib.contextmanager
def setup(big=0):
    with tempfile.TemporaryDirectory(prefix="bench-") as where:
        w = harness.World(pathlib.Path(where))
        s = None
        try:
            s = Setup(w, big)
            yield s
        finally:
            if s:
                s.stop()
            w.close()


def wrk(url, host, connections, seconds):
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-H", f"Host: {host}", url],
                         capture_output=True, text=True, check=True).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", out)
    assert not bad, out
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])
