"""The workflow of one worker type: wait, ask, act, record. What to do is decided in worker_manager/plan.py.

Signals and updates only change state or queue a request (worker_type_messages.py); the main loop alone calls
activities, one pass at a time: it answers what is queued (worker_type_edits.py), then decides and executes. So an
intent is always recorded before its launch, and a run is continued as new only when nothing is in flight.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities import options
    from activities.fleet import DecideInput, DecideResult, FleetActivities, LaunchBatch, Terminations
    from worker_manager import report
    from worker_manager.decision import Decision, WmState
    from worker_manager.model import LaunchRequest, LaunchResult, Outcome
    from worker_manager.state import Happening, carried, happened, keep_decision
from workflows.alarm import Alarm
from workflows.failures import reason_of
from workflows.requests import RENEW_AT_EVENTS, Refused
from workflows.worker_type_edits import WorkerTypeEdits

REST_SECONDS = 1800.0
LONGEST_BACK_OFF_SECONDS = 60.0
SHOWN_PLACES = 3


@workflow.defn(name="WorkerType")
class WorkerTypeWorkflow(WorkerTypeEdits):
    """Keeps one worker type at capacity. Start it with the worker type document as its one argument."""

    @workflow.init
    def __init__(self, *args: Any) -> None:
        super().__init__(args)
        self.alarm = Alarm(self._ring)
        self.asked_of = 0  # reports that the decision under way was told of

    @workflow.run
    async def run(self, *args: Any) -> dict[str, Any]:
        """Run until cancelled and drained. Raises ApplicationError `ConfigInvalid` for an unacceptable document."""
        if self.bad_start:
            raise self.bad_start.failure()
        loop = asyncio.create_task(self._loop())
        while not loop.done():
            try:
                await asyncio.shield(loop)
            except asyncio.CancelledError:
                self.finish()
        loop.result()
        return report.status(self.state)

    # --- the loop ---------------------------------------------------------------------------------------------------

    async def _loop(self) -> None:
        if self.state.config_hash == "":
            await self._admit_start()
        while True:
            self.show()
            await workflow.wait_condition(lambda: self.woken or bool(self.requests) or self._is_long())
            await self._answer_requests()
            if self.woken:
                await self._pass()
            if self.state.finishing and self.state.state is WmState.FINISHED:
                self.show()
                await self._leave()
                await self._answer_the_rest()
                return
            if self._is_long():
                await self._renew()

    async def _pass(self) -> None:
        """Observe and plan in one activity, execute, record. A failure is recorded and tried again, never raised."""
        self.woken = False
        try:
            if workflow.time() - self.refreshed_at > REST_SECONDS / 2:
                await self._refresh()
            question = self._question()
            result = await workflow.execute_activity_method(
                FleetActivities.decide,
                question,
                task_queue=options.provider_queue(self.state.provider),
                summary="list the fleet and decide",
                **options.DECIDE,
            )
            self.state.config_hash = result.config_hash
            self.state.shared_revisions = result.revisions
            self._heard(result)
            self.state.trouble, self.state.failures = "", 0
            self._record(result.decision)
            self._answer_asking(question.memory.asking, result.decision)
            await self._execute(result.decision)
            await self._follow(result.demand, result.demand_source, result.demand_max_age_seconds)
        except ActivityError as error:
            self._note_failure(error)

    def _heard(self, result: DecideResult) -> None:
        """What the decision found besides: newer values that cannot be used, and whether messages must be signed."""
        state = self.state
        state.config_problems = [str(each) for each in result.problems]
        state.secured = result.secured
        if not result.problems:  # else what was asked for is still wanted; so is what was heard of meanwhile
            wanted = state.wanted_revisions.items()
            state.wanted_revisions = {name: each for name, each in wanted if name in self.heard_of}

    def _question(self) -> DecideInput:
        state = self.state
        self.heard_of.clear()
        asking = tuple(instance_id for _, instance_id in self._asking())
        memory = replace(
            state.memory,
            mode=state.mode,
            mode_since=state.mode_since,
            force=state.force,
            asking=asking,
            reports=(*state.memory.reports, *state.reports),
        )
        self.asked_of = len(state.reports)
        return DecideInput(
            worker_type=state.name,
            document=state.document,
            now=state.now,
            revisions=state.shared_revisions,
            wanted=state.wanted_revisions,
            demand=state.demand,
            memory=memory,
        )

    async def _execute(self, decision: Decision) -> None:
        batch = self._intend(decision)
        self.show()
        self.alarm.set(_seconds_to_next_look(decision), "look again")
        outcomes = await asyncio.gather(
            self._launch(batch, decision), self._terminate(decision), return_exceptions=True
        )
        for each in outcomes:  # only now: neither may still be in flight when the next pass begins
            if each is not None:
                raise each

    def _record(self, decision: Decision) -> None:
        state = self.state
        state.memory = decision.memory
        del state.reports[: self.asked_of]
        self.reported_bytes = None
        keep_decision(state, decision)
        state.state = decision.state
        state.desired, state.actual = decision.desired, decision.actual
        state.counts = decision.counts
        state.reasons = list(decision.reasons)
        state.decided_at = decision.at

    def _intend(self, decision: Decision) -> LaunchBatch:
        """Give every launch its key and record it as an intent, before any call."""
        state, now, intents, batch = self.state, workflow.now(), [], []
        for launch in decision.launches:
            key = str(workflow.uuid4())
            intents.append(launch.intent(key, now))
            batch.append(LaunchRequest(key, state.name, launch.spec, launch.count))
            state.actual += launch.count * launch.spec.offering.capacity
        state.memory = replace(state.memory, intents=(*state.memory.intents, *intents))
        return LaunchBatch(tuple(batch))

    async def _launch(self, batch: LaunchBatch, decision: Decision) -> None:
        if not batch.requests:
            return
        results = await workflow.execute_activity_method(
            FleetActivities.launch,
            batch,
            task_queue=options.provider_queue(self.state.provider),
            summary=_launch_summary(batch.requests),
            **options.LAUNCH,
        )
        self.state.memory = replace(self.state.memory, results=(*self.state.memory.results, *results))
        self._note_launched(batch, results, decision)
        count = sum(len(each.instance_ids) for each in results)
        self.state.launched += count
        asked = sum(each.count for each in batch.requests)
        why = next((f" ({each.outcome}: {each.message[:120]})" for each in results if each.message), "")
        self._log(f"launched {count} of {asked}: {_launch_summary(batch.requests).removeprefix('launch ')}{why}")
        if any(_fell_short(each, batch) for each in results):
            self.woken = True

    def _note_launched(self, batch: LaunchBatch, results: Sequence[LaunchResult], decision: Decision) -> None:
        by_key = {each.launch_key: each for each in results}
        for request, launch in zip(batch.requests, decision.launches, strict=True):
            result = by_key.get(request.launch_key)
            if result is not None and result.instance_ids:
                where, key = request.spec.offering.key, request.launch_key
                happened(
                    self.state, Happening(decision.at, "launched", launch.why, where, key, tuple(result.instance_ids))
                )

    async def _terminate(self, decision: Decision) -> None:
        ends = decision.terminations
        if not ends:
            return
        try:
            await workflow.execute_activity_method(
                FleetActivities.terminate,
                Terminations(ends),
                task_queue=options.provider_queue(self.state.provider),
                summary=f"terminate {len(ends)}: {ends[0].why}",
                **options.TERMINATE,
            )
        except ActivityError:
            ids = {each.instance_id for each in ends}
            left = tuple(each for each in self.state.memory.ended if each.instance_id not in ids)
            self.state.memory = replace(self.state.memory, ended=left)
            raise
        self.state.terminated += len(ends)
        for why, region in dict.fromkeys((each.why, each.region) for each in ends):
            gone = tuple(each.instance_id for each in ends if (each.why, each.region) == (why, region))
            happened(self.state, Happening(decision.at, "ended", why, region, "", gone))
        self._log(f"terminated {len(ends)}: {ends[0].why}")

    def _note_failure(self, error: ActivityError) -> None:
        self.state.failures += 1
        self.state.trouble = reason_of(error)
        wait = back_off_seconds(self.state.failures)
        self._log(f"failed, again in {wait:.0f} s: {self.state.trouble}")
        self.alarm.set(wait, "try again after a failure")

    # --- ends of a run ----------------------------------------------------------------------------------------------

    async def _leave(self) -> None:
        with contextlib.suppress(ActivityError):  # the source notices by itself, when it has something to tell
            await self._follow({}, "", None)

    async def _answer_the_rest(self) -> None:
        while self.requests or not workflow.all_handlers_finished():
            for request in self.requests:
                request.refuse(Refused("the worker type has finished", kind="Finished"))
            self.requests.clear()
            await workflow.wait_condition(lambda: bool(self.requests) or workflow.all_handlers_finished())

    async def _renew(self) -> None:
        """Continue as new when no request is waiting and no handler runs; nothing is in flight between passes."""
        await workflow.wait_condition(lambda: bool(self.requests) or workflow.all_handlers_finished())
        if not self.requests:
            workflow.continue_as_new({"carried": carried(self.state)})

    def _is_long(self) -> bool:
        return workflow.info().get_current_history_length() >= RENEW_AT_EVENTS

    def _ring(self) -> None:
        self.woken = True


def back_off_seconds(failures: int) -> float:
    """How long to wait after so many passes that failed in a row; the power must stay a number, even after months."""
    return min(LONGEST_BACK_OFF_SECONDS, 2.0 ** min(failures, 30))


def _seconds_to_next_look(decision: Decision) -> float:
    """The earliest of: what the decision asks for, its launches settling, the long timer (spread out)."""
    rest = REST_SECONDS * (0.9 + 0.2 * workflow.random().random())
    settling = [each.settle_seconds for each in decision.launches]
    return min([rest, *settling, *([decision.next_check_seconds] if decision.next_check_seconds else [])])


def _launch_summary(launches: Sequence[LaunchRequest]) -> str:
    """`launch 12 x m5.large in us-west-1`, the first few places by name."""
    counts: Counter[str] = Counter()
    for each in launches:
        counts[f"{each.spec.offering.instance_type} in {each.spec.offering.region}"] += each.count
    places = [f"{count} x {place}" for place, count in counts.items()]
    more = f" and {len(places) - SHOWN_PLACES} more places" if len(places) > SHOWN_PLACES else ""
    return f"launch {', '.join(places[:SHOWN_PLACES])}{more}"


def _fell_short(result: LaunchResult, batch: LaunchBatch) -> bool:
    """True if another decision now can do better; one without an answer must settle first."""
    asked = next(each.count for each in batch.requests if each.launch_key == result.launch_key)
    return result.outcome is not Outcome.UNKNOWN and len(result.instance_ids) < asked
