"""The shape of a mapping file: which keys there are, what each holds, and the prose that editors show beside it.

Only the shape: what keys mean together is checked after, where the whole file is known.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bridge.config.scalars import (
    Alias,
    Channel,
    Clock,
    ClockSpan,
    Crontab,
    Day,
    DaySpan,
    Entity,
    FieldName,
    MappingName,
    OneOrMany,
    Path,
    Period,
    RecordId,
    Region,
    RuleName,
    Scalar,
    Share,
    Weekdays,
    Where,
    Word,
    Zone,
)
from bridge.config.shape_base import Sentence, Shape
from bridge.config.shape_figures import FiguresShape
from bridge.config.shape_rules import ConditionShape, RuleShape
from bridge.core import mapping as core


class PickShape(Shape):
    """Which of several related rows is meant."""

    prefer: dict[Path, list[Scalar]] = Field(default_factory=dict)
    """A related field and its values, best first: `{status_id.is_current_member: [true, false]}`."""
    latest: Path | None = None
    """Among equals, the row with the latest of this date field."""
    earliest: Path | None = None
    """Among equals, the row with the earliest of this date field. Not both `latest` and `earliest`."""


class RelatedShape(Shape):
    """Rows of another CiviCRM entity, pulled in bulk and joined here. Exactly one of `pick`, `count`, `sum` and `set`."""

    entity: Entity
    """Any APIv4 entity, such as `Membership`."""
    by: Path
    """The related field that holds this record's id, such as `contact_id`."""
    where: Where = Field(default_factory=list)
    """APIv4 conditions on the related rows."""
    pick: PickShape | None = None
    """Use the fields of one row, as `alias.field`."""
    count: Literal[True] | None = None
    """Use the number of rows, as `alias`."""
    sum: Path | None = None
    """Use the total of this field, as `alias`."""
    set: Path | None = None
    """Use this field's values over all rows, as `alias`, for a field of type `choices`: `group_id:name` of `GroupContact`."""
    add: Literal[True] | None = None
    """With `pick`: where a record has no such row, writing to its fields makes one, with what `where` demands by `=`."""


class CivicrmShape(Shape):
    """What is pulled from CiviCRM."""

    entity: Entity
    """Any APIv4 entity: `Organization`, `Individual`, `Membership`, …"""
    where: Where = Field(default_factory=list)
    """APIv4 conditions, as the API Explorer writes them: `[field, operator, value]`. Records outside are not seen."""
    related: dict[Alias, RelatedShape] = Field(default_factory=dict)
    """Other entities whose rows belong to a record, by the alias that field paths begin with."""


class AirtableShape(Shape):
    """What is pulled from Airtable."""

    base: Word
    """An alias of the settings, such as `benefits` (BRIDGE_AIRTABLE__BASES__BENEFITS holds its id), or an `app…` id."""
    table: Word
    """The table's name, or its `tbl…` id."""
    where: Where = Field(default_factory=list)
    """Conditions `[column, operator, value]`, such as `[Archived, "=", false]`."""


class PairShape(Shape):
    """A CiviCRM field and an Airtable column whose values are compared."""

    civicrm: Path
    """The CiviCRM field, by its APIv4 name."""
    airtable: Word
    """The Airtable column, by the name staff see or its `fld…` id."""
    as_: core.FieldType | None = Field(default=None, alias="as", strict=False)
    """How they are compared. Default: the type of the mapped field with these two places, else `identifier`."""
    region: Region | None = None
    """For `as: phone`: the country of numbers written without one. Default US."""


class SimilarShape(PairShape):
    """A pair of names that may be alike without being equal: suggests, never links."""

    least: float = Field(ge=0.5, le=1)
    """How alike they must be, 0.5 to 1; 0.88 finds most misspellings."""


class MatchShape(Shape):
    """One way to find who is who. Exactly one of `exact` and `similar`."""

    exact: OneOrMany[PairShape] | None = None
    """Records match where this pair, or every pair of the list, is equal and not blank."""
    similar: SimilarShape | None = None
    """Records are suggested to a person where these are alike."""
    within: OneOrMany[PairShape] | None = None
    """For `similar`: only among records where this is equal."""


