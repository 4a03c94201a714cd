"""The outbox, the call ledger and the shared send times, the same on both databases."""

import datetime as dt
import threading

import pytest

from bridge.errors import StoreError
from bridge.ports import OutboxState
from store.store_builders import START, State


def test_a_message_is_planned_once_whoever_asks_again(state: State) -> None:
    outbox = state.store.outbox
    assert outbox.put("run-1", "#membership", {"text": "one"})
    assert not state.again().outbox.put("run-1", "#other", {"text": "two"})
    found = outbox.get("run-1")
    assert (found.channel, found.payload, found.state, found.created_at) == (
        "#membership",
        {"text": "two"},
        OutboxState.PLANNED,
        START,
    )
    assert outbox.get("run-2") is None


def test_a_sent_message_takes_a_new_payload_for_an_edit_in_place(state: State) -> None:
    outbox = state.store.outbox
    outbox.put("run-1", "#membership", {"text": "one"})
    outbox.mark("run-1", OutboxState.SENT, ts="17.1")
    assert not outbox.put("run-1", "#membership", {"text": "two"})
    found = outbox.get("run-1")
    assert (found.payload, found.ts) == ({"text": "two"}, "17.1")


def test_what_was_given_up_stays_what_it_was(state: State) -> None:
    outbox = state.store.outbox
    outbox.put("run-1", "#membership", {"text": "one"})
    outbox.mark("run-1", OutboxState.FAILED, error="forgotten")
    assert not outbox.put("run-1", "#membership", {"text": "two"})
    assert outbox.get("run-1").payload == {"text": "one"}


def test_pending_are_those_not_known_to_be_sent_or_refused_oldest_first_and_parents_before_threads(state: State) -> None:
    outbox = state.store.outbox
    for key, parent in (("child", "parent"), ("parent", None), ("sent", None), ("doubt", None), ("dying", None), ("bad", None)):
        outbox.put(key, "#c", {}, thread_of=parent)
    outbox.mark("sent", OutboxState.SENT, ts="1")
    outbox.mark("doubt", OutboxState.UNCERTAIN)
    outbox.mark("dying", OutboxState.SENDING)
    outbox.mark("bad", OutboxState.FAILED, error="channel_not_found")
    assert [each.key for each in outbox.pending()] == ["parent", "doubt", "dying", "child"]
    assert outbox.pending()[-1].thread_of == "parent"
    assert outbox.get("bad").error == "channel_not_found"


def test_attempts_are_counted_by_sending_and_the_ts_stays_once_known(state: State) -> None:
    outbox = state.store.outbox
    outbox.put("m", "#c", {})
    outbox.mark("m", OutboxState.SENDING)
    outbox.mark("m", OutboxState.PLANNED, error="try again")
    outbox.mark("m", OutboxState.SENDING)
    outbox.mark("m", OutboxState.SENT, ts="5.5")
    outbox.mark("m", OutboxState.SENDING)
    found = outbox.get("m")
    assert (found.attempts, found.ts, found.error) == (3, "5.5", "")


def test_an_unknown_message_cannot_be_marked(state: State) -> None:
    with pytest.raises(StoreError, match="no message nope"):
        state.store.outbox.mark("nope", OutboxState.SENT)


def test_calls_are_counted_by_account_and_month(state: State) -> None:
    calls = state.store.calls
    calls.add("appX")
    calls.add("appX", 9)
    calls.add("appY")
    state.clock.now = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    calls.add("appX")
    assert [calls.used("appX", "2026-11"), calls.used("appX", "2026-12"), calls.used("appY", "2026-11")] == [10, 1, 1]
    assert calls.used("appZ", "2026-11") == 0


def test_an_account_is_blocked_until_the_moment_has_come(state: State) -> None:
    calls = state.store.calls
    assert calls.blocked_until("appX") is None
    calls.block("appX", START + dt.timedelta(days=1), "quota")
    calls.block("appX", START + dt.timedelta(days=2), "quota")
    assert calls.blocked_until("appX") == START + dt.timedelta(days=2)
    state.clock.forward(days=2)
    assert calls.blocked_until("appX") is None


def test_a_turn_gives_the_last_send_times_and_keeps_what_it_is_left_with(state: State) -> None:
    slots = state.store.slots
    with slots.turn("appX") as turn:
        assert (list(turn.sent), turn.paused_until) == ([], 0.0)
        turn.sent = [float(number) for number in range(20)]
        turn.paused_until = 99.5
    with state.again().slots.turn("appX") as turn:
        assert (list(turn.sent), turn.paused_until) == ([float(number) for number in range(4, 20)], 99.5)
    with slots.turn("appY") as turn:
        assert not turn.sent


def test_a_turn_that_fails_changes_nothing(state: State) -> None:
    def take_and_fail() -> None:
        with state.store.slots.turn("appX") as turn:
            turn.sent = [1.0]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        take_and_fail()
    with state.store.slots.turn("appX") as turn:
        assert not turn.sent


def test_turns_of_many_threads_and_two_openings_never_overlap(state: State) -> None:
    stores = (state.store, state.again())

    def take(number: int) -> None:
        for _ in range(5):
            with stores[number % 2].slots.turn("appX") as turn:
                turn.sent = [(turn.sent[0] if turn.sent else 0.0) + 1.0]

    threads = [threading.Thread(target=take, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with state.store.slots.turn("appX") as turn:
        assert list(turn.sent) == [20.0]
