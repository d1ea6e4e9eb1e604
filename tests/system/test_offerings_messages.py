"""No message, however wrong, hurts the memory of refusals: it stays as it is, and the reason is where people look."""

from __future__ import annotations

from typing import Any, cast

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from activities.authorizing import Authority
from activities.offerings import SharedBudgets
from emulators.ec2 import Ec2Emulator
from tests.system.refusals import KEY, events_of, handle_of, launch, refuse
from tests.system.support import FAST, PROVIDER, Loop, System, connect, name_of, until, workers
from worker_manager.tokens import Keyring


@pytest.mark.parametrize(
    ("signal", "args", "why"),
    [
        ("answered", [], "one JSON argument"),
        ("answered", [{"answers": []}], "/answers"),
        ("answered", [{"answers": [{"place": "here"}]}], "/answers/0/launchKey: required"),
        (
            "answered",
            [{"answers": [{"launchKey": "k", "place": "a/b/c", "count": 1, "launched": 0, "outcome": "quota"}]}],
            "/answers/0/place",
        ),
        (
            "answered",
            [{"answers": [{"launchKey": "k", "place": "a/b/c/d|", "count": 1, "launched": 0, "outcome": "dry"}]}],
            "/answers/0/outcome",
        ),
        ("answerd", [1], "did you mean 'answered'"),
        ("forget", [{"keys": 1}], "did you mean 'key'"),
        ("forget", ["us-west-1/us-west-1b/m5.large/ondemand"], f"did you mean '{KEY}'"),
    ],
)
async def test_a_bad_signal_is_recorded_and_changes_nothing(
    system: System, signal: str, args: list[Any], why: str
) -> None:
    provider = name_of("messages")
    shared, handle = SharedBudgets(system.client, provider), handle_of(system.client, provider)
    await refuse(shared, launch())
    before = (await handle.query("budgets"))["budgets"]
    await handle.signal(signal, args=args)

    async def rejections() -> list[dict[str, Any]]:
        return list((await handle.query("budgets"))["rejections"])

    (rejection,) = await until(rejections, 10, "the rejection is recorded")
    assert (signal, True) == (rejection["message"], why in rejection["why"]), rejection
    assert before == (await handle.query("budgets"))["budgets"]
    assert 0 == (await events_of(handle))["WORKFLOW_TASK_FAILED"]


@pytest.mark.parametrize(
    ("update", "value", "kind"),
    [
        ("let_through", {"launches": [], "seconds": 10}, "MessageInvalid"),
        (
            "let_through",
            {"launches": [{"launchKey": "k", "place": f"{KEY}|", "count": 0}], "seconds": 1},
            "MessageInvalid",
        ),
        ("let_through", {"launches": [{"launchKey": "k", "place": f"{KEY}|", "count": 1}], "seconds": 10}, "Closed"),
        ("forget", {"key": 1}, "MessageInvalid"),
        ("forget", {"key": "nowhere"}, "Refused"),
    ],
)
async def test_an_update_that_may_not_be_is_refused(system: System, update: str, value: Any, kind: str) -> None:
    provider = name_of("updates")
    shared, handle = SharedBudgets(system.client, provider), handle_of(system.client, provider)
    await refuse(shared, launch())
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await handle.execute_update(update, value)
    assert kind == cast("ApplicationError", caught.value.cause).type
    assert 1 == len((await handle.query("budgets"))["budgets"])


@pytest.mark.parametrize("args", [[], [{}], [{"provider": "another"}], [{"carried": {}}], [1, 2]])
async def test_a_bad_start_fails_at_once(system: System, args: list[Any]) -> None:
    handle = await system.start_raw("Offerings", *args, id=f"offerings:{name_of('bad')}")
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert "ConfigInvalid" == cast("ApplicationError", caught.value.cause).type


async def test_a_start_by_hand_with_nothing_to_remember_completes(system: System) -> None:
    provider = name_of("hand")
    handle = await system.start_raw("Offerings", {"provider": provider}, id=f"offerings:{provider}")
    assert await handle.result() is None


async def test_with_keys_nobody_makes_it_forget_unsigned(loop: Loop, address: str) -> None:
    client = await connect(address, "offerings-signed")
    with Ec2Emulator(settings=FAST) as emulator:
        async with workers(client, emulator.endpoint, Authority(Keyring(()))):
            shared, handle = SharedBudgets(client, PROVIDER), handle_of(client, PROVIDER)
            await refuse(shared, launch())
            with pytest.raises(WorkflowUpdateFailedError) as caught:
                await handle.execute_update("forget", None)
            assert "NotAuthorized" == cast("ApplicationError", caught.value.cause).type
            assert 1 == len(await shared.view())
