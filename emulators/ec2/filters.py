"""Filters of DescribeInstances and DescribeTags: decides which instances a caller asks for. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from emulators.ec2.errors import invalid
from emulators.ec2.instance import Instance
from emulators.ec2.shapes import structures, text, texts

MAX_VALUES = 200

_FIELDS: dict[str, Callable[[Instance], str]] = {
    "availability-zone": lambda instance: instance.order.zone,
    "client-token": lambda instance: instance.order.token,
    "image-id": lambda instance: instance.order.image_id,
    "instance-id": lambda instance: instance.instance_id,
    "instance-lifecycle": lambda instance: instance.order.lifecycle,
    "instance-state-code": lambda instance: str(instance.state.code),
    "instance-state-name": lambda instance: instance.state.value,
    "instance-type": lambda instance: instance.order.instance_type,
    "key-name": lambda instance: instance.order.key_name,
    "private-ip-address": lambda instance: instance.address,
    "reservation-id": lambda instance: instance.reservation.reservation_id,
    "subnet-id": lambda instance: instance.order.subnet_id,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter: `values` are alternatives, in which `*` and `?` are wildcards."""

    name: str
    values: tuple[str, ...]

    @property
    def exact_tags(self) -> list[tuple[str, str]]:
        """The (key, value) of which every match must carry one as a tag; none when the filter does not say so much."""
        if not self.name.startswith("tag:") or any(map(_is_pattern, self.values)):
            return []
        return [(self.name[4:], value) for value in dict.fromkeys(self.values)]

    def accepts(self, instance: Instance) -> bool:
        """Tell whether an instance passes."""
        if self.name.startswith("tag:"):
            value = instance.tags.get(self.name[4:])
            return value is not None and self._fits(value)
        if self.name == "tag-key":
            return any(self._fits(key) for key in instance.tags)
        return self._fits(_FIELDS[self.name](instance))

    def _fits(self, value: str) -> bool:
        return any(fits(pattern, value) for pattern in self.values)


def parse_filters(params: Mapping[str, Any]) -> tuple[Filter, ...]:
    """Read the filters of DescribeInstances. Raises Ec2Error on names EC2 (or this emulator) does not know."""
    filters = raw_filters(params)
    for one in filters:
        if not one.name.startswith("tag:") and one.name != "tag-key" and one.name not in _FIELDS:
            raise invalid(f"The filter '{one.name}' is invalid")
    return filters


def raw_filters(params: Mapping[str, Any]) -> tuple[Filter, ...]:
    """Read filters of any names. Raises Ec2Error when one has no name, no values or too many values."""
    filters = []
    for item in structures(params, "Filter"):
        name, values = text(item, "Name"), texts(item, "Value")
        if not name or not values:
            raise invalid(f"The filter '{name}' is invalid: it must have a name and values")
        if len(values) > MAX_VALUES:
            raise invalid(f"The maximum number of filter values specified on a single call is {MAX_VALUES}")
        filters.append(Filter(name, tuple(values)))
    return tuple(filters)


def accepted(filters: Sequence[Filter], instance: Instance) -> bool:
    """Tell whether an instance passes all filters."""
    return all(one.accepts(instance) for one in filters)


def _is_pattern(value: str) -> bool:
    return any(mark in value for mark in "*?\\")


def fits(pattern: str, value: str) -> bool:
    """Compare a value with a filter value: `*` any run, `?` any one character, a backslash takes the next literally."""
    return _compiled(pattern).fullmatch(value) is not None if _is_pattern(pattern) else pattern == value


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    tokens = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(token) or re.escape(token[-1]) for token in tokens), re.DOTALL)
