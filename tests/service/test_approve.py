"""What approving a stored plan says, marks, counts and leaves (docs/mutation.md)."""

import dataclasses

import pytest

from bench import Bench
from bridge.core.mapping import Authority, GuardLimits, Limit, Mode
from bridge.core.plan import Change, Written
from bridge.core.record import Side
from bridge.errors import ConfigError, StoreError, Unavailable
from bridge.ports import Outcome, PlanState, RunState
from bridge.service.approve import approve, find, reject
from bridge.service.order import Kind, Order, Result
from builders import a_field, a_mapping, airtable_rows, civicrm_rows

APPROVER = Order(mode=Mode.CORRECT, by="rosa", kind=Kind.APPLY)


def held(bench: Bench) -> Result:
    """A plan of one update that the guard stopped."""
    bench.use(a_mapping(a_field("name", authority=Authority.CIVICRM), guard=GuardLimits(updates=Limit(count=0))))
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": None}))
    result = bench.sync()
    assert result.state is RunState.HELD
    return result


def approved(bench: Bench, digest: str | None) -> Result:
    return approve(find(str(digest), bench.means), APPROVER, bench.mapping, bench.means)


def test_a_plan_that_a_run_has_applied_by_itself_is_refused_with_no_approvers_name(bench: Bench) -> None:
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": None}))
    digest = str(bench.sync().digest)
    with pytest.raises(ConfigError) as refused:
        find(digest, bench.means)
    assert refused.value.message == f"The plan {digest[:12]} is applied and cannot be applied again."
    assert refused.value.next_step == "make a new one: bridge plan groups"


def test_a_plan_that_was_approved_is_refused_with_the_approvers_name(bench: Bench) -> None:
    digest = str(held(bench).digest)
    approved(bench, digest)
    with pytest.raises(ConfigError) as refused:
        find(digest, bench.means)
    assert refused.value.message == f"The plan {digest[:12]} is applied by rosa and cannot be applied again."


def test_an_approval_marks_what_a_dead_process_left_running(bench: Bench) -> None:
    result = held(bench)
    dead = bench.store.runs.start("groups", mode="correct", kind="sweep", by="")
    approved(bench, result.digest)
    assert next(each.state for each in bench.store.runs.list() if each.id == dead) is RunState.INTERRUPTED


def test_a_plan_that_somebody_rejected_meanwhile_is_not_applied_and_no_run_begins(bench: Bench) -> None:
    stored = find(str(held(bench).digest), bench.means)
    reject(stored, bench.means, by="maria")
    before = bench.store.runs.list()
    with pytest.raises(ConfigError, match="is rejected by maria"):
        approve(stored, APPROVER, bench.mapping, bench.means)
    assert bench.store.runs.list() == before
    assert bench.writes == []


def test_an_approval_settles_what_is_in_doubt_before_it_writes(bench: Bench) -> None:
    bench.rows(civicrm_rows(A1={"name": "a"}, B2={"name": "b"}), airtable_rows(A1={"Name": "a"}, B2={"Name": None}))
    planned = bench.sync(mode=Mode.OBSERVE)
    bench.civicrm.rows["1"]["name"] = "Arroyo"
    bench.airtable.fate = lambda _: Outcome(written=Written.IN_DOUBT, reason="the connection was cut")
    bench.airtable.lands = True
    lost = bench.sync(kind=Kind.RECORD, record=(Side.CIVICRM, "1")).run
    bench.airtable.fate = lambda _: None
    result = approved(bench, planned.digest)
    assert (result.doubts_settled, result.counts["doubts_settled"], result.counts["written"]) == (1, 1, 1)
    assert [each.outcome for each in bench.store.journal.of_run(lost)] == [Written.DONE]
    assert bench.codes() == [403], "only a complete run resolves"


def test_an_approval_that_cannot_look_fails_with_nothing_settled_and_is_told(bench: Bench) -> None:
    result = held(bench)
    bench.airtable.fails = Unavailable("Airtable did not answer.")
    failed = approved(bench, result.digest)
    [run] = [each for each in bench.store.runs.list() if each.id == failed.run]
    assert (run.state, run.counts, run.note, run.digest) == (
        RunState.FAILED,
        {"doubts_settled": 0},
        "Airtable did not answer.",
        result.digest,
    )
    assert 504 in bench.codes()
    assert find(str(result.digest), bench.means).state is PlanState.HELD, "it may be approved again"


