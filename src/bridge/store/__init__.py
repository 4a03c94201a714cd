"""The state: links, bases, journal, plans, ledger, outbox and the call ledger, in SQLite or PostgreSQL.

What lives here fulfils the ports of the state and is the only user of SQLAlchemy and Alembic. It knows no remote and decides
nothing: it keeps what it is told, in transactions, and proves the lease of every run that writes.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from bridge.core.record import Side
from bridge.ports import Clock, Progress, silent
from bridge.store.bases import Bases
from bridge.store.calls import SqlCalls, SqlSlots
from bridge.store.cipher import Vault, open_vault, parse_keys
from bridge.store.database import Database
from bridge.store.forget import forget
from bridge.store.journal import SqlJournal
from bridge.store.knowledge import SqlKnowledge
from bridge.store.ledger import SqlLedger
from bridge.store.memory import SqlMemory
from bridge.store.notices import SqlNotices
from bridge.store.outbox import SqlOutbox
from bridge.store.plans import SqlPlans
from bridge.store.rekey import Rekeyed, rekey
from bridge.store.runs import SqlRuns
from bridge.store.syncs import SqlSyncs
from bridge.store.upgrade import ready, upgrade
from bridge.store.upkeep import backup, check, prune

__all__ = ["SqlStore", "backup", "check", "open_store", "upgrade"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlStore:
    """Fulfils `ports.Store`. Threads may share it; close it at the end, or use it in a `with`."""

    runs: SqlRuns
    knowledge: SqlKnowledge
    journal: SqlJournal
    plans: SqlPlans
    ledger: SqlLedger
    outbox: SqlOutbox
    notices: SqlNotices
    calls: SqlCalls
    memory: SqlMemory
    slots: SqlSlots
    syncs: SqlSyncs
    vault: Vault
    database: Database
    clock: Clock

    def seal(self, text: str) -> str:
        """A keyed digest of `text` (hex): equal texts give equal digests, and nothing can be read back."""
        return self.vault.seal(text)

    def forget(self, side: Side, id: str) -> Mapping[str, int]:  # noqa: A002  # the record's native id, as everywhere
        """Remove every value of the person behind a record; the audit keeps its shape. Returns rows touched, by table."""
        return forget(self.database, side, id)

    def rekey(self, progress: Progress = silent) -> Rekeyed:
        """Encrypt every sensitive value anew with the first key. Raises ConfigError without a key."""
        return rekey(self.database, self.vault, progress)

    def prune(
        self,
        *,
        journal: dt.timedelta | None = None,
        events: dt.timedelta | None = None,
        plans: dt.timedelta | None = None,
    ) -> Mapping[str, int]:
        """Let settled history older than these ages go (None: keep all). Returns rows removed, by table."""
        return prune(self.database, self.clock(), journal_age=journal, event_age=events, plan_age=plans)

    def close(self) -> None:
        """Close every connection."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_store(url: str, keys: Sequence[str], clock: Clock) -> SqlStore:
    """The state at `url`, made or upgraded if it is an embedded file. `keys` are those of BRIDGE_STATE_KEY, the newest first.

    Raises ConfigError for a wrong URL, key or password, a state of a newer bridge and a PostgreSQL that must be upgraded
    first; StoreError for one that cannot be reached, read or written.
    """
    secrets = parse_keys(keys)
    database = Database(url)
    try:
        ready(database)
        vault = open_vault(database, secrets)
    except BaseException:
        database.close()
        raise
    bases = Bases(vault)
    return SqlStore(
        runs=SqlRuns(database, clock),
        knowledge=SqlKnowledge(database, bases, clock),
        journal=SqlJournal(database, vault, bases, clock),
        plans=SqlPlans(database, vault, clock),
        ledger=SqlLedger(database, clock),
        outbox=SqlOutbox(database, clock),
        notices=SqlNotices(database, clock),
        calls=SqlCalls(database, clock),
        memory=SqlMemory(database),
        slots=SqlSlots(database),
        syncs=SqlSyncs(database, clock),
        vault=vault,
        database=database,
        clock=clock,
    )
