"""What people say about a discrepancy on a board: a row of Airtable where it stands, beside bridge's own account of it."""

import datetime as dt
from collections.abc import Callable, Mapping

from bridge.core import ledger
from bridge.core.ledger import Entry, Event, Happened

ASSIGNEE, SNOOZED_UNTIL, NOTE = "assignee", "snoozed_until", "note"

_SAID_BY: Mapping[str, frozenset[Happened]] = {
    ASSIGNEE: frozenset({Happened.ASSIGNED}),
    SNOOZED_UNTIL: frozenset({Happened.SNOOZED, Happened.WOKE, Happened.REOPENED, Happened.ACCEPTED}),
    NOTE: frozenset({Happened.COMMENTED, Happened.SNOOZED, Happened.ACCEPTED}),
}
"""The events that change each word."""

WORDS = tuple(_SAID_BY)
"""The cells of a board that are people's: bridge writes there only what people said elsewhere."""


def words(entry: Entry) -> dict[str, str | None]:
    """Each of people's cells as the ledger has it; None where it is blank. A day is an ISO date."""
    until = entry.snoozed_until
    return {ASSIGNEE: entry.assignee, SNOOZED_UNTIL: until.isoformat() if until else None, NOTE: entry.note or None}


def said_at(word: str, events: "list[Event]") -> dt.datetime | None:
    """When the word was last said to the ledger."""
    return max((each.at for each in events if each.happened in _SAID_BY[word]), default=None)


def say(entry: Entry, word: str, value: str | None, *, by: str, at: dt.datetime) -> tuple[Entry, Event]:
    """The entry once a word of people is taken over. Raises RequestRejected where it cannot be said of this entry.

    `at` is in the readers' time zone: it decides which day it is.
    """
    return _VERBS[word](entry, value, by, at)


def _assign(entry: Entry, value: str | None, by: str, at: dt.datetime) -> tuple[Entry, Event]:
    return ledger.assign(entry, value, by=by, at=at)


def _snooze(entry: Entry, value: str | None, by: str, at: dt.datetime) -> tuple[Entry, Event]:
    if value is None:
        return ledger.reopen(entry, by=by, at=at)
    return ledger.snooze(entry, dt.date.fromisoformat(value), by=by, at=at)


def _comment(entry: Entry, value: str | None, by: str, at: dt.datetime) -> tuple[Entry, Event]:
    return ledger.comment(entry, value or "", by=by, at=at)


_VERBS: Mapping[str, Callable[[Entry, str | None, str, dt.datetime], tuple[Entry, Event]]] = {
    ASSIGNEE: _assign,
    SNOOZED_UNTIL: _snooze,
    NOTE: _comment,
}
