"""The shape of `figures`: tables of counts, sums and waiting times, by month or by another cell."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from bridge.config.scalars import FieldName, OneOrMany
from bridge.config.shape_base import Sentence, Shape
from bridge.config.shape_rules import ConditionShape, OtherField
from bridge.core.figures import Span


class ByShape(OtherField):
    """The cell that lines are made of."""

    title: Sentence | None = None
    """What stands above it. Default: the field's name."""
    each: Span | None = Field(default=None, strict=False)
    """For days: `month`, `quarter` or `year`."""


def _today_or_field(value: object) -> str:
    return "today" if isinstance(value, str) else "field"


TodayOrField = Annotated[
    Annotated[Literal["today"], Tag("today")] | Annotated[OtherField, Tag("field")], Discriminator(_today_or_field)
]


class DaysShape(Shape):
    """The days from one day to another, such as a waiting time."""

    from_: OtherField = Field(alias="from")
    """The day it begins: `{airtable: asked_on}`."""
    to: TodayOrField
    """The day it ends: `{airtable: placed_on}`, or `today`."""


def _days_or_number(value: object) -> str:
    return "days" if isinstance(value, dict) and value.keys() & {"from", "to"} else "number"


DaysOrNumber = Annotated[
    Annotated[DaysShape, Tag("days")] | Annotated[OtherField, Tag("number")], Discriminator(_days_or_number)
]


class ColumnShape(Shape):
    """One column. Exactly one of `count`, `sum`, `average` and `median`."""

    title: Sentence
    """What stands above it."""
    count: Literal[True] | None = None
    """How many pairs."""
    sum: OtherField | None = None
    """What this number adds up to: `{airtable: yearly}`."""
    average: DaysOrNumber | None = None
    """The mean of a number, or of days: `{from: {airtable: asked_on}, to: {airtable: placed_on}}`."""
    median: DaysOrNumber | None = None
    """The middle one of a number, or of days; one very long wait does not move it as it moves the average."""
    by: OtherField | None = None
    """A day of its own: each pair stands in the month of this day and not of the table's `by`; one without it, in none."""
    when: OneOrMany[ConditionShape] | None = None
    """Only pairs of which this holds."""


class FiguresShape(Shape):
    """A table over the linked pairs, shown by `bridge figures` as text, as a page or as a CSV file."""

    title: Sentence
    """What it is called."""
    by: ByShape
    """What there is a line for: each month of a day, or each value of any other cell."""
    columns: Annotated[dict[FieldName, ColumnShape], Field(min_length=1)]
    """What is counted, by name."""
    fewest: Annotated[int, Field(ge=2, le=100)] | None = None
    """Figures over fewer records than this are not shown, nor what would give them away: few families can be recognised."""
