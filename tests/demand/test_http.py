"""Demand as JSON over HTTP, of a server that is well and of one that is not."""

from __future__ import annotations

import gzip

import pytest

from worker_manager.demand import fetching
from worker_manager.demand.contract import DemandUnavailable, Reading


@pytest.fixture
def settings(server):
    return {"source": "http", "url": f"{server.url}/queue?token=unmentionable"}


@pytest.mark.parametrize(
    ("body", "pointers", "reading"),
    [
        ({"pending": 3, "claimed": 4, "other": "x"}, {}, Reading(3, 4)),
        ({"pending": 3}, {}, Reading(3, None)),
        ({"queue": {"total": 7}}, {"pendingPointer": "/queue/total"}, Reading(7, None)),
        (
            {"queues": [{"a/b": 1}, {"a/b": 2, "c~d": 5}]},
            {"pendingPointer": "/queues/1/a~1b", "claimedPointer": "/queues/1/c~0d"},
            Reading(2, 5),
        ),
        (12, {"pendingPointer": ""}, Reading(12, None)),
        ({"pending": 1_000_000, "claimed": 0}, {}, Reading(1_000_000, 0)),
    ],
)
def test_numbers_are_found_by_pointer(server, read, settings, body, pointers, reading):
    server.answer(body)
    assert reading == read(**settings, **pointers)
    assert ["/queue?token=unmentionable"] == [each.path for each in server.asked]


@pytest.mark.parametrize(
    ("body", "pointers", "why"),
    [
        ({"pending": "3"}, {}, "the value at '/pending' must be a whole number from 0 to 1000000, not '3'"),
        ({"pending": 3.0}, {}, "the value at '/pending' must be a whole number from 0 to 1000000, not 3.0"),
        ({"pending": True}, {}, "not true"),
        ({"pending": -1}, {}, "not -1"),
        ({"pending": 1_000_001}, {}, "not 1000001"),
        ({"pending": None}, {}, "not null"),
        ({"pending": 10**400}, {}, "must be a whole number from 0 to 1000000"),
        ({"pending": 1, "claimed": "many"}, {}, "the value at '/claimed' must be"),
        ({}, {}, "there is nothing at '/pending'"),
        ([1], {}, "there is nothing at '/pending'"),
        ([1], {"pendingPointer": "/1"}, "there is nothing at '/1'"),
        ({"pending": 1}, {"claimedPointer": "/claimed"}, "there is nothing at '/claimed'"),
        (b"<html>", {}, "does not answer with JSON"),
        (b"", {}, "does not answer with JSON"),
        (b"\xff\xfe", {}, "does not answer with JSON"),
        (b"[" * 200_000, {}, "does not answer with JSON"),
        (b'{"pending": ' + b"9" * 5000 + b"}", {}, "does not answer with JSON"),
        (gzip.compress(b'{"pending": 1}', mtime=0), {}, "does not answer with JSON"),
        (b'{"pending": 1, "x": "' + b"x" * 1_000_000 + b'"}', {}, "the answer is larger than 1,000,000 bytes"),
    ],
)
def test_an_answer_that_makes_no_sense_is_no_reading(server, why_not, settings, body, pointers, why):
    server.answer(body)
    told = why_not(**settings, **pointers)
    assert why in told
    assert f"{server.url}/queue" in told
    assert "unmentionable" not in told
    assert len(told) < 300


@pytest.mark.parametrize("status", [204, 401, 404, 500, 503])
def test_a_status_other_than_200_is_no_reading(server, why_not, settings, status):
    server.answer({"pending": 1} if status != 204 else b"", status)
    assert f"{server.url}/queue answers with HTTP status {status}" == why_not(**settings)


def test_a_redirect_is_not_followed(server, why_not, settings):
    server.answer({"pending": 1}, 302, Location=f"{server.url}/elsewhere")
    assert "redirects, which is not followed" in why_not(**settings)
    assert 1 == len(server.asked)


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_a_compressed_answer_is_not_unpacked(server, why_not, settings, encoding):
    server.answer(gzip.compress(b'{"pending": 1}'), Content_Encoding=encoding)
    assert "does not answer with JSON" in why_not(**settings)
    assert "identity" == server.asked[0].headers["Accept-Encoding"]


def test_a_server_that_is_slow_is_given_up(server, why_not, settings, monkeypatch):
    monkeypatch.setattr(fetching, "TIMEOUT_SECONDS", 0.2)
    server.before = server.ended.wait
    assert "gave no answer within 0 seconds" in why_not(**settings)


def test_a_server_that_is_not_there_is_told(server, why_not, settings):
    gone = settings["url"].replace(server.url, "http://127.0.0.1:1")
    assert "http://127.0.0.1:1/queue cannot be read: Cannot connect to host 127.0.0.1:1" in why_not(
        source="http", url=gone
    )


def test_user_name_and_password_come_from_netrc_by_host(server, read, settings, tmp_path):
    server.answer({"pending": 1})
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login reader password hunter2\n")
    read(**settings)
    (tmp_path / "netrc").write_text("machine elsewhere.example.org login reader password hunter2\n")
    read(**settings)
    assert ["Basic cmVhZGVyOmh1bnRlcjI=", None] == [each.headers.get("Authorization") for each in server.asked]


def test_a_netrc_that_cannot_be_understood_is_not_heeded_and_its_words_are_told_nobody(
    server, read, settings, tmp_path, caplog
):
    server.answer({"pending": 1})
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login reader hunter2\n")
    assert Reading(1) == read(**settings)
    assert [None] == [each.headers.get("Authorization") for each in server.asked]
    assert ("netrc is not heeded" in caplog.text, "hunter2" in caplog.text) == (True, False)


def test_what_a_library_says_of_a_url_does_not_tell_its_query(read, settings):
    with pytest.raises(DemandUnavailable) as caught:
        read(**{**settings, "url": "http://xn--\u00e4/?token=hunter2"})
    assert "hunter2" not in str(caught.value)


def test_it_can_be_read_again_and_again(server, read, settings):
    readings = []
    for pending in (1, 2, 3):
        server.answer({"pending": pending})
        readings.append(read(**settings).pending)
    assert [1, 2, 3] == readings


def test_proxies_of_the_environment_are_not_used(server, read, settings, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server.answer({"pending": 1})
    assert Reading(1) == read(**settings)
