"""The part of Airtable's formula language that a reconciler sends and a base shows in its formula fields.

A formula is compiled once to a closure and run on many records. Fields are known by name only: Airtable's support
confirmed that ids inside `filterByFormula` do not work. What is outside this subset is refused, as Airtable refuses
what it cannot parse.
"""

import datetime as dt
import math
import re
from collections.abc import Callable, Sequence
from typing import Protocol

Operand = str | float | bool | dt.datetime | None
"""A value inside a formula. Blank is None; select and link cells are their names joined by a comma and a space."""


class FormulaRow(Protocol):
    """What a formula may ask of the record it runs on."""

    @property
    def id(self) -> str:
        """The record's `rec…` id."""

    @property
    def created(self) -> dt.datetime:
        """When the record was made, aware, in UTC."""

    def modified(self, fields: Sequence[str]) -> dt.datetime | None:
        """The last edit by a user of these fields, or of any field that is not computed."""

    def operand(self, field: str) -> Operand:
        """The cell of the field of that name."""


Formula = Callable[[FormulaRow], Operand]


class FormulaRefused(Exception):
    """Airtable answers 422 INVALID_FILTER_BY_FORMULA with this message."""


class FormulaFault(Exception):
    """The formula has no value for one record: its cell shows `#ERROR!` and a filter drops the record."""


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>\d+(?:\.\d+)?)
    | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    | (?P<field>\{(?:\\.|[^}\\])*\})
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>!=|<=|>=|[-+*/&=<>(),])
    )""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_BINDING = {"=": 1, "!=": 1, "<": 1, "<=": 1, ">": 1, ">=": 1, "&": 2, "+": 3, "-": 3, "*": 4, "/": 4}


def compile_formula(text: str, known: Sequence[str]) -> Formula:
    """The formula as a function of a record.

    Args:
        text: the formula as Airtable's users write it.
        known: the names a field reference may use.

    Raises:
        FormulaRefused: it does not parse, or names a field or function that is not known.
    """
    parser = _Parser(_tokens(text), frozenset(known))
    formula = parser.expression(0)
    parser.expect("end")
    if parser.unknown:
        names = ", ".join(dict.fromkeys(parser.unknown))
        raise FormulaRefused(f"The formula for filtering records is invalid: Unknown field names: {names}")
    return formula


def keeps(result: Operand) -> bool:
    """Whether `filterByFormula` keeps a record whose formula gave `result`."""
    return result not in (0, False, "", None) and result == result  # noqa: PLR0124  # NaN is not kept either


def _invalid() -> FormulaRefused:
    return FormulaRefused("The formula for filtering records is invalid: Invalid formula. Check your formula text.")


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise _invalid()
        found.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return [*found, ("end", "")]


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text[1:-1], flags=re.DOTALL)


