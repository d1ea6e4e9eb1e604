"""Our launch request as EC2's RunInstances parameters. Pure: imports no SDK and makes no call."""

from __future__ import annotations

from typing import Any

from worker_manager.launch_settings import user_data_text
from worker_manager.model import (
    TAG_CAPACITY,
    TAG_CONFIG,
    TAG_DEPLOYMENT,
    TAG_LAUNCH,
    TAG_WORKER_TYPE,
    LaunchRequest,
)
from worker_manager.provider import ProviderRecord
from worker_manager.providers.aws.tags import TAGGED, tag_specifications, tags_by_resource

_NAME_TAG = "Name"


def run_instances_parameters(request: LaunchRequest, record: ProviderRecord) -> dict[str, Any]:
    """The keyword arguments of RunInstances; the same request gives the same parameters, byte for byte.

    EC2 may launch fewer than `MaxCount`, but not fewer than one. The launch key is the client token, so that EC2
    answers a repeated call with the first one's instances. `Name` is the worker type's unless the settings give it.
    """
    spec, offering = request.spec, request.spec.offering
    own = {"MinCount", "MaxCount", "ClientToken", "UserData", "InstanceType", "Placement", "TagSpecifications"}
    parameters = {key: value for key, value in spec.settings.items() if key not in own}
    placement = dict(spec.settings.get("Placement", {}))
    if offering.zone:
        placement["AvailabilityZone"] = offering.zone
    # EC2's own default would leave a stopped instance, which costs and does no work
    parameters.setdefault("InstanceInitiatedShutdownBehavior", "terminate")
    return parameters | {
        "InstanceType": offering.instance_type,
        **({"Placement": placement} if placement else {}),
        "MinCount": 1,
        "MaxCount": request.count,
        "ClientToken": request.launch_key,
        "UserData": user_data_text(request.worker_type, record.name, spec, request.launch_key),
        "TagSpecifications": _tag_specifications(request, record),
    }


def _tag_specifications(request: LaunchRequest, record: ProviderRecord) -> list[dict[str, Any]]:
    ours = {
        TAG_DEPLOYMENT: record.deployment,
        TAG_WORKER_TYPE: request.worker_type,
        TAG_LAUNCH: request.launch_key,
        TAG_CONFIG: request.spec.settings_hash,
        TAG_CAPACITY: str(request.spec.offering.capacity),
    }
    given = tags_by_resource(request.spec.settings.get("TagSpecifications", ()))
    tags = {resource: {_NAME_TAG: request.worker_type} for resource in TAGGED}
    tags |= {resource: tags.get(resource, {}) | theirs for resource, theirs in given.items()}
    tags |= {resource: tags[resource] | ours for resource in TAGGED}
    return tag_specifications(tags)
