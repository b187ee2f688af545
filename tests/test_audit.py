"""The audit trail of the real daemons: every kind of row, its chain, its readers, copies, crashes and full disks."""
import contextlib
import hashlib
import http.client
import http.server
import itertools
import json
import os
import pathlib
import random
import re
import signal
import sqlite3
import subprocess
import threading
import time

import pytest

import harness
from harness import BUILD, HandAgent, http as ask, wait_for

EECTL = BUILD / "src" / "programs" / "eectl"
TOKEN = {"Authorization": "Bearer t0ken"}


def eectl(*args, env=None):
    done = subprocess.run([EECTL, *map(str, args)], capture_output=True, text=True, timeout=120,
                          env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **(env or {})})
    assert not harness.TROUBLE.search(done.stderr), done.stderr
    return done.returncode, done.stdout, done.stderr


def verify(path, *more):
    code, out, err = eectl("audit", "verify", path, *more)
    m = re.search(r"head: (\d+):([0-9a-f]{64})", out)
    return code, m and m[0][6:], err


def shown(path, *more):
    code, out, err = eectl("audit", "show", path, "--json", *more)
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


def check_chain(rows, prev="0" * 64, seq=0):
    """docs/audit.md, in other words than ours."""
    for row in rows:
        row = dict(row)
        digest = row.pop("hash")
        text = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert hashlib.sha256(text).hexdigest() == digest
        assert row["prev"] == prev and row["seq"] == seq + 1 and row["v"] == "easy-enclave/audit/1"
        prev, seq = digest, row["seq"]
    return f"{seq}:{prev}"


def page(control, query="", headers=None):
    status, _, body = ask("GET", f"{control.url}/v1/audit{query}", headers=headers or {})
    assert status == 200, body
    return json.loads(body)


def events_of(control, **filters):
    return [r["event"] for r in page(control, "?limit=1000")["rows"] if all(r[k] == v for k, v in filters.items())]


def copy_db(control, world, name="copy.db", url=None):
    out = pathlib.Path(world.dir) / name
    code, text, err = eectl("backup", url or control.url, out)
    assert code == 0, err
    return out, re.search(r"head: (\S+)", text)[1]


# -- what stands there --

def test_every_kind_of_row(world):
    control = world.control(EE_ATTEST_DEADLINE_SEC="2")
    hand = HandAgent(world, control)
    hand.admitted()
    assert ask("POST", control.url + "/v1/apps/myapp/attest", b"")[0] == 202
    hand.answer(hand.challenge())
    hand.ws.recv_type("status", reason="attested")
    # A quote that is genuine, of a VM that the allowlist does not know.
    world.vm("vm2", mrtd="ab" * 48)
    other = HandAgent(world, control, vm="vm2", agent_id="hand-2")
    other.register().answer(other.challenge())
    assert other.refused()[0]["reason"].startswith("measurement_mismatch")
    # A challenge that is missed ends the lease.
    assert ask("POST", control.url + "/v1/apps/myapp/attest", b"")[0] == 202
    hand.challenge()
    assert hand.refused()[0]["reason"] == "attestation_timeout"
    copy_db(control, world)
    assert ask("DELETE", control.url + "/v1/apps/myapp")[0] == 204
    assert ask("POST", control.url + "/v1/apps/myapp/ban", b"")[0] == 204
    assert ask("DELETE", control.url + "/v1/apps/myapp/ban")[0] == 204
    rows = page(control, "?limit=1000")["rows"]
    assert [r["event"] for r in rows] == ["started", "policy", "pinned", "attested", "attest_asked", "reattested", "refused",
                                          "attest_asked", "lease_ended", "backup", "removed", "banned", "ban_lifted"]
    by = {r["event"]: r for r in rows}
    for event in ("attested", "reattested"):
        row = by[event]
        assert (row["app_name"], row["agent_id"], row["repo"], row["release_tag"], row["network"], row["verdict"], row["reason"]) == (
            "myapp", "hand-1", harness.REPO, harness.TAG, "forge-1", "accepted", "attested")
        assert re.fullmatch("[0-9a-f]{64}", row["quote_sha256"]) and row["detail"].startswith("tcb=UpToDate")
        assert row["allowlist_sha256"] == by["pinned"]["allowlist_sha256"] == by["refused"]["allowlist_sha256"] != ""
    assert by["attested"]["quote_sha256"] != by["reattested"]["quote_sha256"]
    assert by["refused"]["verdict"] == "refused" and by["refused"]["reason"].startswith("measurement_mismatch")
    assert by["refused"]["agent_id"] == "hand-2" and by["refused"]["quote_sha256"]
    assert by["lease_ended"]["reason"] == "attestation_timeout"
    assert by["backup"]["detail"] == by["removed"]["detail"] == by["banned"]["detail"] == "by an admin, from 127.0.0.1"
    control.stop()
    rows = shown(control.env["EE_DB_PATH"])
    assert rows[-1]["event"] == "stopped"
    code, head, _ = verify(control.env["EE_DB_PATH"])
    assert code == 0 and head == check_chain(rows)
    # Started again: the same policy is not told twice, another one is.
    control.start()
    assert events_of(control)[-1] == "started"
    control.stop()
    control.env["EE_ATTEST_INTERVAL_SEC"] = "1800"
    control.start()
    assert events_of(control)[-2:] == ["started", "policy"]
    hand.ws.close()


