"""The raw proxy's front: whom it believes, what it says of a request, what it logs."""
import contextlib
import json
import re
import socket
import struct

import pytest

import harness

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
BALANCER, STRANGER = "127.0.0.1", "127.0.0.2"


def proxy_header(src="192.0.2.7", command=0x21, family=0x11):
    """PROXY protocol, version 2: TCP over IPv4, or LOCAL."""
    body = socket.inet_aton(src) + socket.inet_aton("198.51.100.1") + struct.pack(">HH", 4711, 443)
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, family]) + struct.pack(">H", len(body)) + body


def talk(port, data, source=BALANCER, timeout=20):
    """Send bytes from an address; give everything that comes back until the end."""
    with socket.create_connection(("127.0.0.1", port), timeout, (source, 0)) as s:
        s.sendall(data)
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := s.recv(65536):
                got += piece
        return got


def get(*fields, host="myapp.x", path="/"):
    return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *fields, "Connection: close\r\n\r\n"]).encode()


def seen(answer):
    """The fields that the backend saw, by name."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), answer[:500]
    out = {}
    for name, value in json.loads(body[body.index(b"{"):body.rindex(b"}") + 1])["headers"]:
        out.setdefault(name.lower(), []).append(value)
    return {k: v[0] if len(v) == 1 else v for k, v in out.items()}


def proxy(world, control, **env):
    port = harness.free_port()
    d = world.add(harness.Daemon(world.dir, "ee-proxy", name=f"ee-proxy-{port}", env={
        "EE_CONTROL_URL": control.url, "EE_PROXY_BIND": "127.0.0.1", "EE_PROXY_PORT": str(port), **env})).start()
    d.wait_log("event=listening")
    d.proxy_port = port
    return d


def line_of(daemon, pattern):
    return daemon.wait_log(f"event=request [^\n]*{pattern}[^\n]*")[0]


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A control plane and an ee-proxy, each behind a balancer at 127.0.0.1, with one app."""
    w = harness.World(tmp_path_factory.mktemp("front"))
    try:
        w.vm("vm1")
        w.publish(w.allowlist("vm1"))
        w.settings = {"EE_PROXY_PROTOCOL_FROM": BALANCER, "EE_PROXY_TRUSTED": "192.0.2.0/24"}
        w.control_plane = w.control(**w.settings)
        w.proxy = proxy(w, w.control_plane, **w.settings)
        w.agent(w.control_plane)
        w.control_plane.wait_allowed()
        yield w
    finally:
        w.close()


@pytest.fixture(params=["ee-control", "ee-proxy"])
def front(request, there):
    return there.control_plane if request.param == "ee-control" else there.proxy


def test_the_balancer_names_the_client(front):
    # 203.0.113.9 is nobody's proxy, though the balancer itself were one.
    fields = seen(talk(front.proxy_port, proxy_header("203.0.113.9") + get("X-Forwarded-For: 6.6.6.6", "Forwarded: for=6.6.6.6")))
    assert fields["x-forwarded-for"].split(", ")[0] == "203.0.113.9" and "6.6.6.6" not in str(fields)
    assert "forwarded" not in fields
    line_of(front, "peer=203.0.113.9 method=GET path=/ status=200 ")


def test_rights_go_by_the_address_in_the_header(front):
    there = proxy_header("192.0.2.7") + get("X-EE-App: myapp", "X-Forwarded-For: 10.0.0.9", "X-Forwarded-Proto: https",
                                            "Forwarded: for=10.0.0.9;proto=https", host="localhost")
    fields = seen(talk(front.proxy_port, there))
    assert fields["x-forwarded-for"].startswith("10.0.0.9, 192.0.2.7") and fields["x-forwarded-proto"] == "https"
    assert fields["forwarded"].startswith("for=10.0.0.9;proto=https, for=192.0.2.7;host=localhost;proto=http")
    # Neither the balancer's address nor another client's carries them.
    assert b" 421 " in talk(front.proxy_port, proxy_header("203.0.113.9") + get("X-EE-App: myapp", host="localhost"))
    assert b" 421 " in talk(front.proxy_port, proxy_header(command=0x20) + get("X-EE-App: myapp", host="localhost"))