class _Parser:
    """Precedence climbing over the tokens; collects every unknown field name before it refuses."""

    def __init__(self, tokens: list[tuple[str, str]], known: frozenset[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._known = known
        self.unknown: list[str] = []

    def _take(self) -> tuple[str, str]:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _next(self) -> str:
        return self._tokens[self._at][1]

    def expect(self, kind: str, text: str = "") -> None:
        """Moves past a token of that kind and text, or refuses."""
        if self._tokens[self._at] != (kind, text):
            raise _invalid()
        self._at += 1

    def expression(self, least: int) -> Formula:
        """The longest expression from here whose operators bind tighter than `least`."""
        left = self._primary()
        while (binding := _BINDING.get(self._next(), 0)) > least:
            operator = self._take()[1]
            left = _binary(operator, left, self.expression(binding))
        return left

    def _primary(self) -> Formula:
        kind, text = self._take()
        if kind == "number":
            return _constant(float(text))
        if kind == "string":
            return _constant(_unquote(text))
        if kind == "field":
            return self._field(_unquote(text))
        if kind == "word":
            return self._call(text.upper()) if self._next() == "(" else self._field(text)
        if text == "-":
            operand = self.expression(4)
            return lambda row: -_number(operand(row))
        if text == "(":
            inside = self.expression(0)
            self.expect("sign", ")")
            return inside
        raise _invalid()

    def _field(self, name: str) -> Formula:
        if name not in self._known:
            self.unknown.append(name)
        return lambda row: row.operand(name)

    def _call(self, name: str) -> Formula:
        self.expect("sign", "(")
        if name == "LAST_MODIFIED_TIME":
            fields = self._field_names()
            return lambda row: row.modified(fields)
        arguments: list[Formula] = []
        while self._next() != ")":
            if arguments:
                self.expect("sign", ",")
            arguments.append(self.expression(0))
        self.expect("sign", ")")
        return _function(name, arguments)

    def _field_names(self) -> tuple[str, ...]:
        names: list[str] = []
        while self._next() != ")":
            if names:
                self.expect("sign", ",")
            kind, text = self._take()
            if kind not in ("field", "word"):
                raise _invalid()
            names.append(_unquote(text) if kind == "field" else text)
            self._field(names[-1])
        self.expect("sign", ")")
        return tuple(names)


def _constant(value: Operand) -> Formula:
    return lambda _row: value


def _number(value: Operand) -> float:
    if value is None:
        return 0.0
    if isinstance(value, bool | int | float):
        return float(value)
    raise FormulaFault


def _text(value: Operand) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    if isinstance(value, bool | int | float):
        return f"{float(value):g}"
    return value


def _moment(value: Operand) -> dt.datetime:
    if isinstance(value, dt.datetime):
        return value
    if not isinstance(value, str):
        raise FormulaFault
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError:
        raise FormulaFault from None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _equal(left: Operand, right: Operand) -> bool:
    if left is None or right is None:
        return left in (None, "", 0, False) and right in (None, "", 0, False)
    if isinstance(left, str) != isinstance(right, str):
        return False
    return left == right


def _less(left: Operand, right: Operand) -> bool:
    if isinstance(left, dt.datetime) and isinstance(right, dt.datetime):
        return left < right
    if isinstance(left, str) and isinstance(right, str):
        return left < right
    if isinstance(left, str | dt.datetime) or isinstance(right, str | dt.datetime):
        return False  # unlike kinds: text and dates never rank below each other, so `>` keeps every record
    return _number(left) < _number(right)


def _divide(left: Operand, right: Operand) -> float:
    dividend, divisor = _number(left), _number(right)
    if divisor:
        return dividend / divisor
    return math.copysign(math.inf, dividend) if dividend else math.nan


_OPERATORS: dict[str, Callable[[Operand, Operand], Operand]] = {
    "=": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": _less,
    ">=": lambda left, right: not _less(left, right),
    ">": lambda left, right: not _less(left, right) and not _equal(left, right),
    "<=": lambda left, right: _less(left, right) or _equal(left, right),
    "&": lambda left, right: _text(left) + _text(right),
    "+": lambda left, right: _number(left) + _number(right),
    "-": lambda left, right: _number(left) - _number(right),
    "*": lambda left, right: _number(left) * _number(right),
    "/": _divide,
}


def _binary(operator: str, left: Formula, right: Formula) -> Formula:
    combine = _OPERATORS[operator]
    return lambda row: combine(left(row), right(row))


def _all(arguments: Sequence[Formula]) -> Formula:
    return lambda row: all(keeps(each(row)) for each in arguments)


def _any(arguments: Sequence[Formula]) -> Formula:
    return lambda row: any(keeps(each(row)) for each in arguments)


def _if(arguments: Sequence[Formula]) -> Formula:
    condition, then, *otherwise = arguments
    fallback = otherwise[0] if otherwise else _constant(None)
    return lambda row: then(row) if keeps(condition(row)) else fallback(row)


_VARIADIC: dict[str, Callable[[Sequence[Formula]], Formula]] = {
    "AND": _all,
    "OR": _any,
    "IF": _if,
    "CONCATENATE": lambda arguments: lambda row: "".join(_text(each(row)) for each in arguments),
}
_LEAST_ARGUMENTS = {"AND": 1, "OR": 1, "IF": 2, "CONCATENATE": 1}
_OF_NOTHING: dict[str, Formula] = {
    "RECORD_ID": lambda row: row.id,
    "CREATED_TIME": lambda row: row.created,
    "BLANK": _constant(None),
    "TRUE": _constant(True),
    "FALSE": _constant(False),
}
_OF_ONE: dict[str, Callable[[Operand], Operand]] = {
    "NOT": lambda value: not keeps(value),
    "DATETIME_PARSE": _moment,
    "LOWER": lambda value: _text(value).lower(),
    "UPPER": lambda value: _text(value).upper(),
    "TRIM": lambda value: _text(value).strip(),
    "LEN": lambda value: float(len(_text(value))),
}
_OF_TWO: dict[str, Callable[[Operand, Operand], Operand]] = {
    "IS_BEFORE": lambda left, right: _moment(left) < _moment(right),
    "IS_AFTER": lambda left, right: _moment(left) > _moment(right),
    "IS_SAME": lambda left, right: _moment(left) == _moment(right),
    "RIGHT": lambda text, count: _text(text)[max(0, len(_text(text)) - int(_number(count))) :],
    "FIND": lambda needle, hay: float(_text(hay).find(_text(needle)) + 1),
}


def _function(name: str, arguments: Sequence[Formula]) -> Formula:
    if name in _VARIADIC and len(arguments) >= _LEAST_ARGUMENTS[name]:
        return _VARIADIC[name](arguments)
    match arguments:
        case [] if name in _OF_NOTHING:
            return _OF_NOTHING[name]
        case [only] if name in _OF_ONE:
            one = _OF_ONE[name]
            return lambda row: one(only(row))
        case [first, second] if name in _OF_TWO:
            two = _OF_TWO[name]
            return lambda row: two(first(row), second(row))
    raise _invalid()
