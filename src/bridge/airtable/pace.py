"""Never more than five requests in any second per base, over all threads and processes, at nearly five a second.

Airtable counts a request when it arrives, which nobody here can see. But its answer comes back the way home later, and
the next request arrives its own way there later: between an answer and the arrival of a request that leaves at the same
moment lies at least the shortest round trip. So a request that leaves a second after the fifth latest answer, less the
shortest round trip, can never be the sixth in a second, whatever the network's jitter. Until that round trip is known,
and for a while after a 429, it is taken to be 0.

A 429 says that somebody else sends to the base, whose requests nobody here can count either. So bridge leaves room: it goes
on at half its rate, and one a second more after every 200 answers.
"""

import contextlib
import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import structlog

from bridge.errors import StoreError
from bridge.ports import Slots

log = structlog.get_logger()

WINDOW_SECONDS = 1.0
PER_WINDOW = 5  # https://airtable.com/developers/web/api/rate-limits, all plans
PENALTY_SECONDS = 30.0  # the same page: how long a base refuses after one request too many
LONGEST_PAUSE_SECONDS = 600.0
MOST_IN_FLIGHT = 5

_KEPT = 16
_NEARLY = 1.02  # one after another is enough where it uses all but a fiftieth of the limit
_GUARD_SECONDS = 0.01  # for clocks and schedulers that are a little off
_LATE_SECONDS = 0.25  # how much longer than the shortest round trip a request under way is taken to need, at the least
_UNDER_WAY_SECONDS = 60.0  # stands for "no answer yet": as long as an answer is waited for
_LEARNING = 8
_CAUTIOUS = 200
_LATEST = 20
_CLOCK_MOVED_SECONDS = 2 * _UNDER_WAY_SECONDS


def next_send(answers: Sequence[float], now: float, sure: float, most: int = PER_WINDOW) -> float:
    """The earliest moment, `now` or later, at which one more request may leave.

    `answers` holds when each recent request was answered, or is going to be; `sure` the least a round trip takes; `most` the
    requests that any window may hold. In seconds.
    """
    if len(answers) < most:
        return now
    return max(now, sorted(answers)[-most] + WINDOW_SECONDS + _GUARD_SECONDS - sure)


class RoundTrips:
    """What the latest round trips of one base teach: the shortest there can be, and how many requests the base bears."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=_CAUTIOUS)
        self._needed = _LEARNING
        self._since_raise = 0
        self.most = PER_WINDOW
        """Requests that bridge lets itself send in any window."""

    def add(self, seconds: float) -> bool:
        """One more round trip, from just before sending to the whole answer. Whether `most` was raised for it."""
        self._seconds.append(seconds)
        self._since_raise += 1
        if self.most == PER_WINDOW or self._since_raise < _CAUTIOUS:
            return False
        self.most, self._since_raise = self.most + 1, 0
        return True

    def mistrust(self) -> None:
        """Forget all and believe nothing for the next 200 answers: a 429 came, so somebody else is at work; leave room."""
        self._seconds.clear()
        self._needed = _CAUTIOUS
        self.most, self._since_raise = max(1, self.most // 2), 0

    @property
    def sure(self) -> float:
        """Seconds that a round trip takes at the least; 0 while too few were seen to believe them.

        The fastest one seen may have been slower than the true minimum: the less so the more were seen, and the more alike.
        """
        if len(self._seconds) < self._needed:
            return 0.0
        ordered = sorted(self._seconds)
        spread = ordered[len(ordered) * 9 // 10] - ordered[0]
        return max(0.0, ordered[0] - 3 * spread / math.sqrt(len(ordered)))

    @property
    def usual(self) -> float:
        """Seconds that a round trip takes usually, by the latest of them; 0 while none was seen."""
        latest = sorted(list(self._seconds)[-_LATEST:])
        return latest[(len(latest) - 1) // 2] if latest else 0.0


class Grant(NamedTuple):
    """The reply to one request that asked to leave, at `at`: it may if `wait`, in seconds, is 0.

    `mark`, a moment far ahead, stands for its answer while there is none: no other request has the same.
    """

    at: float
    wait: float
    mark: float


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
            kept = [known.get(at, at) for at in turn.sent if at < now + _CLOCK_MOVED_SECONDS]
            paused_until = turn.paused_until if turn.paused_until <= now + LONGEST_PAUSE_SECONDS else now
            trips = self._trips[base]
            sure = trips.sure
            allowed = max(paused_until, next_send([_answer(at, now, sure) for at in kept], now, sure, trips.most))
            grant = Grant(now, allowed - now, _unlike(kept, now + _UNDER_WAY_SECONDS))
            if grant.wait <= 0:
                kept.append(grant.mark)
            turn.sent = sorted(kept)[-_KEPT:]
            return grant

    def answered(self, base: str, grant: Grant) -> None:
        """The request of this grant has its answer, or will have none."""
        now = self._clock()
        with self._lock:
            trips = self._trips[base]
            raised = trips.add(now - grant.at)
            self._answered[base][grant.mark] = now
        if raised:
            log.info("airtable_rate_raised", base=base, a_second=trips.most)

    def close(self) -> None:
        """Tell the other processes of the last answers, which no later `ask` of this one will."""
        with self._lock:
            for base, known in self._answered.items():
                with contextlib.suppress(StoreError), self._slots.turn(base) as turn:  # else they wait out a minute, no more
                    turn.sent = sorted(known.get(at, at) for at in turn.sent)
            self._answered.clear()

    def in_flight(self, base: str) -> int:
        """How many requests have to be under way at once to use what Airtable allows: 1 while one after another does."""
        with self._lock:
            needed = self._trips[base].usual * PER_WINDOW / WINDOW_SECONDS
        return 1 if needed <= _NEARLY else min(MOST_IN_FLIGHT, int(needed) + 1)

    def pause(self, base: str, seconds: float) -> int:
        """Let nobody, in any process, send to `base` for `seconds`: Airtable refused one request too many.

        How many a second this process sends from then on; refusals during a pause say nothing new.
        """
        with self._lock, self._slots.turn(base) as turn:
            now = self._clock()
            trips = self._trips[base]
            if turn.paused_until <= now:
                trips.mistrust()
            turn.paused_until = max(turn.paused_until, now + min(seconds, LONGEST_PAUSE_SECONDS))
            return trips.most


def _answer(at: float, now: float, sure: float) -> float:
    """When the request that `at` stands for was answered, or is taken to be answered if it is still under way.

    That is never before now: where it is late, it may only just be arriving.
    """
    return at if at <= now else max(now, at - _UNDER_WAY_SECONDS + sure + _LATE_SECONDS)


def _unlike(marks: Sequence[float], mark: float) -> float:
    """`mark`, or the next number that is not taken: a coarse clock tells two requests the same time."""
    while mark in marks:
        mark = math.nextafter(mark, math.inf)
    return mark
