"""What is remembered of the notices on boards: digests of their cells, never a word of them."""

from collections.abc import Collection, Mapping

from sqlalchemy import select

from bridge.ports import Clock, Lease, Notice
from bridge.store.database import Database, insert_into
from bridge.store.lease import fenced
from bridge.store.schema import notices as _table


class SqlNotices:
    """Fulfils `ports.Notices`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def load(self, place: str) -> Mapping[str, Notice]:
        """All of one board, by fingerprint."""
        with self._database.reading() as connection:
            rows = connection.execute(select(_table).where(_table.c.place == place)).all()
        return {
            row.fingerprint: Notice(fingerprint=row.fingerprint, seen=row.seen, sent=row.sent, sent_at=row.sent_at)
            for row in rows
        }

    def save(self, mapping: str, place: str, notices: Collection[Notice], lease: Lease) -> None:
        """Insert or replace, in one transaction, under the mapping's lease."""
        if not notices:
            return
        rows = [
            {
                "place": place,
                "fingerprint": each.fingerprint,
                "seen": dict(each.seen),
                "sent": dict(each.sent),
                "sent_at": each.sent_at,
            }
            for each in notices
        ]
        with fenced(self._database, mapping, lease, self._clock) as connection:
            added = insert_into(connection, _table)
            replaced = {name: added.excluded[name] for name in ("seen", "sent", "sent_at")}
            upsert = added.on_conflict_do_update(index_elements=["place", "fingerprint"], set_=replaced)
            connection.execute(upsert, rows)
