"""The single values of a mapping file as pydantic reads them: each of the little grammars, names, paths and where-lists.

Each says what it expected in words of its own, and shows editors a pattern or examples.
"""

import datetime as dt
import re
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from bridge.config import terms
from bridge.core.mapping import Today

T = TypeVar("T")

_PERIOD = {"type": "string", "pattern": r"^[1-9][0-9]{0,4} ?[mhdw]$", "examples": ["30m", "2h", "14d"]}
_SHARE = {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,2})? ?%$", "examples": ["10%"]}
_CLOCK = {"type": "string", "pattern": r"^([01]?[0-9]|2[0-3]):[0-5][0-9]$", "examples": ["05:00"]}
_SPAN = {"type": "string", "examples": ["08:00-18:00"]}
_DAYS = {"type": ["string", "array"], "items": {"enum": list(terms.DAYS)}, "examples": ["mon-thu", "mon,wed"]}
_CLOSED = {"type": "string", "examples": ["2026-12-24..2027-01-01", "2026-11-26"]}

Period = Annotated[dt.timedelta, BeforeValidator(terms.period), WithJsonSchema(_PERIOD)]
DaysAhead = Annotated[dt.timedelta, BeforeValidator(terms.days_ahead), WithJsonSchema(_PERIOD)]
Share = Annotated[float, BeforeValidator(terms.share), WithJsonSchema(_SHARE)]
Clock = Annotated[dt.time, BeforeValidator(terms.clock), WithJsonSchema(_CLOCK)]
ClockSpan = Annotated[tuple[dt.time, dt.time], BeforeValidator(terms.clock_span), WithJsonSchema(_SPAN)]
Weekdays = Annotated[frozenset[int], BeforeValidator(terms.weekdays), WithJsonSchema(_DAYS)]
DaySpan = Annotated[tuple[dt.date, dt.date], BeforeValidator(terms.day_span), WithJsonSchema(_CLOSED)]
Crontab = Annotated[str, BeforeValidator(terms.crontab), WithJsonSchema({"type": "string", "examples": ["0 6 * * mon-fri"]})]
Zone = Annotated[str, BeforeValidator(terms.zone), WithJsonSchema({"type": "string", "examples": ["America/New_York"]})]
Number = Annotated[Decimal, BeforeValidator(terms.number), WithJsonSchema({"type": "number"})]
Day = Annotated[dt.date, BeforeValidator(terms.day), WithJsonSchema({"type": "string", "format": "date"})]
DayOrToday = Annotated[
    dt.date | Today,
    BeforeValidator(terms.day_or_today),
    WithJsonSchema({"type": "string", "examples": ["2026-12-24", "today", "today+30d"]}),
]


def matching(pattern: str, what: str) -> Any:
    """A validator of text: it must match `pattern`, or the problem says it expected `what`."""

    def check(value: object) -> str:
        if not isinstance(value, str) or re.fullmatch(pattern, value) is None:
            raise ValueError(f"expected {what}")
        return value

    return BeforeValidator(check, json_schema_input_type=Annotated[str, Field(pattern=f"^{pattern}$")])


SLUG = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
MappingName = Annotated[str, matching(SLUG, "a name of lower-case letters, digits and hyphens, such as `benefits-groups`")]
RuleName = Annotated[str, matching(SLUG, "a rule name of lower-case letters, digits and hyphens, such as `ends-soon`")]
NAME = r"[a-z][a-z0-9_]*"
FieldName = Annotated[str, matching(NAME, "a field name of lower-case letters, digits and underscores, such as `head_count`")]
Alias = Annotated[str, matching(NAME, "an alias of lower-case letters, digits and underscores, such as `membership`")]
Word = Annotated[str, matching(r"\S(.*\S)?", "text that is not blank (a number or true/false needs quotes)")]
Entity = Annotated[str, matching(r"[A-Z][A-Za-z0-9_]*", "an APIv4 entity such as `Organization` or `Membership`")]
Path = Annotated[
    str, matching(r"[A-Za-z_][A-Za-z0-9_.]*(:[a-z]+)?", "an APIv4 field such as `organization_name` or `status_id:name`")
]
RecordId = Annotated[str, matching(r"rec[0-9A-Za-z]{14,}", "an Airtable record id such as `rec0123456789ABCD`")]
Role = Annotated[str, matching(NAME, "a role of lower-case letters, digits and underscores, such as `membership`")]
Channel = Annotated[str, matching(r"#[\w-]{1,80}|[CGD][A-Z0-9]{6,}", "a Slack channel such as `#membership` or its id")]
_REGION = {"type": "string", "pattern": "^[A-Z]{2}$", "examples": ["US"]}
Region = Annotated[str, BeforeValidator(terms.region), WithJsonSchema(_REGION)]


def _scalar(value: object) -> object:
    """Text, a number, or true/false."""
    if isinstance(value, bool | int | float) or (isinstance(value, str) and value.strip()):
        return value
    raise ValueError("expected one value: text, a number, or true/false")


Scalar = Annotated[Any, BeforeValidator(_scalar), WithJsonSchema({"type": ["string", "number", "boolean"]})]


def _many_or_one(value: object) -> str:
    return "many" if isinstance(value, list) else "one"


OneOrMany = Annotated[Annotated[T, Tag("one")] | Annotated[list[T], Tag("many")], Discriminator(_many_or_one)]
"""One item or a list of them."""

Where = Annotated[list[list[Any]], Field(examples=[[["contact_sub_type", "CONTAINS", "Worker_Cooperative"]]])]
