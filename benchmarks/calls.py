"""The requests that whole runs make, counted at the sandbox's door, against the fewest there could be.

python -m benchmarks.calls COOPS WORKERS
python -m benchmarks.calls --members MEMBERS
"""

import argparse
import datetime as dt
import json
import math
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bridge.app import App
from bridge.config.settings import Settings
from bridge.core.record import Link
from bridge.ports import RunState
from bridge.sandbox import Sandbox
from bridge.sandbox.airtable import BOT
from bridge.service.order import Kind, Result

SHIPPED = Path(__file__).parents[1] / "mappings"
READ, WRITE = 100, 10
"""Records in one of Airtable's pages, and in one write."""
CORRECTED = 300
_UPDATES = re.compile(r"^  updates: \{.*\}$", re.MULTILINE)
"""Where a mapping says how many updates need a person's word: here nobody is asked."""
HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Counted:
    """One run over all mappings of a base.

    `fewest` is what Airtable's pages of a hundred and batches of ten leave no way around; `checked` are calls beyond that, by
    which an update makes sure that nobody has edited the record since it was pulled, one for a hundred records.
    """

    run: str
    airtable: int
    fewest: int
    checked: int
    civicrm: int
    entities: int
    written: int
    seconds: float


@dataclass(frozen=True, slots=True)
class World:
    """What is measured: mappings of one base, the tables they read and the one they report to, if they do."""

    mappings: Sequence[Path]
    tables: Sequence[str]
    board: str | None
    people: str
    """The mapping whose records people correct."""
    sandbox: Mapping[str, Any]
    """How large the systems are."""


def federation(coops: int, workers: int) -> World:
    """Benefits groups and enrollees."""
    return World(
        mappings=[SHIPPED / "benefits-groups.yaml", SHIPPED / "benefits-enrollees.yaml"],
        tables=["Groups", "Enrollees"],
        board="Discrepancies",
        people="benefits-enrollees",
        sandbox={"coops": coops, "workers": workers},
    )


def local(members: int) -> World:
    """The caucuses of a large union local."""
    folder = SHIPPED / "ready" / "union-caucuses"
    return World(
        mappings=sorted(folder.glob("*.yaml")),
        tables=["Members", "Contracts"],
        board=None,
        people="union-caucuses",
        sandbox={"ready": "union-caucuses", "members": members},
    )


