"""Where a mapping file says the name of a table, a field or an option: every line that a new name concerns."""

from collections.abc import Collection, Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass

from bridge.config.drift import Rename, What
from bridge.config.tree import Trail
from bridge.core.record import Json, Side


@dataclass(frozen=True, slots=True)
class Spot:
    """A key or a value of a file that says an old name."""

    trail: Trail
    key: bool = False


def spots(data: Json, rename: Rename) -> list[Spot]:
    """Every place of a mapping file that says the old name of what was renamed."""
    if not isinstance(data, dict):
        return []
    match rename.what:
        case What.TABLE:
            return [Spot(("airtable", "table"))]
        case What.FIELD:
            return [*_places(data, rename), *_conditions(data, rename), *_rows(data, rename)]
        case What.OPTION:
            return list(_options(data, rename))


def _places(data: Map[str, Json], rename: Rename) -> Iterator[Spot]:
    """Fields and match keys."""
    for name, field in _items(data.get("fields")):
        if isinstance(field, dict) and field.get(rename.side) == rename.old:
            yield Spot(("fields", name, rename.side.value))
    for trail, pair in _maps(data.get("match"), ("match",)):
        if pair.get(rename.side) == rename.old:
            yield Spot((*trail, rename.side.value))


def _maps(value: Json, trail: Trail) -> Iterator[tuple[Trail, Map[str, Json]]]:
    """Every map inside `value`, with its place."""
    if isinstance(value, dict):
        yield trail, value
        for key, each in value.items():
            yield from _maps(each, (*trail, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _maps(each, (*trail, index))


def _conditions(data: Map[str, Json], rename: Rename) -> Iterator[Spot]:
    """The scope's conditions, also inside OR, AND and NOT."""
    source = data.get(rename.side)
    yield from _asked(source.get("where") if isinstance(source, dict) else None, (rename.side.value, "where"), rename.old)


def _asked(value: Json, trail: Trail, old: str) -> Iterator[Spot]:
    if isinstance(value, list):
        if value[:1] == [old] and len(value) > 1:
            yield Spot((*trail, 0))
        for index, each in enumerate(value):
            yield from _asked(each, (*trail, index), old)


def _rows(data: Map[str, Json], rename: Rename) -> Iterator[Spot]:
    """The rows of examples; a related row stands as a map under its alias."""
    for index, example in enumerate(_examples(data)):
        for key, value in _items(example.get(rename.side)):
            place: Trail = ("examples", index, rename.side.value, key)
            if key == rename.old:
                yield Spot(place, key=True)
            inner = rename.old.removeprefix(f"{key}.")
            if inner != rename.old and isinstance(value, dict) and inner in value:
                yield Spot((*place, inner), key=True)


def _options(data: Map[str, Json], rename: Rename) -> Iterator[Spot]:
    """The field's `values`, the operands that rules hold it against, and the cells of examples."""
    fields = {name: field for name, field in _items(data.get("fields")) if isinstance(field, dict)}
    named = {name for name, field in fields.items() if field.get(rename.side) == rename.path}
    civicrm = rename.side is Side.CIVICRM
    for name in named:
        for key, option in _items(fields[name].get("values")):
            if rename.old == (key if civicrm else option):
                yield Spot(("fields", name, "values", key), key=civicrm)
    for trail, asked in _maps(data.get("rules"), ("rules",)):
        if named & {asked.get("civicrm"), asked.get("airtable")}:
            yield from _cells(asked, trail, _OPERANDS, rename.old)
    for index, example in enumerate(_examples(data)):
        yield from _cells(example.get(rename.side), ("examples", index, rename.side.value), {rename.path}, rename.old)
        yield from _cells(example.get("base"), ("examples", index, "base"), named, rename.old)


_OPERANDS = frozenset({"is", "is_not", "in", "not_in"})


def _cells(row: object, trail: Trail, keys: Collection[str], old: str) -> Iterator[Spot]:
    """Where the map `row` says `old` under one of `keys`, alone or in a list."""
    for key, value in _items(row):
        if key in keys:
            yield from _said(value, (*trail, key), old)


def _examples(data: Map[str, Json]) -> list[dict[str, Json]]:
    found = data.get("examples")
    return [each if isinstance(each, dict) else {} for each in found] if isinstance(found, list) else []


def _said(value: Json, trail: Trail, old: str) -> Iterator[Spot]:
    if value == old:
        yield Spot(trail)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            if each == old:
                yield Spot((*trail, index))


def _items(value: object) -> Iterator[tuple[str, Json]]:
    if isinstance(value, dict):
        yield from value.items()
