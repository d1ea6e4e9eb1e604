"""Faults to order: what fails, how, how often, and whether the call took effect all the same."""

import time
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

LAUNCH = {"ImageId": "ami-0dedc5db10ec003af", "InstanceType": "m5.large", "MinCount": 1, "MaxCount": 2}

STATUSES = {
    "InsufficientInstanceCapacity": 500,
    "InternalError": 500,
    "RequestLimitExceeded": 503,
    "Unavailable": 503,
    "AuthFailure": 401,
    "UnauthorizedOperation": 403,
    "VcpuLimitExceeded": 400,
}


@pytest.mark.parametrize(("code", "status"), STATUSES.items())
def test_an_error_code_comes_with_its_http_status(emulator, ec2, refused, code, status):
    emulator.control.add_fault("RunInstances", code=code)
    assert refused(ec2.run_instances, **LAUNCH) == (code, status)
    stats = emulator.control.stats()
    assert stats["launched"] == 0
    assert stats["errors"] == {code: 1}


@pytest.mark.parametrize(("status", "code"), [(503, "Unavailable"), (500, "InternalError"), (401, "AuthFailure")])
def test_a_status_alone_gets_a_fitting_code(emulator, ec2, refused, status, code):
    emulator.control.add_fault("*", status=status)
    assert refused(ec2.describe_instances) == (code, status)


def test_message_status_and_headers_are_as_ordered(emulator, ec2):
    headers = {"Retry-After": "7"}
    emulator.control.add_fault("Describe*", code="Throttling", status=429, message="slow down", headers=headers)
    with pytest.raises(ClientError, match="slow down") as caught:
        ec2.describe_instances()
    metadata = caught.value.response["ResponseMetadata"]
    assert metadata["HTTPStatusCode"] == 429
    assert metadata["HTTPHeaders"]["retry-after"] == "7"
    assert emulator.control.stats()["throttled"] == 1


def test_a_fault_hits_as_often_as_asked_and_then_no_more(emulator, ec2, refused):
    emulator.control.add_fault("RunInstances", code="InternalError", times=2)
    for _ in range(2):
        assert refused(ec2.run_instances, **LAUNCH)[0] == "InternalError"
    assert len(ec2.run_instances(**LAUNCH)["Instances"]) == 2
    assert emulator.control.faults()[0]["hits"] == 2


def test_a_fault_hits_only_what_it_matches(emulator, ec2, client, run, refused):
    emulator.control.add_fault("RunInstances", code="InternalError", match={"region": "us-west-*"})
    emulator.control.add_fault("RunInstances", code="Blocked", match={"tag:wm-worker-type": "linux"})
    emulator.control.add_fault("RunInstances", code="OptInRequired", match={"InstanceType": "c5.*"})
    assert len(run(tags={"wm-worker-type": "mac"})) == 1
    assert refused(client("us-west-2").run_instances, **LAUNCH)[0] == "InternalError"
    assert refused(run, tags={"wm-worker-type": "linux"})[0] == "Blocked"
    assert refused(run, InstanceType="c5.xlarge")[0] == "OptInRequired"


def test_a_probability_hits_a_share(emulator, ec2):
    emulator.control.add_fault("DescribeInstances", code="Unavailable", probability=0.5)
    codes = [_outcome(ec2.describe_instances) for _ in range(60)]
    assert set(codes) == {"", "Unavailable"}
    assert 10 < codes.count("Unavailable") < 50


def test_a_cut_connection_without_effect(emulator, ec2):
    emulator.control.add_fault("RunInstances", drop=True)
    with pytest.raises(ConnectionClosedError):
        ec2.run_instances(**LAUNCH)
    stats = emulator.control.stats()
    assert (stats["launched"], stats["dropped"]) == (0, 1)


@pytest.mark.parametrize("fault", [{"after": True, "drop": True}, {"after": True}], ids=["drop", "lost"])
def test_a_lost_answer_leaves_the_launch_and_its_token_finds_it(emulator, ec2, fault):
    emulator.control.add_fault("RunInstances", times=1, **fault)
    with pytest.raises(ConnectionClosedError):
        ec2.run_instances(**LAUNCH, ClientToken="t")
    assert emulator.control.stats()["launched"] == 2
    again = {each["InstanceId"] for each in ec2.run_instances(**LAUNCH, ClientToken="t")["Instances"]}
    assert again == {each["id"] for each in emulator.control.instances()}


def test_an_error_after_the_effect(emulator, ec2, refused):
    emulator.control.add_fault("RunInstances", code="InternalError", after=True)
    assert refused(ec2.run_instances, **LAUNCH) == ("InternalError", 500)
    assert emulator.control.stats()["launched"] == 2


