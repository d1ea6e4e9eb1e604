"""The published schemas of the kind `azure`: neither too strict nor too lax for the Azure Resource Manager."""

from __future__ import annotations

import enum
import re
import typing
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from schemas import loader
from worker_manager.config import SharedValue, check_shared_config, check_shared_value, collect_references, resolve
from worker_manager.kinds import kind
from worker_manager.proofs import proofs
from worker_manager.provider import ProviderRecord

NOW = "2026-11-23T10:00:00.000Z"
EXAMPLES = Path(__file__).parent.parent / "examples" / "clouds" / "azure"
CONFIG = "/schemas/azure/worker-config.json#"
LAUNCH_SPEC = "/schemas/azure/launch-spec.json#"
LOCATIONS = "/schemas/common/azure-locations.json#"
SIZES = "/schemas/common/azure-vm-sizes.json#"
IMAGES = "/schemas/common/azure-images.json#"
GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/workers/providers"
SUBNET = f"{GROUP}/Microsoft.Network/virtualNetworks/net/subnets/default"
ASG = f"{GROUP}/Microsoft.Network/applicationSecurityGroups/workers"
GALLERY = f"{GROUP}/Microsoft.Compute/galleries/workers/images/ubuntu"
MARKETPLACE = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "24.04.202510010"}
ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDkcbyS8p5i5V8169jP8nuQrEmmTapfL1eKtjxNWNvlM"


def image(**reference):
    return {"storageProfile": {"imageReference": reference}}


def os_disk(**settings):
    return {"storageProfile": {"osDisk": settings}}


def disk(kind="", **settings):
    managed = {"managedDisk": {"storageAccountType": kind}} if kind else {}
    return {"storageProfile": {"dataDisks": [{"lun": 0, "createOption": "Empty", **managed, **settings}]}}


def os_profile(**settings):
    return {"osProfile": settings}


def key(text):
    return os_profile(linuxConfiguration={"ssh": {"publicKeys": [{"keyData": text}]}})


def interface(address=(), **settings):
    address = {"subnet": {"id": SUBNET}, **dict(address)}
    properties = {"ipConfigurations": [{"properties": address}], **settings}
    return {"networkProfile": {"networkInterfaceConfigurations": [{"properties": properties}]}}


def public(**settings):
    return interface({"publicIPAddressConfiguration": settings})


