"""The timetable under a clock that tests move: days, closed days, clocks that change, what was missed, what is not doubled."""

import datetime as dt
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import terms
from bridge.core.timing import Schedule, Slot
from bridge.errors import Unavailable
from bridge.ports import RunState, RunTotal
from bridge.service.alarm import Alarm
from bridge.service.schedule import Agenda, Duty, Timetable, Work
from bridge.service.timetable import firings, following, latest
from bridge.service.worker import Worker
from builders import a_mapping
from fakes import FakeClock

NEW_YORK = "America/New_York"
OFFICE_HOURS = Slot(every=dt.timedelta(minutes=30), between=(dt.time(8), dt.time(18)), days=frozenset({1, 2, 3, 4}))
FIVE = Slot(at=dt.time(5), days=frozenset({1, 2, 3, 4}))
NINE = Slot(at=dt.time(9), days=frozenset({1, 2, 3, 4}))
SPRING, AUTUMN = dt.date(2026, 3, 8), dt.date(2026, 11, 1)
"""Clocks go forward from 02:00 to 03:00, and back from 02:00 to 01:00."""


def a_schedule(zone: str = NEW_YORK, **parts: object) -> Schedule:
    return Schedule(timezone=zone, **parts)  # type: ignore[arg-type]


def local(text: str, zone: str = NEW_YORK) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)


def clock_times(slot: Slot, day: dt.date, schedule: Schedule | None = None) -> list[str]:
    schedule = schedule or a_schedule()
    zone = ZoneInfo(schedule.timezone)
    return [f"{moment.astimezone(zone):%H:%M %Z}" for moment in firings(slot, schedule, day)]


# ── when a slot fires ──


def test_every_half_hour_of_office_hours_on_working_days() -> None:
    monday = clock_times(OFFICE_HOURS, dt.date(2026, 11, 16))
    assert (monday[0], monday[1], monday[-1], len(monday)) == ("08:00 EST", "08:30 EST", "18:00 EST", 21)
    assert clock_times(OFFICE_HOURS, dt.date(2026, 11, 20)) == [], "Friday is not among mon-thu"


def test_after_the_last_of_a_week_comes_the_first_of_the_next() -> None:
    schedule = a_schedule()
    assert following(OFFICE_HOURS, schedule, local("2026-11-19 18:00")) == local("2026-11-23 08:00")
    assert latest(OFFICE_HOURS, schedule, local("2026-11-22 12:00")) == local("2026-11-19 18:00")


def test_the_schedules_own_zone_counts_and_not_the_machines() -> None:
    assert following(FIVE, a_schedule("America/Los_Angeles"), local("2026-11-16 00:00")) == local("2026-11-16 08:00")
    assert clock_times(Slot(at=dt.time(5)), SPRING, a_schedule("UTC")) == ["05:00 UTC"]


def test_nothing_fires_on_closed_days() -> None:
    schedule = a_schedule(closed=((dt.date(2026, 12, 24), dt.date(2027, 1, 1)),))
    assert following(NINE, schedule, local("2026-12-23 09:00")) == local("2027-01-04 09:00")
    assert latest(NINE, schedule, local("2026-12-24 12:00")) is None, "what was missed is not made up for on a closed day"
    assert latest(NINE, schedule, local("2027-01-02 12:00")) == local("2026-12-23 09:00")


def test_a_time_that_does_not_exist_fires_once_an_hour_later() -> None:
    daily = Slot(at=dt.time(2, 30))
    assert clock_times(daily, SPRING) == ["03:30 EDT"]
    assert clock_times(Slot(crontab="30 2 * * *"), SPRING) == ["03:30 EDT"]


def test_a_time_that_comes_twice_fires_at_its_first() -> None:
    daily = Slot(at=dt.time(1, 30))
    assert clock_times(daily, AUTUMN) == ["01:30 EDT"]
    assert following(daily, a_schedule(), local("2026-11-01 01:30")) == local("2026-11-02 01:30")
    assert clock_times(Slot(crontab="30 1 * * *"), AUTUMN) == ["01:30 EDT"]


@pytest.mark.parametrize("slot", [Slot(every=dt.timedelta(hours=1)), Slot(crontab="0 * * * *")], ids=["every", "crontab"])
def test_what_repeats_goes_on_by_elapsed_time_when_clocks_change(slot: Slot) -> None:
    assert clock_times(slot, SPRING)[:4] == ["00:00 EST", "01:00 EST", "03:00 EDT", "04:00 EDT"]
    assert clock_times(slot, AUTUMN)[:4] == ["00:00 EDT", "01:00 EDT", "01:00 EST", "02:00 EST"]
    assert [len(clock_times(slot, day)) for day in (SPRING, AUTUMN)] == [23, 25]


