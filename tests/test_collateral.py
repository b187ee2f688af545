"""Collateral: what a service may do to us, and what must go on all the same."""
import base64
import calendar
import contextlib
import json
import pathlib
import re
import signal
import ssl
import subprocess
import threading
import time
from http import server as http_server

import pytest

import harness
from harness import HandAgent, http
from test_tls import Authority

ITEMS = ("rootcrl", "pckcrl", "tcb", "qe")


def fault(world, **what):
    status, _, body = http("PUT", f"{world.sim_url}/sim/fault/pcs", what)
    assert status == 204, body


def no_fault(world):
    assert http("DELETE", f"{world.sim_url}/sim/fault/pcs")[0] == 204


def requests(world):
    return json.loads(http("GET", f"{world.sim_url}/sim/requests")[2])


def quick(world, **env):
    """A control plane that asks anew every second and waits three for an answer."""
    return world.control(**{"EE_COLLATERAL_REFRESH_SEC": "1", "EE_COLLATERAL_TIMEOUT_SEC": "3", **env})


def check(control):
    """The check `collateral` of /ready?verbose; /ready itself says what it ever said."""
    status, body = control.get("/ready?verbose")
    assert status == 200 and body["ready"] is True
    return next(c for c in body["checks"] if c["name"] == "collateral")


def words(control):
    """Why the items of the one platform were not renewed; {} where they were."""
    platforms = check(control)["platforms"]
    return {i["item"]: i["not_renewed"] for p in platforms for i in p["items"] if "not_renewed" in i}


def figures(control):
    return check(control)["figures"]


def attempt(world, control, **kw):
    """One attestation; gives the reason that it was told, `attested` when it was admitted."""
    hand = HandAgent(world, control, **kw)
    hand.register().answer(hand.challenge())
    while True:
        status = hand.ws.recv_type("status")
        if status.get("reason") not in (None, "registered"):
            break
    hand.ws.close()
    return status["reason"] + (":" + status["cause"] if status.get("cause") else "")


def admitted(world, control, **kw):
    return harness.wait_for("an admission", lambda: attempt(world, control, **kw) == "attested")


def attest_again(control, hand):
    """Challenge an admitted agent and see it attested."""
    assert http("POST", f"{control.url}/v1/apps/myapp/attest")[0] == 202
    hand.answer(hand.challenge())
    hand.ws.recv_type("status", reason="attested")


# -- what a service may do --

BROKEN = [  # the fault, the word for it at the first contact, the word when something is held
    ("slow", {"delay_ms": 30000}, "timeout", "timeout"),
    ("cut", {"bend": "cut"}, "unreachable", "unreachable"),
    ("500", {"status": 500}, "http_500", "http_500"),
    ("429", {"status": 429, "retry_after": 1}, "http_429", "http_429"),
    ("503", {"status": 503, "retry_after": 1}, "http_503", "http_503"),
    ("410", {"status": 410}, "http_410", "http_410"),
    ("404", {"status": 404}, "http_404", "http_404"),
    ("oversized", {"bend": "oversized"}, "too_big", "too_big"),
    ("forged", {"bend": "forged"}, "tcb_info_signature", "tcb_info_signature"),
    ("redirect", {"bend": "redirect"}, "http_302", "http_302"),
    ("redirect-loop", {"bend": "redirect-loop"}, "http_302", "http_302"),
    ("gzip-bomb", {"bend": "gzip-bomb"}, "encoded", "encoded"),
]


@pytest.mark.parametrize("bent, first, held", [pytest.param(*b[1:], id=b[0]) for b in BROKEN])
def test_a_service_that_misbehaves(world, bent, first, held):
    fault(world, item="tcb", **bent)
    control = quick(world)
    reason = attempt(world, control)
    assert reason == ("dcap_error:" + first if first == "tcb_info_signature" else "dcap_error:tcb_" + first)
    no_fault(world)
    admitted(world, control)
    harness.wait_for("nothing to be wanted", lambda: not words(control))
    # What is held stays in its place, is given at once, and everything else goes on being renewed.
    hand = HandAgent(world, control)
    hand.admitted()
    fault(world, item="tcb", **bent)
    harness.wait_for("the word", lambda: words(control).get("tcb") == held)
    assert set(words(control)) == {"tcb"}
    attest_again(control, hand)
    assert f"reason=dcap_error:tcb_{held}" in control.log()
    no_fault(world)
    harness.wait_for("nothing to be wanted", lambda: not words(control))
    assert "event=collateral_renewed" in control.log()
    hand.ws.close()


