"""The shape of rules and of the conditions they ask."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from bridge.config.scalars import DayOrToday, DaysAhead, FieldName, Number, OneOrMany, Period, Role, Scalar
from bridge.config.shape_base import Sentence, Shape
from bridge.core import mapping as core


class OtherField(Shape):
    """A cell to compare with."""

    civicrm: FieldName | None = None
    """A field's cell in CiviCRM."""
    airtable: FieldName | None = None
    """A field's cell in Airtable."""


class OtherDay(OtherField):
    """A day to compare with, moved or not."""

    plus: DaysAhead | None = None
    """So many days later, such as `30d`."""
    minus: DaysAhead | None = None
    """So many days earlier, such as `30d`."""


def _field_or_day(value: object) -> str:
    return "field" if isinstance(value, dict) else "day"


def _field_or_number(value: object) -> str:
    return "field" if isinstance(value, dict) else "number"


DayOrField = Annotated[
    Annotated[DayOrToday, Tag("day")] | Annotated[OtherDay, Tag("field")],
    Discriminator(_field_or_day),
]


NumberOrField = Annotated[
    Annotated[Number, Tag("number")] | Annotated[OtherField, Tag("field")],
    Discriminator(_field_or_number),
]


class ConditionShape(Shape):
    """A side, a field of this mapping and one operator; or `any`, `not`. In a list, all must hold."""

    civicrm: FieldName | None = None
    """The field whose cell in CiviCRM is asked."""
    airtable: FieldName | None = None
    """The field whose cell in Airtable is asked."""
    field: FieldName | None = None
    """For `differs`: the field whose two sides are compared."""
    is_: Scalar = Field(default=None, alias="is")
    """It has this value."""
    is_not: Scalar = None
    """It has another value."""
    in_: list[Scalar] | None = Field(default=None, alias="in")
    """It has one of these values."""
    not_in: list[Scalar] | None = None
    """It has none of these values."""
    blank: bool | None = None
    """True: it is blank. False: it has a value."""
    before: DayOrField | None = None
    """Earlier than a date, `today`, `today+30d`, or another cell: `{civicrm: membership_ends, minus: 60d}`."""
    after: DayOrField | None = None
    """Later than a date, `today`, `today+30d`, or another cell: `{civicrm: membership_ends, plus: 30d}`."""
    within: DaysAhead | None = None
    """From today up to this far ahead, such as `60d`."""
    overdue_by: DaysAhead | None = None
    """At least this long ago, such as `30d`."""
    more_than: NumberOrField | None = None
    """Above a number or another cell: `{civicrm: workers}`."""
    less_than: NumberOrField | None = None
    """Below a number or another cell."""
    differs: Literal[True] | None = None
    """The two sides of `field` differ."""
    any: "list[OneOrMany[ConditionShape]] | None" = None
    """True if one of these holds."""
    not_: "OneOrMany[ConditionShape] | None" = Field(default=None, alias="not")
    """True if this does not hold."""


class RuleShape(Shape):
    """A discrepancy across the two systems, told where `when` holds for a pair of records."""

    severity: core.Severity = Field(strict=False)
    """`low`, `medium` or `high`."""
    when: OneOrMany[ConditionShape]
    """Conditions; in a list, all must hold."""
    say: Sentence
    """What is wrong, in plain words; `{field}` shows a field's value."""
    title: Sentence | None = None
    """A few words for lists and headings, in each language; the rule's name if left out."""
    do: Sentence | None = None
    """What staff should do."""
    owner: Role | None = None
    """A role such as `membership`, mapped to people or channels by BRIDGE_OWNERS__MEMBERSHIP."""
    due: Period | None = None
    """How long staff have, such as `14d`."""
