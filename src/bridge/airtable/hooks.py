"""What a webhook tells of a base: hints which tables changed, so that none needs to be listed that did not, and who is gone.

It is polled, so nobody needs to reach bridge, and asked for no more than that: its cells are in another format than all others,
and whatever it says is read from the table itself. What it may have missed (a hook that ended, payloads that are gone after a
week, one that reports a fault) is a gap: from there on it vouches for nothing until it has been heard anew.
"""

import datetime as dt
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from bridge.airtable.answers import Answer, Refused
from bridge.airtable.formula import OVERLAP
from bridge.errors import AuthRejected, OutcomeUnknown, Unavailable, UnexpectedAnswer
from bridge.ports import Clock, Memory

log = structlog.get_logger()

KEPT = dt.timedelta(days=7)
"""How long Airtable keeps a payload, and a hook that nobody asks: https://airtable.com/developers/web/api/webhooks-overview"""
SURE = KEPT - dt.timedelta(hours=12)
"""How long after it was last asked a hook surely has missed nothing."""
MOST_PAGES = 4
"""Calls that are spent on hearing what happened: more of it, and to list the tables costs less."""
TRIED_AGAIN = dt.timedelta(days=1)
"""How long after a refusal a hook is asked for again."""

_FILTERS = {"dataTypes": ["tableData", "tableFields", "tableMetadata"]}
_PLACE = "webhook of "
_LONG_AGO = dt.datetime.min.replace(tzinfo=dt.UTC)

Ask = Callable[[str, str, Mapping[str, Any] | None, str], Answer]
"""Sends a request about a base's webhooks: its method, what follows `…/webhooks`, a body or None, and the base."""


class _Gap(Exception):
    """The hook may have missed something; why, in words for the log."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What was heard by one hook. It has missed nothing from `since` to `at`, by Airtable's clock; `cursor` goes on from there.

    `changed` says when each table last changed, `gone` when each record of a table was deleted.
    """

    hook: str
    cursor: int
    since: dt.datetime
    at: dt.datetime
    changed: Mapping[str, dt.datetime] = field(default_factory=dict)
    gone: Mapping[str, Mapping[str, dt.datetime]] = field(default_factory=dict)

    def vouches(self, since: dt.datetime) -> bool:
        """Whether it would have heard of whatever a list of what changed since then brings."""
        return self.since <= since - OVERLAP

    def told(self) -> dict[str, Any]:
        """As it is remembered."""
        return {
            "hook": self.hook,
            "cursor": self.cursor,
            "since": self.since.isoformat(),
            "at": self.at.isoformat(),
            "changed": {table: at.isoformat() for table, at in self.changed.items()},
            "gone": {table: {each: at.isoformat() for each, at in ids.items()} for table, ids in self.gone.items()},
        }

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Heard | None":
        """What is remembered, or None if no hook is."""
        if not told.get("hook"):
            return None
        moment = dt.datetime.fromisoformat
        return cls(
            hook=told["hook"],
            cursor=told["cursor"],
            since=moment(told["since"]),
            at=moment(told["at"]),
            changed={table: moment(at) for table, at in told["changed"].items()},
            gone={table: {each: moment(at) for each, at in ids.items()} for table, ids in told["gone"].items()},
        )


