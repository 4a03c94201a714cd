"""The guard: the rules that clear a plan or hold it until a person approves its digest.

Every rule is judged and every breach told, each with the setting that lifts it: a guard whose thresholds cannot be found gets
switched off.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bridge.core.mapping import Limit, Mapping
from bridge.core.plan import Action, Breach, Change, Population
from bridge.core.record import PerSide, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the guard judges a plan's changes against.

    `seen` are the ids of each side's records. `whole` is false for a delta or a single record, from which nothing can be said
    about populations. `quota_left` are the Airtable calls left this month, None where the plan has no quota.
    """

    population: Population
    seen: PerSide[Collection[str]]
    calls: PerSide[int]
    whole: bool = True
    quota_left: int | None = None
    mapping_changed: bool = False
    scope_changed: bool = False


def judge(mapping: Mapping, changes: Collection[Change], facts: Circumstances) -> tuple[Breach, ...]:
    """Every guard rule that these changes break, none if the plan may go ahead."""
    return (*_sources(mapping, facts), *_changes(mapping, changes, facts), *_circumstances(mapping, changes, facts))


def _setting(mapping: Mapping, key: str, value: object) -> str:
    return f"guard.{key} in {_file(mapping)} (now {value})"


def _file(mapping: Mapping) -> str:
    """Where the mapping is written, or its name where it is in no file."""
    return mapping.file or mapping.name


def _percent(share: float) -> str:
    return f"{share * 100:g} %"


def _sources(mapping: Mapping, facts: Circumstances) -> Iterator[Breach]:
    """An empty or shrunken source, or a canary that was not seen: more likely a broken pull than the truth."""
    if not facts.whole:
        return
    shrink = mapping.guard.shrink
    for side, now in facts.population.now:
        last = facts.population.last[side]
        if now == 0:
            yield Breach(
                rule="empty",
                message=f"{side.title} answered with no records at all.",
                setting=f"{side.value}.where in {_file(mapping)}, or the credential's permissions",
            )
        elif last is not None and now < last * (1 - shrink):
            fewer = _percent(1 - now / last)
            yield Breach(
                rule="shrink",
                message=f"{side.title} has 1 record, {last} at the last complete sweep: {fewer} fewer."
                if now == 1
                else f"{side.title} has {now} records, {last} at the last complete sweep: {fewer} fewer.",
                setting=_setting(mapping, "shrink", _percent(shrink)),
            )
        missing = [canary for canary in mapping.guard.canaries[side] if canary not in facts.seen[side]]
        if missing:
            yield Breach(
                rule="canary",
                message=f"{side.title} did not show {', '.join(missing)}, which must always be seen.",
                setting=_setting(mapping, f"canaries.{side.value}", ", ".join(mapping.guard.canaries[side])),
            )


def _changes(mapping: Mapping, changes: Collection[Change], facts: Circumstances) -> Iterator[Breach]:
    for side, population in _populations(facts):
        here = [change for change in changes if change.side is side]
        updates = sum(change.action is Action.UPDATE for change in here)
        yield from _limit(mapping, side, "updates", updates, population, mapping.guard.updates)
        yield from _limit(mapping, side, "creates", len(here) - updates, population, mapping.guard.creates)
        clears = sum(cell.clears for change in here for cell in change.cells)
        yield from _limit(mapping, side, "clears", clears, population, mapping.guard.clears)


def _populations(facts: Circumstances) -> PerSide[int]:
    """How many records each side has. A partial pull does not tell, so there the last complete one counts, if it is more."""
    now, last = facts.population.now, facts.population.last
    return now if facts.whole else PerSide.of(lambda side: max(now[side], last[side] or 0))


_TO_DO = {
    "updates": ("record to update", "records to update"),
    "creates": ("record to create", "records to create"),
    "clears": ("cell to clear", "cells to clear"),
}


def _limit(mapping: Mapping, side: Side, what: str, found: int, population: int, limit: Limit) -> Iterator[Breach]:
    one, many = _TO_DO[what]
    if limit.count is not None and found > limit.count:
        yield Breach(
            rule=f"{what}.count",
            message=f"{found} {one if found == 1 else many} in {side.title}, at most {limit.count} without a person.",
            setting=_setting(mapping, f"{what}.count", limit.count),
        )
    if limit.share is not None and population and population >= limit.floor and found > limit.share * population:
        yield Breach(
            rule=f"{what}.share",
            message=f"{found} of {population} {one if population == 1 else many} in {side.title}: "
            f"{_percent(round(found / population, 3))}, "
            f"at most {_percent(limit.share)} without a person.",
            setting=_setting(mapping, f"{what}.share", _percent(limit.share)),
        )


def _circumstances(mapping: Mapping, changes: Collection[Change], facts: Circumstances) -> Iterator[Breach]:
    approve = f"approve this plan; nothing in {_file(mapping)} lifts it"
    if changes and facts.scope_changed:
        yield Breach(
            rule="scope",
            message="What is pulled or how it is matched changed since the last run; review the changes once.",
            setting=approve,
        )
    elif changes and facts.mapping_changed:
        yield Breach(
            rule="mapping",
            message="The mapping changed since the last run; review the changes once.",
            setting=approve,
        )
    if facts.quota_left is not None and facts.calls.airtable > facts.quota_left:
        yield Breach(
            rule="quota",
            message=f"Applying needs up to {facts.calls.airtable} Airtable calls, {facts.quota_left} are left this month.",
            setting="BRIDGE_AIRTABLE__PLAN, or wait for the first of the month",
        )