@pytest.mark.parametrize("item, word, held", [
    ("pckcrl", "pckcrl_other_ca", "other_ca")])
def test_the_crl_of_the_wrong_ca(world, item, word, held):
    fault(world, item=item, bend="other-ca")
    control = quick(world)
    assert attempt(world, control) == "dcap_error:" + word
    no_fault(world)
    admitted(world, control)
    fault(world, item=item, bend="other-ca")
    harness.wait_for("the word", lambda: words(control).get(item) == held)
    assert attempt(world, control) == "attested"


@pytest.mark.parametrize("item, word", [("rootcrl", "crl_signature"), ("pckcrl", "crl_signature"), ("qe", "qe_identity_signature")])
def test_every_item_in_another_hand(world, item, word):
    fault(world, item=item, bend="forged")
    control = quick(world)
    assert attempt(world, control) == "dcap_error:" + word
    no_fault(world)
    admitted(world, control)
    fault(world, item=item, bend="forged")
    harness.wait_for("the word", lambda: words(control) == {item: word})
    assert attempt(world, control) == "attested"


@pytest.mark.parametrize("bend", ["chunked", "hex", "old-names", "lower-names"])
def test_every_spelling_is_read(world, bend):
    fault(world, bend=bend)
    control = quick(world)
    assert attempt(world, control) == "attested"
    renewals = figures(control)["renewals"]
    harness.wait_for("a renewal", lambda: figures(control)["renewals"] > renewals + 1)
    assert not words(control) and figures(control)["renewals_failed"] == 0


def test_retry_after_keeps_us_away(world):
    control = quick(world)
    admitted(world, control)
    fault(world, item="tcb", status=429, retry_after=300)
    harness.wait_for("the word", lambda: words(control).get("tcb") == "http_429")
    before, failed = requests(world), figures(control)["renewals_failed"]
    harness.wait_for("tries that ask nothing", lambda: figures(control)["renewals_failed"] >= failed + 3)
    assert requests(world) == before
    assert set(words(control)) == set(ITEMS)  # the whole service wants to be left alone
    assert attempt(world, control) == "attested"


# -- time, and never back --

def test_older_than_what_was_seen(world):
    control = quick(world)
    admitted(world, control)
    fault(world, bend="older")
    harness.wait_for("the words", lambda: words(control) == dict.fromkeys(ITEMS, "older"))
    assert attempt(world, control) == "attested"
    # Nor after a restart; nor where the bundle is lost, and only its mark is there.
    control.stop()
    control.start()
    harness.wait_for("the words", lambda: words(control) == dict.fromkeys(ITEMS, "older"))
    assert attempt(world, control) == "attested"
    control.stop()
    for f in pathlib.Path(control.env["EE_COLLATERAL_DIR"]).glob("tdx-*.json"):
        f.unlink()
    control.start()
    assert re.fullmatch("dcap_error:[a-z]+_older", attempt(world, control))
    no_fault(world)
    admitted(world, control)


def test_a_lower_evaluation_number(world):
    http("PUT", f"{world.sim_url}/sim/tcb", {"recoveries": 2})
    world.vm("vm2")
    world.publish(world.allowlist("vm2"))
    control = quick(world)
    admitted(world, control, vm="vm2")
    http("PUT", f"{world.sim_url}/sim/tcb", {"recoveries": 1})  # issued later, and an edition behind
    harness.wait_for("the words", lambda: words(control) == {"tcb": "older", "qe": "older"})
    assert attempt(world, control, vm="vm2") == "attested"


def test_out_of_time(world):
    for bend, cause in (("expired", "tcb_info_expired"), ("future", "not_yet_valid")):
        fault(world, bend=bend, item="tcb")
        control = quick(world, name=f"ee-control-{bend}")
        assert attempt(world, control) == "dcap_verification_failed:" + cause
        no_fault(world)
        admitted(world, control)
        fault(world, bend=bend, item="tcb")
        word = "older" if bend == "expired" else "not_yet_valid"
        harness.wait_for("the word", lambda: words(control) == {"tcb": word})
        assert attempt(world, control) == "attested"
        no_fault(world)


