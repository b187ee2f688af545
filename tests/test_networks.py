"""The networks file: checked, read again at SIGHUP, and its rules kept by tunnels that are open. The first agents."""
import hashlib
import json
import os
import signal
import subprocess
import threading
from http import server as http_server

import pytest

import harness
from harness import HandAgent, http

SEALED = {"sealed_only": True}
OPEN = {"sealed_only": False, "allow_unmeasured": True}


def write(world, **networks):
    path = world.dir / "networks.json"
    text = json.dumps({"networks": {k.replace("_", "-"): v for k, v in networks.items()}})
    # As an editor saves: a reload never meets half a file.
    (world.dir / "networks.new").write_text(text)
    os.replace(world.dir / "networks.new", path)
    return path


def reload(control, what="networks_reloaded"):
    before = control.log().count(f"event={what}")
    control.proc.send_signal(signal.SIGHUP)
    harness.wait_for(what, lambda: control.log().count(f"event={what}") > before)


def check_config(world, path):
    env = {"EE_NETWORKS_FILE": str(path), "PATH": os.environ["PATH"]}
    return subprocess.run([harness.BUILD / "src" / "programs" / "ee-control", "--check-config"], env=env,
                          capture_output=True, text=True, timeout=20)


# -- the file --
def test_the_example_is_taken(world):
    example = harness.TOP / "packaging" / "easy-enclave" / "networks.json"
    assert check_config(world, example).returncode == 0
    control = world.control(EE_NETWORKS_FILE=str(example))
    world.agent(control)
    assert control.wait_allowed()["network"] == "forge-1"


@pytest.mark.parametrize("text, said", [
    ('{"networks":{"a":{"seald_only":true}}}', "line 1: networks.a.seald_only: no such member"),
    ('{"networks":{"a":{},\n"a":{}}}', "line 2: networks.a: occurs twice"),
    ('{"networks":{"a":{"debug":true}}}', "debug contradicts sealed_only"),
    ('{"networks":', "no JSON"),
])
def test_a_wrong_file_is_refused_at_once(world, text, said):
    path = world.dir / "bad.json"
    path.write_text(text)
    got = check_config(world, path)
    assert got.returncode == 2 and "EE_NETWORKS_FILE: " in got.stderr and said in got.stderr
    control = world.control(start=False, EE_NETWORKS_FILE=str(path))
    harness.Daemon.start(control)
    assert control.proc.wait(20) == 1 and said in control.log()
    control.killed = True


def test_a_file_that_is_not_there(world):
    assert check_config(world, world.dir / "nowhere.json").returncode == 2


def test_only_what_the_file_names_is_served(world):
    control = world.control(EE_NETWORKS_FILE=str(write(world, lab=OPEN)))
    world.publish(world.allowlist("vm1", sealed=False, tag="v2"), tag="v2")
    HandAgent(world, control, network="lab", sealed=False, tag="v2").admitted()
    other = HandAgent(world, control, app="other", network="forge-1")
    other.register()
    assert other.ws.recv_type("status")["reason"] == "invalid_network"


def test_statuses_and_debug_as_the_network_says(world):
    control = world.control(EE_NETWORKS_FILE=str(write(
        world, forge_1=SEALED, loose={**OPEN, "debug": True, "tcb_accept": ["UpToDate", "OutOfDate"]})))
    world.vm("debug", tdattributes="0100001000000000")
    world.publish(world.allowlist("debug", tag="v-debug"), tag="v-debug")
    HandAgent(world, control, vm="debug", tag="v-debug", app="a1", network="loose").admitted()
    assert control.resolve("a1")[1]["sealed"] is False
    world.vm("old", tcb="OutOfDate")
    world.publish(world.allowlist("old", tag="v-old"), tag="v-old")
    HandAgent(world, control, vm="old", tag="v-old", app="a2", network="loose").admitted()
    assert control.resolve("a2")[1]["tcb_status"] == "OutOfDate"
    strict = HandAgent(world, control, vm="old", tag="v-old", app="a3")
    strict.register().answer(strict.challenge())
    assert strict.refused()[0]["reason"] == "tcb_status_rejected:OutOfDate"
    assert "event=debug_allowed network=loose" in control.log()


# -- SIGHUP --
def test_a_bad_file_keeps_the_old_rules(world):
    path = write(world, forge_1=SEALED, sandbox_1=OPEN)
    control = world.control(EE_NETWORKS_FILE=str(path))
    hand = HandAgent(world, control)
    hand.admitted()
    hand.health()
    control.wait_allowed()
    path.write_text('{"networks":{"forge-1":{"tcb":["UpToDate"]}}}')
    reload(control, "reload_failed")
    assert "networks.forge-1.tcb: must be an object" in control.log()
    assert control.resolve()[0] == 200
    HandAgent(world, control, app="next", network="sandbox-1").admitted()


