"""Good and bad worker types and shared configs: what is refused, where it points, and what changes a hash."""

from __future__ import annotations

import copy
import datetime as dt
import json

import pytest

from worker_manager.config import (
    SharedValue,
    check_shared_config,
    check_shared_value,
    provider_name,
    render,
    resolve,
)
from worker_manager.errors import ConfigInvalid
from worker_manager.kinds import kind, kind_names, kind_of_provider
from worker_manager.provider import ProviderRecord

NOW = "2026-11-23T10:00:00.000Z"
REGIONS = [
    {"region": "us-east-1", "launchSpec": {"ImageId": "ami-0dedc5db10ec003af"}},
    {"region": "us-west-2", "launchSpec": {"ImageId": "ami-07a6e593eb16d27fa"}, "scopes": ["a"]},
]
ZONES = [
    {"availabilityZone": "us-east-1a", "region": "us-east-1", "launchSpec": {"SubnetId": "subnet-566e060c"}},
    {"availabilityZone": "us-west-2a", "region": "us-west-2", "launchSpec": {"SubnetId": "subnet-d948b6bf"}},
    {"availabilityZone": "us-west-1b", "region": "us-west-1", "launchSpec": {"SubnetId": "subnet-7641632e"}},
]
TYPES = [{"instanceType": "m5.large"}, {"instanceType": "m5.2xlarge", "capacity": 4, "utility": 1.5}]
SHARED = {
    "regions-docker": SharedValue(3, REGIONS, "/schemas/common/aws-regions.json#"),
    "zones": SharedValue(7, ZONES, "/schemas/common/aws-availability-zones.json#"),
    "types": SharedValue(1, TYPES, "/schemas/common/aws-instance-types.json#"),
    "broken_regions": SharedValue(1, [{"region": "us-east-1", "launchSpec": {"ImageId": "x"}}], ""),
}
GOOD = {
    "workerType": "github-worker",
    "provider": "aws-provider",
    "minCapacity": 1,
    "maxCapacity": 100,
    "regions": {"$eval": "context.regions-docker"},
    "instanceTypes": {"$eval": "context.types"},
    "launchSpec": {"SecurityGroupIds": ["sg-12cd3762"]},
    "userData": {"dindImage": "v4"},
    "scopes": ["b"],
}
AWS = kind("aws")


def changed(changes, document=GOOD):
    """The document with members set by dotted path; the value None removes one."""
    result = copy.deepcopy(document)
    for path, value in changes.items():
        *parents, last = path.split(".")
        target = result
        for step in parents:
            target = target[int(step) if isinstance(target, list) else step]
        if value is None:
            del target[last]
        else:
            target[last] = value
    return result


def problems_of(document, shared=SHARED, record=None):
    with pytest.raises(ConfigInvalid) as caught:
        resolve(document, shared, now=NOW, kind=AWS, record=record)
    return caught.value.problems


def resolved(changes=(), shared=SHARED):
    return resolve(changed(dict(changes)), shared, now=NOW, kind=AWS)


def test_a_good_document_resolves_to_what_the_loop_needs():
    config = resolved({"scalingRatio": 0.5, "lifecycle": {"scaleIn": "oldestFirst"}})
    assert (config.worker_type, config.provider) == ("github-worker", "aws-provider")
    assert (config.min_capacity, config.max_capacity, config.scaling_ratio) == (1, 100, 0.5)
    assert config.policies.lifecycle.scale_in == "oldestFirst"
    lifecycle = config.policies.lifecycle
    assert (lifecycle.scale_in_cooldown_seconds, lifecycle.drain_timeout_seconds) == (300.0, 3600.0)
    assert config.shared_revisions == {"regions-docker": 3, "types": 1}
    assert config.document["regions"] == REGIONS
    assert [spec.offering.key for spec in config.launch_specs] == [
        "us-east-1/any/m5.large/onDemand",
        "us-east-1/any/m5.2xlarge/onDemand",
        "us-west-2/any/m5.large/onDemand",
        "us-west-2/any/m5.2xlarge/onDemand",
    ]


def test_the_defaults_are_those_of_the_schema():
    config = resolved()
    assert (config.scaling_ratio, config.policies.lifecycle.scale_in) == (1.0, "whenIdle")


