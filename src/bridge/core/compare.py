"""One cell, three ways: what CiviCRM has, what Airtable has, and the base both last agreed on.

`merge` is the verdict table of the mapping language, whole. It decides from values alone: a value has moved when it differs
from the base, whatever any clock says, and two equal values are agreement, whatever their history. Times are for `newest`.
"""

import datetime as dt
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final, Literal

from bridge.core.mapping import Authority, Field, FieldType, FirstContact, OnConflict, OnEdit
from bridge.core.record import Base, Cell, PerSide, Side, Unreadable, Value
from bridge.core.values import comparable, normal, same_base, translate

OWNER_BLANK = 201
FIRST_CONTACT = 202
NOT_THE_OWNER = 203
CONFLICT = 204
WOULD_BLANK = 205
REPORT_ONLY = 207


class NoBase(Enum):
    """The base of a field on which the two sides never agreed."""

    NO_BASE = "no base"


NO_BASE: Final = NoBase.NO_BASE


class Differ(Enum):
    """Two cells that are not the same value."""

    DIFFER = "differ"


DIFFER: Final = Differ.DIFFER


class Verdict(StrEnum):
    """What comparing one cell says; the words that a mapping's examples expect."""

    AGREED = "agreed"
    """Both sides have the same value."""
    FIRST_CONTACT = "first_contact"
    """They differ and never agreed, as far as is known."""
    CHANGED = "changed"
    """One side moved away from the base: to a value, or to blank where it does not own the field."""
    CLEAR = "clear"
    """The side whose word counts moved to blank, and the other did not move."""
    CONFLICT = "conflict"
    """Both sides moved, and not to the same value."""
    UNREADABLE = "unreadable"
    """A cell cannot be read, so the field is frozen both ways."""


class Keep(StrEnum):
    """What becomes of the base before anything is written."""

    KEEP = "keep"
    TAKE = "take"


