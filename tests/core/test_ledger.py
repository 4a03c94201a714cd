"""The life of a discrepancy, by example and by a machine that tries everything in every order."""

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bridge.core.ledger import (
    Advance,
    Entry,
    Event,
    Happened,
    Reach,
    Reason,
    State,
    accept,
    advance,
    assign,
    comment,
    reopen,
    snooze,
)
from bridge.core.mapping import Severity
from bridge.core.plan import Discrepancy
from bridge.core.record import PerSide
from bridge.errors import RequestRejected

MONDAY = dt.datetime(2026, 11, 2, 9, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
COMPLETE = Reach(complete=True)


def a_discrepancy(
    civicrm: str | None = "12",
    *,
    code: int = 204,
    severity: Severity = Severity.MEDIUM,
    field: str | None = "phone",
    rule: str | None = None,
    evidence: str = "e1",
) -> Discrepancy:
    ids = PerSide(civicrm, f"rec{civicrm}" if civicrm else None)
    return Discrepancy(
        mapping="groups", code=code, severity=severity, ids=ids, name="Arroyo Bakery", field=field, rule=rule, evidence=evidence
    )


def run(
    entries: tuple[Entry, ...], *found: Discrepancy, reach: Reach = COMPLETE, now: dt.datetime = MONDAY + DAY, number: int = 2
) -> Advance:
    return advance(entries, found, reach=reach, now=now, run=number)


def opened(discrepancy: Discrepancy) -> tuple[Entry, ...]:
    return advance((), [discrepancy], reach=COMPLETE, now=MONDAY, run=1).entries


def happened(step: Advance) -> list[Happened]:
    return [event.happened for event in step.events]


def test_a_first_finding_opens_an_entry_and_says_so() -> None:
    step = advance((), [a_discrepancy()], reach=COMPLETE, now=MONDAY, run=1)
    assert [(entry.state, entry.opened_at, entry.runs) for entry in step.entries] == [(State.OPEN, MONDAY, 1)]
    assert step.events == (
        Event(fingerprint=a_discrepancy().fingerprint, happened=Happened.OPENED, at=MONDAY, by="bridge", run=1),
    )


def test_the_same_finding_again_only_counts() -> None:
    step = run(opened(a_discrepancy()), a_discrepancy())
    assert step.events == ()
    assert (step.entries[0].runs, step.entries[0].seen_at, step.entries[0].opened_at) == (2, MONDAY + DAY, MONDAY)


def test_two_findings_with_one_fingerprint_are_one_entry() -> None:
    assert len(run((), a_discrepancy(evidence="e1"), a_discrepancy(evidence="e2")).entries) == 1


def test_a_rise_in_severity_is_worse() -> None:
    assert happened(run(opened(a_discrepancy()), a_discrepancy(severity=Severity.HIGH))) == [Happened.WORSE]


def test_a_fall_in_severity_is_quiet() -> None:
    assert happened(run(opened(a_discrepancy()), a_discrepancy(severity=Severity.LOW))) == []


def test_new_facts_are_worse_unless_the_matter_is_a_low_one() -> None:
    assert happened(run(opened(a_discrepancy()), a_discrepancy(evidence="e2"))) == [Happened.WORSE]
    low = a_discrepancy(severity=Severity.LOW)
    assert happened(run(opened(low), replace(low, evidence="e2"))) == []


def test_only_a_complete_run_resolves() -> None:
    entries = opened(a_discrepancy())
    assert run(entries, reach=Reach(complete=False)).entries == entries
    step = run(entries)
    assert happened(step) == [Happened.RESOLVED]
    assert (step.entries[0].state, step.entries[0].resolved_at) == (State.RESOLVED, MONDAY + DAY)


def test_what_a_frozen_field_hides_is_not_resolved() -> None:
    """C-21: a field that vanished must not make its conflicts look settled."""
    entries = opened(a_discrepancy())
    gone = Discrepancy(
        mapping="groups", code=501, severity=Severity.HIGH, ids=PerSide(None, None), name="Benefits groups", field="phone"
    )
    assert Happened.RESOLVED not in happened(run(entries, gone))
    assert Happened.RESOLVED in happened(run(entries, replace(gone, field="email")))


def test_an_unreadable_cell_hides_only_its_own_record() -> None:
    entries = (*opened(a_discrepancy("12")), *opened(a_discrepancy("13")))
    step = run(entries, a_discrepancy("12", code=206))
    assert {entry.discrepancy.ids.civicrm: entry.state for entry in step.entries if entry.discrepancy.code == 204} == {
        "12": State.OPEN,
        "13": State.RESOLVED,
    }


def test_a_rule_that_reads_a_frozen_field_is_not_resolved() -> None:
    entries = opened(a_discrepancy(code=300, rule="enrolled-without-membership", field=None))
    frozen = a_discrepancy(code=206, field="membership_status")
    reach = Reach(complete=True, reads={"enrolled-without-membership": frozenset({"membership_status"})})
    assert Happened.RESOLVED not in happened(run(entries, frozen, reach=reach))
    assert Happened.RESOLVED in happened(run(entries, frozen, reach=COMPLETE))


def test_a_side_that_could_not_be_read_resolves_nothing() -> None:
    unread = Discrepancy(mapping="groups", code=504, severity=Severity.HIGH, ids=PerSide(None, None), name="Benefits groups")
    step = run((*opened(a_discrepancy()), *opened(unread)), unread)
    assert {entry.state for entry in step.entries} == {State.OPEN}
    assert {entry.state for entry in run(step.entries).entries} == {State.RESOLVED}


def test_a_run_that_did_not_write_settles_no_write() -> None:
    entries = opened(a_discrepancy(code=401))
    assert run(entries, reach=Reach(complete=True, wrote=False)).events == ()
    assert happened(run(entries)) == [Happened.RESOLVED]


def test_a_resolved_one_found_again_begins_its_next_life() -> None:
    step = run(run(opened(a_discrepancy())).entries, a_discrepancy(), now=MONDAY + 2 * DAY)
    assert happened(step) == [Happened.REOPENED]
    (entry,) = step.entries
    assert (entry.state, entry.life, entry.runs, entry.opened_at, entry.resolved_at) == (
        State.OPEN,
        1,
        1,
        MONDAY + 2 * DAY,
        None,
    )


def test_a_snooze_ends_on_its_day() -> None:
    entry, _ = snooze(opened(a_discrepancy())[0], dt.date(2026, 11, 4), by="ana", at=MONDAY)
    early = run((entry,), a_discrepancy(evidence="e2"), now=MONDAY + DAY)
    assert early.events == ()
    on_the_day = run(early.entries, a_discrepancy(evidence="e2"), now=MONDAY + 2 * DAY)
    assert happened(on_the_day) == [Happened.WOKE]
    assert (on_the_day.entries[0].state, on_the_day.entries[0].snoozed_until) == (State.OPEN, None)


def test_a_snooze_ends_on_its_day_even_if_the_run_could_not_look() -> None:
    entry, _ = snooze(opened(a_discrepancy())[0], dt.date(2026, 11, 3), by="ana", at=MONDAY)
    assert happened(run((entry,), reach=Reach(complete=False))) == [Happened.WOKE]


def test_a_snooze_until_the_facts_change_ends_when_they_do() -> None:
    entry, _ = snooze(opened(a_discrepancy())[0], None, by="ana", at=MONDAY)
    assert run((entry,), a_discrepancy(), now=MONDAY + 300 * DAY).events == ()
    assert happened(run((entry,), a_discrepancy(evidence="e2"))) == [Happened.WOKE]


def test_a_snooze_ends_when_the_matter_gets_more_severe() -> None:
    entry, _ = snooze(opened(a_discrepancy())[0], dt.date(2027, 1, 1), by="ana", at=MONDAY)
    assert happened(run((entry,), a_discrepancy(severity=Severity.HIGH))) == [Happened.WOKE]


def test_an_accepted_one_stays_quiet_until_its_facts_change() -> None:
    entry, event = accept(opened(a_discrepancy())[0], Reason.AGREED_EXCEPTION, by="ana", at=MONDAY)
    assert (entry.state, entry.accepted_reason, event.note) == (State.ACCEPTED, "agreed_exception", "agreed_exception")
    assert run((entry,), a_discrepancy()).events == ()
    step = run((entry,), a_discrepancy(evidence="e2"))
    assert happened(step) == [Happened.REOPENED]
    assert (step.entries[0].state, step.entries[0].accepted_reason, step.entries[0].life) == (State.OPEN, None, 1)


def test_the_assignee_stays_through_an_end_and_a_new_life() -> None:
    entry, event = assign(opened(a_discrepancy())[0], "ana", by="luis", at=MONDAY)
    assert (event.happened, event.by, event.note) == (Happened.ASSIGNED, "luis", "ana")
    again = run(run((entry,)).entries, a_discrepancy())
    assert again.entries[0].assignee == "ana"


def test_only_what_changed_is_to_be_stored() -> None:
    entries = (*opened(a_discrepancy("12")), *run(opened(a_discrepancy("13"))).entries)
    step = run(entries, a_discrepancy("12"))
    assert [entry.discrepancy.ids.civicrm for entry in step.changed] == ["12"]
    assert len(step.entries) == 2


def test_a_word_on_a_resolved_one_is_refused_and_changes_nothing() -> None:
    """A button pressed while a run resolves the matter must not bring it back (grafana/oncall #3161)."""
    (entry,) = run(opened(a_discrepancy())).entries
    with pytest.raises(RequestRejected, match="resolved"):
        snooze(entry, None, by="ana", at=MONDAY)
    with pytest.raises(RequestRejected, match="resolved"):
        accept(entry, Reason.TIMING, by="ana", at=MONDAY)
    with pytest.raises(RequestRejected, match="resolved"):
        reopen(entry, by="ana", at=MONDAY)
    with pytest.raises(RequestRejected, match="resolved"):
        assign(entry, "ana", by="ana", at=MONDAY)


def test_a_snooze_into_the_past_is_refused() -> None:
    with pytest.raises(RequestRejected, match="2026-11-02"):
        snooze(opened(a_discrepancy())[0], MONDAY.date(), by="ana", at=MONDAY)


def test_another_reason_needs_its_words() -> None:
    (entry,) = opened(a_discrepancy())
    with pytest.raises(RequestRejected, match="note"):
        accept(entry, Reason.OTHER, by="ana", at=MONDAY)
    accepted, event = accept(entry, Reason.OTHER, by="ana", at=MONDAY, note="the carrier has it in hand")
    assert (accepted.note, event.note) == ("the carrier has it in hand", "other · the carrier has it in hand")


def test_reopening_an_open_one_is_refused() -> None:
    with pytest.raises(RequestRejected, match="open already"):
        reopen(opened(a_discrepancy())[0], by="ana", at=MONDAY)


def test_a_comment_changes_only_the_note() -> None:
    (entry,) = opened(a_discrepancy())
    commented, event = comment(entry, "phoned, no answer", by="ana", at=MONDAY)
    assert commented == replace(entry, note="phoned, no answer")
    assert event.happened is Happened.COMMENTED


NEXT = {
    None: {Happened.OPENED: State.OPEN},
    State.OPEN: {
        Happened.WORSE: State.OPEN,
        Happened.RESOLVED: State.RESOLVED,
        Happened.SNOOZED: State.SNOOZED,
        Happened.ACCEPTED: State.ACCEPTED,
    },
    State.SNOOZED: {
        Happened.WOKE: State.OPEN,
        Happened.RESOLVED: State.RESOLVED,
        Happened.SNOOZED: State.SNOOZED,
        Happened.ACCEPTED: State.ACCEPTED,
    },
    State.ACCEPTED: {
        Happened.REOPENED: State.OPEN,
        Happened.RESOLVED: State.RESOLVED,
        Happened.SNOOZED: State.SNOOZED,
        Happened.ACCEPTED: State.ACCEPTED,
    },
    State.RESOLVED: {Happened.REOPENED: State.OPEN},
}
BESIDE = (Happened.ASSIGNED, Happened.COMMENTED)

findings = st.builds(
    a_discrepancy,
    st.sampled_from(["1", "2", "3"]),
    severity=st.sampled_from(Severity),
    evidence=st.sampled_from(["e1", "e2"]),
)


class LifeMachine(RuleBasedStateMachine):
    """Runs and people in any order; every event must be a step that the life of a discrepancy knows."""

    def __init__(self) -> None:
        super().__init__()
        self.now = MONDAY
        self.ledger: dict[str, Entry] = {}
        self.lives: dict[str, State] = {}
        self.reopenings: dict[str, int] = {}

    def follow(self, events: tuple[Event, ...]) -> None:
        for event in events:
            if event.happened in BESIDE:
                continue
            self.lives[event.fingerprint] = NEXT[self.lives.get(event.fingerprint)][event.happened]
            self.reopenings.setdefault(event.fingerprint, 0)
            self.reopenings[event.fingerprint] += event.happened is Happened.REOPENED

    @rule(found=st.lists(findings, max_size=4), complete=st.booleans(), days=st.integers(0, 3))
    def a_run(self, found: list[Discrepancy], complete: bool, days: int) -> None:
        self.now += days * DAY
        before = dict(self.ledger)
        step = advance(tuple(before.values()), found, reach=Reach(complete=complete), now=self.now, run=1)
        assert len({entry.fingerprint for entry in step.entries}) == len(step.entries)
        assert {entry.fingerprint for entry in step.changed} >= {event.fingerprint for event in step.events}
        self.ledger = {entry.fingerprint: entry for entry in step.entries}
        assert {each.fingerprint for each in found} | set(before) == set(self.ledger)
        if not complete:
            assert Happened.RESOLVED not in happened(step)
        self.follow(step.events)

    @rule(pick=st.integers(0, 2), word=st.sampled_from(["assign", "snooze", "snooze_facts", "accept", "reopen", "comment"]))
    def a_word(self, pick: int, word: str) -> None:
        if not self.ledger:
            return
        entry = list(self.ledger.values())[pick % len(self.ledger)]
        try:
            after, event = {
                "assign": lambda: assign(entry, "ana", by="ana", at=self.now),
                "snooze": lambda: snooze(entry, (self.now + 2 * DAY).date(), by="ana", at=self.now),
                "snooze_facts": lambda: snooze(entry, None, by="ana", at=self.now),
                "accept": lambda: accept(entry, Reason.BOTH_RIGHT, by="ana", at=self.now),
                "reopen": lambda: reopen(entry, by="ana", at=self.now),
                "comment": lambda: comment(entry, "a note", by="ana", at=self.now),
            }[word]()
        except RequestRejected:
            return
        self.ledger[entry.fingerprint] = after
        self.follow((event,))

    @invariant()
    def the_events_tell_the_state(self) -> None:
        assert {key: entry.state for key, entry in self.ledger.items()} == self.lives
        assert {key: entry.life for key, entry in self.ledger.items()} == self.reopenings

    @invariant()
    def no_state_carries_what_belongs_to_another(self) -> None:
        for entry in self.ledger.values():
            assert (entry.resolved_at is not None) == (entry.state is State.RESOLVED)
            assert (entry.accepted_reason is not None) == (entry.state is State.ACCEPTED)
            if entry.state is not State.SNOOZED:
                assert entry.snoozed_until is None
                assert entry.snoozed_evidence is None


TestLife = LifeMachine.TestCase
