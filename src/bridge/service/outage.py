"""When sources could not be read, from the ledger's own events: what began it, whether it is over, how often it came back.

A source that comes and goes is one outage: people are told once that it broke and once that it is back, not each time.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bridge.core.ledger import Entry, Event, Happened, State
from bridge.core.report import UNREAD
from bridge.ports import Store

CALM = dt.timedelta(hours=2)
"""A source that is away again within so long was not really back."""
_LOOK_BACK = dt.timedelta(days=45)
"""What ended before that is told no more, and what lasts longer is left to the daily digest."""

_BROKE = (Happened.OPENED, Happened.REOPENED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """From when to when sources could not be read. `ended` is None while they cannot; `unread` says which those are now.

    `times` counts how often they went away within it.
    """

    began: dt.datetime
    ended: dt.datetime | None
    times: int = 1
    unread: tuple[Entry, ...] = ()


def last_outage(store: Store, mappings: Iterable[str], now: dt.datetime) -> Outage | None:
    """The last outage of any source of these mappings; None if there was none lately."""
    entries = [each for name in mappings for code in sorted(UNREAD) for each in store.ledger.list(mapping=name, code=code)]
    ours = {each.fingerprint for each in entries}
    events = [each for each in store.ledger.events(since=now - _LOOK_BACK) if each.fingerprint in ours] if ours else []
    found = outages(events)
    if not found:
        return None
    last = found[-1]
    unread = tuple(each for each in entries if each.state is State.OPEN)
    return Outage(began=last.began, ended=last.ended, times=last.times, unread=unread)


def outages(events: Sequence[Event]) -> list[Outage]:
    """The outages that these events, oldest first, tell of."""
    found: list[Outage] = []
    away: set[str] = set()
    for event in events:
        if event.happened in _BROKE:
            if not away:
                _begin(found, event.at)
            away.add(event.fingerprint)
        elif event.happened is Happened.RESOLVED and event.fingerprint in away:
            away.remove(event.fingerprint)
            if not away:
                found[-1] = Outage(began=found[-1].began, ended=event.at, times=found[-1].times)
    return found


def _begin(found: list[Outage], at: dt.datetime) -> None:
    """A new outage, or the last one again if it was over for a moment only."""
    last = found[-1] if found else None
    if last is not None and last.ended is not None and at - last.ended < CALM:
        found[-1] = Outage(began=last.began, ended=None, times=last.times + 1)
    else:
        found.append(Outage(began=at, ended=None))
