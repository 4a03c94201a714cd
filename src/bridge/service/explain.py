"""Why is it so: one record with both sides' cells, the base, the verdict of each field, and what was written and told."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.core import values
from bridge.core.compare import NO_BASE, Verdict, merge
from bridge.core.ledger import Entry
from bridge.core.mapping import Mapping
from bridge.core.match import Pair
from bridge.core.pairs import stopped
from bridge.core.record import Base, PerSide, Record, Sealed, Side
from bridge.errors import ConfigError
from bridge.ports import Journal, JournalEntry
from bridge.service.gather import Gathered, gather, look, reader
from bridge.service.order import Means, Order


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedField:
    """One field of a pair as people read it; a sensitive one shows only whether the sides agree."""

    field: str
    civicrm: str
    airtable: str
    base: str
    verdict: str
    writes: str
    code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One record, its partner, and all that is known about them. `how` says how they are matched, empty if they are not."""

    mapping: str
    name: str
    ids: PerSide[str | None]
    how: str
    fields: tuple[ExplainedField, ...]
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
    ids = PerSide[str | None](None, None)
    ids = dataclasses.replace(ids, **{each.value: pair[each].id for each in Side}) if pair else _only(record)
    return Explanation(
        mapping=mapping.name,
        name=record.name,
        ids=ids,
        how=pair.how if pair else "",
        fields=tuple(_fields(mapping, pair, gathered)) if pair else tuple(_alone(mapping, record)),
        journal=_journal(ids, means.store.journal),
        discrepancies=[each for each in means.store.ledger.list(mapping=mapping.name) if each.discrepancy.ids[side] == native],
        addresses=PerSide.of(lambda each: _address(ids[each], remotes[each].address)),
    )


def _journal(ids: PerSide[str | None], journal: Journal) -> Sequence[JournalEntry]:
    """What was written to either record, newest first."""
    entries = {entry.id: entry for side, native in ids if native for entry in journal.of_record(side, native)}
    return sorted(entries.values(), key=lambda entry: -entry.id)


def _only(record: Record) -> PerSide[str | None]:
    return PerSide(record.id, None) if record.side is Side.CIVICRM else PerSide(None, record.id)


def _address(native: str | None, address: object) -> str | None:
    return address(native) if native and callable(address) else None


def _fields(mapping: Mapping, pair: Pair, gathered: Gathered) -> Sequence[ExplainedField]:
    bases = gathered.known.bases.get(pair.link, {})
    explained = []
    for name, each in mapping.fields.items():
        if not each.two_sided:
            side = Side.CIVICRM if each.at.civicrm is not None else Side.AIRTABLE
            explained += _alone(mapping, pair[side], only=name)
            continue
        cells = PerSide(pair.civicrm.cells[name], pair.airtable.cells[name])
        times = PerSide(pair.civicrm.row.modified_at, pair.airtable.row.modified_at)
        outcome = merge(each, bases.get(name, NO_BASE), cells, modified=times)
        writes = ", ".join(
            f"{write.side.title} ← {'…' if each.sensitive else values.display(each, write.value)}" for write in outcome.writes
        )
        stop = stopped(gathered.known, pair.link, each, cells)
        explained.append(
            ExplainedField(
                field=name,
                civicrm="…" if each.sensitive else values.display(each, cells.civicrm),
                airtable="…" if each.sensitive else values.display(each, cells.airtable),
                base=_base(bases, name, sensitive=each.sensitive),
                verdict=outcome.verdict.value,
                writes="" if stop else writes,
                code=outcome.code if outcome.verdict is Verdict.AGREED else stop or outcome.code,
            )
        )
    return explained


def _base(bases: "dict[str, Base] | object", name: str, *, sensitive: bool) -> str:
    if not isinstance(bases, dict) or name not in bases:
        return "never agreed"
    base = bases[name]
    if sensitive or isinstance(base, Sealed):
        return "…"
    return "—" if base is None else values.dump(base)


def _alone(mapping: Mapping, record: Record, *, only: str | None = None) -> list[ExplainedField]:
    explained = []
    for name, cell in record.cells.items():
        if only in (None, name):
            each = mapping.fields[name]
            shown = "…" if each.sensitive else values.display(each, cell)
            civicrm, airtable = (shown, "") if record.side is Side.CIVICRM else ("", shown)
            explained.append(
                ExplainedField(field=name, civicrm=civicrm, airtable=airtable, base="", verdict="read only", writes="")
            )
    return explained
