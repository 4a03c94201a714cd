"""Cells: from what a side sends, over the value both sides are compared by, to what a side is sent.

A cell is kept in its *own side's words* (a CiviCRM option name, an Airtable option); `comparable` is the one form in which
the two sides are held against each other and the base is stored; `translate` turns one side's words into the other's.
For every type `comparable(read(write(value))) == comparable(value)`, or `write` refuses.
"""

import datetime as dt
import functools
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Context, Decimal
from types import MappingProxyType
from typing import overload

from bridge.core import places
from bridge.core.canonical import PARSERS, Reason, Unparsable, Zones, at_precision, clean, plain, words
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
    "reader",
    "record_reader",
    "round_trips",
    "same_base",
    "translate",
    "write",
]

References = Mapping[str, PerSide[Mapping[str, str]]]
"""Mapping name to its links: on each side, native id to the partner's id."""

NO_REFERENCES: References = MappingProxyType({})
UTC_ONLY = Zones()

TEXTS = frozenset((FieldType.TEXT, FieldType.ORGANIZATION, FieldType.PERSON, FieldType.IDENTIFIER))
"""Types whose canonical value is the cleaned text itself."""

_FEW = frozenset((FieldType.DATE, FieldType.STATE, FieldType.COUNTRY, FieldType.POSTAL_CODE, FieldType.CHOICE))
"""Types of which many cells hold few values."""

_REMEMBERED = 1 << 13
_ROOMY = Context(prec=80)
_BLANKS: tuple[Json, ...] = (None, "", [])


class Unwritable(ValueError):
    """A value cannot be written on a side so that it reads back the same. `reason` names no value."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


# ── reading ──


def read(field: Field, side: Side, raw: Json, references: References = NO_REFERENCES, *, zones: Zones = UTC_ONLY) -> Cell:
    """The cell that `raw` is on `side`, in that side's own words; see `reader`."""
    return reader(field, side, references, zones=zones)(raw)


def reader(
    field: Field, side: Side, references: References = NO_REFERENCES, *, zones: Zones = UTC_ONLY
) -> Callable[[Json], Cell]:
    """What makes a cell, in `side`'s own words, of each raw value: all that the field says is asked here, once.

    Null, `""`, `[]` and white space are blank; Airtable leaves an unticked checkbox out, so there a blank boolean is False.
    A list of one (an Airtable lookup) is read as its one element where a single value is meant.
    """
    if field.type in TEXTS:
        return functools.partial(_text_cell, _reader(field, side, references, zones))
    read = _reader(field, side, references, zones)
    if field.type not in _FEW:
        return read
    known = functools.lru_cache(_REMEMBERED)(read)
    return lambda raw: known(raw) if isinstance(raw, str) else read(raw)


def _text_cell(read: Callable[[Json], Cell], raw: Json) -> Cell:
    return raw if isinstance(raw, str) and raw and plain(raw) else read(raw)


def _reader(field: Field, side: Side, references: References, zones: Zones) -> Callable[[Json], Cell]:
    parse = _parser(field, side, references, zones)
    blank: Cell = False if field.type is FieldType.BOOLEAN and side is Side.AIRTABLE else None
    single = field.type is not FieldType.CHOICES

    def cell(raw: Json) -> Cell:
        if raw is None or raw == "":
            return blank
        try:
            if single and not isinstance(raw, str) and (raw := _single(raw)) in _BLANKS:
                return blank
            value = parse(raw)
        except Unparsable as error:
            return Unreadable(error.reason)
        return blank if value is None else value

    return cell


def _parser(field: Field, side: Side, references: References, zones: Zones) -> Callable[[Json], Value | None]:
    own = field.values.keys() if side is Side.CIVICRM else field.values.values()
    match field.type:
        case FieldType.CHOICES:
            return functools.partial(_options, own)
        case FieldType.CHOICE:
            return functools.partial(_option, own)
        case FieldType.REFERENCE:
            return functools.partial(_reference, field, side, references)
        case _:
            parse = PARSERS[field.type]
            return lambda raw: parse(raw, field, zones)


def _single(raw: Json) -> Json:
    """What is not a list, or a list's one element, None of none. Raises Unparsable for several, and for an object."""
    if isinstance(raw, list):
        if len(raw) > 1:
            raise Unparsable(Reason.SEVERAL)
        raw = raw[0] if raw else None
    if isinstance(raw, dict):
        raise Unparsable(_fault_of(raw))
    return raw