@pytest.mark.parametrize(
    ("changes", "pointer", "message"),
    [
        ({"workerType": None}, "", "'workerType' is missing: name of the worker type"),
        ({"workerType": "a/b"}, "/workerType", "right form"),
        ({"workerType": ""}, "/workerType", "right form"),
        ({"workerType": "x" * 129}, "/workerType", "right form"),
        ({"workerType": "a\n"}, "/workerType", "right form"),
        ({"workerType": "ä"}, "/workerType", "right form"),
        ({"workerType": 5}, "/workerType", "must be a text, not 5"),
        ({"minCapacity": -1}, "/minCapacity", "at least 0, not -1"),
        ({"minCapacity": "1"}, "/minCapacity", "must be a whole number, not '1'"),
        ({"minCapacity": 101}, "/minCapacity", "minCapacity 101 is more than maxCapacity 100"),
        ({"maxCapacity": 1.5}, "/maxCapacity", "a whole number, not 1.5"),
        ({"maxCapacity": True}, "/maxCapacity", "a whole number, not true"),
        ({"scalingRatio": 0}, "/scalingRatio", "more than 0, not 0"),
        ({"scalingRatio": 1.01}, "/scalingRatio", "at most 1, not 1.01"),
        ({"owner": ""}, "/owner", "1 or more characters"),
        ({"scopes": "a"}, "/scopes", "must be a list, not 'a'"),
        ({"demand": {"source": "pull"}}, "/demand/source", "must be one of 'push', 'http'"),
        ({"lifecycle": {"scaleIn": "whenidle"}}, "/lifecycle/scaleIn", "did you mean 'whenIdle'?"),
        (
            {"lifecycle": {"scaleInCoolDown": 1}},
            "/lifecycle/scaleInCoolDown",
            "'scaleInCooldown'?",
        ),
        ({"minCapcity": 1}, "/minCapcity", "unknown key 'minCapcity'; did you mean 'minCapacity'?"),
        ({"market": "spot"}, "/market", "unknown key 'market'"),
        ({"a~b/c": 1}, "/a~0b~1c", "unknown key"),
        ({"regions": None}, "", "'regions' is missing"),
        ({"regions": []}, "/regions", "1 or more entries"),
        ({"regions": {"$eval": "context.regions-doker"}}, "/regions/$eval", "did you mean 'regions-docker'?"),
        ({"regions": {"$eval": "context.types"}}, "/regions", "place expects /schemas/common/aws-regions.json#"),
        ({"regions": {"$eval": "context.broken_regions"}}, "/regions", "'broken_regions' at /0/launchSpec/ImageId"),
        ({"regions": {"$eval": "context"}}, "/regions/$eval", "spelled out"),
        ({"regions": {"$eval": "context.types[0]"}}, "/regions", "must be a list, not an object"),
        ({"regions": [{"$merge": [{"region": "x"}]}]}, "/regions/0", "(in what the template gives at /region)"),
        ({"description": "${1 + 'a'}"}, "/description", "the template fails"),
        ({"userData": {"a": {"$if": "1 == 1", "then": "${context.nothing}"}}}, "/userData/a/then", "'nothing'"),
        ({"userData": {"$foo": 1}}, "/userData/$foo", "unknown operator"),
        ({"userData": {"when": dt.date(2026, 11, 23)}}, "/userData/when", "not a JSON value but a date"),
        ({"userData": {"x": float("inf")}}, "/userData/x", "inf is not a number that JSON has"),
        ({"userData": {"x": 2**53}}, "/userData/x", "more than 53 bits"),
        ({"userData": {"x": "\ud800"}}, "/userData/x", "half a character"),
        ({"userData": {1: 2}}, "/userData", "the key 1 is not a text"),
        ({"userData": {"x": "y" * 300_000}}, "", "larger than 256 KiB"),
        ({"userData": {"x": "y" * 17_000}}, "/userData", "user data of instances in 'us-east-1'"),
        ({"secrets": {"a": "plain"}}, "/secrets/a", "this value (not shown)"),
        ({"launchSpec": {"MaxCount": 5}}, "/launchSpec/MaxCount", "must not be given"),
        ({"launchSpec.SubnetId": "subnet-566e060c", "launchSpec.SecurityGroups": ["x"]}, "/regions", "default VPC"),
        ({"launchSpec.InstanceMarketOptions": {"SpotOptions": {}}}, "/regions", "add MarketType: spot"),
        ({"launchSpec.NetworkInterfaces": [{"DeviceIndex": 0}]}, "/regions", "NetworkInterfaces and SecurityGroupIds"),
        ({"regions": [{"region": "us-east-1"}]}, "/regions/0", "no level of launchSpec names an ImageId"),
        ({"availabilityZones": ZONES[:1]}, "/regions", "none of the availabilityZones lies in 'us-west-2'"),
        ({"maxCapacity": 3, "instanceTypes": TYPES[1:]}, "/instanceTypes", "the smallest has 4"),
    ],
)
def test_bad_documents_are_refused_at_the_place_at_fault(changes, pointer, message):
    problems = problems_of(changed(changes))
    found = [problem for problem in problems if problem.pointer == pointer and message in problem.message]
    assert found, problems
    assert all(len(problem.message) < 400 for problem in problems)


