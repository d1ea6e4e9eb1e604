"""Checks of edits, before anything is stored: who sent them, schemas, rendering, and what else depends on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.authorizing import OPEN, Author, Authority, Signature, demand, demand_any
from activities.dependents import Dependents, Verdict
from activities.heartbeat import heartbeating
from activities.resolving import Resolver
from worker_manager.config import check_shared_value, collect_references
from worker_manager.errors import ConfigInvalid, Problem
from worker_manager.proofs import Proof
from worker_manager.resolved import ResolvedConfig
from worker_manager.scopes import manage_shared_config, manage_worker_type, use_provider
from worker_manager.tokens import Claims, NotAuthorized

SIGNALS_AT_ONCE = 50
HEARTBEAT_EVERY = 200
MAX_TOLD = 100


@dataclass(frozen=True, slots=True)
class WorkerTypeCheck:
    """A worker type document to check; `subscriber` is the workflow id that will follow its shared configs.

    `signature` says who wants it, None where the document was accepted before.
    """

    document: dict[str, Any]
    now: str
    subscriber: str
    signature: Signature | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """What a check found. Without problems: what the workflow needs to know of the resolved document.

    `forbidden` says why the sender may not do this; then nothing else was checked or is told.
    """

    problems: tuple[Problem, ...] = ()
    revisions: dict[str, int] = field(default_factory=dict)
    provider: str = ""
    owner: str = ""
    config_hash: str = ""
    references: tuple[Proof, ...] = ()
    author: Author = OPEN
    forbidden: str = ""


@dataclass(frozen=True, slots=True)
class SharedValueCheck:
    """A shared config's new value to check against its schema and against everything that depends on it."""

    name: str
    schema: str
    value: Any
    subscribers: tuple[str, ...] = ()
    signature: Signature | None = None


@dataclass(frozen=True, slots=True)
class SharedValueAdmission:
    """What the check found.

    Attributes:
        problems: why it is not acceptable, with pointers as in its file (`/value/0`); those of dependents have pointers
            into their documents.
        breaks: names of all worker types that it would break.
        conflicts: other edits being checked at this moment that it does not go together with.
        dependents: the subscribers that do refer to it today.
    """

    problems: tuple[Problem, ...] = ()
    dependents: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    author: Author = OPEN
    forbidden: str = ""

    @property
    def is_clean(self) -> bool:
        """True if the value may be accepted."""
        return not (self.problems or self.conflicts or self.forbidden)


@dataclass(frozen=True, slots=True)
class AuthorizationCheck:
    """A message that changes no config: its sender must hold one of these scopes."""

    workflow_id: str
    signature: Signature
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Authorization:
    """Who sent it, or why they may not."""

    author: Author
    forbidden: str = ""


@dataclass(frozen=True, slots=True)
class Notification:
    """An accepted edit of a shared config to be told to its dependents."""

    name: str
    revision: int
    subscribers: tuple[str, ...]


