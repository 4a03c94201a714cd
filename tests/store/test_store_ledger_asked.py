"""What is asked of the ledger without loading it whole: a page of it, counts, a trend. The same on both databases."""

import dataclasses
import datetime as dt
import random

import pytest

from bridge.core import ledger
from bridge.core.ledger import Entry, Event, Happened, Moved, Reason, Selection
from bridge.core.ledger import State as Standing
from bridge.core.mapping import Severity
from bridge.core.record import Link, PerSide
from bridge.errors import RequestRejected, StaleRecord
from store.store_builders import ANA, START, State, a_discrepancy

DAY = dt.timedelta(days=1)
AGES = (7 * DAY, 30 * DAY)


def an_entry(number: int, *, code: int = 204, days: int = 0, name: str = "Ana", **more: object) -> Entry:
    found = dataclasses.replace(
        a_discrepancy(code, Link(str(number), f"rec{number}")),
        name=name,
        severity=more.pop("severity", Severity.MEDIUM),
        rule=more.pop("rule", None),
        mapping=more.pop("mapping", "groups"),
    )
    opened = START - days * DAY
    return Entry(discrepancy=found, opened_at=opened, seen_at=opened, **{"state": Standing.OPEN, **more})


@pytest.fixture
def many(state: State) -> State:
    state.store.ledger.save(
        [
            an_entry(1),
            an_entry(2, code=206, severity=Severity.HIGH, days=8, assignee="Lupe"),
            an_entry(3, code=300, rule="lapsed", days=40, name="Panadería 100%_a"),
            an_entry(4, state=Standing.SNOOZED, days=7, note="calls back in May"),
            an_entry(5, state=Standing.RESOLVED, resolved_at=START),
            an_entry(6, mapping="workers"),
        ],
        [],
    )
    return state


def found(here: State, **wanted: object) -> list[str]:
    entries, number = here.store.ledger.search(Selection(**wanted), limit=100)
    assert len(entries) == number
    return [entry.discrepancy.ids.civicrm for entry in entries]


def test_each_filter_narrows_and_all_keep_the_order_of_the_list(many: State) -> None:
    assert found(many) == [each.discrepancy.ids.civicrm for each in many.store.ledger.list()]
    assert found(many, mappings=frozenset({"workers"})) == ["6"]
    assert found(many, code=206) == ["2"]
    assert found(many, rule="lapsed") == ["3"]
    assert found(many, severity=Severity.HIGH) == ["2"]
    assert found(many, state=Standing.SNOOZED) == ["4"]
    assert found(many, assignee="Lupe") == ["2"]
    assert found(many, assignee="", state=Standing.OPEN) == ["3", "1", "6"]
    assert found(many, opened_after=START - 8 * DAY, opened_until=START - 7 * DAY) == ["4"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("panader", ["3"]), ("100%_", ["3"]), ("%", ["3"]), ("MAY", ["4"]), ("rec5", ["5"]), ("2", ["2"]), ("9" * 30, [])],
)
def test_a_text_is_looked_for_in_what_people_know(many: State, text: str, expected: list[str]) -> None:
    assert found(many, text=text) == expected


def test_a_page_is_no_longer_than_asked_and_says_how_many_there_are(many: State) -> None:
    first, number = many.store.ledger.search(Selection(), limit=4)
    rest, again = many.store.ledger.search(Selection(), limit=4, offset=4)
    assert (len(first), len(rest), number, again) == (4, 2, 6, 6)
    assert [*first, *rest] == many.store.ledger.list()


def test_a_tally_counts_what_is_not_resolved_by_kind_and_age(many: State) -> None:
    tallies = many.store.ledger.tally(AGES, ["groups"])
    assert {(each.code, each.rule, each.state.value, each.age): each.number for each in tallies} == {
        (204, None, "open", 0): 1,
        (206, None, "open", 1): 1,
        (300, "lapsed", "open", 2): 1,
        (204, None, "snoozed", 1): 1,
    }
    assert many.store.ledger.assignees(["groups"]) == ["Lupe"]
    assert many.store.ledger.assignees([]) == []


