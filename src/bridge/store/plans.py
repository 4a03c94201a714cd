"""Stored plans: kept, readable for ever, applied at most once.

The same plan made again takes the place of the one that waits, and keeps its approval or rejection; one that was applied stays
as it is.
"""

import builtins
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Connection, Row, insert, select, update

from bridge.core.plan import Breach, Plan, Population
from bridge.core.record import Json, Link, PerSide
from bridge.errors import ConfigError
from bridge.ports import Clock, PlanSheet, PlanState, StoredPlan, WaitingPlan
from bridge.store.cells import Packed, pack_change, pack_discrepancy, unpack_change, unpack_discrepancy
from bridge.store.cipher import Vault
from bridge.store.database import Database
from bridge.store.schema import plans

_SHORTEST_PREFIX = 8
_DECIDED = (PlanState.APPROVED, PlanState.REJECTED)
"""What a person said of a plan."""


class SqlPlans:
    """Fulfils `ports.Plans`."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    def save(self, run: int, plan: Plan, document: Mapping[str, Json], state: PlanState) -> None:
        """Keep a plan under its document's `digest`."""
        digest = str(document["digest"])
        row = {
            "digest": digest,
            "mapping": plan.mapping,
            "run": run,
            "created_at": self._clock(),
            "document": dict(document),
            "body": _pack(plan, self._vault, digest),
            "state": state.value,
        }
        with self._database.writing() as connection:
            waiting = _newest(connection, digest)
            if waiting is None or waiting.state == PlanState.APPLIED.value:
                connection.execute(insert(plans), row)
                return
            if waiting.state in _DECIDED and state is not PlanState.APPLIED:
                del row["state"]
            connection.execute(update(plans).where(plans.c.id == waiting.id).values(row))

    def get(self, digest: str) -> StoredPlan | None:
        """By digest, or by an unambiguous prefix of at least 8 hex digits. The newest where the same plan was made twice."""
        with self._database.reading() as connection:
            row = _newest(connection, digest)
        return None if row is None else self._stored(row)

    def set_state(self, digest: str, state: PlanState, *, by: str | None = None) -> None:
        """Say what became of a plan, and on whose word. Raises ConfigError for one that is unknown or was applied already."""
        with self._database.writing() as connection:
            row = _newest(connection, digest)
            if row is None:
                raise ConfigError(f"There is no plan {digest} in the state.", next_step="make one: `bridge plan`.")
            said: dict[str, object] = {"state": state.value}
            if state in _DECIDED:
                said["approved_by"] = by
            still_unused = (plans.c.id == row.id, plans.c.state != PlanState.APPLIED.value)
            if connection.execute(update(plans).where(*still_unused).values(said)).rowcount == 0:
                raise ConfigError(
                    f"Plan {row.digest[:12]} of {row.mapping} was applied already; a plan is used once.",
                    next_step="make a new one: `bridge plan`. What the old one wrote is in `bridge runs`.",
                )

    def held(self, mapping: str | None = None) -> Sequence[StoredPlan]:
        """Plans waiting for a person, newest first."""
        query = (
            select(plans).where(plans.c.state == PlanState.HELD.value).order_by(plans.c.created_at.desc(), plans.c.id.desc())
        )
        if mapping is not None:
            query = query.where(plans.c.mapping == mapping)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [self._stored(row) for row in rows]

    def sheet(self, digest: str) -> PlanSheet | None:
        """By its whole digest, as people read it. The newest where the same plan was made twice."""
        columns = (plans.c.digest, plans.c.mapping, plans.c.run, plans.c.state, plans.c.document, plans.c.approved_by)
        query = select(*columns).where(plans.c.digest == digest).order_by(plans.c.id.desc()).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return PlanSheet(
            digest=row.digest,
            mapping=row.mapping,
            run=row.run,
            state=PlanState(row.state),
            document=row.document,
            approved_by=row.approved_by,
        )

    def waiting(self) -> Sequence[WaitingPlan]:
        """Which plans wait for a person, newest first; nothing of them is opened."""
        query = select(plans.c.digest, plans.c.mapping, plans.c.run).where(plans.c.state == PlanState.HELD.value)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(plans.c.created_at.desc(), plans.c.id.desc())).all()
        return [WaitingPlan(digest=row.digest, mapping=row.mapping, run=row.run) for row in rows]

    def _stored(self, row: Row[Any]) -> StoredPlan:
        plan, unwritable = _unpack(row.body, self._vault, row.digest)
        return StoredPlan(
            digest=row.digest,
            mapping=row.mapping,
            run=row.run,
            state=PlanState(row.state),
            created_at=row.created_at,
            document=row.document,
            plan=plan,
            unwritable=unwritable,
            approved_by=row.approved_by,
        )


def _newest(connection: Connection, digest: str) -> Row[Any] | None:
    """The newest plan of that digest or prefix. Raises ConfigError where several digests begin so."""
    if len(digest) < _SHORTEST_PREFIX:
        return None
    query = select(plans).where(plans.c.digest.startswith(digest, autoescape=True)).order_by(plans.c.id.desc())
    rows = connection.execute(query).all()
    if len({row.digest for row in rows}) > 1:
        raise ConfigError(f"Several plans begin with {digest}.", next_step="give more digits of the digest.")
    return rows[0] if rows else None


def _pack(plan: Plan, vault: Vault, digest: str) -> Packed:
    """The plan without what it agreed on, which the state has taken as base already."""
    return {
        "mapping": plan.mapping,
        "mapping_digest": plan.mapping_digest,
        "changes": [pack_change(change, vault, plan_place(digest)) for change in plan.changes],
        "discrepancies": [pack_discrepancy(each) for each in plan.discrepancies],
        "links": [[link.civicrm, link.airtable] for link in plan.links],
        "population": [dataclasses.asdict(plan.population.now), dataclasses.asdict(plan.population.last)],
        "complete": plan.complete,
        "calls": dataclasses.asdict(plan.calls),
        "breaches": [dataclasses.asdict(each) for each in plan.breaches],
    }


def _unpack(packed: Mapping[str, Json], vault: Vault, digest: str) -> tuple[Plan, int]:
    """The plan, without cells that only digests were kept of, and how many those are."""
    changes, unwritable = [], 0
    for each in _objects(packed["changes"]):
        change, known = unpack_change(each, vault, plan_place(digest))
        cells = tuple(cell for cell, kept in zip(change.cells, known, strict=True) if not kept.sealed)
        unwritable += len(change.cells) - len(cells)
        if cells:
            changes.append(dataclasses.replace(change, cells=cells))
    now, last = cast("builtins.list[dict[str, int]]", packed["population"])
    plan = Plan(
        mapping=str(packed["mapping"]),
        mapping_digest=str(packed["mapping_digest"]),
        changes=tuple(changes),
        discrepancies=tuple(unpack_discrepancy(each) for each in _objects(packed["discrepancies"])),
        links=tuple(Link(*pair) for pair in cast("builtins.list[builtins.list[str]]", packed["links"])),
        population=Population(now=PerSide(**now), last=PerSide(**last)),
        complete=bool(packed["complete"]),
        calls=PerSide(**cast("dict[str, int]", packed["calls"])),
        breaches=tuple(Breach(**cast("dict[str, str]", each)) for each in _objects(packed["breaches"])),
    )
    return plan, unwritable


def _objects(packed: Json) -> builtins.list[Packed]:
    return cast("builtins.list[Packed]", packed)


def plan_place(digest: str) -> str:
    """Where a plan's changes are kept: their sensitive cells open nowhere else."""
    return f"plan/{digest}"