def test_the_balancer_must_send_the_header(front):
    assert talk(front.proxy_port, get()) == b""
    front.wait_log("event=connection_refused reason=bad_proxy_header [^\n]*peer=127.0.0.1")
    assert talk(front.proxy_port, b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n" + get()) == b""


def test_from_others_the_header_is_no_http(front):
    answer = talk(front.proxy_port, proxy_header() + get(), STRANGER)
    assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1") == 1
    assert b"\r\nProxy-Status: " in answer
    fields = seen(talk(front.proxy_port, get("X-Forwarded-For: 6.6.6.6"), STRANGER))
    assert fields["x-forwarded-for"].split(", ")[0] == STRANGER


@pytest.mark.parametrize("given,kept", [([f"traceparent: {TRACE}", "tracestate: a=1"], True), ([], False),
                                        (["traceparent: 00-1-2-3", "tracestate: a=1"], False)])
def test_traces_are_kept_or_begun(front, given, kept):
    fields = seen(talk(front.proxy_port, get(*given), STRANGER))
    assert (fields["traceparent"] == TRACE) == kept and ("tracestate" in fields) == kept
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", fields["traceparent"])
    again = seen(talk(front.proxy_port, get(*given), STRANGER))
    assert (again["traceparent"] == fields["traceparent"]) == kept


def test_a_request_is_a_line(front):
    talk(front.proxy_port, get("X-Request-Id: line-1", "Cookie: hidden-1", path="/seen?hidden-2"), STRANGER)
    line = line_of(front, "request_id=line-1 ")
    assert re.search(r" request_id=line-1 app=myapp peer=127.0.0.2 method=GET path=/seen status=200 bytes_in=0 "
                     r"bytes_out=\d+ ms=\d+ first_byte_ms=\d+ cut=false$", line), line
    talk(front.proxy_port, get("X-Request-Id: line-2", host="other.x"), STRANGER)
    assert " app=other " in line_of(front, "request_id=line-2 ") and "status=404" in line_of(front, "request_id=line-2 ")
    assert "hidden" not in front.log()


def test_a_visitor_who_leaves_is_a_cut(there, front):
    with socket.create_connection(("127.0.0.1", front.proxy_port), 20, (STRANGER, 0)) as s:
        s.sendall(get("X-Request-Id: gone-1", path="/slow/2"))
        harness.wait_for("the request", lambda: any(b.seen and b.seen[-1][1] == "/slow/2" for b in there.backends))
    line = line_of(front, "request_id=gone-1 ")
    assert " status=0 reason=peer_lost " in line and " cut=true" in line and "first_byte_ms" not in line


@pytest.mark.parametrize("ask,status,error", [
    (get(host="other.x"), 404, "destination_not_found"),
    (get(host="127.0.0.1"), 421, "http_request_denied"),
    (get().replace(b"GET", b"TRACE"), 405, "http_request_denied"),
    (get("X: " + "x" * 40000), 431, "http_request_error"),
    (get("A b: c"), 400, "http_request_error"),
    (get().replace(b"Host", b"Transfer-Encoding: chunked\r\nHost") + b"z\r\n", 400, "http_request_error"),
])
def test_every_refusal_names_the_proxy(front, ask, status, error):
    answer = talk(front.proxy_port, ask, STRANGER)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:300]
    got = re.search(rb"\r\nProxy-Status: (ee-control|ee-proxy); error=([a-z_]+); details=\"", answer)
    assert got and got[2].decode() == error, answer[:500]


def test_routes_that_carry_name_the_proxy(there):
    control = there.control_plane

    def status(method, path, **headers):
        code, h, _ = harness.http(method, control.url + path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        return code, (h.get("Proxy-Status") or "").partition(";")[0], h.get("Retry-After")

    assert status("GET", "/v1/forward/myapp/") == (403, "ee-control", None)  # no X-EE-Host
    assert status("GET", "/v1/forward/other/", X_EE_Host="other.x") == (404, "ee-control", None)
    assert status("GET", "/v1/forward/my_app/", X_EE_Host="other.x") == (404, "ee-control", None)
    assert status("GET", "/v1/forward/myapp") == (404, "ee-control", None)
    assert status("TRACE", "/v1/forward/myapp/") == (405, "ee-control", None)
    assert status("GET", "/v1/proxy/myapp") == (405, "ee-control", None)
    assert status("POST", "/v1/proxy/myapp") == (400, "ee-control", None)
    assert status("GET", "/v1/nowhere") == (404, "", None)


def test_what_passes_by_itself_says_when_to_retry(world):
    control = world.control()
    agent = world.agent(control)
    control.wait_allowed()
    agent.stop()
    control.wait_denied()
    for status, headers, _ in (control.raw("myapp.x"), control.proxy(method="GET", path="/")):
        assert status == 503 and int(headers["Retry-After"]) > 0
        assert headers["Proxy-Status"].startswith("ee-control; error=destination_unavailable")


def test_the_access_log_can_be_off(world):
    control = world.control(EE_ACCESS_LOG="off")
    world.agent(control)
    control.wait_allowed()
    assert control.raw("myapp.x")[0] == 200 and control.raw("other.x")[0] == 404
    control.wait_log("event=proxy_refused reason=unknown_app")
    assert "event=request " not in control.log()


def test_an_answer_whose_tunnel_ends_is_a_cut(world):
    control = world.control()
    agent = world.agent(control)
    control.wait_allowed()
    with socket.create_connection(("127.0.0.1", control.proxy_port), 20) as s:
        s.sendall(get("X-Request-Id: half-1", path="/bytes/80000000"))
        got = b""
        while len(got) < 100000:
            got += s.recv(65536)
        assert got.startswith(b"HTTP/1.1 200")
        agent.kill()
        with contextlib.suppress(ConnectionResetError):
            while s.recv(65536):
                pass
    line = line_of(control, "request_id=half-1 ")
    assert " path=/bytes/80000000 status=200 reason=tunnel_lost " in line and " cut=true" in line, line
    assert 0 < int(re.search(r"bytes_out=(\d+)", line)[1]) < 80000000
