"""The workflow of what a provider's worker types know together of places that refused; the rules are budgets.py's.

The first refusal starts it and it ends when nothing is remembered, so a provider that never refuses has none. Worker
processes tell it how launches ended and ask it which may be sent; who may not is rejected, which adds no event.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities import options
    from activities.configs import AuthorizationCheck, ConfigActivities
    from activities.offerings import ID_PREFIX, SharedBudgets
    from worker_manager import budgets
    from worker_manager.budgets import Answered, Budget, Budgets
    from worker_manager.errors import Problem
    from worker_manager.requests import (
        Forget,
        LaunchAnswers,
        LetThrough,
        MessageInvalid,
        OfferingsStart,
        did_you_mean,
    )
    from worker_manager.requests import parse as parse_value
    from worker_manager.scopes import use_provider
    from worker_manager.state import OFFERINGS, OfferingsState, Rejection, keep
from workflows.alarm import Alarm
from workflows.failures import reason_of
from workflows.messages import NOTHING, parse, readable
from workflows.requests import RENEW_AT_EVENTS, Refused, Request, check_shape, received, spend_token

SIGNALS = ["answered", "forget"]
SHOWN_PLACES = 50


@workflow.defn(name="Offerings")
class OfferingsWorkflow:
    """Remembers the refusals of one provider. Worker processes start it, with `{"provider": NAME}` as its argument."""

    @workflow.init
    def __init__(self, *args: Any) -> None:
        self.state = OfferingsState("")
        self.requests: list[Request] = []
        self.bad_start: MessageInvalid | None = None
        self.woken = False
        self.alarm = Alarm(self._wake)
        try:
            self.state = _starting_state(args)
        except MessageInvalid as error:
            self.bad_start = error

    @workflow.run
    async def run(self, *args: Any) -> None:
        """Run until nothing is remembered. Raises ApplicationError `ConfigInvalid` for bad input."""
        if self.bad_start:
            raise Refused(str(self.bad_start), self.bad_start.problems, "ConfigInvalid").failure()
        while not await self._is_over():
            self.show()
            self._set_alarm()
            await workflow.wait_condition(lambda: self.woken or bool(self.requests) or self._is_long())
            self.woken = False
            while self.requests:
                await self._answer(self.requests.pop(0))
            if self._is_long():
                await self._renew()

    # --- the loop ---------------------------------------------------------------------------------------------------

    async def _is_over(self) -> bool:
        self.state.budgets = budgets.remembered(self.state.budgets, workflow.now())
        if self.state.budgets:
            return False
        await workflow.wait_condition(
            lambda: bool(self.state.budgets or self.requests) or workflow.all_handlers_finished()
        )
        return not (self.state.budgets or self.requests)

    def _set_alarm(self) -> None:
        ends = [each.forgotten_at for each in self.state.budgets]
        if ends:
            seconds = (min(ends) - workflow.now()).total_seconds()
            self.alarm.set(max(1.0, seconds), "forget what refused long ago")

    def _wake(self) -> None:
        self.woken = True

    async def _answer(self, request: Request) -> None:
        try:
            request.settle(await self._forget(request))
            await self._wake_worker_types()
        except (Refused, ActivityError) as error:
            refusal = error if isinstance(error, Refused) else Refused(reason_of(error), kind="NotChecked")
            if not request.done:
                request.refuse(refusal)
            self.note_rejected(request.name, str(refusal), request.via)

    async def _forget(self, request: Request) -> dict[str, Any]:
        """Forget what an operator names. Raises Refused, ActivityError."""
        assert isinstance(request.message, Forget)
        await self._authorize(request)
        key = request.message.key
        gone = [each.key for each in self.state.budgets if key in ("", each.key)]
        if key and not gone:
            known = [each.key for each in self.state.budgets]
            raise Refused(f"nothing is remembered of {key!r}{did_you_mean(key, known)}: look at the query `budgets`")
        self.state.budgets = tuple(each for each in self.state.budgets if each.key not in gone)
        return {"forgotten": gone}

    async def _wake_worker_types(self) -> None:
        """Have all look again at what is open now. Raises ActivityError."""
        await workflow.execute_activity_method(
            SharedBudgets.wake_worker_types,
            task_queue=options.provider_queue(self.state.provider),
            summary=f"have the worker types of {self.state.provider} look again",
            **options.NOTIFY,
        )

    async def _authorize(self, request: Request) -> None:
        check = AuthorizationCheck(workflow.info().workflow_id, request.signature, (use_provider(self.state.provider),))
        verdict = await workflow.execute_activity_method(
            ConfigActivities.authorize,
            check,
            task_queue=options.WORKFLOW_QUEUE,
            summary=f"who sent {request.name}?",
            **options.CHECK,
        )
        self.state.secured = verdict.author.secured
        if verdict.forbidden:
            raise Refused(verdict.forbidden, kind="NotAuthorized")
        spend_token(self.state.spent, verdict.author)

    async def _renew(self) -> None:
        await workflow.wait_condition(lambda: bool(self.requests) or workflow.all_handlers_finished())
        if not self.requests and self.state.budgets:
            workflow.continue_as_new({"carried": OFFERINGS.dump_python(self.state, mode="json")})

    def _is_long(self) -> bool:
        return workflow.info().get_current_history_length() >= RENEW_AT_EVENTS

    # --- messages ---------------------------------------------------------------------------------------------------

    @workflow.update(description="Which of these launches may be sent; sent by worker processes before they launch")
    def let_through(self, value: RawValue) -> Any:
        self.state.budgets, keys = self._let_through(parse(LetThrough, value))
        return keys

    @let_through.validator
    def check_let_through(self, value: RawValue) -> None:
        check_shape(LetThrough, value)
        if not self._let_through(parse(LetThrough, value))[1]:
            raise Refused("these places are closed, or probed by another launch", kind="Closed").failure()

    def _let_through(self, ask: LetThrough) -> tuple[Budgets, list[str]]:
        """The budgets with the probes taken, and the keys of the launches that may be sent."""
        now, after, keys = workflow.now(), self.state.budgets, []
        until = now + timedelta(seconds=min(ask.seconds, options.LAUNCH_DEADLINE_SECONDS))
        for each in ask.launches:
            after, is_let = budgets.let_through(after, each.launch_key, each.place, each.count, now=now, until=until)
            keys += [each.launch_key] if is_let else []
        return after, keys

    @workflow.signal(description="How launches ended; sent by worker processes")
    def answered(self, value: RawValue) -> None:
        found = parse(LaunchAnswers, value).answers
        answers = [
            Answered(e.launch_key, e.place, e.outcome, e.count, e.launched, message=e.message, code=e.code)
            for e in found
        ]
        self.state.budgets = budgets.answered(self.state.budgets, answers, workflow.now())
        self.woken = True

    @workflow.update(description='The quota was raised, so try now: forget one place by its key, or all: {"key": ""}')
    async def forget(self, value: RawValue = NOTHING) -> Any:
        request = received("forget", Forget, value, "update")
        self.requests.append(request)
        return await request.outcome()

    @forget.validator
    def check_forget(self, value: RawValue = NOTHING) -> None:
        check_shape(Forget, value)

    @workflow.signal(name="forget", description="Forget one place by its key, or all; a refusal shows in the details")
    def tell_forget(self, value: RawValue = NOTHING) -> None:
        self.requests.append(received("forget", Forget, value, "signal"))

    @workflow.signal(dynamic=True)
    def unknown_signal(self, name: str, args: Sequence[RawValue]) -> None:
        self.note_rejected(name, f"unknown signal{did_you_mean(name, SIGNALS)}; known: {', '.join(SIGNALS)}")

    @workflow.query(description="Every place that refused: why, since when, how much may be asked of it, and when")
    def budgets(self, *args: Any) -> Any:
        state = OFFERINGS.dump_python(self.state, mode="json")
        return {name: state[name] for name in ("provider", "budgets", "rejections")}

    def note_rejected(self, name: str, why: str, via: str = "signal") -> None:
        """Record a message that was refused, where people look."""
        keep(self.state.rejections, Rejection(workflow.now(), name[:100], why[:1000], via))
        self.show()

    def show(self) -> None:
        """Bring the current details up to date."""
        workflow.set_current_details(details(self.state))


def details(state: OfferingsState) -> str:
    """Markdown for the Web UI: what is closed, since when, why, and when it is asked again."""
    last = state.rejections[-1] if state.rejections else None
    rejected = f"{last.at:%Y-%m-%d %H:%M:%S} UTC, {last.via} `{last.message}`: {last.why}" if last else "none"
    places = sorted(state.budgets, key=lambda each: (-each.refusals, each.key))
    more = len(places) - SHOWN_PLACES
    lines = [
        f"### {state.provider}: {len(state.budgets)} places refused lately",
        "",
        *(_line(each) for each in places[:SHOWN_PLACES]),
        *([f"- and {more} more: look at the query `budgets`"] if more > 0 else []),
        "",
        f"**Last rejection**: {rejected}",
    ]
    return "\n".join(lines)


def _line(budget: Budget) -> str:
    probe = f"; launch {budget.probe} is trying" if budget.probe else ""
    where = "everything" if budget.key == budgets.EVERYTHING else budget.key
    return (
        f"- `{where}`: {budget.outcome} since {budget.since:%H:%M:%S} UTC ({budget.refusals} in a row), "
        f"asked again for at most {budget.allowed} from {budget.opens_at:%H:%M:%S}{probe}: "
        f"{budget.message or budget.code or 'no reason given'}"
    )


def _starting_state(args: Sequence[Any]) -> OfferingsState:
    """The carried state, or an empty one. Raises MessageInvalid for anything but a provider of this workflow's id."""
    is_continued = bool(workflow.info().continued_run_id)
    if is_continued and len(args) == 1 and isinstance(args[0], dict) and set(args[0]) == {"carried"}:
        return OFFERINGS.validate_python(args[0]["carried"])
    start = parse_value(OfferingsStart, readable(args[0]) if len(args) == 1 else list(args))
    if workflow.info().workflow_id != ID_PREFIX + start.provider:
        why = f"the workflow id must be {ID_PREFIX + start.provider!r}"
        raise MessageInvalid(f"/provider: {why}", (Problem("/provider", why, "workflow-id"),))
    return OfferingsState(start.provider)
