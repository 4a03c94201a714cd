"""What no example touches is told; what one does is not."""

import datetime as dt
from typing import Any

from bridge.core.coverage import Untouched, untouched
from bridge.core.examples import run_example
from bridge.core.mapping import Authority, Example, FieldType, Operator, Rule, Severity
from bridge.core.mapping import Test as Asks
from bridge.core.record import Json, PerSide, Side
from builders import a_field, a_mapping

TODAY = dt.date(2026, 11, 16)
STANDING = a_field("standing", type=FieldType.CHOICE, values={"New": "Active", "Current": "Active", "Gone": "Lapsed"})
PLANS = a_field("plans", type=FieldType.CHOICES, authority=Authority.AIRTABLE, values={"d": "Dental", "v": "Vision"})
LAPSED = Rule(
    name="lapsed", severity=Severity.LOW, when=Asks("standing", Operator.IS, ("Gone",), Side.CIVICRM), say={"en": "x"}
)


def left(*rows: tuple[dict[str, Json], dict[str, Json]], **parts: Any) -> Untouched:
    mapping = a_mapping(a_field("name"), STANDING, PLANS, rules=(LAPSED,))
    examples = [Example(name="an example", rows=PerSide(*each), **parts) for each in rows]
    return untouched(mapping, [run_example(mapping, each, TODAY) for each in examples])


def test_without_examples_nothing_is_touched() -> None:
    assert left() == Untouched(
        fields=("name", "standing", "plans"),
        rules=("lapsed",),
        values={"standing": ("New", "Current", "Gone"), "plans": ("d", "v")},
    )
    assert not left().nothing


def test_a_value_on_either_side_or_in_the_base_touches_its_field() -> None:
    assert left(({"name": "A"}, {})).fields == ("standing", "plans")
    assert left(({}, {"Standing": "Lapsed"})).fields == ("name", "plans")
    assert left(({}, {}), base={"name": "A"}).fields == ("standing", "plans")


def test_an_option_that_several_names_share_is_touched_by_the_name_alone() -> None:
    assert left(({}, {"Standing": "Active", "Plans": ["Vision"]})).values == {
        "standing": ("New", "Current", "Gone"),
        "plans": ("d",),
    }
    assert left(({"standing": "New"}, {"Standing": "Lapsed"})).values["standing"] == ("Current",)


def test_a_rule_is_touched_by_an_example_that_tells_it() -> None:
    assert left(({"standing": "Gone"}, {})).rules == ()
    assert left(({"standing": "New"}, {})).rules == ("lapsed",)


def test_examples_that_touch_everything_leave_nothing() -> None:
    every = ({"name": "A", "standing": "Gone", "plans": ["d", "v"]}, {})
    assert left(every, ({"standing": "New"}, {}), ({"standing": "Current"}, {})).nothing
