"""Marks: what tells that a pair that came out quiet would do so again, without comparing it or knowing what it agreed on.

A pair is quiet where every field agrees, no rule tells anything, and nothing is to be written. What comes of a pair follows
from its two rows, what it last agreed on, and what the whole run goes by. So a mark is a digest of a row under all of the last,
and the state lets go of a pair's marks whenever it stores anything else about the pair. A mark that does not fit costs a
comparison, and nothing more.

A pair that is told of, and of which nothing is to be written, has half a mark: of its CiviCRM row. A delta, to which Airtable
says itself which rows changed, needs no other to know that the ledger has been told. A sweep tells all anew.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping

from bridge import __version__
from bridge.core.conditions import asks_the_day
from bridge.core.knowledge import Known
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.mapping import OnConflict
from bridge.core.match import Matching
from bridge.core.record import Link, PerSide, Row, Side, Unreadable, packed
from bridge.core.values import References, Zones

RULES = 1
"""To be raised whenever the same rows may come to be read or compared otherwise than before."""

Marker = Callable[[Side, Row], bytes]
"""The mark of one side's row: 16 bytes."""

NO_MARK = b""
"""Stands for the mark of a row that is to be looked at whatever it holds."""

_BYTES = 16


def marker(
    mapping: FieldMapping,
    salt: str,
    *,
    frozen: PerSide[Mapping[str, Unreadable]],
    zones: PerSide[Zones],
    references: References,
    today: dt.date,
) -> Marker:
    """What marks the rows of a run. `salt` is the state's own, changes with its keys, and keeps marks from being guessed at.

    The day counts only where a rule asks for it, and when a row was edited only where a field follows the newest edit.
    """
    context = json.dumps(
        [
            [RULES, __version__],
            salt,
            mapping.digest,
            [sorted((path, each.code, each.reason) for path, each in of.items()) for _, of in frozen],
            [[str(each.naive), str(each.day)] for _, each in zones],
            {name: [sorted(links.items()) for _, links in both] for name, both in sorted(references.items())},
            today.isoformat() if any(asks_the_day(rule.when) for rule in mapping.rules) else None,
        ]
    ).encode()
    begun = PerSide.of(lambda side: hashlib.blake2b(context + side.value.encode(), digest_size=_BYTES))
    newest = any(each.on_conflict is OnConflict.NEWEST for each in mapping.fields.values())

    def mark(side: Side, row: Row) -> bytes:
        digest = begun[side].copy()
        digest.update(packed((row.id, dict(row.values))))
        if newest:
            digest.update(str(row.modified_at).encode())
        return digest.digest()

    return mark


def still_quiet(matched: Matching, known: Known, mark: Marker) -> Iterator[Link]:
    """The pairs whose two rows are those with which they came out quiet."""
    for pair in matched.pairs:
        before = known.marks.get(pair.link)
        if (
            before is not None
            and mark(Side.CIVICRM, pair.civicrm.row) == before.civicrm
            and mark(Side.AIRTABLE, pair.airtable.row) == before.airtable
        ):
            yield pair.link
