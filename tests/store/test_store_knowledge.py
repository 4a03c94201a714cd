"""Links, bases, stops, pins and people's decisions, the same on both databases."""

import dataclasses
import datetime as dt
from decimal import Decimal

import pytest

from bridge.core.knowledge import Stop
from bridge.core.mapping import Authority, FieldType
from bridge.core.plan import Written
from bridge.core.record import Link, PerSide, Side
from bridge.core.sight import FieldSight, Option
from bridge.errors import ConfigError, StoreError
from bridge.ports import Settlement
from builders import a_field, a_mapping
from store.store_builders import ANA, BEN, START, State, a_change, a_plan, the_mapping


def store_plan(state: State, plan: object = None, mapping: object = None, **agreed: object) -> None:
    mapping = mapping or the_mapping()
    with state.store.runs.lease(mapping.name, "test") as lease:
        state.store.knowledge.store(mapping, plan or a_plan(agreed={ANA: agreed}), lease)


def test_nothing_is_known_of_a_new_mapping(state: State) -> None:
    known = state.store.knowledge.load(the_mapping())
    assert [known.links, known.bases, known.apart, known.stops, known.absent] == [set(), {}, {}, {}, set()]
    assert (known.last_counts, known.last_digest, known.last_scope) == (PerSide(None, None), None, None)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (FieldType.TEXT, "Año Nuevo & co"),
        (FieldType.TEXT, ""),
        (FieldType.BOOLEAN, False),
        (FieldType.MONEY, Decimal("1200.50")),
        (FieldType.INTEGER, Decimal(0)),
        (FieldType.DATE, dt.date(2026, 2, 28)),
        (FieldType.DATETIME, dt.datetime(2026, 2, 28, 23, 59, 1, tzinfo=dt.UTC)),
        (FieldType.CHOICES, frozenset({"Dental", "Visión"})),
        (FieldType.TEXT, None),
    ],
)
@pytest.mark.parametrize("sensitive", [False, True])
def test_a_base_of_every_kind_comes_back_as_it_was(state: State, kind: FieldType, value: object, sensitive: bool) -> None:
    mapping = a_mapping(a_field("it", type=kind, sensitive=sensitive))
    store_plan(state, a_plan(agreed={ANA: {"it": value}}), mapping)
    base = state.again().knowledge.load(mapping).bases[ANA]["it"]
    if sensitive:
        assert base.matches(value)
        assert not base.matches("something else")
    else:
        assert base == value
        assert type(base) is type(value)


def test_a_cell_without_a_base_is_not_a_cell_whose_base_is_blank(state: State) -> None:
    store_plan(state, email=None)
    assert state.store.knowledge.load(the_mapping()).bases == {ANA: {"email": None}}


def test_a_base_counts_only_under_the_definition_it_was_agreed_under(state: State) -> None:
    choice = {"type": FieldType.CHOICE, "authority": Authority.CIVICRM, "values": {"New": "Active"}}
    before = a_field("status", **choice)
    store_plan(state, a_plan(agreed={ANA: {"status": "Active"}}), a_mapping(before))
    changed = [
        {"type": FieldType.TEXT},
        {"authority": Authority.EITHER},
        {"values": {"New": "Active", "Expired": "Lapsed"}},
        {"to": "people"},
        {"precision": 3},
        {"from_datetime": True},
        {"region": "MX"},
        {"ignore": frozenset({"case"})},
    ]
    for each in changed:
        after = dataclasses.replace(before, **each)
        assert not state.store.knowledge.load(a_mapping(after)).bases, each
    moved = dataclasses.replace(before, at=PerSide("other", "Other"), clear=True)
    assert state.store.knowledge.load(a_mapping(moved)).bases == {ANA: {"status": "Active"}}


def test_a_quiet_run_leaves_no_trace(state: State) -> None:
    agreed = {ANA: {"email": "a@coop.org", "phone": None, "premium": Decimal(12)}, BEN: {"email": "b@coop.org"}}
    store_plan(state, a_plan(agreed=agreed))
    state.store.database.empty_log() if state.store.database.embedded else None
    before = state.rows()
    written: list[str] = []
    watch_writes(state, written)
    store_plan(state, a_plan(agreed=agreed))
    assert state.rows() == before
    assert [each for each in written if "leases" not in each] == []


def watch_writes(state: State, written: list[str]) -> None:
    from sqlalchemy import event

    @event.listens_for(state.store.database.engine, "after_cursor_execute")
    def seen(connection: object, cursor: object, statement: str, *_: object) -> None:
        touched = getattr(cursor, "rowcount", 0)
        if statement.startswith(("INSERT", "UPDATE", "DELETE")) and touched:
            written.append(statement)


