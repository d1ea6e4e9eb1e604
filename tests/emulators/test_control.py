"""The control API: what it refuses, and what it tells."""

import hashlib
import urllib.error
import urllib.request

import pytest

from emulators.control import Control

WRONG = [
    ("add_fault", {"op": ""}, "op must be"),
    ("add_fault", {"op": "RunInstances"}, "needs at least one of"),
    ("add_fault", {"op": "RunInstances", "drop": True, "tims": 1}, "unknown member 'tims' of a fault"),
    ("add_fault", {"op": "*", "drop": "yes"}, "drop must be true or false"),
    ("add_fault", {"op": "*", "drop": True, "times": 0}, "times must be a whole number of at least 1"),
    ("add_fault", {"op": "*", "drop": True, "probability": 2}, "probability must be a number from 0 to 1"),
    ("add_fault", {"op": "*", "status": 200}, "status must be from 400 to 599"),
    ("add_fault", {"op": "*", "drop": True, "match": {"region": 1}}, "match must be an object"),
    ("add_fault", {"op": "*", "code": 5}, "code must be a string"),
    ("add_fault", {"op": "*", "code": "X", "headers": []}, "headers must be an object"),
    ("set_capacity", {"pools": {"us-east-1a/m5.large": 5}}, "must be zone/type/market"),
    ("set_capacity", {"pools": {"*": -1}}, "whole number of at least 0"),
    ("set_prices", {"pools": {"us-east-1a/m5.large": 0.1}}, "must be zone/type/market"),
    ("set_prices", {"pools": {"*": "free"}}, "price of '*' must be a number from 0"),
    ("set_settings", {"bot_seconds": 1}, "unknown member 'bot_seconds' of settings; known: speed, boot_seconds"),
    ("set_settings", {"boot_seconds": -1}, "boot_seconds must be a number from 0"),
    ("set_settings", {"boot_seconds": True}, "boot_seconds must be a number"),
    ("set_settings", {"speed": 0}, "speed must be a number"),
    ("set_settings", {"boot_jitter": 1.5}, "boot_jitter must be a number from 0 to 1"),
    ("set_settings", {"rate_limits": "on"}, "rate_limits must be true, false or an object"),
    ("set_settings", {"rate_limits": {"Runinstances": {"burst": 1, "per_second": 1}}}, "unknown rate limit"),
    ("set_settings", {"rate_limits": {"RunInstances": {"burst": 1}}}, "rate_limits.RunInstances must be"),
    ("set_settings", {"denied_images": "ami-1"}, "denied_images must be a list"),
    ("set_settings", {"subnet_zones": {"subnet-1": 1}}, "subnet_zones.subnet-1 must be a string"),
    ("set_settings", {"zones": {"us-east-1": []}}, "zones must be an object"),
    (
        "set_settings",
        {"guest_hook_url": "https://example.org/hook"},
        "guest_hook_url must be an http URL of this machine",
    ),
    ("preempt", {}, "preempt needs ids, count or match"),
    ("preempt", {"count": -1}, "count must be a whole number"),
    ("preempt", {"match": {"state": 1}}, "match must be an object"),
]


@pytest.mark.parametrize(("verb", "given", "words"), WRONG)
def test_wrong_control_requests_are_refused_with_400_and_change_nothing(emulator, verb, given, words):
    before = emulator.control.settings()
    with pytest.raises(ValueError, match="emulator refused") as caught:
        getattr(emulator.control, verb)(**given)
    assert words in str(caught.value)
    assert isinstance(caught.value.__cause__, urllib.error.HTTPError)
    assert caught.value.__cause__.code == 400
    assert emulator.control.settings() == before
    assert emulator.control.faults() == []


@pytest.mark.parametrize("body", [b"{", b"[1]"])
def test_a_body_that_is_no_json_object_is_refused(emulator, body):
    request = urllib.request.Request(f"{emulator.endpoint}/_emu/settings", body, method="POST")
    with pytest.raises(urllib.error.HTTPError) as caught, urllib.request.urlopen(request):
        pass
    assert caught.value.code == 400
    assert "error" in caught.value.read().decode()


def test_an_unknown_control_request_names_the_known_ones(emulator):
    with pytest.raises(urllib.error.HTTPError) as caught, urllib.request.urlopen(f"{emulator.endpoint}/_emu/fault"):
        pass
    assert caught.value.code == 404
    assert "POST /_emu/faults" in caught.value.read().decode()


def test_nothing_there_is_a_connection_error():
    with pytest.raises(ConnectionError, match="does not answer"):
        Control("http://127.0.0.1:9").stats()


def test_settings_read_back_as_they_are_set(emulator):
    given = {"boot_seconds": 3.0, "zones": {"us-east-1": ["us-east-1d"]}, "subnet_zones": {"subnet-1": "us-east-1d"}}
    shown = emulator.control.set_settings(**given)
    assert {name: shown[name] for name in given} == given
    assert emulator.control.set_settings(**shown) == shown


def test_instances_are_told_with_a_digest_of_their_user_data(emulator, run):
    (instance,) = run(tags={"wm-launch": "l1"}, UserData="secret", InstanceMarketOptions={"MarketType": "spot"})
    run()
    (told,) = emulator.control.instances(**{"tag:wm-launch": "l*", "region": "us-east-1"})
    assert told["id"] == instance["InstanceId"]
    assert told["zone"] == instance["Placement"]["AvailabilityZone"]
    assert (told["type"], told["market"], told["tags"]) == ("m5.large", "spot", {"wm-launch": "l1"})
    assert told["user_data_sha256"] == hashlib.sha256(b"secret").hexdigest()
    assert "secret" not in str(told)


def test_calls_are_counted_by_action_and_region(emulator, ec2, client, run):
    run()
    ec2.describe_instances()
    client("us-west-2").describe_instances()
    stats = emulator.control.stats()
    assert stats["calls"] == {"RunInstances": 1, "DescribeInstances": 2}
    assert stats["calls_by_region"]["us-west-2"] == {"DescribeInstances": 1}
    assert stats["errors"] == {}


def test_reset_puts_everything_back_to_the_start(emulator, ec2, run, listed):
    first = emulator.control.settings()
    run(2, ClientToken="t")
    emulator.control.set_settings(boot_seconds=9)
    emulator.control.set_capacity({"*": 1})
    emulator.control.set_prices({"*": 1})
    emulator.control.add_fault("*", drop=True)
    emulator.control.reset()
    assert emulator.app.prices.rules() == {}
    assert listed() == {}
    assert emulator.control.settings() == first
    assert emulator.control.stats()["launched"] == 0
    assert len(run(2, ClientToken="t")) == 2
