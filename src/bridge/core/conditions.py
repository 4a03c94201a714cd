"""Whether a rule's condition holds for one linked pair: true, false, or unknown because a cell cannot be read.

A rule is told only where it holds; unknown is never true, so a frozen cell silences a rule rather than setting it off.

Of a blank cell, `is_not` and `not_in` are true and every other question but `blank` is false; so is any comparison with a blank
field. Of a cell with several options, `is` and `in` ask whether one of those named is among them, `is_not` and `not_in`
whether none is.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from bridge.core.mapping import All, Any, Condition, Field, FieldRef, Not, Operand, Operator, Test, Today
from bridge.core.record import Cell, PerSide, Side, Unreadable, Value
from bridge.core.values import comparable, normal

Answer = bool | None
"""None is unknown."""

_OF_THE_DAY = frozenset((Operator.WITHIN, Operator.OVERDUE_BY))
_TRUE_OF_BLANK = frozenset((Operator.IS_NOT, Operator.NOT_IN))


def holds(
    condition: Condition,
    cells: PerSide[Mapping[str, Cell]],
    fields: Mapping[str, Field],
    today: dt.date,
    *,
    zone: dt.tzinfo = dt.UTC,
) -> Answer:
    """Whether `condition` is true of `cells`, or None where that hangs on a cell that cannot be read.

    `cells` are in each side's own words, by field name. `today` is the day of the run in the mapping's zone, and `zone` is
    that zone, in which the moment of a datetime cell has its day.
    """
    return _answer(condition, _Asked(cells, fields, today, zone))


def answers(
    condition: Condition,
    cells: PerSide[Mapping[str, Cell]],
    fields: Mapping[str, Field],
    today: dt.date,
    *,
    zone: dt.tzinfo = dt.UTC,
) -> tuple[tuple[Test, Answer], ...]:
    """Each question that `condition` is made of, in the order written, with its own answer; see `holds`."""
    asked = _Asked(cells, fields, today, zone)
    return tuple((test, _test(test, asked)) for test in _tests(condition))


def _tests(condition: Condition) -> Iterable[Test]:
    if isinstance(condition, Test):
        return (condition,)
    parts = (condition.of,) if isinstance(condition, Not) else condition.of
    return (test for part in parts for test in _tests(part))


def fields_read(condition: Condition) -> frozenset[str]:
    """The names of all fields whose cells decide `condition`."""
    if isinstance(condition, Test):
        other = {condition.operand.field} if isinstance(condition.operand, FieldRef) else set()
        return frozenset({condition.field} | other)
    if isinstance(condition, Not):
        return fields_read(condition.of)
    return frozenset().union(*map(fields_read, condition.of))


def asks_the_day(condition: Condition) -> bool:
    """Whether the day of the run decides `condition`."""
    if isinstance(condition, Test):
        named = condition.operand if isinstance(condition.operand, tuple) else (condition.operand,)
        return condition.operator in _OF_THE_DAY or any(isinstance(each, Today) for each in named)
    if isinstance(condition, Not):
        return asks_the_day(condition.of)
    return any(map(asks_the_day, condition.of))


def sides_asked(condition: Condition) -> frozenset[Side]:
    """The sides whose cells decide `condition`; both where it asks whether they differ."""
    if isinstance(condition, Test):
        other = {condition.operand.side} if isinstance(condition.operand, FieldRef) else set()
        return frozenset(Side) if condition.side is None else frozenset({condition.side} | other)
    if isinstance(condition, Not):
        return sides_asked(condition.of)
    return frozenset().union(*map(sides_asked, condition.of))


@dataclass(frozen=True, slots=True)
class _Asked:
    """The pair that is asked about, and when."""

    cells: PerSide[Mapping[str, Cell]]
    fields: Mapping[str, Field]
    today: dt.date
    zone: dt.tzinfo

    def cell(self, side: Side, name: str) -> Cell:
        """The cell in its side's own words, in the form that is compared."""
        return normal(self.fields[name], self.cells[side][name])

    def other(self, ref: FieldRef) -> Cell:
        """The cell that another is compared with; a day is moved as the condition says, and stays within the calendar."""
        cell = self.cell(ref.side, ref.field)
        if not ref.days or isinstance(cell, Unreadable) or (day := self.day(cell)) is None:
            return cell
        ordinal = day.toordinal() + ref.days
        return dt.date.fromordinal(min(max(ordinal, 1), dt.date.max.toordinal()))

    def day(self, value: object) -> dt.date | None:
        """The day that a date, a moment or `today` falls on."""
        if isinstance(value, Today):
            return self.today + dt.timedelta(days=value.days)
        if isinstance(value, dt.datetime):
            return value.astimezone(self.zone).date()
        return value if isinstance(value, dt.date) else None