def test_only_what_changed_is_written(state: State) -> None:
    store_plan(state, email="a@coop.org", phone="+14135550188")
    written: list[str] = []
    watch_writes(state, written)
    store_plan(state, email="new@coop.org", phone="+14135550188")
    assert len([each for each in written if "INSERT INTO bases" in each]) == 1
    assert state.store.knowledge.load(the_mapping()).bases[ANA] == {"email": "new@coop.org", "phone": "+14135550188"}


def test_a_field_that_becomes_sensitive_is_locked_at_the_next_agreement(state: State) -> None:
    store_plan(state, mapping=a_mapping(a_field("email")), email="a@coop.org")
    secret = a_mapping(a_field("email", sensitive=True))
    store_plan(state, mapping=secret, email="a@coop.org")
    assert state.store.knowledge.load(secret).bases[ANA]["email"].matches("a@coop.org")


def test_links_are_one_to_one(state: State) -> None:
    store_plan(state, a_plan(links=(ANA, Link(ANA.civicrm, BEN.airtable), Link(BEN.civicrm, ANA.airtable))))
    assert state.store.knowledge.load(the_mapping()).links == {ANA}
    store_plan(state, a_plan(links=(BEN,), agreed={Link(ANA.civicrm, "recOther"): {"email": "x@y.org"}}))
    known = state.store.knowledge.load(the_mapping())
    assert known.links == {ANA, BEN}
    assert known.bases == {}


def test_each_mapping_knows_only_its_own(state: State) -> None:
    people = the_mapping(name="people")
    store_plan(state, email="a@coop.org")
    store_plan(state, a_plan(agreed={ANA: {"email": "p@coop.org"}}), people)
    assert state.store.knowledge.load(the_mapping()).bases == {ANA: {"email": "a@coop.org"}}
    assert state.store.knowledge.load(people).bases == {ANA: {"email": "p@coop.org"}}
    assert state.store.knowledge.find_link(Side.CIVICRM, ANA.civicrm) == [("groups", ANA), ("people", ANA)]
    assert state.store.knowledge.find_link(Side.AIRTABLE, "recNobody") == []


def test_people_link_and_every_conflict_says_what_to_do(state: State) -> None:
    knowledge = state.store.knowledge
    knowledge.confirm("groups", ANA, "maria")
    knowledge.confirm("groups", ANA, "maria")
    with pytest.raises(ConfigError) as refused:
        knowledge.confirm("groups", Link(ANA.civicrm, BEN.airtable), "maria")
    assert f"CiviCRM {ANA.civicrm} is linked to Airtable {ANA.airtable}" in refused.value.message
    assert f"bridge matches unlink groups {ANA.civicrm} {ANA.airtable}" in refused.value.next_step
    with pytest.raises(ConfigError, match=f"Airtable {ANA.airtable} is linked to CiviCRM {ANA.civicrm}"):
        knowledge.confirm("groups", Link(BEN.civicrm, ANA.airtable), "maria")
    with pytest.raises(ConfigError, match="take them apart"):
        knowledge.reject("groups", ANA, "maria", "e1")
    with pytest.raises(ConfigError, match="not linked"):
        knowledge.unlink("groups", BEN, "maria")
    assert knowledge.load(the_mapping()).links == {ANA}


def test_what_people_took_apart_stays_apart_until_they_join_it_again(state: State) -> None:
    knowledge = state.store.knowledge
    store_plan(state, email="a@coop.org")
    knowledge.unlink("groups", ANA, "maria")
    knowledge.reject("groups", BEN, "maria", "")
    known = knowledge.load(the_mapping())
    assert (known.links, known.bases, known.apart) == (frozenset(), {}, {ANA: "", BEN: ""})
    store_plan(state, a_plan(links=(ANA, BEN)))
    assert not knowledge.load(the_mapping()).links
    knowledge.confirm("groups", ANA, "maria")
    known = knowledge.load(the_mapping())
    assert (known.links, known.bases, known.apart) == ({ANA}, {}, {BEN: ""})


def test_a_suggestion_that_was_refused_may_still_be_linked_by_a_key(state: State) -> None:
    """That was said of how alike they looked; a key that points from one to the other is new evidence."""
    state.store.knowledge.reject("groups", BEN, "maria", "e1")
    store_plan(state, a_plan(links=(BEN,)))
    assert state.store.knowledge.load(the_mapping()).links == {BEN}


