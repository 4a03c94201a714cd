"""How well two fields agree over linked rows, and which options of a choice stand for which: the evidence of a draft."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from bridge.core.folding import fold
from bridge.core.mapping import FieldType
from bridge.core.record import Cell, Unreadable

Pairs = Sequence[tuple[Cell, Cell]]
"""What linked rows hold, CiviCRM's cell first."""

_MAJORITY = 0.6
_ALIKE_WORDS = 0.85
_TWICE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Counts over linked rows, never a value: of `linked`, `both` hold something on each side and `equal` of them the same.

    `beyond_chance` is Cohen's kappa, from 1 (all equal) to 0 (no more than chance would make equal), with blank as a value
    like any other; None where one side always holds the same, so that nothing can be learnt.
    """

    linked: int
    both: int
    equal: int
    only_civicrm: int
    only_airtable: int
    beyond_chance: float | None

    @property
    def share(self) -> float:
        """The part of those filled on both sides that is equal."""
        return self.equal / self.both if self.both else 0.0


def agree(pairs: Pairs) -> Evidence:
    """The evidence that linked rows give. A cell that cannot be read equals none."""
    filled = [(here is not None, there is not None) for here, there in pairs]
    return Evidence(
        linked=len(pairs),
        both=filled.count((True, True)),
        equal=sum(here == there for here, there in pairs if here is not None and _readable(here)),
        only_civicrm=filled.count((True, False)),
        only_airtable=filled.count((False, True)),
        beyond_chance=_kappa(pairs),
    )


def _readable(cell: Cell) -> bool:
    return not isinstance(cell, Unreadable)


def _kappa(pairs: Pairs) -> float | None:
    total = len(pairs)
    if not total:
        return None
    here, there = (Counter(cell for cell in column if _readable(cell)) for column in zip(*pairs, strict=True))
    by_chance = sum(count * there[value] for value, count in here.items()) / total**2
    found = sum(a == b for a, b in pairs if _readable(a) and _readable(b)) / total
    if min(len(here), len(there)) < _TWICE or by_chance > 1 - 1e-9:
        return None
    return (found - by_chance) / (1 - by_chance)


def same_links(pairs: Pairs) -> Evidence:
    """The evidence that two links lead to the same: whoever shares a target on one side shares one on the other too."""
    filled = [(str(here), str(there)) for here, there in pairs if here is not None and there is not None]
    partner = dict(reversed([(here, there) for (here, there), _ in Counter(filled).most_common()]))
    back = dict(reversed([(there, here) for (here, there), _ in Counter(filled).most_common()]))
    told = [(partner[here] == there and back[there] == here) for here, there in filled]
    shared = Counter(here for here, _ in filled)
    judged = [same for same, (here, _) in zip(told, filled, strict=True) if shared[here] >= _TWICE]
    plain = agree([(here, there) for here, there in pairs])
    return Evidence(
        linked=plain.linked,
        both=plain.both,
        equal=sum(told),
        only_civicrm=plain.only_civicrm,
        only_airtable=plain.only_airtable,
        beyond_chance=sum(judged) / len(judged) if len(set(partner.values())) >= _TWICE and judged else None,
    )


# ── options ──


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionMap:
    """Which Airtable option each CiviCRM name stands for, and how many linked rows say so (0: only the words are alike)."""

    values: Mapping[str, str]
    seen: Mapping[str, int]


def learn_options(pairs: Pairs, names: Sequence[str], options: Sequence[str]) -> OptionMap:
    """For each of CiviCRM's `names` the one of Airtable's `options` that goes with it in most rows, or that is worded alike.

    A name that does neither is left out: nothing is guessed.
    """
    together: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for here, there in pairs:
        for name in _words(here):
            together[name].update(_partners(name, _words(here), _words(there), options))
    values, seen = {}, {}
    for name in names:
        option, count = next(iter(together[name].most_common(1)), ("", 0))
        alike = _alike(name, options)
        sure = count >= _TWICE and count >= _MAJORITY * sum(together[name].values())
        chosen = option if sure and option in options else alike
        if chosen:
            values[name], seen[name] = chosen, together[name][chosen]
    return OptionMap(values=values, seen=seen)


def _partners(name: str, here: frozenset[str], there: frozenset[str], options: Sequence[str]) -> frozenset[str]:
    """Which of a row's options speak for `name`: the one worded alike if it is there, else those that nobody else claims."""
    own = _alike(name, options)
    if own in there:
        return frozenset((own,))
    claimed = {_alike(other, options) for other in here if other != name}
    return there - claimed


def _words(cell: Cell) -> frozenset[str]:
    if isinstance(cell, str):
        return frozenset((cell,))
    return cell if isinstance(cell, frozenset) else frozenset()


def _alike(name: str, options: Sequence[str]) -> str:
    """The option worded like `name`, or nothing."""
    best = max(options, key=lambda option: fuzz.ratio(plain_words(name), plain_words(option)), default="")
    return best if fuzz.ratio(plain_words(name), plain_words(best)) >= _ALIKE_WORDS * 100 else ""


def translated(pairs: Pairs, learnt: OptionMap) -> Pairs:
    """The same rows with CiviCRM's names as Airtable's options; a name without one can be read as nothing."""
    return [(_translated(here, learnt.values), there) for here, there in pairs]


def _translated(cell: Cell, values: Mapping[str, str]) -> Cell:
    if isinstance(cell, frozenset):
        return frozenset(values[name] for name in cell) if cell <= values.keys() else Unreadable("no option")
    return values.get(cell, Unreadable("no option")) if isinstance(cell, str) else cell


# ── names ──


def plain_words(name: str) -> str:
    """`Benefits.Effective_Date` and `EffectiveDate` as words of small letters."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])|[._:/-]+", " ", name)
    return fold(FieldType.TEXT, parted)


_HOLLOW = {"primary", "abbr", "name", "id", "label"}


def likeness(path: str, column: str) -> float:
    """How alike a CiviCRM path and an Airtable column are named, 0 to 1; the words of one may be among those of the other."""
    words = [word for word in plain_words(path).split() if word not in _HOLLOW] or plain_words(path).split()
    ours, theirs = " ".join(dict.fromkeys(words)), plain_words(column)
    return (fuzz.token_set_ratio(ours, theirs) + fuzz.ratio(ours, theirs)) / 200
