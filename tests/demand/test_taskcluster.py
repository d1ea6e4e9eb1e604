"""Demand of a Taskcluster queue: the official client against a server that speaks its one route."""

from __future__ import annotations

import pytest

from worker_manager.demand import fetching
from worker_manager.demand.contract import Reading


@pytest.fixture
def settings(server):
    return {"source": "taskcluster", "rootUrl": server.url, "taskQueueId": "releng/linux"}


def test_pending_and_claimed_tasks_are_read(server, read, settings):
    server.answer({"taskQueueId": "releng/linux", "pendingTasks": 5, "claimedTasks": 2})
    assert Reading(5, 2) == read(**settings)
    (asked,) = server.asked
    assert "/api/queue/v1/task-queues/releng%2Flinux/counts" == asked.path
    assert "Authorization" not in asked.headers


def test_more_than_any_worker_type_can_have_is_as_much_as_it_can(server, read, settings):
    server.answer({"pendingTasks": 5_000_000, "claimedTasks": 0})
    assert Reading(1_000_000, 0) == read(**settings)


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        ({"pendingTasks": 1}, 200, "claimedTasks must be a whole number from 0 to 1000000, not null"),
        ({"pendingTasks": "1", "claimedTasks": 1}, 200, "pendingTasks must be a whole number"),
        ({"pendingTasks": -1, "claimedTasks": 1}, 200, "not -1"),
        ([], 200, "pendingTasks must be a whole number from 0 to 1000000, not null"),
        (b"<html>", 200, "task queue releng/linux"),
        (b"x" * 1_100_000, 200, "the answer is larger than 1,000,000 bytes"),
        (
            {"code": "InsufficientScopes", "message": "Client ID static/x lacks scopes"},
            403,
            "Client ID static/x lacks scopes",
        ),
        ({"message": "no such queue"}, 404, "no such queue"),
        (b"", 500, "cannot be read: 500"),
        (b"", 302, "task queue releng/linux"),
    ],
)
def test_an_answer_that_makes_no_sense_is_no_reading(server, why_not, settings, body, status, why):
    server.answer(body, status, **({"Location": "http://127.0.0.1:1/"} if status == 302 else {}))
    told = why_not(**settings)
    assert why in told
    assert server.url in told
    assert 1 == len(server.asked)


def test_a_server_that_is_slow_is_given_up(server, why_not, settings, monkeypatch):
    monkeypatch.setattr(fetching, "TIMEOUT_SECONDS", 0.2)
    server.before = server.ended.wait
    assert "gave no answer within" in why_not(**settings)


def test_a_server_that_is_not_there_is_told(why_not, settings):
    assert "http://127.0.0.1:1" in why_not(**settings | {"rootUrl": "http://127.0.0.1:1"})


@pytest.mark.parametrize("end", ["", "/"])
def test_credentials_of_the_environment_go_to_the_deployment_that_they_are_for(
    server, read, settings, monkeypatch, end
):
    server.answer({"pendingTasks": 1, "claimedTasks": 1})
    monkeypatch.setenv("TASKCLUSTER_CLIENT_ID", "static/reader")
    monkeypatch.setenv("TASKCLUSTER_ACCESS_TOKEN", "not-a-real-token")
    for root_url in ("https://tc.example.org", server.url + end):
        monkeypatch.setenv("TASKCLUSTER_ROOT_URL", root_url)
        read(**settings)
    elsewhere, here = (each.headers.get("Authorization", "") for each in server.asked)
    assert "" == elsewhere
    assert here.startswith("Hawk ")
    assert 'id="static/reader"' in here
    assert "not-a-real-token" not in here
