"""The digest: what people are told, as one value that knows no language and no medium.

Slack, the page, the CSV file, the command line and the metrics all draw this same value, so they carry the same numbers.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby

from bridge.core.ledger import Entry, Event, Happened, State
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.mapping import Rule, Severity
from bridge.core.record import Json, PerSide, Side

SIMILAR = 104
IN_DOUBT = 403
UNREAD = frozenset({504, 505})
_URGENCY = {Severity.HIGH: 0, Severity.MEDIUM: 1, Severity.LOW: 2}
_LOUD = frozenset({Happened.WORSE, Happened.REOPENED, Happened.WOKE})

Address = Callable[[str, Side, str], str | None]
"""Where a person opens a record, by mapping, side and native id; None where nobody can say."""


class Standing(StrEnum):
    """Where an entry stands for the reader of one digest: each has exactly one, so the counts add up.

    WORSE is also what came back: reopened, or woken from a snooze.
    """

    NEW = "new"
    WORSE = "worse"
    ONGOING = "ongoing"
    RESOLVED = "resolved"
    SNOOZED = "snoozed"
    ACCEPTED = "accepted"

    @property
    def open(self) -> bool:
        """Whether it waits for somebody."""
        return self in (Standing.NEW, Standing.WORSE, Standing.ONGOING)

    @property
    def news(self) -> bool:
        """Whether it is open and people have not heard of it like this."""
        return self in (Standing.NEW, Standing.WORSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One entry as this digest tells it. `days` is its age; `overdue` says that its rule's `due` has passed."""

    entry: Entry
    standing: Standing
    days: int
    addresses: PerSide[str | None] = PerSide(None, None)
    overdue: bool = False

    @property
    def order(self) -> tuple[bool, int, dt.datetime, tuple[int, str, str, str, str]]:
        """Sort key: news first, then high severity, then oldest."""
        found = self.entry.discrepancy
        return (not self.standing.news, _URGENCY[found.severity], self.entry.opened_at, found.order)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The open items of one mapping that share a code (and rule), the most urgent first. Never empty."""

    mapping: str
    code: int
    rule: Rule | None
    items: tuple[Item, ...]

    @property
    def news(self) -> tuple[Item, ...]:
        """The items people have not heard of like this."""
        return tuple(item for item in self.items if item.standing.news)

    @property
    def rule_name(self) -> str | None:
        """The rule's name, also where the mapping no longer has it."""
        return self.items[0].entry.discrepancy.rule


class PlanState(StrEnum):
    """What became of a plan the digest tells of."""

    PROPOSED = "proposed"
    HELD = "held"
    APPLIED = "applied"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanNote:
    """One plan: how many `cells` in how many `records`, and for a held one every reason why, in words."""

    mapping: str
    digest: str
    state: PlanState
    records: int
    cells: int
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """`count` discrepancies of one kind that came at once."""

    mapping: str
    code: int
    rule: str | None
    field: str | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """A mass change is suspected: `count` came at once where `before` were open. At most five causes, largest first."""

    count: int
    before: int
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What is to be told at `as_of` of all that happened after `since` (None: this is the first)."""

    as_of: dt.datetime
    since: dt.datetime | None
    items: tuple[Item, ...]
    plans: tuple[PlanNote, ...] = ()
    storm: Storm | None = None
    mappings: Mapping[str, FieldMapping] = field(default_factory=dict)
    settled: int = 0
    """Writes in doubt that were settled by reading after `since`."""

    @property
    def counts(self) -> Mapping[Standing, int]:
        """How many items stand where; an entry for every standing."""
        found = Counter(item.standing for item in self.items)
        return {standing: found[standing] for standing in Standing}

    @property
    def open(self) -> int:
        """How many wait for somebody."""
        return sum(item.standing.open for item in self.items)

    @property
    def agreed(self) -> bool:
        """Whether the two systems were read and agree, but for what is snoozed or accepted."""
        return self.open == 0

    @property
    def groups(self) -> tuple[Group, ...]:
        """The open items by mapping, code and rule: groups with news first, then the most severe, then by code."""
        waiting = sorted((item for item in self.items if item.standing.open), key=lambda item: (_kind(item), item.order))
        found = [self._group(list(items)) for _, items in groupby(waiting, key=_kind)]
        return tuple(sorted(found, key=lambda group: (*group.items[0].order[:2], _kind(group.items[0]))))

    def standing(self, standing: Standing) -> tuple[Item, ...]:
        """The items that stand there, the most urgent first."""
        return tuple(sorted((item for item in self.items if item.standing is standing), key=lambda item: item.order))

    @property
    def held(self) -> tuple[PlanNote, ...]:
        """The plans that wait for a person."""
        return tuple(plan for plan in self.plans if plan.state is PlanState.HELD)

    @property
    def in_doubt(self) -> tuple[Item, ...]:
        """The writes of which nobody knows yet whether they landed."""
        return tuple(item for item in self.items if item.standing.open and item.entry.discrepancy.code == IN_DOUBT)

    @property
    def unread(self) -> tuple[Item, ...]:
        """The sources that could not be read; each entry's `opened_at` says since when."""
        return tuple(item for item in self.items if item.standing.open and item.entry.discrepancy.code in UNREAD)

    @property
    def silent(self) -> bool:
        """Whether nothing is new, worse or fixed and nobody is waited for: then no message is posted."""
        told = any(item.standing.news or item.standing is Standing.RESOLVED for item in self.items)
        return not told and not self.held and not self.unread

    def _group(self, items: list[Item]) -> Group:
        found = items[0].entry.discrepancy
        rule = rule_of(self.mappings.get(found.mapping), found.rule)
        return Group(mapping=found.mapping, code=found.code, rule=rule, items=tuple(items))


