"""Undo, approval and people's word on who is who: what may be regretted, and by whom."""

from pathlib import Path

import pytest

from bench import Bench
from bridge.core import ledger
from bridge.core.mapping import (
    Authority,
    ExactMatch,
    FieldType,
    GuardLimits,
    Key,
    Limit,
    Mode,
    OnEdit,
    SimilarMatch,
    Unmatched,
)
from bridge.core.plan import Written
from bridge.core.record import Link, PerSide, Side
from bridge.errors import ConfigError
from bridge.ports import Outcome, PlanState, RunState
from bridge.service.approve import approve, find
from bridge.service.order import Kind, Order, Result
from bridge.service.undo import Prepared, prepare, undo
from bridge.store import open_store
from builders import a_field, a_mapping, airtable_rows, civicrm_rows

ARROYO = "rec00000000000001"


def corrected(bench: Bench) -> int:
    """The run in which CiviCRM's new name was written to Airtable."""
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": "Arroyo"}))
    bench.sync()
    bench.civicrm.rows["1"]["name"] = "Arroyo Bakery"
    result = bench.sync()
    assert bench.airtable.rows[ARROYO]["Name"] == "Arroyo Bakery"
    return result.run


def take_back(bench: Bench, run: int, **narrowed: object) -> tuple[Prepared, Result]:
    """Prepare an undo and carry it out."""
    bench.clock.forward(minutes=5)
    prepared = prepare(run, bench.mapping, bench.means, **narrowed)  # type: ignore[arg-type]  # a test's own business
    return prepared, undo(prepared, Order(mode=Mode.CORRECT, by="maria", kind=Kind.UNDO), bench.means)


def held(bench: Bench) -> Result:
    """A plan the guard holds: one update where none is allowed."""
    bench.use(bench.changed(guard=GuardLimits(updates=Limit(count=0))))
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": None}))
    result = bench.sync()
    assert result.state is RunState.HELD
    return result


def word(bench: Bench, digest: str, by: str = "maria", *, four_eyes: bool = False) -> Result:
    """Approve a digest."""
    import dataclasses

    bench.clock.forward(minutes=5)
    means = dataclasses.replace(bench.means, four_eyes=four_eyes)
    return approve(find(digest, means), Order(mode=Mode.CORRECT, by=by, kind=Kind.APPLY), bench.mapping, means)


def test_an_undo_puts_back_what_was_there_and_says_who_asked(bench: Bench) -> None:
    run = corrected(bench)
    _, result = take_back(bench, run)
    assert bench.airtable.rows[ARROYO]["Name"] == "Arroyo"
    [entry] = bench.store.journal.of_run(result.run)
    assert entry.by == "maria"


def test_what_was_taken_back_stays_so_until_its_source_changes(bench: Bench) -> None:
    take_back(bench, corrected(bench))
    bench.forget_writes()
    for _ in range(2):
        assert bench.sync().state is RunState.DONE
    assert not bench.writes
    assert bench.codes() == [208]
    bench.civicrm.rows["1"]["name"] = "Arroyo Bakery & Café"
    bench.sync()
    assert bench.airtable.rows[ARROYO]["Name"] == "Arroyo Bakery & Café"
    assert bench.codes() == []


def test_an_undo_can_itself_be_undone_and_frees_the_cell(bench: Bench) -> None:
    _, undone = take_back(bench, corrected(bench))
    take_back(bench, undone.run)
    assert bench.airtable.rows[ARROYO]["Name"] == "Arroyo Bakery"
    bench.forget_writes()
    bench.sync()
    assert not bench.writes
    assert bench.codes() == []


def test_a_cell_edited_since_is_left_and_listed(bench: Bench) -> None:
    run = corrected(bench)
    bench.airtable.rows[ARROYO]["Name"] = "typed since"
    prepared, _ = take_back(bench, run)
    assert not prepared.plan.changes
    assert [(each.field, each.why) for each in prepared.left] == [("name", "it has been edited since")]
    assert bench.airtable.rows[ARROYO]["Name"] == "typed since"


