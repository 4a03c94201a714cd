"""The schedule of all mappings: what is due, what was missed, and when to look again.

It is level-triggered like the runs themselves. Whenever it is woken, it compares each duty's latest firing with the last run in
the run ledger; what has not run since is due, once, however many firings went by. A process that was down, a machine that
slept and a run that took too long are therefore the same case.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.timing import Schedule, Slot
from bridge.ports import Clock, RunState, RunTotal
from bridge.service.order import Kind
from bridge.service.timetable import LOOK_BACK, between, following, latest


class Work(StrEnum):
    """What a schedule asks for: pull everything, pull what changed, or tell people."""

    SWEEP = "sweep"
    SYNC = "sync"
    DIGEST = "digest"


_DID: Mapping[Work, frozenset[str]] = {Work.SWEEP: frozenset({Kind.SWEEP}), Work.SYNC: frozenset({Kind.SWEEP, Kind.DELTA})}
"""The kinds of run that do a duty: a sweep pulls what a sync would have pulled."""
_CUT_SHORT = frozenset({RunState.RUNNING, RunState.INTERRUPTED})


@dataclass(frozen=True, slots=True)
class Duty:
    """Work that comes again and again: of one mapping, or for all together where it tells people."""

    work: Work
    mapping: str | None = None


class Timetable:
    """When each duty of these mappings (parents first) is due. A value: nothing in it moves."""

    def __init__(self, mappings: Sequence[FieldMapping]) -> None:
        self._slots: dict[Duty, list[tuple[Slot, Schedule]]] = {}
        for mapping in mappings:
            if mapping.schedule is not None:
                self._add(Duty(Work.SWEEP, mapping.name), mapping.schedule.sweep, mapping.schedule)
                self._add(Duty(Work.SYNC, mapping.name), mapping.schedule.sync, mapping.schedule)
        for mapping in mappings:
            if mapping.schedule is not None:
                self._add(Duty(Work.DIGEST), mapping.schedule.digest, mapping.schedule)

    def _add(self, duty: Duty, slot: Slot | None, schedule: Schedule) -> None:
        if slot is not None:
            self._slots.setdefault(duty, []).append((slot, schedule))

    @property
    def duties(self) -> tuple[Duty, ...]:
        """All duties, in the order in which they are done: parents before what refers to them, telling last."""
        return tuple(self._slots)

    def following(self, duty: Duty, after: dt.datetime) -> dt.datetime | None:
        """When a duty is due next, in UTC."""
        return min(filter(None, (following(*each, after) for each in self._slots.get(duty, ()))), default=None)

    def count(self, duty: Duty, after: dt.datetime, until: dt.datetime) -> int:
        """How often a duty is due after a moment and before another; firings at one moment count once."""
        return len({moment for each in self._slots.get(duty, ()) for moment in between(*each, after, until)})

    def wake(self, after: dt.datetime) -> dt.datetime | None:
        """When any duty is due next, in UTC; None if there is none."""
        return min(filter(None, (self.following(duty, after) for duty in self._slots)), default=None)

    def latest(self, duty: Duty, until: dt.datetime) -> dt.datetime | None:
        """When a duty was due last, in UTC; None on a day that is closed, and for telling if that was not today.

        Telling is not caught up on another day: the next time tells all that is new since the last.
        """
        look_back = 0 if duty.work is Work.DIGEST else LOOK_BACK
        found = (latest(*each, until, look_back=look_back) for each in self._slots.get(duty, ()))
        return max(filter(None, found), default=None)

    def pending(self, now: dt.datetime, done: Callable[[Duty], Sequence[dt.datetime | None]]) -> list[Duty]:
        """What is due and was not begun since, in the order to do it; `done` says when a duty was last begun."""
        due = [duty for duty in self._slots if _is_due(self.latest(duty, now), done(duty), now)]
        return [each for each in due if each.work is not Work.SYNC or Duty(Work.SWEEP, each.mapping) not in due]

    def may_tell(self, now: dt.datetime) -> bool:
        """Whether today's telling has come, so that what a run finds may be told at once; always where none is scheduled."""
        digest = Duty(Work.DIGEST)
        return digest not in self._slots or self.latest(digest, now) is not None


def _is_due(latest: dt.datetime | None, done: Sequence[dt.datetime | None], now: dt.datetime) -> bool:
    """Whether nothing was done since `latest`. What was done in the future was dated by a wrong clock, and does not count."""
    return latest is not None and not any(each is not None and latest <= each <= now for each in done)


def last_begun(totals: Sequence[RunTotal], duty: Duty) -> dt.datetime | None:
    """When a run that does this duty last began and came to an end, good or bad; None if there was none."""
    kinds = _DID.get(duty.work, frozenset())
    return max(
        (
            each.last_started
            for each in totals
            if each.mapping == duty.mapping and each.kind in kinds and each.state not in _CUT_SHORT
        ),
        default=None,
    )


class Agenda:
    """Hands over what is due whenever it is looked at; one firing is handed over once."""

    def __init__(
        self, timetable: Timetable, totals: Callable[[], Sequence[RunTotal]], submit: Callable[[Duty], object], clock: Clock
    ) -> None:
        self.timetable = timetable
        self._totals = totals
        self._submit = submit
        self._clock = clock
        self._handed: dict[Duty, dt.datetime] = {}

    def look(self) -> list[Duty]:
        """Hand over all that is due; what it was."""
        now, totals = self._clock(), self._totals()

        def done(duty: Duty) -> tuple[dt.datetime | None, ...]:
            return self._handed.get(duty), last_begun(totals, duty)

        due = self.timetable.pending(now, done)
        for duty in due:
            self._handed[duty] = now
            self._submit(duty)
        return due

    def due(self) -> list[Duty]:
        """What no run has done since it was due last, by the run ledger alone; of a sweep and a sync the sweep."""
        totals = self._totals()
        return self.timetable.pending(self._clock(), lambda duty: (last_begun(totals, duty),))

    def is_due(self, duty: Duty) -> bool:
        """Whether no run has done the duty since it was due last, by the run ledger alone."""
        now = self._clock()
        return _is_due(self.timetable.latest(duty, now), (last_begun(self._totals(), duty),), now)

    def overdue(self) -> dict[str, dt.timedelta]:
        """How long ago each scheduled mapping's sweep was due if no complete one began since; zero if one did."""
        now, totals = self._clock(), [each for each in self._totals() if each.state in (RunState.DONE, RunState.HELD)]
        late = {}
        for duty in self.timetable.duties:
            if duty.work is Work.SWEEP and duty.mapping is not None:
                due = self.timetable.latest(duty, now)
                late[duty.mapping] = now - due if due and _is_due(due, (last_begun(totals, duty),), now) else dt.timedelta()
        return late

    def following(self) -> dict[Duty, dt.datetime | None]:
        """When each duty is due next."""
        now = self._clock()
        return {duty: self.timetable.following(duty, now) for duty in self.timetable.duties}
