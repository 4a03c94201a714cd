"""What a draft proposes: who is who, which fields belong together, what is sensitive, which records are meant.

It decides nothing that is a person's to decide: no field is given an owner.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bridge.core.linking import KeyFit, Linked, fit, may_be_key, naming, tells_apart
from bridge.core.mapping import FieldType, Key
from bridge.core.pairing import Paired, Pairings, pair_fields
from bridge.core.record import PerSide, Side
from bridge.core.survey import Candidate, Sample

_PRIVATE = re.compile(
    r"birth|\bdob\b|\bage\b|\bssn\b|social security|\btax|\bein\b|\bitin\b|premium|insur|health|medical|diagnos|disab|"
    r"\bmember (number|no|id)\b|subscriber|policy (number|no|id)|carrier id|claim|salary|\bwage|income|\bpay\b|gender|\bsex\b|"
    r"pronoun|race|ethnic|religio|orientation|immigra|citizen|passport|licen[cs]e|bank|account n|iban|routing|password",
    re.IGNORECASE,
)
"""Words in a field's name that speak of health, money, identity papers, or what else is nobody's business."""

_SET_ASIDE = re.compile(r"archiv|inactive|deleted|hidden|obsolete|\bold\b", re.IGNORECASE)
_GOOD_SHARE = 0.5
_NEARLY_ALL = 0.99
_KEY_FIELDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A draft before it is written down; it was judged by `linked` pairs of `rows` that were looked at.

    `exact` are the rules to match by, each with what it would do, `others` single keys that were weighed and not taken, and
    `similar` the whole name and what must be equal beside it. `sub_type` is what nearly every linked contact is, `set_aside`
    the checkboxes that keep rows out. `filled` says of each field left over how many linked records hold something there.
    """

    exact: tuple[KeyFit, ...]
    others: tuple[KeyFit, ...]
    similar: tuple[Key, ...]
    pairings: Pairings
    linked: int
    rows: PerSide[int]
    sub_type: str
    set_aside: tuple[str, ...]
    filled: PerSide[Mapping[str, int]]


def propose(sample: Sample, candidates: PerSide[Sequence[Candidate]], linked: Linked) -> Proposal:
    """What the sample says a mapping could be, judged by the rows known to belong together."""
    pairings = pair_fields(sample, linked, candidates)
    fits = [fit(sample, [key]) for key in _keys(pairings.pairs)]
    exact = tuple(each for each in (_identifier(fits), _several(sample, fits)) if each is not None)
    taken = {key.at for each in exact for key in each.keys if len(each.keys) == 1}
    return Proposal(
        exact=exact,
        others=tuple(each for each in fits if each.keys[0].at not in taken and _worth_saying(each)),
        similar=_similar(exact, fits),
        pairings=pairings,
        linked=len(linked),
        rows=sample.rows.map(len),
        sub_type=_sub_type(sample, linked),
        set_aside=tuple(each.path for each in candidates.airtable if _keeps_out(each)),
        filled=PerSide(
            {each.path: _filled(sample, each, [here for here, _ in linked]) for each in pairings.left.civicrm},
            {each.path: _filled(sample, each, [there for _, there in linked]) for each in pairings.left.airtable},
        ),
    )


def _worth_saying(found: KeyFit) -> bool:
    return found.links >= _GOOD_SHARE * found.rows and found.keys[0].type is not FieldType.DATE


def _filled(sample: Sample, each: Candidate, places: Iterable[int]) -> int:
    column = sample.column(each.side, each.path, each.type)
    return sum(column[place] not in (None, False) for place in places)


def sensitive(paired: Paired) -> bool:
    """Whether the names of a pair say that its values are nobody's business."""
    return any(is_private(each.path) for _, each in paired.at)


def is_private(path: str) -> bool:
    """Whether a field's name speaks of health, money, identity papers, or what else is nobody's business."""
    return _PRIVATE.search(re.sub(r"[._:]+", " ", path)) is not None


