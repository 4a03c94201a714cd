"""One run of one mapping: pull, normalise, match, compare, rules, plan, guard, apply, verify, report.

Level-triggered: each run computes everything afresh from both sides and the base, so a missed run costs nothing.
"""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

from bridge.core import guard
from bridge.core.choice import plan_of_choice
from bridge.core.document import document
from bridge.core.facts import Facts
from bridge.core.mapping import Mapping, Mode
from bridge.core.plan import Discrepancy, Plan, Written
from bridge.core.planner import make_plan
from bridge.core.record import PerSide
from bridge.core.sight import Sight
from bridge.errors import BridgeError, StaleRecord
from bridge.ports import Lease, PlanState, Remote, RunState
from bridge.service import recover
from bridge.service.apply import apply, calls_of, open_creates, told
from bridge.service.delta import glimpsed
from bridge.service.gather import Gathered, Reader, gather, look, reader
from bridge.service.order import Applied, Kind, Means, Order, Result
from bridge.service.refused import without_refused, without_taken
from bridge.service.tell import SOURCE_FAILED, could_not_read, finish, foretell, mark_interrupted, run_failed, tell


def run(order: Order, mapping: Mapping, means: Means) -> Result:
    """Run `mapping` once as ordered.

    A source that cannot be read is a result (FAILED), told in the ledger; a plan over a guard is a result (HELD).
    Raises RunInProgress if another process holds the mapping, ConfigError for a record out of scope or a value that may not be
    chosen, StaleRecord for a choice between values that are no longer there, StoreError.
    """
    store, remotes = means.store, means.remotes(mapping)
    mode, calls_before = _mode(order, mapping), means.calls_made(mapping)
    with store.runs.lease(mapping.name, means.holder) as lease:
        mark_interrupted(mapping.name, means)
        number = store.runs.start(mapping.name, mode=mode, kind=order.kind, by=order.by)
        try:
            with marked_failed(number, means) as counts:
                sights = look(mapping, remotes, store.knowledge)
                read = reader(mapping, sights, store.knowledge, order.found)
                doubts = counts["doubts_settled"] = recover.settle(mapping, remotes, read, means, lease)
                gathered = gather(order, mapping, remotes, read, means, lease)
                plan = _plan(order, mapping, remotes, gathered, sights, read, means)
                held = plan.held and mode is Mode.CORRECT
                store.plans.save(number, plan, document(plan), PlanState.HELD if held else PlanState.PLANNED)
                applied = Applied()
                if order.kind is not Kind.PLAN:
                    store.knowledge.store(mapping, plan, lease)
                    if mode is Mode.CORRECT and not plan.held:
                        applied = _carry_out(plan, mapping, remotes, read, number, means, lease, order.by)
                    _remember(mapping, plan, gathered, lease, means)
        except SOURCE_FAILED as error:
            return _failed(order, mapping, number, means, error)
        calls = max(0, means.calls_made(mapping) - calls_before)  # a month that ended meanwhile counts anew
        return _finish(order, mapping, number, means, lease, plan, gathered, applied, doubts, calls, held=held)


def _mode(order: Order, mapping: Mapping) -> Mode:
    """It writes only where the settings and the mapping both say so."""
    asked = (order.mode, mapping.mode)
    return Mode.CORRECT if asked == (Mode.CORRECT, Mode.CORRECT) and order.kind is not Kind.PLAN else Mode.OBSERVE


@contextmanager
def marked_failed(number: int, means: Means) -> Iterator[dict[str, int]]:
    """Whatever happens, the run ledger does not go on saying that the run is running. Yields what a failed run counted.

    A run that came too late, because what it was asked of has changed, has not failed.
    """
    counts: dict[str, int] = {}
    try:
        yield counts
    except BridgeError as error:
        state = RunState.DONE if isinstance(error, StaleRecord) else RunState.FAILED
        finish(number, state, means, counts=counts, note=error.message, error=error)
        raise


