"""nginx and HAProxy as Debian has them, as plain proxies in front of one backend. What they are told beside their
defaults makes them comparable: ceilings for heads above ours, no ceiling for bodies, the visitor's
Host, and connections to the backend that nobody used before."""
import shutil
import subprocess

import harness
from strict import grammar, wire

NGINX = """
daemon off; master_process off; pid {where}/nginx.pid; error_log {where}/nginx.log crit;
events {{ worker_connections 256; }}
http {{
	access_log off;
	client_body_temp_path {where}/b; proxy_temp_path {where}/p; fastcgi_temp_path {where}/f;
	uwsgi_temp_path {where}/u; scgi_temp_path {where}/s;
	large_client_header_buffers 4 40k; client_max_body_size 0; proxy_ignore_client_abort on;
	server {{
		listen 127.0.0.1:{port};
		location / {{
			proxy_pass http://127.0.0.1:{backend};
			proxy_http_version 1.1;
			proxy_set_header Host $http_host;
		}}
	}}
}}
"""

HAPROXY = """
global
	nbthread 1
	maxconn 256
	tune.bufsize 49152
	tune.http.maxhdr 256
defaults
	mode http
	timeout connect 2s
	timeout client 5s
	timeout server 5s
	http-reuse never
frontend front
	bind 127.0.0.1:{port}
	default_backend back
backend back
	server one 127.0.0.1:{backend}
"""


def find(program):
    return shutil.which(program) or f"/usr/sbin/{program}"


def version(program):
    done = subprocess.run([find(program), "-v"], capture_output=True, text=True)
    line = (done.stdout + done.stderr).split("\n")[0]
    return line.split("/")[-1] if program == "nginx" else line.split()[2]


class Peer:
    """One of them, running."""

    def __init__(self, program, where, backend):
        self.name, self.port, self.backend = program, harness.free_port(), backend
        conf = where / f"{program}.conf"
        conf.write_text((NGINX if program == "nginx" else HAPROXY).format(where=where, port=self.port, backend=backend.port))
        args = ["-c", conf, "-p", where] if program == "nginx" else ["-db", "-f", conf]
        self.log = open(where / f"{program}.out", "wb")
        self.proc = subprocess.Popen([find(program), *args], stdout=self.log, stderr=self.log)
        harness.wait_for(program, self.up)

    def up(self):
        assert self.proc.poll() is None, f"{self.name} does not start: {self.log.name}"
        try:
            wire.Visitor(self.port).close()
        except OSError:
            return False
        return True

    def stop(self):
        self.proc.terminate()
        self.proc.wait(10)
        self.log.close()


def passes(port, backend, case):
    """Play a case at a proxy; gives how many requests its backend got whole."""
    backend.clear()
    messages, _, _ = grammar.read_requests(case.raw)
    v = wire.Visitor(port, patience=0.5).send(case.raw)
    try:
        for i in range(len(case.verdicts)):
            if not v.left and v.is_silent(0.05) or not v.answer(messages[i].method if i < len(messages) else b"GET"):
                break
    except (grammar.Bad, AssertionError, TimeoutError, OSError):
        pass  # an answer that we would not take; what counts is what reached the backend
    v.close()
    canary = wire.Visitor(port)
    assert canary.send(b"GET /canary HTTP/1.1\r\nHost: myapp.x\r\n\r\n").answer().status == 200
    canary.close()
    return sum(not line.startswith(b"GET /canary ") for _, answered in backend.seen() for line in answered)
