"""The shape of every message: short forms, what is refused, and that the refusal names what is wrong."""

from __future__ import annotations

import pytest

from worker_manager.requests import (
    MAX_SLOTS,
    Drain,
    Edit,
    EditValue,
    InventoryStart,
    MayGo,
    MessageInvalid,
    Patch,
    Pause,
    Resume,
    SetDemand,
    SharedConfigChanged,
    SharedConfigStart,
    Subscribe,
    did_you_mean,
    parse,
)

TOKEN = "eyJhbGciOiJFZERTQSJ9.c2VjcmV0"


@pytest.mark.parametrize(
    ("expected", "model", "value"),
    [
        pytest.param(SetDemand(pending=7), SetDemand, 7, id="a-number-is-the-demand"),
        pytest.param(SetDemand(pending=0, claimed=0), SetDemand, {"pending": 0, "claimed": 0}, id="demand-in-full"),
        pytest.param(SetDemand(pending=MAX_SLOTS), SetDemand, MAX_SLOTS, id="the-most-demand"),
        pytest.param(Pause(), Pause, None, id="nothing-to-say"),
        pytest.param(Pause(reason="lunch"), Pause, "lunch", id="a-string-is-the-reason"),
        pytest.param(Resume(reason="back"), Resume, "back", id="resume-reason"),
        pytest.param(Drain(), Drain, {}, id="drain-is-gentle"),
        pytest.param(Drain(force=True, author="ops"), Drain, {"force": True, "author": "ops"}, id="drain-in-full"),
        pytest.param(MayGo(instance_id="i-1"), MayGo, "i-1", id="a-string-is-the-instance"),
        pytest.param(MayGo(instance_id="i-1"), MayGo, {"instanceId": "i-1"}, id="may-go-in-full"),
        pytest.param(Edit(document={"minCapacity": 1}), Edit, {"minCapacity": 1}, id="a-bare-document"),
        pytest.param(
            Edit(document={"minCapacity": 1}, expected_revision=3),
            Edit,
            {"document": {"minCapacity": 1}, "expectedRevision": 3},
            id="edit-in-full",
        ),
        pytest.param(Patch(patch={"owner": None}), Patch, {"owner": None}, id="a-bare-patch"),
        pytest.param(EditValue(value=[1]), EditValue, [1], id="a-bare-array-value"),
        pytest.param(EditValue(value={"a": 1}), EditValue, {"a": 1}, id="a-bare-object-value"),
        pytest.param(EditValue(value=None), EditValue, None, id="null-is-a-value"),
        pytest.param(
            EditValue(value=None, schema_id="/s#"), EditValue, {"value": None, "schema": "/s#"}, id="value-with-schema"
        ),
        pytest.param(
            SharedConfigStart(name="n", schema_id="/s#", value=[]),
            SharedConfigStart,
            {"name": "n", "schema": "/s#", "value": []},
            id="shared-config-start",
        ),
        pytest.param(InventoryStart(provider="p"), InventoryStart, {"provider": "p"}, id="inventory-start"),
        pytest.param(
            SharedConfigChanged(name="n", revision=2), SharedConfigChanged, {"name": "n", "revision": 2}, id="changed"
        ),
        pytest.param(Subscribe(subscriber="worker-type:w"), Subscribe, {"subscriber": "worker-type:w"}, id="subscribe"),
    ],
)
def test_what_is_understood(expected, model, value):
    assert expected == parse(model, value)


