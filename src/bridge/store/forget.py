"""Forgetting a person: every value of theirs leaves the state, and the audit keeps its shape.

What stays is that something was written or seen, when, in which field and under which native ids and fingerprints. What goes is
every value and name: links, bases, the journal's cells, plans, the ledger's words, messages. SQLite overwrites what is deleted
(`secure_delete`) and its log is emptied; PostgreSQL does so at its next vacuum. A record that still stands in one of the two
systems is read anew by the next run; backups and copies made before know nothing of this.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Row, Text, and_, delete, or_, select, update
from sqlalchemy import cast as sql_cast

from bridge.core.record import Json, Side
from bridge.errors import ConfigError
from bridge.ports import OutboxState, PlanState
from bridge.store.cells import Packed, forgotten
from bridge.store.database import Database
from bridge.store.journal import IS_OPEN
from bridge.store.schema import apart, entries, events, journal, links, outbox, plans

_WORDS = ("name", "civicrm", "airtable", "before", "after", "sealed")


@dataclass(frozen=True, slots=True)
class _Person:
    """The native ids of one record and those it is linked with, on each side, and the names it was known by."""

    ids: Mapping[Side, set[str]]
    names: set[str] = field(default_factory=set)

    def has(self, civicrm: Json, airtable: Json) -> bool:
        return civicrm in self.ids[Side.CIVICRM] or airtable in self.ids[Side.AIRTABLE]

    def is_meant_by(self, change: Packed) -> bool:
        side = Side(str(change["side"]))
        return change["id"] in self.ids[side] or change["partner"] in self.ids[side.other]


def forget(database: Database, side: Side, native: str) -> Mapping[str, int]:
    """How many rows of each table were deleted or emptied for this record and its partners; none of what was empty before.

    Raises ConfigError while a write to it is in doubt: its values are needed to settle that.
    """
    with database.writing() as connection:
        person = _person(connection, side, native)
        counts = {
            "journal": _forget_journal(connection, person),
            "links": connection.execute(delete(links).where(_either(links, person))).rowcount,
            "apart": connection.execute(delete(apart).where(_either(apart, person))).rowcount,
            "plans": _forget_plans(connection, person),
            "entries": _forget_entries(connection, person),
            "outbox": _forget_messages(connection, person),
        }
    if database.embedded:
        database.empty_log()
    return counts


def _person(connection: Connection, side: Side, native: str) -> _Person:
    ids: dict[Side, set[str]] = {side: {native}, side.other: set()}
    for row in connection.execute(select(links).where(links.c[side.value] == native)):
        ids[side.other].add(row._mapping[side.other.value])  # noqa: SLF001  # SQLAlchemy's public name for it
    return _Person(ids)


def _either(table: Any, person: _Person) -> ColumnElement[bool]:
    return or_(table.c.civicrm.in_(person.ids[Side.CIVICRM]), table.c.airtable.in_(person.ids[Side.AIRTABLE]))


def _forget_journal(connection: Connection, person: _Person) -> int:
    mine = or_(
        *(
            and_(
                journal.c.side == side.value,
                or_(journal.c.record.in_(person.ids[side]), journal.c.partner.in_(person.ids[side.other])),
            )
            for side in Side
        )
    )
    rows = connection.execute(select(journal).where(mine)).all()
    if connection.execute(select(journal.c.id).where(mine, IS_OPEN)).first() is not None:
        raise ConfigError(
            "A write to this record is in doubt, and its values are needed to settle it.",
            next_step="run `bridge sync`, then forget.",
        )
    count = 0
    for row in rows:
        person.names.add(row.name)
        emptied = {"cells": forgotten(row.cells), "name": "", "extra": {}, "keys": {"plain": {}, "locked": {}}}
        if _differs(row, emptied):
            connection.execute(update(journal).where(journal.c.id == row.id).values(emptied))
            count += 1
    return count


def _differs(row: Row[Any], emptied: Mapping[str, object]) -> bool:
    """Whether there is anything left to forget in the row."""
    return any(getattr(row, name) != value for name, value in emptied.items())


def _forget_plans(connection: Connection, person: _Person) -> int:
    """A plan that names the person is emptied of it; one that still waits can no longer be applied."""
    quoted = [f'"{native}"' for ids in person.ids.values() for native in ids]
    named = or_(*(sql_cast(plans.c.body, Text).contains(each, autoescape=True) for each in quoted))
    count = 0
    for row in connection.execute(select(plans).where(named)).all():
        emptied = _emptied(row, person)
        if emptied:
            connection.execute(update(plans).where(plans.c.id == row.id).values(emptied))
            count += 1
    return count


def _emptied(row: Row[Any], person: _Person) -> dict[str, object]:
    body, document = row.body, row.document
    kept = {
        **body,
        "changes": [each for each in body["changes"] if not person.is_meant_by(each)],
        "discrepancies": [each for each in body["discrepancies"] if not person.has(**each["ids"])],
        "links": [pair for pair in body["links"] if not person.has(*pair)],
    }
    if kept == body:
        return {}
    shown = {
        **document,
        "changes": [_blanked(each) if person.is_meant_by(each) else each for each in document["changes"]],
        "discrepancies": [
            _blanked(each) if person.has(each["civicrm_id"], each["airtable_id"]) else each
            for each in document["discrepancies"]
        ],
    }
    gone = [each for part in ("changes", "discrepancies") for each in body[part] if each not in kept[part]]
    person.names.update(each["name"] for each in gone)
    waits = row.state in (PlanState.PLANNED.value, PlanState.HELD.value, PlanState.APPROVED.value)
    return {"body": kept, "document": shown, **({"state": PlanState.STALE.value} if waits else {})}


def _blanked(shown: Packed) -> Packed:
    """A change or discrepancy of a plan's document without words of the person."""
    blank: Packed = {name: "" if name == "name" else None for name in _WORDS if name in shown}
    if "cells" in shown:
        blank["cells"] = [cast("Json", _blanked(cell)) for cell in cast("list[Packed]", shown["cells"])]
    if "details" in shown:
        blank["details"] = {}
    return {**shown, **blank}


