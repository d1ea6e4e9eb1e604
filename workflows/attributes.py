"""The search attributes: SQL visibility has few slots, so these six and no more. Upserted only when they change."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey

STATE = SearchAttributeKey.for_keyword("WmState")
PROVIDER = SearchAttributeKey.for_keyword("WmProvider")
OWNER = SearchAttributeKey.for_keyword("WmOwner")
ACTUAL = SearchAttributeKey.for_int("WmActual")
DESIRED = SearchAttributeKey.for_int("WmDesired")
SHARED_CONFIGS = SearchAttributeKey.for_keyword_list("WmSharedConfigs")

ALL: tuple[SearchAttributeKey[Any], ...] = (STATE, PROVIDER, OWNER, ACTUAL, DESIRED, SHARED_CONFIGS)


def upsert(wanted: dict[SearchAttributeKey[Any], Any]) -> None:
    """Set those whose value differs; one event, or none."""
    current = workflow.info().typed_search_attributes
    changed = [key.value_set(value) for key, value in wanted.items() if current.get(key) != value]
    if changed:
        workflow.upsert_search_attributes(changed)