def test_a_genuine_machine_that_is_not_let_in_fills_no_disk(world):
    control = world.control()
    world.vm("vm2", mrtd="ab" * 48)
    HandAgent(world, control).admitted()
    for n in range(75):
        hand = HandAgent(world, control, vm="vm2", agent_id=f"hand-{n}")
        hand.register().answer(hand.challenge())
        assert hand.refused()[0]["reason"].startswith("measurement_mismatch")
    control.stop()
    rows = shown(control.env["EE_DB_PATH"])
    told = sum(r["event"] == "refused" for r in rows)
    untold = sum(int(r["detail"].removeprefix("count=")) for r in rows if r["event"] == "refused_untold")
    assert 60 <= told <= 62 and told + untold == 75
    assert control.log().count("event=refused ") == 75


def test_bans_are_listed(world):
    control = world.control()
    for name in ("b", "c", "a"):
        assert ask("POST", f"{control.url}/v1/apps/{name}/ban", b"")[0] == 204
    status, body = control.get("/v1/bans")
    assert status == 200 and [b["app_name"] for b in body["bans"]] == ["a", "b", "c"] and (body["total"], body["next"]) == (3, None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body["bans"][0]["banned_at"])
    body = control.get("/v1/bans?limit=2")[1]
    assert [b["app_name"] for b in body["bans"]] == ["a", "b"] and body["next"] == "b"
    body = control.get("/v1/bans?limit=2&after=b")[1]
    assert [b["app_name"] for b in body["bans"]] == ["c"] and body["next"] is None
    for bad in ("limit=0", "limit=x", "after=%2e%2e"):
        assert control.get(f"/v1/bans?{bad}")[0] == 400


def test_a_removal_that_two_admins_ask_for_is_one(world):
    control = world.control()
    HandAgent(world, control).admitted()
    a, b = (http.client.HTTPConnection("127.0.0.1", control.port, timeout=20) for _ in range(2))
    control.proc.send_signal(signal.SIGSTOP)  # so that both are there at once
    for c in (a, b):
        c.request("DELETE", "/v1/apps/myapp")
    control.proc.send_signal(signal.SIGCONT)
    assert [c.getresponse().status for c in (a, b)] == [204, 204]
    assert events_of(control).count("removed") == 1
    assert ask("DELETE", f"{control.url}/v1/apps/myapp")[0] == 404