def test_who_does_not_meet_the_new_rules_loses_the_lease(world):
    control = world.control(EE_NETWORKS_FILE=str(write(world, forge_1=SEALED, lab=OPEN, left=OPEN)))
    world.publish(world.allowlist("vm1", sealed=False, tag="v2"), tag="v2")
    good, open_, gone = [HandAgent(world, control, app=app, network=network, tag=tag, sealed=sealed, agent_id=app)
                         for app, network, tag, sealed in [("good", "lab", harness.TAG, True),
                                                           ("open", "lab", "v2", False),
                                                           ("gone", "left", harness.TAG, True)]]
    for hand in (good, open_, gone):
        hand.admitted()
        hand.health()
    for app in ("good", "open", "gone"):
        control.wait_allowed(app)
    asked = HandAgent(world, control, app="asked", network="left", agent_id="asked")
    asked.register()
    asked.challenge()
    write(world, forge_1=SEALED, lab=SEALED)
    reload(control)
    status, end = open_.refused()
    assert (status["reason"], end.code, end.reason) == ("policy", 1008, "policy")
    assert "sealed_required" in status["detail"]
    for hand in (gone, asked):
        status, end = hand.refused()
        assert (status["reason"], end.code) == ("policy", 1008) and "invalid_network" in status["detail"]
    for app in ("open", "gone"):
        status, body = control.resolve(app)
        assert status == 403 and body["attestation_status"] == "invalid"
    assert control.resolve("good")[0] == 200
    good.health()
    # Nor do they come back.
    again = HandAgent(world, control, app="open", network="lab", tag="v2", sealed=False)
    again.register().answer(again.challenge())
    assert again.refused()[0]["reason"] == "sealed_required"


def test_requests_in_flight_end_with_the_lease(world):
    path = write(world, forge_1={"sealed_only": False})
    control = world.control(EE_NETWORKS_FILE=str(path))
    world.agent(control)
    control.wait_allowed()
    got = []
    slow = threading.Thread(target=lambda: got.append(control.raw("myapp.x", "/slow/15")))
    slow.start()
    harness.wait_for("the request", lambda: world.backends[0].seen)
    write(world, forge_1={"tcb_accept": ["SWHardeningNeeded"]})
    reload(control)
    slow.join(10)
    status, headers, _ = got[0]
    assert status == 403 and "policy" in headers["Proxy-Status"]
    control.wait_log(r"event=tunnel_closed .*reason=policy")


def test_an_attempt_that_began_under_the_old_rules(world):
    control = world.control(EE_NETWORKS_FILE=str(write(world, forge_1=OPEN)))
    world.publish(world.allowlist("vm1", sealed=False, tag="v2"), tag="v2")
    hand = HandAgent(world, control, tag="v2", sealed=False)
    hand.register()
    challenge = hand.challenge()
    write(world, forge_1=SEALED)
    reload(control)
    hand.answer(challenge)
    assert hand.refused()[0]["reason"] == "sealed_required"


