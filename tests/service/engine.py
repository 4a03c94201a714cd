"""A whole bridge over small running copies of both systems, with hands that meddle and eyes that see every write.

Everything is real but the clock: the adapters, the HTTP servers, the state in SQLite, the mapping read from YAML.
"""

import datetime as dt
import json
import shutil
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from collections.abc import Mapping as Map
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import psycopg
from psycopg import sql

from bridge import retry
from bridge.airtable.api import Api
from bridge.app import App
from bridge.config.mappings import load
from bridge.config.settings import Settings
from bridge.core import values
from bridge.core.compare import Verdict
from bridge.core.document import as_text, document
from bridge.core.mapping import Mapping, OnConflict
from bridge.core.plan import Action, Change, Written
from bridge.core.record import Cell, Json, Link, PerSide, Side, Unreadable
from bridge.errors import BridgeError, ConfigError
from bridge.ports import JournalCell, JournalEntry, Outcome, Remote, RunState
from bridge.sandbox.airtable import TOKEN, Airtable, Column
from bridge.sandbox.airtable_api import AirtableApi
from bridge.sandbox.civicrm import ADMIN, API_KEYS, SITE_ZONE, CiviCRM
from bridge.sandbox.faults import Fault
from bridge.sandbox.http import App as Service
from bridge.sandbox.http import Request, Response, Server
from bridge.service.order import Kind, Result
from bridge.store import open_store
from bridge.store.schema import metadata
from service import people

C, A = Side.CIVICRM, Side.AIRTABLE
BASE, TABLE = "appFederation0001", "Groups"
START = dt.datetime(2026, 10, 30, 15, 0, tzinfo=dt.UTC)
"""Two days before New York's clocks go back."""

FIRST, COOPS = 8, 6
STATUSES = {"prospect": "Prospect", "enrolling": "Enrolling", "enrolled": "Enrolled", "terminated": "Terminated"}
PLANS = {"dental_basic": "Dental Basic", "dental_plus": "Dental Plus", "vision": "Vision"}
UNNAMED = "On hold"
"""An option that the mapping does not name."""
SECRET = "SECRET-"
"""Begins every value of the sensitive field."""

YAML = """\
mapping: groups
title: {en: Benefits groups}
mode: correct
civicrm:
  entity: Organization
  where: [[contact_sub_type, CONTAINS, Worker_Cooperative]]
  related:
    membership:
      entity: Membership
      by: contact_id
      pick: {prefer: {status_id.is_current_member: [true, false]}, latest: end_date}
airtable: {base: benefits, table: Groups, where: [[Archived, "=", false]]}
match:
  - exact: {civicrm: external_identifier, airtable: Civi ID}
fields:
  name: {civicrm: organization_name, airtable: Group name, type: text, authority: civicrm}
  email: {civicrm: email_primary.email, airtable: Contact email, type: email, authority: either}
  phone: {civicrm: phone_primary.phone, airtable: Phone, type: phone, region: US, authority: either}
  status:
    civicrm: "Benefits.Status:name"
    airtable: Status
    type: choice
    authority: airtable
    values: {prospect: Prospect, enrolling: Enrolling, enrolled: Enrolled, terminated: Terminated}
  plans:
    civicrm: "Benefits.Plans:name"
    airtable: Plans
    type: choices
    authority: either
    on_conflict: union
    values: {dental_basic: Dental Basic, dental_plus: Dental Plus, vision: Vision}
  effective: {civicrm: Benefits.Effective_Date, airtable: Effective date, type: date, authority: airtable, on_edit: report}
  ends: {civicrm: membership.end_date, airtable: Membership ends, type: date, authority: civicrm}
  standing:
    civicrm: "membership.status_id:name"
    airtable: Membership status
    type: choice
    authority: civicrm
    values: {New: Active, Current: Active, Grace: Grace, Pending: In process, Expired: Lapsed, Cancelled: Lapsed}
  nickname: {civicrm: nick_name, airtable: Nickname, type: text, authority: either, clear: true, sensitive: true}
  state: {civicrm: "address_primary.state_province_id:abbr", airtable: State, type: state, authority: report}
unmatched: {civicrm: create, airtable: report}
guard:
  updates: {count: 20}
  creates: {count: 3}
  clears: {count: 1}
  shrink: 40%
schedule:
  timezone: America/New_York
"""
VARIANTS: Map[str, tuple[str, str]] = {
    "as it was": ("", ""),
    "email of CiviCRM": ("type: email, authority: either", "type: email, authority: civicrm"),
    "phone by CiviCRM": ("region: US, authority: either", "region: US, authority: either, on_conflict: civicrm"),
    "phone by the newest": ("region: US, authority: either", "region: US, authority: either, on_conflict: newest"),
    "name reported": ("type: text, authority: civicrm", "type: text, authority: civicrm, on_edit: report"),
    "status of both": ("type: choice\n    authority: airtable", "type: choice\n    authority: either"),
    "no clearing": ("clear: true, ", ""),
    "only observed": ("mode: correct", "mode: observe"),
}


