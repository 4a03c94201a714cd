"""A small CiviCRM site with three co-ops, and a mapping of them, for the tests of the CiviCRM remote."""

import datetime as dt
from collections.abc import Callable
from collections.abc import Mapping as Map
from typing import Any

from bridge.civicrm.client import CivicrmClient
from bridge.civicrm.remote import CivicrmRemote
from bridge.core.mapping import (
    Authority,
    CivicrmSource,
    ExactMatch,
    Field,
    FieldType,
    Key,
    Mapping,
    Mode,
    Pick,
    Related,
    Unmatched,
)
from bridge.core.plan import Action, CellChange, Change
from bridge.core.record import Json, PerSide, Row, Side
from bridge.sandbox.civicrm import API_KEYS, CiviCRM
from bridge.sandbox.faults import Fault
from bridge.sandbox.http import Request, Response, Server
from builders import a_mapping

NOW = dt.datetime(2026, 11, 21, 19, 30, tzinfo=dt.UTC)
ARROYO, BEACON, CEDAR = "8", "9", "10"
PENDING, CURRENT, CANCELLED = 5, 2, 6

COOPS = CivicrmSource(
    entity="Organization",
    where=(["contact_sub_type", "CONTAINS", "Worker_Cooperative"],),
    related={
        "membership": Related(
            alias="membership",
            entity="Membership",
            by="contact_id",
            pick=Pick(prefer={"status_id.is_current_member": (True, False)}, latest="end_date"),
        ),
        "workers": Related(alias="workers", entity="Individual", by="employer_id", count=True),
        "dues_open": Related(
            alias="dues_open",
            entity="Contribution",
            by="contact_id",
            where=(["contribution_status_id:name", "=", "Pending"],),
            sum="total_amount",
        ),
    },
)
PATHS: Map[str, tuple[str, FieldType]] = {
    "name": ("organization_name", FieldType.ORGANIZATION),
    "email": ("email_primary.email", FieldType.EMAIL),
    "state": ("address_primary.state_province_id:abbr", FieldType.STATE),
    "status": ("Benefits.Status:name", FieldType.CHOICE),
    "plans": ("Benefits.Plans", FieldType.CHOICES),
    "effective": ("Benefits.Effective_Date", FieldType.DATE),
    "membership_status": ("membership.status_id:name", FieldType.CHOICE),
    "membership_ends": ("membership.end_date", FieldType.DATE),
    "membership_source": ("membership.source", FieldType.TEXT),
    "is_member": ("membership.status_id.is_current_member", FieldType.BOOLEAN),
    "workers": ("workers", FieldType.INTEGER),
    "dues_open": ("dues_open", FieldType.MONEY),
}


def coops_mapping(source: CivicrmSource = COOPS, paths: Map[str, tuple[str, FieldType]] = PATHS, **parts: Any) -> Mapping:
    """A mapping of `paths` in which Airtable owns what both sides hold."""
    fields = {
        name: Field(name=name, at=PerSide(path, name.title()), type=kind, authority=Authority.AIRTABLE)
        for name, (path, kind) in paths.items()
    }
    keys = (Key(at=PerSide("external_identifier", "Civi ID"), type=FieldType.IDENTIFIER),)
    defaults = {
        "civicrm": source,
        "fields": fields,
        "match": (ExactMatch(keys=keys),),
        "mode": Mode.CORRECT,
        "unmatched": PerSide(Unmatched.IGNORE, Unmatched.CREATE),
        "timezone": "America/New_York",
    }
    return a_mapping(**{**defaults, **parts})


