"""Signs what the command line sends, with the key that `WM_SIGNING_KEY` and `WM_SIGNING_KEY_ID` name, if they do."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from worker_manager import scopes as known
from worker_manager.errors import WorkerManagerError
from worker_manager.tokens import mint

LIFETIME_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key and what its tokens say. `scopes`, where given, are claimed whatever a message needs."""

    key_id: str
    private_key_pem: bytes = field(repr=False)
    scopes: tuple[str, ...] = ()
    subject: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Signer | None:
        """None where no key is named. Raises click.ClickException if it is named by half, or cannot be read."""
        path, key_id = environ.get("WM_SIGNING_KEY", ""), environ.get("WM_SIGNING_KEY_ID", "")
        if not path and not key_id:
            return None
        if not path or not key_id:
            lacking = "WM_SIGNING_KEY (path of the private key)" if key_id else "WM_SIGNING_KEY_ID (its id)"
            raise click.ClickException(f"{lacking} is not set, and the other is: set both to sign, or neither")
        try:
            pem = Path(path).read_bytes()
        except OSError as error:
            raise click.ClickException(f"WM_SIGNING_KEY: {path} cannot be read: {error.strerror}") from error
        scopes = tuple(each.strip() for each in environ.get("WM_SCOPES", "").split(",") if each.strip())
        return cls(key_id, pem, scopes)

    def sign(
        self,
        workflow_id: str,
        message: str,
        value: Any,
        scopes: Sequence[str],
        *,
        lifetime_seconds: float = LIFETIME_SECONDS,
    ) -> str:
        """A token for one message, which claims `scopes` where the signer has none of its own.

        Raises click.ClickException if the key or the value cannot be used.
        """
        try:
            return mint(
                self.private_key_pem,
                key_id=self.key_id,
                subject=self.subject or self.key_id,
                workflow_id=workflow_id,
                message=message,
                value=value,
                scopes=self.scopes or scopes,
                now=time.time(),
                lifetime_seconds=lifetime_seconds,
                token_id=str(uuid.uuid4()),
            )
        except WorkerManagerError as error:
            raise click.ClickException(f"the message cannot be signed: {error}") from error


def needed_scopes(workflow_id: str, message: str, value: Any) -> tuple[str, ...]:
    """The scopes that a message needs, as far as it shows: for its target, and for the provider and scopes it gives."""
    kind, _, name = workflow_id.partition(":")
    if kind == "shared-config":
        return (known.manage_shared_config(name),)
    if kind != "worker-type":
        return ()
    if message in ("set_demand", "may_go"):
        return (known.report_demand(name),)
    return (known.manage_worker_type(name), *_given(_document(value)))


def _document(value: Any) -> Mapping[str, Any]:
    """The worker type, or part of one, that a message carries, in its long or its short form."""
    body = value if isinstance(value, dict) else {}
    inner = body.get("document", body.get("patch", body))
    return inner if isinstance(inner, dict) else {}


def _given(document: Mapping[str, Any]) -> list[str]:
    provider, granted = document.get("provider"), document.get("scopes")
    texts = [each for each in granted if isinstance(each, str)] if isinstance(granted, list) else []
    return [*([known.use_provider(provider)] if isinstance(provider, str) else []), *texts]
