"""The stage of a scenario: a CiviCRM and an Airtable that answer over HTTP as the real ones do, and a bridge between them.

Everything is real but the clock. Records are called by name: the name is what both systems hold as the co-op's name, and
stands for its key as well. Cells are called by the mapping's field, or by the system's own word where no field has it.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from bridge import retry
from bridge.airtable.api import Api
from bridge.app import App
from bridge.config.mappings import load
from bridge.config.settings import Settings
from bridge.core.document import as_text
from bridge.core.mapping import FieldType
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.plan import Change, Plan
from bridge.core.record import Json, Link, PerSide, Side
from bridge.language import Language
from bridge.ports import Outcome, Progress, Pulled, Remote, silent
from bridge.sandbox.airtable import TOKEN, Airtable, Column
from bridge.sandbox.airtable_api import AirtableApi
from bridge.sandbox.civicrm import ADMIN, API_KEYS, CiviCRM
from bridge.sandbox.http import Server
from bridge.service.digest import standing
from bridge.service.order import Kind, Result
from fakes import FakeClock

BASE, TABLE = "appFederation0001", "Groups"
DEFAULT = YAML(typ="safe").load(Path(__file__).with_name("mapping.yaml"))
COLUMNS: Mapping[FieldType, str] = {
    FieldType.EMAIL: "email",
    FieldType.PHONE: "phoneNumber",
    FieldType.DATE: "date",
    FieldType.BOOLEAN: "checkbox",
    FieldType.CHOICE: "singleSelect",
    FieldType.CHOICES: "multipleSelects",
    FieldType.INTEGER: "number",
    FieldType.LONG_TEXT: "multilineText",
}
"""The Airtable type of a column whose scenario names none; any other type of field is a line of text."""

Cells = Mapping[str, Json]


class Died(SystemExit):
    """The process ended at this instant."""


def mapping_of(changes: Mapping[str, Any], folder: Path) -> FieldMapping:
    """The usual mapping with a scenario's changes, read and checked: keys are replaced, fields added or (null) removed."""
    fields = {**DEFAULT["fields"], **changes.get("fields", {})}
    text = {**DEFAULT, **changes, "fields": {name: each for name, each in fields.items() if each is not None}}
    file = folder / "groups.yaml"
    file.write_text(json.dumps(text))  # JSON is YAML
    [made] = load(file)
    return replace(made, file="mappings/groups.yaml")


@dataclass
class Trouble:
    """What comes between bridge and one of its remotes."""

    before_write: list[Callable[[], None]] = field(default_factory=list)
    after_write: list[Callable[[], None]] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    """Ids that pulls leave out, though they call themselves complete."""


class Troubled:
    """A remote to which trouble may come."""

    def __init__(self, remote: Remote, trouble: Trouble) -> None:
        self._remote = remote
        self._trouble = trouble

    def __getattr__(self, name: str) -> Any:
        return getattr(self._remote, name)

    def pull(self, progress: Progress = silent, *, since: dt.datetime | None = None) -> Pulled:
        pulled = self._remote.pull(progress, since=since)
        return replace(pulled, rows=tuple(row for row in pulled.rows if row.id not in self._trouble.lost))

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        for happen in _taken(self._trouble.before_write):
            happen()
        outcomes = self._remote.apply(changes)
        for happen in _taken(self._trouble.after_write):
            happen()
        return outcomes


def _taken(waiting: list[Callable[[], None]]) -> list[Callable[[], None]]:
    taken = waiting[:]
    waiting.clear()
    return taken


class StagedApp(App):
    """bridge, with the pace on the clock of the stage and trouble on its way."""

    trouble: PerSide[Trouble]

    @cached_property
    def airtable(self) -> Api:
        api = Api(
            TOKEN,
            slots=self.store.slots,
            calls=self.store.calls,
            clock=self.clock,
            url=str(self.settings.airtable.url),
            now=lambda: self.clock().timestamp(),
            sleep=self.sleep,
        )
        self._open.callback(api.close)
        return api

    def remotes(self, mapping: FieldMapping) -> PerSide[Remote]:
        both = super().remotes(mapping)
        return PerSide.of(lambda side: Troubled(both[side], self.trouble[side]))


