"""Spot prices of the emulated EC2: what a pool usually costs, and what DescribeSpotPriceHistory tells.

Only the prices that hold now are told, as EC2 does when asked from now on, and only those of Linux.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from emulators.ec2.errors import invalid
from emulators.ec2.filters import fits, raw_filters
from emulators.ec2.shapes import instance_types, text, texts
from emulators.prices import Prices

PRODUCT = "Linux/UNIX"

# An on-demand price by size, in dollars for each "xlarge", which is about what the m families cost.
_XLARGE_PRICE = 0.2
_SIZES = {"nano": 0.03125, "micro": 0.0625, "small": 0.125, "medium": 0.25, "large": 0.5, "xlarge": 1.0, "metal": 24.0}
_MULTIPLE = re.compile(r"(?:metal-)?([0-9]+)xl(?:arge)?")
# Spot prices lie between these shares of it.
_CHEAPEST, _DEAREST = 0.25, 0.45
_FILTERS = {
    "availability-zone": "AvailabilityZone",
    "instance-type": "InstanceType",
    "product-description": "ProductDescription",
}

Row = dict[str, Any]


def usual_price(pool: str) -> float:
    """What one instance of a pool costs an hour when nothing was set: the same at every start."""
    _, instance_type, market = pool.split("/")
    size = instance_type.partition(".")[2]
    multiple = _MULTIPLE.fullmatch(size)
    regular = _XLARGE_PRICE * (float(multiple[1]) if multiple else _SIZES.get(size, 1.0))
    if market != "spot":
        return regular
    share = _CHEAPEST + (_DEAREST - _CHEAPEST) * zlib.crc32(pool.encode()) / 0xFFFFFFFF
    return round(regular * share, 4)


def current_prices(params: Mapping[str, Any], zones: Sequence[str], prices: Prices) -> list[Row]:
    """The rows of an answer, by instance type and zone. Raises Ec2Error on filters that are not emulated."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return [
        {
            "AvailabilityZone": zone,
            "InstanceType": name,
            "ProductDescription": PRODUCT,
            "SpotPrice": f"{prices.price(f'{zone}/{name}/spot'):.6f}",
            "Timestamp": now,
        }
        for name, zone in _asked(params, zones)
    ]


def _asked(params: Mapping[str, Any], zones: Sequence[str]) -> Iterator[tuple[str, str]]:
    names, products, zone = (
        texts(params, "InstanceType"),
        texts(params, "ProductDescription"),
        text(params, "AvailabilityZone"),
    )
    filters = raw_filters(params)
    if unknown := [one.name for one in filters if one.name not in _FILTERS]:
        raise invalid(f"The filter '{unknown[0]}' is invalid")
    if products and not any(each.startswith(PRODUCT) for each in products):
        return
    for name in _sorted_types():
        for each in zones:
            row = {"AvailabilityZone": each, "InstanceType": name, "ProductDescription": PRODUCT}
            wanted = (not names or name in names) and zone in ("", each)
            if wanted and all(any(fits(v, row[_FILTERS[one.name]]) for v in one.values) for one in filters):
                yield name, each


@cache
def _sorted_types() -> tuple[str, ...]:
    return tuple(sorted(instance_types()))
