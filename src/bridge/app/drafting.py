"""Look at one entity and one table with nothing to go by, and propose how they could be mapped. Writes nothing anywhere.

Bounded: so many rows of the table, what identifies so many CiviCRM records, and by id the rest of those that belong together.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from bridge.core.linking import Linked, first_links, may_be_key
from bridge.core.mapping import AirtableSource, CivicrmSource, Field, FieldType, Mode, Related
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.proposal import Proposal, propose
from bridge.core.record import PerSide, Row, Side
from bridge.core.sight import Sight
from bridge.core.survey import Candidate, Sample, candidate
from bridge.errors import AuthRejected, ConfigError
from bridge.ports import Progress, silent
from bridge.service.gather import both

if TYPE_CHECKING:
    from bridge.airtable.schema import Table
    from bridge.app import App

ROWS = 500
"""Airtable rows that are looked at: five calls."""

RECORDS = 20_000
"""CiviCRM records of which what identifies them is looked at: forty pages."""

LinksTo = Mapping[str, str]
"""Paths of a side, each with what it links to (an entity, a table's name) or an empty text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is to be mapped; `base` as a mapping names it."""

    entity: str
    base: str
    table: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """A proposal and what it is about. `related` may be needed by its paths; `unread` columns (name, kind) are left out."""

    place: Place
    proposal: Proposal
    related: tuple[Related, ...]
    unread: tuple[tuple[str, str], ...]


def bases(bridge: "App") -> list[str]:
    """The aliases of the bases there are. Raises ConfigError where none is set."""
    if found := sorted(bridge.settings.airtable.bases):
        return found
    raise ConfigError("No Airtable base is known.", next_step="set BRIDGE_AIRTABLE__BASES__<ALIAS> to the base's id (app…).")


def tables(bridge: "App", base: str) -> "list[Table]":
    """The tables of a base."""
    from bridge.airtable.schema import read_tables

    return read_tables(bridge.airtable.tables(bridge.base_id(_reading(Place(entity="Contact", base=base, table="none")))))


def draft(bridge: "App", place: Place, *, rows: int = ROWS, records: int = RECORDS, progress: Progress = silent) -> Drafted:
    """What a mapping of these two could be. Raises ConfigError for a table there is not."""
    with bridge.one_run():
        there = tables(bridge, place.base)
        table = next((each for each in there if place.table in (each.name, each.id)), None)
        if table is None:
            names = ", ".join(f"`{each.name}`" for each in there)
            raise ConfigError(f"The base {place.base} has no table `{place.table}`.", next_step=f"choose one of {names}.")
        columns = {each.name: next((one.name for one in there if one.id == each.links_to), "") for each in table.columns}
        wide, candidates = _look(bridge, place, columns)
        sample, first = _sample(bridge, wide, candidates, PerSide(records, rows), progress)
    known = {each.path for each in candidates.airtable}
    return Drafted(
        place=place,
        proposal=propose(sample, candidates, first),
        related=tuple(wide.civicrm.related.values()),
        unread=tuple((each.name, each.kind) for each in table.columns if each.name not in known),
    )


def _look(bridge: "App", place: Place, columns: LinksTo) -> tuple[FieldMapping, PerSide[Sequence[Candidate]]]:
    """A mapping that reads all that is considered, and what both sides show of it; no memberships where none may be seen."""
    from bridge.civicrm.schema import CONTACTS, Schema
    from bridge.civicrm.survey import MEMBERSHIP, SUB_TYPE, paths

    contact = place.entity in CONTACTS
    memberships = contact
    while True:
        found = paths(Schema(bridge.civicrm), place.entity, memberships=memberships)
        asked = PerSide[Iterable[str]]([*found, SUB_TYPE] if contact else found, columns)
        wide = _reading(place, asked, [MEMBERSHIP] if memberships else [])
        try:
            sights = _sights(bridge, wide)
        except AuthRejected:
            if not memberships:
                raise
            memberships = False
        else:
            return wide, PerSide(_candidates(sights.civicrm, found), _candidates(sights.airtable, columns))


def _sights(bridge: "App", mapping: FieldMapping) -> PerSide[Sight]:
    remotes = bridge.remotes(mapping)
    return both(lambda side: remotes[side].sight({}))


def _candidates(sight: Sight, paths: LinksTo) -> Sequence[Candidate]:
    seen = [(sight.fields[path], links_to) for path, links_to in paths.items() if path in sight.fields]
    return [made for each, links_to in seen if (made := candidate(sight.side, each, links_to)) is not None]


def _sample(
    bridge: "App", wide: FieldMapping, candidates: PerSide[Sequence[Candidate]], most: PerSide[int], progress: Progress
) -> tuple[Sample, Linked]:
    """Rows of both sides and which belong together. Of a CiviCRM record that no row belongs to, only what identifies it."""
    place = Place(entity=wide.civicrm.entity, base=wide.airtable.base, table=wide.airtable.table)
    telling = [
        each for each in candidates.civicrm if may_be_key(each.type) and each.path.partition(".")[0] not in wide.civicrm.related
    ]
    narrow = _reading(place, PerSide([each.path for each in telling], [each.path for each in candidates.airtable]))
    remotes = bridge.remotes(narrow)
    both(lambda side: remotes[side].sight({}))
    rows = both(lambda side: remotes[side].sample(most[side], progress))
    first = first_links(Sample(rows=rows), PerSide(telling, candidates.airtable))
    reader = bridge.remotes(wide).civicrm
    reader.sight({})
    whole = reader.read([rows.civicrm[here].id for here, _ in first])
    known = {id_: found.row for id_, found in whole.items() if found.row is not None}
    merged = [
        msgspec.structs.replace(row, values={**row.values, **known[row.id].values}) if row.id in known else row
        for row in rows.civicrm
    ]
    return Sample(rows=PerSide[Sequence[Row]](merged, rows.airtable)), first


def _reading(place: Place, paths: PerSide[Iterable[str]] = PerSide((), ()), related: Iterable[Related] = ()) -> FieldMapping:
    """A mapping that only reads these paths, as text: what they are is found out by it."""
    fields: dict[str, Field] = {}
    for side, each in paths:
        for path in each:
            at = PerSide[str | None](path, None) if side is Side.CIVICRM else PerSide[str | None](None, path)
            fields[f"{side}:{path}"] = Field(name=f"{side}:{path}", at=at, type=FieldType.TEXT)
    return FieldMapping(
        name="draft",
        title={"en": "draft"},
        mode=Mode.OBSERVE,
        civicrm=CivicrmSource(entity=place.entity, related={each.alias: each for each in related}),
        airtable=AirtableSource(base=place.base, table=place.table),
        match=(),
        fields=fields,
        file="a draft",
    )
