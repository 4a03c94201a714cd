"""The CiviCRM remote over real sockets: what it sees, pulls and finds on a site that answers as the recorded ones do."""

import dataclasses
import datetime as dt
import json
from collections.abc import Iterator

import pytest

from bridge import retry
from bridge.civicrm.view import zone_name
from bridge.core.mapping import CivicrmSource, FieldType, Mode, Unmatched
from bridge.core.record import PerSide
from bridge.core.sight import Fault as Drifted
from bridge.core.sight import Whereabouts
from bridge.errors import AuthRejected, Unavailable, UnexpectedAnswer
from bridge.sandbox.civicrm import CiviCRM
from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.federation import found_federation
from bridge.sandbox.http import Response, Server
from remotes.civicrm_site import (
    ARROYO,
    BEACON,
    CEDAR,
    COOPS,
    NOW,
    PATHS,
    Meddled,
    close_all,
    coops_mapping,
    coops_site,
    remote_to,
)

OWN = CivicrmSource(entity="Organization", where=COOPS.where)
OWN_PATHS = {name: each for name, each in PATHS.items() if not each[0].startswith(("membership", "workers", "dues"))}


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


# ── sight ──


def test_sight_proves_who_we_are_and_finds_every_mapped_path(server: Server) -> None:
    sight = remote_to(server).sight({})
    assert sight.identity == "contact 4"
    assert sight.drift == ()
    assert sight.fields.keys() == {path for path, _ in PATHS.values()} | {"external_identifier"}
    assert sight.timezone == "America/New_York"
    assert "status_id:name" not in sight.names
    assert "membership.status_id:name" in sight.names
    assert "email_primary.email" in sight.names


def test_sight_tells_type_options_length_and_what_may_be_written(server: Server) -> None:
    fields = remote_to(server).sight({}).fields
    assert {path: each.kind for path, each in fields.items()}["Benefits.Plans"] == "String[]"
    assert "enrolled" in {option.name for option in fields["Benefits.Status:name"].options or ()}
    assert "Pending" in {option.name for option in fields["membership.status_id:name"].options or ()}
    assert fields["organization_name"].max_length == 128
    assert fields["external_identifier"].max_length == 64
    writable = {path for path, each in fields.items() if each.writable}
    assert writable == fields.keys() - {"workers", "dues_open", "membership.status_id.is_current_member"}


def test_a_clock_that_disagrees_with_the_mapping_gives_a_fixed_zone(server: Server) -> None:
    assert remote_to(server, coops_mapping(timezone="Asia/Tokyo")).sight({}).timezone == "Etc/GMT+5"


def test_clocks_that_no_time_zone_sets_apart_are_told_as_wrong() -> None:
    """A machine whose clock was a day ahead ended in a traceback about `Etc/GMT+29`."""
    now = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
    assert zone_name(dt.timedelta(hours=14), "UTC", now) == "Etc/GMT-14"
    assert zone_name(dt.timedelta(hours=-12), "UTC", now) == "Etc/GMT+12"
    for hours in (-29, -13, 15):
        with pytest.raises(UnexpectedAnswer, match=f"says 2026-11-22 12:00 UTC, are {abs(hours)} hours apart"):
            zone_name(dt.timedelta(hours=hours), "UTC", now)


def test_a_path_that_leads_nowhere_is_gone_and_never_read_as_blank(server: Server) -> None:
    paths = {**PATHS, "ghost": ("Benefits.Ghost", FieldType.TEXT), "typo": ("membership.end_dat", FieldType.DATE)}
    remote = remote_to(server, coops_mapping(paths=paths))
    gone = {each.path for each in remote.sight({}).drift if each.fault is Drifted.GONE and each.freezes}
    assert gone == {"Benefits.Ghost", "membership.end_dat"}
    assert "Benefits.Ghost" not in remote.pull().rows[0].values


def test_a_field_taken_away_and_options_dropped_or_added_since_the_pins_are_told(server: Server, site: CiviCRM) -> None:
    pins = remote_to(server).sight({}).fields
    site.remove_custom_field("Benefits.Effective_Date")
    site.drop_option("Benefits.Status", "enrolled")
    pins = {**pins, "Benefits.Plans": dataclasses.replace(pins["Benefits.Plans"], kind="String", options=None)}
    found = {(each.path, each.fault) for each in remote_to(server).sight(pins).drift}
    assert found == {
        ("Benefits.Effective_Date", Drifted.GONE),
        ("Benefits.Status:name", Drifted.OPTION_GONE),
        ("Benefits.Plans", Drifted.RETYPED),
    }


def test_custom_data_the_account_may_not_see_is_gone_and_not_blank(server: Server) -> None:
    gone = {each.path for each in remote_to(server, user="nocustom").sight({}).drift}
    assert gone >= {"Benefits.Status:name", "Benefits.Plans", "Benefits.Effective_Date"}


