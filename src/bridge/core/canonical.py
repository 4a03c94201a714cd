"""The canonical value of each type: what a raw value means once writing habits are taken off.

One function a type, raw value in, canonical value out: None for blank, `Unparsable` for what is not of the type. Each is
idempotent: its own result, written down, reads as itself.
"""

import datetime as dt
import functools
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum
from urllib.parse import urlsplit, urlunsplit

from bridge.core import places
from bridge.core.mapping import Field, FieldType
from bridge.core.record import Json, Value


class Reason(StrEnum):
    """Why a cell cannot be read or written: fixed sentences, so that they can be translated and never name a value."""

    ERROR_CELL = "The system shows an error in this cell."
    NOT_PLAIN = "This is not a plain value."
    SEVERAL = "Several values stand where one is meant."
    NOT_STORABLE = "This text holds characters that cannot be stored."
    NOT_EMAIL = "This is not an e-mail address."
    NOT_PHONE = "This is not a whole phone number."
    NOT_DATE = "This is not a date."
    HAS_TIME = "This is a date with a time of day, and the mapping does not say `from: datetime`."
    NOT_DATETIME = "This is not a date with a time of day."
    NOT_NUMBER = "This is not a number."
    NOT_WHOLE = "This is not a whole number."
    TOO_LARGE = "This number is larger than can be kept exactly."
    NOT_BOOLEAN = "This is neither yes nor no."
    NOT_URL = "This is not a web address."
    UNMAPPED_OPTION = "The mapping does not name this option."
    UNLINKED = "The record referred to has no partner on the other side yet."
    NULL_WORD = 'CiviCRM reads the word "null" as blank.'
    NO_BLANK = "A checkbox in Airtable cannot be blank."
    TOO_EXACT = "This number has more digits than travel unchanged."
    SHARED_OPTION = "Several names in CiviCRM share this option."


