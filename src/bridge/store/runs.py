"""The run ledger: which runs there were, how each ended, and who may run now."""

import builtins
import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Float, Row, cast, extract, func, insert, select, update

from bridge.errors import StoreError
from bridge.ports import Clock, Lease, RunRecord, RunState, RunTotal
from bridge.store import lease as leasing
from bridge.store.database import Database
from bridge.store.schema import runs


class SqlRuns:
    """Fulfils `ports.Runs`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def lease(self, mapping: str, holder: str) -> AbstractContextManager[Lease]:
        """Hold the mapping; raise RunInProgress naming holder and since when if another process does."""
        return leasing.held(self._database, self._clock, mapping, holder)

    def start(self, mapping: str, *, mode: str, kind: str, by: str) -> int:
        """Open a run and return its number."""
        row = {
            "mapping": mapping,
            "mode": mode,
            "kind": kind,
            "by": by,
            "state": RunState.RUNNING.value,
            "started_at": self._clock(),
            "counts": {},
            "note": "",
        }
        with self._database.writing() as connection:
            number: int = connection.execute(insert(runs).returning(runs.c.id), row).scalar_one()
        return number

    def finish(
        self, run: int, state: RunState, *, digest: str | None = None, counts: Mapping[str, int] | None = None, note: str = ""
    ) -> None:
        """Close a run. One that was marked interrupted meanwhile stays so. Raises StoreError for a run that never was."""
        with self._database.writing() as connection:
            closed = connection.execute(
                update(runs)
                .where(runs.c.id == run, runs.c.state == RunState.RUNNING.value)
                .values(state=state.value, finished_at=self._clock(), digest=digest, counts=dict(counts or {}), note=note)
            )
            if closed.rowcount == 0 and connection.execute(select(runs.c.id).where(runs.c.id == run)).first() is None:
                raise StoreError(f"There is no run {run} in the state.", next_step="`bridge runs` lists them.")

    def list(self, *, mapping: str | None = None, limit: int = 50, before: int | None = None) -> Sequence[RunRecord]:
        """Newest first; with `before` only those of a smaller number."""
        query = select(runs).order_by(runs.c.id.desc()).limit(limit)
        if mapping is not None:
            query = query.where(runs.c.mapping == mapping)
        if before is not None:
            query = query.where(runs.c.id < before)
        with self._database.reading() as connection:
            return [_record(row) for row in connection.execute(query)]

    def get(self, run: int) -> RunRecord | None:
        """One run."""
        with self._database.reading() as connection:
            row = connection.execute(select(runs).where(runs.c.id == run)).first()
        return _record(row) if row is not None else None

    def interrupted(self, mapping: str) -> Sequence[RunRecord]:
        """Runs left RUNNING by a process that died, oldest first; marks them INTERRUPTED. Call under the lease."""
        left: builtins.list[RunRecord] = []
        with self._database.writing() as connection:
            marked = connection.execute(
                update(runs)
                .where(runs.c.mapping == mapping, runs.c.state == RunState.RUNNING.value)
                .values(state=RunState.INTERRUPTED.value, finished_at=self._clock())
                .returning(*runs.c)
            )
            left.extend(_record(row) for row in marked)
        return sorted(left, key=lambda record: record.id)

    def totals(self, *, since: dt.datetime | None = None) -> Sequence[RunTotal]:
        """All runs there ever were, or those that ended after `since`, added up by mapping, kind and state."""
        by = (runs.c.mapping, runs.c.kind, runs.c.state)
        took = cast(extract("epoch", runs.c.finished_at) - extract("epoch", runs.c.started_at), Float)
        query = (
            select(
                *by,
                func.count().label("runs"),
                func.coalesce(func.sum(took), 0.0).label("seconds"),
                func.max(runs.c.started_at).label("last_started"),
                func.max(runs.c.finished_at).label("last_finished"),
                *(func.coalesce(func.sum(runs.c.counts[name].as_integer()), 0).label(name) for name in COUNTED),
            )
            .group_by(*by)
            .order_by(*by)
        )
        if since is not None:
            query = query.where(runs.c.finished_at > since)
        with self._database.reading() as connection:
            return [_total(row) for row in connection.execute(query)]


COUNTED = ("changes", "written", "refused", "stale", "in_doubt", "not_sent", "doubts_settled", "airtable_calls")
"""The counts of a run that add up over runs."""


def _total(row: Row[Any]) -> RunTotal:
    return RunTotal(
        mapping=row.mapping,
        kind=row.kind,
        state=RunState(row.state),
        runs=row.runs,
        seconds=float(row.seconds),
        last_started=row.last_started,
        last_finished=row.last_finished,
        counts={name: int(getattr(row, name)) for name in COUNTED},
    )


def _record(row: Row[Any]) -> RunRecord:
    return RunRecord(
        id=row.id,
        mapping=row.mapping,
        mode=row.mode,
        kind=row.kind,
        state=RunState(row.state),
        started_at=row.started_at,
        finished_at=row.finished_at,
        digest=row.digest,
        counts=row.counts,
        note=row.note,
        by=row.by,
    )
