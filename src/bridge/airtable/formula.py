"""`filterByFormula` for what a mapping asks: its `where`, keys, record ids and the time since. Pure.

Formulas name fields by their present names: whether ids work in them is disputed, so names are looked up just before.
"""

import datetime as dt
from collections.abc import Callable, Collection, Sequence

from pyairtable import formulas as f

from bridge.airtable.schema import CHECKBOX, DATES, LISTS, NUMBERS, Place
from bridge.core.record import Json
from bridge.errors import ConfigError

OVERLAP = dt.timedelta(seconds=120)
"""A delta begins this much before `since`: clocks differ, and two edits can share a second."""

_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"

_COMPARE: dict[str, Callable[[f.Formula, f.Formula], f.Formula]] = {
    "=": f.EQ,
    "!=": f.NE,
    "<": f.LT,
    "<=": f.LTE,
    ">": f.GT,
    ">=": f.GTE,
}
_COMPARE_DATES: dict[str, Callable[[f.Formula, f.Formula], f.Formula]] = {
    "=": lambda field, moment: f.AND(f.NOT(f.IS_BEFORE(field, moment)), f.NOT(f.IS_AFTER(field, moment))),
    "!=": lambda field, moment: f.OR(f.IS_BEFORE(field, moment), f.IS_AFTER(field, moment)),
    "<": f.IS_BEFORE,
    "<=": lambda field, moment: f.NOT(f.IS_AFTER(field, moment)),
    ">": f.IS_AFTER,
    ">=": lambda field, moment: f.NOT(f.IS_BEFORE(field, moment)),
}
_NEGATED = {"NOT IN": "IN", "NOT CONTAINS": "CONTAINS", "IS NOT EMPTY": "IS EMPTY"}
OPERATORS = (*_COMPARE, "IN", "CONTAINS", "IS EMPTY", *_NEGATED)


def condition(place: Place, operator: str, value: Json = None) -> f.Formula:
    """The formula of one condition of `where`. ConfigError where the operator or the field cannot be asked.

    A blank checkbox is false. Empty is what shows no text, so a number 0 is not. A blank date or number is neither less nor
    more than any other, and differs from each.
    """
    if place.column is None:
        raise ConfigError(f"`airtable: where:` names the field {place.path}, which the table does not have.")
    if operator in _NEGATED:
        return f.NOT(condition(place, _NEGATED[operator], value))
    if operator == "IN":
        return f.OR(*(condition(place, "=", each) for each in (value if isinstance(value, list) and value else [value])))
    field = f.Field(place.column.name)
    if operator == "IS EMPTY":
        return f.NOT(field) if place.column.cell == CHECKBOX else _shows_nothing(field)
    if operator == "CONTAINS":
        return _contains(field, place.write(value), listed=place.column.cell in LISTS)
    if operator not in _COMPARE:
        known = ", ".join(OPERATORS)
        raise ConfigError(f"`airtable: where:` does not know the operator {operator}.", next_step=f"Use one of {known}.")
    return _compared(field, place.column.cell, operator, place.write(value))


def records(ids: Collection[str]) -> f.Formula:
    """The records with these ids; at least one is needed."""
    return f.OR(*(f.EQ(f.RECORD_ID(), each) for each in ids))


def parts(count: int) -> Sequence[f.Formula]:
    """Formulas of which every record meets exactly one, each about as many: by the last letter of its id, in any case."""
    last = f.LOWER(f.RIGHT(f.RECORD_ID(), 1))
    shares = [f.GT(f.FIND(last, _LETTERS[at::count]), 0) for at in range(count - 1)]
    return [*shares, f.NOT(f.OR(*shares))]


def changed_since(since: dt.datetime) -> f.Formula:
    """Records made, or edited by a user in a field that is not computed, at `since` less the overlap, or later."""
    moment = f.DATETIME_PARSE((since - OVERLAP).astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"))
    return f.OR(f.NOT(f.IS_BEFORE(f.LAST_MODIFIED_TIME(), moment)), f.NOT(f.IS_BEFORE(f.CREATED_TIME(), moment)))


def both(parts: Sequence[f.Formula]) -> str:
    """The text of a formula that asks for all parts, or "" for none."""
    if not parts:
        return ""
    return str(parts[0] if len(parts) == 1 else f.AND(*parts))


def _compared(field: f.Field, cell: str, operator: str, value: Json) -> f.Formula:
    if isinstance(value, bool):
        return f.NOT(f.NOT(field)) if (operator == "=") == value else f.NOT(field)
    if cell in DATES:
        held = _COMPARE_DATES[operator](field, f.DATETIME_PARSE(str(value)))
    else:
        held = _COMPARE[operator](field, f.to_formula(", ".join(map(str, value)) if isinstance(value, list) else value))
    if cell in DATES | NUMBERS:
        # A blank number counts as 0, and comparing a blank date is an error.
        return f.IF(_shows_nothing(field), operator == "!=", held)
    return held


def _shows_nothing(field: f.Formula) -> f.Formula:
    return f.EQ(f.Formula(f"({field}&'')"), "")


def _contains(field: f.Formula, value: Json, *, listed: bool) -> f.Formula:
    """Lists show as their items parted by a comma and a space: an item is found whole, not as a part of another."""
    if not listed:
        return f.GT(f.FIND(str(value), f.Formula(f"({field}&'')")), 0)
    return f.GT(f.FIND(f", {value}, ", f.Formula(f"(', '&{field}&', ')")), 0)
