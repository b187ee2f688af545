"""Agents that freeze, are unplugged or die: out of routing within ten seconds, and back at once."""
import contextlib
import os
import re
import signal
import subprocess
import threading
import time

import pytest

import harness

FOUND_WITHIN = 10  # seconds, by default settings


@contextlib.contextmanager
def frozen(daemon):
    daemon.proc.send_signal(signal.SIGSTOP)
    try:
        yield time.monotonic()
    finally:
        daemon.proc.send_signal(signal.SIGCONT)


def test_a_frozen_agent_is_out_of_routing_and_comes_back(world):
    control = world.control()
    agent = world.agent(control)
    control.wait_allowed()
    with frozen(agent) as since:
        body = control.wait_denied(timeout=20)
        assert time.monotonic() - since < FOUND_WITHIN + 3
        assert body["reason"] == "no_tunnel" and body["ws_connected"] is False
    control.wait_allowed(timeout=30)


def test_the_identity_of_a_frozen_agent_is_free_at_once(world):
    control = world.control()
    agent = world.agent(control, EE_AGENT_ID="one")
    control.wait_allowed()
    with frozen(agent):
        world.agent(control, name="again", EE_AGENT_ID="one")
        harness.wait_for("its successor", lambda: control.get("/v1/apps/myapp")[1]["tunnels"][0]["state"] == "attested"
                         and "attested" in world.daemons[-1].log(), timeout=5)
        assert control.raw("myapp.x", "/")[0] == 200
        agent.kill()


def links(control):
    """The agents' ports of the tunnels to a control plane."""
    out = subprocess.run(["ss", "-tnH", "state", "established", f"( sport = :{control.port} )"], check=True,
                         capture_output=True, text=True).stdout
    return [int(re.search(r":(\d+)\s*$", line)[1]) for line in out.splitlines()]


@contextlib.contextmanager
def cut(rule):
    table = f"ee_test_{os.getpid()}"
    text = f"table inet {table} {{\nchain out {{\ntype filter hook output priority 0\n{rule} drop\n}}\n}}\n"
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)
    try:
        yield time.monotonic()
    finally:
        subprocess.run(["nft", "delete", "table", "inet", table], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: packets are dropped with nftables")
@pytest.mark.parametrize("rule", ["tcp sport {agent} tcp dport {control}", "tcp sport {control} tcp dport {agent}"],
                         ids=["agent-unheard", "agent-deaf"])
def test_an_unplugged_agent_is_out_of_routing(world, rule):
    control = world.control()
    agent = world.agent(control)
    control.wait_allowed()
    port = next(p for p in links(control) if p)
    with cut(rule.format(agent=port, control=control.port)) as since:
        # Lost, or replaced by the agent's next tunnel, if the agent saw it first.
        control.wait_log("event=tunnel_closed", timeout=20)
        assert time.monotonic() - since < FOUND_WITHIN + 3
        # A new connection has another port: the agent needs no help to find back.
        control.wait_allowed(timeout=30)
        assert control.raw("myapp.x")[0] == 200
    assert agent.proc.poll() is None


def test_an_agent_that_was_killed_is_out_of_routing_at_once(world):
    control = world.control()
    agent = world.agent(control)
    control.wait_allowed()
    agent.kill()
    control.wait_denied(timeout=2)


class Asked(threading.Thread):
    """One request in the background."""

    def __init__(self, control, path, method="GET", body=None):
        super().__init__(daemon=True)
        self.call, self.answer = (lambda: control.raw("myapp.x", path, method, body)), None
        self.start()

    def run(self):
        self.answer = self.call()


def replicas(world, control, n):
    """So many agents, each with a backend of its own, by the port of the backend."""
    found = [(world.agent(control, backend=(b := world.backend())), b) for i in range(n)]
    harness.wait_for("all replicas", lambda: control.resolve()[1].get("replicas", {}).get("serving") == n)
    return found


def where(found, path):
    return harness.wait_for("the request", lambda: next(
        ((a, b) for a, b in found if any(s[1] == path for s in b.seen)), None))




@pytest.mark.parametrize("method,again", [("GET", True), ("HEAD", True), ("DELETE", True), ("POST", False)])
def test_what_may_be_repeated_is_asked_of_another_replica(world, method, again):
    control = world.control()
    found = replicas(world, control, 2)
    slow = Asked(control, "/slow/8", method)
    # The backend notes a request before it waits.
    agent, backend = where(found, "/slow/8")
    agent.kill()
    for _, b in found:
        b.release.set()
    slow.join(15)
    status, headers, body = slow.answer
    other = next(b for _, b in found if b is not backend)
    if again:
        assert status == 200 and [s[1] for s in other.seen] == ["/slow/8"]
        assert "request_repeated" in control.log()
    else:
        assert status == 502 and b"tunnel_lost" in body and "tunnel" in headers["Proxy-Status"]
        assert not other.seen
