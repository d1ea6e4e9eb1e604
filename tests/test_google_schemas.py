"""The schemas of the kind `google`: what Compute Engine takes and refuses, as far as it can be known offline."""

from __future__ import annotations

import pytest

from schemas import loader
from worker_manager.config import check_shared_value

LAUNCH_SPEC = "/schemas/google/launch-spec.json#"
SECRETS = "/schemas/google/secrets.json#"
ZONES = "/schemas/common/google-zones.json#"
TYPES = "/schemas/common/google-machine-types.json#"
IMAGES = "/schemas/common/google-images.json#"
WORKER_CONFIG = "/schemas/google/worker-config.json#"

SOURCE = "projects/ci-images/global/images/worker-1"
KEY = "projects/ci-workers/locations/us-central1/keyRings/workers/cryptoKeys/disks"


def boot(**parameters):
    return {"disks": [{"boot": True, "initializeParams": parameters}]}


def data(parameters, **settings):
    return {"disks": [{"boot": True}, {"initializeParams": parameters, **settings}]}


def image(**changes):
    return {"image": "worker", "architecture": "X86_64", "sourceImage": SOURCE, **changes}


def interface(**settings):
    return {"networkInterfaces": [settings]}


def account(**changes):
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    return {"serviceAccounts": [{"email": "worker@ci-workers.iam.gserviceaccount.com", "scopes": scopes, **changes}]}


def metadata(*pairs):
    return {"metadata": {"items": [{"key": key, "value": value} for key, value in pairs]}}


def test_worker_configuration_refers_to_the_very_schemas_of_shared_configs():
    """Where a reference stands there, every future value is known to fit."""
    properties = loader.schema(WORKER_CONFIG)["properties"]
    expected = {"zones": ZONES, "machineTypes": TYPES, "images": IMAGES, "launchSpec": LAUNCH_SPEC, "secrets": SECRETS}
    assert {name: {"$ref": ref} for name, ref in expected.items()} == {name: properties[name] for name in expected}
    assert set(expected.values()) <= {each.schema for each in loader.provider_schemas("google").shared_configs}


def test_worker_configuration_takes_over_every_common_property():
    common = loader.schema("/schemas/common/worker-type.json#")["properties"]
    assert common.keys() <= loader.schema(WORKER_CONFIG)["properties"].keys()


MACHINE_TYPES = [
    "f1-micro", "g1-small", "e2-micro", "e2-medium", "e2-standard-32", "n1-standard-96", "n1-megamem-96",
    "n2-highcpu-8", "n2d-standard-224", "n4-highmem-80", "c2d-highcpu-112", "c3-standard-8-lssd",
    "c3-highcpu-192-metal", "c3d-standard-360", "c4-standard-288-lssd-metal", "c4a-highmem-72", "t2a-standard-48",
    "t2d-standard-60", "h3-standard-88", "z3-highmem-14-standardlssd", "m1-ultramem-160", "m3-megamem-128",
    "x4-megamem-960-metal", "a2-highgpu-1g", "a2-ultragpu-8g", "a3-megagpu-8g", "a4x-highgpu-4g", "g2-standard-96",
    "ct5lp-hightpu-4t", "ct6e-standard-4t-tpu", "custom-1-1024", "n2-custom-6-20480", "n2d-custom-96-786432-ext",
    "e2-custom-small-4096", "n1-custom-96-638976",
]  # fmt: skip


@pytest.mark.parametrize("name", MACHINE_TYPES)
def test_machine_types_of_every_series_are_accepted(name):
    assert check_shared_value(TYPES, [{"machineType": name}]) == ()


@pytest.mark.parametrize(
    "name",
    ["n1", "n1-standard", "n1-standrd4", "N1-standard-4", "n1_standard_4", "m5.xlarge", "n2-custom-3-3072", "custom-4",
     "zones/us-central1-a/machineTypes/n1-standard-4", "custom-0-1024", "n2-custom-4-0512", "n1-standard-4\n", ""],
)  # fmt: skip
def test_what_is_no_machine_type_is_refused(name):
    assert [problem.pointer for problem in check_shared_value(TYPES, [{"machineType": name}])] == ["/0/machineType"]


