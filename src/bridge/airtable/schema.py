"""A table's schema, and what became of the mapped paths in it since they were pinned. Pure."""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.core.record import Json
from bridge.core.sight import Drift, Fault, FieldSight, Option
from bridge.errors import ConfigError, UnexpectedAnswer

TEXTS = frozenset({"singleLineText", "multilineText", "richText", "email", "url", "phoneNumber"})
DATES = frozenset({"date", "dateTime", "createdTime", "lastModifiedTime"})
NUMBERS = frozenset({"number", "currency", "percent", "rating", "duration", "count", "autoNumber"})
LISTS = frozenset({"multipleSelects", "multipleRecordLinks", "multipleLookupValues", "multipleCollaborators"})
CHECKBOX = "checkbox"

_WRITABLE = TEXTS | frozenset(
    {
        *("number", "currency", "percent", "rating", "duration", "checkbox", "date", "dateTime", "singleSelect"),
        *("multipleSelects", "multipleRecordLinks", "singleCollaborator", "multipleCollaborators", "barcode"),
    }
)
"""All others are computed, synced, files, or unknown: read and never written."""

_LONGEST_TEXT = 100_000  # characters: https://support.airtable.com/docs/using-rich-text-with-airtable


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a table. `cell` is the type of its cells: that of the result, for a computed field."""

    id: str
    name: str
    kind: str
    cell: str
    options: tuple[Option, ...] | None = None
    watches_all: bool = False
    """For a last-modified field: whether it watches every field."""
    links_to: str = ""
    """For a link to other records: the id of their table."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table and its columns."""

    id: str
    name: str
    columns: tuple[Column, ...]

    def by_id(self, id: str) -> Column | None:  # noqa: A002  # the record's native id, as everywhere
        """The column with this id, or None."""
        return next((each for each in self.columns if each.id == id), None)

    def by_name(self, name: str) -> Column | None:
        """The column with this title, or None."""
        return next((each for each in self.columns if each.name == name), None)

    @property
    def last_modified(self) -> Column | None:
        """A field that tells when any field of the record was last edited, or None."""
        return next((each for each in self.columns if each.kind == "lastModifiedTime" and each.watches_all), None)


@dataclass(frozen=True, slots=True)
class Place:
    """One path of the mapping and the column it means today; `column` is None where it is gone.

    `renamed` maps each option's present word to the word the mapping knows it by, where the two differ.
    """

    path: str
    column: Column | None
    drift: tuple[Drift, ...] = ()
    words: tuple[Option, ...] | None = None
    """The column's options by the words the mapping knows them by."""
    renamed: Mapping[str, str] = field(default_factory=dict)

    @property
    def usable(self) -> Column | None:
        """The column, unless the path is frozen."""
        return None if any(each.freezes for each in self.drift) else self.column

    @property
    def writable(self) -> bool:
        """Whether bridge may write the column."""
        return self.usable is not None and self.usable.kind in _WRITABLE

    def read(self, value: Json) -> Json:
        """A cell with its options in the mapping's words."""
        return _reworded(value, self.renamed)

    def write(self, value: Json) -> Json:
        """A cell with its options in today's words."""
        return _reworded(value, {word: name for name, word in self.renamed.items()}) if self.renamed else value

    def sight(self) -> FieldSight | None:
        """The path as it is to be pinned, or None where it is gone. An option keeps the word it was pinned with."""
        if self.column is None:
            return None
        return FieldSight(
            path=self.path,
            id=self.column.id,
            name=self.column.name,
            kind=self.column.kind,
            writable=self.column.kind in _WRITABLE,
            options=self.words,
            max_length=_LONGEST_TEXT if self.column.kind in TEXTS else None,
        )


def find_table(tables: Sequence[Any], key: str, pin: FieldSight | None = None) -> Table:
    """The table that was pinned under this name, whatever it and others are called today, else the one with this name or id.

    ConfigError names the nearest where there is none.
    """
    read = read_tables(tables)
    pinned = [each for each in read if pin is not None and pin.name == key and pin.id == each.id]
    found = next(iter([*pinned, *(each for each in read if key in (each.id, each.name))]), None)
    if found is None:
        names = [each.name for each in read]
        near = difflib.get_close_matches(key, names, 1) or names[:5]
        raise ConfigError(
            f"The base has no table `{key}`.",
            next_step=f"Set `airtable: table:` to one that it has, such as `{'`, `'.join(near)}`.",
        )
    return found


