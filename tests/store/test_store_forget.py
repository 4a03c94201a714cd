"""Forgetting a person, and letting old history go."""

import dataclasses
import datetime as dt
from pathlib import Path

import pytest

from bridge.core.document import digest, document
from bridge.core.ledger import Entry, Event, Happened
from bridge.core.ledger import State as Standing
from bridge.core.plan import Written
from bridge.core.record import Link, PerSide, Side
from bridge.errors import ConfigError
from bridge.ports import Notice, OutboxState, PlanState, Settlement
from bridge.store import SqlStore
from store.store_builders import (
    ANA,
    BEN,
    KEY,
    START,
    State,
    a_cell,
    a_change,
    a_create,
    a_discrepancy,
    a_plan,
    raw_bytes,
    the_mapping,
)

PERSONAL = ("Ana Arroyo", "ana@coop.org", "ana@old.org", "Ana moved", "call Ana", "ana-secret-9")
BENS = a_cell(before="ben@old.org", after="ben@coop.org")
ANAS = a_cell(before="ana@old.org", after="ana@coop.org")
SECRET = a_cell("premium", "ana-secret-9", "ana-secret-9", sensitive=True)


def fill(store: SqlStore) -> str:
    """Ana and Ben everywhere; returns the plan's digest."""
    bens = a_discrepancy(link=BEN, name="Ben", details={}, shown=PerSide("ben@coop.org", None))
    plan = a_plan(
        a_change(ANAS, SECRET),
        a_create(ANAS, keys={"Email": "ana@coop.org"}, side=Side.CIVICRM),
        a_change(BENS, link=BEN, name="Ben"),
        discrepancies=(a_discrepancy(), bens),
        links=(ANA, BEN),
    )
    agreed = {each: {"email": f"{each.civicrm}@coop.org"} for each in (ANA, BEN)}
    with store.runs.lease("groups", "test") as lease:
        run = store.runs.start("groups", mode="correct", kind="sweep", by="")
        store.knowledge.store(the_mapping(), a_plan(agreed=agreed), lease)
        store.plans.save(run, plan, document(plan), PlanState.HELD)
        entries = store.journal.intend(run, plan.changes, lease)
        store.journal.settle(the_mapping(), [Settlement(entry=each, written=Written.DONE) for each in entries], lease)
    opened = [Entry(discrepancy=each, state=Standing.OPEN, opened_at=START, seen_at=START) for each in plan.discrepancies]
    opened[0] = dataclasses.replace(opened[0], note="call Ana")
    said = Event(fingerprint=opened[0].fingerprint, happened=Happened.COMMENTED, at=START, by="maria", note="call Ana")
    store.ledger.save(opened, [said])
    store.outbox.put("ana", "#c", {"text": "Ana Arroyo has two addresses"})
    store.outbox.put("ana-waits", "#c", {"blocks": [{"text": f"see https://airtable.com/{ANA.airtable}"}]})
    store.outbox.put("ben", "#c", {"text": "Ben has 12 things"})
    store.outbox.mark("ana", OutboxState.SENT, ts="1.1")
    return digest(plan)


@pytest.mark.parametrize(("side", "native"), [(Side.CIVICRM, ANA.civicrm), (Side.AIRTABLE, ANA.airtable)])
def test_every_value_of_a_person_goes_and_the_audit_keeps_its_shape(state: State, side: Side, native: str) -> None:
    store = state.store
    key = fill(store)
    before = state.rows()
    counts = store.forget(side, native)
    assert counts == {"journal": 2, "links": 1, "apart": 0, "plans": 1, "entries": 1, "outbox": 2}
    after = state.rows()
    assert {name: before[name] - after[name] for name in before if before[name] != after[name]} == {"links": 1, "bases": 1}
    anas = store.journal.of_record(Side.AIRTABLE, ANA.airtable)[0]
    assert (anas.change.name, anas.change.keys, anas.outcome, anas.intent_at) == ("", {}, Written.DONE, START)
    assert [(cell.field, cell.sealed, cell.before_raw) for cell in anas.cells] == [
        ("email", True, None),
        ("premium", True, None),
    ]
    assert not anas.cells[0].after.matches("ana@coop.org")
    assert store.journal.of_record(Side.AIRTABLE, BEN.airtable)[0].cells[0].after == "ben@coop.org"
    entry = store.ledger.get(a_discrepancy().fingerprint)
    assert (entry.discrepancy.name, entry.discrepancy.details, entry.discrepancy.shown.civicrm, entry.note) == (
        "",
        {},
        None,
        "",
    )
    assert [each.note for each in store.ledger.events()] == [""]
    assert [store.outbox.get(each).payload for each in ("ana", "ana-waits")] == [{}, {}]
    assert [store.outbox.get(each).state.value for each in ("ana", "ana-waits", "ben")] == ["sent", "failed", "planned"]
    plan = store.plans.get(key)
    assert [each.name for each in (*plan.plan.changes, *plan.plan.discrepancies)] == ["Ben", "Ben"]
    assert (plan.plan.links, plan.state) == ((BEN,), PlanState.STALE)
    assert len(plan.document["changes"]) == 3
    assert store.knowledge.load(the_mapping()).links == {BEN}
    assert store.forget(side, native)["plans"] == 0


