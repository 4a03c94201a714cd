"""Airtable in memory: its bases, and what staff do to them by hand.

    airtable = Airtable()
    base = airtable.add_base("Benefits", "appFederation0001")
    airtable.add_table(base, "Groups", [Column("Group name"), Column("Status", "singleSelect", {"choices": ["Enrolled"]})])
    arroyo = airtable.create(base, "Groups", {"Group name": "Arroyo Bakery", "Status": "Enrolled"})
    airtable.edit(base, "Groups", arroyo, {"Group name": "Arroyo Bakery Co-op"})
    airtable.rename_option(base, "Groups", "Status", "Enrolled", "Active")
    assert airtable.row(base, "Groups", arroyo)["Status"] == "Active"

Bases, tables and columns are named by id or by name. A refusal is an `AirtableError`, as a client would see it.
"""

import datetime as dt
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.sandbox import airtable_schema as schema
from bridge.sandbox.airtable_base import Base, Table
from bridge.sandbox.airtable_cells import AirtableError, Ids, new_choice
from bridge.sandbox.airtable_schema import Column
from bridge.sandbox.limits import MonthlyQuota, RateLimit

__all__ = ["Airtable", "AirtableError", "Column"]

TOKEN = "patSandbox0000001.sandbox"  # noqa: S105  # the sandbox's token is no secret
STAFF: Mapping[str, str] = {"id": "usrStaff000000001", "email": "lupe@federation.example", "name": "Lupe Ortiz"}
BOT: Mapping[str, str] = {"id": "usrSandbox0000001", "email": "bridge@federation.example", "name": "bridge"}
"""Who edits by hand, and whose token the API takes."""

ALL_SCOPES = frozenset({"data.records:read", "data.records:write", "schema.bases:read", "webhook:manage"})
ITERATOR_LIFE = dt.timedelta(minutes=5)  # Airtable tells no number; the field reports "a few minutes"


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(slots=True)
class Iterator:
    """A scan under way: the records it still has to answer, and when a page was last asked for."""

    records: list[str]
    used: dt.datetime


