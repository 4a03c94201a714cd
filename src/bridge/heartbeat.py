"""The dead-man's switch: an address that is asked for after each good run, so that somebody elsewhere notices silence.

Services of this kind take an empty GET and call for help when none comes for too long. The address itself is the credential: it
is shown nowhere. That it does not answer is told, and never fails a run.
"""

import datetime as dt

import httpx
import structlog

from bridge.ports import Clock

log = structlog.get_logger()

_PATIENCE_SECONDS = 10.0


class Heartbeat:
    """Beats at `url`; without one it never does. `last_good`, `since` and `problem` say how that went."""

    def __init__(self, url: str | None, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self.last_good: dt.datetime | None = None
        self.since: dt.datetime | None = None
        self.problem = ""

    @property
    def wanted(self) -> bool:
        """Whether there is anybody to tell."""
        return self._url is not None

    def beat(self) -> None:
        """Say that all is well. What goes wrong is kept in `problem` and logged, once until it is well again."""
        if self._url is None:
            return
        problem = self._ask(self._url)
        if problem and not self.problem:
            self.since = self._clock()
            log.warning("the heartbeat address could not be told", problem=problem)
        if not problem:
            self.last_good, self.since = self._clock(), None
        self.problem = problem

    def _ask(self, url: str) -> str:
        """What is wrong, in words without the address; empty if it took the beat."""
        try:
            answer = httpx.get(url, timeout=_PATIENCE_SECONDS, headers={"User-Agent": "bridge"})
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            return f"the heartbeat address did not answer ({type(error).__name__})."
        return "" if answer.is_success else f"the heartbeat address answered {answer.status_code}."
