"""Reads JSON-e templates without running them, and runs them. Knows no schema, no provider and no clock.

Decides which shared configs a document refers to (in every branch, whether it would be taken or not), whether rendering
it could be expensive, and what it renders to. A reference must be spelled out: `context.NAME` or `context["NAME"]`. An
`$eval` whose whole text is `context.NAME` is a reference even when NAME has hyphens, which JSON-e alone would take for
subtractions.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jsone
from jsone import AST, JSONTemplateError
from jsone.parser import Parser
from jsone.render import operators, tokenizer

from worker_manager.errors import Problem
from worker_manager.shape import MAX_PROBLEMS, Problems, clip, pointer_join, shape_problems

NOW_PATTERN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
OPERATORS = frozenset(operators)

# JSON-e's parser copies the rest of the text at every token, so its time grows with the square of the length.
_MAX_EXPRESSION_CHARACTERS = 4096
_MAX_INTERPOLATED_CHARACTERS = 16384
_MAX_EXPRESSIONS_TOTAL = 65536
_MAX_REASON_CHARACTERS = 160
# Each may stand for a whole shared config, which json-e walks once more.
_MAX_PLAIN_REFERENCES = 64
# Looking for similar names takes longest where many are wrong and many known.
_MAX_HINTS = 20

_CONTEXT = "context"
_RESERVED = (_CONTEXT, "now")
_WHOLE_REFERENCE = re.compile(r"\s*context\.([A-Za-z_][A-Za-z0-9_-]*)\s*")
_INTERPOLATION = re.compile(r"\$?\$\{")
_OPERATOR_LIKE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")
_TOKENIZER_ERROR = re.compile(r"unexpected input for .* at ", re.DOTALL)
_UNKNOWN_NAME = re.compile(r"unknown context value (.*)")
_BINDING_KEY = re.compile(r"(?:each|by)\((.*)\)")
_LOCATION_STEP = re.compile(r"\.(?P<name>[A-Za-z_][A-Za-z0-9_]*)|\[(?P<index>[0-9]+)\]|\[\"(?P<key>.*)\"\]")


# what json-e's parser lets escape on texts that end too early
_PARSER_ERRORS = (AttributeError, LookupError, StopIteration, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Reference:
    """The shared config `name` is named by the text at `pointer`."""

    name: str
    pointer: str


@dataclass(slots=True)
class Inspection:
    """What a document's templates say.

    Attributes:
        references: every reference, in document order; a name may occur more than once.
        problems: uses of `context` that name no shared config, and expressions that do not parse.
        is_plain: nothing but `$eval`s of single references, so that rendering costs no more than copying.
    """

    references: list[Reference] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    is_plain: bool = True
    expression_characters: int = 0


def collect_references(document: Any) -> tuple[Reference, ...]:
    """Every reference that is spelled out, in document order; none of what is no acceptable JSON.

    Never raises: what is wrong with a document is for `missing_references` and `config.resolve` to say.
    """
    return () if shape_problems(document) else tuple(inspect(document).references)


def missing_references(document: Any, known_names: Iterable[str]) -> Problems:
    """A problem for each reference to an unknown shared config and for each that is not spelled out."""
    return shape_problems(document) or unknown_references(inspect(document), known_names)


def may_loop(document: Any) -> bool:
    """Whether rendering runs more than a few plain references, so that it belongs where it can be stopped (`guarded`).

    False for what is no acceptable JSON, which is refused before it is rendered.
    """
    if shape_problems(document):
        return False
    found = inspect(document)
    return not found.is_plain or len(found.references) > _MAX_PLAIN_REFERENCES


def inspect(document: Any) -> Inspection:
    """Read the templates of a document that passed `shape_problems`."""
    found = Inspection()
    _inspect_value(document, "", found)
    if found.expression_characters > _MAX_EXPRESSIONS_TOTAL:
        found.problems = [_too_long("", "the document's expressions together", _MAX_EXPRESSIONS_TOTAL)]
    return found


def render_parts(document: Any, values: Mapping[str, Any], now: str) -> tuple[Any, Problems]:
    """Render, each top-level member on its own, so that one failure does not hide the next.

    Args:
        document: the template; its references must be among `values`.
        values: shared config values by name.
        now: `YYYY-MM-DDTHH:MM:SS.mmmZ`, the only time templates see.

    Returns: the rendered document, without the members that failed, and the failures.
    """
    if not NOW_PATTERN.fullmatch(now):
        raise ValueError(f"now must look like 2026-01-31T12:00:00.000Z, not {now!r}")
    context = {_CONTEXT: dict(values), "now": now}
    if not isinstance(document, dict) or not OPERATORS.isdisjoint(document):
        return _render_one(document, context)
    rendered: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in document.items():
        part, failures = _render_one({key: value}, context)
        problems.extend(failures)
        rendered.update(part or {})
    return rendered, tuple(problems)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` or "" when nothing known is like it."""
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean {by_lower[close[0]]!r}?" if close else ""


