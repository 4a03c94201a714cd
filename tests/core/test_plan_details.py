"""What a plan says of each cell, record, rule and link, and in which order (docs/mutation.md)."""

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping as Map
from typing import Any

import msgspec
import pytest

from bridge.core.facts import key_values, sealed, severity_of
from bridge.core.knowledge import Stop
from bridge.core.mapping import (
    Authority,
    CivicrmSource,
    ExactMatch,
    Field,
    FieldType,
    Key,
    Operator,
    Rule,
    Severity,
    SimilarMatch,
    Unmatched,
)
from bridge.core.mapping import Test as Asks
from bridge.core.plan import Discrepancy, Plan
from bridge.core.planner import make_plan
from bridge.core.record import Base, Cell, Json, Link, PerSide, Record, Row, Side, Unreadable
from bridge.core.sight import Drift, Fault, FieldSight, Found, Whereabouts
from builders import a_field, a_mapping
from core.planner_world import A, C, World, seal

LINK = Link("1", "recA")
GONE = Unreadable("The field is gone.", 501)


def pair(
    civicrm: Map[str, Json], airtable: Map[str, Json], *fields: Field, base: Map[str, Base] | None = None, **parts: Any
) -> World:
    """Two linked rows."""
    return World(
        mapping=a_mapping(*fields, **parts),
        rows=PerSide({"1": {"code": "A1", **civicrm}}, {"recA": {"Code": "A1", **airtable}}),
        links=[LINK],
        bases={LINK: dict(base or {})},
    )


def with_cells(world: World, side: Side, **cells: Cell) -> Plan:
    """The plan where the linked record of `side` has these cells instead."""
    facts = world.facts
    [one] = facts.matching.pairs
    record = msgspec.structs.replace(one[side], cells={**one[side].cells, **cells})
    one = msgspec.structs.replace(one, **{side.value: record})
    return make_plan(dataclasses.replace(facts, matching=dataclasses.replace(facts.matching, pairs=(one,))))


def only(plan: Plan) -> Discrepancy:
    [found] = plan.discrepancies
    return found


def only_of(plan: Plan, code: int) -> Discrepancy:
    [found] = [each for each in plan.discrepancies if each.code == code]
    return found


# ── one pair ──


def test_a_change_carries_what_the_adapter_needs_and_says_that_it_clears() -> None:
    world = pair({"name": None}, {"Name": "Old"}, a_field("name", clear=True), base={"name": "Old"})
    facts = world.facts
    [one] = facts.matching.pairs
    row = Row("recA", one.airtable.row.values, extra={"owner": 7})
    one = msgspec.structs.replace(one, airtable=msgspec.structs.replace(one.airtable, row=row))
    plan = make_plan(dataclasses.replace(facts, matching=dataclasses.replace(facts.matching, pairs=(one,))))
    assert plan.changes[0].extra == {"owner": 7}
    assert plan.changes[0].cells[0].clears
    full = pair({"name": "New"}, {"Name": "Old"}, a_field("name"), base={"name": "Old"})
    assert not full.plan.changes[0].cells[0].clears


def test_two_cells_that_agree_are_told_by_no_stop() -> None:
    world = pair({"name": "New"}, {"Name": "New"}, a_field("name"), base={"name": "Old"})
    world.stops = {(LINK, "name"): Stop(side=A, code=208, source="New")}
    assert world.plan.discrepancies == ()
    assert world.plan.agreed == {LINK: {"name": "New"}}


def test_an_agreement_that_ends_a_stop_is_stored_in_the_words_both_are_compared_by() -> None:
    field = a_field("status", type=FieldType.CHOICE, values={"in": "Enrolled", "out": "Left"})
    world = pair({"status": "in"}, {"Status": "Enrolled"}, field, base={"status": "Enrolled"})
    world.stops = {(LINK, "status"): Stop(side=A, code=208, source="Left")}
    assert world.plan.agreed == {LINK: {"status": "Enrolled"}}


