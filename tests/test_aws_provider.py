"""The aws provider against servers: its calls, its bounds, and what it makes of every kind of answer."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs

import pytest

from worker_manager import errors
from worker_manager.model import InstanceState, LaunchRequest, LaunchSpec, Market, Offering, Outcome
from worker_manager.provider import Price, ProviderRecord
from worker_manager.providers.aws.clients import Clients
from worker_manager.providers.aws.listing import instance_from_ec2, instances_of_page
from worker_manager.providers.aws.provider import AwsProvider

WEST, EAST = "us-west-1", "us-east-1"


@dataclass(frozen=True)
class Call:
    """One request as the server got it."""

    action: str
    region: str
    parameters: dict[str, str]

    def values(self, prefix: str) -> list[str]:
        return [value for name, value in self.parameters.items() if name.startswith(prefix)]


@dataclass(frozen=True)
class Answer:
    body: str = "<Answer/>"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    hold: bool = False


Script = Callable[[Call], Answer]


def refusal(code: str, status: int = 400, message: str = "because", **headers: str) -> Answer:
    body = f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>"
    return Answer(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


def launched(*ids: str) -> Answer:
    items = "".join(f"<item><instanceId>{one}</instanceId></item>" for one in ids)
    return Answer(f"<RunInstancesResponse><instancesSet>{items}</instancesSet></RunInstancesResponse>")


def ending(*ids: str) -> Answer:
    items = "".join(f"<item><instanceId>{one}</instanceId></item>" for one in ids)
    return Answer(f"<TerminateInstancesResponse><instancesSet>{items}</instancesSet></TerminateInstancesResponse>")


def listed(*ids: str, more: str = "", deployment: str = "d1") -> Answer:
    tag = f"<tagSet><item><key>wm-deployment</key><value>{deployment}</value></item></tagSet>"
    launch_time = "<launchTime>2026-11-23T09:00:00.000Z</launchTime>"
    items = "".join(
        f"<item><instancesSet><item><instanceId>{one}</instanceId>{launch_time}{tag}</item></instancesSet></item>"
        for one in ids
    )
    token = f"<nextToken>{more}</nextToken>" if more else ""
    return Answer(
        f"<DescribeInstancesResponse><reservationSet>{items}</reservationSet>{token}</DescribeInstancesResponse>"
    )


def priced(*rows: tuple[str, str, str], more: str = "") -> Answer:
    """An answer of spot prices, of rows of zone, instance type and price."""
    items = "".join(
        f"<item><availabilityZone>{zone}</availabilityZone><instanceType>{name}</instanceType>"
        f"<productDescription>Linux/UNIX</productDescription><spotPrice>{price}</spotPrice></item>"
        for zone, name, price in rows
    )
    return Answer(
        f"<DescribeSpotPriceHistoryResponse><nextToken>{more}</nextToken>"
        f"<spotPriceHistorySet>{items}</spotPriceHistorySet></DescribeSpotPriceHistoryResponse>"
    )


class ScriptedEc2:
    """A web server which answers as a script says and remembers what it was asked."""

    def __init__(self) -> None:
        self.start_anew()
        self._providers: dict[tuple[str, ...], AwsProvider] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                parameters = {name: values[0] for name, values in parse_qs(body).items()}
                region = self.headers["Authorization"].split("/")[2]
                call = Call(parameters["Action"], region, parameters)
                outer.calls.append(call)
                self._give(outer.script(call))

            def _give(self, answer: Answer) -> None:
                if answer.hold:
                    outer.release.wait(30)
                if answer.hold or answer.cut:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body.encode())))
                self.end_headers()
                self.wfile.write(answer.body.encode())

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
                """Stay silent."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def start_anew(self) -> None:
        self.script: Script = lambda call: refusal("InternalError", 500)
        self.calls: list[Call] = []
        self.release = threading.Event()

    def provider(self, *regions: str) -> AwsProvider:
        """A provider of these regions; one for all tests, since the SDK takes long to build its clients."""
        if regions not in self._providers:
            self._providers[regions] = AwsProvider(record(self.endpoint, *regions))
        return self._providers[regions]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedEc2]:
    with ScriptedEc2() as server:
        yield server


