"""A YAML 1.2 file as plain data, with the place of every key and value.

Words stay words: only `true`, `false`, `null` and numbers as JSON writes them are anything but text, so `NO`, `ON`, `09:00`,
`2026-12-24` and a postal code's leading zero arrive as written. Size, depth and expanded aliases are bounded.
"""

import math
import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bridge.config.problems import Place, Problems
from bridge.core.record import Json

Trail = tuple[str | int, ...]
"""The keys and indexes that lead from the root to a value."""

MAX_BYTES = 128 * 1024
"""A mapping of some hundred fields has 20 kB; parsing this much takes about two seconds."""

MAX_NODES = 20_000
"""Values after aliases are expanded: stops an alias bomb before it is built."""

MAX_DEPTH = 24
"""Levels of nesting; a mapping with nested conditions needs ten."""

_CONSTANTS: dict[str, Json] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Tree:
    """One file's data. `values` and `keys` hold the place of every value and of every key."""

    file: str
    data: Json
    values: dict[Trail, Place]
    keys: dict[Trail, Place]

    def place(self, trail: Trail, *, key: bool = False) -> Place:
        """The place of the value (or with `key`, of its key) at `trail`; of its nearest parent where it is missing.

        Parts of `trail` that are not in the file are passed over, so that a validator's own labels do no harm.
        """
        known: Trail = ()
        for part in trail:
            if (*known, part) in self.values:
                known = (*known, part)
        places = self.keys if key else self.values
        return places.get(known) or self.values.get(known) or Place(self.file)


def read(file: Path, problems: Problems) -> Tree | None:
    """`file` as a tree, or None after adding what is wrong with it to `problems`."""
    text = _text(file, problems)
    if text is None:
        return None
    try:
        root = _compose(text)
    except RecursionError:
        problems.add(Place(str(file)), f"expected at most {MAX_DEPTH} levels of nesting, found far more", "Flatten it.")
        return None
    except YAMLError as error:
        _add_syntax_error(error, str(file), text, problems)
        return None
    if root is None:
        problems.add(Place(str(file)), "expected a mapping, found an empty file", "Write one or remove the file.")
        return None
    return _Builder(str(file), text.splitlines(), problems).build(root)


def _text(file: Path, problems: Problems) -> str | None:
    """The file's text, or None."""
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        problems.add(Place(str(file)), f"expected a readable file, found: {error.strerror}")
        return None
    if len(raw) > MAX_BYTES:
        problems.add(Place(str(file)), f"expected at most {MAX_BYTES // 1024} kB, found more", "Split the mapping.")
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        place = Place(str(file), before.count(b"\n") + 1, len(before) - before.rfind(b"\n"))
        problems.add(place, f"expected UTF-8, found the byte 0x{raw[error.start]:02x}", "Save the file as UTF-8.")
        return None


def _compose(text: str) -> Node | None:
    """The document's root node; raises YAMLError. The pure parser is the one that knows YAML 1.2."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReusedAnchorWarning)
        node: Node | None = YAML(typ="safe", pure=True).compose(text)
    return node


def _add_syntax_error(error: YAMLError, file: str, text: str, problems: Problems) -> None:
    """Say where the parser stopped and why, in one line."""
    mark = getattr(error, "problem_mark", None)
    if isinstance(error, MarkedYAMLError) and mark is not None:
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        line, column = mark.line + 1, mark.column + 1
    else:
        position = getattr(error, "position", 0)
        before = text[: position if isinstance(position, int) else 0]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        reason = "a control character that YAML does not allow"
    source = text.splitlines()
    tab = line <= len(source) and "\t" in source[line - 1]
    hint = "Indent with spaces, not tabs." if tab else "Text that holds `: `, `#`, or begins with @ ` % & * ! [ { needs quotes."
    problems.add(Place(file, line, column), f"expected YAML, found a syntax error: {' '.join(reason.split())}.", hint)


class _TooMuchError(Exception):
    """The file is nested or expanded beyond its bounds."""


@dataclass(slots=True)
class _Builder:
    """Turns nodes into plain data, noting places and refusing what a mapping has no use for."""

    file: str
    lines: list[str]
    problems: Problems
    values: dict[Trail, Place] = field(default_factory=dict)
    keys: dict[Trail, Place] = field(default_factory=dict)
    seen: int = 0

    def build(self, root: Node) -> Tree | None:
        """The tree, or None if it is out of bounds."""
        try:
            data = self._value(root, ())
        except _TooMuchError as error:
            self.problems.add(self._place(root), str(error), "Write it out without aliases, or split the mapping.")
            return None
        return Tree(self.file, data, self.values, self.keys)

    def _place(self, node: Node) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _value(self, node: Node, trail: Trail) -> Json:
        self.seen += 1
        if self.seen > MAX_NODES:
            raise _TooMuchError(f"expected at most {MAX_NODES} values, found more after its aliases are expanded")
        if len(trail) > MAX_DEPTH:
            raise _TooMuchError(f"expected at most {MAX_DEPTH} levels of nesting, found more")
        self.values[trail] = self._place(node)
        if isinstance(node, MappingNode):
            return self._map(node, trail)
        if isinstance(node, SequenceNode):
            return [self._value(each, (*trail, index)) for index, each in enumerate(node.value)]
        return self._scalar(node) if isinstance(node, ScalarNode) else None

    def _map(self, node: MappingNode, trail: Trail) -> Json:
        data: dict[str, Json] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self.problems.add(self._place(key), "expected a word as key, found a list or a map")
                continue
            word = str(key.value)
            if word in data:
                first = self.keys[(*trail, word)]
                self.problems.add(self._place(key), f"the key `{word}` is here twice; first at line {first.line}", "Keep one.")
                continue
            self.keys[(*trail, word)] = self._place(key)
            data[word] = self._value(value, (*trail, word))
        return data

    def _scalar(self, node: ScalarNode) -> Json:
        text = str(node.value)
        line, column = node.start_mark.line, node.start_mark.column
        if line < len(self.lines) and self.lines[line][column : column + 1] == "!":
            self.problems.add(
                self._place(node), "expected a plain value, found a YAML tag", "Remove the word that begins with `!`."
            )
        if node.style is not None:
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        if _NUMBER.fullmatch(text) and math.isfinite(number := float(text)):
            return number
        return text
