"""The journal: intents, outcomes, and what an outcome teaches, the same on both databases."""

import datetime as dt
import re
from decimal import Decimal

import pytest
from sqlalchemy import event
from structlog.testing import capture_logs

from bridge.core.plan import Written
from bridge.core.record import Link, Sealed, Side, Unreadable
from bridge.errors import StoreError
from bridge.ports import Settlement
from store.store_builders import ANA, BEN, KEY, START, State, a_cell, a_change, a_create, the_mapping

PREMIUM = a_cell(
    "premium",
    Decimal("10.5"),
    Decimal("12.25"),
    before_raw=10.5,
    after_raw=12.25,
    sensitive=True,
    sealed=("aa", "bb"),
    source=Decimal("12.25"),
)


def intend(state: State, *changes: object, by: str = "maria") -> tuple[int, list[int]]:
    store = state.store
    with store.runs.lease("groups", "test") as lease:
        run = store.runs.start("groups", mode="correct", kind="sweep", by="")
        return run, list(store.journal.intend(run, changes, lease, by=by))


def settle(state: State, *settlements: Settlement) -> None:
    with state.store.runs.lease("groups", "test") as lease:
        state.store.journal.settle(the_mapping(), settlements, lease)


def test_an_intent_is_open_and_holds_all_that_it_takes_to_settle_it(state: State) -> None:
    change = a_change(
        a_cell(),
        a_cell("phone", None, "+14135550188", clears=False),
        a_cell("seen", Unreadable("odd", 501), dt.date(2026, 3, 1), before_raw={"error": "#ERROR"}, after_raw="2026-03-01"),
        a_cell("at", dt.datetime(2026, 3, 1, 4, tzinfo=dt.UTC), frozenset({"b", "a"}), before_raw=[1, "x"], after_raw=True),
        extra={"owner": 3, "flags": [True, None]},
    )
    run, (entry,) = intend(state, change)
    (found,) = state.again().journal.open("groups")
    assert (found.id, found.run, found.change, found.by) == (entry, run, change, "maria")
    assert (found.intent_at, found.outcome, found.record) == (START, None, ANA.airtable)
    first, second, third, _ = found.cells
    assert (first.before, first.after, first.before_raw, first.sealed) == (
        "old@coop.org",
        "new@coop.org",
        "old@coop.org",
        False,
    )
    assert (second.before, second.after) == (None, "+14135550188")
    assert (third.before, third.before_raw) == (None, {"error": "#ERROR"})
    assert not state.store.journal.open("people")


def test_intents_are_numbered_in_the_order_they_were_given(state: State) -> None:
    changes = [a_change(link=Link(str(number), f"rec{number}")) for number in range(12)]
    run, entries = intend(state, *changes)
    assert entries == sorted(entries)
    assert [each.change.partner for each in state.store.journal.of_run(run)] == [str(number) for number in range(12)]


def test_an_outcome_closes_the_entry_and_stores_what_was_learnt_with_it(state: State) -> None:
    run, (done, lost) = intend(state, a_change(), a_change(link=BEN))
    state.clock.forward(seconds=5)
    settle(
        state,
        Settlement(entry=done, written=Written.DONE, link=ANA, bases={"email": "new@coop.org", "premium": Decimal(3)}),
        Settlement(entry=lost, written=Written.IN_DOUBT, detail="the answer was lost"),
    )
    first, second = state.store.journal.of_run(run)
    assert (first.outcome, first.outcome_at) == (Written.DONE, START + dt.timedelta(seconds=5))
    assert (second.outcome, second.detail) == (Written.IN_DOUBT, "the answer was lost")
    assert [each.id for each in state.store.journal.open("groups")] == [lost]
    known = state.store.knowledge.load(the_mapping())
    assert known.links == {ANA}
    assert known.bases[ANA]["email"] == "new@coop.org"


