"""The little grammars of the mapping language: periods, shares, days, times, dates, crontabs, ids.

Each function takes what YAML held and returns the value the engine uses, or raises ValueError saying what was expected
(and, as a second argument, a hint).
"""

import datetime as dt
import re
import zoneinfo
from decimal import Decimal

from bridge.config.problems import suggest
from bridge.core.canonical import regions
from bridge.core.mapping import Today

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""In ISO order: Monday is 1."""

_UNITS = {"m": dt.timedelta(minutes=1), "h": dt.timedelta(hours=1), "d": dt.timedelta(days=1), "w": dt.timedelta(weeks=1)}
_PERIOD = re.compile(r"([1-9][0-9]{0,4}) ?([mhdw])")
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,2})?) ?%")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_TODAY = re.compile(r"today(?: ?([+-]) ?([0-9]{1,5})d)?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def period(value: object) -> dt.timedelta:
    """A length of time: `30m`, `2h`, `14d` or `6w`."""
    found = _PERIOD.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("expected a period such as `30m`, `2h`, `14d` or `6w`")
    return int(found[1]) * _UNITS[found[2]]


def days_ahead(value: object) -> dt.timedelta:
    """A period in whole days: `60d` or `6w`."""
    if not isinstance(value, str) or value[-1:] not in ("d", "w"):
        raise ValueError("expected a number of days such as `60d` or `6w`")
    return period(value)


def share(value: object) -> float:
    """A percentage as a fraction: `10%` is 0.1."""
    found = _SHARE.fullmatch(value) if isinstance(value, str) else None
    if found is None or float(found[1]) > 100:  # noqa: PLR2004  # a whole has 100 hundredths
        raise ValueError("expected a percentage from `0%` to `100%`, such as `10%`")
    return float(Decimal(found[1]) / 100)


def number(value: object) -> Decimal:
    """A number, exactly as written."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("expected a number")  # noqa: TRY004  # pydantic turns only ValueError into a problem
    return Decimal(str(value))


def clock(value: object) -> dt.time:
    """A time of day: `05:00`."""
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('expected a time of day such as "05:00"')
    return dt.time(int(found[1]), int(found[2]))


def clock_span(value: object) -> tuple[dt.time, dt.time]:
    """Two times of one day: `08:00-18:00`."""
    parts = re.split(r" ?- ?", value) if isinstance(value, str) else []
    try:
        first, last = map(clock, parts)
    except ValueError:
        raise ValueError('expected two times of day such as "08:00-18:00"') from None
    if first >= last:
        raise ValueError("expected the first time to be earlier in the day than the second")
    return first, last


def weekdays(value: object) -> frozenset[int]:
    """ISO weekdays of `mon-thu`, `mon,wed`, `fri-mon`, or a list of such words."""
    words = [str(each) for each in value] if isinstance(value, list) else str(value).split(",")
    try:
        return frozenset(day for word in words for day in _weekday_span(word.strip().lower()))
    except ValueError:
        raise ValueError("expected days such as `mon-thu` or `mon,wed`") from None


def _weekday_span(word: str) -> list[int]:
    """The days of `mon` or `mon-thu`; a span may run over the week's end."""
    first, _, last = word.partition("-")
    start, end = DAYS.index(first), DAYS.index(last or first)
    return [(start + step) % 7 + 1 for step in range((end - start) % 7 + 1)]


