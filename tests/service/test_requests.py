"""Syncs that people ask a serving process for: put in line, followed, and never lost sight of."""

import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bridge.core.mapping import Mode
from bridge.core.record import Side
from bridge.errors import RequestRejected, RunInProgress, StoreError, Unavailable
from bridge.ports import Progress, RunState, SyncRecord, Syncs
from bridge.service.order import Result
from bridge.service.requests import Request, Requests, Stage, Step, Wish
from bridge.service.worker import Worker
from bridge.store import open_store
from fakes import FakeClock

Carry = Callable[[Wish, str], Sequence[Result]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def syncs(tmp_path: Path, clock: FakeClock) -> Iterator[Syncs]:
    with closing(open_store(f"sqlite:///{tmp_path}/bridge.db", [], clock)) as store:
        yield store.syncs


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker()
    yield made
    made.stop(5)


@pytest.fixture
def book(worker: Worker, clock: FakeClock, syncs: Syncs) -> Callable[[Carry], Requests]:
    """Makes a book of requests whose wishes are carried out as told."""
    return lambda run: Requests(worker, lambda wish, by, _progress: run(wish, by), clock, syncs)


def ended(run: int, state: RunState = RunState.DONE) -> Result:
    return Result(run=run, mapping="groups", state=state)


def finished(requests: Requests, worker: Worker, asked: Request) -> Request:
    """The request once the worker has done all that waited."""
    done = threading.Event()
    worker.submit(object(), done.set)
    if not worker.alive:
        worker.start()
    assert done.wait(60)
    found = requests.get(asked.id)
    assert found is not None
    return found


def test_a_wish_waits_runs_and_ends_with_its_runs(worker: Worker, book: Callable[[Carry], Requests]) -> None:
    seen: list[tuple[Wish, str, Stage]] = []

    def run(wish: Wish, by: str) -> list[Result]:
        under_way = requests.get(asked.id)
        assert under_way is not None
        seen.append((wish, by, under_way.stage))
        return [ended(7)]

    requests = book(run)
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
def test_the_worst_of_its_runs_says_how_it_ended(
    worker: Worker, book: Callable[[Carry], Requests], states: list[RunState], stage: Stage
) -> None:
    requests = book(lambda _wish, _by: [ended(number, state) for number, state in enumerate(states)])
    assert finished(requests, worker, requests.ask(Wish(), "olga")).stage is stage


def test_a_run_that_cannot_begin_is_a_failure_with_its_reason(worker: Worker, book: Callable[[Carry], Requests]) -> None:
    def run(_wish: Wish, _by: str) -> list[Result]:
        raise RunInProgress("groups is being run by ana.", next_step="wait until it is done.")

    requests = book(run)
    found = finished(requests, worker, requests.ask(Wish(), "olga"))
    assert (found.stage, found.problem) == (Stage.FAILED, "groups is being run by ana. Next: wait until it is done.")


def test_a_source_that_could_not_be_read_is_told_in_words(worker: Worker, book: Callable[[Carry], Requests]) -> None:
    failed = Result(run=1, mapping="groups", state=RunState.FAILED, error=Unavailable("CiviCRM did not answer."))
    requests = book(lambda _wish, _by: [failed])
    assert finished(requests, worker, requests.ask(Wish(), "olga")).problem == "CiviCRM did not answer."


def test_a_defect_ends_the_request_without_telling_a_value(worker: Worker, book: Callable[[Carry], Requests]) -> None:
    def run(_wish: Wish, _by: str) -> list[Result]:
        raise KeyError("Lupe Ortega")

    requests = book(run)
    found = finished(requests, worker, requests.ask(Wish(), "olga"))
    assert found.stage is Stage.FAILED
    assert "Lupe" not in found.problem


def test_an_equal_wish_that_still_waits_is_the_answer_to_both(worker: Worker, book: Callable[[Carry], Requests]) -> None:
    runs: list[Wish] = []

    def run(wish: Wish, _by: str) -> list[Result]:
        runs.append(wish)
        return []

    requests = book(run)
    first, second = requests.ask(Wish(mapping="groups"), "olga"), requests.ask(Wish(mapping="groups"), "ana")
    other = requests.ask(Wish(mapping="groups", dry_run=True), "ana")
    assert first.id == second.id != other.id
    finished(requests, worker, other)
    assert len(runs) == 2
    assert requests.ask(Wish(mapping="groups"), "olga").id != first.id, "that one has ended: this is another"


def test_too_many_are_refused_and_the_oldest_that_ended_are_read_from_the_state(
    worker: Worker, book: Callable[[Carry], Requests]
) -> None:
    requests = book(lambda _wish, _by: [])
    first = requests.ask(Wish(mapping="m0"), "olga")
    for number in range(1, 50):
        requests.ask(Wish(mapping=f"m{number}"), "olga")
    with pytest.raises(RunInProgress, match="50 syncs wait"):
        requests.ask(Wish(mapping="one-more"), "olga")
    finished(requests, worker, first)
    for number in range(460):
        finished(requests, worker, requests.ask(Wish(mapping=f"n{number}"), "olga"))
    kept = requests.get(first.id)
    assert kept is not None
    assert (kept.stage, kept.wish) == (Stage.DONE, Wish(mapping="m0"))
    assert requests.get("0" * 16) is None


def test_how_far_the_run_is_can_be_followed_for_both_sides_at_once(worker: Worker, clock: FakeClock, syncs: Syncs) -> None:
    seen: list[tuple[Step, ...]] = []

    def run(_wish: Wish, _by: str, progress: Progress) -> list[Result]:
        progress("CiviCRM", 0, None)
        progress("Airtable Groups", 100, None)
        progress("CiviCRM", 250, 500)
        under_way = requests.get(asked.id)
        assert under_way is not None
        seen.append(under_way.steps)
        return []

    requests = Requests(worker, run, clock, syncs)
    asked = requests.ask(Wish(), "olga")
    assert finished(requests, worker, asked).steps == (), "it is over"
    assert seen == [(Step("CiviCRM", 250, 500), Step("Airtable Groups", 100, None))]


def test_nothing_is_taken_once_the_process_is_stopping(worker: Worker, book: Callable[[Carry], Requests]) -> None:
    requests = book(lambda _wish, _by: [])
    worker.start()
    worker.stop(5)
    with pytest.raises(RunInProgress):
        requests.ask(Wish(), "olga")


# ── what outlives the process ──


@dataclass
class Server:
    """One process that serves: a worker, and a book over the state that all share."""

    syncs: Syncs
    clock: FakeClock
    ran: list[Wish] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.worker = Worker()
        self.requests = Requests(self.worker, self._run, self.clock, self.syncs)

    def _run(self, wish: Wish, _by: str, _progress: Progress) -> list[Result]:
        self.ran.append(wish)
        return [ended(7)]

    def works(self) -> None:
        """Do all that waits in line."""
        done = threading.Event()
        self.worker.submit(object(), done.set)
        if not self.worker.alive:
            self.worker.start()
        assert done.wait(5)

    def stops(self) -> None:
        self.worker.stop(5)
        self.requests.leave()

    def standing(self, id: str) -> tuple[Stage, tuple[int, ...]]:  # noqa: A002
        found = self.requests.get(id)
        assert found is not None
        return found.stage, found.numbers


@pytest.fixture
def serve(syncs: Syncs, clock: FakeClock) -> Iterator[Callable[[], Server]]:
    made: list[Server] = []

    def start() -> Server:
        made.append(Server(syncs, clock))
        made[-1].requests.adopt()
        return made[-1]

    yield start
    for each in made:
        each.worker.stop(5)


WISHES = [
    Wish(),
    Wish(mapping="groups", record=(Side.AIRTABLE, "rec00000000000001"), dry_run=True, mode=Mode.OBSERVE),
    Wish(mapping="groups", delta=True, mode=Mode.CORRECT),
    Wish(digest="a" * 64),
    Wish(mapping="groups", choice=("0123456789abcdef", Side.CIVICRM, "fedcba9876543210")),
    Wish(mapping="groups", choice=("0123456789abcdef", Side.AIRTABLE, None)),
]


@pytest.mark.parametrize("wish", WISHES)
def test_what_waited_at_a_stop_is_carried_out_by_the_next_process_just_as_it_was_meant(
    serve: Callable[[], Server], wish: Wish
) -> None:
    first = serve()
    asked = first.requests.ask(wish, "olga", key="morning")
    first.stops()
    second = serve()
    second.works()
    assert second.ran == [wish]
    assert second.standing(asked.id) == (Stage.DONE, (7,))
    assert second.requests.get(asked.id).by == "olga"  # type: ignore[union-attr]  # it stands there


def test_a_retry_under_its_key_is_the_same_sync_before_and_after_a_restart_and_elsewhere(serve: Callable[[], Server]) -> None:
    first, beside = serve(), serve()
    wish = Wish(mapping="groups")
    asked = first.requests.ask(wish, "olga", key="morning")
    assert beside.requests.ask(wish, "olga", key="morning").id == asked.id
    assert beside.standing(asked.id) == (Stage.WAITING, ())
    first.works()
    beside.works()
    assert beside.requests.ask(wish, "olga", key="morning").id == asked.id
    first.stops()
    after = serve()
    again = after.requests.ask(wish, "olga", key="morning")
    assert (again.id, again.stage, again.numbers) == (asked.id, Stage.DONE, (7,))
    after.works()
    assert (first.ran, beside.ran, after.ran) == ([wish], [], [])


def test_a_key_is_its_owners_and_for_one_wish(serve: Callable[[], Server]) -> None:
    server = serve()
    asked = server.requests.ask(Wish(mapping="groups"), "olga", key="morning")
    joined = server.requests.ask(Wish(mapping="groups"), "ana", key="morning")
    assert joined.id == asked.id, "an equal one still waits"
    server.works()
    assert server.requests.ask(Wish(mapping="groups"), "sam", key="morning").id != asked.id
    assert server.requests.ask(Wish(mapping="groups"), "ana", key="morning").id == asked.id
    assert server.requests.ask(Wish(mapping="groups"), "olga").id != asked.id, "without a key it is another one"
    for other in (server, serve()):
        with pytest.raises(RequestRejected, match="used for another request"):
            other.requests.ask(Wish(mapping="people"), "olga", key="morning")


def test_two_processes_that_are_asked_at_once_under_one_key_begin_one_sync(serve: Callable[[], Server], syncs: Syncs) -> None:
    first, second = serve(), serve()
    asked = first.requests.ask(Wish(mapping="groups"), "olga", key="morning")

    class Late:
        """Does not know the key yet when it is asked, as where both look at the same moment."""

        def asked(self, _by: str, _key: str) -> None:
            return None

        def __getattr__(self, name: str) -> object:
            return getattr(syncs, name)

    second.requests = Requests(second.worker, second._run, second.clock, Late())  # type: ignore[arg-type]  # the rest is the state's
    assert second.requests.ask(Wish(mapping="groups"), "olga", key="morning").id == asked.id
    second.works()
    assert second.ran == []


def test_what_was_under_way_when_its_process_died_is_said_to_have_failed_and_not_begun_again(
    serve: Callable[[], Server], syncs: Syncs, clock: FakeClock
) -> None:
    first = serve()
    asked = first.requests.ask(Wish(mapping="groups"), "olga", key="morning")
    kept = syncs.get(asked.id)
    assert kept is not None
    assert syncs.keep(dataclasses.replace(kept, stage="running"))
    clock.forward(minutes=3)
    second = serve()
    second.works()
    assert second.ran == []
    again = second.requests.ask(Wish(mapping="groups"), "olga", key="morning")
    assert (again.id, again.stage, again.finished_at) == (asked.id, Stage.FAILED, clock())
    assert "server stopped before it ended" in again.problem


def test_what_waited_longer_than_a_day_is_not_carried_out_any_more(serve: Callable[[], Server], clock: FakeClock) -> None:
    first = serve()
    old = first.requests.ask(Wish(mapping="groups"), "olga")
    clock.forward(hours=23)
    fresh = first.requests.ask(Wish(mapping="people"), "olga")
    first.stops()
    clock.forward(hours=2)
    second = serve()
    second.works()
    assert second.ran == [Wish(mapping="people")]
    assert (second.standing(old.id)[0], second.standing(fresh.id)[0]) == (Stage.FAILED, Stage.DONE)


def test_a_process_that_lives_keeps_what_it_has_in_line_however_long_that_takes(
    serve: Callable[[], Server], clock: FakeClock
) -> None:
    first, second = serve(), serve()
    asked = first.requests.ask(Wish(mapping="groups"), "olga")
    for _ in range(5):
        clock.forward(minutes=1)
        first.requests.adopt()
        second.requests.adopt()
    second.works()
    assert second.ran == []
    first.works()
    assert first.standing(asked.id) == (Stage.DONE, (7,))


def test_a_state_that_cannot_be_written_stops_no_sync_that_was_taken(worker: Worker, clock: FakeClock, syncs: Syncs) -> None:
    class Full:
        """A state whose disk filled up after the sync was taken."""

        def keep(self, _sync: SyncRecord) -> bool:
            raise StoreError("The disk is full.")

        def __getattr__(self, name: str) -> object:
            return getattr(syncs, name)

    requests = Requests(worker, lambda _wish, _by, _progress: [ended(7)], clock, Full())  # type: ignore[arg-type]  # the rest is the state's
    assert finished(requests, worker, requests.ask(Wish(), "olga")).stage is Stage.DONE


def test_one_that_another_process_took_over_is_not_run_twice(worker: Worker, clock: FakeClock, syncs: Syncs) -> None:
    class Taken:
        def keep(self, _sync: SyncRecord) -> bool:
            return False

        def __getattr__(self, name: str) -> object:
            return getattr(syncs, name)

    ran: list[Wish] = []

    def run(wish: Wish, _by: str, _progress: Progress) -> list[Result]:
        ran.append(wish)
        return []

    requests = Requests(worker, run, clock, Taken())  # type: ignore[arg-type]  # the rest is the state's
    asked = requests.ask(Wish(), "olga")
    assert finished(requests, worker, asked).stage is Stage.WAITING, "as the state knows it"
    assert ran == []
