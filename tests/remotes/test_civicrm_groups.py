"""The groups of a contact as one set: joined by Added, left by Removed, and no row is ever deleted or doubled."""

from collections.abc import Iterator

import pytest

from bridge import retry
from bridge.civicrm.remote import CivicrmRemote
from bridge.core.mapping import CivicrmSource, FieldType, Related
from bridge.core.plan import Written
from bridge.core.record import Json, Row
from bridge.core.sight import Option
from bridge.sandbox.civicrm import CiviCRM
from bridge.sandbox.http import Server
from remotes.civicrm_site import ARROYO, BEACON, close_all, coops_mapping, coops_site, remote_to, update

FOOD, PRINT, OTHER = 11, 12, 13
CAUCUSES = Related(
    alias="caucuses",
    entity="GroupContact",
    by="contact_id",
    where=(["status", "=", "Added"], ["group_id:name", "IN", ["food", "print"]]),
    set="group_id:name",
)


@pytest.fixture(autouse=True)
def _fast_and_tidy() -> Iterator[None]:
    with retry.no_waits():
        yield
    close_all()


@pytest.fixture(params=["6.17", "5.78"])
def site(request: pytest.FixtureRequest) -> CiviCRM:
    site = coops_site(request.param)
    groups = {FOOD: "food", PRINT: "print", OTHER: "newsletter"}
    site.load("Group", [{"id": id_, "name": name, "title": name.title(), "is_active": True} for id_, name in groups.items()])
    rows = [
        (1, ARROYO, FOOD, "Added"),
        (2, ARROYO, PRINT, "Removed"),
        (3, ARROYO, OTHER, "Added"),
        (4, BEACON, PRINT, "Pending"),
    ]
    site.load("GroupContact", [{"id": id_, "contact_id": int(of), "group_id": to, "status": how} for id_, of, to, how in rows])
    return site


@pytest.fixture
def remote(site: CiviCRM) -> Iterator[CivicrmRemote]:
    source = CivicrmSource(
        entity="Organization", where=(["contact_sub_type", "CONTAINS", "Worker_Cooperative"],), related={"caucuses": CAUCUSES}
    )
    paths = {"name": ("organization_name", FieldType.ORGANIZATION), "caucuses": ("caucuses", FieldType.CHOICES)}
    with Server(site) as server:
        made = remote_to(server, coops_mapping(source, paths))
        made.sight({})
        yield made


def row_of(remote: CivicrmRemote, id_: str) -> Row:
    row = remote.read([id_])[id_].row
    assert row is not None
    return row


def set_to(remote: CivicrmRemote, id_: str, *groups: Json) -> Written:
    (outcome,) = remote.apply([update(row_of(remote, id_), caucuses=("caucuses", list(groups)))])
    if outcome.written is Written.DONE:
        assert outcome.row is not None
        assert outcome.row.values["caucuses"] == sorted(map(str, groups))
    return outcome.written


def statuses(site: CiviCRM, id_: str) -> dict[int, str]:
    rows = site.site.rows["GroupContact"].rows_where("contact_id", int(id_))
    found = [(row["group_id"], row["status"]) for row in rows]
    assert len(found) == len(dict(found)), "one row for each group"
    return dict(found)


def test_only_the_groups_that_the_mapping_names_are_seen(remote: CivicrmRemote) -> None:
    assert row_of(remote, ARROYO).values["caucuses"] == ["food"]
    assert row_of(remote, BEACON).values["caucuses"] == []
    pulled = {row.id: row.values["caucuses"] for row in remote.pull().rows}
    assert pulled[ARROYO] == ["food"]
    sight = remote.sight({}).fields["caucuses"]
    assert sight.writable
    assert sight.options == (Option(id=str(FOOD), name="food"), Option(id=str(PRINT), name="print"))


def test_who_left_comes_back_by_the_same_row(site: CiviCRM, remote: CivicrmRemote) -> None:
    assert set_to(remote, ARROYO, "food", "print") is Written.DONE
    assert statuses(site, ARROYO) == {FOOD: "Added", PRINT: "Added", OTHER: "Added"}
    assert set_to(remote, BEACON, "food", "print") is Written.DONE
    assert statuses(site, BEACON) == {FOOD: "Added", PRINT: "Added"}


def test_who_leaves_is_removed_and_not_deleted_and_other_groups_are_left_alone(site: CiviCRM, remote: CivicrmRemote) -> None:
    assert set_to(remote, ARROYO, "print") is Written.DONE
    assert statuses(site, ARROYO) == {FOOD: "Removed", PRINT: "Added", OTHER: "Added"}


def test_a_list_that_somebody_changed_meanwhile_is_not_written(site: CiviCRM, remote: CivicrmRemote) -> None:
    change = update(row_of(remote, ARROYO), caucuses=("caucuses", ["food", "print"]))
    site.staff_update("GroupContact", 1, {"status": "Removed"})
    (outcome,) = remote.apply([change])
    assert outcome.written is Written.STALE
    assert statuses(site, ARROYO) == {FOOD: "Removed", PRINT: "Removed", OTHER: "Added"}


def test_a_group_that_the_mapping_does_not_name_is_refused(site: CiviCRM, remote: CivicrmRemote) -> None:
    assert set_to(remote, ARROYO, "food", "newsletters") is Written.REFUSED
    assert statuses(site, ARROYO)[FOOD] == "Added"
