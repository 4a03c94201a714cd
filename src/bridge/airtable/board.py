"""Discrepancies as rows of a table of the mapping's base: bridge writes its columns, staff write theirs.

The table and its columns are made by people; they are found by their English titles or those of the reader's language. A row is
found by its fingerprint, and made by Airtable's own upsert, so that a write whose answer was lost leaves one row
(https://airtable.com/developers/web/api/update-multiple-records).
"""

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyairtable import formulas

from bridge.airtable.answers import Refused, lost
from bridge.airtable.api import Api
from bridge.airtable.door import WRITE_SIZE
from bridge.airtable.formula import changed_since
from bridge.airtable.scan import Scan, is_record, scan
from bridge.airtable.schema import Column, Table, find_table
from bridge.core.board import ASSIGNEE, NOTE, SNOOZED_UNTIL, words
from bridge.core.ledger import Entry, State
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.record import Json, Side
from bridge.core.report import Address, code_page, own_page
from bridge.errors import BridgeError, ConfigError, Problem, RequestRejected, Unavailable
from bridge.language import Language
from bridge.locales import wording
from bridge.ports import Lack, Posted

_TEXT = ("singleLineText", "multilineText")
_PEOPLE = "singleCollaborator"
_KINDS: Mapping[str, tuple[str, ...]] = {
    "fingerprint": _TEXT,
    "name": _TEXT,
    "code": ("number", *_TEXT),
    "rule": _TEXT,
    "severity": ("singleSelect", *_TEXT),
    "state": ("singleSelect", *_TEXT),
    "text": ("multilineText", "singleLineText"),
    "do": ("multilineText", "singleLineText"),
    "opened_at": ("dateTime", "date"),
    ASSIGNEE: ("singleLineText", "singleSelect", _PEOPLE),
    SNOOZED_UNTIL: ("date",),
    NOTE: ("multilineText", "singleLineText"),
    "address": ("url", *_TEXT),
    "page": ("url", *_TEXT),
    "mapping": _TEXT,
    "code_page": ("url", *_TEXT),
}
"""The types of field that each column may be of, the advised one first."""

_ON_THE_PAGE = ("page", "code_page")
"""Columns that stay blank where nothing is served."""

_VITAL = ("fingerprint", "state", "text")
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "severity": tuple(each.value for each in wording.SEVERITIES),
    "state": tuple(each.value for each in State),
}
_CALLED = {
    "singleLineText": "single line text",
    "multilineText": "long text",
    "singleSelect": "single select",
    "dateTime": "date with time",
    "singleCollaborator": "user",
    "url": "URL",
}
"""Airtable's own words for its types of field, where they differ from the API's."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A cell of every row, and the column it stands in."""

    cell: str
    column: Column

    @property
    def writable(self) -> bool:
        """Whether bridge may write there: who a user of Airtable is, it does not know."""
        return self.column.kind != _PEOPLE

    def read(self, value: Json) -> Json:
        """The cell as the ledger would say it, None where it is blank."""
        if isinstance(value, dict):
            value = value.get("name") or value.get("email")
        if isinstance(value, str):
            value = value.strip()
        return None if value in ("", []) else value


@dataclass(slots=True)
class _Seen:
    """The table as it was last looked at: which cells stand where, and each row's id by fingerprint."""

    table: Table
    places: Mapping[str, _Place]
    rows: dict[str, str] = field(default_factory=dict)

    @property
    def editor(self) -> Column | None:
        """The column that tells who edited a row last."""
        return next((each for each in self.table.columns if each.kind == "lastModifiedBy"), None)


