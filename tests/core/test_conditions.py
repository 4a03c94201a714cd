"""Every operator of a condition, over values, blank cells and cells that cannot be read."""

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.conditions import fields_read, holds
from bridge.core.mapping import All, Any, Condition, Field, FieldRef, FieldType, Not, Operand, Operator, Today
from bridge.core.mapping import Test as Ask
from bridge.core.record import Cell, PerSide, Side, Unreadable

C, A = Side.CIVICRM, Side.AIRTABLE
Op, T = Operator, FieldType
TODAY = dt.date(2026, 3, 10)
BAD = Unreadable("This is not a date.")


def day(offset: int) -> dt.date:
    return TODAY + dt.timedelta(days=offset)


def ask(operator: Operator, operand: Operand, cell: Cell, kind: FieldType = T.TEXT, **options: object) -> bool | None:
    field = Field(name="it", at=PerSide("it", "It"), type=kind, **options)  # type: ignore[arg-type]
    return holds(Ask("it", operator, operand, C), PerSide({"it": cell}, {}), {"it": field}, TODAY)


ASKED: list[tuple[Operator, Operand, Cell, FieldType, bool]] = [
    (Op.IS, "enrolled", "enrolled", T.CHOICE, True),
    (Op.IS, "enrolled", "terminated", T.CHOICE, False),
    (Op.IS, False, False, T.BOOLEAN, True),
    (Op.IS, True, False, T.BOOLEAN, False),
    (Op.IS, Decimal(3), Decimal("3.00"), T.MONEY, True),
    (Op.IS, Decimal("3.00"), Decimal("3.0049"), T.MONEY, True),
    (Op.IS, day(0), day(0), T.DATE, True),
    (Op.IS, Today(1), day(1), T.DATE, True),
    (Op.IS, Today(), day(1), T.DATE, False),
    (Op.IS, "Dental", frozenset({"Dental", "Vision"}), T.CHOICES, True),
    (Op.IS, "Life", frozenset({"Dental", "Vision"}), T.CHOICES, False),
    (Op.IS_NOT, "Pending", "Current", T.CHOICE, True),
    (Op.IS_NOT, "Pending", "Pending", T.CHOICE, False),
    (Op.IS_NOT, "Life", frozenset({"Dental"}), T.CHOICES, True),
    (Op.IN, ("New", "Current"), "Current", T.CHOICE, True),
    (Op.IN, ("New", "Current"), "Expired", T.CHOICE, False),
    (Op.IN, ("Life", "Vision"), frozenset({"Dental", "Vision"}), T.CHOICES, True),
    (Op.NOT_IN, ("New", "Current"), "Expired", T.CHOICE, True),
    (Op.NOT_IN, ("Life", "Vision"), frozenset({"Dental", "Vision"}), T.CHOICES, False),
    (Op.BLANK, True, "x", T.TEXT, False),
    (Op.BLANK, False, "x", T.TEXT, True),
    (Op.BEFORE, day(0), day(-1), T.DATE, True),
    (Op.BEFORE, day(0), day(0), T.DATE, False),
    (Op.BEFORE, Today(30), day(29), T.DATE, True),
    (Op.BEFORE, Today(30), day(30), T.DATE, False),
    (Op.AFTER, Today(), day(1), T.DATE, True),
    (Op.AFTER, Today(), day(0), T.DATE, False),
    (Op.AFTER, "not a day", day(0), T.DATE, False),
    (Op.AFTER, Today(), "not a day", T.TEXT, False),
    (Op.WITHIN, dt.timedelta(60), day(0), T.DATE, True),
    (Op.WITHIN, dt.timedelta(60), day(60), T.DATE, True),
    (Op.WITHIN, dt.timedelta(60), day(61), T.DATE, False),
    (Op.WITHIN, dt.timedelta(60), day(-1), T.DATE, False),
    (Op.OVERDUE_BY, dt.timedelta(30), day(-31), T.DATE, True),
    (Op.OVERDUE_BY, dt.timedelta(30), day(-30), T.DATE, False),
    (Op.OVERDUE_BY, dt.timedelta(30), day(5), T.DATE, False),
    (Op.MORE_THAN, Decimal(3), Decimal(4), T.INTEGER, True),
    (Op.MORE_THAN, Decimal(3), Decimal(3), T.INTEGER, False),
    (Op.MORE_THAN, Decimal(3), "four", T.TEXT, False),
    (Op.LESS_THAN, Decimal("0.5"), Decimal("0.49"), T.PERCENT, True),
    (Op.LESS_THAN, Decimal("0.5"), Decimal("0.5"), T.PERCENT, False),
]

