"""A run from pull to ledger, over fakes of both remotes and a real state."""

import dataclasses

import pytest

from bench import Bench
from bridge.core.mapping import Authority, FieldType, GuardLimits, Limit, Mode, OnEdit, Unmatched
from bridge.core.plan import Written
from bridge.core.record import Link, PerSide, Side
from bridge.core.sight import Drift, Fault, Found, Whereabouts
from bridge.errors import ConfigError, Unavailable
from bridge.ports import Outcome, RunState
from bridge.service.order import Kind
from builders import a_field, a_mapping, airtable_rows, civicrm_rows

ONE_EACH = (civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": "Arroyo"}))


def agreed(bench: Bench) -> Bench:
    """Two rows that agree and are known to."""
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": "Arroyo"}))
    assert bench.sync().state is RunState.DONE
    return bench


def test_a_change_on_the_owning_side_is_written_to_the_other(bench: Bench) -> None:
    agreed(bench)
    bench.civicrm.rows["1"]["name"] = "Arroyo Bakery"
    result = bench.sync()
    assert result.state is RunState.DONE
    assert bench.writes == [("rec00000000000001", {"Name": "Arroyo Bakery"})]


def test_a_second_run_with_nothing_edited_writes_nothing_and_only_reads(bench: Bench) -> None:
    agreed(bench)
    bench.civicrm.rows["1"]["name"] = "Arroyo Bakery"
    bench.sync()
    bench.forget_writes()
    result = bench.sync()
    assert result.plan is not None
    assert not result.plan.changes
    assert not bench.writes


def test_observe_writes_to_neither_system_and_still_remembers_who_is_who(bench: Bench) -> None:
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": None}))
    result = bench.sync(Mode.OBSERVE)
    assert result.plan is not None
    assert len(result.plan.changes) == 1
    assert not bench.writes
    assert bench.store.knowledge.load(bench.mapping).links == {Link("1", "rec00000000000001")}


def test_a_mapping_that_observes_is_not_written_even_where_the_settings_correct(bench: Bench) -> None:
    bench.use(bench.changed(mode=Mode.OBSERVE)).rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={}))
    bench.sync(Mode.CORRECT)
    assert not bench.writes


def test_an_edit_on_the_side_that_does_not_own_is_put_back_and_told(bench: Bench) -> None:
    agreed(bench)
    bench.airtable.rows["rec00000000000001"]["Name"] = "Arroyo!"
    bench.sync()
    assert bench.airtable.rows["rec00000000000001"]["Name"] == "Arroyo"
    assert bench.codes() == [203]
    bench.sync()
    assert bench.codes() == []


def test_an_edit_that_is_only_to_be_reported_stays(bench: Bench) -> None:
    agreed(bench.use(a_mapping(a_field("name", on_edit=OnEdit.REPORT))))
    bench.airtable.rows["rec00000000000001"]["Name"] = "Arroyo!"
    bench.sync()
    assert bench.airtable.rows["rec00000000000001"]["Name"] == "Arroyo!"
    assert bench.codes() == [203]


def test_a_plan_over_the_guard_is_held_whole(bench: Bench) -> None:
    codes = [f"A{number}" for number in range(60)]
    bench.rows(civicrm_rows(**{c: {"name": c} for c in codes}), airtable_rows(**{c: {"Name": c} for c in codes}))
    bench.sync()
    for row in bench.civicrm.rows.values():
        row["name"] = f"new {row['name']}"
    result = bench.sync()
    assert result.state is RunState.HELD
    assert not bench.writes
    assert result.plan is not None
    assert {each.rule for each in result.plan.breaches} == {"updates.count", "updates.share"}
    assert all("mappings/groups.yaml" in each.setting for each in result.plan.breaches)


def test_an_empty_source_is_held_and_nobody_is_called_absent(bench: Bench) -> None:
    agreed(bench)
    bench.airtable.rows.clear()
    result = bench.sync()
    assert result.state is RunState.HELD
    assert result.plan is not None
    assert "empty" in {each.rule for each in result.plan.breaches}
    assert not bench.writes


