"""What the planner makes of single cases: cells that may not be written, creates, absences, drift and rules."""

import dataclasses
import datetime as dt
from collections.abc import Mapping as Map
from typing import Any

import pytest

from bridge.core.compare import Verdict
from bridge.core.facts import key_values
from bridge.core.knowledge import Stop
from bridge.core.mapping import (
    AirtableSource,
    Authority,
    CivicrmSource,
    ExactMatch,
    Field,
    FieldType,
    Key,
    OnConflict,
    Operator,
    Rule,
    Severity,
    SimilarMatch,
    Unmatched,
)
from bridge.core.mapping import Test as Asks
from bridge.core.plan import Action, CellChange, Change, Discrepancy
from bridge.core.record import Base, Json, Link, PerSide, Side
from bridge.core.sight import Drift, Fault, FieldSight, Found, Option, Whereabouts
from bridge.core.values import read_record
from builders import a_field, a_mapping
from core.planner_world import A, C, Row, World, seal

LINK = Link("1", "recA")


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


def one_write(world: World) -> CellChange:
    [change] = world.plan.changes
    [cell] = change.cells
    return cell


def one_told(world: World, code: int) -> Discrepancy:
    [found] = [each for each in world.plan.discrepancies if each.code == code]
    return found


def sight(path: str, **parts: Any) -> FieldSight:
    return FieldSight(**{"path": path, "id": path, "name": path, "kind": "text", "writable": True, **parts})


# ── cells ──


def test_a_change_carries_what_was_seen_what_is_to_stand_and_who_asks_for_it() -> None:
    world = pair({"name": "New"}, {"Name": "Old"}, base={"name": "Old"})
    [change] = world.plan.changes
    assert (change.side, change.action, change.id, change.partner, change.name) == (A, Action.UPDATE, "recA", "1", "New")
    [cell] = change.cells
    assert (cell.before, cell.after, cell.before_raw, cell.after_raw) == ("Old", "New", "Old", "New")
    assert (cell.why, cell.source, cell.clears, cell.sealed) == ("changed", "New", False, None)


def test_an_edit_that_is_put_back_says_so_on_the_cell_and_beside_it() -> None:
    world = pair({"name": "Old"}, {"Name": "Edited"}, base={"name": "Old"})
    assert one_write(world).why == "reverted"
    assert world.codes() == [203]


def test_the_source_of_half_a_union_is_what_the_other_side_holds_now() -> None:
    """Neither half alone is an agreement: a base made of it would take the other half for an edit."""
    plans = a_field("plans", type=FieldType.CHOICES, authority=Authority.EITHER, on_conflict=OnConflict.UNION)
    world = pair({"plans": ["a", "b"]}, {"Plans": ["a", "c"]}, plans, base={"plans": frozenset("a")})
    sources = {change.side: change.cells[0].source for change in world.plan.changes}
    assert sources == {C: frozenset("ac"), A: frozenset("ab")}
    assert all(change.cells[0].after == frozenset("abc") for change in world.plan.changes)


def test_a_sensitive_write_is_sealed_and_its_discrepancy_shows_neither_side() -> None:
    world = pair({"name": "hush 1"}, {"Name": "hush 2"}, a_field("name", sensitive=True), base={"name": "hush 1"})
    cell = one_write(world)
    assert cell.sealed == (seal('"hush 2"'), seal('"hush 1"'))
    assert one_told(world, 203).shown == PerSide(None, None)
    assert "hush" not in repr(world.plan.discrepancies)


