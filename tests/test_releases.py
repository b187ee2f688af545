"""Allowlists from releases while GitHub, or somebody in its place, misbehaves: real daemons, with ee-sim as GitHub. Each
fault admits nobody whom it should not, harms nobody who is there, and is named."""
import base64
import gzip
import hashlib
from http import server as http_server
import json
import re
import threading
import time

import pytest

import harness
from harness import HandAgent, http

TOKEN = "github-token-that-stays-at-home"


@pytest.fixture
def control(world):
    return world.control()


def fault(world, **what):
    status, _, body = http("PUT", f"{world.sim_url}/sim/fault/github", what)
    assert status == 204, body


def end_fault(world):
    assert http("DELETE", f"{world.sim_url}/sim/fault/github")[0] == 204


def asked(world):
    return json.loads(http("GET", world.sim_url + "/sim/counts")[2])["github"]


def refused(hand):
    hand.register().answer(hand.challenge())
    status, _ = hand.refused()
    if "rate_limited" in status["reason"]:
        assert status["retry_after_s"] >= 1, status
    return status["reason"], status.get("detail", "")


class Elsewhere(http_server.ThreadingHTTPServer):
    """Another host: keeps what it is sent, gives an asset's bytes."""
    daemon_threads = True

    def __init__(self, address, body):
        outer = self

        class Handler(http_server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.seen.append(dict(self.headers.items()))
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass
        super().__init__((address, 0), Handler)
        self.seen, self.url = [], f"http://{address}:{self.server_address[1]}/asset"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


@pytest.fixture
def elsewhere(world):
    made = []

    def make(address="127.0.0.1"):
        body = json.dumps(world.allowlist("vm1")).encode()
        made.append(Elsewhere(address, body))
        return made[-1]
    yield make
    for e in made:
        e.stop()


BOMB = base64.b64encode(gzip.compress(b" " * (100 << 20))).decode()


@pytest.mark.parametrize("what, reason", [
    ({"status": 500}, "http_500"),
    ({"status": 404}, "repo_not_found"),
    ({"status": 403}, "http_403"),
    ({"status": 429, "retry_after": 57}, "rate_limited"),
    ({"status": 429}, "rate_limited"),
    ({"status": 403, "retry_after": 30}, "rate_limited"),
    ({"status": 403, "remaining": 0, "reset_s": 600}, "rate_limited"),
    ({"status": 403, "remaining": 0, "reset_s": 600, "lower_case": 1}, "rate_limited"),
    ({"remaining": 0, "reset_s": 600}, "rate_limited"),
    ({"cut": 1}, "unreachable"),
    ({"cut": 1, "chunked": 1}, "unreachable"),
    ({"pad": 1 << 20}, "too_big"),
    ({"pad": 1 << 20, "chunked": 1}, "too_big"),
    ({"encoding": "gzip", "body_b64": BOMB}, "digest_mismatch"),
    ({"encoding": "gzip"}, None),
    ({"location": "ftp://127.0.0.1/x"}, "bad_redirect"),
    ({"location": "file:///etc/passwd"}, "bad_redirect"),
], ids=lambda v: None if v is None else v if isinstance(v, str) else "-".join(f"{k}" for k in v))
def test_a_fault_is_named_and_over_once_it_is_over(world, what, reason):
    """Nobody is admitted meanwhile, and the next control plane, without the fault, admits."""
    control = world.control()
    fault(world, **what)
    hand = HandAgent(world, control)
    world.publish(world.allowlist("vm1"))
    if reason is None:  # said of bytes that are none: they count as they came
        hand.admitted()
    else:
        told, detail = refused(hand)
        assert told == f"allowlist_fetch_failed:{reason}", (told, detail)
    if reason == "rate_limited":
        assert "come back in" in detail, detail
    if reason is not None:
        assert control.resolve()[0] == 403
    end_fault(world)
    control.stop()
    control.start()
    HandAgent(world, control).admitted()


@pytest.mark.parametrize("what", [{"chunked": 1}, {"lower_case": 1, "remaining": 9, "reset_s": 60}, {"redirect": 1},
                                  {"delay_ms": 700}], ids=lambda v: next(iter(v)))
def test_another_form_of_a_right_answer(world, control, what):
    world.publish(world.allowlist("vm1"))
    fault(world, **what)
    HandAgent(world, control).admitted()


def test_a_limit_is_obeyed_to_its_end(world, control):
    """While GitHub wants to be left alone it is, by all releases; then it is asked again."""
    for tag in ("v1", "v2"):
        world.publish(world.allowlist("vm1", tag=tag), tag=tag)
    fault(world, status=429, retry_after=6)
    before = asked(world)
    begun = time.monotonic()
    assert refused(HandAgent(world, control, tag="v1"))[0] == "allowlist_fetch_failed:rate_limited"
    told = time.monotonic()  # the limit counts from between these two
    end_fault(world)
    assert asked(world) == before + 1
    reason, detail = refused(HandAgent(world, control, tag="v2"))
    if time.monotonic() - begun < 6:
        assert reason == "allowlist_fetch_failed:rate_limited" and "come back in" in detail, detail
        assert asked(world) == before + 1
    harness.wait_for("the limit's end", lambda: time.monotonic() - told > 6)
    HandAgent(world, control, tag="v2", agent_id="hand-2").admitted()


def test_an_agent_comes_back_when_it_is_told(world, control):
    """Not before GitHub takes requests again, and then by itself."""
    world.publish(world.allowlist("vm1"))
    fault(world, status=429, retry_after=5)
    agent = world.agent(control)
    agent.wait_log("rate_limited")
    agent.wait_log("event=reconnecting")
    end_fault(world)
    waits = [int(w) for w in re.findall(r"event=reconnecting in_ms=(\d+)", agent.log())]
    assert len(waits) == 1 and waits[0] >= 4000, waits
    control.wait_allowed()


def test_github_that_hangs_delays_nobody_for_ever(world, control):
    """30 s for each answer: a newcomer is told so after the fetch's own limit."""
    world.publish(world.allowlist("vm1"))
    fault(world, delay_ms=30000)
    hand = HandAgent(world, control)
    hand.ws.sock.settimeout(40)
    begun = time.monotonic()
    assert refused(hand)[0] == "allowlist_fetch_failed:timeout"
    assert time.monotonic() - begun < 30


def test_a_redirect_to_another_host(world, elsewhere):
    """Inside the machine's own network it is not contacted; where the operator lists it, it is, without the token."""
    there = elsewhere("127.0.0.2")
    world.publish(world.allowlist("vm1"))
    fault(world, location=there.url)
    control = world.control(EE_GITHUB_TOKEN=TOKEN)
    assert refused(HandAgent(world, control))[0] == "allowlist_fetch_failed:private_address"
    assert not there.seen
    control.stop()
    control.check()
    control.env["EE_GITHUB_ASSET_ORIGINS"] = there.url.rsplit("/", 1)[0]
    control.start()
    HandAgent(world, control).admitted()
    assert len(there.seen) == 1
    assert TOKEN not in json.dumps(there.seen) and "authorization" not in json.dumps(there.seen).lower(), there.seen
    assert TOKEN not in control.log()


@pytest.mark.parametrize("url", ["http://localhost:{port}/", "http://[::1]:{port}/", "http://169.254.169.254/latest/meta-data",
                                 "http://10.0.0.1/", "http://0.0.0.0:{port}/", "http://[::ffff:127.0.0.1]:{port}/"])
def test_a_redirect_into_a_private_network(world, control, elsewhere, url):
    """By number or by name: refused before a connection is made."""
    there = elsewhere()
    world.publish(world.allowlist("vm1"))
    fault(world, location=url.format(port=there.server_address[1]))
    assert refused(HandAgent(world, control))[0] == "allowlist_fetch_failed:private_address"
    assert not there.seen


def test_a_redirect_loop(world, control):
    world.publish(world.allowlist("vm1"))
    fault(world, location=world.sim_url + "/sim/loop")
    before = asked(world)
    assert refused(HandAgent(world, control))[0] == "allowlist_fetch_failed:too_many_redirects"
    assert asked(world) - before <= 7


def test_a_token_is_for_listed_owners_alone(world):
    """The simulator logs no fields: the API itself stands elsewhere here, and keeps what it is sent."""
    with_token = []

    class Api(http_server.BaseHTTPRequestHandler):
        def do_GET(self):
            with_token.append((self.path, self.headers.get("Authorization")))
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass
    server = http_server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    control = world.control(EE_GITHUB_API_URL=f"http://127.0.0.1:{server.server_address[1]}/api/v3", EE_GITHUB_TOKEN=TOKEN,
                            EE_GITHUB_OWNERS="mine,Ours")
    for repo in ("mine/private", "ours/private", "theirs/repo"):
        assert refused(HandAgent(world, control, repo=repo))[0] == "allowlist_fetch_failed:repo_not_found"
    server.shutdown()
    server.server_close()
    assert with_token == [("/api/v3/repos/mine/private", f"Bearer {TOKEN}"), ("/api/v3/repos/ours/private", f"Bearer {TOKEN}"),
                          ("/api/v3/repos/theirs/repo", None)]
    assert TOKEN not in control.log()


def test_a_thousand_invented_repositories(world):
    """Quotes are genuine and repositories are not: one address has a budget, and who is there is not in its way."""
    control = world.control(EE_LOOKUP_RATE="20", EE_ADMISSION_RATE="1000")
    backend = world.backend()
    world.publish(world.allowlist("vm1"))
    world.agent(control, backend=backend)
    control.wait_allowed()
    before, begun, reasons = asked(world), time.monotonic(), {}
    for i in range(1000):
        hand = HandAgent(world, control, repo=f"invented/repo-{i}", app=f"invented-{i}", agent_id=f"invented-{i}")
        reason, _ = refused(hand)
        hand.ws.sock.close()
        reasons[reason] = reasons.get(reason, 0) + 1
    minutes = (time.monotonic() - begun) / 60
    most = 20 + 20 * minutes + 1
    assert set(reasons) == {"allowlist_fetch_failed:repo_not_found", "rate_limited"}, reasons
    # The app's own first look was one.
    assert 19 <= asked(world) - before <= most, (asked(world) - before, most)
    assert control.raw("myapp.x")[0] == 200


# -- what was accepted --
def restart(control, **env):
    control.stop()
    control.check()
    control.env.update(env)
    control.start()


@pytest.mark.parametrize("private", [False, True])
def test_agents_come_back_from_disk_when_github_is_down(world, private):
    backend = world.backend()
    body = json.dumps(world.allowlist("vm1")).encode()
    assert http("PUT", f"{world.sim_url}/sim/releases/{harness.REPO}/{harness.TAG}/agent-attestation-allowlist.json"
                f"?private={'true' if private else 'false'}", body)[0] == 204
    control = world.control(EE_GITHUB_TOKEN=TOKEN)
    world.agent(control, backend=backend)
    control.wait_allowed()
    status, _, document = http("GET", control.url + "/v1/evidence/myapp")
    assert status == 200 and (b"vm_image_id" in document)
    fault(world, status=503)
    control.kill()
    control.killed = False
    control.start()
    control.wait_allowed(timeout=60)
    assert control.raw("myapp.x")[0] == 200
    # An unknown release has nothing to come back from.
    assert refused(HandAgent(world, control, tag="v-other"))[0] == "allowlist_fetch_failed:http_503"
    # Private bytes stay on the machine.
    status, _, document = http("GET", control.url + "/v1/evidence/myapp")
    assert status == 200 and bool(json.loads(document)["allowlists"]) != private


def test_re_attestation_goes_on_while_github_hangs(world):
    """A hung GitHub: who is attested answers challenges and serves, and a restart needs two seconds more."""
    control = world.control(EE_ATTEST_INTERVAL_SEC="2")
    backend = world.backend()
    world.publish(world.allowlist("vm1"))
    world.agent(control, backend=backend)
    control.wait_allowed()
    fault(world, delay_ms=60000)
    restart(control)
    control.wait_allowed(timeout=30)
    def proofs():
        rows = json.loads(http("GET", control.url + "/v1/audit?limit=1000")[2])["rows"]
        return sum(r["event"] == "reattested" for r in rows)
    first = proofs()
    harness.wait_for("three more attestations", lambda: proofs() >= first + 3, timeout=30)
    assert control.raw("myapp.x")[0] == 200
    assert "lease_ended" not in control.log().split("event=started")[-1]


def test_what_a_stranger_left_on_disk_is_not_believed(world, control):
    """Bytes of another digest than the pin's count as not kept."""
    import sqlite3
    world.publish(world.allowlist("vm1"))
    hand = HandAgent(world, control)
    hand.admitted()
    hand.ws.close()
    control.stop()
    with sqlite3.connect(control.env["EE_DB_PATH"]) as db:
        assert db.execute("SELECT count(*) FROM list").fetchone() == (1,)
        db.execute("UPDATE list SET bytes = ?", (b'{"measurements":{"vm_image_id":"image-1"}}',))
    db.close()
    fault(world, status=503)
    control.start()
    assert refused(HandAgent(world, control))[0] == "allowlist_fetch_failed:http_503"


def test_a_repository_under_another_id(world, control):
    world.publish(world.allowlist("vm1"))
    hand = HandAgent(world, control)
    hand.admitted()
    hand.ws.close()
    assert http("DELETE", f"{world.sim_url}/sim/releases/{harness.REPO}")[0] == 204
    world.publish(world.allowlist("vm1"))
    restart(control)
    assert refused(HandAgent(world, control))[0] == "repo_changed"


def test_a_release_that_is_gone_is_gone_for_the_copy_too(world, control):
    world.publish(world.allowlist("vm1"))
    hand = HandAgent(world, control)
    hand.admitted()
    hand.ws.close()
    assert http("DELETE", f"{world.sim_url}/sim/releases/{harness.REPO}/{harness.TAG}/agent-attestation-allowlist.json")[0] == 204
    restart(control)
    assert refused(HandAgent(world, control))[0].startswith("allowlist_fetch_failed:")


# -- other bytes under a pinned tag --
@pytest.mark.parametrize("fits", [True, False], ids=["fits", "fits-not"])
def test_who_is_live_meets_the_accepted_list_at_once(world, control, fits):
    world.publish(world.allowlist("vm1"))
    hand, other = HandAgent(world, control), HandAgent(world, control, app="other", agent_id="hand-2", tag="v2")
    world.publish(world.allowlist("vm1", tag="v2"), tag="v2")
    hand.admitted()
    other.admitted()
    world.vm("vm2")
    anew = json.dumps({**world.allowlist("vm1" if fits else "vm2"), "created_at": "2026-02-02T00:00:00Z"}).encode()
    world.publish(anew)
    assert http("POST", control.url + "/v1/pins", {"repo": harness.REPO.upper(), "release_tag": harness.TAG,
                                                   "sha256": hashlib.sha256(anew).hexdigest()})[0] == 200
    challenge = hand.challenge()
    assert challenge["reason"] == "policy"
    hand.answer(challenge)
    if fits:
        hand.ws.recv_type("status", reason="attested")
    else:
        assert hand.refused()[0]["reason"] == "measurement_mismatch:mrtd"
        control.wait_log("event=lease_ended .*reason=measurement_mismatch")
    # It is nobody else's list.
    assert http("POST", control.url + "/v1/apps/other/attest")[0] == 202
    assert other.challenge()["reason"] == "admin"


def test_an_admin_accepts_other_bytes(world, control):
    world.publish(world.allowlist("vm1"))
    hand = HandAgent(world, control)
    hand.admitted()
    hand.ws.close()
    other = json.dumps({**world.allowlist("vm1"), "created_at": "2026-02-02T00:00:00Z"}).encode()
    world.publish(other)
    restart(control)
    assert refused(HandAgent(world, control))[0] == "allowlist_changed"
    digest = hashlib.sha256(other).hexdigest()
    ask = {"repo": harness.REPO, "release_tag": harness.TAG, "sha256": digest}
    for wrong in ({}, {**ask, "sha256": "00"}, {**ask, "repo": "a b/c"}, {**ask, "release_tag": "a..b"}, []):
        assert http("POST", control.url + "/v1/pins", wrong)[0] == 400
    assert http("POST", control.url + "/v1/pins", {**ask, "release_tag": "v-never"})[0] == 404
    assert http("POST", control.url + "/v1/pins", {**ask, "sha256": "11" * 32})[0] == 200
    assert refused(HandAgent(world, control))[0] == "allowlist_changed"
    status, _, body = http("POST", control.url + "/v1/pins", ask)
    assert status == 200 and json.loads(body) == {"repo": harness.REPO, "release_tag": harness.TAG, "sha256": digest,
                                                  "was": "11" * 32}
    HandAgent(world, control).admitted()
    rows = json.loads(http("GET", control.url + "/v1/audit?limit=1000")[2])["rows"]
    accepted = [r for r in rows if r["event"] == "pin_accepted"]
    assert [r["allowlist_sha256"] for r in accepted] == ["11" * 32, digest]
    assert accepted[1]["repo"] == harness.REPO and "11" * 32 in accepted[1]["detail"]
    # Over a restart, and from disk.
    restart(control)
    fault(world, status=503)
    HandAgent(world, control, agent_id="hand-2").admitted()
