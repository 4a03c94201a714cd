"""The append-only account of writes: an intent before anything is sent, its outcome once that is known.

Nothing but `forget` ever changes an intent, and an outcome is written once: only an entry still open can be settled.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import Connection, Row, Select, insert, or_, select, update

from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.plan import Change, Written
from bridge.core.record import Link, Side
from bridge.errors import StoreError
from bridge.ports import Clock, JournalEntry, Lease, Settlement
from bridge.store.bases import Bases
from bridge.store.cells import Packed, pack_change, unpack_change
from bridge.store.cipher import Vault
from bridge.store.database import Database
from bridge.store.knowledge import add_links, link_numbers
from bridge.store.lease import fenced
from bridge.store.schema import journal, runs

_log = structlog.get_logger()

_INTENT = insert(journal).returning(journal.c.id)
IS_OPEN = or_(journal.c.outcome.is_(None), journal.c.outcome == Written.IN_DOUBT.value)


class SqlJournal:
    """Fulfils `ports.Journal`."""

    def __init__(self, database: Database, vault: Vault, bases: Bases, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._bases = bases
        self._clock = clock
        self._run = 0, ""

    def intend(self, run: int, changes: Sequence[Change], lease: Lease, *, by: str = "") -> Sequence[int]:
        """Record intents before anything is sent; one id per change, in order, in one transaction."""
        now = self._clock()
        with fenced(self._database, self._mapping_of(run), lease, self._clock) as connection:
            return [self._intend(connection, {"run": run, "intent_at": now, "by": by}, change) for change in changes]

    def _intend(self, connection: Connection, about: dict[str, object], change: Change) -> int:
        packed = pack_change(change, self._vault, journal_place(about["run"]))
        record = packed.pop("id")
        row = {**packed, **about, "record": record, "detail": ""}
        number: int = connection.execute(_INTENT, row).scalar_one()
        return number

    def _mapping_of(self, run: int) -> str:
        """The mapping of a run, asked once: what is intended one by one would ask each time."""
        if run != self._run[0]:
            with self._database.reading() as connection:
                self._run = run, _mapping_of(connection, run)
        return self._run[1]

    def settle(self, mapping: FieldMapping, settlements: Sequence[Settlement], lease: Lease) -> None:
        """Outcomes, links, bases and stops, in one transaction. Raises StoreError for an entry that is settled already."""
        with fenced(self._database, mapping.name, lease, self._clock) as connection:
            for settlement in settlements:
                self._close(connection, settlement)
                if settlement.link is not None or settlement.bases or settlement.stops:
                    self._learn(connection, mapping, settlement)

    def _close(self, connection: Connection, settlement: Settlement) -> None:
        outcome: dict[str, object] = {
            "outcome": settlement.written.value,
            "outcome_at": self._clock(),
            "detail": settlement.detail,
            "code": settlement.code,
            "landed": list(settlement.landed) or None,
        }
        if settlement.record is not None:
            outcome["record"] = settlement.record
        closed = connection.execute(update(journal).where(journal.c.id == settlement.entry, IS_OPEN).values(outcome))
        if closed.rowcount == 0:
            raise StoreError(
                f"Journal entry {settlement.entry} is not open, so it cannot be settled.", next_step="run `bridge db check`."
            )

    def _learn(self, connection: Connection, mapping: FieldMapping, settlement: Settlement) -> None:
        link = settlement.link or _pair(connection, settlement.entry)
        if settlement.link is not None:
            add_links(connection, mapping.name, [settlement.link], self._clock())
        number = link_numbers(connection, mapping.name, [link]).get(link) if link is not None else None
        if number is None:
            # A person took the pair apart, or linked one of them elsewhere, while the write was on its way: theirs stands.
            _log.warning("journal.settled_without_link", entry=settlement.entry, mapping=mapping.name)
            return
        self._bases.keep(connection, mapping, {number: settlement.bases})
        self._bases.stop(connection, mapping, number, settlement.stops)

    def open(self, mapping: str) -> Sequence[JournalEntry]:
        """Entries whose outcome is not known (no outcome, or IN_DOUBT), oldest first."""
        return self._entries(select(journal).where(journal.c.mapping == mapping, IS_OPEN).order_by(journal.c.id))

    def refused(self, mapping: str, since: dt.datetime) -> Sequence[JournalEntry]:
        """What a system refused of what was intended from `since` on, oldest first."""
        asked = (journal.c.mapping == mapping, journal.c.outcome == Written.REFUSED.value, journal.c.intent_at >= since)
        return self._entries(select(journal).where(*asked).order_by(journal.c.id))

    def of_run(self, run: int) -> Sequence[JournalEntry]:
        """A run's writes, in the order they were intended."""
        return self._entries(select(journal).where(journal.c.run == run).order_by(journal.c.id))

    def of_record(self, side: Side, id: str) -> Sequence[JournalEntry]:  # noqa: A002  # the record's native id, as everywhere
        """Newest first."""
        mine = (journal.c.side == side.value, journal.c.record == id)
        return self._entries(select(journal).where(*mine).order_by(journal.c.id.desc()))

    def _entries(self, query: Select[Any]) -> list[JournalEntry]:
        with self._database.reading() as connection:
            return [self._entry(row) for row in connection.execute(query)]

    def _entry(self, row: Row[Any]) -> JournalEntry:
        packed: Packed = {name: row._mapping[name] for name in _CHANGE}  # noqa: SLF001  # SQLAlchemy's public name for it
        packed["id"] = None if row.action == "create" else row.record
        change, cells = unpack_change(packed, self._vault, journal_place(row.run))
        return JournalEntry(
            id=row.id,
            run=row.run,
            change=change,
            cells=cells,
            intent_at=row.intent_at,
            outcome=None if row.outcome is None else Written(row.outcome),
            outcome_at=row.outcome_at,
            detail=row.detail,
            by=row.by,
            record=row.record,
            code=row.code,
            landed=tuple(row.landed or ()),
        )


_CHANGE = ("mapping", "side", "action", "partner", "name", "cells", "extra", "keys")


def journal_place(run: object) -> str:
    """Where a run's changes are kept: their sensitive cells open nowhere else."""
    return f"journal/{run}"


def _mapping_of(connection: Connection, run: int) -> str:
    name: str | None = connection.scalar(select(runs.c.mapping).where(runs.c.id == run))
    if name is None:
        raise StoreError(f"There is no run {run} in the state.", next_step="`bridge runs` lists them.")
    return name


def _pair(connection: Connection, entry: int) -> Link | None:
    row = connection.execute(select(journal.c.side, journal.c.record, journal.c.partner).where(journal.c.id == entry)).one()
    if row.record is None:
        return None
    return Link(row.record, row.partner) if row.side == Side.CIVICRM.value else Link(row.partner, row.record)
