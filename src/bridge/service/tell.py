"""Tell the ledger what a run found. The ledger is the one account; Slack, pages and metrics read it."""

from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from bridge.core.conditions import fields_read
from bridge.core.ledger import Happened, Reach, advance
from bridge.core.mapping import Mapping, Severity
from bridge.core.plan import Discrepancy
from bridge.core.record import PerSide, Side
from bridge.errors import AuthRejected, BridgeError, QuotaExhausted, RequestRejected, Unavailable, UnexpectedAnswer
from bridge.service.order import Means

SOURCE_FAILED = (AuthRejected, RequestRejected, Unavailable, UnexpectedAnswer)
"""What a run meets while it reads: told, and no reason to stop the other mappings. A write's refusal never comes this far."""


def tell(mapping: Mapping, run: int, found: Sequence[Discrepancy], *, complete: bool, wrote: bool, means: Means) -> None:
    """Move the ledger on by what this run found. Only a complete run resolves anything; `wrote` says it was not held back."""
    ledger = means.store.ledger
    reads = {rule.name: fields_read(rule.when) for rule in mapping.rules}
    moved = advance(
        ledger.load(mapping.name),
        found,
        reach=Reach(complete=complete, wrote=wrote, reads=reads),
        now=means.clock().astimezone(ZoneInfo(mapping.timezone)),
        run=run,
    )
    ledger.save(moved.changed, moved.events)


def foretell(mapping: Mapping, run: int, found: Sequence[Discrepancy], means: Means) -> None:
    """Open what is new before anything is written: an edit that is put back must be told even if the process dies meanwhile.

    It counts as seen in no run yet; `tell` at the end of the run counts it.
    """
    ledger = means.store.ledger
    now = means.clock().astimezone(ZoneInfo(mapping.timezone))
    moved = advance(ledger.load(mapping.name), found, reach=Reach(complete=False), now=now, run=run)
    opened = {each.fingerprint: each for each in moved.events if each.happened in (Happened.OPENED, Happened.REOPENED)}
    entries = [replace(each, runs=each.runs - 1) for each in moved.changed if each.fingerprint in opened]
    ledger.save(entries, list(opened.values()))


def run_failed(mapping: Mapping, error: BridgeError) -> Discrepancy:
    """A run that could not read: the month's calls to Airtable are used up (505), or a source failed (504)."""
    if isinstance(error, QuotaExhausted):
        return replace(could_not_read(mapping, Side.AIRTABLE, error.message), code=505)
    return could_not_read(mapping, None, error.message)


def could_not_read(mapping: Mapping, side: Side | None, reason: str) -> Discrepancy:
    """A source that could not be read (504): which, and why in words without values."""
    return Discrepancy(
        mapping=mapping.name,
        code=504,
        severity=Severity.HIGH,
        ids=PerSide(None, None),
        name=mapping.title.get("en", mapping.name),
        field=side.value if side else None,
        details={**({"side": side.title} if side else {}), "reason": reason},
    )
