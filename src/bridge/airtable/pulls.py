"""One list of a table for all mappings of a run that read it.

A mapping takes over what another one of the same run pulled where that is all that its own list would have brought: the same
table and `where`, its columns, and no later a moment to begin from.
"""

import datetime as dt
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bridge.airtable.scan import Scan


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """What a mapping will ask of a table: the records in `where`, or those of them that changed `since`."""

    mapping: str
    base: str
    table: str
    """As the mapping names it."""
    where: str
    paths: frozenset[str]
    since: dt.datetime | None = None

    def shares_table(self, other: "Want") -> bool:
        """Whether both ask for all of a table, or both for what changed in it."""
        return (self.base, self.table, self.since is None) == (other.base, other.table, other.since is None)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A complete list: which columns it has, and from when on it has what changed (None: everything)."""

    found: Scan
    columns: frozenset[str]
    since: dt.datetime | None

    def serves(self, columns: frozenset[str], since: dt.datetime | None) -> bool:
        if since is None or self.since is None:
            return since is self.since and columns <= self.columns
        return self.since <= since and columns <= self.columns


class Pulls:
    """What the mappings of a run will ask for, and what was pulled already. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wants: list[Want] = []
        self._kept: dict[tuple[str, str, str], _Kept] = {}
        self._busy: set[tuple[str, str]] = set()

    def expect(self, wants: Iterable[Want]) -> None:
        """A run begins, whose mappings will ask for this."""
        with self._lock:
            self._wants = list(wants)
            self._kept.clear()
            self._busy.clear()

    def forget(self) -> None:
        """Believe no longer what was pulled: something was written since."""
        with self._lock:
            self._kept.clear()

    def expected(self, mapping: str) -> Want | None:
        """What the mapping was said to ask for in this run, until it has."""
        with self._lock:
            return next((each for each in self._wants if each.mapping == mapping), None)

    def beside(self, want: Want) -> list[Want]:
        """What the other mappings of the run, whose turn is still to come, will ask of the same table."""
        with self._lock:
            return [each for each in self._wants if each.mapping != want.mapping and each.shares_table(want)]

    def done(self, mapping: str) -> None:
        """The mapping's turn has come: nothing more is expected of it."""
        with self._lock:
            self._wants = [each for each in self._wants if each.mapping != mapping]

    def pull(
        self,
        want: Want,
        table: str,
        scope: str,
        own: frozenset[str],
        wanted: frozenset[str],
        *,
        read: Callable[[dt.datetime | None], Scan],
        peek: Callable[[dt.datetime], Scan],
    ) -> Scan:
        """What `want` asks for, by a list of its own only where none of this run's lists has it.

        `table` is the table's id, `scope` the formula of its `where` today, `own` the mapping's columns and `wanted` all that
        `read` asks for. `read` lists the records in scope, all or what changed from a moment on; `peek` whatever changed.
        """
        others = self.beside(want)
        self.done(want.mapping)
        if (known := self._known((want.base, table), scope, own, want.since)) is not None:
            return known
        if want.since is not None and {each.where for each in others} - {want.where}:
            quiet = self._look_once((want.base, table), _earliest(want, others), peek)
            if quiet is not None:
                return quiet
        same = [each for each in others if each.where == want.where]
        since = _earliest(want, same) if want.since is not None else None
        found = read(since)
        if same and found.complete:
            with self._lock:
                self._kept[want.base, table, scope] = _Kept(found, wanted, since)
        return found

    def _known(self, table: tuple[str, str], scope: str, columns: frozenset[str], since: dt.datetime | None) -> Scan | None:
        with self._lock:
            for key, asked in (((*table, scope), columns), ((*table, _QUIET), frozenset[str]())):
                kept = self._kept.get(key)
                if kept is not None and kept.serves(asked, since):
                    return kept.found
        return None

    def _look_once(self, table: tuple[str, str], since: dt.datetime, peek: Callable[[dt.datetime], Scan]) -> Scan | None:
        """For mappings that read different parts of a table: one list of what changed in it. None unless that is nothing."""
        if table in self._busy:
            return None
        found = peek(since)
        if found.records or not found.complete:
            self._busy.add(table)
            return None
        with self._lock:
            self._kept[*table, _QUIET] = _Kept(found, frozenset(), since)
        return found


_QUIET = "\0nothing changed"
"""Stands for every scope of a table in which nothing changed."""


def _earliest(want: Want, others: Sequence[Want]) -> dt.datetime:
    return min(each.since for each in (want, *others) if each.since is not None)
