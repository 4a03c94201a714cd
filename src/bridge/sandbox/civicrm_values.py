"""How CiviCRM reads and keeps single values: dates as PHP reads them, text as MySQL compares and cuts it, numbers."""

import datetime as dt
import re
import unicodedata
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from bridge.sandbox.civicrm_schema import Field

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MONTHS, DAYS, INT_MAX = 12, 31, 2**31 - 1
PHP_DIGITS = 14  # the significant digits that survive when PHP writes a number into SQL
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?\s*(Z|[+-]\d{2}:?\d{2})?$")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2}))?()$")
_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})$")
_RELATIVE = re.compile(r"(?:now\s*)?([+-]?)\s*(\d+)\s*(second|minute|hour|day|week)s?(\s+ago)?$")
_RANGE = re.compile(r"(this|previous|next)\.(day|month|year)$")
_WORDS = {"now": None, "today": 0, "yesterday": -1, "tomorrow": 1}
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}


class Refused(Exception):
    """The site refuses the call: `message` and `status` go into the error envelope."""

    def __init__(self, message: str, status: int = 500) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class SiteClock:
    """What time it is on the site: its zone, and the session offset MySQL keeps all year.

    CiviCRM sets the database session to today's fixed offset, so that a TIMESTAMP of July is shown an hour
    differently in November (observed on 5.78 and 6.17).
    """

    def __init__(self, now: Callable[[], dt.datetime], zone: ZoneInfo) -> None:
        self._now = now
        self.zone = zone

    def now(self) -> dt.datetime:
        """The moment, in the site's zone and without fractions of a second."""
        return self._now().astimezone(self.zone).replace(microsecond=0)

    def utc_text(self) -> str:
        """The moment as a TIMESTAMP column keeps it."""
        return self._now().astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S")

    def offset_seconds(self) -> int:
        """The seconds the session adds to UTC today."""
        offset = self.now().utcoffset()
        return int(offset.total_seconds()) if offset else 0

    def read(self, value: Any) -> dt.datetime:
        """A date or datetime as PHP's strtotime reads it; what it cannot read is the epoch."""
        moment = self._read(str(value).strip().lower()) if value not in (None, "") else None
        return (moment or EPOCH).astimezone(self.zone)

    def _read(self, text: str) -> dt.datetime | None:
        if text in _WORDS:
            days = _WORDS[text]
            midnight = self.now().replace(hour=0, minute=0, second=0)
            return self.now() if days is None else midnight + dt.timedelta(days=days)
        if found := _RELATIVE.match(text):
            sign = -1 if found[1] == "-" or found[4] else 1
            return self.now() + dt.timedelta(seconds=sign * int(found[2]) * _UNITS[found[3]])
        if found := _AMERICAN.match(text):
            return self._built((found[3], found[1], found[2], None, None, None), "")
        found = _ISO.match(text.upper()) or _COMPACT.match(text)
        return self._built(found.groups()[:6], found[7] or "") if found else None

    def _built(self, parts: tuple[str | None, ...], offset: str) -> dt.datetime | None:
        year, month, day, hour, minute, second = (int(part or 0) for part in parts)
        if not (1 <= month <= MONTHS and 1 <= day <= DAYS):
            return None
        zone: dt.tzinfo = self.zone
        if offset:
            zone = dt.UTC if offset == "Z" else dt.datetime.strptime(offset, "%z").tzinfo or dt.UTC
        # Day 30 of February rolls over into March, as PHP has it; a time in the gap of spring moves on an hour.
        moment = dt.datetime(year, month, 1, hour, minute, second, tzinfo=zone) + dt.timedelta(days=day - 1)
        return moment.astimezone(dt.UTC)

    def range_of(self, word: Any) -> tuple[str, str] | None:
        """The first and last day, as ISO text, of words such as `this.month`; None for anything else."""
        found = _RANGE.match(word) if isinstance(word, str) else None
        if not found:
            return None
        step = {"this": 0, "previous": -1, "next": 1}[found[1]]
        today = self.now().date()
        if found[2] == "day":
            day = today + dt.timedelta(days=step)
            return day.isoformat(), day.isoformat()
        if found[2] == "year":
            return f"{today.year + step}-01-01", f"{today.year + step}-12-31"
        months = today.year * MONTHS + today.month - 1 + step
        first, following = (dt.date(at // MONTHS, at % MONTHS + 1, 1) for at in (months, months + 1))
        return first.isoformat(), (following - dt.timedelta(days=1)).isoformat()


@lru_cache(maxsize=200_000)
def shifted(text: str, seconds: int) -> str:
    """A datetime text moved by so many seconds."""
    return (dt.datetime.fromisoformat(text) + dt.timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S")


@lru_cache(maxsize=200_000)
def folded(text: str) -> str:
    """Text as the collation utf8mb4_unicode_ci compares it: no case, no accents, no trailing space."""
    decomposed = unicodedata.normalize("NFD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).rstrip(" ")


def kept_value(field: Field, value: Any, clock: SiteClock) -> Any:
    """The value as the column keeps it. Refused when CiviCRM refuses it, which is rarer than one hopes."""
    if field.multi:
        return _kept_list(value)
    if value is None or value == "":
        return False if field.data_type == "Boolean" and not field.nullable else None
    if field.is_date:
        return _kept_date(field, value, clock)
    keepers = {"Boolean": _kept_boolean, "Integer": _kept_integer, "Money": _kept_number, "Float": _kept_number}
    return keepers.get(field.data_type, _kept_text)(field, value)


def _kept_list(value: Any) -> list[Any] | None:
    if value in (None, "", []):
        return None
    return list(value) if isinstance(value, list) else [value]


def _kept_boolean(field: Field, value: Any) -> bool:
    del field
    return str(value).lower() in ("1", "true", "yes")


def _kept_integer(field: Field, value: Any) -> int:
    if isinstance(value, bool):
        return int(value)
    if not re.fullmatch(r"-?\d+", str(value)):
        kind = "Integer" if isinstance(value, float) else "Timestamp"
        raise Refused(f"One of the parameters  (value: {value}) is not of the type {kind}")
    number = int(value)
    if abs(number) > INT_MAX:
        raise Refused("DB Error: constraint violation" if field.points_to else "DB Error: unknown error")
    return number


def _kept_number(field: Field, value: Any) -> float:
    found = re.match(r"-?\d+(?:\.\d+)?", str(value).replace(",", ""))
    if not found:
        raise Refused(f"One of the parameters  (value: {value}) is not of the type {field.data_type}")
    number = Decimal(f"{float(found[0]):.{PHP_DIGITS}g}")
    if field.data_type == "Money":
        number = number.quantize(Decimal("0.01"), ROUND_HALF_UP)
    return int(number) if number == number.to_integral_value() else float(number)


def _kept_date(field: Field, value: Any, clock: SiteClock) -> str:
    moment = clock.read(value)
    if field.data_type == "Date":
        return moment.date().isoformat()
    text = moment.strftime("%Y-%m-%d %H:%M:%S")
    return shifted(text, -clock.offset_seconds()) if field.in_utc else text


def _kept_text(field: Field, value: Any) -> str | None:
    text = str(value)
    if field.is_custom and text == "null":
        return None
    if not field.is_custom and text in ("null", "NULL"):
        return "Null" if text == "null" else None
    if not field.memo:
        text = text.replace("&lt;", "<").replace("&gt;", ">")
    if field.max_length and len(text) > field.max_length:
        if field.is_custom:
            raise Refused("DB Error: unknown error")
        return text[: field.max_length - 3] + "..."
    return text


def shown_value(field: Field, value: Any, offset_seconds: int) -> Any:
    """A kept value as `get` shows it: TIMESTAMP columns in the session's zone."""
    if field.in_utc and value is not None:
        return shifted(value, offset_seconds)
    return value
