"""Who is who: stored links first, then exact keys, then names that are only suggested.

Nothing is guessed. A pair is linked by keys only if each is the one record the other's keys point to, over every rule; whatever
else the keys say is told (103, 105) and waits for a person. The result does not depend on the order of anything given.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from bridge.core.mapping import ExactMatch, Field, FieldType, Key, SimilarMatch
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.record import Cell, Link, PerSide, Record, Side, Snapshot, Unreadable, Value
from bridge.core.values import TEXTS, fold, normal, reader

if TYPE_CHECKING:
    from bridge.core.similar import Text

_Column = Callable[[Record], Cell]
_KeyValues = Value | tuple[Value, ...]

_FOLDED = frozenset((FieldType.ORGANIZATION, FieldType.PERSON))


class Pair(msgspec.Struct, frozen=True, gc=False):
    """Two records known to be the same thing. `how` is `linked`, or `exact:` and the number of the rule that found it."""

    link: Link
    civicrm: Record
    airtable: Record
    how: str

    def __getitem__(self, side: Side) -> Record:
        return self.civicrm if side is Side.CIVICRM else self.airtable


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A record whose keys point to several records of the other side, or to one that is linked to another."""

    record: Record
    candidates: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Two or more records of one side that share an exact key. No record is in two groups."""

    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Two records that look alike, for a person. `score` is 0 to 1; `evidence` are the folded texts that were compared."""

    civicrm: Record
    airtable: Record
    score: float
    evidence: PerSide[str]


