"""What a network asks beyond a status; live agents judged again as collateral and rules change; rules tried before they
are in force."""
import datetime
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

import harness
from harness import HandAgent, http

FMSPC = "EE5100000000"
OPEN = {"sealed_only": False, "allow_unmeasured": True}


def text_of(**networks):
    return json.dumps({"networks": {k.replace("_", "-"): v for k, v in networks.items()}})


def write(world, **networks):
    # As an editor saves: a reload never meets half a file.
    (world.dir / "networks.new").write_text(text_of(**networks))
    os.replace(world.dir / "networks.new", world.dir / "networks.json")
    return world.dir / "networks.json"


def hup(control, what="rejudged"):
    before = control.log().count(f"event={what}")
    control.proc.send_signal(signal.SIGHUP)
    harness.wait_for(what, lambda: control.log().count(f"event={what}") > before)


def recover(world, control, n=1):
    """Intel asks for more: what was UpToDate is not any more. The control plane looks for newer collateral."""
    assert http("PUT", f"{world.sim_url}/sim/tcb", {"recoveries": n})[0] == 204
    hup(control)


def live(world, control, app="myapp", **settings):
    hand = HandAgent(world, control, app=app, agent_id=app, **settings)
    hand.admitted()
    hand.health()
    control.wait_allowed(app)
    return hand


def refused_at_once(world, control, app="late", **settings):
    hand = HandAgent(world, control, app=app, agent_id=app, **settings)
    hand.register().answer(hand.challenge())
    return hand.refused()[0]


def piid(machine):
    return hashlib.sha384(f"ee-sim instance {machine}".encode()).digest()[:16].hex()


def ppid_sha256(machine):
    return hashlib.sha256(hashlib.sha384(f"ee-sim ppid {machine}".encode()).digest()[:16]).hexdigest()


def audit_of(control, app, event="lease_ended"):
    rows = control.get("/v1/audit?limit=1000")[1]["rows"]
    return [r for r in rows if r["app_name"] == app and r["event"] == event]


@pytest.fixture
def released(world):
    world.publish(world.allowlist("vm1"))
    return world


def test_the_examples_that_users_read_are_taken(tmp_path):
    examples = re.findall(r"```json\n(.*?)```", (harness.TOP / "docs" / "networks.md").read_text(), re.S)
    assert len(examples) == 2
    for text, code in [*[(e, 0) for e in examples], (examples[1].replace("grace_days", "grace"), 2)]:
        (tmp_path / "networks.json").write_text(text)
        got = subprocess.run([harness.BUILD / "src/programs/ee-control", "--check-config"], capture_output=True, text=True,
                             timeout=20, env={"EE_NETWORKS_FILE": str(tmp_path / "networks.json")})
        assert got.returncode == code, got.stderr


# -- collateral --
def test_a_higher_bar_ends_leases_by_name(released):
    world = released
    # The simulator's newest level has this date, from which a grace counts.
    days = (datetime.datetime.now(datetime.timezone.utc)
            - datetime.datetime(2025, 5, 14, tzinfo=datetime.timezone.utc)).days
    control = world.control(EE_NETWORKS_FILE=str(write(
        world, forge_1={}, lax={**OPEN, "tcb_accept": ["UpToDate", "OutOfDate"]},
        grace={"tcb": {"grace_days": days + 2}}, over={"tcb": {"grace_days": days}},
        known={"tcb": {"advisories_accept": ["INTEL-SA-01245"]}})))
    hands = {n: live(world, control, app=n, network=network) for n, network in [
        ("strict", "forge-1"), ("lax", "lax"), ("grace", "grace"), ("over", "over"), ("known", "known")]}
    # An allowlist that narrows what the network takes.
    world.publish({**world.allowlist("vm1", tag="v2"), "tcb": {"accept": ["UpToDate"]}}, tag="v2")
    hands["narrow"] = live(world, control, app="narrow", network="lax", tag="v2")
    recover(world, control)
    for name in ("strict", "over", "narrow"):
        status, end = hands[name].refused()
        assert (status["reason"], end.code) == ("tcb_status_rejected:OutOfDate", 1008)
        assert control.resolve(name)[0] == 403
        assert audit_of(control, name)[0]["reason"] == "tcb_status_rejected:OutOfDate"
    for name in ("lax", "known", "grace"):
        hands[name].health()
        assert control.resolve(name)[0] == 200


