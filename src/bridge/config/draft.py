"""A mapping file whose shape has been checked, with what is needed to say where things stand.

A part whose shape is wrong is set aside, so that the meaning of all the rest is still checked and told in the same go.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from bridge.config.problems import Problems, describe, expected, listed, nearest, suggest
from bridge.config.prose import described
from bridge.config.shape import MappingShape
from bridge.config.tree import Trail, Tree, read
from bridge.core.record import Json

_STAND_INS: dict[str, Json] = {
    "mapping": "unnamed",
    "civicrm": {"entity": "Unknown"},
    "airtable": {"base": "unknown", "table": "unknown"},
    "match": [{"exact": {"civicrm": "id", "airtable": "unknown"}}],
    "fields": {"unknown": {"civicrm": "id", "type": "identifier"}},
}
"""What a required part is replaced by while the rest is checked; nothing inside one is ever told."""

_ITEMS: dict[Trail, Json] = {
    ("match",): {"exact": {"civicrm": "id", "airtable": "unknown"}},
    ("examples",): {"name": "unknown", "expect": {}},
    ("civicrm", "where"): ["id", "=", 0],
    ("airtable", "where"): ["unknown", "=", ""],
}
"""The same for one item of a list, whose neighbours must keep their index."""

_ENTRIES: tuple[Trail, ...] = (("fields",), ("rules",), ("civicrm", "related"))
"""Maps whose entries stand or fall one by one."""

_KINDS = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "dict_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "a number from {:g} up"),
    "less_than_equal": ("le", "a number up to {:g}"),
}


@dataclass(frozen=True, slots=True)
class Draft:
    """One file's shape. Problems inside a broken part are not added: they would only follow from the first."""

    tree: Tree
    shape: MappingShape
    problems: Problems = field(repr=False)
    broken: frozenset[Trail] = frozenset()

    def add(self, trail: Trail, message: str, hint: str = "", *, key: bool = False) -> None:
        """Add a problem at the value (or with `key`, at the key) of `trail`."""
        if not self.is_broken(trail):
            self.problems.add(self.tree.place(trail, key=key), message, hint)

    def is_broken(self, trail: Trail) -> bool:
        """Whether `trail` lies in a part whose shape is wrong."""
        return any(trail[: len(part)] == part for part in self.broken)

    def keys(self, *trail: str) -> tuple[str, ...]:
        """The keys written under `trail`, broken ones too."""
        data: Json = self.tree.data
        for part in trail:
            data = data.get(part) if isinstance(data, dict) else None
        return tuple(data) if isinstance(data, dict) else ()


def draft(file: Path, problems: Problems) -> Draft | None:
    """The file as a draft, or None where nothing of it can be checked further. Adds all problems of its shape."""
    tree = read(file, problems)
    if tree is None:
        return None
    if not isinstance(tree.data, dict):
        problems.add(tree.place(()), expected("keys such as `mapping:`, `civicrm:` and `fields:`", tree.data))
        return None
    try:
        return Draft(tree, MappingShape.model_validate(tree.data), problems)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    for each in errors:
        _add(each, tree, problems)
    broken = frozenset(_part(_in_file(each["loc"], tree)) for each in errors)
    return Draft(tree, MappingShape.model_validate(_set_aside(tree.data, broken)), problems, broken)


def _in_file(loc: Trail, tree: Tree) -> Trail:
    """`loc` without the validator's own labels; a missing key stays as the last part."""
    known: Trail = ()
    for part in loc:
        if (*known, part) in tree.values:
            known = (*known, part)
    return known if known or not loc else loc[:1]


def _part(trail: Trail) -> Trail:
    """The part of the file that is set aside for a problem at `trail`."""
    for container in (*_ITEMS, *_ENTRIES):
        if trail[: len(container)] == container and len(trail) > len(container):
            return trail[: len(container) + 1]
    return trail[:1]


