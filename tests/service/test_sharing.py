"""Mappings of one run share what they read: one list of a table, one schema, one look at the board."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.app import App
from bridge.config.settings import Settings
from bridge.ports import RunState
from bridge.sandbox import BASE, Sandbox
from bridge.sandbox.airtable import Column
from bridge.service.order import Kind

GROUPS = (Path(__file__).parents[2] / "mappings" / "benefits-groups.yaml").read_text()


class Hour:
    """A clock that tests move by hours: what was written an hour ago is no news to a delta."""

    def __init__(self) -> None:
        self.ahead = dt.timedelta()

    def __call__(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.ahead

    def pass_(self) -> None:
        self.ahead += dt.timedelta(hours=3)


@pytest.fixture
def clock() -> Hour:
    return Hour()


@pytest.fixture
def box(clock: Hour) -> Iterator[Sandbox]:
    with Sandbox(coops=12, workers=24, rate_limit=None, clock=clock) as running:
        yield running


def a_bridge(box: Sandbox, folder: Path, clock: Hour, *others: tuple[str, str, str], webhooks: bool = False) -> App:
    """A bridge with the groups' mapping, and with others that differ from it by a name and one replacement each."""
    (folder / "mappings").mkdir()
    (folder / "mappings" / "groups.yaml").write_text(GROUPS)
    for name, old, new in others:
        assert old in GROUPS
        text = GROUPS.replace("mapping: benefits-groups", f"mapping: {name}").replace(old, new)
        (folder / "mappings" / f"{name}.yaml").write_text(text)
    return App(
        Settings.load(
            {
                **{key: value for key, value in box.environment().items() if "SLACK" not in key},
                "BRIDGE_MODE": "correct",
                "BRIDGE_AIRTABLE__WEBHOOKS": str(webhooks).lower(),
                "BRIDGE_MAPPINGS": str(folder / "mappings"),
                "BRIDGE_STATE_URL": f"sqlite:///{folder}/bridge.db",
            }
        ),
        clock=clock,
    )


def asked(box: Sandbox) -> Counter[str]:
    """What Airtable was asked since the last time, by route."""
    seen = Counter(each.route for each in box.servers.airtable.requests)
    box.servers.airtable.forget_requests()
    return seen


def settle(bridge: App, clock: Hour) -> None:
    """A sweep, and time enough for what it wrote to be no news."""
    bridge.run([], Kind.SWEEP)
    clock.pass_()


def test_mappings_of_one_table_and_scope_cost_a_quiet_delta_one_list_and_one_look_at_the_board(
    box: Sandbox, tmp_path: Path, clock: Hour
) -> None:
    other = ("groups-again", "mode: correct", "mode: correct   # the same again")
    with a_bridge(box, tmp_path, clock, other) as bridge:
        settle(bridge, clock)
        bridge.run([], Kind.DELTA)
        clock.pass_()
        asked(box)
        results = bridge.run([], Kind.DELTA)
        seen = asked(box)
    assert [each.error for each in results] == [None, None]
    assert seen == {"Groups/list": 1, "Discrepancies/list": 1}


def test_mappings_of_other_scopes_cost_a_quiet_delta_one_look_at_the_table(box: Sandbox, tmp_path: Path, clock: Hour) -> None:
    other = ("enrolled-groups", '[[Archived, "=", false]]', '[[Archived, "=", false], [Status, "=", Enrolled]]')
    with a_bridge(box, tmp_path, clock, other) as bridge:
        settle(bridge, clock)
        bridge.run([], Kind.DELTA)
        clock.pass_()
        asked(box)
        bridge.run([], Kind.DELTA)
        seen = asked(box)
        assert seen == {"Groups/list": 1, "Discrepancies/list": 1}
        for row in box.airtable.rows(BASE, "Groups"):
            box.airtable.edit(BASE, "Groups", row, {"Phone": "(413) 555-0107"})
        results = bridge.run([], Kind.DELTA)
    here = [each.plan.population.now.airtable for each in results if each.plan]
    assert here[0] > here[1] > 0, "each mapping met the edits in its own scope"


