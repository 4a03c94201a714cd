"""From YAML files to the core's mappings: every problem of every file at once, or all of them checked and in order."""

import dataclasses
import datetime as dt
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Map
from pathlib import Path

from bridge.config.draft import Draft, draft
from bridge.config.fields import read_fields
from bridge.config.figures import read_figures
from bridge.config.matching import check_add, check_creates, read_create_when, read_match
from bridge.config.problems import Place, Problems, expected, suggest
from bridge.config.reporting import check_boards, read_report
from bridge.config.rules import read_examples, read_rules, read_text
from bridge.config.shape import LimitShape, SlotShape
from bridge.config.sources import read_airtable, read_civicrm
from bridge.core.mapping import GuardLimits, Limit, Mapping, Unmatched
from bridge.core.record import Json, PerSide, Side
from bridge.core.timing import Schedule, Slot


def load(source: Path, *, timezone: str = "UTC") -> tuple[Mapping, ...]:
    """The mappings of a folder's `*.yaml` files, or of one file, parents before the mappings that refer to them.

    `timezone` is that of mappings without a schedule. Raises ConfigError with every problem of every file, each at its place.
    """
    problems = Problems()
    drafts = [made for file in _files(source, problems) if (made := draft(file, problems)) is not None]
    _check_names(drafts)
    _check_references(drafts)
    check_boards(drafts)
    mappings = [_mapping(each, timezone) for each in drafts]
    problems.raise_if_any()
    return _parents_first(mappings)


def _files(source: Path, problems: Problems) -> list[Path]:
    """The files to read, sorted by name."""
    place = Place(str(source))
    if source.is_file():
        return [source]
    if not source.is_dir():
        problems.add(place, "expected a folder of mappings or one mapping file, found nothing there.", "Set BRIDGE_MAPPINGS.")
        return []
    for file in sorted(source.glob("*.yml")):
        problems.add(
            Place(str(file)), "expected the ending .yaml, found .yml.", "Rename the file, or move it out of the folder."
        )
    files = sorted(source.glob("*.yaml"))
    if not files:
        problems.add(
            place,
            "expected at least one *.yaml file, found none.",
            "Write one as mappings/README.md shows, or copy one that comes with bridge.",
        )
    return files


def _mapping(made: Draft, timezone: str) -> Mapping:
    """The mapping of one draft; what is wrong with its meaning is added to the draft's problems."""
    shape = made.shape
    civicrm, airtable = read_civicrm(made), read_airtable(made)
    fields = read_fields(made, civicrm)
    match = read_match(made, fields)
    check_creates(made, PerSide(civicrm, airtable), match, fields)
    check_add(made, civicrm.related)
    mapping = Mapping(
        name=shape.mapping,
        title=read_text(shape.title) or {"en": shape.mapping},
        mode=shape.mode,
        civicrm=civicrm,
        airtable=airtable,
        match=match,
        fields=fields,
        unmatched=PerSide(shape.unmatched.civicrm, shape.unmatched.airtable),
        create_when=read_create_when(made, fields),
        otherwise=Unmatched(shape.unmatched.otherwise or Unmatched.REPORT),
        rules=read_rules(made, fields),
        figures=read_figures(made, fields),
        guard=_guard(made),
        schedule=_schedule(made),
        report=read_report(made),
        timezone=shape.schedule.timezone if shape.schedule else timezone,
        file=made.tree.file,
    )
    paths = PerSide.of(lambda side: mapping.paths(side) | _asked(mapping, side))
    examples = read_examples(made, civicrm, fields, paths)
    return dataclasses.replace(mapping, examples=examples, scope_digest=scope_digest(mapping), digest=digest(mapping))


def _asked(mapping: Mapping, side: Side) -> frozenset[str]:
    """The paths that the scope's conditions ask."""
    where = mapping.civicrm.where if side is Side.CIVICRM else mapping.airtable.where
    return frozenset(str(each[0]) for each in where if isinstance(each, list) and each)


def _guard(made: Draft) -> GuardLimits:
    """The limits written, and the defaults of those that are not: leaving a key out never lifts a limit."""
    shape, defaults = made.shape.guard, GuardLimits()
    canaries = shape.canaries
    return GuardLimits(
        updates=_limit(shape.updates, defaults.updates),
        creates=_limit(shape.creates, defaults.creates),
        clears=_limit(shape.clears, defaults.clears),
        shrink=defaults.shrink if shape.shrink is None else shape.shrink,
        canaries=PerSide(tuple(map(str, canaries.civicrm)), tuple(canaries.airtable)) if canaries else defaults.canaries,
    )


def _limit(shape: LimitShape | None, default: Limit) -> Limit:
    return default if shape is None else dataclasses.replace(default, **shape.model_dump(exclude_none=True))


def _schedule(made: Draft) -> Schedule | None:
    shape = made.shape.schedule
    if shape is None:
        return None
    return Schedule(
        timezone=shape.timezone,
        sync=_slot(made, "sync", shape.sync),
        sweep=_slot(made, "sweep", shape.sweep),
        digest=_slot(made, "digest", shape.digest),
        closed=tuple(shape.closed),
    )


