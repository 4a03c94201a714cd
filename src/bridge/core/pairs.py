"""The linked pairs: each cell compared three ways, what is to be written for it, and what its rules tell."""

import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bridge.core import conditions, values
from bridge.core.comparator import UNSURE, Alike, Comparator, Glance, comparator, glance
from bridge.core.compare import DIFFER, NO_BASE, NOT_THE_OWNER, NoBase, Outcome, Verdict, Write, agreement, merge
from bridge.core.facts import Facts, evidence, frozen, refusal, sealed, severity_of
from bridge.core.knowledge import Known
from bridge.core.mapping import Field, FieldType, Rule
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.match import Pair
from bridge.core.plan import Action, CellChange, Change, Discrepancy
from bridge.core.record import Base, Cell, Link, PerSide, Side, Unreadable, Value

_NOT_TAKEN = 401
_LEARNT = 1 << 14
"""The most written forms that are remembered of one field."""


@dataclass(slots=True)
class Compared:
    """What came of all pairs: what is to be written, what is to be told, and what is to be kept of those that agree.

    `agreed` are the cells that agree and were not known to, by field, or the pair itself where nothing was known: most of
    these are never looked at (see `values_of`). `quiet` are the pairs of which every field agrees and nothing is told: once
    what agrees is stored, the same rows come to nothing at all. `only_told` are those of which nothing is to be written, but
    not those of which a system would not take something (401): what it takes may be another matter the next time, and no row
    tells.
    """

    changes: list[Change] = field(default_factory=list)
    discrepancies: list[Discrepancy] = field(default_factory=list)
    agreed: dict[Link, Pair | Mapping[str, Value | None]] = field(default_factory=dict)
    quiet: dict[Link, Pair] = field(default_factory=dict)
    only_told: dict[Link, Pair] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Sweep:
    """What is asked of the mapping and of what is known once, for all pairs.

    `two_sided` are the fields that are compared, each with its paths and its comparator: None where a column is frozen, whose
    cells are not what they say. `unsure` is the glance over all of them, and `alike` what it may learn: the days of most cells
    are a few thousand, written in a few ways.
    """

    two_sided: tuple[tuple[Field, str, str, Comparator | None], ...]
    one_sided: tuple[Field, ...]
    unsure: Glance
    alike: dict[int, Alike]
    stopped: frozenset[Link]


def compare_pairs(facts: Facts, *, at_a_glance: bool = True) -> Compared:
    """What comes of the linked pairs that are not known to be quiet: each field compared, each rule asked.

    Without `at_a_glance` every cell is read and compared in full, which is slower and never comes out otherwise.
    """
    sweep, result = _sweep(facts, at_a_glance=at_a_glance), Compared()
    alone = not (sweep.one_sided or facts.mapping.rules)
    for pair in facts.matching.pairs:
        if pair.link in facts.quiet:
            continue
        unsure = sweep.unsure(pair.civicrm.row.values, pair.airtable.row.values)
        differ = [at for at in unsure if _differs(sweep, pair, at)] if unsure else unsure
        if differ or not alone or pair.link in facts.known.bases:
            _compare(facts, sweep, pair, differ, result)
        else:
            result.agreed[pair.link] = result.quiet[pair.link] = pair
    return result


def values_of(facts: Facts) -> Callable[[Pair], Mapping[str, Value | None]]:
    """What tells what a pair agrees on, by field."""
    sweep = _sweep(facts, at_a_glance=True)
    return lambda pair: _agreeing(sweep, pair)


def _sweep(facts: Facts, *, at_a_glance: bool) -> _Sweep:
    unread = PerSide.of(lambda side: frozen(facts, side))
    two_sided = [
        (each, here, there, at_a_glance and not (here in unread.civicrm or there in unread.airtable))
        for each in facts.mapping.fields.values()
        if (here := each.at.civicrm) is not None and (there := each.at.airtable) is not None
    ]
    alike: dict[int, Alike] = {
        at: set() for at, (each, *_, seen) in enumerate(two_sided) if seen and each.type is FieldType.DATE
    }
    return _Sweep(
        two_sided=tuple((each, here, there, comparator(each) if seen else None) for each, here, there, seen in two_sided),
        one_sided=tuple(each for each in facts.mapping.fields.values() if not each.two_sided),
        unsure=glance(((PerSide(here, there), each if seen else None) for each, here, there, seen in two_sided), alike),
        alike=alike,
        stopped=frozenset(link for link, _ in facts.known.stops),
    )


def _compare(facts: Facts, sweep: _Sweep, pair: Pair, differ: Sequence[int], result: Compared) -> None:
    told: list[Discrepancy] = []
    for one in sweep.one_sided:
        told.extend(_unreadable_one_sided(facts, pair, one))
    writes: dict[Side, list[CellChange]] = {Side.CIVICRM: [], Side.AIRTABLE: []}
    for at in differ:
        _compare_cell(facts, pair, sweep.two_sided[at][0], told, writes)
    for side, cells in writes.items():
        if cells:
            result.changes.append(update_of(facts, pair, side, cells))
    if facts.mapping.rules:
        told.extend(_rules(facts, pair))
    result.discrepancies.extend(told)
    if unknown := _unknown(facts, sweep, pair) if len(differ) < len(sweep.two_sided) else None:
        result.agreed[pair.link] = unknown
    if not (differ or told):
        result.quiet[pair.link] = pair
    elif not (any(writes.values()) or any(found.code == _NOT_TAKEN for found in told)):
        result.only_told[pair.link] = pair


