"""DescribeInstances: filters, pages that count instances, and what is not visible yet."""

import pytest


@pytest.fixture
def fleet(run, ec2, listed, until):
    """Name -> id of four unlike running instances and one that has ended."""
    launched = {
        "a": run(tags={"team": "x", "wm-worker-type": "linux"}, ClientToken="token-a"),
        "b": run(tags={"team": "y", "wm-worker-type": "linux"}, InstanceMarketOptions={"MarketType": "spot"}),
        "c": run(tags={"team": "x*", "color": "red"}, InstanceType="c5.xlarge"),
        "d": run(ImageId="ami-00000000", Placement={"AvailabilityZone": "us-east-1f"}, SubnetId="subnet-00000001"),
        "ended": run(tags={"team": "x"}),
    }
    ids = {name: instances[0]["InstanceId"] for name, instances in launched.items()}
    ec2.terminate_instances(InstanceIds=[ids["ended"]])
    until(lambda: sorted(listed().values()) == ["running"] * 4 + ["terminated"])
    return ids


FILTERS = {
    "none": ({}, "a b c d ended"),
    "tag": ({"tag:team": ["x"]}, "a ended"),
    "tags any of": ({"tag:team": ["x", "y"]}, "a b ended"),
    "tags twice the same": ({"tag:team": ["y", "y"]}, "b"),
    "tag wildcard": ({"tag:team": ["?"]}, "a b ended"),
    "tag star": ({"tag:wm-worker-type": ["lin*"]}, "a b"),
    "tag escaped star": ({"tag:team": ["x\\*"]}, "c"),
    "tag case matters": ({"tag:team": ["X"]}, ""),
    "tag key": ({"tag-key": ["color", "wm-*"]}, "a b c"),
    "two filters": ({"tag:team": ["x"], "instance-state-name": ["pending", "running"]}, "a"),
    "two tags": ({"tag:team": ["x", "y"], "tag:wm-worker-type": ["linux"]}, "a b"),
    "state": ({"instance-state-name": ["terminated"]}, "ended"),
    "state code": ({"instance-state-code": ["16"]}, "a b c d"),
    "lifecycle": ({"instance-lifecycle": ["spot"]}, "b"),
    "token": ({"client-token": ["token-a"]}, "a"),
    "type": ({"instance-type": ["c5.*"]}, "c"),
    "image": ({"image-id": ["ami-00000000"]}, "d"),
    "zone": ({"availability-zone": ["us-east-1f"]}, "d"),
    "subnet": ({"subnet-id": ["subnet-00000001"]}, "d"),
}


@pytest.mark.parametrize(("filters", "names"), FILTERS.values(), ids=FILTERS)
def test_filters_choose(fleet, listed, filters, names):
    assert set(listed(filters)) == {fleet[name] for name in names.split()}


def test_the_filter_instance_id_chooses_and_forgives_unknown_ids(fleet, listed):
    assert set(listed({"instance-id": [fleet["a"], "i-00000000"]})) == {fleet["a"]}


def test_an_unknown_filter_is_refused(ec2, refused):
    asked = [{"Name": "colour", "Values": ["red"]}]
    assert refused(ec2.describe_instances, Filters=asked) == ("InvalidParameterValue", 400)


def test_another_region_shows_nothing_of_this_one(fleet, listed, client):
    assert listed(on=client("us-west-2")) == {}


def test_pages_count_instances_and_not_reservations(run, ec2):
    launched = {each["InstanceId"] for count in (7, 1, 4) for each in run(count)}
    pages = list(ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5}))
    ids = [[each["InstanceId"] for one in page["Reservations"] for each in one["Instances"]] for page in pages]
    assert [len(page) for page in ids] == [5, 5, 2]
    assert {each for page in ids for each in page} == launched
    assert len({page["Reservations"][0]["ReservationId"] for page in pages}) == 2


