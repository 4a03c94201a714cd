"""The `figures:` part of a mapping: that they name fields which can be counted up."""

from collections.abc import Mapping as Map

from bridge.config.conditions import Conditions
from bridge.config.draft import Draft
from bridge.config.fields import DATES, NUMBERS
from bridge.config.problems import expected, suggest
from bridge.config.rules import read_text
from bridge.config.shape_figures import ColumnShape, DaysShape, FiguresShape
from bridge.config.shape_rules import OtherField
from bridge.config.tree import Trail
from bridge.core.figures import Column, Days, Figures, Place, Way
from bridge.core.mapping import Field
from bridge.core.record import Side


def read_figures(draft: Draft, fields: Map[str, Field]) -> tuple[Figures, ...]:
    """The tables, in the order written."""
    return tuple(
        found
        for name, shape in draft.shape.figures.items()
        if (found := _figures(draft, ("figures", name), name, shape, fields)) is not None
    )


def _figures(draft: Draft, trail: Trail, name: str, shape: FiguresShape, fields: Map[str, Field]) -> Figures | None:
    columns = [_column(draft, (*trail, "columns", key), key, each, fields) for key, each in shape.columns.items()]
    by = _place(draft, (*trail, "by"), shape.by, fields)
    if by is None:
        return None
    kind = fields[by[1]].type
    if (kind in DATES) != (shape.by.each is not None):
        hint = "Add `each: month`, `quarter` or `year`." if kind in DATES else "Remove `each`."
        draft.add((*trail, "by"), f"`each` goes with days, and only with them; `{by[1]}` is of type `{kind}`.", hint)
    if fields[by[1]].sensitive:
        draft.add((*trail, "by"), f"expected a field that may be shown; `{by[1]}` is sensitive.", "Take another.")
    for key, each in shape.columns.items():
        if each.by is not None and kind not in DATES:
            what = f"`by` of a column goes with a table by days; this one is by `{by[1]}`, which is of type `{kind}`."
            draft.add((*trail, "columns", key, "by"), what, "Remove it.", key=True)
    return Figures(
        name=name,
        title=read_text(shape.title),
        by=by,
        by_title=read_text(shape.by.title),
        each=shape.by.each,
        columns=tuple(filter(None, columns)),
        fewest=shape.fewest,
    )


def _column(draft: Draft, trail: Trail, name: str, shape: ColumnShape, fields: Map[str, Field]) -> Column | None:
    when = None if shape.when is None else Conditions(draft, fields).read((*trail, "when"), shape.when)
    by = None if shape.by is None else _day(draft, (*trail, "by"), shape.by, fields)
    if by is not None and fields[by[1]].sensitive:
        draft.add((*trail, "by"), f"expected a field that may be shown; `{by[1]}` is sensitive.", "Take another.")
    ways = [way for way in Way if getattr(shape, way) is not None]
    if len(ways) != 1:
        found = " and ".join(f"`{way}`" for way in ways) or "none"
        draft.add(trail, f"expected exactly one of `count`, `sum`, `average` and `median`, found {found}.", key=True)
        return None
    way = ways[0]
    of = None if way is Way.COUNT else _measure(draft, (*trail, way), getattr(shape, way), fields)
    if way is not Way.COUNT and of is None:
        return None
    return Column(name=name, title=read_text(shape.title), way=way, of=of, by=by, when=when)


def _measure(draft: Draft, trail: Trail, shape: OtherField | DaysShape, fields: Map[str, Field]) -> Place | Days | None:
    """What is added up or averaged: a number, or the days between two."""
    if isinstance(shape, DaysShape):
        start = _day(draft, (*trail, "from"), shape.from_, fields)
        end = None if isinstance(shape.to, str) else _day(draft, (*trail, "to"), shape.to, fields)
        return None if start is None else Days(start, end)
    place = _place(draft, trail, shape, fields)
    if place is not None and (kind := fields[place[1]].type) not in NUMBERS:
        draft.add(trail, f"expected a number, found `{place[1]}`, which is of type `{kind}`.")
    return place


def _day(draft: Draft, trail: Trail, shape: OtherField, fields: Map[str, Field]) -> Place | None:
    place = _place(draft, trail, shape, fields)
    if place is not None and (kind := fields[place[1]].type) not in DATES:
        draft.add(trail, f"expected a day, found `{place[1]}`, which is of type `{kind}`.")
    return place


def _place(draft: Draft, trail: Trail, shape: OtherField, fields: Map[str, Field]) -> Place | None:
    """The side and field that are named, or None after telling what is wrong with them."""
    named = [(side, name) for side in Side if (name := getattr(shape, side.value)) is not None]
    if len(named) != 1:
        draft.add(trail, "expected one of `civicrm` and `airtable`, found " + ("both." if named else "none."))
        return None
    side, name = named[0]
    field = fields.get(name)
    if field is None:
        names = draft.keys("fields")
        if name not in names:
            draft.add((*trail, side.value), expected("a field of this mapping", name), suggest(name, names, kind="Fields"))
        return None
    if field.at[side] is None:
        what = f"expected a field that stands in {side.title}, found `{name}`, which stands only in {side.other.title}."
        draft.add((*trail, side.value), what, f"Write `{side.other}: {name}`.")
        return None
    return side, name
