"""The life of a discrepancy: opened, ongoing, resolved, reopened; beside it assigned, snoozed, accepted.

One entry per fingerprint. Only a whole, complete run resolves. The reasons for accepting follow the reason codes of the US
clearing house for benefits enrolment: few, fixed, and countable.
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bridge.core.mapping import Severity
from bridge.core.plan import Discrepancy
from bridge.core.record import Side
from bridge.errors import RequestRejected, StaleRecord

_RANK = {Severity.LOW: 0, Severity.MEDIUM: 1, Severity.HIGH: 2}
_FREEZING = frozenset({206, 501, 503})
_UNREAD_SOURCE = 504
_UNREAD = frozenset({_UNREAD_SOURCE, 505})
_WRITES = range(400, 500)
_SOURCES = range(500, 600)
_ANSWERED = "answered"
"""The evidence of what was answered: no finding ever has it, so whatever run still finds the entry wakes it."""


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
    ANSWERED = "answered"
    COMMENTED = "commented"


class Reason(StrEnum):
    """Why people let a discrepancy stand."""

    BOTH_RIGHT = "both_right"
    AGREED_EXCEPTION = "agreed_exception"
    TIMING = "timing"
    NOT_OURS = "not_ours"
    HISTORICAL = "historical"
    OTHER = "other"


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

    @property
    def stamp(self) -> str:
        """16 hex digits that change when people's words or the facts do, and not when a run merely meets it again.

        Whoever acts on what they saw carries it: with another stamp, something else stands there now.
        """
        said = (
            self.state,
            self.assignee,
            self.snoozed_until,
            self.snoozed_evidence,
            self.accepted_reason,
            self.note,
            self.life,
        )
        facts = (self.discrepancy.severity, self.discrepancy.evidence)
        return hashlib.sha256(repr((*map(str, said), *facts)).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One transition: who, when, in which run (None: by a person's word) and, for what people did, their note."""

    fingerprint: str
    happened: Happened
    at: dt.datetime
    by: str
    run: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which discrepancies are asked for; what is None or empty does not narrow.

    `assignee` is a name, or "" for what is in nobody's hands. `text` is looked for in names, notes, native ids and, as a
    number, in `id`. Of `opened_after` and `opened_until` the latter is included.
    """

    mappings: frozenset[str] | None = None
    code: int | None = None
    rule: str | None = None
    severity: Severity | None = None
    state: State | None = None
    assignee: str | None = None
    record: tuple[Side, str] | None = None
    opened_after: dt.datetime | None = None
    opened_until: dt.datetime | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many unresolved discrepancies are alike. `age` is the number of age limits they have passed."""

    mapping: str
    code: int
    rule: str | None
    severity: Severity
    state: State
    age: int
    number: int


@dataclass(frozen=True, slots=True)
class Moved:
    """How many discrepancies began to wait for somebody in a period, and how many ceased to."""

    came: int
    went: int


