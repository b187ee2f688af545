"""Who one is and where one goes is not for the visitor to say: fields that name apps, peers and hosts, and paths
that try to leave their app. What an agent's answers may say is in test_strict_agent.py."""
import base64
import json

import pytest

from strict import grammar, place, wire

NOBODY = {"allowed", "reason"}


class Place:
    """Two apps, each with its backend, behind a control plane that trusts nobody, one that trusts loopback, and
    an ee-proxy in front of the first."""

    def __init__(self, w):
        self.mine, self.other = wire.Backend(), wire.Backend()
        backends = {"myapp": self.mine, "other": self.other}
        control = place.serve(w, backends)
        trusting = place.serve(w, backends, "trusting", EE_PROXY_TRUSTED="127.0.0.1", EE_PROXY_DOMAIN="apps.test")
        self.ports = {"front": control.proxy_port, "ee-proxy": place.proxy(w, control), "trusting": trusting.proxy_port,
                      "api": control.port}

    def ask(self, door, target="/", fields=("Host: myapp.x",), method="GET", body=b""):
        """(answer, what reached myapp's backend, what reached the other's)."""
        self.mine.clear()
        self.other.clear()
        v = wire.Visitor(self.ports[door])
        length = [f"Content-Length: {len(body)}"] if body else []
        head = "\r\n".join([f"{method} {target} HTTP/1.1", *fields, *length]) + "\r\n\r\n"
        a = v.send(head.encode("latin-1") + body).answer(method.encode())
        v.close()
        return a, *[[m for data, _ in b.seen() for m in grammar.read_requests(data)[0]] for b in (self.mine, self.other)]


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    with place.world(tmp_path_factory.mktemp("tricks")) as w:
        t = Place(w)
        yield t
        t.mine.stop()
        t.other.stop()


VISITORS = ["front", "ee-proxy"]  # peers that nobody trusts


# -- which app --
@pytest.mark.parametrize("door", VISITORS)
@pytest.mark.parametrize("field", [
    "X-EE-App: other", "x-ee-app: other", "X_EE_App: other", "X-EE_APP: other", "X-EE-App: other\r\nX-EE-App: other",
    "X-EE-App: ../other", "X-EE-App:", "X-EE-Host: other.x", "X-EE-Host: other.x\r\nX-EE-Host: other.x",
    "X-EE-Proxy-Token: a", "X-EE-Attested: yes", "X-EE-: a", "X-Forwarded-Host: other.x", "X-Host: other.x",
    "Forwarded: host=other.x", "Connection: host", "X-Forwarded-Server: other.x"])
def test_no_field_of_a_visitor_chooses_the_app(there, door, field):
    a, mine, other = there.ask(door, "/a", ("Host: myapp.x", *field.split("\r\n")))
    assert a.status == 200 and len(mine) == 1 and not other
    assert not [n for n, _ in mine[0].fields if n.replace(b"_", b"-").startswith(b"x-ee-")]
    assert mine[0].host == b"myapp.x"
    a, mine, other = there.ask(door, "/a", ("Host: nobody.x", *field.split("\r\n")))
    assert a.status == 404 and not mine and not other


@pytest.mark.parametrize("host,field,status", [
    ("localhost", "X-EE-App: myapp", 200), ("127.0.0.1", "X-EE-App: myapp", 200), ("elsewhere.example", "X-EE-App: myapp", 200),
    ("myapp.apps.test", "X-EE-App: myapp", 200), ("myapp.apps.test:80", "X-EE-App: myapp", 200), ("MYAPP.APPS.TEST.", "A: b", 200),
    ("other.apps.test", "X-EE-App: myapp", 421), ("myapp.apps.test", "X-EE-App: other", 421), ("myapp.apps.test", "X-EE-App: MYAPP", 400),
    ("localhost", "X-EE-App: myapp\r\nX-EE-App: myapp", 400), ("localhost", "X-EE-App:", 400), ("localhost", "X-EE-App: ../myapp", 400),
    ("localhost", "X-EE-App: myapp, other", 400), ("localhost", "X-EE-App: myapp.apps.test", 400), ("localhost", "X_EE_App: myapp", 421),
    ("myapp.apps.test.evil.example", "A: b", 421), ("myapp.evil.example", "A: b", 421), ("a.myapp.apps.test", "A: b", 421),
    ("apps.test", "A: b", 421), ("myappapps.test", "A: b", 421), ("myapp.xapps.test", "A: b", 421), ("nobody.apps.test", "A: b", 404)])
