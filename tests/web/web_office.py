"""An office over a real SQLite state, with a desk that only notes what it is asked for."""

import datetime as dt
import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bridge.core import ledger
from bridge.core.ledger import Entry, Event, Happened, State
from bridge.core.mapping import Mapping as Mapped
from bridge.core.mapping import Mode, Severity
from bridge.core.plan import Discrepancy
from bridge.core.record import PerSide, Side
from bridge.core.why import HIDDEN, ExplainedField, ExplainedRule
from bridge.ports import RunState, Store
from bridge.web.office import Account, Check, Due, Office, Seen, Word
from bridge.web.oidc import House as Provider
from bridge.web.server import web_app
from builders import a_mapping
from fakes import FakeClock

with warnings.catch_warnings():  # Starlette would rather have httpx2; ours is httpx
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

TOKENS = {"vera": "viewer", "olga": "operator", "ana": "admin", "sam": "viewer"}
SECRET = "the premium of 417.33"


@dataclass(frozen=True)
class Holder:
    role: str
    name: str
    sha256: str
    sensitive: bool = False


def token(name: str) -> str:
    return f"{name}'s own token"


HOLDERS = tuple(
    Holder(role, name, hashlib.sha256(token(name).encode()).hexdigest(), sensitive=name == "sam")
    for name, role in TOKENS.items()
)


@dataclass
class FakeSyncs:
    """Answers every wish, and remembers them."""

    clock: FakeClock
    asked: list[dict[str, Any]] = field(default_factory=list)
    said: list[dict[str, Any]] = field(default_factory=list)
    fails: Exception | None = None
    ends: bool = False
    script: list[Mapping[str, Any]] = field(default_factory=list)
    """What the latest wish has become at each look after the first."""

    def ask(self, *, record: tuple[Side, str] | None, key: str = "", **wish: Any) -> Mapping[str, Any]:
        return self._keep(record=record and f"{record[0].value}:{record[1]}", said={"key": key}, **wish)

    def approve(self, digest: str, *, by: str) -> Mapping[str, Any]:
        return self._keep(digest=digest, by=by)

    def choose(self, key: str, side: Side, *, stamp: str | None, by: str) -> Mapping[str, Any]:
        return self._keep(mapping="groups", chosen=side.value, by=by, said={"key": key, "stamp": stamp})

    def match(self, key: str, *, same: bool, stamp: str | None, by: str) -> None:
        self._keep(by=by, said={"key": key, "same": same, "stamp": stamp})

    def reject(self, digest: str, *, by: str) -> None:
        self._keep(by=by, said={"digest": digest})

    def get(self, id: str) -> Mapping[str, Any] | None:  # noqa: A002
        found = next((each for each in self.asked if each["id"] == id), None)
        shown = dict(found) if found is not None else None
        if found is not None and self.script:
            found.update(self.script.pop(0))
        return shown

    def _keep(self, **wish: Any) -> dict[str, Any]:
        if self.fails is not None:
            raise self.fails
        self.said.append(wish.pop("said", {}))
        empty = {
            "chosen": None,
            "mapping": None,
            "record": None,
            "dry_run": False,
            "digest": None,
            "started_at": None,
            "finished_at": None,
        }
        number = f"{len(self.asked):016x}"
        if self.ends:
            empty["finished_at"] = self.clock()
        made = {**empty, "id": number, "state": "waiting", "asked_at": self.clock(), "runs": [], "problem": "", **wish}
        self.asked.append(made)
        return made


@dataclass
class FakeLooks:
    """Sees one record in both systems; its premium is sensitive."""

    fails: Exception | None = None
    bare: list[bool] = field(default_factory=list)
    rules: Sequence[ExplainedRule] = ()

    def look(self, record: tuple[Side, str], *, sensitive: bool) -> Sequence[Seen]:
        self.bare.append(sensitive)
        if self.fails is not None:
            raise self.fails
        premium = SECRET if sensitive else HIDDEN
        fields = [
            ExplainedField(
                field="email", civicrm="a@b.coop", airtable="c@d.coop", base="a@b.coop", verdict="changed", writes=""
            ),
            ExplainedField(field="premium", civicrm=premium, airtable=premium, base=premium, verdict="agreed", writes=""),
        ]
        ids = PerSide("12", "rec00000000000001")
        return [Seen(mapping="groups", ids=ids, how="link", fields=fields, rules=self.rules)]


@dataclass
class FakeDecisions:
    """Keeps words in the ledger."""

    store: Store
    clock: FakeClock
    by: str

    def say(self, key: str, word: Word, *, stamp: str | None = None) -> Entry:
        before = self._entry(key, stamp)
        after, event = word(before, self.by, self.clock())
        self.store.ledger.keep(before, after, event)
        return after

    def choosable(self, entry: Entry) -> Sequence[Side]:
        return tuple(Side) if entry.discrepancy.code == 204 else ()

    def _entry(self, key: str, stamp: str | None) -> Entry:
        entry = self.store.ledger.get(key)
        assert entry is not None
        ledger.must_be(entry, stamp)
        return entry


@dataclass
class House:
    """A state, a clock, and the web over them."""

    store: Store
    clock: FakeClock
    syncs: FakeSyncs
    checks: list[Check] = field(default_factory=list)
    looks: "FakeLooks" = field(default_factory=FakeLooks)
    late: dt.timedelta = dt.timedelta()
    provider: Provider | None = None
    loopback: bool = True
    secure: bool = False
    holders: Sequence[Holder] = HOLDERS
    mapping: Mapped = field(default_factory=a_mapping)

    @property
    def office(self) -> Office:
        return Office(
            store=self.store,
            clock=self.clock,
            timezone="America/New_York",
            language="en",
            holders=lambda: self.holders,
            mappings=lambda: (self.mapping,),
            mode=Mode.CORRECT,
            standing=lambda: {"mappings": [], "calls": [], "schedule": [], "waiting": 0, "busy": False, "budget": []},
            accounts=lambda: [
                Account(name="civicrm", used=3, quota=None),
                Account(name="appBase", used=40, quota=1000, expected=1200, slower=True),
            ],
            checks=lambda: self.checks,
            overdue=lambda: {"groups": self.late},
            due=lambda: [Due("sweep", "groups", self.clock() + dt.timedelta(hours=3))],
            address=lambda _mapping, side, native: f"https://{side.value}.example.org/{native}",
            looks=self.looks,
            syncs=self.syncs,
            decisions=partial(FakeDecisions, self.store, self.clock),
            house=self.provider,
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
            rule=more.pop("rule", None),
            field=more.pop("field", "email"),
            details=more.pop("details", {}),
            shown=more.pop("shown", PerSide(None, None)),
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
