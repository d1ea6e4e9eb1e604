"""What the kind `azure` makes of a worker type: its offerings, their merged settings, and what is refused of them."""

from __future__ import annotations

import copy

import pytest

from worker_manager.config import resolve
from worker_manager.errors import ConfigInvalid
from worker_manager.kinds import kind
from worker_manager.launch_settings import user_data_text
from worker_manager.model import Cap
from worker_manager.provider import ProviderRecord
from worker_manager.providers.azure.kind import MAX_CUSTOM_DATA_BYTES
from worker_manager.providers.azure.terms import family, image

NOW = "2026-11-23T10:00:00.000Z"
AZURE = kind("azure")
GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/workers/providers"
GALLERY = f"{GROUP}/Microsoft.Compute/galleries/workers/images/ubuntu/versions"
MARKETPLACE = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "24.04.202510010"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDkcbyS8p5i5V8169jP8nuQrEmmTapfL1eKtjxNWNvlM"
LINUX = {"ssh": {"publicKeys": [{"keyData": KEY}]}}
IDENTITIES = {f"{GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/worker": {}}


def address(network, **settings):
    return {
        "properties": {"subnet": {"id": f"{GROUP}/Microsoft.Network/virtualNetworks/{network}/subnets/x"}, **settings}
    }


def interface(*addresses, **settings):
    return {"properties": {"ipConfigurations": list(addresses), **settings}}


def network(*interfaces):
    return {"networkProfile": {"networkInterfaceConfigurations": list(interfaces)}}


LOCATIONS = [
    {"location": "westeurope", "zones": ["1", "3"], "launchSpec": network(interface(address("west")))},
    {"location": "northeurope", "launchSpec": network(interface(address("north")))},
]
IMAGES = [{"location": "any", "imageReference": {"id": f"{GALLERY}/1.0.0"}}]
SIZES = [{"vmSize": "Standard_D4ds_v5"}, {"vmSize": "Standard_D16ds_v5", "capacity": 4, "utility": 3.5}]
GOOD = {
    "workerType": "linux-build",
    "provider": "azure-provider",
    "minCapacity": 1,
    "maxCapacity": 100,
    "locations": LOCATIONS,
    "images": IMAGES,
    "vmSizes": SIZES,
    "launchSpec": {"osProfile": {"adminUsername": "worker", "linuxConfiguration": LINUX}},
}


def changed(changes):
    """The good document with members set by dotted path; the value None removes one."""
    result = copy.deepcopy(GOOD)
    for path, value in changes.items():
        *parents, last = path.split(".")
        target = result
        for step in parents:
            target = target[int(step)] if isinstance(target, list) else target.setdefault(step, {})
        if value is None:
            del target[last]
        else:
            target[last] = value
    return result


def resolved(changes=()):
    return resolve(changed(dict(changes)), {}, now=NOW, kind=AZURE)


def problems_of(changes, record=None):
    with pytest.raises(ConfigInvalid) as caught:
        resolve(changed(changes), {}, now=NOW, kind=AZURE, record=record)
    return caught.value.problems


def settings_of(changes):
    return [spec.settings for spec in resolved(changes).launch_specs]


# ---- offerings and settings


def test_one_offering_arises_from_each_location_vm_size_and_zone():
    specs = resolved().launch_specs
    assert [spec.offering.key for spec in specs] == [
        "westeurope/1/Standard_D4ds_v5/onDemand",
        "westeurope/3/Standard_D4ds_v5/onDemand",
        "westeurope/1/Standard_D16ds_v5/onDemand",
        "westeurope/3/Standard_D16ds_v5/onDemand",
        "northeurope/any/Standard_D4ds_v5/onDemand",
        "northeurope/any/Standard_D16ds_v5/onDemand",
    ]
    assert [(spec.offering.capacity, spec.offering.utility) for spec in specs[1:3]] == [(1, 1.0), (4, 3.5)]


def test_later_levels_win_worker_type_image_location_vm_size():
    size = {"vmSize": "Standard_D4ds_v5", "launchSpec": {"priority": "Spot"}, "userData": {"c": 4}, "scopes": ["s"]}
    place = LOCATIONS[0] | {"userData": {"b": 3, "c": 3}, "scopes": ["l"]}
    place["launchSpec"] = place["launchSpec"] | {"priority": "Regular", "licenseType": "RHEL_BYOS"}
    changes = {"locations": [place], "vmSizes": [size], "userData": {"a": 1, "b": 1, "c": 1}, "scopes": ["w"]}
    spec, _ = resolved(changes | {"launchSpec.licenseType": "SLES_BYOS"}).launch_specs
    assert spec.settings == GOOD["launchSpec"] | LOCATIONS[0]["launchSpec"] | {
        "storageProfile": {"imageReference": {"id": f"{GALLERY}/1.0.0"}},
        "priority": "Spot",
        "licenseType": "RHEL_BYOS",
    }
    assert spec.user_data == {"data": {"a": 1, "b": 3, "c": 4}, "secrets": {}, "scopes": ["l", "s", "w"]}


