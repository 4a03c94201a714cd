"""What changed on either side since it was last seen to, and the partners of what changed. Nothing is inferred from absence.

Each side says what it dates: Airtable every edit of a cell, CiviCRM a contact's own fields and how it is reached. What CiviCRM
does not date is looked at in all records, and what says there the same as when the pair was last seen to has not changed.
What neither shows is left to the sweep: deletions and merges, records that come into scope or leave it, whatever follows from
the day, from another mapping's links or from a computed column.
"""

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bridge.core import values
from bridge.core.glimpses import Glimpser, glimpser
from bridge.core.knowledge import Known
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.marks import Marker
from bridge.core.match import Matching
from bridge.core.record import Base, Link, PerSide, Record, Row, Side, Snapshot
from bridge.core.sight import Whereabouts
from bridge.ports import Clock, Knowledge, Pulled, Remote, Store

_REFUSED = 401


def refused(mapping: FieldMapping, store: Store) -> PerSide[frozenset[str]]:
    """The records of which it stands in the ledger that a system did not take something."""
    told = (store.ledger.list(mapping=mapping.name, state=state, code=_REFUSED) for state in ("open", "snoozed"))
    entries = [entry for each in told for entry in each]
    return PerSide.of(lambda side: frozenset(filter(None, (each.discrepancy.ids[side] for each in entries))))


def watermarks(mapping: FieldMapping, knowledge: Knowledge, clock: Clock) -> PerSide[dt.datetime | None]:
    """From when on a delta reads each side; None for both where one has never been read, and then the delta is a sweep.

    An Airtable one in the future was dated by a clock that was wrong. CiviCRM's is dated by the site, which is asked about it.
    """
    since = PerSide.of(lambda side: knowledge.watermark(mapping.name, side))
    if since.civicrm is None or since.airtable is None or since.airtable > clock():
        return PerSide(None, None)
    return since


@dataclass(frozen=True, kw_only=True)
class Delta:
    """One mapping's delta: where it reads, and what is known of its pairs.

    `refused` are the records with a change that a system did not take: it may take it now, and no row tells.
    """

    mapping: FieldMapping
    remotes: PerSide[Remote]
    known: Known
    seen: Mapping[Link, bytes]
    refused: PerSide[frozenset[str]]
    mark: Marker
    record: Callable[[Side, Row], Record]
    bases: Callable[[Mapping[Link, Row]], Mapping[Link, Mapping[str, Base]]]

    def complete(self, pulled: PerSide[Pulled]) -> PerSide[Pulled]:
        """What was pulled, and of each pair of which one record changed the other one."""
        here = {row.id: row for row in pulled.civicrm.rows}
        there = {row.id: row for row in pulled.airtable.rows}
        glimpse = glimpser(self.known.salt, pulled.civicrm.undated)
        lacking = [
            link.civicrm
            for link in self.known.links
            if link.civicrm not in here
            and (self._unlike(link, pulled.civicrm, glimpse) or self._edited(link, there.get(link.airtable)))
        ]
        here |= _inside(self.remotes.civicrm, lacking)
        changed = {link: row for link, row in self._paired(here) if self._changed(link, row, pulled.civicrm, glimpse)}
        if self.known.last_digest != self.mapping.digest:
            changed = self._moved(changed)
        there |= _inside(self.remotes.airtable, [link.airtable for link in changed if link.airtable not in there])
        return PerSide(
            dataclasses.replace(pulled.civicrm, whole=False, rows=tuple(here.values())),
            dataclasses.replace(pulled.airtable, whole=False, rows=tuple(there.values())),
        )

    def _paired(self, rows: Mapping[str, Row]) -> Iterator[tuple[Link, Row]]:
        return ((link, rows[link.civicrm]) for link in self.known.links if link.civicrm in rows)

    def _unlike(self, link: Link, pulled: Pulled, glimpse: Glimpser) -> bool:
        """Whether what no date tells of is another than the pair was last seen with, or was never seen to at all."""
        if pulled.whole or link in self.known.absent:
            return False
        if self._refused(link):
            return True
        now, before = pulled.glimpse(link.civicrm), self.seen.get(link)
        return before is None if now is None else glimpse(link.civicrm, now) != before

    def _refused(self, link: Link) -> bool:
        return any(link[side] in ids for side, ids in self.refused)

    def _edited(self, link: Link, row: Row | None) -> bool:
        """Whether Airtable brought the pair's row, and not as it was when the pair came out quiet."""
        before = self.known.marks.get(link)
        return row is not None and not (before is not None and self.mark(Side.AIRTABLE, row) == before.airtable)

    def _changed(self, link: Link, row: Row, pulled: Pulled, glimpse: Glimpser) -> bool:
        """Whether the CiviCRM record is another than it was. Where all was pulled since nothing has a date, glimpses tell."""
        before = self.known.marks.get(link)
        if self._refused(link):
            return True
        if before is not None and self.mark(Side.CIVICRM, row) == before.civicrm:
            return False
        return not (row.values.keys() <= pulled.undated and glimpse(row.id, row.values) == self.seen.get(link))

    def _moved(self, unlike: Mapping[Link, Row]) -> dict[Link, Row]:
        """Under a mapping that changed no mark fits: those of which some field is not what the two agreed on.

        A sweep looks at all of them, and may be held. Until it is cleared, the deltas shall not read Airtable whole each time.
        """
        bases = self.bases(unlike)
        return {
            link: row
            for link, row in unlike.items()
            if _moved_from_base(self.mapping, self.record(Side.CIVICRM, row), bases.get(link, {}))
        }


def _inside(remote: Remote, ids: Sequence[str]) -> dict[str, Row]:
    """Those of these records that are in scope, by id."""
    found = remote.read(ids) if ids else {}
    inside = (each.row for each in found.values() if each.whereabouts is Whereabouts.IN_SCOPE)
    return {row.id: row for row in inside if row is not None}


def _moved_from_base(mapping: FieldMapping, record: Record, bases: Mapping[str, Base]) -> bool:
    fields = (each for each in mapping.fields.values() if each.two_sided)
    return any(
        each.name not in bases
        or not values.same_base(bases[each.name], values.comparable(each, record.side, record.cells[each.name]))
        for each in fields
    )


def glimpsed(
    matched: Matching, snapshot: Snapshot, known: Known, mark: Marker | None, undated: frozenset[str]
) -> dict[Link, bytes]:
    """The glimpses of the pairs that a run looked at, or knew by their marks to be quiet: to be kept once all was seen to."""
    glimpse = glimpser(known.salt, undated)
    found = {pair.link: glimpse(pair.civicrm.id, pair.civicrm.row.values) for pair in matched.pairs}
    for link, before in known.marks.items() if mark is not None else ():
        record = snapshot.records.get(link.civicrm)
        if link not in found and record is not None and mark is not None and mark(Side.CIVICRM, record.row) == before.civicrm:
            found[link] = glimpse(record.id, record.row.values)
    return found