def test_one_field_of_one_record_can_be_taken_back_alone(bench: Bench) -> None:
    bench.use(a_mapping(a_field("name"), a_field("city")))
    bench.rows(
        civicrm_rows(A1={"name": "Arroyo", "city": "Holyoke"}, B2={"name": "Breadfruit", "city": "Lynn"}),
        airtable_rows(A1={"Name": "Arroyo", "City": "Holyoke"}, B2={"Name": "Breadfruit", "City": "Lynn"}),
    )
    bench.sync()
    for row in bench.civicrm.rows.values():
        row.update(name=f"new {row['name']}", city=f"new {row['city']}")
    run = bench.sync().run
    take_back(bench, run, record=(Side.CIVICRM, "2"), field_name="city")
    assert bench.airtable.rows["rec00000000000002"] == {"Code": "B2", "Name": "new Breadfruit", "City": "Lynn"}
    assert bench.airtable.rows[ARROYO]["City"] == "new Holyoke"


def test_a_create_is_taken_back_by_telling_and_never_by_deleting(bench: Bench) -> None:
    bench.use(bench.changed(unmatched=PerSide(Unmatched.CREATE, Unmatched.IGNORE)))
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}, B2={"name": "Breadfruit"}), airtable_rows(A1={"Name": "Arroyo"}))
    run = bench.sync().run
    prepared, _ = take_back(bench, run)
    assert len(bench.airtable.rows) == 2
    assert [each.why for each in prepared.left] == ["it was created; nothing is ever deleted, so a person decides"]
    [created] = prepared.left
    assert created.id in bench.airtable.rows
    assert prepare(run, bench.mapping, bench.means, record=(Side.AIRTABLE, created.id)).left == prepared.left


def test_a_write_in_doubt_is_not_taken_back_and_not_left_unsaid(bench: Bench) -> None:
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": None}))
    bench.airtable.fate, bench.airtable.lands = lambda _: Outcome(written=Written.IN_DOUBT, reason="lost"), True
    run = bench.sync().run
    prepared = prepare(run, bench.mapping, bench.means)
    assert not prepared.plan.changes
    assert [(each.id, each.why) for each in prepared.left] == [
        (ARROYO, "whether it was written is not known yet; the next sync finds out")
    ]


def test_a_mapping_that_only_observes_is_not_written_by_an_undo_either(bench: Bench) -> None:
    run = corrected(bench)
    bench.use(bench.changed(mode=Mode.OBSERVE))
    with pytest.raises(ConfigError, match="only observed") as refused:
        take_back(bench, run)
    assert refused.value.next_step == f"set `mode` in {bench.mapping.file} to correct."
    with pytest.raises(ConfigError, match="only observed") as refused:
        undo(prepare(run, bench.mapping, bench.means), Order(mode=Mode.OBSERVE, by="maria", kind=Kind.UNDO), bench.means)
    assert refused.value.next_step == "set BRIDGE_MODE to correct."
    assert bench.airtable.rows[ARROYO]["Name"] == "Arroyo Bakery"


def test_an_undo_of_a_run_that_wrote_nothing_is_refused(bench: Bench) -> None:
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": "Arroyo"}))
    run = bench.sync().run
    with pytest.raises(ConfigError, match="wrote nothing of that"):
        prepare(run, bench.mapping, bench.means)


def test_a_sensitive_cell_kept_without_a_key_is_listed_and_not_restored(bench: Bench) -> None:
    bench.use(a_mapping(a_field("name", sensitive=True)))
    prepared, _ = take_back(bench, corrected(bench))
    [left] = prepared.left
    assert left.why == "its old value was kept only as a digest: there was no BRIDGE_STATE_KEY"
    assert bench.airtable.rows[ARROYO]["Name"] == "Arroyo Bakery"


