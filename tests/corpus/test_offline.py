"""Every wrong document of the corpus is refused offline, at the places and lines that follow from the mutation."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from cli import checking
from cli.documents import Document, Finding, load
from tests.corpus.cases import PROVIDERS, Base, Case, bases, neighbours
from tests.corpus.corpus import CORPUS, FAULTS
from tests.corpus.writing import write

MESSAGES = Path(__file__).with_name("messages.txt")
MIN_CASES = 300
MAX_CHARACTERS = 300
# What only Python writes so.
PYTHONESE = re.compile(r"\b(None|True|False|NoneType|dict|Traceback|object at 0x)\b|Error\(")


@cache
def loaded(base: Base) -> Document:
    (document,), findings = load([Path(base.file)], edited={Path(base.file): write(base.document).text})
    assert [] == findings
    return document


@cache
def providers() -> Document:
    text = write({"providers": [{"name": name, **record} for name, record in PROVIDERS.items()]}).text
    (document,), findings = load([Path("providers.yml")], edited={Path("providers.yml"): text})
    assert [] == findings
    return document


@cache
def findings_of(case: Case) -> tuple[Finding, ...]:
    """What is found in a case and in what stands beside it."""
    path = Path(case.base.file)
    documents, findings = load([path], edited={path: case.text})
    beside = [loaded(each) for each in neighbours(case)]
    _, more = checking.check([*documents, providers(), *beside])
    return (*findings, *more)


def table() -> str:
    """`mutation -> place: message`, of all cases."""
    rows = []
    for case in CORPUS:
        rows.append(case.id)
        rows += [f"    {each.path}:{each.line}:{each.column}: {each.message}" for each in findings_of(case)]
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize("base", bases().values(), ids=lambda base: base.name)
def test_what_the_corpus_is_made_of_is_right(base):
    document = loaded(base)
    beside = [loaded(each) for each in bases().values() if each.folder == base.folder and each is not base]
    _, findings = checking.check([document, providers(), *beside])
    assert [] == findings


def test_the_corpus_is_large_and_has_every_class_and_no_case_twice():
    assert MIN_CASES <= len(CORPUS)
    assert set(FAULTS) == {case.fault for case in CORPUS}
    assert [] == [each for each, count in Counter(case.id for case in CORPUS).items() if count > 1]
    assert {"aws", "azure", "google", "local", "fleet-2019"} == {case.base.folder for case in CORPUS}


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.id)
def test_a_wrong_document_is_refused_at_the_place_at_fault(case):
    found = findings_of(case)
    assert set(case.expected) == {each.pointer for each in found}, found
    assert {case.at.file} == {str(each.path) for each in found}
    lines = {(each.pointer, each.line) for each in found}
    assert lines >= {(pointer, line) for pointer, line in case.expected.items() if line is not None}, found


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.id)
def test_a_message_reads_well(case):
    for each in findings_of(case):
        assert MAX_CHARACTERS > len(each.message), each.message
        assert not PYTHONESE.search(each.message), each.message
        assert each.message[:1] not in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" or each.message.split()[0].isalnum(), each.message


@pytest.mark.parametrize("case", [each for each in CORPUS if each.fault == "secret"], ids=lambda case: case.id)
def test_a_message_shows_no_secret(case):
    assert not [each for each in findings_of(case) if "hunter2" in each.message]


def test_every_message_is_as_it_was_read_last():
    """A change of wording is seen in a diff. To take over what is said now: `python -m tests.corpus.test_offline`."""
    known = MESSAGES.read_text(encoding="utf-8").splitlines()
    assert [] == list(difflib.unified_diff(known, table().splitlines(), str(MESSAGES), "now", lineterm="", n=1))


if __name__ == "__main__":
    MESSAGES.write_text(table(), encoding="utf-8")
