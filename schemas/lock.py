"""Decides whether a published schema may change: its hash and version are locked. Knows no file's place but its own.

Shared configs conform for ever to the schema they were created with, so a published schema neither goes nor changes
unawares: a changed schema gets a new `$id`, or, where every value valid before stays valid, a new version.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

LOCK_FILE = Path(__file__).parent / "published.lock.json"


@dataclass(frozen=True, slots=True)
class Published:
    """What of a schema was published last: its `version` counts from 1."""

    sha256: str
    version: int


Lock = Mapping[str, Published]


class PublishedSchemaChanged(ValueError):
    """Schemas cannot be published as they are; `problems` says by identifier why, and what to do."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{key}: {problem}" for key, problem in problems.items()))
        self.problems = problems


def digest(schema: Mapping[str, Any]) -> str:
    """SHA-256 of what the schema says: neither comments, nor layout, nor the order of keys change it."""
    text = json.dumps(schema, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read(path: Path) -> dict[str, Published]:
    """The lock by schema identifier; empty if there is no file yet."""
    if not path.exists():
        return {}
    return {key: Published(**entry) for key, entry in json.loads(path.read_text(encoding="utf-8")).items()}


def text(lock: Lock) -> str:
    """The lock as it is written."""
    return json.dumps({key: asdict(entry) for key, entry in sorted(lock.items())}, indent=2) + "\n"


def advance(lock: Lock, schemas: Mapping[str, Mapping[str, Any]], new_versions: frozenset[str] = frozenset()) -> Lock:
    """The lock after these schemas are published.

    Args:
        lock: what was published before.
        schemas: every schema by identifier.
        new_versions: identifiers of those that changed and still accept every value that was valid before.

    Raises: PublishedSchemaChanged for what vanished, for what changed otherwise, and for new versions of what did not.
    """
    hashes = {key: digest(each) for key, each in schemas.items()}
    changed = {key for key, entry in lock.items() if key in hashes and hashes[key] != entry.sha256}
    problems = {
        **{key: _unchanged(known=key in hashes) for key in new_versions - changed},
        **{key: _changed(key, lock[key]) for key in changed - new_versions},
        **{key: _vanished(lock[key]) for key in lock.keys() - hashes.keys()},
    }
    if problems:
        raise PublishedSchemaChanged(dict(sorted(problems.items())))
    versions = {key: lock[key].version + (key in changed) if key in lock else 1 for key in hashes}
    return {key: Published(hashes[key], versions[key]) for key in sorted(hashes)}


def _vanished(entry: Published) -> str:
    return (
        f"was published (version {entry.version}) and is gone; put it back, "
        "for shared configs keep for ever the schema they were created with"
    )


def _changed(key: str, entry: Published) -> str:
    return (
        f"differs from what was published as version {entry.version}; leave it as it was and publish the new form as "
        f"{_successor(key)}, or, if every value that was valid stays valid, say so: wm reference --new-version {key}"
    )


def _unchanged(*, known: bool) -> str:
    why = "has not changed since it was published" if known else "there is no such schema"
    return f"{why}; leave --new-version out for it"


def _successor(key: str) -> str:
    name = key.removesuffix(".json#")
    numbered = re.fullmatch(r"(.+)-v([0-9]+)", name)
    return f"{numbered[1]}-v{int(numbered[2]) + 1}.json#" if numbered else f"{name}-v2.json#"
