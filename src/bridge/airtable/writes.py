"""Writing changes by the hundred.

Check what stands there, send in tens, find the one that is refused, say how each change ended.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from bridge.airtable.answers import NO_SUCH_ROW, ColumnLocked, Refused
from bridge.airtable.door import WRITE_SIZE, Door, chunks
from bridge.core.plan import Action, Change, Written
from bridge.core.record import Json, Row
from bridge.errors import BridgeError, OutcomeUnknown, QuotaExhausted
from bridge.ports import Outcome

QUOTA_CODE = 505
HUNDRED = 100
"""One list of so many records checks the preconditions of them all."""
ANSWERS_LOST = 2
"""After so many lost answers the rest is not sent: the trouble is not one record's."""

_NOT_DIVIDED = frozenset({"NOT_FOUND", "TABLE_NOT_FOUND"})
"""Refusals of the whole table: no part of the batch would fare better."""

Send = Callable[[Sequence[Change]], Sequence[Row]]


def apply(door: Door, changes: Sequence[Change], *, at_once: int = 1) -> list[Outcome]:
    """One outcome per change, in order; so many hundreds are written at the same time. Never raises for what Airtable does."""
    hundreds = [_Batch(door, part) for part in chunks(changes, HUNDRED)]
    if at_once == 1:
        return [outcome for each in hundreds for outcome in each.run()]
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        return [outcome for outcomes in pool.map(_Batch.run, hundreds) for outcome in outcomes]


class _Batch:
    """Up to a hundred changes and how each of them ended."""

    def __init__(self, door: Door, changes: Sequence[Change]) -> None:
        self._door = door
        self._changes = changes
        self._ended: dict[int, Outcome] = {}
        self._stopped: Outcome | None = None
        self._lost = 0
        self._locked: set[str] = set()

    def run(self) -> list[Outcome]:
        self._drop_unwritable(self._changes)
        self._check()
        for action, send in ((Action.UPDATE, self._update), (Action.CREATE, self._create)):
            for part in chunks([each for each in self._open() if each.action is action], WRITE_SIZE):
                self._send(send, part)
        return [self._ended[id(each)] for each in self._changes]

    def _open(self) -> list[Change]:
        return [each for each in self._changes if id(each) not in self._ended]

    def _end(self, change: Change, outcome: Outcome) -> None:
        self._ended[id(change)] = outcome

    def _drop_unwritable(self, changes: Sequence[Change]) -> None:
        """Refuse every change that holds a cell which can never be written."""
        for change in changes:
            if closed := sorted(each.path for each in change.cells if not self._writable(each.path)):
                reason = f"Airtable does not let the token's user write {', '.join(closed)}, or it is computed or frozen."
                self._end(change, Outcome(written=Written.REFUSED, reason=reason))

    def _writable(self, path: str) -> bool:
        place = self._door.places.get(path)
        return place is not None and place.writable and place.column is not None and place.column.id not in self._locked

    def _check(self) -> None:
        """Read what stands in Airtable now and drop every update that was planned on something else."""
        updates = [each for each in self._open() if each.action is Action.UPDATE]
        try:
            present = self._door.fetch([each.id for each in updates if each.id])
        except BridgeError as error:
            self._stop(error)
            return
        for change in updates:
            row = present.get(change.id or "")
            if row is None:
                self._end(change, Outcome(written=Written.STALE, reason="The record is not in the table any more."))
            elif moved := sorted(each.path for each in change.cells if not _same(each.before_raw, row.values.get(each.path))):
                reason = f"Edited since it was read: {', '.join(moved)}."
                self._end(change, Outcome(written=Written.STALE, row=row, reason=reason))

    def _update(self, changes: Sequence[Change]) -> Sequence[Row]:
        return self._door.update([(each.id or "", _cells(each)) for each in changes])

    def _create(self, changes: Sequence[Change]) -> Sequence[Row]:
        return self._door.create([_cells(each) for each in changes])

    def _send(self, send: Send, changes: Sequence[Change]) -> None:
        """Send up to ten changes; where they are refused, send each half alone until it is known whose fault it is."""
        changes = [each for each in changes if id(each) not in self._ended]
        if self._stopped is not None:
            self._end_all(changes, self._stopped)
        if not changes or self._stopped is not None:
            return
        try:
            rows = send(changes)
        except ColumnLocked as error:
            self._lock(send, changes, error)
        except Refused as error:
            self._refused(send, changes, error)
        except OutcomeUnknown as error:
            self._end_all(changes, Outcome(written=Written.IN_DOUBT, reason=error.message))
            self._lost += 1
            if self._lost == ANSWERS_LOST:
                self._stop(error)
        except BridgeError as error:
            self._end_all(changes, self._stop(error))
        else:
            for change, row in zip(changes, rows, strict=True):
                self._end(change, Outcome(written=Written.DONE, row=row))

    def _lock(self, send: Send, changes: Sequence[Change], error: ColumnLocked) -> None:
        """Refuse what would write a locked field, here and in the rest of the batch, and send what would not."""
        self._locked.add(error.column)
        self._drop_unwritable(self._open())
        left = [each for each in changes if id(each) not in self._ended]
        if len(left) < len(changes):
            self._send(send, left)
        else:
            self._end_all(changes, Outcome(written=Written.REFUSED, reason=error.reason))

    def _refused(self, send: Send, changes: Sequence[Change], error: Refused) -> None:
        # Airtable refuses all ten for one bad cell, and tells seldom whose it is.
        if len(changes) > 1 and error.code not in _NOT_DIVIDED:
            half = len(changes) // 2
            self._send(send, changes[:half])
            self._send(send, changes[half:])
        elif error.code == NO_SUCH_ROW and changes[0].action is Action.UPDATE and error.record in ("", changes[0].id):
            self._end_all(changes, Outcome(written=Written.STALE, reason="The record is not in the table any more."))
        else:
            self._end_all(changes, Outcome(written=Written.REFUSED, reason=error.reason))

    def _end_all(self, changes: Sequence[Change], outcome: Outcome) -> None:
        for each in changes:
            self._end(each, outcome)

    def _stop(self, error: BridgeError) -> Outcome:
        """Send nothing more; what is still open ends as the outcome returned."""
        code = QUOTA_CODE if isinstance(error, QuotaExhausted) else None
        self._stopped = Outcome(written=Written.NOT_SENT, reason=error.message, code=code)
        return self._stopped


def _cells(change: Change) -> dict[str, Json]:
    return {each.path: each.after_raw for each in change.cells}


def _same(planned: Json, present: Json) -> bool:
    """Whether a cell is what the plan saw. Airtable leaves out whatever is blank: null, "", [] and false are one."""
    return planned == present or (_blank(planned) and _blank(present))


def _blank(value: Json) -> bool:
    return value is None or value is False or value in ("", [])
