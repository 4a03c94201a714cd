"""Names that look alike, for a person to decide: nothing is ever linked by similarity.

Only texts that share a block are scored: the rarest word both sides know, or the first letters. Two texts are as similar as
the better of their Jaro-Winkler similarities, as written and with the words sorted (which forgives "Bakery Arroyo"). Names that
are the same are set aside first; of the others a pair is suggested only if neither has a better partner.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler

_PREFIX = 4
_TOO_COMMON = 5
"""A name that fits more partners than this equally well says nothing about who is who."""


@dataclass(frozen=True, slots=True)
class Text:
    """A folded, non-empty name and what must be equal beside it."""

    id: str
    text: str
    within: Hashable = ()

    @property
    def place(self) -> Hashable:
        """What two texts must share to be the same name at the same place."""
        return (self.within, self.text)


Scores = dict[tuple[str, str], float]
"""Left and right id to similarity, 0 to 1."""


def alike(left: Sequence[Text], right: Sequence[Text], least: float, apart: Collection[tuple[str, str]]) -> Scores:
    """The pairs of ids that are the same or, of those left, at least `least` similar and neither better with another; ties too.

    `apart` are pairs that a person said are not the same. The result does not depend on the order of what is given.
    """
    scores = {pair: 1.0 for pair in _same(left, right) if pair not in apart}
    settled = {id_ for pair in scores for id_ in pair}
    left = [each for each in left if each.id not in settled]
    right = [each for each in right if each.id not in settled]
    for pair, score in _scored(left, right, least):
        if pair not in apart and score > scores.get(pair, 0.0):
            scores[pair] = score
    return _mutually_best(scores)


def _same(left: Sequence[Text], right: Sequence[Text]) -> Iterator[tuple[str, str]]:
    places = _grouped((each.place, each) for each in right)
    counts = Counter(each.place for each in left)
    for each in left:
        found = places.get(each.place, ())
        if max(len(found), counts[each.place]) <= _TOO_COMMON:
            yield from ((each.id, other.id) for other in found)


def _grouped(keyed: Iterator[tuple[Hashable, Text]]) -> Mapping[Hashable, list[Text]]:
    groups: defaultdict[Hashable, list[Text]] = defaultdict(list)
    for key, each in keyed:
        groups[key].append(each)
    return groups


def _scored(left: Sequence[Text], right: Sequence[Text], least: float) -> Iterator[tuple[tuple[str, str], float]]:
    commonness = _commonness(left, right)
    theirs = _grouped((key, each) for each in right for key in _blocks(each, commonness))
    ours = _grouped((key, each) for each in left for key in _blocks(each, commonness))
    for key in ours.keys() & theirs.keys():
        block = theirs[key]
        plain = [each.text for each in block]
        ordered = [_sorted_words(each.text) for each in block]
        for each in ours[key]:
            for query, choices in ((each.text, plain), (_sorted_words(each.text), ordered)):
                found = process.extract(query, choices, scorer=JaroWinkler.similarity, score_cutoff=least, limit=None)
                for _, score, index in found:
                    yield (each.id, block[index].id), score


def _commonness(left: Sequence[Text], right: Sequence[Text]) -> Mapping[str, int]:
    """How often each word that both sides use occurs."""
    here = Counter(word for each in left for word in set(each.text.split()))
    there = Counter(word for each in right for word in set(each.text.split()))
    return {word: here[word] + there[word] for word in here.keys() & there.keys()}


def _blocks(each: Text, commonness: Mapping[str, int]) -> Iterator[Hashable]:
    known = [(commonness[word], word) for word in each.text.split() if word in commonness]
    if known:
        yield (each.within, "word", min(known)[1])
    yield (each.within, "start", each.text[:_PREFIX])


def _sorted_words(text: str) -> str:
    return " ".join(sorted(text.split()))


def _mutually_best(scores: Scores) -> Scores:
    best: defaultdict[tuple[int, str], float] = defaultdict(float)
    for pair, score in scores.items():
        for place in enumerate(pair):
            best[place] = max(best[place], score)
    mutual = {pair: score for pair, score in scores.items() if score == best[0, pair[0]] == best[1, pair[1]]}
    partners = Counter(place for pair in mutual for place in enumerate(pair))
    return {pair: mutual[pair] for pair in sorted(mutual) if max(map(partners.__getitem__, enumerate(pair))) <= _TOO_COMMON}
