"""Demand of an Amazon SQS queue: messages that are visible wait, messages in flight are being worked on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from worker_manager.demand.contract import DemandUnavailable, Reading, slots
from worker_manager.demand.reach import check_resolved
from worker_manager.requests import MAX_SLOTS

CONNECT_SECONDS, READ_SECONDS = 4, 5
_HOST = re.compile(r"^https://sqs\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?/")
_PENDING, _CLAIMED = "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"


class SqsSource:
    """One queue; the client is made once, when it is first read."""

    def __init__(self, settings: Mapping[str, Any], hosts: Sequence[str] = ()) -> None:
        self._settings = settings
        self._hosts = hosts
        self._url: str = settings.get("queueUrl", "")
        self._client: Any = None

    def read(self) -> Reading:
        name = self._url or self._settings["queue"]
        try:
            attributes = self._attributes()
        except ClientError as error:
            told = error.response.get("Error", {})
            raise DemandUnavailable(f"SQS queue {name}: {told.get('Code')}: {told.get('Message', '')[:200]}") from error
        except (BotoCoreError, ValueError) as error:
            raise DemandUnavailable(f"SQS queue {name} cannot be read: {str(error)[:300]}") from error
        return Reading(_most(attributes, _PENDING, name), _most(attributes, _CLAIMED, name))

    def _attributes(self) -> Mapping[str, Any]:
        if endpoint := self._settings.get("endpoint"):  # the queue's URL names the queue, but is not what is asked
            check_resolved(endpoint, self._hosts)
        self._client = self._client or self._opened()
        self._url = self._url or self._client.get_queue_url(QueueName=self._settings["queue"])["QueueUrl"]
        answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=[_PENDING, _CLAIMED])
        return dict(answer.get("Attributes", {}))

    def _opened(self) -> Any:
        host = _HOST.match(self._url)
        return boto3.session.Session().client(
            "sqs",
            region_name=self._settings.get("region") or (host[1] if host else None),
            endpoint_url=self._settings.get("endpoint"),
            config=Config(
                connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"total_max_attempts": 1}
            ),
        )


def _most(attributes: Mapping[str, Any], name: str, queue: str) -> int:
    """A count, which may be beyond what any worker type can have."""
    text = attributes.get(name)
    count = min(int(text), MAX_SLOTS) if isinstance(text, str) and text.isdecimal() and len(text) < 20 else text
    return slots(count, f"SQS queue {queue}: {name}")
