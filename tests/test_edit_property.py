"""Over any sequence of accepted edits no worker type ever fails to resolve, and what is proven holds for any value."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from random import Random

from hypothesis import event, given, settings
from hypothesis import strategies as st

from schemas import loader
from tests.edit_model import NOW, RECORDS, Model, drawn, edits, names_in, resolves
from worker_manager.config import SharedValue, check_shared_value, render
from worker_manager.proofs import proofs
from worker_manager.validation import schema_problems

EDITS = 25
DRAWS = 3


def check_all_resolve(model: Model) -> None:
    values = model.values()
    assert [] == [name for name, each in model.worker_types.items() if not resolves(each[-1], values)]


def check_proofs(model: Model, random: Random) -> int:
    """How often a value in place of today's was tried where one is proven to fit."""
    tried = 0
    for (document,) in ([each[-1]] for each in model.worker_types.values()):
        kind = RECORDS[document["provider"]].kind
        for proof in proofs(document, kind, model.schemas):
            schema = model.schemas[proof.name]
            for value in (drawn(schema, random) for _ in range(DRAWS if proof.proven else 0)):
                if value is not None:
                    assert () == check_shared_value(schema, value)
                    assert [] == misfits(model, document, kind, proof.pointer, {proof.name: value})
                    tried += 1
    return tried


def misfits(model: Model, document, kind: str, pointer: str, instead) -> list[str]:
    """Breaches of the provider's schema at or below the pointer, with other values in place of today's."""
    shared = {name: each for name, each in model.values(**instead).items() if name in names_in(document)}
    rendered = render(document, shared, NOW)
    found = schema_problems(loader.provider_schemas(kind).worker_configuration, rendered)
    return [str(each) for each in found if f"{each.pointer}/".startswith(f"{pointer}/")]


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(st.randoms(use_true_random=False))
def test_after_every_accepted_edit_every_worker_type_resolves_and_every_proof_holds(random):
    model = Model.of_examples()
    check_all_resolve(model)
    for edit in islice(edits(model, random), EDITS):
        is_accepted = model.accept(edit)
        event(f"{edit.update} {'accepted' if is_accepted else 'refused'}")
        if is_accepted:
            check_all_resolve(model)
    event(f"proofs tried: {check_proofs(model, random) // 10 * 10} or more")


def test_the_edits_are_mixed_and_the_proofs_many():
    seen: Counter[tuple[str, bool]] = Counter()
    proven = 0
    for seed in range(8):
        random = Random(seed)
        model = Model.of_examples()
        for edit in islice(edits(model, random), 2 * EDITS):
            seen[edit.update, model.accept(edit)] += 1
        check_all_resolve(model)
        proven += check_proofs(model, random)
    accepted = sum(count for (_, is_accepted), count in seen.items() if is_accepted)
    assert 0.3 < accepted / seen.total() < 0.8, seen
    assert {(update, each) for update in ("apply_config", "patch_config", "start") for each in (True, False)} <= set(
        seen
    )
    assert proven > 200


def test_the_model_refuses_what_breaks_a_worker_type():
    """Else the test above would hold for a model that asks nothing."""
    model = Model.of_examples()
    model.shared["aws-docker-regions"].append([{"region": "eu-central-1"}])
    assert not resolves(model.worker_types["docker-small"][-1], model.values())
    assert isinstance(model.values()["aws-docker-regions"], SharedValue)