def test_a_sweep_after_another_mapping_wrote_reads_the_table_again(box: Sandbox, tmp_path: Path, clock: Hour) -> None:
    """What was pulled before a write would make the second mapping tell what the first one has just put right."""
    other = ("groups-again", "mode: correct", "mode: correct   # the same again")
    with a_bridge(box, tmp_path, clock, other) as bridge:
        [first, second] = bridge.run([], Kind.SWEEP)
    assert first.plan is not None
    assert second.plan is not None
    written = {(each.id, cell.path) for each in first.plan.changes for cell in each.cells if each.side == "airtable"}
    again = {(each.id, cell.path) for each in second.plan.changes for cell in each.cells if each.side == "airtable"}
    assert not first.plan.held
    assert written
    assert not written & again


def test_related_rows_that_two_mappings_read_are_pulled_once(box: Sandbox, tmp_path: Path, clock: Hour) -> None:
    other = ("groups-again", "mode: correct", "mode: correct   # the same again")
    with a_bridge(box, tmp_path, clock, other) as bridge:
        settle(bridge, clock)
        box.servers.civicrm.forget_requests()
        results = bridge.run([], Kind.SWEEP)
        seen = Counter(each.route for each in box.servers.civicrm.requests)
    assert [(each.error, each.counts["written"]) for each in results] == [(None, 0), (None, 0)]
    assert {route: seen[route] for route in ("Membership/get", "Contribution/get", "Individual/get", "Organization/get")} == {
        "Membership/get": 1,
        "Contribution/get": 1,
        "Individual/get": 1,
        "Organization/get": 1,
    }


def test_a_quiet_delta_needs_no_schema_and_one_that_finds_an_edit_reads_it_first(
    box: Sandbox, tmp_path: Path, clock: Hour
) -> None:
    with a_bridge(box, tmp_path, clock) as bridge:
        settle(bridge, clock)
        bridge.run([], Kind.DELTA)
        clock.pass_()
        asked(box)
        bridge.run([], Kind.DELTA)
        assert asked(box)["meta/tables"] == 0
        edited = next(iter(box.airtable.rows(BASE, "Groups")))
        box.airtable.edit(BASE, "Groups", edited, {"Phone": "(413) 555-0107"})
        bridge.run([], Kind.DELTA)
        seen = asked(box)
        assert (seen["meta/tables"], seen["Groups/list"]) == (1, 1), "what was listed is not listed again"
        clock.pass_()
        box.airtable.retype_field(BASE, "Groups", "Phone", "multilineText")
        box.airtable.edit(BASE, "Groups", edited, {"Phone": "(413) 555-0108"})
        [result] = bridge.run([], Kind.DELTA)
    assert result.plan is not None
    assert 501 in {each.code for each in result.plan.discrepancies}, "the field's new type is seen"


def test_a_delta_that_goes_by_yesterdays_fields_asks_nothing_more_of_the_table_before_it_knows_todays(
    box: Sandbox, tmp_path: Path, clock: Hour
) -> None:
    """Airtable was quiet but for a field's type; what moved in CiviCRM is not written into a field of another type."""
    with a_bridge(box, tmp_path, clock) as bridge:
        settle(bridge, clock)
        bridge.run([], Kind.DELTA)
        clock.pass_()
        asked(box)
        box.airtable.add_field(BASE, "Groups", Column("Of no mapping"))
        link = next(iter(bridge.store.knowledge.load(bridge.one("benefits-groups")).links))
        box.civicrm.staff_update("Contact", int(link.civicrm), {"phone_primary.phone": "(413) 555-0199"})
        [result] = bridge.run([], Kind.DELTA)
        assert (result.error, asked(box)["meta/tables"]) == (None, 1)
        clock.pass_()
        bridge.run([], Kind.DELTA)
        clock.pass_()
        box.airtable.retype_field(BASE, "Groups", "Phone", "multilineText")
        box.civicrm.staff_update("Contact", int(link.civicrm), {"phone_primary.phone": "(413) 555-0198"})
        [result] = bridge.run([], Kind.DELTA)
        assert result.state is RunState.FAILED
        assert result.error is not None
        assert "have changed since" in result.error.message
        [result] = bridge.run([], Kind.DELTA)
        assert result.error is None
        assert result.plan is not None
        assert 501 in {each.code for each in result.plan.discrepancies}


