"""Which references fit for ever, which only today, and why: the verdict follows from the schemas alone."""

import pytest

from schemas import loader
from worker_manager.proofs import PROVEN, TODAY, proofs

REGIONS, TYPES = "/schemas/common/aws-regions.json#", "/schemas/common/aws-instance-types.json#"
DOCKER, SETTINGS = "/schemas/common/aws-regions-docker-worker.json#", "/schemas/aws/launch-spec.json"
POLICIES = ("lifecycle", "rollout", "brakes", "schedule", "spot")
SCHEMAS = {
    "regions": REGIONS,
    "docker-regions": DOCKER,
    "types": TYPES,
    "settings": SETTINGS,
    "tags": "/schemas/common/tags.json#",
    "user-data": "/schemas/common/user-data.json#",
    "duration": "/schemas/common/duration.json#",
    "share": "/schemas/common/share.json#",
    **{name: f"/schemas/common/{name}.json#" for name in POLICIES},
    "odd": "/schemas/common/no-such-schema.json#",
}


def reference(name):
    return {"$eval": f"context.{name}"}


def verdicts(document, kind="aws"):
    return [(each.name, each.pointer, each.verdict) for each in proofs(document, kind, SCHEMAS)]


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"regions": reference("regions")}, "/regions"),
        ({"regions": reference("docker-regions")}, "/regions"),
        ({"tags": reference("tags")}, "/tags"),
        ({"userData": reference("user-data")}, "/userData"),
        ({"launchSpec": reference("settings")}, "/launchSpec"),
        ({"lifecycle": reference("lifecycle")}, "/lifecycle"),
        ({"rollout": reference("rollout")}, "/rollout"),
        ({"brakes": reference("brakes")}, "/brakes"),
        ({"schedule": reference("schedule")}, "/schedule"),
        ({"spot": reference("spot")}, "/spot"),
        (
            {"instanceTypes": [{"instanceType": "m5.large", "launchSpec": reference("settings")}]},
            "/instanceTypes/0/launchSpec",
        ),
        ({"regions": [{"region": "us-east-1", "userData": reference("user-data")}]}, "/regions/0/userData"),
    ],
)
def test_what_stands_where_its_own_schema_is_expected_is_proven(document, pointer):
    assert [(pointer, PROVEN)] == [each[1:] for each in verdicts(document)]


@pytest.mark.parametrize(
    ("document", "pointer", "why"),
    [
        ({"regions": {"$if": "true", "then": reference("regions")}}, "/regions/then", "inside an expression"),
        ({"regions": {"$eval": "context.regions + []"}}, "/regions", "inside an expression"),
        ({"description": "for ${context.tags.team}"}, "/description", "inside an expression"),
        ({"userData": {"zones": reference("regions")}}, "/userData/zones", "depends on what stands beside it"),
        ({"regions": reference("types")}, "/regions", f"expects {REGIONS}, the shared config has {TYPES}"),
        ({"regions": reference("odd")}, "/regions", "the shared config has /schemas/common/no-such-schema.json#"),
        ({"regions": reference("unknown")}, "/regions", "no schema that is known"),
        ({"minCapacity": reference("tags")}, "/minCapacity", "expects /schemas/common/worker-type.json#"),
        ({"instanceTypes": [reference("settings")]}, "/instanceTypes/0", "depends on what stands beside it"),
        ({"instanceTypes": [{"instanceType": reference("tags")}]}, "/instanceTypes/0/instanceType", "beside it"),
        ({"rollout": reference("brakes")}, "/rollout", "expects /schemas/common/rollout.json#"),
        ({"rollout": {"maxSurge": reference("share")}}, "/rollout/maxSurge", "a schema of its own"),
        ({"lifecycle": {"maxIdle": reference("duration")}}, "/lifecycle/maxIdle", "a schema of its own"),
        ({"spot": {"after": {"quota": reference("duration")}}}, "/spot/after/quota", "a schema of its own"),
        ({"demandMaxAge": reference("duration")}, "/demandMaxAge", "expects /schemas/common/worker-type.json#"),
        ({"schedule": [reference("schedule")]}, "/schedule/0", "a schema of its own"),
        (
            {"schedule": [{"minCapacity": reference("tags")}]},
            "/schedule/0/minCapacity",
            "depends on what stands beside",
        ),
        ({"demand": {"interval": reference("duration")}}, "/demand/interval", "depends on what stands beside it"),
        ({"regions": [{"region": "us-east-1", "maxCapacity": reference("tags")}]}, "/regions/0/maxCapacity", "its own"),
    ],
)
def test_elsewhere_only_todays_value_is_known_to_fit(document, pointer, why):
    ((found),) = proofs(document, "aws", SCHEMAS)
    assert (pointer, TODAY) == (found.pointer, found.verdict)
    assert why in found.why


def test_a_wider_schema_does_not_prove_a_narrower_place():
    """What conforms to aws-regions need not conform to aws-regions-docker-worker, though the other way it holds."""
    assert "the place expects" in proofs({"images": reference("docker-regions")}, "google", SCHEMAS)[0].why


@pytest.mark.parametrize("kind", ["aws", "azure", "google", "local"])
def test_whatever_a_kind_offers_as_a_shared_policy_is_proven_there(kind):
    offered = {each.schema for each in loader.provider_schemas(kind).shared_configs}
    policies = {name: reference(name) for name in POLICIES if SCHEMAS[name] in offered}
    assert {*POLICIES} - ({"spot"} if kind == "local" else set()) == policies.keys()
    assert [(name, f"/{name}", PROVEN) for name in policies] == verdicts(policies, kind)


def test_a_mismatch_is_told_from_what_is_not_known():
    found = proofs({"regions": reference("types"), "tags": reference("unknown")}, "aws", SCHEMAS)
    assert [True, False] == [each.mismatch for each in found]


def test_every_reference_of_a_document_has_a_verdict_in_its_order():
    document = {
        "tags": reference("tags"),
        "description": "${context.tags.a} ${context.tags.b}",
        "regions": reference("regions"),
    }
    assert ["/tags", "/description", "/description", "/regions"] == [each[1] for each in verdicts(document)]


def test_a_document_that_is_no_json_has_none():
    assert () == proofs({"regions": {1: reference("regions")}}, "aws", SCHEMAS)
