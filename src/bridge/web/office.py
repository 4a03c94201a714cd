"""What the web is given to work with: the composition root fills it, and tests fill it with fakes."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from bridge.core.ledger import Entry, Event
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.mapping import Mode
from bridge.core.record import PerSide, Side
from bridge.core.report import Address
from bridge.core.why import ExplainedField, ExplainedRule
from bridge.ports import Clock, Store
from bridge.web.oidc import House


class Holder(Protocol):
    """Who may sign in, and as what: `viewer`, `operator` or `admin`. `sha256` is the digest of the token, in hex.

    `sensitive` says that they may look at sensitive values.
    """

    @property
    def role(self) -> str: ...  # noqa: D102  # said above
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def sha256(self) -> str: ...  # noqa: D102
    @property
    def sensitive(self) -> bool: ...  # noqa: D102


class Syncs(Protocol):
    """Takes syncs that people ask for. What it returns is a request in the form of the HTTP API."""

    def ask(
        self,
        *,
        mapping: str | None,
        record: tuple[Side, str] | None,
        dry_run: bool,
        by: str,
        mode: Mode | None = None,
        delta: bool = False,
        key: str = "",
    ) -> Mapping[str, Any]:
        """Put a sync in line, or find what the same person asked for under this key before.

        Raises ConfigError for a mapping that is none, RequestRejected if the key was used for something else, RunInProgress if
        too much waits.
        """
        ...

    def approve(self, digest: str, *, by: str) -> Mapping[str, Any]:
        """Put the held plan of this digest in line to be applied."""
        ...

    def choose(self, key: str, side: Side, *, stamp: str | None, by: str) -> Mapping[str, Any]:
        """Put in line that `side`'s value is right. Raises StaleRecord if the discrepancy is no longer as it was shown."""
        ...

    def match(self, key: str, *, same: bool, stamp: str | None, by: str) -> None:
        """Say of a suggested pair whether the two are the same. Raises ConfigError for a discrepancy that suggests none."""
        ...

    def reject(self, digest: str, *, by: str) -> None:
        """Reject a held plan: it is not asked for again until it differs."""
        ...

    def get(self, id: str) -> Mapping[str, Any] | None:  # noqa: A002  # its own word for it
        """How a request stands, or None if it is not known."""
        ...


@dataclass
class Reading:
    """When the state could last be read, and since when it cannot: what no state can remember of itself."""

    last_good: dt.datetime | None = None
    since: dt.datetime | None = None


Word = Callable[[Entry, str, dt.datetime], tuple[Entry, Event]]
"""What one of `core.ledger`'s verbs makes of an entry, given who says so and when."""


class Decisions(Protocol):
    """What one person decides. `stamp` is that of the discrepancy as it was shown: StaleRecord if it is another by now."""

    def say(self, key: str, word: Word, *, stamp: str | None = None) -> Entry:
        """Keep a word on a discrepancy."""
        ...

    def choosable(self, entry: Entry) -> Sequence[Side]:
        """The sides whose value may be chosen now."""
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
    """One API account this month: calls used, and the quota if there is one.

    `expected` is how many there will be when the month ends, None where nothing says; `slower`: syncs come less often for it.
    """

    name: str
    used: int
    quota: int | None
    expected: int | None = None
    slower: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A record and its partner as one mapping sees them, read now. `how` says how they were matched, empty if they are not."""

    mapping: str
    ids: PerSide[str | None]
    how: str
    fields: Sequence[ExplainedField]
    rules: Sequence[ExplainedRule] = ()


class Looks(Protocol):
    """Reads single records, apart from any run."""

    def look(self, record: tuple[Side, str], *, sensitive: bool) -> Sequence[Seen]:
        """The record in each mapping that holds it; sensitive values only where asked for. Raises BridgeError."""
        ...


@dataclass(frozen=True, slots=True)
class Due:
    """When work of the schedule is next to be done: `sweep`, `sync` or `digest`, of a mapping, or of all together."""

    work: str
    mapping: str | None
    next: dt.datetime | None


@dataclass(frozen=True, kw_only=True)
class Office:
    """Everything the pages, the API and the metrics draw on. `mode` is what the settings allow.

    `checks` are those of the process itself (its schedule, the mapping files); what the state tells is added to them.
    `overdue` says of each mapping that is swept by schedule how late its complete sweep is. `loopback` says that only this
    machine can reach the server; `secure` that people come over https.
    """

    store: Store
    clock: Clock
    timezone: str
    language: str
    holders: Callable[[], Sequence[Holder]]
    mappings: Callable[[], Sequence[FieldMapping]]
    mode: Mode
    standing: Callable[[], Mapping[str, Any]]
    accounts: Callable[[], Sequence[Account]]
    checks: Callable[[], Sequence[Check]]
    overdue: Callable[[], Mapping[str, dt.timedelta]]
    due: Callable[[], Sequence[Due]]
    address: Address
    looks: Looks
    syncs: Syncs
    decisions: Callable[[str], Decisions]
    reading: Reading = field(default_factory=Reading)
    house: House | None = None
    loopback: bool = True
    secure: bool = False

    def now(self) -> dt.datetime:
        """The time in the reader's time zone, which decides what day it is."""
        return self.clock().astimezone(ZoneInfo(self.timezone))

    def mapping(self, name: str) -> FieldMapping | None:
        """The mapping of this name, or None: the state may remember one that is gone."""
        return next((each for each in self.mappings() if each.name == name), None)