def read_tables(tables: Sequence[Any]) -> list[Table]:
    """The tables of a base as the schema endpoint tells them. Raises UnexpectedAnswer where that is no schema."""
    try:
        return [_table(each) for each in tables]
    except (KeyError, TypeError, AttributeError) as error:
        raise UnexpectedAnswer("Airtable's schema has tables or fields without id, name or type.") from error


def place(table: Table, path: str, pin: FieldSight | None, named: Collection[str] = ()) -> Place:
    """Where `path` stands in `table` today, held against its pin. `named` are the options that the mapping's `values` name."""
    drift: tuple[Drift, ...]
    if pin is None:
        column = table.by_name(path) or table.by_id(path)
        drift = () if column else (Drift(path=path, fault=Fault.GONE, detail=f"Table {table.name} has no field {path}."),)
    else:
        column = table.by_id(pin.id)
        drift = tuple(_drift(table, path, pin, column))
    if column is None or column.options is None:
        return Place(path, column, drift)
    pinned = {option.id: option.name for option in pin.options or ()} if pin else {}
    words = _words(column.options, pinned, named)
    if pin is not None and pin.kind == column.kind:
        drift += tuple(_option_drift(path, column, pinned, words, named))
    renamed = {now.name: word.name for now, word in zip(column.options, words, strict=True) if now.name != word.name}
    return Place(path, column, drift, words, renamed)


def _drift(table: Table, path: str, pin: FieldSight, column: Column | None) -> Iterator[Drift]:
    if column is None:
        told = f"Field {pin.name} ({pin.id}) of table {table.name} was deleted."
        if table.by_name(path):
            told += " Another field has taken its name; it is not the same field."
        yield Drift(path=path, fault=Fault.GONE, detail=told)
        return
    if path not in (column.name, column.id):
        yield Drift(
            path=path,
            fault=Fault.RENAMED,
            detail=f"Field {path} of table {table.name} is called {column.name} now.",
            now=column.name,
        )
    if column.kind != pin.kind:
        told = f"Field {column.name} of table {table.name} was of type {pin.kind} and is {column.kind} now."
        yield Drift(path=path, fault=Fault.RETYPED, detail=told)


def _words(options: Sequence[Option], pinned: Mapping[str, str], named: Collection[str]) -> tuple[Option, ...]:
    """Each option under one word: the pinned one, unless the mapping now names only the present one.

    A word that belongs to a renamed option is not given to another that has taken its name: that one's word carries its id.
    """
    words = {
        each.id: pinned[each.id] if pinned[each.id] in named or each.name not in named else each.name
        for each in options
        if each.id in pinned
    }
    taken = set(words.values())
    for each in options:
        if each.id not in words:
            words[each.id] = f"{each.name} ({each.id})" if each.name in taken else each.name
    return tuple(Option(each.id, words[each.id]) for each in options)


def _option_drift(
    path: str, column: Column, pinned: Mapping[str, str], words: Sequence[Option], named: Collection[str]
) -> Iterator[Drift]:
    present = {each.id for each in words}
    for gone in sorted(word for id_, word in pinned.items() if id_ not in present and (not named or word in named)):
        yield Drift(path=path, fault=Fault.OPTION_GONE, detail=f"Option {gone} of field {column.name} was deleted.")
    # Without `values` both sides use the same words, so a new option needs nobody's hand.
    for new in sorted(each.name for each in words if named and each.id not in pinned and each.name not in named):
        yield Drift(
            path=path, fault=Fault.OPTION_NEW, detail=f"Option {new} of field {column.name} is new, and no `values` name it."
        )


def _reworded(value: Json, words: Mapping[str, str]) -> Json:
    if isinstance(value, list):
        return [_reworded(each, words) for each in value]
    return words.get(value, value) if isinstance(value, str) else value


def _table(data: Any) -> Table:
    return Table(str(data["id"]), str(data["name"]), tuple(_column(each) for each in data["fields"]))


def _column(data: Any) -> Column:
    options = data.get("options") or {}
    result = options.get("result") or {}
    choices = options.get("choices") or (result.get("options") or {}).get("choices")
    kind = str(data["type"])
    return Column(
        id=str(data["id"]),
        name=str(data["name"]),
        kind=kind,
        cell=kind if kind in LISTS or not result else str(result["type"]),
        options=tuple(Option(str(each["id"]), str(each["name"])) for each in choices) if choices is not None else None,
        watches_all=kind == "lastModifiedTime" and not options.get("referencedFieldIds"),
        links_to=str(options.get("linkedTableId") or ""),
    )
