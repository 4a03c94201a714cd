"""What a large local costs: `union-caucuses` with tens of thousands of members, at Airtable's true pace.

python -m benchmarks.local MEMBERS

Every run is the command itself in a process of its own, so that its seconds and memory are what an operator sees.
"""

import argparse
import datetime as dt
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bridge.civicrm.pages import LARGEST_PAGE
from bridge.sandbox import Sandbox

NAME = "union-caucuses"
SHIPPED = Path(__file__).parents[1] / "mappings" / "ready" / NAME
TABLES = ("Members", "Contracts")
READ, WRITE = 100, 10
"""Records in one of Airtable's pages, and in one write."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One run. The fewest are what pages and batches leave no way around; CiviCRM's with every contact and group read."""

    run: str
    airtable: int
    airtable_fewest: int
    civicrm: int
    civicrm_fewest: int
    seconds: float
    processor_seconds: float
    memory_mb: int


@dataclass(slots=True)
class _Clock:
    """The time, or yesterday's: what was typed yesterday is no news to a delta."""

    behind: dt.timedelta = dt.timedelta(days=1)

    def __call__(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) - self.behind


def measure(members: int) -> Iterator[Cost]:
    """A first sync, a quiet delta, and a delta after 1 % of the rows were edited, half of them in each system."""
    clock = _Clock()
    with Sandbox(ready=NAME, members=members, clock=clock) as box, tempfile.TemporaryDirectory() as folder:
        clock.behind = dt.timedelta()
        pages = sum(math.ceil(len(box.airtable.rows(box.federation.ground.base, table)) / READ) for table in TABLES)
        joined = len(box.federation.civicrm["GroupContact"])
        whole = math.ceil(members / LARGEST_PAGE) + math.ceil(joined / LARGEST_PAGE) + 1
        run = _Runs(box, Path(folder))
        yield run("first sync", [], 1 + pages, whole)
        yield run("delta, nothing changed", ["--delta"], len(TABLES), whole)
        edited = _edit(box)
        reads, writes = math.ceil(edited / READ), math.ceil(edited / WRITE)
        yield run("delta, 1 % changed", ["--delta"], 1 + reads + writes, whole + 1)


def _edit(box: Sandbox) -> int:
    """Correct e-mail addresses of half a percent of the rows in Airtable, and of as many others in CiviCRM; how many each."""
    base = box.federation.ground.base
    rows = {record: row for record, row in box.airtable.rows(base, "Members").items() if row.get("Email")}
    half = len(rows) // READ // 2
    chosen = [*rows.items()][:: max(1, len(rows) // (2 * half + 1))][: 2 * half]
    numbers = {row.get("external_identifier"): contact for contact, row in box.civicrm.contacts.items()}
    for record, row in chosen[:half]:
        box.airtable.edit(base, "Members", record, {"Email": f"new.{row['Email']}"})
    for _, row in chosen[half:]:
        box.civicrm.staff_update("Contact", numbers[row["Member number"]], {"email_primary.email": f"new.{row['Email']}"})
    return half


@dataclass(frozen=True, slots=True)
class _Runs:
    box: Sandbox
    folder: Path

    def __call__(self, name: str, words: list[str], airtable: int, civicrm: int) -> Cost:
        for server in self.box.servers:
            server.forget_requests()
        settings = {
            **{key: value for key, value in self.box.environment().items() if "SLACK" not in key},
            "BRIDGE_MODE": "correct",
            "BRIDGE_MAPPINGS": str(SHIPPED),
            "BRIDGE_STATE_URL": f"sqlite:///{self.folder}/bridge.db",
            "PATH": os.environ["PATH"],
        }
        began = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", "bridge", "sync", *words], env=settings)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{name}: the run ended with {process.returncode}.")
        return Cost(
            run=name,
            airtable=len(self.box.servers.airtable.requests),
            airtable_fewest=airtable,
            civicrm=len(self.box.servers.civicrm.requests),
            civicrm_fewest=civicrm,
            seconds=round(time.perf_counter() - began, 1),
            processor_seconds=round(used.ru_utime + used.ru_stime, 1),
            memory_mb=used.ru_maxrss // 1024,
        )


def main() -> None:
    """Print each run as a line of JSON."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("members", type=int)
    for cost in measure(arguments.parse_args().members):
        print(json.dumps(asdict(cost)), flush=True)


if __name__ == "__main__":
    main()