def test_a_canary_that_is_not_seen_holds_the_plan(bench: Bench) -> None:
    bench.use(bench.changed(guard=GuardLimits(canaries=PerSide(("77",), ())))).rows(*ONE_EACH)
    result = bench.sync()
    assert result.state is RunState.HELD
    assert result.plan is not None
    assert [each.rule for each in result.plan.breaches] == ["canary"]


def test_a_mapping_that_changed_is_reviewed_once(bench: Bench) -> None:
    agreed(bench)
    bench.civicrm.rows["1"]["name"] = "Arroyo Bakery"
    bench.use(bench.changed(digest="mapping-2"))
    result = bench.sync()
    assert result.state is RunState.HELD
    assert result.plan is not None
    assert [each.rule for each in result.plan.breaches] == ["mapping"]


def test_an_incomplete_pull_infers_nothing_from_absence_and_is_a_failure(bench: Bench) -> None:
    agreed(bench)
    bench.civicrm.complete = False
    bench.civicrm.lost = frozenset({"1"})
    result = bench.sync()
    assert result.state is RunState.FAILED
    assert not bench.writes
    assert bench.codes() == [504]


def test_a_source_that_cannot_be_read_is_told_until_it_can(bench: Bench) -> None:
    agreed(bench)
    bench.airtable.fails = Unavailable("Airtable did not answer.")
    assert bench.sync().state is RunState.FAILED
    assert bench.codes() == [504]
    bench.airtable.fails = None
    bench.sync()
    assert bench.codes() == []


def test_a_record_the_pull_lost_makes_the_sweep_incomplete(bench: Bench) -> None:
    """The pages said they were whole, and asking by id says the record is there: the pages are not believed."""
    agreed(bench)
    bench.airtable.rows["rec00000000000002"] = {"Code": "B2", "Name": "Breadfruit"}
    bench.airtable.lost = frozenset({"rec00000000000001"})
    result = bench.sync()
    assert result.plan is not None
    assert not result.plan.complete
    assert 106 not in bench.codes()


def test_an_absent_record_is_verified_by_id_and_its_partner_left_alone(bench: Bench) -> None:
    bench.rows(
        civicrm_rows(A1={"name": "Arroyo"}, B2={"name": "Breadfruit"}),
        airtable_rows(A1={"Name": "Arroyo"}, B2={"Name": "Breadfruit"}),
    )
    bench.use(bench.changed(guard=GuardLimits(shrink=0.9)))
    bench.sync()
    gone = bench.civicrm.rows.pop("1")
    bench.civicrm.gone["1"] = Found(whereabouts=Whereabouts.TRASHED)
    bench.sync()
    assert bench.codes() == [106]
    assert bench.entry(106).discrepancy.details["whereabouts"] == "trashed"
    bench.civicrm.rows["1"] = gone
    bench.sync()
    assert bench.codes() == []
    assert not bench.writes


def test_a_merge_moves_the_link_and_its_base(bench: Bench) -> None:
    agreed(bench.use(bench.changed(guard=GuardLimits(shrink=0.9))))
    bench.civicrm.rows = {"5": {"id": 5, "code": "Z9", "name": "Arroyo Merged"}}
    bench.civicrm.gone["1"] = Found(whereabouts=Whereabouts.MERGED, into="5")
    bench.sync()
    assert bench.store.knowledge.load(bench.mapping).links == {Link("5", "rec00000000000001")}
    assert bench.codes() == [107]
    assert bench.airtable.rows["rec00000000000001"]["Name"] == "Arroyo Merged"


def test_a_field_that_was_renamed_freezes_and_the_others_go_on(bench: Bench) -> None:
    bench.use(a_mapping(a_field("name"), a_field("city")))
    bench.rows(civicrm_rows(A1={"name": "Arroyo", "city": "Holyoke"}), airtable_rows(A1={"Name": "Arroyo", "City": "Holyoke"}))
    bench.sync()
    bench.airtable.drift = (Drift(path="City", fault=Fault.RENAMED, detail="it is called Town now"),)
    del bench.airtable.rows["rec00000000000001"]["City"]
    bench.civicrm.rows["1"].update(city="Chicopee", name="Arroyo Bakery")
    bench.sync()
    assert bench.writes == [("rec00000000000001", {"Name": "Arroyo Bakery"})]
    assert 503 in bench.codes()


