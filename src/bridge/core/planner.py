"""From two snapshots and what is known to the plan: compare each cell three ways, then the rules, then creates.

Pure: the same inputs give the same plan. Nothing here decides whether the plan may be applied; that is the guard's.
"""

import datetime as dt
import hashlib
import json
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bridge.core import conditions, values
from bridge.core.compare import NO_BASE, NOT_THE_OWNER, Keep, Outcome, Verdict, Write, merge
from bridge.core.knowledge import Known
from bridge.core.mapping import ExactMatch, Field, FieldType, Key, Rule, Severity, SimilarMatch, Unmatched
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.match import Matching, Pair, Suggestion
from bridge.core.plan import Action, CellChange, Change, Discrepancy, Plan, Population
from bridge.core.record import Cell, Json, Link, PerSide, Record, Side, Snapshot, Unreadable, Value
from bridge.core.sight import Drift, Fault, Found, Sight, Whereabouts

Seal = Callable[[str], str]
"""A keyed digest: stands for a value that may not be shown."""

_SEVERITY = {
    101: Severity.LOW, 102: Severity.LOW, 104: Severity.LOW,
    201: Severity.LOW, 202: Severity.MEDIUM, 203: Severity.LOW, 204: Severity.MEDIUM, 207: Severity.LOW, 208: Severity.LOW,
    106: Severity.MEDIUM, 107: Severity.LOW, 502: Severity.MEDIUM,
}  # fmt: skip
_DRIFT = {Fault.GONE: 501, Fault.RETYPED: 501, Fault.RENAMED: 503, Fault.OPTION_GONE: 502, Fault.OPTION_NEW: 502}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything a plan is made of.

    `missing` says where each absent record went; `moved` are links that followed a merge (old, new); `doubtful` are the
    (side, partner id) of creates whose outcome is still unknown. `today` is the day of the run in `zone`, the
    mapping's.
    """

    mapping: FieldMapping
    snapshots: PerSide[Snapshot]
    matching: Matching
    known: Known
    sights: PerSide[Sight]
    today: dt.date
    seal: Seal
    zone: dt.tzinfo = dt.UTC
    references: values.References = field(default_factory=dict)
    missing: Mapping[tuple[Link, Side], Found] = field(default_factory=dict)
    moved: tuple[tuple[Link, Link], ...] = ()
    doubtful: frozenset[tuple[Side, str]] = frozenset()


def make_plan(facts: Facts) -> Plan:
    """The plan of these facts, sorted; its guard and its costs are still to be judged."""
    compared = [_compare(facts, pair) for pair in facts.matching.pairs]
    creates = list(_unmatched(facts))
    changes = [change for each in compared for change in each.changes] + [each for each in creates if isinstance(each, Change)]
    discrepancies = [
        *(each for result in compared for each in result.discrepancies),
        *(each for each in creates if isinstance(each, Discrepancy)),
        *_identity(facts),
        *_absences(facts),
        *_drift(facts),
    ]
    snapshots = facts.snapshots
    return Plan(
        mapping=facts.mapping.name,
        mapping_digest=facts.mapping.digest,
        changes=tuple(sorted(changes, key=lambda change: change.order)),
        discrepancies=tuple(sorted(discrepancies, key=lambda each: each.order)),
        links=tuple(
            sorted((pair.link for pair in facts.matching.pairs if pair.link not in facts.known.links), key=_link_order)
        ),
        agreed={each.link: each.agreed for each in compared if each.agreed},
        population=Population(now=snapshots.map(lambda each: len(each.records)), last=facts.known.last_counts),
        complete=all(snapshot.complete and snapshot.whole for _, snapshot in snapshots),
    )


def _link_order(link: Link) -> tuple[int, str, str]:
    return (len(link.civicrm), link.civicrm, link.airtable)


# ── one pair ──


@dataclass(slots=True)
class _Compared:
    link: Link
    changes: list[Change] = field(default_factory=list)
    discrepancies: list[Discrepancy] = field(default_factory=list)
    agreed: dict[str, Value | None] = field(default_factory=dict)


def _compare(facts: Facts, pair: Pair) -> _Compared:
    result = _Compared(pair.link)
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


def _compare_cell(facts: Facts, pair: Pair, each: Field, result: _Compared, writes: dict[Side, list[CellChange]]) -> None:
    cells = PerSide(pair.civicrm.cells[each.name], pair.airtable.cells[each.name])
    base = facts.known.bases.get(pair.link, {}).get(each.name, NO_BASE)
    outcome = merge(each, base, cells, modified=PerSide(pair.civicrm.row.modified_at, pair.airtable.row.modified_at))
    if outcome.verdict is Verdict.AGREED:
        if outcome.keep is Keep.TAKE or (pair.link, each.name) in facts.known.stops:
            result.agreed[each.name] = _agreed(each, cells)
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


def _agreed(each: Field, cells: PerSide[Cell]) -> Value | None:
    """What two cells that agree are, as a base."""
    found = values.comparable(each, Side.CIVICRM, cells.civicrm)
    return None if isinstance(found, Unreadable) else found


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
    if refused := _refusal(facts, each, side, write.value):
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
        why=_why(each, side, outcome),
        source=None if isinstance(source, Unreadable) else source,
        sensitive=each.sensitive,
        clears=write.clears,
        sealed=sealed(facts.seal, before_raw, after_raw) if each.sensitive else None,
    )


def _compared(each: Field, pair: Pair, side: Side) -> Cell:
    return values.comparable(each, side, pair[side].cells[each.name])


def _why(each: Field, side: Side, outcome: Outcome) -> str:
    """The verdict's word; `reverted` where an edit on the side that does not own the field is put back."""
    owner = each.authority.owner if each.authority else None
    put_back = outcome.verdict is Verdict.CHANGED and outcome.code == NOT_THE_OWNER and owner is side.other
    return "reverted" if put_back else outcome.verdict.value