@pytest.mark.parametrize(
    ("crontab", "first"),
    [
        ("0 6 * * 1-5", "2026-11-23 06:00"),
        ("*/20 6-7 * * mon", "2026-11-23 06:00"),
        ("15 5 1 jan,jul *", "2027-01-01 05:15"),
        ("0 0 29 2 *", "2028-02-29 00:00"),
        ("30 22 * * sun", "2026-11-22 22:30"),
        ("5/25 4 * * 0", "2026-11-22 04:05"),
    ],
)
def test_a_crontab_means_what_it_means_in_cron(crontab: str, first: str) -> None:
    slot = Slot(crontab=terms.crontab(crontab))
    assert following(slot, a_schedule(), local("2026-11-20 12:00")) == local(first)


def test_a_crontab_that_never_fires_is_never_due() -> None:
    never = Slot(crontab="0 0 31 2 *")
    assert following(never, a_schedule(), local("2026-11-20 12:00")) is None
    assert latest(never, a_schedule(), local("2026-11-20 12:00")) is None


slots = st.one_of(
    st.builds(
        Slot,
        at=st.times().map(lambda time: time.replace(second=0, microsecond=0)),
        days=st.frozensets(st.integers(1, 7), min_size=1),
    ),
    st.builds(Slot, every=st.integers(10, 1440).map(lambda minutes: dt.timedelta(minutes=minutes))),
    st.sampled_from(["*/30 * * * *", "30 1,2 * * *", "15 */2 * * mon,sun", "0 5 1,15 * *"]).map(
        lambda text: Slot(crontab=text)
    ),
)
NEW_YEAR = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
zones = st.sampled_from([NEW_YORK, "UTC", "Europe/Madrid", "Australia/Lord_Howe", "Africa/Cairo", "America/St_Johns"])


@given(slot=slots, zone=zones, start=st.integers(0, 1_000_000).map(lambda minutes: NEW_YEAR + dt.timedelta(minutes=minutes)))
def test_walking_forward_meets_every_firing_once_and_looking_back_finds_it(slot: Slot, zone: str, start: dt.datetime) -> None:
    schedule = a_schedule(zone)
    moment, seen = start, []
    for _ in range(5):
        after = following(slot, schedule, moment)
        assert after is not None
        assert after > moment
        assert latest(slot, schedule, after) == after
        if seen:
            assert latest(slot, schedule, after - dt.timedelta(microseconds=1)) == seen[-1]
        seen.append(after)
        moment = after


@given(zone=zones, day=st.dates(dt.date(2026, 1, 1), dt.date(2027, 12, 31)), time=st.times())
def test_a_daily_time_fires_once_on_every_day(zone: str, day: dt.date, time: dt.time) -> None:
    slot, schedule = Slot(at=time.replace(second=0, microsecond=0)), a_schedule(zone)
    assert len(firings(slot, schedule, day)) == 1


# ── what is due ──


@dataclass
class Desk:
    """An agenda over a run ledger in memory, whose runs begin as soon as they are handed over."""

    clock: FakeClock = field(default_factory=FakeClock)
    schedule: Schedule = field(default_factory=lambda: a_schedule(sync=OFFICE_HOURS, sweep=FIVE, digest=NINE))
    ledger: list[RunTotal] = field(default_factory=list)
    begun: list[tuple[str, Duty]] = field(default_factory=list)
    busy: bool = False

    def serve(self) -> Agenda:
        """A process that has just started."""
        return Agenda(Timetable([a_mapping(schedule=self.schedule)]), lambda: self.ledger, self._begin, self.clock)

    def at(self, text: str) -> "Desk":
        self.clock.now = local(text)
        return self

    def ran(self, kind: str, at: str, state: RunState = RunState.DONE) -> "Desk":
        self.ledger.append(
            RunTotal(
                mapping="groups",
                kind=kind,
                state=state,
                runs=1,
                seconds=1,
                last_started=local(at),
                last_finished=local(at),
                counts={},
            )
        )
        return self

    def _begin(self, duty: Duty) -> None:
        now = self.clock().astimezone(ZoneInfo(NEW_YORK))
        self.begun.append((f"{now:%a %H:%M}", duty))
        if duty.mapping and not self.busy:
            self.ran({Work.SWEEP: "sweep", Work.SYNC: "delta"}[duty.work], f"{now:%Y-%m-%d %H:%M:%S}")

    def until(self, agenda: Agenda, text: str) -> None:
        """Let time pass, waking the agenda whenever it wants to be."""
        end = local(text)
        while (wake := agenda.timetable.wake(self.clock())) is not None and wake <= end:
            self.clock.now = wake
            agenda.look()
        self.clock.now = end


