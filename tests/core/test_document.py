"""A plan as a file and as text: complete, stable, readable, and silent about what is sensitive."""

import dataclasses
import hashlib
import json
from typing import Any

import pytest

from bridge.core.document import FORMAT, as_text, canonical, digest, document, why
from bridge.core.mapping import Severity
from bridge.core.plan import Action, Breach, CellChange, Change, Discrepancy, Plan, Population
from bridge.core.record import Json, Link, PerSide, Side


def cell(field: str = "name", before: Json = "Arroyo", after: Json = "Arroyo Bakery", **parts: Any) -> CellChange:
    defaults: dict[str, Any] = {
        "field": field,
        "path": field.title(),
        "before": None,
        "after": None,
        "before_raw": before,
        "after_raw": after,
        "why": "changed",
    }
    return CellChange(**{**defaults, **parts})


def change(*cells: CellChange, **parts: Any) -> Change:
    defaults: dict[str, Any] = {
        "mapping": "groups",
        "side": Side.AIRTABLE,
        "action": Action.UPDATE,
        "id": "recA",
        "partner": "12",
        "name": "Arroyo Bakery",
    }
    return Change(cells=cells or (cell(),), **{**defaults, **parts})


def a_plan(*changes: Change, **parts: Any) -> Plan:
    defaults: dict[str, Any] = {
        "mapping": "groups",
        "mapping_digest": "m1",
        "discrepancies": (),
        "population": Population(now=PerSide(375, 370)),
        "calls": PerSide(1, 2),
    }
    return Plan(changes=changes, **{**defaults, **parts})


def told(code: int = 204, name: str = "Arroyo", **parts: Any) -> Discrepancy:
    return Discrepancy(mapping="groups", code=code, severity=Severity.MEDIUM, ids=PerSide("12", "recA"), name=name, **parts)


def text(plan: Plan, most: int | None = None) -> str:
    return as_text(plan, title="Benefits groups", sentence=lambda each: f"{each.name} differs", most=most)


# ── the file ──


def test_the_document_holds_the_whole_plan_under_stable_keys() -> None:
    breach = Breach(rule="updates.count", message="too many", setting="guard.updates")
    plan = a_plan(
        change(), discrepancies=(told(field="phone"),), links=(Link("12", "recA"),), breaches=(breach,), complete=False
    )
    found = document(plan)
    assert found["format"] == FORMAT
    assert found["changes"] == [
        {
            "side": "airtable",
            "action": "update",
            "id": "recA",
            "partner": "12",
            "name": "Arroyo Bakery",
            "cells": [
                {
                    "field": "name",
                    "path": "Name",
                    "why": "changed",
                    "clears": False,
                    "before": "Arroyo",
                    "after": "Arroyo Bakery",
                }
            ],
        }
    ]
    assert found["new_links"] == [["12", "recA"]]
    assert found["population"] == {"civicrm": 375, "airtable": 370}
    assert found["calls"] == {"civicrm": 1, "airtable": 2}
    assert found["breaches"] == [{"rule": "updates.count", "message": "too many", "setting": "guard.updates"}]
    assert found["complete"] is False
    [entry] = found["discrepancies"]  # type: ignore[misc]  # a list, as the line before last says
    assert entry["fingerprint"] == plan.discrepancies[0].fingerprint  # type: ignore[index,call-overload]


def test_the_digest_is_of_the_canonical_bytes_of_everything_else() -> None:
    plan = a_plan(change())
    body = {key: value for key, value in document(plan).items() if key != "digest"}
    assert digest(plan) == hashlib.sha256(canonical(body)).hexdigest()
    assert json.loads(canonical(body)) == body


@pytest.mark.parametrize(
    "other",
    [
        a_plan(change(cell(after="Arroyo Co-op"))),
        a_plan(change(id="recB")),
        a_plan(change(), mapping_digest="m2"),
        a_plan(change(), calls=PerSide(1, 3)),
        a_plan(change(), breaches=(Breach(rule="x", message="x", setting="x"),)),
        a_plan(change(), discrepancies=(told(),)),
        a_plan(change(), links=(Link("1", "rec1"),)),
        a_plan(change(), complete=False),
    ],
)
def test_whatever_a_person_reviews_is_in_the_digest(other: Plan) -> None:
    assert digest(other) != digest(a_plan(change()))