def test_a_sensitive_cell_kept_with_a_key_is_restored(tmp_path: Path, bench: Bench) -> None:
    with open_store(f"sqlite:///{tmp_path}/keyed.db", ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="], bench.clock) as store:
        keyed = Bench(store, bench.clock).use(a_mapping(a_field("name", sensitive=True)))
        take_back(keyed, corrected(keyed))
        assert keyed.airtable.rows[ARROYO]["Name"] == "Arroyo"


def test_an_approval_applies_exactly_the_held_plan_and_records_who(bench: Bench) -> None:
    plan = held(bench)
    assert plan.digest is not None
    result = word(bench, plan.digest[:12])
    assert result.state is RunState.DONE
    assert bench.airtable.rows[ARROYO]["Name"] == "Arroyo"
    stored = bench.store.plans.get(plan.digest)
    assert stored is not None
    assert (stored.state, stored.approved_by) == (PlanState.APPLIED, "maria")


def test_a_plan_is_used_once(bench: Bench) -> None:
    plan = held(bench)
    assert plan.digest is not None
    word(bench, plan.digest)
    with pytest.raises(ConfigError, match="cannot be applied again"):
        word(bench, plan.digest)
    assert len(bench.writes) == 1


def test_a_record_edited_after_the_plan_is_dropped_by_its_approval_and_told(bench: Bench) -> None:
    plan = held(bench)
    bench.airtable.rows[ARROYO]["Name"] = "typed since"
    assert plan.digest is not None
    word(bench, plan.digest)
    assert bench.airtable.rows[ARROYO]["Name"] == "typed since"
    assert 402 in bench.codes()


def test_a_plan_of_another_mapping_is_stale(bench: Bench) -> None:
    plan = held(bench)
    assert plan.digest is not None
    bench.use(bench.changed(digest="mapping-2"))
    with pytest.raises(ConfigError, match="changed after the plan"):
        word(bench, plan.digest)
    assert not bench.writes


def test_four_eyes_keep_the_asker_from_approving(bench: Bench) -> None:
    plan = held(bench)
    assert plan.digest is not None
    with pytest.raises(ConfigError, match="may not approve it"):
        word(bench, plan.digest, by="tester", four_eyes=True)
    assert word(bench, plan.digest, by="maria", four_eyes=True).state is RunState.DONE


def test_an_approved_mapping_change_is_not_asked_for_again(bench: Bench) -> None:
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": "Arroyo"}))
    bench.sync()
    bench.use(bench.changed(digest="mapping-2"))
    bench.civicrm.rows["1"]["name"] = "Arroyo Bakery"
    plan = bench.sync()
    assert plan.state is RunState.HELD
    assert plan.digest is not None
    word(bench, plan.digest)
    bench.civicrm.rows["1"]["name"] = "Arroyo Bakery & Café"
    assert bench.sync().state is RunState.DONE


SIMILAR = a_mapping(
    a_field("name", type=FieldType.ORGANIZATION, authority=Authority.CIVICRM, on_edit=OnEdit.REPORT),
    match=(
        ExactMatch(keys=(Key(at=PerSide("code", "Code"), type=FieldType.IDENTIFIER),)),
        SimilarMatch(key=Key(at=PerSide("name", "Name"), type=FieldType.ORGANIZATION), least=0.8),
    ),
    unmatched=PerSide(Unmatched.REPORT, Unmatched.REPORT),
)
PAIR = Link("1", ARROYO)


def alike(bench: Bench) -> Bench:
    """Two records that look alike and share no key."""
    bench.use(SIMILAR)
    bench.rows({"1": {"id": 1, "name": "Arroyo Bakery Coop"}}, {ARROYO: {"Name": "Aroyo Bakery, Inc."}})
    bench.sync()
    return bench


def test_what_looks_alike_waits_for_a_person_with_its_evidence(bench: Bench) -> None:
    alike(bench)
    assert bench.codes() == [104]
    assert not bench.store.knowledge.load(bench.mapping).links
    assert {"candidate", "score"} <= set(bench.entry(104).discrepancy.details)


def test_a_confirmed_match_is_a_link(bench: Bench) -> None:
    alike(bench)
    bench.store.knowledge.confirm("groups", PAIR, "maria")
    bench.sync()
    assert bench.store.knowledge.load(bench.mapping).links == {PAIR}
    assert 104 not in bench.codes()


def test_not_the_same_is_remembered_until_the_evidence_changes(bench: Bench) -> None:
    alike(bench)
    bench.store.knowledge.reject("groups", PAIR, "maria", bench.entry(104).discrepancy.evidence)
    bench.sync()
    assert bench.codes() == [101, 102]
    bench.airtable.rows[ARROYO]["Name"] = "Arroyo Bakery"
    bench.sync()
    assert bench.codes() == [104]


def test_an_unlinked_pair_stands_alone_and_is_not_linked_again_by_its_key(bench: Bench) -> None:
    bench.use(bench.changed(unmatched=PerSide(Unmatched.REPORT, Unmatched.REPORT)))
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": "Arroyo"}))
    bench.sync()
    bench.store.knowledge.unlink("groups", PAIR, "maria")
    bench.sync()
    assert not bench.store.knowledge.load(bench.mapping).links
    assert bench.codes() == [101, 102]


def test_a_person_who_reopens_what_was_taken_back_lets_it_be_written_again(bench: Bench) -> None:
    take_back(bench, corrected(bench))
    bench.sync()
    entry, event = ledger.accept(
        bench.entry(208), ledger.Reason.AGREED_EXCEPTION, by="maria", at=bench.clock(), note="so decided"
    )
    bench.store.ledger.save([entry], [event])
    bench.sync()
    assert bench.codes("accepted") == [208]
