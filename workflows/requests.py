"""Messages that the main loop must answer: handlers queue them and wait, the loop does the work and settles them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from worker_manager.errors import Problem
    from worker_manager.requests import Message


class Refused(Exception):
    """The request is well formed and refused; `problems` says why."""

    def __init__(self, message: str, problems: tuple[Problem, ...] = (), kind: str = "Refused") -> None:
        super().__init__(message)
        self.problems = problems
        self.kind = kind

    @classmethod
    def for_problems(cls, problems: tuple[Problem, ...]) -> Refused:
        """A config that is not acceptable."""
        return cls("; ".join(str(each) for each in problems[:20]), problems, "ConfigInvalid")

    def failure(self) -> ApplicationError:
        """What the caller of an update, or the starter of a workflow, sees."""
        problems = [{"pointer": each.pointer, "rule": each.rule, "message": each.message} for each in self.problems]
        return ApplicationError(str(self), {"problems": problems}, type=self.kind, non_retryable=True)


@dataclass
class Request:
    """One message to be answered by the loop. `via` is "update" or "signal"; only an update's sender waits."""

    name: str
    message: Message
    via: str
    done: bool = False
    answer: Any = None
    refusal: Refused | None = None

    def settle(self, answer: Any) -> None:
        """Answer it."""
        self.answer, self.done = answer, True

    def refuse(self, refusal: Refused) -> None:
        """Refuse it."""
        self.refusal, self.done = refusal, True

    async def outcome(self) -> Any:
        """Wait until the loop has settled it. Raises ApplicationError if it was refused."""
        await workflow.wait_condition(lambda: self.done)
        if self.refusal is not None:
            raise self.refusal.failure()
        return self.answer