@pytest.mark.parametrize(
    ("expected", "size"),
    [
        ("ddsv5", "Standard_D16ds_v5"),
        ("dsv2", "Standard_DS11-1_v2"),
        ("dv2promo", "Standard_D2_v2_Promo"),
        ("dcadsv5", "Standard_DC4ads_v5"),
        ("ncadsa100v4", "Standard_NC24ads_A100_v4"),
        ("mmsv3", "Standard_M96ms_v3"),
        ("ebdsv5", "Standard_E8-2bds_v5"),
        ("a", "Standard_A1"),
        ("basica", "Basic_A1"),
        ("", "nonsense"),
    ],
)
def test_families_are_series_and_version_of_the_size(expected, size):
    assert expected == family(size)


@pytest.mark.parametrize(
    ("expected", "reference"),
    [
        (f"{GALLERY}/1.0.0", {"id": f"{GALLERY}/1.0.0"}),
        ("/SharedGalleries/x", {"sharedGalleryImageId": "/SharedGalleries/x"}),
        ("/CommunityGalleries/x", {"communityGalleryImageId": "/CommunityGalleries/x"}),
        ("Canonical:ubuntu-24_04-lts:server:24.04.202510010", MARKETPLACE),
        ("", {}),
    ],
)
def test_an_image_reference_reads_as_one_text(expected, reference):
    assert expected == image({"storageProfile": {"imageReference": reference}})


def test_launch_specs_tell_their_image_and_offerings_their_family_and_worth():
    assert {f"{GALLERY}/1.0.0"} == {spec.image for spec in resolved().launch_specs}
    sizes = [{"vmSize": "Standard_D4ds_v5"}, {"vmSize": "Standard_F16s_v2", "capacity": 4}]
    offerings = [spec.offering for spec in resolved({"vmSizes": sizes}).launch_specs]
    assert {("ddsv5", 1.0), ("fsv2", 4.0)} == {(each.family, each.utility) for each in offerings}


def test_caps_are_those_of_locations_and_sizes():
    assert () == resolved().caps
    caps = resolved({"locations.1.maxCapacity": 20, "vmSizes.0.maxCapacity": 8}).caps
    assert (Cap(20, region="northeurope"), Cap(8, instance_type="Standard_D4ds_v5")) == caps


def test_each_spot_machine_has_a_regular_one_to_fall_back_to_after_all_others():
    spot = {"priority": "Spot", "evictionPolicy": "Delete", "billingProfile": {"maxPrice": 1}}
    wanted = {f"launchSpec.{name}": value for name, value in spot.items()} | {"spot": {"fallback": "onDemand"}}
    specs = resolved(wanted).launch_specs
    assert [False] * 6 + [True] * 6 == [spec.is_fallback for spec in specs]
    assert [spec.offering.key.replace("/spot", "/onDemand") for spec in specs[:6]] == [
        spec.offering.key for spec in specs[6:]
    ]
    regular = resolved({"launchSpec.priority": "Regular"}).launch_specs
    assert [(each.settings, each.settings_hash) for each in regular] == [
        (each.settings, each.settings_hash) for each in specs[6:]
    ]


def test_a_fallback_without_spot_machines_is_refused():
    (problem,) = problems_of({"spot": {"fallback": "onDemand"}})
    assert ("/spot", "spot-without-spot") == (problem.pointer, problem.rule)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({}, "onDemand"),
        ({"launchSpec.priority": "Spot"}, "spot"),
        ({"locations.0.launchSpec.priority": "Spot"}, "spot"),
        ({"vmSizes.0.launchSpec": {"priority": "Spot"}}, "spot"),
        ({"launchSpec.priority": "Spot", "vmSizes.0.launchSpec": {"priority": "Regular"}}, "onDemand"),
    ],
)
def test_the_market_is_that_of_the_strongest_level(levels, expected):
    assert resolved(levels).launch_specs[0].offering.market == expected


