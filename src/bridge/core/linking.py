"""Which keys would say who is who: for each, how many sampled rows it links and how many it leaves ambiguous."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bridge.core.mapping import FieldType, Key
from bridge.core.record import Cell, PerSide, Side, Unreadable
from bridge.core.survey import WORDS, Candidate, Sample, filled, identifying, joint_type

Linked = tuple[tuple[int, int], ...]
"""Places of rows in the samples of CiviCRM and of Airtable that belong together."""

_LEAST_LINKS = 5
_SHARE_ENOUGH = 0.3
"""A key that links this part of the rows says enough about the others to judge fields by."""

_COMBINED = 7
"""So many single keys are tried in twos and threes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFit:
    """What one exact rule would do with the sample.

    Of `rows` Airtable rows, `links` meet exactly one CiviCRM record that no other row meets; `ambiguous` meet several, or
    share the key with another row. The rest has no partner by this key, or a blank in it.
    """

    keys: tuple[Key, ...]
    rows: int
    linked: Linked
    ambiguous: int

    @property
    def links(self) -> int:
        """How many rows it links."""
        return len(self.linked)

    @property
    def worth(self) -> float:
        """Links less what they cost: an ambiguity is a question to a person; a longer key is harder to read."""
        return self.links - 3 * self.ambiguous - 0.01 * len(self.keys) * self.rows


def fit(sample: Sample, keys: Sequence[Key]) -> KeyFit:
    """What an exact rule of these keys would do."""
    groups = PerSide.of(lambda side: _grouped([sample.column(side, key.at[side], key.type, folded=True) for key in keys]))
    linked, ambiguous = [], 0
    for value, there in groups.airtable.items():
        here = groups.civicrm.get(value, [])
        if len(here) == len(there) == 1:
            linked.append((here[0], there[0]))
        elif here:
            ambiguous += len(there)
    return KeyFit(keys=tuple(keys), rows=len(sample.rows.airtable), linked=tuple(linked), ambiguous=ambiguous)


def _grouped(columns: Sequence[Sequence[Cell]]) -> dict[tuple[Cell, ...], list[int]]:
    """The places of rows by their values, those with a blank left out."""
    groups: defaultdict[tuple[Cell, ...], list[int]] = defaultdict(list)
    for place, values in enumerate(zip(*columns, strict=True)):
        if not any(value is None or isinstance(value, Unreadable) for value in values):
            groups[values].append(place)
    return groups


def first_links(sample: Sample, candidates: PerSide[Sequence[Candidate]]) -> Linked:
    """The rows that belong together by the best keys there are, before anything is known; nothing where none links enough.

    The best key that is meant to tell records apart, the best other single one, and the best of two or three together: each
    adds what it links, but no row that two of them link differently.
    """
    singles = sorted((fit(sample, [key]) for key in possible_keys(candidates)), key=lambda each: -each.worth)
    meant = [each for each in singles if tells_apart(each.keys[0])]
    alone = [each for each in singles if each not in meant and each.keys[0].type is not FieldType.DATE]
    best = [next(iter(each), None) for each in (meant, alone)]
    best.append(max(_combined(sample, singles), key=lambda each: each.worth, default=None))
    return united(each for each in best if each is not None and _enough(each))


def united(fits: Iterable[KeyFit]) -> Linked:
    """What all of these rules link, less every row that they link differently."""
    found = {pair for each in fits for pair in each.linked}
    here, there = (Counter(places) for places in zip(*found, strict=True)) if found else (Counter[int](), Counter[int]())
    return tuple(sorted(pair for pair in found if here[pair[0]] == there[pair[1]] == 1))


def _enough(found: KeyFit) -> bool:
    return found.links >= max(_LEAST_LINKS, _SHARE_ENOUGH * found.rows) and found.worth > 0


def tells_apart(key: Key) -> bool:
    """Whether a key is meant to tell records apart: an id, a number, a code."""
    return key.type is FieldType.IDENTIFIER or (key.type is FieldType.TEXT and identifying(*(path for _, path in key.at)))


def may_be_key(kind: FieldType | None) -> bool:
    """Whether values of this type could tell records apart: words, codes and days."""
    return kind is FieldType.DATE or (kind in WORDS and kind is not FieldType.LONG_TEXT)


def possible_keys(candidates: PerSide[Sequence[Candidate]]) -> Iterable[Key]:
    """Every pair of fields whose values could be a key."""
    for here, there in itertools.product(candidates.civicrm, candidates.airtable):
        kind = joint_type(here, there)
        if kind is not None and may_be_key(kind):
            yield Key(at=PerSide(here.path, there.path), type=_compared(here, kind))


def _compared(here: Candidate, kind: FieldType) -> FieldType:
    """How a key of this field is compared: names of organisations and people forget how they were written."""
    return naming(here.path) or kind


def naming(path: str) -> FieldType | None:
    """Whether a CiviCRM field holds a name, and whose."""
    if path in ("organization_name", "legal_name", "household_name"):
        return FieldType.ORGANIZATION
    return FieldType.PERSON if path in ("first_name", "middle_name", "last_name", "display_name", "nick_name") else None


def _combined(sample: Sample, singles: Sequence[KeyFit]) -> Iterable[KeyFit]:
    """Twos and threes of the keys whose values are met most on the other side, each field of Airtable once."""
    met = sorted(singles, key=lambda each: -_met(sample, each.keys[0]))
    chosen: dict[str, Key] = {}
    for each in met:
        key = each.keys[0]
        taken = {known.at.civicrm for known in chosen.values()}
        if key.at.airtable not in chosen and key.at.civicrm not in taken and _met(sample, key) > _SHARE_ENOUGH:
            chosen[key.at.airtable] = key
    few = [*chosen.values()][:_COMBINED]
    for size in (2, 3):
        for keys in itertools.combinations(few, size):
            yield fit(sample, keys)


def _met(sample: Sample, key: Key) -> float:
    """The part of Airtable's values that CiviCRM has anywhere."""
    here, there = (sample.column(side, key.at[side], key.type, folded=True) for side in Side)
    known = set(here)
    return sum(value in known for value in there if value is not None) / max(1, filled(there))
