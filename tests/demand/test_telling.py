"""Who is told of a reading: those to whom it is news, and from time to time those who must know that it is fresh."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from activities.demand import Telling
from worker_manager.demand.contract import DemandUnavailable, Reading
from worker_manager.requests import DemandRead, parse

ONE, BOTH = {"worker-type:a": "key-a"}, {"worker-type:a": "key-a", "worker-type:b": "key-b"}
CONFIRM = 150.0


def told(telling: Telling, subscribers: dict[str, str]) -> list[str]:
    """Tell everyone who is due."""
    due = telling.due(subscribers, CONFIRM)
    for each in due.items():
        telling.note(*each)
    return sorted(each.removeprefix("worker-type:") for each in due)


def test_nobody_is_told_before_the_first_reading():
    assert [] == told(Telling(), BOTH)


@pytest.mark.parametrize(
    ("outcomes", "who"),
    [
        ([Reading(1), Reading(1)], []),
        ([Reading(1), Reading(2)], ["a", "b"]),
        ([Reading(1), Reading(1, 0)], ["a", "b"]),
        ([Reading(1), DemandUnavailable("gone")], ["a", "b"]),
        ([DemandUnavailable("gone"), DemandUnavailable("gone, in other words")], []),
        ([DemandUnavailable("gone"), Reading(0)], ["a", "b"]),
        ([Reading(1), DemandUnavailable("gone"), Reading(1)], ["a", "b"]),
    ],
)
def test_a_reading_is_told_when_it_is_news(outcomes, who):
    telling, last = Telling(), []
    for second, outcome in enumerate(outcomes):
        telling.take(1000.0 + second, outcome)
        last = told(telling, BOTH)
    assert who == last


def test_a_new_subscriber_is_told_alone():
    telling = Telling()
    telling.take(1000.0, Reading(1))
    assert [["a"], ["b"], []] == [told(telling, ONE), told(telling, BOTH), told(telling, BOTH)]


def test_one_with_another_capability_is_a_new_one():
    telling = Telling()
    telling.take(1000.0, Reading(1))
    assert [["a"], ["a"]] == [told(telling, ONE), told(telling, {"worker-type:a": "another"})]


def test_one_that_left_is_told_when_it_comes_again():
    telling = Telling()
    telling.take(1000.0, Reading(1))
    told(telling, BOTH)
    telling.forget_all_but(ONE)
    assert ["b"] == told(telling, BOTH)


@pytest.mark.parametrize(("later", "who"), [(149.0, []), (150.0, ["a", "b"])])
def test_that_it_is_fresh_is_confirmed(later, who):
    telling = Telling()
    telling.take(1000.0, Reading(1))
    told(telling, BOTH)
    telling.take(1000.0 + later, Reading(1))
    assert who == told(telling, BOTH)
    assert [] == told(telling, BOTH)


def test_a_reading_that_was_not_repeated_confirms_nothing():
    telling = Telling()
    telling.take(1000.0, DemandUnavailable("gone"))
    told(telling, BOTH)
    telling.take(9000.0, DemandUnavailable("gone"))
    assert [] == told(telling, BOTH)


@pytest.mark.parametrize("outcome", [Reading(1, 2), Reading(1), DemandUnavailable("x" * 1000)])
def test_what_is_told_is_a_message_of_the_worker_type(outcome):
    telling = Telling()
    telling.take(1000.0, outcome)
    message = parse(DemandRead, {"source": "demand:http-0", "capability": "0" * 16, **telling.message})
    assert 1000.0 == message.read_at.timestamp()


def test_the_next_attempt_goes_on_where_the_last_one_was():
    telling = Telling()
    telling.take(1000.0, Reading(1))
    told(telling, BOTH)
    heartbeat: dict[str, Any] = TypeAdapter(Telling).dump_python(telling, mode="json")
    assert [] == told(Telling(**heartbeat), BOTH)
