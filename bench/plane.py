"""The data plane beside nginx: requests a second, 1 GiB bodies with the daemons' memory, added latency, system calls."""
import re
import statistics
import subprocess
import time

import harness
from fleet import cpu_s, rss_kib
from peer import BIG, setup, version, wrk

RATE = harness.BUILD / "bench" / "bench_rate"
ROUNDS = 3


def in_turn(ours, peer):
    """Median of each over some rounds, in turn, so that a drift of the machine meets both."""
    a, b = [], []
    for _ in range(ROUNDS):
        a.append(ours())
        b.append(peer())
    return statistics.median(a), statistics.median(b)


def loaded(pids, spent, url, host, connections, seconds):
    """Requests a second; adds the CPU that each cost those processes, in microseconds, to `spent`."""
    before = sum(map(cpu_s, pids))
    rate = wrk(url, host, connections, seconds)
    spent.append((sum(map(cpu_s, pids)) - before) / (rate * seconds) * 1e6)
    return rate


def per_second(name, ours, peer, connections, seconds):
    """Each: processes, URL, Host. Where the generator's core is full, the CPU says what the rate cannot."""
    a, b = [], []
    x, y = in_turn(lambda: loaded(ours[0], a, *ours[1:], connections, seconds), lambda: loaded(peer[0], b, *peer[1:], connections, seconds))
    a, b = statistics.median(a), statistics.median(b)
    print(f"{name:<10} {connections:>4} connections   ours {x:>9.0f}/s   nginx {y:>9.0f}/s   ratio {x / y:.2f}"
          f"   CPU of a request {a:.2f} us, {b:.2f} us   ratio {a / b:.2f}", flush=True)


def small(what, seconds):
    print(f"\n{version()}; median of {ROUNDS} rounds of {seconds} s", flush=True)
    with setup() as s:
        for c in (64, 512):
            if "resolve" in what:
                per_second("resolve", ([s.control.proc.pid], s.control.url + "/v1/resolve/myapp", "x"),
                           (s.peer_pids, f"http://127.0.0.1:{s.peer[0]}/resolve", "x"), c, seconds)
            if "tunnel" in what:
                per_second("tunnel", ([s.control.proc.pid, s.agent.proc.pid], f"http://127.0.0.1:{s.ours[0]}/", s.ours[1]),
                           (s.peer_pids, f"http://127.0.0.1:{s.peer[0]}/", s.peer[1]), c, seconds)
        if "tunnel" in what:
            calls(s)


def calls(s, n=2000):
    """System calls of each daemon for a small request, one visitor at a time and sixty-four at once."""
    for connections in (1, 64):
        counts = {}
        for name, pid in (("ee-control", s.control.proc.pid), ("ee-agent", s.agent.proc.pid)):
            trace = subprocess.Popen(["strace", "-f", "-c", "-p", str(pid)], stderr=subprocess.PIPE, text=True)
            time.sleep(0.5)
            before = time.monotonic()
            rate = wrk(f"http://127.0.0.1:{s.ours[0]}/", s.ours[1], connections, 2)
            requests = rate * (time.monotonic() - before)
            trace.send_signal(2)
            rows = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", trace.communicate()[1], re.M)
            each = {call: int(k) / requests for k, call in rows if call != "total" and int(k) / requests >= 0.01}
            counts[name] = (sum(each.values()), each)
        for name, (total, each) in counts.items():
            print(f"syscalls   {connections:>4} connections   {name:<10} {total:.2f} a request: "
                  + ", ".join(f"{k} {v:.2f}" for k, v in sorted(each.items(), key=lambda kv: -kv[1])), flush=True)


def curl(port, host, path, args):
    out = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{time_total}", "-H", f"Host: {host}", *args,
                          f"http://127.0.0.1:{port}/{path}"], capture_output=True, text=True, check=True).stdout.split()
    assert out[0] == "200", out
    return float(out[1])


def bulk(gib=1):
    print(f"\n{version()}; one body of {gib} GiB, median of {ROUNDS} rounds", flush=True)
    with setup(big=gib) as s:
        up = ["-T", str(s.world.dir / "big"), "-H", "Expect:"]
        sink = (s.ours[0], "sink.x")
        for way, path, args, ours, agent in (("download", "big", [], s.ours, s.agent), ("upload", "up", up, sink, s.sink_agent)):
            curl(*ours, path, args)
            before = [rss_kib(d.proc.pid) for d in (s.control, agent)]
            x, y = in_turn(lambda: BIG * gib / curl(*ours, path, args), lambda: BIG * gib / curl(*s.peer, path, args))
            after = [rss_kib(d.proc.pid) for d in (s.control, agent)]
            print(f"{way:<10} ours {x / 1e6:>7.0f} MB/s   nginx {y / 1e6:>7.0f} MB/s   ratio {x / y:.2f}   growth "
                  + ", ".join(f"{n} {(b - a) / 1024:.1f} MiB" for n, a, b in zip(("ee-control", "ee-agent"), before, after)),
                  flush=True)


def took(port, host, rate, seconds):
    out = subprocess.run([RATE, str(port), host, str(rate), str(seconds)], capture_output=True, text=True, check=True).stdout
    return [float(x) for x in re.findall(r"p50 (\d+) p99 (\d+)", out)[0]]


def latency(seconds):
    print(f"\n{version()}; a small request at a fixed rate, median of {ROUNDS} rounds of {seconds} s, in microseconds", flush=True)
    with setup() as s:
        for rate in (100, 1000, 3000):
            rows = [[took(port, host, rate, seconds) for port, host in ((s.backend, "x"), s.ours, s.peer)] for _ in range(ROUNDS)]
            d, o, n = ([statistics.median(r[i][k] for r in rows) for k in (0, 1)] for i in range(3))
            print(f"latency    {rate:>5}/s   direct p50 {d[0]:.0f} p99 {d[1]:.0f}   added by ours p50 {o[0] - d[0]:.0f} p99 {o[1] - d[1]:.0f}"
                  f"   added by nginx p50 {n[0] - d[0]:.0f} p99 {n[1] - d[1]:.0f}", flush=True)
