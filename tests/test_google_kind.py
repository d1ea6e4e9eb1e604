"""The kind `google`: offerings, merged settings, hashes, and the rules about what the levels add up to."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from worker_manager.config import SharedValue, check_shared_config, collect_references, may_loop, resolve
from worker_manager.errors import ConfigInvalid
from worker_manager.kinds import kind, kind_names, kind_of_provider
from worker_manager.launch_settings import user_data_text
from worker_manager.model import Cap, Market
from worker_manager.provider import ProviderRecord
from worker_manager.providers.google.settings import family

NOW = "2026-11-23T10:00:00.000Z"
EXAMPLES = Path(__file__).parent.parent / "examples" / "clouds" / "google"
GOOGLE = kind("google")

SUBNETWORK = "projects/ci-network/regions/us-central1/subnetworks/workers"
IMAGES = [
    {"image": "docker", "architecture": "X86_64", "sourceImage": "global/images/docker-1", "diskSizeGb": 20},
    {"image": "docker", "architecture": "ARM64", "sourceImage": "global/images/docker-arm64-1"},
    {"image": "generic", "architecture": "X86_64", "sourceImage": "global/images/generic-1"},
]
ZONES = [
    {"zone": "us-central1-a", "launchSpec": {"networkInterfaces": [{"subnetwork": SUBNETWORK}]}},
    {"zone": "europe-west4-b", "launchSpec": {"networkInterfaces": [{"network": "global/networks/default"}]}},
]
TYPES = [{"machineType": "n2-standard-4"}, {"machineType": "c4a-standard-8", "architecture": "ARM64", "capacity": 2}]
SHARED = {
    "images": SharedValue(4, IMAGES, "/schemas/common/google-images.json#"),
    "zones": SharedValue(2, ZONES, "/schemas/common/google-zones.json#"),
    "types": SharedValue(1, TYPES, "/schemas/common/google-machine-types.json#"),
}
GOOD = {
    "workerType": "gcp-linux",
    "provider": "google-provider",
    "minCapacity": 0,
    "maxCapacity": 100,
    "zones": {"$eval": "context.zones"},
    "machineTypes": {"$eval": "context.types"},
    "images": {"$eval": "context.images"},
    "image": "docker",
    "launchSpec": {"minCpuPlatform": "Intel Ice Lake"},
    "userData": {"dindImage": "v4"},
}
GPU = [{"acceleratorType": "nvidia-tesla-t4", "acceleratorCount": 1}]
ONE = [{"machineType": "n2-standard-4"}]


def changed(changes):
    """The document with members set by dotted path; the value None removes one."""
    result = copy.deepcopy(GOOD)
    for path, value in dict(changes).items():
        *parents, last = path.split(".")
        target = result
        for step in parents:
            target = target.setdefault(step, {})
        if value is None:
            del target[last]
        else:
            target[last] = value
    return result


def resolved(changes=(), shared=SHARED):
    return resolve(changed(changes), shared, now=NOW, kind=GOOGLE)


def problems_of(changes, record=None):
    with pytest.raises(ConfigInvalid) as caught:
        resolve(changed(changes), SHARED, now=NOW, kind=GOOGLE, record=record)
    return caught.value.problems


def settings(changes=()):
    return resolved(changes).launch_specs[0].settings


# ---- offerings and settings


def test_one_offering_arises_from_each_machine_type_and_zone():
    specs = resolved().launch_specs
    assert [spec.offering.key for spec in specs] == [
        "us-central1/us-central1-a/n2-standard-4/onDemand",
        "europe-west4/europe-west4-b/n2-standard-4/onDemand",
        "us-central1/us-central1-a/c4a-standard-8/onDemand",
        "europe-west4/europe-west4-b/c4a-standard-8/onDemand",
    ]
    assert [spec.offering.capacity for spec in specs] == [1, 1, 2, 2]


def test_the_region_of_a_zone_for_accelerators_is_the_region_before_it():
    assert resolved({"zones": [ZONES[0] | {"zone": "us-central1-ai1a"}]}).launch_specs[0].offering.region == (
        "us-central1"
    )


def test_the_market_is_what_the_levels_add_up_to():
    spot, standard = {"provisioningModel": "SPOT"}, {"provisioningModel": "STANDARD"}
    types = [TYPES[0], {"machineType": "n2-standard-8", "launchSpec": {"scheduling": standard}}]
    specs = resolved({"launchSpec.scheduling": spot, "machineTypes": types, "zones": ZONES[:1]}).launch_specs
    assert [spec.offering.market for spec in specs] == [Market.SPOT, Market.ON_DEMAND]
    assert [spec.settings["scheduling"] for spec in specs] == [spot | {"instanceTerminationAction": "DELETE"}, standard]


@pytest.mark.parametrize(
    ("expected", "machine_type"),
    [
        ("n2", "n2-standard-4"),
        ("n2", "n2-custom-6-20480"),
        ("e2", "e2-medium"),
        ("n1", "n1-highmem-2"),
        ("n1", "custom-6-20480"),
        ("n1", "f1-micro"),
        ("n1", "g1-small"),
        ("g2", "g2-standard-4"),
        ("c3d", "c3d-standard-8-lssd"),
        ("a2", "a2-highgpu-1g"),
    ],
)
def test_families_are_the_series_that_quotas_count_together(expected, machine_type):
    assert expected == family(machine_type)


def test_launch_specs_tell_their_image_and_offerings_their_family_and_worth():
    specs = resolved().launch_specs
    assert ["global/images/docker-1"] * 2 + ["global/images/docker-arm64-1"] * 2 == [spec.image for spec in specs]
    assert [("n2", 1.0)] * 2 + [("c4a", 2.0)] * 2 == [(spec.offering.family, spec.offering.utility) for spec in specs]


def test_caps_are_those_of_zones_and_machine_types():
    assert () == resolved().caps
    zones, types = [ZONES[0] | {"maxCapacity": 9}, ZONES[1]], [TYPES[0], TYPES[1] | {"maxCapacity": 4}]
    caps = resolved({"zones": zones, "machineTypes": types}).caps
    assert (Cap(9, zone="us-central1-a"), Cap(4, instance_type="c4a-standard-8")) == caps


def fallbacks(scheduling):
    changes = {"machineTypes": ONE, "zones": ZONES[:1], "launchSpec.scheduling": scheduling}
    return resolved(changes | {"spot": {"fallback": "onDemand"}}).launch_specs


def test_each_spot_instance_has_a_regular_one_to_fall_back_to_after_all_others():
    spot, regular = fallbacks({"provisioningModel": "SPOT"})
    assert ("us-central1/us-central1-a/n2-standard-4/onDemand", True) == (regular.offering.key, regular.is_fallback)
    assert (Market.SPOT, False) == (spot.offering.market, spot.is_fallback)
    plain = resolved({"machineTypes": ONE, "zones": ZONES[:1]}).launch_specs[0]
    assert (plain.settings, plain.settings_hash) == (regular.settings, regular.settings_hash)


def test_a_fallback_keeps_what_is_not_only_for_spot_instances():
    limited = {"maxRunDuration": {"seconds": 3600}, "automaticRestart": False}
    _, regular = fallbacks({"provisioningModel": "SPOT", **limited})
    assert limited | {"instanceTerminationAction": "DELETE"} == regular.settings["scheduling"]


def test_a_fallback_without_spot_instances_is_refused():
    (problem,) = problems_of({"spot": {"fallback": "onDemand"}})
    assert ("/spot", "spot-without-spot") == (problem.pointer, problem.rule)


def test_what_only_spot_instances_may_have_is_refused_with_a_fallback():
    changes = {"machineTypes": [{"machineType": "e2-standard-4"}], "spot": {"fallback": "onDemand"}}
    scheduling = {"provisioningModel": "SPOT", "onHostMaintenance": "TERMINATE"}
    assert ["maintenance"] == [each.rule for each in problems_of(changes | {"launchSpec.scheduling": scheduling})]


def test_the_boot_disk_is_made_from_the_chosen_image_for_the_architecture():
    images = [spec.settings["disks"][0]["initializeParams"]["sourceImage"] for spec in resolved().launch_specs]
    assert images == ["global/images/docker-1"] * 2 + ["global/images/docker-arm64-1"] * 2


def test_the_image_need_not_be_named_where_there_is_but_one():
    document = {"images": IMAGES[:2], "image": None}
    assert resolved(document).config_hash == resolved().config_hash


def test_disks_keep_their_settings_get_the_image_and_are_deleted_with_the_instance():
    scratch = {"type": "SCRATCH", "initializeParams": {"diskType": "local-ssd"}}
    disks = [{"boot": True, "initializeParams": {"diskSizeGb": 50}}, scratch]
    parameters = {"diskSizeGb": 50, "sourceImage": "global/images/docker-1"}
    expected = [{"autoDelete": True, "boot": True, "initializeParams": parameters}, {"autoDelete": True, **scratch}]
    assert settings({"launchSpec.disks": disks})["disks"] == expected


def test_a_limited_run_time_ends_with_deletion():
    scheduling = {"maxRunDuration": {"seconds": 3600}}
    expected = scheduling | {"instanceTerminationAction": "DELETE"}
    assert settings({"launchSpec.scheduling": scheduling})["scheduling"] == expected


def test_tags_become_labels_of_instances_and_persistent_disks_and_yield_to_labels():
    disks = [
        {"boot": True, "initializeParams": {"labels": {"team": "disk"}}},
        {"type": "SCRATCH", "initializeParams": {"diskType": "local-ssd"}},
    ]
    tags = {"team": "releng", "project": "ci"}
    merged = settings({"tags": tags, "launchSpec.labels": {"team": "mine"}, "launchSpec.disks": disks})
    assert merged["labels"] == {"team": "mine", "project": "ci"}
    labels = [disk["initializeParams"].get("labels") for disk in merged["disks"]]
    assert labels == [{"team": "disk", "project": "ci"}, None]
    assert "labels" not in settings()


def test_later_levels_win_deeply_lists_are_replaced_and_scopes_united():
    zone = ZONES[0] | {
        "launchSpec": ZONES[0]["launchSpec"] | {"labels": {"b": "zone", "c": "zone"}, "minCpuPlatform": "Intel Zone"},
        "userData": {"deep": {"b": 2, "c": 2}},
        "secrets": {"two": "projects/ci-workers/secrets/zone"},
        "scopes": ["z"],
    }
    machine_type = TYPES[0] | {
        "launchSpec": {"labels": {"c": "type"}, "tags": {"items": ["type"]}},
        "userData": {"deep": {"c": 3}},
        "scopes": ["a"],
    }
    changes = {
        "launchSpec": {"labels": {"a": "all", "b": "all", "c": "all"}, "tags": {"items": ["all", "more"]}},
        "userData": {"deep": {"a": 1, "b": 1, "c": 1}},
        "secrets": {name: f"projects/ci-workers/secrets/{name}" for name in ("one", "two")},
        "scopes": ["m"],
        "zones": [zone],
        "machineTypes": [machine_type],
    }
    (spec,) = resolved(changes).launch_specs
    assert spec.settings["labels"] == {"a": "all", "b": "zone", "c": "type"}
    assert spec.settings["tags"] == {"items": ["type"]}
    assert spec.settings["minCpuPlatform"] == "Intel Zone"
    assert spec.user_data == {
        "data": {"deep": {"a": 1, "b": 2, "c": 3}},
        "secrets": {"one": "projects/ci-workers/secrets/one", "two": "projects/ci-workers/secrets/zone"},
        "scopes": ["a", "m", "z"],
    }


def test_the_user_data_says_what_the_instance_is():
    spec = resolved().launch_specs[2]
    found = json.loads(user_data_text("gcp-linux", "google-provider", spec, "key"))
    assert found == spec.user_data | {
        "workerType": "gcp-linux",
        "provider": "google-provider",
        "region": "us-central1",
        "availabilityZone": "us-central1-a",
        "instanceType": "c4a-standard-8",
        "capacity": 2,
        "launchKey": "key",
    }


# ---- hashes


def with_image(index, source):
    images = [entry | {"sourceImage": source} if number == index else entry for number, entry in enumerate(IMAGES)]
    return SHARED | {"images": SharedValue(5, images, "/schemas/common/google-images.json#")}


def test_a_new_image_changes_the_hashes_of_its_architecture_alone():
    before = {spec.offering.key: spec.settings_hash for spec in resolved().launch_specs}
    after = resolved(shared=with_image(1, "global/images/docker-arm64-2")).launch_specs
    changed_keys = {spec.offering.key for spec in after if before[spec.offering.key] != spec.settings_hash}
    assert changed_keys == {key for key in before if "c4a" in key}


def test_a_new_image_of_others_leaves_the_hash_alone():
    assert resolved(shared=with_image(2, "global/images/generic-2")).config_hash == resolved().config_hash


@pytest.mark.parametrize(
    "changes",
    [
        {"image": "generic", "machineTypes": ONE},
        {"tags": {"a": ""}},
        {"launchSpec.canIpForward": True},
        {"userData": {}},
    ],
    ids=str,
)
def test_what_an_instance_notices_changes_the_hash(changes):
    assert resolved(changes).config_hash != resolved().config_hash


def test_hashes_stay_the_same_between_releases():
    """A change here replaces every instance of every fleet: say so in the changelog."""
    assert resolved().config_hash == "v1-6edd8a07b3a4b507"


# ---- rules


@pytest.mark.parametrize(
    ("changes", "pointer", "message"),
    [
        ({"images": None}, "", "'images' is missing"),
        ({"zones": []}, "/zones", "1 or more entries"),
        ({"machineTypes": ONE, "launchSpec.machineType": "x"}, "/launchSpec/machineType", "use `machineTypes`"),
        ({"image": None}, "/images", "say which as `image`, of 'docker', 'generic'"),
        ({"image": "dokcer"}, "/image", "no image 'dokcer' among `images`; there are: 'docker', 'generic'"),
        ({"image": "generic"}, "/machineTypes", "the image 'generic' has no entry for ARM64, but for: X86_64"),
        ({"maxCapacity": 1, "machineTypes": TYPES[1:]}, "/machineTypes", "the smallest has 2"),
        ({"machineTypes": [{"machineType": "n2-custom-4-5000"}]}, "/machineTypes/0/machineType", "use 5120, not 5000"),
        ({"zones": [{"zone": "us-central1-a"}]}, "/zones/0", "no level of launchSpec gives networkInterfaces"),
        (
            {"zones": [ZONES[0] | {"zone": "us-east1-b"}]},
            "/zones/0/launchSpec/networkInterfaces/0/subnetwork",
            "lies in the region 'us-central1', but is given for 'n2-standard-4' in 'us-east1-b'",
        ),
        (
            {"launchSpec.networkInterfaces": [{}, {"subnetwork": SUBNETWORK}], "zones": [{"zone": "us-west1-a"}]},
            "/launchSpec/networkInterfaces/1/subnetwork",
            "name one in 'us-west1'",
        ),
        (
            {
                "launchSpec.scheduling": {"provisioningModel": "SPOT"},
                "machineTypes": [ONE[0] | {"launchSpec": {"scheduling": {"onHostMaintenance": "MIGRATE"}}}],
            },
            "/machineTypes/0/launchSpec/scheduling/onHostMaintenance",
            "MIGRATE meets provisioningModel SPOT for 'n2-standard-4' in 'us-central1-a'",
        ),
        (
            {
                "launchSpec.scheduling": {"automaticRestart": True},
                "machineTypes": [ONE[0] | {"launchSpec": {"scheduling": {"provisioningModel": "SPOT"}}}],
            },
            "/launchSpec/scheduling/automaticRestart",
            "spot instances cannot be restarted, use false",
        ),
        (
            {"launchSpec.scheduling": {"instanceTerminationAction": "DELETE"}},
            "/launchSpec/scheduling/instanceTerminationAction",
            "neither a spot instance nor has a maxRunDuration",
        ),
        ({"launchSpec.guestAccelerators": GPU}, "/launchSpec/guestAccelerators", "onHostMaintenance TERMINATE"),
        (
            {"launchSpec.guestAccelerators": GPU, "launchSpec.scheduling": {"onHostMaintenance": "MIGRATE"}},
            "/launchSpec/guestAccelerators",
            "cannot be migrated",
        ),
        ({"machineTypes": [{"machineType": "a2-highgpu-1g"}]}, "/machineTypes/0/machineType", "with GPUs cannot"),
        ({"machineTypes": [{"machineType": "g2-standard-4"}]}, "/machineTypes/0/machineType", "with GPUs cannot"),
        (
            {"launchSpec.confidentialInstanceConfig": {"confidentialInstanceType": "TDX"}, "machineTypes": ONE},
            "/launchSpec/confidentialInstanceConfig/confidentialInstanceType",
            "needs scheduling.onHostMaintenance TERMINATE",
        ),
        (
            {
                "launchSpec.scheduling": {"onHostMaintenance": "TERMINATE"},
                "machineTypes": [{"machineType": "e2-small"}],
            },
            "/launchSpec/scheduling/onHostMaintenance",
            "E2 instances take it only as spot instances; leave it out, or use MIGRATE",
        ),
        (
            {"launchSpec.disks": [{"boot": True, "initializeParams": {"diskSizeGb": 19}}]},
            "/launchSpec/disks/0/initializeParams/diskSizeGb",
            "19 GiB is too small for the image 'docker', which needs 20",
        ),
        (
            {"tags": {f"t{n}": "" for n in range(2)}, "launchSpec.labels": {f"l{n}": "" for n in range(58)}},
            "/launchSpec/labels",
            "make 65 labels",
        ),
        (
            {
                "tags": {f"t{n}": "" for n in range(2)},
                "launchSpec.disks": [{"boot": True, "initializeParams": {"labels": {f"l{n}": "" for n in range(58)}}}],
            },
            "/launchSpec/disks",
            "make 65 labels",
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_bad_documents_are_refused_at_the_place_at_fault(changes, pointer, message):
    problems = problems_of(changes)
    found = [problem for problem in problems if problem.pointer == pointer and message in problem.message]
    assert found, problems
    assert all(len(problem.message) < 400 for problem in problems)


@pytest.mark.parametrize(
    "changes",
    [
        {"launchSpec.scheduling": {"provisioningModel": "SPOT"}, "launchSpec.guestAccelerators": GPU},
        {"launchSpec.scheduling": {"onHostMaintenance": "TERMINATE"}, "launchSpec.guestAccelerators": GPU},
        {"launchSpec.guestAccelerators": []},
        {"launchSpec.confidentialInstanceConfig": {"confidentialInstanceType": "SEV"}, "machineTypes": ONE},
        {
            "launchSpec.scheduling": {"provisioningModel": "SPOT", "onHostMaintenance": "TERMINATE"},
            "machineTypes": [{"machineType": "e2-small"}],
        },
        {"machineTypes": [{"machineType": "n2-custom-4-5120"}]},
        {"launchSpec.disks": [{"boot": True, "initializeParams": {"diskSizeGb": 20}}]},
        {"tags": {"t": ""}, "launchSpec.labels": {f"l{n}": "" for n in range(58)}},
        {"maxCapacity": 0},
    ],
    ids=lambda value: str(value)[:60],
)
def test_good_documents_are_accepted(changes):
    assert resolved(changes).launch_specs


def test_the_regions_must_be_the_providers():
    record = ProviderRecord("google-provider", "google", regions=("us-central1",))
    (problem,) = problems_of({}, record)
    assert (problem.pointer, problem.rule) == ("/zones", "region-not-allowed")
    assert "does not use the region 'europe-west4'" in problem.message
    assert "(in shared config 'zones' at /1/zone)" in problem.message
    assert resolve(changed({"zones": ZONES[:1]}), SHARED, now=NOW, kind=GOOGLE, record=record).launch_specs


def test_too_many_offerings_are_refused_quickly():
    types = [{"machineType": f"n2-standard-{number}"} for number in range(1, 127)]
    zones = [{"zone": f"us-central1-{letter}"} for letter in "abcdefgh"]
    (problem,) = problems_of({"machineTypes": types, "zones": zones})
    assert "1008 offerings" in problem.message


def test_a_fault_of_all_offerings_is_reported_once():
    (problem,) = problems_of({"launchSpec.scheduling": {"instanceTerminationAction": "DELETE"}})
    assert problem.rule == "spot-contradiction"


def checked(changes):
    """Problems of a document that is too large to write down, as templates can make it of shared values."""
    document = changed({"zones": ZONES[:1], "machineTypes": ONE, "images": IMAGES, **changes})
    return [(problem.pointer, problem.rule) for problem in GOOGLE.check(document, None)]


def items(*values):
    return [{"key": f"key-{number}", "value": value} for number, value in enumerate(values)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"userData": {"x": "y" * 261_000}}, []),
        ({"userData": {"x": "y" * 262_144}}, [("/userData", "user-data-too-large")]),
        ({"userData": {"x": "ü" * 131_072}}, [("/userData", "user-data-too-large")]),
        ({"launchSpec.metadata.items": items("v", "v" * 262_144)}, []),
        (
            {"launchSpec.metadata.items": items("v", "ü" * 131_073)},
            [("/launchSpec/metadata/items/1/value", "metadata-too-large")],
        ),
        (
            {"launchSpec.metadata.items": items("v" * 262_144, "v" * 262_144)},
            [("/launchSpec/metadata", "metadata-too-large")],
        ),
        (
            {"launchSpec.metadata.items": items("v" * 262_144, "v" * 200_000), "userData": {"x": "y" * 62_000}},
            [("/launchSpec/metadata", "metadata-too-large")],
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_user_data_and_metadata_have_the_clouds_limits_in_bytes(changes, expected):
    assert checked(changes) == expected


def test_too_much_user_data_is_blamed_on_the_level_that_gives_most():
    zone = ZONES[0] | {"userData": {"x": "y" * 200_000}}
    machine_type = ONE[0] | {"userData": {"z": "y" * 70_000}}
    assert checked({"zones": [zone], "machineTypes": [machine_type]}) == [("/zones/0/userData", "user-data-too-large")]


# ---- the kind itself


def test_the_kind_is_found_by_convention():
    assert "google" in kind_names()
    assert [kind_of_provider(name, {}) for name in ("google", "google-provider")] == ["google", "google"]


def test_a_provider_of_this_kind_cannot_be_opened_yet():
    with pytest.raises(ConfigInvalid) as caught:
        GOOGLE.open(ProviderRecord("google-provider", "google"))
    (problem,) = caught.value.problems
    assert problem.pointer == "/kind"
    assert "checks and renders configs of kind 'google' but has no launcher for it" in problem.message


# ---- examples


def load(path):
    return YAML(typ="safe", pure=True).load(path)


def example_shared_configs():
    documents = [load(path) for path in sorted((EXAMPLES / "shared-configs").glob("*.yml"))]
    return {each["name"]: SharedValue(1, each["value"], each["schema"]) for each in documents}


@pytest.mark.parametrize("path", sorted((EXAMPLES / "shared-configs").glob("*.yml")), ids=lambda path: path.stem)
def test_every_shared_config_of_the_examples_is_accepted(path):
    document = load(path)
    assert check_shared_config(document) == ()
    assert document["name"] == path.stem


@pytest.mark.parametrize(("name", "offerings"), [("gcp-linux-docker", 6), ("gcp-gpu-test", 6)])
def test_every_worker_type_of_the_examples_is_accepted(name, offerings):
    document, shared = load(EXAMPLES / "worker-types" / f"{name}.yml"), example_shared_configs()
    config = resolve(document, shared, now=NOW, kind=GOOGLE)
    assert (config.worker_type, len(config.launch_specs)) == (name, offerings)
    assert {"google-images", "google-zones-us"} == {reference.name for reference in collect_references(document)}
    assert may_loop(document) == (name == "gcp-gpu-test")


def test_an_edit_of_the_shared_images_reaches_every_worker_type_of_the_examples():
    shared = example_shared_configs()
    images = [entry | {"sourceImage": entry["sourceImage"] + "-2"} for entry in shared["google-images"].value]
    edited = shared | {"google-images": SharedValue(2, images, shared["google-images"].schema)}
    for path in (EXAMPLES / "worker-types").glob("*.yml"):
        before, after = (resolve(load(path), values, now=NOW, kind=GOOGLE) for values in (shared, edited))
        hashes = zip(before.launch_specs, after.launch_specs, strict=True)
        assert [old.settings_hash == new.settings_hash for old, new in hashes] == [False] * len(after.launch_specs)
