"""packaging/nginx, run by the real nginx."""
import json
import os
import queue
import re
import shutil
import subprocess

import pytest

import harness
import scripted
import wsclient

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
CONF = harness.TOP / "packaging" / "nginx" / "easyenclave.conf"


@pytest.fixture
def nginx(world):
    """Starts nginx with our file, its ports turned to the test's own."""
    started = []

    def start(control):
        port = harness.free_port()
        text = CONF.read_text()
        text = re.sub(r"listen\s+(\[::\]:)?80\b[^;]*;", lambda m: "" if m[1] else f"listen 127.0.0.1:{port};", text)
        text = text.replace("127.0.0.1:8088", f"127.0.0.1:{control.port}").replace("127.0.0.1:9090", f"127.0.0.1:{control.proxy_port}")
        where = world.dir / "nginx"
        where.mkdir(exist_ok=True)
        (where / "app.conf").write_text(text)
        (where / "nginx.conf").write_text(
            f"daemon off; master_process off; pid {where}/pid; error_log {where}/error.log info;\n"
            "events { worker_connections 256; }\n"
            f"http {{ access_log off; client_body_temp_path {where}/b; proxy_temp_path {where}/p; "
            f"fastcgi_temp_path {where}/f; uwsgi_temp_path {where}/u; scgi_temp_path {where}/s;\n"
            f"include {where}/app.conf; }}\n")
        proc = subprocess.Popen([NGINX, "-c", str(where / "nginx.conf"), "-p", str(where)], stderr=subprocess.PIPE)
        started.append(proc)

        def up():
            assert proc.poll() is None, proc.stderr.read().decode()
            try:
                return harness.http("GET", f"http://127.0.0.1:{port}/", headers={"Host": "none.example"})
            except OSError:
                return None
        harness.wait_for("nginx", up)
        start.port = port
        return lambda app, path="/", method="GET", body=None: harness.http(
            method, f"http://127.0.0.1:{port}{path}", body, {"Host": f"{app}.app.easyenclave.com"})
    yield start
    for p in started:
        p.terminate()
        p.wait(10)
        p.stderr.close()


def test_nginx_routes_only_to_the_attested(world, nginx):
    control = world.control()
    get = nginx(control)
    assert get("myapp")[0] == 403  # unknown
    agent = world.agent(control)
    control.wait_allowed()
    status, headers, body = get("myapp", "/x?y=1", "POST", b"data")
    seen = json.loads(body)
    assert status == 200 and seen["path"] == "/x?y=1" and seen["body"] == "data"
    assert {k.lower(): v for k, v in seen["headers"]}["host"] == "myapp.app.easyenclave.com"
    assert get("myapp", "/status/404")[0] == 404
    agent.stop()
    control.wait_denied()
    assert get("myapp")[0] == 403


def test_nginx_passes_websockets(world, nginx):
    control = world.control()
    get = nginx(control)
    backend = scripted.Backend()
    world.backends.append(backend)
    world.agent(control, backend=backend)
    control.wait_allowed()
    backend.plays["/ws"] = scripted.echoes, queue.Queue()
    backend.plays["/plain"] = lambda c, head: c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), queue.Queue()
    ws = wsclient.WebSocket(nginx.port, "/ws", named="myapp.app.easyenclave.com")
    for op, data in ((1, b"hello"), (2, bytes(range(256)) * 400), (8, b"\x03\xe8bye")):
        ws.send_frame(op, data)
        assert ws.recv_frame() == (op, True, data)
    ws.close()
    results = backend.plays["/ws"][1]
    assert results.get(timeout=20) is True
    assert get("myapp", "/plain")[2] == b"ok"
    with pytest.raises(wsclient.Closed) as refused:
        wsclient.WebSocket(nginx.port, "/ws", named="other.app.easyenclave.com")
    assert refused.value.code == 403


def test_nginx_expired_is_403(world, nginx):
    from test_seed import age
    control = world.control()
    agent = world.agent(control)
    control.wait_allowed()
    agent.stop()
    control.stop()
    age(control, 40)
    control.start()
    assert nginx(control)("myapp")[0] == 403


def test_nginx_control_plane_down_or_out_of_sorts_is_503(world, nginx):
    control = world.control()
    get = nginx(control)
    control.stop()
    assert get("myapp")[0] == 503
    # Something else answers on the control plane's port, with an error of its own.
    import http.server
    import threading

    class Sick(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(self.server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass
    sick = http.server.ThreadingHTTPServer(("127.0.0.1", control.port), Sick)
    threading.Thread(target=sick.serve_forever, daemon=True).start()
    for sick.status in (500, 502, 404, 302):
        assert get("myapp")[0] == 503, sick.status
    sick.shutdown()
    sick.server_close()
