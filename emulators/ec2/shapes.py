"""EC2's wire format, both ways: flat form parameters to a tree, and values to XML as botocore's own model names it.

Pure: knows shapes and names, no state.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

from botocore.loaders import Loader
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape

from emulators.ec2.errors import invalid, missing

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"


@cache
def model() -> ServiceModel:
    """Load EC2's service model as botocore ships it (about 0.1 s, once)."""
    return ServiceModel(Loader().load_service_model("ec2", "service-2"), "ec2")


@cache
def instance_types() -> frozenset[str]:
    """Every instance type in EC2's catalogue."""
    shape: Any = model().shape_for("InstanceType")
    return frozenset(shape.enum)


@cache
def regions() -> frozenset[str]:
    """Every region in which EC2 exists, in all partitions."""
    partitions = Loader().load_data("endpoints")["partitions"]
    names = (region for part in partitions for region in part["services"].get("ec2", {}).get("endpoints", ()))
    return frozenset(name for name in names if not name.startswith("fips-"))


@cache
def instance_shape() -> Shape:
    """The shape of one instance in an answer."""
    return model().shape_for("Instance")


def answer_body(action: str, inner: str, request_id: str) -> str:
    """Wrap the inside of a successful answer."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<{action}Response xmlns="{NAMESPACE}"><requestId>{request_id}</requestId>{inner}</{action}Response>'
    )


def output(action: str, value: Mapping[str, Any]) -> str:
    """Render the members of an operation's answer, given under their API names."""
    operation: OperationModel = model().operation_model(action)
    shape = operation.output_shape
    return "" if shape is None else members(shape, value)


def members(shape: Shape, value: Mapping[str, Any]) -> str:
    """Render the members of a structure, without the element around them. Raises KeyError on names EC2 lacks."""
    assert isinstance(shape, StructureShape)
    parts = []
    for key, item in value.items():
        member = shape.members[key]
        parts.append(element(member, member.serialization.get("name", key), item))
    return "".join(parts)


def element(shape: Shape, name: str, value: Any) -> str:
    """Render one value of a shape as the element `name`."""
    if isinstance(shape, StructureShape):
        return f"<{name}>{members(shape, value)}</{name}>"
    if isinstance(shape, ListShape):
        item = shape.member.serialization.get("name", "item")
        return f"<{name}>{''.join(element(shape.member, item, each) for each in value)}</{name}>"
    return f"<{name}>{escape(_scalar(value))}</{name}>"


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return str(value)


def tree(params: Mapping[str, str]) -> dict[str, Any]:
    """Turn `Tag.1.Key=a` and the like into nested objects and lists, under wire names."""
    root: dict[str, Any] = {}
    for name, value in params.items():
        *path, last = name.split(".")
        node = root
        for part in path:
            below = node.setdefault(part, {})
            if not isinstance(below, dict):
                raise invalid(f"parameter {name} is given both as a value and as a structure")
            node = below
        node[last] = value
    return {key: _listed(node) for key, node in root.items()}


def _listed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if all(key.isdecimal() for key in node):
        return [_listed(node[key]) for key in sorted(node, key=int)]
    return {key: _listed(below) for key, below in node.items()}


def text(params: Mapping[str, Any], name: str, default: str = "") -> str:
    """Give a parameter that is plain text. Raises Ec2Error when it is a structure."""
    value = params.get(name, default)
    if not isinstance(value, str):
        raise invalid(f"Value for parameter {name} is invalid")
    return value


def count(params: Mapping[str, Any], name: str) -> int:
    """Give a parameter that is a demanded positive number. Raises Ec2Error."""
    value = text(params, name)
    if not value:
        raise missing(name)
    if not value.isdecimal() or int(value) < 1:
        raise invalid(f"Value ({value}) for parameter {name} is invalid. Minimum value of 1.")
    return int(value)


def structure(params: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Give a parameter that is a structure, {} when it is not there. Raises Ec2Error."""
    value = params.get(name, {})
    if not isinstance(value, dict):
        raise invalid(f"Value for parameter {name} is invalid")
    return value


def texts(params: Mapping[str, Any], name: str) -> list[str]:
    """Give a parameter that is a list of plain texts, [] when it is not there. Raises Ec2Error."""
    value = params.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid(f"Value for parameter {name} is invalid")
    return value


def structures(params: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Give a parameter that is a list of structures, [] when it is not there. Raises Ec2Error."""
    value = params.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise invalid(f"Value for parameter {name} is invalid")
    return value


def flag(params: Mapping[str, Any], name: str) -> bool:
    """Give a parameter that is true or false, false when it is not there."""
    return text(params, name, "false").lower() == "true"