def _refusal(facts: Facts, each: Field, side: Side, value: Value | None) -> str:
    """Why the schema does not let `value` be written, or empty. CiviCRM cuts long text without an error (C6)."""
    path = str(each.at[side])
    sight = facts.sights[side].fields.get(path)
    if sight is None:
        return ""
    if not sight.writable:
        return f"{side.title} does not let {path} be written"
    if sight.max_length is not None and isinstance(value, str) and len(value) > sight.max_length:
        return f"{len(value)} characters, and {side.title} holds {sight.max_length} in {path}"
    if sight.options is not None and not _options(each, value) <= {option.name for option in sight.options}:
        return f"{side.title} has no such option in {path}"
    return ""


def _options(each: Field, value: Value | None) -> frozenset[str]:
    """The options that a cell of a choice holds; none for any other type."""
    if each.type is FieldType.CHOICE and isinstance(value, str):
        return frozenset((value,))
    return value if isinstance(value, frozenset) else frozenset()


def sealed(seal: Seal, before: Json, after: Json) -> tuple[str, str]:
    """What stands in a plan's document for the two wire values of a sensitive cell."""
    before_text, after_text = (json.dumps(raw, sort_keys=True, ensure_ascii=False) for raw in (before, after))
    return seal(before_text), seal(after_text)


def _about_cell(
    facts: Facts, pair: Pair, each: Field, cells: PerSide[Cell], code: int, details: Mapping[str, str] | None = None
) -> Discrepancy:
    reason = "; ".join(f"{side.title}: {cell.reason}" for side, cell in cells if isinstance(cell, Unreadable))
    shown = PerSide[str | None].of(lambda side: None if each.sensitive else values.display(each, cells[side]))
    return Discrepancy(
        mapping=facts.mapping.name,
        code=code,
        severity=_SEVERITY.get(code, Severity.MEDIUM),
        ids=PerSide(pair.link.civicrm, pair.link.airtable),
        name=_name(pair),
        field=each.name,
        shown=shown,
        details=details or ({"reason": reason} if reason else {}),
        evidence=_evidence(facts, [repr(values.comparable(each, side, cell)) for side, cell in cells]),
    )


def _evidence(facts: Facts, parts: Iterable[str | None]) -> str:
    return facts.seal(json.dumps(list(parts), ensure_ascii=False))[:16]