@cache
def mapping(variant: str) -> Mapping:
    """The mapping, changed as the variant says."""
    old, new = VARIANTS[variant]
    assert old in YAML
    with TemporaryDirectory() as folder:
        file = Path(folder) / "groups.yaml"
        file.write_text(YAML.replace(old, new, 1) if old else YAML)
        [made] = load(file)
    return replace(made, file="mappings/groups.yaml")


class Died(SystemExit):
    """The process ended at this instant."""


class Clock:
    """The time of both systems, of bridge and of its state; sleeping moves it."""

    def __init__(self) -> None:
        self._now = START
        self._lock = threading.Lock()

    def __call__(self) -> dt.datetime:
        return self._now

    def seconds(self) -> float:
        return self._now.timestamp()

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += dt.timedelta(seconds=seconds)


class QuickApp(App):
    """bridge with the pace on the same clock as everything, and remotes that can be meddled with."""

    engine: "Engine"

    @cached_property
    def airtable(self) -> Api:
        wanted = self.settings.airtable
        api = Api(
            wanted.token.get_secret_value(),
            slots=self.store.slots,
            calls=self.store.calls,
            clock=self.clock,
            url=str(wanted.url),
            now=self.engine.clock.seconds,
            sleep=self.sleep,
        )
        self._open.callback(api.close)
        return api

    def remotes(self, mapping: Mapping) -> PerSide[Remote]:
        both = super().remotes(mapping)
        return PerSide[Remote](*(Meddled(remote, self.engine) for _, remote in both))


class Meddled:
    """A remote whose `apply` something may come between: an edit by staff, or the end of the process."""

    def __init__(self, remote: Remote, engine: "Engine") -> None:
        self._remote = remote
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._remote, name)

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        side, engine = self._remote.side, self._engine
        engine.happen(engine.before_apply, side)
        predicted, asked = self._remote.calls_for(changes), engine.asked[side]
        untroubled = not engine.servers[side].faults.waiting()
        outcomes = self._remote.apply(changes)
        spent = engine.asked[side] - asked
        # What is refused is sent again in halves, until it is known whose fault it is: the prediction is of what is taken.
        taken = all(each.written is not Written.REFUSED for each in outcomes)
        if untroubled and taken and spent > predicted:
            engine.violations.append(f"{spent} calls to {side.title} where {predicted} were predicted")
        engine.happen(engine.after_apply, side)
        return outcomes


class Watched:
    """A system of which every request is seen."""

    def __init__(self, side: Side, service: Service, engine: "Engine") -> None:
        self.side = side
        self._service = service
        self._engine = engine

    def route(self, request: Request) -> str:
        return self._service.route(request)

    def handle(self, request: Request) -> Response:
        return self._engine.serve(self.side, request, self.route(request), lambda: self._service.handle(request))

    def fail(self, request: Request, fault: Fault) -> Response:
        return self._engine.serve(self.side, request, self.route(request), lambda: self._service.fail(request, fault))


Cells = dict[str, dict[str, Cell]]
"""By native id and field, in the side's own words."""