@pytest.mark.parametrize(
    ("words", "model", "value"),
    [
        pytest.param(["/pendng: unknown member, did you mean 'pending'?"], SetDemand, {"pendng": 3}, id="misspelt"),
        pytest.param(["/pending: required"], SetDemand, {"pendng": 3}, id="misspelt-and-so-missing"),
        pytest.param(["/forced: unknown member, did you mean 'force'?"], Drain, {"forced": True}, id="misspelt-drain"),
        pytest.param(
            ["/expectedRevison: unknown member, did you mean 'expectedRevision'?"],
            Edit,
            {"document": {}, "expectedRevison": 1},
            id="misspelt-by-its-public-name",
        ),
        pytest.param(["/colour: unknown member; known: reason, author"], Pause, {"colour": "red"}, id="like-nothing"),
        pytest.param(["/pending: ", "valid integer", "got True"], SetDemand, {"pending": True}, id="bool-for-int"),
        pytest.param(["expected an object", "got True"], SetDemand, True, id="bare-bool-for-int"),
        pytest.param(["/pending: ", "valid integer", "got '3'"], SetDemand, {"pending": "3"}, id="string-for-int"),
        pytest.param(["/pending: ", "valid integer", "got 3.5"], SetDemand, {"pending": 3.5}, id="float-for-int"),
        pytest.param(["/pending: ", "got None"], SetDemand, {"pending": None}, id="null-for-int"),
        pytest.param(["/pending: ", "greater than or equal to 0", "got -1"], SetDemand, -1, id="negative"),
        pytest.param(["/claimed: ", "less than or equal"], SetDemand, {"pending": 1, "claimed": 10**9}, id="too-much"),
        pytest.param(["/force: ", "valid boolean", "got 1"], Drain, {"force": 1}, id="int-for-bool"),
        pytest.param(["/reason: ", "valid string", "got an array"], Pause, {"reason": []}, id="array-for-string"),
        pytest.param(["/reason: ", "at most 1000"], Pause, "x" * 1001, id="a-novel"),
        pytest.param(["/instanceId: ", "at least 1"], MayGo, "", id="empty-instance"),
        pytest.param(
            ["/name: ", "at most 128"],
            SharedConfigChanged,
            {"name": "n" * 129, "revision": 1},
            id="a-name-kept-for-long",
        ),
        pytest.param(["/document: ", "got an array"], Edit, {"document": []}, id="document-of-the-wrong-type"),
        pytest.param(["expected an object with reason", "got an array"], Edit, [1], id="array-for-document"),
        pytest.param(["expected an object", "patch", "got 'x'"], Patch, "x", id="string-for-patch"),
        pytest.param(["/expectedRevision: ", "got 0"], Edit, {"document": {}, "expectedRevision": 0}, id="revision-0"),
        pytest.param(["/name: required", "/schema: required", "/value: "], SharedConfigStart, {}, id="all-three"),
        pytest.param(["expected an object with", "provider", "got None"], InventoryStart, None, id="no-start-input"),
    ],
)
def test_what_is_refused_names_the_member_and_the_reason(words, model, value):
    with pytest.raises(MessageInvalid) as caught:
        parse(model, value)
    assert [] == [each for each in words if each not in str(caught.value)]


@pytest.mark.parametrize(
    "value",
    [
        {"pending": -1, "authorization": TOKEN},
        {"pending": 1, "authorization": [TOKEN]},
        {"pending": 1, "authorization": {"token": TOKEN}},
        {"pending": 1, "authorization": TOKEN * 1000},
        {"pending": 1, "authorisation": TOKEN},
    ],
)
def test_a_refusal_never_echoes_the_authorization(value):
    with pytest.raises(MessageInvalid) as caught:
        parse(SetDemand, value)
    assert TOKEN not in str(caught.value)


def test_a_parsed_message_does_not_show_its_authorization():
    message = parse(SetDemand, {"pending": 1, "authorization": TOKEN})
    assert TOKEN == message.authorization
    assert TOKEN not in repr(message)


def test_a_long_wrong_value_is_shown_in_part():
    with pytest.raises(MessageInvalid) as caught:
        parse(SetDemand, {"pending": "x" * 10_000})
    assert len(str(caught.value)) < 300


def test_at_most_ten_problems_are_named():
    with pytest.raises(MessageInvalid) as caught:
        parse(Pause, {f"member{index}": 1 for index in range(100)})
    assert 10 == str(caught.value).count("unknown member")


def test_suggestions():
    assert (", did you mean 'pause'?", "") == (
        did_you_mean("puase", ["pause", "resume"]),
        did_you_mean("xyz", ["pause", "resume"]),
    )