@pytest.mark.parametrize("side", [C, A])
def test_a_cell_of_a_column_that_is_gone_is_not_told_for_every_record(side: Side) -> None:
    world = pair({"name": "x"}, {"Name": "y"}, a_field("name"), base={"name": "x"})
    plan = with_cells(world, side, name=GONE)
    assert (plan.discrepancies, plan.changes) == ((), ())


@pytest.mark.parametrize("side", [C, A])
def test_a_one_sided_cell_that_cannot_be_read_is_told_where_it_is_and_not_where_its_column_is_gone(side: Side) -> None:
    field = a_field("staff", airtable=None) if side is C else a_field("staff", civicrm=None)
    world = pair({"staff": "x"}, {"Staff": "x"}, field)
    found = only(with_cells(world, side, staff=Unreadable("This is not a number.")))
    assert found.details == {"reason": f"{side.title}: This is not a number."}
    assert found.shown[side] == "?"
    assert found.shown[side.other] == "—"
    assert with_cells(world, side, staff=GONE).discrepancies == ()


def test_two_cells_that_cannot_be_read_are_told_in_one_sentence() -> None:
    world = pair({"email": "here"}, {"Email": "there"}, a_field("email", type=FieldType.EMAIL))
    plan = with_cells(world, C, email=Unreadable("This is no address."))
    reason = only(plan).details["reason"]
    assert reason.startswith("CiviCRM: This is no address.; Airtable: ")


def test_a_difference_is_told_with_both_sides_and_without_a_reason_where_there_is_none() -> None:
    world = pair({"name": "here"}, {"Name": "there"}, a_field("name", authority=Authority.EITHER), base={"name": "old"})
    found = only(world.plan)
    assert (found.code, found.shown, found.details) == (204, PerSide("here", "there"), {})


def test_what_would_not_read_back_is_told_with_the_side_and_the_reason() -> None:
    world = pair({"name": "Old"}, {"Name": "null"}, a_field("name", authority=Authority.AIRTABLE), base={"name": "Old"})
    found = only(world.plan)
    assert found.details["side"] == "CiviCRM"
    assert found.details["reason"]


def test_an_owner_that_wins_over_another_edit_is_a_conflict_and_no_put_back() -> None:
    world = pair({"name": "here"}, {"Name": "there"}, a_field("name"), base={"name": "old"})
    [cell] = world.plan.changes[0].cells
    assert (cell.why, only(world.plan).code) == ("conflict", 203)


# ── rules ──

ALWAYS = Asks("status", Operator.IS, "Enrolled", A)


def ruled(*fields: Field, civicrm: Map[str, Json], airtable: Map[str, Json], when: Asks = ALWAYS, **rule: Any) -> World:
    said = Rule(**{"name": "r", "severity": Severity.LOW, "when": when, "say": {"en": "{name}"}, "do": {}, **rule})
    status = a_field("status", civicrm=None)
    return pair(civicrm, {"Status": "Enrolled", **airtable}, status, *fields, rules=(said,))


def by_rule(world: World) -> Discrepancy:
    return only_of(world.plan, 300)


@pytest.mark.parametrize(
    ("authority", "said"),
    [(Authority.CIVICRM, "here"), (Authority.AIRTABLE, "there"), (Authority.EITHER, "here"), (None, "here")],
)
def test_a_rules_sentence_names_the_owners_value_and_civicrms_where_nobody_owns_it(
    authority: Authority | None, said: str
) -> None:
    world = ruled(
        a_field("town", authority=authority), civicrm={"town": "here"}, airtable={"Town": "there"}, say={"en": "{town}"}
    )
    assert by_rule(world).details == {"town": said}