def measure(world: World) -> Iterator[Counted]:
    """The runs of a day: a first one, quiet ones, and two after people corrected something."""
    with _running(world) as run:
        whole = 1 + sum(map(_pages, run.rows.values()))
        yield run("first sync", Kind.SWEEP, whole + run.board_pages)
        run.quietly(Kind.SWEEP)  # which tells what the first one resolved
        yield run("sweep, nothing changed", Kind.SWEEP, whole + run.board_pages)
        looks = len(world.tables) + run.board_looks
        yield run("delta, nothing changed", Kind.DELTA, looks)
        half = max(1, sum(run.rows.values()) // READ // 2)
        pairs = run.pairs(2 * half)
        for number, (link, side) in enumerate(zip(pairs, half * ["airtable"] + half * ["civicrm"], strict=False)):
            run.correct(link, number, side, cells=1)
        more = 1 + _pages(half) - 1 + _pages(half)  # the schema, the edited rows, and the partners of the edited contacts
        yield run("delta, 1 % changed", Kind.DELTA, looks + more)
        pairs = run.pairs(min(CORRECTED, sum(run.rows.values()) // 4))
        cells = [3 + (number % 3 == 0) for number in range(len(pairs))]
        for number, (link, count) in enumerate(zip(pairs, cells, strict=True)):
            run.correct(link, READ * READ - number, "civicrm", cells=count)
        name = f"sweep, {sum(cells):,} cells in {len(pairs)} records corrected"
        yield run(name, Kind.SWEEP, whole + run.board_pages)
        for _ in range(3):
            run.quietly(Kind.DELTA, webhooks=True)  # which make the webhook, and hear it
        yield run("delta with a webhook, nothing changed", Kind.DELTA, 1, webhooks=True)


@dataclass(slots=True)
class _Clock:
    """The time, moved ahead: what was written an hour ago is no news to a delta."""

    ahead: dt.timedelta = dt.timedelta()

    def __call__(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.ahead


@contextmanager
def _running(world: World) -> Iterator["_Runs"]:
    clock = _Clock()
    with Sandbox(**world.sandbox, rate_limit=None, clock=clock) as box, tempfile.TemporaryDirectory() as folder:
        for each in world.mappings:
            (Path(folder) / each.name).write_text(_UPDATES.sub("  updates: {share: 100%, count: 1000}", each.read_text()))
        yield _Runs(world, box, clock, Path(folder))


class _Runs:
    """Runs of one world, each an hour after the last."""

    def __init__(self, world: World, box: Sandbox, clock: _Clock, folder: Path) -> None:
        self._world = world
        self._box = box
        self._clock = clock
        self._folder = folder
        self._base = box.federation.ground.base
        self.rows = {table: len(box.airtable.table(self._base, table).records) for table in world.tables}

    def __call__(self, name: str, kind: Kind, reads: int, *, webhooks: bool = False) -> Counted:
        for server in self._box.servers:
            server.forget_requests()
        began, started = time.perf_counter(), self._clock() + HOUR
        results, entities = self._run(kind, webhooks=webhooks)
        return Counted(
            run=name,
            airtable=len(self._box.servers.airtable.requests),
            fewest=reads + sum(self._writes(started)),
            checked=sum(map(_checks, results)),
            civicrm=len(self._box.servers.civicrm.requests),
            entities=entities,
            written=sum(each.counts.get("written", 0) for each in results),
            seconds=round(time.perf_counter() - began, 1),
        )

    def quietly(self, kind: Kind, *, webhooks: bool = False) -> None:
        """A run that is not counted."""
        self._run(kind, webhooks=webhooks)

    def _run(self, kind: Kind, *, webhooks: bool) -> tuple[list[Result], int]:
        self._clock.ahead += HOUR
        with self._app(webhooks=webhooks) as app:
            results = app.run([], kind)
            entities = {each.civicrm.entity for each in app.mappings}
            entities |= {related.entity for each in app.mappings for related in each.civicrm.related.values()}
        if wrong := [each for each in results if each.state is not RunState.DONE]:
            sys.exit(
                f"{wrong[0].mapping} ended {wrong[0].state}: {wrong[0].error or (wrong[0].plan and wrong[0].plan.breaches)}"
            )
        return results, len(entities)

    def _app(self, *, webhooks: bool = False) -> App:
        settings = {
            **{key: value for key, value in self._box.environment().items() if "SLACK" not in key},
            "BRIDGE_MODE": "correct",
            "BRIDGE_AIRTABLE__WEBHOOKS": str(webhooks).lower(),
            "BRIDGE_MAPPINGS": str(self._folder),
            "BRIDGE_STATE_URL": f"sqlite:///{self._folder}/bridge.db",
        }
        return App(Settings.load(settings), clock=self._clock)

    @property
    def board_looks(self) -> int:
        """The calls by which a delta hears whether anybody edited the table of discrepancies."""
        return int(self._world.board is not None)

    @property
    def board_pages(self) -> int:
        """The pages of what stands unresolved there."""
        if self._world.board is None:
            return 0
        rows = self._box.airtable.rows(self._base, self._world.board).values()
        return _pages(sum(row.get("State") != "resolved" for row in rows))

    def _writes(self, started: dt.datetime) -> Iterator[int]:
        """For each table, and each mapping that reports, the fewest writes that leave it as this run did."""
        for name in (*self._world.tables, *filter(None, [self._world.board])):
            table = self._box.airtable.table(self._base, name)
            mapping = table.find_column("Mapping")
            written = Counter(
                each.cells.get(mapping.id) if mapping else None
                for each in table.records.values()
                if each.editor == BOT and max(each.touched.values()) >= started
            )
            yield sum(math.ceil(count / WRITE) for count in written.values())

    def pairs(self, count: int) -> list[Link]:
        """So many linked pairs of people, spread over all that agree."""
        with self._app() as app:
            mapping = app.one(self._world.people)
            told = {each.discrepancy.ids.airtable for each in app.store.ledger.list(mapping=mapping.name)}
            links = sorted(app.store.knowledge.load(mapping, bases=False).links, key=lambda each: int(each.civicrm))
        agreeing = [each for each in links if each.airtable not in told]
        return agreeing[:: max(1, len(agreeing) // count)][:count]

    def correct(self, link: Link, number: int, side: str, *, cells: int) -> None:
        """Somebody corrects so many cells of a pair, in CiviCRM, or its phone in Airtable."""
        phone = f"(413) {200 + number // 10_000}-{number % 10_000:04d}"
        if side == "airtable":
            table = {"benefits-enrollees": "Enrollees", "union-caucuses": "Members"}[self._world.people]
            self._box.airtable.edit(self._base, table, link.airtable, {"Phone": phone})
            return
        contact = self._box.civicrm.contacts[int(link.civicrm)]
        language = "es_MX" if contact.get("preferred_language") == "en_US" else "en_US"
        corrections = {
            "phone_primary.phone": phone,
            "email_primary.email": f"corrected.{number}@example.org",
            "preferred_language": language,
            **self._a_fourth(contact, number),
        }
        self._box.civicrm.staff_update("Contact", int(link.civicrm), dict(list(corrections.items())[:cells]))

    def _a_fourth(self, contact: Mapping[str, Any], number: int) -> dict[str, Any]:
        if self._world.people == "benefits-enrollees":
            return {"birth_date": f"19{60 + number % 30}-02-{1 + number % 28:02d}"}
        return {"Union.Chapter": "hospital" if contact.get("Union.Chapter") != "hospital" else "homecare"}


def _pages(records: int) -> int:
    """The pages that so many records fill; that there are none takes a call as well."""
    return max(1, math.ceil(records / READ))


def _checks(result: Result) -> int:
    updated = sum(each.side == "airtable" and each.id is not None for each, _ in result.applied.outcomes)
    return math.ceil(updated / READ)


def main() -> None:
    """Print each run as a line of JSON."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("coops", type=int, nargs="?")
    arguments.add_argument("workers", type=int, nargs="?")
    arguments.add_argument("--members", type=int)
    told = arguments.parse_args()
    world = local(told.members) if told.members else federation(told.coops, told.workers)
    for counted in measure(world):
        print(json.dumps(asdict(counted)), flush=True)


if __name__ == "__main__":
    main()
