"""The same requests through ours, nginx and HAProxy to one backend: ours lets nothing through that either of them
refuses, but for what tests/strict says, each with its reason. docs/strictness.md shows the whole."""
import pytest

from strict import compare, peers, table


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    with compare.three(tmp_path_factory.mktemp("peers")) as t:
        yield t


@pytest.mark.parametrize("case", table.requests(), ids=lambda c: c.id)
def test_ours_is_no_laxer(there, case):
    backend, ports = there
    most = case.verdicts.count("accept") + case.verdicts.count("either")
    ours = peers.passes(ports["ours"], backend, case)
    if ours > most:  # a request of the case before may have come late, by way of another: what is ours comes again
        ours = peers.passes(ports["ours"], backend, case)
    assert ours <= most
    for who in ("nginx", "haproxy"):
        if who not in case.more.get("stricter", ()):
            assert ours <= peers.passes(ports[who], backend, case), who
