"""What a delta brings of CiviCRM: contacts by their date, and of all others what may change without moving any."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator

import pytest

from bridge import retry
from bridge.core.mapping import CivicrmSource, FieldType, Pick, Related
from bridge.core.record import Json
from bridge.ports import Pulled
from bridge.sandbox.civicrm import CiviCRM
from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.http import Server
from remotes.civicrm_site import ARROYO, BEACON, CEDAR, COOPS, NOW, PATHS, close_all, coops_mapping, coops_site, remote_to

HOUR = dt.timedelta(hours=1)
OWN = CivicrmSource(entity="Organization", where=COOPS.where)
EMAILS = Related(alias="mail", entity="Email", by="contact_id", pick=Pick(prefer={"is_primary": (True,)}))


@pytest.fixture(autouse=True)
def _fast_and_tidy() -> Iterator[None]:
    with retry.no_waits():
        yield
    close_all()


@pytest.fixture(params=["6.17", "5.78"])
def site(request: pytest.FixtureRequest) -> CiviCRM:
    """Where nobody has edited anything for a day."""
    made = coops_site(request.param)
    for contact in made.site.rows["Contact"].rows.values():
        contact["modified_date"] = "2026-11-20 12:00:00"
    return made


@pytest.fixture
def server(site: CiviCRM) -> Iterator[Server]:
    with Server(site) as running:
        yield running


TOGETHER = "Organization/get,Organization/get,Contribution/get,Membership/get,Individual/get"
"""The contacts that were modified, and what moves no date: the first page of each, in one request."""


def glimpsed(pulled: Pulled, *ids: str) -> dict[str, dict[str, Json] | None]:
    return {id_: None if (seen := pulled.glimpse(id_)) is None else dict(seen) for id_ in ids}


def routes(server: Server) -> Counter[str]:
    return Counter(each.route for each in server.requests if each.route.endswith("/get"))


def test_a_delta_of_which_nothing_was_edited_brings_nobody_and_glimpses_all_that_has_no_date(server: Server) -> None:
    remote = remote_to(server)
    whole = remote.pull()
    server.forget_requests()
    pulled = remote.pull(since=NOW)
    assert (pulled.whole, pulled.complete, pulled.rows) == (False, True, ())
    assert pulled.undated == {
        path for path, _ in PATHS.values() if path.startswith(("Benefits", "membership", "workers", "dues"))
    }
    told = {row.id: {path: row.values[path] for path in pulled.undated} for row in whole.rows}
    assert glimpsed(pulled, ARROYO, BEACON, CEDAR) == told
    assert pulled.glimpse("13") is None, "it is in no mapping's scope"
    assert whole.undated == pulled.undated
    assert routes(server) == {TOGETHER: 1}


def test_a_site_that_does_not_bear_the_pages_of_a_delta_in_one_request_is_asked_for_each(server: Server) -> None:
    remote = remote_to(server)
    told = remote.pull(since=NOW)
    server.faults.add(Fault(FaultKind.STATUS_500_HTML, TOGETHER))
    server.forget_requests()
    for _ in range(2):
        pulled = remote.pull(since=NOW)
        assert pulled.complete
        assert pulled.glimpse(ARROYO) == told.glimpse(ARROYO)
    alone = {"Organization/get": 4, "Membership/get": 2, "Individual/get": 2, "Contribution/get": 2}
    assert routes(server) == {TOGETHER: 1, **alone}


def test_a_delta_of_several_pages_asks_for_the_rest_of_them(server: Server, site: CiviCRM) -> None:
    site.load("Contact", [{"id": id_, "contact_type": "Individual", "employer_id": 8} for id_ in range(100, 170)])
    pulled = remote_to(server, page_size=50).pull(since=NOW - HOUR * 40)
    assert (pulled.glimpse(ARROYO) or {})["workers"] == 72
    assert len(pulled.rows) == 3
    assert pulled.complete


def test_what_moves_no_date_shows_in_the_glimpse(server: Server, site: CiviCRM) -> None:
    site.site.custom_triggers = False
    site.staff_update("Membership", 1, {"end_date": "2027-06-30", "status_id:name": "Current"})
    site.staff_delete("Membership", 2)
    site.staff_update("Contact", 10, {"Benefits.Status:name": "enrolled"})
    pulled = remote_to(server).pull(since=NOW)
    assert pulled.rows == ()
    seen = glimpsed(pulled, ARROYO, BEACON, CEDAR)
    assert {(seen[id_] or {})["membership.end_date"] for id_ in seen} == {"2027-06-30", "2026-12-31", None}
    assert (seen[CEDAR] or {})["Benefits.Status:name"] == "enrolled"


@pytest.mark.parametrize("entity", ["Email", "Phone", "Address"])
def test_a_contact_whose_email_phone_or_address_was_taken_away_is_brought(server: Server, site: CiviCRM, entity: str) -> None:
    for contact in (8, 10):
        site.load(entity, [{"id": 70 + contact, "contact_id": contact, "is_primary": contact == 10}])
    site.staff_delete(entity, 80)
    assert [row.id for row in remote_to(server).pull(since=NOW).rows] == [CEDAR]


def test_a_contact_in_the_delta_comes_with_its_related_rows(server: Server, site: CiviCRM) -> None:
    site.staff_update("Contact", 9, {"nick_name": "The Beacon"})
    remote = remote_to(server)
    whole = {row.id: row for row in remote.pull().rows}
    [row] = remote.pull(since=NOW).rows
    assert row == whole[BEACON]


def test_related_emails_move_the_date_and_are_read_of_those_in_the_delta_only(server: Server, site: CiviCRM) -> None:
    source = CivicrmSource(entity="Organization", where=COOPS.where, related={"mail": EMAILS})
    remote = remote_to(server, coops_mapping(source, {"mail": ("mail.email", FieldType.EMAIL)}))
    remote.sight({})
    server.forget_requests()
    pulled = remote.pull(since=NOW)
    assert (pulled.rows, pulled.undated) == ((), frozenset())
    assert [each.route for each in server.requests] == ["Organization/get"]
    assert pulled.glimpse(ARROYO) == {}
    site.staff_update("Email", 1, {"email": "hello@arroyo.example"})
    [row] = remote.pull(since=NOW).rows
    assert (row.id, row.values["mail.email"]) == (ARROYO, "hello@arroyo.example")


def test_what_is_joined_from_elsewhere_is_glimpsed(server: Server, site: CiviCRM) -> None:
    mapping = coops_mapping(CivicrmSource(entity="Individual"), {"employer": ("employer_id.legal_name", FieldType.TEXT)})
    site.staff_update("Contact", 8, {"legal_name": "Arroyo Bakery Inc"})
    pulled = remote_to(server, mapping).pull(since=NOW)
    assert pulled.rows == ()
    assert pulled.glimpse("11") == {"employer_id.legal_name": "Arroyo Bakery Inc"}


def test_memberships_have_no_date_and_are_pulled_whole(server: Server) -> None:
    mapping = coops_mapping(CivicrmSource(entity="Membership"), {"ends": ("end_date", FieldType.DATE)}, match=())
    pulled = remote_to(server, mapping).pull(since=NOW)
    assert pulled.whole
    assert pulled.undated >= pulled.rows[0].values.keys()


@pytest.mark.parametrize(
    "ahead", [dt.timedelta(minutes=5), dt.timedelta(minutes=-5), -3 * HOUR, dt.timedelta(hours=1, minutes=20)]
)
def test_a_delta_goes_by_the_clock_of_the_site(server: Server, site: CiviCRM, ahead: dt.timedelta) -> None:
    """Whatever the site's clock says, what is edited after a pull is later than that pull by the same clock."""
    site.site.clock._now = lambda: NOW + ahead - dt.timedelta(hours=2)
    before = remote_to(server).pull().pulled_at
    site.site.clock._now = lambda: NOW + ahead
    site.staff_update("Contact", 9, {"nick_name": "The Beacon"})
    pulled = remote_to(server).pull(since=before)
    assert [row.id for row in pulled.rows] == [BEACON]
    assert not pulled.whole


def test_a_site_that_set_its_clock_back_is_pulled_whole(server: Server, site: CiviCRM) -> None:
    before = remote_to(server).pull().pulled_at
    site.site.clock._now = lambda: NOW - dt.timedelta(minutes=3)
    assert remote_to(server).pull(since=before).whole
