"""Garbage on every port leaves every daemon serving (and the sanitizers silent)."""
import random
import socket

import harness
from harness import HandAgent


def poke(port, data, then_close=True):
    """Send and read what comes, until the server closes or is silent."""
    s = socket.create_connection(("127.0.0.1", port), timeout=5)
    got = b""
    try:
        s.sendall(data)
        s.settimeout(0.3)
        while True:
            piece = s.recv(65536)
            if not piece:
                break
            got += piece
    except OSError:
        pass
    finally:
        s.close()
    return got


UPGRADE = (b"GET /v1/tunnel HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")


def cases():
    rng = random.Random(20260101)
    for n in (1, 10, 1000, 100000):
        yield rng.randbytes(n)
    yield b"GET / HTTP/1.1\r\nHost: x\r\n"  # half a head
    yield UPGRADE[:60]
    yield b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"A%d: b\r\n" % i for i in range(10000)) + b"\r\n"
    yield b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    yield b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    yield b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n"
    yield b"POST /v1/proxy/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000000\r\n\r\nabc"
    yield b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(500)  # TLS hello
    yield UPGRADE + b"\x81\xff\x00\x00\x00\x00\x40\x00\x00\x00abcd" + b"x" * 1000  # 1 GiB length
    yield UPGRADE + b"\x81\x85abcd" + bytes(b ^ m for b, m in zip(b"\xff\xfe\xfd\xfc\xfb", b"abcda"))  # not UTF-8
    deep = b"[" * 100000
    mask = b"\0\0\0\0"
    yield UPGRADE + b"\x81\xff" + len(deep).to_bytes(8, "big") + mask + deep
    yield UPGRADE + b"\x81\x05hello"  # not masked
    yield UPGRADE + b"\xf1\x80abcd"  # reserved bits
    yield UPGRADE + rng.randbytes(5000)
    yield UPGRADE + b"\x82\x81abcd\x00"  # binary before attestation


def test_garbage_on_every_port(world):
    control = world.control()
    proxy_port = harness.free_port()
    world.add(harness.Daemon(world.dir, "ee-proxy", env={
        "EE_CONTROL_URL": control.url, "EE_PROXY_BIND": "127.0.0.1", "EE_PROXY_PORT": str(proxy_port)})).start()
    world.agent(control)
    control.wait_allowed()
    sim_port = int(world.sim_url.rsplit(":", 1)[1])
    for port in (control.port, control.proxy_port, proxy_port, sim_port):
        harness.wait_for("the port", lambda: socket.create_connection(("127.0.0.1", port), 5).close() is None)
        for case in cases():
            poke(port, case)
    assert control.resolve()[0] == 200
    assert control.raw("myapp.x")[0] == 200
    assert harness.http("GET", f"http://127.0.0.1:{proxy_port}/", headers={"Host": "myapp.x"})[0] == 200


def test_refusals_are_named(world):
    control = world.control()
    assert b" 400 " in poke(control.port, b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n")
    assert b" 431 " in poke(control.port, b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 40000 + b"\r\n\r\n")
    assert b" 426 " in poke(control.port, b"GET /v1/tunnel HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = poke(control.port, UPGRADE + b"\x81\xff\x00\x00\x00\x00\x40\x00\x00\x00abcd")
    assert b"message_too_big" in answer
    hand = HandAgent(world, control)
    hand.ws.send_frame(1, b"\xff\xfe")
    try:
        while True:
            hand.ws.recv()
    except harness.wsclient.Closed as end:
        assert end.code == 1007


def test_a_thousand_silent_connections(world):
    control = world.control()
    silent = [socket.create_connection(("127.0.0.1", control.port)) for _ in range(1000)]
    for s in silent[::2]:
        s.sendall(UPGRADE)
    assert control.get("/health")[0] == 200
    for s in silent:
        s.close()
    world.agent(control)
    control.wait_allowed()