def test_a_merge_moves_the_link_with_its_base_and_stops(state: State) -> None:
    winner = Link("99", ANA.airtable)
    store_plan(state, email="a@coop.org", premium=Decimal(5))
    with state.store.runs.lease("groups", "test") as lease:
        state.store.knowledge.set_absent("groups", [ANA], lease)
        state.store.knowledge.move_link("groups", ANA, winner, lease)
    known = state.store.knowledge.load(the_mapping())
    assert (known.links, known.absent) == ({winner}, frozenset())
    assert known.bases[winner]["email"] == "a@coop.org"
    assert known.bases[winner]["premium"].matches(Decimal("5.00"))


def test_a_merge_into_a_record_that_is_linked_elsewhere_is_refused(state: State) -> None:
    store_plan(state, a_plan(links=(ANA, BEN)))
    with state.store.runs.lease("groups", "test") as lease, pytest.raises(ConfigError, match="is linked to"):
        state.store.knowledge.move_link("groups", ANA, Link(BEN.civicrm, ANA.airtable), lease)
    assert state.store.knowledge.load(the_mapping()).links == {ANA, BEN}


def test_absences_are_replaced_as_a_set(state: State) -> None:
    store_plan(state, a_plan(links=(ANA, BEN)))
    with state.store.runs.lease("groups", "test") as lease:
        for absent in ({ANA}, {ANA, BEN}, {BEN}, set()):
            state.store.knowledge.set_absent("groups", absent, lease)
            assert state.store.knowledge.load(the_mapping()).absent == absent


def test_the_last_complete_run_is_remembered(state: State) -> None:
    mapping = the_mapping()
    with state.store.runs.lease("groups", "test") as lease:
        state.store.knowledge.remember_run(mapping, PerSide(375, 371), lease)
        state.store.knowledge.remember_run(mapping, PerSide(376, 372), lease)
    known = state.store.knowledge.load(mapping)
    assert (known.last_counts, known.last_digest, known.last_scope) == (PerSide(376, 372), mapping.digest, mapping.scope_digest)


def test_partners_are_told_from_either_side(state: State) -> None:
    store_plan(state, a_plan(links=(ANA, BEN)))
    assert state.store.knowledge.partners("groups") == PerSide(
        {ANA.civicrm: ANA.airtable, BEN.civicrm: BEN.airtable}, {ANA.airtable: ANA.civicrm, BEN.airtable: BEN.civicrm}
    )


def test_nothing_new_refers_to_a_link_that_lost_a_record_and_what_does_is_still_understood(state: State) -> None:
    store_plan(state, a_plan(links=(ANA, BEN)))
    with state.store.runs.lease("groups", "test") as lease:
        state.store.knowledge.set_absent("groups", {ANA}, lease)
    partners = state.store.knowledge.partners("groups")
    assert partners.civicrm == {BEN.civicrm: BEN.airtable}
    assert partners.airtable == {ANA.airtable: ANA.civicrm, BEN.airtable: BEN.civicrm}


def test_pins_are_replaced_by_path(state: State) -> None:
    knowledge = state.store.knowledge
    email = FieldSight(path="Email", id="fld1", name="Email", kind="email", writable=True, max_length=254)
    status = FieldSight(
        path="Status", id="fld2", name="Status", kind="singleSelect", writable=True, options=(Option("o1", "Yes"),)
    )
    knowledge.pin("groups", Side.AIRTABLE, [email, status])
    renamed = dataclasses.replace(status, name="State", options=(Option("o1", "Sí"), Option("o2", "No")))
    knowledge.pin("groups", Side.AIRTABLE, [renamed])
    assert knowledge.pins("groups", Side.AIRTABLE) == {"Email": email, "Status": renamed}
    assert knowledge.pins("groups", Side.CIVICRM) == {}


def test_watermarks_are_kept_by_side(state: State) -> None:
    knowledge = state.store.knowledge
    assert knowledge.watermark("groups", Side.CIVICRM) is None
    with state.store.runs.lease("groups", "test") as lease:
        knowledge.set_watermark("groups", Side.CIVICRM, START - dt.timedelta(hours=1), lease)
        knowledge.set_watermark("groups", Side.CIVICRM, START.astimezone(dt.timezone(dt.timedelta(hours=-5))), lease)
    assert knowledge.watermark("groups", Side.CIVICRM) == START
    assert knowledge.watermark("groups", Side.AIRTABLE) is None


