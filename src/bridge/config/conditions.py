"""Conditions of rules: each names a side, a field and one operator, and its operand is checked against the field's type.

Operands leave here in the field's own terms on that side: on the Airtable side an option's word, on the CiviCRM side the keys
that word stands for.
"""

import datetime as dt
from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bridge.config import terms
from bridge.config.draft import Draft
from bridge.config.fields import CHOICES, DATES, NUMBERS
from bridge.config.problems import describe, expected, listed, suggest
from bridge.config.shape_rules import ConditionShape, OtherDay, OtherField
from bridge.config.tree import Trail
from bridge.core import mapping as core
from bridge.core import values
from bridge.core.mapping import All, Condition, Field, FieldRef, FieldType, Not, Operand, Operator, Test, Today
from bridge.core.record import Side

_EQUALITY = frozenset({Operator.IS, Operator.IS_NOT, Operator.IN, Operator.NOT_IN})
_NO_EQUALITY = frozenset({FieldType.REFERENCE, FieldType.DATETIME, FieldType.LONG_TEXT})
_ATTRIBUTES = {Operator.IS: "is_", Operator.IN: "in_"}
_ANY = frozenset(FieldType)
_TYPES: Map[Operator, frozenset[FieldType]] = {
    **dict.fromkeys((Operator.IS, Operator.IS_NOT), _ANY - _NO_EQUALITY),
    **dict.fromkeys((Operator.IN, Operator.NOT_IN), _ANY - _NO_EQUALITY - {FieldType.BOOLEAN, FieldType.DATE}),
    Operator.BLANK: _ANY,
    Operator.DIFFERS: _ANY,
    **dict.fromkeys((Operator.BEFORE, Operator.AFTER, Operator.WITHIN, Operator.OVERDUE_BY), DATES),
    **dict.fromkeys((Operator.MORE_THAN, Operator.LESS_THAN), NUMBERS),
}
"""Which types an operator can ask."""

_SINGULAR = {Operator.IN: Operator.IS, Operator.NOT_IN: Operator.IS_NOT}
_PLURAL = {single: plural for plural, single in _SINGULAR.items()}


class _WrongError(Exception):
    """An operand does not fit; its arguments are message and hint, and the trail below the condition."""

    def __init__(self, message: str, hint: str = "", *below: str | int) -> None:
        super().__init__(message)
        self.message, self.hint, self.below = message, hint, below


