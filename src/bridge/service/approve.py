"""A person's word on a stored plan: apply exactly that plan, once, with every precondition checked again; or do not."""

import dataclasses
from collections.abc import Sequence

from bridge.core.mapping import Mapping, Mode
from bridge.core.plan import Change, Plan, Written
from bridge.errors import BridgeError, ConfigError
from bridge.ports import Outcome, PlanState, RunState, StoredPlan
from bridge.service import recover
from bridge.service.apply import apply, told
from bridge.service.gather import look, reader
from bridge.service.order import Kind, Means, Order, Result
from bridge.service.outdated import outdated, still_paired
from bridge.service.tell import SOURCE_FAILED, finish, mark_interrupted, run_failed, tell

_USABLE = (PlanState.PLANNED, PlanState.HELD)


def find(digest: str, means: Means) -> StoredPlan:
    """The stored plan of a digest or of its beginning. Raises ConfigError if there is none or it was used."""
    stored = means.store.plans.get(digest)
    if stored is None:
        raise ConfigError(
            f"No plan with the digest {digest} is in this state.",
            next_step="`bridge runs` lists the digests; a plan can be applied only where it was made.",
        )
    if stored.state not in _USABLE:
        by = f" by {stored.approved_by}" if stored.approved_by else ""
        raise ConfigError(
            f"The plan {stored.digest[:12]} is {stored.state.value}{by} and cannot be applied again.",
            next_step=f"make a new one: bridge plan {stored.mapping}",
        )
    return stored


def approve(stored: StoredPlan, order: Order, mapping: Mapping, means: Means) -> Result:
    """Apply `stored` and nothing else; records that moved since are dropped and told, never forced.

    Raises ConfigError if writing is not switched on, if the mapping is not the one the plan was made with, or if asker and
    approver must differ and do not.
    """
    _allowed(stored, order, mapping, means)
    store, remotes = means.store, means.remotes(mapping)
    with store.runs.lease(mapping.name, means.holder) as lease:
        mark_interrupted(mapping.name, means)
        find(stored.digest, means)
        number = store.runs.start(mapping.name, mode=Mode.CORRECT, kind=Kind.APPLY, by=order.by)
        doubts = 0
        try:
            sights = look(mapping, remotes, store.knowledge)
            read = reader(mapping, sights, store.knowledge)
            doubts = recover.settle(mapping, remotes, read, means, lease)
            store.knowledge.store(mapping, still_paired(stored.plan, mapping, remotes, read, store), lease)
            dropped = outdated(stored.plan, mapping, remotes, read, store)
            store.plans.set_state(stored.digest, PlanState.APPROVED, by=order.by)
            store.plans.set_state(stored.digest, PlanState.APPLIED)
            applied = apply(_without(stored.plan, dropped), mapping, remotes, read, number, means, lease, by=order.by)
            stale = [(change, Outcome(written=Written.STALE, reason=why)) for change, why in dropped]
            applied = dataclasses.replace(applied, outcomes=[*stale, *applied.outcomes])
            if stored.plan.complete:
                store.knowledge.remember_run(mapping, stored.plan.population.now, lease)
        except BridgeError as error:
            counts = {"doubts_settled": doubts}
            finish(number, RunState.FAILED, means, digest=stored.digest, counts=counts, note=error.message, error=error)
            if not isinstance(error, SOURCE_FAILED):
                raise
            tell(mapping, number, [run_failed(mapping, error)], means)
            return Result(run=number, mapping=mapping.name, state=RunState.FAILED, plan=stored.plan, error=error)
        tell(mapping, number, tuple(told(applied, mapping)), means)
        counts = {
            "changes": len(stored.plan.changes),
            "written": applied.count(Written.DONE),
            "refused": applied.count(Written.REFUSED),
            "stale": applied.count(Written.STALE),
            "in_doubt": applied.count(Written.IN_DOUBT),
            "not_sent": applied.count(Written.NOT_SENT),
            "doubts_settled": doubts,
            "left_out": stored.unwritable,
        }
        state = RunState.DONE if applied.error is None else RunState.FAILED
        finish(number, state, means, digest=stored.digest, counts=counts, error=applied.error)
    return Result(
        run=number,
        mapping=mapping.name,
        state=state,
        plan=dataclasses.replace(stored.plan, breaches=()),
        digest=stored.digest,
        applied=applied,
        doubts_settled=doubts,
        error=applied.error,
        counts=counts,
    )


def reject(stored: StoredPlan, means: Means, *, by: str) -> None:
    """Keep a held plan from being asked for again: the same plan waits for nobody, one that differs is a new one."""
    if stored.state is not PlanState.HELD:
        raise ConfigError(f"The plan {stored.digest[:12]} is {stored.state.value}: only a held plan is rejected.")
    means.store.plans.set_state(stored.digest, PlanState.REJECTED, by=by)


def _without(plan: Plan, dropped: Sequence[tuple[Change, str]]) -> Plan:
    left = tuple(change for change in plan.changes if not any(change is each for each, _ in dropped))
    return dataclasses.replace(plan, changes=left)


def _allowed(stored: StoredPlan, order: Order, mapping: Mapping, means: Means) -> None:
    if order.mode is not Mode.CORRECT or mapping.mode is not Mode.CORRECT:
        where = "BRIDGE_MODE" if order.mode is not Mode.CORRECT else f"`mode` in {mapping.file}"
        raise ConfigError(
            f"{mapping.name} is only observed: a plan cannot be applied.",
            next_step=f"set {where} to correct, then apply again.",
        )
    if stored.plan.mapping_digest != mapping.digest:
        raise ConfigError(
            f"{mapping.file or mapping.name} changed after the plan {stored.digest[:12]} was made.",
            next_step=f"make a new plan and look at it: bridge plan {mapping.name}",
        )
    asker = means.store.runs.get(stored.run)
    if means.four_eyes and asker is not None and asker.by == order.by:
        raise ConfigError(
            f"Whoever asked for a plan may not approve it, and {order.by} asked for run {stored.run}.",
            next_step="ask somebody else to approve it.",
        )
