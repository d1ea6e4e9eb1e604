"""Where: refusals, places, prices, caps, spot and its fallback."""

from __future__ import annotations

from tests.plan_cases.situation import EAST, KEY_A, KEY_B, A, B, C, Situation
from tests.plan_words import (
    STOPPING,
    answered,
    closed,
    config,
    fleet,
    intent,
    refusal,
    remembering,
    some,
    spec,
    work,
)
from worker_manager.budgets import EVERYTHING, OPEN
from worker_manager.model import Cap, LaunchResult, Market, Outcome
from worker_manager.policies import Spot


def _prices(a, b, c):
    return {each.offering.key: price for each, price in zip((A, B, C), (a, b, c), strict=True)}


REFUSALS = {
    "refused-no-capacity": Situation(
        "one offering, dry: who, why and until when", config(), demand=work(4), memory=answered(Outcome.NO_CAPACITY)
    ),
    "refused-quota": Situation(
        "a quota closes its region", config(0, 100, A, B), demand=work(4), memory=answered(Outcome.QUOTA)
    ),
    "refused-rejected": Situation(
        "a refused launch needs an edit", config(), demand=work(4), memory=answered(Outcome.REJECTED)
    ),
    "refused-credentials": Situation(
        "refused credentials close everything",
        config(0, 100, A, EAST),
        demand=work(4),
        memory=answered(Outcome.CREDENTIALS),
    ),
    "refused-throttled": Situation(
        "throttling closes the region for seconds", config(), demand=work(4), memory=answered(Outcome.THROTTLED)
    ),
    "refused-again": Situation(
        "the fourth refusal waits as long as any: two minutes",
        config(),
        demand=work(4),
        memory=answered(Outcome.NO_CAPACITY),
        budgets=(closed(KEY_A, until=-1, refusals=3),),
    ),
    "refused-together": Situation(
        "refusals that arrive together do not compound",
        config(),
        demand=work(8),
        memory=remembering(
            intent(4, "k1"),
            intent(4, "k2"),
            results=tuple(LaunchResult(key, Outcome.NO_CAPACITY, message="dry") for key in ("k1", "k2")),
        ),
    ),
    "still-blocked": Situation(
        "not tried before its time",
        config(),
        demand=work(4),
        budgets=(closed(KEY_A, until=20),),
    ),
    "probe": Situation(
        "one instance tries what was dry; the rest follows",
        config(),
        demand=work(10),
        budgets=(closed(KEY_A, until=0, refusals=3),),
    ),
    "probe-unanswered": Situation(
        "an unanswered probe keeps a second one from going: looked at again soon",
        config(),
        demand=work(10),
        memory=remembering(intent(1)),
        budgets=(closed(KEY_A, until=0, refusals=3, probe="k1"),),
    ),
    "probe-succeeded": Situation(
        "a success doubles what may be asked: two now",
        config(),
        demand=work(10),
        memory=remembering(intent(1), results=(LaunchResult("k1", Outcome.LAUNCHED, ("i-000",)),)),
        budgets=(closed(KEY_A, until=-1, refusals=3, probe="k1"),),
    ),
    "one-zone-full": Situation(
        "the other zones take over", config(0, 100, A, B, C), demand=work(6), memory=answered(Outcome.NO_CAPACITY)
    ),
    "one-zone-probed": Situation(
        "one probe in the dry zone, the rest elsewhere",
        config(0, 100, A, B),
        demand=work(9),
        budgets=(closed(KEY_A, until=-1),),
    ),
    "quota-in-one-region": Situation(
        "the other region takes it all", config(0, 100, A, B, EAST), demand=work(9), memory=answered(Outcome.QUOTA)
    ),
    "dry-everywhere": Situation(
        "every offering refused: each with its time",
        config(0, 100, A, B),
        demand=work(9),
        budgets=(closed(KEY_A, until=240, refusals=4), closed(KEY_B, until=30)),
    ),
    "dry-everywhere-below-min": Situation(
        "the minimum is not met, and says why",
        config(5),
        fleet(some(2)),
        budgets=(closed(KEY_A, until=30),),
    ),
    "refused-but-not-needed": Situation(
        "a refusal without unmet work holds nothing",
        config(1),
        fleet(some(1)),
        work(0, 1),
        budgets=(closed(KEY_A, until=30),),
    ),
    "edit-clears-a-rejection": Situation(
        "new settings are tried at once, a dry zone stays dry",
        config(0, 100, A, B, config_hash="c2"),
        demand=work(4),
        memory=remembering(refusals=(refusal(KEY_A, until=900),)),
        budgets=(closed(KEY_B, until=30),),
    ),
    "credentials-probed": Situation(
        "credentials may be rotated: a single instance tries",
        config(0, 100, A, EAST),
        demand=work(10),
        budgets=(closed(EVERYTHING, until=-1, outcome=Outcome.CREDENTIALS, refusals=2),),
    ),
}

