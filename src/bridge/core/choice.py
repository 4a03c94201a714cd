"""A person's choice between the two values of one cell: which values may be chosen, and the plan that carries a choice out."""

from dataclasses import dataclass

from bridge.core import values
from bridge.core.compare import Write
from bridge.core.facts import Facts
from bridge.core.mapping import Authority, Field, Mapping, Mode
from bridge.core.match import Pair
from bridge.core.pairs import cell_change, evidence_of_cells, update_of
from bridge.core.plan import Change, Discrepancy, Plan, Population
from bridge.core.record import Link, PerSide, Side, Unreadable
from bridge.errors import ConfigError, StaleRecord

CHOSEN = "chosen"
"""Why a cell is written that a person chose the value of."""

_CODES = frozenset({201, 202, 203, 204, 205, 207, 208, 405})
"""What tells of one cell of a linked pair that differs and can be read on both sides."""


_BLANK = "—"
"""A blank cell as a discrepancy shows it (`values.display`); one of a sensitive field shows nothing, and is found out later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """`side` is right about `field` of the pair `link`: said of the two values that the digest `evidence` stands for."""

    link: Link
    field: str
    side: Side
    evidence: str


def choosable(found: Discrepancy, mapping: Mapping | None, mode: Mode) -> tuple[Side, ...]:
    """The sides whose value a person may choose to settle `found`; `mode` is that of the settings.

    None where nothing may be written, where it is not about one cell of a linked pair, and where the mapping only reports the
    field. A field of which two of CiviCRM's options are one in Airtable cannot be written back to CiviCRM, and a blank replaces
    a value only with `clear: true`.
    """
    field = mapping.fields.get(found.field) if mapping is not None and found.field is not None else None
    linked = found.ids.civicrm is not None and found.ids.airtable is not None
    if mapping is None or field is None or not linked or Mode.OBSERVE in (mode, mapping.mode):
        return ()
    if found.code not in _CODES or field.authority in (None, Authority.REPORT):
        return ()
    return tuple(
        side for side in Side if not (field.lossy and side is Side.AIRTABLE) and (field.clear or found.shown[side] != _BLANK)
    )


def plan_of_choice(facts: Facts, choice: Choice) -> Plan:
    """The plan that makes the other side's cell say what the chosen side's does, and nothing else.

    Raises StaleRecord if the two values are not those that the choice was made of, ConfigError if the mapping or the system
    does not let this value be written.
    """
    field = facts.mapping.fields.get(choice.field)
    pair = next((each for each in facts.matching.pairs if each.link == choice.link), None)
    if field is None or pair is None:
        raise StaleRecord(
            "The two records are no longer linked, or one of them is gone.", next_step="run a sync and look again."
        )
    change = _change(facts, pair, field, choice)
    snapshots = facts.snapshots
    return Plan(
        mapping=facts.mapping.name,
        mapping_digest=facts.mapping.digest,
        changes=(change,),
        discrepancies=(),
        population=Population(now=snapshots.map(lambda each: len(each.records)), last=facts.known.last_counts),
        complete=False,
    )


def _change(facts: Facts, pair: Pair, field: Field, choice: Choice) -> Change:
    cells = PerSide(pair.civicrm.cells[field.name], pair.airtable.cells[field.name])
    chosen, target = cells[choice.side], choice.side.other
    if isinstance(chosen, Unreadable) or isinstance(cells[target], Unreadable):
        raise StaleRecord(f"“{field.name}” cannot be read at present.", next_step="correct it where it stands.")
    compared = PerSide.of(lambda side: values.comparable(field, side, cells[side]))
    if compared.civicrm == compared.airtable:
        raise StaleRecord("Both systems say the same by now.", next_step="nothing to do: the next complete run resolves it.")
    if evidence_of_cells(facts, field, cells) != choice.evidence:
        raise StaleRecord(
            f"“{field.name}” has been edited since this was found.",
            next_step="look at both systems, and choose after the next run.",
        )
    if chosen is None and not field.clear:
        raise ConfigError(
            f"“{field.name}” is blank in {choice.side.title}, and a blank replaces a value only where the mapping says so.",
            next_step=f"empty it in {target.title} by hand, or set `clear: true` on the field.",
        )
    write = Write(target, values.translate(field, choice.side, chosen))
    written = cell_change(facts, pair, field, write, CHOSEN)
    if isinstance(written, str):
        raise ConfigError(f"“{field.name}” cannot be written: {written}.", next_step=f"correct it in {choice.side.title}.")
    return update_of(facts, pair, target, (written,))