def test_what_landed_of_a_refused_write_and_its_code_are_kept(state: State) -> None:
    cells = (a_cell("email", "a@coop.org", "b@coop.org"), a_cell("phone", None, "+14135550188"))
    run, (partly, wholly, done) = intend(state, a_change(*cells), a_change(*cells, link=BEN), a_change(*cells))
    settle(
        state,
        Settlement(entry=partly, written=Written.REFUSED, code=404, landed=("phone",), bases={"phone": "+14135550188"}),
        Settlement(entry=wholly, written=Written.REFUSED),
        Settlement(entry=done, written=Written.DONE),
    )
    first, second, third = state.store.journal.of_run(run)
    assert (first.code, first.landed, [cell.field for cell in first.stands]) == (404, ("phone",), ["phone"])
    assert (second.code, second.landed, second.stands) == (None, (), ())
    assert third.stands == third.cells


def test_what_was_refused_since_a_moment_is_found_again_oldest_first(state: State) -> None:
    def refused(outcome: Written) -> int:
        _, (entry,) = intend(state, a_change())
        settle(state, Settlement(entry=entry, written=outcome))
        return entry

    refused(Written.REFUSED)
    state.clock.forward(hours=1)
    since = state.clock()
    expected = [refused(Written.REFUSED), refused(Written.REFUSED)]
    for other in (Written.DONE, Written.STALE, Written.NOT_SENT, Written.IN_DOUBT):
        refused(other)
    assert [each.id for each in state.store.journal.refused("groups", since)] == expected
    assert state.store.journal.refused("enrollees", since) == []


def test_only_an_open_entry_can_be_settled_and_then_nothing_of_the_batch_is_kept(state: State) -> None:
    run, (done, other) = intend(state, a_change(), a_change(link=BEN))
    settle(state, Settlement(entry=done, written=Written.IN_DOUBT))
    settle(state, Settlement(entry=done, written=Written.DONE))
    again = Settlement(entry=done, written=Written.NOT_SENT)
    with pytest.raises(StoreError, match=f"entry {done} is not open"):
        settle(state, Settlement(entry=other, written=Written.DONE, link=BEN, bases={"email": "x@y.org"}), again)
    assert [each.outcome for each in state.store.journal.of_run(run)] == [Written.DONE, None]
    assert not state.store.knowledge.load(the_mapping()).links


def test_a_create_is_found_by_the_id_it_was_given(state: State) -> None:
    create = a_create(side=Side.CIVICRM, keys={"external_identifier": "A-1"})
    _, (entry,) = intend(state, create)
    (found,) = state.store.journal.open("groups")
    assert (found.change, found.record) == (create, None)
    settle(state, Settlement(entry=entry, written=Written.DONE, link=Link("501", create.partner), record="501"))
    (found,) = state.store.journal.of_record(Side.CIVICRM, "501")
    assert (found.change, found.record) == (create, "501")


def test_a_record_tells_its_writes_newest_first(state: State) -> None:
    _, entries = intend(state, a_change(), a_change(link=BEN), a_change(a_cell("phone", None, "+14135550188")))
    assert [each.id for each in state.store.journal.of_record(Side.AIRTABLE, ANA.airtable)] == [entries[2], entries[0]]
    assert not state.store.journal.of_record(Side.CIVICRM, ANA.airtable)


def test_what_a_person_took_apart_during_the_write_is_not_joined_again_by_its_outcome(state: State) -> None:
    with state.store.runs.lease("groups", "test"):
        state.store.knowledge.confirm("groups", ANA, "maria")
    run, (entry,) = intend(state, a_change())
    state.store.knowledge.unlink("groups", ANA, "maria")
    with capture_logs() as lines:
        settle(state, Settlement(entry=entry, written=Written.DONE, link=ANA, bases={"email": "new@coop.org"}))
    assert [(line["event"], line["entry"]) for line in lines] == [("journal.settled_without_link", entry)]
    assert state.store.journal.of_run(run)[0].outcome is Written.DONE
    known = state.store.knowledge.load(the_mapping())
    assert (known.links, known.bases) == (frozenset(), {})


