"""Rows of other entities, pulled in bulk and joined to their records here: one picked, counted or summed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bridge.civicrm.client import Call
from bridge.civicrm.pages import Rows, scope
from bridge.core.mapping import Pick, Related
from bridge.core.record import Json

ITSELF = ""
"""The key, in `Row.extra`, of the record's own standing where the record is a membership; related rows use their alias."""

SEVERAL = frozenset({"target_contact_id", "assignee_contact_id"})
"""Fields of activities that hold several ids: read as a list (of texts on 5.78), and never tried as a condition."""

_REACHED = frozenset({"Address", "Email", "IM", "Phone", "Website"})
"""How a contact is reached: any write to these moves the date of the contact."""

MEMBERSHIP_STANDING = ("contact_id", "owner_membership_id", "is_override", "status_id", "status_id:name")
"""What the recipes for memberships need to know of a row."""


@dataclass(frozen=True, slots=True)
class Join:
    """One related entity of a mapping, and the paths on it that the mapping reads."""

    related: Related
    paths: tuple[str, ...]

    @property
    def select(self) -> list[str]:
        """The fields to ask for, besides the id."""
        wanted = {self.related.by}
        wanted.update(filter(None, (self.related.sum, self.related.set)))
        if (pick := self.related.pick) is not None:
            wanted.update(self.paths, pick.prefer, filter(None, (pick.latest, pick.earliest)))
            if self.related.entity == "Membership":
                wanted.update(MEMBERSHIP_STANDING)
        return sorted(wanted)

    @property
    def moves_date(self) -> bool:
        """Whether the contact's `modified_date` moves with all that is read here: not with what is joined or custom."""
        asked = [each[0] if isinstance(each, list) and each else "." for each in self.related.where]
        plain = all("." not in name for name in (*self.select, *map(str, asked)))
        return self.related.entity in _REACHED and self.related.by == "contact_id" and plain

    @property
    def where(self) -> list[Json]:
        """Which rows count."""
        whose: list[Json] = [] if self.related.by in SEVERAL else [[self.related.by, "IS NOT NULL"]]
        return [*scope(self.related.entity, self.related.where), *whose]

    def of(self, ids: Sequence[int]) -> list[Json]:
        """Which rows count and belong to these records; where they cannot be asked by whom they belong to, all that count."""
        return self.where if self.related.by in SEVERAL else [*self.where, [self.related.by, "IN", list(ids)]]

    def call(self, ids: Sequence[int]) -> Call:
        """The read of those that belong to these records."""
        params = {"select": ["id", *self.select], "where": self.of(ids), "orderBy": {"id": "ASC"}}
        return Call(self.related.entity, "get", params)

    def sample(self) -> Call:
        """The read of one of them, just as a pull reads it."""
        return Call(self.related.entity, "get", {"select": ["id", *self.select], "where": self.where, "limit": 1})

    def group(self, rows: Rows) -> dict[str, Rows]:
        """`rows` by the id of the record they belong to."""
        found: dict[str, Rows] = defaultdict(list)
        for row in rows:
            whose = row[self.related.by]
            for each in whose if isinstance(whose, list) else [whose]:
                if each is not None:
                    found[str(each)].append(row)
        return found

    def values(self, rows: Rows) -> dict[str, Json]:
        """What one record's related rows put at the mapping's paths."""
        alias = self.related.alias
        if self.related.count:
            return {alias: len(rows)}
        if self.related.sum is not None:
            return {alias: str(total(row[self.related.sum] for row in rows))}
        if self.related.set is not None:
            found = {str(row[self.related.set]) for row in rows if row[self.related.set] is not None}
            return {alias: list[Json](sorted(found))}
        row = picked(self.related.pick or Pick(), rows)
        return {f"{alias}.{path}": row[path] if row else None for path in self.paths}

    def keep(self, rows: Rows) -> dict[str, Json]:
        """What a later write to the picked row needs, under the alias; nothing where no row is picked."""
        if self.related.pick is None or (row := picked(self.related.pick, rows)) is None:
            return {}
        return {self.related.alias: standing(self.related.entity, row)}


_BEYOND = 0x110000
"""Above every character."""


def standing(entity: str, row: Mapping[str, Any]) -> dict[str, Json]:
    """The id of a row and, of a membership, what its recipes need."""
    wanted = MEMBERSHIP_STANDING if entity == "Membership" else ()
    return {name: row[name] for name in ("id", *wanted)}


def picked(pick: Pick, rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The row that is meant: best by preference, then latest (no end is latest of all) or earliest, then the highest id."""
    return min(rows, key=lambda row: (*_preference(pick, row), _lateness(pick, row), -row["id"]), default=None)


def total(values: Iterable[Any]) -> Decimal:
    """The exact sum of money as CiviCRM sends it: numbers of JSON, of which the shortest text is the amount."""
    return sum((Decimal(str(value)) for value in values if value is not None), Decimal(0))


def _preference(pick: Pick, row: Mapping[str, Any]) -> tuple[int, ...]:
    """For each preferred path, how far down its list the row's value stands."""
    ranks = []
    for path, best in pick.prefer.items():
        ranks.append(next((rank for rank, value in enumerate(best) if _same(row[path], value)), len(best)))
    return tuple(ranks)


def _same(found: Json, wanted: Json) -> bool:
    """Equality that does not take 1 for true."""
    return found == wanted and isinstance(found, bool) == isinstance(wanted, bool)


def _lateness(pick: Pick, row: Mapping[str, Any]) -> tuple[int, ...]:
    """Sorts later dates first, or earlier ones, as ISO text by its characters.

    No end is later than any; another date that is blank is earlier than any for `latest`, and later than any for `earliest`.
    """
    if pick.earliest is not None:
        return tuple(map(ord, str(row[pick.earliest] or chr(_BEYOND - 1))))
    if pick.latest is None:
        return ()
    if not (text := str(row[pick.latest] or "")):
        return (-_BEYOND,) if pick.latest.endswith("end_date") else (_BEYOND,)
    return tuple(-ord(character) for character in text)
