"""Decides whether a price table can be used, and which prices it tells. It must not know where the table comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from worker_manager.errors import ConfigInvalid
from worker_manager.model import LaunchSpec, Market
from worker_manager.provider import Price, Prices
from worker_manager.reading import MAX_TEXT_BYTES
from worker_manager.shape import shape_problems
from worker_manager.validation import schema_problems

_SCHEMA = "/schemas/common/price-table.json#"


def price_table(data: Any) -> tuple[Price, ...]:
    """The prices of a table as its file holds them. Raises ConfigInvalid with every problem; pointers are into it."""
    if problems := shape_problems(data, MAX_TEXT_BYTES) or schema_problems(_SCHEMA, data):
        raise ConfigInvalid(problems)
    return tuple(
        Price(each["instanceType"], Market(each["market"]), float(each["pricePerHour"]), each.get("region", ""))
        for each in data["prices"]
    )


def prices_by_offering(specs: Iterable[LaunchSpec], prices: Prices) -> Mapping[str, float]:
    """Price of one instance an hour by offering key, of those launch specs whose price is known."""
    priced = ((spec.offering.key, prices.of(spec.offering)) for spec in specs)
    return {key: price for key, price in priced if price is not None}
