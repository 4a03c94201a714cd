"""Boards: where discrepancies stand inside the two systems."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bridge.core.ledger import Entry
from bridge.core.record import Json
from bridge.errors import BridgeError
from bridge.ports.state import Lease


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is remembered of one discrepancy's notice on a board: of each cell a keyed digest, and no word of it.

    `seen` is how it stood when it was last read or surely written. `sent` is a write that may have landed, sent at `sent_at`;
    empty while none is open.
    """

    fingerprint: str
    seen: Mapping[str, str] = field(default_factory=dict)
    sent: Mapping[str, str] = field(default_factory=dict)
    sent_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A notice as it stands on a board: its cells by name, None where blank, and who edited it last and when, if it tells."""

    cells: Mapping[str, Json]
    by: str = ""
    edited_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Lack:
    """What a board lacks of what it needs. Without what is `vital` nothing can stand on it."""

    message: str
    vital: bool
    hint: str = ""


class Board(Protocol):
    """Where one mapping's discrepancies stand inside one of the two systems, each found by its fingerprint.

    Nothing is ever deleted there, and nothing read there is ever reconciled. Methods raise ConfigError for what people must
    mend, AuthRejected, Unavailable (and its kinds), RequestRejected or UnexpectedAnswer.
    """

    read_at: dt.datetime | None
    """By its own clock, when what `read` or `changed` told stood there; None where neither was asked, or it tells no time."""
    place: str
    """Which board it is, the same for ever: the table's id, or the type of activity."""
    batch_size: int

    def lacks(self) -> Sequence[Lack]:
        """What it lacks, from its schema. Nothing can be posted where something vital is among it."""
        ...

    def changed(self, since: dt.datetime) -> Mapping[str, Posted] | None:
        """By fingerprint, what was edited since a former `read_at`: cheaper than to read all, and none of it for writing.

        None where that cannot be told. `cells` may be asked then, too.
        """
        ...

    def read(self) -> Mapping[str, Posted] | None:
        """By fingerprint, what stands there and is not resolved; None where nobody answers and nothing is read."""
        ...

    def cells(self, entry: Entry) -> Mapping[str, Json] | None:
        """What the entry's notice is to hold, by cell; None if it cannot stand here. Needs `read` first."""
        ...

    def post(self, notices: Mapping[str, Mapping[str, Json]]) -> Mapping[str, BridgeError | None]:
        """Make notices, or those found by fingerprint, hold these cells; what became of each, None where it landed.

        OutcomeUnknown, raised or told, leaves it open whether something landed.
        """
        ...


class Notices(Protocol):
    """What is remembered of the notices on boards."""

    def load(self, place: str) -> Mapping[str, Notice]:
        """All of one board, by fingerprint."""
        ...

    def save(self, mapping: str, place: str, notices: Collection[Notice], lease: Lease) -> None:
        """Insert or replace, in one transaction, under the mapping's lease."""
        ...
