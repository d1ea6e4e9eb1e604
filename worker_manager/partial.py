"""Evaluates of a JSON-e template what follows from some parameters alone; the rest stays a template.

Decides which names an expression uses and whether it can be settled. An expression that needs a shared value or the
time stays, with its parameters written out as literals; so does what may make much of little (loops, powers, `range`,
`join`). `${…}` within an expression is filled first, so that `context.images_${level}` spells out a reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

import jsone
from jsone import AST, JSONTemplateError
from jsone.builtins import build
from jsone.parser import Parser
from jsone.render import tokenizer

from worker_manager.errors import Problem
from worker_manager.shape import clip, pointer_join
from worker_manager.templates import OPERATORS, whole_reference

BUILTINS = frozenset(build())

_MAX_EXPRESSION_CHARACTERS = 4096  # as `templates` allows; what is longer it refuses
_MAX_WRITTEN_OUT_CHARACTERS = 65536
_UNSETTLED = frozenset({"context", "now", "fromNow", "range", "join"})
_OPENING = re.compile(r"\$?\$\{")
_BINDING = re.compile(r"(?:each|by)\((.*)\)")
_HOLE = "__hole__"  # stands for a `${…}` in an expression while its names are looked for
_NOT_READABLE = (JSONTemplateError, RecursionError, AttributeError, LookupError, StopIteration, TypeError, ValueError)
_ABSENT = object()  # what JSON-e leaves out of lists and objects


@dataclass(frozen=True, slots=True)
class _Expression:
    """What one expression uses: names of values with where they stand in the text, and whether it may be settled."""

    names: tuple[tuple[str, int, int], ...]
    may_settle: bool
    end: int  # where its terminator stands


@lru_cache(maxsize=4096)
def _read(text: str, terminator: str = "") -> _Expression | None:
    """None for what cannot be read: it stays as it is, and whoever inspects the result says what is wrong."""
    if len(text) > _MAX_EXPRESSION_CHARACTERS:
        return None
    try:
        parser = Parser(text, tokenizer)
        nodes = list(_nodes(parser.parse()))
    except _NOT_READABLE:
        return None
    last = parser.current_token
    if (last.kind if last else "") != terminator:
        return None
    tokens = [node.token for node in nodes if isinstance(node, AST.ContextValue)]
    powers = any(isinstance(node, AST.BinOp) and node.token.kind == "**" for node in nodes)
    may_settle = not powers and _UNSETTLED.isdisjoint(token.value for token in tokens)
    names = sorted({(token.start, token.end, token.value) for token in tokens})
    return _Expression(tuple((name, start, end) for start, end, name in names), may_settle, last.start if last else 0)


def _nodes(node: Any) -> Iterator[Any]:
    if isinstance(node, AST.ASTNode):
        yield node
        for each in vars(node).values():
            yield from _nodes(each)
    elif isinstance(node, list | dict):
        for each in node.values() if isinstance(node, dict) else node:
            yield from _nodes(each)


def _parts(text: str) -> Iterator[tuple[str, _Expression | None]]:
    """A text cut at its `${…}`: plain pieces with None, and what stands between the braces with what it uses."""
    position = 0
    while match := _OPENING.search(text, position):
        start = match.end()
        inside = _read(text[start : start + _MAX_EXPRESSION_CHARACTERS], "}") if match.group() == "${" else None
        if inside is None:
            yield text[position:start], None
            position = start
            continue
        yield text[position : match.start()], None
        yield text[start : start + inside.end], inside
        position = start + inside.end + 1
    yield text[position:], None


def _operator(value: Mapping[str, Any]) -> str | None:
    return next((key for key in value if key in OPERATORS), None)


def _is_expression(operator: str | None, key: str) -> bool:
    return key in ("$eval", "$if") or key.startswith("by(") or (operator == "$find" and key.startswith("each("))


@dataclass(slots=True)
class Names:
    """The names of a template: those that expressions use, and those that `$let`, `each(…)`, `by(…)` bind.

    Each with the pointer where it first stands. JSON-e's own names are not among them.
    """

    used: dict[str, str] = field(default_factory=dict)
    bound: dict[str, str] = field(default_factory=dict)

    def of_value(self, value: Any, pointer: str) -> None:
        """Add the names of a template."""
        if isinstance(value, str):
            self._of_text(value, pointer)
        elif isinstance(value, list):
            for index, each in enumerate(value):
                self.of_value(each, pointer_join(pointer, index))
        elif isinstance(value, dict):
            operator = _operator(value)
            for key, each in value.items():
                below = pointer_join(pointer, key)
                if operator is None:
                    self._of_text(key, below)
                    self.of_value(each, below)
                else:
                    self._of_member(operator, key, each, below)

    def _of_member(self, operator: str, key: str, value: Any, pointer: str) -> None:
        for name in _bound(key, value):
            self.bound.setdefault(name, pointer)
        if _is_expression(operator, key):
            self._of_expression(value, pointer)
        elif key in ("$switch", "$match") and isinstance(value, dict):
            for condition, branch in value.items():
                if condition != "$default":
                    self._of_expression(condition, pointer_join(pointer, condition))
                self.of_value(branch, pointer_join(pointer, condition))
        elif not (operator == "$reduce" and key == "initial"):  # which is taken as it stands
            self.of_value(value, pointer)

    def _of_text(self, text: str, pointer: str) -> None:
        for _, inside in _parts(text):
            self._add(inside, pointer)

    def _of_expression(self, text: Any, pointer: str) -> None:
        if not isinstance(text, str):
            return
        self._of_text(text, pointer)
        filled = "".join(_HOLE if inside else piece for piece, inside in _parts(text))
        if whole_reference({"$eval": filled}) is None:
            self._add(_read(filled), pointer)

    def _add(self, expression: _Expression | None, pointer: str) -> None:
        for name, _, _ in expression.names if expression else ():
            if name not in BUILTINS and name not in ("context", "now") and _HOLE not in name:
                self.used.setdefault(name, pointer)


def _bound(key: str, value: Any) -> Iterator[str]:
    if key == "$let" and isinstance(value, dict):
        yield from (name for name in value if name not in OPERATORS)
    elif match := _BINDING.fullmatch(key):
        yield from (name.strip() for name in match[1].split(","))


def _as_text(text: str) -> str:
    return text.replace("${", "$${")


def _as_key(key: str) -> str:
    return "$" + key if key.startswith("$") else _as_text(key)


def _as_template(value: Any) -> Any:
    """A template that renders to the value."""
    if isinstance(value, str):
        return _as_text(value)
    if isinstance(value, list):
        return [_as_template(each) for each in value]
    if isinstance(value, dict):
        return {_as_key(key): _as_template(each) for key, each in value.items()}
    return value


class Settler:
    """Evaluates with one set of parameters; `problems` are what fails, with pointers into the template."""

    def __init__(self, parameters: Mapping[str, Any], whose: str) -> None:
        self.problems: list[Problem] = []
        self._parameters = dict(parameters)
        self._known = BUILTINS | parameters.keys()
        self._whose = whose

    def value(self, template: Any, pointer: str) -> Any:
        """The template with what can be settled settled."""
        if isinstance(template, str):
            return self._text(template, pointer)
        if isinstance(template, list):
            items = [self.value(each, pointer_join(pointer, index)) for index, each in enumerate(template)]
            return [each for each in items if each is not _ABSENT]
        if not isinstance(template, dict):
            return template
        if operator := _operator(template):
            return self._construct(operator, template, pointer)
        members = {
            self._text(key, pointer_join(pointer, key), _as_key): self.value(each, pointer_join(pointer, key))
            for key, each in template.items()
        }
        return {key: each for key, each in members.items() if each is not _ABSENT}

    def _construct(self, operator: str, template: dict[str, Any], pointer: str) -> Any:
        below = pointer_join(pointer, operator)
        given = template[operator]
        if operator == "$eval" and len(template) == 1 and isinstance(given, str):
            expression = self._filled(given, below)
            if whole_reference({"$eval": expression}) or not self._settles(_read(expression)):
                return {"$eval": self._written_out(expression, below)}
            return _as_template(self._evaluated(expression, below))
        if operator == "$if" and isinstance(given, str) and template.keys() <= {"$if", "then", "else"}:
            condition = self._filled(given, below)
            if self._settles(_read(condition)):
                branch = "then" if self._evaluated(condition, below) else "else"
                return self.value(template[branch], pointer_join(pointer, branch)) if branch in template else _ABSENT
        if operator == "$switch" and len(template) == 1 and isinstance(given, dict):
            return self._switch(given, below)
        return self._members(operator, template, pointer)

    def _switch(self, branches: dict[str, Any], pointer: str) -> Any:
        conditions = {each: self._filled(each, pointer_join(pointer, each)) for each in branches if each != "$default"}
        if all(self._settles(_read(text)) for text in conditions.values()):
            true = [each for each, text in conditions.items() if self._evaluated(text, pointer_join(pointer, each))]
            if len(true) <= 1:
                chosen = true[0] if true else "$default"
                below = pointer_join(pointer, chosen)
                return self.value(branches[chosen], below) if chosen in branches else _ABSENT
        return self._members("$switch", {"$switch": branches}, pointer.rpartition("/")[0])

    def _members(self, operator: str, template: dict[str, Any], pointer: str) -> dict[str, Any]:
        """The operator's object, itself to be evaluated later."""
        members: dict[str, Any] = {}
        for key, each in template.items():
            below = pointer_join(pointer, key)
            if _is_expression(operator, key) and isinstance(each, str):
                members[key] = self._written_out(self._filled(each, below), below)
            elif key in ("$switch", "$match") and isinstance(each, dict):
                members[key] = {
                    self._condition(condition, below): self.value(branch, pointer_join(below, condition))
                    for condition, branch in each.items()
                }
            else:
                literal = operator == "$reduce" and key == "initial"
                members[key] = each if literal else self.value(each, below)
        return {key: each for key, each in members.items() if each is not _ABSENT}

    def _condition(self, condition: str, pointer: str) -> str:
        if condition == "$default":
            return condition
        below = pointer_join(pointer, condition)
        return self._written_out(self._filled(condition, below), below)

    def _text(self, text: str, pointer: str, quote: Callable[[str], str] = _as_text) -> str:
        parts = list(_parts(text))
        inside = [each for _, each in parts if each]
        if not inside or (quote is _as_key and text.startswith("$$")):
            return text
        if all(map(self._settles, inside)):
            return quote(str(self._rendered(text, text, pointer)))
        return "".join("${" + self._written_out(piece, pointer, each) + "}" if each else piece for piece, each in parts)

    def _filled(self, expression: str, pointer: str) -> str:
        """The expression with its `${…}`, which may use parameters alone, replaced."""
        pieces: list[str] = []
        for piece, inside in _parts(expression):
            if inside and not self._settles(inside):
                message = f"${{{clip(piece)[1:-1]}}} within an expression may use parameters alone"
                self.problems.append(Problem(pointer, message, "parameter"))
            pieces.append(self._rendered("${" + piece + "}", piece, pointer) if self._settles(inside) else piece)
        return "".join(pieces)

    def _settles(self, expression: _Expression | None) -> bool:
        known = expression and all(name in self._known for name, _, _ in expression.names)
        return bool(expression and expression.may_settle and known)

    def _evaluated(self, expression: str, pointer: str) -> Any:
        return self._rendered({"$eval": expression}, expression, pointer)

    def _rendered(self, template: Any, shown: str, pointer: str) -> Any:
        try:
            return jsone.render(template, {**self._parameters, "now": ""})
        except (*_NOT_READABLE, ArithmeticError) as error:
            reason = error.args[0] if error.args else type(error).__name__
            message = f"{clip(shown)} fails with the parameters of {self._whose}: {str(reason)[:160]}"
            self.problems.append(Problem(pointer, message, "template-failed"))
            return ""

    def _written_out(self, text: str, pointer: str, read: _Expression | None = None) -> str:
        """The expression with literals for its parameters."""
        expression = read or (None if whole_reference({"$eval": text}) else _read(text))
        pieces: list[str] = []
        position = length = 0
        for name, start, end in expression.names if expression else ():
            if name in self._parameters and length <= _MAX_WRITTEN_OUT_CHARACTERS:
                pieces += [text[position:start], self._literal(name, pointer)]
                length += len(pieces[-1])
                position = end
        return "".join([*pieces, text[position:]])

    def _literal(self, name: str, pointer: str) -> str:
        try:
            return _literal(self._parameters[name])
        except ValueError:
            message = f"the parameter {name!r} of {self._whose} has a key with both kinds of quotes: rename it"
            self.problems.append(Problem(pointer, message, "parameter"))
            return "null"


def _literal(value: Any) -> str:
    """The value as a JSON-e expression. Raises ValueError for an object with a key that cannot be written."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _quoted(value) or "(" + """ + "'" + """.join(f"'{each}'" for each in value.split("'")) + ")"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    if isinstance(value, dict):
        return "({" + ", ".join(f"{_key(name)}: {_literal(each)}" for name, each in value.items()) + "})"
    digits = format(Decimal(repr(value)), "f")
    return f"({digits})" if digits.startswith("-") else digits


def _key(name: str) -> str:
    if quoted := _quoted(name):
        return quoted
    raise ValueError(name)


def _quoted(text: str) -> str:
    return next((quote + text + quote for quote in ("'", '"') if quote not in text), "")
