"""Faults that follow from where a value stands: wrong type, missing, extra and misspelt, over all valid documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.corpus.cases import ABSENT, Base, Case, at, bases, case, put, rename
from tests.corpus.writing import step

# What else a user might write, by the type that belongs there.
WRONG: dict[type, tuple[Any, ...]] = {
    bool: ("yes", 1, "true", None),
    dict: ([], "none", 1, None, [{}]),
    float: ("1", True, None, []),
    int: ("5", 1.5, True, None, [5], {}, "five"),
    list: ({}, "us-east-1", 3, None, False),
    str: (5, True, None, [], {}, 1.5, ["a"]),
}
# Times and shares, which may be whole numbers, too.
QUANTITY = re.compile(r"[0-9]+[smhd%]")
WRONG_QUANTITIES = (True, None, 1.5, {}, "soon", ["5m"])
REQUIRED = {
    "aws-provider": ("regions", "instanceTypes"),
    "azure-provider": ("locations", "vmSizes"),
    "google-provider": ("zones", "machineTypes", "images"),
    "local-provider": ("instanceTypes",),
}
# What the entries of lists must have, by name of the list in worker types or of the shared config.
REQUIRED_OF_ENTRIES = {
    "aws_azs": ("availabilityZone", "region"),
    "aws-docker-regions": ("region", "launchSpec", "launchSpec/ImageId"),
    "aws_instance_types_m3_large": ("instanceType",),
    "aws-small-instance-types": ("instanceType",),
    "aws-working-hours": ("cron", "duration"),
    "azure-european-locations": ("location",),
    "azure-linux-images": ("location", "imageReference"),
    "google-images": ("image", "architecture", "sourceImage"),
    "google-zones-us": ("zone",),
    "local-sleepers": ("instanceType",),
}
# What the values of shared configs must have that are no lists.
REQUIRED_OF_VALUES = {"aws-spot": ("fallback",)}
# Objects that nothing may be added to, whatever it is: an image that is named by its id is named by nothing else.
ALONE = {("azure-linux-images", "/value/0/imageReference"): ("/value/0/imageReference",)}
# Below these anything goes, or every member is a name of the user's own.
FREE = ("userData", "environment", "tags", "secrets", "labels", "userAssignedIdentities")
MISSPELT_OF_SHARED = 3


def all_cases() -> Iterator[Case]:
    yield from _thinned(_wrong_types(), 4, 1)
    yield from _thinned(_missing(), 4, 1)
    yield from _thinned(_extra(), 4, 1)
    yield from _thinned(_misspelt(), 4, 2)


def _thinned(cases: Iterator[Case], of_old: int, of_others: int) -> Iterator[Case]:
    """Every so manieth. The fleet of 2019 has much of the same; it is there for what people really wrote."""
    for turn, each in enumerate(cases):
        if turn % (of_old if each.base.folder == "fleet-2019" else of_others) == 0:
            yield each


def _wrong_types() -> Iterator[Case]:
    turn = 0
    for base in bases().values():
        for pointer, value in _typed(base):
            wrongs = WRONG_QUANTITIES if QUANTITY.fullmatch(str(value)) else WRONG[type(value)]
            wrong, turn = wrongs[turn % len(wrongs)], turn + 1
            yield case("wrong type", f"{pointer} = {wrong!r}", base, put(base.document, pointer, wrong), pointer)


def _typed(base: Base) -> Iterator[tuple[str, Any]]:
    """Values with one type: all members of worker types, all of the first entry of shared values."""
    if not base.is_shared:
        for name, value in base.document.items():
            yield f"/{name}", _stands_for(name) if _is_reference(value) else value
        return
    for name in ("schema", "owner", "description"):
        if name in base.document:
            yield f"/{name}", base.document[name]
    yield from _below({} if base.is_free else base.document["value"], "/value")


def _stands_for(name: str) -> Any:
    """Something of the type that a reference stands for."""
    is_list = any(name in names for names in REQUIRED.values()) or name in ("availabilityZones", "schedule")
    return [] if is_list else 0 if name == "maxCapacity" else {}


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and any(key.startswith("$") for key in value)


def _below(value: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    if pointer.endswith("/userData"):
        yield pointer, value
        return
    if not pointer.endswith("/0"):
        yield pointer, value
    for key, item in list(enumerate(value))[:1] if isinstance(value, list) else _items(value):
        yield from _below(item, step(pointer, key))


def _items(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _missing() -> Iterator[Case]:
    for base in bases().values():
        if base.is_shared:
            names = ["name", "schema", "value"]
        else:
            names = ["workerType", "provider", "minCapacity", "maxCapacity", *REQUIRED[base.document["provider"]]]
        for name in names:
            yield case("missing", f"no {name}", base, put(base.document, f"/{name}", ABSENT), "")
        for name in REQUIRED_OF_ENTRIES.get(base.name, ()):
            document = put(base.document, f"/value/0/{name}", ABSENT)
            parent, _, _ = f"/value/0/{name}".rpartition("/")
            yield case("missing", f"no {name} in /value/0", base, document, parent)
        for name in REQUIRED_OF_VALUES.get(base.name, ()):
            yield case("missing", f"no {name} in /value", base, put(base.document, f"/value/{name}", ABSENT), "/value")


def _extra() -> Iterator[Case]:
    for base in bases().values():
        for pointer in ["", *_objects(base)]:
            key = step(pointer, "unexpected")
            also = ALONE.get((base.name, pointer), ())
            yield case("extra", key, base, put(base.document, key, True), *also, keys=(key,))


def _misspelt() -> Iterator[Case]:
    for base in bases().values():
        required = _required(base)
        names = [f"/{name}" for name in base.document if not base.is_shared or name in ("owner", "description")]
        inner = [step(pointer, key) for pointer in _objects(base) for key in at(base.document, pointer)]
        for pointer in names + inner[:MISSPELT_OF_SHARED]:
            parent, _, name = pointer.rpartition("/")
            swapped = name[:-3] + name[-3:-1][::-1] + name[-1]
            wrong = swapped if swapped != name else f"{name}s"
            key, document = step(parent, wrong), rename(base.document, pointer, wrong)
            is_name = pointer == "/workerType"
            missing = (parent,) if pointer in required and not is_name else ()
            online = frozenset({"", key}) if is_name else None
            yield case("misspelt", f"{pointer} as {wrong}", base, document, *missing, keys=(key,), online=online)


def _required(base: Base) -> set[str]:
    if base.is_shared:
        names = REQUIRED_OF_ENTRIES.get(base.name, REQUIRED_OF_ENTRIES["aws_azs"][1:] if "regions" in base.name else ())
        return {f"/value/0/{name}" for name in names} | {
            f"/value/{name}" for name in REQUIRED_OF_VALUES.get(base.name, ())
        }
    kind = REQUIRED[base.document["provider"]]
    first = {f"/{name}/0/{name.removesuffix('s')}" for name in kind}
    first |= {"/schedule/0/cron", "/schedule/0/duration", "/spot/fallback"}
    return first | {f"/{name}" for name in ("workerType", "provider", "minCapacity", "maxCapacity", *kind)}


def _objects(base: Base) -> list[str]:
    """Objects whose members are named by their schema, below the top: in worker types and in first entries."""
    root = "/value" if base.is_shared else ""
    if base.is_free:
        return []
    return [each for each in _find_objects(at(base.document, root), root) if each != ""]


def _find_objects(value: Any, pointer: str) -> Iterator[str]:
    if any(pointer.endswith(f"/{name}") for name in FREE) or _is_reference(value):
        return
    if isinstance(value, dict):
        yield pointer
    for key, item in list(enumerate(value))[:1] if isinstance(value, list) else _items(value):
        yield from _find_objects(item, step(pointer, key))
