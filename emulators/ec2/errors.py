"""EC2's errors as it answers them: code, message and the HTTP status that belongs to the code.

Statuses: "Error codes for the Amazon EC2 API" in the EC2 API reference (client errors, server errors).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape

_SERVER_500 = (
    "InsufficientAddressCapacity",
    "InsufficientCapacity",
    "InsufficientHostCapacity",
    "InsufficientInstanceCapacity",
    "InsufficientReservedInstanceCapacity",
    "InsufficientVolumeCapacity",
    "InternalError",
    "InternalFailure",
)
THROTTLES = ("EC2ThrottledException", "RequestLimitExceeded", "SlowDown", "Throttling", "ThrottlingException")
_SERVER_503 = (*THROTTLES, "ServiceUnavailable", "Unavailable")
_STATUS = (
    dict.fromkeys(_SERVER_500, 500)
    | dict.fromkeys(_SERVER_503, 503)
    | {"AuthFailure": 401, "Blocked": 403, "DryRunOperation": 412, "OptInRequired": 403, "UnauthorizedOperation": 403}
)
_CODE_OF_STATUS = {401: "AuthFailure", 403: "UnauthorizedOperation", 503: "Unavailable"}


class Ec2Error(Exception):
    """A call is refused with EC2's `code`; `status` is the HTTP status, by default the one that belongs to the code."""

    def __init__(self, code: str, message: str, *, status: int = 0, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status or status_of(code)
        self.headers = dict(headers or {})


def status_of(code: str) -> int:
    """Give the HTTP status EC2 answers an error code with; client errors are 400."""
    return _STATUS.get(code, 400)


def code_of(status: int) -> str:
    """Give an error code that fits an HTTP status, for faults ordered by status alone."""
    return _CODE_OF_STATUS.get(status, "InternalError" if status >= 500 else "InvalidParameterValue")


def error_body(code: str, message: str, request_id: str) -> str:
    """Render the XML of an error answer."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Response><Errors><Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error></Errors>"
        f"<RequestID>{request_id}</RequestID></Response>"
    )


def invalid(message: str) -> Ec2Error:
    """A parameter has a value that EC2 does not take."""
    return Ec2Error("InvalidParameterValue", message)


def missing(name: str) -> Ec2Error:
    """A parameter that EC2 demands is not there."""
    return Ec2Error("MissingParameter", f"The request must contain the parameter {name}")


def unknown_instances(ids: Iterable[str]) -> Ec2Error:
    """Instance ids name nothing that EC2 shows."""
    names = list(ids)
    what = f"ID '{names[0]}' does" if len(names) == 1 else f"IDs '{', '.join(names)}' do"
    return Ec2Error("InvalidInstanceID.NotFound", f"The instance {what} not exist")
