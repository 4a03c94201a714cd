"""What machines ask: whether it lives, whether all is well, and the numbers."""

import dataclasses

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bridge.core.ledger import State
from bridge.core.mapping import Severity
from bridge.errors import StoreError
from bridge.ports import OutboxState, RunState
from bridge.web import health
from bridge.web.office import Check
from web.web_office import House


def metrics(house: House, name: str) -> dict[tuple[str, ...], float]:
    """The samples of a metric by the values of their labels."""
    text = house.client().get("/metrics").text
    return {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def check(house: House, what: str) -> dict[str, object]:
    answer = house.client("vera").get("/readyz")
    return next(each for each in answer.json()["checks"] if each["what"] == what)  # type: ignore[no-any-return]


def test_a_house_where_nothing_ran_yet_is_well(house: House) -> None:
    assert house.client().get("/healthz").text == "ok\n"
    answer = house.client().get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True})


def test_a_source_that_cannot_be_read_is_said_with_since_when_and_when_it_last_could(house: House) -> None:
    house.ran()
    read_at = house.clock()
    house.clock.forward(hours=1)
    house.entry(1, code=504, field=None, details={"reason": "CiviCRM did not answer within 30 seconds."})
    since = house.clock()
    house.clock.forward(hours=1)
    anybody = house.client().get("/readyz")
    assert (anybody.status_code, anybody.json()) == (503, {"ready": False}), "strangers hear no details"
    assert check(house, "CiviCRM") == {
        "what": "CiviCRM",
        "ok": False,
        "last_good": read_at.isoformat(),
        "problem": "CiviCRM did not answer within 30 seconds.",
        "since": since.isoformat(),
        "next_step": "`bridge doctor` looks at it now; the next run tries again by itself.",
    }
    assert check(house, "Airtable")["ok"]


def test_a_side_named_by_the_run_or_none_named_is_told_as_such(house: House) -> None:
    house.entry(1, code=504, field="airtable", details={"reason": "a page did not arrive"})
    assert [check(house, side)["ok"] for side in ("CiviCRM", "Airtable")] == [True, False]
    house.entry(2, code=504, field=None, details={"reason": "the answer made no sense"})
    assert [check(house, side)["ok"] for side in ("CiviCRM", "Airtable")] == [False, False]


def test_what_was_mended_is_well_again(house: House) -> None:
    house.entry(1, code=504, field="airtable", state=State.RESOLVED, resolved_at=house.clock())
    assert house.client().get("/readyz").status_code == 200


def test_a_message_that_slack_did_not_take_is_said(house: House) -> None:
    house.store.outbox.put("digest:1", "#membership", {})
    assert check(house, "Slack")["ok"], "one that only waits is no problem"
    house.store.outbox.mark("digest:1", OutboxState.PLANNED, error="Slack knows no channel #membership.")
    assert check(house, "Slack")["problem"] == "Slack knows no channel #membership."


def test_when_slack_last_took_a_message_is_said(house: House) -> None:
    assert check(house, "Slack")["last_good"] is None
    house.store.outbox.put("digest:1", "#membership", {})
    taken = house.clock()
    house.store.outbox.mark("digest:1", OutboxState.SENT, ts="C0MEMBERS:1795420800.000100")
    house.clock.forward(hours=1)
    house.store.outbox.put("digest:2", "#membership", {})
    assert check(house, "Slack")["last_good"] == taken.isoformat()


def test_a_state_that_cannot_be_read_is_said_with_since_when_and_when_it_last_could(house: House) -> None:
    class Broken:
        def __getattr__(self, _name: str) -> object:
            raise StoreError("The state cannot be read.", next_step="run `bridge db check`.")

    office = house.office
    well = health.checks(office)
    read_at = house.clock()
    house.clock.forward(minutes=5)
    since = house.clock()
    broken = dataclasses.replace(office, store=Broken())  # type: ignore[arg-type]  # it has nothing to give
    health.checks(broken)
    house.clock.forward(minutes=5)
    [found] = [each for each in health.checks(broken) if each.what == "state"]
    assert (found.last_good, found.since, found.next_step) == (read_at, since, "run `bridge db check`.")
    assert health.ready(well)
    [mended] = [each for each in health.checks(office) if each.what == "state"]
    assert (mended.ok, mended.last_good, mended.since) == (True, house.clock(), None)


