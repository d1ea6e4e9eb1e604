"""EC2's rules for tags: which keys and values are legal, and how many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from emulators.ec2.errors import Ec2Error, invalid
from emulators.ec2.shapes import structures, text

MAX_TAGS = 50
MAX_KEY = 128
MAX_VALUE = 256
_TAGGABLE = ("instance", "volume", "network-interface", "spot-instances-request", "elastic-gpu")


def parse_tags(items: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Read the tags of one list and check each key and value. Raises Ec2Error."""
    tags: dict[str, str] = {}
    for item in items:
        key, value = text(item, "Key"), text(item, "Value")
        if key in tags:
            raise invalid(f"Duplicate tag key '{key}' specified.")
        tags[key] = value
    for key, value in tags.items():
        _check(key, value)
    check_number(tags)
    return tags


def _check(key: str, value: str) -> None:
    if not key:
        raise invalid("Tag key cannot be null or empty. Specify a tag key.")
    if key.lower().startswith("aws:"):
        raise invalid("Tag keys starting with 'aws:' are reserved for internal use")
    if len(key) > MAX_KEY:
        raise invalid(f"Tag key exceeds the maximum length of {MAX_KEY} characters")
    if len(value) > MAX_VALUE:
        raise invalid(f"Tag value exceeds the maximum length of {MAX_VALUE} characters")


def check_number(tags: Mapping[str, str]) -> None:
    """Raise Ec2Error when a resource would carry too many tags."""
    if len(tags) > MAX_TAGS:
        raise Ec2Error("TagLimitExceeded", f"The maximum number of Tags for a resource has been reached: {MAX_TAGS}")


def tags_on_create(params: Mapping[str, Any]) -> dict[str, str]:
    """Read the tags that TagSpecifications give to the instances; others are only checked. Raises Ec2Error."""
    found: dict[str, dict[str, str]] = {}
    for spec in structures(params, "TagSpecification"):
        kind = text(spec, "ResourceType")
        if kind not in _TAGGABLE:
            raise invalid(f"'{kind}' is not a valid taggable resource type for this operation.")
        if kind in found:
            raise invalid(f"Duplicate resource type '{kind}' in tag specifications.")
        found[kind] = parse_tags(structures(spec, "Tag"))
    return found.get("instance", {})
