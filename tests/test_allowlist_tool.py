"""From a VM to an admitted agent with eectl and the action: what eectl makes is published at the simulated GitHub, and the
control plane judges by it."""
import base64
import hashlib
import json
import os
import subprocess

import pytest

import harness
from harness import BUILD, HandAgent, TOP, http

EECTL = BUILD / "src" / "programs" / "eectl"
ACTION = TOP / "packaging" / "github-action"
CLAIMS = {"vm_image_id": "image-1", "sealed": True}
ASSET = "agent-attestation-allowlist.json"
ENV = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
CREATED = ["--created-at", "2026-01-01T00:00:00Z"]


def tool(*args, stdin=None, **env):
    done = subprocess.run([EECTL, "allowlist", *map(str, args)], env={**ENV, **env}, capture_output=True, text=True, timeout=60, input=stdin)
    assert not harness.TROUBLE.search(done.stderr), done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def control(world):
    return world.control()


@pytest.fixture
def vm(world):
    """A VM's quote and claims, as files; gives their paths."""
    world.vm("vm1")
    quote, claims = world.dir / "quote.bin", world.dir / "claims.json"
    quote.write_bytes(base64.b64decode(world.quote("vm1", bytes(64))))
    claims.write_text(json.dumps(CLAIMS))
    return quote, claims


def make(vm, *more, tag=harness.TAG):
    return tool("generate", "--quote", vm[0], "--claims", vm[1], "--tag", tag, *CREATED, *more)


def test_from_a_quote_to_an_admitted_agent(world, control, vm):
    code, text, why = make(vm)
    assert code == 0, why
    made = json.loads(text)
    r = world.vms["vm1"]
    assert made == {"version": "1.0", "release_tag": harness.TAG, "created_at": "2026-01-01T00:00:00Z",
                    "measurements": {**{k: r[k] for k in ("mrtd", "rtmr1", "rtmr2")}, **CLAIMS}}
    for key, word in (("mrtd", "pinned"), ("rtmr1", "pinned"), ("rtmr2", "pinned"), ("rtmr0", "left out"), ("rtmr3", "left out"),
                      ("sealed", "pinned")):
        line = [x for x in why.splitlines() if f" {key} " in x]
        assert line and line[0].startswith(word), (key, why)
    world.publish(text.encode())
    HandAgent(world, control).admitted()
    world.vm("vm2")
    hand = HandAgent(world, control, vm="vm2", agent_id="hand-2")
    hand.register().answer(hand.challenge())
    assert hand.refused()[0]["reason"].startswith("measurement_mismatch:")


def test_from_evidence_of_two_replicas(world, control, vm):
    """A second VM of other registers is an alternative of its own."""
    world.vm("vm2")
    both = world.allowlist("vm1")
    both["measurements"] = [both["measurements"], world.allowlist("vm2")["measurements"]]
    world.publish(both)
    hands = [HandAgent(world, control, vm=v, agent_id=f"hand-{v}") for v in ("vm1", "vm2")]
    for hand in hands:
        hand.admitted()
    document = http("GET", control.url + "/v1/evidence/myapp")[2]
    path = world.dir / "evidence.json"
    path.write_bytes(document)
    code, text, why = tool("generate", "--evidence", path, *CREATED)
    assert code == 0, why
    made = json.loads(text)
    assert made["release_tag"] == harness.TAG
    assert {m["mrtd"] for m in made["measurements"]} == {world.vms[v]["mrtd"] for v in ("vm1", "vm2")}
    assert "agent_config" not in text and "left out" in why
    (world.dir / "made.json").write_text(text)
    assert tool("check", world.dir / "made.json", "--tag", harness.TAG)[0] == 0
    (world.dir / "old.json").write_text(json.dumps(both))
    code, out, _ = tool("diff", world.dir / "old.json", world.dir / "made.json")
    # It asks for agent_sha256 as well, which the evidence showed.
    assert code == 3 and "agent_sha256" in out and "admits" not in out, out
    assert tool("generate", "--evidence", "-", stdin="{}")[0] == 2


def test_what_is_no_ground_for_a_list(world, vm):
    for settings in ({"debug": True}, {"rtmr1": "00" * 48}, {"mrtd": "00" * 48}):
        world.vm("odd", **settings)
        odd = world.dir / "odd.bin"
        odd.write_bytes(base64.b64decode(world.quote("odd", bytes(64))))
        code, out, why = make((odd, vm[1]))
        assert code == 6 and not out and ("debug" in why or "all zero" in why), why
    code, out, _ = make(vm, "--pin", "mrenclave")
    assert code == 6 and not out
    vm[1].write_text("[]")
    assert make(vm)[0] == 6
    vm[1].write_text("{")
    assert make(vm)[0] == 2
    vm[1].write_text(json.dumps({"a": 1.5}))
    assert make(vm)[0] == 2
    vm[0].write_bytes(b"no quote")
    assert make(vm)[0] == 2


@pytest.mark.parametrize("call", [[], ["generate"], ["generate", "--quote", "x"], ["generate", "--evidence", "x", "--quote", "y"],
                                  ["generate", "--evidence"], ["check"], ["check", "a", "b"], ["check", "--no"], ["diff", "a"], ["nonsense"],
                                  ["check", "/nowhere"], ["accept"], ["accept", "ftp://x", "a/b", "v1", "00" * 32],
                                  ["accept", "http://127.0.0.1:1", "a", "v1", "00" * 32],
                                  ["accept", "http://127.0.0.1:1", "a/b", "v..1", "00" * 32],
                                  ["accept", "http://127.0.0.1:1", "a/b", "v1", "00"]])