@pytest.mark.parametrize("document", [None, [], "x", 1, True])
def test_a_worker_type_must_be_an_object(document):
    (problem,) = problems_of(document)
    assert (problem.pointer, problem.rule) == ("", "type")


def test_every_problem_is_reported_at_once_in_document_order():
    changes = {
        "minCapacity": 200,
        "maxCapacity": 100,
        "regions": {"$eval": "context.missing"},
        "instanceTypes": [{"instanceType": "m5"}],
        "launchSpec": {"ImageID": "x"},
        "userData": {"x": "${1 + 'a'}"},
        "scopes": [1],
        "extra": 1,
    }
    assert [(problem.pointer, problem.rule) for problem in problems_of(changed(changes))] == [
        ("/minCapacity", "capacity-order"),
        ("/regions/$eval", "unknown-shared-config"),
        ("/instanceTypes/0/instanceType", "pattern"),
        ("/launchSpec/ImageID", "unknown-key"),
        ("/userData/x", "template-failed"),
        ("/scopes/0", "type"),
        ("/extra", "unknown-key"),
    ]


def test_a_template_around_the_whole_document_is_rendered_and_blamed():
    whole = {"$merge": [GOOD | {"regions": REGIONS, "instanceTypes": TYPES}, {"maxCapacity": {"$eval": "2 * 3"}}]}
    assert resolve(whole, {}, now=NOW, kind=AWS).max_capacity == 6
    wrong = {"$merge": [GOOD | {"regions": REGIONS, "instanceTypes": TYPES}, {"maxCapacity": -1}]}
    problems = problems_of(wrong)
    assert {problem.pointer for problem in problems} == {""}
    assert any("at /maxCapacity" in problem.message for problem in problems)
    assert problems_of({"$merge": [{"$eval": "context.nothing"}]})[0].pointer == "/$merge/0/$eval"


def test_known_names_serve_as_hints_without_being_given():
    with pytest.raises(ConfigInvalid, match="did you mean 'regions-new'"):
        resolve(
            changed({"regions": {"$eval": "context.regions-nw"}}), {}, now=NOW, kind=AWS, known_names=["regions-new"]
        )


def test_a_value_equal_to_the_reference_gives_the_same_config():
    written_out = changed({"regions": REGIONS, "instanceTypes": TYPES})
    assert resolve(written_out, {}, now=NOW, kind=AWS).config_hash == resolved().config_hash


def test_the_regions_must_be_the_providers():
    record = ProviderRecord("aws-provider", "aws", regions=("us-east-1",))
    (problem,) = problems_of(GOOD, record=record)
    assert (problem.pointer, problem.rule) == ("/regions", "region-not-allowed")
    assert "(in shared config 'regions-docker' at /1/region)" in problem.message
    (problem,) = problems_of(changed({"provider": "other"}), record=ProviderRecord("aws-provider", "aws"))
    assert problem.pointer == "/provider"


def test_too_many_offerings_are_refused_quickly():
    types = [{"instanceType": f"m{number}.large"} for number in range(250)]
    zones = [{"availabilityZone": f"us-east-1{letter}", "region": "us-east-1"} for letter in "abcdef"]
    changes = {"instanceTypes": types, "availabilityZones": zones, "regions": REGIONS[:1]}
    (problem,) = problems_of(changed(changes))
    assert "1500 offerings" in problem.message