@pytest.mark.parametrize("keys", [(), (KEY,)])
def test_nothing_of_a_person_stays_readable_in_the_files(file_state: State, tmp_path: Path, keys: tuple[str, ...]) -> None:
    store = file_state.again(*keys)
    fill(store)
    assert b"Ana Arroyo" in raw_bytes(tmp_path)
    store.forget(Side.CIVICRM, ANA.civicrm)
    file_state.close()
    everything = raw_bytes(tmp_path)
    assert [each for each in PERSONAL if each.encode() in everything] == []
    assert b"ben@coop.org" in everything


def test_a_message_about_somebody_whose_name_begins_alike_is_left_alone(state: State) -> None:
    fill(state.store)
    state.store.outbox.put("other", "#c", {"text": "Ana Arroyos is another"})
    state.store.forget(Side.CIVICRM, ANA.civicrm)
    assert state.store.outbox.get("other").payload == {"text": "Ana Arroyos is another"}


def test_a_person_with_a_write_in_doubt_is_not_forgotten_before_it_is_settled(state: State) -> None:
    store = state.store
    fill(store)
    with store.runs.lease("groups", "test") as lease:
        store.journal.intend(store.runs.list()[0].id, [a_change(ANAS)], lease)
    before = state.rows()
    with pytest.raises(ConfigError, match="in doubt") as refused:
        store.forget(Side.CIVICRM, ANA.civicrm)
    assert "bridge sync" in refused.value.next_step
    assert state.rows() == before
    assert store.knowledge.load(the_mapping()).links == {ANA, BEN}


@pytest.mark.parametrize(("side", "native"), [(Side.AIRTABLE, ANA.airtable), (Side.CIVICRM, ANA.civicrm)])
def test_a_person_who_was_forgotten_already_has_nothing_left_to_forget(state: State, side: Side, native: str) -> None:
    fill(state.store)
    assert sum(state.store.forget(side, native).values()) > 0
    assert sum(state.store.forget(side, native).values()) == 0


def test_a_record_nobody_knows_is_forgotten_without_a_trace(state: State) -> None:
    fill(state.store)
    assert set(state.store.forget(Side.CIVICRM, "999").values()) == {0}


def test_old_history_goes_but_for_what_is_open(state: State) -> None:
    store = state.store
    with store.runs.lease("groups", "test") as lease:
        run = store.runs.start("groups", mode="correct", kind="sweep", by="")
        done, doubt, _ = store.journal.intend(run, [a_change(link=Link(str(n), f"rec{n}")) for n in range(3)], lease)
        settled = (Settlement(entry=done, written=Written.DONE), Settlement(entry=doubt, written=Written.IN_DOUBT))
        store.journal.settle(the_mapping(), settled, lease)
    for number, how in enumerate((PlanState.PLANNED, PlanState.HELD, PlanState.APPLIED)):
        plan = a_plan(a_change(link=Link(str(number), f"rec{number}")))
        store.plans.save(run, plan, document(plan), how)
    entries = [
        Entry(discrepancy=a_discrepancy(201), state=Standing.OPEN, opened_at=START, seen_at=START),
        Entry(discrepancy=a_discrepancy(202), state=Standing.RESOLVED, opened_at=START, seen_at=START, resolved_at=START),
    ]
    events = [Event(fingerprint=each.fingerprint, happened=Happened.OPENED, at=START, by="bridge") for each in entries]
    store.ledger.save(entries, events)
    with store.runs.lease("groups", "test") as lease:
        store.notices.save(
            "groups", "airtable:app/Discrepancies", [Notice(fingerprint=each.fingerprint) for each in entries], lease
        )
    for key, how in (("sent", OutboxState.SENT), ("waits", OutboxState.PLANNED)):
        store.outbox.put(key, "#membership", {})
        store.outbox.mark(key, how)
    month = dt.timedelta(days=30)
    assert store.prune(journal=month, events=month, plans=month) == {
        "journal": 0,
        "events": 0,
        "entries": 0,
        "plans": 0,
        "outbox": 0,
        "syncs": 0,
        "notices": 0,
    }
    state.clock.forward(days=31)
    assert store.prune(journal=month) == {"journal": 1}
    assert store.prune(events=month, plans=month) == {
        "events": 1,
        "entries": 1,
        "plans": 2,
        "outbox": 1,
        "syncs": 0,
        "notices": 1,
    }
    assert list(store.notices.load("airtable:app/Discrepancies")) == [entries[0].fingerprint]
    assert len(store.journal.open("groups")) == 2
    assert [each.fingerprint for each in store.ledger.events()] == [entries[0].fingerprint]
    assert [each.state for each in store.plans.held()] == [PlanState.HELD]
    assert [each.key for each in store.outbox.pending()] == ["waits"]
    assert store.prune() == {}