def test_a_record_without_a_name_in_civicrm_is_called_as_airtable_calls_it() -> None:
    world = pair({"name": None, "email": "a@example.org"}, {"Name": "Arroyo", "Email": None})
    [change] = world.plan.changes
    assert change.name == "Arroyo"


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (sight("Name", writable=False), "Airtable does not let Name be written"),
        (sight("Name", max_length=3), "8 characters, and Airtable holds 3 in Name"),
        (sight("Name", max_length=8), None),
    ],
)
def test_what_the_schema_does_not_take_is_told_and_not_planned(seen: FieldSight, reason: str | None) -> None:
    world = pair({"name": "Arroyo 1"}, {"Name": "Old"}, base={"name": "Old"})
    world.fields = PerSide({}, {"Name": seen})
    if reason is None:
        assert one_write(world).after == "Arroyo 1"
        return
    assert not world.plan.changes
    assert one_told(world, 401).details["reason"] == reason


@pytest.mark.parametrize(
    ("kind", "now", "options", "written"),
    [
        (FieldType.CHOICE, "b", ("a", "b"), True),
        (FieldType.CHOICE, "b", ("a",), False),
        (FieldType.CHOICE, None, ("a",), True),
        (FieldType.CHOICES, ["a", "b"], ("a", "b"), True),
        (FieldType.CHOICES, ["a", "b"], ("a",), False),
        (FieldType.TEXT, "b", ("a",), True),
    ],
)
def test_an_option_that_is_gone_is_told_and_not_sent_run_after_run(
    kind: FieldType, now: Json, options: tuple[str, ...], written: bool
) -> None:
    old: Any = frozenset("x") if kind is FieldType.CHOICES else "x"
    world = pair(
        {"status": now}, {"Status": ["x"] if kind is FieldType.CHOICES else "x"},
        a_field("status", type=kind, clear=True), base={"status": old},
    )  # fmt: skip
    world.fields = PerSide({}, {"Status": sight("Status", options=tuple(Option(each, each) for each in options))})
    assert bool(world.plan.changes) is written
    if not written:
        assert one_told(world, 401).details == {"side": "Airtable", "reason": "Airtable has no such option in Status"}


def test_what_would_not_read_back_is_told_and_not_planned() -> None:
    world = pair({"name": "Old"}, {"Name": "null"}, a_field("name", authority=Authority.AIRTABLE), base={"name": "Old"})
    assert not world.plan.changes
    assert world.codes() == [401]


def test_an_unreadable_cell_is_told_with_its_side_and_reason() -> None:
    world = pair({"email": "nobody"}, {"Email": "a@example.org"}, a_field("email", type=FieldType.EMAIL))
    assert one_told(world, 206).details["reason"].startswith("CiviCRM: ")


def test_an_unreadable_cell_of_one_side_is_told_but_not_where_its_whole_column_is_frozen() -> None:
    heads = a_field("heads", civicrm=None, type=FieldType.INTEGER)
    staff = a_field("staff", airtable=None, type=FieldType.INTEGER)
    world = pair({"staff": "many"}, {"Heads": "a few"}, heads, staff)
    assert world.codes() == [206, 206]
    assert {each.field for each in world.plan.discrepancies} == {"heads", "staff"}


# ── stops ──


def stopped(code: int, source: Base, civicrm: Json = "New", airtable: Json = "Old", **policies: Any) -> World:
    world = pair({"name": civicrm}, {"Name": airtable}, a_field("name", **policies), base={"name": "Old"})
    world.stops = {(LINK, "name"): Stop(side=A, code=code, source=source)}
    return world


@pytest.mark.parametrize("code", [208, 405])
@pytest.mark.parametrize("authority", [Authority.CIVICRM, Authority.EITHER])
def test_a_stop_tells_its_code_and_writes_neither_way_while_its_source_stays(code: int, authority: Authority) -> None:
    world = stopped(code, "New", authority=authority)
    assert not world.plan.changes
    assert world.codes() == [code]


def test_a_stop_holds_both_ways_also_where_the_stopped_side_moved() -> None:
    world = stopped(208, "Old", civicrm="Old", airtable="Other", authority=Authority.EITHER)
    assert not world.plan.changes
    assert world.codes() == [208]


def test_a_stop_is_over_once_its_source_moves() -> None:
    assert one_write(stopped(208, "Something older")).after == "New"


