"""What commands answer stands alone on a terminal, and says where nothing was written because nothing may be."""

import io
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog

from bridge import log
from bridge.cli import screen
from bridge.cli.plans import summary
from bridge.core.plan import Action, CellChange, Change, Plan, Written
from bridge.core.record import Side
from bridge.ports import Outcome, RunState
from bridge.service.order import Applied, Result

CELL = CellChange(field="tier", path="Tier", before=None, after="small", before_raw=None, after_raw="Small", why="changed")
CHANGE = Change(mapping="dues", side=Side.AIRTABLE, action=Action.UPDATE, id="rec1", partner="8", name="Arroyo", cells=(CELL,))
PLAN = Plan(mapping="dues", mapping_digest="", changes=(CHANGE,), discrepancies=())
OBSERVED = Result(run=3, mapping="dues", state=RunState.DONE, plan=PLAN)
WRITTEN = replace(OBSERVED, applied=Applied(outcomes=[(CHANGE, Outcome(written=Written.DONE))]), counts={"written": 1})


def test_a_run_that_observes_says_why_nothing_was_written() -> None:
    assert summary(OBSERVED).splitlines() == ["dues: done.", "  1 record to write, 0 written (it observes), 0 to see"]


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (WRITTEN, "  1 record to write, 1 written, 0 to see"),
        (replace(OBSERVED, plan=replace(PLAN, changes=())), "  0 records to write, 0 written, 0 to see"),
        (replace(OBSERVED, state=RunState.HELD), "  1 record to write, 0 written, 0 to see"),
    ],
)
def test_one_that_wrote_had_nothing_to_write_or_is_held_does_not(result: Result, line: str) -> None:
    assert summary(result).splitlines()[1] == line


class Terminal(io.StringIO):
    """A screen that somebody looks at."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.fixture
def _own_log() -> Iterator[None]:
    kept = structlog.get_config()
    yield
    structlog.configure(**kept)


@pytest.mark.usefixtures("_own_log")
@pytest.mark.parametrize(("screen", "told"), [(Terminal(), ["lost"]), (io.StringIO(), ["ended", "lost"])])
def test_the_log_stands_between_no_lines_of_an_answer(
    monkeypatch: pytest.MonkeyPatch, screen: io.StringIO, told: list[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", screen)
    log.set_up()
    structlog.get_logger().info("ended")
    structlog.get_logger().warning("lost")
    assert [word for word in ("ended", "lost") if word in screen.getvalue()] == told


def test_a_narrow_terminal_cuts_no_cell_of_a_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an id cannot be typed into the next command."""
    monkeypatch.setenv("COLUMNS", "24")
    screen.table("Pairs", ("mapping", "Airtable"), [("new-coops", "recUoXDVCLR012345")], ids=("Airtable",))
    printed = capsys.readouterr().out
    assert "…" not in printed
    columns = zip(*(line.split("│")[1:3] for line in printed.splitlines() if line.startswith("│")), strict=True)
    assert ["".join(map(str.strip, each)) for each in columns] == ["new-coops", "recUoXDVCLR012345"]


def test_an_id_stands_on_one_line_where_the_names_beside_it_can_give_way(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is to be copied; a name is only read."""
    monkeypatch.setenv("COLUMNS", "50")
    name = "Luciérnaga Builders Worker Cooperative"
    screen.table("Pairs", ("Airtable", "one", "other"), [("recUoXDVCLR012345", name, name)], ids=("Airtable",))
    printed = capsys.readouterr().out
    assert "│ recUoXDVCLR012345 │" in printed
    assert "…" not in printed
