"""The edge where messages come in: raw payloads to checked values.

Handlers take the value raw, because a payload that does not fit a typed handler would be dropped silently (signals) or
block the workflow for ever. The shapes are in `worker_manager.requests`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import temporalio.api.common.v1
from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from activities.authorizing import Signature
    from activities.converter import Undecodable
    from worker_manager import requests
    from worker_manager.errors import ConfigInvalid, Problem
    from worker_manager.requests import HEADER_TOKEN, AnyMessage, MessageInvalid
    from worker_manager.tokens import payload_digest

# What a handler gets when it is called without an argument (`temporal workflow signal --name resume`).
NOTHING = RawValue(temporalio.api.common.v1.Payload(metadata={"encoding": b"json/plain"}, data=b"null"))


def decode(value: RawValue) -> Any:
    """The JSON behind a raw value. Raises MessageInvalid if it is not JSON."""
    try:
        decoded = workflow.payload_converter().from_payload(value.payload)
    except Exception as error:  # any converter, any encoding: whatever goes wrong, the message is at fault
        raise MessageInvalid(f"not a JSON value ({str(error)[:200]}): send one json/plain argument") from error
    return readable(decoded)


def readable(decoded: Any) -> Any:
    """The value itself. Raises MessageInvalid if it could not be decoded, else a bare value would seem to be said."""
    if isinstance(decoded, Undecodable):
        text = f"not a JSON value ({decoded.why}): send one json/plain argument"
        raise MessageInvalid(text, (Problem(decoded.pointer, decoded.why, "json"),))
    return decoded


def header_token(headers: Mapping[str, temporalio.api.common.v1.Payload]) -> str:
    """The text in the Temporal header `authorization`, "" for none or for anything but a text."""
    try:
        value = json.loads(headers["authorization"].data)
    except (KeyError, ValueError, RecursionError):
        return ""
    return value if isinstance(value, str) else ""


def parse(model: type[AnyMessage], value: RawValue) -> AnyMessage:
    """Check one message. Raises MessageInvalid naming every member at fault."""
    return requests.parse(model, decode(value))


def signature(name: str, value: Any, message: requests.Message) -> Signature:
    """What a worker needs to verify who sent the message: its token may be in the header or in the value itself."""
    try:
        digest = payload_digest(value)
    except ConfigInvalid:  # no JSON that can be signed; the check of the config says what is wrong with it
        digest = ""
    return Signature(name, digest, HEADER_TOKEN.get() or message.authorization)
