"""The call ledger, and the send times that all threads and processes pace one Airtable base by."""

import datetime as dt
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import select, update

from bridge.ports import Clock
from bridge.store import schema
from bridge.store.database import Database, insert_into

_SENT_KEPT = 16


class SqlCalls:
    """Fulfils `ports.Calls`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(self, account: str, calls: int = 1) -> None:
        """Count calls in the present month (UTC)."""
        table = schema.calls
        with self._database.writing() as connection:
            row = insert_into(connection, table).values(account=account, month=self._clock().strftime("%Y-%m"), calls=calls)
            more = {"calls": table.c.calls + row.excluded["calls"]}
            connection.execute(row.on_conflict_do_update(index_elements=["account", "month"], set_=more))

    def used(self, account: str, month: str) -> int:
        """`month` is `YYYY-MM`."""
        table = schema.calls
        query = select(table.c.calls).where(table.c.account == account, table.c.month == month)
        with self._database.reading() as connection:
            return connection.scalar(query) or 0

    def block(self, account: str, until: dt.datetime, reason: str) -> None:
        """No calls before `until`: the quota is exhausted."""
        said = {"until": until, "reason": reason}
        with self._database.writing() as connection:
            row = insert_into(connection, schema.blocks).values(account=account, **said)
            connection.execute(row.on_conflict_do_update(index_elements=["account"], set_=said))

    def blocked_until(self, account: str) -> dt.datetime | None:
        """Until when no call may be made, or None once that moment has come."""
        query = select(schema.blocks.c.until).where(schema.blocks.c.account == account)
        with self._database.reading() as connection:
            until = connection.scalar(query)
        return until if until is not None and until > self._clock() else None


@dataclass(slots=True)
class SharedTurn:
    """A base's recent send times (seconds since the epoch, oldest first) and its pause, to be read and replaced."""

    sent: Sequence[float]
    paused_until: float


class SqlSlots:
    """Fulfils `ports.Slots`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Threads of one process queue here, in order; only processes contend for the database, which makes them poll.
        self._here: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    @contextmanager
    def turn(self, base: str) -> Iterator[SharedTurn]:
        """Exclusive access to a base's recent send times over threads and processes; nothing is kept if the block raises."""
        table = schema.slots
        with self._here[base], self._database.writing() as connection:
            connection.execute(
                insert_into(connection, table).values(base=base, sent=[], paused_until=0.0).on_conflict_do_nothing()
            )
            row = connection.execute(select(table).where(table.c.base == base).with_for_update()).one()
            turn = SharedTurn(tuple(row.sent), row.paused_until)
            yield turn
            kept = {"sent": list(turn.sent)[-_SENT_KEPT:], "paused_until": turn.paused_until}
            connection.execute(update(table).where(table.c.base == base).values(kept))