def test_resolving_leaves_what_it_was_given_alone_and_shares_nothing():
    before = json.dumps([GOOD, REGIONS, TYPES])
    config = resolved()
    config.document["regions"][0]["launchSpec"]["ImageId"] = "changed"
    config.launch_specs[0].settings["ImageId"] = "changed"
    assert json.dumps([GOOD, REGIONS, TYPES]) == before


def test_whole_floats_become_integers_for_the_clouds():
    device = {"DeviceName": "/dev/xvdb", "Ebs": {"VolumeSize": {"$eval": "240 / 2"}}}
    config = resolved({"launchSpec.BlockDeviceMappings": [device], "maxCapacity": 100.0})
    size = config.launch_specs[0].settings["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"]
    assert (size, type(size), type(config.max_capacity)) == (120, int, int)


# ---- merging and hashes


def test_later_levels_win_deeply_lists_are_replaced_and_scopes_united():
    changes = {
        "launchSpec": {"Monitoring": {"Enabled": False}, "SecurityGroupIds": ["sg-11111111"], "KeyName": "type"},
        "userData": {"deep": {"a": 1, "b": 1, "c": 1, "d": 1}, "list": [1, 2]},
        "secrets": {"one": "ssm:type", "two": "ssm:type"},
        "regions": [
            REGIONS[0]
            | {
                "launchSpec": {"ImageId": "ami-17373968", "SecurityGroupIds": ["sg-22222222"], "KeyName": "region"},
                "userData": {"deep": {"b": 2, "c": 2, "d": 2}},
                "scopes": ["z", "b"],
            }
        ],
        "instanceTypes": [
            {
                "instanceType": "m5.large",
                "launchSpec": {"KeyName": "instance"},
                "userData": {"deep": {"c": 3, "d": 3}, "list": [3]},
                "secrets": {"two": "ssm:instance"},
                "scopes": ["a"],
            }
        ],
        "availabilityZones": [ZONES[0] | {"userData": {"deep": {"d": 4}}, "scopes": ["y"]}],
    }
    (spec,) = resolved(changes).launch_specs
    assert spec.settings == {
        "Monitoring": {"Enabled": False},
        "SecurityGroupIds": ["sg-22222222"],
        "KeyName": "instance",
        "ImageId": "ami-17373968",
        "SubnetId": "subnet-566e060c",
    }
    assert spec.user_data == {
        "data": {"deep": {"a": 1, "b": 2, "c": 3, "d": 4}, "list": [3]},
        "secrets": {"one": "ssm:type", "two": "ssm:instance"},
        "scopes": ["a", "b", "y", "z"],
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"minCapacity": 0},
        {"maxCapacity": 7},
        {"scalingRatio": 0.5},
        {"description": "other"},
        {"owner": "other@example.org"},
        {"demand": {"source": "push"}},
        {"lifecycle": {"scaleIn": "oldestFirst", "drainTimeout": 1}},
        {"rollout": {"maxSurge": 1}},
        {"instanceTypes": [TYPES[0] | {"utility": 9}, TYPES[1]]},
        {"instanceTypes": TYPES[::-1]},
        {"scopes": ["b", "b"]},
        {"secrets": {}},
    ],
    ids=str,
)
def test_what_no_instance_notices_leaves_the_hash_alone(changes):
    assert resolved(changes).config_hash == resolved().config_hash


@pytest.mark.parametrize(
    "changes",
    [
        {"workerType": "other"},
        {"provider": "aws-other"},
        {"userData.dindImage": "v5"},
        {"userData.new": 1},
        {"secrets": {"key": "ssm:key"}},
        {"scopes": ["b", "c"]},
        {"launchSpec.KeyName": "operators"},
        {"launchSpec.InstanceMarketOptions": {"MarketType": "spot"}},
        {"instanceTypes": [TYPES[0] | {"capacity": 2}, TYPES[1]]},
        {"availabilityZones": ZONES},
        {"regions": [REGIONS[0] | {"launchSpec": {"ImageId": "ami-00000000"}}, REGIONS[1]]},
    ],
    ids=str,
)
def test_what_an_instance_notices_changes_the_hash(changes):
    before, after = resolved(), resolved(changes)
    assert after.config_hash != before.config_hash
    assert {spec.settings_hash for spec in after.launch_specs} != {spec.settings_hash for spec in before.launch_specs}


