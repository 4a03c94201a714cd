"""A made-up federation on the wire, of any size, in which every true difference is known.

Of the keys 97 % are on both sides, 1.5 % on either alone; 5 % of the pairs differ in one or two of twenty fields. Everything
else that looks different is a habit of writing: case, spaces, composed letters, ways to write a phone number, dates with a
time, thousands separators, the order of options, absent for false. Fixed by its seed.
"""

import datetime as dt
import json
import random
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CIVICRM_PAGE = 500
AIRTABLE_PAGE = 100
_BLOCK = 10_000  # Airtable's rows are shuffled within blocks of so many

STATUSES = {"new": "New", "current": "Current", "grace": "Grace", "expired": "Expired", "cancelled": "Cancelled"}
PLANS = {"dental_basic": "Dental Basic", "dental_plus": "Dental Plus", "vision": "Vision"}
LANGUAGES = {"en_US": "English", "es_MX": "Spanish"}

_FIRST = ("María", "José", "Ana", "Luis", "Renée", "Zoë", "Björn", "Aïsha", "Grace", "Omar", "Li", "Siobhán", "Paul", "Ngozi")
_LAST = ("Núñez", "García", "O'Brien", "Müller", "Okafor", "Smith", "Lee", "Peña", "Dvořák", "Johnson", "Ortiz", "Kim")
_STREETS = ("Oak St", "Main St", "Río Grande Ave", "5th Ave", "Álamo Blvd", "Cedar Ln", "Harbor Rd")
_CITIES = ("Oakland", "San José", "Cañon City", "Boston", "Española", "New York", "Austin")
_STATES = ("CA", "NM", "MA", "NY", "TX", "CO")

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Column:
    """One field on both sides. `spell` writes CiviCRM's value as somebody in Airtable would; `other` is another true value."""

    name: str
    civicrm: str
    airtable: str
    type: str
    make: Callable[[random.Random, int], object]
    spell: Callable[[random.Random, object], object]
    other: Callable[[random.Random, object], object]
    options: Mapping[str, str] = field(default_factory=dict)


def _same(_dice: random.Random, value: object) -> object:
    return value


def _text(dice: random.Random, value: object) -> object:
    text = str(value)
    match dice.randrange(20):
        case 0:
            return unicodedata.normalize("NFD", text)
        case 1:
            return f" {text}  "
        case 2:
            return text.replace(" ", "  ")
        case _:
            return text


def _changed_text(dice: random.Random, value: object) -> object:
    return f"{value} {dice.choice(('Bis', 'II', 'Nueva', 'East'))}"


def _email(dice: random.Random, value: object) -> object:
    text = str(value)
    return dice.choice((text, text, text, text, text.upper(), text.title(), f" {text}"))


def _phone(dice: random.Random, value: object) -> object:
    area, exchange, line = str(value)[1:4], str(value)[6:9], str(value)[10:]
    return dice.choice(
        (
            f"({area}) {exchange}-{line}",
            f"{area}-{exchange}-{line}",
            f"{area}.{exchange}.{line}",
            f"+1 {area} {exchange} {line}",
            f"1-{area}-{exchange}-{line}",
            f"{area}{exchange}{line}",
        )
    )


def _new_phone(dice: random.Random, _value: object) -> object:
    return f"({dice.randrange(201, 990)}) {dice.randrange(201, 990)}-{dice.randrange(10_000):04d}"


def _a_date(dice: random.Random, _number: int) -> object:
    return (dt.date(2015, 1, 1) + dt.timedelta(days=dice.randrange(4_000))).isoformat()


def _later(dice: random.Random, value: object) -> object:
    return (dt.date.fromisoformat(str(value)) + dt.timedelta(days=dice.randrange(1, 400))).isoformat()


def _with_time(dice: random.Random, value: object) -> object:
    return f"{value}T00:00:00.000Z" if dice.randrange(4) == 0 else value


def _money(dice: random.Random, _number: int) -> object:
    cents = dice.randrange(1_000, 500_000)
    return f"{cents // 100:,}.{cents % 100:02d}"


def _as_number(_dice: random.Random, value: object) -> object:
    number = float(str(value).replace(",", ""))
    return int(number) if number.is_integer() else number


def _more_money(dice: random.Random, value: object) -> object:
    return round(float(str(value).replace(",", "")) + dice.randrange(1, 500), 2)


def _option(options: dict[str, str]) -> Callable[[random.Random, int], object]:
    names = tuple(options)
    return lambda dice, _number: dice.choice(names)