@pytest.mark.parametrize("field", ["email", "premium"])
def test_a_stop_lasts_until_the_cell_agrees_or_its_field_changes(state: State, field: str) -> None:
    mapping, value = the_mapping(), Decimal(3) if field == "premium" else "taken@coop.org"
    stop = Stop(side=Side.AIRTABLE, code=208, source=value)
    settle_with(state, Settlement(entry=0, written=Written.DONE, link=ANA, stops={field: stop}))
    found = state.store.knowledge.load(mapping).stops[ANA, field]
    assert (found.side, found.code) == (Side.AIRTABLE, 208)
    assert found.source.matches(value) if field == "premium" else found.source == value
    other = dataclasses.replace(mapping.fields[field], authority=Authority.EITHER)
    assert not state.store.knowledge.load(the_mapping(fields={**mapping.fields, field: other})).stops
    store_plan(state, a_plan(agreed={ANA: {"phone": None}}))
    assert state.store.knowledge.load(mapping).stops
    store_plan(state, a_plan(agreed={ANA: {field: value}}))
    assert not state.store.knowledge.load(mapping).stops


def settle_with(state: State, settlement: Settlement) -> None:
    store = state.store
    with store.runs.lease("groups", "test") as lease:
        run = store.runs.start("groups", mode="correct", kind="sweep", by="")
        entry = store.journal.intend(run, [a_change()], lease)[0]
        store.journal.settle(the_mapping(), [dataclasses.replace(settlement, entry=entry)], lease)


def test_a_stop_read_without_a_key_can_be_stored_again(state: State) -> None:
    """Undoing takes the source from the journal, where a sensitive one is only a digest."""
    settle_with(
        state,
        Settlement(
            entry=0, written=Written.DONE, link=ANA, stops={"premium": Stop(side=Side.AIRTABLE, code=208, source=Decimal(3))}
        ),
    )
    again = state.store.knowledge.load(the_mapping()).stops[ANA, "premium"]
    settle_with(state, Settlement(entry=0, written=Written.DONE, link=ANA, stops={"premium": again}))
    assert state.store.knowledge.load(the_mapping()).stops[ANA, "premium"].source.matches(Decimal("3.00"))


def test_more_links_than_one_statement_takes_are_stored_read_and_left_alone(state: State) -> None:
    """Thousands are stored and looked up in batches: none is lost where one ends, and what a person took apart stays so."""
    many = [Link(str(at), f"rec{at}") for at in range(2345)]
    apart, taken = many[1000], Link(many[0].civicrm, "rec-of-another")
    state.store.knowledge.reject("groups", apart, "eva", "")
    agreed = {link: {"email": f"{link.civicrm}@coop.org"} for link in many}
    marks = {link: PerSide(b"here", b"there") for link in many[::2]}
    plan = a_plan(agreed={**agreed, taken: {"email": "another@coop.org"}}, links=(*many, taken), marks=marks)
    for _ in range(2):
        store_plan(state, plan)
        known = state.again().knowledge.load(the_mapping())
        assert known.links == {*many} - {apart}
        assert known.bases == {link: cells for link, cells in agreed.items() if link != apart}
        assert known.marks == {link: both for link, both in marks.items() if link != apart}
    with state.store.runs.lease("groups", "test") as lease:
        for absent in (many[:1500], many[1400:], []):
            state.store.knowledge.set_absent("groups", absent, lease)
            assert state.store.knowledge.load(the_mapping()).absent == {*absent} - {apart}
    assert state.store.knowledge.bases(the_mapping(), many[1500:]) == {link: agreed[link] for link in many[1500:]}
    store_plan(state, a_plan(agreed={many[1]: {"email": "new@coop.org"}, many[2]: {"email": "new@coop.org"}}))
    left = state.store.knowledge.load(the_mapping(), bases=False)
    assert (left.bases, many[2] in left.marks, many[4] in left.marks) == ({}, False, True)


def test_a_value_that_the_database_cannot_hold_is_an_error_of_ours_and_nothing_is_kept(state: State) -> None:
    """PostgreSQL's texts hold no NUL. New links are stored by a way of its own, past SQLAlchemy and its errors."""
    if state.store.database.embedded:
        store_plan(state, email="a\0b")
        assert state.store.knowledge.load(the_mapping()).bases == {ANA: {"email": "a\0b"}}
        return
    with pytest.raises(StoreError) as refused:
        store_plan(state, email="a\0b")
    assert "a\0b" not in str(refused.value)
    assert state.store.knowledge.load(the_mapping()).links == set()
