"""Which hosts and addresses the worker process may read demand from, as documents choose where it connects to.

Link-local and metadata addresses are refused whatever a name resolves to: they would answer with the machine's own
credentials. The operator may name the only hosts that are allowed.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Sequence
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from worker_manager.demand.contract import DemandUnavailable

_REFUSED = tuple(
    ipaddress.ip_network(each)
    for each in (
        "169.254.0.0/16",
        "fe80::/10",
        # where clouds answer with metadata outside the link-local ranges
        "168.63.129.16/32",
        "100.100.100.200/32",
        "fd00:ec2::254/128",
        "fd20:ce::254/128",
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def host_patterns(text: str) -> tuple[str, ...]:
    """The patterns of a comma-separated list, as the setting WM_DEMAND_HOSTS has them; none allow every host."""
    return tuple(each.strip().lower() for each in text.split(",") if each.strip())


def check_url(url: str, patterns: Sequence[str]) -> str:
    """The URL's host. Raises DemandUnavailable if it is not among those that the operator allows."""
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise DemandUnavailable(f"{shown(url)} is not a URL: {error}") from error
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        raise DemandUnavailable(f"{shown(url)} must be http:// or https:// and a host, without user name and password")
    if patterns and not any(fnmatchcase(host, each) for each in patterns):
        raise DemandUnavailable(f"the host {host!r} may not be read from: WM_DEMAND_HOSTS allows {', '.join(patterns)}")
    return host


def check_resolved(url: str, patterns: Sequence[str]) -> None:
    """As `check_url`, and for clients that connect by themselves: every address of the host must be allowed now."""
    host = check_url(url, patterns)
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DemandUnavailable(f"the host {host!r} cannot be resolved: {error}") from error
    for *_, address in found:
        if is_refused(str(address[0])):
            raise DemandUnavailable(f"{host} is {address[0]}, a link-local or metadata address, which is never read")


def is_refused(address: str) -> bool:
    """Whether this address is link-local or serves metadata, in whichever notation."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ipaddress.IPv4Address(ip.packed[-4:]) if ip in _NAT64 else None)
        ip = inner or ip
    return any(ip in each for each in _REFUSED)


def open_socket(
    info: tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]],
) -> socket.socket:
    """A socket for the very address that will be connected to. Raises OSError if it is refused."""
    family, kind, protocol, _, address = info
    if is_refused(str(address[0])):
        raise OSError(errno.EACCES, f"{address[0]} is a link-local or metadata address, which is never read")
    return socket.socket(family, kind, protocol)


def shown(url: str) -> str:
    """A URL for messages: without its query, which may hold what is not for everyone."""
    return url.partition("?")[0][:200]
