"""Take back what a run wrote: a plan of its own, made from the journal's before-images.

A cell is put back only where it still holds what the run wrote there; the rest is listed. What a person took back stays taken
back (208) until its source changes. A create is never undone by deleting: it is listed for a person.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from bridge.core import values
from bridge.core.compare import Verdict
from bridge.core.document import digest, document
from bridge.core.facts import Seal, sealed
from bridge.core.mapping import Mapping, Mode
from bridge.core.plan import Action, CellChange, Change, Plan, Population, Written
from bridge.core.record import PerSide, Record, Sealed, Side, Unreadable
from bridge.errors import ConfigError
from bridge.ports import JournalCell, JournalEntry, PlanState, Remote, RunState
from bridge.service import recover
from bridge.service.apply import RESTORED, UNDONE, apply, told
from bridge.service.gather import Reader, look, reader
from bridge.service.order import Kind, Means, Order, Result
from bridge.service.run import marked_failed
from bridge.service.tell import finish, mark_interrupted, tell

_FROM_BASE = (Verdict.CHANGED, Verdict.CLEAR)
"""The verdicts by which a cell is overwritten that still holds what both sides last agreed on."""

_UNKNOWN = (Written.IN_DOUBT, None)
"""The outcomes of what may have been written: a process that died left none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A cell (or a created record: `field` None) that is not put back, and why."""

    side: Side
    id: str
    name: str
    field: str | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What an undo of `run` would do: the plan, and what it leaves alone."""

    run: int
    mapping: Mapping
    plan: Plan
    left: tuple[Left, ...] = ()


@dataclass(slots=True)
class _Gathering:
    seal: Seal
    changes: list[Change] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)


def prepare(
    run: int, mapping: Mapping, means: Means, *, record: tuple[Side, str] | None = None, field_name: str | None = None
) -> Prepared:
    """The undo of a run, of one record of it, or of one field: read from both sides, nothing written.

    Raises ConfigError if the run wrote nothing of what is asked for.
    """
    entries = [each for each in means.store.journal.of_run(run) if _may_stand(each) and _wanted(each, record)]
    if not entries or (field_name and not any(cell.field == field_name for each in entries for cell in _may_stand(each))):
        raise ConfigError(
            f"Run {run} wrote nothing of that.",
            next_step=f"`bridge show {run}` lists what it wrote, `bridge runs` which run wrote anything.",
        )
    remotes = means.remotes(mapping)
    read = reader(mapping, look(mapping, remotes, means.store.knowledge), means.store.knowledge)
    found = _Gathering(means.store.seal)
    for side in Side:
        _prepare_side([each for each in entries if each.change.side is side], remotes[side], mapping, read, field_name, found)
    changes = tuple(sorted(found.changes, key=lambda each: each.order))
    plan = Plan(
        mapping=mapping.name,
        mapping_digest=mapping.digest,
        changes=changes,
        discrepancies=(),
        population=Population(now=PerSide(0, 0)),
        complete=False,
        calls=PerSide.of(lambda side: remotes[side].calls_for([each for each in changes if each.side is side])),
    )
    return Prepared(run=run, mapping=mapping, plan=plan, left=tuple(found.left))


def _may_stand(entry: JournalEntry) -> tuple[JournalCell, ...]:
    """The cells that were written, or may have been."""
    return entry.cells if entry.outcome in _UNKNOWN else entry.stands


def _wanted(entry: JournalEntry, record: tuple[Side, str] | None) -> bool:
    if record is None:
        return True
    side, native = record
    change = entry.change
    return native == (entry.record if change.side is side else change.partner)