def test_requests_in_flight_end_with_the_lease(released):
    world = released
    control = world.control()
    world.agent(control)
    control.wait_allowed()
    got = []
    slow = threading.Thread(target=lambda: got.append(control.raw("myapp.x", "/slow/15")))
    slow.start()
    harness.wait_for("the request", lambda: world.backends[0].seen)
    recover(world, control)
    slow.join(10)
    status, headers, _ = got[0]
    assert status == 403 and "tcb_status_rejected" in headers["Proxy-Status"]
    control.wait_log("event=lease_ended .*reason=tcb_status_rejected:OutOfDate")


def test_a_revoked_platform_loses_the_lease(released):
    world = released
    control = world.control()
    world.publish(world.allowlist("vm2", tag="v2"), tag="v2")
    kept, lost = live(world, control, app="kept"), live(world, control, app="lost", vm="vm2", tag="v2")
    world.vm("vm2", revoked=True)
    hup(control)
    # The first pass may have gone by while the new CRL was on its way.
    status, end = lost.refused()
    assert (status["reason"], status["cause"], end.code) == ("dcap_verification_failed", "pck_revoked", 1008)
    kept.health()
    assert control.resolve("kept")[0] == 200


def test_a_service_that_is_out_ends_nothing(released):
    world = released
    control = world.control(EE_NETWORKS_FILE=str(write(world, forge_1={})))
    hand = live(world, control)
    assert http("PUT", f"{world.sim_url}/sim/fault/pcs", {"status": 503})[0] == 204
    hup(control)
    hand.health()
    assert control.resolve()[0] == 200


# -- rules --
@pytest.mark.parametrize("rules, reason", [
    ({"tcb": {"min_evaluation_number": 19}}, "collateral_outdated"),
    ({"tcb": {"min_date": "2025-05-15T00:00:00Z"}}, "tcb_date_rejected"),
    ({"owners": ["others"]}, "repo_not_allowed"),
    ({"repos": ["example/other"]}, "repo_not_allowed"),
    ({"repos": [{"name": harness.REPO, "id": 1}]}, "repo_not_allowed"),
    ({"platforms": {"allow": []}}, "platform_not_allowed"),
    ({"platforms": {"allow": [{"piid": piid("vm2")}]}}, "platform_not_allowed"),
    ({"platforms": {"deny": [{"piid": piid("vm1")}]}}, "platform_denied"),
    ({"platforms": {"deny": [{"ppid_sha256": ppid_sha256("vm1")}]}}, "platform_denied"),
    ({"platforms": {"deny": [{"fmspc": FMSPC}]}}, "platform_denied"),
])
def test_each_rule_refuses_by_name(released, rules, reason):
    """At the admission, and who is here when it comes into force."""
    world = released
    control = world.control(EE_NETWORKS_FILE=str(write(world, forge_1={})))
    hand = live(world, control)
    write(world, forge_1=rules)
    hup(control)
    status, end = hand.refused()
    assert (status["reason"], end.code) == ("policy", 1008) and reason in status["detail"]
    assert reason in audit_of(control, "myapp")[0]["detail"]
    late = refused_at_once(world, control)
    assert reason in (late["reason"], late.get("cause"))


@pytest.mark.parametrize("rules", [
    {"tcb": {"accept": ["UpToDate"], "min_evaluation_number": 18, "min_date": "2025-05-14T00:00:00Z"}},
    {"owners": ["EXAMPLE"]},
    {"owners": ["others"], "repos": [harness.REPO]},
    {"platforms": {"allow": [{"piid": piid("vm1")}], "deny": [{"piid": piid("vm2")}]}},
    {"platforms": {"allow": [{"ppid_sha256": ppid_sha256("vm1")}]}},
    {"platforms": {"allow": [{"fmspc": FMSPC}]}},
    {"immutable_releases": True},
])
def test_who_meets_the_rules_stays(released, rules):
    world = released
    control = world.control(EE_NETWORKS_FILE=str(write(world, forge_1={})))
    hand = live(world, control)
    write(world, forge_1=rules)
    hup(control)
    hand.health()
    assert control.resolve()[0] == 200
    live(world, control, app="late")


