"""The table of EC2 failures, row by row, and what the texts made from it may say."""

from __future__ import annotations

import botocore.exceptions as sdk
import pytest
from botocore.parsers import ResponseParserError

from worker_manager import errors
from worker_manager.model import Outcome
from worker_manager.providers.aws.failures import (
    OUTCOMES,
    RULES,
    Failure,
    FailureKind,
    NotSent,
    classify,
    explain,
    kind_of,
    provider_error,
    raise_joined,
)

CODES = {
    FailureKind.THROTTLE: """RequestLimitExceeded Throttling ThrottlingException EC2ThrottledException SlowDown""",
    FailureKind.TRANSIENT: """InternalError InternalFailure ServiceUnavailable Unavailable RequestTimeout
        IdempotentInstanceTerminated""",
    FailureKind.CAPACITY: """InsufficientCapacity InsufficientInstanceCapacity InsufficientHostCapacity
        UnfulfillableCapacity Unsupported InsufficientFreeAddressesInSubnet SpotMaxPriceTooLow
        ReservationCapacityExceeded InsufficientReservedInstanceCapacity InsufficientVolumeCapacity""",
    FailureKind.QUOTA: """VcpuLimitExceeded InstanceLimitExceeded MaxSpotInstanceCountExceeded
        MaxFleetCountExceeded""",
    FailureKind.INVALID: """InvalidParameter InvalidParameterValue InvalidParameterCombination InvalidAMIID.NotFound
        InvalidAMIID.Malformed InvalidSubnetID.NotFound InvalidGroup.NotFound InvalidInstanceType
        InvalidLaunchTemplateId.NotFound InvalidLaunchTemplateName.NotFoundException MissingParameter TagLimitExceeded
        IdempotentParameterMismatch InvalidInstanceID.Malformed InvalidKeyPair.NotFound InvalidUserData.Malformed
        InvalidSecurityGroupID.NotFound UnknownParameter UnsupportedOperation OperationNotPermitted""",
    FailureKind.AUTH: """AuthFailure UnauthorizedOperation Blocked OptInRequired ExpiredToken RequestExpired
        InvalidClientTokenId SignatureDoesNotMatch IncompleteSignature PendingVerification InvalidSecurity
        MissingAuthenticationToken UnrecognizedClientException AccessDenied AccessDeniedException
        ExpiredTokenException""",
    FailureKind.GONE: "InvalidInstanceID.NotFound",
}
ROWS = [(code, kind) for kind, codes in CODES.items() for code in codes.split()]


def answered(code: str, status: int, message: str = "", headers: dict[str, str] | None = None) -> sdk.ClientError:
    metadata = {"HTTPStatusCode": status, "HTTPHeaders": headers or {}}
    return sdk.ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}, "RunInstances")


@pytest.mark.parametrize(("code", "kind"), ROWS)
@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
def test_a_known_code_decides_whatever_the_status(code: str, kind: FailureKind, status: int) -> None:
    assert kind_of(code, status) is kind
    assert classify(answered(code, status), sent=True) == Failure(kind, code)


def test_every_rule_is_tried_by_a_row() -> None:
    """A rule nobody tries could be wrong or misspelt for ever."""
    tried = {code for code, _ in ROWS} | {type(error).__name__ for error, _ in EXCEPTIONS}

    untried = [
        pattern
        for pattern, _ in RULES
        if not any(code.startswith(pattern[:-1]) if pattern.endswith("*") else code == pattern for code in tried)
    ]
    assert untried == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, FailureKind.TRANSIENT),
        (401, FailureKind.AUTH),
        (403, FailureKind.AUTH),
        (404, FailureKind.TRANSIENT),
        (429, FailureKind.THROTTLE),
        (500, FailureKind.TRANSIENT),
        (503, FailureKind.TRANSIENT),
    ],
)
def test_an_unknown_code_is_judged_by_its_status_and_else_proves_nothing(status: int, kind: FailureKind) -> None:
    assert classify(answered("NeverSeenBefore", status), sent=True) == Failure(kind, "NeverSeenBefore")


