"""A model of the system that is nothing but its rule for edits, and plausible edits to drive it, or the system, with.

Knows the valid documents of the corpus; all randomness comes from the `Random` that is given.
"""

from __future__ import annotations

import copy
import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.corpus.cases import PROVIDERS, bases
from worker_manager.config import SharedValue, check_shared_config, check_shared_value, collect_references, resolve
from worker_manager.documents import merge_patch
from worker_manager.errors import ConfigInvalid
from worker_manager.kinds import kind
from worker_manager.provider import ProviderRecord

NOW = "2026-11-23T10:00:00.000Z"
WORKER_TYPES = ("docker-small", "docker-release", "gcp-linux-docker", "gcp-gpu-test", "azure-linux-build", "sleepers")
RESTORABLE = 5
RECORDS = {
    name: ProviderRecord(name, each["kind"], regions=tuple(each.get("regions", ()))) for name, each in PROVIDERS.items()
}


@dataclass(frozen=True)
class Edit:
    """A message: `update` to the workflow of `name`, or its start."""

    is_shared: bool
    name: str
    update: str
    body: Any


@dataclass
class Model:
    """Accepted documents of worker types and shared configs, all revisions of each, the newest last."""

    worker_types: dict[str, list[Any]] = field(default_factory=dict)
    shared: dict[str, list[Any]] = field(default_factory=dict)
    schemas: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_examples(cls) -> Model:
        model = cls(worker_types={name: [bases()[name].document] for name in WORKER_TYPES})
        names = {each.name for [document] in model.worker_types.values() for each in collect_references(document)}
        for name in sorted(names):
            model.shared[name] = [bases()[name].document["value"]]
            model.schemas[name] = bases()[name].document["schema"]
        return model

    def values(self, **instead: Any) -> dict[str, SharedValue]:
        newest = {name: revisions[-1] for name, revisions in self.shared.items()} | instead
        return {name: SharedValue(1, value, self.schemas[name]) for name, value in newest.items()}

    def accept(self, edit: Edit) -> bool:
        """Whether the edit is right; it then stands."""
        after = self._after(edit)
        if not (self._is_good_value(edit, after) if edit.is_shared else resolves(after, self.values())):
            return False
        revisions = (self.shared if edit.is_shared else self.worker_types).setdefault(edit.name, [])
        if edit.update == "start" and edit.is_shared:
            self.schemas[edit.name] = edit.body["schema"]
        if not revisions or after != revisions[-1]:
            revisions.append(after)
        return True

    def _after(self, edit: Edit) -> Any:
        if edit.update == "start":
            return edit.body["value"] if edit.is_shared else edit.body
        revisions = (self.shared if edit.is_shared else self.worker_types)[edit.name]
        if edit.update == "restore":
            return revisions[edit.body["revision"] - 1]
        if edit.update == "patch_config":
            return merge_patch(revisions[-1], edit.body["patch"])
        return edit.body["value" if edit.is_shared else "document"]

    def _is_good_value(self, edit: Edit, value: Any) -> bool:
        if edit.update == "start":
            return not check_shared_config(edit.body)
        if check_shared_value(self.schemas[edit.name], value):
            return False
        values = self.values(**{edit.name: value})
        using = [each[-1] for each in self.worker_types.values() if edit.name in names_in(each[-1])]
        return all(resolves(document, values) for document in using)


def names_in(document: Any) -> set[str]:
    return {each.name for each in collect_references(document)}


def resolves(document: Any, values: dict[str, SharedValue]) -> bool:
    record = RECORDS[document["provider"]]
    try:
        resolve(document, values, now=NOW, kind=kind(record.kind), record=record)
    except ConfigInvalid:
        return False
    return True


# ---- plausible edits


def edits(model: Model, random: Random) -> Iterator[Edit]:
    """Edits without end, each for the model as it stands then."""
    number = 0
    while True:
        number += 1
        choices = [
            edit_shared,
            edit_shared,
            edit_shared,
            patch,
            patch,
            refer,
            refer,
            restore,
            start_shared,
            start_worker_type,
        ]
        yield random.choice(choices)(model, random, number)


def edit_shared(model: Model, random: Random, number: int) -> Edit:
    name = random.choice(sorted(model.shared))
    return Edit(True, name, "apply_config", {"value": varied(model.shared[name][-1], random)})


def start_shared(model: Model, random: Random, number: int) -> Edit:
    like = random.choice(sorted(model.shared))
    value = varied(model.shared[like][0], random)
    schema = random.choice([model.schemas[like]] * 5 + sorted(model.schemas.values()))
    return Edit(True, f"new-{number}", "start", {"name": f"new-{number}", "schema": schema, "value": value})


