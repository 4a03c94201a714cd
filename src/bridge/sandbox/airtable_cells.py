"""How Airtable keeps, shows and accepts one cell, by the type of its field.

A cell is kept under its field's id, an option as its `sel…` id: so a renamed option changes every answer at once, as it
does in Airtable. What is empty is not kept at all.
"""

import datetime as dt
import math
import random
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

TEXT_TYPES = frozenset({"singleLineText", "multilineText", "richText", "email", "url", "phoneNumber"})
NUMBER_TYPES = frozenset({"number", "currency", "percent", "rating", "duration"})
SELECT_TYPES = frozenset({"singleSelect", "multipleSelects"})
COMPUTED_TYPES = frozenset(
    {"formula", "multipleLookupValues", "createdTime", "lastModifiedTime", "lastModifiedBy", "count", "autoNumber"}
)
KEPT_TYPES = TEXT_TYPES | NUMBER_TYPES | SELECT_TYPES | {"checkbox", "date", "dateTime", "multipleRecordLinks"}

_LONGEST_TEXT = 100_000  # characters, not bytes: the rich-text support article
_ALPHABET = string.ascii_letters + string.digits


class AirtableError(Exception):
    """A refusal as Airtable sends it. `bare` sends the error as a word, without the object around it."""

    def __init__(self, status: int, kind: str, message: str = "", *, bare: bool = False) -> None:
        super().__init__(f"{status} {kind}: {message}")
        self.status = status
        self.kind = kind
        self.message = message
        self.bare = bare

    @property
    def body(self) -> dict[str, Any]:
        """The JSON envelope of the refusal."""
        told = {"message": self.message} if self.message else {}
        return {"error": self.kind if self.bare else {"type": self.kind, **told}}


@dataclass(slots=True)
class Field:
    """One column. `options` is what the schema endpoint shows."""

    id: str
    name: str
    type: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def choices(self) -> list[dict[str, Any]]:
        """The select's options, each `{id, name, color}`; changing one changes the schema."""
        choices: list[dict[str, Any]] = self.options.setdefault("choices", [])
        return choices

    def schema(self) -> dict[str, Any]:
        """The column as the schema endpoint shows it."""
        shown: dict[str, Any] = {"id": self.id, "name": self.name, "type": self.type}
        return {**shown, "options": self.options} if self.options else shown


class Ids:
    """Airtable's ids: a prefix of three letters and fourteen letters or digits, the same ones for the same seed."""

    def __init__(self, seed: int | str) -> None:
        self.drawn = 0
        self._random = random.Random(seed)  # noqa: S311  # ids of a sandbox are no secret

    def new(self, prefix: str) -> str:
        """A fresh id with this prefix."""
        self.drawn += 1
        return prefix + "".join(self._random.choices(_ALPHABET, k=14))


