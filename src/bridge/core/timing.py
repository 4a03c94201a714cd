"""When a mapping runs by itself: times of day, weekdays and closed days, in a zone of its own."""

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """When something runs: every `every` between two times of day, or `at` one; `crontab` instead of either; on `days`.

    `days` holds ISO weekdays, 1 (Monday) to 7 (Sunday).
    """

    every: dt.timedelta | None = None
    between: tuple[dt.time, dt.time] | None = None
    at: dt.time | None = None
    crontab: str | None = None
    days: frozenset[int] = frozenset(range(1, 8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When the mapping is synced (delta), swept and reported; never on a `closed` day (both ends included)."""

    timezone: str
    sync: Slot | None = None
    sweep: Slot | None = None
    digest: Slot | None = None
    closed: tuple[tuple[dt.date, dt.date], ...] = ()
