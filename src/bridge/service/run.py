"""One run of one mapping: pull, normalise, match, compare, rules, plan, guard, apply, verify, report.

Level-triggered: each run computes everything afresh from both sides and the base, so a missed run costs nothing.
"""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

import structlog

from bridge.core import guard
from bridge.core.document import document
from bridge.core.facts import Facts
from bridge.core.mapping import Mapping, Mode
from bridge.core.plan import Discrepancy, Plan, Written
from bridge.core.planner import make_plan
from bridge.core.record import PerSide, Side
from bridge.core.sight import Sight
from bridge.errors import BridgeError
from bridge.ports import Lease, PlanState, Remote, RunState
from bridge.service import recover
from bridge.service.apply import apply, calls_of, open_creates, told
from bridge.service.gather import Gathered, Reader, gather, look, reader
from bridge.service.order import Applied, Kind, Means, Order, Result
from bridge.service.tell import SOURCE_FAILED, could_not_read, foretell, run_failed, tell

log = structlog.get_logger()


def run(order: Order, mapping: Mapping, means: Means) -> Result:
    """Run `mapping` once as ordered.

    A source that cannot be read is a result (FAILED), told in the ledger; a plan over a guard is a result (HELD).
    Raises RunInProgress if another process holds the mapping, ConfigError for a record out of scope, StoreError.
    """
    store, remotes = means.store, means.remotes(mapping)
    mode = _mode(order, mapping)
    with store.runs.lease(mapping.name, means.holder) as lease:
        store.runs.interrupted(mapping.name)
        number = store.runs.start(mapping.name, mode=mode, kind=order.kind, by=order.by)
        try:
            with marked_failed(number, means):
                sights = look(mapping, remotes, store.knowledge)
                read = reader(mapping, sights, store.knowledge)
                doubts = recover.settle(mapping, remotes, read, means, lease)
                gathered = gather(order, mapping, remotes, read, means, lease)
                plan = _plan(mapping, remotes, gathered, sights, read, means)
                held = plan.held and mode is Mode.CORRECT
                store.plans.save(number, plan, document(plan), PlanState.HELD if held else PlanState.PLANNED)
                applied = Applied()
                if order.kind is not Kind.PLAN:
                    store.knowledge.store(mapping, plan, lease)
                    if mode is Mode.CORRECT and not plan.held:
                        applied = _carry_out(plan, mapping, remotes, read, number, means, lease, order.by)
                    _remember(order, mapping, plan, gathered, lease, means)
        except SOURCE_FAILED as error:
            return _failed(order, mapping, number, means, error)
        return _finish(order, mapping, number, means, plan, gathered, applied, doubts, held=held)


def _mode(order: Order, mapping: Mapping) -> Mode:
    """It writes only where the settings and the mapping both say so."""
    asked = (order.mode, mapping.mode)
    return Mode.CORRECT if asked == (Mode.CORRECT, Mode.CORRECT) and order.kind is not Kind.PLAN else Mode.OBSERVE


@contextmanager
def marked_failed(number: int, means: Means) -> Iterator[None]:
    """Whatever happens, the run ledger does not go on saying that the run is running."""
    try:
        yield
    except BridgeError as error:
        means.store.runs.finish(number, RunState.FAILED, note=error.message)
        raise


