"""A mapping file with new names in the place of old ones, every other byte as it was: comments, order, quotes, line ends."""

import json
from collections.abc import Iterable, Iterator

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bridge.config.drift import Rename, What
from bridge.config.spots import spots
from bridge.config.tree import Trail, Tree
from bridge.config.written import word

Span = tuple[int, int]
"""Where a scalar stands in a text, quotes included: its first character, and the one after its last."""


def mended(text: str, tree: Tree, renames: Iterable[Rename]) -> str:
    """`text`, the file that `tree` was read from, with every old name replaced by the new one."""
    places = dict(_spans(YAML(typ="safe", pure=True).compose(text), ()))
    edits: dict[Span, str] = {}
    for rename in renames:
        for spot in spots(tree.data, rename):
            span = places[spot.trail, spot.key]
            edits[span] = _written(_inner(rename, spot.trail, key=spot.key), quoted=text[span[0]] in "\"'")
    for (start, end), new in sorted(edits.items(), reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _inner(rename: Rename, trail: Trail, *, key: bool) -> str:
    """The new name as it stands there: under its alias, a related field goes without the alias."""
    related = key and rename.what is What.FIELD and len(trail) > len(("examples", 0, "civicrm", "field"))
    return rename.new.partition(".")[2] if related else rename.new


def _written(name: str, *, quoted: bool) -> str:
    return json.dumps(name, ensure_ascii=False) if quoted else word(name)


def _spans(node: Node, trail: Trail) -> Iterator[tuple[tuple[Trail, bool], Span]]:
    """The place of every scalar, by its trail and whether it is a key."""
    if isinstance(node, ScalarNode):
        yield (trail, False), (node.start_mark.index, node.end_mark.index)
    elif isinstance(node, SequenceNode):
        for index, each in enumerate(node.value):
            yield from _spans(each, (*trail, index))
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            inner = (*trail, str(key.value))
            yield (inner, True), (key.start_mark.index, key.end_mark.index)
            yield from _spans(value, inner)
