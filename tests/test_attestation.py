"""What must never be admitted, each with the reason that the agent is told."""
import base64
import json

import pytest

import harness
from harness import HandAgent, http


@pytest.fixture
def control(world):
    return world.control()


def refused(hand, **answer):
    hand.register().answer(hand.challenge(), **answer)
    status, end = hand.refused()
    assert end.code == 1008
    assert hand.control.resolve()[1]["allowed"] is False
    return status["reason"], status.get("cause")


def test_the_hand_made_agent_is_admitted_when_it_tells_the_truth(world, control):
    hand = HandAgent(world, control)
    hand.admitted()
    hand.health()
    control.wait_allowed()
    hand.ws.close()


def test_another_nonce_in_the_message(world, control):
    hand = HandAgent(world, control)
    assert refused(hand, nonce="ab" * 32)[0] == "nonce_mismatch"


@pytest.mark.parametrize("what", ["nonce", "audience", "app_name", "repo", "release_tag", "network", "agent_id", "v", "channel"])
def test_a_quote_made_for_another(world, control, what):
    hand = HandAgent(world, control)
    hand.register()
    c = hand.challenge()
    changes = {what: "cd" * 32}
    rd = (hand.report_data("cd" * 32) if what == "nonce" else hand.report_data(c["nonce"], **changes))
    hand.answer(c, report_data=rd)
    status, _ = hand.refused()
    assert (status["reason"], status["cause"]) == ("report_data_mismatch", "binding_mismatch")


def test_claims_that_the_quote_does_not_bind(world, control):
    hand = HandAgent(world, control)
    reason, cause = refused(hand, claims={**hand.claims, "vm_image_id": "image-2"})
    assert (reason, cause) == ("report_data_mismatch", "claims_mismatch")


def test_report_data_that_is_not_the_quotes(world, control):
    hand = HandAgent(world, control)
    hand.register()
    c = hand.challenge()
    hand.answer(c, quote=world.quote("vm1", b"\7" * 64))
    assert hand.refused()[0]["reason"] == "report_data_mismatch"


def test_claims_that_are_not_canonical(world, control):
    hand = HandAgent(world, control)
    for claims in ({"x": 1.5}, {"x": -0.0}, {"ü": 1}, {"x": 2**53}):
        hand = HandAgent(world, control)
        assert refused(hand, claims=claims)[0] == "claims_not_canonical", claims


def test_a_captured_quote_does_not_replay(world, control):
    first = HandAgent(world, control)
    first.register()
    c = first.challenge()
    rd = first.report_data(c["nonce"])
    quote = world.quote("vm1", rd)
    first.answer(c, quote=quote)
    first.ws.recv_type("status", reason="attested")
    second = HandAgent(world, control, agent_id="hand-1")
    second.register()
    c2 = second.challenge()
    second.answer(c2, quote=quote, report_data=rd)
    status, _ = second.refused()
    assert (status["reason"], status["cause"]) == ("report_data_mismatch", "binding_mismatch")
    # The answer to a challenge that is gone is nobody's answer, and the first tunnel lives.
    first.answer(c, quote=quote)
    assert first.ws.recv_type("status")["reason"] == "unexpected_attestation"
    first.health()
    control.wait_allowed()


@pytest.mark.parametrize("forge", ["throwaway-key", "self-made-chain"])
def test_a_forged_quote(world, control, forge):
    world.vm("forger", forge=forge)
    hand = HandAgent(world, control, vm="forger")
    reason, cause = refused(hand)
    assert reason == "dcap_verification_failed" and cause


def test_a_tampered_quote(world, control):
    hand = HandAgent(world, control)
    hand.register()
    c = hand.challenge()
    rd = hand.report_data(c["nonce"])
    raw = bytearray(base64.b64decode(world.quote("vm1", rd)))
    raw[48 + 136] ^= 1  # MRTD
    hand.answer(c, quote=base64.b64encode(raw).decode(), report_data=rd)
    status, _ = hand.refused()
    assert status["reason"] == "dcap_verification_failed"


@pytest.mark.parametrize("quote", ["AAAA", "", "%%%", base64.b64encode(b"\4" * 70000).decode()])
def test_a_quote_that_is_none(world, control, quote):
    hand = HandAgent(world, control)
    hand.register()
    c = hand.challenge()
    hand.ws.send({"type": "attest_response", "nonce": c["nonce"], "quote": quote,
                  "report_data": "00" * 64, "measurements": hand.claims})
    status, _ = hand.refused()
    assert status["reason"] in ("dcap_verification_failed", "missing_quote_or_measurements")


def test_registers_that_the_release_does_not_list(world, control):
    world.vm("tampered", rtmr2="77" * 48)
    hand = HandAgent(world, control, vm="tampered")
    reason, _ = refused(hand)
    assert reason in ("measurement_mismatch:mrtd", "measurement_mismatch:rtmr1", "measurement_mismatch:rtmr2")