def test_wrong_calls(call):
    code, out, why = tool(*call)
    assert code == 1 and not out and why


def test_check_names_weaknesses(world, vm):
    path = world.dir / "list.json"
    path.write_text(json.dumps({"measurements": {"vm_image_id": "x", "rtmr_2": "00"}, "extra": 1}))
    code, out, _ = tool("check", path)
    assert code == 3
    for what in ("weak:    extra", "weak:    alternative 1: mrtd", "weak:    alternative 1: rtmr_2", "note:    release_tag"):
        assert what in out, out
    path.write_text('{"measurements":{}}')
    code, out, why = tool("check", path)
    assert code == 2 and "allowlist_missing_measurements" in why
    path.write_text('{"measurements":{"\\u001b[31m":"a"}}')
    assert "\x1b" not in tool("check", path)[1]


def test_accept_tells_the_control_plane(world):
    token = "t0ken"
    control = world.control(EE_ADMIN_TOKEN=token)
    world.publish(world.allowlist("vm1"))
    HandAgent(world, control).admitted()
    call = ["accept", control.url, harness.REPO, harness.TAG, "22" * 32]
    assert tool(*call)[0] == 4
    code, out, why = tool(*call, EE_ADMIN_TOKEN=token)
    assert code == 0 and json.loads(out)["sha256"] == "22" * 32, why
    call[3] = "v-never"
    code, _, why = tool(*call, EE_ADMIN_TOKEN=token)
    assert code == 4 and "not_found" in why


# -- the action --
def publish(world, vm, upload=None, **env):
    """Run the action's script as a runner would, with the simulated GitHub as where it uploads to."""
    output, summary = world.dir / "output", world.dir / "summary"
    script = upload or world.dir / "upload"
    if not upload:
        script.write_text("#!/usr/bin/python3\nimport os, sys, urllib.request\n_, tag, path = sys.argv\n"
                          f"url = '{world.sim_url}/sim/releases/{harness.REPO}/' + tag + '/' + os.path.basename(path)\n"
                          "urllib.request.urlopen(urllib.request.Request(url, open(path, 'rb').read(), method='PUT'))\n")
        script.chmod(0o755)
    settings = {**ENV, "EE_TAG": harness.TAG, "EE_QUOTE": str(vm[0]), "EE_CLAIMS": str(vm[1]), "EE_EECTL": str(EECTL),
                "EE_UPLOAD": str(script), "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary),
                "RUNNER_TEMP": str(world.dir), **env}
    done = subprocess.run([ACTION / "publish-allowlist"], env=settings, capture_output=True, text=True, timeout=60)
    return done, output.read_text() if output.exists() else "", summary.read_text() if summary.exists() else ""


def test_the_action_publishes_what_admits(world, control, vm):
    done, output, summary = publish(world, vm)
    assert done.returncode == 0, done.stderr
    said = dict(line.split("=", 1) for line in output.splitlines())
    digest = hashlib.sha256(open(said["path"], "rb").read()).hexdigest()
    assert said["sha256"] == digest and digest in summary
    HandAgent(world, control).admitted()
    # The next release, compared with this one.
    vm[1].write_text(json.dumps({**CLAIMS, "vm_image_id": "image-2"}))
    done, _, summary = publish(world, vm, EE_TAG="v2", EE_PREVIOUS=said["path"])
    assert done.returncode == 0 and "vm_image_id" in summary and "admits" in summary, done.stderr


def test_the_action_refuses(world, vm):
    for env, why in (({"EE_TAG": ""}, "tag is empty"), ({"EE_TAG": "--clobber"}, "begins with -"), ({"EE_ASSET": "../x"}, "no plain file name"),
                     ({"EE_ASSET": "a#b"}, "no plain file name"), ({"EE_QUOTE": ""}, "needed"), ({"EE_EVIDENCE": "x"}, "not both"),
                     ({"EE_EECTL": "/nowhere"}, "no eectl"), ({"EE_UPLOAD": "/bin/false"}, "upload failed"),
                     ({"EE_PIN": "nonsense"}, "no allowlist was made"), ({"EE_PREVIOUS": "/nowhere"}, "cannot be compared")):
        done, output, _ = publish(world, vm, **env)
        assert done.returncode == 1 and why in done.stderr and not output, (env, done.stderr)
    # A weak list is published on an explicit word alone.
    vm[1].write_text(json.dumps({"sealed": "true"}))
    done, output, _ = publish(world, vm)
    assert done.returncode == 1 and "not published" in done.stderr and not output
    done, output, _ = publish(world, vm, EE_ALLOW_WEAK="yes")
    assert done.returncode == 0 and output, done.stderr


def test_the_action_file_names_what_the_script_reads():
    text, script = (ACTION / "action.yml").read_text(), (ACTION / "publish-allowlist").read_text()
    for name in ("EE_TAG", "EE_QUOTE", "EE_CLAIMS", "EE_EVIDENCE", "EE_PIN", "EE_PREVIOUS", "EE_ASSET", "EE_ALLOW_WEAK", "EE_EECTL"):
        assert f"        {name}: ${{{{ inputs." in text and name in script, name
    # No input is text of the script.
    assert "${{" not in text.split("run: '")[1]
    for shell in ("sh", "bash"):
        subprocess.run([shell, "-n", ACTION / "publish-allowlist"], check=True)
