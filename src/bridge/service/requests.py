"""Syncs that people ask a serving process for: each waits for the one worker, and can be followed until it is done.

The state keeps each with the idempotency key it was asked under, so that a retry after a restart, or against another process
on the same state, is answered with the same request. What waited when its process went is taken over by the next; what was
under way is not begun a second time. How far a run is, only its own process knows.
"""

import dataclasses
import datetime as dt
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import structlog

from bridge.core.mapping import Mode
from bridge.core.record import Json, Side
from bridge.errors import BridgeError, RequestRejected, RunInProgress, StoreError
from bridge.ports import Clock, Progress, RunState, SyncRecord, Syncs
from bridge.service.order import Result
from bridge.service.worker import Worker

log = structlog.get_logger()

_REMEMBERED = 500
_MOST_WAITING = 50
_ALIVE = dt.timedelta(minutes=2)
"""For how long a process that gave no sign of life still has what it took."""
_LATEST = dt.timedelta(days=1)
"""What waited for longer, through a long outage of bridge itself, is not what anybody still expects."""


class Stage(StrEnum):
    """Where a request stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    HELD = "held"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: one mapping or all, one record or all, written or only planned.

    Or else the held plan of a digest, or a choice: `choice` is a discrepancy's fingerprint, the side whose value is right, and
    the discrepancy's stamp as it was shown.
    """

    mapping: str | None = None
    record: tuple[Side, str] | None = None
    dry_run: bool = False
    digest: str | None = None
    choice: tuple[str, Side, str | None] | None = None
    mode: Mode | None = None
    """OBSERVE writes nothing whatever the settings say; None goes by the settings."""
    delta: bool = False
    """Look only at what changed since the last complete pull."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far one long wait is, as `ports.Progress` tells it."""

    what: str
    done: int
    total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One wish on its way.

    `steps` are those of the run in hand, in the order they began, and `runs` what it came to, both known to its own process
    alone; `numbers` are those of its runs, once it has ended; `problem` says why it failed, without values.
    """

    id: str
    wish: Wish
    by: str
    asked_at: dt.datetime
    stage: Stage = Stage.WAITING
    started_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    steps: tuple[Step, ...] = ()
    runs: tuple[Result, ...] = ()
    numbers: tuple[int, ...] = ()
    problem: str = ""
    error: BridgeError | None = None


Then = Callable[[Request], None]
"""Told once, by the worker's thread, when a request has ended."""


Run = Callable[[Wish, str, Progress], Sequence[Result]]
"""Carries a wish out in somebody's name."""