class Hooks:
    """The hooks of all bases, each made and heard when a run first asks about its base. Safe to share between threads."""

    def __init__(self, ask: Ask, memory: Memory, clock: Clock) -> None:
        self._ask = ask
        self._memory = memory
        self._clock = clock
        self._heard: dict[str, Heard | None] = {}
        self._lock = threading.Lock()

    def forget(self) -> None:
        """A new run begins: listen anew."""
        with self._lock:
            self._heard.clear()

    def quiet(self, base: str, table: str, since: dt.datetime) -> dt.datetime | None:
        """Up to when it is known that nothing changed in the table since then; None where something did, or it is not known."""
        heard = self._listen(base)
        if heard is None or not heard.vouches(since) or heard.changed.get(table, _LONG_AGO) >= since - OVERLAP:
            return None
        return heard.at

    def gone(self, base: str, table: str, since: dt.datetime) -> frozenset[str]:
        """The records of the table that were deleted since then, as far as was heard."""
        heard = self._listen(base)
        deleted = heard.gone.get(table, {}) if heard is not None else {}
        return frozenset(each for each, at in deleted.items() if at >= since - OVERLAP)

    def _listen(self, base: str) -> Heard | None:
        with self._lock:
            if base not in self._heard:
                self._heard[base] = self._hear(base)
            return self._heard[base]

    def _hear(self, base: str) -> Heard | None:
        told = self._memory.recall(_PLACE + base)
        before = Heard.of(told)
        try:
            return self._make(base, told) if before is None else self._go_on(base, before)
        except (AuthRejected, Refused) as refused:
            log.warning("airtable_webhook_lost", base=base, why=refused.message, instead="the next delta makes another")
            self._memory.keep(_PLACE + base, {})
        except (Unavailable, UnexpectedAnswer, OutcomeUnknown) as silent:
            log.warning("airtable_webhook_silent", base=base, why=silent.message, instead="each table is asked what changed")
        except (AttributeError, KeyError, TypeError, ValueError) as shapeless:  # what it tells is believed while it is read
            why = f"Airtable answered of a webhook in a form that it does not have ({type(shapeless).__name__})."
            log.warning("airtable_webhook_silent", base=base, why=why, instead="each table is asked what changed")
        return None

    def _go_on(self, base: str, before: Heard) -> Heard:
        try:
            heard = self._poll(base, before)
        except _Gap as gap:
            log.warning("airtable_webhook_gap", base=base, why=gap.why, instead="each table is asked what changed, once")
            heard = self._anew(base, before)
        self._memory.keep(_PLACE + base, heard.told())
        return heard

    def _make(self, base: str, told: Mapping[str, Any]) -> Heard | None:
        """A new hook, which has heard nothing yet; None where Airtable refuses one, which is said once and tried daily."""
        now = self._clock()
        if "refused" in told and now - dt.datetime.fromisoformat(told["refused"]) < TRIED_AGAIN:
            return None
        try:
            answer = self._ask("POST", "", {"specification": {"options": {"filters": _FILTERS}}}, base)
        except (AuthRejected, Refused) as refused:
            if told.get("why") != refused.message:
                log.warning("airtable_webhook_refused", base=base, why=refused.message, needs="webhook:manage, and a Creator")
            self._memory.keep(_PLACE + base, {"refused": now.isoformat(), "why": refused.message})
            return None
        at = answer.at or now
        heard = Heard(hook=_text(answer.data, "id"), cursor=1, since=at, at=at)
        self._memory.keep(_PLACE + base, heard.told())
        log.info("airtable_webhook_made", base=base)
        return heard

    def _poll(self, base: str, before: Heard) -> Heard:
        """All that happened since; raises _Gap where that is not all, or too much."""
        heard = before
        for _ in range(MOST_PAGES):
            answer = self._ask("GET", f"/{before.hook}/payloads?cursor={heard.cursor}", None, base)
            payloads, cursor = answer.data.get("payloads"), answer.data.get("cursor")
            if not isinstance(payloads, list) or not isinstance(cursor, int):
                raise UnexpectedAnswer("Airtable answered payloads of a webhook without a list or a cursor.")
            at = answer.at or self._clock()
            if at - before.at > SURE:
                raise _Gap("nobody has asked it for a week")
            if cursor - len(payloads) != heard.cursor:
                raise _Gap("payloads are missing")
            for payload in payloads:
                heard = _with(heard, payload, before.at, at)
            heard = replace(heard, cursor=cursor)
            if not answer.data.get("mightHaveMore"):
                return _without_old(replace(heard, at=at))
        raise _Gap("there is more to hear than to list")

    def _anew(self, base: str, before: Heard) -> Heard:
        """The hook from where it stands now; another one where it is not well any more: that ends by itself."""
        answer = self._ask("GET", "", None, base)
        hooks = answer.data.get("webhooks") if isinstance(answer.data, dict) else None
        found = next((each for each in hooks or () if each.get("id") == before.hook), None)
        at = answer.at or self._clock()
        if found is not None and found.get("isHookEnabled") and isinstance(found.get("cursorForNextPayload"), int):
            return Heard(hook=before.hook, cursor=found["cursorForNextPayload"], since=at, at=at)
        made = self._ask("POST", "", {"specification": {"options": {"filters": _FILTERS}}}, base)
        return Heard(hook=_text(made.data, "id"), cursor=1, since=made.at or at, at=made.at or at)


def _with(heard: Heard, payload: Mapping[str, Any], last: dt.datetime, at: dt.datetime) -> Heard:
    """With what one payload tells. One that comes late counts as of now: a list that went by its time may have passed it."""
    if payload.get("error"):
        raise _Gap(f"it reports {payload.get('code', 'a fault')}")
    written = dt.datetime.fromisoformat(str(payload.get("timestamp")))
    moment = written if written >= last - OVERLAP else at
    changed, gone = dict(heard.changed), {table: dict(ids) for table, ids in heard.gone.items()}
    for table, told in payload.get("changedTablesById", {}).items():
        changed[table] = max(moment, changed.get(table, moment))
        deleted = gone.setdefault(table, {})
        for each in told.get("createdRecordsById", {}):
            deleted.pop(each, None)  # somebody took the deletion back
        deleted.update(dict.fromkeys(told.get("destroyedRecordIds", ()), moment))
    return replace(heard, changed=changed, gone=gone)


def _without_old(heard: Heard) -> Heard:
    """Without deletions that every delta has heard of, or a sweep since."""
    kept = {table: {each: at for each, at in ids.items() if heard.at - at < KEPT} for table, ids in heard.gone.items()}
    return replace(heard, gone={table: ids for table, ids in kept.items() if ids})


def _text(data: Any, name: str) -> str:
    value = data.get(name) if isinstance(data, dict) else None
    if not isinstance(value, str) or not value:
        raise UnexpectedAnswer(f"Airtable answered a webhook without {name}.")
    return value
