"""Decides how many TerminateInstances calls end a set of instances in one region. It must not know why they end.

One id that EC2 does not know, or may not end, fails a whole call, and then nothing of it has happened: such ids are set
aside and the rest is sent again.
"""

from __future__ import annotations

from worker_manager.errors import ProviderError
from worker_manager.providers.aws.clients import Clients, bounded_call
from worker_manager.providers.aws.failures import (
    Failure,
    FailureKind,
    cause_of,
    classify,
    provider_error,
    raise_joined,
)

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html: up to 1000 instances a call.
CHUNK_COUNT = 1000

Ids = tuple[str, ...]


def end_instances(clients: Clients, region: str, ids: Ids, deadline: float) -> None:
    """Terminate instances of one region until `deadline`, in `time.monotonic()` seconds. Gone already: success.

    Raises ProviderError at the first failure that concerns more than single instances, and, once all others are ended,
    for those that EC2 refuses to end.
    """
    waiting = [ids[start : start + CHUNK_COUNT] for start in range(0, len(ids), CHUNK_COUNT)]
    refused: list[ProviderError] = []
    while waiting:
        batch = waiting.pop()
        error, failure = _terminate(clients, region, batch, deadline)
        if failure is None:
            continue
        named = failure.instance_ids.intersection(batch)
        if failure.kind is FailureKind.GONE:
            waiting += _without(batch, named) if named else _halves(batch)
        elif failure.kind is FailureKind.INVALID and named:
            refused.append(_error(region, batch, failure))
            waiting += _without(batch, named)
        else:
            raise _error(region, batch, failure) from cause_of(failure, error)
    raise_joined(refused)


def _terminate(clients: Clients, region: str, batch: Ids, deadline: float) -> tuple[Exception | None, Failure | None]:
    with bounded_call(deadline) as call:
        try:
            answer = clients.write(region).terminate_instances(InstanceIds=batch)
        except Exception as error:  # noqa: BLE001 - the SDK's parsers raise anything; the caller raises what remains
            return error, classify(error, sent=call.sent)
    confirmed = {instance.get("InstanceId") for instance in answer.get("TerminatingInstances", ())}
    if confirmed.issuperset(batch):
        return None, None
    return None, Failure(FailureKind.TRANSIENT, "IncompleteAnswer", "the answer does not confirm every instance")


def _without(batch: Ids, named: frozenset[str]) -> list[Ids]:
    rest = tuple(instance_id for instance_id in batch if instance_id not in named)
    return [rest] if rest else []


def _halves(batch: Ids) -> list[Ids]:
    """The id at fault is not named: search for it. A single one is at fault itself."""
    middle = len(batch) // 2
    return [batch[:middle], batch[middle:]] if middle else []


def _error(region: str, batch: Ids, failure: Failure) -> ProviderError:
    what = f"instance '{batch[0]}'" if len(batch) == 1 else f"{len(batch)} instances"
    return provider_error(f"termination of {what} in '{region}'", failure)
