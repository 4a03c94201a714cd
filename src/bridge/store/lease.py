"""The lease of a mapping: one run at a time, and a token that fences off a run which lost it.

Every taking of the lease makes the token one larger, and every write of the state proves its token in its own transaction:
a process that was stopped for an hour and wakes up writes nothing. A lease ends two minutes after its last renewal, or at once
if its process died on this machine.
"""

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from sqlalchemy import Connection, Row, bindparam, select, update

from bridge.errors import BridgeError, RunInProgress
from bridge.ports import Clock, Lease
from bridge.store.database import Database, insert_into
from bridge.store.process import Process, this_process
from bridge.store.schema import leases

TTL = dt.timedelta(minutes=2)
_HEARTBEAT = TTL / 4
_SOON = dt.timedelta(seconds=1)

_RENEWAL = (
    update(leases)
    .where(leases.c.mapping == bindparam("of"), leases.c.token == bindparam("proof"), leases.c.holder.is_not(None))
    .values(expires_at=bindparam("until"))
)

_log = structlog.get_logger()


class HeldLease:
    """A lease this process holds until it is given back or lost."""

    def __init__(self, database: Database, clock: Clock, mapping: str, token: int) -> None:
        self.token = token
        self._database = database
        self._clock = clock
        self._mapping = mapping

    def check(self) -> None:
        """Renew; raise RunInProgress if another process has taken over."""
        with fenced(self._database, self._mapping, self, self._clock):
            pass


@contextmanager
def fenced(database: Database, mapping: str, lease: Lease, clock: Clock) -> Iterator[Connection]:
    """A transaction that writes under `lease`: proven at its start, and renewed at its end if it took long.

    Nobody else can renew meanwhile, for the lease's row is locked, and whoever waits for it sees only what the end leaves: a
    first run of a large membership may store for minutes, and would else end with an expired lease. Raises RunInProgress.
    """
    with database.writing() as connection:
        began = clock()
        _fence(connection, mapping, lease, began)
        yield connection
        if clock() - began >= _HEARTBEAT:
            _fence(connection, mapping, lease, clock())


def _fence(connection: Connection, mapping: str, lease: Lease, now: dt.datetime) -> None:
    """Prove inside a transaction that `lease` still holds `mapping`, and renew it; RunInProgress if it does not.

    The row stays locked until the transaction ends, so nobody can take over between the proof and the writes.
    """
    renewed = connection.execute(_RENEWAL, {"of": mapping, "proof": lease.token, "until": now + TTL})
    if renewed.rowcount == 0:
        raise RunInProgress(
            f"Another process has taken over {mapping}: this run stops here.",
            next_step="nothing; what it left open is settled by the run that took over.",
        )


@contextmanager
def held(database: Database, clock: Clock, mapping: str, holder: str) -> Iterator[HeldLease]:
    """Hold the mapping's lease, renewed in the background through long pulls, and give it back at the end.

    Raises RunInProgress, naming holder and since when, if another process holds it.
    """
    lease = HeldLease(database, clock, mapping, _take(database, clock, mapping, holder))
    done = threading.Event()
    beat = threading.Thread(target=_renew, args=(lease, done), name=f"lease {mapping}", daemon=True)
    beat.start()
    try:
        yield lease
    finally:
        done.set()
        beat.join()
        _give_back(database, mapping, lease.token)


def _renew(lease: HeldLease, done: threading.Event) -> None:
    pause = _HEARTBEAT
    while not done.wait(pause.total_seconds()):
        try:
            lease.check()
            pause = _HEARTBEAT
        except RunInProgress:
            return  # the next write of the run finds out for itself
        except BridgeError as error:
            pause = _SOON  # a long transaction may hold SQLite's one lock: be there when it ends
            _log.warning("lease.not_renewed", error=type(error).__name__)


def _take(database: Database, clock: Clock, mapping: str, holder: str) -> int:
    me = this_process()
    with database.writing() as connection:
        connection.execute(insert_into(connection, leases).values(mapping=mapping, token=0).on_conflict_do_nothing())
        row = connection.execute(select(leases).where(leases.c.mapping == mapping).with_for_update()).one()
        now = clock()  # whoever waited for the row waited for what was stored under it
        if _is_held(row, now):
            raise RunInProgress(
                f"{mapping} is being run by {row.holder} since {row.since:%Y-%m-%d %H:%M:%S} UTC.",
                next_step="wait until it is done; if its machine is gone, the mapping is free again "
                f"{TTL.seconds // 60} minutes after its last sign of life.",
            )
        token: int = row.token + 1
        connection.execute(
            update(leases)
            .where(leases.c.mapping == mapping)
            .values(
                token=token,
                holder=holder,
                machine=me.machine,
                pid=me.pid,
                process_started=me.started,
                since=now,
                expires_at=now + TTL,
            )
        )
    return token


def _is_held(row: Row[Any], now: dt.datetime) -> bool:
    if row.holder is None or row.expires_at <= now:
        return False
    return not Process(row.machine, row.pid, row.process_started).dead


def _give_back(database: Database, mapping: str, token: int) -> None:
    with database.writing() as connection:
        connection.execute(update(leases).where(leases.c.mapping == mapping, leases.c.token == token).values(holder=None))
