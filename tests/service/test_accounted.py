"""What did not end as meant is accounted for: told as the same number everywhere, and left so that the next run understands."""

import datetime as dt
from typing import Any, NoReturn

import pytest

from bench import Bench
from bridge.core.ledger import Happened, State
from bridge.core.mapping import Authority, GuardLimits, Limit, Mode, Unmatched
from bridge.core.plan import Written
from bridge.core.record import PerSide, Side
from bridge.core.report import Digest
from bridge.errors import Unavailable
from bridge.language import Language
from bridge.ports import Outcome, PlanState, RunState
from bridge.service.approve import approve, find
from bridge.service.digest import standing
from bridge.service.order import Kind, Order
from bridge.service.undo import prepare, undo
from bridge.web.page import report_page
from builders import a_field, a_mapping, airtable_rows, civicrm_rows
from fakes import NOW

AIRTABLE_1 = "rec00000000000001"


def told(bench: Bench, since: dt.datetime | None = None) -> Digest:
    """The digest of the bench's mapping, against `since`."""
    return standing([bench.mapping], bench.store, bench.clock(), since=since, address=lambda *_: None)


def in_doubt(bench: Bench) -> None:
    """One write whose answer was lost after it landed."""
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": "Arroyo"}))
    bench.sync()
    bench.civicrm.rows["1"]["name"] = "Arroyo Bakery"
    bench.airtable.fate = lambda _: Outcome(written=Written.IN_DOUBT, reason="the connection was cut")
    bench.airtable.lands = True
    bench.sync()
    bench.airtable.fate = lambda _: None


def unanswered(*_: object, **__: object) -> NoReturn:
    raise Unavailable("Airtable did not answer.")


# ── writes in doubt ──


def test_run_digest_page_and_metrics_carry_the_same_number_of_settled_doubts(bench: Bench) -> None:
    in_doubt(bench)
    yesterday = bench.clock()
    result = bench.sync()
    record = bench.store.runs.get(result.run)
    assert record is not None
    assert (result.doubts_settled, record.counts["doubts_settled"]) == (1, 1)
    assert sum(each.counts["doubts_settled"] for each in bench.store.runs.totals()) == 1
    digest = told(bench, yesterday)
    assert digest.settled == 1
    assert "1 write in doubt, settled by reading" in report_page(digest, Language("en"))
    assert "1 escritura en duda, aclarada al leer" in report_page(digest, Language("es"))


def test_a_doubt_is_told_as_settled_once(bench: Bench) -> None:
    in_doubt(bench)
    bench.sync()
    assert told(bench, bench.clock()).settled == 0
    assert "settled by reading" not in report_page(told(bench, bench.clock()), Language("en"))


def test_a_doubt_settled_by_a_run_that_failed_afterwards_is_counted_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    in_doubt(bench)
    monkeypatch.setattr(bench.airtable, "pull", unanswered)
    result = bench.sync()
    assert result.state is RunState.FAILED
    assert told(bench).settled == 1


def test_an_undo_settles_what_is_in_doubt_before_it_writes(bench: Bench) -> None:
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": None}))
    written = bench.sync().run
    bench.civicrm.rows["1"]["name"] = "Arroyo Bakery"
    bench.airtable.fate = lambda _: Outcome(written=Written.IN_DOUBT, reason="the connection was cut")
    bench.sync()
    bench.airtable.fate = lambda _: None
    bench.clock.forward(minutes=5)
    order = Order(mode=Mode.CORRECT, by="maria", kind=Kind.UNDO)
    result = undo(prepare(written, bench.mapping, bench.means), order, bench.means)
    assert (result.doubts_settled, result.counts["written"]) == (1, 1)
    assert not bench.store.journal.open("groups")
    assert told(bench).settled == 1


# ── a person's word in the same moment ──


