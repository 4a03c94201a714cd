"""Every test here that asks for `state` runs on a file and on a PostgreSQL server, in a schema of its own."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from bridge.store import upgrade
from store.store_builders import Clock, State

POSTGRES = os.environ.get("BRIDGE_TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/test")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An address at which there is no state yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/bridge.db"
        return
    with postgres_schema() as address:
        yield address


@pytest.fixture
def postgres_url() -> Iterator[str]:
    with postgres_schema() as address:
        yield address


@contextlib.contextmanager
def postgres_schema() -> Iterator[str]:
    schema = f"bridge_{uuid.uuid4().hex[:12]}"
    try:
        server = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have a PostgreSQL at BRIDGE_TEST_POSTGRES: {error}")
        pytest.skip("there is no PostgreSQL at BRIDGE_TEST_POSTGRES")
    with server:
        server.execute(f"CREATE SCHEMA {schema}")
        try:
            yield f"{POSTGRES}?options={quote(f'-csearch_path={schema}')}"
        finally:
            server.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(url: str, clock: Clock) -> Iterator[State]:
    """A state without a key, and what it takes to open it again."""
    upgrade(url)
    opened = State(url, clock)
    yield opened
    opened.close()


@pytest.fixture
def file_state(tmp_path: Path, clock: Clock) -> Iterator[State]:
    """A state in a file."""
    opened = State(f"sqlite:///{tmp_path}/bridge.db", clock)
    yield opened
    opened.close()
