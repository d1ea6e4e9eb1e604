"""Which hosts the worker process connects to on behalf of a document."""

from __future__ import annotations

import errno
import re
import socket

import pytest

from worker_manager.demand.contract import DemandUnavailable
from worker_manager.demand.reach import check_resolved, check_url, host_patterns, is_refused, open_socket

REFUSED = [
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "168.63.129.16",
    "100.100.100.200",
]


@pytest.mark.parametrize("address", REFUSED)
def test_link_local_and_metadata_addresses_are_refused(address):
    assert is_refused(address)
    with pytest.raises(OSError, match="link-local or metadata address, which is never read") as caught:
        open_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 80)))
    assert errno.EACCES == caught.value.errno


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.253.255.255", "169.255.0.0", "fec0::1", "2001:db8::1"]
)
def test_other_addresses_are_not(address):
    assert not is_refused(address)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "[fe80::1]",
        "[::ffff:169.254.169.254]",
        "2852039166",
        "0xa9fea9fe",
        "169.254.43518",
        "0251.0376.169.254",
    ],
)
def test_metadata_is_never_read_however_it_is_written(why_not, host):
    told = why_not(source="http", url=f"http://{host}/latest")
    assert re.search("link-local or metadata address, which is never read|not a canonical IPv4 address", told)


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "[fe80::1]"])
def test_nor_by_clients_that_connect_themselves(why_not, host):
    told = why_not(source="sqs", queue="builds", region="us-east-1", endpoint=f"http://{host}")
    assert "a link-local or metadata address, which is never read" in told


def test_nor_by_the_client_of_taskcluster(why_not):
    told = why_not(source="taskcluster", rootUrl="http://169.254.169.254", taskQueueId="a/b")
    assert "169.254.169.254 is a link-local or metadata address, which is never read" in told


@pytest.mark.parametrize(
    ("patterns", "host", "allowed"),
    [
        ("", "ci.example.org", True),
        ("ci.example.org", "ci.example.org", True),
        ("ci.example.org", "CI.Example.ORG.", True),
        ("CI.example.org , b.example.org", "ci.example.org", True),
        ("*.example.org", "ci.example.org", True),
        ("*.example.org", "example.org", False),
        ("*.example.org", "ci.example.org.evil.test", False),
        ("ci.example.org", "notci.example.org", False),
    ],
)
def test_only_the_hosts_that_the_operator_names(patterns, host, allowed):
    if allowed:
        assert host.lower().rstrip(".") == check_url(f"https://{host}/queue", host_patterns(patterns))
    else:
        with pytest.raises(DemandUnavailable, match=r"may not be read from: WM_DEMAND_HOSTS allows "):
            check_url(f"https://{host}/queue", host_patterns(patterns))


@pytest.mark.parametrize(
    "settings",
    [
        {"source": "http", "url": "{url}/queue"},
        {"source": "taskcluster", "rootUrl": "{url}", "taskQueueId": "a/b"},
        {"source": "sqs", "queue": "builds", "region": "us-east-1", "endpoint": "{url}"},
    ],
)
def test_no_source_asks_a_host_that_is_not_allowed(server, why_not, settings):
    filled = {name: each.format(url=server.url) for name, each in settings.items()}
    assert "the host '127.0.0.1' may not be read from" in why_not(("ci.example.org",), **filled)
    assert [] == server.asked


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a/b",
        "file:///etc/passwd",
        "http://",
        "http://user:word@a/b",
        "http://a:99999/",
        "http://[::1/",
        "gopher:a",
    ],
)
def test_what_is_no_url_of_a_host_is_refused(url):
    with pytest.raises(DemandUnavailable):
        check_url(url, ())


def test_a_name_without_an_address_is_told():
    with pytest.raises(DemandUnavailable, match=r"^the host 'nothing.invalid' cannot be resolved: "):
        check_resolved("https://nothing.invalid/", ())