@pytest.fixture
def ec2(server: ScriptedEc2) -> Iterator[ScriptedEc2]:
    server.start_anew()
    yield server
    server.release.set()


def record(endpoint: str, *regions: str, **changes: Any) -> ProviderRecord:
    plain = ProviderRecord("aws-provider", "aws", "d1", endpoint, regions or (WEST,))
    return replace(plain, **changes)


def request(count: int = 3, region: str = WEST, key: str = "key-1", **settings: Any) -> LaunchRequest:
    offering = Offering(region, "", "m5.large", capacity=2)
    settings = {"ImageId": "ami-0123456789abcdef0", **settings}
    return LaunchRequest(key, "ci/linux", LaunchSpec(offering, settings, {"data": {"pool": "SECRET"}}, "v1-1"), count)


# --- launch


def test_a_launch_is_one_call_with_our_key_and_gives_the_ids(ec2: ScriptedEc2) -> None:
    ec2.script = lambda call: launched("i-1", "i-2")
    result = ec2.provider().launch(request(3), timeout_seconds=10)

    assert (result.outcome, result.instance_ids, result.launch_key) == (Outcome.LAUNCHED, ("i-1", "i-2"), "key-1")
    (call,) = ec2.calls
    assert (call.action, call.region) == ("RunInstances", WEST)
    assert call.parameters["ClientToken"] == "key-1"
    assert call.parameters["MaxCount"] == "3"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (refusal("InsufficientInstanceCapacity", 500), Outcome.NO_CAPACITY),
        (refusal("VcpuLimitExceeded"), Outcome.QUOTA),
        (refusal("RequestLimitExceeded", 503), Outcome.THROTTLED),
        (refusal("UnauthorizedOperation", 403), Outcome.CREDENTIALS),
        (refusal("InvalidAMIID.NotFound"), Outcome.REJECTED),
        (refusal("IdempotentParameterMismatch"), Outcome.REJECTED),
        (refusal("InternalError", 500), Outcome.UNKNOWN),
        (refusal("Unavailable", 503), Outcome.UNKNOWN),
        (refusal("NeverSeenBefore", 400), Outcome.UNKNOWN),
        (Answer("<html>bad gateway", 502), Outcome.UNKNOWN),
        (Answer("<html><p>welcome, please log in</html>"), Outcome.UNKNOWN),
        (Answer("<html/>"), Outcome.UNKNOWN),
        (Answer(""), Outcome.UNKNOWN),
        (launched(), Outcome.UNKNOWN),
        (Answer(cut=True), Outcome.UNKNOWN),
    ],
)
def test_each_answer_has_its_outcome_and_none_is_repeated(ec2: ScriptedEc2, answer: Answer, outcome: Outcome) -> None:
    ec2.script = lambda call: answer
    result = ec2.provider().launch(request(), timeout_seconds=10)

    assert result.outcome is outcome
    assert result.instance_ids == ()
    assert result.code
    assert result.message.startswith("launch of 3 x 'm5.large' in 'us-west-1' failed: ")
    assert len(ec2.calls) == 1


def test_a_slow_answer_is_given_up_within_the_time_out_and_unknown(ec2: ScriptedEc2) -> None:
    ec2.script = lambda call: Answer(hold=True)
    provider = ec2.provider()
    started = time.monotonic()
    result = provider.launch(request(), timeout_seconds=3.5)

    assert (result.outcome, result.code) == (Outcome.UNKNOWN, "ReadTimeoutError")
    assert 1.4 < time.monotonic() - started < 3.5


def test_with_too_little_time_left_nothing_is_sent(ec2: ScriptedEc2) -> None:
    result = ec2.provider().launch(request(), timeout_seconds=2.5)

    assert (result.outcome, result.code) == (Outcome.THROTTLED, "CallTimeTooShort")
    assert ec2.calls == []


