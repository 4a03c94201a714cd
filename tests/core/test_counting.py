"""Figures count linked pairs by month or value, say how long things took, and never tell on anybody."""

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.counting import FEWEST, Counted, Figure, Hidden, count_up
from bridge.core.figures import Column, Days, Figures, Place, Span, Way
from bridge.core.mapping import Condition, Field, FieldType, Operator
from bridge.core.mapping import Test as Asks
from bridge.core.match import Pair
from bridge.core.record import Cell, Link, PerSide, Record, Row, Side, Unreadable

C, A = Side.CIVICRM, Side.AIRTABLE
TODAY = dt.date(2026, 11, 16)
BAD = Unreadable("no date")
FIELDS = {
    "ends": Field(name="ends", at=PerSide("ends", None), type=FieldType.DATE),
    "born": Field(name="born", at=PerSide("born", None), type=FieldType.DATE, sensitive=True),
    "seen": Field(name="seen", at=PerSide("seen", None), type=FieldType.DATETIME),
    "tier": Field(name="tier", at=PerSide(None, "Tier"), type=FieldType.CHOICE),
    "dues": Field(name="dues", at=PerSide(None, "Dues"), type=FieldType.MONEY),
    "premium": Field(name="premium", at=PerSide(None, "Premium"), type=FieldType.MONEY, sensitive=True),
}


def pair(number: int, ends: Cell = None, tier: Cell = None, dues: Cell = None, seen: Cell = None, born: Cell = None) -> Pair:
    link = Link(str(number), f"rec{number}")
    civicrm = Record(C, Row(link.civicrm, {}), {"ends": ends, "seen": seen, "born": born})
    airtable = Record(A, Row(link.airtable, {}), {"tier": tier, "dues": dues, "premium": dues})
    return Pair(link, civicrm, airtable, "linked")


def counted(
    *pairs: Pair,
    by: Place = (C, "ends"),
    each: Span | None = Span.MONTH,
    total: str | None = None,
    when: Condition | None = None,
    fewest: int | None = None,
) -> Counted:
    column = Column(name="x", title={}, when=when)
    if total:
        column = Column(name="x", title={}, way=Way.SUM, of=(A, total), when=when)
    return tabled(*pairs, column=column, by=by, each=each, fewest=fewest)


def tabled(
    *pairs: Pair, column: Column, by: Place = (C, "ends"), each: Span | None = Span.MONTH, fewest: int | None = None
) -> Counted:
    figures = Figures(name="f", title={}, by=by, by_title={}, each=each, columns=(column,), fewest=fewest)
    return count_up(figures, pairs, FIELDS, TODAY, zone=ZoneInfo("America/New_York"))


def lines(table: Counted) -> dict[str | None, Figure]:
    return {line.key: line.cells[0] for line in table.lines}


@pytest.mark.parametrize(
    ("each", "keys"),
    [(Span.MONTH, ["2026-09", "2026-10", None]), (Span.QUARTER, ["2026-Q3", "2026-Q4", None]), (Span.YEAR, ["2026", None])],
)
def test_days_are_gathered_by_month_quarter_or_year_and_blanks_stand_last(each: Span, keys: list[str | None]) -> None:
    table = counted(pair(1), pair(2, dt.date(2026, 10, 1)), pair(3, dt.date(2026, 9, 30)), pair(4, BAD), each=each)
    assert [line.key for line in table.lines] == keys
    assert lines(table)[None] == 2
    assert table.total.cells == (4,)


def test_a_moment_is_of_the_month_it_has_in_the_mappings_zone() -> None:
    moment = dt.datetime(2026, 10, 1, 2, tzinfo=dt.UTC)
    assert [*lines(counted(pair(1, seen=moment), by=(C, "seen")))] == ["2026-09"]


def test_sums_leave_out_what_is_blank_or_cannot_be_read() -> None:
    pairs = [pair(1, tier="Small", dues=Decimal("250.10")), pair(2, tier="Small"), pair(3, tier="Large", dues=BAD)]
    table = counted(*pairs, by=(A, "tier"), each=None, total="dues")
    assert lines(table) == {"Large": Decimal(0), "Small": Decimal("250.10")}
    assert table.total.cells == (Decimal("250.10"),)


def test_a_column_may_count_only_some() -> None:
    large = Asks("tier", Operator.IS, "Large", A)
    day = dt.date(2026, 10, 1)
    table = counted(pair(1, day, "Large"), pair(2, day, "Small"), pair(3, day, BAD), when=large)
    assert lines(table) == {"2026-10": 1}