def _worded(options: dict[str, str]) -> Callable[[random.Random, object], object]:
    return lambda _dice, value: options[str(value)]


def _another(options: dict[str, str]) -> Callable[[random.Random, object], object]:
    return lambda dice, value: dice.choice([word for name, word in options.items() if name != value])


def _several(dice: random.Random, _number: int) -> object:
    return sorted(dice.sample(tuple(PLANS), dice.randrange(1, 4)))


def _shuffled(dice: random.Random, value: object) -> object:
    words = [PLANS[str(each)] for each in value] if isinstance(value, list) else []
    dice.shuffle(words)
    return words


def _fewer(_dice: random.Random, value: object) -> object:
    words = [PLANS[str(each)] for each in value] if isinstance(value, list) else []
    return words[1:] if len(words) > 1 else [word for word in PLANS.values() if word not in words]


def _ticked(_dice: random.Random, value: object) -> object:
    return True if value else None


def _unticked(_dice: random.Random, value: object) -> object:
    return None if value else True


def _maybe(make: Callable[[random.Random, int], object]) -> Callable[[random.Random, int], object]:
    """One in five is blank, in one of the ways to send a blank."""
    return lambda dice, number: dice.choice((None, "")) if dice.randrange(5) == 0 else make(dice, number)


def _unless_blank(spell: Callable[[random.Random, object], object]) -> Callable[[random.Random, object], object]:
    return lambda dice, value: None if value in (None, "") else spell(dice, value)


def _name(dice: random.Random, number: int) -> object:
    return f"{dice.choice(_FIRST)} {dice.choice(_LAST)} {number}"


def _note(dice: random.Random, number: int) -> object:
    return f"Señas {number}: {dice.choice(_STREETS)} & {dice.choice(_CITIES)}"


def _unit(dice: random.Random, _number: int) -> object:
    return f"Apt {dice.randrange(90)}"


def _of(words: Sequence[str]) -> Callable[[random.Random, int], object]:
    return lambda dice, _number: dice.choice(words)


COLUMNS = (
    Column("name", "display", "Name", "text", _name, _text, _changed_text),
    Column("email", "email", "Email", "email", lambda _d, n: f"member{n}@coop.example.org", _email, lambda _d, v: f"new.{v}"),
    Column("phone", "phone", "Phone", "phone", _new_phone, _phone, _new_phone),
    Column(
        "phone_2",
        "phone_2",
        "Other phone",
        "phone",
        _maybe(_new_phone),
        _unless_blank(_phone),
        _new_phone,
    ),
    Column("street", "street", "Street", "text", lambda d, n: f"{n % 997} {d.choice(_STREETS)}", _text, _changed_text),
    Column("street_2", "street_2", "Unit", "text", _maybe(_unit), _unless_blank(_text), _changed_text),
    Column("city", "city", "City", "text", _of(_CITIES), _text, _changed_text),
    Column("state", "state", "State", "text", _of(_STATES), _same, lambda d, v: d.choice([s for s in _STATES if s != v])),
    Column("postcode", "postcode", "Postcode", "text", lambda d, _n: f"{d.randrange(10_000, 99_999)}", _same, _changed_text),
    Column("joined", "joined", "Joined", "date", _a_date, _with_time, _later),
    Column("renewed", "renewed", "Renewed", "date", _a_date, _with_time, _later),
    Column("ends", "ends", "Ends", "date", _a_date, _same, _later),
    Column("dues", "dues", "Dues", "money", _money, _as_number, _more_money),
    Column("premium", "premium", "Premium", "money", _money, _as_number, _more_money),
    Column("status", "status", "Status", "choice", _option(STATUSES), _worded(STATUSES), _another(STATUSES), STATUSES),
    Column(
        "language", "language", "Language", "choice", _option(LANGUAGES), _worded(LANGUAGES), _another(LANGUAGES), LANGUAGES
    ),
    Column("plans", "plans", "Plans", "choices", _several, _shuffled, _fewer, PLANS),
    Column("active", "active", "Active", "boolean", lambda d, _n: d.random() < 0.7, _ticked, _unticked),
    Column("worker", "worker", "Worker", "boolean", lambda d, _n: d.random() < 0.4, _ticked, _unticked),
    Column("note", "note", "Note", "text", _note, _text, _changed_text),
)
KEY = ("code", "Code")