def test_a_repository_by_its_number(released):
    world = released
    number = json.loads(http("GET", f"{world.sim_url}/repos/{harness.REPO}")[2])["id"]
    control = world.control(EE_NETWORKS_FILE=str(write(
        world, forge_1={"repos": [{"name": harness.REPO, "id": number}]},
        other={"repos": [{"name": harness.REPO, "id": number + 1}]})))
    hand = live(world, control)
    assert refused_at_once(world, control, network="other")["reason"] == "repo_not_allowed"
    hup(control)
    hand.health()
    assert control.resolve()[0] == 200


def test_advisories_by_name(world):
    world.vm("soft", tcb="SWHardeningNeeded")
    world.publish(world.allowlist("soft"))
    control = world.control(EE_NETWORKS_FILE=str(write(
        world, forge_1={}, known={"tcb": {"advisories_accept": ["INTEL-SA-00615"]}},
        other={"tcb": {"advisories_accept": ["INTEL-SA-00657"]}},
        never={"tcb": {"accept": ["SWHardeningNeeded"], "advisories_deny": ["INTEL-SA-00615"]}})))
    hand = live(world, control, app="known", vm="soft", network="known")
    for app, network, reason in [("a1", "forge-1", "tcb_status_rejected:SWHardeningNeeded"),
                                 ("a2", "other", "tcb_status_rejected:SWHardeningNeeded"),
                                 ("a3", "never", "advisory_denied:INTEL-SA-00615")]:
        assert refused_at_once(world, control, app=app, vm="soft", network=network)["reason"] == reason
    # What was judged by these rules is repeated by them.
    hand.health()
    got = subprocess.run([harness.BUILD / "src/programs/eectl", "evidence", "verify", control.url + "/v1/evidence/known",
                          "--root-ca", str(world.dir / "sim" / "root_ca.pem")], capture_output=True, text=True, timeout=20)
    assert got.returncode == 0, got.stdout + got.stderr


def test_a_release_that_may_change(world):
    body = json.dumps(world.allowlist("vm1")).encode()
    asset = f"{world.sim_url}/sim/releases/{harness.REPO}/{harness.TAG}/agent-attestation-allowlist.json"
    assert http("PUT", asset + "?immutable=false", body)[0] in (200, 201, 204)
    control = world.control(EE_NETWORKS_FILE=str(write(world, forge_1={}, firm={"immutable_releases": True})))
    hand = live(world, control)
    assert refused_at_once(world, control, network="firm")["reason"] == "release_mutable"
    write(world, forge_1={"immutable_releases": True})
    hup(control)
    assert "release_mutable" in hand.refused()[0]["detail"]


def test_an_immutable_release_stays_one_while_github_is_down(world):
    """After a restart the pinned bytes come from the disk, and with them what GitHub said of their release."""
    world.publish(world.allowlist("vm1"))
    asset = f"{world.sim_url}/sim/releases/{harness.REPO}/v2/agent-attestation-allowlist.json"
    assert http("PUT", asset + "?immutable=false", json.dumps(world.allowlist("vm1", tag="v2")).encode())[0] == 204
    control = world.control(EE_NETWORKS_FILE=str(write(world, forge_1={}, firm={"immutable_releases": True})))
    live(world, control, app="firm", network="firm")
    live(world, control, app="loose", tag="v2")
    assert http("PUT", f"{world.sim_url}/sim/fault/github", {"status": 503})[0] == 204
    control.kill()
    control.killed = False
    control.start()
    live(world, control, app="firm", network="firm")
    assert refused_at_once(world, control, network="firm", tag="v2")["reason"] == "release_mutable"


def test_a_list_that_an_admin_accepted_counts_from_the_next_attestation(released):
    world = released
    control = world.control(EE_NETWORKS_FILE=str(write(world, forge_1={})))
    hand = live(world, control)
    assert http("POST", control.url + "/v1/pins", {"repo": harness.REPO, "release_tag": harness.TAG, "sha256": "11" * 32})[0] == 200
    write(world, forge_1={"owners": ["example"]})
    control.proc.send_signal(signal.SIGHUP)
    control.wait_log("event=rejudged why=rules judged=1 refused=0 unjudged=0")
    hand.health()
    assert control.resolve()[0] == 200
    assert http("POST", f"{control.url}/v1/apps/myapp/attest")[0] == 202
    hand.answer(hand.challenge())
    assert hand.refused()[0]["reason"] == "allowlist_changed"


