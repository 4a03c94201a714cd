"""A serving process under a clock that tests move, over the sandbox: the real schedule, worker, runs, state and messages.

Only the web is not listened to, and nobody waits: every wait moves the clock instead.
"""

import datetime as dt
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bridge.airtable.pace import Pace
from bridge.app import App
from bridge.app.serving import Serving
from bridge.config.settings import Settings
from bridge.core.ledger import Entry
from bridge.ports import RunState
from bridge.sandbox import BASE, Sandbox
from bridge.sandbox.faults import Fault
from bridge.service.apply import about_write
from bridge.service.order import Kind
from bridge.store import backup
from scene import MAPPING

SCHEDULE = """
schedule:
  timezone: UTC
  sweep: {at: "05:00", on: mon-thu}
  sync: {every: EVERY, between: 08:00-18:00, on: mon-thu}
  digest: {at: "09:00", on: mon-thu}
"""
MONDAY = dt.datetime(2026, 11, 30, 5, 30, tzinfo=dt.UTC)
PATIENCE_SECONDS = 60


@dataclass
class SharedClock:
    """One time for bridge and all three systems; threads may share it."""

    now: dt.datetime = MONDAY
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> dt.datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self.lock:
            self.now += dt.timedelta(seconds=seconds)


class Unattended:
    """The process, begun and ended as often as wanted on one state; `until` lets time pass."""

    def __init__(self, folder: Path, *, every: str = "2h", coops: int = 10, after: Path | None = None, **settings: str) -> None:
        """`after` is the folder of another one that was saved: this one goes on from there, at its time."""
        self.clock = SharedClock()
        (folder / "mappings").mkdir(parents=True, exist_ok=True)
        (folder / "mappings" / "groups.yaml").write_text(MAPPING + SCHEDULE.replace("EVERY", every))
        self.state = folder / "bridge.db"
        if after is None:
            self.box = Sandbox(coops=coops, workers=2 * coops, rate_limit=None, clock=self.clock).start()
        else:
            self.box = Sandbox.load(after / "box", rate_limit=None, clock=self.clock).start()
            shutil.copy(after / "bridge.db", self.state)
            self.clock.now = dt.datetime.fromisoformat((after / "now").read_text())
        self._environment = {
            **self.box.environment(),
            "BRIDGE_MODE": "correct",
            "BRIDGE_MAPPINGS": str(folder / "mappings"),
            "BRIDGE_STATE_URL": f"sqlite:///{self.state}",
            "BRIDGE_WEB__PORT": "0",
            **settings,
        }
        self.begin()

    def begin(self) -> None:
        """Begin the process."""
        self.app = App(Settings.load(self._environment), clock=self.clock, sleep=self._sleep)
        # By the machine's own time every wait of its pace would take many steps of this clock.
        self.app.airtable._pace = Pace(self.app.store.slots, clock=lambda: self.clock().timestamp(), sleep=self._sleep)
        self.serving = Serving(self.app)
        self.serving._worker.start()
        self.serving._server.start()
        self._ring()

    def end(self) -> None:
        """End it, as SIGTERM does."""
        self.serving._alarm.start()
        assert self.serving.stop(PATIENCE_SECONDS)
        self.app.__exit__()

    def _sleep(self, seconds: float) -> None:
        self.clock.sleep(max(seconds, 1))  # else waiting for one's turn takes many steps, since nothing else moves the clock

    def save(self, folder: Path) -> None:
        """Keep how everything stands, for others to go on from."""
        self.box.save(folder / "box")
        backup(f"sqlite:///{self.state}", folder / "bridge.db")
        (folder / "now").write_text(self.clock().isoformat())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self.box.stop()

    # ── time ──

    def until(self, moment: str | dt.datetime) -> Self:
        """Let the schedule do all that is due up to this moment (UTC)."""
        end = moment if isinstance(moment, dt.datetime) else dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC)
        while (due := self.serving._agenda.timetable.wake(self.clock())) is not None and due <= end:
            self.clock.now = due
            self._ring()
        self.clock.now = max(self.clock.now, end)
        return self

    def _ring(self) -> None:
        self.serving._ring()
        worker, patience = self.serving._worker, time.monotonic() + PATIENCE_SECONDS
        while worker.busy or worker.waiting:
            assert time.monotonic() < patience, "a run did not end"
            time.sleep(0.001)

    # ── what goes wrong ──

    def break_(self, side: str, *faults: Fault) -> None:
        """Let a system go wrong."""
        getattr(self.box.servers, side).faults.add(*faults)

    def mend(self) -> None:
        """Let every system be well."""
        for server in self.box.servers:
            server.faults.clear()

    delta = Kind.DELTA

    # ── what came of it ──

    @property
    def groups(self) -> dict[str, dict[str, Any]]:
        """Airtable's rows."""
        return dict(self.box.airtable.rows(BASE, "Groups"))

    def pair(self, number: int = 0) -> tuple[int, str]:
        """The ids of a linked pair."""
        links = sorted(self.app.store.knowledge.partners("groups").civicrm.items())
        civicrm, airtable = links[number]
        return int(civicrm), airtable

    def posted(self, word: str = "") -> list[str]:
        """The texts of the messages in the channel itself that hold the word."""
        return [each.text for each in self.box.slack.channels["#membership"].messages if word in each.text]

    def runs(self, *states: RunState) -> list[str]:
        """The kinds of the runs that ended so, oldest first."""
        return [each.kind for each in reversed(self.app.store.runs.list(limit=10_000)) if not states or each.state in states]

    def entries(self, *codes: int) -> list[Entry]:
        """The open discrepancies of these codes."""
        return [each for each in self.app.store.ledger.list(state="open") if each.discrepancy.code in codes]

    def settled(self) -> bool:
        """Whether the two agree: another look would write nothing but what was refused, doubts nothing and reads all."""
        [result] = self.app.run(["groups"], Kind.PLAN, by="tester")
        assert result.plan is not None, result.error
        refused = {each.discrepancy.ids for each in self.entries(401)}
        wanted = [each for each in result.plan.changes if about_write(each, 401, "").ids not in refused]
        return not (wanted or self.app.store.journal.open("groups") or self.entries(403, 504, 505))
