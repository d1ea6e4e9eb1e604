"""What is remembered of places that refused: who may be sent, how long to wait, when a place is open again."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pydantic import TypeAdapter

from worker_manager import budgets
from worker_manager.budgets import BACK_OFFS, FORGOTTEN_AFTER, MOST_BUDGETS, OPEN, Answered, Budget
from worker_manager.model import LaunchSpec, Market, Offering, Outcome

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SPOT = "us-east-1/us-east-1a/m5.large/spot"
PLACE = f"{SPOT}|standard"
NEIGHBOUR = "us-east-1/us-east-1b/m5.large/spot|standard"
ELSEWHERE = "us-west-2/us-west-2a/m5.large/spot|standard"
REFUSALS = sorted(BACK_OFFS)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def answer(outcome=Outcome.NO_CAPACITY, key="a", place=PLACE, asked=10, launched=0) -> Answered:
    return Answered(key, place, outcome, asked, launched)


def refused(outcome=Outcome.NO_CAPACITY, now=NOW, **about) -> tuple[Budget, ...]:
    return budgets.answered((), [answer(outcome, **about)], now)


def let(known, key="p", place=PLACE, count=1, now=NOW, lasts=150.0):
    return budgets.let_through(known, key, place, count, now=now, until=now + timedelta(seconds=lasts))


def room(known, place, now=NOW):
    return budgets.room({each.key: each for each in known}, place, now)


# ---- what a refusal closes


def test_a_place_says_everything_that_a_refusal_may_close():
    offering = Offering("us-east-1", "us-east-1a", "m5.large", Market.SPOT, family="standard")
    assert PLACE == budgets.place_of(LaunchSpec(offering, {}, {}, "hash"))
    assert (SPOT, "us-east-1", "us-east-1/family/standard/spot", "*") == budgets.keys_of(PLACE)
    assert ("r/any/t/spot", "r", "*") == budgets.keys_of("r/any/t/spot|")


@pytest.mark.parametrize(
    ("outcome", "closed", "neighbour", "elsewhere"),
    [
        (Outcome.NO_CAPACITY, SPOT, None, None),
        (Outcome.QUOTA, "us-east-1/family/standard/spot", 0, None),
        (Outcome.THROTTLED, "us-east-1", 0, None),
        (Outcome.CREDENTIALS, "*", 0, 0),
    ],
)
def test_each_kind_of_refusal_closes_what_it_is_about(outcome, closed, neighbour, elsewhere):
    known = refused(outcome)
    assert [closed] == [each.key for each in known]
    assert (0, neighbour, elsewhere) == tuple(room(known, each) for each in (PLACE, NEIGHBOUR, ELSEWHERE))


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.NOT_SENT, Outcome.UNKNOWN])
def test_what_says_nothing_of_a_place_closes_nothing(outcome):
    assert () == refused(outcome)


def test_a_success_at_an_open_place_is_not_remembered():
    assert () == refused(Outcome.LAUNCHED, asked=10, launched=10)


def test_a_part_of_what_was_asked_halves_what_may_be_asked_next():
    (budget,) = refused(Outcome.LAUNCHED, asked=40, launched=13)
    assert (Outcome.NO_CAPACITY, 20, 1) == (budget.outcome, budget.allowed, budget.refusals)
    assert after(15) == budget.opens_at


def test_a_throttled_call_says_nothing_about_how_many_there_are_and_one_success_opens_the_region():
    known = refused(Outcome.THROTTLED)
    assert (0, OPEN) == (room(known, PLACE), room(known, PLACE, after(2)))
    assert () == budgets.answered(known, [answer(Outcome.LAUNCHED, "b", NEIGHBOUR, 3, 3)], after(2))


# ---- waits


@pytest.mark.parametrize("outcome", REFUSALS)
def test_waits_double_up_to_the_longest_and_never_pass_it(outcome):
    known, now, rule_of = (), NOW, BACK_OFFS[outcome]
    for number in range(80):
        known, is_let = let(known, f"p{number}", now=now)
        assert is_let
        known = budgets.answered(known, [answer(outcome, f"p{number}", asked=1)], now)
        wait = (known[0].opens_at - now).total_seconds()
        assert min(rule_of.longest_seconds, rule_of.first_seconds * 2**number) == wait
        assert (number + 1, NOW, now) == (known[0].refusals, known[0].since, known[0].refused_at)
        now = known[0].opens_at


@given(
    st.lists(st.tuples(st.integers(1, OPEN), st.integers(0, 5), st.sampled_from(["a", "b", "c"])), min_size=1),
    st.floats(0, 14),
)
def test_a_storm_of_refusals_that_were_on_their_way_together_counts_once(storm, seconds):
    """Successes and parts among them count no more than the first refusal did."""
    first = refused(asked=10)
    answers = [
        answer(
            Outcome.LAUNCHED if some else Outcome.NO_CAPACITY, f"{key}{index}", asked=asked, launched=min(some, asked)
        )
        for index, (asked, some, key) in enumerate(storm)
    ]
    assert first == budgets.answered(first, answers, after(seconds))


def test_what_is_answered_late_does_not_end_the_probe_of_another():
    known, _ = let(refused(), "probe", now=after(15))
    late = [answer(key="late"), answer(Outcome.LAUNCHED, "later", launched=10), answer(Outcome.NOT_SENT, "latest")]
    assert known == budgets.answered(known, late, after(20))
    assert not let(known, "other", now=after(100))[1]


# ---- probes


def test_nothing_is_let_through_before_the_wait_is_over_then_one_launch_of_what_is_allowed():
    known = refused()
    assert (known, False) == let(known, now=after(14.9))
    assert (known, False) == let(known, count=2, now=after(15))
    known, is_let = let(known, "p", now=after(15))
    assert (True, "p") == (is_let, known[0].probe)
    assert (known, False) == let(known, "q", now=after(16))
    assert room(known, PLACE, after(16)) == 0
    assert let(known, "q", ELSEWHERE, 50, after(16))[1]


def test_a_retry_is_the_same_probe():
    known, _ = let(refused(), "p", now=after(15))
    again, is_let = let(known, "p", now=after(60))
    assert is_let
    assert replace(known[0], probe_until=after(210)) == again[0]


def test_a_launch_takes_the_probe_of_every_budget_of_its_place_or_of_none():
    both = (*refused(Outcome.NO_CAPACITY), *refused(Outcome.QUOTA))
    assert (both, False) == let(both, now=after(15))  # the quota waits for a minute
    taken, is_let = let(both, now=after(60))
    assert (True, ["p", "p"]) == (is_let, [each.probe for each in taken])
    freed = budgets.answered(taken, [answer(Outcome.QUOTA, "p", asked=1)], after(61))
    assert {SPOT: (1, ""), "us-east-1/family/standard/spot": (2, "")} == {e.key: (e.refusals, e.probe) for e in freed}


@pytest.mark.parametrize("outcome", [Outcome.NOT_SENT, Outcome.REJECTED])
def test_a_probe_that_told_nothing_is_given_back(outcome):
    known = refused()
    taken, _ = let(known, "p", now=after(15))
    assert known == budgets.answered(taken, [answer(outcome, "p", asked=1)], after(16))


def test_an_unknown_answer_keeps_the_probe_until_it_is_given_up():
    known, _ = let(refused(), "p", now=after(15), lasts=150)
    assert known == budgets.answered(known, [answer(Outcome.UNKNOWN, "p", asked=1)], after(20))
    assert not let(known, "q", now=after(164))[1]
    assert let(known, "q", now=after(165))[1]


def test_who_waits_for_a_probe_looks_again_soon():
    known, _ = let(refused(), "p", now=after(15))
    assert (after(15), after(18)) == (refused()[0].next_at(NOW), known[0].next_at(after(15)))
    assert after(165) == known[0].next_at(after(164))


# ---- recovery and forgetting


def test_successes_double_what_may_be_asked_until_the_place_is_open():
    known, now, allowed = refused(), after(15), []
    while known:
        allowed.append(known[0].allowed)
        known, is_let = let(known, f"p{len(allowed)}", count=allowed[-1], now=now)
        assert is_let
        success = answer(Outcome.LAUNCHED, f"p{len(allowed)}", asked=allowed[-1], launched=allowed[-1])
        known, now = budgets.answered(known, [success], now), now + timedelta(seconds=1)
    assert [1, 2, 4, 8, 16, 32, 64] == allowed
    assert math.ceil(math.log2(OPEN)) == len(allowed)


def test_whoever_gets_all_it_asked_for_opens_the_place_further_however_little_it_was():
    """Else worker types that want few would never open it."""
    known = (replace(refused()[0], allowed=16),)
    assert 32 == budgets.answered(known, [answer(Outcome.LAUNCHED, "p", asked=2, launched=2)], after(15))[0].allowed


def test_a_success_in_between_does_not_make_the_next_wait_short_again():
    known = budgets.answered(refused(), [answer(Outcome.LAUNCHED, "p", asked=1, launched=1)], after(15))
    (budget,) = budgets.answered(known, [answer(key="q", asked=2)], after(20))
    assert (1, 1, after(20), after(50)) == (budget.refusals, budget.allowed, budget.since, budget.opens_at)


def test_a_place_is_forgotten_long_after_it_could_have_been_asked_again():
    (budget,) = known = refused()
    assert after(15) + FORGOTTEN_AFTER == budget.forgotten_at
    assert known == budgets.remembered(known, budget.forgotten_at - timedelta(seconds=1))
    assert () == budgets.remembered(known, budget.forgotten_at)
    assert () == budgets.answered(known, [], budget.forgotten_at)


def test_a_place_is_not_forgotten_while_it_is_probed():
    (budget,), _ = let(refused(), now=after(15) + FORGOTTEN_AFTER - timedelta(seconds=1), lasts=150)
    assert budget.probe_until == budget.forgotten_at


def test_only_so_many_places_are_remembered_those_that_refused_last():
    places = [f"r/z/t{number}/spot|" for number in range(MOST_BUDGETS + 3)]
    known: tuple[Budget, ...] = ()
    for number, place in enumerate(places):
        known = budgets.answered(known, [answer(place=place)], after(number / 1000))
    assert [each.partition("|")[0] for each in places[3:]] == [each.key for each in known]


@pytest.mark.parametrize("wide", ["\x01", "\U0001f4a5"])
def test_all_that_is_remembered_fits_into_a_payload_whatever_the_clouds_say(wide):
    known: tuple[Budget, ...] = ()
    for number in range(MOST_BUDGETS):
        place = f"{number:r>64}/{'z' * 64}/{'t' * 64}/spot|{'f' * 64}"
        told = replace(answer(place=place), message=wide * 1000, code=wide * 1000)
        known = budgets.answered(known, [told], NOW)
    known = tuple(replace(each, probe="k" * 64, probe_until=NOW) for each in known)
    assert MOST_BUDGETS == len(known)
    assert len(TypeAdapter(tuple[Budget, ...]).dump_json(known)) < 1_900_000


class Launches(RuleBasedStateMachine):
    """Any launches at three places, answered in any order: never two let through at once for one key."""

    def __init__(self):
        super().__init__()
        self.known: tuple[Budget, ...] = ()
        self.now = NOW
        self.number = 0
        # Launch key -> its place, how many it asks for, the keys whose probe it is, until when.
        self.out: dict[str, tuple[str, int, frozenset[str], datetime]] = {}

    @rule(seconds=st.floats(0, 200))
    def time_passes(self, seconds):
        self.now += timedelta(seconds=seconds)
        self.known = budgets.remembered(self.known, self.now)

    @rule(place=st.sampled_from([PLACE, NEIGHBOUR, ELSEWHERE]), count=st.integers(1, OPEN))
    def ask(self, place, count):
        self.number += 1
        key = f"launch{self.number}"
        before = {each.key: each for each in self.known}
        allowed = budgets.room(before, place, self.now)
        self.known, is_let = let(self.known, key, place, count, self.now)
        assert is_let == (allowed is None or count <= allowed)
        if is_let:
            probed = frozenset(before) & frozenset(budgets.keys_of(place))
            self.out[key] = (place, count, probed, self.now + timedelta(seconds=150))

    @precondition(lambda self: self.out)
    @rule(data=st.data(), outcome=st.sampled_from(sorted(Outcome)), share=st.floats(0, 1))
    def answer_one(self, data, outcome, share):
        key = data.draw(st.sampled_from(sorted(self.out)))
        place, count, _, _ = self.out[key]
        launched = math.ceil(share * count) if outcome is Outcome.LAUNCHED else 0
        assume(launched or outcome is not Outcome.LAUNCHED)
        self.known = budgets.answered(self.known, [Answered(key, place, outcome, count, launched)], self.now)
        if outcome is not Outcome.UNKNOWN:
            del self.out[key]

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def ask_again(self, data):
        key = data.draw(st.sampled_from(sorted(self.out)))
        place, count, probed, until = self.out[key]
        mine = [each for each in self.known if each.probe == key]
        again, is_let = let(self.known, key, place, count, self.now)
        if {each.key for each in mine} == {e.key for e in self.known if e.key in budgets.keys_of(place)} and mine:
            assert is_let
            self.known = again
            self.out[key] = (place, count, probed, max(until, self.now + timedelta(seconds=150)))

    @invariant()
    def one_probe_a_key(self):
        probing: dict[str, str] = {}
        for launch, (_, _, keys, until) in self.out.items():
            for key in keys if until > self.now else ():
                budget = next((each for each in self.known if each.key == key), None)
                if budget is not None and budget.probe == launch:
                    assert key not in probing
                    probing[key] = launch
                    assert not let(self.known, "other", *place_with(key), self.now)[1]

    @invariant()
    def waits_are_bounded(self):
        for each in self.known:
            longest = timedelta(seconds=BACK_OFFS[each.outcome].longest_seconds)
            assert each.opens_at - each.refused_at <= longest
            assert 1 <= each.allowed <= OPEN

    @invariant()
    def a_probe_out_is_never_lost_while_its_budget_stands(self):
        for launch, (_, _, keys, until) in self.out.items():
            for each in self.known:
                if each.key in keys and until > self.now and each.since < until - timedelta(seconds=150):
                    assert each.probe == launch


def place_with(key: str) -> tuple[str, int]:
    """A launch of one instance at a place that the key counts for."""
    return next((place, 1) for place in (PLACE, NEIGHBOUR, ELSEWHERE) if key in budgets.keys_of(place))


TestLaunches = Launches.TestCase
