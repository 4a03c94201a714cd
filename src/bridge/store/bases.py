"""What both sides agreed on, cell by cell, and the cells that are not to be written for now.

A base counts only while the field means what it meant: each is stored with a digest of its definition, and one under another
definition is not loaded. Nothing is written for a cell whose stored base is the same already, so a quiet run leaves no trace.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from sqlalchemy import Connection, delete, select, tuple_

from bridge.core import values
from bridge.core.knowledge import Stop
from bridge.core.mapping import Field
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.record import Base, Link, PerSide, Sealed, Side, Value
from bridge.store.bulk import among, batches, put
from bridge.store.cells import lock, locks, unlock
from bridge.store.cipher import Vault
from bridge.store.database import insert_into
from bridge.store.schema import bases, links, marks, stops

_KEPT = ("definition", "sealed", "value")
_ROWS = select(bases.c.link, bases.c.field, *(bases.c[name] for name in _KEPT))
_UNKNOWN = ("", str)
"""What is expected of a field that the mapping has no more: no definition is empty."""

Agreed = Mapping[int, Mapping[str, Value | None]]
"""By link number and field: the value both sides now have."""

Kept = tuple[str, bool, str | None]
"""A canonical value as a row holds it: the field's definition, whether it is sealed, and the text."""


def definition(field: Field) -> str:
    """16 hex digits of what gives a base its meaning: type, values, authority, target, precision, region, habits; no path."""
    parts = (
        field.type.value,
        sorted(field.values.items()),
        field.authority and field.authority.value,
        field.to,
        field.precision,
        field.from_datetime,
        field.region,
        sorted(field.ignore),
    )
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