SWEEP, SYNC, DIGEST = Duty(Work.SWEEP, "groups"), Duty(Work.SYNC, "groups"), Duty(Work.DIGEST)


def test_a_day_begins_with_a_sweep_and_goes_on_with_syncs_and_one_digest() -> None:
    desk = Desk().ran("sweep", "2026-11-12 05:00").ran("delta", "2026-11-12 18:00").at("2026-11-15 12:00")
    agenda = desk.serve()
    assert agenda.look() == []
    desk.until(agenda, "2026-11-16 23:59")
    assert desk.begun[0] == ("Mon 05:00", SWEEP)
    assert [when for when, duty in desk.begun if duty == SYNC] == [
        f"Mon {hour:02}:{minute:02}" for hour in range(8, 19) for minute in (0, 30) if (hour, minute) <= (18, 0)
    ]
    assert [when for when, duty in desk.begun if duty == DIGEST] == ["Mon 09:00"]


def test_the_digest_comes_after_the_sync_of_the_same_minute() -> None:
    desk = Desk().ran("sweep", "2026-11-16 05:00").ran("delta", "2026-11-16 08:30").at("2026-11-16 09:00")
    assert desk.serve().look() == [SYNC, DIGEST]


def test_what_was_due_while_nobody_served_is_done_once_at_the_start() -> None:
    desk = Desk().ran("sweep", "2026-11-12 05:00").ran("delta", "2026-11-12 18:00").at("2026-11-17 12:10")
    agenda = desk.serve()
    assert agenda.look() == [SWEEP, DIGEST], "three sweeps and many syncs were missed: one sweep makes up for all"
    desk.until(agenda, "2026-11-17 12:59")
    assert desk.begun[-1] == ("Tue 12:30", SYNC)


def test_a_restart_repeats_nothing_that_ran() -> None:
    desk = Desk().ran("sweep", "2026-11-17 05:00").ran("delta", "2026-11-17 08:30").at("2026-11-17 08:45")
    assert desk.serve().look() == []


def test_a_run_that_a_kill_cut_short_is_begun_again() -> None:
    desk = Desk().at("2026-11-17 05:20").ran("sweep", "2026-11-17 05:00", RunState.INTERRUPTED)
    desk.ran("delta", "2026-11-17 05:10")
    assert desk.serve().look() == [SWEEP]


def test_a_run_that_failed_waits_for_its_next_turn() -> None:
    desk = Desk().at("2026-11-17 05:20").ran("sweep", "2026-11-17 05:00", RunState.FAILED)
    assert desk.serve().look() == []


def test_a_new_mapping_is_swept_at_once() -> None:
    assert Desk().at("2026-11-17 07:00").serve().look() == [SWEEP]


def test_nothing_is_made_up_for_on_a_closed_day() -> None:
    schedule = a_schedule(sweep=FIVE, digest=NINE, closed=((dt.date(2026, 11, 17), dt.date(2026, 11, 17)),))
    desk = Desk(schedule=schedule).at("2026-11-17 07:00")
    agenda = desk.serve()
    assert agenda.look() == []
    desk.until(agenda, "2026-11-18 06:00")
    assert desk.begun == [("Wed 05:00", SWEEP)]


def test_yesterdays_digest_is_not_told_today() -> None:
    desk = Desk().ran("sweep", "2026-11-17 05:00").ran("delta", "2026-11-16 18:00").at("2026-11-17 07:00")
    assert desk.serve().look() == []


def test_a_run_that_takes_longer_than_its_period_is_not_handed_over_twice_for_one_firing() -> None:
    desk = Desk(busy=True).ran("sweep", "2026-11-16 05:00").at("2026-11-16 08:00")
    agenda = desk.serve()
    assert agenda.look() == [SYNC]
    assert agenda.look() == [], "the run is still in hand, and the ledger does not know it yet"
    desk.at("2026-11-16 08:30")
    assert agenda.look() == [SYNC]