def test_a_stop_does_not_hide_that_a_cell_cannot_be_read() -> None:
    email = {"type": FieldType.EMAIL}
    world = stopped(208, "a@example.org", civicrm="a@example.org", airtable="nobody", **email)
    assert world.codes() == [206]


def test_an_agreement_ends_a_stop_even_where_the_base_is_the_same_already() -> None:
    """Else the very value that was once taken back could never be written again, though people went back and forth since."""
    world = stopped(208, "New", civicrm="Old", airtable="Old")
    assert world.plan.agreed == {LINK: {"name": "Old"}}
    world.stops = {}
    assert world.plan.agreed == {}


# ── creates ──


def alone(side: Side, row: Map[str, Json], *fields: Field, policy: Unmatched = Unmatched.CREATE, **parts: Any) -> World:
    """One row without a partner."""
    policies = PerSide(policy, Unmatched.IGNORE) if side is C else PerSide(Unmatched.IGNORE, policy)
    rows = PerSide({"1": dict(row)}, {}) if side is C else PerSide({}, {"recA": dict(row)})
    return World(mapping=a_mapping(*fields, unmatched=policies, **parts), rows=rows)


def created(world: World) -> Change:
    [change] = world.plan.changes
    assert change.action is Action.CREATE
    return change


def values_of(change: Change) -> dict[str, Json]:
    return {cell.path: cell.after_raw for cell in change.cells}


@pytest.mark.parametrize(("side", "code"), [(C, 101), (A, 102)])
def test_a_record_without_a_partner_is_reported_ignored_or_created_as_the_mapping_says(side: Side, code: int) -> None:
    row: dict[str, Json] = {"code": "A1", "name": "Arroyo"} if side is C else {"Code": "A1", "Name": "Arroyo"}
    assert alone(side, row, policy=Unmatched.REPORT).codes() == [code]
    assert alone(side, row, policy=Unmatched.IGNORE).plan.discrepancies == ()
    assert created(alone(side, row)).side is side.other


def test_a_create_writes_the_fields_that_may_flow_and_its_keys() -> None:
    fields = (
        a_field("name"),
        a_field("phone", authority=Authority.AIRTABLE),
        a_field("note", authority=Authority.REPORT),
        a_field("email", type=FieldType.EMAIL),
        a_field("empty"),
        a_field("heads", airtable=None),
    )
    row: dict[str, Json] = {"code": "A1", "name": "Arroyo", "phone": "1", "note": "x", "email": "nobody", "heads": "3"}
    change = created(alone(C, row, *fields))
    assert values_of(change) == {"Name": "Arroyo", "Code": "A1"}
    assert change.keys == {"Code": "A1"}
    assert (change.id, change.partner) == (None, "1")
    assert [cell.path for cell in change.cells] == ["Code", "Name"]


def test_a_create_carries_what_the_scope_demands() -> None:
    where = (["contact_sub_type", "CONTAINS", "Coop"], ["kind", "=", "x"], ["tags", "CONTAINS", ["a"]], ["age", ">", 3], "odd")
    source = CivicrmSource(entity="Organization", where=where)
    row = {"Code": "A1", "Name": "Arroyo"}
    change = created(alone(A, row, a_field("name", authority=Authority.AIRTABLE), civicrm=source))
    assert values_of(change) == {"name": "Arroyo", "code": "A1", "contact_sub_type": ["Coop"], "kind": "x", "tags": ["a"]}
    table = AirtableSource(base="b", table="Groups", where=(["Archived", "=", False],))
    assert values_of(created(alone(C, {"code": "A1"}, airtable=table)))["Archived"] is False


def test_the_source_of_a_created_cell_is_in_the_words_both_sides_are_compared_by() -> None:
    status = a_field("status", type=FieldType.CHOICE, authority=Authority.AIRTABLE, values={"enrolled": "Enrolled"})
    change = created(alone(A, {"Code": "A1", "Status": "Enrolled"}, status))
    [cell] = [each for each in change.cells if each.field == "status"]
    assert (cell.after, cell.after_raw, cell.source) == ("enrolled", "enrolled", "Enrolled")