def test_a_trusted_peer_names_the_app_and_must_agree_with_host(there, host, field, status):
    a, mine, other = there.ask("trusting", "/a", (f"Host: {host}", *field.split("\r\n")))
    assert a.status == status and len(mine) == (status == 200) and not other


# -- who asks --
@pytest.mark.parametrize("door", VISITORS)
def test_forwarding_fields_of_a_visitor_end_here(there, door):
    spoofed = ["X-Forwarded-For: 10.9.9.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.x", "X-Forwarded-Port: 999",
               "X-Forwarded-Prefix: /evil", "X-Forwarded-Server: evil", "Forwarded: for=10.9.9.9;host=evil.x;proto=https",
               "X-Real-IP: 10.9.9.9", "X_Forwarded_For: 10.9.9.9", "X-Forwarded_For: 10.9.9.9", "X_Real_IP: 10.9.9.9",
               "x-forwarded-for: 10.9.9.9"]
    a, mine, _ = there.ask(door, "/", ("Host: myapp.x", *spoofed))
    assert a.status == 200
    m = mine[0]
    assert not [v for _, v in m.fields if b"evil" in v or b"10.9" in v or v in (b"999", b"https")]
    assert set(b", ".join(m.get(b"x-forwarded-for")).split(b", ")) == {b"127.0.0.1"}
    assert m.get(b"x-forwarded-proto") == [b"http"] and m.get(b"x-forwarded-host") == [b"myapp.x"]


def test_forwarding_fields_of_a_trusted_peer_go_on(there):
    a, mine, _ = there.ask("trusting", "/", (
        "Host: myapp.apps.test", "X-Forwarded-For: 10.9.9.9", "X-Forwarded-For: 10.8.8.8", "X-Forwarded-Proto: https",
        "X-Forwarded-Host: name.example", "Forwarded: for=10.9.9.9", "Via: 1.1 edge", "X-EE-Attested: yes"))
    assert a.status == 200
    m = mine[0]
    assert m.get(b"x-forwarded-for") == [b"10.9.9.9, 10.8.8.8, 127.0.0.1"] and m.get(b"forwarded") == [
        b"for=10.9.9.9, for=127.0.0.1;host=myapp.apps.test;proto=http"]
    assert m.get(b"x-forwarded-proto") == [b"https"] and m.get(b"x-forwarded-host") == [b"name.example"]
    assert m.get(b"via") == [b"1.1 edge, 1.1 ee-control"] and not m.get(b"x-ee-attested")


@pytest.mark.parametrize("door", VISITORS)
def test_nothing_is_added_twice_nor_taken_away_by_connection(there, door):
    named = "Connection: x-forwarded-for, X-Forwarded-Host, x-forwarded-proto, via, x-request-id, host, close, content-length"
    a, mine, _ = there.ask(door, "/", ("Host: myapp.x", named, "Cookie: a=b"), "POST", b"hello")
    assert a.status == 200 and mine[0].body == b"hello"
    for name in (b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"via", b"x-request-id", b"host", b"content-length"):
        assert len(mine[0].get(name)) == 1, name
    assert mine[0].get(b"cookie") == [b"a=b"]


@pytest.mark.parametrize("door", VISITORS)
@pytest.mark.parametrize("field,kept", [
    ("X-Request-Id: a.B_c:1-2", True), ("X-Request-Id: a b", False), ("X-Request-Id: " + "a" * 129, False),
    ("X-Request-Id: a\"b", False), ("X-Request-Id:", False), ("X-Request-Id: a\r\nX-Request-Id: a", False)])
def test_request_ids_are_of_a_form(there, door, field, kept):
    a, mine, _ = there.ask(door, "/", ("Host: myapp.x", *field.split("\r\n")))
    [seen] = mine[0].get(b"x-request-id")
    assert (seen == b"a.B_c:1-2") == kept and a.get(b"x-request-id") == [seen]


