"""Rows of docs/threat-model.md that an attacker alone cannot play: they need another time, another GitHub, a service that
is slow, or the operator's own document. Each test has its row in its name."""
import json
import threading
import time

import pytest

import harness
from harness import HandAgent, http

TOKEN = "s3cret-token-of-an-admin"


@pytest.fixture
def control(world):
    return world.control()


def fault(world, service, **what):
    assert http("PUT", f"{world.sim_url}/sim/fault/{service}", what)[0] == 204


def refused(hand):
    hand.register().answer(hand.challenge())
    status, _ = hand.refused()
    return status["reason"], status.get("cause")


def test_row_0_11_renewals_do_not_multiply_challenges(world):
    """Four registers on one tunnel leave one series of challenges, not four."""
    control = world.control(EE_ATTEST_INTERVAL_SEC="4")
    hand = HandAgent(world, control)
    for _ in range(4):
        hand.admitted()
    end, asked = time.monotonic() + 9, 0
    hand.ws.sock.settimeout(1)
    while time.monotonic() < end:
        try:
            c = hand.ws.recv_type("attest_request")
        except TimeoutError:
            continue
        asked += 1
        hand.answer(c)
    assert 1 <= asked <= 6, asked  # four series would be eight at least


@pytest.mark.parametrize("service", ["github", "pcs"])
def test_row_0_20_a_slow_service_delays_nobody_else(world, control, service):
    backend = world.backend()
    world.agent(control, backend=backend)
    control.wait_allowed()
    fault(world, service, delay_ms=6000)
    world.vm("fresh", platform="never-seen")
    world.publish(world.allowlist("fresh", tag="v-fresh"), tag="v-fresh")
    hand = HandAgent(world, control, vm="fresh", app="waits", tag="v-fresh")
    if service == "pcs":
        assert http("PUT", world.sim_url + "/sim/tcb", {"recoveries": 0})[0] == 204
    hand.register().answer(hand.challenge())
    slowest = 0
    for _ in range(20):
        begun = time.monotonic()
        assert control.raw("myapp.x")[0] == 200 and control.get("/health")[0] == 200
        slowest = max(slowest, time.monotonic() - begun)
    assert slowest < 3, slowest
    assert hand.ws.recv_type("status")["reason"] == "attested"


def admin_routes(control):
    document = control.get("/openapi.json")[1]
    for path, methods in document["paths"].items():
        for method, what in methods.items():
            if isinstance(what, dict) and any("admin" in json.dumps(s).lower() for s in what.get("security", [])):
                yield method.upper(), path.replace("{app_name}", "nobody").replace("{path}", "x")


