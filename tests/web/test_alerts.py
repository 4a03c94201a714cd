"""The alert rules and the dashboard in `deploy/`: checked by Prometheus's own tool, naming no metric that is not served."""

import json
import os
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from web.web_office import House

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "bridge.rules.yaml"
UNIT_TESTS = RULES.with_name("bridge.test.yaml")
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "bridge.json").read_text())
OPERATORS = (ROOT / "docs" / "operators.md").read_text()
NAME = re.compile(r"\b(?:bridge|process)_[a-z_]+\b")


def alerts() -> list[dict[str, Any]]:
    """Every alert."""
    [group] = YAML(typ="safe").load(RULES.read_text())["groups"]
    return group["rules"]  # type: ignore[no-any-return]


def panels() -> list[dict[str, Any]]:
    """Every panel of the dashboard that shows something."""
    return [each for each in DASHBOARD["panels"] if each["type"] != "row"]


def queries() -> list[str]:
    """Every query of the dashboard."""
    return [target["expr"] for panel in panels() for target in panel["targets"]]


@pytest.fixture
def samples(house: House) -> dict[str, set[str]]:
    """What a real answer of /metrics has: the labels of every sample, by its name."""
    house.ran(changes=1, written=1, civicrm_records=2, airtable_records=2)
    house.entry(1)
    families = text_string_to_metric_families(house.client().get("/metrics").text)
    return {sample.name: set(sample.labels) for family in families for sample in family.samples}


def promtool(*words: object) -> None:
    """Run Prometheus's own tool; what it finds wrong fails the test."""
    tool = shutil.which("promtool")
    if tool is None:
        if os.environ.get("CI"):
            pytest.fail("promtool is missing; next: scripts/prepare-tests")
        pytest.skip("promtool is missing; next: apt-get install prometheus")
    ran = subprocess.run([tool, *map(str, words)], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


# ── by the tool ──


def test_every_alert_fires_when_it_should_and_not_before() -> None:
    promtool("check", "rules", "--lint-fatal", RULES)
    promtool("test", "rules", UNIT_TESTS)


def test_every_query_of_the_dashboard_can_be_asked(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries())]
    (tmp_path / "dashboard.yaml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", tmp_path / "dashboard.yaml")


# ── by what is served and said ──


def test_no_alert_is_without_a_unit_test_of_it_firing() -> None:
    held = {
        case["alertname"]
        for test in YAML(typ="safe").load(UNIT_TESTS.read_text())["tests"]
        for case in test["alert_rule_test"]
        if case["exp_alerts"]
    }
    assert {each["alert"] for each in alerts()} == held


def test_every_metric_and_label_that_is_named_is_served(samples: dict[str, set[str]]) -> None:
    served = {"up": {"instance"}, **samples}
    for query in [*(each["expr"] for each in alerts()), *queries()]:
        names = {*NAME.findall(query), *(["up"] if query.startswith("up{") else [])}
        assert names, query
        assert names <= set(served), query
        grouped = {label.strip() for group in re.findall(r"by \(([^)]+)\)", query) for label in group.split(",")}
        labels = {*re.findall(r"(\w+)=~?\"", query), *grouped}
        assert labels <= {"job"}.union(*(served[name] for name in names)), query


def test_every_metric_of_ours_is_on_the_dashboard_and_in_the_operators_book(samples: dict[str, set[str]]) -> None:
    ours = {name for name in samples if name.startswith("bridge_")}
    shown = {name for query in queries() for name in NAME.findall(query)}
    assert ours <= shown
    documented = set(re.findall(r"^\| `(bridge_\w+)`", OPERATORS, re.MULTILINE))
    assert {re.sub(r"_(sum|count)$", "", name) for name in ours} == documented


def test_every_alert_is_explained_in_the_operators_book() -> None:
    explained = re.findall(r"^\| `(Bridge\w+)` \|", OPERATORS, re.MULTILINE)
    assert explained == [each["alert"] for each in alerts()], "the same, in the same order"


def test_no_two_panels_share_a_number_or_a_place() -> None:
    everything = DASHBOARD["panels"]
    assert len({each["id"] for each in everything}) == len(everything)
    for one, other in combinations((each["gridPos"] for each in everything), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"], (one, other)
    assert all(each["gridPos"]["x"] + each["gridPos"]["w"] <= 24 for each in everything)


def test_the_dashboard_asks_whatever_prometheus_it_is_given() -> None:
    assert "${datasource}" in {each["datasource"]["uid"] for each in panels()}
    assert [each["name"] for each in DASHBOARD["templating"]["list"]] == ["datasource"]
