"""The ledger of discrepancies: one entry per fingerprint with a small number people can say, and what happened to it."""

import builtins
import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, insert, or_, select, update

from bridge.core.ledger import Entry, Event, Happened, State
from bridge.core.mapping import Severity
from bridge.core.plan import Discrepancy
from bridge.core.record import PerSide
from bridge.errors import ConfigError
from bridge.ports import Clock
from bridge.store import schema
from bridge.store.database import Database

_table = schema.entries
_REMEMBERED = dt.timedelta(days=90)
_SHORTEST_PREFIX = 6
_LONGEST_NUMBER = 18  # digits that a 64-bit integer surely holds
_BY_STATE = case({State.OPEN.value: 0, State.SNOOZED.value: 1, State.ACCEPTED.value: 2}, value=_table.c.state, else_=3)
_BY_SEVERITY = case({Severity.HIGH.value: 0, Severity.MEDIUM.value: 1}, value=_table.c.severity, else_=2)

_Values = dict[str, object]


class SqlLedger:
    """Fulfils `ports.Ledger`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def load(self, mapping: str) -> Sequence[Entry]:
        """Every entry that is not resolved, and those resolved within the last 90 days (they may reopen)."""
        heard = or_(_table.c.state != State.RESOLVED.value, _table.c.resolved_at >= self._clock() - _REMEMBERED)
        query = select(_table).where(_table.c.mapping == mapping, heard).order_by(_table.c.id)
        with self._database.reading() as connection:
            return [_entry(row) for row in connection.execute(query)]

    def save(self, entries: Sequence[Entry], events: Sequence[Event]) -> None:
        """Insert or replace entries by fingerprint and append events, in one transaction."""
        with self._database.writing() as connection:
            if entries:
                _save(connection, [_row(entry) for entry in entries])
            if events:
                connection.execute(insert(schema.events), [_event_row(event) for event in events])

    def list(self, *, mapping: str | None = None, state: str | None = None, code: int | None = None) -> Sequence[Entry]:
        """Open first, then by severity and age."""
        query = select(_table).order_by(_BY_STATE, _BY_SEVERITY, _table.c.opened_at, _table.c.id)
        for column, wanted in ((_table.c.mapping, mapping), (_table.c.state, state), (_table.c.code, code)):
            if wanted is not None:
                query = query.where(column == wanted)
        with self._database.reading() as connection:
            return [_entry(row) for row in connection.execute(query)]

    def get(self, key: str) -> Entry | None:
        """By number (`id`) or by fingerprint (or an unambiguous prefix of at least 6 digits); the number goes first.

        Raises ConfigError where several fingerprints begin so.
        """
        with self._database.reading() as connection:
            named = len(key) <= _LONGEST_NUMBER and key.isdecimal()
            rows = connection.execute(select(_table).where(_table.c.id == int(key))).all() if named else []
            if not rows and len(key) >= _SHORTEST_PREFIX:
                rows = connection.execute(select(_table).where(_table.c.fingerprint.startswith(key, autoescape=True))).all()
        if len(rows) > 1:
            raise ConfigError(f"Several discrepancies begin with {key}.", next_step="give more digits, or the number.")
        return _entry(rows[0]) if rows else None

    def events(self, *, fingerprint: str | None = None, since: dt.datetime | None = None) -> Sequence[Event]:
        """Oldest first."""
        query = select(schema.events).order_by(schema.events.c.id)
        if fingerprint is not None:
            query = query.where(schema.events.c.fingerprint == fingerprint)
        if since is not None:
            query = query.where(schema.events.c.at >= since)
        with self._database.reading() as connection:
            return [_event(row) for row in connection.execute(query)]


def _save(connection: Connection, rows: builtins.list[_Values]) -> None:
    """Replace, then insert what was not there: an upsert would use up a number for every entry that only goes on."""
    asked = {row["mapping"] for row in rows}
    known = set(connection.scalars(select(_table.c.fingerprint).where(_table.c.mapping.in_(asked))))
    old = [{**row, "_fingerprint": row["fingerprint"]} for row in rows if row["fingerprint"] in known]
    new = [row for row in rows if row["fingerprint"] not in known]
    if old:
        replaced: _Values = {name: bindparam(name) for name in rows[0] if name != "fingerprint"}
        connection.execute(update(_table).where(_table.c.fingerprint == bindparam("_fingerprint")).values(replaced), old)
    if new:
        connection.execute(insert(_table), new)


def _row(entry: Entry) -> _Values:
    found = entry.discrepancy
    return {
        "fingerprint": entry.fingerprint,
        "mapping": found.mapping,
        "code": found.code,
        "rule": found.rule,
        "severity": found.severity.value,
        "civicrm": found.ids.civicrm,
        "airtable": found.ids.airtable,
        "name": found.name,
        "field": found.field,
        "shown": [found.shown.civicrm, found.shown.airtable],
        "details": dict(found.details),
        "evidence": found.evidence,
        "state": entry.state.value,
        "opened_at": entry.opened_at,
        "seen_at": entry.seen_at,
        "runs": entry.runs,
        "resolved_at": entry.resolved_at,
        "life": entry.life,
        "assignee": entry.assignee,
        "snoozed_until": entry.snoozed_until,
        "snoozed_evidence": entry.snoozed_evidence,
        "accepted_reason": entry.accepted_reason,
        "note": entry.note,
    }


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        discrepancy=Discrepancy(
            mapping=row.mapping,
            code=row.code,
            severity=Severity(row.severity),
            ids=PerSide(row.civicrm, row.airtable),
            name=row.name,
            rule=row.rule,
            field=row.field,
            shown=PerSide(*row.shown),
            details=row.details,
            evidence=row.evidence,
        ),
        state=State(row.state),
        opened_at=row.opened_at,
        seen_at=row.seen_at,
        runs=row.runs,
        id=row.id,
        resolved_at=row.resolved_at,
        life=row.life,
        assignee=row.assignee,
        snoozed_until=row.snoozed_until,
        snoozed_evidence=row.snoozed_evidence,
        accepted_reason=row.accepted_reason,
        note=row.note,
    )


def _event_row(event: Event) -> _Values:
    return {
        "fingerprint": event.fingerprint,
        "happened": event.happened.value,
        "at": event.at,
        "by": event.by,
        "run": event.run,
        "note": event.note,
    }


def _event(row: Row[Any]) -> Event:
    return Event(
        fingerprint=row.fingerprint,
        happened=Happened(row.happened),
        at=row.at,
        by=row.by,
        run=row.run,
        note=row.note,
    )