@dataclass(frozen=True, slots=True)
class Workload:
    """Files of JSON pages, one a line, as each side sends them, and the truth: (key, field) of what differs or is missing."""

    civicrm: Path
    airtable: Path
    truth: frozenset[tuple[str, str]]
    rows: int
    """Rows of both sides."""


def make(folder: Path, keys: int, *, seed: int = 1, edited: float = 0.0) -> Workload:
    """A workload of so many keys. `edited` is the share of pairs of which somebody edited one more cell in Airtable since."""
    dice = random.Random(seed)
    truth: set[tuple[str, str]] = set()
    pairs = list(_pairs(dice, keys, truth))
    if edited:
        _edit(random.Random(seed + 1), pairs, edited, truth)
    ours = [row for row, _ in pairs if row is not None]
    theirs = _shuffle(dice, [row for _, row in pairs if row is not None])
    folder.mkdir(parents=True, exist_ok=True)
    civicrm, airtable = folder / f"civicrm-{keys}-{edited}.jsonl", folder / f"airtable-{keys}-{edited}.jsonl"
    _write(civicrm, ({"values": page} for page in _pages(ours, CIVICRM_PAGE)), ascii_only=True)
    _write(airtable, ({"records": page} for page in _pages(theirs, AIRTABLE_PAGE)), ascii_only=False)
    kept = {"truth": sorted(truth), "rows": len(ours) + len(theirs)}
    (folder / f"truth-{keys}-{edited}.json").write_text(json.dumps(kept))
    return Workload(civicrm, airtable, frozenset(truth), len(ours) + len(theirs))


def _pairs(dice: random.Random, keys: int, truth: set[tuple[str, str]]) -> Iterator[tuple[Row | None, Row | None]]:
    for number in range(keys):
        key = f"M{number:07d}"
        cells = {column.name: column.make(dice, number) for column in COLUMNS}
        ours: Row = {"id": number + 1, KEY[0]: key, **{column.civicrm: cells[column.name] for column in COLUMNS}}
        ours |= {f"unmapped_{extra}": None for extra in range(3)}
        spelt = {column.airtable: column.spell(dice, cells[column.name]) for column in COLUMNS}
        where = dice.random()
        if where < 0.015:
            truth.add((key, "missing"))
            yield ours, None
            continue
        if where >= 0.97 + 0.015 and where >= 0.015:
            truth.add((key, "missing"))
            yield None, _airtable_row(number, key, spelt)
            continue
        if dice.random() < 0.05:
            for column in dice.sample(COLUMNS, dice.choice((1, 2))):
                spelt[column.airtable] = column.other(dice, cells[column.name])
                truth.add((key, column.name))
        yield ours, _airtable_row(number, key, spelt)


def _airtable_row(number: int, key: str, cells: Row) -> Row:
    filled = {name: value for name, value in cells.items() if value not in (None, "", [])}
    return {"id": f"rec{number:014d}", "createdTime": "2026-01-01T00:00:00.000Z", "fields": {KEY[1]: key, **filled}}


def _edit(dice: random.Random, pairs: list[tuple[Row | None, Row | None]], share: float, truth: set[tuple[str, str]]) -> None:
    for ours, theirs in pairs:
        if ours is None or theirs is None or dice.random() >= share:
            continue
        fields = theirs["fields"]
        if isinstance(fields, dict):
            fields["Note"] = f"{fields.get('Note', '')} editado"
            truth.add((str(fields[KEY[1]]), "note"))


def _shuffle(dice: random.Random, rows: list[Row]) -> list[Row]:
    blocks = [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]
    for block in blocks:
        dice.shuffle(block)
    return [row for block in blocks for row in block]


def _pages(rows: list[Row], size: int) -> Iterator[list[Row]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _write(path: Path, pages: Iterator[object], *, ascii_only: bool) -> None:
    with path.open("w", encoding="utf-8") as file:
        for page in pages:
            file.write(json.dumps(page, ensure_ascii=ascii_only, separators=(",", ":")) + "\n")


def load(folder: Path, keys: int, *, edited: float = 0.0) -> Workload:
    """The workload that `make` left in a folder."""
    kept = json.loads((folder / f"truth-{keys}-{edited}.json").read_text())
    return Workload(
        folder / f"civicrm-{keys}-{edited}.jsonl",
        folder / f"airtable-{keys}-{edited}.jsonl",
        frozenset((key, name) for key, name in kept["truth"]),
        kept["rows"],
    )
