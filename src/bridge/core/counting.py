"""Counts up a mapping's figures over linked pairs, so that no figure tells on one of a few."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from statistics import median

from bridge.core import conditions, values
from bridge.core.figures import Column, Days, Figures, Place, Span, Way
from bridge.core.mapping import Condition, Field
from bridge.core.match import Pair
from bridge.core.record import PerSide, Unreadable

FEWEST = 5
"""A figure of a sensitive field is shown only where at least so many records are in it: one of fewer would tell on somebody."""

_TO_BE_A_CROWD = 2
"""Of so many hidden lines none can be told from the total."""


class Hidden(Enum):
    """A figure that is not shown."""

    HIDDEN = "hidden"


Figure = Decimal | Hidden | None
"""None: there is nothing to take an average or a median of."""


@dataclass(frozen=True, slots=True)
class Line:
    """The figures of one month or value, in the order of the columns. `key` None: blank."""

    key: str | None
    cells: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """A table that was counted up: its lines by key, the blank one last, and the total over all."""

    figures: Figures
    lines: tuple[Line, ...]
    total: Line

    @property
    def hides(self) -> bool:
        """Whether some figure is not shown."""
        return any(cell is Hidden.HIDDEN for line in (*self.lines, self.total) for cell in line.cells)

    @property
    def fewest(self) -> int:
        """How many records a figure must be over to be shown, where any is hidden."""
        return self.figures.fewest or FEWEST


def count_up(
    figures: Figures, pairs: Iterable[Pair], fields: Mapping[str, Field], today: dt.date, *, zone: dt.tzinfo
) -> Counted:
    """The table over these pairs. What cannot be read is in no sum, fulfils no condition, and stands in the blank line.

    A figure over fewer records than the table allows is hidden, and as many others of its column with it as keep the total
    from telling it.
    """
    counter = _Counter(figures, fields, today, zone)
    everyone = tuple(pairs)
    columns = [counter.found(column, everyone) for column in figures.columns]
    keys = {counter.key(figures.by, pair) for pair in everyone}.union(*columns)
    ordered = sorted(keys, key=lambda key: (key is None, key or ""))
    shown = [
        _shown(column, counter.least(column), [found.get(key, []) for key in ordered])
        for column, found in zip(figures.columns, columns, strict=True)
    ]
    *lines, total = (Line(key, cells) for key, cells in zip([*ordered, None], zip(*shown, strict=True), strict=True))
    return Counted(figures, tuple(lines), total)


def _shown(column: Column, least: int, found: Sequence[Sequence[Decimal]]) -> list[Figure]:
    """One column: the figure of each line, and of all of them."""
    sizes = [len(each) for each in found]
    hidden = {place for place, size in enumerate(sizes) if 0 < size < least}
    others = sorted((place for place, size in enumerate(sizes) if size >= least), key=lambda place: sizes[place], reverse=True)

    def tells() -> bool:
        """Whether the total less what is shown would tell a figure that is hidden."""
        return bool(hidden) and (len(hidden) < _TO_BE_A_CROWD or sum(sizes[place] for place in hidden) < least)

    while others and tells():
        hidden.add(others.pop())
    figures = [Hidden.HIDDEN if place in hidden else _figure(column, each) for place, each in enumerate(found)]
    total = Hidden.HIDDEN if tells() else _figure(column, [value for each in found for value in each])
    return [*figures, total]


def _figure(column: Column, found: Sequence[Decimal]) -> Decimal | None:
    match column.way:
        case Way.COUNT:
            return Decimal(len(found))
        case Way.SUM:
            return sum(found, Decimal(0))
        case Way.AVERAGE:
            return sum(found, Decimal(0)) / len(found) if found else None
        case Way.MEDIAN:
            return median(found) if found else None


@dataclass(frozen=True, slots=True)
class _Counter:
    """One table's questions to a pair."""

    figures: Figures
    fields: Mapping[str, Field]
    today: dt.date
    zone: dt.tzinfo

    def least(self, column: Column) -> int:
        """Over how many records a figure of the column must be, to be shown."""
        if self.figures.fewest is not None:
            return self.figures.fewest
        places = (column.of.start, column.of.end) if isinstance(column.of, Days) else (column.of,)
        return FEWEST if any(place is not None and self.fields[place[1]].sensitive for place in places) else 1

    def found(self, column: Column, pairs: Iterable[Pair]) -> dict[str | None, list[Decimal]]:
        """By line, what each pair that is meant puts into the column; a pair that is only counted puts a one."""
        found: defaultdict[str | None, list[Decimal]] = defaultdict(list)
        for pair in pairs:
            key = self.key(column.by or self.figures.by, pair)
            if (column.by is not None and key is None) or not (column.when is None or self._holds(column.when, pair)):
                continue
            if (value := self._value(column, pair)) is not None:
                found[key].append(value)
        return found

    def key(self, place: Place, pair: Pair) -> str | None:
        """The line that the pair stands in by this cell."""
        day = self._day(place, pair)
        if day is None or self.figures.each is None:
            side, name = place
            cell = pair[side].cells[name]
            return None if cell is None or isinstance(cell, Unreadable) else values.display(self.fields[name], cell)
        quarter = (day.month + 2) // 3
        return {Span.YEAR: f"{day:%Y}", Span.QUARTER: f"{day:%Y}-Q{quarter}", Span.MONTH: f"{day:%Y-%m}"}[self.figures.each]

    def _value(self, column: Column, pair: Pair) -> Decimal | None:
        if column.of is None:
            return Decimal(1)
        if isinstance(column.of, Days):
            start = self._day(column.of.start, pair)
            end = self.today if column.of.end is None else self._day(column.of.end, pair)
            return None if start is None or end is None else Decimal((end - start).days)
        side, name = column.of
        cell = pair[side].cells[name]
        return cell if isinstance(cell, Decimal) else None

    def _day(self, place: Place, pair: Pair) -> dt.date | None:
        side, name = place
        cell = pair[side].cells[name]
        if isinstance(cell, dt.datetime):
            return cell.astimezone(self.zone).date()
        return cell if isinstance(cell, dt.date) else None

    def _holds(self, when: Condition, pair: Pair) -> bool:
        cells = PerSide(pair.civicrm.cells, pair.airtable.cells)
        return conditions.holds(when, cells, self.fields, self.today, zone=self.zone) is True