def test_row_19_4_every_admin_route_asks_for_the_token(world):
    """The table is the control plane's own document: a route that is added is asked too."""
    control = world.control(EE_ADMIN_TOKEN=TOKEN)
    routes = list(admin_routes(control))
    assert ("GET", "/v1/apps") in routes and ("POST", "/v1/backup") in routes and len(routes) >= 10, routes
    for method, path in routes:
        for shown in (None, "Bearer", "Bearer wrong", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Token {TOKEN}"):
            status, head, _ = http(method, control.url + path, headers={"Authorization": shown} if shown else {})
            assert status == 401 and head["WWW-Authenticate"], (method, path, shown, status)
    assert control.get("/v1/apps", Authorization=f"Bearer {TOKEN}")[0] == 200


def test_row_5_a_repository_made_anew_gets_no_name(world, control):
    """Who registers a deleted owner's name with GitHub has its repositories' names, and not their apps."""
    hand = HandAgent(world, control)
    hand.admitted()
    hand.ws.close()
    control.stop()
    assert http("DELETE", f"{world.sim_url}/sim/releases/{harness.REPO}")[0] == 204
    world.publish(world.allowlist("vm1"))
    control.start()
    reason, cause = refused(HandAgent(world, control, agent_id="hand-2"))
    assert reason in ("app_name_taken", "repo_changed") or cause == "repo_changed", (reason, cause)


@pytest.mark.parametrize("days", [-40, 40])
def test_row_10_collateral_of_another_time(world, control, days):
    assert http("PUT", world.sim_url + "/sim/clock", {"offset_s": days * 86400})[0] == 204
    reason, cause = refused(HandAgent(world, control))
    assert "expired" in f"{reason} {cause}" or "not_yet_valid" in f"{reason} {cause}", (reason, cause)
    assert control.resolve()[0] == 403


def test_row_11_a_platform_whose_certificate_is_revoked(world, control):
    world.vm("lost", revoked=True)
    world.publish(world.allowlist("lost", tag="v-lost"), tag="v-lost")
    reason, cause = refused(HandAgent(world, control, vm="lost", tag="v-lost"))
    assert "pck_revoked" in (reason, cause), (reason, cause)


def test_row_11_an_authority_that_is_revoked(world, control):
    assert http("PUT", world.sim_url + "/sim/revoked/platform-ca")[0] == 204
    reason, cause = refused(HandAgent(world, control))
    assert "revoked" in f"{reason} {cause}", (reason, cause)


def test_row_13_a_list_that_is_gone_admits_nobody(world, control):
    assert http("DELETE", f"{world.sim_url}/sim/releases/{harness.REPO}/{harness.TAG}/agent-attestation-allowlist.json")[0] == 204
    reason, _ = refused(HandAgent(world, control))
    assert reason.startswith("allowlist_"), reason
    assert control.resolve()[0] == 403


def test_row_13_an_outage_of_github_admits_nobody_new(world, control):
    fault(world, "github", status=503)
    reason, _ = refused(HandAgent(world, control))
    assert reason.startswith("allowlist_fetch_failed"), reason


def test_row_6_a_list_beyond_its_ceiling(world, control):
    world.publish(b'{"version":"1.0","measurements":[' + b" " * (1 << 20) + b"]}", tag="v-big")
    reason, _ = refused(HandAgent(world, control, tag="v-big"))
    assert reason.startswith("allowlist_"), reason


def test_row_0_3_a_service_that_lies_about_the_tcb(world, control):
    """Another platform's collateral, rightly served but signed below another root, decides nothing."""
    liar = harness.Daemon(world.dir, "ee-sim", name="liar", env={"EE_SIM_PORT": str(port := harness.free_port()),
                                                                  "EE_SIM_STATE": str(world.dir / "liar")})
    world.add(liar).start()
    harness.wait_for("the liar", lambda: world.up(liar, f"http://127.0.0.1:{port}/sim/root.pem"))
    c = world.control(name="ee-control-lied-to", EE_PCCS_URL=f"http://127.0.0.1:{port}")
    reason, cause = refused(HandAgent(world, c))
    assert reason.startswith(("collateral", "dcap")), (reason, cause)
    assert c.resolve()[0] == 403


@pytest.mark.parametrize("door", ["front", "ee-proxy"])
def test_row_17_cookies_stay_with_their_app(world, control, door):
    """One for the very host passes, whatever it is called; one for all apps is left out, and nothing else with it."""
    port = control.proxy_port
    if door == "ee-proxy":
        port = harness.free_port()
        world.add(harness.Daemon(world.dir, "ee-proxy", env={"EE_CONTROL_URL": control.url, "EE_PROXY_BIND": "127.0.0.1",
                                                              "EE_PROXY_PORT": str(port)})).start().wait_log("started|listening|ready")
    hand = HandAgent(world, control)
    hand.admitted()
    hand.health()
    control.wait_allowed()
    kept = ["a=1", "b=2; Domain=myapp.apps.example", "c=3; Path=/; Domain=.MyApp.apps.example; Secure", "domain=apps.example"]
    gone = ["d=4; Domain=apps.example", "e=5; Path=/;domain=.apps.example", "f=6; Domain=other.apps.example", "g=7; Domain=example"]

    def answer():
        m = hand.ws.recv_type("proxy_request")
        hand.ws.send({"type": "proxy_response", "request_id": m["request_id"], "status": 200,
                      "headers": {"Set-Cookie": [x for pair in zip(kept, gone) for x in pair], "X-A": "b"}, "body_b64": ""})
    t = threading.Thread(target=answer)
    t.start()
    status, head, _ = http("GET", f"http://127.0.0.1:{port}/", headers={"Host": "myapp.apps.example:8443"})
    t.join()
    assert status == 200 and head.get_all("Set-Cookie") == kept and head["X-A"] == "b"
