"""Messages that the main loop must answer: handlers queue them and wait, the loop does the work and settles them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.authorizing import Author, Signature
    from worker_manager import requests
    from worker_manager.errors import Problem
    from worker_manager.requests import Change, Message
    from worker_manager.state import AnyRevision, kept_revision, spend
from workflows.messages import decode, parse, signature

# A run is continued as new when its history has so many events: replaying it costs 0.35 ms each.
RENEW_AT_EVENTS = 500


# Ids of at most 64 characters, in a state of at most 2 MB.
MOST_SPENT = 5000


class Refused(Exception):
    """The request is well formed and refused; `problems` says why."""

    def __init__(
        self, message: str, problems: tuple[Problem, ...] = (), kind: str = "Refused", breaks: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.problems = problems
        self.kind = kind
        self.breaks = breaks

    @classmethod
    def for_problems(cls, problems: tuple[Problem, ...], breaks: tuple[str, ...] = ()) -> Refused:
        """A config that is not acceptable; `breaks` names the worker types that it would break."""
        if not breaks:
            return cls("; ".join(str(each) for each in problems[:20]), problems, "ConfigInvalid")
        what = "worker type" if len(breaks) == 1 else "worker types"
        # mostly the same for all of them: said once, without the name that each message begins with
        causes = dict.fromkeys(f"{each.pointer}: {each.message.partition(': ')[2]}" for each in problems)
        text = f"would break {len(breaks)} {what}: {', '.join(breaks)}; {'; '.join(list(causes)[:20])}"
        return cls(text, problems, "ConfigInvalid", breaks)

    def failure(self) -> ApplicationError:
        """What the caller of an update, or the starter of a workflow, sees."""
        problems = [{"pointer": each.pointer, "rule": each.rule, "message": each.message} for each in self.problems]
        details = {"problems": problems, **({"breaks": list(self.breaks)} if self.breaks else {})}
        return ApplicationError(str(self), details, type=self.kind, non_retryable=True)


@dataclass
class Request:
    """One message to be answered by the loop. `via` is "update" or "signal"; only an update's sender waits.

    `author` is None until it has been asked who sent it.
    """

    name: str
    message: Message
    via: str
    signature: Signature
    author: Author | None = None
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


def received(name: str, model: type[Message], value: RawValue, via: str) -> Request:
    """The request that a message makes. Raises MessageInvalid naming every member at fault."""
    decoded = decode(value)
    message = requests.parse(model, decoded)
    return Request(name, message, via, signature(name, decoded, message))


def check_shape(model: type[Message], value: RawValue) -> None:
    """What a validator decides: shape alone. Past twice the threshold it refuses, or unbroken edits would keep a run.

    Raises MessageInvalid, or ApplicationError `Busy`.
    """
    if workflow.info().get_current_history_length() > 2 * RENEW_AT_EVENTS:
        raise Refused("busy with earlier messages: send it again in a moment", kind="Busy").failure()
    parse(model, value)


def refuse_conflict(message: Change, revision: int) -> None:
    """Raises Refused if the sender expects another revision than there is."""
    if message.expected_revision not in (None, revision):
        text = f"expected revision {message.expected_revision}, but it is {revision}: look again, then edit"
        raise Refused(text, kind="RevisionConflict")


def earlier_revision(revisions: Sequence[AnyRevision], number: int) -> AnyRevision:
    """The revision of this number. Raises Refused if it is no longer kept, naming those that are."""
    found = kept_revision(revisions, number)
    if found is None:
        kept = ", ".join(str(each.revision) for each in revisions if each.kept)
        problem = Problem("/revision", f"revision {number} is not kept; kept are: {kept}", "unknown-revision")
        raise Refused.for_problems((problem,))
    return found


def spend_token(spent: dict[str, float], author: Author) -> None:
    """Note that the author's token was used. Raises Refused if it was before: one token, one change.

    Used ones are carried until they expire, so that there is a limit to how many changes may be signed in that time.
    """
    if len(spent) >= MOST_SPENT and author.token_id:
        raise Refused("too many signed messages within two hours: send it again later", kind="Busy")
    if not spend(spent, author.token_id, author.expires_at, workflow.time()):
        raise Refused("this token was used already: make another (wm token)", kind="NotAuthorized")