class Unparsable(ValueError):
    """A raw value is not of its field's type."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Zones:
    """`naive` is the zone of a side's datetimes that name none; `day` is the mapping's, in which a datetime has its date."""

    naive: dt.tzinfo = dt.UTC
    day: dt.tzinfo = dt.UTC


Parser = Callable[[Json, Field, Zones], Value | None]

_DIGITS = {FieldType.INTEGER: 0, FieldType.MONEY: 2, FieldType.PERCENT: 4, FieldType.NUMBER: 6}
_EXACTLY = Context(prec=80, rounding=ROUND_HALF_UP)
_LARGEST = Decimal(10) ** 15  # below it every whole number and its neighbours survive a 64-bit float

_LONGEST_NUMBER = 40
_LONGEST_EMAIL = 254  # RFC 5321
_DAY = len("2026-01-31")
_ZIP = 5

_EMAIL = re.compile(
    r"(?!\.)(?!.*\.\.)[^\s@<>()\[\],;:\\\"]+(?<!\.)@(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_](?:[\w-]*[^\W_])",
)
_DATETIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?", re.ASCII)
_STANDARD_URL = re.compile(r"https?://[a-z0-9-]+(\.[a-z0-9-]+)+(/[^\s?#]+)?", re.ASCII)
_CANADIAN = re.compile(r"([A-Z]\d[A-Z]) ?(\d[A-Z]\d)", re.ASCII)
_ZIP_PLUS_4 = re.compile(r"(\d{5})[ -]?(\d{4})", re.ASCII)
_PHONE_MARKS = str.maketrans("", "", " ()-.\u00a0")
_YES = frozenset(("true", "yes", "1"))
_NO = frozenset(("false", "no", "0"))


def words(raw: Json) -> str:
    """`raw` as text, numbers as people write them; raises Unparsable for anything that is no text or cannot be stored."""
    if isinstance(raw, str):
        if "\0" in raw or not (raw.isascii() or _encodes(raw)):
            raise Unparsable(Reason.NOT_STORABLE)
        return raw
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise Unparsable(Reason.NOT_PLAIN)
    return str(int(raw)) if math.isfinite(raw) and raw == int(raw) else str(raw)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def plain(text: str) -> bool:
    """Whether `text` is beyond doubt what `clean` makes of it, and can be stored; nearly every text is.

    Printable leaves out every white space but the space itself, NUL and lone surrogates.
    """
    return (
        text.isprintable()
        and "  " not in text
        and text[:1] != " " != text[-1:]
        and (text.isascii() or unicodedata.is_normalized("NFC", text))
        and ("&" not in text or not ("&lt;" in text or "&gt;" in text or "&amp;" in text))
    )


def clean(text: str) -> str:
    """`text` in NFC with `&lt; &gt; &amp;` decoded, trimmed, every run of white space one space."""
    if plain(text):
        return text
    if "&" in text or not text.isascii():
        text = _decoded(text)
    return " ".join(text.split())


def _decoded(text: str) -> str:
    # Decoding and composing can each make work for the other (`&amp;lt;`, U+037E), so both run until nothing moves.
    while True:
        plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        plain = unicodedata.normalize("NFC", plain)
        if plain == text:
            return text
        text = plain


def _text(raw: Json, field: Field, zones: Zones) -> str | None:
    del field, zones
    return clean(words(raw)) or None


def _long_text(raw: Json, field: Field, zones: Zones) -> str | None:
    del field, zones
    text = unicodedata.normalize("NFC", words(raw)).replace("\r\n", "\n").replace("\r", "\n")
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip() or None


def _email(raw: Json, field: Field, zones: Zones) -> str | None:
    del field, zones
    text = clean(words(raw).lower())
    if not text:
        return None
    if not is_email(text):
        raise Unparsable(Reason.NOT_EMAIL)
    return text


def is_email(text: str) -> bool:
    """Whether a cleaned text in small letters is an e-mail address."""
    return len(text) <= _LONGEST_EMAIL and _EMAIL.fullmatch(text) is not None


def _phone(raw: Json, field: Field, zones: Zones) -> str | None:
    del zones
    text = clean(words(raw))
    if not text:
        return None
    number = north_american(text) if field.region == "US" else None
    number = number or _e164(text, field.region)
    if number is None:
        raise Unparsable(Reason.NOT_PHONE)
    return number


def north_american(text: str) -> str | None:
    """What `_e164` answers for the plain ways to write a number of the United States, without its thirty microseconds."""
    digits = text.translate(_PHONE_MARKS).removeprefix("+1")
    if len(digits) == 11 and digits[0] == "1" and "+" not in text:  # noqa: PLR2004  # country code and ten digits
        digits = digits[1:]
    if len(digits) == 10 and digits.isascii() and digits.isdigit() and digits[0] not in "01":  # noqa: PLR2004
        return "+1" + digits
    return None


def regions() -> frozenset[str]:
    """The countries whose phone numbers are known, by two capital letters."""
    import phonenumbers  # noqa: PLC0415  # as below

    return frozenset(phonenumbers.SUPPORTED_REGIONS)


@functools.lru_cache(maxsize=1 << 17)
def _e164(text: str, region: str) -> str | None:
    import phonenumbers  # noqa: PLC0415  # its tables cost more than reading a thousand records, and few numbers need them

    def international(number: phonenumbers.PhoneNumber) -> str:
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    try:
        number = phonenumbers.parse(text, region)
        plain = international(number)
        # Of +430000000000 the library takes one more zero off at each reading: such a number cannot be kept.
        stable = international(phonenumbers.parse(plain)) == plain
    except phonenumbers.NumberParseException:
        return None
    # A number may be newer than the library's ranges, so its length is judged; a local one lacks its area code.
    whole = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    if not (stable and whole):
        return None
    return f"{plain};ext={number.extension}" if number.extension else plain


def _date(raw: Json, field: Field, zones: Zones) -> dt.date | None:
    if not isinstance(raw, str):
        raise Unparsable(Reason.NOT_DATE)
    text = raw.strip()
    if not text:
        return None
    if len(text) != _DAY and _DATETIME.fullmatch(text):
        if not field.from_datetime:
            raise Unparsable(Reason.HAS_TIME)
        return _instant(text, zones).astimezone(zones.day).date()
    if len(text) != _DAY or text[4] != "-" or text[7] != "-":
        raise Unparsable(Reason.NOT_DATE)
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise Unparsable(Reason.NOT_DATE) from error


def _datetime(raw: Json, field: Field, zones: Zones) -> dt.datetime | None:
    del field
    if not isinstance(raw, str):
        raise Unparsable(Reason.NOT_DATETIME)
    text = raw.strip()
    if not text:
        return None
    if _DATETIME.fullmatch(text) is None:
        raise Unparsable(Reason.NOT_DATETIME)
    return _instant(text, zones)


def _instant(text: str, zones: Zones) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text).replace(microsecond=0)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zones.naive)).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise Unparsable(Reason.NOT_DATETIME) from error


def digits_after_point(field: Field) -> int:
    """The digits after the point at which the field's numbers are compared."""
    return _DIGITS[field.type] if field.precision is None else field.precision