def coops_site(version: str = "6.17") -> CiviCRM:
    """Arroyo has everything, Beacon two memberships and open dues, Cedar nothing but its name."""
    site = CiviCRM(version, clock=lambda: NOW)
    coop = {"contact_type": "Organization", "contact_sub_type": ["Worker_Cooperative"]}
    site.load(
        "Contact",
        [
            {
                **coop,
                "id": 8,
                "organization_name": "Arroyo Bakery",
                "external_identifier": "USWC-1",
                "Benefits.Status": "enrolled",
                "Benefits.Plans": ["dental_basic", "vision"],
                "Benefits.Effective_Date": "2026-01-01",
            },
            {**coop, "id": 9, "organization_name": "Beacon Press", "external_identifier": "USWC-2"},
            {**coop, "id": 10, "organization_name": "Cedar <Care> & Co", "external_identifier": "USWC-3"},
            {"id": 11, "contact_type": "Individual", "first_name": "Ana", "last_name": "Ruiz", "employer_id": 8},
            {"id": 12, "contact_type": "Individual", "first_name": "Bo", "last_name": "Li", "employer_id": 8},
            {"id": 13, "contact_type": "Organization", "organization_name": "No Co-op"},
        ],
    )
    site.load("Email", [{"id": 1, "contact_id": 8, "email": "hi@arroyo.example", "is_primary": True}])
    membership = {"membership_type_id": 1, "join_date": "2020-01-01", "start_date": "2026-01-01", "is_override": False}
    site.load(
        "Membership",
        [
            {**membership, "id": 1, "contact_id": 8, "status_id": CURRENT, "end_date": "2026-12-31", "source": "paper"},
            {**membership, "id": 2, "contact_id": 9, "status_id": CANCELLED, "end_date": "2027-12-31"},
            {**membership, "id": 3, "contact_id": 9, "status_id": CURRENT, "end_date": "2026-12-31"},
        ],
    )
    dues = {"contact_id": 9, "financial_type_id": 2, "contribution_status_id": 2, "receive_date": "2026-10-01 00:00:00"}
    site.load(
        "Contribution",
        [
            {**dues, "id": 1, "total_amount": 312.5},
            {**dues, "id": 2, "total_amount": 0.1},
            {**dues, "id": 3, "total_amount": 0.2},
        ],
    )
    return site


class Meddled:
    """A site between whose answers something happens: `meddle` hears each route and may answer otherwise."""

    def __init__(self, site: CiviCRM, meddle: Callable[[str, Response], Response]) -> None:
        self._site = site
        self._meddle = meddle

    def route(self, request: Request) -> str:
        return self._site.route(request)

    def handle(self, request: Request) -> Response:
        return self._meddle(self.route(request), self._site.handle(request))

    def fail(self, request: Request, fault: Fault) -> Response:
        return self._site.fail(request, fault)


_opened: list[CivicrmClient] = []


def close_all() -> None:
    """Let go of every connection a test opened."""
    while _opened:
        _opened.pop().close()


def remote_to(server: Server, mapping: Mapping | None = None, *, user: str = "syncbot", **parts: Any) -> CivicrmRemote:
    """The remote of a user of that server."""
    client = CivicrmClient(server.url, API_KEYS[user])
    _opened.append(client)
    return CivicrmRemote(client, mapping or coops_mapping(), clock=lambda: NOW, **parts)


def update(row: Row, **after: tuple[str, Json]) -> Change:
    """A change of `row`: by field name the path and the wire value to write."""
    cells = tuple(a_cell(name, path, row.values.get(path), value) for name, (path, value) in after.items())
    return Change(
        mapping="groups",
        side=Side.CIVICRM,
        action=Action.UPDATE,
        id=row.id,
        partner="rec1",
        name="Arroyo",
        cells=cells,
        extra=row.extra,
    )


def create(**after: tuple[str, Json]) -> Change:
    """A new record with these wire values by path."""
    cells = tuple(a_cell(name, path, None, value) for name, (path, value) in after.items())
    return Change(mapping="groups", side=Side.CIVICRM, action=Action.CREATE, id=None, partner="rec1", name="New", cells=cells)


def a_cell(name: str, path: str, before: Json, after: Json, *, clears: bool = False) -> CellChange:
    """One cell to write."""
    return CellChange(
        field=name, path=path, before=None, after=None, before_raw=before, after_raw=after, why="changed", clears=clears
    )
