"""The aws provider's verbs, on EC2: launch, list, terminate, and what instances cost.

Decides how a call is made and how its outcome reads; what to launch or end, and whether to repeat, is the caller's. The
parameters of a launch are made in `shapes`, the meaning of failures is data in `failures`.
"""

from __future__ import annotations

import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from worker_manager.errors import ProviderError
from worker_manager.model import TAG_DEPLOYMENT, Instance, LaunchRequest, LaunchResult, Outcome
from worker_manager.pacing import TokenBucket
from worker_manager.provider import Prices, ProviderRecord
from worker_manager.providers.aws.clients import POOL_CONNECTIONS, Clients, bounded_call
from worker_manager.providers.aws.failures import (
    OUTCOMES,
    Failure,
    FailureKind,
    cause_of,
    classify,
    explain,
    provider_error,
    raise_joined,
)
from worker_manager.providers.aws.listing import instances_of_page
from worker_manager.providers.aws.shapes import run_instances_parameters
from worker_manager.providers.aws.spot_prices import spot_prices
from worker_manager.providers.aws.termination import end_instances

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html: MaxResults is at most 1000.
LIST_PAGE_COUNT = 1000


class AwsProvider:
    """One AWS account. Its methods block, may be called from many threads, and raise ProviderError alone.

    Raises ConfigInvalid (see `Clients`) if the record cannot be used. No call is sent when it is built.
    """

    def __init__(self, record: ProviderRecord) -> None:
        self.record = record
        self._regions = tuple(dict.fromkeys(record.regions))
        self._clients = Clients(record)
        # Grows only as regions are called at once; more threads than connections would but wait for these.
        self._executor = ThreadPoolExecutor(POOL_CONNECTIONS, f"aws-{record.name}")
        self._buckets: dict[str, TokenBucket] = {}
        self._buckets_lock = threading.Lock()

    def launch(
        self, request: LaunchRequest, *, timeout_seconds: float, still_wanted: Callable[[], bool] | None = None
    ) -> LaunchResult:
        """One RunInstances for `request`; see the contract in `worker_manager.provider`.

        What we did not send, as the launch budget allowed no call in time, comes as `Outcome.NOT_SENT`; what could not
        be sent (too little time left, no connection) as `Outcome.THROTTLED`. Both may be repeated later.
        """
        deadline = time.monotonic() + timeout_seconds
        offering = request.spec.offering
        what = f"launch of {request.count} x '{offering.instance_type}' in '{offering.zone or offering.region}'"
        if offering.region not in self._regions:
            # Nobody lists that region, so what ran there would never be seen again.
            text = f"provider '{self.record.name}' does not watch region '{offering.region}'"
            return _refused(request, what, Failure(FailureKind.INVALID, "RegionNotWatched", text))
        if not self._may_launch(offering.region, deadline):
            text = f"{what}: not sent: no call was due within the time-out (launchCallsPerSecond of the provider)"
            return LaunchResult(request.launch_key, Outcome.NOT_SENT, message=text, code="LaunchCallsPaced")
        if still_wanted is not None and not still_wanted():
            return LaunchResult(request.launch_key, Outcome.NOT_SENT, message=f"{what}: not wanted any more")
        return self._run_instances(request, what, deadline)

    def list_instances(self) -> Sequence[Instance]:
        """Every instance of the deployment in all regions of the record, terminated ones included while EC2 shows them.

        Raises ProviderError, naming the region, if any region could not be listed to its end.
        """
        listings = [self._executor.submit(self._list_region, region) for region in self._regions]
        raise_joined(_errors_of(listings))
        return tuple(instance for listing in listings for instance in listing.result())

    def terminate(self, instances: Sequence[tuple[str, str]], *, timeout_seconds: float) -> None:
        """End instances given as (region, instance id); one that is gone already is a success.

        Regions do not wait for each other, and one that fails does not keep the others from being tried. Raises
        ProviderError, naming the regions, if EC2 did not confirm every one of them.
        """
        deadline = time.monotonic() + timeout_seconds
        ids_by_region: dict[str, dict[str, None]] = {}
        for region, instance_id in instances:
            ids_by_region.setdefault(region, {})[instance_id] = None
        regions = [
            self._executor.submit(end_instances, self._clients, region, tuple(ids), deadline)
            for region, ids in ids_by_region.items()
        ]
        raise_joined(_errors_of(regions))

    def prices(self) -> Prices:
        """The record's table, and over it the spot prices that hold now in all regions of the record.

        Raises ProviderError, naming the regions, if any region's could not be read.
        """
        regions = [self._executor.submit(spot_prices, self._clients, region) for region in self._regions]
        raise_joined(_errors_of(regions))
        return Prices.told_by((*self.record.price_table, *(price for each in regions for price in each.result())))

    def _may_launch(self, region: str, deadline: float) -> bool:
        rate = self.record.launch_calls_per_second
        if rate <= 0:
            return True
        with self._buckets_lock:
            bucket = self._buckets.get(region)
            if bucket is None:
                # A burst of one second's calls, well below what EC2 itself grants.
                bucket = self._buckets[region] = TokenBucket(rate, max(1.0, rate))
        return bucket.take(deadline - time.monotonic() - self._clients.least_call_seconds)

    def _run_instances(self, request: LaunchRequest, what: str, deadline: float) -> LaunchResult:
        parameters = run_instances_parameters(request, self.record)
        with bounded_call(deadline) as call:
            try:
                answer = self._clients.write(request.spec.offering.region).run_instances(**parameters)
            except Exception as error:  # noqa: BLE001 - the SDK's parsers raise anything; all of it means something here
                failure = classify(error, sent=call.sent, hidden=_user_data_forms(parameters))
                return _refused(request, what, failure)
        ids = tuple(instance["InstanceId"] for instance in answer.get("Instances", ()) if "InstanceId" in instance)
        if not ids:
            failure = Failure(FailureKind.TRANSIENT, "IncompleteAnswer", "the answer names no instances")
            return _refused(request, what, failure)
        return LaunchResult(request.launch_key, Outcome.LAUNCHED, ids)

    def _list_region(self, region: str) -> tuple[Instance, ...]:
        try:
            # By id, because pages are no snapshot: an instance may be on two of them.
            found = {instance.instance_id: instance for instance in self._listed(region)}
        except ProviderError:
            raise
        except Exception as error:  # noqa: BLE001 - the SDK's parsers raise anything; no part of a list is a list
            failure = classify(error, sent=True)
            raise provider_error(f"listing of instances in '{region}'", failure) from cause_of(failure, error)
        return tuple(found.values())

    def _listed(self, region: str) -> Iterator[Instance]:
        pages = (
            self._clients.read(region)
            .get_paginator("describe_instances")
            .paginate(
                Filters=[{"Name": f"tag:{TAG_DEPLOYMENT}", "Values": [self.record.deployment]}],
                PaginationConfig={"PageSize": LIST_PAGE_COUNT},
            )
        )
        for page in pages:
            yield from instances_of_page(page, region, self.record.deployment)


def _refused(request: LaunchRequest, what: str, failure: Failure) -> LaunchResult:
    outcome = OUTCOMES[failure.kind]
    return LaunchResult(request.launch_key, outcome, message=explain(what, failure), code=failure.code)


def _user_data_forms(parameters: dict[str, Any]) -> tuple[str, ...]:
    """User data as given and as sent, so that no message that quotes it gets through."""
    user_data = str(parameters.get("UserData", ""))
    return user_data, b64encode(user_data.encode()).decode()


def _errors_of(futures: Sequence[Future[Any]]) -> list[ProviderError]:
    """Wait for all; their provider errors in order. Anything else is a bug and raised as it is."""
    errors = [error for future in futures if (error := future.exception()) is not None]
    for error in errors:
        if not isinstance(error, ProviderError):
            raise error
    return [error for error in errors if isinstance(error, ProviderError)]
