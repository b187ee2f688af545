"""What is on disk survives; what is not there is never claimed."""
import pathlib

import harness


def test_kill_9_keeps_registrations_and_claims_no_connection(world):
    control = world.control()
    agent = world.agent(control)
    before = control.wait_allowed()
    agent.kill()
    control.kill()
    control.start()
    control.killed = False
    status, body = control.resolve()
    assert status == 403 and body["reason"] == "no_tunnel" and body["ws_connected"] is False
    for key in ("app_name", "repo", "release_tag", "network", "registered_at", "registration_expires_at"):
        assert body[key] == before[key]
    assert control.get("/v1/apps")[1]["apps"][0]["ws_connected"] is False


def test_an_agent_comes_back_by_itself(world):
    control = world.control()
    world.agent(control)
    control.wait_allowed()
    control.kill()
    control.start()
    control.killed = False
    control.wait_allowed(timeout=60)


def test_a_corrupt_registry_is_named_and_kept(world):
    path = pathlib.Path(world.dir / "broken.db")
    path.write_bytes(b"this is no database at all, but somebody's file" * 100)
    before = path.read_bytes()
    control = world.control(start=False, EE_DB_PATH=str(path))
    harness.Daemon.start(control)
    assert control.proc.wait(20) > 0
    assert "broken.db" in control.log() and path.read_bytes() == before
    control.proc = None