@pytest.mark.parametrize(
    ("schema_id", "value"),
    [
        (LAUNCH_SPEC, {}),
        (LAUNCH_SPEC, image(**MARKETPLACE)),
        (LAUNCH_SPEC, image(version="latest")),
        (LAUNCH_SPEC, image(id=GALLERY)),
        (LAUNCH_SPEC, image(id=f"{GALLERY}/versions/1.4.20")),
        (LAUNCH_SPEC, image(id=f"{GALLERY}/versions/latest".replace("resourceGroups", "resourcegroups"))),
        (LAUNCH_SPEC, image(id=f"{GROUP}/Microsoft.Compute/images/ubuntu")),
        (LAUNCH_SPEC, image(communityGalleryImageId="/CommunityGalleries/pub-1a2b/Images/ubuntu/Versions/latest")),
        (LAUNCH_SPEC, image(sharedGalleryImageId="/SharedGalleries/1a2b/Images/ubuntu/Versions/1.0.0")),
        (LAUNCH_SPEC, os_disk(diskSizeGB=4095, managedDisk={"storageAccountType": "StandardSSD_ZRS"})),
        (LAUNCH_SPEC, os_disk(createOption="FromImage", deleteOption="Delete", caching="None")),
        (LAUNCH_SPEC, disk(diskSizeGB=32767)),
        (LAUNCH_SPEC, disk(createOption="FromImage")),
        (LAUNCH_SPEC, disk("UltraSSD_LRS", diskSizeGB=65536, caching="None")),
        (LAUNCH_SPEC, disk("PremiumV2_LRS", diskSizeGB=40000)),
        (LAUNCH_SPEC, {"priority": "Regular"}),
        (LAUNCH_SPEC, {"priority": "Spot", "evictionPolicy": "Delete", "billingProfile": {"maxPrice": -1}}),
        (LAUNCH_SPEC, {"billingProfile": {"maxPrice": 0.01538}}),
        (LAUNCH_SPEC, os_profile(adminUsername="worker", computerName="ci-worker.example")),
        (LAUNCH_SPEC, os_profile(adminUsername="admin-of-workers")),
        (LAUNCH_SPEC, os_profile(windowsConfiguration={})),
        (LAUNCH_SPEC, key(ED25519)),
        (LAUNCH_SPEC, key(f"{ED25519} fleet-owner@example.org")),
        (LAUNCH_SPEC, key(f"ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB{'x' * 348}")),
        (LAUNCH_SPEC, interface()),
        (LAUNCH_SPEC, interface(dnsSettings={"dnsServers": ["10.0.0.4", "255.255.255.255"]}, primary=True)),
        (LAUNCH_SPEC, interface({"applicationSecurityGroups": [{"id": ASG}]})),
        (LAUNCH_SPEC, public(sku={"name": "Standard"}, properties={"idleTimeoutInMinutes": 4})),
        (LAUNCH_SPEC, {"identity": {"type": "SystemAssigned, UserAssigned"}}),
        (LAUNCH_SPEC, {"tags": {"Cost Center": "ci", "a:b@c": "", "x" * 512: "y" * 256}}),
        (LAUNCH_SPEC, {"licenseType": "Windows_Server"}),
        (LAUNCH_SPEC, {"plan": {"name": "n", "publisher": "p", "product": "o"}}),
        (LOCATIONS, [{"location": name} for name in ("eastus", "westeurope", "eastus2euap", "germanywestcentral")]),
        (LOCATIONS, [{"location": "westeurope", "zones": ["1", "3"], "secrets": {}, "scopes": [], "userData": {}}]),
        (SIZES, [{"vmSize": "Standard_E64-16s_v3", "capacity": 64, "utility": 0.01}]),
        (SIZES, [{"vmSize": "Standard_D2s_v5", "secrets": {"k": "https://wm1.vault.azure.cn/secrets/" + "n" * 127}}]),
        (IMAGES, [{"location": "any", "imageReference": MARKETPLACE}]),
        (IMAGES, [{"location": name, "imageReference": {"id": GALLERY}} for name in ("any", "eastus")]),
    ],
)  # fmt: skip
def test_what_azure_would_take_is_accepted(schema_id, value):
    assert check_shared_value(schema_id, value) == ()


