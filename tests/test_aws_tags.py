"""The tags of an AWS worker type: how they reach instances and volumes, and which of two tags of one key wins."""

from __future__ import annotations

import pytest

from worker_manager.config import resolve
from worker_manager.errors import ConfigInvalid
from worker_manager.kinds import kind
from worker_manager.model import LaunchRequest
from worker_manager.provider import ProviderRecord
from worker_manager.providers.aws.shapes import run_instances_parameters

NOW = "2026-11-23T10:00:00.000Z"
AWS = kind("aws")
RECORD = ProviderRecord("aws-provider", "aws", deployment="ci")


def document(**changes):
    return {
        "workerType": "github-worker",
        "provider": "aws-provider",
        "minCapacity": 0,
        "maxCapacity": 10,
        "regions": [{"region": "us-east-1", "launchSpec": {"ImageId": "ami-17373968"}}],
        "instanceTypes": [{"instanceType": "m5.large"}],
    } | changes


def specification(resource, **tags):
    return {"ResourceType": resource, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def spec(**changes):
    (found,) = resolve(document(**changes), {}, now=NOW, kind=AWS).launch_specs
    return found


def given(*specifications):
    return {"TagSpecifications": list(specifications)}


def problems_of(**changes):
    with pytest.raises(ConfigInvalid) as caught:
        resolve(document(**changes), {}, now=NOW, kind=AWS)
    return caught.value.problems


def test_tags_become_those_of_instances_and_volumes():
    expected = [specification("instance", cost="ci", team="x"), specification("volume", cost="ci", team="x")]
    assert spec(tags={"team": "x", "cost": "ci"}).settings["TagSpecifications"] == expected


@pytest.mark.parametrize("changes", [{}, {"tags": {}}])
def test_without_tags_the_settings_and_their_hash_are_as_ever(changes):
    found = spec(**changes)
    assert found.settings == {"ImageId": "ami-17373968"}
    assert found.settings_hash == "v1-96861f96ee045537"


def test_without_tags_those_of_the_launch_settings_are_left_as_written():
    written = given(specification("volume", z="1", a="2"), specification("instance", b="3"))
    assert spec(launchSpec=written).settings["TagSpecifications"] == written["TagSpecifications"]


def test_a_tag_of_the_launch_settings_wins_and_the_others_stay():
    written = given(specification("instance", team="mine", Extra="1"), specification("network-interface", net="1"))
    assert spec(tags={"team": "x", "cost": "ci"}, launchSpec=written).settings["TagSpecifications"] == [
        specification("instance", Extra="1", cost="ci", team="mine"),
        specification("network-interface", net="1"),
        specification("volume", cost="ci", team="x"),
    ]


def test_the_last_level_that_names_tags_is_the_one_that_wins():
    regions = [{"region": "us-east-1", "launchSpec": given(specification("instance", team="region"))}]
    types = [{"instanceType": "m5.large", "launchSpec": given(specification("instance", cost="type"))}]
    image = {"ImageId": "ami-17373968"}
    found = spec(tags={"team": "x"}, regions=regions, instanceTypes=types, launchSpec=image)
    assert found.settings["TagSpecifications"][0] == specification("instance", cost="type", team="x")


def test_the_order_of_tags_changes_no_hash_but_a_tag_does():
    one = spec(tags={"a": "1", "b": "2"}).settings_hash
    assert spec(tags={"b": "2", "a": "1"}).settings_hash == one
    assert spec(tags={"a": "1", "b": "3"}).settings_hash != one


def test_a_launch_carries_the_tags_beside_ours():
    request = LaunchRequest("launch-key", "github-worker", spec(tags={"team": "x"}), 1)
    found = run_instances_parameters(request, RECORD)["TagSpecifications"]
    tags = {entry["ResourceType"]: {tag["Key"]: tag["Value"] for tag in entry["Tags"]} for entry in found}
    assert tags["instance"].items() >= {"team": "x", "Name": "github-worker", "wm-launch": "launch-key"}.items()
    assert tags["volume"] == tags["instance"]


@pytest.mark.parametrize("own", [24, 25])
def test_tags_and_those_of_the_launch_settings_are_counted_together(own):
    tags = {f"tag-{number}": "" for number in range(20)}
    written = given(specification("instance", **{f"own-{number}": "" for number in range(own)}))
    if own == 24:
        assert len(spec(tags=tags, launchSpec=written).settings["TagSpecifications"][0]["Tags"]) == 44
        return
    (problem,) = problems_of(tags=tags, launchSpec=written)
    assert (problem.pointer, problem.rule) == ("/tags", "too-many-tags")
    assert "45 tags of each instance in 'us-east-1', more than 44" in problem.message


@pytest.mark.parametrize(
    ("tags", "pointer"),
    [({"Team": "x"}, "/tags/Team"), ({"wm-launch": "x"}, "/tags/wm-launch"), ({"team": "X"}, "/tags/team")],
)
def test_tags_that_are_not_legal_everywhere_are_refused_where_they_stand(tags, pointer):
    assert [problem.pointer for problem in problems_of(tags=tags)] == [pointer]