def test_a_delta_hears_what_staff_wrote_on_the_board(box: Sandbox, tmp_path: Path, clock: Hour) -> None:
    with a_bridge(box, tmp_path, clock) as bridge:
        settle(bridge, clock)
        bridge.run([], Kind.DELTA)
        clock.pass_()
        row, cells = next(iter(box.airtable.rows(BASE, "Discrepancies").items()))
        box.airtable.edit(BASE, "Discrepancies", row, {"Note": "I called them."})
        bridge.run([], Kind.DELTA)
        entry = bridge.store.ledger.get(cells["Fingerprint"])
        assert entry is not None
        assert entry.note == "I called them."
        clock.pass_()
        bridge.run([], Kind.DELTA)
        clock.pass_()
        asked(box)
        bridge.run([], Kind.DELTA)
        assert asked(box) == {"Groups/list": 1, "Discrepancies/list": 1}


def test_with_a_webhook_a_quiet_delta_is_one_call_and_one_after_an_edit_lists_only_that_table(
    box: Sandbox, tmp_path: Path, clock: Hour
) -> None:
    other = ("enrolled-groups", '[[Archived, "=", false]]', '[[Archived, "=", false], [Status, "=", Enrolled]]')
    with a_bridge(box, tmp_path, clock, other, webhooks=True) as bridge:
        settle(bridge, clock)
        for _ in range(3):
            bridge.run([], Kind.DELTA)
            clock.pass_()
        asked(box)
        results = bridge.run([], Kind.DELTA)
        assert asked(box) == {"webhooks/payloads": 1}
        assert [each.error for each in results] == [None, None]
        clock.pass_()
        for row in box.airtable.rows(BASE, "Groups"):
            box.airtable.edit(BASE, "Groups", row, {"Phone": "(413) 555-0107"})
        results = bridge.run([], Kind.DELTA)
        seen = asked(box)
    assert seen["webhooks/payloads"] == seen["meta/tables"] == 1
    assert seen["Enrollees/list"] == 0
    here = [each.plan.population.now.airtable for each in results if each.plan]
    assert here[0] > here[1] > 0, "each mapping met the edits in its own scope"


def test_with_a_webhook_a_delta_tells_who_was_deleted_and_the_sweep_tells_the_same(
    box: Sandbox, tmp_path: Path, clock: Hour
) -> None:
    with a_bridge(box, tmp_path, clock, webhooks=True) as bridge:
        settle(bridge, clock)
        for _ in range(3):
            bridge.run([], Kind.DELTA)
            clock.pass_()
        link, restored = [*bridge.store.knowledge.load(bridge.one("benefits-groups")).links][:2]
        cells = box.airtable.row(BASE, "Groups", restored.airtable)
        box.airtable.delete(BASE, "Groups", link.airtable)
        box.airtable.delete(BASE, "Groups", restored.airtable)
        box.airtable.create(BASE, "Groups", {"Group name": cells["Group name"]}, record_id=restored.airtable)
        [delta] = bridge.run([], Kind.DELTA)
        assert delta.error is None
        gone = [each for each in bridge.store.ledger.list(state="open") if each.discrepancy.code == 106]
        clock.pass_()
        bridge.run([], Kind.SWEEP)
        again = [each for each in bridge.store.ledger.list(state="open") if each.discrepancy.code == 106]
    assert [each.discrepancy.ids.airtable for each in gone] == [link.airtable]
    assert [each.fingerprint for each in again] == [each.fingerprint for each in gone]
