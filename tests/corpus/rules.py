"""Faults that no single value has: members that contradict each other, secrets in plain text, broken dependents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.corpus.cases import ABSENT, Case, broken_dependent, changed
from tests.corpus.values import LAUNCH

SECRET = "hunter2-swordfish"
SPOT = f"{LAUNCH}/InstanceMarketOptions"
SCHEDULING = f"{LAUNCH}/scheduling"
RESERVATION = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/workers"
    "/providers/Microsoft.Compute/capacityReservationGroups/builds"
)
CROSS_FIELD: tuple[tuple[Any, ...], ...] = (
    ("docker-small", "/minCapacity", 201),
    ("docker-small", "/maxCapacity", 1, "/minCapacity"),
    ("gcp-linux-docker", "/minCapacity", 401),
    ("azure-windows-test", "/maxCapacity", 1, "/minCapacity"),
    ("sleepers", "/maxCapacity", 0, "/minCapacity"),
    ("docker-release", SPOT, {"SpotOptions": {"MaxPrice": "0.1"}}, "/regions"),
    ("docker-small", f"{LAUNCH}/NetworkInterfaces", [{"DeviceIndex": 0}], "/regions"),
    ("docker-small", f"{LAUNCH}/NetworkInterfaces", [{"DeviceIndex": 1}]),
    ("docker-small", f"{LAUNCH}/Placement", {"PartitionNumber": 2}, "/regions"),
    ("docker-small", f"{LAUNCH}/BlockDeviceMappings",
     [{"DeviceName": "/dev/xvdb",
       "Ebs": {"DeleteOnTermination": True, "VolumeType": "gp3", "VolumeSize": 10, "Iops": 9000}}], "/regions"),
    ("docker-small", "/regions", [{"region": "us-west-2"}], "/regions/0"),
    ("docker-small", "/regions", [{"region": "eu-central-1", "launchSpec": {"ImageId": "ami-0dedc5db10ec003af"}}],
     "/regions/0/region"),
    ("docker-small", "/availabilityZones", [{"availabilityZone": "us-west-1a", "region": "us-west-1"}], "/regions"),
    ("docker-small", "/availabilityZones", [{"availabilityZone": "us-west-1a", "region": "us-west-2"}],
     "/availabilityZones/0/availabilityZone"),
    ("gecko-1-decision", "/instanceTypes/1/instanceType", "c5d.xlarge", "/instanceTypes/1"),
    ("gcp-linux-docker", "/image", "docker-wroker"),
    ("gcp-linux-docker", "/image", ABSENT, "/images"),
    ("gcp-linux-docker", "/image", "generic-worker-gpu", "/machineTypes/1"),
    ("gcp-linux-docker", "/maxCapacity", 3, "/machineTypes"),
    ("gcp-linux-docker", "/machineTypes/0/machineType", "n2-custom-4-5000"),
    ("gcp-linux-docker", f"{SCHEDULING}/onHostMaintenance", "MIGRATE"),
    ("gcp-linux-docker", f"{SCHEDULING}/automaticRestart", True),
    ("gcp-linux-docker", SCHEDULING, {"instanceTerminationAction": "DELETE"},
     f"{SCHEDULING}/instanceTerminationAction"),
    ("gcp-linux-docker", f"{LAUNCH}/disks/0/initializeParams/diskSizeGb", 10),
    ("gcp-linux-docker", f"{LAUNCH}/reservationAffinity", {"consumeReservationType": "SPECIFIC_RESERVATION"}),
    ("gcp-gpu-test", f"{SCHEDULING}/onHostMaintenance", "MIGRATE", "/machineTypes"),
    ("azure-linux-build", "/images", ABSENT, "/locations"),
    ("azure-linux-build", f"{LAUNCH}/storageProfile/osDisk/caching", "ReadWrite", "/locations"),
    ("azure-linux-build", f"{LAUNCH}/capacityReservation", {"capacityReservationGroup": {"id": RESERVATION}},
     "/locations"),
    ("azure-linux-build", f"{LAUNCH}/osProfile/adminUsername", ABSENT, "/locations"),
    ("azure-linux-build", f"{LAUNCH}/osProfile/linuxConfiguration", ABSENT, "/locations"),
    ("azure-linux-build", f"{LAUNCH}/osProfile/windowsConfiguration", {}, "/locations"),
    ("azure-linux-build", f"{LAUNCH}/identity/userAssignedIdentities", ABSENT, "/locations"),
    ("azure-linux-build", f"{LAUNCH}/storageProfile/dataDisks", [{"lun": 0, "createOption": "Empty"}],
     f"{LAUNCH}/storageProfile/dataDisks/0"),
    ("azure-windows-test", f"{LAUNCH}/securityProfile/securityType", "Standard", "/locations"),
    ("azure-windows-test", f"{LAUNCH}/osProfile/computerName", "a-name-too-long-for-windows", "/locations"),
    ("azure-windows-test", f"{LAUNCH}/storageProfile/imageReference/sku", ABSENT, "/locations"),
    ("greeters", "/instanceTypes", [{"instanceType": "small"}], "/instanceTypes/0"),
    ("azure-linux-images", "/value/0/imageReference/version", "latest", "/value/0/imageReference"),
    ("azure-linux-images", "/value/0/imageReference", {"publisher": "Canonical"}),
)  # fmt: skip
SECRETS: tuple[tuple[Any, ...], ...] = (
    ("docker-small", "/secrets", {"registryToken": SECRET}, "/secrets/registryToken"),
    ("docker-small", "/secrets", {"registryToken": [SECRET]}, "/secrets/registryToken"),
    ("docker-small", "/secrets", {"registryToken": {"value": SECRET}}, "/secrets/registryToken"),
    ("docker-small", "/secrets", {"registryToken": "ssm:" + SECRET * 200}, "/secrets/registryToken"),
    ("docker-small", "/secrets", {"registryToken": f"ssm:{SECRET}\n"}, "/secrets/registryToken"),
    ("docker-small", "/secrets", SECRET),
    ("docker-small", "/secrets", [SECRET]),
    ("docker-small", "/secrets", {"registryToken": {"$eval": f"'{SECRET}'"}}, "/secrets/registryToken"),
    ("docker-small", "/secrets", {"$merge": [{"registryToken": SECRET}]}, "/secrets"),
    ("gcp-linux-docker", "/secrets/registryToken", SECRET),
    ("gcp-linux-docker", "/secrets/registryToken", 12345),
    ("gcp-linux-docker", "/machineTypes/0/secrets", {"token": SECRET}, "/machineTypes/0/secrets/token"),
    ("azure-linux-build", "/secrets/registryToken", SECRET),
    ("azure-linux-build", f"{LAUNCH}/osProfile/adminPassword", SECRET),
    ("azure-linux-build", f"{LAUNCH}/osProfile/linuxConfiguration/ssh/publicKeys/0/keyData", f"-----BEGIN {SECRET}"),
    ("aws-docker-regions", "/value/0/secrets", {"registryToken": SECRET}, "/value/0/secrets/registryToken"),
    ("google-zones-us", "/value/0/secrets", {"registryToken": SECRET}, "/value/0/secrets/registryToken"),
    ("azure-european-locations", "/value/0/secrets", {"token": SECRET}, "/value/0/secrets/token"),
)
# shared config, what is changed, the worker type that cannot live with it, and where it refers to it
DEPENDENTS: tuple[tuple[str, str, Any, str, str], ...] = (
    ("aws-docker-regions", "/value/0/region", "eu-central-1", "docker-small", "/regions"),
    ("aws-docker-user-data", "/value/blob", "x" * 17_000, "docker-small", "/userData"),
    ("aws-small-instance-types", "/value", [{"instanceType": "m5.large", "capacity": 150}],
     "docker-release", "/instanceTypes"),
    ("aws_azs", "/value", [{"availabilityZone": "us-west-1b", "region": "us-west-1"}],
     "gecko-t-linux-large", "/regions"),
    ("google-images", "/value/2/image", "generic-worker", "gcp-gpu-test", "/image"),
    ("google-images", "/value/0/diskSizeGb", 61, "gcp-linux-docker", "/launchSpec/disks/0/initializeParams/diskSizeGb"),
    ("google-zones-us", "/value", [{"zone": "us-west1-b"}], "gcp-linux-docker", "/zones"),
    ("azure-linux-images", "/value/0/location", "westeurope", "azure-linux-build", "/locations"),
    ("azure-european-locations", "/value/1/launchSpec", {}, "azure-linux-build", "/locations"),
    ("local-sleepers", "/value/0/launchSpec", {}, "sleepers", "/instanceTypes"),
    ("local-sleepers", "/value", [{"instanceType": "large", "capacity": 5, "launchSpec": {"command": ["x"]}}],
     "greeters", "/instanceTypes"),
)  # fmt: skip


def all_cases() -> Iterator[Case]:
    for fault, rows in (("cross-field", CROSS_FIELD), ("secret", SECRETS)):
        for base, pointer, value, *pointers in rows:
            yield changed(fault, base, pointer, value, *pointers)
    yield changed("secret", "local-sleepers", "/value/0/secrets", {"token": SECRET}, at_key=True)
    for shared, pointer, value, dependent, at_pointer in DEPENDENTS:
        yield broken_dependent("broken dependent", shared, pointer, value, dependent, at_pointer)
