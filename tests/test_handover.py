"""One control plane takes over from another at sockets that outlive both, and nobody is refused."""
import fcntl
import json
import os
import signal
import socket
import subprocess
import threading

import harness

RESTARTS = int(os.environ.get("EE_RESTARTS", "5"))  # `./dev soak` asks for a hundred


class Activated(harness.Control):
    """Started with its sockets, as systemd does it."""

    def __init__(self, world, name="ee-control", **env):
        super().__init__(world, name, env)
        self.sockets = [socket.create_server(("127.0.0.1", p), backlog=512) for p in (self.port, self.proxy_port)]
        self.past = []

    def start(self):
        high = [fcntl.fcntl(s, fcntl.F_DUPFD, 60) for s in self.sockets]

        def place():
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)
        self.log_file = open(self.log_path, "ab")
        self.proc = subprocess.Popen(
            ["sh", "-c", 'export LISTEN_PID=$$; exec "$0"', harness.BUILD / "src" / "programs" / "ee-control"],
            env={**self.env, "LISTEN_FDS": "2", "LISTEN_FDNAMES": "control:proxy"}, stdin=subprocess.DEVNULL,
            stdout=self.log_file, stderr=self.log_file, preexec_fn=place, pass_fds=(3, 4))
        for fd in high:
            os.close(fd)
        return self

    def succeed(self):
        """Stop it and start the next at once, while it still finishes what it has."""
        self.proc.send_signal(signal.SIGTERM)
        self.past.append(self.proc)
        self.start()

    def stop(self, timeout=40):
        super().stop(timeout)
        for p in self.past:
            assert p.wait(40) == 0
        for s in self.sockets:
            s.close()


class Visitor(threading.Thread):
    """Asks again and again, each time on a new connection."""

    def __init__(self, control, path):
        super().__init__(daemon=True)
        self.control, self.path, self.counts, self.wrong, self.over = control, path, {}, [], threading.Event()
        self.start()

    def run(self):
        while not self.over.is_set():
            try:
                status, headers, body = self.control.raw("myapp.x", self.path)
            except Exception as e:  # refused, reset, or closed without an answer: what must not be
                self.wrong.append(repr(e))
                continue
            self.counts[status] = self.counts.get(status, 0) + 1
            if status != 200 and not (status in (403, 503) and "Proxy-Status" in headers):
                self.wrong.append((status, body))
            if status != 200:  # he comes again a little later
                self.over.wait(0.05)


def test_a_restart_refuses_nobody(world):
    control = world.add(Activated(world)).start()
    world.agent(control)
    control.wait_allowed()
    visitors = [Visitor(control, p) for p in ("/", "/", "/", "/slow/0.3", "/bytes/200000")]
    for n in range(RESTARTS):
        before = [v.counts.get(200, 0) for v in visitors]
        control.succeed()
        harness.wait_for("everybody to be served again",
                         lambda: all(v.counts.get(200, 0) > b + 2 for v, b in zip(visitors, before)), timeout=30)
    for v in visitors:
        v.over.set()
        v.join(20)
    assert [v.wrong for v in visitors] == [[]] * len(visitors), [v.counts for v in visitors]
    assert control.log().count("event=started") == RESTARTS + 1


def test_a_request_in_flight_outlives_its_control_plane_s_successor(world):
    control = world.add(Activated(world)).start()
    backend = world.backend()
    world.agent(control, backend=backend)
    control.wait_allowed()
    got = []
    t = threading.Thread(target=lambda: got.append(control.raw("myapp.x", "/slow/3")))
    t.start()
    harness.wait_for("the request", lambda: any(s[1] == "/slow/3" for s in backend.seen))
    old = control.proc
    control.succeed()
    control.wait_allowed()  # the next one serves
    assert not got and old.poll() is None
    t.join(10)
    assert got[0][0] == 200 and got[0][2] == b"late"
    assert old.wait(5) == 0


def test_registrations_pass_to_the_successor(world):
    control = world.add(Activated(world)).start()
    world.agent(control)
    before = control.wait_allowed()
    control.succeed()
    harness.wait_for("the next one", lambda: control.log().count("event=started") == 2)
    assert control.resolve()[1]["registered_at"] == before["registered_at"]
    control.wait_allowed()


def test_a_socket_of_a_name_that_is_not_known_is_refused(world):
    control = Activated(world, "strange")
    world.add(control)
    control.env = {**control.env}
    high = fcntl.fcntl(control.sockets[0], fcntl.F_DUPFD, 60)
    proc = subprocess.run(
        ["sh", "-c", 'export LISTEN_PID=$$; exec "$0"', harness.BUILD / "src" / "programs" / "ee-control"],
        env={**control.env, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "web"}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, preexec_fn=lambda: os.dup2(high, 3), pass_fds=(3,), timeout=20)
    os.close(high)
    assert proc.returncode == 1 and "listen_failed" in proc.stderr and "must be control or proxy" in proc.stdout + proc.stderr


def test_a_registry_in_use_is_waited_for_only_with_sockets(world):
    control = world.control()
    second = world.control(start=False, name="second", EE_DB_PATH=str(world.dir / "ee-control.db"))
    harness.Daemon.start(second)
    assert second.proc.wait(20) == 1
    assert "is open in another process" in second.log()
    second.proc = None
    assert control.get("/health")[0] == 200


def test_a_socket_that_is_handed_over_twice_is_refused(world):
    control = Activated(world, "twice")
    world.add(control)
    high = [fcntl.fcntl(control.sockets[0], fcntl.F_DUPFD, 60) for _ in range(2)]

    def place():
        os.dup2(high[0], 3)
        os.dup2(high[1], 4)
    proc = subprocess.run(
        ["sh", "-c", 'export LISTEN_PID=$$; exec "$0"', harness.BUILD / "src" / "programs" / "ee-control"],
        env={**control.env, "LISTEN_FDS": "2", "LISTEN_FDNAMES": "control:control"}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, preexec_fn=place, pass_fds=(3, 4), timeout=20)
    for fd in high:
        os.close(fd)
    assert proc.returncode == 1 and "more than one socket handed over as control" in proc.stderr


def test_a_challenge_while_it_stops_cuts_nothing(world):
    """The registry is closed by then: what stands, stands until its lease ends."""
    control = world.control(EE_ATTEST_INTERVAL_SEC="3", EE_ADMIN_TOKEN="t")
    backend = world.backend()
    agent = world.agent(control, backend=backend)
    control.wait_allowed()
    got = []
    t = threading.Thread(target=lambda: got.append(control.raw("myapp.x", "/slow/6")))
    t.start()
    harness.wait_for("the request", lambda: any(s[1] == "/slow/6" for s in backend.seen))
    challenges = agent.log().count("event=challenged")
    control.proc.send_signal(signal.SIGTERM)
    control.wait_log("event=stopping")
    status, _, body = harness.http("POST", control.url + "/v1/apps/myapp/attest", b"", {"Authorization": "Bearer t"})
    assert status == 503 and json.loads(body)["reason"] == "draining"
    t.join(15)
    assert got and got[0][0] == 200 and got[0][2] == b"late", control.log()[-2000:]
    assert agent.log().count("event=challenged") > challenges
    assert "event=refused" not in control.log()
    assert control.proc.wait(10) == 0
