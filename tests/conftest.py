"""Options of all tests."""

from __future__ import annotations

import pytest

LONG_SECONDS = 900


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--long`: races, corpora and fleets at full size, which takes minutes instead of seconds."""
    parser.addoption("--long", action="store_true", help="run what is sized for it at full size")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """At full size a test may take as long as it needs."""
    if config.getoption("--long"):
        for item in items:
            item.add_marker(pytest.mark.timeout(LONG_SECONDS))


@pytest.fixture(scope="session")
def is_long(request: pytest.FixtureRequest) -> bool:
    """Whether to run at full size."""
    return bool(request.config.getoption("--long"))