def _answer(condition: Condition, asked: _Asked) -> Answer:
    match condition:
        case All(of):
            return _all(_answer(each, asked) for each in of)
        case Any(of):
            return _not(_all(_not(_answer(each, asked)) for each in of))
        case Not(of):
            return _not(_answer(of, asked))
        case _:
            return _test(condition, asked)


def _all(answers: Iterable[Answer]) -> Answer:
    found = set(answers)
    return False if False in found else None if None in found else True


def _not(answer: Answer) -> Answer:
    return None if answer is None else not answer


def _test(test: Test, asked: _Asked) -> Answer:
    if test.side is None:
        differs = _differs(test.field, asked)
        return None if differs is None else differs is test.operand
    cell = asked.cell(test.side, test.field)
    if isinstance(cell, Unreadable):
        return None
    if test.operator is Operator.BLANK:
        return (cell is None) is test.operand
    operand: Operand | Cell = test.operand
    if isinstance(operand, FieldRef):
        operand = asked.other(operand)
    if isinstance(operand, Unreadable):
        return None
    if cell is None or operand is None:
        return test.operator in _TRUE_OF_BLANK
    return _compare(test, cell, operand, asked)


def _differs(name: str, asked: _Asked) -> Answer:
    field = asked.fields[name]
    here, there = (comparable(field, side, cells[name]) for side, cells in asked.cells)
    if isinstance(here, Unreadable) or isinstance(there, Unreadable):
        return None
    return here != there


def _compare(test: Test, cell: Value, operand: object, asked: _Asked) -> bool:
    match test.operator:
        case Operator.IS | Operator.IN:
            return _among(cell, operand, test.field, asked)
        case Operator.IS_NOT | Operator.NOT_IN:
            return not _among(cell, operand, test.field, asked)
        case Operator.MORE_THAN | Operator.LESS_THAN:
            return _beyond(test.operator, cell, operand)
        case _:
            day = asked.day(cell)
            return day is not None and _when(test.operator, day, operand, asked)


def _among(cell: Value, operand: object, name: str, asked: _Asked) -> bool:
    field = asked.fields[name]
    named = operand if isinstance(operand, tuple) else (operand,)
    wanted = [asked.day(each) if isinstance(each, Today) else normal(field, each) for each in named]
    return any(option in wanted for option in (cell if isinstance(cell, frozenset) else (cell,)))


def _beyond(operator: Operator, cell: Value, bound: object) -> bool:
    if not isinstance(cell, Decimal) or not isinstance(bound, Decimal):
        return False
    return cell > bound if operator is Operator.MORE_THAN else cell < bound


def _when(operator: Operator, day: dt.date, operand: object, asked: _Asked) -> bool:
    if isinstance(operand, dt.timedelta):
        within = asked.today <= day <= asked.today + operand
        return within if operator is Operator.WITHIN else day < asked.today - operand
    bound = asked.day(operand)
    if bound is None:
        return False
    return day < bound if operator is Operator.BEFORE else day > bound
