"""When a slot of a mapping's schedule fires: pure, in the schedule's own time zone, right on the days that clocks change.

Every firing belongs to one calendar day of that zone, and each is a moment in UTC. On the day clocks go forward a time that
does not exist fires once, as much later as the clocks jumped; on the day they go back a time that comes twice fires at its
first. What repeats within the day (`every`, or a crontab whose hour is `*`) goes on by elapsed time instead: it neither pauses
nor doubles.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo

from bridge.core.timing import Schedule, Slot

_DAY = dt.timedelta(days=1)
_MIDNIGHT = dt.time()
_LOOK_AHEAD = 5 * 366
"""Days: a leap day comes within four years, and closed days may take one away."""
LOOK_BACK = 400
"""Days: a yearly firing that was missed is still found."""


def following(slot: Slot, schedule: Schedule, after: dt.datetime) -> dt.datetime | None:
    """The slot's first firing after a moment, in UTC; None if there is none in the next years."""
    today = _day(schedule, after)
    days = (today + step * _DAY for step in range(-1, _LOOK_AHEAD))
    return next((moment for day in days for moment in firings(slot, schedule, day) if moment > after), None)


def latest(slot: Slot, schedule: Schedule, until: dt.datetime, *, look_back: int = LOOK_BACK) -> dt.datetime | None:
    """The slot's last firing up to a moment, in UTC; None on a closed day, and if there was none in `look_back` days."""
    today = _day(schedule, until)
    if is_closed(schedule, today):
        return None
    days = (today - step * _DAY for step in range(look_back + 1))
    return next((moment for day in days for moment in reversed(firings(slot, schedule, day)) if moment <= until), None)


def between(slot: Slot, schedule: Schedule, after: dt.datetime, until: dt.datetime) -> list[dt.datetime]:
    """The slot's firings after a moment and before another, in UTC and in order."""
    first, last = _day(schedule, after) - _DAY, _day(schedule, until) + _DAY
    days = (first + step * _DAY for step in range((last - first).days + 1))
    return [moment for day in days for moment in firings(slot, schedule, day) if after < moment < until]


def firings(slot: Slot, schedule: Schedule, day: dt.date) -> list[dt.datetime]:
    """The moments in UTC at which the slot fires on a day, in order; none on a closed day."""
    if is_closed(schedule, day) or day.isoweekday() not in slot.days:
        return []
    zone = ZoneInfo(schedule.timezone)
    if slot.at is not None:
        return [_moment(day, slot.at, zone)]
    if slot.every is not None:
        return list(_periodic(slot.every, slot.between, day, zone))
    return sorted(_by_crontab(_crontab(slot.crontab), day, zone)) if slot.crontab else []


def is_closed(schedule: Schedule, day: dt.date) -> bool:
    """Whether the day is one of the schedule's closed days."""
    return any(first <= day <= last for first, last in schedule.closed)


def _day(schedule: Schedule, moment: dt.datetime) -> dt.date:
    return moment.astimezone(ZoneInfo(schedule.timezone)).date()


def _moment(day: dt.date, time: dt.time, zone: ZoneInfo) -> dt.datetime:
    """The moment of a wall-clock time: the first of two, and beyond the gap where there is none (PEP 495, fold=0)."""
    return dt.datetime.combine(day, time, tzinfo=zone).astimezone(dt.UTC)


def _periodic(
    every: dt.timedelta, between: tuple[dt.time, dt.time] | None, day: dt.date, zone: ZoneInfo
) -> Iterator[dt.datetime]:
    """Every so often from the window's start to its end, both included; without a window from midnight to before the next."""
    first, last = between or (_MIDNIGHT, _MIDNIGHT)
    moment = _moment(day, first, zone)
    end = _moment(day, last, zone) if between else _moment(day + _DAY, last, zone) - dt.timedelta(microseconds=1)
    while moment <= end:
        yield moment
        moment += every


# ── crontabs: five fields as `config` has checked them, weekdays by name, never both a day of month and a weekday ──

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class _Crontab:
    """The numbers each field stands for; weekdays are ISO's. `hourly` if it goes on through all hours."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    hourly: bool


@cache
def _crontab(text: str) -> _Crontab:
    minute, hour, day, month, weekday = text.split()
    return _Crontab(
        minutes=_numbers(minute, 0, 59),
        hours=_numbers(hour, 0, 23),
        days=_numbers(day, 1, 31),
        months=_numbers(month, 1, 12, _MONTHS),
        weekdays=_numbers(weekday, 1, 7, _WEEKDAYS),
        hourly=hour.startswith("*"),
    )


def _numbers(field: str, low: int, high: int, names: tuple[str, ...] = ()) -> frozenset[int]:
    """The numbers of a field such as `*`, `*/15`, `5`, `1-5`, `mon,wed` or `jan-mar`."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        start, _, end = ("*", "", "") if span == "*" else span.partition("-")
        first = low if start == "*" else _number(start, names)
        last = _number(end, names) if end else (high if start == "*" or step else first)
        found.update(range(first, last + 1, int(step or 1)))
    return frozenset(found)


def _number(word: str, names: tuple[str, ...]) -> int:
    return names.index(word) + 1 if word in names else int(word)


def _by_crontab(crontab: _Crontab, day: dt.date, zone: ZoneInfo) -> set[dt.datetime]:
    if day.day not in crontab.days or day.month not in crontab.months or day.isoweekday() not in crontab.weekdays:
        return set()
    found = set()
    for hour in crontab.hours:
        for minute in crontab.minutes:
            wall = dt.datetime.combine(day, dt.time(hour, minute), tzinfo=zone)
            found.add(wall.astimezone(dt.UTC))
            if crontab.hourly and _comes_twice(wall):
                found.add(wall.replace(fold=1).astimezone(dt.UTC))
    return found


def _comes_twice(wall: dt.datetime) -> bool:
    """Whether clocks go back over this wall-clock time: its second offset from UTC is then the smaller."""
    first, second = wall.utcoffset(), wall.replace(fold=1).utcoffset()
    return first is not None and second is not None and second < first
