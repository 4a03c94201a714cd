"""What both sides agreed on, cell by cell, and the cells that are not to be written for now.

A base counts only while the field means what it meant: each is stored with a digest of its definition, and one under another
definition is not loaded. Nothing is written for a cell whose stored base is the same already, so a quiet run leaves no trace.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from sqlalchemy import Connection, delete, select, tuple_

from bridge.core import values
from bridge.core.knowledge import Stop
from bridge.core.mapping import Field
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.record import Base, Link, Sealed, Side, Value
from bridge.store.cells import lock, locks, unlock
from bridge.store.cipher import Vault
from bridge.store.database import insert_into
from bridge.store.schema import bases, links, stops

_CHUNK = 1000

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
        """Every base of the mapping's links whose field still has the definition it was agreed under.

        One that is locked with a lost key is left out: the cell is then met as if for the first time.
        """
        query = select(bases.c.link, bases.c.field, bases.c.definition, bases.c.sealed, bases.c.value)
        mine = query.join(links, links.c.id == bases.c.link).where(links.c.mapping == mapping.name)
        fields = {name: (field, definition(field)) for name, field in mapping.fields.items()}
        found: dict[int, dict[str, Base]] = {}
        for number, name, defined, sealed, value in connection.execute(mine).all():
            field, expected = fields.get(name, (None, None))
            if field is None or defined != expected:
                continue
            base = self._base(field, number, sealed, value)
            if not isinstance(base, Sealed) or self._vault.is_digest(value):
                found.setdefault(number, {})[name] = base
        return {numbered[number]: cells for number, cells in found.items()}

    def keep(self, connection: Connection, mapping: FieldMapping, agreed: Agreed) -> None:
        """Store what was agreed where it is not stored so already; a cell that agrees is stopped no longer."""
        fields = {name: (field, definition(field)) for name, field in mapping.fields.items()}
        rows: list[dict[str, object]] = []
        for chunk in _chunks(agreed):
            stored = _stored(connection, chunk)
            for number in chunk:
                for name, value in agreed[number].items():
                    new = self._unless_kept(stored.get((number, name)), *fields[name], number, value)
                    if new is not None:
                        rows.append(_row(number, name, new, "value"))
        if rows:
            insert = insert_into(connection, bases)
            changed = {name: insert.excluded[name] for name in ("definition", "sealed", "value")}
            connection.execute(insert.on_conflict_do_update(index_elements=["link", "field"], set_=changed), rows)
        self._release(connection, mapping.name, agreed)

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
        insert = insert_into(connection, stops)
        changed = {name: insert.excluded[name] for name in ("side", "code", "definition", "sealed", "source")}
        for name, each in stopped.items():
            field = mapping.fields[name]
            kept = self._kept(field, definition(field), link, each.source)
            row = {**_row(link, name, kept, "source"), "side": each.side.value, "code": each.code}
            connection.execute(insert.on_conflict_do_update(index_elements=["link", "field"], set_=changed), row)

    def _release(self, connection: Connection, mapping: str, agreed: Agreed) -> None:
        query = select(stops.c.link, stops.c.field).join(links, links.c.id == stops.c.link).where(links.c.mapping == mapping)
        over = [(link, name) for link, name in connection.execute(query) if name in agreed.get(link, ())]
        if over:
            connection.execute(delete(stops).where(tuple_(stops.c.link, stops.c.field).in_(over)))

    def _base(self, field: Field, link: int, sealed: bool, value: str | None) -> Base:
        if sealed:
            return unlock(value, self._vault, _place(link, field.name))
        return None if value is None else values.load(field.type, value)

    def _kept(self, field: Field, defined: str, link: int, value: Base) -> Kept:
        if field.sensitive or isinstance(value, Sealed):
            return (defined, True, lock(value, self._vault, _place(link, field.name)))
        return (defined, False, _text(value))

    def _unless_kept(self, old: Kept | None, field: Field, defined: str, link: int, value: Value | None) -> Kept | None:
        """What is to be stored for the value; None if that stands there already."""
        if not field.sensitive:
            new = (defined, False, _text(value))
            return None if new == old else new
        if old is not None and old[:2] == (defined, True) and locks(old[2], value, self._vault, _place(link, field.name)):
            return None
        return self._kept(field, defined, link, value)


def _text(value: Value | None) -> str | None:
    return None if value is None else values.dump(value)


def _place(link: int, field: str) -> str:
    return f"base/{link}/{field}"


def _row(link: int, field: str, kept: Kept, column: str) -> dict[str, object]:
    defined, sealed, value = kept
    return {"link": link, "field": field, "definition": defined, "sealed": sealed, column: value}


def _stored(connection: Connection, numbers: Sequence[int]) -> dict[tuple[int, str], Kept]:
    query = select(bases.c.link, bases.c.field, bases.c.definition, bases.c.sealed, bases.c.value)
    rows = connection.execute(query.where(bases.c.link.in_(numbers))).all()
    return {(link, field): (defined, sealed, value) for link, field, defined, sealed, value in rows}


def _chunks(numbers: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(numbers)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
