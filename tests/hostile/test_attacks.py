"""Every attack of `ee-sim attack`, against the real control plane, where it must fail, and against one that believes
everything, where it must succeed: an attack that cannot succeed proves nothing. docs/threat-model.md has the rows."""
import json
import re
import subprocess

import pytest

import gullible
import harness

OTHER = "example/other"
TOKEN = "s3cret-token-of-an-admin"


def attack(*args, timeout=300):
    return subprocess.run([harness.BUILD / "src" / "programs" / "ee-sim", "attack", *args], capture_output=True, text=True,
                          timeout=timeout, env={"ASAN_OPTIONS": "exitcode=99", "UBSAN_OPTIONS": "halt_on_error=1"})


SCENARIOS = [json.loads(line) for line in attack("--list", "--json").stdout.splitlines()]
NAMES = [s["name"] for s in SCENARIOS]
assert NAMES

# What must be in the evidence: refused for what it is, not for something that happens to be wrong beside it.
BECAUSE = {
    "forged-quote": "qe_report_data", "forged-chain": "root_untrusted",
    "tampered-quote": "(quote_signature.*){2}quote_truncated", "debug-td": "debug_td.*quote_signature",
    "movable-td": "(td_attributes.*){2}",
    "old-platform": "OutOfDate: tcb_status_rejected:OutOfDate; Revoked: .*tcb_revoked; .*tcb_not_supported;.*:OutOfDate.*tcb_revoked",
    "other-registers": "mismatch:mrtd.*mismatch:rtmr1.*mismatch:rtmr2",
    "unbound-claims": "claims_mismatch.*claims_mismatch.*claims_not_canonical", "no-freshness": "freshness_missing",
    "replayed-quote": "report_data_mismatch.*nonce_mismatch",
    "wrong-nonce": "nonce_mismatch.*binding_mismatch.*missing_fields", "second-try": "closed 1008 dcap_verification_failed",
    "relayed-tunnel": "binding_mismatch", "relayed-audience": "(binding_mismatch.*){2}",
    "relayed-channel": "binding_mismatch", "relayed-identity": "(binding_mismatch.*){5}",
    "script-names": "invalid_", "repo-tricks": "invalid_field", "app-tricks": "invalid_field",
    "reserved-names": "app_name_reserved", "other-network": "invalid_network", "other-identity": "identity_changed, closed 1008",
    "name-takeover": "app_name_taken", "agent-takeover": "agent_id_taken", "served-unattested": " 40[34] ",
    "failed-attestation": "report_data_mismatch|dcap_verification_failed|invalid_field|missing_quote",
    "smuggling": "400 Bad Request", "path-tricks": "400 Bad Request", "oversize-body": "413",
    "resolve-unknown": "40[34]", "admin-without-token": "401", "admin-token-in-query": "the right token.*401",
    "admin-token-parts": "401", "evidence-as-token": "401|431", "agent-header-bomb": "502",
    "agent-oversize-message": "1009 message_too_big", "agent-garbage": "1008", "stream-splitting": "502",
    "stream-header-bomb": "502", "stream-other": "1002 protocol_error", "stream-push": "1002 protocol_error",
    "stream-window-overflow": "1002 protocol_error", "stream-window-flood": "1002 protocol_error",
    "stream-ping-flood": "1002 protocol_error", "stream-above-credit": "1002 protocol_error",
    "oversize-unattested": "1009 message_too_big", "deep-json": "invalid_json", "upgrade-headers": "431|400",
    "cross-site": "401",
}


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A world whose release two repositories have."""
    w = harness.World(tmp_path_factory.mktemp("hostile"))
    w.vm("vm1")
    w.publish(w.allowlist("vm1"))
    w.publish(w.allowlist("vm1"), repo=OTHER)
    (w.dir / "token").write_text(TOKEN + "\n")
    w.options = ["--other-repo", OTHER, "--admin-token-file", str(w.dir / "token"), "--json"]
    yield w
    w.close()


@pytest.fixture(scope="module")
def control(there):
    return there.control(EE_ADMIN_TOKEN=TOKEN)


def played(there, control, *names, options=()):
    proxy = ["--proxy", f"http://127.0.0.1:{control.proxy_port}"]
    run = attack(*(x for n in names for x in ("--run", n)), "--target", control.url, *proxy, *there.options,
                 *(options or ["--sim-state", str(there.dir / "sim")]))
    assert not run.stderr, run.stderr
    return run.returncode, [json.loads(line) for line in run.stdout.splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_holds(there, control, name):
    code, [got] = played(there, control, name)
    assert (code, got["result"], got["through"]) == (0, "held", 0), got
    assert re.search(BECAUSE.get(name, "."), got["evidence"]), got
    assert control.proc.poll() is None


@pytest.mark.parametrize("name", NAMES)
def test_can_succeed(there, name):
    """Each case of each attack gets through where nobody looks."""
    g = gullible.Gullible()
    try:
        run = attack("--run", name, "--target", g.url, "--proxy", g.proxy_url, *there.options, "--sim-state",
                     str(there.dir / "sim"), "--patience", "10" if name == "oversize-body" else "2")
    finally:
        g.stop()
    assert not run.stderr, run.stderr
    got = json.loads(run.stdout)
    assert (run.returncode, got["result"]) == (1, "broken"), got
    assert got["through"] >= got["cases"], got


def test_holds_without_a_token(there):
    """Without a token the control plane's own machine is the admin; no page that its browser shows is."""
    c = there.control(name="ee-control-open")
    code, got = played(there, c, "admin-without-token", "evidence-as-token", "admin-token-in-query", "cross-site")
    assert code == 0 and all(g["result"] == "held" for g in got), got
    c.stop()