@pytest.mark.parametrize(
    ("value", "pointer", "message"),
    [
        (image(id="ubuntu"), "/storageProfile/imageReference/id", "right form: an image"),
        (image(id=f"{GALLERY}/versions/1.4"), "/storageProfile/imageReference/id", "right form"),
        (image(id=GALLERY, publisher="Canonical"), "/storageProfile/imageReference", "named by nothing else"),
        (image(version="1.0"), "/storageProfile/imageReference/version", "three numbers with dots"),
        (image(version=1.0), "/storageProfile/imageReference/version", "must be a text"),
        (image(exactVersion="1.0.0"), "/storageProfile/imageReference/exactVersion", "must not be given"),
        (image(publsher="x"), "/storageProfile/imageReference/publsher", "did you mean 'publisher'?"),
        (os_disk(deleteOption="Detach"), "/storageProfile/osDisk/deleteOption", "must be 'Delete'"),
        (os_disk(createOption="Attach"), "/storageProfile/osDisk/createOption", "must be 'FromImage'"),
        (os_disk(diskSizeGB=4096), "/storageProfile/osDisk/diskSizeGB", "at most 4095"),
        (os_disk(name="os"), "/storageProfile/osDisk/name", "must not be given: set by Worker Manager"),
        (os_disk(diffDiskSettings={}), "/storageProfile/osDisk/diffDiskSettings", "'option' is missing"),
        (os_disk(managedDisk={"storageAccountType": "UltraSSD_LRS"}), "/storageProfile/osDisk", "must be one of"),
        (os_disk(managedDisk={"id": "x"}), "/storageProfile/osDisk/managedDisk/id", "unknown key"),
        (disk(), "/storageProfile/dataDisks/0", "'diskSizeGB' is missing"),
        (disk(diskSizeGB=32768), "/storageProfile/dataDisks/0/diskSizeGB", "1 to 32767 GiB"),
        (disk("Premium_LRS", diskSizeGB=32768), "/storageProfile/dataDisks/0/diskSizeGB", "1 to 32767 GiB"),
        (disk("UltraSSD_LRS", diskSizeGB=65537), "/storageProfile/dataDisks/0/diskSizeGB", "at most 65536"),
        (disk("UltraSSD_LRS", diskSizeGB=8, caching="ReadOnly"), "/storageProfile/dataDisks/0/caching", "no cache"),
        (disk("premium_lrs", diskSizeGB=8), "/storageProfile/dataDisks/0/managedDisk", "did you mean 'Premium_LRS'?"),
        (disk(createOption="Attach"), "/storageProfile/dataDisks/0/createOption", "must be one of"),
        (disk(diskSizeGB=1, lun=64), "/storageProfile/dataDisks/0/lun", "at most 63"),
        (
            {"storageProfile": {"dataDisks": disk(diskSizeGB=1)["storageProfile"]["dataDisks"] * 2}},
            "/storageProfile/dataDisks/1",
            "the same lun as in entry 0",
        ),
        ({"priority": "spot"}, "/priority", "did you mean 'Spot'?"),
        ({"priority": "Low"}, "/priority", "must be one of 'Regular', 'Spot'"),
        ({"evictionPolicy": "Deallocate"}, "/evictionPolicy", "must be 'Delete'"),
        ({"billingProfile": {"maxPrice": 0}}, "/billingProfile/maxPrice", "must be -1: the only price"),
        ({"billingProfile": {"maxPrice": -0.5}}, "/billingProfile/maxPrice", "must be -1"),
        ({"billingProfile": {"maxPrice": "0.1"}}, "/billingProfile/maxPrice", "must be a number"),
        (os_profile(adminUsername="root"), "/osProfile/adminUsername", "common names"),
        (os_profile(adminUsername="Administrator"), "/osProfile/adminUsername", "common names"),
        (os_profile(adminUsername="user5"), "/osProfile/adminUsername", "common names"),
        (os_profile(adminUsername="worker."), "/osProfile/adminUsername", "right form"),
        (os_profile(adminUsername="x" * 65), "/osProfile/adminUsername", "right form"),
        (os_profile(computerName="x" * 65), "/osProfile/computerName", "right form"),
        (os_profile(computerName="ci_worker"), "/osProfile/computerName", "right form"),
        (os_profile(computerName="ci-"), "/osProfile/computerName", "right form"),
        (os_profile(customData="eA=="), "/osProfile/customData", "use `userData` beside `launchSpec`"),
        (os_profile(secrets=[]), "/osProfile/secrets", "name them in `secrets`"),
        (
            os_profile(linuxConfiguration={"disablePasswordAuthentication": False}),
            "/osProfile/linuxConfiguration/disablePasswordAuthentication",
            "must be true",
        ),
        (key("ssh-dss AAAAB3NzaC1kc3MAAACBAP"), "/osProfile/linuxConfiguration/ssh/publicKeys/0/keyData", "2048 bits"),
        (key(f"ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB{'x' * 180}"), "/osProfile/linuxConfiguration/ssh", "2048 bits"),
        (key(ED25519[:-1]), "/osProfile/linuxConfiguration/ssh", "right form"),
        (key(f"{ED25519}\n"), "/osProfile/linuxConfiguration/ssh", "right form"),
        (interface({"subnet": {"id": "default"}}), "", "right form: a resource id, `/subscriptions/"),
        (interface({"subnet": {"id": SUBNET.rpartition("/subnets")[0]}}), "", "right form: a resource id"),
        (interface(deleteOption="Detach"), "", "must be 'Delete'"),
        (interface(ipConfigurations=[]), "", "1 or more entries"),
        (interface(ipConfigurations=[{"properties": {}}]), "", "'subnet' is missing"),
        (interface(dnsSettings={"dnsServers": ["10.0.0.256"]}), "", "an IPv4 address"),
        (interface(dnsSettings={"dnsServers": ["10.0.0"]}), "", "an IPv4 address"),
        (interface({"privateIPAddressVersion": "ipv6"}), "", "did you mean 'IPv6'?"),
        (public(sku={"name": "Basic"}), "", "must be 'Standard'"),
        (public(properties={"publicIPAllocationMethod": "Dynamic"}), "", "must be 'Static'"),
        (public(properties={"idleTimeoutInMinutes": 31}), "", "at most 30"),
        (public(name="ip"), "", "must not be given"),
        ({"networkProfile": {"networkInterfaces": []}}, "/networkProfile", "serves one instance only"),
        ({"networkProfile": {"networkInterfaceConfigurations": []}}, "/networkProfile", "1 or more entries"),
        ({"hardwareProfile": {"vmSize": "Standard_D2s_v5"}}, "/hardwareProfile/vmSize", "use `vmSizes`"),
        ({"location": "westeurope"}, "/location", "use `locations`"),
        ({"zones": ["1"]}, "/zones", "use `locations`"),
        ({"name": "vm"}, "/name", "must not be given"),
        ({"userData": "eA=="}, "/userData", "use `userData` beside `launchSpec`"),
        ({"availabilitySet": {"id": "x"}}, "/availabilitySet", "must not be given"),
        ({"additionalCapabilities": {"hibernationEnabled": True}}, "/additionalCapabilities", "must not be given"),
        ({"identity": {"type": "None"}}, "/identity/type", "must be one of"),
        ({"identity": {"userAssignedIdentities": {"worker": {}}}}, "/identity/userAssignedIdentities", "right form"),
        ({"identity": {"userAssignedIdentities": {}}}, "/identity/userAssignedIdentities", "1 or more keys"),
        ({"securityProfile": {"securityType": "trustedLaunch"}}, "/securityProfile", "did you mean 'TrustedLaunch'?"),
        ({"capacityReservation": {}}, "/capacityReservation", "'capacityReservationGroup' is missing"),
        ({"plan": {"name": "n"}}, "/plan", "'publisher' is missing"),
        ({"tags": {"x": "y" * 257}}, "/tags/x", "no more than 256 characters"),
        ({"tags": {f"t{number}": "" for number in range(46)}}, "/tags", "no more than 45 keys"),
        ({"storageProfle": {}}, "/storageProfle", "did you mean 'storageProfile'?"),
        ({"properties": {}}, "/properties", "unknown key"),
    ],
)  # fmt: skip
def test_launch_settings_that_azure_would_refuse_are_refused(value, pointer, message):
    problems = check_shared_value(LAUNCH_SPEC, value)
    assert [p for p in problems if p.pointer.startswith(pointer) and message in p.message], problems


