"""What a run needs of the state: runs and leases, what is known, the journal, plans, calls and slots."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from bridge.core.knowledge import Known, Stop
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.plan import Change, Plan, Written
from bridge.core.record import Base, Json, Link, PerSide, Side, Value
from bridge.core.sight import FieldSight


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    DONE = "done"
    HELD = "held"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run in the run ledger. `kind` is sweep, delta, record, apply or undo; `counts` are small named numbers."""

    id: int
    mapping: str
    mode: str
    kind: str
    state: RunState
    started_at: dt.datetime
    finished_at: dt.datetime | None = None
    digest: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    note: str = ""
    by: str = ""


class Lease(Protocol):
    """The right to run a mapping. Its `token` fences every write of the state."""

    token: int

    def check(self) -> None:
        """Renew; raise RunInProgress if another process has taken over. Called before every batch sent to a remote."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTotal:
    """All runs of one mapping, kind and state together: `counts` are theirs added up, `seconds` how long they took."""

    mapping: str
    kind: str
    state: RunState
    runs: int
    seconds: float
    last_started: dt.datetime
    last_finished: dt.datetime | None
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalCell:
    """One cell of a journal entry. A sensitive cell kept without a key has `Sealed` values, no raw ones, and `sealed` true."""

    field: str
    path: str
    before: Base
    after: Base
    before_raw: Json
    after_raw: Json
    why: str = ""
    sensitive: bool = False
    sealed: bool = False
    source: Base = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One write: its intent, and its outcome once known. `outcome` None means the intent is still open: in doubt.

    `landed` and `code` are as in `Outcome`.
    """

    id: int
    run: int
    change: Change
    cells: tuple[JournalCell, ...]
    intent_at: dt.datetime
    outcome: Written | None = None
    outcome_at: dt.datetime | None = None
    detail: str = ""
    by: str = ""
    record: str | None = None
    """The written record's id: a create's once it is known."""
    code: int | None = None
    landed: tuple[str, ...] = ()

    @property
    def stands(self) -> tuple[JournalCell, ...]:
        """The cells that are known to have been written."""
        if self.outcome is Written.DONE:
            return self.cells
        return tuple(cell for cell in self.cells if cell.field in self.landed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """A write's outcome with what it teaches: stored in one transaction."""

    entry: int
    written: Written
    detail: str = ""
    link: Link | None = None
    bases: Mapping[str, Value | None] = field(default_factory=dict)
    stops: Mapping[str, Stop] = field(default_factory=dict)
    record: str | None = None
    """The id a create was given."""
    code: int | None = None
    landed: tuple[str, ...] = ()


class Runs(Protocol):
    """The run ledger and the lease."""

    def lease(self, mapping: str, holder: str) -> AbstractContextManager[Lease]:
        """Hold the mapping; raise RunInProgress naming holder and since when if another process does."""
        ...

    def start(self, mapping: str, *, mode: str, kind: str, by: str) -> int:
        """Open a run and return its number."""
        ...

    def finish(
        self, run: int, state: RunState, *, digest: str | None = None, counts: Mapping[str, int] | None = None, note: str = ""
    ) -> None:
        """Close a run."""
        ...

    def list(self, *, mapping: str | None = None, limit: int = 50, before: int | None = None) -> Sequence[RunRecord]:
        """Newest first; with `before` only those of a smaller number."""
        ...

    def get(self, run: int) -> RunRecord | None:
        """One run."""
        ...

    def interrupted(self, mapping: str) -> Sequence[RunRecord]:
        """Runs left RUNNING by a process that died; marks them INTERRUPTED. Call under the lease."""
        ...

    def totals(self, *, since: dt.datetime | None = None) -> Sequence[RunTotal]:
        """All runs there ever were, or those that ended after `since`, added up by mapping, kind and state."""
        ...


class Knowledge(Protocol):
    """Links, bases, pins, decisions: what makes the comparison three-way."""

    def load(self, mapping: FieldMapping, *, bases: bool = True) -> Known:
        """All that is known of the mapping; without `bases` all but what was agreed, which `bases` tells."""
        ...

    def bases(self, mapping: FieldMapping, wanted: Collection[Link]) -> Mapping[Link, Mapping[str, Base]]:
        """What each of these pairs last agreed on, by field; a pair that is not linked, or agreed on nothing, is left out."""
        ...

    def agreed(self, mapping: FieldMapping, link: Link) -> Mapping[str, Base]:
        """What the two records last agreed on, by field; nothing if they are not linked."""
        ...

    def store(self, mapping: FieldMapping, plan: Plan, lease: Lease) -> None:
        """Keep the plan's new links, agreed bases and marks, in one transaction."""
        ...

    def mark_told(self, mapping: FieldMapping, plan: Plan, lease: Lease) -> None:
        """Keep the half marks of the plan's pairs of which the ledger has been told."""
        ...

    def remember_run(self, mapping: FieldMapping, counts: PerSide[int], lease: Lease) -> None:
        """After a whole, complete run: the counts, the mapping's digest and scope."""
        ...

    def set_absent(self, mapping: str, absent: Collection[Link], lease: Lease) -> None:
        """Replace the set of absent links."""
        ...

    def move_link(self, mapping: str, old: Link, new: Link, lease: Lease) -> None:
        """After a merge: the base goes with it."""
        ...

    def pins(self, mapping: str, side: Side) -> Mapping[str, FieldSight]:
        """The pinned schema by path; empty if never pinned."""
        ...

    def pin(self, mapping: str, side: Side, fields: Iterable[FieldSight]) -> None:
        """Replace the pins of these paths."""
        ...

    def confirm(self, mapping: str, link: Link, by: str) -> None:
        """A person says the two are the same: link them. Raises ConfigError if either is linked elsewhere."""
        ...

    def reject(self, mapping: str, link: Link, by: str, evidence: str) -> None:
        """A person says the two are not the same."""
        ...

    def unlink(self, mapping: str, link: Link, by: str) -> None:
        """Forget the link and its base, and remember that a person took it apart."""
        ...

    def partners(self, mapping: str) -> PerSide[Mapping[str, str]]:
        """For references: each side's id to the other side's.

        A link of which a record is absent is known from Airtable only: what refers to it is understood, and nothing is
        written that newly refers to it (the record may be gone, and Airtable refuses a link to such a one every time).
        """
        ...

    def find_link(self, side: Side, id: str) -> Sequence[tuple[str, Link]]:  # noqa: A002
        """Every (mapping, link) that holds this native id."""
        ...

    def watermark(self, mapping: str, side: Side) -> dt.datetime | None:
        """Up to when the side has been read completely."""
        ...

    def set_watermark(self, mapping: str, side: Side, at: dt.datetime, lease: Lease) -> None:
        """Move the watermark; only after a complete, stored pull."""
        ...

    def glimpses(self, mapping: str) -> Mapping[Link, bytes]:
        """The glimpse of each link's CiviCRM record when the pair was last seen to; a pair that never was is left out."""
        ...

    def glimpse(self, mapping: str, seen: Mapping[Link, bytes], lease: Lease) -> None:
        """Keep these glimpses in place of earlier ones; what stands there already is not written again."""
        ...


class Journal(Protocol):
    """The append-only account of writes."""

    def intend(self, run: int, changes: Sequence[Change], lease: Lease, *, by: str = "") -> Sequence[int]:
        """Record intents before anything is sent; one id per change, in order, in one transaction."""
        ...

    def settle(self, mapping: FieldMapping, settlements: Sequence[Settlement], lease: Lease) -> None:
        """Outcomes, links, bases and stops, in one transaction."""
        ...

    def open(self, mapping: str) -> Sequence[JournalEntry]:
        """Entries whose outcome is not known (no outcome, or IN_DOUBT), oldest first."""
        ...

    def refused(self, mapping: str, since: dt.datetime) -> Sequence[JournalEntry]:
        """What a system refused of what was intended from `since` on, oldest first."""
        ...

    def of_run(self, run: int) -> Sequence[JournalEntry]:
        """A run's writes, in the order they were intended."""
        ...

    def of_record(self, side: Side, id: str) -> Sequence[JournalEntry]:  # noqa: A002
        """Newest first."""
        ...


class PlanState(StrEnum):
    """What became of a stored plan."""

    PLANNED = "planned"
    HELD = "held"
    APPROVED = "approved"
    APPLIED = "applied"
    REJECTED = "rejected"
    STALE = "stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlan:
    """A plan in the state. `document` is its public JSON; `plan` is what can be applied from here."""

    digest: str
    mapping: str
    run: int
    state: PlanState
    created_at: dt.datetime
    document: Mapping[str, Json]
    plan: Plan
    unwritable: int = 0
    """Cells of sensitive fields that were stored as digests only and were left out of `plan`."""
    approved_by: str | None = None
    """Who approved it, or rejected it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSheet:
    """A stored plan as people read it: without what applying it needs, which takes long to open."""

    digest: str
    mapping: str
    run: int
    state: PlanState
    document: Mapping[str, Json]
    approved_by: str | None
    """Who approved it, or rejected it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingPlan:
    """That a plan waits for a person, and which run made it."""

    digest: str
    mapping: str
    run: int


class Plans(Protocol):
    """Stored plans: kept, readable for ever, used at most once."""

    def save(self, run: int, plan: Plan, document: Mapping[str, Json], state: PlanState) -> None:
        """Keep a plan. One that a person approved or rejected stays so when it is made again."""
        ...

    def get(self, digest: str) -> StoredPlan | None:
        """By digest, or by an unambiguous prefix of at least 8 hex digits. The newest where the same plan was made twice."""
        ...

    def set_state(self, digest: str, state: PlanState, *, by: str | None = None) -> None:
        """Say what became of a plan, and on whose word."""
        ...

    def sheet(self, digest: str) -> PlanSheet | None:
        """By its whole digest, as people read it. The newest where the same plan was made twice."""
        ...

    def waiting(self) -> Sequence[WaitingPlan]:
        """Which plans wait for a person, newest first; nothing of them is opened."""
        ...

    def held(self, mapping: str | None = None) -> Sequence[StoredPlan]:
        """Plans waiting for a person, newest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRecord:
    """A sync that somebody asked for, as the state keeps it. `wish` says what for, `runs` are the numbers of its runs."""

    id: str
    wish: Mapping[str, Json]
    by: str
    stage: str
    asked_at: dt.datetime
    started_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    runs: tuple[int, ...] = ()
    problem: str = ""


class Syncs(Protocol):
    """The syncs that people asked for. Each belongs to the process that has it in line until that gives no sign of life."""

    def take(self, sync: SyncRecord, until: dt.datetime, *, key: str = "") -> SyncRecord:
        """Keep it as this process's own `until` then, or give back what the same person asked for under this key before."""
        ...

    def asked(self, by: str, key: str) -> SyncRecord | None:
        """What somebody asked for under this key of theirs."""
        ...

    def get(self, id: str) -> SyncRecord | None:  # noqa: A002  # its own word for it
        """The sync of that id."""
        ...

    def keep(self, sync: SyncRecord) -> bool:
        """Keep how it stands by now; False, and nothing kept, if another process has taken it over."""
        ...

    def hold(self, ids: Collection[str], until: dt.datetime) -> None:
        """This process's own word that it has these `until` then; a moment that is past leaves them to others."""
        ...

    def adopt(self, until: dt.datetime) -> Sequence[SyncRecord]:
        """Take over all that has not ended and whose process is gone, oldest first; as its own word said, or as it is known."""
        ...


class Calls(Protocol):
    """The call ledger: API calls per base (or site) and calendar month (UTC)."""

    def add(self, account: str, calls: int = 1) -> None:
        """Count calls in the present month."""
        ...

    def used(self, account: str, month: str) -> int:
        """`month` is `YYYY-MM`."""
        ...

    def block(self, account: str, until: dt.datetime, reason: str) -> None:
        """No calls before `until`: the quota is exhausted."""
        ...

    def blocked_until(self, account: str) -> dt.datetime | None:
        """Until when no call may be made, or None."""
        ...


class Memory(Protocol):
    """What is remembered of a place outside from one run to the next, in the words of whoever looks there; never a value.

    Losing it costs calls and nothing else.
    """

    def recall(self, place: str) -> Mapping[str, Any]:
        """What was kept of the place, empty if nothing was."""
        ...

    def keep(self, place: str, told: Mapping[str, Any]) -> None:
        """Remember this of the place, instead of what was."""
        ...


class Slots(Protocol):
    """Shared pacing of one base over threads and processes."""

    def turn(self, base: str) -> AbstractContextManager["Turn"]:
        """Exclusive access to a base's recent send times, for as short as it takes to decide when to send."""
        ...


class Turn(Protocol):
    """A base's recent requests and until when it is paused (seconds since the epoch): to be read and replaced.

    `sent` holds for each recent request when it was answered, or a moment ahead while it is under way; ascending, at most
    16. Both attributes are kept as they stand when the turn ends, exactly (as 64-bit floats).
    """

    sent: Sequence[float]
    paused_until: float