def test_the_image_of_the_location_goes_before_the_one_for_any():
    own = {
        "location": "northeurope",
        "imageReference": MARKETPLACE,
        "plan": {"name": "n", "publisher": "p", "product": "o"},
    }
    found = {spec.offering.region: spec.settings for spec in resolved({"images": [own, *IMAGES]}).launch_specs}
    assert found["westeurope"]["storageProfile"]["imageReference"] == IMAGES[0]["imageReference"]
    assert found["northeurope"]["storageProfile"]["imageReference"] == MARKETPLACE
    assert [place for place, settings in found.items() if "plan" in settings] == ["northeurope"]


def test_an_edit_of_the_images_changes_the_hash_of_just_the_locations_concerned():
    def hashes(images):
        return {spec.offering.key: spec.settings_hash for spec in resolved({"images": images}).launch_specs}

    before = hashes(IMAGES)
    after = hashes([*IMAGES, {"location": "northeurope", "imageReference": {"id": f"{GALLERY}/2.0.0"}}])
    assert {key.partition("/")[0] for key in before if before[key] != after[key]} == {"northeurope"}


def test_common_tags_become_tags_of_the_machine_unless_the_launch_settings_have_others():
    changes = {"tags": {"team": "releng", "use": "ci"}, "launchSpec.tags": {"use": "CI", "Cost Center": "7"}}
    assert all(
        settings["tags"] == {"team": "releng", "use": "CI", "Cost Center": "7"} for settings in settings_of(changes)
    )
    assert all("tags" not in settings for settings in settings_of({"tags": {}}))


def test_custom_data_tells_an_instance_what_it_is_in_the_words_of_every_cloud():
    spec = resolved({"userData": {"ä": 1}}).launch_specs[3]
    assert user_data_text("linux-build", "azure-provider", spec, "key-1") == (
        '{"availabilityZone":"3","capacity":4,"data":{"ä":1},"instanceType":"Standard_D16ds_v5","launchKey":"key-1",'
        '"provider":"azure-provider","region":"westeurope","scopes":[],"secrets":{},"workerType":"linux-build"}'
    )


def test_hashes_stay_the_same_between_releases():
    """A change here replaces every instance of every fleet: raise HASH_VERSION and say so in the changelog."""
    assert resolved().config_hash == "v1-2bc26638a8ae7f41"


# ---- what is refused

OS_DISK = "launchSpec.storageProfile.osDisk"
ULTRA = {"storageAccountType": "UltraSSD_LRS"}
ULTRA_DISK = {"lun": 7, "createOption": "Empty", "diskSizeGB": 8, "managedDisk": ULTRA}
GUEST_STATE = {"securityProfile": {"securityEncryptionType": "VMGuestStateOnly"}}
WINDOWS = {"adminUsername": "worker", "windowsConfiguration": {}}


def windows(**settings):
    return {"launchSpec.osProfile": {"adminUsername": "worker", "windowsConfiguration": settings}}