def test_a_machine_that_slept_wakes_to_one_run() -> None:
    desk = Desk().ran("sweep", "2026-11-16 05:00").ran("delta", "2026-11-16 08:00").at("2026-11-16 08:01")
    agenda = desk.serve()
    agenda.look()
    desk.at("2026-11-16 16:10")
    assert agenda.look() == [SYNC, DIGEST]
    assert agenda.look() == []


def test_what_another_process_has_done_meanwhile_is_not_due() -> None:
    desk = Desk().ran("sweep", "2026-11-16 05:00").at("2026-11-16 08:00")
    agenda = desk.serve()
    assert agenda.is_due(SYNC)
    desk.ran("delta", "2026-11-16 08:00")
    assert not agenda.is_due(SYNC)


def test_runs_are_told_at_once_from_the_digests_hour_on() -> None:
    timetable = Timetable([a_mapping(schedule=a_schedule(sync=OFFICE_HOURS, digest=NINE))])
    assert [timetable.may_tell(local(f"2026-11-16 {time}")) for time in ("08:59", "09:00", "17:00")] == [False, True, True]
    assert not timetable.may_tell(local("2026-11-21 12:00")), "there is no digest on a Saturday"
    assert Timetable([a_mapping()]).may_tell(local("2026-11-21 12:00")), "without a digest's hour every run tells"


def test_a_mapping_without_schedule_is_never_due() -> None:
    timetable = Timetable([a_mapping()])
    assert timetable.duties == ()
    assert timetable.wake(local("2026-11-16 08:00")) is None


# ── the worker and the alarm, with real threads ──


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker()
    made.start()
    yield made
    made.stop(60)


def test_jobs_are_done_one_after_the_other_and_an_equal_one_never_waits_twice(worker: Worker) -> None:
    go, done, order = threading.Event(), threading.Event(), []

    def slow() -> None:
        go.wait(60)
        order.append("slow")

    assert worker.submit("slow", slow)
    while not worker.busy:
        time.sleep(0.001)
    assert worker.submit("slow", lambda: order.append("again")), "the one in hand is no longer waiting"
    assert not worker.submit("slow", lambda: order.append("once more"))
    assert worker.submit("last", done.set)
    assert worker.waiting == 2
    go.set()
    assert done.wait(60)
    assert order == ["slow", "again"]


def test_a_job_that_fails_or_breaks_keeps_no_other_from_its_turn(worker: Worker) -> None:
    done = threading.Event()

    def fails() -> None:
        raise Unavailable("CiviCRM did not answer.")

    def breaks() -> None:
        raise ValueError("Lupe Ortega")

    worker.submit(1, fails)
    worker.submit(2, breaks)
    worker.submit(3, done.set)
    assert done.wait(60)


def test_a_worker_told_to_stop_ends_what_is_in_hand_and_begins_nothing_more(worker: Worker) -> None:
    go, order = threading.Event(), []

    def slow() -> None:
        go.wait(60)
        order.append("slow")

    worker.submit("slow", slow)
    while not worker.busy:
        time.sleep(0.001)
    worker.submit("next", lambda: order.append("next"))
    assert not worker.stop(0.05), "it is not done yet"
    go.set()
    assert worker.stop(60)
    assert order == ["slow"]
    assert not worker.submit("late", lambda: None)


def test_the_alarm_rings_when_the_timetable_says_and_asks_anew_after_a_reset() -> None:
    rang = threading.Event()
    wishes: list[dt.datetime | None] = [None]

    def wake(after: dt.datetime) -> dt.datetime | None:
        return next((each for each in wishes if each and each > after), None)

    alarm = Alarm(wake, rang.set, lambda: None, period=dt.timedelta(hours=1), jitter=dt.timedelta(0))
    alarm.start()
    try:
        assert not rang.wait(0.05)
        wishes[0] = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1.5)
        alarm.reset()
        assert rang.wait(60)
    finally:
        alarm.stop()


def test_the_alarm_is_a_little_late_by_chance_and_never_early() -> None:
    """So that several processes and mappings do not begin in the same second."""
    due = dt.datetime(2026, 11, 23, 6, 0, tzinfo=dt.UTC)
    alarm = Alarm(lambda _: due, lambda: None, lambda: None, period=dt.timedelta(hours=1), jitter=dt.timedelta(seconds=5))
    before = due - dt.timedelta(hours=1)
    late = [alarm._trigger.get_next_fire_time(None, before) - due for _ in range(200)]
    assert min(late) >= dt.timedelta(0)
    assert dt.timedelta(seconds=2) < max(late) <= dt.timedelta(seconds=5)
    assert len(set(late)) > 100
