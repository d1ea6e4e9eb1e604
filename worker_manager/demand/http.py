"""Demand as a JSON document behind a URL: two numbers, by JSON pointer."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Mapping, Sequence
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Any

from aiohttp.helpers import basicauth_from_netrc

from worker_manager.demand import fetching
from worker_manager.demand.contract import DemandUnavailable, Reading, slots
from worker_manager.demand.reach import check_url, shown
from worker_manager.shape import pointer_steps

logger = logging.getLogger("worker_manager")

DEFAULT_CLAIMED = "/claimed"


class HttpSource:
    """One URL. A user name and password come from netrc (`~/.netrc`, or the file that NETRC names)."""

    def __init__(self, settings: Mapping[str, Any], hosts: Sequence[str] = ()) -> None:
        self._url: str = settings["url"]
        self._pending: str = settings["pendingPointer"]
        self._claimed: str | None = settings.get("claimedPointer")
        self._waiting_only: bool = settings["waitingOnly"]
        self._hosts = hosts

    def read(self) -> Reading:
        host = check_url(self._url, self._hosts)
        with fetching.explained(self._url):
            document = self._parsed(asyncio.run(self._get(host)))
        return Reading(self._pending_of(document), self._claimed_of(document), self._waiting_only)

    async def _get(self, host: str) -> bytes:
        async with (
            fetching.session() as session,
            session.get(self._url, allow_redirects=False, headers=_login(host)) as response,
        ):
            if 300 <= response.status < 400:
                raise DemandUnavailable(f"{shown(self._url)} redirects, which is not followed; name the final URL")
            if response.status != 200:
                raise DemandUnavailable(f"{shown(self._url)} answers with HTTP status {response.status}")
            return await response.read()

    def _parsed(self, body: bytes) -> Any:
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise DemandUnavailable(f"{shown(self._url)} does not answer with JSON") from error

    def _pending_of(self, document: Any) -> int:
        return slots(self._at(document, self._pending), f"{shown(self._url)}: the value at {self._pending!r}")

    def _claimed_of(self, document: Any) -> int | None:
        if self._claimed is None and not (isinstance(document, dict) and "claimed" in document):
            return None
        pointer = DEFAULT_CLAIMED if self._claimed is None else self._claimed
        return slots(self._at(document, pointer), f"{shown(self._url)}: the value at {pointer!r}")

    def _at(self, document: Any, pointer: str) -> Any:
        for step in pointer_steps(pointer):
            try:
                document = document[int(step) if isinstance(document, list) else step]
            except (KeyError, IndexError, TypeError, ValueError):
                raise DemandUnavailable(f"{shown(self._url)}: there is nothing at {pointer!r}") from None
        return document


def _login(host: str) -> dict[str, str]:
    """Its user name and password as a header; none where netrc has no entry for this host."""
    try:
        return {"Authorization": basicauth_from_netrc(_netrc(), host).encode()}
    except LookupError:
        return {}


def _netrc() -> netrc | None:
    """What netrc holds, if it can be read. aiohttp's own reading logs the word it stumbles on: it may be a password."""
    try:
        named = os.environ.get("NETRC")  # noqa: TID251  # a convention of all that read netrc, no setting of ours
        return netrc(named or Path("~/.netrc").expanduser())
    except NetrcParseError as error:
        logger.warning("netrc is not heeded: its line %s cannot be understood", error.lineno)
    except (OSError, RuntimeError):
        pass
    return None
