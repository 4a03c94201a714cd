"""What staff may do from the pages: forms, each from a page of their own session, each answered by leading on to a page.

A form carries the stamp of the discrepancy as it was shown. If another one stands there by now, nothing is done, and the page
shows how it stands.
"""

import datetime as dt
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Path
from fastapi.responses import Response

from bridge.core import ledger
from bridge.core.ledger import Reason
from bridge.core.record import Side
from bridge.errors import ConfigError, RequestRejected, StaleRecord
from bridge.locales.wording import N_
from bridge.web.access import Refusal, note
from bridge.web.api import side_and_id
from bridge.web.office import Word
from bridge.web.pages import Key, discrepancy_page, entry_of
from bridge.web.reader import SignedIn, acting
from bridge.web.shapes import Line, MappingName, RecordName

router = APIRouter(include_in_schema=False)

Operator = Annotated[SignedIn, Depends(acting("operator"))]
Admin = Annotated[SignedIn, Depends(acting("admin"))]
Stamp = Annotated[str, Form(pattern="^[0-9a-f]{16}$")]
Note = Annotated[str, Line, Form()]
Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]

A_WEEK = dt.timedelta(days=7)

_STALE = N_("Nothing was done: this changed after you opened it. Here is how it stands now.")
_NOT_DONE = N_("Nothing was done: {why}")
_NO_DAY = N_("Nothing was done: choose a day after today.")
_NO_NOTE = N_("Nothing was done: say in a note what the reason is.")


@router.post("/discrepancies/{key}/assign")
def assign(
    reader: Operator, key: Key, stamp: Stamp, assignee: Annotated[str, Line, Form()] = "", remark: Note = ""
) -> Response:
    """Put it in somebody's hands, or with no name in nobody's."""
    hands = assignee[:80] or None
    return _say(
        reader,
        key,
        stamp,
        lambda entry, by, at: ledger.assign(entry, hands, by=by, at=at, note=remark),
        "assigned" if hands else "given_back",
    )


@router.post("/discrepancies/{key}/snooze")
def snooze(
    reader: Operator,
    key: Key,
    stamp: Stamp,
    how: Annotated[Literal["week", "change", "day"], Form()] = "week",
    until: Annotated[str, Form(max_length=10)] = "",
    remark: Note = "",
) -> Response:
    """Silence it for a week, until its facts change, or until a day."""
    today = reader.office.now().date()
    day = {"week": today + A_WEEK, "day": _day(until)}.get(how)
    if how == "day" and (day is None or day <= today):
        return _refuse(reader, key, _NO_DAY)
    return _say(reader, key, stamp, lambda entry, by, at: ledger.snooze(entry, day, by=by, at=at, note=remark), "snoozed")


@router.post("/discrepancies/{key}/accept")
def accept(reader: Operator, key: Key, stamp: Stamp, reason: Annotated[Reason, Form()], remark: Note = "") -> Response:
    """Let it stand as it is, for a reason, until its facts change."""
    if reason is Reason.OTHER and not remark:
        return _refuse(reader, key, _NO_NOTE)
    return _say(reader, key, stamp, lambda entry, by, at: ledger.accept(entry, reason, by=by, at=at, note=remark), "accepted")


@router.post("/discrepancies/{key}/reopen")
def reopen(reader: Operator, key: Key, stamp: Stamp, remark: Note = "") -> Response:
    """Open a snoozed or accepted one again."""
    return _say(reader, key, stamp, lambda entry, by, at: ledger.reopen(entry, by=by, at=at, note=remark), "reopened")


@router.post("/discrepancies/{key}/comment")
def comment(reader: Operator, key: Key, stamp: Stamp, remark: Note = "") -> Response:
    """Leave a note."""
    if not remark:
        return reader.led_to(f"/discrepancies/{key}")
    return _say(reader, key, stamp, lambda entry, by, at: ledger.comment(entry, remark, by=by, at=at), "commented")


