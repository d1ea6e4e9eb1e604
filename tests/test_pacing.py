"""A token bucket paces calls by an injected clock, counts them, and never waits beyond what it is allowed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from worker_manager.pacing import TokenBucket


class Time:
    """A clock that stands still but for sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds
            self.slept.append(seconds)


def bucket(rate: float, burst: float, time: Time) -> TokenBucket:
    return TokenBucket(rate, burst, clock=time.clock, sleep=time.sleep)


def test_a_burst_passes_at_once_and_the_rest_at_the_rate() -> None:
    time = Time()
    paced = bucket(2.0, 3.0, time)

    assert [paced.take(10.0) for _ in range(5)] == [True] * 5
    assert time.slept == [0.5, 0.5]
    assert paced.taken_count == 5


def test_a_token_that_is_due_too_late_is_refused_at_once_and_stays_free() -> None:
    time = Time()
    paced = bucket(0.5, 1.0, time)

    assert paced.take(0.0)
    assert not paced.take(1.9)
    assert time.slept == []
    assert (paced.taken_count, paced.refused_count) == (1, 1)
    assert paced.take(2.0)
    assert time.slept == [2.0]


def test_without_time_left_nothing_is_taken_even_from_a_full_bucket() -> None:
    paced = bucket(1.0, 1.0, Time())

    assert not paced.take(-0.1)
    assert paced.take(0.0)


def test_idle_time_fills_the_bucket_up_to_its_burst_only() -> None:
    time = Time()
    paced = bucket(10.0, 2.0, time)
    time.now += 3600.0

    assert [paced.take(0.0) for _ in range(3)] == [True, True, False]


def test_threads_together_get_no_more_than_the_burst_while_time_stands_still() -> None:
    paced = bucket(1.0, 20.0, Time())

    with ThreadPoolExecutor(16) as threads:
        passed = list(threads.map(lambda _: paced.take(0.0), range(200)))

    assert passed.count(True) == 20
    assert (paced.taken_count, paced.refused_count) == (20, 180)


@pytest.mark.parametrize(("rate", "burst"), [(0.0, 1.0), (-1.0, 1.0), (1.0, 0.5), (float("nan"), 1.0)])
def test_a_bucket_that_could_never_give_a_token_is_refused(rate: float, burst: float) -> None:
    with pytest.raises(ValueError, match="rate > 0 and a burst >= 1"):
        TokenBucket(rate, burst)
