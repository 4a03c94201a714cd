"""How often a remote lets itself be asked.

Airtable: five requests in any second of one base, and the workspace's calls of a calendar month. Slack: one message a
second in a channel.
"""

import datetime as dt
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class RateLimit:
    """A sliding window of one second; one request too many, and all are refused for `penalty_seconds`.

    `per_second=None` admits everything. `now` counts seconds from anywhere.
    """

    per_second: int | None = 5
    penalty_seconds: float = 30
    now: Callable[[], float] = time.monotonic
    violations: int = 0
    _admitted: deque[float] = field(default_factory=deque)
    _closed_until: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admits(self) -> bool:
        """Whether one more request may pass at this moment; counts it."""
        if self.per_second is None:
            return True
        with self._lock:
            now = self.now()
            while self._admitted and self._admitted[0] <= now - 1:
                self._admitted.popleft()
            if now < self._closed_until:
                return False
            if len(self._admitted) >= self.per_second:
                self.violations += 1
                self._closed_until = now + self.penalty_seconds
                return False
            self._admitted.append(now)
            return True


@dataclass(slots=True)
class MonthlyQuota:
    """The calls of one calendar month. `calls=None` is a plan without a cap."""

    calls: int | None = None
    used: int = 0
    _month: str = ""

    def admits(self, now: dt.datetime) -> bool:
        """Whether one more call is within the month's cap; counts it."""
        if (month := f"{now:%Y-%m}") != self._month:
            self._month, self.used = month, 0
        self.used += 1
        return self.calls is None or self.used <= self.calls
