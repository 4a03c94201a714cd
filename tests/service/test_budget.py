"""The month's calls: what runs have cost says how it will end, and syncs come less often before a quota would."""

import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import pytest

from bridge.core.budget import RESERVE, Forecast, Need, month_end
from bridge.core.mapping import Mapping
from bridge.core.timing import Schedule, Slot
from bridge.ports import RunState, Store
from bridge.service.budget import Budget
from bridge.service.order import Kind
from bridge.service.schedule import Duty, Timetable, Work
from bridge.store import open_store
from builders import a_mapping
from fakes import FakeClock

BASE = "appBenefits000001"
SYNC, SWEEP = Duty(Work.SYNC, "groups"), Duty(Work.SWEEP, "groups")
CALLS = {Kind.DELTA: 3, Kind.SWEEP: 12}
NOVEMBER = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOVEMBER)


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> Iterator[Store]:
    with closing(open_store(f"sqlite:///{tmp_path}/bridge.db", [], clock)) as opened:
        yield opened


def a_scheduled_mapping(every: dt.timedelta) -> Mapping:
    """Synced every so often around the clock, and swept at five in the morning."""
    return a_mapping(schedule=Schedule(timezone="UTC", sync=Slot(every=every), sweep=Slot(at=dt.time(5))))


def ran(store: Store, kind: Kind) -> None:
    """A run of this kind, with the calls that one takes."""
    number = store.runs.start("groups", mode="correct", kind=kind, by="schedule")
    store.calls.add(BASE, CALLS[kind])
    store.runs.finish(number, RunState.DONE, counts={"airtable_calls": CALLS[kind]})


def a_month(store: Store, clock: FakeClock, mapping: Mapping, quota: int | None) -> dict[dt.date, list[Kind]]:
    """Every firing of the month as `bridge serve` would meet it; what was run on each day."""
    timetable = Timetable([mapping])
    budget = Budget(store=store, clock=clock, base_of=lambda _: BASE, quota=quota)
    done: dict[dt.date, list[Kind]] = {}
    while (moment := timetable.wake(clock())) is not None and moment < month_end(NOVEMBER):
        clock.now = moment
        work, kind = (SWEEP, Kind.SWEEP) if timetable.latest(SWEEP, moment) == moment else (SYNC, Kind.DELTA)
        if budget.puts_off(work, [mapping], timetable) is None:
            ran(store, kind)
            done.setdefault(moment.date(), []).append(kind)
    return done


def test_syncs_are_spread_so_that_the_quota_lasts_the_month_and_no_sweep_is_left_out(store: Store, clock: FakeClock) -> None:
    """Every six hours would take 120 syncs of 3 calls and 30 sweeps of 12: 720 calls of 650."""
    done = a_month(store, clock, a_scheduled_mapping(dt.timedelta(hours=6)), quota=650)
    assert 500 < store.calls.used(BASE, "2026-11") <= 650 * (1 - RESERVE) + CALLS[Kind.DELTA]
    assert sum(kinds.count(Kind.SWEEP) for kinds in done.values()) == 30
    assert min(kinds.count(Kind.DELTA) for kinds in done.values()) >= 1, "the syncs are spread over the whole month"


def test_nothing_is_put_off_where_the_calls_are_enough_or_have_no_cap(store: Store, clock: FakeClock) -> None:
    done = a_month(store, clock, a_scheduled_mapping(dt.timedelta(hours=12)), quota=1_000)
    assert sum(kinds.count(Kind.DELTA) for kinds in done.values()) == 2 * 30 - 1, "the first firing was when the month began"
    budget = Budget(store=store, clock=clock, base_of=lambda _: BASE, quota=None)
    mapping = a_scheduled_mapping(dt.timedelta(minutes=5))
    assert budget.puts_off(SYNC, [mapping], Timetable([mapping])) is None


def test_the_forecast_says_how_the_month_ends_and_which_syncs_would_overrun_it(store: Store, clock: FakeClock) -> None:
    mapping = a_scheduled_mapping(dt.timedelta(hours=2))
    ran(store, Kind.SWEEP)
    ran(store, Kind.DELTA)
    clock.now = dt.datetime(2026, 11, 11, tzinfo=dt.UTC)
    budget = Budget(store=store, clock=clock, base_of=lambda _: BASE, quota=1_000)
    [forecast] = budget.forecasts([mapping], Timetable([mapping]))
    assert forecast.used == 15
    assert forecast.expected == 15 + 20 * 12 + (20 * 12 - 1) * 3
    assert forecast.stretched == ("groups",)
    assert forecast.share == Fraction(1_000 - 15 - 100 - 20 * 12, (20 * 12 - 1) * 3)


def test_a_month_whose_calls_are_gone_has_none_for_syncs() -> None:
    need = Need(mapping="groups", sweep=False, runs=10, calls_each=3)
    forecast = Forecast(base=BASE, quota=1_000, used=990, needs=(need,))
    assert forecast.share == 0
    assert forecast.spacing(need, dt.timedelta(days=3)) is None


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-11-30T23:59:59+00:00", "2026-12-01T00:00:00+00:00"),
        ("2026-12-31T20:00:00-05:00", "2027-02-01T00:00:00+00:00"),
        ("2026-12-05T00:00:00+00:00", "2027-01-01T00:00:00+00:00"),
    ],
)
def test_a_month_ends_on_the_first_in_utc(now: str, end: str) -> None:
    assert month_end(dt.datetime.fromisoformat(now)) == dt.datetime.fromisoformat(end)
