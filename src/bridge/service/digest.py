"""The digests that are due, from the ledger as it stands: one per channel and day, edited in place as things change."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bridge.core import report
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.report import Address, Digest, PlanNote
from bridge.ports import Outbox, Store, StoredPlan
from bridge.ports import PlanState as Stored

_LOOK_BACK_DAYS = 45
"""How long ago the digest before this one may lie; older than that, the next one tells everything anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One digest to tell in one channel; `key` is the same all day, so that it is edited and not posted again."""

    key: str
    channel: str
    language: str
    digest: Digest


def due(
    mappings: Sequence[FieldMapping],
    store: Store,
    now: dt.datetime,
    *,
    channel: str | None,
    language: str,
    address: Address,
) -> list[Due]:
    """Today's digest of every channel that mappings report to; `channel` is the one of mappings that name none.

    `now` is in the reader's time zone: it decides which day it is.
    """
    by_channel: dict[str, list[FieldMapping]] = {}
    for mapping in mappings:
        where = mapping.report.slack_channel or channel
        if where is not None:
            by_channel.setdefault(where, []).append(mapping)
    return [
        Due(
            key=_key(where, now.date()),
            channel=where,
            language=mine[0].report.language or language,
            digest=standing(mine, store, now, since=_last(store.outbox, where, now), address=address),
        )
        for where, mine in by_channel.items()
    ]


def standing(
    mappings: Sequence[FieldMapping], store: Store, now: dt.datetime, *, since: dt.datetime | None, address: Address
) -> Digest:
    """How these mappings stand, told against `since`."""
    named: Mapping[str, FieldMapping] = {mapping.name: mapping for mapping in mappings}
    entries = [entry for name in named for entry in store.ledger.list(mapping=name)]
    held = [_note(plan) for name in named for plan in store.plans.held(name)]
    events = store.ledger.events(since=since)
    settled = sum(each.counts["doubts_settled"] for each in store.runs.totals(since=since) if each.mapping in named)
    return report.digest(entries, events, now=now, since=since, mappings=named, plans=held, settled=settled, address=address)


def _note(stored: StoredPlan) -> PlanNote:
    return PlanNote(
        mapping=stored.mapping,
        digest=stored.digest,
        state=report.PlanState.HELD if stored.state is Stored.HELD else report.PlanState.PROPOSED,
        records=len(stored.plan.changes),
        cells=sum(len(change.cells) for change in stored.plan.changes),
        reasons=tuple(breach.message for breach in stored.plan.breaches),
    )


def last_told(store: Store, channels: Iterable[str], now: dt.datetime) -> dt.datetime | None:
    """When the latest digest before today was made in any of these channels, None if there was none.

    The page and the CSV file tell what is new against the same moment as Slack does, so that they carry the same numbers.
    """
    times = [at for channel in channels if (at := _last(store.outbox, channel, now)) is not None]
    return max(times, default=None)


def _key(channel: str, day: dt.date) -> str:
    return f"digest:{channel}:{day:%Y-%m-%d}"


def _last(outbox: Outbox, channel: str, now: dt.datetime) -> dt.datetime | None:
    """When the channel's last digest before today was made, None if there was none."""
    for days in range(1, _LOOK_BACK_DAYS):
        message = outbox.get(_key(channel, now.date() - dt.timedelta(days=days)))
        if message is not None:
            return message.created_at
    return None
