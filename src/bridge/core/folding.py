"""Forms of a text that forget how it was written: case, accents, punctuation, legal suffixes. Never written anywhere."""

import functools
import unicodedata
from collections.abc import Iterable

from bridge.core.mapping import FieldType

_SUFFIXES = frozenset(
    (
        *("inc", "incorporated", "llc", "llp", "lllp", "lp", "ltd", "limited", "corp", "corporation", "pbc", "pllc"),
        *("coop", "coops", "cooperative", "cooperatives", "cooperativa", "cooperativas", "sc", "spc", "lca"),
    )
)
_AND = frozenset(("&", "+", "y", "et"))
_ARTICLE = "the"
_QUOTES_AND_DOTS = ".'`\u2018\u2019\u02bc\u00b4"


class _WithoutPunctuation(dict[int, str | None]):
    """A table for `str.translate`, filled as characters are met: dots and quotes vanish, all other marks part words."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        if character in _QUOTES_AND_DOTS:
            result: str | None = None
        elif unicodedata.category(character)[0] in "PS" and character not in "&+":
            result = " "
        else:
            result = character
        self[code] = result
        return result


_WITHOUT_PUNCTUATION = _WithoutPunctuation()


def without_accents(text: str) -> str:
    """`text` with every letter bare: `Peña` becomes `Pena`."""
    if text.isascii():
        return text
    bare = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return unicodedata.normalize("NFC", bare)


def without_punctuation(text: str) -> str:
    """`text` without marks and symbols, words parted by one space; as it was where nothing else would be left."""
    return " ".join(text.translate(_WITHOUT_PUNCTUATION).replace("&", " ").replace("+", " ").split()) or text


def forget(text: str, habits: Iterable[str]) -> str:
    """`text` without the habits named: any of `case`, `accents`, `punctuation`."""
    if "accents" in habits:
        text = without_accents(text)
    if "case" in habits:
        text = text.casefold()
    if "punctuation" in habits:
        text = without_punctuation(text)
    return text


@functools.lru_cache(maxsize=1 << 18)
def fold(kind: FieldType, text: str) -> str:
    """The form of `text` by which names are matched: case, accents and punctuation forgotten.

    For an organisation also a leading "The", the words for "and", and legal suffixes at the end, as often as they stand
    there. What would leave nothing is not taken away, so that two names made of marks only stay apart.
    """
    folded = without_accents(text).casefold()
    if kind is not FieldType.ORGANIZATION:
        return without_punctuation(folded)
    spaced = folded.replace("co-op", "coop").translate(_WITHOUT_PUNCTUATION).replace("&", " & ").replace("+", " + ")
    words = ["and" if word in _AND else word for word in spaced.split()]
    if len(words) > 1 and words[0] == _ARTICLE:
        del words[0]
    while len(words) > 1 and words[-1] in _SUFFIXES:
        words.pop()
    return " ".join(words) or folded
