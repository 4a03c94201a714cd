"""What a plan is made of, and what every part of planning asks of it or says alike."""

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from bridge.core import values
from bridge.core.knowledge import Known
from bridge.core.mapping import Field, FieldType, Key, Severity
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.marks import Marker
from bridge.core.match import Matching
from bridge.core.plan import Discrepancy
from bridge.core.record import Json, Link, PerSide, Record, Side, Snapshot, Unreadable, Value
from bridge.core.sight import Found, Sight

Seal = Callable[[str], str]
"""A keyed digest: stands for a value that may not be shown."""

_LOW = frozenset({101, 102, 104, 107, 201, 203, 207, 208})


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything a plan is made of.

    `missing` says where each absent record went; `moved` are links that followed a merge (old, new); `doubtful` are the
    (side, partner id) of creates whose outcome is still unknown. `quiet` are linked pairs that are known to come out quiet, and
    `mark` makes the marks of those that do (see `core.marks`). `today` is the day of the run in `zone`, the
    mapping's.
    """

    mapping: FieldMapping
    snapshots: PerSide[Snapshot]
    matching: Matching
    known: Known
    sights: PerSide[Sight]
    today: dt.date
    seal: Seal
    zone: dt.tzinfo = dt.UTC
    references: values.References = field(default_factory=dict)
    missing: Mapping[tuple[Link, Side], Found] = field(default_factory=dict)
    moved: tuple[tuple[Link, Link], ...] = ()
    doubtful: frozenset[tuple[Side, str]] = frozenset()
    quiet: frozenset[Link] = frozenset()
    mark: Marker | None = None


def severity_of(code: int) -> Severity:
    """How much a built-in code matters; a rule says its own."""
    return Severity.LOW if code in _LOW else Severity.MEDIUM


def evidence(facts: Facts, parts: Iterable[str | None]) -> str:
    """16 hex digits that change when the parts do and from which none can be read."""
    return facts.seal(json.dumps(list(parts), ensure_ascii=False))[:16]


def sealed(seal: Seal, before: Json, after: Json) -> tuple[str, str]:
    """What stands in a plan's document for the two wire values of a sensitive cell."""
    before_text, after_text = (json.dumps(raw, sort_keys=True, ensure_ascii=False) for raw in (before, after))
    return seal(before_text), seal(after_text)


def frozen(facts: Facts, side: Side) -> set[str]:
    """The paths of `side` whose columns are gone, retyped or renamed."""
    return {drift.path for drift in facts.sights[side].drift if drift.freezes}


def refusal(facts: Facts, each: Field, side: Side, value: Value | None) -> str:
    """Why the schema does not let `value` be written, or empty. CiviCRM cuts long text without an error (C6)."""
    path = str(each.at[side])
    sight = facts.sights[side].fields.get(path)
    if sight is None:
        return ""
    if not sight.writable:
        return f"{side.title} does not let {path} be written"
    if sight.max_length is not None and isinstance(value, str) and len(value) > sight.max_length:
        return f"{len(value)} characters, and {side.title} holds {sight.max_length} in {path}"
    if sight.options is not None and not _options(each, value) <= {option.name for option in sight.options}:
        return f"{side.title} has no such option in {path}"
    return ""


def _options(each: Field, value: Value | None) -> frozenset[str]:
    """The options that a cell of a choice holds; none for any other type."""
    if each.type is FieldType.CHOICE and isinstance(value, str):
        return frozenset((value,))
    return value if isinstance(value, frozenset) else frozenset()


def key_values(keys: Iterable[Key], record: Record, side: Side) -> dict[str, Json] | None:
    """By path of `side`, the wire value that `record` has for each key; None if one is blank or unreadable."""
    found: dict[str, Json] = {}
    for key in keys:
        as_field = Field(name=key.at[side], at=PerSide(key.at.civicrm, key.at.airtable), type=key.type, region=key.region)
        cell = values.read(as_field, record.side, record.row.values.get(key.at[record.side]))
        if cell is None or isinstance(cell, Unreadable):
            return None
        found[key.at[side]] = values.write(as_field, side, cell)
    return found


def about_record(facts: Facts, code: int, record: Record, **details: str) -> Discrepancy:
    """The discrepancy `code` about a record that stands alone."""
    ids = PerSide(record.id, None) if record.side is Side.CIVICRM else PerSide(None, record.id)
    return Discrepancy(
        mapping=facts.mapping.name,
        code=code,
        severity=severity_of(code),
        ids=ids,
        name=record.name,
        details=details,
        evidence=evidence(facts, [f"{key}={value}" for key, value in sorted(details.items())]),
    )