def test_a_trend_knows_at_every_moment_how_many_waited(state: State) -> None:
    """Words and runs at random for ten days; counted back from today, each evening's number is what it was that evening."""
    dice = random.Random(5)  # noqa: S311  # the same story every time; keeps no secret
    entries = {number: an_entry(number) for number in range(12)}
    evenings, waited = [], []
    for day in range(10):
        now = START + day * DAY
        for number, entry in entries.items():
            after, events = step(dice.randrange(8), entry, now, first=day == 0)
            entries[number] = after
            state.store.ledger.save([after], events)
        evenings.append(now + DAY / 2)
        waited.append(sum(entry.state is Standing.OPEN for entry in entries.values()))
    moved = state.store.ledger.trend(evenings, ["groups"])
    assert moved[-1] == Moved(0, 0)
    back = [waited[-1]]
    for each in reversed(moved[:-1]):
        back.insert(0, back[0] - each.came + each.went)
    assert back == waited
    assert len(set(waited)) > 3, "the story moves"
    assert state.store.ledger.trend(evenings, ["others"]) == [Moved(0, 0)] * 10


def step(dice: int, entry: Entry, now: dt.datetime, *, first: bool) -> tuple[Entry, list[Event]]:
    if first:
        return entry, [Event(fingerprint=entry.fingerprint, happened=Happened.OPENED, at=now, by="bridge", run=1)]
    seen = [entry.discrepancy] if dice % 2 else []
    words = {
        0: lambda: ledger.snooze(entry, None, by="maria", at=now),
        1: lambda: ledger.accept(entry, Reason.TIMING, by="maria", at=now),
        2: lambda: ledger.reopen(entry, by="maria", at=now),
        3: lambda: ledger.assign(entry, "Lupe", by="maria", at=now),
    }
    if dice in words:
        try:
            after, event = words[dice]()
        except RequestRejected:
            return entry, []
        return after, [event]
    advance = ledger.advance([entry], seen, reach=ledger.Reach(complete=True), now=now, run=2)
    return advance.entries[0], list(advance.events)


def test_a_word_on_what_changed_meanwhile_is_refused_and_leaves_no_trace(state: State) -> None:
    state.store.ledger.save([an_entry(1)], [])
    (seen,) = state.store.ledger.list()
    met = dataclasses.replace(seen, runs=seen.runs + 1, seen_at=START + DAY)
    state.store.ledger.save([met], [])
    state.store.ledger.keep(seen, *ledger.assign(met, "Lupe", by="maria", at=START))
    after = state.store.ledger.get(seen.fingerprint)
    assert (after.assignee, after.runs) == ("Lupe", met.runs), "that a run met it again is no change"
    for stale in (seen, an_entry(2)):
        with pytest.raises(StaleRecord):
            state.store.ledger.keep(stale, *ledger.assign(stale, "Ben", by="ana", at=START))
    assert state.store.ledger.get(seen.fingerprint) == after
    assert len(state.store.ledger.events()) == 1


@pytest.mark.parametrize(
    "moved",
    [{"assignee": "Lupe"}, {"state": Standing.SNOOZED}, {"note": "called"}, {"life": 1}, {"accepted_reason": "timing"}],
)
def test_a_stamp_changes_with_people_and_facts_and_not_with_runs(moved: dict[str, object]) -> None:
    entry = an_entry(1)
    assert dataclasses.replace(entry, **moved).stamp != entry.stamp
    assert dataclasses.replace(entry, runs=9, seen_at=START + DAY, id=4).stamp == entry.stamp
    other = dataclasses.replace(entry.discrepancy, evidence="other facts", ids=PerSide(ANA.civicrm, None))
    assert dataclasses.replace(entry, discrepancy=other).stamp != entry.stamp