def test_a_run_reads_the_ledger_nowhere_but_where_it_writes_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a person said between a reading and a writing of its own would be overwritten (see the store's tests of words)."""
    monkeypatch.delattr(type(bench.store.ledger), "load")
    in_doubt(bench)
    assert bench.codes() == [403]


# ── a side that cannot be looked at before its creates ──


@pytest.fixture
def half_way(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """CiviCRM refuses its update, and Airtable falls silent when it is looked at before a create."""
    bench.use(a_mapping(a_field("name", authority=Authority.EITHER), unmatched=PerSide(Unmatched.CREATE, Unmatched.IGNORE)))
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": "Arroyo"}))
    bench.sync()
    bench.airtable.rows[AIRTABLE_1]["Name"] = "Arroyo Bakery"
    bench.civicrm.rows["2"] = {"id": 2, "code": "B2", "name": "Breadfruit"}
    bench.civicrm.fate = lambda _: Outcome(written=Written.REFUSED, reason="locked")
    monkeypatch.setattr(bench.airtable, "find", unanswered)
    return bench


def test_what_the_first_side_refused_is_told_though_the_second_cannot_be_looked_at(half_way: Bench) -> None:
    result = half_way.sync()
    assert (result.state, type(result.error)) == (RunState.FAILED, Unavailable)
    assert half_way.codes() == [401, 504]
    assert (result.counts["refused"], result.counts["not_sent"]) == (1, 1)
    stored = half_way.store.plans.get(str(result.digest))
    assert stored is not None
    assert stored.state is PlanState.APPLIED
    assert not half_way.store.journal.open("groups")


def test_the_run_after_it_goes_on_where_it_stopped(half_way: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    half_way.sync()
    monkeypatch.undo()
    half_way.civicrm.fate = lambda _: None
    half_way.civicrm.rows["1"]["name"] = "Arroyo Bakery"
    half_way.sync()
    assert sorted(str(row["Name"]) for row in half_way.airtable.rows.values()) == ["Arroyo Bakery", "Breadfruit"]
    assert half_way.codes() == []


def test_an_approved_plan_that_stops_half_way_is_told_as_failed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = GuardLimits(creates=Limit(count=0))
    bench.use(bench.changed(unmatched=PerSide(Unmatched.CREATE, Unmatched.IGNORE), guard=guard))
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), {"rec00000000000009": {"Code": "Z9"}})
    held = bench.sync()
    assert held.state is RunState.HELD
    monkeypatch.setattr(bench.airtable, "find", unanswered)
    order = Order(mode=Mode.CORRECT, by="maria", kind=Kind.APPLY)
    result = approve(find(str(held.digest), bench.means), order, bench.mapping, bench.means)
    assert (result.state, type(result.error), result.counts["not_sent"]) == (RunState.FAILED, Unavailable, 1)
    assert bench.codes() == [504]


def test_an_approval_that_finds_a_source_silent_tells_it_and_leaves_the_plan_waiting(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.use(bench.changed(guard=GuardLimits(updates=Limit(count=0))))
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": None}))
    held = bench.sync()
    monkeypatch.setattr(bench.airtable, "sight", unanswered)
    order = Order(mode=Mode.CORRECT, by="maria", kind=Kind.APPLY)
    result = approve(find(str(held.digest), bench.means), order, bench.mapping, bench.means)
    assert result.state is RunState.FAILED
    assert bench.codes() == [504]
    assert [each.digest for each in bench.store.plans.held("groups")] == [held.digest]


# ── deltas ──


def edited(bench: Bench) -> None:
    """A pair that agrees, whose Airtable row is then edited: a delta sees that until the watermark has passed it."""
    bench.use(a_mapping(a_field("name", authority=Authority.EITHER)))
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": "Arroyo"}))
    bench.sync()
    bench.airtable.rows[AIRTABLE_1]["Name"] = "Arroyo Bakery"


def delta(bench: Bench, mode: Mode = Mode.CORRECT) -> None:
    """A delta, which sees the edited row as long as the watermark has not passed the edit."""
    mark = bench.store.knowledge.watermark("groups", Side.AIRTABLE)
    assert mark is not None
    bench.airtable.edited = {AIRTABLE_1} if mark <= EDITED else set()
    bench.sync(mode, kind=Kind.DELTA)


EDITED = NOW + dt.timedelta(minutes=5)
"""When the first sync of a bench ends, and `edited` edits."""


@pytest.mark.parametrize("fate", [Written.STALE, Written.NOT_SENT, Written.IN_DOUBT])
def test_an_edit_that_could_not_be_carried_over_is_met_by_the_next_delta(bench: Bench, fate: Written) -> None:
    edited(bench)
    bench.civicrm.fate = lambda _: Outcome(written=fate, reason="it said so")
    delta(bench)
    bench.civicrm.fate = lambda _: None
    delta(bench)
    assert bench.civicrm.rows["1"]["name"] == "Arroyo Bakery"


def test_an_edit_that_was_only_observed_is_met_by_the_next_delta_that_may_write(bench: Bench) -> None:
    edited(bench)
    delta(bench, Mode.OBSERVE)
    delta(bench)
    assert bench.civicrm.rows["1"]["name"] == "Arroyo Bakery"


def test_a_pull_of_civicrm_that_lost_a_page_does_not_move_the_watermark(bench: Bench) -> None:
    edited(bench)
    before = bench.store.knowledge.watermark("groups", Side.AIRTABLE)
    bench.civicrm.complete = False
    delta(bench)
    assert bench.store.knowledge.watermark("groups", Side.AIRTABLE) == before


@pytest.mark.parametrize("fate", [None, Written.REFUSED])
def test_what_was_written_or_refused_lets_the_watermark_pass(bench: Bench, fate: Written | None) -> None:
    edited(bench)
    bench.civicrm.fate = lambda _: None if fate is None else Outcome(written=fate, reason="it said so")
    delta(bench)
    assert bench.store.knowledge.watermark("groups", Side.AIRTABLE) == bench.clock()


# ── what is refused again and again ──


@pytest.fixture
def refusing(bench: Bench) -> Bench:
    """Airtable refuses CiviCRM's new name, whoever sends it and however often, and takes any other."""
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": "Arroyo"}))
    bench.sync()
    bench.civicrm.rows["1"]["name"] = "Arroyo Bakery"
    locked = Outcome(written=Written.REFUSED, reason="locked")
    bench.airtable.fate = lambda change: locked if change.cells[0].after == "Arroyo Bakery" else None
    for _ in range(3):
        assert bench.sync().counts["refused"] == 1
    return bench


def planned(bench: Bench, **asked: Any) -> int:
    """How many changes the next run means to send."""
    plan = bench.sync(**asked).plan
    assert plan is not None
    return len(plan.changes)


def test_a_change_refused_three_times_is_not_sent_again_and_stays_told_once(refusing: Bench) -> None:
    for _ in range(2):
        result = refusing.sync()
        assert (result.plan.changes if result.plan else None, result.counts["refused"]) == ((), 0)
    entry = refusing.entry(401)
    assert (entry.state, entry.runs, entry.discrepancy.details["reason"]) == (State.OPEN, 5, "locked")
    assert [each.happened for each in refusing.store.ledger.events()] == [Happened.OPENED]


@pytest.mark.parametrize("source", ["Arroyo Bakery & Café", "Arroyo"])
def test_it_is_another_change_once_its_source_moves(refusing: Bench, source: str) -> None:
    refusing.civicrm.rows["1"]["name"] = source
    refusing.sync()
    assert refusing.airtable.rows[AIRTABLE_1]["Name"] == source
    assert refusing.codes() == []


def test_it_is_another_change_once_its_target_moves(refusing: Bench) -> None:
    refusing.airtable.rows[AIRTABLE_1]["Name"] = "typed"
    assert planned(refusing) == 1


def test_it_is_another_change_once_another_cell_joins_it(refusing: Bench) -> None:
    refusing.civicrm.rows["1"]["email"] = "a@example.org"
    assert planned(refusing) == 1


def test_a_person_who_asks_for_the_record_has_it_tried_again(refusing: Bench) -> None:
    assert planned(refusing) == 0
    assert planned(refusing, kind=Kind.RECORD, record=(Side.CIVICRM, "1")) == 1


def test_a_changed_mapping_has_it_tried_again(refusing: Bench) -> None:
    refusing.use(refusing.changed(digest="mapping-2"))
    assert planned(refusing) == 1


def test_after_a_week_it_is_tried_again_and_done_if_the_system_now_takes_it(refusing: Bench) -> None:
    refusing.clock.forward(days=7)
    refusing.airtable.fate = lambda _: None
    refusing.sync()
    assert refusing.airtable.rows[AIRTABLE_1]["Name"] == "Arroyo Bakery"
    assert refusing.codes() == []


def test_a_code_of_its_own_is_told_while_nothing_is_sent(bench: Bench) -> None:
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": None}))
    bench.airtable.fate = lambda _: Outcome(written=Written.REFUSED, reason="protected", code=404)
    for _ in range(4):
        bench.sync()
    assert planned(bench) == 0
    assert bench.codes() == [404]


def test_a_sensitive_change_of_which_only_digests_are_kept_is_known_again_too(bench: Bench) -> None:
    bench.use(a_mapping(a_field("name", sensitive=True)))
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": None}))
    bench.airtable.fate = lambda _: Outcome(written=Written.REFUSED, reason="locked")
    assert [planned(bench) for _ in range(5)] == [1, 1, 1, 0, 0]


def test_a_create_that_is_refused_three_times_is_not_sent_again_either(bench: Bench) -> None:
    bench.use(bench.changed(unmatched=PerSide(Unmatched.CREATE, Unmatched.IGNORE)))
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}, B2={"name": "Breadfruit"}), airtable_rows(A1={"Name": "Arroyo"}))
    bench.airtable.fate = lambda _: Outcome(written=Written.REFUSED, reason="locked")
    assert [planned(bench) for _ in range(5)] == [1, 1, 1, 0, 0]
    assert bench.codes() == [401]