def day(value: object) -> dt.date:
    """An ISO date: `2026-12-24`."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError("expected a date such as `2026-12-24`")


def day_or_today(value: object) -> dt.date | Today:
    """An ISO date, `today`, or days from it: `today+30d`, `today-7d`."""
    found = _TODAY.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        return Today(int(f"{found[1] or ''}{found[2] or 0}"))
    try:
        return day(value)
    except ValueError:
        raise ValueError("expected a date such as `2026-12-24`, `today` or `today+30d`") from None


def day_span(value: object) -> tuple[dt.date, dt.date]:
    """A day, or two with all between: `2026-12-24..2027-01-01`."""
    first, dots, last = value.partition("..") if isinstance(value, str) else ("", "", "")
    try:
        span = day(first.strip()), day((last if dots else first).strip())
    except ValueError:
        raise ValueError("expected a day or days such as `2026-12-24..2027-01-01`") from None
    if span[0] > span[1]:
        raise ValueError("expected the first day to be no later than the last")
    return span


def region(value: object) -> str:
    """A country's two capital letters, as phone numbers know it."""
    if value not in regions():
        hint = "The United Kingdom is `GB`." if value == "UK" else ""
        raise ValueError("expected the two capital letters of a country that has phones, such as `US`", hint)
    return str(value)


def zone(value: object) -> str:
    """The name of a time zone of the IANA database."""
    name = str(value)
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        hint = suggest(name, zoneinfo.available_timezones())
        raise ValueError("expected a time zone such as `America/New_York`", hint) from None
    return name


_CRON_BOUNDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
_CRON_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CRON_PART = re.compile(r"(\*|[0-9a-z]+(?:-[0-9a-z]+)?)(?:/([0-9]{1,2}))?")


def crontab(value: object) -> str:
    """A five-field crontab with its weekdays written as names.

    In a crontab 0 and 7 are Sunday; APScheduler 3 counts from Monday (its documentation warns of it), so numbers would fire a
    day late. A crontab with both a day of month and a day of week means *either* in cron and *both* in APScheduler: refused.
    """
    fields = value.lower().split() if isinstance(value, str) else []
    if len(fields) != len(_CRON_BOUNDS):
        raise ValueError("expected a crontab of five fields such as `0 6 * * mon-fri` (minute, hour, day, month, weekday)")
    sets = [_cron_field(text, *bounds) for text, bounds in zip(fields, _CRON_BOUNDS, strict=True)]
    if fields[2] != "*" and fields[4] != "*":
        raise ValueError("expected a crontab that names days of the month or of the week, not both")
    if fields[4] == "*":
        return " ".join(fields)
    iso = sorted({(each - 1) % 7 for each in sets[4]})
    return " ".join([*fields[:4], ",".join(DAYS[each] for each in iso)])


def _cron_field(text: str, name: str, low: int, high: int) -> set[int]:
    """The numbers one crontab field stands for."""
    found: set[int] = set()
    for part in text.split(","):
        shape = _CRON_PART.fullmatch(part)
        try:
            found |= _cron_span(shape, name, low, high) if shape else set()
        except ValueError:
            shape = None
        if shape is None:
            raise ValueError(f"expected a crontab whose {name} is {low} to {high}, not `{part[:20]}`")
    return found


def _cron_span(shape: re.Match[str], name: str, low: int, high: int) -> set[int]:
    """The numbers of `*`, `5`, `1-5` or one of these with a step; ValueError if out of bounds."""
    step = int(shape[2] or 1)
    if shape[1] == "*":
        first, last = low, high - (name == "day of week")
    else:
        start, _, end = shape[1].partition("-")
        first = _cron_number(start, name)
        last = _cron_number(end, name) if end else (high if shape[2] else first)
        if name == "day of week" and last < first:
            last += 7
    if not low <= first <= last or (last > high and name != "day of week") or first > high or step < 1:
        raise ValueError(shape[0])
    return set(range(first, last + 1, step))


def _cron_number(word: str, name: str) -> int:
    """A number, or the name of a month or weekday as cron counts them."""
    if word.isdigit():
        return int(word)
    if name == "day of week":
        return (DAYS.index(word) + 1) % 7
    if name == "month":
        return _CRON_MONTHS.index(word) + 1
    raise ValueError(word)


def airtable_id(prefix: str, value: str) -> bool:
    """Whether `value` has the shape of an Airtable id of that kind: `app`, `tbl`, `fld` or `rec` and 14 letters or digits."""
    return re.fullmatch(rf"{prefix}[0-9A-Za-z]{{14,}}", value) is not None
