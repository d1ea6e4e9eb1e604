"""The one data converter: pydantic's JSON, made so that a payload of any encoding cannot block a workflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter, pydantic_data_converter


@dataclass(frozen=True, slots=True)
class Undecodable:
    """Stands for an argument in an encoding that nobody here reads; message parsers refuse it like any other."""

    encoding: str


class TolerantPayloadConverter(PydanticPayloadConverter):
    """Decodes as pydantic's converter does; an untyped value in an unknown encoding becomes `Undecodable`.

    The SDK decodes start arguments before our code runs, and fails the workflow task, again and again, if that raises.
    """

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """Values of the payloads; those with a type hint must decode. Raises as the SDK's converter does."""
        hints: list[type | None] = [*(type_hints or [])]
        hints += [None] * (len(payloads) - len(hints))
        return [value for pair in zip(payloads, hints, strict=False) for value in self._one(*pair)]

    def _one(self, payload: Payload, hint: type | None) -> list[Any]:
        encoding = payload.metadata.get("encoding", b"")
        if hint is None and encoding not in self.converters:
            return [Undecodable(encoding.decode("ascii", "replace")[:50])]
        return super().from_payloads([payload], [hint] if hint is not None else None)


data_converter = replace(pydantic_data_converter, payload_converter_class=TolerantPayloadConverter)
