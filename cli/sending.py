"""Says things to workflows: one JSON value each, signed where there is a key, said again where it was too early.

Everything that changes the running system goes through here. Starts, updates and signals are signed alike: the token
is the member `authorization` of the value.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from temporalio.client import (
    Client,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.options import WORKFLOW_QUEUE
from cli.naming import WORKFLOW_TYPES, Key
from cli.signing import Signer, needed_scopes
from worker_manager.errors import Problem

START = "start"
ANSWERED_WITHIN_SECONDS = 60.0
TRIES = 6
FIRST_WAIT_SECONDS = 0.2
# Nothing is wrong with the message, but it could not be answered now.
TOO_EARLY = ("Busy", "NotChecked")


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to say.

    Attributes:
        name: that of the update, or `start`.
        scopes: those needed beyond what the value itself shows.
        summary: for the Web UI, of what is started.
    """

    key: Key
    name: str
    value: Mapping[str, Any]
    scopes: tuple[str, ...] = ()
    summary: str = ""


class Refused(Exception):
    """The system did not accept a message.

    Attributes:
        kind: ConfigInvalid, RevisionConflict, NotAuthorized, Busy, NotChecked, AlreadyRuns, Finished ...
        problems: what is wrong, where the system could say; pointers are into the value or into that of a dependent.
        breaks: worker types that an edit of a shared config would break.
    """

    def __init__(self, why: str, kind: str, problems: tuple[Problem, ...] = (), breaks: tuple[str, ...] = ()) -> None:
        super().__init__(why)
        self.kind = kind
        self.problems = problems
        self.breaks = breaks

    @classmethod
    def of(cls, error: BaseException | None) -> Refused:
        """What a failed update or start says."""
        if not isinstance(error, ApplicationError):
            return cls(str(error), type(error).__name__)
        found = error.details[0] if error.details and isinstance(error.details[0], dict) else {}
        problems = tuple(Problem(each["pointer"], each["message"], each["rule"]) for each in found.get("problems", ()))
        return cls(error.message, error.type or "Refused", problems, tuple(found.get("breaks", ())))


class Sender:
    """Sends through one client."""

    def __init__(self, client: Client, signer: Signer | None = None) -> None:
        self.client = client
        self._signer = signer

    async def send(self, message: Message) -> dict[str, Any]:
        """The system's answer. Raises Refused; what was only too early is said again, a bounded number of times."""
        wait = FIRST_WAIT_SECONDS
        for _ in range(TRIES - 1):
            try:
                return await self._once(message)
            except Refused as refused:
                if refused.kind not in TOO_EARLY:
                    raise
            await asyncio.sleep(wait)
            wait *= 2
        return await self._once(message)

    async def started(self, key: Key) -> None:
        """Wait until a workflow's first document is accepted. Raises Refused if it is not."""
        await self._bounded(admitted(self.client.get_workflow_handle(key.id)), key)

    async def cancel(self, key: Key) -> None:
        """Ask a worker type to drain and finish; one that has ended already is as wanted."""
        try:
            await self.client.get_workflow_handle(key.id).cancel()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def _once(self, message: Message) -> dict[str, Any]:
        say = self._start if message.name == START else self._update
        return await self._bounded(say(message), message.key)

    async def _bounded(self, work: Coroutine[Any, Any, dict[str, Any]], key: Key) -> dict[str, Any]:
        try:
            return await asyncio.wait_for(work, ANSWERED_WITHIN_SECONDS)
        except WorkflowAlreadyStartedError as error:
            raise Refused(f"{key} runs already", "AlreadyRuns") from error
        except WorkflowUpdateFailedError as error:
            raise Refused.of(error.cause) from error
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            text = "no answer within a minute: is a worker process running? is the document too large?"
            raise Refused(text, "NoAnswer") from error
        except RPCError as error:
            match error.status:
                # too many updates in flight, or the run was just being continued as new: nothing was done
                case RPCStatusCode.RESOURCE_EXHAUSTED | RPCStatusCode.FAILED_PRECONDITION:
                    raise Refused(error.message, "Busy") from error
                case RPCStatusCode.NOT_FOUND:
                    raise Refused(f"{key} does not run any more", "Finished") from error
            raise

    async def _update(self, message: Message) -> dict[str, Any]:
        handle = self.client.get_workflow_handle(message.key.id)
        answer: dict[str, Any] = await handle.execute_update(message.name, self.signed(message))
        return answer

    async def _start(self, message: Message) -> dict[str, Any]:
        handle = await self.client.start_workflow(
            WORKFLOW_TYPES[message.key.kind],
            self.signed(message),
            id=message.key.id,
            task_queue=WORKFLOW_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            static_summary=message.summary[:200],
        )
        return await admitted(handle)

    def signed(self, message: Message) -> dict[str, Any]:
        """The value as it is sent, with a token of its own each time, because none is accepted twice."""
        if self._signer is None:
            return dict(message.value)
        needed = [*needed_scopes(message.key.id, message.name, message.value), *granted(message.value), *message.scopes]
        token = self._signer.sign(message.key.id, message.name, message.value, tuple(dict.fromkeys(needed)))
        return {**message.value, "authorization": token}


def granted(value: Any) -> list[str]:
    """Scopes that a document or shared value gives to workers, wherever in it they stand: its sender must hold them."""
    if isinstance(value, list):
        return [scope for each in value for scope in granted(each)]
    if not isinstance(value, Mapping):
        return []
    given = value.get("scopes")
    own = [each for each in given if isinstance(each, str)] if isinstance(given, list) else []
    return own + [scope for name, each in value.items() if name != "scopes" for scope in granted(each)]


async def admitted(handle: WorkflowHandle[Any, Any]) -> dict[str, Any]:
    """What a started workflow answers once its first document is accepted. Raises Refused with what it failed of."""
    try:
        answer: dict[str, Any] = await handle.execute_update("started")
    except (WorkflowUpdateFailedError, RPCError) as error:
        if isinstance(error, RPCError) and error.status is not RPCStatusCode.NOT_FOUND:
            raise
        raise await _failure(handle) from error
    return answer


async def _failure(handle: WorkflowHandle[Any, Any]) -> Refused:
    try:
        await handle.result()
    except WorkflowFailureError as error:
        return Refused.of(error.cause)
    return Refused("it has ended", "Finished")
