"""What the state costs at a size: storing what was agreed, reading it back, quiet runs, durable intents.

Beside it what a plain file takes for the same: links, cells and marks as lines of JSON, and a line on the disk before the next.

    python -m benchmarks.state RECORDS [URL]

`URL` is a SQLite file that does not exist yet, or a PostgreSQL in which it makes a schema of its own and drops it again.
"""

import argparse
import contextlib
import dataclasses
import datetime as dt
import gc
import hashlib
import json
import os
import resource
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql
from sqlalchemy import func, select, text

from benchmarks.engine import mapping
from bridge.core.mapping import Mapping
from bridge.core.plan import Action, CellChange, Change, Plan, Population
from bridge.core.record import Link, PerSide, Side
from bridge.ports import Lease, RunState
from bridge.store import SqlStore, open_store, upgrade
from bridge.store.schema import metadata

_BATCH, _WRITES = 50, 20
_CELLS = {"name": "María Núñez", "email": "maria@coop.example.org", "city": "San José", "status": "Current"}


def measure(records: int, url: str) -> dict[str, float | str]:
    """Seconds and bytes for this many linked records with four agreed cells and their marks, and intents a second.

    Memory is what storing takes beside the plan that it stores, and what reading the marks takes with what is read.
    """
    mapped = mapping()
    told: dict[str, float | str] = {"database": "SQLite" if url.startswith("sqlite") else "PostgreSQL", "records": records}
    with open_store(url, [], lambda: dt.datetime.now(dt.UTC)) as store, store.runs.lease("workload", "bench") as lease:
        plan = _plan(records)
        told["store_seconds"], told["store_mb"] = _weighed(lambda: store.knowledge.store(mapped, plan, lease))
        told["marks_seconds"], told["marks_mb"] = _weighed(lambda: store.knowledge.load(mapped, bases=False))
        told["load_seconds"] = _timed(lambda: store.knowledge.load(mapped))
        told["plain_seconds"] = _plain(plan)
        _quiet(store, mapped, plan, lease)
        told["bytes"], rows = _size(store), _rows(store)
        told["quiet_seconds"] = _timed(lambda: _quiet(store, mapped, plan, lease))
        told["grown_bytes"] = _size(store) - float(told["bytes"])
        told["grown_rows"] = _rows(store) - rows - 1  # but the run's own
        number = store.runs.start("workload", mode="correct", kind="sweep", by="bench")
        changes = [_change(at) for at in range(_BATCH)]
        took = _timed(lambda: [store.journal.intend(number, changes, lease) for _ in range(_WRITES)])
        told["intents_a_second"] = _BATCH * _WRITES / took
        took = _timed(lambda: [store.journal.intend(number, changes[:1], lease) for _ in range(_WRITES * 5)])
        told["commits_a_second"] = _WRITES * 5 / took
    told["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return told


def _plan(records: int) -> Plan:
    links = tuple(Link(str(number), f"rec{number:014d}") for number in range(records))
    return Plan(
        mapping="workload",
        mapping_digest="",
        changes=(),
        discrepancies=(),
        links=links,
        agreed=dict.fromkeys(links, _CELLS),
        marks={link: PerSide(_mark(link.civicrm), _mark(link.airtable)) for link in links},
        population=Population(now=PerSide(records, records), last=PerSide(None, None)),
    )


def _mark(native: str) -> bytes:
    return hashlib.blake2b(native.encode(), digest_size=16).digest()


def _plain(plan: Plan) -> float:
    """Seconds until the same is in a file, a line for each link, and on the disk."""
    with tempfile.TemporaryFile("w") as file:

        def write() -> None:
            for link, cells in plan.agreed.items():
                marks = [mark.hex() for _, mark in plan.marks[link]]
                file.write(f"{json.dumps([link.civicrm, link.airtable, cells, marks], ensure_ascii=False)}\n")
            file.flush()
            os.fsync(file.fileno())

        return _timed(write)


def _quiet(store: SqlStore, mapped: Mapping, plan: Plan, lease: Lease) -> None:
    """All that a run keeps that found everything as it was."""
    number = store.runs.start("workload", mode="correct", kind="sweep", by="bench")
    store.knowledge.store(mapped, dataclasses.replace(plan, marks={}), lease)  # a run that knows a pair's marks makes none
    store.knowledge.set_watermark("workload", Side.AIRTABLE, dt.datetime.now(dt.UTC), lease)
    store.knowledge.set_absent("workload", set(), lease)
    store.knowledge.remember_run(mapped, plan.population.now, lease)
    store.runs.finish(number, RunState.DONE, digest="0" * 64, counts={"changes": 0, "civicrm_records": len(plan.links)})


def _change(at: int) -> Change:
    cell = CellChange(
        field="city", path="City", before="Oakland", after="Austin", before_raw="Oakland", after_raw="Austin", why="changed"
    )
    return Change(
        mapping="workload",
        side=Side.AIRTABLE,
        action=Action.UPDATE,
        id=f"rec{at:014d}",
        partner=str(at),
        name="María Núñez",
        cells=(cell,),
    )


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _weighed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and the MB of memory that the process grew by at the most meanwhile."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak is from now on: proc(5)
    before = _memory("VmRSS")
    took = _timed(work)
    return took, (_memory("VmHWM") - before) / 1024


def _memory(kind: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))


def _size(store: SqlStore) -> float:
    """Bytes on disk once what was written ahead is settled."""
    if not store.database.embedded:
        ours = "relkind = 'r' AND relnamespace = current_schema()::regnamespace"
        with store.database.reading() as connection:
            return float(connection.scalar(text(f"SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE {ours}")) or 0)  # noqa: S608  # our own words
    path = Path(store.database.place)
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return float(sum(each.stat().st_size for each in (path, path.with_name(f"{path.name}-wal")) if each.exists()))


def _synced(folder: str) -> float:
    """Lines a second that a plain file takes if each is on the disk before the next: what no journal outruns."""
    with tempfile.TemporaryFile(dir=folder) as file:

        def line() -> None:
            file.write(b"x" * 400)
            file.flush()
            os.fdatasync(file.fileno())

        return _WRITES * 5 / _timed(lambda: [line() for _ in range(_WRITES * 5)])


def _rows(store: SqlStore) -> int:
    with store.database.reading() as connection:
        return sum(connection.scalar(select(func.count()).select_from(table)) or 0 for table in metadata.sorted_tables)


@contextlib.contextmanager
def schema(server: str) -> Iterator[str]:
    """The URL of a new schema with bridge's tables in a PostgreSQL, which is dropped in the end."""
    name = f"bridge_bench_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True, connect_timeout=5) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        try:
            url = f"{server}{'&' if '?' in server else '?'}options={quote(f'-csearch_path={name}')}"
            upgrade(url)
            yield url
        finally:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


def main() -> None:
    """Print the measures as JSON."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("records", type=int)
    arguments.add_argument("url", nargs="?")
    told = arguments.parse_args()
    gc.set_threshold(300_000, 50, 100)  # as the command line has it
    with contextlib.ExitStack() as stack:
        if told.url and not told.url.startswith("sqlite"):
            url = stack.enter_context(schema(told.url))
        else:
            url = told.url or f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory())}/bridge.db"
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        print(json.dumps({**measure(told.records, url), "synced_lines_a_second": _synced(folder)}))


if __name__ == "__main__":
    main()
