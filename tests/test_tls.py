"""TLS of ee-control's own: who is believed, what a quote is tied to, and certificates that change while it runs."""
import os
import signal
import socket
import ssl
import subprocess
import threading

import pytest

import harness
from harness import HandAgent, http


class Authority:
    """A CA that signs what a test asks for. OpenSSL's own tool, so that no certificate is our making."""

    def __init__(self, where, name="ca"):
        self.dir = where / name
        self.dir.mkdir()
        self.cert, self.key = self.dir / "ca.crt", self.dir / "ca.key"
        self.n = 0
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                     "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.cert,
                     "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")

    def openssl(self, *args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, cwd=self.dir)

    def issue(self, names="DNS:localhost,IP:127.0.0.1", days=2):
        """Gives the paths of a certificate and its key. days 0: it has expired."""
        self.n += 1
        crt, key, csr, ext = (self.dir / f"{self.n}.{s}" for s in ("crt", "key", "csr", "ext"))
        ext.write_text(f"subjectAltName={names}\nbasicConstraints=CA:FALSE\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN=server {self.n}",
                     "-keyout", key, "-out", csr)
        self.openssl("x509", "-req", "-in", csr, "-CA", self.cert, "-CAkey", self.key, "-days", days, "-extfile", ext,
                     "-set_serial", str(1000 + self.n), "-out", crt)
        if days == 0:
            harness.wait_for("its end", lambda: subprocess.run(["openssl", "x509", "-in", crt, "-checkend", "0"],
                                                               cwd=self.dir, capture_output=True).returncode)
        return crt, key


@pytest.fixture
def ca(world):
    return Authority(world.dir)


def tls_control(world, pair, **env):
    c = world.control(start=False, EE_TLS_CERT=str(pair[0]), EE_TLS_KEY=str(pair[1]), **env)
    c.env.setdefault("EE_PUBLIC_URL", f"https://localhost:{c.port},https://127.0.0.1:{c.port}")
    return c.start()


def tls_agent(world, control, ca, host="localhost", port=None, **env):
    settings = {"EE_CONTROL_WS": f"wss://{host}:{port or control.port}/v1/tunnel", **env}
    if ca:
        settings["EE_CONTROL_CA"] = str(ca.cert)
    return world.agent(control, **settings)


