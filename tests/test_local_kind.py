"""The kind `local`: its configs are checked and rendered; nothing launches its processes yet."""

from __future__ import annotations

import pytest

from worker_manager.config import SharedValue, resolve
from worker_manager.errors import ConfigInvalid
from worker_manager.kinds import kind, kind_of_provider
from worker_manager.model import Cap, Market
from worker_manager.provider import ProviderRecord
from worker_manager.shape import MAX_PROBLEMS

NOW = "2026-11-23T10:00:00.000Z"
LOCAL = kind("local")
SLEEP = {"command": ["sleep", "600"]}


def document(**changes):
    return {
        "workerType": "sleepers",
        "provider": "local-provider",
        "minCapacity": 0,
        "maxCapacity": 4,
        "launchSpec": SLEEP,
        "instanceTypes": [{"instanceType": "small"}, {"instanceType": "large", "capacity": 2, "utility": 1.5}],
    } | changes


def resolved(shared=(), **changes):
    return resolve(document(**changes), dict(shared), now=NOW, kind=LOCAL)


def problems_of(record=None, **changes):
    with pytest.raises(ConfigInvalid) as caught:
        resolve(document(**changes), {}, now=NOW, kind=LOCAL, record=record)
    return [(problem.pointer, problem.rule) for problem in caught.value.problems]


def test_a_provider_named_local_is_of_this_kind():
    assert kind_of_provider("local-provider", {}) == "local"
    assert LOCAL.name == "local"


def test_one_offering_arises_from_each_instance_type():
    offerings = [spec.offering for spec in resolved().launch_specs]
    assert [offering.key for offering in offerings] == ["local/any/small/onDemand", "local/any/large/onDemand"]
    assert [(each.capacity, each.utility, each.market) for each in offerings] == [
        (1, 1.0, Market.ON_DEMAND),
        (2, 1.5, Market.ON_DEMAND),
    ]


def test_a_process_is_worth_its_slots_unless_its_type_says_more_and_has_no_image():
    types = [{"instanceType": "a", "capacity": 4}, {"instanceType": "b", "capacity": 4, "utility": 3}]
    specs = resolved(instanceTypes=types).launch_specs
    assert [(4.0, "", ""), (3.0, "", "")] == [(one.offering.utility, one.offering.family, one.image) for one in specs]


def test_caps_are_those_of_instance_types():
    types = [{"instanceType": "a", "maxCapacity": 3}, {"instanceType": "b"}]
    assert (Cap(3, instance_type="a"),) == resolved(instanceTypes=types).caps


@pytest.mark.parametrize(
    ("pointers", "entry"),
    [
        pytest.param(["/schedule/0/cron"], {"cron": "0 25 * * *", "duration": "1h", "minCapacity": 1}, id="cron"),
        pytest.param(
            ["/schedule/0/duration"], {"cron": "0 5 * * *", "duration": "soon", "minCapacity": 1}, id="schema"
        ),
        pytest.param(["/schedule/0"], {"cron": "0 25 * * *", "duration": "1h"}, id="schema-before-cron"),
        pytest.param(
            ["/schedule/0/cron", "/schedule/0/timeZone"],
            {"cron": "0 25 * * *", "timeZone": "Berlin", "duration": "1h", "minCapacity": 1},
            id="both",
        ),
    ],
)
def test_a_wrong_schedule_is_refused_at_its_place(pointers, entry):
    assert pointers == [pointer for pointer, _ in problems_of(schedule=[entry])]


def test_a_schedule_of_no_sense_is_refused_even_where_more_is_wrong_than_is_told():
    unknown = {f"unknown{number}": 1 for number in range(MAX_PROBLEMS)}
    assert MAX_PROBLEMS == len(problems_of(**unknown, schedule=[{"cron": 1, "duration": "1h"}, 3]))


def test_levels_are_merged_and_a_command_is_replaced_as_a_whole():
    entry = {
        "instanceType": "small",
        "launchSpec": {"command": ["true"], "environment": {"B": "2"}},
        "userData": {"b": 2},
        "scopes": ["b"],
    }
    (spec,) = resolved(
        launchSpec=SLEEP | {"environment": {"A": "1", "B": "1"}, "workingDirectory": "/tmp"},
        userData={"a": 1, "b": 1},
        scopes=["a"],
        instanceTypes=[entry],
    ).launch_specs
    assert spec.settings == {"command": ["true"], "environment": {"A": "1", "B": "2"}, "workingDirectory": "/tmp"}
    assert spec.user_data == {"data": {"a": 1, "b": 2}, "secrets": {}, "scopes": ["a", "b"]}


def test_tags_are_settings_and_change_the_hash():
    without, tagged = resolved(), resolved(tags={"team": "x"})
    assert [spec.settings for spec in without.launch_specs] == [SLEEP, SLEEP]
    assert tagged.launch_specs[0].settings == SLEEP | {"tags": {"team": "x"}}
    assert resolved(tags={}).config_hash == without.config_hash != tagged.config_hash


def test_instance_types_and_lifecycle_may_be_shared():
    shared = {
        "types": SharedValue(2, [{"instanceType": "small"}], "/schemas/common/local-instance-types.json#"),
        "life": SharedValue(5, {"scaleIn": "oldestFirst"}, "/schemas/common/lifecycle.json#"),
    }
    config = resolved(shared, instanceTypes={"$eval": "context.types"}, lifecycle={"$eval": "context.life"})
    assert config.shared_revisions == {"types": 2, "life": 5}
    assert (config.policies.lifecycle.scale_in, config.policies.lifecycle.drain_timeout_seconds) == (
        "oldestFirst",
        3600.0,
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"launchSpec": {}}, [("/instanceTypes/0", "command-missing"), ("/instanceTypes/1", "command-missing")]),
        (
            {"launchSpec": {}, "instanceTypes": [{"instanceType": "a", "launchSpec": SLEEP}, {"instanceType": "b"}]},
            [("/instanceTypes/1", "command-missing")],
        ),
        (
            {"maxCapacity": 1, "instanceTypes": [{"instanceType": "large", "capacity": 2}]},
            [("/instanceTypes", "capacity-too-large")],
        ),
        (
            {"launchSpec": SLEEP | {"environment": {"WM_LAUNCH": ""}}},
            [("/launchSpec/environment/WM_LAUNCH", "pattern")],
        ),
        ({"launchSpec": SLEEP | {"environment": {"A=B": ""}}}, [("/launchSpec/environment/A=B", "pattern")]),
        ({"secrets": {}}, [("/secrets", "unknown-key")]),
        ({"regions": []}, [("/regions", "unknown-key")]),
        ({"instanceTypes": [{"instanceType": "a"}] * 2}, [("/instanceTypes/1", "uniqueBy")]),
    ],
)
def test_what_could_never_run_is_refused_where_it_stands(changes, expected):
    assert problems_of(**changes) == expected


def test_this_machine_is_the_only_region():
    elsewhere = ProviderRecord("local-provider", "local", regions=("us-east-1",))
    assert problems_of(elsewhere) == [("/provider", "region-not-allowed")]
    here = ProviderRecord("local-provider", "local", regions=("local",))
    assert resolve(document(), {}, now=NOW, kind=LOCAL, record=here).launch_specs


def test_opening_a_local_provider_says_that_there_is_no_launcher():
    with pytest.raises(ConfigInvalid, match="checks and renders configs of kind 'local'") as caught:
        LOCAL.open(ProviderRecord("mine", "local"))
    (problem,) = caught.value.problems
    assert (problem.pointer, problem.rule) == ("/kind", "no-launcher")
    assert "the provider 'mine'" in problem.message
