"""Intel's and GitHub's services hang: what attested agents, their visitors and a health check notice of it."""
import json
import pathlib
import re
import subprocess
import tempfile
import threading
import time

import harness

RATE = harness.BUILD / "bench" / "bench_rate"
AGENTS, INTERVAL_S, SECONDS = 50, 5, 20


def health(control):
    """p50 and p99 of GET /health in microseconds, 200 a second."""
    out = subprocess.run([RATE, str(control.port), "127.0.0.1", "200", str(SECONDS), "/health"], capture_output=True, text=True, check=True).stdout
    return [int(x) for x in re.search(r"p50 (\d+) p99 (\d+)", out).groups()]


def visit(control, stop, counts):
    """Each app in turn, without a pause."""
    while not stop.is_set():
        for n in range(AGENTS):
            status = harness.http("GET", f"http://127.0.0.1:{control.proxy_port}/", headers={"Host": f"app{n}.example"})[0]
            counts[status] = counts.get(status, 0) + 1


def during(name, control):
    counts, stop = {}, threading.Event()
    before = control.log().count("event=attested ")
    visitor = threading.Thread(target=visit, args=(control, stop, counts))
    visitor.start()
    p50, p99 = health(control)
    stop.set()
    visitor.join()
    attested = control.log().count("event=attested ") - before
    ended = control.log().count("event=lease_ended")
    assert set(counts) == {200} and ended == 0, (counts, ended)
    assert attested >= AGENTS * (SECONDS / INTERVAL_S - 1), attested
    print(f"outage     {name:<22} /health p50 {p50} us p99 {p99} us   {counts[200]} requests of visitors, all answered   "
          f"{attested} attestations, no lease ended", flush=True)
    return p99


def measure():
    print(f"\n{AGENTS} agents that attest every {INTERVAL_S} s and serve visitors, {SECONDS} s each", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as where:
        w = harness.World(pathlib.Path(where))
        try:
            w.vm("vm1")
            w.publish(w.allowlist("vm1"))
            control = w.control(EE_ATTEST_INTERVAL_SEC=str(INTERVAL_S), EE_ACCESS_LOG="off", EE_ADMISSION_RATE="1000",
                                EE_COLLATERAL_REFRESH_SEC="1", EE_COLLATERAL_TIMEOUT_SEC="60")
            backend = w.backend()
            for n in range(AGENTS):
                w.agent(control, app=f"app{n}", backend=backend, EE_LOG_LEVEL="error")
            for n in range(AGENTS):
                control.wait_allowed(f"app{n}")
            time.sleep(INTERVAL_S)
            usual = during("both services answer", control)
            for service in ("pcs", "github"):
                status = harness.http("PUT", f"{w.sim_url}/sim/fault/{service}", json.dumps({"delay_ms": 60000}).encode())[0]
                assert status in (200, 204), status
            hanging = during("both hang", control)
            print(f"outage     p99 {hanging / usual:.2f} of the usual; below 10 ms: {'yes' if hanging < 10000 else 'NO'}", flush=True)
        finally:
            w.close()