@pytest.mark.parametrize(
    ("changes", "pointer", "message"),
    [
        ({"locations": None}, "", "'locations' is missing"),
        ({"vmSizes": []}, "/vmSizes", "1 or more entries"),
        ({"regions": []}, "/regions", "unknown key 'regions'"),
        ({"maxCapacity": 3, "vmSizes": SIZES[1:]}, "/vmSizes", "the smallest has 4"),
        ({"images": None}, "/locations/0", "no level gives storageProfile.imageReference: give `images`"),
        (
            {"images": [IMAGES[0] | {"location": "westeurope"}]},
            "/locations/1",
            "an entry for the location or for `any`",
        ),
        ({"launchSpec.storageProfile": {"imageReference": MARKETPLACE}}, "/locations/0", "id and publisher"),
        (
            {"images": None, "launchSpec.storageProfile": {"imageReference": {"publisher": "p", "sku": "s"}}},
            "/locations/0",
            "imageReference has publisher, sku, but no offer, version",
        ),
        ({"locations.1.launchSpec": None}, "/locations/1", "no level gives networkProfile"),
        ({"launchSpec.osProfile.adminUsername": None}, "/locations/0", "no level gives osProfile.adminUsername"),
        ({"launchSpec.osProfile.linuxConfiguration": None}, "/locations/0", "Azure wants an SSH public key"),
        ({"launchSpec.osProfile.linuxConfiguration": {"ssh": {}}}, "/locations/0", "Azure wants an SSH public key"),
        ({"launchSpec.osProfile.windowsConfiguration": {}}, "/locations/0", "an image has one system"),
        ({"launchSpec.evictionPolicy": "Delete"}, "/locations/0", "evictionPolicy needs priority: Spot"),
        ({"launchSpec.billingProfile": {"maxPrice": 1}}, "/locations/0", "billingProfile needs priority: Spot"),
        (
            {
                "launchSpec.priority": "Spot",
                "launchSpec.evictionPolicy": "Delete",
                "vmSizes.1.launchSpec": {"priority": "Regular"},
            },
            "/locations/0",
            "evictionPolicy needs priority: Spot",
        ),
        (
            {
                "launchSpec.priority": "Spot",
                "locations.1.launchSpec.capacityReservation": {
                    "capacityReservationGroup": {"id": f"{GROUP}/Microsoft.Compute/capacityReservationGroups/x"}
                },
            },
            "/locations/1",
            "reserved capacity is for regular instances",
        ),
        ({"launchSpec.securityProfile": {"uefiSettings": {}}}, "/locations/0", "TrustedLaunch or ConfidentialVM"),
        ({"launchSpec.securityProfile": {"securityType": "ConfidentialVM"}}, "/locations/0", "securityEncryptionType"),
        (
            {f"{OS_DISK}.managedDisk": GUEST_STATE},
            "/locations/0",
            "needs securityProfile.securityType: ConfidentialVM",
        ),
        (
            {
                f"{OS_DISK}.managedDisk": GUEST_STATE,
                "launchSpec.securityProfile": {
                    "securityType": "ConfidentialVM",
                    "uefiSettings": {"vTpmEnabled": False},
                },
            },
            "/locations/0",
            "confidential instances have a virtual TPM",
        ),
        ({f"{OS_DISK}.diffDiskSettings": {"option": "Local"}}, "/locations/0", "osDisk.caching: ReadOnly"),
        (
            {f"{OS_DISK}.diffDiskSettings": {"option": "Local"}, f"{OS_DISK}.caching": "ReadWrite"},
            "/locations/0",
            "osDisk.caching: ReadOnly",
        ),
        ({"launchSpec.identity": {"type": "UserAssigned"}}, "/locations/0", "needs identity.userAssignedIdentities"),
        (
            {"launchSpec.identity": {"type": "SystemAssigned", "userAssignedIdentities": IDENTITIES}},
            "/locations/0",
            "needs identity.type: UserAssigned or SystemAssigned, UserAssigned",
        ),
        (
            {"launchSpec.storageProfile": {"dataDisks": [ULTRA_DISK]}},
            "/locations/0",
            "the data disk with lun 7 is an Ultra disk",
        ),
        (windows(patchSettings={"patchMode": "Manual"}), "/locations/0", "enableAutomaticUpdates: false"),
        (
            windows(patchSettings={"patchMode": "AutomaticByOS"}, enableAutomaticUpdates=False),
            "/locations/0",
            "the patch mode needs automatic updates",
        ),
        (
            windows(patchSettings={"assessmentMode": "AutomaticByPlatform"}, provisionVMAgent=False),
            "/locations/0",
            "the mode needs the agent",
        ),
        (
            {"launchSpec.osProfile": WINDOWS | {"computerName": "sixteen-letters-"[:15] + "x"}},
            "/locations/0",
            "15 char",
        ),
        ({"launchSpec.osProfile": WINDOWS | {"computerName": "a.b"}}, "/locations/0", "'a.b' does not do for Windows"),
        ({"launchSpec.osProfile": WINDOWS | {"computerName": "12345"}}, "/locations/0", "not digits alone"),
        ({"launchSpec.osProfile": WINDOWS | {"adminUsername": "x" * 21}}, "/locations/0", "Windows' 20 characters"),
        (
            {
                "launchSpec.osProfile.linuxConfiguration": LINUX
                | {"patchSettings": {"patchMode": "AutomaticByPlatform"}, "provisionVMAgent": False}
            },
            "/locations/0",
            "the mode needs the agent",
        ),
        (
            {"locations.1.launchSpec": network(interface(address("a")), interface(address("b")))},
            "/locations/1",
            "0 of 2 network interfaces are primary",
        ),
        (
            {"locations.1.launchSpec": network(*[interface(address("a"), primary=True)] * 2)},
            "/locations/1",
            "2 of 2 network interfaces are primary",
        ),
        (
            {"locations.1.launchSpec": network(interface(address("a"), address("a", privateIPAddressVersion="IPv6")))},
            "/locations/1",
            "0 of 2 ipConfigurations are primary",
        ),
        (
            {"locations.1.launchSpec": network(interface(address("a", privateIPAddressVersion="IPv6")))},
            "/locations/1",
            "the primary one of the ipConfigurations is IPv6",
        ),
        (
            {
                "tags": {f"a{number}": "" for number in range(3)},
                "launchSpec.tags": {f"b{number}": "" for number in range(43)},
            },
            "/locations/0",
            "46 tags of yours and 5 of Worker Manager's, more than Azure's limit of 50",
        ),
        ({"tags": {"team": "a"}, "launchSpec.tags": {"Team": "b"}}, "/locations/0", "'team' and 'Team' are the same"),
        ({"userData": {"x": "y" * MAX_CUSTOM_DATA_BYTES}}, "/locations/0", "more bytes than Azure's limit of 65535"),
        ({"secrets": {"a": "ssm:/a"}}, "/secrets/a", "this value (not shown)"),
    ],
)
def test_bad_documents_are_refused_at_the_place_at_fault(changes, pointer, message):
    problems = problems_of(changes)
    found = [problem for problem in problems if problem.pointer == pointer and message in problem.message]
    assert found, problems
    assert all(len(problem.message) < 400 for problem in problems)


