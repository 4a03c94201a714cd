"""Messages that are to be posted exactly once: planned before they are sent, and never sent again on a guess."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, func, select, update

from bridge.core.record import Json
from bridge.errors import StoreError
from bridge.ports import Clock, OutboxMessage, OutboxState
from bridge.store.database import Database, insert_into
from bridge.store.schema import outbox

_PENDING = tuple(state.value for state in (OutboxState.PLANNED, OutboxState.SENDING, OutboxState.UNCERTAIN))


class SqlOutbox:
    """Fulfils `ports.Outbox`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def put(self, key: str, channel: str, payload: Mapping[str, Json], *, thread_of: str | None = None) -> bool:
        """Plan a message; False if the key is there already. Its payload is then replaced, to be sent or edited in place."""
        row = {
            "key": key,
            "channel": channel,
            "payload": dict(payload),
            "state": OutboxState.PLANNED.value,
            "created_at": self._clock(),
            "thread_of": thread_of,
            "attempts": 0,
            "error": "",
        }
        with self._database.writing() as connection:
            added = insert_into(connection, outbox).values(row).on_conflict_do_nothing().returning(outbox.c.id)
            if connection.execute(added).first() is not None:
                return True
            alive = (outbox.c.key == key, outbox.c.state != OutboxState.FAILED.value)
            connection.execute(update(outbox).where(*alive).values(payload=dict(payload)))
            return False

    def pending(self) -> Sequence[OutboxMessage]:
        """PLANNED, SENDING (left by a crash) and UNCERTAIN messages, oldest first, parents before threads."""
        query = select(outbox).where(outbox.c.state.in_(_PENDING)).order_by(outbox.c.thread_of.is_not(None), outbox.c.id)
        with self._database.reading() as connection:
            return [_message(row) for row in connection.execute(query)]

    def get(self, key: str) -> OutboxMessage | None:
        """The message of that key."""
        with self._database.reading() as connection:
            row = connection.execute(select(outbox).where(outbox.c.key == key)).first()
        return None if row is None else _message(row)

    def mark(self, key: str, state: OutboxState, *, ts: str | None = None, error: str = "") -> None:
        """Record what happened; SENDING counts an attempt. A `ts` once known stays. Raises StoreError for an unknown key."""
        said: dict[str, object] = {"state": state.value, "error": error}
        if ts is not None:
            said["ts"] = ts
        if state is OutboxState.SENDING:
            said["attempts"] = outbox.c.attempts + 1
        with self._database.writing() as connection:
            if connection.execute(update(outbox).where(outbox.c.key == key).values(said)).rowcount == 0:
                raise StoreError(f"There is no message {key} in the outbox.", next_step="run `bridge db check`.")

    def last_posted(self) -> dt.datetime | None:
        """When the last message that was taken had been planned, of those still kept; None if none was."""
        sent = select(func.max(outbox.c.created_at)).where(outbox.c.state == OutboxState.SENT.value)
        with self._database.reading() as connection:
            found: dt.datetime | None = connection.execute(sent).scalar()
        return found

    def counts(self) -> Mapping[OutboxState, int]:
        """How many messages there are in each state; an entry for every state."""
        with self._database.reading() as connection:
            rows = connection.execute(select(outbox.c.state, func.count().label("number")).group_by(outbox.c.state))
            found = {row.state: row.number for row in rows}
        return {state: found.get(state.value, 0) for state in OutboxState}


def _message(row: Row[Any]) -> OutboxMessage:
    return OutboxMessage(
        key=row.key,
        channel=row.channel,
        payload=row.payload,
        state=OutboxState(row.state),
        created_at=row.created_at,
        thread_of=row.thread_of,
        ts=row.ts,
        attempts=row.attempts,
        error=row.error,
    )