def whole_reference(template: Any) -> str | None:
    """The shared config's name if the template is nothing but `$eval: context.NAME`."""
    if isinstance(template, dict) and len(template) == 1 and isinstance(text := template.get("$eval"), str):
        match = _WHOLE_REFERENCE.fullmatch(text)
        return match[1] if match else None
    return None


def unknown_references(found: Inspection, given: Iterable[str], known_names: Iterable[str] = ()) -> Problems:
    """The problems of an inspection, and one for each reference that is not `given`; `known_names` serve as hints."""
    given = frozenset(given)
    known = sorted(given.union(known_names))
    unknown = [reference for reference in found.references if reference.name not in given][:MAX_PROBLEMS]
    named = list(dict.fromkeys(reference.name for reference in unknown))[:_MAX_HINTS]
    hints = {name: _name_hint(name, known) for name in named}
    missing = (
        Problem(
            reference.pointer,
            f"there is no shared config {clip(reference.name)}{hints.get(reference.name, '')}",
            "unknown-shared-config",
        )
        for reference in unknown
    )
    return (*found.problems, *missing)


def _name_hint(name: str, known: list[str]) -> str:
    hyphenated = [each for each in known if each.startswith(name + "-")]
    if hyphenated:
        which = hyphenated[0] if len(hyphenated) == 1 else f"{name}-..."
        return f'; within an expression write context["{which}"], for the name has hyphens'
    return did_you_mean(name, known)


# ---- inspection: one function per kind of place


def _inspect_value(template: Any, pointer: str, found: Inspection) -> None:
    if isinstance(template, str):
        _inspect_text(template, pointer, found)
    elif isinstance(template, list):
        for index, item in enumerate(template):
            _inspect_value(item, pointer_join(pointer, index), found)
    elif isinstance(template, dict):
        operator = next((key for key in template if key in OPERATORS), None)
        for key, value in template.items():
            _inspect_member(operator, key, value, pointer_join(pointer, key), found)


def _inspect_member(operator: str | None, key: str, value: Any, pointer: str, found: Inspection) -> None:
    if operator is None:
        _inspect_key(key, pointer, found)
        _inspect_value(value, pointer, found)
        return
    if name := whole_reference({key: value}):
        found.references.append(Reference(name, pointer))
        return
    found.is_plain = False
    if key in ("$eval", "$if") or key.startswith("by(") or (operator == "$find" and key.startswith("each(")):
        _inspect_expression(value, pointer, found)
    elif key in ("$switch", "$match") and isinstance(value, dict):
        for condition, branch in value.items():
            if condition != "$default":
                _inspect_expression(condition, pointer_join(pointer, condition), found)
            _inspect_value(branch, pointer_join(pointer, condition), found)
    elif key != "initial":  # which `$reduce`, the one operator that has it, takes as it stands
        _inspect_value(value, pointer, found)
    for name in _bound_names(key, value):
        if name in _RESERVED:
            message = f"{name!r} already means something here: choose another name"
            found.problems.append(Problem(pointer, message, "template-shadows"))


