"""Many rows in one go. An executemany of SQLAlchemy looks at each value of each row, which takes longer than all the rest."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, any_, bindparam, func, select, text
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

Item = TypeVar("Item")


def put(
    connection: Connection,
    statement: "sqlite.Insert | postgresql.Insert",
    columns: Sequence[str],
    rows: Iterable[tuple[Any, ...]],
    *,
    fresh: bool = False,
) -> None:
    """Run an INSERT for every row; its values stand in the order of `columns`, and these in the order of the table.

    The values are those that the driver takes: a moment has to be `bound` before. Rows that are `fresh` meet no other there.
    """
    if connection.dialect.name == "sqlite":
        compiled = str(statement.compile(dialect=connection.dialect, column_keys=columns))
        for batch in batches(rows, 10_000):
            connection.exec_driver_sql(compiled, batch)
        return
    if fresh:
        for batch in batches(rows, 10_000):
            _copy(connection, str(statement.table), columns, batch)
        return
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415  # see `insert_into`

    lists = [func.unnest(bindparam(name, type_=postgresql.ARRAY(statement.table.c[name].type))) for name in columns]
    whole = statement.from_select(columns, select(*lists))
    for batch in batches(rows, 10_000):
        connection.execute(whole, dict(zip(columns, map(list, zip(*batch, strict=True)), strict=True)))


def _copy(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """PostgreSQL's own way in, which takes a third of the time but knows no conflict. SQLAlchemy has no word for it."""
    driver: Any = connection.dialect.loaded_dbapi
    cursor: Any = connection.connection.cursor()
    try:
        with cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    except driver.Error as error:
        raise DBAPIError("COPY", None, error) from error


def batches(items: Iterable[Item], size: int = 1000) -> Iterator[list[Item]]:
    """The items in lists of at most `size`."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def count_anew(connection: Connection, *tables: Table) -> None:
    """Tell PostgreSQL's planner how large these have become: until it knows, it reads them whole to find a thousand rows."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(f"ANALYZE {', '.join(map(str, tables))}")


def bound(connection: Connection, column: ColumnElement[Any], value: object) -> object:
    """`value` as the driver takes it for `column`."""
    if connection.dialect.name != "sqlite":
        return value
    process = column.type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    return value if process is None else process(value)


def among(connection: Connection, column: ColumnElement[Any], values: Collection[int] | Collection[str]) -> ColumnElement[bool]:
    """Whether `column` holds one of these: the same statement however many there are, so that it is compiled once."""
    if connection.dialect.name == "sqlite":
        listed = text("SELECT value FROM json_each(:listed)").bindparams(listed=json.dumps([*values]))
        return column.in_(listed.columns(value=column.type))
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415  # see `insert_into`

    return column == any_(bindparam("listed", [*values], type_=postgresql.ARRAY(column.type)))