def test_a_sensitive_cell_stands_as_its_seals_and_without_them_as_nothing() -> None:
    sealed = cell(sensitive=True, sealed=("s1", "s2"))
    bare = dataclasses.replace(sealed, sealed=None)
    for each, stands in ((sealed, {"before": "s1", "after": "s2"}), (bare, None)):
        shown = json.dumps(document(a_plan(change(each))))
        assert "Arroyo Bakery" not in shown.replace('"name": "Arroyo Bakery"', "")
        found: Any = document(a_plan(change(each)))
        assert found["changes"][0]["cells"][0]["sealed"] == stands
        assert "before" not in found["changes"][0]["cells"][0]


# ── the text ──


def test_the_text_names_each_record_and_says_what_changes_and_why() -> None:
    lines = text(a_plan(change(cell("name"), cell("phone", None, "413-555-0188", why="clear"))))
    assert "Plan for Benefits groups: 1 record to write, 0 discrepancies." in lines
    assert "Seen: 375 records in CiviCRM, 370 in Airtable." in lines
    assert "Applying takes up to 1 CiviCRM call and 2 Airtable calls." in lines
    assert "In Airtable: 1 to update, 0 to create" in lines
    assert "  Arroyo Bakery (recA)" in lines
    assert "    name: Arroyo → Arroyo Bakery   [changed in CiviCRM]" in lines
    assert "    phone: (blank) → 413-555-0188   [cleared in CiviCRM]" in lines
    assert lines.endswith(f"digest: {digest(a_plan(change(cell('name'), cell('phone', None, '413-555-0188', why='clear'))))}\n")


@pytest.mark.parametrize(
    ("raw", "shown"),
    [(None, "(blank)"), ("", "(blank)"), ([], "(blank)"), (["a", "b"], "a, b"), (True, "yes"), (False, "no"), (3.5, "3.5")],
)
def test_a_wire_value_is_shown_as_people_read_it(raw: Json, shown: str) -> None:
    assert f"x → {shown}   [" in text(a_plan(change(cell(before="x", after=raw))))


def test_a_sensitive_cell_is_named_and_not_shown() -> None:
    shown = text(a_plan(change(cell("birthday", "1980-01-01", "1980-01-02", sensitive=True))))
    assert "birthday: (sensitive: not shown)" in shown
    assert "1980" not in shown


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("create", "new"),
        ("first_contact", "first seen, taken from CiviCRM"),
        ("conflict", "both changed; CiviCRM decides"),
        ("reverted", "edited in Airtable, which does not own it; put back"),
        ("undo", "taken back"),
        ("restored", "taken back"),
        ("some new word", "some new word"),
    ],
)
def test_why_a_cell_is_written_is_said_in_words(word: str, said: str) -> None:
    assert why(cell(why=word), Side.AIRTABLE) == said


def test_a_plan_without_changes_lists_no_side() -> None:
    assert "In Airtable:" not in text(a_plan(discrepancies=(told(),)))


def test_a_new_record_has_no_id_yet() -> None:
    shown = text(a_plan(change(action=Action.CREATE, id=None)))
    assert "In Airtable: 0 to update, 1 to create" in shown
    assert "Arroyo Bakery (new record)" in shown


def test_both_sides_are_listed_civicrm_first() -> None:
    shown = text(a_plan(change(side=Side.AIRTABLE), change(side=Side.CIVICRM, id="12")))
    assert shown.index("In CiviCRM: 1 to update") < shown.index("In Airtable: 1 to update")


def test_discrepancies_are_grouped_by_code_and_rule() -> None:
    plan = a_plan(discrepancies=(told(204), told(300, "Beacon", rule="overdue"), told(204, "Cedar")))
    shown = text(plan)
    assert "For a person to see:" in shown
    assert "  204 (2)\n    Arroyo differs\n    Cedar differs" in shown
    assert "  300 overdue (1)\n    Beacon differs" in shown


def test_a_long_plan_counts_what_it_leaves_out() -> None:
    many = tuple(change(id=f"rec{number}") for number in range(5))
    plan = a_plan(*many, discrepancies=tuple(told(204, f"Coop {number}") for number in range(4)), links=(Link("1", "a"),))
    shown = text(plan, most=2)
    assert "… and 3 more records" in shown
    assert "    … and 2 more" in shown
    assert "; 1 new link." in shown
    assert "more records" not in text(plan, most=5)


def test_a_held_plan_says_why_what_lifts_it_and_how_to_apply_exactly_it() -> None:
    plan = a_plan(change(), breaches=(Breach(rule="x", message="Too many.", setting="guard.updates.count in g.yaml"),))
    shown = text(plan)
    assert (
        "HELD: a person is needed before anything is written.\n  Too many.\n    lifted by: guard.updates.count in g.yaml"
        in shown
    )
    assert f"bridge sync groups --approve {digest(plan)[:12]}" in shown
    assert "HELD" not in text(a_plan(change()))
