"""The requests that whole runs make, counted at the sandbox's door, against the fewest there could be.

python -m benchmarks.calls COOPS WORKERS
"""

import argparse
import datetime as dt
import json
import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bridge.app import App
from bridge.config.settings import Settings
from bridge.sandbox import BASE, Sandbox
from bridge.service.order import Kind

MAPPINGS = ("benefits-groups.yaml", "benefits-enrollees.yaml")
SHIPPED = Path(__file__).parents[1] / "mappings"
READ, WRITE = 100, 10
"""Records in one of Airtable's pages, and in one write."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One run over all mappings. `fewest` is what Airtable's pages and batches of ten leave no way around."""

    run: str
    airtable: int
    fewest: int
    civicrm: int
    entities: int
    written: int
    seconds: float


def measure(coops: int, workers: int) -> Iterator[Counted]:
    """A first sync, a quiet sweep, a quiet delta, and a delta after 1 % of the rows were edited in Airtable."""
    clock = _Clock()
    with Sandbox(coops=coops, workers=workers, rate_limit=None, clock=clock) as box, tempfile.TemporaryDirectory() as folder:
        for name in MAPPINGS:
            (Path(folder) / name).write_text((SHIPPED / name).read_text())
        settings = Settings.load(
            {
                **{key: value for key, value in box.environment().items() if "SLACK" not in key},
                "BRIDGE_MODE": "correct",
                "BRIDGE_MAPPINGS": folder,
                "BRIDGE_STATE_URL": f"sqlite:///{folder}/bridge.db",
            }
        )
        rows = {table: len(box.airtable.rows(BASE, table)) for table in ("Groups", "Enrollees")}
        sweep = 1 + sum(math.ceil(count / READ) for count in rows.values())
        yield _run(box, settings, clock, "first sync", Kind.SWEEP, sweep)
        clock.ahead += dt.timedelta(hours=1)
        yield _run(box, settings, clock, "sweep, nothing changed", Kind.SWEEP, sweep)
        clock.ahead += dt.timedelta(hours=1)
        yield _run(box, settings, clock, "delta, nothing changed", Kind.DELTA, 1 + len(rows))
        clock.ahead += dt.timedelta(hours=1)
        groups = list(box.airtable.rows(BASE, "Groups"))
        edited = groups[:: max(1, READ * len(groups) // sum(rows.values()))][: sum(rows.values()) // READ]
        for number, record in enumerate(edited):
            box.airtable.edit(BASE, "Groups", record, {"Phone": f"(413) 555-{1000 + number:04d}"})
        yield _run(box, settings, clock, "delta, 1 % changed", Kind.DELTA, len(rows) + math.ceil(len(edited) / READ))


@dataclass(slots=True)
class _Clock:
    """The time, moved ahead: what was written an hour ago is no news to a delta."""

    ahead: dt.timedelta = dt.timedelta()

    def __call__(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.ahead


def _run(box: Sandbox, settings: Settings, clock: _Clock, name: str, kind: Kind, reads: int) -> Counted:
    for server in box.servers:
        server.forget_requests()
    began = time.perf_counter()
    with App(settings, clock=clock) as app:
        results = app.run([], kind)
        entities = {each.civicrm.entity for each in app.mappings}
        entities |= {related.entity for each in app.mappings for related in each.civicrm.related.values()}
    if problems := [each.error for each in results if each.error is not None]:
        raise problems[0]
    changed = [sum(change.side == "airtable" for change in each.plan.changes) for each in results if each.plan is not None]
    return Counted(
        run=name,
        airtable=len(box.servers.airtable.requests),
        fewest=reads + sum(math.ceil(count / WRITE) for count in changed),
        civicrm=len(box.servers.civicrm.requests),
        entities=len(entities),
        written=sum(each.counts.get("written", 0) for each in results),
        seconds=round(time.perf_counter() - began, 1),
    )


def main() -> None:
    """Print each run as a line of JSON."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("coops", type=int)
    arguments.add_argument("workers", type=int)
    told = arguments.parse_args()
    for counted in measure(told.coops, told.workers):
        print(json.dumps(asdict(counted)), flush=True)


if __name__ == "__main__":
    main()
