import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import harness  # noqa: E402


@pytest.fixture
def world(tmp_path):
    """A simulated platform of the test's own, with VM `vm1` whose registers release v0.1.3 pins."""
    w = harness.World(tmp_path)
    w.vm("vm1")
    w.publish(w.allowlist("vm1"))
    yield w
    w.close()