def _inspect_key(key: str, pointer: str, found: Inspection) -> None:
    """A key of plain data, or what was meant to be an operator."""
    if _OPERATOR_LIKE.fullmatch(key):
        hint = did_you_mean(key, OPERATORS) or f"; for a key of this name write '${key}'"
        found.problems.append(Problem(pointer, f"unknown operator {clip(key)}{hint}", "template-syntax"))
    _inspect_text(key, pointer, found)


def _bound_names(key: str, value: Any) -> Iterator[str]:
    if key == "$let" and isinstance(value, dict):
        yield from value
    elif match := _BINDING_KEY.fullmatch(key):
        yield from (name.strip() for name in match[1].split(","))


def _inspect_expression(text: Any, pointer: str, found: Inspection) -> None:
    if not isinstance(text, str):
        message = f"an expression must be a text, not {clip(text)}"
        found.problems.append(Problem(pointer, message, "template-syntax"))
        return
    found.expression_characters += len(text)
    if len(text) > _MAX_EXPRESSION_CHARACTERS:
        found.problems.append(_too_long(pointer, "this expression", _MAX_EXPRESSION_CHARACTERS))
    elif found.expression_characters <= _MAX_EXPRESSIONS_TOTAL:
        _parse(text, "", pointer, found)


def _inspect_text(text: str, pointer: str, found: Inspection) -> None:
    """The `${…}` in a text; `$${` is an escape."""
    match = _INTERPOLATION.search(text)
    if match is None:
        return
    found.is_plain = found.is_plain and "${" not in text.replace("$${", "")
    found.expression_characters += len(text)
    if len(text) > _MAX_INTERPOLATED_CHARACTERS:
        found.problems.append(_too_long(pointer, "a text with ${…}", _MAX_INTERPOLATED_CHARACTERS))
        return
    while match is not None and found.expression_characters <= _MAX_EXPRESSIONS_TOTAL:
        text = text[match.end() :]
        if match.group() != "$${":
            end = _parse(text, "}", pointer, found)
            if end is None:
                return
            text = text[end + 1 :]
        match = _INTERPOLATION.search(text)


def _parse(text: str, terminator: str, pointer: str, found: Inspection) -> int | None:
    """Parse one expression and note its references; gives the terminator's position, or None after a problem."""
    try:
        parser = Parser(text, tokenizer)
        tree, last = parser.parse(), parser.current_token
        _inspect_tree(tree, pointer, found)
    except (JSONTemplateError, RecursionError) as error:
        reason = _reason(error)
    except _PARSER_ERRORS:
        reason = "it is not complete"
    else:
        if (last.kind if last else "") == terminator:
            return last.start if last else len(text)
        reason = f"unexpected {last.value!r}" if last else "${…} is not closed"
    shown = clip(text.partition(terminator)[0] if terminator else text)
    message = f"the expression {shown} cannot be read: {reason}"
    found.problems.append(Problem(pointer, message, "template-syntax"))
    return None


def _inspect_tree(node: Any, pointer: str, found: Inspection, sign: str = "") -> None:
    if (isinstance(node, AST.BinOp) and None in (node.left, node.right)) or getattr(node, "expr", node) is None:
        raise ValueError("an operand is missing")  # which json-e notices first when it evaluates
    name = _direct_reference(node)
    if name is not None:
        found.references.append(Reference(name, pointer))
        return
    if _is_context(node):
        message = 'references must be spelled out: write context.NAME or context["NAME"]'
        if sign:
            message = f"{sign!r} binds closer than the dot here: write {sign}(context.NAME)"
        found.problems.append(Problem(pointer, message, "template-dynamic-reference"))
    for child in _children(node):
        _inspect_tree(child, pointer, found, sign=node.token.value if isinstance(node, AST.UnaryOp) else "")


