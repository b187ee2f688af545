"""Starts the real daemons on free loopback ports, in a directory of their own, for tests and for
the demo. Whatever is started is stopped; a sanitizer's report or a crash fails the test."""
import contextlib
import hashlib
import http.client as http_module
from http import server as http_server
import json
import os
import pathlib
import random
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import wsclient

TOP = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("EE_BUILD", TOP / "build"))
REPO, TAG = "example/service", "v0.1.3"
TROUBLE = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|Assertion")


held = []


def free_port():
    """A port below those that the kernel gives to outgoing connections, so that none takes it. It stays bound here, as
    a server that says SO_REUSEADDR does not mind, so that no other test run is given it before that server listens."""
    while True:
        port = random.randint(20000, 32000)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            s.close()
            held.append(socket.socket())
            held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held[-1].bind(("127.0.0.1", port))
            return port


def wait_for(what, fn, timeout=20, every=0.05):
    """Call fn until it gives something true; return that."""
    end = time.monotonic() + timeout
    while True:
        got = fn()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout} s in vain for {what}")
        time.sleep(every)


def http(method, url, body=None, headers=None, timeout=20):
    """One request; returns (status, headers, body bytes)."""
    m = re.match(r"https?://([^/:]+):(\d+)(/.*)?$", url)
    if url.startswith("https:"):  # who is there is for the tests of TLS to ask
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        c = http_module.HTTPSConnection(m[1], int(m[2]), timeout=timeout, context=context)
    else:
        c = http_module.HTTPConnection(m[1], int(m[2]), timeout=timeout)
    try:
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        c.request(method, m[3] or "/", body=body, headers=headers or {})
        r = c.getresponse()
        return r.status, r.headers, r.read()
    finally:
        c.close()


class Daemon:
    """One process with its log in a file."""

    prefix = ()  # of the command

    def __init__(self, where, program, name=None, env=None, args=()):
        self.program, self.name = program, name or program
        self.args, self.log_path = list(args), pathlib.Path(where) / f"{name or program}.log"
        self.env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8",
                    "ASAN_OPTIONS": "abort_on_error=0:exitcode=99", "UBSAN_OPTIONS": "halt_on_error=1"}
        for k in ("LD_PRELOAD", "HOME"):
            if k in os.environ:
                self.env[k] = os.environ[k]
        self.env.update(env or {})
        self.proc = None

    def start(self):
        self.log_file = open(self.log_path, "ab")
        self.proc = subprocess.Popen([*self.prefix, BUILD / "src" / "programs" / self.program, *self.args],
                                     env=self.env, stdin=subprocess.DEVNULL, stdout=self.log_file,
                                     stderr=self.log_file)
        return self

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait_log(self, pattern, timeout=20):
        def look():
            if self.proc.poll() is not None and not re.search(pattern, self.log()):
                raise AssertionError(f"{self.name} ended with {self.proc.returncode}:\n{self.log()[-3000:]}")
            return re.search(pattern, self.log())
        return wait_for(f"{pattern!r} in the log of {self.name}", look, timeout)

    def stop(self, timeout=20):
        """SIGTERM; it must end by itself, cleanly."""
        if self.proc and self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
            try:
                self.proc.wait(timeout)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
                raise AssertionError(f"{self.name} did not end at SIGTERM:\n{self.log()[-3000:]}")
        self.check()

    def kill(self):
        """SIGKILL, as a crash of the machine would."""
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        self.killed = True

    killed = False

    def check(self):
        text = self.log()
        assert not TROUBLE.search(text), f"{self.name}:\n{text[-6000:]}"
        if self.proc and not self.killed:
            assert self.proc.returncode == 0, f"{self.name} exit {self.proc.returncode}:\n{text[-3000:]}"


