"""Run a mapping's own examples: what it makes of a pair of rows, without any system."""

import datetime as dt
import hashlib
from collections.abc import Mapping as Map
from dataclasses import dataclass

from bridge.core import values
from bridge.core.compare import NO_BASE, Outcome, merge
from bridge.core.facts import Facts
from bridge.core.knowledge import Known
from bridge.core.mapping import Example, Mapping
from bridge.core.match import Matching, Pair
from bridge.core.plan import Plan
from bridge.core.planner import make_plan
from bridge.core.record import Link, PerSide, Record, Row, Side, Snapshot, Value
from bridge.core.sight import Sight

_CIVICRM_ID, _AIRTABLE_ID = "1", "recExample0000001"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What came of one example. `failures` are sentences: what was expected and what was found; empty if it holds.

    `pair` are its two rows as records, `bases` what they agreed on before, `today` the day it was run on.
    """

    example: Example
    failures: tuple[str, ...]
    plan: Plan
    verdicts: Map[str, str]
    pair: Pair
    bases: Map[str, Value | None]
    today: dt.date


def run_example(mapping: Mapping, example: Example, today: dt.date) -> Ran:
    """The example put through normalising, comparing and the rules, held against what it expects.

    `today` counts where the example names no day of its own.
    """
    pair = _pair(mapping, example)
    bases = _bases(mapping, example)
    today = example.today or today
    plan = _plan(mapping, pair, bases, today)
    verdicts = {name: outcome.verdict.value for name, outcome in _outcomes(mapping, pair, bases).items()}
    return Ran(
        example=example,
        failures=(*_wrong_verdicts(example, verdicts), *_wrong_told(example, plan)),
        plan=plan,
        verdicts=verdicts,
        pair=pair,
        bases=bases,
        today=today,
    )


def _pair(mapping: Mapping, example: Example) -> Pair:
    ids = PerSide(_CIVICRM_ID, _AIRTABLE_ID)
    records: PerSide[Record] = PerSide.of(
        lambda side: values.read_record(
            mapping, side, Row(ids[side], {**example.rows[side], "id": ids[side]}), references=_references(mapping, example)
        )
    )
    return Pair(Link(*(record.id for _, record in records)), records.civicrm, records.airtable, "example")


def _references(mapping: Mapping, example: Example) -> values.References:
    """Everything an example refers to is linked to what the other side's row names."""
    made: dict[str, PerSide[Map[str, str]]] = {}
    for field in mapping.fields.values():
        if field.to is not None and field.at.civicrm is not None and field.at.airtable is not None:
            raw = PerSide(example.rows.civicrm.get(field.at.civicrm), example.rows.airtable.get(field.at.airtable))
            far = raw.airtable[0] if isinstance(raw.airtable, list) and raw.airtable else raw.airtable
            if raw.civicrm is not None and far is not None:
                made[field.to] = PerSide({str(raw.civicrm): str(far)}, {str(far): str(raw.civicrm)})
    return made


def _bases(mapping: Mapping, example: Example) -> dict[str, Value | None]:
    """The base an example states, in CiviCRM's words."""
    found: dict[str, Value | None] = {}
    for name, raw in example.base.items():
        field = mapping.fields[name]
        cell = values.comparable(field, Side.CIVICRM, values.read(field, Side.CIVICRM, raw))
        found[name] = None if raw is None else cell  # type: ignore[assignment]  # the loader checked that it can be read
    return found


def _outcomes(mapping: Mapping, pair: Pair, bases: Map[str, Value | None]) -> dict[str, Outcome]:
    return {
        name: merge(field, bases.get(name, NO_BASE), PerSide(pair.civicrm.cells[name], pair.airtable.cells[name]))
        for name, field in mapping.fields.items()
        if field.two_sided
    }


def _plan(mapping: Mapping, pair: Pair, bases: Map[str, Value | None], today: dt.date) -> Plan:
    now = dt.datetime.combine(today, dt.time(), dt.UTC)
    return make_plan(
        Facts(
            mapping=mapping,
            snapshots=PerSide.of(lambda side: Snapshot(side, {pair[side].id: pair[side]}, complete=True, pulled_at=now)),
            matching=Matching(pairs=(pair,), only=PerSide((), ())),
            known=Known(
                links=frozenset({pair.link}),
                bases={pair.link: bases},
                apart={},
                stops={},
                absent=frozenset(),
                last_counts=PerSide(None, None),
                last_digest=None,
                last_scope=None,
            ),
            sights=PerSide.of(lambda side: Sight(side=side, identity="example", fields={})),
            today=today,
            seal=lambda text: hashlib.sha256(text.encode()).hexdigest(),
            references={},
        )
    )


def _wrong_verdicts(example: Example, verdicts: Map[str, str]) -> list[str]:
    return [
        f"{name}: expected {expected}, found {verdicts.get(name, 'a field of one side only')}"
        for name, expected in example.verdicts.items()
        if verdicts.get(name) != expected
    ]


def _wrong_told(example: Example, plan: Plan) -> list[str]:
    if example.discrepancies is None:
        return []
    told = {each.rule or str(each.code) for each in plan.discrepancies}
    missing, surplus = sorted(example.discrepancies - told), sorted(told - example.discrepancies)
    return [f"discrepancy {each}: expected, not found" for each in missing] + [
        f"discrepancy {each}: found, not expected" for each in surplus
    ]
