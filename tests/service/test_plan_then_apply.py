"""A plan made by `bridge plan` and applied later: it stored no links, so its approval finds out whether they still hold."""

from collections.abc import Callable

import pytest

from bench import Bench
from bridge.core.mapping import GuardLimits, Limit
from bridge.core.plan import Written
from bridge.core.record import Link
from bridge.ports import RunState
from bridge.service.approve import approve, find
from bridge.service.order import Kind, Order, Result
from builders import airtable_rows, civicrm_rows

ARROYO = "rec00000000000001"


def applied(bench: Bench, plan: Result) -> Result:
    """The plan, applied on a person's word."""
    order = Order(mode=bench.mapping.mode, by="maria", kind=Kind.APPLY)
    return approve(find(str(plan.digest), bench.means), order, bench.mapping, bench.means)


def test_the_very_first_plan_of_a_state_can_be_applied(bench: Bench) -> None:
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": None}))
    result = applied(bench, bench.sync(kind=Kind.PLAN))
    assert result.applied.count(Written.DONE) == 1
    assert bench.airtable.rows[ARROYO]["Name"] == "Arroyo"
    assert bench.store.knowledge.load(bench.mapping).links == {Link("1", ARROYO)}


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda bench: bench.civicrm.rows["1"].update(code="Z9"),
        lambda bench: bench.store.knowledge.reject("groups", Link("1", ARROYO), "ana", ""),
    ],
)
def test_a_pair_that_its_keys_or_a_person_took_apart_since_is_left_alone(
    bench: Bench, meanwhile: Callable[[Bench], object]
) -> None:
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": None}))
    plan = bench.sync(kind=Kind.PLAN)
    meanwhile(bench)
    assert applied(bench, plan).applied.count(Written.STALE) == 1
    assert not bench.writes
    assert not bench.store.knowledge.load(bench.mapping).links


def test_a_pair_taken_apart_while_its_plan_was_held_is_left_alone(bench: Bench) -> None:
    bench.use(bench.changed(guard=GuardLimits(updates=Limit(count=0))))
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": None}))
    plan = bench.sync()
    assert plan.state is RunState.HELD
    bench.store.knowledge.unlink("groups", Link("1", ARROYO), "ana")
    assert applied(bench, plan).applied.count(Written.STALE) == 1
    assert not bench.writes
