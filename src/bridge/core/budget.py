"""What the month's calls are enough for: sweeps first, then syncs, with a reserve for what people ask for and for writes."""

import datetime as dt
from dataclasses import dataclass
from fractions import Fraction

RESERVE = Fraction(1, 10)
"""The share of a quota that scheduled syncs leave alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Scheduled runs of one mapping and kind until the month ends: how many, and the calls one has typically taken."""

    mapping: str
    sweep: bool
    runs: int
    calls_each: int

    @property
    def calls(self) -> int:
        """The calls of all of them."""
        return self.runs * self.calls_each


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How a base's month will end if every run is made as scheduled. `quota` is None where there is no cap."""

    base: str
    quota: int | None
    used: int
    needs: tuple[Need, ...] = ()

    @property
    def expected(self) -> int:
        """The calls at the month's end."""
        return self.used + sum(need.calls for need in self.needs)

    @property
    def share(self) -> Fraction:
        """The share of the scheduled syncs that there are calls for, 0 to 1. What sweeps need and the reserve are kept back."""
        syncs = sum(need.calls for need in self.needs if not need.sweep)
        if self.quota is None or not syncs:
            return Fraction(1)
        kept = self.quota * RESERVE + sum(need.calls for need in self.needs if need.sweep)
        return min(Fraction(1), max(Fraction(0), (self.quota - self.used - kept) / syncs))

    @property
    def stretched(self) -> tuple[str, ...]:
        """The mappings whose syncs would overrun the month and therefore come less often."""
        return () if self.share == 1 else tuple(need.mapping for need in self.needs if not need.sweep and need.calls)

    def spacing(self, need: Need, left: dt.timedelta) -> dt.timedelta | None:
        """The time between two syncs that lasts until the month's end, `left` from now; None: none can be afforded."""
        runs = need.runs * self.share
        return left / float(runs) if runs else None


def month_end(now: dt.datetime) -> dt.datetime:
    """The first of next month, UTC: quotas begin anew then."""
    now = now.astimezone(dt.UTC)
    return dt.datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=dt.UTC)
