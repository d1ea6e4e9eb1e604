"""Tags as EC2's `TagSpecifications`, and how a worker type's `tags` become some. Pure: imports no SDK."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# What EC2 makes for an instance and always gets tags.
TAGGED = ("instance", "volume")

Tags = dict[str, dict[str, str]]


def tags_by_resource(specifications: Iterable[Mapping[str, Any]]) -> Tags:
    """Each resource type's tags by key."""
    return {entry["ResourceType"]: {tag["Key"]: tag["Value"] for tag in entry["Tags"]} for entry in specifications}


def tag_specifications(tags: Tags) -> list[dict[str, Any]]:
    """The inverse of `tags_by_resource`; equal tags give equal bytes."""
    return [
        {"ResourceType": resource, "Tags": [{"Key": key, "Value": value} for key, value in sorted(pairs.items())]}
        for resource, pairs in sorted(tags.items())
    ]


def with_tags(layers: Sequence[Mapping[str, Any]], tags: dict[str, str]) -> Sequence[Mapping[str, Any]]:
    """The layers of launch settings, and on top of them one that adds the tags to the layers' own, which win.

    Without tags the layers are left as they are, so that no settings and no hash change.
    """
    if not tags:
        return layers
    # lists are replaced as wholes: the last layer's holds
    given = [layer["launchSpec"]["TagSpecifications"] for layer in layers if _gives_tags(layer)][-1:]
    found: Tags = dict.fromkeys(TAGGED, tags)
    for resource, theirs in tags_by_resource(given[0] if given else ()).items():
        found[resource] = found.get(resource, {}) | theirs
    return (*layers, {"launchSpec": {"TagSpecifications": tag_specifications(found)}})


def _gives_tags(layer: Mapping[str, Any]) -> bool:
    return "TagSpecifications" in layer.get("launchSpec", {})