class ConfigActivities:
    """Activities of the queue `worker-manager`; they read other workflows, never a cloud."""

    def __init__(self, client: Client, resolver: Resolver, authority: Authority | None = None) -> None:
        self._client = client
        self._resolver = resolver
        self._authority = authority or Authority()
        self._dependents = Dependents(client, resolver)

    def all(self) -> list[Callable[..., Any]]:
        """What a worker of the queue serves."""
        return [self.check_worker_type, self.check_shared_config, self.authorize, self.notify_dependents]

    @activity.defn
    async def check_worker_type(self, check: WorkerTypeCheck) -> Admission:
        """Subscribe to what the document refers to, then resolve it. Twice: the same answer, for the same values."""
        async with heartbeating():
            try:
                claims = self._authority.identify(check.subscriber, check.signature)
                names = sorted({each.name for each in collect_references(check.document)})
                await self._resolver.values.subscribe(names, check.subscriber)
                resolved = await self._resolver.resolve(check.document, check.now, {})
                author = self._author(claims, _scopes_to_run(resolved))
                references = await self._resolver.proofs(check.document, resolved.shared_revisions)
            except ConfigInvalid as error:
                return Admission(error.problems[:MAX_TOLD], author=self._nobody())
            except NotAuthorized as error:
                return Admission(author=self._nobody(), forbidden=str(error))
        return Admission(
            revisions=resolved.shared_revisions,
            provider=resolved.provider,
            owner=str(resolved.document.get("owner", "")),
            config_hash=resolved.config_hash,
            references=references,
            author=author,
        )

    @activity.defn
    async def check_shared_config(self, check: SharedValueCheck) -> SharedValueAdmission:
        """Check a value against its schema, then render every dependent with it. Changes nothing."""
        async with heartbeating():
            try:
                claims = self._authority.identify(f"shared-config:{check.name}", check.signature)
                author = self._author(claims, [manage_shared_config(check.name), *_scopes_in(check.value)])
            except NotAuthorized as error:
                return SharedValueAdmission(author=self._nobody(), forbidden=str(error))
            problems = await asyncio.to_thread(check_shared_value, check.schema, check.value)
            if problems:
                found = (Problem("/value" + each.pointer, each.message, each.rule) for each in problems)
                return SharedValueAdmission(tuple(found)[:MAX_TOLD], author=author)
            verdicts = await self._dependents.check(check.name, check.schema, check.value, check.subscribers)
        return _admission(verdicts, author)

    @activity.defn
    async def authorize(self, check: AuthorizationCheck) -> Authorization:
        """Verify who sent a message. Twice: the same answer, as long as the token has not expired."""
        try:
            claims = self._authority.identify(check.workflow_id, check.signature)
            return Authorization(demand_any(claims, check.scopes))
        except NotAuthorized as error:
            return Authorization(self._nobody(), str(error))

    @activity.defn
    async def notify_dependents(self, notification: Notification) -> tuple[str, ...]:
        """Wake every subscriber; answers those that no longer exist. A retry resumes where the last attempt was."""
        details = activity.info().heartbeat_details
        done, gone = (details[0], list(details[1])) if details else (0, [])
        while done < len(notification.subscribers):
            batch = notification.subscribers[done : done + HEARTBEAT_EVERY]
            gone += await self._wake_all(notification, batch)
            done += len(batch)
            activity.heartbeat(done, gone)
        return tuple(gone)

    def _nobody(self) -> Author:
        return Author(self._authority.is_secured)

    def _author(self, claims: Claims | None, scopes: Sequence[str]) -> Author:
        """Who must hold these scopes; nobody where nobody was asked. Raises NotAuthorized."""
        return demand(claims, scopes) if claims else self._nobody()

    async def _wake_all(self, notification: Notification, subscribers: Sequence[str]) -> list[str]:
        gate = asyncio.Semaphore(SIGNALS_AT_ONCE)
        message = {"name": notification.name, "revision": notification.revision}

        async def wake(subscriber: str) -> bool:
            try:
                async with gate:
                    handle = self._client.get_workflow_handle(subscriber)
                    await handle.signal("shared_config_changed", message)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return False
                raise
            return True

        told = await asyncio.gather(*(wake(each) for each in subscribers))
        return [name for name, ok in zip(subscribers, told, strict=True) if not ok]


def _admission(verdicts: Sequence[Verdict], author: Author) -> SharedValueAdmission:
    broken = [each for each in verdicts if each.problems]
    return SharedValueAdmission(
        problems=tuple(problem for each in broken for problem in each.problems)[:MAX_TOLD],
        dependents=tuple(each.subscriber for each in verdicts if each.depends),
        breaks=tuple(sorted(each.subscriber.partition(":")[2] for each in broken)),
        conflicts=tuple(each.conflict for each in verdicts if each.conflict)[:MAX_TOLD],
        author=author,
    )


def _scopes_to_run(config: ResolvedConfig) -> list[str]:
    """What whoever gives a worker type this config must hold: every scope that its workers will have, too.

    Not only new ones: whoever chooses the image, or what runs on it, has the worker's scopes at hand.
    """
    granted = {scope for spec in config.launch_specs for scope in spec.user_data.get("scopes", ())}
    granted.update(config.document.get("scopes", ()))
    return [manage_worker_type(config.worker_type), use_provider(config.provider), *sorted(granted)]


def _scopes_in(value: Any) -> list[str]:
    """Scopes that the entries of a shared value give, wherever they stand in it."""
    if isinstance(value, list):
        return [scope for each in value for scope in _scopes_in(each)]
    if not isinstance(value, dict):
        return []
    given = value.get("scopes")
    own = [each for each in given if isinstance(each, str)] if isinstance(given, list) else []
    return own + [scope for name, each in value.items() if name != "scopes" for scope in _scopes_in(each)]