def test_an_account_that_may_not_read_or_write_what_the_mapping_needs_is_rejected(server: Server) -> None:
    with pytest.raises(AuthRejected, match="Contribution"):
        remote_to(server, user="minimal").sight({})
    with pytest.raises(AuthRejected, match="update Membership"):
        remote_to(server, user="readonly").sight({})
    for unmatched in (Unmatched.CREATE, Unmatched.REPORT):
        mapping = coops_mapping(OWN, OWN_PATHS, unmatched=PerSide(Unmatched.IGNORE, unmatched))
        with pytest.raises(AuthRejected, match=r"(create|update) Organization"):
            remote_to(server, mapping, user="readonly").sight({})
    assert remote_to(server, coops_mapping(mode=Mode.OBSERVE), user="readonly").sight({}).identity == "contact 3"


# ── pull ──


def test_a_pull_brings_every_co_op_in_scope_with_its_related_values(server: Server) -> None:
    remote = remote_to(server)
    told: list[tuple[str, int, int | None]] = []
    pulled = remote.pull(lambda *step: told.append(step))
    assert pulled.complete
    assert pulled.whole
    assert pulled.note == ""
    rows = {row.id: row for row in pulled.rows}
    assert rows.keys() == {ARROYO, BEACON, CEDAR}
    assert rows[ARROYO].values == {
        "organization_name": "Arroyo Bakery",
        "external_identifier": "USWC-1",
        "email_primary.email": "hi@arroyo.example",
        "address_primary.state_province_id:abbr": None,
        "Benefits.Status:name": "enrolled",
        "Benefits.Plans": ["dental_basic", "vision"],
        "Benefits.Effective_Date": "2026-01-01",
        "membership.status_id:name": "Current",
        "membership.end_date": "2026-12-31",
        "membership.source": "paper",
        "membership.status_id.is_current_member": True,
        "workers": 2,
        "dues_open": "0",
    }
    assert ("CiviCRM Organization", 3, 3) in told


def test_the_current_membership_is_picked_before_a_later_one_and_dues_are_summed_exactly(server: Server) -> None:
    row = next(row for row in remote_to(server).pull().rows if row.id == BEACON)
    assert row.values["membership.end_date"] == "2026-12-31"
    assert row.values["dues_open"] == "312.8"
    assert row.values["workers"] == 0
    kept = row.extra["membership"]
    assert isinstance(kept, dict)
    assert (kept["id"], kept["status_id:name"], kept["owner_membership_id"]) == (3, "Current", None)


def test_a_co_op_without_a_membership_has_blanks_there(server: Server) -> None:
    row = next(row for row in remote_to(server).pull().rows if row.id == CEDAR)
    assert row.values["membership.status_id:name"] is None
    assert row.values["organization_name"] == "Cedar <Care> & Co"
    assert "membership" not in row.extra


def test_pages_follow_each_other_by_id(server: Server) -> None:
    pulled = remote_to(server, page_size=1).pull()
    assert [row.id for row in pulled.rows] == [ARROYO, BEACON, CEDAR]
    assert pulled.complete


@pytest.mark.parametrize("kind", [FaultKind.STATUS_500_HTML, FaultKind.DROP_BEFORE])
def test_a_page_the_server_gives_up_on_is_asked_for_smaller(server: Server, kind: FaultKind) -> None:
    remote = remote_to(server, page_size=100)
    remote.sight({})
    server.faults.add(Fault(kind, "Organization/get", times=2))
    pulled = remote.pull()
    assert len(pulled.rows) == 3
    assert pulled.complete


def test_a_source_that_stays_away_is_unavailable_and_never_half_a_pull(server: Server) -> None:
    remote = remote_to(server)
    remote.sight({})
    server.faults.add(Fault(FaultKind.STATUS_500_HTML, "Membership/get", times=None))
    with pytest.raises(Unavailable):
        remote.pull()


def test_related_records_that_cannot_be_proven_whole_stop_the_run_instead_of_reading_as_blank(
    site: CiviCRM,
) -> None:
    def miscounted(route: str, response: Response) -> Response:
        return Response.json({**json.loads(response.body), "countMatched": 99}) if route == "Membership/get" else response

    with Server(Meddled(site, miscounted)) as server, pytest.raises(Unavailable, match="Membership"):
        remote_to(server).pull()


def test_an_answer_that_is_cut_off_is_asked_for_again(server: Server) -> None:
    remote = remote_to(server)
    remote.sight({})
    server.faults.add(Fault(FaultKind.TRUNCATED_JSON, "Organization/get"))
    assert remote.pull() == remote_to(server).pull()


def test_a_firewall_and_a_lost_credential_are_for_the_operator(server: Server) -> None:
    server.faults.add(Fault(FaultKind.HTML_403, "authx/id"))
    with pytest.raises(AuthRejected, match="firewall"):
        remote_to(server).sight({})
    with pytest.raises(AuthRejected) as raised:
        remote_to(server, user="nouser").sight({})
    assert "BRIDGE_CIVICRM__SITE_KEY" in raised.value.next_step


