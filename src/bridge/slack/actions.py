"""Does what people ask for in Slack, if they may, and tells them what came of it.

Everything is checked when it is done and not when the button was drawn: a discrepancy that is another one by now, or a plan
that waits no more, is refused and said so. An envelope that comes twice is done once.
"""

import datetime as dt
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from bridge.core import ledger
from bridge.core.ledger import Entry, Event, Reason
from bridge.core.record import Json, Side
from bridge.errors import AuthRejected, BridgeError, OutcomeUnknown, RateLimited, RequestRejected, StaleRecord, Unavailable
from bridge.language import Language
from bridge.ports import RunState
from bridge.slack import commands
from bridge.slack.buttons import NOTE, Deed, Verb, window, without
from bridge.slack.client import Bot, Place
from bridge.slack.heard import Asked, Filled, Heard, Pressed, Typed, read
from bridge.slack.members import Members
from bridge.slack.mrkdwn import escape, mention

log = structlog.get_logger()

_REMEMBERED = 1_000
_PATIENCE_SECONDS = 10.0
_WEEK = dt.timedelta(days=7)
_OUTSIDE = (AuthRejected, Unavailable)

Word = Callable[[Entry, str, dt.datetime], tuple[Entry, Event]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How one mapping's run ended: records written or in doubt, and discrepancies to see."""

    mapping: str
    run: int
    state: RunState
    written: int
    to_see: int
    in_doubt: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What came of something that was put in line. `error` is what kept it from being done, if something did."""

    runs: Sequence[Ran] = ()
    problem: str = ""
    error: BridgeError | None = None


Then = Callable[[Ended], None]


class Hands(Protocol):
    """What carries people's words out. All raise StaleRecord for what is no longer as it was shown."""

    def entry(self, key: str, stamp: str) -> Entry:
        """The discrepancy."""
        ...

    def say(self, key: str, stamp: str, by: str, word: Word) -> Entry:
        """Keep a word on a discrepancy."""
        ...

    def match(self, key: str, stamp: str, by: str, *, same: bool) -> Entry:
        """Say whether the two of a suggested pair are the same."""
        ...

    def choose(self, key: str, stamp: str, by: str, side: Side, then: Then) -> bool:
        """Put in line that `side`'s value is right; whether something else comes first."""
        ...

    def approve(self, digest: str, by: str, then: Then) -> bool:
        """Put in line that a held plan is applied; whether something else comes first."""
        ...

    def reject(self, digest: str, by: str) -> None:
        """Reject a held plan."""
        ...

    def sync(self, mapping: str | None, record: tuple[Side, str] | None, by: str, then: Then) -> bool:
        """Put a sync in line; whether something else comes first."""
        ...

    def status(self) -> Sequence[commands.Status]:
        """How each mapping stands."""
        ...

    def tell(self) -> None:
        """Let the messages be edited that tell of what was just done."""
        ...

    def language(self, key: str | None) -> Language:
        """The language of the channel that a discrepancy or a plan is told in; without one, that of the settings."""
        ...

    def sentence(self, entry: Entry) -> str:
        """What the discrepancy says, in its channel's language."""
        ...


class Actions:
    """Answers what `ear.Ear` hears. Threads may share it."""

    def __init__(
        self, hands: Hands, bot: Bot, operators: Members, approvers: Members, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._hands = hands
        self._bot = bot
        self._operators = operators
        self._approvers = approvers
        self._sleep = sleep
        self._done: OrderedDict[str, None] = OrderedDict()
        self._shown: OrderedDict[Place, tuple[str, Sequence[Json]]] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, kind: str, payload: Heard) -> dict[str, Json] | None:
        """What the acknowledgement carries: that a window lacks something, or nothing."""
        asked = read(kind, payload)
        if isinstance(asked, Filled) and _lacks_note(asked):
            say = Language(asked.language)
            return {"response_action": "errors", "errors": {NOTE: say.say("This reason needs a note that says why.")}}
        return None

    def act(self, kind: str, payload: Heard) -> None:
        """Do what is asked for, once, and say what came of it. Never raises: nobody hears it here."""
        asked = read(kind, payload)
        if asked is None or (isinstance(asked, Filled) and _lacks_note(asked)) or not self._first_time(asked.id):
            return
        say = Language()
        try:
            say = self._hands.language(asked.deed.key if isinstance(asked, Pressed | Filled) else None)
            self._do(asked, say)
        except BridgeError as error:
            log.info("Slack action refused", by=asked.by, error=type(error).__name__, message=error.message)
            self._reply(asked, _why_not(error, say))
            if isinstance(error, StaleRecord):
                self._hands.tell()
        except Exception as error:  # noqa: BLE001  # a defect of ours must not end the listening; its message may hold values
            log.error("Slack action broke", error=type(error).__name__)  # noqa: TRY400  # as above
            self._reply(asked, say.say("This went wrong; whoever runs bridge finds why in its log."))

    def _first_time(self, number: str) -> bool:
        with self._lock:
            if number in self._done:
                return False
            self._done[number] = None
            while len(self._done) > _REMEMBERED:
                self._done.popitem(last=False)
            return True

    def _do(self, asked: Asked, say: Language) -> None:
        if not self._may(asked):
            log.warning("Slack action by somebody who may not", by=asked.by)
            self._reply(asked, say.say("You may not do this here. Whoever runs bridge can add you."))
        elif isinstance(asked, Typed):
            self._command(asked, say)
        elif isinstance(asked, Pressed) and asked.deed.verb.asks:
            self._open(asked, say)
        elif isinstance(asked, Pressed | Filled):
            log.info("Slack action", by=asked.by, deed=asked.deed.verb.value, about=asked.deed.key[:16])
            self._carry_out(asked, say)

    def _may(self, asked: Asked) -> bool:
        """Whether this person is allowed it. Raises BridgeError if Slack does not say who is in a group."""
        if isinstance(asked, Pressed | Filled) and asked.deed.verb.about_plan:
            return asked.by in self._approvers
        return asked.by in self._operators or asked.by in self._approvers

    # ── buttons ──

    def _open(self, asked: Pressed, say: Language) -> None:
        entry = self._hands.entry(asked.deed.key, asked.deed.stamp)
        place = {
            "channel": asked.place.channel,
            "ts": asked.place.ts,
            "thread": asked.thread.ts,
            "row": asked.row,
            "language": say.code,
        }
        self._keep(asked.place, asked.text, asked.blocks)
        try:
            self._bot.open_window(asked.trigger, window(asked.deed, self._hands.sentence(entry), say, place))
        except RequestRejected as refused:  # its trigger is good for three seconds
            log.warning("Slack window refused", error=refused.code)
            self._reply(asked, say.say("The window could not be opened in time. Press again."))

    def _carry_out(self, asked: Pressed | Filled, say: Language) -> None:
        if isinstance(asked, Pressed):
            self._keep(asked.place, asked.text, asked.blocks)
        deed = asked.deed
        if deed.verb is Verb.APPROVE:
            waits = self._hands.approve(deed.key, asked.by, lambda ended: self._ended(asked, ended, say))
            self._wait(asked, say, waits=waits)
        elif (side := deed.verb.side) is not None:
            waits = self._hands.choose(deed.key, deed.stamp, asked.by, side, lambda ended: self._ended(asked, ended, say))
            self._wait(asked, say, waits=waits)
        else:
            self._finish(asked, self._settle(asked, deed, say))
            self._hands.tell()

    def _settle(self, asked: Pressed | Filled, deed: Deed, say: Language) -> str:
        """Carry out what needs no run; what was done, in words."""
        if deed.verb is Verb.REJECT:
            self._hands.reject(deed.key, asked.by)
            return say.say("The plan was rejected: it is not asked for again until it differs.")
        if deed.verb is Verb.SAME:
            self._hands.match(deed.key, deed.stamp, asked.by, same=True)
            return say.say("The two are linked from now on.")
        if deed.verb is Verb.NOT_SAME:
            self._hands.match(deed.key, deed.stamp, asked.by, same=False)
            return say.say("The two are not the same: they are not suggested again.")
        return self._say(asked, deed, say)

    def _say(self, asked: Pressed | Filled, deed: Deed, say: Language) -> str:
        """Keep a word on a discrepancy; which, in words."""
        filled = asked if isinstance(asked, Filled) else None
        note = filled.note if filled else ""
        if deed.verb is Verb.ACCEPT:
            reason = Reason(filled.reason) if filled is not None and filled.reason in list(Reason) else Reason.OTHER
            entry = self._hands.say(deed.key, deed.stamp, asked.by, _accept(reason, note))
            return say.say("Accepted: {reason}.", reason=say.reason(entry.accepted_reason))
        if deed.verb is Verb.ASSIGN:
            name = self._bot.name_of(filled.assignee) if filled is not None and filled.assignee else ""
            entry = self._hands.say(deed.key, deed.stamp, asked.by, _assign(name or None, note))
            return say.say("Assigned to {name}.", name=entry.assignee)
        entry = self._hands.say(deed.key, deed.stamp, asked.by, _snooze(_WEEK if deed.verb is Verb.SNOOZE_WEEK else None))
        if entry.snoozed_until is None:
            return say.say("Snoozed until it changes.")
        return say.say("Snoozed until {day}.", day=entry.snoozed_until)

    def _wait(self, asked: Asked, say: Language, *, waits: bool) -> None:
        if waits:
            self._reply(asked, say.say("In line: another run is under way. You will be told here."))

    def _ended(self, asked: Pressed | Filled, ended: Ended, say: Language) -> None:
        """Say what came of a run that was asked for with a button; the row of buttons stays if nothing came of it."""
        if ended.error is not None or ended.problem:
            self._reply(asked, _why_not(ended.error or Unavailable(ended.problem), say))
            return
        written, run = sum(each.written for each in ended.runs), max((each.run for each in ended.runs), default=0)
        if any(each.state is RunState.HELD for each in ended.runs):
            self._finish(asked, say.say("The plan is held: it waits for somebody who may approve it."))
        elif any(each.in_doubt for each in ended.runs):
            told = say.say("Whether it was written is not known yet: the next run finds out (run {run}).", run=str(run))
            self._finish(asked, told)
        elif not written:
            self._finish(asked, say.say("Nothing was written; run {run} says why.", run=str(run)))
        elif (side := asked.deed.verb.side) is not None:
            told = say.say(
                "The value of {side} was written to {other} (run {run}).", side=side.title, other=side.other.title, run=str(run)
            )
            self._finish(asked, told)
        else:
            self._finish(
                asked,
                say.plural(
                    "{number} record was written (run {run}).",
                    "{number} records were written (run {run}).",
                    written,
                    run=str(run),
                ),
            )

    # ── the slash command ──

    def _command(self, asked: Typed, say: Language) -> None:
        wanted = commands.parse(asked.words)
        if wanted is None:
            self._answer(asked, commands.usage(say))
        elif wanted.verb == "status":
            self._answer(asked, commands.standing(self._hands.status(), say))
        else:

            def then(ended: Ended) -> None:
                self._answer(asked, self._synced(ended, say))

            waits = self._hands.sync(wanted.mapping, wanted.record, asked.by, then)
            told = say.say("In line: another run is under way. You will be told here.") if waits else say.say("Looking…")
            self._answer(asked, escape(told))

    def _synced(self, ended: Ended, say: Language) -> str:
        if not ended.runs:
            return escape(_why_not(ended.error or Unavailable(ended.problem), say), 1_000)
        return "\n".join(
            escape(
                say.say(
                    "{mapping}: {state}, {written} written, {number} to see (run {run}).",
                    mapping=each.mapping,
                    state=commands.state(each.state, say),
                    written=each.written,
                    number=each.to_see,
                    run=str(each.run),
                )
            )
            for each in ended.runs
        )

    # ── answering ──

    def _finish(self, asked: Pressed | Filled, what: str) -> None:
        """Tell whoever asked, and put what happened, and by whom, in the place of the buttons."""
        self._reply(asked, what)
        with self._lock:
            text, blocks = self._shown.get(asked.place, ("", ()))
        after = without(blocks, asked.row, f"{escape(what)} {mention(asked.by)}".strip())
        if after is not None:
            self._keep(asked.place, text, after)
            self._try(lambda: self._bot.edit(asked.place, {"text": text, "blocks": after}), again=True)

    def _keep(self, place: Place, text: str, blocks: Sequence[Json]) -> None:
        with self._lock:
            self._shown[place] = (text, blocks)
            self._shown.move_to_end(place)
            while len(self._shown) > _REMEMBERED:
                self._shown.popitem(last=False)

    def _reply(self, asked: Asked, text: str) -> None:
        """Say something to whoever asked, where they asked."""
        if isinstance(asked, Typed):
            self._answer(asked, escape(text, 1_000))
        elif isinstance(asked, Pressed | Filled):
            self._try(lambda: self._bot.whisper(asked.thread, asked.by, escape(text, 1_000)))

    def _answer(self, asked: Typed, text: str) -> None:
        self._try(lambda: self._bot.respond(asked.answer_to, text))

    def _try(self, send: Callable[[], None], *, again: bool = False) -> None:
        """Send, waiting out one pause. Where the answer is lost only what may arrive twice is sent `again`. Never raises."""
        try:
            try:
                send()
            except RateLimited as pause:
                self._sleep(min(pause.retry_after.total_seconds(), _PATIENCE_SECONDS))
                send()
            except OutcomeUnknown:
                if again:
                    send()
        except BridgeError as error:
            log.warning("Slack could not be answered", error=type(error).__name__, message=error.message)


def _why_not(error: BridgeError, say: Language) -> str:
    """Why something was not done, as staff read it; the operators' words are in the log."""
    if isinstance(error, StaleRecord):
        return say.say("This is no longer as it was shown, so nothing was done. Look at how it stands now.")
    why = say.failure(type(error).__name__, error.message)
    return say.say("This could not be done just now. {reason}", reason=why) if isinstance(error, _OUTSIDE) else why


def _lacks_note(asked: Filled) -> bool:
    return asked.deed.verb is Verb.ACCEPT and asked.reason in ("", Reason.OTHER) and not asked.note


def _accept(reason: Reason, note: str) -> Word:
    return lambda entry, by, at: ledger.accept(entry, reason, by=by, at=at, note=note)


def _assign(assignee: str | None, note: str) -> Word:
    return lambda entry, by, at: ledger.assign(entry, assignee, by=by, at=at, note=note)


def _snooze(period: dt.timedelta | None) -> Word:
    return lambda entry, by, at: ledger.snooze(entry, at.date() + period if period else None, by=by, at=at)
