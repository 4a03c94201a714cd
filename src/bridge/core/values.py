"""Cells: from what a side sends, over the value both sides are compared by, to what a side is sent.

A cell is kept in its *own side's words* (a CiviCRM option name, an Airtable option); `comparable` is the one form in which
the two sides are held against each other and the base is stored; `translate` turns one side's words into the other's.
For every type `comparable(read(write(value))) == comparable(value)`, or `write` refuses.
"""

import datetime as dt
import json
from collections.abc import Collection, Mapping
from decimal import Context, Decimal
from types import MappingProxyType
from typing import overload

from bridge.core import places
from bridge.core.canonical import PARSERS, Reason, Unparsable, Zones, at_precision, clean, words
from bridge.core.folding import fold, forget
from bridge.core.mapping import Field, FieldType
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.record import Base, Cell, Json, PerSide, Record, Row, Sealed, Side, Unreadable, Value

__all__ = [
    "Reason",
    "References",
    "Unwritable",
    "Zones",
    "comparable",
    "display",
    "dump",
    "fold",
    "load",
    "normal",
    "read",
    "read_record",
    "round_trips",
    "same_base",
    "translate",
    "write",
]

References = Mapping[str, PerSide[Mapping[str, str]]]
"""Mapping name to its links: on each side, native id to the partner's id."""

NO_REFERENCES: References = MappingProxyType({})
UTC_ONLY = Zones()

_ROOMY = Context(prec=80)
_BLANKS: tuple[Json, ...] = (None, "", [])