def test_what_ends_soon_is_told_days_before(world):
    control = quick(world, EE_COLLATERAL_WARN_DAYS="31")
    admitted(world, control)
    control.wait_log(r"event=collateral_aging .*reason=collateral_aging:\w+ .*days_left=\d+")
    aged = check(control)
    assert aged["ok"] is False and aged["reason"] == "collateral_aging" and aged["figures"]["aging"] == 1
    [platform] = aged["platforms"]
    assert platform["platform"] == "tdx-platform-ee5100000000" and platform["aging"] and not platform["expired"]
    assert [i["item"] for i in platform["items"]] == list(ITEMS)
    assert all(i["days_left"] in (29, 30) for i in platform["items"])
    assert [i.get("evaluation_number") for i in platform["items"]] == [None, None, 18, 18]
    assert control.get("/ready") == (200, {"ready": True})


def test_a_revocation_comes_in_although_another_item_does_not(world):
    control = quick(world)
    hand = HandAgent(world, control)
    hand.admitted()
    fault(world, item="qe", status=500)
    world.vm("vm1", revoked=True)

    def refused():
        with contextlib.suppress(AssertionError):
            return attempt(world, control, agent_id="hand-2") == "dcap_verification_failed:pck_revoked"
    harness.wait_for("the revocation", refused)
    assert words(control) == {"qe": "http_500"}


# -- restarts and the folder --

@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_restart_while_the_service_is_down(world, how):
    control = quick(world)
    admitted(world, control)
    harness.wait_for("the folder", lambda: figures(control)["saved"] > 0)
    fault(world, status=503)
    getattr(control, how)()
    control.killed = False
    control.start()
    assert attempt(world, control) == "attested"
    assert figures(control)["loaded"] == 1
    # A family that was never seen cannot be judged.
    world.vm("other", family=3)
    assert attempt(world, control, vm="other").startswith("dcap_error:")


def test_a_restart_while_the_service_hangs(world):
    """It is asked, since what was held over a restart may have been revoked; not for long."""
    control = quick(world, EE_COLLATERAL_TIMEOUT_SEC="60")
    admitted(world, control)
    harness.wait_for("the folder", lambda: figures(control)["saved"] > 0)
    control.stop()
    fault(world, delay_ms=60000)
    control.start()
    assert attempt(world, control) == "attested"
    assert figures(control)["renewals"] == 0


def test_a_restart_asks_before_it_trusts_what_it_holds(world):
    control = world.control()
    admitted(world, control)
    harness.wait_for("the folder", lambda: figures(control)["saved"] > 0)
    control.stop()
    world.vm("vm1", revoked=True)
    control.start()
    assert attempt(world, control) == "dcap_verification_failed:pck_revoked"


@pytest.mark.parametrize("spoil", [b"", b"{}", b"\x00" * 4096, None])
def test_a_spoiled_file_is_refused(world, spoil):
    control = world.control()
    admitted(world, control)
    harness.wait_for("the folder", lambda: figures(control)["saved"] > 0)
    control.stop()
    path = pathlib.Path(control.env["EE_COLLATERAL_DIR"]) / "tdx-platform-ee5100000000.json"
    whole = path.read_bytes()
    if spoil is None:  # one bit of what is signed
        at = whole.index(b"tcbEvaluationDataNumber")
        spoil = whole[:at] + b"T" + whole[at + 1:]
    path.write_bytes(spoil)
    control.start()
    control.wait_log("event=collateral_file_refused")
    admitted(world, control)
    harness.wait_for("the folder", lambda: path.read_bytes() != spoil)
    assert json.loads(path.read_bytes())["tcb_info"]


def test_marks_of_another_root_are_told_of(world):
    control = world.control()
    admitted(world, control)
    harness.wait_for("the folder", lambda: figures(control)["saved"] > 0)
    control.stop()
    path = pathlib.Path(control.env["EE_COLLATERAL_DIR"]) / "marks.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "root": "00" * 16}))
    control.start()
    control.wait_log("event=collateral_marks_refused .*reason=collateral_marks")
    assert attempt(world, control) == "attested"


def test_a_folder_that_cannot_be_written(world):
    (world.dir / "file").write_text("")
    control = quick(world, EE_COLLATERAL_DIR=str(world.dir / "file"))
    admitted(world, control)
    control.wait_log("event=collateral_not_kept .*reason=file_unwritable")
    assert attempt(world, control) == "attested"


# -- the end of what is held --

LIFE_S = 25


def short_lived(world):
    """From now on documents have so much left of their thirty days when they are given out."""
    assert http("PUT", f"{world.sim_url}/sim/clock", {"offset_s": LIFE_S - 30 * 86400})[0] == 204