def test_a_stranger_writes_nothing(world):
    control = world.control()
    before = page(control)["head"]
    for n in range(3):
        hand = HandAgent(world, control, agent_id=f"hand-{n}")
        hand.register().answer(hand.challenge(), nonce="ab" * 32)
        assert hand.refused()[0]["reason"] == "nonce_mismatch"
    assert page(control)["head"] == before


def test_a_policy_that_is_read_again(world):
    path = world.dir / "networks.json"
    path.write_text(json.dumps({"networks": {"forge-1": {"sealed_only": True}}}))
    control = world.control(EE_NETWORKS_FILE=str(path))
    hand = HandAgent(world, control)
    hand.admitted()
    control.proc.send_signal(signal.SIGHUP)
    control.wait_log("networks_reloaded")
    assert events_of(control) == ["started", "policy", "pinned", "attested"]  # nothing has changed
    path.write_text(json.dumps({"networks": {"other": {"sealed_only": True}}}))
    control.proc.send_signal(signal.SIGHUP)
    assert hand.refused()[0]["reason"] == "policy"
    rows = page(control)["rows"][4:]
    assert sorted((r["event"], r["reason"]) for r in rows) == [("lease_ended", "policy"), ("policy", "")]


def test_a_verdict_that_comes_too_late_is_a_refusal(world):
    control = world.control(EE_VERIFY_TIMEOUT_SEC="1", EE_ATTEST_DEADLINE_SEC="1")
    assert ask("PUT", world.sim_url + "/sim/fault/github", {"delay_ms": 4000})[0] in (200, 201, 204)
    hand = HandAgent(world, control)
    hand.register().answer(hand.challenge())
    assert hand.refused()[0]["reason"] == "lease_expired"
    row = page(control)["rows"][-1]
    assert (row["event"], row["reason"], row["agent_id"]) == ("refused", "lease_expired", "hand-1") and row["quote_sha256"]


def test_a_pin_is_told_once_however_many_come(world):
    control = world.control()
    hands = [HandAgent(world, control, agent_id=f"hand-{n}").register() for n in range(5)]
    asked = [h.challenge() for h in hands]
    for h, c in zip(hands, asked):
        h.answer(c)
    for h in hands:
        h.ws.recv_type("status", reason="attested")
    assert events_of(control).count("pinned") == 1 and events_of(control).count("attested") == 5


# -- pages --

def test_pages(world):
    control = world.control(EE_ADMIN_TOKEN="t0ken")
    for path, method in (("/v1/audit", "GET"), ("/v1/events", "GET"), ("/v1/backup", "POST")):
        assert ask(method, control.url + path)[0] == 401, path
    hands = [HandAgent(world, control, app=app) for app in ("one", "two")]
    for hand in hands:
        hand.admitted()
    whole = page(control, "?limit=1000", TOKEN)
    assert whole["next"] is None and whole["head"] == check_chain(whole["rows"])
    got, after = [], 0
    while True:
        one = page(control, f"?limit=2&after={after}", TOKEN)
        got += one["rows"]
        after = one["next"]
        if after is None:
            break
    assert got[:len(whole["rows"])] == whole["rows"]
    rows = page(control, "?app=two", TOKEN)["rows"]
    assert rows and {r["app_name"] for r in rows} == {"two"}
    for bad in ("limit=0", "limit=1001", "limit=x", "after=-1", "after=", "app=..", "app=%00"):
        status, _, body = ask("GET", f"{control.url}/v1/audit?{bad}", headers=TOKEN)
        assert status == 400 and json.loads(body)["reason"] == "bad_request", bad


