"""Every endpoint, message and variable of the control plane, in its plain form."""
import base64
import json
import sqlite3
import time

import pytest

import harness
from harness import HandAgent, http


def test_an_attested_agent_serves_its_app(world):
    control = world.control()
    assert control.get("/health") == (200, {"status": "ok", "trust_root": "custom"})
    world.agent(control)
    r = control.wait_allowed()
    assert r["app_name"] == "myapp" and r["repo"] == harness.REPO and r["release_tag"] == harness.TAG
    assert r["network"] == "forge-1" and r["sealed"] is True and r["ws_connected"] is True
    assert r["attestation_status"] == "valid" and r["health_status"] == "pass"
    assert r["registration_state"] == "active" and r["tcb_status"] == "UpToDate"
    assert r["freshness"] == "bound" and r["trust_root"] == "custom" and r["agent_id"]
    for key in ("registered_at", "registration_expires_at", "last_attested_at", "last_health_at", "lease_expires_at"):
        time.strptime(r[key], "%Y-%m-%dT%H:%M:%SZ")
    assert r["advisory_ids"] == [] and r["replicas"]

    status, headers, body = control.proxy(method="POST", path="/a/b?c=d", headers={"X-One": "1"},
                                          body_b64=base64.b64encode(b"hello").decode())
    seen = json.loads(body)
    assert status == 200 and headers["X-Backend"] == "echo"
    assert headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/a/b?c=d", "hello")
    assert ["x-one", "1"] in [[k.lower(), v] for k, v in seen["headers"]]

    status, headers, body = control.raw("myapp.apps.test", "/raw?x=1", "PUT", b"body")
    seen = json.loads(body)
    assert status == 200 and (seen["method"], seen["path"], seen["body"]) == ("PUT", "/raw?x=1", "body")
    fields = {k.lower(): v for k, v in seen["headers"]}
    assert fields["host"] == "myapp.apps.test" and fields["x-forwarded-host"] == "myapp.apps.test"
    assert fields["x-forwarded-for"] == "127.0.0.1" and fields["x-request-id"] and "via" in fields


def test_backend_statuses_pass_through(world):
    control = world.control()
    world.agent(control)
    control.wait_allowed()
    for wanted in (204, 304, 404, 500):
        assert control.raw("myapp.x", f"/status/{wanted}")[0] == wanted
        assert control.proxy(method="GET", path=f"/status/{wanted}", headers={}, body_b64="")[0] == wanted
    status, headers, body = control.raw("myapp.x", "/bytes/100", "HEAD")
    assert status == 200 and headers["Content-Length"] == "100" and body == b""
    assert len(control.raw("myapp.x", "/bytes/3000000")[2]) == 3000000


def test_resolve_of_nobody_is_403(world):
    control = world.control()
    for name in ("nobody", "NOT-a-label-", "a%2fb", "x" * 64, "a.b"):
        status, body = control.resolve(name)
        assert status == 403 and body["allowed"] is False and body["reason"] == "unknown_app", name
    assert http("POST", control.url + "/v1/resolve/nobody", b"")[0] == 403


def test_proxy_refusals(world):
    control = world.control()
    status, _, body = control.proxy("nobody", method="GET", path="/", headers={}, body_b64="")
    assert status == 404 and json.loads(body) == {"allowed": False, "reason": "unknown_app"}
    agent = world.agent(control)
    control.wait_allowed()
    for bad in ({}, {"method": "GET"}, {"method": "GET", "path": "x", "headers": {}, "body_b64": ""},
                {"method": "G T", "path": "/", "headers": {}, "body_b64": ""},
                {"method": "GET", "path": "/", "headers": {"a\r\nb": "c"}, "body_b64": ""},
                {"method": "GET", "path": "/", "headers": {"a": "c\r\nd: e"}, "body_b64": ""},
                {"method": "GET", "path": "/", "headers": {}, "body_b64": "%"}):
        status, _, body = control.proxy(**bad)
        assert status == 400 and json.loads(body)["reason"] == "invalid_proxy_payload", bad
    for method in ("CONNECT", "TRACE"):
        assert control.proxy(method=method, path="/", headers={}, body_b64="")[0] == 405
    assert http("POST", control.url + "/v1/proxy/myapp", b"{")[0] == 400
    agent.stop()
    control.wait_denied()
    status, headers, body = control.proxy(method="GET", path="/", headers={}, body_b64="")
    assert status == 503 and json.loads(body)["reason"] == "no_tunnel"
    assert "Proxy-Status" in headers
    assert control.raw("myapp.x")[0] == 503
    assert control.raw("nobody.x")[0] == 404


