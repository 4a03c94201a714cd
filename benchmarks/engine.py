"""bridge itself on the workload: pages of JSON to a plan. Run as a process, so that what it costs includes its start.

    python -m benchmarks.engine FOLDER KEYS [--again EDITED]

`--again` runs a second time against what the first one left behind, as every run after the first does, with that share of the
pairs edited in Airtable since; only that one is timed.
"""

import argparse
import dataclasses
import datetime as dt
import gc
import hashlib
import json
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from benchmarks import workload
from bridge.core.facts import Facts
from bridge.core.knowledge import Known
from bridge.core.mapping import (
    AirtableSource,
    Authority,
    CivicrmSource,
    ExactMatch,
    Field,
    FieldType,
    FirstContact,
    Key,
    Mapping,
    Mode,
)
from bridge.core.marks import marker, still_quiet
from bridge.core.match import match
from bridge.core.plan import Plan
from bridge.core.planner import make_plan
from bridge.core.record import Json, PerSide, Row, Side, Snapshot, decoded
from bridge.core.sight import Sight
from bridge.core.values import Zones, record_reader

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
NOTHING_KNOWN = Known(
    links=frozenset(),
    bases={},
    apart={},
    stops={},
    absent=frozenset(),
    last_counts=PerSide(None, None),
    last_digest=None,
    last_scope=None,
)


def mapping() -> Mapping:
    """The workload's twenty fields, CiviCRM right about each."""
    fields = {
        column.name: Field(
            name=column.name,
            at=PerSide(column.civicrm, column.airtable),
            type=FieldType(column.type),
            authority=Authority.CIVICRM,
            first_contact=FirstContact.AUTHORITY,
            clear=True,
            from_datetime=column.type == "date",
            values=column.options,
        )
        for column in workload.COLUMNS
    }
    return Mapping(
        name="workload",
        title={"en": "Workload"},
        mode=Mode.OBSERVE,
        civicrm=CivicrmSource(entity="Individual"),
        airtable=AirtableSource(base="b", table="t"),
        match=(ExactMatch(keys=(Key(at=PerSide(*workload.KEY), type=FieldType.IDENTIFIER),)),),
        fields=fields,
    )


def reconcile(work: workload.Workload, known: Known = NOTHING_KNOWN) -> tuple[Plan, frozenset[tuple[str, str]]]:
    """The plan, and what it says differs or is missing, by key."""
    mapped = mapping()
    read = PerSide.of(lambda side: record_reader(mapped, side))
    ours = {str(raw["id"]): Row(str(raw["id"]), raw) for raw in _rows(work.civicrm, "values")}
    theirs = {raw["id"]: Row(raw["id"], raw["fields"]) for raw in _rows(work.airtable, "records")}
    rows = PerSide(ours, theirs)
    snapshots = PerSide.of(
        lambda side: Snapshot(
            side, {native: read[side](row) for native, row in rows[side].items()}, complete=True, pulled_at=NOW
        )
    )
    matching = match(mapped, snapshots, known.links)
    mark = marker(mapped, "", frozen=PerSide({}, {}), zones=PerSide(Zones(), Zones()), references={}, today=NOW.date())
    plan = make_plan(
        Facts(
            mapping=mapped,
            snapshots=snapshots,
            matching=matching,
            known=known,
            sights=PerSide.of(lambda side: Sight(side=side, identity="", fields={}, drift=(), names=())),
            today=NOW.date(),
            seal=lambda text: hashlib.sha256(text.encode()).hexdigest(),
            quiet=frozenset(still_quiet(matching, known, mark)),
            mark=mark,
        )
    )
    return plan, _found(plan, rows, matching.only.map(lambda only: [record.row for record in only]))


def known_after(plan: Plan) -> Known:
    """What is known once this plan's links, agreed values and marks are stored."""
    return dataclasses.replace(NOTHING_KNOWN, links=frozenset(plan.links), bases=dict(plan.agreed), marks=dict(plan.marks))


def _rows(path: Path, name: str) -> Iterator[dict[str, Json]]:
    with path.open("rb") as pages:
        for page in pages:
            yield from cast("dict[str, Any]", decoded(page))[name]


def _found(plan: Plan, rows: PerSide[dict[str, Row]], only: PerSide[list[Row]]) -> frozenset[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for change in plan.changes:
        key = rows[change.side][str(change.id)].values[workload.KEY[0] if change.side is Side.CIVICRM else workload.KEY[1]]
        found.update((str(key), cell.field) for cell in change.cells)
    for each in plan.discrepancies:
        if each.ids.civicrm is not None and each.field is not None:
            found.add((str(rows.civicrm[each.ids.civicrm].values[workload.KEY[0]]), each.field))
    for side, name in PerSide(*workload.KEY):
        found.update((str(row.values[name]), "missing") for row in only[side])
    return frozenset(found)


def main() -> None:
    """Time one run and print what it took as JSON."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("keys", type=int)
    arguments.add_argument("--again", type=float, metavar="EDITED")
    told = arguments.parse_args()
    work = workload.load(told.folder, told.keys)
    known, began = NOTHING_KNOWN, 0.0
    if told.again is not None:
        plan, _ = reconcile(work)
        known, work = known_after(plan), workload.load(told.folder, told.keys, edited=told.again)
        began = time.process_time()
    gc.set_threshold(300_000, 50, 100)  # as the command does
    _, found = reconcile(work, known)
    right = len(found & work.truth)
    print(
        json.dumps(
            {
                "cpu_seconds": time.process_time() - began,
                "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "precision": right / len(found),
                "recall": right / len(work.truth),
            }
        )
    )


if __name__ == "__main__":
    main()
