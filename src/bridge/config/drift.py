"""What became of a mapping's fields since they were pinned, in words.

Pure: what each side shows today and what was pinned were read before.
"""

from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass
from enum import StrEnum

from bridge.core.mapping import Mapping
from bridge.core.record import PerSide, Side
from bridge.core.sight import SOURCE, Fault, FieldSight, Sight

Pins = Map[str, FieldSight]
"""The pinned schema of one side, by path."""


class What(StrEnum):
    """What was renamed."""

    TABLE = "table"
    FIELD = "field"
    OPTION = "option"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """A new name for the same thing: mechanical, for the file only has to say it. `path` is the field of an option."""

    side: Side
    what: What
    old: str
    new: str
    path: str = ""

    @property
    def text(self) -> str:
        """What happened, as a sentence."""
        of = f" of `{self.path}`" if self.path else ""
        return f"{self.side.title}'s {self.what} `{self.old}`{of} is called `{self.new}` now"


def renames(mapping: Mapping, sights: PerSide[Sight], pins: PerSide[Pins]) -> Iterator[Rename]:
    """Everything that the mapping names and that has another name today."""
    table = sights.airtable.fields.get(SOURCE)
    if table is not None and mapping.airtable.table not in (table.name, table.id):
        yield Rename(side=Side.AIRTABLE, what=What.TABLE, old=mapping.airtable.table, new=table.name)
    for side, sight in sights:
        for drift in sight.drift:
            if drift.fault is Fault.RENAMED and drift.now:
                yield Rename(side=side, what=What.FIELD, old=drift.path, new=drift.now)
        for path, now in sight.fields.items():
            words = {**_reworded(pins[side].get(path), now), **sight.reworded.get(path, {})}
            for old, new in words.items():
                if _named(mapping, side, path, old):
                    yield Rename(side=side, what=What.OPTION, old=old, new=new, path=path)


def _reworded(pin: FieldSight | None, now: FieldSight) -> dict[str, str]:
    """Options that keep their id and have another word."""
    words = {option.id: option.name for option in now.options or ()}
    before = pin.options if pin is not None and pin.options else ()
    return {each.name: words[each.id] for each in before if words.get(each.id, each.name) != each.name}


def _named(mapping: Mapping, side: Side, path: str, word: str) -> bool:
    fields = [each for each in mapping.fields.values() if each.at[side] == path]
    return any(word in (each.values.keys() if side is Side.CIVICRM else each.values.values()) for each in fields)


def lost(pin: FieldSight | None, side: Side) -> str:
    """What a field that is not there today was when it was pinned, as a sentence; empty if it never was."""
    if pin is None:
        return ""
    if side is Side.AIRTABLE:
        return "It was there when the schema was pinned: it was deleted since."
    return "It was there when the schema was pinned: it was removed, or this account lost the right to see it."


def all_lost(path: str, sight: Sight, pins: Pins) -> bool:
    """Whether every pinned field of a custom group is gone at once: more likely a right that was lost than a deletion."""
    group = path.partition(".")[0]
    mates = [each for each in pins if each.startswith(f"{group}.") and not group.endswith(("_primary", "_billing"))]
    return len(mates) > 1 and not any(each in sight.fields for each in mates)
