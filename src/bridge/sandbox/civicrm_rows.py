"""The rows of the sandbox's CiviCRM: one table per entity in memory, found by id or by an indexed column.

Rows are plain dictionaries that leave out what is NULL. Nothing here knows CiviCRM's rules; it is the database.
"""

import bisect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bridge.sandbox.civicrm_tables import INDEXED
from bridge.sandbox.civicrm_values import folded

Row = dict[str, Any]


class Table:
    """The rows of one entity, by id and by its indexed columns."""

    def __init__(self, indexed: Iterable[str] = ()) -> None:
        self.rows: dict[int, Row] = {}
        self.last_id = 0
        self._indexes: dict[str, dict[Any, dict[int, None]]] = {column: {} for column in indexed}
        self._sorted_ids: list[int] | None = None

    def put(self, row: Row) -> None:
        """Keep a whole row under its id."""
        self.remove(row["id"])
        self.rows[row["id"]] = row
        if row["id"] < self.last_id:
            self._sorted_ids = None
        elif self._sorted_ids is not None:
            self._sorted_ids.append(row["id"])
        self.last_id = max(self.last_id, row["id"])
        for column in self._indexes:
            self._index(column, row)

    def patch(self, row_id: int, values: Mapping[str, Any]) -> None:
        """Change columns of a row; None clears one."""
        row = self.rows[row_id]
        touched = [column for column in self._indexes if column in values]
        for column in touched:
            self._unindex(column, row)
        row.update(values)
        for name in [name for name, value in values.items() if value is None]:
            del row[name]
        for column in touched:
            self._index(column, row)

    def remove(self, row_id: int) -> None:
        """Forget a row, if it is there."""
        row = self.rows.pop(row_id, None)
        if row is not None:
            self._sorted_ids = None
            for column in self._indexes:
                self._unindex(column, row)

    def ids_where(self, column: str, value: Any) -> list[int]:
        """The ids of the rows whose indexed column equals a value as the collation compares."""
        return list(self._indexes[column].get(_key(value), ()))

    def rows_where(self, column: str, value: Any) -> list[Row]:
        """The rows whose indexed column equals a value."""
        return [self.rows[row_id] for row_id in self.ids_where(column, value)]

    @property
    def indexed(self) -> Iterable[str]:
        """The columns that `ids_where` knows."""
        return self._indexes

    def ids_from(self, lowest: int) -> Iterator[int]:
        """The ids not below `lowest`, ascending."""
        if self._sorted_ids is None:
            self._sorted_ids = sorted(self.rows)
        yield from self._sorted_ids[bisect.bisect_left(self._sorted_ids, lowest) :]

    def _index(self, column: str, row: Row) -> None:
        value = row.get(column)
        if value is not None:
            self._indexes[column].setdefault(_key(value), {})[row["id"]] = None

    def _unindex(self, column: str, row: Row) -> None:
        value = row.get(column)
        if value is not None:
            self._indexes[column][_key(value)].pop(row["id"], None)


class Rows:
    """All tables of a site. Not safe for several threads by itself: the site holds the lock."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}

    def __getitem__(self, entity: str) -> Table:
        if entity not in self._tables:
            self._tables[entity] = Table(INDEXED.get(entity, ()))
        return self._tables[entity]

    def load(self, entity: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Put many rows with ids of their own, and nothing else: no defaults, no derived values, no checks."""
        table = self[entity]
        for row in rows:
            table.put({name: value for name, value in row.items() if value is not None})

    def get(self, entity: str, row_id: Any) -> Row | None:
        """A row by id, or None."""
        return self[entity].rows.get(row_id) if isinstance(row_id, int) else None

    def dump(self) -> dict[str, list[Row]]:
        """Every row by entity, as `load` takes them back."""
        return {entity: list(table.rows.values()) for entity, table in self._tables.items()}

    def forget(self, entity: str) -> None:
        """Forget every row of one entity."""
        self._tables.pop(entity, None)

    def clear(self) -> None:
        """Forget every row."""
        self._tables.clear()


def _key(value: Any) -> Any:
    return folded(value) if isinstance(value, str) else value
