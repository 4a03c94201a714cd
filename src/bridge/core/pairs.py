"""One linked pair: each cell compared three ways, what is to be written for it, and what its rules tell."""

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bridge.core import conditions, values
from bridge.core.compare import NO_BASE, NOT_THE_OWNER, Keep, Outcome, Verdict, Write, merge
from bridge.core.facts import Facts, evidence, refusal, sealed, severity_of
from bridge.core.knowledge import Known
from bridge.core.mapping import Field, Rule
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.match import Pair
from bridge.core.plan import Action, CellChange, Change, Discrepancy
from bridge.core.record import Cell, Link, PerSide, Side, Unreadable, Value


@dataclass(slots=True)
class Compared:
    """What came of one pair: writes of either side, what is to be told, and the cells that agree and were not known to."""

    link: Link
    changes: list[Change] = field(default_factory=list)
    discrepancies: list[Discrepancy] = field(default_factory=list)
    agreed: dict[str, Value | None] = field(default_factory=dict)


def compare_pair(facts: Facts, pair: Pair) -> Compared:
    """Every field of a linked pair compared, and its rules asked."""
    result = Compared(pair.link)
    writes: dict[Side, list[CellChange]] = {Side.CIVICRM: [], Side.AIRTABLE: []}
    for each in facts.mapping.fields.values():
        if each.two_sided:
            _compare_cell(facts, pair, each, result, writes)
        else:
            result.discrepancies.extend(_unreadable_one_sided(facts, pair, each))
    for side, cells in writes.items():
        if cells:
            record = pair[side]
            result.changes.append(
                Change(
                    mapping=facts.mapping.name,
                    side=side,
                    action=Action.UPDATE,
                    id=record.id,
                    partner=pair[side.other].id,
                    name=_name(pair),
                    cells=tuple(cells),
                    extra=record.row.extra,
                )
            )
    result.discrepancies.extend(_rules(facts, pair))
    return result


def _name(pair: Pair) -> str:
    """The CiviCRM record's name, or the Airtable one's where that is only an id."""
    return pair.civicrm.name if pair.civicrm.name != pair.civicrm.id else pair.airtable.name


def _compare_cell(facts: Facts, pair: Pair, each: Field, result: Compared, writes: dict[Side, list[CellChange]]) -> None:
    cells = PerSide(pair.civicrm.cells[each.name], pair.airtable.cells[each.name])
    base = facts.known.bases.get(pair.link, {}).get(each.name, NO_BASE)
    outcome = merge(each, base, cells, modified=PerSide(pair.civicrm.row.modified_at, pair.airtable.row.modified_at))
    if outcome.verdict is Verdict.AGREED:
        if outcome.keep is Keep.TAKE or (pair.link, each.name) in facts.known.stops:
            result.agreed[each.name] = outcome.agreed
        return
    if any(isinstance(cell, Unreadable) and cell.code != 206 for _, cell in cells):  # noqa: PLR2004  # as everywhere
        return  # the whole column is frozen, which is told once and not for every record
    code, details, wanted = outcome.code, dict[str, str](), outcome.writes
    if (stop := stopped(facts.known, pair.link, each, cells)) is not None:
        code, wanted = stop, ()
    for write in wanted:
        written = _cell_change(facts, pair, each, write, outcome)
        if isinstance(written, CellChange):
            writes[write.side].append(written)
        else:
            code, details = 401, {"side": write.side.title, "reason": written}
    if code is not None:
        result.discrepancies.append(_about_cell(facts, pair, each, cells, code, details))


def stopped(known: Known, link: Link, each: Field, cells: PerSide[Cell]) -> int | None:
    """The code of the stop by which a cell that differs is left alone, either way, as long as its source stays; else None."""
    stop = known.stops.get((link, each.name))
    if stop is None or any(isinstance(cell, Unreadable) for _, cell in cells):
        return None
    source = stop.side.other
    return stop.code if values.same_base(stop.source, values.comparable(each, source, cells[source])) else None


