"""States as earlier schemas left them, frozen: each is brought to today's with all that was in it, on both databases.

`released/` has one file for each schema that ever went out, made by that version: two sweeps of a small sandbox, with writes.
Add one before a new revision is released; none is ever made anew.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from bridge.core.plan import Written
from bridge.core.record import Link
from bridge.ports import OutboxState, PlanState, RunState
from bridge.store import backup, check, open_store, upgrade
from bridge.store.database import Database
from bridge.store.schema import REVISIONS
from bridge.store.upgrade import migrate
from store.conftest import postgres_schema
from store.store_builders import Clock

RELEASED = sorted((Path(__file__).parent / "released").glob("*.sql"))


def thawed(file: Path, folder: Path) -> Path:
    """The frozen state as a SQLite file."""
    path = folder / f"{file.stem}.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(file.read_text())
    return path


def rows_of(path: Path) -> Iterator[tuple[str, list[str], list[tuple[object, ...]]]]:
    """Each table of a SQLite file with its columns and rows."""
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            if not name.startswith(("sqlite_", "alembic_")):
                found = connection.execute(f'SELECT * FROM "{name}"')  # noqa: S608  # a name of our own schema
                yield name, [each[0] for each in found.description], found.fetchall()


def pour(path: Path, address: str, revision: str) -> None:
    """Put what a SQLite file holds into a PostgreSQL schema of that revision."""
    database = Database(address)
    migrate(database, revision)
    database.close()
    with psycopg.connect(address) as server:
        server.execute("SET session_replication_role = replica")  # tables come in any order
        for table, columns, rows in rows_of(path):
            kinds = dict(
                server.execute(
                    "SELECT column_name, data_type FROM information_schema.columns"
                    " WHERE table_name = %s AND table_schema = current_schema",
                    [table],
                ).fetchall()
            )
            into = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, columns)),
                sql.SQL(", ").join([sql.Placeholder()] * len(columns)),
            )
            for row in rows:
                told = [
                    bool(cell) if kinds[name] == "boolean" and cell is not None else cell
                    for name, cell in zip(columns, row, strict=True)
                ]
                server.execute(into, told)


Thaw = Callable[[Path], str]


@pytest.fixture(params=["sqlite", "postgresql"])
def thaw(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Thaw]:
    """Brings a frozen state to life, still of its own schema, and says its address."""
    if request.param == "sqlite":
        yield lambda file: f"sqlite:///{thawed(file, tmp_path)}"
        return
    with postgres_schema() as address:

        def poured(file: Path) -> str:
            pour(thawed(file, tmp_path), address, file.stem)
            return address

        yield poured


def test_the_first_schema_is_frozen() -> None:
    assert "0001" in [each.stem for each in RELEASED]
    assert {each.stem for each in RELEASED} <= set(REVISIONS)


@pytest.mark.parametrize("file", RELEASED, ids=[each.stem for each in RELEASED])
def test_a_state_of_every_released_schema_keeps_all_that_was_in_it(file: Path, thaw: Thaw, tmp_path: Path) -> None:
    address = thaw(file)
    assert f"before it was {file.stem}" in upgrade(address)
    with closing(open_store(address, [], Clock())) as store:
        runs = store.runs.list()
        assert [each.state for each in runs] == [RunState.DONE, RunState.DONE]
        writes = [write for run in runs for write in store.journal.of_run(run.id)]
        assert [each.outcome for each in writes] == [Written.DONE] * 5
        assert all(cell.before_raw is not None or cell.after_raw is not None for write in writes for cell in write.cells)
        links = store.knowledge.partners("groups").civicrm
        assert len(links) == 4
        [email] = [each for each in writes if [cell.field for cell in each.cells] == ["email"] and each.run == runs[0].id]
        assert email.change.id in links
        assert store.knowledge.find_link(email.change.side, str(email.change.id)) == [
            ("groups", Link(str(email.change.id), links[str(email.change.id)]))
        ]
        assert {store.plans.get(str(each.digest)).state for each in runs} == {PlanState.APPLIED}  # type: ignore[union-attr]  # there are both
        assert len(store.ledger.list(state="open")) == 3
        assert store.outbox.counts()[OutboxState.SENT] > 0
    assert check(address) == []
    backup(address, tmp_path / "copy.db")
    assert check(f"sqlite:///{tmp_path}/copy.db") == []
