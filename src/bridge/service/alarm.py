"""What wakes the schedule: APScheduler, and nothing else of it. It keeps no state and knows no timetable of its own."""

import datetime as dt
import random
from collections.abc import Callable
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor  # type: ignore[import-untyped]  # APScheduler 3 ships no types
from apscheduler.jobstores.memory import MemoryJobStore  # type: ignore[import-untyped]
from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped]
from apscheduler.triggers.base import BaseTrigger  # type: ignore[import-untyped]

Wake = Callable[[dt.datetime], dt.datetime | None]
"""The first moment after the one given at which somebody wants to be woken, both in UTC; None for never."""

_ASK_AGAIN = dt.timedelta(days=1)


class Alarm:
    """Calls `ring` at each moment that `wake` names, at most `jitter` late, and `poll` every `period`; on one thread.

    Nothing is stored: the run ledger knows what ran. A late wake-up is never dropped, and two are never made of one.
    """

    def __init__(
        self,
        wake: Wake,
        ring: Callable[[], object],
        poll: Callable[[], object],
        *,
        period: dt.timedelta,
        jitter: dt.timedelta,
    ) -> None:
        self._trigger = _Wake(wake, jitter)
        self._ring = ring
        self._scheduler = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(max_workers=1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=dt.UTC,
        )
        self._scheduler.add_job(poll, "interval", seconds=period.total_seconds(), id="poll")
        self.reset()

    def start(self) -> None:
        """Begin to ring."""
        self._scheduler.start()

    def reset(self) -> None:
        """Ask `wake` anew: the timetable is another."""
        self._scheduler.add_job(self._ring, self._trigger, id="ring", replace_existing=True)

    def stop(self) -> None:
        """Ring no more; a call under way goes on."""
        self._scheduler.shutdown(wait=False)


class _Wake(BaseTrigger):  # type: ignore[misc]  # untyped
    """A trigger that asks our own timetable: APScheduler's would fire twice when clocks go back (tried with 3.11.3)."""

    def __init__(self, wake: Wake, jitter: dt.timedelta) -> None:
        self._wake = wake
        self._jitter = jitter

    def get_next_fire_time(self, previous_fire_time: dt.datetime | None, now: dt.datetime) -> Any:
        """The next moment, a little late so that several processes and mappings do not begin in the same second.

        It never ends: a job without a next time is removed, which fails if the scheduler is just being stopped (3.11.3).
        """
        moment = max(filter(None, (previous_fire_time, now)))
        due = self._wake(moment)
        return due + self._jitter * random.random() if due else moment + _ASK_AGAIN  # noqa: S311  # keeps no secret
