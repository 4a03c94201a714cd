"""What one request of Airtable's record API does to one table.

All of a batch is checked before any of it is kept: one refused cell refuses the batch.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bridge.sandbox.airtable import BOT, Airtable
from bridge.sandbox.airtable_base import Base, Cells, Record, RecordView, Table
from bridge.sandbox.airtable_cells import AirtableError, Field, iso
from bridge.sandbox.airtable_formula import FormulaFault, FormulaRefused, compile_formula, keeps

LARGEST_PAGE = 100
LARGEST_BATCH = 10
_LIST_PARAMETERS = frozenset(
    {"pageSize", "maxRecords", "offset", "fields", "filterByFormula", "sort", "view", "returnFieldsByFieldId"}
)
_MERGEABLE = frozenset({"number", "singleLineText", "multilineText", "singleSelect", "multipleSelects", "date"})


class Calls:
    """What one request does to one table."""

    def __init__(self, airtable: Airtable, base: Base, table: Table) -> None:
        self.airtable = airtable
        self.base = base
        self.table = table

    def page(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One page of records, and the offset of the next while there is one."""
        if unknown := set(asked) - _LIST_PARAMETERS:
            raise _invalid_request(f"unknown parameter {min(unknown)}")
        size = _count(asked, "pageSize", LARGEST_PAGE)
        if not 1 <= size <= LARGEST_PAGE:
            raise _invalid_request("pageSize must be 1 to 100")
        by_id = bool(asked.get("returnFieldsByFieldId"))
        columns = [self.table.column(each) for each in asked["fields"]] if asked.get("fields") else None
        iterator, ids, start = self._scan(asked)
        page = [self.table.records[each] for each in ids[start : start + size] if each in self.table.records]
        answer: dict[str, Any] = {"records": [self.shown(each, columns, by_id=by_id) for each in page]}
        if start + size < len(ids):
            answer["offset"] = f"{iterator or self.airtable.open_iterator(ids)}/{ids[start + size]}"
        return answer

    def _scan(self, asked: Mapping[str, Any]) -> tuple[str, list[str], int]:
        if not asked.get("offset"):
            return "", self._matching(asked), 0
        iterator, _, record = str(asked["offset"]).partition("/")
        ids = self.airtable.scan(iterator)
        if record not in ids:
            raise AirtableError(422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE")
        return iterator, ids, ids.index(record)

    def _matching(self, asked: Mapping[str, Any]) -> list[str]:
        records = [*self.table.records.values()]
        if asked.get("view") not in (None, "", self.table.view, "Grid view"):
            raise AirtableError(422, "VIEW_NAME_NOT_FOUND", f"View {asked['view']} not found")
        if asked.get("filterByFormula"):
            records = self._filtered(records, asked["filterByFormula"])
        for order in reversed(asked.get("sort") or []):
            key = _sort_key(self.base, self.table, self.table.column(order["field"]))
            records.sort(key=key, reverse=order.get("direction") == "desc")
        return [each.id for each in records[: _count(asked, "maxRecords", len(records))]]

    def _filtered(self, records: Sequence[Record], text: str) -> list[Record]:
        try:
            formula = compile_formula(text, [each.name for each in self.table.fields.values()])
        except FormulaRefused as refused:
            raise AirtableError(422, "INVALID_FILTER_BY_FORMULA", str(refused)) from refused

        def kept(record: Record) -> bool:
            try:
                return keeps(formula(RecordView(self.base, self.table, record)))
            except FormulaFault:
                return False

        return [each for each in records if kept(each)]

    def one(self, record: str, *, by_id: bool) -> dict[str, Any]:
        """One record. Airtable looks through the whole base where the table does not have it, and so does this."""
        for table in (self.table, *self.base.tables.values()):
            if record in table.records:
                return Calls(self.airtable, self.base, table).shown(table.records[record], by_id=by_id)
        raise AirtableError(404, "NOT_FOUND", bare=True)

    def create(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The new record, or the new records in the order they were sent."""
        rows = self._rows(body, "created") if "records" in body else [body]
        cells = [self._accept(each, body) for each in rows]
        made = [self.base.insert(self.table, each, self.airtable.clock()) for each in cells]
        shown = [self.shown(each, by_id=bool(body.get("returnFieldsByFieldId"))) for each in made]
        return {"records": shown} if "records" in body else shown[0]

    def update(self, body: Mapping[str, Any], *, replace: bool) -> dict[str, Any]:
        """The records after the update, or the upsert; all are refused if one is."""
        rows = self._rows(body, "updated")
        merge = body.get("performUpsert")
        named = [each["id"] for each in rows if "id" in each]
        if len(named) != len(set(named)):
            raise AirtableError(422, "INVALID_RECORDS", "You cannot update the same record multiple times in one request.")
        if merge is None and len(named) < len(rows):
            raise AirtableError(422, "INVALID_RECORDS", "Each record must have an id.")
        cells = [self._accept(each, body) for each in rows]
        targets = [self._target(each, one, merge) for each, one in zip(rows, cells, strict=True)]
        written = [self._keep(one, kept, replace=replace) for one, kept in zip(targets, cells, strict=True)]
        by_id = bool(body.get("returnFieldsByFieldId"))
        answer: dict[str, Any] = {"records": [self.shown(each, by_id=by_id) for each in written]}
        if merge is not None:
            made = [new.id for new, old in zip(written, targets, strict=True) if old is None]
            answer |= {"createdRecords": made, "updatedRecords": [each.id for each in written if each.id not in made]}
        return answer

    def update_one(self, record: str, body: Mapping[str, Any], *, replace: bool) -> dict[str, Any]:
        """The record after the update."""
        if record not in self.table.records:
            raise AirtableError(404, "MODEL_ID_NOT_FOUND", "Record not found")
        written = self._keep(self.table.records[record], self._accept(body, body), replace=replace)
        return self.shown(written, by_id=bool(body.get("returnFieldsByFieldId")))

    def delete(self, records: Sequence[str]) -> list[dict[str, Any]]:
        """What was deleted."""
        if not 1 <= len(records) <= LARGEST_BATCH:
            raise _too_many("deleted", len(records))
        if any(each not in self.table.records for each in records):
            raise AirtableError(404, "MODEL_ID_NOT_FOUND", "Record not found")
        for each in records:
            self.base.remove(self.table, self.table.records[each], self.airtable.clock())
        return [{"id": each, "deleted": True} for each in records]

    def _rows(self, body: Mapping[str, Any], done: str) -> list[dict[str, Any]]:
        rows = body.get("records")
        if not isinstance(rows, list) or not rows or not all(isinstance(each, dict) for each in rows):
            raise AirtableError(422, "INVALID_REQUEST_MISSING_FIELDS", 'Could not find field "records" in the body')
        if len(rows) > LARGEST_BATCH:
            raise _too_many(done, len(rows))
        return rows

    def _accept(self, row: Mapping[str, Any], body: Mapping[str, Any]) -> Cells:
        if not isinstance(row.get("fields"), dict):
            raise AirtableError(422, "INVALID_REQUEST_MISSING_FIELDS", 'Could not find field "fields" in the request body')
        for key in row["fields"]:
            column = self.table.column(key)
            if column.id in self.airtable.locked:
                message = f"You are not permitted to write cell values in field {column.name} ({column.id})"
                raise AirtableError(403, "INVALID_PERMISSIONS", message)
        return self.base.accept(self.table, row["fields"], typecast=body.get("typecast") is True)

    def _target(self, row: Mapping[str, Any], cells: Cells, merge: Mapping[str, Any] | None) -> Record | None:
        if "id" in row:
            if row["id"] not in self.table.records:
                raise AirtableError(422, "ROW_DOES_NOT_EXIST", f"Record ID {row['id']} does not exist in this table")
            return self.table.records[row["id"]]
        keys = [self.table.column(each) for each in (merge or {}).get("fieldsToMergeOn", [])]
        if not 1 <= len(keys) <= 3 or any(each.type not in _MERGEABLE for each in keys):  # noqa: PLR2004  # as documented
            raise _invalid_request("fieldsToMergeOn must name one to three fields that are not computed")
        found = [
            each for each in self.table.records.values() if all(each.cells.get(key.id) == cells.get(key.id) for key in keys)
        ]
        if len(found) > 1:
            raise AirtableError(422, "INVALID_RECORDS", "More than one record matches the fields to merge on.")
        return found[0] if found else None

    def _keep(self, record: Record | None, cells: Cells, *, replace: bool) -> Record:
        now = self.airtable.clock()
        if record is None:
            record = self.base.insert(self.table, cells, now)
            record.editor = dict(BOT)
            return record
        unlisted = dict.fromkeys((key for key in record.cells if key not in cells), None) if replace else {}
        self.base.write(self.table, record, {**unlisted, **cells}, now)
        record.editor = dict(BOT)
        return record

    def shown(self, record: Record, columns: Sequence[Field] | None = None, *, by_id: bool = False) -> dict[str, Any]:
        """The record as every answer carries it."""
        fields = self.base.fields_of(self.table, record, columns, by_id=by_id)
        return {"id": record.id, "createdTime": iso(record.created), "fields": fields}


def _invalid_request(why: str) -> AirtableError:
    return AirtableError(422, "INVALID_REQUEST_UNKNOWN", f"Invalid request: parameter validation failed: {why}")


def _too_many(done: str, count: int) -> AirtableError:
    message = f"A maximum of {LARGEST_BATCH} records can be {done} per request but you have provided {count}."
    return AirtableError(422, "INVALID_RECORDS", message)


def _count(asked: Mapping[str, Any], name: str, otherwise: int) -> int:
    given = asked.get(name, otherwise)
    try:
        return int(given)
    except (TypeError, ValueError):
        raise _invalid_request(f"{name} must be a number") from None


def _sort_key(base: Base, table: Table, column: Field) -> Callable[[Record], tuple[bool, Any]]:
    """Empty cells first; options in the order of the select, not of the alphabet."""
    order = {each["name"]: place for place, each in enumerate(column.choices)} if column.type == "singleSelect" else {}

    def key(record: Record) -> tuple[bool, Any]:
        value = base.cell(table, record, column)
        if isinstance(value, list | dict):
            value = str(value)
        return value is not None, order.get(value, value) if value is not None else 0

    return key
