"""Apply a plan: intent, write, read back, outcome; batch by batch, side by side.

The journal's intent is stored before anything is sent, and the outcome with the new base and link in one transaction after:
whatever instant the process dies at, the next run knows which writes are in doubt and settles them by reading.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from bridge.core import values
from bridge.core.knowledge import Stop
from bridge.core.mapping import Mapping, Severity
from bridge.core.plan import Action, CellChange, Change, Discrepancy, Plan, Written
from bridge.core.record import Link, PerSide, Side, Unreadable, Value
from bridge.ports import JournalCell, Lease, Outcome, Remote, Settlement, Store
from bridge.service.gather import Reader
from bridge.service.order import Applied, Means

CHANGED_BY_SYSTEM = 405
TAKEN_BACK = 208
UNDONE = "undo"
RESTORED = "restored"
"""Why a cell is taken back: to something the two sides never agreed on, or to what they last did."""
_CODES = {Written.REFUSED: 401, Written.STALE: 402, Written.IN_DOUBT: 403}


def apply(
    plan: Plan, mapping: Mapping, remotes: PerSide[Remote], read: Reader, run: int, means: Means, lease: Lease, *, by: str
) -> Applied:
    """Every change of the plan with how it ended. Raises RunInProgress, before sending anything more, if the lease is lost."""
    done: list[tuple[Change, Outcome]] = []
    for side in Side:
        changes = [change for change in plan.changes if change.side is side]
        taken = _taken(changes, remotes[side])
        done += taken
        free = [change for change in changes if not any(change is other for other, _ in taken)]
        for batch in _batches(free, remotes[side].batch_size):
            lease.check()
            entries = means.store.journal.intend(run, batch, lease, by=by)
            outcomes = remotes[side].apply(batch)
            settled = [
                settlement(entry, change, outcome, change.cells, mapping, read)
                for entry, change, outcome in zip(entries, batch, outcomes, strict=True)
            ]
            means.store.journal.settle(mapping, settled, lease)
            done += [
                (change, dataclasses.replace(outcome, code=CHANGED_BY_SYSTEM) if _changed(each) else outcome)
                for change, outcome, each in zip(batch, outcomes, settled, strict=True)
            ]
            means.progress(f"writing to {side.title}", len(done), len(plan.changes))
    return Applied(outcomes=done)


def calls_of(plan: Plan, side: Side, remote: Remote) -> int:
    """An upper bound of the API calls that applying the plan takes on `side`: one look for each create, and the writes."""
    changes = [change for change in plan.changes if change.side is side]
    return remote.calls_for(changes) + sum(change.action is Action.CREATE for change in changes)


def _taken(changes: Sequence[Change], remote: Remote) -> list[tuple[Change, Outcome]]:
    """The creates whose match keys some record carries already, in the mapping's scope or not: they are not sent.

    This is a create's precondition. It also lets a create in doubt be settled: whoever carries its keys later was made by it.
    """
    refused = Outcome(
        written=Written.REFUSED, reason="another record carries its match key, perhaps outside the mapping's scope"
    )
    return [(change, refused) for change in changes if change.action is Action.CREATE and remote.find(change.keys)]


def _batches(changes: Sequence[Change], size: int) -> Iterator[Sequence[Change]]:
    waiting = iter(changes)
    while batch := list(islice(waiting, size)):
        yield batch


def _changed(settled: Settlement) -> bool:
    return any(stop.code == CHANGED_BY_SYSTEM for stop in settled.stops.values())


def settlement(
    entry: int, change: Change, outcome: Outcome, cells: Iterable[CellChange | JournalCell], mapping: Mapping, read: Reader
) -> Settlement:
    """What to store about one write.

    A base for every cell that now reads as its source; a stop, which keeps it from being written again while its source stays,
    for one that a person took back (208) or the system changed (405). A cell that is restored has again the base it had before
    it was written. One that holds what it was given, and that is not its source, is half of a union: agreed only once the
    other side has it too.
    """
    if outcome.written is not Written.DONE or outcome.row is None:
        return Settlement(entry=entry, written=outcome.written, detail=outcome.reason)
    record = read.record(change.side, outcome.row)
    link = Link(record.id, change.partner) if change.side is Side.CIVICRM else Link(change.partner, record.id)
    bases: dict[str, Value | None] = {}
    stops: dict[str, Stop] = {}
    for cell in cells:
        each = mapping.fields.get(cell.field)
        if each is None:
            continue
        own = record.cells[cell.field]
        stored = values.comparable(each, change.side, own)
        if not isinstance(stored, Unreadable) and values.same_base(cell.source, stored):
            bases[cell.field] = stored
        elif cell.why in (UNDONE, RESTORED):
            stops[cell.field] = Stop(side=change.side, code=TAKEN_BACK, source=cell.source)
            if cell.why == RESTORED and not isinstance(stored, Unreadable) and values.same_base(cell.after, own):
                bases[cell.field] = stored
        elif not values.same_base(cell.after, own):
            stops[cell.field] = Stop(side=change.side, code=CHANGED_BY_SYSTEM, source=cell.source)
    return Settlement(
        entry=entry, written=Written.DONE, detail=outcome.reason, link=link, bases=bases, stops=stops, record=record.id
    )


def told(applied: Applied) -> Iterable[Discrepancy]:
    """A discrepancy for every write that did not end as meant."""
    for change, outcome in applied.outcomes:
        code = outcome.code or _CODES.get(outcome.written)
        if code is not None:
            yield about_write(change, code, outcome.reason)


def about_write(change: Change, code: int, reason: str) -> Discrepancy:
    """The discrepancy `code` about one write."""
    ids = PerSide(change.id, change.partner) if change.side is Side.CIVICRM else PerSide(change.partner, change.id)
    return Discrepancy(
        mapping=change.mapping,
        code=code,
        severity=Severity.MEDIUM,
        ids=ids,
        name=change.name,
        details={
            "side": change.side.title,
            "fields": ", ".join(cell.field for cell in change.cells),
            "reason": reason,
        },
        evidence=reason,
    )


def open_creates(store: Store, mapping: str) -> frozenset[tuple[Side, str]]:
    """The (side, partner) of creates still in doubt: they must not be sent again."""
    entries = store.journal.open(mapping)
    return frozenset((each.change.side, each.change.partner) for each in entries if each.change.action is Action.CREATE)
