"""A plan as people and files have it: canonical JSON, its digest, and text that staff can read.

The JSON is the plan file: what a person reviewed and whose `digest` they approve. Sensitive cells stand in it as keyed digests.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping

from bridge.core.plan import Action, CellChange, Change, Discrepancy, Plan
from bridge.core.record import Json, PerSide, Side

FORMAT = 1
"""The version of the plan file's shape."""

Sentence = Callable[[Discrepancy], str]
"""One line about a discrepancy, in somebody's language."""

_WHY = {
    "create": "new",
    "changed": "changed in {source}",
    "first_contact": "first seen, taken from {source}",
    "conflict": "both changed; {source} decides",
    "reverted": "edited in {target}, which does not own it; put back",
    "clear": "cleared in {source}",
    "chosen": "a person chose what {source} has",
    "undo": "taken back",
    "restored": "taken back",
}


def document(plan: Plan) -> dict[str, Json]:
    """The plan as JSON values, with its `digest`. Equal plans give equal documents."""
    body: dict[str, Json] = {
        "format": FORMAT,
        "mapping": plan.mapping,
        "mapping_digest": plan.mapping_digest,
        "changes": [_change(change) for change in plan.changes],
        "discrepancies": [_discrepancy(each) for each in plan.discrepancies],
        "new_links": [[link.civicrm, link.airtable] for link in plan.links],
        "population": _sides(plan.population.now),
        "calls": _sides(plan.calls),
        "breaches": [{"rule": each.rule, "message": each.message, "setting": each.setting} for each in plan.breaches],
        "complete": plan.complete,
    }
    return {**body, "digest": hashlib.sha256(canonical(body)).hexdigest()}


def digest(plan: Plan) -> str:
    """64 hex digits that stand for exactly this plan."""
    return str(document(plan)["digest"])


def canonical(value: Mapping[str, Json]) -> bytes:
    """The one way these JSON values are written as bytes."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _sides(both: PerSide[int]) -> Json:
    return {side.value: number for side, number in both}


def _change(change: Change) -> Json:
    return {
        "side": change.side.value,
        "action": change.action.value,
        "id": change.id,
        "partner": change.partner,
        "name": change.name,
        "cells": [_cell(cell) for cell in change.cells],
    }


def _cell(cell: CellChange) -> Json:
    shown: dict[str, Json] = {"field": cell.field, "path": cell.path, "why": cell.why, "clears": cell.clears}
    if cell.sealed is not None:
        return {**shown, "sealed": {"before": cell.sealed[0], "after": cell.sealed[1]}}
    if cell.sensitive:
        return {**shown, "sealed": None}
    return {**shown, "before": cell.before_raw, "after": cell.after_raw}


def _discrepancy(each: Discrepancy) -> Json:
    return {
        "fingerprint": each.fingerprint,
        "code": each.code,
        "rule": each.rule,
        "severity": each.severity.value,
        "name": each.name,
        "field": each.field,
        "civicrm_id": each.ids.civicrm,
        "airtable_id": each.ids.airtable,
        "civicrm": each.shown.civicrm,
        "airtable": each.shown.airtable,
        "details": dict(each.details),
    }


def as_text(plan: Plan, *, title: str, sentence: Sentence, most: int | None = None) -> str:
    """The plan for people: per record its name, per cell before → after and why; ends with `digest: <hex>`.

    At most `most` records and as many discrepancies are written out (None: all); what is left out is counted.
    """
    head = (
        f"Plan for {title}: {counted(len(plan.changes), 'record')} to write, "
        f"{counted(len(plan.discrepancies), 'discrepancy', 'discrepancies')}."
    )
    cost = f"{counted(plan.calls.civicrm, 'CiviCRM call')} and {counted(plan.calls.airtable, 'Airtable call')}"
    lines = [
        head,
        *_seen(plan),
        f"Applying takes up to {cost}.",
        *_changes(plan, most),
        *_told(plan, sentence, most),
        *_held(plan),
        f"digest: {digest(plan)}",
    ]
    return "\n".join(lines) + "\n"


def _seen(plan: Plan) -> Iterator[str]:
    """How much was looked at; nothing for a plan that was not made from a pull, such as an undo."""
    now = plan.population.now
    if now.civicrm or now.airtable or plan.complete:
        found = f"; {counted(len(plan.links), 'new link')}" if plan.links else ""
        yield f"Seen: {counted(now.civicrm, 'record')} in CiviCRM, {now.airtable} in Airtable{found}."


def counted(number: int, one: str, many: str = "") -> str:
    """The number with its noun."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def _changes(plan: Plan, most: int | None) -> Iterator[str]:
    for side in Side:
        here = [change for change in plan.changes if change.side is side]
        if not here:
            continue
        creates = sum(change.action is Action.CREATE for change in here)
        yield ""
        yield f"In {side.title}: {len(here) - creates} to update, {creates} to create"
        for change in here[:most]:
            yield f"  {change.name} ({change.id or 'new record'})"
            for cell in change.cells:
                yield f"    {cell.field}: {_before_after(cell)}   [{why(cell, side)}]"
        if most is not None and len(here) > most:
            yield f"  … and {counted(len(here) - most, 'more record')}"


def why(cell: CellChange, side: Side) -> str:
    """Why a cell is written, in words."""
    return _WHY.get(cell.why, cell.why).format(source=side.other.title, target=side.title)


def _before_after(cell: CellChange) -> str:
    if cell.sensitive:
        return "(sensitive: not shown)"
    return f"{_plain(cell.before_raw)} → {_plain(cell.after_raw)}"


def _plain(raw: Json) -> str:
    if raw in (None, "", []):  # a list is not hashable
        return "(blank)"
    if isinstance(raw, list):
        return ", ".join(map(_plain, raw))
    if isinstance(raw, bool):
        return "yes" if raw else "no"
    return str(raw)


def _told(plan: Plan, sentence: Sentence, most: int | None) -> Iterator[str]:
    if not plan.discrepancies:
        return
    yield ""
    yield "For a person to see:"
    codes = sorted({(each.code, each.rule or "") for each in plan.discrepancies})
    for code, rule in codes:
        group = [each for each in plan.discrepancies if (each.code, each.rule or "") == (code, rule)]
        yield f"  {code} {rule}".rstrip() + f" ({len(group)})"
        for each in group[:most]:
            yield f"    {sentence(each)}"
        if most is not None and len(group) > most:
            yield f"    … and {len(group) - most} more"


def _held(plan: Plan) -> Iterator[str]:
    if not plan.held:
        return
    yield ""
    yield "HELD: a person is needed before anything is written."
    for breach in plan.breaches:
        yield f"  {breach.message}"
        yield f"    lifted by: {breach.setting}"
    yield f"  To apply exactly this plan: bridge sync {plan.mapping} --approve {digest(plan)[:12]}"
