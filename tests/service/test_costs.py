"""A plan says what it costs before it spends it: the calls it predicts are at least the calls its applying makes."""

import shutil
from pathlib import Path

import pytest

from bridge.app import App
from bridge.config.settings import Settings
from bridge.core.record import PerSide
from bridge.sandbox import Sandbox
from bridge.service.order import Kind

SHIPPED = Path(__file__).parents[2] / "mappings"


def requests_of(box: Sandbox) -> PerSide[int]:
    """How many requests each system has answered since it was last asked here, but for the board that staff read."""
    corrections = [each for each in box.servers.airtable.requests if "Discrepancies/" not in each.route]
    seen = PerSide(len(box.servers.civicrm.requests), len(corrections))
    box.servers.civicrm.forget_requests()
    box.servers.airtable.forget_requests()
    return seen


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_calls_a_plan_predicts_are_at_least_the_calls_made(tmp_path: Path, seed: int) -> None:
    """Looking costs the same in a plan and in a sync; what the sync makes beyond that is what its plan predicted, or less."""
    shutil.copytree(SHIPPED, tmp_path / "mappings")
    groups = tmp_path / "mappings" / "benefits-groups.yaml"
    groups.write_text(groups.read_text().replace("unmatched: {civicrm: ignore", "unmatched: {civicrm: create"))
    with Sandbox(coops=30, workers=120, seed=seed, rate_limit=None) as box:
        environment = {
            **box.environment(),
            "BRIDGE_MODE": "correct",
            "BRIDGE_MAPPINGS": str(tmp_path / "mappings"),
            "BRIDGE_STATE_URL": f"sqlite:///{tmp_path}/bridge.db",
        }
        with App(Settings.load(environment)) as bridge:
            for mapping in bridge.mappings:
                requests_of(box)
                bridge.run([mapping.name], Kind.PLAN)
                looking = requests_of(box)
                [result] = bridge.run([mapping.name], Kind.SWEEP)
                whole = requests_of(box)
                assert result.plan is not None
                assert result.plan.changes
                assert whole.airtable - looking.airtable <= result.plan.calls.airtable
                assert whole.civicrm - looking.civicrm <= result.plan.calls.civicrm