def test_no_connection_is_a_definite_failure() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        result = AwsProvider(record(endpoint)).launch(request(), timeout_seconds=10)

    assert (result.outcome, result.code) == (Outcome.THROTTLED, "EndpointConnectionError")
    assert "nothing was sent" in result.message


def test_without_credentials_nothing_is_sent_and_the_outcome_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """An https endpoint gets the SDK's own chain, emulated credentials never leave this machine."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    result = AwsProvider(record("https://127.0.0.1:1")).launch(request(), timeout_seconds=10)

    assert (result.outcome, result.code) == (Outcome.CREDENTIALS, "NoCredentialsError")


def test_settings_the_sdk_refuses_are_rejected_without_showing_user_data(ec2: ScriptedEc2) -> None:
    result = ec2.provider().launch(request(KeyName=17), timeout_seconds=10)

    assert (result.outcome, result.code) == (Outcome.REJECTED, "ParamValidationError")
    assert "KeyName" in result.message
    assert "17" not in result.message
    assert ec2.calls == []


def test_user_data_quoted_by_the_cloud_is_hidden(ec2: ScriptedEc2) -> None:
    ec2.script = lambda call: refusal("InvalidUserData", message=f"odd: {call.parameters['UserData']}")
    result = ec2.provider().launch(request(), timeout_seconds=10)

    assert "odd: ***; " in result.message
    assert ec2.calls[0].parameters["UserData"] not in result.message


def test_a_region_nobody_watches_is_refused(ec2: ScriptedEc2) -> None:
    result = ec2.provider().launch(request(region=EAST), timeout_seconds=10)

    assert (result.outcome, result.code) == (Outcome.REJECTED, "RegionNotWatched")
    assert ec2.calls == []


def test_the_launch_budget_is_kept_for_each_region_and_within_the_time_out(ec2: ScriptedEc2) -> None:
    ec2.script = lambda call: launched("i-1")
    provider = AwsProvider(record(ec2.endpoint, WEST, EAST, launch_calls_per_second=0.1))

    outcomes = [provider.launch(request(region=region), timeout_seconds=5) for region in (WEST, EAST, WEST)]

    assert [(one.outcome, one.code) for one in outcomes] == [
        (Outcome.LAUNCHED, ""),
        (Outcome.LAUNCHED, ""),
        (Outcome.NOT_SENT, "LaunchCallsPaced"),
    ]
    assert [call.region for call in ec2.calls] == [WEST, EAST]


def test_many_launches_at_once_share_one_provider(ec2: ScriptedEc2) -> None:
    ec2.script = lambda call: launched(f"i-{call.parameters['ClientToken']}")
    provider = ec2.provider(WEST, EAST)

    with ThreadPoolExecutor(16) as threads:
        results = list(
            threads.map(
                lambda number: provider.launch(
                    request(key=str(number), region=(WEST, EAST)[number % 2]), timeout_seconds=20
                ),
                range(64),
            )
        )

    assert [result for result in results if result.outcome is not Outcome.LAUNCHED] == []
    assert [result.instance_ids for result in results] == [(f"i-{number}",) for number in range(64)]


# --- list


def test_all_pages_of_all_regions_are_listed_with_the_filter_and_the_page_size(ec2: ScriptedEc2) -> None:
    def script(call: Call) -> Answer:
        if call.region == EAST:
            return listed("i-e1")
        return (
            listed("i-w2", "i-w3") if call.parameters.get("NextToken") == "two" else listed("i-w1", "i-w2", more="two")
        )

    ec2.script = script
    instances = ec2.provider(WEST, EAST, WEST).list_instances()

    assert [(one.region, one.instance_id) for one in instances] == [
        (WEST, "i-w1"),
        (WEST, "i-w2"),
        (WEST, "i-w3"),
        (EAST, "i-e1"),
    ]
    assert {call.parameters["Filter.1.Name"] for call in ec2.calls} == {"tag:wm-deployment"}
    assert {call.parameters["Filter.1.Value.1"] for call in ec2.calls} == {"d1"}
    assert {call.parameters["MaxResults"] for call in ec2.calls} == {"1000"}


def test_instances_of_another_deployment_are_never_seen(ec2: ScriptedEc2) -> None:
    """EC2 takes `*` in a filter for a wildcard, so the server's filter alone is not enough."""
    ec2.script = lambda call: listed("i-1", deployment="d2")

    assert AwsProvider(record(ec2.endpoint, deployment="d*")).list_instances() == ()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal("UnauthorizedOperation", 403), errors.CredentialsRejected),
        (refusal("InvalidParameterValue"), errors.SpecRejected),
        (Answer("<html/>"), errors.ProviderUnavailable),
        (Answer(""), errors.ProviderUnavailable),
        (Answer("<html><p>"), errors.ProviderUnavailable),
    ],
)
def test_a_region_that_fails_fails_the_listing_and_is_named(
    ec2: ScriptedEc2, answer: Answer, error: type[errors.ProviderError]
) -> None:
    ec2.script = lambda call: listed("i-1") if call.region == EAST else answer

    with pytest.raises(errors.ProviderError, match="listing of instances in 'us-west-1' failed") as raised:
        ec2.provider(EAST, WEST).list_instances()
    assert type(raised.value) is error
    assert "us-east-1" not in str(raised.value)


