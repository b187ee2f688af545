"""Evidence of the real daemons: taken as it stands and made fresh, repeated offline, tampered with, asked of agents that
are slow, gone or lie."""
import base64
import hashlib
import http.server
import json
import os
import pathlib
import secrets
import sqlite3
import subprocess
import threading

import pytest

import harness
import test_networks
import test_tls
import wsclient
from harness import BUILD, HandAgent, http as ask, jcs, wait_for

EECTL = BUILD / "src" / "programs" / "eectl"
DOMAIN = "easy-enclave/evidence/1"
PLENTY = {"EE_EVIDENCE_RATE": "1000"}


def eectl(world, *args):
    done = subprocess.run([EECTL, "evidence", "verify", *map(str, args), "--root-ca", world.dir / "sim" / "root_ca.pem"],
                          capture_output=True, text=True, timeout=120, env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"})
    assert not harness.TROUBLE.search(done.stderr), done.stderr
    return done.returncode, done.stdout, done.stderr


def checked(world, document, *args):
    """What eectl says of a document: exit code, reason, and the steps' results by name."""
    path = pathlib.Path(world.dir) / "evidence.json"
    path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    code, out, err = eectl(world, path, "--json", *args)
    if not out:
        return code, err.split(": ")[1], {}
    told = json.loads(out)
    assert told["accepted"] == (code == 0) == all(r["accepted"] for r in told["replicas"])
    return code, told["reason"], {c["name"]: c["result"] for c in told["replicas"][0]["checks"]}


def get(control, app="myapp", query=""):
    status, _, body = ask("GET", f"{control.url}/v1/evidence/{app}{query}")
    return status, json.loads(body), body


def evidence_of(control, app="myapp", query=""):
    status, told, body = get(control, app, query)
    assert status == 200, told
    return told, body


def post(control, nonce, app="myapp", **more):
    status, headers, body = ask("POST", f"{control.url}/v1/evidence/{app}", {"nonce": nonce, **more})
    return status, json.loads(body), headers


class Later(threading.Thread):
    """A POST that waits for an agent which the test plays."""

    def __init__(self, control, nonce, **more):
        super().__init__(daemon=True)
        self.args, self.more, self.answer = (control, nonce), more, None
        self.start()

    def run(self):
        self.answer = post(*self.args, **self.more)

    def result(self):
        self.join(30)
        assert self.answer, "no answer"
        return self.answer


def hand(world, control, **how):
    a = HandAgent(world, control, **how)
    a.register(tunnel_version="2").answer(a.challenge())
    a.ws.recv_type("status", reason="attested")
    return a


def respond(agent, request, quote=None, claims=None, report_data=None, **binding):
    rd = report_data or agent.report_data(request["nonce"], **{"v": DOMAIN, **binding})
    agent.ws.send({"type": "evidence_response", "request_id": request["request_id"],
                   "quote": quote or agent.world.quote(agent.vm, rd), "report_data": rd.hex(),
                   "measurements": claims or agent.claims})


# -- as it stands --

def test_it_holds_offline_and_by_other_means(world):
    control = world.control()
    world.agent(control)
    control.wait_allowed()
    told, body = evidence_of(control)
    assert told["v"] == "easy-enclave/evidence-document/1" and told["trust_root"] == "custom" and told["next"] is None
    (replica,) = told["replicas"]
    record, quote = replica["verification"], base64.b64decode(replica["quote"])
    # In other words than ours: both halves of the report data, the allowlist's digest, the collateral's.
    report_data = quote[48 + 520:48 + 584]
    assert hashlib.sha256(jcs(record["claims"])).digest() == report_data[:32]
    assert hashlib.sha256(jcs(record["binding"])).digest() == report_data[32:]
    allowlist = base64.b64decode(told["allowlists"][record["allowlist_sha256"]])
    assert hashlib.sha256(allowlist).hexdigest() == record["allowlist_sha256"]
    assert json.loads(allowlist) == world.allowlist("vm1")
    at = body.index(b'"collateral":{"') + len('"collateral":{"') + 66
    raw = body[at:]
    text = json.JSONDecoder().raw_decode(raw.decode())
    assert hashlib.sha256(raw[:text[1]]).hexdigest() == record["collateral_sha256"]
    assert record["binding"]["audience"] == control.url and record["binding"]["v"] == "easy-enclave/attest/2"
    assert record["policy"]["sealed_only"] is True and record["policy"]["tcb_accept"] == ["UpToDate"]
    code, reason, steps = checked(world, body)
    assert (code, reason) == (0, "ok") and set(steps.values()) == {"ok", "not asked"}
    assert checked(world, body, "--now")[0] == 0
    assert eectl(world, f"{control.url}/v1/evidence/myapp")[0] == 0
    assert eectl(world, f"{control.url}/v1/evidence/myapp", "--app", "myapp")[0] == 0
    assert eectl(world, f"{control.url}/v1/evidence/myapp", "--app", "other")[0] == 3
    # Parts of it are what `eectl verify` takes.
    (world.dir / "q").write_bytes(quote)
    (world.dir / "c").write_text(json.dumps(told["collateral"][record["collateral_sha256"]]))
    assert subprocess.run([EECTL, "verify", "--quote", world.dir / "q", "--collateral", world.dir / "c", "--at",
                           record["verified_at"], "--root-ca", world.dir / "sim" / "root_ca.pem"],
                          capture_output=True).returncode == 0
    # Without its root it is nobody's; long before, or long after, nothing of it was in force.
    done = subprocess.run([EECTL, "evidence", "verify", world.dir / "evidence.json"], capture_output=True, text=True)
    assert done.returncode == 3 and "FAILED" in done.stdout and "REFUSED" in done.stdout
    assert checked(world, body, "--at", "1000000000")[0] == 4
    assert checked(world, body, "--at", "2100-01-01T00:00:00Z")[0] == 4


def test_people_read_every_step(world):
    control = world.control()
    world.agent(control)
    control.wait_allowed()
    (world.dir / "e.json").write_bytes(evidence_of(control)[1])
    code, out, _ = eectl(world, world.dir / "e.json")
    assert code == 0 and out.count("  ok ") == 9 and "ACCEPTED under a root of your own" in out
    assert world.vms["vm1"]["mrtd"] in out


def bend(document, path, value):
    """A copy with one member another; path by dots."""
    copy = at = json.loads(json.dumps(document))
    *way, last = path.split(".")
    for k in way:
        at = at[int(k) if isinstance(at, list) else k]
    at[last] = value(at[last]) if callable(value) else value
    return copy


def flipped(text, at):
    raw = bytearray(base64.b64decode(text))
    raw[at] ^= 1
    return base64.b64encode(raw).decode()


def test_each_tampering_is_named(world):
    control = world.control()
    world.agent(control)
    control.wait_allowed()
    told, body = evidence_of(control)
    whole = json.loads(body)
    v, sha = "replicas.0.verification.", whole["replicas"][0]["verification"]["allowlist_sha256"]
    other = base64.b64encode(b'{"measurements":{"vm_image_id":"image-2"}}').decode()
    cases = [
        ("replicas.0.quote", lambda q: flipped(q, 100), 3, "quote_signature", "quote"),
        ("replicas.0.quote", lambda q: flipped(q, 800), 3, "qe_report_signature", "quote"),
        ("replicas.0.quote", lambda q: q[:400], 2, "quote_truncated", "quote"),
        (v + "claims.vm_image_id", "image-2", 3, "claims_mismatch", "claims"),
        (v + "claims.sealed", False, 3, "claims_mismatch", "claims"),
        (v + "binding.nonce", "00" * 32, 3, "binding_mismatch", "binding"),
        (v + "binding.audience", "https://evil.example", 3, "binding_mismatch", "binding"),
        (v + "binding.channel", "00", 3, "binding_mismatch", "binding"),
        (v + "binding.v", DOMAIN, 3, "binding_mismatch", "binding"),
        (v + "repo", "example/other", 3, "binding_mismatch", "binding"),
        (v + "binding.repo", "example/other", 3, "evidence_differs", "identity"),
        (v + "binding.agent_id", "someone", 3, "evidence_differs", "identity"),
        (v + "policy.network", "sandbox-1", 3, "evidence_differs", "identity"),
        ("app_name", "other", 3, "evidence_differs", "identity"),
        ("allowlists." + sha, other, 3, "evidence_differs", "allowlist_digest"),
        ("allowlists", {}, 6, "evidence_incomplete", "allowlist_digest"),
        ("collateral", {}, 6, "evidence_incomplete", "collateral_digest"),
        (v + "tcb_status", "OutOfDate", 3, "evidence_differs", "record"),
        (v + "advisory_ids", ["INTEL-SA-1"], 3, "evidence_differs", "record"),
        (v + "sealed", False, 3, "evidence_differs", "record"),
        (v + "policy.tcb_accept", ["OutOfDate"], 5, "tcb_status_rejected:UpToDate", "network"),
        (v + "verified_at", "2001-01-01T00:00:00Z", 4, None, "quote"),
        (v + "verdict", "refused", 2, "evidence_malformed", None),
        (v + "freshness", "none", 2, "evidence_malformed", None),
        (v + "policy", None, 2, "evidence_malformed", None),
        ("v", "easy-enclave/evidence-document/9", 2, "evidence_malformed", None),
        ("replicas", [], 2, "evidence_malformed", None),
    ]
    for path, value, code, reason, step in cases:
        # The collateral stays byte by byte what it was, but where it is what is bent.
        bent = json.dumps(bend(whole, path, value)).encode()
        bent = keep_collateral(bent, body) if whole["collateral"] and path != "collateral" else bent
        got = checked(world, bent)
        assert got[0] == code and reason in (None, got[1]), (path, got)
        assert step is None or got[2][step] != "ok", (path, got)
    # An entry that never matched, with its digest put right.
    bent = bend(bend(whole, "allowlists", {hashlib.sha256(base64.b64decode(other)).hexdigest(): other}),
                v + "allowlist_sha256", hashlib.sha256(base64.b64decode(other)).hexdigest())
    got = checked(world, keep_collateral(json.dumps(bent).encode(), body))
    assert got[1] == "measurement_mismatch:vm_image_id" and got[2]["allowlist"] == "failed"
    # One byte of what Intel signed.
    bent = body.replace(b'tcbEvaluationDataNumber', b'tcbEvaluationDataNumbex', 1)
    code, reason, steps = checked(world, bent)
    assert code in (2, 3) and steps["collateral_digest"] == "failed" and steps["quote"] == "failed"
    for junk in (b"", b"[]", b"{", body[:-3], b"\xff" * 50, b'{"v":1}'):
        assert checked(world, junk)[:2] == (2, "evidence_malformed")
    assert eectl(world, world.dir / "none.json")[0] == 1


def keep_collateral(document, original):
    """json.dumps writes what it read with other blanks: put the original bytes of the collateral back."""
    told = json.loads(original)
    (sha,) = told["collateral"]
    start = original.index(b'"collateral":{"') + len('"collateral":{"') + 66
    raw = original[start:start + json.JSONDecoder().raw_decode(original[start:].decode())[1]]
    again = json.dumps(told["collateral"][sha]).encode()
    assert again in document
    return document.replace(again, raw)


def test_wrong_calls(world):
    for args in ([], ["x"], ["verify"], ["verify", "a", "b"], ["verify", "a", "--nonce", "00"], ["verify", "a", "--bad"],
                 ["verify", "a", "--at", "soon"], ["verify", "a", "--at"], ["verify", "a", "--now", "--at", "1"],
                 ["verify", "a", "--root-ca", "/none"], ["verify", "http://127.0.0.1:1/"]):
        done = subprocess.run([EECTL, "evidence", *args], capture_output=True, text=True)
        assert done.returncode == 1 and done.stderr and not done.stdout, args
    done = subprocess.run([EECTL, "evidence", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "--nonce" in done.stdout


def test_a_private_repository_keeps_its_list(world):
    world.publish(world.allowlist("vm1"), repo="example/secret", asset="agent-attestation-allowlist.json?private=true")
    control = world.control(EE_GITHUB_TOKEN="t0ken")
    a = HandAgent(world, control, repo="example/secret")
    a.admitted()
    told, body = evidence_of(control)
    record = told["replicas"][0]["verification"]
    assert record["allowlist_private"] is True and told["allowlists"] == {}
    asset = json.dumps(world.allowlist("vm1")).encode()
    assert record["allowlist_sha256"] == hashlib.sha256(asset).hexdigest()
    code, reason, steps = checked(world, body)
    assert (code, reason) == (6, "evidence_incomplete") and steps["binding"] == "ok" and steps["allowlist"] == "not checked"
    (world.dir / "list").write_bytes(asset)
    assert checked(world, body, "--allowlist", world.dir / "list")[0] == 0
    (world.dir / "list").write_bytes(asset + b" ")
    assert checked(world, body, "--allowlist", world.dir / "list")[:2] == (3, "evidence_differs")


def test_whom_there_is_evidence_of(world):
    control = world.control(**PLENTY)
    assert get(control)[0] == 404 and get(control)[1]["reason"] == "unknown_app"
    assert get(control, "No%20App")[1]["reason"] == "unknown_app"
    a, b = hand(world, control), hand(world, control, agent_id="hand-2")
    ids = [r["verification"]["agent_id"] for r in evidence_of(control)[0]["replicas"]]
    assert ids == ["hand-1", "hand-2"]
    told, body = evidence_of(control)
    assert len(told["collateral"]) == len(told["allowlists"]) == 1
    assert checked(world, body)[0] == 0
    # Page by page, and one by one.
    first = evidence_of(control, query="?limit=1")[0]
    assert first["next"] == "hand-1" and len(first["replicas"]) == 1
    second = evidence_of(control, query="?limit=1&after=hand-1")[0]
    assert second["next"] is None and second["replicas"][0]["verification"]["agent_id"] == "hand-2"
    assert len(evidence_of(control, query="?agent_id=hand-2")[0]["replicas"]) == 1
    assert get(control, query="?agent_id=hand-3")[0] == 503
    for query in ("?limit=0", "?limit=65", "?limit=x", "?after=%00", "?agent_id=", "?agent_id=a&after=b", "?after=a%2fb"):
        status, told, _ = get(control, query=query)
        assert (status, told["reason"]) == (400, "bad_request"), query
    # Attested again: the last one counts.
    before = evidence_of(control, query="?agent_id=hand-1")[0]["replicas"][0]["quote"]
    assert ask("POST", control.url + "/v1/apps/myapp/attest", b"")[0] == 202
    a.answer(a.challenge())
    a.ws.recv_type("status", reason="attested")
    b.answer(b.challenge())
    b.ws.recv_type("status", reason="attested")
    assert evidence_of(control, query="?agent_id=hand-1")[0]["replicas"][0]["quote"] != before
    # A failed attempt of another changes nothing.
    world.vm("vm2", mrtd="ab" * 48)
    liar = HandAgent(world, control, vm="vm2", agent_id="hand-9")
    liar.register().answer(liar.challenge())
    liar.refused()
    assert len(evidence_of(control)[0]["replicas"]) == 2
    # A newer tunnel of the same agent: its evidence stays when the older one goes.
    again = hand(world, control)
    with pytest.raises(wsclient.Closed):
        while True:
            a.ws.recv()
    assert len(evidence_of(control)[0]["replicas"]) == 2
    # The replicas go, and with them what was known of them.
    again.ws.close()
    wait_for("one replica", lambda: len(evidence_of(control)[0]["replicas"]) == 1)
    b.ws.close()
    wait_for("none", lambda: get(control)[0] == 503)
    assert get(control)[1]["reason"] == "no_tunnel"
    control.stop()
    db = sqlite3.connect(control.env["EE_DB_PATH"])
    assert db.execute("SELECT count(*) FROM evidence").fetchone() == db.execute("SELECT count(*) FROM blob").fetchone() == (0,)


def test_it_goes_with_the_app_and_with_the_process(world):
    control = world.control(**PLENTY)
    a = hand(world, control)
    assert ask("DELETE", control.url + "/v1/apps/myapp")[0] == 204
    assert get(control)[1]["reason"] == "unknown_app"
    a.refused()
    b = hand(world, control)
    assert evidence_of(control)
    control.kill()
    db = sqlite3.connect(control.env["EE_DB_PATH"])
    assert db.execute("SELECT count(*) FROM evidence").fetchone() == (1,)
    db.close()
    b.ws.close()
    control.killed = False
    control.start()
    assert get(control)[1]["reason"] == "no_tunnel"
    c = hand(world, control)
    assert checked(world, evidence_of(control)[1])[0] == 0
    c.ws.close()


def test_reads_are_limited_by_address(world):
    control = world.control()
    a = hand(world, control)
    seen = [get(control)[0] for _ in range(80)]
    assert seen[:50] == [200] * 50 and 429 in seen
    status, headers, body = ask("GET", f"{control.url}/v1/evidence/myapp")
    assert (status, json.loads(body)["reason"], headers["Retry-After"]) == (429, "rate_limited", "1") or status == 200
    a.ws.close()


# -- fresh --

def test_a_visitors_nonce(world):
    control = world.control(**PLENTY)
    world.agent(control)
    control.wait_allowed()
    nonce = secrets.token_hex(32)
    status, told, _ = post(control, nonce)
    assert status == 200
    record = told["replicas"][0]["verification"]
    assert record["binding"]["nonce"] == nonce and record["binding"]["v"] == DOMAIN
    url = f"{control.url}/v1/evidence/myapp"
    assert eectl(world, url, "--nonce", nonce)[0] == 0
    raw = ask("POST", url, {"nonce": nonce})[2]
    assert checked(world, raw, "--nonce", nonce)[0] == 0
    assert checked(world, raw, "--nonce", "00" * 32)[:2] == (3, "nonce_mismatch")
    # What stands there answers the control plane's challenge, and nobody's nonce.
    told, body = evidence_of(control)
    theirs = told["replicas"][0]["verification"]["binding"]["nonce"]
    assert checked(world, body, "--nonce", theirs)[:2] == (3, "nonce_mismatch")
    # It is served all the while, and was challenged no more than once.
    assert control.proxy(method="GET", path="/")[0] == 200
    agent = record["agent_id"]
    assert post(control, nonce, agent_id=agent)[0] == 200
    assert post(control, nonce, agent_id="another")[:2] == (503, {
        "type": "about:blank", "title": "Service Unavailable", "status": 503, "reason": "no_tunnel",
        "detail": "no replica that was asked for is attested"})


def test_old_evidence_is_no_answer_to_a_nonce(world):
    """A control plane that gives yesterday's collateral with today's quote says so of itself; whoever asks now judges as of now."""
    control = world.control(**PLENTY)
    world.agent(control)
    control.wait_allowed()
    nonce = "cd" * 32
    raw = ask("POST", f"{control.url}/v1/evidence/myapp", {"nonce": nonce})[2]
    bent = raw.replace(b'"verified_at":"2', b'"verified_at":"1', 1)

    class Old(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            assert json.loads(self.rfile.read(int(self.headers["Content-Length"]))) == {"nonce": nonce}
            self.send_response(200)
            self.send_header("Content-Length", str(len(bent)))
            self.end_headers()
            self.wfile.write(bent)

        def log_message(self, *args):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Old)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/v1/evidence/myapp"
    code, out, _ = eectl(world, url, "--nonce", nonce, "--json")
    told = json.loads(out)["replicas"][0]
    assert code == 0 and told["verified_at"].startswith("1") and told["at"].startswith("20")
    assert eectl(world, url, "--nonce", nonce, "--at", told["verified_at"])[0] == 4
    server.shutdown()
    server.server_close()


def test_what_is_no_request(world):
    control = world.control(**PLENTY)
    a = hand(world, control)
    url = f"{control.url}/v1/evidence/myapp"
    for body in (b"", b"[]", b"{}", b'{"nonce":1}', b'{"nonce":"00"}', b'{"nonce":"' + b"zz" * 32 + b'"}',
                 b'{"nonce":"' + b"00" * 33 + b'"}', b'{"nonce":"%s","nonce":"%s"}' % (b"00" * 32, b"00" * 32),
                 b'{"nonce":"%s","agent_id":7}' % (b"00" * 32), b'{"nonce":"%s","agent_id":"a b"}' % (b"00" * 32)):
        status, _, answer = ask("POST", url, body)
        assert (status, json.loads(answer)["reason"]) == (400, "bad_request"), body
    assert ask("POST", url, b"x" * 5000)[0] == 413
    assert post(control, "00" * 32, app="nobody")[1]["reason"] == "unknown_app"
    assert ask("PUT", url, b"")[0] == 405
    a.ws.close()


def test_quotes_for_one_purpose_do_not_serve_the_other(world):
    control = world.control(EE_ATTEST_DEADLINE_SEC="20", **PLENTY)
    a = hand(world, control)
    # The control plane's nonce is known to the agent, and a visitor's to the visitor: neither helps.
    later = Later(control, "11" * 32)
    request = a.ws.recv_type("evidence_request")
    assert request["nonce"] == "11" * 32 and request["deadline_s"] == 20
    respond(a, request, v="easy-enclave/attest/2")
    status, told, _ = later.result()
    assert (status, told["reason"]) == (502, "evidence_failed") and "binding_mismatch" in told["detail"]
    assert "evidence_refused" in control.log()
    b = HandAgent(world, control, agent_id="hand-2")
    b.register(tunnel_version="2")
    challenge = b.challenge()
    b.answer(challenge, report_data=b.report_data(challenge["nonce"], v=DOMAIN))
    status, end = b.refused()
    assert (status["reason"], status["cause"]) == ("report_data_mismatch", "binding_mismatch") and end.code == 1008


def test_what_a_lying_agent_makes_is_not_passed_on(world):
    world.vm("vm2", mrtd="ab" * 48)
    same = {k: world.vms["vm1"][k] for k in ("mrtd", "rtmr1", "rtmr2")}
    world.vm("vm3", debug=True, **same)
    world.vm("vm4", tcb="OutOfDate", **same)
    world.vm("vm5", revoked=True, **same)
    control = world.control(**PLENTY)
    a = hand(world, control)

    def lie(cause, **how):
        later = Later(control, secrets.token_hex(32))
        request = a.ws.recv_type("evidence_request")
        how = how["make"](request) if "make" in how else how
        respond(a, request, **how)
        status, told, _ = later.result()
        assert (status, told["reason"]) == (502, "evidence_failed") and cause in told["detail"], (cause, told)
        assert "replicas" not in told

    lie("binding_mismatch", report_data=a.report_data("22" * 32, v=DOMAIN))
    lie("binding_mismatch", audience="https://evil.example")
    lie("binding_mismatch", app_name="another")
    lie("claims_mismatch", claims={"sealed": True})
    lie("report_data_mismatch", report_data=b"\0" * 64, quote=world.quote("vm1", b"\1" * 64))
    lie("freshness_missing", report_data=hashlib.sha256(jcs(a.claims)).digest() + b"\0" * 32)
    lie("measurement_mismatch", make=lambda r: {"quote": world.quote("vm2", a.report_data(r["nonce"], v=DOMAIN))})
    lie("debug_td", make=lambda r: {"quote": world.quote("vm3", a.report_data(r["nonce"], v=DOMAIN))})
    lie("tcb_status_rejected:OutOfDate", make=lambda r: {"quote": world.quote("vm4", a.report_data(r["nonce"], v=DOMAIN))})
    lie("pck_revoked", make=lambda r: {"quote": world.quote("vm5", a.report_data(r["nonce"], v=DOMAIN))})
    lie("quote_signature", make=lambda r: {"quote": flipped(world.quote("vm1", a.report_data(r["nonce"], v=DOMAIN)), 100)})
    lie("dcap_verification_failed", quote="AAAA*")
    lie("quote_truncated", quote="AAAA")
    # It still serves, its challenge is another matter; and an honest answer is still taken.
    later = Later(control, "33" * 32)
    respond(a, a.ws.recv_type("evidence_request"))
    assert later.result()[0] == 200
    # An answer without a proof breaks the protocol.
    later = Later(control, "44" * 32)
    request = a.ws.recv_type("evidence_request")
    a.ws.send({"type": "evidence_response", "request_id": request["request_id"]})
    assert later.result()[:2][1]["reason"] == "tunnel_lost" and later.result()[0] == 502


def test_what_an_agent_says_instead(world):
    control = world.control(**PLENTY)
    a = hand(world, control)
    for word, status, reason in (("agent_busy", 503, "agent_busy"), ("evidence_failed", 502, "evidence_failed"),
                                 ("<b>", 502, "evidence_failed")):
        later = Later(control, "11" * 32)
        request = a.ws.recv_type("evidence_request")
        # Not asked for, or not by that name: nobody's.
        respond(a, {**request, "request_id": "999999"})
        a.ws.send({"type": "evidence_response", "request_id": request["request_id"], "error": word})
        got = later.result()
        assert (got[0], got[1]["reason"]) == (status, reason) and "<b>" not in json.dumps(got[1])
    respond(a, request)  # late, and twice
    respond(a, request)
    later = Later(control, "22" * 32)
    respond(a, a.ws.recv_type("evidence_request"))
    assert later.result()[0] == 200


def test_slow_and_absent_agents(world):
    control = world.control(EE_ATTEST_DEADLINE_SEC="1", **PLENTY)
    a = hand(world, control)
    later = Later(control, "11" * 32)
    request = a.ws.recv_type("evidence_request")
    status, told, _ = later.result()
    assert (status, told["reason"]) == (504, "evidence_timeout")
    respond(a, request)  # too late
    later = Later(control, "22" * 32)
    second = a.ws.recv_type("evidence_request")
    assert second["nonce"] == "22" * 32
    a.ws.close()
    status, told, _ = later.result()
    assert (status, told["reason"]) == (502, "tunnel_lost")
    wait_for("nobody", lambda: post(control, "11" * 32)[1]["reason"] == "no_tunnel")


def test_one_at_a_time_and_few_behind_it(world):
    control = world.control(EE_ATTEST_DEADLINE_SEC="20", **PLENTY)
    a = hand(world, control)
    asks = [Later(control, f"{0:064x}")]
    request = a.ws.recv_type("evidence_request")
    asks += [Later(control, f"{i:064x}") for i in range(1, 5)]
    # Seven more: four wait, in some order, and three are told so at once.
    asks += [Later(control, f"{i:064x}") for i in range(5, 8)]
    wait_for("three that are refused", lambda: sum(t.answer is not None for t in asks) == 3)
    seen = {request["nonce"]}
    for _ in range(4):
        respond(a, request)
        request = a.ws.recv_type("evidence_request")
        seen.add(request["nonce"])
    respond(a, request)
    answers = [t.result() for t in asks]
    assert sorted(s for s, _, _ in answers) == [200] * 5 + [429] * 3
    for status, told, headers in answers:
        nonce = status == 200 and told["replicas"][0]["verification"]["binding"]["nonce"]
        assert nonce in seen if nonce else (told["reason"] == "rate_limited" and headers["Retry-After"])
    assert len(seen) == 5


def test_who_leaves_frees_his_place_but_not_the_agents_work(world):
    control = world.control(EE_ATTEST_DEADLINE_SEC="20", **PLENTY)
    a = hand(world, control)
    with pytest.raises(TimeoutError):
        ask("POST", f"{control.url}/v1/evidence/myapp", {"nonce": "11" * 32}, timeout=0.5)
    request = a.ws.recv_type("evidence_request")
    later = Later(control, "22" * 32)
    respond(a, request)
    second = a.ws.recv_type("evidence_request")
    assert second["nonce"] == "22" * 32
    respond(a, second)
    assert later.result()[0] == 200


def test_fresh_evidence_is_limited(world):
    control = world.control()
    world.agent(control)
    control.wait_allowed()
    got = [post(control, "11" * 32) for _ in range(9)]
    statuses = [g[0] for g in got]
    assert statuses[:4] == [200] * 4 and 429 in statuses
    limited = next(g for g in got if g[0] == 429)
    assert limited[1]["reason"] == "rate_limited" and limited[2]["Retry-After"] == "1"


def test_first_agents_cannot(world):
    control = world.control(**PLENTY)
    a = HandAgent(world, control)
    a.admitted()
    assert evidence_of(control)
    status, told, _ = post(control, "11" * 32)
    assert (status, told["reason"]) == (501, "evidence_unsupported")
    # One that can is asked, whoever stands beside it.
    b = hand(world, control, agent_id="hand-2")
    later = Later(control, "11" * 32)
    respond(b, b.ws.recv_type("evidence_request"))
    assert later.result()[0] == 200
    assert post(control, "11" * 32, agent_id="hand-1")[0] == 501


def test_a_challenge_goes_first_and_both_are_answered(world):
    control = world.control(EE_ATTEST_INTERVAL_SEC="1", **PLENTY)
    world.agent(control)
    control.wait_allowed()
    for i in range(8):
        status, told, _ = post(control, f"{i:064x}")
        assert status == 200 or told["reason"] == "agent_busy", told
    assert control.resolve()[1]["allowed"]
    assert "missed" not in control.log()


def test_stopping_ends_what_waits(world):
    control = world.control(EE_GRACE_SEC="1", **PLENTY)
    a = hand(world, control)
    later = Later(control, "11" * 32)
    a.ws.recv_type("evidence_request")
    control.proc.terminate()
    status, told, _ = later.result()
    assert status in (502, 503) and told["reason"] in ("tunnel_lost", "draining")
    control.stop()


def test_idle_tunnels_hold_none_of_it(world):
    """A hundred tunnels with large claims: what is on disk is not in memory, too."""
    control = world.control(**PLENTY)
    first = hand(world, control)
    del first

    def rss():
        return int(pathlib.Path(f"/proc/{control.proc.pid}/statm").read_text().split()[1]) * 4096
    tunnels = []
    for i in range(20):
        tunnels.append(HandAgent(world, control, agent_id=f"warm-{i}"))
        tunnels[-1].claims["more"] = "x" * 20000
        tunnels[-1].admitted()
    before = rss()
    for i in range(100):
        tunnels.append(HandAgent(world, control, agent_id=f"many-{i}"))
        tunnels[-1].claims["more"] = "x" * 20000
        tunnels[-1].admitted()
    if "asan" not in str(BUILD):
        assert (rss() - before) / 100 < 20000
    # A page is some megabytes at most; it names where the next one goes on.
    told = evidence_of(control, query="?limit=64")[0]
    assert 20 < len(told["replicas"]) <= 64 and len(told["collateral"]) == 1 and told["next"]


# -- other tunnels --

def test_the_connection_is_bound_where_tls_ends_here(world):
    ca = test_tls.Authority(world.dir)
    control = test_tls.tls_control(world, ca.issue(), **PLENTY)
    test_tls.tls_agent(world, control, ca)
    control.wait_allowed()
    told, body = evidence_of(control)
    standing = told["replicas"][0]["verification"]["binding"]
    assert len(standing["channel"]) == 64 and standing["audience"] == f"https://localhost:{control.port}"
    assert checked(world, body)[0] == 0
    status, _, raw = ask("POST", f"{control.url}/v1/evidence/myapp", {"nonce": "ab" * 32})
    assert status == 200, raw
    fresh = json.loads(raw)["replicas"][0]["verification"]["binding"]
    assert fresh["channel"] == standing["channel"] and fresh["audience"] == standing["audience"]
    assert checked(world, raw, "--nonce", "ab" * 32)[0] == 0


def test_the_first_agents_form_says_what_it_does_not_prove(world):
    world.publish(world.allowlist("vm1", agent_dir_sha256="ab" * 32, agent_py_sha256="cd" * 32))
    path = test_networks.write(world, old={"sealed_only": False, "legacy_agents": True})
    control = world.control(EE_NETWORKS_FILE=str(path), **PLENTY)
    agent = test_networks.FirstAgent(world, control)
    agent.admitted()
    told, body = evidence_of(control)
    record = told["replicas"][0]["verification"]
    assert record["freshness"] == "none" and record["binding"] is None and record["policy"]["legacy_agents"] is True
    assert checked(world, body)[0] == 0
    assert checked(world, body, "--nonce", "00" * 32)[:2] == (3, "freshness_missing")
    assert post(control, "00" * 32)[1]["reason"] == "evidence_unsupported"
    (world.dir / "e.json").write_bytes(body)
    report = eectl(world, world.dir / "e.json")[1]
    assert "may be a copy" in report
    steps = {c["name"]: c["result"] for c in json.loads(eectl(world, "--json", world.dir / "e.json")[1])["replicas"][0]["checks"]}
    assert steps["binding"] == "not asked" and steps["claims"] == "ok"
