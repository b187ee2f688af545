"""Verifications beside openssl's own P-256 rate, in one run and in turns, and beside another verifier on the same quotes.
The ratio is what the signatures alone would cost, by `openssl speed` on one core, over what the verification costs.
Both are counted in CPU time, but for several threads, where it is the clock's."""
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess

TOP = pathlib.Path(__file__).resolve().parent.parent
BENCH = TOP / "build" / "bench" / "bench_verify"
VECTORS = pathlib.Path(os.environ.get("EE_VECTORS", TOP.parent / "shared" / "vectors"))
PEER = TOP / "build" / "differential" / "node_modules" / "@phala" / "dcap-qvl"
ROUNDS = 7


def openssl_us(seconds):
    """Microseconds of one P-256 verification by openssl speed."""
    out = subprocess.run(["openssl", "speed", "-seconds", str(seconds), "ecdsap256"], capture_output=True, text=True, check=True).stdout
    return 1e6 / float(re.search(r"nistp256\).*\s([\d.]+)\s*$", out, re.M)[1])


def cases(*args):
    """{(name, threads): (signatures each, microseconds each)}"""
    out = subprocess.run([BENCH, *map(str, args)], capture_output=True, text=True, check=True).stdout
    rows = (line.split() for line in out.splitlines())
    return {(name, int(threads)): (float(sigs), float(us)) for name, threads, _, sigs, us in rows}


def genuine():
    """One quote of each version, with its collateral and time."""
    for kind in ("sgx3", "tdx4", "tdx5"):
        for folder in sorted((VECTORS / "genuine").glob(f"{kind}-*")) if VECTORS.is_dir() else []:
            meta = json.loads((folder / "meta.json").read_text())
            if "tcbv2" not in folder.name and meta["expected"]["status"] and not meta["expected"]["debug"]:
                yield kind, folder / "quote.bin", folder / "collateral.json", meta["verification_time"]
                break


def peer_us(quote, collateral, at):
    """Microseconds of one verification by the npm package, or None where it is not there or refuses."""
    if not PEER.is_dir() or not shutil.which("node"):
        return None
    done = subprocess.run(["node", TOP / "tests" / "differential" / "peer.mjs", "time", "200", quote, collateral, str(at)],
                          capture_output=True, text=True)
    return json.loads(done.stdout)["us_per_verification"] if done.returncode == 0 else None


def measure(seconds):
    version = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"\n{version}; medians of {ROUNDS} rounds of {seconds} s, openssl and ours in turns\n")
    rates, rounds = [], []
    for _ in range(ROUNDS):
        rates.append(openssl_us(seconds))
        rounds.append(cases(seconds))
    base = statistics.median(rates)
    print(f"openssl speed ecdsap256: {base:.1f} us a verification ({min(rates):.1f} to {max(rates):.1f})\n")
    print("| case | threads | signatures | us | ratio |\n|---|---|---|---|---|")
    for (name, threads), (sigs, _) in rounds[0].items():
        us = statistics.median(r[name, threads][1] for r in rounds)
        # In each round against the openssl run just before it, so that a drift of the machine meets both.
        ratio = statistics.median(sigs * rate / r[name, threads][1] / threads for rate, r in zip(rates, rounds))
        print(f"| {name.replace('_', ' ')} | {threads} | {sigs:.0f} | {us:.1f} | {f'{ratio:.2f}' if sigs else ''} |")
    print("\n| genuine quote | ours, cold | ours, again | @phala/dcap-qvl | cold, ratio |\n|---|---|---|---|---|")
    for kind, quote, collateral, at in genuine():
        rows = cases(seconds, quote, collateral, at)
        cold, again = rows["file_cold", 1][1], rows["file_again", 1][1]
        peer = peer_us(quote, collateral, at)
        print(f"| {kind} | {cold:.0f} us | {again:.1f} us | {f'{peer:.0f} us' if peer else 'not measured'} | {f'{cold / peer:.3f}' if peer else ''} |")
    if not PEER.is_dir():
        print("\nThe other verifier is not there: run ./dev differential once.")