class Bases:
    """Reads and writes bases and stops inside a transaction of the caller's."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def read(self, connection: Connection, mapping: FieldMapping, numbered: Mapping[int, Link]) -> dict[Link, dict[str, Base]]:
        """Every base of these links of the mapping whose field has the definition it was agreed under.

        One that is locked with a lost key is left out: the cell is then met as if for the first time.
        """
        fields = {name: (definition(field), values.loader(field.type)) for name, field in mapping.fields.items()}
        found: dict[int, dict[str, Base]] = {}
        for chunk in batches(numbered):
            for number, name, defined, sealed, value in connection.execute(
                _ROWS.where(among(connection, bases.c.link, chunk))
            ).all():
                expected, read = fields.get(name, _UNKNOWN)
                if defined != expected:
                    continue
                if (cells := found.get(number)) is None:
                    cells = found[number] = {}
                if not sealed:
                    cells[name] = None if value is None else read(value)
                    continue
                base = unlock(value, self._vault, base_place(number, name))
                if not isinstance(base, Sealed) or self._vault.is_digest(value):
                    cells[name] = base
        return {numbered[number]: cells for number, cells in found.items() if cells}

    def keep(self, connection: Connection, mapping: FieldMapping, agreed: Agreed, *, fresh: bool = False) -> None:
        """Store what was agreed where it is not stored so already; a cell that agrees is stopped no longer.

        A pair of which anything is stored loses its marks. Of `fresh` links nothing is stored yet, so nothing is looked for.
        """
        fields = {name: (field, definition(field)) for name, field in mapping.fields.items()}
        insert = insert_into(connection, bases)
        changed = {name: insert.excluded[name] for name in _KEPT}
        store = insert.on_conflict_do_update(index_elements=["link", "field"], set_=changed)
        for chunk in batches(agreed):
            stored = {} if fresh else _stored(connection, chunk)
            rows: list[tuple[object, ...]] = []
            for number in chunk:
                for name, value in agreed[number].items():
                    new = self._unless_kept(stored.get((number, name)), *fields[name], number, value)
                    if new is not None:
                        rows.append((number, name, *new))
            put(connection, store, ("link", "field", *_KEPT), rows, fresh=fresh)
            if fresh:
                continue
            _unmark(connection, {cast("int", row[0]) for row in rows})
            _release(connection, agreed, chunk)

    def mark(self, connection: Connection, pairs: Mapping[int, PerSide[bytes]], *, fresh: bool = False) -> None:
        """Keep the marks of these pairs, in place of earlier ones; of `fresh` links there are none."""
        insert = insert_into(connection, marks)
        changed = {side.value: insert.excluded[side.value] for side in Side}
        store = insert.on_conflict_do_update(index_elements=["link"], set_=changed)
        for chunk in batches(pairs):
            rows = [(number, pairs[number].civicrm, pairs[number].airtable) for number in chunk]
            put(connection, store, ("link", Side.CIVICRM.value, Side.AIRTABLE.value), rows, fresh=fresh)

    @property
    def salt(self) -> str:
        """What marks are made with: other keys, and nothing that is marked is believed, for a base may be lost with its key."""
        return self._vault.seal(" ".join(("marks", *sorted(self._vault.keys))))

    def read_stops(self, connection: Connection, mapping: FieldMapping) -> dict[tuple[Link, str], Stop]:
        """Every stop of the mapping whose field still has the definition it was set under."""
        query = select(links.c.civicrm, links.c.airtable, stops).join(stops, stops.c.link == links.c.id)
        found = {}
        for row in connection.execute(query.where(links.c.mapping == mapping.name)):
            field = mapping.fields.get(row.field)
            if field is None or row.definition != definition(field):
                continue
            source = self._base(field, row.link, row.sealed, row.source)
            found[Link(row.civicrm, row.airtable), row.field] = Stop(side=Side(row.side), code=row.code, source=source)
        return found

    def stop(self, connection: Connection, mapping: FieldMapping, link: int, stopped: Mapping[str, Stop]) -> None:
        """Set these stops, in place of earlier ones of the same cells."""
        if stopped:
            _unmark(connection, [link])
        insert = insert_into(connection, stops)
        changed = {name: insert.excluded[name] for name in ("side", "code", "definition", "sealed", "source")}
        for name, each in stopped.items():
            field = mapping.fields[name]
            kept = self._kept(field, definition(field), link, each.source)
            row = {**_row(link, name, kept, "source"), "side": each.side.value, "code": each.code}
            connection.execute(insert.on_conflict_do_update(index_elements=["link", "field"], set_=changed), row)

    def _base(self, field: Field, link: int, sealed: bool, value: str | None) -> Base:
        if sealed:
            return unlock(value, self._vault, base_place(link, field.name))
        return None if value is None else values.load(field.type, value)

    def _kept(self, field: Field, defined: str, link: int, value: Base) -> Kept:
        if field.sensitive or isinstance(value, Sealed):
            return (defined, True, lock(value, self._vault, base_place(link, field.name)))
        return (defined, False, _text(value))

    def _unless_kept(self, old: Kept | None, field: Field, defined: str, link: int, value: Value | None) -> Kept | None:
        """What is to be stored for the value; None if that stands there already."""
        if not field.sensitive:
            new = (defined, False, _text(value))
            return None if new == old else new
        if old is not None and old[:2] == (defined, True) and locks(old[2], value, self._vault, base_place(link, field.name)):
            return None
        return self._kept(field, defined, link, value)


def _release(connection: Connection, agreed: Agreed, numbers: Sequence[int]) -> None:
    """Let the stops of cells go that agree now."""
    stopped = select(stops.c.link, stops.c.field).where(among(connection, stops.c.link, numbers))
    over = [(link, name) for link, name in connection.execute(stopped) if name in agreed[link]]
    if over:
        connection.execute(delete(stops).where(tuple_(stops.c.link, stops.c.field).in_(over)))
        _unmark(connection, {link for link, _ in over})


def _unmark(connection: Connection, numbers: Iterable[int]) -> None:
    for chunk in batches(numbers):
        connection.execute(delete(marks).where(among(connection, marks.c.link, chunk)))


def _text(value: Value | None) -> str | None:
    return None if value is None else values.dump(value)


def base_place(link: int, field: str) -> str:
    """Where a base, or a stop's source, is kept: a sensitive one opens nowhere else."""
    return f"base/{link}/{field}"


def _row(link: int, field: str, kept: Kept, column: str) -> dict[str, object]:
    defined, sealed, value = kept
    return {"link": link, "field": field, "definition": defined, "sealed": sealed, column: value}


def _stored(connection: Connection, numbers: Sequence[int]) -> dict[tuple[int, str], Kept]:
    rows = connection.execute(_ROWS.where(among(connection, bases.c.link, numbers))).all()
    return {(link, field): (defined, sealed, value) for link, field, defined, sealed, value in rows}