def test_what_only_the_advice_of_a_rule_names_is_given_too() -> None:
    world = ruled(
        a_field("town"), civicrm={"town": "x"}, airtable={"Town": "x"}, say={"en": "Look."}, do={"en": "Go to {town}"}
    )
    assert by_rule(world).details == {"town": "x"}


def test_a_rules_evidence_is_of_sorted_words_and_changing_how_would_reopen_what_people_acknowledged() -> None:
    towns = [a_field(f"t{number}", airtable=None) for number in range(9)]
    world = ruled(
        *towns,
        civicrm={each.name: "ñ" for each in towns},
        airtable={},
        say={"en": "".join(f"{{{each.name}}}" for each in reversed(towns))},
    )
    found = by_rule(world)
    assert list(found.details) == sorted(found.details)
    assert found.evidence == seal(json.dumps([f"t{number}=ñ" for number in range(9)], ensure_ascii=False))[:16]


def test_a_rule_asks_each_side_for_its_own_cell() -> None:
    asked = Asks("town", Operator.IS, "here", C)
    world = ruled(a_field("town", authority=Authority.REPORT), civicrm={"town": "here"}, airtable={"Town": "there"}, when=asked)
    assert by_rule(world).rule == "r"


def test_a_moment_has_its_day_in_the_mappings_zone() -> None:
    held = a_field("held", airtable=None, type=FieldType.DATETIME)
    asked = Asks("held", Operator.BEFORE, dt.date(2026, 3, 2), C)
    world = ruled(held, civicrm={"held": "2026-03-02 01:00:00"}, airtable={}, when=asked)
    west = dt.timezone(dt.timedelta(hours=-5))
    assert 300 not in world.codes()
    assert [each.code for each in make_plan(dataclasses.replace(world.facts, zone=west)).discrepancies] == [300]


# ── creates ──


def alone(side: Side, row: Map[str, Json], *fields: Field, policy: Unmatched = Unmatched.CREATE, **parts: Any) -> World:
    """One row without a partner."""
    policies = PerSide(policy, Unmatched.IGNORE) if side is C else PerSide(Unmatched.IGNORE, policy)
    rows = PerSide({"1": dict(row)}, {}) if side is C else PerSide({}, {"recA": dict(row)})
    return World(mapping=a_mapping(*fields, unmatched=policies, **parts), rows=rows)


@pytest.mark.parametrize("side", [C, A])
def test_a_record_that_is_to_be_ignored_is_not_created(side: Side) -> None:
    world = alone(side, {"code": "A1", "Code": "A1"}, policy=Unmatched.IGNORE)
    assert (world.plan.changes, world.plan.discrepancies) == ((), ())


@pytest.mark.parametrize("missing", ["complete", "whole"])
@pytest.mark.parametrize("partial", [C, A])
@pytest.mark.parametrize("side", [C, A])
def test_nobody_is_created_unless_both_sides_were_seen_whole(side: Side, partial: Side, missing: str) -> None:
    world = alone(side, {"code": "A1", "Code": "A1"})
    assert len(world.plan.changes) == 1
    setattr(world, missing, PerSide.of(lambda each: each is not partial))
    assert (world.plan.changes, world.plan.discrepancies) == ((), ())


def test_a_create_goes_on_after_a_field_that_it_leaves_out() -> None:
    fields = (
        a_field("blank"),
        a_field("elsewhere", airtable=None),
        a_field("theirs", authority=Authority.AIRTABLE),
        a_field("name"),
    )
    world = alone(C, {"code": "A1", "blank": None, "elsewhere": "x", "theirs": "y", "name": "Arroyo"}, *fields)
    assert {cell.path: cell.after_raw for cell in world.plan.changes[0].cells} == {"Code": "A1", "Name": "Arroyo"}


