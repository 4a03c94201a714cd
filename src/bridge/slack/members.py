"""Who may act from Slack: people and user groups that the settings name."""

import datetime as dt
import threading
from collections.abc import Sequence
from typing import Protocol

from bridge.ports import Clock

REMEMBERED = dt.timedelta(minutes=5)
"""For how long a user group's members are believed: who left it may act for so long."""


class Groups(Protocol):
    """Knows who is in a user group."""

    def members(self, group: str) -> frozenset[str]:
        """The members' ids. Raises AuthRejected, ConfigError or Unavailable if nobody says so."""
        ...


class Members:
    """The people of a list of users (U…, W…) and user groups (S…). Threads may share it."""

    def __init__(self, names: Sequence[str], groups: Groups, clock: Clock) -> None:
        self._people = frozenset(name for name in names if not name.startswith("S"))
        self._groups = tuple(name for name in names if name.startswith("S"))
        self._slack = groups
        self._clock = clock
        self._known: dict[str, tuple[dt.datetime, frozenset[str]]] = {}
        self._lock = threading.Lock()

    def __contains__(self, user: str) -> bool:
        """Whether this person is one of them. Raises what `Groups.members` raises if a group has to be asked for in vain."""
        return user in self._people or any(user in self._members(group) for group in self._groups)

    def _members(self, group: str) -> frozenset[str]:
        with self._lock:
            at, people = self._known.get(group, (None, frozenset[str]()))
            if at is None or self._clock() - at > REMEMBERED:
                people = self._slack.members(group)
                self._known[group] = (self._clock(), people)
            return people