def iso(moment: dt.datetime) -> str:
    """The moment as Airtable writes it: UTC, milliseconds, `Z`."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def show(column: Field, kept: Any) -> Any:
    """The kept cell as the REST API answers it: options by name, everything else as it is."""
    if column.type == "singleSelect":
        return _option_name(column, kept)
    if column.type == "multipleSelects" and isinstance(kept, list):
        return [_option_name(column, each) for each in kept]
    return kept


def accept(column: Field, value: Any, ids: Ids | None = None) -> Any:
    """The value as it is kept, or None where the cell becomes empty. Links are checked by the base, which knows the rows.

    Args:
        column: where it is written.
        value: what the client sent.
        ids: given where `typecast` is on: text is then cast, and an unknown option is made with a fresh id.

    Raises:
        AirtableError: 422 or 403, as Airtable refuses it.
    """
    if column.type in COMPUTED_TYPES or column.type not in KEPT_TYPES:
        message = f'Field "{column.name}" cannot accept a value because the field is computed'
        raise AirtableError(422, "INVALID_VALUE_FOR_COLUMN", message)
    kind = _kind(column)
    if value is None or value == [] or (value is False and kind == "checkbox") or (value == "" and kind == "text"):
        return None
    if ids is not None:
        value = _cast(column, value)
    if kind == "select":
        return _accept_options(column, value, ids)
    kept = _ACCEPT[kind](column, value)
    if kept is None:
        raise _unfit(column)
    return kept


def _unfit(column: Field) -> AirtableError:
    return AirtableError(422, "INVALID_VALUE_FOR_COLUMN", f'Field "{column.name}" cannot accept the provided value')


def _kind(column: Field) -> str:
    if column.type in SELECT_TYPES:
        return "select"
    if column.type in TEXT_TYPES:
        return "text"
    return "number" if column.type in NUMBER_TYPES else column.type


def _option_name(column: Field, option: Any) -> Any:
    return next((each["name"] for each in column.choices if each["id"] == option), None)


def _accept_options(column: Field, value: Any, ids: Ids | None) -> Any:
    if column.type == "singleSelect":
        return _option_id(column, value, ids)
    if not isinstance(value, list):
        raise _unfit(column)
    return list(dict.fromkeys(_option_id(column, each, ids) for each in value))


def _option_id(column: Field, name: Any, ids: Ids | None) -> str:
    for each in column.choices:
        if each["name"] == name:
            return str(each["id"])
    if ids is None or not isinstance(name, str) or not name:
        message = f'Insufficient permissions to create new select option ""{name}""'
        raise AirtableError(422, "INVALID_MULTIPLE_CHOICE_OPTIONS", message)
    made = new_choice(name, ids)
    column.choices.append(made)
    return str(made["id"])


def _accept_text(_column: Field, value: Any) -> Any:
    return value if isinstance(value, str) and len(value) <= _LONGEST_TEXT else None


def _accept_number(_column: Field, value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else None


def _accept_checkbox(_column: Field, value: Any) -> Any:
    return True if value is True else None


def _accept_date(_column: Field, value: Any) -> Any:
    moment = _parse(value)
    return moment.date().isoformat() if moment else None


def _accept_datetime(column: Field, value: Any) -> Any:
    moment = _parse(value)
    if moment is None:
        return None
    if moment.tzinfo is None:
        zone = column.options.get("timeZone")
        moment = moment.replace(tzinfo=ZoneInfo(zone) if isinstance(zone, str) and "/" in zone else dt.UTC)
    return iso(moment)


def _accept_links(_column: Field, value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(each, str) and each.startswith("rec") for each in value):
        return list(dict.fromkeys(value))
    return None


def _parse(value: Any) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


_ACCEPT: Mapping[str, Callable[[Field, Any], Any]] = {
    "text": _accept_text,
    "number": _accept_number,
    "checkbox": _accept_checkbox,
    "date": _accept_date,
    "dateTime": _accept_datetime,
    "multipleRecordLinks": _accept_links,
}


def _cast(column: Field, value: Any) -> Any:
    """Airtable's best effort to make a value fit, as `typecast` asks for."""
    kind = _kind(column)
    if kind == "number" and isinstance(value, str):
        try:
            return float(value.replace(",", "").strip("$% "))
        except ValueError:
            return value
    if kind == "checkbox" and isinstance(value, str):
        return value.lower() in ("true", "checked", "yes", "1")
    if kind == "text" and not isinstance(value, str):
        return ", ".join(map(str, value)) if isinstance(value, list) else f"{value}"
    if column.type == "multipleSelects" and isinstance(value, str):
        return [each.strip() for each in value.split(",")]
    return value


DEFAULT_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "checkbox": {"icon": "check", "color": "greenBright"},
    "number": {"precision": 0},
    "currency": {"precision": 2, "symbol": "$"},
    "percent": {"precision": 0},
    "rating": {"icon": "star", "max": 5, "color": "yellowBright"},
    "duration": {"durationFormat": "h:mm"},
    "date": {"dateFormat": {"name": "iso", "format": "YYYY-MM-DD"}},
    "dateTime": {
        "dateFormat": {"name": "iso", "format": "YYYY-MM-DD"},
        "timeFormat": {"name": "24hour", "format": "HH:mm"},
        "timeZone": "client",
    },
}
"""What the schema endpoint shows for a column nobody set anything on."""


def new_choice(name: str, ids: Ids) -> dict[str, Any]:
    """A select's option with a fresh id."""
    return {"id": ids.new("sel"), "name": name, "color": "blueLight2"}