@dataclass
class Stage:
    """The two systems by name of record, and a bridge between them. `refused` is what bridge last said no with."""

    servers: PerSide[Server]
    folder: Path
    mapping: FieldMapping
    columns: Mapping[str, Mapping[str, Any]]
    clock: FakeClock = field(default_factory=FakeClock)
    trouble: PerSide[Trouble] = field(default_factory=lambda: PerSide(Trouble(), Trouble()))
    ids: PerSide[dict[str, str]] = field(default_factory=lambda: PerSide({}, {}))
    user: str = "syncbot"
    results: list[Result] = field(default_factory=list)
    refused: str = ""
    heard: str | None = None
    heard_at: dt.datetime | None = None
    written: int = 0
    sent: int = 0
    _states: int = 0
    _open: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.civicrm = CiviCRM(clock=self.clock)
        self.airtable = Airtable(clock=self.clock, rate_limit=None)
        self.airtable.add_base("Benefits", BASE)
        self.airtable.add_table(BASE, TABLE, self._table())
        self.table = self.airtable.table(BASE, TABLE).id
        self.column_ids = {column.name: id_ for id_, column in self.airtable.table(BASE, TABLE).fields.items()}
        self.servers.civicrm.app, self.servers.airtable.app = self.civicrm, AirtableApi(self.airtable)
        for _, server in self.servers:
            server.clock = lambda: self.clock().timestamp()
            server.faults.clear()
        self.open(fresh=True)

    def _table(self) -> Iterable[Column]:
        """A column for everything the mapping names in Airtable, and for what the scenario adds."""
        made = {each.at.airtable: each for each in self.mapping.fields.values() if each.at.airtable is not None}
        asked = {str(condition[0]) for condition in self.mapping.airtable.where if isinstance(condition, list)}
        for name in dict.fromkeys((*made, *sorted(self.mapping.paths(Side.AIRTABLE) | asked), *self.columns)):
            each, given = made.get(name), self.columns.get(name, {})
            kind = given.get("type") or (COLUMNS.get(each.type, "singleLineText") if each else "singleLineText")
            options = {"choices": [*dict.fromkeys(each.values.values())]} if each and each.values else {}
            yield Column(name, kind, given.get("options", {"precision": 0} if kind == "number" else options))

    def close(self) -> None:
        self._open.close()

    # ── what people do ──

    def edit(self, side: Side, rows: Mapping[str, Cells]) -> None:
        """Type into records; one that is not there yet is made."""
        put = self._put_civicrm if side is Side.CIVICRM else self._put_airtable
        for name, cells in rows.items():
            for each in self.called(side, name):
                put(each, {self.path(side, cell): value for cell, value in cells.items()})

    def called(self, side: Side, name: str) -> list[str]:
        """The name, or with `everybody` those of all records."""
        return [*self.ids[side]] if name == "everybody" else [name]

    def path(self, side: Side, name: str) -> str:
        """The system's own word for a field of the mapping; any other word as it stands."""
        each = self.mapping.fields.get(name)
        return (each.at[side] if each else None) or name

    def _put_civicrm(self, name: str, cells: Cells) -> None:
        member = {path.partition(".")[2]: value for path, value in cells.items() if path.startswith("membership.")}
        own = {path: value for path, value in cells.items() if not path.startswith("membership.")}
        if name not in self.ids.civicrm:
            new = {"contact_sub_type": ["Worker_Cooperative"], "organization_name": name, "external_identifier": name}
            self.ids.civicrm[name] = str(self.civicrm.staff_create("Organization", {**new, **own}))
            if member:
                whose = {"contact_id": int(self.ids.civicrm[name]), "membership_type_id": 1}
                self.civicrm.staff_create("Membership", {**whose, **member})
            return
        number = int(self.ids.civicrm[name])
        if own:
            self.civicrm.staff_update("Contact", number, own)
        for row in self.civicrm.site.rows["Membership"].rows_where("contact_id", number) if member else ():
            self.civicrm.staff_update("Membership", row["id"], member)

    def _put_airtable(self, name: str, cells: Cells) -> None:
        if name not in self.ids.airtable:
            new = {self.path(Side.AIRTABLE, "name"): name, "Civi ID": name}
            known = {path: value for path, value in {**new, **cells}.items() if path in self.column_ids}
            assert set(cells) <= set(known), f"no such column: {set(cells) - set(known)}"
            self.ids.airtable[name] = self.airtable.create(BASE, self.table, known)
            return
        by_id = {self.column_ids.get(path, path): value for path, value in cells.items()}
        self.airtable.edit(BASE, self.table, self.ids.airtable[name], by_id)

    # ── what bridge does ──

    def open(self, *, fresh: bool = False) -> None:
        """Start bridge anew, with the state it had or with a fresh one in which nothing is known."""
        self._open.close()
        self._open.enter_context(retry.no_waits())
        self._states += fresh
        environment = {
            "BRIDGE_MODE": "correct",
            "BRIDGE_STATE_URL": f"sqlite:///{self.folder}/bridge{self._states}.db",
            "BRIDGE_CIVICRM__URL": self.servers.civicrm.url,
            "BRIDGE_CIVICRM__API_KEY": API_KEYS[self.user],
            "BRIDGE_AIRTABLE__URL": self.servers.airtable.url,
            "BRIDGE_AIRTABLE__TOKEN": TOKEN,
            "BRIDGE_AIRTABLE__BASES__BENEFITS": BASE,
        }
        self.app = StagedApp(Settings.load(environment), clock=self.clock, sleep=self.clock.sleep)
        self.app.trouble = self.trouble
        self.use(self.mapping)
        self._open.enter_context(self.app)

    def use(self, mapping: FieldMapping) -> None:
        """Go on with this mapping."""
        self.mapping = mapping
        self.app.__dict__["mappings"] = (mapping,)

    def run(self, kind: Kind = Kind.SWEEP, record: tuple[Side, str] | None = None) -> None:
        """One run, some minutes after whatever came before."""
        with self._watched():
            self.results += self.app.run(["groups"], kind, by="Lupe", record=record)

    def approve(self) -> None:
        """A person approves the last plan."""
        with self._watched():
            self.results.append(self.app.approve(self.digest, by="Rosa"))

    def undo(self) -> None:
        """A person takes back the last run."""
        with self._watched():
            prepared = self.app.prepare_undo(self.results[-1].run, None, None)
            self.results.append(self.app.undo(prepared, by="Rosa"))

    def tell(self) -> None:
        """A digest is due: `heard` is how it begins, None if it is silent."""
        digest = standing([self.mapping], self.app.store, self.clock(), since=self.heard_at, address=lambda *_: None)
        self.heard = None if digest.silent else Language("en", self.mapping.timezone).headline(digest)
        self.heard_at = self.heard_at if digest.silent else self.clock()

    @property
    def digest(self) -> str:
        """Of the last plan."""
        return str(self.results[-1].digest)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Counts the records that are other than before, and the requests that asked for a write."""
        self.clock.forward(minutes=5)
        for _, server in self.servers:
            server.forget_requests()
        before = self.records()
        yield
        after = self.records()
        self.written = sum(before[side].get(id_) != row for side in Side for id_, row in after[side].items())
        self.sent = sum(
            call.method in ("PATCH", "PUT", "POST") and not call.path.endswith("/listRecords")
            for call in self.servers.airtable.requests
        ) + sum(self.servers.civicrm.count(action) for action in ("/create", "/update", "/save", "/replace", "/delete"))

    # ── what stands there ──

    def records(self) -> PerSide[dict[str, dict[str, Json]]]:
        """Every record of both systems by id, trash included, keyed by the mapping's paths."""
        paths = [path for path in self.mapping.paths(Side.CIVICRM) if not path.startswith("membership.")]
        where = [["is_deleted", "IN", [True, False]], ["contact_type", "=", "Organization"], ["id", ">", 7]]
        known = self.civicrm.site.schema.fields("Contact")
        select = ["id", *(path for path in paths if not path.startswith("Benefits.") or path.partition(":")[0] in known)]
        civicrm = {str(row["id"]): row for row in self._get("Contact", select, where)}
        for row in self._get("Membership", ["contact_id", "end_date", "status_id:name"], []):
            held = civicrm.get(str(row["contact_id"]), {})
            held.update({f"membership.{name}": value for name, value in row.items() if name not in ("id", "contact_id")})
        with self.airtable.lock:
            base, table = self.airtable.base(BASE), self.airtable.table(BASE, self.table)
            titles = {id_: name for name, id_ in self.column_ids.items()}
            airtable = {
                id_: {titles.get(key, key): value for key, value in base.fields_of(table, record, by_id=True).items()}
                for id_, record in table.records.items()
            }
        return PerSide(civicrm, airtable)

    def _get(self, entity: str, select: list[str], where: list[Any]) -> list[dict[str, Json]]:
        asked = {"select": select, "where": where, "checkPermissions": False}
        return [dict(row) for row in self.civicrm.call(ADMIN, entity, "get", asked)["values"]]

    @property
    def plan(self) -> str:
        """The last plan as people read it before it is carried out."""
        plan = self.results[-1].plan
        assert plan is not None
        return self._in_words(plan)

    @property
    def kept_plan(self) -> str:
        """The last plan as people read it from the state."""
        return self._in_words(self.app.store.plans.get(self.digest).plan)

    def _in_words(self, plan: Plan) -> str:
        said = Language("en", self.mapping.timezone)
        return as_text(plan, title="Benefits groups", sentence=lambda each: said.discrepancy(each, self.mapping).what)

    @property
    def sentences(self) -> list[str]:
        """What staff read now: every open discrepancy, and why the last plan is held."""
        said = Language("en", self.mapping.timezone)
        entries = self.app.store.ledger.list(state="open")
        plan = self.results[-1].plan if self.results else None
        return [
            *(said.discrepancy(each, self.mapping).what for each in entries),
            *(breach.message for breach in (plan.breaches if plan else ())),
        ]

    @property
    def codes(self) -> list[int | str]:
        """The codes of the open discrepancies, or the rules' names."""
        found = (each.discrepancy for each in self.app.store.ledger.list(state="open"))
        return sorted((each.rule or each.code for each in found), key=str)

    def link(self, civicrm: str, airtable: str) -> Link:
        """The pair of two records by name."""
        return Link(self.ids.civicrm[civicrm], self.ids.airtable[airtable])
