"""What is remembered of places outside from one run to the next: a base's schema, what was heard of it, when it was read."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from bridge.store.database import Database, insert_into
from bridge.store.schema import memories


class SqlMemory:
    """Fulfils `ports.Memory`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def recall(self, place: str) -> Mapping[str, Any]:
        """What was kept of the place, empty if nothing was."""
        with self._database.reading() as connection:
            told = connection.scalar(select(memories.c.told).where(memories.c.place == place))
        return told or {}

    def keep(self, place: str, told: Mapping[str, Any]) -> None:
        """Remember this of the place, instead of what was."""
        with self._database.writing() as connection:
            row = insert_into(connection, memories).values(place=place, told=dict(told))
            connection.execute(row.on_conflict_do_update(index_elements=["place"], set_={"told": dict(told)}))
