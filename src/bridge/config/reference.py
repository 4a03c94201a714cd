"""The reference page of the mapping language, made of its JSON Schema, so that it says what editors say."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]

_OPENING = """\
# Every key of a mapping file

This page is made of the schema by which editors complete and check; `python -m bridge.config.schema` renews it. To learn the
language read [how to write a mapping](../mappings/README.md) or [build one step by step](first-mapping.md). To have these words
beside the file you write, [set up your editor](editors.md).

`<name>` is a word of your own, `[]` an item of a list, and a key in **bold** is needed. Which keys go together is checked by
`bridge check`, which says so at its line.
"""
_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a map",
    "array": "a list",
}


@dataclass(frozen=True, slots=True)
class _Map:
    """One kind of map that has keys of its own, and every way that leads to it; the first one names its section."""

    schema: Schema
    ways: list[str]

    @property
    def title(self) -> str:
        """The heading of its section."""
        return f"`{self.ways[0]}`" if self.ways[0] else "The file"


def reference(schema: Schema) -> str:
    """The page, in Markdown: a section for each kind of map, in the order in which a file meets them."""
    maps = _maps(schema)
    return "\n".join([_OPENING, *(_section(schema, each, maps) for each in maps.values())])


def _maps(schema: Schema) -> dict[str, _Map]:
    """Every map that has keys of its own, by the name the schema gives it."""
    found = {"": _Map(schema, [""])}
    waiting = [""]
    for name in waiting:  # grows as it is gone through
        for way, inner in _inside(schema, found[name].ways[0], found[name].schema):
            named = str(inner.get("$ref", way))
            if named not in found:
                found[named] = _Map(_resolved(schema, inner), [way])
                waiting.append(named)
            elif way not in found[named].ways:
                found[named].ways.append(way)
    return found


def _inside(schema: Schema, way: str, found: Schema) -> Iterator[tuple[str, Schema]]:
    """The maps that a map's keys, a list's items and the arms of a choice lead to."""
    for key, each in found.get("properties", {}).items():
        yield from _leading(schema, f"{way}.{key}" if way else key, each)


def _leading(schema: Schema, way: str, each: Schema) -> Iterator[tuple[str, Schema]]:
    if "properties" in _resolved(schema, each):
        yield way, each
    for inner in (each.get("additionalProperties"), *each.get("patternProperties", {}).values()):
        if isinstance(inner, dict):
            yield from _leading(schema, f"{way}.<name>", inner)
    if isinstance(each.get("items"), dict):
        yield from _leading(schema, f"{way}[]", each["items"])
    for arm in each.get("oneOf") or each.get("anyOf") or []:
        yield from _leading(schema, way, arm)


def _resolved(schema: Schema, each: Schema) -> Schema:
    named = each.get("$ref")
    return schema["$defs"][named.rpartition("/")[2]] if named else each


def _section(schema: Schema, found: _Map, maps: dict[str, _Map]) -> str:
    needed = found.schema.get("required", [])
    rows = [
        f"| {_key(key, needed)} | {_escaped(_holds(schema, each, maps))} | {_means(schema, each)} |"
        for key, each in found.schema["properties"].items()
    ]
    others = [way for way in found.ways[1:] if not way.endswith("[]") and not way.startswith(f"{found.ways[0]}.")]
    also = f" Also at {', '.join(f'`{way}`' for way in others)}." if others else ""
    head = f"{found.schema.get('description', '')}{also}"
    return "\n".join([f"## {found.title}", "", head, "", "| key | holds | means |", "|---|---|---|", *rows, ""])


def _key(key: str, needed: list[str]) -> str:
    return f"**`{key}`**" if key in needed else f"`{key}`"


def _means(schema: Schema, each: Schema) -> str:
    described = each.get("description") or _resolved(schema, each).get("description", "")
    default = each.get("default")
    said = "" if default in (None, False, [], {}) or "efault" in described else f" Default `{default}`."
    return _escaped(f"{described}{said}")


def _holds(schema: Schema, each: Schema, maps: dict[str, _Map]) -> str:
    """What a key holds, in words."""
    named = _resolved(schema, each)
    if words := named.get("enum"):
        return " · ".join(f"`{word}`" for word in words)
    if "const" in named:
        return f"`{json.dumps(named['const'])}`" if isinstance(named["const"], bool) else f"`{named['const']}`"
    if "properties" in named:
        title = maps[str(each["$ref"])].title
        return f"[a map](#{re.sub(r'[^a-z0-9_ -]', '', title.lower()).replace(' ', '-')})"
    if arms := named.get("oneOf", named.get("anyOf")):
        return ", or ".join(dict.fromkeys(_holds(schema, arm, maps) for arm in arms))
    return _plain(schema, named, maps)


def _plain(schema: Schema, named: Schema, maps: dict[str, _Map]) -> str:
    kind = named.get("type")
    inner = named.get("items") or next(iter(named.get("patternProperties", {}).values()), named.get("additionalProperties"))
    if kind in ("array", "object") and isinstance(inner, dict) and inner:
        return f"{'a list of' if kind == 'array' else 'names, each with'} {_holds(schema, inner, maps)}"
    if isinstance(kind, list):
        return ", or ".join(_KINDS[each] for each in kind)
    examples = ", ".join(f"`{each}`" for each in named.get("examples", []) if isinstance(each, str))
    return (f"text such as {examples}" if examples else _KINDS.get(str(kind), "anything")) + _bounds(named)


def _bounds(named: Schema) -> str:
    low, high = named.get("minimum"), named.get("maximum")
    if low is None and high is None:
        return ""
    return f" from {low} to {high}" if None not in (low, high) else f" from {low} up" if high is None else f" up to {high}"


def _escaped(text: str) -> str:
    """`text` as a cell of a table."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