def test_a_record_linked_elsewhere_during_the_write_stays_linked_there(state: State) -> None:
    _, (entry,) = intend(state, a_change())
    elsewhere = Link(ANA.civicrm, BEN.airtable)
    state.store.knowledge.confirm("groups", elsewhere, "maria")
    settle(state, Settlement(entry=entry, written=Written.DONE, link=ANA, bases={"email": "new@coop.org"}))
    known = state.store.knowledge.load(the_mapping())
    assert (known.links, known.bases) == ({elsewhere}, {})


def test_intents_belong_to_a_run(state: State) -> None:
    with state.store.runs.lease("groups", "test") as lease, pytest.raises(StoreError, match="no run 77"):
        state.store.journal.intend(77, [a_change()], lease)


def test_a_sensitive_cell_without_a_key_can_be_compared_and_not_read(state: State) -> None:
    intend(state, a_change(PREMIUM, a_cell()))
    (found,) = state.store.journal.open("groups")
    cell, plain = found.cells
    assert (cell.sealed, cell.sensitive, cell.before_raw, cell.after_raw) == (True, True, None, None)
    assert isinstance(cell.before, Sealed)
    assert cell.before.matches(Decimal("10.50"))
    assert cell.after.matches(Decimal("12.250"))
    assert cell.source.matches(Decimal("12.25"))
    assert not cell.after.matches(None)
    assert not cell.after.matches(Decimal("12.26"))
    assert (found.change.cells[0].after, found.change.cells[0].sealed) == (None, ("aa", "bb"))
    assert plain.after == "new@coop.org"


def test_a_sensitive_cell_with_a_key_is_whole(state: State) -> None:
    state.store = state.again(KEY)
    change = a_create(PREMIUM, keys={"Civi ID": "12", "Air premium": 12.25})
    intend(state, change)
    (found,) = state.again(KEY).journal.open("groups")
    assert found.change == change
    assert (found.cells[0].before, found.cells[0].after_raw, found.cells[0].sealed) == (Decimal("10.5"), 12.25, False)


def test_match_keys_that_cannot_all_be_read_are_none(state: State) -> None:
    """Half the keys might find another record."""
    intend(state, a_create(PREMIUM, keys={"Civi ID": "12", "Air premium": 12.25}))
    assert state.store.journal.open("groups")[0].change.keys == {}


def test_no_statement_ever_rewrites_an_intent(state: State) -> None:
    statements: list[str] = []
    listening = event.listens_for(state.store.database.engine, "after_cursor_execute")
    listening(lambda _connection, _cursor, statement, *_: statements.append(statement))
    _, (entry, other) = intend(state, a_create(PREMIUM), a_change(link=BEN))
    settle(state, Settlement(entry=entry, written=Written.DONE, link=ANA, record=ANA.airtable, bases={"email": "x@y.org"}))
    settle(state, Settlement(entry=other, written=Written.IN_DOUBT))
    assert not [each for each in statements if re.match(r"DELETE FROM journal", each)]
    updates = [each for each in statements if each.startswith("UPDATE journal")]
    assert updates
    for each in updates:
        assigned = set(re.findall(r"(\w+)=", each.split("WHERE")[0]))
        assert assigned <= {"outcome", "outcome_at", "detail", "record", "landed", "code"}


def test_the_settling_of_a_whole_batch_is_one_transaction(state: State) -> None:
    _, entries = intend(state, *(a_change(link=Link(str(number), f"rec{number}")) for number in range(10)))
    commits: list[object] = []
    event.listens_for(state.store.database.engine, "commit")(commits.append)
    with state.store.runs.lease("groups", "test") as lease:
        commits.clear()
        state.store.journal.settle(the_mapping(), [Settlement(entry=each, written=Written.REFUSED) for each in entries], lease)
        assert len(commits) == 1
