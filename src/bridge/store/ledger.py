"""The ledger of discrepancies: one entry per fingerprint with a small number people can say, and what happened to it."""

import builtins
import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, case, func, insert, literal, or_, select, update

from bridge.core.ledger import Entry, Event, Happened, Moved, Selection, State, Tally
from bridge.core.mapping import Severity
from bridge.core.plan import Discrepancy
from bridge.core.record import PerSide
from bridge.errors import ConfigError, StaleRecord
from bridge.ports import Clock, Step
from bridge.store import schema
from bridge.store.database import Database

_table = schema.entries
_REMEMBERED = dt.timedelta(days=90)
_SHORTEST_PREFIX = 6
_LONGEST_NUMBER = 18  # digits that a 64-bit integer surely holds
_BY_STATE = case({State.OPEN.value: 0, State.SNOOZED.value: 1, State.ACCEPTED.value: 2}, value=_table.c.state, else_=3)
_BY_SEVERITY = case({Severity.HIGH.value: 0, Severity.MEDIUM.value: 1}, value=_table.c.severity, else_=2)

_ORDER = (_BY_STATE, _BY_SEVERITY, _table.c.opened_at, _table.c.id)
_WAITS = (Happened.OPENED.value, Happened.REOPENED.value, Happened.WOKE.value)
_RESTS = (Happened.RESOLVED.value, Happened.SNOOZED.value, Happened.ACCEPTED.value, Happened.ANSWERED.value)
"""What happened to an entry that waits for somebody after it, and to one that does not."""

_SAID = (
    "state",
    "assignee",
    "snoozed_until",
    "snoozed_evidence",
    "accepted_reason",
    "note",
    "life",
    "resolved_at",
)
"""The columns that a person's word may change: the rest is what runs found."""

_Values = dict[str, object]