def _plan(
    order: Order,
    mapping: Mapping,
    remotes: PerSide[Remote],
    gathered: Gathered,
    sights: PerSide[Sight],
    read: Reader,
    means: Means,
) -> Plan:
    known, snapshots = gathered.known, gathered.snapshots
    zone = ZoneInfo(mapping.timezone)
    facts = Facts(
        mapping=mapping,
        snapshots=snapshots,
        matching=gathered.matching,
        known=known,
        sights=sights,
        today=gathered.today,
        zone=zone,
        seal=means.store.seal,
        references=read.references,
        missing=gathered.missing,
        moved=gathered.moved,
        doubtful=open_creates(means.store, mapping.name),
        quiet=gathered.quiet,
        mark=gathered.mark,
    )
    plan = make_plan(facts) if order.choice is None else plan_of_choice(facts, order.choice)
    if order.record is None and known.last_digest == mapping.digest:
        plan = without_refused(plan, means.store.journal, means.clock())
        plan = without_taken(plan, means.store.ledger, remotes)
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


def _remember(mapping: Mapping, plan: Plan, gathered: Gathered, lease: Lease, means: Means) -> None:
    """After a complete look: what is absent, how many there were. A held plan leaves yesterday's measure standing."""
    if not plan.complete:
        return
    means.store.knowledge.set_absent(mapping.name, {link for link, _ in gathered.missing}, lease)
    if not plan.held:
        means.store.knowledge.remember_run(mapping, plan.population.now, lease)


def _pass(mapping: Mapping, plan: Plan, gathered: Gathered, applied: Applied, lease: Lease, means: Means) -> None:
    """After a complete look whose findings were told: up to when each side was read, and what stood there that has no date.

    The watermarks pass only what was seen to: an edit that was planned and not written (held, observed, dropped, in doubt)
    would be met by no delta after it.
    """
    snapshots, knowledge = gathered.snapshots, means.store.knowledge
    if plan.held or not all(snapshot.complete for _, snapshot in snapshots) or not _seen_to(plan, applied):
        return
    seen = glimpsed(gathered.matching, snapshots.civicrm, gathered.known, gathered.mark, gathered.undated)
    knowledge.glimpse(mapping.name, seen, lease)
    for side, snapshot in snapshots:
        knowledge.set_watermark(mapping.name, side, snapshot.pulled_at, lease)


def _seen_to(plan: Plan, applied: Applied) -> bool:
    """Whether every change of the plan was written, or refused: only a sweep sends that again."""
    ends = [outcome.written for _, outcome in applied.outcomes]
    return len(ends) == len(plan.changes) and all(each in (Written.DONE, Written.REFUSED) for each in ends)


def _failed(order: Order, mapping: Mapping, number: int, means: Means, error: BridgeError) -> Result:
    if order.kind is not Kind.PLAN:
        tell(mapping, number, [run_failed(mapping, error)], means)
    return Result(run=number, mapping=mapping.name, state=RunState.FAILED, error=error)


def _finish(
    order: Order,
    mapping: Mapping,
    number: int,
    means: Means,
    lease: Lease,
    plan: Plan,
    gathered: Gathered,
    applied: Applied,
    doubts: int,
    calls: int,
    *,
    held: bool,
) -> Result:
    found: list[Discrepancy] = [*plan.discrepancies, *told(applied, mapping)]
    counts = {
        "civicrm_records": plan.population.now.civicrm,
        "airtable_records": plan.population.now.airtable,
        "changes": len(plan.changes),
        "written": applied.count(Written.DONE),
        "refused": applied.count(Written.REFUSED),
        "stale": applied.count(Written.STALE),
        "in_doubt": applied.count(Written.IN_DOUBT),
        "not_sent": applied.count(Written.NOT_SENT),
        "doubts_settled": doubts,
        "discrepancies": len(found),
        "airtable_calls": calls,
    }
    digest = str(document(plan)["digest"])
    failed = applied.error is not None or any(each.whole and not each.complete for _, each in gathered.snapshots)
    if order.kind is not Kind.PLAN:
        whole = order.record is None and applied.error is None
        wrote = not plan.held and _mode(order, mapping) is Mode.CORRECT
        tell(mapping, number, found, means, complete=plan.complete and whole, wrote=wrote, read=whole and not failed)
        means.store.knowledge.mark_told(mapping, plan, lease)
        if order.record is None:
            _pass(mapping, plan, gathered, applied, lease, means)
    state = RunState.FAILED if failed else RunState.HELD if held else RunState.DONE
    why = "; ".join(each.message for each in plan.breaches)
    finish(number, state, means, digest=digest, counts=counts, note=why, error=applied.error)
    return Result(
        run=number,
        mapping=mapping.name,
        state=state,
        plan=plan,
        digest=digest,
        applied=applied,
        doubts_settled=doubts,
        error=applied.error,
        counts=counts,
    )
