"""`union-caucuses` with many members: what a run costs grows with pages and with what changed, not with people."""

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.app import App
from bridge.cli import app
from bridge.config.settings import Settings
from bridge.sandbox import Sandbox
from bridge.sandbox.ready import seeded
from bridge.service.order import Kind

MEMBERS = 900
TODAY = dt.date(2026, 10, 1)
SHIPPED = Path(__file__).parents[2] / "mappings" / "ready" / "union-caucuses"
BASE = "appUnionLocal0001"
Ran = Callable[[Kind], tuple[int, Counter[str]]]


class Clock:
    """Yesterday while the rows are typed, so that they are no news to a delta; then today."""

    behind = dt.timedelta(days=1)

    def __call__(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) - self.behind


@pytest.fixture
def local() -> Iterator[Sandbox]:
    clock = Clock()
    with Sandbox(ready="union-caucuses", members=MEMBERS, rate_limit=None, clock=clock) as box:
        clock.behind = dt.timedelta()
        yield box


@pytest.fixture
def ran(local: Sandbox, tmp_path: Path) -> Ran:
    settings = Settings.load(
        {
            **{key: value for key, value in local.environment().items() if "SLACK" not in key},
            "BRIDGE_MODE": "correct",
            "BRIDGE_MAPPINGS": str(SHIPPED),
            "BRIDGE_STATE_URL": f"sqlite:///{tmp_path}/bridge.db",
        },
        secrets_dir=tmp_path,
    )

    def run(kind: Kind) -> tuple[int, Counter[str]]:
        """Changes written, and the requests to Airtable's members, by what they do."""
        local.servers.airtable.forget_requests()
        with App(settings) as bridge:
            (result,) = bridge.run(["union-caucuses"], kind, by="test")
        assert result.error is None, result.error
        return result.counts.get("written", 0), Counter(each.route for each in local.servers.airtable.requests)

    return run


def test_a_large_local_is_swept_by_the_page_and_then_asked_only_for_what_changed(local: Sandbox, ran: Ran) -> None:
    """Nothing of the crowd is to be written or told; an edit on either side costs a page and a batch."""
    rows = local.airtable.rows(BASE, "Members")
    pages = math.ceil(len(rows) / 100)
    assert len(rows) > MEMBERS // 4
    written, swept = ran(Kind.SWEEP)
    assert (written, swept.total() <= pages + 6) == (3, True), swept
    written, quiet = ran(Kind.DELTA)
    assert (written, quiet.total() <= 6) == (0, True), quiet
    listed = [(record, row) for record, row in rows.items() if row.get("Email")]
    numbers = {row.get("external_identifier"): contact for contact, row in local.civicrm.contacts.items()}
    for record, row in listed[:4]:
        local.airtable.edit(BASE, "Members", record, {"Email": f"new.{row['Email']}"})
    for _, row in listed[4:8]:
        local.civicrm.staff_update("Contact", numbers[row["Member number"]], {"email_primary.email": f"new.{row['Email']}"})
    written, changed = ran(Kind.DELTA)
    assert (written, changed.total() <= quiet.total() + 4) == (8, True), changed


def test_the_same_seed_draws_the_same_local() -> None:
    one, same, other = (seeded("union-caucuses", TODAY, 40, seed) for seed in (1, 1, 2))
    assert one == same != other
    assert sum(row["contact_type"] == "Individual" for row in one.civicrm["Contact"]) == 40


def test_members_are_refused_where_nothing_grows() -> None:
    told = CliRunner().invoke(app, ["sandbox", "--for", "dues-audit", "--members", "100"])
    assert told.exit_code != 0
    assert "union-caucuses" in str(told.exception)