def test_a_create_that_cannot_be_is_told_with_the_side_and_the_reason() -> None:
    world = alone(C, {"code": "A1", "name": "Arroyo"}, a_field("name"))
    world.fields = PerSide({}, {"Name": FieldSight(path="Name", id="f", name="Name", kind="text", writable=False)})
    assert only(world.plan).details == {"side": "Airtable", "reason": "Airtable does not let Name be written"}
    where = CivicrmSource(entity="Organization", where=(["kind", "=", "Coop"],))
    frozen = alone(A, {"Code": "A1"}, civicrm=where)
    frozen.drift = PerSide((Drift(path="kind", fault=Fault.RENAMED, detail=""),), ())
    assert only_of(frozen.plan, 102).details == {"reason": "a field that the scope asks for is frozen"}
    keyless = alone(C, {"name": "Arroyo"}, a_field("name"))
    assert only(keyless.plan).details == {"reason": "no match key is filled in, so it could not be found again"}


def test_a_cell_of_a_new_record_is_sensitive_where_a_field_of_its_path_is_and_nowhere_else() -> None:
    fields = (a_field("name"), a_field("born", sensitive=True), a_field("town"))
    world = alone(C, {"code": "A1", "name": "Arroyo", "born": "1980", "town": "Lynn"}, *fields)
    cells = world.plan.changes[0].cells
    assert {cell.path: cell.sensitive for cell in cells} == {"Born": True, "Code": False, "Name": False, "Town": False}
    assert [cell.path for cell in cells if cell.sealed is not None] == ["Born"]
    assert {cell.why for cell in cells} == {"create"}


# ── what all parts say alike ──


def test_what_mends_itself_or_is_only_told_matters_little_and_all_else_of_bridges_own_codes_more() -> None:
    codes = [101, 102, 103, 104, 105, 106, 107, 201, 202, 203, 204, 205, 206, 207, 208, 401, 403]
    low = {code for code in codes if severity_of(code) is Severity.LOW}
    assert low == {101, 102, 104, 107, 201, 203, 207, 208}
    assert {severity_of(code) for code in codes} == {Severity.LOW, Severity.MEDIUM}


@pytest.mark.parametrize(("side", "code", "ids"), [(C, 101, PerSide("1", None)), (A, 102, PerSide(None, "recA"))])
def test_a_record_alone_is_told_by_its_own_id(side: Side, code: int, ids: PerSide[str | None]) -> None:
    found = only(alone(side, {"code": "A1", "Code": "A1"}, policy=Unmatched.REPORT).plan)
    assert (found.code, found.ids) == (code, ids)


def test_the_evidence_about_a_record_is_of_its_sorted_details() -> None:
    world = alone(C, {"code": "A1", "name": "Arroyo"}, a_field("name"))
    world.fields = PerSide({}, {"Name": FieldSight(path="Name", id="f", name="Name", kind="text", writable=False)})
    words = ["reason=Airtable does not let Name be written", "side=Airtable"]
    assert only(world.plan).evidence == seal(json.dumps(words))[:16]


def test_a_seal_is_of_sorted_json_as_people_write_it() -> None:
    assert sealed(seal, {"b": 1, "a": "ñ"}, None) == (seal('{"a": "ñ", "b": 1}'), seal("null"))


def test_the_length_of_a_text_is_bounded_and_not_the_number_of_options() -> None:
    field = a_field("plans", type=FieldType.CHOICES)
    world = pair({"plans": ["a", "b", "c"]}, {"Plans": ["a"]}, field, base={"plans": frozenset("a")})
    seen = FieldSight(path="Plans", id="f", name="Plans", kind="multipleSelects", writable=True, max_length=2)
    world.fields = PerSide({}, {"Plans": seen})
    assert world.plan.changes[0].cells[0].after == frozenset("abc")


def test_a_phone_key_is_read_in_its_region() -> None:
    key = Key(at=PerSide("phone", "Phone"), type=FieldType.PHONE, region="US")
    record = Record(C, Row("1", {"phone": "(413) 555-0188"}), {"name": "Arroyo"}, "name")
    local = Key(at=PerSide("phone", "Phone"), type=FieldType.PHONE, region="MX")
    assert key_values([key], record, A) != key_values([local], record, A)