class EchoHandler(http_server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        n = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(n)
        self.server.seen.append((self.command, self.path, self.headers, body))
        if self.path.startswith("/status/"):
            out, status = b"", int(self.path.split("/")[2])
        elif self.path.startswith("/slow/"):
            self.server.release.wait(float(self.path.split("/")[2]))
            out, status = b"late", 200
        elif self.path.startswith("/bytes/"):
            out, status = b"x" * int(self.path.split("/")[2]), 200
        else:
            out = json.dumps({"method": self.command, "path": self.requestline.split()[1], "body": body.decode("latin-1"),
                              "headers": [[k, v] for k, v in self.headers.items()]}).encode()
            status = 200
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Backend", "echo")
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(out)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = answer

    def log_message(self, *args):
        pass


class Backend(http_server.ThreadingHTTPServer):
    """The app behind an agent: says what it was asked."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), EchoHandler)
        self.port, self.seen, self.release = self.server_address[1], [], threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.release.set()
        self.shutdown()
        self.server_close()


class World:
    """A directory, a simulated TDX platform with GitHub, and what a test adds to it."""

    def __init__(self, where):
        self.dir, self.daemons, self.backends = pathlib.Path(where), [], []
        port = free_port()
        self.sim_url = f"http://127.0.0.1:{port}"
        self.sim = self.add(Daemon(self.dir, "ee-sim", env={
            "EE_SIM_PORT": str(port), "EE_SIM_STATE": str(self.dir / "sim")}))
        (self.dir / "sim").mkdir()
        self.sim.start()
        wait_for("ee-sim", lambda: self.up(self.sim, self.sim_url + "/sim/root.pem"))
        self.vms = {}

    def up(self, daemon, url):
        if daemon.proc.poll() is not None:
            raise AssertionError(f"{daemon.name} ended with {daemon.proc.returncode}:\n{daemon.log()[-3000:]}")
        with contextlib.suppress(OSError, http_module.HTTPException):
            return http("GET", url)[0] < 500

    def add(self, daemon):
        self.daemons.append(daemon)
        return daemon

    # -- the simulated world --
    def vm(self, name, **settings):
        """Make a simulated VM; gives its registers."""
        status, _, body = http("PUT", f"{self.sim_url}/sim/vm/{name}", settings)
        assert status in (200, 201, 204), body
        status, _, body = http("GET", f"{self.sim_url}/sim/vm/{name}")
        assert status == 200, body
        self.vms[name] = json.loads(body)
        return self.vms[name]

    def quote(self, vm, report_data):
        status, _, body = http("POST", f"{self.sim_url}/sim/vm/{vm}/quote", {"report_data": report_data.hex()})
        assert status == 200, body
        return json.loads(body)["quote"]

    def publish(self, allowlist, repo=REPO, tag=TAG, asset="agent-attestation-allowlist.json"):
        body = allowlist if isinstance(allowlist, bytes) else json.dumps(allowlist).encode()
        status, _, answer = http("PUT", f"{self.sim_url}/sim/releases/{repo}/{tag}/{asset}", body)
        assert status in (200, 201, 204), answer

    def allowlist(self, vm="vm1", tag=TAG, **claims):
        """The allowlist that pins a VM's registers and its claims."""
        r = self.vms.get(vm) or self.vm(vm)
        pins = {k: r[k] for k in ("mrtd", "rtmr1", "rtmr2")}
        pins.update({"vm_image_id": "image-1", "sealed": True})
        pins.update(claims)
        return {"version": "1.0", "release_tag": tag, "created_at": "2026-01-01T00:00:00Z", "measurements": pins}

    # -- daemons --
    def control(self, start=True, name="ee-control", **env):
        c = Control(self, name, env)
        self.add(c)
        return c.start() if start else c

    def agent(self, control, vm="vm1", name=None, sealed=True, app="myapp", network="forge-1", backend=None,
              claims=None, **env):
        if backend is None:
            backend = self.backend()
        if vm not in self.vms:
            self.vm(vm)
        name = name or f"agent-{len(self.daemons)}"
        path = self.dir / f"{name}.claims.json"
        path.write_text(json.dumps(claims or {"vm_image_id": "image-1", "sealed": sealed}))
        (self.dir / name).mkdir(exist_ok=True)
        settings = {"EE_CONTROL_WS": f"ws://127.0.0.1:{control.port}/v1/tunnel", "EE_REPO": REPO,
                    "EE_RELEASE_TAG": TAG, "EE_APP_NAME": app, "EE_NETWORK": network,
                    "EE_BACKEND_URL": f"http://127.0.0.1:{backend.port}", "EE_CLAIMS_FILE": str(path),
                    "EE_QUOTE_PROVIDER": f"sim:{self.sim_url}/sim/vm/{vm}", "EE_STATE_DIR": str(self.dir / name)}
        settings.update(env)
        return self.add(Daemon(self.dir, "ee-agent", name=name, env=settings)).start()

    def backend(self):
        b = Backend()
        self.backends.append(b)
        return b

    def close(self):
        failures = []
        for d in reversed(self.daemons):
            try:
                if d.proc:
                    d.stop()
            except AssertionError as e:
                failures.append(str(e))
        for b in self.backends:
            b.stop()
        assert not failures, "\n".join(failures)


class Control(Daemon):
    def __init__(self, world, name, env):
        self.world, self.port, self.proxy_port = world, free_port(), free_port()
        self.url = f"{'https' if 'EE_TLS_CERT' in env else 'http'}://127.0.0.1:{self.port}"
        settings = {"EE_CONTROL_BIND": "127.0.0.1", "EE_CONTROL_PORT": str(self.port),
                    "EE_PROXY_PORT": str(self.proxy_port), "EE_PCCS_URL": world.sim_url,
                    "EE_GITHUB_API_URL": world.sim_url, "EE_DCAP_ROOT_CA": str(world.dir / "sim" / "root_ca.pem"),
                    "EE_DB_PATH": str(world.dir / f"{name}.db"),
                    "EE_COLLATERAL_DIR": str(world.dir / f"{name}.collateral")}
        settings.update(env)
        super().__init__(world.dir, "ee-control", name=name, env={k: v for k, v in settings.items() if v is not None})

    def start(self):
        super().start()
        wait_for(self.name, lambda: self.world.up(self, self.url + "/health"))
        return self

    def get(self, path, **headers):
        status, h, body = http("GET", self.url + path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        return status, json.loads(body) if "json" in (h.get("Content-Type") or "") else body

    def resolve(self, app="myapp"):
        return self.get(f"/v1/resolve/{app}")

    def wait_allowed(self, app="myapp", timeout=30):
        def look():
            status, body = self.resolve(app)
            return body if status == 200 and body["allowed"] else None
        try:
            return wait_for(f"{app} to be allowed", look, timeout)
        except AssertionError as e:
            raise AssertionError(f"{e}: {self.resolve(app)}\n{self.log()[-3000:]}") from None

    def wait_denied(self, app="myapp", timeout=30):
        def look():
            status, body = self.resolve(app)
            return body if status == 403 else None
        return wait_for(f"{app} to be denied", look, timeout)

    def proxy(self, app="myapp", **payload):
        return http("POST", f"{self.url}/v1/proxy/{app}", payload)

    def raw(self, host, path="/", method="GET", body=None, headers=None):
        return http(method, f"http://127.0.0.1:{self.proxy_port}{path}", body, {"Host": host, **(headers or {})})


# -- an agent by hand: every field can be wrong --
def jcs(value):
    """RFC 8785 for the values that tests use: ASCII names, strings, booleans, integers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class HandAgent:
    """Speaks the tunnel's messages one by one, so that a test can lie in any of them."""

    def __init__(self, world, control, vm="vm1", app="myapp", network="forge-1", repo=REPO, tag=TAG,
                 agent_id="hand-1", sealed=True, backend="loopback", context=None):
        self.world, self.control, self.vm = world, control, vm
        if vm not in world.vms:
            world.vm(vm)
        self.identity = {"repo": repo, "release_tag": tag, "app_name": app, "network": network, "agent_id": agent_id}
        self.audience = control.url
        self.claims = {"vm_image_id": "image-1", "sealed": sealed, "agent_sha256": "00" * 32,
                       "agent_config": {"control": self.audience, "ca": "system", "backend": backend}}
        self.ws = wsclient.WebSocket(control.port, context=context)

    def register(self, **changes):
        self.ws.send({"type": "register", **self.identity, **changes})
        return self

    def challenge(self):
        return self.ws.recv_type("attest_request")

    def report_data(self, nonce, claims=None, **changes):
        binding = {"v": "easy-enclave/attest/2", "nonce": nonce, "audience": self.audience, "channel": "",
                   **self.identity, **changes}
        return hashlib.sha256(jcs(claims or self.claims)).digest() + hashlib.sha256(jcs(binding)).digest()

    def answer(self, challenge, quote=None, report_data=None, claims=None, nonce=None):
        rd = report_data or self.report_data(challenge["nonce"])
        self.ws.send({"type": "attest_response", "nonce": nonce or challenge["nonce"],
                      "quote": quote or self.world.quote(self.vm, rd), "report_data": rd.hex(),
                      "measurements": claims or self.claims})
        return self

    def admitted(self):
        self.register().answer(self.challenge())
        return self.ws.recv_type("status", reason="attested")

    def refused(self):
        """The fatal status, then the close: gives (status message, close)."""
        status = self.ws.recv_type("status", state="invalid")
        try:
            while True:
                self.ws.recv()
        except wsclient.Closed as end:
            return status, end

    def health(self, status="pass"):
        self.ws.send({"type": "health", "status": status})
        return self