class Airtable:
    """The workspace: bases, one token with its scopes, limits. Safe to use from several threads.

    `clock` may be set at any time. `rate_limit` is requests a second per base, `quota` calls a month; None is no limit.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], dt.datetime] = _utc_now,
        rate_limit: int | None = 5,
        penalty_seconds: float = 30,
        quota: int | None = None,
        seed: int = 1,
    ) -> None:
        self.clock = clock
        self.rate_limit = rate_limit
        self.penalty_seconds = penalty_seconds
        self.quota = MonthlyQuota(quota)
        self.bases: dict[str, Base] = {}
        self.tokens: dict[str, frozenset[str]] = {TOKEN: ALL_SCOPES}
        self.locked: set[str] = set()
        """Ids of columns that the token's user may not write."""
        self.lock = threading.RLock()
        self.iterators: dict[str, Iterator] = {}
        self._ids = Ids(seed)
        self.limits: dict[str, RateLimit] = {}

    def limit_of(self, base: str) -> RateLimit:
        """The window of one base; it tells how often it was violated."""
        with self.lock:
            return self.limits.setdefault(base, RateLimit(self.rate_limit, self.penalty_seconds))

    def base(self, key: str) -> Base:
        """The base with this id or name; KeyError where there is none."""
        if key in self.bases:
            return self.bases[key]
        return {each.name: each for each in self.bases.values()}[key]

    def table(self, base: str, table: str) -> Table:
        """The table with this id or name; KeyError where there is none."""
        found = self.base(base).find_table(table)
        if found is None:
            raise KeyError(table)
        return found

    # -- records ------------------------------------------------------------------------------------------------

    def row(self, base: str, table: str, record: str) -> dict[str, Any]:
        """The record's cells by column name, as the REST API answers them; KeyError where it is gone."""
        with self.lock:
            rows = self.table(base, table)
            return self.base(base).fields_of(rows, rows.records[record])

    def rows(self, base: str, table: str) -> dict[str, dict[str, Any]]:
        """Every record of a table, by id."""
        with self.lock:
            return {each: self.row(base, table, each) for each in self.table(base, table).records}

    def create(self, base: str, table: str, fields: Mapping[str, Any], record_id: str | None = None) -> str:
        """The id of a new record, as a person makes it in the grid."""
        with self.lock:
            rows, where = self.table(base, table), self.base(base)
            made = where.insert(rows, where.accept(rows, fields), self.clock(), record_id).id
            self.ended(base)
            return made

    def edit(self, base: str, table: str, record: str, fields: Mapping[str, Any], *, by: Mapping[str, str] = STAFF) -> None:
        """Changes cells, as a person does in the grid; None or "" empties one."""
        with self.lock:
            rows, where = self.table(base, table), self.base(base)
            where.write(rows, rows.records[record], where.accept(rows, fields), self.clock())
            rows.records[record].editor = dict(by)
            self.ended(base)

    def delete(self, base: str, table: str, record: str) -> None:
        """Deletes a record; links to it go too."""
        with self.lock:
            rows = self.table(base, table)
            self.base(base).remove(rows, rows.records[record], self.clock())
            self.ended(base)

    def ended(self, base: str, source: str = "client") -> None:
        """What was changed in the base until now is one transaction of this source: its webhooks hear of it."""
        self.base(base).hooks.end(self.clock(), source)

    # -- shape --------------------------------------------------------------------------------------------------

    def add_base(self, name: str, base_id: str | None = None) -> str:
        """The id of a new, empty base."""
        with self.lock:
            made = Base(base_id or self._ids.new("app"), name, self._ids)
            self.bases[made.id] = made
            return made.id

    def add_table(self, base: str, name: str, columns: Iterable[Column]) -> str:
        """The id of a new table; its first column is the primary one."""
        with self.lock:
            return schema.add_table(self.base(base), name, columns).id

    def add_field(self, base: str, table: str, column: Column) -> str:
        """The id of a new column."""
        with self.lock:
            made = schema.add_field(self.base(base), self.table(base, table), column)
            self._note_field(base, table, made.id, "createdFieldsById", {"name": made.name, "type": made.type})
            return made.id

    def rename_table(self, base: str, table: str, name: str) -> None:
        """Gives the table another name; its id stays."""
        with self.lock:
            rows = self.table(base, table)
            rows.name = name
            self.base(base).hooks.note(rows.id, "changedMetadata", "current", {"name": name})
            self.ended(base)

    def rename_field(self, base: str, table: str, field: str, name: str) -> None:
        """Gives the column another name; its id stays."""
        with self.lock:
            column = self.table(base, table).column(field)
            column.name = name
            self._note_field(base, table, column.id, "changedFieldsById", {"current": {"name": name}})

    def remove_field(self, base: str, table: str, field: str) -> None:
        """Removes the column with all its cells."""
        with self.lock:
            rows = self.table(base, table)
            column = rows.column(field)
            schema.remove_field(self.base(base), rows, column)
            self.base(base).hooks.note_gone(rows.id, "destroyedFieldIds", column.id)
            self.ended(base)

    def retype_field(self, base: str, table: str, field: str, kind: str, options: Mapping[str, Any] | None = None) -> None:
        """Changes the column's type; its id stays, cells that do not fit become empty."""
        with self.lock:
            rows = self.table(base, table)
            column = rows.column(field)
            schema.retype_field(self.base(base), rows, column, kind, options or {})
            self._note_field(base, table, column.id, "changedFieldsById", {"current": {"type": kind}})

    def _note_field(self, base: str, table: str, field: str, part: str, told: Mapping[str, Any]) -> None:
        self.base(base).hooks.note(self.table(base, table).id, part, field, told)
        self.ended(base)

    def rename_option(self, base: str, table: str, field: str, name: str, to: str) -> None:
        """Gives a select's option another name: every cell that holds it answers the new one, and none was edited."""
        with self.lock:
            schema.option(self.table(base, table).column(field), name)["name"] = to

    def add_option(self, base: str, table: str, field: str, name: str) -> None:
        """Adds an option to a select."""
        with self.lock:
            self.table(base, table).column(field).choices.append(new_choice(name, self._ids))

    def drop_option(self, base: str, table: str, field: str, name: str) -> None:
        """Removes a select's option: cells that held it lose it."""
        with self.lock:
            rows = self.table(base, table)
            schema.drop_option(rows, rows.column(field), name, self.clock())

    # -- service ------------------------------------------------------------------------------------------------

    def expire_iterators(self) -> None:
        """Forgets every scan under way, as a restart of Airtable's servers does."""
        with self.lock:
            self.iterators.clear()

    def open_iterator(self, records: list[str]) -> str:
        """The id under which `scan` finds these record ids again."""
        with self.lock:
            now = self.clock()
            self.iterators = {key: each for key, each in self.iterators.items() if now - each.used <= ITERATOR_LIFE}
            made = self._ids.new("itr")
            self.iterators[made] = Iterator(records, now)
            return made

    def scan(self, iterator: str) -> list[str]:
        """The ids of a scan under way. AirtableError 422 once it has been idle for too long."""
        with self.lock:
            found = self.iterators.get(iterator)
            if found is None or self.clock() - found.used > ITERATOR_LIFE:
                raise AirtableError(422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE")
            found.used = self.clock()
            return found.records

    def save_state(self, path: Path) -> None:
        """Writes bases and records into a JSON file. Tokens, limits and scans under way are not kept."""
        with self.lock:
            state = {"ids_drawn": self._ids.drawn, "bases": [each.dump() for each in self.bases.values()]}
            path.write_text(json.dumps(state))

    def load_state(self, path: Path) -> None:
        """Goes back to what `save_state` wrote."""
        state = json.loads(path.read_text())
        with self.lock:
            self._ids = Ids(f"after {state['ids_drawn']}")
            self.bases = {each["id"]: Base.restore(each, self._ids) for each in state["bases"]}
            self.iterators.clear()