@router.post("/discrepancies/{key}/use")
def use(reader: Operator, key: Key, stamp: Stamp, side: Annotated[Side, Form()]) -> Response:
    """Write the value of this side to the other one."""
    entry = entry_of(reader.office, key)
    try:
        asked = reader.office.syncs.choose(key, side, stamp=stamp, by=reader.visitor.name)
    except StaleRecord:
        return _refuse(reader, key, _STALE)
    note(reader.request, discrepancy=entry.id, side=side.value)
    return reader.led_to(f"/syncs/{asked['id']}", "chosen")


@router.post("/matches/{key}")
def match(reader: Operator, key: Key, stamp: Stamp, answer: Annotated[Literal["same", "not_same"], Form()]) -> Response:
    """Say of two records whether they are the same."""
    entry = entry_of(reader.office, key)
    try:
        reader.office.syncs.match(key, same=answer == "same", stamp=stamp, by=reader.visitor.name)
    except StaleRecord:
        return _refuse(reader, key, _STALE)
    except ConfigError as error:
        return _refuse(reader, key, _NOT_DONE, why=reader.language.failure(type(error).__name__, error.message))
    note(reader.request, discrepancy=entry.id)
    return reader.led_to("/matches", answer)


@router.post("/plans/{digest}/approve")
def approve(reader: Admin, digest: Digest) -> Response:
    """Apply exactly this held plan."""
    _held(reader, digest)
    asked = reader.office.syncs.approve(digest, by=reader.visitor.name)
    note(reader.request, digest=digest[:12])
    return reader.led_to(f"/syncs/{asked['id']}", "approved")


@router.post("/plans/{digest}/reject")
def reject(reader: Admin, digest: Digest) -> Response:
    """Keep this held plan from being asked for again."""
    run = _held(reader, digest)
    reader.office.syncs.reject(digest, by=reader.visitor.name)
    note(reader.request, digest=digest[:12])
    return reader.led_to(f"/runs/{run}", "rejected")


@router.post("/syncs")
def sync(
    reader: Operator,
    mapping: Annotated[MappingName | Literal[""], Form()] = "",
    record: Annotated[RecordName | Literal[""], Form()] = "",
    dry_run: Annotated[bool, Form()] = False,
) -> Response:
    """Put a sync in line."""
    if mapping and reader.office.mapping(mapping) is None:
        raise Refusal(404, N_("There is no mapping {key}."), key=mapping)
    one = side_and_id(record) if record else None
    asked = reader.office.syncs.ask(mapping=mapping or None, record=one, dry_run=dry_run, by=reader.visitor.name)
    note(reader.request, sync=asked["id"])
    return reader.led_to(f"/syncs/{asked['id']}", "asked")


def _say(reader: SignedIn, key: str, stamp: str, word: Word, done: str) -> Response:
    """Keep a word on a discrepancy under the reader's name, and lead back to it."""
    try:
        entry = reader.office.decisions(reader.visitor.name).say(key, word, stamp=stamp)
    except StaleRecord:
        return _refuse(reader, key, _STALE)
    except RequestRejected as error:
        return _refuse(reader, key, _NOT_DONE, why=reader.language.failure(type(error).__name__, error.message))
    note(reader.request, discrepancy=entry.id)
    return reader.led_to(f"/discrepancies/{entry.id}", done)


def _refuse(reader: SignedIn, key: str, problem: str, **values: object) -> Response:
    """The discrepancy's page as it stands now, with why nothing was done."""
    return discrepancy_page(reader, entry_of(reader.office, key), status=409, problem=reader.language.say(problem, **values))


def _held(reader: SignedIn, digest: str) -> int:
    """The run that made this held plan. Raises Refusal if it waits no more."""
    found = next((each.run for each in reader.office.store.plans.waiting() if each.digest == digest), None)
    if found is None:
        raise Refusal(409, N_("The plan {key} waits for nobody any more."), next_step=N_("Look at the runs."), key=digest[:12])
    return found


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None
