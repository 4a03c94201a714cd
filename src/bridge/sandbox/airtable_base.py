"""One Airtable base in memory: tables, columns, records, links kept from both ends, computed cells.

Nothing here knows of HTTP, and nothing of who may do what.
"""

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bridge.sandbox.airtable_cells import COMPUTED_TYPES, AirtableError, Field, Ids, accept, iso, show
from bridge.sandbox.airtable_formula import Formula, FormulaFault, FormulaRefused, Operand, compile_formula
from bridge.sandbox.airtable_hooks import Hooks

LINK = "multipleRecordLinks"

Cells = dict[str, Any]
"""Accepted cells by column id, as they will be kept; None empties."""


@dataclass(slots=True)
class Record:
    """One row. `cells` and `touched` (the last edit by a user) are keyed by column id; empty cells have no key.

    `editor` is who edited it last, as a collaborator cell shows a user.
    """

    id: str
    number: int
    created: dt.datetime
    cells: Cells = field(default_factory=dict)
    touched: dict[str, dt.datetime] = field(default_factory=dict)
    editor: dict[str, str] = field(default_factory=dict)

    def put(self, column: str, value: Any, now: dt.datetime) -> None:
        """Keeps one accepted cell, or empties it."""
        if value is None or value == []:
            self.cells.pop(column, None)
        else:
            self.cells[column] = value
        self.touched[column] = now


@dataclass(slots=True)
class Table:
    """One table. The first column is the primary one; records stand in the order they were made."""

    id: str
    name: str
    view: str
    fields: dict[str, Field] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    made: int = 0

    @property
    def primary(self) -> Field:
        """The column whose cell names the record."""
        return next(iter(self.fields.values()))

    def find_column(self, key: str) -> Field | None:
        """The column with this id or name, or None."""
        return self.fields.get(key) or next((each for each in self.fields.values() if each.name == key), None)

    def column(self, key: str) -> Field:
        """The column with this id or name. AirtableError 422 where there is none."""
        found = self.find_column(key)
        if found is None:
            raise AirtableError(422, "UNKNOWN_FIELD_NAME", f'Unknown field name: "{key}"')
        return found

    def schema(self) -> dict[str, Any]:
        """The table as the schema endpoint shows it."""
        return {
            "id": self.id,
            "name": self.name,
            "primaryFieldId": self.primary.id,
            "fields": [each.schema() for each in self.fields.values()],
            "views": [{"id": self.view, "name": "Grid view", "type": "grid"}],
        }