OPERANDS: dict[Operator, Operand] = {
    Op.IS: "x",
    Op.IS_NOT: "x",
    Op.IN: ("x",),
    Op.NOT_IN: ("x",),
    Op.BLANK: True,
    Op.BEFORE: Today(),
    Op.AFTER: Today(),
    Op.WITHIN: dt.timedelta(60),
    Op.OVERDUE_BY: dt.timedelta(30),
    Op.MORE_THAN: Decimal(3),
    Op.LESS_THAN: Decimal(3),
}


@pytest.mark.parametrize(("operator", "operand", "cell", "kind", "expected"), ASKED)
def test_an_operator_asks_a_cell(operator: Operator, operand: Operand, cell: Cell, kind: FieldType, expected: bool) -> None:
    assert ask(operator, operand, cell, kind) is expected


@pytest.mark.parametrize(("operator", "operand"), OPERANDS.items())
def test_a_blank_cell_is_only_blank_and_not_anything_else(operator: Operator, operand: Operand) -> None:
    assert ask(operator, operand, None) is (operator in (Op.IS_NOT, Op.NOT_IN, Op.BLANK))


@pytest.mark.parametrize(("operator", "operand"), OPERANDS.items())
def test_what_cannot_be_read_is_unknown_to_every_operator(operator: Operator, operand: Operand) -> None:
    assert ask(operator, operand, BAD) is None


def test_ignored_habits_are_ignored_in_conditions_too() -> None:
    assert ask(Op.IS, "PEÑA", "peña", ignore=frozenset({"case"})) is True
    assert ask(Op.IS, "PEÑA", "peña") is False


def test_a_name_that_shares_its_option_is_still_asked_by_itself() -> None:
    """New and Current are both Active in Airtable; a rule about CiviCRM's Current must not mean New."""
    values = {"New": "Active", "Current": "Active"}
    assert ask(Op.IS, "Current", "New", T.CHOICE, values=values) is False


@pytest.mark.parametrize(("workers", "expected"), [(Decimal(4), True), (Decimal(5), False), (None, False), (BAD, None)])
def test_a_number_is_compared_with_the_other_sides_field(workers: Cell, expected: bool | None) -> None:
    fields = {
        "head_count": Field(name="head_count", at=PerSide(None, "Enrolled"), type=T.INTEGER),
        "workers": Field(name="workers", at=PerSide("workers", None), type=T.INTEGER),
    }
    test = Ask("head_count", Op.MORE_THAN, FieldRef(C, "workers"), A)
    assert holds(test, PerSide({"workers": workers}, {"head_count": Decimal(5)}), fields, TODAY) is expected
    assert fields_read(test) == {"head_count", "workers"}


