"""The limiter against a simulated Airtable that counts requests when they arrive, after a jittery way there."""

import heapq
import itertools
import random
import threading

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bridge.airtable.pace import Pace, RoundTrips, next_send
from remotes.airtable_slots import MemorySlots

BASE = "app0"


class VirtualTime:
    """A clock that only a sleep or the simulation moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def simulate(
    *,
    latency: float,
    jitter: float,
    seed: int,
    cursors: int = 1,
    processes: int = 1,
    requests: int = 400,
    work: float = 0.0,
    stalls: float = 0.0,
) -> tuple[list[float], float]:
    """When each request arrives at the server, and the seconds it all took, for cursors that each wait for their answer.

    `latency` is a round trip without jitter; each way adds a half-normal `jitter`, the server up to `work` seconds. A share of
    the requests, `stalls`, hangs for up to two seconds on the way there.
    """
    chance = random.Random(seed)  # noqa: S311  # a simulation is no secret
    time = VirtualTime()
    slots = MemorySlots()
    paces = [Pace(slots, clock=time) for _ in range(processes)]
    order = itertools.count()
    events = [(time.now, next(order), cursor, None) for cursor in range(cursors)]
    start, arrivals = time.now, []
    while len(arrivals) < requests:
        time.now, _, cursor, grant = heapq.heappop(events)
        pace = paces[cursor % processes]
        if grant is not None:
            pace.answered(BASE, grant)
        grant = pace.ask(BASE)
        if grant.wait > 0:
            heapq.heappush(events, (time.now + grant.wait, next(order), cursor, None))
            continue
        arrives = time.now + latency / 2 + abs(chance.gauss(0, jitter))
        if chance.random() < stalls:
            arrives += chance.uniform(0.2, 2.0)
        arrivals.append(arrives)
        answered = arrives + chance.uniform(0, work) + latency / 2 + abs(chance.gauss(0, jitter))
        heapq.heappush(events, (answered, next(order), cursor, grant))
    return sorted(arrivals), max(arrivals) - start


def narrowest(arrivals: list[float]) -> float:
    """The shortest time in which six requests arrived."""
    return min(last - first for first, last in zip(arrivals, arrivals[5:], strict=False))


@settings(max_examples=60, deadline=None)
@given(
    latency=st.floats(0.005, 1.5),
    jitter=st.floats(0, 0.05),
    work=st.floats(0, 0.5),
    cursors=st.integers(1, 8),
    processes=st.integers(1, 3),
    seed=st.integers(0, 2**32),
)
@example(latency=1.0, jitter=0.0, work=0.0, cursors=4, processes=1, seed=0)
@example(latency=0.015625, jitter=0.03125, work=0.0, cursors=5, processes=1, seed=1)
def test_no_second_ever_holds_a_sixth_request(
    latency: float, jitter: float, work: float, cursors: int, processes: int, seed: int
) -> None:
    """Invariant 31, as the server sees it, with up to 50 ms of jitter each way."""
    arrivals, _ = simulate(
        latency=latency, jitter=jitter, work=work, cursors=cursors, processes=processes, seed=seed, requests=250
    )
    assert narrowest(arrivals) > 1.0


@pytest.mark.parametrize("latency", [0.05, 0.2, 0.4, 0.8])
@pytest.mark.parametrize("stalls", [0.002, 0.05])
def test_a_request_that_hangs_on_its_way_is_not_taken_to_have_arrived(latency: float, stalls: float) -> None:
    """It was, a quarter of a second after the shortest round trip: four cursors drew a 429 every few hundred requests."""
    for seed in range(3):
        arrivals, _ = simulate(latency=latency, jitter=0.03, cursors=4, stalls=stalls, seed=seed, requests=1500)
        assert narrowest(arrivals) > 1.0


@pytest.mark.parametrize("latency", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("jitter", [0.0, 0.005, 0.01])
def test_one_cursor_uses_94_percent_of_what_it_could(latency: float, jitter: float) -> None:
    """That is five a second, or one for each round trip (with its mean jitter) where that is less."""
    possible = min(5, 1 / (latency + 2 * 0.8 * jitter))
    runs = (simulate(latency=latency, jitter=jitter, seed=seed) for seed in range(5))
    rates = sorted(len(arrivals) / seconds for arrivals, seconds in runs)
    assert rates[2] >= 0.94 * possible


@pytest.mark.parametrize("latency", [0.05, 0.2, 0.8])
def test_four_cursors_use_94_percent_of_the_limit_at_10_ms_of_jitter(latency: float) -> None:
    arrivals, seconds = simulate(latency=latency, jitter=0.01, cursors=4, seed=3)
    assert len(arrivals) / seconds / 5 >= 0.94


def test_fifty_milliseconds_of_jitter_cost_less_than_an_eighth() -> None:
    arrivals, seconds = simulate(latency=0.1, jitter=0.05, cursors=2, seed=5)
    assert narrowest(arrivals) > 1.0
    assert len(arrivals) / seconds / 5 >= 0.875


def test_the_first_five_requests_wait_for_nothing() -> None:
    assert next_send([1.0, 2.0, 3.0, 4.0], now=4.0, sure=0.0) == 4.0


def test_the_sixth_waits_for_the_fifth_latest_answer_not_for_the_fifth_request() -> None:
    """Answers may come out of the order of sending: what was sent early can have arrived late."""
    assert next_send([9.0, 1.0, 2.0, 3.0, 4.0, 5.0], now=5.0, sure=0.0) == 5.0
    assert next_send([9.0, 8.0, 7.0, 6.0, 5.0], now=5.0, sure=0.2) == pytest.approx(5.0 + 1.01 - 0.2)


def test_requests_of_the_same_tick_of_a_coarse_clock_are_counted_each_for_itself() -> None:
    """Five left at one moment; the first answer was taken for all five, and a sixth left too early."""
    time = VirtualTime()
    pace = Pace(MemorySlots(), clock=time)
    grants = [pace.ask(BASE) for _ in range(5)]
    for grant in grants:
        time.now += 0.1
        pace.answered(BASE, grant)
    first_answer = 1_000_000.1
    assert time.now + pace.ask(BASE).wait == pytest.approx(first_answer + 1.01)
    time.now = first_answer + 1.02
    assert pace.ask(BASE).wait == 0
    assert time.now + pace.ask(BASE).wait == pytest.approx(first_answer + 0.1 + 1.01)


def test_what_a_process_that_ended_sent_is_not_taken_to_be_under_way() -> None:
    """One command after another: the sixth waited for a minute, because the last answer of each was told to nobody."""
    time, slots = VirtualTime(), MemorySlots()
    for _ in range(6):
        pace = Pace(slots, clock=time, sleep=time.sleep)
        with pace.slot(BASE):
            time.sleep(0.1)
        pace.close()
        time.sleep(2)
    assert time.now - VirtualTime().now == pytest.approx(6 * 2.1)


def test_until_a_round_trip_is_known_a_request_counts_with_its_answer() -> None:
    time = VirtualTime()
    pace = Pace(MemorySlots(), clock=time)
    for _ in range(5):
        grant = pace.ask(BASE)
        assert grant.wait == 0
        time.now += 0.2
        pace.answered(BASE, grant)
    assert pace.ask(BASE).wait == pytest.approx(0.2 + 1.0 - 1.0 + 0.01)


def test_a_429_pauses_every_process_and_its_base_only() -> None:
    time = VirtualTime()
    slots = MemorySlots()
    refused, other = Pace(slots, clock=time), Pace(slots, clock=time)
    refused.pause(BASE, 30)
    assert other.ask(BASE).wait == pytest.approx(30)
    assert other.ask("app1").wait == 0
    time.now += 30
    assert other.ask(BASE).wait == 0


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    time = VirtualTime()
    pace = Pace(MemorySlots(), clock=time)
    pace.pause(BASE, 30)
    pace.pause(BASE, 1)
    assert pace.ask(BASE).wait == pytest.approx(30)


def test_after_a_429_requests_count_with_their_answers_again() -> None:
    trips = RoundTrips()
    for _ in range(20):
        trips.add(0.2)
    assert trips.sure == 0.2
    trips.mistrust()
    for _ in range(20):
        trips.add(0.2)
    assert trips.sure == 0.0


def test_a_timeout_makes_nothing_sure_and_is_soon_forgiven() -> None:
    """A timeout of a minute, or a first request that shook hands, says nothing of jitter."""
    trips = RoundTrips()
    for seconds in (60.0, *[0.1] * 8):
        trips.add(seconds)
    assert trips.sure == 0.0
    for _ in range(3):
        trips.add(0.1)
    assert trips.sure == 0.1


def test_a_clock_set_back_does_not_block_the_base() -> None:
    time = VirtualTime()
    pace = Pace(MemorySlots(), clock=time)
    for _ in range(5):
        pace.ask(BASE)
    pace.pause(BASE, 30)
    time.now -= 3600
    assert pace.ask(BASE).wait == 0


def test_real_threads_share_one_limit() -> None:
    """Twelve requests of six threads over two processes' limiters take two seconds at the least."""
    slots = MemorySlots()
    sent: list[float] = []
    lock = threading.Lock()
    paces = [Pace(slots), Pace(slots)]

    def work(pace: Pace) -> None:
        for _ in range(2):
            with pace.slot(BASE), lock:
                sent.append(pace._clock())

    threads = [threading.Thread(target=work, args=(paces[number % 2],)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == 12
    assert narrowest(sorted(sent)) > 1.0


def trips_of(seconds: float, count: int) -> Pace:
    time = VirtualTime()
    pace = Pace(MemorySlots(), clock=time)
    for _ in range(count):
        while (grant := pace.ask(BASE)).wait:
            time.now += grant.wait
        time.now += seconds
        pace.answered(BASE, grant)
    return pace


@pytest.mark.parametrize(("seconds", "at_once"), [(0.05, 1), (0.2, 1), (0.21, 2), (0.25, 2), (0.45, 3), (0.85, 5), (9.0, 5)])
def test_more_than_one_request_is_under_way_only_where_one_after_another_is_too_slow(seconds: float, at_once: int) -> None:
    assert trips_of(seconds, 5).in_flight(BASE) == at_once


def test_where_nothing_is_known_one_request_is_under_way() -> None:
    assert Pace(MemorySlots()).in_flight(BASE) == 1


def test_after_a_429_the_base_is_left_room_that_is_taken_back_step_by_step() -> None:
    """Another program sends two a second. Without room there was a 429 at once after every pause."""
    time = VirtualTime()
    pace = Pace(MemorySlots(), clock=time)
    assert pace.pause(BASE, 30) == 2
    assert pace.pause(BASE, 30) == 2, "a refusal during the pause says nothing new"
    time.now += 31
    sent, raised = [], {}
    with capture_logs() as logs:
        for number in range(650):
            while (grant := pace.ask(BASE)).wait:
                time.now += grant.wait
            sent.append(time.now)
            time.now += 0.05
            pace.answered(BASE, grant)
            for each in logs[len(raised) :]:
                raised[each["a_second"]] = number + 1
    assert raised == {3: 200, 4: 400, 5: 600}
    assert min(later - first for first, later in zip(sent[:199], sent[2:199], strict=False)) > 1.0
    time.now += 31
    assert [pace.pause(BASE, 1), time.sleep(2), pace.pause(BASE, 1), time.sleep(2), pace.pause(BASE, 1)][::2] == [2, 1, 1]
