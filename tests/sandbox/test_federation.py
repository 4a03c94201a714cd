"""The seeded federation is one federation written down twice, and differs only where `truth` says."""

import datetime as dt
import html
import unicodedata
from collections import Counter
from typing import Any

import pytest

from bridge.sandbox.airtable import Airtable
from bridge.sandbox.civicrm import CiviCRM
from bridge.sandbox.civicrm_tables import OPTIONS, ROWS
from bridge.sandbox.federation import BASE, Federation, found_federation
from bridge.sandbox.federation_airtable import COVERAGE, LANGUAGES, MEMBERSHIP, PLANS, STATUSES
from bridge.sandbox.federation_plants import ENROLLEE_KINDS, GROUP_KINDS

TODAY = dt.date(2026, 10, 1)
STATUS_NAMES = {each["id"]: each["name"] for each in ROWS["MembershipStatus"]}


@pytest.fixture(scope="module")
def federation() -> Federation:
    return found_federation(coops=120, workers=1500, seed=7, today=TODAY)


class Civicrm:
    """The rows of CiviCRM, found by what they belong to."""

    def __init__(self, federation: Federation) -> None:
        self.contacts = {str(row["id"]): row for row in federation.civicrm["Contact"]}
        self.by_key = {row["external_identifier"]: row for row in self.contacts.values() if "external_identifier" in row}
        self.emails = {row["contact_id"]: row["email"] for row in federation.civicrm["Email"]}
        self.phones = {row["contact_id"]: row["phone"] for row in federation.civicrm["Phone"]}
        self.roster = Counter(row.get("employer_id") for row in self.contacts.values() if not row["is_deleted"])
        self.memberships: dict[int, list[dict[str, Any]]] = {}
        for row in federation.civicrm["Membership"]:
            self.memberships.setdefault(row["contact_id"], []).append(row)

    def picked(self, contact: int) -> tuple[str | None, str | None]:
        rows = [(STATUS_NAMES[row["status_id"]], row["end_date"]) for row in self.memberships.get(contact, [])]
        current = [row for row in rows if row[0] in ("New", "Current", "Grace")]
        return max(current or rows, key=lambda row: row[1], default=(None, None))


@pytest.fixture(scope="module")
def civicrm(federation: Federation) -> Civicrm:
    return Civicrm(federation)


def text(value: str | None) -> str:
    return " ".join(html.unescape(unicodedata.normalize("NFC", value or "")).split())


def phone(value: str) -> str:
    return "".join(each for each in value if each.isdigit())[-10:]


def planted_at(federation: Federation, prefix: str) -> set[str]:
    return {
        each.airtable
        for name, places in federation.truth.items()
        for each in places
        if name.startswith(prefix) and name != "enrollees.shared_email"
    }


def test_the_same_seed_makes_the_same_federation() -> None:
    first, second, other = (found_federation(30, 200, seed, TODAY) for seed in (1, 1, 2))
    assert first == second
    assert first != other


def test_a_small_federation_has_every_kind_of_difference() -> None:
    for seed in range(5):
        truth = found_federation(30, 250, seed, TODAY).truth
        wanted = {f"groups.{each.name}" for each in GROUP_KINDS} | {f"enrollees.{each.name}" for each in ENROLLEE_KINDS}
        assert wanted <= {name for name, places in truth.items() if places}


def test_the_whole_federation_is_as_large_as_the_clients() -> None:
    whole = found_federation(today=TODAY)
    kinds = Counter(row.get("contact_sub_type", [""])[0] for row in whole.civicrm["Contact"] if not row["is_deleted"])
    twins = len(whole.truth["groups.duplicate_in_civicrm"]) // 2
    gone = len(whole.truth["groups.trashed"]), len(whole.truth["enrollees.trashed"])
    assert kinds["Worker_Cooperative"] == 375 + twins - gone[0]
    assert kinds["Worker"] == 10_000 - gone[1]
    assert 3_500 <= len(whole.airtable["Enrollees"]) <= 4_800