def test_a_write_the_system_refuses_becomes_a_discrepancy_and_the_run_goes_on(bench: Bench) -> None:
    bench.rows(
        civicrm_rows(A1={"name": "Arroyo"}, B2={"name": "Breadfruit"}), airtable_rows(A1={"Name": None}, B2={"Name": None})
    )
    bench.use(bench.changed(guard=GuardLimits(updates=Limit(count=10))))
    refused = Outcome(written=Written.REFUSED, reason="INVALID_VALUE_FOR_COLUMN")
    bench.airtable.fate = lambda change: refused if change.id == "rec00000000000001" else None
    result = bench.sync()
    assert result.state is RunState.DONE
    assert bench.codes() == [401]
    assert bench.airtable.rows["rec00000000000002"]["Name"] == "Breadfruit"


def test_a_record_edited_between_pull_and_write_is_dropped_and_told(bench: Bench) -> None:
    agreed(bench)
    bench.civicrm.rows["1"]["name"] = "Arroyo Bakery"
    bench.airtable.before_write = lambda _: bench.airtable.rows["rec00000000000001"].update(Name="typed just now")
    bench.sync()
    assert bench.airtable.rows["rec00000000000001"]["Name"] == "typed just now"
    assert bench.codes() == [402]


def test_an_answer_lost_after_landing_is_settled_by_reading(bench: Bench) -> None:
    agreed(bench)
    bench.civicrm.rows["1"]["name"] = "Arroyo Bakery"
    bench.airtable.fate = lambda _: Outcome(written=Written.IN_DOUBT, reason="the connection was cut")
    bench.airtable.lands = True
    bench.sync()
    assert bench.codes() == [403]
    bench.airtable.fate = lambda _: None
    bench.forget_writes()
    result = bench.sync()
    assert result.doubts_settled == 1
    assert not bench.writes
    assert bench.codes() == []
    assert not bench.store.journal.open("groups")


def test_a_process_that_dies_before_its_answer_leaves_no_duplicate(bench: Bench) -> None:
    bench.use(bench.changed(unmatched=PerSide(Unmatched.CREATE, Unmatched.IGNORE)))
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}, B2={"name": "Breadfruit"}), airtable_rows(A1={"Name": "Arroyo"}))

    def die(_: object) -> None:
        raise SystemExit

    bench.airtable.after_write = die
    with pytest.raises(SystemExit):
        bench.sync()
    assert len(bench.airtable.rows) == 2
    bench.airtable.after_write = lambda _: None
    result = bench.sync()
    assert result.doubts_settled == 1
    assert len(bench.airtable.rows) == 2
    assert len(bench.store.knowledge.load(bench.mapping).links) == 2


def test_a_create_carries_its_match_key_and_is_linked_at_once(bench: Bench) -> None:
    bench.use(bench.changed(unmatched=PerSide(Unmatched.CREATE, Unmatched.IGNORE)))
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}, B2={"name": "Breadfruit"}), airtable_rows(A1={"Name": "Arroyo"}))
    bench.sync()
    created = [values for native, values in bench.airtable.writes if native.startswith("recFake")]
    assert created == [{"Code": "B2", "Name": "Breadfruit"}]
    bench.forget_writes()
    bench.sync()
    assert not bench.writes


def test_what_the_system_changes_is_told_once_and_not_sent_again(bench: Bench) -> None:
    agreed(bench)
    bench.airtable.normalise = lambda _path, value: str(value)[:6]
    bench.civicrm.rows["1"]["name"] = "Arroyo Bakery"
    bench.sync()
    assert bench.codes() == [405]
    bench.forget_writes()
    bench.sync()
    assert not bench.writes
    assert bench.codes() == [405]
    bench.airtable.normalise = lambda _path, value: value
    bench.civicrm.rows["1"]["name"] = "Arroyo B"
    bench.sync()
    assert bench.airtable.rows["rec00000000000001"]["Name"] == "Arroyo B"


