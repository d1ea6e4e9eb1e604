"""What people and programs may say to a workflow: the shape of every message, and errors that name what is wrong.

One JSON value a message. Short forms are understood where there is one main member: a bare document, value or number.
"""

from __future__ import annotations

import difflib
from contextvars import ContextVar
from typing import Annotated, Any, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.alias_generators import to_camel

from worker_manager.budgets import KEPT_CHARACTERS, MOST_BUDGETS
from worker_manager.errors import Problem
from worker_manager.model import Outcome

MAX_SLOTS = 1_000_000
# As schemas/common/worker-type.yml has it, and "" for none.
OWNER = r"^[^\x00-\x1f\x7f]{0,256}$"
# As worker_manager.budgets.place_of writes it: region/zone/type/market|family.
PLACE = r"^[!-.0-{]{1,64}(/[!-.0-{]{1,64}){3}\|[ -{]{0,64}$"
LAUNCH_KEY = r"^[!-~]{1,64}$"
CAPABILITY = r"^[A-Za-z0-9-]{16,64}$"
# The one member that a bare document may have beside its own.
_PROOF = ("authorization",)


# The token in the Temporal header `authorization` of the message being handled, "" where there is none.
HEADER_TOKEN: ContextVar[str] = ContextVar("HEADER_TOKEN", default="")


class MessageInvalid(ValueError):
    """The value does not have the shape this message asks for; `problems` point at each member at fault."""

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems or (Problem("", message, "message"),)


class Message(BaseModel):
    """Members every message may carry: who says it, why, and the proof that they may."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True, frozen=True)

    reason: str = Field("", max_length=1000)
    author: str = Field("", max_length=200)
    authorization: str = Field("", max_length=8192, repr=False)


class SetDemand(Message):
    """Work in slots: `pending` waits, `claimed` runs (left out where the source cannot tell).

    Without `claimed`, `pending` is the total of both, unless `waitingOnly` says that it is what waits.
    """

    pending: int = Field(ge=0, le=MAX_SLOTS)
    claimed: int | None = Field(None, ge=0, le=MAX_SLOTS)
    waiting_only: bool = False


class Pause(Message):
    """Launch and end nothing until `resume`."""


class Resume(Message):
    """Go on after `pause` or `drain`."""


class Drain(Message):
    """Launch nothing, end what is idle; with `force` end everything now."""

    force: bool = False


class MayGo(Message):
    """An idle worker asks whether its instance may go; the answer is binding."""

    instance_id: str = Field(min_length=1, max_length=200)


class InstanceMessage(Message):
    """Something about one instance or several, by their ids; of many instances it is best told in one message."""

    instance_id: str | None = Field(None, min_length=1, max_length=200)
    instance_ids: list[Annotated[str, Field(min_length=1, max_length=200)]] | None = Field(
        None, min_length=1, max_length=1000
    )

    @model_validator(mode="after")
    def _names_instances(self) -> Self:
        if (self.instance_id is None) == (self.instance_ids is None):
            raise ValueError("needs either instanceId or instanceIds")
        return self

    @property
    def ids(self) -> list[str]:
        """All ids it names."""
        return self.instance_ids if self.instance_ids is not None else [self.instance_id or ""]


class Registered(InstanceMessage):
    """The worker of an instance has started and takes work."""


class Failed(InstanceMessage):
    """The worker of an instance gives up: the instance is ended and replaced."""


class Interrupted(InstanceMessage):
    """The cloud is about to take an instance away: it is replaced at once, and left to finish what it can."""


class Hold(InstanceMessage):
    """Neither end nor replace the instance until `release`."""


class Quarantine(InstanceMessage):
    """Keep the instance, for somebody to look at, and do not count on it until `release`."""


class Release(InstanceMessage):
    """Undo `hold` or `quarantine`."""


class Change(Message):
    """A change of a config, accepted only if the current revision is still `expectedRevision` (when given).

    `managedBy` names whoever keeps the config in files, so that others leave it alone.
    """

    expected_revision: int | None = Field(None, ge=1)
    managed_by: str | None = Field(None, max_length=1000)


class Edit(Change):
    """A new document in full. Also what a worker type is started with."""

    document: dict[str, Any]


class Patch(Change):
    """A JSON merge patch (RFC 7396) of the current document."""

    patch: dict[str, Any]


class Restore(Change):
    """Make an earlier revision the newest again; checked like any edit."""

    revision: int = Field(ge=1)


class EditValue(Change):
    """A new value of a shared config; `name` and `schema`, when given, must be what they always were."""

    value: Any
    name: str | None = None
    schema_id: str | None = Field(None, alias="schema")
    description: str | None = Field(None, max_length=4096)
    owner: str | None = Field(None, pattern=OWNER)

    @field_validator("name", "schema_id", "description", "owner", mode="before")
    @classmethod
    def _is_given(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("must be a text; to keep what there is, leave it out")
        return value


class SharedConfigStart(Change):
    """A shared config as its file says it."""

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,127}$")
    schema_id: str = Field(alias="schema", min_length=1, max_length=300)
    value: Any
    description: str = Field("", max_length=4096)
    owner: str = Field("", pattern=OWNER)


class InventoryStart(Message):
    """The provider to watch."""

    provider: str = Field(min_length=1, max_length=200)


class SharedConfigChanged(Message):
    """A shared config was edited; the value is read when resolving."""

    name: str = Field(max_length=128)
    revision: int = Field(ge=1)


class Subscribe(Message):
    """A worker type depends on a shared config."""

    subscriber: str = Field(pattern=r"^worker-type:[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")


class OfferingsStart(Message):
    """The provider whose refusals are remembered."""

    provider: str = Field(min_length=1, max_length=200)


class Part(BaseModel):
    """One of many in a message."""

    model_config = Message.model_config


class LaunchWish(Part):
    """A launch that may be sent once its place lets it through."""

    launch_key: str = Field(pattern=LAUNCH_KEY)
    place: str = Field(pattern=PLACE)
    count: int = Field(ge=1, le=MAX_SLOTS)


class LetThrough(Message):
    """Launches that ask to be sent; one that may is the probe of its place for so many seconds, or until answered."""

    launches: list[LaunchWish] = Field(min_length=1, max_length=MOST_BUDGETS)
    seconds: float = Field(gt=0, le=3600)


class LaunchAnswer(LaunchWish):
    """How a launch ended at its place: `launched` of `count` instances."""

    launched: int = Field(ge=0, le=MAX_SLOTS)
    outcome: Outcome = Field(strict=False)
    message: str = Field("", max_length=KEPT_CHARACTERS)
    code: str = Field("", max_length=KEPT_CHARACTERS)


class LaunchAnswers(Message):
    """How launches ended; sent by worker processes."""

    answers: list[LaunchAnswer] = Field(min_length=1, max_length=MOST_BUDGETS)


class Forget(Message):
    """Forget what refused, as if it never had: the place of this key, or all of them where none is given."""

    key: str = Field("", max_length=1000)


class DemandStart(Message):
    """The demand source to read, by its normalized settings."""

    settings: dict[str, Any]


class DemandSubscribe(Subscribe):
    """A worker type wants to hear of a demand source; every reading it is told must repeat its `capability`.

    `maxAgeSeconds` is the age at which it no longer trusts a reading, left out where that never happens.
    """

    capability: str = Field(pattern=CAPABILITY, repr=False)
    max_age_seconds: float | None = Field(None, ge=0, strict=False)


class DemandUnsubscribe(Subscribe):
    """A worker type no longer wants to hear of a demand source."""

    capability: str = Field(pattern=CAPABILITY, repr=False)


class DemandRead(Message):
    """What a demand source said at `readAt`: slots, or the `error` for which there are none."""

    source: str = Field(min_length=1, max_length=100)
    capability: str = Field(pattern=CAPABILITY, repr=False)
    read_at: AwareDatetime = Field(strict=False)
    pending: int | None = Field(None, ge=0, le=MAX_SLOTS)
    claimed: int | None = Field(None, ge=0, le=MAX_SLOTS)
    waiting_only: bool = False
    error: str = Field("", max_length=500)

    @model_validator(mode="after")
    def _says_something(self) -> DemandRead:
        if (self.pending is None) == (not self.error):
            raise ValueError("give pending, or the error for which there is no number")
        return self


AnyMessage = TypeVar("AnyMessage", bound=Message)


def parse(model: type[AnyMessage], value: Any) -> AnyMessage:
    """Check one decoded message. Raises MessageInvalid naming every member at fault."""
    data = _long_form(model, value)
    if not isinstance(data, dict):
        raise MessageInvalid(f"expected an object with {_members(model)}, got {_describe(data)}")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = error.errors()[:10]
        problems = tuple(_problem(model, each) for each in found)
        raise MessageInvalid("; ".join(_sentence(model, each) for each in found), problems) from error


def _long_form(model: type[Message], data: Any) -> Any:
    """Short forms: a bare document, patch, value or number is the message's main member; a string is the reason."""
    if data is None and not any(field.is_required() for field in model.model_fields.values()):
        return {}
    for kind, member in ((Edit, "document"), (Patch, "patch")):
        if model is kind and isinstance(data, dict) and member not in data:
            return {member: {name: data[name] for name in data if name not in _PROOF}, **_proof(data)}
    if model is EditValue and not (isinstance(data, dict) and ("value" in data or {"name", "schema"} <= set(data))):
        return {"value": data}
    return _bare(model, data)


