"""What the state knows of a mapping when a run begins: links, bases, decisions and the last run's counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.core.record import Base, Link, PerSide, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A cell that was written on `side` and is not to be written again, either way, while the other side's value is `source`.

    `code` says why: 208 a person took it back, 405 the system changed what it was given.
    """

    side: Side
    code: int
    source: Base


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the state knows of one mapping when a run begins.

    `bases` holds only fields whose definition is still the one the base was agreed under, of the links that were asked for.
    `marks` are of pairs that came out quiet or were only told of (see `core.marks`), and of which nothing else was stored
    since. `absent` are links whose record was missing at the last complete sweep. `last_counts` are of the last whole and
    complete pull.
    """

    links: frozenset[Link]
    bases: Mapping[Link, Mapping[str, Base]]
    apart: Mapping[Link, str]
    """Pairs a person said are not the same, with the evidence that was said of; empty: for good."""
    stops: Mapping[tuple[Link, str], Stop]
    absent: frozenset[Link]
    last_counts: PerSide[int | None]
    last_digest: str | None
    """The mapping's digest at the last run that was not held, None at the first."""
    last_scope: str | None
    marks: Mapping[Link, PerSide[bytes]] = field(default_factory=dict)
    salt: str = ""
    """What marks are made with in this state."""
