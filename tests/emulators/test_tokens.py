"""ClientToken: the same call under the same token launches once, however often and however concurrently it is made."""

from concurrent.futures import ThreadPoolExecutor

IMAGE = "ami-0dedc5db10ec003af"
LAUNCH = {"ImageId": IMAGE, "InstanceType": "m5.large", "MinCount": 1, "MaxCount": 3, "ClientToken": "token-1"}


def ids(answer):
    return [each["InstanceId"] for each in answer["Instances"]]


def test_a_repeat_gives_the_same_instances_in_their_present_state(emulator, ec2, until):
    emulator.control.set_settings(boot_seconds=0.2)
    first = ec2.run_instances(**LAUNCH)
    assert {each["State"]["Name"] for each in first["Instances"]} == {"pending"}
    until(lambda: emulator.control.stats()["by_state"]["running"] == 3)
    again = ec2.run_instances(**LAUNCH)
    assert again["ReservationId"] == first["ReservationId"]
    assert ids(again) == ids(first)
    assert {each["State"]["Name"] for each in again["Instances"]} == {"running"}
    assert emulator.control.stats()["launched"] == 3


def test_a_partly_ended_reservation_is_still_repeated(emulator, ec2, until):
    first = ids(ec2.run_instances(**LAUNCH))
    ec2.terminate_instances(InstanceIds=first[:1])
    until(lambda: emulator.control.stats()["terminated"] == 1)
    again = ec2.run_instances(**LAUNCH)
    assert ids(again) == first
    assert again["Instances"][0]["State"]["Name"] == "terminated"


def test_a_purged_instance_still_stands_in_a_repeat(emulator, ec2, until):
    emulator.control.set_settings(terminated_seconds=0)
    first = ids(ec2.run_instances(**LAUNCH))
    ec2.terminate_instances(InstanceIds=first[:1])
    until(lambda: emulator.control.stats()["purged"] == 1)
    assert ids(ec2.run_instances(**LAUNCH)) == first


def test_concurrent_duplicates_launch_once(emulator, ec2):
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: ec2.run_instances(**LAUNCH), range(32)))
    assert len({tuple(ids(answer)) for answer in answers}) == 1
    assert emulator.control.stats()["launched"] == 3


def test_other_parameters_under_the_same_token_are_refused(emulator, ec2, refused):
    ec2.run_instances(**LAUNCH)
    for change in ({"MaxCount": 4}, {"InstanceType": "m5.xlarge"}, {"UserData": "x"}):
        assert refused(ec2.run_instances, **(LAUNCH | change)) == ("IdempotentParameterMismatch", 400)
    assert emulator.control.stats()["launched"] == 3


def test_another_zone_under_the_same_token_is_a_repeat(ec2):
    first = ec2.run_instances(**LAUNCH, Placement={"AvailabilityZone": "us-east-1a"})
    again = ec2.run_instances(**LAUNCH, Placement={"AvailabilityZone": "us-east-1b"})
    assert ids(again) == ids(first)
    assert again["Instances"][0]["Placement"]["AvailabilityZone"] == "us-east-1a"


def test_a_token_means_something_else_in_another_region(client, ec2):
    there = client("us-west-2")
    assert not set(ids(ec2.run_instances(**LAUNCH))) & set(ids(there.run_instances(**LAUNCH)))


def test_a_refused_launch_does_not_use_up_its_token(emulator, ec2, refused):
    emulator.control.set_capacity({"*": 0})
    assert refused(ec2.run_instances, **LAUNCH)[0] == "InsufficientInstanceCapacity"
    emulator.control.set_capacity({"*": None})
    assert len(ids(ec2.run_instances(**LAUNCH))) == 3


def test_a_partial_launch_is_repeated_as_it_was(emulator, ec2):
    emulator.control.set_capacity({"*": 2})
    first = ids(ec2.run_instances(**LAUNCH))
    assert len(first) == 2
    emulator.control.set_capacity({"*": None})
    assert ids(ec2.run_instances(**LAUNCH)) == first


def test_when_all_have_terminated_the_token_is_spent(emulator, ec2, refused, until):
    """It stays so while the instances leave the listings: EC2 keeps tokens for at least 24 hours."""
    emulator.control.set_settings(terminated_seconds=0, speed=1000)
    ec2.terminate_instances(InstanceIds=ids(ec2.run_instances(**LAUNCH)))
    until(lambda: emulator.control.stats()["purged"] == 3)
    assert refused(ec2.run_instances, **LAUNCH) == ("IdempotentInstanceTerminated", 400)
    assert emulator.control.stats()["launched"] == 3


def test_a_token_used_after_its_time_launches_again_and_counts_as_doubled(emulator, ec2, until):
    emulator.control.set_settings(token_seconds=0)
    first = ids(ec2.run_instances(**LAUNCH))
    assert emulator.control.stats()["doubled"] == 0
    ec2.terminate_instances(InstanceIds=first)
    until(lambda: emulator.control.stats()["terminated"] == 3)
    assert not set(ids(ec2.run_instances(**LAUNCH))) & set(first)
    stats = emulator.control.stats()
    assert stats["doubled"] == 1
    assert stats["doubled_launches"] == [{"launch": "token us-east-1 token-1", "asked": 3, "launched": 6}]


def test_one_launch_tag_under_two_tokens_counts_as_doubled(emulator, run):
    run(2, tags={"wm-launch": "l1"}, ClientToken="a")
    run(2, tags={"wm-launch": "l2"}, ClientToken="b")
    assert emulator.control.stats()["doubled"] == 0
    run(1, tags={"wm-launch": "l1"}, ClientToken="c")
    assert emulator.control.stats()["doubled_launches"] == [{"launch": "tag l1", "asked": 2, "launched": 3}]
