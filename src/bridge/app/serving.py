"""Composes what `bridge serve` is made of: the timetable, the one worker, what people may ask for, and the web."""

import dataclasses
import datetime as dt
import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import structlog

from bridge import __version__
from bridge.app import App
from bridge.app.accounts import house_of
from bridge.app.budget import budget_of, shown, stretched
from bridge.app.decisions import Decisions
from bridge.app.desk import Desk
from bridge.app.hands import an_ear
from bridge.app.looker import Looker
from bridge.app.watching import Holders, MappingFiles
from bridge.core.budget import Forecast
from bridge.errors import BridgeError, StoreError
from bridge.service.alarm import Alarm
from bridge.service.order import Kind, raise_if_not_begun
from bridge.service.schedule import Agenda, Duty, Timetable, Work
from bridge.service.worker import Worker
from bridge.web.office import Account, Check, Due, Office
from bridge.web.server import Server, web_app

log = structlog.get_logger()

_KINDS = {Work.SWEEP: Kind.SWEEP, Work.SYNC: Kind.DELTA}
_LOOK_AT_FILES = dt.timedelta(seconds=5)
_JITTER = dt.timedelta(seconds=5)
_DEAF = dt.timedelta(minutes=5)
"""For how long Slack may be unheard before it is said to monitors: it closes sockets routinely."""