@pytest.mark.parametrize(
    ("days", "ends", "expected"),
    [
        (0, day(0), False),
        (0, day(1), True),
        (-60, day(60), False),
        (-60, day(61), True),
        (30, dt.date.max, True),
        (-30, dt.date.min, False),
        (30, None, False),
        (30, BAD, None),
    ],
)
def test_a_day_is_compared_with_another_cell_moved_by_days(days: int, ends: Cell, expected: bool | None) -> None:
    """9999-12-31 is how some people write "no end": it stays the last day there is."""
    fields = {
        "paid": Field(name="paid", at=PerSide(None, "Paid"), type=T.DATE),
        "ends": Field(name="ends", at=PerSide("ends", None), type=T.DATE),
    }
    test = Ask("paid", Op.BEFORE, FieldRef(C, "ends", days), A)
    assert holds(test, PerSide({"ends": ends}, {"paid": TODAY}), fields, TODAY) is expected


def test_a_moment_has_its_day_in_the_mappings_zone() -> None:
    fields = {"seen": Field(name="seen", at=PerSide("seen", None), type=T.DATETIME)}
    cells = PerSide({"seen": dt.datetime(2026, 3, 10, 3, tzinfo=dt.UTC)}, {})
    test = Ask("seen", Op.BEFORE, Today(), C)
    assert holds(test, cells, fields, TODAY) is False
    assert holds(test, cells, fields, TODAY, zone=ZoneInfo("America/New_York")) is True


@pytest.mark.parametrize(
    ("civicrm", "airtable", "expected"),
    [("enrolled", "Enrolled", False), ("prospect", "Enrolled", True), (None, "Enrolled", True), (BAD, "Enrolled", None)],
)
def test_differs_asks_whether_the_two_sides_disagree(civicrm: Cell, airtable: Cell, expected: bool | None) -> None:
    values = {"prospect": "Prospect", "enrolled": "Enrolled"}
    fields = {"status": Field(name="status", at=PerSide("s", "S"), type=T.CHOICE, values=values)}
    cells = PerSide({"status": civicrm}, {"status": airtable})
    assert holds(Ask("status", Op.DIFFERS, True), cells, fields, TODAY) is expected
    opposite = None if expected is None else not expected
    assert holds(Ask("status", Op.DIFFERS, False), cells, fields, TODAY) is opposite


# ── three values ──

FIELDS = {name: Field(name=name, at=PerSide(name, None), type=T.BOOLEAN) for name in ("yes", "no", "unknown")}
CELLS = PerSide({"yes": True, "no": False, "unknown": BAD}, {})
YES, NO, UNKNOWN = (Ask(name, Op.IS, True, C) for name in FIELDS)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (All(()), True),
        (All((YES, YES)), True),
        (All((YES, UNKNOWN)), None),
        (All((UNKNOWN, NO)), False),
        (Any(()), False),
        (Any((NO, NO)), False),
        (Any((NO, UNKNOWN)), None),
        (Any((UNKNOWN, YES)), True),
        (Not(YES), False),
        (Not(NO), True),
        (Not(UNKNOWN), None),
        (All((Any((NO, YES)), Not(NO))), True),
    ],
)
def test_conditions_nest_and_unknown_stays_unknown_where_it_matters(condition: Condition, expected: bool | None) -> None:
    assert holds(condition, CELLS, FIELDS, TODAY) is expected


CONDITIONS = st.recursive(
    st.sampled_from([YES, NO, UNKNOWN]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda each: All(tuple(each)))
        | st.lists(inner, max_size=3).map(lambda each: Any(tuple(each)))
        | inner.map(Not)
    ),
)


@given(CONDITIONS)
def test_an_unknown_answer_is_one_that_reading_the_cell_could_turn_either_way(condition: Condition) -> None:
    """Three-valued logic may say unknown too often (a cell and its opposite), but never says true or false wrongly."""
    answer = holds(condition, CELLS, FIELDS, TODAY)
    read = {holds(condition, PerSide({**CELLS.civicrm, "unknown": value}, {}), FIELDS, TODAY) for value in (True, False)}
    assert answer is None or read == {answer}


def test_a_condition_knows_which_fields_decide_it() -> None:
    assert fields_read(All((YES, Not(Any((NO,)))))) == {"yes", "no"}
    assert fields_read(All(())) == frozenset()
