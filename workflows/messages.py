"""The edge where messages come in: raw payloads to checked values.

Handlers take the value raw, because a payload that does not fit a typed handler would be dropped silently (signals) or
block the workflow for ever. The shapes are in `worker_manager.requests`.
"""

from __future__ import annotations

from typing import Any

import temporalio.api.common.v1
from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from activities.converter import Undecodable
    from worker_manager import requests
    from worker_manager.requests import AnyMessage, MessageInvalid

# What a handler gets when it is called without an argument (`temporal workflow signal --name resume`).
NOTHING = RawValue(temporalio.api.common.v1.Payload(metadata={"encoding": b"json/plain"}, data=b"null"))


def decode(value: RawValue) -> Any:
    """The JSON behind a raw value. Raises MessageInvalid if it is not JSON."""
    encoding = value.payload.metadata.get("encoding", b"none").decode("ascii", "replace")[:50]
    refusal = MessageInvalid(f"not a JSON value (encoding {encoding!r}): send one json/plain argument")
    try:
        decoded = workflow.payload_converter().from_payload(value.payload)
    except Exception as error:  # any converter, any encoding: whatever goes wrong, the message is at fault
        raise refusal from error
    if isinstance(decoded, Undecodable):  # else a message that is a bare value would take it for that value
        raise refusal
    return decoded


def parse(model: type[AnyMessage], value: RawValue) -> AnyMessage:
    """Check one message. Raises MessageInvalid naming every member at fault."""
    return requests.parse(model, decode(value))
