"""The plan: every change and every discrepancy of one run of one mapping, as a value.

A plan is sorted, hashed and printable; the same snapshots, mapping, base and day make the same bytes. Values of sensitive
fields are never in a plan's document: there they stand as a keyed digest made by the `seal` the planner was given.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from bridge.core.mapping import Severity
from bridge.core.record import Base, Cell, Json, Link, PerSide, Side, Value

K = TypeVar("K")
S = TypeVar("S")
V = TypeVar("V")


class Action(StrEnum):
    """What a change does to its record. Nothing is ever deleted."""

    UPDATE = "update"
    CREATE = "create"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellChange:
    """One cell to write: `before` and `after` in the written side's own words, `…_raw` as they go over the wire.

    `before_raw` is what the pull saw and what must still be there (the precondition). `why` is the verdict's word.
    `source` is the other side's comparable value that asks for the write: what `after` will agree with, unless the field
    unites both sides' options and the other side is written too.
    """

    field: str
    path: str
    before: Cell
    after: Value | None
    before_raw: Json
    after_raw: Json
    why: str
    source: Base = None
    sensitive: bool = False
    clears: bool = False
    sealed: tuple[str, str] | None = None
    """For a sensitive cell: keyed digests of before and after, which stand for them in the document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One record of one side and the cells to write there.

    `id` is None for a create. `partner` is the other side's record the values come from. `extra` is the row's own
    (`Row.extra`), which the adapter needs to write safely. `keys` holds, for a create, the exact match keys (path to wire
    value) by which a create whose answer was lost is found again.
    """

    mapping: str
    side: Side
    action: Action
    id: str | None
    partner: str
    name: str
    cells: tuple[CellChange, ...]
    extra: Mapping[str, Json] = dataclasses.field(default_factory=dict)
    keys: Mapping[str, Json] = dataclasses.field(default_factory=dict)

    @property
    def order(self) -> tuple[str, str, tuple[int, str]]:
        """Sort key: side, updates before creates, then id (numbers as numbers)."""
        number = self.id or self.partner
        return (self.side.value, "1" if self.action is Action.UPDATE else "2", (len(number), number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """Something a person must see.

    `code` is of `mapping-language.md`; `rule` is set for 3xx only. `shown` is each side's cell as people read it, None for a
    sensitive field or where no cell is concerned. `details` fills the sentence (`{name}`, `{field}` of a rule's `say`, and
    what built-in codes name), never with a sensitive value. `evidence` is a digest that changes when the facts do.
    """

    mapping: str
    code: int
    severity: Severity
    ids: PerSide[str | None]
    name: str
    rule: str | None = None
    field: str | None = None
    shown: PerSide[str | None] = PerSide(None, None)
    details: Mapping[str, str] = dataclasses.field(default_factory=dict)
    evidence: str = ""

    @property
    def fingerprint(self) -> str:
        """16 hex digits of mapping, code, rule, ids and field: never of a value or a time."""
        parts = (self.mapping, self.code, self.rule, self.ids.civicrm, self.ids.airtable, self.field)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    @property
    def order(self) -> tuple[int, str, str, str, str]:
        """Sort key: code, rule, name, field, fingerprint."""
        return (self.code, self.rule or "", self.name, self.field or "", self.fingerprint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One guard rule that a plan breaks: what was found, the bound, and the setting that lifts it."""

    rule: str
    message: str
    setting: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """How many records the pull saw, and what the last complete one had (None: there was none)."""

    now: PerSide[int]
    last: PerSide[int | None] = PerSide(None, None)


class Deferred(Mapping[K, V], Generic[K, S, V]):
    """A mapping that makes each value when it is asked for, from what the key stands for.

    What a run is to keep of every pair costs more than finding that the pair agrees; a plan that is only looked at needs none
    of it, and one that is stored needs each once.
    """

    __slots__ = ("_make", "_of")

    def __init__(self, of: Mapping[K, S], make: Callable[[S], V]) -> None:
        self._of = of
        self._make = make

    def __getitem__(self, key: K) -> V:
        return self._make(self._of[key])

    def __iter__(self) -> Iterator[K]:
        return iter(self._of)

    def __len__(self) -> int:
        return len(self._of)

    def __repr__(self) -> str:
        return f"<{len(self)} to come>"  # never a value


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All changes and discrepancies of one run.

    `links` are the pairs found by exact keys in this run; `agreed` are the cells both sides now agree on, to be stored as
    base; `marks` are of pairs that came out quiet and were not known to; `told` are half marks of pairs that are only told of,
    to be stored once that is done. None of these writes to the two systems, so all are stored in every mode. `calls` is the
    predicted API cost of applying, an upper bound per side.
    """

    mapping: str
    mapping_digest: str
    changes: tuple[Change, ...]
    discrepancies: tuple[Discrepancy, ...]
    links: tuple[Link, ...] = ()
    agreed: Mapping[Link, Mapping[str, Value | None]] = dataclasses.field(default_factory=dict)
    marks: Mapping[Link, PerSide[bytes]] = dataclasses.field(default_factory=dict)
    told: Mapping[Link, PerSide[bytes]] = dataclasses.field(default_factory=dict)
    population: Population = dataclasses.field(default_factory=lambda: Population(now=PerSide(0, 0)))
    complete: bool = True
    """Whether both sides were pulled whole and completely: only then may anything be resolved."""
    calls: PerSide[int] = PerSide(0, 0)
    breaches: tuple[Breach, ...] = ()

    @property
    def held(self) -> bool:
        """Whether the guard stops this plan until a person approves its digest."""
        return bool(self.breaches)


class Written(StrEnum):
    """How one change ended."""

    DONE = "done"
    STALE = "stale"
    REFUSED = "refused"
    IN_DOUBT = "in_doubt"
    NOT_SENT = "not_sent"
