"""Each write of the registry to its disk fails in turn: what could not be kept is refused by name, nothing is half there, what
was acknowledged stays, and the next write goes on."""
import json
import os
import pathlib
import sqlite3
import subprocess

import pytest

import harness
from harness import BUILD, HandAgent, http as ask, wait_for

EECTL = BUILD / "src" / "programs" / "eectl"
EVERY = int(os.environ.get("EE_DISK_FAULTS", "11"))  # `./dev soak faults` asks for each
FAULTS = [(call, error) for call in ("pwrite64", "fdatasync", "ftruncate") for error in ("EIO", "ENOSPC")]


class Faulty(harness.Control):
    """ee-control under strace, which lets the n-th call of a kind on the registry's files fail."""

    def __init__(self, world, path, call, error, n):
        super().__init__(world, f"faulty-{call}-{error}-{n}", {"EE_DB_PATH": str(path)})
        # -D: the program is our child, and strace beside it. LeakSanitizer cannot work under a tracer.
        self.trace = pathlib.Path(world.dir) / f"{self.name}.trace"
        self.prefix = ["strace", "-D", "-f", "-qq", "-o", self.trace, "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={n}",
                       *(a for end in ("", "-wal", "-shm", "-journal") for a in ("-P", f"{path}{end}"))]
        self.env["ASAN_OPTIONS"] += ":detect_leaks=0"

    def struck(self):
        return "(INJECTED)" in self.trace.read_text()


def admit(world, control, name, kept):
    """Admitted, or refused because of the disk."""
    hand = HandAgent(world, control, app=name, agent_id=name)
    hand.register().answer(hand.challenge())
    said = hand.ws.recv_type("status")
    assert said["reason"] in ("attested", "store_failed"), said
    if said["reason"] == "attested":
        kept.add(name)
    hand.ws.close()
    return said["reason"] == "attested"


def work(world, control, kept, bans):
    """All kinds of writes; a fault meets one of them, or none."""
    for name in ("one", "two"):
        admit(world, control, name, kept)
    status, _, body = ask("POST", control.url + "/v1/apps/three/ban", b"")
    assert status in (204, 503), body
    if status == 204:
        bans.add("three")
    else:
        assert json.loads(body)["reason"] == "store_failed"
    if "two" in kept:
        status, _, body = ask("DELETE", control.url + "/v1/apps/two")
        assert status in (200, 204, 503), body
        if status != 503:
            kept.discard("two")
    ask("POST", control.url + "/v1/backup")
    # It was one fault, be it in the last word on one of those: the disk is well again.
    wait_for("a registration that is kept", lambda: admit(world, control, "after", kept) and control.get("/ready")[0] == 200)


def on_disk(path):
    db = sqlite3.connect(path)
    try:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return ({r[0] for r in db.execute("SELECT name FROM app")}, {r[0] for r in db.execute("SELECT name FROM ban")})
    finally:
        db.close()


def one_fault(world, call, error, n):
    """False: the work has fewer such calls."""
    path = pathlib.Path(world.dir) / f"{call}-{error}-{n}.db"
    kept, bans = set(), set()
    control = world.add(Faulty(world, path, call, error, n))
    try:
        control.start()
    except AssertionError:
        # It does not begin on a disk that fails, and says why.
        assert control.proc.wait(10) == 1 and control.struck(), control.log()[-2000:]
        assert "reason=store_failed" in control.log() or "reason=store_corrupt" in control.log(), control.log()[-2000:]
        control.proc = None
    else:
        work(world, control, kept, bans)
        control.stop()
    world.daemons.remove(control)
    struck = control.struck()
    assert struck or n > 1
    after = world.control(name=f"after-{call}-{error}-{n}", EE_DB_PATH=str(path))
    admit(world, after, "later", kept)
    after.stop()
    world.daemons.remove(after)
    apps, banned = on_disk(path)
    assert kept <= apps and bans <= banned, (kept, apps, bans, banned)
    done = subprocess.run([EECTL, "audit", "verify", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return struck


@pytest.mark.parametrize("call,error", FAULTS)
def test_each_write_may_fail(tmp_path, call, error):
    world = harness.World(tmp_path)
    try:
        world.vm("vm1")
        world.publish(world.allowlist("vm1"))
        n, struck = 1, 0
        while one_fault(world, call, error, n):
            struck += 1
            n += EVERY
        print(f"{struck} faults, every {EVERY}. of {call}, {error}")
        assert struck
    finally:
        world.close()