def context(ca=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca:
        c.load_verify_locations(ca.cert)
    else:
        c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    return c


def serial(control, ca):
    """Of the certificate that a new connection is shown."""
    with socket.create_connection(("127.0.0.1", control.port), timeout=10) as raw:
        with context(ca).wrap_socket(raw, server_hostname="localhost") as s:
            return int(s.getpeercert()["serialNumber"], 16)


# -- the agent: whom it believes --
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_an_agent_is_admitted_over_tls_and_bound_to_it(world, ca, host):
    control = tls_control(world, ca.issue())
    tls_agent(world, control, ca, host)
    r = control.wait_allowed()
    assert r["freshness"] == "bound" and r["sealed"] is True
    [tunnel] = control.get("/v1/apps/myapp")[1]["tunnels"]
    assert tunnel["channel_bound"] is True
    assert control.raw("myapp.x", "/over-tls")[0] == 200


def test_the_systems_store_is_believed(world, ca):
    control = tls_control(world, ca.issue())
    tls_agent(world, control, None, SSL_CERT_FILE=str(ca.cert), SSL_CERT_DIR="/nonexistent")
    control.wait_allowed()


def refused_by_the_agent(world, control, agent, why):
    agent.wait_log(f"(?i)tls_failed.*{why}|{why}.*tls_failed")
    agent.wait_log("event=reconnecting")  # the whole attempt is over
    assert "event=attested" not in agent.log()
    assert control.resolve()[1]["reason"] == "unknown_app"


def test_another_ca_is_not_believed(world, ca):
    control = tls_control(world, ca.issue())
    agent = tls_agent(world, control, Authority(world.dir, "another"))
    refused_by_the_agent(world, control, agent, "certificate: (unable to get local issuer|self.signed)")


def test_a_made_ca_is_not_in_the_systems_store(world, ca):
    control = tls_control(world, ca.issue())
    agent = tls_agent(world, control, None)
    refused_by_the_agent(world, control, agent, "certificate: (unable to get local issuer|self.signed)")


@pytest.mark.parametrize("names, host, why", [
    ("DNS:control.example", "localhost", "certificate: hostname mismatch"),
    ("DNS:localhost", "127.0.0.1", "certificate: IP address mismatch"),
    ("DNS:*host", "localhost", "certificate: hostname mismatch"),
])
def test_a_certificate_of_another_name(world, ca, names, host, why):
    control = tls_control(world, ca.issue(names))
    agent = tls_agent(world, control, ca, host)
    refused_by_the_agent(world, control, agent, why)


def test_an_expired_certificate(world, ca):
    control = tls_control(world, ca.issue(days=0))
    agent = tls_agent(world, control, ca)
    refused_by_the_agent(world, control, agent, "certificate: certificate has expired")


def test_plaintext_goes_to_loopback_only(world):
    world.vm("vm1")
    control = world.control()
    far = world.agent(control, name="far", EE_CONTROL_WS="ws://192.0.2.1:9/v1/tunnel")
    assert far.proc.wait(20) != 0 and "wss://" in far.log()
    far.killed = True
    told = world.agent(control, name="told", EE_CONTROL_WS="ws://192.0.2.1:9/v1/tunnel", EE_ALLOW_PLAINTEXT="yes")
    told.wait_log("event=plaintext_tunnel")
    told.wait_log("event=started")
    assert told.proc.poll() is None


# -- the server: what it speaks --
def test_tls_1_3_alone(world, ca):
    control = tls_control(world, ca.issue())
    old = context(ca)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", control.port), timeout=10) as raw:
        with pytest.raises((ssl.SSLError, OSError)):
            old.wrap_socket(raw, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", control.port), timeout=10) as raw:
        with context(ca).wrap_socket(raw, server_hostname="localhost") as s:
            assert s.version() == "TLSv1.3"


def test_no_session_is_resumed(world, ca):
    control = tls_control(world, ca.issue())
    told = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{control.port}", "-CAfile", str(ca.cert), "-tls1_3",
                           "-ign_eof", "-sess_out", str(world.dir / "session")], capture_output=True, text=True, timeout=20,
                          input="GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").stdout
    assert '"status":"ok"' in told and "New Session Ticket" not in told and "Early data was not sent" in told
    assert not (world.dir / "session").exists()


def test_plaintext_at_the_tls_port(world, ca):
    control = tls_control(world, ca.issue())
    with socket.create_connection(("127.0.0.1", control.port), timeout=10) as s:
        s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" not in s.recv(100)
    assert control.get("/health")[0] == 200


# -- the certificate changes --
def certificate_check(control):
    return next(c for c in control.get("/ready?verbose")[1]["checks"] if c["name"] == "certificate")


def test_a_certificate_that_ends_soon_is_told_of(world, ca):
    crt, key = ca.issue(days=3)
    control = tls_control(world, (crt, key))
    control.wait_log("event=certificate_aging .*expires=")
    check = certificate_check(control)
    assert not check["ok"] and check["reason"] == "certificate_aging" and control.get("/ready")[0] == 200
    for old, new in zip((crt, key), ca.issue(days=60)):
        os.replace(new, old)
    hup(control, "certificate_reloaded")
    assert certificate_check(control)["ok"] and control.log().count("event=certificate_aging") == 1


def hup(control, event):
    before = control.log().count(f"event={event}")
    control.proc.send_signal(signal.SIGHUP)
    harness.wait_for(event, lambda: control.log().count(f"event={event}") > before)


def put(pair, at):
    for new, old in zip(pair, at):
        os.replace(new, old)


def test_a_new_certificate_at_sighup(world, ca):
    pair = ca.issue()
    control = tls_control(world, pair)
    agent = tls_agent(world, control, ca)
    before = control.wait_allowed()
    assert serial(control, ca) == 1001
    put(ca.issue(), pair)
    assert serial(control, ca) == 1001
    hup(control, "certificate_reloaded")
    assert serial(control, ca) == 1002
    # The tunnel is the one that was: not admitted anew, and it carries requests.
    assert control.raw("myapp.x", "/after")[0] == 200
    assert control.resolve()[1]["last_attested_at"] == before["last_attested_at"]
    assert agent.log().count("event=attested") == 1
    # It goes on being bound to its own connection, also by a quote of now.
    assert http("POST", control.url + "/v1/apps/myapp/attest")[0] == 202
    agent.wait_log(r"(?s)event=attested.*event=attested")
    # And whoever comes anew is admitted under the new one.
    agent.stop()
    tls_agent(world, control, ca)
    control.wait_allowed()


