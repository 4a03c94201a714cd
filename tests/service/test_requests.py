"""Syncs that people ask a serving process for: put in line, followed, and never lost sight of."""

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from bridge.core.record import Side
from bridge.errors import RunInProgress, Unavailable
from bridge.ports import RunState
from bridge.service.order import Result
from bridge.service.requests import Request, Requests, Stage, Wish
from bridge.service.worker import Worker
from fakes import FakeClock


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker()
    yield made
    made.stop(5)


def ended(run: int, state: RunState = RunState.DONE) -> Result:
    return Result(run=run, mapping="groups", state=state)


def book(worker: Worker, run: Callable[[Wish, str], Sequence[Result]]) -> Requests:
    return Requests(worker, run, FakeClock())


def finished(requests: Requests, worker: Worker, asked: Request) -> Request:
    """The request once the worker has done all that waited."""
    done = threading.Event()
    worker.submit(object(), done.set)
    if not worker.alive:
        worker.start()
    assert done.wait(5)
    found = requests.get(asked.id)
    assert found is not None
    return found


def test_a_wish_waits_runs_and_ends_with_its_runs(worker: Worker) -> None:
    seen: list[tuple[Wish, str, Stage]] = []

    def run(wish: Wish, by: str) -> list[Result]:
        under_way = requests.get(asked.id)
        assert under_way is not None
        seen.append((wish, by, under_way.stage))
        return [ended(7)]

    requests = book(worker, run)
    wish = Wish(mapping="groups", record=(Side.CIVICRM, "12"))
    asked = requests.ask(wish, "olga")
    assert (asked.stage, asked.by) == (Stage.WAITING, "olga")
    found = finished(requests, worker, asked)
    assert seen == [(wish, "olga", Stage.RUNNING)]
    assert (found.stage, [each.run for each in found.runs]) == (Stage.DONE, [7])
    assert found.started_at is not None
    assert found.finished_at is not None


@pytest.mark.parametrize(
    ("states", "stage"),
    [
        ([RunState.DONE, RunState.HELD], Stage.HELD),
        ([RunState.HELD, RunState.FAILED], Stage.FAILED),
        ([RunState.DONE], Stage.DONE),
        ([], Stage.DONE),
    ],
)
def test_the_worst_of_its_runs_says_how_it_ended(worker: Worker, states: list[RunState], stage: Stage) -> None:
    requests = book(worker, lambda _wish, _by: [ended(number, state) for number, state in enumerate(states)])
    assert finished(requests, worker, requests.ask(Wish(), "olga")).stage is stage


def test_a_run_that_cannot_begin_is_a_failure_with_its_reason(worker: Worker) -> None:
    def run(_wish: Wish, _by: str) -> list[Result]:
        raise RunInProgress("groups is being run by ana.", next_step="wait until it is done.")

    requests = book(worker, run)
    found = finished(requests, worker, requests.ask(Wish(), "olga"))
    assert (found.stage, found.problem) == (Stage.FAILED, "groups is being run by ana. Next: wait until it is done.")


def test_a_source_that_could_not_be_read_is_told_in_words(worker: Worker) -> None:
    failed = Result(run=1, mapping="groups", state=RunState.FAILED, error=Unavailable("CiviCRM did not answer."))
    requests = book(worker, lambda _wish, _by: [failed])
    assert finished(requests, worker, requests.ask(Wish(), "olga")).problem == "CiviCRM did not answer."


def test_a_defect_ends_the_request_without_telling_a_value(worker: Worker) -> None:
    def run(_wish: Wish, _by: str) -> list[Result]:
        raise KeyError("Lupe Ortega")

    requests = book(worker, run)
    found = finished(requests, worker, requests.ask(Wish(), "olga"))
    assert found.stage is Stage.FAILED
    assert "Lupe" not in found.problem


def test_an_equal_wish_that_still_waits_is_the_answer_to_both(worker: Worker) -> None:
    runs: list[Wish] = []

    def run(wish: Wish, _by: str) -> list[Result]:
        runs.append(wish)
        return []

    requests = book(worker, run)
    first, second = requests.ask(Wish(mapping="groups"), "olga"), requests.ask(Wish(mapping="groups"), "ana")
    other = requests.ask(Wish(mapping="groups", dry_run=True), "ana")
    assert first.id == second.id != other.id
    finished(requests, worker, other)
    assert len(runs) == 2
    assert requests.ask(Wish(mapping="groups"), "olga").id != first.id, "that one has ended: this is another"


def test_too_many_are_refused_and_the_oldest_that_ended_are_forgotten(worker: Worker) -> None:
    requests = book(worker, lambda _wish, _by: [])
    first = requests.ask(Wish(mapping="m0"), "olga")
    for number in range(1, 50):
        requests.ask(Wish(mapping=f"m{number}"), "olga")
    with pytest.raises(RunInProgress, match="50 syncs wait"):
        requests.ask(Wish(mapping="one-more"), "olga")
    finished(requests, worker, first)
    for number in range(500):
        finished(requests, worker, requests.ask(Wish(mapping=f"n{number}"), "olga"))
    assert requests.get(first.id) is None


def test_nothing_is_taken_once_the_process_is_stopping(worker: Worker) -> None:
    requests = book(worker, lambda _wish, _by: [])
    worker.start()
    worker.stop(5)
    with pytest.raises(RunInProgress):
        requests.ask(Wish(), "olga")
