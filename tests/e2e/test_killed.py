"""Killed anywhere: a sync that dies at any commit or any request, then runs again, ends where no death would have ended.

At every step of the state in SQLite and in PostgreSQL, at every request in SQLite. What is compared is everything the two
systems hold, that nothing was made twice, and that the journal has no open end.
"""

import datetime as dt
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest

import victim
from bridge.app import utc_now
from bridge.core.record import Link
from bridge.ports import Store
from bridge.sandbox import Sandbox
from bridge.sandbox.federation_airtable import BASE
from bridge.sandbox.http import App, Request, Response
from bridge.store import open_store, upgrade
from victim import Death

POSTGRES = os.environ.get("BRIDGE_TEST_POSTGRES", "postgresql+psycopg://root@127.0.0.1:5432/test")
LATER = dt.timedelta(minutes=1)

MAPPING = """
mapping: groups
title: {en: Groups}
mode: correct
civicrm:
  entity: Organization
  where: [[contact_sub_type, CONTAINS, Worker_Cooperative]]
airtable: {base: benefits, table: Groups, where: [[Archived, "=", false]]}
match:
  - exact: {civicrm: external_identifier, airtable: Civi ID}
fields:
  name: {civicrm: organization_name, airtable: Group name, type: text, authority: civicrm, first_contact: authority}
  email: {civicrm: email_primary.email, airtable: Contact email, type: email, authority: airtable, first_contact: authority}
  phone: {civicrm: phone_primary.phone, airtable: Phone, type: phone, authority: civicrm, first_contact: authority}
unmatched: {civicrm: create, airtable: ignore}
guard: {updates: {count: 500}, creates: {count: 500}, clears: {count: 0}, shrink: 100%}
"""


class Deadly:
    """An app of the sandbox that kills its client at its `at`-th request, before or after doing what was asked."""

    def __init__(self, inner: App, at: int, *, before: bool) -> None:
        self._inner, self._at, self._before = inner, at, before
        self.seen = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def handle(self, request: Request) -> Response:
        """The answer, or a dead client."""
        self.seen += 1
        if self.seen != self._at:
            return self._inner.handle(request)
        if self._before:
            os.kill(victim.LIVING[0], signal.SIGKILL)
            return Response(500, cut=True)
        self._inner.handle(request)
        os.kill(victim.LIVING[0], signal.SIGKILL)
        return Response(500, cut=True)


class Scene:
    """One federation, one state, and a sync of it as often as wanted."""

    def __init__(self, folder: Path, state_url: str, *, civicrm: int = 0, airtable: int = 0, before: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "groups.yaml").write_text(MAPPING)
        self.state_url = state_url
        self.box = Sandbox(coops=10, workers=20, rate_limit=None, today=dt.date(2026, 11, 16))
        self.box.start()
        self.civicrm = Deadly(self.box.servers.civicrm.app, civicrm, before=before)
        self.airtable = Deadly(self.box.servers.airtable.app, airtable, before=before)
        self.box.servers.civicrm.app = self.civicrm  # type: ignore[assignment]  # it passes everything on
        self.box.servers.airtable.app = self.airtable  # type: ignore[assignment]
        self.environment = {
            **self.box.environment(),
            "BRIDGE_MODE": "correct",
            "BRIDGE_MAPPINGS": str(folder),
            "BRIDGE_STATE_URL": state_url,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.box.stop()

    def systems(self) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
        """What the mapped fields hold on each side, without ids (a record made later has another)."""
        organisations = [row for row in self.box.civicrm.contacts.values() if row.get("contact_type") == "Organization"]
        contacts = [(str(row.get("external_identifier")), str(row.get("organization_name"))) for row in organisations]
        emails = self.box.civicrm.site.rows["Email"].rows.values()
        addresses = [(str(row["contact_id"]), str(row["email"])) for row in emails]
        groups = self.box.airtable.rows(BASE, "Groups").values()
        shown = ("Civi ID", "Group name", "Contact email", "Phone")
        return sorted([*contacts, *addresses]), sorted(tuple(str(row.get(name)) for name in shown) for row in groups)

    def store(self) -> Store:
        """The state as it stands."""
        return open_store(self.state_url, [], utc_now)


Place = Callable[[], tuple[Path, str]]


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A new folder and a new empty state each time it is asked."""
    made: list[str] = []

    def new() -> tuple[Path, str]:
        number = len(made)
        folder = tmp_path / str(number)
        if request.param == "sqlite":
            made.append("")
            folder.mkdir()
            return folder / "mappings", f"sqlite:///{folder}/bridge.db"
        name = f"killed_{os.getpid()}_{number}"
        with psycopg.connect(POSTGRES.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"create database {name}")
        made.append(name)
        url = POSTGRES.rsplit("/", 1)[0] + f"/{name}"
        upgrade(url)
        return folder / "mappings", url

    yield new
    for name in filter(None, made):
        with psycopg.connect(POSTGRES.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"drop database {name} with (force)")


def unkilled(place: Place) -> tuple[Any, int, int, int]:
    """What both systems hold after a sync that nothing disturbs; its commits, CiviCRM requests and Airtable requests."""
    folder, url = place()
    with Scene(folder, url) as scene:
        life = victim.sync(scene.environment)
        assert life.states == ("done",), life
        return scene.systems(), life.commits, scene.civicrm.seen, scene.airtable.seen


def recovers(scene: Scene, expected: object, death: Death = victim.NEVER) -> None:
    """Die, run again, and hold the end state against that of a sync that did not die."""
    life = victim.sync(scene.environment, death)
    assert life.killed, life
    again = victim.sync(scene.environment, later=LATER)
    assert again.states == ("done",), again
    assert scene.systems() == expected
    with closing(scene.store()) as store:
        assert not store.journal.open("groups")
        links = [link for _, link in linked(store)]
        assert len({link.civicrm for link in links}) == len({link.airtable for link in links}) == len(links)


def linked(store: Store) -> list[tuple[str, Any]]:
    """Every link of the mapping."""
    return [("groups", Link(civicrm, airtable)) for civicrm, airtable in store.knowledge.partners("groups").civicrm.items()]


def test_a_sync_killed_at_any_step_of_its_state_ends_where_no_death_would_have(place: Place) -> None:
    expected, commits, _, _ = unkilled(place)
    assert commits > 8
    for commit in range(1, commits + 1):
        folder, url = place()
        with Scene(folder, url) as scene:
            recovers(scene, expected, Death(commit))
    print(f"killed at each of {commits} steps")  # noqa: T201  # the count is part of the proof


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize("side", ["civicrm", "airtable"])
def test_a_sync_killed_at_any_request_ends_where_no_death_would_have(place: Place, side: str) -> None:
    expected, _, civicrm, airtable = unkilled(place)
    requests = civicrm if side == "civicrm" else airtable
    assert requests > 4
    for number in range(1, requests + 1):
        for before in (True, False):
            folder, url = place()
            at = {"civicrm": number} if side == "civicrm" else {"airtable": number}
            with Scene(folder, url, before=before, **at) as scene:  # type: ignore[arg-type]  # one of the two
                recovers(scene, expected)
    print(f"killed at each of {requests} requests to {side}, before and after it")  # noqa: T201  # see above