@pytest.mark.parametrize(
    ("schema_id", "value"),
    [
        (LAUNCH_SPEC, {}),
        (LAUNCH_SPEC, {"disks": [{"boot": True}]}),
        (LAUNCH_SPEC, boot(diskType="pd-ssd", diskSizeGb=10)),
        (LAUNCH_SPEC, boot(diskType="hyperdisk-balanced", diskSizeGb=65536, provisionedIops=160000)),
        (LAUNCH_SPEC, boot(labels={"purpose": ""})),
        (LAUNCH_SPEC, data({"diskType": "local-ssd"}, type="SCRATCH", interface="NVME")),
        (LAUNCH_SPEC, data({"diskType": "local-ssd", "diskSizeGb": 3000}, type="SCRATCH", autoDelete=True)),
        (LAUNCH_SPEC, data({"sourceImage": SOURCE}, type="PERSISTENT", deviceName="cache", boot=False)),
        (LAUNCH_SPEC, data({"diskSizeGb": 100}, diskEncryptionKey={"kmsKeyName": KEY + "/cryptoKeyVersions/1"})),
        (LAUNCH_SPEC, data({"diskType": "hyperdisk-throughput", "diskSizeGb": 2048, "provisionedThroughput": 600})),
        (LAUNCH_SPEC, data({"diskType": "pd-extreme", "diskSizeGb": 500, "provisionedIops": 120000})),
        (LAUNCH_SPEC, interface()),
        (LAUNCH_SPEC, interface(network="global/networks/default", nicType="GVNIC", accessConfigs=[{}])),
        (LAUNCH_SPEC, interface(network="projects/example.com:old-project/global/networks/n")),
        (LAUNCH_SPEC, interface(subnetwork="projects/p-1/regions/northamerica-northeast1/subnetworks/s")),
        (LAUNCH_SPEC, {"scheduling": {"provisioningModel": "SPOT"}}),
        (LAUNCH_SPEC, {"scheduling": {"provisioningModel": "SPOT", "onHostMaintenance": "TERMINATE"}}),
        (LAUNCH_SPEC, {"scheduling": {"provisioningModel": "SPOT", "automaticRestart": False}}),
        (LAUNCH_SPEC, {"scheduling": {"provisioningModel": "STANDARD", "onHostMaintenance": "MIGRATE"}}),
        (LAUNCH_SPEC, {"scheduling": {"onHostMaintenance": "MIGRATE", "automaticRestart": True}}),
        (LAUNCH_SPEC, {"scheduling": {"maxRunDuration": {"seconds": 30}, "instanceTerminationAction": "DELETE"}}),
        (LAUNCH_SPEC, account()),
        (LAUNCH_SPEC, account(email="123456789012-compute@developer.gserviceaccount.com")),
        (LAUNCH_SPEC, account(email="default", scopes=["https://www.googleapis.com/auth/devstorage.read_only"])),
        (LAUNCH_SPEC, {"labels": {"k" * 63: "v" * 63, "a_b-c": ""}}),
        (LAUNCH_SPEC, {"labels": {f"k{number}": "" for number in range(59)}}),
        (LAUNCH_SPEC, {"tags": {"items": ["t" * 63, "a-1"]}}),
        (LAUNCH_SPEC, metadata(("startup-script", "#!/bin/sh\n"), ("enable-oslogin", "TRUE"), ("k" * 127, ""))),
        (LAUNCH_SPEC, {"shieldedInstanceConfig": {"enableVtpm": False, "enableIntegrityMonitoring": False}}),
        (LAUNCH_SPEC, {"shieldedInstanceConfig": {"enableIntegrityMonitoring": True}}),
        (LAUNCH_SPEC, {"reservationAffinity": {"consumeReservationType": "NO_RESERVATION"}}),
        (
            LAUNCH_SPEC,
            {
                "reservationAffinity": {
                    "consumeReservationType": "SPECIFIC_RESERVATION",
                    "key": "compute.googleapis.com/reservation-name",
                    "values": ["projects/ci-other/reservations/builders"],
                }
            },
        ),
        (LAUNCH_SPEC, {"minCpuPlatform": "AMD Milan", "canIpForward": False}),
        (ZONES, [{"zone": "us-central1-a"}, {"zone": "us-central1-ai1a"}, {"zone": "northamerica-northeast1-c"}]),
        (IMAGES, [image(), image(architecture="ARM64"), image(image="other", diskSizeGb=1)]),
        (IMAGES, [image(sourceImage="global/images/family/worker")]),
        (IMAGES, [image(sourceImage="projects/debian-cloud/global/images/family/debian-12")]),
        (SECRETS, {"a": "projects/123456789012/secrets/a_B-1", "b": "projects/ci-workers/secrets/b/versions/7"}),
    ],
    ids=str,
)
def test_what_compute_engine_would_take_is_accepted(schema_id, value):
    assert check_shared_value(schema_id, value) == ()