class Base:
    """One base. What writes is checked by `accept` first, so that a refusal changes nothing."""

    def __init__(self, base_id: str, name: str, ids: Ids) -> None:
        self.id = base_id
        self.name = name
        self.ids = ids
        self.tables: dict[str, Table] = {}
        self.hooks = Hooks(ids)
        self._formulas: dict[str, Formula] = {}

    def find_table(self, key: str) -> Table | None:
        """The table with this id or name, or None."""
        return self.tables.get(key) or next((each for each in self.tables.values() if each.name == key), None)

    def linked_table(self, link: Field) -> Table:
        """The table a link column points to."""
        return self.tables[link.options["linkedTableId"]]

    def fields_of(
        self, table: Table, record: Record, columns: Iterable[Field] | None = None, *, by_id: bool = False
    ) -> dict[str, Any]:
        """The record's cells as the REST API answers them: by column name (or id), empty ones left out."""
        shown: dict[str, Any] = {}
        for column in table.fields.values() if columns is None else columns:
            value = self.cell(table, record, column)
            if value is not None:
                shown[column.id if by_id else column.name] = value
        return shown

    def cell(self, table: Table, record: Record, column: Field) -> Any:
        """One cell as the REST API answers it, or None where it is empty."""
        if column.type not in COMPUTED_TYPES:
            kept = record.cells.get(column.id)
            return None if kept is None else show(column, kept)
        match column.type:
            case "multipleLookupValues":
                return self._lookup(table, record, column)
            case "count":
                return len(record.cells.get(column.options["recordLinkFieldId"], []))
            case "autoNumber" | "lastModifiedBy":
                return record.number if column.type == "autoNumber" else record.editor or None
        try:
            return _result(RecordView(self, table, record).operand(column.id))
        except FormulaFault:
            return {"error": "#ERROR!"}

    def _lookup(self, table: Table, record: Record, column: Field) -> list[Any] | None:
        """Always a list, even of one; a linked record without a value stands in it as null."""
        link = table.fields.get(column.options["recordLinkFieldId"])
        other = self.linked_table(link) if link else None
        wanted = other.fields.get(column.options["fieldIdInLinkedTable"]) if other else None
        if link is None or other is None or wanted is None:
            return None
        values = [self.cell(other, other.records[each], wanted) for each in record.cells.get(link.id, [])]
        flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
        return flat if any(each is not None for each in flat) else None

    def formula(self, column: Field, known: Sequence[str]) -> Formula:
        """The compiled formula of a formula column. FormulaFault where a column it needs is gone."""
        text = column.options["formula"]
        if text not in self._formulas:
            try:
                self._formulas[text] = compile_formula(text, known)
            except FormulaRefused as refused:
                raise FormulaFault from refused
        return self._formulas[text]

    def accept(self, table: Table, fields: Mapping[str, Any], *, typecast: bool = False) -> Cells:
        """The cells to keep, by column id, of a client's `fields`. AirtableError where one is refused."""
        cells: Cells = {}
        for key, value in fields.items():
            column = table.column(key)
            cells[column.id] = accept(column, value, self.ids if typecast else None)
            if column.type == LINK:
                self._check_links(column, cells[column.id] or [])
        return cells

    def _check_links(self, column: Field, links: list[str]) -> None:
        rows = self.linked_table(column).records
        missing = next((each for each in links if each not in rows), None)
        if missing is not None:
            raise AirtableError(422, "ROW_DOES_NOT_EXIST", f"Record ID {missing} does not exist")

    def insert(self, table: Table, cells: Cells, now: dt.datetime, record_id: str | None = None) -> Record:
        """A new record with these accepted cells."""
        table.made += 1
        record = Record(record_id or self.ids.new("rec"), table.made, now)
        table.records[record.id] = record
        self.hooks.note(table.id, "createdRecordsById", record.id, {"createdTime": iso(now), "cellValuesByFieldId": {}})
        self.write(table, record, {key: value for key, value in cells.items() if value is not None}, now)
        return record

    def write(self, table: Table, record: Record, cells: Cells, now: dt.datetime) -> None:
        """Keeps these accepted cells, and the other ends of links."""
        for key, value in cells.items():
            if table.fields[key].type == LINK:
                self._keep_other_ends(record, table.fields[key], value or [], now)
            record.put(key, value, now)
            self._note(table, record, key)

    def _note(self, table: Table, record: Record, column: str) -> None:
        """Tell the webhooks of one cell, in the format that only they have."""
        shown = {column: _v2(table.fields[column], record.cells.get(column))}
        if record.id in self.hooks.created(table.id):
            self.hooks.note(table.id, "createdRecordsById", record.id, {"cellValuesByFieldId": shown})
        else:
            self.hooks.note(table.id, "changedRecordsById", record.id, {"current": {"cellValuesByFieldId": shown}})

    def remove(self, table: Table, record: Record, now: dt.datetime) -> None:
        """Deletes the record and every link to it."""
        for column in table.fields.values():
            if column.type == LINK:
                self._keep_other_ends(record, column, [], now)
        del table.records[record.id]
        self.hooks.note_gone(table.id, "destroyedRecordIds", record.id)

    def _keep_other_ends(self, record: Record, link: Field, wanted: list[str], now: dt.datetime) -> None:
        other, inverse = self.linked_table(link), link.options["inverseLinkFieldId"]
        for each in {*record.cells.get(link.id, [])} ^ {*wanted}:
            ends = [end for end in other.records[each].cells.get(inverse, []) if end != record.id]
            other.records[each].put(inverse, [*ends, record.id] if each in wanted else ends, now)
            self._note(other, other.records[each], inverse)

    def dump(self) -> dict[str, Any]:
        """The base as JSON that `restore` reads."""
        tables = [asdict(each) for each in self.tables.values()]
        for table in tables:
            for record in table["records"].values():
                record["created"] = iso(record["created"])
                record["touched"] = {key: iso(moment) for key, moment in record["touched"].items()}
        return {"id": self.id, "name": self.name, "tables": tables}

    @classmethod
    def restore(cls, data: Mapping[str, Any], ids: Ids) -> "Base":
        """The base a `dump` was made of."""
        base = cls(data["id"], data["name"], ids)
        for each in data["tables"]:
            fields = {key: Field(**value) for key, value in each["fields"].items()}
            records = {key: _record(value) for key, value in each["records"].items()}
            base.tables[each["id"]] = Table(**{**each, "fields": fields, "records": records})
        return base