# ── the whole plan ──


def test_a_plan_is_in_order_however_its_pairs_came() -> None:
    """Pair 10 writes CiviCRM and tells a conflict, pair 9 writes Airtable and tells an edit that was put back."""
    rows = PerSide[dict[str, dict[str, Json]]](
        {"9": {"name": "old", "town": "old"}, "10": {"name": "old", "town": "here"}, "11": {"name": "new"}},
        {"rec9": {"Name": "new", "Town": "typed"}, "rec10": {"Name": "new", "Town": "there"}, "rec11": {"Name": "old"}},
    )
    links = [Link(number, f"rec{number}") for number in ("9", "10", "11")]
    fields = (a_field("name", authority=Authority.EITHER), a_field("town"))
    bases: dict[Link, dict[str, Base]] = {link: {"name": "old", "town": "old"} for link in links}
    world = World(mapping=a_mapping(*fields), rows=rows, links=links, bases=bases)
    world.rows.civicrm["1"] = {"name": "late"}
    world.rows.airtable["rec1"] = {"Name": "typed"}
    world.links.append(Link("1", "rec1"))
    plan = world.plan
    assert [change.order for change in plan.changes] == sorted(change.order for change in plan.changes)
    assert [each.order for each in plan.discrepancies] == sorted(each.order for each in plan.discrepancies)
    assert {change.side for change in plan.changes} == {C, A}
    assert [each.code for each in plan.discrepancies] == [202, 203, 203]


def test_what_is_told_is_in_order_of_codes_whatever_was_found_first() -> None:
    world = pair({"name": "here"}, {"Name": "there"}, a_field("name", authority=Authority.EITHER), base={"name": "old"})
    world.mapping = dataclasses.replace(world.mapping, unmatched=PerSide(Unmatched.REPORT, Unmatched.REPORT))
    world.rows.civicrm["2"] = {"code": "B2"}
    assert [each.code for each in world.plan.discrepancies] == [101, 204]


def test_new_links_are_in_the_order_of_their_numbers() -> None:
    rows = PerSide[dict[str, dict[str, Json]]](
        {number: {"code": number} for number in ("10", "9", "11")},
        {f"rec{20 - int(n)}": {"Code": n} for n in ("9", "11", "10")},
    )
    assert [link.civicrm for link in World(rows=rows).plan.links] == ["9", "10", "11"]


# ── who is who, and where they went ──


def similar_to(civicrm: Json, airtable: Json, *fields: Field, **named: str) -> World:
    """Two records whose titles are compared, in a mapping that matches by code first."""
    rule = SimilarMatch(key=Key(at=PerSide("title", "Title"), type=FieldType.ORGANIZATION), least=0.1)
    by_code = ExactMatch(keys=(Key(at=PerSide("code", "Code"), type=FieldType.TEXT),))
    rows = PerSide[dict[str, dict[str, Json]]](
        {"1": {"title": civicrm, "code": "C1", **named}}, {"recA": {"Title": airtable, "Code": "A1"}}
    )
    return World(mapping=a_mapping(*fields, match=(by_code, rule)), rows=rows)


def test_a_similar_name_is_told_low_with_its_score_and_a_digest_of_what_was_compared() -> None:
    found = only_of(similar_to("Ñandú Bakery", "Ñandú Bakry", a_field("town")).plan, 104)
    assert found.severity is Severity.LOW
    score = float(found.details["score"])
    assert 0.5 < score < 1
    assert found.details == {"candidate": "Ñandú Bakry", "score": f"{score:.2f}"}
    [suggestion] = similar_to("Ñandú Bakery", "Ñandú Bakry", a_field("town")).facts.matching.suggestions
    texts = [text for _, text in suggestion.evidence]
    assert found.evidence == seal(json.dumps(texts, ensure_ascii=False))[:16]