def test_a_full_last_page_has_no_next(run, ec2):
    run(5)
    assert "NextToken" not in ec2.describe_instances(MaxResults=5)


def test_an_instance_that_goes_between_pages_hides_no_other(emulator, run, ec2, until):
    emulator.control.set_settings(terminated_seconds=0)
    ids = [each["InstanceId"] for each in run(12)]
    first = ec2.describe_instances(MaxResults=5)
    ec2.terminate_instances(InstanceIds=ids[:5])
    until(lambda: emulator.control.stats()["purged"] == 5)
    rest = ec2.describe_instances(MaxResults=1000, NextToken=first["NextToken"])
    assert [each["InstanceId"] for one in rest["Reservations"] for each in one["Instances"]] == ids[5:]


@pytest.mark.parametrize("size", [1, 4, 1001])
def test_page_sizes_have_bounds(ec2, refused, size):
    assert refused(ec2.describe_instances, MaxResults=size) == ("InvalidParameterValue", 400)


def test_a_made_up_page_token_is_refused(ec2, refused):
    assert refused(ec2.describe_instances, MaxResults=5, NextToken="next!") == ("InvalidParameterValue", 400)


def test_ids_and_pages_exclude_each_other(run, ec2, refused):
    ids = [each["InstanceId"] for each in run()]
    given = {"InstanceIds": ids, "MaxResults": 5}
    assert refused(ec2.describe_instances, **given) == ("InvalidParameterCombination", 400)


def test_listing_by_id(run, ec2, refused):
    ids = [each["InstanceId"] for each in run(2)]
    (reservation,) = ec2.describe_instances(InstanceIds=ids[:1])["Reservations"]
    assert [each["InstanceId"] for each in reservation["Instances"]] == ids[:1]
    unknown = ids[0][:-4] + "0000"
    assert refused(ec2.describe_instances, InstanceIds=[ids[0], unknown]) == ("InvalidInstanceID.NotFound", 400)
    assert refused(ec2.describe_instances, InstanceIds=["i-zz"]) == ("InvalidInstanceID.Malformed", 400)


def test_a_new_instance_is_missing_for_the_visibility_lag(emulator, run, ec2, listed, refused, until):
    emulator.control.set_settings(visibility_lag_seconds=0.5)
    (instance,) = run(tags={"team": "x"})
    asked = {"tag:team": ["x"]}
    assert listed(asked) == {}
    assert refused(ec2.describe_instances, InstanceIds=[instance["InstanceId"]])[0] == "InvalidInstanceID.NotFound"
    assert emulator.control.stats()["alive"] == 1
    until(lambda: listed(asked))
    assert set(listed(asked)) == {instance["InstanceId"]}


def test_tags_can_be_listed_changed_and_removed(run, ec2, listed, refused):
    first, second = (each["InstanceId"] for each in run(2, tags={"team": "x", "old": "1"}))
    ec2.create_tags(Resources=[first], Tags=[{"Key": "team", "Value": "y"}, {"Key": "new", "Value": "2"}])
    ec2.delete_tags(Resources=[first], Tags=[{"Key": "old"}, {"Key": "team", "Value": "x"}])
    assert set(listed({"tag:team": ["y"]})) == {first}
    assert set(listed({"tag:team": ["x"]})) == {second}
    rows = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [first]}])["Tags"]
    assert {row["Key"]: row["Value"] for row in rows} == {"team": "y", "new": "2"}
    assert {row["ResourceType"] for row in rows} == {"instance"}
    keys = ec2.describe_tags(Filters=[{"Name": "key", "Values": ["old"]}])["Tags"]
    assert [row["ResourceId"] for row in keys] == [second]
    many = [{"Key": f"k{number}", "Value": ""} for number in range(49)]
    assert refused(ec2.create_tags, Resources=[second, first], Tags=many) == ("TagLimitExceeded", 400)
    assert listed({"tag-key": ["k1"]}) == {}