def _differs(sweep: _Sweep, pair: Pair, at: int) -> bool:
    """Whether the cells of a field differ, read in full."""
    each, here, there, _ = sweep.two_sided[at]
    differs = agreement(each, pair.civicrm.cells[each.name], pair.airtable.cells[each.name]) is DIFFER
    if not differs and (learnt := sweep.alike.get(at)) is not None and len(learnt) < _LEARNT:
        ours, theirs = pair.civicrm.row.values.get(here), pair.airtable.row.values.get(there)
        if isinstance(ours, str) and isinstance(theirs, str):
            learnt.add((ours, theirs))
    return differs


def _agreeing(sweep: _Sweep, pair: Pair) -> dict[str, Value | None]:
    """What the pair agrees on, by field."""
    ours, theirs = pair.civicrm.row.values.get, pair.airtable.row.values.get
    found: dict[str, Value | None] = {}
    for each, here, there, compare in sweep.two_sided:
        sure = UNSURE if compare is None else compare(ours(here), theirs(there))
        agreed = agreement(each, pair.civicrm.cells[each.name], pair.airtable.cells[each.name]) if sure is UNSURE else sure
        if agreed is not DIFFER:
            found[each.name] = agreed
    return found


def _unknown(facts: Facts, sweep: _Sweep, pair: Pair) -> Pair | Mapping[str, Value | None]:
    """Of what agrees, what was not known to: another base, or none, or a cell that is still stopped. Of a new pair, itself."""
    link, bases = pair.link, facts.known.bases.get(pair.link)
    if not bases:
        return pair
    agreed = _agreeing(sweep, pair)
    stops = facts.known.stops if link in sweep.stopped else {}
    if not stops and agreed.items() <= bases.items():
        return {}
    return {
        name: value for name, value in agreed.items() if not _is_base(bases.get(name, NO_BASE), value) or (link, name) in stops
    }


def update_of(facts: Facts, pair: Pair, side: Side, cells: Iterable[CellChange]) -> Change:
    """These cells of the pair's record on `side`, to be written."""
    return Change(
        mapping=facts.mapping.name,
        side=side,
        action=Action.UPDATE,
        id=pair[side].id,
        partner=pair[side.other].id,
        name=_name(pair),
        cells=tuple(cells),
        extra=pair[side].row.extra,
    )


def _is_base(base: Base | Literal[NoBase.NO_BASE], agreed: Value | None) -> bool:
    return base is not NO_BASE and values.same_base(base, agreed)


def _name(pair: Pair) -> str:
    """The CiviCRM record's name, or the Airtable one's where that is only an id."""
    return pair.civicrm.name if pair.civicrm.name != pair.civicrm.id else pair.airtable.name


def _compare_cell(facts: Facts, pair: Pair, each: Field, told: list[Discrepancy], writes: dict[Side, list[CellChange]]) -> None:
    cells = PerSide(pair.civicrm.cells[each.name], pair.airtable.cells[each.name])
    base = facts.known.bases.get(pair.link, {}).get(each.name, NO_BASE)
    outcome = merge(each, base, cells, modified=PerSide(pair.civicrm.row.modified_at, pair.airtable.row.modified_at))
    if any(isinstance(cell, Unreadable) and cell.code != 206 for _, cell in cells):  # noqa: PLR2004  # as everywhere
        return  # the whole column is frozen, which is told once and not for every record
    code, details, wanted = outcome.code, dict[str, str](), outcome.writes
    if (stop := stopped(facts.known, pair.link, each, cells)) is not None:
        code, wanted = stop, ()
    for write in wanted:
        written = cell_change(facts, pair, each, write, _why(outcome))
        if isinstance(written, CellChange):
            writes[write.side].append(written)
        else:
            code, details = 401, {"side": write.side.title, "reason": written}
    if code is not None:
        told.append(_about_cell(facts, pair, each, cells, code, details))


def stopped(known: Known, link: Link, each: Field, cells: PerSide[Cell]) -> int | None:
    """The code of the stop by which a cell that differs is left alone, either way, as long as its source stays; else None."""
    stop = known.stops.get((link, each.name))
    if stop is None or any(isinstance(cell, Unreadable) for _, cell in cells):
        return None
    source = stop.side.other
    return stop.code if values.same_base(stop.source, values.comparable(each, source, cells[source])) else None


def cell_change(facts: Facts, pair: Pair, each: Field, write: Write, why: str) -> CellChange | str:
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
        why=why,
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
        evidence=evidence_of_cells(facts, each, cells),
    )


def evidence_of_cells(facts: Facts, each: Field, cells: PerSide[Cell]) -> str:
    """What a discrepancy about these cells has as evidence: it changes when either of them comes to say something else."""
    return evidence(facts, [repr(values.comparable(each, side, cell)) for side, cell in cells])


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
