"""Edges at which something could have been lost, written twice or told to the wrong eyes; each was once wrong."""

import json

import pytest

from bench import Bench
from bridge.core.mapping import Authority, FieldType, GuardLimits, Limit, OnConflict, Unmatched
from bridge.core.plan import Change, Written
from bridge.core.record import Link, PerSide, Side
from bridge.core.sight import Found, Whereabouts
from bridge.errors import RequestRejected, Unavailable
from bridge.ports import Outcome, RunState
from bridge.service.approve import approve, find
from bridge.service.order import Kind, Order, Result
from bridge.service.undo import Prepared, prepare, undo
from builders import a_field, a_mapping, airtable_rows, civicrm_rows

AIRTABLE_1 = "rec00000000000001"
CORRECT = Order(mode=a_mapping().mode, by="approver", kind=Kind.APPLY)


def held(bench: Bench) -> Result:
    """A sync that the guard stopped."""
    result = bench.sync()
    assert result.state is RunState.HELD
    return result


def approved(bench: Bench, result: Result) -> Result:
    """The plan of that run, applied on a person's word."""
    bench.clock.forward(minutes=5)
    return approve(find(str(result.digest), bench.means), CORRECT, bench.mapping, bench.means)


def prepared(bench: Bench, result: Result) -> Prepared:
    """What taking back that run would do."""
    return prepare(result.run, bench.mapping, bench.means)


def stopped_by_any_update(*fields: str, **parts: object) -> object:
    """A mapping of these fields in either hand, whose guard holds every update."""
    guard = GuardLimits(updates=Limit(count=0), creates=Limit(count=0))
    return a_mapping(*(a_field(each, authority=Authority.EITHER) for each in fields), guard=guard, **parts)


# ── unions ──


def test_half_a_union_is_no_agreement_and_the_other_half_is_not_lost(bench: Bench) -> None:
    """CiviCRM took the union, Airtable refused it: Airtable's old set must not pass for an edit that takes the union back."""
    bench.use(a_mapping(a_field("plans", type=FieldType.CHOICES, authority=Authority.EITHER, on_conflict=OnConflict.UNION)))
    bench.rows(civicrm_rows(A1={"plans": ["a"]}), airtable_rows(A1={"Plans": ["a"]}))
    bench.sync()
    bench.civicrm.rows["1"]["plans"], bench.airtable.rows[AIRTABLE_1]["Plans"] = ["a", "b"], ["a", "c"]
    bench.airtable.fate = lambda _: Outcome(written=Written.REFUSED, reason="locked")
    bench.sync()
    assert bench.civicrm.rows["1"]["plans"] == ["a", "b", "c"]
    bench.airtable.fate = lambda _: None
    bench.sync()
    assert bench.civicrm.rows["1"]["plans"] == ["a", "b", "c"]
    assert bench.airtable.rows[AIRTABLE_1]["Plans"] == ["a", "b", "c"]
    bench.forget_writes()
    bench.sync()
    assert (bench.writes, bench.codes()) == ([], [])


# ── creates ──


def test_a_created_choice_is_agreed_in_the_words_both_sides_are_compared_by(bench: Bench) -> None:
    status = a_field("status", type=FieldType.CHOICE, authority=Authority.AIRTABLE, values={"enrolled": "Enrolled"})
    bench.use(a_mapping(a_field("name"), status, unmatched=PerSide(Unmatched.IGNORE, Unmatched.CREATE)))
    bench.rows(civicrm_rows(Z9={"name": "Zinnia", "status": None}), airtable_rows(A1={"Name": "Arroyo", "Status": "Enrolled"}))
    bench.sync()
    assert bench.civicrm.rows["9001"]["status"] == "enrolled"
    assert 405 not in bench.codes()
    bench.airtable.rows[AIRTABLE_1]["Status"] = None
    assert bench.store.knowledge.load(bench.mapping).bases[Link("9001", AIRTABLE_1)]["status"] == "Enrolled"


def lost_create(bench: Bench) -> None:
    """CiviCRM's B2 was created in Airtable, and the answer lost."""
    name = a_field("name", authority=Authority.EITHER)
    bench.use(a_mapping(name, unmatched=PerSide(Unmatched.CREATE, Unmatched.IGNORE)))
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}, B2={"name": "Breadfruit"}), airtable_rows(A1={"Name": "Arroyo"}))
    bench.airtable.fate = lambda _: Outcome(written=Written.IN_DOUBT, reason="the connection was cut")
    bench.airtable.lands = True
    bench.sync()
    bench.airtable.fate = lambda _: None


def test_an_edit_of_a_record_whose_create_was_in_doubt_is_met_and_not_stopped(bench: Bench) -> None:
    """Somebody mended the new row before bridge knew that it was there: that is no work of the system's."""
    lost_create(bench)
    [made] = [native for native in bench.airtable.rows if native.startswith("recFake")]
    bench.airtable.rows[made]["Name"] = "Breadfruit Farm"
    bench.sync()
    assert bench.codes() == [202]
    bench.civicrm.rows["2"]["name"] = "Breadfruit Farm"
    bench.sync()
    assert bench.codes() == []