def digest(
    entries: Iterable[Entry],
    events: Iterable[Event],
    *,
    now: dt.datetime,
    since: dt.datetime | None,
    mappings: Mapping[str, FieldMapping],
    plans: Sequence[PlanNote] = (),
    settled: int = 0,
    address: Address = lambda _mapping, _side, _id: None,
    storm_floor: int = 20,
    storm_share: float = 0.5,
) -> Digest:
    """What to tell of `entries`, given what happened after `since`. Entries resolved before it are left out.

    A storm is more than `storm_floor` pieces of news that are also more than `storm_share` of what was open before; the
    first digest of all is never one.
    """
    happened: dict[str, set[Happened]] = {}
    for event in events:
        if since is None or event.at > since:
            happened.setdefault(event.fingerprint, set()).add(event.happened)
    items = [
        Item(
            entry=entry,
            standing=standing,
            days=max(0, (now - entry.opened_at).days),
            addresses=_addresses(entry, address),
            overdue=_overdue(entry, mappings, now),
        )
        for entry in entries
        if (standing := _standing(entry, happened.get(entry.fingerprint, set()))) is not None
    ]
    items.sort(key=lambda item: item.order)
    storm = None if since is None else _storm(items, storm_floor, storm_share)
    return Digest(
        as_of=now,
        since=since,
        items=tuple(items),
        plans=tuple(plans),
        storm=storm,
        mappings=dict(mappings),
        settled=settled,
    )


def row(entry: Entry, *, text: str, now: dt.datetime) -> dict[str, Json]:
    """The entry in the stable form of `--json`, the HTTP API and the CSV file; `text` is its sentence."""
    found = entry.discrepancy
    return {
        "id": entry.id,
        "fingerprint": entry.fingerprint,
        "mapping": found.mapping,
        "code": found.code,
        "rule": found.rule,
        "severity": found.severity.value,
        "state": entry.state.value,
        "name": found.name,
        "civicrm_id": found.ids.civicrm,
        "airtable_id": found.ids.airtable,
        "field": found.field,
        "opened_at": entry.opened_at.isoformat(),
        "runs": entry.runs,
        "days": max(0, (now - entry.opened_at).days),
        "assignee": entry.assignee,
        "snoozed_until": entry.snoozed_until.isoformat() if entry.snoozed_until else None,
        "text": text,
    }


def code_page(page: str | None, code: int) -> str | None:
    """Where the code is explained to staff; None without the `page` where they see everything."""
    return f"{page.rstrip('/')}/codes/{code}" if page else None


def own_page(page: str | None, entry: Entry) -> str | None:
    """Where a discrepancy has its own page; None without the `page` where people see everything."""
    return f"{page.rstrip('/')}/discrepancies/{entry.id}" if page and entry.id else None


def rule_of(mapping: FieldMapping | None, name: str | None) -> Rule | None:
    """The mapping's rule of that name, or None."""
    return next((rule for rule in mapping.rules if rule.name == name), None) if mapping and name else None


def _standing(entry: Entry, happened: set[Happened]) -> Standing | None:
    if entry.state is State.SNOOZED:
        return Standing.SNOOZED
    if entry.state is State.ACCEPTED:
        return Standing.ACCEPTED
    if entry.state is State.RESOLVED:
        return Standing.RESOLVED if Happened.RESOLVED in happened else None
    if Happened.OPENED in happened:
        return Standing.NEW
    return Standing.WORSE if happened & _LOUD else Standing.ONGOING


def _kind(item: Item) -> tuple[str, int, str]:
    found = item.entry.discrepancy
    return (found.mapping, found.code, found.rule or "")


def _addresses(entry: Entry, address: Address) -> PerSide[str | None]:
    found = entry.discrepancy

    def of(side: Side) -> str | None:
        native = found.ids[side]
        return None if native is None else address(found.mapping, side, native)

    return PerSide[str | None].of(of)


def _overdue(entry: Entry, mappings: Mapping[str, FieldMapping], now: dt.datetime) -> bool:
    rule = rule_of(mappings.get(entry.discrepancy.mapping), entry.discrepancy.rule)
    return rule is not None and rule.due is not None and entry.state is State.OPEN and entry.opened_at + rule.due < now


def _storm(items: Sequence[Item], floor: int, share: float) -> Storm | None:
    news = [item.entry.discrepancy for item in items if item.standing.news]
    before = sum(item.standing in (Standing.WORSE, Standing.ONGOING, Standing.RESOLVED) for item in items)
    if len(news) <= max(floor, share * before):
        return None
    kinds = Counter((found.mapping, found.code, found.rule, found.field) for found in news)
    largest = sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0][1], str(kind[0])))[:5]
    causes = tuple(
        Cause(mapping=mapping, code=code, rule=rule, field=name, count=count) for (mapping, code, rule, name), count in largest
    )
    return Storm(count=len(news), before=before, causes=causes)
