"""Very many agents: what it costs ee-control to take them in, and what an idle one keeps of its memory."""
import contextlib
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import tempfile
import threading

import harness
import verify

FLEET = harness.BUILD / "bench" / "bench_fleet"
SIGNATURES = 3  # of a platform never seen: PCK certificate, QE report, quote


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def workers_cpu_s(pid):
    """Of the worker pool alone: it judges answers, verifies their quotes, and does nothing else here."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        name, fields = re.fullmatch(r"\d+ \((.*)\) (.*)", (task / "stat").read_text().strip()).groups()
        if name != "store" and int(task.name) != pid:
            total += sum(map(int, fields.split()[11:13]))
    return total / os.sysconf("SC_CLK_TCK")


def rss_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def lines(p, last):
    out = []
    while not out or out[-1].split()[0] != last:
        line = p.stdout.readline()
        assert line, p.stderr.read()
        out.append(line.strip())
    return out


def fleet(w, control, agents, at_once, families=1, ca=None):
    """Start the fleet; gives the process (its tunnels idle), seconds, medians of each tenth in ms."""
    urls = ",".join(f"{'wss' if ca else 'ws'}://127.0.0.{i}:{control.port}/v1/tunnel" for i in range(1, 2 if ca else 5))
    p = subprocess.Popen([FLEET, urls, w.dir / "sim" / "seed", harness.REPO, harness.TAG,
                          str(agents), str(at_once), str(families), *([ca] if ca else [])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines(p, "ready")
    return p


@contextlib.contextmanager
def watched(pid):
    """Notes (tunnels, resident KiB, CPU seconds) of ee-control in the list that it gives, as the fleet grows."""
    rows, stop, empty = [], threading.Event(), len(os.listdir(f"/proc/{pid}/fd"))

    def watch():
        while not stop.wait(0.25):
            rows.append((len(os.listdir(f"/proc/{pid}/fd")) - empty, rss_kib(pid), cpu_s(pid)))
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield rows
    finally:
        stop.set()
        thread.join()


def slope(rows, column, low, high):
    """Of a column for one tunnel more, between two numbers of tunnels: that of the line through them."""
    some = [r for r in rows if low <= r[0] <= high]
    return statistics.linear_regression([r[0] for r in some], [r[column] for r in some]).slope


def growth(rows, agents):
    """Bytes for one tunnel more, beyond the first half: what is kept once, such as the verifier's memory of platforms, is full
    by then."""
    return slope(rows, 1, agents / 2, agents) * 1024


def over_tls(agents):
    """Growth of ee-control for one tunnel more where it ends TLS itself."""
    with tempfile.TemporaryDirectory(prefix="bench-") as where:
        w = harness.World(where)
        try:
            w.vm("vm1")
            w.publish(w.allowlist("vm1"))
            crt, key = w.dir / "tls.crt", w.dir / "tls.key"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                            "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", crt], check=True, capture_output=True)
            control = w.control(start=False, EE_ADMISSION_RATE="1000000", EE_ATTEST_INTERVAL_SEC="604800", EE_LOG_LEVEL="warn",
                                EE_ATTEST_DEADLINE_SEC="600", EE_TLS_CERT=str(crt), EE_TLS_KEY=str(key))
            control.env["EE_PUBLIC_URL"] = f"https://127.0.0.1:{control.port}"
            control.start()
            p = fleet(w, control, agents, 64, ca=crt)
            with watched(control.proc.pid) as seen:
                p.stdin.write("\n")
                p.stdin.flush()
                lines(p, "idle")
            print(f"| the same of {agents} over TLS, which it ends itself | {growth(seen, agents):.0f} bytes |")
            p.communicate("\n", timeout=60)
        finally:
            w.close()


def measure(agents):
    print(f"\n{agents} agents, each of a platform of its own, connect and attest; then they idle")
    openssl = statistics.median(verify.openssl_us(1) for _ in range(3))
    with tempfile.TemporaryDirectory(prefix="bench-") as where:
        w = harness.World(where)
        try:
            w.vm("vm1")
            w.publish(w.allowlist("vm1"))
            control = w.control(EE_ADMISSION_RATE="1000000", EE_ATTEST_INTERVAL_SEC="604800", EE_LOG_LEVEL="warn",
                                EE_ATTEST_DEADLINE_SEC="600", EE_CONTROL_BIND="0.0.0.0")
            p = fleet(w, control, agents, 64)
            pid, before = control.proc.pid, cpu_s(control.proc.pid)
            kib = rss_kib(pid)
            with watched(pid) as seen:
                p.stdin.write("\n")
                p.stdin.flush()
                rows = lines(p, "idle")
            spent, verifying = cpu_s(pid) - before, workers_cpu_s(pid)
            seconds = float(rows[0].split()[2])
            tenths = [int(r.split()[2]) for r in rows[1:-1]]
            kept = (rss_kib(pid) - kib) * 1024 / agents
            each = spent / agents * 1e6
            whole = verify.cases()[("new_platform", 1)][1]
            print("| what | value |\n|---|---|")
            print(f"| admitted a second | {agents / seconds:.0f} |")
            print(f"| ee-control's CPU for one | {each:.0f} us |")
            print(f"| the same for the first and the last fifth of them | {slope(seen, 2, 0, agents / 5) * 1e6:.0f} us, "
                  f"{slope(seen, 2, agents * 4 / 5, agents) * 1e6:.0f} us |")
            print(f"| of it the worker pool, which judges answers and verifies quotes | {verifying / spent:.2f} |")
            print(f"| of it verification, by bench_verify ({whole:.0f} us for a new platform's quote) | {whole / each:.2f} |")
            print(f"| of it {SIGNATURES} signatures, by openssl speed ({openssl:.1f} us each) | {SIGNATURES * openssl / each:.2f} |")
            print(f"| first and last tenth, dialling to admission | {tenths[0]} ms, {tenths[-1]} ms |")
            print(f"| memory of ee-control for one tunnel more | {growth(seen, agents):.0f} bytes |")
            print(f"| the same with what is kept once: caches, arenas | {kept:.0f} bytes |")
            p.communicate("\n", timeout=60)
        finally:
            w.close()
    over_tls(agents // 2)


def budget(agents=5000, families=20):
    """What agents of some families, all at once, cost the collateral service."""
    # What one address may have unattested is a quarter of a tenth of the descriptors.
    at_once = min(agents, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 50)
    print(f"\n{agents} agents of {families} families connect, {at_once} at once; nothing is held")
    with tempfile.TemporaryDirectory(prefix="bench-") as where:
        w = harness.World(where)
        try:
            w.vm("vm1")
            w.publish(w.allowlist("vm1"))
            control = w.control(EE_ADMISSION_RATE="1000000", EE_ATTEST_INTERVAL_SEC="604800", EE_LOG_LEVEL="warn",
                                EE_ATTEST_DEADLINE_SEC="600", EE_VERIFY_TIMEOUT_SEC="600", EE_CONTROL_BIND="0.0.0.0")
            p = fleet(w, control, agents, at_once, families)
            p.stdin.write("\n")
            p.stdin.flush()
            lines(p, "idle")
            seen = json.loads(harness.http("GET", w.sim_url + "/sim/requests")[2])
            print("| item | requests |\n|---|---|")
            for item, n in seen.items():
                print(f"| {item} | {n} |")
            print(f"| memory of ee-control | {rss_kib(control.proc.pid) / 1024:.0f} MiB |")
            p.communicate("\n", timeout=60)
        finally:
            w.close()
