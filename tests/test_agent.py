"""What an agent does by itself, seen from outside: dead control planes, its app's health, its end."""
import json
import queue
import re
import signal
import threading
import time
from http import server as http_server

import pytest

import harness
import scripted


def test_a_frozen_control_plane_is_found_and_found_again(world):
    control = world.control()
    agent = world.agent(control)
    control.wait_allowed()
    control.proc.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        # 9.2 s by ws_conn.h's constants; the rest is room for a busy machine.
        agent.wait_log(r"event=disconnected .*reason=peer_idle", timeout=20)
        assert time.monotonic() - began > 2  # it was the ping, and nothing else
    finally:
        control.proc.send_signal(signal.SIGCONT)
    harness.wait_for("a second attestation", lambda: agent.log().count("event=attested") == 2, timeout=60)
    control.wait_allowed()


class App(http_server.ThreadingHTTPServer):
    """An app whose health is a row of words, each for one look: True, False; the last one stays."""
    daemon_threads = True

    def __init__(self, *words):
        self.words, self.looks = list(words), 0
        super().__init__(("127.0.0.1", 0), AppHandler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


class AppHandler(http_server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        well = True
        if self.path == "/well":
            self.server.looks += 1
            well = self.server.words.pop(0) if len(self.server.words) > 1 else self.server.words[0]
        self.send_response(200 if well else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def health(control):
    return control.resolve()[1]["health_status"]


def app(world, *words):
    backend = App(*words)
    world.backends.append(backend)
    return backend


def test_one_failed_look_changes_nothing(world):
    control = world.control()
    backend = app(world, True, False, True, False, True)
    agent = world.agent(control, backend=backend, EE_HEALTH_PATH="/well", EE_HEALTH_INTERVAL_SEC="1",
                        EE_LOG_LEVEL="debug")
    control.wait_allowed()
    agent.wait_log(r"(?s)event=probe_failed.*event=probe_failed")
    harness.wait_for("six looks", lambda: backend.looks >= 6)
    assert health(control) == "pass" and "backend_unhealthy" not in agent.log()
    backend.words = [False]
    control.wait_denied()
    assert health(control) == "fail"
    backend.words = [True]
    control.wait_allowed()


def test_successes_that_a_recovery_takes(world):
    control = world.control()
    backend = app(world, True)
    agent = world.agent(control, backend=backend, EE_HEALTH_PATH="/well", EE_HEALTH_INTERVAL_SEC="1",
                        EE_HEALTH_FAILURES="1", EE_HEALTH_SUCCESSES="3")
    control.wait_allowed()
    backend.words = [False, True, True, True]
    agent.wait_log("event=backend_unhealthy")
    looks = backend.looks
    harness.wait_for("a recovery", lambda: agent.log().count("event=backend_healthy") == 2)
    assert backend.looks - looks >= 3
    control.wait_allowed()


def test_a_start_with_grace_is_no_failure(world):
    control = world.control()
    slow = app(world, False)
    agent = world.agent(control, backend=slow, EE_HEALTH_PATH="/well", EE_START_GRACE_SEC="600")
    agent.wait_log("event=attested")
    harness.wait_for("some looks", lambda: slow.looks >= 3)  # one a second, though the interval is 30 s
    assert health(control) == "unknown" and control.resolve()[1]["reason"] == "unhealthy"
    slow.words = [True]
    control.wait_allowed()
    assert "backend_unhealthy" not in agent.log()


def test_a_start_without_grace_is_told(world):
    control = world.control()
    slow = app(world, False)
    agent = world.agent(control, backend=slow, EE_HEALTH_PATH="/well")
    agent.wait_log("event=backend_unhealthy")
    harness.wait_for("the word", lambda: health(control) == "fail")
    slow.words = [True]
    control.wait_allowed()


def ask_slow(world, control, seconds, **env):
    """An agent, and a request to its app that takes so long; gives the agent, a list that will hold
    the answer, and the request's thread."""
    backend = world.backend()
    agent = world.agent(control, backend=backend, **env)
    control.wait_allowed()
    got = []
    thread = threading.Thread(target=lambda: got.append(control.raw("myapp.x", f"/slow/{seconds}")), daemon=True)
    thread.start()
    harness.wait_for("the request", lambda: backend.seen)
    return agent, got, thread


def test_a_stop_finishes_what_runs_and_takes_no_more(world):
    control = world.control()
    agent, got, thread = ask_slow(world, control, 2)
    agent.proc.send_signal(signal.SIGTERM)
    control.wait_denied(timeout=1.5)
    assert not got, "the request ended before the agent was found leaving"
    thread.join(10)
    assert got[0][0] == 200
    assert agent.proc.wait(10) == 0 and "requests_cut" not in agent.log()


def test_a_stop_waits_no_longer_than_its_grace(world):
    control = world.control()
    agent, got, thread = ask_slow(world, control, 30, EE_GRACE_SEC="1")
    agent.proc.send_signal(signal.SIGTERM)
    assert agent.proc.wait(5) == 0
    agent.wait_log("event=requests_cut requests=1")
    thread.join(10)
    assert got[0][0] == 502


def test_a_second_signal_waits_for_nothing(world):
    control = world.control()
    agent, got, thread = ask_slow(world, control, 30)
    agent.proc.send_signal(signal.SIGTERM)
    agent.wait_log("event=stopping")
    agent.proc.send_signal(signal.SIGTERM)
    assert agent.proc.wait(2) == 0
    thread.join(10)
    assert got[0][0] == 502


def test_a_control_plane_that_restarts_is_dialled_again_soon(world):
    control = world.control()
    agent = world.agent(control)
    control.wait_allowed()
    control.stop()
    agent.wait_log("event=disconnected code=1012")
    control.start()
    control.wait_allowed(timeout=20)


def two_controls(world):
    return world.control(name="first"), world.control(name="second")


def both(*controls):
    return ",".join(f"ws://127.0.0.1:{c.port}/v1/tunnel" for c in controls)


def test_two_control_planes_are_served_at_once(world):
    first, second = two_controls(world)
    backend = world.backend()
    agent = world.agent(first, backend=backend, EE_CONTROL_WS=both(first, second))
    for control in (first, second):
        row = control.wait_allowed()
        assert row["freshness"] == "bound" and row["sealed"]  # with an audience of its own
        assert control.raw("myapp.x", f"/{control.name}")[0] == 200
    assert {s[1] for s in backend.seen} == {"/first", "/second"}
    assert agent.log().count("event=attested") == 2


def test_a_control_plane_that_is_gone_takes_no_other_with_it(world):
    first, second = two_controls(world)
    agent = world.agent(first, EE_CONTROL_WS=both(first, second))
    first.wait_allowed()
    second.wait_allowed()
    first.kill()
    agent.wait_log(f"event=disconnected .*control=http://127.0.0.1:{first.port}")
    assert second.raw("myapp.x")[0] == 200
    agent.wait_log(f"event=reconnecting .*control=http://127.0.0.1:{first.port}")
    assert f"event=disconnected code=1006 control=http://127.0.0.1:{second.port}" not in agent.log()
    first.killed = False
    first.start()
    first.wait_allowed()


def test_an_agent_takes_leave_of_all_its_control_planes(world):
    first, second = two_controls(world)
    agent = world.agent(first, EE_CONTROL_WS=both(first, second))
    first.wait_allowed()
    second.wait_allowed()
    agent.stop()
    assert agent.log().count("event=disconnected code=1001") == 2
    first.wait_denied()
    second.wait_denied()


def test_version_1_is_still_spoken(world):
    control = world.control()
    agent = world.agent(control, EE_TUNNEL_VERSION="1")
    control.wait_allowed()
    agent.wait_log("event=attested .*tunnel_version=1")
    status, _, body = control.raw("myapp.x", "/echo", "POST", b"hello")
    assert status == 200 and json.loads(body)["body"] == "hello"


LONG = 20 * 1024 * 1024  # more than version 1 carries in one message


def long_world(world):
    """A control plane and a backend behind version 2."""
    control, backend = world.control(), world.backend()
    agent = world.agent(control, backend=backend)
    control.wait_allowed()
    assert re.search("event=attested .*tunnel_version=2", agent.log())
    return control, backend


def test_a_long_answer_passes(world):
    control, _ = long_world(world)
    status, _, body = control.raw("myapp.x", f"/bytes/{LONG}")
    assert status == 200 and len(body) == LONG


def test_a_long_request_passes(world):
    control, backend = long_world(world)
    status, _, _ = control.raw("myapp.x", "/status/204", "PUT", b"x" * LONG)
    assert status == 204 and len(backend.seen[-1][3]) == LONG


def test_a_stream_that_has_begun_may_be_silent(world):
    """Longer than the backend has for the beginning of an answer."""
    backend = scripted.Backend()
    world.backends.append(backend)
    control = world.control()
    world.agent(control, backend=backend, EE_BACKEND_TIMEOUT_SEC="1")
    control.wait_allowed()

    def says_two(c, head):
        c.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        assert c.is_silent(2.5), "it was cut"
        c.send(b"6\r\nsecond\r\n0\r\n\r\n")
        return True
    backend.results = queue.Queue()
    backend.plays["/silent"] = says_two, backend.results
    status, _, body = control.raw("myapp.x", "/silent")
    assert (status, body) == (200, b"firstsecond") and backend.result()
