"""A lease that ends cuts what runs under it, at once, and says why: to the visitor, the agent, the log."""
import json
import re
import signal
import socket
import threading
import time

import pytest

import harness
from harness import http

DAY = 86400


class Events(harness.EchoHandler):
    """Server-sent events for as long as anybody listens."""

    def answer(self):
        if self.path != "/events":
            return super().answer()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while not self.server.release.wait(0.05):
                self.wfile.write(b"9\r\ndata: x\n\n\r\n")
        except OSError:
            self.server.cut.append(time.monotonic())

    do_GET = answer


class Listener(threading.Thread):
    """A visitor of a stream: notes when it ended, and whether it ended whole."""

    def __init__(self, control, app="myapp"):
        super().__init__(daemon=True)
        self.s = socket.create_connection(("127.0.0.1", control.proxy_port), timeout=60)
        self.s.sendall(f"GET /events HTTP/1.1\r\nHost: {app}.x\r\n\r\n".encode())
        self.got, self.ended = b"", None
        self.start()

    def run(self):
        try:
            while data := self.s.recv(65536):
                self.got += data
        except OSError:
            pass
        self.ended = time.monotonic()

    def wait_events(self):
        harness.wait_for("events", lambda: self.got.count(b"data: x") > 3)
        assert self.got.startswith(b"HTTP/1.1 200 ")
        return self

    def wait_cut(self, within, since):
        self.join(within + 10)
        assert self.ended, "the stream goes on"
        assert self.ended - since < within, f"it went on for {self.ended - since:.2f} s"
        assert not self.got.endswith(b"0\r\n\r\n"), "it looks whole"


class Asker(threading.Thread):
    """A visitor who waits for an answer whose head does not come."""

    def __init__(self, control):
        super().__init__(daemon=True)
        self.control, self.answer = control, None
        self.start()

    def run(self):
        self.answer = self.control.raw("myapp.x", "/slow/60")

    def wait_reason(self, reason):
        self.join(15)
        status, headers, _ = self.answer
        assert status == 403 and f'details="{reason}"' in headers["Proxy-Status"], (status, headers["Proxy-Status"])
        assert "connection_terminated" in headers["Proxy-Status"] or "destination_unavailable" in headers["Proxy-Status"]


@pytest.fixture
def backend(world):
    b = world.backend()
    b.RequestHandlerClass, b.cut = Events, []
    return b


def lease_ended(control, reason, streams):
    line = control.wait_log(rf"event=lease_ended reason={reason} .*")[0]
    assert f" streams={streams} " in line + " ", line
    last = re.search(r" last_byte=(\S+)", line)[1]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", last)
    return line


def visit(control, backend, n=2):
    listeners = [Listener(control) for _ in range(n)]
    asker = Asker(control)
    for v in listeners:
        v.wait_events()
    harness.wait_for("the asker's request", lambda: any(s[1] == "/slow/60" for s in backend.seen))
    return listeners, asker


def test_a_missed_challenge_cuts_streams(world, backend):
    control = world.control(EE_ATTEST_DEADLINE_SEC="2", EE_PROXY_TIMEOUT_SEC="60")
    agent = world.agent(control, backend=backend)
    control.wait_allowed()
    listeners, asker = visit(control, backend)
    world.sim.proc.send_signal(signal.SIGSTOP)  # the agent gets no quote
    try:
        asked = time.monotonic()
        assert http("POST", f"{control.url}/v1/apps/myapp/attest")[0] == 202
        for v in listeners:
            v.wait_cut(3, asked)
            assert v.ended - asked > 1.5, "it did not wait for the deadline"
        asker.wait_reason("attestation_timeout")
        lease_ended(control, "attestation_timeout", 3)
        agent.wait_log("attestation_timeout")
        harness.wait_for("the backend to see it", lambda: len(backend.cut) == 2)
        assert control.resolve()[1]["reason"] in ("no_tunnel", "attestation_pending")
    finally:
        world.sim.proc.send_signal(signal.SIGCONT)


def test_an_admin_who_removes_an_app_cuts_its_streams(world, backend):
    control = world.control(EE_PROXY_TIMEOUT_SEC="60")
    agent = world.agent(control, backend=backend)
    control.wait_allowed()
    listeners, asker = visit(control, backend)
    asked = time.monotonic()
    assert http("DELETE", f"{control.url}/v1/apps/myapp")[0] == 204
    for v in listeners:
        v.wait_cut(1, asked)
    asker.wait_reason("admin_removed")
    lease_ended(control, "admin_removed", 3)
    agent.wait_log("admin_removed")