def at_precision(field: Field, number: Decimal) -> Decimal:
    """`number` at the field's precision, half away from zero, as CiviCRM rounds money (12.345 is stored as 12.35)."""
    return number.quantize(_step(digits_after_point(field)), context=_EXACTLY) + 0


@functools.cache
def _step(digits: int) -> Decimal:
    return Decimal(1).scaleb(-digits)


def _number(raw: Json, field: Field, zones: Zones) -> Decimal | None:
    """The number with every digit it was given: rounding is for comparing, never for what is kept or written."""
    del zones
    if isinstance(raw, str):
        text = raw.strip()
        if not text:
            return None
        if len(text) > _LONGEST_NUMBER or _NUMBER.fullmatch(text) is None:
            raise Unparsable(Reason.NOT_NUMBER)
        number = Decimal(text.replace(",", ""))
    elif isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
        raise Unparsable(Reason.NOT_NUMBER)
    else:
        number = Decimal(str(raw))
    if abs(number) >= _LARGEST:
        raise Unparsable(Reason.TOO_LARGE)
    if isinstance(raw, float) and not raw.is_integer():
        number = _without_noise(field, number)
    if field.type is FieldType.INTEGER and number != number.to_integral_value():
        raise Unparsable(Reason.NOT_WHOLE)
    return number


def _without_noise(field: Field, number: Decimal) -> Decimal:
    # 0.1 + 0.2 is sent as 0.30000000000000004: those are not digits that anybody wrote.
    rounded = at_precision(field, number)
    return rounded if math.isclose(rounded, number, rel_tol=1e-14) else number


def _boolean(raw: Json, field: Field, zones: Zones) -> bool | None:
    del field, zones
    if isinstance(raw, bool):
        return raw
    text = words(raw).strip().lower()
    if not text:
        return None
    if text in _YES or text in _NO:
        return text in _YES
    raise Unparsable(Reason.NOT_BOOLEAN)


def _url(raw: Json, field: Field, zones: Zones) -> str | None:
    """The address with its scheme (https where none stands) and host in lower case, and no bare final slash."""
    del field, zones
    text = clean(words(raw))
    if not text or _STANDARD_URL.fullmatch(text):
        return text or None
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host = parts.hostname
    except ValueError as error:
        raise Unparsable(Reason.NOT_URL) from error
    if " " in text or not host or "." not in host.strip("."):
        raise Unparsable(Reason.NOT_URL)
    path = "" if parts.path == "/" and not parts.query and not parts.fragment else parts.path
    return urlunsplit(parts._replace(netloc=clean(parts.netloc.lower()), path=path))


def _postal_code(raw: Json, field: Field, zones: Zones) -> str | None:
    """The code in capitals; a JSON number of the United States gets back the zeros that numbers cannot keep."""
    del zones
    text = clean(words(raw)).upper()
    if isinstance(raw, int | float) and field.region == "US":
        text = text.zfill(_ZIP)
    if (parts := _CANADIAN.fullmatch(text)) is not None:
        return f"{parts[1]} {parts[2]}"
    if field.region == "US" and (parts := _ZIP_PLUS_4.fullmatch(text)) is not None:
        return f"{parts[1]}-{parts[2]}"
    return text or None


def _state(raw: Json, field: Field, zones: Zones) -> str | None:
    del field, zones
    return places.state(clean(words(raw))) or None


def _country(raw: Json, field: Field, zones: Zones) -> str | None:
    del field, zones
    return places.country(clean(words(raw))) or None


PARSERS: Mapping[FieldType, Parser] = {
    FieldType.TEXT: _text,
    FieldType.LONG_TEXT: _long_text,
    FieldType.ORGANIZATION: _text,
    FieldType.PERSON: _text,
    FieldType.EMAIL: _email,
    FieldType.PHONE: _phone,
    FieldType.DATE: _date,
    FieldType.DATETIME: _datetime,
    FieldType.INTEGER: _number,
    FieldType.NUMBER: _number,
    FieldType.MONEY: _number,
    FieldType.PERCENT: _number,
    FieldType.BOOLEAN: _boolean,
    FieldType.URL: _url,
    FieldType.POSTAL_CODE: _postal_code,
    FieldType.STATE: _state,
    FieldType.COUNTRY: _country,
    FieldType.IDENTIFIER: _text,
}
"""Every type whose canonical value is the same on both sides. Options and references have words of their own side."""
