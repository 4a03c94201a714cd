"""The pace against Airtable's limit as its help page tells it, by a clock that only the simulation moves: exact, and quick.

    python -m benchmarks.pace

The limit is the sandbox's: five requests in any second of one base, counted as they arrive; the sixth is refused and so is
everything in the 30 seconds after it. Each way to the server and back takes half the latency and, on top, a half-normal
jitter. The limiter is bridge's own, and so is the number of requests it has in flight.
"""

import contextlib
import heapq
import itertools
import json
import logging
import math
import random
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field

import structlog

from bridge.airtable.door import MOST_CURSORS
from bridge.airtable.pace import MOST_IN_FLIGHT, PENALTY_SECONDS, PER_WINDOW, Grant, Pace
from bridge.sandbox.limits import RateLimit
from bridge.store.calls import SharedTurn

BASE = "app0"
LATENCIES = (0.05, 0.2, 0.4, 0.8)
JITTERS = (0.0, 0.01, 0.03, 0.05)
PAGES = 1000
HUNDREDS, A_HUNDRED = 30, 1 + 10  # of records to write; requests that a hundred takes


@dataclass(frozen=True, slots=True)
class Paced:
    """What one scenario came to. `share` is of Airtable's five requests a second; `refused` counts its 429s."""

    work: str
    latency: float
    jitter: float
    in_flight: int
    requests: int
    seconds: float
    share: float
    refused: int


@dataclass(slots=True)
class _Slots:
    """Fulfils `ports.Slots` in memory."""

    kept: dict[str, SharedTurn] = field(default_factory=dict)

    @contextlib.contextmanager
    def turn(self, base: str) -> Iterator[SharedTurn]:
        yield self.kept.setdefault(base, SharedTurn((), 0.0))


@dataclass(slots=True)
class _Way:
    """A way there and back that takes `latency` seconds, and more by chance. `stalls` of its requests hang on the way there."""

    latency: float
    jitter: float
    stalls: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    def one_way(self) -> float:
        return self.latency / 2 + abs(self.chance.gauss(0, self.jitter))

    def there(self) -> float:
        stalled = self.chance.uniform(0.2, 2.0) if self.chance.random() < self.stalls else 0.0
        return self.one_way() + stalled


class World:
    """bridge's limiter, the way, and the server with its limit; `send` is a stage of requests and takes its time."""

    def __init__(self, way: _Way, *, others: Iterable[float] = ()) -> None:
        self.now = 1_000_000.0
        self.limit = RateLimit(per_second=PER_WINDOW, penalty_seconds=PENALTY_SECONDS, now=lambda: self.now)
        self.pace = Pace(_Slots(), clock=lambda: self.now)
        self.answers: list[float] = []
        self.refusals: list[float] = []
        self._way = way
        self._others = iter(others)
        self._other = next(self._others, math.inf)
        self._order = itertools.count()

    def send(self, requests: int, *, most: int = MOST_IN_FLIGHT) -> int:
        """Send so many, as many at once as the pace says, and wait for all answers; how many were in flight."""
        senders = min(requests, most, self.pace.in_flight(BASE))
        waiting = deque(range(senders))
        left = requests - senders
        events: list[tuple[float, int, str, Grant | None]] = [(self.now, next(self._order), "ask", None) for _ in waiting]
        heapq.heapify(events)
        while events:
            if self._other <= events[0][0]:
                self.now = self._other
                self.limit.admits()
                self._other = next(self._others, math.inf)
                continue
            self.now, _, what, grant = heapq.heappop(events)
            match what, grant:
                case "arrive", Grant():
                    admitted = self.limit.admits()
                    if not admitted:
                        self.refusals.append(self.now)
                    back = self.now + self._way.one_way()
                    heapq.heappush(events, (back, next(self._order), "answer" if admitted else "refusal", grant))
                    continue
                case "answer", Grant():
                    self.pace.answered(BASE, grant)
                    self.answers.append(self.now)
                    if not left:
                        continue
                    left -= 1
                case "refusal", Grant():
                    self.pace.answered(BASE, grant)
                    self.pace.pause(BASE, PENALTY_SECONDS)
            asked = self.pace.ask(BASE)
            if asked.wait > 0:
                heapq.heappush(events, (self.now + asked.wait, next(self._order), "ask", None))
            else:
                heapq.heappush(events, (self.now + self._way.there(), next(self._order), "arrive", asked))
        return senders


def paced(work: str, latency: float, jitter: float, stalls: float = 0.0) -> Paced:
    """One scenario: a thousand pages, or thirty hundreds of writes, of which each reads its preconditions in one list."""
    world = World(_Way(latency, jitter, stalls))
    for _ in range(2):
        world.send(1)  # who the token is, and the schema
    began, sent, in_flight = world.now, 0, 1
    if work == "reads":
        in_flight = world.send(PAGES, most=MOST_CURSORS)
        sent = PAGES
    while work == "writes" and sent < HUNDREDS * A_HUNDRED:
        batch = A_HUNDRED * world.pace.in_flight(BASE)  # AirtableRemote.batch_size
        in_flight = max(in_flight, world.send(batch))
        sent += batch
    seconds = world.now - began
    return Paced(
        work=work,
        latency=latency,
        jitter=jitter,
        in_flight=in_flight,
        requests=sent,
        seconds=seconds,
        share=sent / seconds / PER_WINDOW,
        refused=len(world.refusals),
    )


def shared(a_second: float, minutes: float = 10) -> dict[str, float]:
    """Another program sends so many a second to the base for some minutes, and then stops: what it costs, and for how long.

    `refused` counts 429s while it sends, `requests` what bridge got answered meanwhile, `after` the seconds from its end until
    bridge has used nine tenths of the limit for a minute.
    """
    first, last = 1_000_010.0, 1_000_010.0 + 60 * minutes
    world = World(_Way(0.2, 0.01), others=(first + number / a_second for number in range(int(60 * minutes * a_second))))
    world.send(int(PER_WINDOW * 60 * (minutes + 30)))
    during = sum(first <= each < last for each in world.answers)
    refused = sum(each < last + PENALTY_SECONDS for each in world.refusals)
    minute = int(0.9 * PER_WINDOW * 60)
    runs = zip(world.answers, world.answers[minute:], strict=False)
    after = next(since for since, until in runs if since >= last and until - since <= 60)
    return {
        "a_second": a_second,
        "refused": refused,
        "requests": during,
        "share": during / 60 / minutes / PER_WINDOW,
        "after": after - last,
    }


def main() -> None:
    """Print each scenario as a line of JSON."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for work in ("reads", "writes"):
        for latency, jitter in itertools.product(LATENCIES, JITTERS):
            print(json.dumps(asdict(paced(work, latency, jitter))), flush=True)
    for a_second in (0.5, 2, 4):
        print(json.dumps(shared(a_second)), flush=True)


if __name__ == "__main__":
    main()
