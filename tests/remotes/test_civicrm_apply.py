"""Writing to CiviCRM: preconditions, refusals before anything is sent, memberships, lost answers."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest

from bridge import retry
from bridge.civicrm.changes import same
from bridge.civicrm.remote import CivicrmRemote
from bridge.core.mapping import CivicrmSource, ExactMatch, FieldType, Key
from bridge.core.plan import Change, Written
from bridge.core.record import Json, PerSide, Row
from bridge.core.sight import Whereabouts
from bridge.ports import Outcome
from bridge.sandbox.civicrm import CiviCRM
from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.http import Response, Server
from remotes.civicrm_site import (
    ARROYO,
    BEACON,
    CEDAR,
    PENDING,
    Meddled,
    a_cell,
    close_all,
    coops_mapping,
    coops_site,
    create,
    remote_to,
    update,
)

NAME = ("organization_name", "Arroyo Panadería")


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


@pytest.fixture
def remote(server: Server) -> CivicrmRemote:
    made = remote_to(server)
    made.sight({})
    return made


def row_of(remote: CivicrmRemote, id_: str) -> Row:
    row = remote.read([id_])[id_].row
    assert row is not None
    return row


def apply_one(remote: CivicrmRemote, change: Change) -> Outcome:
    (outcome,) = remote.apply([change])
    return outcome


def stored(site: CiviCRM, id_: str) -> dict[str, Any]:
    return site.row("Contact", int(id_))


# ── a write that goes through ──


def test_a_change_is_written_and_read_back(remote: CivicrmRemote, site: CiviCRM) -> None:
    change = update(
        row_of(remote, ARROYO),
        name=NAME,
        status=("Benefits.Status:name", "terminated"),
        plans=("Benefits.Plans", ["vision"]),
        effective=("Benefits.Effective_Date", "2026-02-01"),
        email=("email_primary.email", "new@arroyo.example"),
    )
    outcome = apply_one(remote, change)
    assert outcome.written is Written.DONE
    assert outcome.row is not None
    assert {cell.path: outcome.row.values[cell.path] for cell in change.cells} == {
        cell.path: cell.after_raw for cell in change.cells
    }
    assert stored(site, ARROYO)["organization_name"] == "Arroyo Panadería"


def test_a_batch_takes_two_requests_and_creates_one_more(remote: CivicrmRemote, server: Server) -> None:
    changes = [update(row_of(remote, id_), name=("organization_name", f"Co-op {id_}")) for id_ in (ARROYO, BEACON, CEDAR)]
    server.forget_requests()
    assert {outcome.written for outcome in remote.apply(changes)} == {Written.DONE}
    assert len(server.requests) == remote.calls_for(changes) == 2
    changes.append(create(name=("organization_name", "Delta"), sub=("contact_sub_type", ["Worker_Cooperative"])))
    assert remote.calls_for(changes) == 3
    assert remote.calls_for([]) == 0


def test_a_blank_is_written_over_a_value_and_a_value_over_a_blank(remote: CivicrmRemote, site: CiviCRM) -> None:
    cleared = update(row_of(remote, ARROYO), effective=("Benefits.Effective_Date", None), plans=("Benefits.Plans", None))
    filled = update(
        row_of(remote, CEDAR), effective=("Benefits.Effective_Date", "2026-05-01"), plans=("Benefits.Plans", ["dental_basic"])
    )
    assert [outcome.written for outcome in remote.apply([cleared, filled])] == [Written.DONE, Written.DONE]
    assert not stored(site, ARROYO).get("Benefits.Effective_Date")
    assert stored(site, CEDAR)["Benefits.Plans"] == ["dental_basic"]


def test_an_email_is_made_where_there_is_none(remote: CivicrmRemote) -> None:
    outcome = apply_one(remote, update(row_of(remote, CEDAR), email=("email_primary.email", "hi@cedar.example")))
    assert outcome.written is Written.DONE
    assert outcome.row is not None
    assert outcome.row.values["email_primary.email"] == "hi@cedar.example"


def test_a_state_is_looked_up_in_its_country_and_not_in_any(remote: CivicrmRemote) -> None:
    outcome = apply_one(remote, update(row_of(remote, CEDAR), state=("address_primary.state_province_id:abbr", "CA")))
    assert outcome.written is Written.DONE
    assert outcome.row is not None
    assert outcome.row.values["address_primary.state_province_id:abbr"] == "CA"


def test_a_new_record_is_made_inside_its_scope_and_read_back(remote: CivicrmRemote, site: CiviCRM) -> None:
    outcome = apply_one(
        remote,
        create(
            name=("organization_name", "Delta Farms"),
            key=("external_identifier", "USWC-4"),
            email=("email_primary.email", "hi@delta.example"),
            sub=("contact_sub_type", ["Worker_Cooperative"]),
        ),
    )
    assert outcome.written is Written.DONE
    assert outcome.row is not None
    assert outcome.row.values["organization_name"] == "Delta Farms"
    assert outcome.row.id in {row.id for row in remote.pull().rows}
    assert stored(site, outcome.row.id)["contact_type"] == "Organization"


# ── preconditions ──


@pytest.mark.parametrize("moved_to", ["Arroyo Bread", "ARROYO BAKERY", "Arróyo Bakery"])
def test_a_cell_that_moved_since_the_pull_is_not_overwritten(remote: CivicrmRemote, site: CiviCRM, moved_to: str) -> None:
    change = update(row_of(remote, ARROYO), name=NAME)
    site.staff_update("Contact", 8, {"organization_name": moved_to})
    outcome = apply_one(remote, change)
    assert outcome.written is Written.STALE
    assert outcome.row is not None
    assert outcome.row.values["organization_name"] == moved_to
    assert stored(site, ARROYO)["organization_name"] == moved_to


def test_a_set_that_grew_since_the_pull_is_not_overwritten(remote: CivicrmRemote, site: CiviCRM) -> None:
    change = update(row_of(remote, ARROYO), plans=("Benefits.Plans", ["dental_basic"]))
    site.staff_update("Contact", 8, {"Benefits.Plans": ["dental_basic", "vision", "dental_plus"]})
    assert apply_one(remote, change).written is Written.STALE


def test_an_edit_between_the_check_and_the_write_is_not_overwritten(site: CiviCRM) -> None:
    checks: list[str] = []

    def edit_after_the_check(route: str, response: Response) -> Response:
        checks.extend([route] if route.startswith("Organization/get,") else [])
        if len(checks) == 2:  # the first one was this test's own read
            site.staff_update("Contact", 8, {"organization_name": "Edited just now"})
        return response

    with Server(Meddled(site, edit_after_the_check)) as server:
        remote = remote_to(server)
        remote.sight({})
        checks.clear()
        outcome = apply_one(remote, update(row_of(remote, ARROYO), name=NAME))
    assert outcome.written is Written.STALE
    assert "between the check and the write" in outcome.reason
    assert outcome.row is not None
    assert outcome.row.values["organization_name"] == "Edited just now"


@pytest.mark.parametrize("name", ["Cedar <Care> & Co", 'Cedar "Quote" \\ % _', "Cedar 🐝", " Cedar padded ", "Cedar\u0301"])
def test_odd_characters_in_the_old_value_do_not_make_a_write_stale_for_ever(
    remote: CivicrmRemote, site: CiviCRM, name: str
) -> None:
    site.staff_update("Contact", 10, {"organization_name": name})
    outcome = apply_one(remote, update(row_of(remote, CEDAR), name=NAME))
    assert outcome.written is Written.DONE


def test_a_record_in_the_trash_or_gone_is_not_written(remote: CivicrmRemote, site: CiviCRM) -> None:
    changes = [update(row_of(remote, id_), name=NAME) for id_ in (ARROYO, CEDAR)]
    site.trash(8)
    site.staff_delete("Contact", 10)
    outcomes = remote.apply(changes)
    assert [outcome.written for outcome in outcomes] == [Written.STALE, Written.STALE]
    assert stored(site, ARROYO)["organization_name"] == "Arroyo Bakery"


def test_one_refused_change_leaves_the_others_done(remote: CivicrmRemote, site: CiviCRM) -> None:
    taken = update(row_of(remote, BEACON), key=("external_identifier", "uswc-1"))
    fine = update(row_of(remote, ARROYO), name=NAME)
    refused, done = remote.apply([taken, fine])
    assert refused.written is Written.REFUSED
    assert "Error ID" in refused.reason
    assert "uswc-1" not in refused.reason
    assert done.written is Written.DONE
    assert stored(site, BEACON)["external_identifier"] == "USWC-2"


# ── what is never sent ──


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("organization_name", "x" * 129, "128 characters"),
        ("organization_name", "NULL", "the word"),
        ("Benefits.Status:name", "enroled", "no such option"),
        ("Benefits.Plans", ["vision", "massage"], "no such option"),
        ("Benefits.Effective_Date", "2026-02-30", "ISO date"),
        ("Benefits.Effective_Date", "tomorrow", "ISO date"),
        ("email_primary.email", None, "would delete"),
        ("workers", 3, "takes no values"),
        ("membership.status_id.is_current_member", False, "takes no values"),
        ("nick_name", "Arro", "not to be seen"),
        ("membership.end_date", None, "a blank"),
    ],
)
def test_what_civicrm_would_garble_without_an_error_is_refused_and_not_sent(
    remote: CivicrmRemote, server: Server, path: str, value: Json, why: str
) -> None:
    row = row_of(remote, ARROYO)
    server.forget_requests()
    outcome = apply_one(remote, update(row, field=(path, value)))
    assert outcome.written is Written.REFUSED
    assert why in outcome.reason
    assert server.count("update") == 0


def test_an_email_is_deleted_only_where_the_change_clears(remote: CivicrmRemote) -> None:
    row = row_of(remote, ARROYO)
    path = "email_primary.email"
    change = update(row)
    change = dataclasses.replace(change, cells=(a_cell("email", path, row.values[path], None, clears=True),))
    outcome = apply_one(remote, change)
    assert outcome.written is Written.DONE
    assert outcome.row is not None
    assert outcome.row.values[path] is None


def test_a_related_row_is_not_made_with_a_new_record(remote: CivicrmRemote) -> None:
    outcome = apply_one(remote, create(name=NAME, ends=("membership.end_date", "2027-01-01")))
    assert outcome.written is Written.REFUSED
    assert "another record" in outcome.reason


# ── memberships ──


def test_a_note_on_a_membership_leaves_its_status_alone(remote: CivicrmRemote, site: CiviCRM) -> None:
    site.staff_update("Membership", 1, {"status_id:name": "Grace"})  # the dates say Current
    outcome = apply_one(remote, update(row_of(remote, ARROYO), note=("membership.source", "web")))
    assert outcome.written is Written.DONE
    assert outcome.row is not None
    assert outcome.row.values["membership.source"] == "web"
    assert outcome.row.values["membership.status_id:name"] == "Grace"


def test_a_corrected_end_date_moves_the_status_and_the_answer_says_where_to(remote: CivicrmRemote) -> None:
    outcome = apply_one(remote, update(row_of(remote, ARROYO), ends=("membership.end_date", "2026-05-01")))
    assert outcome.written is Written.DONE
    assert outcome.row is not None
    assert outcome.row.values["membership.end_date"] == "2026-05-01"
    assert outcome.row.values["membership.status_id:name"] == "Expired"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"status_id": PENDING}, "pending"),
        ({"status_id:name": "Cancelled"}, "pending, cancelled"),
        ({"is_override": True, "status_id:name": "Current"}, "by hand"),
        ({"owner_membership_id": 2, "status_id:name": "Current"}, "inherited"),
    ],
)
def test_a_membership_that_people_steer_is_protected(
    remote: CivicrmRemote, site: CiviCRM, server: Server, values: dict[str, Any], why: str
) -> None:
    site.staff_update("Membership", 1, values)
    before = site.row("Membership", 1)
    row = row_of(remote, ARROYO)
    server.forget_requests()
    outcome = apply_one(remote, update(row, note=("membership.source", "web")))
    assert (outcome.written, outcome.code) == (Written.REFUSED, 404)
    assert why in outcome.reason
    assert site.row("Membership", 1) == before
    assert server.count("update") == 0


def test_another_membership_picked_meanwhile_is_not_written_in_place_of_the_planned_one(
    remote: CivicrmRemote, site: CiviCRM
) -> None:
    change = update(row_of(remote, ARROYO), note=("membership.source", "web"))
    later = {"contact_id": 8, "membership_type_id": 1, "start_date": "2027-01-01", "status_id": 2, "source": "paper"}
    site.load("Membership", [{**later, "id": 9, "join_date": "2020-01-01", "end_date": "2027-12-31", "is_override": False}])
    assert apply_one(remote, change).written is Written.STALE
    assert site.row("Membership", 9)["source"] == "paper"


def test_memberships_can_be_the_records_themselves(server: Server, site: CiviCRM) -> None:
    paths = {"ends": ("end_date", FieldType.DATE), "source": ("source", FieldType.TEXT)}
    key = Key(at=PerSide("source", "Source"), type=FieldType.IDENTIFIER)
    mapping = coops_mapping(CivicrmSource(entity="Membership"), paths, match=(ExactMatch(keys=(key,)),))
    remote = remote_to(server, mapping)
    site.staff_update("Membership", 1, {"status_id:name": "Grace"})
    rows = {row.id: row for row in remote.pull().rows}
    assert rows.keys() == {"1", "2", "3"}
    done, refused = remote.apply([update(rows["1"], source=("source", "web")), update(rows["2"], source=("source", "web"))])
    assert done.written is Written.DONE
    assert site.row("Membership", 1)["status_id"] == 3
    assert (refused.written, refused.code) == (Written.REFUSED, 404)
    assert remote.read(["99"])["99"].whereabouts is Whereabouts.PURGED


def test_a_change_of_which_a_part_landed_says_so(remote: CivicrmRemote) -> None:
    row = row_of(remote, BEACON)
    outcome = apply_one(remote, update(row, key=("external_identifier", "USWC-1"), note=("membership.source", "web")))
    assert outcome.written is Written.REFUSED
    assert "Other cells of the change were written" in outcome.reason
    assert outcome.landed == ("note",)
    assert outcome.row is not None
    assert outcome.row.values["membership.source"] == "web"


def test_a_change_of_which_a_part_landed_and_that_cannot_be_read_back_is_in_doubt(site: CiviCRM) -> None:
    def unread(route: str, response: Response) -> Response:
        parts = json.loads(response.body)
        return Response.json({**parts, "c2": parts["c1"]}) if route.startswith("Membership/update,") else response

    with Server(Meddled(site, unread)) as server:
        remote = remote_to(server)
        remote.sight({})
        row = row_of(remote, BEACON)
        outcome = apply_one(remote, update(row, key=("external_identifier", "USWC-1"), note=("membership.source", "web")))
    assert (outcome.written, outcome.landed) == (Written.IN_DOUBT, ())
    assert site.row("Membership", 3)["source"] == "web"


# ── answers that do not come ──


@pytest.mark.parametrize("kind", [FaultKind.DROP_AFTER, FaultKind.TRUNCATED_JSON, FaultKind.STATUS_500_HTML])
def test_a_write_whose_answer_is_lost_is_in_doubt_for_every_change_and_sent_once(
    remote: CivicrmRemote, server: Server, kind: FaultKind
) -> None:
    changes = [update(row_of(remote, id_), name=("organization_name", f"Co-op {id_}")) for id_ in (ARROYO, BEACON)]
    server.forget_requests()
    server.faults.add(Fault(kind, "Organization/update"))
    outcomes = remote.apply(changes)
    assert [outcome.written for outcome in outcomes] == [Written.IN_DOUBT, Written.IN_DOUBT]
    assert server.count("Organization/update") == 1


def test_what_was_never_sent_says_so(remote: CivicrmRemote, server: Server, site: CiviCRM) -> None:
    change = update(row_of(remote, ARROYO), name=NAME)
    server.faults.add(Fault(FaultKind.STATUS_500_HTML, "Organization/get", times=None))
    assert apply_one(remote, change).written is Written.NOT_SENT
    server.faults.clear()
    site.in_maintenance = True
    assert apply_one(remote, change).written is Written.NOT_SENT
    assert stored(site, ARROYO)["organization_name"] == "Arroyo Bakery"


def test_a_new_record_that_cannot_be_read_back_is_in_doubt_and_found_again(remote: CivicrmRemote, server: Server) -> None:
    server.faults.add(Fault(FaultKind.STATUS_500_HTML, "Organization/get", times=None))
    change = create(
        name=("organization_name", "Delta Farms"),
        key=("external_identifier", "USWC-4"),
        sub=("contact_sub_type", ["Worker_Cooperative"]),
    )
    assert apply_one(remote, change).written is Written.IN_DOUBT
    server.faults.clear()
    assert len(remote.find({"external_identifier": "USWC-4"})) == 1


def test_a_permission_taken_away_refuses_the_change_alone(server: Server, site: CiviCRM) -> None:
    remote = remote_to(server, coops_mapping(), user="readonly")
    remote._seen = remote_to(server)._view
    outcome = apply_one(remote, update(row_of(remote, ARROYO), name=NAME))
    assert outcome.written in (Written.REFUSED, Written.NOT_SENT)
    assert stored(site, ARROYO)["organization_name"] == "Arroyo Bakery"


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (None, "", True),
        ([], None, True),
        (None, 0, False),
        (["a", "b"], ["b", "a"], True),
        (["a"], ["a", "b"], False),
        (1000, 1000.0, True),
        (True, 1, False),
        ("a", "A", False),
    ],
)
def test_two_wire_values_are_the_same_cell(left: Json, right: Json, equal: bool) -> None:
    assert same(left, right) is equal
