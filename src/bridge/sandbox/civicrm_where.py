"""The operators of an APIv4 `where`: one test of a shown value for each, with MySQL's idea of what is equal."""

import operator
import re
from collections.abc import Callable
from typing import Any

from bridge.sandbox.civicrm_schema import Field
from bridge.sandbox.civicrm_values import Refused, SiteClock, folded

Test = Callable[[Any], bool]
ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_NEGATIONS = {
    "!=": "=",
    "<>": "=",
    "NOT IN": "IN",
    "NOT LIKE": "LIKE",
    "NOT BETWEEN": "BETWEEN",
    "NOT REGEXP": "REGEXP",
    "NOT CONTAINS": "CONTAINS",
    "NOT CONTAINS ONE OF": "CONTAINS ONE OF",
}
_WITHOUT_VALUE = ("IS NULL", "IS NOT NULL", "IS EMPTY", "IS NOT EMPTY")
OPERATORS = frozenset(
    {"=", "IN", "LIKE", "BETWEEN", "REGEXP", "CONTAINS", "CONTAINS ONE OF", *ORDERINGS, *_NEGATIONS, *_WITHOUT_VALUE}
)


class Fatal(Exception):
    """PHP throws an Error: the answer is a web page, with status 200 on 6.17 and 500 on 5.78."""


def test_of(field: Field, as_text: bool, word: str, value: Any, clock: SiteClock) -> Test:
    """The test of one clause. `as_text` when names or labels are compared instead of the field's own values."""
    if word not in OPERATORS:
        raise Refused("Illegal operator")
    if word in _WITHOUT_VALUE:
        return _test_of_emptiness(word, field)
    if field.multi:
        return _test_of_list(word, value)
    if word in _NEGATIONS:
        return _negated(test_of(field, as_text, _NEGATIONS[word], value, clock), value)
    comparable = _text if as_text else comparable_of(field, clock)
    if field.is_date and not as_text and (found := _test_of_period(field, word, value, clock)):
        return found
    return _test_of_scalar(word, value, comparable, ordered_null=field.is_date)


def comparable_of(field: Field, clock: SiteClock) -> Callable[[Any], Any]:
    """How a shown value, or the value asked for, is made comparable for this field."""
    match field.data_type:
        case "Integer":
            return _leading_integer
        case "Boolean":
            return _truth
        case "Money" | "Float":
            return _leading_number
        case "Date":
            return lambda value: _as_is_or(value, r"\d{4}-\d\d-\d\d$", lambda: clock.read(value).date().isoformat())
        case "Timestamp":
            pattern = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"
            return lambda value: _as_is_or(value, pattern, lambda: clock.read(value).strftime("%Y-%m-%d %H:%M:%S"))
        case _:
            return _text


def _as_is_or(value: Any, pattern: str, read: Callable[[], str]) -> str:
    return value if isinstance(value, str) and re.match(pattern, value) else read()


def _text(value: Any) -> str:
    return folded(str(value))


def _truth(value: Any) -> bool:
    return bool(_leading_number(value)) if isinstance(value, str) else bool(value)


def _leading_integer(value: Any) -> int:
    return int(_leading_number(value))


def _leading_number(value: Any) -> float:
    if isinstance(value, int | float):
        return value
    found = re.match(r"\s*-?\d+(?:\.\d+)?", str(value))
    return float(found[0]) if found else 0


def _negated(test: Test, value: Any) -> Test:
    # NULL is never unlike anything, and nothing is unlike NULL; only `NOT IN ()` is true of everything.
    if value is None:
        return _never
    if value == []:
        return _always
    return lambda shown: shown is not None and not test(shown)


def _always(shown: Any) -> bool:
    del shown
    return True


def _never(shown: Any) -> bool:
    del shown
    return False


def _test_of_emptiness(word: str, field: Field) -> Test:
    zeroes = () if field.is_text or field.is_date else (0,)
    match word:
        case "IS NULL":
            return lambda shown: shown is None
        case "IS NOT NULL":
            return lambda shown: shown is not None
        case "IS EMPTY":
            return lambda shown: shown in (None, "", [], *zeroes)
        case _:
            return lambda shown: shown not in (None, "", [], *zeroes)


def _test_of_list(word: str, value: Any) -> Test:
    wanted = {folded(str(item)) for item in (value if isinstance(value, list) else [value])}

    def kept(shown: Any) -> set[str]:
        return {folded(str(item)) for item in shown or ()}

    match word:
        case "CONTAINS":
            return lambda shown: wanted <= kept(shown)
        case "NOT CONTAINS":
            return lambda shown: not wanted <= kept(shown)
        case "CONTAINS ONE OF" | "IN":
            return lambda shown: bool(wanted & kept(shown))
        case "NOT CONTAINS ONE OF" | "NOT IN":
            return lambda shown: not wanted & kept(shown)
        case "LIKE":
            found = _like(value)
            return lambda shown: any(found(folded(str(item))) for item in shown or ())
    if isinstance(value, list):
        raise Fatal
    return lambda shown: kept(shown) == wanted


def _test_of_period(field: Field, word: str, value: Any, clock: SiteClock) -> Test | None:
    """Words such as `this.month`, and a bare day asked of a moment, mean the whole period."""
    days = clock.range_of(value)
    if days is None and word == "=" and field.data_type == "Timestamp" and _is_day(value):
        days = (value, value)
    if days is None:
        return None
    first, last = days[0], f"{days[1]} 23:59:59"
    if word == "=":
        return lambda shown: shown is not None and first <= shown <= last
    bound = first if word in ("<", ">=") else last
    return _test_of_order(word, bound, str)


def _is_day(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None


def _test_of_scalar(word: str, value: Any, comparable: Callable[[Any], Any], *, ordered_null: bool) -> Test:
    if word in ("IN", "BETWEEN"):
        wanted = [comparable(item) for item in _listed(word, value) if item is not None]
        if word == "IN":
            members = set(wanted)
            return lambda shown: shown is not None and comparable(shown) in members
        return lambda shown: shown is not None and wanted[0] <= comparable(shown) <= wanted[1]
    if value is None and not (ordered_null and word in ORDERINGS):
        return _never
    if word in ("LIKE", "REGEXP", "CONTAINS", "CONTAINS ONE OF"):
        return _test_of_pattern(word, value)
    return _test_of_order(word, comparable(value), comparable)


def _test_of_order(word: str, bound: Any, comparable: Callable[[Any], Any]) -> Test:
    compare: Callable[[Any, Any], bool] = ORDERINGS.get(word, operator.eq)
    return lambda shown: shown is not None and compare(comparable(shown), bound)


def _listed(word: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or (word == "BETWEEN" and len(value) != 2):  # noqa: PLR2004 - a from and a to
        raise Refused(f"Operator {word} requires an array")
    return value


def _test_of_pattern(word: str, value: Any) -> Test:
    if word == "REGEXP":
        pattern = re.compile(str(value), re.IGNORECASE)
        return lambda shown: shown is not None and pattern.search(str(shown)) is not None
    if word == "LIKE":
        found = _like(value)
        return lambda shown: shown is not None and found(folded(str(shown)))
    parts = [folded(str(item)) for item in (value if isinstance(value, list) else [value])]
    share = all if word == "CONTAINS" else any
    return lambda shown: shown is not None and share(part in folded(str(shown)) for part in parts)


def _like(value: Any) -> Callable[[str], bool]:
    words = {"%": ".*", "_": "."}
    pattern = re.compile("".join(words.get(letter) or re.escape(letter) for letter in folded(str(value))), re.DOTALL)
    return lambda text: pattern.fullmatch(text) is not None