# -- before it is in force --
def eectl(*args, **env):
    return subprocess.run([harness.BUILD / "src/programs/eectl", "policy", *map(str, args)], capture_output=True,
                          text=True, timeout=30, env={"PATH": os.environ["PATH"], **env})


def test_policy_diff_tells_what_then_happens(released):
    world = released
    world.publish(world.allowlist("vm2", tag="v2"), tag="v2")
    control = world.control(EE_NETWORKS_FILE=str(write(world, forge_1={}, left=OPEN)))
    hands = {"good": live(world, control, app="good"), "machine": live(world, control, app="machine", vm="vm2", tag="v2"),
             "gone": live(world, control, app="gone", network="left")}
    new = {"forge_1": {"platforms": {"deny": [{"piid": piid("vm2")}]}}}
    plan = world.dir / "plan.json"
    plan.write_text(text_of(**new))
    got = eectl("diff", plan, "--against", control.url, "--json")
    assert got.returncode == 5, got.stderr
    told = json.loads(got.stdout)
    assert (told["judged"], told["kept"], told["refused"], told["unjudged"]) == (3, 1, 2, 0)
    assert {r["app_name"]: r["reason"] for r in told["list"]} == {"machine": "platform_denied", "gone": "invalid_network"}
    # Nothing has changed by it.
    for app, hand in hands.items():
        hand.health()
        assert control.resolve(app)[0] == 200
    write(world, **new)
    hup(control)
    for row in told["list"]:
        status, _ = hands[row["app_name"]].refused()
        assert row["reason"] in status["detail"]
    assert control.resolve("good")[0] == 200
    got = eectl("diff", plan, "--against", control.url)
    assert got.returncode == 0 and "1 judged, 1 kept" in got.stdout


def test_policy_diff_refuses_what_is_no_file(released):
    world = released
    control = world.control(EE_ADMIN_TOKEN="secret")
    plan = world.dir / "plan.json"
    plan.write_text('{"networks":{"forge-1":{"tcb":{"acept":[]}}}}')
    got = eectl("diff", plan, "--against", control.url, EE_ADMIN_TOKEN="secret")
    assert got.returncode == 2 and "networks.forge-1.tcb.acept: no such member" in got.stderr
    got = eectl("diff", plan, "--against", control.url)
    assert got.returncode == 2 and "401" in got.stderr
    assert eectl("diff", world.dir / "nowhere", "--against", control.url).returncode == 1
    assert eectl("diff", plan).returncode == 1
    status, _, body = http("POST", control.url + "/v1/policy/diff", b" " * (1024 * 1024 + 1),
                           {"Authorization": "Bearer secret"})
    assert status == 413


def test_one_policy_diff_at_a_time(released):
    world = released
    control = world.control()
    plan = world.dir / "plan.json"
    plan.write_text(text_of(forge_1={}))
    with socket.create_connection(("127.0.0.1", control.port)) as s:
        s.sendall(b"POST /v1/policy/diff HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        harness.wait_for("the second to be refused",
                         lambda: "policy_diff_running" in eectl("diff", plan, "--against", control.url).stderr)
    harness.wait_for("the first to be gone", lambda: eectl("diff", plan, "--against", control.url).returncode == 0)


def test_a_bad_file_keeps_the_old_rules(released):
    world = released
    path = write(world, forge_1={"platforms": {"deny": [{"piid": piid("vm2")}]}})
    control = world.control(EE_NETWORKS_FILE=str(path))
    hand = live(world, control)
    path.write_text('{"networks":{"forge-1":{"platforms":{"deny":[{"piid":"00"}]}}}}')
    hup(control, "reload_failed")
    assert "networks.forge-1.platforms.piid: must be hex" in control.log()
    hand.health()
    assert control.resolve()[0] == 200
    world.publish(world.allowlist("vm2", tag="v2"), tag="v2")
    assert refused_at_once(world, control, vm="vm2", tag="v2")["reason"] == "platform_denied"


