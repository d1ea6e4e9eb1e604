"""Which failures Temporal repeats, and when."""

from datetime import timedelta

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.exceptions import ApplicationErrorCategory

from activities import failures
from activities.converter import Undecodable, data_converter
from worker_manager.errors import (
    CapacityUnavailable,
    ConfigInvalid,
    CredentialsRejected,
    Problem,
    ProviderUnavailable,
    Throttled,
)
from worker_manager.model import LaunchResult, Outcome


@pytest.mark.parametrize(
    ("error", "retried", "delay"),
    [
        (ProviderUnavailable("no answer", code="Timeout"), True, None),
        (CapacityUnavailable("none left"), True, None),
        (Throttled("slow down", retry_after_seconds=7), True, timedelta(seconds=7)),
        (Throttled("slow down"), True, None),
        (CredentialsRejected("who are you"), False, None),
    ],
)
def test_a_provider_failure_says_whether_and_when_it_is_repeated(error, retried, delay):
    failure = failures.of_provider(error)
    assert (retried, delay) == (not failure.non_retryable, failure.next_retry_delay)
    assert type(error).__name__ == failure.type
    assert ApplicationErrorCategory.BENIGN is failure.category


def test_an_unacceptable_config_is_never_repeated_and_keeps_its_problems():
    failure = failures.of_config(ConfigInvalid([Problem("/maxCapacity", "too small", "range")]))
    assert failure.non_retryable
    assert {"pointer": "/maxCapacity", "rule": "range", "message": "too small"} == failure.details[0]["problems"][0]


def test_open_launches_are_repeated_and_say_why():
    failure = failures.of_open_launches([LaunchResult("k", Outcome.UNKNOWN, message="lost", code="ReadTimeout")])
    assert ("ReadTimeout", False) == (failure.type, failure.non_retryable)
    assert "lost" in str(failure)


def test_an_argument_in_an_unknown_encoding_does_not_raise():
    """The SDK decodes before our code runs; raising there would block the workflow for ever."""
    payloads = [
        Payload(metadata={"encoding": b"binary/odd"}, data=b"5"),
        data_converter.payload_converter.to_payload(7),
    ]
    assert [Undecodable("encoding 'binary/odd'"), 7] == data_converter.payload_converter.from_payloads(payloads)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"a": 1, "b": {"c": 1, "d": 2, "c": 3}}', "the key 'c' stands twice"),
        (b'{"a": 1', "Expecting"),
        (b"", "Expecting value"),
        (b'"\xff"', "decode"),
        (b"[" * 100_000, "recursion"),
    ],
    ids=["key-twice", "cut-off", "empty", "not-utf-8", "deep"],
)
def test_json_that_cannot_be_read_does_not_raise(text, why):
    payload = Payload(metadata={"encoding": b"json/plain"}, data=text)
    (found,) = data_converter.payload_converter.from_payloads([payload])
    assert why in found.why
    assert found == data_converter.payload_converter.from_payload(payload)