def _unreadable_one_sided(facts: Facts, pair: Pair, each: Field) -> Iterator[Discrepancy]:
    """A field read only for rules that cannot be read is told, unless its whole column is (that is told once)."""
    side = Side.CIVICRM if each.at.civicrm is not None else Side.AIRTABLE
    cell = pair[side].cells[each.name]
    if isinstance(cell, Unreadable) and cell.code == 206:  # noqa: PLR2004  # codes stand as numbers everywhere
        cells = PerSide[Cell](cell, None) if side is Side.CIVICRM else PerSide[Cell](None, cell)
        yield _about_cell(facts, pair, each, cells, cell.code)


# ── rules ──


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
                evidence=_evidence(facts, [f"{key}={value}" for key, value in sorted(details.items())]),
            )


def _details(mapping: FieldMapping, rule: Rule, pair: Pair) -> dict[str, str]:
    """What the rule's sentences name. A sensitive field stands as an ellipsis."""
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


# ── records without a partner ──


def _unmatched(facts: Facts) -> Iterator[Change | Discrepancy]:
    """What to do about records without a partner; nothing while a match key cannot be read, for then nobody has one."""
    if _keyless(facts):
        return
    for side, records in facts.matching.only:
        policy = facts.mapping.unmatched[side]
        for record in records:
            if policy is Unmatched.REPORT:
                yield _about_record(facts, 101 if side is Side.CIVICRM else 102, record)
            elif policy is Unmatched.CREATE and facts.snapshots[side.other].complete and facts.snapshots[side.other].whole:
                yield _create(facts, record)


def _keyless(facts: Facts) -> bool:
    frozen = PerSide.of(lambda side: _frozen(facts, side))
    keys = [key for rule in facts.mapping.match if isinstance(rule, ExactMatch) for key in rule.keys]
    return any(key.at[side] in paths for side, paths in frozen for key in keys)


def _about_record(facts: Facts, code: int, record: Record, **details: str) -> Discrepancy:
    ids = PerSide(record.id, None) if record.side is Side.CIVICRM else PerSide(None, record.id)
    return Discrepancy(
        mapping=facts.mapping.name,
        code=code,
        severity=_SEVERITY.get(code, Severity.MEDIUM),
        ids=ids,
        name=record.name,
        details=details,
        evidence=_evidence(facts, [f"{key}={value}" for key, value in sorted(details.items())]),
    )


def _create(facts: Facts, record: Record) -> Change | Discrepancy:
    """The create of `record` on the other side, or why it cannot be."""
    side = record.side.other
    alone = 101 if record.side is Side.CIVICRM else 102
    if (side, record.id) in facts.doubtful:
        return _about_record(facts, 403, record)
    if any(path in _frozen(facts, side) for path, _ in _demanded(facts.mapping, side)):
        return _about_record(facts, alone, record, reason="a field that the scope asks for is frozen")
    try:
        cells, keys = _cells_of_create(facts, record, side)
    except (values.Unwritable, _Refused) as refused:
        return _about_record(facts, 401, record, side=side.title, reason=str(refused))
    if not keys:
        return _about_record(facts, alone, record, reason="no match key is filled in, so it could not be found again")
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


def _frozen(facts: Facts, side: Side) -> set[str]:
    return {drift.path for drift in facts.sights[side].drift if drift.freezes}


def _cells_of_create(facts: Facts, record: Record, side: Side) -> tuple[dict[str, CellChange], dict[str, Json]]:
    """By path: the fields that may flow, what `where` demands, and the exact match keys; and the keys alone.

    A frozen field is left out, and filled once it can be read again.
    """
    cells: dict[str, CellChange] = {}
    frozen = _frozen(facts, side)
    for each in facts.mapping.fields.values():
        path = each.at[side]
        if path is None or path in frozen or not each.may_write(side):
            continue
        cell = record.cells[each.name]
        if cell is None or isinstance(cell, Unreadable):
            continue
        value = values.translate(each, record.side, cell)
        if refused := _refusal(facts, each, side, value):
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


def key_values(keys: Iterable[Key], record: Record, side: Side) -> dict[str, Json] | None:
    """By path of `side`, the wire value that `record` has for each key; None if one is blank or unreadable."""
    found: dict[str, Json] = {}
    for key in keys:
        as_field = Field(name=key.at[side], at=PerSide(key.at.civicrm, key.at.airtable), type=key.type, region=key.region)
        cell = values.read(as_field, record.side, record.row.values.get(key.at[record.side]))
        if cell is None or isinstance(cell, Unreadable):
            return None
        found[key.at[side]] = values.write(as_field, side, cell)
    return found


