"""A person says which system's value is right: one record and one field, through the same guard and journal as every run."""

import dataclasses
from collections.abc import Mapping

import pytest

from bench import Bench
from bridge.core import ledger
from bridge.core.choice import choosable
from bridge.core.ledger import Happened, State
from bridge.core.mapping import Authority, FieldType, GuardLimits, Limit, Mode
from bridge.core.plan import Written
from bridge.core.record import PerSide, Side
from bridge.core.sight import FieldSight, Sight
from bridge.errors import ConfigError, StaleRecord
from bridge.ports import Outcome, PlanState, RunState
from bridge.service import approve as approving
from bridge.service.choose import choose
from bridge.service.order import Kind, Order, Result
from bridge.service.undo import prepare, undo
from builders import a_field, a_mapping, airtable_rows, civicrm_rows

ARROYO = "rec00000000000001"


def at_odds(bench: Bench, **policies: object) -> Bench:
    """An address that both sides had as one and edited differently; a name that moved as well and may not be touched."""
    either = {"type": FieldType.EMAIL, "authority": Authority.EITHER, **policies}
    bench.use(a_mapping(a_field("name"), a_field("email", **either)))
    bench.rows(
        civicrm_rows(A1={"name": "Arroyo", "email": "old@arroyo.example"}),
        airtable_rows(A1={"Name": "Arroyo", "Email": "old@arroyo.example"}),
    )
    bench.sync()
    bench.civicrm.rows["1"]["email"] = "office@arroyo.example"
    bench.airtable.rows[ARROYO]["Email"] = "hello@arroyo.example"
    bench.sync()
    assert bench.codes() == [204]
    bench.forget_writes()
    return bench


def say(bench: Bench, side: Side, code: int = 204, *, mode: Mode = Mode.CORRECT, kind: Kind = Kind.RECORD) -> Result:
    bench.clock.forward(minutes=5)
    return choose(bench.entry(code), side, Order(mode=mode, by="maria", kind=kind), bench.mapping, bench.means)


@pytest.mark.parametrize("side", Side)
def test_the_chosen_value_stands_on_both_sides_and_the_conflict_does_not_come_back(bench: Bench, side: Side) -> None:
    at_odds(bench)
    chosen = {Side.CIVICRM: "office@arroyo.example", Side.AIRTABLE: "hello@arroyo.example"}[side]
    result = say(bench, side)
    assert result.state is RunState.DONE
    assert (bench.civicrm.rows["1"]["email"], bench.airtable.rows[ARROYO]["Email"]) == (chosen, chosen)
    assert len(bench.writes) == 1
    [entry] = bench.store.journal.of_run(result.run)
    assert (entry.by, entry.change.side, [cell.why for cell in entry.cells]) == ("maria", side.other, ["chosen"])
    bench.forget_writes()
    bench.sync()
    assert bench.writes == []
    assert bench.entry(204).state is State.RESOLVED


def test_nothing_but_the_one_cell_is_written(bench: Bench) -> None:
    at_odds(bench)
    bench.civicrm.rows["1"]["name"] = "Arroyo Bakery"
    say(bench, Side.CIVICRM)
    assert bench.airtable.rows[ARROYO]["Name"] == "Arroyo"


def test_what_was_chosen_is_quiet_until_a_run_still_finds_it(bench: Bench) -> None:
    at_odds(bench)
    say(bench, Side.CIVICRM)
    entry = bench.entry(204)
    assert entry.state is State.SNOOZED
    assert bench.store.ledger.events(fingerprint=entry.fingerprint)[-1].happened is Happened.ANSWERED
    bench.civicrm.rows["1"]["email"] = "new@arroyo.example"
    bench.airtable.rows[ARROYO]["Email"] = "other@arroyo.example"
    bench.sync(kind=Kind.DELTA)
    assert bench.entry(204).state is State.OPEN


def test_a_value_edited_since_it_was_shown_is_not_overwritten(bench: Bench) -> None:
    at_odds(bench)
    bench.civicrm.rows["1"]["email"] = "newest@arroyo.example"
    with pytest.raises(StaleRecord, match="has been edited since"):
        say(bench, Side.AIRTABLE)
    assert bench.writes == []
    [run] = bench.store.runs.list(limit=1)
    assert run.state is RunState.DONE


def test_two_values_that_agree_by_now_need_no_choice(bench: Bench) -> None:
    at_odds(bench)
    bench.civicrm.rows["1"]["email"] = "hello@arroyo.example"
    with pytest.raises(StaleRecord, match="say the same by now"):
        say(bench, Side.CIVICRM)


