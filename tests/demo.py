"""The whole thing once, on this machine: a simulated TDX platform, the control plane, an app and
its agent. Prints each step as it happens; stays up until Ctrl-C, or with --once ends after the
steps, with exit status 1 if any failed."""
import json
import pathlib
import secrets
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import harness  # noqa: E402

BOLD, GREEN, RED, OFF = ("\033[1m", "\033[32m", "\033[31m", "\033[0m") if sys.stdout.isatty() else ("",) * 4
failed = 0


def step(text):
    print(f"\n{BOLD}{text}{OFF}", flush=True)


def check(ok, text):
    global failed
    print(f"  {GREEN + 'ok' if ok else RED + 'FAILED'}{OFF}  {text}", flush=True)
    failed += not ok


def log_line(daemon, event):
    """The first line of a daemon's log that tells of the event."""
    daemon.wait_log(event)
    return next(l for l in daemon.log().splitlines() if event in l)


def steps(w):
    step("1. A simulated TDX platform, with GitHub's release API beside it")
    image = w.vm("vm1")
    w.publish(w.allowlist("vm1"))
    print(f"  {w.sim_url}: own root CA, not Intel's; release {harness.REPO} {harness.TAG} pins")
    print(f"  mrtd {image['mrtd'][:16]}…  rtmr1 {image['rtmr1'][:16]}…  rtmr2 {image['rtmr2'][:16]}…")

    step("2. The control plane")
    control = w.control()
    check(control.get("/health")[0] == 200, f"{control.url}/health")
    print(f"  trusts the simulated root because EE_DCAP_ROOT_CA names it, and says so")
    status, body = control.resolve()
    check(status == 403, f"GET /v1/resolve/myapp: {status} {body['reason']}")

    step("3. A backend, and an agent in a sealed VM: challenge, quote, verdict")
    agent = w.agent(control)
    body = control.wait_allowed()
    print(f"  agent log: {log_line(agent, 'challenge')}")
    check(body["tcb_status"] == "UpToDate", f"admitted: tcb_status {body['tcb_status']}, sealed {body['sealed']}, "
          f"trust_root {body['trust_root']}")
    check(control.resolve()[0] == 200, "GET /v1/resolve/myapp: 200")

    step("4. A request through the tunnel")
    status, headers, body = control.proxy(method="GET", path="/hello?from=demo", headers={}, body_b64="")
    check(status == 200 and json.loads(body)["path"] == "/hello?from=demo", f"POST /v1/proxy/myapp: {status} from the backend")
    status, headers, body = control.raw("myapp.apps.example", "/upload", "POST", b"some bytes")
    check(status == 200 and json.loads(body)["body"] == "some bytes",
          f"POST http://127.0.0.1:{control.proxy_port}/upload, Host: myapp.apps.example: {status} from the backend")

    step("5. An agent in a tampered image")
    w.vm("tampered", rtmr2="66" * 48)
    bad = w.agent(control, vm="tampered", name="tampered", app="tampered")
    print(f"  agent log: {log_line(bad, 'measurement_mismatch')}")
    check(control.resolve("tampered")[0] == 403, "refused: measurement_mismatch; resolve says 403")

    step("6. An unsealed agent: refused on forge-1, accepted on sandbox-1")
    w.vm("open")
    w.publish(w.allowlist("open", tag="v0.1.3-dev", sealed=False), tag="v0.1.3-dev")
    bad = w.agent(control, vm="open", name="unsealed", app="unsealed", sealed=False, EE_RELEASE_TAG="v0.1.3-dev")
    print(f"  agent log: {log_line(bad, 'sealed_required')}")
    check(control.resolve("unsealed")[0] == 403, "forge-1: refused, sealed_required")
    w.agent(control, vm="open", name="sandbox", app="sandbox", network="sandbox-1", sealed=False, EE_RELEASE_TAG="v0.1.3-dev")
    body = control.wait_allowed("sandbox")
    check(body["sealed"] is False and body["network"] == "sandbox-1", "sandbox-1: accepted, sealed false")

    step("7. A visitor who believes nobody")
    nonce = secrets.token_hex(32)
    done = subprocess.run([harness.BUILD / "src" / "programs" / "eectl", "evidence", "verify",
                           f"{control.url}/v1/evidence/myapp", "--nonce", nonce, "--root-ca", w.dir / "sim" / "root_ca.pem"],
                          capture_output=True, text=True)
    print(f"  $ eectl evidence verify {control.url}/v1/evidence/myapp --nonce {nonce[:16]}...")
    for line in done.stdout.splitlines():
        print(f"  {line}")
    check(done.returncode == 0, "every check repeated, on a quote made for the visitor's own nonce")
    return control


def main():
    once = "--once" in sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *a: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="easy-enclave-demo-") as where:
        w = harness.World(where)
        try:
            control = steps(w)
            print(f"\n{BOLD}Dashboard: {control.url}/dashboard{OFF}   (logs in {where})", flush=True)
            if not once:
                print("Ctrl-C ends the demo.", flush=True)
                signal.pause()
        except KeyboardInterrupt:
            print()
        except AssertionError as e:
            check(False, str(e))
        finally:
            w.close()
    return 1 if failed else 0


sys.exit(main())
