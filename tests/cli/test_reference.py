"""`wm reference`: the same bytes each time, a check that names each file at fault, and no silent change of a schema."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.commands.reference import reference
from schemas import loader
from schemas.lock import LOCK_FILE, Published, PublishedSchemaChanged, advance, digest, read, text
from worker_manager import settings

REGIONS = "/schemas/common/aws-regions.json#"


@pytest.fixture
def run(tmp_path):
    """The command with a folder and a lock of the test's own."""

    def run_command(*words, out=tmp_path / "references"):
        arguments = ["--out", str(out), "--lock", str(tmp_path / "lock.json"), *map(str, words)]
        return CliRunner().invoke(reference, arguments, obj={})

    return run_command


@pytest.fixture
def written(run, tmp_path):
    """A reference that was just written; the result is its folder."""
    result = run()
    assert 0 == result.exit_code, result.output
    return tmp_path / "references"


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def edit_lock(tmp_path, change):
    path = tmp_path / "lock.json"
    lock = json.loads(path.read_text())
    change(lock)
    path.write_text(json.dumps(lock))


def test_every_schema_is_published_at_the_path_of_its_identifier(written):
    for key in loader.schema_ids():
        assert loader.schema(key) == json.loads((written / key.strip("/#")).read_text(encoding="utf-8"))


def test_every_kind_is_published_in_the_shape_of_its_source(written):
    names = {path.stem for path in (written / "providers").iterdir()}
    assert set(loader.provider_kinds()) == names
    for kind in names:
        published = json.loads((written / "providers" / f"{kind}.json").read_text(encoding="utf-8"))
        assert published == loader._read(loader.FOLDER / kind / loader.PROVIDER_FILE)


def test_the_manifest_names_every_file(written):
    manifest = json.loads((written / "manifest.json").read_text(encoding="utf-8"))
    named = {"manifest.json", manifest["document"], *(each["path"] for each in manifest["providers"])}
    named |= {each[key] for each in manifest["schemas"] for key in ("path", "input") if key in each}
    assert named == content(written).keys()
    assert list(loader.provider_kinds()) == [each["kind"] for each in manifest["providers"]]


def test_the_manifest_says_who_uses_a_schema_and_how(written):
    schemas = {each["id"]: each for each in json.loads((written / "manifest.json").read_text())["schemas"]}
    assert list(loader.schema_ids()) == list(schemas)
    regions, launch_spec = schemas[REGIONS], schemas["/schemas/aws/launch-spec.json#"]
    assert {
        "title": "AWS regions",
        "version": 1,
        "providers": ["aws"],
        "sharedConfigs": True,
    }.items() <= regions.items()
    assert digest(loader.schema(REGIONS)) == regions["sha256"]
    assert ["aws"] == launch_spec["providers"], "it is used through the regions"
    assert list(loader.provider_kinds()) == schemas["/schemas/common/worker-type.json#"]["providers"]
    assert [] == schemas[loader.METASCHEMA]["providers"]
    assert "schemas/aws/worker-config.input.json" == schemas["/schemas/aws/worker-config.json#"]["input"]


def test_the_same_schemas_give_the_same_bytes(written, run, tmp_path):
    assert 0 == run(out=tmp_path / "again").exit_code
    assert content(written) == content(tmp_path / "again")
    assert all(each.endswith(b"\n") and b"\r" not in each for each in content(written).values())


def test_a_fresh_reference_passes_the_check(written, run):
    result = run("--check")
    assert (0, f"{written}: {len(content(written))} files, as they should be\n") == (result.exit_code, result.stdout)


def test_the_check_names_each_stale_missing_and_extra_file_and_writes_nothing(written, run):
    stale, missing, extra = written / "manifest.json", written / "providers" / "aws.json", written / "old" / "x.json"
    stale.write_text("{}\n", encoding="utf-8")
    missing.unlink()
    extra.parent.mkdir()
    extra.touch()
    before = content(written)
    result = run("--check", "-o", "json")
    assert 1 == result.exit_code
    assert {
        str(stale): "is stale; run: wm reference",
        str(missing): "is missing; run: wm reference",
        str(extra): "is extra, for nothing is published there; delete it",
    } == {each["name"]: each["message"] for each in json.loads(result.stdout)}
    assert before == content(written)


def test_writing_repairs_what_it_made_and_leaves_what_is_not_its_own(written, run):
    fresh = content(written)
    (written / "manifest.json").unlink()
    (written / "extra.txt").touch()
    result = run()
    assert (1, f"{written / 'extra.txt'}: is extra, for nothing is published there; delete it\n") == (
        result.exit_code,
        result.stdout,
    )
    assert fresh | {"extra.txt": b""} == content(written)


