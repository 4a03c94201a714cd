"""The ports: what the service needs from the remotes, the state and the people it tells.

Owned by the caller. `civicrm`, `airtable`, `store` and `slack` fulfil them without importing one another; tests fulfil them
with small fakes.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from bridge.core.knowledge import Known, Stop
from bridge.core.ledger import Entry, Event
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.plan import Change, Plan, Written
from bridge.core.record import Base, Json, Link, PerSide, Row, Side, Value
from bridge.core.sight import FieldSight, Found, Sight

Clock = Callable[[], dt.datetime]
"""Says what time it is: an aware datetime in UTC."""


class Progress(Protocol):
    """Told how far a long wait is. `total` is None while it is not known."""

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """`done` of `total` of `what` (a short noun phrase, such as `Airtable Groups`)."""
        ...


def silent(what: str, done: int, total: int | None) -> None:
    """The progress nobody watches."""


# ── the remotes ──


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What one pull brought. `complete` is false if a page failed, repeated, or the count did not agree."""

    rows: tuple[Row, ...]
    complete: bool
    pulled_at: dt.datetime
    whole: bool = True
    note: str = ""
    """Why it is not complete, in words, or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one change ended. DONE and STALE carry the row as it stands now where the remote told it.

    `reason` is plain words without values; `code` is the discrepancy code where the adapter knows better than 401
    (404 for a protected membership, 505 for quota).
    """

    written: Written
    row: Row | None = None
    reason: str = ""
    code: int | None = None


class Remote(Protocol):
    """One side, as one mapping sees it.

    Every method may raise AuthRejected, Unavailable (and its kinds) or UnexpectedAnswer, but `apply`, which answers for
    every change instead.
    """

    side: Side
    batch_size: int
    """How many changes one `apply` takes at the most."""

    def sight(self, pins: Mapping[str, FieldSight]) -> Sight:
        """Prove identity and permissions and read the schema, held against the pinned one (empty at the first run)."""
        ...

    def pull(self, progress: Progress = silent, *, since: dt.datetime | None = None) -> Pulled:
        """Every row in the mapping's scope, or with `since` those changed from then on. Needs `sight` first."""
        ...

    def read(self, ids: Collection[str]) -> Mapping[str, Found]:
        """Each id's row and whereabouts, in scope or not. Every id asked for is in the answer."""
        ...

    def find(self, keys: Mapping[str, Json]) -> Sequence[Row]:
        """The rows that carry all of these values (path to wire value), in scope or not."""
        ...

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Check each change's precondition, write, read back; one outcome per change, in order. Never raises for the remote."""
        ...

    def calls_for(self, changes: Sequence[Change]) -> int:
        """An upper bound of the API calls that applying these takes when nothing fails."""
        ...

    def address(self, id: str) -> str:  # noqa: A002  # the record's native id, as everywhere
        """Where a person opens the record."""
        ...


# ── the state ──


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
    """One write: its intent, and its outcome once known. `outcome` None means the intent is still open: in doubt."""

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

    def list(self, *, mapping: str | None = None, limit: int = 50) -> Sequence[RunRecord]:
        """Newest first."""
        ...

    def get(self, run: int) -> RunRecord | None:
        """One run."""
        ...

    def interrupted(self, mapping: str) -> Sequence[RunRecord]:
        """Runs left RUNNING by a process that died; marks them INTERRUPTED. Call under the lease."""
        ...

    def totals(self) -> Sequence[RunTotal]:
        """All runs there ever were, added up by mapping, kind and state."""
        ...


class Knowledge(Protocol):
    """Links, bases, pins, decisions: what makes the comparison three-way."""

    def load(self, mapping: FieldMapping) -> Known:
        """All that is known of the mapping."""
        ...

    def store(self, mapping: FieldMapping, plan: Plan, lease: Lease) -> None:
        """Keep the plan's new links and agreed bases, in one transaction."""
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
        """For references: each side's id to the other side's."""
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