@pytest.mark.parametrize("bad", ["key of another", "garbage", "gone", "passphrase"])
def test_a_bad_pair_keeps_the_old_one(world, ca, bad):
    pair = ca.issue()
    control = tls_control(world, pair)
    tls_agent(world, control, ca)
    control.wait_allowed()
    if bad == "key of another":
        os.replace(ca.issue()[1], pair[1])
    elif bad == "garbage":
        pair[0].write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    elif bad == "gone":
        pair[1].unlink()
    else:
        ca.openssl("pkcs8", "-topk8", "-in", pair[1], "-passout", "pass:x", "-out", world.dir / "locked")
        os.replace(world.dir / "locked", pair[1])
    hup(control, "reload_failed")
    assert serial(control, ca) == 1001
    assert control.raw("myapp.x", "/still")[0] == 200
    check = subprocess.run([harness.BUILD / "src" / "programs" / "ee-control", "--check-config"], capture_output=True, text=True,
                           env={"PATH": os.environ["PATH"], "EE_TLS_CERT": str(pair[0]), "EE_TLS_KEY": str(pair[1])}, timeout=20)
    assert check.returncode == 2 and "EE_TLS_CERT" in check.stderr
    put(ca.issue(), pair)
    hup(control, "certificate_reloaded")
    assert serial(control, ca) > 1001


# -- the channel --
class Relay:
    """Between agent and control plane, with a key that the agent believes (stolen, say): a TLS connection to each, and
    every byte passed on as it came."""

    def __init__(self, control, pair):
        self.control = control
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(*pair)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                raw, _ = self.listener.accept()
                ours = self.server.wrap_socket(raw, server_side=True)
                theirs = context().wrap_socket(socket.create_connection(("127.0.0.1", self.control.port)))
            except OSError:
                return
            for a, b in ((ours, theirs), (theirs, ours)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    @staticmethod
    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@pytest.fixture
def relayed(world, ca):
    """A control plane, and a relay in front of it whose address is among its origins: the connection alone is another."""
    def make(**env):
        pair = ca.issue()
        control = world.control(start=False, EE_TLS_CERT=str(pair[0]), EE_TLS_KEY=str(pair[1]), **env)
        relay = Relay(control, pair)
        relays.append(relay)
        control.env["EE_PUBLIC_URL"] = f"https://localhost:{control.port},https://localhost:{relay.port}"
        return control.start(), relay
    relays = []
    yield make
    for relay in relays:
        relay.listener.close()


def test_a_quote_relayed_over_another_connection_is_refused(world, ca, relayed):
    control, relay = relayed()
    agent = tls_agent(world, control, ca, port=relay.port)
    agent.wait_log("report_data_mismatch")
    control.wait_log("event=refused reason=binding_mismatch")
    assert control.resolve()[1]["reason"] == "unknown_app"
    # The same agent, straight: it was the connection.
    agent.stop()
    tls_agent(world, control, ca)
    control.wait_allowed()


def test_a_proxy_that_ends_tls_needs_the_channel_off(world, ca, relayed):
    control, relay = relayed(EE_TUNNEL_CHANNEL="none")
    # On a sealed network an unbound agent must believe the system's store.
    tls_agent(world, control, None, port=relay.port, SSL_CERT_FILE=str(ca.cert))
    control.wait_allowed()
    [tunnel] = control.get("/v1/apps/myapp")[1]["tunnels"]
    assert tunnel["channel_bound"] is False


def test_a_quote_that_names_no_channel_or_another(world, ca):
    control = tls_control(world, ca.issue())
    for channel in ("", "ab" * 32):
        hand = HandAgent(world, control, context=context(ca))
        hand.register()
        challenge = hand.challenge()
        assert challenge["channel"] == "tls-exporter"
        hand.answer(challenge, report_data=hand.report_data(challenge["nonce"], channel=channel))
        status, _ = hand.refused()
        assert (status["reason"], status["cause"]) == ("report_data_mismatch", "binding_mismatch")
