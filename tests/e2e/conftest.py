"""A small federation in the sandbox, a desk to work at, and new empty states in both databases."""

import os
from collections.abc import Iterator
from itertools import count
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
    folders = (tmp_path / str(number) for number in count())
    if request.param == "sqlite":

        def new() -> tuple[Path, str]:
            folder = next(folders)
            folder.mkdir()
            return folder / "mappings", f"sqlite:///{folder}/bridge.db"

        yield new
        return
    server, empty = POSTGRES.rsplit("/", 1)[0], f"killed_{os.getpid()}"
    with psycopg.connect(POSTGRES.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"create database {empty}")
        upgrade(f"{server}/{empty}")
        made = [empty]

        def copy() -> tuple[Path, str]:
            made.append(f"{empty}_{len(made)}")
            connection.execute(f"create database {made[-1]} template {empty}")
            return next(folders) / "mappings", f"{server}/{made[-1]}"

        yield copy
        for name in made:
            connection.execute(f"drop database {name} with (force)")