class Unwritable(ValueError):
    """A value cannot be written on a side so that it reads back the same. `reason` names no value."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


# ── reading ──


def read(field: Field, side: Side, raw: Json, references: References = NO_REFERENCES, *, zones: Zones = UTC_ONLY) -> Cell:
    """The cell that `raw` is on `side`, in that side's own words.

    Null, `""`, `[]` and white space are blank; Airtable leaves an unticked checkbox out, so there a blank boolean is False.
    A list of one (an Airtable lookup) is read as its one element where a single value is meant.
    """
    try:
        value = _read(field, side, raw, references, zones)
    except Unparsable as error:
        return Unreadable(error.reason)
    if value is None and field.type is FieldType.BOOLEAN and side is Side.AIRTABLE:
        return False
    return value


def _read(field: Field, side: Side, raw: Json, references: References, zones: Zones) -> Value | None:
    if field.type is FieldType.CHOICES:
        return _options(field, side, raw)
    if isinstance(raw, list):
        raw = _only(raw)
    if raw is None or raw == "":
        return None
    if isinstance(raw, dict):
        raise Unparsable(_fault_of(raw))
    if (parse := PARSERS.get(field.type)) is not None:
        return parse(raw, field, zones)
    return _option(field, side, raw) if field.type is FieldType.CHOICE else _reference(field, side, raw, references)


def _only(raw: list[Json]) -> Json:
    if len(raw) > 1:
        raise Unparsable(Reason.SEVERAL)
    return raw[0] if raw else None


def _fault_of(raw: dict[str, Json]) -> Reason:
    return Reason.ERROR_CELL if "error" in raw or "specialValue" in raw else Reason.NOT_PLAIN


def _options(field: Field, side: Side, raw: Json) -> frozenset[str] | None:
    found = set()
    for each in raw if isinstance(raw, list) else [raw]:
        if isinstance(each, dict):
            raise Unparsable(_fault_of(each))
        if each not in _BLANKS and (option := _option(field, side, each)) is not None:
            found.add(option)
    return frozenset(found) or None


def _option(field: Field, side: Side, raw: Json) -> str | None:
    named = _own_words(field, side)
    if isinstance(raw, str) and raw in named:
        return raw
    word = clean(words(raw))
    if not word or not named:
        return word or None
    for own in named:
        if clean(own) == word:
            return own
    raise Unparsable(Reason.UNMAPPED_OPTION)


def _own_words(field: Field, side: Side) -> Collection[str]:
    return field.values.keys() if side is Side.CIVICRM else field.values.values()


def _reference(field: Field, side: Side, raw: Json, references: References) -> str | None:
    id_ = clean(words(raw))
    if side is Side.CIVICRM or not id_:
        return id_ or None
    return _partner(field, side, id_, references, Unparsable)


def _partner(field: Field, side: Side, id_: str, references: References, error: type[Unparsable] | type[Unwritable]) -> str:
    links = references.get(field.to or "")
    partner = links[side].get(id_) if links is not None else None
    if partner is None:
        raise error(Reason.UNLINKED)
    return partner


def read_record(
    mapping: FieldMapping,
    side: Side,
    row: Row,
    *,
    frozen: Mapping[str, Unreadable] = MappingProxyType({}),
    references: References = NO_REFERENCES,
    zones: Zones = UTC_ONLY,
) -> Record:
    """The record that `row` is: a cell for every field the mapping has on `side`.

    `frozen` holds, by path, what every cell of a field that is gone, retyped or renamed is instead.
    """
    cells: dict[str, Cell] = {}
    for name, field in mapping.fields.items():
        if (path := field.at[side]) is not None:
            cells[name] = frozen.get(path) or read(field, side, row.values.get(path), references, zones=zones)
    return Record(side, row, cells, _name(mapping, cells) or row.id)


def _name(mapping: FieldMapping, cells: Mapping[str, Cell]) -> str | None:
    naming = mapping.name_field
    if naming is None or mapping.fields[naming].sensitive:
        return None
    cell = cells.get(naming)
    return cell if isinstance(cell, str) else None


# ── comparing ──


def same_base(base: Base, value: Cell) -> bool:
    """Whether a comparable value is the one that `base` holds, sealed or not. An unreadable cell never is."""
    if isinstance(value, Unreadable):
        return False
    return base.matches(value) if isinstance(base, Sealed) else base == value


@overload
def comparable(field: Field, side: Side, cell: Value | None) -> Value | None: ...
@overload
def comparable(field: Field, side: Side, cell: Cell) -> Cell: ...
def comparable(field: Field, side: Side, cell: Cell) -> Cell:
    """The form in which `cell` is compared across the sides and stored as base.

    Options stand as Airtable's word, numbers at the field's precision, texts without the habits the field ignores.
    """
    if side is Side.CIVICRM and field.values:
        if isinstance(cell, str):
            cell = field.values[cell]
        elif isinstance(cell, frozenset):
            cell = frozenset(map(field.values.__getitem__, cell))
    return normal(field, cell)


def normal(field: Field, cell: Cell) -> Cell:
    """`cell` still in its own side's words, but numbers at the field's precision and ignored habits taken off."""
    if isinstance(cell, Decimal):
        return at_precision(field, cell)
    if field.ignore and isinstance(cell, str):
        return forget(cell, field.ignore)
    return cell


@overload
def translate(field: Field, frm: Side, cell: Value | None) -> Value | None: ...
@overload
def translate(field: Field, frm: Side, cell: Cell) -> Cell: ...
def translate(field: Field, frm: Side, cell: Cell) -> Cell:
    """The other side's words for a cell in `frm`'s words.

    Raises Unwritable where several CiviCRM names share the Airtable option, so that none of them is meant.
    """
    if not field.values:
        return cell
    if isinstance(cell, frozenset):
        return frozenset(_translated(field, frm, each) for each in cell)
    return _translated(field, frm, cell) if isinstance(cell, str) else cell


def _translated(field: Field, frm: Side, word: str) -> str:
    if frm is Side.CIVICRM:
        return field.values[word]
    names = [name for name, option in field.values.items() if option == word]
    if len(names) > 1:
        raise Unwritable(Reason.SHARED_OPTION)
    return names[0]


# ── writing ──


def write(field: Field, side: Side, value: Value | None, references: References = NO_REFERENCES) -> Json:
    """What `side` is sent for `value`, which is in that side's own words (see `translate`).

    Raises Unwritable for what would not read back the same: the word "null" for CiviCRM, a blank Airtable checkbox,
    a number with more digits than a JSON number carries, a reference whose record has no partner.
    """
    if value is None and field.type is FieldType.BOOLEAN and side is Side.AIRTABLE:
        raise Unwritable(Reason.NO_BLANK)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Decimal):
        return _json_number(value)
    if isinstance(value, dt.date):
        return dump(value)
    if isinstance(value, frozenset):
        return [_sendable(side, each) for each in sorted(value)]
    if field.type is FieldType.REFERENCE:
        return _reference_to(field, side, value, references)
    return _sendable(side, _place_name(field, side, value))


def _reference_to(field: Field, side: Side, id_: str, references: References) -> Json:
    if side is Side.CIVICRM:
        return int(id_) if id_.isdecimal() else id_
    return [_partner(field, Side.CIVICRM, id_, references, Unwritable)]


def _json_number(value: Decimal) -> int | float:
    # Both sides keep numbers as 64-bit floats on the way; more digits than those hold would arrive changed.
    number = float(value)
    if Decimal(repr(number)) != value:
        raise Unwritable(Reason.TOO_EXACT)
    return int(value) if value == value.to_integral_value() else number


def _sendable(side: Side, text: str) -> str:
    if side is Side.CIVICRM and text.casefold() == "null":
        raise Unwritable(Reason.NULL_WORD)
    return text


def _place_name(field: Field, side: Side, value: str) -> str:
    # CiviCRM empties the cell when `…:name` is given a code that it does not know as a name.
    if (field.at[side] or "").endswith((":name", ":label")):
        if field.type is FieldType.STATE:
            return places.state_name(value)
        if field.type is FieldType.COUNTRY:
            return places.country_name(value)
    return value


def round_trips(field: Field, side: Side) -> list[str]:
    """Why some option of the field, written on `side`, would not read back the same; empty where each does.

    Reasons are sentences that name options of the mapping. Other types need no asking: `write` refuses by the value.
    """
    reasons = []
    for name, option in field.values.items():
        word = name if side is Side.AIRTABLE else option
        try:
            value = translate(field, side.other, frozenset((word,)) if field.type is FieldType.CHOICES else word)
            same = read(field, side, write(field, side, value)) == value
        except Unwritable as error:
            reasons.append(f"{option} ({name}): {error}")
        else:
            if not same:
                reasons.append(f"{option} ({name}): {side.title} would give back something else.")
    return reasons


# ── storing and showing ──


def dump(value: Value) -> str:
    """The one text that stands for `value` in the store and in plans: equal values have equal texts."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value.normalize(_ROOMY) + 0, "f")
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, frozenset):
        return json.dumps(sorted(value), ensure_ascii=False)
    return value


def load(kind: FieldType, text: str) -> Value:
    """The value of type `kind` whose text `dump` made."""
    match kind:
        case FieldType.BOOLEAN:
            return text == "true"
        case FieldType.INTEGER | FieldType.NUMBER | FieldType.MONEY | FieldType.PERCENT:
            return Decimal(text)
        case FieldType.DATE:
            return dt.date.fromisoformat(text)
        case FieldType.DATETIME:
            return dt.datetime.fromisoformat(text)
        case FieldType.CHOICES:
            return frozenset(json.loads(text))
        case _:
            return text


def display(field: Field, cell: Cell) -> str:
    """`cell` for people, in no language: a dash for blank, `?` for unreadable, sets by comma, numbers at precision."""
    if cell is None:
        return "—"
    if isinstance(cell, Unreadable):
        return "?"
    if isinstance(cell, Decimal):
        shown = at_precision(field, cell)
        return format(shown if shown == cell else cell, ",f")
    if isinstance(cell, frozenset):
        return ", ".join(sorted(cell))
    return dump(cell)