def _keys(pairs: Iterable[Paired]) -> Iterable[Key]:
    """The paired fields whose values can be a key."""
    for each in pairs:
        if may_be_key(each.type):
            at = each.at.map(lambda one: one.path)
            yield Key(at=at, type=naming(each.at.civicrm.path) or each.type)


def _identifier(fits: Sequence[KeyFit]) -> KeyFit | None:
    """The best single key that is meant to tell records apart: an id, a number, a code. Addresses are shared and change.

    CiviCRM's own identifiers go before any other, and a number that is nobody's business comes last.
    """
    meant = [each for each in fits if tells_apart(each.keys[0])]
    good = [each for each in meant if each.links >= _GOOD_SHARE * each.rows and each.worth > 0]
    return max(
        good, key=lambda each: (not _private(each.keys[0]), each.keys[0].at.civicrm in _ITS_OWN, each.worth), default=None
    )


_ITS_OWN = ("external_identifier", "id")


def _private(key: Key) -> bool:
    return any(is_private(path) for _, path in key.at)


def _several(sample: Sample, fits: Sequence[KeyFit]) -> KeyFit | None:
    """Names with what else makes them nearly unique: a state, a day of birth. Never a name alone."""
    names = _without_doubles([each.keys[0] for each in fits if naming(each.keys[0].at.civicrm)])
    beside = [each.keys[0] for each in fits if _beside_a_name(each.keys[0])]
    tried = [
        fit(sample, [*some, *rest])
        for size in range(1, _KEY_FIELDS)
        for some in itertools.combinations(names, size)
        for extra in range(1, _KEY_FIELDS + 1 - size)
        for rest in itertools.combinations(beside, extra)
    ]
    best = max(tried, key=lambda each: (_whole_name(each), each.worth), default=None)
    return best if best is not None and best.links >= _GOOD_SHARE * best.rows and best.worth > 0 else None


def _without_doubles(names: Sequence[Key]) -> Sequence[Key]:
    """Where a person's first and last names are there, the name that is put together of them says nothing more."""
    parts = {key.at.civicrm for key in names} >= {"first_name", "last_name"}
    return [key for key in names if not (parts and key.at.civicrm == "display_name")]


def _whole_name(found: KeyFit) -> bool:
    """Whether a rule that asks a person's first or last name asks both."""
    parts = {key.at.civicrm for key in found.keys} & {"first_name", "last_name"}
    return len(parts) != 1


def _beside_a_name(key: Key) -> bool:
    return key.type in (FieldType.STATE, FieldType.POSTAL_CODE, FieldType.DATE, FieldType.COUNTRY) and not _is_standing(key)


def _is_standing(key: Key) -> bool:
    """A day that moves with a person's standing tells nobody apart."""
    return key.type is FieldType.DATE and "birth" not in key.at.civicrm


def _similar(exact: Sequence[KeyFit], fits: Sequence[KeyFit]) -> tuple[Key, ...]:
    """The whole name, then what must be equal beside it; nothing where no field holds a whole name."""
    whole = ("organization_name", "display_name", "household_name")
    name = next((each.keys[0] for each in fits if each.keys[0].at.civicrm in whole), None)
    within = [key for each in exact for key in each.keys if _beside_a_name(key)]
    return (name, *within) if name is not None else ()


def _sub_type(sample: Sample, linked: Linked) -> str:
    """The sub type that nearly every linked CiviCRM record has, or nothing."""
    counts = Counter(word for place, _ in linked for word in _sub_types(sample, place))
    word, count = next(iter(counts.most_common(1)), ("", 0))
    return word if linked and count >= _NEARLY_ALL * len(linked) else ""


def _sub_types(sample: Sample, place: int) -> frozenset[str]:
    cell = sample.column(Side.CIVICRM, "contact_sub_type", FieldType.CHOICES)[place]
    return cell if isinstance(cell, frozenset) else frozenset()


def _keeps_out(each: Candidate) -> bool:
    return each.type is FieldType.BOOLEAN and _SET_ASIDE.search(each.path) is not None