def _cell_change(facts: Facts, pair: Pair, each: Field, write: Write, outcome: Outcome) -> CellChange | str:
    """The write, or the reason why the remote could not take it."""
    side, record, path = write.side, pair[write.side], str(each.at[write.side])
    source = _compared(each, pair, side.other)
    if refused := refusal(facts, each, side, write.value):
        return refused
    try:
        after_raw = values.write(each, side, write.value, facts.references)
    except values.Unwritable as unwritable:
        return unwritable.reason
    before_raw = record.row.values.get(path)
    return CellChange(
        field=each.name,
        path=path,
        before=record.cells[each.name],
        after=write.value,
        before_raw=before_raw,
        after_raw=after_raw,
        why=_why(outcome),
        source=None if isinstance(source, Unreadable) else source,
        sensitive=each.sensitive,
        clears=write.clears,
        sealed=sealed(facts.seal, before_raw, after_raw) if each.sensitive else None,
    )


def _compared(each: Field, pair: Pair, side: Side) -> Cell:
    return values.comparable(each, side, pair[side].cells[each.name])


def _why(outcome: Outcome) -> str:
    """The verdict's word; `reverted` where an edit on the side that does not own the field is put back."""
    put_back = outcome.verdict is Verdict.CHANGED and outcome.code == NOT_THE_OWNER
    return "reverted" if put_back else outcome.verdict.value


def _about_cell(
    facts: Facts, pair: Pair, each: Field, cells: PerSide[Cell], code: int, details: Mapping[str, str] | None = None
) -> Discrepancy:
    reason = "; ".join(f"{side.title}: {cell.reason}" for side, cell in cells if isinstance(cell, Unreadable))
    shown = PerSide[str | None].of(lambda side: None if each.sensitive else values.display(each, cells[side]))
    return Discrepancy(
        mapping=facts.mapping.name,
        code=code,
        severity=severity_of(code),
        ids=PerSide(pair.link.civicrm, pair.link.airtable),
        name=_name(pair),
        field=each.name,
        shown=shown,
        details=details or ({"reason": reason} if reason else {}),
        evidence=evidence(facts, [repr(values.comparable(each, side, cell)) for side, cell in cells]),
    )


def _unreadable_one_sided(facts: Facts, pair: Pair, each: Field) -> Iterator[Discrepancy]:
    """A field read only for rules that cannot be read is told, unless its whole column is (that is told once)."""
    side = Side.CIVICRM if each.at.civicrm is not None else Side.AIRTABLE
    cell = pair[side].cells[each.name]
    if isinstance(cell, Unreadable) and cell.code == 206:  # noqa: PLR2004  # codes stand as numbers everywhere
        cells = PerSide[Cell](cell, None) if side is Side.CIVICRM else PerSide[Cell](None, cell)
        yield _about_cell(facts, pair, each, cells, cell.code)


def _rules(facts: Facts, pair: Pair) -> Iterator[Discrepancy]:
    cells = PerSide(pair.civicrm.cells, pair.airtable.cells)
    for rule in facts.mapping.rules:
        if conditions.holds(rule.when, cells, facts.mapping.fields, facts.today, zone=facts.zone):
            details = _details(facts.mapping, rule, pair)
            yield Discrepancy(
                mapping=facts.mapping.name,
                code=300,
                rule=rule.name,
                severity=rule.severity,
                ids=PerSide(pair.link.civicrm, pair.link.airtable),
                name=_name(pair),
                details=details,
                evidence=evidence(facts, [f"{key}={value}" for key, value in details.items()]),
            )


def _details(mapping: FieldMapping, rule: Rule, pair: Pair) -> dict[str, str]:
    """What the rule's sentences name, sorted. A sensitive field stands as an ellipsis."""
    templates = (*rule.say.values(), *rule.do.values())
    names = {name for text in templates for _, name, _, _ in string.Formatter().parse(text) if name}
    return {name: _said(mapping, name, pair) for name in sorted(names)}


def _said(mapping: FieldMapping, name: str, pair: Pair) -> str:
    each = mapping.fields.get(name)
    if each is None:
        return _name(pair) if name == "name" else ""
    if each.sensitive:
        return "…"
    owner = (each.authority.owner if each.authority else None) or Side.CIVICRM
    side = owner if each.at[owner] is not None else owner.other
    return values.display(each, pair[side].cells[name])