def test_the_first_rule_whose_keys_are_filled_finds_a_create_again_and_all_keys_are_written() -> None:
    def rule(*names: str) -> ExactMatch:
        return ExactMatch(keys=tuple(Key(at=PerSide(each, each.title()), type=FieldType.TEXT) for each in names))

    similar = SimilarMatch(key=Key(at=PerSide("name", "Name"), type=FieldType.TEXT), least=0.9)
    rules = (rule("code"), rule("town", "state"), rule("email"), similar)
    row: dict[str, Json] = {"code": None, "town": "Holyoke", "state": "MA", "email": "a@example.org", "name": "Arroyo"}
    change = created(alone(C, row, match=rules))
    assert change.keys == {"Town": "Holyoke", "State": "MA"}
    assert values_of(change)["Email"] == "a@example.org"


def test_a_record_without_any_key_is_told_because_it_could_not_be_found_again() -> None:
    world = alone(C, {"code": None, "name": "Arroyo"})
    assert not world.plan.changes
    assert "could not be found again" in one_told(world, 101).details["reason"]
    assert alone(A, {"Code": "", "Name": "Arroyo"}).codes() == [102]


def test_the_key_of_a_sensitive_field_is_sealed_in_a_create() -> None:
    keys = ExactMatch(keys=(Key(at=PerSide("ssn", "SSN"), type=FieldType.IDENTIFIER),))
    secret = a_field("ssn", airtable="SSN", sensitive=True, authority=Authority.REPORT)
    change = created(alone(C, {"ssn": "123456789", "name": "Ana"}, a_field("name"), secret, match=(keys,)))
    [cell] = [each for each in change.cells if each.path == "SSN"]
    assert cell.sensitive
    assert cell.sealed is not None


def test_a_create_in_doubt_is_told_and_not_sent_again() -> None:
    world = alone(C, {"code": "A1", "name": "Arroyo"})
    world.doubtful = frozenset({(A, "1")})
    assert not world.plan.changes
    assert world.codes() == [403]


def test_a_value_that_cannot_be_written_stops_the_whole_create() -> None:
    world = alone(A, {"Code": "A1", "Name": "null"}, a_field("name", authority=Authority.AIRTABLE))
    assert not world.plan.changes
    assert world.codes() == [401]


def test_a_value_that_the_schema_does_not_take_stops_the_whole_create() -> None:
    world = alone(C, {"code": "A1", "name": "Arroyo"})
    world.fields = PerSide({}, {"Name": sight("Name", max_length=3)})
    assert not world.plan.changes
    assert one_told(world, 401).details["reason"] == "6 characters, and Airtable holds 3 in Name"


def renamed(path: str) -> Drift:
    return Drift(path=path, fault=Fault.RENAMED, detail=f"{path} is called otherwise now")


def test_a_frozen_field_is_left_out_of_a_create() -> None:
    world = alone(C, {"code": "A1", "name": "Arroyo", "city": "Holyoke"}, a_field("name"), a_field("city"))
    world.drift = PerSide((), (renamed("City"),))
    assert values_of(created(world)) == {"Name": "Arroyo", "Code": "A1"}


@pytest.mark.parametrize("drift", [PerSide((), (renamed("Code"),)), PerSide((renamed("code"),), ())])
def test_nobody_is_created_or_called_alone_while_a_key_is_frozen(drift: PerSide[tuple[Drift, ...]]) -> None:
    """The partner may be there, with a key that cannot be read."""
    for policy in (Unmatched.CREATE, Unmatched.REPORT):
        world = alone(C, {"code": "A1", "name": "Arroyo"}, policy=policy)
        world.drift = drift
        assert not world.plan.changes
        assert world.codes() == [503]


