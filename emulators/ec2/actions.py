"""The EC2 actions this layer answers itself: instances, their tags, spot prices. All others are moto's.

Each action takes a Call and gives the inside of its XML answer, or raises Ec2Error.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from emulators.buckets import Buckets, RateLimit
from emulators.ec2 import launch
from emulators.ec2.errors import Ec2Error, invalid, missing
from emulators.ec2.filters import fits, parse_filters, raw_filters
from emulators.ec2.instance import OWNER_ID, Order
from emulators.ec2.shapes import flag, output, structures, text, texts, tree
from emulators.ec2.spot_prices import current_prices
from emulators.ec2.store import Store
from emulators.ec2.tags import parse_tags
from emulators.ec2.tokens import Tokens
from emulators.prices import Prices
from emulators.settings import Settings

MAX_IDS = 1000  # TerminateInstances, CreateTags: at most 1000 resources a call
PAGE_SIZES = range(5, 1001)  # DescribeInstances, MaxResults

# "Request throttling for the Amazon EC2 API": bucket size and refill by action and by instance.
DEFAULT_LIMITS = {
    "RunInstances": RateLimit(5, 2),
    "RunInstances.instances": RateLimit(1000, 2),
    "TerminateInstances": RateLimit(100, 5),
    "TerminateInstances.instances": RateLimit(1000, 20),
    "Describe": RateLimit(100, 20),
    "Describe.unpaginated": RateLimit(50, 10),
}

# These would act on moto's own instances, which nobody sees: better refused than silently wrong.
UNSERVED = frozenset(
    {
        "AssociateIamInstanceProfile",
        "AttachVolume",
        "CreateFleet",
        "CreateImage",
        "DescribeInstanceAttribute",
        "DescribeInstanceStatus",
        "ModifyFleet",
        "ModifyInstanceAttribute",
        "ModifyInstanceMetadataOptions",
        "MonitorInstances",
        "RebootInstances",
        "RequestSpotFleet",
        "RequestSpotInstances",
        "StartInstances",
        "StopInstances",
        "UnmonitorInstances",
    }
)


@dataclass(frozen=True, slots=True)
class Call:
    """One request: the action, the region of its credentials, its flat parameters and the same as a tree."""

    action: str
    region: str
    flat: dict[str, str]
    params: dict[str, Any]

    @classmethod
    def of(cls, action: str, region: str, flat: Mapping[str, str]) -> Call:
        """Make a call of flat parameters. Raises Ec2Error when they contradict each other."""
        return cls(action, region, dict(flat), tree(flat))

    def facts(self) -> dict[str, str]:
        """What faults can match: the region, every flat parameter, and `tag:KEY` of the instance tags asked for."""
        specs = [spec for spec in structures(self.params, "TagSpecification") if spec.get("ResourceType") == "instance"]
        tags = itertools.chain.from_iterable(structures(spec, "Tag") for spec in specs)
        tag_facts = {f"tag:{text(tag, 'Key')}": text(tag, "Value") for tag in tags}
        return self.flat | tag_facts | {"region": self.region, "op": self.action}


@dataclass(slots=True)
class Actions:
    """The actions, over one store."""

    store: Store
    settings: Callable[[], Settings]
    prices: Prices
    tokens: Tokens = field(default_factory=Tokens)
    buckets: Buckets = field(default_factory=Buckets)
    _turns: Iterable[int] = field(default_factory=itertools.count)

    def find(self, call: Call) -> Callable[[Call], str] | None:
        """Give what answers a call, None where moto does. Raises Ec2Error for what neither can do rightly."""
        if call.action in UNSERVED:
            raise Ec2Error("UnsupportedOperation", f"{call.action} is not emulated: it would not see the instances.")
        if call.action in {"CreateTags", "DeleteTags"}:
            ours = {each.startswith("i-") for each in texts(call.params, "ResourceId")}
            if ours == {True, False}:
                raise Ec2Error("UnsupportedOperation", "Tag instances and other resources in separate calls.")
            if ours == {False}:
                return None
        if call.action == "DescribeTags" and not self._asks_for_instances(call):
            return None
        return {
            "RunInstances": self.run_instances,
            "DescribeInstances": self.describe_instances,
            "TerminateInstances": self.terminate_instances,
            "CreateTags": self.create_tags,
            "DeleteTags": self.delete_tags,
            "DescribeTags": self.describe_tags,
            "DescribeSpotPriceHistory": self.describe_spot_price_history,
        }.get(call.action)

    # ---- rate limits

    def limit(self, call: Call) -> None:
        """Take a request token. Raises Ec2Error(RequestLimitExceeded) when there is none."""
        name = "Describe" if call.action.startswith("Describe") else call.action
        if name == "Describe" and not self._is_paged(call):
            name = "Describe.unpaginated"
        self._take(name, call.region, 1)

    def _is_paged(self, call: Call) -> bool:
        return any(name == "MaxResults" or name.startswith(("Filter.", "InstanceId.")) for name in call.flat)

    def _take(self, name: str, region: str, amount: int) -> None:
        limit = self.settings().rate_limits.get(name)
        if limit is not None and not self.buckets.take((region, name), limit, amount, time.monotonic()):
            raise Ec2Error("RequestLimitExceeded", "Request limit exceeded.")

    # ---- launching

    def run_instances(self, call: Call) -> str:
        """Launch, once for each token."""
        settings = self.settings()
        order = launch.parse_order(call.params, call.region, settings)
        _stop_dry_run(call)
        if not order.token:
            return self._reservation(self._launch(order, settings))
        digest = launch.digest(call.flat)
        with self.tokens.held((call.region, call.action, order.token)) as slot:
            known = slot.repeated(digest, now=time.monotonic(), token_seconds=settings.token_seconds)
            if known is None:
                known = self._launch(order, settings)
                slot.reservation, slot.digest = known, digest
        return self._reservation(known)

    def _launch(self, order: Order, settings: Settings) -> Any:
        self._take("RunInstances.instances", order.region, order.max_count)
        zones = [order.zone] if order.zone else self._zones(order.region, settings)
        return self.store.launch(order, [launch.in_zone(order, zone) for zone in zones])

    def _zones(self, region: str, settings: Settings) -> list[str]:
        """Give the zones to try for a launch that names none, each launch starting with another one."""
        zones = _zone_names(region, settings)
        first = next(iter(self._turns)) % len(zones)
        return zones[first:] + zones[:first]

    def _reservation(self, reservation: Any) -> str:
        inner = "".join(xml for _, xml in self.store.shown(reservation))
        return _reservation_members(reservation.reservation_id, inner)

    # ---- listing

    def describe_instances(self, call: Call) -> str:
        """List instances, by ids or by pages."""
        params = call.params
        filters, ids = parse_filters(params), texts(params, "InstanceId")
        limit, after = _page(params)
        if ids and limit is not None:
            raise Ec2Error(
                "InvalidParameterCombination",
                "The parameter instancesSet cannot be used with the parameter maxResults",
            )
        _check_ids(ids)
        _stop_dry_run(call)
        found, last = self.store.select(call.region, filters, ids=ids, after=after, limit=limit)
        grouped: dict[str, list[str]] = {}
        for reservation_id, xml in found:
            grouped.setdefault(reservation_id, []).append(xml)
        items = [f"<item>{_reservation_members(one, ''.join(parts))}</item>" for one, parts in grouped.items()]
        token = "" if last is None else f"<nextToken>{_page_token(last)}</nextToken>"
        return f"<reservationSet>{''.join(items)}</reservationSet>{token}"

    def describe_tags(self, call: Call) -> str:
        """List the tags of instances."""
        filters = raw_filters(call.params)
        rows = [
            {"Key": key, "ResourceId": one, "ResourceType": "instance", "Value": value}
            for one, tags in self.store.tagged(call.region)
            for key, value in tags.items()
        ]
        return output("DescribeTags", {"Tags": [row for row in rows if all(_row_fits(each, row) for each in filters)]})

    def describe_spot_price_history(self, call: Call) -> str:
        """List the spot prices that hold now, by pages."""
        limit, after = _page(call.params)
        rows = current_prices(call.params, _zone_names(call.region, self.settings()), self.prices)
        _stop_dry_run(call)
        end = len(rows) if limit is None else after + limit
        token = _page_token(end) if end < len(rows) else ""
        return output("DescribeSpotPriceHistory", {"NextToken": token, "SpotPriceHistory": rows[after:end]})

    def _asks_for_instances(self, call: Call) -> bool:
        for one in raw_filters(call.params):
            if one.name == "resource-type" and not any(fits(value, "instance") for value in one.values):
                return False
            if one.name == "resource-id" and not any(value[:1] in "i*?" for value in one.values):
                return False
        return True

    # ---- changing

    def terminate_instances(self, call: Call) -> str:
        """End instances; one unknown id fails the whole call and ends none."""
        ids = texts(call.params, "InstanceId")
        if not ids:
            raise missing("InstanceId")
        _check_ids(ids)
        _stop_dry_run(call)
        self._take("TerminateInstances.instances", call.region, len(ids))
        ended = self.store.terminate(call.region, ids)
        changes = [
            {
                "InstanceId": instance_id,
                "CurrentState": {"Code": now.code, "Name": now.value},
                "PreviousState": {"Code": before.code, "Name": before.value},
            }
            for instance_id, before, now in ended
        ]
        return output("TerminateInstances", {"TerminatingInstances": changes})

    def create_tags(self, call: Call) -> str:
        """Add or replace tags of instances."""
        added = parse_tags(structures(call.params, "Tag"))
        return self._change_tags(call, lambda tags: tags | added)

    def delete_tags(self, call: Call) -> str:
        """Remove tags of instances: those named, by value too when one is given; all when none is named."""
        named = [(text(tag, "Key"), tag.get("Value")) for tag in structures(call.params, "Tag")]

        def without(tags: dict[str, str]) -> dict[str, str]:
            if not named:
                return {}
            return {k: v for k, v in tags.items() if not any(k == key and value in {None, v} for key, value in named)}

        return self._change_tags(call, without)

    def _change_tags(self, call: Call, change: Callable[[dict[str, str]], dict[str, str]]) -> str:
        ids = texts(call.params, "ResourceId")
        _check_ids(ids)
        _stop_dry_run(call)
        self.store.change_tags(call.region, ids, change)
        return "<return>true</return>"


def _zone_names(region: str, settings: Settings) -> list[str]:
    return list(settings.zones.get(region) or (region + letter for letter in "abc"))


def _reservation_members(reservation_id: str, instances: str) -> str:
    return (
        f"<reservationId>{reservation_id}</reservationId><ownerId>{OWNER_ID}</ownerId><groupSet/>"
        f"<instancesSet>{instances}</instancesSet>"
    )


def _stop_dry_run(call: Call) -> None:
    if flag(call.params, "DryRun"):
        raise Ec2Error("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")


def _check_ids(ids: list[str]) -> None:
    if len(ids) > MAX_IDS:
        raise invalid(f"The maximum number of instance ids specified on a single call is {MAX_IDS}")
    malformed = [one for one in ids if not re.fullmatch(r"i-(?:[0-9a-f]{8}|[0-9a-f]{17})", one)]
    if malformed:
        raise Ec2Error("InvalidInstanceID.Malformed", f'Invalid id: "{malformed[0]}"')


def _page(params: Mapping[str, Any]) -> tuple[int | None, int]:
    """Read page size and position: MaxResults counts instances, 5 to 1000."""
    size, token = text(params, "MaxResults"), text(params, "NextToken")
    if size and not (size.isdecimal() and int(size) in PAGE_SIZES):
        bound = "greater than 5" if size.isdecimal() and int(size) < PAGE_SIZES[0] else f"at most {PAGE_SIZES[-1]}"
        raise invalid(f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value {bound}.")
    return (int(size) if size else None), (_position(token) if token else 0)


def _page_token(position: int) -> str:
    return base64.urlsafe_b64encode(f"after:{position}".encode()).decode()


def _position(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token).decode().removeprefix("after:"))
    except (binascii.Error, ValueError) as error:
        raise invalid("Unable to parse pagination token") from error


def _row_fits(one: Any, row: Mapping[str, str]) -> bool:
    """Tell whether one row of DescribeTags passes a filter."""
    fields = {"key": "Key", "value": "Value", "resource-id": "ResourceId", "resource-type": "ResourceType"}
    if one.name.startswith("tag:"):
        return row["Key"] == one.name[4:] and any(fits(value, row["Value"]) for value in one.values)
    if one.name not in fields:
        raise invalid(f"The filter '{one.name}' is invalid")
    return any(fits(value, row[fields[one.name]]) for value in one.values)
