"""Decides whether a value is acceptable JSON at all: depth, size, numbers, texts. Knows no schema and no template.

Whatever else reads a document may rely on this having been asked first: it takes time bounded by the size limit, even
for values that contain themselves or one part many times over.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from worker_manager.errors import Problem

Problems = tuple[Problem, ...]

MAX_DEPTH = 60
MAX_DOCUMENT_BYTES = 256 * 1024
MAX_PROBLEMS = 200

# The largest integer that every JSON reader keeps exactly (RFC 8259 section 6).
_MAX_INTEGER = 2**53 - 1
_SURROGATE = re.compile("[\ud800-\udfff]")


def shape_problems(value: Any, max_bytes: int = MAX_DOCUMENT_BYTES, max_depth: int = MAX_DEPTH) -> Problems:
    """What keeps a value from being a JSON value of bearable size and depth; takes time bounded by `max_bytes`."""
    problems: list[Problem] = []
    for size, problem in _walk(value, max_depth):
        if problem is not None:
            problems.append(problem)
        if size > max_bytes or len(problems) >= MAX_PROBLEMS:
            break
    else:
        size = 0 if problems else len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
    if size > max_bytes:
        problems.append(Problem("", f"is larger than {max_bytes // 1024} KiB of JSON; make it smaller", "too-large"))
    return tuple(problems)


def pointer_join(pointer: str, step: str | int) -> str:
    """The JSON pointer one step further (RFC 6901 escapes)."""
    return f"{pointer}/{str(step).replace('~', '~0').replace('/', '~1')}"


def pointer_steps(pointer: str) -> list[str]:
    """The steps of a JSON pointer, unescaped."""
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def clip(value: object, limit: int = 80) -> str:
    """A value for a message, in JSON's words, at most `limit` characters; of objects and lists only their size."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, dict | list):
        what = "object" if isinstance(value, dict) else "list"
        return f"{'an' if what == 'object' else 'a'} {what} of {len(value)}" if value else f"an empty {what}"
    text = repr(value[: limit + 1] if isinstance(value, str) else value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _walk(value: Any, max_depth: int) -> Iterator[tuple[int, Problem | None]]:
    """Every value in document order: the JSON size so far, at least, and what is wrong there, if anything."""
    size = 0
    stack: list[tuple[Any, str, int]] = [(value, "", 1)]
    while stack:
        current, pointer, depth = stack.pop()
        size += 1 + (len(current) if isinstance(current, str) else 0)
        problem = _scalar_problem(current, pointer)
        if depth > max_depth and isinstance(current, dict | list):
            problem = Problem(pointer, f"is nested more than {max_depth} levels deep; flatten it", "too-deep")
        elif isinstance(current, dict):
            size += sum(len(key) for key in current if isinstance(key, str))
            problem = problem or _key_problem(current, pointer)
            children = [(current[key], pointer_join(pointer, key), depth + 1) for key in current]
            stack.extend(reversed(children))
        elif isinstance(current, list):
            children = [(item, pointer_join(pointer, index), depth + 1) for index, item in enumerate(current)]
            stack.extend(reversed(children))
        yield size, problem


def _key_problem(value: dict[Any, Any], pointer: str) -> Problem | None:
    for key in value:
        if not isinstance(key, str):
            return Problem(pointer, f"the key {clip(key)} is not a text; put it in quotes", "key-type")
        if _SURROGATE.search(key):
            return Problem(pointer, f"the key {clip(key)} has half a character in it; correct it", "text")
    return None


def _scalar_problem(value: Any, pointer: str) -> Problem | None:
    if value is None or isinstance(value, bool | dict | list):
        return None
    if isinstance(value, str):
        message = f"the text {clip(value)} has half a character in it (a lone surrogate); correct it"
        return Problem(pointer, message, "text") if _SURROGATE.search(value) else None
    if isinstance(value, float) and not math.isfinite(value):
        return Problem(pointer, f"{value} is not a number that JSON has; give a finite one", "number")
    if isinstance(value, int | float):
        message = "a whole number of more than 53 bits is not kept exactly everywhere; write it as a text"
        return Problem(pointer, message, "number") if isinstance(value, int) and abs(value) > _MAX_INTEGER else None
    message = f"{clip(value)} is not a JSON value but a {type(value).__name__}; put it in quotes"
    return Problem(pointer, message, "type")