def test_a_new_region_and_a_new_image_touch_only_their_own_offerings():
    def hashes(regions):
        return {spec.offering.key: spec.settings_hash for spec in resolved({"regions": regions}).launch_specs}

    before = hashes(REGIONS[:1])
    assert before.items() <= hashes(REGIONS).items()
    replaced = hashes([REGIONS[0], REGIONS[1] | {"launchSpec": {"ImageId": "ami-00000000"}}])
    assert {key for key, value in hashes(REGIONS).items() if replaced[key] != value} == {
        "us-west-2/any/m5.large/onDemand",
        "us-west-2/any/m5.2xlarge/onDemand",
    }


def test_the_hash_is_versioned_short_and_does_not_depend_on_the_order_of_keys():
    backwards = dict(reversed(list(GOOD.items())))
    config = resolve(backwards, SHARED, now=NOW, kind=AWS)
    assert config.config_hash == resolved().config_hash
    assert config.config_hash.startswith("v1-")
    assert len(config.config_hash) == 19


def test_hashes_stay_the_same_between_releases():
    """A change here replaces every instance of every fleet: raise HASH_VERSION and say so in the changelog."""
    assert resolved().config_hash == "v1-76d5227177d4575a"


# ---- shared configs


@pytest.mark.parametrize(
    ("document", "pointer", "message"),
    [
        ({"schema": "/schemas/common/aws-regions.json#", "value": REGIONS}, "", "'name' is missing"),
        ({"name": "a/b", "schema": "/schemas/common/aws-regions.json#", "value": REGIONS}, "/name", "right form"),
        ({"name": "1a", "schema": "/schemas/common/aws-regions.json#", "value": REGIONS}, "/name", "right form"),
        ({"name": "a", "schema": "/schemas/common/aws-region.json", "value": REGIONS}, "/schema", "did you mean"),
        ({"name": "a", "schema": "aws-regions", "value": REGIONS}, "/schema", "right form"),
        ({"name": "a", "schema": "/schemas/common/aws-regions.json", "value": [{}]}, "/value/0", "'region' is missing"),
        ({"name": "a", "schema": "/schemas/common/aws-regions.json", "valeu": 1}, "/valeu", "did you mean 'value'?"),
        ({"name": "a", "schema": "/schemas/common/aws-regions.json", "value": {1: 1}}, "/value", "not a text"),
        ([], "", "must be an object"),
        (None, "", "must be an object"),
    ],
)
def test_bad_shared_configs_are_refused(document, pointer, message):
    problems = check_shared_config(document)
    assert [p for p in problems if p.pointer == pointer and message in p.message], problems


def test_a_good_shared_config_has_no_problems_with_or_without_the_fragment():
    for schema in ("/schemas/common/aws-regions.json", "/schemas/common/aws-regions.json#"):
        assert check_shared_config({"name": "a-b_C1", "schema": schema, "value": REGIONS, "owner": "x"}) == ()
        assert check_shared_value(schema, REGIONS) == ()


# ---- providers and kinds


@pytest.mark.parametrize(
    ("document", "message"),
    [(5, "is missing"), ({}, "is missing"), ({"provider": ""}, "plain"), ({"provider": "${x}"}, "plain text")],
)
def test_the_provider_must_be_written_out(document, message):
    with pytest.raises(ConfigInvalid, match=message):
        provider_name(document)
    assert provider_name({"provider": "aws-provider"}) == "aws-provider"


@pytest.mark.parametrize(("name", "expected"), [("aws", "aws"), ("aws-provider", "aws"), ("ci", "aws")])
def test_the_kind_comes_from_the_record_or_from_the_name(name, expected):
    assert kind_of_provider(name, {"ci": ProviderRecord("ci", "aws")}) == expected
    assert kind(expected).name == expected
    assert expected in kind_names()


def test_unknown_kinds_and_providers_are_refused_with_a_hint():
    with pytest.raises(ConfigInvalid, match="did you mean 'aws'"):
        kind("awz")
    with pytest.raises(ConfigInvalid, match="did you mean 'aws-provider'"):
        kind_of_provider("awsprovider", {})


def test_rendering_what_refers_to_nothing_known_is_refused():
    with pytest.raises(ConfigInvalid, match="no shared config 'regions-docker'"):
        render(GOOD, {}, NOW)