@pytest.mark.parametrize(
    ("schema_id", "value", "pointer", "message"),
    [
        (LOCATIONS, [], "", "1 or more entries"),
        (LOCATIONS, {}, "", "must be a list"),
        (LOCATIONS, [{"location": "West Europe"}], "/0/location", "not `West Europe`"),
        (LOCATIONS, [{"location": "west-europe"}], "/0/location", "right form"),
        (LOCATIONS, [{"location": "global"}], "/0/location", "right form"),
        (LOCATIONS, [{"location": "any"}], "/0/location", "right form"),
        (LOCATIONS, [{"location": "westeurope\n"}], "/0/location", "right form"),
        (LOCATIONS, [{"region": "westeurope"}], "/0/region", "unknown key 'region'"),
        (LOCATIONS, [{"location": "westeurope"}] * 2, "/1", "the same location as in entry 0"),
        (LOCATIONS, [{"location": "westeurope", "zones": [1]}], "/0/zones/0", "must be a text, not 1"),
        (LOCATIONS, [{"location": "westeurope", "zones": ["4"]}], "/0/zones/0", "must be one of '1', '2', '3'"),
        (LOCATIONS, [{"location": "westeurope", "zones": []}], "/0/zones", "1 or more entries"),
        (LOCATIONS, [{"location": "westeurope", "zones": ["1", "1"]}], "/0/zones", "more than once"),
        (SIZES, [], "", "1 or more entries"),
        (SIZES, [{"vmSize": "D4s_v5"}], "/0/vmSize", "begins with `Standard_`"),
        (SIZES, [{"vmSize": "standard_D4s_v5"}], "/0/vmSize", "right form"),
        (SIZES, [{"vmSize": "Standard_v5"}], "/0/vmSize", "right form"),
        (SIZES, [{"vmSize": "Standard_D4s-v5"}], "/0/vmSize", "right form"),
        (SIZES, [{"vmSize": "Standard_D4s_v5"}] * 2, "/1", "the same vmSize as in entry 0"),
        (SIZES, [{"vmSize": "Standard_D4s_v5", "capacity": 0}], "/0/capacity", "at least 1, not 0"),
        (SIZES, [{"vmSize": "Standard_D4s_v5", "utility": 0}], "/0/utility", "more than 0, not 0"),
        (SIZES, [{"vmSize": "Standard_D4s_v5", "secrets": {"a": "ssm:/a"}}], "/0/secrets/a", "a secret in Key Vault"),
        (IMAGES, [], "", "1 or more entries"),
        (IMAGES, [{"imageReference": MARKETPLACE}], "/0", "'location' is missing"),
        (IMAGES, [{"location": "any"}], "/0", "'imageReference' is missing"),
        (IMAGES, [{"location": "all", "imageReference": MARKETPLACE}], "/0/location", "or `any`"),
        (IMAGES, [{"location": "any", "imageReference": {}}], "/0/imageReference", "1 or more keys"),
        (IMAGES, [{"location": "any", "imageReference": {"sku": "p"}}], "/0/imageReference", "'offer' is missing"),
        (IMAGES, [{"location": "any", "imageReference": MARKETPLACE | {"id": GALLERY}}], "/0", "by nothing else"),
        (IMAGES, [{"location": "any", "imageReference": MARKETPLACE}] * 2, "/1", "the same location as in entry 0"),
    ],
)  # fmt: skip
def test_shared_values_that_azure_would_refuse_are_refused(schema_id, value, pointer, message):
    problems = check_shared_value(schema_id, value)
    assert [p for p in problems if p.pointer.startswith(pointer) and message in p.message], problems