def test_a_page_that_fails_after_the_first_fails_the_listing(ec2: ScriptedEc2) -> None:
    ec2.script = lambda call: (
        refusal("InvalidNextToken") if "NextToken" in call.parameters else listed("i-1", more="two")
    )

    with pytest.raises(errors.SpecRejected, match="InvalidNextToken"):
        ec2.provider().list_instances()


def test_a_listing_survives_a_passing_failure(ec2: ScriptedEc2) -> None:
    """Reads are repeated by the SDK, unlike writes."""
    ec2.script = lambda call: listed("i-1") if len(ec2.calls) > 1 else refusal("InternalError", 500)

    assert [one.instance_id for one in ec2.provider().list_instances()] == ["i-1"]


def test_all_failing_regions_are_named(ec2: ScriptedEc2) -> None:
    ec2.script = lambda call: refusal("AuthFailure", 401)

    with pytest.raises(errors.CredentialsRejected, match=r"'us-west-1' failed: .*; .*'us-east-1' failed: ") as raised:
        ec2.provider(WEST, EAST).list_instances()
    assert raised.value.code == "AuthFailure"


LAUNCHED_AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def ec2_instance(**changes: Any) -> dict[str, Any]:
    tags = {"wm-deployment": "d1", "wm-worker-type": "ci", "wm-launch": "k", "wm-config": "v1-1", "wm-capacity": "4"}
    return {
        "InstanceId": "i-1",
        "InstanceType": "m5.large",
        "State": {"Code": 16, "Name": "running"},
        "Placement": {"AvailabilityZone": "us-west-1b"},
        "LaunchTime": LAUNCHED_AT,
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        **changes,
    }


def test_every_field_of_an_instance_is_read() -> None:
    instance = instance_from_ec2(ec2_instance(), WEST)

    assert (instance.instance_id, instance.region, instance.zone) == ("i-1", WEST, "us-west-1b")
    assert (instance.worker_type, instance.launch_key, instance.settings_hash) == ("ci", "k", "v1-1")
    assert (instance.capacity, instance.instance_type) == (4, "m5.large")
    assert (instance.state, instance.raw_state) == (InstanceState.RUNNING, "running")
    assert instance.launched_at == LAUNCHED_AT