def test_groups_nothing_was_planted_in_agree_in_every_cell(federation: Federation, civicrm: Civicrm) -> None:
    touched = planted_at(federation, "groups.")
    clean = {key: row for key, row in federation.airtable["Groups"].items() if key not in touched}
    assert len(clean) > 30
    for row in clean.values():
        contact = civicrm.by_key[row["Civi ID"]]
        status, ends = civicrm.picked(contact["id"])
        assert text(row["Group name"]) == text(contact["organization_name"])
        assert row["Contact email"].strip().lower() == civicrm.emails[contact["id"]]
        assert phone(row["Phone"]) == phone(civicrm.phones[contact["id"]])
        assert row["Status"] == STATUSES[contact["Benefits.Status"]]
        assert {*row["Plans"]} == {PLANS[each] for each in contact["Benefits.Plans"]}
        assert row["Effective date"] == contact["Benefits.Effective_Date"]
        assert row["Membership status"] == (MEMBERSHIP[status] if status else None)
        assert row["Membership ends"] == ends
        assert row["Enrolled workers"] <= civicrm.roster[contact["id"]]
        if row["Status"] == "Enrolled":
            assert status in ("New", "Current", "Grace")
            assert ends is not None
            assert not TODAY <= dt.date.fromisoformat(ends) <= TODAY + dt.timedelta(days=60)


def test_enrollees_nothing_was_planted_in_agree_in_every_cell(federation: Federation, civicrm: Civicrm) -> None:
    touched = planted_at(federation, "enrollees.")
    clean = {key: row for key, row in federation.airtable["Enrollees"].items() if key not in touched}
    assert len(clean) > 300
    for row in clean.values():
        contact = civicrm.by_key[row["Civi ID"]]
        assert text(f"{row['First name']} {row['Last name']}") == f"{contact['first_name']} {contact['last_name']}"
        assert row["Email"].strip().lower() == civicrm.emails[contact["id"]]
        assert phone(row["Phone"]) == phone(civicrm.phones[contact["id"]])
        assert row["Birth date"] == contact["birth_date"]
        assert row["Coverage status"] == COVERAGE[contact["Enrollment.Coverage_Status"]]
        assert row["Plan"] == PLANS[contact["Enrollment.Plan"]]
        assert (row["Start date"], row["End date"]) == (
            contact["Enrollment.Start_Date"],
            contact["Enrollment.End_Date"],
        )
        assert row["Monthly premium"] == contact["Enrollment.Monthly_Premium"]
        assert row["Language"] == LANGUAGES[contact["preferred_language"]]
        assert contact["employer_id"]
        if row["Coverage status"] == "Active":
            assert row["End date"] is None
            [group] = row["Group"]
            assert federation.airtable["Groups"][group]["Status"] != "Terminated"