class Serving:
    """One serving process: `start` it, and `stop` it with a grace period for the run in hand."""

    def __init__(self, app: App) -> None:
        app.reload()
        self._app = app
        self._files = MappingFiles(app.settings.mappings, app.reload, app.clock)
        self._holders = Holders(app.settings, app.reread, app.clock)
        self._writing = Check(what="runs")
        self._pruned: dt.date | None = None
        self._worker = Worker()
        self._desk = Desk(app, self._worker, self._tell)
        self._ear = an_ear(app, self._desk, lambda: self._worker.submit("tell", self._tell))
        self._agenda = Agenda(Timetable(app.mappings), app.store.runs.totals, self._submit, app.clock)
        self._budget = budget_of(app)
        self._alarm = Alarm(self._wake, self._ring, self._poll, period=_LOOK_AT_FILES, jitter=_JITTER)
        self._server = Server(web_app(self._office()), app.settings.web.host, app.settings.web.port)
        _ = app.civicrm, app.airtable  # made now, by one thread; neither is asked anything

    @property
    def url(self) -> str:
        """Where the web listens."""
        return self._server.url

    @property
    def alive(self) -> bool:
        """Whether the worker and the web still work."""
        return self._worker.alive and self._server.alive

    def start(self) -> None:
        """Begin to answer and to run; what was due while nobody served is begun at once."""
        self._worker.start()
        self._server.start()
        settings, names = self._app.settings, [each.name for each in self._app.mappings]
        log.info("serving", version=__version__, url=self.url, mode=settings.mode.value, mappings=names)
        self._alarm.start()
        self._ring()
        if self._ear is not None:
            self._ear.start()

    def stop(self, grace_seconds: float) -> bool:
        """Begin nothing more, let the write in hand end, then stop answering; whether the run ended in time."""
        log.info("told to stop", busy=self._worker.busy, waiting=self._worker.waiting, grace_seconds=grace_seconds)
        self._app.stopping.set()
        self._alarm.stop()
        ended = self._worker.stop(grace_seconds)
        self._leave()
        if self._ear is not None:
            self._ear.stop()
        self._server.stop()
        (log.info if ended else log.warning)("stopped", run_ended=ended)
        return ended

    # ── the schedule ──

    def _wake(self, after: dt.datetime) -> dt.datetime | None:
        return self._agenda.timetable.wake(after)

    def _ring(self) -> None:
        self._poll()
        if (today := self._app.clock().date()) != self._pruned:
            self._pruned = today
            self._worker.submit("prune", self._prune)
        try:
            self._agenda.look()
        except BridgeError as error:
            log.warning("the schedule could not be looked at", error=type(error).__name__, message=error.message)

    def _poll(self) -> None:
        """Use the mapping files and the tokens as they are now, if they are valid."""
        self._holders.look()
        self._adopt()
        since = self._files.check.since
        if self._files.look():
            self._agenda.timetable = Timetable(self._app.mappings)
            self._alarm.reset()
        if since != self._files.check.since:  # they went wrong, or were mended
            self._worker.submit("mapping files", partial(self._say_of_files, self._files.check.since or since))

    def _say_of_files(self, since: dt.datetime | None) -> None:
        """Tell people once that the mapping files went wrong, and once that they were mended."""
        key = f"mappings:{since:%Y-%m-%dT%H:%M:%S}{'/over' if self._files.check.ok else ''}"
        self._app.reports.say_once(key, self._files.told(self._app.language()))
        self._send(digests=False)

    def _adopt(self) -> None:
        try:
            self._desk.adopt()
        except BridgeError as error:
            log.warning("syncs that wait could not be looked for", error=type(error).__name__, message=error.message)

    def _leave(self) -> None:
        with suppress(BridgeError):  # they are taken over all the same, two minutes later
            self._desk.leave()

    def _prune(self) -> None:
        gone = {what: number for what, number in self._app.prune().items() if number}
        if gone:
            log.info("old history let go", **gone)

    def _submit(self, duty: Duty) -> None:
        self._worker.submit(duty, lambda: self._do(duty))

    def _do(self, duty: Duty) -> None:
        if duty.mapping is None:
            self._send()
        elif self._agenda.is_due(duty) and self._affords(duty):  # another process may have been faster
            with self._noticing():
                results = self._app.run(self._together(duty), _KINDS[duty.work], by="schedule")
            self._tell()
            raise_if_not_begun(results)

    def _together(self, duty: Duty) -> list[str]:
        """The mapping of a duty, and those whose same duty is due as well: one run reads for all of them what they share."""
        beside = [each for each in self._agenda.due() if each.work is duty.work and each != duty]
        return [each.mapping for each in (duty, *filter(self._affords, beside)) if each.mapping is not None]

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        """A state that cannot be written keeps no account of it: what cannot be in the ledger is at least in `/readyz`."""
        try:
            yield
        except StoreError as error:
            since = self._writing.since or self._app.clock()
            self._writing = dataclasses.replace(
                self._writing, problem=error.message, since=since, next_step=error.next_step or "run `bridge db check`."
            )
            raise
        self._writing = Check(what="runs", last_good=self._app.clock())

    def _affords(self, duty: Duty) -> bool:
        """Whether this month's calls are enough for it now; that syncs come less often is said once a month."""
        forecast = self._budget.puts_off(duty, self._app.mappings, self._agenda.timetable)
        if forecast is None:
            return True
        log.info("sync put off: the month's calls would not last", mapping=duty.mapping, base=forecast.base)
        self._app.reports.say_once(
            f"budget:{forecast.base}:{self._app.clock():%Y-%m}", stretched(forecast, self._app.language())
        )
        self._send()
        return False

    def _tell(self) -> None:
        """Tell at once of an outage, and what a run found if today's telling has come; what was posted is edited in place."""
        self._send(digests=self._agenda.timetable.may_tell(self._app.clock()))

    def _send(self, *, digests: bool = True) -> None:
        for each in self._app.tell(digests=digests):
            log.warning("people could not be told", error=type(each).__name__, message=each.message)

    # ── what the web is given ──

    def _office(self) -> Office:
        settings = self._app.settings
        return Office(
            store=self._app.store,
            clock=self._app.clock,
            timezone=settings.timezone,
            language=settings.language,
            holders=lambda: self._holders.tokens,
            mappings=lambda: self._app.mappings,
            mode=settings.mode,
            standing=self._standing,
            accounts=self._accounts,
            checks=self._checks,
            overdue=self._agenda.overdue,
            due=self._due,
            address=self._app.address,
            looks=Looker(self._app),
            syncs=self._desk,
            decisions=partial(Decisions, self._app),
            house=house_of(settings.web),
            loopback=_is_loopback(settings.web.host),
            secure=str(settings.web.public_url or "").startswith("https:"),
        )

    def _due(self) -> Sequence[Due]:
        return [Due(duty.work.value, duty.mapping, moment) for duty, moment in self._agenda.following().items()]

    def _standing(self) -> Mapping[str, Any]:
        return {
            **self._app.standing(),
            "schedule": [dataclasses.asdict(each) for each in self._due()],
            "budget": [shown(each) for each in self._budget.forecasts(self._app.mappings, self._agenda.timetable)],
            "waiting": self._worker.waiting,
            "busy": self._worker.busy,
        }

    def _accounts(self) -> Sequence[Account]:
        forecasts = {each.base: each for each in self._budget.forecasts(self._app.mappings, self._agenda.timetable)}
        return [_account(each, forecasts.get(each["account"])) for each in self._app.calls()]

    def _checks(self) -> Sequence[Check]:
        dead = "" if self._worker.alive else "the worker has stopped"
        schedule = Check(what="schedule", problem=dead, next_step="restart bridge serve." if dead else "")
        return [schedule, self._writing, self._holders.check, self._files.check, *self._heartbeat(), *self._hearing()]

    def _hearing(self) -> Sequence[Check]:
        """Whether Slack is heard; a connection that is being made anew is no problem yet."""
        if self._ear is None:
            return []
        now = self._ear.hearing
        lasts = bool(now.problem) and self._app.clock() - now.since > _DEAF
        problem, since, step = (now.problem, now.since, now.next_step) if lasts else ("", None, "")
        return [Check(what="Slack buttons", problem=problem, since=since, next_step=step)]

    def _heartbeat(self) -> Sequence[Check]:
        beat = self._app.heartbeat
        step = "check BRIDGE_HEARTBEAT_URL with whoever keeps watch there." if beat.problem else ""
        check = Check(what="heartbeat", last_good=beat.last_good, problem=beat.problem, since=beat.since, next_step=step)
        return [check] if beat.wanted else []


def _account(calls: Mapping[str, Any], forecast: Forecast | None) -> Account:
    return Account(
        name=calls["account"],
        used=calls["used"],
        quota=calls["quota"],
        expected=forecast.expected if forecast else None,
        slower=bool(forecast and forecast.stretched),
    )


def _is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
