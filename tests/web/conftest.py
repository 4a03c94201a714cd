"""A house whose web is tested."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bridge.store import open_store
from fakes import FakeClock
from web.web_office import FakeSyncs, House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    clock = FakeClock()
    with closing(open_store(f"sqlite:///{tmp_path}/bridge.db", [], clock)) as store:
        yield House(store, clock, FakeSyncs(clock))
