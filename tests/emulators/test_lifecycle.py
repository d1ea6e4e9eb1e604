"""How instances live, end and are taken away, and who is told."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest


def ids(instances):
    return [each["InstanceId"] for each in instances]


def test_a_life_from_pending_to_purged(emulator, run, ec2, listed, until):
    emulator.control.set_settings(boot_seconds=0.3, shutdown_seconds=0.3, terminated_seconds=0.3)
    (instance,) = run()
    (one,) = ids([instance])
    assert instance["State"] == {"Code": 0, "Name": "pending"}
    until(lambda: listed()[one] == "running")
    (change,) = ec2.terminate_instances(InstanceIds=[one])["TerminatingInstances"]
    assert change["PreviousState"] == {"Code": 16, "Name": "running"}
    assert change["CurrentState"] == {"Code": 32, "Name": "shutting-down"}
    until(lambda: listed()[one] == "terminated")
    (reservation,) = ec2.describe_instances(InstanceIds=[one])["Reservations"]
    (ended,) = reservation["Instances"]
    assert ended["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert ended["StateTransitionReason"].startswith("User initiated (")
    assert "PrivateIpAddress" not in ended
    until(lambda: listed() == {})
    stats = emulator.control.stats()
    assert (stats["launched"], stats["alive"], stats["terminated"], stats["purged"]) == (1, 0, 1, 1)


def test_an_instance_can_be_ended_before_it_runs(emulator, run, ec2, guests, until):
    emulator.control.set_settings(boot_seconds=0.2)
    ec2.terminate_instances(InstanceIds=ids(run()))
    until(lambda: emulator.control.stats()["terminated"] == 1)
    emulator.control.set_settings(boot_seconds=0.3)
    run()
    until(lambda: guests.seen)
    assert len(guests.seen) == 1


def test_speed_shortens_lives(emulator, run, listed, until):
    emulator.control.set_settings(boot_seconds=1000, boot_jitter=0.5, speed=10_000)
    run(20)
    until(lambda: set(listed().values()) == {"running"})


def test_ending_twice_changes_nothing(emulator, run, ec2, until):
    one = ids(run())
    ec2.terminate_instances(InstanceIds=one)
    until(lambda: emulator.control.stats()["terminated"] == 1)
    (change,) = ec2.terminate_instances(InstanceIds=one * 2)["TerminatingInstances"]
    assert change["PreviousState"]["Name"] == change["CurrentState"]["Name"] == "terminated"
    assert emulator.control.stats()["terminated"] == 1


def test_one_unknown_id_ends_none(emulator, run, ec2):
    one = ids(run())
    with pytest.raises(ec2.exceptions.ClientError, match="'i-00000000, i-00000001' do not exist") as caught:
        ec2.terminate_instances(InstanceIds=["i-00000000", *one, "i-00000001"])
    assert caught.value.response["Error"]["Code"] == "InvalidInstanceID.NotFound"
    assert emulator.control.stats()["alive"] == 1


def test_an_instance_of_another_region_is_unknown(run, client, refused):
    there = client("us-west-2")
    assert refused(there.terminate_instances, InstanceIds=ids(run()))[0] == "InvalidInstanceID.NotFound"


def test_wrong_ids_and_too_many_are_refused(ec2, refused):
    assert refused(ec2.terminate_instances, InstanceIds=["i-12"]) == ("InvalidInstanceID.Malformed", 400)
    many = [f"i-{number:08x}" for number in range(1001)]
    assert refused(ec2.terminate_instances, InstanceIds=many) == ("InvalidParameterValue", 400)
    assert refused(ec2.terminate_instances, InstanceIds=[]) == ("MissingParameter", 400)


def test_a_thousand_end_in_one_call(emulator, run, ec2, until):
    ec2.terminate_instances(InstanceIds=ids(run(1000)))
    until(lambda: emulator.control.stats()["terminated"] == 1000)


def test_preemption_ends_at_once_with_a_reason(emulator, run, listed, ec2):
    spot = ids(run(3, InstanceMarketOptions={"MarketType": "spot"}, tags={"wm-worker-type": "linux"}))
    other = ids(run(2))
    gone = emulator.control.preempt(count=2, match={"market": "spot", "tag:wm-worker-type": "lin*"})
    assert len(gone) == 2
    assert set(gone) < set(spot)
    assert {one for one, state in listed().items() if state == "terminated"} == set(gone)
    (reservation,) = ec2.describe_instances(InstanceIds=gone)["Reservations"]
    assert {each["StateReason"]["Code"] for each in reservation["Instances"]} == {"Server.SpotInstanceTermination"}
    assert emulator.control.preempt(ids=[*other, "i-00000000"], reason="Server.ScheduledStop") == other
    assert emulator.control.preempt(ids=other) == []
    stats = emulator.control.stats()
    assert (stats["preempted"], stats["terminated"], stats["alive"]) == (4, 4, 1)


def test_kill_takes_random_instances(emulator, run, ec2):
    run(5)
    gone = emulator.control.kill(2, region="us-east-1")
    assert len(gone) == 2
    (reservation,) = ec2.describe_instances(InstanceIds=gone)["Reservations"]
    assert {each["StateReason"]["Code"] for each in reservation["Instances"]} == {"Server.InternalError"}
    assert emulator.control.kill(9, region="eu-*") == []


def test_the_most_that_ever_lived_is_remembered_by_worker_type(emulator, run, ec2, until):
    first = ids(run(3, tags={"wm-worker-type": "linux"}))
    ec2.terminate_instances(InstanceIds=first)
    run(2, tags={"wm-worker-type": "linux"})
    run(1, tags={"wm-worker-type": "mac"})
    stats = emulator.control.stats()
    assert stats["alive_by_worker_type"] == {"linux": 2, "mac": 1}
    assert stats["max_alive_by_worker_type"] == {"linux": 3, "mac": 1}
    assert stats["max_alive"] == 3


def test_the_guest_hook_is_called_once_for_each_that_runs(emulator, run, guests, until):
    (instance,) = run(tags={"wm-launch": "l1"}, UserData=json.dumps({"größe": 1}))
    until(lambda: guests.seen)
    (guest,) = guests.seen
    assert (guest.cloud, guest.region, guest.instance_id) == ("aws", "us-east-1", instance["InstanceId"])
    assert json.loads(guest.user_data) == {"größe": 1}
    assert guest.tags == {"wm-launch": "l1"}


def test_a_failing_guest_hook_is_counted_and_harms_nothing(emulator, run, guests, listed, until):
    before = emulator.control.stats()["guest_hooks"]["failed"]
    guests.failing = True
    run(2)
    until(lambda: emulator.control.stats()["guest_hooks"]["failed"] == before + 2)
    assert emulator.control.stats()["guest_hooks"]["last_error"] == "RuntimeError: no such worker"
    assert set(listed().values()) == {"running"}


def test_the_guest_hook_can_be_a_url(emulator, run, guests, until):
    posted = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            """Keep the test's output clean."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        emulator.control.set_settings(guest_hook_url=f"http://127.0.0.1:{server.server_port}/guest")
        (instance,) = run(tags={"a": "b"}, UserData="hello")
        until(lambda: posted)
        server.shutdown()
        thread.join()
    assert posted == [
        {
            "cloud": "aws",
            "region": "us-east-1",
            "instance_id": instance["InstanceId"],
            "user_data": "hello",
            "tags": {"a": "b"},
        }
    ]
