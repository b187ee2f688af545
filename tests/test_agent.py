"""What an agent does by itself, seen from outside: dead control planes, its app's health, its end."""
import signal
import time

import harness


def test_a_frozen_control_plane_is_found_and_found_again(world):
    control = world.control()
    agent = world.agent(control)
    control.wait_allowed()
    control.proc.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        # 9.2 s by ws_conn.h's constants; the rest is room for a busy machine.
        agent.wait_log(r"event=disconnected .*reason=peer_idle", timeout=20)
        assert time.monotonic() - began > 2  # it was the ping, and nothing else
    finally:
        control.proc.send_signal(signal.SIGCONT)
    harness.wait_for("a second attestation", lambda: agent.log().count("event=attested") == 2, timeout=60)
    control.wait_allowed()