def seconds_left(control):
    at = control.resolve()[1]["lease_expires_at"]
    return calendar.timegm(time.strptime(at, "%Y-%m-%dT%H:%M:%SZ")) - time.time()


def test_a_lease_ends_with_what_it_was_verified_by(world):
    """Although the next challenge is far, and nobody is there to ask for newer."""
    short_lived(world)
    control = world.control()
    hand = HandAgent(world, control)
    hand.admitted()
    hand.health()
    fault(world, status=503)
    harness.wait_for("a visitor to be let in", lambda: control.resolve()[0] == 200)
    assert seconds_left(control) <= LIFE_S + 1
    status, end = hand.refused()
    assert status["reason"] == "evidence_expired" and end.code == 1013
    assert control.resolve()[0] == 403 and control.resolve()[1]["reason"] == "no_tunnel"
    control.wait_log("event=lease_ended .*reason=evidence_expired")
    rows = control.get("/v1/audit?app=myapp")[1]["rows"]
    assert [(r["event"], r["reason"]) for r in rows if r["event"] == "lease_ended"] == [("lease_ended", "evidence_expired")]


def test_newer_collateral_moves_the_end(world):
    short_lived(world)
    control = quick(world)
    hand = HandAgent(world, control)
    hand.admitted()
    ends = time.monotonic() + LIFE_S + 5
    hand.health()
    harness.wait_for("a visitor to be let in", lambda: control.resolve()[0] == 200)
    assert seconds_left(control) <= LIFE_S + 1
    assert http("PUT", f"{world.sim_url}/sim/clock", {"offset_s": 0})[0] == 204
    harness.wait_for("the end to be moved", lambda: seconds_left(control) > 600)
    harness.wait_for("the first end", lambda: time.monotonic() > ends, timeout=60)
    assert control.resolve()[0] == 200


# -- in nobody's way --

def test_agents_serve_and_attest_while_the_service_hangs(world):
    control = world.control(EE_COLLATERAL_REFRESH_SEC="1", EE_COLLATERAL_TIMEOUT_SEC="60", EE_ATTEST_INTERVAL_SEC="2")
    world.agent(control)
    control.wait_allowed()
    fault(world, delay_ms=60000)
    asked = requests(world)["tcb"]
    harness.wait_for("a request that hangs", lambda: requests(world)["tcb"] > asked)
    renewals, answered = figures(control)["renewals"], figures(control)["answered_held"]

    def attested():
        began = time.monotonic()
        assert http("GET", control.url + "/health")[0] == 200
        assert time.monotonic() - began < 10
        assert control.raw("myapp.example")[0] == 200
        return figures(control)["answered_held"] >= answered + 3
    harness.wait_for("three attestations", attested, timeout=40)
    assert figures(control)["renewals"] == renewals
    assert control.resolve()[1]["allowed"] is True
    assert "lease_ended" not in control.log()


def test_many_agents_of_few_families_cause_few_requests(world):
    families, each = 5, 40
    control = world.control(EE_ADMISSION_RATE="10000")
    hands = []
    for f in range(families):
        world.vm(f"family{f}", family=f)
        world.publish(world.allowlist(f"family{f}", tag=f"v{f}"), tag=f"v{f}")
        for n in range(each):
            hands.append(HandAgent(world, control, vm=f"family{f}", app=f"app{f}", tag=f"v{f}", agent_id=f"a{n}"))
    http("DELETE", f"{world.sim_url}/sim/requests")
    for h in hands:
        h.register()
    answers = []
    for h in hands:
        c = h.challenge()
        rd = h.report_data(c["nonce"])
        answers.append((h, c, rd, world.quote(h.vm, rd)))
    for h, c, rd, quote in answers:
        h.answer(c, quote=quote, report_data=rd)
    for h in hands:
        h.ws.recv_type("status", reason="attested")
    seen = requests(world)
    assert seen["tcb"] == families
    assert all(1 <= seen[i] <= families for i in ("rootcrl", "pckcrl", "qe"))
    assert figures(control)["requests"] == seen["collateral"] <= 4 * families
    for h in hands:
        h.ws.close()


def test_a_strangers_quote_causes_no_request(world):
    world.vm("forger", forge="self-made-chain")
    control = world.control()
    assert attempt(world, control, vm="forger").startswith("dcap_verification_failed:")
    assert requests(world)["collateral"] == 0


# -- a cache with a certificate of its own --