def test_a_slow_backend_is_504_and_does_not_delay_attestation(world):
    control = world.control(EE_PROXY_TIMEOUT_SEC="1", EE_ATTEST_INTERVAL_SEC="2", EE_ATTEST_DEADLINE_SEC="2")
    world.agent(control)
    first = control.wait_allowed()["last_attested_at"]
    status, headers, body = control.raw("myapp.x", "/slow/4")
    assert status == 504 and json.loads(body)["reason"] == "proxy_timeout"
    harness.wait_for("a second attestation", lambda: control.resolve()[1]["last_attested_at"] != first)
    assert control.resolve()[0] == 200


def test_admin_api_needs_its_token(world):
    control = world.control(EE_ADMIN_TOKEN="s3cret-token")
    world.agent(control)
    control.wait_allowed()
    for path in ("/v1/apps", "/v1/apps/myapp"):
        assert control.get(path)[0] == 401
        assert control.get(path, Authorization="Bearer wrong")[0] == 401
        assert control.get(path, Authorization="Basic s3cret-token")[0] == 401
        assert control.get(path, Authorization="Bearer s3cret-token")[0] == 200
    status, body = control.get("/v1/apps", Authorization="Bearer s3cret-token")
    assert [a["app_name"] for a in body["apps"]] == ["myapp"]
    assert control.get("/v1/apps/nobody", Authorization="Bearer s3cret-token")[0] == 404
    assert http("DELETE", control.url + "/v1/apps/myapp")[0] == 401
    status, _, _ = http("DELETE", control.url + "/v1/apps/myapp", headers={"Authorization": "Bearer s3cret-token"})
    assert status in (200, 204)


def test_admin_api_without_token_is_for_loopback_only(world):
    control = world.control()
    assert control.get("/v1/apps")[0] == 200
    for name, value in (("X-Forwarded-For", "1.2.3.4"), ("Via", "1.1 x"), ("Forwarded", "for=1.2.3.4"),
                        ("Host", "control.example.com"), ("Origin", "https://evil.example")):
        assert control.get("/v1/apps", **{name: value})[0] in (401, 403), name


def test_admin_may_challenge_now(world):
    control = world.control()
    hand = HandAgent(world, control)
    hand.admitted()
    assert http("POST", control.url + "/v1/apps/myapp/attest", b"")[0] == 202
    again = hand.challenge()
    assert again["reason"] == "admin"
    hand.answer(again)
    hand.ws.recv_type("status", reason="attested")
    hand.ws.close()


def test_periodic_attestation_and_a_missed_one(world):
    control = world.control(EE_ATTEST_INTERVAL_SEC="2", EE_ATTEST_DEADLINE_SEC="1")
    hand = HandAgent(world, control)
    hand.admitted()
    hand.health()
    control.wait_allowed()
    again = hand.challenge()
    assert again["reason"] == "periodic" and again["deadline_s"] == 1 and len(again["nonce"]) == 64
    hand.answer(again)
    hand.ws.recv_type("status", reason="attested")
    hand.challenge()  # and not answered
    status, end = hand.refused()
    assert status["reason"] == "attestation_timeout" and end.code == 1008 and end.reason == "attestation_timeout"
    assert control.resolve()[0] == 403


def test_health_decides_routing(world):
    control = world.control()
    hand = HandAgent(world, control)
    hand.admitted()
    hand.health("fail")
    body = harness.wait_for("a failed health", lambda: control.resolve()[1].get("health_status") == "fail" and control.resolve()[1])
    assert body["allowed"] is False and body["reason"] == "unhealthy" and body["attestation_status"] == "valid"
    hand.health("pass")
    control.wait_allowed()
    hand.health("whatever")
    control.wait_denied()
    hand.ws.close()


def test_sealed_networks(world):
    control = world.control()
    world.vm("open")
    world.publish(world.allowlist("open", tag="v2", sealed=False), tag="v2")
    hand = HandAgent(world, control, vm="open", tag="v2", sealed=False)
    hand.register().answer(hand.challenge())
    status, end = hand.refused()
    assert status["reason"] == "sealed_required" and end.code == 1008
    world.agent(control, vm="open", app="testapp", network="sandbox-1", sealed=False, EE_RELEASE_TAG="v2")
    assert control.wait_allowed("testapp")["sealed"] is False


def test_allowlist_asset_variable_and_tcb_override(world):
    world.publish({"version": "1.0"})
    world.publish(world.allowlist(), asset="other.json")
    control = world.control(EE_ALLOWLIST_ASSET="other.json")
    world.agent(control)
    control.wait_allowed()