def test_a_delay_before_makes_a_late_effect(emulator, client, until):
    """The caller has long given up when the launch takes effect: what a manager's settle window is for."""
    impatient = client(read_timeout=0.2)
    emulator.control.add_fault("RunInstances", delay_seconds=0.6, times=1)
    with pytest.raises(ReadTimeoutError):
        impatient.run_instances(**LAUNCH)
    assert emulator.control.stats()["launched"] == 0
    until(lambda: emulator.control.stats()["launched"] == 2)


def test_a_delay_after_answers_late_but_has_happened(emulator, client):
    impatient = client(read_timeout=0.2)
    emulator.control.add_fault("RunInstances", delay_seconds=0.6, after=True, times=1)
    with pytest.raises(ReadTimeoutError):
        impatient.run_instances(**LAUNCH)
    assert emulator.control.stats()["launched"] == 2


def test_a_delay_alone_still_answers(emulator, ec2):
    emulator.control.add_fault("DescribeInstances", delay_seconds=0.2)
    since = time.monotonic()
    assert ec2.describe_instances()["Reservations"] == []
    assert time.monotonic() - since >= 0.2


def test_a_lost_answer_to_a_termination_has_ended_the_instance(emulator, run, ec2, until):
    (instance,) = run()
    emulator.control.add_fault("TerminateInstances", after=True, times=1)
    with pytest.raises(ConnectionClosedError):
        ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    until(lambda: emulator.control.stats()["terminated"] == 1)


def test_faults_hit_moto_actions_too(emulator, ec2, refused):
    emulator.control.add_fault("DescribeRegions", code="UnauthorizedOperation")
    assert refused(ec2.describe_regions) == ("UnauthorizedOperation", 403)


def test_faults_are_removed_singly_or_all(emulator, ec2, refused):
    first = emulator.control.add_fault("DescribeInstances", code="InternalError")
    emulator.control.add_fault("DescribeInstances", code="Unavailable")
    assert emulator.control.clear_faults(first) == 1
    assert refused(ec2.describe_instances)[0] == "Unavailable"
    assert emulator.control.clear_faults() == 1
    assert ec2.describe_instances()["Reservations"] == []


def test_wrong_credentials_are_refused_with_401(emulator, client, refused):
    assert refused(client("mars-north-1").describe_instances) == ("AuthFailure", 401)


def test_rate_limits_are_off_unless_switched_on(emulator, ec2):
    for _ in range(20):
        ec2.run_instances(**LAUNCH)
    assert emulator.control.stats()["throttled"] == 0


def test_ec2s_own_limits_let_a_burst_of_five_launches_through(emulator, client, ec2, refused):
    emulator.control.set_settings(rate_limits=True)
    since = datetime.now(UTC)
    codes = [_outcome(ec2.run_instances, **LAUNCH) for _ in range(9)]
    refilled = 2 * (datetime.now(UTC) - since).total_seconds()
    assert codes[:5] == [""] * 5
    assert "RequestLimitExceeded" in codes or refilled >= 4
    assert codes.count("") <= 5 + refilled
    assert _outcome(client("us-west-2").run_instances, **LAUNCH) == ""
    assert emulator.control.stats()["throttled"] == codes.count("RequestLimitExceeded")


def test_throttling_answers_503_and_launches_nothing(emulator, ec2, refused):
    emulator.control.set_settings(rate_limits={"RunInstances": {"burst": 1, "per_second": 0.001}})
    ec2.run_instances(**LAUNCH)
    assert refused(ec2.run_instances, **LAUNCH) == ("RequestLimitExceeded", 503)
    assert emulator.control.stats()["launched"] == 2


def test_the_instance_bucket_counts_instances_but_not_repeats(emulator, ec2, refused):
    emulator.control.set_settings(rate_limits={"RunInstances.instances": {"burst": 5, "per_second": 0.001}})
    for _ in range(3):
        ec2.run_instances(**LAUNCH, ClientToken="t")
    ec2.run_instances(**LAUNCH)
    assert refused(ec2.run_instances, **LAUNCH)[0] == "RequestLimitExceeded"
    assert emulator.control.stats()["launched"] == 4


def test_listing_without_pages_or_filters_has_the_smaller_bucket(emulator, ec2, refused):
    limits = {"Describe": {"burst": 3, "per_second": 0.001}, "Describe.unpaginated": {"burst": 1, "per_second": 0.001}}
    emulator.control.set_settings(rate_limits=limits)
    ec2.describe_instances()
    assert refused(ec2.describe_instances)[0] == "RequestLimitExceeded"
    for _ in range(3):
        ec2.describe_instances(MaxResults=1000)
    assert refused(ec2.describe_instances, MaxResults=1000)[0] == "RequestLimitExceeded"


def _outcome(function, **given):
    try:
        function(**given)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""
