"""What tells at a glance that two raw cells agree, made once a run of each field: the cheap half of comparing.

Nearly every cell of every run agrees, and most are written the same or in one of a few usual ways. A comparator is given both
sides' raw values and answers the agreed value only where that is beyond doubt; else UNSURE, and the cells are read and compared
in full (`compare.agreement`, which it must never contradict). That two cells differ is never its word.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import Final, Literal

from bridge.core.canonical import digits_after_point, is_email, north_american, plain
from bridge.core.mapping import Field, FieldType
from bridge.core.record import Json, Value
from bridge.core.values import TEXTS


class Unsure(Enum):
    """What a comparator answers where the cells have to be read in full."""

    UNSURE = "unsure"


UNSURE: Final = Unsure.UNSURE
Agreed = Value | None | Literal[Unsure.UNSURE]
Comparator = Callable[[Json, Json], Agreed]
"""Given CiviCRM's raw value and Airtable's: the comparable value of two cells that agree, or UNSURE."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EXACT_DIGITS = 15
"""Numbers of so many digits are told apart by a 64-bit float (DBL_DIG)."""


def comparator(field: Field) -> Comparator:
    """The comparator of a two-sided field whose cells can be read."""
    if field.ignore or (field.type is FieldType.PHONE and field.region != "US"):
        return _never
    if field.type in _NUMBERS and not field.values:
        return _number(digits_after_point(field))
    if field.type in (FieldType.CHOICE, FieldType.CHOICES) and field.values:
        return (_choice if field.type is FieldType.CHOICE else _choices)(dict(field.values))
    return _never if field.values else _SIMPLE.get(field.type, _never)


def _never(civicrm: Json, airtable: Json) -> Agreed:
    del civicrm, airtable
    return UNSURE


def _blank(civicrm: Json, airtable: Json) -> Agreed:
    return None if (civicrm is None or civicrm == "") and (airtable is None or airtable == "") else UNSURE


def _text(civicrm: Json, airtable: Json) -> Agreed:
    """Written the same, or in Airtable with other spaces or accents put together in another way."""
    if not (isinstance(civicrm, str) and civicrm and isinstance(airtable, str) and plain(civicrm)):
        return _blank(civicrm, airtable)
    if airtable == civicrm or " ".join(unicodedata.normalize("NFC", airtable).split()) == civicrm:
        return civicrm
    return UNSURE


def _email(civicrm: Json, airtable: Json) -> Agreed:
    if not (isinstance(civicrm, str) and civicrm and plain(civicrm) and isinstance(airtable, str)):
        return _blank(civicrm, airtable)
    text = civicrm.lower()
    return text if airtable.strip(" ").lower() == text and is_email(text) else UNSURE


def _phone(civicrm: Json, airtable: Json) -> Agreed:
    if not (isinstance(civicrm, str) and civicrm and isinstance(airtable, str)):
        return _blank(civicrm, airtable)
    number = north_american(civicrm)
    return number if number is not None and north_american(airtable) == number else UNSURE


def _date(civicrm: Json, airtable: Json) -> Agreed:
    if not (isinstance(civicrm, str) and civicrm and civicrm == airtable and _DAY.fullmatch(civicrm)):
        return _blank(civicrm, airtable)
    try:
        return dt.date.fromisoformat(civicrm)
    except ValueError:
        return UNSURE


def _number(digits: int) -> Comparator:
    """CiviCRM's money is text with every digit of its precision, Airtable's a number."""
    whole = r"(?:\d{1,3}(?:,\d{3})+|\d+)"
    written = re.compile(rf"{whole}\.\d{{{digits}}}" if digits else whole, re.ASCII)

    def number(civicrm: Json, airtable: Json) -> Agreed:
        if isinstance(civicrm, bool) or isinstance(airtable, bool) or not isinstance(airtable, int | float):
            return _blank(civicrm, airtable)
        if isinstance(civicrm, str) and written.fullmatch(civicrm):
            text = civicrm.replace(",", "")
            return Decimal(text) if len(text) <= _EXACT_DIGITS and float(text) == airtable else UNSURE
        if isinstance(civicrm, int) and civicrm == airtable and abs(civicrm) < 10**_EXACT_DIGITS:
            return Decimal(civicrm)
        return UNSURE

    return number


def _boolean(civicrm: Json, airtable: Json) -> Agreed:
    if civicrm is True and airtable is True:
        return True
    return False if civicrm is False and (airtable is None or airtable is False) else UNSURE


def _choice(options: dict[str, str]) -> Comparator:
    def choice(civicrm: Json, airtable: Json) -> Agreed:
        if not (isinstance(civicrm, str) and isinstance(airtable, str) and civicrm):
            return _blank(civicrm, airtable)
        return airtable if options.get(civicrm) == airtable else UNSURE

    return choice


def _choices(options: dict[str, str]) -> Comparator:
    def choices(civicrm: Json, airtable: Json) -> Agreed:
        if not (isinstance(civicrm, list) and isinstance(airtable, list) and civicrm):
            return _blank(civicrm, airtable)
        try:
            found = frozenset(map(options.__getitem__, civicrm))  # type: ignore[arg-type]  # what is no name of an option raises
            return found if found == frozenset(airtable) else UNSURE
        except (KeyError, TypeError):
            return UNSURE

    return choices


_NUMBERS = frozenset((FieldType.INTEGER, FieldType.NUMBER, FieldType.MONEY, FieldType.PERCENT))
_SIMPLE: dict[FieldType, Comparator] = {
    **dict.fromkeys(TEXTS, _text),
    FieldType.EMAIL: _email,
    FieldType.PHONE: _phone,
    FieldType.DATE: _date,
    FieldType.BOOLEAN: _boolean,
}