class AirtableBoard:
    """Fulfils `ports.Board`. `sources` are the tables that mappings read from this base, by name or id: never a board.

    `page` is where people see everything, None if nothing is served. `listed` is what boards that are kept together share: a
    table that several mappings report to is listed once for all of them.
    """

    batch_size = WRITE_SIZE

    def __init__(
        self,
        api: Api,
        mapping: FieldMapping,
        language: Language,
        address: Address,
        *,
        base_id: str,
        sources: Collection[str],
        page: str | None = None,
        listed: dict[str, Scan] | None = None,
    ) -> None:
        if mapping.report.airtable is None:
            raise ValueError(f"{mapping.name} reports to no table")
        self._api = api
        self._mapping = mapping
        self._named = mapping.report.airtable.table
        self._language = language
        self._address = address
        self._page = page
        self._base = base_id
        self._sources = sources
        self._listed = {} if listed is None else listed
        self._now: _Seen | None = None
        self.read_at: dt.datetime | None = None
        self.place = f"airtable:{base_id}:{self._named}"

    # ── its shape ──

    def lacks(self) -> Sequence[Lack]:
        """The table, its columns and their options that are not there, or are of another type."""
        return self._lacks(self._api.tables(self._base))

    def _lacks(self, tables: Sequence[Any]) -> Sequence[Lack]:
        try:
            table = self._table(tables)
        except ConfigError as error:
            columns = ", ".join(f"{title} ({_advised(cell)})" for cell, title in self._titles().items())
            return [Lack(error.message, vital=True, hint=f"Make it with the columns {columns}.")]
        shown = (cell for cell in _KINDS if self._page or cell not in _ON_THE_PAGE)
        return [lack for cell in shown if (lack := self._lack(cell, table)) is not None]

    def _table(self, tables: Sequence[Any]) -> Table:
        table = find_table(tables, self._named)
        if table.id in self._sources or table.name in self._sources:
            raise ConfigError(f"The table `{table.name}` is what a mapping reads: a report must be no source.")
        return table

    def _titles(self) -> Mapping[str, str]:
        return {cell: self._language.say(title) for cell, title in wording.BOARD_COLUMNS.items()}

    def _column(self, cell: str, table: Table) -> Column | None:
        return table.by_name(self._titles()[cell]) or table.by_name(wording.BOARD_COLUMNS[cell])

    def _lack(self, cell: str, table: Table) -> Lack | None:
        column, title, vital = self._column(cell, table), self._titles()[cell], cell in _VITAL
        if column is None:
            told = f"The table `{table.name}` has no column `{title}`, so it is not shown there."
            return Lack(told, vital=vital, hint=f"Make it, as {_advised(cell)}.")
        if column.kind not in _KINDS[cell]:
            told = f"The column `{column.name}` of the table `{table.name}` is of type {_called(column.kind)}."
            return Lack(told, vital=vital, hint=f"Make it {_advised(cell)}.")
        missing = [
            key
            for key in _OPTIONS.get(cell, ())
            if column.options is not None and _option(column, self._said(cell, key)) is None
        ]
        if missing:
            told = f"The column `{column.name}` of the table `{table.name}` lacks options."
            return Lack(told, vital=vital, hint=f"Add {', '.join(missing)}.")
        return None

    def _open(self, tables: Sequence[Any]) -> _Seen:
        """Look at the table's schema. Raises ConfigError with everything vital that is missing."""
        if vital := [each for each in self._lacks(tables) if each.vital]:
            where = f"{self._mapping.file}: report.airtable"
            raise ConfigError(
                [Problem(where, each.message, each.hint) for each in vital],
                next_step="mend the table; `bridge check --live` tells all that it lacks.",
            )
        table = self._table(tables)
        columns = {cell: self._column(cell, table) for cell, kinds in _KINDS.items()}
        places = {
            cell: _Place(cell, column) for cell, column in columns.items() if column is not None and column.kind in _KINDS[cell]
        }
        self._now = _Seen(table, places)
        return self._now

    @property
    def _seen(self) -> _Seen:
        if self._now is None:
            raise RuntimeError("AirtableBoard.read comes first: it finds the columns and the rows")
        return self._now

    # ── what stands there ──

    def changed(self, since: dt.datetime) -> Mapping[str, Posted] | None:
        """The rows that were made or edited since, resolved ones too, by the schema of an earlier run; None without one."""
        tables = self._api.remembered(self._base)
        try:
            seen = self._open(tables) if tables is not None else None
            if seen is None:
                return None
            at = self._api.quiet(self._base, seen.table.id, since)
            found = self._list(seen, str(changed_since(since))) if at is None else Scan(at=at)
        except (ConfigError, Refused):
            return None  # the table is not what it was
        self.read_at = found.at
        return self._posted(seen, found)

    def read(self) -> Mapping[str, Posted]:
        """The rows that are not marked resolved. Of two with one fingerprint the first made counts."""
        seen = self._open(self._api.tables(self._base))
        state = seen.places["state"]
        resolved = self._value(state, State.RESOLVED.value)
        found = self._list(seen, str(formulas.NE(formulas.Field(state.column.name), resolved)))
        self.read_at = found.at
        return self._posted(seen, found)

    def _posted(self, seen: _Seen, found: Scan) -> dict[str, Posted]:
        """The rows by fingerprint; where each stands is kept for writing."""
        posted: dict[str, Posted] = {}
        for record in sorted(found.records.values(), key=lambda each: (str(each.get("createdTime")), str(each["id"]))):
            values = record.get("fields", {})
            cells = {cell: place.read(values.get(place.column.id)) for cell, place in seen.places.items()}
            fingerprint = cells["fingerprint"]
            if isinstance(fingerprint, str) and fingerprint not in posted:
                seen.rows[fingerprint] = record["id"]
                by = _who(values.get(seen.editor.id) if seen.editor else None)
                edited = values.get(seen.table.last_modified.id) if seen.table.last_modified else None
                posted[fingerprint] = Posted(cells=cells, by=by, edited_at=_moment(edited))
        return posted

    def _list(self, seen: _Seen, where: str) -> Scan:
        """The records, all of them. Another mapping's notices may have been written since: never those of this one."""
        known = [*(each.column for each in seen.places.values()), *filter(None, (seen.editor, seen.table.last_modified))]
        table, ask = seen.table.id, {"fields": sorted({each.id for each in known}), "filterByFormula": where}
        key = json.dumps([self._base, table, ask])
        if key not in self._listed:
            found = scan(lambda body: self._api.list_page(self._base, table, body), ask, lambda _count: None)
            if not found.complete:
                raise Unavailable(found.note, next_step="The next run tries again.")
            self._listed[key] = found
        return self._listed[key]

    # ── what is to stand there ──

    def cells(self, entry: Entry) -> Mapping[str, Json]:
        """The entry's row, in the columns that there are. No cell of a record is in it but what a rule's own words name."""
        found = entry.discrepancy
        sentence = self._language.discrepancy(entry, self._mapping)
        addresses = (self._address(found.mapping, side, native) for side, native in found.ids if native is not None)
        told: Mapping[str, Json] = {
            "fingerprint": entry.fingerprint,
            "name": self._language.called(found, self._mapping),
            "code": found.code,
            "rule": found.rule,
            "severity": found.severity.value,
            "state": entry.state.value,
            "text": sentence.what,
            "do": sentence.do,
            "opened_at": entry.opened_at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "address": next(filter(None, addresses), None),
            "mapping": self._language.text(self._mapping.title) or found.mapping,
            "page": own_page(self._page, entry),
            "code_page": code_page(self._page, found.code),
            **words(entry),
        }
        places = self._seen.places
        row = {cell: self._value(places[cell], value) for cell, value in told.items() if cell in places}
        return {
            cell: value for cell, value in row.items() if places[cell].writable and (value is not None or told[cell] is None)
        }

    def _value(self, place: _Place, value: Json) -> Json:
        """A cell in the column's own kind; None where the column cannot hold it."""
        column = place.column
        if value is None:
            return None
        if column.kind == "singleSelect":
            return _option(column, self._said(place.cell, str(value)))
        if column.kind == "number":
            return value
        if column.kind == "date":
            return str(value)[:10]
        return self._said(place.cell, str(value))[0].strip() or None

    def _said(self, cell: str, key: str) -> tuple[str, ...]:
        """The words for a value: the reader's first, then the one that stands for it in every language."""
        if cell == "severity":
            return (self._language.say(key), key)
        return (self._language.state(State(key)), key) if cell == "state" else (key,)

    # ── writing ──

    def post(self, notices: Mapping[str, Mapping[str, Json]]) -> Mapping[str, BridgeError | None]:
        """Upsert up to ten rows; where they are refused, each half alone, until it is known whose fault it is."""
        try:
            self._write(notices)
        except Refused as refused:
            if len(notices) == 1:
                return {each: RequestRejected(refused.reason) for each in notices}
            half = len(notices) // 2
            parts = [dict(list(notices.items())[:half]), dict(list(notices.items())[half:])]
            return {each: outcome for part in parts for each, outcome in self.post(part).items()}
        return dict.fromkeys(notices)

    def _write(self, notices: Mapping[str, Mapping[str, Json]]) -> None:
        seen = self._seen
        records = [self._record(fingerprint, cells) for fingerprint, cells in notices.items()]
        answer = self._api.patch(
            str(self._api.build_url(self._base, seen.table.id)),
            json={
                "records": records,
                "performUpsert": {"fieldsToMergeOn": [seen.places["fingerprint"].column.id]},
                "typecast": False,
                "returnFieldsByFieldId": True,
            },
        )
        written = answer.get("records") if isinstance(answer, dict) else None
        if not isinstance(written, list) or len(written) != len(records) or not all(map(is_record, written)):
            raise lost(f"a write to table {seen.table.id}")

    def _record(self, fingerprint: str, cells: Mapping[str, Json]) -> dict[str, Json]:
        """A row by its id where it was seen, else by its fingerprint: then Airtable makes it, if it is not there after all."""
        places, row = self._seen.places, self._seen.rows.get(fingerprint)
        told = cells if row else {"fingerprint": fingerprint, **cells}
        fields: dict[str, Json] = {places[cell].column.id: value for cell, value in told.items()}
        return {**({"id": row} if row else {}), "fields": fields}


def _option(column: Column, candidates: Sequence[str]) -> str | None:
    """The select's option for a value, whichever language it is in."""
    there = {each.name.casefold(): each.name for each in column.options or ()}
    return next((there[each.casefold()] for each in candidates if each.casefold() in there), None)


def _called(kind: str) -> str:
    return _CALLED.get(kind, kind)


def _advised(cell: str) -> str:
    options = f" with {', '.join(_OPTIONS[cell])}" if cell in _OPTIONS else ""
    return f"{_called(_KINDS[cell][0])}{options}"


def _who(editor: Json) -> str:
    """Who Airtable says edited the row last."""
    name = (editor.get("name") or editor.get("email") or editor.get("id")) if isinstance(editor, dict) else None
    return f"{Side.AIRTABLE.title}: {name}" if name else Side.AIRTABLE.title


def _moment(value: Json) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo else None