@pytest.mark.parametrize(
    ("schema_id", "value", "pointer", "message"),
    [
        (ZONES, [{"zone": "us-central1"}], "/0/zone", "right form"),
        (ZONES, [{"zone": "us-east-1a"}], "/0/zone", "right form"),
        (ZONES, [{"zone": "us-central1-a"}] * 2, "/1", "the same zone as in entry 0"),
        (ZONES, [{"zone": "us-central1-a", "region": "us-central1"}], "/0/region", "unknown key"),
        (TYPES, [{"machineType": "e2-small"}] * 2, "/1", "the same machineType as in entry 0"),
        (TYPES, [{"machineType": "e2-small", "architecture": "arm64"}], "/0/architecture", "did you mean 'ARM64'?"),
        (TYPES, [{"machineType": "e2-small", "capacity": 0}], "/0/capacity", "at least 1, not 0"),
        (TYPES, [{"instanceType": "e2-small"}], "/0", "'machineType' is missing"),
        (IMAGES, [], "", "1 or more entries"),
        (IMAGES, [image(), image()], "/1", "the same image and architecture as in entry 0"),
        (IMAGES, [{"image": "a", "sourceImage": SOURCE}], "/0", "'architecture' is missing"),
        (IMAGES, [image(sourceImage="worker-1")], "/0/sourceImage", "right form: the image itself"),
        (IMAGES, [image(sourceImage="projects/P/global/images/x")], "/0/sourceImage", "right form"),
        (IMAGES, [image(sourceImage="global/images/Worker")], "/0/sourceImage", "right form"),
        (IMAGES, [image(sourceImage="global/images/" + "x" * 64)], "/0/sourceImage", "right form"),
        (IMAGES, [image(sourceImage="global/images/x-")], "/0/sourceImage", "right form"),
        (LAUNCH_SPEC, {"disks": []}, "/disks", "1 or more entries"),
        (LAUNCH_SPEC, {"disks": [{"initializeParams": {}}]}, "/disks/0", "'boot' is missing"),
        (LAUNCH_SPEC, {"disks": [{"boot": False}]}, "/disks/0/boot", "must be true: the first disk must be the boot"),
        (LAUNCH_SPEC, {"disks": [{"boot": True}] * 2}, "/disks/1/boot", "only the first disk may be the boot disk"),
        (LAUNCH_SPEC, {"disks": [{"boot": True, "autoDelete": False}]}, "/disks/0/autoDelete", "must be true"),
        (LAUNCH_SPEC, boot(sourceImage=SOURCE), "/disks/0/initializeParams/sourceImage", "use `images`"),
        (LAUNCH_SPEC, boot(diskType="pd_ssd"), "/disks/0/initializeParams/diskType", "did you mean 'pd-ssd'?"),
        (LAUNCH_SPEC, boot(diskType="local-ssd"), "/disks/0/initializeParams/diskType", "must be one of"),
        (LAUNCH_SPEC, boot(diskType="zones/z/diskTypes/pd-ssd"), "/disks/0/initializeParams/diskType", "one of"),
        (LAUNCH_SPEC, boot(diskSizeGb=9), "/disks/0/initializeParams/diskSizeGb", "at least 10, not 9"),
        (LAUNCH_SPEC, boot(diskSizeGb=65537), "/disks/0/initializeParams/diskSizeGb", "at most 65536"),
        (LAUNCH_SPEC, boot(provisionedIops=3000), "/disks/0/initializeParams", "'diskSizeGb' is missing"),
        (LAUNCH_SPEC, boot(diskType="pd-ssd", diskSizeGb=10, provisionedIops=3000), "", "have no such setting"),
        (LAUNCH_SPEC, boot(diskType="pd-extreme", diskSizeGb=499), "", "500 to 65536 GiB for pd-extreme"),
        (LAUNCH_SPEC, boot(diskType="pd-extreme", diskSizeGb=500, provisionedThroughput=200), "", "no such setting"),
        (
            LAUNCH_SPEC,
            boot(diskType="hyperdisk-balanced", diskSizeGb=10, provisionedIops=160001),
            "/disks/0/initializeParams/provisionedIops",
            "2000 to 160000",
        ),
        (LAUNCH_SPEC, data({"diskType": "hyperdisk-extreme", "diskSizeGb": 63}), "", "64 to 65536"),
        (LAUNCH_SPEC, data({"diskType": "hyperdisk-throughput", "diskSizeGb": 32769}), "", "2048 to 32768"),
        (
            LAUNCH_SPEC,
            data({"diskType": "hyperdisk-ml", "diskSizeGb": 10, "provisionedThroughput": 399}),
            "/disks/1/initializeParams/provisionedThroughput",
            "400 to 1200000",
        ),
        (LAUNCH_SPEC, {"disks": [{"boot": True}, {}]}, "/disks/1", "'initializeParams' is missing"),
        (LAUNCH_SPEC, data({}), "/disks/1/initializeParams", "1 or more keys"),
        (LAUNCH_SPEC, data({"diskType": "local-ssd"}), "/disks/1/initializeParams/diskType", "needs the type"),
        (LAUNCH_SPEC, data({"diskType": "pd-ssd"}, type="SCRATCH"), "/disks/1", "must have the disk type `local-ssd`"),
        (LAUNCH_SPEC, data({"diskSizeGb": 375}, type="SCRATCH"), "/disks/1/initializeParams", "'diskType' is missing"),
        (LAUNCH_SPEC, data({"diskType": "local-ssd", "diskSizeGb": 400}, type="SCRATCH"), "/disks/1", "375 or 3000"),
        (
            LAUNCH_SPEC,
            data({"diskType": "local-ssd", "sourceImage": SOURCE}, type="SCRATCH"),
            "/disks/1/initializeParams/sourceImage",
            "local SSDs have no such setting",
        ),
        (LAUNCH_SPEC, data({"diskSizeGb": 10}, deviceName="Cache"), "/disks/1/deviceName", "right form"),
        (LAUNCH_SPEC, data({"diskSizeGb": 10}, source="zones/z/disks/d"), "/disks/1/source", "unknown key"),
        (LAUNCH_SPEC, data({"diskSizeGb": 10}, diskEncryptionKey={"kmsKeyName": "k"}), "/disks/1", "right form"),
        (LAUNCH_SPEC, interface(network="default"), "/networkInterfaces/0/network", "right form"),
        (LAUNCH_SPEC, interface(subnetwork="regions/us-central1-a/subnetworks/s"), "/networkInterfaces/0", "form"),
        (LAUNCH_SPEC, interface(accessConfigs=[{}, {}]), "/networkInterfaces/0/accessConfigs", "no more than 1"),
        (LAUNCH_SPEC, interface(accessConfigs=[{"natIP": "192.0.2.1"}]), "", "one address cannot be given to many"),
        (LAUNCH_SPEC, interface(networkIP="192.0.2.1"), "/networkInterfaces/0/networkIP", "must not be given"),
        (LAUNCH_SPEC, interface(nicType="gVNIC"), "/networkInterfaces/0/nicType", "did you mean 'GVNIC'?"),
        (LAUNCH_SPEC, {"networkInterfaces": []}, "/networkInterfaces", "1 or more entries"),
        (LAUNCH_SPEC, {"scheduling": {"provisioningModel": "spot"}}, "/scheduling/provisioningModel", "'SPOT'?"),
        (
            LAUNCH_SPEC,
            {"scheduling": {"provisioningModel": "SPOT", "onHostMaintenance": "MIGRATE"}},
            "/scheduling/onHostMaintenance",
            "spot instances cannot be migrated",
        ),
        (
            LAUNCH_SPEC,
            {"scheduling": {"provisioningModel": "SPOT", "automaticRestart": True}},
            "/scheduling/automaticRestart",
            "cannot be restarted automatically",
        ),
        (LAUNCH_SPEC, {"scheduling": {"preemptible": True}}, "/scheduling/preemptible", "use `provisioningModel`"),
        (LAUNCH_SPEC, {"scheduling": {"terminationTime": ""}}, "/scheduling/terminationTime", "`maxRunDuration`"),
        (LAUNCH_SPEC, {"scheduling": {"instanceTerminationAction": "STOP"}}, "", "must be 'DELETE'"),
        (LAUNCH_SPEC, {"scheduling": {"maxRunDuration": {"seconds": 29}}}, "", "at least 30"),
        (LAUNCH_SPEC, {"scheduling": {"maxRunDuration": {"seconds": 10368001}}}, "", "at most 10368000"),
        (LAUNCH_SPEC, {"scheduling": {"maxRunDuration": "3600s"}}, "/scheduling/maxRunDuration", "an object"),
        (LAUNCH_SPEC, {"scheduling": {"hostErrorTimeoutSeconds": 100}}, "", "must be one of '90'"),
        (LAUNCH_SPEC, account(email="worker"), "/serviceAccounts/0/email", "right form"),
        (LAUNCH_SPEC, account(scopes=["cloud-platform"]), "/serviceAccounts/0/scopes/0", "scope in full"),
        (LAUNCH_SPEC, account(scopes=[]), "/serviceAccounts/0/scopes", "1 or more entries"),
        (LAUNCH_SPEC, {"serviceAccounts": account()["serviceAccounts"] * 2}, "/serviceAccounts", "no more than 1"),
        (LAUNCH_SPEC, {"labels": {"Team": "x"}}, "/labels", "keys of labels are"),
        (LAUNCH_SPEC, {"labels": {"k" * 64: "x"}}, "/labels", "keys of labels are"),
        (LAUNCH_SPEC, {"labels": {"wm-launch": "x"}}, "/labels", "do not begin with `wm-`"),
        (LAUNCH_SPEC, {"labels": {"team": "Release"}}, "/labels/team", "right form"),
        (LAUNCH_SPEC, {"labels": {"team": "x" * 64}}, "/labels/team", "at most 63"),
        (LAUNCH_SPEC, {"labels": {"team": 1}}, "/labels/team", "must be a text, not 1"),
        (LAUNCH_SPEC, {"labels": {f"k{number}": "" for number in range(60)}}, "/labels", "no more than 59"),
        (LAUNCH_SPEC, boot(labels={"Team": ""}), "/disks/0/initializeParams/labels", "keys of labels are"),
        (LAUNCH_SPEC, {"tags": ["ssh"]}, "/tags", "must be an object, not a list"),
        (LAUNCH_SPEC, {"tags": {"items": ["ssh_ok"]}}, "/tags/items/0", "right form"),
        (LAUNCH_SPEC, {"tags": {"items": ["a", "a"]}}, "/tags/items", "more than once"),
        (LAUNCH_SPEC, {"tags": {"items": [f"t{number}" for number in range(65)]}}, "/tags/items", "no more than 64"),
        (LAUNCH_SPEC, metadata(("wm-user-data", "")), "/metadata/items/0/key", "right form"),
        (LAUNCH_SPEC, metadata(("a.b", "")), "/metadata/items/0/key", "right form"),
        (LAUNCH_SPEC, metadata(("k" * 128, "")), "/metadata/items/0/key", "at most 127"),
        (LAUNCH_SPEC, metadata(("k", 1)), "/metadata/items/0/value", "must be a text"),
        (LAUNCH_SPEC, metadata(("k", ""), ("k", "")), "/metadata/items/1", "the same key as in entry 0"),
        (
            LAUNCH_SPEC,
            {"guestAccelerators": [{"acceleratorType": "nvidia-tesla-t4"}]},
            "/guestAccelerators/0",
            "'acceleratorCount' is missing",
        ),
        (
            LAUNCH_SPEC,
            {"guestAccelerators": [{"acceleratorType": "nvidia-tesla-t4", "acceleratorCount": 0}]},
            "/guestAccelerators/0/acceleratorCount",
            "at least 1",
        ),
        (
            LAUNCH_SPEC,
            {"shieldedInstanceConfig": {"enableVtpm": False, "enableIntegrityMonitoring": True}},
            "/shieldedInstanceConfig/enableIntegrityMonitoring",
            "needs the virtual TPM",
        ),
        (
            LAUNCH_SPEC,
            {"reservationAffinity": {"consumeReservationType": "SPECIFIC_RESERVATION"}},
            "/reservationAffinity",
            "'values' is missing",
        ),
        (
            LAUNCH_SPEC,
            {"reservationAffinity": {"consumeReservationType": "ANY_RESERVATION", "values": ["r"]}},
            "/reservationAffinity/values",
            "only for the reservation type",
        ),
        (LAUNCH_SPEC, {"minCpuPlatform": "intel"}, "/minCpuPlatform", "right form"),
        (LAUNCH_SPEC, {"advancedMachineFeatures": {"threadsPerCore": 3}}, "", "at most 2"),
        (LAUNCH_SPEC, {"name": "x"}, "/name", "must not be given: set by Worker Manager from the launch key"),
        (LAUNCH_SPEC, {"zone": "us-central1-a"}, "/zone", "use `zones`"),
        (LAUNCH_SPEC, {"machineType": "e2-small"}, "/machineType", "use `machineTypes`"),
        (LAUNCH_SPEC, {"deletionProtection": True}, "/deletionProtection", "must not be given"),
        (LAUNCH_SPEC, {"hostname": "a.example.org"}, "/hostname", "must not be given"),
        (LAUNCH_SPEC, {"canIPForward": True}, "/canIPForward", "did you mean 'canIpForward'?"),
        (LAUNCH_SPEC, {"network_interfaces": []}, "/network_interfaces", "did you mean 'networkInterfaces'?"),
        (SECRETS, {"a": "arn:aws:secretsmanager:us-east-1:123456789012:secret:a"}, "/a", "this value (not shown)"),
    ],
    ids=str,
)
def test_what_compute_engine_would_refuse_is_refused(schema_id, value, pointer, message):
    problems = check_shared_value(schema_id, value)
    assert [p for p in problems if p.pointer.startswith(pointer) and message in p.message], problems