@dataclass(frozen=True, slots=True)
class Conditions:
    """Reads the conditions of one draft, given its sound fields."""

    draft: Draft
    fields: Map[str, Field]

    def read(self, trail: Trail, shape: ConditionShape | list[ConditionShape]) -> Condition:
        """One condition, or a list of which all must hold."""
        if not isinstance(shape, list):
            return self._one(trail, shape)
        if not shape:
            self.draft.add(trail, "expected at least one condition, found an empty list.")
        return All(tuple(self._one((*trail, index), each) for index, each in enumerate(shape)))

    def _one(self, trail: Trail, shape: ConditionShape) -> Condition:
        written = shape.model_fields_set
        nested = written & {"any", "not_"}
        if nested and len(written) > 1:
            word = min(nested).rstrip("_")
            self.draft.add(
                trail, f"expected `{word}` alone, found it beside other keys.", "Put each in its own item of the list."
            )
        if shape.any is not None:
            if not shape.any:
                self.draft.add((*trail, "any"), "expected at least one condition, found an empty list.")
            return core.Any(tuple(self.read((*trail, "any", index), each) for index, each in enumerate(shape.any)))
        if shape.not_ is not None:
            return Not(self.read((*trail, "not"), shape.not_))
        return self._test(trail, shape)

    def _test(self, trail: Trail, shape: ConditionShape) -> Condition:
        written = {name.rstrip("_") for name in shape.model_fields_set}
        operators = [each for each in Operator if each.value in written]
        if len(operators) != 1:
            found = " and ".join(f"`{each}`" for each in operators) or "none"
            hint = "Put each in its own item of the list." if operators else f"Operators: {listed(Operator)}."
            self.draft.add(trail, f"expected one operator, found {found}.", hint)
            return All(())
        operator = operators[0]
        places = [(key, getattr(shape, key)) for key in ("civicrm", "airtable", "field") if key in written]
        field = self._field(trail, operator, places)
        if field is None:
            return All(())
        side = None if operator is Operator.DIFFERS else Side(places[0][0])
        value = getattr(shape, _ATTRIBUTES.get(operator, operator.value))
        try:
            operator, operand = self._operand(field, side, operator, value)
        except _WrongError as error:
            self.draft.add((*trail, operators[0].value, *error.below), error.message, error.hint)
            return All(())
        return Test(field=field.name, operator=operator, operand=operand, side=side)

    def _field(self, trail: Trail, operator: Operator, places: Sequence[tuple[str, str]]) -> Field | None:
        """The field the condition asks, or None after telling what is wrong with it."""
        wanted = "`field` (no side)" if operator is Operator.DIFFERS else "`civicrm` or `airtable`"
        right = [(key, name) for key, name in places if (key == "field") == (operator is Operator.DIFFERS)]
        if len(places) != 1 or not right:
            found = " and ".join(f"`{key}`" for key, _ in places) or "none"
            self.draft.add(trail, f"expected {wanted} with `{operator}`, found {found}.")
            return None
        key, name = right[0]
        field = self._known((*trail, key), name, None if key == "field" else Side(key))
        if field is None:
            return None
        if operator is Operator.DIFFERS and not field.two_sided:
            self.draft.add((*trail, key), f"expected a field of both sides for `differs`, found `{name}`, which stands on one.")
            return None
        if field.type not in _TYPES[operator]:
            fit = listed(each.value for each in Operator if field.type in _TYPES[each])
            what = f"`{operator}` cannot ask a field of type `{field.type}`; found it on `{name}`."
            self.draft.add((*trail, operator.value), what, f"For `{field.type}` use {fit}.", key=True)
            return None
        if operator is Operator.BLANK and field.type is FieldType.BOOLEAN and key == "airtable":
            what = f"`blank` cannot ask a checkbox in Airtable, which is ticked or not; found it on `{name}`."
            self.draft.add((*trail, operator.value), what, "Use `is: false` or `is: true`.", key=True)
            return None
        return field

    def _known(self, trail: Trail, name: str, side: Side | None) -> Field | None:
        """The field called `name` if it is sound and stands on `side`."""
        field = self.fields.get(name)
        if field is None:
            names = self.draft.keys("fields")
            if name not in names and not self.draft.is_broken(("fields",)):
                self.draft.add(trail, expected("a field of this mapping", name), suggest(name, names, kind="Fields"))
            return None
        if side is not None and field.at[side] is None:
            what = f"expected a field that stands in {side.title}, found `{name}`, which stands only in {side.other.title}."
            self.draft.add(trail, what, f"Write `{side.other}: {name}`.")
            return None
        return field

    def _operand(self, field: Field, side: Side | None, operator: Operator, value: Any) -> tuple[Operator, Operand]:
        """The operator and operand in the field's own terms; raises _WrongError."""
        if isinstance(value, OtherField):
            return operator, self._other(value, _TYPES[operator])
        if operator in _EQUALITY and side is not None:
            many = list(value) if isinstance(value, list) else [value]
            if not many:
                raise _WrongError("expected at least one value, found an empty list.")
            found = dict.fromkeys(
                each
                for index, raw in enumerate(many)
                for each in _values(field, side, raw, (index,) if isinstance(value, list) else ())
            )
            if operator in _SINGULAR or len(found) > 1:
                return _PLURAL.get(operator, operator), tuple(each for each in found if isinstance(each, str | bool | Decimal))
            return operator, next(iter(found))
        return operator, value

    def _other(self, other: OtherField, types: frozenset[FieldType]) -> FieldRef:
        """The other cell that a number or a day is compared with."""
        named = [(side, name) for side in Side if (name := getattr(other, side.value)) is not None]
        if len(named) != 1:
            raise _WrongError("expected one of `civicrm` and `airtable`, found " + ("both." if named else "none."))
        side, name = named[0]
        field = self.fields.get(name)
        if field is None:
            names = self.draft.keys("fields")
            raise _WrongError(expected("a field of this mapping", name), suggest(name, names, kind="Fields"), side.value)
        if field.at[side] is None or field.type not in types:
            kind = "number" if types is NUMBERS else "date"
            raise _WrongError(f"expected a {kind} that stands in {side.title}, found `{name}`.", "", side.value)
        return FieldRef(side, name, _moved(other) if isinstance(other, OtherDay) else 0)


def _moved(other: OtherDay) -> int:
    """By how many days the other day is moved."""
    if other.plus is not None and other.minus is not None:
        raise _WrongError("expected `plus` or `minus`, found both.", "Remove one.", "minus")
    return (other.plus or dt.timedelta()).days - (other.minus or dt.timedelta()).days


def _values(field: Field, side: Side, raw: object, below: Trail) -> list[str | bool | Decimal | dt.date | Today]:
    """What `raw` stands for on that side: one value, or for a choice every key behind an option."""
    if field.type in CHOICES:
        return list(_options(field, side, raw, below))
    try:
        if field.type is FieldType.BOOLEAN:
            if not isinstance(raw, bool):
                raise ValueError("expected true or false")  # noqa: TRY301  # worded with the others, just below
            return [raw]
        if field.type in NUMBERS:
            return [terms.number(raw)]
        if field.type is FieldType.DATE:
            return [terms.day_or_today(raw)]
    except ValueError as error:
        raise _WrongError(f"{error} for a field of type `{field.type}`, found {describe(raw)}.", "", *below) from None
    if not isinstance(raw, str):
        raise _WrongError(expected(f"text for a field of type `{field.type}`", raw), "Put it in quotes.", *below)
    cell = values.normal(field, values.read(field, side, raw))
    if not isinstance(cell, str):
        raise _WrongError(expected(f"a value of type `{field.type}`", raw), getattr(cell, "reason", ""), *below)
    return [cell]


def _options(field: Field, side: Side, raw: object, below: Trail) -> list[str]:
    """The side's own words for `raw`; where a word is known on both sides, the asked side's meaning wins."""
    if not isinstance(raw, str):
        raise _WrongError(expected("an option", raw), "Put it in quotes.", *below)
    if not field.values:
        return [raw]
    if side is Side.AIRTABLE:
        found = [raw] if raw in field.values.values() else [field.values[raw]] if raw in field.values else []
    else:
        found = [raw] if raw in field.values else [key for key, option in field.values.items() if option == raw]
    if not found:
        words = dict.fromkeys((*field.values, *field.values.values()))
        raise _WrongError(expected(f"an option of `{field.name}`", raw), suggest(raw, words, kind="Options"), *below)
    return found
