"""The JSON of the HTTP API: what is asked and what is answered, with bounds. Descriptions go into the OpenAPI document."""

import datetime as dt
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, StringConstraints

from bridge.core.ledger import Event, Reason, State
from bridge.core.mapping import Mode, Severity
from bridge.core.record import Side
from bridge.ports import JournalEntry, RunRecord, RunState


class Shape(BaseModel):
    """A JSON object without any key but its own."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


Line = StringConstraints(strip_whitespace=True, max_length=500, pattern=r"^[^\x00-\x08\x0a-\x1f\x7f]*$")
Note = Annotated[str, Line]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")]
MappingName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=80)]
RecordName = Annotated[str, StringConstraints(pattern=r"^(civicrm:[0-9]{1,18}|airtable:rec[0-9A-Za-z]{14,20})$")]


class Problem(Shape):
    """Why a request was not done, and what to do now. It never repeats a value."""

    status: int
    """The HTTP status."""
    title: str
    detail: str
    """What was expected and found."""
    next_step: str = ""


class AskedSync(Shape):
    """A sync to run now: of one mapping or all, of one record or all."""

    mapping: MappingName | None = None
    """Only this mapping. Default: all, or for a record those that know it."""
    record: RecordName | None = None
    """Only this record and its partner: `civicrm:ID` or `airtable:rec…`."""
    dry_run: bool = False
    """Only plan: neither system is written, and the ledger does not move."""
    mode: Mode | None = None
    """`observe` writes to neither system, whatever the settings say. `correct` and null go by the settings."""
    delta: bool = False
    """Only what changed since the last complete pull, as `bridge sync --delta`. With `record` it says nothing."""


class Assign(Shape):
    """Who takes care of it."""

    assignee: Name | None = None
    """A name, or null for nobody."""
    note: Note = ""


class Snooze(Shape):
    """Silence for a while."""

    until: dt.date | None = None
    """The first day it is heard again; null: until its facts change."""
    note: Note = ""


class Accept(Shape):
    """Let it stand as it is, until its facts change."""

    reason: Reason
    """`other` needs a note."""
    note: Note = ""


class Reopen(Shape):
    """Hear it again."""

    note: Note = ""


Stamp = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class Use(Shape):
    """One system's value is right: it is written to the other one."""

    side: Side
    """The system that is right."""
    stamp: Stamp | None = None
    """The discrepancy's `stamp` as it was looked at: refused if it is another one by now. Null: whatever it is."""


class Match(Shape):
    """Whether the two records of a suggested pair are the same."""

    same: bool
    stamp: Stamp | None = None
    """The discrepancy's `stamp` as it was looked at: refused if it is another one by now. Null: whatever it is."""


class Run(Shape):
    """One run, as `bridge runs --json` gives it."""

    id: int
    mapping: str
    mode: str
    """`observe` or `correct`."""
    kind: str
    """sweep, delta, record, plan, apply or undo."""
    state: RunState
    started_at: dt.datetime
    finished_at: dt.datetime | None
    changes: int
    """Records the plan would write."""
    discrepancies: int
    digest: str | None
    counts: dict[str, int]
    by: str
    """A login, a token's name, or `schedule`."""
    note: str

    @classmethod
    def of(cls, record: RunRecord) -> Self:
        """The run in this form."""
        return cls.model_validate(_run(record))


class Write(Shape):
    """One write of a run. `outcome` is null while it is in doubt."""

    side: str
    id: str | None
    name: str
    fields: list[str]
    outcome: str | None
    landed: list[str]
    """The fields that are known to have been written, also of a write that was refused or dropped."""
    detail: str

    @classmethod
    def of(cls, entry: JournalEntry) -> Self:
        """The write in this form."""
        return cls(
            side=entry.change.side.value,
            id=entry.change.id,
            name=entry.change.name,
            fields=[cell.field for cell in entry.cells],
            outcome=entry.outcome.value if entry.outcome else None,
            landed=[cell.field for cell in entry.stands],
            detail=entry.detail,
        )