def test_a_ban_cuts_streams_and_lasts(world, backend):
    control = world.control(EE_PROXY_TIMEOUT_SEC="60")
    agent = world.agent(control, backend=backend)
    control.wait_allowed()
    listeners, asker = visit(control, backend)
    asked, url = time.monotonic(), f"{control.url}/v1/apps/myapp/ban"
    assert http("POST", url)[0] == 204
    for v in listeners:
        v.wait_cut(1, asked)
    asker.wait_reason("app_banned")
    lease_ended(control, "app_banned", 3)
    agent.wait_log("app_banned")
    assert control.resolve()[1]["reason"] == "app_banned"
    control.stop()
    control.start()  # it is on disk, and removing the app does not lift it
    assert control.resolve()[1]["reason"] == "app_banned"
    assert http("DELETE", f"{control.url}/v1/apps/myapp")[0] == 204
    hand = harness.HandAgent(world, control)
    hand.register()
    assert hand.refused()[0]["reason"] == "app_banned"
    assert http("DELETE", url)[0] == 204 and http("DELETE", url)[0] == 404
    hand = harness.HandAgent(world, control)
    hand.admitted()
    hand.ws.close()


def test_the_end_of_a_registration_cuts_its_streams(world, backend, tmp_path):
    clock = tmp_path / "clock"
    clock.write_text("0")
    control = world.control(EE_REGISTRATION_TTL_DAYS="1", EE_REGISTRATION_WARN_DAYS="0", EE_PROXY_TIMEOUT_SEC="60",
                            LD_PRELOAD=str(harness.BUILD / "tests" / "tools" / "wallclock.so"), WALLCLOCK_FILE=str(clock))
    agent = world.agent(control, backend=backend)
    control.wait_allowed()
    registered = time.time()
    listeners, asker = visit(control, backend)
    clock.write_text(str(DAY - 6 - int(time.time() - registered)))
    # The next admission looks at the new clock; being periodic, it renews nothing.
    assert json.loads(http("POST", f"{control.url}/v1/apps/myapp/attest")[2])["challenged"] == 1
    for v in listeners:
        v.wait_cut(registered + 8 - time.time(), time.monotonic())
    asker.wait_reason("registration_expired")
    lease_ended(control, "registration_expired", 3)
    agent.wait_log("registration_expired")


def test_a_lost_agent_is_told_of_with_what_it_took_along(world, backend):
    control = world.control(EE_PROXY_TIMEOUT_SEC="60")
    agent = world.agent(control, backend=backend)
    control.wait_allowed()
    listeners = [Listener(control).wait_events()]
    killed = time.monotonic()
    agent.kill()
    listeners[0].wait_cut(1, killed)
    lease_ended(control, "tunnel_lost", 1)


def test_an_answer_in_time_cuts_nothing(world, backend):
    control = world.control(EE_ATTEST_INTERVAL_SEC="1", EE_ATTEST_DEADLINE_SEC="5")
    world.agent(control, backend=backend)
    control.wait_allowed()
    v = Listener(control).wait_events()
    harness.wait_for("some attestations", lambda: control.log().count("event=attested") > 4)
    assert not v.ended and "lease_ended" not in control.log()
    v.s.shutdown(socket.SHUT_RDWR)


def test_challenges_on_demand_reach_every_replica(world):
    control = world.control()
    for n in (1, 2):
        world.agent(control)
    control.wait_allowed()
    harness.wait_for("both", lambda: control.get("/v1/apps/myapp")[1]["replicas"]["serving"] == 2)
    before = control.log().count("event=attested")
    status, _, body = http("POST", f"{control.url}/v1/apps/myapp/attest")
    assert status == 202 and json.loads(body) == {"app_name": "myapp", "challenged": 2}
    harness.wait_for("both to answer", lambda: control.log().count("event=attested") == before + 2)
    assert http("POST", f"{control.url}/v1/apps/nobody/attest")[0] == 404
    assert http("GET", f"{control.url}/v1/apps/myapp/attest")[0] == 405
