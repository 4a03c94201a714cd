"""Whether all is well, told from the state alone: neither system is asked.

A probe that called the systems would spend their quota, and would say nothing about the runs.
"""

import datetime as dt
from collections.abc import Iterable, Mapping

from bridge.core.ledger import Entry
from bridge.core.record import Side
from bridge.core.report import UNREAD
from bridge.errors import BridgeError
from bridge.ports import RunState, Store
from bridge.web.office import Check, Office

_READ = frozenset({RunState.DONE, RunState.HELD})


def checks(office: Office) -> list[Check]:
    """Everything that runs depend on: the process's own parts, the state, both systems, the messages."""
    own, now, reading = list(office.checks()), office.clock(), office.reading
    try:
        found = [*own, *_told_by(office.store, now)]
    except BridgeError as error:
        reading.since = reading.since or now
        wrong = Check(
            what="state", last_good=reading.last_good, problem=error.message, since=reading.since, next_step=error.next_step
        )
        return [*own, wrong]
    reading.last_good, reading.since = now, None
    return found


def ready(found: Iterable[Check]) -> bool:
    """Whether nothing is wrong."""
    return all(each.ok for each in found)


def as_json(check: Check) -> Mapping[str, object]:
    """A check as JSON."""
    return {
        "what": check.what,
        "ok": check.ok,
        "last_good": check.last_good and check.last_good.isoformat(),
        "problem": check.problem,
        "since": check.since and check.since.isoformat(),
        "next_step": check.next_step,
    }


def _told_by(store: Store, now: dt.datetime) -> Iterable[Check]:
    totals = store.runs.totals()
    read = max((each.last_finished for each in totals if each.state in _READ and each.last_finished), default=None)
    unread = [entry for code in sorted(UNREAD) for entry in store.ledger.list(state="open", code=code)]
    yield Check(what="state", last_good=now)
    for side in Side:
        wrong = [entry for entry in unread if _concerns(entry, side)]
        yield Check(
            what=side.title,
            last_good=read,
            problem="; ".join(dict.fromkeys(entry.discrepancy.details.get("reason", "could not be read") for entry in wrong)),
            since=min((entry.opened_at for entry in wrong), default=None),
            next_step="`bridge doctor` looks at it now; the next run tries again by itself." if wrong else "",
        )
    stuck = [message for message in store.outbox.pending() if message.error]
    yield Check(
        what="Slack",
        last_good=store.outbox.last_posted(),
        problem="; ".join(dict.fromkeys(message.error for message in stuck)),
        since=min((message.created_at for message in stuck), default=None),
        next_step="`bridge report --to slack` tries again now." if stuck else "",
    )


def _concerns(entry: Entry, side: Side) -> bool:
    """Whether an unread source is this side: as the run said, or as its reason names it; both sides if neither tells."""
    found = entry.discrepancy
    if found.field is not None:
        return found.field == side.value
    reason = found.details.get("reason", "")
    return side.title in reason or side.other.title not in reason
