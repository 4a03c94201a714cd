"""A small federation in the sandbox, a desk to work at, and new empty states in both databases."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bridge.sandbox import Sandbox
from bridge.store import upgrade
from desk import Desk
from scene import POSTGRES, Place


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(coops=30, workers=200, rate_limit=None) as sandbox:
        yield sandbox


@pytest.fixture
def desk(box: Sandbox, tmp_path: Path) -> Desk:
    return Desk(tmp_path, box)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A new folder and a new empty state each time it is asked."""
    made: list[str] = []

    def new() -> tuple[Path, str]:
        number = len(made)
        folder = tmp_path / str(number)
        if request.param == "sqlite":
            made.append("")
            folder.mkdir()
            return folder / "mappings", f"sqlite:///{folder}/bridge.db"
        name = f"killed_{os.getpid()}_{number}"
        with psycopg.connect(POSTGRES.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"create database {name}")
        made.append(name)
        url = POSTGRES.rsplit("/", 1)[0] + f"/{name}"
        upgrade(url)
        return folder / "mappings", url

    yield new
    for name in filter(None, made):
        with psycopg.connect(POSTGRES.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"drop database {name} with (force)")
