"""The emulated instances: holds them, finds them, and moves them from state to state as time passes.

The only mutable truth of the emulator, behind one lock that is held for a few microseconds an instance. Knows nothing
of requests; what was asked arrives checked, as an Order.
"""

from __future__ import annotations

import heapq
import itertools
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from emulators.capacity import Capacity
from emulators.ec2.errors import Ec2Error, unknown_instances
from emulators.ec2.filters import Filter, accepted
from emulators.ec2.instance import Instance, Order, Reservation, State
from emulators.ec2.tags import check_number
from emulators.ec2.tally import Tally
from emulators.patterns import matches
from emulators.settings import Settings

USER_SHUTDOWN = ("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown")

_DUE_RUNNING, _DUE_TERMINATED, _DUE_PURGE = range(3)


class Store:
    """Every instance that a listing could still show, in all regions."""

    def __init__(
        self, settings: Callable[[], Settings], capacity: Capacity, seed: int, on_running: Callable[[Instance], None]
    ) -> None:
        self._settings = settings
        self._capacity = capacity
        self._on_running = on_running
        self._changed = threading.Condition(threading.Lock())
        self._is_stopped = False
        self._random = random.Random(seed)
        self._numbers = itertools.count(1)
        self._seqs = itertools.count(1)
        self._empty()

    def _empty(self) -> None:
        self.tally = Tally()
        self._by_id: dict[str, Instance] = {}
        self._by_region: defaultdict[str, dict[int, Instance]] = defaultdict(dict)
        self._by_tag: defaultdict[tuple[str, str, str], dict[int, Instance]] = defaultdict(dict)
        self._pools: Counter[str] = Counter()
        self._due: list[tuple[float, int, int, Instance]] = []

    # ---- launching

    def launch(self, order: Order, zones: Sequence[Order]) -> Reservation:
        """Launch up to `order.max_count` instances in the first of the zones that has room for `order.min_count`.

        Args:
            order: what was asked for.
            zones: the order once for each zone to be tried, with its `zone` (and subnet) filled in.
        Raises:
            Ec2Error: InsufficientInstanceCapacity, when no zone has room; nothing was launched.
        """
        chosen, made = self._reserve(order, zones)
        reservation, instances = self._make(chosen, made)
        for instance in instances:
            instance.prepare()
        with self._changed:
            self._insert(instances)
        return reservation

    def _reserve(self, order: Order, zones: Sequence[Order]) -> tuple[Order, int]:
        with self._changed:
            self._advance(time.monotonic())
            for candidate in zones:
                size = self._capacity.size(candidate.pool)
                room = order.max_count if size is None else min(order.max_count, size - self._pools[candidate.pool])
                if room >= order.min_count:
                    self._pools[candidate.pool] += room
                    return candidate, room
        raise _no_capacity(order, zones)

    def _make(self, order: Order, made: int) -> tuple[Reservation, list[Instance]]:
        """Make instances that nobody can see yet."""
        with self._changed:
            reservation = Reservation(f"r-{self._random.getrandbits(68):017x}", unended=made)
            identities = [(next(self._numbers), f"i-{self._random.getrandbits(68):017x}") for _ in range(made)]
        now, lag = time.monotonic(), self._scaled(self._settings().visibility_lag_seconds)
        launched_at = datetime.now(UTC).replace(microsecond=0)
        for index, (number, instance_id) in enumerate(identities):
            instance = Instance(
                number=number,
                instance_id=instance_id,
                reservation=reservation,
                order=order,
                index=index,
                launched_at=launched_at,
                visible_at=now + lag,
                tags=dict(order.tags),
            )
            reservation.instances.append(instance)
        return reservation, list(reservation.instances)

    def _insert(self, instances: list[Instance]) -> None:
        now, settings = time.monotonic(), self._settings()
        for instance in instances:
            instance.seq = next(self._seqs)
            self._by_id[instance.instance_id] = instance
            self._by_region[instance.order.region][instance.seq] = instance
            self._index(instance, instance.tags)
            jitter = 1 + settings.boot_jitter * self._random.uniform(-1, 1)
            self._schedule(now + self._scaled(settings.boot_seconds * jitter), _DUE_RUNNING, instance)
        self.tally.add_launch(instances[0].order, instances)

    # ---- finding

    def select(
        self,
        region: str,
        filters: Sequence[Filter],
        *,
        ids: Sequence[str] = (),
        after: int = 0,
        limit: int | None = None,
    ) -> tuple[list[tuple[str, str]], int | None]:
        """Find instances in the order of their launches.

        Args:
            region: where to look.
            filters: all must accept.
            ids: when given, only these. Every one must exist.
            after: position (`seq`) after which to start.
            limit: most instances to give, None for all.

        Returns:
            (reservation id, XML) of each, and the position to go on from, None at the end.

        Raises:
            Ec2Error: an id names nothing that is visible.
        """
        found: list[tuple[str, str]] = []
        with self._changed:
            now = time.monotonic()
            self._advance(now)
            last = after
            for instance in self._candidates(region, filters, ids, now):
                if instance.seq <= after or instance.visible_at > now or not accepted(filters, instance):
                    continue
                if limit is not None and len(found) == limit:
                    return found, last
                found.append((instance.reservation.reservation_id, instance.xml()))
                last = instance.seq
        return found, None

    def _candidates(self, region: str, filters: Sequence[Filter], ids: Sequence[str], now: float) -> Iterable[Instance]:
        """Narrow the search to ids, or to the smallest set that some exact tag filter allows, or to the region."""
        if ids:
            unseen = [one for one in ids if (seen := self._in_region(region, one)) is None or seen.visible_at > now]
            if unseen:
                raise unknown_instances(unseen)
            return [self._by_id[one] for one in dict.fromkeys(ids)]
        indexed = [
            [self._by_tag.get((region, *tag), {}) for tag in tags] for one in filters if (tags := one.exact_tags)
        ]
        if not indexed:
            return self._by_region[region].values()
        smallest = min(indexed, key=lambda sets: sum(map(len, sets)))
        return [instance for _, instance in sorted(itertools.chain.from_iterable(each.items() for each in smallest))]

    def _in_region(self, region: str, instance_id: str) -> Instance | None:
        instance = self._by_id.get(instance_id)
        return instance if instance is not None and instance.order.region == region else None

    def shown(self, reservation: Reservation) -> list[tuple[str, str]]:
        """Give (reservation id, XML) of a reservation's instances as they are now."""
        with self._changed:
            self._advance(time.monotonic())
            return [(reservation.reservation_id, each.xml()) for each in reservation.instances]

    def tagged(self, region: str) -> list[tuple[str, dict[str, str]]]:
        """Give (instance id, tags) of every visible instance of a region."""
        with self._changed:
            now = time.monotonic()
            self._advance(now)
            everyone = self._by_region[region].values()
            return [(each.instance_id, dict(each.tags)) for each in everyone if each.visible_at <= now]

    # ---- changing

    def terminate(self, region: str, ids: Sequence[str]) -> list[tuple[str, State, State]]:
        """End instances; give (id, state before, state now) of each. Already ended ones stay as they are.

        Raises:
            Ec2Error: an id is unknown in the region; then none is ended.
        """
        with self._changed:
            now = time.monotonic()
            self._advance(now)
            found = self._existing(region, ids)
            before = [(instance, instance.state) for instance in found]
            for instance in found:
                if instance.state.is_alive:
                    self._begin_shutdown(instance, now)
            return [(instance.instance_id, state, instance.state) for instance, state in before]

    def _begin_shutdown(self, instance: Instance, now: float) -> None:
        self._move(instance, State.SHUTTING_DOWN, now)
        instance.reason = USER_SHUTDOWN
        instance.transition = f"User initiated ({datetime.now(UTC):%Y-%m-%d %H:%M:%S} GMT)"
        self._schedule(now + self._scaled(self._settings().shutdown_seconds), _DUE_TERMINATED, instance)

    def change_tags(self, region: str, ids: Sequence[str], change: Callable[[dict[str, str]], dict[str, str]]) -> None:
        """Replace the tags of instances by `change(tags)`. Raises Ec2Error, and changes nothing, on an unknown id."""
        with self._changed:
            self._advance(time.monotonic())
            wanted = [(instance, change(dict(instance.tags))) for instance in self._existing(region, ids)]
            for _, tags in wanted:
                check_number(tags)
            for instance, tags in wanted:
                self._unindex(instance)
                instance.tags = tags
                instance.changed()
                self._index(instance, tags)

    def _existing(self, region: str, ids: Sequence[str]) -> list[Instance]:
        found = {one: self._in_region(region, one) for one in ids}
        unknown = [one for one, instance in found.items() if instance is None]
        if unknown:
            raise unknown_instances(unknown)
        return [instance for instance in found.values() if instance is not None]

    def preempt(self, *, ids: Sequence[str], match: Mapping[str, str], limit: int | None, reason: str) -> list[str]:
        """Take living instances away without anyone's call: they are terminated at once.

        Args:
            ids: only these, when given.
            match: only those whose facts match.
            limit: at most so many, chosen at random; None for all.
            reason: StateReason code, "" for the one that fits the market.
        """
        with self._changed:
            now = time.monotonic()
            self._advance(now)
            pool = [self._by_id[one] for one in ids if one in self._by_id] if ids else list(self._by_id.values())
            chosen = [instance for instance in pool if instance.state.is_alive and matches(match, instance.facts())]
            if limit is not None and limit < len(chosen):
                chosen = self._random.sample(chosen, limit)
            for instance in chosen:
                self._take_away(instance, reason, now)
            return [instance.instance_id for instance in chosen]

    def _take_away(self, instance: Instance, reason: str, now: float) -> None:
        usual = "Server.SpotInstanceTermination" if instance.order.lifecycle else "Server.InternalError"
        code = reason or usual
        self.tally.preempted += 1
        self._move(instance, State.TERMINATED, now)
        instance.reason = (code, f"{code}: instance was taken away by the service")
        instance.transition = f"{code} ({datetime.now(UTC):%Y-%m-%d %H:%M:%S} GMT)"

    # ---- time

    def run(self) -> None:
        """Move instances on as their times come, until `stop`. Meant for a thread of its own."""
        with self._changed:
            while not self._is_stopped:
                now = time.monotonic()
                self._advance(now)
                self._changed.wait(self._due[0][0] - now if self._due else None)

    def stop(self) -> None:
        """End `run`."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget every instance and every count. Ids are not given out again."""
        with self._changed:
            self._empty()

    def _scaled(self, seconds: float) -> float:
        return seconds / self._settings().speed

    def _schedule(self, due: float, what: int, instance: Instance) -> None:
        # `what` is between due and seq so that events of the same moment keep the order of a life.
        heapq.heappush(self._due, (due, what, instance.seq, instance))
        if self._due[0][3] is instance:
            self._changed.notify_all()

    def _advance(self, now: float) -> None:
        """Apply everything that is due. Called with the lock held, by whoever looks."""
        while self._due and self._due[0][0] <= now:
            due, what, _, instance = heapq.heappop(self._due)
            if what == _DUE_RUNNING and instance.state is State.PENDING:
                self._move(instance, State.RUNNING, due)
                self._on_running(instance)
            elif what == _DUE_TERMINATED and instance.state is State.SHUTTING_DOWN:
                self._move(instance, State.TERMINATED, due)
            elif what == _DUE_PURGE:
                self._purge(instance)

    def _move(self, instance: Instance, state: State, now: float) -> None:
        self.tally.move(instance, state)
        instance.state = state
        instance.state_at = datetime.now(UTC)
        instance.changed()
        if state is State.TERMINATED:
            self._end(instance, now)

    def _end(self, instance: Instance, now: float) -> None:
        """Give the room back, and let the instance leave the listings later."""
        self._pools[instance.order.pool] -= 1
        reservation = instance.reservation
        reservation.unended -= 1
        if not reservation.unended:
            reservation.ended_at = now
        self._schedule(now + self._scaled(self._settings().terminated_seconds), _DUE_PURGE, instance)

    def _purge(self, instance: Instance) -> None:
        self.tally.purge(instance)
        del self._by_id[instance.instance_id]
        del self._by_region[instance.order.region][instance.seq]
        self._unindex(instance)
        if instance.reservation.ended_at is not None:
            # Its token is remembered for a day; its instances need not be.
            instance.reservation.instances.clear()

    def _index(self, instance: Instance, tags: Mapping[str, str]) -> None:
        for key, value in tags.items():
            self._by_tag[instance.order.region, key, value][instance.seq] = instance

    def _unindex(self, instance: Instance) -> None:
        for key, value in instance.tags.items():
            known = self._by_tag[instance.order.region, key, value]
            del known[instance.seq]
            if not known:
                del self._by_tag[instance.order.region, key, value]

    # ---- telling

    def stats(self) -> dict[str, Any]:
        """Give the counts as they are now."""
        with self._changed:
            self._advance(time.monotonic())
            return self.tally.as_json()

    def snapshot(self, match: Mapping[str, str]) -> list[Instance]:
        """Give the instances whose facts match, in the order of their launches."""
        with self._changed:
            self._advance(time.monotonic())
            return [instance for instance in self._by_id.values() if matches(match, instance.facts())]


def _no_capacity(order: Order, zones: Sequence[Order]) -> Ec2Error:
    where = ", ".join(candidate.zone for candidate in zones)
    if order.lifecycle:
        return Ec2Error(
            "InsufficientInstanceCapacity", "There is no Spot capacity available that matches your request."
        )
    return Ec2Error(
        "InsufficientInstanceCapacity",
        f"We currently do not have sufficient {order.instance_type} capacity in the Availability Zone you requested "
        f"({where}). Our system will be working on provisioning additional capacity.",
    )
