"""The benchmarks measure what they say: their truths are known, their goals are judged, their pages are of the stored run."""

import json
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import engine, goals, growing, names, pace, state, tables, workload

ROOT = Path(__file__).parents[1]
STORED = json.loads((ROOT / "benchmarks" / "results.json").read_text())


def test_every_true_difference_is_found_and_no_habit_of_writing_is_one(tmp_path: Path) -> None:
    work = workload.make(tmp_path, 400)
    assert len(work.truth) > 20
    plan, found = engine.reconcile(work)
    assert found == work.truth
    assert workload.load(tmp_path, 400) == work
    known = engine.known_after(plan)
    assert engine.reconcile(work, known)[1] == work.truth, "what differs still differs, and nothing else does"


@pytest.mark.parametrize(
    ("value", "bound", "at_least", "holds"), [(2, 2.7, False, True), (3, 2.7, False, False), (1, 1.7, True, False)]
)
def test_a_goal_is_held_by_its_bound(value: float, bound: float, at_least: bool, holds: bool) -> None:
    assert goals.Goal("x", value, bound, at_least=at_least).holds is holds


@pytest.mark.parametrize("work", ["reads", "writes"])
@pytest.mark.parametrize(
    ("latency", "jitter", "least"), [(0.05, 0.01, 0.94), (0.8, 0.01, 0.94), (0.8, 0.05, 0.8), (0.2, 0.05, 0.8)]
)
def test_the_pace_uses_airtables_limit_and_draws_no_429(work: str, latency: float, jitter: float, least: float) -> None:
    told = pace.paced(work, latency, jitter)
    assert told.refused == 0
    assert least <= told.share <= 1.0
    assert (told.in_flight > 1) is (latency > 0.2 or (latency == 0.2 and jitter > 0))


def test_the_pace_draws_no_429_where_requests_hang_on_their_way() -> None:
    assert pace.paced("reads", 0.4, 0.03, stalls=0.05).refused == 0


def test_beside_another_program_the_pace_backs_off_and_comes_back() -> None:
    """Without room for it there would be a 429 after every pause of thirty seconds: twenty in ten minutes."""
    told = pace.shared(2)
    assert 1 <= told["refused"] <= 4
    assert told["share"] > 0.25
    assert told["after"] < 300


def test_what_a_tool_finds_surely_is_its_most_confident_part_that_is_right() -> None:
    given = ([{"id": each} for each in "abcd"], [{"id": each} for each in "abcx"])
    told = names.told({("a", "a"): 0.9, ("b", "b"): 0.9, ("d", "x"): 0.8, ("c", "c"): 0.7, ("c", "x"): 0.75}, 1.0, given)
    assert (told["precision"], told["recall"], told["sure"]) == (2 / 3, 2 / 3, 2 / 3)


def test_quiet_runs_leave_nothing_in_the_state_but_their_own_line(tmp_path: Path) -> None:
    told = state.measure(300, f"sqlite:///{tmp_path}/bridge.db")
    assert (told["grown_rows"], told["grown_bytes"]) == (0, 0)
    assert told["database"] == "SQLite"


def test_the_calls_of_a_run_are_judged_without_those_that_check_and_quiet_deltas_by_how_many_there_are() -> None:
    run = {"run": "delta, nothing changed", "airtable": 3, "fewest": 3, "checked": 0, "civicrm": 12, "entities": 4}
    wrote = {**run, "run": "first sync", "airtable": 7, "fewest": 6, "checked": 1}
    judged = goals.goals({"calls": {"measured": {"here": [run, wrote]}}})
    assert [(each.what.removeprefix("here, "), each.holds) for each in judged] == [
        ("delta, nothing changed: Airtable calls but those that check / fewest", True),
        ("delta, nothing changed: Airtable calls", False),
        ("delta, nothing changed: CiviCRM calls for each entity", True),
        ("first sync: Airtable calls but those that check / fewest", True),
    ]


def a_run(cpu: float) -> dict[str, object]:
    tools = {"bridge": {"cpu_seconds": cpu}, "duckdb": {"cpu_seconds": 2.0}}
    return {"engine": {"measured": {"10000": tools}}}


@pytest.mark.parametrize(("cpu", "slower"), [(1.0, 0), (1.2, 0), (1.3, 1), (0.5, 0)])
def test_a_ratio_that_got_worse_beyond_noise_is_told(cpu: float, slower: int) -> None:
    assert len(goals.regressions(a_run(1.0), a_run(cpu))) == slower


def test_what_the_stored_run_did_not_measure_is_not_compared() -> None:
    assert goals.regressions({}, a_run(9.0)) == []
    assert goals.regressions(STORED, STORED) == []


def test_the_pages_show_the_stored_run() -> None:
    """Whoever changes a table or a goal renews the pages."""
    stored = {name: section for name, section in STORED.items() if name != "goals"}
    assert (ROOT / "docs" / "performance.md").read_text() == tables.page(stored)
    page = growing.growing(stored["growth"]["measured"])
    assert (ROOT / "docs" / "growth.md").read_text() == page
    for plot in re.findall(r"\]\((growth/\w+\.svg)\)", page):
        assert (ROOT / "docs" / plot).read_text().startswith("<?xml")


def test_the_nightly_job_runs_a_target_that_there_is() -> None:
    unit = (ROOT / "deploy" / "nightly" / "bridge-bench.service").read_text()
    target = re.search(r"^ExecStart=/usr/bin/make (\S+)$", unit, re.MULTILINE)
    assert target is not None
    assert f"\n{target[1]}:" in (ROOT / "Makefile").read_text()
