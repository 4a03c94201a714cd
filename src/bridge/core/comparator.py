"""What tells at a glance that two raw cells agree, made once a run of each field: the cheap half of comparing.

Nearly every cell of every run agrees, and most are written the same or in one of a few usual ways. A comparator is given both
sides' raw values and answers the agreed value only where that is beyond doubt; else UNSURE, and the cells are read and compared
in full (`compare.agreement`, which it must never contradict). That two cells differ is never its word.

`glance` makes of all comparators of a mapping one function over two rows: source that is written for the mapping's fields, with
the commonest case of each type in line, because calling twenty functions a pair costs more than what they do.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Final, Literal, cast

from bridge.core.canonical import digits_after_point, is_email, plain
from bridge.core.mapping import Field, FieldType
from bridge.core.record import Json, PerSide, Value
from bridge.core.values import TEXTS


class Unsure(Enum):
    """What a comparator answers where the cells have to be read in full."""

    UNSURE = "unsure"


UNSURE: Final = Unsure.UNSURE
Agreed = Value | None | Literal[Unsure.UNSURE]
Comparator = Callable[[Json, Json], Agreed]
"""Given CiviCRM's raw value and Airtable's: the comparable value of two cells that agree, or UNSURE."""

Glance = Callable[[Mapping[str, Json], Mapping[str, Json]], tuple[int, ...]]
"""Given CiviCRM's row and Airtable's: the positions of the fields that are not beyond doubt agreed."""

Alike = set[tuple[str, str]]
NONE_ALIKE: Mapping[int, Alike] = MappingProxyType({})

_NUMBERS = frozenset((FieldType.INTEGER, FieldType.NUMBER, FieldType.MONEY, FieldType.PERCENT))
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_PHONE_MARKS = b" ()-."
_BEFORE = (b"", b"1", b"+1")
_LONGEST_LOCAL = 64
_FEW_DOMAINS = 1_000
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
    if field.type is FieldType.EMAIL and not field.values:
        return _email()
    return _never if field.values else _SIMPLE.get(field.type, _never)


def glance(fields: Iterable[tuple[PerSide[str], Field | None]], alike: Mapping[int, Alike] = NONE_ALIKE) -> Glance:
    """The glance over these fields, each with its paths; None for one whose cells are not what they say: it is never sure.

    `alike` holds, by the position of a field of which many cells hold few values, raw values that have been read in full and
    agree; it may grow while the glance is used. Nothing of the mapping stands in the source, which is made of positions: names
    and options are handed to it as values.
    """
    names: dict[str, object] = {"UNSURE": UNSURE}
    lines = ["def unsure(civicrm, airtable):", "    c, a, found = civicrm.get, airtable.get, ()"]
    for at, (paths, field) in enumerate(fields):
        names |= {f"c{at}": paths.civicrm, f"a{at}": paths.airtable}
        sure = ""
        if field is not None:
            names |= {f"f{at}": comparator(field), f"o{at}": field.values.get, f"k{at}": alike.get(at)}
            if field.type in _NUMBERS:
                names[f"w{at}"] = _written(digits_after_point(field)).fullmatch
            sure = _LEARNT if at in alike else _IN_LINE.get(field.type, _ASKED)
        if sure:
            lines.append(f"    x = c(c{at}); y = a(a{at})")
        lines.append(f"    {f'if not ({sure.format(at=at)}): ' if sure else ''}found += ({at},)")
    exec("\n".join([*lines, "    return found"]), names)  # noqa: S102  # positions and the constants below, nothing from outside
    return cast("Glance", names["unsure"])


_ASKED = "f{at}(x, y) is not UNSURE"
_SAME = 'x == y and (x is None or (x.__class__ is str and ((x.isascii() and "\\0" not in x) or x.isprintable())))'
_LEARNT = "(x is None and y is None) or (x.__class__ is str and y.__class__ is str and (x, y) in k{at})"
_IN_LINE: dict[FieldType, str] = {
    **dict.fromkeys(TEXTS, f"({_SAME}) or {_ASKED}"),
    **dict.fromkeys(
        _NUMBERS,
        "x.__class__ is str and (y.__class__ is float or y.__class__ is int) and w{at}(x) is not None"
        f' and len(t := x.replace(",", "")) <= {_EXACT_DIGITS} and float(t) == y or {_ASKED}',
    ),
    FieldType.LONG_TEXT: _SAME,
    FieldType.BOOLEAN: "(x is True and y is True) or (x is False and (y is None or y is False))",
    FieldType.CHOICE: "x and x.__class__ is str and y is not None and o{at}(x) == y or " + _ASKED,
}
"""What is beyond doubt of the raw values x and y, by type, in line where that is shorter than a call."""


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


def _email() -> Comparator:
    """Nearly all addresses are at a few domains: where these are known, a local part of letters and digits needs no more."""
    domains: set[str] = set()

    def email(civicrm: Json, airtable: Json) -> Agreed:
        if not (isinstance(civicrm, str) and civicrm and isinstance(airtable, str)):
            return _blank(civicrm, airtable)
        text = civicrm.lower()
        if airtable != civicrm and airtable.strip(" ").lower() != text:
            return UNSURE
        local, _, domain = text.partition("@")
        if domain in domains and len(local) <= _LONGEST_LOCAL and local.isascii() and local.isalnum():
            return text
        if not (plain(civicrm) and is_email(text)):
            return UNSURE
        if domain.isascii() and len(domains) < _FEW_DOMAINS:
            domains.add(domain)
        return text

    return email


def _phone(civicrm: Json, airtable: Json) -> Agreed:
    """Two plain ways to write one number of the United States, of which `canonical.north_american` makes the same."""
    if not (isinstance(civicrm, str) and civicrm and isinstance(airtable, str)):
        return _blank(civicrm, airtable)
    if not (civicrm.isascii() and airtable.isascii()):
        return UNSURE
    ours, theirs = civicrm.encode().translate(None, _PHONE_MARKS), airtable.encode().translate(None, _PHONE_MARKS)
    number = ours[-10:]
    same = number == theirs[-10:] and len(number) == 10 and number.isdigit() and number[0] not in b"01"  # noqa: PLR2004
    return f"+1{number.decode()}" if same and ours[:-10] in _BEFORE and theirs[:-10] in _BEFORE else UNSURE


def _date(civicrm: Json, airtable: Json) -> Agreed:
    if not (isinstance(civicrm, str) and civicrm and civicrm == airtable and _DAY.fullmatch(civicrm)):
        return _blank(civicrm, airtable)
    try:
        return dt.date.fromisoformat(civicrm)
    except ValueError:
        return UNSURE


def _number(digits: int) -> Comparator:
    """CiviCRM's money is text with every digit of its precision, Airtable's a number."""
    written = _written(digits)

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


def _written(digits: int) -> re.Pattern[str]:
    """A number as CiviCRM writes it with so many digits after the point."""
    whole = r"(?:\d{1,3}(?:,\d{3})+|\d+)"
    return re.compile(rf"{whole}\.\d{{{digits}}}" if digits else whole, re.ASCII)


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


_SIMPLE: dict[FieldType, Comparator] = {
    **dict.fromkeys(TEXTS, _text),
    FieldType.PHONE: _phone,
    FieldType.DATE: _date,
    FieldType.BOOLEAN: _boolean,
}