@pytest.mark.parametrize(
    ("raw", "state"),
    [
        ("pending", InstanceState.PENDING),
        ("running", InstanceState.RUNNING),
        ("shutting-down", InstanceState.STOPPING),
        ("stopping", InstanceState.STOPPING),
        ("stopped", InstanceState.STOPPED),
        ("terminated", InstanceState.GONE),
        ("hibernating", InstanceState.UNKNOWN),
        ("", InstanceState.UNKNOWN),
    ],
)
def test_states_and_an_unknown_one_which_is_not_gone(raw: str, state: InstanceState) -> None:
    instance = instance_from_ec2(ec2_instance(State={"Name": raw} if raw else {}), WEST)

    assert (instance.state, instance.raw_state) == (state, raw)


@pytest.mark.parametrize("capacity", ["abc", "", "0", "-3", "1.5", " 2", "٣", "9" * 5000])
def test_a_capacity_tag_that_is_nonsense_counts_as_one(capacity: str) -> None:
    tags = [{"Key": "wm-capacity", "Value": capacity}]

    assert instance_from_ec2(ec2_instance(Tags=tags), WEST).capacity == 1


def test_missing_tags_and_places_read_as_empty() -> None:
    bare = {"InstanceId": "i-1", "LaunchTime": LAUNCHED_AT}
    instance = instance_from_ec2(bare, WEST)

    assert (instance.worker_type, instance.launch_key, instance.settings_hash, instance.capacity) == ("", "", "", 1)
    assert (instance.zone, instance.instance_type, instance.state) == ("", "", InstanceState.UNKNOWN)


@pytest.mark.parametrize(("missing", "why"), [("InstanceId", "has no id"), ("LaunchTime", "no launch time")])
def test_an_instance_without_what_ec2_always_says_is_no_answer_to_trust(missing: str, why: str) -> None:
    page = {"Reservations": [{"Instances": [{k: v for k, v in ec2_instance().items() if k != missing}]}]}

    with pytest.raises(errors.ProviderUnavailable, match=why):
        list(instances_of_page(page, WEST, "d1"))


# --- terminate


def asked(call: Call) -> list[str]:
    return call.values("InstanceId.")


def test_instances_are_ended_by_region_each_once_and_at_most_1000_a_call(ec2: ScriptedEc2) -> None:
    ec2.script = lambda call: ending(*asked(call))
    west = [(WEST, f"i-{number:017x}") for number in range(1500)]
    ec2.provider(WEST, EAST).terminate([*west, *west[:5], (EAST, "i-e")], timeout_seconds=30)

    assert sorted((call.region, len(asked(call))) for call in ec2.calls) == [(EAST, 1), (WEST, 500), (WEST, 1000)]
    assert {one for call in ec2.calls for one in asked(call)} == {one for _, one in west} | {"i-e"}


def test_ending_nothing_calls_nothing(ec2: ScriptedEc2) -> None:
    ec2.provider().terminate([], timeout_seconds=10)

    assert ec2.calls == []


@pytest.mark.parametrize("is_named", [True, False])
def test_unknown_instances_are_set_aside_named_or_not_and_the_rest_is_ended(ec2: ScriptedEc2, is_named: bool) -> None:
    ended: set[str] = set()
    unknown = {"i-a3", "i-a6"}

    def script(call: Call) -> Answer:
        if bad := sorted(unknown.intersection(asked(call))):
            names = f"The instance IDs '{', '.join(bad)}' do not exist" if is_named else "no such thing"
            return refusal("InvalidInstanceID.NotFound", message=names)
        ended.update(asked(call))
        return ending(*asked(call))

    ec2.script = script
    everyone = [f"i-a{number}" for number in range(10)]
    ec2.provider().terminate([(WEST, one) for one in everyone], timeout_seconds=10)

    assert ended == set(everyone) - unknown


def test_an_instance_that_is_gone_is_a_success(ec2: ScriptedEc2) -> None:
    ec2.script = lambda call: refusal("InvalidInstanceID.NotFound", message="odd")
    ec2.provider().terminate([(WEST, "i-a1")], timeout_seconds=10)

    assert len(ec2.calls) == 1


