"""A small federation in the sandbox, and a desk to work at."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.sandbox import Sandbox
from desk import Desk


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(coops=30, workers=200, rate_limit=None) as sandbox:
        yield sandbox


@pytest.fixture
def desk(box: Sandbox, tmp_path: Path) -> Desk:
    return Desk(tmp_path, box)
