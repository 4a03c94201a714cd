"""The bench over a fresh SQLite state."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bench import Bench
from bridge.store import open_store
from fakes import FakeClock


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    clock = FakeClock()
    with closing(open_store(f"sqlite:///{tmp_path}/bridge.db", [], clock)) as store:
        yield Bench(store, clock)
