"""Which changes of a stored plan are out of date: what asked for them is no longer so, or the pair is another one by now.

A plan may wait for its approval for days. The written side is checked by the write itself; this looks at everything else.
"""

from collections.abc import Collection, Iterator, Sequence

from bridge.core import values
from bridge.core.mapping import Mapping
from bridge.core.plan import Action, Change, Plan
from bridge.core.record import Link, PerSide, Record, Side
from bridge.core.sight import Found, Whereabouts
from bridge.ports import Remote, Store
from bridge.service.apply import open_creates
from bridge.service.gather import Reader


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
