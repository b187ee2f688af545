"""libeedcap stands alone: its header needs only libc's, in C and C++, and its symbols are the
header's."""
import os
import re
import shutil
import subprocess

import pytest

import harness

HEADER = harness.TOP / "include" / "eedcap.h"


@pytest.mark.parametrize("compiler,flags", [
    ("cc", ["-xc", "-std=c99"]), ("clang", ["-xc", "-std=c11"]), ("c++", ["-xc++", "-std=c++11"]),
    ("clang++", ["-xc++", "-std=c++17"])])
def test_header_stands_alone(compiler, flags, tmp_path):
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler}")
    alone = tmp_path / "eedcap.h"
    alone.write_bytes(HEADER.read_bytes())
    (tmp_path / "use").write_text('#include "eedcap.h"\nint main(void) { eedcap_quote_free(0); return 0; }\n')
    done = subprocess.run([compiler, *flags, "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only", tmp_path / "use"],
                          capture_output=True, text=True, timeout=60)
    if "cannot execute" in done.stderr or "'stdbool.h' file not found" in done.stderr:
        pytest.skip(f"{compiler} is not whole")
    assert done.returncode == 0, done.stderr


def test_library_shows_what_the_header_declares():
    library = harness.BUILD / "src" / "dcap" / "libeedcap.so"
    listing = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    shown = {line.split()[-1].split("@")[0] for line in listing.splitlines() if " T " in line}
    declared = set(re.findall(r"\b(eedcap_\w+)\(", re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)))
    assert shown == declared


PLAIN = harness.TOP / "build"  # without sanitizers: as it is installed


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    if not (PLAIN / "build.ninja").exists():
        pytest.skip("no build without sanitizers in build/")
    root = tmp_path_factory.mktemp("installed")
    subprocess.run(["meson", "install", "-C", PLAIN, "--no-rebuild", "--quiet", "--destdir", root], check=True, timeout=60)
    return root


def flags(root, *args):
    """What pkg-config says of the installed library, its paths below the folder it was installed to."""
    pc = next(root.rglob("eedcap.pc"))
    env = {**os.environ, "PKG_CONFIG_PATH": str(pc.parent), "PKG_CONFIG_SYSROOT_DIR": str(root)}
    return subprocess.run(["pkg-config", *args, "eedcap"], env=env, check=True, capture_output=True, text=True).stdout.split()


@pytest.mark.parametrize("linking", ["shared", "static"])
def test_a_stranger_builds_the_example(installed, linking, tmp_path):
    """The example knows the installed header alone; the quote's root is not Intel's, and it says so."""
    library = next(installed.rglob("libeedcap.a")).parent
    libs = flags(installed, "--libs")
    if linking == "static":
        libs = [library / "libeedcap.a", *[f for f in flags(installed, "--libs", "--static") if f != "-leedcap"]]
    program = tmp_path / "verify"
    subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", harness.TOP / "examples" / "verify.c", "-o", program,
                    *flags(installed, "--cflags"), *libs], check=True, timeout=60)
    env = {"PATH": os.environ["PATH"]}
    sim = {**env, "EE_SIM_STATE": str(tmp_path / "sim")}
    subprocess.run([PLAIN / "src" / "programs" / "ee-sim", "export", tmp_path / "out", "--vm", "vm1"], env=sim, check=True,
                   capture_output=True, timeout=60)
    done = subprocess.run([program, tmp_path / "out" / "quote.bin", tmp_path / "out" / "collateral.json"],
                          env={**env, "LD_LIBRARY_PATH": str(library)}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stdout.startswith("refused: root_untrusted"), done


def test_the_example_is_short():
    body = (harness.TOP / "examples" / "verify.c").read_text().split("int\nmain")[1]
    assert len(body.splitlines()) < 30


def test_a_cxx_program_links(installed, tmp_path):
    if not shutil.which("c++"):
        pytest.skip("no c++")
    (tmp_path / "use.cc").write_text('#include <eedcap.h>\nint main() { return eedcap_status_find("UpToDate") != EEDCAP_UP_TO_DATE; }\n')
    library = next(installed.rglob("libeedcap.so"))
    subprocess.run(["c++", tmp_path / "use.cc", "-o", tmp_path / "use", *flags(installed, "--cflags", "--libs")], check=True, timeout=60)
    assert subprocess.run([tmp_path / "use"], env={"LD_LIBRARY_PATH": str(library.parent)}, timeout=60).returncode == 0


def test_static_library_shows_what_the_header_declares(installed):
    listing = subprocess.run(["nm", "-g", "--defined-only", next(installed.rglob("libeedcap.a"))], check=True, capture_output=True,
                             text=True).stdout
    shown = {line.split()[-1] for line in listing.splitlines() if len(line.split()) == 3}
    declared = set(re.findall(r"\b(eedcap_\w+)\(", re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)))
    assert shown == declared