def start_worker_type(model: Model, random: Random, number: int) -> Edit:
    like = model.worker_types[random.choice(sorted(model.worker_types))][-1]
    document = like | {"workerType": f"worker-{number}"}
    if random.random() < 0.3:
        document |= capacities(random)
    return Edit(False, f"worker-{number}", "start", document)


def patch(model: Model, random: Random, number: int) -> Edit:
    name = random.choice(sorted(model.worker_types))
    document = model.worker_types[name][-1]
    member = random.choice(sorted({*document, "scalingRatio", "demand", "rollout"} - {"workerType", "provider"}))
    changes = random.choice(
        [
            capacities(random),
            {member: None},
            {"description": f"edit {number}", "scalingRatio": random.choice([0.5, 1, 1.5])},
            {"lifecycle": {"scaleInCooldown": random.choice([0, 60, "5m", 31_536_001])}},
            {"lifecycle": {"registrationTimeout": random.choice([0, "10m", "1w"]), "maxLifetime": "30d"}},
            {"rollout": {"maxSurge": random.choice([0, "5%", "101%"]), "maxUnavailable": random.choice([0, 1])}},
            {"spot": {"fallback": "onDemand"}},
            {"demandMaxAge": random.choice([60, "5m", "soon"])},
            {"tags": {random.choice(["team", "Team", "project"]): "x"}},
        ]
    )
    return Edit(False, name, "patch_config", {"patch": changes})


def refer(model: Model, random: Random, number: int) -> Edit:
    """Let a member refer to another shared config, or to the same in another way, or hold a value itself."""
    name = random.choice(sorted(model.worker_types))
    document = model.worker_types[name][-1]
    member = random.choice([each for each in document if isinstance(document[each], dict | list)])
    now = names_in(document[member])
    likely = [each for each in model.shared if model.schemas[each] in {model.schemas[other] for other in now}]
    chosen = (
        random.choice(sorted(likely or model.shared))
        if random.random() < 0.85
        else random.choice([*model.shared, "none"])
    )
    value: Any = random.choice(
        [
            {"$eval": f"context.{chosen}"},
            {"$eval": f'context["{chosen}"]'},
            {"$if": "1 < 2", "then": {"$eval": f"context.{chosen}"}},
            varied(model.shared[chosen][-1], random) if chosen in model.shared else [],
        ]
    )
    return Edit(False, name, "apply_config", {"document": document | {member: value}})


def restore(model: Model, random: Random, number: int) -> Edit:
    is_shared = random.random() < 0.5
    of = model.shared if is_shared else model.worker_types
    name = random.choice(sorted(of, key=lambda each: (-len(of[each]), each))[:4])
    newest = len(of[name])
    return Edit(is_shared, name, "restore", {"revision": random.randint(max(1, newest - RESTORABLE), newest)})


_CHOICES = (edit_shared,) * 3 + (patch,) * 2 + (refer,) * 2 + (restore, start_shared, start_worker_type)


def capacities(random: Random) -> dict[str, int]:
    return {"minCapacity": random.choice([0, 0, 1, 5]), "maxCapacity": random.choice([2, 20, 200, 400])}


def varied(value: Any, random: Random) -> Any:
    """A value much like this one: mostly right, sometimes wrong by itself, sometimes wrong for those who use it."""
    changed = copy.deepcopy(value)
    if random.random() < 0.15:
        return broken(changed, random)
    if isinstance(changed, dict):
        changed[random.choice(["note", "team", *changed])] = random.choice(["x", "releng", 7200])
        return changed
    entries = random.sample(changed, random.randint(1, len(changed)))
    entry = random.choice(entries)
    if random.random() < 0.4 and {"instanceType", "machineType", "vmSize"} & set(entry):
        entry["capacity"] = random.choice([1, 2, 4, 100])
    if random.random() < 0.2:
        entry.pop("launchSpec", None)
    if random.random() < 0.3:
        entries.append({key: f"{each}x" if key == "image" else each for key, each in entry.items()})
    return entries


def broken(value: Any, random: Random) -> Any:
    """Wrong by itself."""
    if isinstance(value, dict):
        return random.choice([list(value), value | {"Not A Key": []}, None])
    entry = random.choice(value)
    return random.choice([[], {"entries": value}, [*value, {}], [*value, entry | {"unknown": 1}]])


def drawn(schema: str, random: Random) -> Any:
    """A value that conforms to the schema, from all over what it allows; None where nobody has written how."""
    make = _DRAWN.get(schema.rsplit("/", 1)[1].partition(".")[0])
    return make(random) if make else None


def _name(random: Random, most: int) -> str:
    return "".join(random.choice(string.ascii_lowercase) for _ in range(random.randint(1, most)))


def _some(members: dict[str, Any], random: Random) -> dict[str, Any]:
    return {key: value for key, value in members.items() if random.random() < 0.5}


