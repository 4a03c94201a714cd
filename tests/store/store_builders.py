"""What the store's tests build: a mapping, changes, plans, a clock that stands, and a state that can be opened again."""

import datetime as dt
import sqlite3
from collections.abc import Mapping as Map
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bridge.core.mapping import FieldType, Mapping, Severity
from bridge.core.plan import Action, CellChange, Change, Discrepancy, Plan
from bridge.core.record import Link, PerSide, Side
from bridge.store import SqlStore, open_store
from bridge.store.schema import metadata
from builders import a_field, a_mapping

START = dt.datetime(2026, 11, 16, 14, 0, tzinfo=dt.UTC)
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
NEW_KEY = "_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v4="
ANA = Link("12", "recAna0000000000")
BEN = Link("7", "recBen0000000000")


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> dt.datetime:
        return self.now

    def forward(self, **period: float) -> None:
        self.now += dt.timedelta(**period)


class State:
    """One state; `store` is the opened one, `again` a second opening of it, as another process has it."""

    def __init__(self, url: str, clock: Clock, keys: Sequence[str] = ()) -> None:
        self.url = url
        self.clock = clock
        self._opened: list[SqlStore] = []
        self.store = self.again(*keys)

    def again(self, *keys: str) -> SqlStore:
        opened = open_store(self.url, keys, self.clock)
        self._opened.append(opened)
        return opened

    def close(self) -> None:
        for opened in self._opened:
            opened.close()

    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        with self.store.database.reading() as connection:
            return {
                name: connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one()  # noqa: S608
                for name in metadata.tables
            }


def raw_bytes(folder: Path) -> bytes:
    """Everything that stands in the files of the state: the database, its log and its index."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())


def sqlite_rows(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def the_mapping(**more: Any) -> Mapping:
    """A mapping with an e-mail address, a phone number and a premium that nobody may see."""
    return a_mapping(
        a_field("email", type=FieldType.EMAIL),
        a_field("phone", type=FieldType.PHONE),
        a_field("premium", type=FieldType.MONEY, sensitive=True),
        **more,
    )


def a_cell(field: str = "email", before: Any = "old@coop.org", after: Any = "new@coop.org", **more: Any) -> CellChange:
    raw = {"before_raw": before if isinstance(before, str) else None, "after_raw": after if isinstance(after, str) else None}
    return CellChange(
        field=field, path=f"Air {field}", before=before, after=after, **{**raw, "why": "changed", "source": after, **more}
    )


def a_change(*cells: CellChange, link: Link = ANA, side: Side = Side.AIRTABLE, **more: Any) -> Change:
    about = {"mapping": "groups", "action": Action.UPDATE, "id": link[side], "partner": link[side.other], "name": "Ana Arroyo"}
    return Change(**{**about, **more}, side=side, cells=cells or (a_cell(),))


def a_create(*cells: CellChange, link: Link = ANA, **more: Any) -> Change:
    return a_change(*cells, link=link, **{"action": Action.CREATE, "id": None, "keys": {"Civi ID": link.civicrm}, **more})


def a_discrepancy(code: int = 204, link: Link = ANA, **more: Any) -> Discrepancy:
    about = {
        "mapping": "groups",
        "severity": Severity.MEDIUM,
        "ids": PerSide(link.civicrm, link.airtable),
        "name": "Ana Arroyo",
        "field": "email",
        "shown": PerSide("a@coop.org", "b@coop.org"),
        "details": {"note": "Ana moved"},
        "evidence": "e1",
    }
    return Discrepancy(code=code, **{**about, **more})


def a_plan(*changes: Change, agreed: Map[Link, Map[str, Any]] | None = None, **more: Any) -> Plan:
    links = tuple(agreed or {})
    about = {"mapping": "groups", "mapping_digest": "digest-1", "discrepancies": (), "links": links, "agreed": agreed or {}}
    return Plan(changes=changes, **{**about, **more})