def test_an_answer_without_a_code_shows_its_status() -> None:
    assert classify(answered("", 502), sent=True) == Failure(FailureKind.TRANSIENT, "HTTP 502")


URL = "https://ec2.us-west-1.amazonaws.com/"
EXCEPTIONS = [
    (sdk.EndpointConnectionError(endpoint_url=URL), FailureKind.NOT_SENT),
    (sdk.ConnectTimeoutError(endpoint_url=URL), FailureKind.NOT_SENT),
    (sdk.ProxyConnectionError(proxy_url=URL), FailureKind.NOT_SENT),
    (NotSent("too late"), FailureKind.NOT_SENT),
    (sdk.ReadTimeoutError(endpoint_url=URL), FailureKind.TRANSIENT),
    (sdk.ConnectionClosedError(endpoint_url=URL), FailureKind.TRANSIENT),
    (sdk.SSLError(endpoint_url=URL, error="eof"), FailureKind.TRANSIENT),
    (sdk.HTTPClientError(error="odd"), FailureKind.TRANSIENT),
    (sdk.BotoCoreError(), FailureKind.TRANSIENT),
    (ResponseParserError("Unable to parse response"), FailureKind.TRANSIENT),
    (ValueError("Invalid timestamp"), FailureKind.TRANSIENT),
    (sdk.NoCredentialsError(), FailureKind.AUTH),
    (sdk.PartialCredentialsError(provider="env", cred_var="x"), FailureKind.AUTH),
    (sdk.CredentialRetrievalError(provider="role", error_msg="no"), FailureKind.AUTH),
    (sdk.TokenRetrievalError(provider="sso", error_msg="no"), FailureKind.AUTH),
    (sdk.LoginTokenLoadError(error_msg="no"), FailureKind.AUTH),
    (sdk.SSOError(), FailureKind.AUTH),
    (sdk.UnauthorizedSSOTokenError(), FailureKind.AUTH),
    (sdk.ParamValidationError(report="Missing required parameter in input"), FailureKind.INVALID),
]


@pytest.mark.parametrize(("error", "kind"), EXCEPTIONS, ids=lambda value: type(value).__name__)
def test_what_the_sdk_raises_without_an_answer(error: Exception, kind: FailureKind) -> None:
    assert classify(error, sent=True).kind is kind


def test_a_request_that_never_left_is_a_definite_failure_whatever_it_was() -> None:
    assert classify(ValueError("x"), sent=False).kind is FailureKind.NOT_SENT
    assert classify(answered("ServiceUnavailable", 503), sent=False).kind is FailureKind.NOT_SENT
    assert classify(answered("Throttling", 400), sent=False).kind is FailureKind.THROTTLE


def test_what_the_service_of_credentials_refuses_is_not_blamed_on_the_launch_settings() -> None:
    assert classify(answered("InvalidIdentityToken", 400), sent=False).kind is FailureKind.AUTH


@pytest.mark.parametrize(
    ("kind", "outcome", "error"),
    [
        (FailureKind.THROTTLE, Outcome.THROTTLED, errors.Throttled),
        (FailureKind.NOT_SENT, Outcome.THROTTLED, errors.ProviderUnavailable),
        (FailureKind.CAPACITY, Outcome.NO_CAPACITY, errors.CapacityUnavailable),
        (FailureKind.QUOTA, Outcome.QUOTA, errors.QuotaExceeded),
        (FailureKind.INVALID, Outcome.REJECTED, errors.SpecRejected),
        (FailureKind.AUTH, Outcome.CREDENTIALS, errors.CredentialsRejected),
        (FailureKind.TRANSIENT, Outcome.UNKNOWN, errors.ProviderUnavailable),
        (FailureKind.GONE, Outcome.UNKNOWN, errors.ProviderUnavailable),
    ],
)
def test_every_kind_has_one_outcome_and_one_error(
    kind: FailureKind, outcome: Outcome, error: type[errors.ProviderError]
) -> None:
    assert OUTCOMES[kind] is outcome
    assert type(provider_error("a call", Failure(kind, "Code"))) is error


