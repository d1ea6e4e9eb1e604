"""One HTTP session for one reading: bounded in time and size, straight to the address that was found to be allowed.

Environment variables for proxies are not heeded: behind a proxy no address could be refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from worker_manager.demand.contract import DemandUnavailable
from worker_manager.demand.reach import open_socket, shown

TIMEOUT_SECONDS = 10.0
MAX_BYTES = 1_000_000
CHUNK_BYTES = 65_536


class BoundedResponse(aiohttp.ClientResponse):
    """A response that is read up to MAX_BYTES, and given up beyond."""

    async def read(self) -> bytes:
        """The body. Raises aiohttp.ClientPayloadError when it is too large."""
        if self._body is None:
            body = bytearray()
            async for chunk in self.content.iter_chunked(CHUNK_BYTES):
                body += chunk
                if len(body) > MAX_BYTES:
                    self.close()
                    raise aiohttp.ClientPayloadError(f"the answer is larger than {MAX_BYTES:,} bytes")
            self._body = bytes(body)
        return self._body


def session() -> aiohttp.ClientSession:
    """To be closed after use; each request of it is over after TIMEOUT_SECONDS."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(socket_factory=open_socket),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
        response_class=BoundedResponse,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "worker-manager"},
    )


@contextmanager
def explained(url: str) -> Iterator[None]:
    """What fails within the block is DemandUnavailable."""
    try:
        yield
    except TimeoutError as error:
        raise DemandUnavailable(f"{shown(url)} gave no answer within {TIMEOUT_SECONDS:.0f} seconds") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        why = str(error).replace(url, shown(url)) or type(error).__name__
        raise DemandUnavailable(f"{shown(url)} cannot be read: {why[:300]}") from error