def _plan(
    mapping: Mapping,
    remotes: PerSide[Remote],
    gathered: Gathered,
    sights: PerSide[Sight],
    read: Reader,
    means: Means,
) -> Plan:
    known, snapshots = gathered.known, gathered.snapshots
    zone = ZoneInfo(mapping.timezone)
    plan = make_plan(
        Facts(
            mapping=mapping,
            snapshots=snapshots,
            matching=gathered.matching,
            known=known,
            sights=sights,
            today=means.clock().astimezone(zone).date(),
            zone=zone,
            seal=means.store.seal,
            references=read.references,
            missing=gathered.missing,
            moved=gathered.moved,
            doubtful=open_creates(means.store, mapping.name),
        )
    )
    calls = PerSide.of(lambda side: calls_of(plan, side, remotes[side]))
    breaches = guard.judge(
        mapping,
        plan.changes,
        guard.Circumstances(
            population=plan.population,
            seen=snapshots.map(lambda each: each.records.keys()),
            calls=calls,
            whole=all(each.whole and each.complete for _, each in snapshots),
            quota_left=means.quota_left(mapping),
            mapping_changed=known.last_digest not in (None, mapping.digest),
            scope_changed=known.last_scope not in (None, mapping.scope_digest),
        ),
    )
    unread = [
        could_not_read(mapping, side, gathered.notes[side])
        for side, snapshot in snapshots
        if snapshot.whole and not snapshot.complete
    ]
    discrepancies = tuple(sorted((*plan.discrepancies, *unread), key=lambda each: each.order))
    return dataclasses.replace(plan, calls=calls, breaches=breaches, discrepancies=discrepancies)


def _carry_out(
    plan: Plan, mapping: Mapping, remotes: PerSide[Remote], read: Reader, number: int, means: Means, lease: Lease, by: str
) -> Applied:
    if plan.changes:
        foretell(mapping, number, plan.discrepancies, means)
    applied = apply(plan, mapping, remotes, read, number, means, lease, by=by)
    if plan.changes:
        means.store.plans.set_state(str(document(plan)["digest"]), PlanState.APPLIED, by=by)
    return applied


def _remember(order: Order, mapping: Mapping, plan: Plan, gathered: Gathered, lease: Lease, means: Means) -> None:
    """After a complete look: up to when, what is absent, how many there were.

    A held plan leaves yesterday's measure standing.
    """
    airtable = gathered.snapshots.airtable
    if airtable.complete and order.record is None and not plan.held:
        means.store.knowledge.set_watermark(mapping.name, Side.AIRTABLE, airtable.pulled_at, lease)
    if not plan.complete:
        return
    means.store.knowledge.set_absent(mapping.name, {link for link, _ in gathered.missing}, lease)
    if not plan.held:
        means.store.knowledge.remember_run(mapping, plan.population.now, lease)


def _failed(order: Order, mapping: Mapping, number: int, means: Means, error: BridgeError) -> Result:
    log.warning("run failed", mapping=mapping.name, run=number, error=type(error).__name__)
    if order.kind is not Kind.PLAN:
        tell(mapping, number, [run_failed(mapping, error)], complete=False, wrote=False, means=means)
    return Result(run=number, mapping=mapping.name, state=RunState.FAILED, error=error)


def _finish(
    order: Order,
    mapping: Mapping,
    number: int,
    means: Means,
    plan: Plan,
    gathered: Gathered,
    applied: Applied,
    doubts: int,
    *,
    held: bool,
) -> Result:
    found: list[Discrepancy] = [*plan.discrepancies, *told(applied)]
    counts = {
        "civicrm_records": plan.population.now.civicrm,
        "airtable_records": plan.population.now.airtable,
        "changes": len(plan.changes),
        "written": applied.count(Written.DONE),
        "refused": applied.count(Written.REFUSED),
        "stale": applied.count(Written.STALE),
        "in_doubt": applied.count(Written.IN_DOUBT),
        "doubts_settled": doubts,
        "discrepancies": len(found),
    }
    digest = str(document(plan)["digest"])
    if order.kind is not Kind.PLAN:
        complete = plan.complete and order.record is None
        wrote = not plan.held and _mode(order, mapping) is Mode.CORRECT
        tell(mapping, number, found, complete=complete, wrote=wrote, means=means)
    incomplete = any(each.whole and not each.complete for _, each in gathered.snapshots)
    state = RunState.FAILED if incomplete else RunState.HELD if held else RunState.DONE
    means.store.runs.finish(number, state, digest=digest, counts=counts, note="; ".join(each.message for each in plan.breaches))
    log.info("run finished", mapping=mapping.name, run=number, state=state.value, kind=order.kind.value, **counts)
    return Result(
        run=number,
        mapping=mapping.name,
        state=state,
        plan=plan,
        digest=digest,
        applied=applied,
        doubts_settled=doubts,
        counts=counts,
    )