# -- where to --
PATHS = [
    "//", "//evil.example/x", "///", "/../apps", "/../../v1/apps", "/%2e%2e/apps", "/%2e%2e%2fapps", "/..%2f..%2fv1/apps",
    "/.%2e/apps", "/%252e%252e/apps", "/..;/apps", "/a/..", "/a/../..", "/./x", "/..\\apps", "/\\evil.example",
    "/http://169.254.169.254/latest/meta-data", "/https://evil.example", "//169.254.169.254/latest", "/@evil.example/",
    "/:80/", "/v1/apps", "/v1/proxy/other", "/v1/proxy/../apps", "/v1/forward/other/", "/v1/tunnel", "/dashboard", "/health",
    "/?x=http://169.254.169.254/", "/?/../../v1/apps", "/*", "/%00", "/%0d%0aX-A:%20b", "/%", "/a%2Fb", "/~root",
    "http://myapp.x/../v1/apps", "http://myapp.x/v1/apps", "http://other.x/", "http://169.254.169.254/latest", "ftp://myapp.x/",
    "myapp.x:80", "*", "?a", "other.x/", "../v1/apps"]


@pytest.mark.parametrize("door", VISITORS)
@pytest.mark.parametrize("path", PATHS)
def test_no_path_leaves_its_app(there, door, path):
    a, mine, other = there.ask(door, path)
    want = path[len("http://myapp.x"):] if path.startswith("http://myapp.x") else path
    assert not other
    if a.status == 200:
        assert [m.target for m in mine] == [want.encode()] and a.body.startswith(b"asked GET ")
    else:
        assert a.status == 400 and not mine


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
@pytest.mark.parametrize("door", VISITORS)
def test_connect_and_trace_end_here(there, door, method):
    a, mine, other = there.ask(door, "169.254.169.254:80" if method == "CONNECT" else "/", method=method)
    assert a.status == 405 and not mine and not other and a.get(b"allow")
    a, mine, other = there.ask(door, "/", ("Host: myapp.x", f"X-HTTP-Method-Override: {method}"))
    assert a.status == 200 and mine[0].method == b"GET"


@pytest.mark.parametrize("target", [
    "/v1/proxy/../apps", "/v1/proxy/%2e%2e/apps", "/v1/proxy/myapp/../other", "/v1/proxy/", "/v1/proxy/MYAPP", "/v1/proxy/myapp%2f",
    "/v1/proxy/myapp/x", "/v1/proxy//myapp", "/v1//proxy/myapp", "/v1/proxy/a.myapp", "/v1/proxy/my%61pp"])
def test_the_proxy_route_takes_a_name_and_nothing_else(there, target):
    body = json.dumps({"method": "GET", "path": "/a", "headers": {}, "body_b64": ""}).encode()
    a, mine, other = there.ask("api", target, ("Host: x",), "POST", body)
    assert a.status in (400, 404, 405) and not mine and not other


@pytest.mark.parametrize("target,fields,status", [
    ("/v1/forward/myapp/a", ["X-EE-Host: myapp.x"], 200), ("/v1/forward/myapp/a", [], 403), ("/v1/forward/myapp/a", ["X_EE_Host: myapp.x"], 403),
    ("/v1/forward/myapp/a", ["X-EE-Host: myapp.x", "X-EE-Host: myapp.x"], 403), ("/v1/forward/myapp/a", ["X-EE-Host: u@myapp.x"], 400),
    ("/v1/forward/myapp/a", ["X-EE-Host:"], 400), ("/v1/forward/myapp/a", ["X-EE-Host: my app"], 400),
    ("/v1/forward/../myapp/a", ["X-EE-Host: myapp.x"], 404), ("/v1/forward/nobody/../myapp/a", ["X-EE-Host: myapp.x"], 400),
    ("/v1/forward/myapp/../other/a", ["X-EE-Host: myapp.x"], 400), ("/v1/forward/myapp/%2e%2e%2fother", ["X-EE-Host: myapp.x"], 400),

    ("/v1/forward/my%61pp/a", ["X-EE-Host: myapp.x"], 404), ("/v1/forward//myapp/a", ["X-EE-Host: myapp.x"], 404)])
def test_the_forwarding_route_is_for_our_own_proxy(there, target, fields, status):
    a, mine, other = there.ask("api", target, ("Host: x", *fields))
    assert a.status == status and len(mine) == (status == 200) and not other


