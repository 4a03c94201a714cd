"""Encrypting everything anew with the first key, so that the older ones may be let go.

Each step is a small transaction of its own and skips what is done, so it may be stopped and begun again, also while bridge
runs with the new key in front. A keyed digest does not depend on the key (its pepper does, and was locked anew when the
state was opened): it stays as it is, and only the next agreement of both sides turns it into a ciphertext.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, func, select, text, true, tuple_, update

from bridge.errors import ConfigError
from bridge.ports import Progress
from bridge.store.bases import base_place
from bridge.store.cells import Relock, relocked
from bridge.store.cipher import Vault, key_of
from bridge.store.database import Database
from bridge.store.journal import journal_place
from bridge.store.plans import plan_place
from bridge.store.schema import bases, journal, plans, stops

_ROWS_AT_ONCE = 200


@dataclass(slots=True)
class Rekeyed:
    """What became of the values: counted by table, `lost` by the name of the key that is missing (empty: it is not named)."""

    key: str
    anew: Counter[str] = field(default_factory=Counter)
    already: Counter[str] = field(default_factory=Counter)
    digests: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)


def rekey(database: Database, vault: Vault, progress: Progress) -> Rekeyed:
    """Encrypt every sensitive value with the vault's first key. Raises ConfigError without a key."""
    if not vault.keys:
        raise ConfigError(
            "There is no key to encrypt with.", next_step="set BRIDGE_STATE_KEY: the new key first, the old ones after it."
        )
    told = Rekeyed(vault.keys[0])
    for kept in _KEPT:
        _rekey(database, kept, _Relock(vault, told, kept.table.name), progress)
    if database.embedded:
        database.empty_log()
    return told


def unopened(connection: Connection, vault: Vault) -> Mapping[str, Counter[str]]:
    """How many values of each table the vault cannot open, by the name of the key they were locked with; nothing is changed."""
    found: dict[str, Counter[str]] = {}
    for kept in _KEPT:

        def look(locked: str | None, place: str, table: str = kept.table.name) -> str | None:
            if locked is not None and not vault.is_digest(locked) and vault.open(locked, place) is None:
                found.setdefault(key_of(locked), Counter())[table] += 1
            return locked

        last = None
        while rows := connection.execute(kept.after(last)).all():
            for row in rows:
                kept.renewed(row, look)
            last = rows[-1]
    return found


def _rekey(database: Database, kept: "_Kept", relock: "_Relock", progress: Progress) -> None:
    with database.reading() as connection:
        total = connection.execute(select(func.count()).select_from(kept.table).where(kept.sealed)).scalar_one()
    done, last = 0, None
    while True:
        with database.writing() as connection:
            if not database.embedded:
                # Runs write these rows in any order: waiting for them row by row might never end.
                connection.execute(text(f"LOCK TABLE {kept.table.name} IN SHARE ROW EXCLUSIVE MODE"))
            rows = connection.execute(kept.after(last)).all()
            for row in rows:
                new = kept.renewed(row, relock)
                if any(getattr(row, name) != value for name, value in new.items()):
                    connection.execute(update(kept.table).where(*kept.is_row(row)).values(new))
        if not rows:
            return
        done, last = done + len(rows), rows[-1]
        progress(kept.table.name, done, total)


@dataclass(frozen=True, slots=True)
class _Relock:
    """What is to stand for a locked text, counted under its table."""

    vault: Vault
    told: Rekeyed
    table: str

    def __call__(self, text: str | None, place: str) -> str | None:
        if text is None:
            return None
        if self.vault.is_digest(text):
            self.told.digests[self.table] += 1
        elif self.vault.is_current(text):
            self.told.already[self.table] += 1
        elif (opened := self.vault.open(text, place)) is None:
            self.told.lost[key_of(text)] += 1
        else:
            self.told.anew[self.table] += 1
            return self.vault.lock(opened, place)
        return text


@dataclass(frozen=True, slots=True)
class _Kept:
    """A table with locked texts: what tells its rows apart, which hold any, and what a row becomes."""

    table: Table
    keys: tuple[str, ...]
    sealed: ColumnElement[bool]
    renewed: Callable[[Row[Any], Relock], dict[str, object]]

    def after(self, last: Row[Any] | None) -> Select[Any]:
        """The next few rows."""
        columns = [self.table.c[name] for name in self.keys]
        query = select(self.table).where(self.sealed).order_by(*columns).limit(_ROWS_AT_ONCE)
        return query if last is None else query.where(tuple_(*columns) > tuple(getattr(last, name) for name in self.keys))

    def is_row(self, row: Row[Any]) -> list[ColumnElement[bool]]:
        """That it is this row."""
        return [self.table.c[name] == getattr(row, name) for name in self.keys]


def _plan(row: Row[Any], relock: Relock) -> dict[str, object]:
    changes = [{**each, **relocked(each, relock, plan_place(row.digest))} for each in row.body["changes"]]
    return {"body": {**row.body, "changes": changes}}


def _journal(row: Row[Any], relock: Relock) -> dict[str, object]:
    packed = {"side": row.side, "partner": row.partner, "cells": row.cells, "keys": row.keys}
    return {**relocked(packed, relock, journal_place(row.run))}


_KEPT = (
    _Kept(
        bases,
        ("link", "field"),
        bases.c.sealed,
        lambda row, relock: {"value": relock(row.value, base_place(row.link, row.field))},
    ),
    _Kept(
        stops,
        ("link", "field"),
        stops.c.sealed,
        lambda row, relock: {"source": relock(row.source, base_place(row.link, row.field))},
    ),
    _Kept(journal, ("id",), true(), _journal),
    _Kept(plans, ("id",), true(), _plan),
)