def test_a_protected_instance_keeps_no_other_alive_and_is_reported(ec2: ScriptedEc2) -> None:
    ended: set[str] = set()

    def script(call: Call) -> Answer:
        if "i-a1" in asked(call):
            return refusal("OperationNotPermitted", message="The instance 'i-a1' may not be terminated.")
        ended.update(asked(call))
        return ending(*asked(call))

    ec2.script = script
    with pytest.raises(errors.SpecRejected, match="i-a1' may not be terminated; lift the termination protection"):
        ec2.provider().terminate([(WEST, f"i-a{n}") for n in range(3)], timeout_seconds=10)
    assert ended == {"i-a0", "i-a2"}


def test_a_region_that_fails_does_not_keep_the_others_from_ending_theirs(ec2: ScriptedEc2) -> None:
    ec2.script = lambda call: refusal("RequestLimitExceeded", 503) if call.region == WEST else ending(*asked(call))

    with pytest.raises(errors.Throttled, match=r"termination of instance 'i-w' in 'us-west-1' failed: ") as raised:
        ec2.provider(WEST, EAST).terminate([(WEST, "i-w"), (EAST, "i-e")], timeout_seconds=10)
    assert "us-east-1" not in str(raised.value)
    assert sorted(call.region for call in ec2.calls) == [EAST, WEST]


@pytest.mark.parametrize("answer", [Answer("<html/>"), ending("i-other"), Answer(cut=True)])
def test_an_ending_nobody_confirmed_is_no_success(ec2: ScriptedEc2, answer: Answer) -> None:
    ec2.script = lambda call: answer

    with pytest.raises(errors.ProviderUnavailable, match="termination of instance 'i-1' in 'us-west-1' failed"):
        ec2.provider().terminate([(WEST, "i-1")], timeout_seconds=10)


def test_a_termination_that_would_take_too_long_is_not_sent(ec2: ScriptedEc2) -> None:
    with pytest.raises(errors.ProviderUnavailable, match="nothing was sent"):
        ec2.provider().terminate([(WEST, "i-1")], timeout_seconds=0.5)
    assert ec2.calls == []


# --- prices


def spot(region: str, zone: str, name: str = "m5.large") -> Offering:
    return Offering(region, zone, name, Market.SPOT)


def test_all_pages_of_all_regions_are_read_and_a_region_without_a_zone_has_the_mean(ec2: ScriptedEc2) -> None:
    def script(call: Call) -> Answer:
        if call.region == EAST:
            return priced(("us-east-1a", "m5.large", "0.5"))
        if call.parameters.get("NextToken") == "two":
            return priced(("us-west-1b", "m5.large", "0.03"))
        return priced(("us-west-1a", "m5.large", "0.01"), more="two")

    ec2.script = script
    prices = ec2.provider(WEST, EAST, WEST).prices()

    expected = {spot(WEST, "us-west-1a"): 0.01, spot(WEST, "us-west-1b"): 0.03, spot(EAST, "us-east-1a"): 0.5}
    expected |= {spot(EAST, ""): 0.5, spot(EAST, "us-east-1f"): 0.5}
    assert expected == {offering: prices.of(offering) for offering in expected}
    assert prices.of(spot(WEST, "")) == pytest.approx(0.02)
    assert prices.of(spot(WEST, "us-west-1a", "m5.xlarge")) is None
    assert prices.of(Offering(WEST, "us-west-1a", "m5.large")) is None


def test_only_the_prices_that_hold_now_are_asked_for_and_only_those_of_linux(ec2: ScriptedEc2) -> None:
    ec2.script = lambda call: priced()
    before = datetime.now(UTC).replace(microsecond=0)
    ec2.provider().prices()

    (call,) = ec2.calls
    assert (call.action, call.parameters["ProductDescription.1"]) == ("DescribeSpotPriceHistory", "Linux/UNIX")
    assert call.parameters["MaxResults"] == "1000"
    assert before <= datetime.fromisoformat(call.parameters["StartTime"]) <= datetime.now(UTC)


