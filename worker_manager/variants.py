"""Makes several worker type documents of one template: `variants:`, a list of parameter sets.

What of the template follows from the parameters alone is settled (names, capacities, which branch of an `$if`); the
rest stays a template, with the parameters written into its expressions (`partial`). Decides what parameters may be.
Pure; knows no schema, no provider and no file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from worker_manager.errors import ConfigInvalid, Problem
from worker_manager.partial import BUILTINS, Names, Settler
from worker_manager.shape import MAX_PROBLEMS, Problems, clip, pointer_join, pointer_steps, shape_problems
from worker_manager.templates import OPERATORS, did_you_mean, inspect

VARIANTS = "variants"
MAX_VARIANTS = 1000
MAX_PARAMETERS_BYTES = 16 * 1024
MAX_EXPANDED_BYTES = 16 * 1024 * 1024
MAX_EXPRESSION_CHARACTERS = 8 * 1024 * 1024  # of all variants together

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TAKEN = BUILTINS | {"context", "now", "true", "false", "null", "in"}


def expand(document: Mapping[str, Any]) -> tuple[tuple[dict[str, Any], ...], Problems]:
    """The worker type documents of a template with `variants`, and what keeps the others from being made.

    The documents have no `variants`; each has a plain text for its `workerType`, no two the same. They are not
    otherwise checked. Pointers of the problems are into `document`. Takes time bounded by the size limits.
    """
    variants = document[VARIANTS]
    template = {key: value for key, value in document.items() if key != VARIANTS}
    if problems := shape_problems(document) or tuple(_wrong_list(variants)) or tuple(_too_much(template, variants)):
        return (), problems
    names = Names()
    names.of_value(template, "")
    problems = tuple(_shadowed(variants, names)) + tuple(_unused(variants, names))
    expanded: dict[str, tuple[str, dict[str, Any]]] = {}
    size = 0
    for index, variant in enumerate(variants):
        where = pointer_join(pointer_join("", VARIANTS), index)
        if wrong := tuple(_wrong_variant(variant, where, names)):
            problems += wrong
            continue
        try:
            made = _made(template, variant, where)
        except ConfigInvalid as error:
            problems += error.problems
            continue
        before, _ = expanded.setdefault(made["workerType"], (where, made))
        if before != where:
            message = f"gives the worker type {made['workerType']!r}, as {before} does: each needs a name of its own"
            problems += (Problem(where, message, "duplicate-name"),)
        size += len(json.dumps(made))
        if size > MAX_EXPANDED_BYTES:
            message = f"all together are larger than {MAX_EXPANDED_BYTES // 2**20} MiB; split the file up"
            return (), (Problem(pointer_join("", VARIANTS), message, "too-large"),)
    return tuple(made for _, made in expanded.values()), problems[:MAX_PROBLEMS]


def template_pointer(template: Any, expanded: Any, pointer: str) -> str:
    """Where in the template the place of an expanded document comes from, as near as can be told."""
    found = ""
    for step in pointer_steps(pointer):
        key: str | int = step
        if isinstance(template, list) and isinstance(expanded, list) and step.isdecimal():
            if len(template) != len(expanded) or int(step) >= len(template):
                break
            key = int(step)
        elif not (isinstance(template, dict) and isinstance(expanded, dict) and step in template and step in expanded):
            break
        template, expanded = template[key], expanded[key]
        found = pointer_join(found, step)
    return found


def _made(template: dict[str, Any], variant: dict[str, Any], where: str) -> dict[str, Any]:
    settler = Settler(variant, where)
    made = settler.value(template, "")
    problems = tuple(settler.problems)
    name = made.get("workerType")
    if not problems and (not isinstance(name, str) or "${" in name):
        message = f"the name must follow from the parameters alone and be a text, but for {where} it is {clip(name)}"
        problems = (Problem("/workerType", message, "worker-type-name"),)
    problems = problems or tuple(
        Problem(where, f"what it makes {each.message}", each.rule) for each in shape_problems(made)
    )
    if problems:
        raise ConfigInvalid(problems)
    return dict(made)


def _wrong_list(variants: Any) -> Iterator[Problem]:
    where = pointer_join("", VARIANTS)
    if not isinstance(variants, list) or not variants:
        message = "must be a list of one or more objects, each with the parameters of one worker type"
        yield Problem(where, message, "variants")
    elif len(variants) > MAX_VARIANTS:
        message = f"has {len(variants)} entries; one file makes at most {MAX_VARIANTS} worker types: split it up"
        yield Problem(where, message, "variants")


def _too_much(template: Mapping[str, Any], variants: list[Any]) -> Iterator[Problem]:
    found = inspect(template)
    yield from (each for each in found.problems if each.rule == "template-too-long")
    if found.expression_characters * len(variants) > MAX_EXPRESSION_CHARACTERS:
        message = f"expressions of {found.expression_characters} characters, {len(variants)} times: split the file up"
        yield Problem(pointer_join("", VARIANTS), message, "too-large")


def _shadowed(variants: list[Any], names: Names) -> Iterator[Problem]:
    parameters = {name for variant in variants if isinstance(variant, dict) for name in variant}
    for name, place in names.bound.items():
        if name in parameters:
            yield Problem(place, f"{name!r} is a parameter of the variants: choose another name here", "parameter")


def _unused(variants: list[Any], names: Names) -> Iterator[Problem]:
    """Each once, for all variants have the same."""
    told: set[str] = set()
    for index, variant in enumerate(variants):
        for name in variant if isinstance(variant, dict) else ():
            if name not in told and name not in names.used and _NAME.fullmatch(name) and name not in _TAKEN:
                told.add(name)
                message = f"no expression uses the parameter {name!r}{did_you_mean(name, names.used)}"
                yield Problem(f"/{VARIANTS}/{index}/{name}", message, "parameter")


def _wrong_variant(variant: Any, where: str, names: Names) -> Iterator[Problem]:
    if not isinstance(variant, dict):
        yield Problem(where, f"must be an object with parameters, not {clip(variant)}", "variants")
        return
    if len(json.dumps(variant, ensure_ascii=False).encode()) > MAX_PARAMETERS_BYTES:
        limit = MAX_PARAMETERS_BYTES // 1024
        yield Problem(where, f"the parameters are larger than {limit} KiB; write them into the template", "too-large")
    for name, value in variant.items():
        yield from _wrong_parameter(name, value, pointer_join(where, name))
    for name, place in names.used.items():
        if name not in variant and name not in names.bound:
            hint = did_you_mean(name, [each for each in variant if each not in names.used])
            yield Problem(where, f"{name!r} is missing, which the expression at {place} uses{hint}", "parameter")


def _wrong_parameter(name: str, value: Any, where: str) -> Iterator[Problem]:
    if not _NAME.fullmatch(name):
        message = f"{clip(name)} cannot be a parameter: use letters, digits and underscores, no digit first"
        yield Problem(where, message, "parameter")
    elif name in _TAKEN:
        yield Problem(where, f"{name!r} already means something in expressions: choose another name", "parameter")
    if operator := next((key for key in _keys(value) if key in OPERATORS), None):
        message = f"{operator!r} is not evaluated here: parameters are plain data; put the expression into the template"
        yield Problem(where, message, "parameter")


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _keys(each)