@pytest.mark.parametrize(
    "name", ["wm-launch", "WM-x", "azure-x", "Microsoft", "windows", "a/b", "a<b", "a?", "", "x" * 513]
)
def test_tags_that_are_not_the_users_to_set_are_refused(name):
    assert [p.rule for p in check_shared_value(LAUNCH_SPEC, {"tags": {name: "v"}})] == ["pattern"]


@pytest.mark.parametrize(
    "value",
    [
        os_profile(adminPassword="hunter2-very-secret"),
        os_profile(windowsConfiguration={"additionalUnattendContent": [{"content": "hunter2-very-secret"}]}),
        key("-----BEGIN OPENSSH PRIVATE KEY-----hunter2-very-secret"),
    ],
    ids=["adminPassword", "additionalUnattendContent", "keyData"],
)
def test_secrets_in_launch_settings_are_refused_and_not_repeated(value):
    (problem,) = check_shared_value(LAUNCH_SPEC, value)
    assert "hunter2" not in problem.message


@pytest.mark.parametrize("secret", ["hunter2-very-secret", {"v": "hunter2-very-secret"}, "https://hunter2.example.org"])
def test_a_secret_written_by_mistake_is_refused_and_not_repeated(secret):
    (problem,) = check_shared_value(LOCATIONS, [{"location": "westeurope", "secrets": {"password": secret}}])
    assert problem.pointer == "/0/secrets/password"
    assert "hunter2" not in problem.message


def test_worker_configuration_refers_to_the_very_schemas_of_shared_configs():
    """Where a reference stands there, every future value is known to fit."""
    properties = loader.schema(CONFIG)["properties"]
    expected = {"locations": LOCATIONS, "vmSizes": SIZES, "images": IMAGES, "launchSpec": LAUNCH_SPEC}
    assert {name: properties[name] for name in expected} == {name: {"$ref": ref} for name, ref in expected.items()}


def test_worker_configuration_takes_over_every_common_property():
    common = loader.schema("/schemas/common/worker-type.json#")["properties"]
    taken = {name: {"$ref": f"/schemas/common/worker-type.json#/properties/{name}"} for name in common}
    assert taken.items() <= loader.schema(CONFIG)["properties"].items()


def test_shared_configs_may_have_each_of_the_schemas():
    brought = {entry.name: entry.schema for entry in loader.provider_schemas("azure").shared_configs}
    own = {"locations": LOCATIONS, "VM sizes": SIZES, "images": IMAGES, "launch settings": LAUNCH_SPEC}
    names = ("lifecycle", "rollout", "brakes", "schedule", "spot", "tags", "user data")
    common = {name: f"/schemas/common/{name.replace(' ', '-')}.json#" for name in names}
    assert own | common == brought


# ---- the examples


def load(path):
    return YAML(typ="safe", pure=True).load(path)


def examples(folder):
    return [load(path) for path in sorted((EXAMPLES / folder).glob("*.yml"))]


SHARED = {each["name"]: SharedValue(1, each["value"], each["schema"]) for each in examples("shared-configs")}


