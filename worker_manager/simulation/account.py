"""One provider of a simulation: its cloud, and what all its worker types together remember of places that refused.

Does what the activities of the provider do: shows a fleet, sends launches past the shared memory, folds the answers in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from worker_manager import budgets
from worker_manager.budgets import Answered, Budgets
from worker_manager.decision import Fleet
from worker_manager.model import LaunchRequest, LaunchResult, Outcome
from worker_manager.provider import ProviderRecord
from worker_manager.simulation.cloud import Cloud

# For so long a launch may still be sent, and a margin: what activities/options.py says of them together.
LAUNCH_SECONDS = 160.0
# Called with launches, how they ended, and when that is known.
Answer = Callable[[Sequence[LaunchRequest], Sequence[LaunchResult], datetime], None]


class Account:
    """A cloud with the memory of its refusals."""

    def __init__(self, cloud: Cloud, record: ProviderRecord) -> None:
        self.cloud = cloud
        self.record = record
        self.budgets: Budgets = ()

    @property
    def settle_seconds(self) -> float:
        """How long a launch may still take effect."""
        return LAUNCH_SECONDS + self.record.settle_seconds

    def fleet(self, worker_type: str, now: datetime) -> Fleet:
        """What a decision is made on."""
        return Fleet(
            instances=self.cloud.list(worker_type, now),
            list_lag_seconds=self.record.list_lag_seconds,
            settle_seconds=self.settle_seconds,
            budgets=self.budgets,
            prices=self.cloud.prices,
        )

    def launch(self, requests: Sequence[LaunchRequest], now: datetime, answered: Answer) -> None:
        """Send each, unless its place has been closed meanwhile; here they are answered at once."""
        answered(requests, tuple(self._launch_one(each, now) for each in requests), now)

    def _launch_one(self, request: LaunchRequest, now: datetime) -> LaunchResult:
        place, key, count = budgets.place_of(request.spec), request.launch_key, request.count
        until = now + timedelta(seconds=self.settle_seconds)
        self.budgets, may = budgets.let_through(self.budgets, key, place, count, now=now, until=until)
        not_sent = LaunchResult(key, Outcome.NOT_SENT, message="the place was closed meanwhile")
        result = self.cloud.launch(request, now) if may else not_sent
        launched = len(result.instance_ids)
        answer = Answered(key, place, result.outcome, count, launched, result.message, result.code)
        self.budgets = budgets.answered(self.budgets, [answer], now)
        return result
