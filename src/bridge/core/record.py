"""The two sides and what a pull brings from them.

Words: a *side* is CiviCRM or Airtable; a *row* is what the remote sent, keyed by the mapping's paths; a *record* is a row
after normalising, keyed by the mapping's field names; a *cell* is blank (`None`), a canonical value, or unreadable: three
different things that are never mixed up.
"""

import datetime as dt
import json
import marshal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypeVar, cast

import msgspec

T = TypeVar("T")
U = TypeVar("U")

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""A value as a remote sends it."""

Value = str | bool | Decimal | dt.date | dt.datetime | frozenset[str]
"""A canonical value. Numbers of every kind are `Decimal`; sets of options are `frozenset`; datetimes are aware, in UTC."""


def decoded(content: bytes) -> Json:
    """What a remote's JSON says; raises ValueError where it is none.

    msgspec reads in half the time of the standard library, and strictly; what it will not take (half of a surrogate pair, which
    CiviCRM can store) the library may.
    """
    try:
        return cast("Json", msgspec.json.decode(content))
    except msgspec.DecodeError:
        return cast("Json", json.loads(content))


def packed(content: Any) -> bytes:
    """JSON values as bytes to make a digest of: never the same for two that differ, in the order of their names even.

    msgpack is made in a quarter of marshal's time, and has no place for integers of more than 64 bits and half surrogate pairs.
    """
    try:
        return msgspec.msgpack.encode(content)
    except (OverflowError, UnicodeEncodeError):
        return _NO_MSGPACK + marshal.dumps(content, _MARSHAL)


_NO_MSGPACK = b"\xc1"
"""The one byte with which no msgpack begins."""

_MARSHAL = 2
"""The version that writes equal values alike, whatever else refers to them."""


class Side(StrEnum):
    """One of the two systems."""

    CIVICRM = "civicrm"
    AIRTABLE = "airtable"

    @property
    def other(self) -> "Side":
        """The opposite side."""
        return Side.AIRTABLE if self is Side.CIVICRM else Side.CIVICRM

    @property
    def title(self) -> str:  # type: ignore[override]  # a word for people, not str.title
        """The system's own name, as people write it."""
        return "CiviCRM" if self is Side.CIVICRM else "Airtable"


@dataclass(frozen=True)  # no slots: Python 3.11 cannot call PerSide[X](…) of a frozen class that has them
class PerSide(Generic[T]):
    """One `T` for each side, so that no name ever needs a side's suffix."""

    civicrm: T
    airtable: T

    def __getitem__(self, side: Side) -> T:
        return self.civicrm if side is Side.CIVICRM else self.airtable

    def __iter__(self) -> Iterator[tuple[Side, T]]:
        yield Side.CIVICRM, self.civicrm
        yield Side.AIRTABLE, self.airtable

    def map(self, function: Callable[[T], U]) -> "PerSide[U]":
        """`function` of each side's value."""
        return PerSide(function(self.civicrm), function(self.airtable))

    @classmethod
    def of(cls, function: Callable[[Side], T]) -> "PerSide[T]":
        """What `function` makes of each side."""
        return cls(function(Side.CIVICRM), function(Side.AIRTABLE))


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A cell that cannot be read: frozen both ways until somebody mends it. `reason` names no value.

    `code` is the discrepancy code it is reported under: 206 for a value, 501 for a field that is gone or retyped,
    503 for one that was renamed.
    """

    reason: str
    code: int = 206


Cell = Value | None | Unreadable
"""Blank is `None`."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A base value that is kept only as a keyed digest: it can be compared and not be read."""

    matches: Callable[[Value | None], bool] = field(repr=False)


Base = Value | None | Sealed
"""The canonical value both sides last verifiably agreed on. A field without a base has no entry at all."""


_NOTHING: Mapping[str, Json] = {}

# There is one of each of these for every row of every run: structs are made in a tenth of a dataclass's time, and the
# collector need not visit them, for none refers back to what holds it.


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row of one side as pulled. `values` is keyed by the mapping's paths; a blank cell may be missing from it.

    `extra` is what the adapter itself needs later to write safely (ids of picked related rows, owner ids, override
    flags): nobody else reads it. `modified_at` is the remote's own word and never proof of anything.
    """

    id: str
    values: Mapping[str, Json]
    extra: Mapping[str, Json] = msgspec.field(default_factory=lambda: _NOTHING)  # one for all: most rows have none
    modified_at: dt.datetime | None = None

    def __repr__(self) -> str:
        return f"Row({self.id!r}, {len(self.values)} values)"  # never a value


class Record(msgspec.Struct, frozen=True, gc=False):
    """A row after normalising. `cells` is keyed by field name and holds an entry for every mapped field of this side.

    `naming` is the field that says what people call it, None where that may not be shown.
    """

    side: Side
    row: Row
    cells: Mapping[str, Cell]
    naming: str | None = None

    @property
    def name(self) -> str:
        """What people call it: the naming field's text, or the id where that is blank or may not be shown."""
        cell = None if self.naming is None else self.cells.get(self.naming)
        return cell if isinstance(cell, str) and cell else self.row.id

    @property
    def id(self) -> str:
        """The native id: a CiviCRM number as text, an Airtable `rec…`."""
        return self.row.id


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All records of one side from one pull.

    `complete` is true only if every page arrived and the count agrees: nothing may be inferred from absence otherwise.
    `whole` is false for a delta or a single-record pull, from which absence says nothing either.
    """

    side: Side
    records: Mapping[str, Record]
    complete: bool
    pulled_at: dt.datetime
    whole: bool = True


class Link(msgspec.Struct, frozen=True, gc=False):
    """The pair of native ids known to be the same thing."""

    civicrm: str
    airtable: str

    def __getitem__(self, side: Side) -> str:
        return self.civicrm if side is Side.CIVICRM else self.airtable