def test_one_record_can_be_synced_alone_by_its_key(bench: Bench) -> None:
    bench.rows(
        civicrm_rows(A1={"name": "Arroyo"}, B2={"name": "Breadfruit"}), airtable_rows(A1={"Name": None}, B2={"Name": None})
    )
    result = bench.sync(kind=Kind.RECORD, record=(Side.CIVICRM, "2"))
    assert result.state is RunState.DONE
    assert bench.writes == [("rec00000000000002", {"Name": "Breadfruit"})]


def test_a_record_out_of_scope_is_refused_with_the_next_step(bench: Bench) -> None:
    bench.rows(*ONE_EACH)
    with pytest.raises(ConfigError, match="not in the scope of groups"):
        bench.sync(kind=Kind.RECORD, record=(Side.CIVICRM, "404"))
    assert bench.store.runs.list()[0].state is RunState.FAILED


def test_a_plan_alone_changes_no_state_and_equals_the_sync_that_follows(bench: Bench) -> None:
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": None}))
    planned = bench.sync(kind=Kind.PLAN)
    assert not bench.store.knowledge.load(bench.mapping).links
    synced = bench.sync()
    assert planned.digest == synced.digest


def test_a_plan_follows_a_merge_as_the_sync_will_and_leaves_it_to_the_sync_to_tell(bench: Bench) -> None:
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}, B2={"name": "Bakery"}), airtable_rows(A1={"Name": "Arroyo"}))
    bench.sync()
    del bench.civicrm.rows["1"]
    bench.civicrm.gone = {"1": Found(whereabouts=Whereabouts.MERGED, into="2")}
    planned = bench.sync(kind=Kind.PLAN)
    assert bench.store.knowledge.load(bench.mapping).links == {Link("1", "rec00000000000001")}
    assert bench.sync().digest == planned.digest
    assert bench.store.knowledge.load(bench.mapping).links == {Link("2", "rec00000000000001")}
    assert 107 in bench.codes()


def test_either_side_may_lead_and_the_journal_keeps_the_old_value(bench: Bench) -> None:
    agreed(bench.use(a_mapping(a_field("name", type=FieldType.TEXT, authority=Authority.EITHER))))
    bench.airtable.rows["rec00000000000001"]["Name"] = "Arroyo Bakery"
    result = bench.sync()
    assert bench.civicrm.rows["1"]["name"] == "Arroyo Bakery"
    [entry] = bench.store.journal.of_run(result.run)
    assert (entry.cells[0].before, entry.cells[0].after) == ("Arroyo", "Arroyo Bakery")
    assert entry.by == "tester"


def test_a_scope_that_changed_makes_nobody_absent(bench: Bench) -> None:
    bench.use(bench.changed(guard=GuardLimits(shrink=0.9)))
    bench.rows(
        civicrm_rows(A1={"name": "Arroyo"}, B2={"name": "Breadfruit"}),
        airtable_rows(A1={"Name": "Arroyo"}, B2={"Name": "Breadfruit"}),
    )
    bench.sync()
    del bench.civicrm.rows["1"]
    bench.civicrm.gone["1"] = Found(whereabouts=Whereabouts.OUT_OF_SCOPE)
    bench.use(dataclasses.replace(bench.mapping, scope_digest="scope-2"))
    bench.sync()
    assert 106 not in bench.codes()


def test_a_delta_brings_an_edit_of_either_side_and_asks_airtable_for_no_more(bench: Bench) -> None:
    bench.use(a_mapping(a_field("name", authority=Authority.EITHER)))
    bench.rows(
        civicrm_rows(A1={"name": "Arroyo"}, B2={"name": "Breadfruit"}, C3={"name": "Cedar"}),
        airtable_rows(A1={"Name": "Arroyo"}, B2={"Name": "Breadfruit"}, C3={"Name": "Cedar"}),
    )
    bench.sync()
    bench.civicrm.rows["1"]["name"] = "Arroyo Bakery"
    bench.airtable.rows["rec00000000000002"]["Name"] = "Breadfruit Farm"
    bench.airtable.edited = {"rec00000000000002"}
    result = bench.sync(kind=Kind.DELTA)
    assert result.plan is not None
    assert result.plan.population.now.airtable == 2
    assert bench.civicrm.rows["2"]["name"] == "Breadfruit Farm"
    assert bench.airtable.rows["rec00000000000001"]["Name"] == "Arroyo Bakery"
    assert bench.codes() == []


