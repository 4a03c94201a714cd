"""Every test here that asks for `state` runs on a file and on a PostgreSQL server, in a schema of its own."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from bridge.store import upgrade
from bridge.store.schema import metadata
from store.store_builders import Clock, State

POSTGRES = os.environ.get("BRIDGE_TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/test")


@contextlib.contextmanager
def postgres_schema() -> Iterator[str]:
    """The address of a new, empty schema, which is dropped in the end."""
    schema = f"bridge_{uuid.uuid4().hex[:12]}"
    try:
        server = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have a PostgreSQL at BRIDGE_TEST_POSTGRES: {error}")
        pytest.skip("there is no PostgreSQL at BRIDGE_TEST_POSTGRES")
    with server:
        server.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        try:
            yield f"{POSTGRES}?options={quote(f'-csearch_path={schema} -csynchronous_commit=off')}"
        finally:
            server.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


@pytest.fixture(scope="session")
def upgraded_postgres() -> Iterator[str]:
    """One schema for the whole run, with bridge's tables in it."""
    with postgres_schema() as address:
        upgrade(address)
        yield address


@pytest.fixture(scope="session")
def upgraded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("upgraded") / "bridge.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a state in which nothing is kept yet."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("upgraded_file"), tmp_path / "bridge.db")
        return f"sqlite:///{tmp_path}/bridge.db"
    address: str = request.getfixturevalue("upgraded_postgres")
    with psycopg.connect(address) as server:
        for table in reversed(metadata.sorted_tables):
            server.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name)))
    return address


@pytest.fixture(params=["sqlite", "postgresql"])
def nowhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An address at which there is no state yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/bridge.db"
        return
    with postgres_schema() as address:
        yield address


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(url: str, clock: Clock) -> Iterator[State]:
    """A state without a key, and what it takes to open it again."""
    opened = State(url, clock)
    yield opened
    opened.close()


@pytest.fixture
def file_state(tmp_path: Path, clock: Clock) -> Iterator[State]:
    """A state in a file, for what only files have."""
    opened = State(f"sqlite:///{tmp_path}/bridge.db", clock)
    yield opened
    opened.close()


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """An empty schema on a server."""
    with postgres_schema() as address:
        yield address