def _lifecycle(random: Random) -> Any:
    may_be_nothing = {name: _duration(random, 0) for name in ("maxIdle", "drainTimeout", "scaleInCooldown")}
    times = {name: _duration(random, 1) for name in ("launchTimeout", "registrationTimeout", "maxLifetime")}
    return _some({"scaleIn": random.choice(["whenIdle", "oldestFirst"]), **may_be_nothing, **times}, random)


def _duration(random: Random, least: int) -> Any:
    texts = [f"{least}s", f"{random.randint(1, 999_999)}m", "999999s", "365d"]
    return random.choice([least, random.randint(1, 31_536_000), 31_536_000, *texts])


def _rollout(random: Random) -> Any:
    def share(least: int) -> Any:
        return random.choice([least, 1_000_000, f"{random.randint(least, 100)}%"])

    flags = {"pause": random.random() < 0.5, "onlyIdle": random.random() < 0.5}
    members = {"maxUnavailable": share(0), "minReadySeconds": random.choice([0, 86_400]), **flags}
    return {"maxSurge": share(1), **_some(members, random)}


def _brakes(random: Random) -> Any:
    names = ("unprovenInstances", "launchesPerMinute", "terminationsPerMinute")
    return _some({name: random.choice([1, 1000, 1_000_000]) for name in names}, random)


def _schedule(random: Random) -> Any:
    crons = ["0 8 * * 1-5", "*/15 * * * *", "0 0 1 1 *", "30 2 29 2 *", "0 22 * * mon,wed"]
    more = {"timeZone": random.choice(["UTC", "Europe/Berlin", "Asia/Kolkata"]), "description": _name(random, 256)}
    return [
        {
            "cron": random.choice(crons),
            "duration": random.choice([60, "1m", "10h", "2d"]),
            random.choice(["minCapacity", "maxCapacity"]): random.choice([0, 5, 1_000_000]),
            **_some(more, random),
        }
        for _ in range(random.randint(0, 5))
    ]


def _spot(random: Random) -> Any:
    after = _some({"noCapacity": _duration(random, 0), "quota": _duration(random, 0)}, random)
    return {"fallback": random.choice(["none", "onDemand"]), **_some({"after": after}, random)}


def _tags(random: Random) -> Any:
    return {"x" + _name(random, 62): _name(random, 63) for _ in range(random.randint(0, 20))}


def _user_data(random: Random) -> Any:
    return {_name(random, 5): random.choice([None, 1.5, [], {"$$": 1}, "x", True]) for _ in range(random.randint(0, 5))}


def _regions(random: Random) -> Any:
    names = random.sample(
        ["us-east-1", "us-west-1", "us-west-2", "eu-central-1", "us-gov-west-1"], random.randint(1, 5)
    )
    image = {"launchSpec": {"ImageId": f"ami-{random.getrandbits(32):08x}"}}
    more = {"userData": {"dindImage": "a/b:v1"}, "secrets": {"a": "ssm:/x"}, "scopes": ["x" * random.randint(1, 1024)]}
    return [{"region": each, **image, **_some(more, random)} for each in names]


def _types(key: str, names: list[str], random: Random) -> Any:
    chosen = random.sample(names, random.randint(1, len(names)))
    worth = {"capacity": random.choice([1, 10_000]), "utility": random.choice([0.001, 1, 1_000_000])}
    return [{key: each, **_some({**worth, "userData": {}, "scopes": []}, random)} for each in chosen]


def _google_images(random: Random) -> Any:
    source = "projects/p-1/global/images/family/x"
    return [
        {"image": image, "architecture": each, "sourceImage": source, **_some({"diskSizeGb": 65_536}, random)}
        for image in random.sample(["a", "docker-worker", "x" * 128], random.randint(1, 3))
        for each in random.sample(["X86_64", "ARM64"], random.randint(1, 2))
    ]


def _azure_locations(random: Random) -> Any:
    zones = {"zones": random.sample(["1", "2", "3"], random.randint(1, 3))}
    names = random.sample(["westeurope", "northeurope", "eastus2"], random.randint(1, 3))
    return [{"location": each, **_some({**zones, "launchSpec": {"priority": "Spot"}}, random)} for each in names]


_DRAWN: dict[str, Any] = {
    "aws-regions": _regions,
    "aws-regions-docker-worker": _regions,
    "aws-instance-types-small": lambda random: _types("instanceType", ["m5.large", "t3.nano", "c5.xlarge"], random),
    "local-instance-types": lambda random: _types("instanceType", ["a", "small", "x" * 63], random),
    "google-images": _google_images,
    "google-zones": lambda random: [{"zone": "us-central1-a", **_some({"userData": {}, "scopes": []}, random)}],
    "azure-locations": _azure_locations,
    "lifecycle": _lifecycle,
    "rollout": _rollout,
    "brakes": _brakes,
    "schedule": _schedule,
    "spot": _spot,
    "tags": _tags,
    "user-data": _user_data,
}