def test_pages_of_apps(world):
    control = world.control()
    hands = [HandAgent(world, control, app=app) for app in ("one", "two")]
    for hand in hands:
        hand.admitted()

    def apps(query):
        status, _, body = ask("GET", f"{control.url}/v1/apps{query}")
        return status, json.loads(body)

    assert apps("?limit=1")[1]["next"] == "one" and [a["app_name"] for a in apps("?limit=1000&after=one")[1]["apps"]] == ["two"]
    assert [a["app_name"] for a in apps("?after=on")[1]["apps"]] == ["one", "two"] and apps("?after=" + "z" * 63)[1]["apps"] == []
    for bad in ("limit=0", "limit=1001", "limit=x", "limit=", "limit=-1", "limit=99999999", "limit=" + "9" * 40, "limit=1%zz", "limit=1%00",
                "after=" + "a" * 70, "after=", "after=..", "after=a%zz", "after=a%00"):
        status, said = apps("?" + bad)
        assert status == 400 and said["reason"] == "bad_request" and bad.split("=")[0] in said["detail"], (bad, said)


# -- events --

class Stream:
    """A reader of server-sent events."""

    def __init__(self, control, query="", **headers):
        self.c = http.client.HTTPConnection("127.0.0.1", control.port, timeout=40)
        self.c.request("GET", "/v1/events" + query, headers={k.replace("_", "-"): v for k, v in headers.items()})
        self.r = self.c.getresponse()

    def block(self):
        lines = []
        while True:
            line = self.r.readline()
            if line in (b"", b"\n"):
                return lines if line else None
            lines.append(line.decode().rstrip("\n"))

    def row(self):
        while True:
            got = self.block()
            assert got is not None, "the stream has ended"
            if got[0].startswith("id: "):
                row = json.loads(got[1][len("data: "):])
                assert got[0] == f"id: {row['seq']}" and len(got) == 2
                return row

    def close(self):
        self.c.close()


def test_events_as_they_come_and_from_where_one_was(world):
    control = world.control()
    new, old = Stream(control), Stream(control, "?after=0")
    assert new.r.status == 200 and new.r.headers["Content-Type"] == "text/event-stream" and new.r.headers["Cache-Control"] == "no-store"
    assert [old.row()["event"] for _ in range(2)] == ["started", "policy"]
    HandAgent(world, control).admitted()
    for s in (new, old):
        assert [s.row()["event"] for _ in range(2)] == ["pinned", "attested"]
        s.close()
    HandAgent(world, control, agent_id="hand-2").admitted()
    again = Stream(control, Last_Event_ID="2")
    rows = [again.row() for _ in range(3)]
    assert [r["event"] for r in rows[:2]] == ["pinned", "attested"]
    whole = page(control)["rows"]
    assert rows == whole[2:5]
    for bad, query in (("x", ""), ("-1", ""), ("99999", ""), (None, "?after=x")):
        s = Stream(control, query, **({"Last_Event_ID": bad} if bad else {}))
        assert s.r.status == 400
        s.close()
    assert ask("HEAD", control.url + "/v1/events")[0] == 200
    # The end of the process ends the stream in good order.
    started = time.monotonic()
    control.stop()
    while again.block() is not None:
        pass
    assert time.monotonic() - started < 10
    again.close()


def test_a_silent_stream_has_a_heartbeat(world):
    control = world.control()
    s = Stream(control)
    assert s.block()[0].startswith(":")
    started = time.monotonic()
    assert s.block() == [":"] and 10 < time.monotonic() - started < 25
    s.close()


