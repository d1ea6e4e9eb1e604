"""Decides what a failed EC2 call means: one table from error codes to classes, and from classes to our own errors.

Classified by code first, then by HTTP status; whatever is not known counts as "may have taken effect". It must not know
what is done about a failure, and no text it makes may carry credentials or user data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from worker_manager import errors
from worker_manager.model import Outcome


class FailureKind(StrEnum):
    """What a failure means; the value is how it is said to people."""

    THROTTLE = "called too often"
    CAPACITY = "no capacity"
    QUOTA = "the account's limit is reached"
    INVALID = "the settings are refused"
    AUTH = "credentials or permissions are refused"
    NOT_SENT = "nothing was sent"
    GONE = "no such instance"
    TRANSIENT = "no definite answer"


_THROTTLE, _CAPACITY, _QUOTA, _INVALID = (
    FailureKind.THROTTLE,
    FailureKind.CAPACITY,
    FailureKind.QUOTA,
    FailureKind.INVALID,
)
_AUTH, _NOT_SENT, _GONE, _TRANSIENT = (
    FailureKind.AUTH,
    FailureKind.NOT_SENT,
    FailureKind.GONE,
    FailureKind.TRANSIENT,
)

# A code, or a prefix ending in "*". An exact code wins over a prefix, a longer prefix over a shorter one.
# Sources: "Error codes for the Amazon EC2 API" of the EC2 API reference; the common errors of AWS query APIs; class
# names of botocore.exceptions for what never became an answer.
RULES: tuple[tuple[str, FailureKind], ...] = (
    ("RequestLimitExceeded", _THROTTLE),
    ("Throttling", _THROTTLE),
    ("ThrottlingException", _THROTTLE),
    ("EC2ThrottledException", _THROTTLE),
    ("SlowDown", _THROTTLE),
    # HTTP 500, but a definite refusal all the same.
    ("InsufficientInstanceCapacity", _CAPACITY),
    ("InsufficientHostCapacity", _CAPACITY),
    ("InsufficientCapacity", _CAPACITY),
    ("InsufficientFreeAddressesInSubnet", _CAPACITY),
    ("Insufficient*", _CAPACITY),
    ("UnfulfillableCapacity", _CAPACITY),
    # "This instance type is not offered in this zone": another offering may be.
    ("Unsupported", _CAPACITY),
    ("SpotMaxPriceTooLow", _CAPACITY),
    ("ReservationCapacityExceeded", _CAPACITY),
    ("VcpuLimitExceeded", _QUOTA),
    ("InstanceLimitExceeded", _QUOTA),
    ("MaxSpotInstanceCountExceeded", _QUOTA),
    ("MaxFleetCountExceeded", _QUOTA),
    ("InvalidParameter*", _INVALID),
    ("InvalidAMIID.*", _INVALID),
    ("InvalidSubnetID.*", _INVALID),
    ("InvalidGroup.*", _INVALID),
    ("InvalidInstanceType*", _INVALID),
    ("InvalidLaunchTemplate*", _INVALID),
    ("InvalidInstanceID.Malformed", _INVALID),
    # InvalidKeyPair.NotFound, InvalidUserData.Malformed, …: every EC2 code of this form refuses the request itself.
    ("Invalid*", _INVALID),
    ("MissingParameter", _INVALID),
    ("UnknownParameter", _INVALID),
    ("UnsupportedOperation", _INVALID),
    ("OperationNotPermitted", _INVALID),
    ("TagLimitExceeded", _INVALID),
    ("IdempotentParameterMismatch", _INVALID),
    ("ParamValidationError", _INVALID),
    ("AuthFailure", _AUTH),
    ("UnauthorizedOperation", _AUTH),
    ("Blocked", _AUTH),
    ("OptInRequired", _AUTH),
    ("PendingVerification", _AUTH),
    ("ExpiredToken", _AUTH),
    ("ExpiredTokenException", _AUTH),
    ("RequestExpired", _AUTH),
    ("AccessDenied", _AUTH),
    ("AccessDeniedException", _AUTH),
    ("IncompleteSignature", _AUTH),
    ("InvalidClientTokenId", _AUTH),
    ("InvalidSecurity", _AUTH),
    ("MissingAuthenticationToken", _AUTH),
    ("SignatureDoesNotMatch", _AUTH),
    ("UnrecognizedClientException", _AUTH),
    ("NoCredentialsError", _AUTH),
    ("PartialCredentialsError", _AUTH),
    ("CredentialRetrievalError", _AUTH),
    ("TokenRetrievalError", _AUTH),
    ("LoginTokenLoadError", _AUTH),
    ("SSOError", _AUTH),
    ("EndpointConnectionError", _NOT_SENT),
    ("ConnectTimeoutError", _NOT_SENT),
    ("ProxyConnectionError", _NOT_SENT),
    ("InvalidInstanceID.NotFound", _GONE),
    # The launch had its effect and its instances have ended since: its tag tells what became of it.
    ("IdempotentInstanceTerminated", _TRANSIENT),
    ("InternalError", _TRANSIENT),
    ("InternalFailure", _TRANSIENT),
    ("ServiceUnavailable", _TRANSIENT),
    ("Unavailable", _TRANSIENT),
    ("RequestTimeout", _TRANSIENT),
    ("BotoCoreError", _TRANSIENT),
)

_EXACT = {pattern: kind for pattern, kind in RULES if not pattern.endswith("*")}
_PREFIXES = sorted(
    ((pattern[:-1], kind) for pattern, kind in RULES if pattern.endswith("*")), key=lambda rule: -len(rule[0])
)

# Only for codes the table does not know. All other statuses stay "no definite answer", 4xx included: an unknown code
# is no proof that nothing was launched.
STATUS_RULES: dict[int, FailureKind] = {401: _AUTH, 403: _AUTH, 429: _THROTTLE}

# NOT_SENT is a definite refusal which says nothing about the offering, the quota or the settings: like a throttled
# call, it is to be repeated later.
OUTCOMES: dict[FailureKind, Outcome] = {
    _THROTTLE: Outcome.THROTTLED,
    _CAPACITY: Outcome.NO_CAPACITY,
    _QUOTA: Outcome.QUOTA,
    _INVALID: Outcome.REJECTED,
    _AUTH: Outcome.CREDENTIALS,
    _NOT_SENT: Outcome.THROTTLED,
    _GONE: Outcome.UNKNOWN,
    _TRANSIENT: Outcome.UNKNOWN,
}

_ERRORS: dict[FailureKind, type[errors.ProviderError]] = {
    _CAPACITY: errors.CapacityUnavailable,
    _QUOTA: errors.QuotaExceeded,
    _INVALID: errors.SpecRejected,
    _AUTH: errors.CredentialsRejected,
    _NOT_SENT: errors.ProviderUnavailable,
    _GONE: errors.ProviderUnavailable,
    _TRANSIENT: errors.ProviderUnavailable,
}

_ADVICE: dict[FailureKind, str] = {
    _THROTTLE: "repeat it later; if it lasts, lower launch_calls_per_second or calls_per_second of the provider",
    _CAPACITY: "use other offerings meanwhile; if it lasts, allow more zones or instance types",
    _QUOTA: "ask AWS for a higher quota, or ask for less capacity",
    _INVALID: "correct the launch settings; an unchanged repeat cannot succeed",
    _AUTH: "check the credentials of this process and what they are allowed to do",
    _NOT_SENT: "check network and endpoint; repeat it later",
    _GONE: "list the instances again",
    _TRANSIENT: "it may have taken effect; an unchanged repeat is safe",
}

_ADVICE_BY_CODE: dict[str, str] = {
    "IdempotentParameterMismatch": (
        "this is a bug in worker manager: one launch key was sent with two sets of parameters; please report it"
    ),
    "InvalidInstanceID.Malformed": "this is a bug in worker manager: these ids come from no listing; please report it",
    "OperationNotPermitted": "lift the termination protection of the instance, or end it by hand",
    "RequestExpired": "correct this machine's clock",
    "CallTimeTooShort": "repeat it with a longer time-out",
}

# What may identify us in a text of AWS (IncompleteSignature quotes the Authorization header) or of a proxy.
_SECRETS = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}"
    r"|(?<=Credential=)[^\s,&]+|(?<=Signature=)[^\s,&]+|(?<=Token=)[^\s,&]+|(?<=Security-Token: )\S+|//[^/\s@]+@"
)
_TEXT_LIMIT = 300
_INSTANCE_ID = re.compile(r"\bi-[0-9a-z]+")


class NotSent(Exception):
    """Raised by us before a request leaves: too little of the call's time is left."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed call.

    Attributes:
        text: the cloud's or the SDK's own explanation on one line, without secrets; may be "".
        instance_ids: the instances which the whole explanation names.
    """

    kind: FailureKind
    code: str
    text: str = ""
    retry_after_seconds: float = 0.0
    instance_ids: frozenset[str] = frozenset()


def kind_of(code: str, status: int = 0) -> FailureKind | None:
    """Class of an error code, or of the HTTP status (0: there was none) if the code is not in the table; else None."""
    prefix = next((kind for prefix, kind in _PREFIXES if code.startswith(prefix)), None)
    return _EXACT.get(code) or prefix or STATUS_RULES.get(status)


def classify(error: Exception, *, sent: bool, hidden: Iterable[str] = ()) -> Failure:
    """Say what an exception from the SDK means.

    Args:
        error: whatever the call raised.
        sent: whether the request may have left this process; if not, the failure is definite, whatever it was.
        hidden: texts (user data) that must not show up in the explanation.
    """
    if isinstance(error, ClientError):
        failure = _classify_answer(error, sent=sent)
    elif isinstance(error, NotSent):
        failure = Failure(_NOT_SENT, "CallTimeTooShort", str(error))
    else:
        failure = _classify_exception(error, sent=sent)
    named = frozenset(_INSTANCE_ID.findall(failure.text))
    return replace(failure, text=_presentable(failure.text, hidden), instance_ids=named)


def explain(what: str, failure: Failure) -> str:
    """`launch of 3 x 'm5.large' in 'us-west-1' failed: no capacity (InsufficientInstanceCapacity): …; what to do`."""
    advice = _ADVICE_BY_CODE.get(failure.code, _ADVICE[failure.kind])
    text = f": {failure.text.rstrip('.')}" if failure.text else ""
    return f"{what} failed: {failure.kind} ({failure.code}){text}; {advice}"


def provider_error(what: str, failure: Failure) -> errors.ProviderError:
    """The error to raise for `failure`; OUTCOMES has what a launch returns in its place."""
    message = explain(what, failure)
    if failure.kind is _THROTTLE:
        return errors.Throttled(message, code=failure.code, retry_after_seconds=failure.retry_after_seconds)
    return _ERRORS[failure.kind](message, code=failure.code)


def cause_of(failure: Failure, error: Exception | None) -> Exception | None:
    """What to name as the cause of a raised error: what refuses credentials may quote them, so it is not kept."""
    return None if failure.kind is _AUTH else error


def raise_joined(failed: Sequence[errors.ProviderError]) -> None:
    """Raise the first error with the messages of all; do nothing if there is none."""
    if not failed:
        return
    first = failed[0]
    # Its class and attributes stay; only what people read is extended.
    first.args = ("; ".join(dict.fromkeys(str(error) for error in failed)),)
    raise first


def _classify_answer(error: ClientError, *, sent: bool) -> Failure:
    details = error.response.get("Error", {})
    metadata = error.response.get("ResponseMetadata", {})
    code, status = str(details.get("Code", "")), int(metadata.get("HTTPStatusCode", 0))
    kind = kind_of(code, status) or _TRANSIENT
    if not sent:
        # Then the answer came from the service that hands out credentials, and says nothing about launch settings.
        kind = {_INVALID: _AUTH, _TRANSIENT: _NOT_SENT}.get(kind, kind)
    retry_after = _seconds(metadata.get("HTTPHeaders", {}).get("retry-after", ""))
    return Failure(kind, code or f"HTTP {status}", str(details.get("Message", "")), retry_after)


def _classify_exception(error: Exception, *, sent: bool) -> Failure:
    name = type(error).__name__
    known = (kind_of(base.__name__) for base in type(error).__mro__ if issubclass(base, BotoCoreError))
    kind = next((kind for kind in known if kind is not None), _TRANSIENT)
    if kind is _TRANSIENT and not sent:
        kind = _NOT_SENT
    if isinstance(error, ParamValidationError):
        # The report quotes values, user data included, so only the first problem's place is shown.
        report = str(error.kwargs.get("report", "")).split("\n", 1)[0]
        return Failure(kind, name, report.split(", value:", 1)[0])
    # Others than BotoCoreError (a parser's, say) quote the answer's body.
    return Failure(kind, name, str(error) if isinstance(error, BotoCoreError) else "")


def _presentable(text: str, hidden: Iterable[str]) -> str:
    for secret in filter(None, hidden):
        text = text.replace(secret, "***")
    line = " ".join(_SECRETS.sub("***", text).split())
    return line if len(line) <= _TEXT_LIMIT else f"{line[:_TEXT_LIMIT]}…"


def _seconds(header: str) -> float:
    """Retry-After in seconds; its date form, and nonsense, count as none."""
    return float(header) if re.fullmatch(r"[0-9]{1,5}(\.[0-9]+)?", header) else 0.0