def test_a_delta_under_a_changed_mapping_asks_airtable_for_what_is_not_as_last_agreed(bench: Bench) -> None:
    """No mark fits any more, and the sweep that would settle it may be held: no delta reads all of Airtable meanwhile."""
    bench.rows(
        civicrm_rows(A1={"name": "Arroyo"}, B2={"name": "Breadfruit"}),
        airtable_rows(A1={"Name": "Arroyo"}, B2={"Name": "Breadfruit"}),
    )
    bench.sync()
    bench.use(bench.changed(digest="another"))
    bench.civicrm.dated = True
    bench.civicrm.rows["1"]["name"] = "Arroyo Bakery"
    result = bench.sync(kind=Kind.DELTA)
    assert result.plan is not None
    assert result.plan.population.now == PerSide(2, 1)
    assert [change.id for change in result.plan.changes] == ["rec00000000000001"]


def test_a_delta_looks_again_at_what_was_refused_and_not_at_whom_the_sweep_missed(bench: Bench) -> None:
    """A person who made the system take it has edited no record."""
    bench.use(bench.changed(guard=GuardLimits(shrink=0.9)))
    bench.rows(
        civicrm_rows(A1={"name": "Arroyo"}, B2={"name": "Breadfruit"}),
        airtable_rows(A1={"Name": "Arroyo"}, B2={"Name": "Breadfruit"}),
    )
    bench.sync()
    bench.airtable.fate = lambda _: Outcome(written=Written.REFUSED, reason="locked")
    bench.civicrm.rows["1"]["name"] = "Arroyo Bakery"
    del bench.civicrm.rows["2"]
    bench.sync()
    assert bench.codes() == [106, 401]
    bench.civicrm.dated = True
    for _ in range(2):
        result = bench.sync(kind=Kind.DELTA)
        assert result.plan is not None
        assert result.plan.population.now == PerSide(1, 1)


def test_a_delta_links_nobody_and_calls_nobody_absent(bench: Bench) -> None:
    """What it did not pull may hold a second candidate."""
    agreed(bench)
    bench.airtable.rows["rec00000000000002"] = {"Code": "B2", "Name": "Breadfruit"}
    bench.airtable.edited = {"rec00000000000002"}
    bench.civicrm.rows = civicrm_rows(A1={"name": "Arroyo"}, B2={"name": "Breadfruit"})
    bench.sync(kind=Kind.DELTA)
    assert len(bench.store.knowledge.load(bench.mapping).links) == 1
    bench.sync()
    assert len(bench.store.knowledge.load(bench.mapping).links) == 2


def test_the_first_delta_is_a_sweep(bench: Bench) -> None:
    bench.rows(*ONE_EACH)
    result = bench.sync(kind=Kind.DELTA)
    assert result.plan is not None
    assert result.plan.complete


def test_nothing_is_created_where_another_record_carries_the_key_outside_the_scope(bench: Bench) -> None:
    """An archived row that has the key would be a duplicate, and a create in doubt could not be told from it."""
    bench.use(bench.changed(unmatched=PerSide(Unmatched.CREATE, Unmatched.IGNORE)))
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}, B2={"name": "Breadfruit"}), airtable_rows(A1={"Name": "Arroyo"}))
    bench.airtable.rows["rec00000000000099"] = {"Code": "B2", "Name": "Breadfruit, archived"}
    bench.airtable.lost = frozenset({"rec00000000000099"})
    bench.sync()
    assert len(bench.airtable.rows) == 2
    assert bench.codes() == [401]
