"""The simulator as a program: what it exports verifies or is refused, as chosen; what it is told
outlives a restart; it stays on loopback."""
import base64
import json
import subprocess

import pytest

import harness


def run(program, *args, **env):
    return subprocess.run([harness.BUILD / "src" / "programs" / program, *map(str, args)],
                          env={"LANG": "C.UTF-8", **env}, capture_output=True, text=True, timeout=30)


def verify(where, *args):
    return run("eectl", "verify", "--quote", where / "quote.bin", "--collateral", where / "collateral.json",
               *args).returncode


@pytest.mark.parametrize("settings,code", [
    ({}, 0), ({"version": 5}, 0), ({"tcb": "OutOfDate"}, 5), ({"tcb": "Revoked"}, 5), ({"qe_svn": 2}, 5),
    ({"tcb": "NotSupported"}, 5), ({"debug": True}, 6), ({"forge": "throwaway-key"}, 3),
    ({"forge": "self-made-chain"}, 3), ({"revoked": True}, 3)])
def test_export_is_judged_as_chosen(tmp_path, settings, code):
    done = run("ee-sim", "export", tmp_path / "out", "--vm", "v", "--settings", json.dumps(settings),
               EE_SIM_STATE=str(tmp_path / "state"))
    assert done.returncode == 0, done.stderr
    assert verify(tmp_path / "out", "--root-ca", tmp_path / "out" / "root_ca.pem") == code
    assert verify(tmp_path / "out") == 3, "Intel's root must not take a simulated quote"


def test_export_says_what_is_wrong(tmp_path):
    env = {"EE_SIM_STATE": str(tmp_path / "state")}
    assert run("ee-sim", "export", **env).returncode == 2
    assert "128 hex digits" in run("ee-sim", "export", tmp_path, "--vm", "v", "--report-data", "0", **env).stderr
    assert "mrdt" in run("ee-sim", "export", tmp_path, "--vm", "v", "--settings", '{"mrdt":""}', **env).stderr


def test_vectors_say_what_is_wrong(tmp_path):
    assert run("ee-sim", "vectors").returncode == 2
    assert run("ee-sim", "vectors", tmp_path / "v", "--seed", "00").returncode == 2
    assert not (tmp_path / "v").exists()
    done = run("ee-sim", "vectors", tmp_path / "absent" / "v")
    assert done.returncode == 1 and "absent/v: No such file" in done.stderr
    done = run("ee-sim", "vectors", "--help")
    assert done.returncode == 0 and all(len(line) <= 80 for line in done.stdout.splitlines())


def test_vectors_follow_from_their_seed(tmp_path):
    def written(name, *args):
        assert run("ee-sim", "vectors", tmp_path / name, *args).returncode == 0
        return {f.relative_to(tmp_path / name): f.read_bytes() for f in (tmp_path / name).rglob("*") if f.is_file()}
    first, other = written("a"), written("b", "--seed", "11" * 32)
    assert first == written("c", "--seed", "00" * 32)
    assert first.keys() == other.keys() and len(first) > 2700
    assert all(first[f] != other[f] for f in first if f.name == "quote.bin" and not f.parent.name.startswith("cut-"))


def test_it_stays_on_loopback(tmp_path):
    done = run("ee-sim", EE_SIM_STATE=str(tmp_path / "s"), EE_SIM_BIND="0.0.0.0", EE_SIM_PORT="0")
    assert done.returncode == 2 and "EE_SIM_EXPOSE=yes" in done.stderr


def test_a_restart_keeps_root_machines_and_releases(world):
    before = world.vm("kept", tcb="SWHardeningNeeded", rtmr3="33" * 48)
    world.publish(b"bytes", repo="o/r", tag="v1%2Frc", asset="a.json")
    tag = f"{world.sim_url}/repos/o/r/releases/tags/v1%2Frc"
    asset = json.loads(harness.http("GET", tag)[2])["assets"][0]
    world.sim.stop()
    world.sim.start()
    harness.wait_for("ee-sim", lambda: world.up(world.sim, world.sim_url + "/sim/root.pem"))
    assert json.loads(harness.http("GET", f"{world.sim_url}/sim/vm/kept")[2]) == before
    again = json.loads(harness.http("GET", tag)[2])["assets"][0]
    assert (again["id"], again["digest"]) == (asset["id"], asset["digest"])
    status, _, body = harness.http("GET", again["url"], headers={"Accept": "application/octet-stream"})
    assert (status, body) == (200, b"bytes")

    (world.dir / "quote.bin").write_bytes(base64.b64decode(world.quote("kept", bytes(64))))
    (world.dir / "collateral.json").write_bytes(harness.http("GET", f"{world.sim_url}/sim/collateral.json")[2])
    root = world.dir / "sim" / "root_ca.pem"
    assert verify(world.dir, "--root-ca", root, "--accept", "SWHardeningNeeded") == 0
    assert verify(world.dir, "--root-ca", root) == 5
