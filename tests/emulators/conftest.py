"""One emulator for all tests, put back to its start before each, and real boto3 clients without retries."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from emulators.ec2 import Ec2Emulator
from emulators.guests import Guest

FAST = {"boot_seconds": 0.0, "boot_jitter": 0.0, "shutdown_seconds": 0.0}
IMAGE = "ami-0dedc5db10ec003af"


class Guests:
    """What the guest hook was called with; `failing` makes it raise."""

    def __init__(self) -> None:
        self.seen: list[Guest] = []
        self.failing = False

    def __call__(self, guest: Guest) -> None:
        self.seen.append(guest)
        if self.failing:
            raise RuntimeError("no such worker")


@pytest.fixture(scope="session")
def all_guests() -> Guests:
    return Guests()


@pytest.fixture(scope="session")
def shared_emulator(all_guests: Guests) -> Iterator[Ec2Emulator]:
    with Ec2Emulator(seed=7, settings=FAST, guest_hook=all_guests) as emulator:
        yield emulator


@pytest.fixture
def guests(all_guests: Guests) -> Guests:
    all_guests.seen.clear()
    all_guests.failing = False
    return all_guests


@pytest.fixture
def emulator(shared_emulator: Ec2Emulator) -> Ec2Emulator:
    shared_emulator.control.reset()
    return shared_emulator


def new_client(endpoint: str, region: str = "us-east-1", service: str = "ec2", read_timeout: float = 30) -> Any:
    config = Config(retries={"total_max_attempts": 1, "mode": "standard"}, read_timeout=read_timeout)
    keys = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret"}
    return boto3.client(service, region_name=region, endpoint_url=endpoint, config=config, **keys)


@pytest.fixture
def make_client() -> Callable[..., Any]:
    return new_client


@pytest.fixture(scope="session")
def shared_clients() -> dict[tuple[Any, ...], Any]:
    return {}


@pytest.fixture
def client(emulator: Ec2Emulator, shared_clients: dict[tuple[Any, ...], Any]) -> Callable[..., Any]:
    """A client by region; made once, since making one takes longer than most tests."""

    def get(region: str = "us-east-1", **options: Any) -> Any:
        key = (emulator.endpoint, region, *options.items())
        if key not in shared_clients:
            shared_clients[key] = new_client(emulator.endpoint, region, **options)
        return shared_clients[key]

    return get


@pytest.fixture
def ec2(client: Callable[..., Any]) -> Any:
    return client()


@pytest.fixture
def run(ec2: Any) -> Callable[..., list[dict[str, Any]]]:
    """Launch with defaults, `tags` as an object, and give the instances."""

    def launch(
        count: int = 1, tags: dict[str, str] | None = None, on: Any = None, **given: Any
    ) -> list[dict[str, Any]]:
        if tags:
            pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
            given["TagSpecifications"] = [{"ResourceType": "instance", "Tags": pairs}]
        defaults = {"ImageId": IMAGE, "InstanceType": "m5.large", "MinCount": 1, "MaxCount": count}
        return list((on or ec2).run_instances(**(defaults | given))["Instances"])

    return launch


@pytest.fixture
def listed(ec2: Any) -> Callable[..., dict[str, str]]:
    """Every listed instance, id -> state; filters as `listed({"tag:a": ["b"]})`."""

    def describe(filters: dict[str, list[str]] | None = None, on: Any = None) -> dict[str, str]:
        asked = [{"Name": name, "Values": values} for name, values in (filters or {}).items()]
        answer = (on or ec2).describe_instances(Filters=asked)
        instances = [each for reservation in answer["Reservations"] for each in reservation["Instances"]]
        return {each["InstanceId"]: each["State"]["Name"] for each in instances}

    return describe


@pytest.fixture
def until() -> Callable[..., Any]:
    """Ask again and again, at the pace of the answers, until the answer is true; give it."""

    def wait(ask: Callable[[], Any], seconds: float = 10.0) -> Any:
        deadline = time.monotonic() + seconds
        while not (answer := ask()):
            assert time.monotonic() < deadline, f"still not true after {seconds} s"
        return answer

    return wait


@pytest.fixture
def refused() -> Callable[..., tuple[str, int]]:
    """Make a call that must be refused; give (code, HTTP status)."""

    def call(function: Callable[..., Any], **given: Any) -> tuple[str, int]:
        with pytest.raises(ClientError) as caught:
            function(**given)
        answer = caught.value.response
        return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]

    return call