def test_every_kind_has_its_row() -> None:
    assert set(OUTCOMES) == set(FailureKind)


def test_a_throttled_call_carries_the_delay_the_cloud_asked_for() -> None:
    failure = classify(answered("RequestLimitExceeded", 503, headers={"retry-after": "7"}), sent=True)
    raised = provider_error("listing", failure)

    assert isinstance(raised, errors.Throttled)
    assert (raised.retry_after_seconds, raised.code) == (7.0, "RequestLimitExceeded")


@pytest.mark.parametrize("header", ["", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "9" * 400])
def test_a_delay_that_is_no_number_of_seconds_counts_as_none(header: str) -> None:
    failure = classify(answered("Throttling", 400, headers={"retry-after": header}), sent=True)

    assert failure.retry_after_seconds == 0.0


def test_a_message_says_what_on_what_why_and_what_to_do() -> None:
    failure = classify(answered("InsufficientInstanceCapacity", 500, "We have no m5.large."), sent=True)

    assert explain("launch of 3 x 'm5.large' in 'us-west-1'", failure) == (
        "launch of 3 x 'm5.large' in 'us-west-1' failed: no capacity (InsufficientInstanceCapacity): "
        "We have no m5.large; use other offerings meanwhile; if it lasts, allow more zones or instance types"
    )


def test_a_mismatch_of_parameters_is_called_our_bug() -> None:
    assert "this is a bug in worker manager" in explain(
        "launch", Failure(FailureKind.INVALID, "IdempotentParameterMismatch")
    )


@pytest.mark.parametrize(
    "text",
    [
        "The key AKIASECRETSECRET1234 is bad",
        "Authorization=AWS4-HMAC-SHA256 Credential=SECRET/20261123/ec2, Signature=SECRET",
        "X-Amz-Security-Token=SECRET&x=1",
        "proxy at http://user:SECRET@proxy:3128 says no",
        "user data was: SECRET user data",
    ],
)
def test_no_text_carries_credentials_or_user_data(text: str) -> None:
    failure = classify(answered("Odd", 400, text), sent=True, hidden=("", "SECRET user data"))

    assert "SECRET" not in failure.text
    assert "***" in failure.text


def test_the_report_of_a_wrong_parameter_names_it_and_hides_its_value() -> None:
    report = (
        "Invalid type for parameter UserData, value: line one\nSECRET, type: <class 'int'>, valid types: <class 'str'>"
    )
    failure = classify(sdk.ParamValidationError(report=report), sent=False)

    assert failure == Failure(FailureKind.INVALID, "ParamValidationError", "Invalid type for parameter UserData")


def test_a_parsers_complaint_is_not_quoted_because_it_quotes_the_answer() -> None:
    assert classify(ResponseParserError("body: SECRET"), sent=True).text == ""


def test_a_text_is_one_line_of_bounded_length_but_every_instance_it_names_is_kept() -> None:
    ids = [f"i-{number:017x}" for number in range(100)]
    message = f"The instance IDs\n'{', '.join(ids)}' do not exist"
    failure = classify(answered("InvalidInstanceID.NotFound", 400, message), sent=True)

    assert len(failure.text) == 301
    assert "\n" not in failure.text
    assert failure.instance_ids == frozenset(ids)


def test_joined_errors_keep_the_class_of_the_first_and_every_message() -> None:
    first, second = errors.Throttled("a failed", retry_after_seconds=3.0), errors.SpecRejected("b failed")

    with pytest.raises(errors.Throttled, match=r"^a failed; b failed$") as raised:
        raise_joined([first, second])
    assert raised.value.retry_after_seconds == 3.0
    raise_joined([])