@dataclass
class Engine:
    """Two systems, a bridge between them, and what was seen of it. `violations` are sentences; there must be none."""

    servers: PerSide[Server]
    state_url: str
    clock: Clock = field(default_factory=Clock)
    violations: list[str] = field(default_factory=list)
    before_apply: dict[Side, list[Callable[[], None]]] = field(default_factory=lambda: defaultdict(list))
    after_apply: dict[Side, list[Callable[[], None]]] = field(default_factory=lambda: defaultdict(list))
    before_write: dict[Side, list[Callable[[], None]]] = field(default_factory=lambda: defaultdict(list))
    lose: dict[Side, str] = field(default_factory=dict)
    asked: dict[Side, int] = field(default_factory=lambda: {C: 0, A: 0})
    writes: dict[Side, int] = field(default_factory=lambda: {C: 0, A: 0})
    arrivals: list[float] = field(default_factory=list)
    created_for: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    variant: str = "as it was"
    coming: str | None = None
    """The variant that comes into force after the run in hand."""
    running: bool = False
    told: list[str] = field(default_factory=list)
    """The digest of every plan, in order."""
    renamed: dict[str, str] = field(default_factory=dict)
    """By path, the title a column has for now."""
    retyped: dict[str, str] = field(default_factory=dict)
    """By path, the type a column had before."""
    modified: PerSide[dict[str, dt.datetime]] | None = None
    """When each record was last edited before the run in hand; None where what is applied was planned earlier."""
    option_words: dict[str, str] = field(default_factory=lambda: {word: word for word in STATUSES.values()})
    """By the word that the mapping knows, the present name of a status in Airtable."""
    true_once: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """By Airtable record and field, what both sides held at one moment."""
    seen: dict[Side, dict[tuple[str, str], set[str]]] = field(
        default_factory=lambda: {C: defaultdict(set), A: defaultdict(set)}
    )
    touched: dict[tuple[str, str], set[Side]] = field(default_factory=lambda: defaultdict(set))
    calm: dict[tuple[str, str], Cell] = field(default_factory=dict)
    disturbed: set[tuple[str, str]] = field(default_factory=set)
    heirs: dict[str, str] = field(default_factory=dict)
    """By a contact that had no link when one was merged into it, the Airtable record that it takes over."""
    must_tell: list[tuple[str, str]] = field(default_factory=list)
    latest: dict[str, Result] = field(default_factory=dict)
    """By mapping, how its last run ended."""
    rested_at: dt.datetime = START
    _open: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.civicrm = a_site(self.clock)
        self.airtable = a_workspace(self.clock)
        columns = self.airtable.table(BASE, TABLE).fields
        self.columns = {column.name: id_ for id_, column in columns.items()}
        services = PerSide[Service](self.civicrm, AirtableApi(self.airtable))
        for side, server in self.servers:
            server.app = Watched(side, services[side], self)
            server.clock = self.clock.seconds
            server.faults.clear()

    def __enter__(self) -> Self:
        self._open.enter_context(retry.no_waits())
        environment = {
            "BRIDGE_MODE": "correct",
            "BRIDGE_STATE_URL": self.state_url,
            "BRIDGE_STATE_KEY": "c2VjcmV0IGtleSBvZiB0aGUgc2FuZGJveCwgMzIgYnk=",
            "BRIDGE_CIVICRM__URL": self.servers.civicrm.url,
            "BRIDGE_CIVICRM__API_KEY": API_KEYS["syncbot"],
            "BRIDGE_AIRTABLE__URL": self.servers.airtable.url,
            "BRIDGE_AIRTABLE__TOKEN": TOKEN,
            "BRIDGE_AIRTABLE__BASES__BENEFITS": BASE,
        }
        self.app = QuickApp(Settings.load(environment), clock=self.clock, sleep=self.clock.sleep)
        self.app.engine = self
        self._open.enter_context(self.app)
        self.use("as it was")
        self.note_truth()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def store(self) -> Any:
        """The state."""
        return self.app.store

    @property
    def mapping(self) -> Mapping:
        """The mapping in force."""
        return mapping(self.variant)

    @property
    def people(self) -> Mapping:
        """The mapping that refers to it."""
        return people.mapping(YAML)

    def use(self, variant: str) -> None:
        """Go on with the mapping changed; a run in hand goes on with the one that it began with."""
        self.app.__dict__["mappings"] = (mapping(variant), self.people)
        if self.running:
            self.coming = variant
        else:
            self.variant = variant

    # ── what the servers see ──

    def happen(self, waiting: Map[Side, list[Callable[[], None]]], side: Side) -> None:
        """Let what was to happen happen, once."""
        while waiting[side]:
            waiting[side].pop(0)()

    def serve(self, side: Side, request: Request, route: str, work: Callable[[], Response]) -> Response:
        """One request, with everything that is to be noted of it."""
        self.asked[side] += 1
        if side is A:
            self.arrivals.append(self.clock.seconds())
            if (until := self.store.calls.blocked_until(BASE)) and self.clock() < until:
                self.violations.append("Airtable was asked although the month's calls are used up")
        if not _writes(side, request, route):
            return self._losing(side, request, route, work())
        self.happen(self.before_write, side)
        self.writes[side] += 1
        before = self.cells(side)
        response = work()
        self._note_writes(side, before, self.cells(side))
        self.note_truth()
        return response

    def _losing(self, side: Side, request: Request, route: str, response: Response) -> Response:
        """The answer to a pull without one record that should be in it."""
        lost = self.lose.get(side)
        pulls = b"filterByFormula" not in request.body and "list" in route if side is A else route == "Organization/get"
        if lost is None or not pulls or response.status != 200:
            return response
        body = json.loads(response.body)
        name = "records" if side is A else "values"
        kept = [each for each in body[name] if str(each.get("id")) != lost] if isinstance(body.get(name), list) else None
        if kept is None or len(kept) == len(body[name]) or (side is C and len(body[name]) < 2):
            return response
        del self.lose[side]
        return replace(response, body=json.dumps({**body, name: kept}).encode())

    def _note_writes(self, side: Side, before: Cells, after: Cells) -> None:
        entries = self.store.journal.open("groups")
        for native, cells in after.items():
            if native not in before:
                self._note_create(side, native, entries)
                continue
            for name, cell in cells.items():
                if cell != before[native][name]:
                    self._note_write(side, native, name, before[native][name], cell, entries)

    def _note_create(self, side: Side, native: str, entries: Sequence[JournalEntry]) -> None:
        key = self.key(side, native)
        self.created_for[key] += 1
        if self.created_for[key] > 1:
            self.violations.append(f"{key} was created {self.created_for[key]} times in {side.title}")
        if not any(each.change.action is Action.CREATE and key in each.change.keys.values() for each in entries):
            self.violations.append(f"{native} was created in {side.title} without an intent")

    def _note_write(
        self, side: Side, native: str, name: str, before: Cell, after: Cell, entries: Sequence[JournalEntry]
    ) -> None:
        where = f"{name} of {native} in {side.title}"
        cell = _intent(side, native, name, entries)
        if cell is None:
            self.violations.append(f"{where} was written without an intent")
            return
        if isinstance(before, Unreadable) or not values.same_base(cell.before, before):
            self.violations.append(f"{where}: {before!r} was overwritten, and the journal says {cell.before!r}")
        each, taken_back = self.mapping.fields[name], cell.why in ("undo", "restored")
        if taken_back:
            return
        if not each.may_write(side):
            self.violations.append(f"{where} was written against its authority")
        if after is None and not each.clear:
            self.violations.append(f"{where} was blanked without `clear`")
        if before is not None:
            self._note_overwrite(side, native, name, before, after, cell.why)

    def _note_overwrite(self, side: Side, native: str, name: str, before: Cell, after: Cell, why: str) -> None:
        """A value that was overwritten is the one both agreed on, or was somebody's edit that a policy overrules."""
        each = self.mapping.fields[name]
        link = next((link for link in self.store.knowledge.load(self.mapping).links if link[side] == native), None)
        bases = self.store.knowledge.load(self.mapping).bases.get(link, {}) if link else {}
        if name in bases and values.same_base(bases[name], values.comparable(each, side, before)):
            return
        owner = each.authority.owner if each.authority else None
        if owner is side.other and why != Verdict.CHANGED:
            self.must_tell.append((native, name))
        elif each.on_conflict is OnConflict.UNION and isinstance(after, frozenset) and isinstance(before, frozenset):
            if not before <= after:
                self.violations.append(f"{name} of {native}: a union lost {before - after}")
        elif why == Verdict.CONFLICT and each.on_conflict is OnConflict.NEWEST and link:
            if self.modified and self.modified[side].get(link[side], START) >= self.modified[side.other][link[side.other]]:
                self.violations.append(f"an older edit of {name} of {native} won in {side.title}")
        elif why != Verdict.CONFLICT or each.on_conflict.value != side.other.value:
            self.violations.append(f"an edit of {name} of {native} in {side.title} was overwritten ({why})")

    # ── what stands on the two sides ──

    def cells(self, side: Side) -> Cells:
        """Every record of a side, trash included."""
        rows = self._civicrm_rows() if side is C else self._airtable_rows()
        fields = self.mapping.fields.values()
        return {
            native: {each.name: values.read(each, side, row.get(str(each.at[side]))) for each in fields if each.two_sided}
            for native, row in rows.items()
        }

    def _civicrm_rows(self) -> dict[str, dict[str, Json]]:
        paths = [str(each.at.civicrm) for each in mapping("as it was").fields.values()]
        own = [path for path in paths if not path.startswith("membership.")]
        where = [["is_deleted", "IN", [True, False]], ["contact_type", "=", "Organization"], ["id", ">=", FIRST]]
        asked = {"select": ["id", *own], "where": where, "checkPermissions": False}
        with self.civicrm._lock:
            rows = {str(row["id"]): dict(row) for row in self.civicrm.call(ADMIN, "Contact", "get", asked)["values"]}
            select = ["id", "contact_id", "end_date", "status_id:name", "status_id.is_current_member"]
            members = self.civicrm.call(ADMIN, "Membership", "get", {"select": select})["values"]
            # A merge leaves two: the last of these is the one that the mapping means.
            for member in sorted(members, key=lambda each: (each[select[4]], each["end_date"] or "9999", each["id"])):
                if (row := rows.get(str(member["contact_id"]))) is not None:
                    row.update({f"membership.{name}": member[name] for name in ("end_date", "status_id:name")})
        return rows

    def _airtable_rows(self) -> dict[str, dict[str, Json]]:
        with self.airtable.lock:
            table = self.airtable.table(BASE, TABLE)
            titles = {path: table.fields[id_].name for path, id_ in self.columns.items()}
            rows = self.airtable.rows(BASE, TABLE)
        words = {present: word for word, present in self.option_words.items()}
        found = {native: {path: row.get(title) for path, title in titles.items()} for native, row in rows.items()}
        for row in found.values():
            row["Status"] = words.get(str(row["Status"]), row["Status"])
        return found

    def key(self, side: Side, native: str) -> str:
        """The match key of a record, or its id where it has none."""
        if side is C:
            return str(self.civicrm.row("Contact", int(native)).get("external_identifier") or native)
        return str(self.airtable.row(BASE, TABLE, native).get("Civi ID") or native)

    def pairs(self) -> dict[str, str]:
        """By Airtable record, the CiviCRM record that is or will be its partner and that is there."""
        present = {native for native in map(str, self.civicrm.contacts) if int(native) >= FIRST}
        keys = {self.key(C, native): native for native in sorted(present)}
        linked = {link.airtable: link.civicrm for link in self.store.knowledge.load(self.mapping).links}
        return {
            native: partner
            for native in self.airtable.rows(BASE, TABLE)
            if (partner := linked.get(native) or keys.get(self.key(A, native))) is not None and partner in present
        }

    def comparable(self, side: Side, cells: Cells, native: str, name: str) -> Cell:
        """A cell as the two sides are compared by it."""
        return values.comparable(self.mapping.fields[name], side, cells[native][name])

    def note_truth(self) -> None:
        """Remember what both sides hold at this moment, and what either has held since the run began."""
        both = PerSide.of(self.cells)
        for airtable, civicrm in self.pairs().items():
            for name in both.airtable[airtable]:
                spot = (airtable, name)
                here, there = self.comparable(C, both.civicrm, civicrm, name), self.comparable(A, both.airtable, airtable, name)
                self.seen[C][spot].add(_mark(here))
                self.seen[A][spot].add(_mark(there))
                if here == there:
                    self.true_once[spot].add(_mark(here))

    # ── what staff do ──

    def edit(self, side: Side, native: str, name: str, raw: Json) -> None:
        """Somebody types into a cell."""
        before = self.cells(side)[native][name]
        if side is C:
            self._edit_civicrm(native, name, raw)
        else:
            title = self.airtable.table(BASE, TABLE).fields[self.columns[str(self.mapping.fields[name].at.airtable)]].name
            self.airtable.edit(BASE, TABLE, native, {title: raw})
        if self.cells(side)[native][name] != before:
            for airtable, civicrm in self.pairs().items():
                if native in (airtable, civicrm):
                    self.touched[airtable, name].add(side)
        self.note_truth()

    def _edit_civicrm(self, native: str, name: str, raw: Json) -> None:
        path = str(self.mapping.fields[name].at.civicrm)
        if not path.startswith("membership."):
            self.civicrm.staff_update("Contact", int(native), {path: raw})
            return
        for row in list(self.civicrm.site.rows["Membership"].rows.values()):
            if str(row["contact_id"]) == native:
                self.civicrm.staff_update("Membership", row["id"], {path.partition(".")[2]: raw})

    def disturb(self, *, name: str | None = None, native: str | None = None) -> None:
        """Expect nothing any more of cells that something else than one plain edit has come to."""
        spots = {(airtable, each) for airtable in self.airtable.rows(BASE, TABLE) for each in self.mapping.fields}
        partner = self.pairs()
        self.disturbed |= {
            (airtable, each)
            for airtable, each in spots
            if name in (None, each) and native in (None, airtable, partner.get(airtable))
        }

    # ── what bridge does ──

    @contextmanager
    def _watching(self) -> Iterator[None]:
        """A run, with what has to hold after every one of them."""
        self.arrivals.clear()
        self.must_tell.clear()
        self.running = True
        for side in Side:
            self.seen[side].clear()
        self.note_truth()
        try:
            yield
        finally:
            self.note_truth()
            for spot, held in self.seen[C].items():
                self.true_once[spot] |= held & self.seen[A][spot]
            self._check_run()
            self.running = False
            if self.coming is not None:
                self.variant, self.coming = self.coming, None

    def _last_edits(self) -> PerSide[dict[str, dt.datetime]]:
        """When each record was last edited, as the two systems say it."""
        rows = self.civicrm.contacts.items()
        civicrm = {str(id_): dt.datetime.fromisoformat(row["modified_date"]).replace(tzinfo=SITE_ZONE) for id_, row in rows}
        airtable = {id_: dt.datetime.fromisoformat(row["Edited"]) for id_, row in self.airtable.rows(BASE, TABLE).items()}
        return PerSide(civicrm, airtable)

    def run(self, kind: Kind = Kind.SWEEP, record: tuple[Side, str] | None = None) -> Result | None:
        """One run; None where the process died in it or nothing could be done."""
        self.clock.sleep(60)
        self.modified = self._last_edits()
        with self._watching():
            try:
                results = self.app.run(["groups"] if record else [], kind, by="tester", record=record)
            except (Died, ConfigError):
                return None
        self.latest = {each.mapping: each for each in results}
        for each in results:
            self._check_shown(each)
        return self.latest["groups"]

    def approve(self, digest: str) -> Result | None:
        """Apply a stored plan; None where it may not be applied any more."""
        self.clock.sleep(60)
        self.modified = None
        with self._watching():
            try:
                return self.app.approve(digest, by="approver")
            except (Died, BridgeError):
                return None

    def undo(self, number: int) -> Result | None:
        """Take back a run."""
        self.clock.sleep(60)
        self.disturb()
        with self._watching():
            try:
                prepared = self.app.prepare_undo(number, None, None)
                self._check_shown(Result(run=number, mapping="groups", state=RunState.DONE, plan=prepared.plan))
                return self.app.undo(prepared, by="tester")
            except (Died, BridgeError):
                return None

    # ── what has to hold ──

    def _check_run(self) -> None:
        self._check_pace()
        self._check_bases()
        for each in (self.mapping, self.people):
            links = self.store.knowledge.load(each).links
            for side in Side:
                if len({link[side] for link in links}) < len(links):
                    self.violations.append(f"a {side.title} record of {each.name} is linked twice")
        told = {(each.discrepancy.ids[side], each.discrepancy.field) for side in Side for each in self._ledger(202, 203)}
        for native, name in self.must_tell:
            if (native, name) not in told:
                self.violations.append(f"an edit of {name} of {native} was overruled and nobody told")

    def _ledger(self, *codes: int, state: str | None = None) -> list[Any]:
        return [each for code in codes for each in self.store.ledger.list(mapping="groups", state=state, code=code)]

    def _check_pace(self) -> None:
        """Never more than five requests in a second, by the clock that all share."""
        for first, sixth in zip(self.arrivals, self.arrivals[5:], strict=False):
            if 0 <= sixth - first < 1:
                self.violations.append(f"six requests to Airtable within {sixth - first:.3f} seconds")

    def _check_bases(self) -> None:
        known = self.store.knowledge.load(self.mapping)
        for link, bases in known.bases.items():
            for name, base in bases.items():
                once = self.true_once[link.airtable, name]
                if _mark(base) not in once:
                    self.violations.append(f"the base of {name} of {link} is {base!r}, and both had only {sorted(once)}")

    def _check_shown(self, result: Result) -> None:
        if result.plan is not None:
            shown = json.dumps(document(result.plan)) + as_text(result.plan, title="Groups", sentence=repr)
            self.told.append(str(result.digest))
            if SECRET in shown:
                self.violations.append(f"the plan of run {result.run} shows a sensitive value")
        if result.error is not None and SECRET in str(result.error):
            self.violations.append("an error shows a sensitive value")

    def rest(self) -> None:
        """No more trouble: a person approves what is held, two runs write what is left, the next has nothing to do."""
        for server in (self.servers.civicrm, self.servers.airtable):
            server.faults.clear()
        for waiting in (self.before_apply, self.after_apply, self.before_write, self.lose):
            waiting.clear()
        if (until := self.store.calls.blocked_until(BASE)) and self.clock() < until:
            self.clock.sleep((until - self.clock()).total_seconds())
        rounds = [self._round() for _ in range(3)]
        for result in rounds[:1]:
            assert result.state is not RunState.FAILED, result.error
        assert rounds[2].plan is not None
        if self.mapping.mode == "correct":
            assert not rounds[2].plan.changes, f"still to write in the third run: {_brief(rounds[2])}"
        assert self.latest["people"].plan is not None
        assert not self.latest["people"].plan.changes, f"still to write in the third run: {_brief(self.latest['people'])}"
        self._check_still(rounds[2])
        self._check_rest({(change.id, cell.field) for change in rounds[2].plan.changes for cell in change.cells})

    def _round(self) -> Result:
        """A run, and a person's approval where it is held."""
        self.writes = {C: 0, A: 0}
        result = self.run()
        assert result is not None
        for each in self.latest.values():
            assert each.state is not RunState.FAILED, (each.error, each.plan and each.plan.discrepancies)
            if each.state is RunState.HELD and each.digest is not None:
                self.approve(each.digest)
        return result

    def _check_still(self, last: Result) -> None:
        """The last run sent nothing but reads, and the same look makes the same plan."""
        assert self.writes == {C: 0, A: 0}
        again = [self.run(Kind.PLAN) for _ in range(2)]
        assert {each.digest for each in again if each} == {last.digest}

    def _check_rest(self, planned: set[tuple[str | None, str]]) -> None:
        """Whatever differs is told, or `planned` where bridge may only observe; every lone edit went where it should."""
        known = self.store.knowledge.load(self.mapping)
        assert not self.store.journal.open("groups"), "the journal has open entries"
        both = PerSide.of(self.cells)
        entries = [each for each in self.store.ledger.list(mapping="groups") if each.state != "resolved"]
        told = planned | {(each.discrepancy.ids[side], each.discrepancy.field) for side in Side for each in entries}
        shown = {native for native, row in self.airtable.rows(BASE, TABLE).items() if not row.get("Archived")}
        frozen = {each.discrepancy.field for each in entries if each.discrepancy.code in (501, 503)}
        gone = {each.discrepancy.ids.airtable for each in entries if each.discrepancy.code in (106, 107)}
        refused = {each.discrepancy.ids.airtable for each in entries if each.discrepancy.code in (401, 404, 405)}
        in_scope = self._in_scope()
        kept_touched, kept_calm = dict(self.touched), dict(self.calm)
        self.touched.clear()
        self.calm.clear()
        for link in known.links:
            if link.airtable not in shown or link.civicrm not in in_scope:
                assert link.airtable in gone, f"{link} lost a record and nobody was told"
                continue
            for name, each in self.mapping.fields.items():
                spot = (link.airtable, name)
                here = self.comparable(C, both.civicrm, link.civicrm, name)
                there = self.comparable(A, both.airtable, link.airtable, name)
                if name in frozen:
                    if spot in kept_touched:
                        self.touched[spot] = kept_touched[spot]
                    if spot in kept_calm:
                        self.calm[spot] = kept_calm[spot]
                    continue
                if here != there or isinstance(here, Unreadable):
                    is_told = any((link[side], name) in told for side in Side) or link.airtable in refused
                    assert is_told, f"{name} of {link} differs ({here!r}, {there!r}) and nobody was told"
                sides = kept_touched.get(spot, set())
                if len(sides) == 1 and spot in kept_calm and spot not in self.disturbed and self.mapping.mode == "correct":
                    self._check_edit(link, each.name, next(iter(sides)), kept_calm[spot], PerSide(here, there))
                if here == there and not isinstance(here, Unreadable):
                    self.calm[spot] = here
        self._check_merges(known.links)
        stopped = {(link.airtable, name) for link, name in known.stops}
        self.disturbed = stopped | {spot for spot in self.disturbed if spot[1] in frozen or spot[0] in gone}
        self.rested_at = self.clock()
        self._check_no_secret()
        people.check_rest(self, BASE, self.people, self.mapping)

    def merged_into(self, id_: int) -> int | None:
        """The contact that this one went into, or None."""
        [found] = self.civicrm._merge_action("getMergedTo", {"contactId": id_})
        return found["id"] if found else None

    def _check_merges(self, links: Collection[Link]) -> None:
        """The link of a merged contact went with it, unless its winner has a link, or two links would have gone there."""
        winners = [self.merged_into(int(link.civicrm)) for link in links]
        taken = {int(link.civicrm) for link in links}
        left = [winner for winner in winners if winner is not None and winner not in taken and winners.count(winner) == 1]
        assert not left, f"{left} were merged with linked contacts and have no link"
        for heir, airtable in self.heirs.items():
            row = self.airtable.rows(BASE, TABLE).get(airtable)
            if heir in self._in_scope() and row and not row.get("Archived"):
                assert Link(heir, airtable) in links, f"{heir} did not take over {airtable} from what was merged into it"
        self.heirs.clear()

    def _in_scope(self) -> set[str]:
        return {
            str(id_)
            for id_, row in self.civicrm.contacts.items()
            if not row.get("is_deleted") and "Worker_Cooperative" in (row.get("contact_sub_type") or ())
        }

    def _check_edit(self, link: Link, name: str, mover: Side, old: Cell, now: PerSide[Cell]) -> None:
        """Since the last rest only one side was edited: what became of that is what the mapping says, and nothing else."""
        each = self.mapping.fields[name]
        value, where = now[mover], f"{name} of {link}, edited in {mover.title} only"
        owner = each.authority.owner if each.authority else None
        assert each.authority is not None
        if each.authority == "report" or isinstance(value, Unreadable):
            assert now[mover.other] == old, f"{where}: the other side was written"
        elif owner is mover.other:
            if each.on_edit == "report":
                assert now[mover.other] == old, f"{where}: the owner was written"
            else:
                assert now == PerSide(old, old), f"{where}: not put back ({old!r}, {now})"
        elif value is None and not each.clear:
            assert now[mover.other] == old, f"{where}: a blank travelled"
        elif each.lossy and mover is A:
            assert now[mover.other] == old
        else:
            assert now[mover.other] == value, f"{where}: the edit did not travel ({old!r}, {now})"

    def _check_no_secret(self) -> None:
        """No sensitive value stands in the state in the clear, nor in the ledger."""
        assert SECRET not in repr(self.store.ledger.list(mapping="groups"))
        if self.state_url.startswith("sqlite"):
            for file in Path(self.state_url.removeprefix("sqlite:///")).parent.glob("bridge.db*"):
                assert SECRET.encode() not in file.read_bytes(), f"{file.name} holds a sensitive value"
            return
        with psycopg.connect(self.state_url) as connection:
            for table in metadata.tables:
                held = connection.execute(sql.SQL("select * from {}").format(sql.Identifier(table))).fetchall()
                assert SECRET not in repr(held), f"{table} holds a sensitive value"


