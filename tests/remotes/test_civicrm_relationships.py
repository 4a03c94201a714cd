"""Relationships: as records of a mapping, with their dates and whether they are current, and as related rows of a contact."""

from collections.abc import Iterator

import pytest

from bridge import retry
from bridge.civicrm.remote import CivicrmRemote
from bridge.core.mapping import CivicrmSource, FieldType, Mode, Pick, Related, Unmatched
from bridge.core.plan import Written
from bridge.core.record import PerSide, Row
from bridge.sandbox.civicrm import CiviCRM
from bridge.sandbox.http import Server
from remotes.civicrm_site import ARROYO, BEACON, close_all, coops_mapping, coops_site, create, remote_to, update

EMPLOYEE_OF = 5
QUIET = PerSide(Unmatched.IGNORE, Unmatched.IGNORE)
ANA, BO = 11, 12
WORKS = ["relationship_type_id:name", "=", "Employee of"]
PATHS = {
    "who": ("contact_id_a", FieldType.IDENTIFIER),
    "where": ("contact_id_b", FieldType.IDENTIFIER),
    "starts": ("start_date", FieldType.DATE),
    "ends": ("end_date", FieldType.DATE),
    "current": ("is_current", FieldType.BOOLEAN),
}


@pytest.fixture(autouse=True)
def _fast_and_tidy() -> Iterator[None]:
    with retry.no_waits():
        yield
    close_all()


@pytest.fixture(params=["6.17", "5.78"])
def site(request: pytest.FixtureRequest) -> CiviCRM:
    """Ana worked at Beacon and works at Arroyo now; today is 2026-11-21."""
    made = coops_site(request.param)
    works = {"contact_id_a": ANA, "relationship_type_id": EMPLOYEE_OF, "is_active": True}
    made.load(
        "Relationship",
        [
            {**works, "id": 1, "contact_id_b": int(BEACON), "start_date": "2024-01-01", "end_date": "2025-06-30"},
            {**works, "id": 2, "contact_id_b": int(ARROYO), "start_date": "2025-07-01"},
            {**works, "id": 3, "contact_id_b": int(ARROYO), "relationship_type_id": 4},
        ],
    )
    return made


@pytest.fixture
def server(site: CiviCRM) -> Iterator[Server]:
    with Server(site) as running:
        yield running


def records(server: Server) -> CivicrmRemote:
    remote = remote_to(server, coops_mapping(CivicrmSource(entity="Relationship", where=(WORKS,)), PATHS))
    remote.sight({})
    return remote


def row_of(remote: CivicrmRemote, id_: str) -> Row:
    row = remote.read([id_])[id_].row
    assert row is not None
    return row


def test_they_are_records_with_their_dates_and_whether_they_are_current(server: Server) -> None:
    rows = {row.id: row.values for row in records(server).pull().rows}
    assert {id_: (each["contact_id_b"], each["end_date"], each["is_current"]) for id_, each in rows.items()} == {
        "1": (int(BEACON), "2025-06-30", False),
        "2": (int(ARROYO), None, True),
    }


def test_the_day_it_ends_is_written_and_read_back(server: Server) -> None:
    remote = records(server)
    (outcome,) = remote.apply([update(row_of(remote, "2"), ends=("end_date", "2026-10-31"))])
    assert outcome.written is Written.DONE
    assert outcome.row is not None
    assert (outcome.row.values["end_date"], outcome.row.values["is_current"]) == ("2026-10-31", False)


def test_whether_it_is_current_is_worked_out_and_takes_no_value(server: Server) -> None:
    remote = records(server)
    (outcome,) = remote.apply([update(row_of(remote, "2"), current=("is_current", False))])
    assert outcome.written is Written.REFUSED


def test_a_new_one_is_of_the_kind_that_the_scope_demands(site: CiviCRM, server: Server) -> None:
    cells = {"who": ("contact_id_a", str(BO)), "where": ("contact_id_b", ARROYO), "starts": ("start_date", "2026-11-02")}
    (outcome,) = records(server).apply([create(**cells, kind=("relationship_type_id:name", "Employee of"))])
    assert outcome.written is Written.DONE
    assert outcome.row is not None
    made = site.site.rows["Relationship"].rows[int(outcome.row.id)]
    expected = {
        "contact_id_a": BO,
        "contact_id_b": int(ARROYO),
        "relationship_type_id": EMPLOYEE_OF,
        "start_date": "2026-11-02",
    }
    assert {name: made[name] for name in expected} == expected


def test_one_that_is_there_already_is_refused_and_not_taken_for_the_new_one(site: CiviCRM, server: Server) -> None:
    cells = {"who": ("contact_id_a", str(ANA)), "where": ("contact_id_b", ARROYO), "starts": ("start_date", "2026-11-02")}
    (outcome,) = records(server).apply([create(**cells, kind=("relationship_type_id:name", "Employee of"))])
    assert (outcome.written, outcome.row) == (Written.REFUSED, None)
    assert outcome.reason == "CiviCRM has the same relationship already, number 2."
    assert len(site.site.rows["Relationship"].rows) == 3


@pytest.mark.parametrize(
    ("entity", "by", "where", "far"),
    [
        ("Relationship", "contact_id_a", WORKS, "contact_id_b"),
        ("RelationshipCache", "near_contact_id", ["near_relation", "=", "Employee of"], "far_contact_id"),
    ],
)
def test_of_a_contact_the_current_one_is_picked(server: Server, entity: str, by: str, where: list[str], far: str) -> None:
    job = Related(
        alias="job",
        entity=entity,
        by=by,
        where=(where,),
        pick=Pick(prefer={"is_current": (True, False)}, latest="start_date"),
    )
    paths = {"since": ("job.start_date", FieldType.DATE), "at": (f"job.{far}.display_name", FieldType.TEXT)}
    source = CivicrmSource(entity="Individual", where=(["id", "IN", [ANA, BO]],), related={"job": job})
    remote = remote_to(server, coops_mapping(source, paths, unmatched=QUIET, mode=Mode.OBSERVE))
    remote.sight({})
    rows = {row.id: (row.values["job.start_date"], row.values[f"job.{far}.display_name"]) for row in remote.pull().rows}
    assert rows == {str(ANA): ("2025-07-01", "Arroyo Bakery"), str(BO): (None, None)}


def test_those_that_are_current_are_counted(server: Server) -> None:
    crew = Related(alias="crew", entity="Relationship", by="contact_id_b", where=(WORKS, ["is_current", "=", True]), count=True)
    source = CivicrmSource(
        entity="Organization", where=(["contact_sub_type", "CONTAINS", "Worker_Cooperative"],), related={"crew": crew}
    )
    remote = remote_to(server, coops_mapping(source, {"crew": ("crew", FieldType.INTEGER)}, unmatched=QUIET, mode=Mode.OBSERVE))
    remote.sight({})
    assert {row.id: row.values["crew"] for row in remote.pull().rows} == {ARROYO: 1, BEACON: 0, "10": 0}
