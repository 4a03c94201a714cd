"""How problems are collected and worded, in one place, so that every message reads alike."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from bridge.errors import ConfigError, Problem

_SHOWN = 60
"""Characters of a wrong value that a message shows."""

_LISTED = 14
"""A list of right words longer than this is not shown whole."""


_TELLING = 3
"""So many letters of a beginning say which word is meant."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in a file; line and column start at 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(slots=True)
class Problems:
    """Every problem found so far."""

    _found: list[tuple[Place, Problem]] = field(default_factory=list)

    def add(self, place: Place, message: str, hint: str = "") -> None:
        """Remember one problem, its message closed by a full stop; the same one twice counts once."""
        entry = (place, Problem(str(place), message.removesuffix(".") + ".", hint))
        if entry not in self._found:
            self._found.append(entry)

    def raise_if_any(self) -> None:
        """Raise ConfigError with all of them in reading order, or do nothing."""
        if self._found:
            raise ConfigError([problem for _, problem in sorted(self._found, key=lambda entry: entry[0])])


def describe(value: object) -> str:
    """`value` in the words of somebody who reads YAML, cut to a readable length."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case list() | tuple():
            return "a list" if value else "an empty list"
        case dict():
            return "a map" if value else "an empty map"
    text = str(value)
    return f"`{text[:_SHOWN]}…`" if len(text) > _SHOWN else f"`{text}`"


def expected(what: str, found: object) -> str:
    """The sentence `expected …, found …`."""
    return f"expected {what}, found {describe(found)}"


def listed(words: Iterable[str]) -> str:
    """The words for a message: `a`, `b` or `c`; empty if there are too many to read."""
    quoted = [f"`{word}`" for word in words]
    if not quoted or len(quoted) > _LISTED:
        return ""
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def nearest(word: object, words: Iterable[str]) -> str | None:
    """The one of `words` most like `word`, or that begins with it; case does not count. None if none is near."""
    fold = str(word).casefold()
    by_fold = {each.casefold(): each for each in sorted(words, reverse=True)}
    near = difflib.get_close_matches(fold, by_fold, n=1, cutoff=0.7)
    longer = sorted(each for each in by_fold if each.startswith(fold)) if len(fold) >= _TELLING else []
    return next((by_fold[each] for each in (*near, *longer)), None)


def suggest(word: object, words: Iterable[str], *, kind: str = "Known") -> str:
    """The hint `Did you mean …?`, or the list of right words where none is near, or empty."""
    words = list(words)
    if (near := nearest(word, words)) is not None:
        return f"Did you mean `{near}`?"
    return f"{kind}: {shown}." if (shown := listed(words)) else ""