PLACES = {
    "spread-over-zones": Situation("every zone its share", config(0, 100, A, B, C), demand=work(13)),
    "spread-over-regions": Situation("regions in turn", config(0, 100, A, B, EAST), demand=work(8)),
    "few-in-one-call": Situation("four are not worth two calls", config(0, 100, A, B, C), demand=work(4)),
    "emptiest-zone-first": Situation("where few are", config(0, 100, A, B), fleet(some(4)), work(3, 4)),
    "intents-fill-a-zone": Situation(
        "what was asked for counts where it was", config(0, 100, A, B), demand=work(7), memory=remembering(intent(4))
    ),
    "zone-left-to-the-cloud": Situation(
        "a region without zones", config(0, 100, spec("us-west-1", market=Market.SPOT)), demand=work(3)
    ),
    "more-than-one-call-takes": Situation("a hundred a call, the rest follows", config(0, 1000), demand=work(250)),
    "two-types-in-one-zone": Situation(
        "document order decides", config(0, 100, A, spec(instance_type="c5.large")), demand=work(9)
    ),
}

CAPS = {
    "cap-of-a-region": Situation(
        "the other region takes what the cap leaves",
        config(0, 100, A, EAST, caps=(Cap(5, region="us-west-1"),)),
        fleet(some(3)),
        work(9, 3),
    ),
    "cap-of-a-type": Situation(
        "no other type: the work waits, and says for whom",
        config(0, 100, A, caps=(Cap(5, instance_type="m5.large"),)),
        fleet(some(3)),
        work(9, 3),
    ),
    "cap-counts-what-leaves": Situation(
        "what stops and what was asked for takes room below the cap",
        config(0, 100, A, caps=(Cap(5, region="us-west-1"),)),
        fleet(some(1), some(2, STOPPING, first=5)),
        work(9, 1),
        remembering(intent(1)),
    ),
    "cap-and-a-dry-zone": Situation(
        "one place is full, the other is dry: both are told",
        config(0, 100, A, EAST, caps=(Cap(3, region="us-west-1"),)),
        fleet(some(3)),
        work(9, 3),
        budgets=(closed(EAST.offering.key, until=20),),
    ),
}

STRONG = spec(instance_type="m5.2xlarge", utility=4.0)

PRICES = {
    "cheapest-first": Situation(
        "all of it where it is cheapest", config(0, 100, A, B, C), demand=work(12), prices=_prices(0.2, 0.1, 0.3)
    ),
    "equal-prices-are-spread": Situation(
        "within a step of 15 % they are equals",
        config(0, 100, A, B, C),
        demand=work(12),
        prices=_prices(0.1, 0.11, 0.3),
    ),
    "unknown-price-last": Situation(
        "what has no price is not chosen before what has one",
        config(0, 100, A, B, C),
        demand=work(12),
        prices={KEY_B: 0.3},
    ),
    "price-per-utility": Situation(
        "twice as dear and four times as useful",
        config(0, 100, A, STRONG),
        demand=work(4),
        prices={KEY_A: 0.1, STRONG.offering.key: 0.2},
    ),
    "cheapest-is-dry": Situation(
        "the second cheapest takes over",
        config(0, 100, A, B, C),
        demand=work(12),
        prices=_prices(0.2, 0.1, 0.3),
        budgets=(closed(KEY_B, until=20),),
    ),
}