def test_what_was_planted_in_groups_is_there(federation: Federation, civicrm: Civicrm) -> None:
    groups, truth = federation.airtable["Groups"], federation.truth

    def pairs(kind: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        return [(civicrm.contacts[each.civicrm], groups[each.airtable]) for each in truth[f"groups.{kind}"]]

    assert all(row["Civi ID"] is None and text(row["Group name"]) for _, row in pairs("missing_key"))
    assert all(text(row["Group name"]) != text(contact["organization_name"]) for contact, row in pairs("similar_name"))
    assert all(contact["is_deleted"] for contact, _ in pairs("trashed"))
    assert all(civicrm.by_key[row["Civi ID"]]["is_deleted"] for _, row in pairs("merged"))
    assert all(contact["id"] not in civicrm.emails for contact, _ in pairs("blank_in_civicrm"))
    assert all(row["Enrolled workers"] > civicrm.roster[contact["id"]] for contact, row in pairs("head_count_above_roster"))
    assert all(civicrm.picked(contact["id"])[0] == "Expired" for contact, _ in pairs("lapsed_but_enrolled"))
    assert all(row["Status"] == "Enrolled" for _, row in pairs("lapsed_but_enrolled") + pairs("pending_and_enrolled"))
    twins = Counter(row["Civi ID"] for _, row in pairs("duplicate_in_airtable"))
    assert {*twins.values()} == {2}
    names = Counter(contact["organization_name"] for contact, _ in pairs("duplicate_in_civicrm"))
    assert {*names.values()} == {2}


def test_keys_that_disagree_point_to_two_co_ops(federation: Federation, civicrm: Civicrm) -> None:
    [planted] = federation.truth["groups.keys_disagree"]
    row = federation.airtable["Groups"][planted.airtable]
    organizations = {key: text(each.get("organization_name")) for key, each in civicrm.by_key.items() if key[0] == "C"}
    named = {key for key, name in organizations.items() if name == row["Group name"]}
    assert str(civicrm.by_key[row["Civi ID"]]["id"]) == planted.civicrm
    assert len(named) == 1
    assert row["Civi ID"] not in named


def test_coverage_that_should_have_ended_is_there(federation: Federation, civicrm: Civicrm) -> None:
    rows = federation.airtable["Enrollees"]
    ended = [rows[each.airtable] for each in federation.truth["enrollees.coverage_after_end"]]
    assert all(each["Coverage status"] == "Active" and each["End date"] < TODAY.isoformat() for each in ended)
    left = [rows[each.airtable] for each in federation.truth["enrollees.active_in_terminated_group"]]
    assert all(federation.airtable["Groups"][each["Group"][0]]["Status"] == "Terminated" for each in left)
    alone = [civicrm.contacts[each.civicrm] for each in federation.truth["enrollees.without_employer"]]
    assert all("employer_id" not in each for each in alone)
    assert ended
    assert left
    assert alone


def test_families_share_an_address(federation: Federation, civicrm: Civicrm) -> None:
    used = Counter(civicrm.emails.values())
    kin = [civicrm.contacts[each.civicrm] for each in federation.truth["enrollees.shared_email"]]
    assert kin
    assert all(used[civicrm.emails[each["id"]]] > 1 for each in kin)


def test_nobody_real_can_be_reached(federation: Federation) -> None:
    assert all(row["email"].endswith(".example") for row in federation.civicrm["Email"])
    assert all(phone(row["phone"])[3:8] == "55501" for row in federation.civicrm["Phone"])


def test_the_same_things_are_written_in_many_ways(federation: Federation) -> None:
    rows = [*federation.airtable["Groups"].values(), *federation.airtable["Enrollees"].values()]
    phones = [row["Phone"] for row in rows if row["Phone"]]
    assert len({"".join("9" if each.isdigit() else each for each in number) for number in phones}) >= 6
    names = [row.get("Group name") or row["First name"] for row in rows]
    assert any(not unicodedata.is_normalized("NFC", each) for each in names)
    assert any("&amp;" in row.get("organization_name", "") for row in federation.civicrm["Contact"])


def test_hostile_names_stand_on_both_sides(federation: Federation, civicrm: Civicrm) -> None:
    for planted in federation.truth["groups.hostile_name"]:
        contact = civicrm.contacts[planted.civicrm]
        row = federation.airtable["Groups"].get(planted.airtable, {})
        assert text(row["Group name"]) == text(contact["organization_name"])
        assert any(each in contact["organization_name"] for each in "<=@*")


def test_every_option_is_one_of_civicrms(federation: Federation) -> None:
    known = {option[1] for option in OPTIONS["benefits_plans"]}
    assert known == {*PLANS}
    assert {option[1] for option in OPTIONS["benefits_enrolment_status"]} == {*STATUSES}
    assert {option[1] for option in OPTIONS["coverage_status"]} == {*COVERAGE}


def test_it_loads_into_both_systems(federation: Federation) -> None:
    civicrm, airtable = CiviCRM(), Airtable()
    federation.fill_civicrm(civicrm)
    federation.fill_airtable(airtable)
    assert {*airtable.rows(BASE, "Groups")} == {*federation.airtable["Groups"]}
    planted = federation.truth["enrollees.missing_key"][0]
    shown = airtable.row(BASE, "Enrollees", planted.airtable)
    assert "Civi ID" not in shown
    assert airtable.row(BASE, "Groups", shown["Group"][0])["Enrollees"]
    assert airtable.rows(BASE, "Discrepancies") == {}