def test_a_pair_that_was_taken_apart_is_not_written(bench: Bench) -> None:
    at_odds(bench)
    [link] = bench.store.knowledge.load(bench.mapping).links
    bench.store.knowledge.unlink(bench.mapping.name, link, "maria")
    with pytest.raises(StaleRecord, match="no longer linked"):
        say(bench, Side.CIVICRM)


def test_an_entry_that_was_resolved_takes_no_choice(bench: Bench) -> None:
    at_odds(bench)
    say(bench, Side.CIVICRM)
    bench.sync()
    with pytest.raises(StaleRecord, match="is resolved"):
        say(bench, Side.CIVICRM)


def test_a_choice_only_planned_writes_nothing(bench: Bench) -> None:
    at_odds(bench)
    result = say(bench, Side.CIVICRM, kind=Kind.PLAN)
    assert result.plan is not None
    assert len(result.plan.changes) == 1
    assert bench.writes == []
    assert bench.entry(204).state is State.OPEN


@pytest.mark.parametrize(("settings", "own"), [(Mode.OBSERVE, Mode.CORRECT), (Mode.CORRECT, Mode.OBSERVE)])
def test_where_it_is_only_observed_no_value_is_written(bench: Bench, settings: Mode, own: Mode) -> None:
    at_odds(bench)
    bench.use(bench.changed(mode=own))
    with pytest.raises(ConfigError, match="only observed"):
        say(bench, Side.CIVICRM, mode=settings)
    assert bench.writes == []


def test_a_blank_is_chosen_only_where_the_mapping_lets_it_replace_a_value(bench: Bench) -> None:
    at_odds(bench)
    bench.airtable.rows[ARROYO]["Email"] = None
    bench.sync()
    with pytest.raises(ConfigError, match="cannot be chosen"):
        say(bench, Side.AIRTABLE)
    email = {"type": FieldType.EMAIL, "authority": Authority.EITHER}
    bench.use(a_mapping(a_field("name"), a_field("email", sensitive=True, **email)))
    bench.sync()
    with pytest.raises(ConfigError, match="blank in Airtable"):
        say(bench, Side.AIRTABLE)
    bench.use(a_mapping(a_field("name"), a_field("email", clear=True, **email)))
    bench.sync()
    assert say(bench, Side.AIRTABLE).state is RunState.DONE
    assert bench.civicrm.rows["1"]["email"] in (None, "")


def test_a_choice_over_the_guard_is_held_for_a_person(bench: Bench) -> None:
    at_odds(bench)
    bench.use(bench.changed(guard=GuardLimits(updates=Limit(count=0))))
    result = say(bench, Side.CIVICRM)
    assert result.state is RunState.HELD
    assert bench.writes == []
    assert bench.entry(204).state is State.OPEN
    order = Order(mode=Mode.CORRECT, by="rosa", kind=Kind.APPLY)
    approving.approve(approving.find(str(result.digest), bench.means), order, bench.mapping, bench.means)
    assert bench.airtable.rows[ARROYO]["Email"] == "office@arroyo.example"


def test_a_choice_can_be_taken_back_and_stays_so(bench: Bench) -> None:
    at_odds(bench)
    result = say(bench, Side.CIVICRM)
    undo(prepare(result.run, bench.mapping, bench.means), Order(mode=Mode.CORRECT, by="maria", kind=Kind.UNDO), bench.means)
    assert bench.airtable.rows[ARROYO]["Email"] == "hello@arroyo.example"
    bench.forget_writes()
    bench.sync()
    assert bench.writes == []
    assert 208 in bench.codes()


def test_what_was_taken_back_may_be_chosen_after_all(bench: Bench) -> None:
    at_odds(bench)
    result = say(bench, Side.CIVICRM)
    undo(prepare(result.run, bench.mapping, bench.means), Order(mode=Mode.CORRECT, by="maria", kind=Kind.UNDO), bench.means)
    bench.sync()
    say(bench, Side.AIRTABLE, 208)
    assert bench.civicrm.rows["1"]["email"] == "hello@arroyo.example"
    bench.sync()
    assert bench.codes() == []


def test_a_field_that_is_only_reported_offers_no_choice(bench: Bench) -> None:
    at_odds(bench)
    found = bench.entry(204).discrepancy
    assert choosable(found, bench.mapping, Mode.CORRECT) == (Side.CIVICRM, Side.AIRTABLE)
    reported = a_mapping(a_field("email", authority=Authority.REPORT))
    assert choosable(found, reported, Mode.CORRECT) == ()
    assert choosable(found, bench.mapping, Mode.OBSERVE) == ()
    assert choosable(dataclasses.replace(found, shown=PerSide("a", "—")), bench.mapping, Mode.CORRECT) == (Side.CIVICRM,)
    assert choosable(found, None, Mode.CORRECT) == ()
    assert choosable(dataclasses.replace(found, code=206), bench.mapping, Mode.CORRECT) == ()
    lossy = a_field("email", type=FieldType.CHOICE, values={"New": "Active", "Current": "Active"})
    assert choosable(found, a_mapping(lossy), Mode.CORRECT) == (Side.CIVICRM,)


