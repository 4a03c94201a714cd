"""What a run is asked to do, what it is given to do it with, and what came of it."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.core.choice import Choice
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.mapping import Mode
from bridge.core.plan import Change, Plan, Written
from bridge.core.record import Link, PerSide, Side
from bridge.errors import BridgeError
from bridge.ports import Clock, Outcome, Progress, Remote, RunState, Store, silent


class Kind(StrEnum):
    """What a run looks at: everything, what changed, one record; or only plans; or applies, or takes back, what is stored."""

    SWEEP = "sweep"
    DELTA = "delta"
    RECORD = "record"
    PLAN = "plan"
    APPLY = "apply"
    UNDO = "undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One run that somebody asked for. `mode` is what the settings allow; the mapping's own mode may lower it.

    `record` narrows the run to one record and its partner, and `choice` to the one cell of it that a person chose the value of.
    `by` is who asked: a login, a Slack id, or `schedule`. `found` are, by mapping, the links that the plans made just before
    this one found and, being plans, did not store: what refers to them is understood as it would be in a sync.
    """

    mode: Mode
    by: str
    kind: Kind = Kind.SWEEP
    record: tuple[Side, str] | None = None
    choice: Choice | None = None
    found: Mapping[str, Collection[Link]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a run is given. `holder` names this process to others that find the mapping leased.

    `remotes` makes a mapping's two sides. `quota_left` says how many Airtable calls the mapping's base has left this month,
    None without a quota; `calls_made` how many it has had. `settle_after` is how old a write in doubt must be before its
    absence is believed: a server goes on working after its client is gone (observed: 8 s). With `four_eyes`, whoever asked for
    a plan may not approve it. `stopping` says that the process was told to end: what was begun is ended, and no other write is
    begun.
    """

    store: Store
    remotes: Callable[[FieldMapping], PerSide[Remote]]
    clock: Clock
    sleep: Callable[[float], None]
    holder: str
    progress: Progress = silent
    quota_left: Callable[[FieldMapping], int | None] = lambda _: None
    calls_made: Callable[[FieldMapping], int] = lambda _: 0
    four_eyes: bool = False
    settle_after: dt.timedelta = dt.timedelta(seconds=10)
    stopping: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """Changes with how each ended. `error` is set where a side could not be looked at first: nothing was sent to it."""

    outcomes: Sequence[tuple[Change, Outcome]] = ()
    error: BridgeError | None = None

    def count(self, written: Written) -> int:
        """How many changes ended this way."""
        return Counter(outcome.written for _, outcome in self.outcomes)[written]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one run ended. `error` is set where it failed: the mapping's ledger then says 504 until a run succeeds.

    `run` is 0 where none could begin: the mapping cannot be run as it is configured, or another process runs it.
    """

    run: int
    mapping: str
    state: RunState
    plan: Plan | None = None
    digest: str | None = None
    applied: Applied = field(default_factory=Applied)
    doubts_settled: int = 0
    error: BridgeError | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[BridgeError, ...] = ()
    """What went wrong with showing what the run found inside the two systems: told, and no failure of the run."""


def raise_if_not_begun(results: Iterable[Result]) -> None:
    """Raise the error of the first run that could not begin, if there is one."""
    for each in results:
        if each.error is not None and not each.run:
            raise each.error
