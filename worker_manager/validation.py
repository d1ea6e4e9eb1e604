"""Finds where a value breaks a schema, and where in what the user wrote. Knows the schemas, but no provider.

Decides whether a value conforms, and to which place of a template a problem of the rendered document belongs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, cast

from jsonschema import ValidationError

from schemas import loader
from worker_manager.errors import Problem
from worker_manager.shape import MAX_PROBLEMS, Problems, clip, pointer_join, pointer_steps
from worker_manager.templates import OPERATORS, did_you_mean, whole_reference
from worker_manager.wording import Breach, explained, sentence

# What breaks the type breaks these as well, which then say nothing more.
_SAID_BY_TYPE = ("const", "enum")


def schema_problems(schema_id: str, value: Any, absent: frozenset[str] = frozenset()) -> Problems:
    """Where a value breaks a schema, in document order, with pointers into the value; at most MAX_PROBLEMS.

    Args:
        schema_id: a published schema. Raises schemas.loader.UnknownSchema.
        value: a value that passed `shape_problems`.
        absent: top-level members left out on purpose, whose absence is no problem.
    """
    errors = loader.validator_for(schema_id).iter_errors(value)
    problems = (problem for error in errors for problem in _problems_of(error, absent))
    found = dict.fromkeys(itertools.islice(problems, MAX_PROBLEMS))
    mistyped = {problem.pointer for problem in found if problem.rule == "type"}
    told = [problem for problem in found if problem.rule not in _SAID_BY_TYPE or problem.pointer not in mistyped]
    return tuple(sorted(told, key=lambda problem: document_order(value, problem.pointer)))


def check_schema_id(schema_id: str, pointer: str) -> Problems:
    """A problem if no published schema has this identifier."""
    known = loader.schema_ids()
    if loader.canonical_id(schema_id) in known:
        return ()
    message = f"there is no schema {clip(schema_id)}{did_you_mean(loader.canonical_id(schema_id), known)}"
    return (Problem(pointer, message, "unknown-schema"),)


def document_order(document: Any, pointer: str) -> tuple[int, ...]:
    """A sort key: where in the document the pointer leads, as far as it exists there."""
    positions = []
    for step in pointer_steps(pointer):
        if isinstance(document, dict) and step in document:
            positions.append(list(document).index(step))
            document = document[step]
        elif isinstance(document, list) and step.isdecimal() and int(step) < len(document):
            positions.append(int(step))
            document = document[int(step)]
        else:
            break
    return tuple(positions)


def relocate(problem: Problem, template: Any, rendered: Any) -> Problem:
    """The problem of a rendered document as one of the document the user wrote.

    Where the value at fault came from a template, the pointer is the template's, and the message says where within its
    result, and within which shared config, the fault lies.
    """
    pointer, steps = "", pointer_steps(problem.pointer)
    while not (isinstance(template, dict) and not OPERATORS.isdisjoint(template)) and steps:
        step = _step_below(template, rendered, steps[0])
        if step is None:
            break
        key = template_key = steps.pop(0)
        if isinstance(template, dict):
            template_key = str(step)
        template, rendered = template[step], rendered[int(key) if isinstance(rendered, list) else key]
        pointer = pointer_join(pointer, template_key)
    within = "".join(pointer_join("", step) for step in steps)
    return Problem(pointer, problem.message + _origin(template, within), problem.rule)


def _step_below(template: Any, rendered: Any, step: str) -> str | int | None:
    """The key or index in the template that made the rendered value's member `step`, or None if it cannot be told."""
    if isinstance(template, dict) and isinstance(rendered, dict) and step in rendered:
        candidates = (step, "$" + step) if step.startswith("$") else (step,)  # `$$x` is written for `$x`
        return next((key for key in candidates if key in template), None)
    # each item gives one or none: of equal lengths, all gave one
    if isinstance(template, list) and isinstance(rendered, list) and len(template) == len(rendered):
        return int(step)
    return None


def _origin(template: Any, within: str) -> str:
    place = f" at {within}" if within else ""
    if name := whole_reference(template):
        return f" (in shared config {name!r}{place})"
    return f" (in what the template gives{place})" if place else ""


def _problems_of(error: ValidationError, absent: frozenset[str]) -> Iterator[Problem]:
    pointer = "".join(pointer_join("", step) for step in error.absolute_path)
    if list(error.absolute_schema_path)[-2:-1] == ["propertyNames"]:
        pointer = pointer_join(pointer, str(error.instance))
    schema = error.schema if isinstance(error.schema, dict) else {}
    breach = Breach(str(error.validator), error.validator_value, error.instance, schema, error.message)
    if breach.rule == "required":
        for name in breach.expected:
            if name not in breach.instance and (pointer or name not in absent):
                yield Problem(pointer, f"{name!r} is missing{explained(_property(schema, name))}", breach.rule)
    elif breach.rule == "additionalProperties":
        known = schema.get("properties", {})
        for name in breach.instance:
            if name not in known:
                message = f"unknown key {clip(name)}{did_you_mean(name, known)}"
                yield Problem(pointer_join(pointer, name), message, "unknown-key")
    else:
        yield Problem(pointer, sentence(breach), "not-allowed" if breach.rule == "not" else breach.rule)


def _property(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The schema of a property, followed through references to other files."""
    found = schema.get("properties", {}).get(name, {})
    while (ref := found.get("$ref", "")).startswith("/"):
        schema_id, _, fragment = ref.partition("#")
        found = loader.schema(schema_id)
        for step in pointer_steps(fragment):
            found = found[step]
    return cast("Mapping[str, Any]", found)