# ── who is who, absences, the schema ──


def _identity(facts: Facts) -> Iterator[Discrepancy]:
    for ambiguous in facts.matching.ambiguous:
        candidates = ", ".join(candidate.id for candidate in ambiguous.candidates)
        yield _about_record(facts, 103, ambiguous.record, candidates=candidates)
    for duplicates in facts.matching.duplicates:
        for record in duplicates.records:
            others = ", ".join(other.id for other in duplicates.records if other.id != record.id)
            yield _about_record(facts, 105, record, others=others)
    for suggestion in facts.matching.suggestions:
        yield Discrepancy(
            mapping=facts.mapping.name,
            code=104,
            severity=_SEVERITY[104],
            ids=PerSide(suggestion.civicrm.id, suggestion.airtable.id),
            name=_called(facts.mapping, suggestion.civicrm),
            details={"candidate": _called(facts.mapping, suggestion.airtable), "score": f"{suggestion.score:.2f}"},
            evidence=evidence_of(facts.seal, suggestion),
        )


def evidence_of(seal: Seal, suggestion: Suggestion) -> str:
    """A digest of what two similar records were compared by: a person's "not the same" holds as long as it stays."""
    return seal(json.dumps([text for _, text in suggestion.evidence], ensure_ascii=False))[:16]


def _called(mapping: FieldMapping, record: Record) -> str:
    """The record's name, or else what the similar match compares; its id if that is sensitive."""
    if record.name != record.id:
        return record.name
    hidden = {each.at[record.side] for each in mapping.fields.values() if each.sensitive}
    keys = [rule.key.at[record.side] for rule in mapping.match if isinstance(rule, SimilarMatch)]
    shown = (record.row.values.get(path) for path in keys if path not in hidden)
    return next((text for text in shown if isinstance(text, str) and text), record.id)


def _absences(facts: Facts) -> Iterator[Discrepancy]:
    for (link, side), found in facts.missing.items():
        if found.whereabouts is Whereabouts.IN_SCOPE:
            continue
        partner = facts.snapshots[side.other].records.get(link[side.other])
        yield Discrepancy(
            mapping=facts.mapping.name,
            code=107 if found.whereabouts is Whereabouts.MERGED else 106,
            severity=_SEVERITY[106],
            ids=PerSide(link.civicrm, link.airtable),
            name=partner.name if partner else link[side],
            details={"side": side.title, "whereabouts": found.whereabouts.value, "into": found.into or ""},
            evidence=_evidence(facts, [found.whereabouts.value, found.into]),
        )
    for old, new in facts.moved:
        record = facts.snapshots.civicrm.records.get(new.civicrm)
        yield Discrepancy(
            mapping=facts.mapping.name,
            code=107,
            severity=_SEVERITY[107],
            ids=PerSide(new.civicrm, new.airtable),
            name=record.name if record else new.civicrm,
            details={
                "side": Side.CIVICRM.title,
                "whereabouts": Whereabouts.MERGED.value,
                "from": old.civicrm,
                "into": new.civicrm,
            },
            evidence=_evidence(facts, [old.civicrm, new.civicrm]),
        )


def _drift(facts: Facts) -> Iterator[Discrepancy]:
    for side, sight in facts.sights:
        for drift in sight.drift:
            yield _about_drift(facts, side, drift)


def _about_drift(facts: Facts, side: Side, drift: Drift) -> Discrepancy:
    names = [each.name for each in facts.mapping.fields.values() if each.at[side] == drift.path]
    return Discrepancy(
        mapping=facts.mapping.name,
        code=_DRIFT[drift.fault],
        severity=_SEVERITY.get(_DRIFT[drift.fault], Severity.HIGH),
        ids=PerSide(None, None),
        name=f"{side.title} {drift.path}",
        field=names[0] if names else drift.path,
        details={"side": side.title, "path": drift.path, "fault": drift.fault.value, "reason": drift.detail},
        evidence=hashlib.sha256(drift.detail.encode()).hexdigest()[:16],
    )
