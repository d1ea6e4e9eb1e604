"""Turns documents into checked configs: the one function behind the command line, the edit and the loop.

Decides whether a worker type document or a shared config is acceptable, and what a worker type resolves to. Pure: no
clock, no I/O but reading the published schemas, no Temporal, no cloud.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard, cast

from schemas import loader
from worker_manager.demand.contract import PUSH, normalized
from worker_manager.errors import ConfigInvalid, Problem
from worker_manager.launch_settings import config_hash
from worker_manager.policies import policies, seconds
from worker_manager.policy_rules import demand_age_problems, member_problems, policy_problems
from worker_manager.proofs import Proof, proofs
from worker_manager.provider import ProviderKind, ProviderRecord
from worker_manager.resolved import ResolvedConfig
from worker_manager.shape import MAX_DEPTH, MAX_PROBLEMS, Problems, clip, pointer_join, pointer_steps, shape_problems
from worker_manager.templates import (
    OPERATORS,
    Inspection,
    Reference,
    collect_references,
    did_you_mean,
    inspect,
    may_loop,
    missing_references,
    render_parts,
    unknown_references,
)
from worker_manager.validation import check_schema_id, document_order, relocate, schema_problems

__all__ = [
    "Problems",
    "Reference",
    "SharedValue",
    "check_shared_config",
    "check_shared_value",
    "collect_references",
    "may_loop",
    "missing_references",
    "provider_name",
    "render",
    "resolve",
]

MAX_RENDERED_BYTES = 1024 * 1024

_SHARED_CONFIG_SCHEMA = "/schemas/common/shared-config.json#"
_COMMON_SCHEMA = "/schemas/common/worker-type.json#"
# Older readings of a source that is read are not trusted, unless the document says otherwise.
READ_DEMAND_MAX_AGE_SECONDS, READINGS_MISSED = 300.0, 3


@dataclass(frozen=True, slots=True)
class SharedValue:
    """One revision of a shared config: what a reference to it stands for."""

    revision: int
    value: Any
    schema: str


def provider_name(document: Any) -> str:
    """The provider a worker type document names. It decides which schemas hold, so it must be written out.

    Raises ConfigInvalid if there is none, or if it is an expression.
    """
    given = document if isinstance(document, dict) else {}
    name = given.get("provider")
    if isinstance(name, str) and name and "${" not in name:
        return name
    if "provider" in given:
        message = f"the provider's name must be a plain text, not {clip(name)}"
        raise ConfigInvalid([Problem("/provider", message, "provider")])
    misspelt = [
        Problem(pointer_join("", key), f"unknown key {clip(key)}{hint}", "unknown-key")
        for key in list(given)[:MAX_PROBLEMS]
        if (hint := did_you_mean(str(key), ["provider"]))
    ]
    raise ConfigInvalid([Problem("", "the provider's name is missing", "provider"), *misspelt])


def render(document: Any, shared: Mapping[str, SharedValue], now: str) -> dict[str, Any]:
    """The document with every reference and expression replaced, unchecked otherwise.

    Raises ConfigInvalid if it is no object, refers to what is not in `shared`, or a template fails; ValueError if `now`
    does not look like `2026-01-31T12:00:00.000Z`.
    """
    rendered, problems, _ = _render(document, shared, now)
    if problems:
        raise ConfigInvalid(problems)
    return cast("dict[str, Any]", rendered)


def resolve(
    document: Any,
    shared: Mapping[str, SharedValue],
    *,
    now: str,
    kind: ProviderKind,
    record: ProviderRecord | None = None,
    known_names: Iterable[str] = (),
) -> ResolvedConfig:
    """Check a worker type document completely and say what it allows.

    Args:
        document: as the user wrote it.
        shared: the shared configs by name; those it does not refer to are not looked at.
        now: `YYYY-MM-DDTHH:MM:SS.mmmZ`, the time templates see; must be frozen per revision of the document, else the
            config hash could change by itself.
        kind: kind of the document's provider.
        record: the configured account, None where it is not known (offline).
        known_names: names of shared configs beyond those in `shared`, for "did you mean".

    Raises ConfigInvalid with every problem found, in document order.
    """
    rendered, problems, inspection = _render(document, shared, now, known_names)
    broken = frozenset(pointer_steps(problem.pointer)[0] for problem in problems if problem.pointer)
    if isinstance(rendered, dict):
        found = _rendered_problems(rendered, broken, kind, record, complete=not problems)
        relocated = tuple(relocate(problem, document, rendered) for problem in found)
        problems += _told_once(
            relocated, proofs(document, kind.name, {name: each.schema for name, each in shared.items()})
        )
    if problems:
        ordered = sorted(problems, key=lambda problem: document_order(document, problem.pointer))
        raise ConfigInvalid(ordered[:MAX_PROBLEMS])
    revisions = {name: shared[name].revision for name in sorted({ref.name for ref in inspection.references})}
    return _resolved(cast("dict[str, Any]", _plain(rendered)), kind, revisions)


def _told_once(problems: Problems, references: Iterable[Proof]) -> Problems:
    """One problem for each reference to a shared config of the wrong schema, in place of all that follows from it."""
    wrong = {each.pointer: each for each in references if each.mismatch}
    told: dict[str, Problem] = {}
    for index, problem in enumerate(problems):
        reference = wrong.get(problem.pointer)
        if reference is None:
            told[str(index)] = problem
        else:
            message = f"the shared config {reference.name!r} cannot stand here: {reference.why}; refer to another"
            told.setdefault(reference.pointer, Problem(reference.pointer, message, "wrong-schema"))
    return tuple(told.values())


def check_shared_value(schema_id: str, value: Any) -> Problems:
    """What keeps a value from being a revision of a shared config with this schema; pointers are into the value."""
    # it stands within other documents, at the least in its own
    problems = check_schema_id(schema_id, "") or shape_problems(value, max_depth=MAX_DEPTH - 1)
    return problems or (
        schema_problems(schema_id, value) + policy_problems(schema_id, value) + tuple(_expressions(value, ""))
    )


def check_shared_config(document: Any) -> Problems:
    """What is wrong with a shared config document (`name`, `schema`, `value`); pointers are into the document."""
    problems = shape_problems(document) or schema_problems(_SHARED_CONFIG_SCHEMA, document)
    schema_id = document.get("schema") if isinstance(document, dict) else None
    if any(problem.pointer in ("", "/schema", "/value") for problem in problems) or not isinstance(schema_id, str):
        return problems
    if unknown := check_schema_id(schema_id, "/schema"):
        return problems + unknown
    found = check_shared_value(schema_id, document["value"])
    return problems + tuple(Problem("/value" + problem.pointer, problem.message, problem.rule) for problem in found)


def _render(
    document: Any, shared: Mapping[str, SharedValue], now: str, known_names: Iterable[str] = ()
) -> tuple[Any, Problems, Inspection]:
    """What could be rendered, what could not, and the references. Nothing is rendered of what is not sound JSON."""
    problems = shape_problems(document)
    if not problems and not isinstance(document, dict):
        problems = (Problem("", f"a worker type document must be an object, not {clip(document)}", "type"),)
    if problems:
        return None, problems, Inspection()
    inspection = inspect(document)
    problems = unknown_references(inspection, shared, known_names)
    if problems and not OPERATORS.isdisjoint(document):
        return None, problems, inspection
    broken = {pointer_steps(problem.pointer)[0] for problem in problems if problem.pointer}
    sound = {key: value for key, value in document.items() if key not in broken}
    values = {
        reference.name: shared[reference.name].value for reference in inspection.references if reference.name in shared
    }
    rendered, failures = render_parts(sound, values, now)
    return rendered, problems + failures, inspection


def _rendered_problems(
    rendered: dict[str, Any],
    broken: frozenset[str],
    kind: ProviderKind,
    record: ProviderRecord | None,
    *,
    complete: bool,
) -> Problems:
    """What is wrong with a rendered document, whose members `broken` are missing for reasons already known."""
    if problems := shape_problems(rendered, MAX_RENDERED_BYTES):
        return problems
    schema_id = loader.provider_schemas(kind.name).worker_configuration
    problems = schema_problems(schema_id, rendered, absent=broken)
    problems += member_problems(rendered)
    if complete and not problems:
        problems = (*kind.check(rendered, record), *demand_age_problems(rendered))
        if record is not None and rendered["provider"] != record.name:
            message = f"is {rendered['provider']!r}, but is being checked against the provider {record.name!r}"
            problems += (Problem("/provider", message, "provider"),)
    low, high = rendered.get("minCapacity"), rendered.get("maxCapacity")
    if _is_number(low) and _is_number(high) and low > high:
        message = f"minCapacity {low} is more than maxCapacity {high}; lower the one or raise the other"
        problems += (Problem("/minCapacity", message, "capacity-order"),)
    return problems


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _resolved(document: dict[str, Any], kind: ProviderKind, revisions: dict[str, int]) -> ResolvedConfig:
    specs = tuple(kind.launch_specs(document))
    demand = {"source": PUSH, **document.get("demand", {})}
    max_age = (
        None
        if demand["source"] == PUSH
        else max(READ_DEMAND_MAX_AGE_SECONDS, READINGS_MISSED * float(normalized(demand)["interval"]))
    )
    return ResolvedConfig(
        worker_type=document["workerType"],
        provider=document["provider"],
        document=document,
        min_capacity=document["minCapacity"],
        max_capacity=document["maxCapacity"],
        scaling_ratio=float(document.get("scalingRatio", _defaults(_COMMON_SCHEMA)["scalingRatio"])),
        launch_specs=specs,
        config_hash=config_hash(specs),
        policies=policies(document),
        caps=tuple(kind.caps(document)),
        demand=demand,
        demand_max_age_seconds=seconds(document["demandMaxAge"]) if "demandMaxAge" in document else max_age,
        shared_revisions=revisions,
    )


def _defaults(schema_id: str) -> dict[str, Any]:
    """The defaults which the schema of an object states for its members."""
    properties = loader.schema(schema_id)["properties"]
    return {name: each["default"] for name, each in properties.items() if "default" in each}


def _plain(value: Any) -> Any:
    """A copy that shares nothing, with whole floats as integers: clouds take `120` for a size, but not `120.0`."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _expressions(value: Any, pointer: str) -> Problems:
    """Expressions in a shared value, which would reach instances unevaluated."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: Problems = ()
    for key, item in items:
        below = pointer_join(pointer, key)
        if key in OPERATORS:
            message = (
                f"{key!r} is not evaluated here: shared values are plain data; put the expression into worker types"
            )
            found += (Problem(below, message, "expression-in-shared-value"),)
        found += _expressions(item, below)
    return found
