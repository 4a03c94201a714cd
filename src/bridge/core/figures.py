"""What a mapping asks to be counted: tables of counts, sums and waiting times over linked pairs, by month or another cell."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bridge.core.record import Side

if TYPE_CHECKING:
    from bridge.core.mapping import Condition, Text

Place = tuple[Side, str]
"""A side and a field of the mapping that stands there."""


class Span(StrEnum):
    """How long the stretches are that days are gathered by."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class Way(StrEnum):
    """What becomes of a column's pairs."""

    COUNT = "count"
    SUM = "sum"
    AVERAGE = "average"
    MEDIAN = "median"


@dataclass(frozen=True, slots=True)
class Days:
    """The days from one day of a pair to another, or to the day of the run where `end` is None."""

    start: Place
    end: Place | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How many pairs there are of which `when` holds, or what their numbers or days (`of`) come to.

    With `by`, a pair stands in the line of that day instead of the table's, and in none where it has no such day.
    """

    name: str
    title: "Text"
    way: Way = Way.COUNT
    of: Place | Days | None = None
    by: Place | None = None
    when: "Condition | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One table: a line for each value that `by` has, or for each `each` that its days fall in.

    `fewest`: a figure over fewer pairs than this is not shown. None: only those of sensitive fields are hidden.
    """

    name: str
    title: "Text"
    by: Place
    by_title: "Text"
    each: Span | None = None
    columns: tuple[Column, ...] = ()
    fewest: int | None = None