def _fault_of(raw: dict[str, Json]) -> Reason:
    return Reason.ERROR_CELL if "error" in raw or "specialValue" in raw else Reason.NOT_PLAIN


def _options(own: Collection[str], raw: Json) -> frozenset[str] | None:
    found = set()
    for each in raw if isinstance(raw, list) else [raw]:
        if isinstance(each, dict):
            raise Unparsable(_fault_of(each))
        if each not in _BLANKS and (option := _option(own, each)) is not None:
            found.add(option)
    return frozenset(found) or None


def _option(own: Collection[str], raw: Json) -> str | None:
    """The option that is meant, of the side's `own` words where the mapping names some."""
    if isinstance(raw, str) and raw in own:
        return raw
    word = clean(words(raw))
    if not word or not own:
        return word or None
    for each in own:
        if clean(each) == word:
            return each
    raise Unparsable(Reason.UNMAPPED_OPTION)


def _reference(field: Field, side: Side, references: References, raw: Json) -> str | None:
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


class _Cells(Mapping[str, Cell]):
    """A row's cells by field, each read when it is first asked for: most agree as they stand and are asked for by nobody."""

    __slots__ = ("_found", "_raw", "_readers")

    def __init__(self, raw: Mapping[str, Json], readers: Mapping[str, tuple[str, Callable[[Json], Cell]]]) -> None:
        self._raw = raw
        self._readers = readers
        self._found: dict[str, Cell] | None = None  # not one for each of a million rows that nobody asks

    def __getitem__(self, name: str) -> Cell:
        found = self._found
        if found is None:
            found = self._found = {}
        if name not in found:
            path, read = self._readers[name]
            found[name] = read(self._raw.get(path))
        return found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)

    def __repr__(self) -> str:
        return f"<{len(self)} cells>"  # never a value


def record_reader(
    mapping: FieldMapping,
    side: Side,
    *,
    frozen: Mapping[str, Unreadable] = MappingProxyType({}),
    references: References = NO_REFERENCES,
    zones: Zones = UTC_ONLY,
) -> Callable[[Row], Record]:
    """What makes a record of each row of `side`: a cell for every field the mapping has there.

    `frozen` holds, by path, what every cell of a field that is gone, retyped or renamed is instead. All that the mapping says
    is asked here, once, and not again for each of a million cells.
    """
    readers = {
        name: (path, _always(frozen[path]) if path in frozen else reader(field, side, references, zones=zones))
        for name, field in mapping.fields.items()
        if (path := field.at[side]) is not None
    }
    naming = mapping.name_field
    shown = naming if naming is not None and not mapping.fields[naming].sensitive else None
    return lambda row: Record(side, row, _Cells(row.values, readers), shown)


def _always(cell: Cell) -> Callable[[Json], Cell]:
    return lambda _raw: cell


def read_record(
    mapping: FieldMapping,
    side: Side,
    row: Row,
    *,
    frozen: Mapping[str, Unreadable] = MappingProxyType({}),
    references: References = NO_REFERENCES,
    zones: Zones = UTC_ONLY,
) -> Record:
    """The record of one row alone; see `record_reader`."""
    return record_reader(mapping, side, frozen=frozen, references=references, zones=zones)(row)


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


@overload
def normal(field: Field, cell: Value | None) -> Value | None: ...
@overload
def normal(field: Field, cell: Cell) -> Cell: ...
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
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value.normalize(_ROOMY) + 0, "f")
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, dt.date):
        return value.isoformat()
    return json.dumps(sorted(value), ensure_ascii=False)


_LOADERS: Mapping[FieldType, Callable[[str], Value]] = {
    FieldType.BOOLEAN: lambda text: text == "true",
    **dict.fromkeys((FieldType.INTEGER, FieldType.NUMBER, FieldType.MONEY, FieldType.PERCENT), Decimal),
    FieldType.DATE: dt.date.fromisoformat,
    FieldType.DATETIME: dt.datetime.fromisoformat,
    FieldType.CHOICES: lambda text: frozenset(json.loads(text)),
}


def loader(kind: FieldType) -> Callable[[str], Value]:
    """What makes values of type `kind` of the texts that `dump` made of them."""
    return _LOADERS.get(kind, str)


def load(kind: FieldType, text: str) -> Value:
    """The value of type `kind` whose text `dump` made."""
    return loader(kind)(text)


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