# -- the same by way of POST /v1/proxy --
@pytest.mark.parametrize("change", [
    {"path": p} for p in ("", "a", "*", "?a", "http://myapp.x/", "http://169.254.169.254/", "/a b", "/a\r\nX-A: b",
                          "/a HTTP/1.1\r\nX: y\r\n\r\n", "/a\n", "/a\0", "/a#b", "/é", "/\x7f", "//../x", "/../x", 1, None, ["/a"])] + [
    {"method": m} for m in ("CONNECT", "TRACE", "", "G T", "GET / HTTP/1.1\r\nX: y\r\n\r\nGET", "GÉT", "GET\0", 1, None)] + [
    {"headers": h} for h in ({"X-A": "b\r\nX-B: c"}, {"X-A\r\nX-B": "c"}, {"X-A": "b\n"}, {"X-A": "b\0"}, {"X-A ": "b"},
                             {"": "b"}, {"X:A": "b"}, {"X-A": 1}, {"X-A": ["b", "c\r\n"]}, {"X-A": {"b": "c"}}, ["X-A"],
                             {"X-A": "b" * 40000}, {f"X-{i}": "b" for i in range(200)})])
def test_a_payload_that_breaks_the_grammar_is_refused(there, change):
    body = json.dumps({"method": "GET", "path": "/a", "headers": {}, "body_b64": "", **change}).encode()
    a, mine, other = there.ask("api", "/v1/proxy/myapp", ("Host: x",), "POST", body)
    assert a.status in (400, 405, 431) and set(json.loads(a.body)) >= NOBODY and not mine and not other


def lines(m):
    return {n for n, _ in m.fields if n != b"te"} | {n + b": " + v for n, v in m.fields}


@pytest.mark.parametrize("headers,gone", [
    ({"Transfer-Encoding": "chunked"}, b"transfer-encoding"), ({"transfer-encoding": ["chunked", "x"]}, b"transfer-encoding"),
    ({"Content-Length": "99"}, None), ({"Content-Length": ["1", "2"]}, None), ({"Connection": "x-a", "X-A": "b"}, b"x-a"),
    ({"Connection": "Upgrade", "Upgrade": "websocket"}, b"upgrade"), ({"Expect": "100-continue"}, b"expect"),
    ({"TE": "gzip"}, b"te: gzip"),
    ({"X-EE-App": "other", "x_ee_host": "other.x"}, b"x-ee-app"), ({"X-Forwarded-For": "10.9.9.9"}, None), ({"Forwarded": "for=a"}, b"forwarded"),
    ({"Host": "other.x"}, None), ({"Proxy-Authorization": "Basic eA=="}, b"proxy-authorization")])
def test_a_payload_is_cleaned_like_a_request(there, headers, gone):
    body = json.dumps({"method": "POST", "path": "/a", "headers": headers, "body_b64": base64.b64encode(b"hello").decode()}).encode()
    a, mine, other = there.ask("api", "/v1/proxy/myapp", ("Host: x",), "POST", body)
    assert a.status == 200 and len(mine) == 1 and not other
    m = mine[0]
    assert m.body == b"hello" and m.get(b"content-length") == [b"5"] and gone not in lines(m) and len(m.get(b"host")) == 1
    assert b"10.9.9.9" not in b"".join(m.get(b"x-forwarded-for"))


@pytest.mark.parametrize("headers", [{"Host": ["myapp.x", "other.x"]}, {"Host": "myapp.x", "host": "other.x"}, *(
    {"Host": h} for h in ("u@myapp.x", "myapp.x/a", "myapp.x, other.x", "a b", "[::1", "a:b", "a:0", "a..b", "%61"))])
def test_a_host_in_a_payload_is_held_to_the_same_grammar(there, headers):
    body = json.dumps({"method": "GET", "path": "/a", "headers": headers, "body_b64": ""}).encode()
    a, mine, other = there.ask("api", "/v1/proxy/myapp", ("Host: x",), "POST", body)
    assert a.status == 400 and set(json.loads(a.body)) >= NOBODY and not mine and not other


@pytest.mark.parametrize("headers,host", [
    ({}, b"myapp"), ({"Host": ""}, b"myapp"), ({"Host": "other.x:81"}, b"other.x:81"), ({"host": "[::1]"}, b"[::1]")])
def test_a_host_in_a_payload_goes_on(there, headers, host):
    body = json.dumps({"method": "GET", "path": "/a", "headers": headers, "body_b64": ""}).encode()
    a, mine, other = there.ask("api", "/v1/proxy/myapp", ("Host: x",), "POST", body)
    assert a.status == 200 and [m.host for m in mine] == [host] and not other
