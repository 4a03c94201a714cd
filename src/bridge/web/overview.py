"""How everything stands, in numbers that the state gives without being read whole."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.core.ledger import Entry, Selection, State, Tally
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.mapping import Mode, Severity
from bridge.core.report import IN_DOUBT, UNREAD
from bridge.language import Language
from bridge.ports import RunRecord, RunState, RunTotal
from bridge.web.asked import AGE_WORDS, AGES, Asked
from bridge.web.chart import Chart, chart
from bridge.web.office import Account, Due, Office

WEEKS = 12
_WEEK = dt.timedelta(days=7)
_MOST_UNREAD = 20


@dataclass(frozen=True, slots=True)
class Kind:
    """What is open of one kind in one mapping: how many of each age, and how many of them are severe."""

    mapping: str
    code: int
    rule: str | None
    ages: tuple[int, ...]
    high: int

    @property
    def number(self) -> int:
        """How many there are."""
        return sum(self.ages)

    def address(self, age: int | None = None) -> str:
        """Where they are listed: all, or those of an age."""
        return Asked(
            mapping=self.mapping, kind=self.rule or str(self.code), age="" if age is None else AGE_WORDS[age]
        ).address()


@dataclass(frozen=True, slots=True)
class Week:
    """A week until `ends`: how many waited then, how many had come in it, how many had gone."""

    ends: dt.datetime
    open: int
    came: int
    went: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How one mapping stands. `as_of` is when both systems were last read through, None if they never were."""

    mapping: FieldMapping
    mode: Mode
    open: int
    high: int
    as_of: dt.datetime | None
    last: RunRecord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The first page's facts. `held` are the runs whose plans wait for a person."""

    standings: tuple[Standing, ...]
    states: dict[State, int]
    high: int
    kinds: tuple[Kind, ...]
    weeks: tuple[Week, ...]
    held: Sequence[RunRecord]
    unread: Sequence[Entry]
    in_doubt: int
    accounts: Sequence[Account]
    due: Sequence[Due]

    @property
    def open(self) -> int:
        """How many wait for somebody."""
        return self.states[State.OPEN]

    @property
    def as_of(self) -> dt.datetime | None:
        """The moment of which all of this is true at the least; None if a mapping was never run."""
        times = [each.as_of for each in self.standings]
        return min((each for each in times if each is not None), default=None) if None not in times else None

    @property
    def chart(self) -> Chart:
        """The weeks as a picture."""
        return chart([week.open for week in self.weeks])


def overview(office: Office) -> Overview:
    """How everything stands now."""
    mappings, store, now = office.mappings(), office.store, office.now()
    names = [mapping.name for mapping in mappings]
    tallies = store.ledger.tally(AGES, names)
    opened = [each for each in tallies if each.state is State.OPEN]
    states = Counter(dict.fromkeys(State, 0))
    for each in tallies:
        states[each.state] += each.number
    totals = store.runs.totals()
    return Overview(
        standings=tuple(_standing(office, mapping, opened, totals) for mapping in mappings),
        states=dict(states),
        high=_count(opened, severity=Severity.HIGH),
        kinds=_kinds(opened),
        weeks=_weeks(office, names, states[State.OPEN], now),
        held=[run for plan in store.plans.waiting() if plan.mapping in names and (run := store.runs.get(plan.run))],
        unread=[entry for code in sorted(UNREAD) for entry in _unread(office, names, code)],
        in_doubt=_count(opened, code=IN_DOUBT),
        accounts=office.accounts(),
        due=office.due(),
    )


def headline(found: Overview, language: Language) -> str:
    """In one sentence whether the two systems agree."""
    names = [language.text(each.mapping.title) or each.mapping.name for each in found.standings]
    title = names[0] if len(names) == 1 else "CiviCRM / Airtable"
    if found.open:
        return language.plural(
            "{title}: {number} discrepancy is open.", "{title}: {number} discrepancies are open.", found.open, title=title
        )
    if found.as_of is None:
        return language.say("{title}: not compared yet.", title=title)
    return language.say("{title}: the two systems agree.", title=title)


def _standing(office: Office, mapping: FieldMapping, opened: Sequence[Tally], totals: Sequence[RunTotal]) -> Standing:
    mine = [each for each in opened if each.mapping == mapping.name]
    read = (RunState.DONE, RunState.HELD)
    good = [each for each in totals if each.mapping == mapping.name and each.state in read and each.kind == "sweep"]
    return Standing(
        mapping=mapping,
        mode=min(office.mode, mapping.mode, key=[Mode.OBSERVE, Mode.CORRECT].index),
        open=_count(mine),
        high=_count(mine, severity=Severity.HIGH),
        as_of=max((each.last_finished for each in good if each.last_finished), default=None),
        last=next(iter(office.store.runs.list(mapping=mapping.name, limit=1)), None),
    )


def _unread(office: Office, names: Sequence[str], code: int) -> Sequence[Entry]:
    wanted = Selection(mappings=frozenset(names), code=code, state=State.OPEN)
    return office.store.ledger.search(wanted, limit=_MOST_UNREAD)[0]


def _kinds(opened: Sequence[Tally]) -> tuple[Kind, ...]:
    """The severe first, then the most."""
    kinds: dict[tuple[str, int, str | None], list[Tally]] = {}
    for each in opened:
        kinds.setdefault((each.mapping, each.code, each.rule), []).append(each)
    found = [
        Kind(
            *kind,
            ages=tuple(sum(each.number for each in tallies if each.age == age) for age in range(len(AGES) + 1)),
            high=_count(tallies, severity=Severity.HIGH),
        )
        for kind, tallies in kinds.items()
    ]
    return tuple(sorted(found, key=lambda kind: (-kind.high, -kind.number, kind.code, kind.rule or "", kind.mapping)))


def _weeks(office: Office, names: Sequence[str], number: int, now: dt.datetime) -> tuple[Week, ...]:
    """The last weeks, the oldest first: counted back from how many wait now."""
    starts = [now - _WEEK * back for back in range(WEEKS, 0, -1)]
    weeks: list[Week] = []
    for start, moved in reversed([*zip(starts, office.store.ledger.trend(starts, names), strict=True)]):
        weeks.append(Week(start + _WEEK, number, moved.came, moved.went))
        number += moved.went - moved.came
    return tuple(reversed(weeks))


def _count(tallies: Sequence[Tally], *, severity: Severity | None = None, code: int | None = None) -> int:
    return sum(each.number for each in tallies if severity in (None, each.severity) and code in (None, each.code))
