"""The sandbox as a whole: three servers, one federation, the settings that point a bridge at them."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.sandbox import BASE, Sandbox

NOON = dt.datetime(2026, 10, 1, 12, tzinfo=dt.UTC)


def small(**options: Any) -> Sandbox:
    return Sandbox(coops=30, workers=200, seed=3, clock=lambda: NOON, rate_limit=None, **options)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with small() as running:
        yield running


def civicrm_get(settings: dict[str, str], entity: str, **params: Any) -> list[dict[str, Any]]:
    answer = httpx.post(
        f"{settings['BRIDGE_CIVICRM__URL']}/civicrm/ajax/api4/{entity}/get",
        headers={"X-Civi-Auth": f"Bearer {settings['BRIDGE_CIVICRM__API_KEY']}", "X-Requested-With": "XMLHttpRequest"},
        data={"params": json.dumps(params)},
    )
    return list(answer.json()["values"])


def test_the_settings_reach_all_three(sandbox: Sandbox) -> None:
    settings = sandbox.environment()
    where = [["contact_sub_type", "CONTAINS", "Worker_Cooperative"], ["is_deleted", "=", False]]
    select = [
        "id",
        "organization_name",
        "Benefits.Status:name",
        "email_primary.email",
        "address_primary.state_province_id:abbr",
    ]
    coops = civicrm_get(settings, "Organization", where=where, select=select)
    assert len(coops) == 30 + 1 - 1  # a twin more, one in the trash
    assert all({*select} <= {*row} and row["address_primary.state_province_id:abbr"] for row in coops)
    assert {row["Benefits.Status:name"] for row in coops} <= {"prospect", "enrolling", "enrolled", "terminated"}
    airtable = httpx.get(
        f"{settings['BRIDGE_AIRTABLE__URL']}/v0/{settings['BRIDGE_AIRTABLE__BASES__BENEFITS']}/Groups",
        headers={"Authorization": f"Bearer {settings['BRIDGE_AIRTABLE__TOKEN']}"},
    )
    assert len(airtable.json()["records"]) == len(sandbox.federation.airtable["Groups"])
    slack = httpx.post(
        f"{settings['BRIDGE_SLACK__URL']}chat.postMessage",
        headers={"Authorization": f"Bearer {settings['BRIDGE_SLACK__BOT_TOKEN']}"},
        json={"channel": settings["BRIDGE_SLACK__CHANNEL"], "text": "All agree."},
    )
    assert slack.json()["ok"]
    assert [each.text for each in sandbox.slack.messages] == ["All agree."]


def test_socket_mode_is_open(sandbox: Sandbox) -> None:
    settings = sandbox.environment()
    headers = {"Authorization": f"Bearer {settings['BRIDGE_SLACK__APP_TOKEN']}"}
    answer = httpx.post(f"{settings['BRIDGE_SLACK__URL']}apps.connections.open", headers=headers).json()
    assert answer["url"].startswith("ws://127.0.0.1:")


def test_civicrm_shows_the_memberships_as_they_were_seeded(sandbox: Sandbox) -> None:
    settings = sandbox.environment()
    lapsed = [int(each.civicrm) for each in sandbox.federation.truth["groups.lapsed_but_enrolled"]]
    select = ["contact_id", "status_id:name", "status_id.is_current_member", "end_date"]
    rows = civicrm_get(settings, "Membership", where=[["contact_id", "IN", lapsed]], select=select)
    assert [(row["status_id:name"], row["status_id.is_current_member"]) for row in rows] == [("Expired", False)]


def test_a_merged_contact_leads_to_its_winner(sandbox: Sandbox) -> None:
    settings = sandbox.environment()
    [planted] = sandbox.federation.truth["groups.merged"]
    key = sandbox.federation.airtable["Groups"][planted.airtable]["Civi ID"]
    [loser] = [row["id"] for row in sandbox.federation.civicrm["Contact"] if row.get("external_identifier") == key]
    answer = httpx.post(
        f"{settings['BRIDGE_CIVICRM__URL']}/civicrm/ajax/api4/Contact/getMergedTo",
        headers={"X-Civi-Auth": f"Bearer {settings['BRIDGE_CIVICRM__API_KEY']}"},
        data={"params": json.dumps({"contactId": loser})},
    )
    assert answer.json()["values"] == [{"id": int(planted.civicrm)}]


def test_what_staff_did_survives_saving_and_loading(tmp_path: Path) -> None:
    first = small()
    record = first.federation.truth["groups.email_differs"][0].airtable
    contact = int(first.federation.truth["groups.email_differs"][0].civicrm)
    first.airtable.edit(BASE, "Groups", record, {"Notes": "edited"})
    first.civicrm.trash(contact)
    first.slack.say("#membership", "hello")
    first.save(tmp_path / "saved")
    second = Sandbox.load(tmp_path / "saved", rate_limit=None)
    assert second.federation == first.federation
    assert second.airtable.row(BASE, "Groups", record)["Notes"] == "edited"
    assert second.civicrm.row("Contact", contact)["is_deleted"] is True
    assert [each.text for each in second.slack.messages] == ["hello"]


def test_it_can_be_stopped_and_started_again() -> None:
    sandbox = small()
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.urls
    with sandbox:
        assert httpx.get(sandbox.urls["airtable"]).status_code == 401
    with sandbox:
        assert httpx.get(sandbox.urls["airtable"]).status_code == 401


def test_the_data_of_a_ready_mapping_survives_saving_and_loading(tmp_path: Path) -> None:
    first = Sandbox(ready="dues-audit", clock=lambda: NOON, rate_limit=None)
    first.save(tmp_path / "saved")
    second = Sandbox.load(tmp_path / "saved", rate_limit=None)
    assert second.ready == "dues-audit"
    assert second.federation == first.federation
    assert "Dues.Tier" in second.civicrm.site.schema.fields("Contact")
