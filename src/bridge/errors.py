"""Every error bridge raises on purpose, grouped by what the caller does next.

BridgeError
├── ConfigError          the operator mends a setting or a mapping; all problems are listed      exit 2
├── AuthRejected         the operator mends a credential or a permission                         exit 2
├── Unavailable          nothing was settled; the next run tries again                           exit 1
│   ├── RateLimited      … after `retry_after`
│   └── QuotaExhausted   … on the first of next month
├── RequestRejected      this one change becomes a discrepancy, the run goes on
├── StaleRecord          the record moved since the pull: dropped, the next run sees it
├── OutcomeUnknown       a write may or may not have landed: the journal stays open
├── UnexpectedAnswer     the remote broke its contract: stop before any write                    exit 1
├── RunInProgress        another process holds the run                                           exit 3
└── StoreError           the state cannot be read or written                                     exit 1

No error carries a header, a token, a request body or a cell's value: what is shown to people or logged
is the message, and the message names places (a file and line, a field, an id), never contents.
Library errors are chained as causes and never leak.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass


class BridgeError(Exception):
    """Base of all. `next_step` is a sentence that tells the reader what to do now, or empty."""

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message} Next: {self.next_step}" if self.next_step else self.message

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r})"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a mapping or a setting.

    `where` is `file:line:column` or the name of an environment variable; `message` says what was expected and found;
    `hint` is the next step or the nearest right word, or empty.
    """

    where: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" + (f" {self.hint}" if self.hint else "")


class ConfigError(BridgeError):
    """Settings or mappings are wrong. `problems` holds every one of them, in reading order."""

    def __init__(self, problems: Sequence[Problem] | str, *, next_step: str = "") -> None:
        self.problems: tuple[Problem, ...] = () if isinstance(problems, str) else tuple(problems)
        text = problems if isinstance(problems, str) else "\n".join(map(str, problems))
        super().__init__(text, next_step=next_step)


class AuthRejected(BridgeError):
    """The remote refused the credential or the permission."""


class Unavailable(BridgeError):
    """The remote could not be reached or could not answer; a later run may."""


class RateLimited(Unavailable):
    """The remote asked for a pause of `retry_after`."""

    def __init__(self, message: str, *, retry_after: dt.timedelta, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step)
        self.retry_after = retry_after


class QuotaExhausted(Unavailable):
    """The month's API quota is used up; waiting within the month never helps."""


class RequestRejected(BridgeError):
    """The remote understood one request and refused it. `code` is the remote's own error type, or empty."""

    def __init__(self, message: str, *, code: str = "", next_step: str = "") -> None:
        super().__init__(message, next_step=next_step)
        self.code = code


class StaleRecord(BridgeError):
    """The record is no longer what the plan saw."""


class OutcomeUnknown(BridgeError):
    """A write was sent and its answer lost; only reading can tell whether it landed."""


class UnexpectedAnswer(BridgeError):
    """The remote answered something its contract does not know."""


class RunInProgress(BridgeError):
    """Another process is running this mapping."""


class StoreError(BridgeError):
    """The state store cannot be opened, read or written."""