def test_a_metadata_value_has_at_most_256_kib():
    """Too large for one document, but a template may put it together."""
    validator = loader.validator_for(LAUNCH_SPEC)
    assert [validator.is_valid(metadata(("k", "v" * size))) for size in (262144, 262145)] == [True, False]


@pytest.mark.parametrize("secret", ["hunter2-very-secret", ["hunter2-very-secret"], {"v": "hunter2-very-secret"}])
def test_a_secret_or_a_key_written_by_mistake_is_refused_and_not_repeated(secret):
    (problem,) = check_shared_value(SECRETS, {"password": secret})
    assert problem.pointer == "/password"
    assert "hunter2" not in problem.message
    encrypted = data({"diskSizeGb": 10}, diskEncryptionKey={"kmsKeyName": KEY, "rawKey": secret})
    (problem,) = check_shared_value(LAUNCH_SPEC, encrypted)
    assert problem.pointer == "/disks/1/diskEncryptionKey/rawKey"
    assert "hunter2" not in problem.message


# ---- against Google's own description of the Instance resource, where its package is installed


def messages():
    """Pairs of a message of the SDK and the schema for it, from the Instance resource downwards."""
    compute = pytest.importorskip("google.cloud.compute_v1")
    spec = loader.schema(LAUNCH_SPEC)
    waiting = [(compute.Instance.pb().DESCRIPTOR, spec)]
    while waiting:
        message, schema = waiting.pop()
        yield message, schema
        fields = {field.json_name: field.message_type for field in message.fields}
        for name, each in schema.get("properties", {}).items():
            objects = [below for below in followed(each, spec) if "properties" in below]
            waiting += [(fields[name], below) for below in objects if fields.get(name) is not None]