def test_nobody_is_created_while_a_field_that_the_scope_asks_for_is_frozen() -> None:
    table = AirtableSource(base="b", table="Groups", where=(["Archived", "=", False],))
    world = alone(C, {"code": "A1", "name": "Arroyo"}, airtable=table)
    world.drift = PerSide((), (renamed("Archived"),))
    assert not world.plan.changes
    assert "frozen" in one_told(world, 101).details["reason"]


def test_a_similar_pair_is_called_by_what_was_compared_unless_that_is_sensitive() -> None:
    similar = SimilarMatch(key=Key(at=PerSide("title", "Title"), type=FieldType.ORGANIZATION), least=0.8)
    rows = PerSide[dict[str, dict[str, Json]]]({"1": {"title": "Arroyo Bakery"}}, {"recA": {"Title": "Arroyo Bakry"}})
    open_field = a_field("town")
    found = one_told(World(mapping=a_mapping(open_field, match=(similar,)), rows=rows), 104)
    assert (found.name, found.details["candidate"]) == ("Arroyo Bakery", "Arroyo Bakry")
    hidden = a_field("title", sensitive=True)
    found = one_told(World(mapping=a_mapping(hidden, match=(similar,)), rows=rows), 104)
    assert (found.name, found.details["candidate"]) == ("1", "recA")


def test_a_drift_that_freezes_nothing_stops_no_create() -> None:
    world = alone(C, {"code": "A1", "name": "Arroyo"})
    world.drift = PerSide((), (Drift(path="Code", fault=Fault.OPTION_NEW, detail="new"),))
    assert created(world)


def test_key_values_are_in_the_words_of_the_side_that_is_asked() -> None:
    keys = (Key(at=PerSide("phone", "Phone"), type=FieldType.PHONE),)
    record = read_record(a_mapping(), C, Row("1", {"phone": "(413) 555-0188"}))
    assert key_values(keys, record, A) == {"Phone": "+14135550188"}
    assert key_values(keys, read_record(a_mapping(), C, Row("1", {"phone": "call me"})), A) is None
    assert key_values(keys, read_record(a_mapping(), C, Row("1", {})), A) is None


# ── who is who ──


def test_what_waits_for_a_person_is_told_with_the_others_it_might_be() -> None:
    rows = PerSide[dict[str, dict[str, Json]]](
        {"1": {"code": "A1"}, "2": {"code": "A1"}, "3": {"code": "B2"}},
        {"recA": {"Code": "A1"}, "recB": {"Code": "B2"}, "recC": {"Code": "B2"}},
    )
    world = World(rows=rows)
    assert set(world.codes()) == {105}
    others = {each.ids.civicrm or each.ids.airtable: each.details["others"] for each in world.plan.discrepancies}
    assert others == {"1": "2", "2": "1", "recB": "recC", "recC": "recB"}


def test_keys_that_point_to_several_are_told_with_all_candidates() -> None:
    rules = tuple(ExactMatch(keys=(Key(at=PerSide(each, each.title()), type=FieldType.TEXT),)) for each in ("code", "town"))
    world = World(
        mapping=a_mapping(match=rules),
        rows=PerSide({"1": {"code": "A1", "town": "Holyoke"}}, {"recA": {"Code": "A1"}, "recB": {"Town": "Holyoke"}}),
    )
    assert one_told(world, 103).details["candidates"] == "recA, recB"


def test_a_similar_name_is_told_with_its_score_and_never_linked() -> None:
    similar = SimilarMatch(key=Key(at=PerSide("name", "Name"), type=FieldType.ORGANIZATION), least=0.8)
    world = World(
        mapping=a_mapping(a_field("name", type=FieldType.ORGANIZATION), match=(similar,)),
        rows=PerSide({"1": {"name": "Arroyo Bakery"}}, {"recA": {"Name": "Arroyo Bakry"}}),
    )
    found = one_told(world, 104)
    assert found.ids == PerSide("1", "recA")
    assert found.details["candidate"] == "Arroyo Bakry"
    assert not world.plan.links