def _record(data: Mapping[str, Any]) -> Record:
    touched = {key: dt.datetime.fromisoformat(moment) for key, moment in data["touched"].items()}
    created = dt.datetime.fromisoformat(data["created"])
    return Record(data["id"], data["number"], created, dict(data["cells"]), touched, dict(data["editor"]))


@dataclass(frozen=True, slots=True)
class RecordView:
    """One record as a formula sees it: the `FormulaRow` of this base."""

    base: Base
    table: Table
    record: Record

    @property
    def id(self) -> str:
        """The record's id."""
        return self.record.id

    @property
    def created(self) -> dt.datetime:
        """When the record was made."""
        return self.record.created

    def modified(self, fields: Sequence[str]) -> dt.datetime | None:
        """The last edit by a user; computed cells that changed with a linked record do not count."""
        touched = self.record.touched
        if not fields:
            return max(touched.values(), default=self.created)
        return max((touched[key] for each in fields if (key := self.table.column(each).id) in touched), default=None)

    def operand(self, field: str) -> Operand:
        """The cell of the column with this name or id, as formulas reckon with it. FormulaFault if it is gone."""
        column = self.table.find_column(field)
        if column is None:
            raise FormulaFault
        match column.type:
            case "createdTime":
                return self.created
            case "lastModifiedTime":
                return self.modified(column.options["referencedFieldIds"])
            case "formula":
                return self.base.formula(column, [*self.table.fields])(self)
            case "checkbox":
                return column.id in self.record.cells
            case "multipleRecordLinks":
                other = self.base.linked_table(column)
                linked = [other.records[each] for each in self.record.cells.get(column.id, [])]
                return _joined([self.base.cell(other, each, other.primary) for each in linked])
        return _operand(column, self.base.cell(self.table, self.record, column))


def _v2(column: Field, kept: Any) -> Any:
    """A cell as payloads of webhooks show it: options and links are objects there."""
    if kept is None or column.type not in (LINK, "singleSelect", "multipleSelects"):
        return kept
    if column.type == LINK:
        return [{"id": each} for each in kept]
    chosen = [each for each in column.choices if each["id"] in (kept if isinstance(kept, list) else [kept])]
    return chosen if column.type == "multipleSelects" else next(iter(chosen), None)


def _operand(column: Field, value: Any) -> Operand:
    if value is None:
        return None
    if column.type in ("date", "dateTime"):
        moment = dt.datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    if isinstance(value, list):
        return _joined(value)
    return float(value) if isinstance(value, int) else value


def _joined(values: Iterable[Any]) -> str | None:
    return ", ".join(f"{each}" for each in values if each is not None) or None


def _result(value: Operand) -> Any:
    """The value of a formula as its cell answers it."""
    if isinstance(value, dt.datetime):
        return iso(value)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float) and not math.isfinite(value):
        return {"specialValue": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value or None
