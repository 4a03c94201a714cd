"""With `create_when` a record is created only where a person has said so, in the record itself."""

import pytest

from bridge.core.mapping import Field, FieldType, Operator, Unmatched
from bridge.core.mapping import Test as Asks
from bridge.core.plan import Action
from bridge.core.record import Json, PerSide
from builders import a_field, a_mapping
from core.planner_world import A, World

DECISION = Field(name="decision", at=PerSide(None, "Decision"), type=FieldType.TEXT)
SAID = Asks("decision", Operator.IS, "Add", A)


def met(decision: Json, *, whole: bool = True) -> World:
    """A row of Airtable that nobody in CiviCRM belongs to."""
    mapping = a_mapping(a_field("name"), DECISION, unmatched=PerSide(Unmatched.IGNORE, Unmatched.CREATE), create_when=SAID)
    row: dict[str, Json] = {"Code": "A1", "Name": "Arroyo", "Decision": decision}
    return World(mapping=mapping, rows=PerSide({}, {"recA": row}), whole=PerSide(True, whole))


def test_what_a_person_said_is_created() -> None:
    [change] = met("Add").plan.changes
    assert change.action is Action.CREATE
    assert met("Add").codes() == []


@pytest.mark.parametrize("decision", [None, "Not sure", {"error": "#ERROR!"}])
def test_anything_else_is_reported_and_not_created(decision: Json) -> None:
    assert met(decision).plan.changes == ()
    assert 102 in met(decision).codes()


def test_what_a_person_said_waits_for_a_pull_that_is_whole() -> None:
    assert met("Add", whole=False).plan.changes == ()
