"""How long a worker type waits after passes that failed."""

from __future__ import annotations

import pytest

from workflows.worker_type import back_off_seconds


@pytest.mark.parametrize(
    ("seconds", "failures"),
    [(2, 1), (4, 2), (32, 5), (60, 6), pytest.param(60, 100_000, id="a cloud that is away for months")],
)
def test_it_doubles_up_to_a_minute_and_stays_a_number(seconds, failures):
    assert seconds == back_off_seconds(failures)
