"""Why each field and each rule of a pair is as it is, in words, for records and for examples alike."""

import datetime as dt
from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass

from bridge.core import values
from bridge.core.compare import (
    CONFLICT,
    FIRST_CONTACT,
    NO_BASE,
    NOT_THE_OWNER,
    OWNER_BLANK,
    WOULD_BLANK,
    Outcome,
    Verdict,
    merge,
)
from bridge.core.conditions import Answer, answers, holds
from bridge.core.knowledge import Known
from bridge.core.mapping import Field, FieldRef, Mapping, Operand, Test, Today
from bridge.core.match import Pair
from bridge.core.pairs import stopped
from bridge.core.record import Base, Cell, PerSide, Record, Sealed, Side, Unreadable

HIDDEN = "…"
"""Stands for a value of a sensitive field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedField:
    """One field of a pair as people read it; a sensitive one shows only whether the sides agree. `why` is a clause in words."""

    field: str
    civicrm: str
    airtable: str
    base: str
    verdict: str
    writes: str
    code: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedRule:
    """One rule asked of a pair: each test with its answer, and whether it is told. None: a cell cannot be read."""

    rule: str
    told: Answer
    tests: tuple[tuple[Test, Answer], ...]

    @property
    def asked(self) -> tuple[tuple[str, Answer], ...]:
        """Each test as a question in words, with its answer."""
        return tuple((question(test), answer) for test, answer in self.tests)


def explain_pair(mapping: Mapping, pair: Pair, bases: Map[str, Base], known: Known | None = None) -> tuple[ExplainedField, ...]:
    """Every field of two records known to be the same thing. `bases` has an entry where the two ever agreed."""
    explained: list[ExplainedField] = []
    for name, each in mapping.fields.items():
        if each.two_sided:
            explained.append(_two_sided(each, pair, bases, known))
        else:
            explained += explain_alone(mapping, pair[Side.CIVICRM if each.at.civicrm is not None else Side.AIRTABLE], only=name)
    return tuple(explained)


def explain_alone(mapping: Mapping, record: Record, *, only: str | None = None) -> Iterator[ExplainedField]:
    """Every field of a record that has no partner, or `only` one."""
    for name, cell in record.cells.items():
        if only in (None, name):
            shown = _shown(mapping.fields[name], cell)
            civicrm, airtable = (shown, "") if record.side is Side.CIVICRM else ("", shown)
            yield ExplainedField(field=name, civicrm=civicrm, airtable=airtable, base="", verdict="read only", writes="")


def explain_rules(mapping: Mapping, pair: Pair, today: dt.date, *, zone: dt.tzinfo = dt.UTC) -> tuple[ExplainedRule, ...]:
    """Every rule asked of the pair, with each of its questions."""
    cells = PerSide(pair.civicrm.cells, pair.airtable.cells)
    return tuple(
        ExplainedRule(
            rule=rule.name,
            told=holds(rule.when, cells, mapping.fields, today, zone=zone),
            tests=tuple(answers(rule.when, cells, mapping.fields, today, zone=zone)),
        )
        for rule in mapping.rules
    )


def question(test: Test) -> str:
    """A condition as people read it: `membership_ends in CiviCRM within 60d`."""
    place = f" in {test.side.title}" if test.side else ""
    return f"{test.field}{place} {test.operator.value.replace('_', ' ')} {_operand(test.operand)}"


def _operand(operand: Operand) -> str:
    match operand:
        case Today(days):
            return f"today{days:+d}d" if days else "today"
        case FieldRef(side, name):
            return f"{name} in {side.title}"
        case dt.timedelta():
            return f"{operand.days}d"
        case tuple():
            return " or ".join(map(values.dump, operand))
        case _:
            return values.dump(operand)


def _two_sided(each: Field, pair: Pair, bases: Map[str, Base], known: Known | None) -> ExplainedField:
    cells = PerSide[Cell](pair.civicrm.cells[each.name], pair.airtable.cells[each.name])
    times = PerSide(pair.civicrm.row.modified_at, pair.airtable.row.modified_at)
    base = bases.get(each.name, NO_BASE)
    outcome = merge(each, base, cells, modified=times)
    stop = stopped(known, pair.link, each, cells) if known else None
    writes = ", ".join(f"{write.side.title} ← {_shown(each, write.value)}" for write in outcome.writes)
    return ExplainedField(
        field=each.name,
        civicrm=_shown(each, cells.civicrm),
        airtable=_shown(each, cells.airtable),
        base=_base(each, bases),
        verdict=outcome.verdict.value,
        writes="" if stop else writes,
        code=outcome.code if outcome.verdict is Verdict.AGREED else stop or outcome.code,
        why="it was taken back, or the system changed it; left until its source changes" if stop else why(each, outcome, cells),
    )


def _shown(each: Field, cell: Cell) -> str:
    return HIDDEN if each.sensitive else values.display(each, cell)


def _base(each: Field, bases: Map[str, Base]) -> str:
    if each.name not in bases:
        return "never agreed"
    base = bases[each.name]
    if each.sensitive or isinstance(base, Sealed):
        return HIDDEN
    return values.display(each, base)


def why(each: Field, outcome: Outcome, cells: PerSide[Cell]) -> str:
    """The reason of a verdict, as a clause that names the policies of the mapping which decided it."""
    if outcome.verdict is Verdict.UNREADABLE:
        return "; ".join(f"{side.title}: {cell.reason}" for side, cell in cells if isinstance(cell, Unreadable))
    if outcome.verdict is Verdict.AGREED:
        return "both sides hold the same"
    return f"{_FOUND[outcome.verdict]}; {_decided(each, outcome)}"


_FOUND = {
    Verdict.FIRST_CONTACT: "they differ and never agreed",
    Verdict.CHANGED: "one side moved away from what was agreed",
    Verdict.CLEAR: "the side whose word counts was emptied",
    Verdict.CONFLICT: "both sides moved, and not to the same",
}
_BOTH = "CiviCRM and Airtable"
_ONLY_TOLD = {
    OWNER_BLANK: "the blank may not be filled (`authority`, `fill_blank`)",
    FIRST_CONTACT: "`first_contact: report`",
    NOT_THE_OWNER: "the side that moved does not own it",
    CONFLICT: "nobody owns it (`on_conflict: report`)",
    WOULD_BLANK: "a blank replaces nothing without `clear: true`",
}


def _decided(each: Field, outcome: Outcome) -> str:
    """Which policy of the field decided, and how."""
    authority = f"`authority: {each.authority}`"
    to = _BOTH if len(outcome.writes) > 1 else "".join(write.side.title for write in outcome.writes)
    if not outcome.writes:
        return f"{_ONLY_TOLD.get(outcome.code or 0, authority)}: told, not written"
    if outcome.code is not None:
        put_back = outcome.code == NOT_THE_OWNER
        return (
            f"{authority}: put back in {to}, and told" if put_back else f"`first_contact: authority`: written to {to}, and told"
        )
    if any(write.clears for write in outcome.writes):
        return f"`clear: true`: emptied in {to} too"
    if outcome.verdict is Verdict.CONFLICT:
        return f"`on_conflict: {each.on_conflict}`: written to {to}"
    return f"the blank is filled in {to}" if outcome.verdict is Verdict.FIRST_CONTACT else f"{authority}: carried to {to}"
