"""Tell the ledger what a run found, and the log that it ended. The ledger is the one account: Slack, pages, metrics read it."""

from collections.abc import Mapping as Mapped
from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

import structlog

from bridge.core.conditions import fields_read
from bridge.core.ledger import Entry, Event, Happened, Reach, advance
from bridge.core.mapping import Mapping, Severity
from bridge.core.plan import Discrepancy
from bridge.core.record import PerSide, Side
from bridge.core.report import UNREAD
from bridge.errors import AuthRejected, BridgeError, QuotaExhausted, RequestRejected, Unavailable, UnexpectedAnswer
from bridge.ports import RunRecord, RunState, Store
from bridge.service.order import Means, Result

log = structlog.get_logger()

SOURCE_FAILED = (AuthRejected, RequestRejected, Unavailable, UnexpectedAnswer)
"""What a run meets while it reads: told, and no reason to stop the other mappings. A write's refusal never comes this far."""


def tell(
    mapping: Mapping,
    run: int,
    found: Sequence[Discrepancy],
    means: Means,
    *,
    complete: bool = False,
    wrote: bool = False,
    read: bool = False,
) -> None:
    """Move the ledger on by what this run found. Only a complete run resolves anything, but for an unread source.

    `wrote` says of a complete run that it was not held back, `read` that both sides answered all they were asked.
    """
    reads = {rule.name: fields_read(rule.when) for rule in mapping.rules}
    reach = Reach(complete=complete, wrote=wrote, read=read, reads=reads)
    now = means.clock().astimezone(ZoneInfo(mapping.timezone))

    def step(entries: Sequence[Entry]) -> tuple[Sequence[Entry], Sequence[Event]]:
        moved = advance(entries, found, reach=reach, now=now, run=run)
        return moved.changed, moved.events

    means.store.ledger.move(mapping.name, step)


def foretell(mapping: Mapping, run: int, found: Sequence[Discrepancy], means: Means) -> None:
    """Open what is new before anything is written: an edit that is put back must be told even if the process dies meanwhile.

    It counts as seen in no run yet; `tell` at the end of the run counts it.
    """
    now = means.clock().astimezone(ZoneInfo(mapping.timezone))

    def step(entries: Sequence[Entry]) -> tuple[Sequence[Entry], Sequence[Event]]:
        moved = advance(entries, found, reach=Reach(complete=False), now=now, run=run)
        opened = {each.fingerprint: each for each in moved.events if each.happened in (Happened.OPENED, Happened.REOPENED)}
        return [replace(each, runs=each.runs - 1) for each in moved.changed if each.fingerprint in opened], [*opened.values()]

    means.store.ledger.move(mapping.name, step)


def finish(
    run: int,
    state: RunState,
    means: Means,
    *,
    digest: str | None = None,
    counts: Mapped[str, int],
    note: str = "",
    error: BridgeError | None = None,
) -> None:
    """Close a run in the run ledger, and leave its one line in the log: what it was, how it ended, what it took and counted."""
    means.store.runs.finish(run, state, digest=digest, counts=counts, note=note)
    ended = means.store.runs.get(run)
    if ended is not None:
        _line(ended, error)


def mark_interrupted(mapping: str, means: Means) -> None:
    """Close the runs that a process left open when it died. Call under the lease."""
    for each in means.store.runs.interrupted(mapping):
        _line(each, None)


def _line(run: RunRecord, error: BridgeError | None) -> None:
    """`info` for what ended as meant, `warning` for what a person may have to look at. Counts and names, never a value."""
    leave = log.info if run.state is RunState.DONE else log.warning
    leave(
        "run ended",
        run=run.id,
        mapping=run.mapping,
        kind=run.kind,
        mode=run.mode,
        by=run.by,
        state=run.state.value,
        seconds=round((run.finished_at - run.started_at).total_seconds(), 1) if run.finished_at else None,
        digest=run.digest and run.digest[:12],
        error=type(error).__name__ if error else None,
        why=run.note or None,
        **run.counts,
    )


def all_is_well(results: Sequence[Result], store: Store) -> bool:
    """Whether these runs reconciled and no source is known as unread: what a dead-man's switch is told."""
    good = results and all(each.state in (RunState.DONE, RunState.HELD) for each in results)
    return bool(good) and not any(store.ledger.list(state="open", code=code) for code in sorted(UNREAD))


def run_failed(mapping: Mapping, error: BridgeError) -> Discrepancy:
    """A run that could not read: the month's calls to Airtable are used up (505), or a source failed (504)."""
    if isinstance(error, QuotaExhausted):
        return replace(could_not_read(mapping, Side.AIRTABLE, error.message, cause=type(error).__name__), code=505)
    named = [side for side in Side if side.title in error.message]
    return could_not_read(mapping, named[0] if len(named) == 1 else None, error.message, cause=type(error).__name__)


def could_not_read(mapping: Mapping, side: Side | None, reason: str, *, cause: str = "Incomplete") -> Discrepancy:
    """A source that could not be read (504): which, why in the operators' words without values, and the kind of its cause."""
    return Discrepancy(
        mapping=mapping.name,
        code=504,
        severity=Severity.HIGH,
        ids=PerSide(None, None),
        name=mapping.title.get("en", mapping.name),
        field=side.value if side else None,
        details={**({"side": side.title} if side else {}), "reason": reason, "cause": cause},
    )