def test_a_check_of_nothing_writes_nothing(run, tmp_path):
    assert 1 == run("--check").exit_code
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("option", [[], ["--check"]])
def test_a_changed_schema_is_refused_and_nothing_is_written(written, run, tmp_path, option):
    edit_lock(tmp_path, lambda lock: lock[REGIONS].update(sha256="0" * 64))
    (written / "manifest.json").unlink()
    result = run(*option)
    assert 1 == result.exit_code
    (line,) = result.stdout.splitlines()
    assert line.startswith(f"{REGIONS}: differs from what was published as version 1; ")
    assert "/schemas/common/aws-regions-v2.json#" in line
    assert f"wm reference --new-version {REGIONS}" in line
    assert not (written / "manifest.json").exists()


def test_a_new_version_is_recorded_and_published(written, run, tmp_path):
    edit_lock(tmp_path, lambda lock: lock[REGIONS].update(sha256="0" * 64))
    assert 0 == run("--new-version", REGIONS.removesuffix("#")).exit_code
    assert Published(digest(loader.schema(REGIONS)), 2) == read(tmp_path / "lock.json")[REGIONS]
    manifest = json.loads((written / "manifest.json").read_text(encoding="utf-8"))
    assert [2] == [each["version"] for each in manifest["schemas"] if each["id"] == REGIONS]
    assert 0 == run("--check").exit_code


def test_a_new_schema_is_added_by_writing_and_missed_by_the_check(written, run, tmp_path):
    edit_lock(tmp_path, lambda lock: lock.pop(REGIONS))
    result = run("--check")
    assert (1, f"{tmp_path / 'lock.json'}: is stale; run: wm reference\n") == (result.exit_code, result.stdout)
    assert 0 == run().exit_code
    assert 1 == read(tmp_path / "lock.json")[REGIONS].version


def test_check_and_new_version_exclude_each_other(run):
    result = run("--check", "--new-version", REGIONS)
    assert 2 == result.exit_code
    assert "leave one of them out" in result.stderr


def schema(**more):
    return {"$id": "/schemas/common/x.json#", "type": "object", "title": "X", **more}


X = "/schemas/common/x.json#"


def test_the_order_of_keys_changes_no_hash_and_anything_else_does():
    assert digest(schema()) == digest(dict(reversed(schema().items())))
    assert digest(schema()) != digest(schema(title="Y"))
    assert digest(schema(required=["a", "b"])) != digest(schema(required=["b", "a"]))


def refusals(lock, schemas, new_versions=frozenset()):
    with pytest.raises(PublishedSchemaChanged) as caught:
        advance(lock, schemas, new_versions)
    return caught.value.problems


def test_a_published_schema_cannot_vanish():
    lock = advance({}, {X: schema()})
    problems = refusals(lock, {"/schemas/common/y.json#": schema()})
    assert [X] == list(problems)
    assert "is gone; put it back" in problems[X]


def test_every_refusal_is_told_at_once():
    lock = advance({}, {key: schema(title=key) for key in "abcd"})
    changed = {"a": schema(title="a"), "b": schema(title="x"), "c": schema(title="x"), "e": schema()}
    problems = refusals(lock, changed, frozenset("acf"))
    assert ["a", "b", "d", "f"] == list(problems)
    assert "has not changed" in problems["a"]
    assert "there is no such schema" in problems["f"]


@pytest.mark.parametrize(
    ("key", "successor"),
    [
        ("/schemas/common/x.json#", "/schemas/common/x-v2.json#"),
        ("/schemas/common/x-v2.json#", "/schemas/common/x-v3.json#"),
        ("/schemas/common/x-v9.json#", "/schemas/common/x-v10.json#"),
        ("/schemas/azure/x-vm-sizes.json#", "/schemas/azure/x-vm-sizes-v2.json#"),
    ],
)
def test_a_changed_schema_is_told_the_name_of_its_successor(key, successor):
    assert f"as {successor}, or" in refusals({key: Published("0", 1)}, {key: schema()})[key]


def test_versions_count_up_and_stay_where_nothing_changed():
    lock = advance({}, {X: schema()})
    for count in (2, 3):
        lock = advance(lock, {X: schema(title=str(count))}, frozenset({X}))
        assert count == lock[X].version
        assert lock == advance(lock, {X: schema(title=str(count))})


def test_the_lock_is_read_as_it_was_written(tmp_path):
    lock = advance({}, {"b": schema(), "a": schema(title="é")})
    (tmp_path / "lock.json").write_text(text(lock), encoding="utf-8")
    assert lock == read(tmp_path / "lock.json")
    assert ["a", "b"] == list(json.loads(text(lock)))


def test_the_projects_lock_lies_with_the_schemas():
    assert Path(loader.FOLDER) == LOCK_FILE.parent


def test_the_schema_of_providers_says_what_the_reader_of_the_file_takes():
    """The reader is `worker_manager.settings`; were they to differ, editors would mislead."""
    (entry,) = [loader.schema("/schemas/common/providers.json#")["properties"]["providers"]["items"]]
    fields = {field.alias or name: field for name, field in settings._Record.model_fields.items()}
    assert fields.keys() == entry["properties"].keys()
    assert {name for name, field in fields.items() if field.is_required()} == set(entry["required"])
    defaults = {name: rules["default"] for name, rules in entry["properties"].items() if "default" in rules}
    assert {name: fields[name].default for name in defaults} == defaults
