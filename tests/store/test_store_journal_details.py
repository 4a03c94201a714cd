"""What the journal refuses, keeps and teaches at the edges (docs/mutation.md)."""

import pytest
from sqlalchemy import select

from bridge.core.knowledge import Stop
from bridge.core.plan import Change, Written
from bridge.core.record import Side
from bridge.errors import RunInProgress, StoreError
from bridge.ports import Settlement
from bridge.store.cells import unpack_change
from bridge.store.schema import journal
from store.store_builders import ANA, BEN, KEY, State, a_cell, a_change, a_create, the_mapping


def intend(state: State, *changes: Change) -> tuple[int, list[int]]:
    """A run's intents of these changes, asked by nobody in particular."""
    store = state.store
    with store.runs.lease("groups", "test") as lease:
        run = store.runs.start("groups", mode="correct", kind="sweep", by="")
        return run, list(store.journal.intend(run, changes, lease))


def settle(state: State, *settlements: Settlement) -> None:
    with state.store.runs.lease("groups", "test") as lease:
        state.store.journal.settle(the_mapping(), settlements, lease)


def test_an_outcome_is_not_stored_by_a_run_that_another_has_taken_over_from(state: State) -> None:
    run, (entry,) = intend(state, a_change())
    with state.store.runs.lease("groups", "test") as lost:
        pass
    with state.store.runs.lease("groups", "other"), pytest.raises(RunInProgress):
        state.store.journal.settle(the_mapping(), [Settlement(entry=entry, written=Written.DONE, link=ANA)], lost)
    assert state.store.journal.of_run(run)[0].outcome is None
    assert not state.store.knowledge.load(the_mapping()).links


def test_what_nobody_asked_for_by_name_and_nothing_is_said_of_is_kept_as_empty(state: State) -> None:
    run, _ = intend(state, a_change())
    [found] = state.store.journal.of_run(run)
    assert (found.by, found.detail) == ("", "")


def test_an_outcome_without_a_link_teaches_about_the_pair_that_is_linked(state: State) -> None:
    state.store.knowledge.confirm("groups", ANA, "maria")
    for side in Side:
        stop = Stop(side=side, code=405, source="new@coop.org")
        _, (base, stopped) = intend(state, a_change(side=side), a_change(side=side))
        settle(state, Settlement(entry=base, written=Written.DONE, bases={"email": f"{side}@coop.org"}))
        settle(state, Settlement(entry=stopped, written=Written.DONE, stops={"phone": stop}))
        known = state.store.knowledge.load(the_mapping())
        assert known.bases[ANA]["email"] == f"{side}@coop.org"
        assert known.stops[ANA, "phone"] == stop


def test_an_outcome_teaches_nothing_about_a_pair_that_is_not_linked(state: State) -> None:
    _, (update, create) = intend(state, a_change(), a_create(link=BEN))
    settle(state, Settlement(entry=update, written=Written.DONE, bases={"email": "new@coop.org"}))
    settle(state, Settlement(entry=create, written=Written.DONE, bases={"email": "new@coop.org"}))
    known = state.store.knowledge.load(the_mapping())
    assert (known.links, known.bases) == (frozenset(), {})


def test_the_link_of_a_create_is_stored_although_no_record_is_named_beside_it(state: State) -> None:
    _, (entry,) = intend(state, a_create())
    settle(state, Settlement(entry=entry, written=Written.DONE, link=ANA, bases={"email": "new@coop.org"}))
    known = state.store.knowledge.load(the_mapping())
    assert (known.links, known.bases[ANA]["email"]) == ({ANA}, "new@coop.org")


def test_a_link_alone_is_learnt_and_an_entry_keeps_its_record_where_its_outcome_names_none(state: State) -> None:
    _, (entry,) = intend(state, a_change())
    settle(state, Settlement(entry=entry, written=Written.DONE, link=ANA))
    assert state.store.knowledge.load(the_mapping()).links == {ANA}
    [found] = state.store.journal.of_record(Side.AIRTABLE, ANA.airtable)
    assert (found.id, found.record) == (entry, ANA.airtable)


def test_an_entry_that_cannot_be_settled_or_a_run_that_is_not_there_is_named_with_the_next_step(state: State) -> None:
    _, (entry,) = intend(state, a_change())
    settle(state, Settlement(entry=entry, written=Written.DONE))
    with pytest.raises(StoreError) as settled:
        settle(state, Settlement(entry=entry, written=Written.DONE))
    assert settled.value.args[0] == f"Journal entry {entry} is not open, so it cannot be settled."
    assert settled.value.next_step == "run `bridge db check`."
    with state.store.runs.lease("groups", "test") as lease, pytest.raises(StoreError) as missing:
        state.store.journal.intend(77, [a_change()], lease)
    assert missing.value.args[0] == "There is no run 77 in the state."
    assert missing.value.next_step == "`bridge runs` lists them."


def test_a_sealed_cell_is_bound_to_its_run_and_is_still_opened_by_every_later_bridge(state: State) -> None:
    """Where a value stands is part of its seal: another word for the journal would make all that is kept unreadable."""
    keyed = state.again(KEY)
    with keyed.runs.lease("groups", "test") as lease:
        run = keyed.runs.start("groups", mode="correct", kind="sweep", by="")
        keyed.journal.intend(run, [a_change(a_cell("premium", "1", "2", sensitive=True))], lease)
    with keyed.database.reading() as connection:
        kept = dict(connection.execute(select(journal)).one()._mapping)
    for place, opens in ((f"journal/{run}", True), (f"journal/{run + 1}", False)):
        _, [cell] = unpack_change(kept, keyed.vault, place)
        assert cell.sealed is not opens
