"""Count up what a mapping's `figures` ask for, from both systems as they stand. Nothing is written, also not to the state."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from bridge.core.counting import Counted, count_up
from bridge.core.mapping import Mapping, Mode
from bridge.errors import Unavailable
from bridge.service.gather import gather, look, reader
from bridge.service.order import Kind, Means, Order


def figures(mapping: Mapping, means: Means, *, by: str) -> Sequence[Counted]:
    """The tables of one mapping, over the pairs that are linked or that its exact keys link.

    Raises Unavailable where a side did not come whole: half of the figures are wrong figures.
    """
    remotes, knowledge = means.remotes(mapping), means.store.knowledge
    read = reader(mapping, look(mapping, remotes, knowledge), knowledge)
    gathered = gather(Order(mode=Mode.OBSERVE, by=by, kind=Kind.PLAN), mapping, remotes, read, means, None)
    for side, snapshot in gathered.snapshots:
        if not snapshot.complete:
            raise Unavailable(f"{side.title} did not come whole, so nothing is counted.", next_step="Run it again.")
    zone = ZoneInfo(mapping.timezone)
    today = means.clock().astimezone(zone).date()
    return [count_up(each, gathered.matching.pairs, mapping.fields, today, zone=zone) for each in mapping.figures]