def _forget_entries(connection: Connection, person: _Person) -> int:
    rows = connection.execute(select(entries).where(_either(entries, person))).all()
    person.names.update(row.name for row in rows)
    mine = [row.fingerprint for row in rows]
    emptied: dict[str, object] = {"name": "", "shown": [None, None], "details": {}, "note": "", "accepted_reason": None}
    connection.execute(update(entries).where(entries.c.fingerprint.in_(mine)).values(emptied))
    noted = events.c.fingerprint.in_(mine) & (events.c.note != "")
    spoken = set(connection.scalars(select(events.c.fingerprint).where(noted)))
    connection.execute(update(events).where(noted).values(note=""))
    return sum(row.fingerprint in spoken or _differs(row, emptied) for row in rows)


def _forget_messages(connection: Connection, person: _Person) -> int:
    """Messages that name the person are emptied; one that was still to be sent is not sent any more.

    A CiviCRM number says nothing in a text, where it may count anything: names and Airtable ids are looked for.
    """
    words = sorted({name for name in person.names if name and not name.isdecimal()} | person.ids[Side.AIRTABLE])
    said = re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in words) or r"(?!)")
    count = 0
    for number, state, payload in connection.execute(select(outbox.c.id, outbox.c.state, outbox.c.payload)).all():
        if said.search(json.dumps(payload, ensure_ascii=False)) is None:
            continue
        emptied: dict[str, object] = {"payload": {}}
        if state not in (OutboxState.SENT.value, OutboxState.FAILED.value):
            emptied |= {"state": OutboxState.FAILED.value, "error": "forgotten"}
        connection.execute(update(outbox).where(outbox.c.id == number).values(emptied))
        count += 1
    return count
