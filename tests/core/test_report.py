"""The digest: what is told, in which order, and when nothing is."""

import datetime as dt
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bridge.core import report
from bridge.core.ledger import Entry, Event, Happened, State
from bridge.core.mapping import AirtableSource, CivicrmSource, Mapping, Mode, Operator, Rule, Severity
from bridge.core.mapping import Test as Condition
from bridge.core.plan import Discrepancy
from bridge.core.record import PerSide, Side
from bridge.core.report import PlanNote, PlanState, Standing

NOW = dt.datetime(2026, 11, 16, 9, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
YESTERDAY = NOW - DAY

LAPSED = Rule(
    name="enrolled-without-membership",
    severity=Severity.HIGH,
    when=Condition("benefits_status", Operator.BLANK, operand=False, side=Side.AIRTABLE),
    say={"en": "{name} is enrolled without a membership."},
    due=dt.timedelta(days=14),
)
GROUPS = Mapping(
    name="groups",
    title={"en": "Benefits groups"},
    mode=Mode.OBSERVE,
    civicrm=CivicrmSource(entity="Organization"),
    airtable=AirtableSource(base="benefits", table="Groups"),
    match=(),
    fields={},
    rules=(LAPSED,),
)


def an_entry(
    civicrm: str = "12",
    *,
    code: int = 204,
    rule: str | None = None,
    severity: Severity = Severity.MEDIUM,
    state: State = State.OPEN,
    opened_at: dt.datetime = NOW - 3 * DAY,
) -> Entry:
    found = Discrepancy(
        mapping="groups",
        code=code,
        severity=severity,
        rule=rule,
        ids=PerSide(civicrm, f"rec{civicrm}"),
        name=f"Co-op {civicrm}",
    )
    return Entry(discrepancy=found, state=state, opened_at=opened_at, seen_at=NOW)


def an_event(entry: Entry, happened: Happened, at: dt.datetime = NOW - DAY / 2) -> Event:
    return Event(fingerprint=entry.fingerprint, happened=happened, at=at, by="bridge", run=1)


def told(
    *entries: Entry, events: tuple[Event, ...] = (), since: dt.datetime | None = YESTERDAY, **more: object
) -> report.Digest:
    return report.digest(entries, events, now=NOW, since=since, mappings={"groups": GROUPS}, **more)  # type: ignore[arg-type]


def test_each_entry_stands_in_one_place() -> None:
    new, worse, back, woken, old = (an_entry(str(number)) for number in range(5))
    resolved, snoozed, accepted = (
        an_entry(state.value, state=state) for state in (State.RESOLVED, State.SNOOZED, State.ACCEPTED)
    )
    events = (
        an_event(new, Happened.OPENED),
        an_event(worse, Happened.WORSE),
        an_event(back, Happened.REOPENED),
        an_event(woken, Happened.WOKE),
        an_event(old, Happened.OPENED, at=NOW - 2 * DAY),
        an_event(old, Happened.COMMENTED),
        an_event(resolved, Happened.RESOLVED),
    )
    digest = told(new, worse, back, woken, old, resolved, snoozed, accepted, events=events)
    assert digest.counts == {
        Standing.NEW: 1,
        Standing.WORSE: 3,
        Standing.ONGOING: 1,
        Standing.RESOLVED: 1,
        Standing.SNOOZED: 1,
        Standing.ACCEPTED: 1,
    }
    assert digest.open == 5


def test_what_was_resolved_before_is_told_no_more() -> None:
    old = an_entry(state=State.RESOLVED)
    digest = told(old, events=(an_event(old, Happened.RESOLVED, at=NOW - 2 * DAY),))
    assert digest.items == ()
    assert digest.agreed


def test_new_and_high_come_first_and_then_the_oldest() -> None:
    new_low = an_entry("1", severity=Severity.LOW)
    new_high = an_entry("2", severity=Severity.HIGH)
    old_high = an_entry("3", severity=Severity.HIGH, opened_at=NOW - 9 * DAY)
    older_high = an_entry("4", severity=Severity.HIGH, opened_at=NOW - 30 * DAY)
    events = (an_event(new_low, Happened.OPENED), an_event(new_high, Happened.OPENED))
    (group,) = told(old_high, new_low, older_high, new_high, events=events).groups
    assert [item.entry.discrepancy.ids.civicrm for item in group.items] == ["2", "1", "4", "3"]
    assert [item.days for item in group.items] == [3, 3, 30, 9]
    assert len(group.news) == 2


def test_groups_with_news_come_first() -> None:
    high = an_entry("1", code=401, severity=Severity.HIGH)
    new = an_entry("2", code=300, rule="enrolled-without-membership")
    digest = told(high, new, events=(an_event(new, Happened.OPENED),))
    assert [(group.code, group.rule) for group in digest.groups] == [(300, LAPSED), (401, None)]


def test_a_rule_the_mapping_no_longer_has_still_has_its_name() -> None:
    (group,) = told(an_entry(code=300, rule="long-gone")).groups
    assert (group.rule, group.rule_name) == (None, "long-gone")


def test_nothing_new_is_silent() -> None:
    assert told(an_entry(), an_entry("2", state=State.SNOOZED), an_entry("3", state=State.ACCEPTED)).silent


def test_something_fixed_is_said() -> None:
    fixed = an_entry(state=State.RESOLVED)
    assert not told(fixed, events=(an_event(fixed, Happened.RESOLVED),)).silent


def test_a_source_that_cannot_be_read_is_never_silent() -> None:
    """hackclub/attend #16: 13,000 errors a week and nobody was told."""
    digest = told(an_entry(code=504))
    assert not digest.silent
    assert not digest.agreed
    assert [item.entry.opened_at for item in digest.unread] == [NOW - 3 * DAY]


def test_a_held_plan_is_said_until_somebody_decides() -> None:
    held = PlanNote(mapping="groups", digest="ab" * 32, state=PlanState.HELD, records=60, cells=70, reasons=("60 of 200",))
    digest = told(plans=(held,))
    assert (digest.held, digest.silent) == ((held,), False)
    assert told(plans=(replace(held, state=PlanState.APPLIED),)).silent


def test_writes_in_doubt_are_counted() -> None:
    assert len(told(an_entry(code=403), an_entry("2")).in_doubt) == 1


def test_an_overdue_item_is_marked() -> None:
    lapsed = an_entry(code=300, rule=LAPSED.name, opened_at=NOW - 15 * DAY)
    fresh = an_entry("2", code=300, rule=LAPSED.name, opened_at=NOW - 13 * DAY)
    assert {item.entry.fingerprint: item.overdue for item in told(lapsed, fresh).items} == {
        lapsed.fingerprint: True,
        fresh.fingerprint: False,
    }


def test_each_item_says_where_its_records_are() -> None:
    digest = told(an_entry("12"), address=lambda mapping, side, native: f"https://{side}.example/{mapping}/{native}")
    assert digest.items[0].addresses == PerSide("https://civicrm.example/groups/12", "https://airtable.example/groups/rec12")


def test_a_jump_is_one_storm_with_its_causes() -> None:
    """C-21: a field that vanished must be one message, not four hundred."""
    many = [an_entry(str(number), code=206) for number in range(30)]
    few = [an_entry(str(number)) for number in range(2)]
    events = tuple(an_event(each, Happened.OPENED) for each in (*many, *few))
    storm = told(*many, *few, events=events).storm
    assert storm is not None
    assert (storm.count, storm.before) == (32, 0)
    assert [(cause.code, cause.count) for cause in storm.causes] == [(206, 30), (204, 2)]


def test_a_few_more_than_usual_are_no_storm_and_neither_is_the_first_digest() -> None:
    many = [an_entry(str(number)) for number in range(100)]
    events = tuple(an_event(each, Happened.OPENED) for each in many)
    assert told(*many[:20], events=events).storm is None
    assert told(*many, events=events[:30]).storm is None
    assert told(*many, events=events, since=None).storm is None


def test_the_stable_row_names_every_column() -> None:
    row = report.row(an_entry(), text="Differs.", now=NOW)
    assert ",".join(row) == (
        "id,fingerprint,mapping,code,rule,severity,state,name,civicrm_id,airtable_id,field,opened_at,runs,days,assignee,"
        "snoozed_until,text"
    )
    assert (row["days"], row["text"], row["opened_at"]) == (3, "Differs.", "2026-11-13T09:00:00+00:00")


@given(
    st.lists(
        st.tuples(
            st.sampled_from([101, 204, 300, 403, 504]),
            st.sampled_from(State),
            st.sampled_from(Severity),
            st.frozensets(st.sampled_from(Happened), max_size=3),
        ),
        max_size=60,
    )
)
def test_groups_and_counts_carry_the_same_numbers(
    lives: list[tuple[int, State, Severity, frozenset[Happened]]],
) -> None:
    entries: list[Entry] = []
    events: list[Event] = []
    for number, (code, state, severity, happened) in enumerate(lives):
        entry = an_entry(str(number), code=code, state=state, severity=severity)
        entries.append(entry)
        events.extend(an_event(entry, each) for each in sorted(happened))
    digest = told(*entries, events=tuple(events))
    assert sum(len(group.items) for group in digest.groups) == digest.open
    assert sum(len(group.news) for group in digest.groups) == digest.counts[Standing.NEW] + digest.counts[Standing.WORSE]
    assert sum(digest.counts.values()) == len(digest.items)
    assert [len(digest.standing(each)) for each in Standing] == [digest.counts[each] for each in Standing]
