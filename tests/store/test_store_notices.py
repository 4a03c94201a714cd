"""What is remembered of the notices on boards, the same on both databases."""

import dataclasses

import pytest

from bridge.errors import RunInProgress
from bridge.ports import Notice
from store.store_builders import START, State

ONE = Notice(fingerprint="a1", seen={"note": "s1"}, sent={"note": "s2"}, sent_at=START)
TWO = Notice(fingerprint="b2")


def test_notices_come_back_by_board_and_a_later_one_replaces_an_earlier_one(state: State) -> None:
    notices = state.store.notices
    with state.store.runs.lease("groups", "here") as lease:
        notices.save("groups", "airtable:one", [ONE, TWO], lease)
        notices.save("groups", "airtable:two", [dataclasses.replace(ONE, seen={})], lease)
        settled = dataclasses.replace(ONE, seen={"note": "s2"}, sent={}, sent_at=None)
        notices.save("groups", "airtable:one", [settled], lease)
        notices.save("groups", "airtable:one", [], lease)
    assert state.again().notices.load("airtable:one") == {"a1": settled, "b2": TWO}
    assert state.store.notices.load("airtable:two")["a1"].seen == {}
    assert state.store.notices.load("nowhere") == {}


def test_who_lost_the_lease_remembers_nothing_more(state: State) -> None:
    with state.store.runs.lease("groups", "here") as lease:
        state.clock.forward(hours=1)
        with state.again().runs.lease("groups", "there"), pytest.raises(RunInProgress):
            state.store.notices.save("groups", "airtable:one", [ONE], lease)
    assert state.store.notices.load("airtable:one") == {}