def test_exact_keys_make_a_link_that_is_new() -> None:
    world = pair({"name": "Arroyo"}, {"Name": "Arroyo"})
    assert world.plan.links == ()
    world.links, world.bases = [], {}
    assert world.plan.links == (LINK,)
    assert world.plan.agreed == {LINK: {"name": "Arroyo", "email": None}}


@pytest.mark.parametrize(
    ("whereabouts", "code"),
    [
        (Whereabouts.TRASHED, 106),
        (Whereabouts.PURGED, 106),
        (Whereabouts.OUT_OF_SCOPE, 106),
        (Whereabouts.UNREADABLE, 106),
        (Whereabouts.MERGED, 107),
        (Whereabouts.IN_SCOPE, None),
    ],
)
def test_an_absent_record_is_told_by_where_it_went(whereabouts: Whereabouts, code: int | None) -> None:
    world = pair({"name": "Arroyo"}, {"Name": "Arroyo"})
    world.rows.civicrm.clear()
    world.missing = {(LINK, C): Found(whereabouts=whereabouts, into="9" if code == 107 else None)}
    assert not world.plan.changes
    if code is None:
        assert not world.plan.discrepancies
        return
    found = one_told(world, code)
    assert found.name == "Arroyo"
    assert found.details == {"side": "CiviCRM", "whereabouts": whereabouts.value, "into": "9" if code == 107 else ""}


def test_a_pair_of_which_both_are_gone_is_called_by_its_id() -> None:
    world = World(links=[LINK], missing={(LINK, C): Found(whereabouts=Whereabouts.PURGED)})
    assert one_told(world, 106).name == "1"


@pytest.mark.parametrize(("there", "name"), [(True, "Arroyo"), (False, "9")])
def test_a_link_that_moved_with_a_merge_is_told_with_both_ids(there: bool, name: str) -> None:
    world = World(rows=PerSide({"9": {"name": "Arroyo"}} if there else {}, {}), moved=((LINK, Link("9", "recA")),))
    found = one_told(world, 107)
    assert (found.name, found.ids) == (name, PerSide("9", "recA"))
    assert (found.details["from"], found.details["into"]) == ("1", "9")


# ── the schema ──


@pytest.mark.parametrize(
    ("fault", "code", "severity"),
    [
        (Fault.GONE, 501, Severity.HIGH),
        (Fault.RETYPED, 501, Severity.HIGH),
        (Fault.RENAMED, 503, Severity.HIGH),
        (Fault.OPTION_GONE, 502, Severity.MEDIUM),
        (Fault.OPTION_NEW, 502, Severity.MEDIUM),
    ],
)
def test_drift_is_told_once_with_field_side_and_what_happened(fault: Fault, code: int, severity: Severity) -> None:
    world = World(drift=PerSide((), (Drift(path="Name", fault=fault, detail="what happened"),)))
    found = one_told(world, code)
    assert (found.severity, found.field, found.name) == (severity, "name", "Airtable Name")
    assert found.details == {"side": "Airtable", "path": "Name", "fault": fault.value, "reason": "what happened"}


def test_drift_of_a_path_that_is_no_field_is_told_by_the_path() -> None:
    world = World(drift=PerSide((Drift(path="code", fault=Fault.GONE, detail="gone"),), ()))
    assert one_told(world, 501).field == "code"


# ── rules ──

ENROLLED = Asks("status", Operator.IS, "Enrolled", A)


def ruled(say: str, *fields: Field, civicrm: Map[str, Json] | None = None, airtable: Map[str, Json] | None = None) -> World:
    status = a_field("status", civicrm=None, type=FieldType.TEXT)
    rule = Rule(name="lapsed", severity=Severity.HIGH, when=ENROLLED, say={"en": say}, do={"es": "Llame a {name}"})
    row = {"Status": "Enrolled", "Name": "Arroyo", **(airtable or {})}
    return pair({"name": "Arroyo", **(civicrm or {})}, row, a_field("name"), status, *fields, rules=(rule,))