def _bare(model: type[Message], data: Any) -> Any:
    """The long form of a bare number, text or list."""
    main: list[tuple[type[Any], tuple[type[Message], ...], str]] = [
        (int, (SetDemand,), "pending"),
        (int, (Restore,), "revision"),
        (str, (Pause, Resume, Drain), "reason"),
        (str, (MayGo, InstanceMessage), "instanceId"),
        (str, (Forget,), "key"),
        (list, (InstanceMessage,), "instanceIds"),
    ]
    for kind, models, member in main:
        if type(data) is kind and issubclass(model, models):
            return {member: data}
    return data


def _proof(data: dict[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in data if name in _PROOF}


def _sentence(model: type[Message], error: Any) -> str:
    where = "/" + "/".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown member{did_you_mean(str(error['loc'][-1]), _names(model))}; known: {_members(model)}"
    if error["type"] == "missing":
        return f"{where}: required"
    got = "" if where == "/authorization" else f", got {_describe(error.get('input'))}"
    return f"{where}: {error['msg'][:1].lower()}{error['msg'][1:]}{got}"


def _problem(model: type[Message], error: Any) -> Problem:
    """The same with a pointer; what is missing is a problem of what it is missing from, as in documents."""
    steps = [str(each) for each in error["loc"]]
    if error["type"] == "missing":
        return Problem("".join(f"/{each}" for each in steps[:-1]), f"{steps[-1]!r} is missing", "required")
    pointer = "".join(f"/{each}" for each in steps)
    message = _sentence(model, error).removeprefix(f"{pointer}: ")
    return Problem(pointer, message, "unknown-key" if error["type"] == "extra_forbidden" else "message")


def _names(model: type[Message]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _members(model: type[Message]) -> str:
    return ", ".join(_names(model))


def _describe(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def did_you_mean(name: str, known: list[str]) -> str:
    """`, did you mean 'pause'?` or nothing."""
    close = difflib.get_close_matches(name, known, n=1)
    return f", did you mean {close[0]!r}?" if close else ""