def test_maintenance_is_waited_out_by_the_next_run(server: Server, site: CiviCRM) -> None:
    site.in_maintenance = True
    with pytest.raises(Unavailable, match="maintenance"):
        remote_to(server).sight({})


def test_two_primary_emails_make_one_record_and_a_word_about_it(server: Server, site: CiviCRM) -> None:
    site.load("Email", [{"id": 2, "contact_id": 8, "email": "two@arroyo.example", "is_primary": True}])
    pulled = remote_to(server).pull()
    assert [row.id for row in pulled.rows].count(ARROYO) == 1
    assert pulled.complete
    if pulled.note:  # a site that joins only one of them has nothing to tell
        assert "two primary" in pulled.note


def test_a_field_that_a_page_leaves_out_stops_the_run_instead_of_reading_as_blank(server: Server, site: CiviCRM) -> None:
    remote = remote_to(server)
    remote.sight({})
    site.remove_custom_field("Benefits.Plans")
    with pytest.raises(UnexpectedAnswer, match=r"Benefits\.Plans"):
        remote.pull()


def test_the_trash_is_left_out_of_a_pull(server: Server, site: CiviCRM) -> None:
    site.trash(9)
    assert {row.id for row in remote_to(server).pull().rows} == {ARROYO, CEDAR}


def test_a_delta_brings_contacts_modified_since_with_an_overlap(server: Server, site: CiviCRM) -> None:
    remote = remote_to(server, coops_mapping(OWN, OWN_PATHS))
    for contact in (8, 9, 10):
        site.site.rows["Contact"].rows[contact]["modified_date"] = f"2026-11-21 10:{contact:02}:00"
    assert remote.pull().whole
    pulled = remote.pull(since=dt.datetime(2026, 11, 21, 12, 9, tzinfo=dt.UTC))
    assert not pulled.whole
    assert pulled.complete
    assert [row.id for row in pulled.rows] == [BEACON, CEDAR]


def test_the_federation_is_pulled_whole(site: CiviCRM) -> None:
    found_federation(coops=30, workers=120, today=NOW.date()).fill_civicrm(site)
    with Server(site) as server:
        pulled = remote_to(server, page_size=25).pull()
    assert pulled.complete, pulled.note
    assert len(pulled.rows) >= 30


# ── read and find ──


def test_every_id_asked_for_is_told_where_it_is(server: Server, site: CiviCRM) -> None:
    site.trash(9)
    found = remote_to(server).read([ARROYO, BEACON, "13", "11", "999", "no number"])
    assert {id_: each.whereabouts for id_, each in found.items()} == {
        ARROYO: Whereabouts.IN_SCOPE,
        BEACON: Whereabouts.TRASHED,
        "13": Whereabouts.OUT_OF_SCOPE,
        "11": Whereabouts.OUT_OF_SCOPE,
        "999": Whereabouts.PURGED,
        "no number": Whereabouts.UNREADABLE,
    }
    row = found[ARROYO].row
    assert row is not None
    assert row == next(each for each in remote_to(server).pull().rows if each.id == ARROYO)


def test_a_merged_contact_is_followed_to_the_winner(server: Server, site: CiviCRM) -> None:
    site.merge(keep=10, lose=9)
    found = remote_to(server).read([BEACON])[BEACON]
    assert found.whereabouts is Whereabouts.MERGED
    assert found.into == CEDAR


def test_a_missing_contact_is_not_called_purged_by_an_account_that_cannot_see_the_trash(server: Server) -> None:
    remote = remote_to(server, coops_mapping(mode=Mode.OBSERVE), user="readonly")
    assert remote.read(["999"])["999"].whereabouts is Whereabouts.UNREADABLE


def test_a_record_is_found_by_its_keys_also_in_the_trash(server: Server, site: CiviCRM) -> None:
    remote = remote_to(server)
    site.trash(9)
    assert [row.id for row in remote.find({"external_identifier": "USWC-2"})] == [BEACON]
    assert [row.id for row in remote.find({"organization_name": "Cedar <Care> & Co", "email_primary.email": None})] == [CEDAR]
    assert remote.find({"external_identifier": "USWC-9"}) == []
    assert remote.find({"Benefits.Plans": ["vision", "dental_basic"]})[0].values["workers"] == 2
    with pytest.raises(UnexpectedAnswer, match="nickname"):
        remote.find({"nickname": "Arroyo"})


def test_a_record_has_an_address_for_people(server: Server) -> None:
    assert remote_to(server).address(ARROYO) == f"{server.url}/civicrm/contact/view?reset=1&cid=8"
    membership = coops_mapping(CivicrmSource(entity="Membership"), {"ends": ("end_date", FieldType.DATE)})
    assert "/civicrm/contact/view/membership?" in str(remote_to(server, membership).address("1"))
    relationship = coops_mapping(CivicrmSource(entity="Relationship"), {"ends": ("end_date", FieldType.DATE)})
    assert remote_to(server, relationship).address("8") is None, "contact 8 is somebody else"