def test_two_approved_plans_that_both_create_a_record_make_one(bench: Bench) -> None:
    bench.use(stopped_by_any_update("name", unmatched=PerSide(Unmatched.CREATE, Unmatched.IGNORE)))  # type: ignore[arg-type]
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}, B2={"name": "Breadfruit"}), airtable_rows(B2={"Name": "Breadfruit"}))
    first = held(bench)
    bench.civicrm.rows["2"]["name"] = "Breadfruit Farm"
    second = held(bench)
    assert first.digest != second.digest
    assert approved(bench, first).applied.count(Written.DONE) == 1
    assert approved(bench, second).applied.count(Written.DONE) == 1
    assert len(bench.airtable.rows) == 2
    assert bench.codes() == [402]


def test_an_approved_create_is_dropped_where_staff_have_made_the_record_by_hand(bench: Bench) -> None:
    bench.use(stopped_by_any_update("name", unmatched=PerSide(Unmatched.CREATE, Unmatched.IGNORE)))  # type: ignore[arg-type]
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}, B2={"name": "Breadfruit"}), airtable_rows(B2={"Name": "Breadfruit"}))
    plan = held(bench)
    bench.airtable.rows["recByHand00000001"] = {"Code": "A1", "Name": "Arroyo"}
    assert approved(bench, plan).applied.count(Written.REFUSED) == 1
    assert len(bench.airtable.rows) == 2


# ── approvals ──


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (lambda bench: bench.civicrm.rows["1"].update(name="Arroyo Bakery"), "Edited in CiviCRM"),
        (lambda bench: bench.civicrm.gone.update({"1": Found(whereabouts=Whereabouts.TRASHED)}), "gone or out of scope"),
        (lambda bench: bench.store.knowledge.unlink("groups", Link("1", AIRTABLE_1), "ana"), "no longer linked"),
    ],
)
def test_an_approved_change_is_dropped_where_what_asked_for_it_is_no_longer_so(
    bench: Bench, meanwhile: object, reason: str
) -> None:
    """The plan waited over the weekend, and the world went on."""
    bench.use(stopped_by_any_update("name")).rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": "Arroyo"}))  # type: ignore[arg-type]
    bench.sync()
    bench.civicrm.rows["1"]["name"] = "Arroyo Coop"
    plan = held(bench)
    meanwhile(bench)  # type: ignore[operator]
    if "1" in bench.civicrm.gone:
        del bench.civicrm.rows["1"]
    [(_, outcome)] = approved(bench, plan).applied.outcomes
    assert outcome.written is Written.STALE
    assert reason in outcome.reason
    assert bench.airtable.rows[AIRTABLE_1]["Name"] == "Arroyo"
    assert not bench.writes
    assert 402 in bench.codes()


def test_an_approved_change_that_still_holds_is_written(bench: Bench) -> None:
    bench.use(stopped_by_any_update("name")).rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": "Arroyo"}))  # type: ignore[arg-type]
    bench.sync()
    bench.civicrm.rows["1"]["name"] = "Arroyo Coop"
    approved(bench, held(bench))
    assert bench.airtable.rows[AIRTABLE_1]["Name"] == "Arroyo Coop"


# ── sweeps ──


def test_nobody_is_linked_or_told_to_be_alone_by_a_sweep_that_lost_records(bench: Bench) -> None:
    """The lost page may hold a second candidate, or the very partner that is missed."""
    unmatched = PerSide(Unmatched.REPORT, Unmatched.REPORT)
    bench.use(a_mapping(unmatched=unmatched, guard=GuardLimits(shrink=0.9)))
    bench.rows(civicrm_rows(A1={}), airtable_rows(A1={}))
    bench.sync()
    bench.rows(civicrm_rows(A1={}, B2={}, C3={}), airtable_rows(A1={}, B2={}, C3={}))
    bench.airtable.lost = frozenset({AIRTABLE_1, "rec00000000000003"})
    bench.sync()
    assert bench.store.knowledge.load(bench.mapping).links == {Link("1", AIRTABLE_1)}
    assert bench.codes() == [504]


def test_nobody_is_created_from_a_side_of_which_something_is_missing(bench: Bench) -> None:
    """Arroyo was merged into 5 while CiviCRM's pages came short: 5 looked alone, and is not to get a second row."""
    unmatched = PerSide(Unmatched.CREATE, Unmatched.IGNORE)
    bench.use(a_mapping(unmatched=unmatched, guard=GuardLimits(shrink=0.9)))
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": "Arroyo"}))
    bench.sync()
    bench.civicrm.rows = {"5": {"id": 5, "code": "Z9", "name": "Arroyo"}}
    bench.civicrm.gone["1"] = Found(whereabouts=Whereabouts.MERGED, into="5")
    bench.civicrm.complete = False
    bench.sync()
    assert len(bench.airtable.rows) == 1
    bench.civicrm.complete = True
    bench.sync()
    assert len(bench.airtable.rows) == 1
    assert bench.store.knowledge.load(bench.mapping).links == {Link("5", AIRTABLE_1)}


