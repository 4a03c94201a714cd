"""A mapping as the engine uses it: what `config` makes of a YAML file after every check has passed.

Frozen values only. Paths stand as the mapping's author wrote them; shares are fractions (0.1 is 10 %); periods are timedeltas.
"""

import datetime as dt
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from bridge.core.figures import Figures
from bridge.core.record import Json, PerSide, Side
from bridge.core.telling import ReportTo
from bridge.core.timing import Schedule

Text = Map[str, str]
"""A sentence in each language the author gave: `{"en": …, "es": …}`."""


class Mode(StrEnum):
    """Whether a run may write to the two systems."""

    OBSERVE = "observe"
    CORRECT = "correct"


class FieldType(StrEnum):
    """How a cell is read, compared and written."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    ORGANIZATION = "organization"
    PERSON = "person"
    EMAIL = "email"
    PHONE = "phone"
    DATE = "date"
    DATETIME = "datetime"
    INTEGER = "integer"
    NUMBER = "number"
    MONEY = "money"
    PERCENT = "percent"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    CHOICES = "choices"
    REFERENCE = "reference"
    URL = "url"
    POSTAL_CODE = "postal_code"
    STATE = "state"
    COUNTRY = "country"
    IDENTIFIER = "identifier"


class Authority(StrEnum):
    """Which side owns a field."""

    CIVICRM = "civicrm"
    AIRTABLE = "airtable"
    EITHER = "either"
    REPORT = "report"

    @property
    def owner(self) -> Side | None:
        """The owning side, or None where neither owns it."""
        return Side(self.value) if self in (Authority.CIVICRM, Authority.AIRTABLE) else None


class FirstContact(StrEnum):
    """What happens where two values differ and no base was ever agreed."""

    REPORT = "report"
    AUTHORITY = "authority"


class OnEdit(StrEnum):
    """What happens to an edit on the side that does not own the field."""

    REVERT = "revert"
    REPORT = "report"


class OnConflict(StrEnum):
    """What happens where both sides moved and neither owns the field."""

    REPORT = "report"
    CIVICRM = "civicrm"
    AIRTABLE = "airtable"
    NEWEST = "newest"
    UNION = "union"


class Severity(StrEnum):
    """How much a rule's discrepancy matters."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Unmatched(StrEnum):
    """What happens to a record that has no partner."""

    IGNORE = "ignore"
    REPORT = "report"
    CREATE = "create"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field: where it stands on each side, its type and its policies. One-sided fields are read, for rules."""

    name: str
    at: PerSide[str | None]
    type: FieldType
    authority: Authority | None = None
    values: Map[str, str] = field(default_factory=dict)
    """CiviCRM name to Airtable option; may be many to one. Empty: both sides use the same words."""
    region: str = "US"
    precision: int | None = None
    """Digits after the point. None: the type's own default (integer 0, money 2, percent 4, number 6)."""
    ignore: frozenset[str] = frozenset()
    """Any of `case`, `accents`, `punctuation`."""
    to: str | None = None
    """For a reference: the mapping whose links say who is who."""
    from_datetime: bool = False
    sensitive: bool = False
    fill_blank: bool = True
    first_contact: FirstContact = FirstContact.REPORT
    on_edit: OnEdit = OnEdit.REVERT
    on_conflict: OnConflict = OnConflict.REPORT
    clear: bool = False
    title: Text = field(default_factory=dict)
    """What people call it; without one its name."""

    @property
    def two_sided(self) -> bool:
        """Whether the field stands on both sides and so is compared."""
        return self.at.civicrm is not None and self.at.airtable is not None

    @property
    def lossy(self) -> bool:
        """Whether two CiviCRM names share one Airtable option, so that it may only flow to Airtable."""
        return len(set(self.values.values())) < len(self.values)

    def may_write(self, side: Side) -> bool:
        """Whether the policies could ever make a run write this field on `side`."""
        if not self.two_sided or self.authority in (None, Authority.REPORT):
            return False
        if self.lossy and side is Side.CIVICRM:
            return False
        return self.authority is Authority.EITHER or self.authority.owner is not side


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """Which of several related rows is meant: by preferred values first, then by the latest or earliest of a date field."""

    prefer: Map[str, tuple[Json, ...]] = field(default_factory=dict)
    """Related path to its values, best first. Rows with none of them come last."""
    latest: str | None = None
    earliest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Rows of another CiviCRM entity, pulled in bulk and joined by `by`, the related field that holds this record's id.

    One of `pick`, `count`, `sum`, `set` says what they become: a row's fields, a number, a total, the set of a field's values.
    `add`: a write makes the row.
    """

    alias: str
    entity: str
    by: str
    where: tuple[Json, ...] = ()
    pick: Pick | None = None
    count: bool = False
    sum: str | None = None
    set: str | None = None
    add: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CivicrmSource:
    """What is pulled from CiviCRM. `where` is in APIv4 form."""

    entity: str
    where: tuple[Json, ...] = ()
    related: Map[str, Related] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AirtableSource:
    """What is pulled from Airtable. `base` is an alias of the settings or an `app…` id; `where` is `[column, op, value]`."""

    base: str
    table: str
    where: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One pair of paths whose values are compared as `type`."""

    at: PerSide[str]
    type: FieldType
    region: str = "US"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactMatch:
    """Records match where every key is present and equal on both sides."""

    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarMatch:
    """Records are suggested (never linked) where `key` is at least `least` similar (0 to 1) within equal `within`."""

    key: Key
    least: float
    within: tuple[Key, ...] = ()


