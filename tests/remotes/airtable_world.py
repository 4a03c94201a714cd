"""A sandbox Airtable with one base for the tests of the remote, remotes opened on it, and changes made for it."""

import datetime as dt
import threading
import time as machine
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import builders
from bridge.airtable.api import Api
from bridge.airtable.remote import AirtableRemote
from bridge.core.mapping import AirtableSource, FieldType
from bridge.core.plan import Action, CellChange, Change
from bridge.core.record import Json, Side
from bridge.core.sight import FieldSight
from bridge.sandbox.airtable import TOKEN, Airtable, Column
from remotes.airtable_slots import MemoryCalls, MemorySlots

BASE = "appFederation0001"
STATUSES = {"prospect": "Prospect", "enrolled": "Enrolled", "terminated": "Terminated"}
FIELDS = (
    builders.a_field("name", airtable="Group name"),
    builders.a_field("status", airtable="Status", type=FieldType.CHOICE, values=STATUSES),
    builders.a_field("plans", airtable="Plans", type=FieldType.CHOICES),
    builders.a_field("workers", airtable="Workers", type=FieldType.INTEGER),
    builders.a_field("effective", airtable="Effective date", type=FieldType.DATE),
    builders.a_field("label", civicrm=None, airtable="Label"),
)


def a_workspace() -> Airtable:
    """A base with a table `Groups` of all kinds of columns, another table, and no rate limit."""
    made = Airtable(rate_limit=None)
    made.add_base("Benefits", BASE)
    columns = [
        Column("Group name"),
        Column("Code"),
        Column("Status", "singleSelect", {"choices": ["Prospect", "Enrolled", "Terminated"]}),
        Column("Plans", "multipleSelects", {"choices": ["Dental", "Dental Plus", "Vision"]}),
        Column("Workers", "number"),
        Column("Effective date", "date"),
        Column("Archived", "checkbox"),
        Column("Label", "formula", {"formula": "UPPER({Group name})"}),
        Column("Changed", "lastModifiedTime"),
    ]
    made.add_table(BASE, "Groups", columns)
    made.add_table(BASE, "Other", [Column("Name")])
    return made


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Hurried:
    """A clock that sleeping moves at once, and that every look at it moves by `step` seconds: each request takes so long."""

    def __init__(self, step: float = 0.0) -> None:
        self._now = machine.time()
        self._step = step
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.sleep(self._step)

    def sleep(self, seconds: float) -> float:
        with self._lock:
            self._now += seconds
            return self._now


class Opener:
    """Opens remotes that have had their first sight; `pins` are given to it. Closes them all at the end.

    To them each request takes `seconds`, whatever it really took, and the latest sweep brought as many as `expected`.
    """

    def __init__(self, url: str, calls: MemoryCalls) -> None:
        self.seconds = 0.0
        self.expected: int | None = None
        self._url = url
        self._calls = calls
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    def __call__(
        self,
        *where: Json,
        pins: Mapping[str, FieldSight] | None = None,
        table: str = "Groups",
        token: str = TOKEN,
        fields: Any = FIELDS,
    ) -> AirtableRemote:
        time = Hurried(self.seconds)
        api = Api(token, url=self._url, slots=MemorySlots(), calls=self._calls, clock=utc_now, now=time, sleep=time.sleep)
        self._open.enter_context(api)
        mapping = builders.a_mapping(*fields, airtable=AirtableSource(base="benefits", table=table, where=where))
        remote = AirtableRemote(api, mapping, base_id=BASE, clock=utc_now, expected=lambda: self.expected)
        remote.sight(pins or {})
        return remote


def add(airtable: Airtable, name: str, **cells: Any) -> str:
    return airtable.create(BASE, "Groups", {"Group name": name, **{key.replace("_", " "): cell for key, cell in cells.items()}})


def update(record: str, **cells: tuple[Json, Json]) -> Change:
    """Cells as `Path=(before, after)`; underscores stand for spaces."""
    return change(Action.UPDATE, record, {path.replace("_", " "): pair for path, pair in cells.items()})


def create(**cells: Json) -> Change:
    return change(Action.CREATE, None, {path.replace("_", " "): (None, after) for path, after in cells.items()})


def change(action: Action, record: str | None, cells: Mapping[str, tuple[Json, Json]]) -> Change:
    made = tuple(
        CellChange(field=path, path=path, before=None, after=None, before_raw=before, after_raw=after, why="changed")
        for path, (before, after) in cells.items()
    )
    return Change(mapping="groups", side=Side.AIRTABLE, action=action, id=record, partner="12", name="x", cells=made)