class SqlLedger:
    """Fulfils `ports.Ledger`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def load(self, mapping: str) -> Sequence[Entry]:
        """Every entry that is not resolved, and those resolved within the last 90 days (they may reopen)."""
        with self._database.reading() as connection:
            return [_entry(row) for row in connection.execute(self._heard(mapping))]

    def _heard(self, mapping: str) -> Select[Any]:
        heard = or_(_table.c.state != State.RESOLVED.value, _table.c.resolved_at >= self._clock() - _REMEMBERED)
        return select(_table).where(_table.c.mapping == mapping, heard).order_by(_table.c.id)

    def move(self, mapping: str, step: Step) -> None:
        """Do what `step` says of what `load` gives, in one transaction that a person's word waits for, or that waits for it."""
        with self._database.writing() as connection:
            entries, events = step([_entry(row) for row in connection.execute(self._heard(mapping).with_for_update())])
            _store(connection, entries, events)

    def save(self, entries: Sequence[Entry], events: Sequence[Event]) -> None:
        """Insert or replace entries by fingerprint and append events, in one transaction."""
        with self._database.writing() as connection:
            _store(connection, entries, events)

    def list(self, *, mapping: str | None = None, state: str | None = None, code: int | None = None) -> Sequence[Entry]:
        """Open first, then by severity and age."""
        query = select(_table).order_by(*_ORDER)
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

    def keep(self, before: Entry, after: Entry, event: Event) -> None:
        """Put what people said in `after` in the place of `before`, with what happened.

        Raises StaleRecord if another stamp stands there now. What a run wrote there meanwhile stays.
        """
        mine = _table.c.fingerprint == before.fingerprint
        with self._database.writing() as connection:
            row = connection.execute(select(_table).where(mine).with_for_update()).first()
            if row is None or _entry(row).stamp != before.stamp:
                raise StaleRecord(
                    f"Discrepancy {before.id or before.fingerprint} changed meanwhile; nothing was done.",
                    next_step="look at how it stands now, and say it again if it still holds.",
                )
            said = _row(after)
            connection.execute(update(_table).where(mine).values({name: said[name] for name in _SAID}))
            connection.execute(insert(schema.events), _event_row(event))

    def search(self, selection: Selection, *, limit: int, offset: int = 0) -> tuple[Sequence[Entry], int]:
        """At most `limit` of the entries that are asked for, ordered as in `list`, and how many there are in all."""
        wanted = tuple(_conditions(selection))
        page = select(_table).where(*wanted).order_by(*_ORDER).limit(limit).offset(offset)
        with self._database.reading() as connection:
            number = connection.scalar(select(func.count()).select_from(_table).where(*wanted)) or 0
            return [_entry(row) for row in connection.execute(page)], number

    def tally(self, ages: Sequence[dt.timedelta], mappings: Collection[str]) -> Sequence[Tally]:
        """What is not resolved, counted by kind, severity, state and age; `ages` are the limits between ages, ascending."""
        now = self._clock()
        limits = [(_table.c.opened_at > now - limit, age) for age, limit in enumerate(ages)]
        age = (case(*limits, else_=len(ages)) if limits else literal(0)).label("age")
        kind = (_table.c.mapping, _table.c.code, _table.c.rule, _table.c.severity, _table.c.state)
        query = select(*kind, age, func.count().label("number")).where(*_live(mappings)).group_by(*kind, age)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(*kind, age)).all()
        return [
            Tally(
                mapping=row.mapping,
                code=row.code,
                rule=row.rule,
                severity=Severity(row.severity),
                state=State(row.state),
                age=row.age,
                number=row.number,
            )
            for row in rows
        ]

    def trend(self, moments: Sequence[dt.datetime], mappings: Collection[str]) -> Sequence[Moved]:
        """What moved from each moment to the next, and from the last one until now. `moments` ascend.

        An event moves an entry only if the one before it left it otherwise: what was snoozed and is then accepted went once.
        """
        events = schema.events
        waits = case((events.c.happened.in_(_WAITS), 1), else_=0)
        waited = func.lag(waits).over(partition_by=events.c.fingerprint, order_by=events.c.id)
        steps = (
            select(events.c.at, waits.label("waits"), func.coalesce(waited, 1 - waits).label("waited"))
            .join(_table, _table.c.fingerprint == events.c.fingerprint)
            .where(events.c.happened.in_((*_WAITS, *_RESTS)), _table.c.mapping.in_(mappings))
            .subquery()
        )
        period = case(*((steps.c.at > moment, number) for number, moment in reversed([*enumerate(moments)])), else_=-1)
        query = (
            select(period, steps.c.waits, func.count()).where(steps.c.waits != steps.c.waited).group_by(period, steps.c.waits)
        )
        with self._database.reading() as connection:
            found = {(number, waits): count for number, waits, count in connection.execute(query)}
        return [Moved(found.get((number, 1), 0), found.get((number, 0), 0)) for number in range(len(moments))]

    def assignees(self, mappings: Collection[str]) -> Sequence[str]:
        """Everybody who has something unresolved in their hands, by name."""
        query = select(_table.c.assignee).where(*_live(mappings), _table.c.assignee.is_not(None)).distinct()
        with self._database.reading() as connection:
            return sorted(name for name in connection.scalars(query) if name)


def _live(mappings: Collection[str]) -> tuple[ColumnElement[bool], ...]:
    return _table.c.state != State.RESOLVED.value, _table.c.mapping.in_(mappings)


def _conditions(wanted: Selection) -> Iterator[ColumnElement[bool]]:
    columns = _table.c
    plain = ((columns.code, wanted.code), (columns.rule, wanted.rule))
    words = ((columns.severity, wanted.severity), (columns.state, wanted.state))
    yield from (column == value for column, value in plain if value is not None)
    yield from (column == word.value for column, word in words if word is not None)
    if wanted.mappings is not None:
        yield columns.mapping.in_(wanted.mappings)
    if wanted.assignee is not None:
        yield columns.assignee == wanted.assignee if wanted.assignee else columns.assignee.is_(None)
    if wanted.record is not None:
        side, native = wanted.record
        yield columns[side.value] == native
    if wanted.opened_after is not None:
        yield columns.opened_at > wanted.opened_after
    if wanted.opened_until is not None:
        yield columns.opened_at <= wanted.opened_until
    if wanted.text:
        number = [columns.id == int(wanted.text)] if wanted.text.isdecimal() and len(wanted.text) <= _LONGEST_NUMBER else []
        texts = (columns.name, columns.note, columns.civicrm, columns.airtable)
        yield or_(*number, *(column.icontains(wanted.text, autoescape=True) for column in texts))


def _store(connection: Connection, entries: Sequence[Entry], events: Sequence[Event]) -> None:
    if entries:
        _save(connection, [_row(entry) for entry in entries])
    if events:
        connection.execute(insert(schema.events), [_event_row(event) for event in events])


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
