"""Look at both sides, pull them at the same time, and make records of what came.

Nothing is believed before identity and sight are proven; nothing is inferred from what an incomplete pull did not bring.
"""

import dataclasses
import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TypeVar
from zoneinfo import ZoneInfo

from bridge.core import match as matching
from bridge.core import values
from bridge.core.facts import Seal, key_values
from bridge.core.knowledge import Known
from bridge.core.mapping import ExactMatch
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.marks import Marker, marker, still_quiet
from bridge.core.planner import evidence_of
from bridge.core.record import Json, Link, PerSide, Record, Row, Side, Snapshot, Unreadable
from bridge.core.sight import SOURCE, Fault, FieldSight, Found, Sight, Whereabouts
from bridge.errors import ConfigError
from bridge.ports import Clock, Knowledge, Lease, Pulled, Remote
from bridge.service.delta import Delta, refused, watermarks
from bridge.service.order import Kind, Means, Order

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Makes records of rows: knows the mapping, what is frozen, the zones, and who is linked to whom elsewhere."""

    mapping: FieldMapping
    frozen: PerSide[Mapping[str, Unreadable]]
    zones: PerSide[values.Zones]
    references: values.References

    def marker(self, salt: str, today: dt.date) -> Marker:
        """What marks rows in this run and state."""
        return marker(self.mapping, salt, frozen=self.frozen, zones=self.zones, references=self.references, today=today)

    @cached_property
    def _readers(self) -> PerSide[Callable[[Row], Record]]:
        return PerSide.of(
            lambda side: values.record_reader(
                self.mapping, side, frozen=self.frozen[side], references=self.references, zones=self.zones[side]
            )
        )

    def record(self, side: Side, row: Row) -> Record:
        """The row normalised."""
        return self._readers[side](row)

    def snapshot(self, side: Side, pulled: Pulled) -> Snapshot:
        """All rows of a pull, normalised."""
        record = self._readers[side]
        records = {row.id: record(row) for row in pulled.rows}
        return Snapshot(side, records, pulled.complete, pulled.pulled_at, pulled.whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Both sides as records, matched.

    `today` is the day of the run where the mapping is; `missing`, `moved`, `quiet` and `mark` are as the planner wants them;
    `notes` say why a pull is incomplete.
    """

    snapshots: PerSide[Snapshot]
    matching: matching.Matching
    known: Known
    today: dt.date
    missing: Mapping[tuple[Link, Side], Found] = field(default_factory=dict)
    moved: tuple[tuple[Link, Link], ...] = ()
    notes: PerSide[str] = PerSide("", "")
    quiet: frozenset[Link] = frozenset()
    mark: Marker | None = None
    undated: frozenset[str] = frozenset()
    """The CiviCRM paths whose values may change without moving a date."""


