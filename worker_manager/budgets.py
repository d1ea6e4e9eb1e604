"""What is remembered of places that refused: how many instances may be asked of each, and when. Pure values.

A *budget* exists only for what refused lately; without one a place is open. It has a key: an offering
(`us-east-1/us-east-1a/m5.large/spot`), a region (`us-east-1`), what a quota counts together
(`us-east-1/family/standard/spot`), or everything (`*`).

While there is a budget, one launch at a time is let through (a single probe), of at most `allowed` instances. A refusal
of everything asked makes that one instance and doubles the wait; one of a part halves it; a success doubles it, until
the place is open again. Answers that were on their way together count once. A budget is forgotten some time after it
could have been asked again, so that no place stays closed for a worker type that has long been gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from worker_manager.model import LaunchSpec, Outcome

EVERYTHING = "*"
# The most that one call should ask for (botocore's documentation of MaxCount); a place that may be asked for as much is
# open.
OPEN = 100
FORGOTTEN_AFTER = timedelta(minutes=30)
# All of them travel in one payload, of which the server takes 2 MB.
MOST_BUDGETS = 500
KEPT_CHARACTERS = 300
# Most probes are answered within seconds; who waits for one need not wait until it is given up.
LOOK_AGAIN_AFTER = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class BackOff:
    """First and longest wait after a refusal, doubling between, and what it closes."""

    first_seconds: float
    longest_seconds: float
    closes: str


# A dry zone is usually dry for minutes: the longest wait is below the 3 minutes for which others forget it, so that its
# recovery is seen no later than by them, at a fraction of the calls. A quota needs a person; credentials may be
# rotated. What was REJECTED are the settings of one worker type, which says nothing to others.
BACK_OFFS: Mapping[Outcome, BackOff] = {
    Outcome.NO_CAPACITY: BackOff(15, 120, "offering"),
    Outcome.QUOTA: BackOff(60, 900, "family"),
    Outcome.THROTTLED: BackOff(2, 60, "region"),
    Outcome.CREDENTIALS: BackOff(15, 300, "everything"),
}


@dataclass(frozen=True, slots=True)
class Budget:
    """What is known of one place that refused.

    Attributes:
        outcome: why it refused last; message and code are the cloud's.
        allowed: instances that the next launch may ask for.
        refusals: refusals without a success between, counted once where they were on their way together.
        waits: the same since the place was last open; a success in between does not make the next wait short again.
        since: first of them. refused_at: last of them.
        opens_at: nothing is asked before.
        probe: launch key of the launch let through, "" for none; it counts until `probe_until`.
    """

    key: str
    outcome: Outcome
    allowed: int
    refusals: int
    since: datetime
    refused_at: datetime
    opens_at: datetime
    message: str = ""
    code: str = ""
    probe: str = ""
    probe_until: datetime | None = None
    waits: int = 0

    def is_probed(self, now: datetime) -> bool:
        """Whether a launch has been let through and is not answered yet."""
        return bool(self.probe) and self.probe_until is not None and self.probe_until > now

    def room(self, now: datetime) -> int:
        """Instances that a launch may ask for now."""
        return 0 if self.opens_at > now or self.is_probed(now) else self.allowed

    def next_at(self, now: datetime) -> datetime:
        """When there may be room again: while a probe is out, soon, as it may be answered at any moment."""
        if self.is_probed(now) and self.probe_until is not None:
            return max(self.opens_at, min(self.probe_until, now + LOOK_AGAIN_AFTER))
        return self.opens_at

    def lets(self, launch_key: str, count: int, now: datetime) -> bool:
        """Whether this launch may be sent: it is the probe, or there is room for it."""
        return self.probe == launch_key or self.room(now) >= count

    @property
    def forgotten_at(self) -> datetime:
        """When it no longer counts: long after it could have been asked again, and not while a probe is out."""
        return max(self.opens_at + FORGOTTEN_AFTER, self.probe_until or self.opens_at)


Budgets = tuple[Budget, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """How a launch ended at a place: `asked` instances, `launched` of them."""

    launch_key: str
    place: str
    outcome: Outcome
    asked: int
    launched: int
    message: str = ""
    code: str = ""


def place_of(spec: LaunchSpec) -> str:
    """Everything that a refusal may close, in one text which `keys_of` takes apart; travels with answers."""
    return f"{spec.offering.key}|{spec.offering.family}"


def keys_of(place: str) -> tuple[str, ...]:
    """Keys of every budget that counts for the place: its offering, region, quota, and everything."""
    return tuple(dict.fromkeys((_offering(place), *(_key(place, each) for each in ("region", "family")), EVERYTHING)))


def closed_key(place: str, outcome: Outcome) -> str:
    """The key that a refusal of this kind closes."""
    return _key(place, BACK_OFFS[outcome].closes)


def room(budgets: Mapping[str, Budget], place: str, now: datetime) -> int | None:
    """Instances that a launch there may ask for now; None for any number."""
    rooms = [budgets[key].room(now) for key in keys_of(place) if key in budgets]
    return min(rooms, default=None)


def let_through(
    budgets: Budgets, launch_key: str, place: str, count: int, *, now: datetime, until: datetime
) -> tuple[Budgets, bool]:
    """Take the probe of every budget that counts for the place; False, taking none, if one has no room for `count`.

    The same launch may ask again: a retry is the same probe.
    """
    keys = set(keys_of(place))
    ours = [each for each in budgets if each.key in keys]
    if not all(each.lets(launch_key, count, now) for each in ours):
        return budgets, False
    taken = {each.key: replace(each, probe=launch_key, probe_until=until) for each in ours}
    return tuple(taken.get(each.key, each) for each in budgets), True


def answered(budgets: Budgets, answers: Iterable[Answered], now: datetime) -> Budgets:
    """Fold in how launches ended, and forget what is long past. An UNKNOWN answer leaves its probe taken."""
    by_key = {each.key: each for each in remembered(budgets, now)}
    for answer in answers:
        if answer.outcome is not Outcome.UNKNOWN:
            _fold(by_key, answer, now)
    return tuple(sorted(by_key.values(), key=lambda each: (each.refused_at, each.key))[-MOST_BUDGETS:])


def remembered(budgets: Budgets, now: datetime) -> Budgets:
    """Those that still count."""
    return tuple(each for each in budgets if each.forgotten_at > now)


def without_probes(budgets: Budgets, launch_keys: Collection[str]) -> Budgets:
    """Give up the probes of these launches."""
    return tuple(replace(each, probe="", probe_until=None) if each.probe in launch_keys else each for each in budgets)


def _fold(budgets: dict[str, Budget], answer: Answered, now: datetime) -> None:
    # What was on its way together with an answer that was counted, or with the probe, tells nothing new.
    fresh = [key for key in keys_of(answer.place) if not _is_late(budgets.get(key), answer, now)]
    for key in fresh:
        if answer.launched:
            _succeed(budgets, key, answer, now)
        elif key in budgets:  # it refuses for another reason or was never sent: what it probed stays unknown
            (budgets[key],) = without_probes((budgets[key],), {answer.launch_key})
    refusal = _refusal_in(answer)
    if refusal is not None and closed_key(answer.place, refusal) in fresh:
        _refuse(budgets, replace(answer, outcome=refusal), now)


def _is_late(before: Budget | None, answer: Answered, now: datetime) -> bool:
    if before is None or before.probe == answer.launch_key:
        return False
    return before.opens_at > now or before.is_probed(now)


def _refusal_in(answer: Answered) -> Outcome | None:
    """Why there are fewer than asked, None if there are not; a part of what was asked means that there is no more."""
    if answer.launched >= answer.asked:
        return None
    if answer.outcome in BACK_OFFS:
        return answer.outcome
    return Outcome.NO_CAPACITY if answer.launched else None


def _succeed(budgets: dict[str, Budget], key: str, answer: Answered, now: datetime) -> None:
    """Something was launched: everything that could have refused it has not."""
    before = budgets.get(key)
    if before is None:
        return
    # Whoever got all it asked for proves nothing less: else worker types that want few would never open the place.
    proven = before.allowed if answer.launched >= answer.asked else answer.launched
    allowed = max(before.allowed, min(before.allowed, proven) * 2)
    if allowed >= OPEN:
        del budgets[key]
    else:
        opens_at = min(before.opens_at, now)
        budgets[key] = replace(before, allowed=allowed, refusals=0, opens_at=opens_at, probe="", probe_until=None)


def _refuse(budgets: dict[str, Budget], answer: Answered, now: datetime) -> None:
    key = closed_key(answer.place, answer.outcome)
    before = budgets.get(key)
    rule = BACK_OFFS[answer.outcome]
    refusals, waits = (before.refusals + 1, before.waits + 1) if before else (1, 1)
    # Doubled no further than it takes to reach any longest wait: the power must stay a number.
    wait = min(rule.longest_seconds, rule.first_seconds * 2 ** min(waits - 1, 30))
    asked = min(answer.asked, before.allowed) if before else answer.asked
    budgets[key] = Budget(
        key=key,
        outcome=answer.outcome,
        allowed=max(1, asked // 2) if answer.launched else _allowed_after_nothing(answer),
        refusals=refusals,
        since=before.since if before and before.refusals else now,
        refused_at=now,
        opens_at=now + timedelta(seconds=wait),
        message=_kept(answer.message),
        code=_kept(answer.code),
        waits=waits,
    )


def _kept(text: str) -> str:
    """In one line, and without what would be written as many characters."""
    return "".join(each if each.isprintable() else " " for each in text[:KEPT_CHARACTERS])


def _allowed_after_nothing(answer: Answered) -> int:
    """Not even one could be had, so the next ask is for one; a throttled call says nothing about how many there are."""
    return OPEN if answer.outcome is Outcome.THROTTLED else 1


def _offering(place: str) -> str:
    return place.partition("|")[0]


def _key(place: str, closes: str) -> str:
    offering, family = place.split("|", 1)
    region, _, _, market = offering.split("/")
    match closes:
        case "region":
            return region
        case "family":
            return f"{region}/family/{family}/{market}" if family else region
        case "everything":
            return EVERYTHING
        case _:
            return offering
