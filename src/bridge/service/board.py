"""Keeps the boards: discrepancies as rows or activities inside the two systems, and what people answer there.

A report and no correction: it is kept in `observe` too, wherever the mapping names a place for it. What people wrote on a board
is taken over into the ledger first, the last word winning; then the board is made to show the ledger. Each notice is found by
its fingerprint, and what is sent is remembered before it is: killed at any instant or left without an answer, the next time
ends where this one would have, without a second notice.
"""

import datetime as dt
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import structlog

from bridge.core.board import WORDS, said_at, say, words
from bridge.core.ledger import Entry, State
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.mapping import Severity
from bridge.core.record import Json
from bridge.errors import BridgeError, OutcomeUnknown, RequestRejected, RunInProgress, StaleRecord, StoreError
from bridge.ports import Board, Lease, Notice, Posted
from bridge.service.order import Means

log = structlog.get_logger()

MOST = 500
"""Notices written at one time; the others follow the next times. A thousand new ones would be a hundred calls to Airtable."""

REFUSALS = 3
"""After so many the rest is not tried: it is not one notice's fault."""

_URGENCY = (Severity.HIGH, Severity.MEDIUM, Severity.LOW)
_BLANK = ""
_Cells = Mapping[str, Json]


@dataclass(slots=True)
class Kept:
    """What came of keeping a mapping's boards: notices written and still to write, words taken over, and what went wrong."""

    posted: int = 0
    waiting: int = 0
    heard: int = 0
    problems: list[BridgeError] = field(default_factory=list)


def keep(mapping: FieldMapping, boards: Sequence[Board], means: Means, *, delta: bool = False) -> Kept:
    """Bring every board of the mapping up to date with the ledger, and the ledger with what people wrote there.

    A `delta` passes over a board that nobody touched since it was last seen whole, if it is known to show the ledger.
    A board that cannot be read or written is a problem of the result, and no other board's. Raises RunInProgress if another
    process holds the mapping, StoreError.
    """
    kept = Kept()
    if not boards:
        return kept
    with means.store.runs.lease(mapping.name, means.holder) as lease:
        for board in boards:
            try:
                _Keeper(board, mapping, means, lease, kept).keep(delta=delta)
            except (RunInProgress, StoreError):
                raise
            except BridgeError as problem:
                kept.problems.append(problem)
    for each in kept.problems:
        log.warning("board not kept", mapping=mapping.name, error=type(each).__name__, message=each.message)
    if kept.posted or kept.waiting or kept.heard:
        log.info("boards kept", mapping=mapping.name, posted=kept.posted, waiting=kept.waiting, heard=kept.heard)
    return kept


