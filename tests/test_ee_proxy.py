"""ee-proxy: the front alone, on another host than the control plane."""
import json

import harness
from harness import http


def proxy(world, control, **env):
    port = harness.free_port()
    d = world.add(harness.Daemon(world.dir, "ee-proxy", name=f"ee-proxy-{port}", env={
        "EE_CONTROL_URL": control.url, "EE_PROXY_BIND": "127.0.0.1", "EE_PROXY_PORT": str(port), **env})).start()
    ask = lambda host, path="/", method="GET", body=None, **h: http(
        method, f"http://127.0.0.1:{port}{path}", body, {"Host": host, **{k.replace("_", "-"): v for k, v in h.items()}})
    harness.wait_for("ee-proxy", lambda: world.up(d, f"http://127.0.0.1:{port}/") is not None or True)
    d.wait_log("listening|ready|started")
    return ask


def test_ee_proxy_serves_what_the_control_plane_allows(world):
    control = world.control()
    ask = proxy(world, control)
    assert ask("myapp.x")[0] == 404
    agent = world.agent(control)
    control.wait_allowed()
    status, headers, body = ask("myapp.x", "/p?q=1", "POST", b"abc", X_EE_Evil="1")
    seen = json.loads(body)
    assert status == 200 and (seen["method"], seen["path"], seen["body"]) == ("POST", "/p?q=1", "abc")
    names = [k.lower() for k, _ in seen["headers"]]
    assert "x-ee-evil" not in names and "x-ee-proxy-token" not in names
    assert {k.lower(): v for k, v in seen["headers"]}["host"] == "myapp.x"
    agent.stop()
    control.wait_denied()
    status, headers, body = ask("myapp.x")
    assert status == 503 and json.loads(body)["reason"] == "no_tunnel"


def test_the_forwarding_endpoint_needs_its_token(world):
    control = world.control(EE_PROXY_TOKEN="between-us")
    world.agent(control)
    control.wait_allowed()
    assert http("GET", control.url + "/v1/forward/myapp/")[0] in (401, 403)
    assert proxy(world, control)("myapp.x")[0] in (401, 403, 502, 503)
    assert proxy(world, control, EE_PROXY_TOKEN="between-us")("myapp.x")[0] == 200


def test_x_ee_app_counts_only_from_the_trusted(world):
    control = world.control()
    world.agent(control)
    control.wait_allowed()
    assert control.raw("other.x", headers={"X-EE-App": "myapp"})[0] == 404
    trusting = world.control(name="trusting", EE_PROXY_TRUSTED="127.0.0.1")
    world.agent(trusting, name="agent-b")
    trusting.wait_allowed()
    assert trusting.raw("localhost", headers={"X-EE-App": "myapp"})[0] == 200
    assert trusting.raw("other.x", headers={"X-EE-App": "myapp"})[0] == 421
    assert trusting.raw("myapp.x", headers={"X-EE-App": "myapp"})[0] == 200


def test_the_control_plane_down_is_named(world):
    control = world.control()
    ask = proxy(world, control)
    control.stop()
    status, headers, body = ask("myapp.x")
    assert status in (502, 503) and json.loads(body)["allowed"] is False and "Proxy-Status" in headers


def test_paths_stay_inside_the_app(world):
    control = world.control()
    world.agent(control)
    control.wait_allowed()
    ask = proxy(world, control)
    for path in ("/../apps", "/%2e%2e/apps", "//evil/x", "/..%2f..%2fv1/apps"):
        status, _, body = ask("myapp.x", path)
        assert status == 400 or json.loads(body)["path"] == path, path
