"""One emulated instance and the order it was launched by: what it is, and how EC2 shows it in each state."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from emulators.ec2 import shapes

OWNER_ID = "123456789012"  # the account that moto emulates, so that both halves show the same owner

_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48}


class State(StrEnum):
    """States of an instance that this emulator knows, with EC2's codes."""

    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"

    @property
    def code(self) -> int:
        return _CODES[self.value]

    @property
    def is_alive(self) -> bool:
        """Whether the instance is, or is about to be, of use."""
        return self in {State.PENDING, State.RUNNING}


@dataclass(frozen=True, slots=True)
class Order:
    """What a checked RunInstances call asks for; `zone` is "" until one is chosen.

    Attributes:
        lifecycle: "spot", or "" for on-demand.
        groups: security groups as (id, name).
        devices: (device name, delete on termination) of every mapped volume.
        token: the client token, "" for none.
    """

    region: str
    zone: str
    instance_type: str
    image_id: str
    subnet_id: str
    lifecycle: str
    key_name: str
    profile: str
    groups: tuple[tuple[str, str], ...]
    devices: tuple[tuple[str, bool], ...]
    user_data: bytes
    tags: dict[str, str]
    token: str
    min_count: int
    max_count: int

    @property
    def pool(self) -> str:
        """Name of the capacity pool it is taken from."""
        return f"{self.zone}/{self.instance_type}/{self.lifecycle or 'on-demand'}"


@dataclass(slots=True)
class Reservation:
    """The instances of one launch.

    Attributes:
        unended: how many are not yet terminated.
        ended_at: monotonic time in seconds at which the last one terminated, None before.
    """

    reservation_id: str
    instances: list[Instance] = field(default_factory=list)
    unended: int = 0
    ended_at: float | None = None


@dataclass(slots=True, eq=False)
class Instance:
    """One instance. `tags`, `state` and the reasons change only under the store's lock, by its own methods.

    Attributes:
        number: makes its address and volume ids; never used twice.
        seq: position in the order in which instances came into being, over all regions; 0 before it has.
        visible_at: monotonic time in seconds from which listings show it.
    """

    number: int
    instance_id: str
    reservation: Reservation = field(repr=False)
    order: Order
    index: int
    launched_at: datetime
    visible_at: float
    tags: dict[str, str]
    seq: int = 0
    state: State = State.PENDING
    state_at: datetime | None = None
    reason: tuple[str, str] = ("", "")
    transition: str = ""
    _fixed: str = ""
    _network: str = ""
    _shown: str = ""

    @property
    def address(self) -> str:
        """Its private address, out of 10.0.0.0/8: sixteen million launches before one comes again."""
        return f"10.{self.number >> 16 & 255}.{self.number >> 8 & 255}.{self.number & 255}"

    def changed(self) -> None:
        """Forget how it was shown, after any change."""
        self._shown = ""

    def prepare(self) -> None:
        """Render what never changes; slow enough to be done before the store is locked."""
        self._fixed = shapes.members(shapes.instance_shape(), _fixed_members(self))
        self._network = shapes.members(shapes.instance_shape(), _network_members(self))

    def xml(self) -> str:
        """Render it as EC2 shows it now."""
        if not self._shown:
            network = "" if self.state is State.TERMINATED else self._network
            varying = shapes.members(shapes.instance_shape(), _varying_members(self))
            self._shown = f"<item>{self._fixed}{network}{varying}</item>"
        return self._shown

    def facts(self) -> dict[str, str]:
        """What control requests can match: id, region, zone, type, market, state, image and every `tag:KEY`."""
        order = self.order
        facts = {
            "id": self.instance_id,
            "region": order.region,
            "zone": order.zone,
            "type": order.instance_type,
            "market": order.lifecycle or "on-demand",
            "state": self.state.value,
            "image": order.image_id,
        }
        return facts | {f"tag:{key}": value for key, value in self.tags.items()}


def _fixed_members(instance: Instance) -> dict[str, Any]:
    order = instance.order
    shown: dict[str, Any] = {
        "InstanceId": instance.instance_id,
        "ImageId": order.image_id,
        "InstanceType": order.instance_type,
        "AmiLaunchIndex": instance.index,
        "LaunchTime": instance.launched_at,
        "Placement": {"AvailabilityZone": order.zone},
        "Architecture": "x86_64",
        "BlockDeviceMappings": [_device(instance, number) for number in range(len(order.devices))],
    }
    optional = {"ClientToken": order.token, "InstanceLifecycle": order.lifecycle, "KeyName": order.key_name}
    shown.update({name: value for name, value in optional.items() if value})
    if order.profile:
        shown["IamInstanceProfile"] = {"Arn": order.profile}
    return shown


def _device(instance: Instance, number: int) -> dict[str, Any]:
    name, delete = instance.order.devices[number]
    # Without its time of attachment: botocore takes 0.2 ms for a timestamp, half of what it takes for all the rest.
    volume = {"DeleteOnTermination": delete, "VolumeId": f"vol-{instance.number:013x}{number:04x}"}
    return {"DeviceName": name, "Ebs": volume}


def _network_members(instance: Instance) -> dict[str, Any]:
    order = instance.order
    return {
        "PrivateIpAddress": instance.address,
        "SubnetId": order.subnet_id,
        "VpcId": "vpc-0123456789abcdef0",
        "SecurityGroups": [{"GroupId": group_id, "GroupName": name} for group_id, name in order.groups],
    }


def _varying_members(instance: Instance) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "State": {"Code": instance.state.code, "Name": instance.state.value},
        "StateTransitionReason": instance.transition,
        "Tags": [{"Key": key, "Value": value} for key, value in instance.tags.items()],
    }
    if instance.reason[0]:
        shown["StateReason"] = {"Code": instance.reason[0], "Message": instance.reason[1]}
    return shown
