"""Weeks, or with `make soak` a year, of a service that nobody looks at: staff edit, remotes go away, the process is restarted.

At the end both systems hold what their owners typed last, nothing waits or is in doubt, and neither memory nor state has grown
beyond what is kept. The counts are printed.
"""

import datetime as dt
import os
import random
import resource
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from bridge import retry
from bridge.ports import RunState
from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.federation_airtable import BASE
from bridge.service.order import Kind
from bridge.store.schema import metadata, plans
from unattended import Unattended

WEEKS = int(os.environ.get("BRIDGE_TEST_SOAK_WEEKS", "1"))
KEPT_DAYS = 90
MOST_GROWTH = 150 * 1024
"""Kilobytes; the sandbox, which forgets nothing, is in the same process."""
OUTAGES = (
    FaultKind.DROP_BEFORE,
    FaultKind.DROP_AFTER,
    FaultKind.STATUS_500_HTML,
    FaultKind.TRUNCATED_JSON,
    FaultKind.HTML_403,
)


@pytest.fixture(autouse=True)
def no_waits() -> Iterator[None]:
    with retry.no_waits():
        yield


@dataclass
class Staff:
    """Edits what each side owns, and remembers what was typed last."""

    serving: Unattended
    dice: random.Random
    emails: dict[int, str] = field(default_factory=dict)
    phones: dict[str, str] = field(default_factory=dict)
    edits: int = 0

    def work(self) -> None:
        """A few edits, one of which on the wrong side now and then."""
        for _ in range(self.dice.randint(1, 3)):
            contact, record = self.serving.pair(self.dice.randrange(6))
            self.edits += 1
            match self.dice.randrange(5):
                case 0 | 1:
                    self.emails[contact] = f"office{self.edits}@mail.example"
                    self.serving.box.airtable.edit(BASE, "Groups", record, {"Contact email": self.emails[contact]})
                case 2 | 3:
                    self.phones[record] = f"413555{self.dice.randint(100, 199):04d}"
                    typed = {"phone_primary.phone": self.phones[record]}
                    self.serving.box.civicrm.staff_update("Contact", contact, typed)
                case _:
                    self.serving.box.airtable.edit(BASE, "Groups", record, {"Group name": f"Mistyped {self.edits}"})

    def lost(self) -> list[tuple[object, str]]:
        """What was typed and is not on the other side."""
        rows = self.serving.box.civicrm.site.rows["Email"].rows.values()
        emails = {each["contact_id"]: each["email"] for each in rows if each.get("is_primary")}
        shown = {
            record: "".join(filter(str.isdigit, str(row.get("Phone"))))[-10:] for record, row in self.serving.groups.items()
        }
        mail = [(contact, email) for contact, email in self.emails.items() if emails.get(contact) != email]
        return [*mail, *((record, phone) for record, phone in self.phones.items() if shown[record] != phone)]


def test_nobody_looks_and_nothing_is_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dice = random.Random(5)  # noqa: S311  # the same year each time
    with Unattended(tmp_path, every="2h", BRIDGE_KEEP__PLANS_DAYS=str(KEPT_DAYS)) as serving:
        staff, met = Staff(serving, dice), Counter[str]()
        memory = rows = 0
        for week in range(WEEKS):
            for _ in range(5):
                met.update(_a_day(serving, staff, dice))
            serving.until(serving.clock() + dt.timedelta(days=2))
            if week == min(WEEKS // 2, KEPT_DAYS // 7 + 4):
                memory, rows = _kilobytes(), _rows(serving)
        serving.mend()
        serving.app.run(["groups"], Kind.SWEEP, by="tester")
        assert staff.lost() == []
        assert serving.settled()
        assert _kilobytes() - memory < MOST_GROWTH
        found = _counts(serving, staff, met, memory, rows)
        assert serving.clock() - _oldest_plan(serving) <= dt.timedelta(days=KEPT_DAYS + 1)
    with capsys.disabled():
        sys.stdout.write("\n" + "".join(f"  {what:<34}{number:>10}\n" for what, number in found.items()))


def _a_day(serving: Unattended, staff: Staff, dice: random.Random) -> list[str]:
    """One day: staff work; perhaps a remote goes wrong for some hours, or the process is restarted."""
    morning = serving.clock().replace(hour=9, minute=15, second=0, microsecond=0) + dt.timedelta(days=1)
    serving.until(morning)
    staff.work()
    luck, met = dice.random(), []
    if luck < 0.25:
        kind, side = dice.choice(OUTAGES), dice.choice(["civicrm", "airtable", "slack"])
        times = None if kind is not FaultKind.DROP_AFTER else dice.randint(1, 3)
        serving.break_(side, Fault(kind, times=times))
        met.append(f"{side} went wrong")
    elif luck < 0.35:
        serving.end()
        serving.clock.now += dt.timedelta(hours=dice.randint(0, 30))
        serving.begin()
        met.append("restarted")
    serving.until(serving.clock() + dt.timedelta(hours=dice.choice([1, 3, 8])))
    staff.work()
    if dice.random() < 0.8:  # else it lasts until another day
        serving.mend()
    return met


def _counts(serving: Unattended, staff: Staff, met: Counter[str], memory: int, rows: int) -> dict[str, Any]:
    """What is printed."""
    store = serving.app.store
    states = Counter(each.state.value for each in store.runs.list(limit=100_000))
    written = sum(each.counts["written"] for each in store.runs.totals())
    return {
        "weeks": WEEKS,
        "edits of staff": staff.edits,
        **{f"times {what}": number for what, number in sorted(met.items())},
        **{f"runs {state}": states[state] for state in (RunState.DONE, RunState.FAILED, RunState.HELD, RunState.INTERRUPTED)},
        "records written": written,
        "doubts settled by reading": sum(each.counts["doubts_settled"] for each in store.runs.totals()),
        "edits lost": len(staff.lost()),
        "messages posted": len(serving.posted()),
        "of them that an outage began": len(serving.posted("cannot be read since")),
        "of them that it was over": len(serving.posted("can be read again")),
        "rows of the state, at half time": rows,
        "rows of the state, at the end": _rows(serving),
        "state in KiB": serving.state.stat().st_size // 1024,
        "memory at half time, in MiB": memory // 1024,
        "memory at the end, in MiB": _kilobytes() // 1024,
    }


def _oldest_plan(serving: Unattended) -> dt.datetime:
    with serving.app.store.database.reading() as connection:
        found: dt.datetime = connection.scalar(select(func.min(plans.c.created_at)))
    return found


def _rows(serving: Unattended) -> int:
    with serving.app.store.database.reading() as connection:
        return sum(connection.scalar(select(func.count()).select_from(each)) or 0 for each in metadata.sorted_tables)


def _kilobytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