def test_wrong_mapping_files_are_said(house: House) -> None:
    since = house.clock()
    house.checks = [Check(what="mappings", problem="groups.yaml:3:1: expected …", since=since, next_step="mend it")]
    assert house.client().get("/readyz").status_code == 503
    assert check(house, "mappings")["since"] == since.isoformat()


def test_metrics_need_a_token_unless_only_this_machine_can_ask(house: House) -> None:
    assert house.client().get("/metrics").status_code == 200
    assert house.client().get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401, "a proxy asks"
    house.loopback = False
    assert house.client().get("/metrics").status_code == 401
    assert house.client("vera").get("/metrics").status_code == 200


def test_runs_are_counted_with_what_they_took_and_wrote(house: House) -> None:
    house.ran(changes=3, written=2, refused=1)
    house.ran(changes=1, written=1, doubts_settled=2)
    house.ran("delta", RunState.FAILED, doubts_settled=1)
    assert metrics(house, "bridge_runs_total") == {("delta", "groups", "failed"): 1, ("sweep", "groups", "done"): 2}
    assert metrics(house, "bridge_run_seconds_sum")["sweep", "groups", "done"] == 8
    assert metrics(house, "bridge_changes_total")["sweep", "groups"] == 4
    assert metrics(house, "bridge_writes_total")["groups", "written"] == 3
    assert metrics(house, "bridge_writes_total")["groups", "refused"] == 1
    assert metrics(house, "bridge_doubts_settled_total") == {("groups",): 3}


def test_the_numbers_are_the_ledgers_own(house: House) -> None:
    house.entry(1)
    house.entry(2, severity=Severity.HIGH)
    house.entry(3, state=State.ACCEPTED, accepted_reason="timing")
    house.clock.forward(days=8)
    house.entry(4)
    found = metrics(house, "bridge_discrepancies_open")
    assert sum(found.values()) == len(house.store.ledger.list(state="open"))
    assert found["under 7 days", "204", "groups", "", "medium"] == 1
    assert found["7 to 29 days", "204", "groups", "", "high"] == 1


def test_the_age_of_the_last_complete_sweep_grows_until_there_is_another(house: House) -> None:
    assert metrics(house, "bridge_last_sweep_age_seconds") == {}
    house.ran(civicrm_records=30, airtable_records=29)
    house.clock.forward(hours=1)
    house.ran("sweep", RunState.FAILED, seconds=0)
    house.ran("delta", seconds=0)
    assert metrics(house, "bridge_last_sweep_age_seconds") == {("groups",): 3600}
    assert metrics(house, "bridge_records") == {("groups", "civicrm"): 30, ("groups", "airtable"): 29}


def test_calls_messages_and_readiness_are_there(house: House) -> None:
    house.store.outbox.put("digest:1", "#membership", {})
    assert metrics(house, "bridge_api_calls_left") == {("appBase",): 960}
    assert metrics(house, "bridge_api_calls_month") == {("appBase",): 40, ("civicrm",): 3}
    assert metrics(house, "bridge_outbox_messages")["planned",] == 1
    assert metrics(house, "bridge_writes_in_doubt") == {("groups",): 0}
    assert metrics(house, "bridge_plans_held") == {("groups",): 0}
    assert metrics(house, "bridge_ready")["CiviCRM",] == 1


@pytest.mark.parametrize("secret", ["Lupe Ortega", "413-555-0188"])
def test_no_label_ever_holds_what_a_record_says(house: House, secret: str) -> None:
    house.entry(1, name=secret, details={"reason": secret}, assignee=secret, note=secret)
    house.entry(2, code=504, field=None, details={"reason": secret})
    text = house.client().get("/metrics").text
    assert secret not in text
