"""What is told of a pair of records: by which fingerprint it is known again, and in which order it stands."""

from dataclasses import replace

from bridge.core.mapping import Severity
from bridge.core.plan import Discrepancy
from bridge.core.record import PerSide

OVERDUE = Discrepancy(
    mapping="groups", code=300, rule="overdue", severity=Severity.HIGH, ids=PerSide("1", "recA"), name="Arroyo"
)
NAME = replace(OVERDUE, code=204, rule=None, field="name")


def test_a_fingerprint_is_these_16_digits_and_changing_how_would_make_everything_told_anew() -> None:
    assert OVERDUE.fingerprint == "dba259b19123a971"
    assert NAME.fingerprint == "35b4e3309aacab66"


def test_a_fingerprint_is_of_no_name_value_or_severity() -> None:
    said_otherwise = replace(
        NAME, name="Other", severity=Severity.LOW, shown=PerSide("x", "y"), details={"a": "b"}, evidence="e"
    )
    assert said_otherwise.fingerprint == NAME.fingerprint


def test_what_is_told_by_one_code_stands_by_rule_and_then_by_name() -> None:
    lapsed = replace(OVERDUE, rule="lapsed", name="Zapata")
    assert sorted([OVERDUE, lapsed, NAME], key=lambda each: each.order) == [NAME, lapsed, OVERDUE]


def test_where_nothing_else_is_said_there_is_no_evidence_and_nothing_is_shown() -> None:
    assert (NAME.evidence, NAME.shown, NAME.details) == ("", PerSide(None, None), {})
