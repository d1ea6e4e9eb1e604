"""Decides how an instance of an EC2 answer reads in our own words. Pure: knows answers' shapes, not clients.

Tags can be edited by anybody with access to the account, so what they say is checked and, where it is nonsense,
replaced by the plainest reading. What EC2 itself always says (id, launch time) must be there, else the answer is not to
be trusted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from worker_manager.errors import ProviderUnavailable
from worker_manager.model import (
    TAG_CAPACITY,
    TAG_CONFIG,
    TAG_DEPLOYMENT,
    TAG_LAUNCH,
    TAG_WORKER_TYPE,
    Instance,
    InstanceState,
)

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html
_STATES = {
    "pending": InstanceState.PENDING,
    "running": InstanceState.RUNNING,
    "stopping": InstanceState.STOPPING,
    "shutting-down": InstanceState.STOPPING,
    "stopped": InstanceState.STOPPED,
    "terminated": InstanceState.GONE,
}

# Far above any real instance: a larger number is a damaged tag and must not dwarf the fleet's sums.
_CAPACITY = re.compile(r"[1-9][0-9]{0,4}")


def instances_of_page(page: Mapping[str, Any], region: str, deployment: str) -> Iterator[Instance]:
    """The deployment's instances in one DescribeInstances answer.

    The tag is compared again here: EC2 reads `*` and `?` in a filter's value as wildcards, and an instance of somebody
    else's must never look like ours. Raises ProviderUnavailable if the answer is not a whole one: no list at all is not
    an empty list.
    """
    if "Reservations" not in page:
        raise _not_whole(region, "it has no list of reservations")
    for reservation in page["Reservations"]:
        for instance in reservation.get("Instances", ()):
            if _tags(instance).get(TAG_DEPLOYMENT) == deployment:
                yield instance_from_ec2(instance, region)


def instance_from_ec2(instance: Mapping[str, Any], region: str) -> Instance:
    """One member of `Reservations[].Instances[]` as boto3 parses it.

    Raises ProviderUnavailable if its id or launch time is missing.
    """
    tags = _tags(instance)
    raw_state = str(instance.get("State", {}).get("Name", ""))
    capacity = tags.get(TAG_CAPACITY, "")
    return Instance(
        instance_id=_instance_id(instance, region),
        worker_type=tags.get(TAG_WORKER_TYPE, ""),
        launch_key=tags.get(TAG_LAUNCH, ""),
        settings_hash=tags.get(TAG_CONFIG, ""),
        capacity=int(capacity) if _CAPACITY.fullmatch(capacity) else 1,
        state=_STATES.get(raw_state, InstanceState.UNKNOWN),
        region=region,
        zone=str(instance.get("Placement", {}).get("AvailabilityZone", "")),
        instance_type=str(instance.get("InstanceType", "")),
        launched_at=_launched_at(instance, region),
        raw_state=raw_state,
    )


def _tags(instance: Mapping[str, Any]) -> dict[str, str]:
    return {str(tag.get("Key", "")): str(tag.get("Value", "")) for tag in instance.get("Tags", ())}


def _instance_id(instance: Mapping[str, Any], region: str) -> str:
    instance_id = instance.get("InstanceId")
    if not isinstance(instance_id, str) or not instance_id:
        raise _not_whole(region, "an instance in it has no id")
    return instance_id


def _launched_at(instance: Mapping[str, Any], region: str) -> datetime:
    launched_at = instance.get("LaunchTime")
    if not isinstance(launched_at, datetime):
        raise _not_whole(region, f"instance '{instance.get('InstanceId', '')}' has no launch time")
    return launched_at.astimezone(UTC)


def _not_whole(region: str, why: str) -> ProviderUnavailable:
    return ProviderUnavailable(
        f"listing of instances in '{region}' failed: the answer is incomplete: {why}; repeat the listing",
        code="IncompleteAnswer",
    )