@pytest.mark.parametrize("document", examples("shared-configs"), ids=lambda document: document["name"])
def test_the_shared_configs_of_the_examples_are_accepted(document):
    assert check_shared_config(document) == ()


@pytest.mark.parametrize("document", examples("worker-types"), ids=lambda document: document["workerType"])
def test_the_worker_types_of_the_examples_are_accepted_and_their_references_proven(document):
    record = ProviderRecord("azure-provider", "azure", regions=("westeurope", "northeurope"))
    config = resolve(document, SHARED, now=NOW, kind=kind("azure"), record=record)
    assert config.shared_revisions.keys() == {reference.name for reference in collect_references(document)}
    assert {spec.offering.region for spec in config.launch_specs} == set(record.regions)
    schemas = {name: value.schema for name, value in SHARED.items()}
    assert [proof.why for proof in proofs(document, "azure", schemas)] == [""] * len(config.shared_revisions)


def test_the_examples_use_both_plain_references_and_expressions():
    documents = {each["workerType"]: each for each in examples("worker-types")}
    assert documents.keys() == {"azure-linux-build", "azure-windows-test"}
    config = resolve(documents["azure-windows-test"], SHARED, now=NOW, kind=kind("azure"))
    assert [entry["capacity"] for entry in config.document["vmSizes"]] == [1, 2, 4]
    assert "images" not in config.document


# ---- against the SDK's own description of the Resource Manager, where it is installed


def resolved(schema):
    while ref := schema.get("$ref"):
        file, _, fragment = ref.partition("#")
        schema = loader.schema(file or LAUNCH_SPEC)
        for step in filter(None, fragment.split("/")):
            schema = schema[step]
    return schema


def differences(schema, hint, hints_of, path=""):
    """Names and enumeration values of the schema which the SDK's types do not have."""
    schema = resolved(schema)
    if hasattr(hint, "__required_keys__"):  # a TypedDict, of typing or of its extensions
        hint = hints_of(hint)
    if isinstance(hint, dict):
        yield from (f"{path}/{name}" for name in schema.get("properties", {}) if name not in hint)
        for name, below in schema.get("properties", {}).items():
            yield from differences(below, hint.get(name), hints_of, f"{path}/{name}")
    for argument in typing.get_args(hint):
        if isinstance(argument, enum.EnumMeta):
            values = {member.value for member in argument}
            yield from (f"{path}={value}" for value in schema.get("enum", ()) if value not in values)
        elif typing.get_origin(hint) is list:
            yield from differences(schema.get("items", {}), argument, hints_of, f"{path}/0")


@pytest.fixture(scope="module")
def sdk():
    """The hints of a virtual machine as launch settings have them, and how to read those of a type below."""
    models = pytest.importorskip("azure.mgmt.compute.models")
    types = pytest.importorskip("azure.mgmt.compute.types")
    enums = {name: value for name, value in vars(models).items() if isinstance(value, enum.EnumMeta)}

    def hints_of(typed_dict):
        return typing.get_type_hints(typed_dict, localns=enums)

    return hints_of(types.VirtualMachine) | hints_of(types.VirtualMachineProperties), hints_of, models


def test_launch_settings_are_properties_of_the_sdks_virtual_machine_with_its_very_values(sdk):
    hints, hints_of, _ = sdk
    assert list(differences(loader.schema(LAUNCH_SPEC), hints, hints_of)) == []


def test_the_comparison_with_the_sdk_finds_a_misspelt_name_and_value(sdk):
    hints, hints_of, _ = sdk
    wrong = {"properties": {"storageProfle": {}, "priority": {"enum": ["Spot", "spot"]}}}
    assert list(differences(wrong, hints, hints_of)) == ["/storageProfle", "/priority=spot"]
    nested = {"properties": {"storageProfile": {"properties": {"dataDisks": {"items": {"properties": {"lan": {}}}}}}}}
    assert list(differences(nested, hints, hints_of)) == ["/storageProfile/dataDisks/0/lan"]


def test_every_vm_size_of_the_sdk_is_accepted(sdk):
    *_, models = sdk
    pattern = loader.schema(SIZES)["items"]["properties"]["vmSize"]["pattern"]
    names = [member.value for member in models.VirtualMachineSizeTypes]
    assert [name for name in names if not re.search(pattern, name)] == []
    assert len(names) > 100
