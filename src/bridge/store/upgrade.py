"""Bringing a state's schema to this bridge's revision, by Alembic migrations that ship inside the package.

An embedded SQLite state upgrades itself when it is opened, after a copy was put beside it. A PostgreSQL state may be shared
with other programs, so it is upgraded only when an operator says so.
"""

import datetime as dt
import sqlite3
from contextlib import closing
from pathlib import Path

import structlog
from sqlalchemy import Connection, text

from bridge.errors import ConfigError, StoreError
from bridge.store.database import Database, revision_of
from bridge.store.schema import REVISIONS

_LOCK = 0x62726964676531  # "bridge1": two upgrades of one PostgreSQL take turns

_log = structlog.get_logger()


def upgrade(url: str) -> str:
    """Upgrade the state at `url`, a SQLite file after a copy was put beside it; returns a sentence that says what was done.

    Raises ConfigError for a state of a newer bridge, StoreError if the state cannot be reached or written.
    """
    database = Database(url)
    try:
        found, copy = _upgraded(database)
    finally:
        database.close()
    now = f"The state at {database.place} has schema {REVISIONS[-1]}"
    if found == REVISIONS[-1]:
        return f"{now} already."
    return f"{now}; before it was {found or 'empty'}." + (f" A copy of that is {copy}." if copy else "")


def ready(database: Database) -> None:
    """Make sure the state has this bridge's schema: SQLite is upgraded on the spot, PostgreSQL refused with the next step."""
    if database.embedded:
        _upgraded(database)
    elif (found := database.revision()) != REVISIONS[-1]:
        state = "has no tables of bridge yet" if found is None else f"has schema {found}; this bridge needs {REVISIONS[-1]}"
        raise ConfigError(f"The state at {database.place} {state}.", next_step="run `bridge db upgrade`.")


def _upgraded(database: Database) -> tuple[str | None, Path | None]:
    """The revision before, and where the copy of an older file is."""
    found, copy = database.revision(), None
    if found != REVISIONS[-1]:
        if database.embedded and found is not None:
            copy = _keep_copy(database, found)
        migrate(database)
    return found, copy


def migrate(database: Database, to: str = REVISIONS[-1]) -> None:
    """Run the migrations up to `to` in one transaction; another process that did so meanwhile leaves nothing to do."""
    with database.writing() as connection:
        if not database.embedded:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        if (found := revision_of(connection, database.place)) != to:
            _run(connection, found, to, database.place)


def _run(connection: Connection, found: str | None, to: str, place: str) -> None:
    # Alembic costs a tenth of a second to import, and only the first start and upgrades need it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
    except CommandError as error:
        raise StoreError(
            f"The state at {place} cannot be upgraded from schema {found} to {to}.",
            next_step="install bridge again, all of its files; the state is as it was.",
        ) from error


def _keep_copy(database: Database, revision: str) -> Path:
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    copy = Path(f"{database.place}.schema-{revision}.{stamp}")
    copy_file(Path(database.place), copy)
    _log.info("state.copied_before_upgrade", copy=str(copy), revision=revision, to=REVISIONS[-1])
    return copy


def copy_file(source: Path, to: Path) -> None:
    """Copy a SQLite state, consistent even while others write, to a new file for its owner's eyes only.

    Raises StoreError if the file is there already or cannot be written.
    """
    try:
        to.touch(mode=0o600, exist_ok=False)
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(to)) as new:
            old.backup(new)
    except FileExistsError as error:
        raise StoreError(f"{to} is there already.", next_step="name a file that does not exist yet.") from error
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"The state at {source} could not be copied to {to} ({type(error).__name__}).",
            next_step="check the folder and its free space.",
        ) from error