def test_a_similar_pair_is_called_by_its_name_where_it_has_one_and_not_by_its_code() -> None:
    named = similar_to("Arroyo Bakery", "Arroyo Bakry", a_field("name"), name="The Bakery")
    found = only_of(named.plan, 104)
    assert (found.name, found.details["candidate"]) == ("The Bakery", "Arroyo Bakry")


def test_what_was_compared_is_a_name_although_it_is_a_field_that_may_be_seen() -> None:
    found = only_of(similar_to("Arroyo Bakery", "Arroyo Bakry", a_field("town"), a_field("title")).plan, 104)
    assert (found.name, found.details["candidate"]) == ("Arroyo Bakery", "Arroyo Bakry")


def test_what_is_compared_as_people_write_it_is_evidence_as_people_write_it() -> None:
    found = only_of(similar_to("東京パン工房", "東京パン工場", a_field("town")).plan, 104)
    [suggestion] = similar_to("東京パン工房", "東京パン工場", a_field("town")).facts.matching.suggestions
    assert found.evidence == seal(json.dumps([text for _, text in suggestion.evidence], ensure_ascii=False))[:16]
    assert not suggestion.evidence.civicrm.isascii()


@pytest.mark.parametrize("nick", ["", 7, None])
def test_a_record_is_called_by_the_first_compared_text_that_it_has(nick: Json) -> None:
    world = similar_to("Arroyo Bakery", "Arroyo Bakry", a_field("town"))
    by_nick = SimilarMatch(key=Key(at=PerSide("nick", "Nick"), type=FieldType.TEXT), least=0.9)
    world.mapping = dataclasses.replace(world.mapping, match=(by_nick, *world.mapping.match))
    world.rows.civicrm["1"]["nick"] = nick
    assert only_of(world.plan, 104).name == "Arroyo Bakery"


def test_records_that_are_absent_are_all_told_with_ids_severity_and_evidence() -> None:
    world = World(links=[Link("1", "rec1"), Link("2", "rec2"), Link("3", "rec3")])
    world.missing = {
        (Link("1", "rec1"), C): Found(whereabouts=Whereabouts.IN_SCOPE),
        (Link("2", "rec2"), C): Found(whereabouts=Whereabouts.TRASHED),
        (Link("3", "rec3"), C): Found(whereabouts=Whereabouts.MERGED, into="9"),
    }
    trashed, merged = world.plan.discrepancies
    assert (trashed.code, trashed.ids, trashed.severity) == (106, PerSide("2", "rec2"), Severity.MEDIUM)
    assert (merged.code, merged.ids, merged.severity) == (107, PerSide("3", "rec3"), Severity.MEDIUM)
    assert trashed.evidence == seal('["trashed", null]')[:16]
    assert merged.evidence == seal('["merged", "9"]')[:16]


def test_a_link_that_followed_a_merge_is_told_low_with_where_it_was_and_is() -> None:
    world = World(rows=PerSide({"9": {"name": "Arroyo"}}, {}), moved=((LINK, Link("9", "recA")),))
    found = only_of(world.plan, 107)
    assert found.severity is Severity.LOW
    assert found.details == {"side": "CiviCRM", "whereabouts": "merged", "from": "1", "into": "9"}
    assert found.evidence == seal('["1", "9"]')[:16]


def test_three_of_a_kind_are_each_told_with_the_two_others() -> None:
    world = World(rows=PerSide({number: {"code": "A1"} for number in ("1", "2", "3")}, {}))
    assert sorted(each.details["others"] for each in world.plan.discrepancies) == ["1, 2", "1, 3", "2, 3"]


def test_the_evidence_of_drift_is_of_what_happened() -> None:
    world = World(drift=PerSide((), (Drift(path="Name", fault=Fault.GONE, detail="what happened"),)))
    assert only(world.plan).evidence == seal('["what happened"]')[:16]