@pytest.fixture
def private(world):
    """ee-sim behind TLS, under a CA that no store has: gives its URL and the CA's file."""
    ca = Authority(world.dir, "pccs")
    crt, key = ca.issue()

    class Relay(http_server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            status, fields, body = http("GET", world.sim_url + self.path)
            self.send_response(status)
            for name, value in fields.items():
                if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = http_server.ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_address[1]}/sgx/certification/v4/", ca.cert
    server.shutdown()
    server.server_close()


def test_a_cache_under_a_private_ca(world, private):
    url, ca = private
    stranger = quick(world, name="stranger", EE_PCCS_URL=url)
    assert re.fullmatch("dcap_error:[a-z]+_unreachable", attempt(world, stranger))
    control = quick(world, EE_PCCS_URL=url, EE_PCCS_CA=str(ca))
    assert attempt(world, control) == "attested"


def test_a_ca_file_that_is_none(world):
    path = world.dir / "no.pem"
    path.write_text("no certificate")
    control = world.control(start=False, EE_PCCS_CA=str(path))
    for flags in ([], ["--check-config"]):
        got = subprocess.run([harness.BUILD / "src" / "programs" / "ee-control", *flags], env=control.env,
                             capture_output=True, text=True, timeout=30)
        assert got.returncode != 0 and "EE_PCCS_CA" in got.stderr


# -- without a way out: bundles --

EECTL = harness.BUILD / "src" / "programs" / "eectl"
FMSPC = "ee5100000000"


def eectl(world, *args, root=True):
    root = ("--root-ca", str(world.dir / "sim" / "root_ca.pem")) if root else ()
    done = subprocess.run([EECTL, "collateral", *map(str, args), *root], env={"EE_PCCS_URL": world.sim_url, "PATH": "/usr/bin:/bin"},
                          capture_output=True, text=True, timeout=60)
    assert not harness.TROUBLE.search(done.stderr), done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def bundle(world):
    path = world.dir / "bundle.json"
    assert eectl(world, "fetch", "--fmspc", FMSPC, "--out", path)[0] == 0
    return path


def test_a_fetched_bundle_verifies(world):
    quote, path = world.dir / "quote.bin", world.dir / "bundle.json"
    quote.write_bytes(base64.b64decode(world.quote("vm1", bytes(64))))
    assert eectl(world, "fetch", "--quote", quote, "--out", path) == (0, "", "")
    assert subprocess.run([EECTL, "verify", "--quote", quote, "--collateral", path,
                           "--root-ca", world.dir / "sim" / "root_ca.pem"], capture_output=True).returncode == 0
    code, out, _ = eectl(world, "show", path, "--json")
    [shown] = json.loads(out)
    assert code == 0 and shown["platform"] == "tdx-platform-" + FMSPC and shown["in_time"] is True
    assert [i["item"] for i in shown["items"]] == list(ITEMS)
    assert all(i["days_left"] in (29, 30) for i in shown["items"]) and shown["items"][2]["evaluation_number"] == 18
    code, out, _ = eectl(world, "show", path)
    assert code == 0 and out.count("days left") == 4 and out.count("evaluation number 18") == 2
    # SGX, and the other CA.
    assert eectl(world, "fetch", "--fmspc", FMSPC, "--tee", "sgx", "--ca", "processor", "--out", path)[0] == 0
    assert "sgx-processor-" + FMSPC in eectl(world, "show", path)[1]


def test_a_control_plane_without_a_way_out(world, bundle):
    nowhere = f"http://127.0.0.1:{harness.free_port()}"
    control = world.control(start=False, EE_PCCS_URL=nowhere)
    folder = control.env["EE_COLLATERAL_DIR"]
    assert eectl(world, "import", folder, bundle) == (0, f"tdx-platform-{FMSPC}\n", "")
    control.start()
    assert attempt(world, control) == "attested"
    # Another family is brought while it runs.
    world.vm("other", family=7)
    world.publish(world.allowlist("other", tag="v7"), tag="v7")
    assert re.fullmatch("dcap_error:[a-z]+_unreachable", attempt(world, control, vm="other", tag="v7"))
    more = world.dir / "more.json"
    assert eectl(world, "fetch", "--fmspc", "ee5100000007", "--out", more)[0] == 0
    assert eectl(world, "import", folder, more)[0] == 0
    control.proc.send_signal(signal.SIGHUP)
    harness.wait_for("the import", lambda: figures(control)["loaded"] == 2)
    assert attempt(world, control, vm="other", tag="v7", agent_id="hand-7") == "attested"
    # What the folder has comes out again.
    out = world.dir / "out.json"
    assert eectl(world, "export", folder, "--out", out)[0] == 6  # which of the two?
    assert eectl(world, "export", folder, "tdx-platform-ee5100000007", "--out", out)[0] == 0
    assert json.loads(out.read_bytes()) == json.loads(more.read_bytes())
    code, shown, _ = eectl(world, "show", folder, "--json")
    assert code == 0 and {s["platform"] for s in json.loads(shown)} == {f"tdx-platform-{FMSPC}", "tdx-platform-ee5100000007"}


