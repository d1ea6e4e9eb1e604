"""Makes up a plausible trace: quiet nights and weekends, busy working hours, a burst now and then. By seed alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from worker_manager.resolved import ResolvedConfig
from worker_manager.simulation import dice
from worker_manager.simulation.trace import DAY, Row, Trace

STEP_SECONDS = 300.0
DAYS = 7
# Of the maximum capacity, what a working day's best hour needs on average; jobs last so many minutes at the median.
LEAST_BUSY, MOST_BUSY = 0.1, 0.5
SHORTEST_MINUTES, LONGEST_MINUTES = 5.0, 45.0
NIGHT, WEEKEND = 0.15, 0.35
BURST_SHARE, BURST_FACTOR = 0.01, 4.0


def synthetic_trace(configs: Mapping[str, ResolvedConfig], seed: int) -> Trace:
    """A week of jobs for every worker type, as many as its maximum capacity lets expect."""
    rows = {name: tuple(_rows(name, config, seed)) for name, config in sorted(configs.items())}
    return Trace({name: each for name, each in rows.items() if each}, days=DAYS)


def _rows(name: str, config: ResolvedConfig, seed: int) -> Iterator[Row]:
    busy = LEAST_BUSY + (MOST_BUSY - LEAST_BUSY) * dice.uniform(seed, name, "busy")
    median = 60 * (SHORTEST_MINUTES + (LONGEST_MINUTES - SHORTEST_MINUTES) * dice.uniform(seed, name, "minutes"))
    per_step = config.max_capacity * busy * STEP_SECONDS / median
    for step in range(int(DAYS * DAY / STEP_SECONDS)):
        at = step * STEP_SECONDS
        jobs = dice.count(dice.uniform(seed, name, "jobs", step), per_step * _rhythm(at) * _burst(seed, name, step))
        if jobs:
            offset = dice.uniform(seed, name, "offset", step) * STEP_SECONDS
            seconds = dice.lognormal(dice.uniform(seed, name, "seconds", step), median, 0.5)
            yield Row(math.floor(at + offset), jobs, max(1.0, round(seconds)))


def _rhythm(at: float) -> float:
    """From NIGHT to 1, highest at two in the afternoon UTC; the sixth and seventh day are a weekend."""
    day, hour = divmod(at / 3600, 24)
    working_hours = math.pow(max(0.0, math.cos((hour - 14) / 24 * 2 * math.pi)), 1.5)
    return (NIGHT + (1 - NIGHT) * working_hours) * (WEEKEND if day % 7 >= 5 else 1.0)


def _burst(seed: int, name: str, step: int) -> float:
    return BURST_FACTOR if dice.uniform(seed, name, "burst", step) < BURST_SHARE else 1.0