def both(function: Callable[[Side], T]) -> PerSide[T]:
    """`function` of each side, at the same time: the two waits overlap."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        futures = PerSide.of(lambda side: pool.submit(function, side))
        return futures.map(lambda future: future.result())


def look(mapping: FieldMapping, remotes: PerSide[Remote], knowledge: Knowledge, *, repin: bool = False) -> PerSide[Sight]:
    """Prove identity and sight on both sides; pin what is seen for the first time, and with `repin` everything anew."""
    pins = PerSide.of(lambda side: {} if repin else knowledge.pins(mapping.name, side))
    sights = both(lambda side: remotes[side].sight(pins[side]))
    for side, sight in sights:
        known = {} if _moved_house(pins[side], sight) else pins[side]
        if new := [each for path, each in sight.fields.items() if path not in known]:
            knowledge.pin(mapping.name, side, new)
    return sights


def _moved_house(pins: Mapping[str, FieldSight], sight: Sight) -> bool:
    """Whether the mapping names another table than the one that was pinned."""
    before, now = pins.get(SOURCE), sight.fields.get(SOURCE)
    return before is not None and now is not None and before.id != now.id


def reader(
    mapping: FieldMapping,
    sights: PerSide[Sight],
    knowledge: Knowledge,
    found: Mapping[str, Collection[Link]] = MappingProxyType({}),
) -> Reader:
    """The reader for these sights: a field that is gone, retyped or renamed is frozen. `found` as of an Order."""
    day = ZoneInfo(mapping.timezone)
    targets = {each.to for each in mapping.fields.values() if each.to is not None}
    return Reader(
        mapping=mapping,
        frozen=PerSide.of(lambda side: _frozen(sights[side])),
        zones=PerSide.of(lambda side: values.Zones(naive=ZoneInfo(sights[side].timezone), day=day)),
        references={target: _joined(knowledge.partners(target), found.get(target, ())) for target in sorted(targets)},
    )


def _joined(known: PerSide[Mapping[str, str]], found: Collection[Link]) -> PerSide[Mapping[str, str]]:
    """Stored partners, and those that were found and are not stored."""
    return PerSide.of(lambda side: {**{link[side]: link[side.other] for link in found}, **known[side]})


def _frozen(sight: Sight) -> dict[str, Unreadable]:
    codes = {Fault.GONE: 501, Fault.RETYPED: 501, Fault.RENAMED: 503}
    return {each.path: Unreadable(each.detail, codes[each.fault]) for each in sight.drift if each.freezes}


def gather(
    order: Order, mapping: FieldMapping, remotes: PerSide[Remote], read: Reader, means: Means, lease: Lease | None
) -> Gathered:
    """Pull, normalise and match. Merges are followed; that is stored where the run holds a `lease` and is more than a plan."""
    known = means.store.knowledge.load(mapping, bases=False)
    today = means.clock().astimezone(ZoneInfo(mapping.timezone)).date()
    mark = read.marker(known.salt, today)
    pulled = _pull(order, mapping, remotes, known, read, mark, means)
    snapshots = PerSide.of(lambda side: read.snapshot(side, pulled[side]))
    sure = order.record is not None or all(snapshot.complete and snapshot.whole for _, snapshot in snapshots)
    matched = _match(mapping, snapshots, known, means.store.seal, sure=sure)
    missing = _whereabouts(remotes, matched) | _deleted(remotes, known, pulled)
    quiet = frozenset[Link]() if order.record is not None else frozenset(still_quiet(matched, known, mark))
    needed = {pair.link for pair in matched.pairs} - quiet | {link for link, _ in missing}
    known = dataclasses.replace(known, bases=means.store.knowledge.bases(mapping, needed & known.links))
    moved = _moved(known, missing)
    if moved:
        if lease is not None and order.kind is not Kind.PLAN:
            for old, new in moved:
                means.store.knowledge.move_link(mapping.name, old, new, lease)
        known = _followed(known, dict(moved))
        matched = _match(mapping, snapshots, known, means.store.seal, sure=sure)
        missing = {key: found for key, found in missing.items() if key[0] in known.links}
    corrected = PerSide.of(lambda side: _corrected(snapshots[side], missing))
    if corrected != snapshots:
        snapshots, matched = corrected, _match(mapping, corrected, known, means.store.seal, sure=False)
    return Gathered(
        snapshots=snapshots,
        matching=matched,
        known=known,
        today=today,
        missing=missing if known.last_scope in (None, mapping.scope_digest) else {},
        moved=moved,
        notes=pulled.map(lambda each: each.note),
        quiet=quiet,
        mark=mark,
        undated=pulled.civicrm.undated,
    )


def _pull(
    order: Order, mapping: FieldMapping, remotes: PerSide[Remote], known: Known, read: Reader, mark: Marker, means: Means
) -> PerSide[Pulled]:
    if order.record is not None:
        return _focus(order.record, remotes, mapping, known, read, means.clock)
    knowledge = means.store.knowledge
    since = watermarks(mapping, knowledge, means.clock) if order.kind is Kind.DELTA else PerSide(None, None)
    if since.airtable is None:
        return both(lambda side: remotes[side].pull(means.progress))
    if known.last_digest != mapping.digest:  # what was read up to then was read for another mapping
        since = PerSide(None, since.airtable)
    delta = Delta(
        mapping=mapping,
        remotes=remotes,
        known=known,
        seen=knowledge.glimpses(mapping.name),
        refused=refused(mapping, means.store),
        mark=mark,
        record=read.record,
        bases=lambda wanted: knowledge.bases(mapping, wanted.keys()),
    )
    return delta.complete(both(lambda side: remotes[side].pull(means.progress, since=since[side])))


def _match(mapping: FieldMapping, snapshots: PerSide[Snapshot], known: Known, seal: Seal, *, sure: bool) -> matching.Matching:
    """Who is who. What a pull left out may hold a second candidate, so only stored links are believed unless `sure`.

    A pair that a person said is not the same stays apart: for good, or where that was said of a suggestion, as long as the
    suggestion's evidence is what it was.
    """
    apart = {link for link, evidence in known.apart.items() if not evidence}
    matched = matching.match(mapping, snapshots, known.links, apart)
    again = {Link(each.civicrm.id, each.airtable.id): evidence_of(seal, each) for each in matched.suggestions}
    if still := {link for link, evidence in again.items() if known.apart.get(link) == evidence}:
        matched = matching.match(mapping, snapshots, known.links, apart | still)
    if sure:
        return matched
    linked = tuple(pair for pair in matched.pairs if pair.link in known.links)
    seen = all(snapshot.whole for _, snapshot in snapshots)  # a part of them is not to tell who shares a key
    return dataclasses.replace(
        matched,
        pairs=linked,
        suggestions=(),
        ambiguous=matched.ambiguous if seen else (),
        duplicates=matched.duplicates if seen else (),
    )


def _whereabouts(remotes: PerSide[Remote], matched: matching.Matching) -> dict[tuple[Link, Side], Found]:
    """Where each absent record went, asked by id: a page that was lost is not a deletion."""
    asked = PerSide.of(lambda side: [link[side] for link, gone in matched.absent if gone is side])
    answers = both(lambda side: remotes[side].read(asked[side]) if asked[side] else {})
    nowhere = Found(whereabouts=Whereabouts.UNREADABLE)
    return {(link, side): answers[side].get(link[side], nowhere) for link, side in matched.absent}


def _deleted(remotes: PerSide[Remote], known: Known, pulled: PerSide[Pulled]) -> dict[tuple[Link, Side], Found]:
    """The linked records that a system says were deleted, looked for by id: somebody may have taken the deletion back."""
    gone = [(link, side) for link in known.links - known.absent for side in Side if link[side] in pulled[side].gone]
    asked = PerSide.of(lambda side: [link[side] for link, of in gone if of is side])
    answers = both(lambda side: remotes[side].read(asked[side]) if asked[side] else {})
    found = {(link, side): answers[side][link[side]] for link, side in gone}
    return {key: each for key, each in found.items() if each.whereabouts is not Whereabouts.IN_SCOPE}


def _moved(known: Known, missing: Mapping[tuple[Link, Side], Found]) -> tuple[tuple[Link, Link], ...]:
    """Links whose CiviCRM record was merged into one that is linked to nobody else."""
    taken = {link.civicrm for link in known.links}
    moved = [
        (link, Link(found.into, link.airtable))
        for (link, side), found in missing.items()
        if side is Side.CIVICRM and found.whereabouts is Whereabouts.MERGED and found.into and found.into not in taken
    ]
    winners = [new.civicrm for _, new in moved]
    return tuple(pair for pair in moved if winners.count(pair[1].civicrm) == 1)


def _followed(known: Known, moved: Mapping[Link, Link]) -> Known:
    """What is known, with all that belongs to a link that moved at its new one."""
    return dataclasses.replace(
        known,
        links=frozenset(moved.get(link, link) for link in known.links),
        bases={moved.get(link, link): bases for link, bases in known.bases.items()},
        stops={(moved.get(link, link), name): stop for (link, name), stop in known.stops.items()},
    )


def _corrected(snapshot: Snapshot, missing: Mapping[tuple[Link, Side], Found]) -> Snapshot:
    """A record that is in scope after all was lost by the pull: the sweep was not complete, whatever its pages said."""
    lost = any(found.whereabouts is Whereabouts.IN_SCOPE for (_, side), found in missing.items() if side is snapshot.side)
    return dataclasses.replace(snapshot, complete=False) if lost else snapshot


# ── one record and its partner ──


def _focus(
    asked: tuple[Side, str], remotes: PerSide[Remote], mapping: FieldMapping, known: Known, read: Reader, clock: Clock
) -> PerSide[Pulled]:
    """The asked-for record, and on the other side its linked partner or whatever carries its exact keys."""
    side, native = asked
    found = remotes[side].read([native])[native]
    if found.row is None or found.whereabouts is not Whereabouts.IN_SCOPE:
        raise ConfigError(
            f"{side.title} record {native} is not in the scope of {mapping.name}: {found.whereabouts.value.replace('_', ' ')}.",
            next_step=f"check the id, or look at `{side.value}.where` in {mapping.file}.",
        )
    link = next((each for each in known.links if each[side] == native), None)
    here, there = [found.row], list[Row]()
    if link is not None:
        partner = remotes[side.other].read([link[side.other]])[link[side.other]]
        there = [partner.row] if partner.row is not None and partner.whereabouts is Whereabouts.IN_SCOPE else []
    else:
        here, there = _around(side, found.row, mapping, remotes, read)
    rows = PerSide(here, there) if side is Side.CIVICRM else PerSide(there, here)
    return PerSide.of(lambda each: _partial(rows[each], remotes[each], clock))


def _around(side: Side, row: Row, mapping: FieldMapping, remotes: PerSide[Remote], read: Reader) -> tuple[list[Row], list[Row]]:
    """The row with all that its keys find on either side, and all that the keys of those on the other side find.

    Without the second look a candidate whose other key points elsewhere would not be seen to be ambiguous.
    """
    here, there = [row], list[Row]()
    for keys in _keys_of(mapping, read.record(side, row)):
        here += remotes[side].find(keys[side])
        there += remotes[side.other].find(keys[side.other])
    for candidate in {each.id: each for each in there}.values():
        for keys in _keys_of(mapping, read.record(side.other, candidate)):
            here += remotes[side].find(keys[side])
            there += remotes[side.other].find(keys[side.other])
    return here, there


def _partial(rows: Iterable[Row], remote: Remote, clock: Clock) -> Pulled:
    """These rows, once each, without those that are out of scope."""
    unique = {row.id: row for row in rows}
    places = remote.read(list(unique)) if unique else {}
    inside = [row for row in unique.values() if places[row.id].whereabouts is Whereabouts.IN_SCOPE]
    return Pulled(rows=tuple(inside), complete=True, pulled_at=clock(), whole=False)


def _keys_of(mapping: FieldMapping, record: Record) -> Iterable[PerSide[Mapping[str, Json]]]:
    for rule in mapping.match:
        if isinstance(rule, ExactMatch):
            civicrm = key_values(rule.keys, record, Side.CIVICRM)
            airtable = key_values(rule.keys, record, Side.AIRTABLE)
            if civicrm is not None and airtable is not None:
                yield PerSide(civicrm, airtable)