def _set_aside(data: dict[str, Json], broken: frozenset[Trail]) -> dict[str, Json]:
    """A copy of `data` whose broken parts are gone or replaced by a stand-in."""
    sound = {key: value for key, value in data.items() if (key,) not in broken}
    for trail in sorted((part for part in broken if len(part) > 1), key=len):
        if trail[:1] not in broken:
            _replace(sound, trail)
    for key, value in _STAND_INS.items():
        if not sound.get(key):
            sound[key] = value
    return sound


def _replace(data: dict[str, Json], trail: Trail) -> None:
    """Take the entry at `trail` out, or put the stand-in of its list there, copying what is changed."""
    holder: Any = data
    for part in trail[:-1]:
        copy = holder[part].copy()
        holder[part] = copy
        holder = copy
    if isinstance(holder, list):
        holder[int(trail[-1])] = _ITEMS[trail[:-1]]
    else:
        del holder[trail[-1]]


def _add(error: ErrorDetails, tree: Tree, problems: Problems) -> None:
    """Word one of pydantic's errors and add it at its place."""
    loc, kind, found = error["loc"], error["type"], error["input"]
    place = tree.place(loc)
    match kind:
        case "missing":
            keys = dict(_keys_at(loc[:-1]))
            place = tree.place(loc[:-1], key=True)
            problems.add(place, f"expected the key `{loc[-1]}`, found none.", _first_sentence(keys.get(str(loc[-1]), "")))
        case "extra_forbidden":
            keys = dict(_keys_at(loc[:-1]))
            problems.add(tree.place(loc, key=True), f"unknown key `{loc[-1]}`.", suggest(loc[-1], keys, kind="Keys here"))
        case "enum" | "literal_error":
            words = re.findall(r"'([^']*)'", error["ctx"]["expected"]) or [error["ctx"]["expected"].lower()]
            near = nearest(found, words) if isinstance(found, str) else None
            what = listed(words) or ("a known word" if near else "one of " + ", ".join(words))
            problems.add(place, f"{expected(what, found)}.", f"Did you mean `{near}`?" if near else "")
        case "value_error":
            what, *hint = error["ctx"]["error"].args
            problems.add(tree.place(loc, key=loc[-1] == "[key]"), f"{what}, found {describe(found)}.", *hint)
        case "too_short":
            problems.add(place, expected("at least one entry", found))
        case _ if kind in _BOUNDS:
            bound, what = _BOUNDS[kind]
            problems.add(place, expected(what.format(error["ctx"][bound]), found))
        case _:
            quote = "Put it in quotes." if kind == "string_type" and isinstance(found, int | float) else ""
            problems.add(place, expected(_KINDS.get(kind, error["msg"].lower()), found), quote)


def _first_sentence(text: str) -> str:
    """`text` up to its first full stop."""
    return f"{text.partition('. ')[0].rstrip('.:')}." if text else ""


def _keys_at(loc: Sequence[str | int]) -> Iterator[tuple[str, str]]:
    """The keys that the map at `loc` may have, each with its description."""
    shape: Any = MappingShape
    for part in loc:
        shape = _step(shape, part)
    for each in _models(shape):
        prose = described(each)  # of a file that is wrong, so it may take its time
        for name, info in each.model_fields.items():
            yield info.alias or name, prose.get(name, "")


def _step(shape: Any, part: str | int) -> Any:
    """The type of what `part` leads to from a value of type `shape`. A union's arm is named by its tag."""
    arguments = get_args(shape)
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        return next((info.annotation for name, info in shape.model_fields.items() if part in (info.alias, name)), None)
    if get_origin(shape) is Annotated:
        return _step(arguments[0], part)
    if get_origin(shape) in (list, dict):
        return arguments[-1]
    for arm in arguments:
        if any(isinstance(each, Tag) and each.tag == part for each in get_args(arm)[1:]):
            return get_args(arm)[0]
    arms = [arm for arm in arguments if arm is not type(None)]
    return _step(arms[0], part) if arms else None


def _models(shape: Any) -> Iterator[type[BaseModel]]:
    """The models a value of type `shape` may be, seen through Optional and Annotated."""
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        yield shape
    elif get_origin(shape) not in (list, dict):
        for arm in get_args(shape):
            yield from _models(arm)
