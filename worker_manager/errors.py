"""The closed tree of errors that the domain raises and the loop decides on.

    WorkerManagerError
    ├── ConfigInvalid            a document, value or setting is wrong; carries every Problem found
    └── ProviderError            a cloud call did not do what was asked
        ├── CapacityUnavailable  this offering has none now: back off from it, try others
        ├── QuotaExceeded        the account may not have more in this region or family
        ├── Throttled            called too often; had no effect; repeat after `retry_after_seconds`
        ├── SpecRejected         the cloud refuses these launch settings: do not repeat unchanged
        ├── CredentialsRejected  who we are or what we may do is refused
        └── ProviderUnavailable  time-out, lost answer, 5xx, unknown code: the effect is UNKNOWN

Every class but ProviderUnavailable is a *definite* refusal: the call had no effect. A class exists only because a
caller decides on it; a cloud's own exceptions never leave that cloud's folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class WorkerManagerError(Exception):
    """Root of all errors raised on purpose by this project."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong with a document.

    Attributes:
        pointer: JSON pointer (RFC 6901) of the value at fault in the document the user wrote; "" is the whole document.
        message: what is wrong, why, and what to do, in lower case.
        rule: short stable identifier of the rule broken, such as "type", "required", "unknown-shared-config".
    """

    pointer: str
    message: str
    rule: str = "invalid"

    def __str__(self) -> str:
        return f"{self.pointer or '(document)'}: {self.message}"


class ConfigInvalid(WorkerManagerError):
    """A document is not acceptable. `problems` holds every problem found, in document order, never empty."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems[:20]))

    def __reduce__(self) -> tuple[type[ConfigInvalid], tuple[tuple[Problem, ...]]]:
        """Pickle by the problems, not by the message that Exception would pass."""
        return ConfigInvalid, (self.problems,)


class ProviderError(WorkerManagerError):
    """A cloud call failed.

    Attributes:
        code: the cloud's own error code, for counting and for people ("InsufficientInstanceCapacity").
    """

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class CapacityUnavailable(ProviderError):
    """The cloud has no such machine there now; nothing was launched."""


class QuotaExceeded(ProviderError):
    """The account's limit is reached; nothing was launched."""


class Throttled(ProviderError):
    """Called too often; nothing was done.

    Attributes:
        retry_after_seconds: the delay the cloud asked for, or 0 where it named none.
    """

    def __init__(self, message: str, *, code: str = "", retry_after_seconds: float = 0.0) -> None:
        super().__init__(message, code=code)
        self.retry_after_seconds = retry_after_seconds


class SpecRejected(ProviderError):
    """The cloud refuses the launch settings themselves; nothing was launched and a repeat cannot succeed."""


class CredentialsRejected(ProviderError):
    """The cloud refuses our credentials or permissions; nothing was done."""


class ProviderUnavailable(ProviderError):
    """Time-out, dropped connection, 5xx or an unknown code: whether the call took effect is not known."""
