"""The workflow of one demand source: who subscribed to it, and one long activity that reads it and tells them.

Reading adds nothing to the history, nor does telling: the activity signals the worker types itself. It asks for the
subscribers when something has happened here, which is cheaper than to start it anew with every change of them: a
change costs the events of its signal alone, and those who know the last reading are not told it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities import demand
    from worker_manager.demand.contract import DemandUnavailable, check_settings, source_id
    from worker_manager.requests import DemandStart, DemandSubscribe, DemandUnsubscribe, MessageInvalid, did_you_mean
    from worker_manager.requests import parse as parse_value
    from worker_manager.state import DEMAND, DemandState, DemandSubscriber, Rejection, keep
from workflows.failures import reason_of
from workflows.messages import parse, readable
from workflows.requests import RENEW_AT_EVENTS, Refused

AGAIN_AFTER_FAILURE = timedelta(seconds=10)
# All of them travel in one answer.
MAX_SUBSCRIBERS = 5000
LEAST_CONFIRM_SECONDS = 30.0
MOST_CONFIRM_SECONDS = 86400.0
SIGNALS = ["subscribe", "unsubscribe"]


@workflow.defn(name="Demand")
class DemandWorkflow:
    """Reads one source. Worker types start it by subscribing; it ends when the last of them leaves."""

    @workflow.init
    def __init__(self, *args: Any) -> None:
        self.state = DemandState({})
        self.bad_start = ""
        try:
            self.state = _starting_state(args)
        except MessageInvalid as error:
            self.bad_start = str(error)

    @workflow.run
    async def run(self, *args: Any) -> None:
        """Read while anybody listens. Raises ApplicationError `ConfigInvalid` for what is no source."""
        if self.bad_start:
            raise Refused(self.bad_start, kind="ConfigInvalid").failure()
        reading = asyncio.create_task(self._read())
        await workflow.wait_condition(lambda: not self.state.subscribers or reading.done() or _is_long())
        if self.state.subscribers:
            wait = AGAIN_AFTER_FAILURE if reading.done() else None
            carried = {"carried": DEMAND.dump_python(self.state, mode="json")}
            workflow.continue_as_new(carried, backoff_start_interval=wait)

    async def _read(self) -> None:
        """One activity for as long as this run; the server gives it up when the run ends."""
        self.state.trouble = ""
        try:
            await workflow.execute_activity_method(
                demand.DemandActivities.read,
                self.state.settings,
                task_queue=demand.QUEUE,
                summary=f"read {self.state.settings['source']} for all who subscribed",
                **demand.READ,
            )
        except ActivityError as error:
            self.state.trouble = reason_of(error)

    # --- messages ---------------------------------------------------------------------------------------------------

    @workflow.signal(description="A worker type wants to hear of readings; sent by its activity")
    def subscribe(self, value: RawValue) -> None:
        wish = parse(DemandSubscribe, value)
        if len(self.state.subscribers) >= MAX_SUBSCRIBERS and wish.subscriber not in self.state.subscribers:
            raise MessageInvalid(
                f"there are {MAX_SUBSCRIBERS} subscribers already: let others read {_my_id()} elsewhere"
            )
        self.state.subscribers[wish.subscriber] = DemandSubscriber(wish.capability, wish.max_age_seconds)

    @workflow.signal(description="A worker type has another source, or is gone; sent by activities")
    def unsubscribe(self, value: RawValue) -> None:
        wish = parse(DemandUnsubscribe, value)
        known = self.state.subscribers.get(wish.subscriber)
        if known is not None and known.capability == wish.capability:
            del self.state.subscribers[wish.subscriber]

    @workflow.signal(dynamic=True)
    def unknown_signal(self, name: str, args: Sequence[RawValue]) -> None:
        self.note_rejected(name, f"unknown signal{did_you_mean(name, SIGNALS)}; known: {', '.join(SIGNALS)}")

    def note_rejected(self, name: str, why: str) -> None:
        """Record a message that was refused, where people look."""
        keep(self.state.rejections, Rejection(workflow.now(), name[:100], why[:1000]))

    # --- queries ----------------------------------------------------------------------------------------------------

    @workflow.query(description="What is read, for whom, and the last messages that were refused")
    def status(self, *args: Any) -> Any:
        state = self.state
        return {
            "settings": state.settings,
            "subscribers": sorted(state.subscribers),
            "confirmSeconds": _confirm_seconds(state),
            "trouble": state.trouble,
            "rejections": [
                {"at": each.at.isoformat(), "message": each.message, "why": each.why} for each in state.rejections
            ],
        }

    @workflow.query(description="Asked by the activity that reads")
    def subscribers(self, *args: Any) -> Any:
        capabilities = {name: each.capability for name, each in self.state.subscribers.items()}
        return {"capabilities": capabilities, "confirmSeconds": _confirm_seconds(self.state)}


def _confirm_seconds(state: DemandState) -> float:
    """How often those who know the numbers are told that they still hold, so that no reading seems stale to them."""
    ages = [each.max_age_seconds for each in state.subscribers.values() if each.max_age_seconds is not None]
    return max(LEAST_CONFIRM_SECONDS, min([MOST_CONFIRM_SECONDS, *(each / 2 for each in ages)]))


def _is_long() -> bool:
    return workflow.info().get_current_history_length() >= RENEW_AT_EVENTS


def _my_id() -> str:
    return workflow.info().workflow_id


def _starting_state(args: Sequence[Any]) -> DemandState:
    """The carried state, or a new one. Raises MessageInvalid for anything but the settings that the id stands for."""
    if len(args) != 1 or not isinstance(readable(args[0]), dict):
        raise MessageInvalid("start input: expected one JSON object with the settings of a demand source")
    if set(args[0]) == {"carried"} and workflow.info().continued_run_id:
        return DEMAND.validate_python(args[0]["carried"])
    settings = parse_value(DemandStart, args[0]).settings
    try:
        check_settings(settings)
    except DemandUnavailable as error:
        raise MessageInvalid(f"/settings: {error}") from error
    if source_id(settings) != _my_id():
        raise MessageInvalid(f"/settings: the workflow id of this source must be {source_id(settings)!r}")
    return DemandState(settings)
