"""The one place where errors of the domain become Temporal failures: retried or not, and after which delay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from worker_manager.errors import ConfigInvalid, CredentialsRejected, ProviderError, Throttled
from worker_manager.model import LaunchResult


def of_provider(error: ProviderError) -> ApplicationError:
    """A failed cloud call. Throttles wait as long as the cloud asked; refused credentials are not retried here.

    Every class is benign: the loop records the failure and tries again, nothing is lost.
    """
    delay = timedelta(seconds=error.retry_after_seconds) if isinstance(error, Throttled) else None
    return ApplicationError(
        str(error),
        error.code,
        type=type(error).__name__,
        non_retryable=isinstance(error, CredentialsRejected),
        next_retry_delay=delay or None,
        category=ApplicationErrorCategory.BENIGN,
    )


def of_config(error: ConfigInvalid) -> ApplicationError:
    """A document that is not acceptable; its problems travel as the failure's details."""
    problems = [{"pointer": each.pointer, "rule": each.rule, "message": each.message} for each in error.problems[:50]]
    return ApplicationError(str(error), {"problems": problems}, type="ConfigInvalid", non_retryable=True)


def of_open_launches(results: Sequence[LaunchResult]) -> ApplicationError:
    """Launches without a definite answer: the same requests are sent again under the same keys."""
    messages = "; ".join(sorted({each.message for each in results if each.message})[:3])
    return ApplicationError(
        f"{len(results)} launches without a definite answer yet: {messages}",
        type=results[0].code or str(results[0].outcome),
        category=ApplicationErrorCategory.BENIGN,
    )