def _slot(made: Draft, name: str, shape: SlotShape | None) -> Slot | None:
    if shape is None:
        return None
    trail = ("schedule", name)
    ways = [way for way in ("every", "at", "crontab") if getattr(shape, way) is not None]
    if len(ways) != 1:
        found = " and ".join(f"`{way}`" for way in ways) or "none"
        made.add(trail, f"expected exactly one of `every`, `at` and `crontab`, found {found}.", key=True)
    if shape.between is not None and shape.every is None:
        made.add((*trail, "between"), "`between` goes with `every`; found it without.", "Remove it.", key=True)
    if shape.on is not None and shape.crontab is not None:
        made.add(
            (*trail, "on"), "expected the days in the crontab's fifth field, found `on` beside it.", "Remove it.", key=True
        )
    if shape.every is not None and not dt.timedelta(minutes=1) <= shape.every <= dt.timedelta(days=1):
        made.add(
            (*trail, "every"), "expected a period from `1m` to `24h`, found another.", "Use `at` for what runs once a day."
        )
    days = shape.on or Slot().days
    return Slot(every=shape.every, between=shape.between, at=shape.at, crontab=shape.crontab, days=days)


# ── what files mean together ──


def _check_names(drafts: Sequence[Draft]) -> None:
    """No two files have one name."""
    by_name: dict[str, Draft] = {}
    for made in drafts:
        name = made.shape.mapping
        if name in by_name and not made.is_broken(("mapping",)):
            first = by_name[name].tree.place(("mapping",))
            made.add(("mapping",), expected("a name no other file has", name), f"It is also at {first}.")
        by_name.setdefault(name, made)


def _check_references(drafts: Sequence[Draft]) -> None:
    """Every `to` names a mapping, and references do not go in a circle."""
    names = [made.shape.mapping for made in drafts if not made.is_broken(("mapping",))]
    unnamed = len(names) < len(drafts)
    parents: dict[str, dict[str, str]] = defaultdict(dict)
    for made in drafts:
        for field, shape in made.shape.fields.items():
            if shape.to is None:
                continue
            if shape.to in names:
                parents[made.shape.mapping].setdefault(shape.to, field)
            elif not unnamed:
                what = expected("the name of a mapping in this folder", shape.to)
                made.add(("fields", field, "to"), what, suggest(shape.to, names, kind="Mappings"))
    for made in drafts:
        name = made.shape.mapping
        circle = _circle(name, parents)
        if circle and name == min(circle):
            what = f"references go in a circle: {' → '.join([*circle, name])}."
            made.add(("fields", parents[name][[*circle, name][1]], "to"), what, "One of them must be read another way.")


def _circle(start: str, parents: Map[str, Iterable[str]]) -> list[str]:
    """The shortest way from `start` over its parents back to itself (a reference to itself is none), or nothing."""
    ways = [[start]]
    seen = {start}
    for way in ways:
        for parent in sorted(parents.get(way[-1], ())):
            if parent == start and len(way) > 1:
                return way
            if parent not in seen:
                seen.add(parent)
                ways.append([*way, parent])
    return []


def _parents_first(mappings: Iterable[Mapping]) -> tuple[Mapping, ...]:
    """By name, but each after all that it depends on."""
    waiting = {each.name: each for each in sorted(mappings, key=lambda each: each.name)}
    ordered: list[Mapping] = []
    while waiting:
        ready = next(each for each in waiting.values() if not each.depends_on & waiting.keys())
        ordered.append(waiting.pop(ready.name))
    return tuple(ordered)


# ── digests ──


def scope_digest(mapping: Mapping) -> str:
    """A digest of which records are seen and how they are matched: entity, table, conditions, match rules."""
    civicrm, airtable = mapping.civicrm, mapping.airtable
    return _digest(
        {
            "civicrm": [civicrm.entity, _unordered(civicrm.where)],
            "airtable": [airtable.base, airtable.table, _unordered(airtable.where)],
            "match": _plain(mapping.match),
        }
    )


def digest(mapping: Mapping) -> str:
    """A digest of everything that can change a plan; of no sentence, title, schedule, limit, channel or example."""
    rules = [dataclasses.replace(rule, say={}, do={}, owner=None, due=None) for rule in mapping.rules]
    return _digest(
        {
            "scope": scope_digest(mapping),
            "name": mapping.name,
            "related": _plain(mapping.civicrm.related),
            "fields": _plain(mapping.fields),
            "unmatched": _plain(mapping.unmatched),
            "create_when": _plain([mapping.create_when, mapping.otherwise]),
            "rules": _plain(sorted(rules, key=lambda rule: rule.name)),
            "timezone": mapping.timezone,
        }
    )


def _digest(value: Json) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _unordered(where: Iterable[Json]) -> list[Json]:
    """Conditions that all must hold, in an order of their own."""
    return sorted((_plain(each) for each in where), key=lambda each: json.dumps(each, sort_keys=True))


_TITLE = "title"


def _plain(value: object) -> Json:
    """`value` as JSON in one form only: sets sorted, kinds of a union named, everything else as text; titles left out."""
    match value:
        case None | bool() | int() | float():
            return value
        case set() | frozenset():
            return [*sorted(map(str, value))]
        case list() | tuple():
            return [_plain(each) for each in value]
        case Map():
            return {str(key): _plain(each) for key, each in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = (each.name for each in dataclasses.fields(value) if each.name != _TITLE)
        parts = {name: _plain(getattr(value, name)) for name in named}
        return {"kind": type(value).__name__, "parts": parts}
    return str(value)