def _mark(value: object) -> str:
    """One text for equal values."""
    return repr(sorted(value) if isinstance(value, frozenset) else value)


def _intent(side: Side, native: str, name: str, entries: Sequence[JournalEntry]) -> JournalCell | None:
    mine = (each for each in entries if each.change.side is side and each.change.id == native)
    return next((cell for each in mine for cell in each.cells if cell.field == name), None)


def _writes(side: Side, request: Request, route: str) -> bool:
    if side is A:
        return request.method in ("PATCH", "POST", "PUT", "DELETE") and not request.path.endswith("/listRecords")
    return any(verb in route for verb in ("/update", "/create", "/save", "/delete", "/replace"))


def _brief(result: Result) -> list[tuple[Any, ...]]:
    changes = result.plan.changes if result.plan else ()
    return [
        (change.side.value, change.name, [(cell.field, cell.why, cell.after_raw) for cell in change.cells])
        for change in changes
    ]


# ── the two systems on the first morning ──


def a_site(clock: Clock) -> CiviCRM:
    """Six co-ops, each with an email, a phone, an address and a membership."""
    site = CiviCRM(clock=clock)
    ids = range(FIRST, FIRST + COOPS)
    site.load("Contact", [a_coop(id_) for id_ in ids])
    site.load("Email", [{"id": id_, "contact_id": id_, "email": f"coop{id_}@example.org", "is_primary": True} for id_ in ids])
    site.load("Phone", [{"id": id_, "contact_id": id_, "phone": f"413-555-01{id_:02}", "is_primary": True} for id_ in ids])
    membership = {"membership_type_id": 1, "join_date": "2020-01-01", "start_date": "2026-01-01", "is_override": False}
    site.load(
        "Membership",
        [{**membership, "id": id_, "contact_id": id_, "status_id": 2, "end_date": "2026-12-31"} for id_ in ids],
    )
    people.come_to(site, FIRST, COOPS)
    return site


