"""What the kind `aws` makes of a worker type: images, families, worth, caps, and what stands in for spot instances."""

from __future__ import annotations

import pytest

from worker_manager.config import resolve
from worker_manager.errors import ConfigInvalid
from worker_manager.kinds import kind
from worker_manager.launch_settings import launch_spec
from worker_manager.model import Cap, Market
from worker_manager.providers.aws.kind import MAX_OFFERINGS
from worker_manager.providers.aws.terms import family

NOW = "2026-11-23T10:00:00.000Z"
AWS = kind("aws")
SPOT = {"InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": {"MaxPrice": "1"}}}
FALLBACK = {"fallback": "onDemand"}


def document(**changes):
    return {
        "workerType": "ci-linux",
        "provider": "aws-provider",
        "minCapacity": 0,
        "maxCapacity": 100,
        "regions": [
            {"region": "us-east-1", "launchSpec": {"ImageId": "ami-0000000000000000e"}},
            {"region": "us-west-1", "launchSpec": {"ImageId": "ami-0000000000000000d"}},
        ],
        "instanceTypes": [{"instanceType": "m5.large"}, {"instanceType": "g4dn.xlarge", "capacity": 4}],
        "launchSpec": SPOT,
    } | changes


def specs(**changes):
    return resolve(document(**changes), {}, now=NOW, kind=AWS).launch_specs


def problems_of(**changes):
    with pytest.raises(ConfigInvalid) as caught:
        specs(**changes)
    return [(problem.pointer, problem.rule) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("expected", "names"),
    [
        ("standard", "a1.large c7gn.xlarge d3en.xlarge h1.2xlarge hs1.8xlarge i4i.large im4gn.large is4gen.large"),
        ("standard", "m5.large m7i-flex.large r8gd.48xlarge t4g.nano z1d.large cc2.8xlarge"),
        ("g", "g4dn.xlarge g6e.xlarge gr6.4xlarge vt1.3xlarge"),
        ("f", "f1.2xlarge f2.6xlarge"),
        ("p", "p3.2xlarge p4d.24xlarge p5en.48xlarge p6-b200.48xlarge"),
        ("inf", "inf1.xlarge inf2.xlarge"),
        ("trn", "trn1.2xlarge trn2.48xlarge"),
        ("dl", "dl1.24xlarge dl2q.24xlarge"),
        ("x", "x1e.xlarge x2gd.medium x8g.large"),
        ("u", "u-6tb1.metal u7i-12tb.224xlarge u7in-16tb.224xlarge"),
        ("hpc", "hpc6a.48xlarge hpc7g.4xlarge"),
        ("mac", "mac2.metal"),
    ],
)
def test_families_are_what_vcpu_quotas_count_together(expected, names):
    assert dict.fromkeys(names.split(), expected) == {name: family(name) for name in names.split()}


def test_offerings_have_their_family_and_their_specs_the_image_of_the_region():
    found = [(spec.offering.region, spec.offering.family, spec.image) for spec in specs()]
    assert [
        ("us-east-1", "standard", "ami-0000000000000000e"),
        ("us-east-1", "g", "ami-0000000000000000e"),
        ("us-west-1", "standard", "ami-0000000000000000d"),
        ("us-west-1", "g", "ami-0000000000000000d"),
    ] == found


def test_an_instance_is_worth_its_slots_unless_its_type_says_more():
    types = [
        {"instanceType": "m5.large"},
        {"instanceType": "m5.xlarge", "capacity": 4},
        {"instanceType": "m5.2xlarge", "capacity": 8, "utility": 7.5},
    ]
    offerings = [spec.offering for spec in specs(instanceTypes=types)[:3]]
    assert [(1, 1.0), (4, 4.0), (8, 7.5)] == [(each.capacity, each.utility) for each in offerings]


def test_caps_are_those_of_regions_and_instance_types():
    regions = document()["regions"]
    regions[1]["maxCapacity"] = 30
    types = [{"instanceType": "m5.large", "maxCapacity": 0}, {"instanceType": "m5.xlarge"}]
    config = resolve(document(regions=regions, instanceTypes=types), {}, now=NOW, kind=AWS)
    assert (Cap(30, region="us-west-1"), Cap(0, instance_type="m5.large")) == config.caps
    assert () == resolve(document(), {}, now=NOW, kind=AWS).caps


def test_each_spot_offering_has_a_regular_one_to_fall_back_to_after_all_others():
    spot, regular = specs(spot=FALLBACK)[:4], specs(spot=FALLBACK)[4:]
    assert specs() == spot
    assert [each.offering.key.replace("/spot", "/onDemand") for each in spot] == [each.offering.key for each in regular]
    assert {Market.ON_DEMAND} == {each.offering.market for each in regular}
    assert [False] * 4 + [True] * 4 == [each.is_fallback for each in specs(spot=FALLBACK)]
    assert {"ImageId": "ami-0000000000000000e"} == regular[0].settings
    assert [each.image for each in spot] == [each.image for each in regular]


def test_a_fallback_launches_what_a_regular_instance_would():
    """The same settings, user data and hash: an instance does not tell why it was launched."""
    plain = specs(launchSpec={})
    assert [(each.settings, each.user_data, each.settings_hash) for each in plain] == [
        (each.settings, each.user_data, each.settings_hash) for each in specs(spot=FALLBACK)[4:]
    ]
    assert not {each.settings_hash for each in plain} & {each.settings_hash for each in specs()}


def test_only_spot_offerings_have_a_fallback():
    types = [{"instanceType": "m5.large"}, {"instanceType": "m5.xlarge", "launchSpec": SPOT}]
    found = specs(spot=FALLBACK, launchSpec={}, instanceTypes=types, regions=document()["regions"][:1])
    keys = [("m5.large", "onDemand", False), ("m5.xlarge", "spot", False), ("m5.xlarge", "onDemand", True)]
    assert keys == [(each.offering.instance_type, each.offering.market, each.is_fallback) for each in found]


@pytest.mark.parametrize("spot", [{"fallback": "none"}, {"fallback": "none", "after": {"quota": "1m"}}])
def test_no_fallback_is_no_fallback(spot):
    assert specs() == specs(spot=spot)
    assert len(specs(spot=spot, launchSpec={})) == 4


def test_a_fallback_without_spot_instances_is_refused():
    assert [("/spot", "spot-without-spot")] == problems_of(spot=FALLBACK, launchSpec={})


def test_fallbacks_count_as_offerings():
    names = [f"m5.{size}xlarge" for size in range(2, 253)]
    types = [{"instanceType": name} for name in names]
    zones = [{"availabilityZone": f"us-east-1{letter}", "region": "us-east-1"} for letter in "abc"]
    many = {"regions": document()["regions"][:1], "instanceTypes": types, "availabilityZones": zones}
    assert 3 * len(types) <= MAX_OFFERINGS == len(specs(**many)) + 247
    assert [("/spot", "too-many-offerings")] == problems_of(**many, spot=FALLBACK)


def test_the_hash_of_a_launch_spec_does_not_depend_on_how_its_image_is_told():
    offering = specs()[0].offering
    layers = ({"launchSpec": {"ImageId": "ami-1"}},)
    plain, told = launch_spec(document(), offering, layers), launch_spec(document(), offering, layers, lambda _: "x")
    assert (plain.settings_hash, "", "x") == (told.settings_hash, plain.image, told.image)
