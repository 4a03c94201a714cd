"""An office over a real SQLite state, with a desk that only notes what it is asked for."""

import datetime as dt
import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.core.ledger import Entry, Event, Happened, State
from bridge.core.mapping import Severity
from bridge.core.plan import Discrepancy
from bridge.core.record import PerSide, Side
from bridge.ports import RunState, Store
from bridge.web.office import Account, Check, Office
from bridge.web.server import web_app
from builders import a_mapping
from fakes import FakeClock

with warnings.catch_warnings():  # Starlette would rather have httpx2; ours is httpx
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

TOKENS = {"vera": "viewer", "olga": "operator", "ana": "approver"}


@dataclass(frozen=True)
class Holder:
    role: str
    name: str
    sha256: str


def token(name: str) -> str:
    return f"{name}'s own token"


HOLDERS = tuple(Holder(role, name, hashlib.sha256(token(name).encode()).hexdigest()) for name, role in TOKENS.items())


@dataclass
class FakeSyncs:
    """Answers every wish, and remembers them."""

    clock: FakeClock
    asked: list[dict[str, Any]] = field(default_factory=list)
    fails: Exception | None = None

    def ask(self, *, mapping: str | None, record: tuple[Side, str] | None, dry_run: bool, by: str) -> Mapping[str, Any]:
        return self._keep(mapping=mapping, record=record and f"{record[0].value}:{record[1]}", dry_run=dry_run, by=by)

    def approve(self, digest: str, *, by: str) -> Mapping[str, Any]:
        return self._keep(digest=digest, by=by)

    def get(self, id: str) -> Mapping[str, Any] | None:  # noqa: A002
        return next((each for each in self.asked if each["id"] == id), None)

    def _keep(self, **wish: Any) -> dict[str, Any]:
        if self.fails is not None:
            raise self.fails
        empty = {"mapping": None, "record": None, "dry_run": False, "digest": None, "started_at": None, "finished_at": None}
        number = f"{len(self.asked):016x}"
        made = {**empty, "id": number, "state": "waiting", "asked_at": self.clock(), "runs": [], "problem": "", **wish}
        self.asked.append(made)
        return made


@dataclass
class House:
    """A state, a clock, and the web over them."""

    store: Store
    clock: FakeClock
    syncs: FakeSyncs
    checks: list[Check] = field(default_factory=list)
    loopback: bool = True
    secure: bool = False
    holders: Sequence[Holder] = HOLDERS

    @property
    def office(self) -> Office:
        return Office(
            store=self.store,
            clock=self.clock,
            timezone="America/New_York",
            language="en",
            holders=self.holders,
            mappings=lambda: (a_mapping(),),
            page=lambda language: f"<!doctype html><html lang='{language}'><p>the report</p></html>",
            standing=lambda: {"mappings": [], "calls": [], "schedule": [], "waiting": 0, "busy": False},
            accounts=lambda: [Account(name="civicrm", used=3, quota=None), Account(name="appBase", used=40, quota=1000)],
            checks=lambda: self.checks,
            syncs=self.syncs,
            loopback=self.loopback,
            secure=self.secure,
        )

    def client(self, name: str | None = None, **options: Any) -> TestClient:
        """Somebody's client: with their token, or nobody's."""
        headers = {"Authorization": f"Bearer {token(name)}"} if name else {}
        return TestClient(web_app(self.office), headers=headers, follow_redirects=False, **options)

    def entry(self, number: int, *, code: int = 204, name: str = "Arroyo Bakery", **more: Any) -> Entry:
        """A stored discrepancy."""
        found = Discrepancy(
            mapping="groups",
            code=code,
            severity=more.pop("severity", Severity.MEDIUM),
            ids=PerSide(str(number), f"rec{number:014d}"),
            name=name,
            field=more.pop("field", "email"),
            details=more.pop("details", {}),
        )
        entry = Entry(
            discrepancy=found, state=more.pop("state", State.OPEN), opened_at=self.clock(), seen_at=self.clock(), **more
        )
        opened = Event(fingerprint=entry.fingerprint, happened=Happened.OPENED, at=self.clock(), by="bridge", run=1)
        self.store.ledger.save([entry], [opened])
        kept = self.store.ledger.get(entry.fingerprint)
        assert kept is not None
        return kept

    def ran(self, kind: str = "sweep", state: RunState = RunState.DONE, seconds: float = 4, **counts: int) -> int:
        """A run in the run ledger, a little after the last."""
        number = self.store.runs.start("groups", mode="correct", kind=kind, by="schedule")
        self.clock.forward(seconds=seconds)
        self.store.runs.finish(number, state, counts=counts)
        return number


def in_days(clock: FakeClock, days: int) -> str:
    return f"{clock().date() + dt.timedelta(days=days)}"