MatchRule = ExactMatch | SimilarMatch


class Operator(StrEnum):
    """What a condition asks of a cell."""

    IS = "is"
    IS_NOT = "is_not"
    IN = "in"
    NOT_IN = "not_in"
    BLANK = "blank"
    BEFORE = "before"
    AFTER = "after"
    WITHIN = "within"
    OVERDUE_BY = "overdue_by"
    MORE_THAN = "more_than"
    LESS_THAN = "less_than"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class Today:
    """The day of the run in the mapping's time zone, moved by `days`."""

    days: int = 0


@dataclass(frozen=True, slots=True)
class FieldRef:
    """The cell of `field` on `side`, as an operand; where it is a day, moved by `days`."""

    side: Side
    field: str
    days: int = 0


Operand = str | bool | Decimal | dt.date | dt.datetime | dt.timedelta | Today | FieldRef | tuple[str | bool | Decimal, ...]
"""What a condition compares with, already in the field's canonical form on that side."""


@dataclass(frozen=True, slots=True)
class Test:
    """One condition. `side` is None only for DIFFERS."""

    field: str
    operator: Operator
    operand: Operand
    side: Side | None = None


@dataclass(frozen=True, slots=True)
class All:
    """True if every condition is."""

    of: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """True if some condition is."""

    of: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True if the condition is false; unknown stays unknown."""

    of: "Condition"


Condition = Test | All | Any | Not


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A discrepancy across the two systems: told where `when` holds for a linked pair."""

    name: str
    severity: Severity
    when: Condition
    say: Text
    do: Text = field(default_factory=dict)
    title: Text = field(default_factory=dict)
    """A few words for lists and headings; without them its name."""
    owner: str | None = None
    due: dt.timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A bound on changes of one side: a fraction of its records, a count, or both. None: not bounded that way."""

    share: float | None = None
    count: int | None = None
    floor: int = 0
    """No share is judged below this population."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardLimits:
    """What a plan may do without a person's word. `shrink` is a fraction of the last complete count."""

    updates: Limit = Limit(share=0.10, count=50, floor=20)
    creates: Limit = Limit(count=10)
    clears: Limit = Limit(count=0)
    shrink: float = 0.10
    canaries: PerSide[tuple[str, ...]] = PerSide((), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A pair of rows and what the mapping should make of them; run by `bridge check`.

    `rows` is keyed by path like a `Row`. `verdicts` maps a field to a verdict's word; `discrepancies`, where given, is the
    whole set of rule names or codes expected.
    """

    name: str
    rows: PerSide[Map[str, Json]]
    verdicts: Map[str, str] = field(default_factory=dict)
    discrepancies: frozenset[str] | None = None
    base: Map[str, Json] = field(default_factory=dict)
    today: dt.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """One mapping file, checked. `file` is where it was read from; `name` is unique among all mappings."""

    name: str
    title: Text
    mode: Mode
    civicrm: CivicrmSource
    airtable: AirtableSource
    match: tuple[MatchRule, ...]
    fields: Map[str, Field]
    unmatched: PerSide[Unmatched] = PerSide(Unmatched.IGNORE, Unmatched.IGNORE)
    create_when: Condition | None = None
    """Which records are created on the other side; `otherwise` is for the rest."""
    otherwise: Unmatched = Unmatched.REPORT
    rules: tuple[Rule, ...] = ()
    figures: tuple[Figures, ...] = ()
    guard: GuardLimits = field(default_factory=GuardLimits)
    schedule: Schedule | None = None
    report: ReportTo = field(default_factory=ReportTo)
    examples: tuple[Example, ...] = ()
    timezone: str = "UTC"
    file: str = ""
    scope_digest: str = ""
    """Of entity, table, `where` and match rules: a change makes absences void until reviewed."""
    digest: str = ""
    """Of everything that can change a plan."""

    @property
    def name_field(self) -> str | None:
        """The field that says what people call a record: `name` if mapped, else the first text-like field."""
        texts = (FieldType.ORGANIZATION, FieldType.PERSON, FieldType.TEXT)
        texting = (each.name for each in self.fields.values() if each.type in texts)
        return "name" if "name" in self.fields else next(texting, None)

    @property
    def depends_on(self) -> frozenset[str]:
        """The mappings whose links this one's references need; they run first."""
        return frozenset(each.to for each in self.fields.values() if each.to is not None and each.to != self.name)

    def paths(self, side: Side) -> frozenset[str]:
        """Every path of `side` that a pull must bring: fields and match keys."""
        found = {path for each in self.fields.values() if (path := each.at[side]) is not None}
        for rule in self.match:
            keys = rule.keys if isinstance(rule, ExactMatch) else (rule.key, *rule.within)
            found.update(key.at[side] for key in keys)
        return frozenset(found)
