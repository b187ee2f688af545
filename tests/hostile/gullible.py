"""A control plane that believes everything and carries everything: what an attack must succeed against, or it
could not fail. It knows only as much of the protocol as an attack needs to get that far."""
import base64
import json
import re
import socket
import threading
import urllib.parse

import scripted

CONNECTIONS = 30  # served at once; more wait, which is a bug of its own
NONCE = "00" * 32  # one for all: whatever is shown fits
REQUEST = re.compile(rb"([A-Z][A-Z\t]*)[ \t/]+(\S*(?: b|\tb)?) HTTP/1\.[01]\r?\n(.*?)\r?\n\r?\n", re.S)


class Tunnel:
    def __init__(self, c):
        self.c, self.app, self.version, self.lock, self.visitor, self.block = c, b"", 1, threading.Lock(), None, b""
        self.begun, self.h2 = False, b""

    def send(self, op, data):
        with self.lock:
            self.c.send(scripted.frame(op, data))

    def say(self, **message):
        self.send(1, json.dumps(message).encode())


class Gullible:
    def __init__(self):
        self.room = threading.Semaphore(CONNECTIONS)
        self.tunnels, self.waiting, self.socks = {}, None, []
        self.port, self.proxy_port = self.listen(self.serve_api), self.listen(self.serve_proxy)
        self.url, self.proxy_url = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.proxy_port}"

    def listen(self, serve):
        sock = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.socks.append(sock)

        def one(s):
            try:
                serve(scripted.Conn(s))
            except (OSError, EOFError, ValueError, AssertionError):  # it is as careless with what it cannot read
                pass
            finally:
                s.close()
                self.room.release()

        def accept():
            while True:
                try:
                    s, _ = sock.accept()
                except OSError:
                    return
                self.room.acquire()
                threading.Thread(target=one, args=(s,), daemon=True).start()
        threading.Thread(target=accept, daemon=True).start()
        return sock.getsockname()[1]

    def stop(self):
        for s in self.socks:
            s.shutdown(socket.SHUT_RDWR)
            s.close()

    # -- the API --
    def serve_api(self, c):
        c.head = c.until(b"\r\n\r\n")
        method, target = c.head.split(b" ", 2)[:2]
        if b"upgrade: websocket" in c.head.lower():
            return self.serve_tunnel(c)
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", c.head)
        body = c.take(int(length[1])) if length else b""
        if method == b"POST" and b"/proxy/" in target and self.tunnels:
            try:
                message = json.loads(body)
            except ValueError:
                message = {"body": body.decode("latin-1")}
            message = message if isinstance(message, dict) else {"list": message}
            return self.carry(list(self.tunnels.values())[-1], c, **message)
        c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    # -- tunnels --
    def serve_tunnel(self, c):
        scripted.shake_hands(c, b"\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n")
        c.sock.settimeout(60)
        t = Tunnel(c)
        while True:
            op, data = scripted.read_frame(c)
            if op == 8:
                return t.send(8, data)
            if op == 2:
                self.hear_frames(t, data)
            elif op == 1:
                self.hear(t, data)

    def hear(self, t, text):
        """Members are looked for, not read: whatever is around them does not matter."""
        kind = re.search(rb'"type":"(\w+)"', text)
        kind = kind[1] if kind else b""
        if kind == b"register":
            app = re.search(rb'"app_name":"([^"]*)"', text)
            t.app = app[1] if app else b""
            t.version = 2 if b'"tunnel_version":"2"' in text else 1
            self.tunnels[t.app] = t
            t.say(type="attest_request", nonce=NONCE, deadline_s=30, reason="register", channel="none")
        elif kind == b"attest_response":
            t.say(type="status", state="ok", reason="attested", tunnel_version=str(t.version))
        elif kind == b"proxy_response" and self.waiting:
            self.waiting(json.loads(text))

    def carry(self, t, c, **message):
        """One request to an agent, its answer to the visitor as it is. All have one id."""
        came = threading.Event()
        answer = {}

        def on_answer(m):
            answer.update(m)
            came.set()
        self.waiting = on_answer
        message.setdefault("method", "GET")
        message.setdefault("path", "/")
        t.say(type="proxy_request", request_id="1", **message)
        if not came.wait(8):
            return
        fields = [(n, v) for n, vs in answer.get("headers", {}).items() for v in (vs if isinstance(vs, list) else [vs])]
        body = base64.b64decode(answer.get("body_b64", ""))
        if not any(n.lower() in ("content-length", "transfer-encoding") for n, _ in fields):
            fields.append(("Content-Length", len(body)))
        head = f"HTTP/1.1 {answer.get('status')} X\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields)
        c.send(head.encode("latin-1", "replace") + b"\r\n" + body)

    # -- version 2, as far as answers go --
    def ask_frames(self, t, c):
        t.visitor, t.begun, t.over, t.done = c, True, False, threading.Event()  # before the answer can come
        t.send(2, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\4\0" + bytes(4) + b"\0\0\1\1\5\0\0\0\1\x82")
        t.done.wait(8)

    def hear_frames(self, t, data):
        t.h2 += data
        while len(t.h2) >= 9 and len(t.h2) >= 9 + (n := int.from_bytes(t.h2[:3], "big")):
            kind, flags, payload = t.h2[3], t.h2[4], t.h2[9:9 + n]
            t.h2 = t.h2[9 + n:]
            if kind in (1, 9):
                t.block += payload
                t.over = bool(flags & 1) if kind == 1 else t.over
                if flags & 4:
                    self.show_head(t)
            elif kind == 0:
                t.visitor.send(payload)
                t.over = bool(flags & 1)
            if kind in (0, 1, 9) and t.over and not t.block:
                t.done.set()

    def show_head(self, t):
        b, t.block, head = t.block, b"", b""

        def number(b):
            n, b = b[0], b[1:]
            if n < 127:
                return n, b
            shift = 0
            while True:
                n, shift, more, b = n + ((b[0] & 127) << shift), shift + 7, b[0] & 128, b[1:]
                if not more:
                    return n, b

        def text(b):
            n, b = number(b)
            return b[:n], b[n:]
        while b:
            if b[0] == 0x88:
                head, b = b"HTTP/1.1 200 OK\r\n" + head, b[1:]
            elif b[0] == 0x08:
                value, b = text(b[1:])
                head = b"HTTP/1.1 " + value + b" X\r\n" + head
            else:
                name, b = text(b[1:])
                value, b = text(b)
                head += name + b": " + value + b"\r\n"
        t.visitor.send(head + b"\r\n")

    # -- the raw listener --
    def serve_proxy(self, c):
        """Whatever looks like a request is one, wherever it stands."""
        data = b""
        c.sock.settimeout(0.1)
        try:
            while True:
                piece = c.sock.recv(1 << 16)
                if not piece:
                    break
                data += piece
        except TimeoutError:
            pass
        c.sock.settimeout(20)
        for m in REQUEST.finditer(data) or []:
            self.serve_one(c, m)

    def serve_one(self, c, m):
        fields = [line.split(b":", 1) for line in re.split(rb"\r?\n|\r", m[3]) if b":" in line]
        names = {n.strip().lower(): v.strip() for n, v in fields}
        app = names.get(b"host", b"").split(b"@")[-1]
        for name in (b"x-ee-app", b"x_ee_app", b"x-forwarded-host", b"x-original-host", b"x-ee-host", b"forwarded"):
            app = names[name].split(b"host=")[-1] if name in names else app
        app = re.split(rb"[. :/]", app)[0]
        t = self.tunnels.get(app) or (list(self.tunnels.values()) or [None])[-1]
        if not t:
            return
        if t.version == 2:
            return self.ask_frames(t, c)
        path = urllib.parse.urljoin("http://backend/", m[2].decode("latin-1").lstrip("/"))
        self.carry(t, c, method=m[1].decode(), path=path.removeprefix("http://backend"),
                   headers={n.decode("latin-1").strip(): v.decode("latin-1").strip() for n, v in fields}, body_b64="")


if __name__ == "__main__":
    g = Gullible()
    print(g.url, g.proxy_url, flush=True)
    threading.Event().wait()
