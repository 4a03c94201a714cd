"""Records without a partner: told, ignored, or created on the other side with what makes them findable again."""

from collections.abc import Iterator

from bridge.core import conditions, values
from bridge.core.facts import Facts, about_record, frozen, key_values, refusal, sealed
from bridge.core.mapping import ExactMatch, Unmatched
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.plan import Action, CellChange, Change, Discrepancy
from bridge.core.record import Json, PerSide, Record, Side, Unreadable, Value


def unmatched(facts: Facts) -> Iterator[Change | Discrepancy]:
    """What to do about records without a partner; nothing while a match key cannot be read, for then nobody has one.

    Nobody is created unless both sides came whole: what is missing of a record's own side may be its double, or the contact
    that was merged into it and has the partner.
    """
    if _keyless(facts):
        return
    whole = all(snapshot.complete and snapshot.whole for _, snapshot in facts.snapshots)
    for side, records in facts.matching.only:
        policy = facts.mapping.unmatched[side]
        for record in records:
            said = facts.mapping.otherwise if policy is Unmatched.CREATE and not _wanted(facts, record) else policy
            if said is Unmatched.REPORT:
                yield about_record(facts, 101 if side is Side.CIVICRM else 102, record)
            elif said is Unmatched.CREATE and whole:
                yield _create(facts, record)


def _wanted(facts: Facts, record: Record) -> bool:
    """Whether the mapping lets this record be created: always, or where `create_when` holds of it."""
    wanted = facts.mapping.create_when
    if wanted is None:
        return True
    cells = PerSide.of(lambda side: record.cells if side is record.side else {})
    return conditions.holds(wanted, cells, facts.mapping.fields, facts.today, zone=facts.zone) is True


def _keyless(facts: Facts) -> bool:
    unreadable = PerSide.of(lambda side: frozen(facts, side))
    keys = [key for rule in facts.mapping.match if isinstance(rule, ExactMatch) for key in rule.keys]
    return any(key.at[side] in paths for side, paths in unreadable for key in keys)


def _create(facts: Facts, record: Record) -> Change | Discrepancy:
    """The create of `record` on the other side, or why it cannot be."""
    side = record.side.other
    alone = 101 if record.side is Side.CIVICRM else 102
    if (side, record.id) in facts.doubtful:
        return about_record(facts, 403, record)
    if any(path in frozen(facts, side) for path, _ in _demanded(facts.mapping, side)):
        return about_record(facts, alone, record, reason="a field that the scope asks for is frozen")
    try:
        cells, keys = _cells_of_create(facts, record, side)
    except (values.Unwritable, _Refused) as refused:
        return about_record(facts, 401, record, side=side.title, reason=str(refused))
    if not keys:
        return about_record(facts, alone, record, reason="no match key is filled in, so it could not be found again")
    return Change(
        mapping=facts.mapping.name,
        side=side,
        action=Action.CREATE,
        id=None,
        partner=record.id,
        name=record.name,
        cells=tuple(sorted(cells.values(), key=lambda cell: cell.path)),
        keys=keys,
    )


class _Refused(Exception):
    """The schema does not let a cell of a new record be written."""


def _cells_of_create(facts: Facts, record: Record, side: Side) -> tuple[dict[str, CellChange], dict[str, Json]]:
    """By path: the fields that may flow, what `where` demands, and the exact match keys; and the keys alone.

    A frozen field is left out, and filled once it can be read again.
    """
    cells: dict[str, CellChange] = {}
    unreadable = frozen(facts, side)
    for each in facts.mapping.fields.values():
        path = each.at[side]
        if path is None or path in unreadable or not each.may_write(side) or _is_elsewhere(facts.mapping, side, path):
            continue
        cell = record.cells[each.name]
        if cell is None or isinstance(cell, Unreadable):
            continue
        value = values.translate(each, record.side, cell)
        if refused := refusal(facts, each, side, value):
            raise _Refused(refused)
        raw = values.write(each, side, value, facts.references)
        cells[path] = _new_cell(facts, each.name, path, raw, value, values.comparable(each, side, value))
    for path, raw in _demanded(facts.mapping, side):
        cells[path] = _new_cell(facts, path, path, raw)
    keys: dict[str, Json] = {}
    for rule in facts.mapping.match:
        if isinstance(rule, ExactMatch):
            found = key_values(rule.keys, record, side)
            if found is not None:
                keys = keys or found
                for path, raw in found.items():
                    cells.setdefault(path, _new_cell(facts, path, path, raw))
    return cells, keys


def _is_elsewhere(mapping: FieldMapping, side: Side, path: str) -> bool:
    """Whether the path leads to a row of its own, which can only be written once the record is there."""
    return side is Side.CIVICRM and path.partition(".")[0] in mapping.civicrm.related


def _new_cell(
    facts: Facts, name: str, path: str, raw: Json, value: Value | None = None, source: Value | None = None
) -> CellChange:
    """A cell of a new record; sensitive where any field at its path is, a match key's too."""
    sensitive = any(each.sensitive for each in facts.mapping.fields.values() if path in (each.at.civicrm, each.at.airtable))
    return CellChange(
        field=name,
        path=path,
        before=None,
        after=value,
        before_raw=None,
        after_raw=raw,
        why="create",
        source=source,
        sensitive=sensitive,
        sealed=sealed(facts.seal, None, raw) if sensitive else None,
    )


def _demanded(mapping: FieldMapping, side: Side) -> Iterator[tuple[str, Json]]:
    """What `where` says with = or CONTAINS: a new record must be inside its own scope."""
    where = mapping.civicrm.where if side is Side.CIVICRM else mapping.airtable.where
    for clause in where:
        match clause:
            case [str(path), "=", value]:
                yield path, value
            case [str(path), "CONTAINS", value]:
                yield path, value if isinstance(value, list) else [value]
            case _:
                pass
