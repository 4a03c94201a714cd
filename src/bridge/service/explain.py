"""Why is it so: one record with both sides' cells, the base, the verdict of each field, and what was written and told."""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from bridge.core.ledger import Entry
from bridge.core.mapping import Mapping
from bridge.core.match import Pair
from bridge.core.record import PerSide, Record, Side
from bridge.core.why import ExplainedField, ExplainedRule, explain_alone, explain_pair, explain_rules
from bridge.errors import ConfigError
from bridge.ports import Journal, JournalEntry
from bridge.service.gather import gather, look, reader
from bridge.service.order import Means, Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One record, its partner, and all that is known about them. `how` says how they are matched, empty if they are not."""

    mapping: str
    name: str
    ids: PerSide[str | None]
    how: str
    fields: tuple[ExplainedField, ...]
    rules: tuple[ExplainedRule, ...]
    journal: Sequence[JournalEntry]
    discrepancies: Sequence[Entry]
    addresses: PerSide[str | None]


def explain(order: Order, mapping: Mapping, means: Means) -> Explanation:
    """What bridge knows and sees of the order's record in this mapping, read now; nothing is written or stored.

    Raises ConfigError if the record is out of the mapping's scope.
    """
    if order.record is None:
        raise ConfigError("Which record is to be explained? Give civicrm:ID or airtable:rec….")
    side, native = order.record
    remotes = means.remotes(mapping)
    read = reader(mapping, look(mapping, remotes, means.store.knowledge), means.store.knowledge)
    gathered = gather(order, mapping, remotes, read, means, None)
    pair = next((each for each in gathered.matching.pairs if each[side].id == native), None)
    record = pair[side] if pair else gathered.snapshots[side].records[native]
    known = gathered.known
    link = pair.link if pair else next((each for each in known.links if each[side] == native), None)
    ids = PerSide[str | None](link.civicrm, link.airtable) if link else _only(record)
    return Explanation(
        mapping=mapping.name,
        name=record.name,
        ids=ids,
        how=pair.how if pair else f"linked, and not found in {side.other.title}" if link else "",
        fields=explain_pair(mapping, pair, known.bases.get(pair.link, {}), known)
        if pair
        else tuple(explain_alone(mapping, record)),
        rules=_rules(mapping, pair, means) if pair else (),
        journal=_journal(ids, means.store.journal),
        discrepancies=[each for each in means.store.ledger.list(mapping=mapping.name) if each.discrepancy.ids[side] == native],
        addresses=PerSide.of(lambda each: _address(ids[each], remotes[each].address)),
    )


def _rules(mapping: Mapping, pair: Pair, means: Means) -> tuple[ExplainedRule, ...]:
    """Every rule asked of the pair as of today in the mapping's time zone."""
    zone = ZoneInfo(mapping.timezone)
    return explain_rules(mapping, pair, means.clock().astimezone(zone).date(), zone=zone)


def _journal(ids: PerSide[str | None], journal: Journal) -> Sequence[JournalEntry]:
    """What was written to either record, newest first."""
    entries = {entry.id: entry for side, native in ids if native for entry in journal.of_record(side, native)}
    return sorted(entries.values(), key=lambda entry: -entry.id)


def _only(record: Record) -> PerSide[str | None]:
    return PerSide(record.id, None) if record.side is Side.CIVICRM else PerSide(None, record.id)


def _address(native: str | None, address: object) -> str | None:
    return address(native) if native and callable(address) else None
