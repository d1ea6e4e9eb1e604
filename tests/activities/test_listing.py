"""Listings are shared, but nobody is given one that began before it was asked for."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from activities.listing import SharedListing
from worker_manager.errors import ProviderUnavailable
from worker_manager.model import Instance


class Cloud:
    """Lists nothing, counts how often, and holds each listing until told to go on."""

    def __init__(self) -> None:
        self.begun = 0
        self.failing = False
        self.going = threading.Semaphore(0)

    def list_instances(self) -> Sequence[Instance]:
        self.begun += 1
        assert self.going.acquire(timeout=10)
        if self.failing:
            raise ProviderUnavailable("the cloud does not answer")
        return ()


async def begun(cloud: Cloud, count: int) -> None:
    """Wait until the cloud has been asked `count` times."""
    async with asyncio.timeout(10):
        while cloud.begun < count:  # noqa: ASYNC110  # counted in another thread
            await asyncio.sleep(0.001)


@pytest.fixture
def executor():
    with ThreadPoolExecutor(4) as pool:
        yield pool


def test_those_who_come_during_a_listing_share_the_next(executor):
    cloud = Cloud()

    async def scene() -> None:
        listing = SharedListing(cloud.list_instances, executor)
        first = asyncio.create_task(listing.get())
        await begun(cloud, 1)
        late = [asyncio.create_task(listing.get()) for _ in range(5)]
        cloud.going.release()
        await first
        await begun(cloud, 2)
        assert not any(each.done() for each in late)
        cloud.going.release()
        await asyncio.gather(*late)

    asyncio.run(scene())
    assert 2 == cloud.begun


def test_a_failed_listing_fails_all_who_share_it_and_no_later_one(executor):
    cloud = Cloud()

    async def scene() -> list[object]:
        listing = SharedListing(cloud.list_instances, executor)
        cloud.failing = True
        shared = [asyncio.create_task(listing.get()) for _ in range(3)]
        await begun(cloud, 1)
        cloud.going.release()
        outcomes: list[object] = await asyncio.gather(*shared, return_exceptions=True)
        cloud.failing = False
        cloud.going.release()
        return [*outcomes, await listing.get()]

    *failed, after = asyncio.run(scene())
    assert [ProviderUnavailable] * 3 == [type(each) for each in failed]
    assert () == after


def test_one_who_gives_up_does_not_stop_the_listing_for_others(executor):
    cloud = Cloud()

    async def scene() -> Sequence[Instance]:
        listing = SharedListing(cloud.list_instances, executor)
        impatient, patient = asyncio.create_task(listing.get()), asyncio.create_task(listing.get())
        await begun(cloud, 1)
        impatient.cancel()
        cloud.going.release()
        return await patient

    assert () == asyncio.run(scene())
    assert 1 == cloud.begun
