"""The run ledger and the lease, the same on both databases."""

import datetime as dt
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from bridge.core.plan import Written
from bridge.core.record import Link, PerSide
from bridge.errors import RunInProgress, StoreError
from bridge.ports import RunState, Settlement
from store.store_builders import ANA, START, State, a_change, a_plan, the_mapping


def test_a_run_is_open_until_it_is_finished_and_tells_how_it_ended(state: State) -> None:
    runs = state.store.runs
    number = runs.start("groups", mode="correct", kind="sweep", by="ana")
    assert runs.get(number).state is RunState.RUNNING
    state.clock.forward(minutes=3)
    runs.finish(number, RunState.DONE, digest="abc", counts={"changes": 2}, note="fine")
    found = runs.get(number)
    assert (found.state, found.started_at, found.finished_at) == (RunState.DONE, START, START + dt.timedelta(minutes=3))
    assert (found.digest, found.counts, found.note, found.by, found.kind) == ("abc", {"changes": 2}, "fine", "ana", "sweep")


def test_runs_are_listed_newest_first_for_all_mappings_or_one(state: State) -> None:
    runs = state.store.runs
    numbers = [runs.start(name, mode="observe", kind="sweep", by="") for name in ("groups", "people", "groups")]
    assert [each.id for each in runs.list()] == numbers[::-1]
    assert [each.id for each in runs.list(mapping="groups")] == [numbers[2], numbers[0]]
    assert [each.id for each in runs.list(limit=1)] == [numbers[2]]
    assert runs.get(99) is None


def test_what_a_dead_process_left_running_is_marked_interrupted_once_and_stays_so(state: State) -> None:
    runs = state.store.runs
    left = runs.start("groups", mode="correct", kind="sweep", by="")
    elsewhere = runs.start("people", mode="correct", kind="sweep", by="")
    assert [each.id for each in runs.interrupted("groups")] == [left]
    assert not runs.interrupted("groups")
    assert runs.get(elsewhere).state is RunState.RUNNING
    runs.finish(left, RunState.DONE)
    assert runs.get(left).state is RunState.INTERRUPTED


def test_a_run_that_never_was_cannot_be_finished(state: State) -> None:
    with pytest.raises(StoreError, match="no run 41"):
        state.store.runs.finish(41, RunState.DONE)


def test_a_mapping_is_held_by_one_at_a_time_and_the_refusal_names_who_and_since_when(state: State) -> None:
    other = state.again()
    with state.store.runs.lease("groups", "bridge serve on atlas") as first:
        state.clock.forward(seconds=30)
        with pytest.raises(RunInProgress) as refused, other.runs.lease("groups", "ana"):
            pass
        assert "groups is being run by bridge serve on atlas since 2026-11-16 14:00:00 UTC" in str(refused.value)
        with other.runs.lease("people", "ana"):
            first.check()
    with other.runs.lease("groups", "ana") as second:
        assert second.token > first.token


def test_a_lease_that_is_renewed_does_not_expire(state: State) -> None:
    with state.store.runs.lease("groups", "first") as lease:
        for _ in range(4):
            state.clock.forward(seconds=90)
            lease.check()
        with pytest.raises(RunInProgress), state.again().runs.lease("groups", "second"):
            pass


def test_a_bulk_that_takes_minutes_to_store_does_not_cost_the_run_its_lease(state: State) -> None:
    """The first run of a large membership stores everything in one transaction, while nobody can renew the lease's row."""
    store, waiting = state.store, state.again()
    mapping, outcomes, others = the_mapping(), [], []

    def take() -> None:
        try:
            with waiting.runs.lease("groups", "second"):
                outcomes.append("taken")
        except RunInProgress:
            outcomes.append("refused")

    class Slow(dict[Link, dict[str, str]]):
        """What was agreed, and takes five minutes to be told: meanwhile somebody else would take over."""

        def __getitem__(self, link: Link) -> dict[str, str]:
            state.clock.forward(minutes=5)
            others.append(threading.Thread(target=take))
            others[-1].start()
            return super().__getitem__(link)

    run = store.runs.start("groups", mode="correct", kind="sweep", by="")
    with store.runs.lease("groups", "first") as lease:
        store.knowledge.store(mapping, a_plan(links=(ANA,), agreed=Slow({ANA: {"email": "a@coop.org"}})), lease)
        [other] = others
        other.join()
        assert outcomes == ["refused"]
        store.journal.intend(run, [a_change()], lease)  # the run goes on
    with waiting.runs.lease("groups", "second"):
        pass


def test_a_batch_that_takes_minutes_to_store_does_not_either(state: State) -> None:
    store, other = state.store, state.again()

    class Slow(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            state.clock.forward(minutes=5)
            return super().__iter__()

    run = store.runs.start("groups", mode="correct", kind="sweep", by="")
    with store.runs.lease("groups", "first") as lease:
        [entry] = store.journal.intend(run, Slow([a_change()]), lease)
        with pytest.raises(RunInProgress), other.runs.lease("groups", "second"):
            pass
        store.journal.settle(the_mapping(), Slow([Settlement(entry=entry, written=Written.DONE)]), lease)
        with pytest.raises(RunInProgress), other.runs.lease("groups", "second"):
            pass


def test_a_run_that_lost_its_lease_writes_nothing_more(state: State) -> None:
    """A process is stopped for ten minutes, another takes over, the first wakes up."""
    mapping, store, other = the_mapping(), state.store, state.again()
    run = store.runs.start("groups", mode="correct", kind="sweep", by="")
    with store.runs.lease("groups", "first") as stale:
        entry = store.journal.intend(run, [a_change()], stale)[0]
        state.clock.forward(minutes=10)
        with other.runs.lease("groups", "second") as fresh:
            before = state.rows()
            writes = (
                stale.check,
                lambda: store.journal.intend(run, [a_change()], stale),
                lambda: store.journal.settle(mapping, [], stale),
                lambda: store.knowledge.store(mapping, a_plan(), stale),
                lambda: store.knowledge.remember_run(mapping, PerSide(1, 1), stale),
                lambda: store.knowledge.set_absent("groups", [], stale),
            )
            for write in writes:
                with pytest.raises(RunInProgress, match="taken over"):
                    write()
            assert state.rows() == before
            fresh.check()
        with other.runs.lease("groups", "third"):
            pass
    assert [each.id for each in store.journal.open("groups")] == [entry]


def test_the_end_of_a_lost_lease_does_not_free_the_mapping_for_others(state: State) -> None:
    with state.store.runs.lease("groups", "first"):
        state.clock.forward(minutes=10)
        taken = state.again().runs.lease("groups", "second")
        taken.__enter__()
    with pytest.raises(RunInProgress, match="by second"), state.again().runs.lease("groups", "third"):
        pass
    taken.__exit__(None, None, None)


def test_a_lease_given_back_fences_too(state: State) -> None:
    with state.store.runs.lease("groups", "first") as lease:
        pass
    with pytest.raises(RunInProgress):
        lease.check()


def test_of_many_that_ask_at_once_one_gets_the_mapping(state: State) -> None:
    stores = [state.store, state.again()]
    got: list[int] = []
    refused: list[RunInProgress] = []
    everybody_asked = threading.Barrier(8)

    def ask(number: int) -> None:
        try:
            with stores[number % 2].runs.lease("groups", f"thread {number}") as lease:
                got.append(lease.token)
                everybody_asked.wait(timeout=90)
        except RunInProgress as error:
            refused.append(error)
            everybody_asked.wait(timeout=90)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (got, len(refused)) == ([1], 7)
