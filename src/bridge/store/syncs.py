"""The syncs that people asked for, and under which idempotency key, so that no restart and no other process forgets them.

Of a key only a digest is kept: whoever chose it may have put anything into it.
"""

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, select, update

from bridge.ports import Clock, SyncRecord
from bridge.store.database import Database, insert_into
from bridge.store.process import Process, this_process
from bridge.store.schema import asked, syncs

_KEPT = tuple(each.name for each in dataclasses.fields(SyncRecord))


class SqlSyncs:
    """Fulfils `ports.Syncs`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def take(self, sync: SyncRecord, until: dt.datetime, *, key: str = "") -> SyncRecord:
        """Keep it as this process's own `until` then, or give back what the same person asked for under this key before."""
        row = {**_row(sync), **_mine(), "expires_at": until}
        with self._database.writing() as connection:
            new = insert_into(connection, syncs).values(row).on_conflict_do_nothing().returning(syncs.c.id)
            made = connection.execute(new).first() is not None
            if key:
                under = {"by": sync.by, "key": _digest(key), "sync": sync.id, "at": self._clock()}
                first = insert_into(connection, asked).values(under).on_conflict_do_nothing().returning(asked.c.sync)
                if connection.execute(first).first() is None:  # another process was faster
                    if made:
                        connection.execute(delete(syncs).where(syncs.c.id == sync.id))
                    return _record(connection.execute(_under(sync.by, key)).one())
        return sync

    def asked(self, by: str, key: str) -> SyncRecord | None:
        """What somebody asked for under this key of theirs."""
        with self._database.reading() as connection:
            row = connection.execute(_under(by, key)).first()
        return None if row is None else _record(row)

    def get(self, id: str) -> SyncRecord | None:  # noqa: A002  # its own word for it
        """The sync of that id."""
        with self._database.reading() as connection:
            row = connection.execute(select(syncs).where(syncs.c.id == id)).first()
        return None if row is None else _record(row)

    def keep(self, sync: SyncRecord) -> bool:
        """Keep how it stands by now; False, and nothing kept, if another process has taken it over."""
        with self._database.writing() as connection:
            kept = connection.execute(update(syncs).where(syncs.c.id == sync.id, _ours()).values(_row(sync)))
        return kept.rowcount > 0

    def hold(self, ids: Collection[str], until: dt.datetime) -> None:
        """This process's own word that it has these `until` then; a moment that is past leaves them to others."""
        with self._database.writing() as connection:
            connection.execute(update(syncs).where(syncs.c.id.in_(ids), _ours()).values(expires_at=until))

    def adopt(self, until: dt.datetime) -> Sequence[SyncRecord]:
        """Take over all that has not ended and whose process is gone, oldest first; as its own word said, or as it is known."""
        open_ = select(syncs).where(syncs.c.finished_at.is_(None)).order_by(syncs.c.asked_at, syncs.c.id)
        with self._database.reading() as connection:
            if not any(self._is_orphan(row) for row in connection.execute(open_)):
                return []
        with self._database.writing() as connection:
            orphans = [row for row in connection.execute(open_.with_for_update()) if self._is_orphan(row)]
            mine = {**_mine(), "expires_at": until}
            connection.execute(update(syncs).where(syncs.c.id.in_([row.id for row in orphans])).values(mine))
        return [_record(row) for row in orphans]

    def _is_orphan(self, row: Row[Any]) -> bool:
        return bool(row.expires_at <= self._clock()) or Process(row.machine, row.pid, row.process_started).dead


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _under(by: str, key: str) -> Any:
    """The query for what was asked under a key."""
    return select(syncs).join(asked, asked.c.sync == syncs.c.id).where(asked.c.by == by, asked.c.key == _digest(key))


def _mine() -> dict[str, object]:
    me = this_process()
    return {"machine": me.machine, "pid": me.pid, "process_started": me.started}


def _ours() -> ColumnElement[bool]:
    return and_(*(syncs.c[name] == value for name, value in _mine().items()))


def _row(sync: SyncRecord) -> dict[str, Any]:
    return {**{name: getattr(sync, name) for name in _KEPT}, "wish": dict(sync.wish), "runs": list(sync.runs)}


def _record(row: Row[Any]) -> SyncRecord:
    return SyncRecord(**{**{name: getattr(row, name) for name in _KEPT}, "runs": tuple(row.runs)})
