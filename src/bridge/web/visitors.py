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
from bridge.web.oidc import Person

SESSION = dt.timedelta(hours=12)
"""A working day: whoever comes back tomorrow signs in again."""

RANKS = {"viewer": 0, "operator": 1, "admin": 2}
"""Each role may do what those below it may."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody known. `csrf` is what a form of theirs must carry; empty for a bearer token, which no form can send.

    `sensitive` says that they may look at sensitive values.
    """

    name: str
    role: str
    csrf: str = ""
    sensitive: bool = False

    def may(self, role: str) -> bool:
        """Whether they may do what this role may."""
        return RANKS[self.role] >= RANKS[role]


class Doorman:
    """Knows the holders of tokens, and `people` by their address; both are asked for each time, because they may change.

    `seal` is a keyed digest that outlives the process, and signs the sessions.
    """

    def __init__(
        self,
        holders: Callable[[], Sequence[Holder]],
        seal: Callable[[str], str],
        clock: Clock,
        people: Callable[[str], Person | None] = lambda _: None,
    ) -> None:
        self._holders = holders
        self._people = people
        self._seal = seal
        self._clock = clock

    def by_token(self, token: str) -> Visitor | None:
        """Who holds this token, or None. Takes equally long for every wrong one."""
        digest = hashlib.sha256(token.encode()).hexdigest()
        found = [each for each in self._holders() if hmac.compare_digest(each.sha256, digest)]
        return Visitor(found[0].name, found[0].role, sensitive=found[0].sensitive) if found else None

    def session_for(self, token: str) -> str | None:
        """A session for the holder of this token, to be kept in a cookie; None if nobody holds it."""
        if self.by_token(token) is None:
            return None
        return self.sealed("session", _reference(hashlib.sha256(token.encode()).hexdigest()), SESSION)

    def session_of(self, email: str) -> str | None:
        """A session for whoever proved to have this address; None if nobody is known by it."""
        return self.sealed("session", _account(email), SESSION) if self._people(email) else None

    def by_session(self, session: str) -> Visitor | None:
        """Whose session this is; None if it is over, forged, or its token or address was taken out of the settings."""
        reference = self.opened("session", session)
        if reference is None:
            return None
        mark = self._sign("form", session)
        if reference.startswith(_ACCOUNT):
            email = bytes.fromhex(reference.removeprefix(_ACCOUNT)).decode()
            person = self._people(email)
            return Visitor(email, person.role, mark, person.sensitive) if person else None
        found = next((each for each in self._holders() if _reference(each.sha256) == reference), None)
        return Visitor(found.name, found.role, mark, found.sensitive) if found else None

    def sealed(self, purpose: str, text: str, lasts: dt.timedelta) -> str:
        """The text with its end and our signature: what a browser may keep and cannot change."""
        body = f"{text}.{int((self._clock() + lasts).timestamp())}"
        return f"{body}.{self._sign(purpose, body)}"

    def opened(self, purpose: str, sealed: str) -> str | None:
        """The text again; None if it is over, forged, or was sealed for another purpose."""
        body, _, signature = sealed.rpartition(".")
        if not signature.isascii() or not hmac.compare_digest(signature, self._sign(purpose, body)):
            return None
        text, _, ends = body.rpartition(".")
        return text if int(ends) > self._clock().timestamp() else None

    def new_form(self) -> tuple[str, str]:
        """A name for a browser that is not signed in, and the mark that its form must carry."""
        browser = secrets.token_hex(16)
        return browser, self._sign("sign-in", browser)

    def gave_form(self, browser: str, mark: str) -> bool:
        """Whether a form with this mark was given to the browser of this name."""
        return mark.isascii() and hmac.compare_digest(mark, self._sign("sign-in", browser))

    def _sign(self, purpose: str, text: str) -> str:
        return self._seal(f"web {purpose}: {text}")


_ACCOUNT = "account-"


def _account(email: str) -> str:
    """What a session holds of an account: no dot, which parts it from its end."""
    return _ACCOUNT + email.encode().hex()


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
