"""A mapping's own examples: what is run, what is compared, and what is said where they fail."""

import datetime as dt
from collections.abc import Mapping as Map
from typing import Any

from bridge.core.examples import Ran, run_example
from bridge.core.mapping import Example, Field, FieldType, Operator, Rule, Severity
from bridge.core.mapping import Test as Asks
from bridge.core.record import Json, PerSide, Side
from builders import a_field, a_mapping

TODAY = dt.date(2026, 11, 16)
OVERDUE = Rule(
    name="overdue",
    severity=Severity.LOW,
    when=Asks("due", Operator.BEFORE, dt.date(2026, 1, 1), Side.CIVICRM),
    say={"en": "{name} is overdue"},
)


def ran(civicrm: Map[str, Json], airtable: Map[str, Json], *fields: Field, rules: tuple[Rule, ...] = (), **parts: Any) -> Ran:
    example = Example(name="an example", rows=PerSide(civicrm, airtable), **parts)
    return run_example(a_mapping(*fields, rules=rules), example, TODAY)


def test_an_example_that_holds_has_no_failures() -> None:
    result = ran({"name": "Arroyo"}, {"Name": " Arroyo "}, verdicts={"name": "agreed"}, discrepancies=frozenset())
    assert result.failures == ()
    assert result.verdicts["name"] == "agreed"


def test_a_verdict_is_judged_against_the_base_that_the_example_states() -> None:
    result = ran({"name": "New"}, {"Name": "Old"}, base={"name": "Old"}, verdicts={"name": "changed"})
    assert result.failures == ()
    assert [cell.after for change in result.plan.changes for cell in change.cells] == ["New"]
    assert ran({"name": None}, {"Name": "Old"}, base={"name": None}).verdicts["name"] == "changed"


def test_a_wrong_verdict_is_told_with_what_was_found() -> None:
    result = ran({"name": "A"}, {"Name": "B"}, verdicts={"name": "agreed", "email": "changed"})
    assert result.failures == ("name: expected agreed, found first_contact", "email: expected changed, found agreed")


def test_a_verdict_on_a_field_of_one_side_cannot_hold() -> None:
    heads = a_field("heads", civicrm=None)
    assert ran({}, {}, heads, verdicts={"heads": "agreed"}).failures == (
        "heads: expected agreed, found a field of one side only",
    )


def test_discrepancies_that_are_missing_or_too_many_are_both_told() -> None:
    due = a_field("due", airtable=None, type=FieldType.DATE)
    overdue = ran({"due": "2025-01-01"}, {}, due, rules=(OVERDUE,), discrepancies=frozenset({"other"}))
    assert overdue.failures == ("discrepancy other: expected, not found", "discrepancy overdue: found, not expected")
    assert ran({"due": "2025-01-01"}, {}, due, rules=(OVERDUE,), discrepancies=frozenset({"overdue"})).failures == ()


def test_an_example_that_says_nothing_of_discrepancies_is_not_judged_by_them() -> None:
    assert ran({"name": "A"}, {"Name": "B"}).failures == ()


def test_an_example_may_have_a_day_of_its_own() -> None:
    rule = Rule(
        name="late",
        severity=Severity.LOW,
        when=Asks("due", Operator.WITHIN, dt.timedelta(days=10), Side.CIVICRM),
        say={"en": "x"},
    )
    due = a_field("due", airtable=None, type=FieldType.DATE)
    row: dict[str, Json] = {"due": "2026-03-05"}
    assert ran(row, {}, due, rules=(rule,), discrepancies=frozenset()).failures == ()
    assert ran(row, {}, due, rules=(rule,), today=dt.date(2026, 3, 1), discrepancies=frozenset({"late"})).failures == ()


def test_what_an_example_refers_to_is_linked_to_what_the_other_row_names() -> None:
    group = a_field("group", type=FieldType.REFERENCE, to="coops")
    for far in ("recX", ["recX"]):
        assert ran({"group": 8}, {"Group": far}, group).verdicts["group"] == "agreed"
    assert ran({"group": 8}, {"Group": None}, group).verdicts["group"] == "first_contact"
    assert ran({"group": 8}, {"Group": []}, group).verdicts["group"] == "first_contact"
