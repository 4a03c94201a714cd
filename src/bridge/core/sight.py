"""What a side lets us see before anything is believed: who we are there, its schema, and where a missing record went."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.core.record import Row, Side

SOURCE = ""
"""The path under which a side's own table or entity is seen and pinned: its id makes the addresses people open."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a choice: its stable id and its present word."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSight:
    """One mapped path as the remote's schema has it today.

    `id` is the remote's stable id (an Airtable `fld…`; for CiviCRM the APIv4 name). `kind` is the remote's own type word.
    `options` is None where the field is no choice. `max_length` is in characters.
    """

    path: str
    id: str
    name: str
    kind: str
    writable: bool
    options: tuple[Option, ...] | None = None
    max_length: int | None = None


class Fault(StrEnum):
    """What became of a mapped path since it was pinned."""

    GONE = "gone"
    RETYPED = "retyped"
    RENAMED = "renamed"
    OPTION_GONE = "option_gone"
    OPTION_NEW = "option_new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One difference between the pinned schema and today's. `detail` names fields and options, never cells.

    `now` is, for a field that was renamed, the path that leads to it today.
    """

    path: str
    fault: Fault
    detail: str
    now: str = ""

    @property
    def freezes(self) -> bool:
        """Whether the path's cells must not be read or written until somebody mends it."""
        return self.fault in (Fault.GONE, Fault.RETYPED, Fault.RENAMED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Who we are on a side and what we see there. `names` is every field's present name, for nearest-word hints.

    `fields` has an entry for every mapped path that exists; `pins` is what should be stored as the pinned schema.
    """

    side: Side
    identity: str
    fields: Mapping[str, FieldSight]
    drift: tuple[Drift, ...] = ()
    names: tuple[str, ...] = ()
    timezone: str = "UTC"
    """The zone of the remote's naive timestamps."""
    reworded: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By path, options that are still read by the word they were pinned with, and the word they have today."""


class Whereabouts(StrEnum):
    """What became of a record that a whole, complete pull did not bring."""

    IN_SCOPE = "in_scope"
    OUT_OF_SCOPE = "out_of_scope"
    TRASHED = "trashed"
    MERGED = "merged"
    PURGED = "purged"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One record looked up by id. `row` is None where it cannot be read; `into` is the winner's id after a merge."""

    whereabouts: Whereabouts
    row: Row | None = None
    into: str | None = None