def test_a_sum_of_a_sensitive_field_is_hidden_where_few_are_in_it() -> None:
    few = [pair(number, dt.date(2026, 9, 1), dues=Decimal(30)) for number in range(FEWEST - 1)]
    enough = [pair(10 + number, dt.date(2026, 10, 1), dues=Decimal(30)) for number in range(FEWEST)]
    table = counted(*few, *enough, pair(99, dt.date(2026, 11, 1)), total="premium")
    assert lines(table) == {"2026-09": Hidden.HIDDEN, "2026-10": Hidden.HIDDEN, "2026-11": Decimal(0)}
    assert table.total.cells == (Decimal(270),), "of two hidden sums the total tells neither"
    assert counted(*few, total="premium").total.cells == (Hidden.HIDDEN,)
    assert counted(*enough, total="premium").total.cells == (Decimal(150),)
    assert counted(*few, *enough, total="dues").lines[0].cells == (Decimal(120),)


# ── how long it took, and when what happened ──


def waits(start: Place, end: Place | None, way: Way = Way.MEDIAN) -> Column:
    return Column(name="wait", title={}, way=way, of=Days(start, end))


def seen(month: int, day: int) -> dt.datetime:
    return dt.datetime(2026, month, day, 12, tzinfo=dt.UTC)


def test_a_wait_is_the_days_between_two_days_and_the_blank_are_in_none() -> None:
    september = dt.date(2026, 9, 1)
    pairs = [pair(number, september, seen=seen(9, day)) for number, day in enumerate((2, 5, 30))]
    pairs += [pair(8, september), pair(9, september, seen=BAD)]
    middle = tabled(*pairs, column=waits((C, "ends"), (C, "seen")))
    assert middle.total.cells == (Decimal(4),)
    mean = tabled(*pairs, column=waits((C, "ends"), (C, "seen"), Way.AVERAGE))
    assert mean.total.cells == (Decimal(34) / 3,)


def test_a_wait_may_last_until_today() -> None:
    assert tabled(pair(1, dt.date(2026, 11, 1)), column=waits((C, "ends"), None)).total.cells == (Decimal(15),)


@pytest.mark.parametrize("way", [Way.AVERAGE, Way.MEDIAN])
def test_there_is_no_average_and_no_median_of_nothing(way: Way) -> None:
    table = tabled(pair(1, dt.date(2026, 11, 1)), column=waits((C, "ends"), (C, "seen"), way))
    assert lines(table) == {"2026-11": None}
    assert not table.hides


def test_a_column_may_stand_by_a_day_of_its_own() -> None:
    own = Column(name="seen", title={}, by=(C, "seen"))
    october = dt.date(2026, 10, 1)
    table = tabled(pair(1, october, seen=seen(11, 2)), pair(2, october, seen=seen(12, 2)), pair(3, october), column=own)
    assert lines(table) == {"2026-10": 0, "2026-11": 1, "2026-12": 1}
    assert table.total.cells == (2,)


def test_a_median_of_days_of_which_one_is_sensitive_is_hidden_where_few_are_in_it() -> None:
    few = [pair(number, dt.date(2026, 9, 9), born=dt.date(2026, 9, 1)) for number in range(FEWEST - 1)]
    assert tabled(*few, column=waits((C, "born"), (C, "ends"))).total.cells == (Hidden.HIDDEN,)
    assert tabled(*few, column=waits((C, "born"), None)).total.cells == (Hidden.HIDDEN,)


# ── small numbers ──


def months(*sizes: int) -> list[Pair]:
    """So many pairs in each month from January."""
    return [
        pair(100 * month + number, dt.date(2026, month, 1)) for month, size in enumerate(sizes, 1) for number in range(size)
    ]


@pytest.mark.parametrize(
    ("sizes", "shown", "total"),
    [
        ((7, 8), (7, 8), 15),
        ((7, 3, 8), (None, None, 8), 18),
        ((7, 1, 4), (7, None, None), 12),
        ((7, 1, 1, 9), (None, None, None, 9), 18),
        ((4,), (None,), None),
        ((1, 1), (None, None), None),
    ],
)
def test_small_counts_are_hidden_and_what_the_total_would_tell_with_them(
    sizes: tuple[int, ...], shown: tuple[int | None, ...], total: int | None
) -> None:
    table = counted(*months(*sizes), fewest=5)
    assert tuple(lines(table).values()) == tuple(Hidden.HIDDEN if each is None else each for each in shown)
    assert table.total.cells == (Hidden.HIDDEN if total is None else total,)
    assert table.hides is (None in shown)
    assert table.fewest == FEWEST


@given(st.lists(st.integers(0, 12), min_size=1, max_size=12))
def test_what_is_shown_never_tells_a_small_count(sizes: list[int]) -> None:
    table = counted(*months(*sizes), fewest=5)
    cells = [line.cells[0] for line in table.lines]
    shown = [cell for cell in cells if isinstance(cell, Decimal)]
    assert all(cell == 0 or cell >= 5 for cell in shown)
    total = table.total.cells[0]
    if isinstance(total, Decimal) and len(shown) < len(cells):
        assert len(cells) - len(shown) > 1
        assert total - sum(shown) >= 5