# -- the first agents --
class FirstAgent(HandAgent):
    """As the first agent was: one ready attestation from a local URL, whatever the nonce."""

    def __init__(self, world, control, network="old", **settings):
        super().__init__(world, control, network=network, **settings)
        self.claims = {"agent_dir_sha256": "ab" * 32, "agent_py_sha256": "cd" * 32, "vm_image_id": "image-1",
                       "sealed": True}
        self.handler = None

    def made_for(self, claims):
        lines = (f"agent_dir={claims['agent_dir_sha256']}\nagent_py={claims['agent_py_sha256']}\n"
                 f"vm_image_id={claims['vm_image_id']}\nsealed={'true' if claims['sealed'] else 'false'}")
        return hashlib.sha256(lines.encode()).digest() + bytes(32)

    def serve(self, claims=None):
        """The attestation service beside it; gives its URL."""
        rd = self.made_for(self.claims)
        body = json.dumps({"quote": self.world.quote(self.vm, rd), "report_data": rd.hex(),
                           "measurements": claims or self.claims}).encode()

        class Handler(http_server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.handler = http_server.HTTPServer(("127.0.0.1", 0), Handler)
        self.world.backends.append(self)
        threading.Thread(target=self.handler.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.handler.server_address[1]}/attestation"

    def stop(self):
        self.handler.shutdown()
        self.handler.server_close()

    def answer(self, challenge, claims=None):
        attestation = json.loads(http("GET", self.serve(claims))[2])
        self.ws.send({"type": "attest_response", "nonce": challenge["nonce"], **attestation})
        return self

    def serve_one(self):
        """Answer one request, as version 1 has it."""
        rq = self.ws.recv_type("proxy_request")
        self.ws.send({"type": "proxy_response", "request_id": rq["request_id"], "status": 200,
                      "headers": {"X-Path": rq["path"]}, "body_b64": "aGk="})


@pytest.fixture
def old(world):
    world.publish(world.allowlist("vm1", agent_dir_sha256="ab" * 32, agent_py_sha256="cd" * 32))
    return world.control(EE_ATTEST_DEADLINE_SEC="3", EE_NETWORKS_FILE=str(write(
        world, forge_1=SEALED, sandbox_1=OPEN, old={"sealed_only": False, "legacy_agents": True})))


def test_the_first_agent_serves_on_a_network_that_takes_it(world, old):
    agent = FirstAgent(world, old)
    agent.admitted()
    agent.health()
    r = old.wait_allowed()
    assert r["freshness"] == "none" and r["network"] == "old" and r["attestation_status"] == "valid"
    assert old.get("/v1/apps/myapp")[1]["freshness"] == "none"
    assert b"freshness not proven" in http("GET", old.url + "/dashboard")[2]
    assert "event=legacy_agents network=old" in old.log()
    old.wait_log("event=attested .*freshness=none")
    one = threading.Thread(target=agent.serve_one)
    one.start()
    status, headers, body = old.raw("myapp.x", "/hello")
    one.join()
    assert (status, headers["X-Path"], body) == (200, "/hello", b"hi")


@pytest.mark.parametrize("network", ["forge-1", "sandbox-1"])
def test_the_first_agent_is_refused_elsewhere(world, old, network):
    agent = FirstAgent(world, old, network=network)
    agent.register().answer(agent.challenge())
    status, end = agent.refused()
    assert (status["reason"], status["cause"], end.code) == ("report_data_mismatch", "freshness_missing", 1008)


def test_the_first_agent_is_refused_without_a_file(world):
    control = world.control()
    agent = FirstAgent(world, control, network="sandbox-1")
    agent.register().answer(agent.challenge())
    assert agent.refused()[0]["cause"] == "freshness_missing"


def test_the_first_form_is_not_for_version_2(world, old):
    agent = FirstAgent(world, old)
    agent.register(tunnel_version="2").answer(agent.challenge())
    assert agent.refused()[0]["cause"] == "freshness_missing"


@pytest.mark.parametrize("change, reason, cause", [
    ({"sealed": False}, "report_data_mismatch", "claims_mismatch"),
    ({"vm_image_id": "image-2"}, "report_data_mismatch", "claims_mismatch"),
    ({"agent_py_sha256": None}, "missing_quote_or_measurements", None),
])
def test_the_first_agents_claims_are_bound(world, old, change, reason, cause):
    agent = FirstAgent(world, old)
    agent.register().answer(agent.challenge(), claims={**agent.claims, **change})
    status, _ = agent.refused()
    assert (status["reason"], status.get("cause")) == (reason, cause)


def test_what_the_first_agent_does_not_bind_counts_for_nothing(world, old):
    world.publish(world.allowlist("vm1", tag="v3", more="x"), tag="v3")
    agent = FirstAgent(world, old, tag="v3")
    agent.register().answer(agent.challenge(), claims={**agent.claims, "more": "x"})
    assert agent.refused()[0]["reason"] == "measurement_mismatch:more"


def test_an_agent_that_binds_a_nonce_is_bound_there_too(world, old):
    world.publish(world.allowlist("vm1", tag="v4"), tag="v4")
    hand = HandAgent(world, old, network="old", tag="v4")
    hand.admitted()
    assert old.resolve()[1]["freshness"] == "bound"


def test_a_copied_quote_takes_no_tunnel_over(world, old):
    agent = FirstAgent(world, old)
    agent.admitted()
    agent.health()
    old.wait_allowed()
    thief = FirstAgent(world, old)
    thief.register().answer(thief.challenge())
    challenge = agent.challenge()
    assert challenge["reason"] == "policy"
    agent.answer(challenge)
    assert thief.refused()[0]["reason"] == "agent_id_taken"
    assert old.resolve()[0] == 200


def test_the_first_agent_goes_when_its_network_does_not_take_it_any_more(world, old):
    agent = FirstAgent(world, old)
    agent.admitted()
    write(world, forge_1=SEALED, old={"sealed_only": False})
    reload(old)
    status, end = agent.refused()
    assert (status["reason"], end.code) == ("policy", 1008) and "freshness_missing" in status["detail"]
