"""A person's word and a run that meet at the same entry in the same moment: neither is lost, on either database."""

import threading
from collections.abc import Callable, Sequence

import pytest

from bridge.core import ledger
from bridge.core.ledger import Entry, Event, Happened, Reach, Reason, advance
from bridge.core.ledger import State as Standing
from bridge.core.plan import Discrepancy
from bridge.errors import StaleRecord
from store.store_builders import START, State, a_discrepancy

WAIT_SECONDS = 0.3
"""How long a thread is watched that must not get further."""


def met(state: State, *found: Discrepancy, between: Callable[[], None] = lambda: None) -> None:
    """A complete run finds these; `between` happens after it has read the ledger and before it writes it."""

    def step(entries: Sequence[Entry]) -> tuple[Sequence[Entry], Sequence[Event]]:
        between()
        moved = advance(entries, found, reach=Reach(complete=True), now=state.clock(), run=1)
        return moved.changed, moved.events

    state.again().ledger.move("groups", step)


def accepted(state: State, before: Entry) -> None:
    """A person lets it stand."""
    after, event = ledger.accept(before, Reason.TIMING, by="maria", at=START)
    state.again().ledger.keep(before, after, event)


def the_entry(state: State) -> Entry:
    (found,) = state.store.ledger.list()
    return found


@pytest.fixture
def opened(state: State) -> Entry:
    met(state, a_discrepancy(204))
    return the_entry(state)


def test_a_word_given_while_a_run_tells_waits_for_it_and_both_stand(state: State, opened: Entry) -> None:
    done = threading.Event()
    words: list[threading.Thread] = []

    def word() -> None:
        accepted(state, opened)
        done.set()

    def between() -> None:
        words.append(threading.Thread(target=word))
        words[0].start()
        assert not done.wait(WAIT_SECONDS), "the word waits until the run has told"

    met(state, a_discrepancy(204), between=between)
    words[0].join(timeout=60)
    assert done.is_set()
    now = the_entry(state)
    assert (now.state, now.accepted_reason, now.runs) == (Standing.ACCEPTED, "timing", 2)
    assert [each.happened for each in state.store.ledger.events()] == [Happened.OPENED, Happened.ACCEPTED]


def test_a_word_on_what_a_run_resolves_in_that_moment_is_refused(state: State, opened: Entry) -> None:
    met(state)
    with pytest.raises(StaleRecord, match="changed meanwhile"):
        accepted(state, opened)
    assert the_entry(state).state is Standing.RESOLVED


def test_a_word_on_what_a_run_only_met_again_meanwhile_does_not_turn_its_count_back(state: State, opened: Entry) -> None:
    met(state, a_discrepancy(204))
    accepted(state, opened)
    assert (the_entry(state).state, the_entry(state).runs) == (Standing.ACCEPTED, 2)


def test_a_step_that_fails_leaves_the_ledger_as_it_was(state: State, opened: Entry) -> None:
    def dies() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        met(state, a_discrepancy(204), between=dies)
    assert the_entry(state) == opened
