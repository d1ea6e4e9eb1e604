"""A server that answers as it is told, and sources by their settings as documents write them."""

from __future__ import annotations

import pytest

from tests.demand.serving import endpoint
from worker_manager.demand.contract import DemandUnavailable, normalized
from worker_manager.demand.opening import open_source


@pytest.fixture
def server():
    with endpoint() as server:
        yield server


@pytest.fixture(autouse=True)
def _no_login(monkeypatch, tmp_path):
    """Nothing of the machine that runs the tests plays a part."""
    for name in (
        "TASKCLUSTER_ROOT_URL",
        "TASKCLUSTER_CLIENT_ID",
        "TASKCLUSTER_ACCESS_TOKEN",
        "TASKCLUSTER_CERTIFICATE",
    ):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "netrc").touch(mode=0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.fixture
def read():
    def read(hosts=(), **settings):
        return open_source(normalized(settings), hosts).read()

    return read


@pytest.fixture
def why_not(read):
    """Why it cannot be read."""

    def why_not(hosts=(), **settings):
        with pytest.raises(DemandUnavailable) as caught:
            read(hosts, **settings)
        return str(caught.value)

    return why_not