def followed(schema, file):
    """The schemas of an object, or of all entries of a list, with references followed."""
    if "$ref" in schema:
        path = schema["$ref"].partition("#/$defs/")[2]
        return followed(file["$defs"][path], file) if schema["$ref"].startswith("#") else []
    if schema.get("type") == "array":
        parts = [*schema.get("prefixItems", ()), schema["items"]]
        return [below for part in parts for below in followed(part, file)]
    return [schema]


def test_launch_settings_are_members_of_the_instance_resource():
    found = {
        (message.name, name): {field.json_name for field in message.fields}
        for message, schema in messages()
        for name in schema["properties"]
    }
    assert [key for key, names in found.items() if key[1] not in names] == []
    assert {message for message, _ in found} >= {"Instance", "AttachedDiskInitializeParams", "Scheduling", "Items"}
    assert len(found) > 80


def test_enumerations_are_those_of_the_instance_resource():
    spec, checked = loader.schema(LAUNCH_SPEC), 0
    for message, schema in messages():
        for name, each in schema["properties"].items():
            theirs = message.enum_types_by_name.get(name[0].upper() + name[1:])
            for values in (below.get("enum", ()) for below in followed(each, spec) if theirs is not None):
                checked += 1
                assert set(values) <= set(theirs.values_by_name), (message.name, name)
    assert checked > 10


def test_the_examples_are_instance_resources():
    compute = pytest.importorskip("google.cloud.compute_v1")
    json_format = pytest.importorskip("google.protobuf.json_format")
    for example in loader.schema(LAUNCH_SPEC)["examples"]:
        instance = compute.Instance.pb()()
        json_format.ParseDict(example, instance, ignore_unknown_fields=False)
        assert {field.json_name for field, _ in instance.ListFields()} == set(example)