def _prepare_side(
    entries: Iterable[JournalEntry], remote: Remote, mapping: Mapping, read: Reader, field_name: str | None, found: _Gathering
) -> None:
    by_record: dict[str, list[JournalEntry]] = defaultdict(list)
    for entry in entries:
        if entry.outcome in _UNKNOWN:
            _leave(entry, None, "whether it was written is not known yet; the next sync finds out", found)
        elif entry.change.action is Action.CREATE:
            _leave(entry, None, "it was created; nothing is ever deleted, so a person decides", found)
        elif entry.change.id is not None:
            by_record[entry.change.id].append(entry)
    rows = remote.read(list(by_record)) if by_record else {}
    for native, mine in by_record.items():
        row = rows[native].row
        if row is None:
            for entry in mine:
                _leave(entry, None, "the record is not there any more", found)
            continue
        record = read.record(remote.side, row)
        cells = [cell for entry in reversed(mine) for cell in _back(entry, record, mapping, field_name, found)]
        if cells:
            change = mine[0].change
            found.changes.append(
                Change(
                    mapping=mapping.name,
                    side=change.side,
                    action=Action.UPDATE,
                    id=native,
                    partner=change.partner,
                    name=change.name,
                    cells=tuple(cells),
                    extra=row.extra,
                )
            )


def _leave(entry: JournalEntry, cell: JournalCell | None, why: str, found: _Gathering) -> None:
    change = entry.change
    native = entry.record or change.id or change.partner
    found.left.append(Left(side=change.side, id=native, name=change.name, field=cell.field if cell else None, why=why))


def _back(
    entry: JournalEntry, record: Record, mapping: Mapping, field_name: str | None, found: _Gathering
) -> Iterable[CellChange]:
    for cell in entry.stands:
        each = mapping.fields.get(cell.field)
        if field_name not in (None, cell.field):
            continue
        if each is None:
            _leave(entry, cell, "the mapping does not name this field any more", found)
            continue
        now = record.cells[cell.field]
        if isinstance(cell.before, Sealed):
            _leave(entry, cell, "its old value was kept only as a digest: there was no BRIDGE_STATE_KEY", found)
        elif isinstance(now, Unreadable) or not values.same_base(cell.after, now):
            _leave(entry, cell, "it has been edited since", found)
        else:
            raw = record.row.values.get(cell.path)
            yield CellChange(
                field=cell.field,
                path=cell.path,
                before=now,
                after=cell.before,
                before_raw=raw,
                after_raw=cell.before_raw,
                why=RESTORED if cell.why in _FROM_BASE else UNDONE,
                source=cell.source,
                sensitive=each.sensitive,
                clears=cell.before is None and now is not None,
                sealed=sealed(found.seal, raw, cell.before_raw) if each.sensitive else None,
            )


def undo(prepared: Prepared, order: Order, means: Means) -> Result:
    """Carry out a prepared undo as a run of its own; every cell it puts back stays so until its source changes."""
    mapping = prepared.mapping
    if Mode.OBSERVE in (order.mode, mapping.mode):
        where = "BRIDGE_MODE" if order.mode is Mode.OBSERVE else f"`mode` in {mapping.file}"
        raise ConfigError(f"{mapping.name} is only observed: nothing can be taken back.", next_step=f"set {where} to correct.")
    store, remotes, plan = means.store, means.remotes(mapping), prepared.plan
    with store.runs.lease(mapping.name, means.holder) as lease:
        mark_interrupted(mapping.name, means)
        number = store.runs.start(mapping.name, mode=Mode.CORRECT, kind=Kind.UNDO, by=order.by)
        with marked_failed(number, means) as failed:
            read = reader(mapping, look(mapping, remotes, store.knowledge), store.knowledge)
            doubts = failed["doubts_settled"] = recover.settle(mapping, remotes, read, means, lease)
            store.plans.save(number, plan, document(plan), PlanState.APPLIED)
            applied = apply(plan, mapping, remotes, read, number, means, lease, by=order.by)
        tell(mapping, number, tuple(told(applied, mapping)), means)
        counts = {
            "changes": len(plan.changes),
            "written": applied.count(Written.DONE),
            "stale": applied.count(Written.STALE),
            "refused": applied.count(Written.REFUSED),
            "doubts_settled": doubts,
            "left": len(prepared.left),
        }
        state = RunState.DONE if applied.error is None else RunState.FAILED
        note = f"undo of run {prepared.run}"
        finish(number, state, means, digest=digest(plan), counts=counts, note=note, error=applied.error)
    return Result(
        run=number,
        mapping=mapping.name,
        state=state,
        plan=plan,
        digest=digest(plan),
        applied=applied,
        doubts_settled=doubts,
        error=applied.error,
        counts=counts,
    )
