#!/usr/bin/python3
"""The whole chain (simulated platform, ee-control, ee-agent) in front of an app that answers GET / and POST / with 200
and the body that it got, for public suites of HTTP/1.1: prints the URL of the raw proxy listener and the Host that it
wants, and runs until it is ended.
usage: tests/tools/echo_chain.py [--port PORT]      EE_BUILD: the build folder"""
import http.server
import pathlib
import signal
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.dont_write_bytecode = True
import harness  # noqa: E402


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        """The request's body, piece by piece."""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while n := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(n)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
        elif n := int(self.headers.get("Content-Length") or 0):
            yield self.rfile.read(n)

    def answer(self):
        body = b"".join(self.body())
        self.send_response(200)
        self.send_header("Content-Type", self.headers.get("Content-Type", "application/octet-stream"))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *args):
        pass


class App(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Echo)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


def main():
    port = sys.argv[sys.argv.index("--port") + 1] if "--port" in sys.argv else None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with tempfile.TemporaryDirectory(prefix="echo-chain-") as where:
        w = harness.World(where)
        try:
            w.vm("vm1")
            w.publish(w.allowlist("vm1"))
            control = w.control(**({"EE_PROXY_PORT": port} if port else {}))
            w.agent(control, app="echo", backend=App())
            control.wait_allowed("echo")
            print(f"http://127.0.0.1:{port or control.proxy_port}/ Host: echo.test", flush=True)
            signal.pause()
        except KeyboardInterrupt:
            pass
        finally:
            w.close()


main()