def test_a_read_that_a_system_refuses_is_a_source_that_could_not_be_read(bench: Bench) -> None:
    """CiviCRM answered `DB Error` to a question about its fields; the run must end in the ledger, not in a traceback."""
    bench.rows(civicrm_rows(A1={}), airtable_rows(A1={}))
    bench.civicrm.fails = RequestRejected("CiviCRM refused Organization.getFields.")
    assert bench.sync().state is RunState.FAILED
    assert bench.codes() == [504]


# ── undo ──


def a_sensitive_write(bench: Bench) -> Result:
    """A run that wrote a sensitive cell."""
    bench.use(a_mapping(a_field("name", sensitive=True)))
    bench.rows(civicrm_rows(A1={"name": "hush one"}), airtable_rows(A1={"Name": "hush one"}))
    bench.sync()
    bench.civicrm.rows["1"]["name"] = "hush two"
    return bench.sync()


def test_the_plan_of_an_undo_shows_no_sensitive_value(bench: Bench) -> None:
    result = a_sensitive_write(bench)
    [entry] = bench.store.journal.of_run(result.run)
    back = prepared(bench, result)
    if not entry.cells[0].sealed:
        undo(back, CORRECT, bench.means)
    stored = [bench.store.plans.get(str(each.digest)) for each in bench.store.runs.list() if each.digest]
    assert "hush" not in json.dumps([each.document for each in stored if each])


def test_an_undo_that_cannot_read_a_source_is_a_run_that_failed(bench: Bench) -> None:
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": None}))
    back = prepared(bench, bench.sync())
    bench.airtable.fails = Unavailable("Airtable did not answer.")
    with pytest.raises(Unavailable):
        undo(back, CORRECT, bench.means)
    assert bench.store.runs.list()[0].state is RunState.FAILED


def test_a_stop_of_either_kind_ends_when_its_source_moves(bench: Bench) -> None:
    bench.use(a_mapping(a_field("name", authority=Authority.EITHER)))
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": "Arroyo"}))
    bench.sync()
    bench.civicrm.rows["1"]["name"] = "Arroyo Coop"
    written = bench.sync()
    undo(prepared(bench, written), CORRECT, bench.means)
    assert bench.airtable.rows[AIRTABLE_1]["Name"] == "Arroyo"
    bench.forget_writes()
    bench.sync()
    assert (bench.writes, bench.codes()) == ([], [208])
    bench.civicrm.rows["1"]["name"] = "Arroyo Bakery"
    bench.sync()
    assert bench.airtable.rows[AIRTABLE_1]["Name"] == "Arroyo Bakery"
    assert bench.codes() == []


def died(_: Change) -> None:
    """The process dies."""
    raise SystemExit


def test_an_edit_that_was_put_back_is_told_although_the_process_died_right_after(bench: Bench) -> None:
    """The next run finds both sides agreed: nobody would ever have heard of the edit that was overruled."""
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": "Arroyo"}))
    bench.sync()
    bench.airtable.rows[AIRTABLE_1]["Name"] = "Edited"
    bench.airtable.after_write = died
    with pytest.raises(SystemExit):
        bench.sync()
    assert bench.airtable.rows[AIRTABLE_1]["Name"] == "Arroyo"
    assert (bench.codes(), bench.entry(203).runs) == ([203], 0)
    bench.airtable.after_write = lambda _: None
    bench.sync()
    assert bench.codes() == []
    assert bench.entry(203).state == "resolved"


def test_what_is_told_before_the_writes_is_counted_once(bench: Bench) -> None:
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": "Arroyo"}))
    bench.sync()
    bench.airtable.rows[AIRTABLE_1]["Name"] = "Edited"
    bench.sync()
    assert bench.entry(203).runs == 1
    assert [event.happened.value for event in bench.store.ledger.events()] == ["opened"]


def test_a_write_that_died_before_it_was_sent_is_written_by_the_next_run(bench: Bench) -> None:
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": None}))
    bench.airtable.before_write = died
    with pytest.raises(SystemExit):
        bench.sync()
    bench.airtable.before_write = lambda _: None
    assert bench.sync().doubts_settled == 1
    assert bench.airtable.rows[AIRTABLE_1]["Name"] == "Arroyo"


def test_a_record_of_either_side_may_be_asked_for_by_name(bench: Bench) -> None:
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": None}))
    bench.sync(kind=Kind.RECORD, record=(Side.AIRTABLE, AIRTABLE_1))
    assert bench.airtable.rows[AIRTABLE_1]["Name"] == "Arroyo"
