"""What a run needs of the two systems, and what it tells while it waits for them."""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.core.plan import Change, Written
from bridge.core.record import Json, Row, Side
from bridge.core.sight import FieldSight, Found, Sight

Clock = Callable[[], dt.datetime]
"""Says what time it is: an aware datetime in UTC."""


class Progress(Protocol):
    """Told how far a long wait is. `total` is None while it is not known."""

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """`done` of `total` of `what` (a short noun phrase, such as `Airtable Groups`)."""
        ...


def silent(what: str, done: int, total: int | None) -> None:
    """The progress nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What one pull brought. `complete` is false if a page failed, repeated, or the count did not agree.

    `undated` are the paths whose values may change without moving the date that a delta goes by. Of a record that a delta did
    not bring, `glimpse` tells what stands there all the same, and None where that was not seen.
    """

    rows: tuple[Row, ...]
    complete: bool
    pulled_at: dt.datetime
    whole: bool = True
    gone: frozenset[str] = frozenset()
    """Records that the remote says were deleted meanwhile, where it tells that of what changed."""
    note: str = ""
    """Why it is not complete, in words, or empty."""
    undated: frozenset[str] = frozenset()
    glimpse: Callable[[str], Mapping[str, Json] | None] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one change ended. DONE and STALE carry the row as it stands now where the remote told it.

    `reason` is plain words without values; `code` is the discrepancy code where the adapter knows better than 401
    (404 for a protected membership, 505 for quota). `landed` are the fields of a change that was REFUSED or STALE which the
    system took all the same; `row` is then set.
    """

    written: Written
    row: Row | None = None
    reason: str = ""
    code: int | None = None
    landed: tuple[str, ...] = ()


class Remote(Protocol):
    """One side, as one mapping sees it.

    Every method may raise AuthRejected, Unavailable (and its kinds) or UnexpectedAnswer, but `apply`, which answers for
    every change instead.
    """

    side: Side

    @property
    def batch_size(self) -> int:
        """How many changes one `apply` takes at the most."""
        ...

    def sight(self, pins: Mapping[str, FieldSight]) -> Sight:
        """Prove identity and permissions and read the schema, held against the pinned one (empty at the first run)."""
        ...

    def pull(self, progress: Progress = silent, *, since: dt.datetime | None = None) -> Pulled:
        """Every row in the mapping's scope, or with `since` those changed from then on. Needs `sight` first.

        `since` is an earlier pull's `pulled_at`, which is told by the remote's own clock where it tells one. Everything is
        pulled all the same (`whole`) where no date says what changed, or where that clock was set back.
        """
        ...

    def sample(self, most: int, progress: Progress = silent) -> Sequence[Row]:
        """At most so many rows in scope, for a look and no inference; related rows may be left out. Needs `sight` first."""
        ...

    def read(self, ids: Collection[str]) -> Mapping[str, Found]:
        """Each id's row and whereabouts, in scope or not. Every id asked for is in the answer."""
        ...

    def find(self, keys: Mapping[str, Json]) -> Sequence[Row]:
        """The rows that carry all of these values (path to wire value), in scope or not."""
        ...

    def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Check each change's precondition, write, read back; one outcome per change, in order. Never raises for the remote."""
        ...

    def calls_for(self, changes: Sequence[Change]) -> int:
        """An upper bound of the API calls that applying these takes when nothing fails."""
        ...

    def address(self, id: str) -> str | None:  # noqa: A002  # the record's native id, as everywhere
        """Where a person opens the record, if it has a page."""
        ...
