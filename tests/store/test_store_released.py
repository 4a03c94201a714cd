"""States as earlier schemas left them, frozen: each is brought to today's with all that was in it, on both databases, and back.

No version of bridge has been released yet; whoever ran it from its repository may have a state of any schema that stood there.
So `released/` has one file for each. 0001 was made by the code of its time: two sweeps of a small sandbox, with writes. Each
later one was made of the one before by its migration, with rows of the kind that it brought, and is SQL since: no code of today
has a part in it, but that PostgreSQL's tables of that schema are made by the migrations. Add one with each new revision; none
is ever made anew.
"""

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import inspect, text

from bridge.core.plan import Written
from bridge.core.record import Link
from bridge.errors import ConfigError
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


def kept(address: str, columns: Mapping[str, list[str]] | None = None) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """By table its columns, or those given, and what stands in them, row by row in no order."""
    database = Database(address)
    with database.reading() as connection:
        if columns is None:
            found = inspect(connection)
            tables = [each for each in found.get_table_names() if each != "alembic_version"]
            columns = {table: [each["name"] for each in found.get_columns(table)] for table in tables}
        rows = {}
        for table, names in columns.items():
            listed = ", ".join(f'"{each}"' for each in names)
            told = connection.execute(text(f'SELECT {listed} FROM "{table}"'))  # noqa: S608  # names of our own schemas
            rows[table] = sorted(repr(tuple(row)) for row in told)
    database.close()
    return dict(columns), rows


def test_every_schema_there_ever_was_is_frozen() -> None:
    assert [each.stem for each in RELEASED] == list(REVISIONS)


@pytest.mark.parametrize("file", RELEASED, ids=[each.stem for each in RELEASED])
def test_an_upgrade_changes_no_cell_of_a_state_of_any_schema(file: Path, thaw: Thaw) -> None:
    address = thaw(file)
    columns, before = kept(address)
    assert len(before["journal"]) >= 5
    assert all(before[table] for table in NEW.get(file.stem, ()))
    upgrade(address)
    assert kept(address, columns)[1] == before


NEW = {"0003": ["notices"], "0004": ["syncs", "asked"], "0005": ["marks"], "0006": ["glimpses"], "0007": ["memories"]}
"""The tables that each schema brought."""


@pytest.mark.parametrize("file", RELEASED, ids=[each.stem for each in RELEASED])
def test_a_state_of_every_released_schema_keeps_all_that_was_in_it(file: Path, thaw: Thaw, tmp_path: Path) -> None:
    address = thaw(file)
    told = upgrade(address)
    assert ("already" if file.stem == REVISIONS[-1] else f"before it was {file.stem}") in told
    with closing(open_store(address, [], Clock())) as store:
        runs = store.runs.list()
        assert [each.state for each in runs] == [RunState.DONE, RunState.DONE]
        writes = [write for run in runs for write in store.journal.of_run(run.id)]
        assert [each.outcome for each in writes if each.id <= 5] == [Written.DONE] * 5
        assert [(each.outcome, each.landed) for each in writes if each.id > 5] == (
            [(Written.REFUSED, ("email",))] if file.stem >= "0002" else []
        )
        noted = store.notices.load("airtable:appSandbox0000001/Discrepancies")
        assert [dict(each.sent) for each in noted.values()] == ([{"State": "91ac"}] if file.stem >= "0003" else [])
        asked = store.syncs.asked("operator:maria", "monday")
        assert (asked.runs if asked else None) == ((2,) if file.stem >= "0004" else None)
        assert all(cell.before_raw is not None or cell.after_raw is not None for write in writes for cell in write.cells)
        links = store.knowledge.partners("groups").civicrm
        assert len(links) == 4
        [email] = [each for each in writes if [cell.field for cell in each.cells] == ["email"] and each.id <= 5]
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


# ── and back ──


def test_an_earlier_bridge_refuses_a_state_of_a_later_schema_and_changes_nothing(
    thaw: Thaw, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = thaw(RELEASED[-1])
    before = kept(address)
    for known in range(1, len(REVISIONS)):
        monkeypatch.setattr("bridge.store.database.REVISIONS", REVISIONS[:known])  # as the bridge of that time has it
        for action in (lambda: open_store(address, [], Clock()), lambda: upgrade(address), lambda: check(address)):
            with pytest.raises(ConfigError, match=f"is of a newer bridge: its schema is {REVISIONS[-1]}") as refused:
                action()
            assert refused.value.next_step == "install the newer bridge again, or restore a backup made before it."
    monkeypatch.undo()
    assert kept(address) == before


@pytest.mark.parametrize("file", RELEASED[:-1], ids=[each.stem for each in RELEASED[:-1]])
def test_the_copy_beside_an_upgraded_file_is_the_state_to_go_back_to(file: Path, tmp_path: Path) -> None:
    path = thawed(file, tmp_path)
    address = f"sqlite:///{path}"
    before = kept(address)
    open_store(address, [], Clock()).close()  # which upgrades it
    [copy] = tmp_path.glob(f"{path.name}.schema-{file.stem}.*")
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    copy.rename(path)
    assert kept(address) == before
    assert f"before it was {file.stem}" in upgrade(address)


@pytest.mark.parametrize("file", RELEASED[:-1], ids=[each.stem for each in RELEASED[:-1]])
def test_what_pg_dump_wrote_before_an_upgrade_is_the_state_to_go_back_to(file: Path, tmp_path: Path) -> None:
    dump, restore = shutil.which("pg_dump"), shutil.which("psql")
    if dump is None or restore is None:
        pytest.skip("PostgreSQL's client programs are not installed")
    with postgres_schema() as address:
        pour(thawed(file, tmp_path), address, file.stem)
        before = kept(address)
        with psycopg.connect(address) as server:
            schema = str(server.execute("SELECT current_schema()").fetchall()[0][0])
        made = subprocess.run([dump, "--schema", schema, address], capture_output=True, text=True, check=False)
        if "server version mismatch" in made.stderr:
            pytest.skip("pg_dump is older than the server")
        assert made.returncode == 0, made.stderr
        upgrade(address)
        with psycopg.connect(address, autocommit=True) as server:
            server.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
        subprocess.run(
            [restore, "--quiet", "--set", "ON_ERROR_STOP=1", address],
            input=made.stdout,
            text=True,
            check=True,
            capture_output=True,
        )
        assert kept(address) == before
        assert f"before it was {file.stem}" in upgrade(address)
