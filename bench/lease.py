"""From the end of a lease to the last byte: answers stream through a tunnel, a piece each millisecond, when an admin frees its name."""
import contextlib
import multiprocessing
import pathlib
import select
import socket
import statistics
import tempfile
import threading
import time

import harness

ROUNDS, STREAMS = 50, 20  # an app of its own each
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECE = b"10\r\n" + b"data: 01234567\n\n" + b"\r\n"


def app(server):
    """Streams to all who ask, until they are gone."""
    live = []
    server.setblocking(False)
    while True:
        with contextlib.suppress(BlockingIOError):
            while True:
                s, _ = server.accept()
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                s.recv(65536)
                s.sendall(HEAD)
                live.append(s)
        for s in list(live):
            try:
                s.send(PIECE)
            except OSError:
                live.remove(s)
                s.close()
        time.sleep(0.001)


class Visitors:
    """Notes of each stream when its last byte came, and when its end did."""

    def __init__(self, port, host):
        self.poll, self.socks, self.last, self.end = select.epoll(), {}, {}, {}
        for _ in range(STREAMS):
            s = socket.create_connection(("127.0.0.1", port))
            s.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            self.socks[s.fileno()] = s
            self.poll.register(s, select.EPOLLIN)

    def take(self, fd):
        try:
            got = self.socks[fd].recv(65536)
        except ConnectionResetError:
            got = b""
        if got:
            self.last[fd] = time.monotonic()
            return
        self.end[fd] = time.monotonic()
        self.poll.unregister(fd)

    def watch(self, until):
        while not until() and len(self.end) < STREAMS:
            for fd, _ in self.poll.poll(0.1):
                self.take(fd)

    def close(self):
        for s in self.socks.values():
            s.close()


def free_the_name(control, name, times):
    times.append(time.monotonic())
    status = harness.http("DELETE", f"{control.url}/v1/apps/{name}")[0]
    times.append(time.monotonic())
    assert status in (200, 204), status


def one_lease(control, name):
    """Of its streams: seconds from the admin's request to the last byte, to the end; to the admin's answer."""
    visitors, times = Visitors(control.proxy_port, f"{name}.x"), []
    try:
        visitors.watch(lambda: len(visitors.last) == STREAMS)
        settled = time.monotonic() + 0.2
        visitors.watch(lambda: time.monotonic() > settled)
        admin = threading.Thread(target=free_the_name, args=(control, name, times))
        admin.start()
        visitors.watch(lambda: times and time.monotonic() > times[0] + 20)
        admin.join()
        assert len(visitors.end) == STREAMS, f"{STREAMS - len(visitors.end)} streams went on"
        return ([max(0, t - times[0]) for t in visitors.last.values()], [t - times[0] for t in visitors.end.values()],
                times[1] - times[0])
    finally:
        visitors.close()


def show(name, rows):
    rows = sorted(rows)
    print(f"lease      {name:<38} median {statistics.median(rows) * 1e3:6.1f} ms   worst {rows[-1] * 1e3:6.1f} ms", flush=True)


def measure():
    print(f"\n{ROUNDS} times {STREAMS} streaming answers when an admin ends their tunnel's lease; times from the admin's request on", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as where:
        w, server = harness.World(pathlib.Path(where)), socket.create_server(("127.0.0.1", 0), backlog=1024)
        sender = multiprocessing.Process(target=app, args=(server,), daemon=True)
        sender.start()

        class Backend:
            port = server.getsockname()[1]
        try:
            w.vm("vm1")
            w.publish(w.allowlist("vm1"))
            control = w.control(EE_LOG_LEVEL="warn", EE_ACCESS_LOG="off", EE_ADMISSION_RATE="1000")
            for n in range(ROUNDS):
                w.agent(control, app=f"app{n}", backend=Backend, EE_LOG_LEVEL="error")
            for n in range(ROUNDS):
                control.wait_allowed(f"app{n}")
            rows = [one_lease(control, f"app{n}") for n in range(ROUNDS)]
            show("a stream's last byte at its visitor", [t for last, _, _ in rows for t in last])
            show("its end there", [t for _, end, _ in rows for t in end])
            show("the admin's answer (it is on disk then)", [answer for _, _, answer in rows])
        finally:
            sender.kill()
            server.close()
            w.close()
