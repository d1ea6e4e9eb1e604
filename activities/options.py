"""Every deadline and retry of an activity, in one place.

A worker process that dies is noticed by its missing heartbeats, so that another takes over within seconds.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy

WORKFLOW_QUEUE = "worker-manager"

HEARTBEAT_SECONDS = 6.0

# A launch may be sent as long as its activity may still be attempted; an intent is reserved beyond
# that, for as long as the cloud may take to let the call take effect.
LAUNCH_ATTEMPT_SECONDS = 45.0
LAUNCH_DEADLINE_SECONDS = 150.0
SETTLE_MARGIN_SECONDS = 10.0
LAUNCH_ATTEMPTS = 5


def provider_queue(provider: str) -> str:
    """Task queue of a provider's cloud calls; its server-side rate limit is the account's call budget."""
    return f"{WORKFLOW_QUEUE}-{provider}"


class Options(TypedDict):
    """Keyword arguments of `workflow.execute_activity` that an activity always has."""

    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy


def _options(attempt: float, total: float, attempts: int) -> Options:
    return Options(
        start_to_close_timeout=timedelta(seconds=attempt),
        schedule_to_close_timeout=timedelta(seconds=total),
        heartbeat_timeout=timedelta(seconds=HEARTBEAT_SECONDS),
        retry_policy=RetryPolicy(
            initial_interval=timedelta(milliseconds=200),
            maximum_interval=timedelta(seconds=10),
            maximum_attempts=attempts,
        ),
    )


DECIDE = _options(attempt=25, total=60, attempts=3)
LAUNCH = _options(attempt=LAUNCH_ATTEMPT_SECONDS, total=LAUNCH_DEADLINE_SECONDS, attempts=LAUNCH_ATTEMPTS)
TERMINATE = _options(attempt=60, total=300, attempts=8)
CHECK = _options(attempt=60, total=240, attempts=6)
NOTIFY = _options(attempt=120, total=300, attempts=0)
WATCH = Options(
    start_to_close_timeout=timedelta(hours=24),
    schedule_to_close_timeout=timedelta(hours=24),
    heartbeat_timeout=timedelta(seconds=HEARTBEAT_SECONDS),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=15)),
)