def test_an_allowlist_without_measurements_admits_nobody(world):
    control = world.control()
    world.publish({"version": "1.0", "measurements": {}}, tag="v-empty")
    hand = HandAgent(world, control, tag="v-empty")
    hand.register().answer(hand.challenge())
    assert hand.refused()[0]["reason"] == "allowlist_missing_measurements"
    hand = HandAgent(world, control, tag="v-none")
    hand.register().answer(hand.challenge())
    assert hand.refused()[0]["reason"].startswith("allowlist_fetch_failed")


def age(control, days):
    """Make the registration older, as time would."""
    db = sqlite3.connect(control.env["EE_DB_PATH"])
    tables = [t for t, in db.execute("select name from sqlite_master where type='table'")]
    changed = 0
    for t in tables:
        columns = [c[1] for c in db.execute(f"pragma table_info({t})")]
        for c in ("registered_at", "expires_at", "registered_s", "expires_s", "registration_expires_s"):
            if c in columns:
                changed += db.execute(f"update {t} set {c} = {c} - ?", (days * 86400,)).rowcount
    db.commit()
    db.close()
    assert changed


def test_registration_ttl_warns_and_ends(world):
    control = world.control(EE_REGISTRATION_TTL_DAYS="10", EE_REGISTRATION_WARN_DAYS="3")
    agent = world.agent(control)
    control.wait_allowed()
    agent.stop()
    control.stop()
    age(control, 8)
    control.start()
    assert control.resolve()[1]["registration_state"] == "warning"
    control.stop()
    age(control, 5)
    control.start()
    status, body = control.resolve()
    assert status == 403 and body["registration_state"] == "expired" and body["reason"] == "registration_expired"
    world.agent(control)
    assert control.wait_allowed()["registration_state"] == "active"


@pytest.mark.parametrize("name,value", [
    ("EE_CONTROL_PORT", "0x50"), ("EE_CONTROL_PORT", "70000"), ("EE_ATTEST_INTERVAL_SEC", "-1"),
    ("EE_ATTEST_DEADLINE_SEC", "30s"), ("EE_REGISTRATION_TTL_DAYS", "0"), ("EE_CONTROL_PROT", "8088"),
    ("EE_DCAP_ROOT_CA", "/nonexistent"), ("EE_CONTROL_BIND", "not an address"), ("EE_PCCS_URL", "ftp://x"),
    ("EE_PUBLIC_URL", "nonsense")])
def test_bad_settings_refuse_to_start(world, name, value):
    control = world.control(start=False, **{name: value})
    harness.Daemon.start(control)
    assert control.proc.wait(20) not in (0, None) and control.proc.returncode > 0
    assert name in control.log()
    control.proc = None


def test_message_errors(world):
    control = world.control()
    hand = HandAgent(world, control)
    for sent, reason in (("{", "invalid_json"), ("[]", "invalid_json"), ('{"type":"dance"}', "unknown_message"),
                         ('{"type":"health","status":"pass"}', "not_registered"),
                         ('{"type":"register","repo":"a/b"}', "missing_fields"),
                         ('{"type":"health","type":"health","status":"pass"}', "invalid_json"),
                         ({"type": "register", **hand.identity, "network": "nowhere"}, "invalid_network")):
        hand.ws.send(sent)
        assert hand.ws.recv_type("status")["reason"] == reason, sent
    hand.ws.close()
    hand = HandAgent(world, control)
    with pytest.raises(harness.wsclient.Closed):
        for _ in range(9):
            hand.ws.send("{")
        while True:
            hand.ws.recv()


def test_first_words_of_the_dashboard(world):
    control = world.control()
    world.agent(control)
    control.wait_allowed()
    status, headers, body = http("GET", control.url + "/dashboard")
    page = body.decode()
    assert status == 200 and headers["Content-Type"].startswith("text/html") and "myapp" in page
    assert "default-src 'none'" in headers["Content-Security-Policy"] and "custom trust root" in page.lower()
    assert http("GET", control.url + "/dashboard", headers={"X-Forwarded-For": "1.2.3.4"})[0] in (401, 403)


def test_openapi_names_every_route(world):
    control = world.control()
    status, doc = control.get("/openapi.json")
    assert status == 200 and doc["openapi"].startswith("3.1")
    for path in ("/health", "/v1/tunnel", "/v1/resolve/{app_name}", "/v1/proxy/{app_name}", "/v1/apps",
                 "/v1/apps/{app_name}", "/v1/audit", "/v1/events", "/v1/backup", "/dashboard"):
        assert path in doc["paths"], path
    status, _, body = http("GET", control.url + "/nothing")
    assert status == 404 and json.loads(body)["reason"] == "not_found"
    status, headers, _ = http("PUT", control.url + "/v1/apps")
    assert status == 405 and "GET" in headers["Allow"]
