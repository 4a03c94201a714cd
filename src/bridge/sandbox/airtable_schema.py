"""What people with creator rights do to the shape of a base: make, rename, retype and remove columns and options."""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.sandbox.airtable_base import LINK, Base, Table
from bridge.sandbox.airtable_cells import DEFAULT_OPTIONS, SELECT_TYPES, AirtableError, Field, accept, new_choice


@dataclass(frozen=True, slots=True)
class Column:
    """A column to be made.

    `options` are those of the schema endpoint, but may name tables, columns and choices by their names, and a formula
    holds names in braces. `inverse` names the column that a link makes in the other table.
    """

    name: str
    type: str = "singleLineText"
    options: Mapping[str, Any] = field(default_factory=dict)
    inverse: str = ""


def add_table(base: Base, name: str, columns: Iterable[Column]) -> Table:
    """A new, empty table."""
    table = Table(base.ids.new("tbl"), name, base.ids.new("viw"))
    base.tables[table.id] = table
    for column in columns:
        add_field(base, table, column)
    return table


def add_field(base: Base, table: Table, column: Column) -> Field:
    """A new column; a link makes its inverse in the other table as well."""
    made = Field(base.ids.new("fld"), column.name, column.type, _options(base, table, column.type, column.options))
    table.fields[made.id] = made
    if made.type == LINK:
        inverse_options = {**made.options, "linkedTableId": table.id, "inverseLinkFieldId": made.id}
        inverse = Field(base.ids.new("fld"), column.inverse or table.name, LINK, inverse_options)
        made.options["inverseLinkFieldId"] = inverse.id
        base.linked_table(made).fields[inverse.id] = inverse
    return made


def retype_field(base: Base, table: Table, column: Field, kind: str, options: Mapping[str, Any]) -> None:
    """Changes the column's type and keeps what can be cast; the id stays and nothing counts as an edit."""
    shown = {record.id: base.cell(table, record, column) for record in table.records.values()}
    column.type, column.options = kind, _options(base, table, kind, options)
    for record in table.records.values():
        value = shown[record.id]
        touched = record.touched.get(column.id, record.created)
        try:
            record.put(column.id, None if value is None else accept(column, value, base.ids), touched)
        except AirtableError:
            record.put(column.id, None, touched)


def remove_field(base: Base, table: Table, column: Field) -> None:
    """Removes the column with all its cells, and the other end of a link."""
    if column.type == LINK:
        _forget(base.linked_table(column), column.options["inverseLinkFieldId"])
    _forget(table, column.id)


def _forget(table: Table, column: str) -> None:
    table.fields.pop(column)
    for record in table.records.values():
        record.cells.pop(column, None)
        record.touched.pop(column, None)


def drop_option(table: Table, column: Field, name: str, now: dt.datetime) -> None:
    """Removes a select's option: cells that held it lose it."""
    gone = option(column, name)["id"]
    column.choices.remove(option(column, name))
    for record in table.records.values():
        kept = record.cells.get(column.id)
        if kept == gone:
            record.put(column.id, None, now)
        elif isinstance(kept, list) and gone in kept:
            record.put(column.id, [each for each in kept if each != gone], now)


def option(column: Field, name: str) -> dict[str, Any]:
    """The select's option of that name; KeyError where there is none."""
    found = next((each for each in column.choices if each["name"] == name), None)
    if found is None:
        raise KeyError(f"no option {name!r} in {column.name!r}")
    return found


def _options(base: Base, table: Table, kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    if kind in SELECT_TYPES:
        return {"choices": [new_choice(each, base.ids) for each in given.get("choices", [])]}
    if kind in _RESOLVE:
        return _RESOLVE[kind](base, table, given)
    return {**DEFAULT_OPTIONS.get(kind, {}), **given}


def _link(base: Base, _table: Table, given: Mapping[str, Any]) -> dict[str, Any]:
    linked = base.find_table(given["linkedTableId"])
    if linked is None:
        raise KeyError(given["linkedTableId"])
    return {"linkedTableId": linked.id, "isReversed": False, "prefersSingleRecordLink": False}


def _lookup(base: Base, table: Table, given: Mapping[str, Any]) -> dict[str, Any]:
    link = table.column(given["recordLinkFieldId"])
    wanted = base.linked_table(link).column(given["fieldIdInLinkedTable"])
    result = {"type": wanted.type, **({"options": wanted.options} if wanted.options else {})}
    return {"isValid": True, "recordLinkFieldId": link.id, "fieldIdInLinkedTable": wanted.id, "result": result}


def _count(_base: Base, table: Table, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"isValid": True, "recordLinkFieldId": table.column(given["recordLinkFieldId"]).id}


def _formula(_base: Base, table: Table, given: Mapping[str, Any]) -> dict[str, Any]:
    text = re.sub(r"\{([^}]+)\}", lambda match: f"{{{table.column(match[1]).id}}}", given["formula"])
    referenced = re.findall(r"\{(fld[^}]+)\}", text)
    result = given.get("result", {"type": "singleLineText"})
    return {"isValid": True, "formula": text, "referencedFieldIds": referenced, "result": result}


def _last_modified(_base: Base, table: Table, given: Mapping[str, Any]) -> dict[str, Any]:
    watched = [table.column(each).id for each in given.get("referencedFieldIds", [])]
    result = {"type": "dateTime", "options": dict(DEFAULT_OPTIONS["dateTime"])}
    return {"isValid": True, "referencedFieldIds": watched, "result": result}


_RESOLVE: Mapping[str, Callable[[Base, Table, Mapping[str, Any]], dict[str, Any]]] = {
    LINK: _link,
    "multipleLookupValues": _lookup,
    "count": _count,
    "formula": _formula,
    "lastModifiedTime": _last_modified,
}
