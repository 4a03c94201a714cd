"""What an operator does with a state: back it up, check it, and let old history go."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, Table, delete, func, insert, select, text

from bridge.core.ledger import State
from bridge.core.plan import Written
from bridge.errors import ConfigError, Problem, StoreError
from bridge.ports import OutboxState, PlanState, RunState
from bridge.store.cipher import look_at_vault, parse_keys
from bridge.store.database import Database, revision_of
from bridge.store.journal import IS_OPEN
from bridge.store.rekey import unopened
from bridge.store.schema import (
    REVISIONS,
    bases,
    entries,
    events,
    journal,
    leases,
    links,
    marks,
    metadata,
    notices,
    outbox,
    plans,
    runs,
    stops,
    syncs,
)
from bridge.store.upgrade import copy_file, migrate

_ROWS_AT_ONCE = 1000
_DELIVERED = (OutboxState.SENT.value, OutboxState.FAILED.value)
_WAITING = (PlanState.HELD.value, PlanState.APPROVED.value, PlanState.REJECTED.value)


def backup(url: str, to: Path) -> None:
    """Write the whole state at `url`, as it stands at one moment, to the new SQLite file `to`.

    A PostgreSQL state is copied into the same form, so that any backup is a state that bridge can open by itself. Sensitive
    values stay locked. Raises StoreError if the file is there already or cannot be written.
    """
    database = _existing(url)
    try:
        if database.embedded:
            copy_file(Path(database.place), to)
        else:
            _copy_out(database, to)
    finally:
        database.close()


def _copy_out(database: Database, to: Path) -> None:
    if database.revision() != REVISIONS[-1]:
        raise ConfigError(
            f"The state at {database.place} has another schema than this bridge.", next_step="run `bridge db upgrade`."
        )
    if to.exists():
        raise StoreError(f"{to} is there already.", next_step="name a file that does not exist yet.")
    copy = Database(f"sqlite:///{to}")
    try:
        migrate(copy)
        with database.snapshot() as source, copy.writing() as target:
            for table in metadata.sorted_tables:
                for rows in source.execute(select(table)).mappings().partitions(_ROWS_AT_ONCE):
                    target.execute(insert(table), [dict(row) for row in rows])
    finally:
        copy.close()


def check(url: str, keys: Sequence[str] | None = None) -> Sequence[Problem]:
    """Everything wrong or unsettled in the state at `url`; empty if all is well.

    With `keys`, those of BRIDGE_STATE_KEY or none, also whether they open all that is locked; that reads the whole state.
    Raises StoreError or ConfigError for a state that cannot be read at all.
    """
    database = _existing(url)
    try:
        with database.reading() as connection:
            found = revision_of(connection, database.place)
            if found != REVISIONS[-1]:
                return [
                    Problem(
                        "schema",
                        f"expected {REVISIONS[-1]}, found {found or 'no tables of bridge'}.",
                        "Run `bridge db upgrade`.",
                    )
                ]
            broken = list(_broken(connection)) if database.embedded else []
            locked = [] if keys is None else list(_locked(connection, parse_keys(keys), database.place))
            return [*broken, *_inconsistent(connection), *locked, *_unsettled(connection)]
    finally:
        database.close()


def _broken(connection: Connection) -> Iterator[Problem]:
    hint = "Restore the last backup, and keep this file to look into."
    for row in connection.execute(text("PRAGMA integrity_check")):
        if row[0] != "ok":
            yield Problem("file", f"{row[0]}.", hint)
    for row in connection.execute(text("PRAGMA foreign_key_check")):
        yield Problem(row[0], f"row {row[1]} points to a row of {row[2]} that is gone.", hint)


def _locked(connection: Connection, keys: Sequence[bytes], place: str) -> Iterator[Problem]:
    """What the keys do not open: it can neither be compared nor taken back."""
    try:
        vault = look_at_vault(connection, keys, place)
    except ConfigError as error:
        yield Problem("keys", error.message, error.next_step)
        return
    for name, counts in sorted(unopened(connection, vault).items()):
        where = ", ".join(f"{number} in {table}" for table, number in counts.items())
        if name in vault.keys:
            yield Problem(
                "keys", f"what was locked with the key {name} is damaged: {where} do not open.", "Restore the last backup."
            )
            continue
        which = f"the key {name}" if name else "a key that is not named"
        yield Problem(
            "keys",
            f"what was locked with {which}, which BRIDGE_STATE_KEY does not hold, does not open: {where}.",
            "Put that key at the end of BRIDGE_STATE_KEY and run `bridge db rekey`; if it is lost, so are these values.",
        )


def _inconsistent(connection: Connection) -> Iterator[Problem]:
    for side in ("civicrm", "airtable"):
        query = select(links.c.mapping, links.c[side]).group_by(links.c.mapping, links.c[side]).having(func.count() > 1)
        for mapping, native in connection.execute(query):
            yield Problem(
                "links", f"{side} {native} is linked twice in {mapping}.", "Take the wrong one apart: `bridge matches unlink`."
            )
    for table in (bases, stops, marks):
        lost = _count(connection, table, table.c.link.not_in(select(links.c.id)))
        if lost:
            yield Problem(table.name, f"{lost} rows belong to no link.", "Restore the last backup.")
    orphans = _count(connection, journal, journal.c.run.not_in(select(runs.c.id)))
    if orphans:
        yield Problem("journal", f"{orphans} entries belong to no run.", "Restore the last backup.")


def _unsettled(connection: Connection) -> Iterator[Problem]:
    query = select(journal.c.mapping, func.count()).where(IS_OPEN).group_by(journal.c.mapping).order_by(journal.c.mapping)
    for mapping, number in connection.execute(query):
        yield Problem(
            "journal", f"{number} writes of {mapping} are in doubt.", f"`bridge sync {mapping}` settles them by reading."
        )
    held = select(leases.c.mapping).where(leases.c.holder.is_not(None))
    dead = select(runs.c.id, runs.c.mapping).where(runs.c.state == RunState.RUNNING.value, runs.c.mapping.not_in(held))
    for number, mapping in connection.execute(dead.order_by(runs.c.id)):
        yield Problem(
            "runs", f"run {number} of {mapping} never ended.", f"`bridge sync {mapping}` marks it interrupted and goes on."
        )
    uncertain = _count(connection, outbox, outbox.c.state == OutboxState.UNCERTAIN.value)
    if uncertain:
        yield Problem(
            "outbox", f"of {uncertain} messages it is not known whether they arrived.", "Look for them in the channel."
        )


def _count(connection: Connection, table: Table, condition: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).select_from(table).where(condition)).scalar_one()


def prune(
    database: Database,
    now: dt.datetime,
    *,
    journal_age: dt.timedelta | None = None,
    event_age: dt.timedelta | None = None,
    plan_age: dt.timedelta | None = None,
) -> Mapping[str, int]:
    """How many rows were let go, by table: those older than the given ages (None: kept for ever).

    What is still open stays whatever its age: writes in doubt, discrepancies that are not resolved with all that happened to
    them, plans that wait for a person or their turn, messages that are not sent yet, syncs that are
    to be run. So do links, bases and stops. What boards show of a discrepancy is remembered as long as the discrepancy is.
    """
    unresolved = select(entries.c.fingerprint).where(entries.c.state != State.RESOLVED.value)
    settled = journal.c.outcome.is_not(None) & (journal.c.outcome != Written.IN_DOUBT.value)
    rules = (
        (journal, journal_age, journal.c.intent_at, settled),
        (events, event_age, events.c.at, events.c.fingerprint.not_in(unresolved)),
        (entries, event_age, entries.c.resolved_at, entries.c.state == State.RESOLVED.value),
        (plans, plan_age, plans.c.created_at, plans.c.state.not_in(_WAITING)),
        (outbox, plan_age, outbox.c.created_at, outbox.c.state.in_(_DELIVERED)),
        (syncs, plan_age, syncs.c.asked_at, syncs.c.finished_at.is_not(None)),
    )
    with database.writing() as connection:
        gone = {
            table.name: connection.execute(delete(table).where(at < now - age, done)).rowcount
            for table, age, at, done in rules
            if age is not None
        }
        if event_age is not None:
            shown = notices.c.fingerprint.in_(select(entries.c.fingerprint))
            gone[notices.name] = connection.execute(delete(notices).where(~shown)).rowcount
        return gone


def _existing(url: str) -> Database:
    database = Database(url)
    if database.embedded and not Path(database.place).exists():
        raise StoreError(f"There is no state at {database.place}.", next_step="check BRIDGE_STATE_URL.")
    return database
