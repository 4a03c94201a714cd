"""Composes what `bridge serve` is made of: the timetable, the one worker, what people may ask for, and the web."""

import datetime as dt
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from bridge.app import App
from bridge.app.desk import Desk
from bridge.app.watching import MappingFiles
from bridge.errors import BridgeError
from bridge.service.alarm import Alarm
from bridge.service.order import Kind, raise_if_not_begun
from bridge.service.schedule import Agenda, Duty, Timetable, Work
from bridge.service.worker import Worker
from bridge.web.office import Account, Check, Office
from bridge.web.server import Server, web_app

log = structlog.get_logger()

_KINDS = {Work.SWEEP: Kind.SWEEP, Work.SYNC: Kind.DELTA}
_LOOK_AT_FILES = dt.timedelta(seconds=5)
_JITTER = dt.timedelta(seconds=5)


class Serving:
    """One serving process: `start` it, and `stop` it with a grace period for the run in hand."""

    def __init__(self, app: App) -> None:
        app.reload()
        self._app = app
        self._files = MappingFiles(app.settings.mappings, app.reload, app.clock)
        self._worker = Worker()
        self._desk = Desk(app, self._worker, self._tell)
        self._agenda = Agenda(Timetable(app.mappings), app.store.runs.totals, self._submit, app.clock)
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
        self._alarm.start()
        self._ring()

    def stop(self, grace_seconds: float) -> bool:
        """Begin nothing more, wait for the run in hand, then stop answering; whether the run ended in time."""
        self._alarm.stop()
        ended = self._worker.stop(grace_seconds)
        self._server.stop()
        return ended

    # ── the schedule ──

    def _wake(self, after: dt.datetime) -> dt.datetime | None:
        return self._agenda.timetable.wake(after)

    def _ring(self) -> None:
        self._poll()
        try:
            self._agenda.look()
        except BridgeError as error:
            log.warning("the schedule could not be looked at", error=type(error).__name__, message=error.message)

    def _poll(self) -> None:
        """Use the mapping files as they are now, if they are valid."""
        if self._files.look():
            self._agenda.timetable = Timetable(self._app.mappings)
            self._alarm.reset()

    def _submit(self, duty: Duty) -> None:
        self._worker.submit(duty, lambda: self._do(duty))

    def _do(self, duty: Duty) -> None:
        if duty.mapping is None:
            self._send()
        elif self._agenda.is_due(duty):  # another process may have been faster
            results = self._app.run([duty.mapping], _KINDS[duty.work], by="schedule")
            self._tell()
            raise_if_not_begun(results)

    def _tell(self) -> None:
        """Tell at once what a run found, if today's telling has come: what was posted is edited in place."""
        if self._agenda.timetable.may_tell(self._app.clock()):
            self._send()

    def _send(self) -> None:
        for each in self._app.tell():
            log.warning("people could not be told", error=type(each).__name__, message=each.message)

    # ── what the web is given ──

    def _office(self) -> Office:
        settings = self._app.settings
        return Office(
            store=self._app.store,
            clock=self._app.clock,
            timezone=settings.timezone,
            language=settings.language,
            holders=settings.web.tokens,
            mappings=lambda: self._app.mappings,
            page=self._page,
            standing=self._standing,
            accounts=self._accounts,
            checks=self._checks,
            syncs=self._desk,
            loopback=_is_loopback(settings.web.host),
            secure=str(settings.web.public_url or "").startswith("https:"),
        )

    def _page(self, language: str) -> str:
        return self._app.reports.page(language)  # asked for each time: new mappings make new reports

    def _standing(self) -> Mapping[str, Any]:
        schedule = [
            {"work": duty.work.value, "mapping": duty.mapping, "next": moment}
            for duty, moment in self._agenda.following().items()
        ]
        return {
            **self._app.standing(),
            "schedule": schedule,
            "waiting": self._worker.waiting,
            "busy": self._worker.busy,
        }

    def _accounts(self) -> Sequence[Account]:
        return [Account(name=each["account"], used=each["used"], quota=each["quota"]) for each in self._app.calls()]

    def _checks(self) -> Sequence[Check]:
        dead = "" if self._worker.alive else "the worker has stopped"
        schedule = Check(what="schedule", problem=dead, next_step="restart bridge serve." if dead else "")
        return [schedule, self._files.check]


def _is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
