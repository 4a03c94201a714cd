"""In-memory fulfilments of the ports, with faults on demand."""

import datetime as dt
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.plan import Action, Change, Written
from bridge.core.record import Json, Row, Side
from bridge.core.sight import Drift, FieldSight, Found, Sight, Whereabouts
from bridge.errors import BridgeError
from bridge.ports import Outcome, Progress, Pulled, silent

NOW = dt.datetime(2026, 11, 16, 14, 0, tzinfo=dt.UTC)


@dataclass
class FakeClock:
    """A clock that tests move; `sleep` moves it too."""

    now: dt.datetime = NOW

    def __call__(self) -> dt.datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += dt.timedelta(seconds=seconds)

    def forward(self, **period: float) -> None:
        self.now += dt.timedelta(**period)


@dataclass
class FakeRemote:
    """One side in memory: rows by id, wire values by path. A delta pull brings the rows in `edited`.

    `normalise` is what the system does to a value it is given (trims, cuts). `before_write` runs before each change is
    looked at, and may edit rows (a member of staff) or raise SystemExit (the process dies). `fate` answers for a change
    instead of writing it; with `lands` the write happens all the same.
    """

    side: Side
    mapping: FieldMapping
    clock: FakeClock
    rows: dict[str, dict[str, Json]] = field(default_factory=dict)
    gone: dict[str, Found] = field(default_factory=dict)
    drift: tuple[Drift, ...] = ()
    complete: bool = True
    fails: BridgeError | None = None
    normalise: Callable[[str, Json], Json] = lambda _path, value: value
    before_write: Callable[[Change], None] = lambda _change: None
    after_write: Callable[[Change], None] = lambda _change: None
    fate: Callable[[Change], Outcome | None] = lambda _change: None
    lands: bool = False
    batch_size: int = 10
    lost: frozenset[str] = frozenset()
    edited: set[str] = field(default_factory=set)
    dated: bool = True
    """Whether a delta brings what was edited only; else everything, as of memberships."""
    writes: list[tuple[str, dict[str, Json]]] = field(default_factory=list)
    calls: int = 0
    ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(9001))

    def sight(self, pins: Mapping[str, FieldSight]) -> Sight:
        self._call()
        names = sorted(self.mapping.paths(self.side))
        fields = {
            path: FieldSight(path=path, id=path, name=path, kind="text", writable=True)
            for path in names
            if all(each.path != path or not each.freezes for each in self.drift)
        }
        return Sight(side=self.side, identity="fake", fields=fields, drift=self.drift, names=tuple(names))

    def pull(self, progress: Progress = silent, *, since: dt.datetime | None = None) -> Pulled:
        self._call()
        whole = since is None or not self.dated
        rows = [self._row(each) for each in self.rows if each not in self.lost and (whole or each in self.edited)]
        progress(self.side.title, len(rows), len(rows))
        note = "" if self.complete else "a page did not arrive"
        undated = frozenset[str]() if self.dated else frozenset(self.mapping.paths(self.side))
        return Pulled(rows=tuple(rows), complete=self.complete, pulled_at=self.clock(), whole=whole, note=note, undated=undated)

    def read(self, ids: Collection[str]) -> Mapping[str, Found]:
        self._call()
        return {each: self._found(each) for each in ids}

    def find(self, keys: Mapping[str, Json]) -> Sequence[Row]:
        self._call()
        return [self._row(each) for each, row in self.rows.items() if all(row.get(path) == raw for path, raw in keys.items())]

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        self.calls += 1
        return [self._apply(change) for change in changes]

    def calls_for(self, changes: Sequence[Change]) -> int:
        return -(-len(changes) // self.batch_size)

    def address(self, id: str) -> str:  # noqa: A002
        return f"https://{self.side.value}.example/{id}"

    def _call(self) -> None:
        self.calls += 1
        if self.fails is not None:
            raise self.fails

    def _row(self, native: str) -> Row:
        return Row(native, dict(self.rows[native]))

    def _found(self, native: str) -> Found:
        if native in self.rows:
            return Found(whereabouts=Whereabouts.IN_SCOPE, row=self._row(native))
        return self.gone.get(native, Found(whereabouts=Whereabouts.PURGED))

    def _apply(self, change: Change) -> Outcome:
        self.before_write(change)
        fate = self.fate(change)
        if fate is not None and not self.lands:
            return fate
        native = change.id or self._new_id()
        if change.action is Action.UPDATE and not self._still(change):
            return Outcome(written=Written.STALE, row=self._row(native) if native in self.rows else None, reason="moved")
        values = {cell.path: self.normalise(cell.path, cell.after_raw) for cell in change.cells}
        self.rows.setdefault(native, {}).update(values)
        self.writes.append((native, values))
        self.after_write(change)
        return fate or Outcome(written=Written.DONE, row=self._row(native))

    def _still(self, change: Change) -> bool:
        row = self.rows.get(change.id or "")
        return row is not None and all(row.get(cell.path) == cell.before_raw for cell in change.cells)

    def _new_id(self) -> str:
        number = next(self.ids)
        return str(number) if self.side is Side.CIVICRM else f"recFake{number:010d}"