def test_a_claim_that_the_release_does_not_list(world, control):
    hand = HandAgent(world, control)
    hand.claims["vm_image_id"] = "image-2"
    assert refused(hand)[0] == "measurement_mismatch:vm_image_id"


def test_a_debug_td(world, control):
    world.vm("debug", tdattributes="0100001000000000")
    world.publish(world.allowlist("debug", tag="v-debug"), tag="v-debug")
    hand = HandAgent(world, control, vm="debug", tag="v-debug")
    assert refused(hand)[0] == "debug_td"


def test_a_platform_that_is_out_of_date(world, control):
    world.vm("old", tcb="OutOfDate")
    world.publish(world.allowlist("old", tag="v-old"), tag="v-old")
    hand = HandAgent(world, control, vm="old", tag="v-old")
    assert refused(hand)[0].startswith("tcb_status_rejected")


def test_sealed_without_pinned_registers(world, control):
    world.publish({"version": "1.0", "measurements": {"vm_image_id": "image-1", "sealed": True}}, tag="v-bare")
    hand = HandAgent(world, control, tag="v-bare")
    assert refused(hand)[0] == "allowlist_unmeasured"


def test_agent_config_that_leads_elsewhere(world, control):
    hand = HandAgent(world, control, backend="203.0.113.7")
    assert refused(hand)[0] == "agent_config_rejected"


def test_another_identity_on_one_tunnel(world, control):
    hand = HandAgent(world, control)
    hand.admitted()
    hand.register(app_name="other")
    status, end = hand.refused()
    assert status["reason"] == "identity_changed" and end.code == 1008


def test_a_name_belongs_to_its_repo(world, control):
    hand = HandAgent(world, control)
    hand.admitted()
    world.publish(world.allowlist("vm1"), repo="evil/service")
    thief = HandAgent(world, control, repo="evil/service", agent_id="hand-2")
    thief.register().answer(thief.challenge())  # it could be the same repository under a new name
    assert thief.refused()[0]["reason"] == "app_name_taken"
    stranger = HandAgent(world, control, network="sandbox-1", agent_id="hand-3")
    stranger.register()  # told at once, before a quote is made
    assert stranger.refused()[0]["reason"] == "app_name_taken"
    hand.health()
    assert control.wait_allowed()["repo"] == harness.REPO


@pytest.mark.parametrize("name", ["www", "api", "health", "xn--80ak6aa92e"])
def test_a_name_that_nobody_may_have(world, control, name):
    hand = HandAgent(world, control, app=name)
    hand.register()
    status, end = hand.refused()
    assert status["reason"] == "app_name_reserved" and end.code == 1008


def test_a_failed_stranger_changes_nothing(world, control):
    hand = HandAgent(world, control)
    hand.admitted()
    hand.health()
    before = control.wait_allowed()
    for _ in range(3):
        stranger = HandAgent(world, control, agent_id="hand-1")
        stranger.register()
        c = stranger.challenge()
        stranger.ws.send({"type": "attest_response", "nonce": c["nonce"], "quote": "AAAA",
                          "report_data": "00" * 64, "measurements": {}})
        stranger.refused()
    assert control.wait_allowed() == before
    squatter = HandAgent(world, control, app="freename")
    squatter.register()
    squatter.ws.close()
    assert control.resolve("freename")[1]["reason"] == "unknown_app"


def test_the_same_agent_replaces_its_older_tunnel(world, control):
    old = HandAgent(world, control)
    old.admitted()
    new = HandAgent(world, control)
    new.admitted()
    status, end = old.refused()
    assert status["reason"] == "replaced" and end.code == 1008
    new.health()
    control.wait_allowed()


def test_nothing_is_fetched_on_a_strangers_word(world, control):
    hand = HandAgent(world, control, repo="invented/repo")
    hand.register()
    c = hand.challenge()
    hand.ws.send({"type": "attest_response", "nonce": c["nonce"], "quote": "AAAA",
                  "report_data": "00" * 64, "measurements": hand.claims})
    hand.refused()
    assert "invented" not in world.sim.log()


def test_allowlist_replaced_under_its_tag(world, control):
    hand = HandAgent(world, control)
    hand.admitted()
    hand.ws.close()
    control.stop()
    world.publish(world.allowlist("vm1", extra="x"))
    control.start()
    hand = HandAgent(world, control)
    hand.register().answer(hand.challenge())
    assert hand.refused()[0]["reason"] == "allowlist_changed"


def test_a_td_that_may_be_migrated_elsewhere(world, control):
    world.vm("nomad", tdattributes="0000003000000000")
    world.publish(world.allowlist("nomad", tag="v-nomad"), tag="v-nomad")
    hand = HandAgent(world, control, vm="nomad", tag="v-nomad")
    reason, cause = refused(hand)
    assert (reason, cause) == ("dcap_verification_failed", "td_attributes")
