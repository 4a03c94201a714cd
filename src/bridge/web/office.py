"""What the web is given to work with: the composition root fills it, and tests fill it with fakes."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.record import Side
from bridge.ports import Clock, Store


class Holder(Protocol):
    """Who may sign in, and as what: `viewer`, `operator` or `approver`. `sha256` is the digest of the token, in hex."""

    @property
    def role(self) -> str: ...  # noqa: D102  # said above
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def sha256(self) -> str: ...  # noqa: D102


class Syncs(Protocol):
    """Takes syncs that people ask for. What it returns is a request in the form of the HTTP API."""

    def ask(self, *, mapping: str | None, record: tuple[Side, str] | None, dry_run: bool, by: str) -> Mapping[str, Any]:
        """Put a sync in line. Raises ConfigError for a mapping that is none, RunInProgress if too much waits."""
        ...

    def approve(self, digest: str, *, by: str) -> Mapping[str, Any]:
        """Put the held plan of this digest in line to be applied."""
        ...

    def get(self, id: str) -> Mapping[str, Any] | None:  # noqa: A002  # its own word for it
        """How a request stands, or None if it is not known."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that all depends on: when it was last well, and what is wrong with it since when, or empty."""

    what: str
    last_good: dt.datetime | None = None
    problem: str = ""
    since: dt.datetime | None = None
    next_step: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One API account this month: calls used, and the quota if there is one."""

    name: str
    used: int
    quota: int | None


@dataclass(frozen=True, kw_only=True)
class Office:
    """Everything the pages, the API and the metrics draw on.

    `checks` are those of the process itself (its schedule, the mapping files); what the state tells is added to them.
    `loopback` says that only this machine can reach the server; `secure` that people come over https.
    """

    store: Store
    clock: Clock
    timezone: str
    language: str
    holders: Sequence[Holder]
    mappings: Callable[[], Sequence[FieldMapping]]
    page: Callable[[str], str]
    standing: Callable[[], Mapping[str, Any]]
    accounts: Callable[[], Sequence[Account]]
    checks: Callable[[], Sequence[Check]]
    syncs: Syncs
    loopback: bool = True
    secure: bool = False

    def now(self) -> dt.datetime:
        """The time in the reader's time zone, which decides what day it is."""
        return self.clock().astimezone(ZoneInfo(self.timezone))

    def mapping(self, name: str) -> FieldMapping | None:
        """The mapping of this name, or None: the state may remember one that is gone."""
        return next((each for each in self.mappings() if each.name == name), None)
