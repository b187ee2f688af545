"""Thousands of agents that come again, and of others who would have their names: the registry says one thing throughout, its owner
serves throughout, and ee-control's memory does not grow."""
import os
import pathlib
import random
import re
import threading

import harness
from harness import HandAgent

ROUNDS = int(os.environ.get("EE_TAKEOVERS", "300"))  # `./dev soak takeovers` asks for ten thousand
OTHER_REPO = "example/other"


def rss_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def come_again(world, control, n):
    """A replica of the app registers several times on one tunnel, and leaves."""
    hand = HandAgent(world, control, vm="vm2", agent_id=f"again-{n % 5}-{threading.get_ident()}")
    for _ in range(3):
        hand.admitted()
    hand.ws.close()


def other_platform(world, control, n):
    """The owner's agent_id from another machine: the owner is asked, and is there."""
    hand = HandAgent(world, control, vm="vm3", agent_id="owner")
    hand.register().answer(hand.challenge())
    assert hand.refused()[0]["reason"] == "agent_id_taken"


def other_repository(world, control, n):
    hand = HandAgent(world, control, repo=OTHER_REPO, agent_id=f"thief-{n}")
    hand.register().answer(hand.challenge())  # it could be the same repository under a new name
    assert hand.refused()[0]["reason"] == "app_name_taken"


def other_network(world, control, n):
    hand = HandAgent(world, control, network="sandbox-1", agent_id="owner")
    hand.register()
    assert hand.refused()[0]["reason"] == "app_name_taken"


def no_proof(world, control, n):
    """The name is right, the quote is of another challenge."""
    hand = HandAgent(world, control, agent_id="owner")
    challenge = hand.register().challenge()
    hand.answer(challenge, report_data=hand.report_data("00" * 32))
    assert hand.refused()[0]["reason"] == "report_data_mismatch"


KINDS = [come_again] * 8 + [other_repository] * 6 + [other_network] * 2 + [no_proof] * 3 + [other_platform]


def play(world, control, rounds, failures):
    rng = random.Random(threading.get_ident())
    try:
        for n in range(rounds):
            rng.choice(KINDS)(world, control, n)
    except Exception as e:  # the test's thread is to hear of it
        failures.append(e)


def all_at_once(world, control, rounds):
    failures = []
    threads = [threading.Thread(target=play, args=(world, control, rounds // 3, failures)) for _ in range(3)]
    for t in threads:
        t.start()
    while any(t.is_alive() for t in threads):
        status, body = control.resolve()
        # Those who come and go are seen while they are here; whoever owns the name has it all the time.
        assert status == 200 and body["repo"] == harness.REPO and body["network"] == "forge-1", body
        threads[0].join(0.05)
    assert not failures, failures[0]


def test_names_stay_with_whom_they_belong_to(tmp_path):
    world = harness.World(tmp_path)
    try:
        lists = [world.allowlist(vm) for vm in ("vm1", "vm2", "vm3")]
        for repo in (harness.REPO, OTHER_REPO):
            world.publish({**lists[0], "measurements": [a["measurements"] for a in lists]}, repo=repo)
        control = world.control(EE_ADMISSION_RATE="100000", EE_LOG_LEVEL="error")
        world.agent(control, EE_AGENT_ID="owner")
        control.wait_allowed()
        all_at_once(world, control, ROUNDS // 4)
        before = rss_kib(control.proc.pid)
        all_at_once(world, control, ROUNDS)
        grown = rss_kib(control.proc.pid) - before
        print(f"{ROUNDS} attempts: grew by {grown} KiB")
        if "asan" not in str(harness.BUILD):  # which keeps freed memory, to see who uses it
            assert grown < 8192
        harness.wait_for("all but the owner to be gone", lambda: control.resolve()[1]["replicas"]["connected"] == 1)
        app = control.get("/v1/apps/myapp")[1]
        assert [r["agent_id"] for r in app["tunnels"]] == ["owner"], app
    finally:
        world.close()