class FieldShape(Shape):
    """One field: where it stands, its type, who owns it. On one side only, it is read for rules."""

    civicrm: Path | None = None
    """The CiviCRM field, by its APIv4 name; `alias.field` for a related row."""
    airtable: Word | None = None
    """The Airtable column, by the name staff see or its `fld…` id."""
    type: core.FieldType = Field(strict=False)
    """What kind of value it holds: by it a cell is read, compared and written."""
    authority: core.Authority | None = Field(default=None, strict=False)
    """Which side owns it: `civicrm`, `airtable`, `either` (edits travel both ways) or `report` (compare, never write)."""
    values: dict[Word, Word] | None = None
    """For choices: CiviCRM's stable name to Airtable's option. Several names may share one option."""
    region: Region | None = None
    """For a phone: the country of numbers written without one. Default US."""
    precision: Annotated[int, Field(ge=0, le=8)] | None = None
    """For numbers: digits after the point. Default: integer 0, money 2, percent 4, number 6."""
    ignore: list[Literal["case", "accents", "punctuation"]] | None = None
    """For text: differences that do not count."""
    to: MappingName | None = None
    """For a reference: the mapping whose links say who is who."""
    from_: Literal["datetime"] | None = Field(default=None, alias="from")
    """For a date: `datetime` where one side holds a moment; its day in the mapping's time zone counts."""
    sensitive: bool = False
    """True: the value never leaves for Slack, logs, metrics or error texts."""
    fill_blank: bool | None = None
    """False: a blank at first contact is reported, not filled. Default true."""
    first_contact: core.FirstContact | None = Field(default=None, strict=False)
    """Where two values differ and were never agreed: `report` (default) or `authority` (the owner's wins)."""
    on_edit: core.OnEdit | None = Field(default=None, strict=False)
    """An edit on the side that does not own the field: `revert` (default; put back and told) or `report` (left and told)."""
    on_conflict: core.OnConflict | None = Field(default=None, strict=False)
    """For `either`, both sides edited: `report` (default), `civicrm`, `airtable`, `newest`, or `union` (of choices)."""
    clear: bool | None = None
    """True: a blank may replace a value. Default false: it is reported."""
    title: Sentence | None = None
    """What staff call it, in each language; its own name if left out."""


class UnmatchedShape(Shape):
    """What happens to a record without partner."""

    civicrm: core.Unmatched = Field(default=core.Unmatched.IGNORE, strict=False)
    """A record found only in CiviCRM: `ignore`, `report`, or `create` it in Airtable."""
    airtable: core.Unmatched = Field(default=core.Unmatched.IGNORE, strict=False)
    """A record found only in Airtable: `ignore`, `report`, or `create` it in CiviCRM."""
    create_when: OneOrMany[ConditionShape] | None = None
    """With `create` on one side: only where this holds, such as those a person ticked."""
    otherwise: Literal["report", "ignore"] | None = None
    """With `create_when`: what happens to the rest, `report` (default) or `ignore`."""


class LimitShape(Shape):
    """A bound on one kind of change; keys left out keep their defaults."""

    share: Share | None = None
    """At most this part of a side's records, such as `10%`."""
    count: Annotated[int, Field(ge=0)] | None = None
    """At most this many."""
    floor: Annotated[int, Field(ge=0)] | None = None
    """No share is judged below this population."""


class CanariesShape(Shape):
    """Records that must be seen by every sweep, or the plan is held."""

    civicrm: list[Annotated[int, Field(ge=1)]] = Field(default_factory=list)
    """CiviCRM ids."""
    airtable: list[RecordId] = Field(default_factory=list)
    """Airtable `rec…` ids."""


class GuardShape(Shape):
    """What a plan may do without a person's word."""

    updates: LimitShape | None = None
    """Records changed, per side. Default: 10 %, 50, judged from 20 records up."""
    creates: LimitShape | None = None
    """Records created, per side. Default: 10."""
    clears: LimitShape | None = None
    """Cells blanked, per side. Default: 0."""
    shrink: Share | None = None
    """Fewer records than last time by more than this hold the plan. Default: 10 %."""
    canaries: CanariesShape | None = None
    """Records that must be seen."""


class SlotShape(Shape):
    """When something runs. Exactly one of `every`, `at` and `crontab`."""

    every: Period | None = None
    """Again and again: `30m`."""
    between: ClockSpan | None = None
    """For `every`: only at this time of day, such as "08:00-18:00"."""
    at: Clock | None = None
    """Once a day, such as "05:00"."""
    crontab: Crontab | None = None
    """Five fields: minute, hour, day of month, month, weekday (0 or 7 is Sunday; names are clearer)."""
    on: Weekdays | None = None
    """On these days: `mon-thu`, `mon,wed`. Default: every day."""