class WholeRun(Run):
    """A run with its plan and its writes."""

    plan: dict[str, Any] | None
    """The plan's own document; null if the run made none, or it was let go."""
    writes: list[Write]

    @classmethod
    def made_of(cls, record: RunRecord, plan: dict[str, Any] | None, writes: list[Write]) -> Self:
        """The run with these."""
        return cls.model_validate({**_run(record), "plan": plan, "writes": writes})


class Discrepancy(Shape):
    """One discrepancy, in the stable form of `bridge discrepancies list --json`."""

    id: int
    fingerprint: str
    """16 hex digits: the same fact has the same one for ever."""
    mapping: str
    code: int
    rule: str | None
    severity: Severity
    state: State
    name: str
    civicrm_id: str | None
    airtable_id: str | None
    field: str | None
    opened_at: dt.datetime
    runs: int
    """How many runs have seen it."""
    days: int
    assignee: str | None
    snoozed_until: dt.date | None
    text: str
    """One sentence that says what is the matter."""


class Happening(Shape):
    """Something that happened to a discrepancy."""

    what: str
    at: dt.datetime
    by: str
    note: str

    @classmethod
    def of(cls, event: Event) -> Self:
        """The event in this form."""
        return cls(what=event.happened.value, at=event.at, by=event.by, note=event.note)


class WholeDiscrepancy(Discrepancy):
    """A discrepancy with what to do about it and its history."""

    stamp: str
    """Changes when the facts or people's words do: hand it back with what you decide."""
    do: str
    note: str
    history: list[Happening]


class SyncStage(StrEnum):
    """Where a sync stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    HELD = "held"
    FAILED = "failed"


class Step(Shape):
    """How far one long wait of a run is."""

    what: str
    done: int
    total: int | None
    """Null while it is not known."""


class Sync(Shape):
    """A sync that was asked for. Poll it, or follow its events, until `finished_at` is set.

    It outlives the server, and another one on the same state knows it too; how far it is, only the one that runs it says.
    """

    id: str
    state: SyncStage
    mapping: str | None
    record: str | None
    dry_run: bool
    mode: Mode | None = None
    delta: bool = False
    digest: str | None
    """The plan that is being applied on somebody's approval."""
    chosen: Side | None
    """The system whose value somebody chose for one cell of one record."""
    by: str
    asked_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    progress: list[Step] = []
    """How far the run in hand is; empty where another server runs it."""
    runs: list[Run]
    """Known once it has ended."""
    problem: str
    cause: str = ""
    """The kind of error that kept it from being done; empty where none did."""


class HeldPlan(Shape):
    """A plan over its guard, waiting for a person."""

    digest: str
    mapping: str
    run: int
    created_at: dt.datetime
    changes: int
    reasons: list[str]


class Duty(Shape):
    """When something is due next."""

    work: str
    mapping: str | None
    next: dt.datetime | None


class MonthsCalls(Shape):
    """One Airtable base's month: calls made, and how it ends if all runs are made as scheduled."""

    base: str
    quota: int | None
    used: int
    expected: int
    syncs_afforded: float
    """The share of the scheduled syncs that there are calls for, 0 to 1."""
    stretched: list[str]
    """The mappings whose syncs come less often for it."""


class Status(Shape):
    """How everything stands, as `bridge status --json` gives it, with the schedule."""

    mappings: list[dict[str, Any]]
    calls: list[dict[str, Any]]
    schedule: list[Duty]
    waiting: int
    """Jobs in line."""
    busy: bool
    budget: list[MonthsCalls]


class Ready(Shape):
    """Whether everything that all depends on was well when it was last used. `checks` only for those who are signed in."""

    ready: bool
    checks: list[dict[str, Any]] | None = None


def _run(record: RunRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "mapping": record.mapping,
        "mode": record.mode,
        "kind": record.kind,
        "state": record.state,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "changes": record.counts.get("changes", 0),
        "discrepancies": record.counts.get("discrepancies", 0),
        "digest": record.digest,
        "counts": dict(record.counts),
        "by": record.by,
        "note": record.note,
    }
