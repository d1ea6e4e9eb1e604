"""What to tell people of a failed activity: the innermost message, which is the one that says what happened."""

from __future__ import annotations

from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.exceptions import TimeoutError as NoAnswer


def reason_of(error: ActivityError) -> str:
    """One sentence: which activity, and the cause closest to the fault."""
    cause: BaseException = error
    while isinstance(cause, ActivityError | NoAnswer) and cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, NoAnswer):
        return f"{error.activity_type}: no answer in time; is a worker process for its task queue running?"
    kind = f" ({cause.type})" if isinstance(cause, ApplicationError) and cause.type else ""
    text = cause.message if isinstance(cause, ApplicationError) else str(cause)
    return f"{error.activity_type}: {text}{kind}"
