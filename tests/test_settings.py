"""Good and bad `providers.yml`: every refusal names the file and the place."""

from __future__ import annotations

import pytest

from worker_manager.errors import ConfigInvalid
from worker_manager.provider import ProviderRecord
from worker_manager.settings import load_providers

GOOD = """
providers:
  - name: aws-provider
    kind: aws
    regions: [us-east-1, us-west-1]
  - name: aws-lab
    kind: aws
    endpoint: http://127.0.0.1:5000
    regions: [us-east-1]
    callsPerSecond: 20
    launchCallsPerSecond: 2.5
    settleSeconds: 60
    listLagSeconds: 30
    options: {a: 1}
"""


@pytest.fixture
def load(tmp_path):
    """Write `text` as the providers file and load it."""

    def write_and_load(text):
        path = tmp_path / "providers.yml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_providers(path, "lab")

    return write_and_load


def test_records_by_name_with_defaults_and_the_deployment(load):
    expected = {
        "aws-provider": ProviderRecord("aws-provider", "aws", "lab", regions=("us-east-1", "us-west-1")),
        "aws-lab": ProviderRecord(
            name="aws-lab",
            kind="aws",
            deployment="lab",
            endpoint="http://127.0.0.1:5000",
            regions=("us-east-1",),
            calls_per_second=20.0,
            launch_calls_per_second=2.5,
            settle_seconds=60.0,
            list_lag_seconds=30.0,
            options={"a": 1},
        ),
    }
    assert expected == load(GOOD)


@pytest.mark.parametrize(
    ("pointer", "words", "text"),
    [
        pytest.param("/providers", "field required", "{}", id="no-list"),
        pytest.param("/providers", "at least 1 item", "providers: []", id="empty-list"),
        pytest.param("/providers/0/kind", "field required", "providers: [{name: a}]", id="no-kind"),
        pytest.param("/providers/0/name", "pattern", "providers: [{name: a/b, kind: aws}]", id="bad-name"),
        pytest.param("/providers/0/name", "valid string", "providers: [{name: 1, kind: aws}]", id="number-for-name"),
        pytest.param("/providers/0/pass", "not permitted", "providers: [{name: a, kind: aws, pass: x}]", id="extra"),
        pytest.param("/region", "not permitted", "{providers: [{name: a, kind: aws}], region: x}", id="extra-at-top"),
        pytest.param(
            "/providers/0/regions", "valid tuple", "providers: [{name: a, kind: aws, regions: us-east-1}]", id="regions"
        ),
        pytest.param(
            "/providers/0/settleSeconds",
            "greater than 0",
            "providers: [{name: a, kind: aws, settleSeconds: 0}]",
            id="no-settling",
        ),
        pytest.param(
            "/providers/0/callsPerSecond",
            "greater than or equal to 0",
            "providers: [{name: a, kind: aws, callsPerSecond: .nan}]",
            id="not-a-number",
        ),
        pytest.param(
            "/providers/1/name",
            "'a' stands twice",
            "providers: [{name: a, kind: aws}, {name: a, kind: aws}]",
            id="name-twice",
        ),
        pytest.param(
            "/providers/0/kind",
            "there is no provider kind 'awss'; did you mean 'aws'?",
            "providers: [{name: a, kind: awss}]",
            id="unknown-kind",
        ),
    ],
)
def test_a_wrong_file_is_refused_naming_the_file_and_the_place(load, pointer, words, text):
    with pytest.raises(ConfigInvalid) as caught:
        load(text)
    problem = caught.value.problems[0]
    assert (pointer, True, True) == (problem.pointer, words in problem.message, "providers.yml" in problem.message)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        pytest.param("providers.yml:1:", "providers: [", id="not-closed"),
        pytest.param("providers.yml:2:", "a: 1\na: 2", id="member-twice"),
        pytest.param("providers.yml: cannot be read: ", b"\xff\xfe\xfa", id="not-utf-8"),
        pytest.param("providers.yml", "a: \x07", id="control-character"),
        pytest.param("providers.yml: ", "", id="empty"),
        pytest.param("providers.yml: ", "[1]", id="a-list"),
    ],
)
def test_what_is_no_document_is_refused_naming_the_file_and_the_line(load, place, text):
    with pytest.raises(ConfigInvalid) as caught:
        load(text)
    assert ("", True) == (caught.value.problems[0].pointer, place in str(caught.value))


def test_every_problem_of_a_file_is_named_at_once(load):
    with pytest.raises(ConfigInvalid) as caught:
        load("providers: [{name: a, kindd: aws}, {kind: aws}]")
    pointers = {each.pointer for each in caught.value.problems}
    assert {"/providers/0/kind", "/providers/0/kindd", "/providers/1/name"} == pointers


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigInvalid, match=r"nowhere\.yml: cannot be read: .*No such file"):
        load_providers(tmp_path / "nowhere.yml", "lab")