def test_holds_with_the_simulators_quotes_over_http(there, control):
    names = ["forged-quote", "forged-chain", "debug-td", "other-registers", "agent-takeover", "replayed-quote"]
    code, got = played(there, control, *names, options=["--sim", there.sim_url])
    assert code == 0 and [g["name"] for g in got] == names
    assert all(re.search(BECAUSE[g["name"]], g["evidence"]) for g in got), got
    status, _, body = harness.http("GET", there.sim_url + "/sim/vm")
    assert status == 200 and json.loads(body)["vms"] == ["vm1"]  # the machines of the attack are gone


def test_holds_over_tls(there):
    """Where the control plane ends TLS, a quote is of one connection."""
    d = there.dir / "tls"
    d.mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", d / "key.pem",
                    "-out", d / "cert.pem", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True)
    c = there.control(start=False, name="ee-control-tls", EE_TLS_CERT=str(d / "cert.pem"), EE_TLS_KEY=str(d / "key.pem"))
    c.env["EE_PUBLIC_URL"] = c.url
    c.start()
    names = ["relayed-channel", "relayed-tunnel", "relayed-identity", "replayed-quote", "second-try", "forged-quote"]
    run = attack(*(x for n in names for x in ("--run", n)), "--target", c.url, "--ca-file", str(d / "cert.pem"),
                 *there.options, "--sim-state", str(there.dir / "sim"))
    got = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.returncode == 0 and [g["name"] for g in got] == names, run
    assert all(re.search(BECAUSE[g["name"]], g["evidence"]) for g in got), got
    c.stop()


# -- the tool itself --
TARGET = ["--target", "http://127.0.0.1:9"]


@pytest.mark.parametrize("args,said", [
    ([], "--list is needed"), (["--run", "all"], "--target is needed"), (["--run", "nonsense", *TARGET], "is no attack"),
    (["--run"], "wants a value"), (["--nonsense", "x"], "is no option"), (["--run", "all", "--target", "http://192.0.2.1"], "--i-operate-this-target"),
    (["--run", "all", *TARGET, "--proxy", "http://proxy.example"], "--i-operate-this-target"),
    (["--run", "all", *TARGET, "--sim", "http://192.0.2.1"], "--i-operate-this-target"),
    (["--run", "all", "--target", "ws://127.0.0.1"], "--target"), (["--run", "all", "--target", "http://127.0.0.1/v1"], "--target"),
    (["--run", "all", *TARGET, "--claims", "[]"], "--claims"), (["--run", "all", *TARGET, "--claims", "{"], "--claims"),
    (["--run", "all", *TARGET, "--patience", "0"], "--patience"), (["--run", "all", *TARGET, "--patience", "5s"], "--patience"),
    (["--run", "all", *TARGET, "--sim", "http://127.0.0.1:1", "--sim-state", "x"], "one too many"),
    (["--run", "all", *TARGET, "--admin-token-file", "/dev/null"], "is empty")])
def test_a_wrong_call_is_named(args, said):
    run = attack(*args)
    assert run.returncode == 2 and said in run.stderr and not run.stdout, run


def test_a_token_file_that_is_not_there(tmp_path):
    run = attack("--run", "all", *TARGET, "--admin-token-file", str(tmp_path / "none"))
    assert run.returncode == 2 and "none" in run.stderr and not run.stdout, run


def test_what_could_not_be_played_is_not_held(tmp_path):
    """Nobody there, nobody to sign quotes, no listener: said, and no success."""
    run = attack("--run", "all", "--target", f"http://127.0.0.1:{harness.free_port()}", "--patience", "1", "--json")
    got = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.returncode == 3 and [g["name"] for g in got] == NAMES
    assert all(g["result"] == "not-applicable" and g["evidence"] for g in got), got


def test_a_target_that_refuses_everybody_holds_nothing(there):
    """A refusal says something only where an agent that tells the truth is admitted."""
    c = there.control(name="ee-control-strict", EE_DCAP_ROOT_CA=None)
    code, got = played(there, c, "forged-quote", "replayed-quote", "agent-splitting")
    assert code == 3 and all("tells the truth is not admitted" in g["evidence"] for g in got), got
    c.stop()


def test_help_says_whom_it_is_for():
    run = attack("--help")
    assert run.returncode == 0 and "you operate yourself" in run.stdout.replace("\n", " ")
