"""Stored plans: kept as they were, applied at most once, the same on both databases."""

from decimal import Decimal

import pytest

from bridge.core.document import digest, document
from bridge.core.plan import Breach, Plan, Population
from bridge.core.record import Link, PerSide, Side
from bridge.errors import ConfigError
from bridge.ports import PlanState
from store.store_builders import ANA, BEN, KEY, State, a_cell, a_change, a_create, a_discrepancy, a_plan

SECRET = a_cell("premium", None, Decimal("12.25"), before_raw=None, after_raw=12.25, sensitive=True, sealed=("aa", "bb"))


def whole(*changes: object) -> Plan:
    return a_plan(
        *(changes or (a_change(), a_create(link=BEN))),
        discrepancies=(a_discrepancy(), a_discrepancy(301, rule="lapsed", field=None, shown=PerSide(None, None))),
        links=(ANA,),
        population=Population(now=PerSide(3, 4), last=PerSide(None, 5)),
        calls=PerSide(2, 9),
        breaches=(Breach(rule="creates", message="too many", setting="guard.creates"),),
        complete=False,
    )


def save(state: State, plan: Plan, how: PlanState = PlanState.PLANNED, run: int = 1) -> str:
    state.store.plans.save(run, plan, document(plan), how)
    return digest(plan)


def test_a_plan_comes_back_whole(state: State) -> None:
    plan = whole()
    key = save(state, plan, PlanState.HELD, run=7)
    found = state.again().plans.get(key)
    assert found.plan == plan
    assert found.document == document(plan)
    assert (found.digest, found.mapping, found.run, found.state, found.unwritable) == (key, "groups", 7, PlanState.HELD, 0)
    assert digest(found.plan) == key


def test_without_a_key_sensitive_cells_are_left_out_and_counted(state: State) -> None:
    key = save(state, whole(a_change(a_cell(), SECRET), a_change(SECRET, link=BEN)))
    found = state.store.plans.get(key)
    assert found.unwritable == 2
    assert [[cell.field for cell in change.cells] for change in found.plan.changes] == [["email"]]


def test_with_a_key_sensitive_cells_can_be_written_later(state: State) -> None:
    state.store = state.again(KEY)
    plan = whole(a_change(a_cell(), SECRET))
    found = state.again(KEY).plans.get(save(state, plan))
    assert (found.plan, found.unwritable) == (plan, 0)


def test_a_plan_that_was_only_looked_at_waits_once_a_run_is_held_by_it(state: State) -> None:
    plan = whole()
    save(state, plan)
    assert state.store.plans.get(save(state, plan, PlanState.HELD, run=2)).state is PlanState.HELD


def test_a_plan_is_found_by_eight_digits_of_its_digest(state: State) -> None:
    key = save(state, whole())
    assert state.store.plans.get(key[:8]).digest == key
    assert state.store.plans.get(key[:7]) is None
    assert state.store.plans.get("f" * 64) is None
    assert state.store.plans.get("%" * 8) is None
    state.store.plans.save(1, whole(), {"digest": key[:10] + "0" * 54}, PlanState.PLANNED)
    with pytest.raises(ConfigError, match="Several plans"):
        state.store.plans.get(key[:10])


def test_a_plan_is_used_once(state: State) -> None:
    key = save(state, whole(), PlanState.HELD)
    other = state.again()
    state.store.plans.set_state(key, PlanState.APPROVED, by="maria")
    state.store.plans.set_state(key, PlanState.APPLIED, by="run")
    for later in (PlanState.APPLIED, PlanState.APPROVED, PlanState.STALE):
        with pytest.raises(ConfigError, match="applied already") as refused:
            other.plans.set_state(key, later)
        assert "bridge plan" in refused.value.next_step
    found = other.plans.get(key)
    assert (found.state, found.approved_by) == (PlanState.APPLIED, "maria")


def test_an_unknown_plan_has_no_state(state: State) -> None:
    with pytest.raises(ConfigError, match="no plan"):
        state.store.plans.set_state("f" * 64, PlanState.APPROVED, by="maria")


def test_the_same_plan_made_again_grows_nothing_and_keeps_its_approval(state: State) -> None:
    key = save(state, whole(), PlanState.HELD, run=1)
    state.store.plans.set_state(key, PlanState.APPROVED, by="maria")
    rows = state.rows()
    state.clock.forward(hours=1)
    save(state, whole(), PlanState.HELD, run=2)
    assert state.rows() == rows
    found = state.store.plans.get(key)
    assert (found.state, found.approved_by, found.run, found.created_at) == (PlanState.APPROVED, "maria", 2, state.clock.now)


def test_a_plan_that_was_applied_and_is_made_again_is_a_new_one(state: State) -> None:
    key = save(state, whole(), run=1)
    state.store.plans.set_state(key, PlanState.APPLIED)
    save(state, whole(), run=5)
    assert (state.store.plans.get(key).state, state.store.plans.get(key).run) == (PlanState.PLANNED, 5)
    assert state.rows()["plans"] == 2


def test_held_plans_are_told_newest_first_for_all_mappings_or_one(state: State) -> None:
    first = save(state, whole(a_change()), PlanState.HELD)
    state.clock.forward(minutes=1)
    second = save(state, whole(a_change(side=Side.CIVICRM, link=Link("1", "rec1"))), PlanState.HELD)
    save(state, whole(a_change(link=BEN)))
    other = a_plan(a_change(), mapping="people")
    state.clock.forward(minutes=1)
    third = save(state, other, PlanState.HELD)
    assert [each.digest for each in state.store.plans.held()] == [third, second, first]
    assert [each.digest for each in state.store.plans.held("groups")] == [second, first]


def test_a_sheet_and_what_waits_say_the_same_as_the_whole_plan(state: State) -> None:
    key = save(state, whole(a_change(a_cell(), SECRET)), PlanState.HELD, run=7)
    other = save(state, whole(a_change()), PlanState.PLANNED, run=8)
    plans = state.store.plans
    for each in (key, other):
        kept, sheet = plans.get(each), plans.sheet(each)
        assert (sheet.digest, sheet.mapping, sheet.run, sheet.state) == (kept.digest, kept.mapping, kept.run, kept.state)
        assert sheet.document == kept.document
    assert [(each.digest, each.mapping, each.run) for each in plans.waiting()] == [(key, "groups", 7)]
    plans.set_state(key, PlanState.REJECTED, by="maria")
    assert plans.waiting() == []
    assert (plans.sheet(key).state, plans.sheet(key).approved_by) == (PlanState.REJECTED, "maria")
    assert plans.sheet("ab" * 32) is None
