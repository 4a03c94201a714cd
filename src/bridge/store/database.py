"""One state, SQLite or PostgreSQL: opening it, its transactions, and which revision of the schema it has.

SQLite runs in WAL mode with `synchronous=FULL`: an intent must be on the disk before the request it announces is sent, and
thousands of such commits a second are far more than the remotes take. Writes begin with `BEGIN IMMEDIATE`, so that a
transaction that reads first and writes later can never be refused half-way.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, inspect, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from bridge.errors import ConfigError, StoreError
from bridge.store.faults import explained
from bridge.store.schema import REVISIONS

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

_WAIT_SECONDS = 10
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA busy_timeout={_WAIT_SECONDS * 1000}",
    "PRAGMA cache_size=-65536",
    "PRAGMA secure_delete=ON",  # what `forget` removes must not stay readable in free pages
)
_VERSIONS = "alembic_version"


class Database:
    """The state at a URL. `place` is where it is, for people: a path, or host and database, never a password."""

    def __init__(self, url: str) -> None:
        self.url = _checked(url)
        self.embedded = self.url.get_backend_name() == "sqlite"
        self.place = (self.url.database or "") if self.embedded else _address(self.url)
        self.engine = _sqlite_engine(self.url) if self.embedded else _postgres_engine(self.url)
        self._writer = self.engine.execution_options(bridge_writes=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads. Raises StoreError or ConfigError with the next step."""
        with explained(self.place), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that may write; on SQLite it holds the one write lock from its start."""
        with explained(self.place), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A transaction that only reads and sees one moment, however long it takes."""
        engine = self.engine if self.embedded else self.engine.execution_options(isolation_level="REPEATABLE READ")
        with explained(self.place), engine.begin() as connection:
            yield connection

    def empty_log(self) -> None:
        """Move what SQLite's write-ahead log still holds into the file, and leave the log empty."""
        with explained(self.place), self.engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def revision(self) -> str | None:
        """The schema revision the state has; None if it holds no tables of bridge. Raises ConfigError for a newer one."""
        with self.reading() as connection:
            return revision_of(connection, self.place)


def revision_of(connection: Connection, place: str) -> str | None:
    """See `Database.revision`."""
    if not inspect(connection).has_table(_VERSIONS):
        return None
    found: str | None = connection.exec_driver_sql(f"SELECT version_num FROM {_VERSIONS}").scalar()  # noqa: S608  # our own constant
    if found is not None and found not in REVISIONS:
        raise ConfigError(
            f"The state at {place} is of a newer bridge: its schema is {found}, this bridge knows up to {REVISIONS[-1]}.",
            next_step="install the newer bridge again, or restore a backup made before it.",
        )
    return found


def insert_into(connection: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """An INSERT that can say `on_conflict_do_nothing` and `on_conflict_do_update`, which both databases know alike."""
    # Each dialect drags its drivers in, and the one that is spoken here is there already.
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite  # noqa: PLC0415

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415

    return postgresql.insert(table)


def _checked(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise ConfigError(
            "BRIDGE_STATE_URL is not a database URL.",
            next_step="write it like `sqlite:///bridge.db` or `postgresql://user@host/database`.",
        ) from error
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "sqlite":
        return _checked_file(url)
    raise ConfigError(
        f"BRIDGE_STATE_URL names `{url.drivername}`; expected `sqlite` or `postgresql`.",
        next_step="write it like `sqlite:///bridge.db` or `postgresql://user@host/database`.",
    )


def _checked_file(url: URL) -> URL:
    if url.database in (None, "", ":memory:"):
        raise ConfigError(
            "The state needs a file: one kept in memory would forget every link.", next_step="write `sqlite:///bridge.db`."
        )
    if str(url.database).startswith("file:"):
        return url
    path = Path(str(url.database))
    if path.is_dir():
        raise StoreError(f"The state at {path} is a folder; expected a file.", next_step=f"write `sqlite:///{path}/bridge.db`.")
    if not path.parent.is_dir():
        raise StoreError(
            f"The folder of the state, {path.parent}, does not exist.", next_step=f"create it: `mkdir -p {path.parent}`."
        )
    return url


def _address(url: URL) -> str:
    return f"{url.host or 'localhost'}:{url.port or 5432}/{url.database or ''}"


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": _WAIT_SECONDS})

    @event.listens_for(engine, "do_connect")
    def private(*_: Any) -> None:
        # Links and bases are personal data: a new file is for its owner's eyes only.
        if not str(url.database).startswith("file:") and not Path(str(url.database)).exists():
            try:
                os.close(os.open(str(url.database), os.O_CREAT | os.O_WRONLY, 0o600))
            except OSError as error:
                raise StoreError(
                    f"The state at {url.database} cannot be created ({error.strerror}).",
                    next_step="check that this user may write the folder.",
                ) from error

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own: `begin` below does
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("bridge_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgres_engine(url: URL) -> Engine:
    return create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={"connect_timeout": _WAIT_SECONDS, "application_name": "bridge"},
    )