@pytest.mark.parametrize(
    "changes",
    [
        windows(patchSettings={"patchMode": "Manual"}, enableAutomaticUpdates=False),
        windows(patchSettings={"patchMode": "AutomaticByPlatform"}),
        {"launchSpec.osProfile": WINDOWS | {"computerName": "fifteen-letters"}},
        {"launchSpec.osProfile.computerName": "more-than-fifteen-letters"},
        {
            "launchSpec.priority": "Spot",
            "launchSpec.evictionPolicy": "Delete",
            "launchSpec.billingProfile": {"maxPrice": 1},
        },
        {"launchSpec.evictionPolicy": "Delete", "vmSizes": [SIZES[0] | {"launchSpec": {"priority": "Spot"}}]},
        {"launchSpec.identity": {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": IDENTITIES}},
        {
            f"{OS_DISK}.diffDiskSettings": {"option": "Local"},
            "vmSizes.0.launchSpec": {},
            f"{OS_DISK}.caching": "ReadOnly",
        },
        {"images": None, "launchSpec.storageProfile": {"imageReference": MARKETPLACE}},
        {"locations.1.launchSpec": network(interface(address("a"), primary=True), interface(address("b")))},
        {
            "locations.1.launchSpec": network(
                interface(address("a", primary=True), address("a", privateIPAddressVersion="IPv6"))
            )
        },
        {"tags": {"a": ""}, "launchSpec.tags": {f"b{number}": "" for number in range(44)}},
        {"secrets": {"token": "https://workers.vault.azure.net/secrets/token/" + "0" * 32}},
    ],
    ids=",".join,
)
def test_what_azure_would_take_is_accepted(changes):
    assert len(resolved(changes).launch_specs) > 0


def test_a_problem_of_all_offerings_of_a_location_is_told_once():
    problems = problems_of({"launchSpec.evictionPolicy": "Delete"})
    assert [problem.pointer for problem in problems] == ["/locations/0", "/locations/1"]


def test_custom_data_may_be_as_long_as_azure_allows():
    longest = len(user_data_text("linux-build", "azure-provider", resolved().launch_specs[2], "x" * 64).encode())
    room = MAX_CUSTOM_DATA_BYTES - longest - len('"x":""')
    assert resolved({"userData": {"x": "y" * room}})
    assert {problem.rule for problem in problems_of({"userData": {"x": "y" * (room + 1)}})} == {"user-data-too-large"}


def test_the_locations_must_be_the_providers():
    record = ProviderRecord("azure-provider", "azure", regions=("westeurope",))
    (problem,) = problems_of({}, record=record)
    assert (problem.pointer, problem.rule) == ("/locations/1/location", "region-not-allowed")
    assert resolve(changed({"locations": LOCATIONS[:1]}), {}, now=NOW, kind=AZURE, record=record)


def test_too_many_offerings_are_refused_quickly():
    sizes = [{"vmSize": f"Standard_D{number}s_v5"} for number in range(250)]
    places = [{"location": name, "zones": ["1", "2", "3"]} for name in ("westeurope", "northeurope")]
    (problem,) = problems_of({"vmSizes": sizes, "locations": places})
    assert "1500 offerings" in problem.message


def test_no_provider_of_this_kind_can_be_opened_yet():
    with pytest.raises(ConfigInvalid) as caught:
        AZURE.open(ProviderRecord("azure-provider", "azure"))
    (problem,) = caught.value.problems
    assert (problem.pointer, problem.rule) == ("/kind", "no-launcher")
    assert "checks and renders configs of kind 'azure', but has no launcher for it" in problem.message