class _Keeper:
    """One board at one time."""

    def __init__(self, board: Board, mapping: FieldMapping, means: Means, lease: Lease, kept: Kept) -> None:
        self._board = board
        self._mapping = mapping
        self._store = means.store
        self._means = means
        self._lease = lease
        self._kept = kept
        self._known = means.store.notices.load(board.place)
        self._refused: Counter[str] = Counter()

    def keep(self, *, delta: bool) -> None:
        self._wait_until_believable()
        if delta and self._stands():
            self._remember_looking()
            return
        there = self._board.read()
        entries = {each.fingerprint: each for each in self._store.ledger.load(self._mapping.name)}
        for fingerprint, posted in (there or {}).items():
            if (entry := entries.pop(fingerprint, None)) is not None and (heard := self._hear(entry, posted)) is not None:
                entries[fingerprint] = heard
        due = self._due(sorted(entries.values(), key=_urgency), there)
        self._note_what_stands(there or {}, entries.keys() - due.keys())
        self._post(due, there or {})
        for message, count in self._refused.items():
            told = f"{count} discrepancies could not be shown: {message}"
            self._kept.problems.append(RequestRejected(told, next_step="`bridge check --live` says what the place lacks."))
        self._remember_looking()

    # ── whether there is anything to do ──

    def _remember_looking(self) -> None:
        if self._board.read_at is not None and not (self._kept.waiting or self._kept.problems):
            self._store.memory.keep(self._remembered_as, {"seen_at": self._board.read_at.isoformat()})

    @property
    def _remembered_as(self) -> str:
        return f"board {self._board.place} for {self._mapping.name}"

    def _stands(self) -> bool:
        """Whether nobody has touched the board since it was last seen whole, and it shows what the ledger has."""
        told = self._store.memory.recall(self._remembered_as)
        seen = dt.datetime.fromisoformat(told["seen_at"]) if told else None
        edited = self._board.changed(seen) if seen is not None else None
        if seen is None or edited is None:
            return False
        known = ((self._known.get(each), posted.cells) for each, posted in edited.items())
        if not all(notice is not None and _stands_as(notice, self._marks(cells)) for notice, cells in known):
            return False
        return all(self._shows(entry, seen) for entry in self._store.ledger.load(self._mapping.name))

    def _shows(self, entry: Entry, seen: dt.datetime) -> bool:
        notice, cells = self._known.get(entry.fingerprint), self._board.cells(entry)
        if entry.state is State.RESOLVED and (notice is None or (entry.resolved_at is not None and entry.resolved_at < seen)):
            return True
        if cells is None or notice is None:
            return cells is None
        return _stands_as(notice, self._marks(cells))

    def _wait_until_believable(self) -> None:
        """A server may still be working on a write whose client is gone; what is not there yet may come."""
        sent = [each.sent_at for each in self._known.values() if each.sent_at is not None]
        left = max(sent) + self._means.settle_after - self._means.clock() if sent else dt.timedelta(0)
        if left > dt.timedelta(0):
            self._means.sleep(min(left, self._means.settle_after).total_seconds())

    # ── what people wrote there ──

    def _hear(self, entry: Entry, posted: Posted) -> Entry | None:
        """The entry with every word taken over that people changed on the board since bridge last looked.

        None if it was changed in the ledger in this very moment: it is looked at the next time.
        """
        notice = self._known.get(entry.fingerprint) or Notice(fingerprint=entry.fingerprint)
        for word in WORDS:
            theirs = posted.cells.get(word)
            if word not in posted.cells or self._mark(theirs) in _marks_of(notice, word):
                continue
            if theirs == words(entry)[word] or self._is_overruled(entry, word, notice, posted):
                continue
            try:
                after, event = say(entry, word, None if theirs is None else str(theirs), by=posted.by, at=self._now)
                self._store.ledger.keep(entry, after, event)
            except StaleRecord:
                return None
            except RequestRejected as problem:
                self._kept.problems.append(problem)
            else:
                entry = after
                self._kept.heard += 1
        return entry

    def _is_overruled(self, entry: Entry, word: str, notice: Notice, posted: Posted) -> bool:
        """Whether the ledger was given another word since, and later. Of a board that tells no time, the word is the last."""
        if posted.edited_at is None or self._mark(words(entry)[word]) in _marks_of(notice, word):
            return False
        last = said_at(word, list(self._store.ledger.events(fingerprint=entry.fingerprint)))
        return last is not None and last > posted.edited_at

    @property
    def _now(self) -> dt.datetime:
        return self._means.clock().astimezone(ZoneInfo(self._mapping.timezone))

    # ── what is to stand there ──

    def _due(self, entries: Iterable[Entry], there: Mapping[str, Posted] | None) -> dict[str, _Cells]:
        """By fingerprint, the cells to write: of what stands there only those that differ."""
        due: dict[str, _Cells] = {}
        for entry in entries:
            cells = self._board.cells(entry)
            if cells is not None and (changed := self._changed(entry, cells, there)):
                due[entry.fingerprint] = changed
        self._kept.waiting += max(0, len(due) - MOST)
        return dict(itertools.islice(due.items(), MOST))

    def _changed(self, entry: Entry, cells: _Cells, there: Mapping[str, Posted] | None) -> _Cells:
        lives = entry.state is not State.RESOLVED
        if there is None:
            notice = self._known.get(entry.fingerprint)
            stands = notice is not None and notice.seen == self._marks(cells)
            return cells if not stands and (lives or notice is not None) else {}
        posted = there.get(entry.fingerprint)
        if posted is not None:
            return {name: value for name, value in cells.items() if value != posted.cells.get(name)}
        return {name: value for name, value in cells.items() if value is not None} if lives else {}

    def _note_what_stands(self, there: Mapping[str, Posted], fingerprints: Iterable[str]) -> None:
        found = [
            Notice(fingerprint=fingerprint, seen=self._marks(there[fingerprint].cells))
            for fingerprint in fingerprints
            if fingerprint in there
        ]
        self._save([each for each in found if each != self._known.get(each.fingerprint)])

    def _post(self, due: Mapping[str, _Cells], there: Mapping[str, Posted]) -> None:
        left = iter(due.items())
        while part := dict(itertools.islice(left, self._board.batch_size)):
            before = {each: self._stood(each, there) for each in part}
            now = self._means.clock()
            self._save(
                Notice(fingerprint=each, seen=before[each], sent=self._marks(cells), sent_at=now)
                for each, cells in part.items()
            )
            self._lease.check()
            try:
                outcomes = self._board.post(part)
            except OutcomeUnknown:
                raise
            except BridgeError:
                self._save(Notice(fingerprint=each, seen=before[each]) for each in part)
                raise
            self._settle(part, before, outcomes)
            if self._refused.total() >= REFUSALS:
                self._kept.waiting += sum(1 for _ in left)

    def _stood(self, fingerprint: str, there: Mapping[str, Posted]) -> Mapping[str, str]:
        """How the notice stood before it is written."""
        if fingerprint in there:
            return self._marks(there[fingerprint].cells)
        return self._known[fingerprint].seen if fingerprint in self._known else {}

    def _settle(
        self, part: Mapping[str, _Cells], before: Mapping[str, Mapping[str, str]], outcomes: Mapping[str, BridgeError | None]
    ) -> None:
        landed = [each for each in part if outcomes[each] is None]
        refused = {each: problem for each, problem in outcomes.items() if isinstance(problem, RequestRejected)}
        self._save(
            [
                *(Notice(fingerprint=each, seen={**before[each], **self._marks(part[each])}) for each in landed),
                *(Notice(fingerprint=each, seen=before[each]) for each in refused),
            ]
        )
        self._refused.update(problem.message for problem in refused.values())
        self._kept.posted += len(landed)
        self._kept.problems += {str(each): each for each in outcomes.values() if isinstance(each, OutcomeUnknown)}.values()

    def _save(self, notices: Iterable[Notice]) -> None:
        self._store.notices.save(self._mapping.name, self._board.place, list(notices), self._lease)

    def _marks(self, cells: _Cells) -> dict[str, str]:
        return {name: self._mark(value) for name, value in cells.items()}

    def _mark(self, value: Json) -> str:
        """A keyed digest of a cell: enough to see that it changed."""
        return _BLANK if value is None else self._store.seal(json.dumps(value))[:16]


def _stands_as(notice: Notice, marks: Mapping[str, str]) -> bool:
    """Whether the notice is known to hold these cells, and no write of it is open."""
    return not notice.sent and all(notice.seen.get(name, _BLANK) == mark for name, mark in marks.items())


def _marks_of(notice: Notice, word: str) -> set[str]:
    """How bridge knows a word on the board: as it was seen there, and as it may have been written since."""
    seen = notice.seen.get(word, _BLANK)
    return {seen, notice.sent.get(word, seen)}


def _urgency(entry: Entry) -> tuple[bool, int, dt.datetime, str]:
    """What is resolved first, for it may be acted on in vain; then the most severe, then the oldest."""
    found = entry.discrepancy
    return (entry.state is not State.RESOLVED, _URGENCY.index(found.severity), entry.opened_at, entry.fingerprint)
