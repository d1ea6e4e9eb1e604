"""What is wrong with a policy beyond its schema, as a shared config and in a worker type alike."""

from __future__ import annotations

import pytest

from worker_manager.config import check_shared_config
from worker_manager.errors import Problem
from worker_manager.policy_rules import member_problems, policy_problems

LIFECYCLE, ROLLOUT, SCHEDULE = (f"/schemas/common/{name}.json#" for name in ("lifecycle", "rollout", "schedule"))


def told(problems):
    return [(each.pointer, each.rule) for each in problems]


@pytest.mark.parametrize("zero", [0, 0.0, "0s", "00m", "0d"])
@pytest.mark.parametrize("member", ["launchTimeout", "registrationTimeout", "maxLifetime"])
def test_a_time_of_nothing_is_refused_where_everything_would_end_at_once(member, zero):
    (problem,) = policy_problems(LIFECYCLE, {member: zero})
    assert (f"/{member}", "duration") == (problem.pointer, problem.rule)
    assert problem.message.startswith("must be more than 0, not ")


@pytest.mark.parametrize(
    "value", [{}, {"launchTimeout": 1, "registrationTimeout": "1s"}, {"maxIdle": 0, "drainTimeout": "0s"}]
)
def test_other_times_may_be_nothing(value):
    assert () == policy_problems(LIFECYCLE, value)


@pytest.mark.parametrize(
    "value",
    [
        {"maxSurge": 0},
        {"maxSurge": "0%"},
        {"maxSurge": 0.0, "maxUnavailable": 0},
        {"maxSurge": "0%", "maxUnavailable": "0%", "pause": True},
    ],
)
def test_a_rollout_without_any_budget_is_refused(value):
    assert [("", "rollout-stuck")] == told(policy_problems(ROLLOUT, value))


def test_a_rollout_says_where_its_zero_comes_from():
    assert "maxUnavailable 0, its default, nothing" in policy_problems(ROLLOUT, {"maxSurge": 0})[0].message


@pytest.mark.parametrize(
    "value", [{}, {"maxUnavailable": 0}, {"maxSurge": 0, "maxUnavailable": 1}, {"maxSurge": "1%", "maxUnavailable": 0}]
)
def test_a_rollout_with_a_budget_is_accepted(value):
    assert () == policy_problems(ROLLOUT, value)


def test_what_the_schema_refuses_is_left_to_it():
    assert () == policy_problems(ROLLOUT, {"maxSurge": 0, "maxUnavailable": "none"})
    assert () == policy_problems(LIFECYCLE, None)
    assert () == policy_problems(SCHEDULE, [{"cron": "x"}])


def test_other_schemas_have_no_rules():
    assert () == policy_problems("/schemas/common/tags.json#", {"maxSurge": "0"})


def test_the_problems_of_a_document_are_at_its_members():
    entry = {"cron": "0 8 * * *", "duration": "10s", "minCapacity": 1}
    document = {"schedule": [entry], "rollout": {"maxSurge": 0}, "lifecycle": {"launchTimeout": 0}, "brakes": {}}
    expected = [
        ("/lifecycle/launchTimeout", "duration"),
        ("/rollout", "rollout-stuck"),
        ("/schedule/0/duration", "duration"),
    ]
    assert expected == told(member_problems(document))


@pytest.mark.parametrize("schema", [ROLLOUT, ROLLOUT.removesuffix("#")])
def test_a_shared_policy_is_refused_before_anything_refers_to_it(schema):
    document = {"name": "slow", "schema": schema, "value": {"maxSurge": 0}}
    problem = check_shared_config(document)[0]
    message = "with maxSurge 0 and maxUnavailable 0, its default, nothing can ever be replaced; raise one of them"
    assert Problem("/value", message, "rollout-stuck") == problem
