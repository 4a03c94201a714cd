"""Keeps scheduled syncs within the month's calls.

What a run has cost lately says how the month will end. Before a quota would, syncs come less often, spread over the days left;
sweeps, and whatever people ask for, are never held back.
"""

import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bridge.core.budget import Forecast, Need, month_end
from bridge.core.mapping import Mapping
from bridge.ports import Clock, RunState, RunTotal, Store
from bridge.service.order import Kind
from bridge.service.schedule import Duty, Timetable, Work, last_begun

_LOOK_BACK = dt.timedelta(days=14)
"""What a run has cost lately says what the next one will; older runs may be of another size."""
_SLACK = 0.95
"""A sync that comes this much of its spacing after the last one is not put off to the next firing."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Knows what scheduled runs will cost.

    `base_of` names a mapping's base; `quota` is what each base may be called in a month (UTC), None without a cap.
    """

    store: Store
    clock: Clock
    base_of: Callable[[Mapping], str]
    quota: int | None

    def forecasts(self, mappings: Sequence[Mapping], timetable: Timetable) -> list[Forecast]:
        """How the month will end for every base of these mappings, by base."""
        now, totals = self.clock(), self.store.runs.totals(since=self.clock() - _LOOK_BACK)
        needs: dict[str, list[Need]] = {}
        for mapping in mappings:
            mine = needs.setdefault(self.base_of(mapping), [])
            mine.extend(
                Need(
                    mapping=mapping.name,
                    sweep=work is Work.SWEEP,
                    runs=timetable.count(Duty(work, mapping.name), now, month_end(now)),
                    calls_each=_typical(totals, mapping.name, kind),
                )
                for work, kind in ((Work.SWEEP, Kind.SWEEP), (Work.SYNC, Kind.DELTA))
            )
        return [
            Forecast(base=base, quota=self.quota, used=self.store.calls.used(base, f"{now:%Y-%m}"), needs=tuple(mine))
            for base, mine in sorted(needs.items())
        ]

    def puts_off(self, duty: Duty, mappings: Sequence[Mapping], timetable: Timetable) -> Forecast | None:
        """The forecast for whose sake this sync is left to a later firing; None: let it run."""
        if duty.work is not Work.SYNC or self.quota is None:
            return None
        now = self.clock()
        for forecast in self.forecasts(mappings, timetable):
            for need in forecast.needs:
                if need.mapping == duty.mapping and not need.sweep and forecast.share < 1:
                    spacing = forecast.spacing(need, month_end(now) - now)
                    begun = last_begun(self.store.runs.totals(), duty)
                    if begun is not None and (spacing is None or now - begun < spacing * _SLACK):
                        return forecast
        return None


def _typical(totals: Sequence[RunTotal], mapping: str, kind: Kind) -> int:
    """The calls that a run of this kind has taken on average; 0 if none has ended well yet."""
    good = [
        each for each in totals if (each.mapping, each.kind) == (mapping, kind) and each.state in (RunState.DONE, RunState.HELD)
    ]
    runs = sum(each.runs for each in good)
    return math.ceil(sum(each.counts["airtable_calls"] for each in good) / runs) if runs else 0
