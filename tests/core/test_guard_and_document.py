"""What the guard says of each limit, and the plan file and its text to the last key and line (docs/mutation.md)."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.core.compare import Outcome, Verdict, merge
from bridge.core.document import as_text, canonical, digest, document
from bridge.core.guard import Circumstances, judge
from bridge.core.mapping import Authority, Field, FieldType, GuardLimits, Limit, Mapping, Severity
from bridge.core.plan import Action, Breach, CellChange, Change, Discrepancy, Plan, Population
from bridge.core.record import Link, PerSide, Side
from builders import a_mapping

A, C = Side.AIRTABLE, Side.CIVICRM


# ── the verdict table ──


def test_a_many_to_one_field_that_cannot_be_put_back_is_told_by_why_it_would_have_been() -> None:
    field = Field(
        name="status",
        at=PerSide("status", "Status"),
        type=FieldType.CHOICE,
        authority=Authority.AIRTABLE,
        values={"New": "Active", "Current": "Active", "Expired": "Lapsed"},
    )
    edited_in_civicrm = merge(field, "Active", PerSide("Expired", "Active"))
    assert edited_in_civicrm == Outcome(Verdict.CHANGED, code=203)


# ── the guard ──


def guarded(**limits: Any) -> Mapping:
    free: dict[str, Any] = {"updates": Limit(), "creates": Limit(), "clears": Limit(), "shrink": 1.0}
    return a_mapping(guard=GuardLimits(**{**free, **limits}))


def a_change(action: Action = Action.UPDATE, *, clears: int = 0) -> Change:
    cell = CellChange(field="name", path="Name", before="x", after=None, before_raw="x", after_raw=None, why="x", clears=True)
    return Change(mapping="groups", side=A, action=action, id="1", partner="2", name="Arroyo", cells=(cell,) * clears)


def facts(**parts: Any) -> Circumstances:
    defaults: dict[str, Any] = {
        "population": Population(now=PerSide(30, 30)),
        "seen": PerSide((), ()),
        "calls": PerSide(1, 3),
    }
    return Circumstances(**{**defaults, **parts})


def test_updates_are_not_counted_as_creates() -> None:
    mixed = [a_change()] * 3 + [a_change(Action.CREATE)] * 2
    assert judge(guarded(creates=Limit(count=2)), mixed, facts()) == ()
    assert [each.rule for each in judge(guarded(creates=Limit(count=1)), mixed, facts())] == ["creates.count"]


@pytest.mark.parametrize(
    ("limit", "made", "said"),
    [
        ("updates", a_change(), "records to update"),
        ("creates", a_change(Action.CREATE), "records to create"),
        ("clears", a_change(clears=1), "cells to clear"),
    ],
)
def test_a_breach_of_a_limit_is_a_sentence_with_what_was_found_and_the_bound(limit: str, made: Change, said: str) -> None:
    [count, share] = judge(guarded(**{limit: Limit(count=1, share=0.125)}), [made] * 10, facts())
    assert count.message == f"10 {said} in Airtable, at most 1 without a person."
    assert share.message == f"10 of 30 {said} in Airtable: 33.3 %, at most 12.5 % without a person."


@pytest.mark.parametrize(
    ("limit", "made", "said"),
    [
        ("updates", a_change(), "record to update"),
        ("creates", a_change(Action.CREATE), "record to create"),
        ("clears", a_change(clears=1), "cell to clear"),
    ],
)
def test_one_is_counted_as_one(limit: str, made: Change, said: str) -> None:
    alone = facts(population=Population(now=PerSide(1, 1), last=PerSide(None, None)))
    [count, share] = judge(guarded(**{limit: Limit(count=0, share=0.5, floor=0)}), [made], alone)
    assert count.message == f"1 {said} in Airtable, at most 0 without a person."
    assert share.message == f"1 of 1 {said} in Airtable: 100 %, at most 50 % without a person."
    [shrunken] = judge(guarded(shrink=0.5), [], facts(population=Population(now=PerSide(1, 30), last=PerSide(10, 30))))
    assert shrunken.message == "CiviCRM has 1 record, 10 at the last complete sweep: 90 % fewer."


def test_only_airtable_calls_count_against_the_quota() -> None:
    assert judge(guarded(), [a_change()], facts(calls=PerSide(9, 3), quota_left=3)) == ()
    [breach] = judge(guarded(), [a_change()], facts(calls=PerSide(1, 3), quota_left=2))
    assert breach.message == "Applying needs up to 3 Airtable calls, 2 are left this month."
    assert breach.setting == "BRIDGE_AIRTABLE__PLAN, or wait for the first of the month"


def test_a_share_is_of_what_a_whole_pull_saw_and_of_no_less_than_the_last_one_where_it_was_partial() -> None:
    mapping = guarded(updates=Limit(share=0.1))
    shrunken = {"population": Population(now=PerSide(30, 30), last=PerSide(100, 100))}
    assert [each.rule for each in judge(mapping, [a_change()] * 5, facts(**shrunken))] == ["updates.share"]
    assert judge(mapping, [a_change()] * 5, facts(**shrunken, whole=False)) == ()
    unknown = {"population": Population(now=PerSide(0, 0)), "whole": False}
    assert judge(mapping, [a_change()], facts(**unknown)) == ()


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"scope_changed": True}, "What is pulled or how it is matched changed since the last run; review the changes once."),
        ({"mapping_changed": True}, "The mapping changed since the last run; review the changes once."),
    ],
)
def test_a_review_that_is_asked_for_once_says_of_what(what: dict[str, bool], said: str) -> None:
    assert [each.message for each in judge(guarded(), [a_change()], facts(**what))] == [said]


# ── the plan as a file ──

CELL = CellChange(
    field="name",
    path="Name",
    before="Arroyo",
    after="Arroyo Co-op",
    before_raw="Arroyo",
    after_raw="Arroyo Co-op",
    why="changed",
)
SECRET = CellChange(
    field="born",
    path="Born",
    before=None,
    after=None,
    before_raw="1980-01-01",
    after_raw="",
    why="clear",
    clears=True,
    sensitive=True,
    sealed=("s1", "s2"),
)
UNSEALED = CellChange(
    field="ssn", path="SSN", before=None, after=None, before_raw="1", after_raw="2", why="changed", sensitive=True
)


def an_update(native: str, *cells: CellChange, side: Side = A) -> Change:
    return Change(
        mapping="groups", side=side, action=Action.UPDATE, id=native, partner="12", name="Arroyo", cells=cells or (CELL,)
    )


def told(code: int, name: str, rule: str | None = None) -> Discrepancy:
    return Discrepancy(
        mapping="groups",
        code=code,
        rule=rule,
        severity=Severity.MEDIUM,
        ids=PerSide("12", "recA"),
        name=name,
        field="phone",
        shown=PerSide("1", "2"),
        details={"reason": "because"},
    )


def a_plan(*changes: Change, **parts: Any) -> Plan:
    return Plan(**{"mapping": "groups", "mapping_digest": "m1", "changes": changes, "discrepancies": (), **parts})


def test_the_plan_file_is_this_to_the_last_key() -> None:
    found = document(
        a_plan(
            an_update("recA", CELL, SECRET, UNSEALED),
            discrepancies=(told(204, "Arroyo", "overdue"),),
            population=Population(now=PerSide(3, 4)),
        )
    )
    shown = {"field": "name", "path": "Name", "why": "changed", "clears": False}
    assert found == {
        "format": 1,
        "mapping": "groups",
        "mapping_digest": "m1",
        "changes": [
            {
                "side": "airtable",
                "action": "update",
                "id": "recA",
                "partner": "12",
                "name": "Arroyo",
                "cells": [
                    {**shown, "before": "Arroyo", "after": "Arroyo Co-op"},
                    {
                        "field": "born",
                        "path": "Born",
                        "why": "clear",
                        "clears": True,
                        "sealed": {"before": "s1", "after": "s2"},
                    },
                    {**shown, "field": "ssn", "path": "SSN", "sealed": None},
                ],
            }
        ],
        "discrepancies": [
            {
                "fingerprint": told(204, "Arroyo", "overdue").fingerprint,
                "code": 204,
                "rule": "overdue",
                "severity": "medium",
                "name": "Arroyo",
                "field": "phone",
                "civicrm_id": "12",
                "airtable_id": "recA",
                "civicrm": "1",
                "airtable": "2",
                "details": {"reason": "because"},
            }
        ],
        "new_links": [],
        "population": {"civicrm": 3, "airtable": 4},
        "calls": {"civicrm": 0, "airtable": 0},
        "breaches": [],
        "complete": True,
        "digest": found["digest"],
    }


def test_canonical_bytes_are_sorted_compact_and_utf8() -> None:
    assert canonical({"b": ["ñ", 1], "a": None}) == '{"a":null,"b":["ñ",1]}'.encode()


# ── the plan as text ──


def text(plan: Plan, most: int | None = None) -> str:
    return as_text(plan, title="Groups", sentence=lambda each: f"{each.name} differs", most=most)


def test_the_text_of_a_whole_plan_is_this_to_the_last_line() -> None:
    plan = a_plan(
        an_update("12", side=C),
        an_update("recA", CELL, SECRET),
        an_update("recB"),
        discrepancies=(told(300, "Arroyo", "overdue"), told(204, "Beacon"), told(204, "Cedar"), told(101, "Dogwood")),
        links=(Link("12", "recA"), Link("13", "recB")),
        population=Population(now=PerSide(3, 4)),
        calls=PerSide(1, 2),
        breaches=(Breach(rule="x", message="Too many.", setting="guard.updates.count"),),
    )
    assert text(plan, most=1) == (
        "Plan for Groups: 3 records to write, 4 discrepancies.\n"
        "Seen: 3 records in CiviCRM, 4 in Airtable; 2 new links.\n"
        "Applying takes up to 1 CiviCRM call and 2 Airtable calls.\n"
        "\n"
        "In CiviCRM: 1 to update, 0 to create\n"
        "  Arroyo (12)\n"
        "    name: Arroyo → Arroyo Co-op   [changed in Airtable]\n"
        "\n"
        "In Airtable: 2 to update, 0 to create\n"
        "  Arroyo (recA)\n"
        "    name: Arroyo → Arroyo Co-op   [changed in CiviCRM]\n"
        "    born: (sensitive: not shown)   [cleared in CiviCRM]\n"
        "  … and 1 more record\n"
        "\n"
        "For a person to see:\n"
        "  101 (1)\n"
        "    Dogwood differs\n"
        "  204 (2)\n"
        "    Beacon differs\n"
        "    … and 1 more\n"
        "  300 overdue (1)\n"
        "    Arroyo differs\n"
        "\n"
        "HELD: a person is needed before anything is written.\n"
        "  Too many.\n"
        "    lifted by: guard.updates.count\n"
        f"  To apply exactly this plan: bridge sync groups --approve {digest(plan)[:12]}\n"
        f"digest: {digest(plan)}\n"
    )


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("create", "new"),
        ("changed", "changed in CiviCRM"),
        ("first_contact", "first seen, taken from CiviCRM"),
        ("conflict", "both changed; CiviCRM decides"),
        ("reverted", "edited in Airtable, which does not own it; put back"),
        ("clear", "cleared in CiviCRM"),
        ("chosen", "a person chose what CiviCRM has"),
        ("undo", "taken back"),
        ("restored", "taken back"),
    ],
)
def test_the_text_of_a_plan_says_why_a_cell_is_written(why: str, said: str) -> None:
    assert f"Arroyo → Arroyo Co-op   [{said}]\n" in text(a_plan(an_update("recA", replace(CELL, why=why))))


def test_the_text_of_what_was_not_pulled_says_nothing_of_what_was_seen() -> None:
    plan = a_plan(complete=False, discrepancies=(told(204, "Beacon"),))
    assert text(plan) == (
        "Plan for Groups: 0 records to write, 1 discrepancy.\n"
        "Applying takes up to 0 CiviCRM calls and 0 Airtable calls.\n"
        "\n"
        "For a person to see:\n"
        "  204 (1)\n"
        "    Beacon differs\n"
        f"digest: {digest(plan)}\n"
    )
    assert "For a person to see" not in text(a_plan(complete=False))


@pytest.mark.parametrize(
    ("now", "complete"), [(PerSide(1, 0), False), (PerSide(0, 1), False), (PerSide(0, 0), True), (PerSide(2, 2), False)]
)
def test_a_pull_says_what_it_saw_even_where_that_is_nothing(now: PerSide[int], complete: bool) -> None:
    plan = a_plan(population=Population(now=now), complete=complete)
    records = "record" if now.civicrm == 1 else "records"
    assert f"Seen: {now.civicrm} {records} in CiviCRM, {now.airtable} in Airtable.\n" in text(plan)