@dataclass(frozen=True, slots=True)
class Advance:
    """The ledger after a run: every entry as it stands now, which of them are to be stored, and what happened."""

    entries: tuple[Entry, ...]
    changed: tuple[Entry, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far one run could see: what is not found may be called resolved only where it could have been found.

    `complete` says whether both sides were read whole and completely. `wrote` says whether the plan was carried out: what a
    write told (4xx) is not settled by a run that only looked. `read` says that both sides answered all they were asked, whole
    or not: then no source is unread any more. `reads` names the fields that each rule's condition reads.
    """

    complete: bool
    wrote: bool = True
    read: bool = False
    reads: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def settles(self, gone: Discrepancy, found: Iterable[Discrepancy]) -> bool:
        """Whether `gone`, which is not among `found`, is known to be resolved."""
        if gone.code in _UNREAD and self.read:
            return True
        if not self.complete or (gone.code in _WRITES and not self.wrote):
            return False
        fields: frozenset[str | None] = frozenset(self.reads.get(gone.rule, ()) if gone.rule else (gone.field,))
        return not any(_hides(each, gone, fields) for each in found)


def advance(
    entries: Sequence[Entry], found: Iterable[Discrepancy], *, reach: Reach, now: dt.datetime, run: int, by: str = "bridge"
) -> Advance:
    """What one mapping's entries become once a run has found what it found.

    Snoozes end by the day of `now`: pass it in the mapping's time zone. Of two findings with one fingerprint the later counts.
    """
    seen = {each.fingerprint: each for each in found}
    blinding = tuple(each for each in seen.values() if each.code in _FREEZING or each.code == _UNREAD_SOURCE)
    known = {entry.fingerprint: entry for entry in entries}
    steps: dict[str, tuple[Entry, Happened | None]] = {}
    for fingerprint, entry in known.items():
        if (discrepancy := seen.get(fingerprint)) is not None:
            steps[fingerprint] = _met_again(entry, discrepancy, now)
        elif entry.state is not State.RESOLVED:
            steps[fingerprint] = _not_met(entry, now, gone=reach.settles(entry.discrepancy, blinding))
    for fingerprint, discrepancy in seen.items():
        if fingerprint not in known:
            opened = Entry(discrepancy=discrepancy, state=State.OPEN, opened_at=now, seen_at=now)
            steps[fingerprint] = (opened, Happened.OPENED)
    after = {**known, **{fingerprint: entry for fingerprint, (entry, _) in steps.items()}}
    events = [
        Event(fingerprint=fingerprint, happened=happened, at=now, by=by, run=run)
        for fingerprint, (_, happened) in steps.items()
        if happened is not None
    ]
    in_order = sorted(after.values(), key=lambda entry: entry.discrepancy.order)
    return Advance(
        entries=tuple(in_order),
        changed=tuple(entry for entry in in_order if entry != known.get(entry.fingerprint)),
        events=tuple(sorted(events, key=lambda event: after[event.fingerprint].discrepancy.order)),
    )


def assign(entry: Entry, assignee: str | None, *, by: str, at: dt.datetime, note: str = "") -> tuple[Entry, Event]:
    """The entry in `assignee`'s hands, or nobody's. Raises RequestRejected if it is resolved."""
    _must_live(entry)
    return replace(entry, assignee=assignee), _word(entry, Happened.ASSIGNED, by, at, noted(assignee or "", note))


def snooze(entry: Entry, until: dt.date | None, *, by: str, at: dt.datetime, note: str = "") -> tuple[Entry, Event]:
    """The entry silent until the day `until`, or with None until its facts change.

    Raises RequestRejected if it is resolved or the day is not after the day of `at`.
    """
    _must_live(entry)
    if until is not None and until <= at.date():
        raise RequestRejected(
            f"A snooze must end after today ({at.date():%Y-%m-%d}); {until:%Y-%m-%d} is over.",
            next_step="Give a later day.",
        )
    evidence = entry.discrepancy.evidence if until is None else None
    after = replace(_open(entry), state=State.SNOOZED, snoozed_until=until, snoozed_evidence=evidence, note=note or entry.note)
    return after, _word(entry, Happened.SNOOZED, by, at, noted(f"{until:%Y-%m-%d}" if until else "", note))


def accept(entry: Entry, reason: Reason, *, by: str, at: dt.datetime, note: str = "") -> tuple[Entry, Event]:
    """The entry let stand as it is, for `reason`, until its facts change.

    Raises RequestRejected if it is resolved, or if the reason is OTHER and no note says what.
    """
    _must_live(entry)
    if reason is Reason.OTHER and not note:
        raise RequestRejected(
            "The reason `other` needs a note that says why.", next_step="Add a note, or choose another reason."
        )
    after = replace(_open(entry), state=State.ACCEPTED, accepted_reason=reason.value, note=note or entry.note)
    return after, _word(entry, Happened.ACCEPTED, by, at, noted(reason.value, note))


def reopen(entry: Entry, *, by: str, at: dt.datetime, note: str = "") -> tuple[Entry, Event]:
    """The snoozed or accepted entry open again. Raises RequestRejected if it is open or resolved."""
    _must_live(entry)
    if entry.state is State.OPEN:
        raise RequestRejected(f"{_called(entry)} is open already.")
    happened = Happened.WOKE if entry.state is State.SNOOZED else Happened.REOPENED
    return _open(entry, lives=happened is Happened.REOPENED), _word(entry, happened, by, at, note)


def answer(entry: Entry, *, by: str, at: dt.datetime, note: str) -> tuple[Entry, Event]:
    """The entry silent because a person did what it asks for: a complete run resolves it, any run that still finds it wakes it.

    `note` says what they did; a note that somebody left stays. Raises RequestRejected if it is resolved.
    """
    _must_live(entry)
    after = replace(_open(entry), state=State.SNOOZED, snoozed_evidence=_ANSWERED)
    return after, _word(entry, Happened.ANSWERED, by, at, note)


def answering(
    fingerprint: str, *, by: str, at: dt.datetime, note: str
) -> Callable[[Sequence[Entry]], tuple[Sequence[Entry], Sequence[Event]]]:
    """What answers the entry of this fingerprint among a mapping's, as it stands then and unless it is resolved."""

    def step(entries: Sequence[Entry]) -> tuple[Sequence[Entry], Sequence[Event]]:
        live = [each for each in entries if each.fingerprint == fingerprint and each.state is not State.RESOLVED]
        done = [answer(each, by=by, at=at, note=note) for each in live]
        return [entry for entry, _ in done], [event for _, event in done]

    return step


SAID = " · "
"""Stands in an event's note between what was decided (into whose hands, until when, why) and what somebody said about it."""


def noted(decided: str, note: str) -> str:
    """What an event keeps of a decision and of a person's note on it."""
    return SAID.join(filter(None, (decided, note)))


def must_be(entry: Entry, stamp: str | None) -> None:
    """Raises StaleRecord if the entry is not what a person saw who was shown this `stamp` of it; None: they saw it now."""
    if stamp not in (None, entry.stamp):
        raise StaleRecord(
            f"{_called(entry)} is not what it was when it was shown: it is {entry.state.value} now, or its facts changed.",
            next_step="look at it again, then decide.",
        )


def comment(entry: Entry, note: str, *, by: str, at: dt.datetime) -> tuple[Entry, Event]:
    """The entry with a new note; whatever its state."""
    return replace(entry, note=note), _word(entry, Happened.COMMENTED, by, at, note)


def _met_again(entry: Entry, now_found: Discrepancy, now: dt.datetime) -> tuple[Entry, Happened | None]:
    """The entry after a run that found it, and what that means to people."""
    before = entry.discrepancy
    rose = _RANK[now_found.severity] > _RANK[before.severity]
    met = replace(entry, discrepancy=now_found, seen_at=now, runs=entry.runs + 1)
    if entry.state is State.RESOLVED:
        return replace(_open(met, lives=True), opened_at=now, runs=1), Happened.REOPENED
    if entry.state is State.ACCEPTED:
        moved = rose or now_found.evidence != before.evidence
        return (_open(met, lives=True), Happened.REOPENED) if moved else (met, None)
    if entry.state is State.SNOOZED:
        moved = rose or _slept_enough(entry, now) or entry.snoozed_evidence not in (None, now_found.evidence)
        return (_open(met), Happened.WOKE) if moved else (met, None)
    changed = now_found.evidence != before.evidence and now_found.severity is not Severity.LOW
    return met, Happened.WORSE if rose or changed else None


def _not_met(entry: Entry, now: dt.datetime, *, gone: bool) -> tuple[Entry, Happened | None]:
    """The unresolved entry after a run that did not find it."""
    if gone:
        return replace(_open(entry), state=State.RESOLVED, resolved_at=now), Happened.RESOLVED
    if entry.state is State.SNOOZED and _slept_enough(entry, now):
        return _open(entry), Happened.WOKE
    return entry, None


def _open(entry: Entry, *, lives: bool = False) -> Entry:
    """The entry open, with nothing left of a snooze, an acceptance or an end; `lives` starts its next life."""
    return replace(
        entry,
        state=State.OPEN,
        resolved_at=None,
        snoozed_until=None,
        snoozed_evidence=None,
        accepted_reason=None,
        life=entry.life + lives,
    )


def _slept_enough(entry: Entry, now: dt.datetime) -> bool:
    return entry.snoozed_until is not None and now.date() >= entry.snoozed_until


def _hides(blinding: Discrepancy, gone: Discrepancy, fields: frozenset[str | None]) -> bool:
    """Whether `blinding` kept the run from judging `gone`, which depends on `fields`."""
    if blinding.code == _UNREAD_SOURCE:
        return gone.code != _UNREAD_SOURCE
    if blinding.field not in fields or gone.code in _SOURCES:
        return False
    sides = [(blinding.ids[side], gone.ids[side]) for side in Side]
    return all(its is None for its, _ in sides) or any(its is not None and its == theirs for its, theirs in sides)


def _must_live(entry: Entry) -> None:
    if entry.state is State.RESOLVED:
        raise RequestRejected(
            f"{_called(entry)} is resolved.", next_step="Nothing to do: it opens by itself if a run finds it again."
        )


def _called(entry: Entry) -> str:
    return f"Discrepancy {entry.id or entry.fingerprint}"


def _word(entry: Entry, happened: Happened, by: str, at: dt.datetime, note: str) -> Event:
    return Event(fingerprint=entry.fingerprint, happened=happened, at=at, by=by, note=note)