def test_what_is_not_imported(world, bundle):
    folder = world.dir / "folder"
    whole = bundle.read_text()
    assert eectl(world, "import", folder, bundle)[0] == 0
    kept = {p.name: p.read_bytes() for p in folder.iterdir()}
    unsigned = json.dumps({**json.loads(whole), "pck_crl_issuer_chain": ""})  # nobody could say whose CRL it is
    for text, code, word in ((whole.replace("nextUpdate", "nextUpdatf", 1), 3, "tcb_info_signature"), (unsigned, 3, "no_chain"),
                             ("{}", 2, "collateral_malformed"),
                             (whole[:-1], 2, "collateral_malformed"), ("[" + whole + "]", 2, "collateral_malformed")):
        bundle.write_text(text)
        got, _, complaint = eectl(world, "import", folder, bundle)
        assert got == code and word in complaint, complaint
    bundle.write_text(whole)
    assert eectl(world, "import", folder, bundle, root=False)[0] in (2, 3)  # not below Intel's root
    assert eectl(world, "import", folder, world.dir / "absent.json")[0] == 6
    assert eectl(world, "import", "/proc/nowhere", bundle)[0] == 6
    fault(world, bend="older")
    older = world.dir / "older.json"
    assert eectl(world, "fetch", "--fmspc", FMSPC, "--out", older)[0] == 0
    got, _, complaint = eectl(world, "import", folder, older)
    assert got == 4 and "_older" in complaint
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == kept


@pytest.mark.parametrize("bent, code, word", [
    ({"status": 503}, 5, "http_503"), ({"bend": "cut"}, 5, "unreachable"), ({"delay_ms": 30000}, 5, "timeout"),
    ({"bend": "forged"}, 3, "signature"), ({"bend": "other-ca"}, 3, "other_ca"), ({"bend": "expired"}, 4, "out of its time"),
    ({"bend": "gzip-bomb"}, 5, "encoded"), ({"bend": "oversized"}, 5, "too_big")])
def test_what_is_not_fetched(world, bent, code, word):
    fault(world, **bent)
    path = world.dir / "bundle.json"
    got, _, complaint = eectl(world, "fetch", "--fmspc", FMSPC, "--timeout", "3", "--out", path)
    assert got == code and word in complaint, complaint
    assert not path.exists()


@pytest.mark.parametrize("args", [
    (), ("fetch",), ("fetch", "--fmspc", FMSPC), ("fetch", "--fmspc", "ee51", "--out", "x"), ("fetch", "--out", "x"),
    ("fetch", "--fmspc", FMSPC, "--quote", "x", "--out", "x"), ("fetch", "--fmspc", FMSPC, "--ca", "root", "--out", "x"),
    ("fetch", "--fmspc", FMSPC, "--tee", "sev", "--out", "x"), ("fetch", "--fmspc", FMSPC, "--timeout", "0", "--out", "x"),
    ("fetch", "--fmspc", FMSPC, "--url", "http://x/?y=z", "--out", "x"), ("show",), ("export",), ("export", "dir"), ("import", "dir"),
    ("melt", "x"), ("show", "x", "--nonsense"), ("show", "--out")])
def test_wrong_calls(world, args):
    code, out, complaint = eectl(world, *args, root=False)
    assert code == 1 and not out and complaint


def test_a_bundle_cannot_be_written_or_read(world, bundle):
    assert eectl(world, "fetch", "--fmspc", FMSPC, "--out", "/proc/x")[0] == 6
    assert eectl(world, "show", world.dir / "absent")[0] == 6
    assert http("PUT", f"{world.sim_url}/sim/clock", {"offset_s": -40 * 86400})[0] == 204
    bundle.write_bytes(http("GET", f"{world.sim_url}/sim/collateral.json")[2])
    code, out, _ = eectl(world, "show", bundle)
    assert code == 4 and out.count("EXPIRED") == 4
