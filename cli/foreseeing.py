"""What documents would make of a system: what changes, what breaks, which worker types get other settings.

Decides nothing by itself and reads nothing: documents and a snapshot in, an outlook out. Without a snapshot the
documents are held against each other alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from cli.checking import findings_of, template_time
from cli.comparing import Difference, differences
from cli.documents import Document, Finding, Kind
from cli.naming import WORKFLOW_TYPES, Key
from cli.resolving import Resolver, refers
from cli.running import Running, Snapshot, comparable, differs
from worker_manager.config import check_shared_config
from worker_manager.errors import ConfigInvalid, Problem
from worker_manager.proofs import Proof
from worker_manager.resolved import ResolvedConfig


@dataclass(frozen=True, slots=True)
class Step:
    """One document, what runs under its name, and how they differ; sorted: shared configs come first."""

    document: Document
    running: Running | None
    differences: tuple[Difference, ...]

    @property
    def key(self) -> Key:
        """What the document is about."""
        return Key(self.document.kind, self.document.name)

    @property
    def is_same(self) -> bool:
        """True if nothing has to be sent."""
        return self.running is not None and not self.differences


@dataclass(frozen=True, slots=True)
class Broken:
    """A running worker type outside the documents that would not be acceptable any more."""

    key: Key
    problem: Problem

    def __str__(self) -> str:
        return f"would break {self.key}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Rehashed:
    """A running worker type whose config hash changes: its instances drift and are replaced."""

    key: Key
    old: str
    new: str
    is_local: bool


@dataclass(slots=True)
class Outlook:
    """Everything that can be said beforehand.

    Attributes:
        unchecked: running worker types outside the documents whose provider is not known here.
        verdicts: of every acceptable worker type document, whether its references fit for ever.
        resolved: what every acceptable worker type document comes to.
    """

    steps: list[Step] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    unchecked: list[Key] = field(default_factory=list)
    rehashed: list[Rehashed] = field(default_factory=list)
    verdicts: dict[str, tuple[Proof, ...]] = field(default_factory=dict)
    resolved: dict[str, ResolvedConfig] = field(default_factory=dict)

    @property
    def is_acceptable(self) -> bool:
        """True if nothing speaks against applying it."""
        return not self.findings and not self.broken


def foresee(documents: Sequence[Document], snapshot: Snapshot, known_names: Iterable[str] = ()) -> Outlook:
    """The outlook of these documents on that system."""
    outlook = Outlook()
    resolver = Resolver(documents, snapshot, known_names, outlook.findings)
    ours = [each for each in documents if each.kind in WORKFLOW_TYPES]
    for each in sorted(ours, key=_order):
        running = snapshot.get(Key(each.kind, each.name))
        outlook.steps.append(step_of(each, running))
        outlook.findings += findings_of(each, _kept_for_ever(each, running))
        if each.kind is Kind.SHARED_CONFIG:
            outlook.findings += findings_of(each, check_shared_config(each.data))
    for step in outlook.steps:
        if step.document.kind is Kind.WORKER_TYPE:
            _foresee_document(step, resolver, outlook)
    changed = {step.key.name for step in outlook.steps if step.document.kind is Kind.SHARED_CONFIG and not step.is_same}
    local = {step.key for step in outlook.steps}
    for key, running in snapshot.items():
        if key.kind is Kind.WORKER_TYPE and key not in local and refers(running.data, changed):
            _foresee_dependent(running, resolver, outlook)
    return outlook


def _order(document: Document) -> tuple[int, str]:
    return list(WORKFLOW_TYPES).index(document.kind), document.name


def step_of(document: Document, running: Running | None) -> Step:
    """How a document and what runs differ; only as one document looks to the other."""
    if running is None:
        return Step(document, None, ())
    if not differs(document.data, running):
        return Step(document, running, ())
    old, new = comparable(running.data, document.kind), comparable(document.data, document.kind)
    return Step(document, running, tuple(differences(old, new)))


def _kept_for_ever(document: Document, running: Running | None) -> Iterator[Problem]:
    """What can never change of a worker type or shared config that runs."""
    member = "provider" if document.kind is Kind.WORKER_TYPE else "schema"
    if running is not None:
        mine, theirs = (comparable(each, document.kind).get(member) for each in (document.data, running.data))
        if mine != theirs:
            text = f"the running {document.kind} has {theirs!r} for ever; give this one another name"
            yield Problem(f"/{member}", text, "immutable")


def _foresee_document(step: Step, resolver: Resolver, outlook: Outlook) -> None:
    document, running = step.document, step.running
    now = running.now if running is not None and step.is_same else template_time()
    try:
        resolved = resolver.resolve(document.data, now or template_time())
    except ConfigInvalid as error:
        outlook.findings += findings_of(document, error.problems)
        return
    outlook.resolved[document.name] = resolved
    outlook.verdicts[document.name] = resolver.proofs(document.data)
    if running is not None and running.config_hash != resolved.config_hash:
        outlook.rehashed.append(Rehashed(step.key, running.config_hash, resolved.config_hash, is_local=True))


def _foresee_dependent(running: Running, resolver: Resolver, outlook: Outlook) -> None:
    if not resolver.knows_provider(running.data):
        outlook.unchecked.append(running.key)
        return
    try:
        resolved = resolver.resolve(running.data, running.now or template_time())
    except ConfigInvalid as error:
        outlook.broken += [Broken(running.key, each) for each in error.problems]
        return
    if running.config_hash != resolved.config_hash:
        outlook.rehashed.append(Rehashed(running.key, running.config_hash, resolved.config_hash, is_local=False))
