"""`wm links`: five views of the Web UI, which name workflow types and search attributes that exist."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from cli.linking import VIEWS, links, ui_of
from worker_manager.decision import WmState


def test_a_link_opens_a_query_and_saves_it_as_a_view():
    found = links("http://127.0.0.1:8233/", "fleets/main")
    assert 5 == len(found)
    for name, url in found.items():
        parts = urlsplit(url)
        assert "/namespaces/fleets%2Fmain/workflows" == parts.path
        assert {"query": [VIEWS[name]], "savedQuery": [name]} == parse_qs(parts.query, strict_parsing=True)


def test_the_views_name_states_that_there_are():
    named = {
        state
        for query in VIEWS.values()
        for found in re.findall(r"WmState IN \((.*?)\)", query)
        for state in re.findall(r"'(\w+)'", found)
    }
    assert {"ConfigRejected", "Held", "Paused", "Draining"} == named
    assert named <= {str(each) for each in WmState}


@pytest.mark.parametrize(
    ("host", "ui"),
    [
        ("localhost:7233", "http://localhost:8233"),
        ("temporal.example.org:7000", "http://temporal.example.org:8000"),
        ("fleets.abcde.tmprl.cloud:7233", "https://cloud.temporal.io"),
        ("us-east-1.aws.api.temporal.io:7233", "https://cloud.temporal.io"),
    ],
)
def test_the_ui_is_guessed_from_the_server(host, ui):
    assert ui == ui_of({"target_host": host})


def test_the_command_takes_the_ui_and_the_namespace(wm):
    result = wm("links", "--ui", "https://ui.example.org", "-n", "fleets", "-o", "json")
    assert 0 == result.exit_code
    urls = [each["url"] for each in json.loads(result.stdout)]
    assert all(each.startswith("https://ui.example.org/namespaces/fleets/workflows?query=") for each in urls)
    assert "http://127.0.0.1:8001/namespaces/" in wm("links", "--address", "127.0.0.1:7001").stdout
