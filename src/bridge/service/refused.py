"""Writes that are known not to be taken: not planned for now, and told all the same.

A refusal may pass (a lock, a permission that was missing), so a change is sent three times before it is left alone. It is sent
again as soon as it is another change: its source or what stands at its target moved, or another cell joined or left it. A
changed mapping, a person who asks for the record, and a week's time let it be tried again too.

A record that cannot be made because another carries its key already is looked for first, once that has been told: nothing of
it stands in the journal, for it was never sent.
"""

import dataclasses
import datetime as dt
from collections import defaultdict

from bridge.core import values
from bridge.core.ledger import State
from bridge.core.plan import Action, CellChange, Change, Discrepancy, Plan
from bridge.core.record import PerSide, Sealed, Side
from bridge.ports import Journal, JournalCell, JournalEntry, Ledger, Remote
from bridge.service.apply import REFUSED, about_write, taken

_TIMES = 3
_REMEMBERED = dt.timedelta(days=7)


def without_refused(plan: Plan, journal: Journal, now: dt.datetime) -> Plan:
    """The plan without the changes that were refused three times within a week just as they are; those are told instead."""
    if not plan.changes:
        return plan
    refusals: dict[tuple[Side, str], list[JournalEntry]] = defaultdict(list)
    for entry in journal.refused(plan.mapping, since=now - _REMEMBERED):
        refusals[entry.change.side, entry.change.partner].append(entry)
    sent: list[Change] = []
    told: list[Discrepancy] = []
    for change in plan.changes:
        same = [entry for entry in refusals[change.side, change.partner] if _same(entry, change)]
        if len(same) < _TIMES:
            sent.append(change)
        else:
            told.append(about_write(change, same[-1].code or REFUSED, same[-1].detail))
    return _told_instead(plan, sent, told)


def without_taken(plan: Plan, ledger: Ledger, remotes: PerSide[Remote]) -> Plan:
    """The plan without creates that were told (401) and whose match key some record still carries; those are told again."""
    if not any(change.action is Action.CREATE for change in plan.changes):
        return plan
    entries = [each for each in ledger.list(mapping=plan.mapping, code=REFUSED) if each.state is not State.RESOLVED]
    known = {(side, each.discrepancy.ids[side]) for each in entries for side in Side}
    again = [each for each in plan.changes if (each.side.other, each.partner) in known]
    found = [each for side in Side for each in taken([change for change in again if change.side is side], remotes[side])]
    sent = [change for change in plan.changes if not any(change is other for other, _ in found)]
    return _told_instead(plan, sent, [about_write(change, REFUSED, outcome.reason) for change, outcome in found])


def _told_instead(plan: Plan, sent: list[Change], told: list[Discrepancy]) -> Plan:
    discrepancies = sorted((*plan.discrepancies, *told), key=lambda each: each.order)
    return dataclasses.replace(plan, changes=tuple(sent), discrepancies=tuple(discrepancies))


def _same(entry: JournalEntry, change: Change) -> bool:
    before = entry.change
    if (before.action, before.id, before.extra) != (change.action, change.id, change.extra):
        return False
    paths = [cell.path for cell in entry.cells]
    return paths == [cell.path for cell in change.cells] and all(map(_same_cell, entry.cells, change.cells))


def _same_cell(old: JournalCell, new: CellChange) -> bool:
    asked = ((old.before, new.before), (old.after, new.after), (old.source, new.source))
    if not all(not isinstance(now, Sealed) and values.same_base(then, now) for then, now in asked):
        return False
    return old.sealed or old.after_raw == new.after_raw
