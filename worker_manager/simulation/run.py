"""Runs worker types against clouds on a virtual clock, deciding with the very planner that runs them.

What one worker type does is in worker_type.py, what a cloud does in cloud.py. Here is their common time alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from worker_manager.provider import ProviderRecord
from worker_manager.resolved import ResolvedConfig
from worker_manager.simulation.account import Account
from worker_manager.simulation.clock import Agenda
from worker_manager.simulation.cloud import Cloud
from worker_manager.simulation.results import Gauge, Meters, Results, Tally, course, numbers
from worker_manager.simulation.trace import Trace
from worker_manager.simulation.worker_type import Settings, Span, WorkerTypeRun


class Simulation:
    """Worker types on one clock: build it, enter into `agenda` what else is to happen, and `run` it once.

    Args:
        configs: by the name of the worker type.
        clouds: by the name of the provider.
        records: how far listings and answers of a provider are trusted; the defaults for those not given.
        account_of: what stands between the worker types and a cloud.
    """

    def __init__(
        self,
        configs: Mapping[str, ResolvedConfig],
        clouds: Mapping[str, Cloud],
        trace: Trace,
        span: Span,
        *,
        settings: Settings | None = None,
        records: Mapping[str, ProviderRecord] | None = None,
        account_of: Callable[[Cloud, ProviderRecord], Account] = Account,
    ) -> None:
        self.span = span
        self.agenda = Agenda()
        self.clouds = dict(clouds)
        self.accounts = {
            name: account_of(cloud, (records or {}).get(name, ProviderRecord(name, name)))
            for name, cloud in clouds.items()
        }
        self._peak = Gauge(span.seconds, span.stretch_seconds)
        self.worker_types = {
            name: WorkerTypeRun(
                config,
                self.accounts[config.provider],
                self.agenda,
                span,
                trace=trace,
                settings=settings or Settings(),
                peak=self._peak,
            )
            for name, config in sorted(configs.items())
        }

    def run(self) -> Results:
        """Let everything happen, and tell what it came to."""
        for each in self.worker_types.values():
            each.wake(self.span.start)
        now, end = self.span.start, self.span.end
        while True:
            moment, first = self._next(now)
            if moment is None or moment >= end:
                return self._results()
            now = moment
            if first is None:
                self.agenda.do_next()
            else:
                for change in first.advance(now):
                    self.worker_types[change.worker_type].hear(change, now)

    def _next(self, now: datetime) -> tuple[datetime | None, Cloud | None]:
        """When something happens next, and in which cloud; those come before anything else of the moment."""
        moment, first = self.agenda.next_at, None
        for cloud in self.clouds.values():
            due = cloud.next_event(now)
            if due is not None and (moment is None or due < moment or (due == moment and first is None)):
                moment, first = due, cloud
        return moment, first

    def _results(self) -> Results:
        seconds, stretch = self.span.seconds, self.span.stretch_seconds
        meters, tally = Meters.of(seconds, stretch), Tally()
        for each in self.worker_types.values():
            meters.add(each.meters, seconds)
            tally.add(each.work.tally)
        meters.capacity.highest = self._peak.highest
        return Results(
            seconds=seconds,
            worker_types={
                name: numbers(each.meters, each.work.tally, seconds) for name, each in self.worker_types.items()
            },
            total=numbers(meters, tally, seconds),
            course=course(meters, stretch),
        )