class Requests:
    """The book of requests. Threads may share it. `after` is called when a wish was carried out and whoever asked was told."""

    def __init__(
        self, worker: Worker, run: Run, clock: Clock, syncs: Syncs, after: Callable[[Wish], None] = lambda _: None
    ) -> None:
        self._worker = worker
        self._after = after
        self._run = run
        self._clock = clock
        self._syncs = syncs
        self._book: OrderedDict[str, Request] = OrderedDict()
        self._then: dict[str, list[Then]] = {}
        self._lock = threading.Lock()
        self._held_at = clock()

    def ask(self, wish: Wish, by: str, then: Then | None = None, *, key: str = "") -> Request:
        """Put the wish in line; an equal one that still waits is the answer to both. `then` is told when it has ended.

        What the same person asked for under this `key` before is the answer, ended or not. Raises RequestRejected if that
        was another wish, RunInProgress if too many wait already or the process is stopping, StoreError if it cannot be kept.
        """
        with self._lock:
            if key and (earlier := self._syncs.asked(by, key)) is not None:
                return self._same(earlier, wish)
            waiting = [each for each in self._book.values() if each.stage is Stage.WAITING]
            same = next((each for each in waiting if each.wish == wish), None)
            if same is None and (len(waiting) >= _MOST_WAITING or self._worker.stopping):
                raise RunInProgress(
                    f"{len(waiting)} syncs wait already, or the server is stopping.", next_step="ask again in a minute."
                )
            made = same or Request(id=secrets.token_hex(8), wish=wish, by=by, asked_at=self._clock())
            taken = self._syncs.take(dataclasses.replace(_kept(made), by=by), self._clock() + _ALIVE, key=key)
            if taken.id != made.id:
                return self._same(taken, wish)
            if same is None:
                self._enter(made)
            self._then[made.id] += [then] if then else []
            return made

    def get(self, id: str) -> Request | None:  # noqa: A002  # its own word for it
        """The request, or None if it is unknown or long ago."""
        if (known := self._book.get(id)) is not None:
            return known
        stored = self._syncs.get(id)
        return _known(stored) if stored is not None else None

    def adopt(self) -> None:
        """Take over what waits and whose process is gone, and say of our own that we are there."""
        now = self._clock()
        for each in map(_known, self._syncs.adopt(now + _ALIVE)):
            with self._lock:
                if each.id in self._book:  # our own: the machine had slept, or its clock was moved
                    continue
                if each.stage is Stage.WAITING and now - each.asked_at < _LATEST:
                    log.info("sync taken over", sync=each.id)
                    self._enter(each)
                    continue
            problem = "The server stopped before it ended. Whatever it left is settled by the next run."
            self._write(dataclasses.replace(each, stage=Stage.FAILED, finished_at=now, problem=problem))
        if now - self._held_at >= _ALIVE / 4 and (ours := self._unfinished()):
            self._syncs.hold(ours, now + _ALIVE)
            self._held_at = now

    def leave(self) -> None:
        """The worker has stopped: what still waits is the next process's."""
        if waiting := self._unfinished():
            self._syncs.hold(waiting, self._clock())

    def _unfinished(self) -> list[str]:
        with self._lock:
            return [each.id for each in self._book.values() if each.finished_at is None]

    def _same(self, earlier: SyncRecord, wish: Wish) -> Request:
        """What was asked for under a key before."""
        known = self._book.get(earlier.id) or _known(earlier)
        if known.wish != wish:
            raise RequestRejected("This Idempotency-Key was used for another request.", next_step="use a new one.")
        return known

    def _enter(self, made: Request) -> None:
        """Into the book and into line. One that the worker takes no more, because it is stopping, is the next process's."""
        self._book[made.id] = made
        self._then[made.id] = []
        self._worker.submit(made.id, lambda: self._carry_out(made))
        while len(self._book) > _REMEMBERED:
            self._book.popitem(last=False)

    def _carry_out(self, asked: Request) -> None:
        running = dataclasses.replace(asked, stage=Stage.RUNNING, started_at=self._clock())
        if not self._keep(running):
            self._then.pop(asked.id, None)
            return  # this process was away for so long that another has taken it over
        ended = dataclasses.replace(running, stage=Stage.FAILED, problem="The run broke off; the log says why.")
        try:
            runs = tuple(self._run(asked.wish, asked.by, partial(self._step, asked.id)))
            problem = "; ".join(each.error.message for each in runs if each.error is not None)
            numbers = tuple(each.run for each in runs if each.run)
            ended = dataclasses.replace(running, stage=_stage(runs), runs=runs, numbers=numbers, problem=problem)
        except BridgeError as error:
            ended = dataclasses.replace(running, stage=Stage.FAILED, problem=str(error), error=error)
        finally:
            ended = dataclasses.replace(ended, finished_at=self._clock())
            self._keep(ended)
            with self._lock:
                waiting = self._then.pop(asked.id, [])
            for then in waiting:
                then(ended)
        self._after(asked.wish)

    def _step(self, id: str, what: str, done: int, total: int | None) -> None:  # noqa: A002
        """Note how far the run is; both sides are pulled at once, each on a thread of its own."""
        with self._lock:
            if (request := self._book.get(id)) is not None:
                steps = {**{each.what: each for each in request.steps}, what: Step(what, done, total)}
                self._book[id] = dataclasses.replace(request, steps=tuple(steps.values()))

    def _keep(self, request: Request) -> bool:
        """Note how it stands; False if it is ours no more."""
        with self._lock:
            self._book[request.id] = request
        if self._write(request):
            return True
        with self._lock:
            self._book.pop(request.id)
        return False

    def _write(self, request: Request) -> bool:
        """Keep it in the state. A state that cannot be written is said, and stops no run that can go on without."""
        try:
            return self._syncs.keep(_kept(request))
        except StoreError as error:
            log.warning("a sync's standing could not be kept", sync=request.id, message=error.message)
            return True


def _kept(request: Request) -> SyncRecord:
    """The request as the state keeps it."""
    wish = request.wish
    said: dict[str, Json] = {
        "mapping": wish.mapping,
        "record": [wish.record[0].value, wish.record[1]] if wish.record else None,
        "dry_run": wish.dry_run,
        "digest": wish.digest,
        "choice": [wish.choice[0], wish.choice[1].value, wish.choice[2]] if wish.choice else None,
        "mode": wish.mode.value if wish.mode else None,
        "delta": wish.delta,
    }
    return SyncRecord(
        id=request.id,
        wish=said,
        by=request.by,
        stage=request.stage.value,
        asked_at=request.asked_at,
        started_at=request.started_at,
        finished_at=request.finished_at,
        runs=request.numbers,
        problem=request.problem,
    )


def _known(kept: SyncRecord) -> Request:
    """The request that the state kept."""
    said: Mapping[str, Any] = kept.wish
    record, choice, mode = said["record"], said["choice"], said["mode"]
    wish = Wish(
        mapping=said["mapping"],
        record=(Side(record[0]), record[1]) if record else None,
        dry_run=said["dry_run"],
        digest=said["digest"],
        choice=(choice[0], Side(choice[1]), choice[2]) if choice else None,
        mode=Mode(mode) if mode else None,
        delta=said["delta"],
    )
    return Request(
        id=kept.id,
        wish=wish,
        by=kept.by,
        asked_at=kept.asked_at,
        stage=Stage(kept.stage),
        started_at=kept.started_at,
        finished_at=kept.finished_at,
        numbers=kept.runs,
        problem=kept.problem,
    )


def _stage(runs: Sequence[Result]) -> Stage:
    """How runs ended together: failed if any did, else held if any is."""
    states = {each.state for each in runs}
    if states & {RunState.FAILED, RunState.INTERRUPTED}:
        return Stage.FAILED
    return Stage.HELD if RunState.HELD in states else Stage.DONE
