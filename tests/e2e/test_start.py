"""What a command imports: nothing heavy that it has no use for, or every short command would pay for it."""

import pytest

from desk import Desk

SERVING = {"fastapi", "uvicorn", "jinja2", "prometheus_client", "apscheduler", "slack_sdk"}
UPGRADING = {"alembic", "mako"}
UNUSED_HERE = {"cryptography", "psycopg", "sqlalchemy.dialects.postgresql", "bridge.sandbox", "bridge.service.undo"}
TALKING = {"httpx", "requests", "pyairtable"}
WORKING = {"pydantic", "pydantic_settings", "sqlalchemy", "structlog", "ruamel", "babel", "bridge.app", "bridge.core"}
NO_SLACK = dict.fromkeys(("BRIDGE_SLACK__BOT_TOKEN", "BRIDGE_SLACK__APP_TOKEN", "BRIDGE_SLACK__CHANNEL"), "")


def imported(desk: Desk, *words: str) -> set[str]:
    """Every module that the command loads, and the packages these are in."""
    ended = desk.bridge(*words, PYTHONPROFILEIMPORTTIME="1", **NO_SLACK)
    assert ended.code == 0, ended.err
    names = {line.rpartition("|")[2].strip() for line in ended.err.splitlines() if line.startswith("import time:")}
    assert "bridge.cli" in names
    return names


@pytest.fixture
def settled(desk: Desk) -> Desk:
    """A desk whose state is there and agrees: a first sync makes it, and may well need more than the others."""
    ended = desk.bridge("sync", "benefits-groups", **NO_SLACK)
    assert ended.code in (0, 3), ended.err
    return desk


def test_help_imports_nothing_that_works(desk: Desk) -> None:
    assert imported(desk, "--help") & (SERVING | UPGRADING | UNUSED_HERE | TALKING | WORKING) == set()


def test_status_imports_nothing_that_talks_to_the_two_systems(settled: Desk) -> None:
    assert imported(settled, "status") & (SERVING | UPGRADING | UNUSED_HERE | TALKING) == set()


def test_a_quiet_sync_imports_only_what_it_works_with(settled: Desk) -> None:
    assert imported(settled, "sync", "benefits-groups", "--delta") & (SERVING | UPGRADING | UNUSED_HERE) == set()
