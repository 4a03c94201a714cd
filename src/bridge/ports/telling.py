"""The ledger of discrepancies, and the messages that tell of them."""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bridge.core.ledger import Entry, Event, Moved, Selection, Tally
from bridge.core.record import Json

Step = Callable[[Sequence[Entry]], tuple[Sequence[Entry], Sequence[Event]]]
"""What becomes of a mapping's entries: those to store, and what happened."""


class Ledger(Protocol):
    """The store of discrepancies and what happened to them."""

    def load(self, mapping: str) -> Sequence[Entry]:
        """Every entry that is not resolved, and those resolved within the last 90 days (they may reopen)."""
        ...

    def move(self, mapping: str, step: Step) -> None:
        """Do what `step` says of what `load` gives, in one transaction that a person's word waits for, or that waits for it."""
        ...

    def save(self, entries: Sequence[Entry], events: Sequence[Event]) -> None:
        """Insert or replace entries by fingerprint and append events, in one transaction."""
        ...

    def list(self, *, mapping: str | None = None, state: str | None = None, code: int | None = None) -> Sequence[Entry]:
        """Open first, then by severity and age."""
        ...

    def get(self, key: str) -> Entry | None:
        """By number (`id`) or by fingerprint (or an unambiguous prefix of at least 6 digits)."""
        ...

    def events(self, *, fingerprint: str | None = None, since: dt.datetime | None = None) -> Sequence[Event]:
        """Oldest first."""
        ...

    def keep(self, before: Entry, after: Entry, event: Event) -> None:
        """Put `after` in the place of `before`, with what happened; raise StaleRecord if another stamp stands there now."""
        ...

    def search(self, selection: Selection, *, limit: int, offset: int = 0) -> tuple[Sequence[Entry], int]:
        """At most `limit` of the entries that are asked for, ordered as in `list`, and how many there are in all."""
        ...

    def tally(self, ages: Sequence[dt.timedelta], mappings: Collection[str]) -> Sequence[Tally]:
        """What is not resolved, counted by kind, severity, state and age; `ages` are the limits between ages, ascending."""
        ...

    def trend(self, moments: Sequence[dt.datetime], mappings: Collection[str]) -> Sequence[Moved]:
        """What moved from each moment to the next, and from the last one until now. `moments` ascend."""
        ...

    def assignees(self, mappings: Collection[str]) -> Sequence[str]:
        """Everybody who has something unresolved in their hands, by name."""
        ...


class OutboxState(StrEnum):
    """Where one message stands. UNCERTAIN was sent and its answer lost: never sent again blindly."""

    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    UNCERTAIN = "uncertain"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """One message to one channel. `key` is unique: the same key is never posted twice. `thread_of` is the key of its parent."""

    key: str
    channel: str
    payload: Mapping[str, Json]
    state: OutboxState
    created_at: dt.datetime
    thread_of: str | None = None
    ts: str | None = None
    attempts: int = 0
    error: str = ""


class Outbox(Protocol):
    """Messages to be posted exactly once, surviving crashes."""

    def put(self, key: str, channel: str, payload: Mapping[str, Json], *, thread_of: str | None = None) -> bool:
        """Plan a message; False if the key is there already. Its payload is then replaced, to be sent or edited in place."""
        ...

    def pending(self) -> Sequence[OutboxMessage]:
        """PLANNED, SENDING (left by a crash) and UNCERTAIN messages, oldest first, parents before threads."""
        ...

    def get(self, key: str) -> OutboxMessage | None:
        """The message of that key."""
        ...

    def mark(self, key: str, state: OutboxState, *, ts: str | None = None, error: str = "") -> None:
        """Record what happened; SENDING counts an attempt."""
        ...

    def last_posted(self) -> dt.datetime | None:
        """When the last message that was taken had been planned, of those still kept; None if none was."""
        ...

    def counts(self) -> Mapping[OutboxState, int]:
        """How many messages there are in each state; an entry for every state."""
        ...