def _direct_reference(node: Any) -> str | None:
    if isinstance(node, AST.BinOp) and node.token.kind == "." and _is_context(node.left):
        return str(node.right.token.value)
    if isinstance(node, AST.ValueAccess) and not node.isInterval and _is_context(node.arr):
        token = node.left.token if type(node.left) is AST.Primitive else None  # the parser's class for literals
        return str(token.value[1:-1]) if token is not None and token.kind == "string" else None
    return None


def _is_context(node: Any) -> bool:
    return isinstance(node, AST.ContextValue) and node.token.value == _CONTEXT


def _children(node: Any) -> list[Any]:
    fields: list[Any] = []
    for name in ("arr", "name", "left", "right", "expr", "args", "list", "obj"):
        value = getattr(node, name, None)
        fields.extend(value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value])
    return [child for child in fields if isinstance(child, AST.ASTNode)]


def _too_long(pointer: str, what: str, limit: int) -> Problem:
    return Problem(pointer, f"{what} must not be longer than {limit} characters; split it up", "template-too-long")


# ---- rendering


def _render_one(template: Any, context: dict[str, Any]) -> tuple[Any, Problems]:
    try:
        return jsone.render(_prepared(template), dict(context)), ()
    except MemoryError:
        return None, (Problem(_member(template), "the template needs too much memory", "template-too-expensive"),)
    except Exception as error:  # noqa: BLE001  # whatever a template makes json-e or Python raise is the template's fault
        message = f"the template fails: {_reason(error)}"
        return None, (Problem(_location(error, template) or _member(template), message, "template-failed"),)


def _member(template: Any) -> str:
    return pointer_join("", next(iter(template))) if isinstance(template, dict) and len(template) == 1 else ""


def _prepared(template: Any) -> Any:
    """The template with two traps of JSON-e disarmed.

    Hyphenated references become `context["NAME"]`; `$fromNow` with a `from` that turns out null uses `now`, where
    JSON-e would read the wall clock.
    """
    if name := whole_reference(template):
        return {"$eval": f'{_CONTEXT}["{name}"]'}
    if isinstance(template, list):
        return [_prepared(item) for item in template]
    if not isinstance(template, dict):
        return template
    literal = {"initial"} if "$reduce" in template else set()
    prepared = {key: value if key in literal else _prepared(value) for key, value in template.items()}
    if "$fromNow" in prepared and "from" in prepared:
        chosen = {"$if": "from_ == null", "then": {"$eval": "now"}, "else": {"$eval": "from_"}}
        prepared["from"] = {"$let": {"from_": prepared["from"]}, "in": chosen}
    return prepared


def _reason(error: Exception) -> str:
    """What json-e says, in lower case; what Python says of its insides helps nobody."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if not isinstance(error, JSONTemplateError | ArithmeticError) or not error.args:
        return "it cannot be evaluated"
    text = str(error.args[0])
    text = _TOKENIZER_ERROR.sub("unexpected input at ", text[:1].lower() + text[1:])
    if match := _UNKNOWN_NAME.fullmatch(text):
        text = f"nothing is named {clip(match[1])} here; shared configs are written context.NAME"
    return text if len(text) <= _MAX_REASON_CHARACTERS else text[: _MAX_REASON_CHARACTERS - 1] + "…"


def _location(error: Exception, template: Any) -> str:
    """Where json-e says that it failed, as far as the template has it: bodies of loops are not named by their keys."""
    pointer = ""
    for step in getattr(error, "location", ()):
        match = _LOCATION_STEP.fullmatch(step)
        if match is None:
            break
        if match["index"] is not None and isinstance(template, list):
            template = template[int(match["index"])]
        elif isinstance(template, dict) and (key := match["name"] or match["key"] or "") in template:
            template = template[key]
        else:
            break
        pointer = pointer_join(pointer, match["name"] or match["index"] or match["key"] or "")
    return pointer
