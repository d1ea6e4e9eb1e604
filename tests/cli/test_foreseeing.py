"""What documents would make of a running system, foreseen from values alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.documents import Document, Kind, load
from cli.foreseeing import foresee
from cli.naming import Key
from cli.reporting import diff_lines, diff_rows
from cli.resolving import Resolver
from cli.running import Running
from cli.surveying import Directory, Pruning, Survey

NOW = "2020-01-02T03:04:05.000Z"
IMAGES = Key(Kind.SHARED_CONFIG, "images")


@pytest.fixture
def fleet(write, worker_type_text, shared_config_text, tmp_path) -> Callable[..., list[Document]]:
    """A worker type that follows a shared config, as files; parts of their texts replaced."""

    def make(*replaced: tuple[str, str]) -> list[Document]:
        shared, own = shared_config_text, worker_type_text.partition("regions:\n")
        text = own[0] + "regions: {$eval: context.images}\ninstanceTypes:\n" + own[2].partition("instanceTypes:\n")[2]
        for old, new in replaced:
            text, shared = text.replace(old, new), shared.replace(old, new)
        write("a.yml", text)
        write("images.yml", shared)
        documents, findings = load([tmp_path])
        assert [] == findings
        return documents

    return make


def running(documents: list[Document], name: str = "sample", **members: Any) -> dict[Key, Running]:
    """The system in which these run, at another time; the worker type under this name and with these members."""
    (shared,) = [each.data for each in documents if each.kind is Kind.SHARED_CONFIG]
    (worker_type,) = [each.data for each in documents if each.kind is Kind.WORKER_TYPE]
    data = {**worker_type, "workerType": name, **members}
    key = Key(Kind.WORKER_TYPE, name)
    snapshot = {IMAGES: Running(IMAGES, 1, shared, dependents=(name,))}
    resolver = Resolver([], snapshot, [], [])
    known = resolver.knows_provider(data)
    config_hash = resolver.resolve(data, NOW).config_hash if known else "v1-unknown"
    return {**snapshot, key: Running(key, 1, data, config_hash=config_hash, now=NOW)}


def test_the_time_that_a_template_saw_is_not_a_change(fleet):
    same = fleet(("instanceTypes:", "userData: {startedAt: {$eval: now}}\ninstanceTypes:"))
    outlook = foresee(same, running(same))
    assert ([], [True, True]) == (outlook.rehashed, [each.is_same for each in outlook.steps])
    # ... but an edit that is none to the settings gives the template another time.
    other = fleet(
        ("maxCapacity: 5", "maxCapacity: 6"), ("instanceTypes:", "userData: {startedAt: {$eval: now}}\ninstanceTypes:")
    )
    assert ["sample"] == [each.key.name for each in foresee(other, running(same)).rehashed]


def test_shared_configs_come_first_and_what_does_not_run_is_no_change_of_hash(fleet):
    outlook = foresee(fleet(), {})
    assert [IMAGES, Key(Kind.WORKER_TYPE, "sample")] == [each.key for each in outlook.steps]
    assert ([], True) == (outlook.rehashed, outlook.is_acceptable)


def test_a_dependent_beyond_the_files_is_resolved_with_their_values(fleet):
    snapshot = running(fleet(), "other")
    outlook = foresee(fleet(("ami-0dedc5db10ec003af", "ami-00000000000000001")), snapshot)
    assert [("other", False)] == [(each.key.name, each.is_local) for each in outlook.rehashed]
    outlook = foresee(fleet(("  launchSpec:\n    ImageId: ami-0dedc5db10ec003af\n", "")), snapshot)
    assert {"other"} == {each.key.name for each in outlook.broken}
    assert str(outlook.broken[0]).startswith("would break worker-type:other: /regions: ")


def test_a_dependent_of_an_unchanged_shared_config_is_left_alone(fleet):
    documents = fleet()
    outlook = foresee(documents, running(documents, "other"))
    assert ([], []) == (outlook.broken, outlook.rehashed)


def test_a_dependent_of_a_provider_that_only_the_system_knows_is_named_and_not_judged(fleet):
    snapshot = running(fleet(), "other", provider="build-farm")
    outlook = foresee(fleet(("ami-0dedc5db10ec003af", "ami-00000000000000001")), snapshot)
    assert (["other"], True) == ([each.name for each in outlook.unchecked], outlook.is_acceptable)


@pytest.mark.parametrize(
    ("old", "new", "pointer"),
    [
        ("provider: aws-provider", "provider: aws-other", "/provider"),
        (
            "schema: /schemas/common/aws-regions.json#",
            "schema: /schemas/common/aws-regions-docker-worker.json#",
            "/schema",
        ),
    ],
)
def test_what_stays_for_ever_is_a_finding_at_its_line(old, new, pointer, fleet):
    snapshot = running(fleet())
    found = [each for each in foresee(fleet((old, new)), snapshot).findings if "for ever" in each.message]
    assert [(pointer, "immutable")] == [(each.pointer, each.rule) for each in found]


def test_a_schema_is_the_same_with_and_without_its_hash(fleet):
    snapshot = running(fleet())
    outlook = foresee(fleet(("aws-regions.json#", "aws-regions.json")), snapshot)
    assert ([], [True, True]) == (outlook.findings, [each.is_same for each in outlook.steps])


def test_what_is_pruned_is_not_said_to_change(fleet):
    snapshot = running(fleet(), "other")
    documents = fleet(("ami-0dedc5db10ec003af", "ami-00000000000000001"))
    gone = Pruning((Key(Kind.WORKER_TYPE, "other"),))
    survey = Survey(Directory(Path(), tuple(documents), ()), foresee(documents, snapshot), "", gone)
    assert "1 created, 1 updated, 1 pruned; 0 worker types change hash" == diff_lines(survey, 80)[-1]
    assert [("images", "updated"), ("sample", "created"), ("other", "pruned")] == [
        (each["name"], each["change"]) for each in diff_rows(survey)
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_lines_of_a_difference_are_readable(width, fleet):
    snapshot = running(fleet(), "other")
    documents = fleet(("ami-0dedc5db10ec003af", "ami-00000000000000001"), ("a sample", "a sample " * 30))
    lines = diff_lines(Survey(Directory(Path(), tuple(documents), ()), foresee(documents, snapshot)), width)
    assert max(map(len, lines)) <= width
    assert any('"ami-0dedc5db10ec003af" -> "ami-00000000000000001"' in each for each in lines)