class ScheduleShape(Shape):
    """When the mapping runs under `bridge serve`."""

    timezone: Zone
    """The zone of all times here, and of what `today` means in rules."""
    sync: SlotShape | None = None
    """Pull what changed and reconcile it."""
    sweep: SlotShape | None = None
    """Pull everything and reconcile it: finds absences and resolves."""
    digest: SlotShape | None = None
    """Tell staff."""
    closed: list[DaySpan] = Field(default_factory=list)
    """Days without runs: `2026-12-24..2027-01-01`."""


class SlackReport(Shape):
    """Told in Slack."""

    channel: Channel
    """`#name` or the channel's id."""
    language: Literal["en", "es"] | None = None
    """`en` or `es`. Default: that of the settings."""


class AirtableReport(Shape):
    """Upserted by fingerprint into a table of the same base, in `observe` too; staff may assign, snooze and note there."""

    table: Word
    """The table's name or `tbl…` id. No mapping may read it."""
    language: Literal["en", "es"] | None = None
    """`en` or `es`. Default: that of the settings."""


class CivicrmReport(Shape):
    """Written as activities on the contacts, in `observe` too; completed when resolved."""

    activity_type: Word
    """The activity type's name."""
    key: Word = "location"
    """The activity's field that holds the fingerprint, by which it is found again; a custom one as `Group.Field`."""
    language: Literal["en", "es"] | None = None
    """`en` or `es`. Default: that of the settings."""


class ReportShape(Shape):
    """Places where people are told; the ledger has every discrepancy anyway."""

    slack: SlackReport | None = None
    """A Slack channel."""
    airtable: AirtableReport | None = None
    """An Airtable table."""
    civicrm: CivicrmReport | None = None
    """CiviCRM activities."""


class ExpectShape(BaseModel):
    """What an example should come to: `discrepancies`, and a verdict for each field named."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True, defer_build=True)
    __pydantic_extra__: dict[str, Word]

    discrepancies: list[Scalar] | None = None
    """All rule names and codes expected; `[]` for none at all."""


class ExampleShape(Shape):
    """A pair of rows and what the mapping should make of them; run by `bridge check`."""

    name: Word
    """What it shows, in plain words."""
    civicrm: dict[str, Any] = Field(default_factory=dict)
    """The CiviCRM row, by field; a related row as a map under its alias."""
    airtable: dict[str, Any] = Field(default_factory=dict)
    """The Airtable row, by column."""
    base: dict[FieldName, Any] = Field(default_factory=dict)
    """What both sides last agreed on, by field of this mapping."""
    today: Day | None = None
    """The day it is run on. Default: the real one."""
    expect: ExpectShape
    """What it should come to."""


class MappingShape(Shape):
    """One mapping: a CiviCRM entity, an Airtable table, and how they are kept in agreement."""

    mapping: MappingName
    """Its name, unique among all files."""
    title: Sentence | None = None
    """What staff call it."""
    mode: core.Mode = Field(default=core.Mode.OBSERVE, strict=False)
    """`observe` (default: plan and report) or `correct` (also write, if BRIDGE_MODE says correct too)."""
    civicrm: CivicrmShape
    """The CiviCRM side."""
    airtable: AirtableShape
    """The Airtable side."""
    match: Annotated[list[MatchShape], Field(min_length=1)]
    """How records are matched: stored links first, then these in order."""
    fields: Annotated[dict[FieldName, FieldShape], Field(min_length=1)]
    """The fields, by the name that rules use."""
    unmatched: UnmatchedShape = Field(default_factory=UnmatchedShape)
    """What happens to records without partner."""
    rules: dict[RuleName, RuleShape] = Field(default_factory=dict)
    """Discrepancies across the two systems, by name."""
    figures: dict[RuleName, FiguresShape] = Field(default_factory=dict)
    """Tables of counts, sums and waiting times by month or by another cell, by name."""
    guard: GuardShape = Field(default_factory=GuardShape)
    """Limits: a plan that goes beyond one is held until a person approves it."""
    schedule: ScheduleShape | None = None
    """When it runs under `bridge serve`."""
    report: ReportShape = Field(default_factory=ReportShape)
    """Where discrepancies are told besides the ledger."""
    examples: list[ExampleShape] = Field(default_factory=list)
    """Rows that show what the mapping does, checked by `bridge check`."""
