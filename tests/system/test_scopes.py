"""With verification keys every change must be signed by somebody who holds the scopes for it; else nothing changes."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    SignalWorkflowInput,
    StartWorkflowUpdateInput,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
)
from temporalio.exceptions import ApplicationError

from activities.authorizing import Authority
from tests.system.support import (
    IMAGE,
    NEW_IMAGE,
    Loop,
    System,
    document,
    in_process_system,
    name_of,
    status,
    until_status,
)
from worker_manager.tokens import Keyring, VerificationKey, mint

REGIONS_SCHEMA = "/schemas/common/aws-regions.json#"
PAIR = Ed25519PrivateKey.generate()
PRIVATE = PAIR.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PUBLIC = PAIR.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
ALL = ("worker-manager:*", "queue:*")
AUTHORITY = Authority(Keyring((VerificationKey("team", PUBLIC, "team@example.org", ALL),)))


@pytest.fixture(scope="module")
def system(loop: Loop, client: Client) -> Iterator[System]:
    with in_process_system(loop, client, AUTHORITY) as system:
        yield system


def token(workflow_id: str, message: str, value: Any, *scopes: str, **changes: Any) -> str:
    settings = {"subject": "team@example.org", "now": time.time(), "token_id": uuid.uuid4().hex, **changes}
    return mint(
        PRIVATE, key_id="team", workflow_id=workflow_id, message=message, value=value, scopes=scopes or ALL, **settings
    )


def signed(workflow_id: str, message: str, value: dict[str, Any], *scopes: str, **changes: Any) -> dict[str, Any]:
    """The value with its token as the member `authorization`."""
    return {**value, "authorization": token(workflow_id, message, value, *scopes, **changes)}


async def start(system: System, name: str, *scopes: str, **changes: Any) -> WorkflowHandle[Any, Any]:
    id = f"worker-type:{name}"
    value = {"document": document(name, **changes)}
    handle = await system.start_raw("WorkerType", signed(id, "start", value, *scopes), id=id)
    await handle.execute_update("started")
    return handle


async def refusal_of(handle: WorkflowHandle[Any, Any], update: str, value: Any) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await handle.execute_update(update, value)
    cause = cast("ApplicationError", caught.value.cause)
    assert "NotAuthorized" == cause.type, cause
    return str(cause)


async def test_a_signed_edit_is_accepted_and_its_author_is_who_signed_it(system: System) -> None:
    handle = await start(system, name_of("signed"))
    edit = {"patch": {"maxCapacity": 3}, "author": "somebody else"}
    answer = await handle.execute_update("patch_config", signed(handle.id, "patch_config", edit))

    assert (2, False) == (answer["revision"], (await status(handle))["open"])
    assert ["team@example.org"] * 2 == [each["author"] for each in await handle.query("revisions")]


@pytest.mark.parametrize(
    ("update", "value"),
    [
        ("patch_config", {"patch": {"maxCapacity": 3}}),
        ("apply_config", {"document": document("x")}),
        ("restore", {"revision": 1}),
        ("pause", {"reason": "because"}),
        ("pause", None),
        ("resume", None),
        ("drain", {"force": True}),
        ("set_demand", {"pending": 1000}),
        ("may_go", {"instanceId": "i-1"}),
    ],
)
async def test_unsigned_messages_change_nothing(system: System, update: str, value: Any) -> None:
    handle = await start(system, name_of("unsigned"))
    await handle.execute_update("set_demand", signed(handle.id, "set_demand", {"pending": 0}))
    before = await status(handle)
    if update == "apply_config":
        value = {"document": document(before["workerType"], maxCapacity=7)}
    if update == "restore":
        await handle.execute_update("patch_config", signed(handle.id, "patch_config", {"patch": {"maxCapacity": 3}}))
    why = await refusal_of(handle, update, value)

    assert f"{update} must be signed: send a token in the header or member `authorization`" in why
    after = await status(handle)
    assert [before[each] for each in ("mode", "demand")] == [after[each] for each in ("mode", "demand")]
    assert after["revision"] == (2 if update == "restore" else 1)


@pytest.mark.parametrize(
    ("name", "value"), [("pause", None), ("set_demand", 5), ("patch_config", {"maxCapacity": 3}), ("drain", None)]
)
async def test_unsigned_signals_are_refused_and_the_refusal_shown(system: System, name: str, value: Any) -> None:
    handle = await start(system, name_of("signal"))
    before = await status(handle)
    await handle.signal(name, value)
    after = await until_status(handle, lambda now: now["lastRejection"])

    assert (name, "signal", "ConfigRejected") == (
        after["lastRejection"]["message"],
        after["lastRejection"]["via"],
        after["state"],
    )
    assert "must be signed" in after["lastRejection"]["why"]
    assert [before[each] for each in ("mode", "demand", "revision")] == [
        after[each] for each in ("mode", "demand", "revision")
    ]


async def test_signed_signals_work(system: System) -> None:
    handle = await start(system, name_of("signal"))
    await handle.signal("pause", signed(handle.id, "pause", {"reason": "maintenance"}))
    await until_status(handle, lambda now: now["mode"] == "paused")


async def test_a_token_is_for_one_workflow_one_message_one_payload_and_once(system: System) -> None:
    handle, other = await start(system, name_of("one")), await start(system, name_of("other"))
    edit = {"patch": {"maxCapacity": 3}}
    good = signed(handle.id, "patch_config", edit)
    assert f"made for '{handle.id}', not for '{other.id}'" in await refusal_of(other, "patch_config", good)
    assert "payload is not the one" in await refusal_of(handle, "patch_config", {**good, "patch": {"maxCapacity": 9}})
    other_message = {"document": document(handle.id[12:], maxCapacity=4), "authorization": good["authorization"]}
    assert "made for 'patch_config', not for 'apply_config'" in await refusal_of(handle, "apply_config", other_message)
    await handle.execute_update("patch_config", good)
    await handle.execute_update("patch_config", signed(handle.id, "patch_config", {"patch": {"maxCapacity": 5}}))
    assert "was used already" in await refusal_of(handle, "patch_config", good)
    assert "expired" in await refusal_of(
        handle, "patch_config", signed(handle.id, "patch_config", edit, now=time.time() - 1000)
    )
    assert (5, 10) == ((await status(handle))["maxCapacity"], (await status(other))["maxCapacity"])


async def test_what_a_worker_type_grants_must_be_held(system: System) -> None:
    name = name_of("grants")
    manage, provider = f"worker-manager:manage-worker-type:{name}", "worker-manager:provider:aws-provider"
    handle = await start(system, name, manage, provider)
    edit = {"patch": {"scopes": ["queue:claim-work:builds"]}}
    why = await refusal_of(handle, "patch_config", signed(handle.id, "patch_config", edit, manage, provider))
    assert "does not hold 'queue:claim-work:builds'; ask for them, or leave them out" in why
    why = await refusal_of(handle, "patch_config", signed(handle.id, "patch_config", edit, manage, "queue:*"))
    assert "does not hold 'worker-manager:provider:aws-provider'" in why

    holding = (manage, provider, "queue:claim-work:*")
    await handle.execute_update("patch_config", signed(handle.id, "patch_config", edit, *holding))
    # whoever changes what runs on the worker has its scopes at hand: all must be held, not only new ones
    image = {"patch": {"launchSpec": {"ImageId": NEW_IMAGE}}}
    why = await refusal_of(handle, "patch_config", signed(handle.id, "patch_config", image, manage, provider))
    assert "'queue:claim-work:builds'" in why
    # a prefix of another name does not do
    why = await refusal_of(
        handle, "pause", signed(handle.id, "pause", {}, f"worker-manager:manage-worker-type:{name}x*")
    )
    assert f"does not hold '{manage}'" in why


async def test_reporting_demand_has_a_scope_of_its_own(system: System) -> None:
    name = name_of("reports")
    handle = await start(system, name)
    report = f"worker-manager:report-demand:{name}"
    await handle.execute_update("set_demand", signed(handle.id, "set_demand", {"pending": 1}, report))
    assert 1 == (await status(handle))["demand"]["pending"]
    assert "does not hold" in await refusal_of(handle, "pause", signed(handle.id, "pause", {}, report))


async def test_an_unsigned_start_ends_at_once(system: System) -> None:
    name = name_of("bad-start")
    handle = await system.start_raw("WorkerType", document(name), id=f"worker-type:{name}")
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert "NotAuthorized: start must be signed" in str(caught.value.cause)


async def test_a_bare_document_may_carry_its_token(system: System) -> None:
    name = name_of("bare")
    id = f"worker-type:{name}"
    handle = await system.start_raw("WorkerType", signed(id, "start", document(name)), id=id)
    await handle.execute_update("started")
    assert "authorization" not in (await handle.query("config"))["document"]


async def test_shared_configs_have_scopes_of_their_own(system: System) -> None:
    name = name_of("images")
    id, value = f"shared-config:{name}", [{"region": "us-west-1", "launchSpec": {"ImageId": IMAGE}}]
    body = {"name": name, "schema": REGIONS_SCHEMA, "value": value}
    bad = await system.start_raw("SharedConfig", body, id=id)
    with pytest.raises(WorkflowFailureError):
        await bad.result()
    mine = f"worker-manager:manage-shared-config:{name}"
    config = await system.start_raw("SharedConfig", signed(id, "start", body, mine), id=id)
    await config.execute_update("started")

    edit = {"value": [{"region": "us-west-1", "launchSpec": {"ImageId": NEW_IMAGE}}]}
    assert "must be signed" in await refusal_of(config, "apply_config", edit)
    other = "worker-manager:manage-shared-config:others-*"
    assert f"does not hold '{mine}'" in await refusal_of(
        config, "apply_config", signed(id, "apply_config", edit, other)
    )
    granting = {"value": [{**edit["value"][0], "scopes": ["queue:all"]}]}
    why = await refusal_of(config, "apply_config", signed(id, "apply_config", granting, mine))
    assert "does not hold 'queue:all'" in why
    assert 2 == (await config.execute_update("apply_config", signed(id, "apply_config", edit, mine)))["revision"]
    assert ["team@example.org"] * 2 == [each["author"] for each in await config.query("revisions")]
    assert "must be signed" in await refusal_of(config, "restore", {"revision": 1})


class _Signing(Interceptor):
    """Puts a token into the Temporal header, as `temporal workflow update execute --headers` does."""

    def __init__(self, text: str) -> None:
        self.text = text

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002  # named so by the SDK
        return _Header(next, self.text)


class _Header(OutboundInterceptor):
    def __init__(self, inner: OutboundInterceptor, text: str) -> None:
        super().__init__(inner)
        payload = Payload(metadata={"encoding": b"json/plain"}, data=f'"{text}"'.encode())
        self.headers = {"authorization": payload}

    async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:
        input.headers = self.headers
        return await super().start_workflow_update(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        input.headers = self.headers
        await super().signal_workflow(input)


async def test_the_token_may_come_in_the_temporal_header(system: System) -> None:
    handle = await start(system, name_of("header"))

    def sending(message: str, value: Any) -> WorkflowHandle[Any, Any]:
        settings = system.client.config()
        settings["interceptors"] = [_Signing(token(handle.id, message, value))]
        return Client(**settings).get_workflow_handle(handle.id)

    edit = {"maxCapacity": 4}
    assert 2 == (await sending("patch_config", edit).execute_update("patch_config", edit))["revision"]
    await sending("pause", "lunch").signal("pause", "lunch")
    await until_status(handle, lambda now: now["mode"] == "paused")
    assert "this is no token" in await refusal_of(
        Client(**{**system.client.config(), "interceptors": [_Signing("x.y")]}).get_workflow_handle(handle.id),
        "resume",
        None,
    )


async def test_no_token_is_in_what_is_shown_or_carried(system: System) -> None:
    handle = await start(system, name_of("shown"))
    value = signed(handle.id, "patch_config", {"patch": {"maxCapacity": 3}}, now=time.time() - 5000)
    await refusal_of(handle, "patch_config", value)
    shown = str([await handle.query(each) for each in ("status", "config", "explain", "revisions")])
    assert value["authorization"] not in shown
    assert value["authorization"].split(".")[2] not in shown
