"""The page of what broke elsewhere tells every entry, names every scenario where it belongs, and no test that is none."""

import re
from pathlib import Path

import pytest

from scenarios.story import numbers

ROOT = Path(__file__).parents[2]
ROWS = {
    name: (told, held)
    for name, told, held in re.findall(
        r"^\| ([CF]-\d+) \| (.+) \| (.+) \|$", (ROOT / "docs" / "regressions.md").read_text(), re.MULTILINE
    )
}
ENGINES = {f"C-{number}" for number in range(59, 65)}
SCENARIOS = sorted(Path(__file__).parent.glob("*-*.yaml"))
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
SCENARIO = re.compile(r"`(tests/scenarios/[\w-]+\.yaml)`")


def test_every_entry_and_every_fact_is_told_in_order() -> None:
    facts = [name for name in ROWS if name.startswith("F-")]
    assert [*ROWS] == [*(f"C-{number}" for number in range(1, 65)), *(f"F-{number}" for number in range(1, len(facts) + 1))]
    assert len(facts) > 10


@pytest.mark.parametrize("name", ROWS)
def test_an_entry_names_what_holds_it_and_all_of_that_exists(name: str) -> None:
    told, held = ROWS[name]
    tests, scenarios = TEST.findall(held), SCENARIO.findall(held)
    assert tests or scenarios
    # The page says of C-59 to C-64 together, above them, that no story is about a sync engine's own insides.
    assert scenarios or name in ENGINES or "annot be acted out" in told
    assert held.count("`") == 2 * (len(tests) + len(scenarios)), "something there is neither a test nor a scenario"
    assert [test for file, test in tests if not re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.MULTILINE)] == []
    assert [scenario for scenario in scenarios if not (ROOT / scenario).is_file()] == []


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_a_scenario_is_named_in_the_row_of_every_entry_it_acts_out(file: Path) -> None:
    named = f"`{file.relative_to(ROOT)}`"
    assert [number for number in numbers(file) if named not in ROWS[f"C-{number}"][1]] == []
    assert any(named in held for _, held in ROWS.values())
