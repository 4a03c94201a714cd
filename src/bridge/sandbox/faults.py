"""Faults a sandbox server commits on demand: what goes wrong, for which requests, how often.

A fault is data, so that a test adds one in Python and another process adds the same one as JSON through
`POST /_sandbox/faults`.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any


class FaultKind(StrEnum):
    """What goes wrong. Those in `DONE_BY_THE_SERVER` need no word of the service; each service words the rest."""

    DROP_BEFORE = "drop_before"  # the connection is cut and nothing was done
    DROP_AFTER = "drop_after"  # the work is done, then the connection is cut without an answer
    TRUNCATED_JSON = "truncated_json"  # the work is done, half of the answer arrives
    SLOW = "slow"  # the work is done at once, the answer comes `seconds` later
    SLOW_BEFORE = "slow_before"  # the request waits `seconds` before the work is done
    STATUS_500_ENVELOPE = "status_500_envelope"  # a refusal in the service's own error form
    STATUS_500_HTML = "status_500_html"  # the host's page for a crash, not the service's
    HTML_403 = "html_403"  # a firewall's challenge page
    WALL = "wall"  # a password is asked for before the site
    REDIRECT = "redirect"  # the site sends every call to its other address
    STATUS_429 = "status_429"  # too many requests in this second
    BILLING_429 = "billing_429"  # the month's API quota is used up
    PARTIAL_WRITE = "partial_write"  # the first half of a batch is written, then the host gives up
    EXPIRE_ITERATOR = "expire_iterator"  # a page's continuation is no longer known


DONE_BY_THE_SERVER = frozenset(
    {
        FaultKind.DROP_BEFORE,
        FaultKind.DROP_AFTER,
        FaultKind.TRUNCATED_JSON,
        FaultKind.SLOW,
        FaultKind.SLOW_BEFORE,
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong for the requests it matches.

    `match` holds words parted by spaces; a request is meant when each of them occurs in its line
    `METHOD route path`, so `""` means every request and `"POST Contact/update"` one action.
    `after` matching requests pass first, then `times` of them fail; `times=None` means until cleared.
    `seconds` is how long the slow kinds wait.
    """

    kind: FaultKind
    match: str = ""
    times: int | None = 1
    after: int = 0
    seconds: float = 0.0

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Fault":
        """A fault of its JSON form. ValueError names the unknown key or kind."""
        unknown = set(data) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"unknown keys of a fault: {', '.join(sorted(unknown))}")
        return cls(**{**data, "kind": FaultKind(data.get("kind", ""))})

    def to_json(self) -> dict[str, Any]:
        """The fault as `from_json` reads it."""
        return asdict(self)

    def meant_by(self, line: str) -> bool:
        """Whether the request with this line `METHOD route path` is one of those meant."""
        return all(word in line for word in self.match.split())


class FaultPlan:
    """The faults still to come on one server. Safe to use from several threads."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Countdown] = []
        self.add(*faults)

    def add(self, *faults: Fault) -> None:
        """Let these go wrong too, each after those that are already waiting."""
        with self._lock:
            self._waiting.extend(_Countdown(fault, fault.after, fault.times) for fault in faults)

    def clear(self) -> None:
        """Let everything go well from now on."""
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> tuple[Fault, ...]:
        """The faults that may still happen, in the order they were added."""
        with self._lock:
            return tuple(countdown.fault for countdown in self._waiting)

    def take(self, line: str) -> Fault | None:
        """The fault that happens to the request with this line, counted off; None when it goes well."""
        with self._lock:
            for countdown in self._waiting:
                if countdown.fault.meant_by(line) and countdown.is_due():
                    self._waiting = [other for other in self._waiting if other.times_left != 0]
                    return countdown.fault
        return None


@dataclass(slots=True)
class _Countdown:
    fault: Fault
    passes_left: int
    times_left: int | None

    def is_due(self) -> bool:
        if self.passes_left > 0:
            self.passes_left -= 1
            return False
        if self.times_left is not None:
            self.times_left -= 1
        return True
