"""The examples are what they say: a real fleet, accepted unchanged, the plan's own worker type, a fleet per kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from schemas import loader
from worker_manager.config import SharedValue, check_shared_config, collect_references, may_loop, render, resolve
from worker_manager.kinds import kind, kind_of_provider
from worker_manager.model import Cap
from worker_manager.prices import prices_by_offering
from worker_manager.provider import Prices, ProviderRecord
from worker_manager.settings import load_providers

ROOT = Path(__file__).parent.parent
FLEET = ROOT / "examples" / "fleet-2019"
PLAN = ROOT / "examples" / "plan"
CLOUDS = sorted((ROOT / "examples" / "clouds").iterdir())
RENDERED = ROOT / "tests" / "data" / "fleet-2019" / "rendered"
POLICIES = ("lifecycle", "rollout", "brakes", "schedule", "spot")
NOW = "2026-11-23T10:00:00.000Z"


def load(path):
    return YAML(typ="safe", pure=True).load(path)


def shared_configs(folder):
    documents = [load(path) for path in sorted((folder / "shared-configs").glob("*.yml"))]
    return {each["name"]: SharedValue(1, each["value"], each["schema"]) for each in documents}


def worker_types(folder):
    return sorted((folder / "worker-types").glob("*.yml"))


def record():
    (entry,) = load(ROOT / "examples" / "providers.yml")["providers"]
    return ProviderRecord(**entry | {"regions": tuple(entry["regions"])})


def test_the_fleet_is_complete():
    assert len(worker_types(FLEET)) == 30
    assert len(shared_configs(FLEET)) == 18
    assert len(list(RENDERED.glob("*.json"))) == 30


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("shared-configs/*.yml")), ids=lambda path: path.stem)
def test_every_shared_config_is_accepted(path):
    document = load(path)
    assert check_shared_config(document) == ()
    assert document["name"] == path.stem


@pytest.mark.parametrize("path", worker_types(FLEET), ids=lambda path: path.stem)
def test_every_worker_type_renders_exactly_and_is_accepted(path):
    document, shared = load(path), shared_configs(FLEET)
    assert render(document, shared, NOW) == json.loads((RENDERED / f"{path.stem}.json").read_text())
    config = resolve(document, shared, now=NOW, kind=kind("aws"), record=record())
    assert config.worker_type == path.stem
    assert all(spec.settings["ImageId"].startswith("ami-") for spec in config.launch_specs)
    assert config.shared_revisions.keys() == {reference.name for reference in collect_references(document)}
    assert not may_loop(document)


def test_one_offering_arises_from_each_region_zone_and_instance_type():
    config = resolve(
        load(FLEET / "worker-types" / "gecko-1-b-linux-xlarge.yml"), shared_configs(FLEET), now=NOW, kind=kind("aws")
    )
    types, zones = config.document["instanceTypes"], config.document["availabilityZones"]
    regions = {entry["region"] for entry in config.document["regions"]}
    assert len(config.launch_specs) == len(types) * len([zone for zone in zones if zone["region"] in regions])
    assert all(spec.offering.zone.startswith(spec.offering.region) for spec in config.launch_specs)


def test_the_plans_worker_type_follows_a_shared_config_with_hyphens_in_its_name():
    (path,) = worker_types(PLAN)
    document = load(path)
    assert [reference.name for reference in collect_references(document)] == ["sample-shared-aws-region-config-docker"]
    config = resolve(document, shared_configs(PLAN), now=NOW, kind=kind("aws"), record=record())
    assert {spec.offering.region for spec in config.launch_specs} == {"us-east-1", "us-west-1", "us-west-2"}
    assert config.document == json.loads((RENDERED / "github-worker.json").read_text())


@pytest.mark.parametrize(
    "path",
    [path for folder in CLOUDS for path in worker_types(folder)],
    ids=lambda path: f"{path.parts[-3]}-{path.stem}",
)
def test_every_worker_type_of_a_cloud_is_accepted(path):
    folder = path.parent.parent
    document = load(path)
    assert kind_of_provider(document["provider"], {}) == folder.name
    config = resolve(document, shared_configs(folder), now=NOW, kind=kind(folder.name))
    assert config.worker_type == path.stem
    assert config.launch_specs


@pytest.mark.parametrize("folder", CLOUDS, ids=lambda path: path.name)
def test_the_worker_types_of_a_cloud_use_all_its_shared_configs_and_more_than_references(folder):
    documents = [load(path) for path in worker_types(folder)]
    used = {reference.name for document in documents for reference in collect_references(document)}
    shared = shared_configs(folder)
    assert used == set(shared)
    offered = {entry.schema for entry in loader.provider_schemas(folder.name).shared_configs}
    assert {value.schema for value in shared.values()} <= offered
    assert any(may_loop(document) for document in documents)


def test_every_policy_is_shown_as_a_shared_config_and_written_out():
    shared = {value.schema for folder in CLOUDS for value in shared_configs(folder).values()}
    assert {f"/schemas/common/{name}.json#" for name in POLICIES} <= shared
    documents = [load(path) for folder in CLOUDS for path in worker_types(folder)]
    plain = {member for each in documents for member in each if not collect_references(each[member])}
    assert {*POLICIES, "demandMaxAge"} <= plain


def test_the_account_of_a_cloud_has_a_price_for_everything_that_its_worker_types_launch():
    folder = ROOT / "examples" / "clouds" / "aws"
    (account,) = load_providers(folder / "providers.yml", "lab").values()
    for path in worker_types(folder):
        config = resolve(load(path), shared_configs(folder), now=NOW, kind=kind("aws"), record=account)
        prices = prices_by_offering(config.launch_specs, Prices.told_by(account.price_table))
        assert {spec.offering.key for spec in config.launch_specs} == prices.keys()
        assert {Cap(60, region="us-west-1"), Cap(80, instance_type="c5.xlarge")} == {*config.caps}


def test_every_kind_has_an_example():
    assert [folder.name for folder in CLOUDS] == list(loader.provider_kinds())