SPOT_A, SPOT_B = spec(market=Market.SPOT, family="standard"), spec("us-west-1b", market=Market.SPOT, family="standard")
INSTEAD = spec(family="standard", is_fallback=True)
PATIENCE = Spot({Outcome.NO_CAPACITY: 300.0, Outcome.QUOTA: 0.0})
MIXED = config(0, 100, SPOT_A, SPOT_B, INSTEAD, spot=PATIENCE)
SPOT_KEYS = (SPOT_A.offering.key, SPOT_B.offering.key)

FALLBACK = {
    "fallback-not-needed": Situation("spot takes it all", MIXED, demand=work(9)),
    "fallback-too-early": Situation(
        "spot is dry for two minutes of five: the work waits, and until when",
        MIXED,
        demand=work(9),
        budgets=tuple(closed(key, until=20, since=-120) for key in SPOT_KEYS),
    ),
    "fallback-after-its-time": Situation(
        "spot is dry for five minutes: bought on demand, and it says why",
        MIXED,
        demand=work(9),
        budgets=tuple(closed(key, until=20, since=-300) for key in SPOT_KEYS),
    ),
    "fallback-one-zone-open": Situation(
        "one zone has spot still: it takes it all",
        MIXED,
        demand=work(9),
        budgets=(closed(SPOT_KEYS[0], until=20, since=-900),),
    ),
    "fallback-at-once-for-a-quota": Situation(
        "a quota does not pass by waiting",
        MIXED,
        demand=work(9),
        budgets=(closed("us-west-1/family/standard/spot", until=50, outcome=Outcome.QUOTA, since=-10),),
    ),
    "fallback-while-spot-is-probed": Situation(
        "one spot instance is tried; the rest is bought on demand meanwhile",
        MIXED,
        demand=work(9),
        budgets=(closed(SPOT_KEYS[0], until=-1, since=-900), closed(SPOT_KEYS[1], until=60, since=-900)),
    ),
    "fallback-spot-is-back": Situation(
        "a probe succeeded: spot again, as many as are allowed, and nothing on demand",
        MIXED,
        demand=work(9),
        budgets=(closed(SPOT_KEYS[0], until=-1, refusals=0, allowed=2), closed(SPOT_KEYS[1], until=60, since=-900)),
    ),
}

BUDGETS = {
    "budget-of-a-part": Situation(
        "three of four came, so half of four is asked next, once its wait is over",
        config(),
        demand=work(10),
        memory=answered(Outcome.LAUNCHED, "i-000", "i-001", "i-002"),
    ),
    "budget-grows": Situation(
        "eight may be asked for at once after a few successes",
        config(),
        demand=work(20),
        budgets=(closed(KEY_A, until=-1, refusals=0, allowed=8),),
    ),
    "budget-probed-by-others": Situation(
        "another worker type tries the place: looked at again soon",
        config(),
        demand=work(4),
        budgets=(closed(KEY_A, until=-1, probe="theirs"),),
    ),
    "quota-of-a-family": Situation(
        "other families of the region are open",
        config(0, 100, spec(family="standard"), spec(instance_type="g5.xlarge", family="g")),
        demand=work(9),
        budgets=(closed("us-west-1/family/standard/onDemand", until=50, outcome=Outcome.QUOTA),),
    ),
    "quota-of-one-market": Situation(
        "a quota of spot says nothing of on-demand",
        config(0, 100, SPOT_A, spec(family="standard")),
        demand=work(9),
        budgets=(closed("us-west-1/family/standard/spot", until=50, outcome=Outcome.QUOTA),),
    ),
    "throttled-region-open-again": Situation(
        "throttling slows: all of it is asked for at once by one call",
        config(0, 100, A, B),
        demand=work(40),
        budgets=(closed("us-west-1", until=-1, outcome=Outcome.THROTTLED, allowed=OPEN),),
    ),
    "refused-for-many-reasons": Situation(
        "seven places, each with its cause: six are told, the rest counted",
        config(0, 100, *(spec(f"us-west-1{zone}", kind) for kind in ("m5.large", "c5.large") for zone in "abcd")),
        demand=work(4),
        budgets=tuple(
            closed(spec(f"us-west-1{zone}", kind).offering.key, until=20 + number)
            for number, (kind, zone) in enumerate((kind, zone) for kind in ("m5.large", "c5.large") for zone in "abcd")
        ),
    ),
}

SITUATIONS: dict[str, Situation] = REFUSALS | PLACES | CAPS | PRICES | FALLBACK | BUDGETS
