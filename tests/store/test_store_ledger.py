"""The ledger of discrepancies, the same on both databases."""

import dataclasses
import datetime as dt

import pytest

from bridge.core.ledger import Entry, Event, Happened
from bridge.core.ledger import State as Standing
from bridge.core.mapping import Severity
from bridge.core.record import Link, PerSide
from bridge.errors import ConfigError, StoreError
from store.store_builders import ANA, BEN, START, State, a_discrepancy


def an_entry(*, code: int = 204, link: Link = ANA, state: Standing = Standing.OPEN, days: int = 0, **more: object) -> Entry:
    about = {name: more.pop(name) for name in ("severity", "mapping", "rule", "field") if name in more}
    opened = START - dt.timedelta(days=days)
    return Entry(discrepancy=a_discrepancy(code, link, **about), state=state, opened_at=opened, seen_at=opened, **more)


def test_an_entry_comes_back_whole_with_a_number_people_can_say(state: State) -> None:
    entry = an_entry(
        code=301,
        rule="lapsed",
        field=None,
        runs=3,
        life=1,
        assignee="maria",
        snoozed_until=dt.date(2026, 12, 24),
        snoozed_evidence="e1",
        accepted_reason="agreed by phone",
        note="llamar mañana",
        resolved_at=START,
    )
    state.store.ledger.save([entry], [])
    (found,) = state.again().ledger.load("groups")
    assert found == dataclasses.replace(entry, id=found.id)
    assert found.id > 0
    assert found.fingerprint == entry.fingerprint


def test_an_entry_keeps_its_number_through_its_life_and_new_ones_count_on_by_one(state: State) -> None:
    state.store.ledger.save([an_entry(), an_entry(link=BEN)], [])
    first, second = state.store.ledger.load("groups")
    for runs in range(2, 6):
        state.store.ledger.save([dataclasses.replace(an_entry(), runs=runs), an_entry(link=BEN)], [])
    state.store.ledger.save([an_entry(code=202)], [])
    numbers = {
        each.discrepancy.code: each.id for each in state.store.ledger.load("groups") if each.discrepancy.ids.civicrm == "12"
    }
    assert numbers == {204: first.id, 202: second.id + 1}
    assert state.store.ledger.get(str(first.id)).runs == 5


def test_resolved_entries_are_remembered_for_ninety_days(state: State) -> None:
    long_ago, lately = START - dt.timedelta(days=91), START - dt.timedelta(days=89)
    state.store.ledger.save(
        [
            an_entry(code=201, state=Standing.RESOLVED, resolved_at=long_ago),
            an_entry(code=202, state=Standing.RESOLVED, resolved_at=lately),
            an_entry(code=203, state=Standing.ACCEPTED),
            an_entry(code=204, mapping="people"),
        ],
        [],
    )
    assert [each.discrepancy.code for each in state.store.ledger.load("groups")] == [202, 203]


def test_the_list_is_open_first_then_by_severity_then_by_age_and_can_be_narrowed(state: State) -> None:
    state.store.ledger.save(
        [
            an_entry(code=201, state=Standing.RESOLVED, resolved_at=START, severity=Severity.HIGH, days=9),
            an_entry(code=202, severity=Severity.LOW, days=9),
            an_entry(code=203, severity=Severity.HIGH, days=1),
            an_entry(code=204, severity=Severity.HIGH, days=3),
            an_entry(code=205, severity=Severity.MEDIUM, days=5, mapping="people"),
            an_entry(code=206, state=Standing.SNOOZED, severity=Severity.HIGH, days=9),
        ],
        [],
    )
    ledger = state.store.ledger
    assert [each.discrepancy.code for each in ledger.list()] == [204, 203, 205, 202, 206, 201]
    assert [each.discrepancy.code for each in ledger.list(mapping="people")] == [205]
    assert [each.discrepancy.code for each in ledger.list(state="snoozed")] == [206]
    assert [each.discrepancy.code for each in ledger.list(code=203)] == [203]


def test_an_entry_is_found_by_number_or_by_the_beginning_of_its_fingerprint(state: State) -> None:
    entry = an_entry()
    state.store.ledger.save([entry], [])
    for key in (str(state.store.ledger.load("groups")[0].id), entry.fingerprint, entry.fingerprint[:6]):
        assert state.store.ledger.get(key).fingerprint == entry.fingerprint
    for key in ("999", entry.fingerprint[:5], "zzzzzz", "%%%%%%", "9" * 30):
        assert state.store.ledger.get(key) is None


def test_a_beginning_that_several_share_is_refused(state: State) -> None:
    found: dict[str, Entry] = {}
    number = 0
    while True:
        number += 1
        entry = an_entry(link=Link(str(number), f"rec{number}"))
        if (other := found.setdefault(entry.fingerprint[:6], entry)) is not entry:
            break
    state.store.ledger.save([entry, other], [])
    with pytest.raises(ConfigError, match="Several discrepancies"):
        state.store.ledger.get(entry.fingerprint[:6])


def test_events_are_told_oldest_first_for_all_or_one_or_since(state: State) -> None:
    events = [
        Event(fingerprint="a" * 16, happened=Happened.OPENED, at=START, by="bridge", run=4),
        Event(fingerprint="b" * 16, happened=Happened.OPENED, at=START, by="bridge", run=4),
        Event(fingerprint="a" * 16, happened=Happened.COMMENTED, at=START + dt.timedelta(days=1), by="maria", note="llamé"),
    ]
    state.store.ledger.save([], events[:2])
    state.store.ledger.save([], events[2:])
    ledger = state.again().ledger
    assert ledger.events() == events
    assert ledger.events(fingerprint="a" * 16) == [events[0], events[2]]
    assert ledger.events(since=START + dt.timedelta(hours=1)) == events[2:]


def test_entries_and_events_are_saved_together_or_not_at_all(state: State) -> None:
    broken = Event(fingerprint="a" * 16, happened=Happened.OPENED, at=START, by=None)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="The state at"):
        state.store.ledger.save([an_entry()], [broken])
    assert state.store.ledger.load("groups") == []


def test_sides_without_a_record_stay_so(state: State) -> None:
    lonely = an_entry(code=101)
    lonely = dataclasses.replace(lonely, discrepancy=dataclasses.replace(lonely.discrepancy, ids=PerSide("3", None)))
    state.store.ledger.save([lonely], [])
    assert state.store.ledger.load("groups")[0].discrepancy == lonely.discrepancy
