"""What metrics and the schedule ask of the state, the same on both databases."""

import datetime as dt

from bridge.ports import OutboxState, RunState
from store.store_builders import START, State


def test_runs_are_added_up_by_mapping_kind_and_state(state: State) -> None:
    runs = state.store.runs
    assert runs.totals() == []
    for written in (2, 3):
        number = runs.start("groups", mode="correct", kind="sweep", by="schedule")
        state.clock.forward(seconds=5)
        runs.finish(number, RunState.DONE, counts={"changes": 4, "written": written, "discrepancies": 9})
    runs.start("groups", mode="correct", kind="delta", by="schedule")
    running, done = runs.totals()
    assert (running.kind, running.state, running.runs, running.seconds, running.last_finished) == (
        "delta",
        RunState.RUNNING,
        1,
        0,
        None,
    )
    assert (done.mapping, done.kind, done.state, done.runs, done.seconds) == ("groups", "sweep", RunState.DONE, 2, 10)
    assert (done.last_started, done.last_finished) == (START + dt.timedelta(seconds=5), START + dt.timedelta(seconds=10))
    nothing = dict.fromkeys(("refused", "stale", "in_doubt", "not_sent", "doubts_settled", "airtable_calls"), 0)
    assert done.counts == {"changes": 8, "written": 5, **nothing}
    (later,) = runs.totals(since=START + dt.timedelta(seconds=5))
    assert (later.runs, later.counts["written"]) == (1, 3), "what ended at that moment or before, or goes on, is left out"


def test_messages_are_counted_by_state_and_no_state_is_left_out(state: State) -> None:
    outbox = state.store.outbox
    assert outbox.counts() == dict.fromkeys(OutboxState, 0)
    for key in ("one", "two", "three"):
        outbox.put(key, "#membership", {})
    outbox.mark("three", OutboxState.SENT, ts="C1:1.5")
    assert outbox.counts() == {**dict.fromkeys(OutboxState, 0), OutboxState.PLANNED: 2, OutboxState.SENT: 1}