def test_spot_prices_win_over_the_records_table_where_they_are_told(ec2: ScriptedEc2) -> None:
    ec2.script = lambda call: priced(("us-west-1a", "m5.large", "0.01"))
    table = tuple(Price(name, market, 7.0, WEST) for name in ("m5.large", "m5.xlarge") for market in Market)
    prices = AwsProvider(record(ec2.endpoint, price_table=table)).prices()

    assert (0.01, 0.01) == (prices.of(spot(WEST, "us-west-1a")), prices.of(spot(WEST, "")))
    assert (7.0, 7.0) == (prices.of(spot(WEST, "us-west-1a", "m5.xlarge")), prices.of(Offering(WEST, "", "m5.large")))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal("UnauthorizedOperation", 403), errors.CredentialsRejected),
        (refusal("RequestLimitExceeded", 503), errors.Throttled),
        (refusal("InternalError", 500), errors.ProviderUnavailable),
        (priced(("us-west-1a", "m5.large", "cheap")), errors.ProviderUnavailable),
        (Answer("<html/>"), errors.ProviderUnavailable),
        (Answer(cut=True), errors.ProviderUnavailable),
    ],
)
def test_prices_that_cannot_be_read_are_an_error_of_ours_that_names_the_region(
    ec2: ScriptedEc2, answer: Answer, error: type[errors.ProviderError]
) -> None:
    ec2.script = lambda call: priced() if call.region == EAST else answer

    with pytest.raises(errors.ProviderError, match="reading of spot prices in 'us-west-1' failed") as raised:
        ec2.provider(EAST, WEST).prices()
    assert type(raised.value) is error
    assert "us-east-1" not in str(raised.value)


# --- the record


@pytest.mark.parametrize(
    ("changes", "pointer", "message"),
    [
        ({"regions": ()}, "/regions", "no regions"),
        ({"regions": (WEST, "us west")}, "/regions/1", "us west"),
        ({"endpoint": "http://ec2.example.com"}, "/endpoint", "plain http to 'ec2.example.com'"),
        ({"endpoint": "http://127.0.0.1.example.com"}, "/endpoint", "plain http"),
        ({"endpoint": "ec2.example.com"}, "/endpoint", "not a URL"),
        ({"endpoint": "ftp://127.0.0.1"}, "/endpoint", "not a URL"),
        ({"endpoint": "http://127.0.0.1:port"}, "/endpoint", "not a URL"),
        ({"endpoint": "https://user:SECRET@ec2.example.com"}, "/endpoint", "must not carry credentials"),
    ],
)
def test_a_record_that_cannot_be_used_is_refused_at_once(changes: dict[str, Any], pointer: str, message: str) -> None:
    with pytest.raises(errors.ConfigInvalid) as raised:
        AwsProvider(replace(record("http://127.0.0.1:1"), **changes))
    (problem,) = raised.value.problems
    assert problem.pointer == pointer
    assert message in problem.message
    assert "SECRET" not in problem.message


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_an_emulator_on_this_machine_gets_emulated_credentials(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real credentials of the environment are never shown to one."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "real")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    clients = Clients(record(f"http://{host}:1"))

    credentials = clients._session.get_credentials()
    assert credentials is not None
    assert credentials.access_key == "emulated"


def test_plain_http_set_in_the_sdks_own_environment_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", "http://ec2.example.com")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "real")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")

    with pytest.raises(errors.ConfigInvalid, match="plain http"):
        AwsProvider(record(""))


def test_a_profile_that_does_not_exist_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")

    with pytest.raises(errors.ConfigInvalid, match="no-such-profile"):
        AwsProvider(record(""))


def test_a_proxy_of_the_environment_is_not_asked_for_an_emulator(
    ec2: ScriptedEc2, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    ec2.script = lambda call: listed("i-1")

    assert len(ec2.provider().list_instances()) == 1
