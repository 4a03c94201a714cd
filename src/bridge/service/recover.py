"""Settle writes in doubt: by reading, never by writing again.

A write is in doubt when its intent has no outcome (the process died) or its answer was lost. An update landed if the record
holds what was meant; a create landed if a record carries its exact match keys.
"""

import dataclasses
import datetime as dt
from collections.abc import Sequence

from bridge.core import values
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.plan import Action, Change, Written
from bridge.core.record import PerSide
from bridge.ports import JournalEntry, Lease, Outcome, Remote
from bridge.service.apply import settlement
from bridge.service.gather import Reader
from bridge.service.order import Means

_LANDED = "in doubt, settled by reading: it had landed"
_LOST = "in doubt, settled by reading: it had not landed"
_PARTLY = "in doubt, settled by reading: a part of it had landed"
_MOVED = "in doubt, settled by reading: the record has been edited since"


def settle(mapping: FieldMapping, remotes: PerSide[Remote], read: Reader, means: Means, lease: Lease) -> int:
    """How many writes in doubt were settled. Those that reading cannot tell stay open and are reported (403)."""
    entries = means.store.journal.open(mapping.name)
    if not entries:
        return 0
    _wait_until_believable(entries, means)
    settled = 0
    for entry in entries:
        means.progress("settling writes in doubt", settled, len(entries))
        outcome = _outcome(entry, remotes[entry.change.side], mapping, read)
        if outcome is not None:
            learnt = settlement(entry.id, entry.change, outcome, entry.cells, mapping, read)
            if entry.change.action is Action.CREATE:
                # What differs may be somebody's edit since, and is met as if for the first time.
                learnt = dataclasses.replace(learnt, stops={})
            means.store.journal.settle(mapping, [learnt], lease)
            settled += 1
    return settled


def _wait_until_believable(entries: Sequence[JournalEntry], means: Means) -> None:
    """A server may still be working on a request whose client is gone; what is not there yet may come."""
    newest = max(entry.outcome_at or entry.intent_at for entry in entries)
    left = newest + means.settle_after - means.clock()
    if left > dt.timedelta(0):
        means.sleep(min(left, means.settle_after).total_seconds())


def _outcome(entry: JournalEntry, remote: Remote, mapping: FieldMapping, read: Reader) -> Outcome | None:
    change = entry.change
    if change.action is Action.CREATE:
        return _created(change, remote)
    row = remote.read([change.id])[change.id].row if change.id is not None else None
    if row is None:
        return Outcome(written=Written.STALE, reason=_MOVED)
    record = read.record(change.side, row)
    cells = [cell for cell in entry.cells if cell.field in mapping.fields]
    there = [cell.field for cell in cells if values.same_base(cell.after, record.cells[cell.field])]
    unmoved = [cell.field for cell in cells if values.same_base(cell.before, record.cells[cell.field])]
    if len(there) == len(cells):
        return Outcome(written=Written.DONE, row=row, reason=_LANDED)
    if len(unmoved) == len(cells):
        return Outcome(written=Written.NOT_SENT, reason=_LOST)
    landed = tuple(name for name in there if name not in unmoved)
    partly = landed and {*landed, *unmoved} >= {cell.field for cell in cells}
    return Outcome(written=Written.STALE, row=row, reason=_PARTLY if partly else _MOVED, landed=landed)


def _created(change: Change, remote: Remote) -> Outcome | None:
    rows = remote.find(change.keys)
    if len(rows) > 1:
        return None
    if not rows:
        return Outcome(written=Written.NOT_SENT, reason=_LOST)
    return Outcome(written=Written.DONE, row=rows[0], reason=_LANDED)
