"""The log has one line for each run, whatever kind it was and however it ended, with what it counted and no value."""

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from bench import Bench
from bridge.core.mapping import GuardLimits, Limit, Mode
from bridge.errors import BridgeError, Unavailable, UnexpectedAnswer
from bridge.ports import RunState
from bridge.service.approve import approve, find
from bridge.service.order import Kind, Order, Result
from bridge.service.undo import prepare, undo
from builders import airtable_rows, civicrm_rows

Lines = Callable[[], list[MutableMapping[str, Any]]]


@pytest.fixture
def lines(bench: Bench) -> Iterator[Lines]:
    """The lines that runs left since it was last asked; two rows agree, and one of them was edited since."""
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": "Arroyo"}))
    bench.sync()
    bench.civicrm.rows["1"]["name"] = "Lantern Bakery"
    with capture_logs() as found:

        def told() -> list[MutableMapping[str, Any]]:
            ended = [each for each in found if each["event"] == "run ended"]
            assert "Lantern" not in str(found)
            found.clear()
            return ended

        yield told


def held(bench: Bench) -> Result:
    bench.use(bench.changed(guard=GuardLimits(updates=Limit(count=0))))
    return bench.sync()


def test_a_run_leaves_one_line_with_what_it_was_took_and_counted(bench: Bench, lines: Lines) -> None:
    result = bench.sync()
    [line] = lines()
    assert {name: line[name] for name in ("run", "mapping", "kind", "mode", "by", "state", "log_level", "error", "why")} == {
        "run": result.run,
        "mapping": bench.mapping.name,
        "kind": "sweep",
        "mode": "correct",
        "by": "tester",
        "state": "done",
        "log_level": "info",
        "error": None,
        "why": None,
    }
    assert (line["written"], line["changes"], line["discrepancies"]) == (1, 1, 0)
    assert (line["digest"], line["seconds"] >= 0) == (str(result.digest)[:12], True)


@pytest.mark.parametrize("error", [Unavailable("Airtable did not answer."), UnexpectedAnswer("It answered in Latin.")])
def test_a_run_that_failed_leaves_one_line_that_is_a_warning(bench: Bench, lines: Lines, error: BridgeError) -> None:
    bench.airtable.fails = error
    assert bench.sync().state is RunState.FAILED
    [line] = lines()
    assert (line["state"], line["log_level"], line["error"]) == ("failed", "warning", type(error).__name__)
    assert line["why"] == error.message


def test_a_plan_that_is_held_and_one_that_is_applied_leave_a_line_each(bench: Bench, lines: Lines) -> None:
    waits = held(bench)
    [line] = lines()
    assert (line["state"], line["log_level"], line["written"]) == ("held", "warning", 0)
    assert "1 record to update in Airtable, at most 0 without a person." in line["why"]
    stored = find(str(waits.digest), bench.means)
    approve(stored, Order(mode=Mode.CORRECT, by="maria", kind=Kind.APPLY), bench.mapping, bench.means)
    [line] = lines()
    assert (line["kind"], line["by"], line["state"], line["written"]) == ("apply", "maria", "done", 1)


def test_an_undo_leaves_its_line(bench: Bench, lines: Lines) -> None:
    result = bench.sync()
    lines()
    prepared = prepare(result.run, bench.mapping, bench.means)
    undo(prepared, Order(mode=Mode.CORRECT, by="maria", kind=Kind.UNDO), bench.means)
    [line] = lines()
    assert (line["kind"], line["state"], line["written"]) == ("undo", "done", 1)


def test_a_run_whose_process_died_leaves_its_line_when_the_next_one_finds_it(bench: Bench, lines: Lines) -> None:
    died = bench.store.runs.start(bench.mapping.name, mode="correct", kind="delta", by="schedule")
    bench.sync()
    first, second = lines()
    assert (first["run"], first["kind"], first["state"], first["log_level"]) == (died, "delta", "interrupted", "warning")
    assert (second["run"], second["state"]) == (died + 1, "done")
