"""Syncs that people ask a serving process for: each waits for the one worker, and can be followed until it is done.

They are remembered while the process lives, at most a few hundred of them. One that a restart forgot is simply asked for
again: a run computes everything afresh, so asking twice writes nothing twice.
"""

import dataclasses
import datetime as dt
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bridge.core.record import Side
from bridge.errors import BridgeError, RunInProgress
from bridge.ports import Clock, RunState
from bridge.service.order import Result
from bridge.service.worker import Worker

_REMEMBERED = 500
_MOST_WAITING = 50


class Stage(StrEnum):
    """Where a request stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    HELD = "held"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: one mapping or all, one record or all, written or only planned; or the held plan of a digest."""

    mapping: str | None = None
    record: tuple[Side, str] | None = None
    dry_run: bool = False
    digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One wish on its way. `runs` are known once it has ended; `problem` says why it failed, without values."""

    id: str
    wish: Wish
    by: str
    asked_at: dt.datetime
    stage: Stage = Stage.WAITING
    started_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    runs: tuple[Result, ...] = ()
    problem: str = ""


class Requests:
    """The book of requests. Threads may share it."""

    def __init__(self, worker: Worker, run: Callable[[Wish, str], Sequence[Result]], clock: Clock) -> None:
        self._worker = worker
        self._run = run
        self._clock = clock
        self._book: OrderedDict[str, Request] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, wish: Wish, by: str) -> Request:
        """Put the wish in line; an equal one that still waits is the answer to both.

        Raises RunInProgress if too many wait already or the process is stopping.
        """
        with self._lock:
            waiting = [each for each in self._book.values() if each.stage is Stage.WAITING]
            if (same := next((each for each in waiting if each.wish == wish), None)) is not None:
                return same
            made = Request(id=secrets.token_hex(8), wish=wish, by=by, asked_at=self._clock())
            if len(waiting) >= _MOST_WAITING or not self._worker.submit(made.id, lambda: self._carry_out(made)):
                raise RunInProgress(
                    f"{len(waiting)} syncs wait already, or the server is stopping.", next_step="ask again in a minute."
                )
            self._book[made.id] = made
            while len(self._book) > _REMEMBERED:
                self._book.popitem(last=False)
            return made

    def get(self, id: str) -> Request | None:  # noqa: A002  # its own word for it
        """The request, or None if it is unknown or long ago."""
        return self._book.get(id)

    def _carry_out(self, asked: Request) -> None:
        running = self._keep(dataclasses.replace(asked, stage=Stage.RUNNING, started_at=self._clock()))
        ended = dataclasses.replace(running, stage=Stage.FAILED, problem="The run broke off; the log says why.")
        try:
            runs = tuple(self._run(asked.wish, asked.by))
            problem = "; ".join(each.error.message for each in runs if each.error is not None)
            ended = dataclasses.replace(running, stage=_stage(runs), runs=runs, problem=problem)
        except BridgeError as error:
            ended = dataclasses.replace(running, stage=Stage.FAILED, problem=str(error))
        finally:
            self._keep(dataclasses.replace(ended, finished_at=self._clock()))

    def _keep(self, request: Request) -> Request:
        with self._lock:
            self._book[request.id] = request
        return request


def _stage(runs: Sequence[Result]) -> Stage:
    """How runs ended together: failed if any did, else held if any is."""
    states = {each.state for each in runs}
    if states & {RunState.FAILED, RunState.INTERRUPTED}:
        return Stage.FAILED
    return Stage.HELD if RunState.HELD in states else Stage.DONE
