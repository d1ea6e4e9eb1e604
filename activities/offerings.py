"""What this process knows of places that refused, in step with the provider's Offerings workflow. Decides no rule.

The workflow is the truth over all processes; here is its newest answer, with what this process has learned since. A
Temporal that cannot be asked costs knowledge, never a decision.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from temporalio import activity
from temporalio.client import (
    Client,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import QueryRejectCondition
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities import options
from activities.joining import Joined, patiently
from worker_manager import budgets
from worker_manager.budgets import Answered, Budget, Budgets, place_of
from worker_manager.model import LaunchRequest, LaunchResult

logger = logging.getLogger("worker_manager")

ID_PREFIX = "offerings:"
VIEW_SECONDS = 1.0
ASK_SECONDS = 5.0
AGAIN_SECONDS = 0.1
BUDGETS = TypeAdapter(Budgets)


class SharedBudgets:
    """The budgets of one provider, for the event loop of one process; `is_open` may be asked from any thread."""

    def __init__(self, client: Client, provider_name: str) -> None:
        self._client = client
        self._provider = provider_name
        self._handle = client.get_workflow_handle(ID_PREFIX + provider_name)
        # Replaced, never changed, so that threads may read it.
        self._known: dict[str, Budget] = {}
        self._known_at = -math.inf
        self._asking = Joined(self._ask)
        self._telling = Joined(self._tell)
        # Learned here: what the workflow has not been told, and what the answer to the last query may not know.
        self._untold: tuple[Answered, ...] = ()
        self._unseen: tuple[Answered, ...] = ()

    def all(self) -> list[Callable[..., Any]]:
        """Activities that a worker of the provider's queue serves."""
        return [self.wake_worker_types]

    async def view(self) -> Budgets:
        """What is known of places that refused, at most VIEW_SECONDS old as long as Temporal answers. Never raises."""
        if not self._is_fresh():
            await self._asking.get()
        return tuple(self._known.values())

    async def let_through(self, requests: Sequence[LaunchRequest]) -> frozenset[str]:
        """Launch keys of those that may be sent now; only those for places that refused lately cost a message.

        The same launch may ask again and gets the same answer as long as it is the probe. Never raises.
        """
        await self.view()
        asking = [each for each in requests if self._remembered(each)]
        keys = frozenset(each.launch_key for each in requests) - {each.launch_key for each in asking}
        # Taken here first, so that other launches of this process do not ask in vain.
        hopeful = [each for each in asking if self._take(each)]
        if hopeful:
            keys |= await self._ask_to_send(hopeful)
        return keys

    def is_open(self, request: LaunchRequest) -> bool:
        """Whether a launch that was let through may still be sent, as far as this process knows. Thread-safe."""
        now = datetime.now(UTC)
        return all(each.lets(request.launch_key, request.count, now) for each in self._remembered(request))

    async def answered(self, requests: Iterable[LaunchRequest], results: Iterable[LaunchResult]) -> None:
        """Learn how launches ended. Never raises."""
        await self.learn([_answer(*each) for each in zip(requests, results, strict=True)])

    async def learn(self, answers: Iterable[Answered]) -> None:
        """Know it here at once, and tell the workflow what changed anything: one message for all who tell at a time."""
        news = tuple(each for each in answers if self._fold(each))
        if news:
            self._untold += news
            self._unseen += news
            await self._telling.get()

    @activity.defn
    async def wake_worker_types(self) -> None:
        """Have every worker type of the provider look again, once no process believes what it knew before."""
        await asyncio.sleep(VIEW_SECONDS)
        query = f"WorkflowType = 'WorkerType' AND ExecutionStatus = 'Running' AND WmProvider = '{self._provider}'"
        async for each in self._client.list_workflows(query):
            try:
                await self._client.get_workflow_handle(each.id).signal("wake")
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
            activity.heartbeat()

    # --- what is known here -----------------------------------------------------------------------------------------

    def _remembered(self, request: LaunchRequest) -> list[Budget]:
        known = self._known
        return [known[key] for key in budgets.keys_of(place_of(request.spec)) if key in known] if known else []

    def _know(self, found: Budgets) -> None:
        self._known = {each.key: each for each in found}

    def _fold(self, answer: Answered) -> bool:
        """Whether the answer changes what is known."""
        now = datetime.now(UTC)
        before = budgets.remembered(tuple(self._known.values()), now)
        after = budgets.answered(before, [answer], now)
        self._know(after)
        return set(after) != set(before)

    def _take(self, request: LaunchRequest) -> bool:
        now = datetime.now(UTC)
        until = now + timedelta(seconds=options.LAUNCH_DEADLINE_SECONDS)
        before, place = tuple(self._known.values()), place_of(request.spec)
        after, taken = budgets.let_through(before, request.launch_key, place, request.count, now=now, until=until)
        self._know(after)
        return taken

    def _is_fresh(self) -> bool:
        return asyncio.get_running_loop().time() - self._known_at < VIEW_SECONDS

    # --- Temporal ---------------------------------------------------------------------------------------------------

    async def _ask(self) -> None:
        """Bring what is known up to date; without an answer it stays as it is for as long as an answer would."""
        if self._is_fresh():
            return
        time = asyncio.get_running_loop().time
        asked_at, self._unseen = time(), self._untold
        found = await self._query()
        self._known_at = time() if found is None else asked_at
        if found is not None:
            self._know(budgets.answered(found, self._unseen, datetime.now(UTC)))

    async def _query(self) -> Budgets | None:
        """The workflow's budgets, none where it does not run, None where it cannot be asked."""
        try:
            async with asyncio.timeout(ASK_SECONDS):
                answer = await patiently(
                    lambda: self._handle.query("budgets", reject_condition=QueryRejectCondition.NOT_OPEN)
                )
            return BUDGETS.validate_python(answer["budgets"])
        except WorkflowQueryRejectedError:
            return ()
        except (RPCError, TimeoutError, WorkflowQueryFailedError) as error:
            if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
                return ()
            self._warn("could not be asked, what was known last counts", error)
            return None

    async def _ask_to_send(self, requests: Sequence[LaunchRequest]) -> frozenset[str]:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return frozenset(await self._update(requests))
        except WorkflowUpdateFailedError as error:
            # Somebody else was faster, or knows better: so does the next view.
            self._known_at = -math.inf
            self._know(budgets.without_probes(tuple(self._known.values()), {each.launch_key for each in requests}))
            if not (isinstance(error.cause, ApplicationError) and error.cause.type == "Closed"):
                self._warn("let no launch through", error.cause)
        except (RPCError, TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
                return frozenset(each.launch_key for each in requests)  # nothing is remembered any more
            self._warn("could not be asked, launches at places that refused wait", error)
        return frozenset()

    async def _update(self, requests: Sequence[LaunchRequest]) -> list[str]:
        """As the workflow answers; again where the server aborted it, as the run was just continued as new."""
        launches = [_wish(each) for each in requests]
        body = {"launches": launches, "seconds": options.LAUNCH_DEADLINE_SECONDS}
        while True:
            try:
                answer: list[str] = await patiently(lambda: self._handle.execute_update("let_through", body))
            except RPCError as error:
                if error.status is not RPCStatusCode.FAILED_PRECONDITION:
                    raise
            else:
                return answer
            await asyncio.sleep(AGAIN_SECONDS)

    async def _tell(self) -> None:
        while telling := self._untold[: budgets.MOST_BUDGETS]:
            try:
                await self._signal(telling)
            except (RPCError, TimeoutError) as error:
                self._warn(f"was not told of {len(telling)} answers", error)
            self._untold = self._untold[len(telling) :]

    async def _signal(self, answers: Sequence[Answered]) -> None:
        async with asyncio.timeout(ASK_SECONDS):
            await self._client.start_workflow(
                "Offerings",
                {"provider": self._provider},
                id=ID_PREFIX + self._provider,
                task_queue=options.WORKFLOW_QUEUE,
                start_signal="answered",
                start_signal_args=[{"answers": [_told(each) for each in answers]}],
                static_summary=f"remembers the places of {self._provider} that refused",
            )

    def _warn(self, what: str, error: BaseException) -> None:
        text = str(error) or type(error).__name__
        logger.warning("%s%s %s: %s", ID_PREFIX, self._provider, what, text[:200])


def _answer(request: LaunchRequest, result: LaunchResult) -> Answered:
    return Answered(
        launch_key=request.launch_key,
        place=place_of(request.spec),
        outcome=result.outcome,
        asked=request.count,
        launched=len(result.instance_ids),
        message=result.message[: budgets.KEPT_CHARACTERS],
        code=result.code[: budgets.KEPT_CHARACTERS],
    )


def _wish(request: LaunchRequest) -> dict[str, Any]:
    return {"launchKey": request.launch_key, "place": place_of(request.spec), "count": request.count}


def _told(answer: Answered) -> dict[str, Any]:
    """As `worker_manager.requests.LaunchAnswer` reads it."""
    return {
        "launchKey": answer.launch_key,
        "place": answer.place,
        "count": answer.asked,
        "launched": answer.launched,
        "outcome": answer.outcome,
        "message": answer.message,
        "code": answer.code,
    }