class Plans(Protocol):
    """Stored plans: kept, readable for ever, used at most once."""

    def save(self, run: int, plan: Plan, document: Mapping[str, Json], state: PlanState) -> None:
        """Keep a plan."""
        ...

    def get(self, digest: str) -> StoredPlan | None:
        """By digest, or by an unambiguous prefix of at least 8 hex digits. The newest where the same plan was made twice."""
        ...

    def set_state(self, digest: str, state: PlanState, *, by: str | None = None) -> None:
        """Say what became of a plan, and on whose word."""
        ...

    def held(self, mapping: str | None = None) -> Sequence[StoredPlan]:
        """Plans waiting for a person, newest first."""
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


# ── the ledger of discrepancies and what is told about it ──


class Ledger(Protocol):
    """The store of discrepancies and what happened to them."""

    def load(self, mapping: str) -> Sequence[Entry]:
        """Every entry that is not resolved, and those resolved within the last 90 days (they may reopen)."""
        ...

    def save(self, entries: Sequence[Entry], events: Sequence[Event]) -> None:
        """Insert or replace entries by fingerprint and append events, in one transaction."""
        ...

    def list(self, *, mapping: str | None = None, state: str | None = None, code: int | None = None) -> Sequence[Entry]:
        """Open first, then by severity and age."""
        ...

    def get(self, key: str) -> Entry | None:
        """By number (`id`) or by fingerprint (or an unambiguous prefix of at least 6 digits)."""
        ...

    def events(self, *, fingerprint: str | None = None, since: dt.datetime | None = None) -> Sequence[Event]:
        """Oldest first."""
        ...


class OutboxState(StrEnum):
    """Where one message stands. UNCERTAIN was sent and its answer lost: never sent again blindly."""

    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    UNCERTAIN = "uncertain"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """One message to one channel. `key` is unique: the same key is never posted twice. `thread_of` is the key of its parent."""

    key: str
    channel: str
    payload: Mapping[str, Json]
    state: OutboxState
    created_at: dt.datetime
    thread_of: str | None = None
    ts: str | None = None
    attempts: int = 0
    error: str = ""


class Outbox(Protocol):
    """Messages to be posted exactly once, surviving crashes."""

    def put(self, key: str, channel: str, payload: Mapping[str, Json], *, thread_of: str | None = None) -> bool:
        """Plan a message; False if the key is there already. A SENT message's payload is replaced for an edit in place."""
        ...

    def pending(self) -> Sequence[OutboxMessage]:
        """PLANNED, SENDING (left by a crash) and UNCERTAIN messages, oldest first, parents before threads."""
        ...

    def get(self, key: str) -> OutboxMessage | None:
        """The message of that key."""
        ...

    def mark(self, key: str, state: OutboxState, *, ts: str | None = None, error: str = "") -> None:
        """Record what happened; SENDING counts an attempt."""
        ...

    def counts(self) -> Mapping[OutboxState, int]:
        """How many messages there are in each state; an entry for every state."""
        ...


class Store(Protocol):
    """The whole state, by part."""

    @property
    def runs(self) -> Runs:
        """The run ledger and the lease."""
        ...

    @property
    def knowledge(self) -> Knowledge:
        """Links, bases, pins and decisions."""
        ...

    @property
    def journal(self) -> Journal:
        """The account of writes."""
        ...

    @property
    def plans(self) -> Plans:
        """Stored plans."""
        ...

    @property
    def ledger(self) -> Ledger:
        """The discrepancies."""
        ...

    @property
    def outbox(self) -> Outbox:
        """Messages to be posted once."""
        ...

    @property
    def calls(self) -> Calls:
        """The call ledger."""
        ...

    @property
    def slots(self) -> Slots:
        """Shared pacing."""
        ...

    def seal(self, text: str) -> str:
        """A keyed digest of `text` (hex): equal texts give equal digests, and nothing can be read back."""
        ...

    def forget(self, side: Side, native: str) -> Mapping[str, int]:
        """Remove a person's values and keep the audit's shape; how many entries of each kind were emptied."""
        ...
