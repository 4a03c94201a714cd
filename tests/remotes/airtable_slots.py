"""An in-memory `ports.Slots` and `ports.Calls`, shared by the tests of the Airtable remote."""

import contextlib
import datetime as dt
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass
class MemoryTurn:
    sent: Sequence[float] = ()
    paused_until: float = 0.0


class MemorySlots:
    """One turn at a time per base, as a database would grant it."""

    def __init__(self) -> None:
        self.turns: dict[str, MemoryTurn] = defaultdict(MemoryTurn)
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def turn(self, base: str) -> Iterator[MemoryTurn]:
        with self._lock:
            yield self.turns[base]


class MemoryCalls:
    """The call ledger in memory."""

    def __init__(self) -> None:
        self.made: Counter[str] = Counter()
        self.blocked: dict[str, dt.datetime] = {}
        self.reasons: list[str] = []

    def add(self, account: str, calls: int = 1) -> None:
        self.made[account] += calls

    def used(self, account: str, month: str) -> int:
        return self.made[account]

    def block(self, account: str, until: dt.datetime, reason: str) -> None:
        self.blocked[account] = until
        self.reasons.append(reason)

    def blocked_until(self, account: str) -> dt.datetime | None:
        return self.blocked.get(account)


class VirtualClock:
    """A clock that only `sleep` moves, and what was slept."""

    def __init__(self, now: dt.datetime = dt.datetime(2026, 12, 14, 9, tzinfo=dt.UTC)) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> dt.datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += dt.timedelta(seconds=seconds)