# -- what is to come --
def test_what_is_to_come_is_told(released):
    world = released
    control = world.control(EE_NETWORKS_FILE=str(write(world, forge_1={})))
    hand = live(world, control)
    assert control.get("/v1/apps/myapp")[1]["tcb_forecast"] is None
    assert http("PUT", f"{world.sim_url}/sim/tcb", {"early": 1})[0] == 204
    hup(control, "tcb_forecast")
    control.wait_log("event=tcb_forecast evaluation=19 judged=1 worse=1 refused=1 unjudged=0")
    one, = control.get("/v1/apps/myapp")[1]["tcb_forecast"]
    assert (one["agent_id"], one["evaluation_number"]) == ("myapp", 19)
    assert (one["tcb_status"], one["reason"]) == ("OutOfDate", "tcb_status_rejected:OutOfDate")
    short, = one["shortfalls"]
    assert (short["part"], short["what"], short["index"], short["have"], short["need"]) == (
        "platform", "sgx_component", 0, 9, 10)
    assert short["text"] == "SGX component 0 is 9, needs 10 (platform firmware, BIOS: Early Microcode Update)"
    got = eectl_tcb(control.url, "myapp")
    assert got.returncode == 5 and "myapp: soon, evaluation 19: OutOfDate, refused: tcb_status_rejected" in got.stdout
    assert "  SGX component 0 is 9, needs 10 (platform firmware, BIOS: Early Microcode Update)" in got.stdout
    page = http("GET", control.url + "/dashboard")[2]
    assert b"evaluation 19" in page
    # It is a forecast: nobody has lost anything.
    hand.health()
    assert control.resolve()[0] == 200
    # It comes true.
    assert http("PUT", f"{world.sim_url}/sim/tcb", {"recoveries": 1})[0] == 204
    control.proc.send_signal(signal.SIGHUP)
    control.wait_log("event=lease_ended .*reason=tcb_status_rejected:OutOfDate")


def test_nothing_is_to_come(released):
    world = released
    control = world.control(EE_NETWORKS_FILE=str(write(world, forge_1={})))
    hand = live(world, control)
    hup(control, "tcb_forecast")
    assert control.get("/v1/apps/myapp")[1]["tcb_forecast"] == []
    got = eectl_tcb(control.url, "myapp")
    assert (got.returncode, got.stdout) == (0, "nothing is to come\n")
    hand.health()
    silent = world.control(name="silent", EE_TCB_FORECAST="off")
    other = live(world, silent, app="other")
    silent.proc.send_signal(signal.SIGHUP)
    silent.wait_log("event=rejudged")
    assert silent.get("/v1/apps/other")[1]["tcb_forecast"] is None
    other.health()


def eectl_tcb(*args):
    return subprocess.run([harness.BUILD / "src/programs/eectl", "tcb", *map(str, args)], capture_output=True, text=True,
                          timeout=20, env={"PATH": os.environ["PATH"]})


def test_eectl_tcb_of_a_quote(world):
    world.vm("vm1")
    quote, now, soon = [world.dir / n for n in ("quote", "now.json", "soon.json")]
    quote.write_text(world.quote("vm1", bytes(64)))
    now.write_bytes(http("GET", world.sim_url + "/sim/collateral.json")[2])
    assert http("PUT", f"{world.sim_url}/sim/tcb", {"recoveries": 2})[0] == 204
    soon.write_bytes(http("GET", world.sim_url + "/sim/collateral.json")[2])
    root = ["--root-ca", world.dir / "sim" / "root_ca.pem"]
    got = eectl_tcb(quote, "--collateral", now, *root)
    assert (got.returncode, got.stdout) == (0, "now, evaluation 18: UpToDate\n")
    got = eectl_tcb(quote, "--collateral", now, "--early", soon, *root)
    assert got.returncode == 5 and got.stdout.splitlines() == [
        "now, evaluation 18: UpToDate", "soon, evaluation 20: OutOfDate",
        "  SGX component 0 is 9, needs 11 (platform firmware, BIOS: Early Microcode Update)"]
    got = eectl_tcb(quote, "--collateral", now)
    assert got.returncode == 2 and "root_untrusted" in got.stderr
    assert eectl_tcb(quote).returncode == 1
    assert eectl_tcb("http://127.0.0.1:9", "No/App").returncode == 1
