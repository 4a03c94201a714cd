"""Carry out a person's choice between the two values of a discrepancy: a run of one record and one field, like any other."""

import dataclasses

from bridge.core import ledger
from bridge.core.choice import Choice, choosable
from bridge.core.ledger import Entry, State
from bridge.core.mapping import Mapping, Mode
from bridge.core.plan import Written
from bridge.core.record import Link, Side
from bridge.errors import ConfigError, StaleRecord
from bridge.service.order import Kind, Means, Order, Result
from bridge.service.run import run


def choose(entry: Entry, side: Side, order: Order, mapping: Mapping, means: Means) -> Result:
    """Make the other side's cell say what `side`'s does, through the same guard and journal as every run.

    With an order of kind PLAN it is only planned. What was written is the new base, and the entry is answered: it is silent
    until a complete run resolves it. Over the guard the plan is held, for a person.

    Raises StaleRecord if the entry is resolved or either value has changed since it was found, ConfigError if the mapping is
    only observed or does not let this value be written, RunInProgress if another process holds the mapping.
    """
    _must_write(order, mapping)
    choice = _choice(entry, side, mapping)
    kind = Kind.PLAN if order.kind is Kind.PLAN else Kind.RECORD
    asked = dataclasses.replace(order, kind=kind, record=(Side.CIVICRM, choice.link.civicrm), choice=choice)
    result = run(asked, mapping, means)
    if result.applied.count(Written.DONE):
        note = f"{side.title}'s value was written to {side.other.title} by run {result.run}"
        means.store.ledger.move(mapping.name, ledger.answering(entry.fingerprint, by=order.by, at=means.clock(), note=note))
    return result


def _choice(entry: Entry, side: Side, mapping: Mapping) -> Choice:
    found = entry.discrepancy
    if entry.state is State.RESOLVED:
        raise StaleRecord(f"Discrepancy {entry.id} is resolved.", next_step="nothing to do.")
    if (
        side not in choosable(found, mapping, Mode.CORRECT)
        or found.ids.civicrm is None
        or found.ids.airtable is None
        or found.field is None
    ):
        raise ConfigError(
            f"{side.title}'s value cannot be chosen for discrepancy {entry.id} ({found.code}).",
            next_step="only a field of two linked records that the mapping may write is settled so, by a blank only where it "
            "says `clear: true`; correct it by hand.",
        )
    link = Link(found.ids.civicrm, found.ids.airtable)
    return Choice(link=link, field=found.field, side=side, evidence=found.evidence)


def _must_write(order: Order, mapping: Mapping) -> None:
    if Mode.OBSERVE in (order.mode, mapping.mode):
        where = "BRIDGE_MODE" if order.mode is Mode.OBSERVE else f"`mode` in {mapping.file}"
        raise ConfigError(
            f"{mapping.name} is only observed: no value can be written.",
            next_step=f"correct it by hand, or set {where} to correct.",
        )
