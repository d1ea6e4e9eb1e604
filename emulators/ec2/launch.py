"""RunInstances, read and checked: turns a call's parameters into an Order, or into the error EC2 would give.

Pure but for the settings it is handed; launches nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from emulators.ec2.errors import Ec2Error, invalid, missing
from emulators.ec2.instance import OWNER_ID, Order
from emulators.ec2.shapes import count, flag, instance_types, structure, structures, text, texts
from emulators.ec2.tags import tags_on_create
from emulators.ec2.tokens import MAX_TOKEN
from emulators.settings import Settings

MAX_USER_DATA = 16_384  # bytes before base64: RunInstances, UserData
ZONE_LETTERS = "abcdef"  # which letters an account sees differs by account, so all that occur are taken
_ID = r"-(?:[0-9a-f]{8}|[0-9a-f]{17})"
_NOT_IN_DIGEST = ("ClientToken", "Placement.AvailabilityZone", "DryRun", "Version")


def parse_order(params: Mapping[str, Any], region: str, settings: Settings) -> Order:
    """Read a RunInstances call.

    Args:
        params: the request as `shapes.tree` gives it.
        region: from the request's credential scope.
        settings: for denied images and the zones of subnets.
    Raises:
        Ec2Error: the first thing that EC2 would refuse.
    """
    if "LaunchTemplate" in params:
        raise Ec2Error("UnsupportedOperation", "Launch templates are not emulated: give the settings in the call.")
    image_id = _image(text(params, "ImageId"), settings)
    min_count, max_count = count(params, "MinCount"), count(params, "MaxCount")
    if min_count > max_count:
        raise invalid(f"Value ({min_count}) for parameter minCount is invalid. It must not exceed maxCount.")
    subnet_id = _checked_id(text(params, "SubnetId"), "subnet", "InvalidSubnetID.Malformed")
    return Order(
        region=region,
        zone=_zone(params, region, subnet_id, settings),
        instance_type=_instance_type(text(params, "InstanceType")),
        image_id=image_id,
        subnet_id=subnet_id,
        lifecycle=_lifecycle(structure(params, "InstanceMarketOptions")),
        key_name=text(params, "KeyName"),
        profile=_profile(structure(params, "IamInstanceProfile")),
        groups=_groups(params),
        devices=_devices(params),
        user_data=_user_data(text(params, "UserData")),
        tags=tags_on_create(params),
        token=_token(text(params, "ClientToken")),
        min_count=min_count,
        max_count=max_count,
    )


def digest(params: Mapping[str, str]) -> str:
    """Digest of what must not change between uses of one token: all flat parameters but zone and token themselves."""
    kept = sorted(f"{name}={value}" for name, value in params.items() if name not in _NOT_IN_DIGEST)
    return hashlib.sha256("\n".join(kept).encode()).hexdigest()


def in_zone(order: Order, zone: str) -> Order:
    """Give the order for one zone, with that zone's default subnet when the call named none."""
    subnet_id = order.subnet_id or "subnet-" + hashlib.sha256(zone.encode()).hexdigest()[:17]
    return replace(order, zone=zone, subnet_id=subnet_id)


def _image(image_id: str, settings: Settings) -> str:
    if not image_id:
        raise missing("ImageId")
    if not re.fullmatch("ami" + _ID, image_id):
        raise Ec2Error("InvalidAMIID.Malformed", f'Invalid id: "{image_id}" (expecting "ami-...")')
    if image_id in settings.denied_images:
        raise Ec2Error("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    return image_id


def _instance_type(name: str) -> str:
    if not name:
        return "m1.small"  # RunInstances, InstanceType: default
    if name not in instance_types():
        raise invalid(f"Invalid value '{name}' for InstanceType.")
    return name


def _checked_id(value: str, prefix: str, code: str) -> str:
    if value and not re.fullmatch(prefix + _ID, value):
        raise Ec2Error(code, f'Invalid id: "{value}" (expecting "{prefix}-...")')
    return value


def _zone(params: Mapping[str, Any], region: str, subnet_id: str, settings: Settings) -> str:
    zone = text(structure(params, "Placement"), "AvailabilityZone")
    if zone and not re.fullmatch(f"{re.escape(region)}[{ZONE_LETTERS}]", zone):
        raise invalid(f"Invalid availability zone: [{zone}]")
    implied = settings.subnet_zones.get(subnet_id, "")
    if implied and not implied.startswith(region):
        raise Ec2Error("InvalidSubnetID.NotFound", f"The subnet ID '{subnet_id}' does not exist")
    if zone and implied and zone != implied:
        raise invalid(f"The subnet '{subnet_id}' is in the availability zone '{implied}', not in '{zone}'")
    return zone or implied


def _lifecycle(market: Mapping[str, Any]) -> str:
    kind = text(market, "MarketType")
    if kind not in {"", "spot"}:
        raise invalid(f"Invalid value '{kind}' for MarketType. Only spot is emulated.")
    return kind


def _profile(profile: Mapping[str, Any]) -> str:
    name = text(profile, "Name")
    return text(profile, "Arn") or (f"arn:aws:iam::{OWNER_ID}:instance-profile/{name}" if name else "")


def _groups(params: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Read security groups; any well-formed id and any name is taken for an existing group."""
    ids = [_checked_id(each, "sg", "InvalidGroupId.Malformed") for each in texts(params, "SecurityGroupId")]
    names = texts(params, "SecurityGroup")
    if names and "SubnetId" in params:
        raise Ec2Error(
            "InvalidParameterCombination",
            "The parameter groupName cannot be used with the parameter subnet",
        )
    named = [("sg-" + hashlib.sha256(name.encode()).hexdigest()[:17], name) for name in names]
    return tuple([(each, each) for each in ids] + named)


def _devices(params: Mapping[str, Any]) -> tuple[tuple[str, bool], ...]:
    devices = []
    for mapping in structures(params, "BlockDeviceMapping"):
        name = text(mapping, "DeviceName")
        if not name:
            raise missing("BlockDeviceMapping.DeviceName")
        if "Ebs" in mapping:
            devices.append((name, flag(structure(mapping, "Ebs"), "DeleteOnTermination")))
    return tuple(devices)


def _user_data(encoded: str) -> bytes:
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("Invalid BASE64 encoding of user data.") from error
    if len(raw) > MAX_USER_DATA:
        raise invalid(f"User data is limited to {MAX_USER_DATA} bytes")
    return raw


def _token(token: str) -> str:
    if len(token) > MAX_TOKEN or not token.isascii():
        raise invalid(f"Value ({token}) for parameter clientToken is invalid. At most {MAX_TOKEN} ASCII characters.")
    return token