@pytest.mark.parametrize("fate", [None, Written.REFUSED, Written.STALE, Written.IN_DOUBT, Written.NOT_SENT])
def test_an_approval_counts_how_each_write_ended(bench: Bench, fate: Written | None) -> None:
    result = held(bench)
    if fate is not None:
        bench.airtable.fate = lambda _: Outcome(written=fate, reason="it said so")
    done = approved(bench, result.digest)
    ends = dict.fromkeys(("written", "refused", "stale", "in_doubt", "not_sent"), 0)
    ends["written" if fate is None else fate.value] = 1
    assert done.counts == {"changes": 1, **ends, "doubts_settled": 0, "left_out": 0}
    assert next(each.counts for each in bench.store.runs.list() if each.id == done.run) == done.counts


def test_where_it_is_only_observed_no_plan_is_applied_and_the_setting_is_named(bench: Bench) -> None:
    stored = find(str(held(bench).digest), bench.means)
    with pytest.raises(ConfigError) as refused:
        approve(stored, Order(mode=Mode.OBSERVE, by="rosa", kind=Kind.APPLY), bench.mapping, bench.means)
    assert refused.value.message == "groups is only observed: a plan cannot be applied."
    assert refused.value.next_step == "set BRIDGE_MODE to correct, then apply again."
    with pytest.raises(ConfigError) as refused:
        approve(stored, APPROVER, bench.changed(mode=Mode.OBSERVE), bench.means)
    assert refused.value.next_step == f"set `mode` in {bench.mapping.file} to correct, then apply again."


def test_a_plan_of_a_mapping_that_changed_since_is_refused(bench: Bench) -> None:
    stored = find(str(held(bench).digest), bench.means)
    with pytest.raises(ConfigError) as refused:
        approve(stored, APPROVER, bench.changed(digest="another"), bench.means)
    assert refused.value.message == f"{bench.mapping.file} changed after the plan {stored.digest[:12]} was made."
    assert refused.value.next_step == "make a new plan and look at it: bridge plan groups"


def test_with_four_eyes_whoever_asked_for_a_plan_may_not_approve_it_and_anybody_else_may(bench: Bench) -> None:
    result = held(bench)
    stored, means = find(str(result.digest), bench.means), dataclasses.replace(bench.means, four_eyes=True)
    with pytest.raises(ConfigError) as refused:
        approve(stored, dataclasses.replace(APPROVER, by="tester"), bench.mapping, means)
    assert refused.value.message == f"Whoever asked for a plan may not approve it, and tester asked for run {result.run}."
    assert refused.value.next_step == "ask somebody else to approve it."
    assert approve(stored, APPROVER, bench.mapping, means).counts["written"] == 1


def test_only_a_held_plan_is_rejected(bench: Bench) -> None:
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": None}))
    stored = find(str(bench.sync(mode=Mode.OBSERVE).digest), bench.means)
    with pytest.raises(ConfigError) as refused:
        reject(stored, bench.means, by="maria")
    assert refused.value.message == f"The plan {stored.digest[:12]} is planned: only a held plan is rejected."


def test_a_plan_that_this_state_does_not_hold_is_refused(bench: Bench) -> None:
    with pytest.raises(ConfigError) as refused:
        find("0" * 12, bench.means)
    assert refused.value.message == "No plan with the digest 000000000000 is in this state."
    assert refused.value.next_step == "`bridge runs` lists the digests; a plan can be applied only where it was made."


def test_an_approval_whose_state_fails_in_the_middle_ends_in_that_error_and_its_run_says_so(bench: Bench) -> None:
    result = held(bench)

    def full(_: Change) -> None:
        raise StoreError("The disk is full.")

    bench.airtable.before_write = full
    with pytest.raises(StoreError, match="The disk is full"):
        approved(bench, result.digest)
    run = bench.store.runs.list()[0]
    assert (run.state, run.note, run.counts) == (RunState.FAILED, "The disk is full.", {"doubts_settled": 0})
    assert len(bench.store.journal.open("groups")) == 1, "it is settled by the next run"
