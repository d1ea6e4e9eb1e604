"""Writes documents as YAML and knows the line of everything it wrote, without asking any reader of YAML."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Literal:
    """A value written as it stands, for what YAML has more ways to say than JSON, or says and JSON cannot."""

    text: str


@dataclass
class Written:
    """Lines, and for each JSON pointer the lines of its key and of its value, counted from 1."""

    lines: list[str] = field(default_factory=list)
    keys: dict[str, int] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    def add(self, value: Any, pointer: str = "", indent: int = 0) -> None:
        """A collection that is not empty."""
        self.values[pointer] = len(self.lines) + 1
        for key, item in enumerate(value) if isinstance(value, list) else value.items():
            below, margin = step(pointer, key), " " * indent
            self.keys[below] = self.values[below] = start = len(self.lines) + 1
            if not isinstance(item, dict | list) or not item:
                self.lines.append(f"{margin}{'-' if isinstance(value, list) else _key(key)} {_scalar(item)}")
            elif isinstance(value, list):
                self.add(item, below, indent + 2)
                self.lines[start - 1] = f"{margin}- {self.lines[start - 1].lstrip()}"
            else:
                self.lines.append(margin + _key(key))
                self.add(item, below, indent + 2)


def write(document: Any) -> Written:
    """Block style, keys and scalars on one line, texts as in JSON."""
    written = Written()
    if isinstance(document, dict | list) and document:
        written.add(document)
    else:
        written.lines.append(_scalar(document))
        written.values[""] = 1
    return written


def step(pointer: str, key: str | int) -> str:
    """The JSON pointer one step further."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def _key(key: str) -> str:
    is_plain = (
        key.isascii()
        and key not in ("true", "false", "null")
        and key.replace("_", "").replace("-", "").isalnum()
        and key[0].isalpha()
    )
    return f"{key if is_plain else json.dumps(key)}:"


def _scalar(value: Any) -> str:
    return value.text if isinstance(value, Literal) else json.dumps(value)
