"""Demand of an SQS queue: Amazon's SDK against moto's server."""

from __future__ import annotations

import boto3
import pytest

from emulators.ec2 import Ec2Emulator
from worker_manager.demand import sqs
from worker_manager.demand.contract import Reading, normalized
from worker_manager.demand.opening import open_source

REGION = "us-west-2"


@pytest.fixture(scope="module")
def emulator():
    with Ec2Emulator() as emulator:
        yield emulator


@pytest.fixture(autouse=True)
def _credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def queues(emulator, _credentials):
    return boto3.client("sqs", region_name=REGION, endpoint_url=emulator.endpoint)


def test_visible_messages_wait_and_those_in_flight_are_claimed(emulator, queues, read):
    url = queues.create_queue(QueueName="builds")["QueueUrl"]
    by_name = {"source": "sqs", "queue": "builds", "region": REGION, "endpoint": emulator.endpoint}
    by_url = {"source": "sqs", "queueUrl": url, "region": REGION, "endpoint": emulator.endpoint}
    assert [Reading(0, 0)] * 2 == [read(**by_name), read(**by_url)]
    for number in range(3):
        queues.send_message(QueueUrl=url, MessageBody=str(number))
    queues.receive_message(QueueUrl=url, MaxNumberOfMessages=1)
    assert [Reading(2, 1)] * 2 == [read(**by_name), read(**by_url)]


def test_a_source_follows_its_queue(emulator, queues):
    url = queues.create_queue(QueueName="followed")["QueueUrl"]
    settings = {"source": "sqs", "queue": "followed", "region": REGION, "endpoint": emulator.endpoint}
    source = open_source(normalized(settings))
    before = source.read()
    queues.send_message(QueueUrl=url, MessageBody="x")
    assert [Reading(0, 0), Reading(1, 0)] == [before, source.read()]


def test_a_queue_that_does_not_exist_is_told(emulator, why_not):
    told = why_not(source="sqs", queue="nowhere", region=REGION, endpoint=emulator.endpoint)
    assert told.startswith("SQS queue nowhere: AWS.SimpleQueueService.NonExistentQueue: ")


def test_credentials_that_are_missing_are_told(emulator, why_not, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    told = why_not(source="sqs", queue="builds", region=REGION, endpoint=emulator.endpoint)
    assert "SQS queue builds cannot be read: Unable to locate credentials" == told


def test_the_region_is_read_from_the_url(why_not):
    source = sqs.SqsSource({"queueUrl": "https://sqs.eu-central-1.amazonaws.com/123456789012/builds"})
    assert "eu-central-1" == source._opened().meta.region_name


def test_a_queue_without_a_region_is_told(emulator, why_not):
    told = why_not(source="sqs", queueUrl=f"{emulator.endpoint}/123456789012/builds", endpoint=emulator.endpoint)
    assert "cannot be read: You must specify a region." in told


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"<html>", 200, "ApproximateNumberOfMessages must be a whole number"),
        ({}, 200, "ApproximateNumberOfMessages must be a whole number"),
        ({"Attributes": {"ApproximateNumberOfMessages": "many"}}, 200, "not 'many'"),
        (b"oops", 500, "SQS queue"),
    ],
)
def test_an_answer_that_makes_no_sense_is_no_reading(server, why_not, body, status, why):
    server.answer(body, status)
    told = why_not(source="sqs", queueUrl=f"{server.url}/123456789012/builds", region=REGION, endpoint=server.url)
    assert why in told


def test_a_server_that_is_slow_is_given_up(server, why_not, monkeypatch):
    monkeypatch.setattr(sqs, "READ_SECONDS", 0.2)
    server.before = server.ended.wait
    told = why_not(source="sqs", queueUrl=f"{server.url}/123456789012/builds", region=REGION, endpoint=server.url)
    assert "Read timeout on endpoint URL" in told
