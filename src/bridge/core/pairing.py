"""Which fields of the two sides belong together, by how well their values agree over linked rows, by type, and by name."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bridge.core.agreement import Evidence, Pairs, agree, learn_options, likeness, same_links, translated
from bridge.core.linking import Linked, naming
from bridge.core.mapping import FieldType
from bridge.core.record import PerSide, Side
from bridge.core.survey import Candidate, Sample, joint_type

_SURE = 0.5
"""Kappa from which values alone make a pair: half of what chance leaves open is equal."""

_NAMED_ALIKE = 0.75
_HINT = 0.2
_LEAST_EQUAL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Two fields that belong together. `values` are options by CiviCRM name, `seen` how many rows say so of each.

    Names are judged as matching sees them; `written_alike` says how many of the equal ones are also written the same.
    """

    at: PerSide[Candidate]
    type: FieldType
    evidence: Evidence
    likeness: float
    values: Mapping[str, str] = field(default_factory=dict)
    seen: Mapping[str, int] = field(default_factory=dict)
    written_alike: int | None = None

    @property
    def proven(self) -> bool:
        """Whether values speak for the pair, and not its names alone."""
        beyond = self.evidence.beyond_chance
        named = self.likeness >= _NAMED_ALIKE
        if named and self.evidence.equal == self.evidence.both > 0:
            return True
        enough = self.evidence.equal >= _LEAST_EQUAL
        if beyond is None:
            return enough and named and self.evidence.share > _SURE
        return enough and (beyond >= _SURE or (named and beyond >= _HINT))

    @property
    def perhaps(self) -> bool:
        """Whether names and types fit and there is nothing to judge the values by."""
        return self.likeness >= _NAMED_ALIKE and self.evidence.both < _LEAST_EQUAL

    @property
    def score(self) -> float:
        """For choosing among pairs that claim the same field: values first, then names, then what can be written."""
        beyond = self.evidence.beyond_chance
        judged = _SURE if beyond is None else beyond
        return (
            judged
            + 0.3 * self.likeness
            + 0.05 * self.at.civicrm.writable
            + 0.05 * self.evidence.both / (self.evidence.linked or 1)
        )

    @property
    def lossy(self) -> bool:
        """Whether several CiviCRM names share an option, so that nothing can be written back."""
        return len(set(self.values.values())) < len(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairings:
    """What belongs together, what may (named alike, without a value to judge by), and the candidates that are left over."""

    pairs: tuple[Paired, ...]
    perhaps: tuple[Paired, ...]
    left: PerSide[tuple[Candidate, ...]]


def pair_fields(sample: Sample, linked: Linked, candidates: PerSide[Sequence[Candidate]]) -> Pairings:
    """Each field with at most one partner, the best first; in the order of Airtable's columns."""
    judged = [
        found
        for there in candidates.airtable
        for here in candidates.civicrm
        if (found := _judge(sample, linked, here, there)) is not None
    ]
    pairs = _each_once([each for each in judged if each.proven])
    taken = {(side, at.path) for each in pairs for side, at in each.at}
    free = [each for each in judged if each.perhaps and not any((side, at.path) in taken for side, at in each.at)]
    perhaps = _each_once(free)
    order = {each.path: place for place, each in enumerate(candidates.airtable)}
    return Pairings(
        pairs=tuple(sorted(pairs, key=lambda each: order[each.at.airtable.path])),
        perhaps=tuple(sorted(perhaps, key=lambda each: order[each.at.airtable.path])),
        left=candidates.map(lambda each: tuple(one for one in each if (one.side, one.path) not in taken)),
    )


def _each_once(judged: list[Paired]) -> list[Paired]:
    """The best pairs, so that no field is in two; of equals the first."""
    taken: set[tuple[Side, str]] = set()
    chosen = []
    for each in sorted(judged, key=lambda each: -each.score):
        places = {(side, at.path) for side, at in each.at}
        if not places & taken:
            taken |= places
            chosen.append(each)
    return chosen


def _judge(sample: Sample, linked: Linked, here: Candidate, there: Candidate) -> Paired | None:
    """The evidence that two fields belong together, or None where no type reads both."""
    kind = joint_type(here, there)
    if kind is None:
        return None
    ours, theirs = (sample.column(each.side, each.path, kind) for each in (here, there))
    pairs: Pairs = [(ours[one], theirs[other]) for one, other in linked]
    alike = likeness(here.path, there.path)
    at = PerSide(here, there)
    if kind is FieldType.REFERENCE:
        return Paired(at=at, type=kind, evidence=same_links(pairs), likeness=alike)
    if kind in (FieldType.CHOICE, FieldType.CHOICES):
        learnt = learn_options(pairs, here.options, there.options)
        evidence = agree(translated(pairs, learnt))
        return Paired(at=at, type=kind, evidence=evidence, likeness=alike, values=learnt.values, seen=learnt.seen)
    if (named := naming(here.path)) is not None and kind is FieldType.TEXT:
        return _named(sample, linked, Paired(at=at, type=kind, evidence=agree(pairs), likeness=alike), named)
    return Paired(at=at, type=kind, evidence=agree(pairs), likeness=alike)


def _named(sample: Sample, linked: Linked, plain: Paired, kind: FieldType) -> Paired:
    """The same pair of names, judged as matching sees them."""
    ours, theirs = (sample.column(side, each.path, kind, folded=True) for side, each in plain.at)
    evidence = agree([(ours[one], theirs[other]) for one, other in linked])
    return dataclasses.replace(plain, evidence=evidence, written_alike=plain.evidence.equal)
