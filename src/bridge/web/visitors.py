"""Who is asking: a bearer token, or a signed session that was made from one; and how often they may ask.

No token is kept anywhere: the settings hold digests, a session holds a digest of that digest, its end and a signature.
"""

import datetime as dt
import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bridge.ports import Clock
from bridge.web.office import Holder

SESSION = dt.timedelta(hours=12)
"""A working day: whoever comes back tomorrow signs in again."""

RANKS = {"viewer": 0, "operator": 1, "approver": 2}
"""Each role may do what those below it may."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody known. `csrf` is what a form of theirs must carry; empty for a bearer token, which no form can send."""

    name: str
    role: str
    csrf: str = ""

    def may(self, role: str) -> bool:
        """Whether they may do what this role may."""
        return RANKS[self.role] >= RANKS[role]


class Doorman:
    """Knows the holders of tokens. `seal` is a keyed digest that outlives the process, and signs the sessions."""

    def __init__(self, holders: Sequence[Holder], seal: Callable[[str], str], clock: Clock) -> None:
        self._holders = tuple(holders)
        self._seal = seal
        self._clock = clock

    def by_token(self, token: str) -> Visitor | None:
        """Who holds this token, or None. Takes equally long for every wrong one."""
        digest = hashlib.sha256(token.encode()).hexdigest()
        found = [each for each in self._holders if hmac.compare_digest(each.sha256, digest)]
        return Visitor(found[0].name, found[0].role) if found else None

    def session_for(self, token: str) -> str | None:
        """A session for the holder of this token, to be kept in a cookie; None if nobody holds it."""
        if self.by_token(token) is None:
            return None
        ends = int((self._clock() + SESSION).timestamp())
        body = f"{_reference(hashlib.sha256(token.encode()).hexdigest())}.{ends}"
        return f"{body}.{self._sign('session', body)}"

    def by_session(self, session: str) -> Visitor | None:
        """Whose session this is; None if it is over, forged, or its token was taken out of the settings."""
        body, _, signature = session.rpartition(".")
        if not signature.isascii() or not hmac.compare_digest(signature, self._sign("session", body)):
            return None
        reference, _, ends = body.partition(".")
        if int(ends) <= self._clock().timestamp():
            return None
        found = next((each for each in self._holders if _reference(each.sha256) == reference), None)
        return Visitor(found.name, found.role, csrf=self._sign("form", session)) if found else None

    def new_form(self) -> tuple[str, str]:
        """A name for a browser that is not signed in, and the mark that its form must carry."""
        browser = secrets.token_hex(16)
        return browser, self._sign("sign-in", browser)

    def gave_form(self, browser: str, mark: str) -> bool:
        """Whether a form with this mark was given to the browser of this name."""
        return mark.isascii() and hmac.compare_digest(mark, self._sign("sign-in", browser))

    def _sign(self, purpose: str, text: str) -> str:
        return self._seal(f"web {purpose}: {text}")


def _reference(digest: str) -> str:
    return hashlib.sha256(f"holder {digest}".encode()).hexdigest()[:24]


class Pace:
    """A token bucket per caller: `burst` calls at once, then `per_second`. Remembers the last callers only."""

    _REMEMBERED = 10_000

    def __init__(self, per_second: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._burst = burst
        self._now = now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, caller: str) -> float:
        """Take one call; 0 if it is admitted, else the seconds until the next one will be."""
        with self._lock:
            now = self._now()
            left, at = self._left.pop(caller, (float(self._burst), now))
            left = min(float(self._burst), left + (now - at) * self._per_second)
            admitted = left >= 1
            self._left[caller] = (left - 1 if admitted else left, now)
            if len(self._left) > self._REMEMBERED:
                self._left.popitem(last=False)
            return 0.0 if admitted else (1 - left) / self._per_second
