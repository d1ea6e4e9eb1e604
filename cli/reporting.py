"""How `check`, `diff` and `apply` tell what they found: rows for programs, lines for people."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cli.applying import Applied, Change, change_of
from cli.documents import Document, Finding, Kind
from cli.foreseeing import Broken, Rehashed, Step
from cli.naming import Key
from cli.surveying import Survey
from worker_manager.errors import Problem
from worker_manager.proofs import Proof

READABLE_COLUMNS = 120
_DEPENDENT = re.compile(r"would break worker-type:([A-Za-z0-9_.-]+):")


# ---- what is wrong


def problem_rows(survey: Survey) -> list[dict[str, Any]]:
    """Every problem; those of files with their place."""
    return [*map(finding_row, survey.findings), *map(_broken_row, survey.outlook.broken)]


def finding_row(each: Finding) -> dict[str, Any]:
    """A problem at a place of a file."""
    place = {"file": str(each.path), "line": each.line, "column": each.column}
    return {"verdict": "error", **place, "pointer": each.pointer, "rule": each.rule, "message": each.message}


def _broken_row(each: Broken) -> dict[str, Any]:
    return {
        "verdict": "would break",
        "id": each.key.id,
        "pointer": each.problem.pointer,
        "message": each.problem.message,
    }


# ---- check


def check_rows(survey: Survey) -> list[dict[str, Any]]:
    """A verdict on every reference."""
    return [_proof_row(name, each) for name, proofs in survey.outlook.verdicts.items() for each in proofs]


def check_lines(survey: Survey) -> list[str]:
    """The verdicts by worker type, and how many there are of each."""
    lines = []
    for name, proofs in survey.outlook.verdicts.items():
        lines += [f"{Kind.WORKER_TYPE} {name}", *map(_proof_line, proofs)]
    counts = Counter(each.verdict for proofs in survey.outlook.verdicts.values() for each in proofs)
    told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items(), reverse=True))
    return [*lines, f"{len(survey.outlook.steps)} documents, no problems; references: {told or 'none'}"]


def _proof_row(name: str, each: Proof) -> dict[str, Any]:
    proof = {"verdict": each.verdict, "workerType": name, "sharedConfig": each.name, "pointer": each.pointer}
    return {**proof, **({"why": each.why} if each.why else {})}


def _proof_line(each: Proof) -> str:
    return f"  {each.pointer}: {each.name}: {each.verdict}" + (f" ({each.why})" if each.why else "")


# ---- diff


def diff_rows(survey: Survey) -> list[dict[str, Any]]:
    """Every document with what changes, what is pruned, and dependents beyond the directory whose hash changes."""
    hashes = {each.key: each for each in _rehashed(survey)}
    rows = [_step_row(each, hashes.get(each.key)) for each in survey.outlook.steps]
    rows += [_change_row(each, Change.PRUNED) for each in survey.pruning.worker_types]
    others = [each for each in hashes.values() if not each.is_local]
    return rows + [{**_change_row(each.key, "affected"), **_hash_member(each)} for each in others]


def diff_lines(survey: Survey, width: int) -> list[str]:
    """The same for people, without what is unchanged; the effect comes last."""
    width = min(width, READABLE_COLUMNS)
    lines = []
    for each in survey.outlook.steps:
        if not each.is_same:
            lines += [_change_line(each.key, change_of(each))]
            lines += [line for difference in each.differences for line in difference.lines(width)]
    lines += [_change_line(each, Change.PRUNED) for each in survey.pruning.worker_types]
    return [*lines, *textwrap.wrap(_effect(survey), width, break_on_hyphens=False, subsequent_indent="  ")]


def changed_ids(survey: Survey) -> list[str]:
    """Workflow ids of what `apply` would touch."""
    return [each.key.id for each in survey.outlook.steps if not each.is_same] + [
        each.id for each in survey.pruning.worker_types
    ]


def _effect(survey: Survey) -> str:
    steps = survey.outlook.steps
    counts = Counter(change_of(each) for each in steps) + Counter({Change.PRUNED: len(survey.pruning.worker_types)})
    told = ", ".join(f"{counts[each]} {each}" for each in Change if counts[each])
    names = [each.key.name for each in _rehashed(survey)]
    verb = "changes" if len(names) == 1 else "change"
    worker_types = "worker type" if len(names) == 1 else "worker types"
    effect = f"{len(names)} {worker_types} {verb} hash" + (f": {', '.join(names)}" if names else "")
    return f"{told or 'nothing'}; {effect}"


def _rehashed(survey: Survey) -> list[Rehashed]:
    """Those whose instances will be replaced, not ended."""
    return [each for each in survey.outlook.rehashed if each.key not in survey.pruning.worker_types]


def _step_row(step: Step, rehashed: Rehashed | None) -> dict[str, Any]:
    row = {**_change_row(step.key, change_of(step)), "differences": [each.row() for each in step.differences]}
    return {**row, **(_hash_member(rehashed) if rehashed else {})}


def _change_row(key: Key, change: str) -> dict[str, Any]:
    return {"kind": str(key.kind), "name": key.name, "change": str(change)}


def _hash_member(each: Rehashed) -> dict[str, Any]:
    return {"configHash": {"old": each.old, "new": each.new}}


def _change_line(key: Key, change: Change) -> str:
    return f"{change:<9}  {key.kind} {key.name}"


# ---- apply


def applied_rows(applied: Sequence[Applied], documents: Mapping[Key, Document]) -> list[dict[str, Any]]:
    """What became of every document."""
    return [
        {
            **_change_row(Key(each.kind, each.name), each.change),
            "revision": each.revision,
            "why": each.why,
            **({"problems": [_located_row(found) for found in located(each, documents)]} if each.problems else {}),
            **({"breaks": list(each.breaks)} if each.breaks else {}),
        }
        for each in applied
    ]


def applied_lines(applied: Sequence[Applied], documents: Mapping[Key, Document]) -> list[str]:
    """The same for people: a line each, every problem of a rejected one below it, and how many there were of each."""
    lines = []
    for each in applied:
        # Where the problems follow, the sentence would only repeat them.
        why = f": {each.why}" if each.why and not each.problems else ""
        lines += [_change_line(Key(each.kind, each.name), each.change) + why]
        lines += [f"  {found}" for found in located(each, documents)]
    counts = Counter(each.change for each in applied)
    return [*lines, ", ".join(f"{counts[each]} {each}" for each in Change if counts[each]) or "no documents"]


def located(applied: Applied, documents: Mapping[Key, Document]) -> Iterator[Finding | Problem]:
    """The problems of a rejected document at their places, as far as there are files for them."""
    for each in applied.problems:
        dependent = _DEPENDENT.search(each.message)
        key = Key(Kind.WORKER_TYPE, dependent[1]) if dependent else Key(applied.kind, applied.name)
        document = documents.get(key)
        yield document.finding(each.pointer, each.message, each.rule) if document else each


def _located_row(found: Finding | Problem) -> dict[str, Any]:
    return finding_row(found) if isinstance(found, Finding) else {"pointer": found.pointer, "message": found.message}
