"""What people say about discrepancies on the command line, and which of them they list."""

import csv
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bridge.cli import app
from bridge.core.ledger import Entry, State
from bridge.core.mapping import Severity
from bridge.core.plan import Discrepancy
from bridge.core.record import PerSide
from bridge.errors import ConfigError
from bridge.store import open_store
from fakes import FakeClock

Bridge = Any


@pytest.fixture
def bridge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bridge:
    """The command, at a state with three open discrepancies: two low ones, and a high one of a rule."""
    clock = FakeClock()
    state = f"sqlite:///{tmp_path}/bridge.db"
    with closing(open_store(state, [], clock)) as store:
        found = [
            Discrepancy(
                mapping="benefits-groups", code=code, severity=severity, ids=PerSide(str(code), None), name="Arroyo", rule=rule
            )
            for code, severity, rule in ((101, Severity.LOW, None), (204, Severity.LOW, None), (300, Severity.HIGH, "lapsed"))
        ]
        entries = [Entry(discrepancy=each, state=State.OPEN, opened_at=clock(), seen_at=clock()) for each in found]
        store.ledger.save(entries, [])
    (tmp_path / "mappings").mkdir()
    shipped = Path(__file__).parents[2] / "mappings" / "benefits-groups.yaml"
    (tmp_path / "mappings" / shipped.name).write_text(shipped.read_text())
    monkeypatch.chdir(tmp_path)
    environment = {"BRIDGE_STATE_URL": state, "BRIDGE_MAPPINGS": str(tmp_path / "mappings")}
    runner = CliRunner(env=environment)
    return lambda *words: runner.invoke(app, ["discrepancies", *words], catch_exceptions=False)


def numbers(result: Any) -> list[int]:
    return [row["id"] for row in json.loads(result.stdout)]


def test_a_remark_stays_with_who_made_it(bridge: Bridge) -> None:
    assert bridge("comment", "1", "on leave until Monday", "--by", "lupe").exit_code == 0
    (event,) = json.loads(bridge("show", "1", "--json").stdout)["history"]
    assert (event["what"], event["by"], event["note"]) == ("commented", "lupe", "on leave until Monday")


def test_what_is_in_somebodys_hands_can_be_taken_out_of_them(bridge: Bridge) -> None:
    bridge("assign", "2", "maria")
    assert numbers(bridge("list", "--assignee", "maria", "--json")) == [2]
    assert numbers(bridge("list", "--assignee", "none", "--json")) == [3, 1]
    bridge("assign", "2")
    assert numbers(bridge("list", "--assignee", "maria", "--json")) == []


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("--severity", "high"), [3]),
        (("--rule", "lapsed"), [3]),
        (("--code", "204"), [2]),
        (("--mapping", "people"), []),
        (("--state", "snoozed"), []),
        (("--severity", "low", "--code", "101"), [1]),
    ],
)
def test_the_list_and_the_file_take_the_same_filters(
    bridge: Bridge, tmp_path: Path, words: tuple[str, ...], meant: list[int]
) -> None:
    assert numbers(bridge("list", "--json", *words)) == meant
    assert bridge("export", *words).exit_code == 0
    with (tmp_path / "discrepancies.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [int(row["No."]) for row in csv.DictReader(file)] == meant


def test_a_filter_that_is_none_is_told_with_those_there_are(bridge: Bridge) -> None:
    with pytest.raises(ConfigError, match="low, medium or high"):
        bridge("list", "--severity", "huge")
