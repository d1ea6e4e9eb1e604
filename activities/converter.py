"""The one data converter: pydantic's JSON, made so that a payload of any encoding cannot block a workflow."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter, pydantic_data_converter

from worker_manager.shape import shape_problems

MAX_PAYLOAD_BYTES = 64 * 1024 * 1024  # the server's own limit is far below
MAX_PAYLOAD_DEPTH = 200  # pydantic writes 255


@dataclass(frozen=True, slots=True)
class Undecodable:
    """Stands for an argument that nobody here can read; message parsers refuse it like any other, saying `why`.

    `pointer` is where in it the fault lies, where that can be told.
    """

    why: str
    pointer: str = ""


class TolerantPayloadConverter(PydanticPayloadConverter):
    """Decodes as pydantic's converter does; an untyped value that cannot be read becomes `Undecodable`.

    The SDK decodes start arguments before our code runs, and fails the workflow task, again and again, if that raises.
    Untyped JSON is what people send: a key that stands twice in an object is refused there, where it would be lost.
    """

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """Values of the payloads; those with a type hint must decode. Raises as the SDK's converter does."""
        hints: list[type | None] = [*(type_hints or [])]
        hints += [None] * (len(payloads) - len(hints))
        return [value for pair in zip(payloads, hints, strict=False) for value in self._one(*pair)]

    def _one(self, payload: Payload, hint: type | None) -> list[Any]:
        if hint is not None:
            return super().from_payloads([payload], [hint])
        encoding = payload.metadata.get("encoding", b"")
        if encoding not in self.converters:
            return [Undecodable(f"encoding {encoding.decode('ascii', 'replace')[:50]!r}")]
        try:
            if encoding == b"json/plain":
                return [_writable(json.loads(payload.data, object_pairs_hook=_object))]
            return super().from_payloads([payload])
        except (ValueError, RuntimeError, RecursionError) as error:
            return [Undecodable(str(error)[:200])]


def _writable(value: Any) -> Any:
    """The value, if it can be passed on: what cannot be written again would block the workflow that tries.

    Documents are held to fewer levels when they are checked; this leaves room for what they are wrapped in.
    """
    rules = {each.rule for each in shape_problems(value, MAX_PAYLOAD_BYTES, MAX_PAYLOAD_DEPTH)} & {"text", "too-deep"}
    if rules:
        found = next(each for each in shape_problems(value, MAX_PAYLOAD_BYTES) if each.rule in rules)
        return Undecodable(str(found)[:200], found.pointer)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Raises ValueError for a key that stands twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {twice[:80]!r} stands twice in one object")
    return found


data_converter = replace(pydantic_data_converter, payload_converter_class=TolerantPayloadConverter)
