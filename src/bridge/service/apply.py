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
from bridge.errors import BridgeError
from bridge.ports import JournalCell, Lease, Outcome, Remote, Settlement, Store
from bridge.service.gather import Reader
from bridge.service.order import Applied, Means
from bridge.service.tell import SOURCE_FAILED, run_failed

REFUSED = 401
CHANGED_BY_SYSTEM = 405
TAKEN_BACK = 208
UNDONE = "undo"
RESTORED = "restored"
"""Why a cell is taken back: to something the two sides never agreed on, or to what they last did."""
_HALTED = Outcome(written=Written.NOT_SENT, reason="bridge was told to stop; the next run goes on")
_CODES = {Written.REFUSED: REFUSED, Written.STALE: 402, Written.IN_DOUBT: 403}


def apply(
    plan: Plan, mapping: Mapping, remotes: PerSide[Remote], read: Reader, run: int, means: Means, lease: Lease, *, by: str
) -> Applied:
    """Every change of the plan with how it ended. Raises RunInProgress, before sending anything more, if the lease is lost.

    A side that cannot be looked at is left alone; what the other one was given stands, and is told.
    """
    done: list[tuple[Change, Outcome]] = []
    failed: BridgeError | None = None
    for side in Side:
        changes = [change for change in plan.changes if change.side is side]
        try:
            unsent = taken(changes, remotes[side])
        except SOURCE_FAILED as error:
            failed = error
            unsent = [(change, Outcome(written=Written.NOT_SENT, reason=error.message)) for change in changes]
        done += unsent
        free = [change for change in changes if not any(change is other for other, _ in unsent)]
        for batch in _batches(free, remotes[side].batch_size):
            if means.stopping():
                done += [(change, _HALTED) for change in batch]
                continue
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
    return Applied(outcomes=done, error=failed)


def calls_of(plan: Plan, side: Side, remote: Remote) -> int:
    """An upper bound of the API calls that applying the plan takes on `side`: one look for each create, and the writes."""
    changes = [change for change in plan.changes if change.side is side]
    return remote.calls_for(changes) + sum(change.action is Action.CREATE for change in changes)


def taken(changes: Sequence[Change], remote: Remote) -> list[tuple[Change, Outcome]]:
    """The creates whose match keys some record carries already, in the mapping's scope or not: they are not sent.

    This is a create's precondition. It also lets a create in doubt be settled: whoever carries its keys later was made by it.
    """
    found = [(change, remote.find(change.keys)) for change in changes if change.action is Action.CREATE]
    return [(change, _carried([row.id for row in rows])) for change, rows in found if rows]


def _carried(ids: Sequence[str]) -> Outcome:
    """Why a create is not sent, in words that say what to do."""
    reason = (
        f"{', '.join(ids)} carries its match key already: bring that record into the mapping's scope, or take the key off it; "
        "if it came only just now, the next run finds it"
    )
    return Outcome(written=Written.REFUSED, reason=reason)


def _batches(changes: Sequence[Change], size: int) -> Iterator[Sequence[Change]]:
    waiting = iter(changes)
    while batch := list(islice(waiting, size)):
        yield batch


def _changed(settled: Settlement) -> bool:
    """Whether the system took the whole change and stored something else."""
    return settled.written is Written.DONE and any(stop.code == CHANGED_BY_SYSTEM for stop in settled.stops.values())


def settlement(
    entry: int, change: Change, outcome: Outcome, cells: Iterable[CellChange | JournalCell], mapping: Mapping, read: Reader
) -> Settlement:
    """What to store about one write.

    A base for every cell that now reads as its source; a stop, which keeps it from being written again while its source stays,
    for one that a person took back (208) or the system changed (405). A cell that is restored has again the base it had before
    it was written. One that holds what it was given, and that is not its source, is half of a union: agreed only once the
    other side has it too.
    """
    ended = Settlement(entry=entry, written=outcome.written, detail=outcome.reason, code=outcome.code, landed=outcome.landed)
    done = outcome.written is Written.DONE
    if outcome.row is None or not (done or outcome.landed):
        return ended
    record = read.record(change.side, outcome.row)
    bases: dict[str, Value | None] = {}
    stops: dict[str, Stop] = {}
    for cell in cells:
        each = mapping.fields.get(cell.field)
        if each is None or not (done or cell.field in outcome.landed):
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
    learnt = dataclasses.replace(ended, bases=bases, stops=stops)
    if not done:
        return learnt
    link = Link(record.id, change.partner) if change.side is Side.CIVICRM else Link(change.partner, record.id)
    return dataclasses.replace(learnt, link=link, record=record.id)


def told(applied: Applied, mapping: Mapping) -> Iterable[Discrepancy]:
    """A discrepancy for every write that did not end as meant, and one for a side that could not be looked at."""
    if applied.error is not None:
        yield run_failed(mapping, applied.error)
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
