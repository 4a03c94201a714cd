"""A related row that is not there is made by a write to it, where the mapping says `add`: here a phone call on a co-op."""

from collections.abc import Iterator

import pytest

from bridge import retry
from bridge.civicrm.related import Join
from bridge.civicrm.remote import CivicrmRemote
from bridge.core.mapping import CivicrmSource, FieldType, Pick, Related
from bridge.core.plan import Written
from bridge.core.record import Row
from bridge.sandbox.civicrm import CiviCRM
from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.http import Server
from remotes.civicrm_site import ARROYO, BEACON, close_all, coops_mapping, coops_site, remote_to, update

SYNCBOT, CALL = 4, 2
DETAILS = "call.details"


def call(*, add: bool = True) -> Related:
    where = (["activity_type_id:name", "=", "Phone Call"], ["subject", "=", "Open enrollment"])
    return Related(
        alias="call", entity="Activity", by="target_contact_id", where=where, pick=Pick(latest="activity_date_time"), add=add
    )


def remote_with(server: Server, related: Related) -> CivicrmRemote:
    source = CivicrmSource(
        entity="Organization", where=(["contact_sub_type", "CONTAINS", "Worker_Cooperative"],), related={"call": related}
    )
    paths = {"name": ("organization_name", FieldType.ORGANIZATION), "notes": (DETAILS, FieldType.LONG_TEXT)}
    remote = remote_to(server, coops_mapping(source, paths))
    remote.sight({})
    return remote


@pytest.fixture(autouse=True)
def _fast_and_tidy() -> Iterator[None]:
    with retry.no_waits():
        yield
    close_all()


@pytest.fixture(params=["6.17", "5.78"])
def site(request: pytest.FixtureRequest) -> CiviCRM:
    return coops_site(request.param)


@pytest.fixture
def server(site: CiviCRM) -> Iterator[Server]:
    with Server(site) as running:
        yield running


def row_of(remote: CivicrmRemote, id_: str) -> Row:
    row = remote.read([id_])[id_].row
    assert row is not None
    return row


def calls_of(site: CiviCRM) -> list[tuple[int, list[int], str, str]]:
    rows = site.site.rows["Activity"].rows.values()
    return [(row["source_contact_id"], row["target_contact_id"], row["subject"], row["details"]) for row in rows]


def test_the_row_is_made_with_what_the_conditions_demand_and_read_back(site: CiviCRM, server: Server) -> None:
    remote = remote_with(server, call())
    (outcome,) = remote.apply([update(row_of(remote, ARROYO), notes=(DETAILS, "Renews."))])
    assert outcome.written is Written.DONE
    assert outcome.row is not None
    assert outcome.row.values[DETAILS] == "Renews."
    assert calls_of(site) == [(SYNCBOT, [int(ARROYO)], "Open enrollment", "Renews.")]
    assert row_of(remote, BEACON).values[DETAILS] is None


def test_a_second_write_changes_the_row_that_is_there(site: CiviCRM, server: Server) -> None:
    remote = remote_with(server, call())
    remote.apply([update(row_of(remote, ARROYO), notes=(DETAILS, "Renews."))])
    (outcome,) = remote.apply([update(row_of(remote, ARROYO), notes=(DETAILS, "Declined."))])
    assert outcome.written is Written.DONE
    assert [details for *_, details in calls_of(site)] == ["Declined."]


def test_one_that_somebody_made_meanwhile_is_not_doubled(site: CiviCRM, server: Server) -> None:
    remote = remote_with(server, call())
    change = update(row_of(remote, ARROYO), notes=(DETAILS, "Renews."))
    site.staff_create(
        "Activity",
        {"source_contact_id": 2, "target_contact_id": [int(ARROYO)], "activity_type_id": CALL, "subject": "Open enrollment"},
    )
    (outcome,) = remote.apply([change])
    assert outcome.written is Written.STALE
    assert len(calls_of_ids(site)) == 1


def calls_of_ids(site: CiviCRM) -> list[int]:
    return [*site.site.rows["Activity"].rows]


def test_an_answer_that_was_lost_leaves_one_row_and_a_doubt(site: CiviCRM, server: Server) -> None:
    remote = remote_with(server, call())
    change = update(row_of(remote, ARROYO), notes=(DETAILS, "Renews."))
    server.faults.add(Fault(FaultKind.DROP_AFTER, match="Activity/create"))
    (outcome,) = remote.apply([change])
    assert outcome.written is Written.IN_DOUBT
    assert row_of(remote, ARROYO).values[DETAILS] == "Renews."
    assert len(calls_of_ids(site)) == 1


def test_without_add_nothing_is_made(site: CiviCRM, server: Server) -> None:
    remote = remote_with(server, call(add=False))
    (outcome,) = remote.apply([update(row_of(remote, ARROYO), notes=(DETAILS, "Renews."))])
    assert outcome.written is Written.REFUSED
    assert calls_of_ids(site) == []


def test_ids_told_as_texts_are_ids() -> None:
    """5.78 tells the contacts of an activity as texts, 6.17 as numbers; none is told as null."""
    rows = [
        {"id": 1, "target_contact_id": ["8", "9"]},
        {"id": 2, "target_contact_id": [8]},
        {"id": 3, "target_contact_id": None},
    ]
    grouped = Join(call(), ("details",)).group(rows)
    assert {whose: [row["id"] for row in found] for whose, found in grouped.items()} == {"8": [1, 2], "9": [1]}
