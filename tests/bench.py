"""A bench: two remotes in memory over a real SQLite state, and a clock that tests move."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.core.ledger import Entry
from bridge.core.mapping import Mapping, Mode
from bridge.core.record import Json, PerSide, Side
from bridge.ports import Store
from bridge.service.order import Kind, Means, Order, Result
from bridge.service.run import run
from builders import a_mapping
from fakes import FakeClock, FakeRemote


@dataclass
class Bench:
    """Runs a mapping against its two fakes."""

    store: Store
    clock: FakeClock
    mapping: Mapping = field(default_factory=a_mapping)
    civicrm: FakeRemote = field(init=False)
    airtable: FakeRemote = field(init=False)
    stopping: Callable[[], bool] = lambda: False

    def __post_init__(self) -> None:
        self.civicrm = FakeRemote(Side.CIVICRM, self.mapping, self.clock, dated=False)
        self.airtable = FakeRemote(Side.AIRTABLE, self.mapping, self.clock)

    def use(self, mapping: Mapping) -> "Bench":
        """Go on with another mapping over the same rows."""
        self.mapping = self.civicrm.mapping = self.airtable.mapping = mapping
        return self

    def rows(self, civicrm: dict[str, dict[str, Json]], airtable: dict[str, dict[str, Json]]) -> "Bench":
        """Put these rows on the two sides."""
        self.civicrm.rows, self.airtable.rows = civicrm, airtable
        return self

    @property
    def means(self) -> Means:
        """What a run is given here."""
        return Means(
            store=self.store,
            remotes=lambda _: PerSide(self.civicrm, self.airtable),
            clock=self.clock,
            sleep=self.clock.sleep,
            holder="test",
            stopping=self.stopping,
        )

    def sync(self, mode: Mode = Mode.CORRECT, kind: Kind = Kind.SWEEP, record: tuple[Side, str] | None = None) -> Result:
        """One run, five minutes after whatever came before."""
        self.clock.forward(minutes=5)
        return run(Order(mode=mode, by="tester", kind=kind, record=record), self.mapping, self.means)

    @property
    def writes(self) -> list[tuple[str, dict[str, Json]]]:
        """Every write either system has taken."""
        return [*self.civicrm.writes, *self.airtable.writes]

    def forget_writes(self) -> None:
        """Begin a new count."""
        self.civicrm.writes.clear()
        self.airtable.writes.clear()

    def codes(self, state: str | None = "open") -> list[int]:
        """The codes of the ledger's entries, sorted."""
        return sorted(each.discrepancy.code for each in self.store.ledger.list(state=state))

    def entry(self, code: int) -> Entry:
        """The one entry of that code."""
        [found] = [each for each in self.store.ledger.list() if each.discrepancy.code == code]
        return found

    def changed(self, **parts: object) -> Mapping:
        """The bench's mapping with other parts."""
        return dataclasses.replace(self.mapping, **parts)  # type: ignore[arg-type]  # a test's own business