def many_rows(path, n):
    """Write n rows behind those of a file that nobody has open, as ee-control would."""
    db = sqlite3.connect(path)
    seq, prev = db.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    for _ in range(n):
        seq += 1
        row = {"agent_id": "", "allowlist_sha256": "", "app_name": "many", "at": 1, "detail": "d" * 250, "event": "filled", "network": "",
               "prev": prev.hex(), "quote_sha256": "", "reason": "", "release_tag": "", "repo": "", "seq": seq, "v": "easy-enclave/audit/1", "verdict": ""}
        digest = hashlib.sha256(json.dumps(row, sort_keys=True, separators=(",", ":")).encode()).digest()
        db.execute("INSERT INTO audit VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                   (seq, 1, "filled", "many", "", "", "", "", "", "", row["detail"], b"", b"", prev, digest))
        prev = digest
    db.commit()
    db.close()
    return seq


def rss(control):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{control.proc.pid}/status").read_text())[1])


def test_slow_readers_cost_a_bound_and_are_cut(world):
    control = world.control()
    control.stop()
    last = many_rows(control.env["EE_DB_PATH"], 40000)
    assert verify(control.env["EE_DB_PATH"])[0] == 0
    control.start()
    fast = Stream(control, "?after=0")
    assert [fast.row()["seq"] for _ in range(1000)] == list(range(1, 1001))
    before = rss(control)
    slow = [Stream(control, "?after=0") for _ in range(20)]  # some 25 MB each, that nobody reads
    while fast.row()["seq"] < last:
        pass
    assert ask("GET", control.url + "/health")[0] == 200
    if "asan" not in str(BUILD):
        assert rss(control) - before < 64 * 1024
    wait_for("all of them to be cut", lambda: control.log().count("event=events_cut") == len(slow), timeout=45)
    for s in slow:
        with pytest.raises((http.client.IncompleteRead, ConnectionError, AssertionError)):
            for _ in range(last + 10):
                s.row()
        s.close()
    assert page(control, f"?after={last}")["rows"]
    fast.close()


# -- copies --

def test_a_backup_while_agents_register(world):
    control = world.control(EE_ADMIN_TOKEN="t0ken")
    out = pathlib.Path(world.dir) / "a.db"
    assert eectl("backup", control.url, out)[0] == 2 and not out.exists()
    stop = threading.Event()

    def register():
        n = 0
        while not stop.is_set():
            n += 1
            HandAgent(world, control, app=f"app{n % 20}", agent_id=f"hand-{n}").admitted()

    t = threading.Thread(target=register)
    t.start()
    heads = []
    token = pathlib.Path(world.dir) / "token"
    token.write_text("t0ken\n")
    for n in range(5):
        out = pathlib.Path(world.dir) / f"copy{n}.db"
        env = {"EE_ADMIN_TOKEN": "t0ken"} if n % 2 else {"EE_ADMIN_TOKEN_FILE": str(token)}
        code, text, err = eectl("backup", control.url, out, env=env)
        assert code == 0, err
        assert out.stat().st_mode & 0o777 == 0o600
        code, head, _ = verify(out)
        assert code == 0 and head in text
        heads.append(head)
    stop.set()
    t.join()
    assert not [f for f in os.listdir(world.dir) if "being-made" in f or ".part" in f]
    assert eectl("backup", control.url, out, env={"EE_ADMIN_TOKEN": "t0ken"})[0] == 4  # it is there already
    # Each earlier head stands in the later copies and in the registry itself; no later one in an earlier copy.
    control.stop()
    for head in heads:
        assert verify(control.env["EE_DB_PATH"], "--head", head)[0] == 0
    assert verify(pathlib.Path(world.dir) / "copy0.db", "--head", heads[-1])[0] == 3
    # A copy is a registry: ee-control runs on it.
    second = world.control(name="second", EE_DB_PATH=str(out))
    assert second.resolve("app1")[1]["registration_state"] == "active" or second.resolve("app1")[1]["reason"] == "no_tunnel"


def test_where_there_is_no_control_plane(world):
    out = pathlib.Path(world.dir) / "x.db"
    assert eectl("backup", f"http://127.0.0.1:{harness.free_port()}", out)[0] == 2 and not out.exists()
    assert eectl("backup", world.sim_url, out)[0] == 2 and not out.exists()
    assert eectl("backup", "file:///etc/passwd", out)[0] == 1 and not out.exists()
    assert eectl("backup", world.sim_url)[0] == 1
    assert eectl("audit", "verify")[0] == 1
    assert eectl("audit", "verify", "x", "--head", "nonsense")[0] == 1
    assert eectl("audit", "show", "x", "--since", "yesterday")[0] == 1
    assert eectl("audit", "--help")[0] == eectl("backup", "--help")[0] == 0


def test_a_backup_leaves_files_of_other_people(world):
    control = world.control()
    path = control.env["EE_DB_PATH"]
    theirs = [pathlib.Path(path + tail) for tail in (".backup", ".backup-journal")]
    for f in theirs:
        f.write_text("an operator's\n")
    copy_db(control, world, "first.db")
    # In the very place where the copy is made: refused by name, and left.
    place = pathlib.Path(path + ".copy-being-made")
    for f in (place, pathlib.Path(f"{place}-journal")):
        f.write_text("an operator's\n")
        status, _, body = ask("POST", control.url + "/v1/backup")
        assert status == 503 and json.loads(body)["reason"] == "store_failed" and "no copy that was cut short" in body.decode()
        assert f.read_text() == "an operator's\n"
        f.unlink()
    assert all(f.read_text() == "an operator's\n" for f in theirs)
    # One of ours that a crash left is in nobody's way.
    place.write_bytes((pathlib.Path(world.dir) / "first.db").read_bytes())
    copy_db(control, world, "second.db")
    assert not place.exists()


# -- tampering --

GUARDS = "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; DROP TRIGGER audit_in_order;"


def test_what_was_changed_is_found(world):
    control = world.control()
    path = control.env["EE_DB_PATH"]
    HandAgent(world, control).admitted()
    code, _, err = verify(path)
    assert code == 4 and "is open in ee-control" in err
    control.stop()
    code, head, _ = verify(path)
    assert code == 0

    def bent(sql):
        out = pathlib.Path(world.dir) / "bent.db"
        out.unlink(missing_ok=True)
        out.write_bytes(pathlib.Path(path).read_bytes())
        db = sqlite3.connect(out)
        with pytest.raises(sqlite3.Error, match="append-only"):
            db.execute("UPDATE audit SET detail = ''")
        db.executescript(GUARDS + sql)
        db.close()
        return out

    code, _, err = verify(bent("UPDATE audit SET verdict = 'refused' WHERE seq = 4;"))
    assert code == 2 and "row 4 " in err
    code, _, err = verify(bent("DELETE FROM audit WHERE seq = 2;"))
    assert code == 2 and "row 2 " in err
    cut = bent("DELETE FROM audit WHERE seq > 3;")
    assert verify(cut)[0] == 0
    code, _, err = verify(cut, "--head", head)
    assert code == 3 and "cut off or written anew" in err
    assert verify(path, "--head", head.split(":")[1])[0] == 0
    db = sqlite3.connect(bent("PRAGMA user_version = 9;"))
    db.close()
    code, _, err = verify(pathlib.Path(world.dir) / "bent.db")
    assert code == 4 and "schema 9" in err
    not_one = pathlib.Path(world.dir) / "text.db"
    not_one.write_text("this is no database\n" * 100)
    assert verify(not_one)[0] == 4 and verify(pathlib.Path(world.dir) / "none.db")[0] == 4
    # ee-control does not go on behind a row that is not as it was written.
    bent("UPDATE audit SET detail = 'x' WHERE seq = (SELECT max(seq) FROM audit);")
    broken = world.control(start=False, name="broken", EE_DB_PATH=str(pathlib.Path(world.dir) / "bent.db"))
    harness.Daemon.start(broken)
    assert broken.proc.wait(20) > 0 and "is not as it was written" in broken.log()
    broken.proc = None


ENDLESS = ("CREATE VIEW audit AS WITH RECURSIVE r(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM r)"
           " SELECT seq, 0 AS at, '' AS event, '' AS app_name FROM r WHERE seq < 0;")


def test_a_view_is_no_trail(world):
    control = world.control()
    control.stop()
    whole = pathlib.Path(control.env["EE_DB_PATH"]).read_bytes()
    bent = pathlib.Path(world.dir) / "bent.db"
    for sql in ("DROP TABLE audit;" + ENDLESS, "DROP TABLE pin; CREATE VIEW pin AS SELECT 1;", "DROP TABLE app;", "CREATE VIEW more AS SELECT 1;",
                "CREATE TRIGGER more BEFORE INSERT ON app BEGIN SELECT 1; END;", "ALTER TABLE audit RENAME TO audit_2;" + ENDLESS):
        bent.write_bytes(whole)
        db = sqlite3.connect(bent)
        db.executescript(sql)
        db.close()
        for verb in ("verify", "show"):
            code, out, err = eectl("audit", verb, bent)
            assert code == 4 and not out and "other than a registry's tables" in err, (sql, err)

    class Liar(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(bent.read_bytes())

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Liar) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        out = pathlib.Path(world.dir) / "fetched.db"
        code, text, err = eectl("backup", f"http://127.0.0.1:{server.server_port}", out)
        assert code == 3 and not text and "other than a registry's tables" in err and not out.exists(), err


def test_show_for_people(world):
    control = world.control()
    HandAgent(world, control, app="one").admitted()
    HandAgent(world, control, app="two").admitted()
    control.stop()
    path = control.env["EE_DB_PATH"]
    code, text, _ = eectl("audit", "show", path)
    assert code == 0 and len(text.splitlines()) == len(shown(path))
    assert re.search(r"^4 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ attested app=one agent=hand-1 verdict=accepted reason=attested ", text, re.M)
    assert {r["app_name"] for r in shown(path, "--app", "two")} == {"two"}
    assert shown(path, "--since", "2100-01-01T00:00:00Z") == [] and shown(path, "--since", "2000-01-01T00:00:00Z") == shown(path)


# -- crashes and full disks --

CRASHES = int(os.environ.get("EE_CRASHES", "30"))  # `./dev soak crashes` asks for five hundred


class Load:
    """Agents that register, and an admin who bans and frees names, all at once, until ee-control is gone. What was
    acknowledged is noted."""

    def __init__(self, world):
        self.world, self.numbers, self.kept = world, itertools.count(1), {"attested": set(), "banned": set(), "removed": set()}
        self.said, self.changed = 0, threading.Condition()

    def keep(self, what, name):
        self.kept[what].add(name)
        with self.changed:
            self.said += 1
            self.changed.notify_all()

    def agents(self, control):
        with contextlib.suppress(Exception):
            while True:
                n = next(self.numbers)
                HandAgent(self.world, control, app=f"app{n % 7}", agent_id=f"hand-{n}").admitted()
                self.keep("attested", f"hand-{n}")

    def admin(self, control):
        with contextlib.suppress(Exception):
            while True:
                n = next(self.numbers)
                if ask("POST", f"{control.url}/v1/apps/bad{n}/ban", b"")[0] == 204:
                    self.keep("banned", f"bad{n}")
                HandAgent(self.world, control, app=f"gone{n}", agent_id=f"gone-{n}").admitted()
                if ask("DELETE", f"{control.url}/v1/apps/gone{n}")[0] == 204:
                    self.keep("removed", f"gone{n}")

    def until(self, control, acks):
        """The crash comes with the word on one change, wherever the changes of the others are then."""
        end = self.said + acks
        threads = [threading.Thread(target=work, args=(control,)) for work in (self.agents, self.agents, self.admin)]
        for t in threads:
            t.start()
        with self.changed:
            assert self.changed.wait_for(lambda: self.said >= end, timeout=60)
        control.kill()
        for t in threads:
            t.join()


def test_kill_9_at_any_moment_loses_no_row(world):
    control, load = world.control(EE_ADMISSION_RATE="100000"), Load(world)
    rng, heads = random.Random(7), []
    for _ in range(CRASHES):
        load.until(control, rng.randrange(60))
        code, head, err = verify(control.env["EE_DB_PATH"], *(("--head", heads[-1]) if heads else ()))
        assert code == 0, err
        heads.append(head)
        control.start()
    control.killed = False
    rows = shown_through(control)
    for event, names in load.kept.items():
        assert names <= {r["agent_id" if event == "attested" else "app_name"] for r in rows if r["event"] == event}, event
    assert len(load.kept["attested"]) > CRASHES and load.kept["banned"] and load.kept["removed"]
    # What the registry says of itself: all that was acknowledged, and nothing of what was freed.
    control.stop()
    db = sqlite3.connect(control.env["EE_DB_PATH"])
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    apps, banned, pins = ({r[0] for r in db.execute(q)} for q in ("SELECT name FROM app", "SELECT name FROM ban", "SELECT repo FROM pin"))
    db.close()
    assert {r["app_name"] for r in rows if r["agent_id"] in load.kept["attested"]} <= apps
    assert load.kept["banned"] <= banned and not load.kept["removed"] & apps and pins == {harness.REPO}
    print(f"{CRASHES} crashes, {len(rows)} rows, acknowledged: " + ", ".join(f"{len(v)} {k}" for k, v in load.kept.items()))


def shown_through(control):
    rows, after = [], 0
    while after is not None:
        one = page(control, f"?limit=1000&after={after}")
        rows += one["rows"]
        after = one["next"]
    check_chain(rows)
    return rows


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own of some kilobytes."""
    where = tmp_path / "small"
    where.mkdir()
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a tmpfs")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", where], capture_output=True).returncode != 0:
        pytest.skip("may not mount a tmpfs here")
    yield where
    subprocess.run(["umount", "-l", where], check=True)


def test_a_full_disk_is_named_and_survived(world, small_disk):
    path = small_disk / "ee-control.db"
    networks = world.dir / "networks.json"
    networks.write_text(json.dumps({"networks": {"forge-1": {"sealed_only": True}}}))
    control = world.control(EE_DB_PATH=str(path), EE_NETWORKS_FILE=str(networks))
    HandAgent(world, control, app="first").admitted()
    ballast = small_disk / "ballast"
    with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as f:
        while True:
            f.write(b"x" * 4096)
    # A copy needs room: it is refused by name, and nothing of it stays.
    status, _, body = ask("POST", control.url + "/v1/backup")
    assert status == 503 and json.loads(body)["reason"] == "store_failed" and "full" in body.decode()
    assert sorted(os.listdir(small_disk))[0] == "ballast" and not [f for f in os.listdir(small_disk) if "being-made" in f]
    # Admissions are refused by name, and none of them is half there.
    refused, hands = [], []
    for n in range(200):
        hand = HandAgent(world, control, app=f"full{n}", agent_id=f"hand-{n}")
        hands.append(hand)  # one that left would write, too, and less: that may find room
        hand.register().answer(hand.challenge())
        said = hand.ws.recv_type("status")
        if said["state"] == "invalid":
            refused.append(said["reason"])
            break
    assert refused == ["store_failed"]
    assert "database or disk is full" in control.log() and control.get("/ready")[1]["reason"] == "store_failed"
    # What cannot be told now is told when there is room again.
    networks.write_text(json.dumps({"networks": {"forge-1": {"sealed_only": True}, "other": {}}}))
    control.proc.send_signal(signal.SIGHUP)
    control.wait_log("event=networks_reloaded")
    control.wait_log("event=audit_failed")
    ballast.unlink()
    assert ask("POST", control.url + "/v1/apps/nobody/ban", b"")[0] == 204
    assert control.get("/ready")[0] == 200
    control.proc.send_signal(signal.SIGHUP)
    wait_for("the policy", lambda: [r["event"] for r in shown_through(control)].count("policy") == 2)
    hand = HandAgent(world, control, app="after", agent_id="after")
    hand.admitted()
    rows = shown_through(control)
    assert "after" in {r["app_name"] for r in rows}
    control.stop()
    assert verify(path)[0] == 0
    hand.ws.close()
