"""One small federation, one state, and a server that does something to its client at a given request."""

import datetime as dt
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from bridge.app import utc_now
from bridge.core.record import Link
from bridge.ports import Store
from bridge.sandbox import Sandbox
from bridge.sandbox.federation_airtable import BASE
from bridge.sandbox.http import App, Request, Response
from bridge.store import open_store

POSTGRES = os.environ.get("BRIDGE_TEST_POSTGRES", "postgresql+psycopg://root@127.0.0.1:5432/test")

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


Place = Callable[[], tuple[Path, str]]
"""A new folder and a new empty state each time it is asked."""


class Watched:
    """An app of the sandbox that does a `deed` at its `at`-th request, before or after doing what was asked.

    Where the deed says that the client is dead, it gets no answer.
    """

    def __init__(self, inner: App) -> None:
        self._inner = inner
        self.at = 0
        self.before = True
        self.deed: Callable[[], bool] = lambda: False
        self.routes: list[str] = []

    @property
    def seen(self) -> int:
        """How often it was asked."""
        return len(self.routes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def handle(self, request: Request) -> Response:
        """The answer, unless the client is dead."""
        self.routes.append(self._inner.route(request))
        if self.seen != self.at:
            return self._inner.handle(request)
        if self.before and self.deed():
            return Response(500, cut=True)
        answer = self._inner.handle(request)
        return Response(500, cut=True) if not self.before and self.deed() else answer


class Scene:
    """One federation, one state, and a sync of it as often as wanted."""

    def __init__(self, folder: Path, state_url: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "groups.yaml").write_text(MAPPING)
        self.state_url = state_url
        self.box = Sandbox(coops=10, workers=20, rate_limit=None, today=dt.date(2026, 11, 16))
        self.box.start()
        self._edit_addresses()
        self.civicrm = Watched(self.box.servers.civicrm.app)
        self.airtable = Watched(self.box.servers.airtable.app)
        self.box.servers.civicrm.app = self.civicrm  # type: ignore[assignment]  # it passes everything on
        self.box.servers.airtable.app = self.airtable  # type: ignore[assignment]
        self.environment = {
            **self.box.environment(),
            "BRIDGE_MODE": "correct",
            "BRIDGE_MAPPINGS": str(folder),
            "BRIDGE_STATE_URL": state_url,
        }

    def _edit_addresses(self) -> None:
        """Co-ops that both sides know by one key have a new address in Airtable, so that CiviCRM is written too."""
        known = {row.get("external_identifier") for row in self.box.civicrm.contacts.values() if not row.get("is_deleted")} - {
            None
        }
        rows = self.box.airtable.rows(BASE, "Groups")
        keys = Counter(row.get("Civi ID") for row in rows.values())
        for id_, row in rows.items():
            if row.get("Civi ID") in known and keys[row["Civi ID"]] == 1:
                self.box.airtable.edit(BASE, "Groups", id_, {"Contact email": f"moved-{row['Civi ID']}@example.org".lower()})

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

    def links(self) -> list[Link]:
        """Every link of the mapping."""
        with open_store(self.state_url, [], utc_now) as store:
            return [Link(civicrm, airtable) for civicrm, airtable in store.knowledge.partners("groups").civicrm.items()]
