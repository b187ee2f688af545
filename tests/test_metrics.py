"""GET /metrics: read by Prometheus' own parser, and true."""
import pathlib
import re
import signal

from prometheus_client.parser import text_string_to_metric_families

import harness
from harness import HandAgent, http

TOP = pathlib.Path(__file__).resolve().parent.parent
TYPE = "text/plain; version=0.0.4; charset=utf-8"


def scrape(control, **headers):
    """{(sample, label values in their names' order): value}; every family must have a type and words."""
    status, head, body = http("GET", control.url + "/metrics", headers=headers)
    assert (status, head["Content-Type"]) == (200, TYPE), (status, body)
    seen = {}
    for family in text_string_to_metric_families(body.decode()):
        assert family.type in ("counter", "gauge", "histogram") and family.documentation.endswith("."), family
        for s in family.samples:
            key = (s.name, *(v for _, v in sorted(s.labels.items())))
            assert s.name.startswith("ee_") and key not in seen, s
            seen[key] = s.value
    return seen


def refused(hand):
    hand.register().answer(hand.challenge())
    return hand.refused()[0]["reason"]


def test_what_happened_is_counted(world):
    world.vm("vm1")
    world.publish(world.allowlist("vm1"))
    control = world.control(EE_COLLATERAL_WARN_DAYS="31")
    before = scrape(control)
    assert before["ee_ready",] == 1 and before["ee_tunnels",] == before["ee_apps",] == 0
    assert before["ee_attestations_total", "attested", "accepted"] == 0
    world.agent(control)
    control.wait_allowed()
    assert control.raw("myapp.example")[0] == 200
    assert control.raw("nobody.example")[0] == 404
    assert refused(HandAgent(world, control, app="other", tag="none")) == "allowlist_fetch_failed:release_not_found"
    now = scrape(control)
    assert now["ee_tunnels",] == now["ee_apps",] == 1 and now["ee_tunnels_unattested",] == 0
    assert now["ee_attestations_total", "attested", "accepted"] == 1
    assert now["ee_attestations_total", "allowlist_fetch_failed", "refused"] == 1
    assert now["ee_attestation_seconds_count",] == 2
    assert now["ee_visits_total", "2xx"] == 1 and now["ee_visits_total", "4xx"] == 1
    assert now["ee_visits_refused_total", "unknown_app"] == 1
    assert now["ee_visit_seconds_count",] == now["ee_visit_seconds_bucket", "+Inf"] == 2
    assert now["ee_collateral_platforms",] == now["ee_collateral_aging",] == 1
    items = {k[1:]: v for k, v in now.items() if k[0] == "ee_collateral_item_expiry_timestamp_seconds"}
    assert {i for i, _ in items} == {"rootcrl", "pckcrl", "tcb", "qe"}
    assert min(items.values()) == now["ee_collateral_next_expiry_timestamp_seconds",]
    assert now["ee_release_lookups_total",] == 2 and now["ee_release_lookups_failed_total",] == 1
    assert http("DELETE", control.url + "/v1/apps/myapp")[0] == 204
    ended = scrape(control)
    assert ended["ee_leases_ended_total", "admin_removed"] == 1 and ended["ee_apps",] == 0


def test_a_limit_of_github_shows(world):
    world.vm("vm1")
    world.publish(world.allowlist("vm1"))
    control = world.control()
    assert scrape(control)["ee_release_limited_seconds",] == 0
    assert http("PUT", f"{world.sim_url}/sim/fault/github", {"status": 429, "retry_after": 60})[0] == 204
    assert refused(HandAgent(world, control)) == "allowlist_fetch_failed:rate_limited"
    assert 30 < scrape(control)["ee_release_limited_seconds",] <= 60


def test_figures_are_for_admins(world):
    control = world.control(EE_ADMIN_TOKEN="t0ken")
    assert http("GET", control.url + "/metrics")[0] == 401
    assert scrape(control, Authorization="Bearer t0ken")["ee_ready",] == 1


def test_the_rules_ask_for_figures_that_exist(world):
    """packaging/prometheus names no family that is not given."""
    world.vm("vm1")
    world.publish(world.allowlist("vm1"))
    control = world.control(EE_TCB_FORECAST="on")
    HandAgent(world, control).admitted()
    control.proc.send_signal(signal.SIGHUP)
    control.wait_log("event=tcb_forecast ")
    body = http("GET", control.url + "/metrics")[2].decode()
    given = {f"{m[1]}{part}" for m in re.finditer(r"^# TYPE (\w+) ", body, re.M) for part in ("", "_bucket", "_sum", "_count")}
    rules = (TOP / "packaging" / "prometheus" / "ee-control.rules.yml").read_text()
    asked = set(re.findall(r"\bee_\w+", rules))
    assert asked and asked - given <= {"ee_certificate_expiry_timestamp_seconds"}, asked - given
