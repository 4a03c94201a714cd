"""The syncs that people asked for, the same on both databases: which process has them, and under which key they were asked."""

import datetime as dt
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from bridge.ports import SyncRecord
from bridge.store.schema import asked, syncs
from store.store_builders import State

LATER = dt.timedelta(minutes=2)


@pytest.fixture
def sync(state: State) -> SyncRecord:
    wish = {"mapping": "groups", "record": ["airtable", "rec00000000000001"], "dry_run": False}
    return SyncRecord(id="0123456789abcdef", wish=wish, by="olga", stage="waiting", asked_at=state.clock())


def elsewhere(state: State, *, machine: str = "another machine/pid:[1]") -> None:
    """Let every sync be another process's."""
    with state.store.database.writing() as connection:
        connection.execute(update(syncs).values(machine=machine, pid=1, process_started=1))


def test_a_sync_is_read_as_it_was_kept(state: State, sync: SyncRecord) -> None:
    state.store.syncs.take(sync, state.clock() + LATER)
    ended = replace(
        sync, stage="done", started_at=state.clock(), finished_at=state.clock() + LATER, runs=(7, 8), problem="none"
    )
    assert state.store.syncs.keep(ended)
    assert state.store.syncs.get(sync.id) == ended
    assert state.store.syncs.get("f" * 16) is None


def test_a_key_gives_the_sync_that_was_first_asked_for_under_it(state: State, sync: SyncRecord) -> None:
    kept = state.store.syncs
    assert kept.take(sync, state.clock() + LATER, key="morning") == sync
    assert kept.take(replace(sync, id="f" * 16), state.clock() + LATER, key="morning") == sync
    assert kept.get("f" * 16) is None, "the second one leaves nothing behind"
    assert kept.asked("olga", "morning") == sync
    assert kept.asked("ana", "morning") is None
    assert kept.take(replace(sync, by="ana"), state.clock() + LATER, key="mine").by == "ana"
    assert kept.asked("ana", "mine") == sync, "who joins one that waits is answered with it"


def test_no_key_is_kept_readable(state: State, sync: SyncRecord) -> None:
    state.store.syncs.take(sync, state.clock() + LATER, key="for Ana Ortiz")
    with state.store.database.reading() as connection:
        assert "Ortiz" not in str(connection.execute(select(asked)).all())


def test_what_another_process_has_is_taken_over_once_it_gives_no_sign_of_life(state: State, sync: SyncRecord) -> None:
    kept = state.store.syncs
    kept.take(sync, state.clock() + LATER)
    elsewhere(state)
    assert kept.adopt(state.clock() + LATER) == []
    assert not kept.keep(replace(sync, stage="running")), "it is not ours"
    kept.hold([sync.id], state.clock() - LATER)
    assert kept.adopt(state.clock() + LATER) == [], "nor can we give it away"
    state.clock.forward(minutes=2)
    assert kept.adopt(state.clock() + LATER) == [sync]
    assert kept.keep(replace(sync, stage="running"))
    assert kept.adopt(state.clock() + LATER) == [], "now we have it"


def test_what_a_process_that_died_on_this_machine_had_is_taken_over_at_once(state: State, sync: SyncRecord) -> None:
    kept = state.store.syncs
    kept.take(sync, state.clock() + LATER)
    with state.store.database.writing() as connection:
        connection.execute(update(syncs).values(process_started=1))
    assert kept.adopt(state.clock() + LATER) == [sync]


def test_what_has_ended_is_nobodys_to_take_over_and_is_let_go_by_age_with_its_keys(state: State, sync: SyncRecord) -> None:
    kept = state.store.syncs
    kept.take(sync, state.clock() + LATER, key="morning")
    kept.take(replace(sync, id="f" * 16), state.clock() + LATER)
    kept.keep(replace(sync, stage="done", finished_at=state.clock()))
    state.clock.forward(days=91)
    assert [each.id for each in kept.adopt(state.clock() + LATER)] == ["f" * 16]
    assert state.store.prune(plans=dt.timedelta(days=90))["syncs"] == 1
    assert kept.get(sync.id) is None
    assert kept.asked("olga", "morning") is None
    assert kept.get("f" * 16) is not None, "what is to be run stays whatever its age"
