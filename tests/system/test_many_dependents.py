"""A shared config that many worker types refer to: an edit names just those it would break; a good one reaches all.

`./wm test --long --log-cli-level=INFO tests/system/test_many_dependents.py` prints times and counts of events.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from tests.system.support import IMAGE, NEW_IMAGE, System, document, name_of, status, until

logger = logging.getLogger(__name__)
REGIONS_SCHEMA = "/schemas/common/aws-regions.json#"
BROKEN = 7
STARTED_AT_ONCE = 25


async def at_once(work: Callable[[str], Awaitable[Any]], names: list[str]) -> list[Any]:
    """Do it for each name, a few at once."""
    gate = asyncio.Semaphore(STARTED_AT_ONCE)

    async def one(name: str) -> Any:
        async with gate:
            return await work(name)

    return await asyncio.gather(*map(one, names))


async def events(handle: WorkflowHandle[Any, Any]) -> int:
    return (await handle.describe()).history_length


@pytest.mark.slow
async def test_an_edit_of_500_dependents_is_refused_for_those_it_breaks_or_followed_by_all(
    system: System, is_long: bool
) -> None:
    """With `--long` 500 dependents, else 60; seven of them have no image of their own."""
    count = 500 if is_long else 60
    shared = name_of("many")
    names = [name_of(f"dependent-{number:03}") for number in range(count)]
    fragile = set(names[3 :: count // BROKEN][:BROKEN])
    config = await system.start_shared(
        shared, [{"region": "us-west-1", "launchSpec": {"ImageId": IMAGE}}], REGIONS_SCHEMA
    )

    async def start(name: str) -> WorkflowHandle[Any, Any]:
        own = {} if name in fragile else {"launchSpec": {"ImageId": IMAGE}}
        whole = document(name, regions={"$eval": f"context.{shared}"}, **own)
        del whole["availabilityZones"]
        return await system.start(whole)

    handles = dict(zip(names, await at_once(start, names), strict=True))

    async def is_at_rest(name: str) -> bool:
        return bool((await status(handles[name]))["state"] == "Steady")

    await until(lambda: _all(is_at_rest, names), 60, "all are at rest")
    before = await events(config)
    resting = await events(handles[names[0]])

    begun = time.monotonic()
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await config.execute_update("apply_config", {"value": [{"region": "us-west-1"}]})
    refused_in, refused_events = time.monotonic() - begun, await events(config) - before
    assert sorted(fragile) == cast("ApplicationError", caught.value.cause).details[0]["breaks"]
    assert f"would break {BROKEN} worker types: {', '.join(sorted(fragile))}" in str(caught.value.cause)
    assert 1 == (await status(config))["revision"]
    assert resting == await events(handles[names[0]])

    begun, before = time.monotonic(), await events(config)
    edit = {"value": [{"region": "us-west-1", "launchSpec": {"ImageId": NEW_IMAGE}}]}
    answer = await config.execute_update("apply_config", edit)
    accepted_in = time.monotonic() - begun
    assert {"revision": 2, "dependents": count} == answer

    async def follows(name: str) -> bool:
        return bool((await status(handles[name]))["sharedConfigs"] == {shared: 2})

    await until(lambda: _all(follows, names), 90, "all follow")
    grown = await events(config) - before
    logger.info("%d dependents: refused in %.2f s (%d events), accepted", count, refused_in, refused_events)
    logger.info("in %.2f s, all follow after %.2f s", accepted_in, time.monotonic() - begun)
    logger.info("events: %d of the shared config, %d of a dependent", grown, await events(handles[names[0]]) - resting)
    # the history of the shared config does not grow with the number of its dependents
    assert grown <= 20


async def _all(holds: Callable[[str], Awaitable[bool]], names: list[str]) -> bool:
    return all(await at_once(holds, names))
