"""What a draft of a mapping is made from: the fields of both sides, a bounded sample of rows, and which rows belong together.

Nothing here knows a mapping yet. A *candidate* is a field of one side that a mapping could name, with the type its own side
gives it; a *column* is what the sampled rows hold there, read as some type.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bridge.core.mapping import Field, FieldType
from bridge.core.record import Cell, PerSide, Row, Side, Unreadable
from bridge.core.sight import FieldSight
from bridge.core.values import fold, normal, read

_AIRTABLE: Mapping[str, FieldType] = {
    "singleLineText": FieldType.TEXT,
    "multilineText": FieldType.LONG_TEXT,
    "richText": FieldType.LONG_TEXT,
    "email": FieldType.EMAIL,
    "url": FieldType.URL,
    "phoneNumber": FieldType.PHONE,
    "number": FieldType.NUMBER,
    "currency": FieldType.MONEY,
    "percent": FieldType.PERCENT,
    "rating": FieldType.INTEGER,
    "count": FieldType.INTEGER,
    "date": FieldType.DATE,
    "dateTime": FieldType.DATETIME,
    "checkbox": FieldType.BOOLEAN,
    "singleSelect": FieldType.CHOICE,
    "multipleSelects": FieldType.CHOICES,
    "multipleRecordLinks": FieldType.REFERENCE,
}
"""How a column of that kind reads. Others (formulas, lookups, files, people) are not drafted: what they hold is not fixed."""

_CIVICRM: Mapping[str, FieldType] = {
    "String": FieldType.TEXT,
    "Text": FieldType.LONG_TEXT,
    "Memo": FieldType.LONG_TEXT,
    "Link": FieldType.URL,
    "Integer": FieldType.INTEGER,
    "Float": FieldType.NUMBER,
    "Money": FieldType.MONEY,
    "Date": FieldType.DATE,
    "Timestamp": FieldType.DATETIME,
    "Boolean": FieldType.BOOLEAN,
}
_CIVICRM_ENDS: Mapping[str, FieldType] = {
    ".email": FieldType.EMAIL,
    ".phone": FieldType.PHONE,
    ".postal_code": FieldType.POSTAL_CODE,
    "state_province_id:abbr": FieldType.STATE,
    "country_id:abbr": FieldType.COUNTRY,
    "external_identifier": FieldType.IDENTIFIER,
}
"""Ends of paths that say more than the kind of the field."""

_SPECIFIC = (
    *(FieldType.EMAIL, FieldType.PHONE, FieldType.URL, FieldType.POSTAL_CODE, FieldType.STATE, FieldType.COUNTRY),
    FieldType.IDENTIFIER,
)
WORDS = frozenset({*_SPECIFIC, FieldType.TEXT, FieldType.LONG_TEXT})
_NUMBERS = (FieldType.MONEY, FieldType.PERCENT, FieldType.NUMBER, FieldType.INTEGER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One field of one side. `links_to` is, for a link to another record, what it leads to (an entity, a table's name)."""

    side: Side
    path: str
    type: FieldType
    writable: bool
    options: tuple[str, ...] = ()
    links_to: str = ""


def candidate(side: Side, sight: FieldSight, links_to: str = "") -> Candidate | None:
    """The field as a candidate, or None where no draft could say how to read it."""
    kind = _airtable_type(sight) if side is Side.AIRTABLE else _civicrm_type(sight, links_to)
    if kind is None:
        return None
    options = tuple(option.name for option in sight.options or ())
    return Candidate(side=side, path=sight.path, type=kind, writable=sight.writable, options=options, links_to=links_to)


def _airtable_type(sight: FieldSight) -> FieldType | None:
    return _AIRTABLE.get(sight.kind)


def _civicrm_type(sight: FieldSight, links_to: str) -> FieldType | None:
    if sight.kind.endswith("[]"):
        return FieldType.CHOICES if sight.options else None
    if sight.options:
        return FieldType.CHOICE
    if links_to:
        return FieldType.REFERENCE
    ends = (found for end, found in _CIVICRM_ENDS.items() if sight.path.endswith(end))
    return next(ends, FieldType.IDENTIFIER if sight.path == "id" else _CIVICRM.get(sight.kind))


def joint_type(civicrm: Candidate, airtable: Candidate) -> FieldType | None:
    """The type that reads both, the more exact of the two where one says more; None where nothing reads both."""
    here, there = civicrm.type, airtable.type
    both = {here, there}
    if len(both) == 1:
        return FieldType.IDENTIFIER if here is FieldType.TEXT and identifying(civicrm.path) else here
    if both <= WORDS:
        exact = [each for each in _SPECIFIC if each in both]
        return exact[0] if len(exact) == 1 else None if exact else FieldType.LONG_TEXT
    if both <= set(_NUMBERS):
        return here if here in (FieldType.INTEGER, FieldType.MONEY) else next(each for each in _NUMBERS if each in both)
    if both == {FieldType.DATE, FieldType.DATETIME}:
        return FieldType.DATE
    return _across(here, there)


def _across(here: FieldType, there: FieldType) -> FieldType | None:
    """The type of two kinds of fields that are written differently and may still mean the same."""
    if here is FieldType.IDENTIFIER and there in _NUMBERS:
        return FieldType.IDENTIFIER
    if there is FieldType.CHOICE and here in (FieldType.STATE, FieldType.COUNTRY, FieldType.TEXT):
        return here
    return FieldType.TEXT if here is FieldType.CHOICE and there is FieldType.TEXT else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The rows that were looked at, and how many there are of each side; the cells of a path are read once for each type."""

    rows: PerSide[Sequence[Row]]
    region: str = "US"
    _read: dict[tuple[Side, str, FieldType, bool], list[Cell]] = field(default_factory=dict, repr=False)

    def column(self, side: Side, path: str, kind: FieldType, *, folded: bool = False) -> list[Cell]:
        """What each row of `side` holds at `path`, read as `kind`; with `folded`, names as matching sees them."""
        key = (side, path, kind, folded)
        if key not in self._read:
            cells = self._cells(side, path, kind)
            self._read[key] = [_folded(kind, cell) for cell in cells] if folded else cells
        return self._read[key]

    def _cells(self, side: Side, path: str, kind: FieldType) -> list[Cell]:
        if kind is FieldType.REFERENCE:
            return [_only(row.values.get(path)) for row in self.rows[side]]
        at = PerSide[str | None](path, None) if side is Side.CIVICRM else PerSide[str | None](None, path)
        reader = Field(name="sampled", at=at, type=kind, region=self.region)
        return [normal(reader, read(reader, side, row.values.get(path))) for row in self.rows[side]]


def _only(raw: object) -> Cell:
    """The one id that a link holds."""
    if isinstance(raw, list):
        raw = raw[0] if len(raw) == 1 else None
    return str(raw) if raw not in (None, "") else None


def _folded(kind: FieldType, cell: Cell) -> Cell:
    names = kind in (FieldType.ORGANIZATION, FieldType.PERSON)
    return fold(kind, cell) if names and isinstance(cell, str) else cell


_IDENTIFYING = re.compile(r"\b(id|ids|key|code|identifier|number|no)\b", re.IGNORECASE)


def identifying(*paths: str) -> bool:
    """Whether the names of fields say that they are there to tell records apart."""
    return any(_IDENTIFYING.search(re.sub(r"[._:]+", " ", path)) for path in paths)


def filled(cells: Sequence[Cell]) -> int:
    """How many hold a value that can be read."""
    return sum(cell is not None and not isinstance(cell, Unreadable) for cell in cells)