def test_a_rule_that_holds_is_told_with_what_its_sentences_name() -> None:
    premium = a_field("premium", civicrm=None, type=FieldType.MONEY, sensitive=True)
    ends = a_field("ends", type=FieldType.DATE)
    world = ruled(
        "{name} {status} {premium} {ends} {unknown} {{}}",
        premium,
        ends,
        airtable={"Premium": 12.5},
        civicrm={"ends": "2026-12-31"},
    )
    found = one_told(world, 300)
    assert (found.rule, found.severity, found.ids) == ("lapsed", Severity.HIGH, PerSide("1", "recA"))
    assert found.details == {"name": "Arroyo", "status": "Enrolled", "premium": "…", "ends": "2026-12-31", "unknown": ""}


def test_a_rule_without_a_name_field_is_told_by_what_people_call_the_record() -> None:
    world = ruled("{name} is enrolled")
    fields = {"title": a_field("title", civicrm="name", airtable="Name"), "status": world.mapping.fields["status"]}
    world.mapping = dataclasses.replace(world.mapping, fields=fields)
    assert one_told(world, 300).details == {"name": "Arroyo"}


def test_a_rule_that_does_not_hold_is_silent() -> None:
    assert 300 not in ruled("{name}", airtable={"Status": "Prospect"}).codes()


def test_evidence_changes_with_the_facts_and_with_nothing_else() -> None:
    def evidence(status: str) -> str:
        rule = Rule(name="r", severity=Severity.LOW, when=Asks("status", Operator.IS_NOT, "x", A), say={"en": "{status}"})
        status_field = a_field("status", civicrm=None)
        return one_told(pair({}, {"Status": status}, status_field, rules=(rule,)), 300).evidence

    assert evidence("a") == evidence("a") != evidence("b")


# ── the whole ──


def test_changes_are_sorted_by_side_then_updates_before_creates_then_by_number() -> None:
    rows = PerSide[dict[str, dict[str, Json]]]({str(n): {"code": f"K{n}", "name": "New"} for n in (2, 10, 9, 1)}, {})
    world = World(mapping=a_mapping(unmatched=PerSide(Unmatched.CREATE, Unmatched.IGNORE)), rows=rows)
    world.rows.airtable.update({f"rec{n}": {"Code": f"K{n}", "Name": "Old"} for n in (10, 2)})
    world.links = [Link("10", "rec10"), Link("2", "rec2")]
    world.bases = {link: {"name": "Old"} for link in world.links}
    assert [(change.action.value, change.id or change.partner) for change in world.plan.changes] == [
        ("update", "rec2"),
        ("update", "rec10"),
        ("create", "1"),
        ("create", "9"),
    ]


def test_the_population_is_counted_and_only_whole_complete_pulls_are_complete() -> None:
    world = pair({}, {})
    world.last = PerSide(5, None)
    plan = world.plan
    assert (plan.population.now, plan.population.last) == (PerSide(1, 1), PerSide(5, None))
    assert plan.complete
    assert not plan.held
    world.whole = PerSide(True, False)
    assert not world.plan.complete


def test_newest_wins_by_the_records_own_word() -> None:
    field = a_field("name", authority=Authority.EITHER, on_conflict=OnConflict.NEWEST)
    world = pair({"name": "C"}, {"Name": "A"}, field, base={"name": "B"})
    late, early = dt.datetime(2026, 3, 2, tzinfo=dt.UTC), dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    world.modified = {"1": early, "recA": late}
    assert (one_write(world).after, one_write(world).why) == ("A", Verdict.CONFLICT.value)


def test_a_fingerprint_is_of_who_and_what_and_never_of_a_value() -> None:
    first = one_told(pair({"name": "X"}, {"Name": "Y"}), 202)
    second = one_told(pair({"name": "X"}, {"Name": "Z"}), 202)
    assert first.fingerprint == second.fingerprint
    assert first.evidence != second.evidence
    assert first.fingerprint != dataclasses.replace(first, field="email").fingerprint
