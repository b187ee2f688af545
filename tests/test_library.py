"""libeedcap stands alone: its header needs only libc's, in C and C++, and its symbols are the
header's."""
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
