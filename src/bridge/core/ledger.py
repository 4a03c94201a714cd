"""The life of a discrepancy: opened, ongoing, resolved, reopened; beside it assigned, snoozed, accepted.

One entry per fingerprint. Only a whole, complete run resolves.
"""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from bridge.core.plan import Discrepancy


class State(StrEnum):
    """Where an entry stands in its life."""

    OPEN = "open"
    SNOOZED = "snoozed"
    ACCEPTED = "accepted"
    RESOLVED = "resolved"


class Happened(StrEnum):
    """What an event says."""

    OPENED = "opened"
    WORSE = "worse"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    ASSIGNED = "assigned"
    SNOOZED = "snoozed"
    WOKE = "woke"
    ACCEPTED = "accepted"
    COMMENTED = "commented"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One discrepancy and its standing. `id` is a small number people can say, 0 until stored; `runs` counts sightings.

    `snoozed_until` is the first day it is heard again; `snoozed_evidence` snoozes until the facts change. `accepted_reason`
    is a short reason people chose. `life` counts reopenings.
    """

    discrepancy: Discrepancy
    state: State
    opened_at: dt.datetime
    seen_at: dt.datetime
    runs: int = 1
    id: int = 0
    resolved_at: dt.datetime | None = None
    life: int = 0
    assignee: str | None = None
    snoozed_until: dt.date | None = None
    snoozed_evidence: str | None = None
    accepted_reason: str | None = None
    note: str = ""

    @property
    def fingerprint(self) -> str:
        """The discrepancy's fingerprint."""
        return self.discrepancy.fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One transition: who, when, in which run (None: by a person's word) and, for what people did, their note."""

    fingerprint: str
    happened: Happened
    at: dt.datetime
    by: str
    run: int | None = None
    note: str = ""
