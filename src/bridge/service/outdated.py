"""Which changes of a stored plan are out of date: what asked for them is no longer so, or the pair is another one by now.

A plan may wait for its approval for days. The written side is checked by the write itself; this looks at everything else.
"""

import dataclasses
import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from collections.abc import Mapping as Mapped

from bridge.core import values
from bridge.core.mapping import Mapping
from bridge.core.match import match
from bridge.core.plan import Action, Change, Plan
from bridge.core.record import Link, PerSide, Record, Side, Snapshot
from bridge.core.sight import Found, Whereabouts
from bridge.ports import Remote, Store
from bridge.service.apply import open_creates
from bridge.service.gather import Reader

_NO_MOMENT = dt.datetime.min.replace(tzinfo=dt.UTC)
"""When a few records were read by id, which no watermark is taken from."""


def still_paired(plan: Plan, mapping: Mapping, remotes: PerSide[Remote], read: Reader, store: Store) -> Plan:
    """The plan with those of its new links only that the records' keys still ask for; `bridge plan` stored none of them."""
    known = store.knowledge.load(mapping)
    new = [link for link in plan.links if link not in known.links]
    if not new:
        return dataclasses.replace(plan, links=())
    found = PerSide.of(lambda side: remotes[side].read([link[side] for link in new]))
    snapshots = PerSide.of(lambda side: _inside(side, found[side], read))
    matched = match(mapping, snapshots, known.links, {link for link, evidence in known.apart.items() if not evidence})
    return dataclasses.replace(plan, links=tuple(pair.link for pair in matched.pairs if pair.link in new))


def _inside(side: Side, found: Mapped[str, Found], read: Reader) -> Snapshot:
    """Those of these records that are in scope, as a part of their side."""
    inside = (each.row for each in found.values() if each.whereabouts is Whereabouts.IN_SCOPE and each.row is not None)
    records = {row.id: read.record(side, row) for row in inside}
    return Snapshot(side, records, complete=True, pulled_at=_NO_MOMENT, whole=False)


def outdated(
    plan: Plan, mapping: Mapping, remotes: PerSide[Remote], read: Reader, store: Store
) -> Sequence[tuple[Change, str]]:
    """The changes that are not to be applied any more, each with the reason in words. Reads both sides and writes nothing."""
    links, doubtful = store.knowledge.load(mapping).links, open_creates(store, mapping.name)
    found: list[tuple[Change, str]] = []
    for side in Side:
        changes = [change for change in plan.changes if change.side is side]
        partners = remotes[side.other].read([change.partner for change in changes]) if changes else {}
        for change in changes:
            reasons = (*_who(change, links, doubtful), *_what(change, partners[change.partner], mapping, read))
            if reasons:
                found.append((change, reasons[0]))
    return found


def _who(change: Change, links: Collection[Link], doubtful: Collection[tuple[Side, str]]) -> Iterator[str]:
    """Why the two records are not, or no longer, the pair that the plan saw."""
    side = change.side
    if change.action is Action.UPDATE:
        if not any(link[side] == change.id and link[side.other] == change.partner for link in links):
            yield "The two records are no longer linked."
    elif any(link[side.other] == change.partner for link in links):
        yield "It has got a partner since the plan was made."
    elif (side, change.partner) in doubtful:
        yield "Another write may have created it: that is settled first."


def _what(change: Change, partner: Found, mapping: Mapping, read: Reader) -> Iterator[str]:
    """Why the values are no longer those that are to be carried over."""
    source = change.side.other
    if partner.row is None or partner.whereabouts is not Whereabouts.IN_SCOPE:
        yield f"The record in {source.title} is gone or out of scope."
        return
    if moved := sorted(_moved(change, read.record(source, partner.row), mapping)):
        yield f"Edited in {source.title} since the plan was made: {', '.join(moved)}."


def _moved(change: Change, record: Record, mapping: Mapping) -> Iterator[str]:
    for cell in change.cells:
        field = mapping.fields.get(cell.field)
        if field is None or field.at[change.side] != cell.path:
            continue
        if not values.same_base(cell.source, values.comparable(field, record.side, record.cells[cell.field])):
            yield cell.field
