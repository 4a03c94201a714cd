"""Never more than five requests in any second per base, over all threads and processes, at nearly five a second.

Airtable counts requests when they arrive, which nobody here can see. A request arrives no later than its answer comes
back less the time the answer needs for its own way, so it is *counted* no later than `answer - fastest round trip`, on a
clock that is late by the fastest way there; and no request arrives earlier on that clock than it was sent. If the fifth
latest count lies a second back, no window of a second can hold a sixth request, whatever the network's jitter. Until
the fastest round trip is known, and for a while after a 429, a request counts as arriving with its answer.
"""

import contextlib
import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from bridge.ports import Slots

WINDOW_SECONDS = 1.0
PER_WINDOW = 5  # https://airtable.com/developers/web/api/rate-limits, all plans
PENALTY_SECONDS = 30.0  # the same page: how long a base refuses after one request too many
LONGEST_PAUSE_SECONDS = 600.0

_KEPT = 16
_UNANSWERED_SECONDS = 0.25  # a request under way is taken to arrive this late at the most
_GUARD_SECONDS = 0.01  # for clocks and schedulers that are a little off
_LEARNING = 8
_CAUTIOUS = 200
_CLOCK_MOVED_SECONDS = 60.0


def next_send(counted: Sequence[float], now: float, margin: float) -> float:
    """The earliest moment, `now` or later, at which one more request may leave.

    `counted` holds, for each recent request, the latest moment it can have been counted; `margin` is in seconds.
    """
    if len(counted) < PER_WINDOW:
        return now
    return max(now, sorted(counted)[-PER_WINDOW] + WINDOW_SECONDS + margin)


class RoundTrips:
    """What the latest round trips of one base teach: how fast one can be, and how far that guess may be off."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=_CAUTIOUS)
        self._needed = _LEARNING

    def add(self, seconds: float) -> None:
        """One more round trip, from just before sending to the whole answer."""
        self._seconds.append(seconds)

    def mistrust(self) -> None:
        """Forget all and believe nothing for the next 200 answers: a 429 came, so the guess was wrong."""
        self._seconds.clear()
        self._needed = _CAUTIOUS

    @property
    def fastest(self) -> float:
        """The fastest round trip in seconds; 0 while too few were seen to believe it."""
        return min(self._seconds) if len(self._seconds) >= self._needed else 0.0

    @property
    def margin(self) -> float:
        """Seconds by which `fastest` may exceed the true minimum: it shrinks with every answer and grows with jitter."""
        if not self.fastest:
            return _GUARD_SECONDS
        usual = sorted(self._seconds)[len(self._seconds) // 2]
        return _GUARD_SECONDS + 3 * (usual - self.fastest) / math.sqrt(len(self._seconds))


class Grant(NamedTuple):
    """The answer to one request that asked to leave, at `at`: it may if `wait`, in seconds, is 0."""

    at: float
    wait: float

    @property
    def mark(self) -> float:
        """What stands for the request among the counted ones while it has no answer."""
        return self.at + _UNANSWERED_SECONDS


class Pace:
    """The one limiter of all traffic to Airtable: `with pace.slot(base): …` around every request."""

    def __init__(
        self, slots: Slots, *, clock: Callable[[], float] = time.time, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._slots = slots
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._trips: dict[str, RoundTrips] = defaultdict(RoundTrips)
        self._answered: dict[str, dict[float, float]] = defaultdict(dict)

    @contextlib.contextmanager
    def slot(self, base: str) -> Iterator[None]:
        """Wait until a request may leave for `base`; the block sends it and reads its answer."""
        while (grant := self.ask(base)).wait > 0:
            self._sleep(grant.wait)
        try:
            yield
        finally:
            self.answered(base, grant)

    def ask(self, base: str) -> Grant:
        """Whether a request may leave for `base` now; if so it is counted, and `answered` must follow."""
        with self._lock, self._slots.turn(base) as turn:
            now = self._clock()
            known = self._answered.pop(base, {})
            # A time far ahead was written before the clock was set back: it would block for as long.
            counted = [known.get(at, at) for at in turn.sent if at < now + _CLOCK_MOVED_SECONDS]
            paused_until = turn.paused_until if turn.paused_until <= now + LONGEST_PAUSE_SECONDS else now
            grant = Grant(now, max(paused_until, next_send(counted, now, self._trips[base].margin)) - now)
            if grant.wait <= 0:
                counted.append(grant.mark)
            turn.sent = sorted(counted)[-_KEPT:]
            return grant

    def answered(self, base: str, grant: Grant) -> None:
        """The request of this grant has its answer, or will have none."""
        now = self._clock()
        with self._lock:
            trips = self._trips[base]
            trips.add(now - grant.at)
            self._answered[base][grant.mark] = now - trips.fastest

    def pause(self, base: str, seconds: float) -> None:
        """Let nobody, in any process, send to `base` for `seconds`: Airtable refused one request too many."""
        with self._lock, self._slots.turn(base) as turn:
            self._trips[base].mistrust()
            turn.paused_until = max(turn.paused_until, self._clock() + min(seconds, LONGEST_PAUSE_SECONDS))