@dataclass(frozen=True, slots=True)
class Matching:
    """Who is who in two snapshots, everything sorted by id.

    `only` are records without a partner: empty for a side as long as the other was not pulled whole and completely. `absent`
    are links and the side whose record a whole, complete pull did not bring. A record that waits for a person (ambiguous,
    duplicate, suggested) is in neither.
    """

    pairs: tuple[Pair, ...]
    only: PerSide[tuple[Record, ...]]
    absent: tuple[tuple[Link, Side], ...] = ()
    ambiguous: tuple[Ambiguous, ...] = ()
    duplicates: tuple[Duplicates, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()


def match(
    mapping: FieldMapping, snapshots: PerSide[Snapshot], links: Collection[Link], apart: Collection[Link] = ()
) -> Matching:
    """The matching of two snapshots, given the stored `links` and the pairs a person said are `apart`.

    Exact rules trust that every record with the same keys is in the snapshots: of an incomplete pull only the linked pairs
    may be believed.
    """
    known, parted = frozenset(links), frozenset(apart)
    records = snapshots.map(lambda each: each.records)
    taken = PerSide.of(lambda side: {link[side] for link in known})
    pairs = [
        Pair(link, records.civicrm[link.civicrm], records.airtable[link.airtable], "linked")
        for link in known
        if link.civicrm in records.civicrm and link.airtable in records.airtable
    ]
    keyed = [
        _keyed(f"exact:{number}", rule.keys, records)
        for number, rule in enumerate(mapping.match, start=1)
        if isinstance(rule, ExactMatch)
    ]
    pointers = _Pointers.of(keyed, taken, parted)
    exact = list(pointers.agreed())
    settled = PerSide(
        taken.civicrm.union(pair.link.civicrm for pair in exact), taken.airtable.union(pair.link.airtable for pair in exact)
    )
    duplicates = [group for side in Side for group in _duplicates(keyed, side, settled[side])]
    free = PerSide.of(lambda side: _free(records[side], settled[side], pointers.waiting(side), duplicates))
    suggestions = _suggestions(mapping, free, parted)
    suggested = {each.id for suggestion in suggestions for each in (suggestion.civicrm, suggestion.airtable)}
    return Matching(
        pairs=tuple(sorted((*pairs, *exact), key=_standing)),
        only=PerSide.of(lambda side: _only(free[side], suggested, snapshots[side.other])),
        absent=tuple(_absent(known, snapshots)),
        ambiguous=tuple(sorted(pointers.ambiguous(records, settled), key=lambda each: _place(each.record))),
        duplicates=tuple(sorted(duplicates, key=lambda group: _place(group.records[0]))),
        suggestions=suggestions,
    )


def _order(record: Record) -> tuple[int, str]:
    return (len(record.id), record.id)  # CiviCRM's ids are numbers


def _free(
    records: Mapping[str, Record], settled: Collection[str], waiting: Collection[str], duplicates: Iterable[Duplicates]
) -> list[Record]:
    """The records that nothing points to: neither matched nor waiting for a person."""
    doubled = {each.id for group in duplicates for each in group.records}
    return [each for id_, each in records.items() if id_ not in settled and id_ not in waiting and id_ not in doubled]


def _standing(pair: Pair) -> tuple[int, str, str]:
    link = pair.link
    return (len(link.civicrm), link.civicrm, link.airtable)


def _place(record: Record) -> tuple[str, int, str]:
    return (record.side, *_order(record))


def _only(free: Iterable[Record], suggested: Collection[str], other: Snapshot) -> tuple[Record, ...]:
    if not (other.complete and other.whole):
        return ()
    return tuple(sorted((each for each in free if each.id not in suggested), key=_order))


def _absent(links: Iterable[Link], snapshots: PerSide[Snapshot]) -> Iterator[tuple[Link, Side]]:
    for link in sorted(links, key=lambda each: (len(each.civicrm), each.civicrm, each.airtable)):
        for side, snapshot in snapshots:
            if snapshot.complete and snapshot.whole and link[side] not in snapshot.records:
                yield link, side


# ── exact keys ──


@dataclass(frozen=True, slots=True)
class _Index:
    """The records of one side by the values of one rule's keys, those with a blank or unreadable key left out.

    `first` is the first with each, `several` all of those with which more than one stands: nearly every key is unique.
    """

    first: Mapping[_KeyValues, Record]
    several: Mapping[_KeyValues, list[Record]]

    def at(self, values: _KeyValues) -> list[Record]:
        """Every record with these key values."""
        return self.several.get(values) or [self.first[values]]


@dataclass(frozen=True, slots=True)
class _Keyed:
    """The records of both sides by the keys of one rule."""

    how: str
    indexes: PerSide[_Index]


def _keyed(how: str, keys: Sequence[Key], records: PerSide[Mapping[str, Record]]) -> _Keyed:
    return _Keyed(how, PerSide.of(lambda side: _index([_column(key, side) for key in keys], records[side].values())))


def _index(columns: Sequence[_Column], records: Iterable[Record]) -> _Index:
    first: dict[_KeyValues, Record] = {}
    several: dict[_KeyValues, list[Record]] = {}
    column = columns[0] if len(columns) == 1 else None
    for record in records:
        values = column(record) if column is not None else _values(columns, record)
        if values is None or isinstance(values, Unreadable):
            continue
        if (other := first.setdefault(values, record)) is not record:
            several.setdefault(values, [other]).append(record)
    return _Index(first, several)


def _column(key: Key, side: Side) -> _Column:
    """What tells a record of `side` its cell for a key, in the form in which keys are compared."""
    field = Field(name="key", at=PerSide(key.at.civicrm, key.at.airtable), type=key.type, region=key.region)
    path, cell, folds = key.at[side], reader(field, side), key.type in _FOLDED

    def text(record: Record) -> Cell:
        raw = record.row.values.get(path)
        # Letters and digits alone, as most keys are, stand for themselves.
        return raw if isinstance(raw, str) and raw.isascii() and raw.isalnum() else cell(raw)

    if key.type in TEXTS and not folds:
        return text

    def value(record: Record) -> Cell:
        found = normal(field, cell(record.row.values.get(path)))
        return fold(key.type, found) if folds and isinstance(found, str) else found

    return value


def _values(columns: Iterable[_Column], record: Record) -> tuple[Value, ...] | None:
    """The record's key values, or None where one is blank or cannot be read."""
    found = []
    for column in columns:
        value = column(record)
        if value is None or isinstance(value, Unreadable):
            return None
        found.append(value)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Pointers:
    """Where keys that are unique on both sides point.

    `at` is the first partner that the keys of each id point to, `contested` all partners of those that have several; `met` are
    ids of which a key stands on the other side and is not unique.
    """

    taken: PerSide[set[str]]
    found: dict[Link, Pair]
    at: PerSide[dict[str, str]]
    contested: PerSide[defaultdict[str, set[str]]]
    met: PerSide[set[str]]

    @classmethod
    def of(cls, keyed: Iterable[_Keyed], taken: PerSide[set[str]], apart: Collection[Link]) -> "_Pointers":
        """The pointers of all rules, but those between two linked records and those between records said to be apart."""
        made = cls(taken, {}, PerSide({}, {}), PerSide(defaultdict(set), defaultdict(set)), PerSide(set(), set()))
        for each in keyed:
            made._follow(each, apart)
        return made

    def _follow(self, rule: _Keyed, apart: Collection[Link]) -> None:
        ours, theirs = rule.indexes.civicrm, rule.indexes.airtable
        shared = ours.several.keys() | theirs.several.keys()
        taken, others = self.taken, theirs.first
        for values, one in ours.first.items():
            if (other := others.get(values)) is None:
                continue
            if values in shared:
                self._meet(ours.at(values), theirs.at(values), apart)
            elif not (one.id in taken.civicrm and other.id in taken.airtable):
                link = Link(one.id, other.id)
                if not (apart and link in apart):
                    self._point(Pair(link, one, other, rule.how))

    def _meet(self, ours: list[Record], theirs: list[Record], apart: Collection[Link]) -> None:
        for one in ours:
            for each in theirs:
                if not apart or Link(one.id, each.id) not in apart:
                    self.met.civicrm.add(one.id)
                    self.met.airtable.add(each.id)

    def _point(self, pair: Pair) -> None:
        link = pair.link
        self.found.setdefault(link, pair)
        if (there := self.at.civicrm.setdefault(link.civicrm, link.airtable)) != link.airtable:
            self.contested.civicrm[link.civicrm] |= {there, link.airtable}
        if (here := self.at.airtable.setdefault(link.airtable, link.civicrm)) != link.civicrm:
            self.contested.airtable[link.airtable] |= {here, link.civicrm}

    def agreed(self) -> Iterator[Pair]:
        """Each pair whose two records point to each other alone, by the rule that found it first."""
        unfree = PerSide.of(lambda side: self.taken[side] | self.contested[side].keys())
        for link, pair in self.found.items():
            if link.civicrm not in unfree.civicrm and link.airtable not in unfree.airtable:
                yield pair

    def waiting(self, side: Side) -> Collection[str]:
        """The ids of one side of which some key stands on the other side."""
        return self.at[side].keys() | self.met[side]

    def ambiguous(self, records: PerSide[Mapping[str, Record]], settled: PerSide[set[str]]) -> Iterator[Ambiguous]:
        """Each record whose keys point to several, or to one that is linked to another."""
        for side, pointed in self.at:
            for id_ in pointed.keys() - settled[side]:
                others = self.contested[side].get(id_) or {pointed[id_]}
                if len(others) > 1 or others & self.taken[side.other]:
                    candidates = sorted((records[side.other][other] for other in others), key=_order)
                    yield Ambiguous(records[side][id_], tuple(candidates))


def _duplicates(keyed: Iterable[_Keyed], side: Side, settled: Collection[str]) -> Iterator[Duplicates]:
    """Records of `side` that share a key, groups that share a record made one, unless all of a group are matched anyway."""
    together: dict[str, dict[str, Record]] = {}
    for each in keyed:
        for group in each.indexes[side].several.values():
            merged = {id_: record for one in group for id_, record in together.get(one.id, {one.id: one}).items()}
            together.update(dict.fromkeys(merged, merged))
    for merged in {id(each): each for each in together.values()}.values():
        if any(id_ not in settled for id_ in merged):
            yield Duplicates(tuple(sorted(merged.values(), key=_order)))


# ── similar names ──


def _suggestions(mapping: FieldMapping, free: PerSide[list[Record]], apart: Collection[Link]) -> tuple[Suggestion, ...]:
    """The suggestions of every rule in order; a record that one rule suggests for is left out of the next."""
    parted = {(link.civicrm, link.airtable) for link in apart}
    found: list[Suggestion] = []
    for rule in mapping.match:
        if isinstance(rule, SimilarMatch):
            new = list(_alike(rule, free, parted))
            done = {each.id for suggestion in new for each in (suggestion.civicrm, suggestion.airtable)}
            free = PerSide(*([each for each in records if each.id not in done] for _, records in free))
            found += new
    return tuple(sorted(found, key=lambda each: (_order(each.civicrm), each.airtable.id)))


def _alike(rule: SimilarMatch, free: PerSide[list[Record]], apart: Collection[tuple[str, str]]) -> Iterator[Suggestion]:
    from bridge.core.similar import alike  # noqa: PLC0415  # its library is heavy, and most mappings have no such rule

    texts = PerSide.of(lambda side: _texts(rule, side, free[side]))
    records = free.map(lambda each: {record.id: record for record in each})
    pairs = alike(list(texts.civicrm.values()), list(texts.airtable.values()), rule.least, apart)
    for (civicrm, airtable), score in pairs.items():
        evidence = PerSide(texts.civicrm[civicrm].text, texts.airtable[airtable].text)
        yield Suggestion(records.civicrm[civicrm], records.airtable[airtable], score, evidence)


def _texts(rule: SimilarMatch, side: Side, records: Iterable[Record]) -> dict[str, "Text"]:
    from bridge.core.similar import Text  # noqa: PLC0415  # as above

    named, within = _column(rule.key, side), [_column(key, side) for key in rule.within]
    texts = {}
    for record in records:
        name, place = named(record), _values(within, record)
        if isinstance(name, str) and place is not None:
            texts[record.id] = Text(record.id, fold(rule.key.type, name), place)
    return texts