@dataclass(frozen=True, slots=True)
class Write:
    """One cell to write: `value` in `side`'s own words. `clears` where it blanks a value."""

    side: Side
    value: Value | None

    @property
    def clears(self) -> bool:
        """Whether it blanks the cell."""
        return self.value is None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is to be done about one cell.

    `writes` holds at most one write a side (two only for a union). `code` is the discrepancy to tell, beside the writes or
    instead of them. `agreed` is the comparable value of two cells that agree; with `keep` TAKE it becomes the base.
    """

    verdict: Verdict
    writes: tuple[Write, ...] = ()
    code: int | None = None
    keep: Keep = Keep.KEEP
    agreed: Value | None = None


def agreement(field: Field, civicrm: Cell, airtable: Cell) -> Value | Literal[Differ.DIFFER] | None:
    """The comparable value of two cells that agree, else DIFFER. A cell that cannot be read agrees with nothing.

    It is asked of every cell of every run, and nearly all agree: cells equal as they stand are not looked at further.
    """
    if isinstance(civicrm, Unreadable) or isinstance(airtable, Unreadable):
        return DIFFER
    if civicrm == airtable and not field.values:
        return normal(field, airtable)
    here, there = comparable(field, Side.CIVICRM, civicrm), comparable(field, Side.AIRTABLE, airtable)
    return there if here == there else DIFFER


def merge(
    field: Field,
    base: Base | Literal[NoBase.NO_BASE],
    cells: PerSide[Cell],
    *,
    modified: PerSide[dt.datetime | None] = PerSide(None, None),
) -> Outcome:
    """The verdict on a two-sided field and what follows from it.

    `cells` are in each side's own words; `modified` is each record's own word on when it last moved, None where it has no
    honest one. A base that was agreed under another type, `values` or authority must be passed as NO_BASE.
    """
    civicrm, airtable = cells.civicrm, cells.airtable
    if isinstance(civicrm, Unreadable) or isinstance(airtable, Unreadable):
        return Outcome(Verdict.UNREADABLE, code=max(cell.code for cell in (civicrm, airtable) if isinstance(cell, Unreadable)))
    if (agreed := agreement(field, civicrm, airtable)) is not DIFFER:
        known = base is not NO_BASE and same_base(base, agreed)
        return Outcome(Verdict.AGREED, keep=Keep.KEEP if known else Keep.TAKE, agreed=agreed)
    here, there = comparable(field, Side.CIVICRM, civicrm), comparable(field, Side.AIRTABLE, airtable)
    moved = () if base is NO_BASE else tuple(side for side, value in PerSide(here, there) if not same_base(base, value))
    outcome = _differ(_Case(field, PerSide(civicrm, airtable), moved, modified))
    return Outcome(outcome.verdict, code=REPORT_ONLY) if field.authority in (None, Authority.REPORT) else outcome


@dataclass(frozen=True, slots=True)
class _Case:
    """Two readable cells that differ. `moved` is empty where no base was ever agreed."""

    field: Field
    own: PerSide[Value | None]
    moved: tuple[Side, ...]
    modified: PerSide[dt.datetime | None]

    @property
    def owner(self) -> Side | None:
        return self.field.authority.owner if self.field.authority else None


def _differ(case: _Case) -> Outcome:
    match case.moved:
        case (mover,):
            return _one_moved(case, mover)
        case (_, _):
            return _both_moved(case)
        case _:
            # Neither moved and yet they differ: no base can say that truly, so it counts as none.
            return _first_contact(case)


def _first_contact(case: _Case) -> Outcome:
    filled = [side for side, value in case.own if value is not None]
    if len(filled) == 1:
        may_fill = case.field.fill_blank and case.owner in (None, filled[0])
        return _carry(case, filled[0], Verdict.FIRST_CONTACT) if may_fill else _told(Verdict.FIRST_CONTACT, OWNER_BLANK)
    if case.owner is not None and case.field.first_contact is FirstContact.AUTHORITY:
        return _carry(case, case.owner, Verdict.FIRST_CONTACT, code=FIRST_CONTACT)
    return _told(Verdict.FIRST_CONTACT, FIRST_CONTACT)


def _one_moved(case: _Case, mover: Side) -> Outcome:
    if case.owner in (None, mover):
        return _carry(case, mover, Verdict.CLEAR if case.own[mover] is None else Verdict.CHANGED)
    if case.field.on_edit is OnEdit.REPORT:
        return _told(Verdict.CHANGED, NOT_THE_OWNER)
    return _carry(case, mover.other, Verdict.CHANGED, code=NOT_THE_OWNER)


def _both_moved(case: _Case) -> Outcome:
    if case.owner is not None:
        return _carry(case, case.owner, Verdict.CONFLICT, code=NOT_THE_OWNER)
    if case.field.on_conflict is OnConflict.UNION:
        return _union(case)
    winner = _winner(case)
    return _told(Verdict.CONFLICT, CONFLICT) if winner is None else _carry(case, winner, Verdict.CONFLICT)


def _winner(case: _Case) -> Side | None:
    match case.field.on_conflict:
        case OnConflict.CIVICRM:
            return Side.CIVICRM
        case OnConflict.AIRTABLE:
            return Side.AIRTABLE
        case OnConflict.NEWEST:
            return _newest(case.modified)
        case _:
            return None


def _newest(modified: PerSide[dt.datetime | None]) -> Side | None:
    civicrm, airtable = modified.civicrm, modified.airtable
    if civicrm is None or airtable is None or civicrm == airtable:
        return None
    return Side.CIVICRM if civicrm > airtable else Side.AIRTABLE


def _union(case: _Case) -> Outcome:
    """Every option that either side holds, written wherever one is missing. Only sets of options can be united."""
    if case.field.type is not FieldType.CHOICES or case.field.lossy:
        return _told(Verdict.CONFLICT, CONFLICT)
    writes = []
    for side, own in case.own:
        united = _options(own) | _options(translate(case.field, side.other, case.own[side.other]))
        if united != own:
            writes.append(Write(side, united))
    return Outcome(Verdict.CONFLICT, tuple(writes))


def _options(value: Value | None) -> frozenset[str]:
    return value if isinstance(value, frozenset) else frozenset()


def _carry(case: _Case, source: Side, verdict: Verdict, *, code: int | None = None) -> Outcome:
    """`source`'s value is to stand on the other side too, `code` told beside it.

    A blank only travels with `clear: true`, and is told instead. Nothing travels back over a many-to-one table of options.
    """
    if case.field.lossy and source is Side.AIRTABLE:
        return _told(verdict, code or REPORT_ONLY)
    value = case.own[source]
    if value is None and not case.field.clear:
        return _told(verdict, code or WOULD_BLANK)
    return Outcome(verdict, (Write(source.other, translate(case.field, source, value)),), code)


def _told(verdict: Verdict, code: int) -> Outcome:
    return Outcome(verdict, code=code)
