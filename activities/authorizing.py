"""Who may say what: verifies the signature of a message with this process's keys. Without keys the system is open.

Keys are read at start and never enter a workflow: verifying is done in activities, whose results replay as they were.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from worker_manager.scopes import covers
from worker_manager.tokens import Claims, Keyring, NotAuthorized, require


@dataclass(frozen=True, slots=True)
class Signature:
    """What came with a message: its name, the digest of its payload, and the token, "" where there was none."""

    message: str
    digest: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class Author:
    """Who sent a message, as far as it was proven. `secured` says whether proof is asked for at all.

    `token_id` and `expires_at` (epoch seconds) let the receiver refuse a token that it has seen before.
    """

    secured: bool = False
    subject: str = ""
    token_id: str = ""
    expires_at: float = 0.0


OPEN = Author()


class Authority:
    """The keys of this process, None for an open system."""

    def __init__(self, keyring: Keyring | None = None) -> None:
        self._keyring = keyring

    @property
    def is_secured(self) -> bool:
        """Whether messages must be signed."""
        return self._keyring is not None

    def identify(self, workflow_id: str, signature: Signature | None) -> Claims | None:
        """Verify; None in an open system, and where nothing new is asked for. Raises NotAuthorized."""
        if self._keyring is None or signature is None:
            return None
        if not signature.token:
            text = (
                f"{signature.message} must be signed: send a token in the header or member `authorization` (wm token)"
            )
            raise NotAuthorized(text)
        return self._keyring.verify(
            signature.token,
            workflow_id=workflow_id,
            message=signature.message,
            digest=signature.digest,
            now=time.time(),
        )


def demand(claims: Claims | None, scopes: Iterable[str]) -> Author:
    """The author, who must hold all these scopes. Raises NotAuthorized naming those that are missing."""
    if claims is None:
        return OPEN
    require(claims, scopes)
    return Author(secured=True, subject=claims.subject, token_id=claims.token_id, expires_at=claims.expires_at)


def demand_any(claims: Claims | None, scopes: tuple[str, ...]) -> Author:
    """The author, who must hold one of these scopes. Raises NotAuthorized naming the first, which is the usual one."""
    held = () if claims is None else claims.scopes
    return demand(claims, next(((each,) for each in scopes if covers(held, each)), scopes[:1]))
