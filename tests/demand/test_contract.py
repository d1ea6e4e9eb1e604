"""What makes two demand sources the same one, and which settings are none at all."""

from __future__ import annotations

import subprocess
import sys

import pytest

from schemas import loader
from worker_manager.demand.contract import DemandUnavailable, check_settings, normalized, slots, source_id
from worker_manager.demand.opening import SOURCES, open_source

HTTP = {"source": "http", "url": "https://ci.example.org/queue"}


@pytest.mark.parametrize(
    "same",
    [
        {"url": "https://ci.example.org/queue", "source": "http"},
        HTTP | {"interval": "15s"},
        HTTP | {"interval": 15},
        HTTP | {"pendingPointer": "/pending"},
    ],
)
def test_settings_that_mean_the_same_are_the_same_source(same):
    assert source_id(HTTP) == source_id(same)


@pytest.mark.parametrize(
    "other",
    [
        HTTP | {"interval": "16s"},
        HTTP | {"url": "https://ci.example.org/queue2"},
        HTTP | {"claimedPointer": "/claimed"},
    ],
)
def test_settings_that_mean_something_else_are_another_source(other):
    assert source_id(HTTP) != source_id(other)


def test_the_name_of_a_source_never_changes():
    """It is a workflow id: another one for the same settings would have everyone read twice."""
    assert "demand:http-b912653bb0ff" == source_id(HTTP)


def test_normalized_settings_are_settings_and_stay_what_they_are():
    once = normalized(HTTP | {"interval": "2m"})
    assert {
        "source": "http",
        "url": HTTP["url"],
        "pendingPointer": "/pending",
        "waitingOnly": False,
        "interval": 120,
    } == once
    assert once == normalized(once)
    check_settings(once)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"source": "push"}, "there is no demand source 'push' that is read"),
        ({"source": "../common/tags"}, "there is no demand source '../common/tags'"),
        ({}, "there is no demand source null"),
        ({"source": ["http"]}, "there is no demand source a list of 1"),
        ({"source": "http"}, "/demand: 'url' is missing"),
        (HTTP | {"uri": 1}, "/demand/uri: unknown key 'uri'; did you mean 'url'?"),
    ],
)
def test_what_is_no_source_is_refused(settings, why):
    with pytest.raises(DemandUnavailable) as caught:
        open_source(settings)
    assert why in str(caught.value)


@pytest.mark.parametrize("value", [-1, 1_000_001, 1.0, "1", None, True, [1], {"pending": 1}])
def test_what_is_no_number_of_slots_is_refused(value):
    with pytest.raises(DemandUnavailable, match="here must be a whole number from 0 to 1000000, not "):
        slots(value, "here")


@pytest.mark.parametrize("value", [0, 1, 1_000_000])
def test_a_number_of_slots_is_itself(value):
    assert value == slots(value, "here")


def test_every_source_with_a_schema_can_be_opened():
    with_schema = {each.split("/")[-1].removesuffix(".json#") for each in loader.schema_ids() if "/demand/" in each}
    assert {*SOURCES, "push", "temporal"} == with_schema


def test_no_client_is_imported_before_its_source_is_used():
    code = (
        "import sys, worker_manager.demand.opening, activities.demand\n"
        "print(sorted({'aiohttp', 'boto3', 'taskcluster'} & set(sys.modules)))"
    )
    assert (
        "[]" == subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    )