def test_whoever_saw_another_discrepancy_than_there_is_now_decides_nothing(bench: Bench) -> None:
    at_odds(bench)
    entry = bench.entry(204)
    ledger.must_be(entry, entry.stamp)
    ledger.must_be(entry, None)
    snoozed, _ = ledger.snooze(entry, None, by="maria", at=bench.clock())
    with pytest.raises(StaleRecord, match="not what it was"):
        ledger.must_be(snoozed, entry.stamp)


def test_a_rejected_plan_is_not_asked_for_again_until_it_differs(bench: Bench) -> None:
    at_odds(bench)
    bench.use(bench.changed(guard=GuardLimits(updates=Limit(count=0))))
    bench.civicrm.rows["1"]["name"] = "Arroyo Bakery"
    held = bench.sync()
    assert held.state is RunState.HELD
    stored = approving.find(str(held.digest), bench.means)
    approving.reject(stored, bench.means, by="rosa")
    again = bench.sync()
    assert again.digest == held.digest
    assert bench.store.plans.held() == []
    found = bench.store.plans.get(str(held.digest))
    assert found is not None
    assert (found.state, found.approved_by) == (PlanState.REJECTED, "rosa")
    with pytest.raises(ConfigError, match="is rejected by rosa"):
        approving.find(str(held.digest), bench.means)
    bench.civicrm.rows["1"]["name"] = "Arroyo Bread"
    bench.sync()
    assert len(bench.store.plans.held()) == 1


def test_only_a_plan_that_waits_can_be_rejected(bench: Bench) -> None:
    at_odds(bench)
    planned = say(bench, Side.CIVICRM, kind=Kind.PLAN)
    with pytest.raises(ConfigError, match="only a held plan"):
        approving.reject(approving.find(str(planned.digest), bench.means), bench.means, by="rosa")


def test_a_word_given_while_the_value_is_written_does_not_undo_the_answer(bench: Bench) -> None:
    at_odds(bench)

    def somebody_assigns(_change: object) -> None:
        entry = bench.entry(204)
        bench.store.ledger.keep(entry, *ledger.assign(entry, "lupe", by="lupe", at=bench.clock()))

    bench.airtable.after_write = somebody_assigns
    say(bench, Side.CIVICRM)
    entry = bench.entry(204)
    assert (entry.state, entry.assignee) == (State.SNOOZED, "lupe")


def test_a_choice_whose_answer_was_lost_is_settled_by_the_next_run(bench: Bench) -> None:
    at_odds(bench)
    bench.airtable.fate = lambda _: Outcome(written=Written.IN_DOUBT, reason="the answer was lost")
    bench.airtable.lands = True
    result = say(bench, Side.CIVICRM)
    assert (result.counts["written"], result.counts["in_doubt"]) == (0, 1)
    assert bench.entry(204).state is State.OPEN
    bench.airtable.fate = lambda _: None
    bench.forget_writes()
    bench.sync()
    assert bench.writes == []
    assert bench.entry(204).state is State.RESOLVED
    [entry] = bench.store.journal.of_run(result.run)
    assert entry.outcome is Written.DONE


def test_a_cell_that_cannot_be_read_is_not_overwritten(bench: Bench) -> None:
    at_odds(bench)
    bench.airtable.rows[ARROYO]["Email"] = "no address"
    with pytest.raises(StaleRecord, match="cannot be read"):
        say(bench, Side.CIVICRM)
    assert bench.writes == []


def test_a_value_that_the_other_system_does_not_take_is_refused_with_the_reason(bench: Bench) -> None:
    at_odds(bench)
    whole = bench.airtable.sight

    def closed(pins: Mapping[str, FieldSight]) -> Sight:
        sight = whole(pins)
        fields = {path: dataclasses.replace(each, writable=False) for path, each in sight.fields.items()}
        return dataclasses.replace(sight, fields=fields)

    bench.airtable.sight = closed  # type: ignore[method-assign]  # a fake's own business
    with pytest.raises(ConfigError, match="does not let Email be written"):
        say(bench, Side.CIVICRM)
    assert bench.writes == []