def a_coop(id_: int) -> dict[str, Any]:
    """A co-op as CiviCRM keeps it."""
    return {
        "id": id_,
        "contact_type": "Organization",
        "contact_sub_type": ["Worker_Cooperative"],
        "organization_name": f"Coop {id_}",
        "external_identifier": f"K{id_}",
        "nick_name": f"{SECRET}{id_}",
        "Benefits.Status": "enrolled",
        "Benefits.Plans": ["vision"],
        "Benefits.Effective_Date": "2026-01-01",
    }


def a_workspace(clock: Clock) -> Airtable:
    """The same co-ops but the last, and one that is in Airtable only."""
    made = Airtable(clock=clock, rate_limit=None)
    made.add_base("Benefits", BASE)
    standing = ("Active", "Grace", "In process", "Lapsed")
    columns = [
        Column("Group name"),
        Column("Civi ID"),
        Column("Contact email", "email"),
        Column("Phone", "phoneNumber"),
        Column("Status", "singleSelect", {"choices": list(STATUSES.values())}),
        Column("Plans", "multipleSelects", {"choices": list(PLANS.values())}),
        Column("Effective date", "date"),
        Column("Membership ends", "date"),
        Column("Membership status", "singleSelect", {"choices": list(standing)}),
        Column("Nickname"),
        Column("State"),
        Column("Archived", "checkbox"),
        Column("Edited", "lastModifiedTime"),
    ]
    made.add_table(BASE, TABLE, columns)
    people.are_listed_in(made, BASE)
    for id_ in range(FIRST, FIRST + COOPS - 1):
        made.create(BASE, TABLE, a_group(id_), f"recGroup{id_:09}")
    made.create(BASE, TABLE, {"Group name": "Nobody's", "Civi ID": "Z1"}, "recGroupOnly000001")
    return made


def a_group(id_: int) -> dict[str, Any]:
    """The co-op's row, as people write it."""
    return {
        "Group name": f" Coop  {id_}",
        "Civi ID": f"K{id_}",
        "Contact email": f"Coop{id_}@Example.org",
        "Phone": f"(413) 555-01{id_:02}",
        "Status": "Enrolled",
        "Plans": ["Vision"],
        "Effective date": "2026-01-01",
        "Membership ends": "2026-12-31",
        "Membership status": "Active",
        "Nickname": f"{SECRET}{id_}",
    }


@cache
def an_empty_state(folder: Path) -> Path:
    """A state without content, made once."""
    open_store(f"sqlite:///{folder / 'empty.db'}", [], Clock()).close()
    return folder / "empty.db"


def with_state(folder: Path, empty: Path) -> str:
    """The address of a fresh state in this folder."""
    shutil.copy(empty, folder / "bridge.db")
    return f"sqlite:///{folder / 'bridge.db'}"


def emptied(postgres: str) -> str:
    """The address of this state, with nothing in it any more."""
    names = sql.SQL(", ").join(map(sql.Identifier, metadata.tables))
    with psycopg.connect(postgres) as connection:
        connection.execute(sql.SQL("truncate {} restart identity").format(names))
    return postgres
