"""Why a cell is as it is, is said in the words of the policy that decided it, and without a sensitive value."""

import datetime as dt
from typing import Any

import pytest

from bridge.core.examples import run_example
from bridge.core.mapping import (
    All,
    Authority,
    Example,
    FieldRef,
    FieldType,
    FirstContact,
    Not,
    OnConflict,
    OnEdit,
    Operator,
    Rule,
    Severity,
    Today,
)
from bridge.core.mapping import Any as AnyOf
from bridge.core.mapping import Test as Asks
from bridge.core.record import Json, PerSide, Side
from bridge.core.why import ExplainedField, explain_pair, explain_rules
from builders import a_field, a_mapping

TODAY = dt.date(2026, 11, 16)
NOBODY = object()


def explained(civicrm: Json, airtable: Json, *, base: Any = NOBODY, **policies: Any) -> ExplainedField:
    mapping = a_mapping(a_field("name", **policies))
    rows = PerSide({"name": civicrm}, {"Name": airtable})
    ran = run_example(mapping, Example(name="x", rows=rows, base={} if base is NOBODY else {"name": base}), TODAY)
    return explain_pair(mapping, ran.pair, ran.bases)[0]


EITHER, REPORT = {"authority": Authority.EITHER}, {"authority": Authority.REPORT}


@pytest.mark.parametrize(
    ("field", "why", "writes"),
    [
        (explained("A", "A"), "both sides hold the same", ""),
        (explained("A", None), "they differ and never agreed; the blank is filled in Airtable", "Airtable ← A"),
        (
            explained(None, "A"),
            "they differ and never agreed; the blank may not be filled (`authority`, `fill_blank`): told, not written",
            "",
        ),
        (explained("A", "B"), "they differ and never agreed; `first_contact: report`: told, not written", ""),
        (
            explained("A", "B", first_contact=FirstContact.AUTHORITY),
            "they differ and never agreed; `first_contact: authority`: written to Airtable, and told",
            "Airtable ← A",
        ),
        (
            explained("B", "A", base="A"),
            "one side moved away from what was agreed; `authority: civicrm`: carried to Airtable",
            "Airtable ← B",
        ),
        (
            explained("A", "B", base="A"),
            "one side moved away from what was agreed; `authority: civicrm`: put back in Airtable, and told",
            "Airtable ← A",
        ),
        (
            explained("A", "B", base="A", on_edit=OnEdit.REPORT),
            "one side moved away from what was agreed; the side that moved does not own it: told, not written",
            "",
        ),
        (
            explained(None, "A", base="A"),
            "the side whose word counts was emptied; a blank replaces nothing without `clear: true`: told, not written",
            "",
        ),
        (
            explained(None, "A", base="A", clear=True),
            "the side whose word counts was emptied; `clear: true`: emptied in Airtable too",
            "Airtable ← —",
        ),
        (
            explained("B", "C", base="A", **EITHER),
            "both sides moved, and not to the same; nobody owns it (`on_conflict: report`): told, not written",
            "",
        ),
        (
            explained("B", "C", base="A", on_conflict=OnConflict.AIRTABLE, **EITHER),
            "both sides moved, and not to the same; `on_conflict: airtable`: written to CiviCRM",
            "CiviCRM ← C",
        ),
        (
            explained("A", "B", base="A", **REPORT),
            "one side moved away from what was agreed; `authority: report`: told, not written",
            "",
        ),
        (explained("A", {"error": "#ERROR"}), "Airtable: The system shows an error in this cell.", ""),
    ],
)
def test_the_policy_that_decided_is_named(field: ExplainedField, why: str, writes: str) -> None:
    assert (field.why, field.writes) == (why, writes)


def test_a_sensitive_value_is_not_shown() -> None:
    field = explained("secret", "geheim", base="other", sensitive=True, **EITHER)
    assert (field.civicrm, field.airtable, field.base) == ("…", "…", "…")
    assert not {"secret", "geheim", "other"} & set(f"{field}".replace("'", " ").split())


def test_a_rule_is_told_with_the_answer_to_each_of_its_questions() -> None:
    due = a_field("due", airtable=None, type=FieldType.DATE)
    heads = a_field("heads", civicrm=None, type=FieldType.INTEGER)
    workers = a_field("workers", airtable=None, type=FieldType.INTEGER)
    asks = All(
        (
            Asks("due", Operator.BEFORE, Today(30), Side.CIVICRM),
            AnyOf(
                (
                    Asks("due", Operator.OVERDUE_BY, dt.timedelta(days=7), Side.CIVICRM),
                    Not(Asks("heads", Operator.MORE_THAN, FieldRef(Side.CIVICRM, "workers"), Side.AIRTABLE)),
                )
            ),
        )
    )
    mapping = a_mapping(due, heads, workers, rules=(Rule(name="late", severity=Severity.LOW, when=asks, say={"en": "x"}),))
    ran = run_example(mapping, Example(name="x", rows=PerSide({"due": "2026-11-20", "workers": 3}, {"Heads": "many"})), TODAY)
    [late] = explain_rules(mapping, ran.pair, TODAY)
    assert (late.rule, late.told) == ("late", None)
    assert late.asked == (
        ("due in CiviCRM before today+30d", True),
        ("due in CiviCRM overdue by 7d", False),
        ("heads in Airtable more than workers in CiviCRM", None),
    )
