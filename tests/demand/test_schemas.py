"""What a document may say of its demand: a mistake gives one message, at the member that is wrong."""

from __future__ import annotations

import pytest

from worker_manager.validation import schema_problems

COMMON = "/schemas/common/worker-type.json#"
HTTP = {"source": "http", "url": "https://ci.example.org/queue"}
TEMPORAL = {"source": "temporal", "taskQueue": "builds"}
TASKCLUSTER = {"source": "taskcluster", "rootUrl": "https://tc.example.org", "taskQueueId": "releng/linux"}
SQS = {"source": "sqs", "queue": "builds", "region": "us-east-1"}
QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/123456789012/builds"


def problems(demand):
    document = {"workerType": "w", "provider": "p", "minCapacity": 0, "maxCapacity": 1, "demand": demand}
    return [(each.pointer, each.message) for each in schema_problems(COMMON, document)]


@pytest.mark.parametrize(
    "demand",
    [
        {},
        {"source": "push"},
        HTTP,
        HTTP | {"url": "http://127.0.0.1:8000"},
        HTTP | {"url": "http://[::1]:8000/?q=1"},
        HTTP | {"pendingPointer": "/a~1b/0", "claimedPointer": "", "interval": 1},
        HTTP | {"interval": "010m"},
        TEMPORAL | {"taskTypes": ["activity"], "interval": "1s"},
        TASKCLUSTER,
        TASKCLUSTER | {"rootUrl": "https://tc.example.org/"},
        SQS,
        SQS | {"queue": "builds.fifo", "endpoint": "http://127.0.0.1:5000"},
        {"source": "sqs", "queueUrl": QUEUE_URL},
        {"source": "sqs", "queueUrl": QUEUE_URL, "region": "us-gov-west-1"},
    ],
)
def test_what_may_be_said(demand):
    assert [] == problems(demand)


@pytest.mark.parametrize(
    ("demand", "pointer", "message"),
    [
        ("push", "/demand", "must be an object, not 'push'"),
        (
            {"source": "htpp"},
            "/demand/source",
            "must be one of 'push', 'http', 'temporal', 'taskcluster', 'sqs', not 'htpp'",
        ),
        ({"source": 1}, "/demand/source", "must be a text, not 1"),
        ({"url": "https://ci.example.org/"}, "/demand/url", "unknown key 'url'"),
        ({"source": "push", "interval": 5}, "/demand/interval", "unknown key 'interval'"),
        ({"source": "http"}, "/demand", "'url' is missing: address of the JSON document"),
        (HTTP | {"uri": "x"}, "/demand/uri", "unknown key 'uri'; did you mean 'url'?"),
        (HTTP | {"url": "ftp://ci.example.org/"}, "/demand/url", "does not have the right form"),
        (HTTP | {"url": "https://me:word@ci.example.org/"}, "/demand/url", "does not have the right form"),
        (HTTP | {"url": "https:///queue"}, "/demand/url", "does not have the right form"),
        (HTTP | {"url": 1}, "/demand/url", "must be a text, not this value (not shown)"),
        (HTTP | {"pendingPointer": "pending"}, "/demand/pendingPointer", "does not have the right form: JSON pointer"),
        (HTTP | {"claimedPointer": "/a~2"}, "/demand/claimedPointer", "does not have the right form"),
        (HTTP | {"interval": "fast"}, "/demand/interval", "'fast' does not have the right form: a length of time"),
        (HTTP | {"interval": 0}, "/demand/interval", "must be at least 1, not 0"),
        (HTTP | {"interval": -1}, "/demand/interval", "must be at least"),
        (
            HTTP | {"interval": "0m"},
            "/demand/interval",
            "'0m' does not have the right form: an interval is at least one second",
        ),
        (HTTP | {"interval": 1.5}, "/demand/interval", "must be a whole number or a text, not 1.5"),
        ({"source": "temporal"}, "/demand", "'taskQueue' is missing"),
        (TEMPORAL | {"taskTypes": []}, "/demand/taskTypes", "must have 1 or more entries"),
        (
            TEMPORAL | {"taskTypes": ["nexus"]},
            "/demand/taskTypes/0",
            "must be one of 'activity', 'workflow', not 'nexus'",
        ),
        (TASKCLUSTER | {"taskQueueId": "linux"}, "/demand/taskQueueId", "does not have the right form: identifier of"),
        (TASKCLUSTER | {"rootUrl": "https://tc.example.org/api"}, "/demand/rootUrl", "does not have the right form"),
        ({"source": "sqs", "queue": "builds"}, "/demand", "'region' is missing"),
        (SQS | {"queueUrl": QUEUE_URL}, "/demand/queue", "must not be given: the queue URL names the queue already"),
        (SQS | {"region": "everywhere"}, "/demand/region", "does not have the right form"),
    ],
)
def test_a_mistake_is_told_once_and_at_its_place(demand, pointer, message):
    ((where, what),) = problems(demand)
    assert pointer == where
    assert message in what
