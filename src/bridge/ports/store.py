"""The whole state, by part."""

import datetime as dt
from collections.abc import Mapping
from typing import Protocol

from bridge.core.record import Side
from bridge.ports.boards import Notices
from bridge.ports.state import Calls, Journal, Knowledge, Memory, Plans, Runs, Slots, Syncs
from bridge.ports.telling import Ledger, Outbox


class Store(Protocol):
    """The whole state, by part."""

    @property
    def runs(self) -> Runs:
        """The run ledger and the lease."""
        ...

    @property
    def knowledge(self) -> Knowledge:
        """Links, bases, pins and decisions."""
        ...

    @property
    def journal(self) -> Journal:
        """The account of writes."""
        ...

    @property
    def plans(self) -> Plans:
        """Stored plans."""
        ...

    @property
    def ledger(self) -> Ledger:
        """The discrepancies."""
        ...

    @property
    def outbox(self) -> Outbox:
        """Messages to be posted once."""
        ...

    @property
    def notices(self) -> Notices:
        """The notices on boards."""
        ...

    @property
    def calls(self) -> Calls:
        """The call ledger."""
        ...

    @property
    def syncs(self) -> Syncs:
        """The syncs that people asked for."""
        ...

    @property
    def memory(self) -> Memory:
        """What is remembered of places outside."""
        ...

    @property
    def slots(self) -> Slots:
        """Shared pacing."""
        ...

    def seal(self, text: str) -> str:
        """A keyed digest of `text` (hex): equal texts give equal digests, and nothing can be read back."""
        ...

    def prune(
        self,
        *,
        journal: dt.timedelta | None = None,
        events: dt.timedelta | None = None,
        plans: dt.timedelta | None = None,
    ) -> Mapping[str, int]:
        """Let settled history older than these ages go (None: keep all); how many rows of each kind went."""
        ...

    def forget(self, side: Side, native: str) -> Mapping[str, int]:
        """Remove a person's values and keep the audit's shape; how many entries of each kind were emptied."""
        ...
