"""Decides how we speak to EC2: endpoints, credentials, time-outs, retries. It must not know what is said.

Per region one client for writes, which never repeats a request by itself, and one for reads, which may. A write is
bounded: it is only sent while enough of its time is left, and waits for its answer no longer than that time.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.utils import parse_timestamp

from worker_manager.errors import ConfigInvalid, Problem
from worker_manager.provider import ProviderRecord
from worker_manager.providers.aws.failures import NotSent

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

CONNECT_SECONDS = 5.0
# A server whose queue is full drops the first packet, and the kernel sends it again after one second.
LOOPBACK_CONNECT_SECONDS = 2.0
READ_SECONDS = 30.0
READ_ATTEMPTS = 3
# An answer that must come sooner than this is not worth asking for.
LEAST_ANSWER_SECONDS = 1.0
# botocore pools 10 connections by default and throws the rest away; activities run up to this many threads.
POOL_CONNECTIONS = 64


@dataclass(slots=True)
class BoundedCall:
    """One write under way.

    `deadline` is in `time.monotonic()` seconds; `sent` turns true when the request may have left.
    """

    deadline: float
    sent: bool = False


_CALL: ContextVar[BoundedCall] = ContextVar("bounded_call")


@contextmanager
def bounded_call(deadline: float) -> Iterator[BoundedCall]:
    """Bound the writes made inside by `deadline`, in `time.monotonic()` seconds. A write outside of it is refused."""
    call = BoundedCall(deadline)
    token = _CALL.set(call)
    try:
        yield call
    finally:
        _CALL.reset(token)


class Clients:
    """The EC2 clients of one account, thread-safe. Read clients are built at once, so that wrong settings show early.

    Raises ConfigInvalid: no regions, a region or endpoint that cannot be one, plain http to another machine, or
    settings of the SDK itself (a profile that does not exist) that cannot be used.
    """

    def __init__(self, record: ProviderRecord) -> None:
        if not record.regions:
            # A listing of no region would be complete and empty, and every instance would count as gone.
            raise _invalid(
                "/regions", f"provider '{record.name}' has no regions; name the regions to watch", "required"
            )
        is_emulated = bool(record.endpoint) and _is_plain_loopback(_checked_endpoint(record.endpoint))
        self._endpoint = record.endpoint or None
        self._is_emulated = is_emulated
        self._connect_seconds = LOOPBACK_CONNECT_SECONDS if is_emulated else CONNECT_SECONDS
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, bool], EC2Client] = {}
        self._session = _open_session(is_emulated=is_emulated)
        for index, region in enumerate(record.regions):
            self._build_first(region, f"/regions/{index}")

    @property
    def least_call_seconds(self) -> float:
        """A write with less time than this left is not sent."""
        return self._connect_seconds + LEAST_ANSWER_SECONDS

    def read(self, region: str) -> EC2Client:
        """The client for calls that change nothing; it may send one thrice."""
        return self._client(region, is_write=False)

    def write(self, region: str) -> EC2Client:
        """The client for calls that have effects; it sends each once, and only inside `bounded_call`."""
        return self._client(region, is_write=True)

    def _client(self, region: str, *, is_write: bool) -> EC2Client:
        # Clients are thread-safe, sessions are not: building under the lock is what makes the session ours.
        with self._lock:
            client = self._clients.get((region, is_write))
            if client is None:
                client = self._clients[region, is_write] = self._build(region, is_write=is_write)
            return client

    def _build(self, region: str, *, is_write: bool) -> EC2Client:
        config = Config(
            # Not "adaptive", which sleeps in our threads. Writes are repeated by the caller alone: no capacity is an
            # HTTP 500, which every retry mode would repeat at the cost of the account's launch budget.
            retries={"mode": "standard", "total_max_attempts": 1 if is_write else READ_ATTEMPTS},
            connect_timeout=self._connect_seconds,
            read_timeout=READ_SECONDS,
            max_pool_connections=POOL_CONNECTIONS,
            # A proxy of the environment is meant for the outside, never for an emulator on this machine.
            proxies={} if self._is_emulated else None,
        )
        client = self._session.client("ec2", region_name=region, endpoint_url=self._endpoint, config=config)
        if is_write:
            client.meta.events.register("before-send.ec2", self._bound_request)
        return client

    def _build_first(self, region: str, pointer: str) -> None:
        try:
            client = self.read(region)
        except (BotoCoreError, ValueError) as error:
            raise _invalid(
                pointer, f"the AWS SDK cannot build a client for region '{region}': {error}", "region"
            ) from error
        # The endpoint may also come from the SDK's own settings (AWS_ENDPOINT_URL_EC2).
        _checked_endpoint(client.meta.endpoint_url)

    def _bound_request(self, request: Any, **_: Any) -> None:
        """Called by botocore after signing (which may have waited for credentials) and right before sending."""
        call = _CALL.get()
        answer_seconds = call.deadline - time.monotonic() - self._connect_seconds
        if answer_seconds < LEAST_ANSWER_SECONDS:
            raise NotSent(f"less than {self.least_call_seconds:g} s of the call's time were left")
        # Honoured since botocore 1.43.72; a test holds it.
        request.context["read_timeout"] = answer_seconds
        call.sent = True


def _open_session(*, is_emulated: bool) -> boto3.Session:
    try:
        core = botocore.session.get_session()
        # EC2's timestamps are ISO 8601; botocore's own parser takes a third of the time of a large listing.
        core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_timestamp)
        if is_emulated:
            return boto3.Session("emulated", "emulated", botocore_session=core)
        return boto3.Session(botocore_session=core)
    except BotoCoreError as error:
        raise _invalid("", f"the AWS SDK cannot use its own settings: {error}; correct them", "sdk-settings") from error


def _checked_endpoint(endpoint: str) -> SplitResult:
    parts = _split(endpoint)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise _invalid("/endpoint", "not a URL of the form https://HOST[:PORT]; correct or remove it", "endpoint")
    if parts.username is not None or parts.password is not None:
        raise _invalid("/endpoint", "must not carry credentials; they come from the SDK's own settings", "endpoint")
    if parts.scheme == "http" and not _is_plain_loopback(parts):
        raise _invalid(
            "/endpoint", f"plain http to '{parts.hostname}' would show requests to others; use https", "endpoint"
        )
    return parts


def _split(endpoint: str) -> SplitResult | None:
    try:
        parts = urlsplit(endpoint)
        _ = parts.port  # raises where the port is no number
    except ValueError:
        return None
    return parts


def _is_plain_loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return parts.scheme == "http" and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False


def _invalid(pointer: str, message: str, rule: str) -> ConfigInvalid:
    return ConfigInvalid([Problem(pointer, message, rule)])


def _timestamp(text: Any) -> datetime:
    """A timestamp of EC2, or of any other service in whatever form botocore knows."""
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return parse_timestamp(text)
